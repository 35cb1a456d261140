/* SPDX-License-Identifier: Apache-2.0 */
/* When the lease is renewed, what is sent, and what happens when that fails. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "plugin/base/json.h"
#include "plugin/sandbox/lease.h"
#include "tests/unit/fake_server.h"

#define PATH "/apis/agents.x-k8s.io/v1beta1/namespaces/n/sandboxes/x"

static void dates(void **state)
{
	ASB_TEXT epoch = asb_lease_rfc3339(0);
	ASB_TEXT leap = asb_lease_rfc3339(1709210096789);

	(void)state;
	assert_string_equal(epoch, "1970-01-01T00:00:00Z");
	assert_string_equal(leap, "2024-02-29T12:34:56Z");
}

/* Never earlier than asked for, at most two seconds later; in the server's time. */
static void shutdown_time(void **state)
{
	static const int64_t offsets[] = {0, 5000, -3600000};

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		time_t before = time(NULL) + (time_t)(offsets[i] / 1000);
		ASB_TEXT text = asb_lease_shutdown_time(60000, offsets[i]);
		struct tm tm = {0};
		time_t end;

		assert_non_null(strptime(text, "%Y-%m-%dT%H:%M:%SZ", &tm));
		end = timegm(&tm);
		assert_true(end >= before + 60);
		assert_true(end <= before + 60 + 3);
	}
}

static void a_third_of_the_way(void **state)
{
	struct asb_lease lease;

	(void)state;
	asb_lease_init(&lease, PATH, 60000, true, 1000);
	assert_false(asb_lease_due(&lease, 1000));
	assert_false(asb_lease_due(&lease, 20999));
	assert_true(asb_lease_due(&lease, 21000));
	assert_int_equal(asb_lease_timeout(&lease, 1000), 20000);
	assert_int_equal(asb_lease_timeout(&lease, 50000), 0);
	assert_int_equal(lease.end_ms, 61000);

	/* the answer came 5 s after the question: what counts is the question */
	asb_lease_asked(&lease, 21000);
	asb_lease_granted(&lease);
	assert_int_equal(lease.end_ms, 81000);
	assert_false(asb_lease_due(&lease, 40999));
	assert_true(asb_lease_due(&lease, 41000));
	asb_lease_release(&lease, NULL);
}

/* However it fails, there are several tries before the end, and never a busy loop. */
static void failures_are_tried_again(void **state)
{
	static const int64_t lengths[] = {6000, 10000, 60000, 300000};

	(void)state;
	for (size_t i = 0; i < 4; i++) {
		struct asb_lease lease;
		int64_t now;
		int tries = 0;

		asb_lease_init(&lease, PATH, lengths[i], true, 0);
		for (now = lease.due_ms; now < lease.end_ms; now = lease.due_ms) {
			assert_true(asb_lease_due(&lease, now));
			asb_lease_asked(&lease, now);
			asb_lease_failed(&lease, now);
			assert_true(lease.due_ms >= now + 1000);
			tries++;
		}
		assert_true(tries >= 4);
		assert_true(tries <= 12);
		asb_lease_release(&lease, NULL);
	}
}

static void success_forgets_failures(void **state)
{
	struct asb_lease lease;

	(void)state;
	asb_lease_init(&lease, PATH, 60000, true, 0);
	asb_lease_failed(&lease, 20000);
	asb_lease_failed(&lease, 21000);
	assert_int_equal(lease.failures, 2);
	asb_lease_asked(&lease, 23000);
	asb_lease_granted(&lease);
	assert_int_equal(lease.failures, 0);
	assert_int_equal(lease.due_ms, 43000);
	asb_lease_release(&lease, NULL);
}

static void a_fixed_lease_is_never_due(void **state)
{
	struct asb_lease lease;

	(void)state;
	asb_lease_init(&lease, PATH, 60000, false, 0);
	assert_false(asb_lease_due(&lease, 59999));
	assert_int_equal(asb_lease_timeout(&lease, 59999), -1);
	asb_lease_release(&lease, NULL);
}

/* --- against a server --- */

struct world {
	struct fake_server server;
	struct asb_kubeconfig kubeconfig;
	struct asb_http *http;
	int status; /* of the answers */
	char method[16], path[256], type[64], body[256];
};

static bool answer(void *context, const struct fake_request *request)
{
	struct world *world = context;
	ASB_TEXT type = fake_header(request, "Content-Type");

	snprintf(world->method, sizeof(world->method), "%s", request->method);
	snprintf(world->path, sizeof(world->path), "%.255s", request->path);
	snprintf(world->type, sizeof(world->type), "%s", type != NULL ? type : "");
	snprintf(world->body, sizeof(world->body), "%.*s", (int)request->body_length,
		 request->body);
	fake_answer(request, world->status, "",
		    world->status == 200
			    ? "{}"
			    : "{\"kind\":\"Status\",\"status\":\"Failure\",\"message\":\"no\"}");
	return true;
}

static void open_world(struct world *world, int status)
{
	struct asb_error err = ASB_ERROR_INIT;

	memset(world, 0, sizeof(*world));
	world->status = status;
	fake_start(&world->server, answer, world);
	world->kubeconfig.server = world->server.url;
	world->http = asb_http_new(&world->kubeconfig, &err);
	assert_non_null(world->http);
}

static void close_world(struct world *world, struct asb_lease *lease)
{
	asb_lease_release(lease, world->http);
	asb_http_free(world->http);
	fake_stop(&world->server);
}

/* Steps until a renewal has been sent and answered. */
static int renew(struct world *world, struct asb_lease *lease, struct asb_error *err)
{
	int rc = asb_lease_step(lease, world->http, err);
	int64_t deadline = asb_lease_clock_ms() + 10000;

	assert_true(lease->running);
	while (rc == 0 && lease->running) {
		assert_true(asb_lease_clock_ms() < deadline);
		assert_int_equal(asb_http_poll(world->http, NULL, 0, 1000, err), 0);
		rc = asb_lease_step(lease, world->http, err);
	}
	return rc;
}

static void what_is_sent(void **state)
{
	struct world world;
	struct asb_lease lease;
	struct asb_error err = ASB_ERROR_INIT;
	ASB_JSON patch = NULL;

	(void)state;
	open_world(&world, 200);
	asb_lease_init(&lease, PATH, 60000, true, asb_lease_clock_ms() - 30000);
	assert_int_equal(renew(&world, &lease, &err), 0);
	assert_string_equal(world.method, "PATCH");
	assert_string_equal(world.path, PATH);
	assert_string_equal(world.type, "application/merge-patch+json");
	patch = asb_json_parse(world.body, strlen(world.body), &err);
	assert_non_null(asb_json_string(patch, "spec/shutdownTime"));
	assert_int_equal(cJSON_GetArraySize(patch), 1);
	assert_int_equal(cJSON_GetArraySize(asb_json_at(patch, "spec")), 1);
	assert_false(asb_lease_due(&lease, asb_lease_clock_ms()));
	assert_true(lease.end_ms > asb_lease_clock_ms() + 50000);
	close_world(&world, &lease);
}

static void a_busy_server(void **state)
{
	struct world world;
	struct asb_lease lease;
	struct asb_error err = ASB_ERROR_INIT;

	(void)state;
	open_world(&world, 500);
	asb_lease_init(&lease, PATH, 60000, true, asb_lease_clock_ms() - 30000);
	assert_int_equal(renew(&world, &lease, &err), -1);
	assert_int_equal(err.http, 500);
	assert_true(lease.renewable);
	assert_int_equal(lease.failures, 1);
	assert_in_range(asb_lease_timeout(&lease, asb_lease_clock_ms()), 1, 1000);
	close_world(&world, &lease);
}

static void forbidden_is_tried_again(void **state)
{
	struct world world;
	struct asb_lease lease;
	struct asb_error err = ASB_ERROR_INIT;

	(void)state;
	open_world(&world, 403);
	asb_lease_init(&lease, PATH, 60000, true, asb_lease_clock_ms() - 30000);
	assert_int_equal(renew(&world, &lease, &err), -1);
	assert_int_equal(err.http, 403);
	assert_true(asb_lease_due(&lease, asb_lease_clock_ms() + 1000));
	close_world(&world, &lease);
}

static void gone_is_final(void **state)
{
	struct world world;
	struct asb_lease lease;
	struct asb_error err = ASB_ERROR_INIT;

	(void)state;
	open_world(&world, 404);
	asb_lease_init(&lease, PATH, 60000, true, asb_lease_clock_ms() - 30000);
	assert_int_equal(renew(&world, &lease, &err), -1);
	assert_int_equal(err.http, 404);
	assert_false(asb_lease_due(&lease, asb_lease_clock_ms() + 1000000));
	close_world(&world, &lease);
}

static void released_while_asking(void **state)
{
	struct world world;
	struct asb_lease lease;
	struct asb_error err = ASB_ERROR_INIT;

	(void)state;
	open_world(&world, 200);
	asb_lease_init(&lease, PATH, 60000, true, asb_lease_clock_ms() - 30000);
	assert_int_equal(asb_lease_step(&lease, world.http, &err), 0);
	assert_true(lease.running);
	close_world(&world, &lease);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(dates),
		cmocka_unit_test(shutdown_time),
		cmocka_unit_test(a_third_of_the_way),
		cmocka_unit_test(failures_are_tried_again),
		cmocka_unit_test(success_forgets_failures),
		cmocka_unit_test(a_fixed_lease_is_never_due),
		cmocka_unit_test(what_is_sent),
		cmocka_unit_test(a_busy_server),
		cmocka_unit_test(forbidden_is_tried_again),
		cmocka_unit_test(gone_is_final),
		cmocka_unit_test(released_while_asking),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

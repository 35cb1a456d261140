/* SPDX-License-Identifier: Apache-2.0 */
#include "plugin/sandbox/lease.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "plugin/base/age.h"
#include "plugin/base/clock.h"
#include "plugin/kube/api.h"

#define LONGEST_REQUEST_MS 10000
#define SHORTEST_REQUEST_MS 1000
#define FIRST_RETRY_MS 1000

int64_t asb_lease_clock_ms(void)
{
	struct timespec now;

#ifdef CLOCK_BOOTTIME
	clock_gettime(CLOCK_BOOTTIME, &now);
#else
	clock_gettime(CLOCK_MONOTONIC, &now); /* runs on while macOS sleeps */
#endif
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

char *asb_lease_rfc3339(int64_t ms)
{
	time_t seconds = (time_t)(ms / 1000);
	struct tm tm;
	char text[40];

	gmtime_r(&seconds, &tm);
	strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &tm);
	return asb_strdup(text);
}

char *asb_lease_shutdown_time(int64_t length_ms, int64_t offset_ms)
{
	return asb_lease_rfc3339(asb_wall_ms() + offset_ms + length_ms + 999);
}

void asb_lease_init(struct asb_lease *lease, const char *path, int64_t length_ms, bool renewable,
		    int64_t now)
{
	memset(lease, 0, sizeof(*lease));
	lease->end_path = "spec/shutdownTime";
	lease->path = asb_strdup(path);
	lease->length_ms = length_ms;
	lease->renewable = renewable;
	asb_lease_asked(lease, now);
	asb_lease_granted(lease);
}

static void drop_request(struct asb_lease *lease)
{
	asb_http_request_release(&lease->request);
	free(lease->body);
	lease->body = NULL;
	lease->running = false;
}

void asb_lease_release(struct asb_lease *lease, struct asb_http *http)
{
	if (lease->running) {
		asb_http_cancel(http, &lease->request);
		drop_request(lease);
	}
	free(lease->path);
	free(lease->version);
	memset(lease, 0, sizeof(*lease));
}

bool asb_lease_due(const struct asb_lease *lease, int64_t now)
{
	return lease->renewable && !lease->running && now >= lease->due_ms;
}

void asb_lease_asked(struct asb_lease *lease, int64_t now)
{
	lease->asked_ms = now;
}

/* Counted from when it was asked for, so that a slow answer never makes us late. */
void asb_lease_granted(struct asb_lease *lease)
{
	lease->failures = 0;
	lease->end_ms = lease->asked_ms + lease->length_ms;
	lease->due_ms = lease->asked_ms + lease->length_ms / 3;
}

void asb_lease_failed(struct asb_lease *lease, int64_t now)
{
	int64_t longest = lease->length_ms / 6;
	int64_t wait = lease->failures < 16 ? FIRST_RETRY_MS << lease->failures : longest;

	lease->failures++;
	lease->due_ms = now + (wait < longest ? wait : longest);
}

void asb_lease_observe(struct asb_lease *lease, const cJSON *object, int64_t offset_ms, int64_t now)
{
	const char *version = asb_json_string(object, "metadata/resourceVersion");
	int64_t end = asb_time_parse(asb_json_string(object, lease->end_path));

	if (version == NULL || (lease->version != NULL && strcmp(version, lease->version) == 0))
		return;
	free(lease->version);
	lease->version = asb_strdup(version);
	if (end < 0) {
		lease->end_ms = lease->due_ms = INT64_MAX;
		return;
	}
	end -= asb_wall_ms() + offset_ms;
	lease->end_ms = now + end;
	lease->due_ms = lease->end_ms - lease->length_ms / 3 * 2;
}

int asb_lease_timeout(const struct asb_lease *lease, int64_t now)
{
	int64_t left = lease->due_ms - now;

	if (!lease->renewable || lease->running)
		return -1; /* an answer wakes the poll by itself */
	if (left < 0)
		return 0;
	return left < INT_MAX ? (int)left : INT_MAX;
}

/* A request that hangs must leave time for another try. */
static int64_t request_timeout(const struct asb_lease *lease)
{
	int64_t third = lease->length_ms / 3;

	if (third < SHORTEST_REQUEST_MS)
		return SHORTEST_REQUEST_MS;
	return third < LONGEST_REQUEST_MS ? third : LONGEST_REQUEST_MS;
}

static int start(struct asb_lease *lease, struct asb_http *http, int64_t now, struct asb_error *err)
{
	int64_t offset = asb_http_clock_offset_ms(http);
	char *time = asb_lease_shutdown_time(lease->length_ms, offset);
	cJSON *patch = asb_json_literal("{\"spec\":{}}");

	asb_json_set_string(patch, lease->end_path, time);
	asb_json_set_string(patch, "metadata/resourceVersion", lease->version);
	lease->body = asb_json_print(patch);
	cJSON_Delete(patch);
	free(time);
	asb_http_request_init(&lease->request, "PATCH", lease->path);
	lease->request.content_type = "application/merge-patch+json";
	lease->request.body = lease->body;
	lease->request.body_length = strlen(lease->body);
	lease->request.timeout_ms = request_timeout(lease);
	asb_lease_asked(lease, now);
	if (asb_http_start(http, &lease->request, err) < 0) {
		drop_request(lease);
		asb_lease_failed(lease, now);
		return -1;
	}
	lease->running = true;
	return 0;
}

static int finish(struct asb_lease *lease, int64_t now, struct asb_error *err)
{
	int result = asb_api_check(&lease->request, err);

	drop_request(lease);
	if (result == 0) {
		asb_lease_granted(lease);
		return 0;
	}
	if (err->http == 404)
		lease->renewable = false;
	asb_lease_failed(lease, now);
	return -1;
}

int asb_lease_step(struct asb_lease *lease, struct asb_http *http, struct asb_error *err)
{
	int64_t now = asb_lease_clock_ms();

	if (lease->running)
		return lease->request.done ? finish(lease, now, err) : 0;
	return asb_lease_due(lease, now) ? start(lease, http, now, err) : 0;
}

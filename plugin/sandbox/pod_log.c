/* SPDX-License-Identifier: Apache-2.0 */
#include "plugin/sandbox/pod_log.h"

#include <string.h>

#include "plugin/base/clock.h"
#include "plugin/sandbox/lease.h"
#include "plugin/sandbox/object.h"
#include "plugin/sandbox/spec.h"

#define LONGEST_LINE 65536
#define PAUSE_MS 1000
#define TRIES 10

const char *asb_pod_log_container(const cJSON *pod)
{
	const char *first = asb_json_string(pod, "spec/containers/0/name");

	if (first == NULL || asb_json_find(pod, "spec/containers", "name", ASB_CONTAINER) != NULL)
		return ASB_CONTAINER;
	return first;
}

bool asb_pod_log_is_live(const cJSON *pod)
{
	const cJSON *status =
		asb_json_find(pod, "status/containerStatuses", "name", asb_pod_log_container(pod));

	return asb_json_at(status, "state/running") != NULL;
}

/* --- lines --- */

static void add_part(struct asb_pod_log *log, const char *bytes, size_t n)
{
	if (log->partial.length + n > LONGEST_LINE) {
		log->skipping = true;
		asb_buffer_reset(&log->partial);
	}
	if (!log->skipping)
		asb_buffer_add(&log->partial, bytes, n);
}

static void end_line(struct asb_pod_log *log)
{
	if (!log->skipping)
		log->line(log->context, log->partial.data, log->partial.length);
	log->skipping = false;
	asb_buffer_reset(&log->partial);
}

static int on_data(void *context, const char *bytes, size_t n)
{
	struct asb_pod_log *log = context;

	log->heard = true;
	while (n > 0) {
		const char *end = memchr(bytes, '\n', n);
		size_t length = end == NULL ? n : (size_t)(end - bytes);

		add_part(log, bytes, length);
		if (end == NULL)
			return 0;
		end_line(log);
		bytes += length + 1;
		n -= length + 1;
	}
	return 0;
}

/* --- requests --- */

static char *path_of(const struct asb_pod_log *log, bool follow)
{
	ASB_TEXT plain = asb_api_path(&asb_pods, asb_json_string(log->pod, "metadata/namespace"),
				      asb_json_string(log->pod, "metadata/name"), "log");
	struct asb_buffer path = ASB_BUFFER_INIT;

	if (plain == NULL)
		return NULL;
	asb_buffer_addf(&path, "%s?container=", plain);
	asb_buffer_add_url(&path, asb_pod_log_container(log->pod));
	if (follow)
		asb_buffer_addstr(&path, "&follow=true");
	if (log->since_ms > 0) {
		ASB_TEXT time = asb_lease_rfc3339(log->since_ms);

		asb_buffer_addstr(&path, "&sinceTime=");
		asb_buffer_add_url(&path, time);
	}
	return asb_buffer_steal(&path);
}

static int transfer(struct asb_pod_log *log, struct asb_http_request *request, bool follow,
		    struct asb_error *err)
{
	int rc = asb_http_start(log->http, request, err);

	while (rc == 0 && !request->done) {
		rc = asb_http_poll(log->http, NULL, 0, -1, err);
		if (rc == 0 && follow && log->rest(log->context) != 0)
			break;
	}
	asb_http_cancel(log->http, request);
	return rc == 0 && request->done ? asb_api_check(request, err) : rc;
}

static int stream(struct asb_pod_log *log, bool follow, struct asb_error *err)
{
	ASB_TEXT path = path_of(log, follow);
	struct asb_http_request request;
	int rc;

	asb_http_request_init(&request, "GET", path);
	request.on_data = on_data;
	request.context = log;
	asb_buffer_init(&log->partial);
	log->skipping = false;
	rc = transfer(log, &request, follow, err);
	asb_buffer_release(&log->partial);
	asb_http_request_release(&request);
	return rc;
}

int asb_pod_log_read(struct asb_pod_log *log, struct asb_error *err)
{
	return stream(log, false, err);
}

/* 1: the container runs on, 0: it has ended. */
static int look(const struct asb_pod_log *log, struct asb_error *err)
{
	ASB_TEXT path = asb_api_path(&asb_pods, asb_json_string(log->pod, "metadata/namespace"),
				     asb_json_string(log->pod, "metadata/name"), NULL);
	ASB_JSON pod = asb_api_get(log->http, path, err);
	const char *uid = asb_json_string(pod, "metadata/uid");
	const char *known = asb_json_string(log->pod, "metadata/uid");

	if (pod == NULL && err->http != 404)
		return -1;
	asb_error_clear(err);
	return pod != NULL && uid != NULL && known != NULL && strcmp(uid, known) == 0 &&
	       asb_pod_log_is_live(pod);
}

/* What the caller can do nothing about, and time won't heal. */
static bool is_final(const struct asb_error *err)
{
	return err->http >= 400 && err->http < 500 && err->http != 404;
}

/* 1: there is more to come, 0: the container has ended. */
static int follow_once(struct asb_pod_log *log, struct asb_error *err)
{
	struct asb_error broken = ASB_ERROR_INIT;
	int rc;

	log->heard = false;
	if (stream(log, true, &broken) != 0 && is_final(&broken)) {
		*err = broken;
		return -1;
	}
	rc = look(log, err);
	if (rc == 1 && asb_failed(&broken) && !log->heard)
		*err = broken;
	return asb_failed(err) ? -1 : rc;
}

int asb_pod_log_follow(struct asb_pod_log *log, struct asb_error *err)
{
	int failures = 0;

	while (log->rest(log->context) == 0) {
		int rc = follow_once(log, err);

		if (rc == 0)
			return 0;
		failures = rc < 0 ? failures + 1 : 0;
		if (rc < 0 && (is_final(err) || failures == TRIES))
			return -1;
		asb_error_clear(err);
		if (log->rest(log->context) == 0)
			asb_object_pause(log->http, PAUSE_MS);
	}
	return 0;
}

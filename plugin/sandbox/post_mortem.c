/* SPDX-License-Identifier: Apache-2.0 */
/* After a lost stream: what became of the pod. */
#include <string.h>

#include "plugin/base/clock.h"
#include "plugin/sandbox/sandbox_internal.h"

#define LONGEST_MS 5000
/* The kubelet looks at its containers every second, and then has to write it down: a container that
 * still runs for the API server after this does run. */
#define STILL_RUNNING_MS 3000
#define PAUSE_MS 250

#define NO_STATUS "no exit status was received: "

struct answer {
	cJSON *pod; /* NULL: see http and error */
	struct asb_error error;
};

static void ask_pod(struct asb_sandbox *sandbox, const char *path, int timeout_ms,
		    struct answer *answer)
{
	struct asb_http_request request;
	struct asb_http_request *one = &request;

	asb_error_clear(&answer->error);
	asb_http_request_init(&request, "GET", path);
	request.timeout_ms = timeout_ms;
	answer->pod = NULL;
	if (asb_http_start(sandbox->http, &request, &answer->error) == 0) {
		if (asb_http_wait(sandbox->http, &one, 1, &answer->error) == 0)
			answer->pod = asb_api_result(&request, &answer->error);
		asb_http_cancel(sandbox->http, &request);
	}
	asb_http_request_release(&request);
}

static int tell_end(const struct asb_diagnosis *diagnosis, int status, struct asb_error *err)
{
	/* After an OOM kill the status is known, it came another way. */
	if (status == 137)
		asb_fail(err, "%s", diagnosis->cause);
	else
		asb_fail(err, NO_STATUS "%s", diagnosis->cause);
	if (diagnosis->hint[0] != '\0')
		asb_hint(err, "%s", diagnosis->hint);
	err->status = status;
	return status;
}

/* Whether the answer settles it; err then says how. */
static bool judge(const struct asb_sandbox *sandbox, const struct answer *answer, int *status,
		  struct asb_error *err)
{
	const char *uid = asb_json_string(answer->pod, "metadata/uid");
	struct asb_diagnosis diagnosis;

	*status = ASB_STATUS_PLUGIN;
	if (asb_diagnose_end(answer->pod, &diagnosis, status)) {
		tell_end(&diagnosis, *status, err);
		return true;
	}
	if (answer->error.http == 404 || (uid != NULL && sandbox->running_uid != NULL &&
					  strcmp(uid, sandbox->running_uid) != 0)) {
		asb_fail(err, NO_STATUS "the sandbox's pod was deleted while the command ran");
		asb_hint(err, "somebody deleted it, its node was emptied, or its lease ran out");
		return true;
	}
	return false;
}

static int tell_unsettled(const struct answer *answer, bool seen, struct asb_error *err)
{
	if (seen)
		return asb_fail(err, NO_STATUS "the connection to the sandbox was lost, its "
					       "container still runs");
	asb_fail(err, NO_STATUS "the connection was lost: %s", answer->error.message);
	return asb_hint(err, "%s", answer->error.hint);
}

int asb_sandbox_post_mortem(struct asb_sandbox *sandbox, struct asb_error *err)
{
	int64_t start = asb_monotonic_ms();
	const char *pod = asb_sandbox_pod(sandbox);
	ASB_TEXT path = asb_api_path(&asb_pods, sandbox->options.namespace_,
				     pod != NULL ? pod : sandbox->name, NULL);
	struct answer answer = {0};
	bool seen = false, settled;
	int status, left;

	for (;;) {
		left = asb_poll_timeout(start + LONGEST_MS);
		ask_pod(sandbox, path, left > PAUSE_MS ? left : PAUSE_MS, &answer);
		seen |= answer.pod != NULL;
		settled = judge(sandbox, &answer, &status, err);
		cJSON_Delete(answer.pod);
		if (settled)
			return status;
		if (asb_monotonic_ms() >= start + (seen ? STILL_RUNNING_MS : LONGEST_MS - PAUSE_MS))
			break;
		asb_object_pause(sandbox->http, PAUSE_MS);
	}
	tell_unsettled(&answer, seen, err);
	return ASB_STATUS_PLUGIN;
}

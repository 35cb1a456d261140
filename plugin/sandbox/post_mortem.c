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

#define NO_STATUS "no exit status was received"

struct answer {
	cJSON *tree; /* NULL: see error */
	struct asb_error error;
};

/* What was read last of both; the Sandbox's is empty for a plain pod. */
struct witness {
	struct answer pod, sandbox;
};

static void release_witness(struct witness *witness)
{
	cJSON_Delete(witness->pod.tree);
	cJSON_Delete(witness->sandbox.tree);
	memset(witness, 0, sizeof(*witness));
}

static void take(const struct asb_http_request *request, struct answer *answer)
{
	asb_error_clear(&answer->error);
	answer->tree = asb_api_result(request, &answer->error);
}

/* Side by side; what can't be asked has no answer. */
static void ask(struct asb_sandbox *sandbox, const char *pod_path, const char *sandbox_path,
		int timeout_ms, struct witness *witness)
{
	struct asb_http_request requests[2], *pointers[2] = {&requests[0], &requests[1]};
	unsigned n = sandbox_path != NULL ? 2 : 1, started;
	struct asb_error *err = &witness->pod.error;

	asb_http_request_init(&requests[0], "GET", pod_path);
	asb_http_request_init(&requests[1], "GET", sandbox_path);
	for (started = 0; started < n; started++) {
		requests[started].timeout_ms = timeout_ms;
		if (asb_http_start(sandbox->http, pointers[started], err) < 0)
			break;
	}
	if (started == n && asb_http_wait(sandbox->http, pointers, n, err) == 0) {
		take(&requests[0], &witness->pod);
		if (n > 1)
			take(&requests[1], &witness->sandbox);
	}
	for (unsigned i = 0; i < 2; i++) {
		if (i < started)
			asb_http_cancel(sandbox->http, &requests[i]);
		asb_http_request_release(&requests[i]);
	}
}

static int tell_end(const struct asb_sandbox *sandbox, const struct asb_diagnosis *diagnosis,
		    int status, struct asb_error *err)
{
	asb_sandbox_fail(sandbox, diagnosis, err);
	/* After an OOM kill the status is known, it came another way. */
	if (status != 137)
		asb_wrap(err, NO_STATUS);
	err->status = status;
	return status;
}

static bool is_other(const cJSON *tree, const char *uid)
{
	const char *its = asb_json_string(tree, "metadata/uid");

	return its != NULL && uid != NULL && strcmp(its, uid) != 0;
}

/* What is not there to be read was observed before. */
static bool judge(const struct asb_sandbox *sandbox, const struct witness *witness,
		  struct asb_diagnosis *diagnosis, int *status)
{
	const struct asb_observer *observer = &sandbox->observer;
	const struct answer *pod = &witness->pod, *root = &witness->sandbox;
	const cJSON *seen_pod = observer->pod != NULL ? observer->pod : observer->former_pod;
	struct asb_loss loss = {
		.noun = sandbox->kind->noun,
		.name = sandbox->name,
		.pod = seen_pod,
		.pod_gone = pod->error.http == 404 || asb_sandbox_is_other_pod(sandbox, pod->tree),
		.sandbox = observer->sandbox,
		.sandbox_gone = root->error.http == 404 || is_other(root->tree, observer->uid),
		.now_ms = asb_http_now_ms(sandbox->http),
	};

	if (pod->tree != NULL && !loss.pod_gone)
		loss.pod = pod->tree;
	if (root->tree != NULL && !loss.sandbox_gone)
		loss.sandbox = root->tree;
	if (observer->plain) {
		loss.sandbox = loss.pod;
		loss.sandbox_gone = loss.pod_gone;
	}
	*status = ASB_STATUS_PLUGIN;
	return asb_diagnose_loss(&loss, diagnosis, status);
}

static int tell_unsettled(const struct answer *pod, bool seen, struct asb_error *err)
{
	if (seen)
		return asb_fail(err, NO_STATUS ": the connection to the sandbox was lost, its "
					       "container still runs");
	asb_fail(err, NO_STATUS ": the connection was lost: %s", pod->error.message);
	return asb_hint(err, "%s", pod->error.hint);
}

/* Asks until it is settled, for some seconds. *seen: the pod was there, and alive. */
static bool inquire(struct asb_sandbox *sandbox, struct witness *witness, bool *seen,
		    struct asb_diagnosis *diagnosis, int *status)
{
	const struct asb_observer *observer = &sandbox->observer;
	const char *namespace_ = sandbox->options.namespace_;
	const char *pod = asb_sandbox_pod(sandbox);
	const char *name = asb_json_string(observer->sandbox, "metadata/name");
	ASB_TEXT pod_path =
		asb_api_path(&asb_pods, namespace_, pod != NULL ? pod : sandbox->name, NULL);
	ASB_TEXT path = observer->plain || name == NULL
				? NULL
				: asb_api_path(&sandbox->api->sandboxes, namespace_, name, NULL);
	int64_t start = asb_monotonic_ms(), end;

	*seen = false;
	for (;;) {
		int left = asb_poll_timeout(start + LONGEST_MS);

		release_witness(witness);
		ask(sandbox, pod_path, path, left > PAUSE_MS ? left : PAUSE_MS, witness);
		*seen |= witness->pod.tree != NULL;
		if (judge(sandbox, witness, diagnosis, status))
			return true;
		end = start + (*seen ? STILL_RUNNING_MS : LONGEST_MS - PAUSE_MS);
		if (asb_monotonic_ms() >= end)
			return false;
		asb_object_pause(sandbox->http, PAUSE_MS);
	}
}

int asb_sandbox_post_mortem(struct asb_sandbox *sandbox, struct asb_error *err)
{
	struct witness witness = {0};
	struct asb_diagnosis diagnosis;
	int status = ASB_STATUS_PLUGIN;
	bool seen;

	if (inquire(sandbox, &witness, &seen, &diagnosis, &status))
		tell_end(sandbox, &diagnosis, status, err);
	else
		tell_unsettled(&witness.pod, seen, err);
	release_witness(&witness);
	return status;
}

void asb_sandbox_explain_shutdown(struct asb_sandbox *sandbox, struct asb_error *err)
{
	struct witness witness = {0};
	struct asb_diagnosis diagnosis;
	int status;
	bool seen;

	if (inquire(sandbox, &witness, &seen, &diagnosis, &status)) {
		int own = err->status;

		asb_sandbox_fail(sandbox, &diagnosis, err);
		asb_wrap(err, "the sandbox was stopped while the command ran");
		err->status = own;
	}
	release_witness(&witness);
}

void asb_sandbox_explain_oom(const struct asb_sandbox *sandbox, struct asb_error *err)
{
	struct asb_diagnosis diagnosis;
	int own = err->status;

	asb_diagnose_oom(sandbox->observer.pod, &diagnosis);
	asb_sandbox_fail(sandbox, &diagnosis, err);
	err->status = own;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the cluster says -> what we say. The texts are what Kubernetes 1.37 (and where marked an
 * older release or another component), containerd and agent-sandbox have written.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "plugin/base/buffer.h"
#include "plugin/sandbox/diagnose.h"

#define RUNNING ASB_VERDICT_RUNNING
#define PENDING ASB_VERDICT_PENDING
#define MAY_HEAL ASB_VERDICT_MAY_HEAL
#define TERMINAL ASB_VERDICT_TERMINAL

struct event {
	const char *reason, *message;
	int count;
};

struct scene {
	const char *name;
	/* the Sandbox's Ready condition; NULL reason: no status at all */
	const char *ready_reason, *ready_message;
	const char *mode; /* spec.operatingMode */
	/* the pod; NULL phase: none */
	const char *phase;
	const char *node; /* NULL: not scheduled */
	const char *scheduled_reason, *scheduled_message;
	const char *waiting_reason, *waiting_message;
	const char *state; /* JSON of another container state */
	const char *pod_reason, *pod_message;
	struct event events[3];
	bool blind; /* events can't be read */

	enum asb_verdict verdict;
	bool patient; /* with a limit to it */
	const char *code;
	const char *cause, *hint; /* must occur; NULL: anything */
};

#define NOT_READY "DependenciesNotReady", "Pod exists with phase: Pending"
#define ON_NODE .phase = "Pending", .node = "node-1"
#define REFUSED(text) "ReconcilerError", "Error seen: " text
#define UNSCHEDULABLE(text)                                         \
	.ready_reason = "DependenciesNotReady", .phase = "Pending", \
	.scheduled_reason = "Unschedulable", .scheduled_message = (text)
#define PULL(why, text) NOT_READY, ON_NODE, .waiting_reason = (why), .waiting_message = (text)
#define CONTAINERD(text)                                                                \
	"failed to pull and unpack image \"docker.io/acme/tool:1\": failed to resolve " \
	"reference \"docker.io/acme/tool:1\": " text
#define NO_CPU                                                                       \
	"0/1 nodes are available: 1 Insufficient cpu. no new claims to deallocate, " \
	"preemption: 0/1 nodes are available: 1 Preemption is not helpful for scheduling."

static const struct scene scenes[] = {
	/* on the way */
	{"nothing yet", NULL, .verdict = PENDING, .patient = true, .code = "no-controller",
	 .cause = "controller does not answer", .hint = "agent-sandbox-system"},
	{"status without a pod", "DependenciesNotReady", "Pod does not exist", .verdict = PENDING,
	 .code = "no-pod"},
	{"pod without a node", NOT_READY, .phase = "Pending", .verdict = PENDING,
	 .code = "scheduling"},
	{"the kubelet has not seen it", NOT_READY, ON_NODE, .verdict = PENDING, .code = "kubelet",
	 .cause = "node-1", .hint = "kubectl get node node-1"},
	{"volumes and network", PULL("ContainerCreating", NULL), .verdict = PENDING,
	 .code = "preparing"},
	{"pulling", PULL("ContainerCreating", NULL),
	 .events = {{"Pulling", "Pulling image \"docker.io/acme/tool:1\"", 1}}, .verdict = PENDING,
	 .code = "pulling", .cause = "docker.io/acme/tool:1"},
	{"pulled", PULL("ContainerCreating", NULL),
	 .events = {{"Pulling", "Pulling image", 1}, {"Pulled", "Successfully pulled image", 1}},
	 .verdict = PENDING, .code = "preparing"},
	{"started, says the event before the status", PULL("ContainerCreating", NULL),
	 .events = {{"Started", "Container started", 1}}, .verdict = RUNNING, .code = "running"},
	{"running, not ready", "DependenciesNotReady", "Pod is Running but not Ready",
	 .phase = "Running", .node = "node-1",
	 .state = "{\"running\":{\"startedAt\":\"2026-11-23T01:17:44Z\"}}", .verdict = RUNNING,
	 .code = "running"},
	{"ready", "DependenciesReady", "Pod is Ready", .phase = "Running", .node = "node-1",
	 .state = "{\"running\":{\"startedAt\":\"2026-11-23T01:17:44Z\"}}", .verdict = RUNNING,
	 .code = "running"},

	/* images */
	{"no such tag, containerd 1.6",
	 PULL("ErrImagePull",
	      "rpc error: code = NotFound desc = " CONTAINERD("docker.io/acme/tool:1: not found")),
	 .verdict = TERMINAL, .code = "image-not-found",
	 .cause = "\"docker.io/acme/tool:1\" was not found in its registry: "
		  "docker.io/acme/tool:1: not found",
	 .hint = "spelling"},
	{"manifest unknown, CRI-O",
	 PULL("ErrImagePull", "reading manifest 1 in docker.io/acme/tool: manifest unknown"),
	 .verdict = TERMINAL, .code = "image-not-found"},
	{"back-off keeps the reason (1.32 and later)",
	 PULL("ImagePullBackOff",
	      "Back-off pulling image \"docker.io/acme/tool:1\": ErrImagePull: " CONTAINERD(
		      "docker.io/acme/tool:1: not found")),
	 .verdict = TERMINAL, .code = "image-not-found"},
	{"back-off without a reason: the event tells it (before 1.32)",
	 PULL("ImagePullBackOff", "Back-off pulling image \"docker.io/acme/tool:1\""),
	 .events = {{"Failed",
		     "Failed to pull image \"docker.io/acme/tool:1\": rpc error: code = NotFound "
		     "desc = " CONTAINERD("docker.io/acme/tool:1: not found"),
		     1},
		    {"Failed", "Error: ErrImagePull", 1},
		    {"Failed", "Error: ImagePullBackOff", 1}},
	 .verdict = TERMINAL, .code = "image-not-found"},
	{"back-off, and nothing more is known",
	 PULL("ImagePullBackOff", "Back-off pulling image \"docker.io/acme/tool:1\""),
	 .blind = true, .verdict = MAY_HEAL, .code = "image-pull", .cause = "tries again"},
	{"denied",
	 PULL("ErrImagePull",
	      CONTAINERD("pull access denied, repository does not exist or may require "
			 "authorization: server message: insufficient_scope: authorization "
			 "failed")),
	 .verdict = TERMINAL, .code = "image-denied", .cause = "pull access denied",
	 .hint = "imagePullSecrets"},
	{"unauthorized",
	 PULL("ErrImagePull", CONTAINERD("unexpected status from HEAD request to "
					 "https://ghcr.io/v2/acme/tool/manifests/1: 401 "
					 "Unauthorized")),
	 .verdict = TERMINAL, .code = "image-denied", .hint = "patch serviceaccount normal-user"},
	{"forbidden",
	 PULL("ErrImagePull",
	      CONTAINERD("failed to authorize: failed to fetch oauth token: unexpected status from "
			 "GET request to https://auth.example/token: 403 Forbidden")),
	 .verdict = TERMINAL, .code = "image-denied"},
	{"invalid name",
	 PULL("InvalidImageName", "Failed to apply default image tag \"UPPER/Case::x\": couldn't "
				  "parse image name \"UPPER/Case::x\": invalid reference format: "
				  "repository name (Case) must be lowercase"),
	 .verdict = TERMINAL, .code = "image-invalid", .cause = "must be lowercase"},
	{"never pulled",
	 PULL("ErrImageNeverPull",
	      "Container image \"docker.io/acme/tool:1\" is not present with pull policy of Never"),
	 .verdict = TERMINAL, .code = "image-not-present", .hint = "IfNotPresent"},
	{"wrong platform",
	 PULL("ErrImagePull", "rpc error: code = NotFound desc = failed to pull and unpack image "
			      "\"docker.io/acme/tool:1\": no match for platform in manifest: not "
			      "found"),
	 .verdict = TERMINAL, .code = "image-platform"},
	{"signature",
	 PULL("SignatureValidationFailed", "image pull failed for docker.io/acme/tool:1 because "
					   "the signature validation failed: no signature"),
	 .verdict = TERMINAL, .code = "image-signature"},
	{"unknown certificate authority",
	 PULL("ErrImagePull",
	      CONTAINERD("failed to do request: Head \"https://r.example/v2/tool/manifests/1\": "
			 "tls: failed to verify certificate: x509: certificate signed by unknown "
			 "authority")),
	 .verdict = TERMINAL, .code = "registry-tls"},
	{"no such host",
	 PULL("ErrImagePull",
	      CONTAINERD("failed to do request: Head \"https://unreachable.test/v2/x/manifests/1\""
			 ": dial tcp: lookup unreachable.test on 192.0.2.53:53: no such host")),
	 .verdict = MAY_HEAL, .code = "registry-unreachable", .cause = "no such host"},
	{"connection refused",
	 PULL("ErrImagePull", CONTAINERD("failed to do request: Head \"http://192.0.2.9:5999/v2/x/"
					 "manifests/1\": dial tcp 192.0.2.9:5999: connect: "
					 "connection refused")),
	 .verdict = MAY_HEAL, .code = "registry-unreachable"},
	{"a proxy's 503 that speaks of something not found",
	 PULL("ErrImagePull", CONTAINERD("unexpected status from HEAD request to "
					 "https://r.example/v2/x/manifests/1: 503 Service "
					 "Unavailable: upstream not found")),
	 .verdict = MAY_HEAL, .code = "registry-busy"},
	{"rate limit",
	 PULL("ErrImagePull",
	      "rpc error: code = Unknown desc = failed to pull and unpack image "
	      "\"docker.io/acme/tool:1\": failed to copy: httpReadSeeker: failed open: unexpected "
	      "status code https://r.example/v2/x: 429 Too Many Requests - Server message: "
	      "toomanyrequests: You have reached your pull rate limit."),
	 .verdict = MAY_HEAL, .code = "registry-busy"},
	{"a text that nobody knows", PULL("ErrImagePull", "the dog ate it"), .verdict = MAY_HEAL,
	 .code = "image-pull", .cause = "the dog ate it"},

	/* scheduling */
	{"too large, an autoscaler may come", UNSCHEDULABLE(NO_CPU), .verdict = MAY_HEAL,
	 .patient = true, .code = "unschedulable", .cause = "1 Insufficient cpu", .hint = "--cpu"},
	{"too large, events can't be seen", UNSCHEDULABLE(NO_CPU), .blind = true,
	 .verdict = PENDING, .patient = true, .code = "unschedulable"},
	{"the autoscaler brings nodes", UNSCHEDULABLE(NO_CPU),
	 .events = {{"FailedScheduling", NO_CPU, 1},
		    {"TriggeredScaleUp", "pod triggered scale-up: [{group 1->2 (max: 3)}]", 1}},
	 .verdict = MAY_HEAL, .code = "scaling-up", .cause = "nodes are coming"},
	{"Karpenter brings a node", UNSCHEDULABLE(NO_CPU),
	 .events = {{"Nominated", "Pod should schedule on: nodeclaim/default-x7k", 1}},
	 .verdict = MAY_HEAL, .code = "scaling-up"},
	{"the autoscaler can't help", UNSCHEDULABLE(NO_CPU),
	 .events = {{"NotTriggerScaleUp",
		     "pod didn't trigger scale-up: 1 max node group size reached", 1}},
	 .verdict = TERMINAL, .code = "unschedulable"},
	{"no node of that kind",
	 UNSCHEDULABLE("0/2 nodes are available: 2 node(s) didn't match Pod's node "
		       "affinity/selector. preemption: 0/2 nodes are available: 2 Preemption is "
		       "not helpful for scheduling."),
	 .verdict = MAY_HEAL, .patient = true, .code = "unschedulable",
	 .hint = "linux/amd64 node (--arch arm64"},
	{"tainted",
	 UNSCHEDULABLE("0/1 nodes are available: 1 node(s) had untolerated taint "
		       "{node.kubernetes.io/not-ready: }. preemption: 0/1 nodes are available."),
	 .verdict = MAY_HEAL, .patient = true, .code = "unschedulable", .hint = "ready"},
	{"held back by a queue", "DependenciesNotReady", .phase = "Pending",
	 .scheduled_reason = "SchedulingGated",
	 .scheduled_message = "Scheduling is blocked due to non-empty scheduling gates",
	 .verdict = MAY_HEAL, .code = "scheduling-gated", .cause = "gate"},

	/* refused by the API server */
	{"RuntimeClass of another architecture",
	 REFUSED("pods \"c-1\" is forbidden: conflict: runtimeClass.scheduling.nodeSelector"
		 "[kubernetes.io/arch] = arm64; pod.spec.nodeSelector[kubernetes.io/arch] = amd64"),
	 .verdict = TERMINAL, .code = "architecture", .cause = "= arm64",
	 .hint = "use --arch arm64"},
	{"no RuntimeClass",
	 REFUSED("pods \"c-1\" is forbidden: pod rejected: RuntimeClass \"gvisor\" not found"),
	 .verdict = TERMINAL, .code = "runtime-class-missing", .cause = "RuntimeClass \"gvisor\"",
	 .hint = "kubectl get runtimeclass"},
	{"quota used up",
	 REFUSED("pods \"c-1\" is forbidden: exceeded quota: e2e-quota, requested: pods=1, used: "
		 "pods=0, limited: pods=0"),
	 .verdict = PENDING, .patient = true, .code = "quota-exceeded",
	 .cause = "exceeded quota: e2e-quota, requested: pods=1",
	 .hint = "kubectl -n work describe resourcequota"},
	{"PodSecurity",
	 REFUSED("pods \"c-1\" is forbidden: violates PodSecurity \"restricted:latest\": "
		 "runAsNonRoot != true (pod or container \"main\" must set "
		 "securityContext.runAsNonRoot=true), runAsUser=0 (pod must not set runAsUser=0)"),
	 .verdict = TERMINAL, .code = "pod-security", .cause = "runAsUser=0", .hint = "--user"},
	{"no ServiceAccount",
	 REFUSED("pods \"c-1\" is forbidden: error looking up service account work/normal-user: "
		 "serviceaccount \"normal-user\" not found"),
	 .verdict = PENDING, .patient = true, .code = "service-account-missing",
	 .cause = "no ServiceAccount \"normal-user\" in namespace \"work\"",
	 .hint = "kubectl apply -k manifests"},
	{"LimitRange",
	 REFUSED("pods \"c-1\" is forbidden: maximum cpu usage per Container is 500m, but limit "
		 "is 1"),
	 .verdict = TERMINAL, .code = "limit-range", .cause = "500m", .hint = "--cpu"},
	{"webhook says no",
	 REFUSED("admission webhook \"validate.kyverno.svc-fail\" denied the request: resource "
		 "Pod/work/c-1 was blocked due to the following policies"),
	 .verdict = PENDING, .patient = true, .code = "policy", .cause = "kyverno"},
	{"ValidatingAdmissionPolicy says no",
	 REFUSED("pods \"c-1\" is forbidden: ValidatingAdmissionPolicy 'no-pods' with binding 'b' "
		 "denied request: not here"),
	 .verdict = PENDING, .patient = true, .code = "policy", .cause = "not here"},
	{"webhook does not answer",
	 REFUSED("Internal error occurred: failed calling webhook \"x.example\": failed to call "
		 "webhook: Post \"https://x.svc:443/?timeout=10s\": dial tcp: connection refused"),
	 .verdict = MAY_HEAL, .code = "webhook-unavailable"},
	{"namespace on its way out",
	 REFUSED("pods \"c-1\" is forbidden: unable to create new content in namespace work "
		 "because it is being terminated"),
	 .verdict = TERMINAL, .code = "namespace-terminating"},
	{"another pod of that name",
	 REFUSED("cannot adopt unowned pod \"c-1\": missing required pool authorization label "
		 "(agents.x-k8s.io/adoptable) or sandbox tracking label"),
	 .verdict = MAY_HEAL, .patient = true, .code = "pod-name-taken", .hint = "another name"},
	{"the controller's rights",
	 REFUSED("pods is forbidden: User \"system:serviceaccount:agent-sandbox-system:x\" cannot "
		 "create resource \"pods\" in API group \"\" in the namespace \"work\""),
	 .verdict = PENDING, .patient = true, .code = "controller-rights", .cause = "x\" cannot"},
	{"a conflict of the controller's",
	 REFUSED("Operation cannot be fulfilled on sandboxes.agents.x-k8s.io \"c-1\": the object "
		 "has been modified; please apply your changes to the latest version"),
	 .verdict = PENDING, .code = "conflict"},
	{"an error that nobody knows", REFUSED("etcdserver: leader changed"), .verdict = MAY_HEAL,
	 .code = "reconcile-error", .cause = "leader changed"},

	/* the node */
	{"no such handler, containerd", PULL("ContainerCreating", NULL),
	 .events = {{"FailedCreatePodSandBox",
		     "Failed to create pod sandbox: rpc error: code = Unknown desc = failed to get "
		     "sandbox runtime: no runtime for \"runsc\" is configured",
		     1}},
	 .verdict = TERMINAL, .code = "runtime-handler", .cause = "no runtime for \"runsc\"",
	 .hint = "--runtime-class"},
	{"no such handler, CRI-O", PULL("ContainerCreating", NULL),
	 .events =
		 {{"FailedCreatePodSandBox",
		   "Failed to create pod sandbox: rpc error: code = Unknown desc = failed to find "
		   "runtime handler kata from runtime list map[runc:0xc0]",
		   1}},
	 .verdict = TERMINAL, .code = "runtime-handler"},
	{"network of the node", PULL("ContainerCreating", NULL),
	 .events = {{"FailedCreatePodSandBox",
		     "Failed to create pod sandbox: rpc error: code = Unknown desc = failed to "
		     "setup network for sandbox \"ab\": plugin type=\"calico\" failed (add): dial "
		     "unix /var/run/calico: connect: connection refused",
		     2}},
	 .verdict = MAY_HEAL, .code = "pod-sandbox", .cause = "calico"},
	{"one failed mount is nothing", PULL("ContainerCreating", NULL),
	 .events = {{"FailedMount",
		     "MountVolume.SetUp failed for volume \"config\" : configmap \"c-1\" not found",
		     1}},
	 .verdict = PENDING, .code = "preparing"},
	{"a mount that keeps failing", PULL("ContainerCreating", NULL),
	 .events = {{"FailedMount",
		     "MountVolume.SetUp failed for volume \"config\" : configmap \"c-1\" not found",
		     5}},
	 .verdict = MAY_HEAL, .code = "mount", .cause = "configmap \"c-1\" not found"},
	{"image's user is root",
	 PULL("CreateContainerConfigError",
	      "container has runAsNonRoot and image will run as root (pod: \"c-1_work(u)\", "
	      "container: main)"),
	 .verdict = TERMINAL, .code = "image-user", .hint = "PodSecurity"},
	{"image's user is a name",
	 PULL("CreateContainerConfigError",
	      "container has runAsNonRoot and image has non-numeric user (nginx), cannot verify "
	      "user is non-root (pod: \"c-1_work(u)\", container: main)"),
	 .verdict = TERMINAL, .code = "image-user", .cause = "nginx", .hint = "--user UID"},
	{"caches of the kubelet",
	 PULL("CreateContainerConfigError",
	      "failed to sync configmap cache: timed out waiting for the condition"),
	 .verdict = MAY_HEAL, .code = "container-config"},
	{"container can't be made",
	 PULL("CreateContainerError", "failed to generate container spec: something"),
	 .verdict = MAY_HEAL, .patient = true, .code = "container-start"},
	{"crash loop", PULL("CrashLoopBackOff", "back-off 10s restarting failed container=main"),
	 .verdict = TERMINAL, .code = "crash-loop"},

	/* the end */
	{"shim of another architecture", "PodFailed", "Pod failed", .phase = "Failed",
	 .node = "node-1",
	 .state = "{\"terminated\":{\"exitCode\":255,\"reason\":\"Error\",\"message\":\"exec "
		  "/agentsandbox/shim: exec format error\\n\"}}",
	 .verdict = TERMINAL, .code = "architecture", .cause = "exec format error",
	 .hint = "--arch arm64"},
	{"runc could not start it", "PodFailed", "Pod failed", .phase = "Failed", .node = "node-1",
	 .state = "{\"terminated\":{\"exitCode\":128,\"reason\":\"StartError\",\"message\":"
		  "\"failed to create containerd task: OCI runtime create failed: exec: "
		  "\\\"/agentsandbox/shim\\\": permission denied: unknown\"}}",
	 .verdict = TERMINAL, .code = "container-start", .cause = "permission denied"},
	{"evicted", "PodFailed", "Pod failed", .phase = "Failed", .node = "node-1",
	 .pod_reason = "Evicted",
	 .pod_message = "The node was low on resource: ephemeral-storage. ", .verdict = TERMINAL,
	 .code = "evicted", .cause = "low on resource: ephemeral-storage"},
	{"refused by the kubelet", "PodFailed", "Pod failed", .phase = "Failed", .node = "node-1",
	 .pod_reason = "OutOfcpu",
	 .pod_message = "Pod was rejected: Node didn't have enough resource: cpu, requested: 50, "
			"used: 1990, capacity: 2000",
	 .verdict = TERMINAL, .code = "node-refused", .hint = "try again"},
	{"failed, says only the Sandbox", "PodFailed", "Pod failed", .verdict = PENDING,
	 .patient = true, .code = "pod-failed"},
	{"ended, says only the Sandbox", "PodSucceeded", "Pod completed successfully",
	 .verdict = PENDING, .patient = true, .code = "pod-succeeded"},
	{"expired", "SandboxExpired", "Sandbox has expired", .verdict = TERMINAL, .code = "expired",
	 .cause = "lease"},
	{"suspended", "SandboxSuspended", "Sandbox is suspended", .mode = "Suspended",
	 .verdict = TERMINAL, .code = "suspended"},
	{"resumed a moment ago", "SandboxSuspended", "Sandbox is suspended", .mode = "Running",
	 .verdict = PENDING, .code = "no-pod"},
	{"several pods", "MultiplePods",
	 "multiple Pods (2) are controlled by this Sandbox; refusing to choose or create a Pod",
	 .verdict = TERMINAL, .code = "multiple-pods", .cause = "multiple Pods (2)"},
};

static cJSON *sandbox_of(const struct scene *scene)
{
	cJSON *sandbox = asb_json_literal(
		"{\"apiVersion\":\"agents.x-k8s.io/v1beta1\",\"kind\":\"Sandbox\",\"metadata\":{"
		"\"name\":\"c-1\",\"namespace\":\"work\",\"uid\":\"s-1\"},\"spec\":{"
		"\"podTemplate\":{\"spec\":{\"runtimeClassName\":\"gvisor\","
		"\"serviceAccountName\":\"normal-user\","
		"\"containers\":[{\"name\":\"main\",\"image\":\"docker.io/acme/tool:1\"}]}}}}");
	cJSON *ready = asb_json_literal("{\"type\":\"Ready\"}");
	bool is_ready;

	asb_json_set_string(sandbox, "spec/operatingMode", scene->mode);
	if (scene->ready_reason == NULL) {
		cJSON_Delete(ready);
		return sandbox;
	}
	is_ready = strcmp(scene->ready_reason, "DependenciesReady") == 0;
	asb_json_append(sandbox, "status/conditions",
			asb_json_literal("{\"type\":\"Suspended\",\"status\":\"False\","
					 "\"reason\":\"NotSuspended\"}"));
	asb_json_set_string(ready, "status", is_ready ? "True" : "False");
	asb_json_set_string(ready, "reason", scene->ready_reason);
	asb_json_set_string(ready, "message", scene->ready_message);
	asb_json_append(sandbox, "status/conditions", ready);
	return sandbox;
}

static cJSON *state_of(const struct scene *scene)
{
	cJSON *state;

	if (scene->state != NULL)
		return asb_json_literal(scene->state);
	if (scene->waiting_reason == NULL)
		return NULL;
	state = asb_json_literal("{}");
	asb_json_set_string(state, "waiting/reason", scene->waiting_reason);
	asb_json_set_string(state, "waiting/message", scene->waiting_message);
	return state;
}

static cJSON *pod_of(const struct scene *scene)
{
	cJSON *pod = asb_json_literal(
		"{\"metadata\":{\"name\":\"c-1\",\"namespace\":\"work\",\"uid\":\"p-1\"},"
		"\"spec\":{\"containers\":[{\"name\":\"main\",\"image\":\"docker.io/acme/tool:1\","
		"\"resources\":{\"limits\":{\"memory\":\"64Mi\"}}}]}}");
	cJSON *scheduled = asb_json_literal("{\"type\":\"PodScheduled\"}");
	cJSON *state = state_of(scene), *status;

	asb_json_set_string(pod, "status/phase", scene->phase);
	asb_json_set_string(pod, "status/reason", scene->pod_reason);
	asb_json_set_string(pod, "status/message", scene->pod_message);
	asb_json_set_string(pod, "spec/nodeName", scene->node);
	asb_json_set_string(scheduled, "status",
			    scene->scheduled_reason == NULL ? "True" : "False");
	asb_json_set_string(scheduled, "reason", scene->scheduled_reason);
	asb_json_set_string(scheduled, "message", scene->scheduled_message);
	asb_json_append(pod, "status/conditions", scheduled);
	if (state == NULL)
		return pod;
	status = asb_json_literal("{\"name\":\"main\"}");
	asb_json_set(status, "state", state);
	asb_json_append(pod, "status/containerStatuses", status);
	return pod;
}

static cJSON *events_of(const struct scene *scene)
{
	cJSON *events = asb_json_literal("[]");

	for (size_t i = 0; i < 3 && scene->events[i].reason != NULL; i++) {
		cJSON *event = asb_json_literal("{\"involvedObject\":{\"uid\":\"p-1\"}}");

		asb_json_set_string(event, "reason", scene->events[i].reason);
		asb_json_set_string(event, "message", scene->events[i].message);
		asb_json_set_number(event, "count", scene->events[i].count);
		cJSON_AddItemToArray(events, event);
	}
	return events;
}

static void expect_text(const char *scene, const char *what, const char *text, const char *part)
{
	if (part == NULL || strstr(text, part) != NULL)
		return;
	fail_msg("%s: %s \"%s\" lacks \"%s\"", scene, what, text, part);
}

static void play(const struct scene *scene)
{
	ASB_JSON sandbox = sandbox_of(scene);
	ASB_JSON pod = scene->phase != NULL ? pod_of(scene) : NULL;
	ASB_JSON events = events_of(scene);
	struct asb_findings findings = {
		.sandbox = sandbox, .pod = pod, .events = events, .events_visible = !scene->blind};
	static const char *const variables[] = {"{text}", "{image}",   "{namespace}", "{name}",
						"{node}", "{account}", "{runtime}"};
	struct asb_diagnosis diagnosis;

	memset(&diagnosis, 0x55, sizeof(diagnosis));
	asb_diagnose(&findings, &diagnosis);
	if (strcmp(diagnosis.code, scene->code) != 0 || diagnosis.verdict != scene->verdict)
		fail_msg("%s: got %s, verdict %d, want %s, %d (%s)", scene->name, diagnosis.code,
			 (int)diagnosis.verdict, scene->code, (int)scene->verdict, diagnosis.cause);
	if ((diagnosis.patience_ms > 0) != scene->patient)
		fail_msg("%s: patience %d", scene->name, diagnosis.patience_ms);
	assert_true(diagnosis.patience_ms <= 10000);
	expect_text(scene->name, "cause", diagnosis.cause, scene->cause);
	expect_text(scene->name, "hint", diagnosis.hint, scene->hint);
	assert_true(diagnosis.cause[0] != '\0' &&
		    diagnosis.cause[strlen(diagnosis.cause) - 1] != '.');
	/* No variable of a template may be left over. */
	for (size_t i = 0; i < sizeof(variables) / sizeof(variables[0]); i++) {
		assert_null(strstr(diagnosis.cause, variables[i]));
		assert_null(strstr(diagnosis.hint, variables[i]));
	}
}

static void every_scene(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(scenes) / sizeof(scenes[0]); i++)
		play(&scenes[i]);
}

/* Two scenes of one name would hide which one fails, and a terminal one must say what to do or say
 * it all in the cause. */
static void scenes_are_apart(void **state)
{
	size_t n = sizeof(scenes) / sizeof(scenes[0]);

	(void)state;
	assert_true(n >= 25);
	for (size_t i = 0; i < n; i++) {
		for (size_t k = i + 1; k < n; k++)
			assert_string_not_equal(scenes[i].name, scenes[k].name);
	}
}

/* As the API server of a real cluster returned it (managedFields left out). */
static const char real_pod[] =
	"{\"apiVersion\":\"v1\",\"kind\":\"Pod\",\"metadata\":{\"annotations\":{"
	"\"agents.x-k8s.io/propagated-labels\":\"app.kubernetes.io/name\"},"
	"\"creationTimestamp\":\"2026-11-23T01:18:23Z\",\"generation\":1,\"labels\":{"
	"\"agents.x-k8s.io/sandbox-name-hash\":\"0b3a5be9\"},\"name\":\"c-noimage\","
	"\"namespace\":\"work\",\"ownerReferences\":[{\"apiVersion\":\"agents.x-k8s.io/v1beta1\","
	"\"blockOwnerDeletion\":true,\"controller\":true,\"kind\":\"Sandbox\",\"name\":"
	"\"c-noimage\",\"uid\":\"5c3c\"}],\"resourceVersion\":\"1180\",\"uid\":\"0d9a\"},\"spec\":{"
	"\"containers\":[{\"command\":[\"/agentsandbox/shim\",\"init\"],\"image\":"
	"\"docker.io/library/no-such-image:1\",\"name\":\"main\"}],\"nodeName\":\"node\","
	"\"restartPolicy\":\"Never\"},\"status\":{\"conditions\":["
	"{\"lastTransitionTime\":\"2026-11-23T01:18:23Z\",\"status\":\"True\",\"type\":"
	"\"Initialized\"},{\"message\":\"containers with unready status: [main]\",\"reason\":"
	"\"ContainersNotReady\",\"status\":\"False\",\"type\":\"Ready\"},{\"lastTransitionTime\":"
	"\"2026-11-23T01:18:23Z\",\"status\":\"True\",\"type\":\"PodScheduled\"}],"
	"\"containerStatuses\":[{\"image\":\"docker.io/library/no-such-image:1\",\"imageID\":\"\","
	"\"lastState\":{},\"name\":\"main\",\"ready\":false,\"restartCount\":0,\"started\":false,"
	"\"state\":{\"waiting\":{\"message\":\"rpc error: code = NotFound desc = failed to pull "
	"and "
	"unpack image \\\"docker.io/library/no-such-image:1\\\": failed to resolve reference "
	"\\\"docker.io/library/no-such-image:1\\\": docker.io/library/no-such-image:1: not found\","
	"\"reason\":\"ErrImagePull\"}}}],\"hostIP\":\"192.0.2.2\",\"phase\":\"Pending\","
	"\"podIP\":\"203.0.113.12\",\"qosClass\":\"Burstable\",\"startTime\":"
	"\"2026-11-23T01:18:23Z\"}}";

static void real_object(void **state)
{
	ASB_JSON pod = asb_json_literal(real_pod);
	ASB_JSON sandbox = asb_json_literal("{\"metadata\":{\"name\":\"c-noimage\"}}");
	struct asb_findings findings = {.sandbox = sandbox, .pod = pod};
	struct asb_diagnosis diagnosis;

	(void)state;
	asb_diagnose(&findings, &diagnosis);
	assert_string_equal(diagnosis.code, "image-not-found");
	assert_string_equal(diagnosis.cause,
			    "image \"docker.io/library/no-such-image:1\" was not found in its "
			    "registry: docker.io/library/no-such-image:1: not found");
}

/* Events of the pod that had the name before say nothing about this one. */
static void events_of_another_pod(void **state)
{
	static const struct scene scene = {PULL("ContainerCreating", NULL)};
	ASB_JSON sandbox = sandbox_of(&scene);
	ASB_JSON pod = pod_of(&scene);
	ASB_JSON events = asb_json_literal("[{\"reason\":\"Started\",\"involvedObject\":{\"uid\":"
					   "\"p-0\"}}]");
	struct asb_findings findings = {
		.sandbox = sandbox, .pod = pod, .events = events, .events_visible = true};
	struct asb_diagnosis diagnosis;

	(void)state;
	asb_diagnose(&findings, &diagnosis);
	assert_string_equal(diagnosis.code, "preparing");
}

static void being_deleted(void **state)
{
	static const struct scene scene = {PULL("ContainerCreating", NULL)};
	ASB_JSON sandbox = sandbox_of(&scene);
	ASB_JSON pod = pod_of(&scene);
	struct asb_findings findings = {.sandbox = sandbox, .pod = pod};
	struct asb_diagnosis diagnosis;

	(void)state;
	asb_json_set_string(pod, "metadata/deletionTimestamp", "2026-11-23T01:18:23Z");
	asb_diagnose(&findings, &diagnosis);
	assert_string_equal(diagnosis.code, "pod-deleting");
	assert_int_equal(diagnosis.verdict, MAY_HEAL);
	asb_json_set_string(sandbox, "metadata/deletionTimestamp", "2026-11-23T01:18:23Z");
	asb_diagnose(&findings, &diagnosis);
	assert_string_equal(diagnosis.code, "deleted");
	assert_int_equal(diagnosis.verdict, TERMINAL);
}

static void out_of_memory(void **state)
{
	static const struct scene scene = {
		"oom",
		"PodFailed",
		"Pod failed",
		.phase = "Failed",
		.node = "node-1",
		.state = "{\"terminated\":{\"exitCode\":137,\"reason\":\"OOMKilled\"}}"};
	ASB_JSON pod = pod_of(&scene);
	struct asb_diagnosis diagnosis;
	int status = 0;

	(void)state;
	assert_true(asb_diagnose_end(pod, &diagnosis, &status));
	assert_int_equal(status, 137);
	assert_string_equal(diagnosis.code, "oom");
	assert_non_null(strstr(diagnosis.cause, "memory"));
	assert_non_null(strstr(diagnosis.cause, "64Mi"));
	assert_non_null(strstr(diagnosis.hint, "--memory"));
}

static void not_the_end(void **state)
{
	static const struct scene scene = {"running", NOT_READY, .phase = "Running",
					   .state = "{\"running\":{}}"};
	ASB_JSON pod = pod_of(&scene);
	struct asb_diagnosis diagnosis;
	int status = 0;

	(void)state;
	assert_false(asb_diagnose_end(pod, &diagnosis, &status));
	assert_false(asb_diagnose_end(NULL, &diagnosis, &status));
	assert_int_equal(status, 125);
}

/* A container that ended with 0 is no success either: PID 1 is not the command. */
static void clean_end(void **state)
{
	static const struct scene scene = {
		"end", NOT_READY, .phase = "Succeeded",
		.state = "{\"terminated\":{\"exitCode\":0,\"reason\":\"Completed\"}}"};
	ASB_JSON pod = pod_of(&scene);
	struct asb_diagnosis diagnosis;
	int status = 0;

	(void)state;
	assert_true(asb_diagnose_end(pod, &diagnosis, &status));
	assert_int_equal(status, 125);
	assert_string_equal(diagnosis.code, "container-ended");
}

/* The Sandbox itself is refused: the API server's own message. */
static void refusal(void **state)
{
	ASB_JSON sandbox = asb_json_literal("{\"metadata\":{\"namespace\":\"nowhere\"}}");
	struct asb_diagnosis diagnosis;

	(void)state;
	asb_diagnose_refusal(sandbox,
			     "Error from server (NotFound): namespaces \"nowhere\" not found",
			     &diagnosis);
	assert_string_equal(diagnosis.code, "namespace-missing");
	assert_string_equal(diagnosis.cause, "there is no namespace \"nowhere\"");
	assert_non_null(strstr(diagnosis.hint, "kubectl apply -k manifests"));
}

/* Texts of others may be long, and may hold anything: the result is one line that fits. */
static void hostile_text(void **state)
{
	static const struct scene scene = {PULL("ErrImagePull", NULL)};
	ASB_JSON sandbox = sandbox_of(&scene);
	ASB_JSON pod = pod_of(&scene);
	struct asb_findings findings = {.sandbox = sandbox, .pod = pod};
	struct asb_diagnosis diagnosis;
	static const char nasty[] = "\x1b[2J\r\n{image}{text}%s%n";
	char text[5000];

	(void)state;
	memset(text, 'x', sizeof(text) - 1);
	memcpy(text, nasty, sizeof(nasty) - 1);
	text[sizeof(text) - 1] = '\0';
	asb_json_set_string((cJSON *)asb_json_at(pod, "status/containerStatuses/0"),
			    "state/waiting/message", text);
	asb_diagnose(&findings, &diagnosis);
	assert_string_equal(diagnosis.code, "image-pull");
	assert_true(strlen(diagnosis.cause) < sizeof(diagnosis.cause));
	assert_null(strpbrk(diagnosis.cause, "\x1b\r\n"));
	assert_non_null(strstr(diagnosis.cause, "{image}{text}%s%n"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_scene),	 cmocka_unit_test(scenes_are_apart),
		cmocka_unit_test(real_object),	 cmocka_unit_test(events_of_another_pod),
		cmocka_unit_test(being_deleted), cmocka_unit_test(out_of_memory),
		cmocka_unit_test(not_the_end),	 cmocka_unit_test(clean_end),
		cmocka_unit_test(refusal),	 cmocka_unit_test(hostile_text),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

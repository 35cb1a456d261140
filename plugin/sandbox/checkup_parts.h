/* SPDX-License-Identifier: Apache-2.0 */
/*
 * checkup_parts.h - between the checkup_*.c files: what was asked, what was answered, and who
 * judges it. Asking (checkup_ask.c, checkup_account.c) is apart from judging: the judges are pure.
 */
#ifndef ASB_CHECKUP_PARTS_H
#define ASB_CHECKUP_PARTS_H

#include "plugin/sandbox/checkup.h"
#include "plugin/sandbox/diagnose.h"
#include "plugin/sandbox/resources.h"
#include "plugin/sandbox/rights.h"
#include "plugin/sandbox/shim_binary.h"

/* What is examined; the names of the checks. */
#define ASB_CHECK_SERVER "API server"
#define ASB_CHECK_NODES "nodes"
#define ASB_CHECK_API "agent-sandbox API"
#define ASB_CHECK_CRDS "CRDs"
#define ASB_CHECK_CONTROLLER "controller"
#define ASB_CHECK_VERSION "controller version"
#define ASB_CHECK_EXTENSIONS "extensions"
#define ASB_CHECK_LEASE "controller Lease"
#define ASB_CHECK_WEBHOOK "conversion webhook"
#define ASB_CHECK_NAMESPACE "namespace"
#define ASB_CHECK_RIGHTS "rights"
#define ASB_CHECK_ACCOUNT "ServiceAccount"
#define ASB_CHECK_ACCOUNT_RIGHTS "ServiceAccount rights"
#define ASB_CHECK_SECURITY "PodSecurity"
#define ASB_CHECK_QUOTA "ResourceQuota"
#define ASB_CHECK_LIMITS "LimitRange"
#define ASB_CHECK_CLASS "RuntimeClass"
#define ASB_CHECK_ADMISSION "admission"
#define ASB_CHECK_NETWORK "NetworkPolicy"
#define ASB_CHECK_POOLS "warm pools"
#define ASB_CHECK_SANDBOXES "sandboxes"
#define ASB_CHECK_SHIM "shim ConfigMap"

#define ASB_CONTROLLER_NAMESPACE "agent-sandbox-system"
#define ASB_CONTROLLER_NAME "agent-sandbox-controller"
#define ASB_CONTROLLER_SELECTOR "app=" ASB_CONTROLLER_NAME
#define ASB_CONTROLLER_LEASE "a3317529.agent-sandbox.x-k8s.io"
#define ASB_WEBHOOK_SERVICE "agent-sandbox-webhook-service"

enum asb_question {
	/* at once */
	ASB_Q_VERSION,
	ASB_Q_CORE_GROUP,
	ASB_Q_EXTENSION_GROUP,
	ASB_Q_WHOAMI,
	ASB_Q_CRD_SANDBOXES, /* the four in this order */
	ASB_Q_CRD_CLAIMS,
	ASB_Q_CRD_TEMPLATES,
	ASB_Q_CRD_POOLS,
	ASB_Q_DEPLOYMENT,
	ASB_Q_STATEFULSET, /* the controller of the first releases */
	ASB_Q_DEPLOYMENTS, /* wherever it may be */
	ASB_Q_NODES,
	ASB_Q_NAMESPACE,
	ASB_Q_ACCOUNT,
	ASB_Q_QUOTAS,
	ASB_Q_LIMITS,
	ASB_Q_POLICIES,
	ASB_Q_CLASS,
	ASB_Q_EVENTS,
	ASB_Q_PODS,
	ASB_Q_SHIM,				   /* one for each shim of the plugin */
	ASB_Q_SHIMS = ASB_Q_SHIM + ASB_SHIMS_MOST, /* all that are ours */
	ASB_Q_DNS_SERVICE,
	ASB_Q_API_SLICES,
	/* what follows from those */
	ASB_Q_LEASE,
	ASB_Q_CONTROLLER_PODS,
	ASB_Q_WEBHOOK_SERVICE,
	ASB_Q_WEBHOOK_SLICES,
	ASB_Q_CONVERTED, /* Sandboxes in the version that is not stored */
	ASB_Q_SANDBOXES,
	ASB_Q_CLAIMS,
	ASB_Q_POOLS,
	ASB_Q_DRY_POD,
	ASB_Q_DRY_SANDBOX,
	ASB_QUESTIONS,
};
#define ASB_LATER_QUESTIONS ASB_Q_LEASE

struct asb_answer {
	int http;     /* status; 0: not asked, or no answer */
	cJSON *json;  /* owned; NULL: none, or an error */
	char *failed; /* owned; the API server's words, or what kept them from us; NULL: no error */
};

#define ASB_EXAM_TEMPLATES 64u

struct asb_exam {
	const struct asb_checkup_options *options;
	const char *namespace_;
	int64_t now_ms; /* by the server's clock */
	struct asb_answer answers[ASB_QUESTIONS];
	const struct asb_api *api; /* what the cluster serves; v1beta1 when unknown */

	const cJSON *controller;     /* its Deployment or StatefulSet, borrowed; NULL: none seen */
	const char *controller_kind; /* "deployment", "statefulset" */

	struct asb_rights rights; /* of the purpose that `run` has here */
	char *rights_failed;	  /* owned: they could not be asked for; NULL: they were */
	struct asb_access *more;  /* owned: what other commands need */
	size_t more_count;

	char *powers;	     /* owned: the account's dangerous rights, "" none; NULL: unknown */
	char *powers_failed; /* owned */

	/* SandboxTemplates, by the index of the pool in the list of pools */
	struct asb_answer templates[ASB_EXAM_TEMPLATES];

	struct asb_diagnosis refusal; /* of the dry runs; code NULL: not refused */
	char *refusal_text;	      /* owned: the API server's words */
	bool admitted;		      /* a pod like ours was let in */
};

/* --- checkup_fetch.c --- */

/* Runs the questions side by side; those without a path are left out. bodies[i] NULL: GET. Paths
 * and bodies are freed. Nothing is told to the user on stderr. */
int asb_exam_fetch(struct asb_http *http, char **paths, char **bodies, struct asb_answer *answers,
		   size_t n, struct asb_error *err);

/* --- checkup_ask.c: all of it but what checkup_account.c finds out --- */

int asb_exam_ask(struct asb_exam *exam, struct asb_http *http, struct asb_error *err);
void asb_exam_release(struct asb_exam *exam);

/* A pod like those of `run`: its spec, heap. */
cJSON *asb_exam_pod_spec(const struct asb_exam *exam);

/* Finds the controller among the answers, and what the dry runs mean. Pure. */
void asb_exam_find_controller(struct asb_exam *exam);
void asb_exam_take_dry_runs(struct asb_exam *exam);

/* --- checkup_rights.c --- */

/* Asks what the user may do. */
int asb_exam_ask_rights(struct asb_exam *exam, struct asb_http *http, struct asb_error *err);

/* --- checkup_account.c --- */

/* Asks what the ServiceAccount of the sandboxes may do that nobody unread should. */
int asb_exam_ask_powers(struct asb_exam *exam, struct asb_http *http, struct asb_error *err);

/* --- checkup_finding.c --- */

/* Takes ownership of next_step, which may be NULL. */
void asb_checkup_add(struct asb_checkup *checkup, const char *name, enum asb_check_status status,
		     char *next_step, const char *format, ...)
	__attribute__((format(printf, 5, 6)));

/* Adds "unknown" and returns true unless the question was answered with an object. `what` is what
 * may not be read: "nodes". Not for 404, of which it returns false too. */
bool asb_checkup_unread(struct asb_checkup *checkup, const char *name,
			const struct asb_answer *answer, const char *what);

/* --- checkup.c --- */

/* Marks what follows from earlier problems, and sorts. */
void asb_checkup_conclude(struct asb_checkup *checkup);

/* All judges, from the ground up. */
void asb_checkup_judge(const struct asb_exam *exam, struct asb_checkup *checkup);

/* --- the judges --- */

typedef void asb_judge(const struct asb_exam *exam, struct asb_checkup *checkup);

/* checkup_api.c */
asb_judge asb_judge_server, asb_judge_api, asb_judge_crds;
/* checkup_controller.c */
asb_judge asb_judge_controller, asb_judge_version, asb_judge_extensions, asb_judge_lease;
/* checkup_webhook.c */
asb_judge asb_judge_webhook;
/* checkup_nodes.c */
asb_judge asb_judge_nodes, asb_judge_class;
/* checkup_rights.c */
asb_judge asb_judge_rights;
/* checkup_account.c */
asb_judge asb_judge_account, asb_judge_powers;
/* checkup_namespace.c */
asb_judge asb_judge_namespace, asb_judge_security, asb_judge_admission;
/* checkup_quota.c */
asb_judge asb_judge_quota, asb_judge_limits;
/* checkup_network.c */
asb_judge asb_judge_network;
/* checkup_pools.c */
asb_judge asb_judge_pools;
/* checkup_objects.c */
asb_judge asb_judge_sandboxes, asb_judge_shim;

/* --- checkup_exam.c: shared by judges --- */

/* For a line; "?" when it has none. Borrowed. */
const char *asb_exam_name(const cJSON *object);

/* Whether the dry run was refused for this reason (diagnose.h's code). */
bool asb_exam_refused(const struct asb_exam *exam, const char *code);

/* Whether sandboxes are plain pods, which need nothing of agent-sandbox. */
bool asb_exam_plain_pods(const struct asb_exam *exam);

/* Lines that install a release of agent-sandbox; `tag` NULL: the newest known. Heap. */
char *asb_install_step(const char *tag);

/* For a line. Borrowed. */
const char *asb_controller_image(const struct asb_exam *exam);

/* The tag of the controller's image ("v0.5.6"), heap; NULL: unknown. */
char *asb_controller_tag(const struct asb_exam *exam);

/* Whether the controller was started with --<flag> or --<flag>=true; `otherwise` when it says
 * nothing about it. */
bool asb_controller_flag(const struct asb_exam *exam, const char *flag, bool otherwise);

const char *asb_controller_namespace(const struct asb_exam *exam);

#endif

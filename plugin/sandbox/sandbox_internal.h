/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sandbox_internal.h - what the files share that make up a sandbox: sandbox.c for all kinds, and
 * those of one kind. Nobody else includes it.
 */
#ifndef ASB_SANDBOX_INTERNAL_H
#define ASB_SANDBOX_INTERNAL_H

#include "plugin/sandbox/lease.h"
#include "plugin/sandbox/object.h"
#include "plugin/sandbox/observer.h"
#include "plugin/sandbox/placement.h"
#include "plugin/sandbox/resources.h"
#include "plugin/sandbox/rights.h"
#include "plugin/sandbox/sandbox.h"

/* How long a verdict has stood. */
struct asb_judgement {
	struct asb_diagnosis diagnosis;
	int64_t since_ms; /* monotonic: when this code was found first */
	const char *told; /* code of the last notice */
};

/* What differs from one kind of sandbox to the other; the functions are those of sandbox.h. */
struct asb_kind {
	const char *noun;     /* what kubectl calls its root object */
	const char *end_path; /* where the end of its life stands in the root object */
	enum asb_right renew; /* to move that end; ASB_RIGHTS: nobody can */
	enum asb_purpose purpose;
	bool shared; /* others may move the end of its life */
	int (*prepare)(struct asb_sandbox *sandbox, struct asb_error *err);
	int (*create)(struct asb_sandbox *sandbox, struct asb_error *err);
	/* Moves on what was started by `create`, up to observing and the lease. */
	int (*step)(struct asb_sandbox *sandbox, struct asb_error *err);
	int (*delete)(struct asb_sandbox *sandbox, bool force, struct asb_error *err);
};

extern const struct asb_kind asb_kind_made;    /* make.c */
extern const struct asb_kind asb_kind_opened;  /* open.c */
extern const struct asb_kind asb_kind_claimed; /* claim.c */
extern const struct asb_kind asb_kind_pod;     /* plain_pod.c */
/* What the opened one turns out to be: claim_open.c, plain_pod.c. */
extern const struct asb_kind asb_kind_opened_claim, asb_kind_opened_pod;

/* What is known of a claim before it has a Sandbox. */
struct asb_claim {
	char *template_name; /* of the pool; v1alpha1 only */
	char *pool;	     /* of a claim that was opened */
	struct asb_source source;
	cJSON *newest;
	bool gone;
	bool binding; /* the Sandbox and its pod are being read */
	struct asb_http_request object, pod;
	char *object_path, *pod_path;
	char *bound;	 /* name of the Sandbox that is being read */
	bool early;	 /* it is not the claim's yet */
	bool seen, runs; /* the answer about its pod, which runs */
};

struct asb_sandbox {
	struct asb_http *http;
	const struct asb_kind *kind;
	const struct asb_api *api; /* found by prepare */
	struct asb_sandbox_options options;
	struct asb_sandbox_hooks hooks;
	char *name;
	char *instance;		  /* see labels.h */
	struct asb_error unnamed; /* why there are no names, told by prepare */
	enum asb_sandbox_phase phase;
	struct asb_rights rights;

	struct asb_placement placement; /* chosen by prepare */
	bool shim_present;		/* its ConfigMap was seen and is ours */
	/* What everything else hangs on (Sandbox, SandboxClaim or pod), and ConfigMaps. */
	struct asb_object root, shim, config;
	struct asb_claim claim;
	bool endless;		  /* a claim in a release of agent-sandbox that ends none */
	cJSON *found, *found_pod; /* what was opened, before it is observed */
	struct asb_observer observer;
	bool blind; /* the observer has failed while the command ran */
	struct asb_lease lease;
	bool leased;	    /* `lease` is in use */
	bool resting;	    /* ... but not to be renewed */
	int64_t started_ms; /* monotonic, of asb_sandbox_create */

	struct asb_judgement judgement;
	char *running_uid;  /* of the pod whose container was seen running */
	int64_t failing_ms; /* monotonic: since when it fails while running, 0: it doesn't */
};

/* --- state.c --- */

void asb_sandbox_set_phase(struct asb_sandbox *sandbox, enum asb_sandbox_phase phase);
__attribute__((format(printf, 2, 3))) void asb_sandbox_notice(struct asb_sandbox *sandbox,
							      const char *format, ...);

/* Takes a verdict; -1 when it is terminal, or has become so by lasting. `trouble`: why
 * the verdict may come from what is old, or NULL; one that decides nothing gives way to it. */
int asb_sandbox_weigh(struct asb_sandbox *sandbox, struct asb_diagnosis *found,
		      const struct asb_error *trouble, struct asb_error *err);

/* What is known of it: what was read, then what is observed. */
struct asb_findings asb_sandbox_findings(const struct asb_sandbox *sandbox);

/* Sets the error of a diagnosis, with the hint that fits this kind of sandbox. Returns -1. */
int asb_sandbox_fail(const struct asb_sandbox *sandbox, const struct asb_diagnosis *diagnosis,
		     struct asb_error *err);

/* Whether the pod is another one than that in which commands ran. */
bool asb_sandbox_is_other_pod(const struct asb_sandbox *sandbox, const cJSON *pod);

/* When the verdict turns terminal by lasting, -1: never. */
int64_t asb_judgement_deadline(const struct asb_judgement *judgement);

/* Stops lease and observation, so that requests about the Sandbox can't cross its deletion. */
void asb_sandbox_let_go(struct asb_sandbox *sandbox);

/*
 * prepare.c: asks for the rights and, while that is under way, n GETs; waits for all answers. The
 * caller drops the requests (all-zero before) in any case.
 */
int asb_sandbox_ask(struct asb_sandbox *sandbox, struct asb_http_request *const *requests,
		    const char *const *paths, unsigned n, struct asb_error *err);
void asb_sandbox_drop_questions(struct asb_sandbox *sandbox,
				struct asb_http_request *const *requests, unsigned n);
/* Chooses sandbox->api by the answer about the API group; -1 when agent-sandbox is not there, or in
 * no version we know. */
int asb_sandbox_judge_group(struct asb_sandbox *sandbox, const struct asb_http_request *request,
			    struct asb_error *err);

/* "agent-sandbox is not installed", with how to install it. Returns -1. */
int asb_sandbox_fail_absent(struct asb_error *err);

/* The same for the group of claims and pools. */
int asb_sandbox_judge_extensions(const struct asb_http_request *request, struct asb_error *err);
/* Chooses sandbox->placement by the answers; -1 when there is no shim for it, or when the ConfigMap
 * that carries the shim holds something else. */
int asb_sandbox_place(struct asb_sandbox *sandbox, const struct asb_survey *survey,
		      struct asb_error *err);

/* creation.c: whether the end of its life can be moved. */
bool asb_sandbox_renewable(const struct asb_sandbox *sandbox);
/* Length of the lease that it is made with. */
int64_t asb_sandbox_first_lease_ms(const struct asb_sandbox *sandbox);

/* Tells when it can't. */
void asb_sandbox_tell_fixed_end(struct asb_sandbox *sandbox);
/* Sends the shim's ConfigMap when it isn't there, and the root object. */
int asb_sandbox_post_shim(struct asb_sandbox *sandbox, struct asb_error *err);
int asb_sandbox_post_root(struct asb_sandbox *sandbox, const struct asb_resource *resource,
			  const cJSON *object, struct asb_error *err);
int asb_sandbox_post_config(struct asb_sandbox *sandbox, const char *api_version, const char *kind,
			    struct asb_error *err);
/* Takes the answers. 1: the root was made now, *made (owned by the caller) is it. */
int asb_sandbox_step_shim(struct asb_sandbox *sandbox, struct asb_error *err);
int asb_sandbox_step_root(struct asb_sandbox *sandbox, cJSON **made, struct asb_error *err);
int asb_sandbox_step_config(struct asb_sandbox *sandbox, struct asb_error *err);
/* All three in a row. Once the root is made, `begin` takes it over, follows it and posts what it is
 * to own. */
typedef int asb_sandbox_begin_fn(struct asb_sandbox *sandbox, cJSON *made, struct asb_error *err);
int asb_sandbox_step_made(struct asb_sandbox *sandbox, asb_sandbox_begin_fn *begin,
			  struct asb_error *err);
void asb_sandbox_start_lease(struct asb_sandbox *sandbox);

/* deletion.c: for all kinds that were created. */
int asb_sandbox_delete_created(struct asb_sandbox *sandbox, bool force, struct asb_error *err);

/* claim.c: follows a claim (taken over) until its Sandbox and pod are observed, and on. */
int asb_claim_follow(struct asb_sandbox *sandbox, cJSON *claim, struct asb_error *err);
int asb_claim_step(struct asb_sandbox *sandbox, struct asb_error *err);
void asb_claim_release(struct asb_claim *claim, struct asb_http *http);

/* claim_open.c: makes an opened sandbox one of a claim, which is taken over. */
void asb_claim_open(struct asb_sandbox *sandbox, cJSON *claim);

/* check.c: whether commands can be run in what was found, a Sandbox or claim, or any pod. The pod
 * that runs counts; before there is one, what it will be made from. */
int asb_sandbox_check_opened(struct asb_sandbox *sandbox, struct asb_error *err);
int asb_sandbox_check_pod(const struct asb_sandbox *sandbox, struct asb_error *err);

/* Whether a pod of that spec runs our shim as PID 1 where we look for it; err names what is
 * missing. */
int asb_sandbox_check_shim(const struct asb_sandbox *sandbox, const cJSON *pod_spec,
			   struct asb_error *err);

/* leave.c: does nothing but let go: it was there before. */
int asb_sandbox_leave(struct asb_sandbox *sandbox, bool force, struct asb_error *err);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sandbox.h - one sandbox from wish to deletion, of whatever kind: a Sandbox of our own, one
 * claimed from a warm pool, a plain pod, or a Sandbox that is there already. Knows no terminal and
 * no command line.
 *
 *   asb_sandbox_prepare -> asb_sandbox_create -> asb_sandbox_step until RUNNING -> (exec) ...
 * asb_sandbox_step renews the lease ... -> asb_sandbox_delete
 *
 * Guarantees: nothing is created before every needed right was checked; whatever was created is
 * deleted by asb_sandbox_delete, or, when the program is killed, by the cluster: the Sandbox
 * carries shutdownTime and shutdownPolicy Delete, its ConfigMap and pod are owned by it. A failure
 * that can't heal ends the wait at once with cause and next step (diagnose.h); what may heal is
 * reported through `notice` and waited for.
 */
#ifndef ASB_SANDBOX_H
#define ASB_SANDBOX_H

#include <stdbool.h>
#include <stdint.h>

#include "plugin/base/json.h"
#include "plugin/kube/http.h"

/* What the command runs in. */
enum asb_mode {
	ASB_MODE_SANDBOX, /* a Sandbox, or one claimed from a pool */
	ASB_MODE_POD,	  /* a plain pod, where there is no agent-sandbox */
};

/* When the pool has no sandbox ready. */
enum asb_cold {
	ASB_COLD_ALLOW, /* one is made from the pool's template, which takes longer: a notice */
	ASB_COLD_NEVER, /* an error */
};

/* What the user wants. Strings are borrowed for the life of the sandbox, NULL: default. */
struct asb_sandbox_options {
	const char *namespace_;	     /* where the sandbox lives; required */
	const char *inner_namespace; /* default namespace of kubectl inside; NULL: "default" */
	const char *name;	     /* NULL: generated, "run-" + 10 random characters */
	const char *image;	     /* required */
	const char *image_pull_policy;
	const char *runtime_class;
	const char *arch;	     /* of the node: "amd64", "arm64"; NULL: placement.h */
	const char *service_account; /* required */
	const char *cpu, *memory;    /* limits (requests are smaller) */
	const char *user;	     /* decimal uid; "image": the image's own, which must not be
					root; NULL: 1001 */
	int64_t ready_timeout_ms;
	int64_t lease_ms;	/* time the sandbox outlives us when renewed */
	int64_t run_timeout_ms; /* of the command, for the fixed lease where renewal isn't allowed;
				   0: unknown */
	enum asb_mode mode;
	const char *pool; /* name of a SandboxWarmPool to claim from; its template then decides on
			     image, user, resources, account, runtime class and inner namespace.
			     NULL: none */
	enum asb_cold cold;
	int64_t ttl_ms;	   /* it stays that long, whatever becomes of us: its end is not moved; 0:
			      the lease says */
	const cJSON *base; /* the user's own Sandbox, which comes first (overlay.h); NULL: none */
	bool keep;	   /* not deleted at the end: the lease then is an hour */
};

enum asb_sandbox_phase {
	ASB_SANDBOX_CHECKING,	/* rights */
	ASB_SANDBOX_CREATING,	/* objects */
	ASB_SANDBOX_SCHEDULING, /* waiting for a node */
	ASB_SANDBOX_STARTING,	/* image, volumes, container */
	/* The container runs: exec may be tried. The kubelet's event about it may be a second ahead
	 * of the pod's status, and the shim some milliseconds behind. */
	ASB_SANDBOX_RUNNING,
	ASB_SANDBOX_GONE, /* deleted */
};

struct asb_sandbox;

/* What the caller is told while waiting; both may be NULL. `text` is one line without full stop. */
struct asb_sandbox_hooks {
	void (*phase)(void *context, enum asb_sandbox_phase phase);
	void (*notice)(void *context, const char *text);
	void *context;
	/* In a Sandbox that is there: its pod is ours and runs, so that a connection to it may be
	 * opened, while its rights are still being checked. asb_http_* must not be called. */
	void (*promised)(void *context, const char *pod);
};

struct asb_sandbox *asb_sandbox_new(struct asb_http *http,
				    const struct asb_sandbox_options *options,
				    const struct asb_sandbox_hooks *hooks);

/*
 * A Sandbox that is there, to run more commands in. The same steps: prepare reads it and finds out
 * whether commands can be run in it at all (it exists, is not suspended, its pod was started with
 * the plugin's shim), create makes nothing and may reach RUNNING at once, step follows it; delete
 * leaves it alone. While it is attached, its shutdownTime is kept two minutes ahead where the
 * rights allow it and it has one: never shortened, whoever else moves it. RUNNING is waited for
 * five minutes at most. The strings are borrowed.
 */
struct asb_sandbox *asb_sandbox_open(struct asb_http *http, const char *namespace_,
				     const char *name, const struct asb_sandbox_hooks *hooks);

/* Checks the options (usage errors), the rights and, in parallel with them, the shim ConfigMap and
 * the API discovery; names what is missing. Creates nothing. */
int asb_sandbox_prepare(struct asb_sandbox *sandbox, struct asb_error *err);

/*
 * Starts creating the shim ConfigMap when it is absent, and the Sandbox; returns at once, so that
 * the caller can be interrupted. asb_sandbox_step takes the answers, creates the sandbox's
 * ConfigMap, starts watching, and fails when something is refused. After an error, of this or of a
 * step, asb_sandbox_delete must still be called.
 */
int asb_sandbox_create(struct asb_sandbox *sandbox, struct asb_error *err);

/* To be called after every asb_http_poll: takes watch events, renews the lease, finds failures. -1:
 * it failed for good (also while running: pod evicted, OOM ...). */
int asb_sandbox_step(struct asb_sandbox *sandbox, struct asb_error *err);
/* Longest time in ms until the next step is wanted, -1: none. */
int asb_sandbox_timeout(const struct asb_sandbox *sandbox);

/* While it rests, the end of its life is not moved: it is held ready, but nobody uses it. */
void asb_sandbox_rest(struct asb_sandbox *sandbox, bool resting);

/* What kubectl calls the object that is deleted at the end: "sandbox", "sandboxclaim" or "pod". */
const char *asb_sandbox_noun(const struct asb_sandbox *sandbox);

/* Whether all objects that were sent have been taken: nothing is under way. */
bool asb_sandbox_settled(const struct asb_sandbox *sandbox);

enum asb_sandbox_phase asb_sandbox_phase(const struct asb_sandbox *sandbox);
const char *asb_sandbox_name(const struct asb_sandbox *sandbox);
const char *asb_sandbox_pod(const struct asb_sandbox *sandbox); /* NULL before it is known */
/* A pod that runs and in which commands will most likely run, NULL: none. A connection to it may be
 * opened, but nothing be run there before asb_sandbox_pod names it too. Borrowed until the next
 * step. */
const char *asb_sandbox_promised_pod(const struct asb_sandbox *sandbox);
const char *asb_sandbox_container(const struct asb_sandbox *sandbox); /* "main" */
/* NULL-ended argv of `shim connect` inside the container. */
const char *const *asb_sandbox_connect_argv(const struct asb_sandbox *sandbox);

/*
 * After a lost stream: asks the pod what became of it (bounded, 5 s). Returns the exit status to
 * report and fills err: 137 for an OOM kill that took PID 1 along (the limit is named), 125 for
 * everything else (evicted, drained, deleted, suspended, expired, node lost, container ended, still
 * running).
 */
int asb_sandbox_post_mortem(struct asb_sandbox *sandbox, struct asb_error *err);

/*
 * After an exit record: why the command was ended, put into err, whose exit status stays. That the
 * sandbox was stopped: asks what became of it (bounded, 5 s); when nobody knows, err stays. That it
 * ran out of memory: names the limit, and how to raise it.
 */
void asb_sandbox_explain_shutdown(struct asb_sandbox *sandbox, struct asb_error *err);
void asb_sandbox_explain_oom(const struct asb_sandbox *sandbox, struct asb_error *err);

/*
 * Deletes what was created, or may have been; safe to call at any stage and twice. Returns as soon
 * as the API server has accepted it (garbage collection does the rest); waits up to 3 s for the
 * answer to a creation under way, and tries a deletion that fails a few times. With options.keep
 * the Sandbox stays unless `force`. No other function but asb_sandbox_name and asb_sandbox_free
 * makes sense afterwards.
 */
int asb_sandbox_delete(struct asb_sandbox *sandbox, bool force, struct asb_error *err);
void asb_sandbox_free(struct asb_sandbox *sandbox);

#endif

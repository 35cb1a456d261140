/* SPDX-License-Identifier: Apache-2.0 */
/*
 * diagnose.h - from what the cluster says about a sandbox to what it means. Pure.
 *
 * Where the truth is: refusals of the pod (RuntimeClass, quota, PodSecurity, ServiceAccount,
 * policies) stand only in the Sandbox's Ready condition (reason ReconcilerError, there is no
 * event); scheduling and images in the pod's status; the node's troubles with runtimes, network and
 * volumes only in events. The texts that are looked for are those of Kubernetes 1.28 to 1.37,
 * containerd, CRI-O and agent-sandbox v0.5 to v1.0; a text that nobody knows is never terminal by
 * itself.
 */
#ifndef ASB_DIAGNOSE_H
#define ASB_DIAGNOSE_H

#include <stdint.h>

#include "plugin/base/json.h"

enum asb_verdict {
	ASB_VERDICT_RUNNING,  /* the container runs */
	ASB_VERDICT_PENDING,  /* on its way; `cause` says what it waits for */
	ASB_VERDICT_MAY_HEAL, /* something is wrong that may pass: to be told, and waited for */
	ASB_VERDICT_TERMINAL, /* it will never run */
};

struct asb_diagnosis {
	enum asb_verdict verdict;
	/* 0: none. Else a verdict that is not TERMINAL becomes so when the same `code` is found for
	 * that long. */
	int patience_ms;
	const char *code; /* stable word, "image-not-found"; static storage */
	char cause[1024]; /* lower case, no full stop */
	char hint[1024];  /* next step, or empty */
};

/* What is known. All borrowed. */
struct asb_findings {
	const cJSON *sandbox; /* newest state; required (the answer to its creation at first) */
	const cJSON *pod;     /* NULL: none seen */
	const cJSON *events;  /* array of core/v1 Events of the pod, oldest first, or NULL */
	bool events_visible;  /* events can be read: that none is there means something */
	int64_t now_ms;	      /* since 1970, by the server's clock; 0: unknown */
};

void asb_diagnose(const struct asb_findings *findings, struct asb_diagnosis *out);

/* Only whether the Sandbox itself has come to an end for now: deleted, suspended or expired. False:
 * it hasn't. */
bool asb_diagnose_life(const struct asb_findings *findings, struct asb_diagnosis *out);

/*
 * The same for a message with which the API server refused the Sandbox itself or its pod
 * ("... is forbidden: exceeded quota: ..."). `sandbox` may be the object that was sent.
 */
void asb_diagnose_refusal(const cJSON *sandbox, const char *message, struct asb_diagnosis *out);

/* The same for a pod whose container has ended: OOM kill, eviction, end of PID 1. *status is the
 * exit status to report: 137 after an OOM kill, else 125. False when the pod hasn't ended. */
bool asb_diagnose_end(const cJSON *pod, struct asb_diagnosis *out, int *status);

/* For a command that was killed because its sandbox ran out of memory; the sandbox lives. */
void asb_diagnose_oom(const cJSON *pod, struct asb_diagnosis *out);

/* Why the sandbox that a command ran in is no more. */
struct asb_loss {
	const char *noun, *name; /* of what it is: sandbox "box" */
	const cJSON *sandbox;	 /* last state that was seen, or NULL */
	bool sandbox_gone;	 /* it exists no more, or another one has its name */
	const cJSON *pod;	 /* the same for the pod of the command */
	bool pod_gone;
	int64_t now_ms; /* as in struct asb_findings */
};

/* The nearest to the root of: eviction, OOM kill; expired, deleted, suspended; pod deleted by
 * somebody. *status as for asb_diagnose_end. False: nothing is known to have happened to it. */
bool asb_diagnose_loss(const struct asb_loss *loss, struct asb_diagnosis *out, int *status);

#endif

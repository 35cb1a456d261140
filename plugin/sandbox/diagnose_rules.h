/* SPDX-License-Identifier: Apache-2.0 */
/*
 * diagnose_rules.h - tables of "this text means that", used by the diagnose_*.c files only.
 *
 * Templates know {text} (the message, shortened), {image}, {namespace}, {name}, {account},
 * {runtime}, {node}, {pool}, {arch}, {other arch}; everything else stands for itself.
 */
#ifndef ASB_DIAGNOSE_RULES_H
#define ASB_DIAGNOSE_RULES_H

#include <stddef.h>

#include "plugin/sandbox/diagnose.h"

/* What templates speak of; borrowed, "" when unknown. */
struct asb_subject {
	const char *namespace_, *name, *image, *account, *runtime_class, *node, *pool;
	const char *arch, *other_arch; /* that the pod asks for, and the other one */
};

struct asb_rule {
	const char *needle;  /* in the message, whatever its case; NULL: any message */
	const char *needle2; /* and this; NULL: nothing more */
	const char *code;
	enum asb_verdict verdict;
	int patience_ms;
	const char *cause; /* templates */
	const char *hint;  /* NULL: none */
};

/* From the Sandbox and, when there is one, its pod. */
void asb_subject_init(struct asb_subject *subject, const cJSON *sandbox, const cJSON *pod);

/* The first rule that fits; a table ends with one that fits everything. */
const struct asb_rule *asb_rule_find(const struct asb_rule *rules, const char *message);

/* Fills `out`; what doesn't fit is cut with "...". */
void asb_rule_apply(const struct asb_rule *rule, const struct asb_subject *subject,
		    const char *text, struct asb_diagnosis *out);

/* How the kubelet's event about a failed pull begins (pkg/kubelet/images/image_manager.go). */
#define ASB_PULL_FAILED "Failed to pull image \""

/* diagnose_image.c: the container waits with one of the kubelet's reasons for images. `pull_error`
 * is the message of the newest event about a failed pull, or NULL. */
bool asb_diagnose_image(const char *reason, const char *message, const char *pull_error,
			const struct asb_subject *subject, struct asb_diagnosis *out);

/* diagnose_admission.c: why the pod could not be made. */
void asb_diagnose_admission(const char *message, const struct asb_subject *subject,
			    struct asb_diagnosis *out);

/* diagnose_node.c: the pod can't be placed, or its node can't start it. False: nothing wrong. */
bool asb_diagnose_scheduling(const struct asb_findings *findings, const struct asb_subject *subject,
			     struct asb_diagnosis *out);
bool asb_diagnose_waiting(const char *reason, const char *message,
			  const struct asb_subject *subject, struct asb_diagnosis *out);
bool asb_diagnose_node(const struct asb_findings *findings, const struct asb_subject *subject,
		       struct asb_diagnosis *out);

/* The newest event of the pod with that reason whose message begins with `prefix` (NULL: any). NULL
 * when there is none. */
const cJSON *asb_event_find(const struct asb_findings *findings, const char *reason,
			    const char *prefix);

/* The status of container "main" in the pod, NULL before the kubelet has written one. */
const cJSON *asb_container_status(const cJSON *pod);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * labels.h - how objects of ours are recognised: Kubernetes' recommended labels, no domain of our
 * own.
 *
 *   app.kubernetes.io/managed-by: kubectl-agentsandbox    everything the plugin makes
 *   app.kubernetes.io/name: agentsandbox
 *   app.kubernetes.io/component: sandbox | kubeconfig | shim
 *   app.kubernetes.io/instance: run-...                   random per run: tells our Sandbox from
 * one of the same name made by somebody else
 */
#ifndef ASB_LABELS_H
#define ASB_LABELS_H

#include "plugin/base/error.h"
#include "plugin/base/json.h"

#define ASB_MANAGED_BY "kubectl-agentsandbox"

/* Sets the labels in the metadata object at path `metadata`. instance may be NULL. */
void asb_labels_set(cJSON *object, const char *metadata, const char *component,
		    const char *instance);

/* Value of label app.kubernetes.io/instance of an object, NULL when it has none. */
const char *asb_labels_instance(const cJSON *object);

/* "run-" and 10 random letters and digits (50 bits of getrandom(2)), heap. NULL when there is no
 * randomness. */
char *asb_random_name(struct asb_error *err);

/* Whether text is a DNS label: what Kubernetes takes as the name of a pod's host (RFC 1123). */
bool asb_is_dns_label(const char *text);

#endif

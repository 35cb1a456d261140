/* SPDX-License-Identifier: Apache-2.0 */
/*
 * access_rules.h - what may I do? One SelfSubjectRulesReview (authorization.k8s.io/v1) in place of
 * many questions.
 */
#ifndef ASB_ACCESS_RULES_H
#define ASB_ACCESS_RULES_H

#include "plugin/kube/access.h"

/*
 * Fills `allowed` of rights that are all in that namespace: 1. 0 when the server knows no complete
 * answer, as with an authorizer that can't list its rules (a webhook, of GKE, EKS or AKS), or gives
 * none: nothing is filled in then, and asb_access_review knows. -1: there is no answer to be had
 * from this server, or not for these credentials.
 */
int asb_access_rules(struct asb_http *http, const char *namespace_, struct asb_access *rights,
		     size_t n, struct asb_error *err);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * access.h - may I? Many SelfSubjectAccessReviews at once on one connection
 * (authorization.k8s.io/v1).
 */
#ifndef ASB_ACCESS_H
#define ASB_ACCESS_H

#include <stdbool.h>
#include <stddef.h>

#include "plugin/kube/http.h"

struct asb_access {
	const char *group;
	const char *resource;
	const char *subresource; /* NULL: none */
	const char *verb;
	const char *namespace_; /* NULL: cluster scope */
	bool optional;		/* missing is no error: the caller degrades */
	bool allowed;		/* the answer */
};

/* Asks for all n at once. -1 only when the questions could not be asked; denied rights are in
 * `allowed`. */
int asb_access_review(struct asb_http *http, struct asb_access *rights, size_t n,
		      struct asb_error *err);

/*
 * 0 when every right that isn't optional is allowed, else -1 and one error that lists each missing
 * right ("create sandboxes.agents.x-k8s.io, create pods/exec"), with a hint to paste: a Role in the
 * rights' own namespace, a ClusterRole for cluster scope, with exactly what is missing, and the
 * commands that bind them. `namespace_` is where the caller works, for the message.
 */
int asb_access_require(const struct asb_access *rights, size_t n, const char *namespace_,
		       struct asb_error *err);

/* The same in parts, heap. What is missing in a line ("" for nothing); and lines for a shell that
 * grant it to `subject` ("--user=jane", quoted for a shell; NULL: "--user=USER"), NULL when nothing
 * is missing. */
char *asb_access_missing(const struct asb_access *rights, size_t n);
char *asb_access_grant(const struct asb_access *rights, size_t n, const char *subject);

#endif

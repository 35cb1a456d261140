/* SPDX-License-Identifier: Apache-2.0 */
/* way.h - how a stream to a sandbox's shim is had, again and again: connection.h uses one of these.
 */
#ifndef ASB_WAY_H
#define ASB_WAY_H

#include <stdbool.h>

#include "plugin/base/error.h"
#include "plugin/kube/exec.h"
#include "plugin/kube/kubeconfig.h"
#include "plugin/sandbox/sandbox.h"

/* What became of a stream. */
enum asb_way_end {
	ASB_WAY_LOST,	 /* something may have reached the shim */
	ASB_WAY_REFUSED, /* nothing has, nor will */
	ASB_WAY_EARLY,	 /* nothing has; it may be let in later */
};

struct asb_way {
	/* Begins a stream, of which there is none, and returns at once: a non-blocking stream
	 * socket that reads end of file when it is over. -1: it can't even be asked for. */
	int (*open)(void *context, struct asb_error *err);
	/* Ends it, and closes the descriptor. err is set when the stream itself has a reason; NULL:
	 * nobody wants to know. `heard`: something had come over it. */
	enum asb_way_end (*close)(void *context, bool heard, struct asb_error *err);
	void (*free)(void *context); /* there is no stream; NULL: nothing is to be freed */
	void *context;
	int patience_ms; /* for the shim to greet; who isn't heard by then is hung up. 0: the
			    session's own */
	bool delivers;	 /* what was sent arrives, also when the stream is closed right behind it */
};

/* An exec stream to the pod. `early`: it is not sure yet that the pod's container runs, so one
 * refusal says nothing. `prepared`: a connection that was made for the first stream, taken over;
 * NULL: none was. kubeconfig is borrowed, names are copied. */
struct asb_way asb_way_exec(const struct asb_kubeconfig *kubeconfig,
			    const struct asb_sandbox *sandbox, const char *namespace_,
			    const char *pod, bool early, struct asb_exec *prepared);

/* Whether an error of the exec stream tells that the container does not run yet. Pure. */
bool asb_way_too_early(const struct asb_error *err);

#endif

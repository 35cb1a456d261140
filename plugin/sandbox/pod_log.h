/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pod_log.h - the log of a pod, line by line: what there is, or also what is to come.
 *
 * Following goes on when the connection breaks while the container runs: it is read again from
 * since_ms on, so that a line may come twice, but none is left out.
 */
#ifndef ASB_POD_LOG_H
#define ASB_POD_LOG_H

#include "plugin/kube/api.h"

struct asb_pod_log {
	struct asb_http *http;
	const cJSON *pod; /* borrowed */
	/* Each whole line, without its end; those above 64 KiB are left out. */
	void (*line)(void *context, const char *line, size_t n);
	/* While following, when no more lines wait: -1 ends it. */
	int (*rest)(void *context);
	void *context;
	int64_t since_ms; /* ms since 1970 by the node's clock, 0: all; `line` may move it on */

	struct asb_buffer partial; /* a line whose end has not come yet */
	bool skipping;		   /* it is too long */
	bool heard;		   /* something came since the last try */
};

/* "main", else the pod's first container. Borrowed from the pod, or static. */
const char *asb_pod_log_container(const cJSON *pod);

/* Whether that container runs. */
bool asb_pod_log_is_live(const cJSON *pod);

/* Up to its present end. */
int asb_pod_log_read(struct asb_pod_log *log, struct asb_error *err);

/* Until the container has ended, or the pod has gone. */
int asb_pod_log_follow(struct asb_pod_log *log, struct asb_error *err);

#endif

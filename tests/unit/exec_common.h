/* SPDX-License-Identifier: Apache-2.0 */
/* exec_common.h - what the tests of exec streams have in common. */
#ifndef EXEC_COMMON_H
#define EXEC_COMMON_H

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "plugin/base/clock.h"
#include "plugin/kube/exec_internal.h"

#define DEADLINE_MS 20000
#define OK_STATUS "{\"metadata\":{},\"status\":\"Success\"}"

static const char *const COMMAND[] = {"/x/shim", "connect it", NULL};
static const struct asb_exec_target TARGET = {
	.namespace_ = "ns", .pod = "pod-1", .container = "main", .argv = COMMAND};

static inline void forget_proxies(void)
{
	static const char *const names[] = {"HTTPS_PROXY", "https_proxy", "HTTP_PROXY",
					    "http_proxy",  "NO_PROXY",	  "no_proxy"};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		unsetenv(names[i]);
}

/* Reads to the end of file while it writes `n` bytes of a pattern. */
static inline void converse(struct asb_exec *exec, struct asb_buffer *out, const char *input,
			    size_t n)
{
	static char bytes[100000];
	int64_t deadline = asb_monotonic_ms() + DEADLINE_MS;

	for (;;) {
		struct pollfd p = {asb_exec_fd(exec), (short)(n > 0 ? POLLIN | POLLOUT : POLLIN),
				   0};
		ssize_t done;

		assert_true(poll(&p, 1, asb_poll_timeout(deadline)) > 0);
		if ((p.revents & POLLOUT) != 0 && n > 0) {
			done = send(p.fd, input, n, MSG_NOSIGNAL);
			if (done < 0 && errno == EPIPE)
				n = 0;
			if (done > 0) {
				input += done;
				n -= (size_t)done;
			}
		}
		if ((p.revents & (POLLIN | POLLHUP)) == 0)
			continue;
		done = read(p.fd, bytes, sizeof(bytes));
		if (done == 0)
			return;
		if (done > 0)
			asb_buffer_add(out, bytes, (size_t)done);
	}
}

#endif

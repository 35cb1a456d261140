/* SPDX-License-Identifier: Apache-2.0 */
/* Whatever is answered to an upgrade is judged without harm, in any state of its coming, and at its
 * end for good. Input: the answer. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "plugin/kube/exec_internal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(int truth)
{
	if (!truth)
		abort();
}

/* The bytes lie in storage of their own, with a NUL behind them as in a buffer. */
static enum asb_exec_verdict judge(const uint8_t *data, size_t n, bool ended)
{
	static const char key[] = "dGhlIHNhbXBsZSBub25jZQ==";
	struct asb_exec_answer answer = {.status = 0};
	char *copy = asb_malloc(n + 1);

	memcpy(copy, data, n);
	copy[n] = '\0';
	asb_buffer_init(&answer.body);
	asb_exec_answer_read(&answer, copy, n, ended, key);
	require(answer.head <= n && answer.body.length <= n - answer.head);
	require((answer.verdict == ASB_EXEC_NO_ANSWER) == (answer.problem != NULL));
	require(answer.verdict != ASB_EXEC_REFUSED ||
		(answer.status >= 100 && answer.status < 600 && answer.status != 101));
	asb_buffer_release(&answer.body);
	free(copy);
	return answer.verdict;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	judge(data, size / 2, false);
	judge(data, size, false);
	require(judge(data, size, true) != ASB_EXEC_MORE);
	return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as what a credential plugin printed: refused with words, or an answer that keeps its
 * promises. No word of it gets into a message. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "plugin/kube/credential_parts.h"

#define V1 "client.authentication.k8s.io/v1"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(int truth)
{
	if (!truth)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	/* As it is read: with a NUL behind it. */
	char *text = asb_malloc(size + 1);
	struct asb_credential_parts parts;
	struct asb_error err = ASB_ERROR_INIT;
	int rc;

	memcpy(text, data, size);
	text[size] = '\0';
	rc = asb_credential_answer(text, size, V1, &parts, &err);
	require((rc == 0) == (err.message[0] == '\0'));
	require((parts.certificate == NULL) == (parts.key == NULL));
	if (rc == 0) {
		require(parts.token != NULL || parts.key != NULL);
		require(parts.token == NULL || strpbrk(parts.token, "\r\n") == NULL);
		require(parts.expires_ms >= -1);
	} else {
		require(parts.token == NULL && parts.key == NULL);
	}
	asb_credential_parts_release(&parts);
	free(text);
	return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* checkup_fetch.c - one round of questions. */
#include <stdlib.h>
#include <string.h>

#include "plugin/sandbox/checkup_parts.h"

#define TIMEOUT_MS 10000

static void take_answer(const struct asb_http_request *request, struct asb_answer *answer)
{
	struct asb_error err = ASB_ERROR_INIT;

	answer->http = request->status;
	answer->json = asb_api_result(request, &err);
	if (answer->json == NULL)
		answer->failed = asb_strdup(err.message);
}

int asb_exam_fetch(struct asb_http *http, char **paths, char **bodies, struct asb_answer *answers,
		   size_t n, struct asb_error *err)
{
	struct asb_http_request *requests = asb_calloc(n + 1, sizeof(*requests));
	struct asb_http_request **list = asb_calloc(n + 1, sizeof(struct asb_http_request *));
	unsigned count = 0;
	int rc;

	for (size_t i = 0; i < n; i++) {
		const char *body = bodies == NULL ? NULL : bodies[i];

		asb_http_request_init(&requests[i], body == NULL ? "GET" : "POST", paths[i]);
		requests[i].body = body;
		requests[i].body_length = body == NULL ? 0 : strlen(body);
		requests[i].timeout_ms = TIMEOUT_MS;
		requests[i].quiet = true;
		if (paths[i] != NULL)
			list[count++] = &requests[i];
	}
	rc = asb_api_run(http, list, count, err);
	for (size_t i = 0; i < n; i++) {
		if (rc == 0 && paths[i] != NULL)
			take_answer(&requests[i], &answers[i]);
		asb_http_request_release(&requests[i]);
		free(paths[i]);
		if (bodies != NULL)
			free(bodies[i]);
	}
	free(list);
	free(requests);
	return rc;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "plugin/sandbox/served.h"

#include "plugin/sandbox/sandbox_internal.h"
#include "plugin/sandbox/spec.h"

#define REQUEST_TIMEOUT_MS 30000

/* What a sandbox finds out when it is prepared, without one. */
const struct asb_api *asb_served(struct asb_http *http, struct asb_error *err)
{
	struct asb_sandbox nothing = {.api = &asb_api_v1beta1};
	struct asb_http_request request;
	struct asb_http_request *one = &request;
	int rc;

	asb_http_request_init(&request, "GET", "/apis/" ASB_SANDBOX_GROUP);
	request.timeout_ms = REQUEST_TIMEOUT_MS;
	rc = asb_api_run(http, &one, 1, err);
	if (rc == 0)
		rc = asb_sandbox_judge_group(&nothing, &request, err);
	if (rc != 0 && request.status == 404)
		err->http = 404;
	asb_http_request_release(&request);
	return rc == 0 ? nothing.api : NULL;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Messages of the remotecommand subprotocols v4 and v5: the first byte is the channel, the rest its
 * bytes. They come in pieces (websocket.h), so the channel byte has to be remembered from the piece
 * that begins a message.
 */
#include <stdlib.h>
#include <string.h>

#include "plugin/base/json.h"
#include "plugin/base/printable.h"
#include "plugin/kube/exec_internal.h"

void asb_exec_demux_feed(struct asb_exec_demux *demux, const void *bytes, size_t n,
			 int message_start, int message_end,
			 void (*sink)(void *context, int channel, const void *bytes, size_t n),
			 void *context)
{
	const unsigned char *from = bytes;

	if (message_start)
		demux->channel = -1;
	if (n > 0 && demux->channel < 0) {
		demux->channel = from[0];
		from++;
		n--;
	}
	if (n > 0)
		sink(context, demux->channel, from, n);
	if (message_end)
		demux->channel = -1;
}

/* The exit code among the causes, -1 without one. */
static int exit_code(const cJSON *json)
{
	const cJSON *cause = asb_json_find(json, "details/causes", "reason", "ExitCode");
	const char *text = asb_json_string(cause, "message");
	char *end = NULL;
	long code;

	if (text == NULL || *text == '\0')
		return -1;
	code = strtol(text, &end, 10);
	return *end == '\0' && code >= 0 && code <= 255 ? (int)code : -1;
}

struct asb_exec_status asb_exec_status_read(const char *bytes, size_t n)
{
	struct asb_exec_status out = {.exit_code = -1};
	struct asb_error ignored = ASB_ERROR_INIT;
	ASB_JSON json = asb_json_parse(bytes, n, &ignored);
	const char *status = asb_json_string(json, "status");
	const char *message = asb_json_string(json, "message");

	if (status == NULL)
		return out;
	out.valid = true;
	out.success = strcmp(status, "Success") == 0;
	out.exit_code = out.success ? 0 : exit_code(json);
	if (message != NULL)
		asb_printable(out.message, sizeof(out.message), message, strlen(message));
	return out;
}

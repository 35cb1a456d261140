/* SPDX-License-Identifier: Apache-2.0 */
#include "plugin/term/escape.h"

#define CTRL_Z '\032'

static enum asb_escape_action action_of(char byte)
{
	switch (byte) {
	case '.':
		return ASB_ESCAPE_LEAVE;
	case CTRL_Z:
		return ASB_ESCAPE_SUSPEND;
	case '?':
		return ASB_ESCAPE_HELP;
	default:
		return ASB_ESCAPE_NONE;
	}
}

enum asb_escape_action asb_escape_take(struct asb_escape *escape, const char *bytes, size_t n,
				       size_t *taken, char *out, size_t *put)
{
	*put = 0;
	for (*taken = 0; *taken < n;) {
		char byte = bytes[(*taken)++];
		bool held = escape->tilde;
		enum asb_escape_action action = held ? action_of(byte) : ASB_ESCAPE_NONE;

		escape->tilde = !held && !escape->inside && byte == '~';
		if (action != ASB_ESCAPE_NONE)
			return action; /* the line has still not begun */
		if (escape->tilde)
			continue;
		if (held && byte != '~')
			out[(*put)++] = '~';
		out[(*put)++] = byte;
		escape->inside = byte != '\r' && byte != '\n';
	}
	return ASB_ESCAPE_NONE;
}

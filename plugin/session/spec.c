/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "plugin/session/session_internal.h"

/* Appends one attribute, unless the description would outgrow ASB_SPEC_MAX. */
static int put(struct asb_buffer *out, uint16_t tag, const void *value, size_t length)
{
	uint8_t header[ASB_ATTR_HEADER];

	if (length > ASB_SPEC_MAX || out->length + sizeof(header) + length > ASB_SPEC_MAX)
		return -1;
	asb_put16(header, tag);
	asb_put32(header + 2, (uint32_t)length);
	asb_buffer_add(out, header, sizeof(header));
	return asb_buffer_add(out, value, length);
}

static int put_text(struct asb_buffer *out, uint16_t tag, const char *text)
{
	return text == NULL ? 0 : put(out, tag, text, strlen(text));
}

static int put_list(struct asb_buffer *out, uint16_t tag, const char *const *list)
{
	for (size_t i = 0; list != NULL && list[i] != NULL; i++) {
		if (put_text(out, tag, list[i]) != 0)
			return -1;
	}
	return 0;
}

static int put_uint(struct asb_buffer *out, uint16_t tag, unsigned width, uint64_t value)
{
	uint8_t wire[8];

	asb_put64(wire, value);
	return put(out, tag, wire + sizeof(wire) - width, width);
}

static int put_terminal(struct asb_buffer *out, const struct asb_job_spec *spec)
{
	uint64_t size = (uint64_t)spec->rows << 16 | spec->columns;

	if (!spec->tty)
		return 0;
	if (put_uint(out, ASB_SPEC_PTY, 1, 1) != 0)
		return -1;
	return put_uint(out, ASB_SPEC_SIZE, 4, size);
}

static int put_detached(struct asb_buffer *out, const struct asb_job_spec *spec)
{
	return spec->detach ? put_uint(out, ASB_SPEC_DETACH, 1, 1) : 0;
}

int asb_spec_encode(const struct asb_job_spec *spec, struct asb_buffer *out, struct asb_error *err)
{
	bool fits = put_list(out, ASB_SPEC_ARG, spec->line == NULL ? spec->argv : NULL) == 0 &&
		    put_text(out, ASB_SPEC_LINE, spec->line) == 0 &&
		    put_list(out, ASB_SPEC_ENV, spec->env) == 0 &&
		    put_text(out, ASB_SPEC_CWD, spec->cwd) == 0 &&
		    put_uint(out, ASB_SPEC_STDIN, 1, spec->has_stdin) == 0 &&
		    put_terminal(out, spec) == 0 && put_detached(out, spec) == 0 &&
		    put_uint(out, ASB_SPEC_TIMEOUT_MS, 8, (uint64_t)spec->timeout_ms) == 0 &&
		    put_uint(out, ASB_SPEC_STDOUT_LIMIT, 8, ASB_SESSION_WINDOW) == 0 &&
		    put_uint(out, ASB_SPEC_STDERR_LIMIT, 8, ASB_SESSION_WINDOW) == 0;

	if (fits)
		return 0;
	return asb_fail_usage(err, "command and environment are larger than %u KiB",
			      ASB_SPEC_MAX >> 10);
}

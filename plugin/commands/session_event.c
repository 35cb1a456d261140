/* SPDX-License-Identifier: Apache-2.0 */
#include "plugin/commands/session_event.h"

#include <inttypes.h>
#include <string.h>

#include "plugin/base/digest.h"
#include "plugin/base/utf8.h"

static void add_escaped(struct asb_buffer *out, unsigned char c)
{
	switch (c) {
	case '"':
	case '\\':
		asb_buffer_addch(out, '\\');
		asb_buffer_addch(out, (char)c);
		break;
	case '\n':
		asb_buffer_addstr(out, "\\n");
		break;
	case '\t':
		asb_buffer_addstr(out, "\\t");
		break;
	case '\r':
		asb_buffer_addstr(out, "\\r");
		break;
	default:
		asb_buffer_addf(out, "\\u%04x", c);
		break;
	}
}

/* A JSON string of UTF-8. */
static void add_string(struct asb_buffer *out, const char *text, size_t n)
{
	size_t from = 0;

	asb_buffer_addch(out, '"');
	for (size_t i = 0; i < n; i++) {
		unsigned char c = (unsigned char)text[i];

		if (c >= 0x20 && c != '"' && c != '\\' && c != 0x7f)
			continue;
		asb_buffer_add(out, text + from, i - from);
		add_escaped(out, c);
		from = i + 1;
	}
	asb_buffer_add(out, text + from, n - from);
	asb_buffer_addch(out, '"');
}

/* A message may quote bytes of the sandbox. */
static void add_message(struct asb_buffer *out, const char *text)
{
	struct asb_buffer clean = ASB_BUFFER_INIT;
	size_t n = strlen(text);

	for (size_t at = 0; at < n;) {
		uint32_t code;
		size_t length = asb_utf8_char(text + at, n - at, &code);

		asb_buffer_add(&clean, length == 0 ? "?" : text + at, length == 0 ? 1 : length);
		at += length == 0 ? 1 : length;
	}
	add_string(out, clean.data, clean.length);
	asb_buffer_release(&clean);
}

static void add_or_null(struct asb_buffer *out, const char *text)
{
	if (text == NULL || text[0] == '\0')
		asb_buffer_addstr(out, "null");
	else
		add_message(out, text);
}

static void begin(struct asb_buffer *out, const char *id, const char *event)
{
	asb_buffer_addf(out, "{\"id\":%s,\"event\":\"%s\"", id == NULL ? "null" : id, event);
}

static void end(struct asb_buffer *out)
{
	asb_buffer_addstr(out, "}\n");
}

void asb_event_started(struct asb_buffer *out, const char *id, uint32_t pid)
{
	begin(out, id, "started");
	asb_buffer_addf(out, ",\"pid\":%" PRIu32, pid);
	end(out);
}

void asb_event_output(struct asb_buffer *out, const char *id, enum asb_stream stream,
		      uint64_t offset, const void *bytes, size_t n)
{
	begin(out, id, stream == ASB_STDERR ? "stderr" : "stdout");
	asb_buffer_addf(out, ",\"offset\":%" PRIu64, offset);
	if (memchr(bytes, '\0', n) == NULL && asb_utf8_valid(bytes, n)) {
		asb_buffer_addstr(out, ",\"text\":");
		add_string(out, bytes, n);
	} else {
		asb_buffer_addstr(out, ",\"base64\":\"");
		asb_base64_encode(bytes, n, out);
		asb_buffer_addch(out, '"');
	}
	end(out);
}

static void add_bool(struct asb_buffer *out, const char *name, bool value)
{
	asb_buffer_addf(out, ",\"%s\":%s", name, value ? "true" : "false");
}

/* The members that `exec -o json` has too are called the same. */
void asb_event_exit(struct asb_buffer *out, const char *id, const struct asb_exit_record *record,
		    int status, const char *why)
{
	begin(out, id, "exit");
	asb_buffer_addf(out, ",\"exitCode\":%d,\"signal\":", status);
	add_or_null(out, record->signal != 0 ? record->signal_name : NULL);
	add_bool(out, "timedOut", record->timed_out);
	add_bool(out, "oomKilled", record->oom_killed);
	asb_buffer_addf(out, ",\"duration\":%.6f,\"cpu\":{\"user\":%.6f,\"system\":%.6f}",
			(double)record->duration_ns / 1e9, (double)record->user_us / 1e6,
			(double)record->system_us / 1e6);
	asb_buffer_addf(out, ",\"maxRSS\":%" PRIu64, record->max_rss_kib << 10);
	asb_buffer_addf(out,
			",\"bytes\":{\"stdin\":%" PRIu64 ",\"stdout\":%" PRIu64
			",\"stderr\":%" PRIu64 "},\"error\":",
			record->stdin_bytes, record->stdout_bytes, record->stderr_bytes);
	add_or_null(out, why);
	end(out);
}

void asb_event_failed(struct asb_buffer *out, const char *id, int status, bool started,
		      const char *message)
{
	begin(out, id, "failed");
	asb_buffer_addf(out, ",\"exitCode\":%d", status);
	add_bool(out, "started", started);
	asb_buffer_addstr(out, ",\"message\":");
	add_message(out, message);
	end(out);
}

void asb_event_error(struct asb_buffer *out, const char *id, uint64_t line, const char *message)
{
	begin(out, id, "error");
	asb_buffer_addf(out, ",\"line\":%" PRIu64 ",\"message\":", line);
	add_message(out, message);
	end(out);
}

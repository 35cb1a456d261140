/* SPDX-License-Identifier: Apache-2.0 */
#include "shim/audit.h"

#include <errno.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "shim/fds.h"
#include "shim/loop.h"
#include "shim/signame.h"
#include "shim/text.h"

#define ARGV_BYTES 4096
#define CWD_BYTES 2048
#define LINE_BYTES (ASB_AUDIT_TEXT + 1024)

/* The line that stdout has taken a part of. It must be completed before another can begin. */
static char line[LINE_BYTES];
static size_t line_length;
static size_t line_written;
static uint64_t dropped;
static struct asb_watch waiting;

static void flush(void)
{
	while (line_written < line_length) {
		ssize_t n = write(STDOUT_FILENO, line + line_written, line_length - line_written);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			break;
		line_written += (size_t)n;
	}
	if (!asb_watch_is_open(&waiting))
		return;
	/* Waited for only while a line is cut in two: an idle PID 1 must not wake for a ready
	 * stdout. */
	if (line_written > 0 && line_written < line_length)
		asb_watch_want(&waiting, POLLOUT);
	else
		asb_watch_rest(&waiting);
}

static void stdout_ready(struct asb_watch *watch, short events)
{
	if ((events & POLLOUT) == 0) {
		/* Nobody reads any more, nor will. */
		line_written = line_length;
		asb_watch_rest(watch);
		return;
	}
	flush();
}

void asb_audit_init(void)
{
	int fd = dup(STDOUT_FILENO);

	(void)asb_fds_nonblock(STDOUT_FILENO);
	if (fd >= 0 && asb_watch_open(&waiting, fd, stdout_ready, NULL) < 0)
		(void)close(fd);
}

/* Lets the text grow by n bytes and go on; returns whether it had been cut. */
static bool extend(struct asb_text *text, size_t n)
{
	bool was_cut = text->cut;

	text->size += n;
	text->cut = false;
	return was_cut;
}

/* A JSON string in at most what is left of the text, always closed. Returns whether it was cut. */
static bool add_string(struct asb_text *text, const char *before, const char *s)
{
	bool cut;

	if (text->cut || text->size - text->length < strlen(before) + 2)
		return true;
	asb_text_add(text, before);
	asb_text_add(text, "\"");
	text->size--;
	asb_text_add_json(text, s);
	cut = extend(text, 1);
	asb_text_add(text, "\"");
	return cut;
}

static bool add_argv(struct asb_text *text, const struct asb_spec *spec)
{
	bool cut = add_string(text, "\"argv\":[", spec->argv[0]);

	for (size_t i = 1; i < spec->argc && !cut; i++)
		cut = add_string(text, ",", spec->argv[i]);
	(void)extend(text, 1);
	asb_text_add(text, "]");
	return cut;
}

void asb_audit_describe(const struct asb_spec *spec, char out[ASB_AUDIT_TEXT])
{
	struct asb_text text = {.bytes = out, .size = ARGV_BYTES};
	bool cut;

	if (spec->line != NULL)
		cut = add_string(&text, "\"line\":", spec->line);
	else
		cut = add_argv(&text, spec);
	text.size = text.length + CWD_BYTES;
	if (spec->cwd != NULL)
		cut = add_string(&text, ",\"cwd\":", spec->cwd) || cut;
	(void)extend(&text, 32);
	asb_text_add(&text, cut ? ",\"truncated\":true" : "");
	out[text.length] = '\0';
}

/* One JSON string that asb_text_add_json has made; returns what follows it. */
static const char *add_plain(struct asb_text *text, const char *s)
{
	for (s++; *s != '"' && *s != '\0'; s++) {
		char c[2] = {*s, '\0'};

		if (*s == '\\') {
			s++;
			c[0] = *s;
		}
		if (c[0] == 'u' && s[-1] == '\\') {
			c[0] = ' '; /* a control character, which would end a line */
			s += 4;
		}
		asb_text_add(text, c);
	}
	return *s == '"' ? s + 1 : s;
}

void asb_audit_plain(const char *description, char *out, size_t size)
{
	const char *at = strchr(description, ':');
	bool is_line = strncmp(description, "\"line\"", 6) == 0;
	struct asb_text text = {.bytes = out, .size = size - 1};

	for (at = at == NULL ? "" : at + 1; *at == '[' || *at == '"' || *at == ',';) {
		if (*at != '"') {
			asb_text_add(&text, *at == ',' ? " " : "");
			at++;
			continue;
		}
		at = add_plain(&text, at);
		/* Other members may follow. */
		if (is_line)
			break;
	}
	out[text.length] = '\0';
}

static void add_time(struct asb_text *text)
{
	struct timespec now;
	struct tm tm;

	(void)clock_gettime(CLOCK_REALTIME, &now);
	if (gmtime_r(&now.tv_sec, &tm) == NULL)
		memset(&tm, 0, sizeof(tm));
	asb_text_addf(text, "{\"time\":\"%04d-%02d-%02dT%02d:%02d:%02d.%03ldZ\"", tm.tm_year + 1900,
		      tm.tm_mon + 1, tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec,
		      now.tv_nsec / 1000000);
}

static void add_uuid(struct asb_text *text, const char *name, const uint8_t *id)
{
	asb_text_addf(text, ",\"%s\":\"", name);
	for (unsigned i = 0; i < ASB_ID_LEN; i++) {
		asb_text_addf(text, i == 4 || i == 6 || i == 8 || i == 10 ? "-%02x" : "%02x",
			      id[i]);
	}
	asb_text_add(text, "\"");
}

/* Begins a line, or returns false: an earlier one is still on its way and this one is dropped. */
static bool begin(struct asb_text *text, const char *event, const struct asb_audit_job *job)
{
	flush();
	if (line_written > 0 && line_written < line_length) {
		dropped++;
		return false;
	}
	*text = (struct asb_text){.bytes = line, .size = sizeof(line) - 1};
	add_time(text);
	asb_text_addf(text, ",\"event\":\"%s\"", event);
	add_uuid(text, "session", job->session);
	add_uuid(text, "job", job->id);
	if (job->pid > 0)
		asb_text_addf(text, ",\"pid\":%d", (int)job->pid);
	if (dropped > 0)
		asb_text_addf(text, ",\"dropped\":%llu", (unsigned long long)dropped);
	return true;
}

static void finish(struct asb_text *text)
{
	asb_text_add(text, "}");
	line[text->length] = '\n';
	line_length = text->length + 1;
	line_written = 0;
	flush();
	/* Not a byte was taken: the line never began and need not be completed. */
	dropped = line_written == 0 ? dropped + 1 : 0;
	if (line_written == 0)
		line_length = 0;
}

void asb_audit_start(const struct asb_audit_job *job)
{
	struct asb_text text;

	if (!begin(&text, "start", job))
		return;
	asb_text_add(&text, ",");
	asb_text_add(&text, job->command);
	finish(&text);
}

void asb_audit_failed(const struct asb_audit_job *job, const char *why)
{
	struct asb_text text;

	if (!begin(&text, "failed", job))
		return;
	asb_text_add(&text, ",");
	asb_text_add(&text, job->command);
	asb_text_add(&text, ",\"error\":\"");
	asb_text_add_json(&text, why);
	asb_text_add(&text, "\"");
	finish(&text);
}

static void add_status(struct asb_text *text, int status)
{
	const char *name;

	if (WIFEXITED(status)) {
		asb_text_addf(text, ",\"code\":%d", WEXITSTATUS(status));
		return;
	}
	name = asb_signal_name(WTERMSIG(status));
	if (name != NULL)
		asb_text_addf(text, ",\"signal\":\"%s\"", name);
	else
		asb_text_addf(text, ",\"signal\":\"%d\"", WTERMSIG(status));
}

void asb_audit_finish(const struct asb_audit_job *job, const struct asb_audit_end *end)
{
	struct asb_text text;

	if (!begin(&text, "end", job))
		return;
	add_status(&text, end->status);
	asb_text_addf(&text, ",\"stdin_bytes\":%llu,\"stdout_bytes\":%llu,\"stderr_bytes\":%llu",
		      (unsigned long long)end->stdin_bytes, (unsigned long long)end->stdout_bytes,
		      (unsigned long long)end->stderr_bytes);
	asb_text_addf(&text, ",\"duration_ms\":%llu",
		      (unsigned long long)(end->duration_ns / 1000000));
	asb_text_add(&text, end->timed_out ? ",\"timed_out\":true" : "");
	asb_text_add(&text, end->oom ? ",\"oom\":true" : "");
	asb_text_add(&text, end->shutdown ? ",\"shutdown\":true" : "");
	finish(&text);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz_audit.c - any log gives texts that steer no terminal, and the same log again nothing new. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "plugin/base/visible.h"
#include "plugin/sandbox/audit_log.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const char *text)
{
	unsigned char before = 0;

	for (; text != NULL && *text != '\0'; text++) {
		unsigned char c = (unsigned char)*text;

		if (c < 0x20 || c == 0x7f || (before == 0xc2 && c < 0xa0))
			abort();
		before = c;
	}
}

static void take_lines(struct asb_audit_log *log, const char *text, size_t size)
{
	const char *end;

	for (; size > 0; size -= (size_t)(end - text) + 1, text = end + 1) {
		end = memchr(text, '\n', size);
		if (end == NULL)
			return;
		asb_audit_log_take(log, text, (size_t)(end - text));
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct asb_audit_log log = {0};
	size_t records;

	take_lines(&log, (const char *)data, size);
	records = log.record_count;
	take_lines(&log, (const char *)data, size);
	if (log.record_count != records)
		abort();
	for (size_t i = 0; i < log.job_count; i++) {
		check(log.jobs[i].command);
		check(log.jobs[i].status);
	}
	for (size_t i = 0; i < records; i++) {
		char *text = asb_visible_json(log.records[i].text);

		check(text);
		free(text);
	}
	asb_audit_log_release(&log);
	return 0;
}

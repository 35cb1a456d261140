/* SPDX-License-Identifier: Apache-2.0 */
#include "shim/protocol/archive.h"

#include <stdbool.h>
#include <string.h>

#include "shim/protocol/frame.h"

#define NS_PER_S 1000000000u

/* Where the parts of an entry lie. */
enum { MODE = 0, MTIME_S = 4, MTIME_NS = 12, SIZE = 16, NAME_LENGTH = 24, NAME = 26 };

int asb_archive_decode(const uint8_t *bytes, size_t n, struct asb_archive_record *out)
{
	uint32_t length;

	if (n < ASB_ARCHIVE_HEADER)
		return 0;
	length = asb_get32(bytes) & 0xffffff;
	if (length > ASB_ARCHIVE_PAYLOAD)
		return -1;
	if (n < ASB_ARCHIVE_HEADER + length)
		return 0;
	out->type = bytes[0];
	out->length = length;
	out->payload = bytes + ASB_ARCHIVE_HEADER;
	return (int)(ASB_ARCHIVE_HEADER + length);
}

void asb_archive_header(uint8_t out[ASB_ARCHIVE_HEADER], uint8_t type, uint32_t length)
{
	asb_put32(out, (uint32_t)type << 24 | length);
}

/* --- entries ---------------------------------------------------------------------------------- */

static bool is_component(const char *name)
{
	return name[0] != '\0' && strcmp(name, ".") != 0 && strcmp(name, "..") != 0 &&
	       strchr(name, '/') == NULL;
}

/* A text without NUL that ends up with one; `out` has room for `most` and it. */
static bool take_text(char *out, size_t most, const uint8_t *bytes, size_t n)
{
	if (n > most || memchr(bytes, '\0', n) != NULL)
		return false;
	memcpy(out, bytes, n);
	out[n] = '\0';
	return true;
}

int asb_archive_entry_decode(const struct asb_archive_record *record, struct asb_archive_entry *out)
{
	const uint8_t *p = record->payload;
	size_t name, target;
	bool named;

	if (record->length < NAME)
		return -1;
	name = asb_get16(p + NAME_LENGTH);
	if (name > record->length - NAME)
		return -1;
	target = record->length - NAME - name;
	out->mode = asb_get32(p + MODE);
	out->mtime_s = (int64_t)asb_get64(p + MTIME_S);
	out->mtime_ns = asb_get32(p + MTIME_NS);
	out->size = asb_get64(p + SIZE);
	if (out->mode > 0777 || out->mtime_ns >= NS_PER_S ||
	    !take_text(out->name, ASB_ARCHIVE_NAME, p + NAME, name) ||
	    !take_text(out->target, ASB_ARCHIVE_TARGET, p + NAME + name, target))
		return -1;
	named = is_component(out->name) || (name == 0 && record->type == ASB_ARCHIVE_DIR);
	return named && (target > 0) == (record->type == ASB_ARCHIVE_LINK) ? 0 : -1;
}

size_t asb_archive_entry_encode(const struct asb_archive_entry *entry,
				uint8_t out[ASB_ARCHIVE_ENTRY_MAX])
{
	size_t name = strlen(entry->name);
	size_t target = strlen(entry->target);

	asb_put32(out + MODE, entry->mode);
	asb_put64(out + MTIME_S, (uint64_t)entry->mtime_s);
	asb_put32(out + MTIME_NS, entry->mtime_ns);
	asb_put64(out + SIZE, entry->size);
	asb_put16(out + NAME_LENGTH, (uint16_t)name);
	memcpy(out + NAME, entry->name, name);
	memcpy(out + NAME + name, entry->target, target);
	return NAME + name + target;
}

void asb_archive_counts_encode(const struct asb_archive_counts *counts,
			       uint8_t out[ASB_ARCHIVE_END_LEN])
{
	asb_put64(out, counts->files);
	asb_put64(out + 8, counts->directories);
	asb_put64(out + 16, counts->links);
	asb_put64(out + 24, counts->failures);
}

struct asb_archive_counts asb_archive_counts_decode(const uint8_t in[ASB_ARCHIVE_END_LEN])
{
	return (struct asb_archive_counts){
		.files = asb_get64(in),
		.directories = asb_get64(in + 8),
		.links = asb_get64(in + 16),
		.failures = asb_get64(in + 24),
	};
}

/* --- where one is, and what went wrong there -------------------------------------------------- */

size_t asb_archive_path_add(struct asb_archive_path *path, const char *name)
{
	size_t before = path->length;
	size_t room = sizeof(path->text) - 1 - before;
	size_t n = strlen(name);
	bool slash = before > 0 && path->text[before - 1] != '/';

	if (n + slash > room)
		return before;
	if (slash)
		path->text[path->length++] = '/';
	memcpy(path->text + path->length, name, n + 1);
	path->length += n;
	return before;
}

void asb_archive_path_cut(struct asb_archive_path *path, size_t length)
{
	path->length = length;
	path->text[length] = '\0';
}

void asb_archive_fail(struct asb_archive_report *report, const char *path, const char *what,
		      int error)
{
	report->failures++;
	if (report->said == ASB_ARCHIVE_MESSAGES)
		return;
	report->said++;
	report->say(report->context, path, what, error);
}

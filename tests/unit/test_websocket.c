/* SPDX-License-Identifier: Apache-2.0 */
/* WebSocket frames: bytes in any cuts -> events, and what we send. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "plugin/base/buffer.h"
#include "plugin/kube/websocket.h"

/* --- reading ---------------------------------------------------------------------------------- */

/* Events as a text: "<" start, "text" pieces, ">" end; control frames as "{9 text}". */
static void on_data(void *context, const void *bytes, size_t n, bool start, bool end)
{
	struct asb_buffer *heard = context;

	if (start)
		asb_buffer_addch(heard, '<');
	asb_buffer_add(heard, bytes, n);
	if (end)
		asb_buffer_addch(heard, '>');
}

static void on_control(void *context, enum asb_websocket_opcode opcode, const void *bytes, size_t n)
{
	struct asb_buffer *heard = context;

	asb_buffer_addf(heard, "{%d %.*s}", (int)opcode, (int)n, (const char *)bytes);
}

/* Feeds the bytes in pieces of that size; each lies in storage of its own. */
static int feed(struct asb_websocket *ws, const char *bytes, size_t n, size_t piece,
		struct asb_buffer *heard)
{
	const struct asb_websocket_sink sink = {on_data, on_control, heard};
	int rc = 0;

	for (size_t at = 0; at < n; at += piece) {
		size_t m = piece < n - at ? piece : n - at;
		char *copy = asb_malloc(m);

		memcpy(copy, bytes + at, m);
		rc = asb_websocket_feed(ws, copy, m, &sink);
		free(copy);
	}
	return rc;
}

#define BYTES(text) text, sizeof(text) - 1

static void reads_frames_in_any_cuts(void **state)
{
	static const struct {
		const char *bytes;
		size_t n;
		const char *heard;
	} cases[] = {
		{BYTES("\x82\x03one\x82\x03two"), "<one><two>"},
		{BYTES("\x81\x04text"), "<text>"},
		{BYTES("\x82\x00\x82\x01x"), "<><x>"},
		{BYTES("\x02\x02wo\x00\x01r\x80\x02ld"), "<world>"},
		{BYTES("\x02\x02wo\x89\x04ping\x8a\x00\x80\x03rld\x82\x01!"),
		 "<wo{9 ping}{10 }rld><!>"},
		{BYTES("\x02\x00\x00\x00\x80\x01x"), "<x>"},
		{BYTES("\x02\x01x\x80\x00"), "<x>"},
		{BYTES("\x82\x7e\x00\x03two\x82\x7f\x00\x00\x00\x00\x00\x00\x00\x05"
		       "eight"),
		 "<two><eight>"},
		{BYTES("\x82\x01x\x88\x05\x03\xe8"
		       "bye\x82\x01y"),
		 "<x>{8 \x03\xe8"
		 "bye}"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		for (size_t piece = 1; piece <= cases[i].n; piece++) {
			struct asb_websocket ws = {0};
			struct asb_buffer heard = ASB_BUFFER_INIT;

			assert_int_equal(feed(&ws, cases[i].bytes, cases[i].n, piece, &heard), 0);
			assert_string_equal(heard.data, cases[i].heard);
			asb_buffer_release(&heard);
		}
	}
}

static void refuses_what_breaks_the_protocol(void **state)
{
	static const struct {
		const char *bytes;
		size_t n;
		const char *problem;
	} cases[] = {
		{BYTES("\x80\x01x"), "goes on with no message"},
		{BYTES("\x82\x01x\x80\x01x"), "goes on with no message"},
		{BYTES("\x02\x01x\x82\x01x"), "inside another"},
		{BYTES("\xc2\x01x"), "extension"},
		{BYTES("\x92\x01x"), "extension"},
		{BYTES("\x82\x81mask."), "masked"},
		{BYTES("\x83\x00"), "unknown kind"},
		{BYTES("\x8b\x00"), "unknown kind"},
		{BYTES("\x09\x00"), "control frame"},
		{BYTES("\x89\x7e\x00\x7e"), "control frame"},
		{BYTES("\x82\x7f\x00\x00\x00\x00\x40\x00\x00\x01x"), "too long"},
		{BYTES("\x82\x7f\xff\xff\xff\xff\xff\xff\xff\xffx"), "too long"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		for (size_t piece = 1; piece <= cases[i].n; piece++) {
			struct asb_websocket ws = {0};
			struct asb_buffer heard = ASB_BUFFER_INIT;

			assert_int_equal(feed(&ws, cases[i].bytes, cases[i].n, piece, &heard), -1);
			assert_non_null(strstr(ws.problem, cases[i].problem));
			asb_buffer_reset(&heard);
			/* It stays so. */
			assert_int_equal(feed(&ws, "\x82\x01x", 3, 3, &heard), -1);
			assert_int_equal(heard.length, 0);
			asb_buffer_release(&heard);
		}
	}
}

static void takes_the_longest_frame(void **state)
{
	struct asb_websocket ws = {0};
	struct asb_buffer heard = ASB_BUFFER_INIT;

	(void)state;
	assert_int_equal(feed(&ws, "\x82\x7f\0\0\0\0\x40\0\0\0x", 11, 11, &heard), 0);
	assert_int_equal(ws.left, ASB_WEBSOCKET_FRAME_MAX - 1);
	asb_buffer_release(&heard);
}

static void knows_the_code_of_a_close(void **state)
{
	(void)state;
	assert_int_equal(asb_websocket_close_code("\x03\xf3why", 5), 1011);
	assert_int_equal(asb_websocket_close_code("\x03", 1), 0);
	assert_int_equal(asb_websocket_close_code("", 0), 0);
}

/* --- writing ---------------------------------------------------------------------------------- */

static void masks_as_the_standard_says(void **state)
{
	static const unsigned char mask[4] = {0x37, 0xfa, 0x21, 0x3d};
	char text[] = "Hello";
	unsigned char bytes[100], masked[100];

	(void)state;
	asb_websocket_mask(text, 5, mask); /* RFC 6455 §5.7 */
	assert_memory_equal(text, "\x7f\x9f\x4d\x51\x58", 5);
	for (size_t n = 0; n < sizeof(bytes); n++) {
		for (size_t i = 0; i < sizeof(bytes); i++)
			bytes[i] = masked[i] = (unsigned char)(i * 7);
		asb_websocket_mask(masked, n, mask);
		for (size_t i = 0; i < sizeof(bytes); i++)
			assert_int_equal(masked[i], i < n ? bytes[i] ^ mask[i & 3] : bytes[i]);
	}
}

static void writes_headers(void **state)
{
	static const unsigned char mask[4] = {1, 2, 3, 4};
	static const struct {
		uint64_t n;
		const char *bytes;
		size_t length;
	} cases[] = {
		{0, "\x82\x80\1\2\3\4", 6},
		{125, "\x82\xfd\1\2\3\4", 6},
		{126, "\x82\xfe\x00\x7e\1\2\3\4", 8},
		{65535, "\x82\xfe\xff\xff\1\2\3\4", 8},
		{65536, "\x82\xff\0\0\0\0\0\1\0\0\1\2\3\4", 14},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		unsigned char out[ASB_WEBSOCKET_HEADER_MAX];

		assert_int_equal(asb_websocket_header(out, ASB_WEBSOCKET_BINARY, cases[i].n, mask),
				 cases[i].length);
		assert_memory_equal(out, cases[i].bytes, cases[i].length);
	}
}

/* That they are random no test can tell; that they aren't one and the same it can. */
static void takes_a_new_mask_each_time(void **state)
{
	static unsigned char seen[256][4];
	struct asb_websocket_masks masks = {.left = 0};
	unsigned same = 0;

	(void)state;
	for (size_t i = 0; i < 256; i++) {
		asb_websocket_mask_next(&masks, seen[i]);
		for (size_t j = 0; j < i; j++)
			same += memcmp(seen[i], seen[j], 4) == 0;
	}
	assert_true(same < 3);
}

static void shakes_hands(void **state)
{
	char accept[ASB_WEBSOCKET_ACCEPT];
	char keys[2][ASB_WEBSOCKET_KEY];

	(void)state;
	asb_websocket_accept("dGhlIHNhbXBsZSBub25jZQ==", accept); /* RFC 6455 §1.3 */
	assert_string_equal(accept, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
	asb_websocket_key(keys[0]);
	asb_websocket_key(keys[1]);
	assert_int_equal(strlen(keys[0]), 24);
	assert_string_not_equal(keys[0], keys[1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_frames_in_any_cuts),
		cmocka_unit_test(refuses_what_breaks_the_protocol),
		cmocka_unit_test(takes_the_longest_frame),
		cmocka_unit_test(knows_the_code_of_a_close),
		cmocka_unit_test(masks_as_the_standard_says),
		cmocka_unit_test(writes_headers),
		cmocka_unit_test(takes_a_new_mask_each_time),
		cmocka_unit_test(shakes_hands),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Frames and attributes: the bytes of docs/protocol.md, and what happens at every wrong length. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "shim/protocol/frame.h"

static void integers_are_big_endian(void **state)
{
	static const uint8_t wire[8] = {0x01, 0x23, 0x45, 0x67, 0x89, 0xab, 0xcd, 0xef};
	uint8_t out[8];

	(void)state;
	assert_int_equal(asb_get16(wire), 0x0123);
	assert_int_equal(asb_get32(wire), 0x01234567);
	assert_true(asb_get64(wire) == UINT64_C(0x0123456789abcdef));
	asb_put64(out, UINT64_C(0x0123456789abcdef));
	assert_memory_equal(out, wire, 8);
	asb_put32(out, 0x89abcdef);
	assert_memory_equal(out, wire + 4, 4);
	asb_put16(out, 0xcdef);
	assert_memory_equal(out, wire + 6, 2);
	assert_int_equal(asb_get16((const uint8_t[]){0xff, 0xff}), 0xffff);
	assert_true(asb_get32((const uint8_t[]){0xff, 0xff, 0xff, 0xff}) == UINT32_MAX);
}

static void header_has_the_documented_layout(void **state)
{
	static const uint8_t want[ASB_FRAME_HEADER] = {0x20, 0x02, 0x12, 0x34,
						       0xde, 0xad, 0xbe, 0xef};
	uint8_t out[ASB_FRAME_HEADER];

	(void)state;
	asb_frame_header(out, ASB_DATA, ASB_STDERR, 0xdeadbeef, 0x1234);
	assert_memory_equal(out, want, sizeof(want));
}

static void a_frame_is_decoded_only_when_complete(void **state)
{
	uint8_t bytes[ASB_FRAME_HEADER + 5];
	struct asb_frame frame;

	(void)state;
	asb_frame_header(bytes, ASB_PING, 0, 0, 5);
	memcpy(bytes + ASB_FRAME_HEADER, "hello", 5);
	for (size_t n = 0; n < sizeof(bytes); n++)
		assert_int_equal(asb_frame_decode(bytes, n, &frame), 0);
	assert_int_equal(asb_frame_decode(bytes, sizeof(bytes), &frame), (int)sizeof(bytes));
	assert_int_equal(frame.type, ASB_PING);
	assert_int_equal(frame.flags, 0);
	assert_int_equal(frame.channel, 0);
	assert_int_equal(frame.length, 5);
	assert_ptr_equal(frame.payload, bytes + ASB_FRAME_HEADER);
}

static void only_the_first_frame_is_taken(void **state)
{
	uint8_t bytes[2 * ASB_FRAME_HEADER];
	struct asb_frame frame;

	(void)state;
	asb_frame_header(bytes, ASB_BYE, 0, 0, 0);
	asb_frame_header(bytes + ASB_FRAME_HEADER, ASB_ACK, 0, 7, 0);
	assert_int_equal(asb_frame_decode(bytes, sizeof(bytes), &frame), ASB_FRAME_HEADER);
	assert_int_equal(frame.type, ASB_BYE);
	assert_int_equal(asb_frame_decode(bytes + ASB_FRAME_HEADER, ASB_FRAME_HEADER, &frame),
			 ASB_FRAME_HEADER);
	assert_int_equal(frame.type, ASB_ACK);
	assert_int_equal(frame.channel, 7);
}

static void the_largest_frame_is_64_kib(void **state)
{
	static uint8_t bytes[ASB_FRAME_MAX];
	struct asb_frame frame;

	(void)state;
	assert_int_equal(ASB_FRAME_MAX, 65536);
	asb_frame_header(bytes, ASB_DATA, ASB_STDOUT, 1, ASB_FRAME_PAYLOAD);
	assert_int_equal(asb_frame_decode(bytes, sizeof(bytes) - 1, &frame), 0);
	assert_int_equal(asb_frame_decode(bytes, sizeof(bytes), &frame), ASB_FRAME_MAX);
	assert_int_equal(frame.length, ASB_FRAME_PAYLOAD);
}

static void a_longer_frame_is_malformed_at_once(void **state)
{
	uint8_t bytes[ASB_FRAME_HEADER];
	struct asb_frame frame;

	(void)state;
	for (unsigned length = ASB_FRAME_PAYLOAD + 1; length <= UINT16_MAX; length++) {
		asb_frame_header(bytes, ASB_DATA, 0, 1, (uint16_t)length);
		assert_int_equal(asb_frame_decode(bytes, 3, &frame), 0);
		for (size_t n = 4; n <= sizeof(bytes); n++)
			assert_int_equal(asb_frame_decode(bytes, n, &frame), -1);
	}
}

static void attributes_come_back_in_order(void **state)
{
	uint8_t bytes[128];
	size_t n = 0;
	size_t at = 0;
	struct asb_attr attr;

	(void)state;
	assert_int_equal(asb_attr_put(bytes, sizeof(bytes), &n, ASB_SPEC_ARG, "ls", 2), 0);
	assert_int_equal(asb_attr_put(bytes, sizeof(bytes), &n, ASB_SPEC_ARG, NULL, 0), 0);
	assert_int_equal(
		asb_attr_put_uint(bytes, sizeof(bytes), &n, ASB_SPEC_TIMEOUT_MS, 8, 1u << 20), 0);
	assert_int_equal(n, 3 * ASB_ATTR_HEADER + 2 + 8);

	assert_int_equal(asb_attr_next(bytes, n, &at, &attr), 1);
	assert_int_equal(attr.tag, ASB_SPEC_ARG);
	assert_int_equal(attr.length, 2);
	assert_memory_equal(attr.value, "ls", 2);
	assert_int_equal(asb_attr_next(bytes, n, &at, &attr), 1);
	assert_int_equal(attr.length, 0);
	assert_int_equal(asb_attr_next(bytes, n, &at, &attr), 1);
	assert_int_equal(attr.tag, ASB_SPEC_TIMEOUT_MS);
	assert_true(asb_attr_uint(&attr, 0) == 1u << 20);
	assert_int_equal(at, n);
	assert_int_equal(asb_attr_next(bytes, n, &at, &attr), 0);
	assert_int_equal(asb_attr_next(bytes, n, &at, &attr), 0);
}

static void a_cut_attribute_is_refused_without_moving(void **state)
{
	uint8_t bytes[32];
	size_t n = 0;
	struct asb_attr attr;

	(void)state;
	assert_int_equal(asb_attr_put(bytes, sizeof(bytes), &n, ASB_SPEC_CWD, "/work", 5), 0);
	for (size_t cut = 1; cut < n; cut++) {
		size_t at = 0;

		assert_int_equal(asb_attr_next(bytes, cut, &at, &attr), -1);
		assert_int_equal(at, 0);
	}
}

static void a_huge_attribute_length_does_not_wrap(void **state)
{
	uint8_t bytes[ASB_ATTR_HEADER + 1] = {0, ASB_SPEC_ARG, 0xff, 0xff, 0xff, 0xff, 'x'};
	size_t at = 0;
	struct asb_attr attr;

	(void)state;
	assert_int_equal(asb_attr_next(bytes, sizeof(bytes), &at, &attr), -1);
	asb_put32(bytes + 2, UINT32_MAX - ASB_ATTR_HEADER + 1);
	assert_int_equal(asb_attr_next(bytes, sizeof(bytes), &at, &attr), -1);
	assert_int_equal(at, 0);
}

static void integers_of_every_width_are_read(void **state)
{
	static const unsigned widths[] = {1, 2, 4, 8};
	uint8_t bytes[16];
	struct asb_attr attr;

	(void)state;
	for (size_t i = 0; i < sizeof(widths) / sizeof(widths[0]); i++) {
		size_t n = 0;
		size_t at = 0;

		assert_int_equal(asb_attr_put_uint(bytes, sizeof(bytes), &n, 1, widths[i], 0xfe),
				 0);
		assert_int_equal(n, ASB_ATTR_HEADER + widths[i]);
		assert_int_equal(asb_attr_next(bytes, n, &at, &attr), 1);
		assert_true(asb_attr_uint(&attr, 7) == 0xfe);
	}
}

static void an_integer_of_odd_width_gives_the_default(void **state)
{
	static const uint8_t value[16] = {0};
	struct asb_attr attr = {.tag = 1, .value = value};

	(void)state;
	for (uint32_t length = 0; length <= sizeof(value); length++) {
		attr.length = length;
		if (length != 1 && length != 2 && length != 4 && length != 8)
			assert_true(asb_attr_uint(&attr, 99) == 99);
		else
			assert_true(asb_attr_uint(&attr, 99) == 0);
	}
}

static void a_full_buffer_takes_nothing(void **state)
{
	uint8_t bytes[ASB_ATTR_HEADER + 4];
	size_t at = 0;

	(void)state;
	memset(bytes, 0xaa, sizeof(bytes));
	for (size_t cap = 0; cap < sizeof(bytes); cap++) {
		assert_int_equal(asb_attr_put(bytes, cap, &at, 1, "four", 4), -1);
		assert_int_equal(at, 0);
	}
	assert_int_equal(bytes[0], 0xaa);
	assert_int_equal(asb_attr_put(bytes, sizeof(bytes), &at, 1, "four", 4), 0);
	assert_int_equal(asb_attr_put(bytes, sizeof(bytes), &at, 1, NULL, 0), -1);
	assert_int_equal(at, sizeof(bytes));
	assert_int_equal(asb_attr_put(bytes, sizeof(bytes), &at, 1, "x", UINT32_MAX), -1);
	assert_int_equal(asb_attr_put_uint(bytes, 64, &at, 1, 3, 0), -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(integers_are_big_endian),
		cmocka_unit_test(header_has_the_documented_layout),
		cmocka_unit_test(a_frame_is_decoded_only_when_complete),
		cmocka_unit_test(only_the_first_frame_is_taken),
		cmocka_unit_test(the_largest_frame_is_64_kib),
		cmocka_unit_test(a_longer_frame_is_malformed_at_once),
		cmocka_unit_test(attributes_come_back_in_order),
		cmocka_unit_test(a_cut_attribute_is_refused_without_moving),
		cmocka_unit_test(a_huge_attribute_length_does_not_wrap),
		cmocka_unit_test(integers_of_every_width_are_read),
		cmocka_unit_test(an_integer_of_odd_width_gives_the_default),
		cmocka_unit_test(a_full_buffer_takes_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

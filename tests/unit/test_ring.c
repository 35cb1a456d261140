/* SPDX-License-Identifier: Apache-2.0 */
/* Rings: absolute offsets, both ends of the storage, and a comparison with a plain array over many
 * random steps. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "shim/protocol/ring.h"

#define SIZE 16u

static uint8_t storage[SIZE];

static void an_empty_ring_has_only_room(void **state)
{
	struct asb_ring ring;
	struct iovec iov[2];

	(void)state;
	asb_ring_init(&ring, storage, SIZE);
	assert_int_equal(asb_ring_used(&ring), 0);
	assert_int_equal(asb_ring_room(&ring), SIZE);
	assert_int_equal(asb_ring_peek(&ring, 0, SIZE, iov), 0);
	assert_int_equal(asb_ring_space(&ring, iov), 1);
	assert_int_equal(iov[0].iov_len, SIZE);
	assert_ptr_equal(iov[0].iov_base, storage);
}

static void a_full_ring_takes_nothing(void **state)
{
	struct asb_ring ring;
	struct iovec iov[2];

	(void)state;
	asb_ring_init(&ring, storage, SIZE);
	assert_int_equal(asb_ring_write(&ring, "0123456789abcdefXYZ", 19), SIZE);
	assert_int_equal(asb_ring_room(&ring), 0);
	assert_int_equal(asb_ring_used(&ring), SIZE);
	assert_int_equal(asb_ring_space(&ring, iov), 0);
	assert_int_equal(asb_ring_write(&ring, "x", 1), 0);
	assert_int_equal(asb_ring_peek(&ring, 0, 99, iov), 1);
	assert_int_equal(iov[0].iov_len, SIZE);
}

static void bytes_around_the_end_come_in_two_pieces(void **state)
{
	struct asb_ring ring;
	struct iovec iov[2];
	char out[SIZE];

	(void)state;
	asb_ring_init(&ring, storage, SIZE);
	asb_ring_write(&ring, "0123456789ab", 12);
	asb_ring_consume(&ring, 10);
	assert_int_equal(asb_ring_space(&ring, iov), 2);
	assert_int_equal(iov[0].iov_len, 4);
	assert_int_equal(iov[1].iov_len, 10);
	assert_ptr_equal(iov[1].iov_base, storage);
	assert_int_equal(asb_ring_write(&ring, "cdefgh", 6), 6);
	assert_int_equal(asb_ring_peek(&ring, 10, 99, iov), 2);
	assert_int_equal(iov[0].iov_len, 6);
	assert_int_equal(iov[1].iov_len, 2);
	assert_int_equal(asb_ring_copy(&ring, 11, out, sizeof(out)), 7);
	assert_memory_equal(out, "bcdefgh", 7);
	assert_int_equal(asb_ring_copy(&ring, 11, out, 3), 3);
	assert_int_equal(asb_ring_used(&ring), 8);
}

static void readv_into_the_space_is_a_write(void **state)
{
	struct asb_ring ring;
	struct iovec iov[2];
	char out[SIZE];

	(void)state;
	asb_ring_init(&ring, storage, SIZE);
	ring.start = ring.end = 14;
	assert_int_equal(asb_ring_space(&ring, iov), 2);
	memcpy(iov[0].iov_base, "ab", 2);
	memcpy(iov[1].iov_base, "cd", 2);
	asb_ring_produced(&ring, 4);
	assert_int_equal(asb_ring_copy(&ring, 14, out, sizeof(out)), 4);
	assert_memory_equal(out, "abcd", 4);
}

static void consume_is_clamped(void **state)
{
	struct asb_ring ring;

	(void)state;
	asb_ring_init(&ring, storage, SIZE);
	asb_ring_write(&ring, "01234567", 8);
	asb_ring_consume(&ring, 5);
	asb_ring_consume(&ring, 2);
	assert_true(ring.start == 5);
	asb_ring_consume(&ring, 99);
	assert_true(ring.start == 8);
	assert_int_equal(asb_ring_used(&ring), 0);
}

static void a_peek_outside_gives_nothing(void **state)
{
	struct asb_ring ring;
	struct iovec iov[2];
	char out[4];

	(void)state;
	asb_ring_init(&ring, storage, SIZE);
	asb_ring_write(&ring, "01234567", 8);
	asb_ring_consume(&ring, 4);
	assert_int_equal(asb_ring_peek(&ring, 3, 8, iov), 0);
	assert_int_equal(asb_ring_peek(&ring, 9, 8, iov), 0);
	assert_int_equal(asb_ring_peek(&ring, 8, 8, iov), 0);
	assert_int_equal(asb_ring_peek(&ring, 4, 0, iov), 0);
	assert_int_equal(asb_ring_copy(&ring, 3, out, sizeof(out)), 0);
}

static void offsets_beyond_32_bits_work(void **state)
{
	struct asb_ring ring;
	char out[SIZE];

	(void)state;
	asb_ring_init(&ring, storage, SIZE);
	ring.start = ring.end = UINT64_C(0xfffffffffffffff8) - 3;
	assert_int_equal(asb_ring_write(&ring, "abcdef", 6), 6);
	assert_int_equal(asb_ring_copy(&ring, ring.start + 2, out, sizeof(out)), 4);
	assert_memory_equal(out, "cdef", 4);
}

/* The stream's byte number n has this value, so that every copy can be checked without a second
 * buffer. */
static uint8_t expected(uint64_t n)
{
	return (uint8_t)(n * 131 + (n >> 8));
}

static void random_steps_keep_every_byte(void **state)
{
	static uint8_t large[256];
	struct asb_ring ring;
	uint32_t seed = 12345;
	uint8_t chunk[300];

	(void)state;
	asb_ring_init(&ring, large, sizeof(large));
	for (int step = 0; step < 200000; step++) {
		size_t n;

		seed = seed * 1664525 + 1013904223;
		n = (seed >> 8) % sizeof(chunk);
		if ((seed >> 31) != 0) {
			size_t room = asb_ring_room(&ring);

			for (size_t i = 0; i < n; i++)
				chunk[i] = expected(ring.end + i);
			assert_int_equal(asb_ring_write(&ring, chunk, n), n < room ? n : room);
		} else {
			size_t got = asb_ring_copy(&ring, ring.start, chunk, n);

			assert_int_equal(got, n < asb_ring_used(&ring) ? n : asb_ring_used(&ring));
			for (size_t i = 0; i < got; i++)
				assert_int_equal(chunk[i], expected(ring.start + i));
			asb_ring_consume(&ring, ring.start + got);
		}
		assert_true(asb_ring_used(&ring) + asb_ring_room(&ring) == sizeof(large));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_empty_ring_has_only_room),
		cmocka_unit_test(a_full_ring_takes_nothing),
		cmocka_unit_test(bytes_around_the_end_come_in_two_pieces),
		cmocka_unit_test(readv_into_the_space_is_a_write),
		cmocka_unit_test(consume_is_clamped),
		cmocka_unit_test(a_peek_outside_gives_nothing),
		cmocka_unit_test(offsets_beyond_32_bits_work),
		cmocka_unit_test(random_steps_keep_every_byte),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * frame.h - frames and attributes of the shim protocol, version 1 (docs/protocol.md).
 *
 * Pure functions over caller-owned bytes: nothing here allocates, blocks or keeps state, so the
 * same code serves the plugin, the shim and the fuzzers. Integers on the wire are big-endian.
 */
#ifndef ASB_PROTOCOL_FRAME_H
#define ASB_PROTOCOL_FRAME_H

#include <stddef.h>
#include <stdint.h>

#define ASB_PROTOCOL_VERSION 1
#define ASB_HELLO_MAGIC "ASBP"
#define ASB_HELLO_MAGIC_LEN 4

#define ASB_FRAME_HEADER 8u	 /* bytes before the payload */
#define ASB_FRAME_PAYLOAD 65528u /* largest payload; a frame is at most 64 KiB */
#define ASB_FRAME_MAX (ASB_FRAME_HEADER + ASB_FRAME_PAYLOAD)
#define ASB_DATA_HEADER 8u /* the offset that opens a DATA payload */
#define ASB_DATA_MAX (ASB_FRAME_PAYLOAD - ASB_DATA_HEADER)
#define ASB_ID_LEN 16u		/* session, instance and job ids */
#define ASB_PING_MAX 64u	/* bytes in a PING */
#define ASB_STDIN_LIMIT 65536u	/* credit that every job's stdin starts with */
#define ASB_OUTPUT_LIMIT 65536u /* default first credit of stdout and stderr */
#define ASB_SPEC_MAX (1u << 20) /* largest job description */
#define ASB_SIGNALS_KEPT 64	/* SIGNALs that a client keeps for a resume */
#define ASB_COMMAND_MAX 4096u	/* bytes of a command line in LISTED */

#define ASB_FEATURE_RESUME "resume"
#define ASB_FEATURE_DETACH "detach"
#define ASB_FEATURE_PTY "pty"

#define ASB_PING_INTERVAL_MS 15000 /* silence after which the client sends PING */
#define ASB_SILENCE_MS 60000	   /* silence after which a connection counts as lost */
#define ASB_LEASE_MS 120000	   /* default life of a session without a connection */
#define ASB_KEEP_MS 3600000	   /* default life of the record of a detached job */
#define ASB_GRACE_MS 500	   /* default time between TERM and KILL */
#define ASB_DRAIN_MS 200	   /* silence after exit that ends a held output */

enum asb_frame_type {
	ASB_HELLO = 0x01,
	ASB_PING = 0x02,
	ASB_PONG = 0x03,
	ASB_ERROR = 0x04,
	ASB_BYE = 0x05,
	ASB_UNKNOWN = 0x06,
	ASB_SPEC = 0x10,
	ASB_START = 0x11,
	ASB_STARTED = 0x12,
	ASB_FAILED = 0x13,
	ASB_SIGNAL = 0x14,
	ASB_EXIT = 0x15,
	ASB_ACK = 0x16,
	ASB_LIST = 0x17,
	ASB_ATTACH = 0x18,
	ASB_DETACH = 0x19,
	ASB_RESIZE = 0x1a,
	ASB_END = 0x1b,
	ASB_LISTED = 0x1c,
	ASB_LIST_END = 0x1d,
	ASB_WAIT = 0x1e,
	ASB_ATTACHED = 0x1f,
	ASB_DATA = 0x20,
	ASB_CREDIT = 0x21,
	ASB_EOF = 0x22,
	ASB_STOP = 0x23,
	ASB_SIGNAL_JOB = 0x24,
	ASB_FORGET = 0x25,
};

enum asb_stream { ASB_STDIN = 0, ASB_STDOUT = 1, ASB_STDERR = 2 };

enum asb_hello_tag {
	ASB_HELLO_VERSION_MIN = 1,
	ASB_HELLO_VERSION_MAX = 2,
	ASB_HELLO_VERSION = 3,
	ASB_HELLO_PROGRAM = 4,
	ASB_HELLO_SESSION = 5,
	ASB_HELLO_LEASE_MS = 6,
	ASB_HELLO_FEATURE = 7,
	ASB_HELLO_INSTANCE = 8,
	ASB_HELLO_MAX_JOBS = 9,
	ASB_HELLO_MAX_SPEC = 10,
	ASB_HELLO_RESUME = 11,
	ASB_HELLO_RESUMED = 12,
};

enum asb_resume {
	ASB_RESUME_NEW = 0,    /* the session must not exist */
	ASB_RESUME_KNOWN = 1,  /* it must */
	ASB_RESUME_EITHER = 2, /* either */
};

enum asb_spec_tag {
	ASB_SPEC_ARG = 1,
	ASB_SPEC_LINE = 2,
	ASB_SPEC_ENV = 3,
	ASB_SPEC_CWD = 4,
	ASB_SPEC_STDIN = 5,
	ASB_SPEC_TIMEOUT_MS = 6,
	ASB_SPEC_GRACE_MS = 7,
	ASB_SPEC_STDOUT_LIMIT = 8,
	ASB_SPEC_STDERR_LIMIT = 9,
	ASB_SPEC_PTY = 10,
	ASB_SPEC_SIZE = 11,
	ASB_SPEC_DETACH = 12,
	ASB_SPEC_KEEP_MS = 13,
	ASB_SPEC_OVERFLOW = 14,
};

enum asb_overflow {
	ASB_OVERFLOW_BLOCK = 0, /* the command waits */
	ASB_OVERFLOW_DROP = 1,	/* the oldest bytes are dropped */
};

enum asb_listed_tag {
	ASB_LISTED_ID = 1,
	ASB_LISTED_STATE = 2,
	ASB_LISTED_PID = 3,
	ASB_LISTED_COMMAND = 4,
	ASB_LISTED_STARTED_MS = 5,
	ASB_LISTED_STDOUT = 6,
	ASB_LISTED_STDERR = 7,
	ASB_LISTED_DETACHED = 8,
	ASB_LISTED_RECORD = 9,
};

enum asb_listed_state {
	ASB_LISTED_RUNNING = 1,
	ASB_LISTED_ENDED = 2,
};

enum asb_exit_tag {
	ASB_EXIT_CODE = 1,
	ASB_EXIT_SIGNAL = 2,
	ASB_EXIT_SIGNO = 3,
	ASB_EXIT_TIMED_OUT = 4,
	ASB_EXIT_OOM = 5,
	ASB_EXIT_STDOUT_BYTES = 6,
	ASB_EXIT_STDERR_BYTES = 7,
	ASB_EXIT_STDOUT_XXH64 = 8,
	ASB_EXIT_STDERR_XXH64 = 9,
	ASB_EXIT_STDIN_BYTES = 10,
	ASB_EXIT_DURATION_NS = 11,
	ASB_EXIT_USER_US = 12,
	ASB_EXIT_SYSTEM_US = 13,
	ASB_EXIT_MAXRSS_KIB = 14,
	ASB_EXIT_SHUTDOWN = 15,
};

enum asb_failed_code {
	ASB_FAILED_BAD_SPEC = 1,
	ASB_FAILED_TOO_LARGE = 2,
	ASB_FAILED_BUSY = 3,
	ASB_FAILED_NOT_FOUND = 4,
	ASB_FAILED_NOT_EXECUTABLE = 5,
	ASB_FAILED_NO_SHELL = 6,
	ASB_FAILED_CWD = 7,
	ASB_FAILED_SYSTEM = 8,
	ASB_FAILED_NO_JOB = 9,
};

enum asb_error_code {
	ASB_ERROR_PROTOCOL = 1,
	ASB_ERROR_VERSION = 2,
	ASB_ERROR_BUSY = 3,
	ASB_ERROR_SHUTDOWN = 4,
	ASB_ERROR_NO_SESSION = 5,
};

/* One frame. `payload` is borrowed from the bytes it was decoded from. */
struct asb_frame {
	uint8_t type;
	uint8_t flags; /* stream number in stream frames */
	uint16_t length;
	uint32_t channel;
	const uint8_t *payload;
};

/*
 * Decodes the frame at the start of `bytes`. Returns the bytes it takes (header and payload), 0
 * when more are needed, -1 when the length is beyond ASB_FRAME_PAYLOAD. Types are not judged here.
 */
int asb_frame_decode(const uint8_t *bytes, size_t n, struct asb_frame *out);

/* Writes the 8 header bytes. `length` is at most ASB_FRAME_PAYLOAD. */
void asb_frame_header(uint8_t out[ASB_FRAME_HEADER], uint8_t type, uint8_t flags, uint32_t channel,
		      uint16_t length);

/* Big-endian integers, by explicit shifts. */
void asb_put16(uint8_t *p, uint16_t v);
void asb_put32(uint8_t *p, uint32_t v);
void asb_put64(uint8_t *p, uint64_t v);
uint16_t asb_get16(const uint8_t *p);
uint32_t asb_get32(const uint8_t *p);
uint64_t asb_get64(const uint8_t *p);

#define ASB_ATTR_HEADER 6u /* tag and length of an attribute */

/* One attribute; `value` is borrowed. */
struct asb_attr {
	uint16_t tag;
	uint32_t length;
	const uint8_t *value;
};

/*
 * Takes the attribute at *at and moves *at behind it. Returns 1, 0 at the end, -1 when the bytes
 * end inside an attribute
 * (*at is then unchanged).
 */
int asb_attr_next(const uint8_t *bytes, size_t n, size_t *at, struct asb_attr *out);

/* Value of an attribute of exactly 1, 2, 4 or 8 bytes; any other length gives `otherwise`. */
uint64_t asb_attr_uint(const struct asb_attr *attr, uint64_t otherwise);

/*
 * Appends an attribute at *at when it fits below `cap` and moves *at. Returns 0, or -1 when it does
 * not fit (nothing is written). The _uint form writes `width` (1, 2, 4 or 8) bytes.
 */
int asb_attr_put(uint8_t *bytes, size_t cap, size_t *at, uint16_t tag, const void *value,
		 uint32_t length);
int asb_attr_put_uint(uint8_t *bytes, size_t cap, size_t *at, uint16_t tag, unsigned width,
		      uint64_t value);

#endif

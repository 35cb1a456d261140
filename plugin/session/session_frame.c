/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include <uuid/uuid.h>

#include "plugin/base/printable.h"
#include "plugin/session/session_internal.h"

/* Answers to frames wait in the queue; a peer that sends and never reads gets no more of them. */
#define ANSWERS_MAX (1u << 20)

/* --- HELLO ------------------------------------------------------------------------------------ */

void asb_session_hello(struct asb_session *session)
{
	uint8_t payload[128];
	size_t at = ASB_HELLO_MAGIC_LEN;
	const char program[] = "kubectl-agentsandbox/" ASB_VERSION;
	uuid_t id;

	uuid_generate_random(id);
	memcpy(payload, ASB_HELLO_MAGIC, ASB_HELLO_MAGIC_LEN);
	asb_attr_put_uint(payload, sizeof(payload), &at, ASB_HELLO_VERSION_MIN, 2,
			  ASB_PROTOCOL_VERSION);
	asb_attr_put_uint(payload, sizeof(payload), &at, ASB_HELLO_VERSION_MAX, 2,
			  ASB_PROTOCOL_VERSION);
	asb_attr_put(payload, sizeof(payload), &at, ASB_HELLO_SESSION, id, sizeof(id));
	asb_attr_put(payload, sizeof(payload), &at, ASB_HELLO_PROGRAM, program,
		     sizeof(program) - 1);
	asb_session_send(session, ASB_HELLO, 0, 0, payload, at, NULL, 0);
}

/* The bytes that every conversation begins with, but for the length (2 and 3): HELLO, or ERROR from
 * a shim that cannot serve. */
static bool begins_well(const uint8_t *bytes, size_t n)
{
	static const uint8_t hello[] = {ASB_HELLO, 0, 0, 0, 0, 0, 0, 0, 'A', 'S', 'B', 'P'};
	static const uint8_t error[] = {ASB_ERROR, 0, 0, 0, 0, 0, 0, 0};
	const uint8_t *want = n > 0 && bytes[0] == ASB_ERROR ? error : hello;
	size_t length = want == error ? sizeof(error) : sizeof(hello);

	for (size_t i = 0; i < n && i < length; i++) {
		if (i != 2 && i != 3 && bytes[i] != want[i])
			return false;
	}
	return n < 4 || asb_get16(bytes + 2) <= ASB_FRAME_PAYLOAD;
}

int asb_session_greet(struct asb_session *session, const uint8_t *bytes, size_t n)
{
	char quote[101];

	if (begins_well(bytes, n))
		return n >= ASB_FRAME_HEADER + ASB_HELLO_MAGIC_LEN ||
		       (n >= ASB_FRAME_HEADER && bytes[0] == ASB_ERROR);
	asb_printable(quote, sizeof(quote), bytes, n);
	asb_session_fail(session, "what answers in the sandbox is not the shim: \"%s%s\"", quote,
			 n > sizeof(quote) - 1 ? "..." : "");
	return -1;
}

static void take_hello(struct asb_session *session, const struct asb_frame *frame)
{
	size_t at = ASB_HELLO_MAGIC_LEN;
	struct asb_attr attr;
	uint64_t version = 0;
	int more;

	for (;;) {
		more = asb_attr_next(frame->payload, frame->length, &at, &attr);
		if (more <= 0)
			break;
		if (attr.tag == ASB_HELLO_VERSION)
			version = asb_attr_uint(&attr, 0);
		else if (attr.tag == ASB_HELLO_PROGRAM)
			asb_printable(session->shim, sizeof(session->shim), attr.value,
				      attr.length);
	}
	if (more < 0)
		asb_session_fail(session, "the shim's greeting is malformed");
	else if (version != ASB_PROTOCOL_VERSION)
		asb_session_fail(session, "the shim speaks protocol version %u, this plugin %d",
				 (unsigned)version, ASB_PROTOCOL_VERSION);
	else
		session->hello = true;
}

/* --- the other frames of the session ---------------------------------------------------------- */

static void answer(struct asb_session *session, uint8_t type, const void *payload, size_t n)
{
	if (session->out.length < ANSWERS_MAX)
		asb_session_send(session, type, 0, 0, payload, n, NULL, 0);
}

static void take_error(struct asb_session *session, const struct asb_frame *frame)
{
	char text[512];

	if (frame->length < 2) {
		asb_session_fail(session, "the shim ended the session with a malformed error");
		return;
	}
	asb_printable(text, sizeof(text), frame->payload + 2, frame->length - 2u);
	asb_session_fail(session, "the shim ended the session: %s (error %u)", text,
			 asb_get16(frame->payload));
}

static void take_bye(struct asb_session *session)
{
	struct asb_error why = ASB_ERROR_INIT;

	session->bye_received = true;
	asb_fail(&why, "the shim ended the session");
	asb_session_lose_jobs(session, &why);
}

static void take_session_frame(struct asb_session *session, const struct asb_frame *frame)
{
	switch (frame->type) {
	case ASB_HELLO:
		asb_session_fail(session, "the shim greeted twice");
		break;
	case ASB_PING:
		if (frame->length <= ASB_PING_MAX)
			answer(session, ASB_PONG, frame->payload, frame->length);
		break;
	case ASB_ERROR:
		take_error(session, frame);
		break;
	case ASB_BYE:
		take_bye(session);
		break;
	default: /* PONG and UNKNOWN: that they arrived is all they say */
		break;
	}
}

void asb_session_frame(struct asb_session *session, const struct asb_frame *frame)
{
	if (!session->hello && frame->type == ASB_HELLO) {
		take_hello(session, frame);
		return;
	}
	if (frame->type >= ASB_HELLO && frame->type <= ASB_UNKNOWN) {
		if (frame->channel == 0)
			take_session_frame(session, frame);
		return;
	}
	switch (asb_job_frame(session, frame)) {
	case ASB_FRAME_TAKEN:
		break;
	case ASB_FRAME_UNKNOWN:
		answer(session, ASB_UNKNOWN, &frame->type, 1);
		break;
	case ASB_FRAME_BROKEN:
		asb_session_fail(session, "the sandbox sent a broken frame (type 0x%02x, %u bytes)",
				 frame->type, frame->length);
		break;
	}
}

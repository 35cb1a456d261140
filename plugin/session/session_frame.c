/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "plugin/base/printable.h"
#include "plugin/session/session_internal.h"

/* --- HELLO ------------------------------------------------------------------------------------ */

void asb_session_hello(struct asb_session *session)
{
	uint8_t payload[256];
	size_t at = ASB_HELLO_MAGIC_LEN;
	const char program[] = "kubectl-agentsandbox/" ASB_VERSION;

	memcpy(payload, ASB_HELLO_MAGIC, ASB_HELLO_MAGIC_LEN);
	asb_attr_put_uint(payload, sizeof(payload), &at, ASB_HELLO_VERSION_MIN, 2,
			  ASB_PROTOCOL_VERSION);
	asb_attr_put_uint(payload, sizeof(payload), &at, ASB_HELLO_VERSION_MAX, 2,
			  ASB_PROTOCOL_VERSION);
	asb_attr_put(payload, sizeof(payload), &at, ASB_HELLO_SESSION, session->id,
		     sizeof(session->id));
	asb_attr_put(payload, sizeof(payload), &at, ASB_HELLO_PROGRAM, program,
		     sizeof(program) - 1);
	for (unsigned i = 0; asb_feature_name(i) != NULL; i++)
		asb_attr_put(payload, sizeof(payload), &at, ASB_HELLO_FEATURE, asb_feature_name(i),
			     (uint32_t)strlen(asb_feature_name(i)));
	if (session->connections++ > 0)
		asb_attr_put_uint(payload, sizeof(payload), &at, ASB_HELLO_RESUME, 1,
				  session->greeted ? ASB_RESUME_KNOWN : ASB_RESUME_EITHER);
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
	/* On the way back to a shim that was there somebody else may answer for a while. */
	(session->greeted ? asb_session_lose : asb_session_fail)(
		session, "what answers in the sandbox is not the shim: \"%s%s\"", quote,
		n > sizeof(quote) - 1 ? "..." : "");
	return -1;
}

/* What the shim's HELLO said. */
struct greeting {
	uint64_t version;
	const uint8_t *instance; /* borrowed; NULL: it has not said */
	unsigned features;
	bool resumed;
};

static void take_hello_attr(struct asb_session *session, struct greeting *greeting,
			    const struct asb_attr *attr)
{
	switch (attr->tag) {
	case ASB_HELLO_VERSION:
		greeting->version = asb_attr_uint(attr, 0);
		break;
	case ASB_HELLO_PROGRAM:
		asb_printable(session->shim, sizeof(session->shim), attr->value, attr->length);
		break;
	case ASB_HELLO_FEATURE:
		greeting->features |= asb_feature_bit(attr);
		break;
	case ASB_HELLO_INSTANCE:
		if (attr->length == ASB_ID_LEN)
			greeting->instance = attr->value;
		break;
	case ASB_HELLO_RESUMED:
		greeting->resumed = asb_attr_uint(attr, 0) == 1;
		break;
	default:
		break;
	}
}

static bool same_instance(const struct asb_session *session, const struct greeting *greeting)
{
	static const uint8_t unknown[ASB_ID_LEN];

	return memcmp(session->instance, greeting->instance != NULL ? greeting->instance : unknown,
		      ASB_ID_LEN) == 0;
}

/* Greeted on the first connection, or on one more. */
static void take_greeting(struct asb_session *session, const struct greeting *greeting)
{
	if (session->greeted && !same_instance(session, greeting)) {
		asb_session_fail(session, "the sandbox restarted: what ran in it is gone");
		return;
	}
	if (session->greeted && !greeting->resumed) {
		asb_session_fail(session, "the shim did not take the session up again");
		return;
	}
	if (greeting->instance != NULL)
		memcpy(session->instance, greeting->instance, ASB_ID_LEN);
	session->features = greeting->features;
	session->resumptions += greeting->resumed && session->connections > 1;
	session->hello = session->greeted = true;
	for (size_t i = 0; i < session->job_count; i++)
		asb_job_unhold(session->jobs[i]);
}

static void take_hello(struct asb_session *session, const struct asb_frame *frame)
{
	struct greeting greeting = {0};
	size_t at = ASB_HELLO_MAGIC_LEN;
	struct asb_attr attr;
	int more;

	for (;;) {
		more = asb_attr_next(frame->payload, frame->length, &at, &attr);
		if (more <= 0)
			break;
		take_hello_attr(session, &greeting, &attr);
	}
	if (more < 0)
		asb_session_fail(session, "the shim's greeting is malformed");
	else if (greeting.version != ASB_PROTOCOL_VERSION)
		asb_session_fail(session, "the shim speaks protocol version %u, this plugin %d",
				 (unsigned)greeting.version, ASB_PROTOCOL_VERSION);
	else
		take_greeting(session, &greeting);
}

/* --- the other frames of the session ---------------------------------------------------------- */

static void answer(struct asb_session *session, uint8_t type, const void *payload, size_t n)
{
	if (session->out.length < ASB_SESSION_ANSWERS)
		asb_session_send(session, type, 0, 0, payload, n, NULL, 0);
}

static void take_error(struct asb_session *session, const struct asb_frame *frame)
{
	char text[512];
	unsigned code;

	if (frame->length < 2) {
		asb_session_fail(session, "the shim ended the session with a malformed error");
		return;
	}
	code = asb_get16(frame->payload);
	asb_printable(text, sizeof(text), frame->payload + 2, frame->length - 2u);
	if (code == ASB_ERROR_NO_SESSION)
		asb_session_fail(session, "the sandbox does not know the session any more: it was "
					  "restarted, or out of reach for too long");
	else if (code == ASB_ERROR_BUSY && session->greeted)
		asb_session_lose(session, "the shim is busy: %s", text);
	else
		asb_session_fail(session, "the shim ended the session: %s (error %u)", text, code);
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
	if (frame->type == ASB_LISTED || frame->type == ASB_LIST_END) {
		if (!asb_listing_frame(session, frame))
			asb_session_fail(session, "the list of jobs is malformed");
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

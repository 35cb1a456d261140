/* SPDX-License-Identifier: Apache-2.0 */
#include "shim/hello.h"

#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "shim/limits.h"
#include "shim/say.h"

static uint8_t instance[ASB_ID_LEN];

void asb_hello_init(void)
{
	int64_t seed[2] = {asb_now(), getpid()};

	/* The id only has to differ from the last one's; before the pool is ready a clock does that
	 * too. */
	if (getrandom(instance, sizeof(instance), GRND_NONBLOCK) != (ssize_t)sizeof(instance))
		memcpy(instance, seed, sizeof(instance));
}

static void broken(struct asb_conn *conn, const char *text)
{
	asb_conn_error(conn, ASB_ERROR_PROTOCOL, text);
}

/* What HELLO said. */
struct hello {
	uint64_t version_min;
	uint64_t version_max;
	uint64_t lease_ms;
	uint64_t resume; /* enum asb_resume */
	bool resumes;	 /* the client can */
	const uint8_t *session;
};

static bool is_feature(const struct asb_attr *attr, const char *name)
{
	return attr->tag == ASB_HELLO_FEATURE && attr->length == strlen(name) &&
	       memcmp(attr->value, name, attr->length) == 0;
}

static int parse_hello(const struct asb_frame *frame, struct hello *out)
{
	size_t at = ASB_HELLO_MAGIC_LEN;
	struct asb_attr attr;
	int more = asb_attr_next(frame->payload, frame->length, &at, &attr);

	*out = (struct hello){.version_min = UINT64_MAX, .lease_ms = ASB_LEASE_MS};
	for (; more > 0; more = asb_attr_next(frame->payload, frame->length, &at, &attr)) {
		if (attr.tag == ASB_HELLO_VERSION_MIN)
			out->version_min = asb_attr_uint(&attr, UINT64_MAX);
		else if (attr.tag == ASB_HELLO_VERSION_MAX)
			out->version_max = asb_attr_uint(&attr, 0);
		else if (attr.tag == ASB_HELLO_LEASE_MS)
			out->lease_ms = asb_attr_uint(&attr, ASB_LEASE_MS);
		else if (attr.tag == ASB_HELLO_SESSION && attr.length == ASB_ID_LEN)
			out->session = attr.value;
		else if (attr.tag == ASB_HELLO_RESUME)
			out->resume = asb_attr_uint(&attr, UINT64_MAX);
		else if (is_feature(&attr, ASB_FEATURE_RESUME))
			out->resumes = true;
	}
	if (out->lease_ms > UINT32_MAX)
		out->lease_ms = UINT32_MAX;
	return more < 0 || out->session == NULL || out->resume > ASB_RESUME_EITHER ? -1 : 0;
}

static void answer_hello(struct asb_conn *conn, bool resumed)
{
	static const char program[] = ASB_PROGRAM_NAME " " ASB_VERSION;
	static const char *const features[] = {ASB_FEATURE_RESUME, ASB_FEATURE_PTY,
					       ASB_FEATURE_DETACH};
	uint8_t bytes[256];
	size_t n = ASB_HELLO_MAGIC_LEN;

	memcpy(bytes, ASB_HELLO_MAGIC, ASB_HELLO_MAGIC_LEN);
	(void)asb_attr_put_uint(bytes, sizeof(bytes), &n, ASB_HELLO_VERSION, 2,
				ASB_PROTOCOL_VERSION);
	(void)asb_attr_put(bytes, sizeof(bytes), &n, ASB_HELLO_PROGRAM, program,
			   sizeof(program) - 1);
	(void)asb_attr_put(bytes, sizeof(bytes), &n, ASB_HELLO_INSTANCE, instance,
			   sizeof(instance));
	(void)asb_attr_put_uint(bytes, sizeof(bytes), &n, ASB_HELLO_MAX_JOBS, 4, ASB_MAX_JOBS);
	(void)asb_attr_put_uint(bytes, sizeof(bytes), &n, ASB_HELLO_MAX_SPEC, 4, ASB_SPEC_MAX);
	for (size_t i = 0; i < sizeof(features) / sizeof(features[0]); i++)
		(void)asb_attr_put(bytes, sizeof(bytes), &n, ASB_HELLO_FEATURE, features[i],
				   (uint32_t)strlen(features[i]));
	if (resumed)
		(void)asb_attr_put_uint(bytes, sizeof(bytes), &n, ASB_HELLO_RESUMED, 1, 1);
	asb_conn_reply(conn, ASB_HELLO, 0, bytes, n);
}

/* Gives the connection its session, new or known. Returns NULL, having said why. */
static struct asb_session *session_for(struct asb_conn *conn, const struct hello *hello,
				       bool *resumed)
{
	struct asb_session *session = asb_session_find(hello->session);
	struct asb_conn *old;

	*resumed = session != NULL;
	if (session != NULL && hello->resume == ASB_RESUME_NEW) {
		broken(conn, "the session exists already");
		return NULL;
	}
	if (session == NULL ? hello->resume == ASB_RESUME_KNOWN || asb_session_was(hello->session)
			    : session->ending) {
		asb_conn_error(conn, ASB_ERROR_NO_SESSION, "there is no such session");
		return NULL;
	}
	if (session != NULL) {
		old = asb_session_resume(session, (uint32_t)hello->lease_ms, conn);
		if (old != NULL) {
			old->session = NULL;
			asb_conn_drop(old);
		}
		return session;
	}
	session = asb_session_open(hello->session, (uint32_t)hello->lease_ms, conn);
	if (session == NULL)
		asb_conn_error(conn, ASB_ERROR_BUSY, "too many sessions");
	return session;
}

void asb_hello(struct asb_conn *conn, const struct asb_frame *frame)
{
	struct hello hello;
	bool resumed;

	if (memcmp(frame->payload, ASB_HELLO_MAGIC, ASB_HELLO_MAGIC_LEN) != 0 ||
	    parse_hello(frame, &hello) < 0) {
		broken(conn, "the hello is malformed");
		return;
	}
	if (hello.version_min > ASB_PROTOCOL_VERSION || hello.version_max < ASB_PROTOCOL_VERSION) {
		asb_conn_error(conn, ASB_ERROR_VERSION, "this shim speaks version 1 only");
		return;
	}
	conn->session = session_for(conn, &hello, &resumed);
	if (conn->session == NULL)
		return;
	conn->session->resumes = hello.resumes;
	conn->state = ASB_CONN_OPEN;
	answer_hello(conn, resumed);
}

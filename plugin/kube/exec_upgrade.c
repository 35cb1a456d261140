/* SPDX-License-Identifier: Apache-2.0 */
/* exec_upgrade.c - the HTTP/1.1 request that asks for an exec stream (RFC 6455 §4.1), and what the
 * server answers. */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <openssl/evp.h>

#include "plugin/kube/exec_internal.h"

/* --- the request ------------------------------------------------------------------------------ */

/* A name that would make the path another one. */
static bool is_path(const char *name)
{
	return name[0] == '\0' || strcmp(name, ".") == 0 || strcmp(name, "..") == 0;
}

static int add_path(struct asb_buffer *text, const char *prefix,
		    const struct asb_exec_target *target, struct asb_error *err)
{
	size_t before = text->length;

	if (is_path(target->namespace_) || is_path(target->pod))
		return asb_fail(err, "namespace \"%s\" or pod \"%s\" is no name",
				target->namespace_, target->pod);
	asb_buffer_addf(text, "%s/api/v1/namespaces/", prefix);
	asb_buffer_add_url(text, target->namespace_);
	asb_buffer_addstr(text, "/pods/");
	asb_buffer_add_url(text, target->pod);
	asb_buffer_addstr(text, "/exec?container=");
	asb_buffer_add_url(text, target->container);
	for (size_t i = 0; target->argv[i] != NULL; i++) {
		asb_buffer_addstr(text, "&command=");
		asb_buffer_add_url(text, target->argv[i]);
	}
	/* stdin is always asked for: runtimes exist that lose output without it. */
	asb_buffer_addstr(text, "&stdin=true&stdout=true&stderr=true");
	if (text->length - before > ASB_EXEC_PATH_MAX)
		return asb_fail(err, "the request for the exec stream is longer than %d bytes",
				ASB_EXEC_PATH_MAX);
	return 0;
}

static void add_basic(struct asb_buffer *text, const char *username, const char *password)
{
	ASB_TEXT pair = asb_strf("%s:%s", username, password != NULL ? password : "");
	size_t n = strlen(pair);
	ASB_TEXT encoded = asb_malloc(n / 3 * 4 + 5);

	EVP_EncodeBlock((unsigned char *)encoded, (const unsigned char *)pair, (int)n);
	asb_buffer_addf(text, "Authorization: Basic %s\r\n", encoded);
	asb_wipe(pair, n);
	asb_wipe(encoded, strlen(encoded));
}

/* Credentials, and the user to act as: the same as requests have. */
static void add_credentials(struct asb_buffer *text, const struct asb_kubeconfig *kubeconfig)
{
	struct asb_buffer token = ASB_BUFFER_INIT;

	asb_kubeconfig_token(kubeconfig, &token);
	if (token.length > 0)
		asb_buffer_addf(text, "Authorization: Bearer %s\r\n", token.data);
	else if (kubeconfig->username != NULL)
		add_basic(text, kubeconfig->username, kubeconfig->password);
	asb_buffer_release_secret(&token);
	for (size_t i = 0; i < kubeconfig->header_count; i++)
		asb_buffer_addf(text, "%s\r\n", kubeconfig->headers[i]);
}

int asb_exec_request_init(struct asb_exec_request *request, const struct asb_kubeconfig *kubeconfig,
			  const struct asb_exec_target *target, const char *host,
			  const char *prefix, struct asb_error *err)
{
	struct asb_buffer *text = &request->text;

	asb_buffer_init(text);
	asb_websocket_key(request->key);
	asb_buffer_addstr(text, "GET ");
	if (add_path(text, prefix, target, err) != 0 ||
	    asb_kubeconfig_authenticate(kubeconfig, err) != 0)
		return -1;
	asb_buffer_addf(text,
			" HTTP/1.1\r\nHost: %s\r\nUser-Agent: kubectl-agentsandbox/" ASB_VERSION
			"\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
			"Sec-WebSocket-Key: %s\r\nSec-WebSocket-Version: 13\r\n"
			"Sec-WebSocket-Protocol: " ASB_EXEC_PROTOCOLS "\r\n",
			host, request->key);
	add_credentials(text, kubeconfig);
	asb_buffer_addstr(text, "\r\n");
	return 0;
}

void asb_exec_request_release(struct asb_exec_request *request)
{
	if (request->text.data != NULL)
		asb_buffer_release_secret(&request->text);
}

/* --- the answer's head ------------------------------------------------------------------------ */

/* A header's value: inside the head, without spaces around it; length 0 when it is absent. */
struct value {
	const char *text;
	size_t length;
};

static struct value header(const char *head, const char *name)
{
	size_t n = strlen(name);
	const char *line = strstr(head, "\r\n");

	while (line != NULL) {
		line += 2;
		if (strncasecmp(line, name, n) == 0 && line[n] == ':') {
			const char *from = line + n + 1 + strspn(line + n + 1, " \t");
			const char *end = from + strcspn(from, "\r\n");

			while (end > from && (end[-1] == ' ' || end[-1] == '\t'))
				end--;
			return (struct value){from, (size_t)(end - from)};
		}
		line = strstr(line, "\r\n");
	}
	return (struct value){"", 0};
}

static bool is(struct value value, const char *text, bool any_case)
{
	return value.length == strlen(text) &&
	       (any_case ? strncasecmp(value.text, text, value.length)
			 : strncmp(value.text, text, value.length)) == 0;
}

/* Whether a word stands in a list with commas. */
static bool lists(struct value value, const char *word)
{
	const char *at = value.text, *end = value.text + value.length;

	while (at < end) {
		const char *comma = memchr(at, ',', (size_t)(end - at));
		const char *stop = comma != NULL ? comma : end;

		while (at < stop && (*at == ' ' || *at == '\t'))
			at++;
		while (stop > at && (stop[-1] == ' ' || stop[-1] == '\t'))
			stop--;
		if (is((struct value){at, (size_t)(stop - at)}, word, true))
			return true;
		at = comma != NULL ? comma + 1 : end;
	}
	return false;
}

/* Without a subprotocol the server would speak an old one, that knows no Status. */
static const char *problem_of(const char *head, const char *key)
{
	struct value protocol = header(head, "Sec-WebSocket-Protocol");
	char accept[ASB_WEBSOCKET_ACCEPT];

	asb_websocket_accept(key, accept);
	if (!is(header(head, "Upgrade"), "websocket", true) ||
	    !lists(header(head, "Connection"), "upgrade") ||
	    !is(header(head, "Sec-WebSocket-Accept"), accept, false) ||
	    header(head, "Sec-WebSocket-Extensions").length > 0)
		return "the server's answer is not a WebSocket upgrade";
	if (protocol.length == 0)
		return "the server speaks neither v5.channel.k8s.io nor v4.channel.k8s.io";
	if (!is(protocol, "v5.channel.k8s.io", false) && !is(protocol, "v4.channel.k8s.io", false))
		return "the server answered with a subprotocol not asked for";
	return NULL;
}

/* --- the body of a refusal -------------------------------------------------------------------- */

/* Appends what is there of chunks (RFC 9112 §7.1); true once the last one has come. */
static bool read_chunks(struct asb_buffer *body, const char *at, const char *end)
{
	while (at < end) {
		const char *line = memchr(at, '\n', (size_t)(end - at));
		unsigned long n;

		if (line == NULL)
			return false;
		n = isxdigit((unsigned char)*at) ? strtoul(at, NULL, 16) : 0;
		if (n == 0)
			return true;
		at = line + 1;
		if (n > (unsigned long)(end - at)) {
			asb_buffer_add(body, at, (size_t)(end - at));
			return false;
		}
		asb_buffer_add(body, at, n);
		at += n;
		at += at + 2 <= end ? 2 : end - at;
	}
	return false;
}

/* True when it is whole. */
static bool read_body(struct asb_buffer *body, const char *head, const char *at, size_t n)
{
	struct value length = header(head, "Content-Length");
	size_t whole = 0;

	if (lists(header(head, "Transfer-Encoding"), "chunked"))
		return read_chunks(body, at, at + n);
	if (length.length > 0)
		whole = strtoul(length.text, NULL, 10);
	asb_buffer_add(body, at, length.length > 0 && whole < n ? whole : n);
	return length.length > 0 && whole <= n;
}

/* --- the answer ------------------------------------------------------------------------------- */

static int status_of(const char *head)
{
	if (strncmp(head, "HTTP/1.", 7) != 0 || head[7] == '\0' || head[8] != ' ')
		return 0;
	return (int)strtol(head + 9, NULL, 10);
}

static void judge(struct asb_exec_answer *out, const char *head, const char *bytes, size_t n,
		  bool ended, const char *key)
{
	out->status = status_of(head);
	if (out->status < 100 || out->status > 599) {
		out->verdict = ASB_EXEC_NO_ANSWER;
		out->problem = "the server's answer is not HTTP";
	} else if (out->status == 101) {
		out->problem = problem_of(head, key);
		out->verdict = out->problem == NULL ? ASB_EXEC_UPGRADED : ASB_EXEC_NO_ANSWER;
	} else if (read_body(&out->body, head, bytes + out->head, n - out->head) || ended ||
		   n - out->head >= ASB_EXEC_HEAD_MAX) {
		out->verdict = ASB_EXEC_REFUSED;
	}
}

void asb_exec_answer_read(struct asb_exec_answer *out, const char *bytes, size_t n, bool ended,
			  const char *key)
{
	static const char end[] = "\r\n\r\n";
	const char *stop = memmem(bytes, n, end, 4);

	asb_buffer_reset(&out->body);
	out->verdict = ASB_EXEC_MORE;
	out->problem = NULL;
	if (stop != NULL) {
		/* Of its own, so that nothing is looked for behind it; a NUL ends it too. */
		ASB_TEXT head = asb_strndup(bytes, (size_t)(stop - bytes) + 2);

		out->head = (size_t)(stop - bytes) + 4;
		judge(out, head, bytes, n, ended, key);
	} else if (ended) {
		out->verdict = ASB_EXEC_NO_ANSWER;
		out->problem = "the server closed the connection";
	} else if (n >= ASB_EXEC_HEAD_MAX) {
		out->verdict = ASB_EXEC_NO_ANSWER;
		out->problem = "the server's answer is not a WebSocket upgrade";
	}
}

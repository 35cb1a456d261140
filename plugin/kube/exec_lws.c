/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The thread of an exec stream (the only code that knows libwebsockets).
 *
 * One context serves two descriptors: the WebSocket (`socket`) and our end of the pair (`pair`).
 * Both directions hold at most one message that could not be handed on yet; while they do, reading
 * on the other side is switched off. The thread ends when the caller's end of the pair is shut, or
 * when the WebSocket is gone and everything it brought has been handed on.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <libwebsockets.h>

#include "plugin/kube/exec_internal.h"

#define READ_SIZE 65536u /* pieces of messages are at most this long */
/* From the Status, which is the last that is said, until the server closes. */
#define CLOSE_US (5 * LWS_USEC_PER_SEC)

struct wire {
	struct asb_exec *exec;
	struct asb_exec_outcome *outcome;
	int local; /* our end of the pair; libwebsockets watches a duplicate, which it closes */
	struct lws *socket, *pair; /* NULL once gone */
	struct lws_context *context;
	bool over;
	struct asb_exec_demux demux;
	struct asb_buffer inward; /* channel 1, waits for room in the pair */
	bool broken_pair;	  /* the caller takes nothing more */
	unsigned char *message;	  /* LWS_PRE, channel byte, payload */
	size_t message_length;	  /* 0: none waits */
};

/* lws_service returns when a descriptor had something to say, not after a timer alone: it is woken
 * up to see that it is over. */
static void finish(struct wire *wire)
{
	if (!wire->over && wire->context != NULL)
		lws_cancel_service(wire->context);
	wire->over = true;
}

static void problem(struct wire *wire, const char *text)
{
	if (wire->outcome->problem[0] == '\0')
		snprintf(wire->outcome->problem, sizeof(wire->outcome->problem), "%s", text);
}

/* Either side may have gone in the same turn of the loop. */
static void let_read(struct lws *wsi, bool on)
{
	if (wsi != NULL)
		lws_rx_flow_control(wsi, on ? 1 : 0);
}

/* --- from the server to the caller ------------------------------------------------------------ */

static void hand_on(struct wire *wire)
{
	while (wire->inward.length > 0 && !wire->broken_pair) {
		ssize_t n = send(wire->local, wire->inward.data, wire->inward.length,
				 MSG_DONTWAIT | MSG_NOSIGNAL);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			return;
		if (n < 0)
			wire->broken_pair = true;
		else
			asb_buffer_drop(&wire->inward, (size_t)n);
	}
}

static void keep(struct asb_buffer *buf, const void *bytes, size_t n)
{
	size_t room = buf->limit - buf->length;

	asb_buffer_add(buf, bytes, n < room ? n : room);
}

static void on_channel(void *context, int channel, const void *bytes, size_t n)
{
	struct wire *wire = context;

	switch (channel) {
	case ASB_EXEC_STDOUT_CHANNEL:
		asb_buffer_add(&wire->inward, bytes, n);
		break;
	case ASB_EXEC_STDERR_CHANNEL:
		keep(&wire->outcome->diagnostics, bytes, n);
		break;
	case ASB_EXEC_STATUS_CHANNEL:
		/* Who reads may have left already (the end of an exec that said goodbye). */
		if (wire->outcome->status.length == 0 && wire->pair != NULL)
			lws_set_timer_usecs(wire->pair, CLOSE_US);
		keep(&wire->outcome->status, bytes, n);
		break;
	default:
		break;
	}
}

static int on_receive(struct wire *wire, struct lws *wsi, const void *bytes, size_t n)
{
	/* A message is over when its last frame is, and no byte of it is left: frames longer than
	 * READ_SIZE come in pieces (first, remaining and final tell them apart). */
	int end = lws_is_final_fragment(wsi);

	lws_validity_confirmed(wsi);
	asb_exec_demux_feed(&wire->demux, bytes, n, lws_is_first_fragment(wsi), end, on_channel,
			    wire);
	hand_on(wire);
	if (wire->inward.length > 0 && wire->pair != NULL) {
		let_read(wsi, false);
		lws_callback_on_writable(wire->pair);
	}
	return 0;
}

static int on_pair_writable(struct wire *wire)
{
	hand_on(wire);
	if (wire->broken_pair)
		return -1;
	if (wire->inward.length > 0)
		lws_callback_on_writable(wire->pair);
	else if (wire->socket != NULL)
		let_read(wire->socket, true);
	else
		finish(wire);
	return 0;
}

/* --- from the caller to the server ------------------------------------------------------------ */

/* After the Status the remote process is gone; a server that has closed answers what is still sent
 * with a reset, and the reset would take unread output with it. */
static bool may_send(const struct wire *wire)
{
	return wire->outcome->established && wire->socket != NULL &&
	       wire->outcome->status.length == 0;
}

static int on_pair_readable(struct wire *wire)
{
	ssize_t n;

	if (!may_send(wire) || wire->message_length > 0) {
		let_read(wire->pair, false);
		return 0;
	}
	n = recv(wire->local, wire->message + LWS_PRE + 1, ASB_EXEC_MESSAGE - 1, MSG_DONTWAIT);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return 0;
	if (n <= 0)
		return -1;
	wire->message[LWS_PRE] = ASB_EXEC_STDIN_CHANNEL;
	wire->message_length = (size_t)n + 1;
	let_read(wire->pair, false);
	lws_callback_on_writable(wire->socket);
	return 0;
}

/* The server takes every frame for a message: never fragment. What the TCP connection does not take
 * at once libwebsockets keeps, and it does not call again before that is gone. */
static int on_socket_writable(struct wire *wire, struct lws *wsi)
{
	int length = (int)wire->message_length;

	if (length == 0)
		return 0;
	wire->message_length = 0;
	if (may_send(wire) &&
	    lws_write(wsi, wire->message + LWS_PRE, (size_t)length, LWS_WRITE_BINARY) < length) {
		problem(wire, "writing failed");
		return -1;
	}
	let_read(wire->pair, true);
	return 0;
}

/* --- life of the WebSocket -------------------------------------------------------------------- */

static int add_header(struct lws *wsi, const char *name, const char *value, unsigned char **at,
		      unsigned char *end)
{
	return lws_add_http_header_by_name(wsi, (const unsigned char *)name,
					   (const unsigned char *)value, (int)strlen(value), at,
					   end);
}

/* Credentials, and the user to act as: the same as the REST side sends. */
static int add_headers(struct wire *wire, struct lws *wsi, unsigned char **at, size_t room)
{
	const struct asb_kubeconfig *kubeconfig = wire->exec->kubeconfig;
	const char *value = wire->exec->request.authorization;
	unsigned char *end = *at + room;
	bool fits = value == NULL || add_header(wsi, "authorization:", value, at, end) == 0;

	for (size_t i = 0; fits && i < kubeconfig->header_count; i++) {
		const char *field = kubeconfig->headers[i];
		size_t n = strcspn(field, ":") + 1;
		ASB_TEXT name = asb_strndup(field, n);

		fits = add_header(wsi, name, field + n + 1, at, end) == 0;
	}
	if (fits)
		return 0;
	problem(wire, "the credentials are too long");
	return -1;
}

/* The headers of the answer can be read here for the last time. Without a subprotocol the server
 * would speak an old one, that knows no Status. */
static int check_subprotocol(struct wire *wire, struct lws *wsi)
{
	char name[64] = "";

	if (lws_hdr_copy(wsi, name, sizeof(name), WSI_TOKEN_PROTOCOL) > 0 &&
	    (strcmp(name, "v5.channel.k8s.io") == 0 || strcmp(name, "v4.channel.k8s.io") == 0))
		return 0;
	problem(wire, "the server speaks neither v5.channel.k8s.io nor v4.channel.k8s.io");
	return -1;
}

static void on_established(struct wire *wire)
{
	wire->outcome->established = true;
	wire->demux.channel = -1;
	let_read(wire->pair, true);
}

static const char *worded(const char *text)
{
	static const struct {
		const char *theirs, *ours;
	} words[] = {
		{"Unable to connect", "connection refused or unreachable"},
		{"proxy", "the proxy refused the connection"},
		{"Closed before conn", "the server closed the connection"},
		{"Peer hung up", "the server closed the connection"},
		{"read failed", "the server closed the connection"},
		{"connect S", "the TLS handshake failed"}, /* SSL, SYSCALL */
		{"HS: PROTOCOL malformed", "the server answered with a subprotocol not asked for"},
		{"HS: ", "the server's answer is not a WebSocket upgrade"},
	};

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		if (strstr(text, words[i].theirs) != NULL)
			return words[i].ours;
	}
	return text;
}

static void on_connection_error(struct wire *wire, struct lws *wsi, const char *text, size_t n)
{
	char copy[128];
	int status = (int)lws_http_client_http_response(wsi);

	snprintf(copy, sizeof(copy), "%.*s", (int)n, text != NULL ? text : "");
	if (status > 0 && status != 101)
		wire->outcome->http = status;
	problem(wire, copy[0] != '\0' ? worded(copy) : "the connection failed");
}

static void on_socket_gone(struct wire *wire)
{
	wire->socket = NULL;
	if (wire->inward.length == 0)
		finish(wire);
	else if (wire->pair != NULL)
		lws_callback_on_writable(wire->pair);
}

static void on_peer_close(struct wire *wire, const unsigned char *payload, size_t n)
{
	char text[64];
	unsigned code = n >= 2 ? (unsigned)payload[0] << 8 | payload[1] : 0;

	if (code == LWS_CLOSE_STATUS_NORMAL || code == 0)
		snprintf(text, sizeof(text), "the server closed it");
	else
		snprintf(text, sizeof(text), "the server closed it with code %u", code);
	problem(wire, text);
}

/* The connection's, which can't be cancelled in libwebsockets 4.1, or that of closing after a
 * Status; a caller who has not taken all of the output yet gets more time. */
static void on_deadline(struct wire *wire)
{
	if (!wire->outcome->established) {
		problem(wire, "the server did not answer in time");
		finish(wire);
	} else if (wire->outcome->status.length > 0 && wire->inward.length > 0) {
		lws_set_timer_usecs(wire->pair, CLOSE_US);
	} else if (wire->outcome->status.length > 0) {
		finish(wire);
	}
}

/* --- callbacks -------------------------------------------------------------------------------- */

static int on_pair_event(struct wire *wire, enum lws_callback_reasons reason)
{
	switch (reason) {
	case LWS_CALLBACK_RAW_RX_FILE:
		return on_pair_readable(wire);
	case LWS_CALLBACK_RAW_WRITEABLE_FILE:
		return on_pair_writable(wire);
	case LWS_CALLBACK_RAW_CLOSE_FILE:
		wire->pair = NULL;
		finish(wire);
		return 0;
	case LWS_CALLBACK_TIMER:
		on_deadline(wire);
		return 0;
	default:
		return 0;
	}
}

static int on_event(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in,
		    size_t n)
{
	struct lws_context *context = lws_get_context(wsi);
	struct wire *wire = context != NULL ? lws_context_user(context) : NULL;

	(void)user;
	if (wire == NULL)
		return 0;
	switch (reason) {
	case LWS_CALLBACK_CLIENT_APPEND_HANDSHAKE_HEADER:
		return add_headers(wire, wsi, in, n);
	case LWS_CALLBACK_CLIENT_HTTP_REDIRECT:
		return -1; /* credentials go to the configured server only */
	case LWS_CALLBACK_CLIENT_FILTER_PRE_ESTABLISH:
		return check_subprotocol(wire, wsi);
	case LWS_CALLBACK_CLIENT_ESTABLISHED:
		on_established(wire);
		return 0;
	case LWS_CALLBACK_CLIENT_RECEIVE:
		return on_receive(wire, wsi, in, n);
	case LWS_CALLBACK_CLIENT_WRITEABLE:
		return on_socket_writable(wire, wsi);
	case LWS_CALLBACK_CLIENT_CONNECTION_ERROR:
		on_connection_error(wire, wsi, in, n);
		on_socket_gone(wire);
		return 0;
	case LWS_CALLBACK_WS_PEER_INITIATED_CLOSE:
		on_peer_close(wire, in, n);
		return 0;
	case LWS_CALLBACK_CLIENT_CLOSED:
		on_socket_gone(wire);
		return 0;
	default:
		return on_pair_event(wire, reason);
	}
}

/* --- the thread ------------------------------------------------------------------------------- */

static struct lws_context *make_context(struct wire *wire)
{
	static const struct lws_protocols protocols[] = {
		{.name = "exec", .callback = on_event, .rx_buffer_size = READ_SIZE},
		{0},
	};
	/* Losing the connection is noticed by who uses it: here an answer to a ping may be stuck
	 * behind output that the caller does not take. */
	static const lws_retry_bo_t pings = {
		.secs_since_valid_ping = ASB_EXEC_PING_S,
		.secs_since_valid_hangup = UINT16_MAX,
	};
	unsigned seconds = (unsigned)wire->exec->connect_timeout_ms / 1000 + 5; /* ours is nearer */
	struct lws_context_creation_info info = {
		.port = CONTEXT_PORT_NO_LISTEN,
		.protocols = protocols,
		.user = wire,
		.options = LWS_SERVER_OPTION_DO_SSL_GLOBAL_INIT |
			   LWS_SERVER_OPTION_DISABLE_OS_CA_CERTS,
		.provided_client_ssl_ctx = wire->exec->tls.context,
		.pt_serv_buf_size = READ_SIZE, /* also bounds the headers: long tokens */
		.fd_limit_per_thread = 16,
		.timeout_secs = seconds,
		.connect_timeout_secs = seconds,
		.retry_and_idle_policy = &pings,
		.ka_time = 30,
		.ka_interval = 10,
		.ka_probes = 4,
		/* "" and not NULL, or libwebsockets would follow $http_proxy: ours is a tunnel */
		.http_proxy_address = "",
	};
	struct sigaction pipe;
	struct lws_context *context;

	lws_set_log_level(0, NULL);
	/* libwebsockets makes the whole process ignore SIGPIPE, which is not its to decide. This
	 * thread has it blocked. */
	sigaction(SIGPIPE, NULL, &pipe);
	context = lws_create_context(&info);
	sigaction(SIGPIPE, &pipe, NULL);
	return context;
}

static int adopt_pair(struct wire *wire)
{
	lws_sock_file_fd_type fd = {.filefd = fcntl(wire->local, F_DUPFD_CLOEXEC, 3)};

	if (fd.filefd < 0)
		return -1;
	wire->pair = lws_adopt_descriptor_vhost(lws_get_vhost_by_name(wire->context, "default"),
						LWS_ADOPT_RAW_FILE_DESC, fd, "exec", NULL);
	if (wire->pair == NULL)
		return -1;
	lws_set_timer_usecs(wire->pair, (lws_usec_t)wire->exec->connect_timeout_ms * LWS_US_PER_MS);
	return 0;
}

static void connect_socket(struct wire *wire)
{
	const struct asb_exec_request *request = &wire->exec->request;
	struct asb_tunnel *tunnel = wire->exec->tunnel;
	ASB_TEXT socket_name = tunnel == NULL ? NULL : asb_strf("+%s", asb_tunnel_address(tunnel));
	struct lws_client_connect_info info = {
		.context = wire->context,
		.address = tunnel == NULL ? request->host : socket_name,
		.port = request->port,
		.ssl_connection =
			LCCSCF_HTTP_NO_FOLLOW_REDIRECT | (request->tls ? LCCSCF_USE_SSL : 0),
		.path = request->path,
		.host = request->host_header,
		.protocol = ASB_EXEC_PROTOCOLS,
		.local_protocol_name = "exec",
		.alpn = "http/1.1",
		.pwsi = &wire->socket,
	};

	/* A failure is told to on_event, but not one before there is a socket. */
	if (lws_client_connect_via_info(&info) == NULL && wire->socket == NULL) {
		problem(wire, "the server's name can't be resolved");
		finish(wire);
	}
}

static void serve(struct wire *wire)
{
	wire->context = make_context(wire);
	if (wire->context == NULL || adopt_pair(wire) != 0)
		problem(wire, "libwebsockets can't be set up");
	else
		connect_socket(wire);
	while (wire->context != NULL && wire->pair != NULL && !wire->over) {
		if (lws_service(wire->context, 0) < 0)
			break;
	}
	wire->over = true;
	/* The caller need not wait for the cleaning up. */
	shutdown(wire->local, SHUT_RDWR);
	if (wire->context != NULL)
		lws_context_destroy(wire->context);
}

void *asb_exec_thread(void *argument)
{
	struct asb_exec *exec = argument;
	struct wire wire = {
		.exec = exec,
		.outcome = &exec->outcome,
		.local = exec->local,
		.message = asb_malloc(LWS_PRE + ASB_EXEC_MESSAGE),
	};

	asb_buffer_init(&wire.inward);
	serve(&wire);
	asb_buffer_release(&wire.inward);
	free(wire.message);
	return NULL;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hostile STAGE MISCHIEF HOST PORT CERTIFICATE KEY - an API server that can't be trusted.
 *
 * Serves TLS on a free port of loopback, prints that port and that of a second listener on a line,
 * and hands each request on to the real API server at HOST:PORT, one request per connection. The
 * first request of STAGE (rest: any GET, POST or PATCH; watch; exec) and those after it are
 * answered with MISCHIEF instead, a line of the tables below. The second listener is where a
 * redirect leads: whoever connects there has been led astray, and "astray" is printed. Ends by
 * itself after 120 s, or at SIGTERM.
 */
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <openssl/evp.h>
#include <openssl/sha.h>
#include <openssl/ssl.h>

#define LIFETIME_S 120
#define HEAD_SIZE 65536
#define PIECE_MS 300
/* More than any client should take. */
#define PLENTY (256u << 20)

struct host {
	const char *stage, *mischief;
	struct addrinfo *upstream;
	SSL_CTX *server, *client;
	int astray_port;
	atomic_uint played; /* how often */
};

/* One connection of the plugin, and the head of its request. */
struct guest {
	struct host *host;
	int fd;
	SSL *tls;
	char head[HEAD_SIZE + 1];
	size_t length; /* read so far: the head and what came with it of the body */
};

static bool say(struct guest *guest, const void *bytes, size_t n)
{
	return n == 0 || SSL_write(guest->tls, bytes, (int)n) > 0;
}

static bool say_text(struct guest *guest, const char *text)
{
	return say(guest, text, strlen(text));
}

static void pause_ms(long ms)
{
	struct timespec time = {ms / 1000, ms % 1000 * 1000000};

	nanosleep(&time, NULL);
}

/* Until the other side has had enough. */
static void wait_for_end(struct guest *guest)
{
	char bytes[4096];

	while (SSL_read(guest->tls, bytes, sizeof(bytes)) > 0)
		;
}

static void reset(struct guest *guest)
{
	struct linger none = {1, 0};

	setsockopt(guest->fd, SOL_SOCKET, SO_LINGER, &none, sizeof(none));
	close(guest->fd);
	guest->fd = -1;
}

/* --- mischief with answers ------------------------------------------------------------------- */

#define JSON_HEAD "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"

static void answer_garbage(struct guest *guest)
{
	say(guest, "\x16\x03\x01\x02\x00 what is this\r\n\r\n\0\xff", 24);
}

static void answer_nothing(struct guest *guest)
{
	(void)guest;
}

static void answer_silence(struct guest *guest)
{
	wait_for_end(guest);
}

static void answer_truncated(struct guest *guest)
{
	say_text(guest,
		 JSON_HEAD "Content-Length: 4096\r\n\r\n{\"kind\":\"Sandbox\",\"metadata\":{");
}

static void answer_broken_json(struct guest *guest)
{
	say_text(guest,
		 JSON_HEAD "Content-Length: 20\r\nConnection: close\r\n\r\n{\"kind\": [1, 2, }}}}");
}

static void answer_other_json(struct guest *guest)
{
	say_text(guest, JSON_HEAD "Content-Length: 9\r\nConnection: close\r\n\r\n[1, \"x\"]\n");
}

static void answer_html(struct guest *guest)
{
	say_text(guest, "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 33\r\n"
			"Connection: close\r\n\r\n<html><b>Please log in</b></html>");
}

static void answer_endless(struct guest *guest)
{
	static const char piece[] = "10000\r\n";
	char bytes[0x10000 + 2];
	size_t sent = 0;

	memset(bytes, 'a', sizeof(bytes));
	memcpy(bytes + 0x10000, "\r\n", 2);
	say_text(guest, JSON_HEAD "Transfer-Encoding: chunked\r\n\r\n2\r\n[\"\r\n");
	while (sent < PLENTY && say_text(guest, piece) && say(guest, bytes, sizeof(bytes)))
		sent += 0x10000;
}

static void answer_headers(struct guest *guest)
{
	char line[1024];
	size_t sent = 0;

	memset(line, 'x', sizeof(line));
	memcpy(line, "X-Pad: ", 7);
	memcpy(line + sizeof(line) - 2, "\r\n", 2);
	say_text(guest, "HTTP/1.1 200 OK\r\n");
	while (sent < PLENTY && say(guest, line, sizeof(line)))
		sent += sizeof(line);
}

static void answer_slowly(struct guest *guest)
{
	static const char text[] = JSON_HEAD "Content-Length: 4000\r\n\r\n";

	for (size_t i = 0; i < sizeof(text) - 1; i++) {
		if (!say(guest, text + i, 1))
			return;
		pause_ms(PIECE_MS);
	}
	while (say(guest, " ", 1))
		pause_ms(PIECE_MS);
}

static void answer_redirect(struct guest *guest)
{
	char text[256];

	snprintf(text, sizeof(text),
		 "HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:%d/\r\nContent-Length: 0\r\n"
		 "Connection: close\r\n\r\n",
		 guest->host->astray_port);
	say_text(guest, text);
}

static void answer_unauthorized(struct guest *guest)
{
	say_text(guest, "HTTP/1.1 401 Unauthorized\r\nContent-Type: application/json\r\n"
			"Content-Length: 96\r\nConnection: close\r\n\r\n"
			"{\"kind\":\"Status\",\"status\":\"Failure\",\"message\":\"Unauthorized\","
			"\"reason\":\"Unauthorized\",\"code\":401}");
}

/* --- mischief with the exec stream ------------------------------------------------------------ */

/* The right answer to the client's key (RFC 6455, 4.2.2). */
static void accept_of(const char *head, char out[64])
{
	static const char name[] = "\r\nSec-WebSocket-Key: ";
	const char *key = strcasestr(head, name);
	unsigned char digest[SHA_DIGEST_LENGTH];
	char text[128];

	out[0] = '\0';
	if (!key)
		return;
	key += sizeof(name) - 1;
	snprintf(text, sizeof(text), "%.24s258EAFA5-E914-47DA-95CA-C5AB0DC85B11", key);
	SHA1((const unsigned char *)text, strlen(text), digest);
	EVP_EncodeBlock((unsigned char *)out, digest, sizeof(digest));
}

static void upgrade(struct guest *guest, const char *protocol)
{
	char accept[64], text[512];

	accept_of(guest->head, accept);
	snprintf(text, sizeof(text),
		 "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
		 "Sec-WebSocket-Accept: %s\r\n%s%s%s\r\n",
		 accept, protocol ? "Sec-WebSocket-Protocol: " : "", protocol ? protocol : "",
		 protocol ? "\r\n" : "");
	say_text(guest, text);
}

#define V5 "v5.channel.k8s.io"

static void exec_bad_accept(struct guest *guest)
{
	say_text(guest,
		 "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
		 "Connection: Upgrade\r\nSec-WebSocket-Accept: AAAAAAAAAAAAAAAAAAAAAAAAAAA=\r\n"
		 "Sec-WebSocket-Protocol: " V5 "\r\n\r\n");
	wait_for_end(guest);
}

static void exec_no_protocol(struct guest *guest)
{
	upgrade(guest, NULL);
	wait_for_end(guest);
}

static void exec_other_protocol(struct guest *guest)
{
	upgrade(guest, "chat");
	wait_for_end(guest);
}

static void exec_continuation(struct guest *guest)
{
	upgrade(guest, V5);
	say(guest, "\x80\x05\x01hell", 7); /* goes on with what was never begun */
	wait_for_end(guest);
}

static void exec_oversized(struct guest *guest)
{
	upgrade(guest, V5);
	say(guest, "\x82\x7f\x3f\xff\xff\xff\xff\xff\xff\xff\x01", 11);
	answer_endless(guest);
}

static void exec_not_the_shim(struct guest *guest)
{
	static const char line[] = "\x82\x15\x01hello from a shell\r\n";

	upgrade(guest, V5);
	say(guest, line, sizeof(line) - 1);
	wait_for_end(guest);
}

static void exec_endless_output(struct guest *guest)
{
	unsigned char frame[4 + 32768] = {0x82, 126, 0x80, 0x00, 1};
	size_t sent = 0;

	upgrade(guest, V5);
	while (sent < PLENTY && say(guest, frame, sizeof(frame)))
		sent += sizeof(frame);
}

static void exec_endless_status(struct guest *guest)
{
	unsigned char frame[4 + 32768] = {0x82, 126, 0x80, 0x00, 3};
	size_t sent = 0;

	memset(frame + 5, '{', sizeof(frame) - 5);
	upgrade(guest, V5);
	while (sent < PLENTY && say(guest, frame, sizeof(frame)))
		sent += sizeof(frame);
}

static void exec_status_garbage(struct guest *guest)
{
	static const char text[] = "\x82\x0a\x03no json}{";

	upgrade(guest, V5);
	say(guest, text, sizeof(text) - 1);
	wait_for_end(guest);
}

static void exec_success(struct guest *guest)
{
	static const char text[] = "\x82\x26\x03{\"metadata\":{},\"status\":\"Success\"}   ";

	upgrade(guest, V5);
	say(guest, text, sizeof(text) - 1);
	say(guest, "\x88\x02\x03\xe8", 4);
	wait_for_end(guest);
}

static void exec_close(struct guest *guest)
{
	upgrade(guest, V5);
	say(guest, "\x88\x02\x03\xe8", 4);
	wait_for_end(guest);
}

static void exec_reset(struct guest *guest)
{
	upgrade(guest, V5);
	reset(guest);
}

static void exec_reset_in_frame(struct guest *guest)
{
	upgrade(guest, V5);
	say(guest, "\x82\x7e\x10\x00\x01half", 9);
	reset(guest);
}

static void exec_silence(struct guest *guest)
{
	upgrade(guest, V5);
	wait_for_end(guest);
}

static const struct mischief {
	const char *name;
	void (*play)(struct guest *guest);
} mischiefs[] = {
	{"garbage", answer_garbage},
	{"nothing", answer_nothing},
	{"silence", answer_silence},
	{"truncated", answer_truncated},
	{"broken-json", answer_broken_json},
	{"other-json", answer_other_json},
	{"html", answer_html},
	{"endless", answer_endless},
	{"headers", answer_headers},
	{"slow", answer_slowly},
	{"redirect", answer_redirect},
	{"reset", reset},
	{"unauthorized", answer_unauthorized},
	{"unauthorized-once", answer_unauthorized},
	{"bad-accept", exec_bad_accept},
	{"no-protocol", exec_no_protocol},
	{"other-protocol", exec_other_protocol},
	{"continuation", exec_continuation},
	{"oversized", exec_oversized},
	{"not-the-shim", exec_not_the_shim},
	{"endless-output", exec_endless_output},
	{"endless-status", exec_endless_status},
	{"status-garbage", exec_status_garbage},
	{"success", exec_success},
	{"close", exec_close},
	{"reset-after-upgrade", exec_reset},
	{"reset-in-frame", exec_reset_in_frame},
	{"silence-after-upgrade", exec_silence},
};

static const struct mischief *mischief_find(const char *name)
{
	for (size_t i = 0; i < sizeof(mischiefs) / sizeof(mischiefs[0]); i++)
		if (strcmp(mischiefs[i].name, name) == 0)
			return &mischiefs[i];
	return NULL;
}

/* --- handing on ----------------------------------------------------------------------------------
 */

static bool read_head(struct guest *guest)
{
	while (!strstr(guest->head, "\r\n\r\n")) {
		int n = SSL_read(guest->tls, guest->head + guest->length,
				 (int)(HEAD_SIZE - guest->length));

		if (n <= 0)
			return false;
		guest->length += (size_t)n;
		guest->head[guest->length] = '\0';
	}
	return true;
}

static const char *stage_of(const char *head)
{
	char line[2048];

	snprintf(line, sizeof(line), "%.*s", (int)strcspn(head, "\r\n"), head);
	if (strstr(line, "/exec?"))
		return "exec";
	if (strstr(line, "watch=true"))
		return "watch";
	return strncmp(line, "DELETE", 6) == 0 ? "delete" : "rest";
}

static SSL *upstream_open(const struct host *host, int *fd)
{
	SSL *tls = NULL;

	*fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (*fd < 0 || connect(*fd, host->upstream->ai_addr, host->upstream->ai_addrlen) < 0)
		return NULL;
	tls = SSL_new(host->client);
	SSL_set_fd(tls, *fd);
	if (SSL_connect(tls) == 1)
		return tls;
	SSL_free(tls);
	return NULL;
}

/* One answer per connection, so that each request shows its stage. */
static void send_head(SSL *upstream, const struct guest *guest, bool stays)
{
	const char *body = strstr(guest->head, "\r\n\r\n");
	size_t head = (size_t)(body - guest->head);

	SSL_write(upstream, guest->head, (int)head);
	if (!stays)
		SSL_write(upstream, "\r\nConnection: close", 19);
	SSL_write(upstream, body, (int)(guest->length - head));
}

static bool move(SSL *from, SSL *to)
{
	char bytes[16384];

	do {
		int n = SSL_read(from, bytes, sizeof(bytes));

		/* A session ticket, say: waiting for more here would be for ever. */
		if (n <= 0 && SSL_get_error(from, n) == SSL_ERROR_WANT_READ)
			return true;
		if (n <= 0 || SSL_write(to, bytes, n) <= 0)
			return false;
	} while (SSL_pending(from) > 0);
	return true;
}

static void hand_on(struct guest *guest, bool stays)
{
	int fd = -1;
	SSL *upstream = upstream_open(guest->host, &fd);
	struct pollfd fds[2] = {{.fd = guest->fd, .events = POLLIN}, {.fd = fd, .events = POLLIN}};

	if (upstream) {
		send_head(upstream, guest, stays);
		/* What was decrypted together with the head is not told of by poll. */
		if (SSL_pending(guest->tls) > 0)
			move(guest->tls, upstream);
		while (poll(fds, 2, -1) > 0) {
			if (fds[0].revents && !move(guest->tls, upstream))
				break;
			if (fds[1].revents && !move(upstream, guest->tls))
				break;
		}
		SSL_free(upstream);
	}
	if (fd >= 0)
		close(fd);
}

/* The stream is refused once; then all is well. */
static bool still(struct host *host)
{
	bool once = strcmp(host->mischief, "unauthorized-once") == 0;

	return atomic_fetch_add(&host->played, 1) < 1 || !once;
}

static void *serve(void *argument)
{
	struct guest *guest = argument;
	struct host *host = guest->host;

	guest->tls = SSL_new(host->server);
	SSL_set_fd(guest->tls, guest->fd);
	if (strcmp(host->stage, "connect") == 0) {
		if (strcmp(host->mischief, "silence") == 0)
			pause_ms(LIFETIME_S * 1000L);
		reset(guest);
	} else if (SSL_accept(guest->tls) == 1 && read_head(guest)) {
		const char *stage = stage_of(guest->head);

		if (strcmp(stage, host->stage) == 0 && still(host))
			mischief_find(host->mischief)->play(guest);
		else
			hand_on(guest, strcmp(stage, "exec") == 0);
		if (guest->fd >= 0)
			SSL_shutdown(guest->tls);
	}
	SSL_free(guest->tls);
	if (guest->fd >= 0)
		close(guest->fd);
	free(guest);
	return NULL;
}

/* --- listening ------------------------------------------------------------------------------- */

static int listen_somewhere(int *port)
{
	struct sockaddr_in address = {.sin_family = AF_INET,
				      .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t length = sizeof(address);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || bind(fd, (struct sockaddr *)&address, length) < 0 || listen(fd, 64) < 0 ||
	    getsockname(fd, (struct sockaddr *)&address, &length) < 0) {
		perror("hostile: listen");
		exit(1);
	}
	*port = ntohs(address.sin_port);
	return fd;
}

static void *serve_astray(void *argument)
{
	int listener = *(int *)argument;

	for (;;) {
		int fd = accept(listener, NULL, NULL);

		if (fd < 0)
			continue;
		puts("astray");
		fflush(stdout);
		close(fd);
	}
	return NULL;
}

static void serve_all(struct host *host, int listener)
{
	for (;;) {
		int fd = accept(listener, NULL, NULL);
		struct guest *guest = fd < 0 ? NULL : calloc(1, sizeof(*guest));
		pthread_t thread;

		if (!guest)
			continue;
		guest->host = host;
		guest->fd = fd;
		if (pthread_create(&thread, NULL, serve, guest) == 0)
			pthread_detach(thread);
	}
}

static void setup_tls(struct host *host, const char *certificate, const char *key)
{
	host->server = SSL_CTX_new(TLS_server_method());
	host->client = SSL_CTX_new(TLS_client_method());
	SSL_CTX_clear_mode(host->client, SSL_MODE_AUTO_RETRY);
	if (SSL_CTX_use_certificate_chain_file(host->server, certificate) != 1 ||
	    SSL_CTX_use_PrivateKey_file(host->server, key, SSL_FILETYPE_PEM) != 1) {
		fprintf(stderr, "hostile: can't use %s or %s\n", certificate, key);
		exit(1);
	}
}

int main(int argc, char **argv)
{
	struct addrinfo hints = {.ai_family = AF_INET, .ai_socktype = SOCK_STREAM};
	struct host host = {0};
	int listener, astray, port;
	pthread_t thread;

	if (argc != 7 || (strcmp(argv[1], "connect") != 0 && !mischief_find(argv[2])) ||
	    getaddrinfo(argv[3], argv[4], &hints, &host.upstream) != 0) {
		fprintf(stderr, "usage: hostile STAGE MISCHIEF HOST PORT CERTIFICATE KEY\n");
		return 2;
	}
	host.stage = argv[1];
	host.mischief = argv[2];
	setup_tls(&host, argv[5], argv[6]);
	listener = listen_somewhere(&port);
	astray = listen_somewhere(&host.astray_port);
	printf("%d %d\n", port, host.astray_port);
	fflush(stdout);
	signal(SIGPIPE, SIG_IGN);
	alarm(LIFETIME_S);
	if (pthread_create(&thread, NULL, serve_astray, &astray) != 0)
		return 1;
	serve_all(&host, listener);
}

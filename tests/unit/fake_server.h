/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fake_server.h - an HTTP/1.1 server of the test's own on loopback, one thread per connection.
 *
 * For each request the test's handler is called (one call at a time) and writes the answer itself;
 * what it returns says whether the connection stays. Requests are counted and the last one is kept.
 */
#ifndef ASB_FAKE_SERVER_H
#define ASB_FAKE_SERVER_H

#include <arpa/inet.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#include "plugin/base/buffer.h"

#define FAKE_CONNECTIONS 128

struct fake_request {
	int fd;
	unsigned number; /* of all requests, from 0 */
	char method[16];
	char path[1024];
	const char *headers; /* text, from the first header's line on */
	const char *body;
	size_t body_length;
};

/* True: the connection stays for another request. */
typedef bool fake_handler(void *context, const struct fake_request *request);

struct fake_server {
	fake_handler *handler;
	void *context;
	char url[64];
	int listener;
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_mutex_t turn; /* held while a handler runs */
	struct fake_connection {
		struct fake_server *server;
		pthread_t thread;
		int fd;
	} connections[FAKE_CONNECTIONS];
	unsigned connection_count, request_count;
};

static inline void fake_write(int fd, const char *bytes, size_t n)
{
	while (n > 0) {
		ssize_t written = send(fd, bytes, n, MSG_NOSIGNAL);

		if (written <= 0)
			return;
		bytes += written;
		n -= (size_t)written;
	}
}

/* `headers` are whole lines with CR LF, or "". */
static inline void fake_answer(const struct fake_request *request, int status, const char *headers,
			       const char *body)
{
	ASB_TEXT text = asb_strf("HTTP/1.1 %d X\r\nContent-Length: %zu\r\n%s\r\n%s", status,
				 strlen(body), headers, body);

	fake_write(request->fd, text, strlen(text));
}

/* Value of a header of the request, heap; NULL when absent. */
static inline char *fake_header(const struct fake_request *request, const char *name)
{
	size_t n = strlen(name);

	for (const char *line = request->headers; line[0] != '\0' && line[0] != '\r';) {
		const char *end = strstr(line, "\r\n");

		if (strncasecmp(line, name, n) == 0 && line[n] == ':') {
			line += n + 1;
			line += strspn(line, " ");
			return asb_strndup(line, (size_t)(end - line));
		}
		line = end + 2;
	}
	return NULL;
}

/* Reads until the buffer holds n bytes. */
static inline bool fake_read(int fd, struct asb_buffer *in, size_t n)
{
	char chunk[4096];

	while (in->length < n) {
		ssize_t got = recv(fd, chunk, sizeof(chunk), 0);

		if (got <= 0)
			return false;
		asb_buffer_add(in, chunk, (size_t)got);
	}
	return true;
}

static inline bool fake_serve_one(struct fake_connection *connection, struct asb_buffer *in)
{
	struct fake_server *server = connection->server;
	struct fake_request request = {.fd = connection->fd};
	ASB_TEXT head = NULL;
	ASB_TEXT length = NULL;
	size_t head_length;
	bool stays;

	while (strstr(in->data, "\r\n\r\n") == NULL) {
		if (!fake_read(connection->fd, in, in->length + 1))
			return false;
	}
	head_length = (size_t)(strstr(in->data, "\r\n\r\n") - in->data) + 4;
	head = asb_strndup(in->data, head_length);
	if (sscanf(head, "%15s %1023s", request.method, request.path) != 2)
		return false;
	request.headers = strstr(head, "\r\n") + 2;
	length = fake_header(&request, "Content-Length");
	request.body_length = length == NULL ? 0 : (size_t)strtoul(length, NULL, 10);
	if (!fake_read(connection->fd, in, head_length + request.body_length))
		return false;
	request.body = in->data + head_length;
	pthread_mutex_lock(&server->turn);
	pthread_mutex_lock(&server->lock);
	request.number = server->request_count++;
	pthread_mutex_unlock(&server->lock);
	stays = server->handler(server->context, &request);
	pthread_mutex_unlock(&server->turn);
	asb_buffer_drop(in, head_length + request.body_length);
	return stays;
}

static inline void *fake_connection_main(void *context)
{
	struct fake_connection *connection = context;
	struct asb_buffer in = ASB_BUFFER_INIT;

	while (fake_serve_one(connection, &in))
		;
	shutdown(connection->fd, SHUT_RDWR);
	asb_buffer_release(&in);
	return NULL;
}

static inline void *fake_accept_main(void *context)
{
	struct fake_server *server = context;

	for (;;) {
		int fd = accept4(server->listener, NULL, NULL, SOCK_CLOEXEC);
		struct fake_connection *connection;

		if (fd < 0)
			return NULL;
		pthread_mutex_lock(&server->lock);
		if (server->connection_count == FAKE_CONNECTIONS)
			abort();
		connection = &server->connections[server->connection_count++];
		connection->server = server;
		connection->fd = fd;
		pthread_create(&connection->thread, NULL, fake_connection_main, connection);
		pthread_mutex_unlock(&server->lock);
	}
}

static inline void fake_start(struct fake_server *server, fake_handler *handler, void *context)
{
	struct sockaddr_in address = {.sin_family = AF_INET};
	socklen_t n = sizeof(address);

	memset(server, 0, sizeof(*server));
	server->handler = handler;
	server->context = context;
	pthread_mutex_init(&server->lock, NULL);
	pthread_mutex_init(&server->turn, NULL);
	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	server->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (server->listener < 0 ||
	    bind(server->listener, (struct sockaddr *)&address, sizeof(address)) != 0 ||
	    listen(server->listener, 64) != 0 ||
	    getsockname(server->listener, (struct sockaddr *)&address, &n) != 0 ||
	    pthread_create(&server->thread, NULL, fake_accept_main, server) != 0)
		abort();
	snprintf(server->url, sizeof(server->url), "http://127.0.0.1:%u",
		 (unsigned)ntohs(address.sin_port));
}

static inline void fake_stop(struct fake_server *server)
{
	shutdown(server->listener, SHUT_RDWR);
	pthread_join(server->thread, NULL);
	close(server->listener);
	for (unsigned i = 0; i < server->connection_count; i++) {
		shutdown(server->connections[i].fd, SHUT_RDWR);
		pthread_join(server->connections[i].thread, NULL);
		close(server->connections[i].fd);
	}
	pthread_mutex_destroy(&server->turn);
	pthread_mutex_destroy(&server->lock);
}

/* Ends all connections that there are. */
static inline void fake_hang_up(struct fake_server *server)
{
	pthread_mutex_lock(&server->lock);
	for (unsigned i = 0; i < server->connection_count; i++)
		shutdown(server->connections[i].fd, SHUT_RDWR);
	pthread_mutex_unlock(&server->lock);
}

static inline unsigned fake_connections(struct fake_server *server)
{
	unsigned count;

	pthread_mutex_lock(&server->lock);
	count = server->connection_count;
	pthread_mutex_unlock(&server->lock);
	return count;
}

#endif

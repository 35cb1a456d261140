/* SPDX-License-Identifier: Apache-2.0 */
/* fake_shim.h - a process that speaks the shim's side of the protocol, for tests of the client. */
#ifndef FAKE_SHIM_H
#define FAKE_SHIM_H

#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "shim/protocol/checksum.h"
#include "shim/protocol/frame.h"

/* What the one job does. */
struct fake_script {
	uint64_t produce;    /* bytes of stdout, counting up; before anything else */
	bool echo;	     /* then all of stdin, after its end */
	bool wait_signal;    /* then waits for a SIGNAL */
	bool ignore_signals; /* waits for ever, whatever comes */
	bool vanish;	     /* the connection ends instead of an exit record */
	bool refuse;	     /* FAILED instead of STARTED */
	bool silent;	     /* not even HELLO */
	int code;
};

struct fake {
	int fd;
	uint32_t channel;
	uint64_t sent, limit; /* of stdout */
	uint64_t taken;	      /* of stdin */
	struct asb_checksum sum;
	uint8_t payload[ASB_FRAME_PAYLOAD];
	struct asb_frame frame; /* the last one received */
	char *input;
	char signal[16];
	bool input_ended, stopped;
};

static void fake_read(struct fake *fake, uint8_t *bytes, size_t n)
{
	while (n > 0) {
		ssize_t got = read(fake->fd, bytes, n);

		if (got <= 0)
			_exit(0); /* the client has gone */
		bytes += got;
		n -= (size_t)got;
	}
}

static void fake_write(struct fake *fake, const uint8_t *bytes, size_t n)
{
	while (n > 0) {
		ssize_t put = send(fake->fd, bytes, n, MSG_NOSIGNAL);

		if (put <= 0)
			_exit(0);
		bytes += put;
		n -= (size_t)put;
	}
}

static void fake_send(struct fake *fake, uint8_t type, uint8_t stream, uint32_t channel,
		      const void *payload, size_t n)
{
	uint8_t header[ASB_FRAME_HEADER];

	asb_frame_header(header, type, stream, channel, (uint16_t)n);
	fake_write(fake, header, sizeof header);
	fake_write(fake, payload, n);
}

static void fake_take_input(struct fake *fake)
{
	size_t n = fake->frame.length - ASB_DATA_HEADER;
	uint8_t credit[16];

	fake->input = realloc(fake->input, fake->taken + n);
	memcpy(fake->input + fake->taken, fake->payload + ASB_DATA_HEADER, n);
	fake->taken += n;
	asb_put64(credit, fake->taken);
	asb_put64(credit + 8, fake->taken + ASB_STDIN_LIMIT);
	fake_send(fake, ASB_CREDIT, ASB_STDIN, fake->channel, credit, sizeof credit);
}

/* Receives one frame and does what it says. Returns its type. */
static uint8_t fake_step(struct fake *fake)
{
	uint8_t header[ASB_FRAME_HEADER];
	size_t n;

	fake_read(fake, header, sizeof header);
	fake->frame.type = header[0];
	fake->frame.flags = header[1];
	fake->frame.length = asb_get16(header + 2);
	fake->frame.channel = asb_get32(header + 4);
	fake_read(fake, fake->payload, fake->frame.length);
	switch (fake->frame.type) {
	case ASB_START:
		fake->channel = fake->frame.channel;
		break;
	case ASB_DATA:
		fake_take_input(fake);
		break;
	case ASB_EOF:
		fake->input_ended = true;
		break;
	case ASB_CREDIT:
		if (fake->frame.flags == ASB_STDOUT)
			fake->limit = asb_get64(fake->payload + 8);
		break;
	case ASB_STOP:
		fake->stopped = true;
		break;
	case ASB_SIGNAL:
		n = fake->frame.length < 4 ? 0 : fake->frame.length - 4u;
		n = n < sizeof fake->signal ? n : sizeof fake->signal - 1;
		memcpy(fake->signal, fake->payload + 4, n); /* behind its sequence */
		fake->signal[n] = '\0';
		break;
	default:
		break;
	}
	return fake->frame.type;
}

static void fake_hello(struct fake *fake)
{
	uint8_t payload[128] = ASB_HELLO_MAGIC;
	size_t at = ASB_HELLO_MAGIC_LEN;

	asb_attr_put_uint(payload, sizeof payload, &at, ASB_HELLO_VERSION, 2, ASB_PROTOCOL_VERSION);
	asb_attr_put(payload, sizeof payload, &at, ASB_HELLO_PROGRAM, "fake/1", 6);
	asb_attr_put(payload, sizeof payload, &at, ASB_HELLO_INSTANCE, "0123456789abcdef", 16);
	asb_attr_put_uint(payload, sizeof payload, &at, ASB_HELLO_MAX_JOBS, 4, 1);
	asb_attr_put_uint(payload, sizeof payload, &at, ASB_HELLO_MAX_SPEC, 4, ASB_SPEC_MAX);
	fake_send(fake, ASB_HELLO, 0, 0, payload, at);
}

/* Sends bytes of stdout as credit comes; stops when nobody reads them. */
static void fake_output(struct fake *fake, const uint8_t *bytes, size_t n)
{
	uint8_t payload[ASB_DATA_HEADER + 16384];

	while (n > 0 && !fake->stopped) {
		size_t room = (size_t)(fake->limit - fake->sent);
		size_t piece = n < 16384 ? n : 16384;

		if (room == 0) {
			fake_step(fake);
			continue;
		}
		piece = piece < room ? piece : room;
		asb_put64(payload, fake->sent);
		memcpy(payload + ASB_DATA_HEADER, bytes, piece);
		fake_send(fake, ASB_DATA, ASB_STDOUT, fake->channel, payload,
			  ASB_DATA_HEADER + piece);
		asb_checksum_add(&fake->sum, bytes, piece);
		fake->sent += piece;
		bytes += piece;
		n -= piece;
	}
}

static void fake_produce(struct fake *fake, uint64_t total)
{
	static uint8_t bytes[65536];
	uint64_t done = 0;
	size_t i;

	for (i = 0; i < sizeof bytes; i++)
		bytes[i] = (uint8_t)(i % 251);
	while (done < total && !fake->stopped) {
		size_t n = total - done < sizeof bytes ? (size_t)(total - done) : sizeof bytes;

		fake_output(fake, bytes, n);
		done += n;
	}
}

static void fake_exit(struct fake *fake, const struct fake_script *script)
{
	uint8_t payload[256];
	uint8_t offset[8] = {0};
	size_t at = 0;
	struct asb_checksum none;

	asb_checksum_init(&none);
	fake_send(fake, ASB_EOF, ASB_STDERR, fake->channel, offset, 8);
	asb_put64(offset, fake->sent);
	fake_send(fake, ASB_EOF, ASB_STDOUT, fake->channel, offset, 8);
	if (fake->signal[0] != '\0') {
		int number = strcmp(fake->signal, "INT") == 0 ? SIGINT : SIGTERM;

		asb_attr_put(payload, sizeof payload, &at, ASB_EXIT_SIGNAL, fake->signal,
			     (uint32_t)strlen(fake->signal));
		asb_attr_put_uint(payload, sizeof payload, &at, ASB_EXIT_SIGNO, 4,
				  (uint64_t)number);
	} else {
		asb_attr_put_uint(payload, sizeof payload, &at, ASB_EXIT_CODE, 4,
				  (uint64_t)script->code);
	}
	asb_attr_put_uint(payload, sizeof payload, &at, ASB_EXIT_STDOUT_BYTES, 8, fake->sent);
	asb_attr_put_uint(payload, sizeof payload, &at, ASB_EXIT_STDERR_BYTES, 8, 0);
	asb_attr_put_uint(payload, sizeof payload, &at, ASB_EXIT_STDOUT_XXH64, 8,
			  asb_checksum_value(&fake->sum));
	asb_attr_put_uint(payload, sizeof payload, &at, ASB_EXIT_STDERR_XXH64, 8,
			  asb_checksum_value(&none));
	asb_attr_put_uint(payload, sizeof payload, &at, ASB_EXIT_STDIN_BYTES, 8, fake->taken);
	fake_send(fake, ASB_EXIT, 0, fake->channel, payload, at);
}

static void fake_run(struct fake *fake, const struct fake_script *script)
{
	static const uint8_t pid[4] = {0, 0, 0, 7};
	static const uint8_t refusal[] = {0, ASB_FAILED_NOT_FOUND, 0, 0, 0, 2, 'n', 'o'};

	while (script->silent || fake->channel == 0)
		fake_step(fake);
	fake_hello(fake);
	if (script->refuse) {
		fake_send(fake, ASB_FAILED, 0, fake->channel, refusal, sizeof refusal);
		for (;;)
			fake_step(fake);
	}
	fake_send(fake, ASB_STARTED, 0, fake->channel, pid, sizeof pid);
	fake_produce(fake, script->produce);
	while (script->echo && !fake->input_ended)
		fake_step(fake);
	if (script->echo)
		fake_output(fake, (const uint8_t *)fake->input, fake->taken);
	while (script->ignore_signals || (script->wait_signal && fake->signal[0] == '\0'))
		fake_step(fake);
	if (script->vanish)
		_exit(0);
	fake_exit(fake, script);
	for (;;)
		fake_step(fake); /* until the client has gone */
}

/* Starts it; returns its pid and our end of the connection. */
static pid_t fake_start(const struct fake_script *script, int *fd)
{
	static struct fake fake;
	int ends[2];
	pid_t pid;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0)
		abort();
	pid = fork();
	if (pid < 0)
		abort();
	if (pid == 0) {
		close(ends[0]);
		fake.fd = ends[1];
		fake.limit = 1u << 20;
		asb_checksum_init(&fake.sum);
		fake_run(&fake, script);
	}
	close(ends[1]);
	*fd = ends[0];
	return pid;
}

#endif

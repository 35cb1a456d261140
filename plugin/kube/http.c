/* SPDX-License-Identifier: Apache-2.0 */
/*
 * http.c - libcurl's multi interface. Easy handles live as long as one request; what makes requests
 * fast is the multi handle's connection cache: all requests are streams of its one connection.
 */
#include "plugin/kube/http.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "plugin/base/clock.h"
#include "plugin/kube/http_parts.h"

#define MOST_ROUNDS 16	      /* a stream that never pauses must not keep its caller waiting */
#define LONGEST_SLEEP_MS 1000 /* while something runs: what move() promises has this gap */

struct asb_http *asb_http_new(const struct asb_kubeconfig *kubeconfig, struct asb_error *err)
{
	struct asb_http *http;

	if (asb_connect_check(kubeconfig, err) != 0)
		return NULL;
	http = asb_calloc(1, sizeof(*http));
	http->kubeconfig = kubeconfig;
	http->interrupt_fd = -1;
	asb_buffer_init(&http->authorization);
	/* Counted by curl: each client takes and gives back its share. */
	if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
		asb_out_of_memory();
	http->multi = curl_multi_init();
	if (http->multi == NULL)
		asb_out_of_memory();
	curl_multi_setopt(http->multi, CURLMOPT_PIPELINING, CURLPIPE_MULTIPLEX);
	if (asb_http_target_init(&http->target, kubeconfig, err) == 0)
		return http;
	asb_http_free(http);
	return NULL;
}

void asb_http_request_init(struct asb_http_request *request, const char *method, const char *path)
{
	*request = (struct asb_http_request){.method = method, .path = path};
	asb_buffer_init(&request->response);
}

void asb_http_request_release(struct asb_http_request *request)
{
	if (request->transfer != NULL)
		abort(); /* curl still writes into it */
	asb_buffer_release(&request->response);
}

static void free_transfer(struct asb_transfer *transfer)
{
	struct asb_transfer **link = &transfer->http->running;

	while (*link != NULL && *link != transfer)
		link = &(*link)->next;
	if (*link != NULL)
		*link = transfer->next;
	curl_multi_remove_handle(transfer->http->multi, transfer->easy);
	curl_easy_cleanup(transfer->easy);
	asb_transfer_free_headers(transfer->headers);
	transfer->request->transfer = NULL;
	free(transfer);
}

static int launch(struct asb_http *http, struct asb_http_request *request, bool again,
		  struct asb_error *err)
{
	ASB_TEXT url = NULL;
	struct asb_transfer *transfer;

	if (asb_kubeconfig_authenticate(http->kubeconfig, err) != 0)
		return -1;
	asb_buffer_release(&request->response);
	request->response.limit = ASB_RESPONSE_LIMIT;
	request->done = false;
	request->status = 0;
	request->retry_after_ms = 0;
	asb_error_clear(&request->error);

	transfer = asb_calloc(1, sizeof(*transfer));
	transfer->http = http;
	transfer->request = request;
	transfer->again = again;
	transfer->generation = asb_kubeconfig_generation(http->kubeconfig);
	transfer->easy = curl_easy_init();
	if (transfer->easy == NULL)
		asb_out_of_memory();
	transfer->next = http->running;
	http->running = transfer;
	request->transfer = transfer;
	url = asb_strf("%s%s", http->target.base, request->path);
	if (asb_transfer_set_up(transfer, url) == 0 &&
	    curl_multi_add_handle(http->multi, transfer->easy) == CURLM_OK) {
		asb_trace_request(transfer);
		http->launched = true;
		return 0;
	}
	free_transfer(transfer);
	return asb_fail(err, "libcurl %s can't make this request", curl_version_info(0)->version);
}

int asb_http_start(struct asb_http *http, struct asb_http_request *request, struct asb_error *err)
{
	if (request->path == NULL || request->path[0] != '/')
		return asb_fail(err, "a request needs a path (a name is empty or not usable)");
	if (request->transfer != NULL)
		abort(); /* it runs already */
	return launch(http, request, false, err);
}

void asb_http_cancel(struct asb_http *http, struct asb_http_request *request)
{
	(void)http;
	if (request->transfer != NULL)
		free_transfer(request->transfer);
}

void asb_http_free(struct asb_http *http)
{
	if (http == NULL)
		return;
	while (http->running != NULL)
		free_transfer(http->running);
	curl_multi_cleanup(http->multi);
	asb_buffer_release_secret(&http->authorization);
	asb_warnings_release(&http->warnings);
	asb_http_target_release(&http->target);
	free(http->waitfds);
	free(http);
	curl_global_cleanup();
}

/* ---- the answer ---- */

/* A watch's Date is as old as the watch, so only whole answers tell the time. */
static void take_date(struct asb_transfer *transfer)
{
	struct curl_header *date;
	time_t seconds;

	if (transfer->request->on_data != NULL ||
	    curl_easy_header(transfer->easy, "Date", 0, CURLH_HEADER, -1, &date) != CURLHE_OK)
		return;
	seconds = curl_getdate(date->value, NULL);
	if (seconds <= 0)
		return;
	/* Between 0 and 1 s have passed since that second began. */
	transfer->http->clock_offset_ms = (int64_t)seconds * 1000 + 500 - asb_wall_ms();
}

static void take_headers(struct asb_transfer *transfer)
{
	struct curl_header *header;
	curl_off_t retry_after = 0;

	take_date(transfer);
	curl_easy_getinfo(transfer->easy, CURLINFO_RETRY_AFTER, &retry_after);
	transfer->request->retry_after_ms = (int64_t)retry_after * 1000;
	for (size_t i = 0;
	     curl_easy_header(transfer->easy, "Warning", i, CURLH_HEADER, -1, &header) == CURLHE_OK;
	     i++)
		if (!transfer->request->quiet)
			asb_warnings_print(&transfer->http->warnings, header->value);
}

/* Whatever it is and however it ended, it has done nothing at the server. */
static bool was_refused(const struct asb_transfer *transfer, long status)
{
	return status == 401 || (status == 0 && transfer->generation > 0 &&
				 transfer->generation == transfer->http->refused_generation);
}

/*
 * What the server refused for its credentials is asked once more, whatever the method, with new
 * ones. So is what was on its way with the same credentials when the server closed the connection
 * for them. False when there are none; then they are why.
 */
static bool ask_again(struct asb_transfer *transfer)
{
	struct asb_http *http = transfer->http;
	struct asb_http_request *request = transfer->request;
	struct asb_error why = ASB_ERROR_INIT;
	bool renewed = !transfer->again &&
		       asb_kubeconfig_renew(http->kubeconfig, transfer->generation, &why);

	if (renewed) {
		http->refused_generation = transfer->generation;
		free_transfer(transfer);
		if (launch(http, request, true, &why) == 0)
			return true;
		request->done = true;
		http->progress++;
		request->error = why;
		return true;
	}
	request->error = why;
	return false;
}

static void finish(struct asb_transfer *transfer, CURLcode code)
{
	struct asb_http_request *request = transfer->request;
	long status = 0;

	take_headers(transfer);
	curl_easy_getinfo(transfer->easy, CURLINFO_RESPONSE_CODE, &status);
	asb_trace_answer(transfer, code);
	if (was_refused(transfer, status) && ask_again(transfer))
		return;
	/* The API server closes an HTTP/2 connection that brought it bad credentials, often before
	 * the body of its refusal is through. The refusal needs none. */
	if (asb_failed(&request->error)) {
		asb_buffer_reset(&request->response);
	} else if (code == CURLE_OK || status == 401) {
		request->status = (int)status;
	} else {
		asb_transfer_explain(transfer, code, &request->error);
		asb_buffer_reset(&request->response);
	}
	request->done = true;
	transfer->http->progress++;
	free_transfer(transfer);
}

/* ---- the loop ---- */

static int fail_multi(CURLMcode code, struct asb_error *err)
{
	return asb_fail(err, "polling failed: %s", curl_multi_strerror(code));
}

static struct asb_transfer *transfer_of(CURL *easy)
{
	void *transfer = NULL;

	curl_easy_getinfo(easy, CURLINFO_PRIVATE, &transfer);
	return transfer;
}

/* Refusals come first: they tell of the others on their connection. */
static void finish_all(struct asb_http *http)
{
	struct asb_transfer *transfer, *next;

	for (int pass = 0; pass < 2; pass++) {
		for (transfer = http->running; transfer != NULL; transfer = next) {
			long status = 0;

			next = transfer->next;
			curl_easy_getinfo(transfer->easy, CURLINFO_RESPONSE_CODE, &status);
			if (transfer->ended && (pass == 1 || status == 401))
				finish(transfer, transfer->result);
		}
	}
}

static int perform(struct asb_http *http, struct asb_error *err)
{
	CURLMcode code;
	CURLMsg *message;
	int running, left;
	bool any = false;

	http->performed_ms = asb_monotonic_ms();
	code = curl_multi_perform(http->multi, &running);
	if (code != CURLM_OK)
		return fail_multi(code, err);
	message = curl_multi_info_read(http->multi, &left);
	while (message != NULL) {
		struct asb_transfer *transfer = transfer_of(message->easy_handle);

		transfer->ended = any = true;
		transfer->result = message->data.result;
		message = curl_multi_info_read(http->multi, &left);
	}
	if (any)
		finish_all(http);
	return 0;
}

/*
 * Moves all transfers as far as they get. What one of them reads may be for another one, which is
 * only looked at in the next round: libcurl sets a timer for that, but up to 7.88 at least it
 * drops timers younger than a millisecond (multi.c, add_next_timeout), and a transfer whose answer
 * is there would sleep until something else arrives. So it ends with a round that had nothing to
 * read, or the poll that follows returns at once.
 */
static int move(struct asb_http *http, struct asb_error *err)
{
	int ready = 1;

	for (int rounds = 0; rounds < MOST_ROUNDS && ready > 0; rounds++) {
		CURLMcode code;

		if (perform(http, err) != 0)
			return -1;
		code = curl_multi_poll(http->multi, NULL, 0, 0, &ready);
		if (code != CURLM_OK)
			return fail_multi(code, err);
	}
	return perform(http, err);
}

static struct curl_waitfd *waitfds(struct asb_http *http, const struct pollfd *fds, unsigned n)
{
	if (n > http->waitfd_room) {
		http->waitfds = asb_realloc(http->waitfds, n * sizeof(http->waitfds[0]));
		http->waitfd_room = n;
	}
	for (unsigned i = 0; i < n; i++) {
		http->waitfds[i] = (struct curl_waitfd){.fd = fds[i].fd};
		if (fds[i].events & POLLIN)
			http->waitfds[i].events |= CURL_WAIT_POLLIN;
		if (fds[i].events & POLLOUT)
			http->waitfds[i].events |= CURL_WAIT_POLLOUT;
		if (fds[i].events & POLLPRI)
			http->waitfds[i].events |= CURL_WAIT_POLLPRI;
	}
	return http->waitfds;
}

/* The caller's descriptors alone were ready, as with each piece of a command's output. */
static bool nothing_is_due(struct asb_http *http)
{
	long ms = 0;

	return curl_multi_timeout(http->multi, &ms) == CURLM_OK && ms != 0 &&
	       asb_poll_timeout(http->performed_ms + LONGEST_SLEEP_MS) > 0;
}

/* Waits for transfers and descriptors, and moves what is ready. */
static int wait_and_move(struct asb_http *http, const struct pollfd *fds, unsigned n,
			 int timeout_ms, struct asb_error *err)
{
	struct curl_waitfd *own = waitfds(http, fds, n);
	int most = http->running == NULL ? INT_MAX : LONGEST_SLEEP_MS;
	int ready = 0, mine = 0;
	CURLMcode code;

	code = curl_multi_poll(http->multi, own, n,
			       timeout_ms < 0 || timeout_ms > most ? most : timeout_ms, &ready);
	if (code != CURLM_OK)
		return fail_multi(code, err);
	for (unsigned i = 0; i < n; i++)
		mine += own[i].revents != 0;
	if (ready > mine)
		return move(http, err);
	return mine > 0 && nothing_is_due(http) ? 0 : perform(http, err);
}

int asb_http_poll(struct asb_http *http, struct pollfd *fds, unsigned n, int timeout_ms,
		  struct asb_error *err)
{
	bool launched = http->launched;

	http->progress = 0;
	http->launched = false;
	if (launched && move(http, err) != 0)
		return -1;
	if (http->progress == 0 && wait_and_move(http, fds, n, timeout_ms, err) != 0)
		return -1;
	/* curl keeps hang-ups and errors to itself, so the descriptors are asked again. */
	for (unsigned i = 0; i < n; i++)
		fds[i].revents = 0;
	if (n > 0 && poll(fds, n, 0) < 0 && errno != EINTR)
		return asb_fail_errno(err, "polling failed");
	return 0;
}

bool asb_http_progressed(const struct asb_http *http)
{
	return http->progress > 0;
}

static bool any_running(struct asb_http_request *const *requests, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		if (requests[i]->transfer != NULL)
			return true;
	}
	return false;
}

void asb_http_set_interrupt(struct asb_http *http, int fd)
{
	http->interrupt_fd = fd;
}

void asb_http_set_turn(struct asb_http *http, void (*turn)(void *context), void *context)
{
	http->turn = turn;
	http->turn_context = context;
}

int asb_http_wait(struct asb_http *http, struct asb_http_request *const *requests, unsigned n,
		  struct asb_error *err)
{
	struct pollfd interrupt = {.fd = http->interrupt_fd, .events = POLLIN};

	while (any_running(requests, n)) {
		if (asb_http_poll(http, &interrupt, interrupt.fd >= 0, -1, err) != 0)
			return -1;
		if (http->turn != NULL)
			http->turn(http->turn_context);
		if (interrupt.revents == 0)
			continue;
		for (unsigned i = 0; i < n; i++)
			asb_http_cancel(http, requests[i]);
		return asb_fail(err, "interrupted");
	}
	return 0;
}

int64_t asb_http_clock_offset_ms(const struct asb_http *http)
{
	return http->clock_offset_ms;
}

int64_t asb_http_now_ms(const struct asb_http *http)
{
	return asb_wall_ms() + http->clock_offset_ms;
}

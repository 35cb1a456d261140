/* SPDX-License-Identifier: Apache-2.0 */
#include "plugin/sandbox/source.h"

#include <stdlib.h>
#include <string.h>

#include "plugin/base/clock.h"

#define REQUEST_TIMEOUT_MS 10000

static char *read_path(const struct asb_source_target *target)
{
	struct asb_buffer path = ASB_BUFFER_INIT;
	ASB_TEXT plain = asb_api_path(target->resource, target->namespace_, target->name, NULL);

	asb_buffer_addstr(&path, plain);
	if (target->name == NULL && target->selector != NULL) {
		asb_buffer_addstr(&path, "?fieldSelector=");
		asb_buffer_add_url(&path, target->selector);
	}
	return asb_buffer_steal(&path);
}

static struct asb_watch *start_watch(struct asb_source *source,
				     const struct asb_source_target *target, struct asb_error *err)
{
	ASB_TEXT collection = asb_api_path(target->resource, target->namespace_, NULL, NULL);
	ASB_TEXT by_name = target->name != NULL ? asb_strf("metadata.name=%s", target->name) : NULL;
	const char *selector = by_name != NULL ? by_name : target->selector;

	return asb_watch_start(source->http, collection, selector, target->resource_version,
			       source->callback, source->context, err);
}

int asb_source_start(struct asb_source *source, struct asb_http *http,
		     const struct asb_source_target *target, asb_watch_fn *callback, void *context,
		     struct asb_error *err)
{
	memset(source, 0, sizeof(*source));
	source->http = http;
	source->callback = callback;
	source->context = context;
	source->path = read_path(target);
	source->single = target->name != NULL;
	source->may_read = target->may_read;
	source->interval_ms = target->interval_ms;
	source->due_ms = asb_monotonic_ms();
	if (target->may_watch) {
		source->watch = start_watch(source, target, err);
		return source->watch != NULL ? 0 : -1;
	}
	if (source->may_read)
		return 0;
	return asb_fail(err, "no right to read %s", target->resource->plural);
}

static int start_reading(struct asb_source *source, struct asb_error *err)
{
	asb_http_request_init(&source->request, "GET", source->path);
	source->request.timeout_ms = REQUEST_TIMEOUT_MS;
	if (asb_http_start(source->http, &source->request, err) < 0) {
		asb_http_request_release(&source->request);
		return -1;
	}
	source->reading = true;
	return 0;
}

static void report(const struct asb_source *source, const cJSON *answer)
{
	const cJSON *item;

	if (source->single) {
		source->callback(source->context, ASB_WATCH_MODIFIED, answer);
		return;
	}
	cJSON_ArrayForEach(item, asb_json_member(answer, "items"))
		source->callback(source->context, ASB_WATCH_MODIFIED, item);
}

static int finish_reading(struct asb_source *source, struct asb_error *err)
{
	int status = source->request.status;
	ASB_JSON answer = asb_api_result(&source->request, err);

	asb_http_request_release(&source->request);
	source->reading = false;
	source->due_ms = asb_monotonic_ms() + (source->poked ? 0 : source->interval_ms);
	source->poked = false;
	if (answer == NULL && (status == 401 || status == 403))
		return -1;
	asb_error_clear(err);
	if (answer != NULL)
		report(source, answer);
	else if (status == 404 && source->single)
		source->callback(source->context, ASB_WATCH_DELETED, NULL);
	return 0;
}

/* What was allowed by the review may be refused all the same: then reading has to do. */
static int step_watch(struct asb_source *source, struct asb_error *err)
{
	if (asb_watch_step(source->watch, err) == 0)
		return 0;
	if (!source->may_read || err->http != 403)
		return -1;
	asb_error_clear(err);
	asb_watch_free(source->watch);
	source->watch = NULL;
	return 0;
}

int asb_source_step(struct asb_source *source, struct asb_error *err)
{
	if (source->watch != NULL)
		return step_watch(source, err);
	if (source->reading)
		return source->request.done ? finish_reading(source, err) : 0;
	return asb_monotonic_ms() >= source->due_ms ? start_reading(source, err) : 0;
}

void asb_source_poke(struct asb_source *source)
{
	source->due_ms = asb_monotonic_ms();
	source->poked = source->reading; /* what is on its way may be old already */
}

int asb_source_timeout(const struct asb_source *source)
{
	if (source->watch != NULL)
		return asb_watch_timeout(source->watch);
	if (source->path == NULL || source->reading)
		return -1;
	return asb_poll_timeout(source->due_ms);
}

const struct asb_error *asb_source_trouble(const struct asb_source *source)
{
	return source->watch != NULL ? asb_watch_trouble(source->watch) : NULL;
}

bool asb_source_active(const struct asb_source *source)
{
	return source->path != NULL;
}

void asb_source_release(struct asb_source *source)
{
	if (source->reading) {
		asb_http_cancel(source->http, &source->request);
		asb_http_request_release(&source->request);
	}
	asb_watch_free(source->watch);
	free(source->path);
	memset(source, 0, sizeof(*source));
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * source.h - one object, or the list of objects a selector names, kept up to date: by a watch where
 * that is allowed, else by reading it now and then.
 *
 * Both report through the same callback. Reading reports every object as MODIFIED each time, and,
 * for a single object, DELETED with a NULL object as long as there is none (also before it is
 * made). Transport failures are waited out.
 */
#ifndef ASB_SOURCE_H
#define ASB_SOURCE_H

#include "plugin/kube/watch.h"

struct asb_source_target { /* borrowed for the call of asb_source_start */
	const struct asb_resource *resource;
	const char *namespace_;
	const char *name;	      /* a single object; NULL: a list */
	const char *selector;	      /* fieldSelector of a list */
	const char *resource_version; /* where a watch starts; NULL: list first */
	bool may_watch, may_read;
	int interval_ms; /* between readings */
};

struct asb_source {
	struct asb_http *http;
	asb_watch_fn *callback;
	void *context;
	struct asb_watch *watch; /* NULL: by reading */
	char *path;		 /* to read */
	bool single;
	bool may_read;
	int interval_ms;
	int64_t due_ms; /* of the next reading */
	bool reading;
	bool poked; /* while reading */
	struct asb_http_request request;
};

/* -1 when neither is possible. An all-zero source may be released. */
int asb_source_start(struct asb_source *source, struct asb_http *http,
		     const struct asb_source_target *target, asb_watch_fn *callback, void *context,
		     struct asb_error *err);

/* After every asb_http_poll. -1 when the server doesn't let us know any more. */
int asb_source_step(struct asb_source *source, struct asb_error *err);

/* Reads as soon as possible; a watch needs no reminder. */
void asb_source_poke(struct asb_source *source);

int asb_source_timeout(const struct asb_source *source);
/* Why nothing is learned at present, though it goes on being tried; NULL: all is well. Borrowed. */
const struct asb_error *asb_source_trouble(const struct asb_source *source);
bool asb_source_active(const struct asb_source *source);
void asb_source_release(struct asb_source *source);

#endif

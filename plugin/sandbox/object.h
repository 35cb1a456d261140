/* SPDX-License-Identifier: Apache-2.0 */
/*
 * object.h - one object on its way into the cluster and out of it.
 *
 * What counts is that nothing stays behind that might have been made: a POST whose answer was never
 * seen leaves UNKNOWN, and such an object is deleted as if it existed. Nothing that somebody else
 * made is deleted: where the UID is known it is a precondition, and 409 leaves CONFLICT, which is
 * not deleted before asb_object_identify has found our label on it.
 */
#ifndef ASB_OBJECT_H
#define ASB_OBJECT_H

#include "plugin/kube/api.h"

enum asb_object_state {
	ASB_OBJECT_NONE,     /* not sent, or refused for sure */
	ASB_OBJECT_SENT,     /* the POST is under way, or waits to be sent again */
	ASB_OBJECT_UNKNOWN,  /* sent, but nobody told us what became of it */
	ASB_OBJECT_CONFLICT, /* there is one of that name: somebody else's, or ours */
	ASB_OBJECT_PRESENT,
	ASB_OBJECT_GONE, /* deleted */
};

struct asb_object {
	enum asb_object_state state;
	char *collection; /* path to POST to */
	char *path;	  /* its own */
	char *uid;	  /* NULL before it is known */
	char *body;
	int64_t retry_ms; /* monotonic; 0: the request runs */
	unsigned tries;
	bool deleting; /* the request is a DELETE under way */
	struct asb_http_request request;
};

/* An all-zero object is valid, in state NONE, and may be released. */
void asb_object_init(struct asb_object *object, const struct asb_resource *resource,
		     const char *namespace_, const char *name);

/* Starts the POST of `json` (borrowed). */
int asb_object_post(struct asb_object *object, struct asb_http *http, const cJSON *json,
		    struct asb_error *err);

/*
 * After every asb_http_poll. 1 when it was made now: *answer (owned by the caller) is the object as
 * stored. 0: nothing new. -1: refused or failed; the state says whether it may exist. A server that
 * is busy (429) is asked again when it says so, a few times.
 */
int asb_object_step(struct asb_object *object, struct asb_http *http, cJSON **answer,
		    struct asb_error *err);
/* For poll(2): until it is to be sent again, -1: none. */
int asb_object_timeout(const struct asb_object *object);

/* Waits at most timeout_ms for the answer to a POST under way, then gives the request up.
 * Afterwards the state is not SENT. */
void asb_object_settle(struct asb_object *object, struct asb_http *http, int timeout_ms);

/*
 * Looks whether the object under that name is ours: carries the instance label of this run
 * (labels.h). True: it is, the state is PRESENT and *found (owned by the caller) is the object.
 * Else the state is NONE, or what it was when the question could not be answered.
 */
bool asb_object_identify(struct asb_object *object, struct asb_http *http, const char *instance,
			 cJSON **found);

/* Deletes those of the objects that are PRESENT or UNKNOWN, at once; tries again what fails for a
 * moment. Gone already is success. -1 with the error of the first that could not be deleted. */
int asb_objects_delete(struct asb_object *const *objects, unsigned n, struct asb_http *http,
		       struct asb_error *err);

void asb_object_release(struct asb_object *object, struct asb_http *http);

/* Waits while transfers go on. */
void asb_object_pause(struct asb_http *http, int ms);

#endif

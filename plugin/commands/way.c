/* SPDX-License-Identifier: Apache-2.0 */
#include "plugin/commands/way.h"

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "plugin/base/buffer.h"

struct exec_way {
	const struct asb_kubeconfig *kubeconfig; /* borrowed */
	char *namespace_, *pod;
	const char *container;
	const char *const *argv;
	struct asb_exec *prepared; /* for the first stream; NULL: there is none, or no more */
	struct asb_exec *exec;	   /* NULL: there is no stream */
	bool early;		   /* a refusal may be out of date */
	unsigned generation;	   /* of the credentials when it was opened */
	bool renewed;		   /* they have been refused and renewed once */
};

/* The one that was prepared, unless its credentials are old. */
static struct asb_exec *take_prepared(struct exec_way *way, const struct asb_exec_target *target)
{
	struct asb_exec *exec = way->prepared;
	struct asb_error ignored = ASB_ERROR_INIT; /* it will be said when it is opened anew */

	way->prepared = NULL;
	if (exec == NULL ||
	    (asb_exec_is_current(exec) && asb_exec_ask(exec, target, &ignored) == 0))
		return exec;
	asb_exec_close(exec);
	return NULL;
}

static int open_exec(void *context, struct asb_error *err)
{
	struct exec_way *way = context;
	const struct asb_exec_target target = {
		.namespace_ = way->namespace_,
		.pod = way->pod,
		.container = way->container,
		.argv = way->argv,
	};

	way->generation = asb_kubeconfig_generation(way->kubeconfig);
	way->exec = take_prepared(way, &target);
	if (way->exec == NULL)
		way->exec = asb_exec_open(way->kubeconfig, &target, err);
	return way->exec == NULL ? -1 : asb_exec_fd(way->exec);
}

/* The stream's result may be asked for only once it has reached its end. */
static bool at_end(struct asb_exec *exec)
{
	char byte;

	return recv(asb_exec_fd(exec), &byte, 1, MSG_PEEK | MSG_DONTWAIT) == 0;
}

/* Whoever was refused for old credentials, and has new ones since, is let in now. Once. */
static bool credentials_renewed(struct exec_way *way, const struct asb_error *err)
{
	if (err->http != 401 || way->renewed ||
	    asb_kubeconfig_generation(way->kubeconfig) == way->generation)
		return false;
	way->renewed = true;
	return true;
}

static enum asb_way_end judge(struct exec_way *way, bool heard, struct asb_error *err)
{
	bool early = way->early;

	way->early = false;
	if (!at_end(way->exec) || asb_exec_result(way->exec, err) == 0) {
		asb_error_clear(err);
		return ASB_WAY_LOST;
	}
	if (heard)
		return ASB_WAY_LOST;
	if (asb_way_too_early(err))
		return ASB_WAY_EARLY;
	if (asb_exec_established(way->exec))
		return ASB_WAY_LOST;
	return early || credentials_renewed(way, err) ? ASB_WAY_EARLY : ASB_WAY_REFUSED;
}

static enum asb_way_end close_exec(void *context, bool heard, struct asb_error *err)
{
	struct exec_way *way = context;
	enum asb_way_end end = err == NULL ? ASB_WAY_LOST : judge(way, heard, err);

	asb_exec_close(way->exec);
	way->exec = NULL;
	return end;
}

static void free_exec(void *context)
{
	struct exec_way *way = context;

	asb_exec_close(way->prepared);
	free(way->namespace_);
	free(way->pod);
	free(way);
}

struct asb_way asb_way_exec(const struct asb_kubeconfig *kubeconfig,
			    const struct asb_sandbox *sandbox, const char *namespace_,
			    const char *pod, bool early, struct asb_exec *prepared)
{
	struct exec_way *way = asb_calloc(1, sizeof(*way));

	way->kubeconfig = kubeconfig;
	way->namespace_ = asb_strdup(namespace_);
	way->pod = asb_strdup(pod);
	way->container = asb_sandbox_container(sandbox);
	way->argv = asb_sandbox_connect_argv(sandbox);
	way->early = early;
	way->prepared = prepared;
	return (struct asb_way){
		.open = open_exec, .close = close_exec, .free = free_exec, .context = way};
}

/*
 * The API server may say that the container runs before the kubelet lets anybody in. A refusal
 * before the upgrade is a 5xx without words, or a 404 for a pod not yet known everywhere; one
 * behind it has a text of the kubelet, containerd or CRI-O.
 */
bool asb_way_too_early(const struct asb_error *err)
{
	static const char *const texts[] = {
		"container not found",
		"container is not running",
		"container is in CONTAINER_CREATED state",
		"container not created or running",
		"is not created or running",
		"cannot exec in a stopped",
		"cannot exec in a non running",
		"not running",
		"does not have a host assigned",
		"no such container",
		"pod does not exist",
	};
	size_t i;

	if (err->http >= 500 || err->http == 404)
		return true;
	for (i = 0; i < sizeof texts / sizeof texts[0]; i++)
		if (strstr(err->message, texts[i]) != NULL)
			return true;
	return false;
}

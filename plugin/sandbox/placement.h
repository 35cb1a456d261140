/* SPDX-License-Identifier: Apache-2.0 */
/*
 * placement.h - what has to be known about a pod's node before there is one: its architecture, and
 * with it which shim the pod gets, and how that is mounted.
 *
 * The first that says an architecture counts: the nodeSelector of the user's own Sandbox; --arch;
 * scheduling.nodeSelector of the RuntimeClass; the nodes, when none of them is of the default's.
 * The default is amd64, or in a plugin without that shim the one it has. The pod's own nodeSelector
 * then says the same, so that it is never started elsewhere. RuntimeClass and nodes count only
 * where they may be read; without the rights to it nothing is slower or fails.
 *
 * The shim is mounted with mode 0111, executable and not readable: execve(2) then makes the process
 * undumpable from its first instruction on, so that no command of the same user can look into PID 1
 * or a starting `connect`. gVisor executes no file that it may not read (google/gvisor#160), and of
 * Kata's shared folders nobody has shown it; so with a RuntimeClass the mode is 0555, unless its
 * handler is known to be one where containers are processes of the node's own Linux. There the shim
 * is undumpable from its own prctl on, the first thing it does: PID 1 is so before any command
 * runs, and for microseconds another command could open a starting `connect`'s descriptors (gVisor
 * has a Yama that keeps it from tracing).
 */
#ifndef ASB_PLACEMENT_H
#define ASB_PLACEMENT_H

#include "plugin/kube/http.h"
#include "plugin/sandbox/sandbox.h"
#include "plugin/sandbox/shim_binary.h"

#define ASB_ARCH_LABEL "kubernetes.io/arch"

struct asb_placement {
	const struct asb_shim *shim;
	bool readable_shim; /* mode 0555, else 0111 */
};

/* What is known; borrowed. */
struct asb_placement_facts {
	const struct asb_shim *shims; /* there are these to choose from */
	unsigned long shim_count;
	const cJSON *runtime_class; /* the object; NULL: none, or unknown */
	const cJSON *nodes; /* list of Linux nodes of the first shim's architecture, perhaps not
			       all; NULL: unknown */
};

/* Pure. -1: there is no shim for the architecture that is asked for. */
int asb_placement_choose(const struct asb_sandbox_options *options,
			 const struct asb_placement_facts *facts, struct asb_placement *out,
			 struct asb_error *err);

/* Questions that answer it, and whether the shim's ConfigMap is there: GETs to be asked side by
 * side with others. They point into the survey, which therefore stays where it is. */
#define ASB_SURVEY_MOST (ASB_SHIMS_MOST + 2)

struct asb_survey {
	const struct asb_sandbox_options *options; /* borrowed */
	struct asb_http_request shims[ASB_SHIMS_MOST], runtime_class, nodes;
	char *shim_paths[ASB_SHIMS_MOST], *class_path, *nodes_path; /* NULL: not asked */
};

/* Fills the first of `requests` (not initialised yet) and `paths`, at most ASB_SURVEY_MOST. Returns
 * how many; -1 when it is clear already that there is no shim. Release in any case. */
int asb_survey_init(struct asb_survey *survey, const struct asb_sandbox_options *options,
		    struct asb_http_request **requests, const char **paths, struct asb_error *err);

/* Once they are done; what failed is not known, and no error. */
int asb_survey_conclude(const struct asb_survey *survey, struct asb_placement *out,
			struct asb_error *err);

/* The answer about the ConfigMap of the shim that was chosen. */
const struct asb_http_request *asb_survey_configmap(const struct asb_survey *survey,
						    const struct asb_placement *placement);

/* The requests are released by whoever asked them. */
void asb_survey_release(struct asb_survey *survey);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * run_rows.h - rows that several commands have in their option tables; the values are a struct
 * asb_run_values.
 */
#ifndef ASB_RUN_ROWS_H
#define ASB_RUN_ROWS_H

#include "plugin/commands/run_options.h"

#define ASB_RUN_AT(field) offsetof(struct asb_run_values, field)

/* clang-format off */

/* How a command is run. */
#define ASB_JOB_OPTIONS \
	{"stdin", 'i', ASB_OPTION_FLAG, ASB_RUN_AT(stdin_), NULL, \
	 "send our stdin to the command (else it has none)"}, \
	{"tty", 't', ASB_OPTION_FLAG, ASB_RUN_AT(tty), NULL, \
	 "with -i and a terminal: give the command one as well (-it), with the keys ~. ~^Z ~? of ssh"}, \
	{"env", 'e', ASB_OPTION_LIST, ASB_RUN_AT(env), "NAME=VALUE", \
	 "set a variable for the command, repeatable; nothing of the local environment is sent " \
	 "otherwise"}, \
	{"workdir", 'w', ASB_OPTION_STRING, ASB_RUN_AT(workdir), "DIR", \
	 "absolute directory to start in (default /workspace)"}, \
	{"timeout", 0, ASB_OPTION_DURATION, ASB_RUN_AT(timeout_ms), "DURATION", \
	 "end the command and all that it started after this time, with exit status 124 (default " \
	 "none)"}

/* What it runs in. */
#define ASB_KIND_OPTIONS \
	{"sandbox", 0, ASB_OPTION_STRING, ASB_RUN_AT(sandbox), "KIND", \
	 "what the command runs in: agent-sandbox, a Sandbox, or k8s, a plain pod, whose end can't " \
	 "be put off (default " ASB_DEFAULT_SANDBOX ")"}, \
	ASB_POOL_OPTIONS

#define ASB_POOL_OPTIONS \
	{"pool", 0, ASB_OPTION_STRING, ASB_RUN_AT(pool), "NAME", \
	 "claim a Sandbox from this warm pool instead of making one: it runs already; image, user, " \
	 "resources, RuntimeClass and ServiceAccount are the pool's"}, \
	{"cold", 0, ASB_OPTION_STRING, ASB_RUN_AT(cold), "allow|never", \
	 "with --pool, when none is ready: allow starts one from the pool's template, never is an " \
	 "error (default allow)"}

/* What the sandbox is like that is made for it. */
#define ASB_SANDBOX_OPTIONS \
	{"image", 0, ASB_OPTION_STRING, ASB_RUN_AT(image), "IMAGE", \
	 "container image, any one, even without a shell (default " ASB_DEFAULT_IMAGE ")"}, \
	{"image-pull-policy", 0, ASB_OPTION_STRING, ASB_RUN_AT(image_pull_policy), "POLICY", \
	 "Always, IfNotPresent or Never (default " ASB_DEFAULT_IMAGE_PULL_POLICY \
	 ": no registry is asked for an image " \
	 "that the node has)"}, \
	{"runtime-class", 0, ASB_OPTION_STRING, ASB_RUN_AT(runtime_class), "NAME", \
	 "RuntimeClass of a stronger wall, such as gvisor or kata (default none)"}, \
	{"arch", 0, ASB_OPTION_STRING, ASB_RUN_AT(arch), "ARCH", \
	 "architecture of the node, amd64 or arm64 (default what the RuntimeClass and the nodes " \
	 "tell, else amd64)"}, \
	{"service-account", 0, ASB_OPTION_STRING, ASB_RUN_AT(service_account), "NAME", \
	 "what the command may do in the cluster (default " ASB_DEFAULT_SERVICE_ACCOUNT ")"}, \
	{"cpu", 0, ASB_OPTION_STRING, ASB_RUN_AT(cpu), "QUANTITY", \
	 "most CPU it may use, such as 2 or 500m (default " ASB_DEFAULT_CPU ")"}, \
	{"memory", 0, ASB_OPTION_STRING, ASB_RUN_AT(memory), "QUANTITY", \
	 "most memory it may use, such as 2Gi (default " ASB_DEFAULT_MEMORY ")"}, \
	{"user", 0, ASB_OPTION_STRING, ASB_RUN_AT(user), "UID", \
	 "numeric user inside, or \"image\" for the image's own (default 1001)"}

#define ASB_READY_OPTION \
	{"ready-timeout", 0, ASB_OPTION_DURATION, ASB_RUN_AT(ready_timeout_ms), "DURATION", \
	 "give up when the sandbox does not run by then (default " ASB_DEFAULT_READY_TIMEOUT ")"}

#define ASB_OUTPUT_OPTIONS \
	{"output", 'o', ASB_OPTION_STRING, ASB_RUN_AT(output), "FORMAT", \
	 "\"json\": one object about the run on stdout at the end; stdout of the command then " \
	 "goes to stderr"}

#define ASB_QUIET_OPTION \
	{"quiet", 'q', ASB_OPTION_FLAG, ASB_RUN_AT(quiet), NULL, \
	 "no progress and no notes on stderr, only errors"}

/* clang-format on */

#endif

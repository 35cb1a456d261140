/* SPDX-License-Identifier: Apache-2.0 */
/* outcome.h - how a run ended: exit status, messages and the JSON object. Pure. */
#ifndef ASB_OUTCOME_H
#define ASB_OUTCOME_H

#include "plugin/commands/timeline.h"
#include "plugin/sandbox/sandbox.h"
#include "plugin/session/session.h"

struct asb_outcome {
	int status; /* exit status of the plugin */
	bool ended; /* the command has ended: `record` is valid */
	bool began; /* the command was started, so it may have had effects */
	int signal; /* that ended the run from our side; 0: none */
	struct asb_exit_record record;
	uint64_t bytes[3]; /* of stdin, stdout, stderr */
	uint64_t wire_sent, wire_received;
	unsigned reconnects; /* how often the connection was lost and made again */
	struct asb_timeline timeline;
};

/*
 * The exit status of a job that has ended or was refused, by EXIT STATUS of the documentation. What
 * the status alone does not tell is put into err (timeout, out of memory, sandbox stopped,
 * refusals: of some of them the sandbox knows more, asb_sandbox_explain_...); a command that failed
 * or was killed on its own is no error of ours.
 */
int asb_outcome_of_job(const struct asb_job_view *view, const struct asb_job_spec *job,
		       struct asb_error *err);

/* One object for scripts, heap. `name` and `pod` may be NULL; `err` is the error that is printed,
 * or unset. */
char *asb_outcome_json(const struct asb_outcome *outcome, const struct asb_sandbox_options *sandbox,
		       const char *name, const char *pod, const struct asb_error *err);

#endif

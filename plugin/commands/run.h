/* SPDX-License-Identifier: Apache-2.0 */
/* run.h - one call of `run`, `exec`, `create` or `resume`: what becomes of it and of the sandbox.
 */
#ifndef ASB_RUN_H
#define ASB_RUN_H

#include "plugin/commands/connection.h"
#include "plugin/commands/interrupts.h"
#include "plugin/commands/outcome.h"
#include "plugin/commands/run_options.h"
#include "plugin/commands/terminal.h"
#include "plugin/term/progress.h"

/* What stands in for our descriptors 0, 1 and 2: ours alone and O_NONBLOCK. `turn` is called after
 * each round of the loop. */
struct asb_run_streams {
	int fds[3];
	void (*turn)(void *context);
	void *context;
};

struct asb_attach;
struct asb_run;

/* A stream to the sandbox that was found without asking the server for anything. As long as it is
 * there, http and sandbox of the run are NULL. */
struct asb_run_shortcut {
	struct asb_way way;
	/* Opens http and sandbox after all, as asb_run_open_client and asb_run_start do. When it
	 * fails it may be called again. */
	int (*leave)(struct asb_run *run, struct asb_error *err);
};

struct asb_run {
	struct asb_run_plan plan;
	struct asb_kubeconfig kubeconfig;
	struct asb_http *http;
	struct asb_sandbox *sandbox;
	char *pod; /* owned: its name, for the report; NULL before the deletion */
	struct asb_interrupts interrupts;
	struct asb_progress progress;
	struct asb_outcome outcome;
	int64_t give_up_ms; /* monotonic: the sandbox must be ready by then */
	bool lasts;	    /* the sandbox was there before and is there afterwards */
	const struct asb_run_streams *streams;	 /* borrowed; NULL: nothing does */
	const struct asb_run_shortcut *shortcut; /* borrowed; NULL: there is none */
	void (*began)(void *context);		 /* the command runs; NULL: nobody is told */
	void *began_context;
	struct asb_attach *attach;	  /* of the command that runs, else NULL */
	struct asb_connection connection; /* of the command; closed behind the deletion */
	/* A connection to the API server for the exec stream, made before it is known where that
	 * leads; NULL: none, or it was taken. */
	struct asb_exec *prepared;
	bool used_time; /* it was made while the sandbox was, or is not needed */
	/* While the command runs: it, and our terminal, if it has one too. */
	struct asb_job *job;
	struct asb_terminal *terminal;
	/* A connection that was opened before it was sure that it is wanted, to which pod (owned;
	 * NULL: none was) and when (monotonic). */
	struct asb_connection early;
	char *early_pod;
	int64_t early_ms;
	/* While the connection is lost: since when (monotonic), and whether the user was told. */
	int64_t lost_ms;
	bool loss_noted;
};

/* What the user is told while the sandbox goes through its phases. */
struct asb_sandbox_hooks asb_run_hooks(struct asb_run *run);

/* Progress, signals, kubeconfig and client. `plan` is set; asb_run_release in any case. Nothing is
 * sent. */
int asb_run_open(struct asb_run *run, const struct asb_context *context, struct asb_error *err);

/* Its first half, without a client, and the second. */
int asb_run_open_locally(struct asb_run *run, const struct asb_context *context,
			 struct asb_error *err);
int asb_run_open_client(struct asb_run *run, struct asb_error *err);

/* From a sandbox that was not prepared to one whose objects are all made and which has reached the
 * phase. -1: interrupted (outcome.signal) or err. */
int asb_run_start(struct asb_run *run, enum asb_sandbox_phase phase, struct asb_error *err);

/* Nothing of a run stays behind, whatever became of it: deletes the sandbox, unless it is to be
 * kept (and a command ran in it) or was somebody else's before. */
void asb_run_clean_up(struct asb_run *run);

/* From what happened (rc: 0 or -1, as of the functions here) to what is reported: prints the JSON
 * object and returns the exit status. */
int asb_run_conclude(struct asb_run *run, int rc, struct asb_error *err);

void asb_run_release(struct asb_run *run);

/* A signal has come: noted in the outcome. */
bool asb_run_interrupted(struct asb_run *run);

/* Whether there is a command to run in the end (as opposed to `create`). */
bool asb_run_has_command(const struct asb_run *run);

/* Begins to connect for the exec stream; asb_run_open has done it for who has a command. -1: there
 * are no credentials. */
int asb_run_prepare_stream(struct asb_run *run, struct asb_error *err);

/* The way to the pod (way.h), over the connection that was prepared if it wasn't taken before. */
struct asb_way asb_run_way(struct asb_run *run, const char *pod, bool early);

/* Opens the exec stream as soon as it is known to which pod it will most likely lead (NULL: it
 * isn't), if there is a command to run. To be called while the sandbox is waited for. */
void asb_run_connect_early(struct asb_run *run, const char *pod);

/*
 * Connects to the running sandbox, by the shortcut where there is one, starts the job and stays
 * with it until it has ended (converse.c). 0: outcome.status is its exit status, and err may hold
 * words about it. -1: interrupted (outcome.signal) or err.
 */
int asb_run_converse(struct asb_run *run, struct asb_error *err);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
#include "plugin/commands/session_tasks.h"

#include <stdlib.h>
#include <string.h>

#include "plugin/base/clock.h"
#include "plugin/base/utf8.h"
#include "plugin/commands/outcome.h"
#include "plugin/commands/session_event.h"

#define PIECE (32u << 10) /* bytes of output in one line */
#define BUSY_MS 200	  /* until a sandbox without room is asked for more again */

struct task {
	struct asb_request request; /* of kind START; `input` is what the command has not taken */
	struct asb_job *job;	    /* NULL while it waits */
	uint64_t line;		    /* where it was asked for */
	struct task *next;	    /* that waits */
	size_t length;		    /* of its line, while that may be needed again */
	size_t sent; /* bytes of `input` that were sent and are kept: it may not have started */
	uint64_t taken[3]; /* bytes of stdout, stderr that were appended */
	bool said_started;
	bool cancelled; /* was sent a signal before it was known to run */
};

struct asb_tasks {
	struct asb_session *session;
	struct asb_buffer *out;
	struct task *running[ASB_TASKS_RUNNING];
	size_t count, turn; /* who is the first to hand on output */
	struct task *first, **last;
	size_t waiting;
	uint64_t youngest; /* the highest line that ever waited */
	size_t most;	   /* that run at once, as far as the sandbox has room for */
	int64_t more_at;   /* monotonic ms when it may have room for more */
	char *lost;	   /* why nothing will end well any more, owned; NULL: it may */
};

struct asb_tasks *asb_tasks_new(struct asb_session *session, struct asb_buffer *out)
{
	struct asb_tasks *tasks = asb_calloc(1, sizeof(*tasks));

	tasks->session = session;
	tasks->out = out;
	tasks->last = &tasks->first;
	tasks->most = ASB_TASKS_RUNNING;
	return tasks;
}

static void task_free(struct task *task)
{
	asb_job_free(task->job);
	asb_request_release(&task->request);
	free(task);
}

/* --- the line --------------------------------------------------------------------------------- */

static struct task *leave_line(struct asb_tasks *tasks)
{
	struct task *task = tasks->first;

	tasks->first = task->next;
	if (tasks->first == NULL)
		tasks->last = &tasks->first;
	tasks->waiting--;
	task->next = NULL;
	return task;
}

/* By their lines: one that was in the sandbox, which had no room, was there before. */
static void join_line(struct asb_tasks *tasks, struct task *task)
{
	struct task **at = tasks->last;

	if (tasks->first != NULL && task->line < tasks->youngest) {
		at = &tasks->first;
		while (*at != NULL && (*at)->line < task->line)
			at = &(*at)->next;
	}
	task->next = *at;
	*at = task;
	if (task->next == NULL)
		tasks->last = &task->next;
	tasks->youngest = task->line > tasks->youngest ? task->line : tasks->youngest;
	tasks->waiting++;
}

static void drop_from_line(struct asb_tasks *tasks, struct task *task)
{
	struct task **at = &tasks->first;

	while (*at != task)
		at = &(*at)->next;
	*at = task->next;
	if (task->next == NULL)
		tasks->last = at;
	tasks->waiting--;
	task_free(task);
}

void asb_tasks_free(struct asb_tasks *tasks)
{
	if (tasks == NULL)
		return;
	while (tasks->first != NULL)
		task_free(leave_line(tasks));
	for (size_t i = 0; i < tasks->count; i++)
		task_free(tasks->running[i]);
	free(tasks->lost);
	free(tasks);
}

/* --- requests --------------------------------------------------------------------------------- */

static struct task *find(const struct asb_tasks *tasks, const char *id)
{
	struct task *task;

	for (size_t i = 0; i < tasks->count; i++) {
		if (strcmp(tasks->running[i]->request.id, id) == 0)
			return tasks->running[i];
	}
	for (task = tasks->first; task != NULL; task = task->next) {
		if (strcmp(task->request.id, id) == 0)
			return task;
	}
	return NULL;
}

static void say_cancelled(struct asb_tasks *tasks, const struct task *task)
{
	asb_event_failed(tasks->out, task->request.id, ASB_STATUS_PLUGIN, false,
			 "cancelled by a signal before it was started");
}

static int take_signal(struct asb_tasks *tasks, struct task *task, const char *name)
{
	if (task->job == NULL) {
		say_cancelled(tasks, task);
		drop_from_line(tasks, task);
		return 0;
	}
	task->cancelled |= asb_job_view(task->job)->state == ASB_JOB_SENT;
	asb_job_signal(task->job, name);
	return 0;
}

static int take_input(struct task *task, const struct asb_request *request, struct asb_error *err)
{
	if (!task->request.input_open)
		return asb_fail(err, "the stdin of this command %s",
				task->request.job.has_stdin ? "has been closed"
							    : "is empty (\"stdinOpen\")");
	asb_buffer_add(&task->request.input, request->input.data, request->input.length);
	task->request.input_open = request->input_open;
	return 0;
}

static void begin(struct asb_tasks *tasks, struct asb_request *request, uint64_t line,
		  size_t length)
{
	struct task *task = asb_calloc(1, sizeof(*task));

	task->request = *request;
	task->line = line;
	task->length = length;
	*request = (struct asb_request){.input = ASB_BUFFER_INIT};
	join_line(tasks, task);
}

/* What it asks of a command that is known, or of a new one. */
static int follow(struct asb_tasks *tasks, struct asb_request *request, uint64_t line,
		  size_t length, struct asb_error *err)
{
	struct task *task = find(tasks, request->id);

	if (request->kind == ASB_REQUEST_START && task != NULL)
		return asb_fail(err, "a command with this id has not ended yet");
	if (request->kind == ASB_REQUEST_START) {
		begin(tasks, request, line, length);
		return 0;
	}
	if (task == NULL)
		return asb_fail(err, "there is no command with this id, or it has ended");
	return request->kind == ASB_REQUEST_SIGNAL ? take_signal(tasks, task, request->signal)
						   : take_input(task, request, err);
}

static bool is_blank(const char *text, size_t n)
{
	size_t i = 0;

	while (i < n && (text[i] == ' ' || text[i] == '\t' || text[i] == '\r'))
		i++;
	return i == n;
}

void asb_tasks_line(struct asb_tasks *tasks, uint64_t line, const char *text, size_t n)
{
	struct asb_request request;
	struct asb_error err = ASB_ERROR_INIT;

	if (is_blank(text, n))
		return;
	if (asb_request_init(&request, text, n, &err) != 0 ||
	    follow(tasks, &request, line, n, &err) != 0)
		asb_event_error(tasks->out, request.id, line, err.message);
	asb_request_release(&request);
}

bool asb_tasks_take_more(const struct asb_tasks *tasks)
{
	const struct task *task;
	size_t held = 0;

	for (size_t i = 0; i < tasks->count; i++)
		held += tasks->running[i]->length + tasks->running[i]->request.input.length;
	for (task = tasks->first; task != NULL; task = task->next)
		held += task->length + task->request.input.length;
	return tasks->waiting < ASB_TASKS_WAITING && held < ASB_TASKS_HELD &&
	       tasks->out->length < ASB_TASKS_OUT;
}

void asb_tasks_last(struct asb_tasks *tasks)
{
	struct task *task;

	for (size_t i = 0; i < tasks->count; i++)
		tasks->running[i]->request.input_open = false;
	for (task = tasks->first; task != NULL; task = task->next)
		task->request.input_open = false;
}

/* --- starting --------------------------------------------------------------------------------- */

/* Nobody tells when others have left room in the sandbox: more is tried now and then. */
static void try_more(struct asb_tasks *tasks)
{
	if (tasks->most == ASB_TASKS_RUNNING || asb_poll_timeout(tasks->more_at) > 0)
		return;
	tasks->most += tasks->most / 4 + 1;
	if (tasks->most > ASB_TASKS_RUNNING)
		tasks->most = ASB_TASKS_RUNNING;
	tasks->more_at = asb_monotonic_ms() + BUSY_MS;
}

static void start_next(struct asb_tasks *tasks)
{
	struct task *task = leave_line(tasks);
	struct asb_error err = ASB_ERROR_INIT;

	if (tasks->lost != NULL)
		asb_fail(&err, "%s", tasks->lost);
	else
		task->job = asb_job_start(tasks->session, &task->request.job, &err);
	if (task->job != NULL) {
		tasks->running[tasks->count++] = task;
		return;
	}
	asb_event_failed(tasks->out, task->request.id, ASB_STATUS_PLUGIN, false, err.message);
	task_free(task);
}

static void start(struct asb_tasks *tasks)
{
	try_more(tasks);
	while (tasks->first != NULL && (tasks->lost != NULL || tasks->count < tasks->most))
		start_next(tasks);
}

/* --- input ------------------------------------------------------------------------------------ */

/* Until it is known to run, what was sent is kept: it may have to be started once more. */
static void feed(struct task *task)
{
	struct asb_buffer *input = &task->request.input;
	const struct asb_job_view *view = asb_job_view(task->job);
	size_t n = input->length - task->sent;
	size_t room = asb_job_stdin_room(task->job);

	n = n < room ? n : room;
	if (n > 0)
		asb_job_write(task->job, input->data + task->sent, n);
	task->sent += n;
	if (task->sent == input->length && !task->request.input_open)
		asb_job_close_stdin(task->job);
	if (view->state == ASB_JOB_SENT || view->state == ASB_JOB_REFUSED)
		return;
	/* The command takes no more: what is left is for nobody. */
	asb_buffer_drop(input, view->stdin_open ? task->sent : input->length);
	task->sent = 0;
	task->length = 0;
}

/* --- output ----------------------------------------------------------------------------------- */

static bool is_over(const struct asb_job_view *view)
{
	return view->state != ASB_JOB_SENT && view->state != ASB_JOB_RUNNING;
}

static size_t copy(const struct asb_job *job, enum asb_stream stream, uint8_t bytes[PIECE])
{
	struct iovec iov[2];
	int pieces = asb_job_peek(job, stream, iov);
	size_t n = 0;

	for (int i = 0; i < pieces; i++) {
		size_t part = iov[i].iov_len < PIECE - n ? iov[i].iov_len : PIECE - n;

		memcpy(bytes + n, iov[i].iov_base, part);
		n += part;
	}
	return n;
}

/* Whether there was something to take. */
static bool take_output(struct asb_tasks *tasks, struct task *task, enum asb_stream stream)
{
	const struct asb_job_view *view = asb_job_view(task->job);
	uint8_t bytes[PIECE];
	size_t n = copy(task->job, stream, bytes);
	bool last = n == asb_job_pending(task->job, stream) &&
		    (view->eof[stream] || is_over(view) || tasks->lost != NULL);

	if (!last)
		n = asb_utf8_whole(bytes, n);
	if (n == 0)
		return false;
	asb_event_output(tasks->out, task->request.id, stream, task->taken[stream], bytes, n);
	task->taken[stream] += n;
	asb_job_consumed(task->job, stream, n);
	return true;
}

/* One piece of each stream of each command, beginning with the one whose turn it is. */
static bool take_round(struct asb_tasks *tasks)
{
	bool taken = false;
	size_t i;

	for (i = 0; i < tasks->count && tasks->out->length < ASB_TASKS_OUT; i++) {
		struct task *task = tasks->running[(tasks->turn + i) % tasks->count];

		taken |= take_output(tasks, task, ASB_STDOUT);
		taken |= take_output(tasks, task, ASB_STDERR);
	}
	if (tasks->count > 0)
		tasks->turn = (tasks->turn + i) % tasks->count;
	return taken;
}

/* --- the end ---------------------------------------------------------------------------------- */

static void say_end(struct asb_tasks *tasks, struct task *task)
{
	const struct asb_job_view *view = asb_job_view(task->job);
	struct asb_error err = ASB_ERROR_INIT;
	char duration[32];
	int status;

	if (view->state == ASB_JOB_LOST || !is_over(view)) {
		asb_event_failed(tasks->out, task->request.id, ASB_STATUS_PLUGIN, true,
				 tasks->lost != NULL ? tasks->lost : view->error->message);
		return;
	}
	status = asb_outcome_of_job(view, &task->request.job, &err);
	if (view->state == ASB_JOB_REFUSED) {
		asb_event_failed(tasks->out, task->request.id, status, false, err.message);
		return;
	}
	if (view->record.timed_out)
		asb_fail(&err, "timed out after %s",
			 asb_duration_format(task->request.job.timeout_ms, duration));
	asb_event_exit(tasks->out, task->request.id, &view->record, status, err.message);
}

static size_t count_started(const struct asb_tasks *tasks)
{
	size_t n = 0;

	for (size_t i = 0; i < tasks->count; i++)
		n += asb_job_view(tasks->running[i]->job)->state == ASB_JOB_RUNNING;
	return n;
}

/* The sandbox has no room now: back into the line. */
static void start_later(struct asb_tasks *tasks, struct task *task)
{
	asb_job_free(task->job);
	task->job = NULL;
	task->sent = 0;
	if (task->cancelled) {
		say_cancelled(tasks, task);
		task_free(task);
		return;
	}
	join_line(tasks, task);
	tasks->most = count_started(tasks);
	tasks->more_at = asb_monotonic_ms() + BUSY_MS;
}

/* Over, and all its output was handed on. */
static bool has_ended(const struct asb_tasks *tasks, const struct task *task)
{
	return (is_over(asb_job_view(task->job)) || tasks->lost != NULL) &&
	       asb_job_pending(task->job, ASB_STDOUT) == 0 &&
	       asb_job_pending(task->job, ASB_STDERR) == 0;
}

static void settle(struct asb_tasks *tasks, struct task *task)
{
	const struct asb_job_view *view = asb_job_view(task->job);

	if (view->state == ASB_JOB_REFUSED && view->failed == ASB_FAILED_BUSY) {
		start_later(tasks, task);
		return;
	}
	say_end(tasks, task);
	task_free(task);
}

static void settle_all(struct asb_tasks *tasks)
{
	for (size_t i = 0; i < tasks->count;) {
		struct task *task = tasks->running[i];

		if (!has_ended(tasks, task)) {
			i++;
			continue;
		}
		tasks->running[i] = tasks->running[--tasks->count];
		settle(tasks, task);
	}
}

/* --- a turn ----------------------------------------------------------------------------------- */

static void say_started(struct asb_tasks *tasks, struct task *task)
{
	const struct asb_job_view *view = asb_job_view(task->job);

	if (task->said_started || (view->state != ASB_JOB_RUNNING && view->state != ASB_JOB_ENDED))
		return;
	task->said_started = true;
	asb_event_started(tasks->out, task->request.id, view->pid);
}

void asb_tasks_step(struct asb_tasks *tasks)
{
	start(tasks);
	for (size_t i = 0; i < tasks->count; i++) {
		say_started(tasks, tasks->running[i]);
		feed(tasks->running[i]);
	}
	while (tasks->out->length < ASB_TASKS_OUT && take_round(tasks))
		continue;
	settle_all(tasks);
	start(tasks);
}

int asb_tasks_timeout(const struct asb_tasks *tasks)
{
	return tasks->first == NULL || tasks->count < tasks->most ||
			       tasks->most == ASB_TASKS_RUNNING
		       ? -1
		       : asb_poll_timeout(tasks->more_at);
}

bool asb_tasks_idle(const struct asb_tasks *tasks)
{
	return tasks->count == 0 && tasks->first == NULL;
}

void asb_tasks_lost(struct asb_tasks *tasks, const char *message)
{
	if (tasks->lost == NULL)
		tasks->lost = asb_strdup(message);
}

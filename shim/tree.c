/* SPDX-License-Identifier: Apache-2.0 */
#include "shim/tree.h"

#include <signal.h>
#include <stddef.h>
#include <unistd.h>

#include "shim/limits.h"
#include "shim/memory.h"
#include "shim/proc.h"
#include "shim/say.h"

#define STOP_ROUNDS 16	  /* looks at /proc until no new process appears */
#define KILL_SWEEPS 4	  /* STOP and KILL of everything, until nothing is new */
#define KILL_AGAIN_MS 250 /* then all of it again, */
#define TOGETHER_MS 20	  /* trees whose time comes within this are killed at once */
#define KILL_TIMES 20	  /* this often: what survives is stuck in the kernel */

static struct asb_tree trees[ASB_MAX_TREES];
static bool strays; /* a keeper was killed: there may be some */

/* What /proc showed last and the time before; the older one tells which processes were hit already.
 */
static struct asb_proc procs[2][ASB_MAX_PROCS] __attribute__((aligned(ASB_PAGE)));
static size_t counts[2];
static int latest;

/* The trees whose members are looked for, many at once: a session may end with all its jobs, and a
 * look takes milliseconds. */
static struct asb_tree *wanted[ASB_MAX_TREES];
static size_t wanted_count;
static bool wanted_strays; /* and those that no tree claims */

static void timer_fired(struct asb_timer *timer);

static struct asb_tree *find_free(void)
{
	for (int i = 0; i < ASB_MAX_TREES; i++) {
		if (trees[i].phase == ASB_TREE_FREE)
			return &trees[i];
	}
	return NULL;
}

bool asb_tree_full(void)
{
	return find_free() == NULL;
}

void asb_tree_new(struct asb_tree **holder, pid_t keeper, struct asb_session *session,
		  uint32_t grace_ms)
{
	struct asb_tree *tree = find_free();

	*holder = tree;
	if (tree == NULL)
		return;
	*tree = (struct asb_tree){.phase = ASB_TREE_LIVE,
				  .keeper = keeper,
				  .grace_ms = grace_ms,
				  .session = session,
				  .holder = holder,
				  .timer = {.fire = timer_fired, .owner = tree}};
}

void asb_tree_let_go(struct asb_tree *tree)
{
	if (tree == NULL)
		return;
	if (tree->holder != NULL)
		*tree->holder = NULL;
	tree->holder = NULL;
}

static void release(struct asb_tree *tree)
{
	asb_tree_let_go(tree);
	asb_timer_stop(&tree->timer);
	tree->phase = ASB_TREE_FREE;
}

struct asb_tree *asb_tree_of_keeper(pid_t pid)
{
	for (int i = 0; i < ASB_MAX_TREES; i++) {
		if (trees[i].phase != ASB_TREE_FREE && trees[i].keeper == pid)
			return &trees[i];
	}
	return NULL;
}

struct asb_tree *asb_tree_of_command(pid_t pid)
{
	for (int i = 0; i < ASB_MAX_TREES; i++) {
		if (trees[i].phase != ASB_TREE_FREE && trees[i].command == pid)
			return &trees[i];
	}
	return NULL;
}

void asb_tree_keeper_died(struct asb_tree *tree, bool by_signal)
{
	tree->keeper = 0;
	/* A keeper leaves by itself only when nothing below it is left. */
	strays = strays || by_signal;
	if (tree->command == 0)
		release(tree);
}

void asb_tree_command_died(struct asb_tree *tree)
{
	tree->command = 0;
	if (tree->keeper == 0)
		release(tree);
}

/* A child of PID 1 that no living tree claims. */
static bool is_stray(const struct asb_proc *proc)
{
	return proc->parent == getpid() && asb_tree_of_keeper(proc->pid) == NULL &&
	       asb_tree_of_command(proc->pid) == NULL;
}

static void want_nothing(void)
{
	wanted_count = 0;
	wanted_strays = false;
}

/* A tree that has lost its keeper takes the strays along: some are its own. */
static void want(struct asb_tree *tree)
{
	wanted[wanted_count++] = tree;
	wanted_strays = wanted_strays || tree->keeper == 0;
}

/* Whether a process is a wanted member by itself, not by its parent. */
static bool is_root(const struct asb_proc *proc)
{
	for (size_t i = 0; i < wanted_count; i++) {
		const struct asb_tree *tree = wanted[i];

		if (tree->keeper != 0 ? proc->parent == tree->keeper : proc->pid == tree->command)
			return true;
	}
	return wanted_strays && is_stray(proc);
}

static void mark_members(struct asb_proc *now, size_t n)
{
	bool more = true;

	for (size_t i = 0; i < n; i++)
		now[i].member = is_root(&now[i]);
	/* One turn is nearly always enough: a child's pid is larger than its parent's until the
	 * numbers wrap. */
	while (more) {
		more = false;
		for (size_t i = 0; i < n; i++) {
			const struct asb_proc *parent;

			if (now[i].member)
				continue;
			parent = asb_proc_find(now, n, now[i].parent);
			if (parent == NULL || !parent->member)
				continue;
			now[i].member = true;
			more = true;
		}
	}
}

static void look(void)
{
	struct asb_proc *before = procs[latest];
	size_t n_before = counts[latest];
	struct asb_proc *now;

	latest = 1 - latest;
	now = procs[latest];
	counts[latest] = asb_proc_scan(now, ASB_MAX_PROCS);
	for (size_t i = 0; i < counts[latest]; i++) {
		const struct asb_proc *old = asb_proc_find(before, n_before, now[i].pid);

		now[i].hit = old != NULL && old->hit;
	}
	mark_members(now, counts[latest]);
}

static void forget(void)
{
	asb_memory_give_back(procs, sizeof(procs));
	counts[0] = 0;
	counts[1] = 0;
}

static bool is_alive(const struct asb_proc *proc)
{
	return proc->member && proc->state != 'Z' && proc->state != 'X';
}

/* Signals the members of the latest look, only those not hit before when `fresh`. Returns how many.
 */
static size_t strike(int number, bool fresh)
{
	size_t struck = 0;

	for (size_t i = 0; i < counts[latest]; i++) {
		struct asb_proc *proc = &procs[latest][i];

		if (!is_alive(proc) || (fresh && proc->hit))
			continue;
		(void)kill(proc->pid, number);
		proc->hit = true;
		struck++;
	}
	return struck;
}

/* Stops members until a look finds no new one: a stopped process starts no other. Returns how many
 * were new. */
static size_t stop_all(void)
{
	size_t total = 0;

	for (int round = 0; round < STOP_ROUNDS; round++) {
		size_t fresh;

		look();
		fresh = strike(SIGSTOP, true);
		if (fresh == 0)
			break;
		total += fresh;
	}
	return total;
}

static void kill_members(void)
{
	for (int sweep = 0; sweep < KILL_SWEEPS; sweep++) {
		if (stop_all() == 0)
			break;
		(void)strike(SIGKILL, false);
	}
	forget();
}

static void give_up_on(struct asb_tree *tree)
{
	asb_say("processes of keeper %d survive SIGKILL; not waiting for them", (int)tree->keeper);
	tree->phase = ASB_TREE_STUCK;
	tree->session = NULL;
	asb_timer_stop(&tree->timer);
	asb_tree_let_go(tree);
}

/* Kills the tree whose time has come, and with it those whose time comes now. */
static void timer_fired(struct asb_timer *timer)
{
	int64_t soon = asb_now() + (int64_t)TOGETHER_MS * 1000000;

	want_nothing();
	for (int i = 0; i < ASB_MAX_TREES; i++) {
		struct asb_tree *tree = &trees[i];

		if ((tree->phase != ASB_TREE_TERM && tree->phase != ASB_TREE_KILL) ||
		    (&tree->timer != timer && (!tree->timer.armed || tree->timer.due > soon)))
			continue;
		if (tree->kills == KILL_TIMES) {
			give_up_on(tree);
			continue;
		}
		tree->phase = ASB_TREE_KILL;
		tree->kills++;
		want(tree);
	}
	if (wanted_count == 0)
		return;
	kill_members();
	for (size_t i = 0; i < wanted_count; i++)
		asb_timer_arm(&wanted[i]->timer, KILL_AGAIN_MS);
}

static void end_wanted(void)
{
	if (wanted_count == 0)
		return;
	look();
	(void)strike(SIGTERM, false);
	/* What is stopped can only die of TERM when it is continued. */
	(void)strike(SIGCONT, false);
	forget();
	for (size_t i = 0; i < wanted_count; i++) {
		wanted[i]->phase = ASB_TREE_TERM;
		asb_timer_arm(&wanted[i]->timer, wanted[i]->grace_ms);
	}
}

void asb_tree_end(struct asb_tree *tree)
{
	if (tree->phase != ASB_TREE_LIVE)
		return;
	want_nothing();
	want(tree);
	end_wanted();
}

void asb_tree_end_all(const struct asb_session *session, uint32_t longest_ms)
{
	want_nothing();
	for (int i = 0; i < ASB_MAX_TREES; i++) {
		struct asb_tree *tree = &trees[i];

		if (tree->phase != ASB_TREE_LIVE || (session != NULL && tree->session != session))
			continue;
		if (tree->grace_ms > longest_ms)
			tree->grace_ms = longest_ms;
		want(tree);
	}
	end_wanted();
}

bool asb_tree_any(const struct asb_session *session)
{
	for (int i = 0; i < ASB_MAX_TREES; i++) {
		const struct asb_tree *tree = &trees[i];

		if (tree->phase != ASB_TREE_FREE && tree->phase != ASB_TREE_STUCK &&
		    (session == NULL || tree->session == session))
			return true;
	}
	return false;
}

/* The command is gone, so its pid is no safe name for its group any more: only members of the tree
 * are asked. */
static void signal_leftovers(struct asb_tree *tree, int number)
{
	want_nothing();
	want(tree);
	look();
	for (size_t i = 0; i < counts[latest]; i++) {
		const struct asb_proc *proc = &procs[latest][i];

		if (is_alive(proc) && proc->group == tree->group)
			(void)kill(proc->pid, number);
	}
	forget();
}

void asb_tree_signal(struct asb_tree *tree, int number)
{
	if (tree->command > 0)
		(void)kill(-tree->command, number);
	else if (tree->group > 0)
		signal_leftovers(tree, number);
}

void asb_tree_kill_strays(void)
{
	if (!strays)
		return;
	strays = false;
	want_nothing();
	wanted_strays = true;
	kill_members();
}

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
#define KILL_TIMES 20	  /* this often: what survives is stuck in the kernel */

static struct asb_tree trees[ASB_MAX_TREES];
static bool strays; /* a keeper was killed: there may be some */

/* What /proc showed last and the time before; the older one tells which processes were hit already.
 */
static struct asb_proc procs[2][ASB_MAX_PROCS] __attribute__((aligned(ASB_PAGE)));
static size_t counts[2];
static int latest;

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

/* Whether a process is a member by itself, not by its parent. NULL stands for the strays. */
static bool is_root(const struct asb_tree *tree, const struct asb_proc *proc)
{
	if (tree != NULL && tree->keeper != 0)
		return proc->parent == tree->keeper;
	return (tree != NULL && proc->pid == tree->command) || is_stray(proc);
}

static void mark_members(const struct asb_tree *tree, struct asb_proc *now, size_t n)
{
	bool more = true;

	for (size_t i = 0; i < n; i++)
		now[i].member = is_root(tree, &now[i]);
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

static void look(const struct asb_tree *tree)
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
	mark_members(tree, now, counts[latest]);
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
static size_t stop_all(const struct asb_tree *tree)
{
	size_t total = 0;

	for (int round = 0; round < STOP_ROUNDS; round++) {
		size_t fresh;

		look(tree);
		fresh = strike(SIGSTOP, true);
		if (fresh == 0)
			break;
		total += fresh;
	}
	return total;
}

static void kill_members(const struct asb_tree *tree)
{
	for (int sweep = 0; sweep < KILL_SWEEPS; sweep++) {
		if (stop_all(tree) == 0)
			break;
		(void)strike(SIGKILL, false);
	}
	forget();
}

static void timer_fired(struct asb_timer *timer)
{
	struct asb_tree *tree = timer->owner;

	if (tree->kills == KILL_TIMES) {
		asb_say("processes of keeper %d survive SIGKILL; not waiting for them",
			(int)tree->keeper);
		tree->phase = ASB_TREE_STUCK;
		tree->session = NULL;
		asb_tree_let_go(tree);
		return;
	}
	tree->phase = ASB_TREE_KILL;
	tree->kills++;
	kill_members(tree);
	asb_timer_arm(timer, KILL_AGAIN_MS);
}

void asb_tree_end(struct asb_tree *tree)
{
	if (tree->phase != ASB_TREE_LIVE)
		return;
	tree->phase = ASB_TREE_TERM;
	look(tree);
	(void)strike(SIGTERM, false);
	/* What is stopped can only die of TERM when it is continued. */
	(void)strike(SIGCONT, false);
	forget();
	asb_timer_arm(&tree->timer, tree->grace_ms);
}

void asb_tree_end_all(const struct asb_session *session, uint32_t longest_ms)
{
	for (int i = 0; i < ASB_MAX_TREES; i++) {
		struct asb_tree *tree = &trees[i];

		if (tree->phase != ASB_TREE_LIVE || (session != NULL && tree->session != session))
			continue;
		if (tree->grace_ms > longest_ms)
			tree->grace_ms = longest_ms;
		asb_tree_end(tree);
	}
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
	look(tree);
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
	kill_members(NULL);
}

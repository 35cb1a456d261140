/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tree.h - the processes of a job: what its keeper (spawn.h) is an ancestor of, found by walking
 * /proc.
 *
 * A tree lives from the start of the command until nothing of it is left, usually as long as its
 * job, longer when the command left something running. When a command kills its own keeper, its
 * orphans come to PID 1, which can't tell whose they are: they are *strays*, killed together with
 * the next tree that has lost its keeper, or with the last session.
 */
#ifndef ASB_TREE_H
#define ASB_TREE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "shim/loop.h"

struct asb_session;

enum asb_tree_phase {
	ASB_TREE_FREE,
	ASB_TREE_LIVE,
	ASB_TREE_TERM,	/* every member got TERM */
	ASB_TREE_KILL,	/* every member gets KILL, again and again */
	ASB_TREE_STUCK, /* something survived that; nobody waits for it any more */
};

struct asb_tree {
	enum asb_tree_phase phase;
	pid_t keeper;  /* 0: dead */
	pid_t command; /* 0: not known yet, or dead */
	pid_t group;   /* process group of the command, which may outlive it; 0: not known yet */
	uint32_t grace_ms;
	unsigned kills;
	struct asb_session *session;
	struct asb_tree **holder; /* becomes NULL with the tree; may be NULL */
	struct asb_timer timer;
};

bool asb_tree_full(void);

/* A tree for a new keeper; the table must not be full. *holder is set. */
void asb_tree_new(struct asb_tree **holder, pid_t keeper, struct asb_session *session,
		  uint32_t grace_ms);

/* The holder wants to hear no more; the tree lives on. NULL is fine. */
void asb_tree_let_go(struct asb_tree *tree);

struct asb_tree *asb_tree_of_keeper(pid_t pid);
struct asb_tree *asb_tree_of_command(pid_t pid);

/* PID 1 has reaped them, or knows that they are gone. The tree may be free afterwards. */
void asb_tree_keeper_died(struct asb_tree *tree, bool by_signal);
void asb_tree_command_died(struct asb_tree *tree);

/* TERM to every member, KILL after the grace. Once started it can't be started again or stopped. */
void asb_tree_end(struct asb_tree *tree);

/* The same for all trees of a session, with NULL for all there are, whose grace is cut to
 * `longest_ms`. */
void asb_tree_end_all(const struct asb_session *session, uint32_t longest_ms);

/* Whether any tree of the session (NULL: of all) is left that is worth waiting for. */
bool asb_tree_any(const struct asb_session *session);

/* Sends a signal to the command's process group. */
void asb_tree_signal(struct asb_tree *tree, int number);

/* Kills strays, if there can be any. */
void asb_tree_kill_strays(void);

#endif

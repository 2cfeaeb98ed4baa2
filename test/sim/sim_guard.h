/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Guards of nodes that are straight on the store: the product's own guard.c over a book that
 * outlives the node's lives, and is lost at times. The law: as long as its guard is not lost, a
 * node is never granted what it was granted before and has not given back, in whatever life. And
 * one of the whole fleet: a record that comes back to the same state again and again, as the store
 * does, is not moved on to the same place by those who know nothing of each other.
 */
#ifndef PAWL_SIM_GUARD_H
#define PAWL_SIM_GUARD_H

#include "sim.h"
#include "store/guard.h"

struct sim_node;

/* A record that was moved on since the store had gone back. */
struct sim_jump {
    struct sim_jump *next;
    uint64_t tag; /* of the record as it was */
    int64_t first;
};

/* What a node was granted and has not given back, in all its lives. */
struct sim_had {
    struct sim_had *next;
    uint64_t line, lap;
    struct pawl_range range;
};

struct sim_guard {
    struct pawl_book book;
    bool on; /* the node has one */
    bool begun;
    struct pawl_book_head head;
    struct pawl_seen seen[SIM_SEQS];
    struct sim_had *had[SIM_SEQS]; /* for the law */
};

void sim_guard_draw(struct sim_node *node);
/* The source that a node's keeper asks, as it starts: below, or a guard over it. */
struct pawl_source *sim_guard_over(struct sim_node *node, struct pawl_source *below);
void sim_guard_granted(struct sim_node *node, int seq, const struct pawl_ask *ask);
void sim_guard_returning(struct sim_node *node, int seq, const struct pawl_ask *ask);

/* An ask of that node was served from a record that was moved on for it. before: as it was. */
void sim_jumped(struct sim *sim, int seq, const struct pawl_record *before,
                const struct pawl_ask *ask);

void sim_identity(const struct sim *sim, struct pawl_identity *identity);
struct pawl_branch sim_branch(const struct sim *sim);
/* REDRAW */
void sim_redraw(struct sim *sim, struct pawl_ask *ask);
/* The store fails over, and loses nothing. */
void sim_fail_over(struct sim *sim);
/* It went back to where it was then. */
void sim_history_back(struct sim *sim, const struct sim_history *then);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The books of a run, apart from the product's own: what the store reserved, what each node was
 * granted, and which ids were handed out. The laws about ids are checked as the books are written.
 *
 * Once, exactly as it is checked (design 4.1):
 *   - The store reserves an id of a line and lap only while it is not reserved. After it has gone
 *     back it may reserve what it had reserved in the lost past, but never at or below a floor that
 *     has reached the record since (an ask with that floor was served), and never, whoever asks, at
 *     or below the asker's own floor.
 *   - An id is handed out at most as often as the store reserved it and did not take it back: once,
 *     as long as the store does not go back.
 *   - A node hands out only what it was granted and has not given back, each id once. It is granted
 *     only what lies beyond the floor it asked with, and the floor it asks with is never below what
 *     it has handed out. So no node is given what it saw before, whatever the store does.
 *   - Only what nobody has handed out is given back, and only what nobody else holds is taken back.
 * Rising: an id lies beyond every id of its context (a node, or one connection) that was returned
 * before its own call began; a mark (line, lap, id) says what is beyond.
 */
#ifndef PAWL_SIM_LEDGER_H
#define PAWL_SIM_LEDGER_H

#include "range/source.h"
#include "sim.h"

/* Ids that were reserved, or granted, at once. */
struct sim_span {
    struct sim_span *next; /* the one before */
    uint64_t line, lap, epoch, lease, era, at_ns;
    struct pawl_range range; /* shrinks when its tail is given back */
    uint64_t granted;        /* ids at first */
    uint64_t *handed;        /* one bit an id; NULL: none yet */
    uint64_t handed_count;
    struct sim_span *under; /* of a node's: what the store reserved there, as far as known */
    uint64_t handed_end;    /* one beyond the highest offset that was handed out */
};

/* What one node knows of one sequence. */
struct sim_book {
    struct sim_span *spans; /* latest first */
    struct sim_span *hint;  /* the last one that an id was drawn from */
    struct pawl_mark last;  /* the furthest it has handed out */
    int64_t increment;      /* there */
    uint64_t last_ns;       /* not before then: its call began */
    uint64_t forgets;       /* how often its keeper let go of the floor */
};

/* Within one, ids only rise. */
struct sim_context {
    struct pawl_mark last;  /* the furthest returned */
    uint64_t forgets;       /* of the book, at that time */
    struct sim_span *drawn; /* a lane's: what its run was taken from; NULL: no lane */
};

/* A call as it begins. */
struct sim_call {
    struct pawl_mark begun;        /* of its context */
    struct pawl_mark global_begun; /* of the sequence, for ORDER GLOBAL */
    uint64_t forgets;              /* of its context */
    uint64_t begun_ns;
};

struct sim_call sim_call_begin(const struct sim *sim, int seq, const struct sim_context *context);
/* The call returned ids on that node. */
void sim_call_end(struct sim_node *node, int seq, struct sim_call call, pawl_ids ids,
                  struct sim_context *context);

/* count ids of which last is the last, as that node was granted them. */
pawl_ids sim_ids_ending(const struct sim_node *node, int seq, int64_t last, uint64_t count);
/* A lane took a run. */
void sim_lane_draws(struct sim_node *node, int seq, struct pawl_range run,
                    struct sim_context *lane);

/* The store served an ask. */
void sim_reserved(struct sim *sim, int seq, int node, const struct pawl_ask *ask);
void sim_taken_back(struct sim *sim, int seq, const struct pawl_record *after);
void sim_rewound(struct sim *sim, int seq, struct pawl_mark reached);

/* A node was granted something, or sends a RETURN. */
void sim_granted(struct sim_node *node, int seq, const struct pawl_ask *ask);
void sim_returning(struct sim_node *node, int seq, const struct pawl_ask *ask);
/* A node asks: its floor must be honest. */
void sim_floor_sent(struct sim_node *node, int seq, const struct pawl_ask *ask);

#endif

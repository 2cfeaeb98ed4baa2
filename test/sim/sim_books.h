/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The law about the product's gap ledger: for each sequence and node, after each turn and across
 * restarts, the sum over causes is what was reserved, less what was used, is held or was given
 * back; and what no node can know of a crash, or of a client that is gone, is never understated.
 */
#ifndef PAWL_SIM_BOOKS_H
#define PAWL_SIM_BOOKS_H

#include "range/keeper.h"
#include "sim.h"

struct sim_node;

/* Where a node's books are, and what they must say at least. It outlives the node's keeper. */
struct sim_books {
    struct pawl_archive archive;
    bool kept;  /* it has a disk for them */
    bool alive; /* what is saved is written */
    bool there[SIM_SEQS];
    struct pawl_books books[SIM_SEQS];
    uint64_t granted[SIM_SEQS]; /* ids, in this life */
    uint64_t before[SIM_SEQS];  /* ids that the books say were reserved in lives before */
    uint64_t lost[SIM_SEQS];    /* held when it crashed, or on the way to it */
    uint64_t leased[SIM_SEQS];  /* held of leases then, whether it has a disk or not */
};

void sim_books_draw(struct sim_node *node);
void sim_books_start(struct sim_node *node); /* before its keeper is there */
void sim_books_granted(struct sim_node *node, int seq, uint64_t count);
void sim_books_check(struct sim_node *node);
/* Its keeper goes. crashed: nothing is written down any more. */
void sim_books_close(struct sim_node *node, bool crashed);
/* At the end: what crashed clients of the depth above held of its leases is unreported, at
 * least. */
void sim_books_check_unreported(struct sim *sim, int depth);

#endif

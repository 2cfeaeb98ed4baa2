/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The fleet's account, over all lives of all nodes: every id that the store reserved was handed
 * out, leased on, given back, or burned with a cause. What a node that dies held, and what is on
 * its way to it, is burned by the cause `crash`, which no keeper can book for itself.
 */
#ifndef PAWL_SIM_ACCOUNT_H
#define PAWL_SIM_ACCOUNT_H

#include "range/keeper.h"

struct sim;
struct sim_node;

struct sim_account {
    uint64_t reserved; /* by the store, in writes that it carried out */
    uint64_t lost;     /* in answers that did not come, to a node that lives and booked a guess */
    uint64_t guessed;  /* what such nodes booked as lost */
    uint64_t used;     /* handed out, leased on, given back: net of what came back from above */
    uint64_t burned[PAWL_CAUSE_COUNT];
    uint64_t crash;
};

/* Ids of an executed ask that no living node is told of. dead: because there is none any more. */
void sim_account_unheard(struct sim *sim, const struct pawl_ask *ask, bool dead);
/* The node goes, for whatever reason: its counts are closed. */
void sim_account_close(struct sim_node *node);
/* Everybody is gone: the account holds to the last id. */
void sim_account_check(struct sim *sim);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
#include "sim_account.h"

#include <inttypes.h>

#include "sim_node.h"

static uint64_t read_count(const _Atomic uint64_t *count)
{
    return atomic_load_explicit(count, memory_order_relaxed);
}

void sim_account_unheard(struct sim *sim, const struct pawl_ask *ask, bool dead)
{
    bool takes = ask->kind == PAWL_ASK_TAKE || ask->kind == PAWL_ASK_NEXT;
    uint64_t ids = takes && ask->error.code == PAWL_OK ? ask->grant.range.count + ask->burned : 0;

    *(dead ? &sim->account.crash : &sim->account.lost) += ids;
}

void sim_account_close(struct sim_node *node)
{
    struct sim_account *account = &node->sim->account;
    const struct pawl_counts *counts = pawl_keeper_counts(node->keeper);
    uint64_t taken = read_count(&counts->handed);
    uint64_t held = read_count(&counts->held);

    if (node->depth != 1) return; /* what it has was leased: to the store's account it is used */
    if (node->role == SIM_CLIENT && sim_node_taken(node) > taken) {
        held -= sim_node_taken(node) - taken; /* the keeper has not noticed those yet */
        taken = sim_node_taken(node);
    }
    account->crash += held + node->granted - read_count(&counts->reserved);
    account->used += taken + read_count(&counts->leased) + read_count(&counts->given_back) -
                     read_count(&counts->returned);
    for (int cause = 0; cause < PAWL_CAUSE_COUNT; cause++) {
        if (sim_burned_here(cause)) account->burned[cause] += read_count(&counts->burned[cause]);
    }
}

void sim_account_check(struct sim *sim)
{
    const struct sim_account *account = &sim->account;
    uint64_t burned = account->lost + account->crash;

    for (size_t i = 0; i < PAWL_CAUSE_COUNT; i++) {
        burned += account->burned[i];
    }
    if (account->reserved + account->guessed == account->used + burned) return;
    sim_fail(sim, SIM_NO_SEQ, "conserved",
             "the store reserved %" PRIu64 " ids; %" PRIu64 " were used, %" PRIu64
             " burned, of those %" PRIu64 " by crashes, less %" PRIu64 " only guessed",
             account->reserved, account->used, burned, account->crash, account->guessed);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Between a node's keeper and the source below: passes every ask down as a copy of its own, checks
 * what is asked and what is answered, and writes the node's books. Once its node is dead it is the
 * wall between the memory that is going and the world: nothing passes.
 */
#include <inttypes.h>
#include <string.h>

#include "sim_node.h"

enum { TAP_BELOW_MAX = 256 }; /* asks under way: more is a flood */

struct passing {
    struct pawl_ask ask;
    struct pawl_ask *from;
    struct sim_tap *tap;
    struct passing *next;
    bool under_way;
};

struct sim_tap {
    struct pawl_source source;
    struct pawl_source *below;
    struct sim_node *node;
    struct passing *spare;
    size_t under_way;
    bool inside;              /* below is being asked: it must not answer now */
    struct pawl_asks refused; /* they came when the node was dead */
};

static bool gives_ids(enum pawl_ask_kind kind)
{
    return kind == PAWL_ASK_TAKE || kind == PAWL_ASK_NEXT;
}

/* It was granted, and then found to be what a store that went back must not give. */
static bool discarded(const struct pawl_ask *ask)
{
    return ask->error.code != PAWL_OK && (strstr(ask->error.text, "went back in time") != NULL ||
                                          strstr(ask->error.text, "has failed over") != NULL);
}

static void check_grant(struct sim_node *node, int seq, const struct pawl_ask *ask)
{
    const struct pawl_grant *grant = &ask->grant;

    if (grant->range.count == 0 && ask->count == 0) return;
    if (grant->range.count == 0 || (ask->exact && grant->range.count != ask->count)) {
        sim_fail(node->sim, seq, "asks",
                 "node %d asked for %" PRIu64 " ids and was granted %" PRIu64, node->index,
                 ask->count, grant->range.count);
    }
    if (ask->kind == PAWL_ASK_TAKE) node->leased += grant->range.count;
    node->granted += grant->range.count + ask->burned; /* what a turn of the lap left behind */
    sim_books_granted(node, seq, grant->range.count + ask->burned);
    sim_granted(node, seq, ask);
    sim_guard_granted(node, seq, ask);
}

static void passed_done(struct pawl_ask *ask)
{
    struct passing *passing = PAWL_OWNER(ask, struct passing, ask);
    struct sim_tap *tap = passing->tap;
    struct pawl_ask *from = passing->from;
    struct sim_node *node = tap->node;
    int seq = sim_seq_find(node->sim, ask->name);

    if (!passing->under_way) sim_fail(node->sim, seq, "asks", "an ask is answered twice");
    if (tap->inside) sim_fail(node->sim, seq, "asks", "an ask is answered from inside ask");
    passing->under_way = false;
    tap->under_way--;
    from->error = ask->error;
    from->grant = ask->grant;
    from->burned = ask->burned;
    if (!node->dead && gives_ids(ask->kind)) {
        if (ask->error.code == PAWL_OK) check_grant(node, seq, ask);
        if (ask->error.code != PAWL_OK) {
            node->granted += ask->burned;
            sim_books_granted(node, seq, ask->burned);
            if (node->depth == 1 && !discarded(ask)) node->sim->account.guessed += ask->burned;
        }
    }
    if (node->dead && node->depth == 1) sim_account_unheard(node->sim, ask, true);
    if (node->dead && discarded(ask)) node->sim->account.crash += ask->burned;
    if (ask->kind == PAWL_ASK_RETURN && ask->error.code == PAWL_OK) node->given_back += ask->count;
    passing->next = tap->spare;
    tap->spare = passing;
    pawl_ask_answer(from);
}

static void tap_ask(struct pawl_source *self, struct pawl_ask *ask)
{
    struct sim_tap *tap = PAWL_OWNER(self, struct sim_tap, source);
    struct sim_node *node = tap->node;
    struct passing *passing = tap->spare;
    int seq = sim_seq_find(node->sim, ask->name);

    if (node->dead) {
        pawl_asks_add(&tap->refused, ask);
        return;
    }
    if (passing != NULL) tap->spare = passing->next;
    if (passing == NULL) passing = sim_alloc(node->sim, sizeof *passing);
    passing->ask = *ask;
    passing->ask.done = passed_done;
    passing->ask.asking = 0; /* the copy has not been asked yet */
    passing->from = ask;
    passing->tap = tap;
    passing->under_way = true;
    node->asked++;
    if (++tap->under_way > TAP_BELOW_MAX) {
        sim_fail(node->sim, seq, "asks", "node %d floods its source", node->index);
    }
    if (seq >= 0) {
        if (gives_ids(ask->kind)) sim_floor_sent(node, seq, ask);
        if (ask->kind == PAWL_ASK_RETURN) sim_returning(node, seq, ask);
        if (ask->kind == PAWL_ASK_RETURN) sim_guard_returning(node, seq, ask);
    }
    tap->inside = true;
    pawl_source_ask(tap->below, &passing->ask);
    tap->inside = false;
}

static uint64_t tap_turn(struct pawl_source *self, uint64_t now_ns)
{
    struct sim_tap *tap = PAWL_OWNER(self, struct sim_tap, source);

    struct pawl_ask *ask;

    if (!tap->node->dead) return tap->below->ops->turn(tap->below, now_ns);
    while ((ask = pawl_asks_pop(&tap->refused)) != NULL) {
        pawl_ask_fail(ask, PAWL_CLOSED, "the node is dead");
    }
    return PAWL_NEVER;
}

static void tap_close(struct pawl_source *self)
{
    struct sim_tap *tap = PAWL_OWNER(self, struct sim_tap, source);

    tap->below->ops->close(tap->below);
    if (tap->under_way == 0) return;
    sim_fail(tap->node->sim, SIM_NO_SEQ, "asks", "node %d: %zu asks are never answered",
             tap->node->index, tap->under_way);
}

static const struct pawl_source_ops tap_ops = {
    .scheme = "tap",
    .ask = tap_ask,
    .turn = tap_turn,
    .close = tap_close,
};

struct sim_tap *sim_tap_new(struct sim_node *node, struct pawl_source *below)
{
    struct sim_tap *tap = sim_alloc(node->sim, sizeof *tap);

    *tap = (struct sim_tap){.source = {&tap_ops}, .below = below, .node = node};
    return tap;
}

struct pawl_source *sim_tap_source(struct sim_tap *tap)
{
    return &tap->source;
}

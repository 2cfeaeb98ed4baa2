/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The store of a run as one over a network: the product's own records.c above a driver that carries
 * out each operation on the table, behind all that can go wrong on the way. A write may be carried
 * out after its asker has given it up, and more than once.
 */
#include <string.h>

#include "range/wide.h"
#include "sim_node.h"
#include "store/records_own.h"

enum {
    REFUSE_PERCENT = 4,
    LOSE_PERCENT = 3,
    SLOW_PERCENT = 3,
    TWICE_PERCENT = 20,
};

enum fate {
    FATE_SERVED,
    FATE_REFUSED,      /* nothing is written, and the asker knows */
    FATE_REQUEST_LOST, /* nothing is written */
    FATE_ANSWER_LOST,  /* it is written */
};

struct sim_driver {
    struct pawl_driver driver;
    struct sim_node *node;
    struct sent *pending;
};

/* An operation on its way, and the asks that it is for, as they were when it was sent. */
struct sent {
    struct sent *next;
    struct pawl_op op;
    struct pawl_op *from; /* NULL: nobody waits any more */
    struct sim_driver *driver;
    struct sim_node *node;
    struct pawl_ask *asks;
    size_t ask_count;
    enum fate fate;
    bool slow;
    bool served;
    bool renames; /* a step of a rename: it brings nothing to the asks */
};

static bool writes(const struct pawl_op *op)
{
    return op->kind == PAWL_OP_WRITE || op->kind == PAWL_OP_ADVANCE;
}

static bool holds(const struct pawl_op *op, const struct pawl_record *now)
{
    const struct pawl_record *expected = &op->expected;

    if (op->kind == PAWL_OP_WRITE) {
        return expected->epoch == 0
                   ? now->epoch == 0
                   : now->tag == expected->tag && now->version == expected->version;
    }
    return now->epoch == expected->epoch && now->lap == expected->lap && !now->dropped &&
           now->next >= op->low && now->next <= op->high;
}

static void advance(const struct pawl_op *op, struct pawl_record *record)
{
    record->next += (int64_t)(op->count * (uint64_t)record->increment);
    record->version++;
    record->tag = op->record.tag;
    record->rate = op->record.rate;
    record->written_at = op->record.written_at;
}

/* Books what the write brought to each ask that it was for; none of those that it failed. */
static void book(const struct sent *sent, int seq, const struct pawl_record *before)
{
    struct sim *sim = sent->node->sim;
    const struct pawl_record *now = sim_store_record(sim, seq);
    pawl_wide shift =
        sent->op.kind == PAWL_OP_ADVANCE ? (pawl_wide)before->next - sent->op.expected.next : 0;

    for (size_t i = 0; i < sent->ask_count; i++) {
        struct pawl_ask ask = sent->asks[i];

        if (ask.error.code != PAWL_OK) continue;
        ask.grant.range.first = (int64_t)(ask.grant.range.first + shift);
        ask.grant.lease = now->tag;
        sim_store_served(sent->node, seq, &ask, true);
        bool once = sent->from != NULL; /* else it may be a copy of a write, with its luck */

        if (once && (ask.kind == PAWL_ASK_TAKE || ask.kind == PAWL_ASK_NEXT)) {
            sim_jumped(sim, seq, before, &ask);
        }
    }
    sim_store_reached(sim, seq);
}

static void carry_out(struct sent *sent)
{
    struct sim *sim = sent->node->sim;
    struct pawl_op *op = &sent->op;
    int seq = sim_seq_find(sim, pawl_name_bytes(&op->record.name));
    struct pawl_record before = *sim_store_record(sim, seq);
    bool done = !writes(op) || holds(op, &before);

    if (writes(op) && done) {
        struct pawl_record after = op->record;

        if (op->kind == PAWL_OP_ADVANCE) {
            after = before;
            advance(op, &after);
        }
        sim_store_put(sim, seq, &after);
        if (sent->renames) {
            sim_store_renamed(sent->node, seq);
        } else {
            book(sent, seq, &before);
            sent->served = true;
        }
    }
    op->end = done ? PAWL_OP_DONE : PAWL_OP_REFUSED;
    op->found = *sim_store_record(sim, seq);
    op->found_token = op->found.version;
    sim_identity(sim, &op->identity);
}

/* Ids in answers that nobody gets. */
static void book_unheard(const struct sent *sent, bool dead)
{
    for (size_t i = 0; i < sent->ask_count && sent->served; i++) {
        sim_account_unheard(sent->node->sim, &sent->asks[i], dead);
    }
}

static bool pending_remove(const struct sent *sent)
{
    struct sent **at = &sent->driver->pending;

    if (sent->from == NULL) return false;
    while (*at != sent) {
        at = &(*at)->next;
    }
    *at = sent->next;
    return true;
}

static void answered(void *object, uint64_t arg)
{
    struct sent *sent = object;
    struct sim_node *node = sent->node;
    struct pawl_op *to = sent->from;

    (void)arg;
    if (!pending_remove(sent)) {
        book_unheard(sent, true);
        return;
    }
    if (sent->fate == FATE_SERVED) {
        to->end = sent->op.end;
        to->found = sent->op.found;
        to->found_token = sent->op.found_token;
        to->identity = sent->op.identity;
        pawl_op_end(to, &sent->driver->driver);
    } else {
        book_unheard(sent, false);
        pawl_op_fail(to, &sent->driver->driver,
                     sent->fate == FATE_REFUSED ? PAWL_OP_FAILED : PAWL_OP_UNKNOWN, PAWL_STORE,
                     "the simulated store %s",
                     sent->fate == FATE_REFUSED ? "refuses" : "lost the answer");
    }
    sim_node_wake(node);
}

/* Carried out once more, by a connection that resends, when nobody waits for it any more. */
static void again(void *object, uint64_t arg)
{
    struct sent *sent = object;

    (void)arg;
    sent->served = false;
    carry_out(sent);
    book_unheard(sent, false);
}

static void plan_again(const struct sent *sent)
{
    struct sim *sim = sent->node->sim;
    struct sent *second = sim_alloc(sim, sizeof *second);

    *second = *sent;
    second->from = NULL;
    sim_after(sim, sim_dice(sim, 2 * PAWL_NS_PER_S), again, second, 0);
}

static uint64_t latency(const struct sent *sent)
{
    struct sim *sim = sent->node->sim;
    uint64_t ns = 1 + sim_dice(sim, sim->plan.store_latency_ns) + sim_store_stalled_ns(sim);

    return sent->slow ? ns + sim_dice(sim, 2 * sim->plan.refill_interval_ns) : ns;
}

static void arrived(void *object, uint64_t arg)
{
    struct sent *sent = object;
    struct sim *sim = sent->node->sim;

    (void)arg;
    if (sent->fate == FATE_SERVED && sim_store_is_away(sim)) {
        sent->fate = sim_luck(sim, 70) ? FATE_REFUSED : FATE_REQUEST_LOST;
    }
    if (sent->fate == FATE_SERVED || sent->fate == FATE_ANSWER_LOST) {
        carry_out(sent);
        if (writes(&sent->op) && sim->plan.faults.twice && !sim->calm &&
            sim_luck(sim, TWICE_PERCENT)) {
            plan_again(sent);
        }
    }
    sim_after(sim, latency(sent), answered, sent, 0);
}

static enum fate draw_fate(struct sim *sim)
{
    if (sim->calm) return FATE_SERVED;
    if (sim->plan.faults.refuse && sim_luck(sim, REFUSE_PERCENT)) return FATE_REFUSED;
    if (sim->plan.faults.lose && sim_luck(sim, LOSE_PERCENT)) return FATE_REQUEST_LOST;
    if (sim->plan.faults.lose && sim_luck(sim, LOSE_PERCENT)) return FATE_ANSWER_LOST;
    return FATE_SERVED;
}

static void copy_asks(struct sent *sent, const struct work *work)
{
    size_t count = 0;

    for (const struct pawl_ask *ask = work->asks.first; ask != NULL; ask = ask->next) {
        count++;
    }
    sent->asks = sim_alloc(sent->node->sim, count * sizeof *sent->asks);
    for (const struct pawl_ask *ask = work->asks.first; ask != NULL; ask = ask->next) {
        sent->asks[sent->ask_count++] = *ask;
    }
}

static void driver_begin(struct pawl_driver *driver, struct pawl_op *op)
{
    struct sim_driver *self = PAWL_OWNER(driver, struct sim_driver, driver);
    struct sim *sim = self->node->sim;

    if (op->kind == PAWL_OP_PING || op->kind == PAWL_OP_REDRAW) {
        struct pawl_ask redraw = {.identity = &op->identity};

        if (op->kind == PAWL_OP_REDRAW) sim_redraw(sim, &redraw);
        if (op->kind == PAWL_OP_PING) sim_identity(sim, &op->identity);
        op->error = redraw.error;
        op->end = redraw.error.code == PAWL_OK ? PAWL_OP_DONE : PAWL_OP_FAILED;
        pawl_op_end(op, driver);
        return;
    }
    if (op->kind == PAWL_OP_LIST) {
        pawl_op_fail(op, driver, PAWL_OP_FAILED, PAWL_STORE, "listings are not simulated");
        return;
    }
    struct sent *sent = sim_alloc(sim, sizeof *sent);

    *sent = (struct sent){.op = *op, .from = op, .driver = self, .node = self->node};
    sent->fate = draw_fate(sim);
    sent->slow = !sim->calm && sim->plan.faults.slow && sim_luck(sim, SLOW_PERCENT);
    const struct work *work = PAWL_OWNER(op, struct work, op);

    copy_asks(sent, work);
    sent->renames = pawl_work_settling(work) || work->asks.first->kind == PAWL_ASK_RENAME;
    sent->next = self->pending;
    self->pending = sent;
    sim_after(sim, latency(sent), arrived, sent, 0);
}

static uint64_t driver_turn(struct pawl_driver *driver, uint64_t now_ns)
{
    (void)driver;
    (void)now_ns;
    return PAWL_NEVER;
}

/* What is on its way stays so. */
static void driver_close(struct pawl_driver *driver)
{
    struct sim_driver *self = PAWL_OWNER(driver, struct sim_driver, driver);

    while (self->pending != NULL) {
        struct sent *sent = self->pending;

        self->pending = sent->next;
        pawl_op_fail(sent->from, driver, PAWL_OP_UNKNOWN, PAWL_STORE, "the node is gone");
        sent->from = NULL;
    }
}

static const struct pawl_driver_ops advancing = {
    .scheme = "sim",
    .advances = true,
    .redraws = true,
    .begin = driver_begin,
    .turn = driver_turn,
    .close = driver_close,
};

static const struct pawl_driver_ops comparing = {
    .scheme = "sim",
    .redraws = true,
    .begin = driver_begin,
    .turn = driver_turn,
    .close = driver_close,
};

struct pawl_source *sim_records_connect(struct sim_node *node)
{
    struct sim *sim = node->sim;
    struct sim_driver *self = sim_alloc(sim, sizeof *self);
    const struct pawl_store_options options = {
        .seed = pawl_random(&sim->random),
        .refill_interval_ns = sim->plan.refill_interval_ns,
        .wall_s = sim_store_wall_s,
        .arg = sim,
    };
    struct pawl_source *source = NULL;

    *self = (struct sim_driver){.node = node};
    self->driver.ops = sim->plan.advances ? &advancing : &comparing;
    pawl_err err = pawl_records_new(&self->driver, &options, &source, NULL);

    PAWL_ASSERT(err == PAWL_OK);
    return source;
}

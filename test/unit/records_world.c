/* SPDX-License-Identifier: Apache-2.0 */
#include "records_world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

const char *const names[SEQS] = {"up", "down", "short"};

bool chance(struct world *world, unsigned percent)
{
    return pawl_random(&world->random) % 100 < percent;
}

static int seq_of(const struct pawl_name *name)
{
    for (int i = 0; i < SEQS; i++) {
        if (pawl_bytes_equal(pawl_name_bytes(name),
                             (struct pawl_bytes){names[i], strlen(names[i])})) {
            return i;
        }
    }
    fail_msg("an operation on \"%.*s\"", (int)name->size, name->at);
    return -1;
}

/* The table: what a real store does, once, atomically. */

static void note_epoch(struct world *world, uint64_t epoch)
{
    for (size_t i = 0; i < world->epoch_count; i++) {
        if (world->epochs[i] == epoch) return;
    }
    assert_true(world->epoch_count < EPOCHS_MAX);
    world->epochs[world->epoch_count++] = epoch;
}

static void put(struct world *world, int seq, const struct pawl_record *record)
{
    struct pawl_record *now = &world->table[seq];
    bool moved = now->epoch == record->epoch && now->lap == record->lap;
    pawl_wide ids = ((pawl_wide)record->next - now->next) / record->increment +
                    (record->ended ? 1 : 0) - (now->ended ? 1 : 0);

    if (moved && ids > 0) world->reserved += (uint64_t)ids;
    world->returns_done += moved && ids < 0;
    note_epoch(world, record->epoch);
    *now = *record;
    world->tokens[seq]++;
}

static void carry_out(struct world *world, struct pawl_op *op)
{
    int seq = seq_of(&op->record.name);
    struct pawl_record *now = &world->table[seq];
    const struct pawl_record *expected = &op->expected;
    bool holds = false;

    if (op->kind == PAWL_OP_WRITE) {
        holds = expected->epoch == 0 ? now->epoch == 0
                                     : now->tag == expected->tag && world->tokens[seq] == op->token;
        if (holds) put(world, seq, &op->record);
    } else if (op->kind == PAWL_OP_ADVANCE) {
        holds = now->epoch == expected->epoch && now->lap == expected->lap && !now->dropped &&
                now->next >= op->low && now->next <= op->high;
        if (holds) {
            struct pawl_record next = *now;

            next.next += (int64_t)op->count * next.increment;
            next.version++;
            next.tag = op->record.tag;
            put(world, seq, &next);
        }
    }
    op->end = op->kind == PAWL_OP_READ || holds ? PAWL_OP_DONE : PAWL_OP_REFUSED;
    op->found = *now;
    op->found_token = world->tokens[seq];
    if (world->deceives && !world->calm && holds && op->kind == PAWL_OP_ADVANCE &&
        chance(world, 3)) {
        op->found.next -= (int64_t)op->count * op->found.increment * 2;
    }
}

static bool writes(const struct pawl_op *op)
{
    return op->kind == PAWL_OP_WRITE || op->kind == PAWL_OP_ADVANCE;
}

/* The way there and back. */

void end_somehow(struct node *node, struct pawl_op *op)
{
    struct world *world = node->world;
    unsigned luck = world->calm ? 99 : (unsigned)(pawl_random(&world->random) % 100);

    if (luck < 5) {
        pawl_op_fail(op, &node->driver, PAWL_OP_FAILED, PAWL_STORE, "the store is away");
        return;
    }
    if (luck < 10) {
        pawl_op_fail(op, &node->driver, PAWL_OP_UNKNOWN, PAWL_STORE, "the request is lost");
        return;
    }
    if (luck < 15 && writes(op) && world->late_count < LATE_MAX) {
        world->late[world->late_count++] = *op;
        pawl_op_fail(op, &node->driver, PAWL_OP_UNKNOWN, PAWL_STORE, "it took too long");
        return;
    }
    carry_out(world, op);
    if (luck < 20) {
        pawl_op_fail(op, &node->driver, PAWL_OP_UNKNOWN, PAWL_STORE, "the answer is lost");
        return;
    }
    if (luck < 25) {
        uint64_t before = world->reserved;

        carry_out(world, op); /* a connection that resends by itself */
        if (op->kind == PAWL_OP_ADVANCE) world->burned += world->reserved - before;
    }
    pawl_op_end(op, &node->driver);
}

void one_late(struct world *world)
{
    if (world->late_count == 0) return;

    size_t which = pawl_random(&world->random) % world->late_count;
    struct pawl_op op = world->late[which];

    world->late[which] = world->late[--world->late_count];
    carry_out(world, &op);
}

static void fake_begin(struct pawl_driver *driver, struct pawl_op *op)
{
    struct node *node = PAWL_OWNER(driver, struct node, driver);

    assert_true(node->pending_count < PAWL_COUNT(node->pending));
    node->pending[node->pending_count++] = op;
}

static uint64_t fake_turn(struct pawl_driver *driver, uint64_t now_ns)
{
    (void)driver;
    (void)now_ns;
    return PAWL_NEVER;
}

static void fake_close(struct pawl_driver *driver)
{
    struct node *node = PAWL_OWNER(driver, struct node, driver);

    while (node->pending_count > 0) {
        pawl_op_fail(node->pending[--node->pending_count], driver, PAWL_OP_UNKNOWN, PAWL_STORE,
                     "closed");
    }
}

const struct pawl_driver_ops advancing = {
    .scheme = "fake",
    .advances = true,
    .begin = fake_begin,
    .turn = fake_turn,
    .close = fake_close,
};

const struct pawl_driver_ops comparing = {
    .scheme = "fake",
    .begin = fake_begin,
    .turn = fake_turn,
    .close = fake_close,
};

void go_back_or_on(struct world *world)
{
    if (world->deceives && !world->calm && pawl_random(&world->random) % 200 == 0) {
        if (chance(world, 50)) {
            memcpy(world->table, world->kept, sizeof world->table);
        } else {
            memcpy(world->kept, world->table, sizeof world->kept);
        }
    }
    world->step++;
    for (int seq = 0; seq < SEQS; seq++) {
        bool there = world->table[seq].epoch != 0 && !world->table[seq].dropped;

        *(there ? &world->present[seq] : &world->absent[seq]) = world->step;
    }
}

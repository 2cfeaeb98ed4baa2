/* SPDX-License-Identifier: Apache-2.0 */
/* What a store of records does when its driver tells another branch than the record bears. */
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "store/records.h"

/* One record, one branch; what a write finds can be changed before it is carried out. */
struct world {
    struct pawl_driver driver;
    struct pawl_source *store;
    struct pawl_op *pending;
    struct pawl_record record;
    struct pawl_branch branch;
    enum pawl_op_kind last; /* kind of the operation ended last */
    unsigned reads, writes, advances, redraws;
    bool answered;
    struct pawl_identity told; /* by the last take */
};

static void begin(struct pawl_driver *driver, struct pawl_op *op)
{
    struct world *world = PAWL_OWNER(driver, struct world, driver);

    assert_null(world->pending);
    world->pending = op;
}

static uint64_t turn(struct pawl_driver *driver, uint64_t now_ns)
{
    (void)driver;
    (void)now_ns;
    return PAWL_NEVER;
}

static void close(struct pawl_driver *driver)
{
    assert_null(PAWL_OWNER(driver, struct world, driver)->pending);
}

static const struct pawl_driver_ops ops = {.scheme = "fake",
                                           .advances = true,
                                           .redraws = true,
                                           .begin = begin,
                                           .turn = turn,
                                           .close = close};

static const struct pawl_driver_ops ops_plain = {
    .scheme = "plain", .advances = true, .begin = begin, .turn = turn, .close = close};

static void carry_out(struct world *world)
{
    struct pawl_op *op = world->pending;

    world->pending = NULL;
    world->last = op->kind;
    op->end = PAWL_OP_DONE;
    if (op->kind == PAWL_OP_READ) {
        world->reads++;
    } else if (op->kind == PAWL_OP_REDRAW) {
        assert_memory_equal(op->identity.branch.at, "one", 3);
        world->redraws++;
    } else if (op->kind == PAWL_OP_WRITE) {
        world->writes++;
        if (op->expected.epoch != 0 && op->expected.tag != world->record.tag) {
            op->end = PAWL_OP_REFUSED;
        } else {
            world->record = op->record;
        }
    } else if (op->kind == PAWL_OP_ADVANCE) {
        world->advances++;
        assert_int_equal(op->expected.epoch, world->record.epoch);
        world->record.next += (int64_t)op->count;
        world->record.version++;
        world->record.tag = op->record.tag;
    }
    op->found = world->record;
    if (world->record.epoch == 0) op->found.name = op->record.name;
    op->identity = (struct pawl_identity){.name_size = 1, .branch = world->branch, .position = 9};
    pawl_op_end(op, &world->driver);
}

static void done(struct pawl_ask *ask);

struct deed {
    struct pawl_ask ask;
    struct pawl_identity identity;
    struct world *world;
};

static void done(struct pawl_ask *ask)
{
    PAWL_OWNER(ask, struct deed, ask)->world->answered = true;
}

static struct deed deed_of(struct world *world, enum pawl_ask_kind kind, uint64_t count)
{
    return (struct deed){.ask = {.kind = kind, .name = {"s", 1}, .count = count, .done = done},
                         .world = world};
}

/* Asks it; `before` is called before each operation is carried out. */
static pawl_err ask(struct world *world, struct deed *deed, void (*before)(struct world *world))
{
    uint64_t now_ns = PAWL_NS_PER_S;

    deed->ask.identity = &deed->identity;
    world->answered = false;
    pawl_source_ask(world->store, &deed->ask);
    for (int step = 0; step < 50 && !world->answered; step++) {
        (void)world->store->ops->turn(world->store, now_ns += PAWL_NS_PER_S);
        if (world->pending == NULL) continue;
        if (before != NULL) before(world);
        carry_out(world);
    }
    assert_true(world->answered);
    return deed->ask.error.code;
}

static pawl_err take(struct world *world, uint64_t count, struct pawl_ask *taken,
                     void (*before)(struct world *world))
{
    struct deed deed = deed_of(world, PAWL_ASK_TAKE, count);
    pawl_err err = ask(world, &deed, before);

    *taken = deed.ask;
    taken->identity = NULL;
    world->told = deed.identity;
    return err;
}

static int64_t wall_s(void *arg)
{
    (void)arg;
    return 1000;
}

static void now_in(struct world *world, const char *branch, bool loses)
{
    world->branch = (struct pawl_branch){.size = (uint8_t)strlen(branch), .loses = loses};
    memcpy(world->branch.at, branch, world->branch.size);
}

static void world_open(struct world *world, const struct pawl_driver_ops *driver_ops)
{
    const struct pawl_store_options options = {
        .seed = 3, .refill_interval_ns = 30 * PAWL_NS_PER_S, .wall_s = wall_s};
    pawl_error error;

    *world = (struct world){.driver = {.ops = driver_ops}};
    now_in(world, "one", true);
    assert_int_equal(pawl_records_new(&world->driver, &options, &world->store, &error), PAWL_OK);
    struct deed create = deed_of(world, PAWL_ASK_CREATE, 0);

    assert_int_equal(ask(world, &create, NULL), PAWL_OK);
}

static void world_close(struct world *world)
{
    world->store->ops->close(world->store);
}

/* As a pawl wrote it that told no branches. */
static void forget_branch(struct world *world)
{
    struct deed read = deed_of(world, PAWL_ASK_READ, 0);

    world->record.branch_size = 0;
    world->record.tag++;
    assert_int_equal(ask(world, &read, NULL), PAWL_OK);
}

/* A record of a pawl that told no branches adopts one by its next write, which is no more. */
static void a_record_of_no_branch_is_written_once(void **state)
{
    struct world world;
    struct pawl_ask taken;

    (void)state;
    world_open(&world, &ops);
    forget_branch(&world);
    unsigned writes = world.writes;

    assert_int_equal(take(&world, 10, &taken, NULL), PAWL_OK);
    assert_int_equal(world.writes, writes + 1);
    assert_int_equal(world.advances, 0);
    assert_memory_equal(world.record.branch, "one", 3);
    assert_int_equal(world.told.branch.size, 3);
    assert_int_equal(world.told.position, 9);
    assert_int_equal(take(&world, 10, &taken, NULL), PAWL_OK);
    assert_int_equal(world.advances, 1);
    assert_int_equal(taken.grant.range.first, 11);
    world_close(&world);
}

static void fail_over(struct world *world)
{
    now_in(world, "two", true);
}

static void fail_over_well(struct world *world)
{
    now_in(world, "two", false);
}

static void fail_over_again(struct world *world)
{
    now_in(world, "three", true);
}

static void what_an_advance_finds_in_another_branch_is_burned(void **state)
{
    struct world world;
    struct pawl_ask taken;

    (void)state;
    world_open(&world, &ops);
    assert_int_equal(take(&world, 10, &taken, NULL), PAWL_OK);
    assert_int_equal(take(&world, 10, &taken, fail_over), PAWL_LOST);
    assert_int_equal(world.advances, 2);
    assert_int_equal(taken.burned, 10);
    assert_int_equal(take(&world, 10, &taken, NULL), PAWL_OK);
    assert_int_equal(world.last, PAWL_OP_WRITE);
    int64_t first = taken.grant.range.first;

    assert_true(taken.skipped >= PAWL_FENCE_IDS_MIN);
    assert_int_equal(first, 21 + (int64_t)taken.skipped);
    assert_memory_equal(world.record.branch, "two", 3);
    assert_int_equal(take(&world, 10, &taken, NULL), PAWL_OK);
    assert_int_equal(world.last, PAWL_OP_ADVANCE);
    assert_int_equal(taken.grant.range.first, first + 10);
    world_close(&world);
}

/* Its condition holds, since what is lost was written after the record was read. */
static void what_a_write_finds_in_another_branch_is_burned(void **state)
{
    struct world world;
    struct pawl_ask taken;

    (void)state;
    world_open(&world, &ops);
    assert_int_equal(take(&world, 10, &taken, fail_over_well), PAWL_OK); /* the next is a write */
    now_in(&world, "two", true);
    assert_int_equal(take(&world, 10, &taken, fail_over_again), PAWL_LOST);
    assert_int_equal(world.last, PAWL_OP_WRITE);
    assert_int_equal(take(&world, 10, &taken, NULL), PAWL_OK);
    assert_true(taken.skipped >= PAWL_FENCE_IDS_MIN);
    world_close(&world);
}

static void a_failover_that_loses_nothing_moves_nothing(void **state)
{
    struct world world;
    struct pawl_ask taken;

    (void)state;
    world_open(&world, &ops);
    assert_int_equal(take(&world, 10, &taken, NULL), PAWL_OK);
    assert_int_equal(take(&world, 10, &taken, fail_over_well), PAWL_OK);
    assert_int_equal(taken.grant.range.first, 11);
    assert_int_equal(take(&world, 10, &taken, NULL), PAWL_OK);
    assert_int_equal(taken.grant.range.first, 21);
    assert_int_equal(world.last, PAWL_OP_WRITE);
    assert_memory_equal(world.record.branch, "two", 3);
    world_close(&world);
}

static void a_change_keeps_the_branch_for_the_next_grant(void **state)
{
    struct world world;
    struct pawl_ask taken;
    pawl_definition definition = {.given = PAWL_GIVEN_MAX, .max = 1 << 30};

    (void)state;
    world_open(&world, &ops);
    assert_int_equal(take(&world, 10, &taken, NULL), PAWL_OK);
    struct deed alter = deed_of(&world, PAWL_ASK_ALTER, 0);

    alter.ask.definition = &definition;
    assert_int_equal(ask(&world, &alter, fail_over), PAWL_OK);
    assert_memory_equal(world.record.branch, "one", 3);
    assert_int_equal(take(&world, 10, &taken, NULL), PAWL_OK);
    assert_true(taken.grant.range.first >= 11 + PAWL_FENCE_IDS_MIN);
    world_close(&world);
}

static void pings_and_redraws_bring_the_identity(void **state)
{
    struct world world;

    (void)state;
    world_open(&world, &ops);
    struct deed ping = deed_of(&world, PAWL_ASK_PING, 0);

    assert_int_equal(ask(&world, &ping, NULL), PAWL_OK);
    assert_int_equal(ping.identity.position, 9);
    struct deed redraw = deed_of(&world, PAWL_ASK_REDRAW, 0);

    redraw.identity = ping.identity;
    assert_int_equal(ask(&world, &redraw, fail_over), PAWL_OK);
    assert_int_equal(world.redraws, 1);
    assert_memory_equal(redraw.identity.branch.at, "two", 3);
    world_close(&world);

    world_open(&world, &ops_plain);
    redraw.world = &world;
    assert_int_equal(ask(&world, &redraw, NULL), PAWL_BAD_REQUEST);
    assert_int_equal(world.redraws, 0);
    world_close(&world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_record_of_no_branch_is_written_once),
        cmocka_unit_test(what_an_advance_finds_in_another_branch_is_burned),
        cmocka_unit_test(what_a_write_finds_in_another_branch_is_burned),
        cmocka_unit_test(a_failover_that_loses_nothing_moves_nothing),
        cmocka_unit_test(a_change_keeps_the_branch_for_the_next_grant),
        cmocka_unit_test(pings_and_redraws_bring_the_identity),
    };

    return cmocka_run_group_tests_name("records_branch", tests, NULL, NULL);
}

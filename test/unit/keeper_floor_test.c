/* SPDX-License-Identifier: Apache-2.0 */
/* What a keeper tells its source of the ids that it knows of. */
#include "keeper_world.h"

/* Of two who know more the further one counts, though nothing was granted here that shows which. */
static void a_sequence_that_stops_goes_by_the_furthest_floor(void **state)
{
    const pawl_definition down = {.given = PAWL_GIVEN_INCREMENT, .increment = -1};
    const pawl_definition *const definitions[] = {NULL, &down};

    (void)state;
    for (size_t i = 0; i < PAWL_COUNT(definitions); i++) {
        struct world *world = world_with(definitions[i], true);
        int64_t way = world->store.record.increment;
        struct pawl_ask knows = {.kind = PAWL_ASK_TAKE, .count = 1};
        struct pawl_ask fence = {.kind = PAWL_ASK_FENCE, .count = 60};
        struct pawl_ask others = {.kind = PAWL_ASK_TAKE, .count = 1};

        world->store.refuses = true;
        for (int64_t id = 50; id <= 90; id += 40) {
            knows = (struct pawl_ask){.kind = PAWL_ASK_TAKE, .count = 1};
            knows.floor = (struct pawl_mark){world->store.record.line, 0, id * way};
            do_ask(world, &knows);
            assert_int_equal(knows.error.code, PAWL_ROLLBACK);
        }
        do_ask(world, &fence);
        assert_int_equal(fence.error.code, PAWL_OK);
        do_ask(world, &others);
        assert_int_equal(others.error.code, PAWL_ROLLBACK);
        world_free(world);
    }
}

/* Gives ids, of which the store forgets. The last one. */
static int64_t give(struct world *world)
{
    struct pawl_record before = world->store.record;
    struct pawl_ask take = {.kind = PAWL_ASK_TAKE, .count = 700};

    do_ask(world, &take);
    assert_int_equal(take.error.code, PAWL_OK);
    world->store.record = before;
    return pawl_range_last(take.grant.range);
}

/* It ends the line, and with it everybody's floors. */
static void a_fence_beyond_a_line_goes_beyond_what_is_known(void **state)
{
    struct world *world = world_new(NULL);
    struct pawl_ask after = {.kind = PAWL_ASK_TAKE, .count = 1};
    int64_t last = give(world);
    struct pawl_ask fence = {.kind = PAWL_ASK_FENCE, .count = 5, .line = world->store.record.line};

    (void)state;
    do_ask(world, &fence);
    assert_int_equal(fence.error.code, PAWL_OK);
    do_ask(world, &after);
    assert_true(after.grant.range.first > last);
    world_free(world);
}

/* So does a rename. Of the new name something may be known as well: it was renamed once already. */
static void a_rename_tells_what_is_known_of_both_names(void **state)
{
    struct world *world = world_new(NULL);
    struct pawl_ask rename = {.kind = PAWL_ASK_RENAME, .to = PAWL_BYTES("t")};
    struct pawl_ask back = {
        .kind = PAWL_ASK_RENAME, .name = PAWL_BYTES("t"), .to = PAWL_BYTES("s")};
    uint64_t line = world->store.record.line;

    (void)state;
    (void)open_holding(world); /* so that it stays in memory */
    int64_t last = give(world);

    do_ask(world, &rename);
    assert_int_equal(world->store.floor.line, line);
    assert_true(world->store.floor.id >= last);
    assert_int_equal(world->store.to_floor.line, 0);
    do_ask(world, &back);
    assert_int_equal(world->store.floor.line, 0);
    assert_int_equal(world->store.to_floor.line, line);
    assert_true(world->store.to_floor.id >= last);
    world_free(world);
}

/* Marks of the line before are compared in its own way: of two who had ids there one had more. */
static void a_line_that_was_given_back_whole_leaves_the_way_of_the_one_before(void **state)
{
    const pawl_definition down = {.given =
                                      PAWL_GIVEN_INCREMENT | PAWL_GIVEN_MIN | PAWL_GIVEN_RESTART,
                                  .increment = -7,
                                  .min = -1000000,
                                  .restart = 3000};
    struct world *world = world_new(NULL);
    uint64_t line = world->store.record.line;
    struct pawl_ask take = {.kind = PAWL_ASK_TAKE, .count = 20};

    (void)state;
    do_ask(world, &take);
    int64_t last = pawl_range_last(take.grant.range);
    struct pawl_ask alter = {.kind = PAWL_ASK_ALTER, .definition = &down};

    do_ask(world, &alter);
    assert_int_equal(alter.error.code, PAWL_OK);
    assert_true(world->store.record.line > line);
    struct pawl_ask late = {.kind = PAWL_ASK_TAKE, .count = 5};

    late.deadline_ns = world->now_ns + PAWL_NS_PER_MS;
    world->store.held_back = true;
    do_ask(world, &late);
    turn(world, 2 * PAWL_NS_PER_MS);
    assert_int_equal(late.error.code, PAWL_TIMEOUT);
    struct pawl_ask fence = {.kind = PAWL_ASK_FENCE, .count = 5};

    world->store.held_back = false;
    turn(world, 1000);
    do_ask(world, &fence); /* what was asked for came, and goes back first */
    assert_int_equal(fence.error.code, PAWL_OK);
    assert_int_equal(world->store.returns, 1);
    struct pawl_ask other = {.kind = PAWL_ASK_TAKE, .count = 1, .floor = {line, 0, 2}};

    do_ask(world, &other);
    assert_int_equal(other.error.code, PAWL_OK);
    assert_int_equal(world->store.taken_beyond.line, line);
    assert_true(world->store.taken_beyond.id >= last);
    world_free(world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_sequence_that_stops_goes_by_the_furthest_floor),
        cmocka_unit_test(a_fence_beyond_a_line_goes_beyond_what_is_known),
        cmocka_unit_test(a_line_that_was_given_back_whole_leaves_the_way_of_the_one_before),
        cmocka_unit_test(a_rename_tells_what_is_known_of_both_names),
    };

    return cmocka_run_group_tests_name("keeper_floor", tests, NULL, NULL);
}

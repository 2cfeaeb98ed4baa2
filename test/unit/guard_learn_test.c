/* SPDX-License-Identifier: Apache-2.0 */
/* A guard with nothing in it: what it waits for, and what it tells once it knows. */
#include "guard_world.h"

#include <stdio.h>

#include "base/log.h"

static const struct pawl_mark nothing = {.line = 0};

/* Its process starts again with nothing remembered. */
static void lose_guard(struct world *world, uint64_t learn_ns)
{
    world->book.begun = false;
    world->book.count = 0;
    world_restart(world, learn_ns);
}

static void a_new_guard_waits_for_floors(void **state)
{
    struct world world;

    (void)state;
    world_begin(&world);
    uint64_t line = world.store.record.line;

    lose_guard(&world, 60 * PAWL_NS_PER_S);
    struct deed taken = world_take(&world, 1, nothing);

    assert_int_equal(taken.ask.error.code, PAWL_STORE);
    assert_non_null(strstr(taken.ask.error.text, "--learn-for"));
    assert_int_equal(world.store.record.next, 1);
    taken = world_take(&world, 1, (struct pawl_mark){line, 0, 70});
    assert_true(taken.ask.grant.range.first > 70);
    assert_int_equal(world_take(&world, 1, nothing).ask.error.code, PAWL_OK);
    world_end(&world);
}

/* A sequence of which ids were used, and that then began a new line; returns the former one. */
static uint64_t begin_again(struct world *world)
{
    struct deed again = {.ask = {.kind = PAWL_ASK_SET, .value = 500, .force = true}};

    world_begin(world);
    uint64_t line = world->store.record.line;

    (void)world_take(world, 600, nothing);
    assert_int_equal(world_ask(world, &again)->ask.error.code, PAWL_OK);
    assert_true(world->store.record.line > line);
    return line;
}

/* Of before a RESTART: how far the sequence has come since, it does not tell. */
static void a_floor_of_an_earlier_line_tells_nothing(void **state)
{
    struct world world;

    (void)state;
    uint64_t line = begin_again(&world);

    lose_guard(&world, 60 * PAWL_NS_PER_S);
    int64_t next = world.store.record.next;
    struct deed taken = world_take(&world, 1, (struct pawl_mark){line, 0, 600});

    assert_int_equal(taken.ask.error.code, PAWL_STORE);
    assert_non_null(strstr(taken.ask.error.text, "--learn-for"));
    assert_int_equal(world.store.record.next, next); /* nothing was burned either */
    assert_int_equal(world_take(&world, 1, nothing).ask.error.code, PAWL_STORE);
    line = world.store.record.line;
    taken = world_take(&world, 1, (struct pawl_mark){line, 0, 700});
    assert_int_equal(taken.ask.error.code, PAWL_OK);
    assert_true(taken.ask.grant.range.first > 700);
    assert_false(world.book.seen[0].blind);
    assert_int_equal(world_take(&world, 1, nothing).ask.error.code, PAWL_OK);
    world_end(&world);
}

/* Likewise once the time is over: what is then granted is granted blindly. */
static void a_floor_of_an_earlier_line_leaves_it_blind(void **state)
{
    struct world world;

    (void)state;
    uint64_t line = begin_again(&world);

    lose_guard(&world, 0);
    struct deed taken = world_take(&world, 1, (struct pawl_mark){line, 0, 600});

    assert_int_equal(taken.ask.error.code, PAWL_OK);
    assert_true(world.book.seen[0].blind);
    world_end(&world);
}

static void a_new_guard_waits_no_longer_than_it_is_told(void **state)
{
    struct world world;

    (void)state;
    world_begin(&world);
    lose_guard(&world, 60 * PAWL_NS_PER_S);
    assert_int_equal(world_take(&world, 1, nothing).ask.error.code, PAWL_STORE);
    world.wall_s += 40; /* and a restart does not begin it again */
    world_restart(&world, 60 * PAWL_NS_PER_S);
    assert_int_equal(world_take(&world, 1, nothing).ask.error.code, PAWL_STORE);
    world.now_ns += 21 * PAWL_NS_PER_S;
    world_turn(&world);
    assert_int_equal(world_take(&world, 1, nothing).ask.error.code, PAWL_OK);
    world_end(&world);
}

static void what_was_made_here_has_no_past(void **state)
{
    struct world world;

    (void)state;
    world_begin(&world);
    assert_int_equal(world_do(&world, PAWL_ASK_DROP).ask.error.code, PAWL_OK);
    lose_guard(&world, 60 * PAWL_NS_PER_S);
    assert_int_equal(world_do(&world, PAWL_ASK_CREATE).ask.error.code, PAWL_OK);
    assert_int_equal(world_take(&world, 1, nothing).ask.error.code, PAWL_OK);
    assert_false(world.book.seen[0].blind);
    world_end(&world);
}

static void what_was_there_is_not_made_here(void **state)
{
    const pawl_definition unless = {.given = PAWL_GIVEN_IF_NOT_EXISTS};
    struct deed made = {.ask = {.kind = PAWL_ASK_CREATE, .definition = &unless}};
    struct world world;

    (void)state;
    world_begin(&world);
    lose_guard(&world, 60 * PAWL_NS_PER_S);
    assert_int_equal(world_ask(&world, &made)->ask.error.code, PAWL_OK);
    assert_int_equal(world_take(&world, 1, nothing).ask.error.code, PAWL_STORE);
    world_end(&world);
}

static void a_sequence_that_its_store_lost_is_not_begun_again(void **state)
{
    struct world world;

    (void)state;
    world_begin(&world);
    (void)world_take(&world, 10, nothing);
    uint64_t line = world.store.record.line;

    world.store.record = (struct pawl_record){.name = world.store.record.name};
    world_restart(&world, 0);
    struct deed made = world_do(&world, PAWL_ASK_CREATE);

    assert_int_equal(made.ask.error.code, PAWL_OK);
    assert_true(made.ask.skipped > 0);
    assert_true(world.store.record.line > line);
    assert_int_equal(world_view(&world).steps_back, 1);
    int64_t first = world_take(&world, 1, nothing).ask.grant.range.first;
    assert_in_range(first, 11 + PAWL_FENCE_IDS_MIN,
                    10 + (1 + PAWL_JUMP_REACH) * PAWL_FENCE_IDS_MIN);
    world_end(&world);
}

static void keep_bounds(enum pawl_log_level level, const char *line, void *arg)
{
    (void)level;
    if (strstr(line, "before it was known") != NULL) (void)snprintf(arg, 400, "%s", line);
}

static void what_was_granted_blindly_is_told_with_its_bounds(void **state)
{
    struct world world;
    char line[400] = "";

    (void)state;
    world_begin(&world);
    (void)world_take(&world, 7, nothing);
    world.book.count = 0;
    world.book.begun = false;
    world_restart(&world, 0);
    (void)world_take(&world, 4, nothing); /* 8 to 11, which others were given */
    pawl_log_set(PAWL_LOG_ERROR, keep_bounds, line);
    (void)world_take(&world, 1, (struct pawl_mark){world.store.record.line, 0, 500});
    pawl_log_set(PAWL_LOG_OFF, NULL, NULL);
    assert_non_null(strstr(line, "from=0/8 to=0/11"));
    assert_false(world.book.seen[0].blind);
    world_end(&world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_new_guard_waits_for_floors),
        cmocka_unit_test(a_floor_of_an_earlier_line_tells_nothing),
        cmocka_unit_test(a_floor_of_an_earlier_line_leaves_it_blind),
        cmocka_unit_test(a_new_guard_waits_no_longer_than_it_is_told),
        cmocka_unit_test(what_was_made_here_has_no_past),
        cmocka_unit_test(what_was_there_is_not_made_here),
        cmocka_unit_test(a_sequence_that_its_store_lost_is_not_begun_again),
        cmocka_unit_test(what_was_granted_blindly_is_told_with_its_bounds),
    };

    return cmocka_run_group_tests_name("guard_learn", tests, NULL, NULL);
}

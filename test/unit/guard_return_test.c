/* SPDX-License-Identifier: Apache-2.0 */
/* The guard: what is given back is forgotten first, and no more than that. */
#include "guard_world.h"

static const struct pawl_mark nothing = {.line = 0};

static int64_t last(const struct deed *deed)
{
    return pawl_range_last(deed->ask.grant.range);
}

/* What was taken, from value on. */
static struct deed give_back(const struct deed *taken, int64_t value)
{
    return (struct deed){.ask = {.kind = PAWL_ASK_RETURN,
                                 .value = value,
                                 .lease = taken->ask.grant.lease,
                                 .epoch = taken->ask.grant.epoch}};
}

static void what_is_given_back_is_forgotten_before_it_is_sent(void **state)
{
    struct world world;

    (void)state;
    world_begin(&world);
    struct deed taken = world_take(&world, 10, nothing);
    struct deed back = give_back(&taken, 4);

    back.ask.count = 7;
    (void)world_ask(&world, &back);
    assert_int_equal(back.ask.error.code, PAWL_OK);
    assert_int_equal(world.store.at_return.id, 3);
    assert_true(world.book.lasted);
    world_restart(&world, 0);
    taken = world_take(&world, 1, nothing);
    assert_int_equal(taken.ask.grant.range.first, 4);
    assert_int_equal(taken.ask.skipped, 0);
    world_end(&world);
}

/* What lies before it was granted to others, who may give it back. */
static void a_give_back_leaves_nothing_that_is_others(void **state)
{
    struct world world;

    (void)state;
    world_begin(&world);
    (void)world_take(&world, 10, nothing);
    world.store.record.next = 21; /* 11 to 20 are others' */
    struct deed taken = world_take(&world, 10, nothing);
    struct deed back = give_back(&taken, 21);

    assert_int_equal(world_ask(&world, &back)->ask.error.code, PAWL_OK);
    assert_int_equal(world_seen(&world).id, 10);
    taken = world_take(&world, 10, nothing);
    back.ask.value = 25;
    back.ask.lease = taken.ask.grant.lease;
    back.answered = false;
    assert_int_equal(world_ask(&world, &back)->ask.error.code, PAWL_OK);
    assert_int_equal(world_seen(&world).id, 24);
    world_end(&world);
}

/* A run of two grants is given back together. */
static void a_give_back_goes_back_over_grants_that_hang_together(void **state)
{
    struct world world;

    (void)state;
    world_begin(&world);
    world.store.record.next = 21;
    (void)world_take(&world, 10, nothing);
    struct deed taken = world_take(&world, 10, nothing);
    struct deed back = give_back(&taken, 21);

    assert_int_equal(world_ask(&world, &back)->ask.error.code, PAWL_OK);
    assert_int_equal(world_seen(&world).line, 0);
    world_end(&world);
}

/* Marks of the line before are compared in its own way: what others had there is less. */
static void a_line_given_back_whole_leaves_the_way_of_the_one_before(void **state)
{
    struct world world;

    (void)state;
    world_begin(&world);
    struct deed before = world_take(&world, 10, nothing);

    world.store.record.increment = -1;
    world.store.record.line++;
    world.store.record.epoch++;
    world.store.record.origin = world.store.record.next = 1000;
    struct deed taken = world_take(&world, 10, nothing);
    struct deed back = give_back(&taken, 1000);

    assert_int_equal(taken.ask.grant.range.first, 1000);
    assert_int_equal(world_ask(&world, &back)->ask.error.code, PAWL_OK);
    assert_int_equal(world_seen(&world).id, last(&before));
    world_restart(&world, 0);
    struct pawl_mark less = {before.ask.grant.line, 0, 2};

    (void)world_take(&world, 1, less);
    assert_int_equal(world.store.floor.id, last(&before));
    world_end(&world);
}

/* What is granted next where it began is another run. */
static void a_run_given_back_whole_is_over(void **state)
{
    struct world world;

    (void)state;
    world_begin(&world);
    (void)world_take(&world, 10, nothing);
    world.store.record.next = 21; /* 11 to 20 are others', who give them back later */
    struct deed taken = world_take(&world, 10, nothing);
    struct deed back = give_back(&taken, 21);

    assert_int_equal(world_ask(&world, &back)->ask.error.code, PAWL_OK);
    world.store.record.next = 11;
    taken = world_take(&world, 20, nothing);
    assert_int_equal(taken.ask.grant.range.first, 11);
    back = give_back(&taken, 15);
    assert_int_equal(world_ask(&world, &back)->ask.error.code, PAWL_OK);
    assert_int_equal(world_seen(&world).id, 14);
    world_restart(&world, 0);
    world.store.record.next = 11;
    assert_true(world_take(&world, 1, nothing).ask.grant.range.first > 14 + PAWL_FENCE_IDS_MIN);
    world_end(&world);
}

/* The next id then lies one increment beyond the last one, whatever that is by then. */
static void a_give_back_goes_back_by_the_increment(void **state)
{
    struct world world;
    pawl_definition by = {.given = PAWL_GIVEN_INCREMENT, .increment = 10};
    struct deed change = {.ask = {.kind = PAWL_ASK_CREATE, .definition = &by}};

    (void)state;
    world_begin(&world);
    assert_int_equal(world_do(&world, PAWL_ASK_DROP).ask.error.code, PAWL_OK);
    assert_int_equal(world_ask(&world, &change)->ask.error.code, PAWL_OK);
    struct deed taken = world_take(&world, 10, nothing);
    struct deed back = give_back(&taken, 51);

    assert_int_equal(world_ask(&world, &back)->ask.error.code, PAWL_OK);
    assert_int_equal(world_seen(&world).id, 41);
    by.increment = 1;
    change = (struct deed){.ask = {.kind = PAWL_ASK_ALTER, .definition = &by}};
    assert_int_equal(world_ask(&world, &change)->ask.error.code, PAWL_OK);
    taken = world_take(&world, 1, nothing);
    assert_int_equal(taken.ask.grant.range.first, 42);
    assert_int_equal(taken.ask.skipped, 0);
    world_end(&world);
}

static void what_cannot_be_forgotten_is_not_given_back(void **state)
{
    struct world world;

    (void)state;
    world_begin(&world);
    struct deed taken = world_take(&world, 10, nothing);
    struct deed back = give_back(&taken, 4);

    world.book.failing = true;
    (void)world_ask(&world, &back);
    assert_int_equal(back.ask.error.code, PAWL_NOT_KEPT);
    assert_int_equal(world.store.returns, 0);
    assert_int_equal(world_view(&world).unwritten, 1);
    world_end(&world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_given_back_is_forgotten_before_it_is_sent),
        cmocka_unit_test(a_give_back_leaves_nothing_that_is_others),
        cmocka_unit_test(a_give_back_goes_back_over_grants_that_hang_together),
        cmocka_unit_test(a_line_given_back_whole_leaves_the_way_of_the_one_before),
        cmocka_unit_test(a_run_given_back_whole_is_over),
        cmocka_unit_test(a_give_back_goes_back_by_the_increment),
        cmocka_unit_test(what_cannot_be_forgotten_is_not_given_back),
    };

    return cmocka_run_group_tests_name("guard_return", tests, NULL, NULL);
}

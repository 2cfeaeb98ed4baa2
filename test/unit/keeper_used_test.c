/* SPDX-License-Identifier: Apache-2.0 */
/* What a keeper says was used, and changes that are judged by it: setval as PostgreSQL has it. */
#include "keeper_world.h"

struct shown {
    int64_t last;
    bool called;
};

/* SELECT last_value, is_called FROM s, of one server with CACHE 1. */
static struct shown show(struct world *world)
{
    struct pawl_record record;
    struct pawl_ask read = {.kind = PAWL_ASK_READ, .used = true, .record = &record};

    do_ask(world, &read);
    assert_int_equal(read.asker, 1);
    assert_int_equal(read.error.code, PAWL_OK);
    return (struct shown){pawl_record_last(&record), pawl_record_is_called(&record)};
}

static void assert_shown(struct world *world, int64_t last, bool called)
{
    struct shown shown = show(world);

    assert_int_equal(shown.last, last);
    assert_int_equal(shown.called, called);
}

static pawl_err set(struct world *world, int64_t value, bool called, struct pawl_record *record)
{
    struct pawl_ask ask = {
        .kind = PAWL_ASK_SET, .value = value, .called = called, .record = record};

    do_ask(world, &ask);
    assert_int_equal(ask.asker, 1);
    return ask.error.code;
}

static pawl_err alter(struct world *world, pawl_definition definition)
{
    struct pawl_ask ask = {.kind = PAWL_ASK_ALTER, .definition = &definition};

    do_ask(world, &ask);
    assert_int_equal(ask.asker, 1);
    return ask.error.code;
}

static const pawl_definition blocks_of_ten = {.given = PAWL_GIVEN_BLOCK, .block = 10};

static void what_is_shown_is_what_was_used(void **state)
{
    struct world *world = world_new(&blocks_of_ten);

    (void)state;
    assert_shown(world, 1, false);
    struct pawl_holding *holding = open_holding(world);
    assert_int_equal(world->store.record.next, 11);
    assert_shown(world, 1, false); /* reserved, and not used */
    for (int64_t i = 1; i <= 10; i++) {
        assert_int_equal(next_id(world, holding), i);
        assert_shown(world, i, true);
    }
    assert_int_equal(next_id(world, holding), 11);
    assert_int_equal(set(world, 100, true, NULL), PAWL_OK);
    assert_shown(world, 100, true);
    assert_int_equal(set(world, 200, false, NULL), PAWL_OK);
    assert_shown(world, 200, false);
    assert_int_equal(next_id(world, holding), 200);
    assert_shown(world, 200, true);
    assert_int_equal(alter(world, (pawl_definition){.given = PAWL_GIVEN_RESTART, .restart = 7}),
                     PAWL_OK);
    assert_shown(world, 7, false);
    assert_int_equal(alter(world, (pawl_definition){.given = PAWL_GIVEN_INCREMENT, .increment = 2}),
                     PAWL_OK);
    assert_shown(world, 7, false);
    assert_int_equal(next_id(world, holding), 7);
    assert_int_equal(alter(world, (pawl_definition){.given = PAWL_GIVEN_INCREMENT, .increment = 5}),
                     PAWL_OK);
    assert_shown(world, 7, true);
    assert_conserved(world);
    pawl_holding_release(holding);
    world_free(world);
}

/* What was reserved ahead is no obstacle: it goes back first. */
static void setval_is_judged_by_what_was_used(void **state)
{
    struct world *world = world_new(&blocks_of_ten);
    struct pawl_holding *holding = open_holding(world);
    struct pawl_record record = {.epoch = 0};

    (void)state;
    for (int64_t i = 1; i <= 5; i++) {
        assert_int_equal(next_id(world, holding), i);
    }
    uint64_t line = world->store.record.line;
    assert_int_equal(set(world, 5, true, &record), PAWL_OK); /* setval(s, max(id)) */
    assert_int_equal(record.next, 6);
    assert_shown(world, 5, true);
    assert_int_equal(next_id(world, holding), 6);
    assert_int_equal(set(world, 8, true, &record), PAWL_OK); /* what was reserved, and not used */
    assert_int_equal(record.next, 9);
    assert_int_equal(next_id(world, holding), 9);
    assert_int_equal(set(world, 10, false, NULL), PAWL_OK);
    assert_int_equal(next_id(world, holding), 10);
    assert_int_equal(world->store.record.line, line);
    assert_int_equal(burned(world), 0);
    assert_conserved(world);
    pawl_holding_release(holding);
    world_free(world);
}

static void what_lies_behind_answers_with_the_record(void **state)
{
    struct world *world = world_new(&blocks_of_ten);
    struct pawl_holding *holding = open_holding(world);
    struct pawl_record record = {.epoch = 0};

    (void)state;
    for (int64_t i = 1; i <= 5; i++) {
        assert_int_equal(next_id(world, holding), i);
    }
    assert_int_equal(set(world, 4, true, &record), PAWL_BEHIND);
    assert_int_equal(record.next, 6);
    assert_int_equal(record.epoch, world->store.record.epoch);
    assert_shown(world, 5, true);
    assert_int_equal(set(world, 0, true, &record), PAWL_RANGE);
    assert_int_equal(next_id(world, holding), 6);

    struct pawl_ask lease = {.kind = PAWL_ASK_TAKE, .count = 1};
    do_ask(world, &lease); /* others hold some now */
    assert_int_equal(lease.error.code, PAWL_OK);
    assert_int_equal(set(world, 6, true, &record), PAWL_BEHIND);
    assert_int_equal(record.next, lease.grant.range.first + 1);
    struct pawl_ask force = {.kind = PAWL_ASK_SET, .value = 6, .called = true, .force = true};
    do_ask(world, &force);
    assert_int_equal(force.error.code, PAWL_OK);
    assert_int_equal(world->store.record.line, world->store.record.epoch);
    assert_shown(world, 6, true);
    assert_int_equal(next_id(world, holding), 7);
    pawl_holding_release(holding);
    world_free(world);
}

static void at_the_bound_it_is_used_up_or_turns(void **state)
{
    const pawl_definition three = {
        .given = PAWL_GIVEN_MAX | PAWL_GIVEN_BLOCK, .max = 3, .block = 10};
    struct world *world = world_new(&three);
    struct pawl_ask next = {.kind = PAWL_ASK_NEXT, .count = 1, .exact = true};

    (void)state;
    assert_int_equal(set(world, 3, true, NULL), PAWL_OK);
    assert_shown(world, 3, true);
    do_ask(world, &next);
    assert_int_equal(next.error.code, PAWL_END);
    assert_int_equal(alter(world, (pawl_definition){.given = PAWL_GIVEN_CYCLE, .cycle = true}),
                     PAWL_OK);
    struct pawl_holding *holding = open_holding(world);
    assert_int_equal(next_id(world, holding), 1);
    assert_int_equal(set(world, 3, true, NULL), PAWL_OK);
    assert_int_equal(next_id(world, holding), 1);
    pawl_holding_release(holding);
    world_free(world);
}

/* A run that goes around the stock was handed out after what the stock gave. */
static void a_run_is_shown_as_well(void **state)
{
    struct world *world = world_new(NULL);
    struct pawl_holding *holding = open_holding(world);
    struct pawl_ask run = {.kind = PAWL_ASK_NEXT, .count = 10, .exact = true};

    (void)state;
    assert_int_equal(next_id(world, holding), 1);
    do_ask(world, &run);
    assert_int_equal(run.error.code, PAWL_OK);
    assert_shown(world, pawl_range_last(run.grant.range), true);
    pawl_holding_release(holding);
    world_free(world);
}

static void one_that_is_open_and_not_used_is_looked_at_ever_more_rarely(void **state)
{
    struct world *world = world_new(NULL);
    struct pawl_holding *holding = open_holding(world);
    unsigned looks = 0;

    (void)state;
    (void)next_id(world, holding);
    uint64_t end_ns = world->now_ns + 1000 * (uint64_t)INTERVAL_S * PAWL_NS_PER_S;
    uint64_t next_ns = pawl_keeper_turn(world->keeper, world->now_ns);
    for (; next_ns < end_ns; looks++) {
        world->now_ns = next_ns;
        next_ns = pawl_keeper_turn(world->keeper, world->now_ns);
    }
    assert_in_range(looks, 4, 20);
    assert_true(next_id(world, holding) > 1);
    assert_conserved(world);
    pawl_holding_release(holding);
    turn(world, 3 * 12 * UINT64_C(3600) * PAWL_NS_PER_S);
    turn(world, 3 * 12 * UINT64_C(3600) * PAWL_NS_PER_S);
    assert_int_equal(pawl_keeper_counts(world->keeper)->holdings, 0);
    world_free(world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_shown_is_what_was_used),
        cmocka_unit_test(setval_is_judged_by_what_was_used),
        cmocka_unit_test(what_lies_behind_answers_with_the_record),
        cmocka_unit_test(at_the_bound_it_is_used_up_or_turns),
        cmocka_unit_test(a_run_is_shown_as_well),
        cmocka_unit_test(one_that_is_open_and_not_used_is_looked_at_ever_more_rarely),
    };

    return cmocka_run_group_tests_name("keeper_used", tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* The keeper over a source of one record, on a clock of its own. */
#include "keeper_world.h"

#include <stdio.h>

#include "base/log.h"

static void hands_out_in_order(void **state)
{
    struct world *world = world_new(NULL);
    struct pawl_holding *holding = open_holding(world);

    (void)state;
    for (int64_t i = 1; i <= 10000; i++) {
        assert_int_equal(next_id(world, holding), i);
        turn(world, PAWL_NS_PER_MS);
    }
    assert_true(world->store.writes < 40);
    turn(world, 0);
    assert_conserved(world);
    pawl_holding_release(holding);
    world_free(world);
}

/* Once a day: no id is held ahead, so none is lost. */
static void quiet_sequences_leave_no_gap(void **state)
{
    struct world *world = world_new(NULL);

    (void)state;
    for (int64_t day = 1; day <= 20; day++) {
        struct pawl_holding *holding = open_holding(world);

        assert_int_equal(next_id(world, holding), day);
        assert_int_equal(world->store.record.next, day + 1);
        pawl_holding_release(holding);
        for (int minute = 0; minute < 24 * 60; minute++) {
            turn(world, 60 * PAWL_NS_PER_S);
        }
        assert_int_equal(pawl_keeper_counts(world->keeper)->holdings, 0);
    }
    assert_int_equal(burned(world), 0);
    world_free(world);
}

static void idle_stock_is_given_back(void **state)
{
    struct world *world = world_new(NULL);
    struct pawl_holding *holding = open_holding(world);
    int64_t last = 0;

    (void)state;
    for (int i = 0; i < 1000; i++) {
        last = next_id(world, holding);
        turn(world, 10 * PAWL_NS_PER_MS);
    }
    assert_true(world->store.record.next > last + 1);
    for (int i = 0; i < 40; i++) {
        turn(world, 10 * PAWL_NS_PER_S);
    }
    assert_int_equal(world->store.record.next, last + 1);
    assert_int_equal(world->store.returns, 1);
    assert_int_equal(next_id(world, holding), last + 1);
    assert_conserved(world);
    pawl_holding_release(holding);
    world_free(world);
}

static void wait_for_ids(struct world *world, struct pawl_holding *holding)
{
    struct pawl_ask wait = {.kind = PAWL_ASK_WAIT, .count = 1, .holding = holding};

    do_ask(world, &wait);
    assert_int_equal(wait.error.code, PAWL_OK);
}

static void go_idle(struct world *world)
{
    for (int i = 0; i < 40; i++) {
        turn(world, 10 * PAWL_NS_PER_S);
    }
}

/* Grants that hang together, and were all given back, are over: what is granted next where they
 * began is not behind our floor when its end is given back. */
static void a_run_given_back_whole_is_over(void **state)
{
    const pawl_definition tens = {.given = PAWL_GIVEN_BLOCK, .block = 10};
    struct world *world = world_new(&tens);
    struct pawl_holding *holding = open_holding(world);

    (void)state;
    for (int64_t i = 1; i <= 10; i++) {
        assert_int_equal(next_id(world, holding), i);
    }
    go_idle(world);
    world->store.record.next = 21; /* 11 to 20 are others' */
    wait_for_ids(world, holding);
    assert_true(world->store.record.next > 21);
    go_idle(world);
    assert_int_equal(world->store.record.next, 21);
    world->store.record.next = 11; /* they gave them back */
    for (int64_t i = 11; i <= 20; i++) {
        assert_int_equal(next_id(world, holding), i);
    }
    wait_for_ids(world, holding);
    go_idle(world);
    assert_int_equal(world->store.record.next, 21);
    world->store.record.next = 11; /* it went back */
    assert_true(next_id(world, holding) > 20 + PAWL_FENCE_IDS_MIN);
    pawl_holding_release(holding);
    world_free(world);
}

static void a_change_first_gives_back(void **state)
{
    struct world *world = world_new(NULL);
    struct pawl_holding *holding = open_holding(world);
    pawl_definition by_ten = {.given = PAWL_GIVEN_INCREMENT, .increment = 10};
    struct pawl_ask alter = {.kind = PAWL_ASK_ALTER, .definition = &by_ten};
    int64_t last = 0;

    (void)state;
    for (int i = 0; i < 100; i++) {
        last = next_id(world, holding);
    }
    do_ask(world, &alter);
    assert_int_equal(alter.error.code, PAWL_OK);
    assert_int_equal(next_id(world, holding), last + 10);
    assert_int_equal(burned(world), 0);
    assert_conserved(world);
    pawl_holding_release(holding);
    world_free(world);
}

static void exact_takes_hang_together(void **state)
{
    struct world *world = world_new(NULL);
    struct pawl_holding *holding = open_holding(world);
    int64_t last = 0;

    (void)state;
    for (int i = 0; i < 100; i++) {
        last = next_id(world, holding);
    }
    struct pawl_ask next = {.kind = PAWL_ASK_NEXT, .count = 50000, .exact = true};
    do_ask(world, &next);
    assert_int_equal(next.error.code, PAWL_OK);
    assert_int_equal(next.grant.range.count, 50000);
    assert_true(next.grant.range.first > last);
    assert_int_equal(next_id(world, holding), next.grant.range.first + 50000);
    turn(world, 0);
    assert_conserved(world);
    pawl_holding_release(holding);
    world_free(world);
}

static void leases_are_cut_and_taken_back_once(void **state)
{
    struct world *world = world_new(NULL);
    struct pawl_ask first = {.kind = PAWL_ASK_TAKE, .count = 100};
    struct pawl_ask second = {.kind = PAWL_ASK_TAKE, .count = 50};

    (void)state;
    do_ask(world, &first);
    assert_int_equal(first.error.code, PAWL_OK);
    do_ask(world, &second);
    assert_int_equal(second.error.code, PAWL_OK);
    assert_true(second.grant.range.first > pawl_range_last(first.grant.range));

    struct pawl_ask wrong = {
        .kind = PAWL_ASK_RETURN, .lease = first.grant.lease, .value = first.grant.range.first + 5};
    do_ask(world, &wrong);
    assert_int_equal(wrong.error.code, PAWL_NOT_KEPT);
    struct pawl_ask back = {
        .kind = PAWL_ASK_RETURN, .lease = second.grant.lease, .value = second.grant.range.first};
    do_ask(world, &back);
    assert_int_equal(back.error.code, PAWL_OK);
    do_ask(world, &back);
    assert_int_equal(back.error.code, PAWL_NOT_KEPT);
    turn(world, 0);
    assert_conserved(world);
    pawl_keeper_drain(world->keeper);
    turn(world, 0);
    assert_true(pawl_keeper_drained(world->keeper));
    assert_int_equal(world->store.record.next, second.grant.range.first);
    world_free(world);
}

static void leases_in_a_row_are_taken_back_together(void **state)
{
    struct world *world = world_new(NULL);
    struct pawl_ask warm = {.kind = PAWL_ASK_TAKE, .count = 1000};
    struct pawl_ask first = {.kind = PAWL_ASK_TAKE, .count = 10};
    struct pawl_ask second = {.kind = PAWL_ASK_TAKE, .count = 10};

    (void)state;
    do_ask(world, &warm);
    do_ask(world, &first);
    do_ask(world, &second);
    struct pawl_ask back = {
        .kind = PAWL_ASK_RETURN, .lease = second.grant.lease, .value = first.grant.range.first + 3};
    do_ask(world, &back);
    assert_int_equal(back.error.code, PAWL_OK);
    struct pawl_ask again = {.kind = PAWL_ASK_TAKE, .count = 1};
    do_ask(world, &again);
    assert_int_equal(again.grant.range.first, first.grant.range.first + 3);
    assert_conserved(world);
    world_free(world);
}

/* Whoever asks above learns at once what this keeper has just learned itself. */
static void a_dropped_sequence_does_not_stand(void **state)
{
    struct world *world = world_new(NULL);
    struct pawl_ask lease = {.kind = PAWL_ASK_TAKE, .count = 10};
    struct pawl_ask drop = {.kind = PAWL_ASK_DROP};
    struct pawl_ask again = {.kind = PAWL_ASK_TAKE, .count = 10};
    struct pawl_ask stands = {.kind = PAWL_ASK_TAKE, .count = 0};

    (void)state;
    do_ask(world, &lease);
    do_ask(world, &stands);
    assert_int_equal(stands.error.code, PAWL_OK);
    assert_int_equal(stands.grant.epoch, lease.grant.epoch);
    do_ask(world, &drop);
    do_ask(world, &again);
    assert_int_equal(again.error.code, PAWL_NO_SEQUENCE);
    do_ask(world, &stands);
    assert_int_equal(stands.error.code, PAWL_NO_SEQUENCE);
    world_free(world);
}

static void an_outage_is_waited_out(void **state)
{
    struct world *world = world_new(NULL);
    struct pawl_holding *holding = open_holding(world);
    pawl_ids ids;

    (void)state;
    (void)next_id(world, holding);
    world->store.fail = PAWL_BUSY;
    struct pawl_ask wait = {.kind = PAWL_ASK_WAIT,
                            .count = 1,
                            .holding = holding,
                            .deadline_ns = world->now_ns + 5 * PAWL_NS_PER_S};
    do_ask(world, &wait);
    for (int i = 0; i < 30; i++) {
        turn(world, 100 * PAWL_NS_PER_MS);
    }
    assert_int_equal(wait.asker, 0);
    world->store.fail = PAWL_OK;
    for (int i = 0; i < 19; i++) {
        turn(world, 100 * PAWL_NS_PER_MS);
    }
    assert_int_equal(wait.asker, 1);
    assert_int_equal(wait.error.code, PAWL_OK);
    assert_true(pawl_stock_take(holding->stock, 1, &ids));

    while (pawl_stock_take(holding->stock, 1, &ids)) {
    }
    world->store.fail = PAWL_LOST;
    struct pawl_ask late = {.kind = PAWL_ASK_WAIT,
                            .count = 1,
                            .holding = holding,
                            .deadline_ns = world->now_ns + PAWL_NS_PER_S};
    do_ask(world, &late);
    for (int i = 0; i < 12; i++) {
        turn(world, 100 * PAWL_NS_PER_MS);
    }
    assert_int_equal(late.asker, 1);
    assert_int_equal(late.error.code, PAWL_TIMEOUT);
    assert_conserved(world);
    pawl_holding_release(holding);
    world_free(world);
}

static void a_store_that_went_back_is_moved_on(void **state)
{
    struct world *world = world_new(NULL);
    struct pawl_holding *holding = open_holding(world);
    struct pawl_record saved = world->store.record;
    int64_t last = 0;

    (void)state;
    for (int i = 0; i < 1000; i++) {
        last = next_id(world, holding);
        turn(world, PAWL_NS_PER_MS);
    }
    world->store.record = saved;
    for (int i = 0; i < 100000; i++) {
        int64_t id = next_id(world, holding);

        assert_true(id > last);
        last = id;
        turn(world, PAWL_NS_PER_MS);
    }
    assert_true(last > 110000);
    assert_conserved(world);
    pawl_holding_release(holding);
    world_free(world);
}

/* The same version again, after a step back and other writes: what we hold is not its tail. */
static void a_tail_that_does_not_fit_is_not_given_back(void **state)
{
    struct world *world = world_new(NULL);
    struct pawl_ask take = {.kind = PAWL_ASK_TAKE, .count = 100};

    (void)state;
    do_ask(world, &take);
    assert_int_equal(take.grant.range.first, 1);
    world->store.record.next += 7;
    int64_t next = world->store.record.next;
    struct pawl_ask back = {
        .kind = PAWL_ASK_RETURN, .lease = take.grant.lease, .value = take.grant.range.first};
    do_ask(world, &back);
    assert_int_equal(back.error.code, PAWL_OK);
    pawl_keeper_drain(world->keeper);
    turn(world, 0);
    assert_int_equal(world->store.record.next, next);
    assert_int_equal(pawl_keeper_counts(world->keeper)->burned[PAWL_CAUSE_NOT_KEPT], 100);
    world_free(world);
}

static void global_callers_share_what_is_not_yet_sent(void **state)
{
    pawl_definition global = {.given = PAWL_GIVEN_ORDER, .order = PAWL_ORDER_GLOBAL};
    struct world *world = world_new(&global);
    struct pawl_holding *holding = open_holding(world);
    struct pawl_ask asks[4];

    (void)state;
    assert_true(holding->global);
    uint64_t before = world->store.writes;
    world->store.held_back = true;
    for (size_t i = 0; i < 4; i++) {
        asks[i] = (struct pawl_ask){.kind = PAWL_ASK_NEXT, .count = 1};
        do_ask(world, &asks[i]);
    }
    world->store.held_back = false;
    turn(world, 1000);
    assert_int_equal(world->store.writes - before, 2);
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(asks[i].asker, 1);
        assert_int_equal(asks[i].grant.range.first, i + 1);
    }
    pawl_holding_release(holding);
    world_free(world);
}

static void the_end_is_said(void **state)
{
    pawl_definition short_one = {.given = PAWL_GIVEN_MAX, .max = 3};
    struct world *world = world_new(&short_one);
    struct pawl_holding *holding = open_holding(world);

    (void)state;
    for (int64_t i = 1; i <= 3; i++) {
        assert_int_equal(next_id(world, holding), i);
    }
    struct pawl_ask wait = {.kind = PAWL_ASK_WAIT, .count = 1, .holding = holding};
    do_ask(world, &wait);
    assert_int_equal(wait.error.code, PAWL_END);
    assert_string_equal(wait.error.text, "nextval: reached maximum value of sequence \"s\" (3)");
    struct pawl_ask drop = {.kind = PAWL_ASK_DROP};
    do_ask(world, &drop);
    assert_int_equal(drop.error.code, PAWL_OK);
    struct pawl_ask gone = {.kind = PAWL_ASK_WAIT, .count = 1, .holding = holding};
    do_ask(world, &gone);
    assert_int_equal(gone.error.code, PAWL_NO_SEQUENCE);
    pawl_holding_release(holding);
    world_free(world);
}

struct lines {
    unsigned one, sums;
    char last[600];
};

static void count_lines(enum pawl_log_level level, const char *line, void *arg)
{
    struct lines *lines = arg;

    assert_int_equal(level, PAWL_LOG_WARN);
    lines->one += strstr(line, "msg=\"refill failed\"") != NULL;
    lines->sums += strstr(line, "msg=\"refills failed\"") != NULL;
    (void)snprintf(lines->last, sizeof lines->last, "%s", line);
}

static void fail_many(struct world *world, const char *head, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        char name[32];
        struct pawl_ask take = {.kind = PAWL_ASK_TAKE, .count = 1};

        take.name.size = (size_t)snprintf(name, sizeof name, "%s%u", head, i);
        take.name.at = name;
        do_ask(world, &take);
        pawl_keeper_forget(world->keeper, &take);
    }
}

/* Ten thousand sequences in use, and one store that is away: it is told, not ten thousand times. */
static void refills_that_fail_are_told_in_few_lines(void **state)
{
    struct world *world = world_new(NULL);
    struct lines lines = {.one = 0};

    (void)state;
    turn(world, 5 * PAWL_NS_PER_S);
    world->store.fail = PAWL_STORE;
    pawl_log_set(PAWL_LOG_WARN, count_lines, &lines);
    fail_many(world, "a", 200);
    assert_int_equal(lines.one, 10);
    assert_int_equal(lines.sums, 0);
    uint64_t next_ns = pawl_keeper_turn(world->keeper, world->now_ns);

    assert_true(next_ns <= world->now_ns + PAWL_NS_PER_S);
    turn(world, PAWL_NS_PER_S);
    assert_int_equal(lines.sums, 1);
    assert_non_null(strstr(lines.last, "more=190"));
    assert_non_null(strstr(lines.last, "told to fail"));
    turn(world, PAWL_NS_PER_S);
    fail_many(world, "b", 11);
    assert_int_equal(lines.one, 20);
    pawl_keeper_free(world->keeper); /* what was not told is told then */
    assert_int_equal(lines.sums, 2);
    assert_non_null(strstr(lines.last, "more=1 "));
    pawl_log_set(PAWL_LOG_OFF, NULL, NULL);
    world->keeper = NULL;
    world_free(world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hands_out_in_order),
        cmocka_unit_test(quiet_sequences_leave_no_gap),
        cmocka_unit_test(idle_stock_is_given_back),
        cmocka_unit_test(a_run_given_back_whole_is_over),
        cmocka_unit_test(a_change_first_gives_back),
        cmocka_unit_test(exact_takes_hang_together),
        cmocka_unit_test(leases_are_cut_and_taken_back_once),
        cmocka_unit_test(leases_in_a_row_are_taken_back_together),
        cmocka_unit_test(a_dropped_sequence_does_not_stand),
        cmocka_unit_test(an_outage_is_waited_out),
        cmocka_unit_test(a_store_that_went_back_is_moved_on),
        cmocka_unit_test(a_tail_that_does_not_fit_is_not_given_back),
        cmocka_unit_test(global_callers_share_what_is_not_yet_sent),
        cmocka_unit_test(the_end_is_said),
        cmocka_unit_test(refills_that_fail_are_told_in_few_lines),
    };

    return cmocka_run_group_tests_name("keeper", tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* The keeper over a source of one record, on a clock of its own. */
#include "range/keeper.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { INTERVAL_S = 30 };

/* A store of one sequence: answers on its turn, or fails as it is told. */
struct store {
    struct pawl_source source;
    struct pawl_record record;
    struct pawl_asks asks;
    uint64_t random;
    pawl_err fail; /* every ask fails so */
    uint64_t writes, reads, returns;
    bool held_back; /* answers nothing */
};

struct world {
    struct store store;
    struct pawl_keeper *keeper;
    uint64_t now_ns;
};

static void store_ask(struct pawl_source *self, struct pawl_ask *ask)
{
    pawl_asks_add(&PAWL_OWNER(self, struct store, source)->asks, ask);
}

static uint64_t store_turn(struct pawl_source *self, uint64_t now_ns)
{
    struct store *store = PAWL_OWNER(self, struct store, source);
    struct pawl_moment moment = {&store->random, 0, INTERVAL_S * PAWL_NS_PER_S};

    (void)now_ns;
    while (!store->held_back && store->asks.first != NULL) {
        struct pawl_ask *ask = pawl_asks_pop(&store->asks);

        if (store->fail != PAWL_OK) {
            ask->burned = store->fail == PAWL_LOST ? ask->count : 0;
            pawl_ask_fail(ask, store->fail, "told to fail");
            continue;
        }
        if (ask->kind == PAWL_ASK_RETURN) store->returns++;
        if (pawl_record_apply(&store->record, ask, &moment)) {
            store->writes++;
        } else {
            store->reads++;
        }
        pawl_ask_answer(ask);
    }
    return PAWL_NEVER;
}

static void store_close(struct pawl_source *self)
{
    (void)self;
}

static const struct pawl_source_ops store_ops = {"test", store_ask, store_turn, store_close};

static void ask_done(struct pawl_ask *ask)
{
    ask->asker++; /* counts its answers: every ask in these tests begins at 0 */
}

static void turn(struct world *world, uint64_t after_ns)
{
    world->now_ns += after_ns;
    (void)pawl_keeper_turn(world->keeper, world->now_ns);
}

static void do_ask(struct world *world, struct pawl_ask *ask)
{
    ask->done = ask_done;
    ask->asker = 0;
    if (ask->name.size == 0) ask->name = PAWL_BYTES("s");
    pawl_source_ask(pawl_keeper_source(world->keeper), ask);
    turn(world, 1000);
}

static struct world *world_new(const pawl_definition *definition)
{
    struct world *world = calloc(1, sizeof *world);
    struct pawl_keeper_settings settings = {
        .pace = {60 * PAWL_NS_PER_S, INTERVAL_S * PAWL_NS_PER_S, 1000},
        .retry_least_ns = 10 * PAWL_NS_PER_MS,
        .retry_most_ns = 2 * PAWL_NS_PER_S,
        .seed = 1,
    };

    world->store.source.ops = &store_ops;
    world->now_ns = PAWL_NS_PER_S;
    assert_int_equal(pawl_name_set(&world->store.record.name, PAWL_BYTES("s"), NULL), PAWL_OK);
    world->keeper = pawl_keeper_new(&world->store.source, &settings);
    struct pawl_ask create = {.kind = PAWL_ASK_CREATE, .definition = definition};
    do_ask(world, &create);
    assert_int_equal(create.error.code, PAWL_OK);
    return world;
}

static void world_free(struct world *world)
{
    pawl_keeper_free(world->keeper);
    free(world);
}

static struct pawl_holding *open_holding(struct world *world)
{
    struct pawl_ask open = {.kind = PAWL_ASK_OPEN};

    do_ask(world, &open);
    assert_int_equal(open.asker, 1);
    assert_int_equal(open.error.code, PAWL_OK);
    return open.holding;
}

/* One id, as a connection takes it: from the stock, or after a wait. */
static int64_t next_id(struct world *world, struct pawl_holding *holding)
{
    pawl_ids ids;

    if (!pawl_stock_take(holding->stock, 1, &ids)) {
        struct pawl_ask wait = {.kind = PAWL_ASK_WAIT, .count = 1, .holding = holding};

        do_ask(world, &wait);
        assert_int_equal(wait.asker, 1);
        assert_int_equal(wait.error.code, PAWL_OK);
        assert_true(pawl_stock_take(holding->stock, 1, &ids));
    }
    return ids.first;
}

static uint64_t burned(const struct world *world)
{
    const struct pawl_counts *counts = pawl_keeper_counts(world->keeper);
    uint64_t sum = 0;

    for (size_t i = 0; i < PAWL_CAUSE_COUNT; i++) {
        sum += counts->burned[i];
    }
    return sum;
}

static void assert_conserved(const struct world *world)
{
    const struct pawl_counts *counts = pawl_keeper_counts(world->keeper);

    assert_int_equal(counts->reserved + counts->returned, counts->handed + counts->leased +
                                                              counts->given_back + counts->held +
                                                              burned(world));
}

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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hands_out_in_order),
        cmocka_unit_test(quiet_sequences_leave_no_gap),
        cmocka_unit_test(idle_stock_is_given_back),
        cmocka_unit_test(a_change_first_gives_back),
        cmocka_unit_test(exact_takes_hang_together),
        cmocka_unit_test(leases_are_cut_and_taken_back_once),
        cmocka_unit_test(leases_in_a_row_are_taken_back_together),
        cmocka_unit_test(an_outage_is_waited_out),
        cmocka_unit_test(a_store_that_went_back_is_moved_on),
        cmocka_unit_test(a_tail_that_does_not_fit_is_not_given_back),
        cmocka_unit_test(global_callers_share_what_is_not_yet_sent),
        cmocka_unit_test(the_end_is_said),
    };

    return cmocka_run_group_tests_name("keeper", tests, NULL, NULL);
}

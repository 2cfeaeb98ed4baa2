/* SPDX-License-Identifier: Apache-2.0 */
/* The keeper where things meet: what ends while something else is under way. */
#include "keeper_world.h"
#include "range/lane.h"

/* Fails if the keeper asks for turns, or its source for ids, without end. */
static void assert_calm(struct world *world, uint64_t for_s, uint64_t asks_most)
{
    const struct pawl_counts *counts = pawl_keeper_counts(world->keeper);
    uint64_t before = counts->asks;
    uint64_t end_ns = world->now_ns + for_s * PAWL_NS_PER_S;
    int turns = 0;

    while (world->now_ns < end_ns && turns < 1000) {
        uint64_t next_ns = pawl_keeper_turn(world->keeper, world->now_ns);

        turns++;
        if (next_ns > world->now_ns) world->now_ns = next_ns < end_ns ? next_ns : end_ns;
    }
    assert_true(turns < 1000);
    assert_true(counts->asks - before <= asks_most);
}

static void a_dropped_global_sequence_is_left_alone(void **state)
{
    pawl_definition global = {.given = PAWL_GIVEN_ORDER, .order = PAWL_ORDER_GLOBAL};
    struct world *world = world_new(&global);
    struct pawl_holding *holding = open_holding(world);

    (void)state;
    world->store.record.dropped = true;
    assert_calm(world, 100, 8);
    pawl_holding_release(holding);
    world_free(world);
}

static void a_refused_check_is_not_repeated_at_once(void **state)
{
    struct world *world = world_new(NULL);
    struct pawl_holding *holding = open_holding(world);

    (void)state;
    for (int i = 0; i < 1000; i++) {
        (void)next_id(world, holding);
        turn(world, 10 * PAWL_NS_PER_MS);
    }
    world->store.fail = PAWL_DENIED;
    assert_calm(world, 100, 8);
    assert_conserved(world);
    pawl_holding_release(holding);
    world_free(world);
}

static void a_refused_floor_fails_its_asker_alone(void **state)
{
    struct world *world = world_new(NULL);
    struct pawl_ask mistaken = {.kind = PAWL_ASK_TAKE, .count = 1};
    struct pawl_ask innocent = {.kind = PAWL_ASK_TAKE, .count = 1};

    (void)state;
    mistaken.floor = (struct pawl_mark){world->store.record.line + 7, 0, 5000};
    world->store.held_back = true;
    do_ask(world, &mistaken);
    do_ask(world, &innocent);
    assert_int_equal(mistaken.asker + innocent.asker, 0);
    world->store.held_back = false;
    turn(world, PAWL_NS_PER_MS);
    turn(world, PAWL_NS_PER_MS);
    assert_int_equal(mistaken.error.code, PAWL_FLOOR);
    assert_int_equal(innocent.asker, 1);
    assert_int_equal(innocent.error.code, PAWL_OK);
    assert_int_equal(innocent.grant.range.count, 1);
    world_free(world);
}

/* Whoever told of the floor may never come again: what it told of is kept from the others. */
static void a_sequence_that_stops_stops_for_everybody(void **state)
{
    struct world *world = world_with(NULL, true);
    struct pawl_ask knows = {.kind = PAWL_ASK_TAKE, .count = 1};
    struct pawl_ask others = {.kind = PAWL_ASK_TAKE, .count = 1};
    struct pawl_ask fence = {.kind = PAWL_ASK_FENCE, .count = 5000};
    struct pawl_ask after = {.kind = PAWL_ASK_TAKE, .count = 1};

    (void)state;
    world->store.refuses = true;
    knows.floor = (struct pawl_mark){world->store.record.line, 0, 5000};
    do_ask(world, &knows);
    assert_int_equal(knows.error.code, PAWL_ROLLBACK);
    assert_non_null(strstr(knows.error.text, "pawl fence s --skip 5000"));
    for (int i = 0; i < 10; i++) {
        others = (struct pawl_ask){.kind = PAWL_ASK_TAKE, .count = 1};
        do_ask(world, &others);
        turn(world, INTERVAL_S * PAWL_NS_PER_S);
        assert_int_equal(others.error.code, PAWL_ROLLBACK);
    }
    do_ask(world, &fence);
    assert_int_equal(fence.error.code, PAWL_OK);
    do_ask(world, &after);
    assert_int_equal(after.error.code, PAWL_OK);
    assert_int_equal(after.grant.range.first, 5001);
    world_free(world);
}

/* The store goes back further: whose floor it was may have left long ago, nobody asks with it. */
static void a_floor_kept_for_others_is_refused_to_all(void **state)
{
    struct world *world = world_with(NULL, true);
    struct pawl_ask knows = {.kind = PAWL_ASK_TAKE, .count = 1};
    const struct pawl_counts *counts = pawl_keeper_counts(world->keeper);

    (void)state;
    world->store.refuses = true;
    knows.floor = (struct pawl_mark){world->store.record.line, 0, 5000};
    do_ask(world, &knows);
    assert_int_equal(knows.error.code, PAWL_ROLLBACK);
    world->store.fail = PAWL_FLOOR;
    uint64_t before = counts->asks;

    for (int i = 1; i <= 10; i++) {
        struct pawl_ask others = {.kind = PAWL_ASK_TAKE, .count = 1};

        turn(world, INTERVAL_S * PAWL_NS_PER_S);
        do_ask(world, &others);
        assert_int_equal(others.error.code, PAWL_FLOOR);
        assert_true(counts->asks <= before + 2 * (uint64_t)i);
    }
    assert_int_equal(counts->stopped, 1);
    world_free(world);
}

static void what_the_store_lost_is_not_begun_at_its_start_again(void **state)
{
    struct world *world = world_new(NULL);
    struct pawl_ask take = {.kind = PAWL_ASK_TAKE, .count = 700};
    struct pawl_ask lost = {.kind = PAWL_ASK_TAKE, .count = 700};
    struct pawl_ask create = {.kind = PAWL_ASK_CREATE};
    struct pawl_ask after = {.kind = PAWL_ASK_TAKE, .count = 1};

    (void)state;
    (void)open_holding(world);
    do_ask(world, &take);
    assert_int_equal(take.error.code, PAWL_OK);
    int64_t last = pawl_range_last(take.grant.range);
    world->store.record = (struct pawl_record){.name = world->store.record.name};
    turn(world, 2 * INTERVAL_S * PAWL_NS_PER_S);
    do_ask(world, &lost);
    assert_int_equal(lost.error.code, PAWL_NO_SEQUENCE);
    do_ask(world, &create);
    assert_int_equal(create.error.code, PAWL_OK);
    do_ask(world, &after);
    assert_int_equal(after.error.code, PAWL_OK);
    assert_true(after.grant.range.first > last);
    world_free(world);
}

static void a_refused_rollback_is_not_repeated_at_once(void **state)
{
    struct world *world = world_with(NULL, true);
    struct pawl_holding *holding = open_holding(world);
    struct pawl_record saved = world->store.record;

    (void)state;
    for (int i = 0; i < 2000; i++) {
        (void)next_id(world, holding);
        turn(world, 10 * PAWL_NS_PER_MS);
    }
    world->store.record = saved;
    world->store.stuck = true;
    for (pawl_ids ids; pawl_stock_take(holding->stock, 1, &ids);) {
    }
    assert_calm(world, 100, 120);
    assert_conserved(world);
    pawl_holding_release(holding);
    world_free(world);
}

/* Many short ranges with others' ids between them: what is reserved is all that there is room for.
 */
static void a_full_reserve_is_no_reason_to_hurry(void **state)
{
    pawl_definition by_one = {.given = PAWL_GIVEN_BLOCK, .block = 1};
    struct world *world = world_new(&by_one);
    struct pawl_holding *holding = open_holding(world);
    int64_t last = 0;

    (void)state;
    world->store.shared = true;
    for (int i = 0; i < 60000; i++) {
        int64_t id = next_id(world, holding);

        assert_true(id > last);
        last = id;
        turn(world, PAWL_NS_PER_MS);
    }
    assert_calm(world, 25, 8);
    assert_conserved(world);
    pawl_holding_release(holding);
    world_free(world);
}

/* A source that refuses has answered: the outage before it is over. */
static void what_was_missing_is_asked_for_at_once(void **state)
{
    struct world *world = world_new(NULL);
    struct pawl_holding *holding = open_holding(world);
    struct pawl_ask wait = {.kind = PAWL_ASK_WAIT, .count = 1, .holding = holding};
    struct pawl_ask create = {.kind = PAWL_ASK_CREATE};

    (void)state;
    (void)next_id(world, holding);
    world->store.fail = PAWL_BUSY;
    do_ask(world, &wait);
    assert_int_equal(wait.asker, 0);
    world->store.fail = PAWL_OK;
    world->store.record.dropped = true;
    turn(world, PAWL_NS_PER_S);
    assert_int_equal(wait.asker, 1);
    assert_int_equal(wait.error.code, PAWL_NO_SEQUENCE);
    do_ask(world, &create);
    assert_int_equal(create.error.code, PAWL_OK);
    do_ask(world, &wait);
    assert_int_equal(wait.asker, 1);
    assert_int_equal(wait.error.code, PAWL_OK);
    pawl_holding_release(holding);
    world_free(world);
}

/* All places of the reserve are taken, and none holds a run as long as is asked for. */
static void a_run_finds_a_place_in_a_full_reserve(void **state)
{
    pawl_definition by_one = {.given = PAWL_GIVEN_BLOCK, .block = 1};
    struct world *world = world_new(&by_one);
    struct pawl_holding *holding = open_holding(world);
    struct pawl_ask lease = {.kind = PAWL_ASK_TAKE, .count = 1};
    struct pawl_ask run = {.kind = PAWL_ASK_NEXT, .count = 5000, .exact = true};

    (void)state;
    world->store.shared = true;
    for (int i = 0; i < 60000; i++) {
        (void)next_id(world, holding);
        turn(world, PAWL_NS_PER_MS);
    }
    for (int i = 0; i < 70; i++) {
        turn(world, PAWL_NS_PER_S);
    }
    do_ask(world, &lease);
    assert_int_equal(lease.error.code, PAWL_OK);
    do_ask(world, &run);
    assert_int_equal(run.asker, 1);
    assert_int_equal(run.error.code, PAWL_OK);
    assert_true(run.grant.range.first > lease.grant.range.first);
    assert_conserved(world);
    pawl_holding_release(holding);
    world_free(world);
}

static void what_a_run_leaves_in_its_lap_is_counted(void **state)
{
    pawl_definition ten = {.given = PAWL_GIVEN_MAX | PAWL_GIVEN_CYCLE, .max = 10, .cycle = true};
    struct world *world = world_new(&ten);
    struct pawl_ask run = {.kind = PAWL_ASK_NEXT, .count = 4, .exact = true};

    (void)state;
    pawl_record_advance(&world->store.record, 8);
    do_ask(world, &run);
    assert_int_equal(run.grant.range.first, 1);
    assert_int_equal(pawl_keeper_counts(world->keeper)->burned[PAWL_CAUSE_EXACT], 2);
    assert_conserved(world);
    world_free(world);
}

static void a_batch_that_failed_late_still_times_out(void **state)
{
    pawl_definition global = {.given = PAWL_GIVEN_ORDER, .order = PAWL_ORDER_GLOBAL};
    struct world *world = world_new(&global);
    struct pawl_holding *holding = open_holding(world);
    struct pawl_ask ask = {
        .kind = PAWL_ASK_NEXT, .count = 1, .deadline_ns = world->now_ns + 5 * PAWL_NS_PER_S};

    (void)state;
    world->store.held_back = true;
    do_ask(world, &ask);
    turn(world, 6 * PAWL_NS_PER_S);
    world->store.held_back = false;
    world->store.fail = PAWL_BUSY;
    for (int i = 0; i < 100; i++) {
        turn(world, 100 * PAWL_NS_PER_MS);
    }
    assert_int_equal(ask.asker, 1);
    assert_int_equal(ask.error.code, PAWL_TIMEOUT);
    pawl_holding_release(holding);
    world_free(world);
}

static void a_change_that_waits_times_out(void **state)
{
    struct world *world = world_new(NULL);
    struct pawl_ask lease = {.kind = PAWL_ASK_TAKE, .count = 10};
    struct pawl_ask first = {
        .kind = PAWL_ASK_SET, .value = 100, .deadline_ns = world->now_ns + 5 * PAWL_NS_PER_S};
    struct pawl_ask second = first;

    (void)state;
    do_ask(world, &lease);
    world->store.held_back = true;
    do_ask(world, &first);
    do_ask(world, &second);
    turn(world, 6 * PAWL_NS_PER_S);
    assert_int_equal(first.asker, 0); /* who knows what becomes of it */
    assert_int_equal(second.asker, 1);
    assert_int_equal(second.error.code, PAWL_TIMEOUT);
    world->store.held_back = false;
    turn(world, 1000);
    assert_int_equal(first.error.code, PAWL_OK);
    world_free(world);
}

static void a_batch_that_failed_keeps_its_place(void **state)
{
    pawl_definition global = {.given = PAWL_GIVEN_ORDER, .order = PAWL_ORDER_GLOBAL};
    struct world *world = world_new(&global);
    struct pawl_holding *holding = open_holding(world);
    struct pawl_ask asks[3];

    (void)state;
    world->store.held_back = true;
    for (size_t i = 0; i < 3; i++) {
        asks[i] = (struct pawl_ask){.kind = PAWL_ASK_NEXT, .count = 1};
        do_ask(world, &asks[i]);
    }
    world->store.held_back = false;
    world->store.fail = PAWL_BUSY;
    turn(world, 1000);
    world->store.fail = PAWL_OK;
    turn(world, PAWL_NS_PER_S);
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(asks[i].asker, 1);
        assert_int_equal(asks[i].grant.range.first, i + 1);
    }
    pawl_holding_release(holding);
    world_free(world);
}

static void a_check_times_out(void **state)
{
    struct world *world = world_new(NULL);
    struct pawl_ask lease = {.kind = PAWL_ASK_TAKE, .count = 10};

    (void)state;
    do_ask(world, &lease);
    world->store.held_back = true;
    turn(world, 40 * PAWL_NS_PER_S);
    struct pawl_ask check = {
        .kind = PAWL_ASK_TAKE, .count = 0, .deadline_ns = world->now_ns + 5 * PAWL_NS_PER_S};
    do_ask(world, &check);
    assert_int_equal(check.asker, 0);
    turn(world, 6 * PAWL_NS_PER_S);
    assert_int_equal(check.asker, 1);
    assert_int_equal(check.error.code, PAWL_TIMEOUT);
    world->store.held_back = false;
    turn(world, 1000);
    world_free(world);
}

/* What was leased of an earlier epoch is never taken back into a later one. */
static void a_change_ends_leases(void **state)
{
    struct world *world = world_new(NULL);
    struct pawl_holding *holding = open_holding(world);
    struct pawl_ask lease = {.kind = PAWL_ASK_TAKE, .count = 1};
    struct pawl_ask drop = {.kind = PAWL_ASK_DROP};
    struct pawl_ask create = {.kind = PAWL_ASK_CREATE};
    struct pawl_ask other = {
        .kind = PAWL_ASK_TAKE, .count = 1, .deadline_ns = world->now_ns + 5 * PAWL_NS_PER_S};

    (void)state;
    assert_int_equal(next_id(world, holding), 1);
    do_ask(world, &lease); /* the whole grant, so nothing is held */
    assert_int_equal(pawl_keeper_counts(world->keeper)->held, 0);
    do_ask(world, &drop);
    do_ask(world, &create);
    assert_int_equal(create.error.code, PAWL_OK);
    world->store.held_back = true;
    do_ask(world, &other);
    pawl_keeper_forget(world->keeper, &other);
    world->store.held_back = false;
    turn(world, 1000); /* its grant comes, and stays in the reserve */
    struct pawl_ask back = {
        .kind = PAWL_ASK_RETURN, .lease = lease.grant.lease, .value = lease.grant.range.first};
    do_ask(world, &back);
    assert_int_equal(back.error.code, PAWL_NOT_KEPT);
    assert_conserved(world);
    pawl_holding_release(holding);
    world_free(world);
}

/* The asker whose floor went below has left, and its memory is somebody else's by now. */
static void a_floor_refused_late_harms_nobody(void **state)
{
    struct world *world = world_new(NULL);
    struct pawl_mark floor = {UINT64_C(1) << 50, 0, 5};
    struct pawl_ask ask = {.kind = PAWL_ASK_TAKE,
                           .count = 1,
                           .floor = floor,
                           .deadline_ns = world->now_ns + 5 * PAWL_NS_PER_S};

    (void)state;
    world->store.held_back = true;
    do_ask(world, &ask);
    turn(world, 6 * PAWL_NS_PER_S);
    assert_int_equal(ask.error.code, PAWL_TIMEOUT);
    ask = (struct pawl_ask){.kind = PAWL_ASK_TAKE, .count = 1};
    do_ask(world, &ask);
    world->store.held_back = false;
    turn(world, 1000);
    assert_int_equal(ask.asker, 1);
    assert_int_equal(ask.error.code, PAWL_OK);
    world_free(world);
}

static void fewer_will_do_at_the_end(void **state)
{
    pawl_definition short_one = {.given = PAWL_GIVEN_MAX, .max = 100};
    struct world *world = world_new(&short_one);
    struct pawl_ask next = {.kind = PAWL_ASK_NEXT, .count = 10000};

    (void)state;
    do_ask(world, &next);
    assert_int_equal(next.error.code, PAWL_OK);
    assert_int_equal(next.grant.range.first, 1);
    assert_int_equal(next.grant.range.count, 100);
    world_free(world);
}

/* One who wants too many at once says nothing about those who want one. */
static void a_run_too_long_ends_nothing(void **state)
{
    pawl_definition short_one = {.given = PAWL_GIVEN_MAX, .max = 1000};
    struct world *world = world_new(&short_one);
    struct pawl_holding *holding = open_holding(world);
    struct pawl_ask next = {.kind = PAWL_ASK_NEXT, .count = 10000, .exact = true};

    (void)state;
    (void)next_id(world, holding);
    do_ask(world, &next);
    assert_int_equal(next.error.code, PAWL_END);
    assert_int_equal(holding->stock->posted, PAWL_OK);
    assert_int_equal(next_id(world, holding), 2);
    pawl_holding_release(holding);
    world_free(world);
}

/* Altered elsewhere: a run that nobody waits for any more must not be kept. */
static void a_run_of_a_global_sequence_is_not_kept(void **state)
{
    pawl_definition global = {.given = PAWL_GIVEN_ORDER, .order = PAWL_ORDER_GLOBAL};
    struct world *world = world_new(NULL);
    struct pawl_holding *holding = open_holding(world);
    struct pawl_moment moment = {.random = &world->store.random,
                                 .refill_interval_ns = INTERVAL_S * PAWL_NS_PER_S};
    struct pawl_ask alter = {
        .kind = PAWL_ASK_ALTER, .name = PAWL_BYTES("s"), .definition = &global};

    (void)state;
    assert_true(pawl_record_apply(&world->store.record, &alter, &moment));
    for (int i = 0; i < 2; i++) {
        struct pawl_ask run = {.kind = PAWL_ASK_NEXT, .count = 5, .exact = true};

        world->store.held_back = true;
        do_ask(world, &run);
        pawl_keeper_forget(world->keeper, &run);
        assert_int_equal(run.error.code, PAWL_BUSY);
        world->store.held_back = false;
        turn(world, 1000);
        assert_int_equal(pawl_stock_left(holding->stock), 0);
    }
    assert_conserved(world);
    pawl_holding_release(holding);
    world_free(world);
}

/* Threads that wait on the stock, and asks that wait here, learn that nothing will come of it. */
static void a_check_that_finds_it_global_wakes_all(void **state)
{
    pawl_definition global = {.given = PAWL_GIVEN_ORDER, .order = PAWL_ORDER_GLOBAL};
    struct world *world = world_new(NULL);
    struct pawl_holding *holding = open_holding(world);
    struct pawl_moment moment = {.random = &world->store.random,
                                 .refill_interval_ns = INTERVAL_S * PAWL_NS_PER_S};
    struct pawl_ask alter = {
        .kind = PAWL_ASK_ALTER, .name = PAWL_BYTES("s"), .definition = &global};
    struct pawl_ask wait = {.kind = PAWL_ASK_WAIT, .count = 1, .holding = holding};
    pawl_ids ids;

    (void)state;
    world->store.held_back = true;
    turn(world, 31 * PAWL_NS_PER_S); /* a check is under way */
    while (pawl_stock_take(holding->stock, 1, &ids)) {
    }
    do_ask(world, &wait);
    uint32_t seen = holding->stock->signal;
    assert_true(pawl_record_apply(&world->store.record, &alter, &moment));
    world->store.held_back = false;
    turn(world, 1000);
    assert_true(holding->global);
    assert_int_equal(wait.asker, 1);
    assert_int_equal(wait.error.code, PAWL_GLOBAL);
    assert_int_not_equal(holding->stock->signal, seen);
    pawl_holding_release(holding);
    world_free(world);
}

/* A lane holds ids that the stock no longer knows of: the keeper asks on as long as it is open. */
static void an_idle_lane_learns_of_a_change(void **state)
{
    struct world *world = world_new(NULL);
    struct pawl_holding *holding = open_holding(world);
    struct pawl_run run = {.size = 0};
    struct pawl_moment moment = {.random = &world->store.random,
                                 .refill_interval_ns = INTERVAL_S * PAWL_NS_PER_S};
    struct pawl_ask set = {.kind = PAWL_ASK_SET, .value = 1, .force = true};
    int64_t id = 0;

    (void)state;
    atomic_fetch_add(&holding->stock->lanes, 1);
    for (int i = 0; i < 500; i++) {
        if (!pawl_run_next(&run, holding->stock, &id)) (void)next_id(world, holding);
    }
    assert_true(run.left > 0);
    for (int i = 0; i < 60; i++) {
        turn(world, 10 * PAWL_NS_PER_S);
    }
    assert_true(pawl_run_next(&run, holding->stock, &id));
    assert_true(pawl_record_apply(&world->store.record, &set, &moment));
    for (int i = 0; i < 4; i++) {
        turn(world, 10 * PAWL_NS_PER_S);
    }
    assert_false(pawl_run_next(&run, holding->stock, &id));
    pawl_holding_release(holding);
    world_free(world);
}

static void a_step_back_can_be_refused(void **state)
{
    struct world *world = world_new(NULL);
    struct pawl_moment moment = {.random = &world->store.random,
                                 .refill_interval_ns = INTERVAL_S * PAWL_NS_PER_S,
                                 .refuse_rollback = true};
    struct pawl_record before = world->store.record;
    struct pawl_ask take = {.kind = PAWL_ASK_TAKE,
                            .count = 1,
                            .name = pawl_name_bytes(&before.name),
                            .floor = {before.line, 0, 10}};

    (void)state;
    assert_false(pawl_record_apply(&world->store.record, &take, &moment));
    assert_int_equal(take.error.code, PAWL_ROLLBACK);
    assert_int_equal(world->store.record.version, before.version);
    moment.refuse_rollback = false;
    assert_true(pawl_record_apply(&world->store.record, &take, &moment));
    assert_int_equal(take.error.code, PAWL_OK);
    world_free(world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_dropped_global_sequence_is_left_alone),
        cmocka_unit_test(a_refused_check_is_not_repeated_at_once),
        cmocka_unit_test(a_refused_rollback_is_not_repeated_at_once),
        cmocka_unit_test(a_refused_floor_fails_its_asker_alone),
        cmocka_unit_test(a_sequence_that_stops_stops_for_everybody),
        cmocka_unit_test(a_floor_kept_for_others_is_refused_to_all),
        cmocka_unit_test(what_the_store_lost_is_not_begun_at_its_start_again),
        cmocka_unit_test(a_full_reserve_is_no_reason_to_hurry),
        cmocka_unit_test(what_was_missing_is_asked_for_at_once),
        cmocka_unit_test(a_run_finds_a_place_in_a_full_reserve),
        cmocka_unit_test(what_a_run_leaves_in_its_lap_is_counted),
        cmocka_unit_test(a_batch_that_failed_late_still_times_out),
        cmocka_unit_test(a_change_that_waits_times_out),
        cmocka_unit_test(a_batch_that_failed_keeps_its_place),
        cmocka_unit_test(a_check_times_out),
        cmocka_unit_test(a_change_ends_leases),
        cmocka_unit_test(a_floor_refused_late_harms_nobody),
        cmocka_unit_test(fewer_will_do_at_the_end),
        cmocka_unit_test(a_run_too_long_ends_nothing),
        cmocka_unit_test(a_run_of_a_global_sequence_is_not_kept),
        cmocka_unit_test(a_check_that_finds_it_global_wakes_all),
        cmocka_unit_test(an_idle_lane_learns_of_a_change),
        cmocka_unit_test(a_step_back_can_be_refused),
    };

    return cmocka_run_group_tests_name("keeper_edge", tests, NULL, NULL);
}

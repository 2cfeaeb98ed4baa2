/* SPDX-License-Identifier: Apache-2.0 */
/* How many sequences a keeper has in memory, and which of them leave. */
#include "keeper_world.h"
#include "range/kept.h"

#include <stdio.h>

enum { MOST = 10 };

/* One id of the n-th of many: names are many, the record behind them is one. */
static int64_t once(struct world *world, int n)
{
    char name[16];
    int size = snprintf(name, sizeof name, "s%d", n);
    struct pawl_ask open = {.kind = PAWL_ASK_OPEN, .once = true, .name = {name, (size_t)size}};

    do_ask(world, &open);
    assert_int_equal(open.asker, 1);
    assert_int_equal(open.error.code, PAWL_OK);
    assert_null(open.holding);
    return open.grant.range.first;
}

static bool in_memory(struct world *world, int n)
{
    char name[16];
    int size = snprintf(name, sizeof name, "s%d", n);

    return pawl_kept_find(world->keeper, (struct pawl_bytes){name, (size_t)size}) != NULL;
}

static void those_unused_for_longest_leave(void **state)
{
    struct world *world = world_new(NULL);
    const struct pawl_counts *counts = pawl_keeper_counts(world->keeper);
    int64_t last = 0;

    (void)state;
    world->keeper->settings.cache_max = MOST;
    for (int n = 0; n < 200; n++) {
        int64_t id = once(world, n);

        assert_int_equal(id, last + 1);
        last = id;
        turn(world, PAWL_NS_PER_MS);
        assert_true(counts->holdings <= MOST);
        assert_true(in_memory(world, n)); /* the one that was just used is never the one */
    }
    assert_int_equal(counts->let_go, 200 - MOST);
    assert_int_equal(burned(world), 0);
    assert_conserved(world);
    world_free(world);
}

static void what_a_leaving_one_holds_is_given_back(void **state)
{
    struct world *world = world_new(NULL);
    struct pawl_holding *holding = open_holding(world);
    int64_t last = 0;

    (void)state;
    for (int i = 0; i < 100; i++) {
        last = next_id(world, holding);
        turn(world, 10 * PAWL_NS_PER_MS);
    }
    world->keeper->settings.cache_max = 1;
    assert_true(world->store.record.next > last + 1);
    (void)once(world, 1);
    turn(world, PAWL_NS_PER_MS);
    assert_int_equal(world->store.returns, 0); /* somebody has it open */
    pawl_holding_release(holding);
    (void)once(world, 2);
    for (int i = 0; i < 4; i++) {
        turn(world, PAWL_NS_PER_MS);
    }
    assert_int_equal(pawl_keeper_counts(world->keeper)->holdings, 1);
    assert_false(pawl_kept_find(world->keeper, PAWL_BYTES("s")) != NULL);
    assert_conserved(world);
    world_free(world);
}

static void one_that_is_leased_stays(void **state)
{
    struct world *world = world_new(NULL);
    struct asking lease = {.ask = {.kind = PAWL_ASK_TAKE, .count = 5}};

    (void)state;
    world->keeper->settings.cache_max = 1;
    world->keeper->settings.ledger_since = 1;
    ask_as(world, 7, &lease);
    for (int n = 0; n < 20; n++) {
        (void)once(world, n);
    }
    assert_non_null(pawl_kept_find(world->keeper, PAWL_BYTES("s")));
    world_free(world);
}

static int shrunk;

static void note_shrunk(void *arg)
{
    (void)arg;
    shrunk++;
}

static void memory_goes_back_when_most_have_left(void **state)
{
    struct world *world = world_new(NULL);

    (void)state;
    shrunk = 0;
    world->keeper->settings.shrank = note_shrunk;
    for (int n = 0; n < 70000; n++) {
        (void)once(world, n);
    }
    assert_int_equal(shrunk, 0);
    for (int i = 0; i < 10; i++) {
        turn(world, INTERVAL_S * PAWL_NS_PER_S);
    }
    assert_int_equal(pawl_keeper_counts(world->keeper)->holdings, 0);
    assert_int_equal(shrunk, 1);
    world_free(world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(those_unused_for_longest_leave),
        cmocka_unit_test(what_a_leaving_one_holds_is_given_back),
        cmocka_unit_test(one_that_is_leased_stays),
        cmocka_unit_test(memory_goes_back_when_most_have_left),
    };

    return cmocka_run_group_tests_name("keeper_cache", tests, NULL, NULL);
}

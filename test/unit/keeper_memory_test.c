/* SPDX-License-Identifier: Apache-2.0 */
/* A keeper on a machine that has no memory for a while. Linked with --wrap=malloc,calloc. */
#include "keeper_world.h"

static bool nothing_left; /* to allocate */

/* The linker's names for what is wrapped, and for what wraps it. */
void *real_malloc(size_t size) __asm__("__real_malloc");
void *real_calloc(size_t count, size_t size) __asm__("__real_calloc");
void *scarce_malloc(size_t size) __asm__("__wrap_malloc");
void *scarce_calloc(size_t count, size_t size) __asm__("__wrap_calloc");

void *scarce_malloc(size_t size)
{
    return nothing_left ? NULL : real_malloc(size);
}

void *scarce_calloc(size_t count, size_t size)
{
    return nothing_left ? NULL : real_calloc(count, size);
}

static void a_refill_waits_until_there_is_memory_for_it(void **state)
{
    struct world *world = world_new(NULL);
    struct pawl_holding *holding = open_holding(world);
    struct pawl_ask other = {.kind = PAWL_ASK_TAKE, .name = PAWL_BYTES("t"), .count = 5};
    struct pawl_ask ask = {.kind = PAWL_ASK_TAKE, .count = 5};
    pawl_ids ids;

    (void)state;
    world->store.held_back = true;
    do_ask(world, &other); /* what memory was kept for asks is in use now */
    nothing_left = true;
    while (pawl_stock_take(holding->stock, 1, &ids)) {
    }
    do_ask(world, &ask); /* there is none for whoever waits, either: he is told */
    assert_int_equal(ask.asker, 1);
    assert_int_equal(ask.error.code, PAWL_NO_MEMORY);
    assert_ptr_equal(world->store.asks.first->next, NULL);
    uint64_t again_ns = pawl_keeper_turn(world->keeper, world->now_ns);

    assert_true(again_ns > world->now_ns);
    assert_true(again_ns <= world->now_ns + 10 * PAWL_NS_PER_MS);
    nothing_left = false;
    world->store.held_back = false;
    turn(world, 10 * PAWL_NS_PER_MS);
    assert_int_equal(other.asker, 1);
    assert_true(pawl_stock_take(holding->stock, 1, &ids));
    do_ask(world, &ask);
    assert_int_equal(ask.asker, 1);
    assert_int_equal(ask.error.code, PAWL_OK);
    assert_int_equal(ask.grant.range.count, 5);
    pawl_holding_release(holding);
    world_free(world);
}

static void a_lease_that_is_not_remembered_is_not_taken_back(void **state)
{
    const pawl_definition vast = {.given = PAWL_GIVEN_BLOCK, .block = 100000000};
    struct world *world =
        world_new(&vast); /* more than a stock has room for: some stay in reserve */
    struct pawl_ask take = {.kind = PAWL_ASK_TAKE, .count = 1};
    struct pawl_ask second = take;

    (void)state;
    (void)open_holding(world);
    nothing_left = true;
    do_ask(world, &take);
    nothing_left = false;
    assert_int_equal(take.error.code, PAWL_OK);
    struct pawl_ask give = {.kind = PAWL_ASK_RETURN,
                            .value = take.grant.range.first,
                            .count = 1,
                            .lease = take.grant.lease,
                            .epoch = take.grant.epoch};
    do_ask(world, &give);
    assert_int_not_equal(give.error.code, PAWL_OK);
    do_ask(world, &second);
    assert_int_equal(second.error.code, PAWL_OK);
    assert_true(second.grant.range.first > take.grant.range.first);
    world_free(world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_refill_waits_until_there_is_memory_for_it),
        cmocka_unit_test(a_lease_that_is_not_remembered_is_not_taken_back),
    };

    return cmocka_run_group_tests_name("keeper_memory", tests, NULL, NULL);
}

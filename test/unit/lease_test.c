/* SPDX-License-Identifier: Apache-2.0 */
/* Leases: where they begin, and from whom they are taken back. */
#include "keeper_world.h"

static void nobody_gives_back_what_another_was_leased(void **state)
{
    struct world *world = world_new(NULL);
    struct asking lease = {.ask = {.kind = PAWL_ASK_TAKE, .count = 10}};

    (void)state;
    ask_as(world, 1, &lease);
    assert_int_equal(lease.ask.error.code, PAWL_OK);
    struct asking back = {.ask = {.kind = PAWL_ASK_RETURN,
                                  .lease = lease.ask.grant.lease,
                                  .value = lease.ask.grant.range.first}};
    ask_as(world, 2, &back);
    assert_int_equal(back.ask.error.code, PAWL_NOT_KEPT);
    ask_as(world, 1, &back);
    assert_int_equal(back.ask.error.code, PAWL_OK);
    assert_conserved(world);
    world_free(world);
}

/* A client that comes from another server, whose ids a store gave again after it went back. */
static void a_lease_begins_beyond_a_floor_amid_what_is_held(void **state)
{
    struct world *world = world_new(NULL);
    struct asking warm = {.ask = {.kind = PAWL_ASK_TAKE, .count = 1000}};

    (void)state;
    ask_as(world, 1, &warm);
    struct asking back = {.ask = {.kind = PAWL_ASK_RETURN,
                                  .lease = warm.ask.grant.lease,
                                  .value = warm.ask.grant.range.first + 10}};
    ask_as(world, 1, &back);
    assert_int_equal(back.ask.error.code, PAWL_OK);
    int64_t floor = back.ask.value + 5;
    uint64_t writes = world->store.writes;
    struct asking lease = {.ask = {.kind = PAWL_ASK_TAKE, .count = 3}};

    lease.ask.floor = (struct pawl_mark){warm.ask.grant.line, warm.ask.grant.lap, floor};
    ask_as(world, 2, &lease);
    assert_int_equal(lease.ask.error.code, PAWL_OK);
    assert_int_equal(lease.ask.grant.range.first, floor + 1);
    assert_int_equal(world->store.writes, writes); /* it was of what was held */
    assert_conserved(world);
    world_free(world);
}

/* ORDER GLOBAL, of which a server knows only that it gave ids: whoever asks must hear of it. */
static void who_asks_whether_an_epoch_stands_learns_that_nothing_may_be_held(void **state)
{
    const pawl_definition global = {.given = PAWL_GIVEN_ORDER, .order = PAWL_ORDER_GLOBAL};
    struct world *world = world_new(&global);
    struct asking next = {.ask = {.kind = PAWL_ASK_NEXT, .count = 1}};
    struct asking check = {.ask = {.kind = PAWL_ASK_TAKE}};

    (void)state;
    ask_as(world, 1, &next);
    assert_int_equal(next.ask.error.code, PAWL_OK);
    ask_as(world, 2, &check);
    assert_int_equal(check.ask.error.code, PAWL_GLOBAL);
    world_free(world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nobody_gives_back_what_another_was_leased),
        cmocka_unit_test(a_lease_begins_beyond_a_floor_amid_what_is_held),
        cmocka_unit_test(who_asks_whether_an_epoch_stands_learns_that_nothing_may_be_held),
    };

    return cmocka_run_group_tests_name("lease", tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Leases: where they begin, from whom they are taken back, and whose words count. */
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

/* One bad floor, of which its asker is told, is nobody else's trouble. */
static void who_tells_a_floor_that_cannot_be_fails_alone(void **state)
{
    struct world *world = world_new(NULL);
    struct asking plain = {.ask = {.kind = PAWL_ASK_TAKE, .count = 5}};
    struct asking bad = {.ask = {.kind = PAWL_ASK_TAKE, .count = 5}};
    struct pawl_holding *holding = open_holding(world);
    struct pawl_ask wait = {.kind = PAWL_ASK_WAIT,
                            .count = 5,
                            .name = PAWL_BYTES("s"),
                            .holding = holding,
                            .done = ask_done};

    (void)state;
    plain.ask.name = PAWL_BYTES("s");
    plain.ask.asker = 1;
    plain.ask.done = asking_done;
    bad.ask.floor = (struct pawl_mark){world->store.record.line + 1, 0, 1};
    pawl_source_ask(pawl_keeper_source(world->keeper), &wait);
    pawl_source_ask(pawl_keeper_source(world->keeper), &plain.ask);
    ask_as(world, 2, &bad);
    assert_int_equal(bad.ask.error.code, PAWL_FLOOR);
    turn(world, PAWL_NS_PER_S);
    assert_true(plain.answered);
    assert_int_equal(plain.ask.error.code, PAWL_OK);
    assert_int_equal(wait.asker, 1);
    assert_int_equal(wait.error.code, PAWL_OK);
    assert_conserved(world);
    pawl_holding_release(holding);
    world_free(world);
}

/* Nobody makes a keeper hold millions by saying that he uses them. */
static void a_rate_counts_as_far_as_its_asker_was_granted(void **state)
{
    enum { ASKS = 60, MOST = ASKS * 10 };
    struct world *world = world_new(NULL);

    (void)state;
    for (int i = 0; i < ASKS; i++) {
        struct asking lease = {.ask = {.kind = PAWL_ASK_TAKE, .count = 1, .rate = 1e6}};

        ask_as(world, 1, &lease);
        assert_int_equal(lease.ask.error.code, PAWL_OK);
        turn(world, PAWL_NS_PER_S);
    }
    assert_in_range(pawl_keeper_counts(world->keeper)->reserved, ASKS, MOST);
    world_free(world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nobody_gives_back_what_another_was_leased),
        cmocka_unit_test(a_lease_begins_beyond_a_floor_amid_what_is_held),
        cmocka_unit_test(who_asks_whether_an_epoch_stands_learns_that_nothing_may_be_held),
        cmocka_unit_test(who_tells_a_floor_that_cannot_be_fails_alone),
        cmocka_unit_test(a_rate_counts_as_far_as_its_asker_was_granted),
    };

    return cmocka_run_group_tests_name("lease", tests, NULL, NULL);
}

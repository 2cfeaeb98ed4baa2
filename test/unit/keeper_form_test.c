/* SPDX-License-Identifier: Apache-2.0 */
/* What a sequence has at times: a stock while it is used often, none while it is seldom used. */
#include "keeper_world.h"
#include "range/kept.h"

enum { IDS_MAX = 4096 };

/* Every id that was handed out, whatever keeper did it. */
struct account {
    bool used[IDS_MAX];
    int64_t last;
};

static void note(struct account *account, int64_t id)
{
    assert_true(id > 0 && id < IDS_MAX);
    assert_false(account->used[id]);
    assert_true(id > account->last);
    account->used[id] = true;
    account->last = id;
}

static struct kept *kept_of(struct world *world)
{
    return pawl_kept_find(world->keeper, PAWL_BYTES("s"));
}

static bool has_stock(struct world *world)
{
    const struct kept *kept = kept_of(world);

    return kept != NULL && kept->holding.stock != NULL;
}

/* As pawld asks for one id: it is here, or the sequence is open. NULL: *id is it. */
static struct pawl_holding *once(struct world *world, int64_t *id)
{
    struct pawl_ask open = {.kind = PAWL_ASK_OPEN, .once = true};

    do_ask(world, &open);
    assert_int_equal(open.asker, 1);
    assert_int_equal(open.error.code, PAWL_OK);
    if (open.holding == NULL) {
        assert_int_equal(open.grant.range.count, 1);
        *id = open.grant.range.first;
    }
    return open.holding;
}

static int64_t one(struct world *world)
{
    int64_t id = 0;

    assert_null(once(world, &id));
    return id;
}

static void what_is_seldom_used_has_no_stock(void **state)
{
    struct world *world = world_new(NULL);

    (void)state;
    for (int64_t i = 1; i <= 20; i++) {
        assert_int_equal(one(world), i);
        assert_false(has_stock(world));
        assert_null(kept_of(world)->busy);
        assert_null(kept_of(world)->reserve);
        assert_int_equal(world->store.record.next, i + 1);
        turn(world, (INTERVAL_S + 1) * PAWL_NS_PER_S);
    }
    assert_int_equal(burned(world), 0);
    assert_conserved(world);
    world_free(world);
}

/* Uses it until it is opened: the ids before that are counted. */
static struct pawl_holding *use_often(struct world *world, struct account *account)
{
    struct pawl_holding *holding = NULL;

    for (int i = 0; i < 4 && holding == NULL; i++) {
        int64_t id = 0;

        holding = once(world, &id);
        if (holding == NULL) note(account, id);
    }
    assert_non_null(holding);
    for (int i = 0; i < 10; i++) {
        note(account, next_id(world, holding));
        turn(world, PAWL_NS_PER_S);
    }
    return holding;
}

static void what_is_used_often_has_one_until_it_is_not(void **state)
{
    struct world *world = world_new(NULL);
    struct account account = {.last = 0};

    (void)state;
    for (int round = 0; round < 5; round++) {
        struct pawl_holding *holding = use_often(world, &account);

        assert_true(has_stock(world));
        turn(world, INTERVAL_S * PAWL_NS_PER_S);
        turn(world, INTERVAL_S * PAWL_NS_PER_S);
        assert_true(has_stock(world)); /* somebody has it open */
        pawl_holding_release(holding);
        turn(world, INTERVAL_S * PAWL_NS_PER_S);
        assert_false(has_stock(world));
        assert_true(pawl_kept_held(kept_of(world)) > 0); /* and what was in it is still held */
        assert_conserved(world);
        int64_t last = account.last;
        note(&account, one(world));
        assert_int_equal(account.last, last + 1);
    }
    assert_int_equal(burned(world), 0);
    world_free(world);
}

static void leases_are_not_taken_back_behind_an_id(void **state)
{
    const pawl_definition tens = {.given = PAWL_GIVEN_BLOCK, .block = 10};
    struct world *world = world_new(&tens);
    struct pawl_ask take = {.kind = PAWL_ASK_TAKE, .count = 4};

    (void)state;
    do_ask(world, &take);
    assert_int_equal(take.grant.range.first, 1);
    assert_int_equal(one(world), 5);
    struct pawl_ask give = {.kind = PAWL_ASK_RETURN,
                            .value = 3,
                            .count = 2,
                            .lease = take.grant.lease,
                            .epoch = take.grant.epoch};
    do_ask(world, &give);
    assert_int_equal(give.error.code, PAWL_NOT_KEPT);
    assert_int_equal(one(world), 6);
    world_free(world);
}

static void a_global_sequence_is_opened(void **state)
{
    const pawl_definition global = {.given = PAWL_GIVEN_ORDER, .order = PAWL_ORDER_GLOBAL};
    struct world *world = world_new(&global);
    int64_t id = 0;

    (void)state;
    struct pawl_holding *holding = once(world, &id);
    assert_non_null(holding);
    assert_non_null(holding->stock);
    assert_true(holding->global);
    pawl_holding_release(holding);
    world_free(world);
}

/* One who waits for a stock and one who would do without it are both served, in order. */
static void who_opens_and_who_does_not_wait_together(void **state)
{
    struct world *world = world_new(NULL);
    struct pawl_ask opens = {.kind = PAWL_ASK_OPEN};
    struct pawl_ask wants = {.kind = PAWL_ASK_OPEN, .once = true};

    (void)state;
    world->store.held_back = true;
    do_ask(world, &wants);
    do_ask(world, &opens);
    world->store.held_back = false;
    turn(world, PAWL_NS_PER_MS);
    turn(world, PAWL_NS_PER_MS);
    assert_int_equal(opens.asker, 1);
    assert_int_equal(wants.asker, 1);
    assert_ptr_equal(opens.holding, wants.holding);
    assert_int_equal(next_id(world, opens.holding), 1);
    pawl_holding_release(opens.holding);
    pawl_holding_release(opens.holding);
    world_free(world);
}

/* How a keeper may end, and what may come between. */
enum ending { ENDS_AT_ONCE, ENDS_DRAINED, IS_ALTERED, ENDINGS };

/* One id, in whatever form the sequence is. */
static int64_t any(struct world *world)
{
    int64_t id = 0;
    struct pawl_holding *holding = once(world, &id);

    if (holding == NULL) return id;
    id = next_id(world, holding);
    pawl_holding_release(holding);
    return id;
}

/* One more step of a life that changes its form twice. Returns false when it is over. */
static bool live(struct world *world, struct account *account, int step,
                 struct pawl_holding **holding)
{
    if (step < 2) {
        note(account, any(world));
    } else if (step == 2) {
        *holding = use_often(world, account);
    } else if (step < 6) {
        turn(world, INTERVAL_S * PAWL_NS_PER_S);
        if (step == 4) {
            pawl_holding_release(*holding);
            *holding = NULL;
        }
    } else if (step < 9) {
        note(account, any(world));
        turn(world, INTERVAL_S * PAWL_NS_PER_S / 2);
    } else {
        return false;
    }
    return true;
}

static void end_in(struct world *world, enum ending ending, struct pawl_holding *holding)
{
    static const pawl_definition same = {.given = PAWL_GIVEN_BLOCK, .block = 0};
    struct pawl_ask alter = {.kind = PAWL_ASK_ALTER, .definition = &same};

    if (ending == IS_ALTERED) {
        do_ask(world, &alter);
        assert_int_equal(alter.error.code, PAWL_OK);
    }
    if (ending == ENDS_DRAINED) {
        pawl_keeper_drain(world->keeper);
        turn(world, PAWL_NS_PER_MS);
        assert_true(pawl_keeper_drained(world->keeper));
    }
    if (ending != ENDS_AT_ONCE) assert_conserved(world);
    if (holding != NULL) pawl_holding_release(holding);
}

static void whatever_ends_it_no_id_comes_twice(void **state)
{
    (void)state;
    for (enum ending ending = ENDS_AT_ONCE; ending < ENDINGS; ending++) {
        for (int steps = 0; steps <= 9; steps++) {
            struct world *world = world_new(NULL);
            struct pawl_holding *holding = NULL;
            struct account account = {.last = 0};

            for (int step = 0; step < steps; step++) {
                if (!live(world, &account, step, &holding)) break;
            }
            end_in(world, ending, holding);
            struct pawl_keeper_settings settings = world->keeper->settings;
            pawl_keeper_free(world->keeper);
            world->store.asks = (struct pawl_asks){NULL, NULL};
            world->keeper = pawl_keeper_new(&world->store.source, &settings);
            if (ending == ENDS_DRAINED) {
                assert_int_equal(world->store.record.next, account.last + 1);
            }
            holding = NULL;
            for (int step = 0; live(world, &account, step, &holding); step++) {
            }
            assert_conserved(world);
            world_free(world);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_seldom_used_has_no_stock),
        cmocka_unit_test(what_is_used_often_has_one_until_it_is_not),
        cmocka_unit_test(leases_are_not_taken_back_behind_an_id),
        cmocka_unit_test(a_global_sequence_is_opened),
        cmocka_unit_test(who_opens_and_who_does_not_wait_together),
        cmocka_unit_test(whatever_ends_it_no_id_comes_twice),
    };

    return cmocka_run_group_tests_name("keeper_form", tests, NULL, NULL);
}

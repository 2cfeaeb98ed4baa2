/* SPDX-License-Identifier: Apache-2.0 */
/* The stock's laws with one thread; test/stress/stock_stress.c has those with many. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "range/lane.h"

static uint64_t seed; /* of the random steps under way; a failure prints it */
static int wakes;     /* how often the keeper was woken in this test */

static void count_wake(struct pawl_stock *stock)
{
    (void)stock;
    wakes++;
}

static void stock_ready(struct pawl_stock *stock)
{
    wakes = 0;
    pawl_stock_init(stock, count_wake);
}

static void publish(struct pawl_stock *stock, int64_t first, int64_t increment, uint64_t count)
{
    assert_true(pawl_stock_publish(stock, (struct pawl_range){first, increment, count}));
}

static int64_t must_next(struct pawl_stock *stock)
{
    int64_t id = 0;

    assert_true(pawl_stock_next(stock, &id));
    return id;
}

static void must_be_dry(struct pawl_stock *stock)
{
    int64_t id = -77;

    assert_false(pawl_stock_next(stock, &id));
    assert_int_equal(id, -77);
}

static void a_wiped_stock_hands_out_nothing(void **state)
{
    struct pawl_stock stock;
    struct pawl_run run;
    struct pawl_range left[PAWL_STOCK_SLOTS];
    pawl_ids ids;
    int64_t id;

    (void)state;
    memset(&stock, 0, sizeof(stock));
    memset(&run, 0, sizeof(run));
    must_be_dry(&stock);
    assert_false(pawl_stock_take(&stock, 3, &ids));
    assert_false(pawl_stock_take_exact(&stock, 3, &ids));
    assert_false(pawl_run_next(&run, &stock, &id));
    assert_int_equal(pawl_stock_left(&stock), 0);
    assert_int_equal(pawl_stock_retract(&stock, left), 0);
    assert_int_equal(atomic_load(&stock.word), 0);
}

/* A lane that lies outside the wiped pages must not go on either. */
static void a_run_does_not_outlive_its_wiped_stock(void **state)
{
    struct pawl_stock stock;
    struct pawl_run run = {0};
    int64_t id;

    (void)state;
    stock_ready(&stock);
    publish(&stock, 1, 1, 100);
    assert_true(pawl_run_next(&run, &stock, &id));
    memset(&stock, 0, sizeof(stock));
    assert_false(pawl_run_next(&run, &stock, &id));
    assert_int_equal(run.dropped, PAWL_RUN_LEAST - 1);
}

static void a_wiped_stock_can_be_filled(void **state)
{
    struct pawl_stock stock;

    (void)state;
    memset(&stock, 0, sizeof(stock));
    for (int64_t i = 0; i < PAWL_STOCK_SLOTS - 1; i++) {
        publish(&stock, 10 * i, 1, 1);
    }
    assert_false(pawl_stock_publish(&stock, (struct pawl_range){0, 1, 1}));
    for (int64_t i = 0; i < PAWL_STOCK_SLOTS - 1; i++) {
        assert_int_equal(must_next(&stock), 10 * i);
    }
    must_be_dry(&stock);
}

static void ids_come_in_order_over_many_slots(void **state)
{
    struct pawl_stock stock;

    (void)state;
    stock_ready(&stock);
    must_be_dry(&stock);
    for (int64_t round = 0; round < INT64_C(5) * PAWL_STOCK_SLOTS; round++) {
        publish(&stock, 100 * round, -3, 2);
        publish(&stock, 100 * round + 50, 7, 1);
        assert_int_equal(must_next(&stock), 100 * round);
        assert_int_equal(must_next(&stock), 100 * round - 3);
        assert_int_equal(must_next(&stock), 100 * round + 50);
        must_be_dry(&stock);
    }
    assert_int_equal(atomic_load(&stock.overrun), 0);
}

static void a_full_ring_refuses_until_its_oldest_slot_is_left(void **state)
{
    struct pawl_stock stock;
    struct pawl_range one = {0, 1, 1};

    (void)state;
    stock_ready(&stock);
    for (int i = 0; i < PAWL_STOCK_SLOTS; i++) {
        publish(&stock, i, 1, 1);
    }
    assert_false(pawl_stock_publish(&stock, one));
    (void)must_next(&stock);
    assert_false(pawl_stock_publish(&stock, one)); /* used up, but the word is still in it */
    (void)must_next(&stock);
    assert_true(pawl_stock_publish(&stock, one));
    assert_int_equal(pawl_stock_left(&stock), PAWL_STOCK_SLOTS - 1);
}

static void both_ends_of_int64_are_exact(void **state)
{
    struct pawl_stock stock;
    struct pawl_run run = {0};
    pawl_ids ids;
    int64_t id;

    (void)state;
    stock_ready(&stock);
    publish(&stock, INT64_MAX - 1, 1, 2);
    assert_int_equal(must_next(&stock), INT64_MAX - 1);
    assert_int_equal(must_next(&stock), INT64_MAX);
    publish(&stock, INT64_MIN + 5, -5, 2);
    assert_true(pawl_stock_take(&stock, 9, &ids));
    assert_int_equal(ids.first, INT64_MIN + 5);
    assert_int_equal(ids.count, 2);
    publish(&stock, INT64_MIN, INT64_MAX, 3);
    assert_int_equal(must_next(&stock), INT64_MIN);
    assert_int_equal(must_next(&stock), -1);
    assert_int_equal(must_next(&stock), INT64_MAX - 1);
    publish(&stock, INT64_MAX, INT64_MIN, 2);
    assert_true(pawl_run_next(&run, &stock, &id));
    assert_int_equal(id, INT64_MAX);
    assert_true(pawl_run_next(&run, &stock, &id));
    assert_int_equal(id, -1);
    assert_false(pawl_run_next(&run, &stock, &id));
}

static void an_exact_take_leaves_a_short_slot_whole(void **state)
{
    struct pawl_stock stock;
    pawl_ids ids;

    (void)state;
    stock_ready(&stock);
    publish(&stock, 1, 1, 5);
    publish(&stock, 100, 2, 9);
    assert_true(pawl_stock_take_exact(&stock, 3, &ids));
    assert_int_equal(ids.first, 1);
    assert_false(pawl_stock_take_exact(&stock, 3, &ids));
    assert_int_equal(wakes, 0); /* it is not dry */
    assert_true(pawl_stock_take_exact(&stock, 2, &ids));
    assert_int_equal(ids.first, 4);
    assert_true(pawl_stock_take_exact(&stock, 9, &ids)); /* steps to the next slot by itself */
    assert_int_equal(ids.first, 100);
    assert_int_equal(ids.increment, 2);
    assert_int_equal(ids.count, 9);
    assert_false(pawl_stock_take_exact(&stock, 1, &ids));
    assert_int_equal(wakes, 1);
}

static void retract_returns_what_is_left_in_order(void **state)
{
    struct pawl_stock stock;
    struct pawl_range left[PAWL_STOCK_SLOTS];

    (void)state;
    stock_ready(&stock);
    assert_int_equal(pawl_stock_retract(&stock, left), 0);
    publish(&stock, 1, 1, 5);
    publish(&stock, 10, -1, 4);
    publish(&stock, 70, 1, 1);
    (void)must_next(&stock);
    assert_int_equal(pawl_stock_retract(&stock, left), 3);
    assert_int_equal(left[0].first, 2);
    assert_int_equal(left[0].count, 4);
    assert_int_equal(left[1].first, 10);
    assert_int_equal(left[1].increment, -1);
    assert_int_equal(left[1].count, 4);
    assert_int_equal(left[2].count, 1);
    assert_int_equal(pawl_stock_left(&stock), 0);
    assert_int_equal(pawl_stock_retract(&stock, left), 0);
    must_be_dry(&stock);
    publish(&stock, 2, 1, 4);
    assert_int_equal(must_next(&stock), 2);
}

static void the_low_mark_wakes_once_when_fewer_are_left(void **state)
{
    struct pawl_stock stock;
    pawl_ids ids;

    (void)state;
    stock_ready(&stock);
    publish(&stock, 1, 1, 4);
    publish(&stock, 5, 1, 6);
    pawl_stock_set_low(&stock, 7);
    for (int i = 0; i < 3; i++) {
        (void)must_next(&stock);
    }
    assert_int_equal(pawl_stock_left(&stock), 7);
    assert_int_equal(wakes, 0);
    (void)must_next(&stock);
    assert_int_equal(wakes, 1);
    (void)must_next(&stock);
    assert_int_equal(wakes, 1);
    assert_int_equal(pawl_stock_heed(&stock), PAWL_WANT_MORE);
    pawl_stock_set_low(&stock, 3);
    assert_true(pawl_stock_take(&stock, 2, &ids)); /* to the mark */
    assert_int_equal(wakes, 1);
    assert_true(pawl_stock_take(&stock, 2, &ids)); /* across it */
    assert_int_equal(ids.count, 2);
    assert_int_equal(wakes, 2);
    (void)must_next(&stock);
    must_be_dry(&stock); /* is more urgent than low water, so wakes again */
    must_be_dry(&stock);
    assert_int_equal(wakes, 3);
    assert_int_equal(pawl_stock_heed(&stock), PAWL_WANT_ANY);
}

static void a_mark_that_is_passed_already_wakes_at_once(void **state)
{
    struct pawl_stock stock;

    (void)state;
    stock_ready(&stock);
    publish(&stock, 1, 1, 4);
    pawl_stock_set_low(&stock, 4);
    assert_int_equal(wakes, 0);
    pawl_stock_set_low(&stock, 5);
    assert_int_equal(wakes, 1);
    pawl_stock_set_low(&stock, 0);
    for (int i = 0; i < 4; i++) {
        (void)must_next(&stock);
    }
    assert_int_equal(wakes, 1);
    pawl_stock_set_low(&stock, 0); /* dry, but nobody wants any: quiet */
    assert_int_equal(wakes, 1);
    must_be_dry(&stock);
    assert_int_equal(wakes, 2);
    pawl_stock_set_low(&stock, 0); /* dry and wanted: is not forgotten */
    assert_int_equal(wakes, 3);
}

static void publishing_and_posting_are_signalled(void **state)
{
    struct pawl_stock stock;
    uint32_t seen;

    (void)state;
    stock_ready(&stock);
    seen = atomic_load(&stock.signal);
    must_be_dry(&stock);
    assert_int_equal(pawl_stock_wait(&stock, seen, 0), PAWL_OK); /* the time is over */
    pawl_stock_post(&stock, PAWL_STORE);
    assert_int_equal(pawl_stock_wait(&stock, seen, UINT64_MAX), PAWL_STORE);
    must_be_dry(&stock);
    assert_int_equal(wakes, 2); /* the post has cleared what was wanted */
    publish(&stock, 1, 1, 1);
    assert_int_equal(pawl_stock_wait(&stock, seen, UINT64_MAX), PAWL_OK);
    assert_int_equal(pawl_stock_heed(&stock), PAWL_WANT_NOTHING);
}

static void a_stamp_empties_runs(void **state)
{
    struct pawl_stock stock;
    struct pawl_run run = {0};
    int64_t id;

    (void)state;
    stock_ready(&stock);
    publish(&stock, 1, 1, 50);
    for (int64_t i = 1; i <= PAWL_RUN_LEAST + 3; i++) {
        assert_true(pawl_run_next(&run, &stock, &id));
        assert_int_equal(id, i);
    }
    assert_int_equal(pawl_stock_left(&stock), 50 - 3 * PAWL_RUN_LEAST); /* a second, longer run */
    pawl_stock_stamp(&stock);
    assert_true(pawl_run_next(&run, &stock, &id));
    assert_int_equal(id, 3 * PAWL_RUN_LEAST + 1);
    assert_int_equal(run.dropped, 2 * PAWL_RUN_LEAST - 3);
    assert_int_equal(pawl_run_drop(&run), 1); /* the slot held two more */
    assert_false(pawl_run_next(&run, &stock, &id));
}

/* A plain list of ranges, which must do as the stock does. */
struct reference {
    struct pawl_range ranges[PAWL_STOCK_SLOTS];
    size_t used;
};

static struct pawl_range reference_take(struct reference *reference, uint64_t count, bool exact)
{
    struct pawl_range *front = reference->ranges;
    struct pawl_range taken;

    if (reference->used == 0 || (exact && front->count < count)) return (struct pawl_range){0};
    taken = *front;
    if (taken.count > count) taken.count = count;
    front->first += (int64_t)taken.count * front->increment;
    front->count -= taken.count;
    if (front->count == 0) {
        memmove(front, front + 1, --reference->used * sizeof(*front));
    }
    return taken;
}

static void same(struct pawl_range a, pawl_ids b)
{
    assert_int_equal(a.first, b.first);
    assert_int_equal(a.increment, b.increment);
    assert_int_equal(a.count, b.count);
}

static void random_step(struct pawl_stock *stock, struct reference *reference, uint64_t *random)
{
    uint64_t dice = pawl_random(random) % 100;
    uint64_t count = 1 + pawl_random(random) % 12;
    struct pawl_range left[PAWL_STOCK_SLOTS];
    pawl_ids ids = {0};

    if (dice < 20) {
        struct pawl_range range = {(int64_t)(pawl_random(random) >> 2),
                                   (int64_t)(pawl_random(random) % 9) - 4, count};

        /* One slot of the ring is the word's, used up or not. */
        if (reference->used < PAWL_STOCK_SLOTS - 1) {
            assert_true(pawl_stock_publish(stock, range));
            reference->ranges[reference->used++] = range;
        }
    } else if (dice < 65) {
        struct pawl_range taken = reference_take(reference, count, false);

        assert_int_equal(pawl_stock_take(stock, count, &ids), taken.count > 0);
        same(taken, ids);
    } else if (dice < 85) {
        struct pawl_range taken = reference_take(reference, count, true);

        assert_int_equal(pawl_stock_take_exact(stock, count, &ids), taken.count > 0);
        same(taken, ids);
    } else if (dice < 90) {
        size_t used = pawl_stock_retract(stock, left);

        assert_int_equal(used, reference->used);
        for (size_t i = 0; i < used; i++) {
            assert_memory_equal(&left[i], &reference->ranges[i], sizeof(left[i]));
        }
        if (dice < 88) used = reference->used = 0; /* given back; else published again */
        for (size_t i = 0; i < used; i++) {
            assert_true(pawl_stock_publish(stock, left[i]));
        }
    } else {
        uint64_t held = 0;

        for (size_t i = 0; i < reference->used; i++) {
            held += reference->ranges[i].count;
        }
        assert_int_equal(pawl_stock_left(stock), held);
        (void)pawl_stock_heed(stock);
        wakes = 0;
        pawl_stock_set_low(stock, count);
        assert_int_equal(wakes, held < count);
    }
}

static void random_steps_match_a_plain_list(void **state)
{
    (void)state;
    for (seed = 1; seed <= 200; seed++) {
        struct pawl_stock stock;
        struct reference reference = {.used = 0};
        uint64_t random = seed;

        stock_ready(&stock);
        for (int i = 0; i < 500; i++) {
            random_step(&stock, &reference, &random);
        }
        assert_int_equal(atomic_load(&stock.overrun), 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_wiped_stock_hands_out_nothing),
        cmocka_unit_test(a_run_does_not_outlive_its_wiped_stock),
        cmocka_unit_test(a_wiped_stock_can_be_filled),
        cmocka_unit_test(ids_come_in_order_over_many_slots),
        cmocka_unit_test(a_full_ring_refuses_until_its_oldest_slot_is_left),
        cmocka_unit_test(both_ends_of_int64_are_exact),
        cmocka_unit_test(an_exact_take_leaves_a_short_slot_whole),
        cmocka_unit_test(retract_returns_what_is_left_in_order),
        cmocka_unit_test(the_low_mark_wakes_once_when_fewer_are_left),
        cmocka_unit_test(a_mark_that_is_passed_already_wakes_at_once),
        cmocka_unit_test(publishing_and_posting_are_signalled),
        cmocka_unit_test(a_stamp_empties_runs),
        cmocka_unit_test(random_steps_match_a_plain_list),
    };

    int failed = cmocka_run_group_tests_name("stock", tests, NULL, NULL);

    if (failed > 0) (void)fprintf(stderr, "PAWL_SEED=%ju\n", (uintmax_t)seed);
    return failed;
}

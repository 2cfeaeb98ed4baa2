/* SPDX-License-Identifier: Apache-2.0 */
#include "range/mark.h"

#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static const struct {
    const char *label;
    struct pawl_mark a, b;
    int64_t increment;
    int want;
} orders[] = {
    {"the same", {1, 2, 3}, {1, 2, 3}, 1, 0},
    {"a higher id lies beyond", {1, 2, 4}, {1, 2, 3}, 1, 1},
    {"descending, a lower id lies beyond", {1, 2, 4}, {1, 2, 3}, -1, -1},
    {"the lap goes before the id", {1, 3, 1}, {1, 2, 9}, 1, 1},
    {"descending, a later lap lies beyond all the same", {1, 3, 9}, {1, 2, 1}, -5, 1},
    {"the line goes before the lap", {2, 0, 1}, {1, 9, 9}, 1, 1},
    {"no mark lies before every mark", {0, 9, 9}, {1, 0, INT64_MIN}, 1, -1},
    {"no marks are the same, whatever else they hold", {0, 9, 9}, {0, 1, 1}, 1, 0},
    {"both ends", {1, 0, INT64_MAX}, {1, 0, INT64_MIN}, INT64_MAX, 1},
    {"both ends, descending", {1, 0, INT64_MAX}, {1, 0, INT64_MIN}, INT64_MIN, -1},
};

static void orders_marks(void **state)
{
    (void)state;
    for (size_t i = 0; i < PAWL_COUNT(orders); i++) {
        int got = pawl_mark_order(orders[i].a, orders[i].b, orders[i].increment);
        int back = pawl_mark_order(orders[i].b, orders[i].a, orders[i].increment);

        if (got != orders[i].want || back != -orders[i].want) {
            fail_msg("%s: got %d and %d back, want %d", orders[i].label, got, back, orders[i].want);
        }
    }
}

static void keeps_the_further_mark(void **state)
{
    struct pawl_mark low = {1, 0, 5};
    struct pawl_mark high = {1, 0, 9};

    (void)state;
    assert_int_equal(pawl_mark_further(low, high, 1).id, 9);
    assert_int_equal(pawl_mark_further(high, low, 1).id, 9);
    assert_int_equal(pawl_mark_further(low, high, -1).id, 5);
    assert_int_equal(pawl_mark_further((struct pawl_mark){0}, low, 1).id, 5);
}

static const struct {
    struct pawl_range range;
    int64_t want;
} lasts[] = {
    {{5, 3, 1}, 5},
    {{5, 3, 4}, 14},
    {{5, -3, 4}, -4},
    {{INT64_MIN, 1, UINT64_MAX}, INT64_MAX - 1},
    {{INT64_MAX, -1, UINT64_MAX}, INT64_MIN + 1},
    {{INT64_MAX, INT64_MIN, 2}, -1},
    {{INT64_MIN, INT64_MAX, 3}, INT64_MAX - 1},
    {{INT64_MAX, INT64_MAX, 1}, INT64_MAX},
};

static void knows_a_ranges_last_id(void **state)
{
    (void)state;
    for (size_t i = 0; i < PAWL_COUNT(lasts); i++) {
        int64_t got = pawl_range_last(lasts[i].range);

        if (got != lasts[i].want) {
            fail_msg("row %zu: got %" PRId64 ", want %" PRId64, i, got, lasts[i].want);
        }
    }
}

/* Pieces cut off one after the other are the whole: each begins where the one before ends. */
static void cuts_without_losing_any(void **state)
{
    struct pawl_range range = {INT64_MAX, -7, 10};
    struct pawl_range before = pawl_range_cut(&range, 1);
    uint64_t sum = before.count;

    (void)state;
    assert_int_equal(before.first, INT64_MAX);
    while (range.count > 0) {
        struct pawl_range piece = pawl_range_cut(&range, 4);

        assert_true(pawl_range_adjacent(before, piece));
        assert_false(pawl_range_adjacent(piece, before));
        sum += piece.count;
        before = piece;
    }
    assert_int_equal(sum, 10);
    assert_int_equal(pawl_range_last(before), INT64_MAX - 63);
    assert_int_equal(pawl_range_cut(&range, 4).count, 0);
}

static void adjacent_ranges_do_not_wrap(void **state)
{
    struct pawl_range top = {INT64_MAX, 1, 1};
    struct pawl_range bottom = {INT64_MIN, 1, 1};
    struct pawl_range none = {0, 1, 0};

    (void)state;
    assert_false(pawl_range_adjacent(top, bottom));
    assert_false(pawl_range_adjacent(none, bottom));
    assert_false(pawl_range_adjacent(bottom, none));
    assert_false(pawl_range_adjacent((struct pawl_range){1, 1, 4}, (struct pawl_range){5, 2, 4}));
    assert_true(pawl_range_adjacent((struct pawl_range){1, 1, 4}, (struct pawl_range){5, 1, 1}));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(orders_marks),
        cmocka_unit_test(keeps_the_further_mark),
        cmocka_unit_test(knows_a_ranges_last_id),
        cmocka_unit_test(cuts_without_losing_any),
        cmocka_unit_test(adjacent_ranges_do_not_wrap),
    };

    return cmocka_run_group_tests_name("mark", tests, NULL, NULL);
}

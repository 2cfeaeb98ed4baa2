/* SPDX-License-Identifier: Apache-2.0 */
/* The arithmetic of docs/sizing.md: rows that a person can follow. That it is what keepers do,
 * writes_bench measures. */
#include "../../bench/sizing.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include "base/base.h"

#include <cmocka.h>

static const struct sizing sizing = {60, 30};

static const struct {
    double rate, writes, mean, most, ride_least, ride_mean;
} rows[] = {
    {1.0 / 86400, 1.0 / 86400, 0, 0, 0, 0}, /* one a day: a write for each id, nothing held */
    {0.0333, 0.0333, 0, 0, 0, 0},           {1.0 / 30, 1.0 / 30, 2.5, 3, 60, 75},
    {1, 1.0 / 30, 75, 90, 60, 75},          {1e7, 1.0 / 30, 7.5e8, 9e8, 60, 75},
};

static void near_to(double got, double wanted)
{
    if (fabs(got - wanted) > 1e-9 * fabs(wanted)) fail_msg("got %g, not %g", got, wanted);
}

static void a_sequence_costs(void **state)
{
    (void)state;
    for (size_t i = 0; i < PAWL_COUNT(rows); i++) {
        near_to(sizing_writes(&sizing, rows[i].rate), rows[i].writes);
        near_to(sizing_held_mean(&sizing, rows[i].rate), rows[i].mean);
        near_to(sizing_held_most(&sizing, rows[i].rate), rows[i].most);
        near_to(sizing_ride_least(&sizing, rows[i].rate), rows[i].ride_least);
        near_to(sizing_ride_mean(&sizing, rows[i].rate), rows[i].ride_mean);
    }
}

static void settings_count(void **state)
{
    const struct sizing longer = {120, 600};

    (void)state;
    near_to(sizing_writes(&longer, 10), 1.0 / 600);
    near_to(sizing_held_mean(&longer, 10), 4200);
    near_to(sizing_held_most(&longer, 10), 7200);
    near_to(sizing_ride_mean(&longer, 10), 420);
}

static void rough_only_near_one_id_in_an_interval(void **state)
{
    (void)state;
    assert_false(sizing_is_near(&sizing, 50.0 / 86400));
    assert_true(sizing_is_near(&sizing, 1.0 / 30));
    assert_true(sizing_is_near(&sizing, 1));
    assert_false(sizing_is_near(&sizing, 2));
}

static void fixed_blocks_cost_by_use(void **state)
{
    (void)state;
    near_to(sizing_block_writes(500, 1000), 2);
    near_to(sizing_block_held(500), 250);
}

static void spreads_add_up(void **state)
{
    double rates[4];

    (void)state;
    sizing_zipf(rates, PAWL_COUNT(rates), 25);
    near_to(rates[0], 12);
    near_to(rates[1], 6);
    near_to(rates[3], 3);
    sizing_equal(rates, PAWL_COUNT(rates), 25);
    near_to(rates[0], 6.25);
    near_to(rates[3], 6.25);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_sequence_costs),
        cmocka_unit_test(settings_count),
        cmocka_unit_test(rough_only_near_one_id_in_an_interval),
        cmocka_unit_test(fixed_blocks_cost_by_use),
        cmocka_unit_test(spreads_add_up),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

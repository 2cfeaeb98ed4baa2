/* SPDX-License-Identifier: Apache-2.0 */
/* Definitions and the arithmetic of records, against PostgreSQL's words and a slow reference. */
#include "record_fixture.h"

#include <inttypes.h>

static void first_ids_are_postgresqls(void **state)
{
    static const int64_t want[] = {5, 8, 1, 4, 7, 10, 1};
    const pawl_definition definition = {
        .given = PAWL_GIVEN_START | PAWL_GIVEN_MIN | PAWL_GIVEN_MAX | PAWL_GIVEN_INCREMENT |
                 PAWL_GIVEN_CYCLE,
        .start = 5,
        .min = 1,
        .max = 10,
        .increment = 3,
        .cycle = true,
    };
    struct desk desk;

    (void)state;
    desk_set(&desk, "s");
    assert_int_equal(desk_create(&desk, &definition).error.code, PAWL_OK);
    for (size_t i = 0; i < PAWL_COUNT(want); i++) {
        struct pawl_ask ask = desk_next(&desk, 1);

        assert_int_equal(ask.error.code, PAWL_OK);
        assert_int_equal(ask.grant.range.first, want[i]);
    }
    assert_int_equal(desk.record.lap, 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(first_ids_are_postgresqls),
    };

    return cmocka_run_group_tests_name("record", tests, NULL, NULL);
}

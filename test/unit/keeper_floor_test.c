/* SPDX-License-Identifier: Apache-2.0 */
/* What a keeper tells its source of the ids that it knows of, when it has not been granted any. */
#include "keeper_world.h"

/* Of two who know more the further one counts, though nothing was granted here that shows which. */
static void a_sequence_that_stops_goes_by_the_furthest_floor(void **state)
{
    const pawl_definition down = {.given = PAWL_GIVEN_INCREMENT, .increment = -1};
    const pawl_definition *const definitions[] = {NULL, &down};

    (void)state;
    for (size_t i = 0; i < PAWL_COUNT(definitions); i++) {
        struct world *world = world_with(definitions[i], true);
        int64_t way = world->store.record.increment;
        struct pawl_ask knows = {.kind = PAWL_ASK_TAKE, .count = 1};
        struct pawl_ask fence = {.kind = PAWL_ASK_FENCE, .count = 60};
        struct pawl_ask others = {.kind = PAWL_ASK_TAKE, .count = 1};

        world->store.refuses = true;
        for (int64_t id = 50; id <= 90; id += 40) {
            knows = (struct pawl_ask){.kind = PAWL_ASK_TAKE, .count = 1};
            knows.floor = (struct pawl_mark){world->store.record.line, 0, id * way};
            do_ask(world, &knows);
            assert_int_equal(knows.error.code, PAWL_ROLLBACK);
        }
        do_ask(world, &fence);
        assert_int_equal(fence.error.code, PAWL_OK);
        do_ask(world, &others);
        assert_int_equal(others.error.code, PAWL_ROLLBACK);
        world_free(world);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_sequence_that_stops_goes_by_the_furthest_floor),
    };

    return cmocka_run_group_tests_name("keeper_floor", tests, NULL, NULL);
}

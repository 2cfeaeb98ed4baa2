/* SPDX-License-Identifier: Apache-2.0 */
/* What a guard makes of the name and the branch that its store tells. */
#include "guard_world.h"

#include "store/tag.h"

static const struct pawl_mark nothing = {.line = 0};

static void has_tag(struct world *world, uint64_t number, uint64_t luck)
{
    world->store.identity.branch = pawl_tag_branch(&(struct pawl_tag){number, luck});
}

static void begin_tagged(struct world *world, uint64_t number)
{
    world_begin(world);
    has_tag(world, number, 7);
    world_restart(world, 0);
    struct deed taken = world_take(world, 1, nothing);

    assert_int_equal(taken.ask.error.code, PAWL_OK);
    assert_int_equal(world->book.head.branch.at[0], (char)('0' + number));
}

/*
 * The branch of the backup was replaced the first time that it was put back; all its records bear
 * it, and its position says nothing of another branch. Others that know a later one, too: those
 * whose number somebody who did not know the first draw has given to his own.
 */
static void a_backup_that_is_put_back_again_is_known(void **state)
{
    static const struct {
        uint64_t number, luck;
        bool draws;
    } rows[] = {{1, 7, true}, {2, 8, true}, {3, 8, false}, {2, 7, false}};

    (void)state;
    for (size_t i = 0; i < PAWL_COUNT(rows); i++) {
        struct world world;

        begin_tagged(&world, 2);
        world.store.identity.position += 100;
        has_tag(&world, rows[i].number, rows[i].luck);
        /* What is there was granted by others, and all of it bears the present branch. */
        memcpy(world.store.record.branch, world.store.identity.branch.at,
               world.store.identity.branch.size);
        world.store.record.branch_size = world.store.identity.branch.size;
        world_restart(&world, 0);
        struct deed taken = world_take(&world, 1, nothing);

        assert_int_equal(taken.ask.error.code, PAWL_OK);
        assert_int_equal(taken.ask.skipped >= PAWL_FENCE_IDS_MIN, rows[i].draws);
        assert_int_equal(world.store.redraws, rows[i].draws);
        assert_int_equal(world_view(&world).times_back, rows[i].draws);
        assert_memory_equal(world.book.head.branch.at, world.store.identity.branch.at,
                            world.book.head.branch.size);
        world_restart(&world, 0);
        taken = world_take(&world, 1, nothing);
        assert_int_equal(taken.ask.skipped, 0);
        assert_int_equal(world.store.redraws, rows[i].draws);
        world_end(&world);
    }
}

/*
 * Two servers have seen the store beyond the backup, and nothing of the sequence. One is there when
 * the backup is put back, the other when it is put back again; neither hears of the other's branch.
 */
static void a_backup_put_back_twice_leads_two_servers_apart(void **state)
{
    enum { USED = 1000 };
    struct world world;
    int64_t firsts[2];

    (void)state;
    begin_tagged(&world, 1);
    world_keep(&world);
    struct pawl_identity backup = world.store.identity;

    world.book.head.position = backup.position + 100;
    world.book.count = 0;
    const struct fake_book server = world.book;

    for (int time = 0; time < 2; time++) {
        world_back(&world);
        world.store.identity = backup;
        world_become(&world, &server);
        struct deed taken = world_take(&world, USED, nothing);

        assert_int_equal(taken.ask.error.code, PAWL_OK);
        assert_int_equal(world.store.redraws, time + 1);
        assert_int_equal(world.book.head.branch.at[0], '2');
        firsts[time] = taken.ask.grant.range.first;
    }
    assert_true(firsts[0] - firsts[1] >= USED || firsts[1] - firsts[0] >= USED);
    world_end(&world);
}

/* While it is in use: what an older branch granted is burned. */
static void an_older_branch_while_in_use_is_noticed(void **state)
{
    struct world world;

    (void)state;
    begin_tagged(&world, 2);
    has_tag(&world, 1, 7);
    struct deed taken = world_take(&world, 3, nothing);

    assert_int_equal(taken.ask.error.code, PAWL_LOST);
    taken = world_take(&world, 3, nothing);
    assert_int_equal(taken.ask.error.code, PAWL_OK);
    assert_int_equal(world.store.redraws, 1);
    assert_int_equal(world.book.head.branch.at[0], '3');
    world_end(&world);
}

/* Who does not know whether the branch is older asks the store, which does. */
static void a_branch_that_is_no_tag_is_for_the_store_to_judge(void **state)
{
    struct world world;

    (void)state;
    begin_tagged(&world, 2);
    world.store.identity.branch = (struct pawl_branch){.size = 1, .loses = true, .at = "2"};
    world_restart(&world, 0);
    struct deed taken = world_take(&world, 1, nothing);

    assert_int_equal(taken.ask.error.code, PAWL_OK);
    assert_int_equal(world.store.redraws, 1);
    assert_int_equal(world_view(&world).times_back, 1);
    assert_int_equal(world.book.head.branch.at[0], '3');
    world_end(&world);
}

static void a_store_that_hides_its_name_is_the_one_it_was(void **state)
{
    struct world world;
    struct deed ping = {.ask = {.kind = PAWL_ASK_PING}};

    (void)state;
    world_begin(&world);
    (void)world_take(&world, 10, nothing);
    unsigned opens = world.book.opens;

    world.store.identity.name_size = 0;
    (void)world_ask(&world, &ping);
    struct deed taken = world_take(&world, 1, nothing);

    assert_int_equal(taken.ask.grant.range.first, 11);
    assert_int_equal(world.book.opens, opens);
    assert_string_equal(world_view(&world).store, "n");
    world_end(&world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_backup_that_is_put_back_again_is_known),
        cmocka_unit_test(a_backup_put_back_twice_leads_two_servers_apart),
        cmocka_unit_test(an_older_branch_while_in_use_is_noticed),
        cmocka_unit_test(a_branch_that_is_no_tag_is_for_the_store_to_judge),
        cmocka_unit_test(a_store_that_hides_its_name_is_the_one_it_was),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

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

/* The store is another one, empty. */
static void exchange(struct world *world)
{
    struct pawl_name name = world->store.record.name;

    world->store.record = (struct pawl_record){.name = name};
    world->store.identity.name[0] = 'm';
    world->store.identity.position = 0;
    world->book.denied = true;
}

static void another_store_is_noticed_by_whatever_it_answers(void **state)
{
    static const enum pawl_ask_kind kinds[] = {PAWL_ASK_TAKE, PAWL_ASK_NEXT, PAWL_ASK_READ};
    struct pawl_record record;

    (void)state;
    for (size_t i = 0; i < PAWL_COUNT(kinds); i++) {
        struct world world;
        struct deed deed = {.ask = {.kind = kinds[i], .count = 5, .record = &record}};

        world_begin(&world);
        (void)world_take(&world, 10, nothing);
        exchange(&world);
        (void)world_ask(&world, &deed);
        assert_int_equal(deed.ask.error.code, PAWL_STORE);
        assert_string_equal(deed.ask.error.text, "another store");
        assert_string_equal(world_view(&world).state, "refused");
        assert_int_equal(world.book.seen[0].dropped_s, 0);
        world_end(&world);
    }
}

static void a_change_is_not_made_in_another_store(void **state)
{
    static const enum pawl_ask_kind kinds[] = {PAWL_ASK_CREATE, PAWL_ASK_FENCE, PAWL_ASK_DROP};

    (void)state;
    for (size_t i = 0; i < PAWL_COUNT(kinds); i++) {
        struct world world;

        world_begin(&world);
        (void)world_take(&world, 10, nothing);
        exchange(&world);
        world.now_ns += 10 * PAWL_NS_PER_S;
        struct deed deed = world_do(&world, kinds[i]);

        assert_int_equal(deed.ask.error.code, PAWL_STORE);
        assert_string_equal(deed.ask.error.text, "another store");
        assert_int_equal(world.store.record.epoch, 0);
        world_end(&world);
    }
}

static void a_sequence_that_the_store_has_lost_is_told_with_what_was_seen(void **state)
{
    struct world world;

    (void)state;
    world_begin(&world);
    (void)world_take(&world, 10, nothing);
    struct pawl_name name = world.store.record.name;

    world.store.record = (struct pawl_record){.name = name};
    for (int i = 0; i < 2; i++) {
        struct deed taken = world_take(&world, 5, nothing);

        assert_int_equal(taken.ask.error.code, PAWL_NO_SEQUENCE);
        assert_non_null(strstr(taken.ask.error.text, "seen ids of it up to 10"));
        assert_non_null(strstr(taken.ask.error.text, "pawl restore"));
        assert_non_null(strstr(taken.ask.error.text, "--start"));
        assert_int_equal(world.book.seen[0].dropped_s, 0);
    }
    struct deed read = world_do(&world, PAWL_ASK_READ);

    assert_non_null(strstr(read.ask.error.text, PAWL_LOST_WORDS));
    assert_int_equal(world_do(&world, PAWL_ASK_CREATE).ask.error.code, PAWL_OK);
    assert_true(world_take(&world, 1, nothing).ask.grant.range.first > 10 + PAWL_FENCE_IDS_MIN);
    /* One that was dropped elsewhere has left a tombstone. */
    struct pawl_record *record = &world.store.record;

    record->dropped = true;
    record->tag++;
    struct deed taken = world_take(&world, 5, nothing);

    assert_int_equal(taken.ask.error.code, PAWL_NO_SEQUENCE);
    assert_null(strstr(taken.ask.error.text, PAWL_LOST_WORDS));
    assert_int_not_equal(world.book.seen[0].dropped_s, 0);
    world_end(&world);
}

/* A store that was accepted in the place of another, whose sequence had come to 10. */
static void accepted(struct world *world)
{
    world_begin(world);
    (void)world_take(world, 10, nothing);
    exchange(world);
    world->book.denied = false;
    world->book.begun = false;
    world->book.head = (struct pawl_book_head){.position = 0};
    world->book.seen[0].former = true;
    world_restart(world, 0);
}

static struct deed create_at(struct world *world, int64_t start)
{
    const pawl_definition definition = {.given = PAWL_GIVEN_START, .start = start};
    struct deed deed = {.ask = {.kind = PAWL_ASK_CREATE, .definition = &definition}};

    (void)world_ask(world, &deed);
    deed.ask.definition = NULL;
    assert_int_equal(deed.ask.error.code, PAWL_OK);
    return deed;
}

static void what_an_exchanged_store_gave_counts_where_a_name_is_made_anew(void **state)
{
    static const int64_t starts[] = {0, 1, 10, 11, 1000};
    struct world world;

    (void)state;
    for (size_t i = 0; i < PAWL_COUNT(starts); i++) {
        accepted(&world);
        struct deed taken = world_take(&world, 1, nothing);

        assert_int_equal(taken.ask.error.code, PAWL_NO_SEQUENCE);
        assert_non_null(strstr(taken.ask.error.text, "from the store before this one"));
        if (starts[i] == 0) {
            assert_int_equal(world_do(&world, PAWL_ASK_CREATE).ask.error.code, PAWL_OK);
        } else {
            (void)create_at(&world, starts[i]);
        }
        int64_t first = world_take(&world, 1, nothing).ask.grant.range.first;

        if (starts[i] > 10) {
            assert_int_equal(first, starts[i]); /* it is said, and lies beyond */
        } else {
            assert_true(first > 10 + PAWL_FENCE_IDS_MIN);
        }
        assert_false(world.book.seen[0].former);
        world_end(&world);
    }
}

static void what_an_exchanged_store_gave_moves_nothing_that_is_there(void **state)
{
    struct world world;

    (void)state;
    world_begin(&world);
    (void)world_take(&world, 10, nothing);
    world.book.seen[0].former = true;
    world.book.seen[0].mark.line += 100; /* of a line that was never begun here */
    world_restart(&world, 0);
    struct deed taken = world_take(&world, 1, nothing);

    assert_int_equal(taken.ask.error.code, PAWL_OK);
    assert_int_equal(taken.ask.grant.range.first, 11);
    assert_false(world.book.seen[0].former);
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
        cmocka_unit_test(another_store_is_noticed_by_whatever_it_answers),
        cmocka_unit_test(a_change_is_not_made_in_another_store),
        cmocka_unit_test(a_sequence_that_the_store_has_lost_is_told_with_what_was_seen),
        cmocka_unit_test(what_an_exchanged_store_gave_counts_where_a_name_is_made_anew),
        cmocka_unit_test(what_an_exchanged_store_gave_moves_nothing_that_is_there),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Records that come back from a backup: row by row, then stores that lose time, from seeds. */
#include "record_fixture.h"

#include <inttypes.h>
#include <stdlib.h>

#include "range/apply_own.h"

enum { SEEDS = 4000, IDS = 4096 };

static struct pawl_ask restore(struct desk *desk, const struct pawl_record *came, uint64_t count)
{
    struct pawl_record copy = *came;
    struct pawl_ask ask = {.kind = PAWL_ASK_RESTORE, .record = &copy, .count = count};

    (void)desk_ask(desk, &ask);
    assert_same_record(&copy, came); /* so that it can be asked again */
    ask.record = NULL;
    return ask;
}

static void set_branch(struct pawl_record *record, const char *text)
{
    record->branch_size = (uint8_t)strlen(text);
    memcpy(record->branch, text, strlen(text));
}

/* A sequence of which 40 ids were taken. */
static void used(struct desk *desk, pawl_definition definition)
{
    desk_open(desk, definition);
    (void)desk_next(desk, 40);
}

/* The tombstone of a sequence that was renamed, or moved to another store. */
static struct pawl_record gone(const struct pawl_record *record, const char *to)
{
    struct pawl_record tombstone = *record;

    tombstone.dropped = true;
    tombstone.epoch++;
    tombstone.moved_to = record->name;
    if (to == NULL) {
        set_branch(&tombstone, "lmdb:/b#1");
    } else {
        assert_int_equal(
            pawl_name_set(&tombstone.moved_to, (struct pawl_bytes){to, strlen(to)}, NULL), PAWL_OK);
    }
    return tombstone;
}

static void what_is_lost_comes_back_beyond_what_was_given(void **state)
{
    struct desk a;
    struct desk b;

    (void)state;
    used(&a, (pawl_definition)UP_TO(100000));
    desk_set(&b, "s");
    struct pawl_record came = a.record;

    set_branch(&came, "branch of a store that is gone");
    b.moment.wall_s += 100;
    struct pawl_ask ask = restore(&b, &came, 500);

    assert_int_equal(ask.error.code, PAWL_OK);
    assert_int_equal(b.record.next, 541);
    assert_int_equal(ask.grant.range.first, 541);
    assert_int_equal(ask.burned, 500);
    assert_true(b.record.line == came.line && b.record.epoch > came.epoch);
    assert_true(ask.grant.epoch == b.record.epoch);
    assert_int_equal(b.record.max, 100000);
    assert_int_equal(b.record.version, 1);
    assert_int_equal(b.record.branch_size, 0);
    assert_int_equal(b.record.created_at, came.created_at);
    assert_int_equal(b.record.changed_at, 1000100);
    assert_int_equal(desk_next(&b, 1).grant.range.first, 541);
}

static void the_further_of_the_two_stays_and_moves_on(void **state)
{
    struct desk desk;

    (void)state;
    used(&desk, (pawl_definition)UP_TO(100000));
    struct pawl_record came = desk.record;

    (void)desk_next(&desk, 200);
    set_branch(&desk.record, "now");
    uint64_t epoch = desk.record.epoch;

    assert_int_equal(restore(&desk, &came, 500).burned, 500);
    assert_int_equal(desk.record.next, 741);
    assert_true(desk.record.epoch > epoch && desk.record.line == came.line);
    assert_int_equal(desk.record.branch_size, 3);

    desk.moment.branch = (struct pawl_branch){.size = 5, .at = "later"};
    (void)restore(&desk, &came, 1);
    assert_int_equal(desk.record.branch_size, 5);
    desk.record.next -= 1;

    struct pawl_record late = desk.record; /* the store goes back to before that */
    desk.record = came;
    assert_int_equal(restore(&desk, &late, 10).error.code, PAWL_OK);
    assert_int_equal(desk.record.next, 751);
    assert_true(desk.record.epoch > late.epoch);
}

static void asked_again_it_moves_on_again(void **state)
{
    struct desk desk;

    (void)state;
    used(&desk, (pawl_definition)UP_TO(100000));
    struct pawl_record came = desk.record;

    (void)restore(&desk, &came, 500);
    assert_int_equal(restore(&desk, &came, 500).grant.range.first, 1041);
}

static void the_later_epoch_has_the_later_definition(void **state)
{
    const pawl_definition wider = UP_TO(2000000);
    struct desk desk;

    (void)state;
    used(&desk, (pawl_definition)UP_TO(100000));
    struct pawl_record before = desk.record;

    (void)desk_alter(&desk, &wider);
    struct pawl_record after = desk.record;

    (void)restore(&desk, &before, 5);
    assert_int_equal(desk.record.max, 2000000);
    desk.record = before;
    (void)restore(&desk, &after, 5);
    assert_int_equal(desk.record.max, 2000000);
    assert_int_equal(desk.record.next, 46);
}

static void two_lines_end_in_a_new_one_beyond_both(void **state)
{
    struct desk a;
    struct desk b;

    (void)state;
    used(&a, (pawl_definition)UP_TO(100000));
    desk_open(&b, (pawl_definition)UP_TO(100000)); /* --auto-create, after all was lost */
    b.record.epoch += UINT64_C(1) << 40;
    b.record.line = b.record.epoch;
    (void)desk_next(&b, 7);
    uint64_t line = b.record.line;

    assert_int_equal(restore(&b, &a.record, 100).error.code, PAWL_OK);
    assert_int_equal(b.record.next, 141);
    assert_true(b.record.line > line && b.record.line == b.record.epoch);

    desk_open(&b, (pawl_definition)UP_TO(100000)); /* further, in an older line */
    (void)desk_next(&b, 900);
    a.record.epoch += UINT64_C(1) << 40;
    a.record.line = a.record.epoch;
    assert_int_equal(restore(&b, &a.record, 100).error.code, PAWL_OK);
    assert_int_equal(b.record.next, 1001);
    assert_true(b.record.line > a.record.line);
}

static void another_sequence_of_its_name_stays(void **state)
{
    struct desk a;
    struct desk b;

    (void)state;
    used(&a, (pawl_definition)UP_TO(100000));
    used(&b, (pawl_definition)UP_TO(500));
    b.record.line = ++b.record.epoch;
    struct pawl_ask ask = restore(&b, &a.record, 100);

    assert_int_equal(ask.error.code, PAWL_EXISTS);
    assert_non_null(strstr(ask.error.text, "another sequence \"s\" is in use there"));
    b.record.dropped = true; /* as the error says */
    assert_int_equal(restore(&b, &a.record, 100).error.code, PAWL_OK);
    assert_int_equal(b.record.next, 141);
    assert_int_equal(b.record.max, 100000);
    assert_true(b.record.line == b.record.epoch && !b.record.dropped);
}

static void what_would_end_stays_as_it_is(void **state)
{
    struct desk a;
    struct desk b;

    (void)state;
    used(&a, (pawl_definition)UP_TO(100));
    desk_set(&b, "s");
    for (uint64_t count = 60; count < 63; count++) {
        struct pawl_ask ask = restore(&b, &a.record, count);

        assert_int_equal(ask.error.code, PAWL_LIMIT);
        assert_non_null(strstr(ask.error.text, "\"s\" would end: 60 ids are left beyond 41"));
    }
    assert_int_equal(restore(&b, &a.record, UINT64_MAX).error.code, PAWL_LIMIT);
    assert_int_equal(restore(&b, &a.record, 59).error.code, PAWL_OK);
    assert_int_equal(b.record.next, 100);
    assert_int_equal(restore(&b, &a.record, 1).error.code, PAWL_LIMIT);
}

static void what_is_used_up_comes_back_used_up(void **state)
{
    struct desk a;
    struct desk b;

    (void)state;
    used(&a, (pawl_definition)UP_TO(40));
    desk_set(&b, "s");
    struct pawl_ask ask = restore(&b, &a.record, 10);

    assert_int_equal(ask.error.code, PAWL_OK);
    assert_int_equal(ask.burned, 0);
    assert_int_equal(desk_next(&b, 1).error.code, PAWL_END);
    /* But it ends none that is in use. */
    desk_open(&b, (pawl_definition)UP_TO(40));
    b.record.line = ++b.record.epoch;
    assert_int_equal(restore(&b, &a.record, 10).error.code, PAWL_LIMIT);
    assert_int_equal(desk_next(&b, 1).grant.range.first, 1);
    desk_open(&a, (pawl_definition){.given = 0});
    (void)desk_put_used(&a, INT64_MAX, false);
    desk_set(&b, "s");
    assert_int_equal(restore(&b, &a.record, 10).error.code, PAWL_OK);
    assert_true(b.record.ended);
}

static void a_cycling_sequence_skips_whole_laps(void **state)
{
    struct desk a;
    struct desk b;

    (void)state;
    used(&a, (pawl_definition)CYCLE_TO(100));
    desk_set(&b, "s");
    assert_int_equal(restore(&b, &a.record, 1070).error.code, PAWL_OK);
    assert_true(b.record.lap == 11 && b.record.next == 11);
    assert_int_equal(restore(&b, &a.record, UINT64_MAX).error.code, PAWL_LIMIT);
    desk_open(&b, (pawl_definition)CYCLE_TO(100)); /* further laps are further */
    b.record = a.record;
    b.record.lap = 3;
    b.record.next = 2;
    assert_int_equal(restore(&b, &a.record, 1).error.code, PAWL_OK);
    assert_true(b.record.lap == 3 && b.record.next == 3);
}

static void a_descending_sequence_moves_down(void **state)
{
    const pawl_definition down = {.given = PAWL_GIVEN_INCREMENT, .increment = -3};
    struct desk a;
    struct desk b;

    (void)state;
    used(&a, down);
    assert_int_equal(a.record.next, -121);
    b = a;
    (void)desk_next(&b, 5);
    assert_int_equal(restore(&b, &a.record, 10).grant.range.first, -166);
    b.record.line = ++b.record.epoch;
    assert_int_equal(restore(&b, &a.record, 10).grant.range.first, -196);
    a.record.increment = 3; /* a file that was written by hand */
    b.record.line = a.record.line;
    assert_int_equal(restore(&b, &a.record, 10).error.code, PAWL_BAD_REQUEST);
}

static void what_was_dropped_since_comes_back_further_on(void **state)
{
    struct desk desk;
    struct pawl_ask drop = {.kind = PAWL_ASK_DROP};

    (void)state;
    used(&desk, (pawl_definition)UP_TO(100000));
    struct pawl_record came = desk.record;

    (void)desk_next(&desk, 10);
    assert_int_equal(desk_ask(&desk, &drop), PAWL_OK);
    assert_int_equal(restore(&desk, &came, 100).grant.range.first, 151);
    assert_true(desk.record.line == came.line);
}

static void tombstones_come_back_as_what_they_were(void **state)
{
    struct desk a;
    struct desk b;
    struct pawl_ask drop = {.kind = PAWL_ASK_DROP};

    (void)state;
    used(&a, (pawl_definition)UP_TO(1000));
    struct pawl_record renamed = gone(&a.record, "t");
    struct pawl_record left = gone(&a.record, NULL);

    assert_int_equal(desk_ask(&a, &drop), PAWL_OK);
    desk_set(&b, "s");
    struct pawl_ask ask = restore(&b, &a.record, 100);

    assert_int_equal(ask.error.code, PAWL_OK);
    assert_true(ask.grant.epoch == 0 && ask.burned == 0);
    /* In its own epoch: what was begun again after it has a later one. */
    assert_true(b.record.dropped && b.record.epoch == a.record.epoch);
    assert_int_equal(b.record.next, 41);
    desk_set(&b, "s");
    assert_int_equal(restore(&b, &renamed, 100).error.code, PAWL_OK);
    assert_true(pawl_record_is_renamed(&b.record) && !pawl_record_is_unsettled(&b.record));
    desk_set(&b, "s");
    assert_int_equal(restore(&b, &left, 100).error.code, PAWL_OK);
    assert_true(pawl_record_has_left(&b.record));
    assert_int_equal(b.record.branch_size, 9);
    /* A later one stays, an earlier one is replaced. */
    struct pawl_record there = b.record;

    assert_int_equal(restore(&b, &a.record, 100).error.code, PAWL_OK);
    assert_same_record(&b.record, &there);
    b.record = a.record;
    b.record.epoch = renamed.epoch + 1;
    assert_int_equal(restore(&b, &renamed, 100).error.code, PAWL_OK);
    assert_false(pawl_record_is_renamed(&b.record));
    renamed.epoch += 2;
    assert_int_equal(restore(&b, &renamed, 100).error.code, PAWL_OK);
    assert_true(pawl_record_is_renamed(&b.record));
}

static void what_goes_on_elsewhere_is_not_begun_twice(void **state)
{
    struct desk a;
    struct desk b;

    (void)state;
    used(&a, (pawl_definition)UP_TO(1000));
    struct pawl_record renamed = gone(&a.record, "t");
    struct pawl_record left = gone(&a.record, NULL);

    b = a; /* the store went back to before it was renamed, or left */
    assert_int_equal(restore(&b, &renamed, 100).error.code, PAWL_OK);
    assert_true(pawl_record_is_renamed(&b.record));
    b = a;
    assert_int_equal(restore(&b, &left, 100).error.code, PAWL_OK);
    assert_true(pawl_record_has_left(&b.record));

    b = a; /* in use here since, in this line or another */
    b.record.epoch = left.epoch + 1;
    assert_int_equal(restore(&b, &renamed, 100).error.code, PAWL_EXISTS);
    struct pawl_ask ask = restore(&b, &left, 100);

    assert_int_equal(ask.error.code, PAWL_EXISTS);
    assert_non_null(strstr(ask.error.text, "in the backup \"s\" was moved to another store: its"));
    b.record.line = b.record.epoch;
    assert_int_equal(restore(&b, &renamed, 100).error.code, PAWL_EXISTS);
    assert_int_equal(restore(&b, &left, 100).error.code, PAWL_EXISTS);

    b.record = renamed; /* the store knows better than the backup */
    ask = restore(&b, &a.record, 100);
    assert_int_equal(ask.error.code, PAWL_EXISTS);
    assert_non_null(strstr(ask.error.text, "in the store \"s\" was renamed to \"t\": its"));
    b.record = left;
    assert_int_equal(restore(&b, &a.record, 100).error.code, PAWL_EXISTS);
    a.record.epoch += 100; /* a new sequence of that name, later than the rename */
    a.record.line = a.record.epoch;
    b.record = renamed;
    assert_int_equal(restore(&b, &a.record, 100).error.code, PAWL_OK);
    assert_int_equal(b.record.next, 141);
}

static void a_drop_in_the_backup_ends_nothing(void **state)
{
    struct desk a;
    struct pawl_ask drop = {.kind = PAWL_ASK_DROP};

    (void)state;
    used(&a, (pawl_definition)UP_TO(1000));
    struct desk b = a;

    (void)desk_next(&a, 10);
    (void)desk_ask(&a, &drop);
    assert_int_equal(restore(&b, &a.record, 100).grant.range.first, 151);
    assert_false(b.record.dropped);
    b.record.line = ++b.record.epoch;
    struct pawl_record there = b.record;

    assert_true(restore(&b, &a.record, 100).grant.epoch == there.epoch);
    assert_same_record(&b.record, &there);
}

static void what_is_no_record_of_its_name_is_refused(void **state)
{
    struct desk desk;

    (void)state;
    used(&desk, (pawl_definition)UP_TO(1000));
    struct pawl_record bad[4] = {desk.record, desk.record, desk.record, gone(&desk.record, "t")};

    bad[0].name.at[0] = 't';
    bad[1].line = bad[1].epoch + 1;
    bad[2].increment = 0;
    set_branch(&bad[3], "renaming");
    for (size_t i = 0; i < PAWL_COUNT(bad); i++) {
        assert_int_equal(restore(&desk, &bad[i], 1).error.code, PAWL_BAD_REQUEST);
    }
    desk.record.epoch = INT64_MAX;
    bad[0] = desk.record;
    assert_int_equal(restore(&desk, &bad[0], 1).error.code, PAWL_LIMIT);
}

/* One history: ids are given, a backup is made, more are given, the store loses time somehow. */

struct history {
    struct desk desk;
    uint64_t random;
    bool given[IDS];
    uint64_t since; /* the backup: how many ids were given */
};

static void give(struct history *history, uint64_t most)
{
    uint64_t count = pawl_random(&history->random) % (most + 1);

    for (uint64_t i = 0; i < count; i++) {
        struct pawl_ask ask = desk_next(&history->desk, 1);

        assert_int_equal(ask.error.code, PAWL_OK);
        assert_in_range(ask.grant.range.first, 0, IDS - 1);
        assert_false(history->given[ask.grant.range.first]);
        history->given[ask.grant.range.first] = true;
    }
    history->since += count;
}

static void change(struct history *history)
{
    pawl_definition definition = UP_TO(IDS - 1);

    if (pawl_random(&history->random) % 2 == 0) definition.max -= 5;
    if (pawl_random(&history->random) % 2 == 0) {
        (void)desk_alter(&history->desk, &definition);
    } else {
        (void)desk_fence(&history->desk, 3, 0);
        history->since += 3;
    }
}

static void lose(struct history *history, const struct pawl_record *old)
{
    struct desk *desk = &history->desk;
    const pawl_definition definition = UP_TO(IDS - 1);

    switch (pawl_random(&history->random) % 4) {
    case 0: /* all of it */
        desk_set(desk, "s");
        return;
    case 1: /* back to a moment before or after the backup */
        desk->record = *old;
        return;
    case 2: /* lost, and made anew at once */
        desk_set(desk, "s");
        desk->random = pawl_random(&history->random);
        (void)desk_create(desk, &definition);
        return;
    default: /* nothing */
        return;
    }
}

static void whatever_is_lost_no_id_comes_twice(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        struct history history = {.random = seed};

        desk_open(&history.desk, (pawl_definition)UP_TO(IDS - 1));
        history.desk.random = seed;
        give(&history, 20);
        struct pawl_record old = history.desk.record;
        give(&history, 20);
        if (seed % 3 == 0) change(&history);
        struct pawl_record came = history.desk.record;

        history.since = 0;
        give(&history, 20);
        if (seed % 5 == 0) change(&history);
        if (seed % 2 == 0) old = history.desk.record;
        give(&history, 20);
        lose(&history, &old);

        struct pawl_ask ask = restore(&history.desk, &came, history.since + 1);

        if (ask.error.code == PAWL_EXISTS) continue; /* another definition: it said so */
        if (ask.error.code != PAWL_OK) print_error("PAWL_SEED=%" PRIu64 "\n", seed);
        assert_int_equal(ask.error.code, PAWL_OK);
        give(&history, 20);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_lost_comes_back_beyond_what_was_given),
        cmocka_unit_test(the_further_of_the_two_stays_and_moves_on),
        cmocka_unit_test(asked_again_it_moves_on_again),
        cmocka_unit_test(the_later_epoch_has_the_later_definition),
        cmocka_unit_test(two_lines_end_in_a_new_one_beyond_both),
        cmocka_unit_test(another_sequence_of_its_name_stays),
        cmocka_unit_test(what_would_end_stays_as_it_is),
        cmocka_unit_test(what_is_used_up_comes_back_used_up),
        cmocka_unit_test(a_cycling_sequence_skips_whole_laps),
        cmocka_unit_test(a_descending_sequence_moves_down),
        cmocka_unit_test(what_was_dropped_since_comes_back_further_on),
        cmocka_unit_test(tombstones_come_back_as_what_they_were),
        cmocka_unit_test(what_goes_on_elsewhere_is_not_begun_twice),
        cmocka_unit_test(a_drop_in_the_backup_ends_nothing),
        cmocka_unit_test(what_is_no_record_of_its_name_is_refused),
        cmocka_unit_test(whatever_is_lost_no_id_comes_twice),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

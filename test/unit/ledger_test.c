/* SPDX-License-Identifier: Apache-2.0 */
/* The gap ledger: each id that is never handed out has a cause, by sequence, also after a crash. */
#include <stdio.h>

#include "keeper_world.h"

/* Books on a disk, and asks of many askers. */
struct disk {
    struct pawl_archive archive;
    struct pawl_books books;
    bool there;
    unsigned saves;
};

static bool disk_load(struct pawl_archive *self, struct pawl_bytes name, struct pawl_books *books)
{
    const struct disk *disk = PAWL_OWNER(self, struct disk, archive);

    assert_true(pawl_bytes_equal(name, PAWL_BYTES("s")));
    if (disk->there) *books = disk->books;
    return disk->there;
}

static void disk_save(struct pawl_archive *self, struct pawl_bytes name,
                      const struct pawl_books *books, uint32_t *place)
{
    struct disk *disk = PAWL_OWNER(self, struct disk, archive);

    (void)name;
    assert_true(*place == 0 || *place == 7);
    *place = 7;
    disk->books = *books;
    disk->there = true;
    disk->saves++;
}

static void open_ledger(struct world *world, struct disk *disk)
{
    struct pawl_keeper_settings settings = {
        .pace = {60 * PAWL_NS_PER_S, INTERVAL_S * PAWL_NS_PER_S, 1000},
        .retry_least_ns = 10 * PAWL_NS_PER_MS,
        .retry_most_ns = 2 * PAWL_NS_PER_S,
        .seed = 1,
        .ledger_since = 1700000000,
        .archive = disk != NULL ? &disk->archive : NULL,
    };

    pawl_keeper_free(world->keeper);
    world->keeper = pawl_keeper_new(&world->store.source, &settings);
    assert_non_null(world->keeper);
}

static struct pawl_books books_of(struct world *world)
{
    struct pawl_books books;

    pawl_keeper_books(world->keeper, PAWL_BYTES("s"), &books);
    return books;
}

static struct pawl_grant lease(struct world *world, uint64_t asker, uint64_t count, uint64_t holds)
{
    struct asking take = {.ask = {.kind = PAWL_ASK_TAKE, .count = count, .holds = holds}};

    ask_as(world, asker, &take);
    assert_int_equal(take.ask.error.code, PAWL_OK);
    return take.ask.grant;
}

static void pass(struct world *world, unsigned intervals)
{
    for (unsigned i = 0; i < intervals; i++) {
        turn(world, INTERVAL_S * PAWL_NS_PER_S);
    }
}

static struct pawl_holding *open_after_a_lost_answer(struct world *world)
{
    struct pawl_ask open = {.kind = PAWL_ASK_OPEN};

    world->store.fail = PAWL_LOST;
    do_ask(world, &open);
    assert_int_equal(open.asker, 0);
    world->store.fail = PAWL_OK;
    turn(world, 2 * PAWL_NS_PER_S);
    assert_int_equal(open.asker, 1);
    assert_int_equal(open.error.code, PAWL_OK);
    return open.holding;
}

static void a_sequence_without_gaps_leaves_nothing_behind(void **state)
{
    struct world *world = world_new(NULL);

    (void)state;
    open_ledger(world, NULL);
    struct pawl_holding *holding = open_holding(world);
    for (int64_t id = 1; id <= 5; id++) {
        assert_int_equal(next_id(world, holding), id);
    }
    turn(world, 1000);
    struct pawl_books books = books_of(world);
    assert_int_equal(pawl_books_used(&books), 5);
    assert_int_equal(pawl_books_burned(&books), 0);
    pawl_holding_release(holding);
    pass(world, 10);
    assert_int_equal(pawl_keeper_counts(world->keeper)->holdings, 0);
    assert_int_equal(books_of(world).flows[PAWL_FLOW_RESERVED], 0);
    world_free(world);
}

static void a_gap_is_remembered_when_its_sequence_is_idle(void **state)
{
    struct world *world = world_new(NULL);

    (void)state;
    open_ledger(world, NULL);
    struct pawl_holding *holding = open_after_a_lost_answer(world);
    uint64_t lost = books_of(world).burned[PAWL_CAUSE_LOST];
    assert_true(lost > 0);
    (void)next_id(world, holding);
    pawl_holding_release(holding);
    pass(world, 10);
    assert_int_equal(pawl_keeper_counts(world->keeper)->holdings, 0);
    struct pawl_books books = books_of(world);
    assert_int_equal(books.burned[PAWL_CAUSE_LOST], lost);
    assert_int_equal(pawl_books_held(&books), 0);
    assert_int_equal(pawl_books_used(&books), 1);
    world_free(world);
}

static void a_lease_whose_holder_is_silent_is_unreported(void **state)
{
    struct world *world = world_new(NULL);

    (void)state;
    open_ledger(world, NULL);
    struct pawl_grant first = lease(world, 7, 10, 0);
    (void)lease(world, 7, 10, 4); /* 6 of the first are used */
    pass(world, PAWL_IDLE_INTERVALS - 1);
    assert_int_equal(books_of(world).burned[PAWL_CAUSE_UNREPORTED], 0);
    pass(world, 2);
    struct pawl_books books = books_of(world);
    assert_int_equal(books.burned[PAWL_CAUSE_UNREPORTED], first.range.count - 6 + 10);
    assert_int_equal(pawl_books_used(&books), 6);
    pass(world, 10);
    assert_int_equal(pawl_keeper_counts(world->keeper)->holdings, 0);
    world_free(world);
}

static void a_lease_of_one_who_still_asks_is_used(void **state)
{
    struct world *world = world_new(NULL);
    struct asking check = {.ask = {.kind = PAWL_ASK_TAKE, .holds = 3}};

    (void)state;
    open_ledger(world, NULL);
    (void)lease(world, 7, 10, 0);
    for (unsigned i = 0; i < 3 * PAWL_IDLE_INTERVALS; i++) {
        pass(world, 1);
        ask_as(world, 7, &check);
    }
    struct pawl_books books = books_of(world);
    assert_int_equal(books.burned[PAWL_CAUSE_UNREPORTED], 0);
    assert_int_equal(pawl_books_used(&books), 10);
    world_free(world);
}

/* Its connection broke; what it holds ends where its latest lease does. */
static void who_comes_back_on_another_connection_is_known(void **state)
{
    struct world *world = world_new(NULL);
    struct asking check = {.ask = {.kind = PAWL_ASK_TAKE, .holds = 8}};

    (void)state;
    open_ledger(world, NULL);
    struct pawl_grant grant = lease(world, 7, 10, 0);
    check.ask.holds_last = pawl_range_last(grant.range);
    for (unsigned i = 0; i < 3 * PAWL_IDLE_INTERVALS; i++) {
        ask_as(world, 8, &check);
        pass(world, 1);
    }
    assert_int_equal(books_of(world).burned[PAWL_CAUSE_UNREPORTED], 0);
    pass(world, 2 * PAWL_IDLE_INTERVALS);
    assert_int_equal(books_of(world).burned[PAWL_CAUSE_UNREPORTED], 8);
    world_free(world);
}

static void what_is_unreported_cannot_come_back(void **state)
{
    struct world *world = world_new(NULL);

    (void)state;
    open_ledger(world, NULL);
    struct pawl_holding *holding = open_holding(world); /* so that it stays in memory */
    struct pawl_grant grant = lease(world, 7, 1, 0);
    pass(world, PAWL_IDLE_INTERVALS + 1);
    uint64_t unreported = books_of(world).burned[PAWL_CAUSE_UNREPORTED];
    assert_int_equal(unreported, grant.range.count);
    struct asking back = {
        .ask = {.kind = PAWL_ASK_RETURN, .lease = grant.lease, .value = grant.range.first}};
    ask_as(world, 7, &back);
    assert_int_equal(back.ask.error.code, PAWL_NOT_KEPT);
    assert_int_equal(books_of(world).burned[PAWL_CAUSE_UNREPORTED], unreported);
    pawl_holding_release(holding);
    world_free(world);
}

static void an_answer_that_nobody_reads_is_booked_once(void **state)
{
    struct world *world = world_new(NULL);
    struct pawl_ask next = {.kind = PAWL_ASK_NEXT, .count = 7, .exact = true};

    (void)state;
    open_ledger(world, NULL);
    do_ask(world, &next);
    assert_int_equal(next.error.code, PAWL_OK);
    pass(world, 10); /* and its sequence leaves memory meanwhile */
    struct pawl_ask unread = {.kind = PAWL_ASK_UNREAD, .count = 7};
    do_ask(world, &unread);
    assert_int_equal(unread.asker, 1);
    struct pawl_books books = books_of(world);
    assert_int_equal(books.burned[PAWL_CAUSE_UNREAD], 7);
    assert_int_equal(pawl_books_used(&books), 0);
    assert_int_equal(pawl_books_held(&books), 0);
    world_free(world);
}

static void a_crash_is_explained_after_the_restart(void **state)
{
    struct world *world = world_new(NULL);
    struct disk disk = {.archive = {disk_load, disk_save}};
    pawl_gaps gaps;

    (void)state;
    open_ledger(world, &disk);
    (void)lease(world, 7, 10, 0);
    struct pawl_holding *holding = open_holding(world);
    struct pawl_books last = disk.books; /* as of the refill */
    (void)next_id(world, holding);       /* which the books never hear of */

    struct disk after = disk;
    open_ledger(world, &after); /* the keeper before ends into `disk`, which is gone */
    struct pawl_books books = books_of(world);
    assert_int_equal(books.burned[PAWL_CAUSE_CRASH], pawl_books_held(&last));
    assert_true(books.burned[PAWL_CAUSE_CRASH] >= 1);
    assert_int_equal(pawl_books_held(&books), 0);
    pawl_books_gaps(&books, 5, &gaps);
    assert_int_equal(gaps.since, 5);
    assert_true(gaps.crash_bounded);
    assert_int_equal(gaps.crash_after, 10);
    assert_int_equal(gaps.crash_to, world->store.record.next - 1);

    holding = open_holding(world);
    assert_int_equal(books_of(world).burned[PAWL_CAUSE_CRASH], pawl_books_held(&last));
    assert_int_equal(pawl_keeper_counts(world->keeper)->burned[PAWL_CAUSE_CRASH],
                     pawl_books_held(&last));
    pawl_holding_release(holding);
    pass(world, 10); /* it is saved, and read again: once is enough */
    assert_int_equal(after.books.burned[PAWL_CAUSE_CRASH], pawl_books_held(&last));
    assert_int_equal(books_of(world).burned[PAWL_CAUSE_CRASH], pawl_books_held(&last));
    world_free(world);
}

/* It may have been granted, by a store that is slower than death. */
static void what_was_asked_for_in_the_last_moment_counts_too(void **state)
{
    struct world *world = world_new(NULL);
    struct disk disk = {.archive = {disk_load, disk_save}};
    struct pawl_ask open = {.kind = PAWL_ASK_OPEN};

    (void)state;
    open_ledger(world, &disk);
    world->store.held_back = true;
    do_ask(world, &open);
    assert_true(disk.there);
    assert_int_equal(disk.books.asked, 1);
    struct disk after = disk;
    struct pawl_books books = after.books;
    assert_int_equal(pawl_books_recover(&books), 1);
    assert_int_equal(books.burned[PAWL_CAUSE_CRASH], 1);
    assert_int_equal(pawl_books_held(&books), 0);
    assert_int_equal(pawl_books_recover(&books), 0);
    world->store.held_back = false;
    turn(world, 1000);
    assert_int_equal(open.asker, 1);
    assert_int_equal(disk.books.asked, 0);
    assert_int_equal(disk.books.flows[PAWL_FLOW_RESERVED], 1);
    world_free(world);
}

static void a_clean_stop_is_no_crash(void **state)
{
    struct world *world = world_new(NULL);
    struct disk disk = {.archive = {disk_load, disk_save}};

    (void)state;
    open_ledger(world, &disk);
    struct pawl_holding *holding = open_holding(world);
    (void)next_id(world, holding);
    (void)lease(world, 7, 10, 0);
    pawl_holding_release(holding);
    pawl_keeper_drain(world->keeper);
    turn(world, 1000);
    assert_true(pawl_keeper_drained(world->keeper));
    open_ledger(world, &disk);
    struct pawl_books books = books_of(world);
    assert_int_equal(books.burned[PAWL_CAUSE_CRASH], 0);
    assert_int_equal(pawl_books_used(&books), 11);
    world_free(world);
}

/* It is no gap of ids that were reserved, and it is told all the same, after a restart too. */
static void a_step_back_is_counted(void **state)
{
    struct world *world = world_new(NULL);
    struct disk disk = {.archive = {disk_load, disk_save}};
    pawl_gaps gaps;

    (void)state;
    open_ledger(world, &disk);
    const struct pawl_record backup = world->store.record;

    (void)lease(world, 7, 10, 0);
    assert_int_equal(books_of(world).steps_back, 0);
    world->store.record = backup;
    (void)lease(world, 7, 10, 0);
    struct pawl_books books = books_of(world);
    const struct pawl_counts *counts = pawl_keeper_counts(world->keeper);

    assert_int_equal(books.steps_back, 1);
    assert_true(books.step_back_ids >= PAWL_FENCE_IDS_MIN);
    assert_int_equal(counts->steps_back, 1);
    assert_int_equal(counts->step_back_ids, books.step_back_ids);
    struct disk after = disk;

    open_ledger(world, &after);
    pawl_books_gaps(&after.books, 5, &gaps);
    assert_int_equal(gaps.steps_back, 1);
    assert_int_equal(gaps.step_back_ids, books.step_back_ids);
    (void)lease(world, 7, 10, 0);
    assert_int_equal(books_of(world).steps_back, 1);
    world_free(world);
}

/* Whatever was leased beyond them: what is held comes after the bound that is told, all of it. */
static void the_bounds_of_a_crash_hold_what_lies_before_a_lease(void **state)
{
    struct world *world = world_new(NULL);
    struct disk disk = {.archive = {disk_load, disk_save}};

    (void)state;
    open_ledger(world, &disk);
    struct pawl_grant grant = lease(world, 7, 10, 0);
    struct asking back = {
        .ask = {.kind = PAWL_ASK_RETURN, .lease = grant.lease, .value = grant.range.first + 4}};

    ask_as(world, 7, &back);
    assert_int_equal(back.ask.error.code, PAWL_OK);
    struct pawl_books books = disk.books;

    assert_int_equal(pawl_books_recover(&books), 6);
    assert_true(books.crash_bounded);
    assert_int_equal(books.crash_after, 4);
    assert_int_equal(books.crash_top, 10);
    world_free(world);
}

/* Of what is in the stock, too, though none of it was drawn. */
static void the_bounds_of_a_crash_hold_what_nobody_has_drawn(void **state)
{
    const pawl_definition definition = {.given = PAWL_GIVEN_BLOCK, .block = 50};
    struct world *world = world_new(&definition);
    struct disk disk = {.archive = {disk_load, disk_save}};

    (void)state;
    open_ledger(world, &disk);
    struct pawl_holding *holding = open_holding(world); /* one id, in stock */
    (void)lease(world, 7, 10, 0);
    struct pawl_books books = books_of(world);

    assert_true(books.bounded);
    assert_int_equal(books.top, world->store.record.next - 1);
    assert_true(pawl_books_held(&books) > 0);
    assert_int_equal(next_id(world, holding), books.after + 1);
    (void)lease(world, 7, 10, 0);
    books = books_of(world);
    assert_int_equal(next_id(world, holding), books.after + 1);
    pawl_holding_release(holding);
    world_free(world);
}

/* Until a person moves it on: then it goes on, and how often it stopped is known still. */
static void a_sequence_that_stops_is_told(void **state)
{
    struct world *world = world_new(NULL);
    struct disk disk = {.archive = {disk_load, disk_save}};
    struct asking take = {.ask = {.kind = PAWL_ASK_TAKE, .count = 5}};
    struct pawl_record record;
    pawl_gaps gaps = {.since = 0};
    struct pawl_ask read = {.kind = PAWL_ASK_READ, .record = &record, .gaps = &gaps};

    (void)state;
    open_ledger(world, &disk);
    const struct pawl_counts *counts = pawl_keeper_counts(world->keeper);
    const struct pawl_record backup = world->store.record;

    do_ask(world, &read);
    assert_int_equal(gaps.reserved, 0); /* nothing is known yet */
    (void)lease(world, 7, 10, 0);
    assert_int_equal(counts->stopped, 0);
    world->store.record = backup;
    world->store.refuses = true;
    for (int i = 0; i < 2; i++) { /* once, however often it is asked for */
        ask_as(world, 7, &take);
        assert_int_equal(take.ask.error.code, PAWL_ROLLBACK);
        assert_int_equal(counts->stopped, 1);
        assert_int_equal(counts->stops, 1);
        pass(world, 2);
    }
    read = (struct pawl_ask){.kind = PAWL_ASK_READ, .record = &record, .gaps = &gaps};
    do_ask(world, &read);
    assert_true(gaps.stopped);
    assert_int_equal(gaps.stops, 1);
    assert_true(gaps.reserved >= 10);
    struct disk after = disk;

    open_ledger(world, &after); /* a crash */
    assert_true(books_of(world).stopped);
    counts = pawl_keeper_counts(world->keeper);
    struct pawl_ask fence = {.kind = PAWL_ASK_FENCE, .count = 500};

    do_ask(world, &fence);
    assert_int_equal(fence.error.code, PAWL_OK);
    assert_int_equal(counts->stopped, 0);
    assert_false(after.books.stopped);
    (void)lease(world, 7, 10, 0);
    struct pawl_books books = books_of(world);

    assert_false(books.stopped);
    assert_int_equal(books.stops, 1);
    assert_int_equal(counts->stops, 0); /* of this keeper */
    world_free(world);
}

static void a_sequence_that_stops_is_counted_while_it_rests(void **state)
{
    struct world *world = world_with(NULL, true);
    struct disk disk = {.archive = {disk_load, disk_save}};
    struct asking take = {.ask = {.kind = PAWL_ASK_TAKE, .count = 5}};

    (void)state;
    open_ledger(world, &disk);
    const struct pawl_counts *counts = pawl_keeper_counts(world->keeper);

    world->store.fail = PAWL_ROLLBACK; /* for another cause than a floor */
    ask_as(world, 7, &take);
    assert_int_equal(counts->stopped, 1);
    pass(world, 2 * PAWL_IDLE_INTERVALS);
    assert_int_equal(counts->stopped, 1);
    struct disk after = disk;

    open_ledger(world, &after); /* which the next one knows when it is asked for it */
    counts = pawl_keeper_counts(world->keeper);
    ask_as(world, 7, &take);
    assert_int_equal(counts->stopped, 1);
    assert_int_equal(counts->stops, 0);
    world->store.fail = PAWL_OK;
    pass(world, 2);
    (void)lease(world, 7, 10, 0);
    assert_int_equal(counts->stopped, 0);
    assert_false(after.books.stopped);
    assert_int_equal(after.books.stops, 1);
    world_free(world);
}

/* Dropped elsewhere: nothing is left that could be fenced. */
static void a_stopped_sequence_that_is_no_more_is_not_counted(void **state)
{
    struct world *world = world_with(NULL, true);
    struct disk disk = {.archive = {disk_load, disk_save}};
    struct asking take = {.ask = {.kind = PAWL_ASK_TAKE, .count = 5}};
    struct pawl_ask fence = {.kind = PAWL_ASK_FENCE, .count = 500};

    (void)state;
    open_ledger(world, &disk);
    world->store.fail = PAWL_ROLLBACK;
    ask_as(world, 7, &take);
    assert_int_equal(pawl_keeper_counts(world->keeper)->stopped, 1);
    world->store.fail = PAWL_NO_SEQUENCE;
    do_ask(world, &fence);
    assert_int_equal(fence.error.code, PAWL_NO_SEQUENCE);
    assert_int_equal(pawl_keeper_counts(world->keeper)->stopped, 0);
    world_free(world);
}

static void who_reads_a_record_is_told_its_gaps(void **state)
{
    struct world *world = world_new(NULL);
    struct pawl_record record;
    pawl_gaps gaps = {.since = 0};

    (void)state;
    struct pawl_ask plain = {.kind = PAWL_ASK_READ, .record = &record, .gaps = &gaps};
    do_ask(world, &plain); /* of a keeper that counts none */
    assert_int_equal(gaps.since, 0);
    open_ledger(world, NULL);
    pawl_holding_release(open_after_a_lost_answer(world));
    struct pawl_ask read = {.kind = PAWL_ASK_READ, .record = &record, .gaps = &gaps};
    do_ask(world, &read);
    assert_int_equal(read.error.code, PAWL_OK);
    assert_int_equal(gaps.since, 1700000000);
    assert_int_equal(gaps.burned[PAWL_CAUSE_LOST], 1);
    world_free(world);
}

static void many_sequences_have_their_rows(void **state)
{
    struct pawl_ledger ledger = {NULL, 0, 0};
    char name[16];

    (void)state;
    assert_null(pawl_ledger_find(&ledger, PAWL_BYTES("0")));
    for (uint64_t i = 0; i < 1000; i++) {
        int size = snprintf(name, sizeof name, "%d", (int)i);
        struct pawl_row *row = pawl_ledger_get(&ledger, (struct pawl_bytes){name, (size_t)size});

        assert_non_null(row);
        row->books.burned[PAWL_CAUSE_LATE] = i;
    }
    assert_int_equal(ledger.count, 1000);
    struct pawl_row *row = pawl_ledger_find(&ledger, PAWL_BYTES("77"));
    assert_int_equal(row->books.burned[PAWL_CAUSE_LATE], 77);
    assert_ptr_equal(pawl_ledger_get(&ledger, PAWL_BYTES("77")), row);
    pawl_ledger_drop(&ledger, row);
    assert_null(pawl_ledger_find(&ledger, PAWL_BYTES("77")));
    assert_non_null(pawl_ledger_find(&ledger, PAWL_BYTES("78")));
    pawl_ledger_free(&ledger);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_sequence_without_gaps_leaves_nothing_behind),
        cmocka_unit_test(a_gap_is_remembered_when_its_sequence_is_idle),
        cmocka_unit_test(a_lease_whose_holder_is_silent_is_unreported),
        cmocka_unit_test(a_lease_of_one_who_still_asks_is_used),
        cmocka_unit_test(who_comes_back_on_another_connection_is_known),
        cmocka_unit_test(what_is_unreported_cannot_come_back),
        cmocka_unit_test(an_answer_that_nobody_reads_is_booked_once),
        cmocka_unit_test(a_crash_is_explained_after_the_restart),
        cmocka_unit_test(what_was_asked_for_in_the_last_moment_counts_too),
        cmocka_unit_test(a_clean_stop_is_no_crash),
        cmocka_unit_test(a_step_back_is_counted),
        cmocka_unit_test(the_bounds_of_a_crash_hold_what_lies_before_a_lease),
        cmocka_unit_test(the_bounds_of_a_crash_hold_what_nobody_has_drawn),
        cmocka_unit_test(a_sequence_that_stops_is_told),
        cmocka_unit_test(a_sequence_that_stops_is_counted_while_it_rests),
        cmocka_unit_test(a_stopped_sequence_that_is_no_more_is_not_counted),
        cmocka_unit_test(who_reads_a_record_is_told_its_gaps),
        cmocka_unit_test(many_sequences_have_their_rows),
    };

    return cmocka_run_group_tests_name("ledger", tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Sequences are created, altered, set, fenced and dropped. */
#include "conformance.h"

static void creates(struct trial *trial)
{
    pawl_definition definition = {
        .given = PAWL_GIVEN_START | PAWL_GIVEN_BLOCK, .start = 2000000000, .block = 500};
    struct pawl_record record = {0};

    EXPECT(trial_read(trial, "shipment", &record) == PAWL_NO_SEQUENCE);
    EXPECT(trial_create(trial, "shipment", &definition) == PAWL_OK);
    EXPECT(trial_read(trial, "shipment", &record) == PAWL_OK);
    EXPECT(record.epoch > 0 && record.line == record.epoch && record.lap == 0);
    EXPECT(record.next == 2000000000 && record.block == 500 && record.increment == 1);
    EXPECT(!record.dropped && !record.ended);
}

static void creates_once(struct trial *trial)
{
    pawl_definition definition = {.given = PAWL_GIVEN_START, .start = 7};
    struct pawl_record before = {0};
    struct pawl_record after = {0};

    EXPECT(trial_create(trial, "orders", NULL) == PAWL_OK);
    EXPECT(trial_read(trial, "orders", &before) == PAWL_OK);
    EXPECT(trial_create(trial, "orders", &definition) == PAWL_EXISTS);
    definition.given |= PAWL_GIVEN_IF_NOT_EXISTS;
    EXPECT(trial_create(trial, "orders", &definition) == PAWL_OK);
    EXPECT(trial_read(trial, "orders", &after) == PAWL_OK);
    EXPECT(before.epoch == after.epoch && after.next == 1);
}

static void creates_once_in_one_turn(struct trial *trial)
{
    struct deed deeds[2] = {trial_deed(trial, PAWL_ASK_CREATE, "orders"),
                            trial_deed(trial, PAWL_ASK_CREATE, "orders")};

    drive_all(trial->store, deeds, 2);
    EXPECT(deeds[0].ask.error.code == PAWL_OK);
    EXPECT(deeds[1].ask.error.code == PAWL_EXISTS);
}

static void alters(struct trial *trial)
{
    pawl_definition faster = {.given = PAWL_GIVEN_INCREMENT, .increment = 10};
    pawl_definition wrong = {.given = PAWL_GIVEN_MIN | PAWL_GIVEN_MAX, .min = 5, .max = 4};
    struct pawl_grant before;
    struct pawl_grant after;

    EXPECT(trial_alter(trial, "orders", &faster) == PAWL_NO_SEQUENCE);
    EXPECT(trial_create(trial, "orders", NULL) == PAWL_OK);
    EXPECT(trial_take(trial, "orders", 5, &before) == PAWL_OK);
    EXPECT(trial_alter(trial, "orders", &wrong) == PAWL_BAD_REQUEST);
    EXPECT(trial_alter(trial, "orders", &faster) == PAWL_OK);
    EXPECT(trial_take(trial, "orders", 2, &after) == PAWL_OK);
    EXPECT(after.range.increment == 10 && after.range.first > 5);
    EXPECT(after.epoch > before.epoch && after.line == before.line);
}

static void sets(struct trial *trial)
{
    struct pawl_grant first;
    struct pawl_grant forward;
    struct pawl_grant backward;

    EXPECT(trial_set(trial, "orders", 5, false) == PAWL_NO_SEQUENCE);
    EXPECT(trial_create(trial, "orders", NULL) == PAWL_OK);
    EXPECT(trial_take(trial, "orders", 10, &first) == PAWL_OK);
    EXPECT(trial_set(trial, "orders", 1000, false) == PAWL_OK);
    EXPECT(trial_take(trial, "orders", 1, &forward) == PAWL_OK);
    EXPECT(forward.range.first == 1000);
    EXPECT(forward.epoch > first.epoch && forward.line == first.line);
    EXPECT(trial_set(trial, "orders", 500, false) == PAWL_BEHIND);
    EXPECT(trial_set(trial, "orders", 0, true) == PAWL_RANGE);
    EXPECT(trial_set(trial, "orders", 500, true) == PAWL_OK);
    EXPECT(trial_take(trial, "orders", 1, &backward) == PAWL_OK);
    EXPECT(backward.range.first == 500);
    EXPECT(backward.epoch > forward.epoch && backward.line == backward.epoch);
}

/* One asker's memory of the record is old: what he asks is judged by the record itself. */
static void judges_changes_by_the_record(struct trial *trial)
{
    const char *orders = trial_name(trial, "orders");
    pawl_definition definition = {.given = PAWL_GIVEN_START, .start = 7};
    struct pawl_record record = {0};
    struct pawl_grant grant;

    EXPECT(trial_open_more(trial, 2));
    EXPECT(drive_read(trial->stores[1], orders, NULL) == PAWL_NO_SEQUENCE);
    EXPECT(trial_create(trial, "orders", NULL) == PAWL_OK);
    EXPECT(drive_create(trial->stores[1], orders, &definition) == PAWL_EXISTS);
    EXPECT(drive_take(trial->stores[1], orders, 10, &grant) == PAWL_OK);
    EXPECT(trial_set(trial, "orders", 5, false) == PAWL_BEHIND);
    EXPECT(trial_set(trial, "orders", 500, false) == PAWL_OK);

    struct deed behind = drive_deed(PAWL_ASK_SET, orders);

    behind.ask.value = 400;
    EXPECT(drive(trial->stores[1], &behind) == PAWL_BEHIND);
    EXPECT(drive_take(trial->stores[1], orders, 10, &grant) == PAWL_OK);
    EXPECT(grant.range.first == 500);
    EXPECT(trial_read(trial, "orders", &record) == PAWL_OK);
    EXPECT(record.next == 510 && record.epoch == grant.epoch);
}

static void sets_by_compare_and_set(struct trial *trial)
{
    struct deed deeds[2];
    struct pawl_record record = {0};

    EXPECT(trial_open_more(trial, 2));
    EXPECT(trial_create(trial, "orders", NULL) == PAWL_OK);
    for (int round = 0; round < 10; round++) {
        for (int i = 0; i < 2; i++) {
            deeds[i] = trial_deed(trial, PAWL_ASK_SET, "orders");
            deeds[i].ask.value = 1000 + round * 100 + (i + round) % 2;
        }
        drive_many(trial->stores, 2, deeds, 2);
        for (int i = 0; i < 2; i++) {
            pawl_err err = deeds[i].ask.error.code;

            EXPECT(err == PAWL_OK || err == PAWL_BEHIND);
            EXPECT(err == PAWL_OK || deeds[i].ask.value == 1000 + round * 100);
        }
        EXPECT(trial_read(trial, "orders", &record) == PAWL_OK);
        EXPECT(record.next == 1001 + round * 100);
    }
}

static void drops_and_goes_on(struct trial *trial)
{
    struct deed drop = trial_deed(trial, PAWL_ASK_DROP, "orders");
    struct pawl_grant before;
    struct pawl_grant after;

    EXPECT(drive(trial->store, &drop) == PAWL_NO_SEQUENCE);
    EXPECT(trial_create(trial, "orders", NULL) == PAWL_OK);
    EXPECT(trial_take(trial, "orders", 10, &before) == PAWL_OK);
    EXPECT(drive(trial->store, &drop) == PAWL_OK);
    EXPECT(trial_take(trial, "orders", 10, &after) == PAWL_NO_SEQUENCE);
    EXPECT(trial_read(trial, "orders", NULL) == PAWL_NO_SEQUENCE);
    EXPECT(drive(trial->store, &drop) == PAWL_NO_SEQUENCE);
    EXPECT(trial_create(trial, "orders", NULL) == PAWL_OK);
    EXPECT(trial_take(trial, "orders", 10, &after) == PAWL_OK);
    EXPECT(after.range.first == 1);
    EXPECT(after.epoch > before.epoch && after.line > before.line);
}

/* The other asker remembers the sequence that was there before. */
static void forgets_what_was_dropped(struct trial *trial)
{
    const char *orders = trial_name(trial, "orders");
    struct pawl_grant old;
    struct pawl_grant new;

    EXPECT(trial_open_more(trial, 2));
    EXPECT(trial_create(trial, "orders", NULL) == PAWL_OK);
    EXPECT(drive_take(trial->stores[1], orders, 10, &old) == PAWL_OK);
    EXPECT(trial_drop(trial, "orders") == PAWL_OK);
    EXPECT(drive_take(trial->stores[1], orders, 10, &new) == PAWL_NO_SEQUENCE);
    EXPECT(trial_create(trial, "orders", NULL) == PAWL_OK);
    EXPECT(drive_take(trial->stores[1], orders, 10, &new) == PAWL_OK);
    EXPECT(new.range.first == 1 && new.epoch > old.epoch &&new.line > old.line);
    EXPECT(trial_drop(trial, "orders") == PAWL_OK);
    EXPECT(trial_create(trial, "orders", NULL) == PAWL_OK);
    EXPECT(trial_return(trial, "orders", &new, new.range.first) == PAWL_NOT_KEPT);
    EXPECT(drive_take(trial->stores[1], orders, 5, &old) == PAWL_OK);
    EXPECT(old.range.first == 1 && old.epoch > new.epoch);
}

static void fences(struct trial *trial)
{
    struct pawl_grant before;
    struct pawl_grant after;
    struct deed deed = trial_deed(trial, PAWL_ASK_FENCE, "orders");

    EXPECT(trial_create(trial, "orders", NULL) == PAWL_OK);
    EXPECT(trial_take(trial, "orders", 10, &before) == PAWL_OK);
    deed.ask.count = 1000;
    EXPECT(drive(trial->store, &deed) == PAWL_OK);
    EXPECT(trial_take(trial, "orders", 1, &after) == PAWL_OK);
    EXPECT(after.range.first == 1011 && after.epoch > before.epoch && after.line == before.line);
}

const struct conformance_case conformance_define[] = {
    {"creates", creates, NEEDS_RECORD},
    {"creates once", creates_once, NEEDS_RECORD},
    {"creates once in one turn", creates_once_in_one_turn, NEEDS_RECORD},
    {"alters, in a new epoch", alters, NEEDS_RECORD},
    {"sets forward and backward", sets, NEEDS_RECORD},
    {"judges changes by the record, not by memory", judges_changes_by_the_record,
     NEEDS_RECORD | NEEDS_SHARING},
    {"sets by compare and set", sets_by_compare_and_set, NEEDS_RECORD | NEEDS_SHARING},
    {"drops, and goes on from the tombstone", drops_and_goes_on, NEEDS_RECORD},
    {"forgets what was dropped and made anew", forgets_what_was_dropped,
     NEEDS_RECORD | NEEDS_SHARING},
    {"fences", fences, NEEDS_RECORD},
    {.name = NULL},
};

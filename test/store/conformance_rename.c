/* SPDX-License-Identifier: Apache-2.0 */
/* Sequences that get another name. */
#include "conformance.h"

#include <string.h>

static pawl_err rename_at(struct trial *trial, struct pawl_source *store, const char *from,
                          const char *to, struct pawl_record *record)
{
    struct deed deed = trial_deed(trial, PAWL_ASK_RENAME, from);
    const char *own = trial_name(trial, to);

    deed.ask.to = (struct pawl_bytes){own, strlen(own)};
    deed.ask.record = record;
    return drive(store, &deed);
}

static pawl_err rename_to(struct trial *trial, const char *from, const char *to)
{
    return rename_at(trial, trial->store, from, to, NULL);
}

static void renames(struct trial *trial)
{
    const pawl_definition tens = {
        .given = PAWL_GIVEN_INCREMENT | PAWL_GIVEN_BLOCK, .increment = 10, .block = 7};
    struct pawl_record before = {0};
    struct pawl_record told = {0};
    struct pawl_record after = {0};
    struct pawl_grant first;
    struct pawl_grant second;

    EXPECT(rename_to(trial, "orders", "bills") == PAWL_NO_SEQUENCE);
    EXPECT(trial_create(trial, "orders", &tens) == PAWL_OK);
    EXPECT(trial_next(trial, "orders", 3, &first) == PAWL_OK);
    EXPECT(trial_read(trial, "orders", &before) == PAWL_OK);
    EXPECT(rename_at(trial, trial->store, "orders", "bills", &told) == PAWL_OK);
    EXPECT(trial_read(trial, "orders", NULL) == PAWL_NO_SEQUENCE);
    EXPECT(trial_read(trial, "bills", &after) == PAWL_OK);
    EXPECT(after.next == 31 && after.increment == 10 && after.block == 7);
    EXPECT(after.epoch > before.epoch && after.line > before.epoch);
    EXPECT(after.created_at == before.created_at && after.moved_to.size == 0);
    EXPECT(told.epoch == after.epoch && told.tag == after.tag);
    EXPECT(trial_list(trial, "*", 100) == 1);
    EXPECT(trial_next(trial, "orders", 1, &second) == PAWL_NO_SEQUENCE);
    EXPECT(trial_next(trial, "bills", 1, &second) == PAWL_OK);
    EXPECT(second.range.first == 31 && second.line == after.line);
    /* What was granted under the old name is gone for good. */
    EXPECT(trial_return(trial, "orders", &first, first.range.first) == PAWL_NOT_KEPT);
    EXPECT(trial_return(trial, "bills", &first, first.range.first) == PAWL_NOT_KEPT);
}

static void names_the_new_name(struct trial *trial)
{
    struct deed deed = trial_deed(trial, PAWL_ASK_READ, "orders");

    EXPECT(trial_create(trial, "orders", NULL) == PAWL_OK);
    EXPECT(rename_to(trial, "orders", "bills") == PAWL_OK);
    EXPECT(drive(trial->store, &deed) == PAWL_NO_SEQUENCE);
    EXPECT(strstr(deed.ask.error.text, trial_name(trial, "bills")) != NULL);
    EXPECT(trial_create(trial, "orders", NULL) == PAWL_OK);
    EXPECT(trial_drop(trial, "orders") == PAWL_OK);
    EXPECT(drive(trial->store, &deed) == PAWL_NO_SEQUENCE);
    EXPECT(strstr(deed.ask.error.text, trial_name(trial, "bills")) == NULL);
}

static void refuses_taken_names(struct trial *trial)
{
    struct pawl_record before = {0};
    struct pawl_record after = {0};

    EXPECT(trial_create(trial, "orders", NULL) == PAWL_OK);
    EXPECT(trial_create(trial, "bills", NULL) == PAWL_OK);
    EXPECT(trial_read(trial, "orders", &before) == PAWL_OK);
    EXPECT(rename_to(trial, "orders", "bills") == PAWL_EXISTS);
    EXPECT(rename_to(trial, "orders", "orders") == PAWL_EXISTS);
    EXPECT(rename_to(trial, "nothing", "bills") == PAWL_NO_SEQUENCE);
    EXPECT(trial_read(trial, "orders", &after) == PAWL_OK);
    EXPECT(after.epoch == before.epoch && after.version == before.version);
}

/* Names that were used before are free, and each change goes on from their last epoch. */
static void goes_to_and_fro(struct trial *trial)
{
    static const char *const words[] = {"a", "b", "c"};
    struct pawl_record record = {0};
    struct pawl_grant grant;
    uint64_t epochs[3] = {0};
    int64_t next = 1;

    EXPECT(trial_create(trial, "a", NULL) == PAWL_OK);
    for (size_t i = 0; i < 12; i++) {
        const char *from = words[i % 3];
        const char *to = words[(i + 1) % 3];

        EXPECT(trial_next(trial, from, 2, &grant) == PAWL_OK);
        EXPECT(grant.range.first == next);
        next += 2;
        EXPECT(rename_to(trial, from, to) == PAWL_OK);
        EXPECT(trial_read(trial, to, &record) == PAWL_OK);
        EXPECT(record.epoch > epochs[(i + 1) % 3] && record.line > epochs[(i + 1) % 3]);
        epochs[(i + 1) % 3] = record.epoch;
    }
    EXPECT(trial_create(trial, "b", NULL) == PAWL_OK);
    EXPECT(trial_next(trial, "b", 1, &grant) == PAWL_OK);
    EXPECT(grant.range.first == 1 && grant.line > epochs[1]);
    EXPECT(trial_drop(trial, "b") == PAWL_OK);
    EXPECT(rename_to(trial, "a", "b") == PAWL_OK);
    EXPECT(trial_next(trial, "b", 1, &grant) == PAWL_OK);
    EXPECT(grant.range.first == next);
    EXPECT(trial_list(trial, "*", 100) == 1);
}

/* Both want the name, or the sequence; one gets it, and nothing is lost. */
static void renames_against_others(struct trial *trial)
{
    const pawl_definition other = {.given = PAWL_GIVEN_START, .start = 1000};

    EXPECT(trial_open_more(trial, 2));
    for (int round = 0; round < 20; round++) {
        struct deed deeds[2] = {trial_deed(trial, PAWL_ASK_RENAME, "orders"),
                                trial_deed(trial, PAWL_ASK_CREATE, "bills")};
        const char *bills = trial_name(trial, "bills");
        struct pawl_record orders_now = {0};
        struct pawl_record bills_now = {0};

        EXPECT(trial_create(trial, "orders", NULL) == PAWL_OK);
        deeds[0].ask.to = (struct pawl_bytes){bills, strlen(bills)};
        deeds[1].ask.definition = &other;
        drive_many(trial->stores, 2, deeds, 2);
        pawl_err renamed = deeds[0].ask.error.code;
        pawl_err created = deeds[1].ask.error.code;
        EXPECT((renamed == PAWL_OK) == (created == PAWL_EXISTS));
        EXPECT((renamed == PAWL_EXISTS) == (created == PAWL_OK));
        EXPECT(trial_read(trial, "bills", &bills_now) == PAWL_OK);
        EXPECT((bills_now.start == 1000) == (created == PAWL_OK));
        if (created == PAWL_OK) {
            EXPECT(trial_read(trial, "orders", &orders_now) == PAWL_OK);
            EXPECT(trial_drop(trial, "orders") == PAWL_OK);
        } else {
            EXPECT(trial_read(trial, "orders", NULL) == PAWL_NO_SEQUENCE);
        }
        EXPECT(trial_drop(trial, "bills") == PAWL_OK);
    }
}

/* A memory of the record from before is advice: what was renamed is not granted from. */
static void forgets_the_old_name(struct trial *trial)
{
    const char *orders = trial_name(trial, "orders");
    struct pawl_grant grant;

    EXPECT(trial_open_more(trial, 2));
    EXPECT(trial_create(trial, "orders", NULL) == PAWL_OK);
    EXPECT(drive_take(trial->stores[1], orders, 5, &grant) == PAWL_OK);
    EXPECT(rename_to(trial, "orders", "bills") == PAWL_OK);
    EXPECT(drive_take(trial->stores[1], orders, 5, &grant) == PAWL_NO_SEQUENCE);
    EXPECT(rename_at(trial, trial->stores[1], "bills", "orders", NULL) == PAWL_OK);
    EXPECT(trial_take(trial, "orders", 5, &grant) == PAWL_OK);
    EXPECT(grant.range.first == 6);
    EXPECT(trial_take(trial, "bills", 5, &grant) == PAWL_NO_SEQUENCE);
}

const struct conformance_case conformance_rename[] = {
    {"renames", renames, NEEDS_RECORD},
    {"names the new name to whoever asks for the old one", names_the_new_name, NEEDS_RECORD},
    {"renames to no name that is taken", refuses_taken_names, NEEDS_RECORD},
    {"renames to and fro", goes_to_and_fro, NEEDS_RECORD},
    {"renames against others", renames_against_others, NEEDS_RECORD | NEEDS_SHARING},
    {"forgets the old name", forgets_the_old_name, NEEDS_RECORD | NEEDS_SHARING},
    {.name = NULL},
};

/* SPDX-License-Identifier: Apache-2.0 */
/* Ids are granted, to both ends of int64, and given back. */
#include "conformance.h"

#include "range/pace.h"

#include <stdlib.h>

static void advances(struct trial *trial)
{
    struct pawl_grant a;
    struct pawl_grant b;
    struct pawl_record record = {0};

    EXPECT(trial_create(trial, "orders", NULL) == PAWL_OK);
    EXPECT(trial_take(trial, "orders", 500, &a) == PAWL_OK);
    EXPECT(a.range.first == 1 && a.range.count == 500 && a.range.increment == 1);
    EXPECT(trial_take(trial, "orders", 1, &b) == PAWL_OK);
    EXPECT(b.range.first == 501 && b.range.count == 1);
    EXPECT(b.epoch == a.epoch && b.line == a.line && b.lap == 0 && b.lease != a.lease);
    EXPECT(trial_read(trial, "orders", &record) == PAWL_OK);
    EXPECT(record.next == 502 && record.epoch == b.epoch);
}

static void looks_without_writing(struct trial *trial)
{
    struct pawl_grant grant;
    struct pawl_record before = {0};
    struct pawl_record after = {0};

    EXPECT(trial_create(trial, "orders", NULL) == PAWL_OK);
    EXPECT(trial_read(trial, "orders", &before) == PAWL_OK);
    EXPECT(trial_take(trial, "orders", 0, &grant) == PAWL_OK);
    EXPECT(grant.range.count == 0 && grant.epoch == before.epoch);
    EXPECT(trial_read(trial, "orders", &after) == PAWL_OK);
    EXPECT(before.version == after.version && after.next == 1);

    struct deed ping = drive_deed(PAWL_ASK_PING, "");

    EXPECT(drive(trial->store, &ping) == PAWL_OK);
}

static void never_creates_by_taking(struct trial *trial)
{
    struct pawl_grant grant;
    struct pawl_record record;

    EXPECT(trial_take(trial, "nobody", 1, &grant) == PAWL_NO_SEQUENCE);
    EXPECT(trial_read(trial, "nobody", &record) == PAWL_NO_SEQUENCE);
}

static void ends_at_its_limit(struct trial *trial)
{
    pawl_definition definition = {.given = PAWL_GIVEN_MAX, .max = 10};
    struct pawl_grant grant;
    struct pawl_record record = {0};

    EXPECT(trial_create(trial, "orders", &definition) == PAWL_OK);
    EXPECT(trial_next(trial, "orders", 7, &grant) == PAWL_OK);
    EXPECT(trial_next(trial, "orders", 7, &grant) == PAWL_OK);
    EXPECT(grant.range.first == 8 && grant.range.count == 3);
    EXPECT(trial_next(trial, "orders", 1, &grant) == PAWL_END);
    EXPECT(trial_next(trial, "orders", UINT64_MAX, &grant) == PAWL_END);
    EXPECT(trial_read(trial, "orders", &record) == PAWL_OK);
    EXPECT(pawl_record_left(&record) == 0);
}

static void takes_a_huge_count(struct trial *trial)
{
    struct pawl_grant a;
    struct pawl_grant b;
    struct deed deed = trial_deed(trial, PAWL_ASK_NEXT, "orders");

    EXPECT(trial_create(trial, "orders", NULL) == PAWL_OK);
    EXPECT(trial_take(trial, "orders", UINT64_MAX, &a) == PAWL_OK);
    EXPECT(a.range.first == 1 && a.range.count == PAWL_BLOCK_IDS_MAX);
    EXPECT(trial_next(trial, "orders", UINT64_MAX, &b) == PAWL_OK);
    EXPECT(b.range.first == pawl_range_last(a.range) + 1 && b.range.count == PAWL_BLOCK_IDS_MAX);
    deed.ask.count = UINT64_MAX;
    deed.ask.exact = true;
    EXPECT(drive(trial->store, &deed) == PAWL_LIMIT);
}

static void ends_at_int64_max(struct trial *trial)
{
    pawl_definition definition = {.given = PAWL_GIVEN_START, .start = INT64_MAX - 2};
    struct pawl_grant grant;

    EXPECT(trial_create(trial, "up", &definition) == PAWL_OK);
    EXPECT(trial_next(trial, "up", 2, &grant) == PAWL_OK);
    EXPECT(grant.range.first == INT64_MAX - 2 && grant.range.count == 2);
    EXPECT(trial_next(trial, "up", 9, &grant) == PAWL_OK);
    EXPECT(grant.range.first == INT64_MAX && grant.range.count == 1);
    EXPECT(trial_next(trial, "up", 1, &grant) == PAWL_END);
}

static void ends_at_int64_min(struct trial *trial)
{
    pawl_definition definition = {.given = PAWL_GIVEN_START | PAWL_GIVEN_INCREMENT | PAWL_GIVEN_MIN,
                                  .start = INT64_MIN + 2,
                                  .increment = -1,
                                  .min = INT64_MIN};
    struct pawl_grant grant;

    EXPECT(trial_create(trial, "down", &definition) == PAWL_OK);
    EXPECT(trial_next(trial, "down", 9, &grant) == PAWL_OK);
    EXPECT(grant.range.first == INT64_MIN + 2 && grant.range.count == 3);
    EXPECT(pawl_range_last(grant.range) == INT64_MIN);
    EXPECT(trial_next(trial, "down", 1, &grant) == PAWL_END);
}

static void steps_over_all_of_int64(struct trial *trial)
{
    pawl_definition definition = {.given = PAWL_GIVEN_START | PAWL_GIVEN_INCREMENT |
                                           PAWL_GIVEN_MIN | PAWL_GIVEN_MAX,
                                  .start = INT64_MIN,
                                  .increment = INT64_MAX,
                                  .min = INT64_MIN,
                                  .max = INT64_MAX};
    struct pawl_grant grant;

    EXPECT(trial_create(trial, "wide", &definition) == PAWL_OK);
    EXPECT(trial_next(trial, "wide", 1, &grant) == PAWL_OK);
    EXPECT(grant.range.first == INT64_MIN && grant.range.count == 1);
    EXPECT(trial_next(trial, "wide", 9, &grant) == PAWL_OK);
    EXPECT(grant.range.first == -1 && grant.range.count == 2);
    EXPECT(pawl_range_last(grant.range) == INT64_MAX - 1);
    EXPECT(trial_next(trial, "wide", 1, &grant) == PAWL_END);
}

/* Where a double ends, and with the last digit odd: what JSON and Lua make of numbers. */
static void counts_beyond_a_double(struct trial *trial)
{
    const int64_t start = (INT64_C(1) << 53) - 3;
    pawl_definition definition = {.given = PAWL_GIVEN_START, .start = start};
    struct pawl_record record = {0};
    struct pawl_grant grant;

    EXPECT(trial_create(trial, "far", &definition) == PAWL_OK);
    for (int i = 0; i < 8; i++) {
        EXPECT(trial_next(trial, "far", 1, &grant) == PAWL_OK);
        EXPECT(grant.range.first == start + i);
    }
    EXPECT(trial_set(trial, "far", 4611686018427387905, false) == PAWL_OK);
    EXPECT(trial_next(trial, "far", 2, &grant) == PAWL_OK);
    EXPECT(grant.range.first == 4611686018427387905);
    EXPECT(trial_read(trial, "far", &record) == PAWL_OK);
    EXPECT(record.next == 4611686018427387907);
}

static void counts_down(struct trial *trial)
{
    pawl_definition definition = {.given = PAWL_GIVEN_INCREMENT, .increment = -5};
    struct pawl_grant grant;

    EXPECT(trial_create(trial, "down", &definition) == PAWL_OK);
    EXPECT(trial_take(trial, "down", 3, &grant) == PAWL_OK);
    EXPECT(grant.range.first == -1 && grant.range.increment == -5 && grant.range.count == 3);
    EXPECT(trial_take(trial, "down", 1, &grant) == PAWL_OK);
    EXPECT(grant.range.first == -16);
}

static void cycles(struct trial *trial)
{
    static const int64_t expected[] = {5, 8, 1, 4, 7, 10, 1};
    pawl_definition definition = {.given = PAWL_GIVEN_START | PAWL_GIVEN_INCREMENT |
                                           PAWL_GIVEN_MIN | PAWL_GIVEN_MAX | PAWL_GIVEN_CYCLE,
                                  .start = 5,
                                  .increment = 3,
                                  .min = 1,
                                  .max = 10,
                                  .cycle = true};
    struct pawl_grant grant;
    uint64_t laps = 0;

    EXPECT(trial_create(trial, "round", &definition) == PAWL_OK);
    for (size_t i = 0; i < PAWL_COUNT(expected); i++) {
        EXPECT(trial_next(trial, "round", 1, &grant) == PAWL_OK);
        EXPECT(grant.range.first == expected[i] && grant.range.count == 1);
        if (i > 0 && expected[i] < expected[i - 1]) laps++;
        EXPECT(grant.lap == laps);
    }
    EXPECT(trial_next(trial, "round", 100, &grant) == PAWL_OK);
    EXPECT(grant.range.first == 4 && grant.range.count == 3 && grant.lap == laps);
}

static void moves_beyond_a_floor(struct trial *trial)
{
    struct pawl_grant grant;
    struct deed deed = trial_deed(trial, PAWL_ASK_TAKE, "orders");

    EXPECT(trial_create(trial, "orders", NULL) == PAWL_OK);
    EXPECT(trial_take(trial, "orders", 10, &grant) == PAWL_OK);
    deed.ask.count = 10;
    deed.ask.floor = (struct pawl_mark){grant.line, 0, 5000};
    EXPECT(drive(trial->store, &deed) == PAWL_OK);
    EXPECT(deed.ask.grant.range.first > 5000);
    EXPECT(deed.ask.grant.line == grant.line && deed.ask.grant.epoch > grant.epoch);
}

static void takes_back_once(struct trial *trial)
{
    struct pawl_grant grant;
    struct pawl_grant other;

    EXPECT(trial_create(trial, "orders", NULL) == PAWL_OK);
    EXPECT(trial_take(trial, "orders", 10, &grant) == PAWL_OK);
    EXPECT(trial_return(trial, "orders", &grant, 4) == PAWL_OK);
    EXPECT(trial_return(trial, "orders", &grant, 4) == PAWL_NOT_KEPT);
    EXPECT(trial_take(trial, "orders", 10, &other) == PAWL_OK);
    EXPECT(other.range.first == 4 && other.range.count == 10 && other.epoch == grant.epoch);
    EXPECT(trial_return(trial, "orders", &grant, 4) == PAWL_NOT_KEPT);
    EXPECT(trial_take(trial, "orders", 10, &grant) == PAWL_OK);
    EXPECT(trial_return(trial, "orders", &other, 10) == PAWL_NOT_KEPT);
    EXPECT(trial_set(trial, "orders", 900, false) == PAWL_OK);
    EXPECT(trial_return(trial, "orders", &grant, grant.range.first) == PAWL_NOT_KEPT);
}

/* next is where it was, but in between others had the ids. */
static void takes_back_only_what_nobody_had_since(struct trial *trial)
{
    const char *orders = trial_name(trial, "orders");
    struct pawl_grant mine;
    struct pawl_grant theirs;

    EXPECT(trial_open_more(trial, 2));
    EXPECT(trial_create(trial, "orders", NULL) == PAWL_OK);
    EXPECT(trial_take(trial, "orders", 10, &mine) == PAWL_OK);
    EXPECT(trial_return(trial, "orders", &mine, 4) == PAWL_OK);
    EXPECT(drive_take(trial->stores[1], orders, 7, &theirs) == PAWL_OK);
    EXPECT(theirs.range.first == 4 && pawl_range_last(theirs.range) == 10);
    EXPECT(trial_return(trial, "orders", &mine, 4) == PAWL_NOT_KEPT);
    EXPECT(trial_take(trial, "orders", 1, &mine) == PAWL_OK);
    EXPECT(mine.range.first == 11);
}

enum { CROWD = 2000 };

static int by_first(const void *a, const void *b)
{
    const struct deed *x = a;
    const struct deed *y = b;

    return (x->ask.grant.range.first > y->ask.grant.range.first) -
           (x->ask.grant.range.first < y->ask.grant.range.first);
}

static void gives_each_id_to_one_ask(struct trial *trial)
{
    static struct deed deeds[CROWD];
    uint64_t random = 1;
    int64_t next = 1;

    EXPECT(trial_create(trial, "crowd", NULL) == PAWL_OK);
    for (size_t i = 0; i < CROWD; i++) {
        deeds[i] = trial_deed(trial, i % 3 == 0 ? PAWL_ASK_NEXT : PAWL_ASK_TAKE, "crowd");
        deeds[i].ask.count = 1 + pawl_random(&random) % 1000;
    }
    drive_all(trial->store, deeds, CROWD);
    qsort(deeds, CROWD, sizeof deeds[0], by_first);
    for (size_t i = 0; i < CROWD; i++) {
        EXPECT(deeds[i].ask.error.code == PAWL_OK);
        EXPECT(deeds[i].ask.grant.range.count == deeds[i].ask.count);
        EXPECT(deeds[i].ask.grant.range.first == next);
        next += (int64_t)deeds[i].ask.count;
    }
}

static void fails_one_ask_of_many_alone(struct trial *trial)
{
    struct deed deeds[4];

    EXPECT(trial_create(trial, "a", NULL) == PAWL_OK);
    deeds[0] = trial_deed(trial, PAWL_ASK_TAKE, "a");
    deeds[1] = trial_deed(trial, PAWL_ASK_TAKE, "nobody");
    deeds[2] = drive_deed(PAWL_ASK_CREATE, "\x7f");
    deeds[3] = trial_deed(trial, PAWL_ASK_TAKE, "a");
    for (size_t i = 0; i < PAWL_COUNT(deeds); i++) {
        deeds[i].ask.count = 2;
    }
    drive_all(trial->store, deeds, PAWL_COUNT(deeds));
    EXPECT(deeds[0].ask.error.code == PAWL_OK && deeds[0].ask.grant.range.first == 1);
    EXPECT(deeds[1].ask.error.code == PAWL_NO_SEQUENCE);
    EXPECT(deeds[2].ask.error.code == PAWL_BAD_REQUEST);
    EXPECT(deeds[3].ask.error.code == PAWL_OK && deeds[3].ask.grant.range.first == 3);
}

const struct conformance_case conformance_ids[] = {
    {"advances", advances, NEEDS_RECORD},
    {"looks without writing", looks_without_writing, NEEDS_RECORD},
    {"never creates by taking", never_creates_by_taking, 0},
    {"ends at its limit, n larger than what is left", ends_at_its_limit, NEEDS_RECORD},
    {"takes a huge count", takes_a_huge_count, NEEDS_RECORD},
    {"ends at 2^63 - 1", ends_at_int64_max, NEEDS_RECORD},
    {"ends at -2^63", ends_at_int64_min, NEEDS_RECORD},
    {"steps over all of int64", steps_over_all_of_int64, NEEDS_RECORD},
    {"counts beyond 2^53", counts_beyond_a_double, NEEDS_RECORD},
    {"counts down", counts_down, NEEDS_RECORD},
    {"cycles", cycles, NEEDS_RECORD},
    {"moves beyond a floor", moves_beyond_a_floor, NEEDS_RECORD},
    {"takes back once", takes_back_once, NEEDS_RECORD},
    {"takes back only what nobody had since", takes_back_only_what_nobody_had_since,
     NEEDS_RECORD | NEEDS_SHARING},
    {"gives each id to one ask of 2,000", gives_each_id_to_one_ask, NEEDS_RECORD},
    {"fails one ask of many alone", fails_one_ask_of_many_alone, NEEDS_RECORD},
    {.name = NULL},
};

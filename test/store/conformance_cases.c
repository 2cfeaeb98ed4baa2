/* SPDX-License-Identifier: Apache-2.0 */
#include "conformance.h"

#include "range/pace.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void creates(struct trial *trial)
{
    pawl_definition definition = {
        .given = PAWL_GIVEN_START | PAWL_GIVEN_BLOCK, .start = 2000000000, .block = 500};
    struct pawl_record record = {0};

    EXPECT(drive_read(trial->store, "shipment", &record) == PAWL_NO_SEQUENCE);
    EXPECT(drive_create(trial->store, "shipment", &definition) == PAWL_OK);
    EXPECT(drive_read(trial->store, "shipment", &record) == PAWL_OK);
    EXPECT(record.epoch > 0 && record.line == record.epoch && record.lap == 0);
    EXPECT(record.next == 2000000000 && record.block == 500 && record.increment == 1);
    EXPECT(!record.dropped && !record.ended && record.branch_size == 0);
}

static void creates_once(struct trial *trial)
{
    pawl_definition definition = {.given = PAWL_GIVEN_START, .start = 7};
    struct pawl_record before = {0};
    struct pawl_record after = {0};

    EXPECT(drive_create(trial->store, "orders", NULL) == PAWL_OK);
    EXPECT(drive_read(trial->store, "orders", &before) == PAWL_OK);
    EXPECT(drive_create(trial->store, "orders", &definition) == PAWL_EXISTS);
    definition.given |= PAWL_GIVEN_IF_NOT_EXISTS;
    EXPECT(drive_create(trial->store, "orders", &definition) == PAWL_OK);
    EXPECT(drive_read(trial->store, "orders", &after) == PAWL_OK);
    EXPECT(before.epoch == after.epoch && after.next == 1);
}

static void creates_once_in_one_turn(struct trial *trial)
{
    struct deed deeds[2] = {drive_deed(PAWL_ASK_CREATE, "orders"),
                            drive_deed(PAWL_ASK_CREATE, "orders")};

    drive_all(trial->store, deeds, 2);
    EXPECT(deeds[0].ask.error.code == PAWL_OK);
    EXPECT(deeds[1].ask.error.code == PAWL_EXISTS);
}

static void never_creates_by_taking(struct trial *trial)
{
    struct pawl_grant grant;
    struct pawl_record record;

    EXPECT(drive_take(trial->store, "nobody", 1, &grant) == PAWL_NO_SEQUENCE);
    EXPECT(drive_read(trial->store, "nobody", &record) == PAWL_NO_SEQUENCE);
}

static void advances(struct trial *trial)
{
    struct pawl_grant a;
    struct pawl_grant b;
    struct pawl_record record = {0};

    EXPECT(drive_create(trial->store, "orders", NULL) == PAWL_OK);
    EXPECT(drive_take(trial->store, "orders", 500, &a) == PAWL_OK);
    EXPECT(a.range.first == 1 && a.range.count == 500 && a.range.increment == 1);
    EXPECT(drive_take(trial->store, "orders", 1, &b) == PAWL_OK);
    EXPECT(b.range.first == 501 && b.range.count == 1);
    EXPECT(b.epoch == a.epoch && b.line == a.line && b.lap == 0 && b.lease != a.lease);
    EXPECT(drive_read(trial->store, "orders", &record) == PAWL_OK);
    EXPECT(record.next == 502 && record.epoch == b.epoch);
}

static void looks_without_writing(struct trial *trial)
{
    struct pawl_grant grant;
    struct pawl_record before = {0};
    struct pawl_record after = {0};

    EXPECT(drive_create(trial->store, "orders", NULL) == PAWL_OK);
    EXPECT(drive_read(trial->store, "orders", &before) == PAWL_OK);
    EXPECT(drive_take(trial->store, "orders", 0, &grant) == PAWL_OK);
    EXPECT(grant.range.count == 0 && grant.epoch == before.epoch);
    EXPECT(drive_read(trial->store, "orders", &after) == PAWL_OK);
    EXPECT(before.version == after.version && after.next == 1);

    struct deed ping = drive_deed(PAWL_ASK_PING, "");

    EXPECT(drive(trial->store, &ping) == PAWL_OK);
}

static void ends_at_its_limit(struct trial *trial)
{
    pawl_definition definition = {.given = PAWL_GIVEN_MAX, .max = 10};
    struct pawl_grant grant;
    struct pawl_record record = {0};

    EXPECT(drive_create(trial->store, "orders", &definition) == PAWL_OK);
    EXPECT(drive_next(trial->store, "orders", 7, &grant) == PAWL_OK);
    EXPECT(drive_next(trial->store, "orders", 7, &grant) == PAWL_OK);
    EXPECT(grant.range.first == 8 && grant.range.count == 3);
    EXPECT(drive_next(trial->store, "orders", 1, &grant) == PAWL_END);
    EXPECT(drive_next(trial->store, "orders", UINT64_MAX, &grant) == PAWL_END);
    EXPECT(drive_read(trial->store, "orders", &record) == PAWL_OK);
    EXPECT(pawl_record_left(&record) == 0);
}

static void takes_a_huge_count(struct trial *trial)
{
    struct pawl_grant a;
    struct pawl_grant b;
    struct deed deed = drive_deed(PAWL_ASK_NEXT, "orders");

    EXPECT(drive_create(trial->store, "orders", NULL) == PAWL_OK);
    EXPECT(drive_take(trial->store, "orders", UINT64_MAX, &a) == PAWL_OK);
    EXPECT(a.range.first == 1 && a.range.count == PAWL_BLOCK_IDS_MAX);
    EXPECT(drive_next(trial->store, "orders", UINT64_MAX, &b) == PAWL_OK);
    EXPECT(b.range.first == pawl_range_last(a.range) + 1 && b.range.count == PAWL_BLOCK_IDS_MAX);
    deed.ask.count = UINT64_MAX;
    deed.ask.exact = true;
    EXPECT(drive(trial->store, &deed) == PAWL_LIMIT);
}

static void ends_at_int64_max(struct trial *trial)
{
    pawl_definition definition = {.given = PAWL_GIVEN_START, .start = INT64_MAX - 2};
    struct pawl_grant grant;

    EXPECT(drive_create(trial->store, "up", &definition) == PAWL_OK);
    EXPECT(drive_next(trial->store, "up", 2, &grant) == PAWL_OK);
    EXPECT(grant.range.first == INT64_MAX - 2 && grant.range.count == 2);
    EXPECT(drive_next(trial->store, "up", 9, &grant) == PAWL_OK);
    EXPECT(grant.range.first == INT64_MAX && grant.range.count == 1);
    EXPECT(drive_next(trial->store, "up", 1, &grant) == PAWL_END);
}

static void ends_at_int64_min(struct trial *trial)
{
    pawl_definition definition = {.given = PAWL_GIVEN_START | PAWL_GIVEN_INCREMENT | PAWL_GIVEN_MIN,
                                  .start = INT64_MIN + 2,
                                  .increment = -1,
                                  .min = INT64_MIN};
    struct pawl_grant grant;

    EXPECT(drive_create(trial->store, "down", &definition) == PAWL_OK);
    EXPECT(drive_next(trial->store, "down", 9, &grant) == PAWL_OK);
    EXPECT(grant.range.first == INT64_MIN + 2 && grant.range.count == 3);
    EXPECT(pawl_range_last(grant.range) == INT64_MIN);
    EXPECT(drive_next(trial->store, "down", 1, &grant) == PAWL_END);
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

    EXPECT(drive_create(trial->store, "wide", &definition) == PAWL_OK);
    EXPECT(drive_next(trial->store, "wide", 1, &grant) == PAWL_OK);
    EXPECT(grant.range.first == INT64_MIN && grant.range.count == 1);
    EXPECT(drive_next(trial->store, "wide", 9, &grant) == PAWL_OK);
    EXPECT(grant.range.first == -1 && grant.range.count == 2);
    EXPECT(pawl_range_last(grant.range) == INT64_MAX - 1);
    EXPECT(drive_next(trial->store, "wide", 1, &grant) == PAWL_END);
}

static void counts_down(struct trial *trial)
{
    pawl_definition definition = {.given = PAWL_GIVEN_INCREMENT, .increment = -5};
    struct pawl_grant grant;

    EXPECT(drive_create(trial->store, "down", &definition) == PAWL_OK);
    EXPECT(drive_take(trial->store, "down", 3, &grant) == PAWL_OK);
    EXPECT(grant.range.first == -1 && grant.range.increment == -5 && grant.range.count == 3);
    EXPECT(drive_take(trial->store, "down", 1, &grant) == PAWL_OK);
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

    EXPECT(drive_create(trial->store, "round", &definition) == PAWL_OK);
    for (size_t i = 0; i < PAWL_COUNT(expected); i++) {
        EXPECT(drive_next(trial->store, "round", 1, &grant) == PAWL_OK);
        EXPECT(grant.range.first == expected[i] && grant.range.count == 1);
        if (i > 0 && expected[i] < expected[i - 1]) laps++;
        EXPECT(grant.lap == laps);
    }
    EXPECT(drive_next(trial->store, "round", 100, &grant) == PAWL_OK);
    EXPECT(grant.range.first == 4 && grant.range.count == 3 && grant.lap == laps);
}

static pawl_err alter(struct trial *trial, const char *name, const pawl_definition *definition)
{
    struct deed deed = drive_deed(PAWL_ASK_ALTER, name);

    deed.ask.definition = definition;
    return drive(trial->store, &deed);
}

static void alters(struct trial *trial)
{
    pawl_definition faster = {.given = PAWL_GIVEN_INCREMENT, .increment = 10};
    pawl_definition wrong = {.given = PAWL_GIVEN_MIN | PAWL_GIVEN_MAX, .min = 5, .max = 4};
    struct pawl_grant before;
    struct pawl_grant after;

    EXPECT(alter(trial, "orders", &faster) == PAWL_NO_SEQUENCE);
    EXPECT(drive_create(trial->store, "orders", NULL) == PAWL_OK);
    EXPECT(drive_take(trial->store, "orders", 5, &before) == PAWL_OK);
    EXPECT(alter(trial, "orders", &wrong) == PAWL_BAD_REQUEST);
    EXPECT(alter(trial, "orders", &faster) == PAWL_OK);
    EXPECT(drive_take(trial->store, "orders", 2, &after) == PAWL_OK);
    EXPECT(after.range.increment == 10 && after.range.first > 5);
    EXPECT(after.epoch > before.epoch && after.line == before.line);
}

static pawl_err set(struct trial *trial, const char *name, int64_t id, bool force)
{
    struct deed deed = drive_deed(PAWL_ASK_SET, name);

    deed.ask.value = id;
    deed.ask.force = force;
    return drive(trial->store, &deed);
}

static void sets(struct trial *trial)
{
    struct pawl_grant first;
    struct pawl_grant forward;
    struct pawl_grant backward;

    EXPECT(set(trial, "orders", 5, false) == PAWL_NO_SEQUENCE);
    EXPECT(drive_create(trial->store, "orders", NULL) == PAWL_OK);
    EXPECT(drive_take(trial->store, "orders", 10, &first) == PAWL_OK);
    EXPECT(set(trial, "orders", 1000, false) == PAWL_OK);
    EXPECT(drive_take(trial->store, "orders", 1, &forward) == PAWL_OK);
    EXPECT(forward.range.first == 1000);
    EXPECT(forward.epoch > first.epoch && forward.line == first.line);
    EXPECT(set(trial, "orders", 500, false) == PAWL_BEHIND);
    EXPECT(set(trial, "orders", 0, true) == PAWL_BAD_REQUEST);
    EXPECT(set(trial, "orders", 500, true) == PAWL_OK);
    EXPECT(drive_take(trial->store, "orders", 1, &backward) == PAWL_OK);
    EXPECT(backward.range.first == 500);
    EXPECT(backward.epoch > forward.epoch && backward.line == backward.epoch);
}

static void drops_and_goes_on(struct trial *trial)
{
    struct deed drop = drive_deed(PAWL_ASK_DROP, "orders");
    struct pawl_grant before;
    struct pawl_grant after;

    EXPECT(drive(trial->store, &drop) == PAWL_NO_SEQUENCE);
    EXPECT(drive_create(trial->store, "orders", NULL) == PAWL_OK);
    EXPECT(drive_take(trial->store, "orders", 10, &before) == PAWL_OK);
    EXPECT(drive(trial->store, &drop) == PAWL_OK);
    EXPECT(drive_take(trial->store, "orders", 10, &after) == PAWL_NO_SEQUENCE);
    EXPECT(drive_read(trial->store, "orders", NULL) == PAWL_NO_SEQUENCE);
    EXPECT(drive(trial->store, &drop) == PAWL_NO_SEQUENCE);
    EXPECT(drive_create(trial->store, "orders", NULL) == PAWL_OK);
    EXPECT(drive_take(trial->store, "orders", 10, &after) == PAWL_OK);
    EXPECT(after.range.first == 1);
    EXPECT(after.epoch > before.epoch && after.line > before.line);
}

static pawl_err give_back(struct trial *trial, const struct pawl_grant *grant, int64_t first)
{
    struct deed deed = drive_deed(PAWL_ASK_RETURN, "orders");

    deed.ask.value = first;
    deed.ask.lease = grant->lease;
    deed.ask.epoch = grant->epoch;
    return drive(trial->store, &deed);
}

static void takes_back_once(struct trial *trial)
{
    struct pawl_grant grant;
    struct pawl_grant other;

    EXPECT(drive_create(trial->store, "orders", NULL) == PAWL_OK);
    EXPECT(drive_take(trial->store, "orders", 10, &grant) == PAWL_OK);
    EXPECT(give_back(trial, &grant, 4) == PAWL_OK);
    EXPECT(give_back(trial, &grant, 4) == PAWL_NOT_KEPT);
    EXPECT(drive_take(trial->store, "orders", 10, &other) == PAWL_OK);
    EXPECT(other.range.first == 4 && other.range.count == 10 && other.epoch == grant.epoch);
    EXPECT(give_back(trial, &grant, 4) == PAWL_NOT_KEPT);
    EXPECT(drive_take(trial->store, "orders", 10, &grant) == PAWL_OK);
    EXPECT(give_back(trial, &other, 10) == PAWL_NOT_KEPT);
    EXPECT(set(trial, "orders", 900, false) == PAWL_OK);
    EXPECT(give_back(trial, &grant, grant.range.first) == PAWL_NOT_KEPT);
}

static void moves_beyond_a_floor(struct trial *trial)
{
    struct pawl_grant grant;
    struct deed deed = drive_deed(PAWL_ASK_TAKE, "orders");

    EXPECT(drive_create(trial->store, "orders", NULL) == PAWL_OK);
    EXPECT(drive_take(trial->store, "orders", 10, &grant) == PAWL_OK);
    deed.ask.count = 10;
    deed.ask.floor = (struct pawl_mark){grant.line, 0, 5000};
    EXPECT(drive(trial->store, &deed) == PAWL_OK);
    EXPECT(deed.ask.grant.range.first > 5000);
    EXPECT(deed.ask.grant.line == grant.line && deed.ask.grant.epoch > grant.epoch);
}

static void fences(struct trial *trial)
{
    struct pawl_grant before;
    struct pawl_grant after;
    struct deed deed = drive_deed(PAWL_ASK_FENCE, "orders");

    EXPECT(drive_create(trial->store, "orders", NULL) == PAWL_OK);
    EXPECT(drive_take(trial->store, "orders", 10, &before) == PAWL_OK);
    deed.ask.count = 1000;
    EXPECT(drive(trial->store, &deed) == PAWL_OK);
    EXPECT(drive_take(trial->store, "orders", 1, &after) == PAWL_OK);
    EXPECT(after.range.first == 1011 && after.epoch > before.epoch && after.line == before.line);
}

static void takes_any_good_name(struct trial *trial)
{
    static const char *const good[] = {"a",
                                       " ",
                                       "shop/orders#1",
                                       "it's \"quoted\"",
                                       "%s%n",
                                       "\xc3\xbc\xe2\x82\xac\xf0\x9f\x90\xbe",
                                       "..",
                                       "/"};
    char longest[PAWL_NAME_BYTES_MAX + 2];
    struct pawl_record record = {0};

    for (size_t i = 0; i < PAWL_COUNT(good); i++) {
        EXPECT(drive_create(trial->store, good[i], NULL) == PAWL_OK);
        EXPECT(drive_read(trial->store, good[i], &record) == PAWL_OK);
        EXPECT(record.name.size == strlen(good[i]));
        EXPECT(memcmp(record.name.at, good[i], record.name.size) == 0);
    }
    for (size_t i = 0; i + 3 <= PAWL_NAME_BYTES_MAX; i += 3) {
        memcpy(longest + i, "\xe2\x82\xac", 3);
    }
    longest[PAWL_NAME_BYTES_MAX] = '\0';
    EXPECT(drive_create(trial->store, longest, NULL) == PAWL_OK);
    EXPECT(drive_create(trial->store, longest, NULL) == PAWL_EXISTS);
}

static void refuses_bad_names(struct trial *trial)
{
    static const char *const bad[] = {"a\nb", "\x7f", "\xc3", "\xff", "\xed\xa0\x80", "\xc2\x80"};
    struct pawl_grant grant;

    for (size_t i = 0; i < PAWL_COUNT(bad); i++) {
        EXPECT(drive_create(trial->store, bad[i], NULL) == PAWL_BAD_REQUEST);
        EXPECT(drive_take(trial->store, bad[i], 1, &grant) == PAWL_BAD_REQUEST);
        EXPECT(drive_read(trial->store, bad[i], NULL) == PAWL_BAD_REQUEST);
    }
}

enum { LISTED = 10000, DROPPED_EACH = 10, LIST_NAME_MAX = 24 };

static void list_name(char name[LIST_NAME_MAX], unsigned number)
{
    (void)snprintf(name, LIST_NAME_MAX, "list/%04x", number * 40503U & 0xffffU);
}

struct listing {
    struct pawl_page page;
    struct pawl_name last;
    size_t seen;
    bool ordered;
};

static void listed(struct pawl_page *page, const struct pawl_record *record)
{
    struct listing *listing = PAWL_OWNER(page, struct listing, page);

    if (pawl_bytes_order(pawl_name_bytes(&listing->last), pawl_name_bytes(&record->name)) >= 0) {
        listing->ordered = false;
    }
    listing->last = record->name;
    listing->seen++;
}

/* Returns how many it saw, SIZE_MAX if a page failed or names were out of order. */
static size_t list(struct trial *trial, const char *glob, uint32_t count_max)
{
    struct listing listing = {
        .page = {.glob = {glob, strlen(glob)}, .count_max = count_max, .each = listed},
        .ordered = true};
    struct deed deed = drive_deed(PAWL_ASK_LIST, "");

    deed.ask.page = &listing.page;
    do {
        size_t before = listing.seen;

        if (drive(trial->store, &deed) != PAWL_OK) return SIZE_MAX;
        if (listing.seen - before > count_max) return SIZE_MAX;
    } while (listing.page.more);
    return listing.ordered ? listing.seen : SIZE_MAX;
}

static void lists_in_order(struct trial *trial)
{
    static struct deed deeds[LISTED];
    static char names[LISTED][LIST_NAME_MAX];
    size_t dropped = 0;

    EXPECT(list(trial, "", 10) == 0);
    for (unsigned i = 0; i < LISTED; i++) {
        list_name(names[i], i);
        deeds[i] = drive_deed(PAWL_ASK_CREATE, names[i]);
    }
    drive_all(trial->store, deeds, LISTED);
    for (size_t i = 0; i < LISTED; i++) {
        EXPECT(deeds[i].ask.error.code == PAWL_OK);
    }
    for (size_t i = 0; i < LISTED; i += DROPPED_EACH) {
        deeds[dropped++] = drive_deed(PAWL_ASK_DROP, names[i]);
    }
    drive_all(trial->store, deeds, dropped);
    EXPECT(list(trial, "", 1000) == LISTED - dropped);
    EXPECT(list(trial, "", 7) == LISTED - dropped);
    EXPECT(list(trial, "list/*", LISTED * 2) == LISTED - dropped);
    EXPECT(list(trial, "nothing*", 100) == 0);

    size_t halves = list(trial, "list/[0-7]*", 999) + list(trial, "list/[89a-f]*", 999);

    EXPECT(halves == LISTED - dropped);
    EXPECT(list(trial, names[1], 100) == 1);
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

    EXPECT(drive_create(trial->store, "crowd", NULL) == PAWL_OK);
    for (size_t i = 0; i < CROWD; i++) {
        deeds[i] = drive_deed(i % 3 == 0 ? PAWL_ASK_NEXT : PAWL_ASK_TAKE, "crowd");
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

    EXPECT(drive_create(trial->store, "a", NULL) == PAWL_OK);
    deeds[0] = drive_deed(PAWL_ASK_TAKE, "a");
    deeds[1] = drive_deed(PAWL_ASK_TAKE, "nobody");
    deeds[2] = drive_deed(PAWL_ASK_CREATE, "\x7f");
    deeds[3] = drive_deed(PAWL_ASK_TAKE, "a");
    for (size_t i = 0; i < PAWL_COUNT(deeds); i++) {
        deeds[i].ask.count = 2;
    }
    drive_all(trial->store, deeds, PAWL_COUNT(deeds));
    EXPECT(deeds[0].ask.error.code == PAWL_OK && deeds[0].ask.grant.range.first == 1);
    EXPECT(deeds[1].ask.error.code == PAWL_NO_SEQUENCE);
    EXPECT(deeds[2].ask.error.code == PAWL_BAD_REQUEST);
    EXPECT(deeds[3].ask.error.code == PAWL_OK && deeds[3].ask.grant.range.first == 3);
}

struct persistent {
    struct deed deed;
    struct pawl_source *store;
    unsigned answers;
};

static void ask_again(struct pawl_ask *ask)
{
    struct persistent *self =
        PAWL_OWNER(PAWL_OWNER(ask, struct deed, ask), struct persistent, deed);

    if (++self->answers < 3) pawl_source_ask(self->store, ask);
}

static void lets_done_ask_again(struct trial *trial)
{
    struct persistent self = {.deed = drive_deed(PAWL_ASK_TAKE, "a"), .store = trial->store};

    EXPECT(drive_create(trial->store, "a", NULL) == PAWL_OK);
    self.deed.ask.count = 1;
    self.deed.ask.done = ask_again;
    pawl_source_ask(trial->store, &self.deed.ask);
    EXPECT(self.answers == 0);
    for (int turns = 0; turns < 100 && self.answers < 3; turns++) {
        uint64_t next_ns = trial->store->ops->turn(trial->store, 5);

        EXPECT(self.answers == 3 || next_ns != PAWL_NEVER);
    }
    EXPECT(self.answers == 3 && self.deed.ask.grant.range.first == 3);
}

static void ends_pending_asks_at_close(struct trial *trial)
{
    struct deed deed = drive_deed(PAWL_ASK_CREATE, "a");

    pawl_source_ask(trial->store, &deed.ask);
    EXPECT(trial_reopen(trial));
    EXPECT(deed.answers == 1 && deed.ask.error.code == PAWL_CLOSED);
}

static void remembers(struct trial *trial)
{
    struct pawl_grant before;
    struct pawl_grant after;
    struct deed drop = drive_deed(PAWL_ASK_DROP, "gone");
    struct pawl_record record = {0};

    EXPECT(drive_create(trial->store, "orders", NULL) == PAWL_OK);
    EXPECT(drive_create(trial->store, "gone", NULL) == PAWL_OK);
    EXPECT(drive_take(trial->store, "orders", 10, &before) == PAWL_OK);
    EXPECT(drive(trial->store, &drop) == PAWL_OK);
    for (int i = 0; i < 5; i++) {
        EXPECT(trial_reopen(trial));
        EXPECT(drive_take(trial->store, "orders", 10, &after) == PAWL_OK);
        EXPECT(after.range.first == before.range.first + 10);
        EXPECT(after.epoch == before.epoch && after.line == before.line);
        EXPECT(drive_read(trial->store, "gone", &record) == PAWL_NO_SEQUENCE);
        before = after;
    }
    EXPECT(list(trial, "", 100) == 1);
}

const struct conformance_case conformance_cases[] = {
    {"creates", creates, false},
    {"creates once", creates_once, false},
    {"creates once in one turn", creates_once_in_one_turn, false},
    {"never creates by taking", never_creates_by_taking, false},
    {"advances", advances, false},
    {"looks without writing", looks_without_writing, false},
    {"ends at its limit, n larger than what is left", ends_at_its_limit, false},
    {"takes a huge count", takes_a_huge_count, false},
    {"ends at 2^63 - 1", ends_at_int64_max, false},
    {"ends at -2^63", ends_at_int64_min, false},
    {"steps over all of int64", steps_over_all_of_int64, false},
    {"counts down", counts_down, false},
    {"cycles", cycles, false},
    {"alters, in a new epoch", alters, false},
    {"sets forward and backward", sets, false},
    {"drops, and goes on from the tombstone", drops_and_goes_on, false},
    {"takes back once", takes_back_once, false},
    {"moves beyond a floor", moves_beyond_a_floor, false},
    {"fences", fences, false},
    {"takes any good name", takes_any_good_name, false},
    {"refuses bad names", refuses_bad_names, false},
    {"lists 10,000 names in order, by pages, by glob", lists_in_order, false},
    {"gives each id to one ask of 2,000", gives_each_id_to_one_ask, false},
    {"fails one ask of many alone", fails_one_ask_of_many_alone, false},
    {"lets done ask again", lets_done_ask_again, false},
    {"ends pending asks at close", ends_pending_asks_at_close, false},
    {"remembers across close and open", remembers, true},
};
const size_t conformance_case_count = PAWL_COUNT(conformance_cases);

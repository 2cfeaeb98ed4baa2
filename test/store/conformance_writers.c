/* SPDX-License-Identifier: Apache-2.0 */
/* Twenty who write one record: whoever was told of an id is the only one who was. */
#include "conformance.h"

#include <stdlib.h>

enum {
    WRITERS = 20,
    ASKS_EACH = 4,
    ROUNDS = 12,
    ROUNDS_IN_STEPS = 3,
    GRANTS_MAX = WRITERS * ASKS_EACH * ROUNDS
};

struct grants {
    struct pawl_grant all[GRANTS_MAX];
    size_t count;
};

/* Who writes the record to advance it needs a moment against nineteen others. */
static int rounds(const struct trial *trial)
{
    return trial->can & NEEDS_ADVANCE ? ROUNDS : ROUNDS_IN_STEPS;
}

static int by_place(const void *a, const void *b)
{
    const struct pawl_grant *x = a;
    const struct pawl_grant *y = b;

    if (x->line != y->line) return x->line < y->line ? -1 : 1;
    if (x->lap != y->lap) return x->lap < y->lap ? -1 : 1;
    return (x->range.first > y->range.first) - (x->range.first < y->range.first);
}

/* Increments are positive here. gaps: whether there may be some. */
static bool disjoint(struct grants *grants, bool gaps)
{
    qsort(grants->all, grants->count, sizeof grants->all[0], by_place);
    for (size_t i = 1; i < grants->count; i++) {
        const struct pawl_grant *a = &grants->all[i - 1];
        const struct pawl_grant *b = &grants->all[i];

        if (a->line != b->line || a->lap != b->lap) continue;
        int64_t next = pawl_range_last(a->range) + 1;

        if (b->range.first < next || (!gaps && b->range.first > next)) return false;
    }
    return true;
}

/* Refused before anything was taken, against that many others, is an answer. */
static bool keep(struct grants *grants, const struct deed *deeds, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const struct pawl_ask *ask = &deeds[i].ask;

        if (ask->kind != PAWL_ASK_TAKE && ask->kind != PAWL_ASK_NEXT) continue;
        if (ask->error.code == PAWL_BUSY) continue;
        if (ask->error.code != PAWL_OK || grants->count == GRANTS_MAX) return false;
        grants->all[grants->count++] = ask->grant;
    }
    return true;
}

static void lets_twenty_write(struct trial *trial)
{
    static struct grants grants;
    static struct deed deeds[WRITERS * ASKS_EACH];
    uint64_t ids = 0;
    struct pawl_record record = {0};

    grants.count = 0;
    EXPECT(trial_open_more(trial, WRITERS));
    EXPECT(trial_create(trial, "crowd", NULL) == PAWL_OK);
    for (int round = 0; round < rounds(trial); round++) {
        for (size_t i = 0; i < PAWL_COUNT(deeds); i++) {
            deeds[i] = trial_deed(trial, i % 3 == 0 ? PAWL_ASK_NEXT : PAWL_ASK_TAKE, "crowd");
            deeds[i].ask.count = 1 + pawl_random(&trial->random) % 100;
        }
        drive_many(trial->stores, WRITERS, deeds, PAWL_COUNT(deeds));
        EXPECT(keep(&grants, deeds, PAWL_COUNT(deeds)));
    }
    EXPECT(grants.count > (size_t)(rounds(trial) * WRITERS));
    EXPECT(disjoint(&grants, false));
    for (size_t i = 0; i < grants.count; i++) {
        ids += grants.all[i].range.count;
    }
    EXPECT(trial_read(trial, "crowd", &record) == PAWL_OK);
    EXPECT((uint64_t)record.next == ids + 1);
}

static void bump(struct trial *trial, struct deed *deed, int round)
{
    static const pawl_definition blocks[] = {{.given = PAWL_GIVEN_BLOCK, .block = 7},
                                             {.given = PAWL_GIVEN_BLOCK, .block = 9}};

    switch (round % 3) {
    case 0:
        *deed = trial_deed(trial, PAWL_ASK_FENCE, "crowd");
        deed->ask.count = 5;
        return;
    case 1:
        *deed = trial_deed(trial, PAWL_ASK_ALTER, "crowd");
        deed->ask.definition = &blocks[round % 2];
        return;
    default:
        *deed = trial_deed(trial, PAWL_ASK_SET, "crowd");
        deed->ask.value = 100000 * (round + 1);
    }
}

/* Each round another one changes the definition, while the others take. */
static void bumps_epochs_under_load(struct trial *trial)
{
    static struct grants grants;
    static struct deed deeds[WRITERS * ASKS_EACH];
    struct pawl_record record = {0};
    uint64_t epoch = 0;

    grants.count = 0;
    EXPECT(trial_open_more(trial, WRITERS));
    EXPECT(trial_create(trial, "crowd", NULL) == PAWL_OK);
    for (int round = 0; round < rounds(trial); round++) {
        size_t before = grants.count;

        for (size_t i = 0; i < PAWL_COUNT(deeds); i++) {
            deeds[i] = trial_deed(trial, PAWL_ASK_TAKE, "crowd");
            deeds[i].ask.count = 1 + pawl_random(&trial->random) % 100;
        }
        bump(trial, &deeds[round], round);
        drive_many(trial->stores, WRITERS, deeds, PAWL_COUNT(deeds));
        EXPECT(keep(&grants, deeds, PAWL_COUNT(deeds)));
        EXPECT(deeds[round].ask.error.code == PAWL_OK || deeds[round].ask.error.code == PAWL_BUSY);
        for (size_t i = before; i < grants.count; i++) {
            EXPECT(grants.all[i].epoch >= epoch);
        }
        EXPECT(trial_read(trial, "crowd", &record) == PAWL_OK);
        EXPECT(record.epoch > epoch || deeds[round].ask.error.code == PAWL_BUSY);
        epoch = record.epoch;
    }
    EXPECT(disjoint(&grants, true));
}

/* Twenty sequences in every order at once: what is locked together is locked in one order. */
static void serves_many_sequences_at_once(struct trial *trial)
{
    enum { NAMES = 20, AT_ONCE = WRITERS * ASKS_EACH };
    static struct deed deeds[WRITERS * NAMES];
    int64_t taken[NAMES] = {0};
    char words[NAMES][8] = {"a"};

    EXPECT(trial_open_more(trial, WRITERS));
    for (int n = 0; n < NAMES; n++) {
        words[n][0] = (char)('a' + n);
        EXPECT(trial_create(trial, words[n], NULL) == PAWL_OK);
    }
    for (size_t i = 0; i < PAWL_COUNT(deeds); i++) {
        size_t n = (i / WRITERS * 7 + i % WRITERS * 3) % NAMES;

        deeds[i] = trial_deed(trial, PAWL_ASK_TAKE, words[n]);
        deeds[i].ask.count = 3;
        taken[n] += 3;
    }
    for (size_t i = 0; i < PAWL_COUNT(deeds); i += AT_ONCE) {
        drive_many(trial->stores, WRITERS, deeds + i, AT_ONCE);
    }
    /* A server too slow for so many may refuse, or answer late: burned. Locked in a circle, most
     * would be. */
    size_t given = 0;

    for (size_t i = 0; i < PAWL_COUNT(deeds); i++) {
        const pawl_error *error = &deeds[i].ask.error;
        pawl_advice advice = pawl_err_advice(error->code);

        if (error->code != PAWL_OK && advice != PAWL_ADVICE_AGAIN && advice != PAWL_ADVICE_WAIT) {
            trial_fail(trial, error->text, __FILE__, __LINE__);
        }
        given += deeds[i].ask.error.code == PAWL_OK;
    }
    EXPECT(given > PAWL_COUNT(deeds) / 2);
    for (int n = 0; n < NAMES; n++) {
        struct pawl_record record = {0};

        EXPECT(trial_read(trial, words[n], &record) == PAWL_OK);
        EXPECT(record.next <= taken[n] + 1);
        EXPECT(given < PAWL_COUNT(deeds) || record.next == taken[n] + 1);
    }
}

const struct conformance_case conformance_writers[] = {
    {"lets twenty write, all ranges disjoint", lets_twenty_write, NEEDS_RECORD | NEEDS_SHARING},
    {"bumps epochs under load", bumps_epochs_under_load, NEEDS_RECORD | NEEDS_SHARING},
    {"serves twenty sequences to twenty", serves_many_sequences_at_once,
     NEEDS_RECORD | NEEDS_SHARING},
    {.name = NULL},
};

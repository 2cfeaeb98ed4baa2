/* SPDX-License-Identifier: Apache-2.0 */
/* A store is opened, closed and asked again. */
#include "conformance.h"

#include "base/clock.h"

#include <stdio.h>

enum { TURNS_MAX = 10000, PENDING = 200 };

struct persistent {
    struct deed deed;
    struct pawl_source *store;
    unsigned answers, turns;
};

static void ask_again(struct pawl_ask *ask)
{
    struct persistent *self =
        PAWL_OWNER(PAWL_OWNER(ask, struct deed, ask), struct persistent, deed);

    if (++self->answers < 3) pawl_source_ask(self->store, ask);
}

static uint64_t until_answered(void *arg)
{
    struct persistent *self = arg;
    unsigned before = self->answers;
    uint64_t next_ns = self->store->ops->turn(self->store, pawl_clock_ns());

    if (self->answers == 3 || ++self->turns == TURNS_MAX) return PAWL_PUMP_OVER;
    return self->answers > before ? pawl_clock_ns() : next_ns; /* it was asked again */
}

static void lets_done_ask_again(struct trial *trial)
{
    struct persistent self = {.deed = trial_deed(trial, PAWL_ASK_TAKE, "a"), .store = trial->store};

    EXPECT(trial_create(trial, "a", NULL) == PAWL_OK);
    self.deed.ask.count = 1;
    self.deed.ask.done = ask_again;
    pawl_source_ask(trial->store, &self.deed.ask);
    EXPECT(self.answers == 0);
    drive_until(until_answered, &self);
    EXPECT(self.answers == 3 && self.deed.ask.grant.range.first == 3);
}

static void ends_pending_asks_at_close(struct trial *trial)
{
    struct deed deed = trial_deed(trial, PAWL_ASK_CREATE, "a");

    pawl_source_ask(trial->store, &deed.ask);
    EXPECT(trial_reopen(trial));
    EXPECT(deed.answers == 1 && deed.ask.error.code == PAWL_CLOSED);
}

/* Begun or not, each is answered once, and nothing that closes late touches what is gone. */
static void ends_many_at_close(struct trial *trial)
{
    static struct deed deeds[PENDING];

    for (unsigned round = 0; round < 3; round++) {
        for (size_t i = 0; i < PENDING; i++) {
            char word[16];

            (void)snprintf(word, sizeof word, "%zu", i % 50);
            deeds[i] = trial_deed(trial, i < 50 ? PAWL_ASK_CREATE : PAWL_ASK_TAKE, word);
            deeds[i].ask.count = 1;
            pawl_source_ask(trial->store, &deeds[i].ask);
        }
        for (unsigned turns = 0; turns < round; turns++) {
            (void)trial->store->ops->turn(trial->store, pawl_clock_ns());
        }
        EXPECT(trial_reopen(trial));
        for (size_t i = 0; i < PENDING; i++) {
            EXPECT(deeds[i].answers == 1);
        }
    }
}

static void remembers(struct trial *trial)
{
    struct pawl_grant before;
    struct pawl_grant after;
    struct deed drop = trial_deed(trial, PAWL_ASK_DROP, "gone");
    struct pawl_record record = {0};

    EXPECT(trial_create(trial, "orders", NULL) == PAWL_OK);
    EXPECT(trial_create(trial, "gone", NULL) == PAWL_OK);
    EXPECT(trial_take(trial, "orders", 10, &before) == PAWL_OK);
    EXPECT(drive(trial->store, &drop) == PAWL_OK);
    for (int i = 0; i < 5; i++) {
        EXPECT(trial_reopen(trial));
        EXPECT(trial_take(trial, "orders", 10, &after) == PAWL_OK);
        EXPECT(after.range.first == before.range.first + 10);
        EXPECT(after.epoch == before.epoch && after.line == before.line);
        EXPECT(trial_read(trial, "gone", &record) == PAWL_NO_SEQUENCE);
        before = after;
    }
    EXPECT(trial_list(trial, "*", 100) == 1);
}

static bool same(const void *a, size_t a_size, const void *b, size_t b_size)
{
    return pawl_bytes_equal((struct pawl_bytes){a, a_size}, (struct pawl_bytes){b, b_size});
}

static bool identify(struct trial *trial, struct pawl_identity *now)
{
    struct deed ping = drive_deed(PAWL_ASK_PING, "");

    *now = (struct pawl_identity){.name_size = 0};
    ping.ask.identity = now;
    return drive(trial->store, &ping) == PAWL_OK;
}

/* Whoever remembers a store knows it again, and that it has come further: after each write, or, as
 * with pages of a log, after so many. One that tells nothing of itself (an emulator) tells nothing
 * each time. */
static void is_known_again(struct trial *trial)
{
    enum { ROUNDS = 3, WRITES_MAX = 400 };
    struct pawl_identity before;
    struct pawl_identity now;
    struct pawl_grant grant;

    EXPECT(trial_create(trial, "a", NULL) == PAWL_OK);
    EXPECT(identify(trial, &before));
    for (int i = 0; i < ROUNDS; i++) {
        int writes = 0;

        do {
            EXPECT(trial_take(trial, "a", 10, &grant) == PAWL_OK);
            if (writes++ == 0) EXPECT(trial_reopen(trial));
            EXPECT(identify(trial, &now));
            EXPECT(same(now.name, now.name_size, before.name, before.name_size));
            EXPECT(same(now.branch.at, now.branch.size, before.branch.at, before.branch.size));
            EXPECT(now.position >= before.position);
        } while (now.position == before.position && now.position != 0 && writes < WRITES_MAX);
        EXPECT(now.position > before.position || now.position == 0);
        before = now;
    }
}

/* What is made or granted bears the branch that the store tells with it. */
static void writes_its_branch(struct trial *trial)
{
    struct pawl_identity identity = {.name_size = 0};
    struct deed read = trial_deed(trial, PAWL_ASK_READ, "a");
    struct pawl_record record = {.branch_size = 0};
    struct pawl_grant grant;

    EXPECT(trial_create(trial, "a", NULL) == PAWL_OK);
    for (int i = 0; i < 2; i++) {
        read = trial_deed(trial, PAWL_ASK_READ, "a");
        read.ask.record = &record;
        read.ask.identity = &identity;
        EXPECT(drive(trial->store, &read) == PAWL_OK);
        EXPECT(i == 0 ||
               same(record.branch, record.branch_size, identity.branch.at, identity.branch.size));
        EXPECT(trial_take(trial, "a", 10, &grant) == PAWL_OK);
        EXPECT(grant.range.first == 1 + 10 * i);
    }
}

const struct conformance_case conformance_life[] = {
    {"lets done ask again", lets_done_ask_again, NEEDS_RECORD},
    {"ends pending asks at close", ends_pending_asks_at_close, 0},
    {"ends 200 asks at close, begun or not", ends_many_at_close, NEEDS_RECORD},
    {"remembers across close and open", remembers, NEEDS_RECORD | NEEDS_MEMORY},
    {"is known again after close and open", is_known_again, NEEDS_RECORD | NEEDS_MEMORY},
    {"writes its branch into what it grants", writes_its_branch, NEEDS_RECORD},
    {.name = NULL},
};

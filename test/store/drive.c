/* SPDX-License-Identifier: Apache-2.0 */
#include "drive.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { TURNS_MAX = 1000, WALL_S = 1700000000 };

static int64_t standing_wall_s(void *arg)
{
    (void)arg;
    return WALL_S;
}

struct pawl_store_options drive_options(uint64_t seed)
{
    return (struct pawl_store_options){
        .seed = seed, .refill_interval_ns = 30 * PAWL_NS_PER_S, .wall_s = standing_wall_s};
}

static void deed_done(struct pawl_ask *ask)
{
    PAWL_OWNER(ask, struct deed, ask)->answers++;
}

struct deed drive_deed(enum pawl_ask_kind kind, const char *name)
{
    return (struct deed){.ask = {.kind = kind, .name = {name, strlen(name)}, .done = deed_done}};
}

static size_t unanswered(const struct deed *deeds, size_t count)
{
    size_t left = 0;

    for (size_t i = 0; i < count; i++) {
        if (deeds[i].answers > 1) {
            (void)fprintf(stderr, "ask %zu of %zu was answered twice\n", i, count);
            abort();
        }
        left += deeds[i].answers == 0;
    }
    return left;
}

void drive_all(struct pawl_source *store, struct deed *deeds, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        deeds[i].answers = 0;
        pawl_source_ask(store, &deeds[i].ask);
    }
    for (int turns = 0; unanswered(deeds, count) > 0; turns++) {
        if (turns == TURNS_MAX) {
            (void)fprintf(stderr, "%zu of %zu asks get no answer\n", unanswered(deeds, count),
                          count);
            abort();
        }
        (void)store->ops->turn(store, (uint64_t)turns);
    }
}

pawl_err drive(struct pawl_source *store, struct deed *deed)
{
    drive_all(store, deed, 1);
    return deed->ask.error.code;
}

pawl_err drive_create(struct pawl_source *store, const char *name,
                      const pawl_definition *definition)
{
    static const pawl_definition defaults = {0};
    struct deed deed = drive_deed(PAWL_ASK_CREATE, name);

    deed.ask.definition = definition != NULL ? definition : &defaults;
    return drive(store, &deed);
}

static pawl_err advance(struct pawl_source *store, struct deed deed, uint64_t count,
                        struct pawl_grant *grant)
{
    deed.ask.count = count;
    pawl_err err = drive(store, &deed);
    *grant = deed.ask.grant;
    return err;
}

pawl_err drive_take(struct pawl_source *store, const char *name, uint64_t count,
                    struct pawl_grant *grant)
{
    return advance(store, drive_deed(PAWL_ASK_TAKE, name), count, grant);
}

pawl_err drive_next(struct pawl_source *store, const char *name, uint64_t count,
                    struct pawl_grant *grant)
{
    return advance(store, drive_deed(PAWL_ASK_NEXT, name), count, grant);
}

pawl_err drive_read(struct pawl_source *store, const char *name, struct pawl_record *record)
{
    struct deed deed = drive_deed(PAWL_ASK_READ, name);

    deed.ask.record = record;
    return drive(store, &deed);
}

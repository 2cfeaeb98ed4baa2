/* SPDX-License-Identifier: Apache-2.0 */
#include "meter.h"

#include <stdio.h>
#include <stdlib.h>

#include "store/store.h"

/* A give-back writes the record as well, and an ask for 0 ids reads it. */
static bool reads_only(const struct pawl_ask *ask)
{
    return ask->kind == PAWL_ASK_READ || (ask->kind == PAWL_ASK_TAKE && ask->count == 0);
}

static void meter_ask(struct pawl_source *self, struct pawl_ask *ask)
{
    struct meter *meter = PAWL_OWNER(self, struct meter, source);

    if (meter->away) {
        meter->tries++;
        pawl_asks_add(&meter->refused, ask);
        return;
    }
    if (reads_only(ask)) {
        meter->reads++;
    } else {
        meter->writes++;
        if (meter->writes_at != NULL) {
            size_t second = (size_t)(*meter->now_ns / PAWL_NS_PER_S);

            if (second < meter->seconds) meter->writes_at[second]++;
        }
    }
    pawl_source_ask(meter->store, ask);
}

static uint64_t meter_turn(struct pawl_source *self, uint64_t now_ns)
{
    struct meter *meter = PAWL_OWNER(self, struct meter, source);
    struct pawl_asks refused = meter->refused;
    struct pawl_ask *ask = NULL;

    meter->refused = (struct pawl_asks){NULL, NULL};
    while ((ask = refused.first == NULL ? NULL : pawl_asks_pop(&refused)) != NULL) {
        pawl_ask_fail(ask, PAWL_STORE, "the store is away");
    }
    return meter->store->ops->turn(meter->store, now_ns);
}

static void no_close(struct pawl_source *self)
{
    (void)self; /* meter_close does */
}

static const struct pawl_source_ops meter_ops = {
    .scheme = "meter", .ask = meter_ask, .turn = meter_turn, .close = no_close};

void meter_open(struct meter *meter, uint64_t seed)
{
    const struct pawl_store_options options = {.seed = seed,
                                               .refill_interval_ns = 30 * PAWL_NS_PER_S};
    pawl_error error = {0};

    *meter = (struct meter){.source = {&meter_ops}};
    if (pawl_store_open("memory:", &options, &meter->store, &error) == PAWL_OK) return;
    (void)fprintf(stderr, "bench: %s\n", error.text);
    exit(1);
}

void meter_close(struct meter *meter)
{
    (void)meter_turn(&meter->source, 0);
    meter->store->ops->close(meter->store);
}

struct pawl_keeper_settings meter_keeper_settings(uint64_t seed, void (*wake)(void *), void *arg)
{
    return (struct pawl_keeper_settings){
        .pace = {60 * PAWL_NS_PER_S, 30 * PAWL_NS_PER_S, 1000},
        .retry_least_ns = 10 * PAWL_NS_PER_MS,
        .retry_most_ns = 2 * PAWL_NS_PER_S,
        .seed = seed,
        .wake = wake,
        .arg = arg,
    };
}

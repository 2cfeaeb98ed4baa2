/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How many writes of its record a sequence costs by the rate at which its ids are used: a keeper
 * over a store, as in pawld, on a clock of its own. Blocks grow for ten minutes; the hour after
 * that is counted. Prints one line for each rate.
 */
#include "range/keeper.h"
#include "store/store.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

enum {
    GROW_S = 600,
    COUNTED_S = 3600,
    TICK_MS = 10,
    INTERVAL_S = 30,
    RIDE_THROUGH_S = 60,
};

/* Between keeper and store: counts what is written. */
struct meter {
    struct pawl_source source;
    struct pawl_source *store;
    uint64_t writes;
};

struct taker {
    struct pawl_keeper *keeper;
    struct pawl_holding *holding;
    uint64_t now_ns, taken, waits;
    struct pawl_ask ask;
    bool asking;
};

static void meter_ask(struct pawl_source *self, struct pawl_ask *ask)
{
    struct meter *meter = PAWL_OWNER(self, struct meter, source);

    meter->writes += ask->kind == PAWL_ASK_TAKE && ask->count > 0;
    pawl_source_ask(meter->store, ask);
}

static uint64_t meter_turn(struct pawl_source *self, uint64_t now_ns)
{
    struct pawl_source *store = PAWL_OWNER(self, struct meter, source)->store;

    return store->ops->turn(store, now_ns);
}

static void meter_close(struct pawl_source *self)
{
    struct pawl_source *store = PAWL_OWNER(self, struct meter, source)->store;

    store->ops->close(store);
}

static const struct pawl_source_ops meter_ops = {
    .scheme = "meter", .ask = meter_ask, .turn = meter_turn, .close = meter_close};

static void answered(struct pawl_ask *ask)
{
    struct taker *taker = PAWL_OWNER(ask, struct taker, ask);

    taker->asking = false;
    if (ask->error.code == PAWL_OK) return;
    (void)fprintf(stderr, "writes_bench: %s\n", ask->error.text);
    exit(1);
}

/* The ask under way must be over before the next. */
static void ask(struct taker *taker, enum pawl_ask_kind kind, struct pawl_ask what)
{
    static const pawl_definition definition = {0};

    taker->ask = what;
    taker->ask.kind = kind;
    taker->ask.name = PAWL_BYTES("orders");
    taker->ask.definition = &definition;
    taker->ask.done = answered;
    taker->asking = true;
    pawl_source_ask(pawl_keeper_source(taker->keeper), &taker->ask);
    while (taker->asking) {
        (void)pawl_keeper_turn(taker->keeper, taker->now_ns += PAWL_NS_PER_US);
    }
}

static void take(struct taker *taker, uint64_t count)
{
    while (count > 0) {
        uint64_t wish = count < PAWL_STOCK_TAKE_MAX ? count : PAWL_STOCK_TAKE_MAX;
        pawl_ids ids;

        if (!pawl_stock_take(taker->holding->stock, wish, &ids)) {
            taker->waits++;
            ask(taker, PAWL_ASK_WAIT, (struct pawl_ask){.count = count, .holding = taker->holding});
            continue;
        }
        taker->taken += ids.count;
        count -= ids.count;
    }
}

/* Uses ids at a steady rate for so many seconds. */
static void run(struct taker *taker, double rate, uint64_t seconds)
{
    uint64_t begun_ns = taker->now_ns;
    double owed = 0;

    while (taker->now_ns - begun_ns < seconds * PAWL_NS_PER_S) {
        taker->now_ns += TICK_MS * PAWL_NS_PER_MS;
        owed += rate * TICK_MS / 1000;
        uint64_t due = (uint64_t)owed;

        owed -= (double)due;
        take(taker, due);
        (void)pawl_keeper_turn(taker->keeper, taker->now_ns);
    }
}

static void wake(void *arg)
{
    (void)arg; /* every tick turns the keeper */
}

static void measure(double rate)
{
    const struct pawl_store_options options = {.seed = 1,
                                               .refill_interval_ns = INTERVAL_S * PAWL_NS_PER_S};
    const struct pawl_keeper_settings settings = {
        .pace = {RIDE_THROUGH_S * PAWL_NS_PER_S, INTERVAL_S * PAWL_NS_PER_S, 1000},
        .retry_least_ns = 10 * PAWL_NS_PER_MS,
        .retry_most_ns = 2 * PAWL_NS_PER_S,
        .seed = 1,
        .wake = wake,
    };
    struct meter meter = {.source = {&meter_ops}};
    struct taker taker = {.now_ns = PAWL_NS_PER_S};
    pawl_error error = {0};

    if (pawl_store_open("memory:", &options, &meter.store, &error) != PAWL_OK) {
        (void)fprintf(stderr, "writes_bench: %s\n", error.text);
        exit(1);
    }
    taker.keeper = pawl_keeper_new(&meter.source, &settings);
    if (taker.keeper == NULL) exit(1);
    ask(&taker, PAWL_ASK_CREATE, (struct pawl_ask){.count = 0});
    ask(&taker, PAWL_ASK_OPEN, (struct pawl_ask){.count = 0});
    taker.holding = taker.ask.holding;
    run(&taker, rate, GROW_S);

    uint64_t writes = meter.writes;
    uint64_t taken = taker.taken;
    uint64_t waits = taker.waits;

    run(&taker, rate, COUNTED_S);
    writes = meter.writes - writes;
    taken = taker.taken - taken;
    printf("%12.8g %14.2f %16.3f %18.4f %10" PRIu64 " %14.1f\n", rate,
           (double)writes * INTERVAL_S / COUNTED_S, (double)COUNTED_S / (double)writes,
           (double)writes * 1e6 / (double)taken, taker.waits - waits,
           (double)pawl_keeper_counts(taker.keeper)->held / rate);
    pawl_keeper_free(taker.keeper);
    meter.source.ops->close(&meter.source);
}

int main(void)
{
    static const double rates[] = {1.0 / 60, 1, 10, 1000, 100000, 10000000};

    printf("%12s %14s %16s %18s %10s %14s\n", "ids/s", "writes/30 s", "s between writes",
           "writes/million ids", "waits", "s at hand");
    for (size_t i = 0; i < PAWL_COUNT(rates); i++) {
        measure(rates[i]);
    }
    return 0;
}

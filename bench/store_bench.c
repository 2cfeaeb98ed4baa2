/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Durable ranges per second and latencies of any store, as a keeper would ask it:
 *
 *     store_bench URL SEQUENCES IN_FLIGHT SECONDS
 *
 * IN_FLIGHT asks for a range are always under way, each for the next of SEQUENCES sequences (made
 * first). Prints one JSON line: ranges, rate (per second), p50_us, p99_us, max_us.
 */
#include "base/clock.h"
#include "net/pump.h"
#include "net/uv_net.h"
#include "store/store.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

enum {
    IN_FLIGHT_MAX = 4096,
    SAMPLES_MAX = 1 << 22,
    NAME_BYTES = 32,
    PREPARE_IN_FLIGHT = 64,
    FAILURES_MAX = 256 /* an emulator that just began is slow to connect */
};

struct bench;

struct lane {
    struct pawl_ask ask;
    struct bench *bench;
    uint64_t asked_ns;
    char name[NAME_BYTES];
};

struct bench {
    uv_loop_t loop;
    struct pawl_pump pump;
    struct pawl_uv_net net;
    struct pawl_source *store;
    enum pawl_ask_kind kind;
    uint64_t sequences, next_sequence;
    uint64_t end_ns, under_way, ranges, failures;
    bool once; /* each sequence once, instead of until end_ns */
    uint32_t *samples_us;
    size_t sample_count;
    struct lane lanes[IN_FLIGHT_MAX];
};

static _Noreturn void fail(const char *what, const char *why)
{
    (void)fprintf(stderr, "store_bench: %s: %s\n", what, why);
    exit(1);
}

static void ask_next(struct lane *lane);

static void answered(struct pawl_ask *ask)
{
    struct lane *lane = PAWL_OWNER(ask, struct lane, ask);
    struct bench *bench = lane->bench;
    bool made = ask->error.code == PAWL_EXISTS && ask->kind == PAWL_ASK_CREATE;

    bench->under_way--;
    if (ask->error.code != PAWL_OK && !made) {
        pawl_advice advice = pawl_err_advice(ask->error.code);
        bool later = advice == PAWL_ADVICE_AGAIN || advice == PAWL_ADVICE_WAIT;

        if (!later || ++bench->failures > FAILURES_MAX) fail(lane->name, ask->error.text);
        ask_next(lane);
        return;
    }
    bench->ranges++;
    if (bench->sample_count < SAMPLES_MAX) {
        bench->samples_us[bench->sample_count++] =
            (uint32_t)((pawl_clock_ns() - lane->asked_ns) / PAWL_NS_PER_US);
    }
    ask_next(lane);
}

static void ask_next(struct lane *lane)
{
    static const pawl_definition definition = {0};
    struct bench *bench = lane->bench;
    uint64_t now_ns = pawl_clock_ns();

    if (bench->once ? bench->next_sequence == bench->sequences : now_ns >= bench->end_ns) return;
    int size = snprintf(lane->name, sizeof lane->name, "bench%" PRIu64,
                        bench->next_sequence++ % bench->sequences);

    lane->ask = (struct pawl_ask){.kind = bench->kind,
                                  .name = {lane->name, (size_t)size},
                                  .count = 1,
                                  .definition = &definition,
                                  .done = answered};
    lane->asked_ns = now_ns;
    bench->under_way++;
    pawl_source_ask(bench->store, &lane->ask);
}

static uint64_t turn(void *arg)
{
    struct bench *bench = arg;
    uint64_t next_ns = bench->store->ops->turn(bench->store, pawl_clock_ns());

    return bench->under_way == 0 ? PAWL_PUMP_OVER : next_ns;
}

static void run(struct bench *bench, enum pawl_ask_kind kind, size_t in_flight)
{
    bench->kind = kind;
    bench->once = kind == PAWL_ASK_CREATE;
    bench->next_sequence = bench->ranges = bench->sample_count = 0;
    for (size_t i = 0; i < in_flight; i++) {
        bench->lanes[i].bench = bench;
        ask_next(&bench->lanes[i]);
    }
    pawl_pump_run(&bench->pump, turn, bench);
}

static int by_size(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a;
    uint32_t y = *(const uint32_t *)b;

    return (x > y) - (x < y);
}

static uint64_t number(const char *text, uint64_t most)
{
    char *end;
    uint64_t value = strtoull(text, &end, 10);

    if (*end != '\0' || value == 0 || value > most) fail(text, "is no number that is meant here");
    return value;
}

static void open_store(struct bench *bench, const char *url)
{
    const struct pawl_store_options options = {
        .loop = &bench->loop,
        .net = &bench->net.net,
        .seed = pawl_clock_ns(),
        .refill_interval_ns = 30 * PAWL_NS_PER_S,
    };
    pawl_error error = {0};

    if (uv_loop_init(&bench->loop) != 0) fail("libuv", "makes no loop");
    pawl_pump_init(&bench->pump, &bench->loop);
    pawl_uv_net_init(&bench->net, &bench->loop);
    if (pawl_store_open(url, &options, &bench->store, &error) != PAWL_OK) fail(url, error.text);
}

int main(int argc, char **argv)
{
    static struct bench bench;

    if (argc != 5) fail("usage", "store_bench URL SEQUENCES IN_FLIGHT SECONDS");
    bench.sequences = number(argv[2], 10000000);
    size_t in_flight = (size_t)number(argv[3], IN_FLIGHT_MAX);
    uint64_t seconds = number(argv[4], 3600);

    bench.samples_us = calloc(SAMPLES_MAX, sizeof *bench.samples_us);
    if (bench.samples_us == NULL) fail("samples", "no memory");
    open_store(&bench, argv[1]);
    run(&bench, PAWL_ASK_CREATE, PREPARE_IN_FLIGHT);

    uint64_t begun_ns = pawl_clock_ns();

    bench.end_ns = begun_ns + seconds * PAWL_NS_PER_S;
    run(&bench, PAWL_ASK_NEXT, in_flight);
    double took_s = (double)(pawl_clock_ns() - begun_ns) / 1e9;
    size_t count = bench.sample_count;

    qsort(bench.samples_us, count, sizeof *bench.samples_us, by_size);
    printf("{\"ranges\": %" PRIu64 ", \"rate\": %.1f, \"p50_us\": %" PRIu32 ", \"p99_us\": %" PRIu32
           ", \"max_us\": %" PRIu32 "}\n",
           bench.ranges, (double)bench.ranges / took_s, bench.samples_us[count / 2],
           bench.samples_us[count - 1 - count / 100], bench.samples_us[count - 1]);
    bench.store->ops->close(bench.store);
    return 0;
}

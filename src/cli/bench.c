/* SPDX-License-Identifier: Apache-2.0 */
/* `pawl bench`: draws ids for some seconds and says how fast, how evenly, and at what price. */
#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "cli/commands.h"
#include "cli/histogram.h"
#include "cli/print.h"

enum {
    WARM_UP_CALLS = 1000, /* all of them timed: they decide how many of the rest are */
    QUICK_NS = 2000,      /* calls below this are too short to time each of them */
    QUICK_STRIDE = 16,    /* then one in so many is */
    PROGRESS_MS = 200,
    CLOCK_READS = 1000,
};

struct drawer {
    pthread_t thread;
    pawl_seq *seq;
    pawl_lane *lane; /* NULL: draws from seq */
    const atomic_bool *stop;
    _Atomic uint64_t ids; /* relaxed: for show until the thread is joined */
    pawl_err err;
    uint64_t clock_ns; /* what reading the clock costs: it is no part of a call */
    struct histogram latency;
};

struct result {
    uint64_t ids;
    uint64_t took_ns;
    uint64_t store_writes;
    struct histogram latency;
};

/* The least that two reads of the clock, one behind the other, lie apart. */
static uint64_t clock_cost_ns(void)
{
    uint64_t least_ns = UINT64_MAX;

    for (int i = 0; i < CLOCK_READS; i++) {
        uint64_t began_ns = pawl_clock_ns();
        uint64_t took_ns = pawl_clock_ns() - began_ns;

        if (took_ns < least_ns) least_ns = took_ns;
    }
    return least_ns;
}

static pawl_err draw(struct drawer *drawer, int64_t *id)
{
    return drawer->lane != NULL ? pawl_lane_next(drawer->lane, id) : pawl_next(drawer->seq, id);
}

/* Draws count ids; the first one is timed. */
static pawl_err draw_some(struct drawer *drawer, uint64_t count)
{
    int64_t id = 0;
    uint64_t began_ns = pawl_clock_ns();
    pawl_err err = draw(drawer, &id);

    if (err != PAWL_OK) return err;
    uint64_t took_ns = pawl_clock_ns() - began_ns;
    histogram_add(&drawer->latency, took_ns > drawer->clock_ns ? took_ns - drawer->clock_ns : 0);
    for (uint64_t i = 1; i < count; i++) {
        err = draw(drawer, &id);
        if (err != PAWL_OK) return err;
    }
    return PAWL_OK;
}

static void *draw_until_stopped(void *arg)
{
    struct drawer *drawer = arg;
    uint64_t ids = 0;
    uint64_t stride = 1;

    drawer->clock_ns = clock_cost_ns();
    while (drawer->err == PAWL_OK && !atomic_load_explicit(drawer->stop, memory_order_relaxed)) {
        drawer->err = draw_some(drawer, stride);
        ids += drawer->err == PAWL_OK ? stride : 0;
        atomic_store_explicit(&drawer->ids, ids, memory_order_relaxed);
        if (drawer->latency.count == WARM_UP_CALLS &&
            histogram_share(&drawer->latency, 0.5) < QUICK_NS) {
            stride = QUICK_STRIDE;
        }
    }
    return NULL;
}

static uint64_t ids_of(struct drawer *const *drawers, uint64_t count)
{
    uint64_t ids = 0;

    for (uint64_t i = 0; i < count; i++) {
        ids += atomic_load_explicit(&drawers[i]->ids, memory_order_relaxed);
    }
    return ids;
}

static void watch(const struct args *args, struct drawer *const *drawers)
{
    bool shown = isatty(STDERR_FILENO) && !args->json;
    uint64_t began_ns = pawl_clock_ns();

    for (uint64_t past_ns = 0; past_ns < args->seconds_ns; past_ns = pawl_clock_ns() - began_ns) {
        uint64_t left_ns = args->seconds_ns - past_ns;
        uint64_t step_ns = PROGRESS_MS * PAWL_NS_PER_MS;

        if (shown && past_ns > 0) {
            double seconds = (double)past_ns / (double)PAWL_NS_PER_S;

            (void)fprintf(stderr, "\r%.1f s, %.0f ids/s\033[K", seconds,
                          (double)ids_of(drawers, args->threads) / seconds);
        }
        wait_ns(left_ns < step_ns ? left_ns : step_ns);
    }
    if (shown) (void)fputs("\r\033[K", stderr);
}

static void free_drawers(struct drawer **drawers, uint64_t count)
{
    for (uint64_t i = 0; i < count; i++) {
        if (drawers[i] != NULL) pawl_lane_close(drawers[i]->lane);
        free(drawers[i]);
    }
}

static pawl_err new_drawers(pawl_seq *seq, const struct args *args, const atomic_bool *stop,
                            struct drawer **drawers)
{
    for (uint64_t i = 0; i < args->threads; i++) {
        drawers[i] = calloc(1, sizeof *drawers[i]);
        if (drawers[i] == NULL) return PAWL_NO_MEMORY;
        drawers[i]->seq = seq;
        drawers[i]->stop = stop;
        if (!args->lane) continue;
        pawl_err err = pawl_lane_open(seq, &drawers[i]->lane);
        if (err != PAWL_OK) return err;
    }
    return PAWL_OK;
}

/* Starts the threads, waits, stops them, adds up. The first error of any thread is the result. */
static pawl_err draw_all(const struct args *args, struct drawer **drawers, atomic_bool *stop,
                         struct result *result)
{
    uint64_t began_ns = pawl_clock_ns();
    uint64_t started = 0;
    pawl_err err = PAWL_OK;

    while (started < args->threads) {
        struct drawer *drawer = drawers[started];

        if (pthread_create(&drawer->thread, NULL, draw_until_stopped, drawer) != 0) break;
        started++;
    }
    if (started == args->threads) watch(args, drawers);
    atomic_store(stop, true);
    for (uint64_t i = 0; i < started; i++) {
        (void)pthread_join(drawers[i]->thread, NULL);
        histogram_merge(&result->latency, &drawers[i]->latency);
        if (err == PAWL_OK) err = drawers[i]->err;
    }
    result->took_ns = pawl_clock_ns() - began_ns;
    result->ids = ids_of(drawers, started);
    return started == args->threads ? err : PAWL_NO_MEMORY;
}

static void print_result(const struct args *args, const struct result *result)
{
    static const double shares[] = {0.5, 0.99, 0.999};
    double seconds = (double)result->took_ns / (double)PAWL_NS_PER_S;
    double rate = (double)result->ids / seconds;
    double writes = result->ids == 0 ? 0 : 1e6 * (double)result->store_writes / (double)result->ids;
    uint64_t ns[PAWL_COUNT(shares)];

    for (size_t i = 0; i < PAWL_COUNT(shares); i++) {
        ns[i] = histogram_share(&result->latency, shares[i]);
    }
    if (args->json) {
        (void)fputs("{\"name\":", stdout);
        print_json_text(stdout, args->name);
        (void)printf(",\"threads\":%" PRIu64 ",\"lane\":%s,\"seconds\":%.3f,\"ids\":%" PRIu64
                     ",\"rate\":%.0f",
                     args->threads, args->lane ? "true" : "false", seconds, result->ids, rate);
        (void)printf(",\"p50_ns\":%" PRIu64 ",\"p99_ns\":%" PRIu64 ",\"p999_ns\":%" PRIu64
                     ",\"most_ns\":%" PRIu64 ",\"store_writes\":%" PRIu64
                     ",\"store_writes_per_million\":%.3f}\n",
                     ns[0], ns[1], ns[2], result->latency.most, result->store_writes, writes);
        return;
    }
    (void)printf("%-7s %" PRIu64 " in %.1f s with %" PRIu64 " threads\n", "ids", result->ids,
                 seconds, args->threads);
    (void)printf("%-7s %.0f ids/s\n", "rate", rate);
    (void)printf("%-7s %.3f us\n", "p50", (double)ns[0] / 1e3);
    (void)printf("%-7s %.3f us\n", "p99", (double)ns[1] / 1e3);
    (void)printf("%-7s %.3f us\n", "p99.9", (double)ns[2] / 1e3);
    (void)printf("%-7s %" PRIu64 " writes, %.3f per million ids\n", "store", result->store_writes,
                 writes);
}

pawl_err run_bench(pawl_client *client, const struct args *args, pawl_error *error)
{
    struct drawer *drawers[ARGS_THREADS_MAX] = {NULL};
    struct result *result = calloc(1, sizeof *result);
    atomic_bool stop = false;
    pawl_info before;
    pawl_info after;
    pawl_seq *seq = NULL;

    if (result == NULL) return pawl_fail(error, PAWL_NO_MEMORY, "no memory");
    pawl_err err = pawl_show(client, args->name, &before, error);
    if (err == PAWL_OK) err = pawl_seq_open(client, args->name, &seq, error);
    if (err == PAWL_OK) {
        err = new_drawers(seq, args, &stop, drawers);
        if (err == PAWL_OK) err = draw_all(args, drawers, &stop, result);
        if (err != PAWL_OK) {
            (void)pawl_fail(error, err, "%s: %s, after %" PRIu64 " ids", args->name,
                            pawl_err_text(err), result->ids);
        }
    }
    if (err == PAWL_OK) err = pawl_show(client, args->name, &after, error);
    if (err == PAWL_OK) {
        result->store_writes = after.version - before.version;
        print_result(args, result);
    }
    free_drawers(drawers, args->threads);
    free(result);
    return err;
}

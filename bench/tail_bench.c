/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a refill costs the one who takes: pawl_next at a steady million ids a second, taker on core
 * 0, keeper on core 1, straight on an LMDB store, with many refills in the measured time. Prints
 * name, p50, p99, p99.9, p99.99, most, unit, and how many refills (store writes) there were.
 */
#include <inttypes.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "pawl/pawl.h"
#include "pawl/stores.h"

enum { IDS_PER_S = 1000000, SECONDS = 5, WARM_UP_S = 2, BUCKET_NS = 20, BUCKETS = 50000 };

static uint64_t now_ns(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000U + (uint64_t)now.tv_nsec;
}

static void pin(int core)
{
    cpu_set_t cores;

    CPU_ZERO(&cores);
    CPU_SET((size_t)core, &cores);
    (void)sched_setaffinity(0, sizeof cores, &cores);
}

static _Noreturn void die(const char *what)
{
    (void)fprintf(stderr, "tail_bench: %s\n", what);
    exit(1);
}

/* Takes at the steady rate for some time; each call's duration goes into buckets. */
static void take(pawl_seq *seq, int seconds, uint32_t buckets[BUCKETS])
{
    const uint64_t step_ns = UINT64_C(1000000000) / IDS_PER_S;
    uint64_t due_ns = now_ns();
    uint64_t end_ns = due_ns + (uint64_t)seconds * 1000000000U;

    while (due_ns < end_ns) {
        int64_t id = 0;
        uint64_t start_ns = now_ns();

        while (start_ns < due_ns) {
            start_ns = now_ns();
        }
        if (pawl_next(seq, &id) != PAWL_OK) die("pawl_next failed");
        uint64_t bucket = (now_ns() - start_ns) / BUCKET_NS;
        buckets[bucket < BUCKETS ? bucket : BUCKETS - 1]++;
        due_ns += step_ns;
        if (start_ns > due_ns + 1000000) due_ns = start_ns; /* the machine slept: no catching up */
    }
}

static double quantile_us(const uint32_t buckets[BUCKETS], double q)
{
    uint64_t total = 0;
    uint64_t sum = 0;

    for (size_t i = 0; i < BUCKETS; i++) {
        total += buckets[i];
    }
    for (size_t i = 0; i < BUCKETS; i++) {
        sum += buckets[i];
        if ((double)sum >= q * (double)total) return (double)(i + 1) * BUCKET_NS / 1e3;
    }
    return 0;
}

int main(void)
{
    static uint32_t buckets[BUCKETS];
    char folder[] = "/tmp/pawl-tail-XXXXXX";
    char text[128];
    pawl_options options = {.ride_through_ns = UINT64_C(200000000),
                            .refill_interval_ns = UINT64_C(50000000)};
    pawl_client *client = NULL;
    pawl_seq *seq = NULL;
    pawl_info before;
    pawl_info after;
    pawl_error error = {.text = ""};

    if (mkdtemp(folder) == NULL) die("no temporary folder");
    (void)snprintf(text, sizeof text, "lmdb:%s", folder);
    pawl_stores_register();
    pin(1);
    if (pawl_open(text, &options, &client, &error) != PAWL_OK) die(error.text);
    if (pawl_create(client, "orders", NULL, &error) != PAWL_OK) die(error.text);
    if (pawl_seq_open(client, "orders", &seq, &error) != PAWL_OK) die(error.text);
    pin(0);
    take(seq, WARM_UP_S, buckets);
    memset(buckets, 0, sizeof buckets);
    if (pawl_show(client, "orders", &before, &error) != PAWL_OK) die(error.text);
    take(seq, SECONDS, buckets);
    if (pawl_show(client, "orders", &after, &error) != PAWL_OK) die(error.text);
    printf("next_at_1M_per_s %.2f %.2f %.2f %.2f %.2f us, %" PRIu64 " refills in %d s\n",
           quantile_us(buckets, 0.5), quantile_us(buckets, 0.99), quantile_us(buckets, 0.999),
           quantile_us(buckets, 0.9999), quantile_us(buckets, 1), after.version - before.version,
           SECONDS);
    pawl_close(client);
    (void)snprintf(text, sizeof text, "rm -r %s", folder);
    return system(text) == 0 ? 0 : 1; // NOLINT(cert-env33-c): a folder of our own making
}

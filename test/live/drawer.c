/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Draws ids through libpawl until it is killed or its time is over, and writes each down after it
 * was handed out. Each thread has a file of its own of binary 64-bit ids, in the order drawn:
 * PREFIX.THREAD.MODE. Usage: drawer URL NAME THREADS SECONDS PREFIX
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "pawl/pawl.h"
#include "pawl/stores.h"

enum { THREADS_MAX = 16, TAKE_IDS = 37, IDS_PER_WRITE = 64, PAUSE_NS = 200000 };

enum mode { MODE_NEXT, MODE_TAKE, MODE_LANE, MODE_COUNT };
static const char *const mode_names[] = {"next", "take", "lane"};

struct drawer {
    pawl_seq *seq;
    const char *prefix;
    int number;
    double until_s;
};

static double now_s(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static void write_down(int file, const int64_t *ids, size_t count)
{
    ssize_t size = (ssize_t)(count * sizeof *ids);

    if (size > 0 && write(file, ids, (size_t)size) != size) abort();
}

static pawl_err draw(enum mode mode, pawl_seq *seq, pawl_lane *lane, int64_t *ids, size_t *count)
{
    pawl_ids run;
    pawl_err err = PAWL_OK;

    *count = 0;
    if (mode == MODE_TAKE) {
        err = pawl_take(seq, TAKE_IDS, UINT64_C(1000000000), &run);
        for (uint64_t i = 0; err == PAWL_OK && i < run.count; i++) {
            ids[(*count)++] = run.first + (int64_t)i * run.increment;
        }
        return err;
    }
    while (*count < IDS_PER_WRITE) {
        err = mode == MODE_LANE ? pawl_lane_next(lane, &ids[*count])
                                : pawl_next_within(seq, UINT64_C(1000000000), &ids[*count]);
        if (err != PAWL_OK) break;
        (*count)++;
    }
    return err;
}

static void *run(void *arg)
{
    struct drawer *drawer = arg;
    enum mode mode = (enum mode)(drawer->number % MODE_COUNT);
    struct timespec pause = {.tv_nsec = PAUSE_NS};
    char path[512];
    pawl_lane *lane = NULL;

    (void)snprintf(path, sizeof path, "%s.%d.%s", drawer->prefix, drawer->number, mode_names[mode]);
    int file = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (file < 0) abort();
    if (mode == MODE_LANE && pawl_lane_open(drawer->seq, &lane) != PAWL_OK) abort();
    while (now_s() < drawer->until_s) {
        int64_t ids[IDS_PER_WRITE];
        size_t count = 0;
        pawl_err err = draw(mode, drawer->seq, lane, ids, &count);

        write_down(file, ids, count);
        if (err != PAWL_OK && err != PAWL_TIMEOUT) {
            (void)fprintf(stderr, "drawer: %s\n", pawl_err_name(err));
        }
        (void)nanosleep(&pause, NULL); /* a load that leaves the machine room */
    }
    pawl_lane_close(lane);
    (void)close(file);
    return NULL;
}

int main(int argc, char **argv)
{
    if (argc != 6) {
        (void)fprintf(stderr, "usage: drawer URL NAME THREADS SECONDS PREFIX\n");
        return 2;
    }
    pawl_options options = {.timeout_ns = UINT64_C(20000000000),
                            .refill_interval_ns = UINT64_C(500000000),
                            .ride_through_ns = UINT64_C(1000000000)};
    pawl_client *client = NULL;
    pawl_seq *seq = NULL;
    pawl_error error;
    pthread_t threads[THREADS_MAX];
    struct drawer drawers[THREADS_MAX];
    int count = (int)strtol(argv[3], NULL, 10);
    double until_s = now_s() + strtod(argv[4], NULL);

    pawl_stores_register();
    if (count < 1 || count > THREADS_MAX) return 2;
    while (pawl_open(argv[1], &options, &client, &error) != PAWL_OK ||
           pawl_seq_open(client, argv[2], &seq, &error) != PAWL_OK) {
        pawl_close(client);
        client = NULL;
        if (now_s() < until_s) continue; /* its servers are being killed: that is the test */
        (void)fprintf(stderr, "drawer: %s\n", error.text);
        return 1;
    }
    for (int i = 0; i < count; i++) {
        drawers[i] = (struct drawer){seq, argv[5], i, until_s};
        if (pthread_create(&threads[i], NULL, run, &drawers[i]) != 0) abort();
    }
    for (int i = 0; i < count; i++) {
        (void)pthread_join(threads[i], NULL);
    }
    pawl_close(client);
    return 0;
}

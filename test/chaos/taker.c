/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An application with libpawl that draws ids at a steady rate until SIGTERM, and writes down each
 * one after it was handed out. Each thread has a file of its own, in the order drawn:
 * PREFIX.THREAD.i64, or with mode `timed` PREFIX.THREAD.ids with lines "ID BEGUN_NS DONE_NS".
 *
 * Usage: taker URL NAME PREFIX THREADS RATE MODE RIDE_MS REFILL_MS TIMEOUT_MS
 *   RATE  ids per second, of all threads together
 *   MODE  next: by pawl_next; mixed: threads by pawl_next, by lanes and by pawl_take in turn; timed
 *
 * Standard output: "ok" once it draws; at its end, and at SIGUSR1 of what happened since the one
 * before, a line of JSON: how many calls took how long, what failed, and how many took over a
 * millisecond and slept, so that it was not only the machine that was slow. Standard error: when
 * calls began to fail and when they were served again.
 */
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "pawl/pawl.h"
#include "pawl/stores.h"

enum {
    THREADS_MAX = 16,
    BATCH_MAX = 64, /* calls between two pauses */
    RUN_IDS = 7,    /* of one pawl_take */
    PAUSES_PER_S = 500,
    ERRORS = 32,
    LINE_BYTES = 80,
};

#define NS_PER_S INT64_C(1000000000)
#define SLOW_NS  INT64_C(1000000)

/* Calls that took less than so many microseconds, and in the last one all others. */
static const int64_t steps_us[] = {1,    10,    100,   200,    500,    1000,    2000,
                                   5000, 10000, 50000, 100000, 500000, 1000000, INT64_MAX};
enum { STEPS = sizeof steps_us / sizeof steps_us[0] };

enum mode { MODE_NEXT, MODE_LANE, MODE_TAKE, MODE_TIMED };

struct counts {
    uint64_t took[STEPS], failed[ERRORS], slept, ids;
    int64_t longest_ns;
};

struct drawer {
    pthread_t thread;
    pthread_mutex_t lock; /* of counts, which another thread takes away */
    struct counts counts;
    pawl_seq *seq;
    pawl_lane *lane;
    enum mode mode;
    int file, number;
    double rate;
    bool failing;
    char text[BATCH_MAX * LINE_BYTES]; /* what is to be written of a batch */
    int64_t drawn[BATCH_MAX * RUN_IDS];
    size_t text_size, drawn_count;
};

static atomic_bool over;
static uint64_t timeout_ns;

static int64_t now_ns(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * NS_PER_S + now.tv_nsec;
}

/* How often this thread slept so far. */
static long sleeps(void)
{
    struct rusage usage;

    (void)getrusage(RUSAGE_THREAD, &usage);
    return usage.ru_nvcsw;
}

static void count_call(struct drawer *drawer, int64_t took_ns, bool slept, pawl_err err)
{
    struct counts *counts = &drawer->counts;
    size_t step = 0;

    while (step < STEPS - 1 && took_ns >= steps_us[step] * 1000) {
        step++;
    }
    (void)pthread_mutex_lock(&drawer->lock);
    counts->took[step]++;
    counts->slept += slept && took_ns >= SLOW_NS;
    if (took_ns > counts->longest_ns) counts->longest_ns = took_ns;
    if (err != PAWL_OK) counts->failed[(unsigned)err % ERRORS]++;
    (void)pthread_mutex_unlock(&drawer->lock);
}

static void note_failure(struct drawer *drawer, int64_t now, pawl_err err)
{
    if ((err != PAWL_OK) == drawer->failing) return;
    drawer->failing = err != PAWL_OK;
    (void)fprintf(stderr, "%.3f thread %d: %s\n", (double)now / 1e9, drawer->number,
                  err == PAWL_OK ? "is served again" : pawl_err_name(err));
}

static void call(struct drawer *drawer)
{
    int64_t *ids = &drawer->drawn[drawer->drawn_count];
    pawl_err err = PAWL_OK;
    pawl_ids run = {.count = 1};
    long slept = sleeps();
    int64_t begun_ns = now_ns();

    switch (drawer->mode) {
    case MODE_LANE:
        err = pawl_lane_next(drawer->lane, ids);
        break;
    case MODE_TAKE:
        err = pawl_take(drawer->seq, RUN_IDS, timeout_ns, &run);
        break;
    case MODE_NEXT:
    case MODE_TIMED:
        err = pawl_next(drawer->seq, ids);
        break;
    }
    int64_t done_ns = now_ns();
    count_call(drawer, done_ns - begun_ns, sleeps() != slept, err);
    note_failure(drawer, done_ns, err);
    if (err != PAWL_OK) return;
    for (uint64_t i = 0; drawer->mode == MODE_TAKE && i < run.count; i++) {
        ids[i] = run.first + (int64_t)i * run.increment;
    }
    drawer->drawn_count += run.count;
    if (drawer->mode != MODE_TIMED) return;
    int size = snprintf(drawer->text + drawer->text_size, LINE_BYTES,
                        "%" PRId64 " %" PRId64 " %" PRId64 "\n", ids[0], begun_ns, done_ns);
    drawer->text_size += (size_t)size;
}

static void write_down(struct drawer *drawer)
{
    bool timed = drawer->mode == MODE_TIMED;
    const void *bytes = timed ? (const void *)drawer->text : drawer->drawn;
    size_t size = timed ? drawer->text_size : drawer->drawn_count * sizeof drawer->drawn[0];

    if (size > 0 && write(drawer->file, bytes, size) != (ssize_t)size) abort();
    (void)pthread_mutex_lock(&drawer->lock);
    drawer->counts.ids += drawer->drawn_count;
    (void)pthread_mutex_unlock(&drawer->lock);
    drawer->drawn_count = drawer->text_size = 0;
}

/* Sleeps until then; who comes late goes on from there, and makes up for nothing. */
static int64_t pause_until(int64_t due_ns)
{
    struct timespec due = {.tv_sec = due_ns / NS_PER_S, .tv_nsec = due_ns % NS_PER_S};

    if (now_ns() > due_ns + NS_PER_S) return now_ns();
    (void)clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &due, NULL);
    return due_ns;
}

static void *draw(void *arg)
{
    struct drawer *drawer = arg;
    int batch = 1 + (int)(drawer->rate / PAUSES_PER_S);
    int64_t due_ns = now_ns();

    if (batch > BATCH_MAX) batch = BATCH_MAX;
    while (!atomic_load(&over)) {
        for (int i = 0; i < batch; i++) {
            call(drawer);
        }
        write_down(drawer);
        due_ns = pause_until(due_ns + (int64_t)(batch * 1e9 / drawer->rate));
    }
    pawl_lane_close(drawer->lane);
    (void)close(drawer->file);
    return NULL;
}

static void begin(struct drawer *drawer, const char *prefix)
{
    char path[512];

    (void)snprintf(path, sizeof path, "%s.%d.%s", prefix, drawer->number,
                   drawer->mode == MODE_TIMED ? "ids" : "i64");
    drawer->file = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (drawer->file < 0) abort();
    if (drawer->mode == MODE_LANE && pawl_lane_open(drawer->seq, &drawer->lane) != PAWL_OK) abort();
    if (pthread_create(&drawer->thread, NULL, draw, drawer) != 0) abort();
}

/* Of all threads together; they begin anew. */
static struct counts take_counts(struct drawer *drawers, int count)
{
    struct counts sum = {.ids = 0};

    for (int i = 0; i < count; i++) {
        (void)pthread_mutex_lock(&drawers[i].lock);
        struct counts one = drawers[i].counts;
        drawers[i].counts = (struct counts){.ids = 0};
        (void)pthread_mutex_unlock(&drawers[i].lock);

        sum.ids += one.ids;
        sum.slept += one.slept;
        if (one.longest_ns > sum.longest_ns) sum.longest_ns = one.longest_ns;
        for (size_t k = 0; k < STEPS; k++) {
            sum.took[k] += one.took[k];
        }
        for (size_t k = 0; k < ERRORS; k++) {
            sum.failed[k] += one.failed[k];
        }
    }
    return sum;
}

static void tell(const struct counts *sum)
{
    const char *comma = "";

    (void)printf("{\"ids\":%" PRIu64 ",\"slept\":%" PRIu64 ",\"longest_us\":%.1f,\"took\":{",
                 sum->ids, sum->slept, (double)sum->longest_ns / 1000);
    for (size_t k = 0; k < STEPS; k++) {
        (void)printf("%s\"%" PRId64 "\":%" PRIu64, k == 0 ? "" : ",",
                     k < STEPS - 1 ? steps_us[k] : -1, sum->took[k]);
    }
    (void)fputs("},\"failed\":{", stdout);
    for (size_t k = 0; k < ERRORS; k++) {
        if (sum->failed[k] == 0) continue;
        (void)printf("%s\"%s\":%" PRIu64, comma, pawl_err_name((pawl_err)k), sum->failed[k]);
        comma = ",";
    }
    (void)puts("}}");
    (void)fflush(stdout);
}

static enum mode mode_of(const char *word, int number)
{
    if (strcmp(word, "timed") == 0) return MODE_TIMED;
    return strcmp(word, "mixed") == 0 ? (enum mode)(number % MODE_TIMED) : MODE_NEXT;
}

/* What it needs may be away when it is started: it waits for that. */
static pawl_client *open_patiently(char **argv, const pawl_options *options, pawl_seq **seq)
{
    pawl_client *client = NULL;
    pawl_error error;

    while (pawl_open(argv[1], options, &client, &error) != PAWL_OK ||
           pawl_seq_open(client, argv[2], seq, &error) != PAWL_OK) {
        pawl_close(client);
        client = NULL;
        (void)fprintf(stderr, "%.3f opens: %s\n", (double)now_ns() / 1e9, error.text);
        if (pawl_err_advice(error.code) == PAWL_ADVICE_FIX) exit(1);
        (void)pause_until(now_ns() + NS_PER_S / 5);
    }
    return client;
}

static uint64_t ns_of(const char *ms)
{
    return strtoull(ms, NULL, 10) * UINT64_C(1000000);
}

int main(int argc, char **argv)
{
    static struct drawer drawers[THREADS_MAX];
    sigset_t end;
    pawl_seq *seq = NULL;

    if (argc != 10) {
        (void)fprintf(stderr, "usage: taker URL NAME PREFIX THREADS RATE MODE RIDE_MS REFILL_MS "
                              "TIMEOUT_MS\n");
        return 2;
    }
    timeout_ns = ns_of(argv[9]);
    pawl_options options = {.ride_through_ns = ns_of(argv[7]),
                            .refill_interval_ns = ns_of(argv[8]),
                            .timeout_ns = timeout_ns};
    int count = (int)strtol(argv[4], NULL, 10);
    if (count < 1 || count > THREADS_MAX) return 2;
    pawl_stores_register();
    pawl_client *client = open_patiently(argv, &options, &seq);

    /* Only this thread hears that it is over; libpawl's own block all signals. */
    (void)sigemptyset(&end);
    (void)sigaddset(&end, SIGTERM);
    (void)sigaddset(&end, SIGUSR1);
    (void)pthread_sigmask(SIG_BLOCK, &end, NULL);
    for (int i = 0; i < count; i++) {
        drawers[i].number = i;
        drawers[i].seq = seq;
        drawers[i].mode = mode_of(argv[6], i);
        drawers[i].rate = strtod(argv[5], NULL) / count;
        if (drawers[i].mode == MODE_TAKE) drawers[i].rate /= RUN_IDS;
        (void)pthread_mutex_init(&drawers[i].lock, NULL);
        begin(&drawers[i], argv[3]);
    }
    (void)puts("ok");
    (void)fflush(stdout);
    struct counts counts;
    for (int number = 0; number != SIGTERM && sigwait(&end, &number) == 0;) {
        if (number != SIGUSR1) continue;
        counts = take_counts(drawers, count);
        tell(&counts);
    }
    atomic_store(&over, true);
    for (int i = 0; i < count; i++) {
        (void)pthread_join(drawers[i].thread, NULL);
    }
    counts = take_counts(drawers, count);
    tell(&counts);
    pawl_close(client);
    return 0;
}

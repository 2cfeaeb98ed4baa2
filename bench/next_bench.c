/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What one id costs: a bare atomic add, a mutex, a plain increment, pawl_next and pawl_lane_next,
 * each a function of a shared library, with one thread, with two that are pinned to cores 0 and 1,
 * and with four on these two. pawl's keeper fills its stock meanwhile, from a store in memory. All
 * subjects run in turn within each repetition, so that a noisy moment hits them alike. Prints JSON:
 * of each subject its ns of wall time per id and thread, a number per repetition, and what the
 * takers took from the heap; then how many ids pawl reserved for each that was taken.
 * Usage: next_bench REPETITIONS
 */
#include <inttypes.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>

#include "allocations.h"
#include "base/clock.h"
#include "pawl/pawl.h"
#include "pawl/stores.h"
#include "shape.h"

enum {
    REPETITIONS_MAX = 100,
    IDS = 4 * 1000 * 1000, /* per thread and repetition */
    THREADS_MAX = 4,
    CORES = 2,
    WARM_UPS = 16,
};

/* All that is measured; shared by the threads, but for the lanes and plain counters. */
struct state {
    struct shape_word word;
    struct shape_mutex mutex;
    struct shape_plain plain[THREADS_MAX];
    pawl_seq *seq;
    pawl_lane *lane[THREADS_MAX];
};

/* To measure one more thing, add a draw and a line to the table of subjects. */
struct subject {
    const char *name;
    int threads;
    void (*draw)(struct state *state, int thread); /* IDS ids */
};

static void check(pawl_err err)
{
    if (err == PAWL_OK) return;
    (void)fprintf(stderr, "next_bench: %s\n", pawl_err_name(err));
    exit(1);
}

static void draw_word(struct state *state, int thread)
{
    int64_t id;

    (void)thread;
    for (int i = 0; i < IDS; i++) {
        check(shape_word_next(&state->word, &id));
    }
}

static void draw_mutex(struct state *state, int thread)
{
    int64_t id;

    (void)thread;
    for (int i = 0; i < IDS; i++) {
        check(shape_mutex_next(&state->mutex, &id));
    }
}

static void draw_plain(struct state *state, int thread)
{
    int64_t id;

    for (int i = 0; i < IDS; i++) {
        check(shape_plain_next(&state->plain[thread], &id));
    }
}

static void draw_seq(struct state *state, int thread)
{
    int64_t id;

    (void)thread;
    for (int i = 0; i < IDS; i++) {
        check(pawl_next(state->seq, &id));
    }
}

static void draw_lane(struct state *state, int thread)
{
    int64_t id;

    for (int i = 0; i < IDS; i++) {
        check(pawl_lane_next(state->lane[thread], &id));
    }
}

static const struct subject subjects[] = {
    {"bare add", 1, draw_word},         {"mutex", 1, draw_mutex},
    {"plain increment", 1, draw_plain}, {"pawl_next", 1, draw_seq},
    {"pawl_lane_next", 1, draw_lane},   {"bare add", 2, draw_word},
    {"mutex", 2, draw_mutex},           {"pawl_next", 2, draw_seq},
    {"pawl_lane_next", 2, draw_lane},   {"bare add", 4, draw_word},
    {"mutex", 4, draw_mutex},           {"pawl_next", 4, draw_seq},
    {"pawl_lane_next", 4, draw_lane},
};

struct runner {
    struct state *state;
    const struct subject *subject;
    pthread_barrier_t *start;
    int thread;
    uint64_t begun_ns, ended_ns, allocated;
};

static void pin(int core)
{
    cpu_set_t set;

    CPU_ZERO(&set);
    CPU_SET((size_t)core, &set);
    if (sched_setaffinity(0, sizeof(set), &set) != 0) {
        (void)fprintf(stderr, "next_bench: cannot pin a thread to core %d\n", core);
    }
}

static void *run(void *arg)
{
    struct runner *runner = arg;

    pin(runner->thread % CORES);
    (void)pthread_barrier_wait(runner->start);
    uint64_t allocated = allocations();
    runner->begun_ns = pawl_clock_ns();
    runner->subject->draw(runner->state, runner->thread);
    runner->ended_ns = pawl_clock_ns();
    runner->allocated = allocations() - allocated;
    return NULL;
}

struct result {
    double ns[REPETITIONS_MAX];
    uint64_t allocated;
};

/* The mean over the threads of what one id took each, in ns. */
static double measure(struct state *state, const struct subject *subject, struct result *result)
{
    pthread_t threads[THREADS_MAX];
    struct runner runners[THREADS_MAX];
    pthread_barrier_t start;
    double sum_ns = 0;

    (void)pthread_barrier_init(&start, NULL, (unsigned)subject->threads);
    for (int i = 0; i < subject->threads; i++) {
        state->plain[i] = (struct shape_plain){.next = 1, .end = IDS + 1};
        runners[i] = (struct runner){state, subject, &start, i, 0, 0, 0};
        if (pthread_create(&threads[i], NULL, run, &runners[i]) != 0) abort();
    }
    for (int i = 0; i < subject->threads; i++) {
        (void)pthread_join(threads[i], NULL);
        sum_ns += (double)(runners[i].ended_ns - runners[i].begun_ns);
        result->allocated += runners[i].allocated;
    }
    (void)pthread_barrier_destroy(&start);
    return sum_ns / IDS / subject->threads;
}

/* The first draws make the keeper's blocks grow to what these rates need. */
static void open_all(struct state *state, pawl_client **client)
{
    pawl_error error;

    (void)pthread_mutex_init(&state->mutex.lock, NULL);
    pawl_stores_register();
    check(pawl_open("memory:", NULL, client, &error));
    check(pawl_create(*client, "orders", NULL, &error));
    check(pawl_seq_open(*client, "orders", &state->seq, &error));
    for (int i = 0; i < THREADS_MAX; i++) {
        check(pawl_lane_open(state->seq, &state->lane[i]));
    }
    for (int i = 0; i < WARM_UPS; i++) {
        draw_seq(state, 0);
    }
}

static void close_all(struct state *state, pawl_client *client)
{
    for (int i = 0; i < THREADS_MAX; i++) {
        pawl_lane_close(state->lane[i]);
    }
    pawl_close(client);
}

static void print(const struct result *results, int repetitions)
{
    for (size_t s = 0; s < PAWL_COUNT(subjects); s++) {
        printf("%s{\"name\": \"%s\", \"threads\": %d, \"allocations\": %" PRIu64 ", \"ns\": [",
               s == 0 ? "{\"subjects\": [" : ", ", subjects[s].name, subjects[s].threads,
               results[s].allocated);
        for (int r = 0; r < repetitions; r++) {
            printf("%s%.4f", r == 0 ? "" : ", ", results[s].ns[r]);
        }
        printf("]}\n");
    }
}

/* Taken by name, of the sequence that starts with 1: what was used is the next id, less one. */
static void print_reserved(struct state *state, pawl_client *client)
{
    pawl_info info;
    pawl_error error;
    int64_t id = 0;

    check(pawl_next(state->seq, &id));
    check(pawl_show(client, "orders", &info, &error));
    printf("], \"used\": %" PRId64 ", \"reserved\": %" PRId64 "}\n", id, info.next - 1);
}

int main(int argc, char **argv)
{
    static struct state state;
    static struct result results[PAWL_COUNT(subjects)];
    int repetitions = argc == 2 ? (int)strtol(argv[1], NULL, 10) : 0;
    pawl_client *client = NULL;

    if (repetitions < 1 || repetitions > REPETITIONS_MAX) {
        (void)fprintf(stderr, "usage: next_bench REPETITIONS\n");
        return 2;
    }
    open_all(&state, &client);
    for (int r = 0; r < repetitions; r++) {
        for (size_t s = 0; s < PAWL_COUNT(subjects); s++) {
            results[s].ns[r] = measure(&state, &subjects[s], &results[s]);
        }
    }
    print(results, repetitions);
    print_reserved(&state, client);
    close_all(&state, client);
    return 0;
}

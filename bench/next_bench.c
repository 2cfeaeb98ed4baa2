/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What one id costs: a bare atomic add, a plain increment, pawl_next and pawl_lane_next, each a
 * function of a shared library, with one thread and with two that are pinned to cores 0 and 1.
 * pawl's keeper fills its stock meanwhile, from a store in memory. All subjects run in turn within
 * each repetition, so that a noisy moment hits them alike.
 */
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "pawl/pawl.h"
#include "pawl/stores.h"
#include "shape.h"

enum {
    REPETITIONS = 9,
    IDS = 8 * 1000 * 1000, /* per thread and repetition */
    THREADS_MAX = 2,
    WARM_UPS = 8,
};

/* All that is measured; shared by the threads, but for the lanes and plain counters. */
struct state {
    struct shape_word word;
    struct shape_plain plain[THREADS_MAX];
    pawl_seq *seq;
    pawl_lane *lane[THREADS_MAX];
};

/* To measure one more thing, add a draw and a line to the table of subjects. */
struct subject {
    const char *name;
    int threads;
    void (*draw)(struct state *state, int thread); /* IDS ids */
    int base;                                      /* the subject that it is compared with */
    double limit;                                  /* for the ratio; 0: none */
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
    {"bare_add", 1, draw_word, 0, 0},       {"plain_increment", 1, draw_plain, 1, 0},
    {"pawl_next", 1, draw_seq, 0, 1.25},    {"pawl_lane_next", 1, draw_lane, 1, 4},
    {"bare_add", 2, draw_word, 4, 0},       {"pawl_next", 2, draw_seq, 4, 1.4},
    {"pawl_lane_next", 2, draw_lane, 1, 0},
};

struct runner {
    struct state *state;
    const struct subject *subject;
    pthread_barrier_t *start;
    int thread;
    uint64_t begun_ns, ended_ns;
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

    pin(runner->thread);
    (void)pthread_barrier_wait(runner->start);
    runner->begun_ns = pawl_clock_ns();
    runner->subject->draw(runner->state, runner->thread);
    runner->ended_ns = pawl_clock_ns();
    return NULL;
}

/* The mean over the threads of what one id cost each, in ns. */
static double measure(struct state *state, const struct subject *subject)
{
    pthread_t threads[THREADS_MAX];
    struct runner runners[THREADS_MAX];
    pthread_barrier_t start;
    double sum_ns = 0;

    (void)pthread_barrier_init(&start, NULL, (unsigned)subject->threads);
    for (int i = 0; i < subject->threads; i++) {
        state->plain[i] = (struct shape_plain){.next = 1, .end = IDS + 1};
        runners[i] = (struct runner){state, subject, &start, i, 0, 0};
        if (pthread_create(&threads[i], NULL, run, &runners[i]) != 0) abort();
    }
    for (int i = 0; i < subject->threads; i++) {
        (void)pthread_join(threads[i], NULL);
        sum_ns += (double)(runners[i].ended_ns - runners[i].begun_ns);
    }
    (void)pthread_barrier_destroy(&start);
    return sum_ns / IDS / subject->threads;
}

static int order(const void *a, const void *b)
{
    const double *x = a, *y = b;

    return (*x > *y) - (*x < *y);
}

/* The first draws make the keeper's blocks grow to what these rates need. */
static void open_all(struct state *state, pawl_client **client)
{
    pawl_error error;

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

int main(void)
{
    static struct state state;
    static double ns[PAWL_COUNT(subjects)][REPETITIONS];
    pawl_client *client = NULL;

    open_all(&state, &client);
    for (int r = 0; r < REPETITIONS; r++) {
        for (size_t s = 0; s < PAWL_COUNT(subjects); s++) {
            ns[s][r] = measure(&state, &subjects[s]);
        }
    }

    close_all(&state, client);
    for (size_t s = 0; s < PAWL_COUNT(subjects); s++) {
        qsort(ns[s], REPETITIONS, sizeof(ns[s][0]), order);
        printf("%-16s %d thread%s median %7.2f least %7.2f most %7.2f ns/id\n", subjects[s].name,
               subjects[s].threads, subjects[s].threads > 1 ? "s" : " ", ns[s][REPETITIONS / 2],
               ns[s][0], ns[s][REPETITIONS - 1]);
    }
    for (size_t s = 0; s < PAWL_COUNT(subjects); s++) {
        size_t base = (size_t)subjects[s].base;

        if (base == s) continue;
        printf("ratio %s/%s %d thread%s %.2f (of the least %.2f)", subjects[s].name,
               subjects[base].name, subjects[s].threads, subjects[s].threads > 1 ? "s" : "",
               ns[s][REPETITIONS / 2] / ns[base][REPETITIONS / 2], ns[s][0] / ns[base][0]);
        if (subjects[s].limit > 0) printf(" limit %.2f", subjects[s].limit);
        printf("\n");
    }
    return 0;
}

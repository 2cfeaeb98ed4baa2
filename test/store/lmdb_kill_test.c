/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Kills a process that commits in a loop, at random moments, hundreds of times, and opens its store
 * again: nothing that was answered is given again, and no answered change is gone.
 * PAWL_SEED and PAWL_ROUNDS choose others.
 */
#include "base/clock.h"
#include "drive.h"

#include <errno.h>
#include <ftw.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
    ROUNDS = 300,
    SEQUENCES = 5,
    BATCH_MAX = 40,
    LIFE_NS_MAX = 25 * 1000 * 1000,
    NAME_BYTES = 8,
    OPEN_WITHIN_S = 10,
};

/* What a child tells of one answer, in one write that is never cut. */
struct told {
    size_t sequence;
    struct pawl_range range; /* count 0: next was set to first */
};

struct promise {
    struct deed deed;
    size_t sequence;
};

static char folder[] = "/tmp/pawl-kill-XXXXXX";
static int tell_fd;

static const char *sequence_name(size_t sequence)
{
    static const char names[SEQUENCES][NAME_BYTES] = {"a", "b", "c", "d", "e"};

    return names[sequence];
}

static struct pawl_source *open_store(uint64_t seed)
{
    struct pawl_store_options options = drive_options(seed);
    struct pawl_source *store;
    pawl_error error = {0};
    char url[128];

    options.takeover_ns = OPEN_WITHIN_S * PAWL_NS_PER_S;
    (void)snprintf(url, sizeof url, "lmdb:%s/store", folder);
    if (pawl_store_open(url, &options, &store, &error) != PAWL_OK) {
        (void)fprintf(stderr, "seed %" PRIu64 ": %s\n", seed, error.text);
        _exit(2);
    }
    return store;
}

static void promised(struct pawl_ask *ask)
{
    struct promise *promise = PAWL_OWNER(PAWL_OWNER(ask, struct deed, ask), struct promise, deed);
    struct told told = {.sequence = promise->sequence, .range = ask->grant.range};

    if (ask->error.code == PAWL_BEHIND) return; /* a SET to where a batch has come since */
    if (ask->error.code != PAWL_OK) _exit(3);
    if (ask->kind == PAWL_ASK_SET) told.range = (struct pawl_range){.first = ask->value};
    if (write(tell_fd, &told, sizeof told) != (ssize_t)sizeof told) _exit(4);
}

/* The life of a child: batches of takes, and now and then a SET, until it is killed. */
static _Noreturn void commit_forever(uint64_t seed)
{
    static struct promise promises[BATCH_MAX];
    struct pawl_source *store = open_store(seed);
    uint64_t random = seed;
    int64_t furthest = 1;

    for (;;) {
        size_t count = 1 + pawl_random(&random) % BATCH_MAX;

        for (size_t i = 0; i < count; i++) {
            size_t sequence = pawl_random(&random) % SEQUENCES;
            bool sets = pawl_random(&random) % 16 == 0;

            promises[i].sequence = sequence;
            promises[i].deed =
                drive_deed(sets ? PAWL_ASK_SET : PAWL_ASK_TAKE, sequence_name(sequence));
            promises[i].deed.ask.done = promised;
            promises[i].deed.ask.count = 1 + pawl_random(&random) % 100;
            promises[i].deed.ask.value = furthest + (int64_t)(pawl_random(&random) % 1000);
            pawl_source_ask(store, &promises[i].deed.ask);
        }
        (void)store->ops->turn(store, 1);
        for (size_t i = 0; i < count; i++) {
            struct pawl_range range = promises[i].deed.ask.grant.range;

            if (range.count > 0 && pawl_range_last(range) > furthest) {
                furthest = pawl_range_last(range);
            }
        }
    }
}

struct history {
    int64_t next[SEQUENCES]; /* everything before was given or set aside */
    uint64_t answers;
    uint64_t seed;
    int round;
};

/* One process writes one pipe, in the order of its answers: so each must lie beyond the last. */
static void believe(struct history *history, const struct told *told)
{
    int64_t *next = &history->next[told->sequence];

    if (told->range.first < *next) {
        (void)fprintf(stderr,
                      "PAWL_SEED=%" PRIu64 ": round %d: %s gave %" PRId64 " again, after %" PRId64
                      "\n",
                      history->seed, history->round, sequence_name(told->sequence),
                      told->range.first, *next - 1);
        exit(1);
    }
    *next = told->range.count > 0 ? pawl_range_last(told->range) + 1 : told->range.first;
    history->answers++;
}

/* false: the child is dead and has told all. */
static bool hear(struct history *history, int fd)
{
    struct told told;
    ssize_t size = read(fd, &told, sizeof told);

    if (size < 0 && errno == EINTR) return true;
    if (size != (ssize_t)sizeof told) return false;
    believe(history, &told);
    return true;
}

static void one_round(struct history *history, uint64_t *random)
{
    int pipe_fds[2];
    uint64_t life_ns = pawl_random(random) % LIFE_NS_MAX;
    uint64_t child_seed = pawl_random(random);
    int status;

    if (pipe(pipe_fds) != 0) exit(2);
    pid_t child = fork();
    if (child < 0) exit(2);
    if (child == 0) {
        (void)close(pipe_fds[0]);
        tell_fd = pipe_fds[1];
        commit_forever(child_seed);
    }
    (void)close(pipe_fds[1]);

    /* Some die before they have opened it, most while they commit. */
    uint64_t die_ns = pawl_clock_ns() + life_ns;
    struct pollfd heard = {.fd = pipe_fds[0], .events = POLLIN};

    for (;;) {
        uint64_t now_ns = pawl_clock_ns();
        struct timespec left = {.tv_nsec = now_ns < die_ns ? (long)(die_ns - now_ns) : 0};

        if (ppoll(&heard, 1, &left, NULL) <= 0) break;
        if (!hear(history, pipe_fds[0]) || pawl_clock_ns() >= die_ns) break;
    }
    (void)kill(child, SIGKILL);
    while (hear(history, pipe_fds[0])) {
    }
    (void)close(pipe_fds[0]);
    if (waitpid(child, &status, 0) != child || !WIFSIGNALED(status)) {
        (void)fprintf(stderr, "PAWL_SEED=%" PRIu64 ": round %d: the child ended by itself: %d\n",
                      history->seed, history->round, WEXITSTATUS(status));
        exit(1);
    }
}

/* Between two lives: what is on disk has gone at least as far as what was told. */
static void look(struct history *history)
{
    struct pawl_source *store = open_store(history->seed);

    for (size_t i = 0; i < SEQUENCES; i++) {
        struct told told = {.sequence = i};
        struct pawl_grant grant;

        if (drive_take(store, sequence_name(i), 1, &grant) != PAWL_OK) exit(2);
        told.range = grant.range;
        believe(history, &told);
    }
    store->ops->close(store);
}

static uint64_t number_from(const char *name, uint64_t otherwise)
{
    const char *text = getenv(name);

    return text != NULL ? strtoull(text, NULL, 10) : otherwise;
}

static int remove_one(const char *path, const struct stat *about, int type, struct FTW *where)
{
    (void)about;
    (void)type;
    (void)where;
    return remove(path);
}

int main(void)
{
    struct history history = {.seed = number_from("PAWL_SEED", 1)};
    uint64_t random = history.seed;
    int rounds = (int)number_from("PAWL_ROUNDS", ROUNDS);

    if (mkdtemp(folder) == NULL) return 2;
    struct pawl_source *store = open_store(history.seed);
    for (size_t i = 0; i < SEQUENCES; i++) {
        if (drive_create(store, sequence_name(i), NULL) != PAWL_OK) return 2;
        history.next[i] = 1;
    }
    store->ops->close(store);

    for (history.round = 0; history.round < rounds; history.round++) {
        one_round(&history, &random);
        if (history.round % 4 == 0) look(&history);
    }
    look(&history);
    printf("%d kills, %" PRIu64 " answers, none given again\n", rounds, history.answers);
    (void)nftw(folder, remove_one, 16, FTW_DEPTH | FTW_PHYS);
    return history.answers > (uint64_t)rounds ? 0 : 1;
}

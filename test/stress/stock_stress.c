/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A stock under many threads: takers of one and of n, exact takers, lanes, and one keeper that
 * publishes, retracts, publishes again and begins epochs. Laws: no id twice, each thread's ids
 * rise, and every id published is handed out, taken back, dropped by a lane or counted as overrun.
 * A fixed number of ids, dice from a seed (PAWL_SEED); the interleaving is the machine's.
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "range/lane.h"

enum {
    IDS = 2000 * 1000, /* the source has these: ids 1 to IDS */
    TAKERS = 5,
    TAKE_MOST = 7,
    PIECE_MOST = 150,
    WAIT_NS = 20 * 1000 * 1000,
};

struct test {
    struct pawl_stock stock;
    /* The keeper's bell; the condition is `rung`. */
    pthread_mutex_t lock;
    pthread_cond_t bell;
    bool rung;
    _Atomic bool over;
    _Atomic uint8_t handed[IDS + 1];
    uint64_t seed;
};

struct taker {
    struct test *test;
    int kind;
    int64_t last;     /* the last id that this thread got */
    uint64_t got;     /* ids handed out */
    uint64_t dropped; /* ids that a lane let go */
};

static _Noreturn void fail(const struct test *test, const char *what, int64_t id)
{
    (void)fprintf(stderr, "stock_stress: %s, id %jd. PAWL_SEED=%ju\n", what, (intmax_t)id,
                  (uintmax_t)test->seed);
    exit(1);
}

static void ring(struct pawl_stock *stock)
{
    struct test *test = PAWL_OWNER(stock, struct test, stock);

    (void)pthread_mutex_lock(&test->lock);
    test->rung = true;
    (void)pthread_cond_signal(&test->bell);
    (void)pthread_mutex_unlock(&test->lock);
}

/* No law breaks while nobody looks: each id is marked as it is handed out. */
static void got(struct taker *taker, pawl_ids ids)
{
    struct test *test = taker->test;

    for (uint64_t i = 0; i < ids.count; i++) {
        int64_t id = pawl_id_at(ids.first, ids.increment, i);

        if (id < 1 || id > IDS) fail(test, "out of range", id);
        if (id <= taker->last) fail(test, "does not rise", id);
        if (atomic_exchange_explicit(&test->handed[id], 1, memory_order_relaxed) != 0) {
            fail(test, "handed out twice", id);
        }
        taker->last = id;
        taker->got++;
    }
}

static bool take(struct taker *taker, struct pawl_run *run, uint64_t dice)
{
    struct pawl_stock *stock = &taker->test->stock;
    uint64_t count = 1 + dice % TAKE_MOST;
    pawl_ids ids = {.increment = 1, .count = 1};

    switch (taker->kind) {
    case 0:
    case 1:
        if (!pawl_stock_next(stock, &ids.first)) return false;
        break;
    case 2:
        if (!pawl_stock_take(stock, count, &ids)) return false;
        if (ids.count > count) fail(taker->test, "more than asked for", ids.first);
        break;
    case 3:
        if (!pawl_stock_take_exact(stock, count, &ids)) {
            /* The slot may hold fewer: a keeper would serve it; here a short take does. */
            if (!pawl_stock_take(stock, count, &ids)) return false;
        } else if (ids.count != count) {
            fail(taker->test, "an exact take is short", ids.first);
        }
        break;
    default:
        run->size = dice % 64;
        if (!pawl_run_next(run, stock, &ids.first)) return false;
        break;
    }
    got(taker, ids);
    return true;
}

static void *taker_main(void *arg)
{
    struct taker *taker = arg;
    struct test *test = taker->test;
    uint64_t random = test->seed + (uint64_t)taker->kind;
    struct pawl_run run = {0};

    for (;;) {
        uint32_t seen = atomic_load_explicit(&test->stock.signal, memory_order_acquire);
        bool over = atomic_load_explicit(&test->over, memory_order_acquire);

        if (take(taker, &run, pawl_random(&random))) continue;
        if (over) break;
        (void)pawl_stock_wait(&test->stock, seen, WAIT_NS);
    }
    taker->dropped = run.dropped + pawl_run_drop(&run);
    return NULL;
}

/* What the keeper has in hand, in order: taken back and to be published again, then the source. */
struct keeper {
    struct test *test;
    struct pawl_range back[PAWL_STOCK_SLOTS];
    size_t back_at, back_end;
    int64_t next;
    uint64_t burned; /* taken back and let go */
    uint64_t retracts;
    uint64_t random;
};

static void publish_some(struct keeper *keeper)
{
    struct pawl_stock *stock = &keeper->test->stock;

    while (keeper->back_at < keeper->back_end &&
           pawl_stock_publish(stock, keeper->back[keeper->back_at])) {
        keeper->back_at++;
    }
    for (uint64_t pieces = 1 + pawl_random(&keeper->random) % 3; pieces > 0; pieces--) {
        uint64_t count = 1 + pawl_random(&keeper->random) % PIECE_MOST;
        uint64_t left = (uint64_t)(IDS + 1 - keeper->next);

        if (keeper->back_at < keeper->back_end || left == 0) return;
        if (count > left) count = left;
        if (!pawl_stock_publish(stock, (struct pawl_range){keeper->next, 1, count})) return;
        keeper->next += (int64_t)count;
    }
}

/* Takes all back; then gives the tail back below, lets all go, or keeps it to publish again. */
static void retract_all(struct keeper *keeper)
{
    uint64_t dice = pawl_random(&keeper->random) % 4;

    if (keeper->back_at < keeper->back_end) return;
    keeper->back_at = 0;
    keeper->back_end = pawl_stock_retract(&keeper->test->stock, keeper->back);
    keeper->retracts++;
    if (dice < 2) pawl_stock_stamp(&keeper->test->stock);
    if (dice == 0) {
        while (keeper->back_end > 0) {
            keeper->burned += keeper->back[--keeper->back_end].count;
        }
    } else if (dice == 1 && keeper->back_end > 0) {
        struct pawl_range tail = keeper->back[keeper->back_end - 1];

        if (tail.first + (int64_t)tail.count == keeper->next) {
            keeper->next = tail.first;
            keeper->back_end--;
        }
    }
}

static void keeper_run(struct keeper *keeper)
{
    struct test *test = keeper->test;

    for (;;) {
        (void)pthread_mutex_lock(&test->lock);
        while (!test->rung) {
            (void)pthread_cond_wait(&test->bell, &test->lock);
        }
        test->rung = false;
        (void)pthread_mutex_unlock(&test->lock);

        (void)pawl_stock_heed(&test->stock);
        if (pawl_random(&keeper->random) % 2 == 0) retract_all(keeper);
        if (pawl_random(&keeper->random) % 16 == 0) pawl_stock_post(&test->stock, PAWL_BUSY);
        publish_some(keeper);
        if (keeper->next > IDS && keeper->back_at == keeper->back_end) break;
        pawl_stock_set_low(&test->stock, pawl_random(&keeper->random) % PIECE_MOST);
    }
    atomic_store_explicit(&test->over, true, memory_order_release);
    pawl_stock_post(&test->stock, PAWL_END);
}

static void check_sum(const struct keeper *keeper, const struct taker takers[TAKERS])
{
    uint64_t overrun = atomic_load(&keeper->test->stock.overrun);
    uint64_t got_all = 0, dropped = 0;

    for (int i = 0; i < TAKERS; i++) {
        got_all += takers[i].got;
        dropped += takers[i].dropped;
    }
    uint64_t known = got_all + dropped + keeper->burned;

    printf("handed out %ju, dropped by lanes %ju, let go %ju in %ju retracts, overrun %ju\n",
           (uintmax_t)got_all, (uintmax_t)dropped, (uintmax_t)keeper->burned,
           (uintmax_t)keeper->retracts, (uintmax_t)overrun);
    /* Sleeping for a whole ring is rare: more of it means that slots are reused too early. */
    if (overrun > IDS / 50) fail(keeper->test, "too many overruns", (int64_t)overrun);
    if (known > IDS) fail(keeper->test, "more ids than there were", (int64_t)known);
    if (known + overrun < IDS) fail(keeper->test, "ids are missing", (int64_t)known);
}

int main(void)
{
    static struct test test = {.lock = PTHREAD_MUTEX_INITIALIZER, .bell = PTHREAD_COND_INITIALIZER};
    const char *seed = getenv("PAWL_SEED");
    struct taker takers[TAKERS];
    pthread_t threads[TAKERS];

    test.seed = seed != NULL ? strtoull(seed, NULL, 10) : 1;
    pawl_stock_init(&test.stock, ring);

    struct keeper keeper = {.test = &test, .next = 1, .random = test.seed};

    for (int i = 0; i < TAKERS; i++) {
        takers[i] = (struct taker){.test = &test, .kind = i};
        if (pthread_create(&threads[i], NULL, taker_main, &takers[i]) != 0) abort();
    }
    keeper_run(&keeper);
    for (int i = 0; i < TAKERS; i++) {
        (void)pthread_join(threads[i], NULL);
    }
    check_sum(&keeper, takers);
    return 0;
}

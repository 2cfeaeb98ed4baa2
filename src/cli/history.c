/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Ids are looked at as keys, which rise as the sequence does. After one look at each taker by
 * itself, windows of keys are taken one after the other by as many threads as are wanted: a bit per
 * id of the window says who has been seen, what is not seen between the first and last is a gap.
 */
#include "cli/history.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "cli/history_own.h"

/* Fuzzing has small ones, so that a few ids lie in several. */
#ifndef HISTORY_WINDOW_IDS
#define HISTORY_WINDOW_IDS (1 << 22)
#endif

enum { WINDOW_IDS = HISTORY_WINDOW_IDS, WORD_BITS = 64 };

/* Of one taker: its ids by rising key. */
struct part {
    const int64_t *ids;
    int64_t *sorted; /* NULL: they were */
    size_t count, at;
};

struct window {
    uint64_t first, last; /* keys */
    uint64_t distinct, missing, gaps, largest, largest_first;
};

struct share {
    size_t from, to;
};

struct check {
    const struct history *history;
    const struct history_rules *rules;
    struct history_report *report;
    pthread_mutex_t lock; /* of what follows, and of report */
    struct part *parts;
    size_t next_taker;
    struct window *windows; /* by rising keys */
    size_t window_count, window_room;
    uint64_t flip, step, rest; /* on the grid: key % step == rest */
    bool no_memory;
};

struct worker {
    struct check *check;
    pthread_t thread;
    uint64_t *bits;
    struct share *shares;
};

const char *history_fault_name(enum history_fault fault)
{
    static const char *const names[HISTORY_FAULTS] = {
        [HISTORY_TWICE] = "twice", [HISTORY_FALLS] = "falls",   [HISTORY_BOUNDS] = "bounds",
        [HISTORY_GRID] = "grid",   [HISTORY_GLOBAL] = "global",
    };

    return names[fault];
}

static uint64_t key_of(const struct check *check, int64_t id)
{
    return ((uint64_t)id ^ ((uint64_t)1 << 63)) ^ check->flip;
}

static int64_t id_of(const struct check *check, uint64_t key)
{
    return (int64_t)((key ^ check->flip) ^ ((uint64_t)1 << 63));
}

void history_note(struct history_report *report, const struct history_example *example)
{
    report->faults[example->fault]++;
    if (report->example_count == HISTORY_EXAMPLES_MAX) return;
    report->examples[report->example_count++] = *example;
}

static void note(struct check *check, const struct history_example *example)
{
    (void)pthread_mutex_lock(&check->lock);
    history_note(check->report, example);
    (void)pthread_mutex_unlock(&check->lock);
}

/* Each taker by itself. */

static int by_id(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

    return (x > y) - (x < y);
}

static int by_id_down(const void *a, const void *b)
{
    return by_id(b, a);
}

static void sort_part(struct check *check, struct part *part)
{
    PAWL_ASSERT(part->ids != NULL);
    part->sorted = malloc(part->count * sizeof *part->sorted);
    if (part->sorted == NULL) {
        check->no_memory = true;
        part->count = 0;
        return;
    }
    memcpy(part->sorted, part->ids, part->count * sizeof *part->sorted);
    qsort(part->sorted, part->count, sizeof *part->sorted, check->flip == 0 ? by_id : by_id_down);
    part->ids = part->sorted;
}

static void look_at(struct check *check, size_t taker)
{
    const struct history_rules *rules = check->rules;
    struct part *part = &check->parts[taker];
    uint64_t before = 0;
    bool falls = false;

    for (size_t i = 0; i < part->count; i++) {
        int64_t id = part->ids[i];
        uint64_t key = key_of(check, id);
        struct history_example example = {.id = id, .taker = taker};

        if (key < before) {
            example.fault = HISTORY_FALLS;
            example.other = part->ids[i - 1];
            note(check, &example);
            falls = true;
        }
        if (id < rules->least || id > rules->most) {
            example.fault = HISTORY_BOUNDS;
            note(check, &example);
        }
        if (check->step > 1 && key % check->step != check->rest) {
            example.fault = HISTORY_GRID;
            note(check, &example);
        }
        before = key;
    }
    if (falls) sort_part(check, part);
}

static void *look_at_some(void *arg)
{
    struct worker *worker = arg;
    struct check *check = worker->check;

    PAWL_ASSERT(check != NULL);
    for (;;) {
        (void)pthread_mutex_lock(&check->lock);
        size_t taker = check->next_taker++;
        (void)pthread_mutex_unlock(&check->lock);
        if (taker >= check->history->count) return NULL;
        look_at(check, taker);
    }
}

/* Windows. */

/* The first of part's ids, from `at` on, whose key is beyond end. */
static size_t beyond(const struct check *check, const struct part *part, uint64_t end)
{
    size_t low = part->at, high = part->count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (key_of(check, part->ids[middle]) <= end) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

/* The grid's last key that is not beyond key, or its first one. */
static uint64_t align(const struct check *check, uint64_t key)
{
    uint64_t off = key % check->step;
    uint64_t back = off >= check->rest ? off - check->rest : off + check->step - check->rest;

    return key >= back ? key - back : check->rest;
}

/* Takes the next window that has ids: its begin, each taker's share of it, and its number. */
static bool claim(struct worker *worker, uint64_t *begin, size_t *number)
{
    struct check *check = worker->check;
    uint64_t low = UINT64_MAX;
    bool any = false;

    for (size_t i = 0; i < check->history->count; i++) {
        const struct part *part = &check->parts[i];

        if (part->at == part->count) continue;
        uint64_t key = key_of(check, part->ids[part->at]);
        if (!any || key < low) low = key;
        any = true;
    }
    if (!any || check->no_memory) return false;
    if (check->window_count == check->window_room) {
        size_t room = check->window_room == 0 ? 1024 : check->window_room * 2;
        struct window *grown = realloc(check->windows, room * sizeof *grown);

        if (grown == NULL) {
            check->no_memory = true;
            return false;
        }
        check->windows = grown;
        check->window_room = room;
    }
    *begin = align(check, low);
    *number = check->window_count++;
    uint64_t end = 0;
    if (__builtin_mul_overflow(check->step, (uint64_t)WINDOW_IDS, &end) ||
        __builtin_add_overflow(end - 1, *begin, &end)) {
        end = UINT64_MAX;
    }
    for (size_t i = 0; i < check->history->count; i++) {
        struct part *part = &check->parts[i];
        size_t to = beyond(check, part, end);

        worker->shares[i] = (struct share){part->at, to};
        part->at = to;
    }
    return true;
}

/* Who else has it: one whose share was looked at before, or the taker himself. */
static size_t other_taker(const struct worker *worker, size_t taker, int64_t id)
{
    for (size_t i = 0; i < taker; i++) {
        const struct part *part = &worker->check->parts[i];

        for (size_t at = worker->shares[i].from; at < worker->shares[i].to; at++) {
            if (part->ids[at] == id) return i;
        }
    }
    return taker;
}

static void note_twice(struct worker *worker, size_t taker, int64_t id)
{
    struct check *check = worker->check;
    struct history_example example = {.fault = HISTORY_TWICE, .id = id, .taker = taker};

    (void)pthread_mutex_lock(&check->lock);
    if (check->report->example_count < HISTORY_EXAMPLES_MAX) {
        example.other_taker = other_taker(worker, taker, id);
    }
    history_note(check->report, &example);
    (void)pthread_mutex_unlock(&check->lock);
}

/* Sets the bits of one taker's share; returns the highest index, or highest. */
static uint64_t mark(struct worker *worker, size_t taker, uint64_t begin, uint64_t highest)
{
    struct check *check = worker->check;
    const struct part *part = &check->parts[taker];

    for (size_t i = worker->shares[taker].from; i < worker->shares[taker].to; i++) {
        uint64_t key = key_of(check, part->ids[i]);
        uint64_t index = key - begin;

        if (check->step > 1) {
            if (key % check->step != check->rest) continue;
            index /= check->step;
        }
        uint64_t bit = (uint64_t)1 << (index % WORD_BITS);
        uint64_t *word = &worker->bits[index / WORD_BITS];
        if ((*word & bit) != 0) note_twice(worker, taker, part->ids[i]);
        *word |= bit;
        if (index > highest) highest = index;
    }
    return highest;
}

/* Reads the bits up to highest, and clears them. */
static struct window sum_up(struct worker *worker, uint64_t begin, uint64_t highest)
{
    const uint64_t step = worker->check->step;
    struct window window = {.distinct = 0};
    uint64_t before = 0;

    for (uint64_t w = 0; w <= highest / WORD_BITS; w++) {
        uint64_t word = worker->bits[w];

        worker->bits[w] = 0;
        for (; word != 0; word &= word - 1) {
            uint64_t index = w * WORD_BITS + (uint64_t)__builtin_ctzll(word);
            uint64_t gap = window.distinct == 0 ? 0 : index - before - 1;

            if (window.distinct++ == 0) window.first = begin + index * step;
            before = index;
            if (gap == 0) continue;
            window.gaps++;
            window.missing += gap;
            if (gap <= window.largest) continue;
            window.largest = gap;
            window.largest_first = begin + (index - gap) * step;
        }
    }
    window.last = begin + before * step;
    return window;
}

static void *work_off(void *arg)
{
    struct worker *worker = arg;
    struct check *check = worker->check;

    PAWL_ASSERT(check != NULL);
    for (;;) {
        uint64_t begin = 0, highest = 0;
        size_t number = 0;

        (void)pthread_mutex_lock(&check->lock);
        bool claimed = claim(worker, &begin, &number);
        (void)pthread_mutex_unlock(&check->lock);
        if (!claimed) return NULL;
        for (size_t i = 0; i < check->history->count; i++) {
            highest = mark(worker, i, begin, highest);
        }
        struct window window = sum_up(worker, begin, highest);
        (void)pthread_mutex_lock(&check->lock);
        check->windows[number] = window;
        (void)pthread_mutex_unlock(&check->lock);
    }
}

/* Windows lie in the order of their keys. */
static void add_up(struct check *check)
{
    struct history_report *report = check->report;
    uint64_t before = 0, first = 0;

    for (size_t i = 0; i < check->window_count; i++) {
        struct window window = check->windows[i];

        if (window.distinct == 0) continue; /* nothing on the grid */
        if (report->distinct == 0) {
            first = window.first;
        } else {
            uint64_t gap = (window.first - before) / check->step - 1;

            window.gaps += gap > 0;
            window.missing += gap;
            if (gap > window.largest) {
                window.largest = gap;
                window.largest_first = before + check->step;
            }
        }
        before = window.last;
        report->distinct += window.distinct;
        report->gaps += window.gaps;
        report->missing += window.missing;
        if (window.largest <= report->largest) continue;
        report->largest = window.largest;
        report->largest_first = id_of(check, window.largest_first);
    }
    report->first = id_of(check, first);
    report->last = id_of(check, before);
}

/* On all threads that there are; at least on this one. */
static void run_all(struct worker *workers, unsigned count, void *(*work)(void *))
{
    unsigned started = 1;

    while (started < count &&
           pthread_create(&workers[started].thread, NULL, work, &workers[started]) == 0) {
        started++;
    }
    (void)work(&workers[0]);
    while (started > 1) {
        (void)pthread_join(workers[--started].thread, NULL);
    }
}

static void set_grid(struct check *check)
{
    const struct history *history = check->history;
    int64_t anchor = check->rules->start;
    int64_t increment = check->rules->increment;

    check->flip = increment < 0 ? UINT64_MAX : 0;
    check->step = increment < 0 ? 0 - (uint64_t)increment : (uint64_t)increment;
    for (size_t i = history->count; i > 0 && !check->rules->grid; i--) {
        if (history->takers[i - 1].count > 0) anchor = history->takers[i - 1].ids[0];
    }
    check->rest = key_of(check, anchor) % check->step;
}

static void check_all(struct check *check, struct worker *workers, unsigned count)
{
    const struct history *history = check->history;

    set_grid(check);
    for (size_t i = 0; i < history->count; i++) {
        check->parts[i] =
            (struct part){.ids = history->takers[i].ids, .count = history->takers[i].count};
        check->report->ids += history->takers[i].count;
    }
    run_all(workers, count, look_at_some);
    run_all(workers, count, work_off);
    add_up(check);
}

static pawl_err make_workers(struct check *check, struct worker *workers, unsigned count,
                             pawl_error *error)
{
    bool made = check->parts != NULL;

    for (unsigned i = 0; i < count; i++) {
        workers[i].check = check;
        workers[i].bits = calloc(WINDOW_IDS / WORD_BITS, sizeof *workers[i].bits);
        workers[i].shares = calloc(check->history->count + 1, sizeof *workers[i].shares);
        made = made && workers[i].bits != NULL && workers[i].shares != NULL;
    }
    if (made) return PAWL_OK;
    return pawl_fail(error, PAWL_NO_MEMORY, "no memory for %u threads", count);
}

pawl_err history_check(const struct history *history, const struct history_rules *rules,
                       struct history_report *report, pawl_error *error)
{
    struct check check = {.history = history, .rules = rules, .report = report};
    struct worker workers[HISTORY_THREADS_MAX] = {{.check = NULL}};

    *report = (struct history_report){.ids = 0};
    if (rules->increment == 0 || rules->threads == 0 || rules->threads > HISTORY_THREADS_MAX) {
        return pawl_fail(error, PAWL_BAD_REQUEST,
                         "an increment must not be 0, and threads are 1 to %d",
                         HISTORY_THREADS_MAX);
    }
    if (pthread_mutex_init(&check.lock, NULL) != 0) {
        return pawl_fail(error, PAWL_NO_MEMORY, "no memory for a lock");
    }
    check.parts = calloc(history->count + 1, sizeof *check.parts);
    pawl_err err = make_workers(&check, workers, rules->threads, error);
    if (err == PAWL_OK) {
        check_all(&check, workers, rules->threads);
        if (check.no_memory) err = pawl_fail(error, PAWL_NO_MEMORY, "no memory for so many ids");
    }
    if (err == PAWL_OK && rules->global) err = history_check_global(history, rules, report, error);

    for (unsigned i = 0; i < rules->threads; i++) {
        free(workers[i].bits);
        free(workers[i].shares);
    }
    for (size_t i = 0; check.parts != NULL && i < history->count; i++) {
        free(check.parts[i].sorted);
    }
    free(check.parts);
    free(check.windows);
    (void)pthread_mutex_destroy(&check.lock);
    return err;
}

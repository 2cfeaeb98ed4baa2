/* SPDX-License-Identifier: Apache-2.0 */
/*
 * libFuzzer on the files of `pawl verify`, and on how they are judged. Of the input the first byte
 * says how: as text or as .i64, by which rules; the rest is the files, form feeds between them.
 * Windows are small here. Laws, beyond "no byte outside is touched":
 *   - a line that is none is an error that names the file, and what is read is judged
 *   - each id is a distinct one, one that came before, or off the grid; faults have examples
 *   - gaps are those that a count finds which sorts all ids
 */
#include <stdlib.h>
#include <string.h>

#include "cli/history_own.h"

enum { IS_BINARY = 1, IS_GLOBAL = 2, HAS_GRID = 8, HAS_BOUNDS = 16, INCREMENT_AT = 5 };
enum { FILES_MAX = 4, IDS_MAX = 512, START = 1 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct counted {
    uint64_t distinct, missing, gaps, largest;
};

static int by_number(const void *a, const void *b)
{
    __int128 x = *(const __int128 *)a;
    __int128 y = *(const __int128 *)b;

    return (x > y) - (x < y);
}

/* As many steps from the first id, or from the start; true: it is on the grid. */
static bool steps_of(int64_t id, int64_t anchor, int64_t increment, __int128 *steps)
{
    __int128 distance = (__int128)id - anchor;

    *steps = distance / increment;
    return distance % increment == 0;
}

static struct counted count_simply(const struct history *history, const struct history_rules *rules)
{
    static __int128 places[IDS_MAX];
    struct counted counted = {.distinct = 0};
    int64_t anchor = START;
    size_t count = 0;

    for (size_t i = history->count; i > 0 && !rules->grid; i--) {
        if (history->takers[i - 1].count > 0) anchor = history->takers[i - 1].ids[0];
    }
    for (size_t i = 0; i < history->count; i++) {
        for (size_t j = 0; j < history->takers[i].count; j++) {
            PAWL_ASSERT(count < IDS_MAX);
            count += steps_of(history->takers[i].ids[j], anchor, rules->increment, &places[count]);
        }
    }
    qsort(places, count, sizeof places[0], by_number);
    for (size_t i = 0; i < count; i++) {
        __int128 gap = i == 0 ? 0 : places[i] - places[i - 1] - 1;

        counted.distinct += gap >= 0;
        counted.gaps += gap > 0;
        if (gap > 0) counted.missing += (uint64_t)gap;
        if (gap > counted.largest) counted.largest = (uint64_t)gap;
    }
    return counted;
}

static void check_report(const struct history_report *report, const struct history *history,
                         const struct history_rules *rules)
{
    const struct counted counted = count_simply(history, rules);
    uint64_t count = 0;
    uint64_t faults = 0;

    for (size_t i = 0; i < history->count; i++) {
        count += history->takers[i].count;
    }
    for (size_t i = 0; i < HISTORY_FAULTS; i++) {
        faults += report->faults[i];
    }
    PAWL_ASSERT(report->ids == count);
    PAWL_ASSERT(report->distinct + report->faults[HISTORY_TWICE] + report->faults[HISTORY_GRID] ==
                count);
    PAWL_ASSERT(report->example_count <= HISTORY_EXAMPLES_MAX);
    PAWL_ASSERT((report->example_count == 0) == (faults == 0));
    PAWL_ASSERT(report->distinct == counted.distinct && report->missing == counted.missing);
    PAWL_ASSERT(report->gaps == counted.gaps && report->largest == counted.largest);
}

static void judge(const struct history *history, uint8_t how)
{
    static const int64_t increments[] = {1, 3, 500, INT64_MAX, -1, -3, -500, INT64_MIN};
    const struct history_rules rules = {
        .increment = increments[how >> INCREMENT_AT],
        .least = (how & HAS_BOUNDS) != 0 ? -5 : INT64_MIN,
        .most = (how & HAS_BOUNDS) != 0 ? 1000 : INT64_MAX,
        .grid = (how & HAS_GRID) != 0,
        .start = START,
        .global = (how & IS_GLOBAL) != 0,
        .threads = 1,
    };
    struct history_report report;
    pawl_error error = {.text = ""};

    if (history_check(history, &rules, &report, &error) == PAWL_OK) {
        check_report(&report, history, &rules);
    } else {
        PAWL_ASSERT(error.text[0] != '\0');
    }
}

/* Cuts the first file off rest, into memory of its own, as aligned as a file is. */
static bool cut_file(struct pawl_bytes *rest, struct pawl_bytes *file)
{
    const char *end = rest->size == 0 ? NULL : memchr(rest->at, '\f', rest->size);
    size_t size = end == NULL ? rest->size : (size_t)(end - rest->at);
    char *copy = malloc(size);

    if (copy == NULL) return false;
    if (size > 0) memcpy(copy, rest->at, size);
    *file = (struct pawl_bytes){copy, size};
    size += end != NULL;
    *rest = (struct pawl_bytes){rest->at + size, rest->size - size};
    return true;
}

static void check(struct pawl_bytes rest, uint8_t how)
{
    struct history_taker takers[FILES_MAX] = {{.count = 0}};
    struct pawl_bytes files[FILES_MAX] = {{.size = 0}};
    const struct history none = {.count = 0};
    struct history history = {takers, 0};
    pawl_error error = {.text = ""};
    pawl_err err = PAWL_OK;

    for (size_t i = 0; i < FILES_MAX && err == PAWL_OK && cut_file(&rest, &files[i]); i++) {
        takers[i].name = (how & IS_BINARY) != 0 ? "f.i64" : "f";
        err = history_parse(files[i], &takers[i], &error);
        history.count++;
        if (rest.size == 0) break;
    }
    PAWL_ASSERT((err == PAWL_OK) == (error.text[0] == '\0'));
    if (err != PAWL_OK) PAWL_ASSERT(strncmp(error.text, "f:", 2) == 0);
    judge(err == PAWL_OK ? &history : &none, how);
    for (size_t i = 0; i < FILES_MAX; i++) {
        free(takers[i].made);
        free((void *)(uintptr_t)files[i].at);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0 || size > IDS_MAX) return 0;
    check((struct pawl_bytes){(const char *)data + 1, size - 1}, data[0]);
    return 0;
}

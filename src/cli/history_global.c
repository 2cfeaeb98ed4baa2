/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "cli/history_own.h"

struct event {
    int64_t when_ns;
    int64_t id;
    size_t taker;
};

static int by_time(const void *a, const void *b)
{
    int64_t x = ((const struct event *)a)->when_ns, y = ((const struct event *)b)->when_ns;

    return (x > y) - (x < y);
}

static bool lies_beyond(int64_t id, int64_t other, int64_t increment)
{
    return increment > 0 ? id > other : id < other;
}

/* Goes through the calls as they began, with the furthest id of those that had returned by then. */
static void sweep(const struct event *begun, const struct event *done, size_t count,
                  const struct history_rules *rules, struct history_report *report)
{
    const struct event *furthest = NULL;
    size_t returned = 0;

    for (size_t i = 0; i < count; i++) {
        for (; returned < count && done[returned].when_ns < begun[i].when_ns; returned++) {
            if (furthest == NULL ||
                lies_beyond(done[returned].id, furthest->id, rules->increment)) {
                furthest = &done[returned];
            }
        }
        if (furthest == NULL || lies_beyond(begun[i].id, furthest->id, rules->increment)) continue;
        history_note(report, &(struct history_example){.fault = HISTORY_GLOBAL,
                                                       .id = begun[i].id,
                                                       .other = furthest->id,
                                                       .taker = begun[i].taker,
                                                       .other_taker = furthest->taker});
    }
}

pawl_err history_check_global(const struct history *history, const struct history_rules *rules,
                              struct history_report *report, pawl_error *error)
{
    size_t count = 0;

    for (size_t i = 0; i < history->count; i++) {
        const struct history_taker *taker = &history->takers[i];

        if (taker->count > 0 && taker->begun_ns == NULL) {
            return pawl_fail(error, PAWL_BAD_REQUEST,
                             "%s has no times: order over all takers needs ID BEGUN_NS DONE_NS",
                             taker->name);
        }
        count += taker->count;
    }
    struct event *begun = malloc((count + 1) * sizeof *begun);
    struct event *done = malloc((count + 1) * sizeof *done);
    pawl_err err = PAWL_OK;

    if (begun == NULL || done == NULL) {
        err = pawl_fail(error, PAWL_NO_MEMORY, "no memory for the times of %zu ids", count);
    } else {
        size_t at = 0;

        for (size_t i = 0; i < history->count; i++) {
            const struct history_taker *taker = &history->takers[i];

            for (size_t j = 0; j < taker->count; j++, at++) {
                begun[at] = (struct event){taker->begun_ns[j], taker->ids[j], i};
                done[at] = (struct event){taker->done_ns[j], taker->ids[j], i};
            }
        }
        qsort(begun, count, sizeof *begun, by_time);
        qsort(done, count, sizeof *done, by_time);
        sweep(begun, done, count, rules, report);
    }
    free(begun);
    free(done);
    return err;
}

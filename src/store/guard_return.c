/* SPDX-License-Identifier: Apache-2.0 */
/* Give-backs: what is to be granted again is forgotten first. All of a turn together. */
#include "store/guard_own.h"

#include <stdlib.h>

/*
 * What is to be remembered so that value and all beyond it may be granted again. It never lies
 * beyond what was granted here: others may give back theirs, and the store then goes on from there.
 */
static void lower(struct pawl_seen *seen, int64_t value)
{
    int64_t step = pawl_guard_direction(seen);
    struct pawl_mark before = seen->mark;

    if (seen->mark.line == 0) return;
    if (__builtin_sub_overflow(value, seen->increment, &before.id)) before.line = 0;
    bool in_run = step > 0 ? value > seen->run_first : value < seen->run_first;

    bool whole = !in_run && pawl_mark_order(seen->run_before, before, step) < 0;

    if (whole) before = seen->run_before;
    if (pawl_mark_order(before, seen->mark, step) >= 0) return;
    seen->mark = before;
    if (!whole || !seen->turned) return;
    seen->increment = -step;
    seen->turned = false;
}

static void send_returns(struct pawl_guard *guard, size_t count)
{
    const struct pawl_entries entries = {.sights = guard->sights, .count = count, .lasts = true};
    bool put = pawl_guard_put(guard, &entries);

    for (size_t i = 0; i < count; i++) {
        struct passed *passed = guard->batch[i];

        if (put) {
            pawl_guard_ask_below(guard, &passed->ask);
            continue;
        }
        /* What the guard would remember too much of after a restart is not given back. */
        pawl_guard_answer_later(guard, passed->from, PAWL_NOT_KEPT,
                                "the guard cannot be written: the ids stay burned");
        free(passed);
    }
}

void pawl_guard_turn_returns(struct pawl_guard *guard)
{
    while (guard->returns.first != NULL) {
        struct pawl_ask *from = NULL;
        size_t count = 0;

        while (count < PAWL_GUARD_BATCH_MAX && (from = pawl_asks_pop(&guard->returns)) != NULL) {
            struct pawl_seen seen = {.dropped_s = 0};

            if (!pawl_guard_recall(guard, from, from->name, &seen)) continue;
            struct passed *passed = pawl_guard_passed_new(guard, from);

            if (passed == NULL) continue;
            lower(&seen, from->value);
            guard->batch[count] = passed;
            guard->sights[count++] = (struct pawl_sight){from->name, seen};
        }
        if (count > 0) send_returns(guard, count);
    }
}

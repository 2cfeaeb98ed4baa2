/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Changes on their way through a guard, and what was seen of the names that they are about. A store
 * that has lost a sequence would begin it again at its start; one that has lost a rename would
 * give, under either name, what was given since; a fence beyond a line ends the floors of those
 * before.
 *
 * What the store before this one gave says something of a sequence only if that goes on in the same
 * line, or is to bear its name: that the record of the sequence tells, which is read first.
 */
#include "store/guard_own.h"

#include <stdlib.h>

static bool lies_beyond(const struct pawl_seen *seen, int64_t id)
{
    return pawl_guard_direction(seen) > 0 ? id > seen->mark.id : id < seen->mark.id;
}

/* Who says where a sequence begins is believed, beyond what the store before this one gave. */
static bool begins_beyond(const struct pawl_ask *from, const struct pawl_seen *seen)
{
    const pawl_definition *definition = from->definition;

    if (!seen->former || definition == NULL) return false;
    return (definition->given & PAWL_GIVEN_START) != 0 && lies_beyond(seen, definition->start);
}

/* What must not be given again: lines of two stores say nothing of each other, so of a CREATE the
 * further number counts. */
static struct pawl_mark floor_of(const struct pawl_ask *from, const struct pawl_seen *seen)
{
    struct pawl_mark floor = pawl_mark_further(seen->mark, from->floor, pawl_guard_direction(seen));
    bool both = seen->mark.line != 0 && from->floor.line != 0;

    if (from->kind != PAWL_ASK_CREATE || !seen->former || !both) return floor;
    floor.lap = 0;
    floor.id = lies_beyond(seen, from->floor.id) ? from->floor.id : seen->mark.id;
    return floor;
}

static void send(struct pawl_guard *guard, struct pawl_ask *from, const struct pawl_seen *seen,
                 const struct pawl_seen *to)
{
    struct passed *passed = pawl_guard_passed_new(guard, from);

    if (passed == NULL) return;
    passed->ask.floor = floor_of(from, seen);
    passed->ask.floor_former = seen->former && seen->mark.line != 0;
    passed->ask.to_floor = pawl_mark_further(to->mark, from->to_floor, pawl_guard_direction(to));
    passed->ask.to_floor_former = to->former && to->mark.line != 0;
    pawl_guard_ask_below(guard, &passed->ask);
}

/* What the store before gave under the name of a sequence that is there: of its line it counts, and
 * where somebody fences beyond that line, who knows why. */
static bool counts(const struct pawl_seen *seen, const struct pawl_ask *from,
                   const struct pawl_record *record)
{
    if (!seen->former || seen->mark.line == record->line) return true;
    return from->kind == PAWL_ASK_FENCE && from->line >= seen->mark.line;
}

static void compared_done(struct pawl_ask *ask)
{
    struct guard_reading *reading = PAWL_OWNER(ask, struct guard_reading, read);
    struct pawl_guard *guard = reading->guard;
    struct pawl_ask *from = reading->from;
    const struct pawl_record *record = &reading->record;
    struct pawl_seen seen = reading->seen;
    struct pawl_seen to = reading->to;
    const pawl_error error = reading->read.error;
    bool there = error.code == PAWL_OK;

    if (!there && error.code != PAWL_NO_SEQUENCE) {
        free(reading);
        pawl_guard_answer_later(guard, from, error.code, error.text);
        return;
    }
    if (there && seen.any_line) seen = pawl_guard_seen_of(&seen, record);
    if (there && !counts(&seen, from, record)) seen.mark.line = 0;
    /* The new name's ids are passed by one that is beyond them already. */
    if (there && to.former && lies_beyond(&to, record->next)) to.mark.line = 0;
    free(reading);
    send(guard, from, &seen, &to);
}

void pawl_guard_pass_change(struct pawl_guard *guard, struct pawl_ask *from)
{
    bool renames = from->kind == PAWL_ASK_RENAME;
    bool fences = from->kind == PAWL_ASK_FENCE && from->line != 0;
    bool draws = renames || fences || from->kind == PAWL_ASK_CREATE;
    struct pawl_seen seen = {.dropped_s = 0};
    struct pawl_seen to = {.dropped_s = 0};

    if (draws && !pawl_guard_recall(guard, from, from->name, &seen)) return;
    if (renames && !pawl_guard_recall(guard, from, from->to, &to)) return;
    if (begins_beyond(from, &seen)) seen.mark.line = 0;
    if ((renames || fences) && (seen.former || to.former)) {
        pawl_guard_read_first(guard, from, &seen, &to, compared_done);
    } else {
        send(guard, from, &seen, &to);
    }
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a guard that remembers nothing of a sequence does until somebody who had come further tells
 * it. Only a floor of the record's own line tells something: one of an earlier line is void.
 */
#include "store/guard_own.h"

#include <inttypes.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/log.h"

bool pawl_guard_learns(const struct pawl_guard *guard, const struct pawl_seen *seen)
{
    return seen->first.line == 0 && seen->dropped_s == 0 && guard->now_ns < guard->learn_until_ns;
}

/* What is in use has floors above, which are told with the next ask: that goes on at once. */
void pawl_guard_heed_losses(struct pawl_guard *guard)
{
    if (guard->losses == guard->book->losses) return;
    guard->losses = guard->book->losses;
    guard->head.began_s = pawl_guard_wall_s(guard);
    guard->head_changed = true;
    guard->learn_until_ns = guard->now_ns + guard->settings.learn_ns;
    if (guard->settings.learn_ns == 0) return;
    pawl_log(PAWL_LOG_WARN, "guard learns again how far sequences had come",
             "for=%" PRIu64 "s why=\"it was lost in use\"",
             guard->settings.learn_ns / PAWL_NS_PER_S);
}

static void refuse(struct pawl_guard *guard, struct pawl_ask *from)
{
    pawl_guard_answer_later(
        guard, from, PAWL_STORE,
        "this server remembers nothing of its store and waits for clients that know how far the "
        "sequence had come (--learn-for)");
}

struct pawl_seen pawl_guard_seen_of(const struct pawl_seen *seen, const struct pawl_record *record)
{
    struct pawl_seen known = *seen;
    bool same_way = (pawl_guard_direction(seen) > 0) == (record->increment > 0);

    if (!seen->former || seen->mark.line == record->line) return known;
    if (record->line == 0 || !seen->any_line || !same_way) {
        return (struct pawl_seen){.dropped_s = 0};
    }
    known.mark.line = record->line;
    known.mark.lap = record->lap;
    known.run_before = known.mark;
    known.turned = false;
    known.any_line = false;
    return known;
}

void pawl_guard_read_first(struct pawl_guard *guard, struct pawl_ask *from,
                           const struct pawl_seen *seen, const struct pawl_seen *to,
                           void (*done)(struct pawl_ask *read))
{
    struct guard_reading *reading = calloc(1, sizeof *reading);

    if (reading == NULL) {
        pawl_guard_answer_later(guard, from, PAWL_NO_MEMORY, "no memory to ask the store");
        return;
    }
    reading->guard = guard;
    reading->from = from;
    reading->seen = *seen;
    if (to != NULL) reading->to = *to;
    reading->read = (struct pawl_ask){
        .kind = PAWL_ASK_READ,
        .name = from->name,
        .deadline_ns = from->deadline_ns,
        .record = &reading->record,
        .done = done,
    };
    pawl_guard_ask_below(guard, &reading->read);
}

static void learner_done(struct pawl_ask *ask)
{
    struct guard_reading *reading = PAWL_OWNER(ask, struct guard_reading, read);
    struct pawl_guard *guard = reading->guard;
    struct pawl_ask *from = reading->from;
    const pawl_error error = reading->read.error;
    const struct pawl_seen seen = reading->seen;
    const struct pawl_seen known = pawl_guard_seen_of(&seen, &reading->record);
    bool is_void = from->floor.line < reading->record.line;

    free(reading);
    if (seen.former && (error.code == PAWL_OK || error.code == PAWL_NO_SEQUENCE)) {
        pawl_guard_pass_with(guard, from, &known);
    } else if (error.code != PAWL_OK) {
        pawl_guard_answer_later(guard, from, error.code, error.text);
    } else if (is_void) {
        refuse(guard, from);
    } else {
        pawl_guard_pass_ids(guard, from);
    }
}

void pawl_guard_compare(struct pawl_guard *guard, struct pawl_ask *from,
                        const struct pawl_seen *seen)
{
    pawl_guard_read_first(guard, from, seen, NULL, learner_done);
}

void pawl_guard_learn(struct pawl_guard *guard, struct pawl_ask *from)
{
    const struct pawl_seen nothing = {.dropped_s = 0};

    if (from->floor.line == 0) {
        refuse(guard, from);
    } else {
        pawl_guard_compare(guard, from, &nothing);
    }
}

/* Somebody above has come further than was seen, in the same line. */
static bool told_further(const struct passed *passed)
{
    const struct pawl_seen *seen = &passed->seen;
    const struct pawl_mark *floor = &passed->from->floor;

    return seen->mark.line != 0 && floor->line == seen->mark.line &&
           pawl_mark_order(*floor, seen->mark, pawl_guard_direction(seen)) > 0;
}

bool pawl_guard_is_blind(const struct passed *passed)
{
    const struct pawl_seen *seen = &passed->seen;

    if (seen->first.line != 0) return seen->blind && !told_further(passed);
    return seen->dropped_s == 0 && passed->from->floor.line < passed->ask.grant.line;
}

void pawl_guard_tell_blind(struct pawl_guard *guard, const struct passed *passed)
{
    const struct pawl_grant *grant = &passed->ask.grant;
    char name[PAWL_LOG_NAME_BYTES];

    if (!guard->blind || !pawl_guard_is_blind(passed)) return;
    guard->blind = false;
    pawl_log(PAWL_LOG_WARN, "guard was just begun, and the store has sequences that it never saw",
             "seq=%s first=%" PRIu64 "/%" PRId64
             " advice=\"of a new server: nothing; one that ran before has lost its --data: if the "
             "store was put back since then, too: pawl fence --all\"",
             pawl_log_quote(name, sizeof name, passed->ask.name), grant->lap, grant->range.first);
}

void pawl_guard_log_bounds(const struct passed *passed)
{
    const struct pawl_seen *seen = &passed->seen;
    const struct pawl_mark *floor = &passed->floor;
    char name[PAWL_LOG_NAME_BYTES];

    if (!seen->blind || !told_further(passed)) return;
    struct pawl_mark last =
        pawl_mark_order(seen->mark, *floor, pawl_guard_direction(seen)) < 0 ? seen->mark : *floor;

    pawl_log(PAWL_LOG_ERROR,
             "ids were granted here before it was known that the store had gone back",
             "seq=%s line=%" PRIu64 " from=%" PRIu64 "/%" PRId64 " to=%" PRIu64 "/%" PRId64,
             pawl_log_quote(name, sizeof name, passed->ask.name), seen->mark.line, seen->first.lap,
             seen->first.id, last.lap, last.id);
}

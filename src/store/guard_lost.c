/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a guard says of a sequence that was granted from, and of which the store has not even a
 * tombstone: the store has lost it, whether it was emptied, exchanged or put back from before.
 */
#include "store/guard_own.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"

#define LOG_PAUSE_NS PAWL_NS_PER_S /* whoever waits asks again and again */

enum { SHOWN_MAX = 280 };

static void log_lost(struct pawl_guard *guard, struct pawl_bytes name, const struct pawl_mark *mark)
{
    char shown[PAWL_LOG_NAME_BYTES];

    if (guard->now_ns < guard->lost_log_ns) return;
    guard->lost_log_ns = guard->now_ns + LOG_PAUSE_NS;
    pawl_log(PAWL_LOG_ERROR, "store has lost a sequence",
             "seq=%s line=%" PRIu64 " seen=%" PRIu64 "/%" PRId64
             " advice=\"pawl restore, or pawl create NAME --start beyond what was seen\"",
             pawl_log_quote(shown, sizeof shown, name), mark->line, mark->lap, mark->id);
}

void pawl_guard_tell_lost(struct pawl_guard *guard, const struct passed *passed)
{
    const struct pawl_ask *ask = &passed->ask;
    struct pawl_ask *from = passed->from;
    struct pawl_seen seen = {.dropped_s = 0};
    char story[SHOWN_MAX + 1];
    pawl_error error;

    if (ask->error.code != PAWL_NO_SEQUENCE || ask->grant.epoch != 0) return;
    if (pawl_error_says_elsewhere(&ask->error)) return;
    if (guard->book->ops->get(guard->book, ask->name, &seen, &error) != PAWL_OK) return;
    if (seen.mark.line == 0) return;
    log_lost(guard, ask->name, &seen.mark);
    (void)snprintf(story, sizeof story, "%.*s", SHOWN_MAX, ask->error.text);
    (void)pawl_fail(
        &from->error, PAWL_NO_SEQUENCE,
        "%s: " PAWL_LOST_WORDS ", and this server has seen ids of it up to %" PRId64
        "%s. Bring it back from a backup with pawl restore, or make it anew beyond that "
        "with pawl create NAME --start N",
        story, seen.mark.id, seen.former ? ", from the store before this one" : "");
}

/* Only what certainly came to nothing is asked again. */
static bool is_undone(const struct pawl_ask *ask)
{
    switch ((int)ask->error.code) {
    case PAWL_OK:
    case PAWL_LOST:
    case PAWL_UNKNOWN:
    case PAWL_CLOSED:
    case PAWL_TIMEOUT:
    case PAWL_NO_MEMORY:
        return false;
    default:
        return ask->burned == 0 && ask->kind != PAWL_ASK_RETURN;
    }
}

bool pawl_guard_asks_again(struct pawl_guard *guard, const struct passed *passed)
{
    const struct pawl_ask *ask = &passed->ask;
    bool grants = (ask->kind == PAWL_ASK_TAKE || ask->kind == PAWL_ASK_NEXT) &&
                  ask->error.code == PAWL_OK && ask->count > 0;

    /* A grant is looked at where it is judged. */
    if (grants || pawl_guard_known(guard, passed) || !is_undone(ask)) return false;
    pawl_asks_add(&guard->waiting, passed->from);
    return true;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Never back: what an ask's floor, and a store's branch, say of ids that the record knows nothing
 * of, and how it is moved beyond them.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "base/shell.h"
#include "range/apply_own.h"
#include "range/wide.h"

enum {
    SHARE = 100, /* a floor pulls at most the 100th part of what is left, and so does a jump */
    WORD_BYTES = PAWL_SHELL_BYTES(PAWL_NAME_BYTES_MAX),
    COMMAND_BYTES = WORD_BYTES + 100,
    LOG_BRANCH_BYTES = 4 * PAWL_BRANCH_BYTES_MAX + 4,
};

/* Beyond this a floor can only be a mistake: it would bring a number of ours near its end. */
#define LAP_JUMP_MAX (UINT64_C(1) << 40)

/*
 * How far a record is moved: by the margin, and on by luck. A backup that is put back a second time
 * brings the same record, and perhaps to somebody who knows nothing of the first time: from there
 * the same margin would lead to ids that are handed out. Of two moves from one record, after which
 * m and n ids are used, fewer than (m + n) of `reach` meet.
 */
static uint64_t draw_jump(const struct pawl_record *record, const struct pawl_moment *moment,
                          uint64_t margin)
{
    uint64_t most = pawl_record_left(record) / SHARE;
    uint64_t reach = PAWL_JUMP_REACH * pawl_record_margin(record, moment, 0); /* < 2^57 each */

    if (reach > most - margin) reach = most - margin;
    return reach > 0 ? margin + pawl_random(moment->random) % reach : margin;
}

/* The first id that would be granted, as a mark; a used-up lap has been turned by then. */
static struct pawl_mark would_grant(const struct pawl_record *record)
{
    return (struct pawl_mark){.line = record->line, .lap = record->lap, .id = record->next};
}

uint64_t pawl_record_ids_up_to(const struct pawl_record *record, struct pawl_mark floor)
{
    pawl_wide distance = (pawl_wide)floor.id - record->next;
    pawl_wide step = record->increment;
    bool ahead = distance == 0 || (distance > 0) == (step > 0);
    pawl_wide count = ahead ? distance / step + 1 : 0;

    return count < UINT64_MAX ? (uint64_t)count : UINT64_MAX;
}

/* What a person says who knows that the floor is right: the way beyond all that it tells of. No
 * skip leads over laps. */
static void fence_command(const struct pawl_record *record, struct pawl_mark floor,
                          char text[COMMAND_BYTES])
{
    uint64_t skip = pawl_record_ids_up_to(record, floor);
    char word[WORD_BYTES];
    int size = snprintf(text, COMMAND_BYTES, "pawl fence %s",
                        pawl_shell_word(word, sizeof word, pawl_name_bytes(&record->name)));

    if (floor.line > record->line || floor.lap > record->lap) {
        size +=
            snprintf(text + size, COMMAND_BYTES - (size_t)size, " --beyond %" PRIu64, floor.line);
    }
    if (skip > 0) {
        (void)snprintf(text + size, COMMAND_BYTES - (size_t)size, " --skip %" PRIu64, skip);
    }
}

static bool fail_floor(const struct pawl_record *record, struct pawl_ask *ask, const char *why)
{
    char name[PAWL_LOG_NAME_BYTES];
    char command[COMMAND_BYTES];

    fence_command(record, ask->floor, command);
    (void)pawl_fail(&ask->error, PAWL_FLOOR,
                    "the asker of \"%.*s\" has ids of line %" PRIu64 " up to %" PRId64 ", %s: if "
                    "they are real, the store went back or is another; then: %s",
                    NAME(record), ask->floor.line, ask->floor.id, why, command);
    pawl_log(PAWL_LOG_WARN, "floor refused",
             "seq=%s asker=%" PRIu64 " line=%" PRIu64 " floor=%" PRIu64 "/%" PRIu64 "/%" PRId64
             " next=%" PRIu64 "/%" PRId64,
             pawl_log_quote(name, sizeof name, pawl_name_bytes(&record->name)), ask->asker,
             record->line, ask->floor.line, ask->floor.lap, ask->floor.id, record->lap,
             record->next);
    return false;
}

static void log_step_back(const char *event, const struct pawl_record *before,
                          const struct pawl_record *after, const struct pawl_ask *ask)
{
    char name[PAWL_LOG_NAME_BYTES];

    pawl_log(PAWL_LOG_ERROR, event,
             "seq=%s asker=%" PRIu64 " line=%" PRIu64 " next=%" PRIu64 "/%" PRId64 " floor=%" PRIu64
             "/%" PRId64 " moved_to=%" PRIu64 "/%" PRId64,
             pawl_log_quote(name, sizeof name, pawl_name_bytes(&before->name)), ask->asker,
             before->line, before->lap, before->next, ask->floor.lap, ask->floor.id, after->lap,
             after->next);
}

/* Only a person may move it: whoever asked keeps the floor, so that nobody is given its ids. */
static bool stop_at_floor(const struct pawl_record *record, struct pawl_ask *ask, const char *why)
{
    char command[COMMAND_BYTES];

    fence_command(record, ask->floor, command);
    (void)pawl_fail(&ask->error, PAWL_ROLLBACK,
                    "the store of \"%.*s\" went back: ids up to %" PRId64 " were reserved, its "
                    "next is %" PRId64 "%s; restore it, or move on: %s",
                    NAME(record), ask->floor.id, record->next, why, command);
    log_step_back("store went back, a sequence stops", record, record, ask);
    return false;
}

/*
 * next would grant what the floor says is handed out: the store went back. Moves next beyond both,
 * by the margin and luck, in the same line. false: the ask failed.
 */
static bool move_beyond_floor(const struct pawl_record *record, struct pawl_record *next,
                              struct pawl_ask *ask, const struct pawl_moment *moment)
{
    uint64_t share = pawl_record_left(next) / SHARE;
    uint64_t ahead = pawl_record_ids_up_to(next, ask->floor);

    if (ask->floor.lap > next->lap) {
        if (!next->cycle) return fail_floor(record, ask, "in a lap, though it does not cycle");
        if (ask->floor.lap > EPOCH_ASKED_MAX || ask->floor.lap - next->lap > LAP_JUMP_MAX) {
            return fail_floor(record, ask, "laps beyond any store's past");
        }
        next->lap = ask->floor.lap;
    }
    if (ahead > share) return fail_floor(record, ask, "beyond 1 % of what is left");
    if (moment->refuse_rollback) return stop_at_floor(record, ask, "");

    pawl_wide since_s = (pawl_wide)moment->wall_s - record->written_at;
    uint64_t margin =
        pawl_record_margin(next, moment, since_s < INT64_MAX ? (int64_t)since_s : INT64_MAX);

    if (margin == 0) return stop_at_floor(record, ask, ", and too few are left to jump by itself");
    if (draw_epoch(next, 0, moment, &ask->error) != PAWL_OK) return false;
    uint64_t skipped = ahead + draw_jump(next, moment, margin);
    bool moved = pawl_record_skip(next, skipped);

    PAWL_ASSERT(moved); /* both are at most 1 % of what is left */
    if (pawl_record_left_in_lap(next) == 0 && next->cycle) pawl_record_turn(next);
    ask->skipped = skipped;
    log_step_back("store went back", record, next, ask);
    return true;
}

/* Judges next against the ask's floor, and moves it where that shows the store went back. */
static bool heed_floor(const struct pawl_record *record, struct pawl_record *next,
                       struct pawl_ask *ask, const struct pawl_moment *moment)
{
    if (ask->floor.line < record->line) return true;
    if (ask->floor.line > record->line) return fail_floor(record, ask, "a line not begun here");
    if (pawl_mark_order(would_grant(next), ask->floor, next->increment) > 0) return true;
    return move_beyond_floor(record, next, ask, moment);
}

bool pawl_record_begin_beyond(const struct pawl_record *record, struct pawl_record *next,
                              struct pawl_ask *ask, const struct pawl_moment *moment)
{
    uint64_t ahead = pawl_record_ids_up_to(next, ask->floor);
    uint64_t margin = pawl_record_margin(next, moment, 0);
    bool fits = margin > 0 && (pawl_wide)ahead < (pawl_wide)pawl_record_left_in_lap(next) - margin;

    if (moment->refuse_rollback || !fits) {
        (void)pawl_fail(&ask->error, PAWL_ROLLBACK,
                        "the store went back and has lost \"%.*s\", of which ids up to %" PRId64
                        " were handed out: restore the store%s",
                        NAME(record), ask->floor.id,
                        fits ? "" : ", or create it with a START beyond and more ids than these");
        log_step_back("store went back, a sequence is not begun again", record, record, ask);
        return false;
    }
    /* By luck as well: what was lost twice is begun again twice, and perhaps by two who know
     * nothing of each other. */
    uint64_t most = pawl_record_left_in_lap(next) - ahead - 1;
    uint64_t jump = draw_jump(next, moment, margin);
    uint64_t skipped = ahead + (jump < most ? jump : most);
    bool moved = pawl_record_skip(next, skipped);

    PAWL_ASSERT(moved);
    ask->skipped = skipped;
    log_step_back("store went back and had lost a sequence", record, next, ask);
    return true;
}

bool pawl_record_has_other_branch(const struct pawl_record *record, const struct pawl_branch *now)
{
    return exists(record) && now->size > 0 &&
           !pawl_bytes_equal((struct pawl_bytes){record->branch, record->branch_size},
                             (struct pawl_bytes){now->at, now->size});
}

bool pawl_record_is_astray(const struct pawl_record *record, const struct pawl_branch *now)
{
    return pawl_record_has_other_branch(record, now) && record->branch_size > 0 && now->loses;
}

void pawl_record_adopt_branch(struct pawl_record *record, const struct pawl_moment *moment)
{
    if (moment->branch.size == 0) return;
    record->branch_size = moment->branch.size;
    memcpy(record->branch, moment->branch.at, moment->branch.size);
}

static void log_other_branch(const struct pawl_record *record, const struct pawl_moment *moment)
{
    char was[LOG_BRANCH_BYTES];
    char is[LOG_BRANCH_BYTES];
    char name[PAWL_LOG_NAME_BYTES];

    pawl_log(
        PAWL_LOG_WARN, "store may have lost its last writes", "seq=%s branch=%s branch_now=%s",
        pawl_log_quote(name, sizeof name, pawl_name_bytes(&record->name)),
        pawl_log_quote(was, sizeof was, (struct pawl_bytes){record->branch, record->branch_size}),
        pawl_log_quote(is, sizeof is, (struct pawl_bytes){moment->branch.at, moment->branch.size}));
}

bool pawl_record_heed_branch(const struct pawl_record *record, struct pawl_record *next,
                             struct pawl_ask *ask, const struct pawl_moment *moment)
{
    if (!pawl_record_is_astray(record, &moment->branch) || pawl_record_left(next) == 0) {
        pawl_record_adopt_branch(next, moment);
        return true;
    }
    uint64_t margin = pawl_record_margin(next, moment, 0);
    char word[WORD_BYTES];

    log_other_branch(record, moment);
    if (moment->refuse_rollback || margin == 0) {
        (void)pawl_fail(&ask->error, PAWL_ROLLBACK,
                        "the store of \"%.*s\" was restored or failed over and may have lost its "
                        "last writes%s: see how far the sequence had come, then: pawl fence %s "
                        "--skip N",
                        NAME(record),
                        margin == 0 ? ", and too few ids are left to move on by itself" : "",
                        pawl_shell_word(word, sizeof word, pawl_name_bytes(&record->name)));
        log_step_back("store went back, a sequence stops", record, record, ask);
        return false;
    }
    if (draw_epoch(next, 0, moment, &ask->error) != PAWL_OK) return false;
    uint64_t skipped = draw_jump(next, moment, margin);
    bool moved = pawl_record_skip(next, skipped);

    PAWL_ASSERT(moved); /* at most 1 % of what is left */
    if (pawl_record_left_in_lap(next) == 0 && next->cycle) pawl_record_turn(next);
    pawl_record_adopt_branch(next, moment);
    ask->skipped = skipped;
    log_step_back("store went back", record, next, ask);
    return true;
}

bool pawl_record_heed_past(const struct pawl_record *record, struct pawl_record *next,
                           struct pawl_ask *ask, const struct pawl_moment *moment)
{
    ask->grant.range.increment = record->increment;
    if (!heed_floor(record, next, ask, moment)) return false;
    if (next->epoch == record->epoch) return pawl_record_heed_branch(record, next, ask, moment);
    pawl_record_adopt_branch(next, moment); /* it was moved on beyond the floor, by more */
    return true;
}

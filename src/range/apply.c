/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What each ask does to a record. Every change is made on a copy and becomes the record only when
 * nothing can fail any more, so an ask that fails has changed nothing.
 */
#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "base/log.h"
#include "base/shell.h"
#include "range/apply_own.h"
#include "range/pace.h"
#include "range/wide.h"

enum {
    SHARE = 100,         /* a block is at most the 100th part of what is left */
    SHARE_NARROW = 1000, /* of a smallint or integer sequence: the 1000th */
};

#define RATE_MAX      1e12    /* ids per second that anybody can mean */
#define RATE_HALVES_S 43200.0 /* a record's rate falls by half in as many seconds of rest */

bool pawl_error_says_elsewhere(const pawl_error *error)
{
    return strstr(error->text, PAWL_LEFT_WORDS) != NULL ||
           strstr(error->text, PAWL_RENAMED_WORDS) != NULL;
}

/* PostgreSQL says "sequence" where a sequence is dropped and "relation" everywhere else. */
bool pawl_record_fail_missing(const struct pawl_record *record, struct pawl_ask *ask)
{
    const char *what = ask->kind == PAWL_ASK_DROP ? "sequence" : "relation";

    ask->grant.epoch = record->epoch;
    if (pawl_record_is_renamed(record)) {
        (void)pawl_fail(&ask->error, PAWL_NO_SEQUENCE,
                        "%s \"%.*s\" does not exist: it " PAWL_RENAMED_WORDS " \"%.*s\"", what,
                        NAME(record), (int)record->moved_to.size, record->moved_to.at);
    } else {
        (void)pawl_fail(&ask->error, PAWL_NO_SEQUENCE, "%s \"%.*s\" does not exist", what,
                        NAME(record));
    }
    return false;
}

/* Nothing of a new line was ever granted, whatever the store may have lost. */
static void begin_line(struct pawl_record *record, const struct pawl_moment *moment)
{
    record->line = record->epoch;
    record->lap = 0;
    pawl_record_adopt_branch(record, moment);
}

static double decayed_rate(const struct pawl_record *record, const struct pawl_moment *moment)
{
    double rest_s = (double)moment->wall_s - (double)record->written_at;

    return rest_s > 0 ? record->rate * exp2(-rest_s / RATE_HALVES_S) : record->rate;
}

static bool apply_create(struct pawl_record *record, struct pawl_ask *ask,
                         const struct pawl_moment *moment)
{
    struct pawl_record next = *record;

    if (exists(record)) {
        if (ask->definition != NULL && (ask->definition->given & PAWL_GIVEN_IF_NOT_EXISTS) != 0) {
            if (ask->record != NULL) *ask->record = *record;
            return false;
        }
        (void)pawl_fail(&ask->error, PAWL_EXISTS, "relation \"%.*s\" already exists", NAME(record));
        return false;
    }
    if (pawl_record_define(&next, PAWL_DEFINE_CREATE, ask->definition, &ask->error) != PAWL_OK ||
        draw_epoch(&next, ask->floor.line, moment, &ask->error) != PAWL_OK) {
        return false;
    }
    next.branch_size = 0;
    begin_line(&next, moment);
    next.moved_to.size = 0;
    next.dropped = false;
    next.rate = 0;
    next.created_at = moment->wall_s;
    /* All that was ever dropped or left here has a later epoch than its ids' line. */
    bool lost = ask->floor_former || ask->floor.line > record->epoch;

    if (lost && !pawl_record_begin_beyond(record, &next, ask, moment)) return false;
    (void)commit_change(record, &next, ask, moment);
    ask->grant.epoch = record->epoch;
    return true;
}

static bool apply_alter(struct pawl_record *record, struct pawl_ask *ask,
                        const struct pawl_moment *moment)
{
    struct pawl_record next = *record;
    uint32_t given = ask->definition == NULL ? 0 : ask->definition->given;

    if (pawl_record_define(&next, PAWL_DEFINE_ALTER, ask->definition, &ask->error) != PAWL_OK ||
        draw_epoch(&next, 0, moment, &ask->error) != PAWL_OK) {
        return false;
    }
    bool turned_round = (next.increment > 0) != (record->increment > 0);
    bool restarted = (given & (PAWL_GIVEN_RESTART | PAWL_GIVEN_RESTART_AT_START)) != 0;

    if (turned_round || (restarted && pawl_record_behind(record, next.next))) {
        begin_line(&next, moment);
    }
    return commit_change(record, &next, ask, moment);
}

/* A person's jump leaves a gap that is in no ledger: this is where it can be found. */
static void log_moved(const char *event, const struct pawl_record *before,
                      const struct pawl_record *after)
{
    char name[PAWL_LOG_NAME_BYTES];

    pawl_log(PAWL_LOG_INFO, event,
             "seq=%s next=%" PRIu64 "/%" PRId64 " moved_to=%" PRIu64 "/%" PRId64,
             pawl_log_quote(name, sizeof name, pawl_name_bytes(&before->name)), before->lap,
             before->next, after->lap, after->next);
}

/* Whether next would give ids that record has given. At the last id both may have ended. */
static bool set_is_behind(const struct pawl_record *record, const struct pawl_record *next)
{
    if (!next->ended) return pawl_record_behind(record, next->next);
    return record->ended && next->next != record->next && pawl_record_behind(record, next->next);
}

static bool apply_set(struct pawl_record *record, struct pawl_ask *ask,
                      const struct pawl_moment *moment)
{
    struct pawl_record next = *record;

    if (ask->value < record->min || ask->value > record->max) {
        (void)pawl_fail(&ask->error, PAWL_RANGE,
                        "setval: value %" PRId64 " is out of bounds for sequence \"%.*s\" "
                        "(%" PRId64 "..%" PRId64 ")",
                        ask->value, NAME(record), record->min, record->max);
        return false;
    }
    if (ask->called) {
        pawl_record_put_used(&next, ask->value);
    } else {
        pawl_record_put(&next, ask->value);
    }
    bool behind = set_is_behind(record, &next);

    if (behind && !ask->force) {
        (void)pawl_fail(&ask->error, PAWL_BEHIND,
                        "%" PRId64 " lies behind: the %s id of \"%.*s\" is %" PRId64
                        "; set that or one beyond, or use force once nobody holds older ids",
                        ask->value, record->ended ? "last" : "next", NAME(record), record->next);
        if (ask->record != NULL) *ask->record = *record;
        return false;
    }
    if (draw_epoch(&next, 0, moment, &ask->error) != PAWL_OK) return false;
    if (behind) begin_line(&next, moment);
    log_moved("set", record, &next);
    return commit_change(record, &next, ask, moment);
}

static bool apply_drop(struct pawl_record *record, struct pawl_ask *ask,
                       const struct pawl_moment *moment)
{
    struct pawl_record next = *record;

    if (draw_epoch(&next, 0, moment, &ask->error) != PAWL_OK) return false;
    next.dropped = true;
    return commit_change(record, &next, ask, moment);
}

/* How far a fence goes; false: only a person can say. */
static bool fence_skip(const struct pawl_record *record, const struct pawl_ask *ask,
                       const struct pawl_moment *moment, uint64_t *count)
{
    *count = ask->count;
    if (ask->count > 0) return true;
    *count = pawl_record_margin(record, moment, 0);
    if (*count > 0) return true;
    /* A new line is the protection there; it must be possible for short sequences, too. */
    *count = pawl_record_left(record) / SHARE;
    return ask->line != 0;
}

/* Floors end with the line: a new one begins beyond. Where laps turn, ids come again anyway. */
static bool heed_fenced_floor(const struct pawl_record *record, struct pawl_ask *ask,
                              uint64_t *count)
{
    if (ask->line == 0 || ask->floor.line < record->line) return true;
    uint64_t ahead = pawl_record_ids_up_to(record, ask->floor);
    uint64_t left = pawl_record_left(record);
    char word[PAWL_SHELL_BYTES(PAWL_NAME_BYTES_MAX)];

    if (ahead <= *count) return true;
    if (ahead > left && record->cycle) return true;
    if (ahead > left) {
        (void)pawl_fail(&ask->error, PAWL_LIMIT,
                        "ids of \"%.*s\" up to %" PRId64 " were given, beyond all that are left: a "
                        "new line would give those again; first give it %s (pawl alter %s %s N)",
                        NAME(record), ask->floor.id,
                        record->increment > 0 ? "a greater maximum" : "a lesser minimum",
                        pawl_shell_word(word, sizeof word, pawl_name_bytes(&record->name)),
                        record->increment > 0 ? "--max" : "--min");
        return false;
    }
    *count = ahead;
    return true;
}

static bool apply_fence(struct pawl_record *record, struct pawl_ask *ask,
                        const struct pawl_moment *moment)
{
    struct pawl_record next = *record;
    uint64_t left = pawl_record_left(record);
    char word[PAWL_SHELL_BYTES(PAWL_NAME_BYTES_MAX)];
    uint64_t count;

    if (ask->line > EPOCH_ASKED_MAX) {
        (void)pawl_fail(&ask->error, PAWL_LIMIT, "no line can be %" PRIu64 ": the most is %" PRIu64,
                        ask->line, EPOCH_ASKED_MAX);
        return false;
    }
    if (!fence_skip(record, ask, moment, &count)) {
        (void)pawl_fail(&ask->error, PAWL_LIMIT,
                        "the margin is more than 1 %% of the %" PRIu64 " ids left in \"%.*s\": "
                        "say how many to skip (pawl fence %s --skip N)",
                        left, NAME(record),
                        pawl_shell_word(word, sizeof word, pawl_name_bytes(&record->name)));
        return false;
    }
    if (!heed_fenced_floor(record, ask, &count)) return false;
    if (count > left || !pawl_record_skip(&next, count)) {
        (void)pawl_fail(&ask->error, PAWL_LIMIT,
                        "cannot skip %" PRIu64 " ids of \"%.*s\": %" PRIu64 " are left", count,
                        NAME(record), left);
        return false;
    }
    if (draw_epoch(&next, ask->line, moment, &ask->error) != PAWL_OK) return false;
    if (ask->line != 0) begin_line(&next, moment);
    pawl_record_adopt_branch(&next, moment);
    ask->skipped = count;
    log_moved("fenced", record, &next);
    return commit_change(record, &next, ask, moment);
}

/*
 * Un-reserves the tail of the grant that was the record's last write, which its tag tells: a store
 * that went back comes to the same versions again, and to the same ids. Its length must fit, too.
 */
static bool apply_return(struct pawl_record *record, struct pawl_ask *ask,
                         const struct pawl_moment *moment)
{
    struct pawl_record next = *record;
    int64_t value = ask->value;
    pawl_wide distance = (pawl_wide)record->next - value;
    bool reserved = value == record->next ? record->ended : pawl_record_behind(record, value);
    bool since_origin =
        value == record->origin || (value > record->origin) == (record->increment > 0);

    if (!exists(record) || record->tag != ask->lease || record->epoch != ask->epoch) {
        (void)pawl_fail(&ask->error, PAWL_NOT_KEPT,
                        "\"%.*s\" was written since that grant: its ids stay burned", NAME(record));
        return false;
    }
    pawl_wide tail = distance / record->increment + (record->ended ? 1 : 0);

    if (!reserved || !since_origin || value < record->min || value > record->max ||
        distance % record->increment != 0 || (ask->count != 0 && tail != ask->count)) {
        (void)pawl_fail(&ask->error, PAWL_NOT_KEPT,
                        "%" PRId64 " is no id that \"%.*s\" granted last", value, NAME(record));
        return false;
    }
    next.next = value;
    next.ended = false;
    return commit(record, &next, ask, moment);
}

static bool fail_end(const struct pawl_record *record, struct pawl_ask *ask)
{
    bool up = record->increment > 0;

    (void)pawl_fail(&ask->error, PAWL_END,
                    "nextval: reached %s value of sequence \"%.*s\" (%" PRId64 ")",
                    up ? "maximum" : "minimum", NAME(record), up ? record->max : record->min);
    return false;
}

/* How many ids a TAKE is given, of those left in the lap. */
static uint64_t take_count(const struct pawl_record *next, const struct pawl_ask *ask)
{
    uint64_t left = pawl_record_left_in_lap(next);
    uint64_t most = PAWL_BLOCK_IDS_MAX;
    uint64_t count = ask->count < most ? ask->count : most;

    if (next->block > 0) {
        uint64_t blocks = (count - 1) / next->block + 1;

        if (blocks > most / next->block) blocks = most / next->block;
        count = blocks * next->block;
    } else if (!next->cycle) {
        most = left / (next->data_type == PAWL_TYPE_BIGINT ? SHARE : SHARE_NARROW);
        if (count > most) count = most > 0 ? most : 1;
    }
    return count < left ? count : left;
}

/* How many ids a NEXT is given; 0: the ask failed. May turn a lap whose rest is too short. */
static uint64_t next_count(struct pawl_record *next, struct pawl_ask *ask, uint64_t *burned)
{
    uint64_t left = pawl_record_left_in_lap(next);
    uint64_t most = left < PAWL_BLOCK_IDS_MAX ? left : PAWL_BLOCK_IDS_MAX;

    if (!ask->exact) return ask->count < most ? ask->count : most;
    if (ask->count > PAWL_BLOCK_IDS_MAX) {
        (void)pawl_fail(&ask->error, PAWL_LIMIT,
                        "at most %d ids can be taken at once, not %" PRIu64, PAWL_BLOCK_IDS_MAX,
                        ask->count);
        return 0;
    }
    if (ask->count <= left) return ask->count;
    if (next->cycle && ask->count <= pawl_record_lap_size(next)) {
        *burned = left;
        pawl_record_turn(next);
        return ask->count;
    }
    (void)pawl_fail(&ask->error, PAWL_END,
                    "sequence \"%.*s\" has %" PRIu64 " ids left, %" PRIu64 " are asked for at once",
                    NAME(next), left, ask->count);
    return 0;
}

static void set_grant(const struct pawl_record *record, struct pawl_ask *ask,
                      struct pawl_range range)
{
    ask->grant = (struct pawl_grant){
        .range = range,
        .epoch = record->epoch,
        .line = record->line,
        .lap = record->lap,
        .lease = record->tag,
        .block = record->block,
    };
}

/* TAKE and NEXT, of at least one id. */
static bool apply_advance(struct pawl_record *record, struct pawl_ask *ask,
                          const struct pawl_moment *moment)
{
    struct pawl_record next = *record;
    uint64_t burned = 0;

    if (pawl_record_left_in_lap(record) == 0) {
        if (!record->cycle) return fail_end(record, ask);
        pawl_record_turn(&next);
    }
    if (!pawl_record_heed_past(record, &next, ask, moment)) return false;

    uint64_t count =
        ask->kind == PAWL_ASK_TAKE ? take_count(&next, ask) : next_count(&next, ask, &burned);
    if (count == 0) return false;

    struct pawl_range range = {.first = next.next, .increment = next.increment, .count = count};
    double rate = decayed_rate(record, moment);

    pawl_record_advance(&next, count);
    if (ask->rate > rate) rate = ask->rate < RATE_MAX ? ask->rate : RATE_MAX;
    next.rate = rate;
    (void)commit(record, &next, ask, moment);
    ask->burned = burned;
    set_grant(record, ask, range);
    return true;
}

static bool apply_take(struct pawl_record *record, struct pawl_ask *ask,
                       const struct pawl_moment *moment)
{
    if (ask->kind == PAWL_ASK_TAKE && record->order == PAWL_ORDER_GLOBAL) {
        (void)pawl_fail(&ask->error, PAWL_GLOBAL,
                        "sequence \"%.*s\" is ORDER GLOBAL: take its ids one call at a time, "
                        "nothing may hold them",
                        NAME(record));
        return false;
    }
    if (ask->count > 0) return apply_advance(record, ask, moment);
    if (ask->kind == PAWL_ASK_NEXT) {
        (void)pawl_fail(&ask->error, PAWL_BAD_REQUEST, "a count must be at least 1");
        return false;
    }
    set_grant(record, ask, (struct pawl_range){.increment = record->increment, .count = 0});
    return false;
}

bool pawl_record_apply(struct pawl_record *record, struct pawl_ask *ask,
                       const struct pawl_moment *moment)
{
    PAWL_ASSERT(record->name.size > 0 || ask->kind == PAWL_ASK_PING);
    ask->error.code = PAWL_OK;
    ask->error.text[0] = '\0';
    ask->grant = (struct pawl_grant){.lease = 0};
    ask->burned = 0;
    ask->skipped = 0;

    if (ask->kind == PAWL_ASK_PING) return false;
    if (ask->kind == PAWL_ASK_RETURN) return apply_return(record, ask, moment);
    if (ask->kind == PAWL_ASK_LEAVE) return pawl_record_leave(record, ask, moment);
    if (ask->kind == PAWL_ASK_ARRIVE) return pawl_record_arrive(record, ask, moment);
    if (ask->kind == PAWL_ASK_RESTORE) return pawl_record_restore(record, ask, moment);
    if (ask->kind == PAWL_ASK_READ && ask->force && record->epoch != 0) {
        if (ask->record != NULL) *ask->record = *record;
        return false;
    }
    if (pawl_record_has_left(record)) {
        if (ask->kind == PAWL_ASK_DROP) return pawl_record_forget_left(record, ask, moment);
        return pawl_record_fail_left(record, ask);
    }
    if (ask->kind == PAWL_ASK_CREATE) return apply_create(record, ask, moment);
    if (!exists(record)) return pawl_record_fail_missing(record, ask);

    switch (ask->kind) {
    case PAWL_ASK_TAKE:
    case PAWL_ASK_NEXT:
        return apply_take(record, ask, moment);
    case PAWL_ASK_READ:
        if (ask->record != NULL) *ask->record = *record;
        return false;
    case PAWL_ASK_ALTER:
        return apply_alter(record, ask, moment);
    case PAWL_ASK_SET:
        return apply_set(record, ask, moment);
    case PAWL_ASK_DROP:
        return apply_drop(record, ask, moment);
    case PAWL_ASK_FENCE:
        return apply_fence(record, ask, moment);
    case PAWL_ASK_CREATE:
    case PAWL_ASK_RETURN:
    case PAWL_ASK_PING:
    case PAWL_ASK_RENAME: /* takes two records */
    case PAWL_ASK_LEAVE:
    case PAWL_ASK_ARRIVE:
    case PAWL_ASK_RESTORE:
    case PAWL_ASK_LIST:
    case PAWL_ASK_INIT:
    case PAWL_ASK_CHECK:
    case PAWL_ASK_REDRAW:
    case PAWL_ASK_OPEN:
    case PAWL_ASK_WAIT:
    case PAWL_ASK_UNREAD:
        break;
    }
    (void)pawl_fail(&ask->error, PAWL_BAD_REQUEST, "a store cannot be asked that of one sequence");
    return false;
}

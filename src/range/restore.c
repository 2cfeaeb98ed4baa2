/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How a sequence comes back from a backup. Between the backup and the loss ids were handed out that
 * neither the backup nor the store knows of: so it goes on beyond the further of the two, by as
 * many ids as a person says, in a new epoch beyond both. Nothing ever goes back by it, however old
 * the backup is, and asked again it moves on again.
 *
 *   - In one line, places can be compared, and the later epoch has the later definition.
 *   - In two lines they cannot: no epoch tells a RESTART from a sequence that was begun anew
 * because its record was lost. A new line then begins beyond the numbers of both.
 *   - What the backup knows to go on elsewhere, under another name or in another store, is not
 * begun a second time here; nor the other way round.
 */
#include <inttypes.h>
#include <string.h>

#include "range/apply_own.h"

/* More laps than this can only be a mistake. */
#define LAPS_MAX (UINT64_C(1) << 40)

/* Whether ids of a could be ids of b: then the further of two numbers lies beyond both's. */
static bool same_shape(const struct pawl_record *a, const struct pawl_record *b)
{
    return a->increment == b->increment && a->min == b->min && a->max == b->max &&
           a->cycle == b->cycle && a->data_type == b->data_type;
}

/* Whether a's next lies beyond b's as a number, whatever lines and laps they are of. */
static bool is_beyond(const struct pawl_record *a, const struct pawl_record *b)
{
    if (a->next == b->next) return a->ended && !b->ended;
    return (a->next > b->next) == (a->increment > 0);
}

/* What is there now, whether it was written, and by how many ids it moved. */
static bool tell(const struct pawl_record *record, struct pawl_ask *ask, uint64_t skipped)
{
    if (!exists(record)) return true;
    ask->burned = skipped;
    ask->grant = (struct pawl_grant){
        .epoch = record->epoch,
        .line = record->line,
        .lap = record->lap,
        .lease = record->tag,
        .range = {.first = record->next, .increment = record->increment},
        .block = record->block,
    };
    return true;
}

/* Writes next, whose epoch is record's so far. Unlike others' its record is what is asked. */
static bool write_next(struct pawl_record *record, struct pawl_record *next, struct pawl_ask *ask,
                       const struct pawl_moment *moment)
{
    struct pawl_record *came = ask->record;

    ask->record = NULL;
    (void)commit_change(record, next, ask, moment);
    ask->record = came;
    return true;
}

static bool fail_end(const struct pawl_record *next, struct pawl_ask *ask)
{
    (void)pawl_fail(&ask->error, PAWL_LIMIT,
                    "\"%.*s\" would end: %" PRIu64 " ids are left beyond %" PRId64 ", and %" PRIu64
                    " are to be skipped; give it a greater maximum, or skip fewer",
                    NAME(next), pawl_record_left(next), next->next, ask->count);
    return false;
}

/* Moves next on by the ids that are to be skipped, whole laps at once. *skipped: how many. */
static bool jump(const struct pawl_record *record, struct pawl_record *next, struct pawl_ask *ask,
                 uint64_t *skipped)
{
    uint64_t count = ask->count;

    *skipped = 0;
    if (next->cycle) {
        uint64_t laps = count / pawl_record_lap_size(next);

        if (laps > LAPS_MAX) return fail_end(next, ask);
        next->lap += laps;
        count %= pawl_record_lap_size(next);
    } else if (pawl_record_left_in_lap(next) == 0) { /* used up: nothing can come twice */
        return exists(record) && pawl_record_left_in_lap(record) > 0 ? fail_end(next, ask) : true;
    } else if (count >= pawl_record_left_in_lap(next)) {
        return fail_end(next, ask);
    }
    bool moved = pawl_record_skip(next, count);

    PAWL_ASSERT(moved);
    *skipped = ask->count;
    return true;
}

/* next, in use and moved on, takes the place of record. */
static bool go_on(struct pawl_record *record, struct pawl_record *next, struct pawl_ask *ask,
                  const struct pawl_moment *moment)
{
    const struct pawl_record *came = ask->record;
    bool new_line = record->epoch != 0 && record->line != came->line;
    uint64_t skipped = 0;

    next->name = record->name;
    next->dropped = false;
    next->moved_to.size = 0;
    next->branch_size = 0;
    if (exists(record)) { /* which branch of the store has written it */
        next->branch_size = record->branch_size;
        memcpy(next->branch, record->branch, sizeof next->branch);
    }
    pawl_record_adopt_branch(next, moment); /* as by a fence: a person says how far */
    next->rate = record->rate > came->rate ? record->rate : came->rate;
    next->version = record->version;
    next->epoch = record->epoch;
    if (!jump(record, next, ask, &skipped)) return false;
    if (draw_epoch(next, came->epoch, moment, &ask->error) != PAWL_OK) return false;
    if (new_line) {
        next->line = next->epoch;
        next->lap = 0;
    }
    (void)write_next(record, next, ask, moment);
    return tell(record, ask, skipped);
}

/* Record, in use or dropped, and what came are of one line. */
static bool go_on_in_line(struct pawl_record *record, struct pawl_ask *ask,
                          const struct pawl_moment *moment)
{
    const struct pawl_record *came = ask->record;
    struct pawl_record next = came->epoch > record->epoch ? *came : *record;

    if ((record->increment > 0) != (came->increment > 0)) {
        (void)pawl_fail(&ask->error, PAWL_BAD_REQUEST,
                        "\"%.*s\" turned round within its line: one of the two records is wrong",
                        NAME(record));
        return false;
    }
    pawl_record_take_place(&next, pawl_record_is_further(came, record) ? came : record);
    return go_on(record, &next, ask, moment);
}

/* They are of two lines: one begins that lies beyond both. */
static bool go_on_in_new_line(struct pawl_record *record, struct pawl_ask *ask,
                              const struct pawl_moment *moment)
{
    const struct pawl_record *came = ask->record;
    struct pawl_record next = *came;

    if (same_shape(came, record)) {
        if (is_beyond(record, came)) pawl_record_take_place(&next, record);
        return go_on(record, &next, ask, moment);
    }
    if (!exists(record)) return go_on(record, &next, ask, moment);
    (void)pawl_fail(&ask->error, PAWL_EXISTS,
                    "another sequence \"%.*s\" is in use there, with another definition, so it "
                    "stays as it is: leave it out, or drop it and restore again",
                    NAME(record));
    return false;
}

static bool fail_elsewhere(const struct pawl_record *gone, struct pawl_ask *ask, const char *who)
{
    bool left = pawl_record_has_left(gone);

    (void)pawl_fail(&ask->error, PAWL_EXISTS,
                    "%s \"%.*s\" %s%.*s%s: its ids would come a second time. Restore it there, or, "
                    "if that is not so, first drop what is here under its name",
                    who, NAME(gone), left ? PAWL_LEFT_WORDS : PAWL_RENAMED_WORDS " \"",
                    left ? 0 : (int)gone->moved_to.size, gone->moved_to.at, left ? "" : "\"");
    return false;
}

/*
 * came is a tombstone, later than record, whose place it takes. It keeps its epoch: the same name
 * may have been begun again after the backup, in a line that is later than the tombstone, and so a
 * floor of that line still tells that it was lost.
 */
static bool bury(struct pawl_record *record, struct pawl_ask *ask, const struct pawl_moment *moment)
{
    const struct pawl_record *came = ask->record;
    struct pawl_record next = *came;

    PAWL_ASSERT(came->epoch > record->epoch);
    next.version = record->version;
    if (!pawl_record_has_left(came)) next.branch_size = 0;
    if (record->epoch != 0 && record->line == came->line && pawl_record_is_further(record, came)) {
        pawl_record_take_place(&next, record);
    }
    return write_next(record, &next, ask, moment);
}

static bool restore_tombstone(struct pawl_record *record, struct pawl_ask *ask,
                              const struct pawl_moment *moment)
{
    const struct pawl_record *came = ask->record;
    bool elsewhere = came->moved_to.size > 0;
    bool same_line = record->line == came->line;

    if (!exists(record)) {
        if (pawl_record_has_left(record) || came->epoch <= record->epoch) return false;
        return bury(record, ask, moment);
    }
    if (elsewhere) {
        /* It is as it was before it went: the store went back to before that. */
        if (same_line && came->epoch > record->epoch) return bury(record, ask, moment);
        return fail_elsewhere(came, ask, "in the backup");
    }
    if (same_line) return go_on_in_line(record, ask, moment);
    (void)tell(record, ask, 0); /* it was begun anew since, and stays as it is */
    return false;
}

bool pawl_record_restore(struct pawl_record *record, struct pawl_ask *ask,
                         const struct pawl_moment *moment)
{
    const struct pawl_record *came = ask->record;

    PAWL_ASSERT(came != NULL);
    if (!pawl_record_sound(came) || pawl_record_is_unsettled(came) ||
        !pawl_bytes_equal(pawl_name_bytes(&came->name), pawl_name_bytes(&record->name))) {
        (void)pawl_fail(&ask->error, PAWL_BAD_REQUEST, "\"%.*s\": that is no record of a backup",
                        NAME(record));
        return false;
    }
    if (came->dropped) return restore_tombstone(record, ask, moment);
    if (record->epoch == 0) {
        struct pawl_record next = *came;

        return go_on(record, &next, ask, moment);
    }
    bool same_line = record->line == came->line;
    bool renamed = pawl_record_is_renamed(record) && (same_line || record->epoch > came->epoch);

    if (pawl_record_has_left(record) || renamed) {
        return fail_elsewhere(record, ask, "in the store");
    }
    if (same_line) return go_on_in_line(record, ask, moment);
    return go_on_in_new_line(record, ask, moment);
}

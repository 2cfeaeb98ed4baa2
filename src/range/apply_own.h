/* SPDX-License-Identifier: Apache-2.0 */
/* What the parts of pawl_record_apply share: apply.c, move.c for sequences that move to another
 * store, and rename.c for those that get another name. */
#ifndef PAWL_APPLY_OWN_H
#define PAWL_APPLY_OWN_H

#include "range/source.h"

/* For a format's "%.*s". */
#define NAME(record) (int)(record)->name.size, (record)->name.at

/* Beyond this a line asked for can only be a mistake: see past.c. */
#define EPOCH_ASKED_MAX (EPOCH_MAX / 2)

/* On the wire an epoch is an integer of RESP: above this, two would look alike to a cache. */
#define EPOCH_MAX ((uint64_t)INT64_MAX)

static inline bool exists(const struct pawl_record *record)
{
    return record->epoch != 0 && !record->dropped;
}

static inline pawl_err draw_epoch(struct pawl_record *record, uint64_t beyond,
                                  const struct pawl_moment *moment, pawl_error *error)
{
    uint64_t step = 1 + pawl_random(moment->random) % PAWL_EPOCH_STEP_MAX;
    uint64_t base = record->epoch > beyond ? record->epoch : beyond;

    if (base > EPOCH_MAX - step) {
        return pawl_fail(error, PAWL_LIMIT,
                         "sequence \"%.*s\" has no epoch left: use a sequence of another name",
                         NAME(record));
    }
    record->epoch = base + step;
    return PAWL_OK;
}

/* Makes next the record, as one write. */
static inline bool commit(struct pawl_record *record, const struct pawl_record *next,
                          struct pawl_ask *ask, const struct pawl_moment *moment)
{
    *record = *next;
    record->version++;
    record->tag = pawl_random(moment->random) >> 1 | 1; /* 0 is no lease; stores keep an int64 */
    record->written_at = moment->wall_s;
    if (ask->record != NULL) *ask->record = *record;
    return true;
}

/* Commits what a person changed: a definition, or where it stands. */
static inline bool commit_change(struct pawl_record *record, struct pawl_record *next,
                                 struct pawl_ask *ask, const struct pawl_moment *moment)
{
    next->changed_at = moment->wall_s;
    return commit(record, next, ask, moment);
}

/* rename.c: whether it is what a sequence that was renamed left behind. */
bool pawl_record_is_renamed(const struct pawl_record *record);

/* apply.c: no sequence has that name. */
bool pawl_record_fail_missing(const struct pawl_record *record, struct pawl_ask *ask);

/* past.c */

/* The branch of now, if it is told, becomes the record's. */
void pawl_record_adopt_branch(struct pawl_record *record, const struct pawl_moment *moment);
/*
 * next, of which ids are about to be granted, is the record, and perhaps turned. If record is
 * astray, moves next on by the margin and luck; it adopts the branch. false: the ask failed.
 */
bool pawl_record_heed_branch(const struct pawl_record *record, struct pawl_record *next,
                             struct pawl_ask *ask, const struct pawl_moment *moment);
/* The same, and judges next against the ask's floor first: where that shows that the store went
 * back, moves next beyond it. */
bool pawl_record_heed_past(const struct pawl_record *record, struct pawl_record *next,
                           struct pawl_ask *ask, const struct pawl_moment *moment);

/* How many ids from next on lie before the floor or on it, in one lap, at most UINT64_MAX. */
uint64_t pawl_record_ids_up_to(const struct pawl_record *record, struct pawl_mark floor);
/*
 * CREATE: the asker's floor is of a line that the store knows nothing of any more: it lost that
 * there ever was such a sequence. Moves next, which begins a line, beyond it. false: the ask
 * failed.
 */
bool pawl_record_begin_beyond(const struct pawl_record *record, struct pawl_record *next,
                              struct pawl_ask *ask, const struct pawl_moment *moment);

/* move.c: as pawl_record_apply, of these two kinds of asks. */
bool pawl_record_leave(struct pawl_record *record, struct pawl_ask *ask,
                       const struct pawl_moment *moment);
bool pawl_record_arrive(struct pawl_record *record, struct pawl_ask *ask,
                        const struct pawl_moment *moment);

/* Whether a, of the same line, has come further than b. */
bool pawl_record_is_further(const struct pawl_record *a, const struct pawl_record *b);
/* Lap, next and what belongs to it. */
void pawl_record_take_place(struct pawl_record *record, const struct pawl_record *from);

/* restore.c: as pawl_record_apply, of a RESTORE. */
bool pawl_record_restore(struct pawl_record *record, struct pawl_ask *ask,
                         const struct pawl_moment *moment);

/* A DROP, by force, of what a sequence left behind: its name can be created again. */
bool pawl_record_forget_left(struct pawl_record *record, struct pawl_ask *ask,
                             const struct pawl_moment *moment);
/* Fails every other ask of a sequence that has left. */
bool pawl_record_fail_left(const struct pawl_record *record, struct pawl_ask *ask);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How a sequence gets another name. Two records change, nothing ties the two writes together, and
 * whoever renames may die, be slow or be two at any moment between. So one record decides, by
 * single writes each of which is conditional on what was read:
 *
 *   old name: in use -> renaming -> renamed -> a tombstone like others, which names the new one
 *                          |
 *                          +-> in use again, if the new name is by then another sequence's
 *   new name: free -> arriving -> in use, once the old one says renamed
 *                        |
 *                        +-> free again, if the old one does not wait for it any more
 *
 * Only "renaming" becomes "renamed" or comes back, and never both. "arriving" names the tombstone
 * by its epoch, and "renamed" names the one arrival that it is for: another one, of somebody who
 * came late, is none. Whoever finds one of the three states between does the next step before
 * anything else. What they are stands in `branch`, which a tombstone has no other use for.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "range/apply_own.h"

enum { STATE_BYTES = 32 };

static const char renaming[] = "renaming";

static bool state_is(const struct pawl_record *record, const char *state)
{
    struct pawl_bytes now = {record->branch, record->branch_size};

    return pawl_record_is_renamed(record) &&
           pawl_bytes_equal(now, (struct pawl_bytes){state, strlen(state)});
}

static void state_set(struct pawl_record *record, const char *state)
{
    record->branch_size = (uint8_t)strlen(state);
    memcpy(record->branch, state, record->branch_size);
}

/* What the target says while it waits for that tombstone. */
static void arriving_from(char state[STATE_BYTES], const struct pawl_record *record)
{
    (void)snprintf(state, STATE_BYTES, "arriving %" PRIx64, record->epoch);
}

/* What the tombstone says while that target is not yet in use. */
static void renamed_to(char state[STATE_BYTES], const struct pawl_record *target)
{
    (void)snprintf(state, STATE_BYTES, "renamed %" PRIx64, target->epoch);
}

bool pawl_record_is_renamed(const struct pawl_record *record)
{
    return record->epoch != 0 && record->dropped && record->moved_to.size > 0 &&
           !pawl_record_has_left(record);
}

bool pawl_record_is_unsettled(const struct pawl_record *record)
{
    return pawl_record_is_renamed(record) && record->branch_size > 0;
}

bool pawl_record_is_decided(const struct pawl_record *record)
{
    return pawl_record_is_renamed(record) && !state_is(record, renaming);
}

static void write_plainly(struct pawl_record *record, struct pawl_record *next,
                          const struct pawl_moment *moment)
{
    struct pawl_ask nobody = {.record = NULL};

    (void)commit_change(record, next, &nobody, moment);
}

static bool fail_target(const struct pawl_record *target, struct pawl_ask *ask)
{
    if (pawl_record_has_left(target)) {
        (void)pawl_fail(&ask->error, PAWL_DENIED,
                        "a sequence \"%.*s\" " PAWL_LEFT_WORDS ": to use its name here, first drop "
                        "what is left of it (pawl drop --force)",
                        NAME(target));
    } else {
        (void)pawl_fail(&ask->error, PAWL_EXISTS, "relation \"%.*s\" already exists", NAME(target));
    }
    return false;
}

/*
 * What was granted under the old name and the record knows nothing of would be granted again, in a
 * line of which nobody has a floor. Of a lap that has ended everything was granted.
 */
static bool heed_own_past(const struct pawl_record *record, struct pawl_record *next,
                          struct pawl_ask *ask, const struct pawl_moment *moment)
{
    const struct pawl_mark *floor = &ask->floor;

    if (floor->line == record->line && pawl_record_left_in_lap(record) == 0) {
        if (floor->lap <= record->lap) return pawl_record_heed_branch(record, next, ask, moment);
        if (record->cycle) pawl_record_turn(next);
    }
    return pawl_record_heed_past(record, next, ask, moment);
}

/*
 * The store knows nothing of the line in which the new name was used before: it went back to before
 * that began. Perhaps it was this same sequence, renamed once already.
 */
static bool heed_targets_past(const struct pawl_record *target, struct pawl_record *next,
                              struct pawl_ask *ask, const struct pawl_moment *moment)
{
    struct pawl_ask beyond = {.floor = ask->to_floor, .asker = ask->asker};

    if (!ask->to_floor_former && ask->to_floor.line <= target->epoch) return true;
    if (!pawl_record_begin_beyond(target, next, &beyond, moment)) {
        ask->error = beyond.error;
        return false;
    }
    ask->skipped += beyond.skipped;
    return true;
}

bool pawl_record_rename(struct pawl_record *record, const struct pawl_record *target,
                        struct pawl_ask *ask, const struct pawl_moment *moment)
{
    struct pawl_record next = *record;
    uint64_t beyond = ask->to_floor.line > target->epoch ? ask->to_floor.line : target->epoch;

    ask->skipped = 0;
    PAWL_ASSERT(!pawl_record_is_unsettled(record) && !pawl_record_is_unsettled(target));
    if (pawl_record_has_left(record)) return pawl_record_fail_left(record, ask);
    if (!exists(record)) return pawl_record_fail_missing(record, ask);
    if (exists(target) || pawl_record_has_left(target)) return fail_target(target, ask);
    /* Its tombstone says nothing of branches, so what may be lost is passed now. */
    if (!heed_own_past(record, &next, ask, moment) ||
        !heed_targets_past(target, &next, ask, moment)) {
        return false;
    }
    if (draw_epoch(&next, beyond, moment, &ask->error) != PAWL_OK) return false;
    next.dropped = true;
    next.moved_to = target->name;
    state_set(&next, renaming);
    write_plainly(record, &next, moment);
    return true;
}

/* The target becomes what the tombstone was, in an epoch and line beyond all of both names. */
static enum pawl_settle arrive(const struct pawl_record *record, struct pawl_record *target,
                               const struct pawl_moment *moment, pawl_error *error)
{
    struct pawl_record next = *record;
    char state[STATE_BYTES];

    next.name = target->name;
    next.moved_to = record->name;
    next.version = target->version;
    if (draw_epoch(&next, target->epoch, moment, error) != PAWL_OK) return PAWL_SETTLE_FAILED;
    next.line = next.epoch;
    next.lap = 0;
    arriving_from(state, record);
    state_set(&next, state);
    write_plainly(target, &next, moment);
    return PAWL_SETTLE_TARGET;
}

/* The tombstone becomes the record again, in an epoch that nobody has ids of. */
static enum pawl_settle come_back(struct pawl_record *record, const struct pawl_moment *moment,
                                  pawl_error *error)
{
    struct pawl_record next = *record;

    if (draw_epoch(&next, 0, moment, error) != PAWL_OK) return PAWL_SETTLE_FAILED;
    next.dropped = false;
    next.moved_to.size = 0;
    next.branch_size = 0;
    pawl_record_adopt_branch(&next, moment);
    write_plainly(record, &next, moment);
    return PAWL_SETTLE_RECORD;
}

static enum pawl_settle now_in_state(struct pawl_record *record, const char *state,
                                     const struct pawl_moment *moment)
{
    struct pawl_record next = *record;

    state_set(&next, state);
    write_plainly(record, &next, moment);
    return PAWL_SETTLE_RECORD;
}

static void now_in_use(struct pawl_record *target, bool used, const struct pawl_moment *moment)
{
    struct pawl_record next = *target;

    next.dropped = !used;
    next.moved_to.size = 0;
    next.branch_size = 0;
    if (used) pawl_record_adopt_branch(&next, moment);
    write_plainly(target, &next, moment);
}

/* Whether target waits for record's tombstone. */
static bool arrives_from(const struct pawl_record *target, const struct pawl_record *record)
{
    char state[STATE_BYTES];

    arriving_from(state, record);
    return state_is(target, state) &&
           pawl_bytes_equal(pawl_name_bytes(&target->moved_to), pawl_name_bytes(&record->name));
}

/* Whether record's tombstone has decided for that arrival. */
static bool is_for(const struct pawl_record *record, const struct pawl_record *target)
{
    char state[STATE_BYTES];

    renamed_to(state, target);
    return arrives_from(target, record) && state_is(record, state);
}

static enum pawl_settle decide(struct pawl_record *record, const struct pawl_record *target,
                               const struct pawl_moment *moment)
{
    char state[STATE_BYTES];

    renamed_to(state, target);
    return now_in_state(record, state, moment);
}

static bool is_arriving(const struct pawl_record *record)
{
    return pawl_record_is_renamed(record) && record->branch_size > 0 && record->branch[0] == 'a';
}

static enum pawl_settle settle_arriving(struct pawl_record *arriving, struct pawl_record *leaving,
                                        const struct pawl_moment *moment)
{
    if (arrives_from(arriving, leaving) && state_is(leaving, renaming)) {
        (void)decide(leaving, arriving, moment);
        return PAWL_SETTLE_TARGET;
    }
    now_in_use(arriving, is_for(leaving, arriving), moment);
    return PAWL_SETTLE_RECORD;
}

enum pawl_settle pawl_record_settle(struct pawl_record *record, struct pawl_record *target,
                                    const struct pawl_moment *moment, pawl_error *error)
{
    if (!pawl_record_is_unsettled(record)) return PAWL_SETTLE_DONE;
    PAWL_ASSERT(
        pawl_bytes_equal(pawl_name_bytes(&record->moved_to), pawl_name_bytes(&target->name)));
    if (is_arriving(record)) return settle_arriving(record, target, moment);
    if (!state_is(record, renaming)) { /* it is decided */
        if (!is_for(record, target)) return now_in_state(record, "", moment);
        now_in_use(target, true, moment);
        return PAWL_SETTLE_TARGET;
    }
    if (arrives_from(target, record)) return decide(record, target, moment);
    if (exists(target) || pawl_record_has_left(target) || state_is(target, renaming)) {
        return come_back(record, moment, error);
    }
    if (pawl_record_is_unsettled(target)) return PAWL_SETTLE_FIRST;
    return arrive(record, target, moment, error);
}

/* Within one transaction. */

/* inner: for another one, whose target record is. */
/* NOLINTNEXTLINE(misc-no-recursion): one level, the inner one does not go deeper */
static int settle(struct pawl_records_within *within, struct pawl_record *record,
                  const struct pawl_moment *moment, pawl_error *error, bool inner)
{
    while (pawl_record_is_unsettled(record)) {
        struct pawl_record target;
        int rc = within->get(within, pawl_name_bytes(&record->moved_to), &target, error);

        if (rc != 0 || error->code != PAWL_OK) return rc;
        switch (pawl_record_settle(record, &target, moment, error)) {
        case PAWL_SETTLE_TARGET:
            rc = within->put(within, &target, error);
            break;
        case PAWL_SETTLE_RECORD:
            rc = within->put(within, record, error);
            break;
        case PAWL_SETTLE_FIRST:
            PAWL_ASSERT(!inner);
            rc = settle(within, &target, moment, error, true);
            break;
        case PAWL_SETTLE_DONE:
        case PAWL_SETTLE_FAILED:
            return 0;
        }
        if (rc != 0 || error->code != PAWL_OK) return rc;
    }
    return 0;
}

/* All steps in one transaction, and so only their end is written: the target first, which may need
 * memory. */
static int rename_within(struct pawl_records_within *within, struct pawl_record *record,
                         struct pawl_ask *ask, const struct pawl_moment *moment)
{
    struct pawl_record target;
    int rc = within->get(within, ask->to, &target, &ask->error);

    if (rc != 0 || ask->error.code != PAWL_OK) return rc;
    rc = settle(within, &target, moment, &ask->error, false);
    if (rc != 0 || ask->error.code != PAWL_OK) return rc;
    if (!pawl_record_rename(record, &target, ask, moment)) return 0;
    while (pawl_record_is_unsettled(record)) {
        if (pawl_record_settle(record, &target, moment, &ask->error) == PAWL_SETTLE_FAILED) {
            return 0;
        }
    }
    rc = within->put(within, &target, &ask->error);
    if (rc != 0 || ask->error.code != PAWL_OK) return rc;
    if (ask->record != NULL) *ask->record = target;
    return within->put(within, record, &ask->error);
}

bool pawl_ask_settles(const struct pawl_ask *ask)
{
    if (ask->kind == PAWL_ASK_RETURN) return false; /* nothing of a tombstone is taken back */
    return ask->kind != PAWL_ASK_READ || !ask->force;
}

int pawl_records_ask(struct pawl_records_within *within, struct pawl_ask *ask,
                     const struct pawl_moment *moment)
{
    struct pawl_record record;
    int rc = within->get(within, ask->name, &record, &ask->error);

    if (rc != 0 || ask->error.code != PAWL_OK) return rc;
    if (within->put != NULL && pawl_ask_settles(ask)) {
        rc = settle(within, &record, moment, &ask->error, false);
        if (rc != 0 || ask->error.code != PAWL_OK) return rc;
    }
    if (ask->kind == PAWL_ASK_RENAME) return rename_within(within, &record, ask, moment);
    if (!pawl_record_apply(&record, ask, moment)) return 0;
    PAWL_ASSERT(within->put != NULL);
    return within->put(within, &record, &ask->error);
}

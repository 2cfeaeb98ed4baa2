/* SPDX-License-Identifier: Apache-2.0 */
#include "store/records_own.h"

#include <inttypes.h>
#include <string.h>

#include "base/log.h"
#include "range/wide.h"
#include "store/schemes.h"

enum {
    TRIES_AT_ONCE = 2, /* against others' writes, before it waits for a moment */
};

/* A change was sent at least once, and its answer is lost. */
static bool in_doubt(const struct work *work)
{
    return work->doubt_end_ns != 0;
}

struct pawl_moment pawl_work_moment(const struct work *work)
{
    struct pawl_records *records = work->records;
    struct pawl_moment moment = pawl_store_moment(&records->options, &records->random);

    moment.branch = work->entry->branch;
    return moment;
}

/* Whether ids can simply be granted: nothing has to turn, to move or to be said. */
static bool is_plain(const struct pawl_record *record, const struct pawl_ask *ask,
                     const struct pawl_branch *branch)
{
    struct pawl_mark next = {.line = record->line, .lap = record->lap, .id = record->next};

    if (record->epoch == 0 || record->dropped || record->ended) return false;
    if (pawl_record_is_astray(record, branch)) return false;
    if (ask->floor.line == 0) return true;
    return ask->floor.line == record->line &&
           pawl_mark_order(next, ask->floor, record->increment) > 0;
}

/*
 * Applies the asks one after the other to a copy of the remembered record. false: one of them is
 * more than a plain grant, and the record must have been read for that.
 */
static bool apply_plain(struct work *work, struct pawl_record *record)
{
    const struct pawl_moment moment = pawl_work_moment(work);

    *record = work->entry->record;
    for (struct pawl_ask *ask = work->asks.first; ask != NULL; ask = ask->next) {
        if (!is_for_ids(ask) || !is_plain(record, ask, &moment.branch)) return false;
        if (!pawl_record_apply(record, ask, &moment)) return false;
    }
    return record->epoch == work->entry->record.epoch && record->lap == work->entry->record.lap;
}

/* Applies them to a copy whatever they are. false: nothing is to be written. */
static bool apply_all(struct work *work, struct pawl_record *record)
{
    const struct pawl_moment moment = pawl_work_moment(work);
    bool changed = false;

    *record = work->entry->record;
    for (struct pawl_ask *ask = work->asks.first; ask != NULL; ask = ask->next) {
        changed = pawl_record_apply(record, ask, &moment) || changed;
    }
    return changed;
}

static uint64_t granted(const struct work *work)
{
    uint64_t count = 0;

    for (const struct pawl_ask *ask = work->asks.first; ask != NULL; ask = ask->next) {
        count += ask->grant.range.count;
    }
    return count;
}

static int64_t clamp(pawl_wide value)
{
    if (value > INT64_MAX) return INT64_MAX;
    return value < INT64_MIN ? INT64_MIN : (int64_t)value;
}

/*
 * Bounds of `next` between which the store may advance by itself: the last id granted lies within
 * the definition, the next one within int64, the first beyond every floor. false: not even the
 * record remembered lies there, as when the last ids are granted: a write will do.
 */
static bool set_bounds(struct work *work, const struct pawl_record *record)
{
    struct pawl_op *op = &work->op;
    pawl_wide whole = (pawl_wide)op->count * record->increment;
    bool up = record->increment > 0;
    pawl_wide low = up ? record->min : record->min - (whole - record->increment);
    pawl_wide high = up ? record->max - (whole - record->increment) : record->max;

    if (up && high > INT64_MAX - whole) high = INT64_MAX - whole;
    if (!up && low < INT64_MIN - whole) low = INT64_MIN - whole;
    for (const struct pawl_ask *ask = work->asks.first; ask != NULL; ask = ask->next) {
        if (ask->floor.line != record->line || ask->floor.lap != record->lap) continue;
        if (up && low <= ask->floor.id) low = (pawl_wide)ask->floor.id + 1;
        if (!up && high >= ask->floor.id) high = (pawl_wide)ask->floor.id - 1;
    }
    op->low = clamp(low);
    op->high = clamp(high);
    return low <= record->next && record->next <= high;
}

/* kind: WRITE or ADVANCE, conditional on the record remembered. */
static void start_write(struct work *work, enum pawl_op_kind kind)
{
    work->op.expected = work->entry->record;
    work->op.token = work->entry->token;
    pawl_work_start(work, kind);
}

static void start_read(struct work *work)
{
    work->op.record = (struct pawl_record){.name = work->entry->name};
    pawl_work_start(work, PAWL_OP_READ);
}

static void work_decide(struct work *work)
{
    struct entry *entry = work->entry;

    if (!entry->known) {
        start_read(work);
        return;
    }
    bool renames = work->asks.first->kind == PAWL_ASK_RENAME;
    bool unsettled = pawl_record_is_unsettled(&entry->record) && pawl_ask_settles(work->asks.first);

    if ((renames || unsettled) && !work->fresh) {
        start_read(work);
        return;
    }
    if (unsettled) {
        pawl_settle_own(work);
        return;
    }
    if (renames) {
        pawl_settle_rename(work);
        return;
    }
    if (apply_plain(work, &work->op.record)) {
        work->op.count = granted(work);
        /* An advance leaves the record's branch as it is. */
        if (work->records->driver->ops->advances &&
            !pawl_record_has_other_branch(&entry->record, &entry->branch) &&
            set_bounds(work, &entry->record)) {
            start_write(work, PAWL_OP_ADVANCE);
        } else {
            start_write(work, PAWL_OP_WRITE);
        }
        return;
    }
    /* Asks for ids may find out here that the store went back: only the record itself says so. What
     * a LEAVE says of where to is overwritten by what it finds: it is applied to the latest alone.
     */
    if (!work->fresh &&
        (is_for_ids(work->asks.first) || work->asks.first->kind == PAWL_ASK_LEAVE)) {
        start_read(work);
        return;
    }
    if (apply_all(work, &work->op.record)) {
        start_write(work, PAWL_OP_WRITE);
    } else if (work->fresh) {
        pawl_work_answer(work);
    } else {
        start_read(work);
    }
}

void pawl_work_go_on(struct work *work)
{
    if (pawl_work_settling(work)) {
        pawl_settle_go_on(work);
    } else if (in_doubt(work)) {
        pawl_work_start(work, PAWL_OP_WRITE); /* the same again */
    } else {
        work_decide(work);
    }
}

static void remember(struct work *work)
{
    struct entry *entry = work->entry;

    PAWL_ASSERT(
        pawl_bytes_equal(pawl_name_bytes(&work->op.found.name), pawl_name_bytes(&entry->name)));
    entry->record = work->op.found;
    entry->token = work->op.found_token;
    entry->known = true;
}

/* All were for ids, and may have been given some: nobody knows. */
static void burn(struct work *work, const char *why)
{
    for (struct pawl_ask *ask = work->asks.first; ask != NULL; ask = ask->next) {
        uint64_t burned = ask->grant.range.count + ask->burned;

        if (ask->error.code != PAWL_OK) continue;
        ask->grant = (struct pawl_grant){.lease = 0};
        ask->burned = burned;
        (void)pawl_fail(&ask->error, PAWL_LOST, "%s; %" PRIu64 " ids may be burned", why, burned);
    }
    work->entry->known = false;
    pawl_work_answer(work);
}

/*
 * The store wrote it in a branch in which others' writes may be lost that came after the record was
 * read: ids from there may have been granted before. What is asked next moves the record on.
 */
static bool granted_astray(const struct work *work)
{
    return is_for_ids(work->asks.first) &&
           pawl_record_is_astray(&work->op.found, &work->op.identity.branch);
}

static void burn_astray(struct work *work)
{
    burn(work, "the store has failed over or was restored, and may have lost its last writes");
}

/* Moves what was worked out from the remembered record to where the store really advanced. */
static void grant_advanced(struct work *work)
{
    const struct pawl_op *op = &work->op;
    const struct pawl_record *found = &op->found;
    pawl_wide start = found->next - (pawl_wide)op->count * op->expected.increment;
    pawl_wide shift = start - op->expected.next;

    if (found->epoch != op->expected.epoch || found->lap != op->expected.lap ||
        found->tag != op->record.tag || start < op->low || start > op->high) {
        char name[PAWL_LOG_NAME_BYTES];

        pawl_log(PAWL_LOG_ERROR, "store answers what cannot be",
                 "store=%s seq=%s epoch=%" PRIu64 " lap=%" PRIu64 " next=%" PRId64 " low=%" PRId64
                 " high=%" PRId64,
                 work->records->source.ops->scheme,
                 pawl_log_quote(name, sizeof name, pawl_name_bytes(&found->name)), found->epoch,
                 found->lap, found->next, op->low, op->high);
        burn(work, "the store answered with ids that it cannot have meant");
        return;
    }
    if (granted_astray(work)) {
        burn_astray(work);
        return;
    }
    for (struct pawl_ask *ask = work->asks.first; ask != NULL; ask = ask->next) {
        ask->grant.range.first = (int64_t)(ask->grant.range.first + shift);
        if (ask->record != NULL) *ask->record = *found;
    }
    remember(work);
    pawl_work_answer(work);
}

static void give_up_change(struct work *work)
{
    work->entry->known = false;
    if (work->asks.first->kind == PAWL_ASK_RETURN) {
        pawl_work_fail(work, PAWL_NOT_KEPT, "the answer is lost: the ids stay burned");
    } else {
        pawl_work_fail(
            work, PAWL_UNKNOWN,
            "the answer is lost, and others may have written since: look whether the change "
            "was made");
    }
}

/* Sends the same write once more: if it was carried out, its tag shows that. */
static void ask_after_change(struct work *work)
{
    struct pawl_records *records = work->records;

    if (work->asks.first->kind == PAWL_ASK_RETURN || records->closing) {
        give_up_change(work);
        return;
    }
    if (!in_doubt(work)) work->doubt_end_ns = records->now_ns + PAWL_RECORDS_DOUBT_NS;
    if (records->now_ns >= work->doubt_end_ns) {
        give_up_change(work);
        return;
    }
    work->tries++; /* for the delay: a store that is away refuses at once */
    pawl_work_delay(work);
}

/* A write was carried out, and is remembered. */
static void written(struct work *work)
{
    if (work->asks.first->kind == PAWL_ASK_RENAME) {
        pawl_settle_left(work);
    } else if (granted_astray(work)) {
        burn_astray(work);
    } else {
        pawl_work_answer(work);
    }
}

static void write_refused(struct work *work)
{
    struct pawl_op *op = &work->op;

    remember(work);
    work->fresh = true;
    if (op->found.tag == op->record.tag && op->found.epoch != 0) {
        if (op->kind == PAWL_OP_ADVANCE) {
            grant_advanced(work);
        } else {
            written(work);
        }
        return;
    }
    if (in_doubt(work)) {
        /* The epoch was drawn for this change: whoever wrote since has kept it. */
        if (op->found.epoch == op->record.epoch && op->expected.epoch != op->record.epoch) {
            written(work);
        } else {
            give_up_change(work);
        }
        return;
    }
    if (++work->tries >= PAWL_RECORDS_TRIES_MAX) {
        pawl_work_fail(work, PAWL_BUSY,
                       "others write this sequence's record all the time; try again");
        return;
    }
    /* After a delay what is remembered is old: the refusal that it meets brings the latest. */
    if (work->tries <= TRIES_AT_ONCE || work->tries % 2 == 0) {
        work_decide(work);
    } else {
        pawl_work_delay(work);
    }
}

static void read_ended(struct work *work)
{
    struct pawl_op *op = &work->op;

    if (op->end != PAWL_OP_DONE) {
        pawl_work_fail(work, op->error.code, op->error.text);
        return;
    }
    remember(work);
    work->fresh = true;
    work_decide(work);
}

/* The other kinds of operations: about no one sequence. */
static void single_ended(struct work *work)
{
    if (work->op.end == PAWL_OP_DONE) {
        pawl_work_answer(work);
    } else {
        pawl_work_fail(work, work->op.error.code, work->op.error.text);
    }
}

static void write_unknown(struct work *work)
{
    if (is_for_ids(work->asks.first)) {
        burn(work, work->op.error.text);
    } else {
        ask_after_change(work);
    }
}

void pawl_work_ended(struct work *work)
{
    struct pawl_op *op = &work->op;

    if (work->entry == NULL) {
        single_ended(work);
        return;
    }
    if (op->identity.branch.size > 0 && !pawl_work_settling(work)) {
        work->entry->branch = op->identity.branch;
    }
    if (pawl_work_settling(work)) {
        pawl_settle_ended(work);
        return;
    }
    if (op->kind == PAWL_OP_READ) {
        read_ended(work);
        return;
    }
    switch (op->end) {
    case PAWL_OP_DONE:
        if (op->kind == PAWL_OP_ADVANCE) {
            grant_advanced(work);
        } else {
            remember(work);
            written(work);
        }
        return;
    case PAWL_OP_REFUSED:
        write_refused(work);
        return;
    case PAWL_OP_FAILED:
        if (in_doubt(work)) {
            ask_after_change(work);
        } else {
            pawl_work_fail(work, op->error.code, op->error.text);
        }
        return;
    case PAWL_OP_UNKNOWN:
        write_unknown(work);
        return;
    }
}

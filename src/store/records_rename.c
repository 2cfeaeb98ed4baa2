/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Renames in a store that writes one record at a time: see range/rename.c for why each write may
 * come late, twice or never. A RENAME looks at its target, writes the tombstone, and settles that;
 * whatever else finds what is unsettled settles it before it goes on.
 */
#include "store/records_own.h"

#include <stdlib.h>

#include "store/schemes.h"

/* What a work is settling for. */
enum goal {
    GOAL_OWN,    /* the record of its entry, before its asks are looked at */
    GOAL_TARGET, /* RENAME: the record of its target, before the tombstone is written */
    GOAL_LEFT,   /* RENAME: the tombstone that it has written */
};

enum doing { DOING_NOTHING, DOING_READ_FROM, DOING_READ_TO, DOING_WRITE_FROM, DOING_WRITE_TO };

struct settling {
    enum goal goal;
    enum doing doing;
    bool inner;     /* from is another rename's, which this one waits for */
    uint64_t epoch; /* LEFT: of the tombstone */
    struct pawl_record from;
    struct pawl_record to;
    uint64_t from_token, to_token;
    struct pawl_branch from_branch, to_branch; /* where the store has one for each record */
};

static void look(struct work *work);

bool pawl_work_settling(const struct work *work)
{
    return work->settling != NULL && work->settling->doing != DOING_NOTHING;
}

static bool begin(struct work *work, enum goal goal)
{
    if (work->settling == NULL) work->settling = calloc(1, sizeof *work->settling);
    if (work->settling == NULL) {
        pawl_work_fail(work, PAWL_NO_MEMORY, "no memory to settle a rename");
        return false;
    }
    work->settling->goal = goal;
    work->settling->inner = false;
    return true;
}

/* RENAME: whatever fails from now on, whoever asks for either name completes it. */
static bool left_decided(const struct work *work)
{
    const struct settling *settling = work->settling;

    return settling->goal == GOAL_LEFT && !settling->inner &&
           settling->from.epoch == settling->epoch && pawl_record_is_decided(&settling->from);
}

static void left_answer(struct work *work);

/* The tombstone is written: what becomes of it others may decide. */
static void fail(struct work *work, pawl_err code, const char *text)
{
    if (left_decided(work)) {
        left_answer(work);
    } else if (work->settling->goal == GOAL_LEFT) {
        pawl_work_fail(work, PAWL_UNKNOWN,
                       "the rename is begun, and not known to be completed: whoever uses the old "
                       "name completes it");
    } else {
        pawl_work_fail(work, code, text);
    }
}

static void start(struct work *work, enum doing doing)
{
    struct settling *settling = work->settling;
    struct pawl_op *op = &work->op;

    if (work->records->closing) {
        fail(work, PAWL_CLOSED, "the store is being closed");
        return;
    }
    settling->doing = doing;
    if (doing == DOING_READ_FROM) op->record = (struct pawl_record){.name = settling->from.name};
    if (doing == DOING_READ_TO) op->record = (struct pawl_record){.name = settling->from.moved_to};
    if (doing == DOING_WRITE_FROM) {
        op->expected = settling->from;
        op->token = settling->from_token;
    } else if (doing == DOING_WRITE_TO) {
        op->expected = settling->to;
        op->token = settling->to_token;
    }
    bool reads = doing == DOING_READ_FROM || doing == DOING_READ_TO;
    pawl_work_start(work, reads ? PAWL_OP_READ : PAWL_OP_WRITE);
}

static void remember_own(struct work *work)
{
    work->entry->record = work->settling->from;
    work->entry->token = work->settling->from_token;
    work->entry->known = true;
    work->fresh = true;
}

/* RENAME: everything is ready for the tombstone. */
static void leave(struct work *work)
{
    struct settling *settling = work->settling;
    struct pawl_moment moment = pawl_work_moment(work);

    settling->to = settling->from;
    settling->to_token = settling->from_token;
    settling->to_branch = settling->from_branch;
    work->op.record = work->entry->record;
    if (pawl_record_rename(&work->op.record, &settling->to, work->asks.first, &moment)) {
        work->op.expected = work->entry->record;
        work->op.token = work->entry->token;
        pawl_work_start(work, PAWL_OP_WRITE);
    } else {
        pawl_work_answer(work);
    }
}

/* It is decided, or settled by whomever. */
static void left_answer(struct work *work)
{
    struct pawl_ask *ask = work->asks.first;
    const struct settling *settling = work->settling;
    const struct pawl_record *from = &settling->from;

    if (!from->dropped && from->line < settling->epoch) {
        (void)pawl_fail(&ask->error, PAWL_EXISTS, "relation \"%.*s\" already exists",
                        (int)ask->to.size, ask->to.at);
    } else if (from->dropped && from->epoch != settling->epoch) {
        (void)pawl_fail(&ask->error, PAWL_UNKNOWN,
                        "others have dropped what bears the old name meanwhile: look whether it "
                        "was renamed before");
    } else if (ask->record != NULL && !settling->to.dropped &&
               settling->to.line > settling->epoch &&
               pawl_bytes_equal(pawl_name_bytes(&settling->to.name), ask->to)) {
        *ask->record = settling->to;
    }
    work->entry->known = false;
    pawl_work_answer(work);
}

/* from is settled. */
static void reached(struct work *work)
{
    struct settling *settling = work->settling;

    if (settling->inner) {
        settling->inner = false;
        settling->from.name = work->entry->name;
        if (settling->goal == GOAL_TARGET) {
            (void)pawl_name_set(&settling->from.name, work->asks.first->to, NULL);
        }
        start(work, DOING_READ_FROM);
        return;
    }
    settling->doing = DOING_NOTHING;
    if (settling->goal == GOAL_LEFT) {
        left_answer(work);
    } else if (work->records->closing) {
        fail(work, PAWL_CLOSED, "the store is being closed");
    } else if (settling->goal == GOAL_TARGET) {
        leave(work);
    } else {
        remember_own(work);
        pawl_work_go_on(work);
    }
}

/* What is to be written next, and as what: each record in its own branch. */
static enum pawl_settle settle(struct work *work, struct pawl_record *from, struct pawl_record *to,
                               pawl_error *error)
{
    const struct settling *settling = work->settling;
    struct pawl_moment moment = pawl_work_moment(work);

    *from = settling->from;
    *to = settling->to;
    moment.branch = settling->to_branch;
    enum pawl_settle next = pawl_record_settle(from, to, &moment, error);

    if (next != PAWL_SETTLE_RECORD) return next;
    *from = settling->from;
    *to = settling->to;
    moment.branch = settling->from_branch;
    return pawl_record_settle(from, to, &moment, error);
}

/* from and to are known. */
static void step(struct work *work)
{
    struct settling *settling = work->settling;
    struct pawl_record from;
    struct pawl_record to;
    pawl_error error = {.code = PAWL_OK};

    switch (settle(work, &from, &to, &error)) {
    case PAWL_SETTLE_DONE:
        reached(work);
        return;
    case PAWL_SETTLE_TARGET:
        work->op.record = to;
        start(work, DOING_WRITE_TO);
        return;
    case PAWL_SETTLE_RECORD:
        work->op.record = from;
        start(work, DOING_WRITE_FROM);
        return;
    case PAWL_SETTLE_FIRST:
        settling->inner = true;
        settling->from = to;
        settling->from_token = settling->to_token;
        settling->from_branch = settling->to_branch;
        look(work);
        return;
    case PAWL_SETTLE_FAILED:
        fail(work, error.code, error.text);
        return;
    }
}

static void look(struct work *work)
{
    if (pawl_record_is_unsettled(&work->settling->from)) {
        start(work, DOING_READ_TO);
    } else {
        reached(work);
    }
}

void pawl_settle_own(struct work *work)
{
    if (!begin(work, GOAL_OWN)) return;
    work->settling->from = work->entry->record;
    work->settling->from_token = work->entry->token;
    work->settling->from_branch = work->entry->branch;
    look(work);
}

void pawl_settle_rename(struct work *work)
{
    struct pawl_ask *ask = work->asks.first;
    struct pawl_name name;

    if (pawl_name_set(&name, ask->to, &ask->error) != PAWL_OK) {
        pawl_work_answer(work);
        return;
    }
    if (!begin(work, GOAL_TARGET)) return;
    work->settling->from.name = name;
    start(work, DOING_READ_FROM);
}

void pawl_settle_left(struct work *work)
{
    struct settling *settling = work->settling;

    settling->goal = GOAL_LEFT;
    settling->from = work->entry->record;
    settling->from_token = work->entry->token;
    settling->from_branch = work->entry->branch;
    settling->epoch = settling->from.epoch;
    work->doubt_end_ns = work->records->now_ns + PAWL_RECORDS_DOUBT_NS;
    if (left_decided(work)) {
        look(work); /* others were faster than the answer, and the target is not what it was */
    } else {
        step(work);
    }
}

/* Once more, later. What was to be written is worked out anew from what is there then. */
static void again(struct work *work)
{
    bool too_late = work->settling->goal == GOAL_LEFT ? work->records->now_ns >= work->doubt_end_ns
                                                      : work->tries >= PAWL_RECORDS_TRIES_MAX;

    work->tries++;
    if (too_late || work->records->closing) {
        fail(work, PAWL_BUSY, "the rename that it waits for could not be settled; try again");
    } else {
        pawl_work_delay(work);
    }
}

void pawl_settle_go_on(struct work *work)
{
    bool from =
        work->settling->doing == DOING_READ_FROM || work->settling->doing == DOING_WRITE_FROM;

    start(work, from ? DOING_READ_FROM : DOING_READ_TO);
}

/* It was not carried out, or nobody knows. */
static void failed(struct work *work)
{
    bool reads = work->op.kind == PAWL_OP_READ;

    if (left_decided(work)) {
        left_answer(work);
    } else if (work->settling->goal != GOAL_LEFT && (reads || work->op.end == PAWL_OP_FAILED)) {
        fail(work, work->op.error.code, work->op.error.text);
    } else {
        again(work);
    }
}

void pawl_settle_ended(struct work *work)
{
    struct settling *settling = work->settling;
    const struct pawl_op *op = &work->op;

    if (op->end == PAWL_OP_FAILED || op->end == PAWL_OP_UNKNOWN) {
        failed(work);
        return;
    }
    if (op->end == PAWL_OP_REFUSED && ++work->tries >= PAWL_RECORDS_TRIES_MAX) {
        fail(work, PAWL_BUSY, "others write the records of a rename all the time; try again");
        return;
    }
    if (settling->doing == DOING_READ_TO || settling->doing == DOING_WRITE_TO) {
        settling->to = op->found;
        settling->to_token = op->found_token;
        settling->to_branch = op->identity.branch;
        step(work);
    } else {
        settling->from = op->found;
        settling->from_token = op->found_token;
        settling->from_branch = op->identity.branch;
        look(work);
    }
}

/* SPDX-License-Identifier: Apache-2.0 */
/* A driver's operations, past the asks: one that is carried out twice does nothing the second time,
 * and a condition is the tag, never a version that can come again. */
#include "conformance.h"

#include "base/clock.h"
#include "store/records_own.h"

#include <string.h>

enum { WAIT_S_MAX = 30 };

/* The driver under a store of records, with a place of our own for what it ends. */
struct bare {
    struct pawl_driver *driver;
    struct pawl_records *owner;
    struct pawl_records ours;
    uint64_t end_ns;
};

static void bare_begin(struct bare *bare, struct trial *trial)
{
    bare->owner = PAWL_OWNER(trial->store, struct pawl_records, source);
    bare->driver = bare->owner->driver;
    bare->ours = *bare->owner;
    bare->ours.ended = (struct works){.first = NULL};
    bare->driver->records = &bare->ours;
}

static void bare_end(struct bare *bare)
{
    bare->driver->records = bare->owner;
}

static uint64_t turn_bare(void *arg)
{
    struct bare *bare = arg;
    uint64_t next_ns = bare->driver->ops->turn(bare->driver, pawl_clock_ns());

    if (bare->ours.ended.first != NULL || pawl_clock_ns() > bare->end_ns) return PAWL_PUMP_OVER;
    return next_ns < bare->end_ns ? next_ns : bare->end_ns;
}

/* One operation from its beginning to its end. false: it never ended. */
static bool carry_out(struct trial *trial, struct work *work)
{
    struct bare bare;

    bare_begin(&bare, trial);
    bare.end_ns = pawl_clock_ns() + WAIT_S_MAX * PAWL_NS_PER_S;
    work->op.error = (pawl_error){.code = PAWL_OK};
    work->op.next = NULL;
    work->op.driver_data = NULL;
    work->op.found = (struct pawl_record){.epoch = 0};
    bare.driver->ops->begin(bare.driver, &work->op);
    drive_until(turn_bare, &bare);
    bool ended = pawl_works_pop(&bare.ours.ended) == work;

    bare_end(&bare);
    return ended;
}

/* READ of word into work, ready to be written on. */
static bool read_bare(struct trial *trial, struct work *work, const char *word)
{
    const char *name = trial_name(trial, word);

    *work = (struct work){.op = {.kind = PAWL_OP_READ}};
    work->op.record.name.size = (uint8_t)strlen(name);
    memcpy(work->op.record.name.at, name, strlen(name));
    if (!carry_out(trial, work) || work->op.end != PAWL_OP_DONE) return false;
    if (!pawl_bytes_equal(pawl_name_bytes(&work->op.found.name),
                          pawl_name_bytes(&work->op.record.name))) {
        return false;
    }
    work->op.record = work->op.expected = work->op.found;
    work->op.token = work->op.found_token;
    return true;
}

static void become(struct trial *trial, struct work *work, enum pawl_op_kind kind)
{
    work->op.kind = kind;
    work->op.record.version++;
    work->op.record.tag = pawl_random(&trial->random) >> 1 | 1;
}

static bool is_refused(const struct work *work, const struct pawl_record *there)
{
    const struct pawl_record *found = &work->op.found;

    return work->op.end == PAWL_OP_REFUSED && found->epoch == there->epoch &&
           found->tag == there->tag && found->next == there->next &&
           found->version == there->version && found->dropped == there->dropped;
}

static void creates_at_most_once(struct trial *trial)
{
    struct work work;
    struct work other;

    EXPECT(trial_create(trial, "like", NULL) == PAWL_OK);
    EXPECT(read_bare(trial, &other, "like"));
    EXPECT(read_bare(trial, &work, "orders"));
    EXPECT(work.op.found.epoch == 0);
    work.op.record = other.op.found;
    work.op.record.name = work.op.expected.name;
    become(trial, &work, PAWL_OP_WRITE);
    EXPECT(carry_out(trial, &work) && work.op.end == PAWL_OP_DONE);

    struct pawl_record there = work.op.record;

    EXPECT(carry_out(trial, &work));
    EXPECT(is_refused(&work, &there));
    become(trial, &work, PAWL_OP_WRITE);
    EXPECT(carry_out(trial, &work));
    EXPECT(is_refused(&work, &there));
}

/* SET, ALTER and DROP are writes, and so are give-backs. */
static void writes_at_most_once(struct trial *trial)
{
    struct work work;
    struct pawl_grant grant;
    struct pawl_record there = {0};

    EXPECT(trial_create(trial, "orders", NULL) == PAWL_OK);
    EXPECT(trial_take(trial, "orders", 10, &grant) == PAWL_OK);
    EXPECT(read_bare(trial, &work, "orders"));
    work.op.record.next = 4;
    become(trial, &work, PAWL_OP_WRITE);
    EXPECT(carry_out(trial, &work) && work.op.end == PAWL_OP_DONE);
    EXPECT(work.op.found.next == 4 && work.op.found.tag == work.op.record.tag);
    there = work.op.record;
    EXPECT(carry_out(trial, &work));
    EXPECT(is_refused(&work, &there));
    EXPECT(trial_take(trial, "orders", 7, &grant) == PAWL_OK);
    EXPECT(grant.range.first == 4);
    EXPECT(trial_read(trial, "orders", &there) == PAWL_OK && there.next == 11);
    EXPECT(carry_out(trial, &work));
    EXPECT(is_refused(&work, &there));
    EXPECT(trial_drop(trial, "orders") == PAWL_OK);
    EXPECT(carry_out(trial, &work));
    EXPECT(work.op.end == PAWL_OP_REFUSED && work.op.found.dropped);
}

/* The same epoch, version and next as expected, but written by somebody else. */
static void writes_only_what_it_has_seen(struct trial *trial)
{
    struct work mine;
    struct work theirs;

    EXPECT(trial_create(trial, "orders", NULL) == PAWL_OK);
    EXPECT(read_bare(trial, &mine, "orders"));
    EXPECT(read_bare(trial, &theirs, "orders"));
    become(trial, &theirs, PAWL_OP_WRITE);
    theirs.op.record.version = theirs.op.expected.version;
    EXPECT(carry_out(trial, &theirs) && theirs.op.end == PAWL_OP_DONE);

    struct pawl_record there = theirs.op.record;

    become(trial, &mine, PAWL_OP_WRITE);
    mine.op.record.next = 900;
    EXPECT(carry_out(trial, &mine));
    EXPECT(is_refused(&mine, &there));
    mine.op.token = 0;
    EXPECT(carry_out(trial, &mine));
    EXPECT(is_refused(&mine, &there));
}

static void ready_advance(struct trial *trial, struct work *work)
{
    become(trial, work, PAWL_OP_ADVANCE);
    work->op.count = 10;
    work->op.low = 1;
    work->op.high = 1000;
    work->op.record.next = work->op.expected.next + 10;
}

static void advances_in_one_step(struct trial *trial)
{
    struct work work;
    struct pawl_record there = {0};

    EXPECT(trial_create(trial, "orders", NULL) == PAWL_OK);
    EXPECT(read_bare(trial, &work, "orders"));
    ready_advance(trial, &work);
    EXPECT(carry_out(trial, &work) && work.op.end == PAWL_OP_DONE);
    EXPECT(work.op.found.next == 11 && work.op.found.tag == work.op.record.tag);
    there = work.op.found;
    become(trial, &work, PAWL_OP_ADVANCE);
    EXPECT(carry_out(trial, &work) && work.op.end == PAWL_OP_DONE);
    EXPECT(work.op.found.next == 21 && work.op.found.version > there.version);
    EXPECT(work.op.found.epoch == there.epoch && work.op.found.lap == there.lap);
    EXPECT(trial_read(trial, "orders", &there) == PAWL_OK && there.next == 21);
}

/* Each condition by itself; what is there stays as it is. */
static void advances_only_on_its_condition(struct trial *trial)
{
    struct work work;
    struct pawl_record there = {0};

    EXPECT(trial_create(trial, "orders", NULL) == PAWL_OK);
    EXPECT(trial_read(trial, "orders", &there) == PAWL_OK);
    for (int i = 0; i < 4; i++) {
        EXPECT(read_bare(trial, &work, "orders"));
        ready_advance(trial, &work);
        if (i == 0) work.op.expected.epoch = work.op.record.epoch = there.epoch + 1;
        if (i == 1) work.op.expected.lap = work.op.record.lap = 1;
        if (i == 2) work.op.low = 2;
        if (i == 3) work.op.high = 0;
        if (i == 3) work.op.low = -5;
        EXPECT(carry_out(trial, &work));
        EXPECT(is_refused(&work, &there));
    }
    EXPECT(trial_drop(trial, "orders") == PAWL_OK);
    ready_advance(trial, &work);
    EXPECT(carry_out(trial, &work));
    EXPECT(work.op.end == PAWL_OP_REFUSED && work.op.found.dropped);
    EXPECT(read_bare(trial, &work, "orders"));
    there = work.op.found;
    ready_advance(trial, &work);
    EXPECT(carry_out(trial, &work));
    EXPECT(is_refused(&work, &there));
}

static void advances_nothing_into_being(struct trial *trial)
{
    struct work work;
    struct work other;

    EXPECT(trial_create(trial, "like", NULL) == PAWL_OK);
    EXPECT(read_bare(trial, &work, "like"));
    EXPECT(read_bare(trial, &other, "nobody"));
    work.op.record.name = work.op.expected.name = other.op.found.name;
    ready_advance(trial, &work);
    EXPECT(carry_out(trial, &work));
    EXPECT(work.op.end == PAWL_OP_REFUSED && work.op.found.epoch == 0);
    become(trial, &work, PAWL_OP_WRITE);
    EXPECT(carry_out(trial, &work));
    EXPECT(work.op.end == PAWL_OP_REFUSED && work.op.found.epoch == 0);
    EXPECT(trial_read(trial, "nobody", NULL) == PAWL_NO_SEQUENCE);
}

#define NEEDS (NEEDS_RECORD | NEEDS_DRIVER)

const struct conformance_case conformance_repeat[] = {
    {"creates at most once, asked twice", creates_at_most_once, NEEDS},
    {"writes at most once, asked twice", writes_at_most_once, NEEDS},
    {"writes only on what it has seen, by tag", writes_only_what_it_has_seen, NEEDS},
    {"advances in one step", advances_in_one_step, NEEDS | NEEDS_ADVANCE},
    {"advances only on its condition", advances_only_on_its_condition, NEEDS | NEEDS_ADVANCE},
    {"advances nothing into being", advances_nothing_into_being, NEEDS | NEEDS_ADVANCE},
    {.name = NULL},
};

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The life of a store of records: asks wait by sequence, one work at a time for each; what the
 * driver ends is looked at in the next turn, so that nothing is ever answered from inside an ask.
 */
#include "store/records_own.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "store/schemes.h"

enum { BUCKETS = 16384, DELAY_DOUBLINGS_MAX = 7 };

/* Doubled with each try, less up to half by luck. */
#define DELAY_LEAST_NS (2 * PAWL_NS_PER_MS)

void pawl_works_add(struct works *works, struct work *work)
{
    if (works->first == NULL) works->end = &works->first;
    work->next = NULL;
    *works->end = work;
    works->end = &work->next;
}

struct work *pawl_works_pop(struct works *works)
{
    struct work *work = works->first;

    if (work != NULL) works->first = work->next;
    return work;
}

static struct entry **bucket_of(struct pawl_records *records, struct pawl_bytes name)
{
    return &records->buckets[pawl_bytes_hash(name, 0) % BUCKETS];
}

static struct entry *entry_find(struct pawl_records *records, struct pawl_bytes name)
{
    struct entry *entry = *bucket_of(records, name);

    while (entry != NULL && !pawl_bytes_equal(pawl_name_bytes(&entry->name), name)) {
        entry = entry->chain;
    }
    return entry;
}

static void entry_unlink_idle(struct pawl_records *records, struct entry *entry)
{
    *(entry->older != NULL ? &entry->older->newer : &records->oldest) = entry->newer;
    *(entry->newer != NULL ? &entry->newer->older : &records->newest) = entry->older;
    entry->older = entry->newer = NULL;
    records->idle_count--;
}

static void entry_forget(struct pawl_records *records, struct entry *entry)
{
    struct entry **at = bucket_of(records, pawl_name_bytes(&entry->name));

    while (*at != entry) {
        at = &(*at)->chain;
    }
    *at = entry->chain;
    free(entry);
}

static void entry_rest(struct pawl_records *records, struct entry *entry)
{
    entry->older = records->newest;
    *(records->newest != NULL ? &records->newest->newer : &records->oldest) = entry;
    records->newest = entry;
    if (++records->idle_count <= PAWL_RECORDS_KEPT_MAX) return;

    struct entry *oldest = records->oldest;

    entry_unlink_idle(records, oldest);
    entry_forget(records, oldest);
}

static bool entry_is_idle(const struct entry *entry)
{
    return entry->work == NULL && entry->waiting.first == NULL;
}

/* NULL: no memory. */
static struct entry *entry_wake(struct pawl_records *records, const struct pawl_name *name)
{
    struct pawl_bytes bytes = pawl_name_bytes(name);
    struct entry *entry = entry_find(records, bytes);

    if (entry != NULL) {
        if (entry_is_idle(entry)) entry_unlink_idle(records, entry);
        return entry;
    }
    entry = calloc(1, sizeof *entry);
    if (entry == NULL) return NULL;
    entry->name = *name;
    entry->chain = *bucket_of(records, bytes);
    *bucket_of(records, bytes) = entry;
    return entry;
}

static struct work *work_new(struct pawl_records *records, struct entry *entry)
{
    struct work *work = calloc(1, sizeof *work);

    if (work == NULL) return NULL;
    work->records = records;
    work->entry = entry;
    return work;
}

/* Its asks are taken up in the next turn: what comes until then goes together. */
static void entry_call(struct pawl_records *records, struct entry *entry)
{
    if (records->called == NULL) records->called_end = &records->called;
    entry->called = NULL;
    *records->called_end = entry;
    records->called_end = &entry->called;
}

static void refuse(struct pawl_records *records, struct pawl_ask *ask)
{
    pawl_asks_add(&records->refused, ask);
}

/* Begins with the asks that waited longest and can be carried out together. */
static void entry_begin(struct pawl_records *records, struct entry *entry)
{
    struct pawl_ask *ask = pawl_asks_pop(&entry->waiting);
    struct work *work = work_new(records, entry);
    bool shared = is_for_ids(ask);

    if (work == NULL) {
        for (; ask != NULL; ask = pawl_asks_pop(&entry->waiting)) {
            (void)pawl_fail(&ask->error, PAWL_NO_MEMORY, "no memory to ask the store");
            refuse(records, ask);
        }
        entry_rest(records, entry);
        return;
    }
    entry->work = work;
    pawl_asks_add(&work->asks, ask);
    for (size_t i = 1; shared && i < PAWL_RECORDS_SHARED_MAX; i++) {
        if (entry->waiting.first == NULL || !is_for_ids(entry->waiting.first)) break;
        pawl_asks_add(&work->asks, pawl_asks_pop(&entry->waiting));
    }
    pawl_work_go_on(work);
}

void pawl_work_start(struct work *work, enum pawl_op_kind kind)
{
    struct pawl_driver *driver = work->records->driver;

    work->op.kind = kind;
    work->op.error = (pawl_error){.code = PAWL_OK};
    work->op.identity = (struct pawl_identity){.name_size = 0};
    if (kind == PAWL_OP_REDRAW) work->op.identity = *work->asks.first->identity;
    work->op.next = NULL;
    work->op.driver_data = NULL;
    driver->ops->begin(driver, &work->op);
}

void pawl_work_answer(struct work *work)
{
    struct pawl_records *records = work->records;
    struct entry *entry = work->entry;
    struct pawl_asks asks = work->asks;
    struct pawl_ask *ask = NULL;

    for (ask = asks.first; ask != NULL; ask = ask->next) {
        if (ask->identity != NULL) *ask->identity = work->op.identity;
    }
    free(work->settling);
    free(work);
    if (entry != NULL) {
        entry->work = NULL;
        if (entry->waiting.first != NULL) {
            entry_call(records, entry);
        } else {
            entry_rest(records, entry);
        }
    }
    while ((ask = pawl_asks_pop(&asks)) != NULL) {
        pawl_ask_answer(ask);
    }
}

void pawl_work_fail(struct work *work, pawl_err code, const char *text)
{
    for (struct pawl_ask *ask = work->asks.first; ask != NULL; ask = ask->next) {
        ask->grant = (struct pawl_grant){.lease = 0};
        ask->burned = 0;
        (void)pawl_fail(&ask->error, code, "%s", text);
    }
    pawl_work_answer(work);
}

void pawl_work_delay(struct work *work)
{
    struct pawl_records *records = work->records;
    unsigned doublings = work->tries < DELAY_DOUBLINGS_MAX ? work->tries : DELAY_DOUBLINGS_MAX;
    uint64_t delay_ns = DELAY_LEAST_NS << doublings;

    work->due_ns = records->now_ns + delay_ns / 2 + pawl_random(&records->random) % (delay_ns / 2);
    pawl_works_add(&records->delayed, work);
}

void pawl_op_end(struct pawl_op *op, struct pawl_driver *driver)
{
    pawl_works_add(&driver->records->ended, PAWL_OWNER(op, struct work, op));
}

void pawl_op_fail(struct pawl_op *op, struct pawl_driver *driver, enum pawl_op_end end,
                  pawl_err code, const char *format, ...)
{
    va_list arguments;

    op->end = end;
    op->error.code = code;
    va_start(arguments, format);
    (void)vsnprintf(op->error.text, sizeof op->error.text, format, arguments);
    va_end(arguments);
    pawl_op_end(op, driver);
}

/* Listings, and what is about the store itself. */
static void ask_single(struct pawl_records *records, struct pawl_ask *ask)
{
    struct work *work = work_new(records, NULL);

    if (work == NULL) {
        (void)pawl_fail(&ask->error, PAWL_NO_MEMORY, "no memory to ask the store");
        refuse(records, ask);
        return;
    }
    pawl_asks_add(&work->asks, ask);
    work->op.page = ask->page;
    if (ask->page != NULL) ask->page->in_order = records->driver->ops->in_order;
    work->op.check = ask->check;
    pawl_works_add(&records->singles, work);
}

static void ask_record(struct pawl_records *records, struct pawl_ask *ask)
{
    struct pawl_name name;

    if (pawl_name_set(&name, ask->name, &ask->error) != PAWL_OK) {
        refuse(records, ask);
        return;
    }
    struct entry *entry = entry_wake(records, &name);

    if (entry == NULL) {
        (void)pawl_fail(&ask->error, PAWL_NO_MEMORY, "no memory for one more sequence");
        refuse(records, ask);
        return;
    }
    if (entry_is_idle(entry)) entry_call(records, entry);
    pawl_asks_add(&entry->waiting, ask);
}

static void ask_redraw(struct pawl_records *records, struct pawl_ask *ask)
{
    if (records->driver->ops->redraws) {
        ask_single(records, ask);
        return;
    }
    (void)pawl_fail(&ask->error, PAWL_BAD_REQUEST, "%s keeps no branch that could be drawn anew",
                    records->source.ops->scheme);
    refuse(records, ask);
}

static void records_ask(struct pawl_source *self, struct pawl_ask *ask)
{
    struct pawl_records *records = PAWL_OWNER(self, struct pawl_records, source);

    ask->error = (pawl_error){.code = PAWL_OK};
    ask->grant = (struct pawl_grant){.lease = 0};
    ask->burned = 0;
    switch (ask->kind) {
    case PAWL_ASK_LIST:
    case PAWL_ASK_PING:
    case PAWL_ASK_INIT:
    case PAWL_ASK_CHECK:
        ask_single(records, ask);
        return;
    case PAWL_ASK_REDRAW:
        ask_redraw(records, ask);
        return;
    case PAWL_ASK_OPEN:
    case PAWL_ASK_WAIT:
    case PAWL_ASK_UNREAD:
        (void)pawl_fail(&ask->error, PAWL_BAD_REQUEST, "a store cannot be asked that");
        refuse(records, ask);
        return;
    case PAWL_ASK_TAKE:
    case PAWL_ASK_NEXT:
    case PAWL_ASK_RETURN:
    case PAWL_ASK_READ:
    case PAWL_ASK_CREATE:
    case PAWL_ASK_ALTER:
    case PAWL_ASK_SET:
    case PAWL_ASK_DROP:
    case PAWL_ASK_RENAME:
    case PAWL_ASK_FENCE:
    case PAWL_ASK_LEAVE:
    case PAWL_ASK_ARRIVE:
    case PAWL_ASK_RESTORE:
        ask_record(records, ask);
        return;
    }
}

static void go_on_ended(struct pawl_records *records)
{
    struct works ended = records->ended;
    struct work *work = NULL;

    records->ended = (struct works){.first = NULL};
    while ((work = pawl_works_pop(&ended)) != NULL) {
        pawl_work_ended(work);
    }
}

static uint64_t go_on_delayed(struct pawl_records *records)
{
    struct works delayed = records->delayed;
    struct work *work = NULL;
    uint64_t next_ns = PAWL_NEVER;

    records->delayed = (struct works){.first = NULL};
    while ((work = pawl_works_pop(&delayed)) != NULL) {
        if (work->due_ns <= records->now_ns) {
            pawl_work_go_on(work);
            continue;
        }
        pawl_works_add(&records->delayed, work);
        if (work->due_ns < next_ns) next_ns = work->due_ns;
    }
    return next_ns;
}

static void begin_called(struct pawl_records *records)
{
    struct entry *entry = records->called;

    records->called = NULL;
    while (entry != NULL) {
        struct entry *next = entry->called;

        entry_begin(records, entry);
        entry = next;
    }
}

static enum pawl_op_kind single_kind(const struct pawl_ask *ask)
{
    switch ((int)ask->kind) {
    case PAWL_ASK_LIST:
        return PAWL_OP_LIST;
    case PAWL_ASK_INIT:
        return PAWL_OP_INIT;
    case PAWL_ASK_CHECK:
        return PAWL_OP_CHECK;
    case PAWL_ASK_REDRAW:
        return PAWL_OP_REDRAW;
    default:
        return PAWL_OP_PING;
    }
}

static void begin_singles(struct pawl_records *records)
{
    struct works singles = records->singles;
    struct work *work = NULL;

    records->singles = (struct works){.first = NULL};
    while ((work = pawl_works_pop(&singles)) != NULL) {
        pawl_work_start(work, single_kind(work->asks.first));
    }
}

static void answer_refused(struct pawl_records *records)
{
    struct pawl_asks refused = {0};
    struct pawl_ask *ask = NULL;

    while ((ask = pawl_asks_pop(&records->refused)) != NULL) {
        pawl_asks_add(&refused, ask);
    }
    while ((ask = pawl_asks_pop(&refused)) != NULL) {
        pawl_ask_answer(ask);
    }
}

static uint64_t records_turn(struct pawl_source *self, uint64_t now_ns)
{
    struct pawl_records *records = PAWL_OWNER(self, struct pawl_records, source);

    records->now_ns = now_ns;
    go_on_ended(records);
    uint64_t next_ns = go_on_delayed(records);

    begin_called(records);
    begin_singles(records);
    answer_refused(records);
    uint64_t driver_ns = records->driver->ops->turn(records->driver, now_ns);

    if (records->ended.first != NULL || records->called != NULL || records->singles.first != NULL ||
        records->refused.first != NULL) {
        return now_ns;
    }
    return driver_ns < next_ns ? driver_ns : next_ns;
}

/* What waited, and what was refused meanwhile. */
static void end_waiting(struct pawl_records *records)
{
    for (size_t i = 0; i < BUCKETS; i++) {
        for (struct entry *entry = records->buckets[i]; entry != NULL; entry = entry->chain) {
            struct pawl_ask *ask = NULL;

            while ((ask = pawl_asks_pop(&entry->waiting)) != NULL) {
                (void)pawl_fail(&ask->error, PAWL_CLOSED, "the store is being closed");
                refuse(records, ask);
            }
        }
    }
    answer_refused(records);
}

static void end_works(struct works *works)
{
    struct work *work = NULL;

    while ((work = pawl_works_pop(works)) != NULL) {
        if (work->doubt_end_ns != 0) {
            pawl_work_fail(work, PAWL_UNKNOWN,
                           "the store is closed before it was known whether the "
                           "change was made");
        } else {
            pawl_work_fail(work, PAWL_CLOSED, "the store is being closed");
        }
    }
}

/* The driver is gone: nothing can be begun any more. */
static void end_ended(struct pawl_records *records)
{
    struct works stopped = {0};
    struct work *work = NULL;

    while ((work = pawl_works_pop(&records->ended)) != NULL) {
        bool writes = work->op.kind == PAWL_OP_WRITE || work->op.kind == PAWL_OP_ADVANCE;
        bool ours = work->op.found.tag == work->op.record.tag && work->op.found.epoch != 0;
        bool over = work->op.end == PAWL_OP_UNKNOWN || work->op.end == PAWL_OP_DONE ||
                    (work->op.end == PAWL_OP_REFUSED && ours); /* it was carried out twice */

        if (work->entry == NULL || (writes && over)) {
            pawl_work_ended(work);
        } else {
            pawl_works_add(&stopped, work);
        }
    }
    end_works(&stopped);
}

static void records_close(struct pawl_source *self)
{
    struct pawl_records *records = PAWL_OWNER(self, struct pawl_records, source);

    records->closing = true;
    records->driver->ops->close(records->driver); /* ends all that is under way */
    end_ended(records);
    end_works(&records->delayed);
    end_works(&records->singles);
    end_waiting(records);
    for (size_t i = 0; i < BUCKETS; i++) {
        while (records->buckets[i] != NULL) {
            struct entry *next = records->buckets[i]->chain;

            free(records->buckets[i]);
            records->buckets[i] = next;
        }
    }
    free(records->buckets);
    free(records);
}

void pawl_records_forked(struct pawl_source *store)
{
    struct pawl_driver *driver = PAWL_OWNER(store, struct pawl_records, source)->driver;

    driver->ops->forked(driver);
}

pawl_err pawl_records_new(struct pawl_driver *driver, const struct pawl_store_options *options,
                          struct pawl_source **store, pawl_error *error)
{
    struct pawl_records *records = calloc(1, sizeof *records);

    if (records != NULL) records->buckets = calloc(BUCKETS, sizeof *records->buckets);
    if (records == NULL || records->buckets == NULL) {
        free(records);
        driver->ops->close(driver);
        return pawl_fail(error, PAWL_NO_MEMORY, "no memory for a store");
    }
    records->ops = (struct pawl_source_ops){
        .scheme = driver->ops->scheme,
        .ask = records_ask,
        .turn = records_turn,
        .close = records_close,
    };
    records->source.ops = &records->ops;
    records->driver = driver;
    records->options = *options;
    records->random = options->seed;
    driver->records = records;
    *store = &records->source;
    return PAWL_OK;
}

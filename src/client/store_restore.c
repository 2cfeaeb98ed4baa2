/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Restores a backup: looks at what the store has, and then asks it for many sequences at once, each
 * by itself. range/restore.c says what becomes of one, and is asked here as well, for what is told
 * of it beforehand.
 */
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "client/gather.h"
#include "pawl/stores.h"
#include "store/backup.h"

enum {
    IN_FLIGHT_USUAL = 128,
    IN_FLIGHT_MAX = 4096,
    AHEAD_REFILLS = 10, /* as a margin has it, at the usual refill interval */
    REFILL_S = 30,
};

#define USUAL_TIMEOUT_NS  (30 * PAWL_NS_PER_S)
#define PROGRESS_EVERY_NS (100 * PAWL_NS_PER_MS)

/* One sequence under way. */
struct task {
    struct restore *restore;
    struct pawl_ask ask;
    struct pawl_record record; /* the backup's */
    struct pawl_record there;  /* what a dry run looked at by itself */
    pawl_restored_one one;     /* but for the name */
    struct pawl_retry retry;
    struct task *next; /* idle */
};

struct restore {
    pawl_restore_options options;
    struct pawl_gather backup;
    struct pawl_gathering there;
    pawl_restored restored;
    struct pawl_backup_head head;
    size_t next; /* of the backup */
    struct task *tasks, *idle;
    struct pawl_retry *waiting;
    size_t under_way;
    uint64_t random, done, progress_ns;
    pawl_error first; /* failure */
    bool stopped;     /* the store is away, or so we were told: nothing more is begun */
    bool told;
};

static bool keep_record(const struct pawl_record *record, void *arg)
{
    struct restore *restore = arg;
    const char *match = restore->options.match;

    if (match != NULL && !pawl_glob_match((struct pawl_bytes){match, strlen(match)},
                                          pawl_name_bytes(&record->name))) {
        return true;
    }
    pawl_gather_add(&restore->backup, record);
    return !restore->backup.no_memory;
}

/* How many ids to skip of a sequence, as told or by its own rate: what it gave in that time lies
 * among what was reserved then, and that runs ahead by what servers and clients hold. */
static uint64_t skip_count(const struct restore *restore, double rate, pawl_skip_why *why)
{
    double seconds = (double)restore->options.skip_for_ns / (double)PAWL_NS_PER_S;
    double wish = ceil(rate * (seconds + AHEAD_REFILLS * REFILL_S));

    *why = PAWL_SKIP_GIVEN;
    if (restore->options.skip > 0) return restore->options.skip;
    *why = wish >= PAWL_FENCE_IDS_MIN ? PAWL_SKIP_RATE : PAWL_SKIP_MARGIN;
    if (wish < PAWL_FENCE_IDS_MIN) wish = PAWL_FENCE_IDS_MIN;
    return wish < (double)INT64_MAX ? (uint64_t)wish : INT64_MAX;
}

/* What an ask for count would make of what is there. */
static struct pawl_record foresee(struct restore *restore, struct task *task,
                                  const struct pawl_record *there, uint64_t count)
{
    struct pawl_record now = *there;
    const struct pawl_moment moment = {
        .random = &restore->random,
        .wall_s = pawl_clock_wall_s(),
        .refill_interval_ns = REFILL_S * PAWL_NS_PER_S,
    };

    task->ask.kind = PAWL_ASK_RESTORE;
    task->ask.record = &task->record;
    task->ask.count = count;
    (void)pawl_record_apply(&now, &task->ask, &moment);
    return now;
}

static pawl_restored_how how_of(const struct pawl_record *there, const struct pawl_record *now)
{
    if (now->epoch == there->epoch) return PAWL_RESTORED_STAYED;
    if (now->dropped) return PAWL_RESTORED_TOMBSTONE;
    if (there->epoch == 0) return PAWL_RESTORED_NEW;
    if (now->line != there->line) return PAWL_RESTORED_LINE;
    if (there->dropped || now->next != there->next || now->lap != there->lap) {
        return PAWL_RESTORED_BACK;
    }
    return PAWL_RESTORED_KEPT;
}

/* Sets how many ids the task skips, and what is told of it: as far as it can be foreseen. */
static void plan(struct task *task)
{
    struct restore *restore = task->restore;
    struct pawl_record there;

    (void)pawl_gather_find(&restore->there.gather, &task->record.name, &there);
    double rate = fmax(task->record.rate, there.rate);
    uint64_t count = skip_count(restore, rate, &task->one.why);
    struct pawl_record now = foresee(restore, task, &there, 0);

    task->one.from = now.next;
    task->one.rate = rate;
    task->one.how = how_of(&there, &now);
    (void)foresee(restore, task, &there, count);
}

/* One restore was asked of the store, or of plan. */
static void tell(struct task *task)
{
    struct restore *restore = task->restore;
    pawl_restored *restored = &restore->restored;
    pawl_restored_one *one = &task->one;
    const pawl_error error = task->ask.error;
    char name[PAWL_NAME_BYTES_MAX + 1];

    memcpy(name, task->record.name.at, task->record.name.size);
    name[task->record.name.size] = '\0';
    one->name = name;
    one->next = task->ask.grant.range.first;
    one->skipped = task->ask.burned;
    if (error.code != PAWL_OK) {
        one->how = PAWL_RESTORED_FAILED;
        one->error = &error;
        one->skipped = 0;
        restored->failed++;
        if (restore->first.code == PAWL_OK) restore->first = error;
    } else if (task->ask.grant.epoch == 0) {
        restored->tombstones++;
    } else if (one->how != PAWL_RESTORED_STAYED) {
        restored->restored++;
    }
    if (one->skipped == 0) one->why = PAWL_SKIP_NONE;
    restored->skipped = one->skipped > UINT64_MAX - restored->skipped
                            ? UINT64_MAX
                            : restored->skipped + one->skipped;
    restore->done++;
    if (restore->options.one != NULL) restore->options.one(one, restore->options.arg);
}

static void over(struct task *task)
{
    struct restore *restore = task->restore;

    tell(task);
    task->next = restore->idle;
    restore->idle = task;
    restore->under_way--;
}

static void answered(struct pawl_ask *ask)
{
    struct task *task = PAWL_OWNER(ask, struct task, ask);
    struct restore *restore = task->restore;
    bool looked = ask->kind == PAWL_ASK_READ;

    if (looked && (ask->error.code == PAWL_OK || ask->error.code == PAWL_NO_SEQUENCE)) {
        plan(task);
        over(task);
    } else if (!pawl_care_is_passing(ask->error.code)) { /* done as well */
        over(task);
    } else if (!pawl_retry_later(&restore->waiting, &task->retry, restore->there.timeout_ns)) {
        restore->stopped = true;
        over(task);
    } else if (!pawl_retry_tell(restore->there.care, &task->retry, restore->there.timeout_ns,
                                &ask->error)) {
        restore->told = true;
        restore->stopped = true;
    }
}

/* Whether what stands there under its name may be what the listing could not read. */
static bool may_be_unread(const struct task *task)
{
    const struct pawl_gathering *there = &task->restore->there;
    struct pawl_record record;

    return there->page.unread.code != PAWL_OK &&
           !pawl_gather_find(&there->gather, &task->record.name, &record);
}

static void begin(struct restore *restore, struct task *task)
{
    *task = (struct task){.restore = restore, .retry.begun_ns = pawl_clock_ns()};
    pawl_gather_get(&restore->backup, restore->next++, &task->record);
    task->ask.name = pawl_name_bytes(&task->record.name);
    task->ask.done = answered;
    restore->under_way++;
    plan(task);
    /* What the store had when it was looked at may be another by now: it has the last word. */
    if (restore->options.dry_run && !may_be_unread(task)) {
        over(task);
        return;
    }
    if (restore->options.dry_run) {
        task->ask.kind = PAWL_ASK_READ;
        task->ask.record = &task->there;
        task->ask.force = true;
    }
    pawl_care_ask(restore->there.care, restore->there.store, &task->ask);
}

static void begin_more(struct restore *restore)
{
    while (restore->idle != NULL && restore->next < restore->backup.sorted && !restore->stopped) {
        struct task *task = restore->idle;

        restore->idle = task->next;
        begin(restore, task);
    }
}

static void ask_again(struct pawl_retry *retry)
{
    struct task *task = PAWL_OWNER(retry, struct task, retry);
    const struct pawl_gathering *there = &task->restore->there;

    pawl_care_ask(there->care, there->store, &task->ask);
}

static void progress(struct restore *restore, bool at_once)
{
    uint64_t now_ns = pawl_clock_ns();

    if (restore->options.progress == NULL) return;
    if (!at_once && now_ns < restore->progress_ns) return;
    restore->progress_ns = now_ns + PROGRESS_EVERY_NS;
    if (restore->options.progress(restore->done, restore->restored.total, restore->options.arg)) {
        return;
    }
    restore->told = true;
    restore->stopped = true;
}

static uint64_t move_on(void *arg)
{
    struct restore *restore = arg;
    uint64_t again_ns = pawl_retry_due(&restore->waiting, ask_again);

    begin_more(restore);
    progress(restore, false);
    return restore->under_way > 0 ? again_ns : PAWL_PUMP_OVER;
}

static pawl_err restore_all(struct restore *restore, pawl_error *error)
{
    size_t count = restore->options.in_flight;

    restore->tasks = calloc(count, sizeof *restore->tasks);
    if (restore->tasks == NULL) {
        return pawl_fail(error, PAWL_NO_MEMORY, "no memory for %zu sequences at once", count);
    }
    for (size_t i = 0; i < count; i++) {
        restore->tasks[i].next = restore->idle;
        restore->idle = &restore->tasks[i];
    }
    pawl_care_loop(restore->there.care, move_on, restore);
    progress(restore, true);
    if (restore->told) {
        return pawl_fail(error, PAWL_CLOSED,
                         "stopped as told, after %" PRIu64 " of %" PRIu64
                         "; run it again to go on: what was restored moves on again",
                         restore->done, restore->restored.total);
    }
    if (restore->first.code == PAWL_OK && restore->there.page.unread.code != PAWL_OK) {
        return pawl_fail(error, restore->there.page.unread.code,
                         "what cannot be read of the store stays as it is; it is not of this "
                         "restore. The first: %s",
                         restore->there.page.unread.text);
    }
    if (restore->first.code == PAWL_OK) return PAWL_OK;
    return pawl_fail(error, restore->first.code,
                     "%" PRIu64 " of %" PRIu64 " not restored; the first: %s",
                     restore->restored.total - restore->done + restore->restored.failed,
                     restore->restored.total, restore->first.text);
}

static void count_only_there(struct restore *restore)
{
    struct pawl_record there;
    struct pawl_record record;

    for (size_t i = 0; i < restore->there.gather.sorted; i++) {
        pawl_gather_get(&restore->there.gather, i, &there);
        if (there.dropped) continue;
        restore->restored.only_there += !pawl_gather_find(&restore->backup, &there.name, &record);
    }
}

static pawl_err read_backup(struct restore *restore, pawl_error *error)
{
    struct pawl_bytes bytes = {restore->options.backup, restore->options.backup_size};
    pawl_err err = pawl_backup_read(bytes, &restore->head, keep_record, restore, error);

    if (err != PAWL_OK) return err;
    pawl_gather_end_pass(&restore->backup);
    restore->restored.at = restore->head.at;
    restore->restored.total = restore->backup.sorted;
    if (restore->restored.total == 0 && restore->options.match != NULL) {
        return pawl_fail(error, PAWL_NO_SEQUENCE, "no sequence of the backup matches %s",
                         restore->options.match);
    }
    return PAWL_OK;
}

static pawl_err open_store(struct restore *restore, const char *url, pawl_error *error)
{
    struct pawl_gathering *there = &restore->there;

    if (strcmp(url, "memory:") == 0) {
        return pawl_fail(
            error, PAWL_BAD_REQUEST,
            "memory: is empty at first and forgets everything: nothing stays restored");
    }
    there->care = pawl_care_new(error);
    if (there->care == NULL) return PAWL_BUSY;
    there->care->waits = restore->options.waits;
    there->care->waits_arg = restore->options.arg;
    if (restore->options.dry_run) {
        return pawl_care_open_dry(there->care, url, &there->store, error);
    }
    return pawl_care_open(there->care, url, false, &there->store, error);
}

static pawl_err read_options(struct restore *restore, const pawl_restore_options *options,
                             pawl_error *error)
{
    restore->options = *options;
    if (options->in_flight == 0) restore->options.in_flight = IN_FLIGHT_USUAL;
    restore->there.timeout_ns = options->timeout_ns == 0 ? USUAL_TIMEOUT_NS : options->timeout_ns;
    restore->there.match = options->match;
    restore->there.goes_on = true; /* a restore is for when something is wrong */
    pawl_entropy(&restore->random, sizeof restore->random);
    if (options->in_flight > IN_FLIGHT_MAX) {
        return pawl_fail(error, PAWL_BAD_REQUEST, "in_flight is %" PRIu32 ", the most is %d",
                         options->in_flight, IN_FLIGHT_MAX);
    }
    if ((options->skip == 0) == (options->skip_for_ns == 0)) {
        return pawl_fail(error, PAWL_BAD_REQUEST,
                         "a restore needs either how many ids to skip or for how long: what was "
                         "handed out since the backup is not in it, and would be handed out again");
    }
    return PAWL_OK;
}

pawl_err pawl_store_restore(const char *url, const pawl_restore_options *options,
                            pawl_restored *restored, pawl_error *error)
{
    struct restore restore = {.next = 0};
    pawl_err err = PAWL_BAD_REQUEST;

    if (restored != NULL) *restored = restore.restored;
    if (url == NULL || options == NULL || options->backup == NULL) {
        return pawl_fail(error, err, "pawl_store_restore needs a URL and a backup");
    }
    err = read_options(&restore, options, error);
    if (err == PAWL_OK) err = read_backup(&restore, error);
    if (err == PAWL_OK) err = open_store(&restore, url, error);
    if (err == PAWL_OK) err = pawl_gather_store(&restore.there, error);
    if (err == PAWL_OK) {
        count_only_there(&restore);
        err = restore_all(&restore, error);
    }
    pawl_care_free(restore.there.care);
    free(restore.tasks);
    pawl_gather_free(&restore.backup);
    pawl_gather_free(&restore.there.gather);
    if (restored != NULL) *restored = restore.restored;
    return err;
}

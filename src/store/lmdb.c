/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The embedded store. Group commit: a turn carries out all queued asks in one transaction, which
 * costs one sync of the disk, and answers them when it is committed.
 *
 * When LMDB reports a failure, the environment is closed, and opened again before its next use:
 * nothing that is in memory outlives doubt about what is on disk.
 */
#include "store/lmdb_store.h"

#include "base/log.h"
#include "store/folder.h"
#include "store/lmdb_check.h"
#include "store/lmdb_env.h"
#include "store/schemes.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>

enum {
    BATCH_ASKS_MAX = 32768,  /* in one transaction; LMDB can hold 131,071 changed pages */
    PAGE_RECORDS_MAX = 4096, /* looked at in one page of a listing: a long read grows the file */
    FOLDER_SHOWN_MAX = 200,  /* bytes of a path in an error, so that its advice always fits */
};

struct lmdb {
    struct pawl_source source;
    struct pawl_store_options options;
    struct pawl_folder folder;
    struct pawl_lmdb_env env;
    uint64_t random;
    struct pawl_asks queue;
};

/* How a batch ended. */
enum outcome {
    OUTCOME_DONE,
    OUTCOME_REFUSED, /* nothing was written */
    OUTCOME_UNKNOWN, /* it may have been written, or not */
};

static bool is_on_record(const struct pawl_ask *ask)
{
    return ask->kind != PAWL_ASK_LIST && ask->kind != PAWL_ASK_PING && ask->kind != PAWL_ASK_INIT &&
           ask->kind != PAWL_ASK_CHECK && ask->kind != PAWL_ASK_REDRAW;
}

static bool may_write(const struct pawl_ask *ask)
{
    bool looks = ask->kind == PAWL_ASK_READ || (ask->kind == PAWL_ASK_TAKE && ask->count == 0);

    return is_on_record(ask) && !looks;
}

static void ask_reset(struct pawl_ask *ask)
{
    ask->error = (pawl_error){0};
    ask->grant = (struct pawl_grant){0};
    ask->burned = 0;
}

/* A short write, which is what a full disk often shows, comes from LMDB as an I/O error. */
static const char *failure_text(const struct lmdb *lmdb, int failure)
{
    struct statvfs about;

    if (failure == ENOSPC) return "the disk is full";
    if (failure == EIO && statvfs(lmdb->folder.path, &about) == 0 && about.f_bavail == 0) {
        return "the disk is full";
    }
    return mdb_strerror(failure);
}

static void ask_not_carried_out(struct lmdb *lmdb, struct pawl_ask *ask, const char *why)
{
    ask_reset(ask);
    (void)pawl_fail(&ask->error, PAWL_STORE,
                    "lmdb:%.*s cannot be used now: %s; nothing was taken or changed",
                    FOLDER_SHOWN_MAX, lmdb->folder.path, why);
}

/* The ask was carried out in a transaction of which nobody knows whether it is on disk. */
static void ask_in_doubt(struct lmdb *lmdb, struct pawl_ask *ask, const char *why)
{
    bool takes = ask->kind == PAWL_ASK_TAKE || ask->kind == PAWL_ASK_NEXT;
    uint64_t burned = ask->grant.range.count + ask->burned;

    if (ask->error.code != PAWL_OK || !may_write(ask)) {
        ask_not_carried_out(lmdb, ask, why);
        return;
    }
    ask_reset(ask);
    ask->burned = burned;
    (void)pawl_fail(
        &ask->error, takes ? PAWL_LOST : PAWL_UNKNOWN, "lmdb:%.*s failed while it wrote: %s; %s",
        FOLDER_SHOWN_MAX, lmdb->folder.path, why,
        takes ? "the ids that it may have taken are burned" : "look whether the change was made");
}

/* One batch's transaction. */
struct batch_txn {
    struct pawl_records_within within;
    struct lmdb *lmdb;
    MDB_txn *txn;
    uint64_t writes;
};

/* Fails the ask (not the batch) if the record cannot be read. Returns what LMDB says. */
static int record_get(struct pawl_records_within *within, struct pawl_bytes bytes,
                      struct pawl_record *record, pawl_error *error)
{
    const struct batch_txn *batch = PAWL_OWNER(within, struct batch_txn, within);
    const struct lmdb *lmdb = batch->lmdb;
    struct pawl_name name;
    MDB_val value;

    if (pawl_name_set(&name, bytes, error) != PAWL_OK) return 0;

    MDB_val key = {name.size, name.at};
    int rc = mdb_get(batch->txn, lmdb->env.seq, &key, &value);

    if (rc == MDB_NOTFOUND) {
        *record = (struct pawl_record){.name = name};
        return 0;
    }
    if (rc != 0) return rc;

    pawl_error why = {0};

    if (pawl_record_read(record, (struct pawl_bytes){value.mv_data, value.mv_size}, &why) ==
            PAWL_OK &&
        !pawl_bytes_equal(pawl_name_bytes(&record->name), bytes)) {
        (void)pawl_fail(&why, PAWL_DENIED, "it bears another name");
    }
    if (why.code != PAWL_OK) {
        (void)pawl_fail(error, PAWL_DENIED,
                        "the record of \"%.*s\" in lmdb:%.*s cannot be read: %.140s; nothing was "
                        "taken",
                        (int)name.size, name.at, FOLDER_SHOWN_MAX / 2, lmdb->folder.path, why.text);
    }
    return 0;
}

static int record_put(struct pawl_records_within *within, const struct pawl_record *record,
                      pawl_error *error)
{
    struct batch_txn *batch = PAWL_OWNER(within, struct batch_txn, within);
    char bytes[PAWL_RECORD_BYTES_MAX];
    struct pawl_name name = record->name;
    MDB_val key = {name.size, name.at};
    MDB_val value = {pawl_record_write(record, bytes), bytes};

    (void)error; /* LMDB's failures are the batch's */
    batch->writes++;
    return mdb_put(batch->txn, batch->lmdb->env.seq, &key, &value, 0);
}

/* Carries out every ask on a record. writes counts them; NULL: txn is one that reads only. */
static int carry_out(struct lmdb *lmdb, MDB_txn *txn, struct pawl_asks *asks, uint64_t *writes)
{
    struct pawl_moment moment = pawl_store_moment(&lmdb->options, &lmdb->random);
    struct batch_txn batch = {
        .within = {record_get, writes != NULL ? record_put : NULL}, .lmdb = lmdb, .txn = txn};
    struct pawl_identity identity;

    pawl_lmdb_env_identity(&lmdb->env, &identity);
    moment.branch = identity.branch;
    for (struct pawl_ask *ask = asks->first; ask != NULL; ask = ask->next) {
        ask_reset(ask);
        if (!is_on_record(ask)) continue;

        int rc = pawl_records_ask(&batch.within, ask, &moment);

        if (rc != 0) return rc;
    }
    if (writes != NULL) *writes = batch.writes;
    return 0;
}

static enum outcome read_batch(struct lmdb *lmdb, struct pawl_asks *batch, int *failure)
{
    MDB_txn *txn;

    *failure = pawl_lmdb_env_begin(&lmdb->env, MDB_RDONLY, &txn);
    if (*failure != 0) return OUTCOME_REFUSED;
    *failure = carry_out(lmdb, txn, batch, NULL);
    mdb_txn_abort(txn);
    return *failure == 0 ? OUTCOME_DONE : OUTCOME_REFUSED;
}

/*
 * LMDB writes the new pages, syncs them, and only then writes the one page that makes them the
 * truth. A commit that failed before that page has changed nothing, and the environment still
 * works; one that failed at it is in doubt, and the environment then refuses everything.
 */
static enum outcome failed_commit(struct lmdb *lmdb)
{
    MDB_txn *probe;

    if (mdb_txn_begin(lmdb->env.env, NULL, MDB_RDONLY, &probe) != 0) return OUTCOME_UNKNOWN;
    mdb_txn_abort(probe);
    return OUTCOME_REFUSED;
}

static enum outcome write_once(struct lmdb *lmdb, struct pawl_asks *batch, int *failure)
{
    MDB_txn *txn;
    uint64_t writes = 0;

    *failure = pawl_lmdb_env_begin(&lmdb->env, 0, &txn);
    if (*failure != 0) return OUTCOME_REFUSED;
    *failure = carry_out(lmdb, txn, batch, &writes);
    if (*failure != 0 || writes == 0) {
        mdb_txn_abort(txn);
        return *failure == 0 ? OUTCOME_DONE : OUTCOME_REFUSED;
    }
    *failure = mdb_txn_commit(txn);
    return *failure == 0 ? OUTCOME_DONE : failed_commit(lmdb);
}

static enum outcome write_batch(struct lmdb *lmdb, struct pawl_asks *batch, int *failure)
{
    for (;;) {
        enum outcome outcome = write_once(lmdb, batch, failure);

        if (outcome != OUTCOME_REFUSED || *failure != MDB_MAP_FULL) return outcome;
        *failure = pawl_lmdb_env_grow(&lmdb->env);
        if (*failure != 0) return OUTCOME_REFUSED;
        pawl_log(PAWL_LOG_INFO, "store map grown", "store=lmdb bytes=%zu", lmdb->env.map_bytes);
    }
}

static void list_record(struct lmdb *lmdb, struct pawl_page *page, MDB_val key, MDB_val value)
{
    struct pawl_record record;
    struct pawl_name name = {.size = 0};
    pawl_error error = {0};
    pawl_error why;

    if (pawl_name_set(&name, (struct pawl_bytes){key.mv_data, key.mv_size}, &error) == PAWL_OK &&
        pawl_record_read(&record, (struct pawl_bytes){value.mv_data, value.mv_size}, &error) ==
            PAWL_OK) {
        pawl_page_record(page, &record);
        return;
    }
    (void)pawl_fail(&why, PAWL_DENIED, "the record of \"%.*s\" in lmdb:%.*s cannot be read: %.140s",
                    (int)name.size, name.at, FOLDER_SHOWN_MAX / 2, lmdb->folder.path, error.text);
    if (name.size > 0) page->after = name;
    pawl_page_unread(page, &name, &why);
}

static int list_records(struct lmdb *lmdb, struct pawl_ask *ask, MDB_cursor *cursor)
{
    struct pawl_page *page = ask->page;
    struct pawl_name after = page->after;
    struct pawl_bytes beyond = pawl_name_bytes(&after);
    uint32_t left = page->count_max < PAGE_RECORDS_MAX ? page->count_max : PAGE_RECORDS_MAX;
    MDB_val key = {after.size, after.at};
    MDB_val value;
    int rc = mdb_cursor_get(cursor, &key, &value, after.size > 0 ? MDB_SET_RANGE : MDB_FIRST);

    if (rc == 0 && pawl_bytes_equal((struct pawl_bytes){key.mv_data, key.mv_size}, beyond)) {
        rc = mdb_cursor_get(cursor, &key, &value, MDB_NEXT);
    }
    if (left == 0) left = 1; /* so that every page goes on */
    while (rc == 0 && left-- > 0) {
        list_record(lmdb, page, key, value);
        rc = mdb_cursor_get(cursor, &key, &value, MDB_NEXT);
    }
    page->more = rc == 0;
    page->in_order = true; /* keys are compared as bytes */
    return rc == MDB_NOTFOUND ? 0 : rc;
}

static int list_page(struct lmdb *lmdb, struct pawl_ask *ask)
{
    MDB_txn *txn;
    MDB_cursor *cursor;
    int rc = pawl_lmdb_env_begin(&lmdb->env, MDB_RDONLY, &txn);

    if (rc != 0) return rc;
    rc = mdb_cursor_open(txn, lmdb->env.seq, &cursor);
    if (rc == 0) {
        rc = list_records(lmdb, ask, cursor);
        mdb_cursor_close(cursor);
    }
    mdb_txn_abort(txn);
    return rc;
}

/* A failure of LMDB's: logs it and closes the environment, which the next batch opens again. */
static void distrust(struct lmdb *lmdb, const char *text)
{
    char folder[FOLDER_SHOWN_MAX];
    char why[FOLDER_SHOWN_MAX];

    pawl_log(PAWL_LOG_ERROR, "store failed", "store=lmdb folder=%s why=%s",
             pawl_log_quote(folder, sizeof folder,
                            (struct pawl_bytes){lmdb->folder.path, strlen(lmdb->folder.path)}),
             pawl_log_quote(why, sizeof why, (struct pawl_bytes){text, strlen(text)}));
    pawl_lmdb_env_close(&lmdb->env);
}

/* Sees to it that the environment is open; if it cannot be, the batch fails. */
static bool ready(struct lmdb *lmdb, struct pawl_asks *batch)
{
    pawl_error error = {0};

    if (lmdb->env.env != NULL || pawl_lmdb_env_open(&lmdb->env, &error) == PAWL_OK) return true;
    for (struct pawl_ask *ask = batch->first; ask != NULL; ask = ask->next) {
        ask_reset(ask);
        ask->error = error;
    }
    return false;
}

/* Sets every ask's results; those of listings come later, each from a short read of its own. */
static void settle(struct lmdb *lmdb, struct pawl_asks *batch)
{
    int failure = 0;
    bool writes = false;

    if (!ready(lmdb, batch)) return;
    for (struct pawl_ask *ask = batch->first; ask != NULL && !writes; ask = ask->next) {
        writes = may_write(ask);
    }

    enum outcome outcome =
        writes ? write_batch(lmdb, batch, &failure) : read_batch(lmdb, batch, &failure);

    if (outcome == OUTCOME_DONE) return;

    const char *why = failure_text(lmdb, failure);

    for (struct pawl_ask *ask = batch->first; ask != NULL; ask = ask->next) {
        if (outcome == OUTCOME_UNKNOWN) {
            ask_in_doubt(lmdb, ask, why);
        } else {
            ask_not_carried_out(lmdb, ask, why);
        }
    }
    distrust(lmdb, why);
}

static void list(struct lmdb *lmdb, struct pawl_ask *ask)
{
    int failure = lmdb->env.env != NULL ? list_page(lmdb, ask) : MDB_BAD_TXN;

    if (failure == 0) return;
    ask_not_carried_out(lmdb, ask, mdb_strerror(failure));
    if (lmdb->env.env != NULL) distrust(lmdb, mdb_strerror(failure));
}

static void redraw(struct lmdb *lmdb, struct pawl_ask *ask)
{
    int failure = lmdb->env.env != NULL ? pawl_lmdb_env_redraw(&lmdb->env, &ask->identity->branch)
                                        : MDB_BAD_TXN;

    if (failure == 0) return;
    ask_not_carried_out(lmdb, ask, failure_text(lmdb, failure));
    if (lmdb->env.env != NULL) distrust(lmdb, failure_text(lmdb, failure));
}

static void answer(struct lmdb *lmdb, struct pawl_asks *batch)
{
    struct pawl_ask *ask;

    while ((ask = pawl_asks_pop(batch)) != NULL) {
        if (ask->kind == PAWL_ASK_LIST && ask->error.code == PAWL_OK) list(lmdb, ask);
        if (ask->kind == PAWL_ASK_CHECK && ask->error.code == PAWL_OK) {
            pawl_lmdb_check(&lmdb->env, ask->check);
        }
        if (ask->kind == PAWL_ASK_REDRAW && ask->error.code == PAWL_OK) redraw(lmdb, ask);
        if (ask->identity != NULL && lmdb->env.env != NULL) {
            pawl_lmdb_env_identity(&lmdb->env, ask->identity);
        }
        pawl_ask_answer(ask);
    }
}

static void fail_queue(struct lmdb *lmdb, pawl_err code, const char *why)
{
    struct pawl_asks begun = {0};
    struct pawl_ask *ask;

    while ((ask = pawl_asks_pop(&lmdb->queue)) != NULL) {
        pawl_asks_add(&begun, ask);
    }
    while ((ask = pawl_asks_pop(&begun)) != NULL) {
        ask_reset(ask);
        pawl_ask_fail(ask, code, "lmdb:%.*s: %s", FOLDER_SHOWN_MAX, lmdb->folder.path, why);
    }
}

static void lmdb_ask(struct pawl_source *self, struct pawl_ask *ask)
{
    pawl_asks_add(&PAWL_OWNER(self, struct lmdb, source)->queue, ask);
}

static uint64_t lmdb_turn(struct pawl_source *self, uint64_t now_ns)
{
    struct lmdb *lmdb = PAWL_OWNER(self, struct lmdb, source);
    struct pawl_asks begun = {0};
    struct pawl_ask *ask;

    if (pawl_folder_forked(&lmdb->folder)) {
        pawl_folder_leave(&lmdb->folder);
        fail_queue(lmdb, PAWL_FORKED,
                   "the process that opened it goes on owning it, and this is its child; use a "
                   "server, or open the store after the fork");
        return PAWL_NEVER;
    }
    /* What done asks again waits for the next turn, so that every turn ends. */
    while ((ask = pawl_asks_pop(&lmdb->queue)) != NULL) {
        pawl_asks_add(&begun, ask);
    }
    while (begun.first != NULL) {
        struct pawl_asks batch = {0};

        for (size_t i = 0; i < BATCH_ASKS_MAX && begun.first != NULL; i++) {
            pawl_asks_add(&batch, pawl_asks_pop(&begun));
        }
        settle(lmdb, &batch);
        answer(lmdb, &batch);
    }
    return lmdb->queue.first != NULL ? now_ns : PAWL_NEVER;
}

static void lmdb_close(struct pawl_source *self)
{
    struct lmdb *lmdb = PAWL_OWNER(self, struct lmdb, source);

    fail_queue(lmdb, PAWL_CLOSED, "the store is being closed");
    /* In a forked child the environment is the parent's: to close it would free its readers. */
    if (!pawl_folder_forked(&lmdb->folder)) pawl_lmdb_env_close(&lmdb->env);
    pawl_folder_leave(&lmdb->folder);
    free(lmdb);
}

void pawl_lmdb_forked(struct pawl_source *store)
{
    pawl_folder_leave(&PAWL_OWNER(store, struct lmdb, source)->folder);
}

static const struct pawl_source_ops lmdb_ops = {
    .scheme = "lmdb",
    .ask = lmdb_ask,
    .turn = lmdb_turn,
    .close = lmdb_close,
};

pawl_err pawl_lmdb_open_with(const struct pawl_lmdb_settings *settings, struct pawl_source **store,
                             pawl_error *error)
{
    const struct pawl_store_options *options = settings->options;
    struct lmdb *lmdb = calloc(1, sizeof *lmdb);

    if (lmdb == NULL) return pawl_fail(error, PAWL_NO_MEMORY, "lmdb: no memory for a store");
    lmdb->source.ops = &lmdb_ops;
    lmdb->options = *options;
    lmdb->random = options->seed;

    pawl_err err = pawl_folder_take(&lmdb->folder, settings->folder, options->takeover_ns, error);

    if (err == PAWL_OK) {
        lmdb->env.folder = lmdb->folder.path;
        lmdb->env.map_bytes = settings->map_bytes;
        lmdb->env.wall_s = pawl_store_moment(options, &lmdb->random).wall_s;
        err = pawl_lmdb_env_open(&lmdb->env, error);
    }
    if (err != PAWL_OK) {
        pawl_folder_leave(&lmdb->folder);
        free(lmdb);
        return err;
    }
    *store = &lmdb->source;
    return PAWL_OK;
}

pawl_err pawl_lmdb_open(const char *rest, const struct pawl_store_options *options,
                        struct pawl_source **store, pawl_error *error)
{
    struct pawl_lmdb_settings settings = {
        .folder = rest, .map_bytes = PAWL_LMDB_MAP_BYTES, .options = options};

    if (*rest == '\0') {
        return pawl_fail(error, PAWL_BAD_REQUEST,
                         "\"lmdb:\" names no folder; write lmdb:/folder or lmdb:./folder");
    }
    if (strncmp(rest, "//", 2) == 0 && rest[2] != '/') {
        return pawl_fail(error, PAWL_BAD_REQUEST,
                         "\"lmdb:%.200s\" names a host, but LMDB is local; write lmdb:/folder",
                         rest);
    }
    const char *query = strchr(rest, '?'); /* what asks for a guard was cut off */

    if (query != NULL) {
        return pawl_fail(error, PAWL_BAD_REQUEST,
                         "lmdb: there is no parameter \"%.*s\"; there are guard and guard-accept "
                         "(a folder's name can have no ?)",
                         (int)strcspn(query + 1, "=&") < 60 ? (int)strcspn(query + 1, "=&") : 60,
                         query + 1);
    }
    return pawl_lmdb_open_with(&settings, store, error);
}

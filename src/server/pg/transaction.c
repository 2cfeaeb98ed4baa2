/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Transactions, as far as a sequence service has any: ids never come back, and changes of sequences
 * stay. What a transaction does have is its state, its settings and its portals.
 */
#include <stdio.h>
#include <stdlib.h>

#include "server/pg/session.h"

void pg_tx_begin(struct pg_session *session)
{
    struct pg_transaction *tx = &session->tx;

    if (tx->begun) return;
    tx->begun = true;
    tx->began_us = pg_desk_wall_us(session->home);
}

static void end(struct pg_session *session, bool committed)
{
    struct pg_transaction *tx = &session->tx;

    if (committed) {
        pg_settings_commit(session);
    } else {
        pg_settings_rollback(session, -1);
    }
    if (!committed && tx->changes > 0) {
        pg_say_notice(session, "WARNING", "01000",
                      "changes of sequences are not rolled back: %u stay, of %s", tx->changes,
                      tx->changed);
    }
    if (!committed && tx->unknown > 0) {
        pg_say_notice(session, "WARNING", "01000",
                      "changes of sequences that were interrupted may stay, or be made yet: %u",
                      tx->unknown);
    }
    free(tx->savepoints);
    *tx = (struct pg_transaction){.block = PG_BLOCK_NONE};
    pg_portals_drop(session);
}

void pg_tx_end(struct pg_session *session, bool committed)
{
    if (session->tx.begun && session->tx.block == PG_BLOCK_NONE) end(session, committed);
}

void pg_tx_failed(struct pg_session *session)
{
    if (session->tx.block == PG_BLOCK_NONE) {
        pg_tx_end(session, false);
    } else {
        session->tx.block = PG_BLOCK_FAILED;
    }
}

char pg_tx_status(const struct pg_session *session)
{
    static const char letters[] = {
        [PG_BLOCK_NONE] = 'I', [PG_BLOCK_OPEN] = 'T', [PG_BLOCK_FAILED] = 'E'};

    return letters[session->tx.block];
}

void pg_tx_changed(struct pg_session *session, struct pawl_bytes name)
{
    struct pg_transaction *tx = &session->tx;
    static const char more[] = ", …";
    size_t size = strlen(tx->changed);
    bool full = size >= sizeof more && strcmp(tx->changed + size + 1 - sizeof more, more) == 0;

    tx->changes++;
    if (full) return;
    /* Names are shown whole: a piece of one may end within a character. */
    bool fits = size + 2 + name.size + sizeof more <= sizeof tx->changed;
    struct pawl_bytes shown = fits ? name : (struct pawl_bytes){more + 2, sizeof more - 3};
    (void)snprintf(tx->changed + size, sizeof tx->changed - size, "%s%.*s", size == 0 ? "" : ", ",
                   (int)shown.size, shown.at);
}

/* BEGIN and its modes. */

static bool set_mode(struct pg_session *session, const char *setting, struct pawl_bytes value)
{
    return pg_setting_set(session, pg_text(setting), value, true);
}

static bool begin(struct pg_session *session, const struct sql_transaction *how)
{
    struct pg_transaction *tx = &session->tx;

    if (tx->block != PG_BLOCK_NONE) {
        pg_say_notice(session, "WARNING", "25001", "there is already a transaction in progress");
    }
    tx->block = PG_BLOCK_OPEN;
    if (how->isolation.size > 0 && !set_mode(session, "transaction_isolation", how->isolation)) {
        return false;
    }
    return !how->read_only_given || set_mode(session, "transaction_read_only",
                                             how->read_only ? PAWL_BYTES("on") : PAWL_BYTES("off"));
}

/* AND CHAIN: another one begins, as this one was. */
static bool chain(struct pg_session *session, bool read_only, struct pawl_bytes isolation)
{
    const struct sql_transaction how = {
        .read_only_given = true, .read_only = read_only, .isolation = isolation};

    pg_tx_begin(session);
    return begin(session, &how);
}

static bool finish(struct pg_session *session, struct pg_portal *portal, bool committed)
{
    struct pg_transaction *tx = &session->tx;
    bool chained = portal->plan->of.transaction.chain;
    bool read_only = session->settings.read_only;
    char isolation[32];
    int size = snprintf(isolation, sizeof isolation, "%s",
                        pg_setting_show(session, PAWL_BYTES("transaction_isolation")));

    if (tx->block == PG_BLOCK_NONE && chained) {
        return sql_fail(&session->error, "25P01", 0,
                        "%s AND CHAIN can only be used in transaction "
                        "blocks",
                        portal->plan->tag);
    }
    if (tx->block == PG_BLOCK_NONE) {
        pg_say_notice(session, "WARNING", "25P01", "there is no transaction in progress");
    }
    if (tx->block == PG_BLOCK_FAILED && committed) {
        committed = false;
        portal->tag = "ROLLBACK";
    }
    tx->block = PG_BLOCK_NONE;
    end(session, committed);
    return !chained || chain(session, read_only, (struct pawl_bytes){isolation, (size_t)size});
}

/* Savepoints. */

static ptrdiff_t find(const struct pg_transaction *tx, struct pawl_bytes name)
{
    ptrdiff_t i = (ptrdiff_t)tx->savepoint_count - 1;

    while (i >= 0 && !pawl_bytes_equal(pg_text(tx->savepoints[i].name), name)) {
        i--;
    }
    return i;
}

static bool savepoint(struct pg_session *session, struct pawl_bytes name)
{
    struct pg_transaction *tx = &session->tx;

    if (tx->savepoint_count == PG_SAVEPOINTS_MAX) {
        return sql_fail(&session->error, "54000", 0, "more than %d savepoints in one transaction",
                        PG_SAVEPOINTS_MAX);
    }
    if (tx->savepoint_count == tx->savepoint_capacity) {
        size_t capacity = tx->savepoint_capacity == 0 ? 4 : tx->savepoint_capacity * 2;
        struct pg_savepoint *grown = realloc(tx->savepoints, capacity * sizeof *grown);

        if (grown == NULL) return sql_fail(&session->error, "53200", 0, "out of memory");
        tx->savepoints = grown;
        tx->savepoint_capacity = capacity;
    }
    struct pg_savepoint *added = &tx->savepoints[tx->savepoint_count++];
    size_t size = name.size > PG_IDENTIFIER_BYTES_MAX ? PG_IDENTIFIER_BYTES_MAX : name.size;
    memcpy(added->name, name.at, size);
    added->name[size] = '\0';
    return true;
}

static bool of_savepoint(struct pg_session *session, const struct sql_plan *plan)
{
    struct pg_transaction *tx = &session->tx;
    struct pawl_bytes name = plan->of.transaction.savepoint;

    if (tx->block == PG_BLOCK_NONE) {
        return sql_fail(&session->error, "25P01", 0, "%s can only be used in transaction blocks",
                        plan->kind == SQL_PLAN_SAVEPOINT ? "SAVEPOINT"
                        : plan->kind == SQL_PLAN_RELEASE ? "RELEASE SAVEPOINT"
                                                         : "ROLLBACK TO SAVEPOINT");
    }
    if (plan->kind == SQL_PLAN_SAVEPOINT) return savepoint(session, name);
    ptrdiff_t at = find(tx, name);
    if (at < 0) {
        return sql_fail(&session->error, "3B001", 0, "savepoint \"%.*s\" does not exist",
                        (int)name.size, name.at);
    }
    if (plan->kind == SQL_PLAN_RELEASE) {
        tx->savepoint_count = (size_t)at;
        pg_settings_release(session, (size_t)at);
        return true;
    }
    tx->block = PG_BLOCK_OPEN;
    tx->savepoint_count = (size_t)at + 1;
    pg_settings_rollback(session, at);
    return true;
}

enum pg_step pg_run_transaction(struct pg_session *session, struct pg_portal *portal)
{
    const struct sql_plan *plan = portal->plan;
    bool done = false;

    switch ((int)plan->kind) {
    case SQL_PLAN_BEGIN:
    case SQL_PLAN_START:
        done = begin(session, &plan->of.transaction);
        break;
    case SQL_PLAN_COMMIT:
    case SQL_PLAN_ROLLBACK:
        done = finish(session, portal, plan->kind == SQL_PLAN_COMMIT);
        break;
    default:
        done = of_savepoint(session, plan);
    }
    return done ? PG_STEP_DONE : PG_STEP_FAILED;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * postgres://: a table with a row for each sequence. This file has the rides, the groups in flight
 * and the time limits.
 *
 * Between pawl and the server there may be a pooler that gives each transaction another server
 * connection (PgBouncer in transaction mode). It is told by the process id that it hands out, which
 * is not the server's. Then statements are unnamed and settings are made for each transaction; only
 * a direct connection prepares statements and sets its session once.
 *
 * A server that owes an answer (a commit that waits for a synchronous standby has no time limit of
 * its own there) is not dialled again at once: each connection given up would leave one more
 * server process waiting with its rows locked. What was sent is given up after its time limit, what
 * comes then fails at once, and the connection is kept with growing patience; TCP's own limits
 * find out a dead peer.
 */
#include "store/postgres/postgres_own.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "store/schemes.h"

void pawl_pg_rides_add(struct pg_rides *rides, struct pg_ride *ride)
{
    if (rides->first == NULL) rides->end = &rides->first;
    ride->next = NULL;
    *rides->end = ride;
    rides->end = &ride->next;
}

struct pg_ride *pawl_pg_rides_pop(struct pg_rides *rides)
{
    struct pg_ride *ride = rides->first;

    if (ride != NULL) rides->first = ride->next;
    return ride;
}

void pawl_pg_ride_end(struct pg_driver *driver, struct pg_ride *ride)
{
    struct pawl_op *op = ride->op;

    if (op->end == PAWL_OP_DONE || op->end == PAWL_OP_REFUSED) {
        op->identity = pawl_postgres_history_identity(
            &driver->history, driver->facts.place,
            (struct pawl_bytes){op->found.branch, op->found.branch_size});
    }
    free(ride);
    pawl_op_end(op, &driver->driver);
}

void pawl_pg_ride_fail(struct pg_driver *driver, struct pg_ride *ride, enum pawl_op_end end,
                       const pawl_error *error)
{
    ride->op->error = *error;
    ride->op->end = end;
    pawl_pg_ride_end(driver, ride);
}

void pawl_pg_fail_waiting(struct pg_driver *driver, const pawl_error *error, bool all)
{
    struct pg_rides waiting = driver->waiting;
    struct pg_ride *ride = NULL;

    driver->waiting = (struct pg_rides){.first = NULL};
    while ((ride = pawl_pg_rides_pop(&waiting)) != NULL) {
        bool about_store = ride->op->kind == PAWL_OP_INIT || ride->op->kind == PAWL_OP_CHECK;

        if (all || !about_store) {
            pawl_pg_ride_fail(driver, ride, PAWL_OP_FAILED, error);
        } else {
            pawl_pg_rides_add(&driver->waiting, ride);
        }
    }
}

/* Groups in flight. */

struct pg_group *pawl_pg_group_begin(struct pg_driver *driver, const struct pg_group_ops *ops,
                                     uint64_t limit_ns)
{
    struct pg_group *group = calloc(1, sizeof *group);

    if (group == NULL) return NULL;
    group->ops = ops;
    group->limit_ns = limit_ns;
    if (driver->flying == NULL) driver->flying_end = &driver->flying;
    *driver->flying_end = group;
    driver->flying_end = &group->next;
    driver->flying_count++;
    return group;
}

void pawl_pg_group_add(struct pg_driver *driver, struct pg_group *group,
                       const struct pawl_postgres_command *command)
{
    if (!driver->broken) driver->broken = !pawl_postgres_conn_send(&driver->conn, command);
    group->left++;
}

void pawl_pg_group_prepare(struct pg_driver *driver, struct pg_group *group, const char *text)
{
    const char *name = pawl_pg_statement_name(group->statement);

    if (!driver->broken) driver->broken = !pawl_postgres_conn_prepare(&driver->conn, name, text);
    group->left++;
}

struct pg_group *pawl_pg_group_with(struct pg_driver *driver, const struct pg_group_ops *ops,
                                    uint64_t limit_ns, struct pg_ride *ride)
{
    struct pg_group *group = pawl_pg_group_begin(driver, ops, limit_ns);

    if (group != NULL) {
        pawl_pg_rides_add(&group->rides, ride);
    } else {
        pawl_pg_ride_fail(driver, ride, PAWL_OP_FAILED,
                          &(pawl_error){PAWL_NO_MEMORY, "no memory to ask postgres"});
    }
    return group;
}

void pawl_pg_group_send(struct pg_driver *driver, struct pg_group *group)
{
    group->at = group->rides.first;
    if (!driver->broken) driver->broken = !pawl_postgres_conn_sync(&driver->conn);
}

/* The oldest one is over, well or badly. */
static void group_end(struct pg_driver *driver)
{
    struct pg_group *group = driver->flying;

    driver->flying = group->next;
    driver->flying_count--;
    if (!group->late) {
        group->ops->synced(driver, group);
        if (!group->doubtful && !group->rolled_back) driver->patience = 0;
        driver->moved_ns = driver->now_ns;
    }
    PAWL_ASSERT(group->late || group->rides.first == NULL);
    free(group);
}

/* Closes the connection; of what was in flight nobody knows, but what was certainly rolled back. */
static void drop(struct pg_driver *driver, const char *reason)
{
    pawl_postgres_conn_close(&driver->conn);
    driver->broken = driver->anew = driver->opening = false;
    driver->facts.known = false;
    memset(driver->prepared, 0, sizeof driver->prepared);
    while (driver->flying != NULL) {
        struct pg_group *group = driver->flying;

        if (!group->rolled_back && !group->doubtful) {
            group->doubtful = true;
            (void)pawl_fail(&group->error, PAWL_STORE,
                            "the connection to postgres is lost (%.300s), and the answer with it",
                            reason);
        }
        group_end(driver);
    }
}

static struct pg_driver *driver_of(struct pawl_postgres_conn *conn)
{
    return PAWL_OWNER(conn, struct pg_driver, conn);
}

static void conn_opened(struct pawl_postgres_conn *conn)
{
    struct pg_driver *driver = driver_of(conn);

    driver->timeouts = 0;
    pawl_pg_opening_begin(driver);
}

static void conn_failed(struct pawl_postgres_conn *conn, const pawl_error *error)
{
    struct pg_driver *driver = driver_of(conn);

    driver->cooling = true;
    driver->cool_end_ns = 0;
    pawl_pg_fail_waiting(driver, error, true);
}

static void conn_lost(struct pawl_postgres_conn *conn, const char *reason)
{
    struct pg_driver *driver = driver_of(conn);

    if (driver->opening) driver->cooling = true;
    if (driver->opening || driver->flying != NULL) {
        char text[600];

        pawl_log(PAWL_LOG_WARN, "store connection lost", "store=postgres why=%s",
                 pawl_log_quote(text, sizeof text, (struct pawl_bytes){reason, strlen(reason)}));
    }
    drop(driver, reason);
}

/* What a failed statement, or a failed commit, means for all that travels with it. */
static void spoil(struct pg_driver *driver, struct pg_group *group, const PGresult *result,
                  bool at_commit)
{
    const char *sqlstate = PQresultErrorField(result, PG_DIAG_SQLSTATE);
    const char *severity = PQresultErrorField(result, PG_DIAG_SEVERITY_NONLOCALIZED);
    const struct pawl_postgres_state *state =
        pawl_postgres_state_at(sqlstate, PQresultErrorField(result, PG_DIAG_SOURCE_FUNCTION));

    if (state->anew || group->skip > 0) driver->anew = true; /* what stands before the rides */
    if (group->rolled_back || group->doubtful) return;
    if (pawl_postgres_verdict_of(severity, sqlstate, at_commit) == PAWL_POSTGRES_UNDONE) {
        group->rolled_back = true;
        group->again = state->again;
        if (!at_commit && group->skip == 0) group->culprit = group->at;
    } else {
        group->doubtful = true;
    }
    pawl_postgres_story(result, driver->target.table, &group->error);
}

static void conn_result(struct pawl_postgres_conn *conn, const PGresult *result)
{
    struct pg_driver *driver = driver_of(conn);
    struct pg_group *group = driver->flying;
    ExecStatusType status = PQresultStatus(result);

    if (group == NULL || (group->left == 0 && status != PGRES_FATAL_ERROR)) {
        drop(driver, "an answer came to nothing that was asked");
        return;
    }
    if (group->left == 0) {
        spoil(driver, group, result, true);
        return;
    }
    if (!group->late && status == PGRES_FATAL_ERROR) {
        spoil(driver, group, result, false);
    } else if (!group->late && status != PGRES_PIPELINE_ABORTED) {
        group->ops->result(driver, group, result);
    }
    group->left--;
    if (group->skip > 0) {
        group->skip--;
    } else if (group->at != NULL) {
        group->at = group->at->next;
    }
}

static void conn_synced(struct pawl_postgres_conn *conn)
{
    struct pg_driver *driver = driver_of(conn);

    if (driver->flying == NULL || driver->flying->left > 0) {
        drop(driver, "an answer is missing");
        return;
    }
    group_end(driver);
    if (driver->anew && driver->flying == NULL) drop(driver, "");
}

static void conn_noticed(struct pawl_postgres_conn *conn, const PGresult *notice)
{
    struct pg_driver *driver = driver_of(conn);
    struct pg_group *group = driver->flying;
    const char *text = PQresultErrorField(notice, PG_DIAG_MESSAGE_PRIMARY);
    char quoted[400];

    if (group == NULL || group->rides.first == NULL ||
        !pawl_postgres_unwaited(PQresultErrorField(notice, PG_DIAG_SEVERITY_NONLOCALIZED),
                                PQresultErrorField(notice, PG_DIAG_SQLSTATE),
                                PQresultErrorField(notice, PG_DIAG_SOURCE_FUNCTION))) {
        return;
    }
    if (text == NULL) text = "";
    group->doubtful = true;
    (void)pawl_fail(&group->error, PAWL_STORE,
                    "postgres warns of its commit: %.300s; a failover may lose it", text);
    pawl_log(PAWL_LOG_WARN, "store commit may be lost by a failover", "store=postgres warning=%s",
             pawl_log_quote(quoted, sizeof quoted, (struct pawl_bytes){text, strlen(text)}));
}

static const struct pawl_postgres_conn_events conn_events = {
    .opened = conn_opened,
    .failed = conn_failed,
    .result = conn_result,
    .synced = conn_synced,
    .noticed = conn_noticed,
    .lost = conn_lost,
};

/* What waits leaves, by kinds. */

enum cargo { CARGO_WRITES, CARGO_READS, CARGO_SINGLE };

static enum cargo cargo_of(const struct pg_ride *ride)
{
    if (ride->refused || ride->op->kind == PAWL_OP_READ) return CARGO_READS;
    if (ride->op->kind == PAWL_OP_WRITE || ride->op->kind == PAWL_OP_ADVANCE) return CARGO_WRITES;
    return CARGO_SINGLE;
}

/* The one that waits longest, and all that can go with it. */
static struct pg_rides take_alike(struct pg_driver *driver)
{
    struct pg_rides alike = {.first = NULL};
    struct pg_rides others = {.first = NULL};
    struct pg_ride *first = pawl_pg_rides_pop(&driver->waiting);
    struct pg_ride *ride = NULL;
    enum cargo cargo = cargo_of(first);
    bool alone = first->alone || cargo == CARGO_SINGLE;
    size_t count = 1;

    pawl_pg_rides_add(&alike, first);
    if (alone) return alike;
    while ((ride = pawl_pg_rides_pop(&driver->waiting)) != NULL) {
        if (cargo_of(ride) == cargo && !ride->alone && count < GROUP_RIDES_MAX) {
            pawl_pg_rides_add(&alike, ride);
            count++;
        } else {
            pawl_pg_rides_add(&others, ride);
        }
    }
    driver->waiting = others;
    return alike;
}

static void send_single(struct pg_driver *driver, struct pg_ride *ride)
{
    switch ((int)ride->op->kind) {
    case PAWL_OP_LIST:
        pawl_pg_list(driver, ride);
        return;
    case PAWL_OP_INIT:
        pawl_pg_init(driver, ride);
        return;
    case PAWL_OP_CHECK:
        pawl_pg_check(driver, ride);
        return;
    default:
        pawl_pg_ping(driver, ride);
        return;
    }
}

static void send_waiting(struct pg_driver *driver)
{
    size_t limit = driver->facts.direct ? GROUPS_FLYING_MAX : 1;

    while (driver->waiting.first != NULL && driver->flying_count < limit && !driver->broken) {
        struct pg_rides rides = take_alike(driver);

        switch (cargo_of(rides.first)) {
        case CARGO_WRITES:
            pawl_pg_batch_writes(driver, &rides);
            break;
        case CARGO_READS:
            pawl_pg_batch_reads(driver, &rides);
            break;
        case CARGO_SINGLE:
            send_single(driver, rides.first);
            break;
        }
    }
}

void pawl_pg_opening_end(struct pg_driver *driver)
{
    driver->opening = false;
    if (driver->facts.usable) return;
    /* What is wrong may be put right: the next connection looks again. Only what is about the store
     * itself goes on with this one. */
    driver->anew = true;
    driver->cooling = true;
    pawl_pg_fail_waiting(driver, &driver->facts.error, !driver->facts.known);
    send_waiting(driver);
}

/* Time limits. Moments that callbacks left as 0 begin with this turn. */

static void soonest(uint64_t *next_ns, uint64_t ns)
{
    if (ns < *next_ns) *next_ns = ns;
}

static void expire_waiting(struct pg_driver *driver, uint64_t *next_ns)
{
    struct pg_rides waiting = driver->waiting;
    uint64_t moving_ns = driver->moved_ns + OP_NS;
    struct pg_ride *ride = NULL;
    pawl_error error;

    driver->waiting = (struct pg_rides){.first = NULL};
    (void)pawl_fail(&error, PAWL_STORE, "postgres could not be asked in time, nothing was sent: %s",
                    driver->conn.state == PAWL_POSTGRES_RESOLVING
                        ? "its host's name is still being looked up"
                        : "is it overloaded?");
    while ((ride = pawl_pg_rides_pop(&waiting)) != NULL) {
        if (ride->end_ns == 0) ride->end_ns = driver->now_ns + OP_NS;
        /* A long queue is no reason to fail, as long as it moves. */
        if (moving_ns > ride->end_ns) ride->end_ns = moving_ns;
        if (ride->end_ns <= driver->now_ns) {
            pawl_pg_ride_fail(driver, ride, PAWL_OP_FAILED, &error);
            continue;
        }
        soonest(next_ns, ride->end_ns);
        pawl_pg_rides_add(&driver->waiting, ride);
    }
}

static void group_late(struct pg_driver *driver, struct pg_group *group)
{
    struct pg_ride *ride = NULL;
    pawl_error error;

    group->late = true;
    group->at = group->culprit = NULL; /* the answers that still come are nobody's */
    (void)pawl_fail(&error, PAWL_STORE,
                    "postgres has not answered within %" PRIu64
                    " ms; does it wait for a synchronous standby?",
                    group->limit_ns / PAWL_NS_PER_MS);
    while ((ride = pawl_pg_rides_pop(&group->rides)) != NULL) {
        bool wrote = cargo_of(ride) == CARGO_WRITES || ride->op->kind == PAWL_OP_INIT;

        pawl_pg_ride_fail(driver, ride, wrote ? PAWL_OP_UNKNOWN : PAWL_OP_FAILED, &error);
    }
}

/* Returns whether the server owes an answer. */
static bool watch_flying(struct pg_driver *driver, uint64_t *next_ns)
{
    uint64_t patience_ns = PATIENCE_NS << driver->patience;

    for (struct pg_group *group = driver->flying; group != NULL; group = group->next) {
        if (group->end_ns == 0) group->end_ns = driver->now_ns + group->limit_ns;
        if (!group->late && group->end_ns <= driver->now_ns) group_late(driver, group);
        if (!group->late) {
            soonest(next_ns, group->end_ns);
        } else if (group->end_ns + patience_ns > driver->now_ns) {
            soonest(next_ns, group->end_ns + patience_ns);
        } else {
            if (driver->patience < PATIENCE_DOUBLINGS_MAX) driver->patience++;
            drop(driver, "no answer");
            return false;
        }
    }
    return driver->flying != NULL && driver->flying->late;
}

/* Of TCP, TLS, passwords, and of what is asked before the first operation. Looking up names has no
 * limit but the system's: giving it up would only begin it anew. */
static void watch_opening(struct pg_driver *driver, uint64_t *next_ns)
{
    pawl_error error;

    if (driver->opening) {
        if (driver->opening_end_ns == 0) driver->opening_end_ns = driver->now_ns + OPENING_NS;
        soonest(next_ns, driver->opening_end_ns);
        if (driver->opening_end_ns > driver->now_ns) return;
    } else if (driver->conn.state == PAWL_POSTGRES_CONNECTING) {
        if (driver->attempt_end_ns == 0) driver->attempt_end_ns = driver->now_ns + CONNECT_NS;
        soonest(next_ns, driver->attempt_end_ns);
        if (driver->attempt_end_ns > driver->now_ns) return;
    } else {
        return;
    }
    bool more_places = ++driver->timeouts < driver->conn.place_count;

    drop(driver, "no answer while connecting");
    pawl_postgres_conn_rotate(&driver->conn);
    driver->cooling = !more_places;
    driver->cool_end_ns = 0;
    if (more_places) return;
    driver->timeouts = 0;
    (void)pawl_fail(&error, PAWL_STORE, "postgres does not answer: no connection in time");
    pawl_pg_fail_waiting(driver, &error, true);
}

static void connect_if_wanted(struct pg_driver *driver, uint64_t *next_ns)
{
    if (driver->cooling && driver->cool_end_ns == 0) {
        driver->cool_end_ns = driver->now_ns + COOL_NS;
    }
    if (driver->waiting.first == NULL || driver->conn.state != PAWL_POSTGRES_CLOSED) return;
    if (driver->cooling && driver->cool_end_ns > driver->now_ns) {
        soonest(next_ns, driver->cool_end_ns);
        return;
    }
    driver->cooling = false;
    driver->cool_end_ns = 0;
    driver->attempt_end_ns = 0;
    pawl_postgres_conn_open(&driver->conn);
    watch_opening(driver, next_ns);
}

static uint64_t driver_turn(struct pawl_driver *base, uint64_t now_ns)
{
    struct pg_driver *driver = PAWL_OWNER(base, struct pg_driver, driver);
    uint64_t next_ns = PAWL_NEVER;
    pawl_error error;

    driver->now_ns = now_ns;
    if (driver->broken) drop(driver, "it could not be sent");
    watch_opening(driver, &next_ns);
    if (watch_flying(driver, &next_ns)) {
        (void)pawl_fail(&error, PAWL_STORE,
                        "postgres still owes an answer; nothing more is sent before it comes. "
                        "Does it wait for a synchronous standby?");
        pawl_pg_fail_waiting(driver, &error, true);
    }
    expire_waiting(driver, &next_ns);
    connect_if_wanted(driver, &next_ns);
    if (driver->conn.state == PAWL_POSTGRES_OPEN && !driver->opening && !driver->anew) {
        send_waiting(driver);
        (void)watch_flying(driver, &next_ns);
    }
    return driver->broken ? now_ns : next_ns;
}

static void driver_begin(struct pawl_driver *base, struct pawl_op *op)
{
    struct pg_driver *driver = PAWL_OWNER(base, struct pg_driver, driver);
    struct pg_ride *ride = calloc(1, sizeof *ride);

    if (ride == NULL) {
        pawl_op_fail(op, base, PAWL_OP_FAILED, PAWL_NO_MEMORY, "no memory to ask postgres");
        return;
    }
    ride->op = op;
    pawl_pg_rides_add(&driver->waiting, ride);
}

static void driver_close(struct pawl_driver *base)
{
    struct pg_driver *driver = PAWL_OWNER(base, struct pg_driver, driver);
    pawl_error error;

    drop(driver, "it is being closed");
    (void)pawl_fail(&error, PAWL_CLOSED, "the store is being closed");
    pawl_pg_fail_waiting(driver, &error, true);
    pawl_postgres_target_free(&driver->target);
    pawl_postgres_sql_free(&driver->sql);
    free(driver);
}

static void driver_forked(struct pawl_driver *base)
{
    pawl_postgres_conn_forked(&PAWL_OWNER(base, struct pg_driver, driver)->conn);
}

static const struct pawl_driver_ops driver_ops = {
    .scheme = "postgres",
    .advances = true,
    .in_order = true,
    .begin = driver_begin,
    .turn = driver_turn,
    .close = driver_close,
    .forked = driver_forked,
};

pawl_err pawl_postgres_open(const char *url, const struct pawl_store_options *options,
                            struct pawl_source **store, pawl_error *error)
{
    struct pg_driver *driver = calloc(1, sizeof *driver);

    if (driver == NULL) return pawl_fail(error, PAWL_NO_MEMORY, "no memory for a store");
    if (pawl_postgres_target_read(&driver->target, url, error) != PAWL_OK) {
        pawl_err err = error != NULL ? error->code : PAWL_BAD_REQUEST;

        free(driver);
        return err;
    }
    if (!pawl_postgres_sql_make(&driver->sql, driver->target.table)) {
        pawl_postgres_target_free(&driver->target);
        free(driver);
        return pawl_fail(error, PAWL_NO_MEMORY, "no memory for a store");
    }
    driver->driver.ops = &driver_ops;
    driver->conn = (struct pawl_postgres_conn){
        .loop = options->loop, .target = &driver->target, .events = &conn_events};
    return pawl_records_new(&driver->driver, options, store, error);
}

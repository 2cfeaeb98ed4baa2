/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What comes between a login and the first operation: facts about server and table, the cluster's
 * identity, and where the connection is direct, the session's settings and prepared statements.
 */
#include "store/postgres/postgres_own.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"

enum { VERSION_LEAST = 100000 };

static const char *const statement_names[PAWL_POSTGRES_STATEMENTS] = {
    [PAWL_POSTGRES_READ] = "pawl_read",
    [PAWL_POSTGRES_ADVANCE] = "pawl_advance",
    [PAWL_POSTGRES_WRITE] = "pawl_write",
    [PAWL_POSTGRES_INSERT] = "pawl_insert",
};

const char *pawl_pg_statement_name(enum pawl_postgres_statement statement)
{
    return statement_names[statement];
}

static const char *text_of(const PGresult *result, int column)
{
    return PQgetisnull(result, 0, column) != 0 ? "" : PQgetvalue(result, 0, column);
}

/*
 * A server may be read-only for a while (a disk that is full, a planned switch to another). What is
 * set for a user or in the URL stays until a person changes it.
 */
static bool is_read_only(const struct pg_driver *driver, const PGresult *result, pawl_error *error)
{
    const char *by = text_of(result, PAWL_POSTGRES_FACT_READ_ONLY_BY);

    if (strcmp(by, "database user") == 0) {
        (void)pawl_fail(error, PAWL_DENIED,
                        "the user may only read in this database: ALTER ROLE %s IN DATABASE "
                        "\"%.63s\" RESET default_transaction_read_only",
                        text_of(result, PAWL_POSTGRES_FACT_USER), PQdb(driver->conn.pg));
    } else if (strstr(by, "user") != NULL) {
        (void)pawl_fail(error, PAWL_DENIED,
                        "the user may only read: ALTER ROLE %s RESET default_transaction_read_only",
                        text_of(result, PAWL_POSTGRES_FACT_USER));
    } else if (strcmp(by, "client") == 0) {
        (void)pawl_fail(error, PAWL_DENIED,
                        "default_transaction_read_only is set to on by the URL (options=) or "
                        "PGOPTIONS: leave it out");
    } else {
        (void)pawl_fail(error, PAWL_STORE,
                        "the server is read-only (default_transaction_read_only, by %s): ids "
                        "cannot be taken there",
                        by);
    }
    return false;
}

static bool server_is_good(struct pg_driver *driver, const PGresult *result, pawl_error *error)
{
    long version = strtol(text_of(result, PAWL_POSTGRES_FACT_VERSION), NULL, 10);

    if (version < VERSION_LEAST) {
        (void)pawl_fail(error, PAWL_DENIED, "the server is PostgreSQL %ld; pawl needs 10 or newer",
                        version / 10000);
        return false;
    }
    if (strcmp(text_of(result, PAWL_POSTGRES_FACT_RECOVERY), "t") == 0) {
        (void)pawl_fail(error, PAWL_STORE,
                        "the server is a standby: name the primary, or all hosts, in the URL");
        return false;
    }
    if (strcmp(text_of(result, PAWL_POSTGRES_FACT_READ_ONLY), "on") == 0) {
        return is_read_only(driver, result, error);
    }
    driver->facts.breaks =
        driver->target.lasting && strcmp(text_of(result, PAWL_POSTGRES_FACT_FSYNC), "on") != 0;
    if (driver->facts.breaks) {
        (void)pawl_fail(error, PAWL_DENIED,
                        "the server runs with fsync = off: after a crash it may give ids twice; "
                        "set fsync = on, or accept that with ?durability=none");
    }
    return !driver->facts.breaks;
}

/* A crash, or two rows of one name, would give ids again. */
static bool table_gives_twice(const struct pg_driver *driver, const PGresult *result,
                              pawl_error *error)
{
    const char *table = driver->target.table;

    if (driver->target.lasting &&
        strcmp(text_of(result, PAWL_POSTGRES_FACT_PERSISTENCE), "p") != 0) {
        (void)pawl_fail(error, PAWL_DENIED,
                        "the table %s is not logged: a crash empties it; ALTER TABLE %s SET "
                        "LOGGED, or accept that with ?durability=none",
                        table, table);
        return true;
    }
    if (strcmp(text_of(result, PAWL_POSTGRES_FACT_KEYS), "0") == 0) {
        (void)pawl_fail(error, PAWL_DENIED,
                        "the table %s has no unique key on name: with two rows of one name it "
                        "gives ids twice; CREATE UNIQUE INDEX ON %s (name)",
                        table, table);
        return true;
    }
    return false;
}

static bool table_is_good(struct pg_driver *driver, const PGresult *result, pawl_error *error)
{
    const char *table = driver->target.table;
    const char *kind = text_of(result, PAWL_POSTGRES_FACT_KIND);
    const char *missing = text_of(result, PAWL_POSTGRES_FACT_GRANTS);
    char wrong[200];

    driver->facts.has_table = kind[0] != '\0';
    if (!driver->facts.has_table) {
        (void)pawl_fail(error, PAWL_MISSING,
                        "there is no table %s in the database; make it with: pawl store init URL",
                        table);
        return false;
    }
    if (strcmp(kind, "r") != 0 && strcmp(kind, "p") != 0) {
        (void)pawl_fail(error, PAWL_DENIED,
                        "%s is not a table; name another one in the URL: ?table=NAME", table);
        return false;
    }
    if (pawl_postgres_columns_wrong(text_of(result, PAWL_POSTGRES_FACT_COLUMNS), wrong,
                                    sizeof wrong)) {
        (void)pawl_fail(error, PAWL_DENIED,
                        "the table %s is not pawl's: %s; name another one in the URL: ?table=NAME",
                        table, wrong);
        return false;
    }
    driver->facts.shaped = true;
    if (table_gives_twice(driver, result, error)) {
        driver->facts.breaks = true;
        return false;
    }
    if (missing[0] != '\0') {
        (void)pawl_fail(error, PAWL_DENIED,
                        "the user lacks %s on the table %s: GRANT SELECT, INSERT, UPDATE ON "
                        "%s TO %s",
                        missing, table, table, text_of(result, PAWL_POSTGRES_FACT_USER));
        return false;
    }
    return true;
}

/* An answer to FACTS. */
static void judge(struct pg_driver *driver, const PGresult *result)
{
    struct pg_facts *facts = &driver->facts;

    pawl_error wrong;

    facts->known = PQntuples(result) == 1 && PQnfields(result) == PAWL_POSTGRES_FACTS_COUNT;
    facts->has_table = facts->server_good = facts->shaped = facts->usable = facts->breaks = false;
    if (!facts->known) {
        (void)pawl_fail(&facts->error, PAWL_STORE, "postgres answers what cannot be");
        return;
    }
    (void)snprintf(facts->place, sizeof facts->place, "%s",
                   text_of(result, PAWL_POSTGRES_FACT_PLACE));
    facts->server_good = server_is_good(driver, result, &facts->error);
    bool table_good = table_is_good(driver, result, &wrong);

    if (facts->server_good && !table_good) facts->error = wrong;
    facts->usable = facts->server_good && table_good;
}

static void no_result(struct pg_driver *driver, struct pg_group *group, const PGresult *result)
{
    (void)driver;
    (void)group;
    (void)result;
}

static void fail_opening(struct pg_driver *driver, const struct pg_group *group)
{
    driver->facts.known = driver->facts.usable = false;
    driver->facts.error = group->error;
    pawl_pg_opening_end(driver);
}

/*
 * A statement that the server refuses for what the table is (rules, generated columns) would be
 * refused on every connection: it is dialled again when somebody asks again. One that was in the
 * way of a lock goes unnamed.
 */
static void prepared(struct pg_driver *driver, struct pg_group *group)
{
    bool good = !group->rolled_back && !group->doubtful;

    if (group->statement < PAWL_POSTGRES_STATEMENTS) driver->prepared[group->statement] = good;
    if (group->rolled_back && driver->anew && driver->facts.usable) {
        driver->facts.usable = false;
        driver->facts.error = group->error;
    }
    if (group->doubtful) {
        fail_opening(driver, group);
    } else if (group->statement + 1 == PAWL_POSTGRES_STATEMENTS) {
        pawl_pg_opening_end(driver);
    }
}

static const struct pg_group_ops prepare_ops = {.result = no_result, .synced = prepared};

static void prepare_all(struct pg_driver *driver)
{
    for (int i = 0; i < PAWL_POSTGRES_STATEMENTS && !driver->broken; i++) {
        struct pg_group *group = pawl_pg_group_begin(driver, &prepare_ops, OPENING_NS);

        if (group == NULL) {
            driver->broken = true;
            return;
        }
        group->statement = (enum pawl_postgres_statement)i;
        pawl_pg_group_prepare(driver, group, driver->sql.texts[i]);
        pawl_pg_group_send(driver, group);
    }
}

static void session_set(struct pg_driver *driver, struct pg_group *group)
{
    if (group->doubtful || group->rolled_back) {
        fail_opening(driver, group);
    } else if (driver->facts.usable) {
        prepare_all(driver);
    } else {
        pawl_pg_opening_end(driver);
    }
}

static const struct pg_group_ops session_ops = {.result = no_result, .synced = session_set};

/* A group of one command; NULL: no memory, the connection will go. */
static struct pg_group *send_one(struct pg_driver *driver, const struct pg_group_ops *ops,
                                 const struct pawl_postgres_command *command)
{
    struct pg_group *group = pawl_pg_group_begin(driver, ops, OPENING_NS);

    if (group == NULL) {
        driver->broken = true;
        return NULL;
    }
    pawl_pg_group_add(driver, group, command);
    pawl_pg_group_send(driver, group);
    return group;
}

bool pawl_pg_history_seen(struct pg_driver *driver, const PGresult *result)
{
    const struct pawl_postgres_history was = driver->history;

    if (!pawl_postgres_history_read(&driver->history, result)) return true;
    const char *system = driver->history.system;

    if (driver->system[0] == '\0') (void)snprintf(driver->system, sizeof was.system, "%s", system);
    driver->is_foreign = strcmp(driver->system, system) != 0;
    if (driver->is_foreign) {
        (void)pawl_fail(&driver->facts.error, PAWL_STORE,
                        "another PostgreSQL cluster answers under the same URL (system identifier "
                        "%.20s, it was %s): if that is meant, restart pawl",
                        system, driver->system);
        return false;
    }
    if (was.timeline != 0 && driver->history.timeline != was.timeline) {
        pawl_log(PAWL_LOG_WARN, "store changed its timeline",
                 "store=postgres timeline=%" PRIu64 " was=%" PRIu64, driver->history.timeline,
                 was.timeline);
    }
    return true;
}

static void identity_result(struct pg_driver *driver, struct pg_group *group,
                            const PGresult *result)
{
    (void)group;
    (void)pawl_pg_history_seen(driver, result);
}

/* It may be forbidden to look: CHECK says so. */
static void identified(struct pg_driver *driver, struct pg_group *group)
{
    const struct pawl_postgres_command command = {.text = driver->sql.texts[PAWL_POSTGRES_SESSION]};

    if (group->rolled_back) driver->history = (struct pawl_postgres_history){.timeline = 0};
    if (group->doubtful) {
        fail_opening(driver, group);
        return;
    }
    driver->anew = false;
    if (driver->is_foreign) {
        driver->facts.known = driver->facts.usable = false;
        pawl_pg_opening_end(driver);
    } else if (driver->facts.direct) {
        (void)send_one(driver, &session_ops, &command);
    } else {
        pawl_pg_opening_end(driver);
    }
}

static const struct pg_group_ops identity_ops = {.result = identity_result, .synced = identified};

static void facts_result(struct pg_driver *driver, struct pg_group *group, const PGresult *result)
{
    (void)group;
    judge(driver, result);
    if (!driver->facts.known) return;
    driver->facts.direct =
        strtol(text_of(result, PAWL_POSTGRES_FACT_PID), NULL, 10) == PQbackendPID(driver->conn.pg);
}

static void facts_known(struct pg_driver *driver, struct pg_group *group)
{
    const struct pawl_postgres_command command = {.text =
                                                      driver->sql.texts[PAWL_POSTGRES_IDENTITY]};

    if (group->doubtful || group->rolled_back) {
        fail_opening(driver, group);
    } else {
        (void)send_one(driver, &identity_ops, &command);
    }
}

static const struct pg_group_ops facts_ops = {.result = facts_result, .synced = facts_known};

void pawl_pg_opening_begin(struct pg_driver *driver)
{
    const char *values[] = {driver->target.table};
    const struct pawl_postgres_command command = {
        .text = driver->sql.texts[PAWL_POSTGRES_FACTS], .count = 1, .values = values};

    driver->opening = true;
    driver->opening_end_ns = 0;
    driver->facts = (struct pg_facts){.known = false};
    driver->is_foreign = false;
    (void)send_one(driver, &facts_ops, &command);
}

/* PING: the facts, and how far the server has come. */

static void ping_told(struct pg_driver *driver, struct pg_group *group)
{
    struct pg_ride *ride = pawl_pg_rides_pop(&group->rides);

    if (group->doubtful || driver->is_foreign) {
        driver->anew = true;
        pawl_pg_ride_fail(driver, ride, PAWL_OP_FAILED,
                          driver->is_foreign ? &driver->facts.error : &group->error);
        return;
    }
    ride->op->end = PAWL_OP_DONE;
    pawl_pg_ride_end(driver, ride);
}

static const struct pg_group_ops ping_identity_ops = {.result = identity_result,
                                                      .synced = ping_told};

static void ping_identity(struct pg_driver *driver, struct pg_ride *ride)
{
    const struct pawl_postgres_command command = {.text =
                                                      driver->sql.texts[PAWL_POSTGRES_IDENTITY]};
    struct pg_group *group = pawl_pg_group_with(driver, &ping_identity_ops, OP_NS, ride);

    if (group == NULL) return;
    pawl_pg_group_add(driver, group, &command);
    pawl_pg_group_send(driver, group);
}

static void ping_result(struct pg_driver *driver, struct pg_group *group, const PGresult *result)
{
    judge(driver, result);
    group->rides.first->written = true;
}

static void pinged(struct pg_driver *driver, struct pg_group *group)
{
    struct pg_ride *ride = pawl_pg_rides_pop(&group->rides);

    if (!ride->written) {
        pawl_pg_ride_fail(driver, ride, PAWL_OP_FAILED, &group->error);
    } else if (!driver->facts.usable) {
        driver->anew = true;
        pawl_pg_ride_fail(driver, ride, PAWL_OP_FAILED, &driver->facts.error);
    } else {
        ping_identity(driver, ride);
    }
}

static const struct pg_group_ops ping_ops = {.result = ping_result, .synced = pinged};

void pawl_pg_ping(struct pg_driver *driver, struct pg_ride *ride)
{
    const char *values[] = {driver->target.table};
    const struct pawl_postgres_command command = {
        .text = driver->sql.texts[PAWL_POSTGRES_FACTS], .count = 1, .values = values};
    struct pg_group *group = pawl_pg_group_with(driver, &ping_ops, OP_NS, ride);

    if (group == NULL) return;
    pawl_pg_group_add(driver, group, &command);
    pawl_pg_group_send(driver, group);
}

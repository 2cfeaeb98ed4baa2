/* SPDX-License-Identifier: Apache-2.0 */
/* pawl store init, and pawl store check. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "store/postgres/postgres_own.h"

/* INIT. */

static void init_result(struct pg_driver *driver, struct pg_group *group, const PGresult *result)
{
    (void)driver;
    (void)group;
    (void)result;
}

static void init_over(struct pg_driver *driver, struct pg_group *group)
{
    struct pg_ride *ride = pawl_pg_rides_pop(&group->rides);

    driver->anew = true; /* the next connection finds the table */
    driver->cooling = false;
    if (group->doubtful || group->rolled_back) {
        pawl_pg_ride_fail(driver, ride, group->doubtful ? PAWL_OP_UNKNOWN : PAWL_OP_FAILED,
                          &group->error);
        return;
    }
    ride->op->end = PAWL_OP_DONE;
    pawl_pg_ride_end(driver, ride);
}

static const struct pg_group_ops init_ops = {.result = init_result, .synced = init_over};

void pawl_pg_init(struct pg_driver *driver, struct pg_ride *ride)
{
    static const enum pawl_postgres_statement steps[] = {
        PAWL_POSTGRES_LOCAL, PAWL_POSTGRES_INIT_LOCK, PAWL_POSTGRES_INIT_TABLE,
        PAWL_POSTGRES_INIT_COMMENT};

    if (driver->facts.usable) {
        ride->op->end = PAWL_OP_DONE;
        pawl_pg_ride_end(driver, ride);
        return;
    }
    if (driver->facts.error.code != PAWL_MISSING) {
        pawl_pg_ride_fail(driver, ride, PAWL_OP_FAILED, &driver->facts.error);
        return;
    }
    struct pg_group *group = pawl_pg_group_with(driver, &init_ops, INIT_NS, ride);

    if (group == NULL) return;
    for (size_t i = 0; i < PAWL_COUNT(steps); i++) {
        pawl_pg_group_add(driver, group,
                          &(struct pawl_postgres_command){.text = driver->sql.texts[steps[i]]});
    }
    group->skip = PAWL_COUNT(steps);
    pawl_pg_group_send(driver, group);
}

/* CHECK. */

enum column {
    COLUMN_VERSION,
    COLUMN_RECOVERY,
    COLUMN_READ_ONLY,
    COLUMN_FSYNC,
    COLUMN_FULL_PAGES,
    COLUMN_COMMIT,
    COLUMN_STANDBY_NAMES,
    COLUMN_STANDBYS,
    COLUMN_SYNC_STANDBYS,
    COLUMN_ENCODING,
    COLUMN_PERSISTENCE,
    COLUMN_TRIGGERS,
    COLUMN_ROW_SECURITY,
    COLUMN_RULES,
    COLUMN_COLLATION,
    COLUMN_KEYS,
    COLUMN_MAY_DELETE,
    COLUMNS,
};

struct answers {
    struct pawl_check *check;
    const PGresult *result;
};

static const char *text_of(const struct answers *answers, enum column column)
{
    if (PQgetisnull(answers->result, 0, (int)column) != 0) return "";
    return PQgetvalue(answers->result, 0, (int)column);
}

static bool says(const struct answers *answers, enum column column, const char *text)
{
    return strcmp(text_of(answers, column), text) == 0;
}

/* One item: as it should be, or else verdict and advice. */
static void item(const struct answers *answers, const char *what, enum column column,
                 enum pawl_check_verdict verdict, const char *advice)
{
    answers->check->item(answers->check, what, verdict, text_of(answers, column),
                         verdict == PAWL_CHECK_KEEPS ? NULL : advice);
}

static enum pawl_check_verdict unless(bool good, enum pawl_check_verdict verdict)
{
    return good ? PAWL_CHECK_KEEPS : verdict;
}

static void check_server(const struct pg_driver *driver, const struct answers *answers)
{
    bool remembers =
        says(answers, COLUMN_COMMIT, "on") || says(answers, COLUMN_COMMIT, "remote_apply");

    item(answers, "server version", COLUMN_VERSION,
         unless(strtol(text_of(answers, COLUMN_VERSION), NULL, 10) >= 10, PAWL_CHECK_WARNS),
         "use PostgreSQL 10 or newer");
    item(answers, "in recovery (standby)", COLUMN_RECOVERY,
         unless(says(answers, COLUMN_RECOVERY, "f"), PAWL_CHECK_WARNS),
         "name the primary in the URL, or all hosts");
    item(answers, "default_transaction_read_only", COLUMN_READ_ONLY,
         unless(says(answers, COLUMN_READ_ONLY, "off"), PAWL_CHECK_WARNS),
         "set it to off for this user: no ids can be taken");
    if (!driver->target.lasting) {
        answers->check->item(answers->check, "durability", PAWL_CHECK_BREAKS, "none, by the URL",
                             "it gives up the promise: leave durability=none out, and put right "
                             "what is refused then");
    }
    item(answers, "fsync", COLUMN_FSYNC,
         unless(says(answers, COLUMN_FSYNC, "on"), PAWL_CHECK_BREAKS),
         "set fsync = on: a crash loses what was committed");
    item(answers, "full_page_writes", COLUMN_FULL_PAGES,
         unless(says(answers, COLUMN_FULL_PAGES, "on"), PAWL_CHECK_WARNS),
         "set full_page_writes = on, unless the file system writes whole pages (ZFS)");
    answers->check->item(answers->check, "synchronous_commit", PAWL_CHECK_KEEPS,
                         remembers ? text_of(answers, COLUMN_COMMIT)
                                   : "less than on; pawl sets it to on for its own commits",
                         NULL);
}

/* A standby that is promoted without having got all commits takes ids back. */
static void check_standbys(const struct answers *answers)
{
    bool none = says(answers, COLUMN_STANDBYS, "0");
    bool named = text_of(answers, COLUMN_STANDBY_NAMES)[0] != '\0';
    struct pawl_check *check = answers->check;
    char found[200];

    (void)snprintf(found, sizeof found, "%s attached, synchronous_standby_names = '%.120s'",
                   text_of(answers, COLUMN_STANDBYS), text_of(answers, COLUMN_STANDBY_NAMES));
    if (named) {
        check->item(check, "synchronous standbys", unless(!none, PAWL_CHECK_WARNS), found,
                    none ? "none is attached: every commit waits until one is" : NULL);
    } else if (none) {
        check->item(check, "synchronous standbys", PAWL_CHECK_KEEPS, found, NULL);
    } else {
        check->item(check, "synchronous standbys", PAWL_CHECK_BREAKS, found,
                    "set synchronous_standby_names (for two standbys: 'ANY 1 (a, b)'), or never "
                    "promote a standby: it may lack the last commits, whose ids come again");
    }
}

static void check_database(const struct answers *answers)
{
    item(answers, "database encoding", COLUMN_ENCODING,
         unless(says(answers, COLUMN_ENCODING, "UTF8"), PAWL_CHECK_WARNS),
         says(answers, COLUMN_ENCODING, "SQL_ASCII")
             ? "make the database with ENCODING 'UTF8': this one does not check names' bytes"
             : "make the database with ENCODING 'UTF8': names outside this one are refused");
}

static void check_identity(const struct pg_driver *driver, struct pawl_check *check)
{
    const struct pawl_postgres_history *history = &driver->history;
    bool seen = history->system[0] != '\0';
    char found[160];

    (void)snprintf(found, sizeof found, "system %s, timeline %" PRIu64, history->system,
                   history->timeline);
    check->item(check, "identity", unless(seen, PAWL_CHECK_WARNS), seen ? found : "cannot be seen",
                seen ? NULL
                     : "a restored database, a promoted standby or another cluster under this URL "
                       "would not be noticed; GRANT EXECUTE ON FUNCTION pg_control_system(), "
                       "pg_walfile_name(pg_lsn), pg_current_wal_lsn() TO the user");
    check->item(check, "connection", PAWL_CHECK_KEEPS,
                driver->facts.direct ? "direct" : "through a pooler", NULL);
}

static void check_table(const struct pg_driver *driver, const struct answers *answers)
{
    struct pawl_check *check = answers->check;
    bool good = driver->facts.usable || !driver->facts.server_good;

    if (!driver->facts.has_table) {
        check->item(check, "table", PAWL_CHECK_WARNS, "missing",
                    "make it with: pawl store init URL");
        return;
    }
    if (!driver->facts.shaped) return; /* what another's table is like is not pawl's to judge */
    check->item(check, "table", unless(good, PAWL_CHECK_WARNS),
                good ? driver->target.table : driver->facts.error.text, NULL);
    item(answers, "table logged", COLUMN_PERSISTENCE,
         unless(says(answers, COLUMN_PERSISTENCE, "p"), PAWL_CHECK_BREAKS),
         "ALTER TABLE ... SET LOGGED: a crash empties an unlogged table");
    item(answers, "unique key on name", COLUMN_KEYS,
         unless(!says(answers, COLUMN_KEYS, "0"), PAWL_CHECK_BREAKS),
         "CREATE UNIQUE INDEX ON ... (name): with two rows of one name it gives ids twice");
    item(answers, "collation of name", COLUMN_COLLATION,
         unless(says(answers, COLUMN_COLLATION, "C"), PAWL_CHECK_WARNS),
         "ALTER TABLE ... ALTER name TYPE text COLLATE \"C\": listings sort");
    item(answers, "triggers", COLUMN_TRIGGERS,
         unless(says(answers, COLUMN_TRIGGERS, "0"), PAWL_CHECK_WARNS),
         "drop them: they run at every refill, and may change, refuse or swallow it");
    item(answers, "row security", COLUMN_ROW_SECURITY,
         unless(says(answers, COLUMN_ROW_SECURITY, "f"), PAWL_CHECK_WARNS),
         "ALTER TABLE ... DISABLE ROW LEVEL SECURITY: it can hide sequences");
    item(answers, "rules", COLUMN_RULES, unless(says(answers, COLUMN_RULES, "f"), PAWL_CHECK_WARNS),
         "drop them: pawl's statements need a table without");
    item(answers, "may delete rows", COLUMN_MAY_DELETE,
         unless(says(answers, COLUMN_MAY_DELETE, "f"), PAWL_CHECK_WARNS),
         "REVOKE DELETE, TRUNCATE: SELECT, INSERT and UPDATE are enough (an owner keeps them: "
         "let another role own the table)");
}

static void check_result(struct pg_driver *driver, struct pg_group *group, const PGresult *result)
{
    struct pg_ride *ride = group->at;
    const struct answers answers = {.check = ride->op->check, .result = result};

    if (PQntuples(result) != 1 || PQnfields(result) != COLUMNS) return;
    check_server(driver, &answers);
    check_standbys(&answers);
    check_database(&answers);
    check_identity(driver, ride->op->check);
    check_table(driver, &answers);
    ride->written = true;
}

static void check_over(struct pg_driver *driver, struct pg_group *group)
{
    struct pg_ride *ride = pawl_pg_rides_pop(&group->rides);

    if (!ride->written) {
        if (group->error.code == PAWL_OK) {
            (void)pawl_fail(&group->error, PAWL_STORE, "postgres answers what cannot be");
        }
        pawl_pg_ride_fail(driver, ride, PAWL_OP_FAILED, &group->error);
        return;
    }
    /* An item says what breaks. */
    if (!driver->facts.usable && !driver->facts.breaks) {
        pawl_pg_ride_fail(driver, ride, PAWL_OP_FAILED, &driver->facts.error);
        return;
    }
    ride->op->end = PAWL_OP_DONE;
    pawl_pg_ride_end(driver, ride);
}

static const struct pg_group_ops check_ops = {.result = check_result, .synced = check_over};

void pawl_pg_check(struct pg_driver *driver, struct pg_ride *ride)
{
    const char *values[] = {driver->target.table};
    struct pg_group *group = pawl_pg_group_with(driver, &check_ops, OP_NS, ride);

    if (group == NULL) return;
    pawl_pg_group_add(driver, group,
                      &(struct pawl_postgres_command){
                          .text = driver->sql.texts[PAWL_POSTGRES_CHECK],
                          .count = 1,
                          .values = values,
                      });
    pawl_pg_group_send(driver, group);
}

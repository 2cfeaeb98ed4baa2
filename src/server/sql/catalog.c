/* SPDX-License-Identifier: Apache-2.0 */
/* SQLite in memory, shut off from everything else. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "server/sql/catalog_own.h"
#include "server/sql/query_own.h"

struct sql_scan *catalog_scan(sqlite3_context *context)
{
    const struct sql_catalog *catalog = sqlite3_user_data(context);

    PAWL_ASSERT(catalog->scan != NULL);
    return catalog->scan;
}

void catalog_raise(sqlite3_context *context, const char *sqlstate, const char *format, ...)
{
    struct sql_scan *scan = catalog_scan(context);
    char message[SQL_MESSAGE_BYTES_MAX];
    va_list args;

    va_start(args, format);
    (void)vsnprintf(message, sizeof message, format, args);
    va_end(args);
    (void)sql_fail(&scan->error, sqlstate, 0, "%s", message);
    sqlite3_result_error(context, message, -1);
}

bool catalog_pause(struct sql_scan *scan, int64_t steps)
{
    struct sql_catalog *catalog = scan->catalog;
    uint64_t ns = pawl_clock_ns() - scan->begun_ns;
    int64_t by_time = (int64_t)(ns / SQL_STEP_NS);

    if (scan->ending) return false;
    if (scan->spent_ns + ns > SQL_QUERY_MS_MAX * PAWL_NS_PER_MS) {
        return sql_fail(&scan->error, "57014", 0,
                        "canceling statement: a query over catalogs may take %d ms",
                        SQL_QUERY_MS_MAX);
    }
    scan->used += steps;
    if (scan->used < by_time) scan->used = by_time;
    if (scan->used < scan->steps) return true;
    catalog->paused = true;
    sql_fiber_leave(catalog->fiber);
    catalog->paused = false;
    return !scan->ending;
}

static int progress(void *arg)
{
    const struct sql_catalog *catalog = arg;

    /* Outside of the fiber it makes views: what is ours, and short. */
    if (catalog->scan == NULL || !catalog->scan->stepping) return 0;
    return !catalog_pause(catalog->scan, SQL_PROGRESS_STEPS);
}

static void set_limits(sqlite3 *db)
{
    static const struct {
        int which, value;
    } limits[] = {
        {SQLITE_LIMIT_LENGTH, SQL_QUERY_VALUE_BYTES_MAX},
        {SQLITE_LIMIT_SQL_LENGTH, SQL_QUERY_BYTES_MAX},
        {SQLITE_LIMIT_EXPR_DEPTH, 1000},
        {SQLITE_LIMIT_COMPOUND_SELECT, 500},
        {SQLITE_LIMIT_ATTACHED, 0},
        {SQLITE_LIMIT_VARIABLE_NUMBER, SQL_PARAMS_MAX},
        {SQLITE_LIMIT_TRIGGER_DEPTH, 1},
        {SQLITE_LIMIT_WORKER_THREADS, 0},
    };

    for (size_t i = 0; i < PAWL_COUNT(limits); i++) {
        (void)sqlite3_limit(db, limits[i].which, limits[i].value);
    }
    (void)sqlite3_hard_heap_limit64(SQL_HEAP_MAX);
    (void)sqlite3_db_config(db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
    (void)sqlite3_db_config(db, SQLITE_DBCONFIG_ENABLE_LOAD_EXTENSION, 0, NULL);
    (void)sqlite3_db_config(db, SQLITE_DBCONFIG_DQS_DML, 0, NULL);
    (void)sqlite3_db_config(db, SQLITE_DBCONFIG_DQS_DDL, 0, NULL);
}

int catalog_add(struct sql_catalog *catalog, const struct catalog_function *functions, size_t count)
{
    /* One step of one scan sees one state: what a function answers does not change meanwhile. */
    enum { HOW = SQLITE_UTF8 | SQLITE_INNOCUOUS | SQLITE_DETERMINISTIC };

    for (size_t i = 0; i < count; i++) {
        const struct catalog_function *one = &functions[i];
        bool aggregate = one->final != NULL;
        int code = sqlite3_create_function_v2(catalog->db, one->name, one->arguments, HOW, catalog,
                                              aggregate ? NULL : one->call,
                                              aggregate ? one->call : NULL, one->final, NULL);

        if (code != SQLITE_OK) return code;
    }
    return SQLITE_OK;
}

bool catalog_open(struct sql_catalog *catalog)
{
    enum { HOW = SQLITE_OPEN_READWRITE | SQLITE_OPEN_MEMORY | SQLITE_OPEN_NOMUTEX };

    if (catalog->db != NULL) return true;
    if (catalog->fiber == NULL) catalog->fiber = sql_fiber_new(catalog_step, catalog);
    if (catalog->fiber == NULL) return false;
    sql_memory_begin();
    int code = sqlite3_open_v2(":memory:", &catalog->db, HOW, NULL);

    if (code == SQLITE_OK) {
        code = sqlite3_exec(catalog->db, "PRAGMA temp_store = MEMORY", NULL, NULL, NULL);
    }
    if (code == SQLITE_OK) code = catalog_calls_add(catalog);
    if (code == SQLITE_OK) code = catalog_text_add(catalog);
    if (code == SQLITE_OK) code = catalog_array_add(catalog);
    if (code == SQLITE_OK) code = catalog_aggregates_add(catalog);
    if (code == SQLITE_OK) code = catalog_rows_add(catalog);
    if (code == SQLITE_OK) {
        set_limits(catalog->db);
        sqlite3_progress_handler(catalog->db, SQL_PROGRESS_STEPS, progress, catalog);
        return true;
    }
    PAWL_ASSERT(code == SQLITE_NOMEM);
    (void)sqlite3_close(catalog->db);
    catalog->db = NULL;
    return false;
}

struct sql_catalog *sql_catalog_new(void)
{
    return calloc(1, sizeof(struct sql_catalog));
}

void sql_catalog_free(struct sql_catalog *catalog)
{
    while (catalog != NULL) {
        struct sql_catalog *next = catalog->next;

        PAWL_ASSERT(catalog->scan == NULL);
        if (catalog->db != NULL) (void)sqlite3_close(catalog->db);
        sql_fiber_free(catalog->fiber);
        free(catalog);
        catalog = next;
    }
}

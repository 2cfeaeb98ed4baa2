/* SPDX-License-Identifier: Apache-2.0 */
/* One run of a query: what it is given, its parameters, its rows. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "server/sql/cast.h"
#include "server/sql/catalog_number.h"
#include "server/sql/catalog_own.h"
#include "server/sql/query_own.h"
#include "server/sql/shortest.h"

/* SQLite's own words do not reach the client: what went wrong, in ours. */
static void judge(struct sql_scan *scan, int code)
{
    struct sql_error *error = &scan->error;

    if (error->sqlstate[0] != '\0') return;
    switch (code & 0xff) {
    case SQLITE_NOMEM:
        (void)sql_fail(error, "53200", 0, "out of memory: queries over catalogs may take %d bytes",
                       SQL_QUERY_HEAP_MAX);
        return;
    case SQLITE_TOOBIG:
        (void)sql_fail(error, "54000", 0, "a value in a query over catalogs may have %d bytes",
                       SQL_QUERY_VALUE_BYTES_MAX);
        return;
    default:
        (void)sql_fail(error, "0A000", 0,
                       "this server keeps sequences only and cannot carry out this query over "
                       "catalogs");
        return;
    }
}

static int bind(struct sql_scan *scan, int index, const struct sql_value *value)
{
    struct pawl_bytes text = value->text;
    struct catalog_numeric numeric;
    double number = 0;
    uint32_t oid = 0;

    if (value->null) return sqlite3_bind_null(scan->statement, index);
    switch (value->type) {
    case SQL_BOOL:
    case SQL_INT2:
    case SQL_INT4:
    case SQL_INT8:
    case SQL_OID:
        return sqlite3_bind_int64(scan->statement, index, value->number);
    case SQL_NUMERIC:
        if (!catalog_numeric_read(text, &numeric, &scan->error)) return SQLITE_ERROR;
        return numeric.whole ? sqlite3_bind_int64(scan->statement, index, numeric.number)
                             : sqlite3_bind_double(scan->statement, index, numeric.fraction);
    case SQL_FLOAT8:
    case CATALOG_FLOAT4:
        number = strtod(text.at, NULL); /* copied: a zero byte follows */
        if (isfinite(number)) return sqlite3_bind_double(scan->statement, index, number);
        (void)sql_fail(&scan->error, "0A000", 0,
                       "NaN and infinity are not supported in a query over catalogs");
        return SQLITE_ERROR;
    case SQL_REGCLASS:
        if (!catalog_class_read(scan, text, &oid, &scan->error)) return SQLITE_ERROR;
        return sqlite3_bind_int64(scan->statement, index, oid);
    default:
        return sqlite3_bind_text64(scan->statement, index, text.at, text.size, SQLITE_TRANSIENT,
                                   SQLITE_UTF8);
    }
}

/* Parameters come before what the query wants: kept until the first step. */
static bool keep_params(struct sql_scan *scan, const struct sql_value *params)
{
    size_t count = scan->plan->param_count;

    scan->params = sql_pool_array(&scan->pool, count + 1, sizeof *scan->params);
    for (size_t i = 0; scan->params != NULL && i < count; i++) {
        scan->params[i] = params[i];
        scan->params[i].type = scan->plan->param_types[i];
        scan->params[i].text =
            sql_pool_copy(&scan->pool, params[i].text.at == NULL ? PAWL_BYTES("") : params[i].text);
        if (scan->params[i].text.at == NULL) return false;
        if (scan->error.sqlstate[0] != '\0') continue;
        (void)sql_value_settle(&scan->pool, &scan->params[i], &scan->error);
    }
    return scan->params != NULL;
}

struct sql_scan *sql_scan_new(struct sql_catalog *catalog, const struct sql_plan *plan,
                              const struct sql_value *params, const struct sql_facts *facts)
{
    struct sql_scan *scan = calloc(1, sizeof *scan);

    if (scan == NULL) return NULL;
    scan->first = catalog;
    scan->meter.most = SQL_QUERY_HEAP_MAX;
    scan->plan = plan;
    scan->facts = facts;
    scan->row = calloc(plan->column_count + 1, sizeof *scan->row);
    scan->texts = calloc(plan->column_count + 1, sizeof *scan->texts);
    if (scan->row == NULL || scan->texts == NULL || !keep_params(scan, params)) {
        sql_scan_free(scan);
        return NULL;
    }
    return scan;
}

static bool no_memory(struct sql_error *error)
{
    return sql_fail(error, "53200", 0, "out of memory");
}

bool sql_scan_add(struct sql_scan *scan, const struct sql_sequence *sequence,
                  struct sql_error *error)
{
    PAWL_ASSERT(scan->by_oid == NULL);
    if (scan->count == SQL_CATALOG_SEQUENCES_MAX) {
        return sql_fail(error, "54000", 0, "a query over catalogs can look at %d sequences",
                        SQL_CATALOG_SEQUENCES_MAX);
    }
    if (scan->count == scan->room) {
        size_t room = scan->room == 0 ? 64 : 2 * scan->room;
        struct entry *entries = realloc(scan->entries, room * sizeof *entries);

        if (entries == NULL) return no_memory(error);
        scan->entries = entries;
        scan->room = room;
    }
    struct pawl_bytes name = sql_pool_copy(&scan->pool, sequence->name);

    if (name.at == NULL) return no_memory(error);
    catalog_entry_set(&scan->entries[scan->count++], sequence, name);
    return true;
}

bool sql_scan_relation(struct sql_scan *scan, size_t index, const struct sql_sequence *sequence,
                       struct sql_error *error)
{
    PAWL_ASSERT(index < scan->plan->of.query->relation_count);
    struct pawl_bytes name = sql_pool_copy(&scan->pool, sequence->name);

    if (name.at == NULL) return no_memory(error);
    catalog_entry_set(&scan->relations[index], sequence, name);
    if (!scan->plan->of.query->reads[index] || scan->facts->may(scan->facts->arg, name, "SELECT")) {
        return true;
    }
    struct pawl_bytes relation = scan->relations[index].name.relation;

    return sql_fail(error, "42501", 0, "permission denied for sequence %.*s", (int)relation.size,
                    relation.at);
}

/* The first one in which nobody is in the middle of a step; NULL: no memory, or the last resort. */
static struct sql_catalog *free_catalog(struct sql_catalog *catalog)
{
    for (size_t count = 1; catalog->scan != NULL; count++) {
        if (count == SQL_CATALOGS_MAX) return catalog;
        if (catalog->next == NULL) catalog->next = sql_catalog_new();
        if (catalog->next == NULL) return catalog;
        catalog = catalog->next;
    }
    return catalog_open(catalog) ? catalog : NULL;
}

/* Before the first step: SQLite makes its program, on the thread's own stack, in one go. */
static int prepare(struct sql_scan *scan)
{
    const struct sql_query *query = scan->plan->of.query;

    if (scan->error.sqlstate[0] != '\0') return SQLITE_ERROR; /* a parameter is none */
    int code = catalog_need(scan->catalog, query->used);
    if (code != SQLITE_OK) return code;
    (void)sql_memory_of(&scan->meter);
    code = sqlite3_prepare_v3(scan->catalog->db, query->sql, -1, 0, &scan->statement, NULL);
    (void)sql_memory_of(NULL);
    PAWL_ASSERT(code != SQLITE_OK || sqlite3_stmt_readonly(scan->statement));
    return code;
}

/* The first step: everything that it wanted has been added. */
static int begin(struct sql_scan *scan)
{
    const struct sql_query *query = scan->plan->of.query;
    int code = SQLITE_OK;

    scan->begun = true;
    if (!catalog_sort(scan)) return SQLITE_NOMEM;
    catalog_path_read(scan);
    for (size_t i = 0; i < query->relation_count; i++) {
        struct entry *entry = &scan->relations[i];
        const struct entry *listed =
            catalog_entry_named(scan, entry->name.schema, entry->name.relation);

        if (listed != NULL) entry->oid = listed->oid;
    }
    for (size_t i = 0; i < scan->plan->param_count && code == SQLITE_OK; i++) {
        /* A parameter that is nowhere in the statement has nowhere to be bound. */
        if ((int)i >= sqlite3_bind_parameter_count(scan->statement)) break;
        code = bind(scan, (int)i + 1, &scan->params[i]);
    }
    return code;
}

static char *number_text(double number)
{
    char text[SQL_FLOAT_BYTES];

    return sqlite3_mprintf("%.*s", (int)sql_float_put(number, text), text);
}

static bool own_text(struct sql_scan *scan, size_t index, char *text)
{
    scan->texts[index] = text;
    if (text == NULL) return no_memory(&scan->error);
    scan->row[index].text = (struct pawl_bytes){text, strlen(text)};
    return true;
}

static bool read_column(struct sql_scan *scan, size_t index)
{
    sqlite3_stmt *statement = scan->statement;
    struct sql_value *value = &scan->row[index];
    int column = (int)index;
    int found = sqlite3_column_type(statement, column);
    char text[CATALOG_NUMERIC_TEXT_BYTES];

    *value =
        (struct sql_value){.type = scan->plan->columns[index].type, .null = found == SQLITE_NULL};
    if (value->null) return true;
    switch (value->type) {
    case SQL_BOOL:
    case SQL_INT2:
    case SQL_INT4:
    case SQL_INT8:
    case SQL_OID:
        value->number = sqlite3_column_int64(statement, column);
        return true;
    case SQL_REGCLASS:
    case SQL_REGTYPE:
    case CATALOG_REGPROC:
    case CATALOG_REGROLE:
    case CATALOG_REGNAMESPACE:
        value->number = sqlite3_column_int64(statement, column); /* in binary it is that */
        return own_text(scan, index, catalog_reg_text(scan, (uint32_t)value->number, value->type));
    case SQL_NUMERIC:
        if (found == SQLITE_FLOAT) {
            double number = sqlite3_column_double(statement, column);

            if (!catalog_numeric_show(number, text, &scan->error)) return false;
            return own_text(scan, index, sqlite3_mprintf("%s", text));
        }
        value->text.at = (const char *)sqlite3_column_text(statement, column);
        value->text.size = (size_t)sqlite3_column_bytes(statement, column);
        return value->text.at != NULL || no_memory(&scan->error);
    default:
        if (found == SQLITE_FLOAT) {
            return own_text(scan, index, number_text(sqlite3_column_double(statement, column)));
        }
        value->text.at = (const char *)sqlite3_column_text(statement, column);
        value->text.size = (size_t)sqlite3_column_bytes(statement, column);
        return value->text.at != NULL || no_memory(&scan->error);
    }
}

static void forget_texts(struct sql_scan *scan)
{
    for (size_t i = 0; scan->texts != NULL && i < scan->plan->column_count; i++) {
        sqlite3_free(scan->texts[i]);
        scan->texts[i] = NULL;
    }
}

void catalog_step(void *arg)
{
    struct sql_catalog *catalog = arg;
    struct sql_scan *scan = catalog->scan;

    catalog->code = scan->begun ? SQLITE_OK : begin(scan);
    if (catalog->code == SQLITE_OK) catalog->code = sqlite3_step(scan->statement);
}

/* As far as its steps go. */
static void go_on(struct sql_scan *scan)
{
    scan->stepping = true;
    (void)sql_memory_of(&scan->meter);
    sql_fiber_enter(scan->catalog->fiber);
    (void)sql_memory_of(NULL);
    scan->stepping = false;
}

static enum sql_step step(struct sql_scan *scan)
{
    int code = scan->statement == NULL ? prepare(scan) : SQLITE_OK;

    if (code == SQLITE_OK) {
        go_on(scan);
        if (scan->catalog->paused) return SQL_STEP_AGAIN;
        code = scan->catalog->code;
    }
    if (code == SQLITE_DONE) return SQL_STEP_DONE;
    if (code != SQLITE_ROW) {
        judge(scan, code);
        return SQL_STEP_ERROR;
    }
    for (size_t i = 0; i < scan->plan->column_count; i++) {
        if (!read_column(scan, i)) return SQL_STEP_ERROR;
    }
    return SQL_STEP_ROW;
}

/* Whether it may make its step now: nobody else is in the middle of one. */
static bool may_step(struct sql_scan *scan)
{
    if (scan->catalog == NULL || scan->statement == NULL) {
        scan->catalog = free_catalog(scan->first);
    }
    return scan->catalog != NULL && (scan->catalog->scan == NULL || scan->catalog->scan == scan);
}

enum sql_step sql_scan_step(struct sql_scan *scan, int64_t *steps, const struct sql_value **row,
                            struct sql_error *error)
{
    if (*steps <= 0) return SQL_STEP_AGAIN;
    if (!may_step(scan)) {
        if (scan->catalog != NULL) return SQL_STEP_AGAIN;
        (void)no_memory(error);
        return SQL_STEP_ERROR;
    }
    forget_texts(scan);
    scan->catalog->scan = scan;
    scan->steps = *steps;
    scan->used = 1;
    scan->begun_ns = pawl_clock_ns();
    enum sql_step end = step(scan);

    uint64_t spent_ns = pawl_clock_ns() - scan->begun_ns;
    int64_t by_time = (int64_t)(spent_ns / SQL_STEP_NS);
    scan->spent_ns += spent_ns;
    *steps -= scan->used > by_time ? scan->used : by_time;
    if (end != SQL_STEP_AGAIN) scan->catalog->scan = NULL;
    *row = scan->row;
    if (end == SQL_STEP_ERROR) *error = scan->error;
    return end;
}

size_t sql_scan_bytes(const struct sql_scan *scan)
{
    size_t sqlite = scan->meter.bytes > 0 ? (size_t)scan->meter.bytes : 0;

    return sqlite + scan->room * sizeof *scan->entries + scan->count * sizeof *scan->by_oid +
           scan->pool.bytes;
}

/* Out of the middle of a step: SQLite has to clean up. */
static void end_step(struct sql_scan *scan)
{
    struct sql_catalog *catalog = scan->catalog;

    if (catalog == NULL || catalog->scan != scan) return;
    scan->ending = true;
    go_on(scan);
    PAWL_ASSERT(!catalog->paused);
    catalog->scan = NULL;
}

void sql_scan_free(struct sql_scan *scan)
{
    if (scan == NULL) return;
    end_step(scan);
    (void)sqlite3_finalize(scan->statement);
    forget_texts(scan);
    free(scan->texts);
    free(scan->row);
    free(scan->by_oid);
    free(scan->entries);
    sql_pool_free(&scan->pool);
    free(scan);
}

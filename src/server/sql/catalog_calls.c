/* SPDX-License-Identifier: Apache-2.0 */
/* Functions about the session, names, types and rights. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "pawl/pawl.h"
#include "server/sql/catalog_own.h"

static void result_text(sqlite3_context *context, const char *text)
{
    if (text == NULL) {
        sqlite3_result_null(context);
    } else {
        sqlite3_result_text(context, text, -1, SQLITE_TRANSIENT);
    }
}

/* text of sqlite3_malloc, which goes. */
static void result_own(sqlite3_context *context, char *text)
{
    if (text == NULL) {
        sqlite3_result_error_nomem(context);
    } else {
        sqlite3_result_text(context, text, -1, sqlite3_free);
    }
}

static uint32_t oid_of(sqlite3_value *value)
{
    return (uint32_t)sqlite3_value_int64(value);
}

static void call_version(sqlite3_context *context, int count, sqlite3_value **values)
{
    (void)count, (void)values;
    result_text(context, "PostgreSQL " SQL_POSTGRES_VERSION " (pawl " PAWL_VERSION ")");
}

static void call_user(sqlite3_context *context, int count, sqlite3_value **values)
{
    (void)count, (void)values;
    result_text(context, catalog_scan(context)->facts->user);
}

static void call_database(sqlite3_context *context, int count, sqlite3_value **values)
{
    (void)count, (void)values;
    result_text(context, catalog_scan(context)->facts->database);
}

static void call_pid(sqlite3_context *context, int count, sqlite3_value **values)
{
    (void)count, (void)values;
    sqlite3_result_int64(context, catalog_scan(context)->facts->pid);
}

static void call_schema(sqlite3_context *context, int count, sqlite3_value **values)
{
    const struct sql_scan *scan = catalog_scan(context);

    (void)count, (void)values;
    if (scan->path_count == 0) return;
    sqlite3_result_text(context, scan->path[0].at, (int)scan->path[0].size, SQLITE_TRANSIENT);
}

static void call_schemas(sqlite3_context *context, int count, sqlite3_value **values)
{
    const struct sql_scan *scan = catalog_scan(context);
    sqlite3_str *text = sqlite3_str_new(NULL);
    bool all = sqlite3_value_int(values[0]) != 0;

    (void)count;
    sqlite3_str_appendall(text, all ? "{pg_catalog" : "{");
    for (size_t i = 0; i < scan->path_count; i++) {
        sqlite3_str_appendf(text, "%s%.*s", i > 0 || all ? "," : "", (int)scan->path[i].size,
                            scan->path[i].at);
    }
    sqlite3_str_appendall(text, "}");
    result_own(context, sqlite3_str_finish(text));
}

static void call_setting(sqlite3_context *context, int count, sqlite3_value **values)
{
    const struct sql_facts *facts = catalog_scan(context)->facts;
    struct pawl_bytes name = catalog_text(values[0]);
    char lower[128];
    size_t size = name.size < sizeof lower ? name.size : sizeof lower - 1;

    for (size_t i = 0; i < size; i++) {
        lower[i] = name.at[i] >= 'A' && name.at[i] <= 'Z' ? (char)(name.at[i] + 32) : name.at[i];
    }
    const char *value = facts->setting(facts->arg, (struct pawl_bytes){lower, size});

    if (value == NULL && (count < 2 || sqlite3_value_int(values[1]) == 0)) {
        catalog_raise(context, "42704", "unrecognized configuration parameter \"%.*s\"", (int)size,
                      name.at);
        return;
    }
    result_text(context, value);
}

/* Microseconds since 1970 as PostgreSQL shows a timestamptz in UTC. */
static void result_time(sqlite3_context *context, int64_t now_us)
{
    sqlite3_int64 days = now_us / 86400000000;
    int64_t rest = now_us % 86400000000;
    /* Civil date from a count of days: the era of 400 years that it is in, and its place there. */
    int64_t shifted = days + 719468;
    int64_t era = shifted / 146097;
    int64_t of_era = shifted - era * 146097;
    int64_t year = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
    int64_t of_year = of_era - (365 * year + year / 4 - year / 100);
    int64_t month = (5 * of_year + 2) / 153;
    int64_t shown_year = year + era * 400 + (month > 9 ? 1 : 0);
    int64_t shown_month = month < 10 ? month + 3 : month - 9;
    int64_t shown_day = of_year - (153 * month + 2) / 5 + 1;
    char text[64];

    (void)snprintf(text, sizeof text,
                   "%04" PRId64 "-%02" PRId64 "-%02" PRId64 " %02" PRId64 ":%02" PRId64
                   ":%02" PRId64 ".%06" PRId64 "+00",
                   shown_year, shown_month, shown_day, rest / 3600000000, rest / 60000000 % 60,
                   rest / 1000000 % 60, rest % 1000000);
    result_text(context, text);
}

static void call_now(sqlite3_context *context, int count, sqlite3_value **values)
{
    (void)count, (void)values;
    result_time(context, catalog_scan(context)->facts->now_us);
}

static void call_server_start(sqlite3_context *context, int count, sqlite3_value **values)
{
    (void)count, (void)values;
    result_time(context, catalog_scan(context)->facts->server_us);
}

/* format_type (oid, modifier) */
static void call_format_type(sqlite3_context *context, int count, sqlite3_value **values)
{
    const struct catalog_type *type = catalog_type_find(oid_of(values[0]));
    int modifier = catalog_null(values[1]) ? -1 : sqlite3_value_int(values[1]);

    (void)count;
    if (catalog_null(values[0])) return;
    if (type == NULL) {
        result_text(context, oid_of(values[0]) == 0 ? "-" : "???");
    } else if (modifier > 4 && (type->oid == SQL_VARCHAR || type->oid == CATALOG_BPCHAR)) {
        result_own(context, sqlite3_mprintf("%s(%d)", type->display, modifier - 4));
    } else {
        result_text(context, type->display);
    }
}

static void call_visible(sqlite3_context *context, int count, sqlite3_value **values)
{
    (void)count;
    if (catalog_null(values[0])) return;
    sqlite3_result_int(context, catalog_visible(catalog_scan(context), oid_of(values[0])));
}

static void call_to_regclass(sqlite3_context *context, int count, sqlite3_value **values)
{
    struct sql_error error;
    uint32_t oid = 0;

    (void)count;
    if (catalog_null(values[0])) return;
    if (catalog_class_read(catalog_scan(context), catalog_text(values[0]), &oid, &error)) {
        sqlite3_result_int64(context, oid);
    } else if (strcmp(error.sqlstate, "42P01") != 0) {
        catalog_raise(context, error.sqlstate, "%s", error.message);
    }
}

static void call_to_regtype(sqlite3_context *context, int count, sqlite3_value **values)
{
    const struct catalog_type *type = catalog_type_written(catalog_text(values[0]));

    (void)count;
    if (!catalog_null(values[0]) && type != NULL) sqlite3_result_int64(context, type->oid);
}

static void call_to_regnamespace(sqlite3_context *context, int count, sqlite3_value **values)
{
    uint32_t oid = 0;

    (void)count;
    if (catalog_schema_read(catalog_scan(context), catalog_text(values[0]), &oid)) {
        sqlite3_result_int64(context, oid);
    }
}

/* What a text names among schemas, roles and functions. */
static bool reg_read(sqlite3_context *context, struct pawl_bytes text, uint32_t type, uint32_t *oid)
{
    const struct sql_scan *scan = catalog_scan(context);
    int64_t number = 0;

    if (pawl_bytes_to_i64(text, &number) && number >= 0 && number <= UINT32_MAX) {
        *oid = (uint32_t)number;
        return true;
    }
    if (text.size > 11 && memcmp(text.at, "pg_catalog.", 11) == 0) {
        text = (struct pawl_bytes){text.at + 11, text.size - 11};
    }
    *oid = CATALOG_OWNER;
    if (type == CATALOG_REGNAMESPACE) {
        if (catalog_schema_read(scan, text, oid)) return true;
        catalog_raise(context, "3F000", "schema \"%.*s\" does not exist", (int)text.size, text.at);
        return false;
    }
    if (type == CATALOG_REGROLE) {
        if (strlen(scan->facts->user) == text.size &&
            memcmp(scan->facts->user, text.at, text.size) == 0) {
            return true;
        }
        catalog_raise(context, "42704", "role \"%.*s\" does not exist", (int)text.size, text.at);
        return false;
    }
    for (size_t i = 0; i < catalog_proc_count; i++) {
        if (strlen(catalog_procs[i].name) != text.size ||
            memcmp(catalog_procs[i].name, text.at, text.size) != 0) {
            continue;
        }
        *oid = catalog_procs[i].oid;
        return true;
    }
    catalog_raise(context, "42883", "function \"%.*s\" does not exist", (int)text.size, text.at);
    return false;
}

static void call_reg(sqlite3_context *context, int count, sqlite3_value **values)
{
    uint32_t oid = 0;

    (void)count;
    if (reg_read(context, catalog_text(values[0]), oid_of(values[1]), &oid)) {
        sqlite3_result_int64(context, oid);
    }
}

/* The oid of relation i of the query, which the session has found. */
static void call_relation_oid(sqlite3_context *context, int count, sqlite3_value **values)
{
    int index = sqlite3_value_int(values[0]);

    (void)count;
    PAWL_ASSERT(index >= 0 && index < SQL_RELATIONS_MAX);
    sqlite3_result_int64(context, catalog_scan(context)->relations[index].oid);
}

/* One word of "USAGE, SELECT": spaces around it do not count. */
static bool next_word(struct pawl_bytes *list, struct pawl_bytes *word)
{
    while (list->size > 0 && (*list->at == ' ' || *list->at == ',')) {
        list->at++;
        list->size--;
    }
    *word = (struct pawl_bytes){list->at, 0};
    while (list->size > 0 && *list->at != ',') {
        word->size++;
        list->at++;
        list->size--;
    }
    while (word->size > 0 && word->at[word->size - 1] == ' ') {
        word->size--;
    }
    return word->size > 0;
}

static const struct entry *entry_of(const struct sql_scan *scan, uint32_t oid)
{
    for (size_t i = 0; i < SQL_RELATIONS_MAX; i++) {
        if (scan->relations[i].oid == oid) return &scan->relations[i];
    }
    return catalog_entry_find(scan, oid);
}

/* Whether the user may do one of the words of a list with a sequence; anybody may read catalogs. */
static void call_may(sqlite3_context *context, int count, sqlite3_value **values)
{
    static const char *const known[] = {"SELECT", "UPDATE",   "USAGE",      "INSERT",
                                        "DELETE", "TRUNCATE", "REFERENCES", "TRIGGER"};
    const struct sql_scan *scan = catalog_scan(context);
    const struct entry *entry = entry_of(scan, oid_of(values[0]));
    struct pawl_bytes list = catalog_text(values[1]);
    struct pawl_bytes word;
    struct sql_error error;
    struct pawl_name store;
    bool may = false;

    (void)count;
    if (catalog_null(values[0]) || catalog_null(values[1]) || oid_of(values[0]) == 0) return;
    if (entry != NULL && !sql_name_to_store(&entry->name, &store, &error)) entry = NULL;
    while (next_word(&list, &word)) {
        size_t i = 0;

        while (i < PAWL_COUNT(known) &&
               !pawl_bytes_equal_nocase(word, (struct pawl_bytes){known[i], strlen(known[i])})) {
            i++;
        }
        if (i == PAWL_COUNT(known)) {
            catalog_raise(context, "22023", "unrecognized privilege type: \"%.*s\"", (int)word.size,
                          word.at);
            return;
        }
        if (entry == NULL) may = may || i == 0;
        if (entry != NULL && i < 3) {
            may = may || scan->facts->may(scan->facts->arg, pawl_name_bytes(&store), known[i]);
        }
    }
    sqlite3_result_int(context, may);
}

/* Likewise, of a user by name or oid: there is but the session's own. */
static void call_may_as(sqlite3_context *context, int count, sqlite3_value **values)
{
    const struct sql_scan *scan = catalog_scan(context);
    struct pawl_bytes user = catalog_text(values[0]);
    struct pawl_bytes own = {scan->facts->user, strlen(scan->facts->user)};
    bool by_oid = sqlite3_value_type(values[0]) == SQLITE_INTEGER;
    bool known = by_oid ? oid_of(values[0]) == CATALOG_OWNER : pawl_bytes_equal(user, own);

    if (catalog_null(values[0]) || catalog_null(values[1]) || catalog_null(values[2])) return;
    if (known) {
        call_may(context, count - 1, values + 1);
    } else {
        catalog_raise(context, "42704",
                      by_oid ? "role with OID %.*s does not exist" : "role \"%.*s\" does not exist",
                      (int)user.size, user.at);
    }
}

/* pg_get_serial_sequence (table, column): there are no tables, and a sequence owns none. */
static void call_serial(sqlite3_context *context, int count, sqlite3_value **values)
{
    struct sql_error error;
    uint32_t oid = 0;

    (void)count;
    if (catalog_null(values[0]) || catalog_null(values[1])) return;
    if (!catalog_class_read(catalog_scan(context), catalog_text(values[0]), &oid, &error)) {
        catalog_raise(context, error.sqlstate, "%s", error.message);
    }
}

int catalog_calls_add(struct sql_catalog *catalog)
{
    static const struct catalog_function functions[] = {
        {"pawl_version", 0, call_version, NULL},
        {"pawl_user", 0, call_user, NULL},
        {"pawl_database", 0, call_database, NULL},
        {"pawl_pid", 0, call_pid, NULL},
        {"pawl_schema", 0, call_schema, NULL},
        {"pawl_schemas", 1, call_schemas, NULL},
        {"pawl_setting", -1, call_setting, NULL},
        {"pawl_now", 0, call_now, NULL},
        {"pawl_server_start", 0, call_server_start, NULL},
        {"pawl_format_type", 2, call_format_type, NULL},
        {"pawl_visible", 1, call_visible, NULL},
        {"pawl_to_regclass", 1, call_to_regclass, NULL},
        {"pawl_to_regtype", 1, call_to_regtype, NULL},
        {"pawl_to_regnamespace", 1, call_to_regnamespace, NULL},
        {"pawl_reg", 2, call_reg, NULL},
        {"pawl_relation_oid", 1, call_relation_oid, NULL},
        {"pawl_may", 2, call_may, NULL},
        {"pawl_may_as", 3, call_may_as, NULL},
        {"pawl_serial", 2, call_serial, NULL},
    };

    return catalog_add(catalog, functions, PAWL_COUNT(functions));
}

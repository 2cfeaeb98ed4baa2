/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tables of ours in SQLite: the sequences, one sequence as a relation, settings, and what
 * functions that give rows need. Their arguments are hidden columns, as SQLite has it.
 */
#include <string.h>

#include "server/sql/catalog_own.h"

/* One table that is being read. */
struct cursor {
    sqlite3_vtab_cursor base; /* first: SQLite knows no more */
    sqlite3_int64 at, end, step, ordinal;
    struct {
        char *list, *element;
        const char *rest; /* of list */
        uint32_t type;
        bool done;
    } arrays[2]; /* of unnest */
    bool done;
};

struct kind {
    const char *name;
    const char *declaration;
    int first_hidden; /* column; those from here on are arguments */
    int needed;       /* arguments that must be given; -1: column 0 may be given */
    void (*begin)(struct cursor *cursor, int count, sqlite3_value **values);
    void (*next)(struct cursor *cursor);
    void (*column)(struct cursor *cursor, sqlite3_context *context, int column);
};

struct table {
    sqlite3_vtab base;
    const struct kind *kind;
    struct sql_catalog *catalog;
};

static struct table *table_of(const struct cursor *cursor)
{
    return (struct table *)cursor->base.pVtab;
}

static struct sql_scan *scan_of(const struct cursor *cursor)
{
    return table_of(cursor)->catalog->scan;
}

static void count_next(struct cursor *cursor)
{
    cursor->at++;
    cursor->done = cursor->at >= cursor->end;
}

static void result_bytes(sqlite3_context *context, struct pawl_bytes bytes)
{
    sqlite3_result_text(context, bytes.at, (int)bytes.size, SQLITE_TRANSIENT);
}

/* --- pawl_sequence: all there are, or the one with an oid */
static void sequence_begin(struct cursor *cursor, int count, sqlite3_value **values)
{
    const struct sql_scan *scan = scan_of(cursor);

    cursor->end = (sqlite3_int64)scan->count;
    if (count > 0) {
        sqlite3_int64 oid = sqlite3_value_int64(values[0]);
        const struct entry *entry =
            oid < 0 || oid > UINT32_MAX ? NULL : catalog_entry_find(scan, (uint32_t)oid);

        cursor->at = entry == NULL ? 0 : entry - scan->entries;
        cursor->end = entry == NULL ? 0 : cursor->at + 1;
    }
    cursor->done = cursor->at >= cursor->end;
}

static void entry_column(const struct entry *entry, sqlite3_context *context, int column)
{
    const int64_t numbers[] = {
        entry->oid,       0,          0,          entry->schema, entry->type,  entry->start,
        entry->increment, entry->min, entry->max, entry->cycle,  entry->cache, entry->last,
        entry->called};

    if (column == 1 || column == 2) {
        result_bytes(context, column == 1 ? entry->name.schema : entry->name.relation);
    } else {
        sqlite3_result_int64(context, numbers[column]);
    }
}

static void sequence_column(struct cursor *cursor, sqlite3_context *context, int column)
{
    entry_column(&scan_of(cursor)->entries[cursor->at], context, column);
}

/* --- pawl_relation: the one row of a sequence that stands in FROM */
static void relation_begin(struct cursor *cursor, int count, sqlite3_value **values)
{
    (void)count;
    cursor->at = sqlite3_value_int64(values[0]);
    cursor->end = cursor->at + 1;
    PAWL_ASSERT(cursor->at >= 0 && cursor->at < SQL_RELATIONS_MAX);
}

static void relation_column(struct cursor *cursor, sqlite3_context *context, int column)
{
    const struct entry *entry = &scan_of(cursor)->relations[cursor->at];

    if (column == 0) sqlite3_result_int64(context, entry->last);
    if (column == 1) sqlite3_result_int64(context, 0);
    if (column == 2) sqlite3_result_int(context, entry->called);
}

/* --- pawl_series: generate_series of whole numbers */
static void series_begin(struct cursor *cursor, int count, sqlite3_value **values)
{
    for (int i = 0; i < count; i++) {
        if (catalog_null(values[i])) cursor->done = true;
    }
    cursor->at = sqlite3_value_int64(values[0]);
    cursor->end = sqlite3_value_int64(values[1]);
    cursor->step = count > 2 ? sqlite3_value_int64(values[2]) : 1;
    if (cursor->step == 0) cursor->done = true;
    if (cursor->step > 0 ? cursor->at > cursor->end : cursor->at < cursor->end) {
        cursor->done = true;
    }
}

static void series_next(struct cursor *cursor)
{
    sqlite3_int64 next = 0;

    if (__builtin_add_overflow(cursor->at, cursor->step, &next)) {
        cursor->done = true;
        return;
    }
    cursor->at = next;
    cursor->done = cursor->step > 0 ? next > cursor->end : next < cursor->end;
}

static void series_column(struct cursor *cursor, sqlite3_context *context, int column)
{
    if (column == 0) sqlite3_result_int64(context, cursor->at);
    if (column == 1) sqlite3_result_int64(context, cursor->ordinal);
}

/* --- pawl_unnest: an array's elements, or those of two side by side */
static void unnest_next(struct cursor *cursor)
{
    cursor->done = true;
    for (size_t i = 0; i < PAWL_COUNT(cursor->arrays); i++) {
        sqlite3_free(cursor->arrays[i].element);
        cursor->arrays[i].element = NULL;
        if (cursor->arrays[i].list == NULL || cursor->arrays[i].done) continue;
        cursor->arrays[i].done =
            !catalog_array_next(&cursor->arrays[i].rest, &cursor->arrays[i].element);
        cursor->done = cursor->done && cursor->arrays[i].done;
    }
}

static void unnest_begin(struct cursor *cursor, int count, sqlite3_value **values)
{
    for (int i = 0; 2 * i < count; i++) {
        cursor->arrays[i].list = sqlite3_mprintf("%s", catalog_text(values[2 * i]).at);
        cursor->arrays[i].rest = cursor->arrays[i].list;
        cursor->arrays[i].type =
            2 * i + 1 < count ? (uint32_t)sqlite3_value_int64(values[2 * i + 1]) : SQL_TEXT;
    }
    unnest_next(cursor);
}

static void unnest_column(struct cursor *cursor, sqlite3_context *context, int column)
{
    if (column == 1) {
        sqlite3_result_int64(context, cursor->ordinal);
    } else {
        catalog_result_element(context, cursor->arrays[column / 2].element,
                               cursor->arrays[column / 2].type);
    }
}

/* --- pawl_subscripts: generate_subscripts */
static void subscripts_begin(struct cursor *cursor, int count, sqlite3_value **values)
{
    const char *at = catalog_text(values[0]).at;
    bool vector = *at != '{';
    char *text = NULL;

    (void)count;
    while (catalog_array_next(&at, &text)) {
        sqlite3_free(text);
        cursor->end++;
    }
    cursor->at = vector ? 0 : 1;
    cursor->end += cursor->at;
    cursor->done = cursor->at >= cursor->end;
}

/* --- pawl_setting: what SHOW knows */
static const char *const settings[] = {
    "application_name",
    "bytea_output",
    "client_encoding",
    "client_min_messages",
    "DateStyle",
    "default_transaction_isolation",
    "default_transaction_read_only",
    "extra_float_digits",
    "idle_in_transaction_session_timeout",
    "integer_datetimes",
    "IntervalStyle",
    "is_superuser",
    "lc_collate",
    "lc_ctype",
    "lc_messages",
    "lc_monetary",
    "lc_numeric",
    "lc_time",
    "lock_timeout",
    "max_connections",
    "max_identifier_length",
    "max_index_keys",
    "role",
    "search_path",
    "server_encoding",
    "server_version",
    "server_version_num",
    "session_authorization",
    "standard_conforming_strings",
    "statement_timeout",
    "synchronous_commit",
    "TimeZone",
    "transaction_isolation",
    "transaction_read_only",
};

static const char *setting_value(const struct cursor *cursor)
{
    const struct sql_facts *facts = scan_of(cursor)->facts;
    const char *name = settings[cursor->at];
    char lower[64];
    size_t size = 0;

    for (; size < sizeof lower && name[size] != '\0'; size++) {
        lower[size] = name[size] >= 'A' && name[size] <= 'Z' ? (char)(name[size] + 32) : name[size];
    }
    return facts->setting(facts->arg, (struct pawl_bytes){lower, size});
}

static void setting_skip(struct cursor *cursor)
{
    while (cursor->at < cursor->end && setting_value(cursor) == NULL) {
        cursor->at++;
    }
    cursor->done = cursor->at >= cursor->end;
}

static void setting_begin(struct cursor *cursor, int count, sqlite3_value **values)
{
    (void)count, (void)values;
    cursor->end = (sqlite3_int64)PAWL_COUNT(settings);
    setting_skip(cursor);
}

static void setting_next(struct cursor *cursor)
{
    cursor->at++;
    setting_skip(cursor);
}

static void setting_column(struct cursor *cursor, sqlite3_context *context, int column)
{
    sqlite3_result_text(context, column == 0 ? settings[cursor->at] : setting_value(cursor), -1,
                        SQLITE_TRANSIENT);
}

static const struct kind kinds[] = {
    {"pawl_sequence",
     "CREATE TABLE x (oid, schema, name, namespace, type, start, increment, min, max, cycle, "
     "cache, last, called)",
     13, -1, sequence_begin, count_next, sequence_column},
    {"pawl_relation", "CREATE TABLE x (last_value, log_cnt, is_called, which HIDDEN)", 3, 1,
     relation_begin, count_next, relation_column},
    {"pawl_series", "CREATE TABLE x (value, ordinal, low HIDDEN, high HIDDEN, step HIDDEN)", 2, 2,
     series_begin, series_next, series_column},
    {"pawl_unnest",
     "CREATE TABLE x (value, ordinal, other, list HIDDEN, type HIDDEN, list2 HIDDEN, type2 HIDDEN)",
     3, 1, unnest_begin, unnest_next, unnest_column},
    {"pawl_subscripts", "CREATE TABLE x (value, ordinal, list HIDDEN, dimension HIDDEN)", 2, 1,
     subscripts_begin, count_next, series_column},
    {"pawl_setting", "CREATE TABLE x (name, value)", 2, 0, setting_begin, setting_next,
     setting_column},
};

/* --- What SQLite calls */
/* NOLINTNEXTLINE(readability-function-size): SQLite's six parameters */
static int table_connect(sqlite3 *db, void *aux, int count, const char *const *words,
                         sqlite3_vtab **made, char **problem)
{
    const struct kind *kind = NULL;
    struct table *table = sqlite3_malloc(sizeof *table);

    (void)problem;
    PAWL_ASSERT(count > 0);
    if (table == NULL) return SQLITE_NOMEM;
    for (size_t i = 0; i < PAWL_COUNT(kinds); i++) {
        if (strcmp(kinds[i].name, words[0]) == 0) kind = &kinds[i];
    }
    PAWL_ASSERT(kind != NULL);
    *table = (struct table){.kind = kind, .catalog = aux};
    int code = sqlite3_declare_vtab(db, kind->declaration);

    if (code == SQLITE_OK) code = sqlite3_vtab_config(db, SQLITE_VTAB_INNOCUOUS);
    if (code != SQLITE_OK) {
        sqlite3_free(table);
        return code;
    }
    *made = &table->base;
    return SQLITE_OK;
}

static int table_disconnect(sqlite3_vtab *base)
{
    sqlite3_free(base);
    return SQLITE_OK;
}

/* Arguments in order of their columns: those that are needed must be known. */
static int table_plan(sqlite3_vtab *base, sqlite3_index_info *info)
{
    const struct kind *kind = ((struct table *)base)->kind;
    int first = kind->needed < 0 ? 0 : kind->first_hidden;
    int last = kind->needed < 0 ? 0 : kind->first_hidden + 3;
    int given = 0;

    for (int column = first; column <= last; column++) {
        for (int i = 0; i < info->nConstraint; i++) {
            const struct sqlite3_index_constraint *one = &info->aConstraint[i];

            if (one->iColumn != column || one->op != SQLITE_INDEX_CONSTRAINT_EQ) continue;
            if (!one->usable && kind->needed >= 0) return SQLITE_CONSTRAINT;
            if (!one->usable) continue;
            info->aConstraintUsage[i].argvIndex = ++given;
            info->aConstraintUsage[i].omit = kind->needed >= 0;
            break;
        }
    }
    if (given < kind->needed) return SQLITE_CONSTRAINT;
    bool one = kind->needed < 0 && given > 0;

    info->estimatedCost = one ? 1 : 1000;
    info->estimatedRows = one ? 1 : 1000;
    if (one) info->idxFlags = SQLITE_INDEX_SCAN_UNIQUE;
    return SQLITE_OK;
}

static int cursor_open(sqlite3_vtab *base, sqlite3_vtab_cursor **made)
{
    struct cursor *cursor = sqlite3_malloc(sizeof *cursor);

    (void)base;
    if (cursor == NULL) return SQLITE_NOMEM;
    *cursor = (struct cursor){.done = true};
    *made = &cursor->base;
    return SQLITE_OK;
}

static void cursor_clear(struct cursor *cursor)
{
    sqlite3_vtab_cursor base = cursor->base;

    for (size_t i = 0; i < PAWL_COUNT(cursor->arrays); i++) {
        sqlite3_free(cursor->arrays[i].list);
        sqlite3_free(cursor->arrays[i].element);
    }
    *cursor = (struct cursor){.base = base};
}

static int cursor_close(sqlite3_vtab_cursor *base)
{
    struct cursor *cursor = (struct cursor *)base;

    cursor_clear(cursor);
    sqlite3_free(cursor);
    return SQLITE_OK;
}

static int cursor_filter(sqlite3_vtab_cursor *base, int plan, const char *text, int count,
                         sqlite3_value **values)
{
    struct cursor *cursor = (struct cursor *)base;

    (void)plan, (void)text;
    cursor_clear(cursor);
    cursor->ordinal = 1;
    table_of(cursor)->kind->begin(cursor, count, values);
    return SQLITE_OK;
}

static int cursor_next(sqlite3_vtab_cursor *base)
{
    struct cursor *cursor = (struct cursor *)base;

    cursor->ordinal++;
    table_of(cursor)->kind->next(cursor);
    return SQLITE_OK;
}

static int cursor_eof(sqlite3_vtab_cursor *base)
{
    return ((struct cursor *)base)->done;
}

static int cursor_column(sqlite3_vtab_cursor *base, sqlite3_context *context, int column)
{
    struct cursor *cursor = (struct cursor *)base;
    const struct kind *kind = table_of(cursor)->kind;

    if (column < kind->first_hidden) kind->column(cursor, context, column);
    return SQLITE_OK;
}

static int cursor_rowid(sqlite3_vtab_cursor *base, sqlite3_int64 *rowid)
{
    *rowid = ((struct cursor *)base)->at;
    return SQLITE_OK;
}

static const sqlite3_module module = {
    .xConnect = table_connect,
    .xBestIndex = table_plan,
    .xDisconnect = table_disconnect,
    .xOpen = cursor_open,
    .xClose = cursor_close,
    .xFilter = cursor_filter,
    .xNext = cursor_next,
    .xEof = cursor_eof,
    .xColumn = cursor_column,
    .xRowid = cursor_rowid,
};

int catalog_rows_add(struct sql_catalog *catalog)
{
    int code = SQLITE_OK;

    for (size_t i = 0; i < PAWL_COUNT(kinds) && code == SQLITE_OK; i++) {
        code = sqlite3_create_module_v2(catalog->db, kinds[i].name, &module, catalog, NULL);
    }
    return code;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* The catalogs as SQLite sees them: constant tables, and views over those and the sequences. */
#include <stdio.h>
#include <string.h>

#include "server/sql/catalog_own.h"

static const struct {
    uint32_t oid;
    const char *sql;
} views[] = {
#define VIEW(oid, sql) {oid, sql},
#include "server/sql/catalog_views.def"
#undef VIEW
};

static const char tables[] =
    "CREATE TABLE pawl_class (oid, name, schema, kind, attributes);"
    "CREATE TABLE pawl_attribute (relation, name, type, number);"
    "CREATE TABLE pawl_sequence_column (name, type, length, number, align);"
    "CREATE TABLE pawl_type (oid, name, length, by_value, kind, category, preferred, element, "
    "array, delimiter, align, storage, input, output, receive, send, collation, subscript);"
    "CREATE TABLE pawl_proc (oid, name, result, argument_count, arguments, volatility);"
    "INSERT INTO pawl_sequence_column VALUES ('last_value', 20, 8, 1, 'd'), "
    "('log_cnt', 20, 8, 2, 'd'), ('is_called', 16, 1, 3, 'c');";

/* Runs what sqlite3_mprintf made, and frees it. */
static int run(struct sql_catalog *catalog, char *sql)
{
    int code = sql == NULL ? SQLITE_NOMEM : sqlite3_exec(catalog->db, sql, NULL, NULL, NULL);

    sqlite3_free(sql);
    return code;
}

static int add_types(struct sql_catalog *catalog)
{
    int code = SQLITE_OK;

    for (size_t i = 0; i < catalog_type_count && code == SQLITE_OK; i++) {
        const struct catalog_type *t = &catalog_types[i];
        sqlite3_str *sql = sqlite3_str_new(NULL);

        sqlite3_str_appendf(sql, "INSERT INTO pawl_type VALUES (%u, %Q, %d, %d, %Q, %Q, %d, ",
                            t->oid, t->name, t->length, t->by_value, t->kind, t->category,
                            t->preferred);
        sqlite3_str_appendf(sql, "%u, %u, %Q, %Q, %Q, %u, %u, %u, %u, %u, %u)", t->element,
                            t->array, t->delimiter, t->align, t->storage, t->input, t->output,
                            t->receive, t->send, t->collation, t->subscript);
        code = run(catalog, sqlite3_str_finish(sql));
    }
    return code;
}

static int add_procs(struct sql_catalog *catalog)
{
    int code = SQLITE_OK;

    for (size_t i = 0; i < catalog_proc_count && code == SQLITE_OK; i++) {
        const struct catalog_proc *proc = &catalog_procs[i];

        code =
            run(catalog, sqlite3_mprintf("INSERT INTO pawl_proc VALUES (%u, %Q, %u, %d, %Q, %Q)",
                                         proc->oid, proc->name, proc->result, proc->argument_count,
                                         proc->arguments, proc->volatility));
    }
    return code;
}

static const char *view_of(uint32_t oid)
{
    for (size_t i = 0; i < PAWL_COUNT(views); i++) {
        if (views[i].oid == oid) return views[i].sql;
    }
    return NULL;
}

/* One catalog: its row in pg_class, its columns', and the view or the empty table that it is. */
static int add_relation(struct sql_catalog *catalog, const struct catalog_relation *relation)
{
    const char *view = view_of(relation->oid);
    const char *schema =
        relation->schema == CATALOG_PG_CATALOG ? "pg_catalog" : "information_schema";
    const char *at = relation->columns;
    sqlite3_str *columns = sqlite3_str_new(NULL);
    sqlite3_str *rows = sqlite3_str_new(NULL);
    struct pawl_bytes name;
    uint32_t type = 0;
    int number = 0;

    while (catalog_column_next(&at, &name, &type)) {
        number++;
        sqlite3_str_appendf(columns, "%s\"%.*w\"", number > 1 ? ", " : "", (int)name.size, name.at);
        sqlite3_str_appendf(rows, "%s(%u, '%.*q', %u, %d)", number > 1 ? ", " : "", relation->oid,
                            (int)name.size, name.at, type, number);
    }
    char *list = sqlite3_str_finish(columns);
    char *values = sqlite3_str_finish(rows);
    int code = list == NULL || values == NULL ? SQLITE_NOMEM : SQLITE_OK;

    if (code == SQLITE_OK) {
        code = run(catalog, sqlite3_mprintf("INSERT INTO pawl_attribute VALUES %s;"
                                            "INSERT INTO pawl_class VALUES (%u, %Q, %u, %Q, %d)",
                                            values, relation->oid, relation->name, relation->schema,
                                            relation->kind, number));
    }
    if (code == SQLITE_OK) {
        code = run(catalog,
                   sqlite3_mprintf("CREATE %s \"%s.%w\" (%s)%s%s", view == NULL ? "TABLE" : "VIEW",
                                   schema, relation->name, list, view == NULL ? "" : " AS ",
                                   view == NULL ? "" : view));
    }
    sqlite3_free(list);
    sqlite3_free(values);
    return code;
}

int catalog_fill(struct sql_catalog *catalog)
{
    int code = sqlite3_exec(catalog->db, "BEGIN", NULL, NULL, NULL);

    if (code == SQLITE_OK) code = sqlite3_exec(catalog->db, tables, NULL, NULL, NULL);
    if (code == SQLITE_OK) code = add_types(catalog);
    if (code == SQLITE_OK) code = add_procs(catalog);
    for (size_t i = 0; i < catalog_relation_count && code == SQLITE_OK; i++) {
        code = add_relation(catalog, &catalog_relations[i]);
    }
    if (code != SQLITE_OK) return code;
    return sqlite3_exec(catalog->db, "COMMIT", NULL, NULL, NULL);
}

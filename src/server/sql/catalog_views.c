/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The catalogs as SQLite sees them: constant tables, and views over those and the sequences. Each
 * is made when the first query needs it.
 */
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

static int add_classes(struct sql_catalog *catalog)
{
    int code = SQLITE_OK;

    for (size_t i = 0; i < CATALOG_RELATION_COUNT && code == SQLITE_OK; i++) {
        const struct catalog_relation *relation = &catalog_relations[i];
        const char *at = relation->columns;
        struct pawl_bytes name;
        uint32_t type = 0;
        int count = 0;

        while (catalog_column_next(&at, &name, &type)) {
            count++;
        }
        code = run(catalog, sqlite3_mprintf("INSERT INTO pawl_class VALUES (%u, %Q, %u, %Q, %d)",
                                            relation->oid, relation->name, relation->schema,
                                            relation->kind, count));
    }
    return code;
}

static int add_attributes(struct sql_catalog *catalog)
{
    int code = SQLITE_OK;

    for (size_t i = 0; i < CATALOG_RELATION_COUNT && code == SQLITE_OK; i++) {
        const char *at = catalog_relations[i].columns;
        sqlite3_str *sql = sqlite3_str_new(NULL);
        struct pawl_bytes name;
        uint32_t type = 0;
        int number = 0;

        while (catalog_column_next(&at, &name, &type)) {
            sqlite3_str_appendf(sql, "%s(%u, '%.*q', %u, %d)",
                                number == 0 ? "INSERT INTO pawl_attribute VALUES " : ", ",
                                catalog_relations[i].oid, (int)name.size, name.at, type,
                                number + 1);
            number++;
        }
        code = run(catalog, sqlite3_str_finish(sql));
    }
    return code;
}

static int add_sequence_columns(struct sql_catalog *catalog)
{
    return run(
        catalog,
        sqlite3_mprintf("INSERT INTO pawl_sequence_column VALUES ('last_value', 20, 8, 1, 'd'), "
                        "('log_cnt', 20, 8, 2, 'd'), ('is_called', 16, 1, 3, 'c')"));
}

/* Constant tables, made when the first view that reads them is. */
static const struct {
    const char *name;
    const char *columns;
    int (*add)(struct sql_catalog *catalog);
} tables[] = {
    {"pawl_type",
     "oid, name, length, by_value, kind, category, preferred, element, array, delimiter, align, "
     "storage, input, output, receive, send, collation, subscript",
     add_types},
    {"pawl_proc", "oid, name, result, argument_count, arguments, volatility", add_procs},
    {"pawl_class", "oid, name, schema, kind, attributes", add_classes},
    {"pawl_attribute", "relation, name, type, number", add_attributes},
    {"pawl_sequence_column", "name, type, length, number, align", add_sequence_columns},
};

static const char *view_of(uint32_t oid)
{
    for (size_t i = 0; i < PAWL_COUNT(views); i++) {
        if (views[i].oid == oid) return views[i].sql;
    }
    return NULL;
}

bool catalog_relation_lists(const struct catalog_relation *relation)
{
    const char *view = view_of(relation->oid);

    return view != NULL && strstr(view, "pawl_sequence") != NULL;
}

static int add_tables(struct sql_catalog *catalog, const char *view)
{
    int code = SQLITE_OK;

    for (size_t i = 0; view != NULL && i < PAWL_COUNT(tables) && code == SQLITE_OK; i++) {
        if (catalog->has_table[i] || strstr(view, tables[i].name) == NULL) continue;
        /* It may be there in part, from when memory ran out. */
        code = run(catalog, sqlite3_mprintf("CREATE TABLE IF NOT EXISTS %s (%s); DELETE FROM %s",
                                            tables[i].name, tables[i].columns, tables[i].name));
        if (code == SQLITE_OK) code = tables[i].add(catalog);
        catalog->has_table[i] = code == SQLITE_OK;
    }
    return code;
}

static int add_relation(struct sql_catalog *catalog, const struct catalog_relation *relation)
{
    const char *view = view_of(relation->oid);
    const char *schema =
        relation->schema == CATALOG_PG_CATALOG ? "pg_catalog" : "information_schema";
    const char *at = relation->columns;
    sqlite3_str *columns = sqlite3_str_new(NULL);
    struct pawl_bytes name;
    uint32_t type = 0;
    int code = add_tables(catalog, view);

    while (catalog_column_next(&at, &name, &type)) {
        sqlite3_str_appendf(columns, "%s\"%.*w\"", sqlite3_str_length(columns) > 0 ? ", " : "",
                            (int)name.size, name.at);
    }
    char *list = sqlite3_str_finish(columns);

    if (code == SQLITE_OK && list == NULL) code = SQLITE_NOMEM;
    if (code == SQLITE_OK) {
        code = run(catalog,
                   sqlite3_mprintf("CREATE %s IF NOT EXISTS \"%s.%w\" (%s)%s%s",
                                   view == NULL ? "TABLE" : "VIEW", schema, relation->name, list,
                                   view == NULL ? "" : " AS ", view == NULL ? "" : view));
    }
    sqlite3_free(list);
    return code;
}

int catalog_need(struct sql_catalog *catalog, const bool *used)
{
    int code = SQLITE_OK;

    for (size_t i = 0; i < CATALOG_RELATION_COUNT && code == SQLITE_OK; i++) {
        if (!used[i] || catalog->has[i]) continue;
        code = add_relation(catalog, &catalog_relations[i]);
        catalog->has[i] = code == SQLITE_OK;
    }
    return code;
}

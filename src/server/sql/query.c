/* SPDX-License-Identifier: Apache-2.0 */
/* The way in: one translation's memory, text and limits. */
#include "server/sql/query.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "server/sql/query_own.h"

/* What stands in for memory that there is none of: the translation has failed then. */
static void *room_or_exit(struct build *build, size_t size)
{
    void *room = NULL;

    if (build->query->pool.bytes + size <= SQL_QUERY_BYTES_MAX) {
        room = sql_pool_take(&build->query->pool, size);
    }
    if (room == NULL) build->failed = true;
    return room;
}

const char *build_say(struct build *build, const char *format, ...)
{
    va_list args;
    va_list again;

    va_start(args, format);
    va_copy(again, args);
    int size = vsnprintf(NULL, 0, format, args);
    char *text = size < 0 || build->failed ? NULL : room_or_exit(build, (size_t)size + 1);

    va_end(args);
    if (text != NULL) (void)vsnprintf(text, (size_t)size + 1, format, again);
    va_end(again);
    return text == NULL ? "" : text;
}

const char *build_join(struct build *build, const char *before, const char *between,
                       const char *after)
{
    if (before == NULL) return after;
    return build_say(build, "%s%s%s", before, between, after);
}

const char *build_quote(struct build *build, const char *text)
{
    size_t size = strlen(text);
    char *quoted = room_or_exit(build, 2 * size + 3);

    if (quoted == NULL) return "''";
    char *to = quoted;

    *to++ = '\'';
    for (; *text != '\0'; text++) {
        if (*text == '\'') *to++ = '\'';
        *to++ = *text;
    }
    *to++ = '\'';
    *to = '\0';
    return quoted;
}

void *build_array(struct build *build, size_t count, size_t size)
{
    return count == 0 || count > SQL_QUERY_BYTES_MAX / size ? NULL
                                                            : room_or_exit(build, count * size);
}

bool build_deeper(struct build *build)
{
    if (build->depth++ < SQL_QUERY_DEPTH_MAX) return true;
    return sql_fail(build->error, "54001", 0,
                    "statement too complex: expressions and subqueries stand in each other more "
                    "than %d deep",
                    SQL_QUERY_DEPTH_MAX);
}

void build_higher(struct build *build)
{
    build->depth--;
}

bool build_tables(struct build *build, uint32_t count)
{
    build->table_count += count; /* each is bounded: it cannot wrap before it is seen */
    if (build->table_count <= SQL_TABLES_MAX) return true;
    return sql_fail(build->error, "54001", 0,
                    "statement too complex: it reads more than %d tables, those in WITH counted "
                    "wherever they are used",
                    SQL_TABLES_MAX);
}

static struct pawl_bytes keep(struct build *build, struct pawl_bytes bytes)
{
    if (bytes.size == 0) return (struct pawl_bytes){"", 0};
    struct pawl_bytes copy = sql_pool_copy(&build->query->pool, bytes);

    if (copy.at == NULL) build->failed = true;
    return copy;
}

static bool same_name(const struct sql_name *a, const struct sql_name *b)
{
    return pawl_bytes_equal(a->database, b->database) && pawl_bytes_equal(a->schema, b->schema) &&
           pawl_bytes_equal(a->relation, b->relation);
}

bool build_relation(struct build *build, const struct sql_name *name, uint32_t position,
                    size_t *index)
{
    struct sql_query *query = build->query;

    for (size_t i = 0; i < query->relation_count; i++) {
        *index = i;
        if (same_name(&query->relations[i], name)) return true;
    }
    if (query->relation_count == SQL_RELATIONS_MAX) {
        return sql_fail(build->error, "54000", position, "more than %d sequences in one query",
                        SQL_RELATIONS_MAX);
    }
    *index = query->relation_count++;
    query->relations[*index] =
        (struct sql_name){keep(build, name->database), keep(build, name->schema),
                          keep(build, name->relation), position};
    return true;
}

/* What Parse gave is binding; what nobody said is text, as in PostgreSQL. */
static bool fill_params(struct build *build, struct sql_plan *plan)
{
    size_t count = build->param_count > build->type_count ? build->param_count : build->type_count;
    uint32_t *types = count == 0 ? NULL : build_array(build, count, sizeof *types);

    if (count > 0 && types == NULL) return false;
    for (size_t i = 0; i < count; i++) {
        types[i] = i < build->type_count ? build->types[i] : 0;
        if (i < SQL_PARAMS_MAX && types[i] == 0) types[i] = build->params[i];
        if (types[i] == 0) types[i] = SQL_TEXT;
        if (types[i] == SQL_REGCLASS) build->query->wants_list = true;
    }
    plan->param_types = types;
    plan->param_count = count;
    return true;
}

static bool fill_columns(struct build *build, const struct output *output, struct sql_plan *plan)
{
    if (output->count > SQL_COLUMNS_MAX) {
        return sql_fail(build->error, "54011", 0, "target lists can have at most %d entries",
                        SQL_COLUMNS_MAX);
    }
    plan->columns = build_array(build, output->count + 1, sizeof *plan->columns);
    if (plan->columns == NULL) return false;
    for (size_t i = 0; i < output->count; i++) {
        uint32_t type = output->columns[i].type;
        const char *name = output->columns[i].name; /* of the tree, which goes */

        plan->columns[i] = (struct sql_column){
            .name = keep(build, (struct pawl_bytes){name, strlen(name)}),
            .type = type == SQL_UNKNOWN ? SQL_TEXT : type,
            .modifier = -1,
        };
    }
    plan->column_count = output->count;
    return true;
}

bool sql_query_new(const json_t *select, const uint32_t *types, size_t type_count,
                   struct sql_plan *plan, struct sql_error *error)
{
    struct sql_query *query = calloc(1, sizeof *query);
    struct build build = {.query = query, .types = types, .type_count = type_count, .error = error};
    struct output output = {0};

    *error = (struct sql_error){0};
    if (query == NULL) return sql_fail(error, "53200", 0, "out of memory");
    bool good = build_select(&build, select, NULL, &output);

    if (good && strlen(output.sql) > SQL_PREPARED_BYTES_MAX) {
        good = sql_fail(error, "54001", 0, "statement too complex");
    }
    if (good) {
        query->sql = output.sql;
        good = fill_columns(&build, &output, plan) && fill_params(&build, plan);
    }
    if (good && !build.failed) {
        plan->of.query = query;
        return true;
    }
    if (error->sqlstate[0] == '\0') {
        (void)sql_fail(error, "54001", 0,
                       "statement too complex: its translation needs more than "
                       "%d bytes",
                       SQL_QUERY_BYTES_MAX);
    }
    sql_query_free(query);
    return false;
}

void sql_query_free(struct sql_query *query)
{
    if (query == NULL) return;
    sql_pool_free(&query->pool);
    free(query);
}

bool sql_query_wants_list(const struct sql_query *query)
{
    return query->wants_list;
}

size_t sql_query_relations(const struct sql_query *query, const struct sql_name **names)
{
    *names = query->relations;
    return query->relation_count;
}

struct sql_name sql_name_of_store(struct pawl_bytes name)
{
    const char *dot = memchr(name.at, '.', name.size);

    if (dot == NULL || dot == name.at || dot == name.at + name.size - 1) {
        return (struct sql_name){.schema = PAWL_BYTES("public"), .relation = name};
    }
    size_t size = (size_t)(dot - name.at);

    return (struct sql_name){.schema = {name.at, size},
                             .relation = {dot + 1, name.size - size - 1}};
}

static bool put(struct pawl_name *store, struct pawl_bytes bytes)
{
    if (store->size + bytes.size > PAWL_NAME_BYTES_MAX) return false;
    memcpy(store->at + store->size, bytes.at, bytes.size);
    store->size = (uint8_t)(store->size + bytes.size);
    return true;
}

bool sql_name_to_store(const struct sql_name *name, struct pawl_name *store,
                       struct sql_error *error)
{
    bool public = pawl_bytes_equal(name->schema, PAWL_BYTES("public"));
    int schema_size = (int)name->schema.size;

    store->size = 0;
    if (public && memchr(name->relation.at, '.', name->relation.size) != NULL) {
        return sql_fail(error, "0A000", 0,
                        "a sequence in schema public cannot have a dot in its name: \"%.*s\"",
                        (int)name->relation.size, name->relation.at);
    }
    if (!public && memchr(name->schema.at, '.', name->schema.size) != NULL) {
        return sql_fail(error, "0A000", 0, "a schema cannot have a dot in its name: \"%.*s\"",
                        schema_size, name->schema.at);
    }
    if ((public || (put(store, name->schema) && put(store, PAWL_BYTES(".")))) &&
        put(store, name->relation)) {
        return true;
    }
    return sql_fail(error, "42622", 0,
                    "name \"%.*s\" is too long: with its schema it has more than %d bytes",
                    (int)name->relation.size, name->relation.at, PAWL_NAME_BYTES_MAX);
}

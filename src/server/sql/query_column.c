/* SPDX-License-Identifier: Apache-2.0 */
/* Columns by their names, and what a name may have been meant to be where there is none. */
#include <stdio.h>
#include <string.h>

#include "server/sql/nearest.h"
#include "server/sql/query_own.h"
#include "server/sql/tree.h"

static struct pawl_bytes text_of(const char *text)
{
    return (struct pawl_bytes){text, strlen(text)};
}

/* The error stands; a hint comes to it. table of no size: it was not named. */
static bool no_column(struct build *build, const struct scope *scope, struct pawl_bytes table,
                      const char *name)
{
    struct sql_nearest nearest;

    sql_nearest_begin(&nearest, table, text_of(name));
    for (; scope != NULL; scope = scope->outer) {
        for (const struct range *range = scope->ranges; range != NULL; range = range->next) {
            if (range->joined) continue;
            sql_nearest_table(&nearest, text_of(range->alias));
            for (size_t i = 0; i < range->column_count; i++) {
                if (range->columns[i].hidden) continue;
                sql_nearest_column(&nearest, text_of(range->columns[i].name));
            }
        }
    }
    sql_nearest_hint(&nearest, build->error);
    return false;
}

/* Who gave a table an alias may have forgotten it. */
static bool no_table(struct build *build, const struct scope *scope, const char *table,
                     uint32_t position)
{
    for (; scope != NULL; scope = scope->outer) {
        for (const struct range *range = scope->ranges; range != NULL; range = range->next) {
            if (range->table == NULL || strcmp(range->table, table) != 0) continue;
            (void)sql_fail(build->error, "42P01", position,
                           "invalid reference to FROM-clause entry for table \"%s\"", table);
            (void)snprintf(build->error->hint, sizeof build->error->hint,
                           "Perhaps you meant to reference the table alias \"%s\".", range->alias);
            return false;
        }
    }
    return sql_fail(build->error, "42P01", position, "missing FROM-clause entry for table \"%s\"",
                    table);
}

static const struct column *range_column(const struct range *range, const char *name, bool bare)
{
    for (size_t i = 0; i < range->column_count; i++) {
        const struct column *column = &range->columns[i];

        if (strcmp(column->name, name) == 0 && !(bare && column->merged)) return column;
    }
    return NULL;
}

static bool is(struct part *part, const struct column *column)
{
    part->sql = column->sql;
    part->type = column->type;
    return true;
}

/* A name alone: the innermost SELECT that knows it, and there one table only. */
static bool bare_column(struct build *build, const struct scope *scope, const char *name,
                        struct part *part)
{
    const struct scope *innermost = scope;

    for (; scope != NULL; scope = scope->outer) {
        const struct column *found = NULL;

        for (const struct range *range = scope->ranges; range != NULL; range = range->next) {
            const struct column *column = range_column(range, name, true);

            if (column == NULL || (column->hidden && found != NULL)) continue;
            if (found != NULL && !found->hidden) {
                return sql_fail(build->error, "42702", part->position,
                                "column reference \"%s\" is ambiguous", name);
            }
            found = column;
        }
        if (found != NULL) return is(part, found);
    }
    (void)sql_fail(build->error, "42703", part->position, "column \"%s\" does not exist", name);
    return no_column(build, innermost, (struct pawl_bytes){NULL, 0}, name);
}

static bool schema_is(const struct range *range, struct pawl_bytes schema)
{
    return schema.size == 0 || (range->schema != NULL && strlen(range->schema) == schema.size &&
                                memcmp(range->schema, schema.at, schema.size) == 0);
}

static bool qualified_column(struct build *build, const struct scope *scope, const json_t *words,
                             struct part *part)
{
    size_t count = sql_tree_count(words);
    struct pawl_bytes name = sql_tree_word(words, count - 1);
    struct pawl_bytes table = sql_tree_word(words, count - 2);
    struct pawl_bytes schema =
        count > 2 ? sql_tree_word(words, count - 3) : (struct pawl_bytes){"", 0};

    if (name.size == 0 || table.size == 0) {
        return sql_fail(build->error, "0A000", part->position,
                        "whole rows are not supported in expressions here");
    }
    const struct scope *innermost = scope;

    for (; scope != NULL; scope = scope->outer) {
        for (const struct range *range = scope->ranges; range != NULL; range = range->next) {
            if (strcmp(range->alias, table.at) != 0 || !schema_is(range, schema)) continue;
            const struct column *column = range_column(range, name.at, false);

            if (column != NULL) return is(part, column);
            (void)sql_fail(build->error, "42703", part->position, "column %s.%s does not exist",
                           table.at, name.at);
            return no_column(build, innermost, table, name.at);
        }
    }
    return no_table(build, innermost, table.at, part->position);
}

bool build_column(struct build *build, struct scope *scope, const json_t *fields, struct part *part)
{
    const json_t *words = sql_tree_get(fields, "fields");

    *part = (struct part){.position = sql_tree_position(fields)};
    if (sql_tree_count(words) > 1) return qualified_column(build, scope, words, part);
    if (sql_tree_word(words, 0).size == 0) {
        return sql_fail(build->error, "0A000", part->position,
                        "whole rows are not supported in expressions here");
    }
    return bare_column(build, scope, sql_tree_word(words, 0).at, part);
}

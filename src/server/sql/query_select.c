/* SPDX-License-Identifier: Apache-2.0 */
/* A SELECT's clauses, set operations, VALUES and WITH. */
#include <string.h>

#include "server/sql/query_own.h"

/* The words before and behind a SELECT's targets, while their types may still change. */
struct clauses {
    const char *before; /* "SELECT DISTINCT " */
    const char *after;  /* " FROM … WHERE …" */
};

/* Targets: what is selected, and how each is called. */
struct targets {
    struct part *parts;
    const char **names;
    size_t count, room;
};

static bool target_add(struct build *build, struct targets *targets, struct part part,
                       const char *name)
{
    if (targets->count == targets->room) {
        size_t room = targets->room == 0 ? 16 : 2 * targets->room;
        struct part *parts = build_array(build, room, sizeof *parts);
        const char **names = build_array(build, room, sizeof *names);

        if (parts == NULL || names == NULL) return false;
        for (size_t i = 0; i < targets->count; i++) {
            parts[i] = targets->parts[i];
            names[i] = targets->names[i];
        }
        targets->parts = parts;
        targets->names = names;
        targets->room = room;
    }
    targets->parts[targets->count] = part;
    targets->names[targets->count++] = name;
    return true;
}

static bool star_range(struct build *build, struct targets *targets, const struct range *range,
                       bool merged)
{
    for (size_t i = 0; i < range->column_count; i++) {
        const struct column *column = &range->columns[i];
        struct part part = {.sql = column->sql, .type = column->type};

        if (column->hidden || (column->merged && !merged)) continue;
        if (!target_add(build, targets, part, column->name)) return false;
    }
    return true;
}

/* Columns that USING made one come first, those of the outermost join before all others. */
static bool star_joined(struct build *build, const struct range *range, struct targets *targets)
{
    const struct range *joined[SQL_RANGES_MAX];
    size_t count = 0;

    for (; range != NULL; range = range->next) {
        if (range->joined) joined[count++] = range;
    }
    while (count > 0) {
        if (!star_range(build, targets, joined[--count], false)) return false;
    }
    return true;
}

static bool star_all(struct build *build, const struct scope *scope, const json_t *fields,
                     struct targets *targets)
{
    if (scope->ranges == NULL) {
        return sql_fail(build->error, "42601", sql_tree_position(fields),
                        "SELECT * with no tables specified is not valid");
    }
    if (!star_joined(build, scope->ranges, targets)) return false;
    for (const struct range *range = scope->ranges; range != NULL; range = range->next) {
        if (!range->joined && !star_range(build, targets, range, false)) return false;
    }
    return true;
}

/* `*`, or `c.*` */
static bool star(struct build *build, const struct scope *scope, const json_t *fields,
                 struct targets *targets)
{
    const json_t *words = sql_tree_get(fields, "fields");
    size_t count = sql_tree_count(words);

    if (count < 2) return star_all(build, scope, fields, targets);
    struct pawl_bytes alias = sql_tree_word(words, count - 2);

    for (const struct range *range = scope->ranges; range != NULL; range = range->next) {
        if (strcmp(range->alias, alias.at) == 0) return star_range(build, targets, range, true);
    }
    return sql_fail(build->error, "42P01", sql_tree_position(fields),
                    "missing FROM-clause entry for table \"%s\"", alias.at);
}

static bool is_star(json_t *node, const json_t **fields)
{
    const json_t *words = NULL;

    *fields = sql_tree_of(node, "ColumnRef");
    if (*fields == NULL) return false;
    words = sql_tree_get(*fields, "fields");
    return sql_tree_of(sql_tree_item(words, sql_tree_count(words) - 1), "A_Star") != NULL;
}

static bool build_targets(struct build *build, struct scope *scope, const json_t *list,
                          struct targets *targets)
{
    for (size_t i = 0; i < sql_tree_count(list); i++) {
        const json_t *target = sql_tree_of(sql_tree_item(list, i), "ResTarget");
        json_t *value = sql_tree_get(target, "val");
        const json_t *fields = NULL;
        struct part part = {0};

        if (is_star(value, &fields)) {
            if (!star(build, scope, fields, targets)) return false;
            continue;
        }
        if (!build_expr(build, scope, value, &part)) return false;
        const char *name =
            sql_tree_has(target, "name") ? sql_tree_text(target, "name") : build_name(value);

        if (!target_add(build, targets, part, name)) return false;
    }
    return true;
}

/* What the targets are, for those who look from outside; literals whose type nobody needs are
 * text. */
static bool finish(struct build *build, struct targets *targets, const struct clauses *clauses,
                   struct output *output)
{
    const char *list = NULL;

    output->count = targets->count;
    output->columns = build_array(build, targets->count + 1, sizeof *output->columns);
    if (output->columns == NULL) return false;
    for (size_t i = 0; i < targets->count; i++) {
        struct part *part = &targets->parts[i];

        if (part->literal != NULL || part->param != 0) {
            if (!build_become(build, part, SQL_TEXT)) return false;
        }
        list = build_join(build, list, ", ", build_say(build, "%s AS c%zu", part->sql, i + 1));
        output->columns[i] = (struct column){.name = targets->names[i], .type = part->type};
    }
    output->sql =
        build_say(build, "%s%s%s", clauses->before, list == NULL ? "1" : list, clauses->after);
    return true;
}

/* One expression of ORDER BY or GROUP BY: a column of the result by number or name, or another. */
static bool sort_key(struct build *build, struct scope *scope, json_t *node, const char **sql)
{
    const json_t *constant = sql_tree_of(node, "A_Const");
    const json_t *words = sql_tree_get(sql_tree_of(node, "ColumnRef"), "fields");
    const struct output *outputs = scope->outputs;
    struct part part = {0};

    if (outputs != NULL && constant != NULL && sql_tree_has(constant, "ival")) {
        int64_t number = sql_tree_int(sql_tree_get(constant, "ival"), "ival", 0);

        if (number < 1 || (uint64_t)number > outputs->count) {
            return sql_fail(build->error, "42P10", sql_tree_position(constant),
                            "ORDER BY position %lld is not in select list", (long long)number);
        }
        *sql = build_say(build, "%lld", (long long)number);
        return true;
    }
    if (outputs != NULL && sql_tree_count(words) == 1) {
        struct pawl_bytes name = sql_tree_word(words, 0);

        for (size_t i = 0; name.size > 0 && i < outputs->count; i++) {
            if (strcmp(outputs->columns[i].name, name.at) != 0) continue;
            *sql = build_say(build, "%zu", i + 1);
            return true;
        }
    }
    if (!build_expr(build, scope, node, &part)) return false;
    if (part.literal != NULL || part.param != 0) {
        if (!build_become(build, &part, SQL_TEXT)) return false;
    }
    *sql = part.sql;
    return true;
}

bool build_order(struct build *build, struct scope *scope, const json_t *clause, const char **sql)
{
    const char *list = NULL;

    for (size_t i = 0; i < sql_tree_count(clause); i++) {
        const json_t *sort = sql_tree_of(sql_tree_item(clause, i), "SortBy");
        const char *direction = sql_tree_text(sort, "sortby_dir");
        const char *nulls = sql_tree_text(sort, "sortby_nulls");
        bool down = strcmp(direction, "SORTBY_DESC") == 0;
        bool first = strcmp(nulls, "SORTBY_NULLS_FIRST") == 0 ||
                     (down && strcmp(nulls, "SORTBY_NULLS_LAST") != 0);
        const char *key = NULL;

        if (strcmp(direction, "SORTBY_USING") == 0) {
            return sql_fail(build->error, "0A000", 0, "ORDER BY … USING is not supported here");
        }
        if (!sort_key(build, scope, sql_tree_get(sort, "node"), &key)) return false;
        list = build_join(build, list, ", ",
                          build_say(build, "%s %s NULLS %s", key, down ? "DESC" : "ASC",
                                    first ? "FIRST" : "LAST"));
    }
    *sql = list == NULL ? "" : build_say(build, " ORDER BY %s", list);
    return true;
}

static bool build_group(struct build *build, struct scope *scope, const json_t *clause,
                        const char **sql)
{
    const char *list = NULL;

    for (size_t i = 0; i < sql_tree_count(clause); i++) {
        json_t *node = sql_tree_item(clause, i);
        const char *key = NULL;

        if (sql_tree_of(node, "GroupingSet") != NULL) {
            return sql_fail(build->error, "0A000", 0, "grouping sets are not supported here");
        }
        if (!sort_key(build, scope, node, &key)) return false;
        list = build_join(build, list, ", ", key);
    }
    *sql = list == NULL ? "" : build_say(build, " GROUP BY %s", list);
    return true;
}

static bool build_count(struct build *build, const json_t *select, const char *field,
                        const char **sql)
{
    struct scope none;
    struct part part = {0};

    *sql = NULL;
    if (!sql_tree_has(select, field)) return true;
    scope_open(&none, NULL);
    if (!build_expr(build, &none, sql_tree_get(select, field), &part)) return false;
    if (!build_become(build, &part, SQL_INT8)) return false;
    *sql = build_say(build, "pawl_limit(%s, '%s')", part.sql,
                     strcmp(field, "limitCount") == 0 ? "LIMIT" : "OFFSET");
    return true;
}

static bool build_limit(struct build *build, const json_t *select, const char **sql)
{
    const char *limit = NULL;
    const char *offset = NULL;

    if (strcmp(sql_tree_text(select, "limitOption"), "LIMIT_OPTION_WITH_TIES") == 0) {
        return sql_fail(build->error, "0A000", 0, "WITH TIES is not supported here");
    }
    if (!build_count(build, select, "limitCount", &limit) ||
        !build_count(build, select, "limitOffset", &offset)) {
        return false;
    }
    *sql = "";
    if (limit != NULL || offset != NULL) {
        *sql = build_say(build, " LIMIT %s%s%s", limit == NULL ? "-1" : limit,
                         offset == NULL ? "" : " OFFSET ", offset == NULL ? "" : offset);
    }
    return true;
}

/* FROM, WHERE, GROUP BY and HAVING; the targets must have been seen, for the names in GROUP BY. */
static bool build_clauses(struct build *build, struct scope *scope, const json_t *select,
                          const char **sql)
{
    json_t *where = sql_tree_get(select, "whereClause");
    json_t *having = sql_tree_get(select, "havingClause");
    const char *group = "";
    struct part part = {0};

    *sql = "";
    if (where != NULL) {
        if (!build_condition(build, scope, where, "WHERE", &part)) return false;
        *sql = build_say(build, " WHERE %s", part.sql);
    }
    if (!build_group(build, scope, sql_tree_get(select, "groupClause"), &group)) return false;
    if (having != NULL) {
        if (!build_condition(build, scope, having, "HAVING", &part)) return false;
        if (*group == '\0') group = " GROUP BY NULL";
        group = build_say(build, "%s HAVING %s", group, part.sql);
    }
    *sql = build_say(build, "%s%s", *sql, group);
    return true;
}

static bool refuse(struct build *build, const json_t *select)
{
    static const struct {
        const char *field, *what;
    } refused[] = {{"intoClause", "SELECT INTO"}, {"windowClause", "a WINDOW clause"}};
    const json_t *distinct = sql_tree_get(select, "distinctClause");
    json_t *first = sql_tree_item(distinct, 0);

    for (size_t i = 0; i < PAWL_COUNT(refused); i++) {
        if (!sql_tree_has(select, refused[i].field)) continue;
        return !sql_fail(build->error, "0A000", 0, "%s is not supported here", refused[i].what);
    }
    if (first == NULL || sql_tree_kind(first, NULL)[0] == '\0') return false;
    return !sql_fail(build->error, "0A000", 0, "SELECT DISTINCT ON is not supported here");
}

/* FOR UPDATE: rows of a sequence are not for locking; those of catalogs do not mind. */
static bool refuse_locks(struct build *build, const struct scope *scope)
{
    for (const struct range *range = scope->ranges; range != NULL; range = range->next) {
        if (range->sequence == NULL) continue;
        return sql_fail(build->error, "42809", 0, "cannot lock rows in sequence \"%s\"",
                        range->sequence);
    }
    return true;
}

/* SELECT … FROM …, without set operations. */
static bool build_simple(struct build *build, const json_t *select, struct scope *scope,
                         struct output *output)
{
    struct targets targets = {0};
    const char *from = "";
    const char *clauses = "";
    bool distinct = sql_tree_has(select, "distinctClause");

    if (refuse(build, select) ||
        !build_from(build, scope, sql_tree_get(select, "fromClause"), &from) ||
        !build_targets(build, scope, sql_tree_get(select, "targetList"), &targets)) {
        return false;
    }
    if (sql_tree_has(select, "lockingClause") && !refuse_locks(build, scope)) return false;
    struct clauses around = {.before = distinct ? "SELECT DISTINCT " : "SELECT ", .after = ""};

    /* Once without what follows, for the columns' names; types do not change any more. */
    if (!finish(build, &targets, &around, output)) return false;
    scope->outputs = output;
    if (!build_clauses(build, scope, select, &clauses)) return false;
    output->sql = build_say(build, "%s%s%s", output->sql, from, clauses);
    return true;
}

/* VALUES (…), (…) */
static bool build_values(struct build *build, const json_t *lists, struct scope *scope,
                         struct output *output)
{
    size_t rows = sql_tree_count(lists);
    size_t width = sql_tree_count(sql_tree_item(lists, 0));
    struct part *parts = build_array(build, rows * width, sizeof *parts);
    const char *sql = NULL;

    output->columns = build_array(build, width, sizeof *output->columns);
    if (parts == NULL || output->columns == NULL) return false;
    for (size_t row = 0; row < rows; row++) {
        const json_t *list = sql_tree_item(lists, row);

        if (sql_tree_count(list) != width) {
            return sql_fail(build->error, "42601", 0, "VALUES lists must all be the same length");
        }
        for (size_t i = 0; i < width; i++) { /* column by column, as they are unified */
            json_t *value = sql_tree_item(list, i);

            if (!build_expr(build, scope, value, &parts[i * rows + row])) return false;
        }
    }
    for (size_t i = 0; i < width; i++) {
        uint32_t type = SQL_TEXT;

        if (!build_unify(build, parts + i * rows, rows, "VALUES", &type)) return false;
        output->columns[i] =
            (struct column){build_say(build, "column%zu", i + 1), NULL, type, false, false};
    }
    for (size_t row = 0; row < rows; row++) {
        const char *list = NULL;

        for (size_t i = 0; i < width; i++) {
            list = build_join(build, list, ", ",
                              build_say(build, "%s AS c%zu", parts[i * rows + row].sql, i + 1));
        }
        sql = build_join(build, sql, " UNION ALL ", build_say(build, "SELECT %s", list));
    }
    output->sql = sql;
    output->count = width;
    output->compound = rows > 1;
    return true;
}

static const char *compound_word(const json_t *select)
{
    const char *op = sql_tree_text(select, "op");
    bool all = sql_tree_true(select, "all");

    if (strcmp(op, "SETOP_UNION") == 0) return all ? " UNION ALL " : " UNION ";
    if (all) return NULL;
    return strcmp(op, "SETOP_INTERSECT") == 0 ? " INTERSECT " : " EXCEPT ";
}

static bool build_select_in(struct build *build, const json_t *select, const struct scope *outer,
                            struct scope *scope, struct output *output);

/* A UNION B: SQLite has no parentheses there, and reads from left to right. */
static bool build_compound(struct build *build, const json_t *select, struct scope *scope,
                           struct output *output)
{
    struct output left = {0};
    struct output right = {0};
    const char *word = compound_word(select);

    if (word == NULL) {
        return sql_fail(build->error, "0A000", 0,
                        "INTERSECT ALL and EXCEPT ALL are not supported here");
    }
    if (!build_select(build, sql_tree_get(select, "larg"), scope, &left) ||
        !build_select(build, sql_tree_get(select, "rarg"), scope, &right)) {
        return false;
    }
    if (left.count != right.count) {
        return sql_fail(build->error, "42601", 0,
                        "each %s query must have the same number of columns",
                        strstr(word, "UNION") != NULL ? "UNION" : word + 1);
    }
    for (size_t i = 0; i < left.count; i++) {
        struct part parts[2] = {{.type = left.columns[i].type}, {.type = right.columns[i].type}};

        if (!build_unify(build, parts, 2, "UNION", &left.columns[i].type)) return false;
    }
    if (!left.plain) left.sql = build_say(build, "SELECT * FROM (%s)", left.sql);
    if (!right.plain || right.compound) {
        right.sql = build_say(build, "SELECT * FROM (%s)", right.sql);
    }
    *output = left;
    output->sql = build_say(build, "%s%s%s", left.sql, word, right.sql);
    output->compound = true;
    return true;
}

/* WITH a (x, y) AS (…): its names are seen by what follows, and by itself if it is recursive. */
static bool build_common(struct build *build, const json_t *fields, struct scope *scope,
                         const char **list)
{
    struct common *common = build_array(build, 1, sizeof *common);
    const json_t *query = sql_tree_of(sql_tree_get(fields, "ctequery"), "SelectStmt");
    const json_t *names = sql_tree_get(fields, "aliascolnames");
    const json_t *larg = sql_tree_get(query, "larg");
    bool recursive = sql_tree_true(fields, "recursive");
    struct output output = {0};
    const char *columns = NULL;
    uint32_t before = build->table_count;

    if (common == NULL) return false;
    if (query == NULL) {
        return sql_fail(build->error, "0A000", sql_tree_position(fields),
                        "WITH is supported for SELECT only");
    }
    common->name = sql_tree_text(fields, "ctename");
    common->alias = build_say(build, "w%u", ++build->alias_count);
    if (!build_select(build, recursive && larg != NULL ? larg : query, scope, &output)) {
        return false;
    }
    common->columns = output.columns;
    common->column_count = output.count;
    for (size_t i = 0; i < output.count; i++) {
        if (i < sql_tree_count(names)) output.columns[i].name = sql_tree_word(names, i).at;
        columns = build_join(build, columns, ", ", build_say(build, "c%zu", i + 1));
    }
    common->next = scope->commons;
    scope->commons = common;
    if (recursive && larg != NULL && !build_select(build, query, scope, &output)) return false;
    common->table_count = build->table_count - before;
    *list = build_join(build, *list, ", ",
                       build_say(build, "%s(%s) AS (%s)", common->alias, columns, output.sql));
    return true;
}

static bool build_with(struct build *build, const json_t *with, struct scope *scope,
                       const char **sql)
{
    bool recursive = sql_tree_true(with, "recursive");
    const json_t *commons = sql_tree_get(with, "ctes");
    const char *list = NULL;

    *sql = "";
    for (size_t i = 0; i < sql_tree_count(commons); i++) {
        json_t *fields = sql_tree_of(sql_tree_item(commons, i), "CommonTableExpr");

        if (fields != NULL && recursive) {
            (void)json_object_set_new(fields, "recursive", json_true());
        }
        if (!build_common(build, fields, scope, &list)) return false;
    }
    if (list != NULL) {
        *sql = build_say(build, "WITH %s%s ", recursive ? "RECURSIVE " : "", list);
    }
    return true;
}

static bool build_select_in(struct build *build, const json_t *select, const struct scope *outer,
                            struct scope *scope, struct output *output)
{
    const json_t *values = sql_tree_get(select, "valuesLists");
    const char *op = sql_tree_text(select, "op");
    const char *with = "";
    const char *order = "";
    const char *limit = "";
    bool good;

    scope_open(scope, outer);
    *output = (struct output){0};
    if (!build_with(build, sql_tree_get(select, "withClause"), scope, &with)) return false;
    if (op[0] != '\0' && strcmp(op, "SETOP_NONE") != 0) {
        good = build_compound(build, select, scope, output);
    } else if (values != NULL) {
        good = build_values(build, values, scope, output);
    } else {
        good = build_simple(build, select, scope, output);
    }
    if (!good) return false;
    scope->outputs = output;
    if (!build_order(build, scope, sql_tree_get(select, "sortClause"), &order) ||
        !build_limit(build, select, &limit)) {
        return false;
    }
    output->plain = *with == '\0' && *order == '\0' && *limit == '\0';
    output->sql = build_say(build, "%s%s%s%s", with, output->sql, order, limit);
    return true;
}

bool build_select(struct build *build, const json_t *select, const struct scope *outer,
                  struct output *output)
{
    struct scope scope;

    if (!build_deeper(build) || !build_tables(build, 1)) return false;
    bool good = build_select_in(build, select, outer, &scope, output);

    build_higher(build);
    return good;
}

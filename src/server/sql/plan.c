/* SPDX-License-Identifier: Apache-2.0 */
/* From the statements of a text to plans. */
#include "server/sql/plan.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "server/sql/batch.h"
#include "server/sql/builder.h"
#include "server/sql/catalog_types.h"
#include "server/sql/planner.h"
#include "server/sql/query.h"
#include "server/sql/tree.h"

bool sql_plan_no_memory(struct sql_planner *planner)
{
    return sql_fail(planner->error, "53200", 0, "out of memory");
}

bool sql_plan_copy(struct sql_planner *planner, struct pawl_bytes bytes, struct pawl_bytes *copy)
{
    *copy = sql_pool_copy(planner->pool, bytes);
    return copy->at != NULL ? true : sql_plan_no_memory(planner);
}

bool sql_plan_copy_name(struct sql_planner *planner, const struct sql_name *name,
                        struct sql_name *copy)
{
    return sql_plan_copy(planner, name->database, &copy->database) &&
           sql_plan_copy(planner, name->schema, &copy->schema) &&
           sql_plan_copy(planner, name->relation, &copy->relation);
}

bool sql_plan_nothing(struct sql_plan *plan, const char *tag)
{
    plan->kind = SQL_PLAN_NOTHING;
    plan->tag = tag;
    return true;
}

void sql_plan_notice(struct sql_plan *plan, const char *sqlstate, const char *format, ...)
{
    va_list args;

    (void)sql_fail(&plan->notice, sqlstate, 0, "%s", "");
    va_start(args, format);
    (void)vsnprintf(plan->notice.message, sizeof plan->notice.message, format, args);
    va_end(args);
}

bool sql_plan_refuse(struct sql_planner *planner, const char *what)
{
    return sql_fail(planner->error, "0A000", 0,
                    "%s is not supported: this server, pawl, keeps sequences only", what);
}

static bool begin_builder(struct sql_planner *planner, struct sql_builder *builder)
{
    *builder =
        (struct sql_builder){.pool = planner->pool, .text = planner->text, .error = planner->error};
    builder->types = sql_pool_array(planner->pool, SQL_PARAMS_MAX, sizeof *builder->types);
    if (builder->types == NULL) return sql_plan_no_memory(planner);
    builder->type_count = planner->type_count;
    for (size_t i = 0; i < planner->type_count; i++) {
        builder->types[i] = planner->types[i] == 0 ? SQL_UNKNOWN : planner->types[i];
    }
    return true;
}

static bool take_params(struct sql_planner *planner, const struct sql_builder *builder,
                        struct sql_plan *plan)
{
    plan->param_types = builder->types;
    plan->param_count = builder->type_count;
    for (size_t i = 0; i < plan->param_count; i++) {
        uint32_t type = plan->param_types[i];

        if (type != 0 && type != SQL_UNKNOWN) continue;
        return sql_fail(planner->error, "42P18", 0,
                        "could not determine data type of parameter $%zu", i + 1);
    }
    return true;
}

/* FOR UPDATE of what may be a sequence. */
static bool check_locks(struct sql_planner *planner, const json_t *fields, struct sql_plan *plan)
{
    const json_t *from = sql_tree_get(fields, "fromClause");

    if (!sql_tree_has(fields, "lockingClause")) return true;
    for (size_t i = 0; i < sql_tree_count(from); i++) {
        const json_t *range = sql_tree_of(sql_tree_item(from, i), "RangeVar");
        struct sql_name name = sql_tree_range(range);

        if (range == NULL) continue;
        if (!sql_plan_refuse_sequence(planner, &name, "42809",
                                      "cannot lock rows in sequence \"%.*s\"", plan)) {
            return false;
        }
        return sql_fail(planner->error, "42P01", sql_tree_position(range),
                        "relation \"%.*s\" does not exist", (int)name.relation.size,
                        name.relation.at);
    }
    return sql_fail(planner->error, "0A000", 0, "FOR UPDATE cannot be applied to a function");
}

static bool plan_program(struct sql_planner *planner, const json_t *fields, struct sql_plan *plan)
{
    struct sql_builder builder;

    if (!begin_builder(planner, &builder)) return false;
    const struct sql_select *select = sql_build_select(&builder, fields);
    if (select == NULL || !take_params(planner, &builder, plan)) return false;
    plan->of.program = sql_emit(&builder, select);
    if (plan->of.program == NULL) return false;
    plan->kind = SQL_PLAN_SELECT;
    plan->columns = select->columns;
    plan->column_count = select->column_count;
    plan->changes = plan->of.program->changes;
    return true;
}

/* What stands first in FROM, or in that of WITH's first SELECT, and may be a sequence; NULL:
 * nothing. */
static const json_t *first_range(const json_t *fields)
{
    const json_t *commons = sql_tree_get(sql_tree_get(fields, "withClause"), "ctes");
    const json_t *common = sql_tree_of(sql_tree_item(commons, 0), "CommonTableExpr");

    if (common != NULL) fields = sql_tree_of(sql_tree_get(common, "ctequery"), "SelectStmt");
    json_t *node = sql_tree_item(sql_tree_get(fields, "fromClause"), 0);
    const json_t *join = sql_tree_of(node, "JoinExpr");

    for (; join != NULL; join = sql_tree_of(node, "JoinExpr")) {
        node = sql_tree_get(join, "larg");
    }
    const json_t *range = sql_tree_of(node, "RangeVar");
    struct sql_name name = sql_tree_range(range);
    if (name.relation.size == 0 || sql_tree_has(fields, "withClause")) return NULL;
    return catalog_relation_named(name.schema, name.relation) == NULL ? range : NULL;
}

/*
 * A column that no sequence has is most often one of a table: what is wrong then is the table, as
 * PostgreSQL finds first. If it is a sequence after all, it is the column.
 */
static bool blame_relation(struct sql_planner *planner, const json_t *fields, struct sql_plan *plan)
{
    const json_t *range = first_range(fields);
    struct sql_name name = sql_tree_range(range);
    bool qualified = name.schema.size > 0;
    struct sql_error error = *planner->error;

    if (range == NULL || strcmp(error.sqlstate, "42703") != 0) return false;
    plan->refused = sql_pool_take(planner->pool, sizeof *plan->refused);
    if (plan->refused == NULL) return sql_plan_no_memory(planner);
    if (!sql_plan_copy_name(planner, &name, &plan->refused->name)) return false;
    plan->refused->error = error;
    plan->refused->error.position = sql_text_position(planner->text, error.position);
    (void)sql_fail(planner->error, "42P01", sql_tree_position(range),
                   "relation \"%.*s%s%.*s\" does not exist", (int)name.schema.size, name.schema.at,
                   qualified ? "." : "", (int)name.relation.size, name.relation.at);
    (void)snprintf(planner->error->hint, sizeof planner->error->hint, "%s", SQL_NO_TABLES_HINT);
    return false;
}

static bool plan_query(struct sql_planner *planner, const json_t *fields, struct sql_plan *plan)
{
    plan->kind = SQL_PLAN_QUERY;
    return sql_query_new(fields, planner->types, planner->type_count, plan, planner->error) ||
           blame_relation(planner, fields, plan);
}

/* Functions and subscripts that only queries know: the first error stays if they do not. */
static bool plan_as_query(struct sql_planner *planner, const json_t *fields, struct sql_plan *plan)
{
    struct sql_error error = *planner->error;
    bool unknown =
        strcmp(error.sqlstate, "42883") == 0 && strncmp(error.message, "function ", 9) == 0;
    bool subscript = strstr(error.message, "(A_Indirection)") != NULL;

    if ((unknown || subscript) && plan_query(planner, fields, plan)) {
        *planner->error = (struct sql_error){.position = 0};
        return true;
    }
    *planner->error = error;
    return false;
}

static bool plan_select(struct sql_planner *planner, const json_t *fields, struct sql_plan *plan)
{
    plan->tag = "SELECT";
    if (!check_locks(planner, fields, plan)) return false;
    if (sql_select_is_query(sql_tree_get(planner->statement, "SelectStmt"))) {
        return plan_query(planner, fields, plan);
    }
    return plan_program(planner, fields, plan) || plan_as_query(planner, fields, plan);
}

static const struct {
    const char *kind;
    sql_plan_maker *make;
} makers[] = {
    {"SelectStmt", plan_select},
    {"TransactionStmt", sql_plan_transaction},
    {"VariableSetStmt", sql_plan_set},
    {"VariableShowStmt", sql_plan_show},
    {"DiscardStmt", sql_plan_discard},
    {"PrepareStmt", sql_plan_prepare},
    {"ExecuteStmt", sql_plan_execute},
    {"DeallocateStmt", sql_plan_deallocate},
    {"ListenStmt", sql_plan_listen},
    {"UnlistenStmt", sql_plan_unlisten},
    {"ClosePortalStmt", sql_plan_close},
    {"ConstraintsSetStmt", sql_plan_constraints},
    {"CreateSeqStmt", sql_plan_create},
    {"AlterSeqStmt", sql_plan_alter},
    {"DropStmt", sql_plan_drop},
    {"RenameStmt", sql_plan_rename},
    {"AlterOwnerStmt", sql_plan_owner},
    {"AlterTableStmt", sql_plan_owner},
    {"AlterObjectSchemaStmt", sql_plan_schema},
    {"CommentStmt", sql_plan_comment},
    {"GrantStmt", sql_plan_grant},
    {"CreateSchemaStmt", sql_plan_create_schema},
};

bool sql_plan_make(struct sql_planner *planner, json_t *statement, struct sql_plan *plan)
{
    json_t *fields = NULL;
    const char *kind = sql_tree_kind(statement, &fields);
    json_t *outer = planner->statement;

    *plan = (struct sql_plan){.tag = "", .columns = NULL};
    planner->error = &plan->error;
    planner->statement = statement;
    size_t i = 0;
    while (i < PAWL_COUNT(makers) && strcmp(makers[i].kind, kind) != 0) {
        i++;
    }
    bool done = i < PAWL_COUNT(makers) ? makers[i].make(planner, fields, plan)
                                       : sql_plan_write(planner, kind, fields, plan);
    planner->statement = outer;
    if (done) return true;
    /* What was planned by then goes, but for what says why. */
    struct sql_refusal *refused = plan->refused;
    struct sql_error error = plan->error;
    if (strcmp(error.sqlstate, "53200") == 0) return false;
    bool analyzed = strcmp(kind, "SelectStmt") == 0 || strcmp(kind, "InsertStmt") == 0 ||
                    strcmp(kind, "UpdateStmt") == 0 || strcmp(kind, "DeleteStmt") == 0 ||
                    strcmp(kind, "MergeStmt") == 0;
    *plan = (struct sql_plan){
        .kind = SQL_PLAN_ERROR, .tag = "", .refused = refused, .utility = !analyzed};
    plan->error = error;
    plan->error.position = sql_text_position(planner->text, error.position);
    return true;
}

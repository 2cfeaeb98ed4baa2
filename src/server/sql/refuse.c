/* SPDX-License-Identifier: Apache-2.0 */
/* Statements that need tables. What names a sequence is told so, as PostgreSQL does. */
#include <stdio.h>
#include <string.h>

#include "server/sql/planner.h"
#include "server/sql/tree.h"

static const struct {
    const char *kind, *words, *field;
    const char *sqlstate, *of_sequence; /* has the name for its %.*s */
} refusals[] = {
    {"InsertStmt", "INSERT", "relation", "42809", "cannot change sequence \"%.*s\""},
    {"UpdateStmt", "UPDATE", "relation", "42809", "cannot change sequence \"%.*s\""},
    {"DeleteStmt", "DELETE", "relation", "42809", "cannot change sequence \"%.*s\""},
    {"MergeStmt", "MERGE", "relation", "42809", "cannot execute MERGE on relation \"%.*s\""},
    {"TruncateStmt", "TRUNCATE", "relations", "42809", "\"%.*s\" is not a table"},
    {"LockStmt", "LOCK", "relations", "42809", "cannot lock relation \"%.*s\""},
    {"CopyStmt", "COPY", "relation", "42809", "cannot copy from sequence \"%.*s\""},
    {"CreateStmt", "CREATE TABLE", "relation", "42P07", "relation \"%.*s\" already exists"},
    {"ExplainStmt", "EXPLAIN", NULL, NULL, NULL},
    {"CreateTableAsStmt", "CREATE TABLE AS", NULL, NULL, NULL},
    {"ViewStmt", "CREATE VIEW", NULL, NULL, NULL},
    {"IndexStmt", "CREATE INDEX", NULL, NULL, NULL},
    {"CreateFunctionStmt", "CREATE FUNCTION", NULL, NULL, NULL},
    {"CreateExtensionStmt", "CREATE EXTENSION", NULL, NULL, NULL},
    {"CreateTrigStmt", "CREATE TRIGGER", NULL, NULL, NULL},
    {"CreateEnumStmt", "CREATE TYPE", NULL, NULL, NULL},
    {"CompositeTypeStmt", "CREATE TYPE", NULL, NULL, NULL},
    {"CreateDomainStmt", "CREATE DOMAIN", NULL, NULL, NULL},
    {"CreatedbStmt", "CREATE DATABASE", NULL, NULL, NULL},
    {"DropdbStmt", "DROP DATABASE", NULL, NULL, NULL},
    {"CreateRoleStmt", "CREATE ROLE", NULL, NULL, NULL},
    {"AlterRoleStmt", "ALTER ROLE", NULL, NULL, NULL},
    {"AlterRoleSetStmt", "ALTER ROLE", NULL, NULL, NULL},
    {"DropRoleStmt", "DROP ROLE", NULL, NULL, NULL},
    {"GrantRoleStmt", "GRANT of a role", NULL, NULL, NULL},
    {"DeclareCursorStmt", "DECLARE CURSOR", NULL, NULL, NULL},
    {"FetchStmt", "FETCH", NULL, NULL, NULL},
    {"NotifyStmt", "NOTIFY", NULL, NULL, NULL},
    {"DoStmt", "DO", NULL, NULL, NULL},
    {"CallStmt", "CALL", NULL, NULL, NULL},
    {"VacuumStmt", "VACUUM", NULL, NULL, NULL},
    {"CheckPointStmt", "CHECKPOINT", NULL, NULL, NULL},
    {"ReindexStmt", "REINDEX", NULL, NULL, NULL},
    {"RuleStmt", "CREATE RULE", NULL, NULL, NULL},
};

static const json_t *range_of(const json_t *fields, const char *field)
{
    json_t *value = sql_tree_get(fields, field);

    if (!json_is_array(value)) return value;
    return sql_tree_of(sql_tree_item(value, 0), "RangeVar");
}

bool sql_plan_refuse_sequence(struct sql_planner *planner, const struct sql_name *name,
                              const char *sqlstate, const char *message, struct sql_plan *plan)
{
    struct sql_refusal *refused = sql_pool_take(planner->pool, sizeof *refused);
    char text[SQL_MESSAGE_BYTES_MAX];

    if (refused == NULL) return sql_plan_no_memory(planner);
    if (!sql_plan_copy_name(planner, name, &refused->name)) return false;
    const char *gap = strstr(message, "%.*s");
    int before = (int)(gap - message);
    (void)snprintf(text, sizeof text, "%.*s%.*s%s", before, message, (int)name->relation.size,
                   name->relation.at, gap + strlen("%.*s"));
    (void)sql_fail(&refused->error, sqlstate, 0, "%s", text);
    plan->refused = refused;
    return true;
}

bool sql_plan_write(struct sql_planner *planner, const char *kind, const json_t *fields,
                    struct sql_plan *plan)
{
    for (size_t i = 0; i < PAWL_COUNT(refusals); i++) {
        if (strcmp(refusals[i].kind, kind) != 0) continue;
        const json_t *range =
            refusals[i].field == NULL ? NULL : range_of(fields, refusals[i].field);
        struct sql_name name = sql_tree_range(range);

        if (name.relation.size > 0 &&
            !sql_plan_refuse_sequence(planner, &name, refusals[i].sqlstate, refusals[i].of_sequence,
                                      plan)) {
            return false;
        }
        return sql_plan_refuse(planner, refusals[i].words);
    }
    return sql_plan_refuse(planner, "a statement of this kind");
}

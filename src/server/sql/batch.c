/* SPDX-License-Identifier: Apache-2.0 */
/* A text's statements, and the cache of them. */
#include "server/sql/batch.h"

#include <stdlib.h>
#include <string.h>

#include "server/sql/planner.h"
#include "server/sql/query.h"
#include "server/sql/tree.h"

static void free_plan(struct sql_plan *plan)
{
    if (plan->kind == SQL_PLAN_QUERY) sql_query_free(plan->of.query);
    if (plan->kind == SQL_PLAN_PREPARE) free_plan(plan->of.prepared.statement);
}

static void free_batch(struct sql_batch_owner *owner)
{
    struct sql_pool pool = owner->pool;

    for (size_t i = 0; i < owner->batch.count; i++) {
        free_plan(&owner->batch.plans[i]);
    }
    sql_pool_free(&pool); /* the batch lives in it, too */
}

static struct sql_batch_owner *new_owner(struct pawl_bytes text, const uint32_t *types,
                                         size_t type_count)
{
    struct sql_pool pool = {.bytes = 0};
    struct sql_batch_owner *owner = sql_pool_take(&pool, sizeof *owner);

    if (owner == NULL) return NULL;
    owner->batch.users = 1;
    owner->batch.text = sql_pool_copy(&pool, text);
    owner->types = sql_pool_array(&pool, type_count, sizeof *types);
    owner->type_count = type_count;
    owner->pool = pool;
    if (owner->batch.text.at == NULL || owner->types == NULL) {
        sql_pool_free(&pool);
        return NULL;
    }
    for (size_t i = 0; i < type_count; i++) {
        owner->types[i] = types[i];
    }
    return owner;
}

static bool plan_all(struct sql_batch_owner *owner, const json_t *root, struct sql_error *error)
{
    const json_t *statements = sql_tree_get(root, "stmts");
    struct sql_batch *batch = &owner->batch;
    size_t count = sql_tree_count(statements);
    struct sql_planner planner = {.pool = &owner->pool,
                                  .text = batch->text,
                                  .types = owner->types,
                                  .type_count = owner->type_count};

    if (count > SQL_STATEMENTS_MAX) {
        return sql_fail(error, "54000", 0, "one text can have at most %d statements",
                        SQL_STATEMENTS_MAX);
    }
    batch->plans = sql_pool_array(&owner->pool, count, sizeof *batch->plans);
    if (batch->plans == NULL) return sql_fail(error, "53200", 0, "out of memory");
    for (; batch->count < count; batch->count++) {
        json_t *statement = sql_tree_get(sql_tree_item(statements, batch->count), "stmt");

        if (sql_plan_make(&planner, statement, &batch->plans[batch->count])) continue;
        return sql_fail(error, "53200", 0, "out of memory");
    }
    batch->bytes = owner->pool.bytes;
    return true;
}

bool sql_batch_new(struct pawl_bytes text, const uint32_t *types, size_t type_count,
                   struct sql_batch **batch, struct sql_error *error)
{
    json_t *root = NULL;

    if (text.size > SQL_TEXT_BYTES_MAX) {
        return sql_fail(error, "54000", 0, "statements of more than %d bytes are not supported",
                        SQL_TEXT_BYTES_MAX);
    }
    if (type_count > SQL_PARAMS_MAX) {
        return sql_fail(error, "54000", 0, "a statement can have at most %d parameters",
                        SQL_PARAMS_MAX);
    }
    if (!sql_tree_parse(text, &root, error)) return false;
    struct sql_batch_owner *owner = new_owner(text, types, type_count);
    bool done = owner != NULL && plan_all(owner, root, error);
    json_decref(root);
    if (owner == NULL) return sql_fail(error, "53200", 0, "out of memory");
    if (!done) {
        free_batch(owner);
        return false;
    }
    *batch = &owner->batch;
    return true;
}

void sql_batch_release(struct sql_batch *batch)
{
    if (batch == NULL || --batch->users > 0) return;
    free_batch(PAWL_OWNER(batch, struct sql_batch_owner, batch));
}

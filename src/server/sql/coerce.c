/* SPDX-License-Identifier: Apache-2.0 */
/* Types of expressions made to fit each other, as PostgreSQL's parse_coerce.c has the rules. */
#include <stdio.h>
#include <string.h>

#include "server/sql/builder.h"
#include "server/sql/cast.h"

bool sql_build_no_memory(struct sql_builder *builder)
{
    return sql_fail(builder->error, "53200", 0, "out of memory");
}

struct sql_expr *sql_expr_of(struct sql_builder *builder, struct sql_expr model, size_t count)
{
    struct sql_expr *expr = sql_pool_take(builder->pool, sizeof *expr);

    if (expr != NULL) *expr = model;
    if (expr != NULL && count > 0) {
        expr->args = sql_pool_array(builder->pool, count, sizeof(struct sql_expr *));
        expr->count = count;
    }
    if (expr == NULL || (count > 0 && expr->args == NULL)) {
        (void)sql_build_no_memory(builder);
        return NULL;
    }
    return expr;
}

struct sql_expr *sql_expr_new(struct sql_builder *builder, enum sql_expr_kind kind, uint32_t type,
                              uint32_t position)
{
    struct sql_expr model = {.kind = kind, .type = type, .modifier = -1, .position = position};

    return sql_expr_of(builder, model, 0);
}

/* What a parameter is, is said by the first place that wants it to be something. */
static bool settle_param(struct sql_builder *builder, struct sql_expr *expr, uint32_t type)
{
    uint32_t *known = &builder->types[expr->index];

    if (*known != SQL_UNKNOWN && *known != type) {
        (void)sql_fail(builder->error, "42P08", expr->position,
                       "inconsistent types deduced for parameter $%zu", expr->index + 1);
        (void)snprintf(builder->error->detail, sizeof builder->error->detail, "%s versus %s",
                       sql_type_shown(*known), sql_type_shown(type));
        return false;
    }
    *known = type;
    expr->type = type;
    return true;
}

static bool read_literal(struct sql_builder *builder, struct sql_expr *expr, uint32_t type)
{
    struct pawl_bytes text = expr->value.text;

    expr->type = type;
    expr->value.type = type;
    if (expr->value.null) return true;
    if (!sql_input(builder->pool, text, type, &expr->value, builder->error)) {
        builder->error->position = expr->position;
        return false;
    }
    if (type != SQL_REGCLASS) return true;
    struct sql_name name;
    char *room = sql_pool_take(builder->pool, text.size + 1);
    if (room == NULL) return sql_build_no_memory(builder);
    if (sql_name_read(text, room, &name, builder->error)) return true;
    builder->error->position = expr->position;
    return false;
}

static struct sql_expr *cast_expr(struct sql_builder *builder, struct sql_expr *expr, uint32_t type,
                                  int32_t modifier)
{
    struct sql_expr model = {
        .kind = SQL_EXPR_CAST, .type = type, .modifier = modifier, .position = expr->position};
    struct sql_expr *cast = sql_expr_of(builder, model, 1);

    if (cast != NULL) cast->args[0] = expr;
    return cast;
}

struct sql_expr *sql_coerce(struct sql_builder *builder, struct sql_expr *expr, uint32_t type,
                            int32_t modifier, enum sql_cast least)
{
    if (expr->type == SQL_UNKNOWN && type != SQL_UNKNOWN) {
        bool done = expr->kind == SQL_EXPR_PARAM   ? settle_param(builder, expr, type)
                    : expr->kind == SQL_EXPR_VALUE ? read_literal(builder, expr, type)
                                                   : true;

        if (!done) return NULL;
    }
    if (expr->type == type && (modifier == -1 || expr->modifier == modifier)) return expr;
    enum sql_cast how = sql_type_cast(expr->type, type);
    if (how == SQL_CAST_NONE || how < least) {
        (void)sql_fail(builder->error, "42846", expr->position, "cannot cast type %s to %s",
                       sql_type_shown(expr->type), sql_type_shown(type));
        return NULL;
    }
    return cast_expr(builder, expr, type, modifier);
}

uint32_t sql_common_type(struct sql_builder *builder, struct sql_expr **exprs, size_t count,
                         const char *what)
{
    uint32_t common = exprs[0]->type;

    for (size_t i = 1; i < count; i++) {
        uint32_t type = exprs[i]->type;
        const struct sql_type_facts *facts = sql_type_facts(common);

        if (type == SQL_UNKNOWN || type == common) continue;
        if (common == SQL_UNKNOWN) {
            common = type;
        } else if (sql_type_category(type) != sql_type_category(common)) {
            (void)sql_fail(builder->error, "42804", exprs[i]->position,
                           "%s types %s and %s cannot be matched", what, sql_type_shown(common),
                           sql_type_shown(type));
            return 0;
        } else if (!facts->preferred && sql_type_cast(common, type) == SQL_CAST_IMPLICIT &&
                   sql_type_cast(type, common) != SQL_CAST_IMPLICIT) {
            common = type;
        }
    }
    return common == SQL_UNKNOWN ? SQL_TEXT : common;
}

uint32_t sql_coerce_all(struct sql_builder *builder, struct sql_expr **exprs, size_t count,
                        const char *what)
{
    uint32_t common = sql_common_type(builder, exprs, count, what);

    for (size_t i = 0; common != 0 && i < count; i++) {
        enum sql_cast how = sql_type_cast(exprs[i]->type, common);

        if (how != SQL_CAST_IMPLICIT) {
            (void)sql_fail(builder->error, "42846", exprs[i]->position,
                           "%s could not convert type %s to %s", what,
                           sql_type_shown(exprs[i]->type), sql_type_shown(common));
            return 0;
        }
        exprs[i] = sql_coerce(builder, exprs[i], common, -1, SQL_CAST_IMPLICIT);
        if (exprs[i] == NULL) return 0;
    }
    return common;
}

struct sql_expr *sql_coerce_unknown(struct sql_builder *builder, struct sql_expr *expr)
{
    if (expr->type != SQL_UNKNOWN) return expr;
    return sql_coerce(builder, expr, SQL_TEXT, -1, SQL_CAST_IMPLICIT);
}

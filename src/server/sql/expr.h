/* SPDX-License-Identifier: Apache-2.0 */
/* Kinds of expressions that stand in files of their own, and functions that only trees name. */
#ifndef PAWLD_SQL_EXPR_H
#define PAWLD_SQL_EXPR_H

#include "server/sql/builder.h"

/* Of any type, which all args have: GREATEST, LEAST, IS DISTINCT FROM, NULLIF, IN. */
extern const struct sql_function sql_greatest, sql_least, sql_distinct, sql_null_if, sql_in;
/* array: = ANY of it. */
extern const struct sql_function sql_any;

/* model with list's expressions as args, all of their common type, which is the result's. */
struct sql_expr *sql_build_common(struct sql_builder *builder, struct sql_expr model,
                                  const json_t *list, const char *what);
/* apply.c: operators and calls. */
struct sql_expr *sql_build_a_expr(struct sql_builder *builder, const json_t *fields);
struct sql_expr *sql_build_value_function(struct sql_builder *builder, const json_t *fields);

#endif

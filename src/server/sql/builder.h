/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Between tree and program: what a statement means, with types found and names resolved.
 *
 *     tree --select.c, expr.c, resolve.c--> sql_select of sql_exprs --emit.c--> sql_program
 *
 * All of it lives in the builder's pool. Functions that return NULL or false have filled its error.
 */
#ifndef PAWLD_SQL_BUILDER_H
#define PAWLD_SQL_BUILDER_H

#include <jansson.h>

#include "server/sql/plan.h"
#include "server/sql/pool.h"
#include "server/sql/program.h"
#include "server/sql/types.h"

enum sql_expr_kind {
    SQL_EXPR_VALUE,  /* value */
    SQL_EXPR_PARAM,  /* index */
    SQL_EXPR_SLOT,   /* index: a column of a FROM */
    SQL_EXPR_CALL,   /* function, args */
    SQL_EXPR_CAST,   /* args[0] to type */
    SQL_EXPR_AND,    /* args, two or more */
    SQL_EXPR_OR,     /* likewise */
    SQL_EXPR_NOT,    /* args[0] */
    SQL_EXPR_NULL,   /* args[0] IS NULL */
    SQL_EXPR_CASE,   /* args: condition, value, …, otherwise */
    SQL_EXPR_SET,    /* args[0] into the slot of index, then args[1] */
    SQL_EXPR_FIRST,  /* COALESCE: args */
    SQL_EXPR_ARRAY,  /* args, of one type */
    SQL_EXPR_SELECT, /* select: its one value, NULL without a row */
    SQL_EXPR_EXISTS, /* select */
    SQL_EXPR_LIST,   /* select: its values as an array */
};

/* Expressions of one statement, those that BETWEEN names twice included; more is 54001. */
enum { SQL_EXPRESSIONS_MAX = 4 * 16384 };

struct sql_select;

struct sql_expr {
    enum sql_expr_kind kind;
    uint32_t type;
    int32_t modifier;
    uint32_t position; /* of the text, in bytes from 1; 0: none */
    size_t index;
    struct sql_value value;
    const struct sql_function *function;
    struct sql_expr **args;
    size_t count;
    struct sql_select *select;
    bool outer; /* its select looks at columns outside of it */
};

enum sql_from_kind { SQL_FROM_SERIES, SQL_FROM_UNNEST, SQL_FROM_CALL, SQL_FROM_SELECT };

/* The one item of a FROM: each row goes to its slots. */
struct sql_from {
    enum sql_from_kind kind;
    struct pawl_bytes alias;
    struct sql_column *columns;
    size_t column_count;
    size_t slot;            /* of the first column */
    struct sql_expr **args; /* of SERIES 3, of UNNEST and CALL one */
    struct sql_select *select;
    bool ordinality; /* UNNEST, SERIES: one column more, which counts */
};

enum sql_select_kind { SQL_SELECT_PLAIN, SQL_SELECT_VALUES, SQL_SELECT_UNION };

struct sql_select {
    enum sql_select_kind kind;
    struct sql_column *columns;
    size_t column_count;
    struct sql_expr **targets; /* PLAIN: of columns; VALUES: row_count times those */
    size_t row_count;
    struct sql_select **arms; /* UNION ALL */
    size_t arm_count;
    struct sql_from *from; /* NULL: one row */
    struct sql_expr *where, *limit, *offset;
    bool unlooked; /* only whether there are rows is asked: its targets are not evaluated */
};

/* The columns that an expression may name; up leads to those outside of a subquery. */
struct sql_scope {
    struct sql_scope *up;
    const struct sql_from *from;
    bool looked_up; /* something within named a column outside of it */
};

struct sql_builder {
    struct sql_pool *pool;
    struct pawl_bytes text; /* of all statements, for positions */
    struct sql_error *error;
    struct sql_scope *scope;
    uint32_t *types; /* SQL_PARAMS_MAX of them; 0: not seen, SQL_UNKNOWN: not known yet */
    size_t type_count;
    bool no_params;   /* statements other than SELECT have none */
    bool rows_wanted; /* a FROM or a target of its own may be generate_series or unnest */
    size_t slot_count;
    size_t expr_count; /* built so far */
};

bool sql_build_no_memory(struct sql_builder *builder);
struct sql_expr *sql_expr_new(struct sql_builder *builder, enum sql_expr_kind kind, uint32_t type,
                              uint32_t position);
/* One with room for count args. */
struct sql_expr *sql_expr_of(struct sql_builder *builder, struct sql_expr model, size_t count);

/* expr.c. node: any expression's. */
struct sql_expr *sql_build_expr(struct sql_builder *builder, json_t *node);
/* Of a type that what must have, such as "argument of WHERE". */
struct sql_expr *sql_build_bool(struct sql_builder *builder, json_t *node, const char *what);
struct sql_expr *sql_build_call(struct sql_builder *builder, const json_t *fields);

/* coerce.c */
struct sql_expr *sql_coerce(struct sql_builder *builder, struct sql_expr *expr, uint32_t type,
                            int32_t modifier, enum sql_cast least);
/* The type that exprs come to have in common; 0: none, error says what ("CASE"). */
uint32_t sql_common_type(struct sql_builder *builder, struct sql_expr **exprs, size_t count,
                         const char *what);
/* All of them coerced to their common type, which is that of the result. 0: error. */
uint32_t sql_coerce_all(struct sql_builder *builder, struct sql_expr **exprs, size_t count,
                        const char *what);
/* A literal or parameter whose type nothing says is text in the end. */
struct sql_expr *sql_coerce_unknown(struct sql_builder *builder, struct sql_expr *expr);

/* resolve.c: the function or operator for those args, which it coerces. */
struct sql_expr *sql_resolve_call(struct sql_builder *builder, struct pawl_bytes name,
                                  struct sql_expr **args, size_t count, uint32_t position);
struct sql_expr *sql_resolve_operator(struct sql_builder *builder, struct pawl_bytes name,
                                      struct sql_expr **args, size_t count, uint32_t position);

/* select.c. fields: a SelectStmt's. */
struct sql_select *sql_build_select(struct sql_builder *builder, const json_t *fields);
/* Whether tables, catalogs, aggregates or the like appear: query.h's then. */
bool sql_select_is_query(json_t *node);
/* The name of a target without AS, as PostgreSQL makes it. */
struct pawl_bytes sql_target_name(json_t *node);

/* emit.c */
struct sql_program *sql_emit(struct sql_builder *builder, const struct sql_select *select);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* Values from text, to text, and from type to type, as PostgreSQL's own functions do it. */
#ifndef PAWLD_SQL_CAST_H
#define PAWLD_SQL_CAST_H

#include "server/sql/pool.h"
#include "server/sql/value.h"

/* A type's input function: 22P02, 22003. The result's text is the pool's, or the given one. */
bool sql_input(struct sql_pool *pool, struct pawl_bytes text, uint32_t type,
               struct sql_value *value, struct sql_error *error);
/* A value as text, likewise; at NULL: no memory. It must not be NULL. */
struct pawl_bytes sql_output(struct sql_pool *pool, const struct sql_value *value);
/* value becomes one of type; modifier -1: none. Whether there is such a cast was asked before. */
bool sql_cast_value(struct sql_pool *pool, struct sql_value *value, uint32_t type, int32_t modifier,
                    struct sql_error *error);
/* A parameter of SQL_VALUE_BINARY gets its text; others stay as they are. */
bool sql_value_settle(struct sql_pool *pool, struct sql_value *value, struct sql_error *error);
/* What a type's number may be; false: 22003, "integer out of range". */
bool sql_number_fits(uint32_t type, int64_t number, struct sql_error *error);
/* -1, 0, 1 of two values of one type, neither NULL. */
int sql_compare(const struct sql_value *a, const struct sql_value *b);
/* The shortest text that is this float8. */
struct pawl_bytes sql_float_text(struct sql_pool *pool, double number);
bool sql_float_of(const struct sql_value *value, double *number, struct sql_error *error);

/* An array's elements, one after the other: text format, one dimension. */
struct sql_elements {
    struct pawl_bytes text;
    size_t at;
};
bool sql_elements_begin(struct sql_elements *elements, struct pawl_bytes text,
                        struct sql_error *error);
/* 1: element, or null; 0: no more; -1: error. */
int sql_elements_next(struct sql_elements *elements, struct sql_pool *pool,
                      struct pawl_bytes *element, bool *null, struct sql_error *error);
/* An array of values, which are cast to text; at NULL: no memory. */
struct pawl_bytes sql_array_text(struct sql_pool *pool, const struct sql_value *values,
                                 size_t count);

#endif

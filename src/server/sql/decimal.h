/* SPDX-License-Identifier: Apache-2.0 */
/* numeric, as far as it is known here: exact decimals of bounded size, without NaN or infinity. */
#ifndef PAWLD_SQL_DECIMAL_H
#define PAWLD_SQL_DECIMAL_H

#include "server/sql/pool.h"
#include "server/sql/value.h"

enum {
    SQL_DECIMAL_DIGITS_MAX = 400, /* before and behind the point together; more is 0A000 */
};

struct sql_decimal {
    bool negative;
    size_t scale;                               /* digits behind the point */
    size_t count;                               /* digits in use; 0: zero */
    uint8_t digits[SQL_DECIMAL_DIGITS_MAX * 2]; /* the least first */
};

/* false: no number at all (22P02), out of what is supported (0A000). */
bool sql_decimal_read(struct sql_decimal *decimal, struct pawl_bytes text, struct sql_error *error);
void sql_decimal_of(struct sql_decimal *decimal, int64_t number);
/* at NULL: no memory. */
struct pawl_bytes sql_decimal_text(struct sql_pool *pool, const struct sql_decimal *decimal);
int sql_decimal_order(const struct sql_decimal *a, const struct sql_decimal *b);
/* Half away from zero; a scale that is greater adds zeros. */
void sql_decimal_round(struct sql_decimal *decimal, size_t scale);
/* Rounds; false: out of int64. */
bool sql_decimal_to_i64(const struct sql_decimal *decimal, int64_t *number);
/* '+', '-', '*', '/', '%', with the scales that PostgreSQL gives the results. */
bool sql_decimal_operate(char operation, const struct sql_decimal *a, const struct sql_decimal *b,
                         struct sql_decimal *result, struct sql_error *error);

#endif

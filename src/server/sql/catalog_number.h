/* SPDX-License-Identifier: Apache-2.0 */
/*
 * numeric in queries over catalogs: SQLite has whole numbers and doubles only. So a numeric is one
 * of these as long as that holds it exactly, and refused otherwise: never other digits.
 */
#ifndef PAWLD_SQL_CATALOG_NUMBER_H
#define PAWLD_SQL_CATALOG_NUMBER_H

#include <sqlite3.h>

#include "server/sql/decimal.h"

enum { CATALOG_NUMERIC_DIGITS_MAX = 15, CATALOG_NUMERIC_TEXT_BYTES = 64 };

/* A numeric as SQLite holds it. */
struct catalog_numeric {
    bool whole;
    int64_t number;
    double fraction;
};

/* false: 0A000, it does not fit. */
bool catalog_numeric_of(const struct sql_decimal *decimal, struct catalog_numeric *numeric,
                        struct sql_error *error);
/* From text: 22P02, 0A000. */
bool catalog_numeric_read(struct pawl_bytes text, struct catalog_numeric *numeric,
                          struct sql_error *error);
/* As PostgreSQL shows it, but for zeros at the end. false: 0A000. */
bool catalog_numeric_show(double number, char text[CATALOG_NUMERIC_TEXT_BYTES],
                          struct sql_error *error);
/* One of + - * / % of two of SQLite's values becomes the result, or an error. */
void catalog_numeric_math(sqlite3_context *context, char op, sqlite3_value *left,
                          sqlite3_value *right);

#endif

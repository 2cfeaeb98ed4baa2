/* SPDX-License-Identifier: Apache-2.0 */
/* Statements run as by a session that has the sequences s, t and "S": what comes of each, as text.
 */
#ifndef TEST_SQL_WORLD_H
#define TEST_SQL_WORLD_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "server/sql/machine.h"

enum { SQL_TOLD_BYTES = 64 * 1024 };

/*
 * Of the last statement of text; those before it are run, too. Of a SELECT "name:oid,…|a,b;c,d":
 * its columns, then its rows, NULL as ~. Of one with parameters "(oid,…)" and its columns. Of an
 * error "22012@8 division by zero", of any other its tag. The sequences begin anew.
 */
const char *sql_told(const char *text, char told[SQL_TOLD_BYTES]);

/* Runs a plan with params; appends rows or an error to told. */
void sql_run(const struct sql_plan *plan, const struct sql_value *params,
             char told[SQL_TOLD_BYTES]);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* float8 as PostgreSQL writes it. */
#ifndef PAWLD_SQL_SHORTEST_H
#define PAWLD_SQL_SHORTEST_H

#include <stdbool.h>
#include <stddef.h>

enum { SQL_FLOAT_BYTES = 40 };

/* Returns its size; there is no zero behind it. */
size_t sql_float_put(double number, char to[SQL_FLOAT_BYTES]);

#endif

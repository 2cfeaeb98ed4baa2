/* SPDX-License-Identifier: Apache-2.0 */
/* The parts of a SELECT that stand in files of their own. */
#ifndef PAWLD_SQL_SELECT_H
#define PAWLD_SQL_SELECT_H

#include "server/sql/builder.h"

/* from.c. node: an item of a FROM. */
struct sql_from *sql_build_from(struct sql_builder *builder, json_t *node);
/* A call of generate_series or unnest that stands as a target. */
struct sql_from *sql_build_rows(struct sql_builder *builder, json_t *call);

#endif

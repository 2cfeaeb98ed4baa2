/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which columns a name that does not exist may have been meant to be: those that it takes the
 * fewest letters to change into, two at most, as PostgreSQL tells them.
 */
#ifndef PAWLD_SQL_NEAREST_H
#define PAWLD_SQL_NEAREST_H

#include "server/sql/value.h"

struct sql_near {
    struct pawl_bytes table, column; /* column of no size: there is none */
};

struct sql_nearest {
    struct pawl_bytes table, column; /* that are looked for */
    struct sql_near found[2];
    size_t distance; /* of what was found */
    struct pawl_bytes at;
    size_t penalty; /* the distance of at from table */
};

/* table of no size: any. All names outlive nearest. */
void sql_nearest_begin(struct sql_nearest *nearest, struct pawl_bytes table,
                       struct pawl_bytes column);
/* The columns of this one follow. */
void sql_nearest_table(struct sql_nearest *nearest, struct pawl_bytes table);
void sql_nearest_column(struct sql_nearest *nearest, struct pawl_bytes column);
/* error's hint, if anything was found. */
void sql_nearest_hint(const struct sql_nearest *nearest, struct sql_error *error);

#endif

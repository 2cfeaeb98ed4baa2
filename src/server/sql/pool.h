/* SPDX-License-Identifier: Apache-2.0 */
/* Memory that is freed all at once. {0} is an empty pool. */
#ifndef PAWLD_SQL_POOL_H
#define PAWLD_SQL_POOL_H

#include "base/base.h"

struct sql_chunk;

struct sql_pool {
    struct sql_chunk *chunks; /* the newest first */
    size_t used;              /* of the newest */
    size_t bytes;             /* of all */
};

/* Zeroed, aligned for anything. NULL: no memory. */
void *sql_pool_take(struct sql_pool *pool, size_t size);
/* Count members of size bytes each; NULL also if their product is none. */
void *sql_pool_array(struct sql_pool *pool, size_t count, size_t size);
/* A copy with a zero byte behind it. at NULL: no memory. */
struct pawl_bytes sql_pool_copy(struct sql_pool *pool, struct pawl_bytes bytes);
/* The pool is empty then. */
void sql_pool_free(struct sql_pool *pool);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* A batch with the memory that it lives in. */
#ifndef PAWLD_SQL_BATCH_H
#define PAWLD_SQL_BATCH_H

#include "server/sql/plan.h"
#include "server/sql/pool.h"

struct sql_batch_owner {
    struct sql_batch batch;
    struct sql_pool pool;
    uint32_t *types; /* as they were given */
    size_t type_count;
};

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * SQLite's memory, counted for each query: what one takes too much of fails for it alone. SQLite
 * asks for memory without saying what for, so the thread remembers whose turn it is.
 */
#ifndef PAWLD_SQL_MEMORY_H
#define PAWLD_SQL_MEMORY_H

#include <stddef.h>
#include <stdint.h>

struct sql_meter {
    int64_t bytes; /* taken and not given back, while it counted */
    int64_t most;
};

/* Before SQLite is used for the first time; again, it does nothing. Any thread. */
void sql_memory_begin(void);
/* From now on this thread's memory counts there; NULL: nowhere. Returns the one before. */
struct sql_meter *sql_memory_of(struct sql_meter *meter);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where writes go: which database cluster, on which timeline of its history. A record's branch is
 * "SYSTEM/TIMELINE", and " waits" behind it if commits wait for a standby there: whoever writes a
 * record says so, for whoever finds it on a later timeline. Pure functions.
 */
#ifndef PAWL_POSTGRES_HISTORY_H
#define PAWL_POSTGRES_HISTORY_H

#include <libpq-fe.h>

#include "range/source.h"

enum {
    PAWL_POSTGRES_PLACE_BYTES = 24, /* "DATABASE/TABLE", two numbers of 32 bits */
    PAWL_POSTGRES_WAL_PAGE_BYTES = 8192,
};

/* Columns of what IDENTITY answers. */
enum pawl_postgres_history_column {
    PAWL_POSTGRES_HISTORY_SYSTEM,
    PAWL_POSTGRES_HISTORY_TIMELINE,  /* eight hexadecimal digits; NULL: a standby has none */
    PAWL_POSTGRES_HISTORY_LSN,       /* decimal; likewise */
    PAWL_POSTGRES_HISTORY_WAITS,     /* t or f */
    PAWL_POSTGRES_HISTORY_RECOVERED, /* t or f */
    PAWL_POSTGRES_HISTORY_COLUMNS,
};

struct pawl_postgres_history {
    char system[24];   /* empty: not known */
    uint64_t timeline; /* 0: not known */
    uint64_t lsn;
    bool waits;     /* commits wait for a synchronous standby */
    bool recovered; /* its settings name a point in time that it was recovered to */
};

/* false: the row is none. */
bool pawl_postgres_history_read(struct pawl_postgres_history *history, const PGresult *result);

/*
 * The store's name is "SYSTEM/DATABASE/TABLE": place is the last two, empty: not known. Its branch
 * is told as far as it concerns a record that bears `was`. Its position is that of a whole page of
 * WAL: what was flushed may end within a record, which a crash cuts off back to that page's begin
 * though no commit is lost.
 */
struct pawl_identity pawl_postgres_history_identity(const struct pawl_postgres_history *history,
                                                    const char *place, struct pawl_bytes was);

#endif

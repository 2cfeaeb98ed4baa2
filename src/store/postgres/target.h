/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a URL says: postgres://[user[:password]@]host[:port][,...]/db?table=NAME[&libpq's options].
 * All but table and durability is libpq's own.
 */
#ifndef PAWL_POSTGRES_TARGET_H
#define PAWL_POSTGRES_TARGET_H

#include <libpq-fe.h>

#include "base/base.h"

enum {
    PAWL_POSTGRES_PLACES_MAX = 32,                  /* addresses of all hosts */
    PAWL_POSTGRES_PARAMS_MAX = 64,                  /* of a connection */
    PAWL_POSTGRES_TABLE_MAX = 2 * (63 * 2 + 2) + 2, /* both parts quoted */
};

struct pawl_postgres_target {
    PQconninfoOption *options;
    char table[PAWL_POSTGRES_TABLE_MAX]; /* quoted: "pawl_sequences", "app"."ids" */
    bool lasting; /* false: durability=none, a server that forgets at a crash will do */
    bool many;    /* hosts */
};

/* PAWL_BAD_REQUEST: error names the part, and never a password. */
pawl_err pawl_postgres_target_read(struct pawl_postgres_target *target, const char *url,
                                   pawl_error *error);
void pawl_postgres_target_free(struct pawl_postgres_target *target);

/* values.c: PAWL_BAD_REQUEST names the option whose value libpq would refuse. */
pawl_err pawl_postgres_values_check(const struct pawl_postgres_target *target, pawl_error *error);

/* NULL: neither the URL nor the environment says. */
const char *pawl_postgres_target_value(const struct pawl_postgres_target *target, const char *key);

/* Element number index of a list with commas; false: there are not so many. */
bool pawl_postgres_list_item(const char *list, size_t index, char *to, size_t size);

/* One way to reach a server. host and port may be empty: libpq's default. */
struct pawl_postgres_place {
    char host[256];
    char port[16];
    char address[64]; /* numeric; empty for a socket in a folder */
};

/* The parameters of a connection. Texts are the target's, or in room. */
struct pawl_postgres_params {
    const char *keys[PAWL_POSTGRES_PARAMS_MAX];
    const char *values[PAWL_POSTGRES_PARAMS_MAX];
    size_t count;
    char *room;
};

/* places[first] is tried first, then those after it, around. count 0: as the target says.
 * false: no memory. */
bool pawl_postgres_params_make(struct pawl_postgres_params *params,
                               const struct pawl_postgres_target *target,
                               const struct pawl_postgres_place *places, size_t count,
                               size_t first);
void pawl_postgres_params_free(struct pawl_postgres_params *params);

#endif

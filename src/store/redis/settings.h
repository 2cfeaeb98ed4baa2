/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a store's URL says: redis://[[user]:password@]host[:port][/database][?prefix=pawl:&...].
 *
 * A record is the hash at prefix + name, its fields are those of store/fields.h. The sorted set at
 * the prefix itself has the names, all with score 0: no sequence has an empty name.
 */
#ifndef PAWL_REDIS_SETTINGS_H
#define PAWL_REDIS_SETTINGS_H

#include "store/redis/script.h"
#include "store/url.h"

enum {
    PAWL_REDIS_PORT = 6379,
    PAWL_REDIS_PREFIX_BYTES_MAX = 128,
    PAWL_REDIS_HOST_BYTES_MAX = 255,
    PAWL_REDIS_DATABASE_MAX = 1 << 20,
    PAWL_REDIS_REPLICAS_MAX = 64,
};

struct pawl_redis_settings {
    char host[PAWL_REDIS_HOST_BYTES_MAX + 1];
    uint16_t port;
    bool tls;
    char user[PAWL_URL_TEXT_MAX + 1], password[PAWL_URL_TEXT_MAX + 1]; /* empty: none */
    uint64_t database;
    char prefix[PAWL_REDIS_PREFIX_BYTES_MAX + 1];
    uint64_t replicas; /* that must have acknowledged a write before it is believed */
    bool forgets;      /* durability=none: the server may forget what it acknowledged */
    char where[64];    /* for errors and logs: "redis host:port" */
    struct pawl_redis_scripts scripts;
};

/* url: as read, for what settings does not keep. PAWL_BAD_REQUEST names the part that is wrong. */
pawl_err pawl_redis_settings_read(struct pawl_redis_settings *settings, struct pawl_url *url,
                                  const char *text, pawl_error *error);

#endif

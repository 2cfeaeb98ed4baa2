/* SPDX-License-Identifier: Apache-2.0 */
/* A bucket's cluster map: which node has which key. Read from the JSON that every node gives. */
#ifndef PAWL_KV_MAP_H
#define PAWL_KV_MAP_H

#include "store/couchbase/settings.h"

enum { PAWL_KV_NODES_MAX = 256, PAWL_KV_VBUCKETS_MAX = 4096, PAWL_KV_UUID_BYTES_MAX = 63 };

struct pawl_kv_address {
    char host[PAWL_URL_TEXT_MAX + 1]; /* empty: the node has no such service */
    uint16_t port;
};

struct pawl_kv_map {
    int64_t epoch, rev;
    char uuid[PAWL_KV_UUID_BYTES_MAX + 1]; /* the bucket's; empty: not told */
    size_t replica_count;
    bool durable_write, collections; /* what the bucket says that it can do */
    size_t node_count;
    struct pawl_kv_address *nodes;
    size_t vbucket_count;
    int16_t *active; /* of each vbucket: its node, -1 where there is none now */
};

/*
 * Reads a map that was told on a connection to `host`.
 *
 * Memory:   map is ended by pawl_kv_map_clear
 * Errors:   PAWL_STORE        it is no map, or not whole
 *           PAWL_DENIED       of a bucket that forgets (memcached)
 *           PAWL_NO_MEMORY
 */
pawl_err pawl_kv_map_read(struct pawl_kv_map *map, struct pawl_bytes json, const char *host,
                          const struct pawl_kv_settings *settings, pawl_error *error);
void pawl_kv_map_clear(struct pawl_kv_map *map);

/* Whether a was made later than b. */
bool pawl_kv_map_newer(const struct pawl_kv_map *a, const struct pawl_kv_map *b);
/* Of a key without its collection. */
uint16_t pawl_kv_map_vbucket(const struct pawl_kv_map *map, struct pawl_bytes key);

/* How long documents of a collection stay, as the bucket's manifest has it: 0: as in the bucket;
 * negative: for ever. false: it does not tell of the collection. */
bool pawl_kv_manifest_max_ttl(struct pawl_bytes json, uint32_t collection, int64_t *max_ttl_s);

#endif

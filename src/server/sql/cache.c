/* SPDX-License-Identifier: Apache-2.0 */
/* Batches by text and types, those used last first. What falls out lives on while it is held. */
#include <stdlib.h>
#include <string.h>

#include "server/sql/batch.h"

enum {
    ENTRIES_MAX = 1024,
    BYTES_MAX = 16 * 1024 * 1024,
    BATCH_BYTES_MAX = 1024 * 1024, /* a larger one is not kept */
    BUCKETS = 2048,
};

struct sql_cache {
    struct sql_batch *buckets[BUCKETS]; /* open addressing, linear */
    struct sql_batch *newest, *oldest;
    size_t count, bytes;
    uint64_t seed;
};

_Static_assert(ENTRIES_MAX * 2 <= BUCKETS, "a search ends at an empty bucket");

struct sql_cache *sql_cache_new(uint64_t seed)
{
    struct sql_cache *cache = calloc(1, sizeof *cache);

    if (cache != NULL) cache->seed = seed;
    return cache;
}

static const struct sql_batch_owner *owner_of(struct sql_batch *batch)
{
    return PAWL_OWNER(batch, struct sql_batch_owner, batch);
}

static bool is_same(struct sql_batch *batch, struct pawl_bytes text, const uint32_t *types,
                    size_t type_count)
{
    const struct sql_batch_owner *owner = owner_of(batch);

    if (!pawl_bytes_equal(batch->text, text) || owner->type_count != type_count) return false;
    return type_count == 0 || memcmp(owner->types, types, type_count * sizeof *types) == 0;
}

static void unlink_batch(struct sql_cache *cache, struct sql_batch *batch)
{
    if (batch->newer != NULL) batch->newer->older = batch->older;
    if (batch->older != NULL) batch->older->newer = batch->newer;
    if (cache->newest == batch) cache->newest = batch->older;
    if (cache->oldest == batch) cache->oldest = batch->newer;
    batch->newer = batch->older = NULL;
}

static void put_first(struct sql_cache *cache, struct sql_batch *batch)
{
    batch->older = cache->newest;
    if (cache->newest != NULL) cache->newest->newer = batch;
    cache->newest = batch;
    if (cache->oldest == NULL) cache->oldest = batch;
}

/* Those behind an emptied bucket move up, so that none is cut off from where it belongs. */
static void empty_bucket(struct sql_cache *cache, size_t at)
{
    for (size_t next = (at + 1) % BUCKETS; cache->buckets[next] != NULL;
         next = (next + 1) % BUCKETS) {
        size_t home = (size_t)(cache->buckets[next]->hash % BUCKETS);
        bool stays = at < next ? home > at && home <= next : home > at || home <= next;

        if (stays) continue;
        cache->buckets[at] = cache->buckets[next];
        at = next;
    }
    cache->buckets[at] = NULL;
}

static void drop_oldest(struct sql_cache *cache)
{
    struct sql_batch *batch = cache->oldest;
    size_t at = (size_t)(batch->hash % BUCKETS);

    while (cache->buckets[at] != batch) {
        at = (at + 1) % BUCKETS;
    }
    empty_bucket(cache, at);
    unlink_batch(cache, batch);
    cache->count--;
    cache->bytes -= batch->bytes;
    sql_batch_release(batch);
}

void sql_cache_free(struct sql_cache *cache)
{
    if (cache == NULL) return;
    while (cache->oldest != NULL) {
        drop_oldest(cache);
    }
    free(cache);
}

static void keep(struct sql_cache *cache, struct sql_batch *batch)
{
    if (batch->bytes > BATCH_BYTES_MAX) return;
    while (cache->count == ENTRIES_MAX || cache->bytes + batch->bytes > BYTES_MAX) {
        drop_oldest(cache);
    }
    size_t at = (size_t)(batch->hash % BUCKETS);
    while (cache->buckets[at] != NULL) {
        at = (at + 1) % BUCKETS;
    }
    cache->buckets[at] = batch;
    cache->count++;
    cache->bytes += batch->bytes;
    batch->users++;
    put_first(cache, batch);
}

struct sql_batch *sql_cache_get(struct sql_cache *cache, struct pawl_bytes text,
                                const uint32_t *types, size_t type_count, struct sql_error *error)
{
    uint64_t hash = pawl_bytes_hash(text, cache->seed);
    struct sql_batch *batch = NULL;

    for (size_t at = (size_t)(hash % BUCKETS); cache->buckets[at] != NULL;
         at = (at + 1) % BUCKETS) {
        batch = cache->buckets[at];
        if (batch->hash != hash || !is_same(batch, text, types, type_count)) continue;
        if (cache->newest != batch) {
            unlink_batch(cache, batch);
            put_first(cache, batch);
        }
        batch->users++;
        return batch;
    }
    if (!sql_batch_new(text, types, type_count, &batch, error)) return NULL;
    batch->hash = hash;
    keep(cache, batch);
    return batch;
}

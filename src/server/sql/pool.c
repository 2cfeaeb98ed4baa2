/* SPDX-License-Identifier: Apache-2.0 */
#include "server/sql/pool.h"

#include <stdlib.h>
#include <string.h>

enum { CHUNK_BYTES = 2000, ALIGNMENT = 16 };

struct sql_chunk {
    struct sql_chunk *next;
    size_t size; /* of bytes */
    _Alignas(ALIGNMENT) char bytes[];
};

static bool grow(struct sql_pool *pool, size_t size)
{
    size_t room = size > CHUNK_BYTES ? size : CHUNK_BYTES;
    struct sql_chunk *chunk = calloc(1, sizeof *chunk + room);

    if (chunk == NULL) return false;
    chunk->size = room;
    chunk->next = pool->chunks;
    pool->chunks = chunk;
    pool->used = 0;
    pool->bytes += sizeof *chunk + room;
    return true;
}

void *sql_pool_take(struct sql_pool *pool, size_t size)
{
    if (size > SIZE_MAX / 2) return NULL;
    size = (size + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    bool fits = pool->chunks != NULL && pool->chunks->size - pool->used >= size;

    if (!fits && !grow(pool, size)) return NULL;
    void *at = pool->chunks->bytes + pool->used;
    pool->used += size;
    return at;
}

void *sql_pool_array(struct sql_pool *pool, size_t count, size_t size)
{
    size_t bytes = 0;

    if (__builtin_mul_overflow(count, size, &bytes)) return NULL;
    return sql_pool_take(pool, bytes);
}

struct pawl_bytes sql_pool_copy(struct sql_pool *pool, struct pawl_bytes bytes)
{
    char *at = sql_pool_take(pool, bytes.size + 1);

    if (at == NULL) return (struct pawl_bytes){NULL, 0};
    if (bytes.size > 0) memcpy(at, bytes.at, bytes.size);
    return (struct pawl_bytes){at, bytes.size};
}

void sql_pool_free(struct sql_pool *pool)
{
    for (struct sql_chunk *chunk = pool->chunks; chunk != NULL;) {
        struct sql_chunk *next = chunk->next;

        free(chunk);
        chunk = next;
    }
    *pool = (struct sql_pool){0};
}

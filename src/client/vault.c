/* SPDX-License-Identifier: Apache-2.0 */
#include "client/vault.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>

enum { CHUNK_BYTES = 64 * 1024 };

/* At the front of each chunk, a cache line long. */
struct pawl_vault_chunk {
    _Alignas(PAWL_VAULT_CELL_MIN) struct pawl_vault_chunk *next;
};

struct pawl_vault_cell {
    struct pawl_vault_cell *next;
};

static struct pawl_vault_chunk *chunk_new(void)
{
    void *at = mmap(NULL, CHUNK_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    if (at == MAP_FAILED) return NULL;
    if (madvise(at, CHUNK_BYTES, MADV_WIPEONFORK) == 0) return at;
    int failure = errno;
    (void)munmap(at, CHUNK_BYTES);
    errno = failure;
    return NULL;
}

static size_t class_of(size_t size, size_t *cell_size)
{
    size_t kind = 0;

    PAWL_ASSERT(size > 0 && size <= PAWL_VAULT_CELL_MAX);
    for (*cell_size = PAWL_VAULT_CELL_MIN; *cell_size < size; *cell_size *= 2) {
        kind++;
    }
    PAWL_ASSERT(kind < PAWL_VAULT_CLASSES);
    return kind;
}

static void chunk_use(struct pawl_vault *vault, struct pawl_vault_chunk *chunk)
{
    chunk->next = vault->chunks;
    vault->chunks = chunk;
    vault->room = (char *)chunk + sizeof *chunk;
    vault->room_size = CHUNK_BYTES - sizeof *chunk;
}

static void *cut(struct pawl_vault *vault, size_t size)
{
    void *at = vault->room;

    vault->room += size;
    vault->room_size -= size;
    return at;
}

struct pawl_vault *pawl_vault_new(pawl_error *error)
{
    struct pawl_vault_chunk *chunk = chunk_new();
    struct pawl_vault whole = {.alive = 1};
    size_t size = 0;

    if (chunk == NULL) {
        (void)pawl_fail(error, PAWL_NO_MEMORY,
                        "no pages that are wiped in forked children: %s (Linux 4.14 is needed)",
                        strerror(errno));
        return NULL;
    }
    (void)class_of(sizeof whole, &size);
    chunk_use(&whole, chunk);
    struct pawl_vault *vault = cut(&whole, size);

    memcpy(vault, &whole, sizeof whole);
    (void)pthread_mutex_init(&vault->lock, NULL);
    (void)pthread_mutex_init(&vault->door, NULL);
    return vault;
}

void pawl_vault_free(struct pawl_vault *vault)
{
    if (vault == NULL) return;
    struct pawl_vault_chunk *chunk = vault->chunks;

    while (chunk != NULL) {
        struct pawl_vault_chunk *next = chunk->next;

        (void)munmap(chunk, CHUNK_BYTES);
        chunk = next;
    }
}

void *pawl_vault_take(struct pawl_vault *vault, size_t size)
{
    size_t cell_size = 0;
    size_t kind = class_of(size, &cell_size);
    struct pawl_vault_chunk *chunk = NULL;
    void *at = NULL;

    (void)pthread_mutex_lock(&vault->lock);
    if (vault->free[kind] != NULL) {
        at = vault->free[kind];
        vault->free[kind] = vault->free[kind]->next;
    } else {
        if (vault->room_size < cell_size) {
            chunk = chunk_new();
            if (chunk != NULL) chunk_use(vault, chunk);
        }
        if (vault->room_size >= cell_size) at = cut(vault, cell_size);
    }
    (void)pthread_mutex_unlock(&vault->lock);
    return at == NULL ? NULL : memset(at, 0, cell_size);
}

void pawl_vault_give(struct pawl_vault *vault, void *at, size_t size)
{
    struct pawl_vault_cell *cell = at;
    size_t cell_size = 0;
    size_t kind = class_of(size, &cell_size);

    (void)pthread_mutex_lock(&vault->lock);
    cell->next = vault->free[kind];
    vault->free[kind] = cell;
    (void)pthread_mutex_unlock(&vault->lock);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Where a keeper finds its sequences: by name in a hash table, by time in a binary heap. */
#include "range/kept.h"

#include <stdlib.h>
#include <string.h>

enum { TABLE_SIZE_LEAST = 64 };

static struct kept **bucket(struct kept **table, size_t size, struct pawl_bytes name)
{
    return &table[pawl_bytes_hash(name, 0) & (size - 1)];
}

/* The heap has as much room as the table, and the table is never more than full: nor does it hold
 * more than 32 bits count. */
static bool table_grow(struct pawl_keeper *keeper)
{
    size_t size = keeper->table_size == 0 ? TABLE_SIZE_LEAST : keeper->table_size * 2;

    if (size > UINT32_MAX) return false;
    struct kept **table = calloc(size, sizeof *table);
    struct kept **heap = realloc(keeper->heap, size * sizeof *heap);

    if (heap != NULL) keeper->heap = heap;
    if (table == NULL || heap == NULL) {
        free(table);
        return false;
    }
    for (size_t i = 0; i < keeper->table_size; i++) {
        struct kept *next = NULL;

        for (struct kept *kept = keeper->table[i]; kept != NULL; kept = next) {
            struct kept **into = bucket(table, size, kept->holding.name);

            next = kept->hash_next;
            kept->hash_next = *into;
            *into = kept;
        }
    }
    free(keeper->table);
    keeper->table = table;
    keeper->table_size = size;
    return true;
}

struct kept *pawl_kept_find(struct pawl_keeper *keeper, struct pawl_bytes name)
{
    if (keeper->table_size == 0) return NULL;
    struct kept *kept = *bucket(keeper->table, keeper->table_size, name);

    while (kept != NULL && !pawl_bytes_equal(kept->holding.name, name)) {
        kept = kept->hash_next;
    }
    return kept;
}

struct kept *pawl_kept_get(struct pawl_keeper *keeper, struct pawl_bytes name, pawl_error *error)
{
    struct kept *kept = pawl_kept_find(keeper, name);
    struct pawl_name checked;

    if (kept != NULL) return kept;
    if (pawl_name_set(&checked, name, error) != PAWL_OK) return NULL;

    bool room = keeper->count < keeper->table_size || table_grow(keeper);
    kept = room ? calloc(1, sizeof *kept + name.size) : NULL;
    if (kept == NULL) {
        (void)pawl_fail(error, PAWL_NO_MEMORY, "no memory to keep another sequence");
        return NULL;
    }
    *kept = (struct kept){
        .holding = {.name = {kept->name, name.size}},
        .keeper = keeper,
        .heap_at = UINT32_MAX,
        .due_ns = PAWL_NEVER,
        .used_ns = keeper->now_ns,
    };
    memcpy(kept->name, name.at, name.size);
    pawl_kept_books_open(kept);
    struct kept **into = bucket(keeper->table, keeper->table_size, name);
    kept->hash_next = *into;
    *into = kept;
    keeper->count++;
    pawl_count_add(&keeper->counts.holdings, 1);
    return kept;
}

void pawl_kept_free(struct kept *kept)
{
    struct pawl_keeper *keeper = kept->keeper;
    struct kept **link = bucket(keeper->table, keeper->table_size, kept->holding.name);

    pawl_kept_books_close(kept);
    pawl_kept_leave(kept, false);
    pawl_kept_strip(kept);
    pawl_kept_due(kept, PAWL_NEVER);
    while (*link != kept) {
        PAWL_ASSERT(*link != NULL);
        link = &(*link)->hash_next;
    }
    *link = kept->hash_next;
    keeper->count--;
    pawl_count_sub(&keeper->counts.holdings, 1);
    free(kept->trouble);
    free(kept);
}

/* The heap: the earliest time is at 0. */

static void heap_put(struct pawl_keeper *keeper, size_t at, struct kept *kept)
{
    keeper->heap[at] = kept;
    kept->heap_at = (uint32_t)at;
}

static void heap_up(struct pawl_keeper *keeper, struct kept *kept)
{
    size_t at = kept->heap_at;

    while (at > 0 && keeper->heap[(at - 1) / 2]->due_ns > kept->due_ns) {
        heap_put(keeper, at, keeper->heap[(at - 1) / 2]);
        at = (at - 1) / 2;
    }
    heap_put(keeper, at, kept);
}

static void heap_down(struct pawl_keeper *keeper, struct kept *kept)
{
    size_t at = kept->heap_at;

    for (;;) {
        size_t child = 2 * at + 1;

        if (child >= keeper->heap_count) break;
        if (child + 1 < keeper->heap_count &&
            keeper->heap[child + 1]->due_ns < keeper->heap[child]->due_ns) {
            child++;
        }
        if (keeper->heap[child]->due_ns >= kept->due_ns) break;
        heap_put(keeper, at, keeper->heap[child]);
        at = child;
    }
    heap_put(keeper, at, kept);
}

void pawl_kept_due(struct kept *kept, uint64_t due_ns)
{
    struct pawl_keeper *keeper = kept->keeper;

    if (due_ns == kept->due_ns) return;
    kept->due_ns = due_ns;
    if (kept->heap_at == UINT32_MAX) {
        kept->heap_at = (uint32_t)keeper->heap_count++;
        heap_up(keeper, kept);
    } else if (due_ns == PAWL_NEVER) {
        struct kept *last = keeper->heap[--keeper->heap_count];
        size_t at = kept->heap_at;

        kept->heap_at = UINT32_MAX;
        if (last == kept) return;
        heap_put(keeper, at, last);
        heap_up(keeper, last);
        heap_down(keeper, last);
    } else {
        heap_up(keeper, kept);
        heap_down(keeper, kept);
    }
}

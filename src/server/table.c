/* SPDX-License-Identifier: Apache-2.0 */
/* Linear probing, at most three quarters full; removal shifts back, so there are no tombstones. */
#include "server/table.h"

#include <stdlib.h>

enum { TABLE_SLOTS_MIN = 16 };

void *table_find(const struct table *table, uint64_t hash, table_same same, const void *key)
{
    if (table->capacity == 0) return NULL;
    for (size_t i = hash & (table->capacity - 1); table->slots[i].item != NULL;
         i = (i + 1) & (table->capacity - 1)) {
        if (table->slots[i].hash == hash && same(table->slots[i].item, key)) {
            return table->slots[i].item;
        }
    }
    return NULL;
}

static void put(struct table *table, uint64_t hash, void *item)
{
    size_t i = hash & (table->capacity - 1);

    while (table->slots[i].item != NULL) {
        i = (i + 1) & (table->capacity - 1);
    }
    table->slots[i] = (struct table_slot){hash, item};
}

static bool grow(struct table *table)
{
    size_t capacity = table->capacity == 0 ? TABLE_SLOTS_MIN : table->capacity * 2;
    struct table grown = {calloc(capacity, sizeof *grown.slots), capacity, table->count};

    if (grown.slots == NULL) return false;
    for (size_t i = 0; i < table->capacity; i++) {
        if (table->slots[i].item == NULL) continue;
        put(&grown, table->slots[i].hash, table->slots[i].item);
    }
    free(table->slots);
    *table = grown;
    return true;
}

bool table_add(struct table *table, uint64_t hash, void *item)
{
    if (table->count + 1 > table->capacity / 4 * 3 && !grow(table)) return false;
    put(table, hash, item);
    table->count++;
    return true;
}

void table_remove(struct table *table, uint64_t hash, const void *item)
{
    size_t mask = table->capacity - 1;

    PAWL_ASSERT(table->capacity > 0);
    size_t hole = hash & mask;
    while (table->slots[hole].item != item) {
        PAWL_ASSERT(table->slots[hole].item != NULL);
        hole = (hole + 1) & mask;
    }
    for (size_t i = (hole + 1) & mask; table->slots[i].item != NULL; i = (i + 1) & mask) {
        size_t home = table->slots[i].hash & mask;

        /* It may move into the hole unless its home lies behind the hole. */
        if (((i - home) & mask) >= ((i - hole) & mask)) {
            table->slots[hole] = table->slots[i];
            hole = i;
        }
    }
    table->slots[hole] = (struct table_slot){0, NULL};
    table->count--;
}

void table_free(struct table *table)
{
    free(table->slots);
    *table = (struct table){0};
}

/* SPDX-License-Identifier: Apache-2.0 */
/* A hash table of pointers. Whoever uses it hashes and compares. {0} is an empty table. */
#ifndef PAWLD_TABLE_H
#define PAWLD_TABLE_H

#include "base/base.h"

struct table_slot {
    uint64_t hash;
    void *item; /* NULL: free */
};

struct table {
    struct table_slot *slots;
    size_t capacity; /* a power of two, or 0 */
    size_t count;
};

typedef bool (*table_same)(const void *item, const void *key);

void *table_find(const struct table *table, uint64_t hash, table_same same, const void *key);
bool table_add(struct table *table, uint64_t hash, void *item); /* false: no memory */
void table_remove(struct table *table, uint64_t hash, const void *item);
void table_free(struct table *table);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The store that forgets: records in a treap, which finds a name in logarithmic time and lists in
 * order of names, so that a hash table beside it would only repeat it.
 */
#include "store/schemes.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct node {
    struct pawl_record record;
    uint64_t priority; /* no child's is higher: a hash of the name, so the tree is balanced */
    struct node *less, *more;
};

struct memory {
    struct pawl_source source;
    struct pawl_records_within within;
    struct pawl_store_options options;
    uint64_t random;
    struct node *root;
    struct pawl_identity identity; /* a store of its own each time, which cannot go back */
    struct pawl_asks queue;
};

static int node_order(const struct node *node, struct pawl_bytes name)
{
    return pawl_bytes_order(name, pawl_name_bytes(&node->record.name));
}

static struct node *find(struct node *node, struct pawl_bytes name)
{
    while (node != NULL) {
        int order = node_order(node, name);

        if (order == 0) return node;
        node = order < 0 ? node->less : node->more;
    }
    return NULL;
}

/* The first node beyond name, NULL if there is none. */
static struct node *find_beyond(struct node *node, struct pawl_bytes name)
{
    struct node *beyond = NULL;

    while (node != NULL) {
        if (node_order(node, name) < 0) {
            beyond = node;
            node = node->less;
        } else {
            node = node->more;
        }
    }
    return beyond;
}

/* Parts tree into what lies before name and what lies beyond; name itself is not in it. */
static void split(struct node *tree, struct pawl_bytes name, struct node **less, struct node **more)
{
    while (tree != NULL) {
        if (node_order(tree, name) < 0) {
            *more = tree;
            more = &tree->less;
            tree = tree->less;
        } else {
            *less = tree;
            less = &tree->more;
            tree = tree->more;
        }
    }
    *less = NULL;
    *more = NULL;
}

static void insert(struct node **root, struct node *node)
{
    struct pawl_bytes name = pawl_name_bytes(&node->record.name);

    while (*root != NULL && (*root)->priority >= node->priority) {
        root = node_order(*root, name) < 0 ? &(*root)->less : &(*root)->more;
    }
    split(*root, name, &node->less, &node->more);
    *root = node;
}

/* Turns the tree into a list as it goes, so that it needs no memory. */
static void free_all(struct node *node)
{
    while (node != NULL) {
        if (node->less != NULL) {
            struct node *less = node->less;

            node->less = less->more;
            less->more = node;
            node = less;
        } else {
            struct node *more = node->more;

            free(node);
            node = more;
        }
    }
}

static void list_page(const struct memory *memory, struct pawl_page *page)
{
    const struct node *node = find_beyond(memory->root, pawl_name_bytes(&page->after));
    uint32_t left = page->count_max > 0 ? page->count_max : 1; /* so that every page goes on */

    for (; node != NULL && left > 0; left--) {
        struct pawl_bytes name = pawl_name_bytes(&node->record.name);

        pawl_page_record(page, &node->record);
        node = find_beyond(memory->root, name);
    }
    page->more = node != NULL;
    page->in_order = true;
}

static int get(struct pawl_records_within *within, struct pawl_bytes name,
               struct pawl_record *record, pawl_error *error)
{
    const struct memory *memory = PAWL_OWNER(within, struct memory, within);
    const struct node *node = find(memory->root, name);

    *record = (struct pawl_record){.epoch = 0};
    if (pawl_name_set(&record->name, name, error) == PAWL_OK && node != NULL) {
        *record = node->record;
    }
    return 0;
}

static int put(struct pawl_records_within *within, const struct pawl_record *record,
               pawl_error *error)
{
    struct memory *memory = PAWL_OWNER(within, struct memory, within);
    struct pawl_bytes name = pawl_name_bytes(&record->name);
    struct node *node = find(memory->root, name);

    if (node == NULL) {
        node = calloc(1, sizeof *node);
        if (node == NULL) {
            (void)pawl_fail(error, PAWL_NO_MEMORY, "memory: no memory for one more sequence");
            return 0;
        }
        node->record = *record;
        node->priority = pawl_bytes_hash(name, memory->options.seed);
        insert(&memory->root, node);
    }
    node->record = *record;
    memory->identity.position++;
    return 0;
}

static void apply(struct memory *memory, struct pawl_ask *ask)
{
    struct pawl_moment moment = pawl_store_moment(&memory->options, &memory->random);

    moment.branch = memory->identity.branch;
    (void)pawl_records_ask(&memory->within, ask, &moment);
}

static void memory_ask(struct pawl_source *self, struct pawl_ask *ask)
{
    pawl_asks_add(&PAWL_OWNER(self, struct memory, source)->queue, ask);
}

static uint64_t memory_turn(struct pawl_source *self, uint64_t now_ns)
{
    struct memory *memory = PAWL_OWNER(self, struct memory, source);
    struct pawl_asks begun = {0};
    struct pawl_ask *ask;

    /* What done asks again waits for the next turn, so that every turn ends. */
    while ((ask = pawl_asks_pop(&memory->queue)) != NULL) {
        pawl_asks_add(&begun, ask);
    }
    while ((ask = pawl_asks_pop(&begun)) != NULL) {
        ask->error = (pawl_error){0};
        ask->grant = (struct pawl_grant){0};
        ask->burned = 0;
        if (ask->kind == PAWL_ASK_LIST) {
            list_page(memory, ask->page);
        } else if (ask->kind == PAWL_ASK_CHECK) {
            ask->check->item(ask->check, "durability", PAWL_CHECK_BREAKS,
                             "everything is forgotten when the process ends",
                             "use memory: for tests only; lmdb:/folder needs no server either");
        } else if (ask->kind == PAWL_ASK_REDRAW) {
            (void)pawl_fail(&ask->error, PAWL_BAD_REQUEST, "memory: cannot go back in time");
        } else if (ask->kind != PAWL_ASK_PING && ask->kind != PAWL_ASK_INIT) {
            apply(memory, ask);
        }
        if (ask->identity != NULL) *ask->identity = memory->identity;
        pawl_ask_answer(ask);
    }
    return memory->queue.first != NULL ? now_ns : PAWL_NEVER;
}

static void memory_close(struct pawl_source *self)
{
    struct memory *memory = PAWL_OWNER(self, struct memory, source);
    struct pawl_ask *ask;

    while ((ask = pawl_asks_pop(&memory->queue)) != NULL) {
        pawl_ask_fail(ask, PAWL_CLOSED, "memory: the store is being closed");
    }
    free_all(memory->root);
    free(memory);
}

static struct pawl_identity identity_new(uint64_t seed)
{
    struct pawl_identity identity = {.position = 1};
    int size = snprintf(identity.name, sizeof identity.name, "memory-%016" PRIx64, seed);

    identity.name_size = (uint8_t)size;
    identity.branch.size = 1;
    identity.branch.at[0] = '1';
    return identity;
}

static const struct pawl_source_ops memory_ops = {
    .scheme = "memory",
    .ask = memory_ask,
    .turn = memory_turn,
    .close = memory_close,
};

pawl_err pawl_memory_open(const char *rest, const struct pawl_store_options *options,
                          struct pawl_source **store, pawl_error *error)
{
    if (*rest != '\0') {
        return pawl_fail(error, PAWL_BAD_REQUEST,
                         "\"memory:%.200s\" has something behind the colon; write memory:", rest);
    }

    struct memory *memory = calloc(1, sizeof *memory);

    if (memory == NULL) return pawl_fail(error, PAWL_NO_MEMORY, "memory: no memory for a store");
    memory->source.ops = &memory_ops;
    memory->within = (struct pawl_records_within){get, put};
    memory->options = *options;
    memory->random = options->seed;
    memory->identity = identity_new(options->seed);
    *store = &memory->source;
    return PAWL_OK;
}

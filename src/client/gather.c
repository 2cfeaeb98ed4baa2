/* SPDX-License-Identifier: Apache-2.0 */
#include "client/gather.h"

#include <stdlib.h>
#include <string.h>

enum {
    PAGE_RECORDS = 1000,
    ROOM_LEAST = 256,
    NAME_AT = 2, /* in a record's bytes: behind the format and its own size */
};

/* A record, packed. */
struct pawl_gathered {
    uint64_t epoch;
    unsigned pass, first_pass;
    uint8_t name_size;
    uint16_t size;
    char bytes[];
};

static struct pawl_bytes name_of(const struct pawl_gathered *item)
{
    return (struct pawl_bytes){item->bytes + NAME_AT, item->name_size};
}

static int by_name(const void *a, const void *b)
{
    const struct pawl_gathered *const *x = a;
    const struct pawl_gathered *const *y = b;

    return pawl_bytes_order(name_of(*x), name_of(*y));
}

/* Where it is among the sorted ones; NULL: nowhere. */
static struct pawl_gathered **find(const struct pawl_gather *gather, struct pawl_bytes name)
{
    size_t low = 0;
    size_t high = gather->sorted;

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = pawl_bytes_order(name, name_of(gather->items[middle]));

        if (order == 0) return &gather->items[middle];
        if (order < 0) {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    return NULL;
}

static struct pawl_gathered *pack(const struct pawl_record *record, unsigned pass)
{
    char bytes[PAWL_RECORD_BYTES_MAX];
    size_t size = pawl_record_write(record, bytes);
    struct pawl_gathered *item = malloc(sizeof *item + size);

    if (item == NULL) return NULL;
    *item = (struct pawl_gathered){
        .epoch = record->epoch,
        .pass = pass,
        .first_pass = pass,
        .name_size = record->name.size,
        .size = (uint16_t)size,
    };
    memcpy(item->bytes, bytes, size);
    PAWL_ASSERT(memcmp(bytes + NAME_AT, record->name.at, record->name.size) == 0);
    return item;
}

static bool make_room(struct pawl_gather *gather)
{
    size_t room = gather->room == 0 ? ROOM_LEAST : gather->room * 2;

    if (gather->count < gather->room) return true;
    struct pawl_gathered **items = reallocarray(gather->items, room, sizeof *items);

    if (items == NULL) return false;
    gather->items = items;
    gather->room = room;
    return true;
}

static void note_change(struct pawl_gather *gather, struct pawl_bytes name)
{
    gather->changed++;
    (void)pawl_name_set(&gather->change, name, NULL);
}

void pawl_gather_add(struct pawl_gather *gather, const struct pawl_record *record)
{
    struct pawl_gathered **at = find(gather, pawl_name_bytes(&record->name));
    struct pawl_gathered *item = pack(record, gather->pass);

    if (item == NULL || (at == NULL && !make_room(gather))) {
        free(item);
        gather->no_memory = true;
        return;
    }
    if (at == NULL) {
        gather->items[gather->count++] = item;
        gather->added++;
        return;
    }
    if ((*at)->epoch != item->epoch) note_change(gather, name_of(item));
    item->first_pass = (*at)->first_pass;
    free(*at);
    *at = item;
}

static void sort(struct pawl_gather *gather)
{
    size_t count = 0;

    if (gather->count > 0) qsort(gather->items, gather->count, sizeof *gather->items, by_name);
    /* A name that came to stand elsewhere while it was listed may be there twice. */
    for (size_t i = 0; i < gather->count; i++) {
        if (count > 0 && by_name(&gather->items[count - 1], &gather->items[i]) == 0) {
            note_change(gather, name_of(gather->items[i]));
            free(gather->items[i]);
        } else {
            gather->items[count++] = gather->items[i];
        }
    }
    gather->count = count;
    gather->sorted = count;
}

void pawl_gather_end_pass(struct pawl_gather *gather)
{
    size_t count = 0;

    for (size_t i = 0; i < gather->count; i++) {
        struct pawl_gathered *item = gather->items[i];

        if (item->pass == gather->pass) {
            gather->items[count++] = item;
            continue;
        }
        note_change(gather, name_of(item));
        free(item);
    }
    gather->count = count;
    sort(gather);
}

uint64_t pawl_gather_drop_added(struct pawl_gather *gather)
{
    uint64_t dropped = 0;
    size_t count = 0;

    for (size_t i = 0; i < gather->count; i++) {
        struct pawl_gathered *item = gather->items[i];

        if (item->first_pass < gather->pass) {
            gather->items[count++] = item;
            continue;
        }
        free(item);
        dropped++;
    }
    gather->count = count;
    gather->sorted = count;
    return dropped;
}

static void unpack(const struct pawl_gathered *item, struct pawl_record *record)
{
    pawl_err err = pawl_record_read(record, (struct pawl_bytes){item->bytes, item->size}, NULL);

    PAWL_ASSERT(err == PAWL_OK);
}

void pawl_gather_get(const struct pawl_gather *gather, size_t index, struct pawl_record *record)
{
    PAWL_ASSERT(index < gather->sorted);
    unpack(gather->items[index], record);
}

bool pawl_gather_find(const struct pawl_gather *gather, const struct pawl_name *name,
                      struct pawl_record *record)
{
    struct pawl_gathered **at = find(gather, pawl_name_bytes(name));

    if (at == NULL) {
        *record = (struct pawl_record){.name = *name};
        return false;
    }
    unpack(*at, record);
    return true;
}

void pawl_gather_free(struct pawl_gather *gather)
{
    for (size_t i = 0; i < gather->count; i++) {
        free(gather->items[i]);
    }
    free(gather->items);
    *gather = (struct pawl_gather){.count = 0};
}

static void listed(struct pawl_page *page, const struct pawl_record *record)
{
    struct pawl_gathering *gathering = PAWL_OWNER(page, struct pawl_gathering, page);

    pawl_gather_add(&gathering->gather, record);
    gathering->looked_at++;
}

pawl_err pawl_gather_store(struct pawl_gathering *gathering, pawl_error *error)
{
    struct pawl_ask *ask = &gathering->ask;
    struct pawl_gather *gather = &gathering->gather;
    const char *match = gathering->match;

    gather->pass++;
    gather->added = 0;
    gather->changed = 0;
    gathering->page =
        (struct pawl_page){.count_max = PAGE_RECORDS, .tombstones = true, .each = listed};
    if (match != NULL) gathering->page.glob = (struct pawl_bytes){match, strlen(match)};
    *ask = (struct pawl_ask){.kind = PAWL_ASK_LIST, .page = &gathering->page};
    do {
        pawl_err err =
            pawl_care_insist(gathering->care, gathering->store, ask, gathering->timeout_ns, error);

        if (err != PAWL_OK) return err;
        if (gather->no_memory) {
            return pawl_fail(error, PAWL_NO_MEMORY, "no memory for all records");
        }
        if (gathering->progress != NULL &&
            !gathering->progress(gathering->looked_at, gathering->arg)) {
            return pawl_fail(error, PAWL_CLOSED, "stopped as told");
        }
    } while (gathering->page.more);
    if (gathering->page.unread.code != PAWL_OK && !gathering->goes_on) {
        return pawl_fail(error, PAWL_DENIED, "not all can be read: %s",
                         gathering->page.unread.text);
    }
    pawl_gather_end_pass(gather);
    return PAWL_OK;
}

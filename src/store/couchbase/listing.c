/* SPDX-License-Identifier: Apache-2.0 */
/*
 * LIST: the index's documents, all at once, then the records of the page, some at a time. The names
 * are kept for a moment, so that the pages of one listing read the index once.
 */
#include "store/couchbase/driver.h"

#include <stdlib.h>
#include <string.h>

#include "base/log.h"

enum { READS_MAX = 256 };

#define NAMES_KEPT_NS (5 * PAWL_NS_PER_S)

struct listing;

/* Of one document: of the index first, then of records. */
struct read {
    struct pawl_kv_call call;
    struct listing *listing;
    struct pawl_record record; /* epoch 0: there is none */
};

struct listing {
    struct pawl_kv_driver *driver;
    struct pawl_op *op;
    struct pawl_kv_names names; /* in order */
    size_t next;                /* of names: the first that was not looked at */
    size_t looked;              /* in this page */
    size_t read_count, pending;
    pawl_error error;
    struct read reads[READS_MAX];
};

_Static_assert((int)PAWL_KV_INDEX_SHARDS <= (int)READS_MAX, "the index is read at once");

static int by_name(const void *a, const void *b)
{
    return pawl_bytes_order(pawl_name_bytes(a), pawl_name_bytes(b));
}

static void keep_names(struct listing *listing)
{
    struct pawl_kv_driver *driver = listing->driver;

    free(driver->names.at);
    driver->names = listing->names;
    driver->names_end = listing->op->page->after;
    driver->names_ns = driver->router.now_ns;
}

static void end(struct listing *listing)
{
    struct pawl_op *op = listing->op;
    struct pawl_kv_driver *driver = listing->driver;

    op->end = PAWL_OP_DONE;
    if (listing->error.code != PAWL_OK) {
        op->end = PAWL_OP_FAILED;
        op->error = listing->error;
        free(listing->names.at);
    } else {
        op->page->more = listing->next < listing->names.count;
        keep_names(listing);
    }
    free(listing);
    pawl_op_end(op, &driver->driver);
}

static void read_page(struct listing *listing);

/* Shows what was read, in order. */
static void show(struct listing *listing)
{
    struct pawl_page *page = listing->op->page;

    for (size_t i = 0; i < listing->read_count; i++) {
        const struct pawl_record *record = &listing->reads[i].record;

        page->after = record->name;
        if (record->epoch != 0) pawl_page_record(page, record);
    }
}

static void read_done(struct listing *listing, const struct pawl_kv_call *call)
{
    bool told = call->end == PAWL_KV_ANSWERED && (call->reply.status == PAWL_MCBP_SUCCESS ||
                                                  call->reply.status == PAWL_MCBP_KEY_ENOENT);

    if (!told && listing->error.code == PAWL_OK) listing->error = call->error;
    listing->pending--;
}

static void record_came(struct pawl_kv_call *call)
{
    struct read *read = PAWL_OWNER(call, struct read, call);
    struct listing *listing = read->listing;
    pawl_error error;

    if (call->end == PAWL_KV_ANSWERED && call->reply.status == PAWL_MCBP_SUCCESS &&
        pawl_kv_document_read(&read->record, call->reply.value, &error) != PAWL_OK) {
        pawl_page_unread(listing->op->page, &read->record.name, &error);
        read->record.epoch = 0;
    }
    read_done(listing, call);
    if (listing->pending > 0) return;
    if (listing->error.code == PAWL_OK) {
        show(listing);
        read_page(listing);
    } else {
        end(listing);
    }
}

static void read_begin(struct listing *listing, struct read *read,
                       void (*done)(struct pawl_kv_call *))
{
    read->listing = listing;
    read->call.opcode = PAWL_MCBP_GET;
    read->call.done = done;
    listing->pending++;
    pawl_kv_router_begin(&listing->driver->router, &read->call);
}

/* The next records of the page; those that nobody asks for are passed without a look. */
static void read_page(struct listing *listing)
{
    struct pawl_page *page = listing->op->page;
    size_t most = page->count_max > 0 ? page->count_max : 1; /* so that every page goes on */

    listing->read_count = 0;
    while (listing->next < listing->names.count && listing->looked < most &&
           listing->read_count < READS_MAX) {
        const struct pawl_name *name = &listing->names.at[listing->next++];

        listing->looked++;
        if (page->glob.size > 0 && !pawl_glob_match(page->glob, pawl_name_bytes(name))) {
            if (listing->read_count == 0) page->after = *name;
            continue;
        }
        struct read *read = &listing->reads[listing->read_count++];

        *read = (struct read){.record = {.name = *name}};
        (void)pawl_kv_key_record(&read->call.key, &listing->driver->settings, name);
        read_begin(listing, read, record_came);
    }
    if (listing->read_count > 0) return;
    end(listing);
}

/* Sorts them and goes to the first beyond where the last page ended. */
static void begin_page(struct listing *listing)
{
    struct pawl_kv_names *names = &listing->names;
    struct pawl_bytes after = pawl_name_bytes(&listing->op->page->after);

    listing->next = 0;
    while (listing->next < names->count && after.size > 0 &&
           pawl_bytes_order(pawl_name_bytes(&names->at[listing->next]), after) <= 0) {
        listing->next++;
    }
    read_page(listing);
}

static void sort_names(struct pawl_kv_names *names)
{
    size_t kept = 0;

    if (names->count == 0) return;
    qsort(names->at, names->count, sizeof names->at[0], by_name);
    for (size_t i = 1; i < names->count; i++) {
        if (by_name(&names->at[kept], &names->at[i]) != 0) names->at[++kept] = names->at[i];
    }
    names->count = kept + 1;
}

static void index_came(struct pawl_kv_call *call)
{
    struct listing *listing = PAWL_OWNER(call, struct read, call)->listing;

    if (call->end == PAWL_KV_ANSWERED && call->reply.status == PAWL_MCBP_SUCCESS &&
        listing->error.code == PAWL_OK) {
        (void)pawl_kv_index_read(&listing->names, call->reply.value, &listing->error);
    }
    read_done(listing, call);
    if (listing->pending > 0) return;
    if (listing->error.code != PAWL_OK) {
        end(listing);
        return;
    }
    sort_names(&listing->names);
    begin_page(listing);
}

static bool names_are_kept(const struct pawl_kv_driver *driver, const struct pawl_page *page)
{
    return driver->names_end.size > 0 && driver->router.now_ns < driver->names_ns + NAMES_KEPT_NS &&
           pawl_bytes_equal(pawl_name_bytes(&driver->names_end), pawl_name_bytes(&page->after));
}

void pawl_kv_list(struct pawl_kv_driver *driver, struct pawl_op *op)
{
    struct listing *listing = calloc(1, sizeof *listing);

    if (listing == NULL) {
        pawl_op_fail(op, &driver->driver, PAWL_OP_FAILED, PAWL_NO_MEMORY, "no memory to list");
        return;
    }
    listing->driver = driver;
    listing->op = op;
    if (names_are_kept(driver, op->page)) {
        listing->names = driver->names;
        driver->names = (struct pawl_kv_names){NULL, 0, 0};
        driver->names_end.size = 0;
        begin_page(listing);
        return;
    }
    for (unsigned i = 0; i < PAWL_KV_INDEX_SHARDS; i++) {
        pawl_kv_key_index(&listing->reads[i].call.key, &driver->settings, i);
        read_begin(listing, &listing->reads[i], index_came);
    }
}

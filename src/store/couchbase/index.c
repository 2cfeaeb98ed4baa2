/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The index: a key-value store has no listing, so names stand in documents of their own, spread
 * over 64 by the name's CRC: {"pawl":"index","names":["orders", ...]}.
 *
 * A name is listed before its record is made, and never taken off. So every record is listed; a
 * name whose record was never made (the create failed behind it) costs a listing one look, and is
 * not shown. Listing is idempotent: a lost answer is settled by looking.
 */
#include "store/couchbase/driver.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

enum { TRIES_MAX = 20 };

static const pawl_error no_memory = {PAWL_NO_MEMORY, "no memory to list a name"};

static void look(struct pawl_kv_shard *shard);

/* All whose names the write was for. */
static void end_listing(struct pawl_kv_shard *shard, const pawl_error *error)
{
    struct pawl_kv_work *work = shard->listing;
    const pawl_error copy = *error;

    shard->listing = NULL;
    while (work != NULL) {
        struct pawl_kv_work *next = work->next;

        pawl_kv_op_listed(work, &copy);
        work = next;
    }
}

static void start(struct pawl_kv_shard *shard)
{
    shard->busy = shard->waiting != NULL;
    if (!shard->busy) return;
    shard->listing = shard->waiting;
    shard->waiting = NULL;
    shard->tries = 0;
    look(shard);
}

static void end(struct pawl_kv_shard *shard, const pawl_error *error)
{
    free(shard->document);
    shard->document = NULL;
    end_listing(shard, error);
    start(shard);
}

static void written(struct pawl_kv_call *call)
{
    static const pawl_error ok = {.code = PAWL_OK};
    struct pawl_kv_shard *shard = PAWL_OWNER(call, struct pawl_kv_shard, call);

    if (call->end == PAWL_KV_ANSWERED && call->reply.status == PAWL_MCBP_SUCCESS) {
        end(shard, &ok);
        return;
    }
    bool refused = call->end == PAWL_KV_ANSWERED && (call->reply.status == PAWL_MCBP_KEY_EEXISTS ||
                                                     call->reply.status == PAWL_MCBP_KEY_ENOENT ||
                                                     call->reply.status == PAWL_MCBP_NOT_STORED);
    bool closing = shard->driver->router.closing;

    /* Somebody else wrote it, or nobody knows: what is there says whether the names are. */
    if ((refused || call->end == PAWL_KV_UNKNOWN) && !closing && ++shard->tries < TRIES_MAX) {
        look(shard);
        return;
    }
    if (refused) call->error.code = PAWL_BUSY; /* others create one after the other: try again */
    end(shard, &call->error);
}

/* Whether names holds it already. */
static bool lists(const json_t *names, const struct pawl_name *name)
{
    json_t *item;
    size_t i;

    json_array_foreach(names, i, item)
    {
        struct pawl_bytes text = {json_string_value(item), json_string_length(item)};

        if (pawl_bytes_equal(text, pawl_name_bytes(name))) return true;
    }
    return false;
}

static void write_names(struct pawl_kv_shard *shard, const json_t *root, uint64_t cas)
{
    struct pawl_kv_call *call = &shard->call;

    free(shard->document);
    shard->document = json_dumps(root, JSON_COMPACT);
    if (shard->document == NULL) {
        end(shard, &no_memory);
        return;
    }
    call->opcode = cas == 0 ? PAWL_MCBP_ADD : PAWL_MCBP_REPLACE;
    call->mutates = true;
    call->cas = cas;
    call->extras_size = 8;
    pawl_mcbp_put(call->extras, PAWL_MCBP_JSON_FLAGS, 4);
    pawl_mcbp_put(call->extras + 4, 0, 4);
    call->value = (struct pawl_bytes){shard->document, strlen(shard->document)};
    call->done = written;
    pawl_kv_router_begin(&shard->driver->router, call);
}

/* The names of root; NULL: it is no index. */
static json_t *names_of(const json_t *root)
{
    const char *what = json_string_value(json_object_get(root, "pawl"));
    json_t *names = json_object_get(root, "names");

    return what != NULL && strcmp(what, "index") == 0 && json_is_array(names) ? names : NULL;
}

static pawl_err fail_foreign(pawl_error *error)
{
    return pawl_fail(error, PAWL_DENIED,
                     "couchbase: a document in the place of pawl's index is not pawl's, or "
                     "damaged: choose another prefix= for this store, or put it right");
}

static void add_names(struct pawl_kv_shard *shard, json_t *root, uint64_t cas)
{
    static const pawl_error ok = {.code = PAWL_OK};
    json_t *names = names_of(root);
    bool changed = false;
    pawl_error error;

    if (names == NULL) {
        (void)fail_foreign(&error);
        end(shard, &error);
        return;
    }
    for (const struct pawl_kv_work *work = shard->listing; work != NULL; work = work->next) {
        const struct pawl_name *name = &work->op->record.name;

        if (lists(names, name)) continue;
        if (json_array_append_new(names, json_stringn_nocheck(name->at, name->size)) != 0) {
            end(shard, &no_memory);
            return;
        }
        changed = true;
    }
    if (changed) {
        write_names(shard, root, cas);
    } else {
        end(shard, &ok);
    }
}

static void looked(struct pawl_kv_call *call)
{
    struct pawl_kv_shard *shard = PAWL_OWNER(call, struct pawl_kv_shard, call);
    const struct pawl_mcbp_reply *reply = &call->reply;
    json_t *root = NULL;

    if (call->end != PAWL_KV_ANSWERED ||
        (reply->status != PAWL_MCBP_SUCCESS && reply->status != PAWL_MCBP_KEY_ENOENT)) {
        end(shard, &call->error);
        return;
    }
    if (reply->status == PAWL_MCBP_KEY_ENOENT) {
        root = json_pack("{s:s, s:[]}", "pawl", "index", "names");
        add_names(shard, root, 0);
    } else {
        root = json_loadb(reply->value.at, reply->value.size, JSON_REJECT_DUPLICATES, NULL);
        add_names(shard, root, reply->cas);
    }
    json_decref(root);
}

static void look(struct pawl_kv_shard *shard)
{
    unsigned number = (unsigned)(shard - shard->driver->shards);

    shard->call = (struct pawl_kv_call){.opcode = PAWL_MCBP_GET, .done = looked};
    pawl_kv_key_index(&shard->call.key, &shard->driver->settings, number);
    pawl_kv_router_begin(&shard->driver->router, &shard->call);
}

void pawl_kv_index_add(struct pawl_kv_work *work)
{
    struct pawl_kv_shard *shard = &work->driver->shards[pawl_kv_shard(&work->op->record.name)];

    shard->driver = work->driver;
    work->next = shard->waiting;
    shard->waiting = work;
    if (!shard->busy) start(shard);
}

static bool add_name(struct pawl_kv_names *names, const json_t *item)
{
    struct pawl_bytes text = {json_string_value(item), json_string_length(item)};

    if (names->count == names->room) {
        size_t room = names->room == 0 ? 256 : names->room * 2;
        struct pawl_name *at = realloc(names->at, room * sizeof *at);

        if (at == NULL) return false;
        names->at = at;
        names->room = room;
    }
    if (text.at == NULL || pawl_name_set(&names->at[names->count], text, NULL) != PAWL_OK) {
        return true; /* no sequence can have that name */
    }
    names->count++;
    return true;
}

pawl_err pawl_kv_index_read(struct pawl_kv_names *names, struct pawl_bytes document,
                            pawl_error *error)
{
    json_t *root = json_loadb(document.at, document.size, JSON_REJECT_DUPLICATES, NULL);
    json_t *listed = names_of(root);
    pawl_err err = listed == NULL ? fail_foreign(error) : PAWL_OK;
    json_t *item;
    size_t i;

    json_array_foreach(listed, i, item)
    {
        if (add_name(names, item)) continue;
        err = pawl_fail(error, PAWL_NO_MEMORY, "no memory to list names");
        break;
    }
    json_decref(root);
    return err;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Ids from stock, for any wire. */
#include <string.h>

#include "server/work.h"

enum take entry_take(struct entry *entry, uint64_t count, pawl_ids *ids)
{
    struct pawl_stock *stock = entry->holding->stock;

    if (count == 1) {
        *ids = (pawl_ids){0, 1, 1};
        if (!pawl_stock_next(stock, &ids->first)) {
            bool global = atomic_load_explicit(&entry->holding->global, memory_order_relaxed);

            return global ? TAKE_ASK : TAKE_PARK;
        }
    } else if (count > PAWL_STOCK_TAKE_MAX || !pawl_stock_take_exact(stock, count, ids)) {
        return TAKE_ASK;
    }
    pawl_count_add(&entry->desk->counts.ids, count);
    return TAKE_DONE;
}

static bool answer_next(struct conn *conn, struct call *call)
{
    const struct pawl_ask *ask = &call->sent.ask;
    const struct pawl_range range = ask->grant.range;

    if (ask->error.code == PAWL_OK) {
        conn->wire->took(conn, (pawl_ids){range.first, range.increment, range.count});
    } else {
        conn->wire->failed(conn, ask->name, &ask->error);
    }
    return true;
}

void take_ask(struct pending *pending, struct pawl_bytes name, uint64_t count)
{
    struct conn *conn = pending->conn;
    struct call *call = call_new(conn->desk, PAWL_ASK_NEXT, name);

    if (call == NULL) {
        conn_no_memory(conn);
        conn_answered(conn, pending);
        return;
    }
    call->sent.ask.asker = conn->id;
    call->sent.ask.count = count;
    call->sent.ask.exact = true;
    call->answer = answer_next;
    call->pending = pending;
    pending->call = call;
    call_submit(call);
}

/* The sequence was opened here before; most often it is the one that this connection used last. */
static struct entry *find(struct conn *conn, struct pawl_bytes name)
{
    struct desk *desk = conn->desk;
    struct entry *entry = conn->entry;

    if (entry != NULL && conn->generation == desk->generation && entry->name_size == name.size &&
        memcmp(entry->name, name.at, name.size) == 0) {
        return entry;
    }
    entry = desk_find(desk, name);
    conn->entry = entry;
    conn->generation = desk->generation;
    return entry;
}

/* The line behind the stock: opens the sequence first if need be. */
static void wait_for(struct conn *conn, struct pawl_bytes name, uint64_t count, bool creates)
{
    struct desk *desk = conn->desk;
    struct entry *entry = desk_find(desk, name);
    struct pawl_name checked;
    pawl_error error = {0};

    if (entry == NULL) {
        if (pawl_name_set(&checked, name, &error) != PAWL_OK) {
            conn->wire->failed(conn, name, &error);
            return;
        }
        entry = desk_entry(desk, name);
        if (entry == NULL) {
            conn_no_memory(conn);
            return;
        }
    }
    struct pending *pending = conn_pend(conn);
    if (pending == NULL) return;
    pending->count = count;
    pending->creates = creates && desk->settings.auto_create.size > 0 &&
                       pawl_glob_match(desk->settings.auto_create, name);
    desk_park(desk, entry, pending);
}

bool take(struct conn *conn, struct pawl_bytes name, uint64_t count, bool creates, pawl_ids *ids)
{
    struct entry *entry = find(conn, name);

    /* Nobody overtakes those who wait already. */
    if (entry == NULL || entry->holding == NULL || entry->parked_first != NULL) {
        wait_for(conn, name, count, creates);
        return false;
    }
    switch (entry_take(entry, count, ids)) {
    case TAKE_DONE:
        return true;
    case TAKE_PARK:
        wait_for(conn, name, count, creates);
        break;
    case TAKE_ASK: {
        struct pending *pending = conn_pend(conn);

        if (pending != NULL) take_ask(pending, name, count);
        break;
    }
    }
    return false;
}

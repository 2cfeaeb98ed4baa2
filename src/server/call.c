/* SPDX-License-Identifier: Apache-2.0 */
/* Asks on their way to the keeper and back, also those that nobody waits for any more. */
#include <stdlib.h>
#include <string.h>

#include "server/users.h"
#include "server/work.h"

enum { TEXT_BYTES_MIN = 512 };

/*
 * A cache above gives up the whole connection when its exchange deadline passes (libpawl: half of
 * the calls' deadline, 2.5 s at least), and burns what it had asked there: it is told before.
 */
#define HURRY_NS (2 * PAWL_NS_PER_S)

struct call *call_new(struct desk *desk, enum pawl_ask_kind kind, struct pawl_bytes name)
{
    struct call *call = calloc(1, sizeof *call);

    if (call == NULL) return NULL;
    PAWL_ASSERT(name.size <= PAWL_NAME_BYTES_MAX);
    call->desk = desk;
    call->name.size = (uint8_t)name.size;
    if (name.size > 0) memcpy(call->name.at, name.at, name.size);
    call->sent.ask.kind = kind;
    call->sent.ask.name = pawl_name_bytes(&call->name);
    call->sent.ask.deadline_ns = desk->now_ns + desk->settings.request_timeout_ns;
    call->forget.ask = &call->sent.ask;
    return call;
}

void call_hurry(struct call *call)
{
    uint64_t most_ns = call->desk->now_ns + HURRY_NS;

    if (call->sent.ask.deadline_ns > most_ns) call->sent.ask.deadline_ns = most_ns;
}

void call_submit(struct call *call)
{
    PAWL_ASSERT(!call->with_keeper && !call->forgetting);
    call->with_keeper = true;
    call->desk->under_way++;
    call->sent.ask.error = (pawl_error){0};
    call->sent.ask.grant = (struct pawl_grant){0};
    call->sent.ask.burned = 0;
    call->desk->settings.submit(&call->sent.ask, call->desk->settings.arg);
}

void call_free(struct call *call)
{
    PAWL_ASSERT(!call->with_keeper && !call->forgetting);
    users_drop(call->users);
    free(call->record);
    free(call->text.at);
    free(call);
}

/* What an answer that nobody reads has taken: a lease can go back, ids of NEXT are burned. */
static void give_back(struct call *call)
{
    const struct pawl_grant grant = call->sent.ask.grant;

    if (call->sent.ask.error.code != PAWL_OK || grant.range.count == 0) {
        call_free(call);
    } else if (call->sent.ask.kind == PAWL_ASK_TAKE) {
        call->sent.ask.kind = PAWL_ASK_RETURN;
        call->sent.ask.count = 0;
        call->sent.ask.value = grant.range.first;
        call->sent.ask.lease = grant.lease;
        call->sent.ask.epoch = grant.epoch;
        call->sent.ask.deadline_ns = call->desk->now_ns + call->desk->settings.request_timeout_ns;
        call_submit(call);
    } else if (call->sent.ask.kind == PAWL_ASK_NEXT) {
        call->sent.ask.kind = PAWL_ASK_UNREAD;
        call->sent.ask.count = grant.range.count;
        call_submit(call);
    } else {
        call_free(call);
    }
}

void call_unread(struct desk *desk, struct pawl_bytes name, uint64_t count)
{
    struct call *call = count > 0 ? call_new(desk, PAWL_ASK_UNREAD, name) : NULL;

    if (call == NULL) return;
    call->sent.ask.count = count;
    call_submit(call);
}

void call_settle(struct call *call)
{
    if (call->with_keeper || call->forgetting) return;
    if (call->entry != NULL) {
        entry_answered(call->entry);
    } else if (call->pending != NULL) {
        conn_go_on(call->pending->conn);
    } else {
        give_back(call);
    }
}

void call_abandon(struct call *call)
{
    call->pending = NULL;
    call->entry = NULL;
    if (!call->with_keeper) {
        if (!call->forgetting) give_back(call);
        return;
    }
    if (call->forgetting) return;
    call->forgetting = true;
    call->desk->under_way++;
    call->desk->settings.forget(&call->forget, call->desk->settings.arg);
}

void text_add(struct text *text, const char *bytes, size_t size)
{
    if (text->failed || size == 0) return;
    if (text->capacity - text->size < size) {
        size_t capacity = text->capacity == 0 ? TEXT_BYTES_MIN : text->capacity * 2;

        while (capacity - text->size < size) {
            capacity *= 2;
        }
        char *grown = realloc(text->at, capacity);
        if (grown == NULL) {
            text->failed = true;
            return;
        }
        text->at = grown;
        text->capacity = capacity;
    }
    memcpy(text->at + text->size, bytes, size);
    text->size += size;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "store/couchbase/router.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "store/secure.h"

enum {
    BUFFER_BYTES = 16 * 1024,
    BUFFER_BYTES_MAX = PAWL_MCBP_BODY_BYTES_MAX + 64 * 1024,
    OWN_OPAQUE = 0, /* of the node's own requests; calls' are larger */
};

static bool buffer_grow(struct pawl_kv_buffer *buffer, size_t more)
{
    size_t room = buffer->room == 0 ? BUFFER_BYTES : buffer->room;

    if (buffer->size + more > BUFFER_BYTES_MAX) return false;
    while (room < buffer->size + more) {
        room *= 2;
    }
    if (room == buffer->room) return true;
    char *at = realloc(buffer->at, room);

    if (at == NULL) return false;
    buffer->at = at;
    buffer->room = room;
    return true;
}

static void buffer_free(struct pawl_kv_buffer *buffer)
{
    free(buffer->at);
    *buffer = (struct pawl_kv_buffer){NULL, 0, 0};
}

/* The connection is gone, or given up: nothing that was sent will be answered. */
static void part(struct pawl_kv_node *node)
{
    struct pawl_kv_router *router = node->router;

    pawl_kv_sasl_free(node->sasl);
    node->sasl = NULL;
    buffer_free(&node->in);
    buffer_free(&node->out);
    node->state = PAWL_KV_APART;
    node->given_up_count = 0;
    node->cooling = true;
    node->failures++;
    for (size_t i = 0; i < PAWL_KV_FLIGHT_MAX && node->flight_count > 0; i++) {
        struct pawl_kv_call *call = node->flight[i];

        if (call == NULL) continue;
        node->flight[i] = NULL;
        node->flight_count--;
        if (call != &node->given_up) pawl_kv_router_cut(router, call, &node->error);
    }
    pawl_kv_routes_down(router, node);
}

static const char *hint_at_tls(const struct pawl_kv_node *node)
{
    bool met = node->heard || node->heard_ns != 0;

    return node->link.bare && !met ? PAWL_SECURE_HINT("couchbase://") : "";
}

void pawl_kv_node_fail(struct pawl_kv_node *node, pawl_err code, const char *format, ...)
{
    va_list arguments;
    char what[sizeof node->error.text];

    if (node->state == PAWL_KV_APART) return;
    va_start(arguments, format);
    (void)vsnprintf(what, sizeof what, format, arguments);
    va_end(arguments);
    (void)pawl_fail(&node->error, code, "couchbase node %.100s:%u: %.300s%s", node->address.host,
                    node->address.port, what, hint_at_tls(node));
    node->link.net->ops->close(&node->link);
    part(node);
}

static void link_opened(struct pawl_link *link)
{
    struct pawl_kv_node *node = PAWL_OWNER(link, struct pawl_kv_node, link);

    node->state = PAWL_KV_GREETING;
    node->since_ns = 0;
    pawl_kv_greet(node);
    pawl_kv_node_flush(node);
}

/* One reply; false: the connection is gone with it. */
static bool received_reply(struct pawl_kv_node *node, const struct pawl_mcbp_reply *reply)
{
    size_t slot = reply->opaque % PAWL_KV_FLIGHT_MAX;
    struct pawl_kv_call *call = node->flight[slot];

    if (reply->opaque == OWN_OPAQUE) {
        pawl_kv_greeted(node, reply);
        return node->state != PAWL_KV_APART;
    }
    if (call == &node->given_up) {
        if (reply->opcode == PAWL_MCBP_STAT && reply->key.size > 0) return true;
        node->flight[slot] = NULL;
        node->flight_count--;
        node->given_up_count--;
        return true;
    }
    if (call == NULL || call->opaque != reply->opaque || call->opcode != reply->opcode) {
        pawl_kv_node_fail(node, PAWL_STORE, "it answered a request that nobody sent");
        return false;
    }
    if (call->part != NULL && reply->status == PAWL_MCBP_SUCCESS && reply->key.size > 0) {
        call->part(call, reply);
        return true;
    }
    node->flight[slot] = NULL;
    node->flight_count--;
    pawl_kv_router_answered(node->router, call, reply);
    return node->state != PAWL_KV_APART;
}

static void read_replies(struct pawl_kv_node *node)
{
    struct pawl_mcbp_reply reply;
    size_t used = 0;

    for (;;) {
        struct pawl_bytes rest = {node->in.at + used, node->in.size - used};
        size_t size = 0;
        enum pawl_mcbp_read read = pawl_mcbp_reply_read(rest, &reply, &size);

        if (read == PAWL_MCBP_READ_BROKEN) {
            pawl_kv_node_fail(node, PAWL_STORE,
                              "it does not speak Couchbase's key-value protocol (port %d, with "
                              "TLS %d)",
                              PAWL_KV_PORT, PAWL_KV_TLS_PORT);
            return;
        }
        if (read == PAWL_MCBP_READ_MORE) break;
        if (!received_reply(node, &reply)) return;
        used += size;
    }
    node->in.size -= used;
    if (used > 0) memmove(node->in.at, node->in.at + used, node->in.size);
}

static void link_received(struct pawl_link *link, struct pawl_bytes bytes)
{
    struct pawl_kv_node *node = PAWL_OWNER(link, struct pawl_kv_node, link);

    node->heard = true;
    if (!buffer_grow(&node->in, bytes.size)) {
        pawl_kv_node_fail(node, PAWL_STORE, "it answers more than there is room for");
        return;
    }
    memcpy(node->in.at + node->in.size, bytes.at, bytes.size);
    node->in.size += bytes.size;
    read_replies(node);
    if (node->state != PAWL_KV_APART) pawl_kv_node_flush(node);
}

static void link_closed(struct pawl_link *link, const char *reason)
{
    struct pawl_kv_node *node = PAWL_OWNER(link, struct pawl_kv_node, link);

    (void)pawl_fail(&node->error, PAWL_STORE, "couchbase node %.100s:%u: %.300s%s",
                    node->address.host, node->address.port, reason, hint_at_tls(node));
    part(node);
}

static const struct pawl_link_events events = {
    .opened = link_opened,
    .received = link_received,
    .closed = link_closed,
};

void pawl_kv_node_dial(struct pawl_kv_node *node)
{
    PAWL_ASSERT(node->state == PAWL_KV_APART && node->link.io == NULL);
    node->link.net = node->router->net;
    node->link.events = &events;
    node->state = PAWL_KV_DIALLING;
    node->since_ns = node->router->now_ns;
    node->link.net->ops->dial(&node->link, node->address.host, node->address.port);
}

bool pawl_kv_node_has_room(const struct pawl_kv_node *node)
{
    return node->flight_count < PAWL_KV_FLIGHT_MAX / 2;
}

static bool queue(struct pawl_kv_node *node, const struct pawl_mcbp_request *request)
{
    size_t size = pawl_mcbp_request_size(request);

    if (!buffer_grow(&node->out, size)) return false;
    pawl_mcbp_request_write(request, node->out.at + node->out.size);
    node->out.size += size;
    return true;
}

void pawl_kv_node_ask(struct pawl_kv_node *node, uint8_t opcode, struct pawl_bytes key,
                      struct pawl_bytes value)
{
    const struct pawl_mcbp_request request = {
        .opcode = opcode, .opaque = OWN_OPAQUE, .key = key, .value = value};

    if (node->state == PAWL_KV_APART) return;
    if (!queue(node, &request)) pawl_kv_node_fail(node, PAWL_NO_MEMORY, "no memory to send");
}

bool pawl_kv_node_send(struct pawl_kv_node *node, struct pawl_kv_call *call)
{
    const struct pawl_kv_settings *settings = node->router->settings;
    bool keyed = !call->pinned;

    PAWL_ASSERT(node->state == PAWL_KV_READY && pawl_kv_node_has_room(node));
    do {
        node->opaque++;
    } while (node->opaque == OWN_OPAQUE || node->flight[node->opaque % PAWL_KV_FLIGHT_MAX] != NULL);
    const struct pawl_mcbp_request request = {
        .opcode = call->opcode,
        .durability = call->mutates ? (uint8_t)settings->durability : PAWL_MCBP_NOT_DURABLE,
        .durability_ms = PAWL_KV_DURABILITY_MS,
        .vbucket = call->sent_vbucket,
        .opaque = node->opaque,
        .cas = call->cas,
        .extras = {call->extras, call->extras_size},
        .collection = {node->collection, keyed ? node->collection_size : 0},
        .key = {call->key.at, call->key.size},
        .value = call->value,
    };

    if (!queue(node, &request)) return false;
    call->opaque = node->opaque;
    call->node = node;
    node->flight[node->opaque % PAWL_KV_FLIGHT_MAX] = call;
    node->flight_count++;
    return true;
}

void pawl_kv_node_flush(struct pawl_kv_node *node)
{
    if (node->state == PAWL_KV_APART || node->out.size == 0) return;
    node->link.net->ops->send(&node->link, (struct pawl_bytes){node->out.at, node->out.size});
    node->out.size = 0;
}

/*
 * Calls whose time is over. If nothing came since one was sent, the peer is gone. Where others are
 * answered, these leave no room for more in the end unless their answers come: then it begins anew.
 */
static uint64_t expire(struct pawl_kv_node *node)
{
    uint64_t now_ns = node->router->now_ns;
    uint64_t next_ns = PAWL_NEVER;
    bool silent = false;

    for (size_t i = 0; i < PAWL_KV_FLIGHT_MAX && node->flight_count > 0; i++) {
        struct pawl_kv_call *call = node->flight[i];
        pawl_error error;

        if (call == NULL || call == &node->given_up) continue;
        if (call->deadline_ns > now_ns) {
            if (call->deadline_ns < next_ns) next_ns = call->deadline_ns;
            continue;
        }
        silent = silent || node->heard_ns <= call->sent_ns; /* heard before it was sent */
        node->flight[i] = &node->given_up;
        node->given_up_count++;
        (void)pawl_fail(&error, PAWL_STORE, "couchbase node %.100s:%u: no answer in time",
                        node->address.host, node->address.port);
        pawl_kv_router_cut(node->router, call, &error);
    }
    if (silent) {
        pawl_kv_node_fail(node, PAWL_STORE, "it does not answer any more");
    } else if (node->given_up_count >= PAWL_KV_GIVEN_UP_MAX) {
        pawl_kv_node_fail(node, PAWL_STORE, "it leaves too many requests without an answer");
    }
    return next_ns;
}

uint64_t pawl_kv_node_turn(struct pawl_kv_node *node)
{
    uint64_t now_ns = node->router->now_ns;
    uint64_t limit_ns = node->state == PAWL_KV_DIALLING ? PAWL_KV_CONNECT_NS : PAWL_KV_GREET_NS;

    if (node->heard) node->heard_ns = now_ns;
    node->heard = false;
    if (node->state == PAWL_KV_READY) return expire(node);
    if (node->state == PAWL_KV_APART) return PAWL_NEVER;
    if (node->since_ns == 0) node->since_ns = now_ns;
    if (now_ns < node->since_ns + limit_ns) return node->since_ns + limit_ns;
    pawl_kv_node_fail(node, PAWL_STORE, "%s in %" PRIu64 " ms",
                      node->state == PAWL_KV_DIALLING ? "no connection" : "the login did not end",
                      limit_ns / PAWL_NS_PER_MS);
    return PAWL_NEVER;
}

void pawl_kv_node_free(struct pawl_kv_node *node)
{
    if (node->link.io != NULL) node->link.net->ops->close(&node->link);
    pawl_kv_sasl_free(node->sasl);
    buffer_free(&node->in);
    buffer_free(&node->out);
    free(node);
}

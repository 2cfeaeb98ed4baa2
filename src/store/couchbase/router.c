/* SPDX-License-Identifier: Apache-2.0 */
#include "store/couchbase/router.h"

#include <stdlib.h>
#include <string.h>

#include "base/log.h"

/* A try that was certainly not carried out is made again after a while, between these. */
#define AGAIN_LEAST_NS (5 * PAWL_NS_PER_MS)
#define AGAIN_MOST_NS  (50 * PAWL_NS_PER_MS)
#define MOVED_LEAST_NS (10 * PAWL_NS_PER_MS)
#define MOVED_MOST_NS  (100 * PAWL_NS_PER_MS)

/* What became of a call that was looked at. */
enum way {
    WAY_SENT,
    WAY_WAITS,
    WAY_OVER, /* it has ended */
};

void pawl_kv_router_init(struct pawl_kv_router *router, struct pawl_net *net,
                         const struct pawl_kv_settings *settings, uint64_t seed)
{
    *router = (struct pawl_kv_router){.net = net, .settings = settings, .random = seed};
}

void pawl_kv_router_begin(struct pawl_kv_router *router, struct pawl_kv_call *call)
{
    PAWL_ASSERT(call->done != NULL);
    call->node = NULL;
    call->collection_asked = false;
    call->deadline_ns = call->due_ns = call->delay_ns = 0;
    call->error = (pawl_error){.code = PAWL_OK};
    router->begun = true;
    pawl_kv_calls_add(&router->waiting, call);
}

static void call_fail(struct pawl_kv_call *call, enum pawl_kv_end end, const pawl_error *error)
{
    call->end = end;
    call->error = *error;
    call->done(call);
}

static void wait_again(struct pawl_kv_router *router, struct pawl_kv_call *call, uint64_t least_ns,
                       uint64_t most_ns)
{
    call->delay_ns = least_ns + pawl_random(&router->random) % (most_ns - least_ns);
    router->begun = true;
    pawl_kv_calls_add(&router->waiting, call);
}

/* What to say when its time is over; `error` of the last try, if there was one. */
static void give_up(struct pawl_kv_router *router, struct pawl_kv_call *call)
{
    pawl_error error = call->error;

    if (error.code == PAWL_OK) {
        (void)pawl_fail(&error, PAWL_STORE,
                        "couchbase: no node took the request in time (bucket \"%.100s\")",
                        router->settings->bucket);
    }
    call_fail(call, PAWL_KV_FAILED, &error);
}

/* The node that has the call's key. NULL: none now; *error may say why. */
static struct pawl_kv_node *node_of(struct pawl_kv_router *router, struct pawl_kv_call *call)
{
    struct pawl_bytes key = {call->key.at, call->key.size};

    if (call->pinned && call->vbucket < 0) {
        struct pawl_kv_node *node = router->nodes;

        while (node != NULL && node->state != PAWL_KV_READY) {
            node = node->next;
        }
        return node;
    }
    call->sent_vbucket =
        call->pinned ? (uint16_t)call->vbucket : pawl_kv_map_vbucket(&router->map, key);
    int index = router->map.active[call->sent_vbucket % router->map.vbucket_count];

    if (index < 0) {
        (void)pawl_fail(&call->error, PAWL_STORE,
                        "couchbase: vBucket %u of bucket \"%.100s\" is on no node now: is a node "
                        "down that was not failed over?",
                        call->sent_vbucket, router->settings->bucket);
        router->refresh_wanted = true;
        return NULL;
    }
    if (router->map.nodes[index].host[0] == '\0') {
        (void)pawl_fail(&call->error, PAWL_DENIED,
                        "couchbase: the map has no %saddress for a node of bucket \"%.100s\"",
                        router->settings->tls ? "TLS " : "", router->settings->bucket);
        return NULL;
    }
    return pawl_kv_route(router, &router->map.nodes[index]);
}

static enum way look_for_node(struct pawl_kv_router *router, struct pawl_kv_call *call)
{
    if (router->unusable.code != PAWL_OK) {
        call_fail(call, PAWL_KV_FAILED, &router->unusable);
        return WAY_OVER;
    }
    struct pawl_kv_node *node = node_of(router, call);

    if (node == NULL) {
        if (call->error.code == PAWL_DENIED) {
            call_fail(call, PAWL_KV_FAILED, &call->error);
            return WAY_OVER;
        }
        return WAY_WAITS;
    }
    if (node->state == PAWL_KV_APART) {
        if (node->error.code != PAWL_OK) call->error = node->error;
        if (!node->cooling && router->now_ns >= node->retry_ns) pawl_kv_node_dial(node);
        return WAY_WAITS;
    }
    if (node->state != PAWL_KV_READY || !pawl_kv_node_has_room(node)) return WAY_WAITS;
    call->sent_ns = router->now_ns;
    return pawl_kv_node_send(node, call) ? WAY_SENT : WAY_WAITS;
}

/* What others put into a document may be more than a server takes, or than a request has room for.
 */
static void refuse_size(const struct pawl_kv_router *router, struct pawl_kv_call *call)
{
    (void)pawl_fail(&call->error, PAWL_LIMIT,
                    "couchbase bucket \"%.100s\": document \"%.*s\" would have %zu bytes, and can "
                    "have %d: if it holds what is not pawl's, take that out",
                    router->settings->bucket, call->key.size, call->key.at, call->value.size,
                    PAWL_MCBP_DOCUMENT_BYTES_MAX);
    call_fail(call, PAWL_KV_FAILED, &call->error);
}

static enum way look_at(struct pawl_kv_router *router, struct pawl_kv_call *call)
{
    if (call->value.size > PAWL_MCBP_DOCUMENT_BYTES_MAX) {
        refuse_size(router, call);
        return WAY_OVER;
    }
    if (call->deadline_ns == 0) call->deadline_ns = router->now_ns + PAWL_KV_CALL_NS;
    if (call->delay_ns != 0) call->due_ns = router->now_ns + call->delay_ns;
    call->delay_ns = 0;
    if (router->now_ns >= call->deadline_ns) {
        give_up(router, call);
        return WAY_OVER;
    }
    if (router->now_ns < call->due_ns || router->map.vbucket_count == 0) return WAY_WAITS;
    return look_for_node(router, call);
}

/* When the call wants to be looked at again, if no event brings it on before. */
static uint64_t next_look(const struct pawl_kv_router *router, const struct pawl_kv_call *call)
{
    uint64_t next_ns = call->deadline_ns;

    if (call->due_ns > router->now_ns && call->due_ns < next_ns) return call->due_ns;
    for (const struct pawl_kv_node *node = router->nodes; node != NULL; node = node->next) {
        bool rests = node->state == PAWL_KV_APART && node->retry_ns > router->now_ns;

        if (rests && node->retry_ns < next_ns) next_ns = node->retry_ns;
    }
    return next_ns;
}

static uint64_t look_at_all(struct pawl_kv_router *router)
{
    struct pawl_kv_calls calls = router->waiting;
    struct pawl_kv_call *call = NULL;
    uint64_t next_ns = PAWL_NEVER;

    router->waiting = (struct pawl_kv_calls){NULL, NULL};
    router->begun = false;
    while ((call = pawl_kv_calls_pop(&calls)) != NULL) {
        if (look_at(router, call) != WAY_WAITS) continue;
        pawl_kv_calls_add(&router->waiting, call);
        uint64_t look_ns = next_look(router, call);

        if (look_ns < next_ns) next_ns = look_ns;
    }
    return next_ns;
}

/* Time limits of connections, and of what was sent on them. */
static uint64_t turn_nodes(struct pawl_kv_router *router)
{
    uint64_t next_ns = PAWL_NEVER;

    for (struct pawl_kv_node *node = router->nodes; node != NULL; node = node->next) {
        uint64_t node_ns = pawl_kv_node_turn(node);

        if (node_ns < next_ns) next_ns = node_ns;
        pawl_kv_node_flush(node);
    }
    return next_ns;
}

uint64_t pawl_kv_router_turn(struct pawl_kv_router *router, uint64_t now_ns)
{
    router->now_ns = now_ns;
    (void)turn_nodes(router);
    pawl_kv_routes_turn(router);
    uint64_t look_ns = look_at_all(router);

    if (router->waiting.first != NULL) pawl_kv_routes_turn(router);
    uint64_t node_ns = turn_nodes(router); /* of what was sent just now as well */

    if (router->begun) return now_ns;
    return look_ns < node_ns ? look_ns : node_ns;
}

void pawl_kv_router_fail_all(struct pawl_kv_router *router, const pawl_error *error)
{
    struct pawl_kv_calls calls = router->waiting;
    struct pawl_kv_call *call = NULL;
    pawl_error copy = *error;

    router->waiting = (struct pawl_kv_calls){NULL, NULL};
    while ((call = pawl_kv_calls_pop(&calls)) != NULL) {
        call_fail(call, PAWL_KV_FAILED, &copy);
    }
}

/* An answer that is about the document, and not about the way to it. */
static void hand_over(struct pawl_kv_router *router, struct pawl_kv_call *call,
                      const struct pawl_mcbp_reply *reply)
{
    if (call->mutates && reply->status == PAWL_MCBP_SUCCESS) {
        pawl_kv_tokens_note(router, call->sent_vbucket, reply->extras);
    }
    call->end = PAWL_KV_ANSWERED;
    call->reply = *reply;
    call->done(call);
}

static void moved(struct pawl_kv_router *router, struct pawl_kv_call *call,
                  const struct pawl_mcbp_reply *reply)
{
    pawl_error error;

    router->refresh_wanted = true;
    if (reply->value.size > 0) {
        int64_t rev = router->map.rev;

        (void)pawl_kv_routes_adopt(router, reply->value, call->node->address.host, &error);
        if (router->map.rev == rev) router->refresh_wanted = true; /* it told nothing new */
    }
    wait_again(router, call, MOVED_LEAST_NS, MOVED_MOST_NS);
}

void pawl_kv_router_answered(struct pawl_kv_router *router, struct pawl_kv_call *call,
                             const struct pawl_mcbp_reply *reply)
{
    const struct pawl_kv_status *row = pawl_kv_status_find(reply->status);
    struct pawl_kv_node *node = call->node;
    enum pawl_kv_verdict verdict = pawl_kv_verdict(reply->status, router->error_map);

    (void)pawl_fail(&call->error, row != NULL ? row->code : PAWL_STORE,
                    "couchbase bucket \"%.100s\": %s (status 0x%02x)", router->settings->bucket,
                    row != NULL ? row->text : "the server's answer is unknown to pawl",
                    reply->status);
    switch (verdict) {
    case PAWL_KV_ANSWER:
        hand_over(router, call, reply);
        return;
    case PAWL_KV_AGAIN:
        wait_again(router, call, AGAIN_LEAST_NS, AGAIN_MOST_NS);
        return;
    case PAWL_KV_ELSEWHERE:
        moved(router, call, reply);
        return;
    case PAWL_KV_RECONNECT:
        wait_again(router, call, MOVED_LEAST_NS, MOVED_MOST_NS);
        pawl_kv_node_fail(node, PAWL_STORE, "its status 0x%02x ends the connection", reply->status);
        return;
    case PAWL_KV_COLLECTION:
        if (!call->collection_asked) {
            call->collection_asked = true;
            wait_again(router, call, MOVED_LEAST_NS, MOVED_MOST_NS);
            pawl_kv_greet_collection(node);
            return;
        }
        call_fail(call, PAWL_KV_FAILED, &call->error);
        return;
    case PAWL_KV_FAIL:
        call_fail(call, PAWL_KV_FAILED, &call->error);
        return;
    case PAWL_KV_DOUBT:
        pawl_kv_router_cut(router, call, &call->error);
        return;
    case PAWL_KV_BREAK:
        pawl_kv_router_cut(router, call, &call->error);
        pawl_kv_node_fail(node, PAWL_STORE, "it answered with status 0x%02x", reply->status);
        return;
    }
}

void pawl_kv_router_cut(struct pawl_kv_router *router, struct pawl_kv_call *call,
                        const pawl_error *error)
{
    pawl_error copy = *error;

    if (call->mutates) {
        copy.code = PAWL_STORE;
        call_fail(call, PAWL_KV_UNKNOWN, &copy);
        return;
    }
    if (router->closing) {
        call_fail(call, PAWL_KV_FAILED, &copy);
        return;
    }
    /* A look changes nothing: once more, while there is time. */
    call->error = copy;
    wait_again(router, call, AGAIN_LEAST_NS, AGAIN_MOST_NS);
}

void pawl_kv_router_close(struct pawl_kv_router *router)
{
    pawl_error error = {.code = PAWL_CLOSED, .text = "the store is being closed"};

    router->closing = true;
    for (struct pawl_kv_node *node = router->nodes; node != NULL; node = node->next) {
        pawl_kv_node_fail(node, PAWL_CLOSED, "%s", error.text);
    }
    while (router->waiting.first != NULL) {
        pawl_kv_router_fail_all(router, &error);
    }
    pawl_kv_routes_close(router);
}

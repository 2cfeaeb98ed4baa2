/* SPDX-License-Identifier: Apache-2.0 */
#include "store/couchbase/past.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"

enum { COOL_DOUBLINGS_MAX = 4 };

#define COOL_LEAST_NS    (50 * PAWL_NS_PER_MS) /* before a failed node is dialled again; doubled */
#define REFRESH_EVERY_NS (10 * PAWL_NS_PER_S)  /* while the store is used */
#define REFRESH_REST_NS  (50 * PAWL_NS_PER_MS) /* between two looks at most */

struct pawl_kv_node *pawl_kv_route(struct pawl_kv_router *router,
                                   const struct pawl_kv_address *address)
{
    struct pawl_kv_node *node = router->nodes;

    while (node != NULL && (node->address.port != address->port ||
                            strcmp(node->address.host, address->host) != 0)) {
        node = node->next;
    }
    if (node != NULL) return node;
    node = calloc(1, sizeof *node);
    if (node == NULL) return NULL;
    node->router = router;
    node->address = *address;
    node->next = router->nodes;
    router->nodes = node;
    return node;
}

static bool any_ready(const struct pawl_kv_router *router)
{
    for (const struct pawl_kv_node *node = router->nodes; node != NULL; node = node->next) {
        if (node->state == PAWL_KV_READY) return true;
    }
    return false;
}

static void forget_tokens(struct pawl_kv_router *router)
{
    free(router->tokens);
    router->tokens = NULL;
}

/* Another bucket under the same name: what it holds has nothing to do with what we saw. */
static void compare_bucket(struct pawl_kv_router *router, const struct pawl_kv_map *map)
{
    const struct pawl_kv_map *old = &router->map;
    bool other = old->uuid[0] != '\0' && strcmp(old->uuid, map->uuid) != 0;

    if (other) {
        pawl_log(PAWL_LOG_ERROR, "couchbase bucket was made anew", "bucket=%s was=%s is=%s",
                 router->settings->bucket, old->uuid, map->uuid);
    }
    if (other || old->vbucket_count != map->vbucket_count) forget_tokens(router);
}

static void judge_map(struct pawl_kv_router *router)
{
    router->unusable = (pawl_error){.code = PAWL_OK};
    if (router->settings->durability == PAWL_MCBP_NOT_DURABLE || router->map.durable_write) return;
    (void)pawl_fail(&router->unusable, PAWL_DENIED,
                    "couchbase: bucket \"%.100s\" has no durable writes (durableWrite): a failover "
                    "could lose ids that were handed out; use a bucket of the type couchbase on "
                    "6.5 or later, or accept that with ?durability=none",
                    router->settings->bucket);
}

pawl_err pawl_kv_routes_adopt(struct pawl_kv_router *router, struct pawl_bytes json,
                              const char *host, pawl_error *error)
{
    struct pawl_kv_map map;
    pawl_err err = pawl_kv_map_read(&map, json, host, router->settings, error);
    bool first = router->map.vbucket_count == 0;

    if (err != PAWL_OK) return err;
    router->refresh_wanted = false;
    router->refreshed_ns = router->now_ns;
    /* A bucket that was made anew counts from the beginning. */
    bool same = strcmp(router->map.uuid, map.uuid) == 0;

    if (!first && same && !pawl_kv_map_newer(&map, &router->map)) {
        pawl_kv_map_clear(&map);
        return PAWL_OK;
    }
    compare_bucket(router, &map);
    pawl_log(PAWL_LOG_DEBUG, "couchbase map", "bucket=%s rev=%" PRId64 " nodes=%zu vbuckets=%zu",
             router->settings->bucket, map.rev, map.node_count, map.vbucket_count);
    pawl_kv_past_forget(router); /* vBuckets may have moved */
    pawl_kv_map_clear(&router->map);
    router->map = map;
    judge_map(router);
    return PAWL_OK;
}

/* An error that the same settings will meet again: no other node helps. */
static bool is_final(const pawl_error *error)
{
    return pawl_err_advice(error->code) == PAWL_ADVICE_FIX;
}

void pawl_kv_routes_down(struct pawl_kv_router *router, struct pawl_kv_node *node)
{
    if (router->closing) return;
    router->refresh_wanted = true;
    pawl_log(PAWL_LOG_INFO, "couchbase node is away", "host=%s port=%u why=\"%s\"",
             node->address.host, node->address.port, node->error.text);
    if (is_final(&node->error)) {
        router->seeding = false;
        pawl_kv_router_fail_all(router, &node->error);
    }
}

/* The hosts of the URL, then the nodes of the last map. false: there is no such seed. */
static bool seed_address(const struct pawl_kv_router *router, size_t seed,
                         struct pawl_kv_address *address)
{
    const struct pawl_url *url = &router->settings->url;

    if (seed < url->host_count) {
        memcpy(address->host, url->hosts[seed].name, sizeof address->host);
        address->port = url->hosts[seed].port;
        return true;
    }
    seed -= url->host_count;
    if (seed >= router->map.node_count) return false;
    *address = router->map.nodes[seed];
    return true;
}

/* Tries the seeds in turn until one is on its way; when all have failed, so have the calls. */
static void seed_on(struct pawl_kv_router *router)
{
    struct pawl_kv_address address;
    pawl_error error = {.code = PAWL_STORE, .text = "couchbase: no node has an address"};

    for (;; router->seed++) {
        if (!seed_address(router, router->seed, &address)) break;
        struct pawl_kv_node *node = pawl_kv_route(router, &address);

        if (node == NULL) {
            (void)pawl_fail(&error, PAWL_NO_MEMORY, "no memory for a node");
            break;
        }
        if (address.host[0] == '\0') continue;
        if (node->state != PAWL_KV_APART) return;
        if (!node->cooling && router->now_ns >= node->retry_ns) {
            pawl_kv_node_dial(node);
            return;
        }
        error = node->error;
    }
    router->seeding = false;
    pawl_kv_router_fail_all(router, &error);
}

static void refresh_done(struct pawl_kv_call *call)
{
    struct pawl_kv_router *router = PAWL_OWNER(call, struct pawl_kv_router, refresh);
    pawl_error error;

    router->refreshing = false;
    if (call->end != PAWL_KV_ANSWERED || call->reply.status != PAWL_MCBP_SUCCESS) return;
    if (pawl_kv_routes_adopt(router, call->reply.value, call->node->address.host, &error) !=
        PAWL_OK) {
        pawl_log(PAWL_LOG_WARN, "couchbase map cannot be read", "why=\"%s\"", error.text);
    }
}

static void refresh(struct pawl_kv_router *router)
{
    if (router->refreshing || router->now_ns < router->refreshed_ns + REFRESH_REST_NS) return;
    router->refresh_wanted = false;
    router->refreshing = true;
    router->refreshed_ns = router->now_ns;
    router->refresh = (struct pawl_kv_call){
        .opcode = PAWL_MCBP_GET_CLUSTER_CONFIG,
        .pinned = true,
        .vbucket = -1,
        .done = refresh_done,
    };
    pawl_kv_router_begin(router, &router->refresh);
}

/* A failed node rests; the longer the oftener it failed. */
static void cool(struct pawl_kv_router *router)
{
    for (struct pawl_kv_node *node = router->nodes; node != NULL; node = node->next) {
        unsigned doublings = node->failures - 1;
        uint64_t rest_ns;

        if (!node->cooling) continue;
        if (doublings > COOL_DOUBLINGS_MAX) doublings = COOL_DOUBLINGS_MAX;
        rest_ns = COOL_LEAST_NS << doublings;
        node->cooling = false;
        node->retry_ns =
            router->now_ns + rest_ns / 2 + pawl_random(&router->random) % (rest_ns / 2);
    }
}

void pawl_kv_routes_turn(struct pawl_kv_router *router)
{
    bool waits = router->waiting.first != NULL;
    bool lost = router->map.vbucket_count == 0 || (router->refresh_wanted && !any_ready(router));

    if (waits && lost) {
        if (!router->seeding) router->seed = 0;
        router->seeding = true;
    } else {
        router->seeding = false;
    }
    if (router->seeding) seed_on(router);
    cool(router);
    if (any_ready(router)) {
        bool old = router->now_ns >= router->refreshed_ns + REFRESH_EVERY_NS;

        if (router->refresh_wanted || (waits && old)) refresh(router);
    }
}

void pawl_kv_routes_close(struct pawl_kv_router *router)
{
    while (router->nodes != NULL) {
        struct pawl_kv_node *next = router->nodes->next;

        pawl_kv_node_free(router->nodes);
        router->nodes = next;
    }
    pawl_kv_past_forget(router);
    pawl_kv_map_clear(&router->map);
    pawl_kv_error_map_free(router->error_map);
    router->error_map = NULL;
    forget_tokens(router);
}

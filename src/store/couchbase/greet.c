/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How a connection begins: HELLO and the mechanisms together; the login; then bucket, error map,
 * cluster map and collection together. Answers are told by their opcode: each is asked for once,
 * and one that was not asked for, or that comes twice, ends the connection. Otherwise it could be
 * taken for ready while it still stands on another bucket or collection.
 */
#include "store/couchbase/router.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"

enum { AGENT_BYTES = 96, COLLECTION_REPLY_BYTES = 12, COLLECTION_ID_AT = 8 };

static const enum pawl_mcbp_feature wanted[] = {
    PAWL_MCBP_MUTATION_SEQNO,   PAWL_MCBP_XERROR,
    PAWL_MCBP_SELECT_BUCKETS,   PAWL_MCBP_JSON,
    PAWL_MCBP_UNORDERED,        PAWL_MCBP_ALT_REQUEST,
    PAWL_MCBP_SYNC_REPLICATION, PAWL_MCBP_COLLECTIONS,
};

/* Of node->greetings. */
enum {
    ASKED_HELLO = 1 << 0,
    ASKED_MECHANISMS = 1 << 1,
    ASKED_LOGIN = 1 << 2,
    ASKED_BUCKET = 1 << 3,
    ASKED_ERROR_MAP = 1 << 4,
    ASKED_MAP = 1 << 5,
    ASKED_FACTS = 1 << 6,
    ASKED_COLLECTION = 1 << 7,
};

static unsigned asked_by(uint8_t opcode)
{
    switch (opcode) {
    case PAWL_MCBP_HELLO:
        return ASKED_HELLO;
    case PAWL_MCBP_SASL_LIST_MECHS:
        return ASKED_MECHANISMS;
    case PAWL_MCBP_SASL_AUTH:
    case PAWL_MCBP_SASL_STEP:
        return ASKED_LOGIN;
    case PAWL_MCBP_SELECT_BUCKET:
        return ASKED_BUCKET;
    case PAWL_MCBP_GET_ERROR_MAP:
        return ASKED_ERROR_MAP;
    case PAWL_MCBP_GET_CLUSTER_CONFIG:
        return ASKED_MAP;
    case PAWL_MCBP_STAT:
        return ASKED_FACTS;
    case PAWL_MCBP_GET_COLLECTION_ID:
        return ASKED_COLLECTION;
    default:
        return 0;
    }
}

static void ask(struct pawl_kv_node *node, uint8_t opcode, struct pawl_bytes key,
                struct pawl_bytes value)
{
    node->greetings |= asked_by(opcode);
    pawl_kv_node_ask(node, opcode, key, value);
}

static struct pawl_bytes text_bytes(const char *text)
{
    return (struct pawl_bytes){text, strlen(text)};
}

static void ask_hello(struct pawl_kv_node *node)
{
    uint64_t *random = &node->router->random;
    char agent[AGENT_BYTES];
    char features[2 * PAWL_COUNT(wanted)];

    (void)snprintf(agent, sizeof agent, "{\"a\":\"pawl\",\"i\":\"%016" PRIx64 "/%016" PRIx64 "\"}",
                   pawl_random(random), pawl_random(random));
    for (size_t i = 0; i < PAWL_COUNT(wanted); i++) {
        pawl_mcbp_put(features + 2 * i, wanted[i], 2);
    }
    ask(node, PAWL_MCBP_HELLO, text_bytes(agent), (struct pawl_bytes){features, sizeof features});
}

void pawl_kv_greet_collection(struct pawl_kv_node *node)
{
    const char *collection = node->router->settings->collection;

    if (node->features.collections && collection[0] != '\0' &&
        (node->greetings & ASKED_COLLECTION) == 0) {
        ask(node, PAWL_MCBP_GET_COLLECTION_ID, (struct pawl_bytes){NULL, 0},
            text_bytes(collection));
    }
}

/* What a logged-in connection needs before its first call. */
static void ask_bucket(struct pawl_kv_node *node)
{
    char version[2];

    pawl_mcbp_put(version, 2, sizeof version);
    ask(node, PAWL_MCBP_SELECT_BUCKET, text_bytes(node->router->settings->bucket),
        (struct pawl_bytes){NULL, 0});
    ask(node, PAWL_MCBP_GET_ERROR_MAP, (struct pawl_bytes){NULL, 0},
        (struct pawl_bytes){version, sizeof version});
    ask(node, PAWL_MCBP_GET_CLUSTER_CONFIG, (struct pawl_bytes){NULL, 0},
        (struct pawl_bytes){NULL, 0});
    ask(node, PAWL_MCBP_STAT, (struct pawl_bytes){NULL, 0}, (struct pawl_bytes){NULL, 0});
    pawl_kv_greet_collection(node);
}

void pawl_kv_greet(struct pawl_kv_node *node)
{
    node->features = (struct pawl_kv_features){.durable = false};
    node->collection_size = 0;
    node->greetings = 0;
    ask_hello(node);
    ask(node, PAWL_MCBP_SASL_LIST_MECHS, (struct pawl_bytes){NULL, 0},
        (struct pawl_bytes){NULL, 0});
}

static bool granted(struct pawl_bytes features, enum pawl_mcbp_feature feature)
{
    for (size_t at = 0; at + 1 < features.size; at += 2) {
        if (pawl_mcbp_get(features.at + at, 2) == (uint64_t)feature) return true;
    }
    return false;
}

static void got_hello(struct pawl_kv_node *node, const struct pawl_mcbp_reply *reply)
{
    const struct pawl_kv_settings *settings = node->router->settings;
    struct pawl_bytes features = reply->value;

    if (reply->status != PAWL_MCBP_SUCCESS) features.size = 0;
    node->features.durable =
        granted(features, PAWL_MCBP_ALT_REQUEST) && granted(features, PAWL_MCBP_SYNC_REPLICATION);
    node->features.collections = granted(features, PAWL_MCBP_COLLECTIONS);
    if (node->features.collections) {
        node->collection_size = pawl_mcbp_leb128(0, node->collection);
    }
    if (settings->durability != PAWL_MCBP_NOT_DURABLE && !node->features.durable) {
        pawl_kv_node_fail(node, PAWL_DENIED,
                          "the server has no durable writes (Couchbase 6.5 has): a failover could "
                          "lose ids that were handed out; ?durability=none accepts that");
    } else if (settings->collection[0] != '\0' && !node->features.collections) {
        pawl_kv_node_fail(node, PAWL_DENIED,
                          "the server has no collections (Couchbase 7.0 has): leave \"%.60s\" out "
                          "of the URL",
                          settings->collection);
    }
}

static void login_failed(struct pawl_kv_node *node, const pawl_error *error)
{
    pawl_kv_node_fail(node, error->code, "the user \"%.60s\" cannot log in: %s",
                      node->router->settings->url.user, error->text);
}

static void got_mechanisms(struct pawl_kv_node *node, const struct pawl_mcbp_reply *reply)
{
    const struct pawl_kv_settings *settings = node->router->settings;
    const struct pawl_kv_login login = {settings->url.user, settings->url.password, settings->tls};
    struct pawl_bytes answer;
    pawl_error error;

    if ((node->greetings & ASKED_HELLO) != 0) {
        pawl_kv_node_fail(node, PAWL_STORE, "it answers what was asked after HELLO before it");
        return;
    }
    if (!settings->url.has_user) {
        ask_bucket(node);
        return;
    }
    if (pawl_kv_sasl_new(&node->sasl, reply->value, &login, &error) != PAWL_OK ||
        pawl_kv_sasl_step(node->sasl, (struct pawl_bytes){NULL, 0}, &answer, &error) != PAWL_OK) {
        login_failed(node, &error);
        return;
    }
    ask(node, PAWL_MCBP_SASL_AUTH, text_bytes(pawl_kv_sasl_mechanism(node->sasl)), answer);
}

static void got_login(struct pawl_kv_node *node, const struct pawl_mcbp_reply *reply)
{
    struct pawl_bytes answer;
    pawl_error error;

    if (reply->status == PAWL_MCBP_AUTH_CONTINUE) {
        if (pawl_kv_sasl_step(node->sasl, reply->value, &answer, &error) != PAWL_OK) {
            login_failed(node, &error);
            return;
        }
        ask(node, PAWL_MCBP_SASL_STEP, text_bytes(pawl_kv_sasl_mechanism(node->sasl)), answer);
    } else if (reply->status == PAWL_MCBP_SUCCESS) {
        if (pawl_kv_sasl_finish(node->sasl, reply->value, &error) != PAWL_OK) {
            login_failed(node, &error);
            return;
        }
        ask_bucket(node);
    } else if (reply->status == PAWL_MCBP_AUTH_ERROR || reply->status == PAWL_MCBP_EACCESS) {
        pawl_kv_node_fail(node, PAWL_DENIED,
                          "the login was refused: there is no user \"%.60s\", or its password is "
                          "another: correct user:password@ in the URL",
                          node->router->settings->url.user);
    } else {
        pawl_kv_node_fail(node, PAWL_STORE, "the login failed with status 0x%02x", reply->status);
    }
}

static void got_bucket(struct pawl_kv_node *node, const struct pawl_mcbp_reply *reply)
{
    const struct pawl_kv_settings *settings = node->router->settings;

    if (reply->status == PAWL_MCBP_SUCCESS) return;
    if (!settings->url.has_user &&
        (reply->status == PAWL_MCBP_EACCESS || reply->status == PAWL_MCBP_AUTH_ERROR)) {
        pawl_kv_node_fail(node, PAWL_DENIED,
                          "it lets nobody use bucket \"%.100s\" without a login: write "
                          "user:password@ into the URL",
                          settings->bucket);
    } else if (reply->status == PAWL_MCBP_EACCESS) {
        pawl_kv_node_fail(node, PAWL_DENIED,
                          "there is no bucket \"%.100s\", or the user \"%.60s\" may not use it",
                          settings->bucket, settings->url.user);
    } else if (reply->status == PAWL_MCBP_KEY_ENOENT) {
        pawl_kv_node_fail(node, PAWL_DENIED,
                          "there is no bucket \"%.100s\": create it, or correct the URL",
                          settings->bucket);
    } else {
        pawl_kv_node_fail(node, PAWL_STORE, "bucket \"%.100s\" cannot be used now: status 0x%02x",
                          settings->bucket, reply->status);
    }
}

static void got_map(struct pawl_kv_node *node, const struct pawl_mcbp_reply *reply)
{
    pawl_error error;

    if (reply->status != PAWL_MCBP_SUCCESS) {
        pawl_kv_node_fail(node, PAWL_STORE,
                          "it has no cluster map for bucket \"%.100s\" now "
                          "(status 0x%02x)",
                          node->router->settings->bucket, reply->status);
        return;
    }
    pawl_err err = pawl_kv_routes_adopt(node->router, reply->value, node->address.host, &error);

    if (err != PAWL_OK) pawl_kv_node_fail(node, err, "%s", error.text);
}

static void got_collection(struct pawl_kv_node *node, const struct pawl_mcbp_reply *reply)
{
    const struct pawl_kv_status *row = pawl_kv_status_find(reply->status);

    if (reply->status == PAWL_MCBP_SUCCESS && reply->extras.size == COLLECTION_REPLY_BYTES) {
        uint32_t id = (uint32_t)pawl_mcbp_get(reply->extras.at + COLLECTION_ID_AT, 4);

        node->collection_size = pawl_mcbp_leb128(id, node->collection);
        node->router->collection_id = id;
        return;
    }
    pawl_kv_node_fail(node, row == NULL ? PAWL_STORE : row->code,
                      "collection \"%.100s\" cannot be used: %s",
                      node->router->settings->collection,
                      row == NULL ? "the server does not say why" : row->text);
}

/* A newer error map serves all nodes. It is no loss where there is none. */
static void got_error_map(struct pawl_kv_node *node, const struct pawl_mcbp_reply *reply)
{
    struct pawl_kv_router *router = node->router;

    if (reply->status != PAWL_MCBP_SUCCESS) return;
    struct pawl_kv_error_map *map = pawl_kv_error_map_read(reply->value);

    if (map == NULL) return;
    if (router->error_map != NULL &&
        pawl_kv_error_map_revision(router->error_map) >= pawl_kv_error_map_revision(map)) {
        pawl_kv_error_map_free(map);
        return;
    }
    pawl_kv_error_map_free(router->error_map);
    router->error_map = map;
}

/*
 * One of the bucket's statistics. false: that was the last answer, or there are none: a user who
 * may not see them can still take ids.
 */
static bool got_fact(struct pawl_kv_node *node, const struct pawl_mcbp_reply *reply)
{
    struct pawl_kv_facts *facts = &node->router->facts;

    if (reply->status != PAWL_MCBP_SUCCESS || reply->key.size == 0) return false;
    if (pawl_bytes_equal(reply->key, PAWL_BYTES("ep_max_ttl"))) {
        facts->max_ttl_known = pawl_bytes_to_u64(reply->value, &facts->max_ttl_s);
    }
    if (!pawl_bytes_equal(reply->key, PAWL_BYTES("ep_bucket_type"))) return true;
    if (pawl_bytes_equal(reply->value, PAWL_BYTES("persistent"))) {
        facts->kind = PAWL_KV_KIND_PERSISTENT;
    } else if (pawl_bytes_equal(reply->value, PAWL_BYTES("ephemeral"))) {
        facts->kind = PAWL_KV_KIND_EPHEMERAL;
        if (node->router->settings->durability != PAWL_MCBP_NOT_DURABLE) {
            pawl_kv_node_fail(node, PAWL_DENIED,
                              "bucket \"%.100s\" is ephemeral: it keeps nothing on disk, and may "
                              "drop documents when memory is short; use one of the type couchbase",
                              node->router->settings->bucket);
        }
    }
    return true;
}

static void look_whether_ready(struct pawl_kv_node *node)
{
    if (node->state != PAWL_KV_GREETING || node->greetings != 0) return;
    node->state = PAWL_KV_READY;
    node->failures = 0;
    node->heard_ns = node->router->now_ns;
    pawl_log(PAWL_LOG_DEBUG, "couchbase node is ready", "host=%s port=%u", node->address.host,
             node->address.port);
}

static void judge(struct pawl_kv_node *node, const struct pawl_mcbp_reply *reply)
{
    switch (reply->opcode) {
    case PAWL_MCBP_HELLO:
        got_hello(node, reply);
        return;
    case PAWL_MCBP_SASL_LIST_MECHS:
        got_mechanisms(node, reply);
        return;
    case PAWL_MCBP_SASL_AUTH:
    case PAWL_MCBP_SASL_STEP:
        got_login(node, reply);
        return;
    case PAWL_MCBP_SELECT_BUCKET:
        got_bucket(node, reply);
        return;
    case PAWL_MCBP_GET_ERROR_MAP:
        got_error_map(node, reply);
        return;
    case PAWL_MCBP_GET_CLUSTER_CONFIG:
        got_map(node, reply);
        return;
    case PAWL_MCBP_STAT:
        if (got_fact(node, reply)) node->greetings |= ASKED_FACTS; /* more will come */
        return;
    case PAWL_MCBP_GET_COLLECTION_ID:
        got_collection(node, reply);
        return;
    default:
        return;
    }
}

void pawl_kv_greeted(struct pawl_kv_node *node, const struct pawl_mcbp_reply *reply)
{
    unsigned asked = asked_by(reply->opcode);

    if ((node->greetings & asked) == 0) {
        pawl_kv_node_fail(node, PAWL_STORE, "it answered a request that nobody sent");
        return;
    }
    node->greetings &= ~asked;
    judge(node, reply);
    look_whether_ready(node);
}

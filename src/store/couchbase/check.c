/* SPDX-License-Identifier: Apache-2.0 */
/* PING, INIT and CHECK: whether the store is there, and keeps what it is given. */
#include "store/couchbase/driver.h"
#include "store/couchbase/past.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct look {
    struct pawl_kv_call call;
    struct pawl_kv_driver *driver;
    struct pawl_op *op;
    bool ttl_known; /* of the collection */
    int64_t ttl_s;  /* 0: the bucket's holds; negative: none */
};

static void say(struct pawl_check *check, const char *what, enum pawl_check_verdict verdict,
                const char *found, const char *advice)
{
    check->item(check, what, verdict, found, verdict == PAWL_CHECK_KEEPS ? NULL : advice);
}

static void check_durability(const struct pawl_kv_driver *driver, struct pawl_check *check)
{
    switch (driver->settings.durability) {
    case PAWL_MCBP_NOT_DURABLE:
        say(check, "durability", PAWL_CHECK_BREAKS, "none",
            "a failover or a crash loses writes that were answered: leave durability=none out");
        return;
    case PAWL_MCBP_MAJORITY:
        say(check, "durability", PAWL_CHECK_KEEPS, "majority", NULL);
        return;
    case PAWL_MCBP_PERSIST_TO_MAJORITY:
        say(check, "durability", PAWL_CHECK_KEEPS, "persistToMajority", NULL);
        return;
    }
}

static void check_replicas(const struct pawl_kv_driver *driver, struct pawl_check *check)
{
    size_t count = driver->router.map.replica_count;
    bool persists = driver->settings.durability == PAWL_MCBP_PERSIST_TO_MAJORITY;
    char found[32];

    (void)snprintf(found, sizeof found, "%zu", count);
    if (count == 0) {
        say(check, "replicas", persists ? PAWL_CHECK_WARNS : PAWL_CHECK_BREAKS, found,
            "what one node alone holds is lost with it: give the bucket two replicas");
    } else if (count == 1) {
        say(check, "replicas", PAWL_CHECK_WARNS, found,
            "while one node is down no write is durable, and none is made: give the bucket two "
            "replicas on three nodes");
    } else if (count > 2) {
        say(check, "replicas", PAWL_CHECK_BREAKS, found,
            "durable writes do not work with three replicas: give the bucket two");
    } else {
        say(check, "replicas", PAWL_CHECK_KEEPS, found, NULL);
    }
}

static void check_kind(const struct pawl_kv_driver *driver, struct pawl_check *check)
{
    const struct pawl_kv_facts *facts = &driver->router.facts;

    switch (facts->kind) {
    case PAWL_KV_KIND_UNKNOWN:
        say(check, "bucket type", PAWL_CHECK_WARNS, "not visible",
            "see that it is of the type couchbase: an ephemeral one forgets");
        break;
    case PAWL_KV_KIND_PERSISTENT:
        say(check, "bucket type", PAWL_CHECK_KEEPS, "couchbase", NULL);
        break;
    case PAWL_KV_KIND_EPHEMERAL:
        say(check, "bucket type", PAWL_CHECK_BREAKS, "ephemeral",
            "it keeps nothing on disk and drops documents: use one of the type couchbase");
        break;
    }
}

/* What a collection says of itself stands above what its bucket says. */
static void check_max_ttl(const struct look *look)
{
    const struct pawl_kv_facts *facts = &look->driver->router.facts;
    struct pawl_check *check = look->op->check;
    bool own = look->ttl_known && look->ttl_s != 0;
    unsigned long long ttl_s = own ? (unsigned long long)look->ttl_s : facts->max_ttl_s;
    char found[64];

    if (own && look->ttl_s < 0) {
        say(check, "max TTL", PAWL_CHECK_KEEPS, "none", NULL);
    } else if (own || (facts->max_ttl_known && ttl_s > 0)) {
        (void)snprintf(found, sizeof found, "%llu s, by the %s", ttl_s,
                       own ? "collection" : "bucket");
        say(check, "max TTL", PAWL_CHECK_BREAKS, found,
            "records expire, and sequences begin again: set the maximum TTL to 0 there");
    } else if (!facts->max_ttl_known || !look->ttl_known) {
        (void)snprintf(found, sizeof found, "%s: not visible",
                       facts->max_ttl_known ? "the collection's" : "the bucket's");
        say(check, "max TTL", PAWL_CHECK_WARNS, found,
            "see that bucket and collection have none: records would expire");
    } else {
        say(check, "max TTL", PAWL_CHECK_KEEPS, "none", NULL);
    }
}

static void check_rest(const struct pawl_kv_driver *driver, struct pawl_check *check)
{
    const struct pawl_kv_settings *settings = &driver->settings;

    say(check, "network", settings->tls ? PAWL_CHECK_KEEPS : PAWL_CHECK_WARNS,
        settings->tls ? "TLS" : "not encrypted",
        "whoever listens can read ids: use couchbases:// where the network is not yours alone");
    say(check, "collection", PAWL_CHECK_KEEPS,
        settings->collection[0] != '\0' ? settings->collection : "_default._default", NULL);
    if (settings->plain) {
        say(check, "counter=plain", PAWL_CHECK_WARNS, "documents are bare numbers",
            "others can set them back, and nothing shows it but floors: let only increments in");
    }
}

static void end(struct look *look)
{
    struct pawl_op *op = look->op;
    struct pawl_kv_driver *driver = look->driver;

    op->end = PAWL_OP_DONE;
    op->identity = pawl_kv_past_identity(&driver->router);
    free(look);
    pawl_op_end(op, &driver->driver);
}

/* INIT and CHECK end with what the user lacks, CHECK as an item, too. */
static void lacks_right(struct look *look, const char *found, const char *role)
{
    struct pawl_kv_driver *driver = look->driver;
    struct pawl_kv_call *call = &look->call;
    struct pawl_op *op = look->op;
    bool denied = call->error.code == PAWL_DENIED;
    char advice[160];

    (void)snprintf(advice, sizeof advice, "give the user the role %s on the bucket or collection",
                   role);
    if (op->kind == PAWL_OP_CHECK) {
        say(op->check, "rights", PAWL_CHECK_WARNS, denied ? found : call->error.text,
            denied ? advice : "look again");
        if (!denied) {
            end(look);
            return;
        }
    }
    if (denied) {
        (void)pawl_fail(&call->error, PAWL_DENIED, "couchbase: the user \"%.60s\" %s: %s",
                        driver->settings.url.user, found, advice);
    }
    call->end = PAWL_KV_FAILED; /* whatever became of it, nothing was written */
    pawl_kv_op_call_failed(driver, op, call);
    free(look);
}

/* What a write came to that could not be made. */
static void probed(struct pawl_kv_call *call)
{
    struct look *look = PAWL_OWNER(call, struct look, call);

    if (call->end != PAWL_KV_ANSWERED) {
        lacks_right(look, "may not write", "Data Writer");
        return;
    }
    if (look->op->kind == PAWL_OP_CHECK) {
        say(look->op->check, "rights", PAWL_CHECK_KEEPS, "may read and write", NULL);
    }
    end(look);
}

/* A REPLACE on a CAS that no document has: the server judges privileges first, and writes nothing.
 */
static void probe(struct look *look)
{
    struct pawl_kv_call *call = &look->call;

    *call = (struct pawl_kv_call){
        .opcode = PAWL_MCBP_REPLACE,
        .cas = 1,
        .extras_size = 8,
        .value = PAWL_BYTES("{}"),
        .done = probed,
    };
    pawl_kv_key_index(&call->key, &look->driver->settings, 0);
    pawl_mcbp_put(call->extras, PAWL_MCBP_JSON_FLAGS, 4);
    pawl_mcbp_put(call->extras + 4, 0, 4);
    pawl_kv_router_begin(&look->driver->router, call);
}

static void probe_read(struct pawl_kv_call *call)
{
    struct look *look = PAWL_OWNER(call, struct look, call);

    if (call->end == PAWL_KV_ANSWERED) {
        probe(look);
    } else {
        lacks_right(look, "may not read", "Data Reader");
    }
}

/* Of a document that is there or not. */
static void probe_begin(struct look *look)
{
    struct pawl_kv_call *call = &look->call;

    *call = (struct pawl_kv_call){.opcode = PAWL_MCBP_GET, .done = probe_read};
    pawl_kv_key_index(&call->key, &look->driver->settings, 0);
    pawl_kv_router_begin(&look->driver->router, call);
}

static void check_all(struct look *look)
{
    struct pawl_check *check = look->op->check;

    check_durability(look->driver, check);
    check_replicas(look->driver, check);
    check_kind(look->driver, check);
    check_max_ttl(look);
    check_rest(look->driver, check);
    probe_begin(look);
}

/* It tells only of what the user may use. */
static void told_manifest(struct pawl_kv_call *call)
{
    struct look *look = PAWL_OWNER(call, struct look, call);

    if (call->end == PAWL_KV_ANSWERED && call->reply.status == PAWL_MCBP_SUCCESS) {
        look->ttl_known = pawl_kv_manifest_max_ttl(
            call->reply.value, look->driver->router.collection_id, &look->ttl_s);
    }
    check_all(look);
}

/* Whichever node is asked. */
static void pinned_begin(struct look *look, uint8_t opcode, void (*done)(struct pawl_kv_call *call))
{
    look->call = (struct pawl_kv_call){
        .opcode = opcode,
        .pinned = true,
        .vbucket = -1,
        .done = done,
    };
    pawl_kv_router_begin(&look->driver->router, &look->call);
}

static void looked(struct pawl_kv_call *call)
{
    struct look *look = PAWL_OWNER(call, struct look, call);
    struct pawl_kv_driver *driver = look->driver;
    struct pawl_op *op = look->op;

    if (call->end != PAWL_KV_ANSWERED || call->reply.status != PAWL_MCBP_SUCCESS) {
        pawl_kv_op_call_failed(driver, op, call);
        free(look);
        return;
    }
    if (op->kind == PAWL_OP_PING) {
        end(look);
        return;
    }
    if (op->kind == PAWL_OP_INIT) {
        probe_begin(look);
        return;
    }
    if (driver->router.map.collections) {
        pinned_begin(look, PAWL_MCBP_GET_COLLECTIONS_MANIFEST, told_manifest);
    } else {
        look->ttl_known = true;
        check_all(look);
    }
}

/* Any node's map will do: whoever has it is connected, logged in and has chosen the bucket. */
void pawl_kv_check(struct pawl_kv_driver *driver, struct pawl_op *op)
{
    struct look *look = calloc(1, sizeof *look);

    if (look == NULL) {
        pawl_op_fail(op, &driver->driver, PAWL_OP_FAILED, PAWL_NO_MEMORY,
                     "no memory to ask the store");
        return;
    }
    look->driver = driver;
    look->op = op;
    pinned_begin(look, PAWL_MCBP_GET_CLUSTER_CONFIG, looked);
}

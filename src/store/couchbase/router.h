/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The way of a call: to the node that has its key now, again where it was certainly not carried
 * out, until its time is over. One connection to each node, made when a key needs it.
 *
 *     router.c  calls: where to, and what an answer means
 *     routes.c  nodes and maps: whom to ask, and what is newest
 *     node.c    one connection: requests out, replies in, matched by opaque
 *     greet.c   its beginning: features, login, bucket, map, collection
 */
#ifndef PAWL_KV_ROUTER_H
#define PAWL_KV_ROUTER_H

#include "net/link.h"
#include "store/couchbase/call.h"
#include "store/couchbase/map.h"
#include "store/couchbase/sasl.h"
#include "store/couchbase/status.h"

enum {
    PAWL_KV_FLIGHT_MAX = 1024,    /* requests on one connection that have no answer yet */
    PAWL_KV_GIVEN_UP_MAX = 256,   /* of those, whose time is over: then it is closed */
    PAWL_KV_DURABILITY_MS = 2250, /* 0.9 of the limit below */
    PAWL_KV_SEEDS_MAX = PAWL_URL_HOSTS_MAX + PAWL_KV_NODES_MAX,
};

#define PAWL_KV_CALL_NS    (2500 * PAWL_NS_PER_MS) /* of a call, all its tries together */
#define PAWL_KV_CONNECT_NS (1000 * PAWL_NS_PER_MS)
#define PAWL_KV_GREET_NS   (2500 * PAWL_NS_PER_MS)

enum pawl_kv_state {
    PAWL_KV_APART,
    PAWL_KV_DIALLING,
    PAWL_KV_GREETING, /* connected, not yet ready for calls */
    PAWL_KV_READY,
};

/* Bytes that grow up to a limit. */
struct pawl_kv_buffer {
    char *at;
    size_t size, room;
};

/* What a server can do, from its answer to HELLO. */
struct pawl_kv_features {
    bool durable; /* framing and synchronous replication */
    bool collections;
};

/* What a node says of the bucket's settings, if it does. */
enum pawl_kv_kind { PAWL_KV_KIND_UNKNOWN, PAWL_KV_KIND_PERSISTENT, PAWL_KV_KIND_EPHEMERAL };

struct pawl_kv_facts {
    enum pawl_kv_kind kind;
    bool max_ttl_known;
    uint64_t max_ttl_s; /* 0: documents stay */
};

/* The last write on a vBucket that was answered: by which history it is told whether it is lost. */
struct pawl_kv_token {
    uint64_t uuid, seqno;
    uint64_t before_uuid, before_seqno; /* of the history before that; 0: none was seen */
};

/* A vBucket's log of failovers, as it was last told: past.h. */
struct pawl_kv_past {
    char *log;
    size_t size; /* 0: not told */
    bool lost;   /* a write of ours is not part of it */
};

struct pawl_kv_node {
    struct pawl_link link;
    struct pawl_kv_router *router;
    struct pawl_kv_node *next;
    struct pawl_kv_address address;
    enum pawl_kv_state state;
    pawl_error error;  /* why it is apart */
    unsigned failures; /* since it was last ready */
    bool cooling;      /* it failed since the last turn: retry_ns is to be set */
    uint64_t retry_ns; /* apart: not dialled again before */
    uint64_t since_ns; /* dialling or greeting; 0: since the next turn */
    uint64_t heard_ns; /* when something came last */
    bool heard;        /* since the last turn */
    struct pawl_kv_features features;
    struct pawl_kv_sasl *sasl;
    unsigned greetings; /* answers that are missing: greet.c's bits */
    char collection[PAWL_MCBP_LEB128_BYTES_MAX];
    size_t collection_size;
    struct pawl_kv_buffer in, out;
    uint32_t opaque;                                 /* of the last call sent */
    size_t flight_count, given_up_count;             /* these are part of those */
    struct pawl_kv_call *flight[PAWL_KV_FLIGHT_MAX]; /* by opaque */
    struct pawl_kv_call given_up;                    /* stands for calls whose time was over */
};

struct pawl_kv_router {
    struct pawl_net *net;
    const struct pawl_kv_settings *settings;
    uint64_t random;
    uint64_t now_ns;
    struct pawl_kv_calls waiting; /* to be sent */
    bool begun;                   /* one was begun since the last look at them */
    bool closing;
    struct pawl_kv_node *nodes;
    struct pawl_kv_map map; /* vbucket_count 0: there is none yet */
    uint32_t collection_id; /* as it was last told; 0: the default one */
    struct pawl_kv_facts facts;
    pawl_error unusable; /* what the map shows: no write would be kept */
    struct pawl_kv_error_map *error_map;
    struct pawl_kv_token *tokens; /* of each vBucket */
    struct pawl_kv_past *pasts;   /* likewise */
    bool no_logs;                 /* a server that does not tell them: branches are not known */

    /* How the map is kept new. */
    bool refresh_wanted, refreshing;
    uint64_t refreshed_ns;
    struct pawl_kv_call refresh;
    /* How the first one is got: seeds are tried in turn. */
    bool seeding;
    size_t seed;
    struct pawl_kv_node *seed_node;
};

void pawl_kv_router_init(struct pawl_kv_router *router, struct pawl_net *net,
                         const struct pawl_kv_settings *settings, uint64_t seed);
/* Takes the call over until its done, which is never called from inside. */
void pawl_kv_router_begin(struct pawl_kv_router *router, struct pawl_kv_call *call);
/* Does what is due; returns when it wants its next turn. Calls done. */
uint64_t pawl_kv_router_turn(struct pawl_kv_router *router, uint64_t now_ns);
/* Ends all calls: FAILED what was not sent, UNKNOWN the mutations that were. */
void pawl_kv_router_close(struct pawl_kv_router *router);

/* router.c, for nodes: what came, and what will not come any more. */
void pawl_kv_router_answered(struct pawl_kv_router *router, struct pawl_kv_call *call,
                             const struct pawl_mcbp_reply *reply);
void pawl_kv_router_cut(struct pawl_kv_router *router, struct pawl_kv_call *call,
                        const pawl_error *error);
/* Ends every waiting call with one error. */
void pawl_kv_router_fail_all(struct pawl_kv_router *router, const pawl_error *error);

/* routes.c */
struct pawl_kv_node *pawl_kv_route(struct pawl_kv_router *router,
                                   const struct pawl_kv_address *address); /* NULL: no memory */
/* The map that a node told. Not newer than ours: nothing happens. */
pawl_err pawl_kv_routes_adopt(struct pawl_kv_router *router, struct pawl_bytes json,
                              const char *host, pawl_error *error);
void pawl_kv_routes_down(struct pawl_kv_router *router, struct pawl_kv_node *node);
/* Dials and fetches what is wanted. */
void pawl_kv_routes_turn(struct pawl_kv_router *router);
void pawl_kv_routes_close(struct pawl_kv_router *router);

/* node.c */
void pawl_kv_node_dial(struct pawl_kv_node *node);
bool pawl_kv_node_has_room(const struct pawl_kv_node *node);
/* false: no memory; nothing was sent. */
bool pawl_kv_node_send(struct pawl_kv_node *node, struct pawl_kv_call *call);
/* Queues a request of the node's own. */
void pawl_kv_node_ask(struct pawl_kv_node *node, uint8_t opcode, struct pawl_bytes key,
                      struct pawl_bytes value);
void pawl_kv_node_flush(struct pawl_kv_node *node);
/* Gives the connection up: what is in flight is cut. */
void pawl_kv_node_fail(struct pawl_kv_node *node, pawl_err code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* Time limits. Returns when it wants its next turn. */
uint64_t pawl_kv_node_turn(struct pawl_kv_node *node);
void pawl_kv_node_free(struct pawl_kv_node *node);

/* greet.c */
void pawl_kv_greet(struct pawl_kv_node *node);
/* An answer to a request of the node's own. */
void pawl_kv_greeted(struct pawl_kv_node *node, const struct pawl_mcbp_reply *reply);
/* Asks for the collection's id once more. */
void pawl_kv_greet_collection(struct pawl_kv_node *node);

/* tokens.c: notes a mutation, and looks whether an earlier one was lost. */
void pawl_kv_tokens_note(struct pawl_kv_router *router, uint16_t vbucket, struct pawl_bytes extras);

#endif

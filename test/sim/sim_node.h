/* SPDX-License-Identifier: Apache-2.0 */
/* A node: a keeper over a source, as a client or a server has one, that lives, dies and returns. */
#ifndef PAWL_SIM_NODE_H
#define PAWL_SIM_NODE_H

#include "range/keeper.h"
#include "sim_books.h"
#include "sim_guard.h"
#include "sim_ledger.h"

enum sim_role {
    SIM_CLIENT, /* an application with libpawl's core */
    SIM_SERVER, /* a pawld */
};

struct sim_tap;
struct sim_server;
struct sim_net;

struct sim_node {
    struct sim *sim;
    int index;
    enum sim_role role;
    int depth;       /* layers of cache from here to the store */
    const char *url; /* of servers; NULL: straight on the store */

    bool up;              /* takes calls */
    bool closing;         /* drains */
    bool dead;            /* its memory is going: whatever it says is not heard */
    uint64_t life;        /* counts its starts; what belongs to an earlier one is void */
    uint64_t turn_ns;     /* when it is turned next; PAWL_NEVER: not planned */
    uint64_t patience_ns; /* when a drain is given up */
    bool again;           /* comes back after it went */

    struct pawl_keeper *keeper;
    struct pawl_source *source; /* the keeper's, for those who ask it */
    struct sim_tap *tap;        /* between the keeper and what is below */
    struct sim_net *net;        /* for dialling */
    struct sim_server *server;  /* NULL: nobody connects to it */

    struct sim_books ledger; /* the product's; it outlives the node's lives */
    struct sim_guard guard;  /* likewise */
    struct sim_book books[SIM_SEQS];
    struct sim_context contexts[SIM_SEQS];
    uint64_t turns, asked;            /* asked: of what is below */
    uint64_t taken;                   /* ids its users and connections got */
    uint64_t unread;                  /* ids handed out that nobody heard of */
    uint64_t leased;                  /* of those granted: to keep */
    uint64_t given_back;              /* and taken back below */
    uint64_t granted;                 /* ids the tap saw come */
    uint64_t refills[SIM_SEQS];       /* writes of the record, to keep ids ahead */
    uint64_t refills_grown[SIM_SEQS]; /* when blocks had had time to grow */
};

struct sim_node *sim_node_new(struct sim *sim, enum sim_role role, int depth, const char *url);
void sim_node_start(struct sim_node *node);
void sim_node_crash(struct sim_node *node, bool again);
void sim_node_stop(struct sim_node *node, bool again); /* drains, then ends */
void sim_node_drain(struct sim_node *node);            /* once nobody is connected any more */
void sim_node_wake(struct sim_node *node);             /* it is turned soon */
void sim_node_turn_at(struct sim_node *node, uint64_t at_ns);
void sim_node_grown(struct sim_node *node); /* from here on refills are few */
void sim_node_check_few(struct sim_node *node, uint64_t intervals);
/* What servers of a depth leased came to the nodes above them, and what those gave back to them. */
void sim_nodes_check_links(struct sim *sim, int depth);
void sim_node_check(struct sim_node *node); /* the laws about its counts */
bool sim_burned_here(int cause); /* of what came to its keeper, and was not used before */
uint64_t sim_node_taken(const struct sim_node *node);

/* sim_server.c */
void sim_server_start(struct sim_node *node);
void sim_server_idle(struct sim_server *server, const struct pawl_holding *holding);
void sim_server_drain(struct sim_server *server);
void sim_server_bury(struct sim_server *server);

/* sim_user.c */
bool sim_users_have_open(const struct sim_node *node, int seq);
uint64_t sim_users_in_lanes(const struct sim_node *node);
void sim_users_part(struct sim_node *node);           /* let their holdings and lanes go */
void sim_users_check_answered(struct sim_node *node); /* nobody waits in vain */
void sim_users_orphaned(struct sim_node *node);       /* the node is gone */

/* sim_tap.c: a source over a source that sees all that passes. Owns what is below. */
struct sim_tap *sim_tap_new(struct sim_node *node, struct pawl_source *below);
struct pawl_source *sim_tap_source(struct sim_tap *tap);

/* sim_store.c */
void sim_store_new(struct sim *sim);
struct pawl_source *sim_store_connect(struct sim_node *node);
void sim_store_away(struct sim *sim, uint64_t until_ns);
void sim_store_stall(struct sim *sim, uint64_t until_ns); /* its disk hangs */
uint64_t sim_store_stalled_ns(const struct sim *sim);     /* for how long yet */
void sim_store_keep(struct sim *sim);                     /* remembers its present state */
void sim_store_rewind(struct sim *sim); /* goes back to the state that it remembers */
const struct pawl_record *sim_store_record(const struct sim *sim, int seq);
bool sim_store_has_renamed(const struct sim *sim); /* as far as it remembers */
bool sim_store_is_away(const struct sim *sim);
int64_t sim_store_wall_s(void *arg); /* the sim */
/* An ask of that node was carried out; wrote: the record was written for it. */
void sim_store_served(struct sim_node *node, int seq, const struct pawl_ask *ask, bool wrote);
void sim_store_renamed(struct sim_node *node, int seq); /* a step of it was written there */
void sim_store_put(struct sim *sim, int seq, const struct pawl_record *record);
void sim_store_reached(struct sim *sim, int seq); /* after floors were told */

/* sim_records.c: the same store, reached as those over a network are. */
struct pawl_source *sim_records_connect(struct sim_node *node);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* A desk over a keeper over the memory store, on a clock of its own, with a gate in between. */
#ifndef PAWL_TEST_DESK_WORLD_H
#define PAWL_TEST_DESK_WORLD_H

#include "server/conn.h"
#include "store/store.h"

enum { WORLD_WALL_S = 1000000, WORLD_INTERVAL_S = 30, WORLD_ANSWER_BYTES = 1 << 20 };

struct world {
    struct pawl_source gate; /* between keeper and store */
    struct pawl_source *store;
    struct pawl_asks held;
    bool closed;   /* the gate holds asks back */
    pawl_err fail; /* or fails them */
    bool vague;    /* its listings are in no order, and empty for now */
    size_t lists;  /* pages that passed the gate */
    struct pawl_keeper *keeper;
    struct desk *desk;
    struct server_facts facts;
    struct pawl_asks submitted, answered;
    struct desk_forget *forgets[64];
    size_t forget_count;
    struct pawl_holding *idle;
    uint64_t now_ns;
    size_t changed;       /* how often the carrier was called */
    bool reads;           /* the carrier sends then what there is, to nobody */
    size_t answered_size; /* of what world_say returned last */
};

/* auto_create NULL: off. */
void world_open(struct world *world, const char *auto_create);
void world_close(struct world *world);
/* Goes round until nothing moves. */
void world_settle(struct world *world);
void world_wait(struct world *world, uint64_t ns); /* time passes, in small steps */

/* Sends text and returns all that is answered, until nothing moves. Zero-terminated, and valid
 * until the next call. */
const char *world_say(struct world *world, struct conn *conn, const char *text);
const char *world_say_bytes(struct world *world, struct conn *conn, struct pawl_bytes bytes);
/* What has been answered meanwhile. */
const char *world_heard(struct world *world, struct conn *conn);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Clients of a whole pawld in memory: real connections, desk and keeper over the memory store, on a
 * clock of its own. An input is a course of things that happen: bytes of clients, between them
 * SERVED_ACT and a byte that says what comes next.
 */
#ifndef PAWL_FUZZ_SERVED_H
#define PAWL_FUZZ_SERVED_H

#include "../test/unit/desk_world.h"

enum {
    SERVED_CLIENTS = 2,
    SERVED_HEARD_BYTES_MAX = 4 << 20, /* of one client, and not looked at yet */
    SERVED_ACT = 0xfe,
};

/* Bits of the byte behind SERVED_ACT. */
enum served_act {
    SERVED_OTHER = 1,     /* what follows is of the other client */
    SERVED_AWAY = 2,      /* the store is away until the next act */
    SERVED_FAILS = 4,     /* it says no until then */
    SERVED_LATER = 8,     /* some seconds later */
    SERVED_HANGS_UP = 16, /* the client goes, and another one comes in his place */
    SERVED_CUT = 32,      /* what follows comes byte by byte */
};

struct served_client {
    struct conn conn;
    char *heard; /* what is not looked at yet */
    size_t heard_size;
    void *own; /* the target's */
};

struct served {
    struct world world;
    const struct conn_wire *wire;
    struct served_client clients[SERVED_CLIENTS];
    /* Looks at the front of what client has heard, and returns how much of it is done with. */
    size_t (*look)(struct served *served, size_t client);
    /* Client is one who has just come. */
    void (*came)(struct served *served, size_t client);
    bool cut;
};

/*
 * Of a users file: a takes, d defines, o may do everything. Their password is SERVED_PASSWORD, or,
 * of strangers, one that nobody knows. They stay.
 */
#define SERVED_PASSWORD "p"
struct users *served_users(bool strangers);

/* users: who may log in; NULL: everybody. Both clients are there. */
void served_open(struct served *served, struct users *users);
/* Client sends bytes; all that comes of it has happened on return. */
void served_say(struct served *served, size_t client, struct pawl_bytes bytes);
/* An act, which may be about client; returns who is next. */
size_t served_act(struct served *served, size_t client, uint8_t act);
/* The store is there, and as much time passes as requests may take: all is answered, and the
 * keeper's ids add up. */
void served_calm(struct served *served);
/* Ends it, down to the keeper's last id. */
void served_close(struct served *served);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One I/O thread's part of the server: which sequences it has open, what its connections wait
 * for, and its counters. No I/O, no clock: a carrier (libuv in pawld, a virtual net in the
 * simulation) owns it, tells it the time and carries asks to the keeper's thread and back.
 * All functions are called on the desk's thread, unless they say otherwise.
 */
#ifndef PAWLD_DESK_H
#define PAWLD_DESK_H

#include <stdatomic.h>

#include "net/mail.h"
#include "range/keeper.h"

struct conn;
struct desk;
struct gone;
struct pawl_guard;
struct pawl_guard_view;
struct users;

/* What every ask given to submit lies in: PAWL_OWNER(ask, struct desk_ask, ask). */
struct desk_ask {
    struct pawl_ask ask;
    struct pawl_mail mail; /* the carrier's, there and back */
    void *carrier;         /* likewise */
};

/* An ask that nobody waits for any more, on its way to the keeper and back. */
struct desk_forget {
    struct pawl_ask *ask;
    struct pawl_mail mail; /* the carrier's, there and back */
    void *carrier;         /* likewise */
};

/* What PostgreSQL's setval does where the wished id lies behind ids that may be in use. */
enum desk_setval {
    DESK_SETVAL_IGNORE, /* succeeds, changes nothing, warns */
    DESK_SETVAL_ERROR,
    DESK_SETVAL_ALLOW, /* goes back */
};

struct desk_settings {
    uint64_t request_timeout_ns; /* how long a request may wait for ids; default 5 s */
    uint64_t refill_interval_ns; /* as the keeper's: changes say it in their answer; default 30 s */
    uint64_t max_take;           /* ids in one request; default PAWL_TAKE_MAX */
    struct pawl_bytes auto_create; /* glob of names that INCR and INCRBY create; size 0: none */
    uint64_t seed;                 /* of the name map's hash */
    uint64_t id_first, id_step; /* connections' ids, unique in the server: index + 1, desk count */
    const struct server_facts *facts; /* NULL: INFO shows this desk only */
    struct users *users; /* who may log in, held by each desk; NULL: everybody, who may do all */
    enum desk_setval setval_back;
    struct gone *gone; /* the server's, outlives the desks; NULL: the desk has its own */

    /* The wall clock, seconds since 1970. NULL: the system's. */
    int64_t (*wall_s)(void *arg);
    /*
     * Takes ask to the keeper's thread and asks its source there. When it has been answered it is
     * brought back to desk_answered on this thread, never from inside submit. The ask's done is
     * the carrier's to set.
     */
    void (*submit)(struct pawl_ask *ask, void *arg);
    /*
     * Takes forget to the keeper's thread, after all that was submitted before; there
     * pawl_keeper_forget(keeper, forget->ask); then brings it back to desk_forgotten. forget->ask
     * is answered by desk_answered as ever, before or after that, or from inside.
     */
    void (*forget)(struct desk_forget *forget, void *arg);
    /*
     * Outside of conn_input_added and conn_output_sent something has changed that the carrier must
     * look at: there is output, or the connection wants input again, or wants to be closed. May
     * call conn_output, conn_output_sent and conn_close.
     */
    void (*changed)(struct conn *conn, void *arg);
    /* Takes mail to the thread of another of facts' desks. NULL: there is but this one. */
    void (*post)(size_t desk, struct pawl_mail *mail, void *arg);
    /* Writes where conn's client is, of at most size bytes with the zero. NULL: nobody knows. */
    void (*address)(struct conn *conn, char *to, size_t size, void *arg);
    void *arg;
};

/* Written by the desk's thread; any may read. */
struct desk_counts {
    _Atomic uint64_t connections; /* open now */
    _Atomic uint64_t accepted;    /* connections since the start */
    _Atomic uint64_t commands;
    _Atomic uint64_t ids;      /* handed out from stock */
    _Atomic uint64_t parked;   /* requests waiting for ids now */
    _Atomic uint64_t timeouts; /* requests that waited in vain */
    _Atomic uint64_t open;     /* sequences open here */
    _Atomic uint64_t refused;  /* logins */
};

/* What INFO says of the whole server. The daemon's; constant, or atomics, once desks run. */
struct server_facts {
    const char *version;
    const char *store;  /* its URL, without secrets */
    const char *listen; /* where it listens, for people */
    uint64_t pid;
    uint64_t started_ns; /* on the clock of now_ns */
    int64_t started_us;  /* the wall clock, since 1970: for show */
    uint64_t max_clients;
    uint64_t cache_sequences; /* in memory, at most, but for those in use */
    _Atomic uint64_t refused_clients;
    const struct pawl_counts *counts; /* of the keeper */
    struct pawl_guard *guard;         /* of the store; NULL: none */
    void (*look_at_guard)(struct pawl_guard *guard, struct pawl_guard_view *view);
    const char *data;          /* the guard's folder */
    struct desk *const *desks; /* all of the server's */
    size_t desk_count;
};

/* settings are copied, auto_create and facts not. NULL: no memory. */
struct desk *desk_new(const struct desk_settings *settings);

/* From now on these may log in, and who has logged in is looked up among them. Holds
 * them. */
void desk_set_users(struct desk *desk, struct users *users);

/* Any thread. */
const struct desk_counts *desk_counts(const struct desk *desk);

/* An ask of this desk has been answered. */
void desk_answered(struct desk *desk, struct pawl_ask *ask, uint64_t now_ns);
/* A forget has been to the keeper. */
void desk_forgotten(struct desk *desk, struct desk_forget *forget);
/*
 * The keeper said that holding is idle: lets go of it, if it is open here and nothing waits for
 * it. Does not look into holding unless it is open here.
 */
void desk_idle(struct desk *desk, const struct pawl_holding *holding);
/* Ends waits whose time has come; returns when it wants its next turn, or PAWL_NEVER. It must be
 * asked again after any other call here or on a connection that may have begun a wait. */
uint64_t desk_turn(struct desk *desk, uint64_t now_ns);

/* Asks and forgets of this desk that are with the keeper. A desk is freed only when 0. */
size_t desk_under_way(const struct desk *desk);
/* Lets go of all holdings and frees. All connections are disposed of and nothing is under way. */
void desk_free(struct desk *desk);

#endif

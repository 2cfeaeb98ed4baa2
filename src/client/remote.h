/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One pawl server as a source: asks become RESP requests on one connection, pipelined, answered in
 * order. It dials when it is asked something; after a failure not before a back-off with jitter,
 * and until then refuses at once (PAWL_BUSY). An ask that is not answered within the exchange
 * deadline closes the connection, and with it ends everything that is unanswered there: what may
 * have taken ids with PAWL_LOST (all it asked for burned), changes with PAWL_UNKNOWN, the rest with
 * PAWL_BUSY. Nothing is ever sent twice.
 *
 * With a login nothing is sent before the server has taken it. One that refuses it is as one that
 * cannot be reached, but for the code: PAWL_DENIED.
 *
 * An ask that is queued while there is a connection goes out on that connection or not at all, so
 * whoever compares pawl_remote_connection may ask a RETURN (design 5.6); without a connection a
 * RETURN ends with PAWL_NOT_KEPT.
 */
#ifndef PAWL_REMOTE_H
#define PAWL_REMOTE_H

#include "net/link.h"
#include "range/source.h"

enum {
    PAWL_REMOTE_HOST_BYTES_MAX = 255,
    PAWL_REMOTE_REPLY_BYTES_MAX =
        4 * 1024 * 1024, /* one reply: a page of a listing is the largest */
    PAWL_REMOTE_INPUT_BYTES_MAX = 8 * 1024 * 1024, /* of a reply and what comes behind it */
    PAWL_REMOTE_PIPELINE_MAX = 1024,               /* asks unanswered on a connection */
    PAWL_LOGIN_USER_BYTES_MAX = 63,
    PAWL_LOGIN_PASSWORD_BYTES_MAX = 512,
};

/* What is said first on each connection. */
struct pawl_login {
    char user[PAWL_LOGIN_USER_BYTES_MAX + 1]; /* "": nothing is said */
    char password[PAWL_LOGIN_PASSWORD_BYTES_MAX + 1];
};

struct pawl_remote_settings {
    const struct pawl_login *login;         /* copied; NULL: none */
    uint64_t seed;                          /* for jitter */
    uint64_t exchange_ns;                   /* deadline of each ask, dialling too; default 5 s */
    uint64_t retry_least_ns, retry_most_ns; /* back-off of dialling; default 10 ms, 2 s */
    /* It wants a turn, on the loop's thread; NULL: its owner turns it after every event. */
    void (*wake)(void *arg);
    void *arg;
};

struct pawl_remote;

/* net must outlive it. host is copied. NULL: no memory. Closed through its source. */
struct pawl_remote *pawl_remote_new(struct pawl_net *net, const char *host, uint16_t port,
                                    const struct pawl_remote_settings *settings);
struct pawl_source *pawl_remote_source(struct pawl_remote *remote);

/* The connection's number, 1 and up, each dialling another; 0: there is none that is open. */
uint64_t pawl_remote_connection(const struct pawl_remote *remote);
/* Until then it refuses to dial; 0 before it ever failed. Known after the turn that follows. */
uint64_t pawl_remote_retry_ns(const struct pawl_remote *remote);
/* "host:port", as in the URL. */
const char *pawl_remote_address(const struct pawl_remote *remote);

#endif

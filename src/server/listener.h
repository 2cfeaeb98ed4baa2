/* SPDX-License-Identifier: Apache-2.0 */
/* Accepts connections on every address of --listen and hands them round to the I/O threads. */
#ifndef PAWLD_LISTENER_H
#define PAWLD_LISTENER_H

#include <sys/socket.h>

#include "server/config.h"
#include "server/io.h"

enum {
    LISTEN_SOCKETS_MAX = 32,
    LISTEN_SHOW_BYTES_MAX = 80, /* "scheme://[address]:port" */
};

struct listen_address {
    const struct conn_wire *wire;
    struct sockaddr_storage at;
    socklen_t size;
    bool loopback;
    size_t entry; /* which --listen it is of: they share a port that was picked */
    char shown[LISTEN_SHOW_BYTES_MAX];
};

struct listen_addresses {
    struct listen_address all[LISTEN_SOCKETS_MAX];
    size_t count;
};

/*
 * Reads --listen and resolves what it names. Beyond loopback only with --users or --open.
 *
 * Blocks:   for the system's resolver
 * Errors:   PAWL_BAD_REQUEST  with the address and what to do
 */
pawl_err listen_resolve(const struct config *config, struct listen_addresses *addresses,
                        pawl_error *error);

struct listener {
    uv_poll_t poll;
    uv_timer_t pause; /* after it could not accept */
    int socket;
    bool started; /* poll and pause are handles of a loop */
    struct listeners *listeners;
    const struct conn_wire *wire;
};

struct listeners {
    struct listener all[LISTEN_SOCKETS_MAX];
    size_t count;
    struct io *const *ios;
    size_t io_count, io_next;
    uint64_t max_clients;
    _Atomic uint64_t *clients;
    _Atomic uint64_t *refused;
    _Atomic uint64_t crowd; /* too many, but told so in their own words */
    bool full;              /* said in the log, and not yet unsaid */
};

/*
 * Binds every address and begins to listen. Ports that were picked are put into addresses.
 * listeners' fields from ios on are set already.
 *
 * Errors:   PAWL_BUSY  with the address and what to do: nothing listens then
 */
pawl_err listeners_open(struct listeners *listeners, struct listen_addresses *addresses,
                        pawl_error *error);

/*
 * Accepts from here on, on the thread of loop, which does not run yet.
 *
 * Errors:   PAWL_BUSY  the system does not let us wait for them: none listens any more
 */
pawl_err listeners_start(struct listeners *listeners, uv_loop_t *loop, pawl_error *error);
/* On that thread, once. */
void listeners_close(struct listeners *listeners);
/* Instead of that, if the loop does not run yet. */
void listeners_abandon(struct listeners *listeners);

#endif

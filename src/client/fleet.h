/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Several servers as one source. For each sequence the servers are ranked by rendezvous hashing of
 * (sequence, server); an ask goes to the best that is healthy and down the ranking where nothing
 * was taken. A server that failed is probed with back-off, and is preferred again only after it has
 * been healthy for one refill interval. Leases are renumbered, so that a RETURN finds the one
 * connection that it may go to.
 */
#ifndef PAWL_FLEET_H
#define PAWL_FLEET_H

#include "client/remote.h"

enum { PAWL_FLEET_SERVERS_MAX = 32, PAWL_FLEET_PORT = 7379 };

struct pawl_fleet_settings {
    uint64_t seed;                          /* for jitter; the ranking does not depend on it */
    uint64_t exchange_ns;                   /* deadline of one exchange; default 5 s */
    uint64_t refill_interval_ns;            /* to be healthy for before it is preferred; 30 s */
    uint64_t retry_least_ns, retry_most_ns; /* back-off; default 10 ms, 2 s */
    /* It wants a turn, on the loop's thread; NULL: its owner turns it after every event. */
    void (*wake)(void *arg);
    void *arg;
};

/*
 * Opens "pawl://[user[:password]@]host[:port][,host[:port]...]" (address.h). Nothing is
 * dialled before it is asked something. net must outlive it.
 *
 * Blocks:   never
 * Threads:  one; the source then belongs to its keeper's thread, which is net's
 * Memory:   *source is ended by its close; url is copied
 * Errors:   PAWL_BAD_REQUEST  the URL cannot be meant; error says what is wrong with it
 *           PAWL_NO_MEMORY    no memory
 */
pawl_err pawl_fleet_new(const char *url, struct pawl_net *net,
                        const struct pawl_fleet_settings *settings, struct pawl_source **source,
                        pawl_error *error);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* A pawld from its options to its end: store, keeper, I/O threads, listeners, in that order up and
 * in the opposite order down. */
#ifndef PAWLD_DAEMON_H
#define PAWLD_DAEMON_H

#include <signal.h>

#include "server/config.h"

struct daemon;

/*
 * Opens everything and begins to serve. Once the store is open, the signals in ends are blocked in
 * this thread, and in all that it makes: they are for sigwait.
 *
 * Blocks:   config's takeover_timeout_ns for a store's folder and as long for --data
 * Memory:   config must outlive it. NULL: error says why, and nothing is left behind
 * Errors:   PAWL_BAD_REQUEST  an option cannot be meant
 *           any other         it cannot run now; error says what to do
 */
struct daemon *daemon_start(const struct config *config, const sigset_t *ends, pawl_error *error);

/*
 * Stops accepting, answers what is there, gives back what is held, closes the store.
 * Within DAEMON_STOP_S, unless a disk hangs.
 *
 * Returns whether everything held was let go in time; otherwise it is burned.
 */
enum { DAEMON_STOP_S = 5 };
bool daemon_stop(struct daemon *daemon);

/* Reads the file of --users, if it was given, once more; a broken one leaves the users as they are.
 * Says in the log how it went. On the thread that started it. */
void daemon_read_users(struct daemon *daemon);

/* --check: opens the store and looks at everything, without serving, and says what would run. Makes
 * and changes nothing. */
pawl_err daemon_check(const struct config *config, FILE *to, pawl_error *error);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An I/O thread: a loop that owns a desk and the connections at it. What a read brings is answered
 * and written before the read callback ends; only what the socket does not take waits for it.
 */
#ifndef PAWLD_IO_H
#define PAWLD_IO_H

#include "net/turner.h"
#include "server/desk.h"

struct io;
struct conn_wire;
struct users;

struct io_settings {
    struct pawl_turner *turner;
    struct desk_settings desk; /* without what carries: submit, forget, changed, post and arg */
    struct io *const *ios;     /* all of the server's, there before any runs */
    const char *name;          /* of the thread */
};

/* settings are copied. NULL: error says why. */
struct io *io_new(const struct io_settings *settings, pawl_error *error);
uv_loop_t *io_loop(struct io *io); /* before io_start, or on its thread */
struct desk *io_desk(struct io *io);

/* Errors:   PAWL_BUSY  there is no thread to be had */
pawl_err io_start(struct io *io, pawl_error *error);

/* Any thread, until io_leave. */
void io_post(struct io *io, struct pawl_mail *mail);
/* Any thread, until io_leave: serves a connected, non-blocking socket, which is the io's then. It
 * is taken from count, which outlives the io, when it is gone. */
void io_serve(struct io *io, int socket, const struct conn_wire *wire, _Atomic uint64_t *count);
/* Any thread, until io_leave: desk_set_users, on the io's. false: no memory. */
bool io_set_users(struct io *io, struct users *users);
/* The keeper's thread, until io_free: its settings' idle. */
void io_tell_idle(struct io *io, const struct pawl_holding *holding);

/* The end. Of an io that was not started, the first three do nothing. */

/* Any thread: hangs up where nothing is left to answer, and after limit_ns everywhere. */
void io_drain(struct io *io, uint64_t limit_ns);
/* Waits until io_drain has hung up everywhere. */
void io_drained(struct io *io);
/* After io_drained: lets the thread end once the keeper has answered what was asked of it. */
void io_leave(struct io *io);
/* Waits for the thread, if it was started; it must have been told to leave. */
void io_join(struct io *io);
/* Once nothing of the keeper's calls here any more. */
void io_free(struct io *io);

#endif

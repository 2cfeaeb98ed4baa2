/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One connection to a PostgreSQL server on a libuv loop, in libpq's pipeline mode. Names are
 * resolved by the loop, because libpq would block; nothing dials again or resends by itself.
 */
#ifndef PAWL_POSTGRES_CONN_H
#define PAWL_POSTGRES_CONN_H

#include <stdatomic.h>
#include <uv.h>

#include "base/descriptor.h"
#include "store/postgres/target.h"

enum pawl_postgres_conn_state {
    PAWL_POSTGRES_CLOSED,
    PAWL_POSTGRES_RESOLVING,
    PAWL_POSTGRES_CONNECTING,
    PAWL_POSTGRES_OPEN,
};

struct pawl_postgres_conn;
struct pawl_postgres_resolve;

/*
 * From the loop's callbacks only; `failed` also from inside pawl_postgres_conn_open. In each of
 * them the connection may be closed.
 *
 * opened  logged in; commands may be sent
 * failed  no connection came about; it is closed
 * result  of the oldest command that has none: one each; it is cleared after the call
 * synced  the oldest sync's commands are over, their transaction has ended
 * noticed a notice or warning, which belongs to the oldest sync that is not over
 * lost    it was open and is closed; nobody knows of what was sent and has no result
 */
struct pawl_postgres_conn_events {
    void (*opened)(struct pawl_postgres_conn *conn);
    void (*failed)(struct pawl_postgres_conn *conn, const pawl_error *error);
    void (*result)(struct pawl_postgres_conn *conn, const PGresult *result);
    void (*synced)(struct pawl_postgres_conn *conn);
    void (*noticed)(struct pawl_postgres_conn *conn, const PGresult *notice);
    void (*lost)(struct pawl_postgres_conn *conn, const char *reason);
};

struct pawl_postgres_conn {
    uv_loop_t *loop;
    const struct pawl_postgres_target *target;
    const struct pawl_postgres_conn_events *events;
    enum pawl_postgres_conn_state state;
    PGconn *pg;
    uv_poll_t *poll;               /* NULL: none; frees itself when libuv has closed it */
    int fd;                        /* poll's */
    _Atomic bool noted;            /* a fork may come at any moment: `socket` is written before */
    struct pawl_descriptor socket; /* what a forked child has to close */
    size_t syncs;                  /* sent and not over */
    struct pawl_postgres_resolve *resolve; /* while RESOLVING */
    struct pawl_postgres_place places[PAWL_POSTGRES_PLACES_MAX];
    size_t place_count;
    size_t place_first; /* which place is tried first: the next one, after a time limit */
};

/* A command's parameters, as texts; statement is its name if it was prepared, else its text. */
struct pawl_postgres_command {
    const char *text;
    bool prepared;
    int count;
    const char *const *values;
};

/* CLOSED to RESOLVING. */
void pawl_postgres_conn_open(struct pawl_postgres_conn *conn);
/* At once and silently. */
void pawl_postgres_conn_close(struct pawl_postgres_conn *conn);
/* Before it is dialled again after a time limit: begins with the next place. */
void pawl_postgres_conn_rotate(struct pawl_postgres_conn *conn);

/* OPEN only. false: it did not go out; the connection should be closed. */
bool pawl_postgres_conn_send(struct pawl_postgres_conn *conn,
                             const struct pawl_postgres_command *command);
bool pawl_postgres_conn_prepare(struct pawl_postgres_conn *conn, const char *name,
                                const char *text);
bool pawl_postgres_conn_sync(struct pawl_postgres_conn *conn);

/* In a forked child: closes the descriptor, which is the parent's, unless its number is another's
 * by now; and nothing else. */
void pawl_postgres_conn_forked(struct pawl_postgres_conn *conn);

#endif

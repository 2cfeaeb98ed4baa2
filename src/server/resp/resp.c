/* SPDX-License-Identifier: Apache-2.0 */
#include "server/resp/resp.h"

#include "server/resp/command.h"
#include "wire/pg.h"

enum { INPUT_BYTES_MAX = 64 * 1024 };

_Static_assert((int)INPUT_BYTES_MAX >= (int)PAWL_RESP_REQUEST_BYTES_MAX,
               "a full input must hold a whole request");
_Static_assert((int)CALL_GLOB_BYTES_MAX >= (int)PAWL_RESP_WORD_BYTES_MAX,
               "a call must hold any pattern");

/*
 * Behind a request that waits only leases are begun, and only behind others that take ids.
 * A lease with something wrong waits, to be told so in turn.
 */
static bool may_begin(const struct conn *conn, const struct pawl_resp_request *request)
{
    if (conn->pending_first == NULL) return true;
    if (conn->pending_count >= CONN_PENDING_MAX) return false;
    return conn->pending_takes && command_is_lease(conn, request);
}

/* In the words that libpq shows. */
static void wrong_port(struct conn *conn)
{
    static const char text[] =
        "SFATAL\0VFATAL\0C08P01\0Mthis port of pawld speaks RESP, for libpawl and Redis clients: "
        "PostgreSQL's clients need one of --listen postgres://\0";
    char *to = conn_room(conn, PAWL_PG_HEAD_BYTES + sizeof text);

    conn->closing = true;
    if (to == NULL) return;
    (void)pawl_pg_put_bytes(pawl_pg_put_head(to, 'E', sizeof text),
                            (struct pawl_bytes){text, sizeof text});
    conn->output.size += PAWL_PG_HEAD_BYTES + sizeof text;
}

static size_t begin(struct conn *conn, struct pawl_bytes rest)
{
    struct pawl_resp_request request;

    /* No Redis client begins so: it is the length of PostgreSQL's first packet. Said in turn. */
    if (rest.at[0] == '\0') {
        if (conn->pending_first == NULL) wrong_port(conn);
        return 0;
    }
    ptrdiff_t used = pawl_resp_parse(rest, &request);

    if (used < 0 && conn->pending_first == NULL) { /* else in turn */
        say_error(conn, "%s", request.error);
        conn->closing = true;
    }
    if (used <= 0) return 0;
    if (request.word_count > 0) {
        if (!may_begin(conn, &request)) return 0;
        command_run(conn, &request);
    }
    return (size_t)used;
}

static void took(struct conn *conn, pawl_ids ids)
{
    say_integer(conn, pawl_id_at(ids.first, ids.increment, ids.count - 1));
}

static void failed(struct conn *conn, struct pawl_bytes name, const pawl_error *error)
{
    if (error->code == PAWL_NO_SEQUENCE) {
        say_no_sequence(conn, name, error);
    } else {
        say_failure(conn, error);
    }
}

const struct conn_wire resp_wire = {
    .scheme = "resp",
    .full = {"-ERR max number of clients reached\r\n", 36},
    .input_bytes_max = INPUT_BYTES_MAX,
    .begin = begin,
    .took = took,
    .failed = failed,
};

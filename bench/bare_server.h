/* SPDX-License-Identifier: Apache-2.0 */
/* A libuv server that parses nothing: what pawld is held against. */
#ifndef PAWL_BENCH_BARE_SERVER_H
#define PAWL_BENCH_BARE_SERVER_H

#include <stdbool.h>
#include <uv.h>

struct bare_peer {
    uv_tcp_t tcp;
    size_t rest; /* the server's: bytes of a request not yet whole */
};

/* Answers what peer sent, which is in buf; false: it is hung up. */
typedef bool bare_answer(struct bare_peer *peer, const uv_buf_t *buf, size_t got);

/* Serves 127.0.0.1:port, one thread. spin: it never sleeps. Returns the exit status: 1, it cannot
 * listen. */
int bare_serve(const char *name, const char *port, bare_answer *answer, bool spin);

#endif

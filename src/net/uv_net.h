/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The net of programs: links over libuv. Names are resolved by the system, every address is tried
 * in turn within one time limit. What a link sends goes out at once where the socket takes it; the
 * rest waits, up to a limit, beyond which the connection ends: a peer that does not read.
 */
#ifndef PAWL_UV_NET_H
#define PAWL_UV_NET_H

#include <stdatomic.h>
#include <string.h>
#include <uv.h>

#include "base/descriptor.h"
#include "net/link.h"

enum {
    PAWL_UV_NET_CONNECT_MS = 3000,       /* for resolving and all addresses together */
    PAWL_UV_NET_KEEPALIVE_S = 30,        /* of silence, before the system probes */
    PAWL_UV_NET_ADDRESSES_MAX = 8,       /* tried of one host */
    PAWL_UV_NET_INPUT_BYTES = 64 * 1024, /* handed to `received` at once, at most */
    PAWL_UV_NET_FORK_SOCKETS_MAX = 64,   /* that a forked child can close */
    PAWL_UV_NET_UNSENT_BYTES_MAX = 16 * 1024 * 1024,
};

/* For writing: libuv's buffers are not const, since it reads into them as well. */
static inline uv_buf_t pawl_uv_buf(struct pawl_bytes bytes)
{
    uv_buf_t buf = {.len = bytes.size};

    memcpy(&buf.base, &bytes.at, sizeof buf.base);
    return buf;
}

/* An open link's socket. A fork may come at any moment: `what` is written before `used`. */
struct pawl_uv_net_socket {
    _Atomic bool used;
    struct pawl_descriptor what;
};

/* Lives inside whoever owns the loop. send is for links that have opened. */
struct pawl_uv_net {
    struct pawl_net net;
    uv_loop_t *loop;
    uint64_t connect_ms;
    size_t alive; /* connections whose memory the loop still holds */
    struct pawl_uv_net_socket sockets[PAWL_UV_NET_FORK_SOCKETS_MAX];
};

/*
 * Threads: the loop's only.
 * Memory:  net and loop must stay until every link is closed and alive is 0: the loop has to run
 *          for that, and a name that is being resolved is not given up before the system answers.
 */
void pawl_uv_net_init(struct pawl_uv_net *net, uv_loop_t *loop);

/* In a forked child: closes the descriptors of open links, which are the parent's. What the child
 * has opened under their numbers since then is its own. The loop may
 * have been in the middle of anything and is not touched; neither may it be used again. */
void pawl_uv_net_forked(struct pawl_uv_net *net);

#endif

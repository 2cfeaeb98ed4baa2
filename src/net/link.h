/* SPDX-License-Identifier: Apache-2.0 */
/* A byte stream to a peer that we dial. libuv carries it in programs, a virtual net in simulation.
 */
#ifndef PAWL_LINK_H
#define PAWL_LINK_H

#include "base/base.h"

struct pawl_link;

/* Called on the loop's thread. After closed, nothing more comes and the link may be dialled again.
 */
struct pawl_link_events {
    void (*opened)(struct pawl_link *link);
    void (*received)(struct pawl_link *link, struct pawl_bytes bytes);
    void (*closed)(struct pawl_link *link, const char *reason);
};

struct pawl_net;

/* Lives inside whoever dials. */
struct pawl_link {
    struct pawl_net *net;
    const struct pawl_link_events *events;
    void *io;  /* the net's, NULL while there is no connection */
    bool bare; /* of a net with TLS: TCP stands, or stood, and nothing has shown that the peer
                  speaks TLS; until it is dialled again */
};

/*
 * dial   begins to connect; ends in opened or closed, later, never inside
 * send   queues all of bytes; nothing is resent by itself
 * close  gives the connection up, at once and silently: closed is not called
 */
struct pawl_net_ops {
    void (*dial)(struct pawl_link *link, const char *host, uint16_t port);
    void (*send)(struct pawl_link *link, struct pawl_bytes bytes);
    void (*close)(struct pawl_link *link);
};

struct pawl_net {
    const struct pawl_net_ops *ops;
};

#endif

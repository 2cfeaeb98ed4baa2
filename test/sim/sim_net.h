/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The network of a run: streams between those who dial and the servers. Bytes arrive in order on
 * one stream, in pieces; streams overtake each other. Connections break at any byte; peers cease
 * to reach each other in one direction or both, and then bytes wait.
 */
#ifndef PAWL_SIM_NET_H
#define PAWL_SIM_NET_H

#include "net/link.h"
#include "sim_node.h"

/* One who dials. */
struct sim_net {
    struct pawl_net net;
    struct sim *sim;
    int from; /* a node, or -1: somebody who is none */
};

struct sim_stream;

/* The server's end, inside whoever accepts. */
struct sim_end {
    struct sim_stream *stream; /* NULL: it is closed */
    void (*received)(struct sim_end *end, struct pawl_bytes bytes);
    void (*closed)(struct sim_end *end);
};

void sim_net_init(struct sim_net *net, struct sim *sim, int from);
/* The life of the server that a link is connected to; 0: it is not. */
uint64_t sim_link_server_life(const struct pawl_link *link);
void sim_end_send(struct sim_end *end, struct pawl_bytes bytes);
void sim_end_close(struct sim_end *end); /* what was sent still arrives */

/* What befalls it. */
void sim_net_cut(struct sim *sim);        /* one stream, at any byte */
void sim_net_part(struct sim *sim);       /* two who no longer reach each other */
void sim_net_heal(struct sim *sim);       /* all partitions are over */
void sim_net_died(struct sim_node *node); /* all its streams break */
void sim_net_left(struct sim_net *net);   /* likewise of one who dials */

/* sim_server.c: accepts, or not. */
struct sim_end *sim_server_accept(struct sim_node *node);

#endif

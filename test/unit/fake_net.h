/* SPDX-License-Identifier: Apache-2.0 */
/* A net that a test plays by hand: it opens, answers and hangs up when told to. */
#ifndef FAKE_NET_H
#define FAKE_NET_H

#include "net/link.h"

enum { FAKE_LINKS_MAX = 8, FAKE_SENT_MAX = 64 * 1024 };

enum fake_state { FAKE_APART, FAKE_DIALLING, FAKE_OPEN };

struct fake_link {
    struct pawl_link *link; /* NULL: free */
    enum fake_state state;
    uint32_t dials;
    char host[64];
    uint16_t port;
    char sent[FAKE_SENT_MAX]; /* on the present connection, not yet looked at */
    size_t sent_size;
};

struct fake_net {
    struct pawl_net net;
    struct fake_link links[FAKE_LINKS_MAX];
};

void fake_net_init(struct fake_net *net);
/* The link that was dialled to that port; NULL: none was. */
struct fake_link *fake_link_to(struct fake_net *net, uint16_t port);
void fake_open(struct fake_link *fake);
void fake_reply(struct fake_link *fake, const char *bytes);
void fake_hang_up(struct fake_link *fake);
/* What was sent since the last look, as words with a space between and " | " between requests. */
const char *fake_sent(struct fake_link *fake, char *to, size_t size);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
#include "fake_net.h"

#include <stdio.h>
#include <string.h>

#include "wire/resp.h"

static struct fake_link *find(struct pawl_link *link)
{
    struct fake_net *net = PAWL_OWNER(link->net, struct fake_net, net);

    for (size_t i = 0; i < FAKE_LINKS_MAX; i++) {
        struct fake_link *fake = &net->links[i];

        if (fake->link == NULL) fake->link = link;
        if (fake->link == link) return fake;
    }
    PAWL_ASSERT(false);
    return NULL;
}

static void dial(struct pawl_link *link, const char *host, uint16_t port)
{
    struct fake_link *fake = find(link);

    PAWL_ASSERT(fake->state == FAKE_APART);
    fake->state = FAKE_DIALLING;
    fake->dials++;
    fake->port = port;
    fake->sent_size = 0;
    (void)snprintf(fake->host, sizeof fake->host, "%s", host);
}

static void send_bytes(struct pawl_link *link, struct pawl_bytes bytes)
{
    struct fake_link *fake = find(link);

    PAWL_ASSERT(fake->state == FAKE_OPEN);
    PAWL_ASSERT(fake->sent_size + bytes.size <= FAKE_SENT_MAX);
    memcpy(fake->sent + fake->sent_size, bytes.at, bytes.size);
    fake->sent_size += bytes.size;
}

static void close_link(struct pawl_link *link)
{
    find(link)->state = FAKE_APART;
}

void fake_net_init(struct fake_net *net)
{
    static const struct pawl_net_ops ops = {.dial = dial, .send = send_bytes, .close = close_link};

    *net = (struct fake_net){.net.ops = &ops};
}

struct fake_link *fake_link_to(struct fake_net *net, uint16_t port)
{
    for (size_t i = 0; i < FAKE_LINKS_MAX; i++) {
        if (net->links[i].link != NULL && net->links[i].port == port) return &net->links[i];
    }
    return NULL;
}

void fake_open(struct fake_link *fake)
{
    PAWL_ASSERT(fake->state == FAKE_DIALLING);
    fake->state = FAKE_OPEN;
    fake->link->events->opened(fake->link);
}

void fake_reply(struct fake_link *fake, const char *bytes)
{
    PAWL_ASSERT(fake->state == FAKE_OPEN);
    fake->link->events->received(fake->link, (struct pawl_bytes){bytes, strlen(bytes)});
}

void fake_hang_up(struct fake_link *fake)
{
    PAWL_ASSERT(fake->state != FAKE_APART);
    fake->state = FAKE_APART;
    fake->link->events->closed(fake->link, "the server hung up");
}

const char *fake_sent(struct fake_link *fake, char *to, size_t size)
{
    static struct pawl_resp_request request;
    struct pawl_bytes rest = {fake->sent, fake->sent_size};
    size_t at = 0;

    to[0] = '\0';
    while (rest.size > 0) {
        ptrdiff_t took = pawl_resp_parse(rest, &request);

        PAWL_ASSERT(took > 0);
        for (uint32_t i = 0; i < request.word_count; i++) {
            const char *between = i > 0 ? " " : at > 0 ? " | " : "";
            at += (size_t)snprintf(to + at, size - at, "%s%.*s", between,
                                   (int)request.words[i].size, request.words[i].at);
        }
        rest = (struct pawl_bytes){rest.at + took, rest.size - (size_t)took};
    }
    fake->sent_size = 0;
    return to;
}

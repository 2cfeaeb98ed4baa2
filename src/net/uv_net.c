/* SPDX-License-Identifier: Apache-2.0 */
#include "net/uv_net.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { REASON_BYTES_MAX = 384, HOST_BYTES_MAX = 255 };

/* One connection, from dial to the end of its last handle. */
struct io {
    struct pawl_uv_net *net;
    struct pawl_link *link; /* NULL: given up, only its memory is left */
    uv_getaddrinfo_t resolve;
    uv_connect_t connect;
    uv_timer_t timer; /* while connecting: the limit; later: to fail from outside a call */
    uv_tcp_t tcp;
    bool resolving;
    bool tcp_used; /* tcp is initialised, and not yet closed */
    bool timer_closed;
    bool open;
    uint64_t end_ms;
    size_t address_count, address_next;
    struct pawl_uv_net_socket *socket; /* in net->sockets, once open; NULL: none */
    uint16_t port;
    char host[HOST_BYTES_MAX + 1];
    char reason[REASON_BYTES_MAX]; /* why it failed; of addresses, the last one's */
    struct sockaddr_storage addresses[PAWL_UV_NET_ADDRESSES_MAX];
    char input[PAWL_UV_NET_INPUT_BYTES];
};

/* What the socket did not take at once. */
struct unsent {
    uv_write_t write;
    char bytes[];
};

static void try_address(struct io *io);

static void free_if_over(struct io *io)
{
    if (io->link != NULL || io->resolving || io->tcp_used || !io->timer_closed) return;
    io->net->alive--;
    free(io);
}

static void timer_closed(uv_handle_t *handle)
{
    struct io *io = handle->data;

    io->timer_closed = true;
    free_if_over(io);
}

static void tcp_closed(uv_handle_t *handle)
{
    struct io *io = handle->data;

    io->tcp_used = false;
    if (io->link != NULL) {
        try_address(io);
    } else {
        free_if_over(io);
    }
}

/* What a forked child has to close. Beyond the limit a descriptor is left open there. */
static void note_socket(struct io *io)
{
    int fd = -1;

    if (uv_fileno((uv_handle_t *)&io->tcp, &fd) != 0) return;
    for (size_t i = 0; i < PAWL_COUNT(io->net->sockets); i++) {
        struct pawl_uv_net_socket *socket = &io->net->sockets[i];

        if (atomic_load(&socket->used)) continue;
        socket->what = pawl_descriptor_of(fd);
        atomic_store(&socket->used, true);
        io->socket = socket;
        return;
    }
}

/* The link is free from here on; the io lives until libuv has let go of it. */
static void give_up(struct io *io)
{
    io->link->io = NULL;
    io->link = NULL;
    if (io->socket != NULL) atomic_store(&io->socket->used, false);
    if (io->resolving) (void)uv_cancel((uv_req_t *)&io->resolve);
    if (io->tcp_used && !uv_is_closing((uv_handle_t *)&io->tcp)) {
        uv_close((uv_handle_t *)&io->tcp, tcp_closed);
    }
    uv_close((uv_handle_t *)&io->timer, timer_closed);
}

static void failed(struct io *io)
{
    struct pawl_link *link = io->link;
    char reason[REASON_BYTES_MAX];

    memcpy(reason, io->reason, sizeof reason);
    give_up(io);
    link->events->closed(link, reason);
}

static void fail_due(uv_timer_t *timer)
{
    failed(timer->data);
}

/* For failures noticed inside a call of the link's owner, who must not be called back from it. */
static void fail_soon(struct io *io, const char *what, int status)
{
    (void)snprintf(io->reason, sizeof io->reason, "%s%s%s", what, status == 0 ? "" : ": ",
                   status == 0 ? "" : uv_strerror(status));
    (void)uv_timer_start(&io->timer, fail_due, 0, 0);
}

static void input_wanted(uv_handle_t *handle, size_t suggested, uv_buf_t *buf)
{
    struct io *io = handle->data;

    (void)suggested;
    *buf = uv_buf_init(io->input, sizeof io->input);
}

static void input_came(uv_stream_t *stream, ssize_t got, const uv_buf_t *buf)
{
    struct io *io = stream->data;

    if (io->link == NULL) return;
    if (got > 0) {
        io->link->events->received(io->link, (struct pawl_bytes){buf->base, (size_t)got});
    } else if (got < 0) {
        (void)snprintf(io->reason, sizeof io->reason, "%s",
                       got == UV_EOF ? "closed by the peer" : uv_strerror((int)got));
        failed(io);
    }
}

static void address_connected(uv_connect_t *connect, int status)
{
    struct io *io = connect->data;

    if (io->link == NULL || uv_is_closing((uv_handle_t *)&io->tcp)) return;
    if (status == 0) status = uv_read_start((uv_stream_t *)&io->tcp, input_wanted, input_came);
    if (status != 0) {
        (void)snprintf(io->reason, sizeof io->reason, "cannot connect: %s", uv_strerror(status));
        uv_close((uv_handle_t *)&io->tcp, tcp_closed);
        return;
    }
    (void)uv_timer_stop(&io->timer);
    (void)uv_tcp_nodelay(&io->tcp, 1);
    (void)uv_tcp_keepalive(&io->tcp, 1, PAWL_UV_NET_KEEPALIVE_S);
    io->open = true;
    note_socket(io);
    io->link->events->opened(io->link);
}

/* This address has had its share of the time: on to the next. */
static void address_slow(uv_timer_t *timer)
{
    struct io *io = timer->data;

    (void)snprintf(io->reason, sizeof io->reason, "cannot connect: no answer");
    if (!uv_is_closing((uv_handle_t *)&io->tcp)) uv_close((uv_handle_t *)&io->tcp, tcp_closed);
}

static void try_address(struct io *io)
{
    if (io->address_next == io->address_count) {
        failed(io);
        return;
    }

    uint64_t now_ms = uv_now(io->net->loop);
    uint64_t left_ms = io->end_ms > now_ms ? io->end_ms - now_ms : 1;
    struct sockaddr_storage *address = &io->addresses[io->address_next];

    (void)uv_timer_start(&io->timer, address_slow,
                         1 + left_ms / (io->address_count - io->address_next), 0);
    io->address_next++;
    (void)uv_tcp_init(io->net->loop, &io->tcp);
    io->tcp_used = true;
    int status =
        uv_tcp_connect(&io->connect, &io->tcp, (struct sockaddr *)address, address_connected);
    if (status != 0) {
        (void)snprintf(io->reason, sizeof io->reason, "cannot connect: %s", uv_strerror(status));
        uv_close((uv_handle_t *)&io->tcp, tcp_closed);
    }
}

static void host_resolved(uv_getaddrinfo_t *resolve, int status, struct addrinfo *found)
{
    struct io *io = resolve->data;

    io->resolving = false;
    if (io->link == NULL) {
        free_if_over(io);
    } else {
        for (struct addrinfo *at = found;
             at != NULL && io->address_count < PAWL_UV_NET_ADDRESSES_MAX; at = at->ai_next) {
            memcpy(&io->addresses[io->address_count++], at->ai_addr, at->ai_addrlen);
        }
        (void)snprintf(io->reason, sizeof io->reason, "cannot resolve its name: %s",
                       status == 0 ? "it has no address" : uv_strerror(status));
        try_address(io);
    }
    uv_freeaddrinfo(found);
}

static void resolve_slow(uv_timer_t *timer)
{
    struct io *io = timer->data;

    (void)snprintf(io->reason, sizeof io->reason, "cannot resolve its name: no answer");
    failed(io);
}

static void resolve(struct io *io)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_protocol = IPPROTO_TCP};
    char port[8];

    (void)snprintf(port, sizeof port, "%u", io->port);
    (void)uv_timer_start(&io->timer, resolve_slow, io->net->connect_ms, 0);
    int status = uv_getaddrinfo(io->net->loop, &io->resolve, host_resolved, io->host, port, &hints);
    if (status != 0) {
        fail_soon(io, "cannot resolve its name", status);
    } else {
        io->resolving = true;
    }
}

static void net_dial(struct pawl_link *link, const char *host, uint16_t port)
{
    struct pawl_uv_net *net = PAWL_OWNER(link->net, struct pawl_uv_net, net);
    struct io *io = calloc(1, sizeof *io);

    PAWL_ASSERT(link->io == NULL);
    PAWL_ASSERT(io != NULL); /* a connection's memory is small beside what it serves */
    PAWL_ASSERT(strlen(host) <= HOST_BYTES_MAX);
    link->io = io;
    net->alive++;
    io->net = net;
    io->link = link;
    io->port = port;
    io->resolve.data = io->connect.data = io->timer.data = io->tcp.data = io;
    memcpy(io->host, host, strlen(host) + 1);
    (void)pawl_descriptor_fill_standard(); /* the application may have closed them meanwhile */
    (void)uv_timer_init(net->loop, &io->timer);
    uv_update_time(net->loop);
    io->end_ms = uv_now(net->loop) + net->connect_ms;
    if (uv_ip4_addr(host, port, (struct sockaddr_in *)&io->addresses[0]) == 0 ||
        uv_ip6_addr(host, port, (struct sockaddr_in6 *)&io->addresses[0]) == 0) {
        io->address_count = 1;
        try_address(io);
    } else {
        resolve(io);
    }
}

static void unsent_sent(uv_write_t *write, int status)
{
    (void)status; /* a failed write shows as a failed read as well */
    free(PAWL_OWNER(write, struct unsent, write));
}

static void queue_unsent(struct io *io, struct pawl_bytes bytes)
{
    uv_stream_t *stream = (uv_stream_t *)&io->tcp;

    if (uv_stream_get_write_queue_size(stream) + bytes.size > PAWL_UV_NET_UNSENT_BYTES_MAX) {
        fail_soon(io, "the peer does not read what it is sent", 0);
        return;
    }
    struct unsent *unsent = malloc(sizeof *unsent + bytes.size);
    if (unsent == NULL) {
        fail_soon(io, "no memory to send", 0);
        return;
    }
    memcpy(unsent->bytes, bytes.at, bytes.size);
    uv_buf_t buf = uv_buf_init(unsent->bytes, (unsigned)bytes.size);
    int status = uv_write(&unsent->write, stream, &buf, 1, unsent_sent);
    if (status != 0) {
        free(unsent);
        fail_soon(io, "cannot send", status);
    }
}

static void net_send(struct pawl_link *link, struct pawl_bytes bytes)
{
    struct io *io = link->io;

    PAWL_ASSERT(io != NULL && io->open);
    if (bytes.size == 0 || uv_is_active((uv_handle_t *)&io->timer)) return; /* failing already */
    uv_buf_t buf = pawl_uv_buf(bytes);
    int sent = uv_try_write((uv_stream_t *)&io->tcp, &buf, 1);

    if (sent < 0 && sent != UV_EAGAIN) {
        fail_soon(io, "cannot send", sent);
        return;
    }
    if (sent < 0) sent = 0;
    if ((size_t)sent == bytes.size) return;
    queue_unsent(io, (struct pawl_bytes){bytes.at + sent, bytes.size - (size_t)sent});
}

static void net_close(struct pawl_link *link)
{
    if (link->io != NULL) give_up(link->io);
}

static const struct pawl_net_ops uv_net_ops = {
    .dial = net_dial,
    .send = net_send,
    .close = net_close,
};

void pawl_uv_net_init(struct pawl_uv_net *net, uv_loop_t *loop)
{
    *net = (struct pawl_uv_net){
        .net = {&uv_net_ops}, .loop = loop, .connect_ms = PAWL_UV_NET_CONNECT_MS};
}

void pawl_uv_net_forked(struct pawl_uv_net *net)
{
    for (size_t i = 0; i < PAWL_COUNT(net->sockets); i++) {
        if (!atomic_exchange(&net->sockets[i].used, false)) continue;
        pawl_descriptor_close(net->sockets[i].what);
    }
}

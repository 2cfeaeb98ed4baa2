/* SPDX-License-Identifier: Apache-2.0 */
#include "server/listener.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "server/address.h"
#include "server/conn.h"

enum {
    BACKLOG = 511,   /* as Redis; the system may allow less */
    ACCEPT_MAX = 64, /* at once, before others have their turn */
    PAUSE_MS = 100,  /* after it could not accept */
    CROWD_MAX = 64,  /* clients too many that are served their error at a time */
};

static bool is_loopback(const struct sockaddr *address)
{
    if (address->sa_family == AF_INET) {
        const struct sockaddr_in *v4 = (const void *)address;

        return ntohl(v4->sin_addr.s_addr) >> 24 == 127;
    }
    const struct sockaddr_in6 *v6 = (const void *)address;
    return IN6_IS_ADDR_LOOPBACK(&v6->sin6_addr) ||
           (IN6_IS_ADDR_V4MAPPED(&v6->sin6_addr) && v6->sin6_addr.s6_addr[12] == 127);
}

static void set_port(struct sockaddr_storage *address, uint16_t port)
{
    if (address->ss_family == AF_INET) {
        ((struct sockaddr_in *)address)->sin_port = htons(port);
    } else {
        ((struct sockaddr_in6 *)address)->sin6_port = htons(port);
    }
}

static void show(struct listen_address *address)
{
    char at[ADDRESS_SHOW_BYTES_MAX];

    address_show(&address->at, at, sizeof at);
    (void)snprintf(address->shown, sizeof address->shown, "%s://%s", address->wire->scheme, at);
}

/* Adds every address that one --listen names. */
static pawl_err resolve_one(const struct config_listen *listen, size_t entry,
                            struct listen_addresses *addresses, pawl_error *error)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE};
    struct addrinfo *found = NULL;
    int status = getaddrinfo(listen->host, NULL, &hints, &found);

    if (status != 0) {
        return pawl_fail(error, PAWL_BAD_REQUEST, "--listen: cannot resolve %s: %s", listen->host,
                         gai_strerror(status));
    }
    for (const struct addrinfo *at = found; at != NULL; at = at->ai_next) {
        if (at->ai_family != AF_INET && at->ai_family != AF_INET6) continue;
        if (addresses->count == LISTEN_SOCKETS_MAX) {
            freeaddrinfo(found);
            return pawl_fail(error, PAWL_BAD_REQUEST, "--listen: these are more than %d addresses",
                             LISTEN_SOCKETS_MAX);
        }
        struct listen_address *address = &addresses->all[addresses->count++];

        address->wire = listen->wire;
        memcpy(&address->at, at->ai_addr, at->ai_addrlen);
        address->size = at->ai_addrlen;
        address->loopback = is_loopback(at->ai_addr);
        address->entry = entry;
        set_port(&address->at, listen->port);
        show(address);
    }
    freeaddrinfo(found);
    return PAWL_OK;
}

pawl_err listen_resolve(const struct config *config, struct listen_addresses *addresses,
                        pawl_error *error)
{
    addresses->count = 0;
    for (size_t i = 0; i < config->listen.count; i++) {
        struct pawl_bytes text = {config->listen.parts[i], config->listen.sizes[i]};
        struct config_listen listen;
        pawl_err err = config_listen_read(text, &listen, error);

        if (err == PAWL_OK) err = resolve_one(&listen, i, addresses, error);
        if (err != PAWL_OK) return err;
    }
    bool guarded = config->users[0] != '\0';

    for (size_t i = 0; i < addresses->count && !config->open && !guarded; i++) {
        if (addresses->all[i].loopback) continue;
        return pawl_fail(error, PAWL_BAD_REQUEST,
                         "--listen: %s is not a loopback address, and there are no users: "
                         "everybody who can connect there may do everything. Name users by "
                         "--users, say --open if that is meant, or listen on 127.0.0.1",
                         addresses->all[i].shown);
    }
    return PAWL_OK;
}

/* The system's reasons, with what to do about the two that people meet. */
static pawl_err cannot_listen(const struct listen_address *address, int reason, pawl_error *error)
{
    const char *advice = "";

    if (reason == EADDRINUSE) {
        advice = ": another process listens there (ss -ltnp names it); stop that one, or choose "
                 "another port with --listen";
    } else if (reason == EACCES) {
        advice = ": ports below 1024 need root; choose another port with --listen";
    } else if (reason == EADDRNOTAVAIL) {
        advice = ": this machine does not have that address; choose another with --listen";
    }
    return pawl_fail(error, PAWL_BUSY, "cannot listen on %s: %s%s", address->shown,
                     uv_strerror(uv_translate_sys_error(reason)), advice);
}

/* A listening socket, or -1 with errno set. */
static int listen_on(struct listen_address *address)
{
    const int on = 1;
    socklen_t size = address->size;
    int listening = socket(address->at.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    if (listening < 0) return -1;
    (void)setsockopt(listening, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (address->at.ss_family == AF_INET6) {
        (void)setsockopt(listening, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on);
    }
    if (bind(listening, (const struct sockaddr *)&address->at, address->size) == 0 &&
        listen(listening, BACKLOG) == 0 &&
        getsockname(listening, (struct sockaddr *)&address->at, &size) == 0) {
        show(address);
        return listening;
    }
    int reason = errno;
    (void)close(listening);
    errno = reason;
    return -1;
}

pawl_err listeners_open(struct listeners *listeners, struct listen_addresses *addresses,
                        pawl_error *error)
{
    listeners->count = 0;
    for (size_t i = 0; i < addresses->count; i++) {
        struct listen_address *address = &addresses->all[i];
        const struct listen_address *before = i > 0 ? address - 1 : NULL;

        if (address_port(&address->at) == 0 && before != NULL && before->entry == address->entry) {
            set_port(&address->at, address_port(&before->at));
        }
        int listening = listen_on(address);
        if (listening < 0) {
            int reason = errno;

            listeners_abandon(listeners);
            return cannot_listen(address, reason, error);
        }
        listeners->all[listeners->count++] =
            (struct listener){.socket = listening, .wire = address->wire};
    }
    return PAWL_OK;
}

static void say_full(struct listeners *listeners, bool full)
{
    if (full && !listeners->full) {
        pawl_log(PAWL_LOG_WARN, "clients refused", "max-clients=%llu",
                 (unsigned long long)listeners->max_clients);
    }
    listeners->full = full;
}

static void serve(struct listeners *listeners, int client, const struct conn_wire *wire,
                  _Atomic uint64_t *count)
{
    (void)atomic_fetch_add(count, 1);
    io_serve(listeners->ios[listeners->io_next], client, wire, count);
    listeners->io_next = (listeners->io_next + 1) % listeners->io_count;
}

static void take_in(struct listener *listener, int client)
{
    struct listeners *listeners = listener->listeners;
    struct pawl_bytes full = listener->wire->full;

    if (atomic_load(listeners->clients) < listeners->max_clients) {
        say_full(listeners, false);
        serve(listeners, client, listener->wire, listeners->clients);
        return;
    }
    say_full(listeners, true);
    (void)atomic_fetch_add(listeners->refused, 1);
    if (listener->wire->crowded != NULL && atomic_load(&listeners->crowd) < CROWD_MAX) {
        serve(listeners, client, listener->wire->crowded, &listeners->crowd);
        return;
    }
    (void)send(client, full.at, full.size, MSG_NOSIGNAL | MSG_DONTWAIT);
    (void)close(client);
}

/* Takes in what has connected, ACCEPT_MAX at most. false: the system refuses. */
static bool accept_some(struct listener *listener)
{
    for (int i = 0; i < ACCEPT_MAX; i++) {
        int client = accept4(listener->socket, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

        if (client >= 0) {
            take_in(listener, client);
            continue;
        }
        if (errno == EINTR || errno == ECONNABORTED) continue;
        if (errno == EAGAIN) return true;
        pawl_log(PAWL_LOG_ERROR, "cannot accept", "err=\"%s\"",
                 uv_strerror(uv_translate_sys_error(errno)));
        return false;
    }
    return true;
}

static void clients_came(uv_poll_t *poll, int status, int events);

static void pause_over(uv_timer_t *timer)
{
    struct listener *listener = PAWL_OWNER(timer, struct listener, pause);

    (void)uv_poll_start(&listener->poll, UV_READABLE, clients_came);
}

static void clients_came(uv_poll_t *poll, int status, int events)
{
    struct listener *listener = PAWL_OWNER(poll, struct listener, poll);

    (void)status;
    (void)events;
    if (accept_some(listener)) return;
    (void)uv_poll_stop(poll); /* or it would try again all the time */
    (void)uv_timer_start(&listener->pause, pause_over, PAUSE_MS, 0);
}

static int start_one(struct listener *listener, uv_loop_t *loop)
{
    int status = uv_poll_init(loop, &listener->poll, listener->socket);

    if (status != 0) return status;
    (void)uv_timer_init(loop, &listener->pause);
    listener->started = true;
    return uv_poll_start(&listener->poll, UV_READABLE, clients_came);
}

pawl_err listeners_start(struct listeners *listeners, uv_loop_t *loop, pawl_error *error)
{
    for (size_t i = 0; i < listeners->count; i++) {
        struct listener *listener = &listeners->all[i];

        listener->listeners = listeners;
        int status = start_one(listener, loop);
        if (status == 0) continue;
        listeners_abandon(listeners);
        return pawl_fail(error, PAWL_BUSY, "cannot wait for connections: %s", uv_strerror(status));
    }
    return PAWL_OK;
}

/* Who waits in the system's queue was promised to be served. */
void listeners_close(struct listeners *listeners)
{
    for (size_t i = 0; i < listeners->count; i++) {
        (void)accept_some(&listeners->all[i]);
    }
    listeners_abandon(listeners);
}

void listeners_abandon(struct listeners *listeners)
{
    for (size_t i = 0; i < listeners->count; i++) {
        struct listener *listener = &listeners->all[i];

        if (listener->started) {
            uv_close((uv_handle_t *)&listener->poll, NULL);
            uv_close((uv_handle_t *)&listener->pause, NULL);
        }
        (void)close(listener->socket);
    }
    listeners->count = 0;
}

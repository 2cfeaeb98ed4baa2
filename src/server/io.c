/* SPDX-License-Identifier: Apache-2.0 */
#include "server/io.h"

#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "server/address.h"
#include "server/conn.h"
#include "server/ferry.h"
#include "server/users.h"

enum {
    KEEPALIVE_S = 60,   /* of silence, before the system probes a client */
    WRITES_AT_ONCE = 4, /* of a long answer, before others have their turn */
    DRAIN_TICK_MS = 20, /* between looks at who has nothing left to be answered */
};

struct peer {
    struct conn conn;
    struct io *io;
    uv_tcp_t tcp;
    uv_write_t write;
    bool writing;
    bool reading;
    _Atomic uint64_t *count;      /* of its kind, itself included */
    struct peer *next, *previous; /* among its io's */
};

struct io {
    uv_loop_t loop;
    struct pawl_mailbox box;
    struct ferry ferry;
    struct desk *desk;
    uv_prepare_t prepare;
    uv_timer_t turn_timer;
    uint64_t turn_ns; /* what turn_timer is set to */
    uv_timer_t drain_timer;
    struct peer *peers;
    struct io *const *ios;
    const char *name;
    pthread_t thread;
    bool started; /* its owner's */
    bool draining, drained, leaving;
    uint64_t drain_limit_ns, drain_end_ns;
    uv_sem_t drained_sem;
    struct pawl_mail drain_mail, leave_mail;
};

/* A socket on its way to its thread. */
struct arrival {
    struct pawl_mail mail;
    struct io *io;
    int socket;
    const struct conn_wire *wire;
    _Atomic uint64_t *count;
};

/* A new reading of the users file, held until it is there. */
struct users_mail {
    struct pawl_mail mail;
    struct io *io;
    struct users *users;
};

static void peer_go_on(struct peer *peer);

static void peer_ended(uv_handle_t *handle)
{
    struct peer *peer = PAWL_OWNER(handle, struct peer, tcp);
    struct io *io = peer->io;

    conn_dispose(&peer->conn);
    if (peer->next != NULL) peer->next->previous = peer->previous;
    if (peer->previous != NULL) {
        peer->previous->next = peer->next;
    } else {
        io->peers = peer->next;
    }
    (void)atomic_fetch_sub(peer->count, 1);
    free(peer);
}

static void peer_hang_up(struct peer *peer, const char *reason)
{
    if (uv_is_closing((uv_handle_t *)&peer->tcp)) return;
    pawl_log(PAWL_LOG_DEBUG, "hung up", "client=%llu reason=\"%s\"",
             (unsigned long long)peer->conn.id, reason);
    conn_close(&peer->conn);
    uv_close((uv_handle_t *)&peer->tcp, peer_ended);
}

static void peer_written(uv_write_t *write, int status)
{
    struct peer *peer = PAWL_OWNER(write, struct peer, write);

    peer->writing = false;
    if (uv_is_closing((uv_handle_t *)&peer->tcp)) return;
    if (status != 0) {
        peer_hang_up(peer, uv_strerror(status));
        return;
    }
    conn_output_sent(&peer->conn, conn_output(&peer->conn).size, pawl_clock_ns());
    peer_go_on(peer);
}

/* Waits for the socket with what it does not take now. NULL, or why that cannot be. */
static const char *peer_write_later(struct peer *peer, struct pawl_bytes bytes)
{
    uv_buf_t buf = pawl_uv_buf(bytes);
    int status = uv_write(&peer->write, (uv_stream_t *)&peer->tcp, &buf, 1, peer_written);

    peer->writing = status == 0;
    return status == 0 ? NULL : uv_strerror(status);
}

/* The clock is read where it is looked at only: that takes as long as to read a request. */
static uint64_t sent_ns(const struct peer *peer)
{
    return peer->conn.paused ? pawl_clock_ns() : 0;
}

/* NULL, or why the connection must end. */
static const char *peer_write(struct peer *peer)
{
    struct pawl_bytes bytes;

    for (int i = 0; !peer->writing && (bytes = conn_output(&peer->conn)).size > 0; i++) {
        if (i == WRITES_AT_ONCE) return peer_write_later(peer, bytes);
        uv_buf_t buf = pawl_uv_buf(bytes);
        int sent = uv_try_write((uv_stream_t *)&peer->tcp, &buf, 1);

        if (sent == UV_EAGAIN) return peer_write_later(peer, bytes);
        if (sent < 0) return uv_strerror(sent);
        conn_output_sent(&peer->conn, (size_t)sent, sent_ns(peer));
    }
    return NULL;
}

static void room_wanted(uv_handle_t *handle, size_t suggested, uv_buf_t *buf)
{
    struct peer *peer = PAWL_OWNER(handle, struct peer, tcp);
    struct conn_space space = conn_input_space(&peer->conn);

    (void)suggested;
    *buf = (uv_buf_t){.base = space.at, .len = space.size};
}

static void input_came(uv_stream_t *stream, ssize_t got, const uv_buf_t *buf)
{
    struct peer *peer = PAWL_OWNER(stream, struct peer, tcp);

    (void)buf;
    if (got < 0) {
        peer_hang_up(peer, got == UV_EOF ? "by the client" : uv_strerror((int)got));
        return;
    }
    conn_input_added(&peer->conn, (size_t)got, pawl_clock_ns());
    peer_go_on(peer);
}

/* Does what the connection wants now, after anything that may have changed that. */
static void peer_go_on(struct peer *peer)
{
    const char *reason = peer_write(peer);

    if (reason == NULL && !peer->writing && conn_wants_close(&peer->conn)) reason = "by us";
    if (reason != NULL) {
        peer_hang_up(peer, reason);
        return;
    }
    bool wants = conn_wants_input(&peer->conn);
    if (wants == peer->reading) return;
    peer->reading = wants;
    if (wants) {
        int status = uv_read_start((uv_stream_t *)&peer->tcp, room_wanted, input_came);
        if (status != 0) peer_hang_up(peer, uv_strerror(status));
    } else {
        (void)uv_read_stop((uv_stream_t *)&peer->tcp);
    }
}

static void conn_changed(struct conn *conn, void *arg)
{
    struct peer *peer = PAWL_OWNER(conn, struct peer, conn);

    (void)arg;
    if (!uv_is_closing((uv_handle_t *)&peer->tcp)) peer_go_on(peer);
}

/* Where a client is, for the log. */
static void tell_address(struct conn *conn, char *to, size_t size, void *arg)
{
    const struct peer *peer = PAWL_OWNER(conn, struct peer, conn);
    struct sockaddr_storage at;
    int at_size = (int)sizeof at;

    (void)arg;
    to[0] = '\0';
    if (uv_tcp_getpeername(&peer->tcp, (struct sockaddr *)&at, &at_size) != 0) return;
    address_show(&at, to, size);
}

static void post_to(size_t desk, struct pawl_mail *mail, void *arg)
{
    io_post(PAWL_OWNER(arg, struct io, ferry)->ios[desk], mail);
}

static void refuse(const struct arrival *arrival)
{
    (void)close(arrival->socket);
    (void)atomic_fetch_sub(arrival->count, 1);
}

static void peer_begin(const struct arrival *arrival)
{
    struct io *io = arrival->io;
    struct peer *peer = calloc(1, sizeof *peer);

    if (peer == NULL || io->leaving || uv_tcp_init(&io->loop, &peer->tcp) != 0) {
        free(peer);
        refuse(arrival);
        return;
    }
    peer->io = io;
    peer->count = arrival->count;
    peer->next = io->peers;
    if (peer->next != NULL) peer->next->previous = peer;
    io->peers = peer;
    bool opened = conn_open(&peer->conn, io->desk, arrival->wire, pawl_clock_ns());
    int status = opened ? uv_tcp_open(&peer->tcp, arrival->socket) : UV_ENOMEM;
    if (status != 0) {
        (void)close(arrival->socket);
        peer_hang_up(peer, uv_strerror(status));
        return;
    }
    (void)uv_tcp_nodelay(&peer->tcp, 1);
    (void)uv_tcp_keepalive(&peer->tcp, 1, KEEPALIVE_S);
    peer_go_on(peer);
}

static void socket_arrived(struct pawl_mail *mail)
{
    struct arrival *arrival = PAWL_OWNER(mail, struct arrival, mail);

    peer_begin(arrival);
    free(arrival);
}

static void hang_up_all(struct io *io, bool busy_ones_too)
{
    for (struct peer *peer = io->peers; peer != NULL; peer = peer->next) {
        if (busy_ones_too) {
            peer_hang_up(peer, "pawld stops");
        } else if (!uv_is_closing((uv_handle_t *)&peer->tcp) && conn_quiet(&peer->conn)) {
            conn_stop(&peer->conn);
            peer_go_on(peer);
        }
    }
}

static void drain_ticked(uv_timer_t *timer)
{
    struct io *io = PAWL_OWNER(timer, struct io, drain_timer);

    hang_up_all(io, pawl_clock_ns() >= io->drain_end_ns);
}

static void drain_came(struct pawl_mail *mail)
{
    struct io *io = PAWL_OWNER(mail, struct io, drain_mail);

    io->draining = true;
    io->drain_end_ns = pawl_clock_ns() + io->drain_limit_ns;
    /* Not at once: what has reached the sockets is read first. */
    (void)uv_timer_start(&io->drain_timer, drain_ticked, DRAIN_TICK_MS, DRAIN_TICK_MS);
}

static void leave_came(struct pawl_mail *mail)
{
    PAWL_OWNER(mail, struct io, leave_mail)->leaving = true;
}

static void leave(struct io *io)
{
    ferry_close(&io->ferry);
    desk_free(io->desk);
    io->desk = NULL;
    uv_close((uv_handle_t *)&io->prepare, NULL);
    uv_close((uv_handle_t *)&io->turn_timer, NULL);
    uv_close((uv_handle_t *)&io->drain_timer, NULL);
    pawl_mailbox_close(&io->box, NULL);
}

static void turn_due(uv_timer_t *timer)
{
    PAWL_OWNER(timer, struct io, turn_timer)->turn_ns = PAWL_NEVER;
}

static void arm(struct io *io, uint64_t turn_ns)
{
    if (turn_ns == io->turn_ns) return;
    io->turn_ns = turn_ns;
    if (turn_ns == PAWL_NEVER) {
        (void)uv_timer_stop(&io->turn_timer);
        return;
    }
    uint64_t now_ns = pawl_clock_ns();
    uint64_t wait_ns = turn_ns > now_ns ? turn_ns - now_ns : 0;
    uint64_t wait_ms = wait_ns == 0 ? 0 : wait_ns / PAWL_NS_PER_MS + 1;
    uv_update_time(&io->loop);
    (void)uv_timer_start(&io->turn_timer, turn_due, wait_ms, 0);
}

/* Before the loop sleeps, whatever woke it. */
static void pump(uv_prepare_t *prepare)
{
    struct io *io = PAWL_OWNER(prepare, struct io, prepare);

    arm(io, desk_turn(io->desk, pawl_clock_ns()));
    if (!io->draining || io->peers != NULL) return;
    if (!io->drained) {
        io->drained = true;
        uv_sem_post(&io->drained_sem);
    }
    if (io->leaving && desk_under_way(io->desk) == 0) leave(io);
}

static void *run(void *arg)
{
    struct io *io = arg;

    (void)pthread_setname_np(pthread_self(), io->name);
    (void)uv_run(&io->loop, UV_RUN_DEFAULT);
    return NULL;
}

static struct io *new_failed(struct io *io, pawl_error *error)
{
    if (io != NULL && io->desk != NULL) desk_free(io->desk);
    free(io);
    (void)pawl_fail(error, PAWL_BUSY, "cannot make an event loop: no memory or descriptors");
    return NULL;
}

struct io *io_new(const struct io_settings *settings, pawl_error *error)
{
    struct desk_settings desk = settings->desk;
    struct io *io = calloc(1, sizeof *io);

    if (io == NULL) return new_failed(io, error);
    ferry_init(&io->ferry, settings->turner, &io->box);
    desk.submit = ferry_submit;
    desk.forget = ferry_forget;
    desk.changed = conn_changed;
    desk.post = post_to;
    desk.address = tell_address;
    desk.arg = &io->ferry;
    io->desk = io->ferry.desk = desk_new(&desk);
    if (io->desk == NULL || uv_loop_init(&io->loop) != 0) return new_failed(io, error);
    if (pawl_mailbox_init(&io->box, &io->loop) != 0) {
        (void)uv_loop_close(&io->loop);
        return new_failed(io, error);
    }
    PAWL_ASSERT(uv_sem_init(&io->drained_sem, 0) == 0);
    (void)uv_prepare_init(&io->loop, &io->prepare);
    (void)uv_prepare_start(&io->prepare, pump);
    (void)uv_timer_init(&io->loop, &io->turn_timer);
    (void)uv_timer_init(&io->loop, &io->drain_timer);
    io->turn_ns = PAWL_NEVER;
    io->ios = settings->ios;
    io->name = settings->name;
    io->drain_mail.act = drain_came;
    io->leave_mail.act = leave_came;
    return io;
}

uv_loop_t *io_loop(struct io *io)
{
    return &io->loop;
}

struct desk *io_desk(struct io *io)
{
    return io->desk;
}

pawl_err io_start(struct io *io, pawl_error *error)
{
    int failure = pthread_create(&io->thread, NULL, run, io);

    if (failure != 0) {
        return pawl_fail(error, PAWL_BUSY, "cannot start an I/O thread: %s; try fewer --threads",
                         uv_strerror(uv_translate_sys_error(failure)));
    }
    io->started = true;
    return PAWL_OK;
}

void io_post(struct io *io, struct pawl_mail *mail)
{
    pawl_mailbox_post(&io->box, mail);
}

void io_serve(struct io *io, int socket, const struct conn_wire *wire, _Atomic uint64_t *count)
{
    const struct arrival model = {{.act = socket_arrived}, io, socket, wire, count};
    struct arrival *arrival = malloc(sizeof *arrival);

    if (arrival == NULL) {
        refuse(&model);
        return;
    }
    *arrival = model;
    pawl_mailbox_post(&io->box, &arrival->mail);
}

static void users_arrived(struct pawl_mail *mail)
{
    struct users_mail *arrived = PAWL_OWNER(mail, struct users_mail, mail);

    desk_set_users(arrived->io->desk, arrived->users);
    users_drop(arrived->users);
    free(arrived);
}

bool io_set_users(struct io *io, struct users *users)
{
    struct users_mail *sent = malloc(sizeof *sent);

    if (sent == NULL) return false;
    *sent =
        (struct users_mail){.mail = {.act = users_arrived}, .io = io, .users = users_hold(users)};
    pawl_mailbox_post(&io->box, &sent->mail);
    return true;
}

void io_tell_idle(struct io *io, const struct pawl_holding *holding)
{
    ferry_tell_idle(&io->ferry, holding);
}

void io_drain(struct io *io, uint64_t limit_ns)
{
    if (!io->started) return;
    io->drain_limit_ns = limit_ns;
    pawl_mailbox_post(&io->box, &io->drain_mail);
}

void io_drained(struct io *io)
{
    if (!io->started) return;
    uv_sem_wait(&io->drained_sem);
}

void io_leave(struct io *io)
{
    if (!io->started) return;
    pawl_mailbox_post(&io->box, &io->leave_mail);
}

void io_join(struct io *io)
{
    if (io->started) {
        (void)pthread_join(io->thread, NULL);
    } else {
        leave(io);
        (void)uv_run(&io->loop, UV_RUN_DEFAULT);
    }
    PAWL_ASSERT(uv_loop_close(&io->loop) == 0);
}

void io_free(struct io *io)
{
    uv_sem_destroy(&io->drained_sem);
    free(io);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What carries a server's desk and connections here, as libuv does in pawld: the desk on a thread
 * of its own, so that asks and answers travel between it and the keeper, in order.
 */
#include <string.h>

#include "net/mail.h"
#include "server/conn.h"
#include "server/desk.h"
#include "server/resp/resp.h"
#include "sim_net.h"

enum {
    BACKLOG_BYTES = 256 * 1024, /* that a connection has not taken yet; more is not simulated */
    SHORT_WRITE_PERCENT = 5,
    DRAIN_TICK_MS = 20,
    DRAIN_LIMIT_MS = 1500,
};

/* Mail in one direction: each piece arrives after the one before. */
struct mailbox {
    struct pawl_mail *first, *last;
    uint64_t at_ns;
};

struct peer {
    struct conn conn;
    struct sim_end end;
    struct sim_server *server;
    struct peer *next;
    char *backlog;
    size_t backlog_size, backlog_room;
    bool open;
    bool writing; /* the rest of the output waits for room */
};

struct sim_server {
    struct sim_node *node;
    struct desk *desk;
    struct mailbox to_keeper, to_desk;
    struct peer *peers; /* all there ever were */
    uint64_t turn_ns;
    uint64_t drain_end_ns;
    bool accepting, draining;
};

static uint64_t now(const struct sim_server *server)
{
    return server->node->sim->now_ns;
}

static int64_t wall_s(void *arg)
{
    const struct sim_server *server = arg;

    return sim_store_wall_s(server->node->sim);
}

/* The desk's own time. */

static void look(struct sim_server *server);

static void looks(void *object, uint64_t life)
{
    struct sim_server *server = object;

    if (life != server->node->life || server->desk == NULL || server->turn_ns != now(server)) {
        return;
    }
    server->turn_ns = PAWL_NEVER;
    look(server);
}

/* After everything that may have begun a wait. */
static void look(struct sim_server *server)
{
    uint64_t next_ns = desk_turn(server->desk, now(server));

    if (next_ns >= server->turn_ns) return;
    if (next_ns <= now(server)) next_ns = now(server) + 1;
    server->turn_ns = next_ns;
    sim_at(server->node->sim, next_ns, looks, server, server->node->life);
}

/* Mail. */

static void mail_act(struct mailbox *box)
{
    struct pawl_mail *mail = box->first;

    box->first = mail->next;
    mail->act(mail);
}

static void mail_to_keeper_comes(void *object, uint64_t life)
{
    struct sim_server *server = object;

    if (life != server->node->life || server->to_keeper.first == NULL) return;
    mail_act(&server->to_keeper);
    sim_node_wake(server->node);
}

static void mail_to_desk_comes(void *object, uint64_t life)
{
    struct sim_server *server = object;

    if (life != server->node->life || server->to_desk.first == NULL) return;
    mail_act(&server->to_desk);
    if (server->desk != NULL) look(server);
}

static void post(struct sim_server *server, struct mailbox *box, struct pawl_mail *mail)
{
    struct sim *sim = server->node->sim;
    uint64_t at_ns = sim->now_ns + 1 + sim_dice(sim, sim->plan.wake_latency_ns);

    if (at_ns <= box->at_ns) at_ns = box->at_ns + 1;
    box->at_ns = at_ns;
    mail->next = NULL;
    if (box->first == NULL) {
        box->first = mail;
    } else {
        box->last->next = mail;
    }
    box->last = mail;
    if (server->node->dead) return; /* it is emptied at once */
    sim_at(sim, at_ns, box == &server->to_keeper ? mail_to_keeper_comes : mail_to_desk_comes,
           server, server->node->life);
}

static void ask_came_home(struct pawl_mail *mail)
{
    struct desk_ask *ask = PAWL_OWNER(mail, struct desk_ask, mail);
    struct sim_server *server = ask->carrier;

    desk_answered(server->desk, &ask->ask, now(server));
}

static void ask_done(struct pawl_ask *ask)
{
    struct desk_ask *of_desk = PAWL_OWNER(ask, struct desk_ask, ask);
    struct sim_server *server = of_desk->carrier;

    of_desk->mail.act = ask_came_home;
    post(server, &server->to_desk, &of_desk->mail);
}

static void ask_at_keeper(struct pawl_mail *mail)
{
    struct desk_ask *ask = PAWL_OWNER(mail, struct desk_ask, mail);
    struct sim_server *server = ask->carrier;

    ask->ask.done = ask_done;
    pawl_source_ask(server->node->source, &ask->ask);
}

static void submit(struct pawl_ask *ask, void *arg)
{
    struct desk_ask *of_desk = PAWL_OWNER(ask, struct desk_ask, ask);
    struct sim_server *server = arg;

    of_desk->carrier = server;
    of_desk->mail.act = ask_at_keeper;
    post(server, &server->to_keeper, &of_desk->mail);
}

static void forget_came_home(struct pawl_mail *mail)
{
    struct desk_forget *forget = PAWL_OWNER(mail, struct desk_forget, mail);
    struct sim_server *server = forget->carrier;

    desk_forgotten(server->desk, forget);
}

static void forget_at_keeper(struct pawl_mail *mail)
{
    struct desk_forget *forget = PAWL_OWNER(mail, struct desk_forget, mail);
    struct sim_server *server = forget->carrier;

    pawl_keeper_forget(server->node->keeper, forget->ask);
    mail->act = forget_came_home;
    post(server, &server->to_desk, mail);
}

static void forget(struct desk_forget *forget, void *arg)
{
    struct sim_server *server = arg;

    forget->carrier = server;
    forget->mail.act = forget_at_keeper;
    post(server, &server->to_keeper, &forget->mail);
}

/* Word that a holding is idle. */
struct idle_word {
    struct pawl_mail mail;
    struct sim_server *server;
    const struct pawl_holding *holding;
};

static void idle_came_home(struct pawl_mail *mail)
{
    struct idle_word *word = PAWL_OWNER(mail, struct idle_word, mail);

    desk_idle(word->server->desk, word->holding);
}

void sim_server_idle(struct sim_server *server, const struct pawl_holding *holding)
{
    struct idle_word *word = sim_alloc(server->node->sim, sizeof *word);

    *word = (struct idle_word){{.act = idle_came_home}, server, holding};
    post(server, &server->to_desk, &word->mail);
}

/* Connections. */

static void hang_up(struct peer *peer)
{
    if (!peer->open) return;
    peer->open = false;
    conn_close(&peer->conn);
    sim_end_close(&peer->end);
    conn_dispose(&peer->conn);
}

static void go_on(struct peer *peer);

static void has_room(void *object, uint64_t life)
{
    struct peer *peer = object;

    if (life != peer->server->node->life || !peer->open) return;
    peer->writing = false;
    go_on(peer);
    if (peer->server->desk != NULL) look(peer->server);
}

static void write_output(struct peer *peer)
{
    struct sim *sim = peer->server->node->sim;
    struct pawl_bytes bytes;

    while (!peer->writing && (bytes = conn_output(&peer->conn)).size > 0) {
        size_t size = bytes.size;

        if (sim_luck(sim, SHORT_WRITE_PERCENT)) size = (size_t)sim_dice(sim, size + 1);
        if (size > 0) {
            sim_end_send(&peer->end, (struct pawl_bytes){bytes.at, size});
            conn_output_sent(&peer->conn, size, sim->now_ns);
        }
        if (size == bytes.size) continue;
        peer->writing = true;
        sim_after(sim, 1 + sim_dice(sim, sim->plan.net_latency_ns), has_room, peer,
                  peer->server->node->life);
    }
}

static void offer_backlog(struct peer *peer)
{
    while (peer->open && peer->backlog_size > 0 && conn_wants_input(&peer->conn)) {
        struct pawl_bytes bytes = {peer->backlog, peer->backlog_size};
        size_t taken = conn_received(&peer->conn, bytes, now(peer->server));

        peer->backlog_size -= taken;
        memmove(peer->backlog, peer->backlog + taken, peer->backlog_size);
        if (taken == 0) break;
    }
}

static void go_on(struct peer *peer)
{
    write_output(peer);
    if (!peer->writing && conn_wants_close(&peer->conn)) {
        hang_up(peer);
        return;
    }
    if (peer->backlog_size == 0 || !conn_wants_input(&peer->conn)) return;
    offer_backlog(peer);
    if (peer->open) write_output(peer);
}

static void goes_on(void *object, uint64_t life)
{
    struct peer *peer = object;

    if (life != peer->server->node->life || !peer->open) return;
    go_on(peer);
    if (peer->server->desk != NULL) look(peer->server);
}

static void changed(struct conn *conn, void *arg)
{
    struct peer *peer = PAWL_OWNER(conn, struct peer, conn);
    struct sim_server *server = arg;

    if (!peer->open || server->node->dead) return;
    sim_after(server->node->sim, 1, goes_on, peer, server->node->life);
}

static void received(struct sim_end *end, struct pawl_bytes bytes)
{
    struct peer *peer = PAWL_OWNER(end, struct peer, end);
    struct sim *sim = peer->server->node->sim;

    if (!peer->open) return;
    if (peer->backlog_size + bytes.size > peer->backlog_room) {
        size_t room = 2 * (peer->backlog_size + bytes.size) + 256;
        char *larger = sim_alloc(sim, room);

        if (room > BACKLOG_BYTES) sim_fail(sim, SIM_NO_SEQ, "simulation", "a flood of requests");
        if (peer->backlog_size > 0) memcpy(larger, peer->backlog, peer->backlog_size);
        peer->backlog = larger;
        peer->backlog_room = room;
    }
    memcpy(peer->backlog + peer->backlog_size, bytes.at, bytes.size);
    peer->backlog_size += bytes.size;
    offer_backlog(peer);
    if (peer->open) go_on(peer);
    look(peer->server);
}

static void closed(struct sim_end *end)
{
    struct peer *peer = PAWL_OWNER(end, struct peer, end);

    hang_up(peer);
}

struct sim_end *sim_server_accept(struct sim_node *node)
{
    struct sim_server *server = node->server;

    if (server == NULL || server->desk == NULL || !server->accepting) return NULL;
    struct peer *peer = sim_alloc(node->sim, sizeof *peer);

    *peer = (struct peer){.end = {.received = received, .closed = closed},
                          .server = server,
                          .next = server->peers,
                          .open = true};
    server->peers = peer;
    PAWL_ASSERT(conn_open(&peer->conn, server->desk, &resp_wire, server->node->sim->now_ns));
    return &peer->end;
}

/* Its life. */

void sim_server_start(struct sim_node *node)
{
    struct sim *sim = node->sim;
    struct sim_server *server = sim_alloc(sim, sizeof *server);
    struct desk_settings settings = {
        .request_timeout_ns = 5 * PAWL_NS_PER_S,
        .refill_interval_ns = sim->plan.refill_interval_ns,
        .seed = pawl_random(&sim->random),
        .wall_s = wall_s,
        .submit = submit,
        .forget = forget,
        .changed = changed,
        .arg = server,
    };

    *server = (struct sim_server){.node = node, .turn_ns = PAWL_NEVER, .accepting = true};
    server->desk = desk_new(&settings);
    PAWL_ASSERT(server->desk != NULL);
    node->server = server;
}

static void hang_up_all(struct sim_server *server, bool busy_ones_too)
{
    for (struct peer *peer = server->peers; peer != NULL; peer = peer->next) {
        if (peer->open && (busy_ones_too || conn_quiet(&peer->conn))) hang_up(peer);
    }
}

static bool any_open(const struct sim_server *server)
{
    for (const struct peer *peer = server->peers; peer != NULL; peer = peer->next) {
        if (peer->open) return true;
    }
    return false;
}

static void drain_ticks(void *object, uint64_t life)
{
    struct sim_server *server = object;

    if (life != server->node->life || server->desk == NULL) return;
    hang_up_all(server, now(server) >= server->drain_end_ns);
    if (any_open(server)) {
        sim_after(server->node->sim, DRAIN_TICK_MS * PAWL_NS_PER_MS, drain_ticks, server, life);
        return;
    }
    server->draining = false;
    sim_node_drain(server->node);
}

void sim_server_drain(struct sim_server *server)
{
    server->accepting = false;
    server->draining = true;
    server->drain_end_ns = now(server) + DRAIN_LIMIT_MS * PAWL_NS_PER_MS;
    sim_after(server->node->sim, DRAIN_TICK_MS * PAWL_NS_PER_MS, drain_ticks, server,
              server->node->life);
}

/* The keeper still stands, and answers that it is closed; nothing is heard outside. */
void sim_server_bury(struct sim_server *server)
{
    struct sim_node *node = server->node;

    server->accepting = false;
    sim_net_died(node);
    hang_up_all(server, true);
    while (desk_under_way(server->desk) > 0) {
        while (server->to_keeper.first != NULL) {
            mail_act(&server->to_keeper);
        }
        (void)pawl_keeper_turn(node->keeper, now(server));
        if (server->to_desk.first == NULL && desk_under_way(server->desk) > 0) {
            sim_fail(node->sim, SIM_NO_SEQ, "asks", "node %d: a desk waits in vain", node->index);
        }
        while (server->to_desk.first != NULL) {
            mail_act(&server->to_desk);
        }
    }
    while (server->to_desk.first != NULL) {
        mail_act(&server->to_desk); /* words of idleness */
    }
    desk_free(server->desk);
    server->desk = NULL;
}

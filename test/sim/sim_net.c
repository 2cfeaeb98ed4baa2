/* SPDX-License-Identifier: Apache-2.0 */
#include "sim_net.h"

#include <stdlib.h>
#include <string.h>

enum {
    STREAMS_MAX = 512,
    REFUSE_PERCENT = 10,
    SPLIT_PERCENT = 10,
    LAG_PERCENT = 15,
    RETRY_MS = 20, /* how often bytes that cannot pass try again */
};

struct chunk {
    struct chunk *next;
    size_t size;
    char bytes[];
};

/* One direction. */
struct way {
    struct chunk *first, *last;
    uint64_t at_ns; /* when the last of it arrives */
    bool fin;       /* the sender has closed: after the last chunk the receiver hears of it */
    bool open;      /* the receiver still listens */
};

struct sim_stream {
    struct sim *sim;
    struct sim_net *dialler;
    struct pawl_link *link; /* NULL: its owner gave it up */
    struct sim_node *server;
    uint64_t server_life;
    struct sim_end *end;
    struct way up, down; /* to the server, to the one who dialled */
    uint64_t lag_ns;     /* all that it carries is so much later */
    bool opened;
    bool broken; /* nothing passes any more, and both will hear of it */
};

struct network {
    struct sim_stream *streams[STREAMS_MAX];
    size_t stream_count;
    bool parted[SIM_NODES_MAX + 1][SIM_NODES_MAX + 1]; /* from, to; -1 is the last */
};

static struct network *network(struct sim *sim)
{
    if (sim->network == NULL) sim->network = sim_alloc(sim, sizeof *sim->network);
    return sim->network;
}

static uint64_t latency(struct sim *sim)
{
    return 1 + sim_dice(sim, sim->plan.net_latency_ns);
}

static bool parted(struct sim *sim, int from, int to)
{
    return network(sim)->parted[from < 0 ? SIM_NODES_MAX : from][to < 0 ? SIM_NODES_MAX : to];
}

static bool way_parted(const struct sim_stream *stream, const struct way *way)
{
    int dialler = stream->dialler->from;
    int server = stream->server->index;

    return way == &stream->up ? parted(stream->sim, dialler, server)
                              : parted(stream->sim, server, dialler);
}

/* The receiver hears that it is over; it says nothing more either. */
static void end_dialler(struct sim_stream *stream, const char *reason)
{
    struct pawl_link *link = stream->link;

    stream->down.open = false;
    stream->link = NULL;
    if (link == NULL) return;
    link->io = NULL;
    link->events->closed(link, reason);
}

static void end_server(struct sim_stream *stream)
{
    struct sim_end *end = stream->end;

    stream->up.open = false;
    stream->end = NULL;
    if (end == NULL) return;
    end->stream = NULL;
    end->closed(end);
}

static void deliver(struct sim_stream *stream, struct way *way, struct chunk *chunk)
{
    struct pawl_bytes bytes = {chunk->bytes, chunk->size};

    if (way == &stream->up) {
        if (stream->end != NULL) stream->end->received(stream->end, bytes);
    } else if (stream->link != NULL) {
        stream->link->events->received(stream->link, bytes);
    }
}

static void arrives(void *object, uint64_t upwards)
{
    struct sim_stream *stream = object;
    struct sim *sim = stream->sim;
    struct way *way = upwards != 0 ? &stream->up : &stream->down;
    struct chunk *chunk = way->first;

    if (!way->open || stream->broken) return;
    if (way_parted(stream, way)) {
        sim_after(sim, 1 + sim_dice(sim, RETRY_MS * PAWL_NS_PER_MS), arrives, stream, upwards);
        return;
    }
    if (chunk != NULL) {
        way->first = chunk->next;
        deliver(stream, way, chunk);
    } else if (way->fin) {
        way->open = false;
        if (upwards != 0) {
            end_server(stream);
        } else {
            end_dialler(stream, "closed by the server");
        }
    }
}

/* Plans one arrival for each chunk and for the end; whatever comes first in line arrives then. */
static void way_plan(struct sim_stream *stream, struct way *way)
{
    uint64_t at_ns = stream->sim->now_ns + latency(stream->sim) + stream->lag_ns;

    if (at_ns <= way->at_ns) at_ns = way->at_ns + 1;
    way->at_ns = at_ns;
    sim_at(stream->sim, at_ns, arrives, stream, way == &stream->up);
}

static void way_add(struct sim_stream *stream, struct way *way, struct pawl_bytes bytes)
{
    struct chunk *chunk = sim_alloc(stream->sim, sizeof *chunk + bytes.size);

    chunk->size = bytes.size;
    memcpy(chunk->bytes, bytes.at, bytes.size);
    if (way->first == NULL) {
        way->first = chunk;
    } else {
        way->last->next = chunk;
    }
    way->last = chunk;
    way_plan(stream, way);
}

static void way_send(struct sim_stream *stream, struct way *way, struct pawl_bytes bytes)
{
    if (!way->open || way->fin || stream->broken || bytes.size == 0) return;
    if (bytes.size > 1 && sim_luck(stream->sim, SPLIT_PERCENT)) {
        size_t first = 1 + (size_t)sim_dice(stream->sim, bytes.size - 1);

        way_add(stream, way, (struct pawl_bytes){bytes.at, first});
        way_add(stream, way, (struct pawl_bytes){bytes.at + first, bytes.size - first});
        return;
    }
    way_add(stream, way, bytes);
}

static void way_end(struct sim_stream *stream, struct way *way)
{
    if (!way->open || way->fin) return;
    way->fin = true;
    way_plan(stream, way);
}

/* Breaking: each side hears of it in its own time. */

static void hears_up(void *object, uint64_t arg)
{
    (void)arg;
    end_server(object);
}

static void hears_down(void *object, uint64_t arg)
{
    (void)arg;
    end_dialler(object, "the connection broke");
}

static void break_stream(struct sim_stream *stream)
{
    if (stream->broken) return;
    stream->broken = true;
    sim_after(stream->sim, latency(stream->sim), hears_up, stream, 0);
    sim_after(stream->sim, latency(stream->sim), hears_down, stream, 0);
}

/* Dialling. */

static struct sim_node *find_server(struct sim *sim, const char *host)
{
    int index = host[0] == 'n' ? (int)strtol(host + 1, NULL, 10) : -1;

    return index >= 0 && (size_t)index < sim->node_count ? sim->nodes[index] : NULL;
}

static void dialled(void *object, uint64_t arg)
{
    struct sim_stream *stream = object;
    struct sim *sim = stream->sim;
    bool unlucky = sim->plan.faults.cut && !sim->calm && sim_luck(sim, REFUSE_PERCENT);

    (void)arg;
    if (stream->link == NULL) return;
    if (way_parted(stream, &stream->up) || way_parted(stream, &stream->down)) {
        sim_after(sim, RETRY_MS * PAWL_NS_PER_MS, dialled, stream, 0); /* nobody answers */
        return;
    }
    stream->end = unlucky ? NULL : sim_server_accept(stream->server);
    if (stream->end == NULL) {
        end_dialler(stream, "connection refused");
        return;
    }
    stream->server_life = stream->server->life;
    stream->end->stream = stream;
    stream->up.open = stream->down.open = stream->opened = true;
    stream->link->events->opened(stream->link);
}

static bool over(const struct sim_stream *stream)
{
    return stream->link == NULL && stream->end == NULL && !stream->up.open && !stream->down.open;
}

/* Makes room by forgetting streams that are over. */
static void forget_old(struct network *all)
{
    size_t kept = 0;

    for (size_t i = 0; i < all->stream_count; i++) {
        if (!over(all->streams[i])) all->streams[kept++] = all->streams[i];
    }
    all->stream_count = kept;
}

static void net_dial(struct pawl_link *link, const char *host, uint16_t port)
{
    struct sim_net *net = PAWL_OWNER(link->net, struct sim_net, net);
    struct sim *sim = net->sim;
    struct network *all = network(sim);
    struct sim_stream *stream = sim_alloc(sim, sizeof *stream);

    (void)port;
    *stream = (struct sim_stream){
        .sim = sim, .dialler = net, .link = link, .server = find_server(sim, host)};
    if (sim->plan.faults.lag && !sim->calm && sim_luck(sim, LAG_PERCENT)) {
        stream->lag_ns = sim_dice(sim, sim->plan.refill_interval_ns / 4);
    }
    if (all->stream_count == STREAMS_MAX) forget_old(all);
    if (stream->server == NULL || all->stream_count == STREAMS_MAX) {
        sim_fail(sim, SIM_NO_SEQ, "simulation", "cannot dial %s", host);
    }
    all->streams[all->stream_count++] = stream;
    link->io = stream;
    sim_after(sim, latency(sim) + latency(sim), dialled, stream, 0);
}

static void net_send(struct pawl_link *link, struct pawl_bytes bytes)
{
    struct sim_stream *stream = link->io;

    if (stream != NULL && stream->opened) way_send(stream, &stream->up, bytes);
}

static void net_close(struct pawl_link *link)
{
    struct sim_stream *stream = link->io;

    link->io = NULL;
    if (stream == NULL) return;
    stream->link = NULL;
    stream->down.open = false;
    way_end(stream, &stream->up);
}

static const struct pawl_net_ops net_ops = {
    .dial = net_dial,
    .send = net_send,
    .close = net_close,
};

void sim_net_init(struct sim_net *net, struct sim *sim, int from)
{
    *net = (struct sim_net){.net = {&net_ops}, .sim = sim, .from = from};
}

void sim_end_send(struct sim_end *end, struct pawl_bytes bytes)
{
    if (end->stream != NULL) way_send(end->stream, &end->stream->down, bytes);
}

void sim_end_close(struct sim_end *end)
{
    struct sim_stream *stream = end->stream;

    if (stream == NULL) return;
    end->stream = NULL;
    stream->end = NULL;
    stream->up.open = false;
    way_end(stream, &stream->down);
}

uint64_t sim_link_server_life(const struct pawl_link *link)
{
    const struct sim_stream *stream = link->io;

    return stream == NULL ? 0 : stream->server_life;
}

/* What befalls it. */

static struct sim_stream *draw_open(struct sim *sim)
{
    struct network *all = network(sim);

    for (size_t i = 0; i < all->stream_count; i++) {
        struct sim_stream *stream = all->streams[sim_dice(sim, all->stream_count)];

        if (stream->up.open && stream->down.open && !stream->broken) return stream;
    }
    return NULL;
}

/* Some of what is under way still arrives, the last piece of it perhaps in part. */
void sim_net_cut(struct sim *sim)
{
    struct sim_stream *stream = draw_open(sim);

    if (stream == NULL) return;
    SIM_NOTE(sim, SIM_NO_SEQ, stream->dialler->from, .what = "loses a connection to node %lld",
             .a = stream->server->index);
    struct way *way = sim_luck(sim, 50) ? &stream->up : &stream->down;
    struct chunk *chunk = way->first;

    if (chunk != NULL && !way_parted(stream, way)) {
        chunk->size = (size_t)sim_dice(sim, chunk->size + 1);
        if (chunk->size > 0) deliver(stream, way, chunk);
    }
    break_stream(stream);
}

void sim_net_part(struct sim *sim)
{
    struct network *all = network(sim);
    int from = (int)sim_dice(sim, sim->node_count + 1);
    int to = (int)sim_dice(sim, sim->node_count + 1);

    if (from == (int)sim->node_count) from = SIM_NODES_MAX;
    if (to == (int)sim->node_count) to = SIM_NODES_MAX;
    all->parted[from][to] = true;
    if (sim_luck(sim, 50)) all->parted[to][from] = true;
    SIM_NOTE(sim, SIM_NO_SEQ, -1, .what = "node %lld does not reach node %lld any more", .a = from,
             .b = to);
}

void sim_net_heal(struct sim *sim)
{
    memset(network(sim)->parted, 0, sizeof network(sim)->parted);
    SIM_NOTE(sim, SIM_NO_SEQ, -1, .what = "all partitions are over");
}

void sim_net_died(struct sim_node *node)
{
    struct network *all = network(node->sim);

    for (size_t i = 0; i < all->stream_count; i++) {
        struct sim_stream *stream = all->streams[i];

        if (stream->server != node || stream->end == NULL) continue;
        stream->end->stream = NULL;
        stream->end = NULL;
        break_stream(stream);
    }
}

void sim_net_left(struct sim_net *net)
{
    struct network *all = network(net->sim);

    for (size_t i = 0; i < all->stream_count; i++) {
        struct sim_stream *stream = all->streams[i];

        if (stream->dialler != net || stream->link == NULL) continue;
        stream->link->io = NULL;
        stream->link = NULL;
        break_stream(stream);
    }
}

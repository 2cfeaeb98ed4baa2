/* SPDX-License-Identifier: Apache-2.0 */
#include "sim_redis.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum {
    PIPELINE_MAX = 16,
    LINE_BYTES = 1024,
    RUN_PERCENT = 10,
    HANG_UP_PERCENT = 3,
    RETRY_MS = 50,
};

struct sent {
    struct sim_call call;
    uint64_t count;
};

struct sim_redis {
    struct sim *sim;
    struct sim_node *server;
    int seq;
    struct sim_redis *next;
    struct sim_net net;
    struct pawl_link link;
    bool dialled, open;
    struct sim_context context; /* of the connection */
    struct sent sent[PIPELINE_MAX];
    size_t sent_first, sent_count;
    char line[LINE_BYTES];
    size_t line_size;
    uint64_t think_ns, served_ns;
    char refusal[128]; /* the last */
    bool ended;        /* it was told that no id is left */
};

static void acts(void *object, uint64_t arg);

static void think(struct sim_redis *redis, uint64_t ns)
{
    uint64_t after_ns = 1 + ns / 2 + sim_dice(redis->sim, ns);

    sim_after(redis->sim, sim_awake(redis->sim, after_ns), acts, redis, 0);
}

static void send_requests(struct sim_redis *redis)
{
    struct sim *sim = redis->sim;
    size_t most = sim->seqs[redis->seq].global ? 3 : PIPELINE_MAX;
    size_t count = 1 + (size_t)sim_dice(sim, most);
    char text[PIPELINE_MAX * 64];
    size_t size = 0;

    redis->sent_first = 0;
    redis->sent_count = count;
    for (size_t i = 0; i < count; i++) {
        bool run = !sim->seqs[redis->seq].small && sim_luck(sim, RUN_PERCENT);

        redis->sent[i].count = run ? 1 + sim_dice(sim, 20) : 1;
        redis->sent[i].call = sim_call_begin(sim, redis->seq, &redis->context);
        size += (size_t)snprintf(text + size, sizeof text - size,
                                 run ? "INCRBY %s %" PRIu64 "\r\n" : "INCR %s\r\n",
                                 sim->seqs[redis->seq].name, redis->sent[i].count);
    }
    redis->net.net.ops->send(&redis->link, (struct pawl_bytes){text, size});
}

static void hang_up(struct sim_redis *redis)
{
    redis->net.net.ops->close(&redis->link);
    redis->open = redis->dialled = false;
    redis->sent_count = 0;
    redis->line_size = 0;
}

static void acts(void *object, uint64_t arg)
{
    struct sim_redis *redis = object;
    struct sim *sim = redis->sim;
    char host[16];

    (void)arg;
    if (sim->quiet) {
        if (redis->dialled) hang_up(redis);
        return;
    }
    if (!sim->made || redis->sent_count > 0 || (redis->dialled && !redis->open)) return;
    if (redis->open && sim_luck(sim, HANG_UP_PERCENT)) hang_up(redis);
    if (redis->open) {
        send_requests(redis);
        return;
    }
    redis->dialled = true;
    (void)snprintf(host, sizeof host, "n%d", redis->server->index);
    redis->net.net.ops->dial(&redis->link, host, 1);
}

/* Looks again at fixed times as well: whatever it waits for may never come. */
static void looks(void *object, uint64_t arg)
{
    struct sim_redis *redis = object;

    acts(redis, arg);
    if (redis->sim->quiet) return;
    sim_after(redis->sim, sim_awake(redis->sim, 10 * RETRY_MS * PAWL_NS_PER_MS), looks, redis, 0);
}

static void opened(struct pawl_link *link)
{
    struct sim_redis *redis = PAWL_OWNER(link, struct sim_redis, link);

    redis->open = true;
    redis->context = (struct sim_context){.forgets = 0};
    redis->sent_count = 0;
    send_requests(redis);
}

static void closed(struct pawl_link *link, const char *reason)
{
    struct sim_redis *redis = PAWL_OWNER(link, struct sim_redis, link);

    (void)reason;
    redis->open = redis->dialled = false;
    redis->sent_count = 0;
    redis->line_size = 0;
    think(redis, RETRY_MS * PAWL_NS_PER_MS);
}

static void refused(struct sim_redis *redis, const char *text)
{
    struct sim *sim = redis->sim;
    const struct sim_seq *about = &sim->seqs[redis->seq];

    SIM_NOTE(sim, redis->seq, redis->server->index, .what = "a Redis client is refused");
    redis->ended = strncmp(text, "END", 3) == 0;
    (void)snprintf(redis->refusal, sizeof redis->refusal, "%s", text);
    if (strncmp(text, "FLOOR", 5) == 0 || strncmp(text, "ROLLBACK", 8) == 0) {
        sim->seqs[redis->seq].stuck = true;
    }
    if (!sim->plan.faultless || sim->plan.faults.restart || about->dropped_once) return;
    if (about->small && redis->ended) return;
    sim_fail(sim, redis->seq, "ready", "a Redis client of node %d is refused, nothing is wrong: %s",
             redis->server->index, text);
}

static void answered(struct sim_redis *redis, const char *line)
{
    struct sim *sim = redis->sim;
    struct sent *sent = &redis->sent[redis->sent_first];
    int64_t last = 0;
    struct pawl_bytes number = {line + 1, strlen(line + 1)};

    if (redis->sent_count == 0) {
        sim_fail(sim, redis->seq, "asks", "an answer that nobody asked for: %s", line);
    }
    redis->sent_first++;
    redis->sent_count--;
    if (line[0] == '-') {
        refused(redis, line + 1);
        return;
    }
    if (line[0] != ':' || !pawl_bytes_to_i64(number, &last)) {
        sim_fail(sim, redis->seq, "asks", "no answer to INCR: %s", line);
    }
    redis->served_ns = sim->now_ns;
    if (sim_link_server_life(&redis->link) != redis->server->life) {
        return; /* its books are closed */
    }
    sim_call_end(redis->server, redis->seq, sent->call,
                 sim_ids_ending(redis->server, redis->seq, last, sent->count), &redis->context);
}

static void received(struct pawl_link *link, struct pawl_bytes bytes)
{
    struct sim_redis *redis = PAWL_OWNER(link, struct sim_redis, link);

    for (size_t i = 0; i < bytes.size; i++) {
        PAWL_ASSERT(redis->line_size < LINE_BYTES);
        redis->line[redis->line_size++] = bytes.at[i];
        if (bytes.at[i] != '\n') continue;
        redis->line[redis->line_size - 2] = '\0';
        redis->line_size = 0;
        answered(redis, redis->line);
    }
    if (redis->sent_count == 0) think(redis, redis->think_ns);
}

static const struct pawl_link_events link_events = {
    .opened = opened, .received = received, .closed = closed};

struct sim_redis *sim_redis_new(struct sim_node *server, int seq)
{
    struct sim *sim = server->sim;
    struct sim_redis *redis = sim_alloc(sim, sizeof *redis);

    *redis = (struct sim_redis){.sim = sim,
                                .server = server,
                                .seq = seq,
                                .next = sim->redises,
                                .think_ns = (20 + sim_dice(sim, 200)) * PAWL_NS_PER_MS};
    sim_net_init(&redis->net, sim, -1);
    redis->link = (struct pawl_link){.net = &redis->net.net, .events = &link_events};
    sim->redises = redis;
    looks(redis, 0);
    return redis;
}

const struct sim_redis *sim_redis_starving(const struct sim *sim, uint64_t since_ns)
{
    for (const struct sim_redis *redis = sim->redises; redis != NULL; redis = redis->next) {
        const struct pawl_record *record = sim_store_record(sim, redis->seq);

        if (redis->served_ns > since_ns || record->dropped || !redis->server->up) continue;
        if (!sim->seqs[redis->seq].small || !redis->ended) return redis;
    }
    return NULL;
}

void sim_redis_check_served(struct sim *sim, uint64_t since_ns)
{
    const struct sim_redis *redis = sim_redis_starving(sim, since_ns);

    if (redis == NULL) return;
    sim_fail(sim, redis->seq, "live", "a Redis client of node %d starves: %s", redis->server->index,
             redis->refusal);
}

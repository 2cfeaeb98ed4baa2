/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What pawl_next is held against at a steady rate: servers that are asked for each id, or for a
 * block when the last one is used up, on one connection. Usage:
 *   tail_peers redis PORT RATE SECONDS           INCRBY orders 1 by hiredis
 *   tail_peers redis-block PORT RATE SECONDS     INCRBY orders 1000, handed out from memory
 *   tail_peers postgres PORT RATE SECONDS        SELECT nextval('orders') by libpq, prepared
 * Prints what pace.h says.
 */
#include <hiredis/hiredis.h>
#include <libpq-fe.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "pace.h"

enum { BLOCK_IDS = 1000 };

struct peer {
    redisContext *redis;
    PGconn *postgres;
    uint64_t next, end; /* of a block */
};

static _Noreturn void die(const char *what)
{
    (void)fprintf(stderr, "tail_peers: %s\n", what);
    exit(1);
}

static uint64_t incrby(struct peer *peer, const char *words)
{
    redisReply *reply = redisCommand(peer->redis, words);

    if (reply == NULL) die(peer->redis->errstr);
    if (reply->type != REDIS_REPLY_INTEGER) die(reply->str);
    uint64_t last = (uint64_t)reply->integer;
    freeReplyObject(reply);
    return last;
}

static void take_redis(void *state)
{
    (void)incrby(state, "INCRBY orders 1");
}

static void take_redis_block(void *state)
{
    struct peer *peer = state;

    if (peer->next == peer->end) {
        peer->end = incrby(peer, "INCRBY orders 1000");
        peer->next = peer->end - BLOCK_IDS;
    }
    peer->next++;
}

static void take_postgres(void *state)
{
    struct peer *peer = state;
    PGresult *result = PQexecPrepared(peer->postgres, "next", 0, NULL, NULL, NULL, 1);

    if (PQresultStatus(result) != PGRES_TUPLES_OK) die(PQerrorMessage(peer->postgres));
    PQclear(result);
}

static void dial_redis(struct peer *peer, const char *port)
{
    peer->redis = redisConnect("127.0.0.1", (int)strtol(port, NULL, 10));
    if (peer->redis == NULL || peer->redis->err != 0) die("Redis does not answer");
}

static void dial_postgres(struct peer *peer, const char *port)
{
    char at[128];

    (void)snprintf(at, sizeof at, "host=127.0.0.1 port=%s user=postgres dbname=postgres", port);
    peer->postgres = PQconnectdb(at);
    if (PQstatus(peer->postgres) != CONNECTION_OK) die(PQerrorMessage(peer->postgres));
    PQclear(PQprepare(peer->postgres, "next", "SELECT nextval('orders')", 0, NULL));
}

int main(int argc, char **argv)
{
    static const struct {
        const char *name;
        pace_take *take;
        void (*dial)(struct peer *peer, const char *port);
    } kinds[] = {{"redis", take_redis, dial_redis},
                 {"redis-block", take_redis_block, dial_redis},
                 {"postgres", take_postgres, dial_postgres}};
    struct peer peer = {.next = 0};
    struct pace pace = {.state = &peer};

    for (size_t i = 0; argc == 5 && i < sizeof kinds / sizeof kinds[0]; i++) {
        if (strcmp(argv[1], kinds[i].name) != 0) continue;
        pace.subject = kinds[i].name;
        pace.take = kinds[i].take;
        kinds[i].dial(&peer, argv[2]);
    }
    if (pace.take == NULL) {
        (void)fprintf(stderr, "usage: tail_peers redis|redis-block|postgres PORT RATE SECONDS\n");
        return 2;
    }
    pace.rate = strtoull(argv[3], NULL, 10);
    pace.seconds = strtod(argv[4], NULL);
    if (pace.rate == 0) die("RATE is 0");
    pace_pin(0);
    pace_run(&pace);
    PQfinish(peer.postgres);
    if (peer.redis != NULL) redisFree(peer.redis);
    return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "store/redis/own.h"

#include <inttypes.h>
#include <stdio.h>

_Static_assert((int)OUTPUT_BYTES >= (int)PAWL_REDIS_REQUEST_BYTES_MAX, "a request fits the output");

void pawl_redis_flush(struct redis *redis)
{
    if (redis->output_size == 0) return;
    redis->link.net->ops->send(&redis->link,
                               (struct pawl_bytes){redis->output, redis->output_size});
    redis->output_size = 0;
}

/* Where the next request is written to, with room for any. */
static char *output_front(struct redis *redis)
{
    if (OUTPUT_BYTES - redis->output_size < PAWL_REDIS_REQUEST_BYTES_MAX) pawl_redis_flush(redis);
    return redis->output + redis->output_size;
}

static void sent(struct redis *redis, size_t size, enum expected what, struct pawl_op *op)
{
    size_t at = (redis->expect_first + redis->expect_count++) % EXPECTS_MAX;

    PAWL_ASSERT(redis->expect_count <= EXPECTS_MAX);
    redis->output_size += size;
    redis->expects[at] = (struct expect){what, op, redis->now_ns, redis->number};
}

static void send_words(struct redis *redis, enum expected what,
                       const char *const words[PAWL_REDIS_WORDS_MAX])
{
    sent(redis, pawl_redis_write_words(words, output_front(redis)), what, NULL);
}

/* Looking at the server. */

void pawl_redis_send_look(struct redis *redis)
{
    static const char *const names[] = {
#define PAWL_REDIS_NAME(member, name) name,
        PAWL_REDIS_CONFIG_MAP(PAWL_REDIS_NAME)
#undef PAWL_REDIS_NAME
    };

    redis->facts = (struct pawl_redis_facts){.replicas = 0};
    for (size_t i = 0; i < PAWL_COUNT(names); i++) {
        send_words(redis, EXPECT_CONFIG, PAWL_REDIS_WORDS("CONFIG", "GET", names[i]));
    }
    send_words(redis, EXPECT_INFO, PAWL_REDIS_WORDS("INFO"));
    redis->looking = true;
    redis->looked_ns = redis->now_ns;
}

void pawl_redis_send_greeting(struct redis *redis)
{
    const struct pawl_redis_settings *settings = &redis->settings;
    char number[24];

    redis->greet_due = false;
    if (settings->user[0] != '\0') {
        send_words(redis, EXPECT_LOGIN,
                   PAWL_REDIS_WORDS("AUTH", settings->user, settings->password));
    } else if (settings->password[0] != '\0') {
        send_words(redis, EXPECT_LOGIN, PAWL_REDIS_WORDS("AUTH", settings->password));
    }
    if (settings->database != 0) {
        (void)snprintf(number, sizeof number, "%" PRIu64, settings->database);
        send_words(redis, EXPECT_LOGIN, PAWL_REDIS_WORDS("SELECT", number));
    }
    if (settings->replicas > 0) { /* returns at once, or says that it is not allowed */
        send_words(redis, EXPECT_LOGIN, PAWL_REDIS_WORDS("WAIT", "0", "1"));
    }
    send_words(redis, EXPECT_NAME, PAWL_REDIS_WORDS("CLIENT", "SETNAME", "pawl"));
    pawl_redis_send_look(redis);
}

static void send_check(struct redis *redis)
{
    const char *user = redis->settings.user[0] == '\0' ? "default" : redis->settings.user;

    const struct pawl_redis_way way = {true, ++redis->number, &redis->past.known};

    redis->flush[0] = '\0';
    sent(redis,
         pawl_redis_write_words(PAWL_REDIS_WORDS("ACL", "DRYRUN", user, "FLUSHALL"),
                                output_front(redis)),
         EXPECT_FLUSH, NULL);
    sent(redis,
         pawl_redis_write_op(&(struct pawl_op){.kind = PAWL_OP_INIT}, &redis->settings, way,
                             output_front(redis)),
         EXPECT_TRIES, NULL);
    if (!redis->looking) pawl_redis_send_look(redis);
}

/* A look and a check besides fit into the pipeline. */
bool pawl_redis_has_room(const struct redis *redis)
{
    return redis->expect_count + 16 < EXPECTS_MAX;
}

void pawl_redis_send_op(struct redis *redis, struct pawl_op *op)
{
    if (op->kind == PAWL_OP_CHECK && op->count == 0) send_check(redis);
    const struct pawl_redis_way way = {op->driver_data != NULL, ++redis->number,
                                       &redis->past.known};
    size_t size = pawl_redis_write_op(op, &redis->settings, way, output_front(redis));

    sent(redis, size, EXPECT_OP, op);
}

void pawl_redis_send_wait(struct redis *redis)
{
    char count[24], limit[24];

    (void)snprintf(count, sizeof count, "%" PRIu64, redis->settings.replicas);
    (void)snprintf(limit, sizeof limit, "%d", WAIT_MS);
    send_words(redis, EXPECT_WAIT, PAWL_REDIS_WORDS("WAIT", count, limit));
    redis->waiting = true;
}

void pawl_redis_send_meta(struct redis *redis, const struct pawl_tag *expected,
                          const struct pawl_redis_meta *want)
{
    redis->meta_state = META_ASKED;
    sent(redis, pawl_redis_write_meta(&redis->settings, expected, want, output_front(redis)),
         EXPECT_META, NULL);
}

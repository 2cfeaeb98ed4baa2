/* SPDX-License-Identifier: Apache-2.0 */
/* The branch: looked at with every new connection, and whenever an answer bears another one. */
#include "store/redis/own.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"

enum { META_TRIES_MAX = 8 };

struct pawl_identity pawl_redis_identity(const struct redis *redis)
{
    const struct pawl_redis_meta *meta = &redis->past.known;
    struct pawl_identity identity = {.position = meta->position};

    identity.name_size = (uint8_t)strnlen(meta->name, sizeof identity.name);
    memcpy(identity.name, meta->name, identity.name_size);
    identity.branch = pawl_tag_branch(&meta->tag);
    return identity;
}

static void meta_known(struct redis *redis, const struct pawl_redis_meta *meta)
{
    struct ops held = redis->held;
    struct pawl_op *op = NULL;

    redis->held = (struct ops){.first = NULL};
    redis->past = (struct pawl_redis_past){.known = *meta};
    redis->meta_state = META_KNOWN;
    redis->meta_tries = 0;
    while ((op = ops_pop(&held)) != NULL) {
        op->identity = pawl_redis_identity(redis);
        pawl_op_end(op, &redis->driver);
    }
}

/* Puts into the server what it has to say of itself; seen is what is there. */
static void meta_change(struct redis *redis, const struct pawl_redis_meta *seen, const char *why)
{
    struct pawl_redis_meta want = *seen;
    char text[LOG_TEXT_BYTES];

    (void)pawl_redis_meta_update(&want, &redis->seen, &redis->settings);
    if (seen->tag.number == 0) {
        (void)snprintf(want.name, sizeof want.name, "%016" PRIx64 "%016" PRIx64,
                       pawl_random(&redis->random), pawl_random(&redis->random));
    }
    if (seen->tag.number == 0 || why != NULL) {
        want.tag =
            pawl_tag_draw(&seen->tag, &redis->past.known.tag, &redis->past.redraw, &redis->random);
    }
    if (seen->tag.number != 0 && why != NULL) {
        pawl_log(PAWL_LOG_ERROR, "the store may have gone back, a new branch begins",
                 "store=\"%s\" branch=%" PRIu64 " was=%" PRIu64 " position=%" PRIu64
                 " seen=%" PRIu64 " why=%s",
                 redis->settings.where, want.tag.number, seen->tag.number, seen->position,
                 redis->past.known.position,
                 pawl_log_quote(text, sizeof text, (struct pawl_bytes){why, strlen(why)}));
    }
    pawl_redis_send_meta(redis, &seen->tag, &want);
}

const char *pawl_redis_meta_answered(struct redis *redis, const struct pawl_resp_reply *reply)
{
    const struct pawl_resp_value *first = &reply->values[0];
    struct pawl_redis_meta seen;
    const char *why = NULL;

    if (first->type == PAWL_RESP_ERROR) {
        const struct pawl_redis_trouble *trouble = pawl_redis_trouble_find(first->text);
        char text[REASON_BYTES];
        int shown = first->text.size < 160 ? (int)first->text.size : 160;

        (void)snprintf(text, sizeof text, "%.*s (%s)", shown, first->text.at, trouble->advice);
        pawl_redis_give_up(redis, trouble->code, text);
        return NULL;
    }
    if (!pawl_redis_meta_read(&seen, reply)) {
        pawl_redis_give_up(redis, PAWL_STORE,
                           "the key of the prefix with \"\\tstore\" behind it is not pawl's: "
                           "choose another prefix");
        return NULL;
    }
    bool past = pawl_redis_meta_is_past(&seen, &redis->past, &redis->seen, &redis->settings, &why);
    struct pawl_redis_meta updated = seen;
    bool old = pawl_redis_meta_update(&updated, &redis->seen, &redis->settings);

    if (seen.tag.number != 0 && !past && !old) {
        meta_known(redis, &seen);
    } else if (redis->meta_tries++ < META_TRIES_MAX) {
        meta_change(redis, &seen, past ? why : NULL);
    } else {
        return "others write what is kept about it all the time";
    }
    return NULL;
}

void pawl_redis_meta_looked(struct redis *redis)
{
    struct pawl_redis_meta updated = redis->past.known;

    if (redis->meta_state == META_KNOWN &&
        pawl_redis_meta_update(&updated, &redis->seen, &redis->settings)) {
        redis->meta_state = META_UNSEEN;
    }
}

bool pawl_redis_meta_doubts(struct redis *redis, const struct pawl_redis_head *head)
{
    struct pawl_redis_meta *known = &redis->past.known;
    bool same = pawl_tag_equal(&head->tag, &known->tag);

    if (same && head->position >= known->position) {
        known->position = head->position;
        return false;
    }
    if (same) redis->past.back = true;
    if (redis->meta_state == META_KNOWN) redis->meta_state = META_UNSEEN;
    return true;
}

void pawl_redis_meta_redraw(struct redis *redis, struct pawl_op *op)
{
    struct pawl_bytes text = {op->identity.branch.at, op->identity.branch.size};

    (void)pawl_tag_read(&redis->past.redraw, text);
    op->end = PAWL_OP_DONE;
    ops_add(&redis->held, op);
    pawl_redis_send_meta(redis, NULL, NULL);
}

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

void pawl_redis_tell_restart(struct redis *redis)
{
    const struct pawl_redis_restart *restart = &redis->restart;
    char lost[PAWL_REDIS_LOST_BYTES + 16];

    if (restart->event == NULL) return;
    pawl_log(restart->lossy ? PAWL_LOG_WARN : PAWL_LOG_INFO, restart->event,
             "store=\"%s\" run_id=%s lost=%s", redis->settings.where, redis->seen.run_id,
             pawl_log_quote(lost, sizeof lost,
                            (struct pawl_bytes){restart->lost, strlen(restart->lost)}));
    redis->restart.event = NULL;
}

/*
 * Another store answers now: it was flushed, or exchanged. What was meant for the one before is not
 * carried out there, once: whoever asked hears whom he would ask. Nothing of it was written.
 */
static void refuse(struct redis *redis, struct pawl_op *op)
{
    op->identity = pawl_redis_identity(redis);
    pawl_op_fail(op, &redis->driver, PAWL_OP_FAILED, PAWL_STORE,
                 "%s: another store answers there now: it was flushed, or exchanged",
                 redis->settings.where);
}

static void refuse_queued(struct redis *redis)
{
    struct ops queued = redis->queued;
    struct pawl_op *op = NULL;

    redis->queued = (struct ops){.first = NULL};
    while ((op = ops_pop(&queued)) != NULL) {
        if (pawl_redis_is_of_record(op)) {
            refuse(redis, op);
        } else {
            ops_add(&redis->queued, op);
        }
    }
}

static void note_other(const struct redis *redis, const struct pawl_redis_meta *now)
{
    pawl_log(PAWL_LOG_ERROR, "another store answers: the one before was flushed, or exchanged",
             "store=\"%s\" was=%s now=%s", redis->settings.where, redis->past.known.name,
             now->name);
}

static void meta_known(struct redis *redis, const struct pawl_redis_meta *meta)
{
    struct ops held = redis->held;
    struct pawl_op *op = NULL;
    bool other =
        redis->past.known.name[0] != '\0' && strcmp(redis->past.known.name, meta->name) != 0;

    if (other) note_other(redis, meta);
    redis->held = (struct ops){.first = NULL};
    redis->past = (struct pawl_redis_past){.known = *meta};
    redis->meta_state = META_KNOWN;
    redis->meta_tries = 0;
    while ((op = ops_pop(&held)) != NULL) {
        if (other && pawl_redis_is_of_record(op)) {
            refuse(redis, op);
            continue;
        }
        op->identity = pawl_redis_identity(redis);
        pawl_op_end(op, &redis->driver);
    }
    if (other) refuse_queued(redis);
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
    pawl_error error;

    if (first->type == PAWL_RESP_ERROR) {
        const struct pawl_redis_trouble *trouble = pawl_redis_trouble_find(first->text);
        char text[REASON_BYTES];
        int shown = first->text.size < 160 ? (int)first->text.size : 160;

        (void)snprintf(text, sizeof text, "%.*s (%s)", shown, first->text.at, trouble->advice);
        pawl_redis_give_up(redis, trouble->code, text);
        return NULL;
    }
    if (pawl_redis_meta_read(&seen, reply, &error) != PAWL_OK) {
        pawl_redis_give_up(redis, error.code, error.text);
        return NULL;
    }
    if (pawl_redis_meta_lacks(&seen, &redis->past)) pawl_redis_restart_went_back(&redis->restart);
    pawl_redis_tell_restart(redis);
    bool past = pawl_redis_meta_is_past(&seen, &redis->past, &redis->seen, &redis->settings, &why);
    struct pawl_redis_meta updated = seen;
    bool old = pawl_redis_meta_update(&updated, &redis->seen, &redis->settings);

    if (redis->looks_only || (seen.tag.number != 0 && !past && !old)) {
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

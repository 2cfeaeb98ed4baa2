/* SPDX-License-Identifier: Apache-2.0 */
#include "store/couchbase/past.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "store/couchbase/tokens.h"

enum { ENTRY_BYTES = 16, HALF_BYTES = 8, UUID_DIGITS = 16, LOG_BYTES_MAX = 64 * ENTRY_BYTES };
enum {
    NAME_TEXT_BYTES = PAWL_KV_UUID_BYTES_MAX + PAWL_KV_PREFIX_BYTES_MAX + 16,
    NAME_PLACE_MAX = PAWL_STORE_NAME_BYTES_MAX - UUID_DIGITS - 1, /* what a hash leaves */
};

static const struct pawl_kv_past *past_of(const struct pawl_kv_router *router, uint16_t vbucket)
{
    if (router->pasts == NULL || vbucket >= router->map.vbucket_count) return NULL;
    return &router->pasts[vbucket];
}

static uint64_t newest(const struct pawl_kv_past *past)
{
    return past == NULL || past->size == 0 ? 0 : pawl_mcbp_get(past->log, HALF_BYTES);
}

bool pawl_kv_past_known(const struct pawl_kv_router *router, uint16_t vbucket, uint64_t uuid)
{
    uint64_t known = newest(past_of(router, vbucket));

    return known != 0 && (uuid == 0 || uuid == known);
}

void pawl_kv_past_keep(struct pawl_kv_router *router, uint16_t vbucket, struct pawl_bytes log)
{
    const struct pawl_kv_token *token = router->tokens;

    if (vbucket >= router->map.vbucket_count || log.size < ENTRY_BYTES) return;
    if (router->pasts == NULL) {
        router->pasts = calloc(router->map.vbucket_count, sizeof *router->pasts);
        if (router->pasts == NULL) return; /* the branch stays unknown: floors protect */
    }
    struct pawl_kv_past *past = &router->pasts[vbucket];

    log.size -= log.size % ENTRY_BYTES;
    if (log.size > LOG_BYTES_MAX) log.size = LOG_BYTES_MAX; /* older ones count as unknown */
    char *copy = realloc(past->log, log.size);

    if (copy == NULL) return;
    memcpy(copy, log.at, log.size);
    past->log = copy;
    past->size = log.size;
    if (token != NULL) token += vbucket;
    past->lost =
        token != NULL && token->before_uuid != 0 &&
        pawl_kv_history_of(log, token->before_uuid, token->before_seqno) != PAWL_KV_HISTORY_KEPT;
}

void pawl_kv_past_forget(struct pawl_kv_router *router)
{
    for (size_t i = 0; router->pasts != NULL && i < router->map.vbucket_count; i++) {
        free(router->pasts[i].log);
    }
    free(router->pasts);
    router->pasts = NULL;
}

/* false: the text is none. */
static bool read_uuid(struct pawl_bytes text, uint64_t *uuid)
{
    *uuid = 0;
    for (size_t i = 0; i < text.size; i++) {
        int digit = pawl_hex_digit(text.at[i]);

        if (digit < 0) return false;
        *uuid = *uuid << 4 | (uint64_t)digit;
    }
    return text.size == UUID_DIGITS;
}

/*
 * Whether the present history goes on from the one that a record bears: then it has all that was
 * written there durably, unless a write of our own is seen to be missing.
 */
static bool goes_on_from(const struct pawl_kv_past *past, struct pawl_bytes was)
{
    uint64_t uuid = 0;

    if (past == NULL || past->lost || !read_uuid(was, &uuid)) return false;
    for (size_t at = 0; at < past->size; at += ENTRY_BYTES) {
        if (pawl_mcbp_get(past->log + at, HALF_BYTES) == uuid) return true;
    }
    return false;
}

struct pawl_branch pawl_kv_past_branch(const struct pawl_kv_router *router, uint16_t vbucket,
                                       uint64_t uuid, struct pawl_bytes was)
{
    const struct pawl_kv_past *past = past_of(router, vbucket);
    struct pawl_branch branch = {.size = 0};
    char text[UUID_DIGITS + 1];
    bool told = uuid == 0 || uuid == newest(past);

    if (uuid == 0) uuid = newest(past);
    if (uuid == 0) return branch;
    (void)snprintf(text, sizeof text, "%016" PRIx64, uuid);
    memcpy(branch.at, text, UUID_DIGITS);
    branch.size = UUID_DIGITS;
    branch.loses =
        router->settings->durability == PAWL_MCBP_NOT_DURABLE || !told || !goes_on_from(past, was);
    return branch;
}

/* '#' and ':' are in no prefix. */
static uint8_t store_name(const struct pawl_kv_router *router, char to[PAWL_STORE_NAME_BYTES_MAX])
{
    const struct pawl_kv_settings *settings = router->settings;
    char text[NAME_TEXT_BYTES];
    size_t place =
        (size_t)snprintf(text, sizeof text, "%s/%" PRIx32, router->map.uuid, router->collection_id);
    size_t size = place + (size_t)snprintf(text + place, sizeof text - place, "%s%s",
                                           settings->plain ? ":plain" : "/",
                                           settings->plain ? "" : settings->prefix);

    if (size > PAWL_STORE_NAME_BYTES_MAX) {
        uint64_t hash = pawl_bytes_hash((struct pawl_bytes){text, size}, 0);

        if (place > NAME_PLACE_MAX) place = NAME_PLACE_MAX;
        size = place + (size_t)snprintf(text + place, sizeof text - place, "#%016" PRIx64, hash);
    }
    memcpy(to, text, size);
    return (uint8_t)size;
}

struct pawl_identity pawl_kv_past_identity(const struct pawl_kv_router *router)
{
    struct pawl_identity identity = {.position = 0};

    if (router->map.uuid[0] != '\0') identity.name_size = store_name(router, identity.name);
    return identity;
}

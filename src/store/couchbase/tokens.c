/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whether writes that were answered were lost. Each answer tells by which history of its vBucket
 * (a uuid) and where in it (a sequence number) the write stands. Another uuid means a failover or
 * a flush; the vBucket's log of failovers then says where the new history left the old one.
 */
#include "store/couchbase/tokens.h"

#include <inttypes.h>
#include <stdlib.h>

#include "base/log.h"
#include "store/couchbase/router.h"

enum { TOKEN_BYTES = 16, ENTRY_BYTES = 16, HALF_BYTES = 8 };

struct look {
    struct pawl_kv_call call;
    struct pawl_kv_router *router;
    struct pawl_kv_token last; /* the last write of the old history that was answered */
};

enum pawl_kv_history pawl_kv_history_of(struct pawl_bytes log, uint64_t uuid, uint64_t seqno)
{
    uint64_t newer_began = 0;

    for (size_t at = 0; at + ENTRY_BYTES <= log.size; at += ENTRY_BYTES) {
        uint64_t entry = pawl_mcbp_get(log.at + at, HALF_BYTES);
        uint64_t began = pawl_mcbp_get(log.at + at + HALF_BYTES, HALF_BYTES);

        if (entry == uuid) {
            if (at == 0 || newer_began >= seqno) return PAWL_KV_HISTORY_KEPT;
            return PAWL_KV_HISTORY_LOST;
        }
        newer_began = began;
    }
    return PAWL_KV_HISTORY_UNKNOWN;
}

static void look_done(struct pawl_kv_call *call)
{
    struct look *look = PAWL_OWNER(call, struct look, call);
    bool told = call->end == PAWL_KV_ANSWERED && call->reply.status == PAWL_MCBP_SUCCESS;
    enum pawl_kv_history history = PAWL_KV_HISTORY_UNKNOWN;

    if (told) history = pawl_kv_history_of(call->reply.value, look->last.uuid, look->last.seqno);
    if (history == PAWL_KV_HISTORY_KEPT) {
        pawl_log(PAWL_LOG_INFO, "couchbase vbucket failed over without loss",
                 "bucket=%s vbucket=%" PRId32, look->router->settings->bucket, call->vbucket);
    } else {
        pawl_log(PAWL_LOG_ERROR, "couchbase vbucket went back in time",
                 "bucket=%s vbucket=%" PRId32 " uuid=%016" PRIx64 " seqno=%" PRIu64 " certain=%d",
                 look->router->settings->bucket, call->vbucket, look->last.uuid, look->last.seqno,
                 history == PAWL_KV_HISTORY_LOST);
    }
    free(look);
}

static void look_after(struct pawl_kv_router *router, uint16_t vbucket, struct pawl_kv_token last)
{
    struct look *look = calloc(1, sizeof *look);

    if (look == NULL) return; /* it is said only: floors protect by themselves */
    look->router = router;
    look->last = last;
    look->call.opcode = PAWL_MCBP_GET_FAILOVER_LOG;
    look->call.pinned = true;
    look->call.vbucket = vbucket;
    look->call.done = look_done;
    pawl_kv_router_begin(router, &look->call);
}

void pawl_kv_tokens_note(struct pawl_kv_router *router, uint16_t vbucket, struct pawl_bytes extras)
{
    if (extras.size != TOKEN_BYTES || vbucket >= router->map.vbucket_count) return;
    if (router->tokens == NULL) {
        router->tokens = calloc(router->map.vbucket_count, sizeof *router->tokens);
        if (router->tokens == NULL) return;
    }
    struct pawl_kv_token *last = &router->tokens[vbucket];
    struct pawl_kv_token token = *last;

    token.uuid = pawl_mcbp_get(extras.at, HALF_BYTES);
    token.seqno = pawl_mcbp_get(extras.at + HALF_BYTES, HALF_BYTES);

    if (last->uuid != 0 && last->uuid != token.uuid) {
        look_after(router, vbucket, *last);
        token.before_uuid = last->uuid;
        token.before_seqno = last->seqno;
    } else if (last->uuid == token.uuid && token.seqno < last->seqno) {
        return; /* answers overtook each other */
    }
    *last = token;
}

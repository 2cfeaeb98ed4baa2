/* SPDX-License-Identifier: Apache-2.0 */
/* One request to whichever node has the key, and its one end. */
#ifndef PAWL_KV_CALL_H
#define PAWL_KV_CALL_H

#include "store/couchbase/document.h"
#include "wire/mcbp.h"

enum pawl_kv_end {
    PAWL_KV_ANSWERED, /* reply is set until done returns */
    PAWL_KV_FAILED,   /* it was not carried out, nor will be; error says why */
    PAWL_KV_UNKNOWN,  /* a mutation may have been carried out, or may be yet; error says why */
};

struct pawl_kv_node;

/* The caller's memory until done is called, which may begin it, or others, again. */
struct pawl_kv_call {
    uint8_t opcode;
    bool mutates; /* bears the durability that was asked for */
    struct pawl_kv_key key;
    uint8_t extras_size;
    char extras[PAWL_MCBP_EXTRAS_BYTES_MAX];
    uint64_t cas;
    struct pawl_bytes value; /* the caller's, until done */
    bool pinned;             /* about no key: any node, or vbucket's */
    int32_t vbucket;         /* pinned: -1: any node */
    void (*done)(struct pawl_kv_call *call);
    /* Of a reply that comes as several (STAT): each but the last, which is empty. NULL: none. */
    void (*part)(struct pawl_kv_call *call, const struct pawl_mcbp_reply *reply);

    enum pawl_kv_end end;
    struct pawl_mcbp_reply reply;
    pawl_error error;

    /* The router's. */
    struct pawl_kv_call *next;
    struct pawl_kv_node *node; /* that it was sent to, while it is not answered */
    uint16_t sent_vbucket;
    uint32_t opaque;
    bool collection_asked;
    uint64_t deadline_ns; /* 0: to be set in the next turn */
    uint64_t delay_ns;    /* likewise, how long to wait before the next try; 0: not at all */
    uint64_t due_ns;      /* not to be sent before */
    uint64_t sent_ns;
};

struct pawl_kv_calls {
    struct pawl_kv_call *first;
    struct pawl_kv_call **end;
};

static inline void pawl_kv_calls_add(struct pawl_kv_calls *calls, struct pawl_kv_call *call)
{
    if (calls->first == NULL) calls->end = &calls->first;
    call->next = NULL;
    *calls->end = call;
    calls->end = &call->next;
}

/* NULL: empty. */
static inline struct pawl_kv_call *pawl_kv_calls_pop(struct pawl_kv_calls *calls)
{
    struct pawl_kv_call *call = calls->first;

    if (call != NULL) calls->first = call->next;
    return call;
}

#endif

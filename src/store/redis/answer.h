/* SPDX-License-Identifier: Apache-2.0 */
/* What replies mean for operations. No I/O. */
#ifndef PAWL_REDIS_ANSWER_H
#define PAWL_REDIS_ANSWER_H

#include "store/fields.h"
#include "store/redis/request.h"
#include "wire/resp.h"

/* Values in one reply: a page of looks. */
enum { PAWL_REDIS_VALUES_MAX = PAWL_REDIS_LIST_MAX * (5 + PAWL_FIELDS) + 16 };

/* What an error of the server's means. */
struct pawl_redis_trouble {
    const char *word; /* the error begins with it, or says it of a command within a script */
    bool untouched;   /* nothing was written, if that is the answer to the whole request */
    bool doubt;       /* it is not what it was when it was looked at last */
    pawl_err code;
    const char *advice; /* what to do */
};

/* Never NULL: of an error that is not known nothing is known. */
const struct pawl_redis_trouble *pawl_redis_trouble_find(struct pawl_bytes text);

/* What Redis said where it refused a request, or a command within a script of a record's. */
struct pawl_redis_refusal {
    struct pawl_bytes said;
    bool untouched; /* nothing of the record was written */
};

/* NULL: reply is no refusal. */
const struct pawl_redis_trouble *pawl_redis_trouble_of(const struct pawl_op *op,
                                                       const struct pawl_resp_reply *reply,
                                                       struct pawl_redis_refusal *refusal);

enum pawl_redis_outcome {
    PAWL_REDIS_ENDS,      /* end, error and found are set, for pawl_op_end */
    PAWL_REDIS_NO_SCRIPT, /* nothing was done: the request has to be sent whole */
    PAWL_REDIS_SENSELESS, /* it is no answer to that request: nothing on this connection is sure */
};

/* CHECK: found is left alone; its items are pawl_redis_report's. */
enum pawl_redis_outcome pawl_redis_answer(struct pawl_op *op,
                                          const struct pawl_redis_settings *settings,
                                          const struct pawl_resp_reply *reply);

/* What an answer bears before all else. */
struct pawl_redis_head {
    uint64_t number;     /* the request's */
    struct pawl_tag tag; /* of a record: the branch there is; number 0: none */
    uint64_t position;   /* likewise */
};

/*
 * Takes the head that an answer to op bears off reply, which then is as pawl_redis_answer wants it.
 * false: it has none. Errors have none either: head is all zeros.
 */
bool pawl_redis_bears(const struct pawl_op *op, struct pawl_redis_head *head,
                      struct pawl_resp_reply *reply);

/* WRITE and ADVANCE. */
bool pawl_redis_writes(const struct pawl_op *op);
/* FAILED or UNKNOWN, whichever is right for an op whose request may have been carried out. */
enum pawl_op_end pawl_redis_end_of_sent(const struct pawl_op *op);

#endif

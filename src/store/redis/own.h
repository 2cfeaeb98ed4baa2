/* SPDX-License-Identifier: Apache-2.0 */
/* What the parts of the driver share: redis.c has its life and its turns, send.c what goes out,
 * receive.c what comes back. */
#ifndef PAWL_REDIS_OWN_H
#define PAWL_REDIS_OWN_H

#include "net/link.h"
#include "net/tls.h"
#include "store/redis/answer.h"
#include "store/redis/facts.h"
#include "store/redis/report.h"

enum {
    EXPECTS_MAX = 1024, /* replies that are waited for */
    OUTPUT_BYTES = 64 * 1024,
    INPUT_BYTES_MIN = 16 * 1024,
    INPUT_BYTES_MAX = 4 * 1024 * 1024,
    REASON_BYTES = 400,
    LOG_TEXT_BYTES = 600,
    WAIT_MS = 1000, /* for replicas */
};

#define CONNECT_NS     PAWL_NS_PER_S
#define ANSWER_NS      (2500 * PAWL_NS_PER_MS)
#define LOOK_NS        (30 * PAWL_NS_PER_S) /* a look is good for */
#define UNFIT_NS       PAWL_NS_PER_S        /* an unfit server is not asked again for */
#define RETRY_LEAST_NS (20 * PAWL_NS_PER_MS)
#define RETRY_MOST_NS  (2 * PAWL_NS_PER_S)

enum state {
    STATE_APART,
    STATE_DIALLING,
    STATE_GREETS, /* open; the first look is not over */
    STATE_OPEN,   /* looked at: error says whether it is fit */
};

/* What the next reply is about. */
enum expected {
    EXPECT_OP,
    EXPECT_LOGIN,  /* AUTH, SELECT, WAIT 0: an error ends the connection */
    EXPECT_NAME,   /* CLIENT SETNAME: whatever it is */
    EXPECT_CONFIG, /* one of the look's */
    EXPECT_INFO,   /* the last of a look */
    EXPECT_FLUSH,  /* ACL DRYRUN, for CHECK */
    EXPECT_TRIES,  /* the script INIT, for CHECK */
    EXPECT_META,   /* of the look, or another one at that alone */
    EXPECT_WAIT,
};

struct expect {
    enum expected what;
    struct pawl_op *op;
    uint64_t sent_ns;
    uint64_t number; /* that an op's answer must bear: a doubled one before it would shift all */
};

struct ops {
    struct pawl_op *first;
    struct pawl_op **end;
};

enum meta_state {
    META_UNSEEN, /* nothing is sent before it is known */
    META_ASKED,
    META_KNOWN,
};

struct redis {
    struct pawl_driver driver;
    struct pawl_redis_settings settings;
    struct pawl_tls *tls; /* NULL: plain */
    struct pawl_link link;
    enum state state;
    uint64_t now_ns; /* of the present or the last turn */
    uint64_t random;
    uint64_t number; /* of the last op sent; begins by luck, so that it is no other client's */
    uint64_t dialled_ns, looked_ns, retry_ns;
    bool looks_only;    /* nothing is written, not what is kept about the server either */
    bool retry_unknown; /* it failed outside a turn: the next one sets retry_ns */
    bool greet_due;     /* it opened outside a turn */
    bool looking;
    bool doubted;      /* look before anything else is sent */
    bool waiting;      /* a WAIT is under way */
    unsigned failures; /* in a row */
    pawl_error error;  /* APART: the last failure; OPEN: why it is unfit, or PAWL_OK */
    struct pawl_redis_facts facts, seen; /* of the look under way; of the last one */
    struct pawl_redis_restart restart;   /* not told yet */
    enum meta_state meta_state;
    unsigned meta_tries; /* against others' */
    struct pawl_redis_past past;
    struct pawl_redis_census census; /* of the CHECK whose pages are fetched */
    char flush[128];                 /* what ACL DRYRUN said last */
    pawl_error tried;                /* what INIT's tries ended with last */
    struct ops queued;               /* not sent */
    struct ops settling;             /* written, their WAIT is not answered */
    struct ops held;                 /* over, but for the branch that is being looked at */
    struct expect expects[EXPECTS_MAX];
    size_t expect_first, expect_count;
    char *input;
    size_t input_size, input_room;
    size_t output_size;
    char output[OUTPUT_BYTES];
    struct pawl_resp_value values[PAWL_REDIS_VALUES_MAX];
};

static inline void ops_add(struct ops *ops, struct pawl_op *op)
{
    if (ops->first == NULL) ops->end = &ops->first;
    op->next = NULL;
    *ops->end = op;
    ops->end = &op->next;
}

static inline struct pawl_op *ops_pop(struct ops *ops)
{
    struct pawl_op *op = ops->first;

    if (op != NULL) ops->first = op->next;
    return op;
}

/* redis.c: the connection must end, and with it every op that hangs on it. */
void pawl_redis_give_up(struct redis *redis, pawl_err code, const char *reason);

/* send.c: requests gather in the output until they are flushed. */
void pawl_redis_flush(struct redis *redis);
void pawl_redis_send_greeting(struct redis *redis);
void pawl_redis_send_look(struct redis *redis);
bool pawl_redis_has_room(const struct redis *redis); /* for one op, whatever goes before it */
void pawl_redis_send_op(struct redis *redis, struct pawl_op *op);
void pawl_redis_send_wait(struct redis *redis);
/* want: to be put in the place of what has the branch expected; NULL: only looks. */
void pawl_redis_send_meta(struct redis *redis, const struct pawl_tag *expected,
                          const struct pawl_redis_meta *want);

/* sight.c: the branch. */
/* Logs a restart that was seen, once. */
void pawl_redis_tell_restart(struct redis *redis);
struct pawl_identity pawl_redis_identity(const struct redis *redis);
/* A reply to META. Returns why the connection must end, or NULL. */
const char *pawl_redis_meta_answered(struct redis *redis, const struct pawl_resp_reply *reply);
/* The server was looked at: whether what is kept about it has to be, too. */
void pawl_redis_meta_looked(struct redis *redis);
/* An answer's head: whether its op has to wait until the branch was looked at. */
bool pawl_redis_meta_doubts(struct redis *redis, const struct pawl_redis_head *head);
/* REDRAW. */
void pawl_redis_meta_redraw(struct redis *redis, struct pawl_op *op);

/* receive.c: takes whole replies off what came. Returns why the connection must end, or NULL. */
const char *pawl_redis_received(struct redis *redis, struct pawl_bytes bytes);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* What the driver's files share: call.c has requests and their retries, table.c the table as a
 * whole, check.c what its settings promise, dynamodb.c operations on items. */
#ifndef PAWL_DYNAMODB_OWN_H
#define PAWL_DYNAMODB_OWN_H

#include "store/dynamodb/credentials.h"
#include "store/dynamodb/item.h"
#include "store/dynamodb/verdict.h"

enum {
    PAWL_DYNAMODB_TABLE_BYTES_MIN = 3,
    PAWL_DYNAMODB_TABLE_BYTES_MAX = 255,
    PAWL_DYNAMODB_REGION_BYTES_MAX = 63,
    PAWL_DYNAMODB_ENDPOINT_BYTES_MAX = 511,
    PAWL_DYNAMODB_LIMIT_MS = 2500, /* of one operation, retries included */
    PAWL_DYNAMODB_INIT_MS = 60000, /* of making a table */
    PAWL_DYNAMODB_QUEUE_MS = 2500, /* before that, of waiting for a connection to be free */
    PAWL_DYNAMODB_BUDGET = 500,    /* for retries, at most */
};

/* A table that was not heard of for so long is looked at again first: it may be another one of the
 * same name by now. To delete one and restore another in its place takes longer. */
#define PAWL_DYNAMODB_LOOK_NS (60 * PAWL_NS_PER_S)

struct pawl_dynamodb;

/* error: PAWL_OK, or what is missing. */
typedef void pawl_dynamodb_tried(struct pawl_dynamodb *store, struct pawl_op *op,
                                 const pawl_error *error);

/* One request, with its retries. From pawl_dynamodb_call until done has returned. */
struct pawl_dynamodb_call {
    struct pawl_dynamodb *store;
    const char *target;         /* "UpdateItem" */
    bool reads;                 /* carried out twice, nothing differs */
    struct pawl_op *op;         /* the caller's; may be NULL */
    pawl_dynamodb_tried *tried; /* tries.c's */
    /* RAN, CONDITION, NOT, or, unless it only reads, PERHAPS. */
    struct pawl_dynamodb_verdict verdict;
    int64_t skew_s; /* our clock less the service's, as far as it told; 0: it did not */
    void (*done)(struct pawl_dynamodb_call *call);

    char *body;
    struct pawl_http_exchange exchange;
    struct pawl_aws_wait keys_wait;
    uint64_t generation;  /* of the keys that it was signed with */
    uint64_t deadline_ns; /* 0: not sent yet */
    uint64_t due_ns;      /* when its pause is over, or it has waited for a connection too long */
    unsigned tries;
    bool renewed;
    struct pawl_dynamodb_call *next;
};

enum pawl_dynamodb_state {
    PAWL_DYNAMODB_UNSEEN, /* nobody has looked at the table, or it could not be used */
    PAWL_DYNAMODB_LOOKING,
    PAWL_DYNAMODB_READY,
};

struct pawl_dynamodb {
    struct pawl_driver driver;
    struct pawl_http *http;
    struct pawl_aws_credentials *credentials;
    char table[PAWL_DYNAMODB_TABLE_BYTES_MAX + 1];
    char region[PAWL_DYNAMODB_REGION_BYTES_MAX + 1]; /* that is written to: the home region's */
    char endpoint[PAWL_DYNAMODB_ENDPOINT_BYTES_MAX + 1];
    char profile[PAWL_DYNAMODB_TABLE_BYTES_MAX + 1];
    bool has_home;      /* the URL says which region is home */
    bool may_be_hidden; /* and that it is used though nobody may describe it */
    bool hidden;        /* as it was last looked at: that was logged */
    uint64_t random;
    int64_t budget; /* for retries: each takes some, each success gives back a little */
    uint64_t token_generation;
    char token_header[PAWL_AWS_TOKEN_BYTES_MAX + 32];
    size_t busy;                       /* requests under way */
    struct pawl_dynamodb_call *queued; /* until one of them is over */
    struct pawl_dynamodb_call **queued_end;
    struct pawl_dynamodb_call *delayed; /* until their pause is over */
    enum pawl_dynamodb_state state;
    uint64_t heard_ns;             /* when the table last answered */
    struct pawl_identity identity; /* of the table as it was last looked at */
    struct pawl_op *waiting;       /* until the table is known */
    struct pawl_op **waiting_end;
    struct pawl_op *init; /* being carried out */
    uint64_t init_end_ns, init_due_ns;
    unsigned init_looks;
    bool closing;
};

/* Begins a request; takes body over (NULL: no memory). done may be called from inside. */
void pawl_dynamodb_call(struct pawl_dynamodb *store, const struct pawl_dynamodb_call *like,
                        char *body);
/* What waits for its next try: sends what is due, returns when the next one is. */
uint64_t pawl_dynamodb_calls_turn(struct pawl_dynamodb *store, uint64_t now_ns);
/* Ends what waits; what is under way was ended by pawl_http_free. */
void pawl_dynamodb_calls_close(struct pawl_dynamodb *store);

/* Ends op by what its call ended in, as far as that is a failure. */
void pawl_dynamodb_op_fail(struct pawl_dynamodb *store, struct pawl_op *op,
                           const struct pawl_dynamodb_verdict *verdict);

/* Whether the table, as DescribeTable has it, can be used: PAWL_OK, or what is wrong. */
pawl_err pawl_dynamodb_table_judge(const struct pawl_dynamodb *store, const json_t *table,
                                   pawl_error *error);
/* The same of a part of it: of its key; and whether it can be used now. */
pawl_err pawl_dynamodb_key_judge(const struct pawl_dynamodb *store, const json_t *table,
                                 pawl_error *error);
pawl_err pawl_dynamodb_status_judge(const struct pawl_dynamodb *store, const json_t *table,
                                    pawl_error *error);
/* tries.c: whether the role may do what is done all the time; writes nothing. Uses op's records. */
void pawl_dynamodb_try(struct pawl_dynamodb *store, struct pawl_op *op, pawl_dynamodb_tried *tried);
/* Adds op to those that wait until the table is known, and looks at it. */
void pawl_dynamodb_look(struct pawl_dynamodb *store, struct pawl_op *op);
/* dynamodb.c: one that waited can be carried out now. */
void pawl_dynamodb_op_begin(struct pawl_dynamodb *store, struct pawl_op *op);
void pawl_dynamodb_init(struct pawl_dynamodb *store, struct pawl_op *op);
uint64_t pawl_dynamodb_init_turn(struct pawl_dynamodb *store, uint64_t now_ns);
void pawl_dynamodb_check(struct pawl_dynamodb *store, struct pawl_op *op);

/* How many regions hold the table, the one that was asked included; *strong: reads and conditions
 * see all of them. */
size_t pawl_dynamodb_regions(const json_t *table, bool *strong);

/* How init and URLs are read: for tests. */
pawl_err pawl_dynamodb_configure(struct pawl_dynamodb *store, const char *url,
                                 const char *(*env)(const char *name, void *arg), void *arg,
                                 pawl_error *error);

#endif

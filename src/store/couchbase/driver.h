/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of the Couchbase driver share. */
#ifndef PAWL_KV_DRIVER_H
#define PAWL_KV_DRIVER_H

#include "net/tls.h"
#include "store/couchbase/router.h"
#include "store/records.h"

/* Creates that wait for their names to be listed, in one of the index's documents. */
struct pawl_kv_shard {
    struct pawl_kv_call call;
    struct pawl_kv_driver *driver;
    bool busy;
    struct pawl_kv_work *waiting; /* come since the write under way began */
    struct pawl_kv_work *listing; /* whose names that write lists */
    char *document;               /* the call's value; jansson's to free */
    unsigned tries;
};

/* A listing's names, kept for its next page. */
struct pawl_kv_names {
    struct pawl_name *at;
    size_t count, room;
};

struct pawl_kv_driver {
    struct pawl_driver driver;
    struct pawl_kv_settings settings;
    struct pawl_tls *tls;
    struct pawl_kv_router router;
    bool no_multi_mutation; /* a server that lacks it: whole documents are written instead */
    struct pawl_kv_shard shards[PAWL_KV_INDEX_SHARDS];
    struct pawl_kv_names names;
    struct pawl_name names_end; /* where the last page ended; size 0: nothing is kept */
    uint64_t names_ns;
};

/* An operation on one record, until it ends. */
struct pawl_kv_work {
    struct pawl_kv_call call;
    struct pawl_kv_driver *driver;
    struct pawl_op *op;
    struct pawl_kv_work *next; /* of a shard's */
    bool refused;              /* the condition does not hold; what is there is being read */
    uint16_t vbucket;          /* of the answer that ends it */
    uint64_t uuid;             /* by which history it was written; 0: it was not, or is not told */
    char *value;               /* the call's */
};

static inline struct pawl_kv_driver *pawl_kv_driver_of(struct pawl_driver *driver)
{
    return PAWL_OWNER(driver, struct pawl_kv_driver, driver);
}

/* ops.c: READ, WRITE, ADVANCE. */
void pawl_kv_op_begin(struct pawl_kv_driver *driver, struct pawl_op *op);
/* The name is listed, or error says why not: then nothing of the record was written. */
void pawl_kv_op_listed(struct pawl_kv_work *work, const pawl_error *error);
/* Ends the op of a call that failed, or whose answer has no meaning here. */
void pawl_kv_op_call_failed(struct pawl_kv_driver *driver, struct pawl_op *op,
                            const struct pawl_kv_call *call);

/* plain.c: what a document that is a bare number cannot do. PAWL_OK: it can. */
pawl_err pawl_kv_plain_judge(const struct pawl_kv_settings *settings, const struct pawl_op *op,
                             pawl_error *error);
/* The record as such a document holds it. */
void pawl_kv_plain_shape(const struct pawl_kv_settings *settings, struct pawl_record *record);

/* index.c: lists the work's name, then calls pawl_kv_op_listed. */
void pawl_kv_index_add(struct pawl_kv_work *work);
/* Adds the names of an index document. */
pawl_err pawl_kv_index_read(struct pawl_kv_names *names, struct pawl_bytes document,
                            pawl_error *error);

/* listing.c */
void pawl_kv_list(struct pawl_kv_driver *driver, struct pawl_op *op);

/* check.c: PING, INIT, CHECK. */
void pawl_kv_check(struct pawl_kv_driver *driver, struct pawl_op *op);

#endif

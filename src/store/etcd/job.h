/* SPDX-License-Identifier: Apache-2.0 */
/* One operation under way: its calls, one after the other, and its end. */
#ifndef PAWL_ETCD_JOB_H
#define PAWL_ETCD_JOB_H

#include "store/etcd/etcd.h"

struct etcd_job {
    struct etcd *etcd;
    struct pawl_op *op;
    struct etcd_call call;
    char *body;
    bool as_read; /* the condition has the value as it was read, not as we would write it */
    pawl_error full;
    struct etcd_look look;
    void (*then)(struct etcd_job *job); /* when the branch is known */
    bool met;                           /* PING: a member has answered */
    uint64_t begun_ns;
};

/*
 * What an operation is given as its token: the key's revision and, above it, how often the store
 * had been seen to go back by then. After that the same revisions come again.
 */
enum { PAWL_ETCD_TOKEN_REVISION_BITS = 56 };

static inline uint64_t pawl_etcd_token(const struct etcd *etcd, uint64_t revision)
{
    return revision == 0 ? 0 : revision | etcd->meta.backs << PAWL_ETCD_TOKEN_REVISION_BITS;
}

static inline uint64_t pawl_etcd_token_revision(uint64_t token)
{
    return token & ((UINT64_C(1) << PAWL_ETCD_TOKEN_REVISION_BITS) - 1);
}

/* NULL: no memory, and the operation is ended. */
struct etcd_job *pawl_etcd_job_new(struct etcd *etcd, struct pawl_op *op);

/* Each ends the operation, and frees the job. */
void pawl_etcd_job_end(struct etcd_job *job, enum pawl_op_end end);
void pawl_etcd_job_done(struct etcd_job *job);
void pawl_etcd_job_refused(struct etcd_job *job);
void pawl_etcd_job_fail(struct etcd_job *job, enum pawl_op_end end, const pawl_error *error);
void pawl_etcd_job_fail_as_called(struct etcd_job *job); /* the call's end is the operation's */

/* Each goes on with done or then, unless it ends the operation: nothing was written then. */

/* body is copied. */
void pawl_etcd_job_call(struct etcd_job *job, const char *path, struct pawl_bytes body,
                        void (*done)(struct etcd_call *call));
/* Asks for the operation's key. */
void pawl_etcd_job_range(struct etcd_job *job, void (*done)(struct etcd_call *call));
/* When the store's branch has been asked for. */
void pawl_etcd_job_look(struct etcd_job *job, void (*then)(struct etcd_job *job));
/* The same, if the branch is not known already, or it is time to look for one again. */
void pawl_etcd_job_with_branch(struct etcd_job *job, void (*then)(struct etcd_job *job));

/* The record that a range over one key answered with, its name being the operation's. */
pawl_err pawl_etcd_job_record(const struct etcd_job *job, const json_t *range,
                              struct etcd_pair *pair, struct pawl_record *record,
                              pawl_error *error);

/* write.c: WRITE, when the branch is known. */
void pawl_etcd_job_write(struct etcd_job *job);

/* tries.c: INIT, a PING, and CHECK when all else was looked at: whether the user may read and
 * write. */
void pawl_etcd_job_try(struct etcd_job *job);

#endif

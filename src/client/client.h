/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the handles of libpawl are. A client has a body: the keeper's thread, the source below it
 * and the vault with all ids. A forked child has none of them; the first call there that finds its
 * stock empty makes a new body, and the handles go on with that.
 */
#ifndef PAWL_CLIENT_H
#define PAWL_CLIENT_H

#include <stdatomic.h>

#include "client/registry.h"
#include "client/vault.h"
#include "net/turner.h"
#include "pawl/pawl.h"
#include "range/lane.h"

enum { PAWL_SEQ_BUCKETS = 256 };

/* One process's part of a client. Made whole, then published; never changed but at its end. */
struct pawl_body {
    struct pawl_vault *vault;
    struct pawl_turner *turner;
    struct pawl_source *below; /* a store, for pawl_stores.forked; the turner's */
};

struct pawl_client {
    _Atomic(struct pawl_body *) body;
    pawl_options options;             /* no zeros */
    const struct pawl_stores *stores; /* NULL: the URL names servers */
    char *url;
    /* Names that were opened: only ever added to, at the front, so that a fork finds them whole. */
    _Atomic(struct pawl_seq *) seqs[PAWL_SEQ_BUCKETS];
    _Atomic uint64_t burned; /* ids that came for calls that had left, or were left in lanes */
};

struct pawl_seq {
    /* In a child this is the parent's until it is opened anew, wiped: an empty stock. */
    _Atomic(struct pawl_stock *) stock;
    struct pawl_client *client;
    _Atomic(struct pawl_holding *) holding;
    _Atomic(struct pawl_body *) body;    /* whose holding that is; written after the two */
    _Atomic(struct pawl_body *) opening; /* for whom it is being opened */
    struct pawl_seq *next;
    struct pawl_name name;
};

/* An ids' way out for one thread. */
struct pawl_lane {
    struct pawl_run *run; /* in the vault: wiped in a child, and so empty */
    struct pawl_stock *stock;
    struct pawl_seq *seq;
    struct pawl_body *body; /* whose vault has the run */
};

/* client_open.c */
/* The body of this process, made anew in a child; or PAWL_FORKED, or why none can be made. */
pawl_err pawl_client_body(struct pawl_client *client, struct pawl_body **body, pawl_error *error);
/* The time when a call that begins now and waits for timeout_ns at most must return. */
uint64_t pawl_deadline_ns(uint64_t timeout_ns);

/* seq.c */
/* Makes the seq's holding that of this process's body, waiting for it until deadline_ns; without
 * waiting if that is 0: PAWL_EMPTY while it is under way. */
pawl_err pawl_seq_revive(struct pawl_seq *seq, uint64_t deadline_ns);
/* The keeper's thread, or whoever opens: the seq gets its holding. */
void pawl_seq_install(struct pawl_seq *seq, struct pawl_body *body, struct pawl_holding *holding);

#endif

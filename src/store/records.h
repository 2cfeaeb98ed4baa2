/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A store of records over a network: everything that is the same for all of them. Asks become
 * operations on one record, which a driver carries out in its store's own words:
 *
 *     ask -> records: what does it do to the record? -> operation -> driver -> the store
 *
 * The driver needs four: READ a record, WRITE one if nobody wrote it since, ADVANCE it in one round
 * trip (where the store can), LIST them. The record last seen is remembered, as advice only: what
 * is decided from it is carried out by a write that is conditional on it, or else read anew first.
 *
 * Every write draws a new random tag. So a write that may have been carried out (a lost reply, a
 * connection that resent by itself) is told by its tag, and carrying it out again does nothing.
 */
#ifndef PAWL_RECORDS_H
#define PAWL_RECORDS_H

#include "store/store.h"

enum {
    PAWL_RECORDS_KEPT_MAX = 8192,  /* records remembered of sequences that nobody asks for now */
    PAWL_RECORDS_TRIES_MAX = 24,   /* of one ask, against others' writes */
    PAWL_RECORDS_SHARED_MAX = 256, /* asks for ids of one sequence in one operation */
};

enum pawl_op_kind {
    PAWL_OP_READ,
    PAWL_OP_WRITE,
    PAWL_OP_ADVANCE,
    PAWL_OP_LIST,
    PAWL_OP_PING,  /* connected, allowed in, and settings that can keep the promise */
    PAWL_OP_INIT,  /* makes what the store needs before its first record: pawl store init */
    PAWL_OP_CHECK, /* pawl store check */
    /*
     * See PAWL_ASK_REDRAW. If the tag that the store keeps for that has no higher number than
     * identity.branch, it is drawn anew by compare-and-set. DONE in either case. Asked only of
     * drivers that redraw.
     */
    PAWL_OP_REDRAW,
};

enum pawl_op_end {
    PAWL_OP_DONE,
    PAWL_OP_REFUSED, /* WRITE, ADVANCE: the condition does not hold; nothing was written. If the
                        store does not tell what is there, the driver reads it first */
    PAWL_OP_FAILED,  /* nothing was written, nor will be; error says why */
    PAWL_OP_UNKNOWN, /* it may have been written, or may be yet; error says why */
};

/*
 * The records' memory until the driver ends it. A record with epoch 0 says that there is none: its
 * name is set all the same.
 */
struct pawl_op {
    enum pawl_op_kind kind;
    /*
     * READ:    its name.
     * WRITE:   all of it, as it shall be. Condition: what the store has is `expected`, told by its
     *          tag and version, or is nothing if expected.epoch is 0. (An ADVANCE that somebody on
     *          the way sends again, late, brings its tag back: with another version.)
     * ADVANCE: the record as it shall be if `expected` is still right. Condition: a record is
     *          there, not dropped, its epoch and lap are expected's, and low <= next <= high. Then
     *          next moves on by count x increment from where it is, version by one; tag, rate and
     *          written_at become the record's; all else stays.
     */
    struct pawl_record record;
    struct pawl_record expected;
    uint64_t token; /* what the driver gave with `expected`: a CAS, a revision; 0: none */
    uint64_t count;
    int64_t low, high;
    struct pawl_page *page;   /* LIST: each is called by pawl_page_record */
    struct pawl_check *check; /* CHECK */

    enum pawl_op_end end;
    pawl_error error;         /* FAILED, UNKNOWN */
    struct pawl_record found; /* READ, and DONE or REFUSED writes: what is there now */
    uint64_t found_token;
    /*
     * Out, at every end where the store answered; all zeros before. PING: all of it. REDRAW: in,
     * as the ask has it; out. READ, WRITE, ADVANCE: branch, as it was when the store carried it
     * out, as far as it concerns this record: this is what keeps a store that failed over from
     * giving ids again, so it must not be older. Most stores have one branch for all records. One
     * that is never told (size 0) is never compared: for records that cannot bear one, or stores
     * that have none. Name and position, where they cost nothing.
     * WRITE and ADVANCE carry and bring the branch that the *record* bears like its other fields.
     */
    struct pawl_identity identity;

    struct pawl_op *next; /* the driver's, while it has the op */
    void *driver_data;    /* likewise */
};

struct pawl_driver {
    const struct pawl_driver_ops *ops;
    struct pawl_records *records; /* set by pawl_records_new */
};

/*
 * begin  takes the op over. It is ended exactly once, by pawl_op_end, now or later, from any
 *        callback on the loop's thread. What comes between two turns may travel together.
 * turn   does what is due (flushes, time limits); returns when it wants its next turn.
 * close  ends every op (FAILED if it was not sent, UNKNOWN otherwise) and frees the driver. Handles
 *        of the loop may close later: their memory stays until then.
 * forked in a forked child, whose parent goes on: closes descriptors, unread, and nothing else.
 */
struct pawl_driver_ops {
    const char *scheme; /* "redis": for logs and errors */
    bool advances;      /* false: ADVANCE is never asked, WRITE does it */
    bool redraws;       /* false: REDRAW is never asked */
    bool in_order;      /* LIST's names are in pawl_bytes_order's */
    void (*begin)(struct pawl_driver *driver, struct pawl_op *op);
    uint64_t (*turn)(struct pawl_driver *driver, uint64_t now_ns);
    void (*close)(struct pawl_driver *driver);
    void (*forked)(struct pawl_driver *driver);
};

/*
 * A store over driver, which is the store's from here on, whatever is returned.
 *
 * Errors:   PAWL_NO_MEMORY: driver is closed
 */
pawl_err pawl_records_new(struct pawl_driver *driver, const struct pawl_store_options *options,
                          struct pawl_source **store, pawl_error *error);

/* The drivers' two ways to end an op; end, found and error are set as told above. */
void pawl_op_end(struct pawl_op *op, struct pawl_driver *driver);
/* FAILED or UNKNOWN, with its story. */
void pawl_op_fail(struct pawl_op *op, struct pawl_driver *driver, enum pawl_op_end end,
                  pawl_err code, const char *format, ...) __attribute__((format(printf, 5, 6)));

/* As pawl_store_forked. */
void pawl_records_forked(struct pawl_source *store);

#endif

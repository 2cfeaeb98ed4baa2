/* SPDX-License-Identifier: Apache-2.0 */
/* What the two halves of a store of records share: records.c has its life, records_work.c decides
 * what an ask does to a record and what an operation's end means for it. */
#ifndef PAWL_RECORDS_OWN_H
#define PAWL_RECORDS_OWN_H

#include "store/records.h"

struct pawl_records;
struct settling;

/* How long to ask again whether a change was made whose answer is lost. */
#define PAWL_RECORDS_DOUBT_NS (4 * PAWL_NS_PER_S)

/* A sequence that is asked for, or was lately: its record as last seen. */
struct entry {
    struct pawl_name name;
    struct entry *chain;         /* of its bucket */
    struct entry *older, *newer; /* while nobody asks for it */
    struct entry *called;        /* the next one, while it waits to be taken up */
    struct pawl_asks waiting;    /* until `work` is over */
    struct work *work;
    bool known;                /* record and token are set: advice, not truth */
    struct pawl_record record; /* epoch 0: there was none */
    uint64_t token;
    struct pawl_branch branch; /* the store's, as last told for this record; size 0: never */
};

/* Asks that are being carried out together, by one operation after the other. */
struct work {
    struct pawl_op op;
    struct pawl_records *records;
    struct entry *entry;       /* NULL: it is about no one sequence */
    struct pawl_asks asks;     /* at least one; all for ids if more */
    struct work *next;         /* of the list that it is in */
    struct settling *settling; /* of a rename; NULL: never needed */
    unsigned tries;
    bool fresh;            /* the entry's record was read for this work */
    uint64_t due_ns;       /* when it goes on, while it waits */
    uint64_t doubt_end_ns; /* a change may have been carried out: how long to find out; 0: no */
};

struct works {
    struct work *first;
    struct work **end;
};

struct pawl_records {
    struct pawl_source source;
    struct pawl_driver *driver;
    struct pawl_store_options options;
    uint64_t random;
    uint64_t now_ns;
    bool closing;
    struct entry **buckets;
    struct entry *oldest, *newest; /* that nobody asks for */
    size_t idle_count;
    struct entry *called; /* whose asks are taken up in the next turn */
    struct entry **called_end;
    struct works singles;     /* about no one sequence; likewise */
    struct works ended;       /* whose operation has ended */
    struct works delayed;     /* until due_ns */
    struct pawl_asks refused; /* their error is set */
    struct pawl_source_ops ops;
};

/* Such asks of one sequence can be carried out together. */
static inline bool is_for_ids(const struct pawl_ask *ask)
{
    return (ask->kind == PAWL_ASK_TAKE || ask->kind == PAWL_ASK_NEXT) && ask->count > 0;
}

/* What pawl_record_apply is told. */
struct pawl_moment pawl_work_moment(const struct work *work);

void pawl_works_add(struct works *works, struct work *work);
struct work *pawl_works_pop(struct works *works); /* NULL: empty */

/* Hands the operation to the driver; its end comes back as work_ended. */
void pawl_work_start(struct work *work, enum pawl_op_kind kind);
/* Answers all of the work's asks; one that has no error has its results. The work is over. */
void pawl_work_answer(struct work *work);
/* The same, all of them with one error. */
void pawl_work_fail(struct work *work, pawl_err code, const char *text);
/* Goes on later: others are writing the same record, or its store cannot be reached. */
void pawl_work_delay(struct work *work);

/* records_work.c: begins the work, or goes on with it after a delay. */
void pawl_work_go_on(struct work *work);
/* Its operation has ended: what that means, and what comes next. */
void pawl_work_ended(struct work *work);

/* records_rename.c */

/* The operation under way, or put off, is about a rename. */
bool pawl_work_settling(const struct work *work);
/* The record of the entry was read, and is unsettled: settles it, and goes on with the work. */
void pawl_settle_own(struct work *work);
/* RENAME, of a record that was read: up to the tombstone's write, which ends as others do. */
void pawl_settle_rename(struct work *work);
/* RENAME: that write is done. */
void pawl_settle_left(struct work *work);
void pawl_settle_go_on(struct work *work); /* after a delay */
void pawl_settle_ended(struct work *work); /* its operation */

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* All records of a store, or of a backup, in memory. */
#ifndef PAWL_GATHER_H
#define PAWL_GATHER_H

#include "client/care.h"

struct pawl_gathered;

/* {0} is empty. */
struct pawl_gather {
    struct pawl_gathered **items; /* the first `sorted` of them in the order of their names */
    size_t count, room, sorted;
    unsigned pass;
    bool no_memory;
    /* What the last pass found: */
    uint64_t added;          /* names that were not there in the one before */
    uint64_t changed;        /* names whose epoch is another, or that are there no more */
    struct pawl_name change; /* one of them */
};

/* Adds a record, or sets the one of its name, which is of this pass. */
void pawl_gather_add(struct pawl_gather *gather, const struct pawl_record *record);
/* Ends the pass: takes out what was not added in it, and sorts. */
void pawl_gather_end_pass(struct pawl_gather *gather);
/* Takes out what was not there in the pass before the last one. Returns how many. */
uint64_t pawl_gather_drop_added(struct pawl_gather *gather);

/* Of the sorted ones. */
void pawl_gather_get(const struct pawl_gather *gather, size_t index, struct pawl_record *record);
/* false: there is none, and record has epoch 0 and the name. */
bool pawl_gather_find(const struct pawl_gather *gather, const struct pawl_name *name,
                      struct pawl_record *record);
void pawl_gather_free(struct pawl_gather *gather);

/* How a store is gathered. Stays until pawl_care_free: after a time-out its ask is still pending.
 */
struct pawl_gathering {
    struct pawl_care *care;
    struct pawl_source *store;
    const char *match; /* NULL: all names */
    bool goes_on;      /* though some cannot be read: page.unread says so */
    uint64_t timeout_ns;
    bool (*progress)(uint64_t looked_at, void *arg); /* may be NULL */
    void *arg;
    struct pawl_gather gather;
    struct pawl_page page; /* its own, as all below */
    struct pawl_ask ask;
    uint64_t looked_at;
};

/* One pass over the store: the records whose names match, tombstones too. */
pawl_err pawl_gather_store(struct pawl_gathering *gathering, pawl_error *error);

#endif

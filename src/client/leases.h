/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Per sequence, the latest lease from any server, and how many asks are unanswered: what decides
 * whether ids may be given back (design 5.6). A ticket names one lease of one connection and is
 * never used again, so two names with one hash cost a give-back, never an id.
 */
#ifndef PAWL_LEASES_H
#define PAWL_LEASES_H

#include "base/base.h"

struct pawl_lease {
    struct pawl_lease *next;
    uint64_t key;        /* hash of the sequence's name */
    uint64_t ticket;     /* what the asker calls the lease; 0: there is none to return */
    uint64_t lease;      /* what the server calls it */
    uint64_t connection; /* of that server */
    uint32_t server;
    uint32_t unanswered; /* asks that may still bring ids, to any server */
};

/* {0} is empty. */
struct pawl_leases {
    struct pawl_lease **buckets;
    size_t bucket_count; /* a power of two, or 0 */
    size_t count;
    uint64_t last_ticket;
};

struct pawl_lease *pawl_leases_find(const struct pawl_leases *leases, uint64_t key);
/* Finds or adds; NULL: no memory. */
struct pawl_lease *pawl_leases_add(struct pawl_leases *leases, uint64_t key);
/* Forgets those that nothing can come of: no ticket, nothing unanswered. */
void pawl_leases_sweep(struct pawl_leases *leases);
void pawl_leases_free(struct pawl_leases *leases);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The gap ledger: what became of the ids of each sequence that one keeper reserved. At any time
 *
 *     burned, over all causes = reserved - used - held - given back
 *
 * to the last id. Used is what was handed out, or leased and not known to be lost since. Sequences
 * that have no gap cost nothing once they are idle.
 */
#ifndef PAWL_LEDGER_H
#define PAWL_LEDGER_H

#include "pawl/gaps.h"
#include "range/mark.h"

enum {
    PAWL_LEDGER_ROWS_MAX = 100000, /* sequences with gaps, idle and in no archive: beyond them only
                                      the sums of all sequences are right */
};

const char *pawl_cause_name(enum pawl_cause cause);

/* Ids that come and go, in a keeper. They only rise. */
enum pawl_flow {
    PAWL_FLOW_RESERVED,   /* granted from below, or perhaps in an answer that never came */
    PAWL_FLOW_HANDED,     /* taken from stock, as far as noticed, or handed out by NEXT */
    PAWL_FLOW_LEASED,     /* to askers above */
    PAWL_FLOW_RETURNED,   /* of those, given back */
    PAWL_FLOW_GIVEN_BACK, /* below */
    PAWL_FLOW_COUNT,
};

struct pawl_books {
    uint64_t flows[PAWL_FLOW_COUNT];
    uint64_t burned[PAWL_CAUSE_COUNT];
    uint64_t asked; /* ids in an ask below that is not answered yet: they are in nothing else */
    bool bounded;   /* after and top are known */
    int64_t after;  /* the one before the first that is held */
    int64_t top;    /* the furthest reserved: what is held lies between the two */
    bool crash_bounded;
    int64_t crash_after, crash_top; /* the same, as of the latest crash */
    bool stopped;        /* the source was last asked in vain: it went back, and stops it */
    uint64_t stops;      /* how often that was so */
    uint64_t steps_back; /* moves of the record for us, as its store had gone back, or may have */
    uint64_t step_back_ids; /* that were jumped over: never reserved, they are no part of the sum */
};

/*
 * Where books survive their keeper. Both are called on the keeper's thread. What is saved outlives
 * the process, however that ends. A keeper saves before it asks for ids or gives any back, and when
 * it has judged the answer: so whatever dies where, its books never say less than what is gone.
 */
struct pawl_archive {
    /* false: there are none. */
    bool (*load)(struct pawl_archive *self, struct pawl_bytes name, struct pawl_books *books);
    /* *place: 0 at first; what it says then spares the next save of this name a search. */
    void (*save)(struct pawl_archive *self, struct pawl_bytes name, const struct pawl_books *books,
                 uint32_t *place);
};

/* Handed out or leased, and not known to be lost since. */
static inline uint64_t pawl_books_used(const struct pawl_books *books)
{
    return books->flows[PAWL_FLOW_HANDED] + books->flows[PAWL_FLOW_LEASED] -
           books->flows[PAWL_FLOW_RETURNED] - books->burned[PAWL_CAUSE_UNREAD] -
           books->burned[PAWL_CAUSE_UNREPORTED];
}

uint64_t pawl_books_burned(const struct pawl_books *books);
/* Whether they tell anything that has to be kept. */
bool pawl_books_tell(const struct pawl_books *books);
/* Reserved, and nothing is known of them yet. */
uint64_t pawl_books_held(const struct pawl_books *books);
/*
 * Of books whose keeper is gone: what it held, and had asked for, is booked as `crash`. Some of it
 * may have been handed out since, or never been granted: it is an upper bound. Returns how many.
 */
uint64_t pawl_books_recover(struct pawl_books *books);
void pawl_books_gaps(const struct pawl_books *books, int64_t since, pawl_gaps *gaps);

/* Books of sequences, those that have gaps. {0} is empty. */
struct pawl_row {
    struct pawl_row *chain;
    struct pawl_books books; /* its flows are right while its keeper does not have the sequence */
    uint8_t name_size;
    char name[];
};

struct pawl_ledger {
    struct pawl_row **table; /* chains, size a power of two */
    size_t size;
    size_t count;
};

struct pawl_row *pawl_ledger_find(const struct pawl_ledger *ledger, struct pawl_bytes name);
/* NULL: no memory, or PAWL_LEDGER_ROWS_MAX are there. */
struct pawl_row *pawl_ledger_get(struct pawl_ledger *ledger, struct pawl_bytes name);
void pawl_ledger_drop(struct pawl_ledger *ledger, struct pawl_row *row);
void pawl_ledger_free(struct pawl_ledger *ledger);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Judges what clients were given: each id once over all of them, rising for each one, within its
 * bounds, on its sequence's grid; and counts what is missing between.
 */
#ifndef HISTORY_H
#define HISTORY_H

#include "base/base.h"
#include "cli/stream.h"
#include "pawl/err.h"

enum { HISTORY_EXAMPLES_MAX = 10, HISTORY_TAKERS_MAX = 65536, HISTORY_THREADS_MAX = 64 };

/* One taker's ids in the order in which it got them. */
struct history_taker {
    const char *name;
    const int64_t *ids;
    size_t count;
    bool cut; /* a last id was, and is left out */
    /* When each call began and when it had returned, in one clock's nanoseconds; NULL: not known.
     */
    const int64_t *begun_ns, *done_ns;
    /* Private: its file, and what was made of it. */
    struct stream stream;
    void *made;
};

struct history {
    struct history_taker *takers;
    size_t count;
};

/* What is true of the sequence. */
struct history_rules {
    int64_t increment; /* not 0 */
    int64_t least, most;
    bool grid; /* ids are start plus multiples of increment; else the first id found says where */
    int64_t start;
    bool global;      /* ORDER GLOBAL: needs times */
    unsigned threads; /* 1 to HISTORY_THREADS_MAX */
};

enum history_fault {
    HISTORY_TWICE,  /* one id, two takers or one */
    HISTORY_FALLS,  /* it came after a later one, to the same taker */
    HISTORY_BOUNDS, /* beyond least or most */
    HISTORY_GRID,   /* no start plus multiple of increment */
    HISTORY_GLOBAL, /* its call began when a later id's had returned */
    HISTORY_FAULTS
};

struct history_example {
    enum history_fault fault;
    int64_t id, other; /* other: what it came after; TWICE: unused */
    size_t taker, other_taker;
};

struct history_report {
    uint64_t ids, distinct;
    uint64_t faults[HISTORY_FAULTS];
    struct history_example examples[HISTORY_EXAMPLES_MAX];
    size_t example_count;
    int64_t first, last;   /* in the direction of the increment; only if distinct > 0 */
    uint64_t missing;      /* ids between first and last that nobody was given */
    uint64_t gaps;         /* runs of such ids */
    uint64_t largest;      /* ids of the longest run, */
    int64_t largest_first; /* which begins here */
};

/*
 * Reads files, one per taker, each named once; "-" is standard input. A name that ends in ".i64":
 * 64-bit integers, little-endian. Any other: lines of text, "ID" or "ID BEGUN_NS DONE_NS"; empty
 * ones and those that begin with '#' are skipped. A last id that is cut (a line without its end) is
 * left out: its writer was killed.
 *
 * Memory:   history_free ends it, whatever was returned; names are not copied
 * Errors:   PAWL_BAD_REQUEST  a file that cannot be read, or a line that is none: file and line
 *           PAWL_LIMIT        too many files
 *           PAWL_NO_MEMORY
 */
pawl_err history_read(char *const *paths, size_t count, struct history *history, pawl_error *error);
void history_free(struct history *history);

/*
 * Errors:   PAWL_BAD_REQUEST  rules that cannot be meant, or `global` of a taker without times
 *           PAWL_NO_MEMORY
 */
pawl_err history_check(const struct history *history, const struct history_rules *rules,
                       struct history_report *report, pawl_error *error);

const char *history_fault_name(enum history_fault fault); /* "twice", for JSON */

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Gaps: ids that were reserved and are never handed out, counted by cause. Every gap has one; a
 * server counts those of the ids that it reserved itself.
 */
#ifndef PAWL_GAPS_H
#define PAWL_GAPS_H

#include <stdbool.h>
#include <stdint.h>

/*
 * X(constant, word in INFO and logs, whether it is an upper bound, in plain words). Where it is
 * one, nobody can know which of the ids were handed out after all.
 */
#define PAWL_CAUSE_MAP(X)                                                                  \
    X(PAWL_CAUSE_LOST, "lost-answer", true, "in answers of the source that never came")    \
    X(PAWL_CAUSE_LATE, "late", false, "in answers that came after later ones")             \
    X(PAWL_CAUSE_ROLLBACK, "rollback-jump", false,                                         \
      "granted by a store that had gone back in time, and discarded")                      \
    X(PAWL_CAUSE_EXACT, "exact-tail", false, "too few in a row for a run, or left over")   \
    X(PAWL_CAUSE_OVERRUN, "overrun", true, "drawn by threads that then slept too long")    \
    X(PAWL_CAUSE_CHANGE, "change", false, "void since the sequence was changed")           \
    X(PAWL_CAUSE_NOT_KEPT, "not-taken-back", false, "unused, and could not be given back") \
    X(PAWL_CAUSE_UNREAD, "answer-not-sent", false, "for callers who had hung up")          \
    X(PAWL_CAUSE_UNREPORTED, "unreported", true, "leased to clients that never came back") \
    X(PAWL_CAUSE_CRASH, "crash", true, "with the server when it ended without a word")

enum pawl_cause {
#define PAWL_CAUSE_ENUM(constant, word, bound, text) constant,
    PAWL_CAUSE_MAP(PAWL_CAUSE_ENUM)
#undef PAWL_CAUSE_ENUM
        PAWL_CAUSE_COUNT
};

enum { PAWL_CAUSES_MAX = 16 }; /* room for causes to come */

/* What a server knows of the gaps of one sequence. */
typedef struct pawl_gaps {
    int64_t since;     /* seconds since 1970, when it began to count; 0: nobody counts */
    uint64_t reserved; /* ids, as far as it still knows: an idle sequence without gaps is forgotten
                          by a server that keeps no books, and no gap of it is known */
    uint64_t burned[PAWL_CAUSES_MAX]; /* ids, by cause */
    /* Of the latest crash alone: its ids lie after crash_after, up to crash_to. */
    bool crash_bounded; /* else that is not known */
    int64_t crash_after, crash_to;
    /* How often the sequence was moved on because its store had gone back, or may have, and over
     * how many ids. Nobody reserved those: they are in no cause. */
    uint64_t steps_back, step_back_ids;
    /* When the server last asked for ids of it the store had gone back, and gave none: it stops
     * until somebody moves it on (pawl fence). How often it has stopped. */
    bool stopped;
    uint64_t stops;
} pawl_gaps;

#endif

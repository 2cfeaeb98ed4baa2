/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What every store must do. A case is a function; it says ok, or which expectation failed. The
 * store may be shared with others and hold their sequences: each case has names of its own.
 */
#ifndef PAWL_TEST_CONFORMANCE_H
#define PAWL_TEST_CONFORMANCE_H

#include "drive.h"

enum { TRIAL_STORES_MAX = 24, TRIAL_PREFIX_BYTES = 24 };

/* What a case needs of a store besides the contract. */
enum trial_need {
    NEEDS_MEMORY = 1 << 0,  /* what it was told is there after close and open */
    NEEDS_SHARING = 1 << 1, /* opened more than once at a time */
    NEEDS_DRIVER = 1 << 2,  /* its records are written by a driver (store/records.h) */
    NEEDS_RECORD = 1 << 3,  /* it keeps the whole record, not a bare number */
    NEEDS_ADVANCE = 1 << 4, /* its driver advances in one step, not by a write */
};

struct trial_word;

struct trial {
    struct pawl_source *store; /* the first of stores */
    struct pawl_source *stores[TRIAL_STORES_MAX];
    size_t store_count;
    const char *url; /* to open it again */
    struct pawl_store_options options;
    uint64_t random;
    char prefix[TRIAL_PREFIX_BYTES]; /* of this case's names; nothing that a glob reads */
    struct trial_word *words;
    unsigned can; /* trial_need bits */
    bool failed;
};

struct conformance_case {
    const char *name;
    void (*run)(struct trial *trial);
    unsigned needs;
};

/* One list per theme, ended by a case without a name. */
extern const struct conformance_case conformance_define[];
extern const struct conformance_case conformance_ids[];
extern const struct conformance_case conformance_names[];
extern const struct conformance_case conformance_life[];
extern const struct conformance_case conformance_writers[];
extern const struct conformance_case conformance_repeat[];
extern const struct conformance_case conformance_moves[];
extern const struct conformance_case conformance_rename[];

/* Prints what was expected, and marks the trial. */
void trial_fail(struct trial *trial, const char *expected, const char *file, int line);
/* Closes the stores and opens the first again. */
bool trial_reopen(struct trial *trial);
/* Closes all that is open, and frees its words. */
void trial_end(struct trial *trial);
/* Opens the store until there are count of it. */
bool trial_open_more(struct trial *trial, size_t count);

/* The case's own name for word; the trial's memory. */
const char *trial_name(struct trial *trial, const char *word);
/* As drive.h has them, of the case's own name for word. */
struct deed trial_deed(struct trial *trial, enum pawl_ask_kind kind, const char *word);
pawl_err trial_create(struct trial *trial, const char *word, const pawl_definition *definition);
pawl_err trial_take(struct trial *trial, const char *word, uint64_t count,
                    struct pawl_grant *grant);
pawl_err trial_next(struct trial *trial, const char *word, uint64_t count,
                    struct pawl_grant *grant);
pawl_err trial_read(struct trial *trial, const char *word, struct pawl_record *record);
pawl_err trial_alter(struct trial *trial, const char *word, const pawl_definition *definition);
pawl_err trial_set(struct trial *trial, const char *word, int64_t id, bool force);
pawl_err trial_drop(struct trial *trial, const char *word);
pawl_err trial_fence(struct trial *trial, const char *word, uint64_t skip);
pawl_err trial_return(struct trial *trial, const char *word, const struct pawl_grant *grant,
                      int64_t first);
/* How many of the case's own sequences a listing in pages of page_count shows; SIZE_MAX: a page
 * failed, or a name came twice. glob stands behind the prefix. */
size_t trial_list(struct trial *trial, const char *glob, uint32_t page_count);

#define EXPECT(condition)                                      \
    do {                                                       \
        if (!(condition)) {                                    \
            trial_fail(trial, #condition, __FILE__, __LINE__); \
            return;                                            \
        }                                                      \
    } while (0)

#endif

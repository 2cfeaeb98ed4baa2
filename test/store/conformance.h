/* SPDX-License-Identifier: Apache-2.0 */
/* What every store must do. A case is a function; it says ok, or which expectation failed. */
#ifndef PAWL_TEST_CONFORMANCE_H
#define PAWL_TEST_CONFORMANCE_H

#include "drive.h"

struct trial {
    struct pawl_source *store; /* fresh, or with other cases' sequences */
    const char *url;           /* to open it again */
    struct pawl_store_options options;
    bool forgets; /* nothing is left after a close */
    bool failed;
};

struct conformance_case {
    const char *name;
    void (*run)(struct trial *trial);
    bool remembers; /* only for stores that do */
};

extern const struct conformance_case conformance_cases[];
extern const size_t conformance_case_count;

/* Prints what was expected, and marks the trial. */
void trial_fail(struct trial *trial, const char *expected, const char *file, int line);
/* Closes the store and opens it again. */
bool trial_reopen(struct trial *trial);

#define EXPECT(condition)                                      \
    do {                                                       \
        if (!(condition)) {                                    \
            trial_fail(trial, #condition, __FILE__, __LINE__); \
            return;                                            \
        }                                                      \
    } while (0)

#endif

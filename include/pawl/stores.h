/* SPDX-License-Identifier: Apache-2.0 */
/* libpawl-stores: the stores that libpawl can use without a server between. */
#ifndef PAWL_STORES_H
#define PAWL_STORES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "pawl/err.h"

#ifdef __cplusplus
extern "C" {
#endif

/**
 * Makes the stores of this library known to pawl_open. Calling it again does nothing.
 *
 * Blocks:   never
 * Threads:  any, before the first pawl_open that needs it
 * Memory:   none
 * Errors:   none
 */
PAWL_API void pawl_stores_register(void);

/* What one of a store's settings means for the promise that no id is handed out twice. */
typedef enum pawl_verdict {
    PAWL_VERDICT_KEEPS,  /* as it should be */
    PAWL_VERDICT_WARNS,  /* ids stay unique; something else suffers, or it could not be seen */
    PAWL_VERDICT_BREAKS, /* with this setting an id can be handed out twice */
} pawl_verdict;

typedef struct pawl_store_item {
    const char *what;   /* "durability" */
    const char *found;  /* how it is */
    const char *advice; /* what to change; NULL: nothing */
    pawl_verdict verdict;
} pawl_store_item;

/**
 * Makes what a store needs before its first sequence: a folder, a table. Where it is, it stays as
 * it is.
 *
 * Blocks:   until it is made, timeout_ns at most (0: 60 s)
 * Threads:  any
 * Memory:   none
 * Errors:   PAWL_BAD_REQUEST  the url cannot be meant
 *           PAWL_DENIED       its user may not make it
 *           PAWL_STORE        it cannot be reached or made now; error says why and what to do
 *           PAWL_TIMEOUT      it did not answer in time
 */
PAWL_API pawl_err pawl_store_init(const char *url, uint64_t timeout_ns, pawl_error *error)
    PAWL_CHECK;

/**
 * Looks whether a store's settings can keep the promise; each is called for one of them after the
 * other. PAWL_OK says only that all could be looked at.
 *
 * Blocks:   until it is known, timeout_ns at most (0: 60 s)
 * Threads:  any; each runs in the calling thread
 * Memory:   item and its texts are valid during the call of each only
 * Errors:   PAWL_BAD_REQUEST  the url cannot be meant, or what it names does not exist
 *           PAWL_DENIED       its user may not look
 *           PAWL_STORE        it cannot be reached now; error says why and what to do
 *           PAWL_TIMEOUT      it did not answer in time
 */
PAWL_API pawl_err pawl_store_check(const char *url, uint64_t timeout_ns,
                                   void (*each)(const pawl_store_item *item, void *arg), void *arg,
                                   pawl_error *error) PAWL_CHECK;

/* How far a copy has come. */
typedef struct pawl_copied {
    uint64_t total;        /* names found at the source, dropped ones too */
    uint64_t moved;        /* sequences that go on at the target; dry run: that would */
    uint64_t moved_before; /* sequences that had left before and are looked after once more */
    uint64_t dropped;      /* names whose sequence was dropped: their tombstones were copied */
    uint64_t elsewhere;    /* sequences that left for another store than this target */
    uint64_t failed;       /* told to `failed`, one by one */
    /* From when a sequence was asked to leave until it had arrived: nobody gets new ranges then. */
    uint64_t unavailable_median_ns; /* set at the end */
    uint64_t unavailable_max_ns;
} pawl_copied;

/* Zero means the default in each field, so `{0}` and NULL are good starts. */
typedef struct pawl_copy_options {
    const char *match;   /* a glob of names; default all */
    bool dry_run;        /* looks only */
    uint32_t in_flight;  /* sequences at once; default 128 */
    uint64_t timeout_ns; /* how long to try again for one of them; default 30 s */
    /* Now and then, and at the end. false: stop, once what has left has arrived. */
    bool (*progress)(const pawl_copied *copied, void *arg);
    void (*failed)(const char *name, const pawl_error *error, void *arg);
    void *arg;
} pawl_copy_options;

/**
 * Moves all sequences from one store to another, while both are in use: each leaves the source,
 * which gives no more ids of it from then on, and goes on at the target where it stood. What
 * is held of it elsewhere lies before that. It may end at any moment, however, and be called again:
 * what has left arrives then, and what has arrived stays as it is. What is created at the source
 * meanwhile may be left out: call it again.
 *
 * Blocks:   until all are moved
 * Threads:  any; progress and failed run in the calling thread
 * Memory:   *copied may be NULL; it is set whatever is returned
 * Errors:   PAWL_BAD_REQUEST  an url or option cannot be meant, or both mean one store
 *           PAWL_CLOSED       progress said so; the rest stays where it is until the next call
 *           any other         the first failure; the other sequences were moved all the same,
 *                             unless a store could not be used for timeout_ns
 */
PAWL_API pawl_err pawl_store_copy(const char *from, const char *to,
                                  const pawl_copy_options *options, pawl_copied *copied,
                                  pawl_error *error) PAWL_CHECK;

#ifdef __cplusplus
}
#endif

#endif

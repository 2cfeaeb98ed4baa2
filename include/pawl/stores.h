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
 *           PAWL_MISSING      what pawl_store_init makes is not there
 *           PAWL_STORE        it cannot be reached now, or gives nothing now, whatever each was
 *                             told; error says why and what to do
 *           PAWL_TIMEOUT      it did not answer in time
 */
PAWL_API pawl_err pawl_store_check(const char *url, uint64_t timeout_ns,
                                   void (*each)(const pawl_store_item *item, void *arg), void *arg,
                                   pawl_error *error) PAWL_CHECK;

/*
 * A store is waited for, for at_most_ns more: why says for which, and what it lacks. Called when
 * that has taken a second, and then now and then. false: stop.
 */
typedef bool pawl_waits(const pawl_error *why, uint64_t at_most_ns, void *arg);

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
    pawl_waits *waits;
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
 * Threads:  any; progress, failed and waits run in the calling thread
 * Memory:   *copied may be NULL; it is set whatever is returned
 * Errors:   PAWL_BAD_REQUEST  an url or option cannot be meant, or both mean one store
 *           PAWL_CLOSED       progress or waits said so; the rest stays where it is until the
 *                             next call
 *           any other         the first failure; the other sequences were moved all the same,
 *                             unless a store could not be used for timeout_ns
 */
PAWL_API pawl_err pawl_store_copy(const char *from, const char *to,
                                  const pawl_copy_options *options, pawl_copied *copied,
                                  pawl_error *error) PAWL_CHECK;

/* What a backup has. */
typedef struct pawl_backed_up {
    int64_t at;          /* when it was begun: seconds since 1970 */
    uint64_t sequences;  /* in use */
    uint64_t tombstones; /* dropped, renamed, moved to another store */
    uint64_t left_out;   /* created meanwhile, all the time: only a later backup has them */
} pawl_backed_up;

typedef struct pawl_backup_options {
    /* Where its text goes, piece by piece; false: it cannot be written. Needed. */
    bool (*write)(const char *bytes, size_t size, void *arg);
    const char *match;   /* a glob of names; default all */
    bool sql;            /* statements for PostgreSQL; not to be restored by pawl */
    uint64_t timeout_ns; /* how long to try again where the store cannot be used; default 30 s */
    /* Now and then: how many records were looked at. false: stop. */
    bool (*progress)(uint64_t looked_at, void *arg);
    pawl_waits *waits;
    void *arg;
} pawl_backup_options;

/**
 * Writes all records of a store, marks and tombstones with them, as they were at one moment during
 * the call, while the store is in use: but a mark may be of a moment later.
 *
 * Blocks:   until it is written
 * Threads:  any; write, progress and waits run in the calling thread
 * Memory:   *made may be NULL
 * Errors:   PAWL_BAD_REQUEST  the url or an option cannot be meant
 *           PAWL_CLOSED       write, progress or waits said so: what was written is no backup
 *           PAWL_BUSY         definitions change all the time; error names one
 *           any other         the store cannot be used
 */
PAWL_API pawl_err pawl_store_backup(const char *url, const pawl_backup_options *options,
                                    pawl_backed_up *made, pawl_error *error) PAWL_CHECK;

/* What became of one sequence of a backup. */
typedef enum pawl_restored_how {
    PAWL_RESTORED_NEW,       /* the store had nothing of its name */
    PAWL_RESTORED_BACK,      /* the backup's record was further */
    PAWL_RESTORED_KEPT,      /* the store's was as far, or further */
    PAWL_RESTORED_LINE,      /* they were of two lines: a new one begins beyond both */
    PAWL_RESTORED_TOMBSTONE, /* none is in use, as the backup has it */
    PAWL_RESTORED_STAYED,    /* nothing was to be done */
    PAWL_RESTORED_FAILED,    /* error says why; it stays as it is */
} pawl_restored_how;

/* Why it skips as many ids as it does. */
typedef enum pawl_skip_why {
    PAWL_SKIP_NONE,   /* no id is left, or none is in use */
    PAWL_SKIP_GIVEN,  /* options->skip */
    PAWL_SKIP_RATE,   /* its rate for options->skip_for_ns and what is held ahead */
    PAWL_SKIP_MARGIN, /* that is less than the least of any move */
} pawl_skip_why;

typedef struct pawl_restored_one {
    const char *name;
    pawl_restored_how how;
    pawl_skip_why why;
    int64_t from;            /* the next id that the further of backup and store knew */
    int64_t next;            /* where it goes on */
    uint64_t skipped;        /* ids between the two */
    double rate;             /* ids per second, the largest lately */
    const pawl_error *error; /* NULL: none */
} pawl_restored_one;

typedef struct pawl_restored {
    int64_t at;          /* when the backup was begun: seconds since 1970; 0: it is none */
    uint64_t total;      /* records of the backup, of those that match */
    uint64_t restored;   /* sequences that go on, moved beyond */
    uint64_t tombstones; /* names of the backup that no sequence bears now */
    uint64_t only_there; /* sequences in use that only the store has: they stay as they are */
    uint64_t failed;
    uint64_t skipped; /* ids, of all of them; saturates */
} pawl_restored;

typedef struct pawl_restore_options {
    const char *backup; /* the whole text of a backup. Needed, as its size is */
    size_t backup_size;
    /* How many ids at most were reserved of a sequence since the backup: given, or held ahead by
     * servers and clients. Or: for how long it was used since, at its rate. One is needed. */
    uint64_t skip, skip_for_ns;
    const char *match;   /* a glob of names; default all */
    bool dry_run;        /* looks only */
    uint32_t in_flight;  /* sequences at once; default 128 */
    uint64_t timeout_ns; /* how long to try again for one of them; default 30 s */
    void (*one)(const pawl_restored_one *one, void *arg);
    /* Now and then. false: begin nothing more. */
    bool (*progress)(uint64_t done, uint64_t total, void *arg);
    pawl_waits *waits;
    void *arg;
} pawl_restore_options;

/**
 * Makes the sequences of a backup go on in a store, each beyond what may have been taken of it
 * since the backup, in a new epoch. Nothing goes back by it: where the store's own record is
 * further, that one is moved on. It may end at any moment and be called again: what was restored
 * moves on again.
 *
 * Blocks:   until all are restored
 * Threads:  any; one, progress and waits run in the calling thread
 * Memory:   *restored may be NULL; it is set whatever is returned. What one is told is valid during
 *           its call only
 * Errors:   PAWL_BAD_REQUEST  the url or an option cannot be meant, or it is no whole backup
 *           PAWL_NO_SEQUENCE  nothing of the backup matches
 *           PAWL_STORE        a newer pawl wrote the backup, or the store cannot be used
 *           PAWL_CLOSED       progress or waits said so
 *           PAWL_DENIED       all were restored, and a record of the store that cannot be read
 *                             stays as it is; or as any other
 *           any other         the first failure; the other sequences were restored all the same,
 *                             unless the store could not be used for timeout_ns
 *           After the first two, and where a newer pawl wrote the backup, nothing was written.
 */
PAWL_API pawl_err pawl_store_restore(const char *url, const pawl_restore_options *options,
                                     pawl_restored *restored, pawl_error *error) PAWL_CHECK;

#ifdef __cplusplus
}
#endif

#endif

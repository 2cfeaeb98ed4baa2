/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The guard: what a server, or a client that is straight on a store, remembers of the store on its
 * own disk, so that a store that goes back in time gives it nothing a second time. Design 5.5.
 *
 * It is a source over a store. Asks for ids pass with the further of their own floor and of what it
 * has seen; what is granted it remembers before it answers, what is given back it forgets before
 * that is sent. It decides nothing else: a floor that shows a step back moves the record, as ever.
 * It looks after the store's name, branch and position as well. Of a store that bears another name
 * than the one it knows under a URL nothing is asked until somebody accepts it.
 */
#ifndef PAWL_STORE_GUARD_H
#define PAWL_STORE_GUARD_H

#include "store/guard_book.h"

enum { PAWL_GUARD_FOLDER_BYTES = 512 };

struct pawl_guard_settings {
    /* Where nothing is remembered of a sequence, and nobody tells how far it had come, ids are
     * asked for only so long after the guard began. 0: at once. */
    uint64_t learn_ns;
    bool refuse_rollback;         /* as pawl_keeper_settings' */
    int64_t (*wall_s)(void *arg); /* NULL: the system's */
    void *arg;
};

/* For INFO, --check and people. */
struct pawl_guard_view {
    char store[PAWL_STORE_NAME_BYTES_MAX + 1]; /* its name; "": not known yet */
    char branch[PAWL_BRANCH_BYTES_MAX + 1];
    char state[16]; /* "ready", "looking", "refused", "failing" */
    bool failing;   /* it cannot be written now */
    uint64_t position;
    uint64_t sequences;  /* remembered */
    uint64_t steps_back; /* of sequences, that were moved on: by this server's floors or branches */
    uint64_t discarded;  /* grants that lay behind what was seen */
    uint64_t times_back; /* that the store's position fell */
    uint64_t unwritten;  /* times that it could not be written */
    int64_t last_s;      /* of the last step back, since 1970; 0: none */
    uint64_t last_skipped;
    char last_name[PAWL_NAME_BYTES_MAX + 1];
};

struct pawl_guard;

/*
 * A guard over below, which keeps what it sees in book. Both are the guard's from here on, whatever
 * is returned; its source closes them.
 *
 * Errors:   PAWL_NO_MEMORY
 */
pawl_err pawl_guard_new(struct pawl_source *below, struct pawl_book *book,
                        const struct pawl_guard_settings *settings, struct pawl_guard **guard,
                        pawl_error *error);
struct pawl_source *pawl_guard_source(struct pawl_guard *guard);

/* Any thread. */
void pawl_guard_look(struct pawl_guard *guard, struct pawl_guard_view *view);

/* The guard whose source it is; NULL: it is another source. */
struct pawl_guard *pawl_guard_of(struct pawl_source *source);
struct pawl_source *pawl_guard_below(struct pawl_guard *guard);
/* As pawl_store_forked, of the guard alone. */
void pawl_guard_forked(struct pawl_guard *guard);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* What is done about a guard's data.mdb that is damaged, or ends the process that opens it. */
#ifndef PAWL_STORE_GUARD_ASIDE_H
#define PAWL_STORE_GUARD_ASIDE_H

#include <limits.h>

#include "store/guard_text.h"

enum {
    PAWL_GUARD_PATH_BYTES = PATH_MAX + PAWL_GUARD_NAME_BYTES + 64, /* of a guard's folder */
    PAWL_GUARD_OPENINGS_MAX = 3, /* that end the process, where nothing else tells why */
};

/*
 * LMDB trusts its pages: where one is damaged it may end the process, which begins anew, and so on.
 * The file "opening" has a byte for each opening that did not come to an end: "x", or "w" if it had
 * been looked at by then, and was written to. A process that was told to end, or was killed, counts
 * like one that died of it; what is opened is tried in another process then (guard_trial.h), which
 * tells the two apart.
 */
/* What is to be done where some of what a guard had seen is gone. */
#define PAWL_GUARD_LOST_ADVICE                                                                \
    "advice=\"see to the disk; if the store was put back, or failed over, since this server " \
    "last ran: pawl fence --all\""

struct pawl_guard_openings {
    uint64_t all;     /* that did not come to an end; 0 as well if nobody can tell */
    uint64_t written; /* of those, the last ones in a row that came as far as to write */
};

struct pawl_guard_openings pawl_guard_openings(const char *path);
/* One more, until it ends; false: it cannot be written. */
bool pawl_guard_opening_begins(const char *path);
void pawl_guard_opening_writes(const char *path);
void pawl_guard_opening_ends(const char *path);

/* Whether what is about to be opened ends the process that opens it. */
bool pawl_guard_is_deadly(const char *path, const struct pawl_guard_openings *openings);

/*
 * Nothing in its data.mdb can be relied on: it is kept for people, in a folder beside it. The
 * journal, whose frames have checksums of their own, stays. Wherever this is cut short, the next
 * one goes on with it. 0 or an errno.
 */
int pawl_guard_set_aside(const char *path, const char *why);

#endif

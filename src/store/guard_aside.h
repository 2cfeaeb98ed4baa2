/* SPDX-License-Identifier: Apache-2.0 */
/* What is done about a guard's data.mdb that is damaged, or ends the process that opens it. */
#ifndef PAWL_STORE_GUARD_ASIDE_H
#define PAWL_STORE_GUARD_ASIDE_H

#include <limits.h>

#include "store/guard_text.h"

enum {
    PAWL_GUARD_PATH_BYTES = PATH_MAX + PAWL_GUARD_NAME_BYTES + 64, /* of a guard's folder */
    PAWL_GUARD_OPENINGS_MAX = 3, /* that end the process, before what is opened is set aside */
};

/*
 * LMDB trusts its pages: where one is damaged it may end the process, which begins anew, and so on.
 * The file "opening" has a byte for each opening that did not come to an end. Killed ones count as
 * well, so it takes a few.
 */
/* How many they are; 0 as well if nobody can tell. */
uint64_t pawl_guard_openings(const char *path);
/* One more, until it ends; false: it cannot be written. */
bool pawl_guard_opening_begins(const char *path);
void pawl_guard_opening_ends(const char *path);

/*
 * Nothing in its data.mdb can be relied on: it is kept for people, in a folder beside it. The
 * journal, whose frames have checksums of their own, stays. Wherever this is cut short, the next
 * one goes on with it. 0 or an errno.
 */
int pawl_guard_set_aside(const char *path, const char *why);

#endif

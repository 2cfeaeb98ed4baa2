/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A guard that was closed cleanly had been looked at, and nobody has written to it since: the file
 * "clean" tells its data.mdb by number, size and time of its last write. The next opening takes it
 * away, and need not look at all of data.mdb.
 */
#ifndef PAWL_STORE_GUARD_CLEAN_H
#define PAWL_STORE_GUARD_CLEAN_H

#include <stdbool.h>

/* path: the guard's folder. Where it cannot be left, the next opening looks at all. */
void pawl_guard_clean_leave(const char *path);
/* Whether it is there and tells that very data.mdb. It is gone then, once the folder is synced. */
bool pawl_guard_clean_take(const char *path);

#endif

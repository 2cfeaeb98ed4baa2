/* SPDX-License-Identifier: Apache-2.0 */
/* pawl store check of an LMDB folder. */
#ifndef PAWL_STORE_LMDB_CHECK_H
#define PAWL_STORE_LMDB_CHECK_H

#include "range/source.h"
#include "store/lmdb_env.h"

/* env is open, so its folder lies on a file system whose locks and maps can be trusted. */
void pawl_lmdb_check(const struct pawl_lmdb_env *env, struct pawl_check *check);

/* What file system that is (statfs f_type), and what it means for what is kept there. */
struct pawl_lmdb_disk {
    const char *name;
    enum pawl_check_verdict verdict;
    const char *advice; /* NULL: nothing to change */
};
struct pawl_lmdb_disk pawl_lmdb_disk_of(uint32_t f_type);

#endif

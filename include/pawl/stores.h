/* SPDX-License-Identifier: Apache-2.0 */
/* libpawl-stores: the stores that libpawl can use without a server between. */
#ifndef PAWL_STORES_H
#define PAWL_STORES_H

#include "pawl/err.h"

#ifdef __cplusplus
extern "C" {
#endif

/**
 * Makes "memory:" and "lmdb:/folder" known to pawl_open. Calling it again does nothing.
 *
 * Blocks:   never
 * Threads:  any, before the first pawl_open that needs it
 * Memory:   none
 * Errors:   none
 */
PAWL_API void pawl_stores_register(void);

#ifdef __cplusplus
}
#endif

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* The variables of the environment that `pawl` heeds. */
#ifndef VARIABLES_H
#define VARIABLES_H

#include "base/base.h"

/*
 * The variable that an entry of the environment, "NAME=value", was meant to be, or NULL: it is one,
 * or comes close to none. (Names that begin with PAWL_ may be somebody else's, as those are which
 * Kubernetes sets for a service called pawl.)
 */
const char *variables_meant(const char *entry, struct pawl_bytes *name);

#endif

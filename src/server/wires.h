/* SPDX-License-Identifier: Apache-2.0 */
/* The protocols that pawld serves, by the schemes of --listen. */
#ifndef PAWLD_WIRES_H
#define PAWLD_WIRES_H

#include "server/conn.h"

/* NULL: there is none. */
const struct conn_wire *wires_find(struct pawl_bytes scheme);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* The RESP wire: what libpawl speaks, and every Redis client. */
#ifndef PAWLD_RESP_RESP_H
#define PAWLD_RESP_RESP_H

#include "server/conn.h"

extern const struct conn_wire resp_wire;

#endif

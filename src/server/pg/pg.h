/* SPDX-License-Identifier: Apache-2.0 */
/* The PostgreSQL wire: what PostgreSQL's drivers, ORMs and tools speak. */
#ifndef PAWLD_PG_H
#define PAWLD_PG_H

#include "server/conn.h"

extern const struct conn_wire pg_wire;

#endif

/* SPDX-License-Identifier: Apache-2.0 */
#include "server/wires.h"

#include <string.h>

#include "server/pg/pg.h"
#include "server/resp/resp.h"

const struct conn_wire *wires_find(struct pawl_bytes scheme)
{
    static const struct conn_wire *const wires[] = {&resp_wire, &pg_wire};

    for (size_t i = 0; i < PAWL_COUNT(wires); i++) {
        struct pawl_bytes name = {wires[i]->scheme, strlen(wires[i]->scheme)};

        if (pawl_bytes_equal(scheme, name)) return wires[i];
    }
    return NULL;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* An ask as the RESP request that a pawl server answers. Bytes out, no I/O. */
#ifndef PAWL_REQUEST_H
#define PAWL_REQUEST_H

#include "range/source.h"

enum {
    PAWL_REQUEST_BYTES_MAX = 2048,
    PAWL_REQUEST_GLOB_BYTES_MAX = 512,
    PAWL_REQUEST_LIST_MAX = 250, /* records in one page; whoever wants more gets it in pages */
};

/* Writes the request and returns its size; 0: a server cannot be asked this. */
size_t pawl_request_write(const struct pawl_ask *ask, char bytes[PAWL_REQUEST_BYTES_MAX]);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* Reads what is named on the command line: a file, or standard input for "-". */
#ifndef STREAM_H
#define STREAM_H

#include <sys/types.h>

#include "base/base.h"
#include "pawl/err.h"

bool stream_is_standard(const char *path);

/* All that a file holds: mapped, or of a pipe read to its end. */
struct stream {
    const char *bytes; /* aligned as malloc's; NULL: there are none */
    size_t size;
    dev_t device; /* which file it is */
    ino_t inode;
    bool mapped;
};

/*
 * Memory:   stream_let_go ends it, whatever was returned
 * Errors:   PAWL_BAD_REQUEST  it cannot be read: what and why; a pipe of over STREAM_BYTES_MAX
 */
pawl_err stream_hold(const char *path, struct stream *stream, pawl_error *error);
void stream_let_go(struct stream *stream);

#endif

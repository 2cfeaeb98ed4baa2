/* SPDX-License-Identifier: Apache-2.0 */
/* A file that takes its place at once, whole and on the disk, or not at all. */
#ifndef NEWFILE_H
#define NEWFILE_H

#include <limits.h>

#include "base/base.h"

struct newfile {
    int fd;               /* readable and writable for its owner alone */
    char path[PATH_MAX];  /* that it will have */
    char under[PATH_MAX]; /* that it has until then */
};

/* Each with an error of the system's: what is at path stays as it is. */
pawl_err newfile_begin(struct newfile *file, const char *path, pawl_error *error);
pawl_err newfile_write(struct newfile *file, const char *text, size_t size, pawl_error *error);
/* Ends it, whatever is returned. */
pawl_err newfile_commit(struct newfile *file, pawl_error *error);
void newfile_abort(struct newfile *file);

#endif

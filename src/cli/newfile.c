/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/newfile.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static pawl_err fail(const struct newfile *file, const char *what, pawl_error *error)
{
    return pawl_fail(error, PAWL_CLOSED, "%s: %s: %s", file->path, what, strerrordesc_np(errno));
}

pawl_err newfile_begin(struct newfile *file, const char *path, pawl_error *error)
{
    struct stat there;

    file->fd = -1;
    (void)snprintf(file->path, sizeof file->path, "%s", path);
    int size = snprintf(file->under, sizeof file->under, "%s.XXXXXX", path);

    if (size < 0 || (size_t)size >= sizeof file->under) {
        errno = ENAMETOOLONG;
        return fail(file, "cannot be written", error);
    }
    if (stat(path, &there) == 0 && !S_ISREG(there.st_mode)) {
        return pawl_fail(error, PAWL_BAD_REQUEST, "%s: is there, and is no file", path);
    }
    file->fd = mkostemp(file->under, O_CLOEXEC);
    return file->fd >= 0 ? PAWL_OK : fail(file, "nothing can be written there", error);
}

pawl_err newfile_write(struct newfile *file, const char *text, size_t size, pawl_error *error)
{
    for (size_t done = 0; done < size;) {
        ssize_t wrote = write(file->fd, text + done, size - done);

        if (wrote < 0 && errno == EINTR) continue;
        if (wrote < 0) return fail(file, "cannot be written", error);
        done += (size_t)wrote;
    }
    return PAWL_OK;
}

static bool sync_folder(const char *path)
{
    char copy[PATH_MAX];

    (void)snprintf(copy, sizeof copy, "%s", path);
    int fd = open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    if (fd < 0) return false;
    bool done = fsync(fd) == 0;

    (void)close(fd);
    return done;
}

pawl_err newfile_commit(struct newfile *file, pawl_error *error)
{
    pawl_err err = fsync(file->fd) == 0 ? PAWL_OK : fail(file, "cannot be written", error);

    if (close(file->fd) != 0 && err == PAWL_OK) err = fail(file, "cannot be written", error);
    file->fd = -1;
    if (err == PAWL_OK && rename(file->under, file->path) != 0) {
        err = fail(file, "cannot be replaced", error);
    }
    if (err != PAWL_OK) {
        (void)unlink(file->under);
    } else if (!sync_folder(file->path)) {
        err = fail(file, "may not be on the disk", error);
    }
    return err;
}

void newfile_abort(struct newfile *file)
{
    if (file->fd < 0) return;
    (void)close(file->fd);
    (void)unlink(file->under);
    file->fd = -1;
}

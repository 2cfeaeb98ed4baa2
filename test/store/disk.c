/* SPDX-License-Identifier: Apache-2.0 */
#include "disk.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

#define VISIBLE __attribute__((visibility("default")))

struct disk disk;
char folder[64];

/* By the names that LMDB calls: with 64-bit offsets, <unistd.h> would rename our own pwrite. */
VISIBLE ssize_t disk_pwrite(int fd, const void *bytes, size_t size, off_t offset) __asm__("pwrite");
VISIBLE ssize_t disk_writev(int fd, const struct iovec *parts, int count) __asm__("writev");
VISIBLE int disk_fdatasync(int fd) __asm__("fdatasync");

static bool is_truth(int fd)
{
    return (fcntl(fd, F_GETFL) & O_DSYNC) != 0;
}

/* Whether this write fails; *size is then what is written all the same. */
static bool fails(bool truth, size_t *size)
{
    enum disk_fault fault = disk.fault;

    if (!truth && fault == DISK_FULL) *size = 0;
    if (!truth && fault == DISK_SHORT) *size /= 2;
    if (truth && fault == DISK_META_FAILS) *size = 0;
    if (truth && fault == DISK_META_SHORT) *size /= 2;
    return truth ? fault >= DISK_META_FAILS : fault == DISK_FULL || fault == DISK_SHORT;
}

ssize_t disk_pwrite(int fd, const void *bytes, size_t size, off_t offset)
{
    bool truth = is_truth(fd);
    bool failed = fails(truth, &size);

    if (truth) {
        disk.truths++;
    } else {
        disk.unsynced = true;
    }
    if (size > 0) {
        ssize_t written = syscall(SYS_pwrite64, fd, bytes, size, offset);

        if (!failed || disk.fault == DISK_SHORT || disk.fault == DISK_META_SHORT) return written;
    }
    errno = disk.fault == DISK_FULL ? ENOSPC : EIO;
    return -1;
}

ssize_t disk_writev(int fd, const struct iovec *parts, int count)
{
    size_t none = 0;

    if (fails(false, &none)) {
        errno = disk.fault == DISK_FULL ? ENOSPC : EIO;
        return disk.fault == DISK_FULL ? -1 : (ssize_t)syscall(SYS_writev, fd, parts, count / 2);
    }
    disk.unsynced = true;
    return syscall(SYS_writev, fd, parts, count);
}

int disk_fdatasync(int fd)
{
    disk.syncs++;
    if (disk.fault == DISK_SYNC_FAILS) {
        errno = EIO;
        return -1;
    }
    disk.unsynced = false;
    return (int)syscall(SYS_fdatasync, fd);
}

static int remove_one(const char *path, const struct stat *about, int type, struct FTW *where)
{
    (void)about;
    (void)type;
    (void)where;
    return remove(path);
}

int folder_begin(void **state)
{
    (void)state;
    disk = (struct disk){0};
    (void)snprintf(folder, sizeof folder, "%s", "/tmp/pawl-store-XXXXXX");
    return mkdtemp(folder) == NULL ? -1 : 0;
}

int folder_end(void **state)
{
    (void)state;
    disk = (struct disk){0};
    (void)nftw(folder, remove_one, 16, FTW_DEPTH | FTW_PHYS);
    return 0;
}

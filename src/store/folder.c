/* SPDX-License-Identifier: Apache-2.0 */
#include "store/folder.h"

#include "base/clock.h"
#include "base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <time.h>
#include <unistd.h>

enum {
    OWNER_POLL_NS = 20 * 1000 * 1000,
    OWNER_BYTES_MAX = 32, /* a process id and a line end */
    PATH_SHOWN_MAX = 200, /* bytes of a path in an error, so that its advice always fits */
};

const char *pawl_folder_network_name(uint32_t f_type)
{
    static const struct {
        uint32_t f_type;
        const char *name;
    } networks[] = {
        {0x6969, "NFS"},        {0xff534d42, "CIFS"},   {0xfe534d42, "SMB"},
        {0x517b, "SMB"},        {0x65735546, "FUSE"},   {0x01021997, "9P"},
        {0x00c36400, "CephFS"}, {0x5346414f, "AFS"},    {0x73757245, "Coda"},
        {0x01161970, "GFS2"},   {0x7461636f, "OCFS2"},  {0x0bd00bd0, "Lustre"},
        {0x47504653, "GPFS"},   {0x19830326, "BeeGFS"}, {0x61636673, "ACFS"},
        {0x786f4256, "VBoxSF"},
    };

    for (size_t i = 0; i < PAWL_COUNT(networks); i++) {
        if (networks[i].f_type == f_type) return networks[i].name;
    }
    return NULL;
}

pawl_err pawl_folder_code(int failure)
{
    switch (failure) {
    case EACCES:
    case EPERM:
    case EROFS:
    case ENOENT:
    case ENOTDIR:
    case ELOOP:
    case ENAMETOOLONG:
        return PAWL_DENIED;
    default:
        return PAWL_STORE;
    }
}

/* Opens the folder, made if need be, and sees to it that it is still there after a power cut. */
static int folder_open(const char *path, pawl_error *error)
{
    bool made = mkdir(path, 0700) == 0;

    if (!made && errno != EEXIST) {
        (void)pawl_fail(error, pawl_folder_code(errno),
                        "cannot make the folder %.*s: %s; give one whose parent exists and can be "
                        "written",
                        PATH_SHOWN_MAX, path, strerror(errno));
        return -1;
    }

    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    if (fd < 0) {
        (void)pawl_fail(error, pawl_folder_code(errno), "cannot open the folder %.*s: %s",
                        PATH_SHOWN_MAX, path, strerror(errno));
        return -1;
    }

    /* A crash may have come between an earlier mkdir and its fsync, so this is done every time;
     * only a parent that has just been written is known to be readable. */
    int parent = openat(fd, "..", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    bool synced = parent >= 0 && fsync(parent) == 0;
    int failure = errno;

    if (parent >= 0) (void)close(parent);
    if (made && !synced) {
        (void)pawl_fail(error, PAWL_STORE, "cannot sync the parent of the folder %.*s: %s",
                        PATH_SHOWN_MAX, path, strerror(failure));
        (void)close(fd);
        return -1;
    }
    return fd;
}

static pawl_err check_local(int fd, const char *path, pawl_error *error)
{
    struct statfs about;

    if (fstatfs(fd, &about) != 0) {
        return pawl_fail(error, PAWL_STORE, "cannot look at the file system of %.*s: %s",
                         PATH_SHOWN_MAX, path, strerror(errno));
    }

    const char *network = pawl_folder_network_name((uint32_t)about.f_type);

    if (network == NULL) return PAWL_OK;
    return pawl_fail(error, PAWL_DENIED,
                     "%.*s lies on %s, where neither locks nor memory maps can be trusted; "
                     "give a folder on a local disk",
                     PATH_SHOWN_MAX, path, network);
}

/* 0 or an errno. */
static int lock_try(int fd)
{
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};

    while (fcntl(fd, F_OFD_SETLK, &lock) != 0) {
        if (errno == EACCES) return EAGAIN;
        if (errno != EINTR) return errno;
    }
    return 0;
}

static int lock_wait(int fd, uint64_t takeover_ns)
{
    static const struct timespec pause = {.tv_nsec = OWNER_POLL_NS};
    uint64_t begun_ns = pawl_clock_ns();

    for (;;) {
        int failure = lock_try(fd);

        if (failure != EAGAIN || pawl_clock_ns() - begun_ns >= takeover_ns) return failure;
        (void)nanosleep(&pause, NULL);
    }
}

static pawl_err fail_owned(int fd, const char *path, pawl_error *error)
{
    char owner[OWNER_BYTES_MAX];
    ssize_t size = pread(fd, owner, sizeof owner, 0);
    struct pawl_bytes pid = {owner, size > 0 ? (size_t)size : 0};
    uint64_t number;
    char who[OWNER_BYTES_MAX] = "another process";

    if (pid.size > 0 && pid.at[pid.size - 1] == '\n') pid.size--;
    if (pawl_bytes_to_u64(pid, &number)) {
        (void)snprintf(who, sizeof who, "process %llu", (unsigned long long)number);
    }
    return pawl_fail(error, PAWL_STORE,
                     "%.*s is in use by %s; one process at a time can use the folder: use "
                     "that server's address instead (such as pawl://127.0.0.1:7379), or stop it",
                     PATH_SHOWN_MAX, path, who);
}

/* For people only, so a disk too full to hold it is no failure. */
static void write_owner(int fd)
{
    char owner[OWNER_BYTES_MAX];
    int size = snprintf(owner, sizeof owner, "%ld\n", (long)getpid());

    if (ftruncate(fd, 0) == 0 && pwrite(fd, owner, (size_t)size, 0) != size) {
        (void)ftruncate(fd, 0);
    }
}

static pawl_err owner_take(struct pawl_folder *folder, int folder_fd, uint64_t takeover_ns,
                           pawl_error *error)
{
    int fd = openat(folder_fd, "owner", O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);

    if (fd < 0) {
        return pawl_fail(error, pawl_folder_code(errno),
                         "cannot write in the folder %.*s: %s; give one that this user can write",
                         PATH_SHOWN_MAX, folder->path, strerror(errno));
    }

    int failure = lock_try(fd);

    if (failure == EAGAIN && takeover_ns > 0) {
        pawl_error why;

        (void)fail_owned(fd, folder->path, &why);
        pawl_log(PAWL_LOG_INFO, "waiting for the folder", "up_to_s=%.1f why=\"%s\"",
                 (double)takeover_ns / (double)PAWL_NS_PER_S, why.text);
        failure = lock_wait(fd, takeover_ns);
    }

    if (failure == 0) {
        write_owner(fd);
        folder->owner = pawl_descriptor_of(fd);
        folder->pid = getpid();
        return PAWL_OK;
    }
    if (failure == EAGAIN) {
        (void)fail_owned(fd, folder->path, error);
    } else {
        (void)pawl_fail(error, PAWL_STORE, "cannot lock %.*s/owner: %s", PATH_SHOWN_MAX,
                        folder->path, strerror(failure));
    }
    (void)close(fd);
    return PAWL_STORE;
}

pawl_err pawl_folder_take(struct pawl_folder *folder, const char *path, uint64_t takeover_ns,
                          pawl_error *error)
{
    folder->owner.fd = -1;

    pawl_error why = {.code = PAWL_STORE};
    int fd = folder_open(path, &why);

    if (fd < 0) return pawl_fail(error, why.code, "%s", why.text);

    pawl_err err = check_local(fd, path, error);

    if (err == PAWL_OK && realpath(path, folder->path) == NULL) {
        err = pawl_fail(error, PAWL_STORE, "cannot find the folder %.*s: %s", PATH_SHOWN_MAX, path,
                        strerror(errno));
    }
    if (err == PAWL_OK) err = owner_take(folder, fd, takeover_ns, error);
    (void)close(fd);
    return err;
}

pawl_err pawl_folder_unowned(const char *path, pawl_error *error)
{
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    char owner[PATH_MAX + 8];
    pawl_err err = PAWL_OK;

    (void)snprintf(owner, sizeof owner, "%s/owner", path);
    int fd = open(owner, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);

    if (fd < 0 && errno == ENOENT) return PAWL_OK;
    if (fd < 0 || fcntl(fd, F_OFD_GETLK, &lock) != 0) {
        err = pawl_fail(error, PAWL_STORE, "cannot look at %.*s/owner: %s", PATH_SHOWN_MAX, path,
                        strerror(errno));
    } else if (lock.l_type != F_UNLCK) {
        err = fail_owned(fd, path, error);
    }
    if (fd >= 0) (void)close(fd);
    return err;
}

void pawl_folder_leave(struct pawl_folder *folder)
{
    pawl_descriptor_close(folder->owner);
    folder->owner.fd = -1;
}

bool pawl_folder_forked(const struct pawl_folder *folder)
{
    return folder->pid != getpid();
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "store/lmdb_check.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>

enum { FOUND_BYTES_MAX = 256 };

/* Below this the next growth of the file may fail, and then nobody gets ids. */
#define FREE_BYTES_LEAST (UINT64_C(64) << 20)

struct pawl_lmdb_disk pawl_lmdb_disk_of(uint32_t f_type)
{
    static const char lost[] = "put the folder on a disk: what lies in memory is gone after a "
                               "restart, and its ids come again";
    static const char layer[] = "put the folder on a volume: a container's own layer goes with it, "
                                "and its ids come again";
    static const struct {
        uint32_t f_type;
        struct pawl_lmdb_disk disk;
    } disks[] = {
        {0x01021994, {"tmpfs", PAWL_CHECK_BREAKS, lost}},
        {0x858458f6, {"ramfs", PAWL_CHECK_BREAKS, lost}},
        {0x794c7630, {"overlayfs", PAWL_CHECK_WARNS, layer}},
        {0xef53, {"ext4", PAWL_CHECK_KEEPS, NULL}},
        {0x58465342, {"XFS", PAWL_CHECK_KEEPS, NULL}},
        {0x9123683e, {"Btrfs", PAWL_CHECK_KEEPS, NULL}},
        {0x2fc12fc1, {"ZFS", PAWL_CHECK_KEEPS, NULL}},
        {0xf2f52010, {"F2FS", PAWL_CHECK_KEEPS, NULL}},
    };

    for (size_t i = 0; i < PAWL_COUNT(disks); i++) {
        if (disks[i].f_type == f_type) return disks[i].disk;
    }
    return (struct pawl_lmdb_disk){"a local file system", PAWL_CHECK_WARNS,
                                   "pawl does not know this one: see that it keeps what was "
                                   "synced"};
}

static void check_disk(const struct pawl_lmdb_env *env, struct pawl_check *check)
{
    struct statfs about;
    char found[FOUND_BYTES_MAX];

    if (statfs(env->folder, &about) != 0) {
        (void)snprintf(found, sizeof found, "it cannot be looked at: %s", strerror(errno));
        check->item(check, "file system", PAWL_CHECK_WARNS, found, NULL);
        return;
    }
    struct pawl_lmdb_disk disk = pawl_lmdb_disk_of((uint32_t)about.f_type);

    (void)snprintf(found, sizeof found, "%s (0x%x), local", disk.name, (unsigned)about.f_type);
    check->item(check, "file system", disk.verdict, found, disk.advice);

    uint64_t left = (uint64_t)about.f_bavail * (uint64_t)about.f_bsize;

    (void)snprintf(found, sizeof found, "%llu MiB", (unsigned long long)(left >> 20));
    check->item(
        check, "free space", left < FREE_BYTES_LEAST ? PAWL_CHECK_WARNS : PAWL_CHECK_KEEPS, found,
        left < FREE_BYTES_LEAST ? "make room: on a full disk no ids can be reserved" : NULL);
}

static void check_writable(const struct pawl_lmdb_env *env, struct pawl_check *check)
{
    MDB_txn *txn;
    char found[FOUND_BYTES_MAX];
    int rc = mdb_txn_begin(env->env, NULL, 0, &txn);

    if (rc == 0) {
        mdb_txn_abort(txn);
        check->item(check, "writing", PAWL_CHECK_KEEPS,
                    "can be written; every write is synced before it is answered", NULL);
        return;
    }
    (void)snprintf(found, sizeof found, "cannot be written: %s", mdb_strerror(rc));
    check->item(check, "writing", PAWL_CHECK_WARNS, found, "give this user the right to write");
}

static void check_rights(const struct pawl_lmdb_env *env, struct pawl_check *check)
{
    struct stat about;
    char found[FOUND_BYTES_MAX];

    if (stat(env->folder, &about) != 0) return; /* "file system" has said so */
    bool open_to_all = (about.st_mode & S_IWOTH) != 0;

    (void)snprintf(found, sizeof found, "mode %03o", (unsigned)(about.st_mode & 0777));
    check->item(check, "rights", open_to_all ? PAWL_CHECK_WARNS : PAWL_CHECK_KEEPS, found,
                open_to_all ? "chmod o-w: anybody here can change what it holds" : NULL);
}

void pawl_lmdb_check(const struct pawl_lmdb_env *env, struct pawl_check *check)
{
    char found[FOUND_BYTES_MAX];

    check_disk(env, check);
    check_writable(env, check);
    check_rights(env, check);
    (void)snprintf(found, sizeof found, "%d, uuid %s", (int)PAWL_LMDB_FORMAT, env->uuid);
    check->item(check, "format", PAWL_CHECK_KEEPS, found, NULL);
}

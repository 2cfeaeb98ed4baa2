/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A disk that fails on command: the program's own pwrite, writev and fdatasync stand before those
 * of the C library, for LMDB too. Also counts, and knows what is not yet on disk.
 */
#ifndef PAWL_TEST_DISK_H
#define PAWL_TEST_DISK_H

#include <stdbool.h>

enum disk_fault {
    DISK_WORKS,
    DISK_FULL,       /* writes of pages fail: ENOSPC */
    DISK_SHORT,      /* they are cut short: what LMDB reports as EIO */
    DISK_SYNC_FAILS, /* fdatasync fails: EIO */
    DISK_META_FAILS, /* the write that makes a commit the truth fails: EIO */
    DISK_META_SHORT, /* it is cut short */
    DISK_META_LIES,  /* it is done, but EIO is returned */
};

struct disk {
    enum disk_fault fault;
    unsigned long syncs;
    unsigned long truths; /* writes through descriptors that sync */
    bool unsynced;        /* pages were written since the last sync */
};

extern struct disk disk;

/* A temporary folder for each test: made, and removed with all that is in it. */
extern char folder[64];
int folder_begin(void **state);
int folder_end(void **state);

#define IN_FOLDER(test) cmocka_unit_test_setup_teardown(test, folder_begin, folder_end)

#endif

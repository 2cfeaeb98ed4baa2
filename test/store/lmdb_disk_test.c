/* SPDX-License-Identifier: Apache-2.0 */
/* The LMDB store on disks that fill up and fail. */
#include "disk.h"
#include "drive.h"
#include "store/lmdb_store.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <unistd.h>

#include <cmocka.h>

enum { SEED = 4, ROUNDS = 30, CROWD = 10000, SMALL_DISK_BYTES = 1 << 20, BALLAST_BYTES = 1 << 18 };

static struct pawl_source *open_store(void)
{
    struct pawl_store_options options = drive_options(SEED);
    struct pawl_source *store = NULL;
    pawl_error error = {0};
    char url[PATH_MAX];

    (void)snprintf(url, sizeof url, "lmdb:%s/store", folder);
    if (pawl_store_open(url, &options, &store, &error) != PAWL_OK) fail_msg("%s", error.text);
    return store;
}

static unsigned long answers;

static void answered_on_disk(struct pawl_ask *ask)
{
    assert_false(disk.unsynced);
    assert_true(disk.truths > 0);
    assert_true(ask->error.code == PAWL_OK);
    answers++;
}

static void commits_all_queued_asks_with_one_sync(void **state)
{
    static struct deed deeds[CROWD];
    struct pawl_source *store = open_store();

    (void)state;
    assert_true(drive_create(store, "orders", NULL) == PAWL_OK);
    answers = 0;
    disk.syncs = 0;
    disk.truths = 0;
    for (size_t i = 0; i < CROWD; i++) {
        deeds[i] = drive_deed(PAWL_ASK_TAKE, "orders");
        deeds[i].ask.count = 1;
        deeds[i].ask.done = answered_on_disk;
        pawl_source_ask(store, &deeds[i].ask);
    }
    assert_true(disk.syncs == 0 && answers == 0);
    assert_true(store->ops->turn(store, 1) == PAWL_NEVER);
    assert_true(answers == CROWD);
    assert_true(disk.syncs == 1 && disk.truths == 1);
    store->ops->close(store);
}

static void reads_without_writing(void **state)
{
    struct pawl_source *store = open_store();
    struct pawl_grant grant;
    struct pawl_record record = {0};
    struct deed ping = drive_deed(PAWL_ASK_PING, "");
    struct deed refused = drive_deed(PAWL_ASK_CREATE, "orders");

    (void)state;
    assert_true(drive_create(store, "orders", NULL) == PAWL_OK);
    disk.syncs = 0;
    disk.truths = 0;
    assert_true(drive_read(store, "orders", &record) == PAWL_OK);
    assert_true(drive_take(store, "orders", 0, &grant) == PAWL_OK);
    assert_true(drive(store, &ping) == PAWL_OK);
    assert_true(drive(store, &refused) == PAWL_EXISTS);
    assert_true(drive_take(store, "nobody", 9, &grant) == PAWL_NO_SEQUENCE);
    assert_true(disk.syncs == 0 && disk.truths == 0 && !disk.unsynced);
    store->ops->close(store);
}

enum { D_TAKE, D_NEXT, D_CREATE, D_SET, D_RETURN, D_READ, D_TAKE_NOTHING, D_COUNT };

/* One of each, of which all would succeed on a disk that works. */
static void one_of_each(struct pawl_source *store, struct deed deeds[D_COUNT], int round)
{
    static const pawl_definition defaults = {0};
    static char fresh[16];
    struct pawl_grant grant;

    assert_true(drive_take(store, "back", 10, &grant) == PAWL_OK);
    (void)snprintf(fresh, sizeof fresh, "new%d", round);
    deeds[D_TAKE] = drive_deed(PAWL_ASK_TAKE, "orders");
    deeds[D_TAKE].ask.count = 5;
    deeds[D_NEXT] = drive_deed(PAWL_ASK_NEXT, "orders");
    deeds[D_NEXT].ask.count = 3;
    deeds[D_CREATE] = drive_deed(PAWL_ASK_CREATE, fresh);
    deeds[D_CREATE].ask.definition = &defaults;
    deeds[D_SET] = drive_deed(PAWL_ASK_SET, "set");
    deeds[D_SET].ask.value = 1000 + round;
    deeds[D_RETURN] = drive_deed(PAWL_ASK_RETURN, "back");
    deeds[D_RETURN].ask.value = grant.range.first + 5;
    deeds[D_RETURN].ask.lease = grant.lease;
    deeds[D_RETURN].ask.epoch = grant.epoch;
    deeds[D_READ] = drive_deed(PAWL_ASK_READ, "orders");
    deeds[D_TAKE_NOTHING] = drive_deed(PAWL_ASK_TAKE, "orders");
}

static void create_three(struct pawl_source *store)
{
    assert_true(drive_create(store, "orders", NULL) == PAWL_OK);
    assert_true(drive_create(store, "back", NULL) == PAWL_OK);
    assert_true(drive_create(store, "set", NULL) == PAWL_OK);
}

/* A commit that failed before its last write: nothing was taken, and the next turn works. */
static void refuses(enum disk_fault fault)
{
    struct pawl_source *store = open_store();
    struct pawl_record before = {0};
    struct pawl_record after = {0};
    struct deed deeds[D_COUNT];

    create_three(store);
    for (int round = 0; round < ROUNDS; round++) {
        struct pawl_grant grant;

        one_of_each(store, deeds, round);
        assert_true(drive_read(store, "orders", &before) == PAWL_OK);
        disk.fault = fault;
        drive_all(store, deeds, D_COUNT);
        for (size_t i = 0; i < D_COUNT; i++) {
            if (deeds[i].ask.error.code != PAWL_STORE) {
                fail_msg("ask %zu ended with %s", i, pawl_err_name(deeds[i].ask.error.code));
            }
            assert_true(strstr(deeds[i].ask.error.text, "nothing was taken") != NULL);
            assert_true(deeds[i].ask.burned == 0 && deeds[i].ask.grant.range.count == 0);
        }
        disk.fault = DISK_WORKS;
        assert_true(drive_read(store, "orders", &after) == PAWL_OK);
        assert_true(before.version == after.version && before.next == after.next);
        assert_true(drive_take(store, "orders", 5, &grant) == PAWL_OK);
        assert_true(grant.range.first == before.next);
    }
    store->ops->close(store);
}

static void refuses_on_a_full_disk(void **state)
{
    (void)state;
    refuses(DISK_FULL);
}

static void refuses_on_short_writes(void **state)
{
    (void)state;
    refuses(DISK_SHORT);
}

static void reads_go_on_while_the_disk_is_full(void **state)
{
    struct pawl_source *store = open_store();
    struct pawl_record record = {0};
    struct pawl_grant grant;

    (void)state;
    create_three(store);
    disk.fault = DISK_FULL;
    for (int i = 0; i < 5; i++) {
        assert_true(drive_take(store, "orders", 5, &grant) == PAWL_STORE);
        assert_true(drive_read(store, "orders", &record) == PAWL_OK && record.next == 1);
    }
    store->ops->close(store);
}

static void refuses_while_syncs_fail(void **state)
{
    struct pawl_source *store = open_store();
    struct pawl_grant grant;
    struct pawl_record record = {0};

    (void)state;
    create_three(store);
    disk.fault = DISK_SYNC_FAILS;
    assert_true(drive_take(store, "orders", 5, &grant) == PAWL_STORE);
    /* It is closed now, and cannot be opened before a sync works. */
    assert_true(drive_take(store, "orders", 5, &grant) == PAWL_STORE);
    assert_true(drive_read(store, "orders", &record) == PAWL_STORE);
    disk.fault = DISK_WORKS;
    assert_true(drive_take(store, "orders", 5, &grant) == PAWL_OK);
    assert_true(grant.range.first == 1 && grant.range.count == 5);
    store->ops->close(store);
}

/* Nobody knows whether the batch is on disk: what it took is burned, its changes are unknown. */
static void doubts(enum disk_fault fault, bool is_done)
{
    struct pawl_source *store = open_store();
    struct pawl_record before = {0};
    struct pawl_record after = {0};
    struct deed deeds[D_COUNT];

    create_three(store);
    for (int round = 0; round < ROUNDS; round++) {
        struct pawl_grant grant;

        one_of_each(store, deeds, round);
        assert_true(drive_read(store, "orders", &before) == PAWL_OK);
        disk.fault = fault;
        drive_all(store, deeds, D_COUNT);
        disk.fault = DISK_WORKS;
        assert_true(deeds[D_TAKE].ask.error.code == PAWL_LOST && deeds[D_TAKE].ask.burned == 5);
        assert_true(deeds[D_NEXT].ask.error.code == PAWL_LOST && deeds[D_NEXT].ask.burned == 3);
        assert_true(deeds[D_CREATE].ask.error.code == PAWL_UNKNOWN);
        assert_true(deeds[D_SET].ask.error.code == PAWL_UNKNOWN);
        assert_true(deeds[D_RETURN].ask.error.code == PAWL_UNKNOWN);
        assert_true(deeds[D_READ].ask.error.code == PAWL_STORE);
        assert_true(deeds[D_TAKE_NOTHING].ask.error.code == PAWL_STORE);
        assert_true(drive_read(store, "orders", &after) == PAWL_OK);
        if (!is_done) assert_true(after.next == before.next);
        assert_true(after.next == before.next || after.next == before.next + 8);
        assert_true(drive_take(store, "orders", 5, &grant) == PAWL_OK);
        assert_true(grant.range.first == after.next);
        assert_true(disk.unsynced == false);
    }
    store->ops->close(store);
}

static void burns_what_a_failed_last_write_took(void **state)
{
    (void)state;
    doubts(DISK_META_FAILS, false);
}

static void burns_what_a_cut_last_write_took(void **state)
{
    (void)state;
    doubts(DISK_META_SHORT, false);
}

static void burns_what_a_last_write_took_that_lied(void **state)
{
    (void)state;
    doubts(DISK_META_LIES, true);
}

static void survives_faults_in_any_order(void **state)
{
    struct pawl_source *store = open_store();
    uint64_t random = SEED;
    int64_t last = 0;

    (void)state;
    assert_true(drive_create(store, "orders", NULL) == PAWL_OK);
    for (int i = 0; i < 500; i++) {
        struct pawl_grant grant;
        uint64_t luck = pawl_random(&random) % 14;

        disk.fault = luck <= DISK_META_LIES ? (enum disk_fault)luck : DISK_WORKS;
        pawl_err err = drive_take(store, "orders", 1 + luck, &grant);
        if (err == PAWL_OK) {
            assert_true(disk.fault == DISK_WORKS && !disk.unsynced);
            assert_true(grant.range.first > last);
            last = pawl_range_last(grant.range);
        } else {
            assert_true(err == PAWL_LOST || err == PAWL_STORE);
        }
        if (pawl_random(&random) % 10 == 0) {
            disk.fault = DISK_WORKS;
            store->ops->close(store);
            store = open_store();
        }
    }
    disk.fault = DISK_WORKS;
    assert_true(last > 0);
    store->ops->close(store);
}

/* Fills the store until it refuses; the number of sequences then. */
static unsigned fill_disk(struct pawl_source *store)
{
    for (unsigned i = 0;; i++) {
        char name[PAWL_NAME_BYTES_MAX + 1];
        struct deed deed;

        (void)snprintf(name, sizeof name, "%0250u", i * 2654435761U);
        deed = drive_deed(PAWL_ASK_CREATE, name);
        if (drive(store, &deed) == PAWL_OK) continue;
        if (deed.ask.error.code != PAWL_STORE) fail_msg("%s", deed.ask.error.text);
        assert_non_null(strstr(deed.ask.error.text, "disk is full"));
        return i;
    }
}

static void write_ballast(const char *path)
{
    static char bytes[BALLAST_BYTES];
    int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

    assert_true(fd >= 0);
    assert_true(write(fd, bytes, sizeof bytes) == (ssize_t)sizeof bytes);
    (void)close(fd);
}

static void goes_on_when_a_full_disk_has_room_again(void **state)
{
    char ballast[PATH_MAX];
    struct pawl_grant before;
    struct pawl_grant after;
    char name[PAWL_NAME_BYTES_MAX + 1];

    (void)state;
    if (mount("tmpfs", folder, "tmpfs", 0, "size=1m,mode=0700") != 0) {
        print_message("cannot mount a small disk here: %s\n", strerror(errno));
        skip();
    }
    (void)snprintf(ballast, sizeof ballast, "%s/ballast", folder);
    write_ballast(ballast);

    struct pawl_source *store = open_store();

    assert_true(drive_create(store, "orders", NULL) == PAWL_OK);
    assert_true(drive_take(store, "orders", 10, &before) == PAWL_OK);
    unsigned created = fill_disk(store);
    assert_true(created > 100);

    /* What needs pages that were freed before may succeed; what is refused has taken nothing. */
    for (int i = 0; i < 20; i++) {
        pawl_err err = drive_take(store, "orders", 10, &after);

        assert_true(err == PAWL_OK || err == PAWL_STORE);
        if (err != PAWL_OK) continue;
        assert_true(after.range.first == before.range.first + 10);
        before = after;
    }
    assert_true(remove(ballast) == 0);
    assert_true(drive_take(store, "orders", 10, &after) == PAWL_OK);
    assert_true(after.range.first == before.range.first + 10);
    for (unsigned i = 0; i < created; i++) {
        (void)snprintf(name, sizeof name, "%0250u", i * 2654435761U);
        assert_true(drive_read(store, name, NULL) == PAWL_OK);
    }
    store->ops->close(store);

    assert_true(mount("tmpfs", folder, "tmpfs", MS_REMOUNT | MS_RDONLY, NULL) == 0);
    struct pawl_store_options options = drive_options(SEED);
    pawl_error error = {0};
    char url[PATH_MAX];

    (void)snprintf(url, sizeof url, "lmdb:%s/store", folder);
    assert_true(pawl_store_open(url, &options, &store, &error) == PAWL_DENIED);
    assert_true(strstr(error.text, "Read-only") != NULL);
    assert_true(strstr(error.text, folder) != NULL);
    assert_true(umount2(folder, MNT_DETACH) == 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_FOLDER(commits_all_queued_asks_with_one_sync),
        IN_FOLDER(reads_without_writing),
        IN_FOLDER(refuses_on_a_full_disk),
        IN_FOLDER(refuses_on_short_writes),
        IN_FOLDER(reads_go_on_while_the_disk_is_full),
        IN_FOLDER(refuses_while_syncs_fail),
        IN_FOLDER(burns_what_a_failed_last_write_took),
        IN_FOLDER(burns_what_a_cut_last_write_took),
        IN_FOLDER(burns_what_a_last_write_took_that_lied),
        IN_FOLDER(survives_faults_in_any_order),
        IN_FOLDER(goes_on_when_a_full_disk_has_room_again),
    };

    return cmocka_run_group_tests_name("lmdb_disk", tests, NULL, NULL);
}

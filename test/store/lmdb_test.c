/* SPDX-License-Identifier: Apache-2.0 */
/* The LMDB store: who owns its folder, what it refuses to open, how it grows. */
#include "base/clock.h"
#include "disk.h"
#include "drive.h"
#include "store/folder.h"
#include "store/lmdb_store.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>
#include <lmdb.h>

enum { SEED = 4, GROWN = 20000, NAME_MAX_BYTES = 32, RAW_MAP_BYTES = 1 << 20 };

static char store_folder[128];

static int store_begin(void **state)
{
    int failed = folder_begin(state);

    (void)snprintf(store_folder, sizeof store_folder, "%s/store", folder);
    return failed;
}

static pawl_err try_open(const char *path, uint64_t takeover_ns, struct pawl_source **store,
                         pawl_error *error)
{
    struct pawl_store_options options = drive_options(SEED);
    char url[PATH_MAX + 64];

    options.takeover_ns = takeover_ns;
    *error = (pawl_error){0};
    (void)snprintf(url, sizeof url, "lmdb:%s", path);
    return pawl_store_open(url, &options, store, error);
}

static struct pawl_source *open_store(void)
{
    struct pawl_source *store = NULL;
    pawl_error error;

    if (try_open(store_folder, 0, &store, &error) != PAWL_OK) fail_msg("%s", error.text);
    return store;
}

static void assert_says(const pawl_error *error, const char *part)
{
    if (strstr(error->text, part) == NULL) fail_msg("no \"%s\" in: %s", part, error->text);
}

/* A child that opens the store, tells so, and goes when it is told to; its process id. */
static pid_t owner_begin(int *tell)
{
    int ready[2] = {-1, -1};
    int leave[2] = {-1, -1};
    char byte = 'x';

    assert_true(pipe(ready) == 0 && pipe(leave) == 0);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        (void)open_store();
        (void)close(leave[1]);
        if (write(ready[1], &byte, 1) != 1) _exit(1);
        (void)!read(leave[0], &byte, 1);
        _exit(0);
    }
    (void)close(ready[1]);
    (void)close(leave[0]);
    assert_true(read(ready[0], &byte, 1) == 1);
    (void)close(ready[0]);
    *tell = leave[1];
    return child;
}

static void owner_end(pid_t child, int tell)
{
    int status;

    (void)close(tell);
    assert_true(waitpid(child, &status, 0) == child && status == 0);
}

static void admits_one_process(void **state)
{
    struct pawl_source *store;
    pawl_error error;
    char pid[32];
    int tell;
    pid_t owner = owner_begin(&tell);

    (void)state;
    assert_true(try_open(store_folder, 0, &store, &error) == PAWL_STORE);
    (void)snprintf(pid, sizeof pid, "process %ld;", (long)owner);
    assert_says(&error, pid);
    assert_says(&error, store_folder);
    assert_says(&error, "pawl://127.0.0.1:7379");

    uint64_t begun_ns = pawl_clock_ns();
    assert_true(try_open(store_folder, 100 * PAWL_NS_PER_MS, &store, &error) == PAWL_STORE);
    assert_true(pawl_clock_ns() - begun_ns >= 100 * PAWL_NS_PER_MS);
    owner_end(owner, tell);
    store = open_store();
    store->ops->close(store);
}

static void takes_over_when_the_owner_ends(void **state)
{
    struct pawl_source *store = NULL;
    pawl_error error;
    int tell;
    pid_t owner = owner_begin(&tell);
    pid_t ender = fork();

    (void)state;
    assert_true(ender >= 0);
    if (ender == 0) {
        struct timespec pause = {.tv_nsec = 100000000};

        (void)nanosleep(&pause, NULL);
        _exit(kill(owner, SIGKILL));
    }
    if (try_open(store_folder, 30 * PAWL_NS_PER_S, &store, &error) != PAWL_OK) {
        fail_msg("%s", error.text);
    }
    store->ops->close(store);
    (void)close(tell);
    assert_true(waitpid(owner, NULL, 0) == owner);
    assert_true(waitpid(ender, NULL, 0) == ender);
}

static void admits_one_of_two_in_a_process(void **state)
{
    struct pawl_source *first = open_store();
    struct pawl_source *second;
    struct pawl_grant grant;
    pawl_error error;
    char same[PATH_MAX + 8];

    (void)state;
    (void)snprintf(same, sizeof same, "%s/../store/", store_folder);
    assert_true(try_open(same, 0, &second, &error) == PAWL_STORE);
    assert_says(&error, "is in use by process");
    assert_true(drive_create(first, "orders", NULL) == PAWL_OK);
    assert_true(drive_take(first, "orders", 1, &grant) == PAWL_OK);
    first->ops->close(first);
    second = open_store();
    second->ops->close(second);
}

static void leaves_its_files_to_no_other_program(void **state)
{
    struct pawl_source *store = open_store();
    DIR *fds = opendir("/proc/self/fd");
    struct dirent *entry;
    int of_store = 0;

    (void)state;
    assert_non_null(fds);
    while ((entry = readdir(fds)) != NULL) {
        char link[64];
        char target[PATH_MAX] = "";

        (void)snprintf(link, sizeof link, "/proc/self/fd/%.20s", entry->d_name);
        if (readlink(link, target, sizeof target - 1) < 0) continue;
        if (strncmp(target, store_folder, strlen(store_folder)) != 0) continue;
        of_store++;
        if ((fcntl((int)strtol(entry->d_name, NULL, 10), F_GETFD) & FD_CLOEXEC) == 0) {
            fail_msg("%s would be inherited", target);
        }
    }
    (void)closedir(fds);
    assert_true(of_store >= 3);
    store->ops->close(store);
}

static void tells_a_forked_child(void **state)
{
    struct pawl_source *store = open_store();
    struct pawl_grant grant;
    int status;

    (void)state;
    assert_true(drive_create(store, "orders", NULL) == PAWL_OK);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        bool told = drive_take(store, "orders", 1, &grant) == PAWL_FORKED;

        store->ops->close(store);
        _exit(told ? 0 : 1);
    }
    assert_true(waitpid(child, &status, 0) == child && status == 0);

    /* The child has let go of nothing that is the parent's. */
    struct pawl_source *second;
    pawl_error error;

    assert_true(drive_take(store, "orders", 1, &grant) == PAWL_OK && grant.range.first == 1);
    assert_true(try_open(store_folder, 0, &second, &error) == PAWL_STORE);
    store->ops->close(store);
}

static void is_free_again_while_a_told_child_lives(void **state)
{
    struct pawl_source *store = open_store();
    struct pawl_grant grant;
    int ready[2] = {-1, -1};
    int leave[2] = {-1, -1};
    char byte = 'x';

    (void)state;
    assert_true(pipe(ready) == 0 && pipe(leave) == 0);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        (void)close(leave[1]);
        (void)drive_take(store, "orders", 1, &grant);
        (void)!write(ready[1], &byte, 1);
        (void)!read(leave[0], &byte, 1);
        _exit(0);
    }
    assert_true(read(ready[0], &byte, 1) == 1);
    store->ops->close(store);
    store = open_store();
    store->ops->close(store);
    (void)close(leave[1]);
    assert_true(waitpid(child, NULL, 0) == child);
    (void)close(ready[0]);
    (void)close(ready[1]);
    (void)close(leave[0]);
}

static void refuses_folders_it_cannot_write(void **state)
{
    struct pawl_source *store;
    pawl_error error;
    char path[PATH_MAX + 32];
    int fd;

    (void)state;
    (void)snprintf(path, sizeof path, "%s/file", folder);
    fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    (void)close(fd);
    assert_true(try_open(path, 0, &store, &error) == PAWL_DENIED);
    assert_says(&error, "Not a directory");
    (void)snprintf(path, sizeof path, "%s/file/store", folder);
    assert_true(try_open(path, 0, &store, &error) == PAWL_DENIED);
    assert_says(&error, "Not a directory");
    (void)snprintf(path, sizeof path, "%s/none/store", folder);
    assert_true(try_open(path, 0, &store, &error) == PAWL_DENIED);
    assert_says(&error, "parent");
    assert_true(try_open("/proc/pawl", 0, &store, &error) == PAWL_DENIED);
    assert_true(try_open("/proc", 0, &store, &error) == PAWL_DENIED);

    memset(path, 'x', sizeof path - 1);
    path[0] = '/';
    path[sizeof path - 1] = '\0';
    assert_true(try_open(path, 0, &store, &error) == PAWL_DENIED);
    assert_says(&error, "File name too long");
}

static void makes_its_folder_private(void **state)
{
    struct pawl_source *store = open_store();
    struct stat about;

    (void)state;
    assert_true(stat(store_folder, &about) == 0 && (about.st_mode & 0777) == 0700);
    store->ops->close(store);
}

static void takes_relative_folders(void **state)
{
    struct pawl_source *store;
    struct stat about;
    pawl_error error;
    char *before = getcwd(NULL, 0);

    (void)state;
    if (before == NULL || chdir(folder) != 0) fail_msg("%s", folder);
    assert_true(try_open("a", 0, &store, &error) == PAWL_OK);
    if (before == NULL || chdir(before) != 0) fail_msg("%s", folder);
    assert_true(drive_create(store, "orders", NULL) == PAWL_OK);
    store->ops->close(store);
    (void)snprintf(store_folder, sizeof store_folder, "%s/a/data.mdb", folder);
    assert_true(stat(store_folder, &about) == 0);
    free(before);
}

static void knows_network_file_systems(void **state)
{
    (void)state;
    assert_string_equal(pawl_folder_network_name(0x6969), "NFS");
    assert_string_equal(pawl_folder_network_name(0xff534d42), "CIFS");
    assert_string_equal(pawl_folder_network_name(0xfe534d42), "SMB");
    assert_string_equal(pawl_folder_network_name(0x65735546), "FUSE");
    assert_null(pawl_folder_network_name(0xef53));     /* ext4 */
    assert_null(pawl_folder_network_name(0x58465342)); /* xfs */
    assert_null(pawl_folder_network_name(0x9123683e)); /* btrfs */
    assert_null(pawl_folder_network_name(0x794c7630)); /* overlayfs */
    assert_null(pawl_folder_network_name(0x01021994)); /* tmpfs */
}

/* Changes one value of a closed store with LMDB alone; database NULL is the main one. */
static void raw_put(const char *database, const char *key, const void *value, size_t size)
{
    MDB_env *env;
    MDB_txn *txn;
    MDB_dbi dbi;
    char key_bytes[NAME_MAX_BYTES];
    char value_bytes[PAWL_RECORD_BYTES_MAX];
    MDB_val k = {(size_t)snprintf(key_bytes, sizeof key_bytes, "%s", key), key_bytes};
    MDB_val v = {size, memcpy(value_bytes, value, size)};

    assert_true(mdb_env_create(&env) == 0);
    assert_true(mdb_env_set_maxdbs(env, 4) == 0);
    assert_true(mdb_env_set_mapsize(env, RAW_MAP_BYTES) == 0);
    assert_true(mdb_env_open(env, store_folder, 0, 0600) == 0);
    assert_true(mdb_txn_begin(env, NULL, 0, &txn) == 0);
    assert_true(mdb_dbi_open(txn, database, 0, &dbi) == 0);
    assert_true(mdb_put(txn, dbi, &k, &v, 0) == 0);
    assert_true(mdb_txn_commit(txn) == 0);
    mdb_env_close(env);
}

static uint64_t hash_of_data(void)
{
    static char bytes[1 << 20];
    char path[PATH_MAX + 16];

    (void)snprintf(path, sizeof path, "%s/data.mdb", store_folder);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    assert_true(fd >= 0);
    ssize_t size = read(fd, bytes, sizeof bytes);
    assert_true(size > 0 && (size_t)size < sizeof bytes);
    (void)close(fd);
    return pawl_bytes_hash((struct pawl_bytes){bytes, (size_t)size}, 0);
}

static void refuses_with(pawl_err code, const char *part)
{
    struct pawl_source *store;
    pawl_error error;
    uint64_t before = hash_of_data();

    assert_true(try_open(store_folder, 0, &store, &error) == code);
    assert_says(&error, part);
    assert_says(&error, store_folder);
    assert_true(hash_of_data() == before);
}

static void refuses_formats_it_does_not_know(void **state)
{
    struct pawl_source *store = open_store();

    (void)state;
    assert_true(drive_create(store, "orders", NULL) == PAWL_OK);
    store->ops->close(store);
    raw_put("meta", "format", "2", 1);
    refuses_with(PAWL_DENIED, "has format 2, written by a newer pawl");
    raw_put("meta", "format", "x", 1);
    refuses_with(PAWL_DENIED, "damaged format");
    raw_put("meta", "format", "0", 1);
    refuses_with(PAWL_DENIED, "damaged format");
    raw_put("meta", "format", "1", 1);
    store = open_store();
    assert_true(drive_read(store, "orders", NULL) == PAWL_OK);
    store->ops->close(store);
}

static void refuses_what_is_not_its_own(void **state)
{
    char path[PATH_MAX + 16];

    (void)state;
    assert_true(mkdir(store_folder, 0700) == 0);
    raw_put(NULL, "key", "value", 5);
    refuses_with(PAWL_DENIED, "not pawl's");

    (void)snprintf(path, sizeof path, "%s/data.mdb", store_folder);
    int fd = open(path, O_WRONLY | O_CLOEXEC | O_TRUNC);
    assert_true(fd >= 0);
    for (int i = 0; i < 1000; i++) {
        assert_true(write(fd, "this is no database", 19) == 19);
    }
    (void)close(fd);
    refuses_with(PAWL_STORE, "MDB_INVALID");
}

struct names {
    struct pawl_page page;
    size_t count;
};

static void count_name(struct pawl_page *page, const struct pawl_record *record)
{
    (void)record;
    PAWL_OWNER(page, struct names, page)->count++;
}

static void fails_asks_on_a_damaged_record_alone(void **state)
{
    static const char junk[] = "\x01 this is no record at all";
    struct pawl_source *store = open_store();
    struct deed deeds[3] = {drive_deed(PAWL_ASK_TAKE, "a"), drive_deed(PAWL_ASK_TAKE, "bad"),
                            drive_deed(PAWL_ASK_TAKE, "c")};
    struct names names = {.page = {.count_max = 100, .each = count_name}};
    struct deed list = drive_deed(PAWL_ASK_LIST, "");

    (void)state;
    assert_true(drive_create(store, "a", NULL) == PAWL_OK);
    assert_true(drive_create(store, "bad", NULL) == PAWL_OK);
    assert_true(drive_create(store, "c", NULL) == PAWL_OK);
    store->ops->close(store);
    raw_put("seq", "bad", junk, sizeof junk);

    store = open_store();
    for (size_t i = 0; i < 3; i++) {
        deeds[i].ask.count = 5;
    }
    drive_all(store, deeds, 3);
    assert_true(deeds[0].ask.error.code == PAWL_OK && deeds[2].ask.error.code == PAWL_OK);
    assert_true(deeds[1].ask.error.code == PAWL_DENIED);
    assert_says(&deeds[1].ask.error, "\"bad\"");
    assert_true(drive_create(store, "bad", NULL) == PAWL_DENIED);
    assert_true(drive_read(store, "bad", NULL) == PAWL_DENIED);

    /* A listing has all others, and says that they are not all. */
    list.ask.page = &names.page;
    assert_true(drive(store, &list) == PAWL_OK && names.count == 2 && !names.page.more);
    assert_true(names.page.unread.code == PAWL_DENIED);
    assert_says(&names.page.unread, "\"bad\"");
    store->ops->close(store);
}

static void grows_its_map(void **state)
{
    static struct deed deeds[GROWN];
    static char texts[GROWN][NAME_MAX_BYTES];
    struct pawl_store_options options = drive_options(SEED);
    struct pawl_lmdb_settings settings = {
        .folder = store_folder, .map_bytes = 1 << 16, .options = &options};
    struct pawl_source *store;
    pawl_error error;

    (void)state;
    assert_true(pawl_lmdb_open_with(&settings, &store, &error) == PAWL_OK);
    assert_true(drive_create(store, "first", NULL) == PAWL_OK);
    for (size_t i = 0; i < GROWN; i++) {
        (void)snprintf(texts[i], sizeof texts[i], "grown/%08zx", i * 2654435761U);
        deeds[i] = drive_deed(PAWL_ASK_CREATE, texts[i]);
    }
    /* One at a time over the first limits, then all at once over several. */
    for (size_t i = 0; i < 1000; i++) {
        assert_true(drive(store, &deeds[i]) == PAWL_OK);
    }
    drive_all(store, deeds + 1000, GROWN - 1000);
    for (size_t i = 0; i < GROWN; i++) {
        if (deeds[i].ask.error.code != PAWL_OK) fail_msg("%s", deeds[i].ask.error.text);
    }
    store->ops->close(store);

    /* The map that it begins with is below what is there now. */
    assert_true(pawl_lmdb_open_with(&settings, &store, &error) == PAWL_OK);
    for (size_t i = 0; i < GROWN; i++) {
        deeds[i].ask.kind = PAWL_ASK_TAKE;
        deeds[i].ask.count = 1;
    }
    drive_all(store, deeds, GROWN);
    for (size_t i = 0; i < GROWN; i++) {
        assert_true(deeds[i].ask.error.code == PAWL_OK && deeds[i].ask.grant.range.first == 1);
    }
    store->ops->close(store);
}

int main(void)
{
#define IN_STORE(test) cmocka_unit_test_setup_teardown(test, store_begin, folder_end)
    const struct CMUnitTest tests[] = {
        IN_STORE(admits_one_process),
        IN_STORE(takes_over_when_the_owner_ends),
        IN_STORE(admits_one_of_two_in_a_process),
        IN_STORE(leaves_its_files_to_no_other_program),
        IN_STORE(tells_a_forked_child),
        IN_STORE(is_free_again_while_a_told_child_lives),
        IN_STORE(refuses_folders_it_cannot_write),
        IN_STORE(makes_its_folder_private),
        IN_STORE(takes_relative_folders),
        IN_STORE(knows_network_file_systems),
        IN_STORE(refuses_formats_it_does_not_know),
        IN_STORE(refuses_what_is_not_its_own),
        IN_STORE(fails_asks_on_a_damaged_record_alone),
        IN_STORE(grows_its_map),
    };

    return cmocka_run_group_tests_name("lmdb", tests, NULL, NULL);
}

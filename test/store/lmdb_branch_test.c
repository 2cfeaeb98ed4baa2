/* SPDX-License-Identifier: Apache-2.0 */
/* What an LMDB store is known by, and copies of it that are put back. */
#include "disk.h"
#include "drive.h"
#include "store/lmdb_env.h"

#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

enum { SEED = 4, FILE_BYTES = 1 << 20 };

/* guard: whose; NULL: nobody's. */
static struct pawl_source *open_guarded(const char *guard)
{
    struct pawl_store_options options = drive_options(SEED);
    struct pawl_source *store = NULL;
    pawl_error error = {.code = PAWL_OK};
    char url[256];
    int size = snprintf(url, sizeof url, "lmdb:%s/store", folder);

    if (guard != NULL) {
        (void)snprintf(url + size, sizeof url - (size_t)size, "?guard=%s/%s", folder, guard);
    }
    if (pawl_store_open(url, &options, &store, &error) != PAWL_OK) fail_msg("%s", error.text);
    return store;
}

static struct pawl_source *open_store(void)
{
    return open_guarded(NULL);
}

static pawl_err ask_identity(struct pawl_source *store, enum pawl_ask_kind kind,
                             struct pawl_identity *identity)
{
    struct deed deed = drive_deed(kind, "s");

    deed.ask.identity = identity;
    return drive(store, &deed);
}

static bool same_branch(const struct pawl_identity *a, const struct pawl_identity *b)
{
    return pawl_bytes_equal((struct pawl_bytes){a->branch.at, a->branch.size},
                            (struct pawl_bytes){b->branch.at, b->branch.size});
}

static void a_store_is_known_by_its_uuid_and_its_branch(void **state)
{
    struct pawl_source *store = open_store();
    struct pawl_identity first, again, written;
    struct pawl_grant grant;

    (void)state;
    assert_int_equal(ask_identity(store, PAWL_ASK_PING, &first), PAWL_OK);
    assert_int_equal(first.name_size, 36);
    assert_true(first.branch.size > 0 && first.branch.loses && first.position > 0);
    assert_int_equal(drive_create(store, "known", NULL), PAWL_OK);
    assert_int_equal(drive_take(store, "known", 1, &grant), PAWL_OK);
    assert_int_equal(ask_identity(store, PAWL_ASK_PING, &written), PAWL_OK);
    assert_int_equal(written.position, first.position + 2);
    store->ops->close(store);
    store = open_store();
    assert_int_equal(ask_identity(store, PAWL_ASK_PING, &again), PAWL_OK);
    assert_memory_equal(again.name, first.name, 36);
    assert_true(same_branch(&again, &first));
    assert_int_equal(again.position, written.position);
    store->ops->close(store);
}

static void a_branch_is_drawn_anew_once(void **state)
{
    struct pawl_source *store = open_store();
    struct pawl_identity first, drawn, again;
    struct pawl_grant grant;

    (void)state;
    assert_int_equal(drive_create(store, "drawn", NULL), PAWL_OK);
    assert_int_equal(drive_take(store, "drawn", 1, &grant), PAWL_OK);
    assert_int_equal(ask_identity(store, PAWL_ASK_PING, &first), PAWL_OK);
    drawn = again = first;
    assert_int_equal(ask_identity(store, PAWL_ASK_REDRAW, &drawn), PAWL_OK);
    assert_false(same_branch(&drawn, &first));
    assert_int_equal(ask_identity(store, PAWL_ASK_REDRAW, &again), PAWL_OK);
    assert_true(same_branch(&again, &drawn)); /* somebody had seen it before */
    assert_int_equal(drive_take(store, "drawn", 1, &grant), PAWL_OK);
    assert_true(grant.range.first >= 2 + PAWL_FENCE_IDS_MIN);
    int64_t next = grant.range.first + 1;

    store->ops->close(store);
    store = open_store();
    assert_int_equal(ask_identity(store, PAWL_ASK_PING, &again), PAWL_OK);
    assert_true(same_branch(&again, &drawn));
    assert_int_equal(drive_take(store, "drawn", 1, &grant), PAWL_OK);
    assert_int_equal(grant.range.first, next);
    store->ops->close(store);
}

/* A backup that is put back has an older one, however often, and whoever drew since. */
static void a_branch_is_drawn_anew_unless_it_is_later(void **state)
{
    static const struct {
        const char *known, *drawn; /* NULL: it stays */
    } rows[] = {
        {"1-00000000000000ff", "2-"}, /* the number is ours, but not the draw */
        {"3-00000000000000ff", "4-"},
        {"0123456789abcdef", NULL}, /* no number: from before there were any */
        {"", NULL},
    };

    (void)state;
    for (size_t i = 0; i < PAWL_COUNT(rows); i++) {
        struct pawl_source *store = open_store();
        struct pawl_identity first;
        struct pawl_identity asked = {.branch.size = (uint8_t)strlen(rows[i].known)};

        assert_int_equal(ask_identity(store, PAWL_ASK_PING, &first), PAWL_OK);
        assert_memory_equal(first.branch.at, "1-", 2);
        memcpy(asked.branch.at, rows[i].known, asked.branch.size);
        assert_int_equal(ask_identity(store, PAWL_ASK_REDRAW, &asked), PAWL_OK);
        assert_int_equal(same_branch(&asked, &first), rows[i].drawn == NULL);
        if (rows[i].drawn != NULL) assert_memory_equal(asked.branch.at, rows[i].drawn, 2);
        store->ops->close(store);
        assert_int_equal(folder_end(NULL), 0);
        assert_int_equal(folder_begin(NULL), 0);
    }
}

static void copy(const char *from, const char *to)
{
    static char bytes[FILE_BYTES];
    char path[128];

    (void)snprintf(path, sizeof path, "%s/%s", folder, from);
    FILE *file = fopen(path, "rb");

    assert_non_null(file);
    size_t size = fread(bytes, 1, sizeof bytes, file);

    assert_true(size > 0 && size < sizeof bytes);
    assert_int_equal(fclose(file), 0);
    (void)snprintf(path, sizeof path, "%s/%s", folder, to);
    file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, size, file), size);
    assert_int_equal(fclose(file), 0);
}

/* The first of 30 ids, which whoever has that guard takes. */
static int64_t take(const char *guard, const char *name)
{
    struct pawl_source *store = open_guarded(guard);
    struct pawl_grant grant;

    assert_int_equal(drive_take(store, name, 30, &grant), PAWL_OK);
    store->ops->close(store);
    return grant.range.first;
}

/*
 * Of `lone` only the first knows how far it came, and it does not come back: the second, which saw
 * the backup put back before, must notice that it is put back again. Its branch is the one of
 * before the first time, and so is that of all its records.
 */
static void a_backup_may_be_put_back_again_and_again(void **state)
{
    struct pawl_source *store = open_guarded("first");
    int64_t before = 0;

    (void)state;
    assert_int_equal(drive_create(store, "lone", NULL), PAWL_OK);
    assert_int_equal(drive_create(store, "shared", NULL), PAWL_OK);
    store->ops->close(store);
    assert_int_equal(take("first", "lone"), 1);
    copy("store/data.mdb", "backup");
    before = take("first", "lone");
    assert_int_equal(before, 31);
    for (int i = 0; i < 8; i++) {
        (void)take("second", "shared"); /* so that it knows the backup's branch, and is beyond */
    }
    for (int i = 0; i < 3; i++) {
        copy("backup", "store/data.mdb");
        int64_t first = i == 0 ? take("second", "shared") : take("second", "lone");

        assert_true(first >= PAWL_FENCE_IDS_MIN);
        (void)take("third", "shared");
    }
}

static void env_begin(struct pawl_lmdb_env *env, char *path, size_t size, const char *name)
{
    (void)snprintf(path, size, "%s/%s", folder, name);
    assert_int_equal(mkdir(path, 0700), 0);
    *env = (struct pawl_lmdb_env){.folder = path, .map_bytes = PAWL_LMDB_MAP_BYTES};
}

/* As after a failed write, when it is opened anew: what is there then is not what was in use. */
static void a_store_that_was_exchanged_is_not_gone_on_with(void **state)
{
    struct pawl_lmdb_env env, other;
    char path[PATH_MAX], other_path[PATH_MAX];
    pawl_error error = {.code = PAWL_OK};

    (void)state;
    env_begin(&env, path, sizeof path, "store");
    env_begin(&other, other_path, sizeof other_path, "other");
    assert_int_equal(pawl_lmdb_env_open(&other, &error), PAWL_OK);
    pawl_lmdb_env_close(&other);
    for (int i = 0; i < 2; i++) { /* its own is its own again */
        assert_int_equal(pawl_lmdb_env_open(&env, &error), PAWL_OK);
        pawl_lmdb_env_close(&env);
    }
    copy("store/data.mdb", "own");
    copy("other/data.mdb", "store/data.mdb");
    assert_int_equal(pawl_lmdb_env_open(&env, &error), PAWL_STORE);
    assert_non_null(strstr(error.text, "exchanged for another store"));
    assert_null(env.env);
    copy("own", "store/data.mdb");
    assert_int_equal(pawl_lmdb_env_open(&env, &error), PAWL_OK);
    pawl_lmdb_env_close(&env);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_FOLDER(a_store_is_known_by_its_uuid_and_its_branch),
        IN_FOLDER(a_branch_is_drawn_anew_once),
        IN_FOLDER(a_branch_is_drawn_anew_unless_it_is_later),
        IN_FOLDER(a_backup_may_be_put_back_again_and_again),
        IN_FOLDER(a_store_that_was_exchanged_is_not_gone_on_with),
    };

    return cmocka_run_group_tests_name("lmdb_branch", tests, NULL, NULL);
}

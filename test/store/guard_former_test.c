/* SPDX-License-Identifier: Apache-2.0 */
/* What a guard takes over of the one before, where another store was accepted. */
#include "disk.h"
#include "store/guard_env.h"
#include "store/guard_file.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

static const struct pawl_book_head head = {.began_s = 1700000000};

static struct pawl_seen seen_at(uint64_t line, int64_t id)
{
    const struct pawl_mark mark = {line, 0, id};

    return (struct pawl_seen){
        .mark = mark, .first = mark, .run_before = mark, .run_first = id, .increment = 1};
}

static void open_env(struct pawl_guard_env *env, const char *name)
{
    char path[sizeof folder + 16];
    struct pawl_book_head found = head;
    const char *why = NULL;

    (void)snprintf(path, sizeof path, "%s/%s", folder, name);
    assert_int_equal(mkdir(path, 0700), 0);
    assert_int_equal(pawl_guard_env_open(env, path, true, &found, &why), 0);
}

static void put(struct pawl_guard_env *env, struct pawl_bytes name, const struct pawl_seen *seen)
{
    assert_int_equal(pawl_guard_env_begin(env), 0);
    assert_int_equal(pawl_guard_env_end(env, &head, pawl_guard_env_put(env, name, seen)), 0);
}

/* They may be of another history: who reads them must know. */
static void marks_of_an_exchanged_store_are_marked_as_such(void **state)
{
    struct pawl_guard_env now = {.env = NULL};
    struct pawl_guard_env before = {.env = NULL};
    struct pawl_seen a = seen_at(7, 500);
    struct pawl_seen b = seen_at(9, 40);
    struct pawl_seen got;

    (void)state;
    open_env(&now, "now");
    open_env(&before, "before");
    put(&before, PAWL_BYTES("a"), &a);
    put(&before, PAWL_BYTES("b"), &a);
    put(&now, PAWL_BYTES("b"), &b);
    for (int i = 0; i < 2; i++) { /* again, it does nothing */
        assert_int_equal(pawl_guard_env_inherit(&now, &before, &head), 0);
        assert_int_equal(pawl_guard_env_get(&now, PAWL_BYTES("a"), &got), 0);
        assert_true(got.former);
        assert_int_equal(got.mark.line, 7);
        assert_int_equal(got.mark.id, 500);
        assert_int_equal(pawl_guard_env_get(&now, PAWL_BYTES("b"), &got), 0);
        assert_false(got.former); /* seen here: its line stays, beyond the further number */
        assert_int_equal(got.mark.line, 9);
        assert_int_equal(got.mark.id, 500);
    }
    pawl_guard_env_close(&before);
    pawl_guard_env_close(&now);
}

/* One of the two is a copy of the other: what either gave counts in both, also where a fence has
 * begun a line of its own in one. */
static void a_store_that_comes_back_is_told_what_the_other_gave_of_its_lines(void **state)
{
    static const struct {
        uint64_t line; /* of what this one has seen */
        int64_t id;
        bool former; /* from an earlier exchange */
        uint64_t other_line;
        int64_t other_id;
        uint64_t then_line;
        int64_t then_id;
        bool then_former;
    } rows[] = {
        {7, 40, false, 7, 500, 7, 500, false}, {7, 500, false, 7, 40, 7, 500, false},
        {7, 40, false, 9, 500, 7, 500, false}, {9, 40, false, 7, 500, 9, 500, false},
        {7, 50, false, 9, 40, 7, 50, false},   {7, 40, true, 7, 500, 7, 500, true},
        {7, 500, true, 7, 40, 7, 500, true},   {7, 40, true, 9, 30, 9, 40, true},
        {0, 0, false, 9, 30, 9, 30, true},     {7, 40, false, 0, 0, 7, 40, false},
    };
    struct pawl_guard_env now = {.env = NULL};
    struct pawl_guard_env before = {.env = NULL};

    (void)state;
    open_env(&now, "now");
    open_env(&before, "before");
    for (size_t i = 0; i < PAWL_COUNT(rows); i++) {
        char letter = (char)('a' + i);
        struct pawl_bytes name = {&letter, 1};
        struct pawl_seen own = seen_at(rows[i].line, rows[i].id);
        struct pawl_seen other = seen_at(rows[i].other_line, rows[i].other_id);

        own.former = rows[i].former;
        put(&now, name, &own);
        put(&before, name, &other);
    }
    for (int again = 0; again < 2; again++) {
        assert_int_equal(pawl_guard_env_inherit(&now, &before, &head), 0);
        for (size_t i = 0; i < PAWL_COUNT(rows); i++) {
            char letter = (char)('a' + i);
            struct pawl_seen got;

            assert_int_equal(pawl_guard_env_get(&now, (struct pawl_bytes){&letter, 1}, &got), 0);
            assert_int_equal(got.mark.line, rows[i].then_line);
            assert_int_equal(got.mark.id, rows[i].then_id);
            assert_int_equal(got.former, rows[i].then_former);
            assert_int_equal(got.run_before.id, rows[i].then_id); /* nothing can be given back */
        }
    }
    pawl_guard_env_close(&before);
    pawl_guard_env_close(&now);
}

static struct pawl_book *open_accepted(const char *name)
{
    const struct pawl_guard_place place = {
        .folder = folder,
        .url = "redis://host:6379/0",
        .accept = name,
        .how = "--accept-store",
        .own = true,
    };
    struct pawl_identity store = {.name_size = (uint8_t)strlen(name)};
    struct pawl_book_head found;
    struct pawl_book *book = NULL;
    pawl_error error = {.code = PAWL_OK};

    memcpy(store.name, name, store.name_size);
    if (pawl_guard_file_open(&place, &book, &error) != PAWL_OK ||
        book->ops->open(book, &store, &found, &error) != PAWL_OK) {
        fail_msg("%s", error.text);
    }
    return book;
}

static void remember_in(struct pawl_book *book, uint64_t line, const char *name, int64_t id)
{
    const struct pawl_sight sight = {{name, strlen(name)}, seen_at(line, id)};
    pawl_error error;

    assert_int_equal(
        book->ops->put(book, &(struct pawl_entries){.sights = &sight, .count = 1}, &error),
        PAWL_OK);
}

static void remember(struct pawl_book *book, const char *name, int64_t id)
{
    remember_in(book, 7, name, id);
}

static struct pawl_seen seen_of(struct pawl_book *book, const char *name)
{
    struct pawl_seen seen;
    pawl_error error;

    assert_int_equal(book->ops->get(book, (struct pawl_bytes){name, strlen(name)}, &seen, &error),
                     PAWL_OK);
    return seen;
}

/* It goes on where it was copied: what the copy has given since, it would give again. */
static void a_store_that_comes_back_knows_what_its_copy_gave(void **state)
{
    struct pawl_book *book = open_accepted("store");

    (void)state;
    remember(book, "a", 5);
    remember(book, "b", 7);
    book->ops->close(book);
    book = open_accepted("copy");
    remember(book, "a", 900);
    remember(book, "c", 40);
    book->ops->close(book);
    for (int again = 0; again < 2; again++) {
        book = open_accepted("store");
        assert_int_equal(seen_of(book, "a").mark.id, 900);
        assert_false(seen_of(book, "a").former);
        assert_int_equal(seen_of(book, "b").mark.id, 7);
        assert_false(seen_of(book, "b").former);
        assert_int_equal(seen_of(book, "c").mark.id, 40);
        assert_true(seen_of(book, "c").former);
        book->ops->close(book);
    }
}

/* The copy is of before a fence, after which the store went on in another line. Which of the two
 * lines the copy's record is of nobody knows until it is read: in either nothing comes twice. */
static void a_copy_that_comes_back_knows_what_both_lines_gave(void **state)
{
    struct pawl_book *book = open_accepted("store");

    (void)state;
    remember(book, "a", 500);
    remember(book, "b", 500);
    book->ops->close(book);
    book = open_accepted("copy");
    book->ops->close(book);
    book = open_accepted("store");
    remember_in(book, 9, "a", 900);
    remember_in(book, 9, "b", 40);
    book->ops->close(book);
    for (int again = 0; again < 2; again++) {
        book = open_accepted("copy");
        assert_true(seen_of(book, "a").former && seen_of(book, "a").any_line);
        assert_int_equal(seen_of(book, "a").mark.id, 900);
        assert_true(seen_of(book, "b").former && seen_of(book, "b").any_line);
        assert_int_equal(seen_of(book, "b").mark.id, 500);
        book->ops->close(book);
    }
}

static void marks_of_one_store_are_merged_as_they_are(void **state)
{
    struct pawl_guard_env now = {.env = NULL};
    struct pawl_guard_env before = {.env = NULL};
    struct pawl_seen less = seen_at(7, 40);
    struct pawl_seen more = seen_at(7, 500);
    struct pawl_seen got;

    (void)state;
    open_env(&now, "now");
    open_env(&before, "before");
    put(&before, PAWL_BYTES("a"), &more);
    put(&before, PAWL_BYTES("b"), &less);
    put(&now, PAWL_BYTES("a"), &less);
    put(&now, PAWL_BYTES("b"), &more);
    assert_int_equal(pawl_guard_env_merge(&now, &before, &head), 0);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(pawl_guard_env_get(&now, i == 0 ? PAWL_BYTES("a") : PAWL_BYTES("b"), &got),
                         0);
        assert_int_equal(got.mark.id, 500);
        assert_false(got.former);
    }
    pawl_guard_env_close(&before);
    pawl_guard_env_close(&now);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_FOLDER(marks_of_an_exchanged_store_are_marked_as_such),
        IN_FOLDER(a_store_that_comes_back_is_told_what_the_other_gave_of_its_lines),
        IN_FOLDER(a_store_that_comes_back_knows_what_its_copy_gave),
        IN_FOLDER(a_copy_that_comes_back_knows_what_both_lines_gave),
        IN_FOLDER(marks_of_one_store_are_merged_as_they_are),
    };

    return cmocka_run_group_tests_name("guard_former", tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* The users file: every way to write it wrong, and what its users may do. */
#include "users_fixture.h"

static struct pawl_bytes bytes_of(const char *text)
{
    return (struct pawl_bytes){text, strlen(text)};
}

/* want: how the error ends behind "FILE"; NULL: it can be read. */
static const struct {
    const char *label, *text, *want;
} files[] = {
    {"one user", "shop take * " PENCIL "\n", NULL},
    {"without a line end", "shop take * " PENCIL, NULL},
    {"a DOS file", "# a\r\nshop take * " PENCIL "\r\n\r\n", NULL},
    {"blanks everywhere", "\n \t\n  # shop\n\tshop\t take  * \t" PENCIL "  \n", NULL},
    {"patterns", "shop take a,b*,c\\,d,e\\ f " PENCIL, NULL},
    {"other scripts", "\xc3\xa4\xe2\x82\xac admin \xc3\xbc* " PENCIL, NULL},
    {"empty", "", ": it names no user: nobody could log in; pawl passwd adds one"},
    {"only comments", "# a\n\n#b", ": it names no user: nobody could log in; pawl passwd adds one"},
    {"a lone name", "# a\nshop\n", ":2: a line has four fields: name, role, sequences, verifier"},
    {"no verifier", "shop take *\n", ":1: a line has four fields: name, role, sequences, verifier"},
    {"no role", "shop * " PENCIL, ":1: a line has four fields: name, role, sequences, verifier"},
    {"a wrong role", "shop root * " PENCIL, ":1: the role is none of take, define and admin"},
    {"a role in capitals", "shop TAKE * " PENCIL, ":1: the role is none of take, define and admin"},
    {"an empty pattern", "shop take a,,b " PENCIL,
     ":1: a pattern of sequences' names is empty; * is all"},
    {"a comma behind", "shop take a, " PENCIL,
     ":1: a pattern of sequences' names is empty; * is all"},
    {"a blank behind a comma", "shop take a, b " PENCIL,
     ":1: a pattern of sequences' names is empty; * is all"},
    {"a backslash at the end", "shop take a\\", ":1: a line has four fields: name, ..."},
    {"a control character", "shop take a\x01 " PENCIL,
     ":1: the patterns are not UTF-8, or have control characters"},
    {"a broken name", "sh\xffop take a " PENCIL,
     ":1: the user's name is not UTF-8, or has control characters"},
    {"a backslash in a name", "sh\\op take a " PENCIL,
     ":1: a user's name has no blanks and no backslashes"},
    {"a name of 64 bytes",
     "0123456789012345678901234567890123456789012345678901234567890123 take a " PENCIL,
     ":1: the user's name is longer than 63 bytes"},
    {"a plain password", "shop take * secret", ":1: a verifier is SCRAM-SHA-256$<iterations>:..."},
    {"an old verifier", "shop take * md5d41d8cd98f00b204e9800998ecf8427e",
     ":1: a verifier is SCRAM-SHA-256$<iterations>:..."},
    {"one field too many", "shop take * " PENCIL " more",
     ":1: there is something behind the verifier"},
    {"the same name twice", "b take * " PENCIL "\na take * " PENCIL "\n\nb admin * " PENCIL,
     ":4: the user b stands in line 1 already"},
};

static bool is_like(const char *text, const char *want)
{
    size_t size = strlen(want);

    if (size > 3 && strcmp(want + size - 3, "...") == 0) return strncmp(text, want, size - 3) == 0;
    return strcmp(text, want) == 0;
}

static void test_files(void **state)
{
    struct users_folder folder = {.path = ""};

    (void)state;
    users_folder_make(&folder);
    for (size_t i = 0; i < PAWL_COUNT(files); i++) {
        struct users *users = NULL;
        pawl_error error = {.text = ""};

        users_file_write(&folder, bytes_of(files[i].text), 0600);
        pawl_err err = users_read(&users, folder.file, NULL, &error);
        bool fine = files[i].want == NULL
                        ? err == PAWL_OK
                        : err == PAWL_BAD_REQUEST &&
                              strncmp(error.text, folder.file, strlen(folder.file)) == 0 &&
                              is_like(error.text + strlen(folder.file), files[i].want);
        if (!fine) fail_msg("%s: \"%s\"", files[i].label, error.text);
        users_drop(users);
    }
    users_folder_remove(&folder);
}

static void test_limits(void **state)
{
    static char text[2 * USERS_LINE_BYTES_MAX];
    struct user_line line;

    (void)state;
    memset(text, '#', sizeof text);
    assert_non_null(user_line_read((struct pawl_bytes){text, USERS_LINE_BYTES_MAX + 1}, &line));
    assert_null(user_line_read((struct pawl_bytes){text, USERS_LINE_BYTES_MAX}, &line));
    memset(text, '*', sizeof text);
    assert_null(user_globs_check((struct pawl_bytes){text, USER_GLOBS_BYTES_MAX}));
    assert_non_null(user_globs_check((struct pawl_bytes){text, USER_GLOBS_BYTES_MAX + 1}));
    for (size_t i = 1; i < 2 * USER_GLOBS_MAX; i += 2) {
        text[i] = ',';
    }
    assert_null(user_globs_check((struct pawl_bytes){text, 2 * USER_GLOBS_MAX - 1}));
    assert_non_null(user_globs_check((struct pawl_bytes){text, 2 * USER_GLOBS_MAX + 1}));
}

static void test_modes(void **state)
{
    static const struct {
        mode_t mode;
        bool taken, exposed;
    } rows[] = {
        {0400, true, false}, {0600, true, false},  {0640, true, false},  {0644, true, true},
        {0604, true, true},  {0620, false, false}, {0602, false, false}, {0666, false, false},
    };
    struct users_folder folder = {.path = ""};
    struct users *users = NULL;
    pawl_error error = {.text = ""};

    (void)state;
    users_folder_make(&folder);
    assert_int_equal(users_read(&users, folder.file, NULL, &error), PAWL_BAD_REQUEST);
    assert_non_null(strstr(error.text, "cannot be opened"));
    assert_int_equal(users_read(&users, folder.path, NULL, &error), PAWL_BAD_REQUEST);
    assert_non_null(strstr(error.text, "no regular file"));
    for (size_t i = 0; i < PAWL_COUNT(rows); i++) {
        (void)unlink(folder.file);
        users_file_write(&folder, PAWL_BYTES("a take * " PENCIL), rows[i].mode);
        pawl_err err = users_read(&users, folder.file, NULL, &error);
        assert_int_equal(err, rows[i].taken ? PAWL_OK : PAWL_BAD_REQUEST);
        if (err != PAWL_OK) assert_non_null(strstr(error.text, "chmod go-w"));
        if (err != PAWL_OK) continue;
        assert_int_equal(users_exposed(users), rows[i].exposed);
        users_drop(users);
    }
    users_folder_remove(&folder);
}

static void test_rights(void **state)
{
    static const struct {
        const char *user, *sequence;
        bool take, define, admin;
    } rows[] = {
        {"taker", "orders", true, false, false}, {"taker", "shop.items", true, false, false},
        {"taker", "shops", false, false, false}, {"taker", "", true, false, false},
        {"definer", "a,b", true, true, false},   {"definer", "a", false, false, false},
        {"definer", "a b", true, true, false},   {"definer", "*", true, true, false},
        {"definer", "**", false, false, false},  {"admin", "anything", true, true, true},
        {"admin", "", true, true, true},         {"own", "own.x", true, true, true},
        {"own", "x", false, false, false},
    };
    struct users *users = users_of("taker take orders,shop.* " PENCIL "\n"
                                   "definer define a\\,b,a\\ b,\\* " PENCIL "\n"
                                   "admin admin x,* " PENCIL "\n"
                                   "own admin own.* " PENCIL "\n",
                                   NULL);

    (void)state;
    assert_int_equal(users_count(users), 4);
    assert_null(users_find(users, PAWL_BYTES("nobody")));
    assert_null(users_find(users, PAWL_BYTES("")));
    for (size_t i = 0; i < PAWL_COUNT(rows); i++) {
        const struct user *user = users_find(users, bytes_of(rows[i].user));
        struct pawl_bytes name = bytes_of(rows[i].sequence);

        assert_non_null(user);
        if (users_may(user, USER_TAKE, name) != rows[i].take ||
            users_may(user, USER_DEFINE, name) != rows[i].define ||
            users_may(user, USER_ADMIN, name) != rows[i].admin) {
            fail_msg("%s, %s", rows[i].user, rows[i].sequence);
        }
    }
    users_drop(users);
}

static void test_passwords(void **state)
{
    struct users *users = users_of("a take * " PENCIL "\nb take * " ERASER "\n", NULL);
    const struct user *a = users_find(users, PAWL_BYTES("a"));

    (void)state;
    for (int i = 0; i < 2; i++) { /* the second time it is known */
        assert_ptr_equal(users_check(users, PAWL_BYTES("a"), PAWL_BYTES("pencil")), a);
        assert_null(users_check(users, PAWL_BYTES("a"), PAWL_BYTES("eraser")));
        assert_null(users_check(users, PAWL_BYTES("a"), PAWL_BYTES("")));
        assert_null(users_check(users, PAWL_BYTES("b"), PAWL_BYTES("pencil")));
        assert_non_null(users_check(users, PAWL_BYTES("b"), PAWL_BYTES("eraser")));
        assert_null(users_check(users, PAWL_BYTES("c"), PAWL_BYTES("pencil")));
    }
    users_drop(users);
}

/* A verifier for who is not there stays the same over readings, like any other. */
static void test_readings(void **state)
{
    struct users *first =
        users_of("a take * " PENCIL "\nb take * " ERASER "\nc admin * " PENCIL, NULL);
    struct users *second =
        users_of("a admin x " PENCIL "\nb take * " PENCIL "\nd take * " ERASER, first);
    struct pawl_scram_verifier before;
    struct pawl_scram_verifier after;

    (void)state;
    const struct user *a = users_again(second, users_find(first, PAWL_BYTES("a")));
    assert_non_null(a);
    assert_true(users_may(a, USER_ADMIN, PAWL_BYTES("x")));
    assert_null(users_again(second, users_find(first, PAWL_BYTES("b"))));
    assert_null(users_again(second, users_find(first, PAWL_BYTES("c"))));
    users_verifier(first, PAWL_BYTES("nobody"), &before);
    users_verifier(second, PAWL_BYTES("nobody"), &after);
    assert_true(pawl_scram_verifier_equal(&before, &after));
    struct users *restarted = users_of("a admin x " PENCIL "\nc take * " ERASER, NULL);
    users_verifier(restarted, PAWL_BYTES("nobody"), &after);
    assert_true(pawl_scram_verifier_equal(&before, &after));
    users_drop(restarted);
    assert_ptr_equal(users_hold(first), first);
    users_drop(first);
    users_drop(first);
    users_drop(second);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_files),     cmocka_unit_test(test_limits),
        cmocka_unit_test(test_modes),     cmocka_unit_test(test_rights),
        cmocka_unit_test(test_passwords), cmocka_unit_test(test_readings),
    };

    return cmocka_run_group_tests_name("users", tests, NULL, NULL);
}

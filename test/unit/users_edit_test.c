/* SPDX-License-Identifier: Apache-2.0 */
/* What pawl passwd makes of a file's text. */
#include "server/users_edit.h"

#include "users_fixture.h"

#define HEAD     "# name         role    sequences        verifier\n"
#define NEW_SHOP "shop           define  a*,b             " PENCIL "\n"
#define NEW_A    "a              define  a*,b             " PENCIL "\n"

static const struct {
    const char *label, *text, *name;
    bool remove;
    const char *want;
} edits[] = {
    {"a new file", "", "shop", false, HEAD NEW_SHOP},
    {"one more", "# mine\n\na take * " ERASER "\n", "shop", false,
     "# mine\n\na take * " ERASER "\n" NEW_SHOP},
    {"no line end", "a take * " ERASER, "shop", false, "a take * " ERASER "\n" NEW_SHOP},
    {"a changed one", "#x\na take * " ERASER "\n #y\nb take * " ERASER "\n", "a", false,
     "#x\n" NEW_A " #y\nb take * " ERASER "\n"},
    {"the last one, without a line end", "b take * " ERASER "\na take * " ERASER, "a", false,
     "b take * " ERASER "\n" NEW_A},
    {"one whose name begins alike", "ab take * " ERASER "\n", "a", false,
     "ab take * " ERASER "\n" NEW_A},
    {"a comment with the name", "# a take * " ERASER "\n", "a", false,
     "# a take * " ERASER "\n" NEW_A},
    {"a removed one", "#x\r\na take * " ERASER "\r\nb take * " ERASER "\r\n", "a", true,
     "#x\r\nb take * " ERASER "\r\n"},
    {"twice there", "a take * " ERASER "\nb take * " ERASER "\na take * " PENCIL "\n", "a", false,
     NEW_A "b take * " ERASER "\n"},
    {"the last user", "a take * " ERASER "\n", "a", true, ""},
};

static void test_edits(void **state)
{
    (void)state;
    for (size_t i = 0; i < PAWL_COUNT(edits); i++) {
        struct pawl_bytes text = {edits[i].text, strlen(edits[i].text)};
        struct pawl_bytes name = {edits[i].name, strlen(edits[i].name)};
        struct user_line line = {.name = name, .role = USER_DEFINE, .globs = PAWL_BYTES("a*,b")};
        size_t size = 0;

        assert_null(pawl_scram_verifier_read(&line.verifier, PAWL_BYTES(PENCIL)));
        char *edited = users_edit_put(text, name, edits[i].remove ? NULL : &line, &size);
        assert_non_null(edited);
        if (size != strlen(edits[i].want) || memcmp(edited, edits[i].want, size) != 0) {
            fail_msg("%s:\n%.*s", edits[i].label, (int)size, edited);
        }
        free(edited);
    }
}

static void test_finding(void **state)
{
    static const char text[] = "# a\nshop admin x,y " PENCIL "\nb take * " ERASER;
    static const char broken[] = "a take * " PENCIL "\nb take\n";
    struct user_line line;
    pawl_error error = {.text = ""};

    (void)state;
    assert_int_equal(users_edit_find(PAWL_BYTES(text), "f", PAWL_BYTES("shop"), &line, &error),
                     PAWL_OK);
    assert_int_equal(line.role, USER_ADMIN);
    assert_true(pawl_bytes_equal(line.globs, PAWL_BYTES("x,y")));
    assert_int_equal(users_edit_find(PAWL_BYTES(text), "f", PAWL_BYTES("sho"), &line, &error),
                     PAWL_OK);
    assert_int_equal(line.name.size, 0);
    assert_int_equal(users_edit_find(PAWL_BYTES(broken), "f", PAWL_BYTES("a"), &line, &error),
                     PAWL_BAD_REQUEST);
    assert_string_equal(error.text, "f:2: a line has four fields: name, role, sequences, verifier; "
                                    "correct that first");
}

/* The longest name, patterns and verifier fit a line. */
static void test_longest_line(void **state)
{
    static char name[USER_NAME_BYTES_MAX];
    static char globs[USER_GLOBS_BYTES_MAX];
    struct user_line line = {.name = {name, sizeof name},
                             .role = USER_DEFINE,
                             .globs = {globs, sizeof globs},
                             .verifier = {.iterations = PAWL_SCRAM_ITERATIONS_MAX,
                                          .salt_size = PAWL_SCRAM_SALT_BYTES_MAX}};
    struct user_line again;
    pawl_error error;
    size_t size = 0;

    (void)state;
    memset(name, 'n', sizeof name);
    memset(globs, 'g', sizeof globs);
    char *text = users_edit_put((struct pawl_bytes){"", 0}, line.name, &line, &size);
    assert_non_null(text);
    assert_int_equal(
        users_edit_find((struct pawl_bytes){text, size}, "f", line.name, &again, &error), PAWL_OK);
    assert_int_equal(again.name.size, sizeof name);
    assert_int_equal(again.globs.size, sizeof globs);
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_edits),
        cmocka_unit_test(test_finding),
        cmocka_unit_test(test_longest_line),
    };

    return cmocka_run_group_tests_name("users_edit", tests, NULL, NULL);
}

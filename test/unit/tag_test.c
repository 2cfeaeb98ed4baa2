/* SPDX-License-Identifier: Apache-2.0 */
/* Branches that pawl draws itself: as texts, and in their order. */
#include "store/tag.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static void texts_go_there_and_back(void **state)
{
    static const struct pawl_tag tags[] = {
        {1, 0}, {3, 0x9f86d081884c7d65}, {UINT64_MAX, UINT64_MAX}};

    (void)state;
    for (size_t i = 0; i < PAWL_COUNT(tags); i++) {
        char text[PAWL_TAG_BYTES_MAX];
        size_t size = pawl_tag_write(&tags[i], text);
        struct pawl_branch branch = pawl_tag_branch(&tags[i]);
        struct pawl_tag read = {0, 0};

        assert_true(pawl_tag_read(&read, (struct pawl_bytes){text, size}));
        assert_true(pawl_tag_equal(&read, &tags[i]));
        assert_true(branch.loses);
        assert_int_equal(branch.size, size);
        assert_memory_equal(branch.at, text, size);
    }
    assert_int_equal(pawl_tag_branch(&(struct pawl_tag){0, 5}).size, 0);
}

static void other_texts_are_none(void **state)
{
    static const char *const texts[] = {"",
                                        "1",
                                        "-9f86d081884c7d65",
                                        "0-9f86d081884c7d65",
                                        "1-9f86d081884c7d6",
                                        "1-9f86d081884c7d6x",
                                        "1_9f86d081884c7d65",
                                        "x-9f86d081884c7d65",
                                        "18446744073709551616-9f86d081884c7d65"};

    (void)state;
    for (size_t i = 0; i < PAWL_COUNT(texts); i++) {
        struct pawl_tag tag = {7, 7};

        if (pawl_tag_read(&tag, (struct pawl_bytes){texts[i], strlen(texts[i])})) {
            fail_msg("%s", texts[i]);
        }
        assert_int_equal(tag.number, 7);
    }
}

static void a_drawn_one_lies_beyond_all(void **state)
{
    const struct pawl_tag some[] = {{0, 0}, {4, 1}, {9, 2}};
    uint64_t random = 1;

    (void)state;
    for (size_t i = 0; i < 3; i++) {
        struct pawl_tag a =
            pawl_tag_draw(&some[i], &some[(i + 1) % 3], &some[(i + 2) % 3], &random);
        struct pawl_tag b =
            pawl_tag_draw(&some[i], &some[(i + 1) % 3], &some[(i + 2) % 3], &random);

        assert_int_equal(a.number, 10);
        assert_false(pawl_tag_equal(&a, &b));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(texts_go_there_and_back),
        cmocka_unit_test(other_texts_are_none),
        cmocka_unit_test(a_drawn_one_lies_beyond_all),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

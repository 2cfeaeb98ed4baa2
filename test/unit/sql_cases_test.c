/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Statements and what is told of them, from a file: see test/unit/sql. Pairs of lines with empty
 * ones between; # begins a comment.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/base.h"
#include "sql_world.h"

enum { LINE_BYTES = 16 * 1024 };

static const char *path; /* of the file */

static bool next_line(FILE *file, char line[LINE_BYTES])
{
    while (fgets(line, LINE_BYTES, file) != NULL) {
        size_t size = strcspn(line, "\n");

        assert_int_equal(line[size], '\n');
        line[size] = '\0';
        if (size > 0 && line[0] != '#') return true;
    }
    return false;
}

static void each_is_told_as_expected(void **state)
{
    static char text[LINE_BYTES], expected[LINE_BYTES], told[SQL_TOLD_BYTES];
    FILE *file = fopen(path, "re");
    size_t count = 0;
    size_t wrong = 0;

    (void)state;
    assert_non_null(file);
    while (next_line(file, text)) {
        assert_true(next_line(file, expected));
        count++;
        if (strcmp(sql_told(text, told), expected) == 0) continue;
        print_error("%s\n  is told  %s\n  not      %s\n", text, told, expected);
        wrong++;
    }
    (void)fclose(file);
    assert_in_range(count, 1, SIZE_MAX);
    if (wrong > 0) fail_msg("%zu of %zu statements are told otherwise", wrong, count);
}

int main(int count, char **words)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(each_is_told_as_expected)};

    if (count != 2) {
        (void)fprintf(stderr, "usage: %s FILE\n", words[0]);
        return 2;
    }
    path = words[1];
    return cmocka_run_group_tests_name(strrchr(path, '/') + 1, tests, NULL, NULL);
}

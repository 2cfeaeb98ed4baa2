/* SPDX-License-Identifier: Apache-2.0 */
/* Stores' URLs: what they say, and each part that cannot be meant. */
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "store/url.h"

static const char *const keys[] = {"ca", "prefix", "replicas", NULL};

static const struct pawl_url_rules rules = {
    .scheme = "redis://",
    .port = 6379,
    .keys = keys,
    .example = "redis://host:6379/0?prefix=pawl:",
};

static void reads_every_part(void **state)
{
    struct pawl_url url;

    (void)state;
    assert_int_equal(
        pawl_url_read(&url, "redis://u%40x:p%3a%2Fw@a,[::1]:7,c:65535/1%20x?prefix=p%26&replicas=2",
                      &rules, NULL),
        PAWL_OK);
    assert_string_equal(url.user, "u@x");
    assert_string_equal(url.password, "p:/w");
    assert_true(url.has_user && url.has_password);
    assert_int_equal(url.host_count, 3);
    assert_string_equal(url.hosts[0].name, "a");
    assert_int_equal(url.hosts[0].port, 6379);
    assert_false(url.hosts[0].port_given);
    assert_string_equal(url.hosts[1].name, "::1");
    assert_int_equal(url.hosts[1].port, 7);
    assert_int_equal(url.hosts[2].port, 65535);
    assert_string_equal(url.path, "1 x");
    assert_string_equal(pawl_url_option(&url, "prefix"), "p&");
    assert_null(pawl_url_option(&url, "ca"));

    uint64_t replicas = 0;

    assert_int_equal(pawl_url_number(&url, "replicas", (const uint64_t[]){0, 9}, &replicas, NULL),
                     PAWL_OK);
    assert_int_equal(replicas, 2);
}

static void reads_the_least(void **state)
{
    struct pawl_url url;

    (void)state;
    assert_int_equal(pawl_url_read(&url, "redis://h", &rules, NULL), PAWL_OK);
    assert_false(url.has_user);
    assert_string_equal(url.path, "");
    assert_int_equal(url.option_count, 0);
    assert_int_equal(pawl_url_read(&url, "redis://h?ca=", &rules, NULL), PAWL_OK);
    assert_string_equal(pawl_url_option(&url, "ca"), "");
}

static void says_which_part_is_wrong(void **state)
{
    static const struct {
        const char *url, *says;
    } rows[] = {
        {"redis://", "host \"\" is empty"},
        {"redis://a,,b", "host \"\" is empty"},
        {"redis://a:0", "port \"0\" must be"},
        {"redis://a:65536", "port \"65536\" must be"},
        {"redis://a:x", "port of host \"a\" must be"},
        {"redis://a:", "port of host \"a\" must be"},
        {"redis://[::1", "lacks its ]"},
        {"redis://[::1]7", "behind its ]"},
        {"redis://a%2", "without two hexadecimal digits"},
        {"redis://a%00b", "has a NUL"},
        {"redis://@a", "user is empty"},
        {"redis://u:%zz@a", "password has a %"},
        {"redis://a/%g1", "path \"%g1\" has a %"},
        {"redis://a?perfix=x", "no parameter \"perfix\"; there are: ca, prefix, replicas"},
        {"redis://a?prefix", "lacks its = and value"},
        {"redis://a?prefix=a&prefix=b", "is given twice"},
        {"redis://a?&", "no parameter \"\""},
        {"redis://a#x", "fragment"},
        {"redis://a/0#x", "fragment"},
    };

    (void)state;
    for (size_t i = 0; i < PAWL_COUNT(rows); i++) {
        struct pawl_url url;
        pawl_error error = {0};

        assert_int_equal(pawl_url_read(&url, rows[i].url, &rules, &error), PAWL_BAD_REQUEST);
        if (strstr(error.text, rows[i].says) == NULL) {
            fail_msg("%s: %s", rows[i].url, error.text);
        }
    }
}

static void never_shows_a_password(void **state)
{
    static const char *const urls[] = {
        "redis://u:secret@a:x",
        "redis://u:secret%@a",
        "redis://:secret@a",
        "redis://u:secret@a?x=1",
        /* What should have been encoded, and cuts it into other parts of a URL. */
        "redis://u:secret/2@a/0",
        "redis://:secret/2@a/0",
        "redis://u:1/secret@a:6379/0",
        "redis://u:p@secret/2@a/0",
        "redis://u:secret?2@a/0",
        "redis://u:1?secret@a/0",
        "redis://u:secret#2@a/0",
        "redis://u:1#secret@a/0",
        "redis://u:1/secret%zz@a",
        "redis://[secret/2@a",
        "redis://u:secret",
        "redis://u:secret/0",
    };

    (void)state;
    for (size_t i = 0; i < PAWL_COUNT(urls); i++) {
        struct pawl_url url;
        pawl_error error = {0};

        assert_int_equal(pawl_url_read(&url, urls[i], &rules, &error), PAWL_BAD_REQUEST);
        assert_null(strstr(error.text, "secret"));
    }
}

static void words_and_numbers_have_bounds(void **state)
{
    static const char *const words[] = {"aof", "none", NULL};
    struct pawl_url url;
    pawl_error error = {0};
    size_t index = 7;
    uint64_t number = 7;

    (void)state;
    assert_int_equal(pawl_url_read(&url, "redis://a?ca=none&prefix=all&replicas=10", &rules, NULL),
                     PAWL_OK);
    assert_int_equal(pawl_url_word(&url, "ca", words, &index, &error), PAWL_OK);
    assert_int_equal(index, 1);
    assert_int_equal(pawl_url_word(&url, "prefix", words, &index, &error), PAWL_BAD_REQUEST);
    assert_non_null(strstr(error.text, "prefix is \"all\"; it can be: aof, none"));
    assert_int_equal(pawl_url_number(&url, "replicas", (const uint64_t[]){0, 9}, &number, &error),
                     PAWL_BAD_REQUEST);
    assert_non_null(strstr(error.text, "from 0 to 9"));
    assert_int_equal(number, 7);
}

static void limits_have_names(void **state)
{
    char text[2048] = "redis://a";
    struct pawl_url url;
    pawl_error error = {0};
    struct pawl_url_rules one = rules;

    (void)state;
    for (int i = 0; i < PAWL_URL_HOSTS_MAX; i++) {
        memcpy(text + strlen(text), ",a", 3);
    }
    assert_int_equal(pawl_url_read(&url, text, &rules, &error), PAWL_BAD_REQUEST);
    assert_non_null(strstr(error.text, "one too many"));
    memset(text + 8, 'a', 600);
    text[608] = '\0';
    assert_int_equal(pawl_url_read(&url, text, &rules, &error), PAWL_BAD_REQUEST);
    assert_non_null(strstr(error.text, "is too long"));
    one.one_host = one.no_user = true;
    assert_int_equal(pawl_url_read(&url, "redis://a,b", &one, &error), PAWL_BAD_REQUEST);
    assert_non_null(strstr(error.text, "this store has one"));
    assert_int_equal(pawl_url_read(&url, "redis://u@b", &one, &error), PAWL_BAD_REQUEST);
    assert_non_null(strstr(error.text, "user cannot be given"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_every_part),
        cmocka_unit_test(reads_the_least),
        cmocka_unit_test(says_which_part_is_wrong),
        cmocka_unit_test(never_shows_a_password),
        cmocka_unit_test(words_and_numbers_have_bounds),
        cmocka_unit_test(limits_have_names),
    };

    return cmocka_run_group_tests_name("store_url", tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* The command line of `pawl`, its JSON and its histogram. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "cli/args.h"
#include "cli/hide.h"
#include "cli/histogram.h"
#include "cli/print.h"
#include "cli/variables.h"

enum { WORDS_MAX = 16, LINE_MAX = 256 };

/* Cuts line at its spaces; a quoted space does not occur in these tests. */
static pawl_err parse(struct args *args, const char *line, pawl_error *error)
{
    static char copy[LINE_MAX];
    char *words[WORDS_MAX] = {NULL};
    char *rest = NULL;
    size_t count = 0;

    assert_true(strlen(line) < sizeof copy);
    memcpy(copy, line, strlen(line) + 1);
    for (char *word = strtok_r(copy, " ", &rest); word != NULL; word = strtok_r(NULL, " ", &rest)) {
        assert_true(count + 1 < WORDS_MAX);
        words[count++] = word;
    }
    return args_parse(args, words, NULL, error);
}

static struct args parsed(const char *line)
{
    struct args args;
    pawl_error error;

    if (parse(&args, line, &error) != PAWL_OK) fail_msg("pawl %s: %s", line, error.text);
    return args;
}

static void refused(const char *line, const char *text)
{
    struct args args;
    pawl_error error;

    if (parse(&args, line, &error) == PAWL_OK) fail_msg("pawl %s was accepted", line);
    if (strstr(error.text, text) == NULL) {
        fail_msg("pawl %s: '%s' lacks '%s'", line, error.text, text);
    }
}

static void a_slip_in_a_variables_name_is_found(void **state)
{
    static const struct {
        const char *entry, *meant;
    } cases[] = {
        {"PAWL_ULR=pawl://h", "PAWL_URL"},
        {"PAWL_URLS=", "PAWL_URL"},
        {"PAWL_PASWORD=secret", "PAWL_PASSWORD"},
        {"PAWL_PASSWD=secret", "PAWL_PASSWORD"},
        {"PAWLD_URL=lmdb:/x", "PAWL_URL"},
        {"PAWLD_PASSWORD=x", "PAWL_PASSWORD"},
        {"PAWL_URL=x", NULL},
        {"PAWL_PASSWORD=PAWL_ULR", NULL},
        {"PAWLD_STORE=lmdb:/x", NULL},
        {"PAWLD_", NULL},
        {"PAWL_", NULL},
        {"PAWL_PORT=tcp://10.0.0.1:7379", NULL},
        {"PAWL_SERVICE_HOST=10.0.0.1", NULL},
        {"PAWL_SEED=7", NULL},
        {"PATH=PAWL_ULR", NULL},
        {"", NULL},
    };

    (void)state;
    for (size_t i = 0; i < PAWL_COUNT(cases); i++) {
        struct pawl_bytes name;
        const char *meant = variables_meant(cases[i].entry, &name);

        if (cases[i].meant == NULL) {
            if (meant != NULL) fail_msg("%s: %s", cases[i].entry, meant);
            continue;
        }
        if (meant == NULL) fail_msg("%s: none", cases[i].entry);
        assert_string_equal(meant, cases[i].meant);
        assert_int_equal(name.size, strcspn(cases[i].entry, "="));
    }
}

static void commands_take_what_belongs_to_them(void **state)
{
    (void)state;
    struct args args = parsed("next orders");
    assert_int_equal(args.command, COMMAND_NEXT);
    assert_string_equal(args.name, "orders");
    assert_int_equal(args.count, 1);

    args = parsed("--json next -n 20 orders");
    assert_true(args.json);
    assert_int_equal(args.count, 20);

    args = parsed("set orders -9223372036854775808 --force");
    assert_int_equal(args.command, COMMAND_SET);
    assert_true(args.id == INT64_MIN);
    assert_true(args.force);

    args = parsed("list or*");
    assert_string_equal(args.glob, "or*");
    assert_null(parsed("list").glob);

    args = parsed("next -- -name");
    assert_string_equal(args.name, "-name");
}

static void commands_of_stores_have_two_words(void **state)
{
    (void)state;
    struct args args = parsed("store check lmdb:/ids");
    assert_int_equal(args.command, COMMAND_STORE_CHECK);
    assert_string_equal(args.url, "lmdb:/ids");
    assert_true(args_is_store(&args));
    assert_true(args.timeout_ns == 0);
    assert_true(parsed("store --json init lmdb:/ids --timeout 3").timeout_ns == 3 * PAWL_NS_PER_S);

    args = parsed("store copy --match or* lmdb:/a redis://b --dry-run");
    assert_int_equal(args.command, COMMAND_STORE_COPY);
    assert_string_equal(args.url, "lmdb:/a");
    assert_string_equal(args.to, "redis://b");
    assert_string_equal(args.glob, "or*");
    assert_true(args.dry_run);

    args = parsed("ping");
    assert_false(args_is_store(&args));
    assert_true(args.timeout_ns == 5 * PAWL_NS_PER_S);
    refused("store", "pawl store needs a command");
    refused("store make lmdb:/ids", "no command 'store make'");
    refused("store check", "needs the URL of a store");
    refused("store init", "needs the URL of a store");
    refused("store copy lmdb:/a", "needs FROM TO");
    refused("store copy lmdb:/a lmdb:/b lmdb:/c", "one word too many");
    args = parsed("backup lmdb:/a - --sql --match or*");
    assert_string_equal(args.url, "lmdb:/a");
    assert_string_equal(args.file, "-");
    assert_true(args.sql && args_is_store(&args));
    args = parsed("restore f lmdb:/a --skip-for 36500d");
    assert_string_equal(args.file, "f");
    assert_true(args.skip_for_ns == UINT64_C(36500) * 86400 * PAWL_NS_PER_S);
    assert_true(parsed("restore f lmdb:/a --skip-for 90").skip_for_ns == 90 * PAWL_NS_PER_S);
    assert_true(parsed("restore f lmdb:/a --skip-for 6h").skip_for_ns == 21600 * PAWL_NS_PER_S);
    refused("restore f lmdb:/a", "would be handed out again");
    refused("restore f lmdb:/a --skip 1 --skip-for 2", "either --skip N or --skip-for TIME");
    refused("restore f --skip 1", "needs FILE URL");
    refused("restore f lmdb:/a --skip-for 36501d", "a time such as");
    refused("restore f lmdb:/a --skip-for 0h", "a time such as");
    refused("restore f lmdb:/a --skip-for h", "a time such as");
    refused("restore f lmdb:/a --skip-for -1", "a time such as");
    refused("backup lmdb:/a f --skip 1", "does not go with pawl backup");
    refused("store check lmdb:/a --url lmdb:/b", "takes one URL");
    refused("store init --url lmdb:/b lmdb:/a", "takes one URL");
    refused("store copy lmdb:/a lmdb:/c --url lmdb:/b", "--url does not go with pawl store copy");
    refused("store check lmdb:/a lmdb:/b", "one word too many");
    assert_string_equal(parsed("store check --url lmdb:/b").url, "lmdb:/b");
    refused("backup f redis://u:geheim@h", "it is pawl backup URL FILE");
    refused("restore redis://u:geheim@h f --skip 1", "it is pawl restore FILE URL");
    refused("store check lmdb:/a --dry-run", "--dry-run does not go with");
    refused("init lmdb:/a", "no command 'init'");
}

static void what_is_printed_bears_no_password(void **state)
{
    static char texts[][48] = {"backup",
                               "--urll=redis://u:geheim@h/0",
                               "pawl://a,b:geheim",
                               "postgres://h/d?user=u&password=geheim&x=1",
                               "redis://u:ge@h",
                               "dynamodb://t?endpoint=http://v:geheim@e"};
    static char *const words[] = {texts[0], texts[1], texts[2], texts[3], texts[4], texts[5], NULL};
    static const char *const rows[][2] = {
        {"redis://u:geheim@h/0: away", "redis://u:***@h/0: away"},
        {"there is no option --urll=redis://u:geheim@h/0", "--urll=redis://u:***@h/0"},
        {"cut: redis://u:geh", "cut: redis://u:***"},
        {"in \"pawl://a,b:geheim\" and", "in \"pawl://a,b:***\" and"},
        {"?user=u&password=geheim&x=1", "?user=u&password=***&x=1"},
        {"redis://u:ge@h", "redis://u:***@h"},
        {"rediss://me:other@h", "rediss://me:***@h"},
        {"redis://v:own@h", "redis://v:own@h"}, /* nobody's on the command line */
        {"geheim is no word", "geheim is no word"},
        {"endpoint \"http://v:geheim@e\" is", "endpoint \"http://v:***@e\" is"},
    };
    char shown[64];

    (void)state;
    for (size_t i = 0; i < PAWL_COUNT(rows); i++) {
        const char *text =
            hide_passwords(shown, sizeof shown, rows[i][0], words, "rediss://me:other@h");

        if (strstr(text, rows[i][1]) == NULL) fail_msg("%s: %s", rows[i][0], text);
    }
    /* Whatever the room, it ends within. */
    for (size_t room = 1; room < sizeof shown; room++) {
        memset(shown, 'x', sizeof shown);
        assert_true(strlen(hide_passwords(shown, room, rows[0][0], words, NULL)) < room);
        assert_null(strstr(shown, "gehe"));
    }
    assert_true(hide_is_url("lmdb:/a") && hide_is_url("x://") && hide_is_url("memory:"));
    assert_false(hide_is_url("lmdb") || hide_is_url("a:b@c") || hide_is_url("./lmdb:/a"));
}

static void passwd_needs_no_client(void **state)
{
    (void)state;
    struct args args = parsed("passwd /etc/users shop");
    assert_int_equal(args.command, COMMAND_PASSWD);
    assert_string_equal(args.file, "/etc/users");
    assert_string_equal(args.name, "shop");
    assert_null(args.role);
    assert_null(args.globs);
    assert_true(args_is_store(&args));

    args = parsed("passwd f a --role define --sequences a*,b --keep-password");
    assert_string_equal(args.role, "define");
    assert_string_equal(args.globs, "a*,b");
    assert_true(args.keep_password);
    assert_true(parsed("passwd f a --remove").remove);
    refused("passwd f", "needs FILE NAME");
    refused("passwd f a secret", "takes no third word");
    refused("passwd f a --url lmdb:/b", "--url does not go with pawl passwd");
    refused("next a --role take", "--role does not go with pawl next");
}

static void a_definition_says_what_was_given(void **state)
{
    (void)state;
    struct args args = parsed("create s --start 5 --increment=-3 --min -10 --max 10 --cycle");
    assert_int_equal(args.definition.given, PAWL_GIVEN_START | PAWL_GIVEN_INCREMENT |
                                                PAWL_GIVEN_MIN | PAWL_GIVEN_MAX | PAWL_GIVEN_CYCLE);
    assert_int_equal(args.definition.start, 5);
    assert_int_equal(args.definition.increment, -3);
    assert_int_equal(args.definition.min, -10);
    assert_int_equal(args.definition.max, 10);
    assert_true(args.definition.cycle);

    args = parsed("create s --block 500 --order GLOBAL --type smallint --if-not-exists");
    assert_int_equal(args.definition.given, PAWL_GIVEN_BLOCK | PAWL_GIVEN_ORDER | PAWL_GIVEN_TYPE |
                                                PAWL_GIVEN_IF_NOT_EXISTS);
    assert_int_equal(args.definition.block, 500);
    assert_int_equal(args.definition.order, PAWL_ORDER_GLOBAL);
    assert_int_equal(args.definition.data_type, PAWL_TYPE_SMALLINT);

    args = parsed("alter s --no-cycle --no-min --no-max --block auto");
    assert_int_equal(args.definition.given,
                     PAWL_GIVEN_CYCLE | PAWL_GIVEN_NO_MIN | PAWL_GIVEN_NO_MAX | PAWL_GIVEN_BLOCK);
    assert_false(args.definition.cycle);
    assert_int_equal(args.definition.block, 0);
}

static void a_restart_may_have_an_id(void **state)
{
    (void)state;
    struct args args = parsed("alter s --restart");
    assert_int_equal(args.definition.given, PAWL_GIVEN_RESTART_AT_START);

    args = parsed("alter s --restart -7 --wait");
    assert_int_equal(args.definition.given, PAWL_GIVEN_RESTART);
    assert_int_equal(args.definition.restart, -7);
    assert_true(args.wait);

    args = parsed("alter --restart s");
    assert_int_equal(args.definition.given, PAWL_GIVEN_RESTART_AT_START);
    assert_string_equal(args.name, "s");
}

static void times_are_seconds(void **state)
{
    (void)state;
    struct args args = parsed("bench s --seconds 0.5 --threads 4 --lane --timeout 2");
    assert_true(args.seconds_ns == 500 * PAWL_NS_PER_MS);
    assert_true(args.timeout_ns == 2 * PAWL_NS_PER_S);
    assert_int_equal(args.threads, 4);
    assert_true(args.lane);
}

static void the_url_comes_from_the_option_then_the_environment(void **state)
{
    char ping[] = "ping";
    char url[] = "--url";
    char memory[] = "memory:";
    char *const words[] = {ping, NULL};
    char *const option[] = {ping, url, memory, NULL};
    struct args args;
    pawl_error error;

    (void)state;
    assert_int_equal(args_parse(&args, words, NULL, &error), PAWL_OK);
    assert_string_equal(args.url, "pawl://127.0.0.1:7379");
    assert_int_equal(args_parse(&args, words, "pawl://a,b", &error), PAWL_OK);
    assert_string_equal(args.url, "pawl://a,b");
    assert_int_equal(args_parse(&args, option, "pawl://a,b", &error), PAWL_OK);
    assert_string_equal(args.url, "memory:");
}

static void what_cannot_be_meant_is_refused_with_its_reason(void **state)
{
    (void)state;
    refused("", "a command is missing");
    refused("take orders", "no command 'take'");
    refused("next", "needs NAME");
    refused("next a b", "one word too many");
    refused("ping a", "one word too many");
    refused("set orders", "needs NAME ID");
    refused("set orders 9223372036854775808", "is no id");
    refused("set orders five", "is no id");
    refused("next orders --frobnicate", "no option --frobnicate");
    refused("next orders -x", "no option -x");
    refused("next orders -n", "--count needs an argument");
    refused("next orders -n 0", "--count takes a whole number from 1, not '0'");
    refused("next orders -n -1", "--count takes a whole number from 1, not '-1'");
    refused("next orders --json=yes", "takes no argument");
    refused("next orders --cycle", "--cycle does not go with pawl next");
    refused("create s --start 1.5", "--start takes a whole number of 64 bits, not '1.5'");
    refused("create s --block 0", "--block takes a whole number from 1, or auto");
    refused("create s --order maybe", "--order takes client|global");
    refused("create s --type text", "--type takes smallint|integer|bigint");
    refused("create s --restart", "does not go with pawl create");
    refused("alter s", "needs an option");
    refused("fence", "needs a NAME, or --all");
    refused("fence s --all", "needs a NAME, or --all");
    refused("fence --all --beyond 7", "--all and --beyond");
    refused("bench s --seconds nan", "--seconds takes seconds, more than 0");
    refused("bench s --seconds 0", "--seconds takes seconds, more than 0");
    refused("bench s --threads 257", "at most 256");
    refused("drop s --layers 17", "at most 16");
}

static void each_line(const char *text, void *arg)
{
    int *lines = arg;

    assert_true(strlen(text) < LINE_MAX - 1);
    ++*lines;
}

static void help_is_for_all_or_for_one_command(void **state)
{
    int all = 0;
    int ping = 0;
    int create = 0;

    (void)state;
    args_help(&(struct args){.command = COMMAND_NONE}, each_line, &all);
    args_help(&(struct args){.command = COMMAND_PING}, each_line, &ping);
    args_help(&(struct args){.command = COMMAND_CREATE}, each_line, &create);
    assert_true(all > COMMAND_COUNT);
    assert_int_equal(create - ping, 9);
    assert_int_equal(parsed("create --help").command, COMMAND_CREATE);
    assert_int_equal(parsed("--help").command, COMMAND_NONE);
}

static void every_outcome_has_an_exit_code(void **state)
{
    (void)state;
    assert_int_equal(exit_of(PAWL_OK), 0);
    assert_int_equal(exit_of(PAWL_BAD_REQUEST), 2);
    assert_int_equal(exit_of(PAWL_NO_SEQUENCE), 3);
    assert_int_equal(exit_of(PAWL_EXISTS), 4);
    assert_int_equal(exit_of(PAWL_TIMEOUT), 5);
    assert_int_equal(exit_of(PAWL_END), 6);
    assert_int_equal(exit_of(PAWL_UNKNOWN), 7);
    assert_int_equal(exit_of(PAWL_BEHIND), 8);
    assert_int_equal(exit_of((pawl_err)1000), 1);
}

static void json_text_is_escaped(void **state)
{
    char *text = NULL;
    size_t size = 0;
    FILE *to = open_memstream(&text, &size);

    (void)state;
    assert_non_null(to);
    print_json_text(to, "a\"b\\c\n\x7f\xc3\xa9");
    assert_int_equal(fclose(to), 0);
    assert_string_equal(text, "\"a\\\"b\\\\c\\u000a\\u007f\xc3\xa9\"");
    free(text);
}

static void a_record_prints_both_ends_of_int64(void **state)
{
    static const char wanted[] =
        "{\"name\":\"s\",\"next\":-9223372036854775808,\"ended\":true,\"start\":1,\"increment\":-1,"
        "\"min\":-9223372036854775808,\"max\":9223372036854775807,\"cycle\":false,\"block\":0,"
        "\"order\":\"global\",\"type\":\"integer\",\"epoch\":18446744073709551615,\"line\":2,"
        "\"lap\":3,\"version\":4,\"rate\":0.500,\"created_at\":5,\"changed_at\":6}";
    pawl_info info = {.name = "s", .next = INT64_MIN, .ended = true, .start = 1, .increment = -1};
    char *text = NULL;
    size_t size = 0;
    FILE *to = open_memstream(&text, &size);

    (void)state;
    assert_non_null(to);
    info.min = INT64_MIN;
    info.max = INT64_MAX;
    info.order = PAWL_ORDER_GLOBAL;
    info.data_type = PAWL_TYPE_INTEGER;
    info.epoch = UINT64_MAX;
    info.line = 2;
    info.lap = 3;
    info.version = 4;
    info.rate = 0.5;
    info.created_at = 5;
    info.changed_at = 6;
    print_record(to, &info, true);
    assert_int_equal(fclose(to), 0);
    assert_string_equal(text, wanted);
    free(text);
}

static void a_histogram_is_exact_to_one_in_64(void **state)
{
    static struct histogram histogram;
    static struct histogram whole;

    (void)state;
    assert_int_equal(histogram_share(&histogram, 0.5), 0);
    for (uint64_t ns = 1; ns <= 100000; ns++) {
        histogram_add(&histogram, ns);
    }
    histogram_merge(&whole, &histogram);
    assert_int_equal(whole.count, 100000);
    assert_in_range(histogram_share(&whole, 0.5), 50000, 50000 + 50000 / 64);
    assert_in_range(histogram_share(&whole, 0.999), 99900, 100000);
    assert_int_equal(histogram_share(&whole, 1), 100000);

    histogram_add(&whole, UINT64_MAX);
    assert_true(histogram_share(&whole, 1) == UINT64_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_slip_in_a_variables_name_is_found),
        cmocka_unit_test(commands_take_what_belongs_to_them),
        cmocka_unit_test(commands_of_stores_have_two_words),
        cmocka_unit_test(what_is_printed_bears_no_password),
        cmocka_unit_test(passwd_needs_no_client),
        cmocka_unit_test(a_definition_says_what_was_given),
        cmocka_unit_test(a_restart_may_have_an_id),
        cmocka_unit_test(times_are_seconds),
        cmocka_unit_test(the_url_comes_from_the_option_then_the_environment),
        cmocka_unit_test(what_cannot_be_meant_is_refused_with_its_reason),
        cmocka_unit_test(help_is_for_all_or_for_one_command),
        cmocka_unit_test(every_outcome_has_an_exit_code),
        cmocka_unit_test(json_text_is_escaped),
        cmocka_unit_test(a_record_prints_both_ends_of_int64),
        cmocka_unit_test(a_histogram_is_exact_to_one_in_64),
    };

    return cmocka_run_group_tests_name("cli", tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "server/config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
/* cmocka wants them */
#include <cmocka.h>

static char *no_variable(const char *name)
{
    (void)name;
    return NULL;
}

static char *some_variables(const char *name)
{
    static struct {
        const char *name;
        char value[64];
    } variables[] = {
        {"PAWLD_STORE", "memory:"},   {"PAWLD_LISTEN", "resp://127.0.0.1:1  resp://[::1]:2"},
        {"PAWLD_THREADS", "3"},       {"PAWLD_OPEN", "true"},
        {"PAWLD_RIDE_THROUGH", "5m"}, {"PAWLD_DATA", ""},
    };

    for (size_t i = 0; i < PAWL_COUNT(variables); i++) {
        if (strcmp(variables[i].name, name) == 0) return variables[i].value;
    }
    return NULL;
}

static char *bad_variable(const char *name)
{
    static char value[] = "soon";

    return strcmp(name, "PAWLD_RIDE_THROUGH") == 0 ? value : NULL;
}

static pawl_err read_line(struct config *config, const char *line,
                          char *(*variable_of)(const char *name), pawl_error *error)
{
    static char copy[8192];
    char *args[32];
    size_t count = 0;

    (void)snprintf(copy, sizeof copy, "%s", line);
    for (char *at = copy; *at != '\0';) {
        size_t size = strcspn(at, " ");
        bool last = at[size] == '\0';

        if (size > 0) args[count++] = at;
        at[size] = '\0';
        at += size + (last ? 0 : 1);
    }
    return config_read(config, args, count, variable_of, error);
}

static void defaults_are_those_of_the_table(void **state)
{
    struct config config;
    pawl_error error;

    (void)state;
    assert_int_equal(read_line(&config, "--store memory:", no_variable, &error), PAWL_OK);
    assert_string_equal(config.store, "memory:");
    assert_int_equal(config.listen.count, 1);
    assert_memory_equal(config.listen.parts[0], "resp://127.0.0.1:7379", config.listen.sizes[0]);
    assert_string_equal(config.data, "");
    assert_int_equal(config.threads, 0);
    assert_false(config.open);
    assert_string_equal(config.users, "");
    assert_int_equal(config.max_take, 1000000);
    assert_int_equal(config.max_clients, 10000);
    assert_int_equal(config.ride_through_ns, 60 * PAWL_NS_PER_S);
    assert_int_equal(config.refill_interval_ns, 30 * PAWL_NS_PER_S);
    assert_int_equal(config.max_blocks, 1000);
    assert_int_equal(config.cache_sequences, 1000000);
    assert_int_equal(config.takeover_timeout_ns, 30 * PAWL_NS_PER_S);
    assert_int_equal(config.on_rollback, CONFIG_ON_ROLLBACK_SKIP);
    assert_false(config.check || config.version || config.help);
}

static void the_command_line_wins_over_the_environment(void **state)
{
    struct config config;
    pawl_error error;

    (void)state;
    assert_int_equal(read_line(&config, "", some_variables, &error), PAWL_OK);
    assert_int_equal(config.listen.count, 2);
    assert_int_equal(config.threads, 3);
    assert_true(config.open);
    assert_int_equal(config.ride_through_ns, 300 * PAWL_NS_PER_S);

    const char *line = "--threads=4 --listen resp://a:1 --listen=resp://b:2 --listen resp://c:3 "
                       "--open=no --on-rollback refuse --store lmdb:/x --users /u";
    assert_int_equal(read_line(&config, line, some_variables, &error), PAWL_OK);
    assert_int_equal(config.listen.count, 3);
    assert_memory_equal(config.listen.parts[0], "resp://a:1", config.listen.sizes[0]);
    assert_int_equal(config.threads, 4);
    assert_false(config.open);
    assert_int_equal(config.on_rollback, CONFIG_ON_ROLLBACK_REFUSE);
    assert_string_equal(config.store, "lmdb:/x");
    assert_string_equal(config.users, "/u");
}

static void errors_name_flag_value_and_what_is_allowed(void **state)
{
    static const struct {
        const char *line, *text;
    } cases[] = {
        {"", "--store: it is missing"},
        {"--store", "--store: a value is missing: --store URL"},
        {"--stroe x", "--stroe: no such option; pawld --help lists them"},
        {"memory:", "memory:: no such option"},
        {"--threads 257", "--threads 257: it must be a whole number from 0 to 256"},
        {"--threads=-1", "--threads=-1: it must be a whole number from 0 to 256"},
        {"--threads 1x", "--threads 1x: "},
        {"--threads 99999999999999999999", "--threads 99999999999999999999: "},
        {"--max-take 1000001", "--max-take 1000001: it must be a whole number from 1 to 1000000"},
        {"--ride-through 60", "--ride-through 60: it must be a time from 0s to 24h, such as"},
        {"--ride-through 25h", "--ride-through 25h: "},
        {"--ride-through 99999999999999999h", "--ride-through 99999999999999999h: "},
        {"--on-rollback hope", "--on-rollback hope: it must be one of skip|refuse"},
        {"--log-level debu", "--log-level debu: it must be one of debug|info|warn|error|off"},
        {"--open=maybe", "--open=maybe: it must be yes or no"},
        {"--threads 1 --threads 2", "--threads: it is given twice"},
        {"--listen=", "--listen=: it must not be empty"},
    };

    (void)state;
    for (size_t i = 0; i < PAWL_COUNT(cases); i++) {
        struct config config;
        pawl_error error = {0};

        assert_int_equal(read_line(&config, cases[i].line, no_variable, &error), PAWL_BAD_REQUEST);
        if (strncmp(error.text, cases[i].text, strlen(cases[i].text)) != 0) {
            fail_msg("'%s': '%s'", cases[i].line, error.text);
        }
    }
}

static void a_wrong_variable_is_named(void **state)
{
    struct config config;
    pawl_error error = {0};

    (void)state;
    assert_int_equal(read_line(&config, "--store memory:", bad_variable, &error), PAWL_BAD_REQUEST);
    assert_memory_equal(error.text, "PAWLD_RIDE_THROUGH=soon: ", 25);
}

static void variables_that_mean_nothing_are_found(void **state)
{
    static const struct {
        const char *entry, *meant; /* "": it is none; NULL: none comes close */
    } rows[] = {
        {"PAWLD_STORE=memory:", ""},
        {"PAWLD_STROE=memory:", "PAWLD_STORE"},
        {"PAWLD_STORES", "PAWLD_STORE"},
        {"PAWLD_MAX_CLIENT=3", "PAWLD_MAX_CLIENTS"},
        {"PAWLD_COLOUR=blue", NULL},
        {"PAWLD_=", NULL},
        {"PAWL_STORE=memory:", "PAWLD_STORE"},
        {"PAWL_URL=pawl://h", ""},
        {"PAWL_PASSWORD=x", ""},
        {"PAWLD_PORT=tcp://10.0.0.1:7379", ""},
        {"PAWLD_PORT_7379_TCP_ADDR=10.0.0.1", ""},
        {"PAWLD_SERVICE_HOST=10.0.0.1", ""},
        {"HOME=/root", ""},
        {"", ""},
    };

    (void)state;
    for (size_t i = 0; i < PAWL_COUNT(rows); i++) {
        struct pawl_bytes name;
        const char *meant = NULL;
        bool is_none = rows[i].meant != NULL && rows[i].meant[0] == '\0';

        if (config_is_stray(rows[i].entry, &name, &meant) == is_none) {
            fail_msg("%s: taken for the other", rows[i].entry);
        }
        if (is_none) continue;
        assert_int_equal(name.size, strcspn(rows[i].entry, "="));
        if (rows[i].meant == NULL ? meant != NULL
                                  : meant == NULL || strcmp(meant, rows[i].meant) != 0) {
            fail_msg("%s: %s is meant", rows[i].entry, meant == NULL ? "none" : meant);
        }
    }
}

static void help_and_version_need_nothing_else(void **state)
{
    struct config config;
    pawl_error error;

    (void)state;
    assert_int_equal(read_line(&config, "--version", bad_variable, &error), PAWL_OK);
    assert_true(config.version);
    assert_int_equal(read_line(&config, "--help --threads x", no_variable, &error), PAWL_OK);
    assert_true(config.help);
}

static void times_have_units(void **state)
{
    uint64_t time_ns = 1;

    (void)state;
    assert_true(config_time_read(PAWL_BYTES("500ms"), &time_ns));
    assert_int_equal(time_ns, 500 * PAWL_NS_PER_MS);
    assert_true(config_time_read(PAWL_BYTES("2h"), &time_ns));
    assert_int_equal(time_ns, 7200 * PAWL_NS_PER_S);
    assert_true(config_time_read(PAWL_BYTES("0"), &time_ns));
    assert_int_equal(time_ns, 0);
    assert_false(config_time_read(PAWL_BYTES("5"), &time_ns));
    assert_false(config_time_read(PAWL_BYTES("s"), &time_ns));
    assert_false(config_time_read(PAWL_BYTES(""), &time_ns));
    assert_false(config_time_read(PAWL_BYTES("-5s"), &time_ns));
    assert_false(config_time_read(PAWL_BYTES("5 s"), &time_ns));
    assert_false(config_time_read(PAWL_BYTES("5d"), &time_ns));
}

static pawl_err listen_at(const char *text, struct config_listen *listen)
{
    pawl_error error = {0};
    pawl_err err = config_listen_read((struct pawl_bytes){text, strlen(text)}, listen, &error);

    if (err != PAWL_OK) assert_non_null(strstr(error.text, "resp://HOST:PORT"));
    return err;
}

static void listen_addresses_are_read(void **state)
{
    static const char *const bad[] = {"",
                                      "127.0.0.1:1",
                                      "redis://127.0.0.1:1",
                                      "resp://",
                                      "resp://a",
                                      "resp://a:",
                                      "resp://:7379",
                                      "resp://a:65536",
                                      "resp://a:x",
                                      "resp://::1:1",
                                      "resp://[]:1",
                                      "resp://[::1]",
                                      "resp://a:1/",
                                      "http://a:7432"};
    struct config_listen listen;

    (void)state;
    assert_int_equal(listen_at("resp://127.0.0.1:0", &listen), PAWL_OK);
    assert_string_equal(listen.host, "127.0.0.1");
    assert_int_equal(listen.port, 0);
    assert_int_equal(listen_at("resp://[::1]:65535", &listen), PAWL_OK);
    assert_string_equal(listen.host, "::1");
    assert_int_equal(listen.port, 65535);
    for (size_t i = 0; i < PAWL_COUNT(bad); i++) {
        if (listen_at(bad[i], &listen) != PAWL_BAD_REQUEST) fail_msg("'%s'", bad[i]);
    }
}

static void passwords_are_not_shown(void **state)
{
    static const char *const cases[][2] = {
        {"lmdb:/a:b@c", "lmdb:/a:b@c"},
        {"pawl://a,b:1", "pawl://a,b:1"},
        {"pawl://[::1]:7379", "pawl://[::1]:7379"},
        {"redis://user:secret", "redis://user:***"},
        {"redis://user:secret/0?prefix=a:b", "redis://user:***/0?prefix=a:b"},
        {"redis://host/0?prefix=a:b", "redis://host/0?prefix=a:b"},
        {"redis://user:secret@host:6379/0", "redis://user:***@host:6379/0"},
        {"redis://:secret@host", "redis://:***@host"},
        {"redis://user@host:6379", "redis://user@host:6379"},
        {"redis://u:p/a@s@host/0", "redis://u:***@host/0"},
        {"postgres://h/d?user=u&password=secret&table=t",
         "postgres://h/d?user=u&password=******&table=t"},
        {"postgres://u:s@h/d?sslpassword=x", "postgres://u:***@h/d?sslpassword=*"},
        {"postgres://h/d?password=", "postgres://h/d?password="},
        {"postgres://h/d?password", "postgres://h/d?password"},
    };
    char shown[64];

    (void)state;
    for (size_t i = 0; i < PAWL_COUNT(cases); i++) {
        assert_string_equal(pawl_url_show(shown, sizeof shown, cases[i][0]), cases[i][1]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(defaults_are_those_of_the_table),
        cmocka_unit_test(the_command_line_wins_over_the_environment),
        cmocka_unit_test(errors_name_flag_value_and_what_is_allowed),
        cmocka_unit_test(a_wrong_variable_is_named),
        cmocka_unit_test(variables_that_mean_nothing_are_found),
        cmocka_unit_test(help_and_version_need_nothing_else),
        cmocka_unit_test(times_have_units),
        cmocka_unit_test(listen_addresses_are_read),
        cmocka_unit_test(passwords_are_not_shown),
    };

    return cmocka_run_group_tests_name("config", tests, NULL, NULL);
}

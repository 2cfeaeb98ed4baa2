/* SPDX-License-Identifier: Apache-2.0 */
#include "store/dynamodb/credentials.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

enum { VARIABLES_MAX = 8 };

/* Pairs of a name and a value; NULL ends. */
struct world {
    uv_loop_t loop;
    const char *environment[2 * VARIABLES_MAX + 1];
    int64_t now_s;
    struct pawl_aws_credentials *credentials;
    struct pawl_aws_wait wait;
    bool over;
    char path[64];
};

static const char *world_env(const char *name, void *arg)
{
    const struct world *world = arg;

    for (size_t i = 0; world->environment[i] != NULL; i += 2) {
        if (strcmp(world->environment[i], name) == 0) return world->environment[i + 1];
    }
    return NULL;
}

static int64_t world_now_s(void *arg)
{
    return ((const struct world *)arg)->now_s;
}

static void wait_done(struct pawl_aws_wait *wait)
{
    PAWL_OWNER(wait, struct world, wait)->over = true;
}

/* What a fetch ends in. */
static const pawl_error *fetch(struct world *world, const char *profile)
{
    struct pawl_aws_settings settings = {
        .loop = &world->loop,
        .profile = profile,
        .region = "eu-central-1",
        .env = world_env,
        .wall_s = world_now_s,
        .arg = world,
    };

    assert_int_equal(uv_loop_init(&world->loop), 0);
    world->credentials = pawl_aws_credentials_new(&settings);
    assert_non_null(world->credentials);
    assert_null(pawl_aws_keys(world->credentials));
    world->wait.done = wait_done;
    pawl_aws_fetch(world->credentials, &world->wait);
    (void)uv_run(&world->loop, UV_RUN_DEFAULT);
    assert_true(world->over);
    return &world->wait.error;
}

static void end(struct world *world)
{
    pawl_aws_credentials_free(world->credentials);
    (void)uv_run(&world->loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&world->loop), 0);
    if (world->path[0] != '\0') (void)unlink(world->path);
}

static void write_file(struct world *world, const char *text)
{
    (void)snprintf(world->path, sizeof world->path, "/tmp/pawl-credentials-XXXXXX");
    int fd = mkstemp(world->path);

    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    (void)close(fd);
}

static void assert_keys(struct world *world, const char *id, const char *secret, const char *token)
{
    const struct pawl_aws_keys *keys = pawl_aws_keys(world->credentials);

    assert_non_null(keys);
    assert_string_equal(keys->id, id);
    assert_string_equal(keys->secret, secret);
    assert_string_equal(keys->token, token);
}

static void the_environment_comes_first(void **state)
{
    struct world world = {.environment = {"AWS_ACCESS_KEY_ID", "AKID", "AWS_SECRET_ACCESS_KEY",
                                          "secret", "AWS_SESSION_TOKEN", "token"}};

    (void)state;
    assert_int_equal(fetch(&world, NULL)->code, PAWL_OK);
    assert_keys(&world, "AKID", "secret", "token");
    assert_string_equal(pawl_aws_origin(world.credentials), "environment");
    end(&world);
}

static void half_an_environment_is_an_error_that_says_so(void **state)
{
    struct world world = {.environment = {"AWS_ACCESS_KEY_ID", "AKID"}};

    (void)state;
    assert_int_equal(fetch(&world, NULL)->code, PAWL_DENIED);
    assert_non_null(strstr(world.wait.error.text, "AWS_SECRET_ACCESS_KEY"));
    assert_null(pawl_aws_keys(world.credentials));
    end(&world);
}

static void refused_keys_are_not_given_again(void **state)
{
    struct world world = {
        .environment = {"AWS_ACCESS_KEY_ID", "AKID", "AWS_SECRET_ACCESS_KEY", "secret"}};

    (void)state;
    assert_int_equal(fetch(&world, NULL)->code, PAWL_OK);
    uint64_t generation = pawl_aws_keys(world.credentials)->generation;

    pawl_aws_refused(world.credentials, generation + 1);
    assert_non_null(pawl_aws_keys(world.credentials));
    pawl_aws_refused(world.credentials, generation);
    assert_null(pawl_aws_keys(world.credentials));
    world.over = false;
    pawl_aws_fetch(world.credentials, &world.wait);
    assert_true(world.over);
    assert_int_equal(pawl_aws_keys(world.credentials)->generation, generation + 1);
    end(&world);
}

static const char profiles[] = "# a comment\n"
                               "[default]\r\n"
                               "aws_access_key_id = DEFAULT\r\n"
                               "aws_secret_access_key=one=two\r\n"
                               "\n"
                               "[ shop ]\n"
                               "\taws_access_key_id\t=\tSHOP\n"
                               "aws_secret_access_key = s\n"
                               "aws_session_token = t\n"
                               "[sso]\n"
                               "sso_start_url = https://example.com\n"
                               "[half]\n"
                               "aws_access_key_id = HALF";

static void the_file_is_read_by_profile(void **state)
{
    struct world world = {.environment = {"AWS_SHARED_CREDENTIALS_FILE", world.path}};
    struct world shop = {
        .environment = {"AWS_SHARED_CREDENTIALS_FILE", shop.path, "AWS_PROFILE", "default"}};

    (void)state;
    write_file(&world, profiles);
    assert_int_equal(fetch(&world, NULL)->code, PAWL_OK);
    assert_keys(&world, "DEFAULT", "one=two", "");
    assert_string_equal(pawl_aws_origin(world.credentials), "shared file");
    end(&world);
    write_file(&shop, profiles);
    assert_int_equal(fetch(&shop, "shop")->code, PAWL_OK); /* the URL's is the stronger word */
    assert_keys(&shop, "SHOP", "s", "t");
    end(&shop);
}

static void a_profile_that_gives_no_keys_is_named(void **state)
{
    static const struct {
        const char *profile, *said;
    } cases[] = {{"sso", "sso_start_url"}, {"half", "lacks"}, {"nobody", "no profile \"nobody\""}};

    (void)state;
    for (size_t i = 0; i < PAWL_COUNT(cases); i++) {
        struct world world = {.environment = {"AWS_SHARED_CREDENTIALS_FILE", world.path}};

        write_file(&world, profiles);
        assert_int_equal(fetch(&world, cases[i].profile)->code, PAWL_DENIED);
        assert_non_null(strstr(world.wait.error.text, cases[i].said));
        end(&world);
    }
}

static void a_file_that_is_meant_must_be_there(void **state)
{
    struct world world = {
        .environment = {"AWS_SHARED_CREDENTIALS_FILE", "/nonexistent/credentials"}};

    (void)state;
    assert_int_equal(fetch(&world, NULL)->code, PAWL_DENIED);
    assert_non_null(strstr(world.wait.error.text, "/nonexistent/credentials"));
    end(&world);
}

static void nothing_anywhere_says_what_can_be_done(void **state)
{
    struct world world = {
        .environment = {"HOME", "/nonexistent", "AWS_EC2_METADATA_DISABLED", "true"}};

    (void)state;
    assert_int_equal(fetch(&world, NULL)->code, PAWL_DENIED);
    assert_non_null(strstr(world.wait.error.text, "AWS_ACCESS_KEY_ID"));
    end(&world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_environment_comes_first),
        cmocka_unit_test(half_an_environment_is_an_error_that_says_so),
        cmocka_unit_test(refused_keys_are_not_given_again),
        cmocka_unit_test(the_file_is_read_by_profile),
        cmocka_unit_test(a_profile_that_gives_no_keys_is_named),
        cmocka_unit_test(a_file_that_is_meant_must_be_there),
        cmocka_unit_test(nothing_anywhere_says_what_can_be_done),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

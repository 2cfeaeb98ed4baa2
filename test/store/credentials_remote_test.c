/* SPDX-License-Identifier: Apache-2.0 */
/* Keys that come over HTTP, from a server that plays all three services. */
#include "http_server.h"
#include "store/dynamodb/credentials.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

enum { VARIABLES_MAX = 6, NOW_S = 1767225600 /* 2026-01-01 */ };

struct world {
    uv_loop_t loop;
    struct http_server server;
    struct pawl_http *http;
    struct pawl_aws_credentials *credentials;
    struct pawl_aws_wait wait;
    bool over;
    int64_t now_s;
    const char *names[VARIABLES_MAX];
    char values[VARIABLES_MAX][256];
    size_t variables;
    char path[64];
    /* What the server plays. */
    int status;
    const char *answer;
    unsigned cuts; /* connections that it ends without an answer, first */
    char asked[4096];
};

static const char json_keys[] =
    "{\"Code\":\"Success\",\"AccessKeyId\":\"AKIDTEMP\",\"SecretAccessKey\":\"s/+=\","
    "\"Token\":\"tok/+==\",\"Expiration\":\"2026-01-01T01:00:00Z\"}";

static const char xml_keys[] =
    "<AssumeRoleWithWebIdentityResponse><AssumeRoleWithWebIdentityResult><Credentials>"
    "<SessionToken>tok/+==</SessionToken><SecretAccessKey>s/+=</SecretAccessKey>"
    "<Expiration>2026-01-01T01:00:00Z</Expiration><AccessKeyId>AKIDTEMP</AccessKeyId>"
    "</Credentials></AssumeRoleWithWebIdentityResult></AssumeRoleWithWebIdentityResponse>";

static const char *world_env(const char *name, void *arg)
{
    const struct world *world = arg;

    for (size_t i = 0; i < world->variables; i++) {
        if (strcmp(world->names[i], name) == 0) return world->values[i];
    }
    return NULL;
}

static int64_t world_now_s(void *arg)
{
    return ((const struct world *)arg)->now_s;
}

/* {port} in value becomes the server's. */
static void set(struct world *world, const char *name, const char *value)
{
    const char *mark = strstr(value, "{port}");
    char *to = world->values[world->variables];

    assert_true(world->variables < VARIABLES_MAX);
    world->names[world->variables++] = name;
    if (mark == NULL) {
        (void)snprintf(to, sizeof world->values[0], "%s", value);
    } else {
        (void)snprintf(to, sizeof world->values[0], "%.*s%d%s", (int)(mark - value), value,
                       world->server.port, mark + strlen("{port}"));
    }
}

/* The instance's service wants its token; the others answer at once. */
static void asked(struct http_peer *peer)
{
    struct world *world = peer->server->arg;
    size_t used = strlen(world->asked);
    char token[64];
    int line = (int)strcspn(peer->text, "\r");

    (void)snprintf(world->asked + used, sizeof world->asked - used, "%.*s|%s\n", line, peer->text,
                   http_peer_body(peer));
    if (world->cuts > 0) {
        world->cuts--;
        http_peer_cut(peer);
        return;
    }
    http_peer_header(peer, "X-aws-ec2-metadata-token", token, sizeof token);
    if (world->status == 200 && strncmp(peer->text, "PUT /latest/api/token ", 22) == 0) {
        http_peer_answer(peer, 200, "", "session");
    } else if (strncmp(peer->text, "GET /latest/", 12) == 0 && strcmp(token, "session") != 0) {
        http_peer_answer(peer, 401, "", "");
    } else if (strncmp(peer->text, "GET /latest/meta-data/iam/security-credentials/ ", 48) == 0) {
        http_peer_answer(peer, world->status, "", "my-role");
    } else {
        http_peer_answer(peer, world->status, "", world->answer);
    }
}

static void wait_done(struct pawl_aws_wait *wait)
{
    PAWL_OWNER(wait, struct world, wait)->over = true;
}

static void begin(struct world *world)
{
    const struct pawl_http_settings http = {.loop = &world->loop};

    *world = (struct world){.now_s = NOW_S, .status = 200, .answer = json_keys};
    assert_int_equal(uv_loop_init(&world->loop), 0);
    world->server.asked = asked;
    world->server.arg = world;
    http_server_start(&world->server, &world->loop);
    world->http = pawl_http_new(&http, NULL);
    assert_non_null(world->http);
}

static pawl_err fetch(struct world *world)
{
    const struct pawl_aws_settings settings = {
        .loop = &world->loop,
        .http = world->http,
        .region = "eu-central-1",
        .env = world_env,
        .wall_s = world_now_s,
        .arg = world,
    };

    if (world->credentials == NULL) world->credentials = pawl_aws_credentials_new(&settings);
    assert_non_null(world->credentials);
    world->over = false;
    world->wait.done = wait_done;
    pawl_aws_fetch(world->credentials, &world->wait);
    while (!world->over) {
        assert_int_not_equal(uv_run(&world->loop, UV_RUN_ONCE), 0);
    }
    return world->wait.error.code;
}

static void end(struct world *world)
{
    pawl_http_free(world->http);
    pawl_aws_credentials_free(world->credentials);
    http_server_stop(&world->server);
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

static void assert_temporary_keys(struct world *world, const char *origin)
{
    const struct pawl_aws_keys *keys = pawl_aws_keys(world->credentials);

    assert_non_null(keys);
    assert_string_equal(keys->id, "AKIDTEMP");
    assert_string_equal(keys->secret, "s/+=");
    assert_string_equal(keys->token, "tok/+==");
    assert_int_equal(keys->expires_s, NOW_S + 3600);
    assert_string_equal(pawl_aws_origin(world->credentials), origin);
}

static void assert_says(const struct world *world, const char *text)
{
    if (strstr(world->wait.error.text, text) == NULL) fail_msg("%s", world->wait.error.text);
}

static void use_web_identity(struct world *world)
{
    write_file(world, "jwt.with-dots_and+plus\n");
    set(world, "AWS_WEB_IDENTITY_TOKEN_FILE", world->path);
    set(world, "AWS_ENDPOINT_URL_STS", "http://127.0.0.1:{port}/");
    world->answer = xml_keys;
}

static void a_web_identity_is_traded_for_keys(void **state)
{
    struct world world;

    (void)state;
    begin(&world);
    use_web_identity(&world);
    set(&world, "AWS_ROLE_ARN", "arn:aws:iam::1:role/pawl");
    assert_int_equal(fetch(&world), PAWL_OK);
    assert_temporary_keys(&world, "web identity");
    assert_string_equal(world.asked,
                        "POST / HTTP/1.1|Action=AssumeRoleWithWebIdentity&Version=2011-06-15"
                        "&DurationSeconds=3600&RoleArn=arn%3Aaws%3Aiam%3A%3A1%3Arole%2Fpawl"
                        "&RoleSessionName=pawl&WebIdentityToken=jwt.with-dots_and%2Bplus\n");
    end(&world);
}

static void a_web_identity_needs_a_role_and_a_file(void **state)
{
    struct world world;

    (void)state;
    begin(&world);
    set(&world, "AWS_WEB_IDENTITY_TOKEN_FILE", "/nowhere/token");
    assert_int_equal(fetch(&world), PAWL_DENIED);
    assert_says(&world, "AWS_ROLE_ARN");
    set(&world, "AWS_ROLE_ARN", "arn:aws:iam::1:role/pawl");
    assert_int_equal(fetch(&world), PAWL_DENIED);
    assert_says(&world, "/nowhere/token: No such file");
    end(&world);
}

static void a_token_service_that_refuses_is_told(void **state)
{
    static const struct {
        int status;
        const char *answer, *says;
        pawl_err code;
    } rows[] = {
        {400, "<Code>ExpiredTokenException</Code>", "ExpiredTokenException", PAWL_DENIED},
        {403, "<Code>AccessDenied</Code>", "HTTP status 403", PAWL_DENIED},
        {500, "", "HTTP status 500", PAWL_STORE},
        {429, "", "HTTP status 429", PAWL_STORE},
        {200, "<Credentials><AccessKeyId>A</AccessKeyId>", "has none", PAWL_STORE},
        {200, "<html>", "has none", PAWL_STORE},
    };

    (void)state;
    for (size_t i = 0; i < PAWL_COUNT(rows); i++) {
        struct world world;

        begin(&world);
        use_web_identity(&world);
        set(&world, "AWS_ROLE_ARN", "arn");
        world.status = rows[i].status;
        world.answer = rows[i].answer;
        assert_int_equal(fetch(&world), rows[i].code);
        assert_says(&world, rows[i].says);
        assert_null(strstr(world.wait.error.text, "jwt"));
        assert_null(pawl_aws_keys(world.credentials));
        end(&world);
    }
}

static void a_container_is_asked_with_its_token(void **state)
{
    struct world world;

    (void)state;
    begin(&world);
    write_file(&world, "secret-token\n");
    set(&world, "AWS_CONTAINER_CREDENTIALS_FULL_URI", "http://127.0.0.1:{port}/v1/credentials");
    set(&world, "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", world.path);
    assert_int_equal(fetch(&world), PAWL_OK);
    assert_temporary_keys(&world, "container");
    assert_string_equal(world.asked, "GET /v1/credentials HTTP/1.1|\n");
    end(&world);
}

static void a_container_is_no_stranger(void **state)
{
    static const char *const urls[] = {
        "http://example.com/x",
        "http://127.0.0.1.example.com/x",
        "http://127.0.0.1:1@example.com/x",
        "ftp://127.0.0.1/x",
        "http://169.254.170.20/x",
        "127.0.0.1",
        "http://localhost@evil/x",
        "http://127.0.0.1/a\r\nHost:",
        "http://[::1]evil/",
    };

    (void)state;
    for (size_t i = 0; i < PAWL_COUNT(urls); i++) {
        struct world world;

        begin(&world);
        set(&world, "AWS_CONTAINER_CREDENTIALS_FULL_URI", urls[i]);
        if (fetch(&world) != PAWL_DENIED) fail_msg("%s was asked", urls[i]);
        assert_says(&world, "AWS_CONTAINER_CREDENTIALS_FULL_URI");
        end(&world);
    }
}

static void a_token_is_one_line(void **state)
{
    struct world world;

    (void)state;
    begin(&world);
    set(&world, "AWS_CONTAINER_CREDENTIALS_FULL_URI", "http://127.0.0.1:{port}/x");
    set(&world, "AWS_CONTAINER_AUTHORIZATION_TOKEN", "secret\r\nX-Evil: 1");
    assert_int_equal(fetch(&world), PAWL_DENIED);
    assert_says(&world, "line ends");
    assert_null(strstr(world.wait.error.text, "secret"));
    assert_string_equal(world.asked, "");
    end(&world);
}

static void use_instance(struct world *world)
{
    set(world, "AWS_EC2_METADATA_SERVICE_ENDPOINT", "http://127.0.0.1:{port}/");
}

static void an_instance_gives_its_roles_keys(void **state)
{
    struct world world;

    (void)state;
    begin(&world);
    use_instance(&world);
    assert_int_equal(fetch(&world), PAWL_OK);
    assert_temporary_keys(&world, "instance");
    assert_string_equal(world.asked,
                        "PUT /latest/api/token HTTP/1.1|\n"
                        "GET /latest/meta-data/iam/security-credentials/ HTTP/1.1|\n"
                        "GET /latest/meta-data/iam/security-credentials/my-role HTTP/1.1|\n");
    end(&world);
}

static void an_instance_is_asked_twice_then_left(void **state)
{
    struct world world;

    (void)state;
    begin(&world);
    use_instance(&world);
    world.cuts = 1;
    assert_int_equal(fetch(&world), PAWL_OK);
    end(&world);
    begin(&world);
    use_instance(&world);
    world.cuts = 2;
    assert_int_equal(fetch(&world), PAWL_DENIED);
    assert_says(&world, "no AWS credentials: set AWS_ACCESS_KEY_ID");
    end(&world);
}

static void an_instance_without_a_role_has_no_keys(void **state)
{
    struct world world;

    (void)state;
    begin(&world);
    use_instance(&world);
    world.status = 403;
    assert_int_equal(fetch(&world), PAWL_DENIED);
    assert_says(&world, "metadata service: HTTP status 403");
    assert_says(&world, "set AWS_ACCESS_KEY_ID");
    set(&world, "AWS_EC2_METADATA_DISABLED", "true");
    world.asked[0] = '\0';
    assert_int_equal(fetch(&world), PAWL_DENIED);
    assert_says(&world, "no AWS credentials: set");
    assert_string_equal(world.asked, "");
    end(&world);
}

static void keys_are_renewed_before_they_run_out(void **state)
{
    struct world world;

    (void)state;
    begin(&world);
    use_instance(&world);
    assert_int_equal(fetch(&world), PAWL_OK);

    uint64_t generation = pawl_aws_keys(world.credentials)->generation;

    world.asked[0] = '\0';
    world.now_s = NOW_S + 3600 - PAWL_AWS_RENEW_S;
    world.answer = "{\"AccessKeyId\":\"B\",\"SecretAccessKey\":\"s\",\"Token\":\"t\","
                   "\"Expiration\":\"2026-01-01T02:00:00.123Z\"}";
    assert_string_equal(pawl_aws_keys(world.credentials)->id, "AKIDTEMP"); /* and begins */
    assert_int_equal(fetch(&world), PAWL_OK);                              /* joins that */
    assert_string_equal(pawl_aws_keys(world.credentials)->id, "B");
    assert_int_equal(pawl_aws_keys(world.credentials)->generation, generation + 1);
    assert_non_null(strstr(world.asked, "PUT"));
    assert_null(strstr(strstr(world.asked, "PUT") + 1, "PUT"));
    end(&world);
}

static void old_keys_stay_while_renewing_fails(void **state)
{
    struct world world;

    (void)state;
    begin(&world);
    use_instance(&world);
    assert_int_equal(fetch(&world), PAWL_OK);
    world.status = 500;
    world.now_s = NOW_S + 3600 - 1;
    assert_non_null(pawl_aws_keys(world.credentials));
    assert_int_equal(fetch(&world), PAWL_STORE);
    assert_non_null(pawl_aws_keys(world.credentials));
    world.now_s = NOW_S + 3600;
    assert_null(pawl_aws_keys(world.credentials));
    end(&world);
}

static void closing_ends_a_fetch(void **state)
{
    struct world world;

    (void)state;
    begin(&world);
    use_instance(&world);
    const struct pawl_aws_settings settings = {.loop = &world.loop,
                                               .http = world.http,
                                               .region = "r",
                                               .env = world_env,
                                               .wall_s = world_now_s,
                                               .arg = &world};

    world.credentials = pawl_aws_credentials_new(&settings);
    world.wait.done = wait_done;
    pawl_aws_fetch(world.credentials, &world.wait);
    end(&world);
    assert_true(world.over);
    assert_int_not_equal(world.wait.error.code, PAWL_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_web_identity_is_traded_for_keys),
        cmocka_unit_test(a_web_identity_needs_a_role_and_a_file),
        cmocka_unit_test(a_token_service_that_refuses_is_told),
        cmocka_unit_test(a_container_is_asked_with_its_token),
        cmocka_unit_test(a_container_is_no_stranger),
        cmocka_unit_test(a_token_is_one_line),
        cmocka_unit_test(an_instance_gives_its_roles_keys),
        cmocka_unit_test(an_instance_is_asked_twice_then_left),
        cmocka_unit_test(an_instance_without_a_role_has_no_keys),
        cmocka_unit_test(keys_are_renewed_before_they_run_out),
        cmocka_unit_test(old_keys_stay_while_renewing_fails),
        cmocka_unit_test(closing_ends_a_fetch),
    };

    return cmocka_run_group_tests_name("credentials_remote", tests, NULL, NULL);
}

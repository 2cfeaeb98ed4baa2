/* SPDX-License-Identifier: Apache-2.0 */
#include "pg_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

const char *const fixture_pairs[] = {"user", "me", "database", "shop", NULL};

const char *send_all(struct fixture *fixture, size_t client, const struct talk *talk)
{
    struct pawl_bytes bytes = {talk->bytes, talk->size};
    const char *got = world_say_bytes(&fixture->world, &fixture->clients[client], bytes);

    return talk_show((struct pawl_bytes){got, fixture->world.answered_size});
}

static void log_in(struct fixture *fixture, size_t client)
{
    struct talk talk = {0};

    talk_start(&talk, PROTOCOL, fixture_pairs);
    const char *got = send_all(fixture, client, &talk);
    if (strncmp(got, "R(0) S(", 7) != 0 || strstr(got, " K Z(I)") == NULL) fail_msg("%s", got);
}

void open_all(struct fixture *fixture)
{
    world_open(&fixture->world, NULL);
    for (size_t i = 0; i < CLIENTS; i++) {
        assert_true(
            conn_open(&fixture->clients[i], fixture->world.desk, &pg_wire, fixture->world.now_ns));
    }
    assert_true(conn_open(&fixture->resp, fixture->world.desk, &resp_wire, fixture->world.now_ns));
    log_in(fixture, 0);
    log_in(fixture, 1);
}

void close_all(struct fixture *fixture)
{
    for (size_t i = 0; i < CLIENTS; i++) {
        conn_close(&fixture->clients[i]);
        conn_dispose(&fixture->clients[i]);
    }
    conn_close(&fixture->resp);
    conn_dispose(&fixture->resp);
    world_close(&fixture->world);
}

void expect(struct fixture *fixture, size_t client, const struct talk *talk, const char *want)
{
    const char *got = send_all(fixture, client, talk);

    if (strcmp(got, want) != 0) fail_msg("\ngot:  %s\nwant: %s", got, want);
}

void query(struct fixture *fixture, size_t client, const char *text, const char *want)
{
    struct talk talk = {0};

    talk_query(&talk, text);
    const char *got = send_all(fixture, client, &talk);
    if (strcmp(got, want) != 0) fail_msg("%s\ngot:  %s\nwant: %s", text, got, want);
}

const char *heard(struct fixture *fixture, size_t client)
{
    const struct talk nothing = {0};

    return send_all(fixture, client, &nothing);
}

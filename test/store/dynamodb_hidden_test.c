/* SPDX-License-Identifier: Apache-2.0 */
/* A table that the credentials may not describe: the missing right is named, and it can be used
 * without, where that is meant. */
#include "drive.h"
#include "http_server.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { URL_BYTES = 256 };

static const char table[] =
    "{\"Table\":{\"TableStatus\":\"ACTIVE\",\"TableId\":\"id\",\"KeySchema\":[{\"AttributeName\":"
    "\"k\",\"KeyType\":\"HASH\"}],\"AttributeDefinitions\":[{\"AttributeName\":\"k\","
    "\"AttributeType\":\"S\"}]}}";
static const char denied[] =
    "{\"__type\":\"com.amazon.coral.service#AccessDeniedException\",\"Message\":\"User: "
    "arn:aws:iam::1:user/x is not authorized to perform: dynamodb:DescribeTable\"}";

static const char missing[] =
    "{\"__type\":\"com.amazonaws.dynamodb.v20120810#ResourceNotFoundException\",\"message\":"
    "\"Requested resource not found\"}";
static const char refused[] =
    "{\"__type\":\"com.amazonaws.dynamodb.v20120810#ConditionalCheckFailedException\"}";

struct fake {
    struct http_server server;
    struct pawl_source *store;
    bool hidden; /* nobody may describe the table */
    bool absent; /* and it is not there */
};

static void asked(struct http_peer *peer)
{
    const struct fake *fake = peer->server->arg;
    char target[128];

    http_peer_header(peer, "X-Amz-Target", target, sizeof target);
    if (strstr(target, "DescribeTable") == NULL && fake->absent) {
        http_peer_answer(peer, 400, "", missing);
    } else if (strstr(target, "UpdateItem") != NULL) {
        http_peer_answer(peer, 400, "", refused);
    } else if (strstr(target, "DescribeTable") == NULL) {
        http_peer_answer(peer, 200, "", "{}"); /* no such item */
    } else {
        http_peer_answer(peer, fake->hidden ? 400 : 200, "", fake->hidden ? denied : table);
    }
}

static void fake_open(struct fake *fake, const char *more)
{
    struct pawl_store_options options = drive_options(1);
    char url[URL_BYTES];
    pawl_error error;

    *fake = (struct fake){.hidden = true};
    fake->server.asked = asked;
    fake->server.arg = fake;
    http_server_start(&fake->server, options.loop);
    (void)snprintf(url, sizeof url,
                   "dynamodb://pawl?region=us-east-1&endpoint=http://127.0.0.1:%d%s",
                   fake->server.port, more);
    assert_int_equal(pawl_store_open(url, &options, &fake->store, &error), PAWL_OK);
}

static void fake_close(struct fake *fake)
{
    fake->store->ops->close(fake->store);
    http_server_stop(&fake->server);
    drive_settle();
}

static void the_missing_right_is_named(void **state)
{
    struct deed ping = drive_deed(PAWL_ASK_PING, "");
    struct deed read = drive_deed(PAWL_ASK_READ, "s");
    struct fake fake;

    (void)state;
    fake_open(&fake, "");
    assert_int_equal(drive(fake.store, &ping), PAWL_DENIED);
    assert_non_null(strstr(ping.ask.error.text, "add dynamodb:DescribeTable on table pawl"));
    assert_non_null(strstr(ping.ask.error.text, "describe=optional and home_region=us-east-1"));
    assert_non_null(strstr(ping.ask.error.text, "AccessDeniedException"));
    assert_int_equal(drive(fake.store, &read), PAWL_DENIED);
    fake_close(&fake);
}

static struct pawl_identity identity_of(struct fake *fake)
{
    struct pawl_identity identity;
    struct deed ping = drive_deed(PAWL_ASK_PING, "");

    ping.ask.identity = &identity;
    assert_int_equal(drive(fake->store, &ping), PAWL_OK);
    return identity;
}

static void it_goes_without_where_that_is_meant(void **state)
{
    struct deed read = drive_deed(PAWL_ASK_READ, "s");
    struct fake fake;

    (void)state;
    fake_open(&fake, "&describe=optional&home_region=us-east-1");
    assert_int_equal(identity_of(&fake).name_size, 0);
    assert_int_equal(drive(fake.store, &read), PAWL_NO_SEQUENCE);
    fake.hidden = false; /* the right is given: from then on it tells its id */
    struct pawl_identity told = identity_of(&fake);

    assert_int_equal(told.name_size, 2);
    assert_int_equal(told.branch.size, 2);
    fake.hidden = true; /* and taken away again: it is the table that it was */
    assert_memory_equal(identity_of(&fake).name, "id", 2);
    fake_close(&fake);
}

struct looking {
    struct pawl_check check;
    unsigned items, warns, breaks;
    bool table; /* was told as not seen */
};

static void looked_at(struct pawl_check *check, const char *what, enum pawl_check_verdict verdict,
                      const char *found, const char *advice)
{
    struct looking *looking = PAWL_OWNER(check, struct looking, check);

    looking->items++;
    looking->warns += verdict == PAWL_CHECK_WARNS;
    looking->breaks += verdict == PAWL_CHECK_BREAKS;
    if (strcmp(what, "table") != 0) return;
    looking->table = strstr(found, "describe=optional") != NULL &&
                     strstr(advice, "dynamodb:DescribeTable") != NULL;
}

static void what_can_be_seen_of_it_is_checked(void **state)
{
    struct looking looking = {.check.item = looked_at};
    struct deed check = drive_deed(PAWL_ASK_CHECK, "");
    struct deed init = drive_deed(PAWL_ASK_INIT, "");
    struct fake fake;

    (void)state;
    check.ask.check = &looking.check;
    fake_open(&fake, "&describe=optional&home_region=us-east-1");
    assert_int_equal(drive(fake.store, &check), PAWL_OK);
    assert_true(looking.table && looking.breaks == 0);
    assert_true(looking.warns >= 4 && looking.items >= 8);
    assert_int_equal(drive(fake.store, &init), PAWL_OK);

    looking.items = 0;
    fake.absent = true;
    assert_int_equal(drive(fake.store, &check), PAWL_MISSING);
    assert_int_equal(looking.items, 0);
    assert_int_equal(drive(fake.store, &init), PAWL_MISSING);
    fake_close(&fake);

    fake_open(&fake, "");
    assert_int_equal(drive(fake.store, &check), PAWL_DENIED);
    assert_int_equal(drive(fake.store, &init), PAWL_DENIED);
    fake_close(&fake);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_missing_right_is_named),
        cmocka_unit_test(it_goes_without_where_that_is_meant),
        cmocka_unit_test(what_can_be_seen_of_it_is_checked),
    };

    (void)setenv("AWS_ACCESS_KEY_ID", "any", 1);
    (void)setenv("AWS_SECRET_ACCESS_KEY", "any", 1);
    return cmocka_run_group_tests_name("dynamodb_hidden", tests, NULL, NULL);
}

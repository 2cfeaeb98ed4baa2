/* SPDX-License-Identifier: Apache-2.0 */
/* The driver against a DynamoDB that answers as a script says: what no emulator can do. */
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/sha.h>

#include "base/clock.h"
#include "drive.h"
#include "http_server.h"
#include "store/dynamodb/item.h"

enum { STEPS_MAX = 64, TEXT_BYTES_MAX = 4096 };

/* What happens to one write. */
enum step {
    STEP_RUNS, /* and so does all that comes behind the script's end */
    STEP_THROTTLED,
    STEP_EXPIRED,
    STEP_DENIED,
    STEP_FAILS,      /* 500, and it did not run */
    STEP_FAILS_RAN,  /* 500, and it did */
    STEP_CUT,        /* the connection, and it did not run */
    STEP_CUT_RAN,    /* and it did */
    STEP_DAMAGED,    /* it ran, and the answer's checksum is wrong */
    STEP_HALF,       /* it ran, and half of the answer comes */
    STEP_NO_ITEM,    /* it ran, and the answer does not show the item */
    STEP_OTHER_ITEM, /* it ran, and the answer shows another one */
    STEP_OLD_ITEM,   /* it did not run, and the answer is an earlier request's */
};

/* One item, and the script for writes to it. */
struct fake {
    struct http_server server;
    struct pawl_source *store;
    json_t *item; /* NULL: none */
    enum step steps[STEPS_MAX];
    size_t step_count, step;
    size_t writes, reads, looks;
    bool always; /* the last step goes on for ever */
    bool hides;  /* refused writes do not show the item */
    bool gone;   /* there is no table */
    char head[TEXT_BYTES_MAX];
    char date[128];
    pawl_error error;
};

static const char table[] =
    "{\"Table\":{\"TableStatus\":\"ACTIVE\",\"TableId\":\"id\",\"KeySchema\":[{\"AttributeName\":"
    "\"k\",\"KeyType\":\"HASH\"}],\"AttributeDefinitions\":[{\"AttributeName\":\"k\","
    "\"AttributeType\":\"S\"}]}}";

static void answer_json(struct http_peer *peer, int status, json_t *json)
{
    struct fake *fake = peer->server->arg;
    char *body = json_dumps(json, JSON_COMPACT);
    char more[256];

    assert_non_null(body);
    (void)snprintf(more, sizeof more, "%sx-amz-crc32: %" PRIu32 "\r\n", fake->date,
                   pawl_bytes_crc32((struct pawl_bytes){body, strlen(body)}));
    http_peer_answer(peer, status, more, body);
    free(body);
    json_decref(json);
}

static void answer_error(struct http_peer *peer, int status, const char *name)
{
    answer_json(peer, status,
                json_pack("{s:s, s:s}", "__type", name, "message", "as the script says"));
}

static const char *number_at(const json_t *values, const char *key)
{
    const char *text = json_string_value(json_object_get(json_object_get(values, key), "N"));

    return text != NULL ? text : "";
}

static int64_t stored(const struct fake *fake, const char *field)
{
    return strtoll(number_at(fake->item, field), NULL, 10);
}

static void store_number(struct fake *fake, const char *field, int64_t value)
{
    char digits[32];

    (void)snprintf(digits, sizeof digits, "%" PRId64, value);
    (void)json_object_set_new(fake->item, field, json_pack("{s:s}", "N", digits));
}

static bool creates(const json_t *request)
{
    const char *condition = json_string_value(json_object_get(request, "ConditionExpression"));

    return condition != NULL && strncmp(condition, "attribute_not_exists", 20) == 0;
}

/* Whether the condition of an update or of a creation holds. */
static bool holds(const struct fake *fake, const json_t *request)
{
    const json_t *values = json_object_get(request, "ExpressionAttributeValues");
    int64_t next = stored(fake, "next");

    if (creates(request)) return fake->item == NULL;
    if (fake->item == NULL) return false;
    if (json_object_get(values, ":was") != NULL) {
        return strcmp(number_at(values, ":was"), number_at(fake->item, "tag")) == 0 &&
               strcmp(number_at(values, ":before"), number_at(fake->item, "version")) == 0;
    }
    return strcmp(number_at(values, ":epoch"), number_at(fake->item, "epoch")) == 0 &&
           next >= strtoll(number_at(values, ":low"), NULL, 10) &&
           next <= strtoll(number_at(values, ":high"), NULL, 10);
}

static void run(struct fake *fake, const json_t *request)
{
    const json_t *values = json_object_get(request, "ExpressionAttributeValues");
    const char *key = NULL;
    json_t *value = NULL;

    if (creates(request)) fake->item = json_deep_copy(json_object_get(request, "Key"));
    bool advances = json_object_get(values, ":n") != NULL;

    json_object_foreach(json_object_get(request, "ExpressionAttributeValues"), key, value)
    {
        const char *name = key + 1;
        bool condition = strcmp(name, "was") == 0 || strcmp(name, "before") == 0;
        bool set = strcmp(name, "tag") == 0 || strcmp(name, "rate") == 0 ||
                   strcmp(name, "written_at") == 0;

        if (advances ? !set : condition) {
            continue;
        }
        (void)json_object_set(fake->item, name, value);
    }
    if (!advances) return;
    store_number(fake, "next", stored(fake, "next") + strtoll(number_at(values, ":n"), NULL, 10));
    store_number(fake, "version", stored(fake, "version") + 1);
}

static void answer_condition(struct http_peer *peer)
{
    struct fake *fake = peer->server->arg;
    json_t *answer = json_pack("{s:s}", "__type", "x#ConditionalCheckFailedException");

    if (fake->item != NULL && !fake->hides) (void)json_object_set(answer, "Item", fake->item);
    answer_json(peer, 400, answer);
}

static void answer_ran(struct http_peer *peer, enum step step)
{
    struct fake *fake = peer->server->arg;
    json_t *answer = json_pack("{s:o}", "Attributes", json_deep_copy(fake->item));

    if (step == STEP_NO_ITEM) (void)json_object_del(answer, "Attributes");
    if (step == STEP_OTHER_ITEM) {
        (void)json_object_set_new(json_object_get(answer, "Attributes"), "k",
                                  json_pack("{s:s}", "S", "another"));
    }
    answer_json(peer, 200, answer);
}

static enum step next_step(struct fake *fake)
{
    if (fake->step < fake->step_count) return fake->steps[fake->step++];
    return fake->always && fake->step_count > 0 ? fake->steps[fake->step_count - 1] : STEP_RUNS;
}

static void write_came(struct http_peer *peer, const json_t *request)
{
    struct fake *fake = peer->server->arg;
    enum step step = next_step(fake);
    bool refused = step == STEP_THROTTLED || step == STEP_EXPIRED || step == STEP_DENIED;

    fake->writes++;
    if (!refused && step != STEP_CUT && step != STEP_FAILS && step != STEP_OLD_ITEM) {
        if (!holds(fake, request)) {
            answer_condition(peer);
            return;
        }
        run(fake, request);
    }
    if (step == STEP_THROTTLED) answer_error(peer, 400, "x#ThrottlingException");
    if (step == STEP_EXPIRED) answer_error(peer, 400, "x#ExpiredTokenException");
    if (step == STEP_DENIED) answer_error(peer, 400, "x#InvalidSignatureException");
    if (step == STEP_FAILS || step == STEP_FAILS_RAN) {
        answer_error(peer, 500, "x#InternalServerError");
    }
    if (step == STEP_CUT || step == STEP_CUT_RAN) http_peer_cut(peer);
    if (step == STEP_DAMAGED) http_peer_answer(peer, 200, "x-amz-crc32: 1\r\n", "{}");
    if (step == STEP_HALF) {
        http_peer_send(peer, "HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{\"Attrib");
        http_peer_cut(peer);
    }
    if (step == STEP_RUNS || step == STEP_NO_ITEM || step >= STEP_OTHER_ITEM) {
        answer_ran(peer, step);
    }
}

static void asked(struct http_peer *peer)
{
    struct fake *fake = peer->server->arg;
    json_t *request = json_loads(http_peer_body(peer), 0, NULL);
    char target[128];

    assert_non_null(request);
    http_peer_header(peer, "X-Amz-Target", target, sizeof target);
    (void)snprintf(fake->head, sizeof fake->head, "%.*s", TEXT_BYTES_MAX - 1, peer->text);
    const char *operation = target + strlen("DynamoDB_20120810.");

    if (fake->gone) {
        answer_error(peer, 400, "x#ResourceNotFoundException");
    } else if (strcmp(operation, "DescribeTable") == 0) {
        fake->looks++;
        http_peer_answer(peer, 200, "", table);
    } else if (strcmp(operation, "GetItem") == 0) {
        fake->reads++;
        answer_json(peer, 200,
                    fake->item != NULL ? json_pack("{s:O}", "Item", fake->item) : json_object());
    } else {
        write_came(peer, request);
    }
    json_decref(request);
}

static void fake_open(struct fake *fake)
{
    struct pawl_store_options options = drive_options(1);
    char url[256];

    fake->server.asked = asked;
    fake->server.arg = fake;
    http_server_start(&fake->server, options.loop);
    (void)snprintf(url, sizeof url, "dynamodb://pawl?region=us-east-1&endpoint=http://127.0.0.1:%d",
                   fake->server.port);
    assert_int_equal(pawl_store_open(url, &options, &fake->store, &fake->error), PAWL_OK);
}

static void fake_close(struct fake *fake)
{
    fake->store->ops->close(fake->store);
    http_server_stop(&fake->server);
    drive_settle();
    json_decref(fake->item);
}

/* A sequence "s" whose next id is 1, and a script for the writes that follow. */
static void fake_begin(struct fake *fake, const enum step *steps, size_t count)
{
    *fake = (struct fake){.step_count = 0};
    fake_open(fake);
    assert_int_equal(drive_create(fake->store, "s", NULL), PAWL_OK);
    for (size_t i = 0; i < count; i++) {
        fake->steps[fake->step_count++] = steps[i];
    }
    fake->writes = fake->reads = 0;
}

static struct deed take(struct fake *fake, uint64_t count)
{
    struct deed deed = drive_deed(PAWL_ASK_TAKE, "s");

    deed.ask.count = count;
    (void)drive(fake->store, &deed);
    return deed;
}

static void takes_end_as_their_writes_did(void **state)
{
    static const struct {
        enum step steps[3];
        size_t count, writes;
        pawl_err code;
        int64_t next; /* in the store, after it */
    } cases[] = {
        {{STEP_RUNS}, 1, 1, PAWL_OK, 11},
        {{STEP_THROTTLED, STEP_RUNS}, 2, 2, PAWL_OK, 11},
        {{STEP_THROTTLED, STEP_THROTTLED, STEP_RUNS}, 3, 3, PAWL_OK, 11},
        {{STEP_EXPIRED, STEP_RUNS}, 2, 2, PAWL_OK, 11},
        {{STEP_EXPIRED, STEP_EXPIRED}, 2, 2, PAWL_DENIED, 1},
        {{STEP_THROTTLED, STEP_FAILS_RAN}, 2, 2, PAWL_LOST, 11},
        {{STEP_DENIED}, 1, 1, PAWL_DENIED, 1},
        {{STEP_FAILS}, 1, 1, PAWL_LOST, 1},
        {{STEP_FAILS_RAN}, 1, 1, PAWL_LOST, 11},
        {{STEP_CUT}, 1, 1, PAWL_LOST, 1},
        {{STEP_CUT_RAN}, 1, 1, PAWL_LOST, 11},
        {{STEP_DAMAGED}, 1, 1, PAWL_LOST, 11},
        {{STEP_HALF}, 1, 1, PAWL_LOST, 11},
        {{STEP_NO_ITEM}, 1, 1, PAWL_LOST, 11},
        {{STEP_OTHER_ITEM}, 1, 1, PAWL_LOST, 11},
        {{STEP_OLD_ITEM}, 1, 1, PAWL_LOST, 1},
    };

    (void)state;
    for (size_t i = 0; i < PAWL_COUNT(cases); i++) {
        struct fake fake;

        fake_begin(&fake, cases[i].steps, cases[i].count);
        struct deed deed = take(&fake, 10);

        if (deed.ask.error.code != cases[i].code || fake.writes != cases[i].writes ||
            stored(&fake, "next") != cases[i].next) {
            fail_msg("case %zu: %s after %zu writes, next is %" PRId64 ": %s", i,
                     pawl_err_name(deed.ask.error.code), fake.writes, stored(&fake, "next"),
                     deed.ask.error.text);
        }
        if (deed.ask.error.code == PAWL_LOST) assert_int_equal(deed.ask.burned, 10);
        deed = take(&fake, 10); /* and goes on where the store is */
        assert_int_equal(deed.ask.error.code, PAWL_OK);
        assert_int_equal(deed.ask.grant.range.first, cases[i].next);
        fake_close(&fake);
    }
}

static void a_change_is_made_once_though_its_answer_is_lost(void **state)
{
    static const enum step steps[][2] = {
        {STEP_CUT_RAN, STEP_RUNS},        {STEP_CUT, STEP_RUNS},
        {STEP_FAILS_RAN, STEP_FAILS},     {STEP_HALF, STEP_THROTTLED},
        {STEP_FAILS_RAN, STEP_FAILS_RAN}, {STEP_OLD_ITEM, STEP_RUNS},
        {STEP_NO_ITEM, STEP_RUNS},        {STEP_OTHER_ITEM, STEP_OLD_ITEM}};

    size_t read_after = 0;

    (void)state;
    for (size_t i = 0; i < 2 * PAWL_COUNT(steps); i++) {
        struct fake fake;
        struct deed deed = drive_deed(PAWL_ASK_SET, "s");

        fake_begin(&fake, steps[i / 2], 2);
        fake.hides = i % 2 == 1; /* refusals that show nothing: it reads */
        deed.ask.value = 1000;
        if (drive(fake.store, &deed) != PAWL_OK) fail_msg("case %zu: %s", i, deed.ask.error.text);
        assert_int_equal(stored(&fake, "next"), 1000);
        assert_int_equal(stored(&fake, "version"), 2);
        read_after += fake.reads;
        fake_close(&fake);
    }
    assert_true(read_after > 0);
}

static void throttles_for_ever_are_busy_in_time(void **state)
{
    static const enum step steps[] = {STEP_THROTTLED};
    struct fake fake;
    uint64_t begin_ns = pawl_clock_ns();

    (void)state;
    fake_begin(&fake, steps, 1);
    fake.always = true;
    struct deed deed = take(&fake, 10);

    assert_int_equal(deed.ask.error.code, PAWL_BUSY);
    assert_int_equal(deed.ask.burned, 0);
    assert_non_null(strstr(deed.ask.error.text, "ThrottlingException"));
    assert_true(fake.writes >= 3);
    assert_true(pawl_clock_ns() - begin_ns < 8 * PAWL_NS_PER_S);
    fake_close(&fake);
}

static void a_wrong_clock_is_said(void **state)
{
    static const enum step steps[] = {STEP_DENIED};
    struct fake fake;

    (void)state;
    fake_begin(&fake, steps, 1);
    (void)snprintf(fake.date, sizeof fake.date, "Date: Thu, 01 Jan 2015 00:00:00 GMT\r\n");
    struct deed deed = take(&fake, 10);

    assert_int_equal(deed.ask.error.code, PAWL_DENIED);
    assert_non_null(strstr(deed.ask.error.text, "s ahead of the service's"));
    fake_close(&fake);
}

static void a_table_that_goes_is_looked_for_anew(void **state)
{
    struct fake fake;

    (void)state;
    fake_begin(&fake, NULL, 0);
    fake.gone = true;
    for (int i = 0; i < 3; i++) {
        struct deed deed = take(&fake, 10);

        assert_int_equal(deed.ask.error.code, PAWL_MISSING);
        assert_non_null(strstr(deed.ask.error.text, "pawl store init"));
    }
    fake.gone = false;
    assert_int_equal(take(&fake, 10).ask.error.code, PAWL_OK);
    assert_int_equal(fake.looks, 2);
    fake_close(&fake);
}

static void item_ignored(struct pawl_check *check, const char *what,
                         enum pawl_check_verdict verdict, const char *found, const char *advice)
{
    (void)check;
    (void)what;
    (void)verdict;
    (void)found;
    (void)advice;
}

static void nothing_is_asked_after_the_end(void **state)
{
    static const enum pawl_ask_kind kinds[] = {PAWL_ASK_PING, PAWL_ASK_CHECK, PAWL_ASK_INIT,
                                               PAWL_ASK_READ};

    (void)state;
    for (size_t i = 0; i < PAWL_COUNT(kinds); i++) {
        struct fake fake = {.step_count = 0};
        struct pawl_check check = {.item = item_ignored};
        struct deed deed = drive_deed(kinds[i], "s");

        deed.ask.check = &check;
        fake_open(&fake);
        pawl_source_ask(fake.store, &deed.ask);
        (void)fake.store->ops->turn(fake.store, pawl_clock_ns());
        fake_close(&fake);
        assert_int_equal(deed.answers, 1);
        assert_int_not_equal(deed.ask.error.code, PAWL_OK);
    }
}

/* Signature Version 4, written anew from its description. */

static void hex(const unsigned char *bytes, size_t size, char *to)
{
    for (size_t i = 0; i < size; i++) {
        (void)snprintf(to + 2 * i, 3, "%02x", bytes[i]);
    }
}

static void sha256_hex(const char *text, char *to)
{
    unsigned char digest[SHA256_DIGEST_LENGTH];

    (void)SHA256((const unsigned char *)text, strlen(text), digest);
    hex(digest, sizeof digest, to);
}

static void hmac(unsigned char *key, size_t key_size, const char *text)
{
    unsigned char digest[SHA256_DIGEST_LENGTH];

    assert_non_null(HMAC(EVP_sha256(), key, (int)key_size, (const unsigned char *)text,
                         strlen(text), digest, NULL));
    memcpy(key, digest, sizeof digest);
}

struct signing {
    const char *secret, *region, *date, *host, *token, *target, *body;
};

static void sign(const struct signing *signing, char *signature)
{
    char canonical[TEXT_BYTES_MAX], to_sign[512], digest[80], scope[128];
    unsigned char key[128];
    bool tokens = signing->token[0] != '\0';

    sha256_hex(signing->body, digest);
    (void)snprintf(canonical, sizeof canonical,
                   "POST\n/\n\ncontent-type:application/x-amz-json-1.0\nhost:%s\nx-amz-date:%s\n"
                   "%s%s%sx-amz-target:%s\n\ncontent-type;host;x-amz-date;%sx-amz-target\n%s",
                   signing->host, signing->date, tokens ? "x-amz-security-token:" : "",
                   signing->token, tokens ? "\n" : "", signing->target,
                   tokens ? "x-amz-security-token;" : "", digest);
    (void)snprintf(scope, sizeof scope, "%.8s/%s/dynamodb/aws4_request", signing->date,
                   signing->region);
    sha256_hex(canonical, digest);
    (void)snprintf(to_sign, sizeof to_sign, "AWS4-HMAC-SHA256\n%s\n%s\n%s", signing->date, scope,
                   digest);
    int size = snprintf((char *)key, sizeof key, "AWS4%s", signing->secret);

    (void)snprintf(scope, sizeof scope, "%.8s", signing->date);
    hmac(key, (size_t)size, scope);
    hmac(key, SHA256_DIGEST_LENGTH, signing->region);
    hmac(key, SHA256_DIGEST_LENGTH, "dynamodb");
    hmac(key, SHA256_DIGEST_LENGTH, "aws4_request");
    hmac(key, SHA256_DIGEST_LENGTH, to_sign);
    hex(key, SHA256_DIGEST_LENGTH, signature);
}

#define KEY_ID "AKIDEXAMPLE"
#define SECRET "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
#define TOKEN  "TOKENexample//////////=="

static void the_signer_of_this_test_is_right(void **state)
{
    static const char body[] =
        "{\"TableName\":\"pawl\",\"Key\":{\"k\":{\"S\":\"orders\"}},\"UpdateExpression\":"
        "\"ADD #p :n\",\"ConditionExpression\":\"#e = :e\",\"ExpressionAttributeNames\":{\"#p\":"
        "\"p\",\"#e\":\"e\"},\"ExpressionAttributeValues\":{\":n\":{\"N\":\"500\"},\":e\":{\"N\":"
        "\"1\"}},\"ReturnValues\":\"UPDATED_NEW\"}";
    struct signing signing = {SECRET,
                              "us-east-1",
                              "20260101T000000Z",
                              "dynamodb.us-east-1.amazonaws.com",
                              "",
                              "DynamoDB_20120810.UpdateItem",
                              body};
    char signature[80];

    (void)state;
    sign(&signing, signature);
    assert_string_equal(signature,
                        "94ef6e7641c6aa2483f1cd6599452e4ef3091a9b6316006bed9b41756fb894ed");
    signing.token = TOKEN;
    sign(&signing, signature);
    assert_string_equal(signature,
                        "24fc22e541fd0c60ccba44ab34cc7f87ac7c56dee45029181ae375a3cfdd3a6f");
}

static void requests_are_signed(void **state)
{
    (void)state;
    for (int with_token = 0; with_token <= 1; with_token++) {
        struct http_peer *peer = calloc(1, sizeof *peer);
        char date[64], host[64], token[64], target[64], said[512], signature[80], wanted[512];
        struct fake fake;

        assert_non_null(peer);
        assert_int_equal(setenv("AWS_SESSION_TOKEN", with_token != 0 ? TOKEN : "", 1), 0);
        fake_begin(&fake, NULL, 0);
        assert_int_equal(take(&fake, 10).ask.error.code, PAWL_OK);
        (void)snprintf(peer->text, sizeof peer->text, "%s", fake.head);
        http_peer_header(peer, "X-Amz-Date", date, sizeof date);
        http_peer_header(peer, "Host", host, sizeof host);
        http_peer_header(peer, "X-Amz-Security-Token", token, sizeof token);
        http_peer_header(peer, "X-Amz-Target", target, sizeof target);
        http_peer_header(peer, "Authorization", said, sizeof said);
        assert_string_equal(token, with_token != 0 ? TOKEN : "");
        struct signing signing = {SECRET, "us-east-1",         date, host, token,
                                  target, http_peer_body(peer)};

        sign(&signing, signature);
        (void)snprintf(wanted, sizeof wanted,
                       "AWS4-HMAC-SHA256 Credential=" KEY_ID
                       "/%.8s/us-east-1/dynamodb/aws4_request, SignedHeaders=content-type;host;"
                       "x-amz-date;%sx-amz-target, Signature=%s",
                       date, with_token != 0 ? "x-amz-security-token;" : "", signature);
        assert_string_equal(said, wanted);
        fake_close(&fake);
        free(peer);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(takes_end_as_their_writes_did),
        cmocka_unit_test(a_change_is_made_once_though_its_answer_is_lost),
        cmocka_unit_test(throttles_for_ever_are_busy_in_time),
        cmocka_unit_test(a_wrong_clock_is_said),
        cmocka_unit_test(a_table_that_goes_is_looked_for_anew),
        cmocka_unit_test(nothing_is_asked_after_the_end),
        cmocka_unit_test(the_signer_of_this_test_is_right),
        cmocka_unit_test(requests_are_signed),
    };

    if (setenv("AWS_ACCESS_KEY_ID", KEY_ID, 1) != 0 ||
        setenv("AWS_SECRET_ACCESS_KEY", SECRET, 1) != 0 ||
        setenv("AWS_EC2_METADATA_DISABLED", "true", 1) != 0 || unsetenv("AWS_SESSION_TOKEN") != 0) {
        return 1;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}

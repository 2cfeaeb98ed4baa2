/* SPDX-License-Identifier: Apache-2.0 */
/* The Redis store's words: its URL, its requests, what replies and settings mean. */
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "store/redis/answer.h"
#include "store/redis/facts.h"
#include "store/redis/meta.h"

enum { TEXT_BYTES = 16 * 1024 };

static struct pawl_redis_settings settings_of(const char *text)
{
    struct pawl_url url;
    struct pawl_redis_settings settings;
    pawl_error error = {.code = PAWL_OK};

    if (pawl_redis_settings_read(&settings, &url, text, &error) != PAWL_OK) {
        fail_msg("%s: %s", text, error.text);
    }
    return settings;
}

static void a_url_says_where_and_how(void **state)
{
    struct pawl_redis_settings settings = settings_of("redis://h");

    (void)state;
    assert_string_equal(settings.host, "h");
    assert_int_equal(settings.port, 6379);
    assert_int_equal(settings.database, 0);
    assert_string_equal(settings.prefix, "pawl:");
    assert_string_equal(settings.where, "redis h:6379");
    assert_false(settings.tls || settings.forgets);
    settings = settings_of("rediss://u:p%3aw@[::1]:7/3?prefix=%7Bx%7D&replicas=2&durability=none");
    assert_true(settings.tls && settings.forgets);
    assert_string_equal(settings.host, "::1");
    assert_string_equal(settings.user, "u");
    assert_string_equal(settings.password, "p:w");
    assert_int_equal(settings.database, 3);
    assert_string_equal(settings.prefix, "{x}");
    assert_int_equal(settings.replicas, 2);
    settings = settings_of("redis://:secret@h");
    assert_string_equal(settings.user, "");
    assert_string_equal(settings.password, "secret");
}

static void a_wrong_part_of_a_url_is_named(void **state)
{
    static const struct {
        const char *url, *words;
    } rows[] = {
        {"redis://h/abc", "\"abc\" must be a database's number"},
        {"redis://h/-1", "\"-1\" must be a database's number"},
        {"redis://a,b", "second host"},
        {"redis://h?prefx=a", "\"prefx\""},
        {"redis://h?ca=/ca.pem", "\"ca\" is about TLS, which this URL does not ask for: begin it "
                                 "with rediss://"},
        {"rediss://h?cafile=/ca.pem", "no parameter \"cafile\"; there are: prefix, replicas, "
                                      "durability, ca, cert, key, verify"},
        {"redis://h?prefix=", "prefix must be"},
        {"redis://h?prefix=a%0Ab", "prefix must be"},
        {"redis://h?replicas=many", "replicas"},
        {"redis://h?replicas=65", "replicas"},
        {"redis://h?durability=rdb", "durability"},
        {"redis://u@h", "lacks a password"},
        {"redis://@h", "user"},
        {"redis://h:0", "port"},
        {"redis://", "host"},
    };

    (void)state;
    for (size_t i = 0; i < PAWL_COUNT(rows); i++) {
        struct pawl_url url;
        struct pawl_redis_settings settings;
        pawl_error error = {.code = PAWL_OK};

        assert_int_equal(pawl_redis_settings_read(&settings, &url, rows[i].url, &error),
                         PAWL_BAD_REQUEST);
        if (strstr(error.text, rows[i].words) == NULL) {
            fail_msg("%s: \"%s\" lacks \"%s\"", rows[i].url, error.text, rows[i].words);
        }
    }
}

/* Forty hexadecimal digits: the live tests show that Redis knows them. */
static void scripts_are_named_by_their_digest(void **state)
{
    struct pawl_redis_settings settings = settings_of("redis://h");

    (void)state;
    for (size_t i = 0; i < PAWL_REDIS_SCRIPTS; i++) {
        assert_int_equal(strlen(settings.scripts.sha[i]), PAWL_REDIS_SHA_BYTES);
        assert_int_equal(strspn(settings.scripts.sha[i], "0123456789abcdef"), PAWL_REDIS_SHA_BYTES);
    }
}

static struct pawl_record record_make(const char *name)
{
    struct pawl_record record = {.epoch = 5,
                                 .line = 5,
                                 .version = 9,
                                 .tag = 77,
                                 .start = 1,
                                 .increment = 1,
                                 .min = 1,
                                 .max = INT64_MAX,
                                 .next = 11,
                                 .origin = 1,
                                 .rate = 2.5,
                                 .created_at = 1,
                                 .changed_at = 2,
                                 .written_at = 3,
                                 .data_type = PAWL_TYPE_BIGINT};

    assert_int_equal(pawl_name_set(&record.name, (struct pawl_bytes){name, strlen(name)}, NULL),
                     PAWL_OK);
    return record;
}

/* The words of a request from the third on, with a bar between; the script's name is checked, and
 * the request's number at its end. */
static const char *request_of(const struct pawl_op *op, enum pawl_redis_script script)
{
    static char text[TEXT_BYTES];
    static char bytes[PAWL_REDIS_REQUEST_BYTES_MAX];
    static struct pawl_resp_request request;
    struct pawl_redis_settings settings = settings_of("redis://h");
    const struct pawl_redis_meta meta = {.tag = {.number = 1, .luck = 10}, .position = 8};
    size_t size =
        pawl_redis_write_op(op, &settings, (struct pawl_redis_way){false, 17, &meta}, bytes);
    size_t at = 0;

    assert_int_equal(pawl_resp_parse((struct pawl_bytes){bytes, size}, &request), size);
    assert_memory_equal(request.words[0].at, "EVALSHA", 7);
    assert_memory_equal(request.words[1].at, settings.scripts.sha[script], PAWL_REDIS_SHA_BYTES);
    assert_int_equal(request.words[request.word_count - 1].size, 2);
    assert_memory_equal(request.words[request.word_count - 1].at, "17", 2);
    for (uint32_t i = 2; i + 1 < request.word_count; i++) {
        at += (size_t)snprintf(text + at, sizeof text - at, "%s%.*s", i > 2 ? "|" : "",
                               (int)request.words[i].size, request.words[i].at);
    }
    return text;
}

#define FIELDS_OF_ORDERS \
    "1|11|5|5|0|9|77|1|1|1|9223372036854775807|1|0|0|0|0|client|bigint|2.5|1|2|3||"

#define META_KEY "pawl:\tstore"
#define META     "1-000000000000000a|8"

static void requests_name_keys_conditions_and_fields(void **state)
{
    struct pawl_op op = {.kind = PAWL_OP_READ, .record = record_make("orders")};
    struct pawl_page page = {.count_max = 1000};

    (void)state;
    assert_string_equal(request_of(&op, PAWL_REDIS_READ), "2|pawl:orders|" META_KEY "|" META);
    op.kind = PAWL_OP_WRITE;
    assert_string_equal(request_of(&op, PAWL_REDIS_WRITE),
                        "3|pawl:orders|pawl:|" META_KEY "||orders|" FIELDS_OF_ORDERS "|" META);
    op.expected = record_make("orders");
    assert_string_equal(request_of(&op, PAWL_REDIS_WRITE),
                        "3|pawl:orders|pawl:|" META_KEY "|77/9|orders|" FIELDS_OF_ORDERS "|" META);
    op = (struct pawl_op){.kind = PAWL_OP_LIST, .page = &page};
    assert_string_equal(request_of(&op, PAWL_REDIS_LIST), "1|pawl:|-|128|pawl:");
    page.count_max = 7;
    page.after = record_make("a(b").name;
    assert_string_equal(request_of(&op, PAWL_REDIS_LIST), "1|pawl:|(a(b|7|pawl:");
    page.count_max = 0;
    assert_string_equal(request_of(&op, PAWL_REDIS_LIST), "1|pawl:|(a(b|1|pawl:");
}

static void an_advance_goes_as_far_as_int64_does(void **state)
{
    struct pawl_op op = {.kind = PAWL_OP_ADVANCE,
                         .record = record_make("orders"),
                         .expected = record_make("orders"),
                         .count = 10,
                         .low = INT64_MIN,
                         .high = INT64_MAX};

    (void)state;
    op.record.tag = 78;
    assert_string_equal(request_of(&op, PAWL_REDIS_ADVANCE),
                        "2|pawl:orders|" META_KEY
                        "|5|0|-9223372036854775808|9223372036854775807|78|2.5|3|10|" META);
    op.expected.increment = INT64_MAX;
    op.count = 2;
    assert_string_equal(request_of(&op, PAWL_REDIS_ADVANCE),
                        "2|pawl:orders|" META_KEY
                        "|5|0|-9223372036854775808|9223372036854775807|78|2.5|3|"
                        "9223372036854775807|9223372036854775807|" META);
    op.expected.increment = INT64_MIN;
    op.count = 1;
    assert_string_equal(request_of(&op, PAWL_REDIS_ADVANCE),
                        "2|pawl:orders|" META_KEY
                        "|5|0|-9223372036854775808|9223372036854775807|78|2.5|3|"
                        "-9223372036854775808|" META);
    op.expected.increment = 3;
    op.count = UINT64_MAX / 3; /* all of int64 */
    assert_string_equal(request_of(&op, PAWL_REDIS_ADVANCE),
                        "2|pawl:orders|" META_KEY
                        "|5|0|-9223372036854775808|9223372036854775807|78|2.5|3|"
                        "9223372036854775807|9223372036854775807|1|" META);
}

static enum pawl_redis_outcome answer(struct pawl_op *op, const char *text)
{
    static struct pawl_resp_value values[PAWL_REDIS_VALUES_MAX];
    struct pawl_resp_reply reply = {.values = values, .value_max = PAWL_COUNT(values)};
    struct pawl_redis_settings settings = settings_of("redis://h");
    ptrdiff_t took = pawl_resp_parse_reply((struct pawl_bytes){text, strlen(text)}, &reply);

    if (took != (ptrdiff_t)strlen(text)) fail_msg("no reply: %s", text);
    return pawl_redis_answer(op, &settings, &reply);
}

/* Every row of the table, on an op that writes; most are errors as servers word them. */
static const struct {
    const char *text;
    enum pawl_op_end end;
    pawl_err code;
} errors[] = {
    {"LOADING Redis is loading the dataset in memory", PAWL_OP_FAILED, PAWL_STORE},
    {"BUSY Redis is busy running a script. You can only call SCRIPT KILL or SHUTDOWN NOSAVE.",
     PAWL_OP_FAILED, PAWL_BUSY},
    {"OOM command not allowed when used memory > 'maxmemory'. script: 0f, on @user_script:1.",
     PAWL_OP_FAILED, PAWL_STORE},
    {"MISCONF Errors writing to the AOF file: No space left on device", PAWL_OP_FAILED, PAWL_STORE},
    {"NOREPLICAS Not enough good replicas to write.", PAWL_OP_FAILED, PAWL_STORE},
    {"READONLY You can't write against a read only replica.", PAWL_OP_FAILED, PAWL_STORE},
    {"MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'.",
     PAWL_OP_FAILED, PAWL_STORE},
    {"UNBLOCKED force unblock from blocking operation, instance state changed", PAWL_OP_FAILED,
     PAWL_STORE},
    {"MOVED 3999 127.0.0.1:6381", PAWL_OP_FAILED, PAWL_DENIED},
    {"ASK 3999 127.0.0.1:6381", PAWL_OP_FAILED, PAWL_DENIED},
    {"CROSSSLOT Keys in request don't hash to the same slot", PAWL_OP_FAILED, PAWL_DENIED},
    {"CLUSTERDOWN The cluster is down", PAWL_OP_FAILED, PAWL_DENIED},
    {"TRYAGAIN Multiple keys request during rehashing of slot", PAWL_OP_FAILED, PAWL_DENIED},
    {"NOAUTH Authentication required.", PAWL_OP_FAILED, PAWL_DENIED},
    {"WRONGPASS invalid username-password pair or user is disabled.", PAWL_OP_FAILED, PAWL_DENIED},
    {"NOPERM this user has no permissions to run the 'evalsha' command", PAWL_OP_FAILED,
     PAWL_DENIED},
    {"DENIED Redis is running in protected mode because", PAWL_OP_FAILED, PAWL_DENIED},
    {"WRONGTYPE Operation against a key holding the wrong kind of value", PAWL_OP_FAILED,
     PAWL_DENIED},
    {"ERR max number of clients reached", PAWL_OP_FAILED, PAWL_STORE},
    {"ERR The user executing the script can't run this command or subcommand script: 1",
     PAWL_OP_UNKNOWN, PAWL_DENIED},
    {"ERR The user executing the script can't access at least one of the keys mentioned in the "
     "command arguments script: 1",
     PAWL_OP_UNKNOWN, PAWL_DENIED},
    {"ERR unknown command 'EVALSHA', with args beginning with: '0f'", PAWL_OP_FAILED, PAWL_DENIED},
    {"ERR DB index is out of range", PAWL_OP_FAILED, PAWL_DENIED},
    {"ERR AUTH <password> called without any password configured for the default user. Are you "
     "sure your configuration is correct?",
     PAWL_OP_FAILED, PAWL_DENIED},
    {"ERR Client sent AUTH, but no password is set", PAWL_OP_FAILED, PAWL_DENIED},
    {"ERR invalid password", PAWL_OP_FAILED, PAWL_DENIED},
    {"ERR wrong number of arguments for 'auth' command", PAWL_OP_FAILED, PAWL_DENIED},
    {"ERR Error running script (call to f_0f): @user_script:1: @user_script: 1: -OOM command not "
     "allowed when used memory > 'maxmemory'.",
     PAWL_OP_FAILED, PAWL_STORE},
    {"ERR Error running script (call to f_0f): @user_script:9: ERR increment or decrement would "
     "overflow",
     PAWL_OP_UNKNOWN, PAWL_STORE},
    {"ERR increment or decrement would overflow", PAWL_OP_UNKNOWN, PAWL_STORE},
    {"LOADINGS are not LOADING", PAWL_OP_UNKNOWN, PAWL_STORE},
    {"WHAT is this", PAWL_OP_UNKNOWN, PAWL_STORE},
};

static void every_error_is_the_right_ending(void **state)
{
    (void)state;
    for (size_t i = 0; i < PAWL_COUNT(errors); i++) {
        struct pawl_op op = {.kind = PAWL_OP_ADVANCE, .record = record_make("orders")};
        char text[512];

        (void)snprintf(text, sizeof text, "-%s\r\n", errors[i].text);
        assert_int_equal(answer(&op, text), PAWL_REDIS_ENDS);
        if (op.end != errors[i].end || op.error.code != errors[i].code) {
            fail_msg("%s: ends %d, code %s", errors[i].text, (int)op.end,
                     pawl_err_name(op.error.code));
        }
        assert_non_null(strstr(op.error.text, "redis h:6379: "));
        op.kind = PAWL_OP_READ; /* nothing can have been written by that */
        assert_int_equal(answer(&op, text), PAWL_REDIS_ENDS);
        assert_int_equal(op.end, PAWL_OP_FAILED);
    }
    struct pawl_op op = {.kind = PAWL_OP_WRITE};

    assert_int_equal(answer(&op, "-NOSCRIPT No matching script. Please use EVAL.\r\n"),
                     PAWL_REDIS_NO_SCRIPT);
}

/* What a command within a script was refused with: before the record was touched, or after. */
static void a_script_that_breaks_off_says_where(void **state)
{
    static const char no_right[] =
        "$75\r\nERR The user executing the script can't run this command "
        "or subcommand scri\r\n";
    static const char full[] = "$49\r\n@user_script: 1: -OOM command not allowed when us\r\n";
    char text[512];

    (void)state;
    for (int i = 0; i < 12; i++) {
        enum pawl_op_kind kind = i % 3 == 0   ? PAWL_OP_READ
                                 : i % 3 == 1 ? PAWL_OP_WRITE
                                              : PAWL_OP_ADVANCE;
        struct pawl_op op = {.kind = kind, .record = record_make("orders")};
        bool torn = i >= 6, denied = i % 6 < 3;

        (void)snprintf(text, sizeof text, "*2\r\n%s\r\n%s", torn ? "$4\r\ntorn" : "$6\r\nfailed",
                       denied ? no_right : full);
        assert_int_equal(answer(&op, text), PAWL_REDIS_ENDS);
        assert_int_equal(op.end, torn && kind != PAWL_OP_READ ? PAWL_OP_UNKNOWN : PAWL_OP_FAILED);
        assert_int_equal(op.error.code, denied ? PAWL_DENIED : PAWL_STORE);
    }
}

/* A look as the scripts answer it, with field `change` put to `value` (NULL: it is missing). */
static const char *look_of(const struct pawl_record *record, const char *ttl, const char *change,
                           const char *value)
{
    static char text[TEXT_BYTES];
    struct pawl_fields fields;
    size_t at = (size_t)snprintf(text, sizeof text, "*3\r\n$5\r\nfound\r\n:%s\r\n*%d\r\n", ttl,
                                 PAWL_FIELDS);

    pawl_fields_write(record, &fields);
    for (size_t i = 0; i < PAWL_FIELDS; i++) {
        struct pawl_bytes bytes = fields.values[i];

        if (change != NULL && strcmp(pawl_field_name((enum pawl_field)i), change) == 0) {
            bytes = (struct pawl_bytes){value, value == NULL ? 0 : strlen(value)};
            if (value == NULL) {
                at += (size_t)snprintf(text + at, sizeof text - at, "$-1\r\n");
                continue;
            }
        }
        at += (size_t)snprintf(text + at, sizeof text - at, "$%zu\r\n%.*s\r\n", bytes.size,
                               (int)bytes.size, bytes.at);
    }
    return text;
}

static const char *with_word(const char *word, const char *look)
{
    static char text[TEXT_BYTES];

    (void)snprintf(text, sizeof text, "*2\r\n$%zu\r\n%s\r\n%s", strlen(word), word, look);
    return text;
}

static void looks_are_records(void **state)
{
    struct pawl_record record = record_make("orders");
    struct pawl_op op = {.kind = PAWL_OP_READ, .record = record_make("orders")};

    (void)state;
    assert_int_equal(answer(&op, look_of(&record, "-1", NULL, NULL)), PAWL_REDIS_ENDS);
    assert_int_equal(op.end, PAWL_OP_DONE);
    assert_int_equal(op.found.next, 11);
    assert_int_equal(op.found.tag, 77);
    assert_int_equal(answer(&op, "*1\r\n$6\r\nabsent\r\n"), PAWL_REDIS_ENDS);
    assert_int_equal(op.end, PAWL_OP_DONE);
    assert_int_equal(op.found.epoch, 0);
    assert_int_equal(op.found.name.size, 6);
    op.kind = PAWL_OP_WRITE;
    assert_int_equal(answer(&op, with_word("refused", look_of(&record, "-1", NULL, NULL))),
                     PAWL_REDIS_ENDS);
    assert_int_equal(op.end, PAWL_OP_REFUSED);
    assert_int_equal(op.found.version, 9);
    assert_int_equal(answer(&op, "*1\r\n$4\r\ndone\r\n"), PAWL_REDIS_ENDS);
    assert_int_equal(op.end, PAWL_OP_DONE);
    op.kind = PAWL_OP_ADVANCE;
    assert_int_equal(answer(&op, with_word("done", look_of(&record, "-1", NULL, NULL))),
                     PAWL_REDIS_ENDS);
    assert_int_equal(op.end, PAWL_OP_DONE);
    /* Done, and what is there cannot be read: nobody knows what was taken. */
    assert_int_equal(answer(&op, with_word("done", look_of(&record, "-1", "next", "x"))),
                     PAWL_REDIS_ENDS);
    assert_int_equal(op.end, PAWL_OP_UNKNOWN);
}

static void what_is_not_ours_is_told_and_left_alone(void **state)
{
    struct pawl_record record = record_make("orders");
    const struct {
        const char *text, *words;
    } rows[] = {
        {strdup(look_of(&record, "5000", NULL, NULL)), "PERSIST"},
        {strdup(look_of(&record, "-1", "next", NULL)), "no next"},
        {strdup(look_of(&record, "-1", "epoch", "one")), "epoch"},
        {strdup(look_of(&record, "-1", "format", "2")), "newer"},
        {strdup("*2\r\n$7\r\nforeign\r\n$4\r\nlist\r\n"), "is no hash"},
    };

    (void)state;
    for (size_t i = 0; i < PAWL_COUNT(rows); i++) {
        struct pawl_op op = {.kind = PAWL_OP_READ, .record = record_make("orders")};

        for (int pass = 0; pass < 3; pass++) {
            op.kind = pass == 0 ? PAWL_OP_READ : pass == 1 ? PAWL_OP_WRITE : PAWL_OP_ADVANCE;
            assert_int_equal(
                answer(&op, pass == 0 ? rows[i].text : with_word("refused", rows[i].text)),
                PAWL_REDIS_ENDS);
            assert_int_equal(op.end, PAWL_OP_FAILED);
            assert_int_equal(op.error.code, PAWL_DENIED);
            if (strstr(op.error.text, rows[i].words) == NULL) {
                fail_msg("\"%s\" lacks \"%s\"", op.error.text, rows[i].words);
            }
        }
        free((void *)(uintptr_t)rows[i].text);
    }
    struct pawl_op op = {.kind = PAWL_OP_ADVANCE, .record = record_make("orders")};

    assert_int_equal(answer(&op, with_word("damaged", look_of(&record, "-1", "next", "011"))),
                     PAWL_REDIS_ENDS);
    assert_int_equal(op.end, PAWL_OP_FAILED);
    assert_int_equal(op.error.code, PAWL_DENIED);
    assert_non_null(strstr(op.error.text, "cannot count on"));
    op.kind = PAWL_OP_WRITE;
    assert_int_equal(answer(&op, "*2\r\n$5\r\nindex\r\n$6\r\nstring\r\n"), PAWL_REDIS_ENDS);
    assert_int_equal(op.end, PAWL_OP_FAILED);
    assert_int_equal(op.error.code, PAWL_DENIED);
    assert_non_null(strstr(op.error.text, "no sorted set"));
}

static void an_answer_to_something_else_is_none(void **state)
{
    static const char *const texts[] = {
        "+OK\r\n",
        ":1\r\n",
        "$-1\r\n",
        "*0\r\n",
        "*1\r\n$5\r\nfound\r\n",
        "*1\r\n$5\r\nother\r\n",
        "*3\r\n$5\r\nfound\r\n:-1\r\n*1\r\n$1\r\n1\r\n",
        "*2\r\n$7\r\nrefused\r\n$6\r\nabsent\r\n",
    };
    static const enum pawl_op_kind kinds[] = {PAWL_OP_READ, PAWL_OP_WRITE, PAWL_OP_ADVANCE,
                                              PAWL_OP_LIST};

    (void)state;
    for (size_t i = 0; i < PAWL_COUNT(texts); i++) {
        for (size_t k = 0; k < PAWL_COUNT(kinds); k++) {
            struct pawl_page page = {.count_max = 10};
            struct pawl_op op = {.kind = kinds[k], .record = record_make("orders"), .page = &page};

            if (answer(&op, texts[i]) != PAWL_REDIS_SENSELESS) {
                fail_msg("op %zu takes %s for an answer", k, texts[i]);
            }
        }
    }
}

/* A server that keeps the promise. */
static struct pawl_redis_facts facts_good(void)
{
    struct pawl_redis_facts facts = {.appendonly = "yes",
                                     .appendfsync = "always",
                                     .no_appendfsync = "no",
                                     .maxmemory = "0",
                                     .maxmemory_policy = "allkeys-lru",
                                     .min_replicas = "0"};
    static const char info[] = "# Server\r\nredis_version:7.0.15\r\nrun_id:abc\r\n"
                               "loading:0\r\n# Replication\r\nrole:master\r\n"
                               "connected_slaves:2\r\n"
                               "slave0:ip=10.0.0.2,port=6379,state=online,offset=98,lag=0\r\n"
                               "slave1:ip=10.0.0.3,port=6379,state=online,offset=98,lag=9\r\n"
                               "slave2:ip=10.0.0.3,port=6379,state=wait_bgsave,offset=0,lag=0\r\n"
                               "slave_expires_tracked_keys:0\r\n"
                               "master_replid:123\r\nmaster_replid2:000\r\ncluster_enabled:0\r\n";

    pawl_redis_facts_info(&facts, (struct pawl_bytes){info, sizeof info - 1});
    return facts;
}

static void judged(const struct pawl_redis_facts *facts, const char *url, pawl_err code,
                   const char *words)
{
    struct pawl_redis_settings settings = settings_of(url);
    pawl_error error = {.code = PAWL_OK};
    pawl_err err = pawl_redis_facts_judge(facts, &settings, &error);

    if (err != code) {
        fail_msg("%s, not %s: %s", pawl_err_name(err), pawl_err_name(code), error.text);
    }
    if (code != PAWL_OK && strstr(error.text, words) == NULL) {
        fail_msg("\"%s\" lacks \"%s\"", error.text, words);
    }
}

/* A good server but for one fact, which durability=none accepts if it is a setting's. */
static void judged_with(size_t offset, const char *value, pawl_err code, const char *words)
{
    struct pawl_redis_facts bad = facts_good();

    (void)snprintf((char *)&bad + offset, PAWL_REDIS_FACT_BYTES, "%s", value);
    judged(&bad, "redis://h", code, words);
    judged(&bad, "redis://h?durability=none",
           strstr(words, "settings") != NULL || strstr(words, "CONFIG SET") != NULL ? PAWL_OK
                                                                                    : code,
           words);
}

#define JUDGED(member, value, code, words) \
    judged_with(offsetof(struct pawl_redis_facts, member), (value), (code), (words))

static void settings_that_lose_ids_are_refused_by_name(void **state)
{
    struct pawl_redis_facts facts = facts_good();

    (void)state;
    assert_string_equal(facts.version, "7.0.15");
    assert_int_equal(facts.replicas, 1);
    assert_int_equal(facts.replicas_behind, 2);
    judged(&facts, "redis://h", PAWL_OK, "");
    judged(&facts, "redis://h?replicas=1", PAWL_OK, "");
    judged(&facts, "redis://h?replicas=2", PAWL_STORE, "1 of the 2 replicas");
    JUDGED(appendonly, "no", PAWL_DENIED, "CONFIG SET appendonly yes");
    JUDGED(appendonly, "", PAWL_DENIED, "does not let its settings be read");
    JUDGED(appendfsync, "everysec", PAWL_DENIED, "CONFIG SET appendfsync always");
    JUDGED(no_appendfsync, "yes", PAWL_DENIED, "CONFIG SET no-appendfsync-on-rewrite no");
    JUDGED(maxmemory, "1000000", PAWL_DENIED, "CONFIG SET maxmemory-policy noeviction");
    JUDGED(cluster, "1", PAWL_DENIED, "Redis Cluster");
    JUDGED(role, "slave", PAWL_STORE, "replica");
    JUDGED(loading, "1", PAWL_STORE, "reading its data");
    (void)snprintf(facts.aof_begins, sizeof facts.aof_begins, "1");
    judged(&facts, "redis://h", PAWL_OK, ""); /* it has a base: a rewrite as any other */
    (void)snprintf(facts.aof_base, sizeof facts.aof_base, "0");
    judged(&facts, "redis://h", PAWL_STORE, "for the first time");
    judged(&facts, "redis://h?durability=none", PAWL_OK, "");
}

static void settings_are_read_from_their_replies(void **state)
{
    struct pawl_resp_value values[8];
    struct pawl_resp_reply reply = {.values = values, .value_max = PAWL_COUNT(values)};
    static const char *const texts[] = {
        "*2\r\n$10\r\nappendonly\r\n$3\r\nyes\r\n",
        "*2\r\n$11\r\nappendfsync\r\n$8\r\neverysec\r\n",
        "*0\r\n",
        "*2\r\n$4\r\nsave\r\n$0\r\n\r\n",
        "-NOPERM this user has no permissions to run the 'config|get' command\r\n",
    };
    struct pawl_redis_facts facts = {.replicas = 0};

    (void)state;
    for (size_t i = 0; i < PAWL_COUNT(texts); i++) {
        assert_true(pawl_resp_parse_reply((struct pawl_bytes){texts[i], strlen(texts[i])}, &reply) >
                    0);
        pawl_redis_facts_config(&facts, &reply);
    }
    assert_string_equal(facts.appendonly, "yes");
    assert_string_equal(facts.appendfsync, "everysec");
    assert_string_equal(facts.maxmemory, "");
    assert_non_null(strstr(facts.config_error, "NOPERM"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_url_says_where_and_how),
        cmocka_unit_test(a_wrong_part_of_a_url_is_named),
        cmocka_unit_test(scripts_are_named_by_their_digest),
        cmocka_unit_test(requests_name_keys_conditions_and_fields),
        cmocka_unit_test(an_advance_goes_as_far_as_int64_does),
        cmocka_unit_test(every_error_is_the_right_ending),
        cmocka_unit_test(a_script_that_breaks_off_says_where),
        cmocka_unit_test(looks_are_records),
        cmocka_unit_test(what_is_not_ours_is_told_and_left_alone),
        cmocka_unit_test(an_answer_to_something_else_is_none),
        cmocka_unit_test(settings_that_lose_ids_are_refused_by_name),
        cmocka_unit_test(settings_are_read_from_their_replies),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

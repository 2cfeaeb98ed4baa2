/* SPDX-License-Identifier: Apache-2.0 */
/* What goes to DynamoDB, what its answers mean, and what its URLs say. */
#include "record_fixture.h"

#include <stdio.h>
#include <stdlib.h>

#include "store/dynamodb/credentials_own.h"
#include "store/dynamodb/dynamodb_own.h"
#include "store/fields.h"

enum { NOW_S = 1767225600 };

static struct pawl_record sample(void)
{
    return (struct pawl_record){
        .name = {.at = "orders \"x\"/#", .size = 12},
        .epoch = 7,
        .line = 5,
        .lap = 1,
        .version = 9,
        .tag = 4611686018427387905,
        .start = 1,
        .increment = 2,
        .min = INT64_MIN,
        .max = INT64_MAX,
        .next = 9007199254740993, /* no double holds it */
        .origin = 1,
        .block = 500,
        .rate = 1500000,
        .created_at = 1,
        .changed_at = 2,
        .written_at = 3,
        .cycle = true,
    };
}

static struct pawl_op sample_op(void)
{
    struct pawl_op op = {.record = sample(), .expected = sample(), .count = 500};

    op.expected.tag = 11;
    op.low = INT64_MIN;
    op.high = INT64_MAX - 999;
    return op;
}

static json_t *parsed(char *body)
{
    json_t *json = body != NULL ? json_loads(body, 0, NULL) : NULL;

    free(body);
    assert_non_null(json);
    return json;
}

/* The string at a path of keys: "Key/k/S". */
static const char *text_at(const json_t *json, const char *path)
{
    char key[64];

    while (*path != '\0') {
        size_t size = strcspn(path, "/");

        (void)snprintf(key, sizeof key, "%.*s", (int)size, path);
        json = json_object_get(json, key);
        path += size + (path[size] == '/');
    }
    return json_is_string(json) ? json_string_value(json) : "(none)";
}

static void an_item_comes_back_as_the_record(void **state)
{
    struct pawl_op op = sample_op();
    struct pawl_record read = {.name = op.record.name};
    json_t *item = json_object(), *value = NULL;
    pawl_error error = {.text = ""};
    const char *key = NULL;

    (void)state;
    op.expected.epoch = 0;
    json_t *body = parsed(pawl_dynamodb_write("pawl", &op));

    assert_string_equal(text_at(body, "TableName"), "pawl");
    assert_string_equal(text_at(body, "Key/k/S"), "orders \"x\"/#");
    assert_string_equal(text_at(body, "ConditionExpression"), "attribute_not_exists(k)");
    assert_string_equal(text_at(body, "ReturnValuesOnConditionCheckFailure"), "ALL_OLD");
    json_object_foreach(json_object_get(body, "ExpressionAttributeValues"), key, value)
    {
        (void)json_object_set(item, key + 1, value);
    }
    assert_string_equal(text_at(item, "next/N"), "9007199254740993");
    assert_string_equal(text_at(item, "data_type/S"), "bigint");
    assert_null(json_object_get(item, "moved_to")); /* empty texts are left out */
    if (pawl_dynamodb_item(&read, item, &error) != PAWL_OK) fail_msg("%s", error.text);
    assert_same_record(&read, &op.record);
    json_decref(item);
    json_decref(body);
}

static void an_advance_asks_all_in_one(void **state)
{
    struct pawl_op op = sample_op();
    json_t *body = parsed(pawl_dynamodb_advance("pawl", &op));
    const json_t *values = json_object_get(body, "ExpressionAttributeValues");

    (void)state;
    assert_string_equal(text_at(body, "Key/k/S"), "orders \"x\"/#");
    assert_string_equal(text_at(body, "UpdateExpression"),
                        "SET #tag = :tag, #rate = :rate, #written_at = :written_at "
                        "ADD #next :n, #version :one");
    assert_string_equal(text_at(body, "ConditionExpression"),
                        "#format = :format AND #epoch = :epoch AND #lap = :lap AND "
                        "#dropped = :zero AND #ended = :zero AND #next BETWEEN :low AND :high");
    assert_string_equal(text_at(values, ":n/N"), "1000");
    assert_string_equal(text_at(values, ":epoch/N"), "7");
    assert_string_equal(text_at(values, ":tag/N"), "4611686018427387905");
    assert_string_equal(text_at(values, ":low/N"), "-9223372036854775808");
    assert_string_equal(text_at(body, "ReturnValues"), "ALL_NEW");
    /* What is not used, or not said, DynamoDB refuses. */
    assert_int_equal(json_object_size(values), 11);
    assert_int_equal(json_object_size(json_object_get(body, "ExpressionAttributeNames")), 10);
    json_decref(body);
}

static void steps_go_down_and_beyond_int64(void **state)
{
    static const struct {
        uint64_t count;
        int64_t increment;
        const char *n;
    } cases[] = {
        {1, -1, "-1"},
        {3, INT64_MAX, "27670116110564327421"},
        {2, INT64_MIN, "-18446744073709551616"},
        {UINT64_MAX, 1, "18446744073709551615"},
    };

    (void)state;
    for (size_t i = 0; i < PAWL_COUNT(cases); i++) {
        struct pawl_op op = sample_op();

        op.count = cases[i].count;
        op.expected.increment = cases[i].increment;
        json_t *body = parsed(pawl_dynamodb_advance("pawl", &op));

        assert_string_equal(text_at(body, "ExpressionAttributeValues/:n/N"), cases[i].n);
        json_decref(body);
    }
}

static void a_write_sets_all_and_asks_for_the_tag(void **state)
{
    struct pawl_op op = sample_op();
    json_t *body = parsed(pawl_dynamodb_write("pawl", &op));
    const char *update = text_at(body, "UpdateExpression");

    (void)state;
    assert_string_equal(text_at(body, "ConditionExpression"), "#tag = :was AND #version = :before");
    assert_string_equal(text_at(body, "ExpressionAttributeValues/:was/N"), "11");
    assert_non_null(strstr(update, "SET #format = :format, #next = :next, "));
    assert_non_null(strstr(update, " REMOVE #branch, #moved_to"));
    assert_int_equal(json_object_size(json_object_get(body, "ExpressionAttributeNames")),
                     PAWL_FIELDS);
    json_decref(body);
}

static void a_scan_goes_on_from_a_key(void **state)
{
    json_t *first = parsed(pawl_dynamodb_scan("pawl", PAWL_BYTES(""), 100));
    json_t *next = parsed(pawl_dynamodb_scan("pawl", PAWL_BYTES("a"), 100));

    (void)state;
    assert_null(json_object_get(first, "ExclusiveStartKey"));
    assert_string_equal(text_at(next, "ExclusiveStartKey/k/S"), "a");
    assert_int_equal(json_integer_value(json_object_get(next, "Limit")), 100);
    json_decref(first);
    json_decref(next);
}

static void a_foreign_item_is_named(void **state)
{
    static const struct {
        const char *item, *said;
    } cases[] = {
        {"{\"k\":{\"S\":\"x\"}}", "it has no format"},
        {"{\"k\":{\"S\":\"x\"},\"format\":{\"S\":\"1\"}}", "it has no format"},
        {"{\"k\":{\"S\":\"x\"},\"format\":{\"N\":\"2\"}}", "newer pawl"},
        {"{\"k\":{\"S\":\"x\"},\"format\":{\"N\":\"1\"},\"next\":{\"N\":\"1.5\"}}", "next"},
    };

    (void)state;
    for (size_t i = 0; i < PAWL_COUNT(cases); i++) {
        json_t *item = json_loads(cases[i].item, 0, NULL);
        struct pawl_record record = {.name = {.at = "x", .size = 1}};
        pawl_error error = {.text = ""};

        assert_int_equal(pawl_dynamodb_item(&record, item, &error), PAWL_DENIED);
        assert_non_null(strstr(error.text, cases[i].said));
        json_decref(item);
    }
}

/* Verdicts. */

static struct pawl_http_exchange answered(int status, const char *body)
{
    return (struct pawl_http_exchange){.end = PAWL_HTTP_ANSWERED,
                                       .status = status,
                                       .answer = {body, strlen(body)},
                                       .answer_date_s = NOW_S};
}

static struct pawl_dynamodb_verdict judged(const struct pawl_http_exchange *exchange)
{
    struct pawl_dynamodb_verdict verdict;

    pawl_dynamodb_judge(&verdict, exchange, "UpdateItem on pawl", NOW_S);
    json_decref(verdict.json);
    return verdict;
}

static void each_error_has_its_end_and_its_advice(void **state)
{
    static const struct {
        const char *name;
        enum pawl_dynamodb_ran ran;
        pawl_err code;
    } cases[] = {
        {"ConditionalCheckFailedException", PAWL_DYNAMODB_CONDITION, PAWL_CHANGED},
        {"ProvisionedThroughputExceededException", PAWL_DYNAMODB_AGAIN, PAWL_BUSY},
        {"ThrottlingException", PAWL_DYNAMODB_AGAIN, PAWL_BUSY},
        {"RequestLimitExceeded", PAWL_DYNAMODB_AGAIN, PAWL_BUSY},
        {"Throttling", PAWL_DYNAMODB_AGAIN, PAWL_BUSY},
        {"ThrottledException", PAWL_DYNAMODB_AGAIN, PAWL_BUSY},
        {"RequestThrottled", PAWL_DYNAMODB_AGAIN, PAWL_BUSY},
        {"RequestThrottledException", PAWL_DYNAMODB_AGAIN, PAWL_BUSY},
        {"TooManyRequestsException", PAWL_DYNAMODB_AGAIN, PAWL_BUSY},
        {"BandwidthLimitExceeded", PAWL_DYNAMODB_AGAIN, PAWL_BUSY},
        {"SlowDown", PAWL_DYNAMODB_AGAIN, PAWL_BUSY},
        {"PriorRequestNotComplete", PAWL_DYNAMODB_AGAIN, PAWL_BUSY},
        {"TransactionConflictException", PAWL_DYNAMODB_AGAIN, PAWL_BUSY},
        {"TransactionInProgressException", PAWL_DYNAMODB_AGAIN, PAWL_BUSY},
        {"ReplicatedWriteConflictException", PAWL_DYNAMODB_AGAIN, PAWL_BUSY},
        {"LimitExceededException", PAWL_DYNAMODB_AGAIN, PAWL_BUSY},
        {"InternalServerError", PAWL_DYNAMODB_PERHAPS, PAWL_STORE},
        {"InternalFailure", PAWL_DYNAMODB_PERHAPS, PAWL_STORE},
        {"ServiceUnavailable", PAWL_DYNAMODB_PERHAPS, PAWL_STORE},
        {"ServiceUnavailableException", PAWL_DYNAMODB_PERHAPS, PAWL_STORE},
        {"RequestTimeout", PAWL_DYNAMODB_PERHAPS, PAWL_STORE},
        {"RequestTimeoutException", PAWL_DYNAMODB_PERHAPS, PAWL_STORE},
        {"ResourceNotFoundException", PAWL_DYNAMODB_NOT, PAWL_MISSING},
        {"ResourceInUseException", PAWL_DYNAMODB_NOT, PAWL_STORE},
        {"ItemCollectionSizeLimitExceededException", PAWL_DYNAMODB_NOT, PAWL_STORE},
        {"ValidationException", PAWL_DYNAMODB_NOT, PAWL_BAD_REQUEST},
        {"SerializationException", PAWL_DYNAMODB_NOT, PAWL_BAD_REQUEST},
        {"UnknownOperationException", PAWL_DYNAMODB_NOT, PAWL_BAD_REQUEST},
        {"AccessDeniedException", PAWL_DYNAMODB_NOT, PAWL_DENIED},
        {"UnrecognizedClientException", PAWL_DYNAMODB_NOT, PAWL_DENIED},
        {"InvalidClientTokenId", PAWL_DYNAMODB_NOT, PAWL_DENIED},
        {"InvalidSignatureException", PAWL_DYNAMODB_NOT, PAWL_DENIED},
        {"SignatureDoesNotMatch", PAWL_DYNAMODB_NOT, PAWL_DENIED},
        {"IncompleteSignatureException", PAWL_DYNAMODB_NOT, PAWL_DENIED},
        {"MissingAuthenticationTokenException", PAWL_DYNAMODB_NOT, PAWL_DENIED},
        {"MissingAuthenticationToken", PAWL_DYNAMODB_NOT, PAWL_DENIED},
        {"RequestExpired", PAWL_DYNAMODB_NOT, PAWL_DENIED},
        {"ExpiredTokenException", PAWL_DYNAMODB_EXPIRED, PAWL_DENIED},
        {"ExpiredToken", PAWL_DYNAMODB_EXPIRED, PAWL_DENIED},
        {"NobodyKnowsException", PAWL_DYNAMODB_PERHAPS, PAWL_STORE},
        {"", PAWL_DYNAMODB_PERHAPS, PAWL_STORE},
    };
    static const char *const prefixes[] = {"com.amazonaws.dynamodb.v20120810#", "x#", ""};
    char body[256];

    (void)state;
    for (size_t i = 0; i < PAWL_COUNT(cases) * PAWL_COUNT(prefixes); i++) {
        size_t at = i / PAWL_COUNT(prefixes);

        (void)snprintf(body, sizeof body, "{\"__type\":\"%s%s\",\"message\":\"\"}",
                       prefixes[i % PAWL_COUNT(prefixes)], cases[at].name);
        struct pawl_http_exchange exchange = answered(400, body);
        struct pawl_dynamodb_verdict verdict = judged(&exchange);

        if (verdict.ran != cases[at].ran || verdict.error.code != cases[at].code) {
            fail_msg("%s: ran %d, code %s", body, verdict.ran, pawl_err_name(verdict.error.code));
        }
        assert_string_equal(verdict.name, cases[at].name);
        /* From a server that fails nothing certain can be learned. */
        exchange.status = 500;
        assert_int_equal(judged(&exchange).ran, PAWL_DYNAMODB_PERHAPS);
    }
}

static void what_is_not_whole_is_unknown(void **state)
{
    static const struct {
        int status;
        const char *body;
    } cases[] = {{200, ""},
                 {200, "{\"Attributes\":{"},
                 {200, "null"},
                 {200, "[]"},
                 {200, "<html>"},
                 {403, "<html>proxy</html>"},
                 {301, "{}"},
                 {502, ""},
                 {503, "{}"},
                 {204, "{}"},
                 {400, "{\"__type\":5}"}};

    (void)state;
    for (size_t i = 0; i < PAWL_COUNT(cases); i++) {
        struct pawl_http_exchange exchange = answered(cases[i].status, cases[i].body);
        struct pawl_dynamodb_verdict verdict = judged(&exchange);

        assert_int_equal(verdict.ran, PAWL_DYNAMODB_PERHAPS);
        assert_int_equal(verdict.error.code, PAWL_STORE);
    }
}

static void the_checksum_is_looked_at(void **state)
{
    struct pawl_http_exchange exchange = answered(200, "{}");

    (void)state;
    exchange.has_crc32 = true;
    exchange.answer_crc32 = 2745614147U;
    assert_int_equal(judged(&exchange).ran, PAWL_DYNAMODB_RAN);
    exchange.answer_crc32++;
    assert_int_equal(judged(&exchange).ran, PAWL_DYNAMODB_PERHAPS);
    exchange.status = 400; /* nor is a refusal believed that is not whole */
    exchange.answer = PAWL_BYTES("{\"__type\":\"x#ThrottlingException\"}");
    assert_int_equal(judged(&exchange).ran, PAWL_DYNAMODB_PERHAPS);
}

static void the_wire_tells_what_may_have_run(void **state)
{
    struct pawl_http_exchange exchange = {.end = PAWL_HTTP_NOT_SENT, .error = "no route"};

    (void)state;
    assert_int_equal(judged(&exchange).ran, PAWL_DYNAMODB_NOT);
    assert_non_null(strstr(judged(&exchange).error.text, "no route"));
    exchange.end = PAWL_HTTP_CUT;
    assert_int_equal(judged(&exchange).ran, PAWL_DYNAMODB_PERHAPS);
}

static void a_wrong_clock_is_told_in_seconds(void **state)
{
    struct pawl_http_exchange exchange =
        answered(400, "{\"__type\":\"x#InvalidSignatureException\",\"message\":"
                      "\"x-amz-security-token:SECRET\"}");

    (void)state;
    exchange.answer_date_s = NOW_S - 3600;
    assert_non_null(strstr(judged(&exchange).error.text, "3600 s ahead of"));
    exchange.answer_date_s = NOW_S + 901;
    assert_non_null(strstr(judged(&exchange).error.text, "901 s behind"));
    exchange.answer_date_s = NOW_S + 2;
    assert_non_null(strstr(judged(&exchange).error.text, "check the credentials"));
    assert_null(strstr(judged(&exchange).error.text, "SECRET")); /* what was signed is not told */
}

/* Tables. */

#define KEY_IS_OURS                                                   \
    "\"KeySchema\":[{\"AttributeName\":\"k\",\"KeyType\":\"HASH\"}]," \
    "\"AttributeDefinitions\":[{\"AttributeName\":\"k\",\"AttributeType\":\"S\"}],"
#define ARN "\"TableArn\":\"arn:aws:dynamodb:eu-west-1:1:table/pawl\","

static void a_table_must_be_able_to_keep_the_promise(void **state)
{
    static const struct {
        const char *table;
        bool has_home;
        pawl_err code;
        const char *said;
    } cases[] = {
        {"{" KEY_IS_OURS ARN "\"TableStatus\":\"ACTIVE\"}", false, PAWL_OK, NULL},
        {"{" KEY_IS_OURS "\"TableStatus\":\"UPDATING\"}", false, PAWL_OK, NULL},
        {"{" KEY_IS_OURS "\"TableStatus\":\"CREATING\"}", false, PAWL_STORE, "CREATING"},
        {"{" KEY_IS_OURS "\"TableStatus\":\"DELETING\"}", false, PAWL_STORE, "DELETING"},
        {"{" KEY_IS_OURS ARN "\"TableStatus\":\"ACTIVE\",\"Replicas\":"
         "[{\"RegionName\":\"eu-west-1\"}]}",
         false, PAWL_OK, NULL},
        {"{" KEY_IS_OURS ARN "\"TableStatus\":\"ACTIVE\",\"Replicas\":"
         "[{\"RegionName\":\"us-east-1\"}]}",
         false, PAWL_DENIED, "eu-west-1, us-east-1"},
        {"{" KEY_IS_OURS ARN "\"TableStatus\":\"ACTIVE\",\"Replicas\":"
         "[{\"RegionName\":\"us-east-1\"}]}",
         true, PAWL_OK, NULL},
        {"{" KEY_IS_OURS ARN "\"TableStatus\":\"ACTIVE\",\"MultiRegionConsistency\":\"STRONG\","
         "\"Replicas\":[{\"RegionName\":\"us-east-1\"},{\"RegionName\":\"us-east-2\"}]}",
         false, PAWL_OK, NULL},
        {"{\"TableStatus\":\"ACTIVE\",\"KeySchema\":[{\"AttributeName\":\"id\","
         "\"KeyType\":\"HASH\"},{\"AttributeName\":\"at\",\"KeyType\":\"RANGE\"}],"
         "\"AttributeDefinitions\":[{\"AttributeName\":\"id\",\"AttributeType\":\"N\"},"
         "{\"AttributeName\":\"at\",\"AttributeType\":\"S\"}]}",
         false, PAWL_DENIED, "id (N) HASH, at (S) RANGE"},
        {"{\"TableStatus\":\"ACTIVE\",\"KeySchema\":[{\"AttributeName\":\"k\",\"KeyType\":"
         "\"HASH\"}],\"AttributeDefinitions\":[{\"AttributeName\":\"k\",\"AttributeType\":\"B\"}]}",
         false, PAWL_DENIED, "k (B) HASH"},
        {"{}", false, PAWL_DENIED, "key"},
        {"null", false, PAWL_STORE, "does not describe"},
    };

    (void)state;
    for (size_t i = 0; i < PAWL_COUNT(cases); i++) {
        struct pawl_dynamodb *store = calloc(1, sizeof *store);
        json_t *table = json_loads(cases[i].table, JSON_DECODE_ANY, NULL);
        pawl_error error = {.text = ""};

        assert_non_null(store);
        store->has_home = cases[i].has_home;
        pawl_err code = pawl_dynamodb_table_judge(store, table, &error);

        if (code != cases[i].code) fail_msg("case %zu: %s", i, error.text);
        if (cases[i].said != NULL) assert_non_null(strstr(error.text, cases[i].said));
        json_decref(table);
        free(store);
    }
}

/* URLs. */

static const char *environment(const char *name, void *arg)
{
    return strcmp(name, arg) == 0 ? "ap-south-1" : NULL;
}

static void urls_say_where(void **state)
{
    static const struct {
        const char *url, *env, *table, *region, *endpoint;
    } cases[] = {
        {"dynamodb://pawl?region=eu-central-1", "", "pawl", "eu-central-1",
         "https://dynamodb.eu-central-1.amazonaws.com/"},
        {"dynamodb://Team_1.pawl-x?region=cn-north-1", "", "Team_1.pawl-x", "cn-north-1",
         "https://dynamodb.cn-north-1.amazonaws.com.cn/"},
        {"dynamodb://pawl", "AWS_REGION", "pawl", "ap-south-1",
         "https://dynamodb.ap-south-1.amazonaws.com/"},
        {"dynamodb://pawl", "AWS_DEFAULT_REGION", "pawl", "ap-south-1",
         "https://dynamodb.ap-south-1.amazonaws.com/"},
        {"dynamodb://pawl?region=us-east-1&home_region=eu-west-1", "", "pawl", "eu-west-1",
         "https://dynamodb.eu-west-1.amazonaws.com/"},
        {"dynamodb://pawl?home_region=eu-west-1", "", "pawl", "eu-west-1",
         "https://dynamodb.eu-west-1.amazonaws.com/"},
        {"dynamodb://pawl?region=us-east-1&endpoint=http://127.0.0.1:8000", "", "pawl", "us-east-1",
         "http://127.0.0.1:8000/"},
        {"dynamodb://pawl?region=us-east-1&endpoint=https%3A%2F%2F[::1]:8000/&profile=shop", "",
         "pawl", "us-east-1", "https://[::1]:8000/"},
    };

    (void)state;
    for (size_t i = 0; i < PAWL_COUNT(cases); i++) {
        struct pawl_dynamodb *store = calloc(1, sizeof *store);
        pawl_error error = {.text = ""};
        char env[32];

        assert_non_null(store);
        (void)snprintf(env, sizeof env, "%s", cases[i].env);
        if (pawl_dynamodb_configure(store, cases[i].url, environment, env, &error) != PAWL_OK) {
            fail_msg("%s: %s", cases[i].url, error.text);
        }
        assert_string_equal(store->table, cases[i].table);
        assert_string_equal(store->region, cases[i].region);
        assert_string_equal(store->endpoint, cases[i].endpoint);
        free(store);
    }
}

static void urls_that_cannot_be_meant_name_the_part(void **state)
{
    static const struct {
        const char *url, *said;
    } cases[] = {
        {"dynamodb://pawl", "no region"},
        {"dynamodb://pawl?region=", "region"},
        {"dynamodb://pawl?region=EU", "region \"EU\""},
        {"dynamodb://pawl?region=eu-west-1&home_region=eu%20x", "home_region"},
        {"dynamodb://pawl?region=eu-west-1&describe=optional", "needs home_region="},
        {"dynamodb://pawl?home_region=eu-west-1&describe=no", "describe=optional"},
        {"dynamodb://pa?region=eu-west-1", "\"pa\""},
        {"dynamodb://pa%20wl?region=eu-west-1", "\"pa wl\""},
        {"dynamodb://?region=eu-west-1", "host"},
        {"dynamodb://a-table,another?region=eu-west-1", "another"},
        {"dynamodb://user:secret@pawl?region=eu-west-1", "user"},
        {"dynamodb://pawl:8000?region=eu-west-1", "port"},
        {"dynamodb://pawl/path?region=eu-west-1", "path"},
        {"dynamodb://pawl?region=eu-west-1&colour=red", "colour"},
        {"dynamodb://pawl?region=eu-west-1&region=eu-west-1", "region"},
        {"dynamodb://pawl?region=eu-west-1&endpoint=127.0.0.1:8000", "endpoint"},
        {"dynamodb://pawl?region=eu-west-1&endpoint=ftp://127.0.0.1:8000", "endpoint"},
        {"dynamodb://pawl?region=eu-west-1&endpoint=http://", "endpoint"},
        {"dynamodb://pawl?region=eu-west-1&endpoint=http://h/path", "endpoint"},
        {"dynamodb://pawl?region=eu-west-1&endpoint=http://u:p@h", "endpoint"},
    };

    (void)state;
    for (size_t i = 0; i < PAWL_COUNT(cases); i++) {
        struct pawl_dynamodb *store = calloc(1, sizeof *store);
        pawl_error error = {.text = ""};
        char env[] = "";

        assert_non_null(store);
        assert_int_equal(pawl_dynamodb_configure(store, cases[i].url, environment, env, &error),
                         PAWL_BAD_REQUEST);
        if (strstr(error.text, cases[i].said) == NULL) {
            fail_msg("%s: %s", cases[i].url, error.text);
        }
        assert_null(strstr(error.text, "secret"));
        free(store);
    }
}

static void a_key_with_zero_bytes_is_none(void **state)
{
    char key[8] = "";

    (void)state;
    assert_false(pawl_aws_copy(key, sizeof key, (struct pawl_bytes){"\0s", 2}));
    assert_false(pawl_aws_copy(key, sizeof key, (struct pawl_bytes){"s\0", 2}));
    assert_true(pawl_aws_copy(key, sizeof key, PAWL_BYTES("s")));
    assert_string_equal(key, "s");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_item_comes_back_as_the_record),
        cmocka_unit_test(an_advance_asks_all_in_one),
        cmocka_unit_test(steps_go_down_and_beyond_int64),
        cmocka_unit_test(a_write_sets_all_and_asks_for_the_tag),
        cmocka_unit_test(a_scan_goes_on_from_a_key),
        cmocka_unit_test(a_foreign_item_is_named),
        cmocka_unit_test(each_error_has_its_end_and_its_advice),
        cmocka_unit_test(what_is_not_whole_is_unknown),
        cmocka_unit_test(the_checksum_is_looked_at),
        cmocka_unit_test(the_wire_tells_what_may_have_run),
        cmocka_unit_test(a_wrong_clock_is_told_in_seconds),
        cmocka_unit_test(a_table_must_be_able_to_keep_the_promise),
        cmocka_unit_test(urls_say_where),
        cmocka_unit_test(urls_that_cannot_be_meant_name_the_part),
        cmocka_unit_test(a_key_with_zero_bytes_is_none),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* etcd's gateway as texts: URLs, keys, values, requests, and what each answer means. */
#include "store/etcd/words.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static struct pawl_bytes bytes_of(const char *text)
{
    return (struct pawl_bytes){text, strlen(text)};
}

static struct pawl_name name_of(const char *text)
{
    struct pawl_name name = {.size = 0};

    assert_int_equal(pawl_name_set(&name, bytes_of(text), NULL), PAWL_OK);
    return name;
}

static void settings_of(struct etcd_settings *settings, const char *url)
{
    pawl_error error = {.text = ""};

    if (pawl_etcd_settings_read(settings, url, &error) != PAWL_OK) fail_msg("%s", error.text);
}

static struct pawl_record some_record(void)
{
    return (struct pawl_record){
        .name = name_of("orders"),
        .epoch = 7,
        .line = 5,
        .lap = 1,
        .version = 12,
        .tag = INT64_MAX,
        .start = 5,
        .increment = -3,
        .min = INT64_MIN,
        .max = INT64_MAX,
        .next = INT64_MIN + 1,
        .origin = 5,
        .block = 500,
        .rate = 1234.5,
        .created_at = 1700000000,
        .changed_at = 1700000001,
        .written_at = 1700000002,
        .order = PAWL_ORDER_GLOBAL,
        .data_type = PAWL_TYPE_BIGINT,
        .cycle = true,
        .branch_size = 3,
        .branch = "b\"1",
        .moved_to = name_of("ord\\\xc3\xa9"),
    };
}

#define SOME_VALUE                                                                            \
    "{\"next\":-9223372036854775807,\"format\":1,\"epoch\":7,\"line\":5,\"lap\":1,"           \
    "\"version\":12,\"tag\":9223372036854775807,\"start\":5,\"increment\":-3,"                \
    "\"min\":-9223372036854775808,\"max\":9223372036854775807,\"origin\":5,\"block\":500,"    \
    "\"cycle\":1,\"ended\":0,\"dropped\":0,\"seq_order\":\"global\",\"data_type\":\"bigint\"" \
    ",\"rate\":1234.5,\"created_at\":1700000000,\"changed_at\":1700000001,"                   \
    "\"written_at\":1700000002,\"branch\":\"b\\\"1\",\"moved_to\":\"ord\\\\\xc3\xa9\","       \
    "\"name\":\"orders\"}"

/* URLs. */

static void reads_urls(void **state)
{
    static struct etcd_settings settings;

    (void)state;
    settings_of(&settings, "etcd://h");
    assert_false(settings.tls);
    assert_true(pawl_bytes_equal(settings.prefix, PAWL_BYTES("pawl")));
    assert_int_equal(settings.url.hosts[0].port, 2379);
    settings_of(&settings, "etcd://u:p@a:1,b:2,[::1]/x/y/");
    assert_int_equal(settings.url.host_count, 3);
    assert_true(pawl_bytes_equal(settings.prefix, PAWL_BYTES("x/y")));
    settings_of(&settings, "etcds://h/%2Fx?ca=/c&cert=/d&key=/e");
    assert_true(settings.tls && settings.verify);
    assert_string_equal(settings.ca_file, "/c");
    assert_string_equal(settings.cert_file, "/d");
    assert_string_equal(settings.key_file, "/e");
    assert_true(pawl_bytes_equal(settings.prefix, PAWL_BYTES("/x")));
    settings_of(&settings, "etcds://h?verify=no");
    assert_false(settings.verify);
}

static void names_the_part_of_a_url_that_is_wrong(void **state)
{
    static const struct {
        const char *url, *part;
    } rows[] = {
        {"etcd://", "host"},
        {"etcd://h:0", "port"},
        {"etcd://h:70000", "port"},
        {"etcd://h?ca=/x", "ca"},
        {"etcds://h?colour=red", "colour"},
        {"etcds://h?ca=", "ca"},
        {"etcds://h?cert=/x", "cert and key"},
        {"etcds://h?verify=maybe", "verify"},
        {"etcds://h?verify=no&ca=/x", "verify=no"},
        {"etcd://u@h/x", "password"},
        {"etcd://:secret@h/x", "user"},
        {"etcd://h/x//", "prefix"},
        {"etcd://h/%0a", "prefix"},
        {"etcd://h/%ff", "prefix"},
    };
    static struct etcd_settings settings;

    (void)state;
    for (size_t i = 0; i < PAWL_COUNT(rows); i++) {
        pawl_error error = {.text = ""};

        if (pawl_etcd_settings_read(&settings, rows[i].url, &error) != PAWL_BAD_REQUEST ||
            strstr(error.text, rows[i].part) == NULL || strstr(error.text, "secret") != NULL) {
            fail_msg("%s: \"%s\" does not name %s", rows[i].url, error.text, rows[i].part);
        }
    }
}

/* Keys. */

static void keys_lie_between_their_bounds(void **state)
{
    static struct etcd_settings settings;
    static const char *const names[] = {"!", "/", "a/b", "\xf4\x8f\xbf\xbf"};
    struct pawl_name none = {.size = 0};
    struct etcd_key first;
    struct etcd_key end;

    (void)state;
    settings_of(&settings, "etcd://h/pawl");
    pawl_etcd_key_after(&first, &settings, &none);
    pawl_etcd_key_end(&end, &settings);
    for (size_t i = 0; i < PAWL_COUNT(names); i++) {
        struct pawl_name name = name_of(names[i]);
        struct pawl_name back;
        struct etcd_key key;
        struct etcd_key after;

        pawl_etcd_key_of(&key, &settings, &name);
        struct pawl_bytes bytes = {key.at, key.size};

        pawl_etcd_key_after(&after, &settings, &name);
        assert_true(pawl_bytes_order(bytes, (struct pawl_bytes){first.at, first.size}) > 0);
        assert_true(pawl_bytes_order(bytes, (struct pawl_bytes){end.at, end.size}) < 0);
        assert_true(pawl_bytes_order(bytes, (struct pawl_bytes){after.at, after.size}) < 0);
        assert_int_equal(pawl_etcd_key_name(&back, &settings, bytes, NULL), PAWL_OK);
        assert_true(pawl_bytes_equal(pawl_name_bytes(&back), pawl_name_bytes(&name)));
    }
}

static void foreign_keys_are_named(void **state)
{
    static struct etcd_settings settings;
    struct pawl_name name;
    pawl_error error;

    (void)state;
    settings_of(&settings, "etcd://h/pawl");
    assert_int_equal(pawl_etcd_key_name(&name, &settings, PAWL_BYTES("pawl/"), &error),
                     PAWL_DENIED);
    assert_non_null(strstr(error.text, "\"pawl/\""));
    assert_int_equal(pawl_etcd_key_name(&name, &settings, PAWL_BYTES("pawl/a\nb"), &error),
                     PAWL_DENIED);
    assert_non_null(strstr(error.text, "8 bytes"));
    assert_int_equal(pawl_etcd_key_name(&name, &settings, PAWL_BYTES("other/a"), &error),
                     PAWL_DENIED);
}

/* Values. */

static void values_are_json_with_next_first(void **state)
{
    struct pawl_record record = some_record();
    struct pawl_record back = {.name = record.name};
    char value[PAWL_ETCD_VALUE_BYTES_MAX];
    char again[PAWL_ETCD_VALUE_BYTES_MAX];
    pawl_error error = {.text = ""};
    size_t size = pawl_etcd_value_write(&record, value);

    (void)state;
    assert_int_equal(size, strlen(SOME_VALUE));
    assert_memory_equal(value, SOME_VALUE, size);
    if (pawl_etcd_value_read(&back, (struct pawl_bytes){value, size}, &error) != PAWL_OK) {
        fail_msg("%s", error.text);
    }
    assert_int_equal(pawl_etcd_value_write(&back, again), size);
    assert_memory_equal(again, value, size);
    assert_true(back.next == record.next && back.tag == record.tag && back.rate == record.rate);
}

static void values_of_any_order_are_read(void **state)
{
    static const char text[] =
        " {\"lap\": 0, \"version\": 1, \"tag\": 9, \"start\": 1, \"increment\": 1, \"min\": 1,"
        "\"max\": 99, \"origin\": 1, \"block\": 0, \"cycle\": 0, \"ended\": 0, \"dropped\": 0,"
        "\"seq_order\": \"client\", \"data_type\": \"bigint\", \"rate\": 0, \"created_at\": 1,"
        "\"changed_at\": 1, \"written_at\": 1, \"branch\": \"\", \"moved_to\": \"\","
        "\"format\": 1, \"epoch\": 1, \"line\": 1, \"next\": \"42\", \"note\": [1]}\n";
    struct pawl_record record = {.name = name_of("orders")};
    pawl_error error = {.text = ""};

    (void)state;
    if (pawl_etcd_value_read(&record, PAWL_BYTES(text), &error) != PAWL_OK) {
        fail_msg("%s", error.text);
    }
    assert_int_equal(record.next, 42);
}

static void foreign_values_are_refused_by_name(void **state)
{
    static const struct {
        const char *value, *says;
    } rows[] = {
        {"", "no JSON"},
        {"1500", "no JSON"},
        {"hello", "no JSON"},
        {"[1]", "no JSON"},
        {"{\"next\":1,\"next\":2}", "no JSON"},
        {"{}", "has no format"},
        {"{\"next\":1}", "has no format"},
        {"{\"format\":true}", "has no format"},
        {"{\"format\":2,\"next\":1}", "newer"},
        {"{\"format\":1,\"next\":1.5}", "next is \"1.5\""},
        {"{\"format\":1,\"next\":\"x\"}", "next is \"x\""},
        {"{\"format\":1,\"next\":1}", "has no epoch"},
        {"{\"format\":1,\"next\":1,\"name\":\"order\"}", "overlaps"},
        {"{\"format\":1,\"next\":1,\"name\":\"orders\"}", "has no epoch"},
    };

    (void)state;
    for (size_t i = 0; i < PAWL_COUNT(rows); i++) {
        struct pawl_record record = {.name = name_of("orders")};
        pawl_error error = {.text = ""};

        if (pawl_etcd_value_read(&record, bytes_of(rows[i].value), &error) != PAWL_DENIED ||
            strstr(error.text, rows[i].says) == NULL || strstr(error.text, "\"orders\"") == NULL) {
            fail_msg("%s: \"%s\"", rows[i].value, error.text);
        }
    }
}

/* Requests. */

static void assert_json(const char *text)
{
    json_t *root = json_loads(text, 0, NULL);

    assert_non_null(root);
    json_decref(root);
}

static void requests_are_what_the_gateway_reads(void **state)
{
    static struct etcd_settings settings;
    static char body[PAWL_ETCD_REQUEST_BYTES_MAX + 1];
    struct pawl_bytes key = PAWL_BYTES("pawl/seq/orders");
    struct etcd_range range = {.key = key};
    struct etcd_condition none = {.revision = 0};
    struct etcd_condition known = {.revision = UINT64_C(1) << 62, .value = PAWL_BYTES("1000")};

    (void)state;
#define EXPECT_BODY(size, text)            \
    do {                                   \
        body[size] = '\0';                 \
        assert_string_equal(body, (text)); \
        assert_json(body);                 \
    } while (0)
    size_t size = pawl_etcd_range_write(body, &range);

    EXPECT_BODY(size, "{\"key\":\"cGF3bC9zZXEvb3JkZXJz\"}");
    range.end = PAWL_BYTES("pawl0");
    range.limit = 7;
    range.keys_only = true;
    size = pawl_etcd_range_write(body, &range);
    EXPECT_BODY(size, "{\"key\":\"cGF3bC9zZXEvb3JkZXJz\",\"range_end\":\"cGF3bDA=\",\"limit\":"
                      "\"7\",\"keys_only\":true}");
    size = pawl_etcd_put_write(body, key, &none, PAWL_BYTES("1500"));
    EXPECT_BODY(size, "{\"compare\":[{\"key\":\"cGF3bC9zZXEvb3JkZXJz\",\"target\":\"CREATE\","
                      "\"result\":\"EQUAL\",\"create_revision\":\"0\"}],\"success\":[{"
                      "\"request_put\":{\"key\":\"cGF3bC9zZXEvb3JkZXJz\",\"value\":\"MTUwMA==\""
                      "}}],\"failure\":[{\"request_range\":{\"key\":\"cGF3bC9zZXEvb3JkZXJz\"}}]}");
    size = pawl_etcd_put_write(body, key, &known, PAWL_BYTES("1500"));
    EXPECT_BODY(size, "{\"compare\":[{\"key\":\"cGF3bC9zZXEvb3JkZXJz\",\"target\":\"MOD\","
                      "\"result\":\"EQUAL\",\"mod_revision\":\"4611686018427387904\"},{\"key\":"
                      "\"cGF3bC9zZXEvb3JkZXJz\",\"target\":\"VALUE\",\"result\":\"EQUAL\","
                      "\"value\":\"MTAwMA==\"}],\"success\":[{\"request_put\":{\"key\":"
                      "\"cGF3bC9zZXEvb3JkZXJz\",\"value\":\"MTUwMA==\"}}],\"failure\":[{"
                      "\"request_range\":{\"key\":\"cGF3bC9zZXEvb3JkZXJz\"}}]}");
    known.meta_key = PAWL_BYTES("pawl/");
    known.meta_value = PAWL_BYTES("tag");
    size = pawl_etcd_put_write(body, key, &known, PAWL_BYTES("1500"));
    EXPECT_BODY(size, "{\"compare\":[{\"key\":\"cGF3bC9zZXEvb3JkZXJz\",\"target\":\"MOD\","
                      "\"result\":\"EQUAL\",\"mod_revision\":\"4611686018427387904\"},{\"key\":"
                      "\"cGF3bC9zZXEvb3JkZXJz\",\"target\":\"VALUE\",\"result\":\"EQUAL\","
                      "\"value\":\"MTAwMA==\"},{\"key\":\"cGF3bC8=\",\"target\":\"VALUE\","
                      "\"result\":\"EQUAL\",\"value\":\"dGFn\"}],\"success\":[{\"request_put\":{"
                      "\"key\":\"cGF3bC9zZXEvb3JkZXJz\",\"value\":\"MTUwMA==\"}}],\"failure\":[{"
                      "\"request_range\":{\"key\":\"cGF3bC9zZXEvb3JkZXJz\"}},{\"request_range\":"
                      "{\"key\":\"cGF3bC8=\"}}]}");
    settings_of(&settings, "etcd://a%22b:p%5cw@h");
    size = pawl_etcd_login_write(body, &settings);
    EXPECT_BODY(size, "{\"name\":\"a\\\"b\",\"password\":\"p\\\\w\"}");
    settings_of(&settings, "etcd://a:%ff@h");
    assert_int_equal(pawl_etcd_login_write(body, &settings), 0);
}

static void the_longest_request_fits(void **state)
{
    static char text[PAWL_ETCD_VALUE_BYTES_MAX];
    static char body[PAWL_ETCD_REQUEST_BYTES_MAX];
    struct pawl_bytes key = {text, PAWL_ETCD_KEY_BYTES_MAX};
    struct pawl_bytes value = {text, sizeof text};
    struct etcd_condition known = {.revision = UINT64_MAX,
                                   .value = value,
                                   .meta_key = key,
                                   .meta_value = {text, PAWL_ETCD_META_BYTES_MAX}};

    (void)state;
    memset(text, 'x', sizeof text);
    assert_true(pawl_etcd_put_write(body, key, &known, value) < sizeof body);
}

/* Answers. */

static void answers_are_read(void **state)
{
    static const char text[] =
        "{\"header\":{\"cluster_id\":\"14841639068965178418\",\"revision\":\"3\"},\"responses\":[{"
        "\"response_range\":{\"kvs\":[{\"key\":\"cGF3bC9h\",\"mod_revision\":\"3\",\"value\":"
        "\"MTUwMA==\"}],\"count\":\"1\"}}]}";
    struct etcd_answer answer;
    static struct etcd_pair pair;

    (void)state;
    pawl_etcd_answer_read(&answer, PAWL_BYTES(text));
    assert_true(answer.has_header);
    assert_true(answer.cluster_id == UINT64_C(14841639068965178418));
    assert_int_equal(answer.revision, 3);
    assert_false(pawl_etcd_true(answer.root, "succeeded"));
    const json_t *kvs = json_object_get(pawl_etcd_refusal(&answer, 0), "kvs");

    assert_int_equal(pawl_etcd_pair_read(&pair, json_array_get(kvs, 0), NULL), PAWL_OK);
    assert_int_equal(pair.key.size, 6);
    assert_memory_equal(pair.key.at, "pawl/a", 6);
    assert_int_equal(pair.value_size, 4);
    assert_memory_equal(pair.value, "1500", 4);
    assert_int_equal(pair.revision, 3);
    assert_false(pair.leased);
    pawl_etcd_answer_free(&answer);
}

static void answers_that_are_none_have_no_header(void **state)
{
    static const char *const texts[] = {
        "", "x", "[]", "{", "{}", "{\"header\":3}", "{\"header\":{\"cluster_id\":\"x\"}}"};

    (void)state;
    for (size_t i = 0; i < PAWL_COUNT(texts); i++) {
        struct etcd_answer answer;

        pawl_etcd_answer_read(&answer, bytes_of(texts[i]));
        assert_false(answer.has_header);
        assert_null(pawl_etcd_refusal(&answer, 0));
        pawl_etcd_answer_free(&answer);
    }
}

static void the_branch_is_written_and_read(void **state)
{
    static const char *const foreign[] = {
        "", "{}", "{\"format\":2,\"branch\":\"1-000000000000000a\",\"cluster\":\"7\"}",
        "{\"format\":1,\"branch\":\"1-a\",\"cluster\":\"7\"}",
        "{\"format\":1,\"branch\":\"1-000000000000000a\",\"cluster\":\"x\"}"};
    const struct pawl_tag tag = {.number = UINT64_MAX, .luck = UINT64_MAX};
    char value[PAWL_ETCD_META_BYTES_MAX];
    size_t size = pawl_etcd_meta_write(&tag, UINT64_MAX, value);
    struct pawl_tag read;
    uint64_t cluster_id = 0;

    (void)state;
    assert_true(pawl_etcd_meta_read(&read, &cluster_id, (struct pawl_bytes){value, size}));
    assert_true(pawl_tag_equal(&read, &tag));
    assert_true(cluster_id == UINT64_MAX);
    for (size_t i = 0; i < PAWL_COUNT(foreign); i++) {
        assert_false(pawl_etcd_meta_read(&read, &cluster_id, bytes_of(foreign[i])));
        assert_int_equal(pawl_etcd_meta_format(bytes_of(foreign[i]), NULL),
                         i == 2 ? PAWL_DENIED : PAWL_OK);
    }
}

static void what_is_another_stores_is_told(void **state)
{
    static const struct {
        const char *name, *value;
        bool overlaps;
    } rows[] = {
        {"eu/orders", "{\"format\":1,\"name\":\"orders\"}", true},
        {"eu/", "{\"format\":1,\"branch\":\"1-000000000000000a\",\"cluster\":\"7\"}", true},
        {"eu/", "{\"format\":2,\"branch\":\"x\",\"cluster\":\"7\"}", true},
        {"eu", "{\"format\":1,\"branch\":\"1-000000000000000a\",\"cluster\":\"7\"}", false},
        {"orders", "{\"format\":1,\"name\":\"orders\"}", false},
        {"orders", "{\"colour\":\"red\"}", false},
        {"orders", "no JSON", false},
    };

    (void)state;
    for (size_t i = 0; i < PAWL_COUNT(rows); i++) {
        struct pawl_name name;

        assert_int_equal(pawl_name_set(&name, bytes_of(rows[i].name), NULL), PAWL_OK);
        assert_int_equal(pawl_etcd_value_overlaps(&name, bytes_of(rows[i].value)),
                         rows[i].overlaps);
    }
}

static void pairs_that_cannot_be_ours_are_refused(void **state)
{
    static const char *const texts[] = {
        "{}",
        "{\"key\":\"cGF3bC9h\"}",
        "{\"key\":\"cGF3bC9h\",\"mod_revision\":\"-3\"}",
        "{\"key\":\"cGF3b\",\"mod_revision\":\"3\"}",
        "{\"key\":\"????\",\"mod_revision\":\"3\"}",
        "{\"key\":7,\"mod_revision\":\"3\"}",
    };
    static char big[8 * PAWL_ETCD_VALUE_BYTES_MAX];
    static struct etcd_pair pair;
    pawl_error error;

    (void)state;
    for (size_t i = 0; i < PAWL_COUNT(texts); i++) {
        json_t *kv = json_loads(texts[i], 0, NULL);
        bool a_key = strstr(texts[i], "cGF3bC9h") != NULL; /* and what etcd cannot mean by it */

        assert_int_equal(pawl_etcd_pair_read(&pair, kv, &error), a_key ? PAWL_STORE : PAWL_DENIED);
        json_decref(kv);
    }
    memset(big, 'A', sizeof big - 4);
    json_t *kv = json_pack("{s:s,s:s,s:s}", "key", "cGF3bC9h", "value", big, "mod_revision", "3");

    assert_int_equal(pawl_etcd_pair_read(&pair, kv, &error), PAWL_DENIED);
    assert_non_null(strstr(error.text, "\"pawl/a\""));
    assert_int_equal(json_object_set_new(kv, "key", json_string(big)), 0);
    assert_int_equal(pawl_etcd_pair_read(&pair, kv, &error), PAWL_DENIED);
    json_decref(kv);
}

/* Every error of etcd's that pawl can meet. */

struct error_row {
    int status;
    unsigned code;
    const char *message;
    bool may_have_run;
    pawl_err err;
    enum etcd_way way;
};

#define SAID(text) "etcdserver: " text

static const struct error_row error_rows[] = {
    {400, 3, SAID("key is not provided"), false, PAWL_BAD_REQUEST, PAWL_ETCD_ENDS},
    {400, 3, "illegal base64 data at input byte 0", false, PAWL_BAD_REQUEST, PAWL_ETCD_ENDS},
    {400, 3, SAID("too many operations in txn request"), false, PAWL_BAD_REQUEST, PAWL_ETCD_ENDS},
    {400, 3, SAID("duplicate key given in txn request"), false, PAWL_BAD_REQUEST, PAWL_ETCD_ENDS},
    {400, 3, SAID("request is too large"), false, PAWL_DENIED, PAWL_ETCD_ENDS},
    {400, 3, SAID("user name is empty"), false, PAWL_DENIED, PAWL_ETCD_LOGIN},
    {400, 3, SAID("revision of auth store is old"), false, PAWL_DENIED, PAWL_ETCD_LOGIN},
    {500, 2, "auth: revision in header is old", false, PAWL_DENIED, PAWL_ETCD_LOGIN},
    {401, 16, SAID("invalid auth token"), false, PAWL_DENIED, PAWL_ETCD_LOGIN},
    {401, 16, "something else", false, PAWL_DENIED, PAWL_ETCD_LOGIN},
    {400, 3, SAID("authentication failed, invalid user ID or password"), false, PAWL_DENIED,
     PAWL_ETCD_ENDS},
    {412, 9, SAID("authentication is not enabled"), false, PAWL_BAD_REQUEST, PAWL_ETCD_ENDS},
    {403, 7, SAID("permission denied"), false, PAWL_DENIED, PAWL_ETCD_ENDS},
    {400, 11, SAID("mvcc: required revision has been compacted"), false, PAWL_STORE,
     PAWL_ETCD_ENDS},
    {400, 11, SAID("mvcc: required revision is a future revision"), false, PAWL_STORE,
     PAWL_ETCD_ENDS},
    {404, 5, SAID("requested lease not found"), false, PAWL_BAD_REQUEST, PAWL_ETCD_ENDS},
    {429, 8, SAID("mvcc: database space exceeded"), true, PAWL_STORE, PAWL_ETCD_FULL},
    {429, 8, SAID("too many requests"), false, PAWL_BUSY, PAWL_ETCD_ENDS},
    {429, 8, "grpc: received message larger than max", true, PAWL_STORE, PAWL_ETCD_ELSEWHERE},
    {503, 14, SAID("rpc not supported for learner"), false, PAWL_STORE, PAWL_ETCD_ELSEWHERE},
    {503, 14, SAID("not capable"), false, PAWL_STORE, PAWL_ETCD_ELSEWHERE},
    {500, 15, SAID("corrupt cluster"), false, PAWL_STORE, PAWL_ETCD_ENDS},
    {503, 14, SAID("request timed out"), true, PAWL_STORE, PAWL_ETCD_ELSEWHERE},
    {503, 14, SAID("request timed out, possibly due to previous leader failure"), true, PAWL_STORE,
     PAWL_ETCD_ELSEWHERE},
    {503, 14, SAID("no leader"), true, PAWL_STORE, PAWL_ETCD_ELSEWHERE},
    {503, 14, SAID("leader changed"), true, PAWL_STORE, PAWL_ETCD_ELSEWHERE},
    {503, 14, SAID("server stopped"), true, PAWL_STORE, PAWL_ETCD_ELSEWHERE},
    {503, 14, "transport is closing", true, PAWL_STORE, PAWL_ETCD_ELSEWHERE},
    {500, 2, "context deadline exceeded", true, PAWL_STORE, PAWL_ETCD_ELSEWHERE},
    {504, 4, "context deadline exceeded", true, PAWL_STORE, PAWL_ETCD_ELSEWHERE},
    {500, 13, "internal", true, PAWL_STORE, PAWL_ETCD_ELSEWHERE},
    {501, 12, "unknown service etcdserverpb.KV", false, PAWL_DENIED, PAWL_ETCD_ENDS},
    {404, 0, NULL, false, PAWL_DENIED, PAWL_ETCD_ENDS},
    {400, 0, NULL, false, PAWL_DENIED, PAWL_ETCD_ENDS},
    {401, 0, NULL, false, PAWL_DENIED, PAWL_ETCD_ENDS},
    {403, 0, NULL, false, PAWL_DENIED, PAWL_ETCD_ENDS},
    {413, 0, NULL, false, PAWL_DENIED, PAWL_ETCD_ENDS},
    {429, 0, NULL, false, PAWL_BUSY, PAWL_ETCD_ENDS},
    {500, 0, NULL, true, PAWL_STORE, PAWL_ETCD_ELSEWHERE},
    {502, 0, NULL, true, PAWL_STORE, PAWL_ETCD_ELSEWHERE},
    {503, 0, NULL, true, PAWL_STORE, PAWL_ETCD_ELSEWHERE},
    {302, 0, NULL, true, PAWL_STORE, PAWL_ETCD_ELSEWHERE},
};

static void errors_mean_what_the_table_says(void **state)
{
    (void)state;
    for (size_t i = 0; i < PAWL_COUNT(error_rows); i++) {
        const struct error_row *row = &error_rows[i];
        struct etcd_verdict verdict;
        struct etcd_answer answer;
        char body[300] = "Not Found";

        if (row->message != NULL) {
            (void)snprintf(body, sizeof body, "{\"error\":\"%s\",\"message\":\"%s\",\"code\":%u}",
                           row->message, row->message, row->code);
        }
        pawl_etcd_answer_read(&answer, bytes_of(body));
        pawl_etcd_judge(&verdict, row->status, &answer);
        pawl_etcd_answer_free(&answer);
        if (verdict.may_have_run != row->may_have_run || verdict.code != row->err ||
            verdict.way != row->way || strncmp(verdict.says, "etcdserver: ", 12) == 0) {
            fail_msg("%d %s: ran %d, %s, way %d, \"%s\"", row->status, body, verdict.may_have_run,
                     pawl_err_name(verdict.code), (int)verdict.way, verdict.says);
        }
    }
}

static void a_store_is_named_by_its_prefix_too(void **state)
{
#define P30 "abcdefghijklmnopqrstuvwxyz0123"
    static const struct {
        const char *prefix, *name; /* hashed names: how they begin */
        size_t size;
    } rows[] = {
        {"pawl", "7/pawl", 6},
        {"x/y", "7/x/y", 5},
        {P30 P30 "4", "7/" P30 P30 "4", 63},
        {P30 P30 "45", "7#", 2 + 16},
        {P30 P30 "46", "7#", 2 + 16},
    };
    char names[PAWL_COUNT(rows)][PAWL_STORE_NAME_BYTES_MAX];

    (void)state;
    for (size_t i = 0; i < PAWL_COUNT(rows); i++) {
        size_t size = pawl_etcd_store_name(
            names[i], 7, (struct pawl_bytes){rows[i].prefix, strlen(rows[i].prefix)});

        assert_int_equal(size, rows[i].size);
        assert_memory_equal(names[i], rows[i].name, strlen(rows[i].name));
    }
    assert_memory_not_equal(names[3], names[4], rows[3].size);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_store_is_named_by_its_prefix_too),
        cmocka_unit_test(reads_urls),
        cmocka_unit_test(names_the_part_of_a_url_that_is_wrong),
        cmocka_unit_test(keys_lie_between_their_bounds),
        cmocka_unit_test(foreign_keys_are_named),
        cmocka_unit_test(values_are_json_with_next_first),
        cmocka_unit_test(values_of_any_order_are_read),
        cmocka_unit_test(foreign_values_are_refused_by_name),
        cmocka_unit_test(requests_are_what_the_gateway_reads),
        cmocka_unit_test(the_longest_request_fits),
        cmocka_unit_test(answers_are_read),
        cmocka_unit_test(answers_that_are_none_have_no_header),
        cmocka_unit_test(the_branch_is_written_and_read),
        cmocka_unit_test(what_is_another_stores_is_told),
        cmocka_unit_test(pairs_that_cannot_be_ours_are_refused),
        cmocka_unit_test(errors_mean_what_the_table_says),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* The Couchbase driver without a cluster: URLs, maps, routing, statuses, histories, log-ins. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "store/couchbase/map.h"
#include "store/couchbase/past.h"
#include "store/couchbase/sasl.h"
#include "store/couchbase/status.h"
#include "store/couchbase/tokens.h"

static struct pawl_bytes text_bytes(const char *text)
{
    return (struct pawl_bytes){text, strlen(text)};
}

static struct pawl_kv_settings settings_of(const char *url)
{
    struct pawl_kv_settings settings;
    pawl_error error = {0};

    if (pawl_kv_settings_read(&settings, url, &error) != PAWL_OK) fail_msg("%s", error.text);
    return settings;
}

static void reads_urls(void **state)
{
    struct pawl_kv_settings settings =
        settings_of("couchbase://shop:p%40ss@a,b:1234/ids/app.seq?durability=persistToMajority");

    (void)state;
    assert_string_equal(settings.bucket, "ids");
    assert_string_equal(settings.collection, "app.seq");
    assert_string_equal(settings.url.password, "p@ss");
    assert_int_equal(settings.url.hosts[0].port, PAWL_KV_PORT);
    assert_int_equal(settings.url.hosts[1].port, 1234);
    assert_int_equal(settings.durability, PAWL_MCBP_PERSIST_TO_MAJORITY);
    assert_false(settings.tls || settings.plain);

    settings = settings_of("couchbases://a/ids/_default._default?verify=no");
    assert_true(settings.tls);
    assert_string_equal(settings.collection, "");
    assert_int_equal(settings.url.hosts[0].port, PAWL_KV_TLS_PORT);
    assert_int_equal(settings.durability, PAWL_MCBP_MAJORITY);

    settings = settings_of("couchbase://a/ids?counter=plain&start=2000000000&block=500");
    assert_true(settings.plain);
    assert_true(settings.counter.start == 2000000000 && settings.counter.block == 500);
    assert_true(settings.counter.min == 0 && settings.counter.max == INT64_MAX);
}

static void refuses_urls_by_name(void **state)
{
    static const struct {
        const char *url, *named;
    } cases[] = {
        {"couchbase://a", "bucket"},
        {"couchbase://a/", "bucket"},
        {"couchbase://a/b/c", "collection \"c\""},
        {"couchbase://a/b/c.", "collection \"c.\""},
        {"couchbase://a/b/.c", "collection \".c\""},
        {"couchbase://a/b/c.d.e", "collection \"c.d.e\""},
        {"couchbase://a/b/c.d/e", "collection \"c.d/e\""},
        {"couchbase://a/b?durability=half", "durability"},
        {"couchbase://a/b?counter=fast", "counter"},
        {"couchbase://a/b?start=1", "start"},
        {"couchbase://a/b?counter=plain&increment=2", "increment"},
        {"couchbase://a/b?counter=plain&start=-1", "start"},
        {"couchbase://a/b?counter=plain&start=7&max=6", "start"},
        {"couchbase://a/b?prefix=", "prefix"},
        {"couchbase://a/b?counter=plain&prefix=zz", "prefix means nothing"},
        {"couchbase://a/b?prefix=x%23y", "prefix"},
        {"couchbase://a/b?ca=/etc/ca.pem", "ca"},
        {"couchbase://a/b?nothing=1", "nothing"},
    };

    (void)state;
    for (size_t i = 0; i < PAWL_COUNT(cases); i++) {
        struct pawl_kv_settings settings;
        pawl_error error = {0};

        if (pawl_kv_settings_read(&settings, cases[i].url, &error) != PAWL_BAD_REQUEST ||
            strstr(error.text, cases[i].named) == NULL) {
            fail_msg("%s: \"%s\" does not name %s", cases[i].url, error.text, cases[i].named);
        }
    }
}

static void routes_as_every_client_does(void **state)
{
    static const struct {
        const char *key;
        uint16_t of_1024, of_128, of_64;
    } cases[] = {{"orders", 303, 47, 47}, {"ShipmentDao_SEQ", 722, 82, 18}, {"Hello", 977, 81, 17}};

    (void)state;
    for (size_t i = 0; i < PAWL_COUNT(cases); i++) {
        struct pawl_kv_map map = {.vbucket_count = 1024};
        struct pawl_bytes key = text_bytes(cases[i].key);

        assert_int_equal(pawl_kv_map_vbucket(&map, key), cases[i].of_1024);
        map.vbucket_count = 128;
        assert_int_equal(pawl_kv_map_vbucket(&map, key), cases[i].of_128);
        map.vbucket_count = 64;
        assert_int_equal(pawl_kv_map_vbucket(&map, key), cases[i].of_64);
    }
}

#define MAP                                                                                 \
    "{\"rev\":2,\"revEpoch\":1,\"uuid\":\"u1\",\"nodeLocator\":\"vbucket\","                \
    "\"vBucketServerMap\":{\"hashAlgorithm\":\"CRC\",\"numReplicas\":1,"                    \
    "\"serverList\":[\"10.0.0.1:11210\",\"$HOST:11211\",\"[fe80::1]:11212\"],"              \
    "\"vBucketMap\":[[0,1],[1,0],[2,-1],[-1,0]]},"                                          \
    "\"nodesExt\":[{\"hostname\":\"10.0.0.1\",\"services\":{\"kv\":11210,\"kvSSL\":11207}," \
    "\"alternateAddresses\":{\"external\":{\"hostname\":\"a.example.com\","                 \
    "\"ports\":{\"kv\":31210,\"kvSSL\":31207}}}},"                                          \
    "{\"services\":{\"kv\":11211,\"kvSSL\":11208},"                                         \
    "\"alternateAddresses\":{\"external\":{\"hostname\":\"b.example.com\"}}},"              \
    "{\"hostname\":\"fe80::1\",\"services\":{\"kv\":11212}}],"                              \
    "\"bucketCapabilities\":[\"collections\",\"durableWrite\"]}"

static struct pawl_kv_map map_of(const char *json, const char *host, const char *url)
{
    struct pawl_kv_settings settings = settings_of(url);
    struct pawl_kv_map map;
    pawl_error error = {0};

    if (pawl_kv_map_read(&map, text_bytes(json), host, &settings, &error) != PAWL_OK) {
        fail_msg("%s", error.text);
    }
    return map;
}

static void assert_node(const struct pawl_kv_map *map, size_t i, const char *host, unsigned port)
{
    assert_string_equal(map->nodes[i].host, host);
    assert_int_equal(map->nodes[i].port, port);
}

static void reads_maps(void **state)
{
    struct pawl_kv_map map = map_of(MAP, "10.0.0.9", "couchbase://10.0.0.9/b");

    (void)state;
    assert_int_equal(map.vbucket_count, 4);
    assert_int_equal(map.node_count, 3);
    assert_node(&map, 0, "10.0.0.1", 11210);
    assert_node(&map, 1, "10.0.0.9", 11211);
    assert_node(&map, 2, "fe80::1", 11212);
    assert_int_equal(map.active[1], 1);
    assert_int_equal(map.active[3], -1);
    assert_true(map.durable_write && map.collections && map.replica_count == 1);
    assert_string_equal(map.uuid, "u1");
    pawl_kv_map_clear(&map);

    map = map_of(MAP, "10.0.0.9", "couchbases://10.0.0.9/b");
    assert_node(&map, 0, "10.0.0.1", 11207);
    assert_node(&map, 1, "10.0.0.9", 11208);
    assert_string_equal(map.nodes[2].host, ""); /* it has no port for TLS */
    pawl_kv_map_clear(&map);
}

static void takes_the_network_that_it_came_from(void **state)
{
    struct pawl_kv_map map = map_of(MAP, "a.example.com", "couchbase://a.example.com/b");

    (void)state;
    assert_node(&map, 0, "a.example.com", 31210);
    assert_node(&map, 1, "b.example.com", 11211); /* no ports of its own */
    pawl_kv_map_clear(&map);

    map = map_of(MAP, "a.example.com", "couchbase://a.example.com/b?network=default");
    assert_node(&map, 0, "10.0.0.1", 11210);
    pawl_kv_map_clear(&map);

    map = map_of(MAP, "10.0.0.1", "couchbase://10.0.0.1/b?network=external");
    assert_node(&map, 0, "a.example.com", 31210);
    pawl_kv_map_clear(&map);
}

static void refuses_what_is_no_map(void **state)
{
    static const struct {
        const char *json;
        pawl_err err;
    } cases[] = {
        {"", PAWL_STORE},
        {"[]", PAWL_STORE},
        {"{}", PAWL_STORE},
        {"{\"vBucketServerMap\":{\"serverList\":[],\"vBucketMap\":[]}}", PAWL_STORE},
        {"{\"vBucketServerMap\":{\"serverList\":[\"a\"],\"vBucketMap\":[[0]]}}", PAWL_STORE},
        {"{\"vBucketServerMap\":{\"serverList\":[\"a:1\"],\"vBucketMap\":[[1]]}}", PAWL_STORE},
        {"{\"vBucketServerMap\":{\"serverList\":[\"a:1\"],\"vBucketMap\":[[\"0\"]]}}", PAWL_STORE},
        {"{\"vBucketServerMap\":{\"serverList\":[\"a:1\"],\"vBucketMap\":[]}}", PAWL_STORE},
        {"{\"nodeLocator\":\"ketama\"}", PAWL_DENIED},
    };
    const struct pawl_kv_settings settings = settings_of("couchbase://a/b");

    (void)state;
    for (size_t i = 0; i < PAWL_COUNT(cases); i++) {
        struct pawl_kv_map map;
        pawl_error error = {0};

        if (pawl_kv_map_read(&map, text_bytes(cases[i].json), "a", &settings, &error) !=
            cases[i].err) {
            fail_msg("%s", cases[i].json);
        }
        assert_null(map.nodes);
        assert_null(map.active);
    }
}

static void orders_maps(void **state)
{
    const struct pawl_kv_map first = {.epoch = 1, .rev = 9};
    const struct pawl_kv_map second = {.epoch = 1, .rev = 10};
    const struct pawl_kv_map third = {.epoch = 2, .rev = 1};

    (void)state;
    assert_true(pawl_kv_map_newer(&second, &first) && pawl_kv_map_newer(&third, &second));
    assert_false(pawl_kv_map_newer(&first, &second) || pawl_kv_map_newer(&first, &first));
}

/* What may be sent again, because it was certainly not carried out; what nobody knows. */
static void judges_each_status(void **state)
{
    static const uint16_t again[] = {0x09, 0x0c, 0x30, 0x31, 0x33, 0x51,
                                     0x82, 0x85, 0x86, 0xa2, 0xa4};
    static const uint16_t failed[] = {0x03, 0x04, 0x20, 0x24, 0x32, 0x34, 0x35,
                                      0x36, 0x37, 0x38, 0x50, 0x80, 0xa0, 0xa1};
    static const uint16_t answers[] = {0x00, 0x01, 0x02, 0x05, 0x06, 0x81, 0x83,
                                       0xc0, 0xc1, 0xc5, 0xc7, 0xc8, 0xcc};

    (void)state;
    for (size_t i = 0; i < PAWL_COUNT(again); i++) {
        assert_int_equal(pawl_kv_verdict(again[i], NULL), PAWL_KV_AGAIN);
    }
    for (size_t i = 0; i < PAWL_COUNT(failed); i++) {
        assert_int_equal(pawl_kv_verdict(failed[i], NULL), PAWL_KV_FAIL);
    }
    for (size_t i = 0; i < PAWL_COUNT(answers); i++) {
        assert_int_equal(pawl_kv_verdict(answers[i], NULL), PAWL_KV_ANSWER);
    }
    assert_int_equal(pawl_kv_verdict(0x07, NULL), PAWL_KV_ELSEWHERE);
    assert_int_equal(pawl_kv_verdict(0x0d, NULL), PAWL_KV_ELSEWHERE);
    assert_int_equal(pawl_kv_verdict(0x08, NULL), PAWL_KV_RECONNECT);
    assert_int_equal(pawl_kv_verdict(0x1f, NULL), PAWL_KV_RECONNECT);
    assert_int_equal(pawl_kv_verdict(0x25, NULL), PAWL_KV_RECONNECT);
    assert_int_equal(pawl_kv_verdict(0x88, NULL), PAWL_KV_COLLECTION);
    assert_int_equal(pawl_kv_verdict(0x8c, NULL), PAWL_KV_COLLECTION);
    assert_int_equal(pawl_kv_verdict(0xa3, NULL), PAWL_KV_DOUBT);
    assert_int_equal(pawl_kv_verdict(0x84, NULL), PAWL_KV_BREAK);
    assert_int_equal(pawl_kv_status_find(0xa1)->code, PAWL_STORE);
    assert_int_equal(pawl_kv_status_find(0x24)->code, PAWL_DENIED);
    assert_int_equal(pawl_kv_status_find(0x20)->code, PAWL_DENIED);
    assert_int_equal(pawl_kv_status_find(0x80)->code, PAWL_DENIED);
    assert_int_equal(pawl_kv_status_find(0x88)->code, PAWL_DENIED);
    assert_int_equal(pawl_kv_status_find(0xa0)->code, PAWL_DENIED);
    assert_int_equal(pawl_kv_status_find(0x86)->code, PAWL_BUSY);
}

static void knows_each_status_by_name(void **state)
{
    (void)state;
#define ASSERT_ROW(name, number)                  \
    assert_non_null(pawl_kv_status_find(number)); \
    assert_true(strlen(pawl_kv_status_find(number)->text) > 0);
    PAWL_MCBP_STATUS_MAP(ASSERT_ROW)
#undef ASSERT_ROW
}

static void asks_the_error_map_for_the_rest(void **state)
{
    struct pawl_kv_error_map *map = pawl_kv_error_map_read(
        PAWL_BYTES("{\"version\":2,\"revision\":4,\"errors\":{"
                   "\"7001\":{\"name\":\"A\",\"attrs\":[\"retry-later\"]},"
                   "\"7002\":{\"name\":\"B\",\"attrs\":[\"fetch-config\"]},"
                   "\"7003\":{\"name\":\"C\",\"attrs\":[\"conn-state-invalidated\"]},"
                   "\"7004\":{\"name\":\"D\",\"attrs\":[\"item-only\"]},"
                   "\"a3\":{\"name\":\"E\",\"attrs\":[\"retry-now\"]}}}"));

    (void)state;
    assert_non_null(map);
    assert_int_equal(pawl_kv_error_map_revision(map), 4);
    assert_int_equal(pawl_kv_verdict(0x7001, map), PAWL_KV_AGAIN);
    assert_int_equal(pawl_kv_verdict(0x7002, map), PAWL_KV_ELSEWHERE);
    assert_int_equal(pawl_kv_verdict(0x7003, map), PAWL_KV_BREAK);
    assert_int_equal(pawl_kv_verdict(0x7004, map), PAWL_KV_DOUBT);
    assert_int_equal(pawl_kv_verdict(0x7005, map), PAWL_KV_DOUBT);
    assert_int_equal(pawl_kv_verdict(0x7001, NULL), PAWL_KV_DOUBT);
    assert_int_equal(pawl_kv_verdict(0xa3, map), PAWL_KV_DOUBT); /* our own table goes first */
    pawl_kv_error_map_free(map);
    assert_null(pawl_kv_error_map_read(PAWL_BYTES("{}")));
    assert_null(pawl_kv_error_map_read(PAWL_BYTES("no")));
}

static void put_entry(char *to, uint64_t uuid, uint64_t seqno)
{
    pawl_mcbp_put(to, uuid, 8);
    pawl_mcbp_put(to + 8, seqno, 8);
}

static void tells_lost_writes_from_kept_ones(void **state)
{
    char log[48]; /* newest first: C from 90 on, B from 50 on, A from 0 on */
    const struct pawl_bytes bytes = {log, sizeof log};

    (void)state;
    put_entry(log, 0xc, 90);
    put_entry(log + 16, 0xb, 50);
    put_entry(log + 32, 0xa, 0);
    assert_int_equal(pawl_kv_history_of(bytes, 0xc, 1000), PAWL_KV_HISTORY_KEPT);
    assert_int_equal(pawl_kv_history_of(bytes, 0xb, 90), PAWL_KV_HISTORY_KEPT);
    assert_int_equal(pawl_kv_history_of(bytes, 0xb, 91), PAWL_KV_HISTORY_LOST);
    assert_int_equal(pawl_kv_history_of(bytes, 0xa, 50), PAWL_KV_HISTORY_KEPT);
    assert_int_equal(pawl_kv_history_of(bytes, 0xa, 51), PAWL_KV_HISTORY_LOST);
    assert_int_equal(pawl_kv_history_of(bytes, 0xd, 1), PAWL_KV_HISTORY_UNKNOWN);
    assert_int_equal(pawl_kv_history_of((struct pawl_bytes){log, 0}, 0xa, 1),
                     PAWL_KV_HISTORY_UNKNOWN);
}

static bool loses_what_was_written_in(const struct pawl_kv_router *router, const char *uuid)
{
    return pawl_kv_past_branch(router, 0, 0, text_bytes(uuid)).loses;
}

static void another_history_loses_what_it_does_not_go_on_from(void **state)
{
    const char b[] = "000000000000000b", d[] = "000000000000000d";
    const struct pawl_kv_settings settings = {.durability = PAWL_MCBP_MAJORITY};
    struct pawl_kv_token token = {.uuid = 0};
    struct pawl_kv_router router = {
        .settings = &settings, .map = {.vbucket_count = 1}, .tokens = &token};
    char log[32]; /* newest first: C from 90 on, B from 50 on */
    const struct pawl_bytes bytes = {log, sizeof log};

    (void)state;
    put_entry(log, 0xc, 90);
    put_entry(log + 16, 0xb, 50);
    pawl_kv_past_keep(&router, 0, bytes);
    assert_false(loses_what_was_written_in(&router, b));
    assert_true(loses_what_was_written_in(&router, d));
    assert_true(loses_what_was_written_in(&router, "no uuid"));
    /* A write of our own is not in it: others may be missing as well. */
    token = (struct pawl_kv_token){.before_uuid = 0xb, .before_seqno = 91};
    pawl_kv_past_keep(&router, 0, bytes);
    assert_true(loses_what_was_written_in(&router, b));
    token.before_seqno = 90;
    pawl_kv_past_keep(&router, 0, bytes);
    assert_false(loses_what_was_written_in(&router, b));
    pawl_kv_past_forget(&router);
}

static void assert_named(const struct pawl_kv_router *bucket, const char *url, const char *name)
{
    static struct pawl_kv_settings settings;
    struct pawl_kv_router router = *bucket;

    settings = settings_of(url);
    router.settings = &settings;
    struct pawl_identity identity = pawl_kv_past_identity(&router);

    assert_int_equal(identity.name_size, strlen(name));
    assert_memory_equal(identity.name, name, identity.name_size);
}

#define BUCKET "0123456789abcdef0123456789abcdef"
#define PREFIX "a-prefix-of-thirty-two-bytes---"

/* To a guard, stores of one name are one store: what was seen in one would move the others. */
static void all_that_keeps_stores_apart_is_in_their_names(void **state)
{
    static struct pawl_kv_router router;

    (void)state;
    assert_named(&router, "couchbase://h/b", ""); /* no map was told */
    memcpy(router.map.uuid, BUCKET, sizeof BUCKET);
    assert_named(&router, "couchbase://h/b", BUCKET "/0/pawl");
    assert_named(&router, "couchbase://h/b?prefix=x", BUCKET "/0/x");
    assert_named(&router, "couchbase://h/b?counter=plain", BUCKET "/0:plain");
    router.collection_id = 0x1f;
    assert_named(&router, "couchbase://h/b/s.c", BUCKET "/1f/pawl");
    /* Too long: its beginning, and a hash of all. */
    assert_named(&router, "couchbase://h/b?prefix=" PREFIX "1", BUCKET "/1f#717bef2ede3cc6cd");
    assert_named(&router, "couchbase://h/b?prefix=" PREFIX "2", BUCKET "/1f#fe5335a7c70720df");
    memset(router.map.uuid, 'u', PAWL_KV_UUID_BYTES_MAX);
    assert_named(&router, "couchbase://h/b",
                 "uuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuu#2210027592f2c274");
}

static void reads_how_long_a_collection_keeps_documents(void **state)
{
    static const char manifest[] =
        "{\"uid\":\"2\",\"scopes\":[{\"name\":\"_default\",\"uid\":\"0\",\"collections\":["
        "{\"name\":\"_default\",\"uid\":\"0\"}]},{\"name\":\"s\",\"uid\":\"8\",\"collections\":["
        "{\"name\":\"a\",\"uid\":\"1f\",\"maxTTL\":60},{\"name\":\"b\",\"uid\":\"9\",\"maxTTL\":-1}"
        ","
        "{\"name\":\"c\",\"uid\":\"a\",\"maxTTL\":\"60\"}]}]}";
    int64_t ttl_s = 7;

    (void)state;
    assert_true(pawl_kv_manifest_max_ttl(text_bytes(manifest), 0x1f, &ttl_s) && ttl_s == 60);
    assert_true(pawl_kv_manifest_max_ttl(text_bytes(manifest), 9, &ttl_s) && ttl_s == -1);
    assert_true(pawl_kv_manifest_max_ttl(text_bytes(manifest), 0, &ttl_s) && ttl_s == 0);
    assert_false(pawl_kv_manifest_max_ttl(text_bytes(manifest), 10, &ttl_s)); /* no number */
    assert_false(pawl_kv_manifest_max_ttl(text_bytes(manifest), 8, &ttl_s));
    assert_false(pawl_kv_manifest_max_ttl(text_bytes("[]"), 0, &ttl_s));
    assert_false(pawl_kv_manifest_max_ttl(text_bytes(""), 0, &ttl_s));
}

static void logs_in_only_where_the_password_is_safe(void **state)
{
    const struct pawl_bytes all = PAWL_BYTES("SCRAM-SHA512 SCRAM-SHA256 SCRAM-SHA1 PLAIN ");
    struct pawl_kv_login login = {"user", "pencil", false};
    struct pawl_kv_sasl *sasl = NULL;
    struct pawl_bytes answer;
    pawl_error error;

    (void)state;
    assert_int_equal(pawl_kv_sasl_new(&sasl, all, &login, &error), PAWL_OK);
    assert_true(strncmp(pawl_kv_sasl_mechanism(sasl), "SCRAM-SHA", 9) == 0);
    pawl_kv_sasl_free(sasl);
    assert_int_equal(pawl_kv_sasl_new(&sasl, PAWL_BYTES("PLAIN"), &login, &error), PAWL_DENIED);
    assert_non_null(strstr(error.text, "couchbases://"));
    assert_null(strstr(error.text, "pencil"));
    login.tls = true;
    assert_int_equal(pawl_kv_sasl_new(&sasl, PAWL_BYTES("PLAIN"), &login, &error), PAWL_OK);
    assert_int_equal(pawl_kv_sasl_step(sasl, (struct pawl_bytes){NULL, 0}, &answer, &error),
                     PAWL_OK);
    assert_int_equal(answer.size, 12);
    assert_memory_equal(answer.at, "\0user\0pencil", 12);
    pawl_kv_sasl_free(sasl);
}

static void hashes_no_password_for_ever(void **state)
{
    const struct pawl_kv_login login = {"user", "pencil", false};
    struct pawl_kv_sasl *sasl = NULL;
    struct pawl_bytes answer;
    pawl_error error;

    (void)state;
    assert_int_equal(pawl_kv_sasl_new(&sasl, PAWL_BYTES("SCRAM-SHA1"), &login, &error), PAWL_OK);
    assert_int_equal(pawl_kv_sasl_step(sasl, (struct pawl_bytes){NULL, 0}, &answer, &error),
                     PAWL_OK);
    assert_int_equal(
        pawl_kv_sasl_step(sasl, PAWL_BYTES("r=x,s=QSXCR+Q6sek8bf92,i=4000000000"), &answer, &error),
        PAWL_DENIED);
    assert_non_null(strstr(error.text, "iterations"));
    pawl_kv_sasl_free(sasl);
}

/* A wrong password is found out by the server, with its last message. */
static void a_refused_login_says_what_to_do(void **state)
{
    static const struct {
        const char *last, *says;
    } rows[] = {
        {"e=invalid-proof", "the login was refused"},
        {"v=IhLVNaY3wfu01bUpZs8gsD8MNaFIspj71p8ULr1H0DA=,e=failed", "user:password@"},
        {"v=IhLVNaY3wfu01bUpZs8gsD8MNaFIspj71p8ULr1H0DA=", "the wrong server"},
    };

    (void)state;
    for (size_t i = 0; i < PAWL_COUNT(rows); i++) {
        const struct pawl_kv_login login = {"user", "sEcret", false};
        struct pawl_kv_sasl *sasl = NULL;
        struct pawl_bytes answer;
        pawl_error error;
        char first[256];

        assert_int_equal(pawl_kv_sasl_new(&sasl, PAWL_BYTES("SCRAM-SHA256"), &login, &error),
                         PAWL_OK);
        assert_int_equal(pawl_kv_sasl_step(sasl, (struct pawl_bytes){NULL, 0}, &answer, &error),
                         PAWL_OK);
        const char *nonce = memmem(answer.at, answer.size, "r=", 2);

        assert_non_null(nonce);
        (void)snprintf(first, sizeof first, "%.*sx,s=QSXCR+Q6sek8bf92,i=4096",
                       (int)(answer.at + answer.size - nonce), nonce);
        assert_int_equal(
            pawl_kv_sasl_step(sasl, (struct pawl_bytes){first, strlen(first)}, &answer, &error),
            PAWL_OK);
        const struct pawl_bytes last = {rows[i].last, strlen(rows[i].last)};

        assert_int_equal(pawl_kv_sasl_finish(sasl, last, &error), PAWL_DENIED);
        if (strstr(error.text, rows[i].says) == NULL) fail_msg("%s", error.text);
        assert_null(strstr(error.text, "sEcret"));
        pawl_kv_sasl_free(sasl);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_urls),
        cmocka_unit_test(refuses_urls_by_name),
        cmocka_unit_test(routes_as_every_client_does),
        cmocka_unit_test(reads_maps),
        cmocka_unit_test(takes_the_network_that_it_came_from),
        cmocka_unit_test(refuses_what_is_no_map),
        cmocka_unit_test(orders_maps),
        cmocka_unit_test(judges_each_status),
        cmocka_unit_test(knows_each_status_by_name),
        cmocka_unit_test(asks_the_error_map_for_the_rest),
        cmocka_unit_test(tells_lost_writes_from_kept_ones),
        cmocka_unit_test(another_history_loses_what_it_does_not_go_on_from),
        cmocka_unit_test(all_that_keeps_stores_apart_is_in_their_names),
        cmocka_unit_test(reads_how_long_a_collection_keeps_documents),
        cmocka_unit_test(logs_in_only_where_the_password_is_safe),
        cmocka_unit_test(hashes_no_password_for_ever),
        cmocka_unit_test(a_refused_login_says_what_to_do),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

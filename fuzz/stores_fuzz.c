/* SPDX-License-Identifier: Apache-2.0 */
/*
 * libFuzzer on what stores answer, but for records. The first byte chooses the parser. Laws, beyond
 * "no byte outside is touched":
 *   - no prefix of a whole reply is a reply; texts lie within it
 *   - a map that is read names only nodes that it has
 *   - whatever an answer that is an error says, there is a verdict with a code and a story
 *   - keys that are read are whole
 */
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "copied.h"
#include "store/couchbase/map.h"
#include "store/couchbase/status.h"
#include "store/couchbase/tokens.h"
#include "store/dynamodb/credentials_own.h"
#include "store/dynamodb/remote_place.h"
#include "store/dynamodb/verdict.h"
#include "store/etcd/words.h"
#include "store/postgres/sql.h"
#include "store/postgres/state.h"
#include "store/postgres/target.h"
#include "store/redis/answer.h"
#include "store/redis/facts.h"
#include "wire/mcbp.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool within(struct pawl_bytes part, struct pawl_bytes whole)
{
    return part.size == 0 || (part.at >= whole.at && part.at + part.size <= whole.at + whole.size);
}

static void check_mcbp(struct pawl_bytes bytes)
{
    struct pawl_mcbp_reply reply;
    struct pawl_mcbp_result result;
    size_t size = 0;

    if (pawl_mcbp_reply_read(bytes, &reply, &size) != PAWL_MCBP_READ_REPLY) return;
    PAWL_ASSERT(size > 0 && size <= bytes.size);
    PAWL_ASSERT(within(reply.extras, bytes) && within(reply.key, bytes));
    PAWL_ASSERT(within(reply.value, bytes));

    struct pawl_bytes rest = reply.value;

    while (pawl_mcbp_result_next(&rest, &result)) {
        PAWL_ASSERT(within(result.value, reply.value));
    }
    for (size_t part = 0; part < size && part < 64; part++) {
        PAWL_ASSERT(pawl_mcbp_reply_read((struct pawl_bytes){bytes.at, part}, &reply, &size) ==
                    PAWL_MCBP_READ_MORE);
    }
}

static void check_map(struct pawl_bytes bytes)
{
    struct pawl_kv_settings settings = {.tls = false};
    struct pawl_kv_map map = {.node_count = 0};
    int64_t max_ttl_s = 0;

    (void)pawl_kv_manifest_max_ttl(bytes, 8, &max_ttl_s);
    if (pawl_kv_map_read(&map, bytes, "127.0.0.1", &settings, NULL) != PAWL_OK) return;
    PAWL_ASSERT(map.node_count <= PAWL_KV_NODES_MAX && map.vbucket_count <= PAWL_KV_VBUCKETS_MAX);
    PAWL_ASSERT(pawl_kv_map_vbucket(&map, PAWL_BYTES("k")) < map.vbucket_count);
    for (size_t i = 0; i < map.vbucket_count; i++) {
        PAWL_ASSERT(map.active[i] >= -1 && map.active[i] < (int)map.node_count);
    }
    pawl_kv_map_clear(&map);
}

/* The newest statuses, which only the server's error map knows; and a log of failovers. */
static void check_errors(struct pawl_bytes bytes)
{
    struct pawl_kv_error_map *map = pawl_kv_error_map_read(bytes);

    for (uint16_t number = 0; number < 256; number++) {
        PAWL_ASSERT(pawl_kv_verdict(number, map) <= PAWL_KV_BREAK);
    }
    if (map != NULL) (void)pawl_kv_error_map_revision(map);
    pawl_kv_error_map_free(map);
    PAWL_ASSERT(pawl_kv_history_of(bytes, 1, 1) <= PAWL_KV_HISTORY_UNKNOWN);
}

static void check_pairs(const json_t *range)
{
    static struct etcd_pair pair;
    const json_t *list = json_object_get(range, "kvs");
    size_t index = 0;
    const json_t *kv = NULL;

    json_array_foreach(list, index, kv)
    {
        if (pawl_etcd_pair_read(&pair, kv, NULL) != PAWL_OK) continue;
        PAWL_ASSERT(pair.value_size <= PAWL_ETCD_VALUE_BYTES_MAX);
        PAWL_ASSERT(pair.key.size <= PAWL_ETCD_KEY_BYTES_MAX);
    }
}

static void check_etcd(struct pawl_bytes bytes)
{
    static const int statuses[] = {200, 400, 401, 429, 500, 503};
    struct etcd_answer answer;
    struct etcd_verdict verdict;

    pawl_etcd_answer_read(&answer, bytes);
    check_pairs(answer.root);
    check_pairs(pawl_etcd_refusal(&answer, 0));
    check_pairs(pawl_etcd_refusal(&answer, 1));
    for (size_t i = 0; i < PAWL_COUNT(statuses); i++) {
        pawl_etcd_judge(&verdict, statuses[i], &answer);
        PAWL_ASSERT(verdict.code != PAWL_OK || statuses[i] == 200);
        PAWL_ASSERT(memchr(verdict.says, '\0', sizeof verdict.says) != NULL);
    }
    pawl_etcd_answer_free(&answer);
}

static void check_dynamodb(struct pawl_bytes bytes)
{
    static const int statuses[] = {200, 400, 500};
    struct pawl_http_exchange exchange = {.end = PAWL_HTTP_ANSWERED, .answer = bytes};

    for (size_t i = 0; i < PAWL_COUNT(statuses); i++) {
        struct pawl_dynamodb_verdict verdict = {.json = NULL};

        exchange.status = statuses[i];
        pawl_dynamodb_judge(&verdict, &exchange, "GetItem on table t", 1700000000);
        bool ran = verdict.ran == PAWL_DYNAMODB_RAN;

        PAWL_ASSERT(ran == (verdict.error.code == PAWL_OK));
        PAWL_ASSERT(!ran || statuses[i] == 200);
        json_decref(verdict.json);
    }
}

/* What places give keys as: JSON, XML, an INI file. */
static void check_keys(struct pawl_bytes bytes)
{
    static struct pawl_aws_credentials credentials;
    struct pawl_aws_keys *keys = &credentials.fetched;
    struct pawl_aws_profile profile = {.found = false};

    if (pawl_aws_read_json(&credentials, bytes) || pawl_aws_read_xml(&credentials, bytes)) {
        PAWL_ASSERT(keys->id[0] != '\0' && keys->secret[0] != '\0' && keys->expires_s > 0);
    }
    *keys = (struct pawl_aws_keys){.expires_s = 0};
    pawl_aws_profile_read(bytes, "p", &profile, keys);
    if (!profile.found) PAWL_ASSERT(keys->id[0] == '\0' && profile.unsupported == NULL);
}

static void check_facts(struct pawl_bytes bytes)
{
    static const struct pawl_redis_settings settings = {.where = "redis h:1"};
    struct pawl_redis_facts facts = {.replicas = 0};
    struct pawl_resp_value values[8];
    struct pawl_resp_reply reply = {values, PAWL_COUNT(values), 0};
    pawl_error error = {.text = ""};

    pawl_redis_facts_info(&facts, bytes);
    if (pawl_resp_parse_reply(bytes, &reply) > 0) pawl_redis_facts_config(&facts, &reply);
    pawl_err err = pawl_redis_facts_judge(&facts, &settings, &error);

    PAWL_ASSERT((err == PAWL_OK) == (error.text[0] == '\0'));
    (void)pawl_redis_aof_begins(&facts);
    PAWL_ASSERT(pawl_redis_trouble_find(bytes) != NULL);
}

/* Texts of libpq's, of a server's and of a person. */
static void check_texts(struct pawl_bytes bytes)
{
    char room[64];
    char sqlstate[6] = "";
    char *text = malloc(bytes.size + 1);

    if (text == NULL) return;
    if (bytes.size > 0) memcpy(text, bytes.at, bytes.size);
    text[bytes.size] = '\0';
    if (pawl_postgres_state_find(text, sqlstate)) PAWL_ASSERT(strlen(sqlstate) == 5);
    PAWL_ASSERT(pawl_postgres_state_of(text) != NULL);
    PAWL_ASSERT(strlen(pawl_postgres_one_line(room, sizeof room, text)) < sizeof room);
    (void)pawl_postgres_columns_wrong(text, room, sizeof room);
    for (size_t i = 0; i < 4 && pawl_postgres_list_item(text, i, room, sizeof room); i++) {
        PAWL_ASSERT(strlen(room) < sizeof room);
    }
    (void)pawl_postgres_unwaited("WARNING", "01000", text);
    free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static void (*const checks[])(struct pawl_bytes) = {
        check_mcbp,     check_map,  check_errors, check_etcd,
        check_dynamodb, check_keys, check_facts,  check_texts,
    };
    fuzz_choose(checks, PAWL_COUNT(checks), data, size);
    return 0;
}

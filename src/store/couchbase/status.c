/* SPDX-License-Identifier: Apache-2.0 */
#include "store/couchbase/status.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct pawl_kv_status rows[] = {
    {PAWL_MCBP_SUCCESS, PAWL_KV_ANSWER, PAWL_OK, "success"},
    {PAWL_MCBP_KEY_ENOENT, PAWL_KV_ANSWER, PAWL_STORE, "there is no such document"},
    {PAWL_MCBP_KEY_EEXISTS, PAWL_KV_ANSWER, PAWL_CHANGED, "the document was written meanwhile"},
    {PAWL_MCBP_E2BIG, PAWL_KV_FAIL, PAWL_LIMIT, "the document would be too large"},
    {PAWL_MCBP_EINVAL, PAWL_KV_FAIL, PAWL_STORE,
     "the server does not understand the request (EINVAL): please report this, with its version"},
    {PAWL_MCBP_NOT_STORED, PAWL_KV_ANSWER, PAWL_CHANGED, "the document was not stored"},
    {PAWL_MCBP_DELTA_BADVAL, PAWL_KV_ANSWER, PAWL_DENIED,
     "the document is no unsigned whole number: it is not a plain counter"},
    {PAWL_MCBP_NOT_MY_VBUCKET, PAWL_KV_ELSEWHERE, PAWL_STORE,
     "the cluster is moving the key to another node"},
    {PAWL_MCBP_NO_BUCKET, PAWL_KV_RECONNECT, PAWL_STORE, "the bucket is not selected any more"},
    {PAWL_MCBP_LOCKED, PAWL_KV_AGAIN, PAWL_BUSY,
     "somebody has locked the document (GETL): let nobody lock pawl's documents"},
    {PAWL_MCBP_EWOULD_THROTTLE, PAWL_KV_AGAIN, PAWL_BUSY, "the server throttles"},
    {PAWL_MCBP_ECONFIG_ONLY, PAWL_KV_ELSEWHERE, PAWL_STORE, "the node only knows the map"},
    {PAWL_MCBP_AUTH_STALE, PAWL_KV_RECONNECT, PAWL_STORE, "the login has expired"},
    {PAWL_MCBP_AUTH_ERROR, PAWL_KV_FAIL, PAWL_DENIED, "the user or the password is refused"},
    {PAWL_MCBP_AUTH_CONTINUE, PAWL_KV_FAIL, PAWL_STORE, "the login is not over"},
    {PAWL_MCBP_EACCESS, PAWL_KV_FAIL, PAWL_DENIED,
     "the user lacks a privilege: it needs to read and to write data of the bucket (the role "
     "Data Reader and Data Writer)"},
    {PAWL_MCBP_NOT_INITIALIZED, PAWL_KV_RECONNECT, PAWL_STORE, "the node is still starting"},
    {PAWL_MCBP_RATE_LIMITED_NETWORK_IN, PAWL_KV_AGAIN, PAWL_BUSY, "the user's rate is limited"},
    {PAWL_MCBP_RATE_LIMITED_NETWORK_OUT, PAWL_KV_AGAIN, PAWL_BUSY, "the user's rate is limited"},
    {PAWL_MCBP_RATE_LIMITED_CONNECTIONS, PAWL_KV_FAIL, PAWL_STORE,
     "the user has too many connections: raise the limit"},
    {PAWL_MCBP_RATE_LIMITED_COMMANDS, PAWL_KV_AGAIN, PAWL_BUSY, "the user's rate is limited"},
    {PAWL_MCBP_SCOPE_SIZE_LIMIT, PAWL_KV_FAIL, PAWL_STORE, "the scope is full: raise its limit"},
    {PAWL_MCBP_BUCKET_SIZE_LIMIT, PAWL_KV_FAIL, PAWL_STORE, "the bucket is full: give it room"},
    {PAWL_MCBP_BUCKET_RESIDENT_RATIO, PAWL_KV_FAIL, PAWL_STORE,
     "the bucket has too little memory: give it more"},
    {PAWL_MCBP_BUCKET_DATA_SIZE, PAWL_KV_FAIL, PAWL_STORE, "the bucket is full: give it room"},
    {PAWL_MCBP_BUCKET_DISK_SPACE, PAWL_KV_FAIL, PAWL_STORE, "the bucket's disk is full"},
    {PAWL_MCBP_BUCKET_PAUSED, PAWL_KV_FAIL, PAWL_STORE, "the bucket is paused: resume it"},
    {PAWL_MCBP_CANCELLED, PAWL_KV_AGAIN, PAWL_BUSY, "the server cancelled it without effect"},
    {PAWL_MCBP_UNKNOWN_FRAME_INFO, PAWL_KV_FAIL, PAWL_DENIED,
     "the server is too old for durable writes (6.5 has them); durability=none gives them up"},
    {PAWL_MCBP_UNKNOWN_COMMAND, PAWL_KV_ANSWER, PAWL_STORE, "the server lacks the command"},
    {PAWL_MCBP_ENOMEM, PAWL_KV_AGAIN, PAWL_BUSY, "the node has no memory now"},
    {PAWL_MCBP_NOT_SUPPORTED, PAWL_KV_ANSWER, PAWL_STORE, "the server lacks the command"},
    {PAWL_MCBP_EINTERNAL, PAWL_KV_BREAK, PAWL_STORE, "the node has an error of its own"},
    {PAWL_MCBP_EBUSY, PAWL_KV_AGAIN, PAWL_BUSY, "the node is busy"},
    {PAWL_MCBP_ETMPFAIL, PAWL_KV_AGAIN, PAWL_BUSY, "the node fails for the moment"},
    {PAWL_MCBP_UNKNOWN_COLLECTION, PAWL_KV_COLLECTION, PAWL_DENIED,
     "there is no such collection: create it, or correct the URL"},
    {PAWL_MCBP_UNKNOWN_SCOPE, PAWL_KV_COLLECTION, PAWL_DENIED,
     "there is no such scope: create it, or correct the URL"},
    {PAWL_MCBP_DURABILITY_INVALID_LEVEL, PAWL_KV_FAIL, PAWL_DENIED,
     "the bucket cannot persist (is it ephemeral?): use a bucket of the type couchbase"},
    {PAWL_MCBP_DURABILITY_IMPOSSIBLE, PAWL_KV_FAIL, PAWL_STORE,
     "too few copies of the vBucket are up for a durable write: bring the nodes back, or fail "
     "over and rebalance"},
    {PAWL_MCBP_SYNC_WRITE_IN_PROGRESS, PAWL_KV_AGAIN, PAWL_BUSY,
     "another durable write of the document is under way"},
    {PAWL_MCBP_SYNC_WRITE_AMBIGUOUS, PAWL_KV_DOUBT, PAWL_STORE,
     "the durable write did not end in time: it may be made yet"},
    {PAWL_MCBP_SYNC_WRITE_RE_COMMIT, PAWL_KV_AGAIN, PAWL_BUSY,
     "an earlier durable write of the document is being committed again"},
    {PAWL_MCBP_SUBDOC_PATH_ENOENT, PAWL_KV_ANSWER, PAWL_CHANGED, "the document changed"},
    {PAWL_MCBP_SUBDOC_PATH_MISMATCH, PAWL_KV_ANSWER, PAWL_DENIED, "the document is no record"},
    {PAWL_MCBP_SUBDOC_PATH_EINVAL, PAWL_KV_ANSWER, PAWL_STORE, "the path is refused"},
    {PAWL_MCBP_SUBDOC_PATH_E2BIG, PAWL_KV_ANSWER, PAWL_STORE, "the path is refused"},
    {PAWL_MCBP_SUBDOC_DOC_E2DEEP, PAWL_KV_ANSWER, PAWL_DENIED, "the document is no record"},
    {PAWL_MCBP_SUBDOC_VALUE_CANTINSERT, PAWL_KV_ANSWER, PAWL_END, "beyond what the store counts"},
    {PAWL_MCBP_SUBDOC_DOC_NOTJSON, PAWL_KV_ANSWER, PAWL_DENIED, "the document is no JSON"},
    {PAWL_MCBP_SUBDOC_NUM_ERANGE, PAWL_KV_ANSWER, PAWL_END, "beyond what the store counts"},
    {PAWL_MCBP_SUBDOC_DELTA_EINVAL, PAWL_KV_ANSWER, PAWL_END, "beyond what the store counts"},
    {PAWL_MCBP_SUBDOC_MULTI_PATH_FAILURE, PAWL_KV_ANSWER, PAWL_CHANGED, "the document changed"},
};

const struct pawl_kv_status *pawl_kv_status_find(uint16_t number)
{
    for (size_t i = 0; i < PAWL_COUNT(rows); i++) {
        if (rows[i].number == number) return &rows[i];
    }
    return NULL;
}

/* The JSON itself: it is rarely needed. */
struct pawl_kv_error_map {
    json_t *root;
};

struct pawl_kv_error_map *pawl_kv_error_map_read(struct pawl_bytes json)
{
    struct pawl_kv_error_map *map = calloc(1, sizeof *map);

    if (map == NULL) return NULL;
    map->root = json_loadb(json.at, json.size, 0, NULL);
    if (!json_is_object(json_object_get(map->root, "errors"))) {
        pawl_kv_error_map_free(map);
        return NULL;
    }
    return map;
}

void pawl_kv_error_map_free(struct pawl_kv_error_map *map)
{
    if (map == NULL) return;
    json_decref(map->root);
    free(map);
}

int64_t pawl_kv_error_map_revision(const struct pawl_kv_error_map *map)
{
    return json_integer_value(json_object_get(map->root, "revision"));
}

static bool has(const json_t *attributes, const char *wanted)
{
    json_t *attribute;
    size_t i;

    json_array_foreach(attributes, i, attribute)
    {
        const char *text = json_string_value(attribute);

        if (text != NULL && strcmp(text, wanted) == 0) return true;
    }
    return false;
}

/* Whatever else it may say, a status whose attributes do not promise a harmless repetition leaves
 * the request's outcome open. */
static enum pawl_kv_verdict verdict_of(const json_t *attributes)
{
    if (has(attributes, "fetch-config")) return PAWL_KV_ELSEWHERE;
    if (has(attributes, "conn-state-invalidated")) return PAWL_KV_BREAK;
    if (has(attributes, "retry-now") || has(attributes, "retry-later") || has(attributes, "temp")) {
        return PAWL_KV_AGAIN;
    }
    return PAWL_KV_DOUBT;
}

enum pawl_kv_verdict pawl_kv_verdict(uint16_t number, const struct pawl_kv_error_map *map)
{
    const struct pawl_kv_status *row = pawl_kv_status_find(number);
    char hex[8];

    if (row != NULL) return row->verdict;
    if (map == NULL) return PAWL_KV_DOUBT;
    (void)snprintf(hex, sizeof hex, "%x", number);
    return verdict_of(
        json_object_get(json_object_get(json_object_get(map->root, "errors"), hex), "attrs"));
}

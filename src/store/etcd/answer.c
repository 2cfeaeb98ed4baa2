/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the gateway answers. An error is a JSON object with gRPC's code and etcd's message, under an
 * HTTP status that follows from the code; what no etcd says is judged by its status alone.
 */
#include "store/etcd/words.h"

#include <openssl/evp.h>
#include <stdio.h>
#include <string.h>

/* gRPC's codes, as far as etcd answers with them. */
enum {
    CODE_NONE = 0,
    CODE_INVALID_ARGUMENT = 3,
    CODE_NOT_FOUND = 5,
    CODE_PERMISSION_DENIED = 7,
    CODE_FAILED_PRECONDITION = 9,
    CODE_OUT_OF_RANGE = 11,
    CODE_UNIMPLEMENTED = 12,
    CODE_UNAVAILABLE = 14,
    CODE_UNAUTHENTICATED = 16,
};

void pawl_etcd_answer_read(struct etcd_answer *answer, struct pawl_bytes body)
{
    json_error_t wrong;

    *answer = (struct etcd_answer){.body = body};
    if (body.size > 0) answer->root = json_loadb(body.at, body.size, 0, &wrong);
    if (!json_is_object(answer->root)) {
        pawl_etcd_answer_free(answer);
        return;
    }
    const json_t *header = json_object_get(answer->root, "header");

    answer->cluster_id = pawl_etcd_u64(header, "cluster_id");
    answer->revision = pawl_etcd_u64(header, "revision");
    answer->has_header = answer->cluster_id != 0;
}

void pawl_etcd_answer_free(struct etcd_answer *answer)
{
    json_decref(answer->root);
    answer->root = NULL;
}

uint64_t pawl_etcd_u64(const json_t *object, const char *name)
{
    const json_t *json = json_object_get(object, name);
    uint64_t value = 0;

    if (json_is_integer(json) && json_integer_value(json) > 0) {
        return (uint64_t)json_integer_value(json);
    }
    if (!json_is_string(json)) return 0;
    struct pawl_bytes text = {json_string_value(json), json_string_length(json)};

    return pawl_bytes_to_u64(text, &value) ? value : 0;
}

bool pawl_etcd_true(const json_t *object, const char *name)
{
    return json_is_true(json_object_get(object, name));
}

const char *pawl_etcd_text(const json_t *object, const char *name)
{
    const char *text = json_string_value(json_object_get(object, name));

    return text != NULL ? text : "";
}

/* bytes has room for what size digits of base64 can hold. false: it is no base64. */
static bool decode(const json_t *json, char *bytes, size_t room, size_t *size)
{
    const char *text = json_string_value(json);
    size_t digits = json_string_length(json);

    *size = 0;
    if (json == NULL) return true; /* left out: no bytes */
    if (text == NULL || digits % 4 != 0 || digits / 4 * 3 > room) return false;
    if (digits == 0) return true;
    if (EVP_DecodeBlock((unsigned char *)bytes, (const unsigned char *)text, (int)digits) < 0) {
        return false;
    }
    *size = digits / 4 * 3 - (text[digits - 1] == '=') - (text[digits - 2] == '=');
    return true;
}

pawl_err pawl_etcd_pair_read(struct etcd_pair *pair, const json_t *kv, pawl_error *error)
{
    char key[(sizeof pair->key.at + 4) / 3 * 3];
    char value[(sizeof pair->value + 4) / 3 * 3];
    char shown[PAWL_ETCD_SHOWN_BYTES];

    if (!decode(json_object_get(kv, "key"), key, sizeof key, &pair->key.size) ||
        pair->key.size == 0 || pair->key.size > sizeof pair->key.at) {
        return pawl_fail(error, PAWL_DENIED,
                         "a key below pawl's prefix is longer than any of pawl's: move it away, or "
                         "give pawl a prefix of its own");
    }
    memcpy(pair->key.at, key, pair->key.size);
    if (!decode(json_object_get(kv, "value"), value, sizeof value, &pair->value_size) ||
        pair->value_size > PAWL_ETCD_VALUE_BYTES_MAX) {
        struct pawl_bytes bytes = {pair->key.at, pair->key.size};

        return pawl_fail(error, PAWL_DENIED,
                         "the value of the key %.300s is longer than any of pawl's: move that key "
                         "away, or give pawl a prefix of its own",
                         pawl_etcd_key_show(shown, bytes));
    }
    memcpy(pair->value, value, pair->value_size);
    pair->revision = pawl_etcd_u64(kv, "mod_revision");
    pair->leased = pawl_etcd_u64(kv, "lease") != 0;
    if (pair->revision > 0) return PAWL_OK;
    return pawl_fail(error, PAWL_STORE, "etcd answered with a key that has no mod_revision");
}

const json_t *pawl_etcd_refusal(const struct etcd_answer *answer, size_t index)
{
    const json_t *responses = json_object_get(answer->root, "responses");

    return json_object_get(json_array_get(responses, index), "response_range");
}

/* Errors. */

struct fault {
    const char *says; /* part of etcd's message */
    bool may_have_run;
    pawl_err code;
    enum etcd_way way;
    const char *advice;
};

#define NOT_RUN false
#define MAYBE   true

/*
 * The order matters: the first that fits counts. "database space exceeded" may have run: a put
 * that crosses the quota is applied, and answered with that error all the same.
 */
static const struct fault faults[] = {
    {"invalid auth token", NOT_RUN, PAWL_DENIED, PAWL_ETCD_LOGIN, NULL},
    {"revision of auth store is old", NOT_RUN, PAWL_DENIED, PAWL_ETCD_LOGIN, NULL},
    {"revision in header is old", NOT_RUN, PAWL_DENIED, PAWL_ETCD_LOGIN, NULL},
    {"user name is empty", NOT_RUN, PAWL_DENIED, PAWL_ETCD_LOGIN,
     "it has authentication on: write user:password@ into the URL"},
    {"invalid user ID or password", NOT_RUN, PAWL_DENIED, PAWL_ETCD_ENDS,
     "correct the user or the password in the URL"},
    {"authentication is not enabled", NOT_RUN, PAWL_BAD_REQUEST, PAWL_ETCD_ENDS, NULL},
    {"permission denied", NOT_RUN, PAWL_DENIED, PAWL_ETCD_ENDS,
     "let a role of the user read and write all keys that begin with the prefix and a slash: "
     "etcdctl role grant-permission ROLE readwrite --prefix=true PREFIX/"},
    {"database space exceeded", MAYBE, PAWL_STORE, PAWL_ETCD_FULL,
     "compact and defragment it, then etcdctl alarm disarm; or raise --quota-backend-bytes"},
    {"too many requests", NOT_RUN, PAWL_BUSY, PAWL_ETCD_ENDS, NULL},
    {"request is too large", NOT_RUN, PAWL_DENIED, PAWL_ETCD_ENDS,
     "set --max-request-bytes to its default"},
    {"corrupt cluster", NOT_RUN, PAWL_STORE, PAWL_ETCD_ENDS,
     "a member's data differs from the others': see etcdctl alarm list"},
    {"not supported for learner", NOT_RUN, PAWL_STORE, PAWL_ETCD_ELSEWHERE,
     "this member is a learner: name voting members in the URL"},
    {"not capable", NOT_RUN, PAWL_STORE, PAWL_ETCD_ELSEWHERE, NULL},
    {"required revision", NOT_RUN, PAWL_STORE, PAWL_ETCD_ENDS, NULL},
    {"no leader", MAYBE, PAWL_STORE, PAWL_ETCD_ELSEWHERE,
     "less than half of its members reach each other"},
    {"timed out", MAYBE, PAWL_STORE, PAWL_ETCD_ELSEWHERE,
     "less than half of its members reach each other, or its disk is too slow"},
    {"deadline exceeded", MAYBE, PAWL_STORE, PAWL_ETCD_ELSEWHERE, NULL},
    {"server stopped", MAYBE, PAWL_STORE, PAWL_ETCD_ELSEWHERE, NULL},
};

/* By gRPC's code, where the message says nothing that we know. */
static const struct {
    unsigned code;
    struct fault fault;
} codes[] = {
    {CODE_INVALID_ARGUMENT, {"", NOT_RUN, PAWL_BAD_REQUEST, PAWL_ETCD_ENDS, NULL}},
    {CODE_NOT_FOUND, {"", NOT_RUN, PAWL_BAD_REQUEST, PAWL_ETCD_ENDS, NULL}},
    {CODE_PERMISSION_DENIED, {"", NOT_RUN, PAWL_DENIED, PAWL_ETCD_ENDS, NULL}},
    {CODE_FAILED_PRECONDITION, {"", NOT_RUN, PAWL_STORE, PAWL_ETCD_ENDS, NULL}},
    {CODE_OUT_OF_RANGE, {"", NOT_RUN, PAWL_STORE, PAWL_ETCD_ENDS, NULL}},
    {CODE_UNIMPLEMENTED, {"", NOT_RUN, PAWL_DENIED, PAWL_ETCD_ENDS, "etcd 3.4 or newer is needed"}},
    {CODE_UNAVAILABLE, {"", MAYBE, PAWL_STORE, PAWL_ETCD_ELSEWHERE, NULL}},
    {CODE_UNAUTHENTICATED, {"", NOT_RUN, PAWL_DENIED, PAWL_ETCD_LOGIN, NULL}},
};

/* By HTTP's status, where it is no answer of etcd's gateway. */
static const struct {
    int status;
    struct fault fault;
} statuses[] = {
    {400, {"", NOT_RUN, PAWL_DENIED, PAWL_ETCD_ENDS, "is it etcd, and does it want etcds://?"}},
    {401, {"", NOT_RUN, PAWL_DENIED, PAWL_ETCD_ENDS, NULL}},
    {403, {"", NOT_RUN, PAWL_DENIED, PAWL_ETCD_ENDS, NULL}},
    {404,
     {"", NOT_RUN, PAWL_DENIED, PAWL_ETCD_ENDS,
      "it has no JSON gateway at /v3: etcd 3.4 or newer is needed, with --enable-grpc-gateway"}},
    {405, {"", NOT_RUN, PAWL_DENIED, PAWL_ETCD_ENDS, "is it etcd?"}},
    {413, {"", NOT_RUN, PAWL_DENIED, PAWL_ETCD_ENDS, NULL}},
    {429, {"", NOT_RUN, PAWL_BUSY, PAWL_ETCD_ENDS, NULL}},
};

static const struct fault unknown_fault = {"", MAYBE, PAWL_STORE, PAWL_ETCD_ELSEWHERE, NULL};

static const struct fault *fault_of(int status, const char *message, unsigned code)
{
    for (size_t i = 0; i < PAWL_COUNT(faults); i++) {
        if (strstr(message, faults[i].says) != NULL) return &faults[i];
    }
    for (size_t i = 0; i < PAWL_COUNT(codes); i++) {
        if (codes[i].code == code) return &codes[i].fault;
    }
    for (size_t i = 0; code == CODE_NONE && i < PAWL_COUNT(statuses); i++) {
        if (statuses[i].status == status) return &statuses[i].fault;
    }
    return &unknown_fault;
}

void pawl_etcd_judge(struct etcd_verdict *verdict, int status, const struct etcd_answer *answer)
{
    const char *message = pawl_etcd_text(answer->root, "message");
    unsigned code = (unsigned)pawl_etcd_u64(answer->root, "code");
    const char *shown = message;

    if (message[0] == '\0') message = shown = pawl_etcd_text(answer->root, "error");
    if (strncmp(shown, "etcdserver: ", strlen("etcdserver: ")) == 0) {
        shown += strlen("etcdserver: ");
    }
    const struct fault *fault = fault_of(status, message, code);

    *verdict = (struct etcd_verdict){
        .may_have_run = fault->may_have_run,
        .code = fault->code,
        .way = fault->way,
        .advice = fault->advice,
    };
    if (shown[0] == '\0') {
        (void)snprintf(verdict->says, sizeof verdict->says, "HTTP status %d", status);
    } else {
        (void)snprintf(verdict->says, sizeof verdict->says, "%s", shown);
    }
}

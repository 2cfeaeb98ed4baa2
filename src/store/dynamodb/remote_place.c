/* SPDX-License-Identifier: Apache-2.0 */
#include "store/dynamodb/remote_place.h"

#include <jansson.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

struct pawl_aws_remote *pawl_aws_remote_new(struct pawl_aws_credentials *credentials)
{
    struct pawl_aws_remote *remote = calloc(1, sizeof *remote);

    if (remote == NULL) {
        pawl_aws_fail(credentials, PAWL_NO_MEMORY, "no memory to ask for AWS credentials");
        return NULL;
    }
    remote->credentials = credentials;
    return remote;
}

void pawl_aws_remote_free(struct pawl_aws_remote *remote)
{
    if (remote->body != NULL) explicit_bzero(remote->body, strlen(remote->body));
    free(remote->body);
    explicit_bzero(remote, sizeof *remote);
    free(remote);
}

static void exchange_done(struct pawl_http_exchange *exchange)
{
    struct pawl_aws_remote *remote = PAWL_OWNER(exchange, struct pawl_aws_remote, exchange);

    remote->answered(remote);
}

void pawl_aws_remote_send(struct pawl_aws_remote *remote, const char *method, uint64_t timeout_ms)
{
    remote->exchange = (struct pawl_http_exchange){
        .method = method,
        .url = remote->url,
        .headers = {remote->header[0] != '\0' ? remote->header : NULL},
        .body = {remote->body, remote->body != NULL ? strlen(remote->body) : 0},
        .timeout_ms = timeout_ms,
        .done = exchange_done,
    };
    remote->tries++;
    pawl_http_send(remote->credentials->settings.http, &remote->exchange);
}

void pawl_aws_remote_got(struct pawl_aws_remote *remote)
{
    struct pawl_aws_credentials *credentials = remote->credentials;

    pawl_aws_remote_free(remote);
    pawl_aws_got(credentials);
}

void pawl_aws_remote_skip(struct pawl_aws_remote *remote)
{
    struct pawl_aws_credentials *credentials = remote->credentials;

    pawl_aws_remote_free(remote);
    pawl_aws_skip(credentials);
}

/* What can be shown of an answer that gives no keys: up to its first character that cannot. */
static int shown_size(struct pawl_bytes answer)
{
    size_t size = 0;

    while (size < answer.size && size < PAWL_AWS_SHOWN_BYTES_MAX && answer.at[size] >= ' ' &&
           answer.at[size] <= '~') {
        size++;
    }
    return (int)size;
}

void pawl_aws_remote_fail(struct pawl_aws_remote *remote, const char *who)
{
    struct pawl_aws_credentials *credentials = remote->credentials;
    const struct pawl_http_exchange *exchange = &remote->exchange;
    bool refuses = exchange->status >= 400 && exchange->status < 500 && exchange->status != 429;

    if (exchange->end != PAWL_HTTP_ANSWERED) {
        pawl_aws_fail(credentials, PAWL_STORE, "no AWS credentials from %s: %s", who,
                      exchange->error);
    } else if (exchange->status == 200) {
        pawl_aws_fail(credentials, PAWL_STORE, "no AWS credentials from %s: its answer has none",
                      who);
    } else {
        pawl_aws_fail(credentials, refuses ? PAWL_DENIED : PAWL_STORE,
                      "no AWS credentials from %s: HTTP status %d, %.*s; let it give a role's, or "
                      "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY",
                      who, exchange->status, shown_size(exchange->answer), exchange->answer.at);
    }
    pawl_aws_remote_free(remote);
}

bool pawl_aws_text(char *to, size_t size, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    int length = vsnprintf(to, size, format, arguments);
    va_end(arguments);
    if (length < 0 || (size_t)length >= size) return false;
    for (const char *at = to; *at != '\0'; at++) {
        if ((unsigned char)*at < ' ' || *at == '\x7f') return false;
    }
    return true;
}

int64_t pawl_aws_time(const char *text)
{
    struct tm parts = {.tm_isdst = 0};
    const char *rest = strptime(text, "%Y-%m-%dT%H:%M:%S", &parts);

    if (rest == NULL) return 0;
    if (*rest == '.') rest += 1 + strspn(rest + 1, "0123456789");
    if (strcmp(rest, "Z") != 0) return 0;
    return (int64_t)timegm(&parts);
}

static bool copy_member(const json_t *object, const char *key, char *to, size_t size)
{
    const char *text = json_string_value(json_object_get(object, key));

    return text != NULL && pawl_aws_copy(to, size, (struct pawl_bytes){text, strlen(text)});
}

bool pawl_aws_read_json(struct pawl_aws_credentials *credentials, struct pawl_bytes answer)
{
    struct pawl_aws_keys *keys = &credentials->fetched;
    json_t *object = json_loadb(answer.at, answer.size, 0, NULL);
    const char *expires = json_string_value(json_object_get(object, "Expiration"));

    *keys = (struct pawl_aws_keys){.expires_s = expires != NULL ? pawl_aws_time(expires) : 0};
    bool whole = keys->expires_s > 0 &&
                 copy_member(object, "AccessKeyId", keys->id, sizeof keys->id) &&
                 copy_member(object, "SecretAccessKey", keys->secret, sizeof keys->secret) &&
                 copy_member(object, "Token", keys->token, sizeof keys->token);

    json_decref(object);
    return whole;
}

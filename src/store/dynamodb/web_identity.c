/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Keys for a web identity, as pods on EKS have one: the token in a file, which rotates, is traded
 * at the token service for keys of a role (AssumeRoleWithWebIdentity, which is not signed).
 */
#include "store/dynamodb/remote_place.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { TIMEOUT_MS = 5000 };

static const char service[] = "the token service (AWS_WEB_IDENTITY_TOKEN_FILE)";

/* Percent-encoding of all but RFC 3986's unreserved characters. Returns where it ended. */
static char *encode(char *to, struct pawl_bytes text)
{
    static const char digits[] = "0123456789ABCDEF";
    static const char plain[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.~";

    for (size_t i = 0; i < text.size; i++) {
        unsigned char c = (unsigned char)text.at[i];

        if (c != '\0' && strchr(plain, c) != NULL) {
            *to++ = (char)c;
        } else {
            *to++ = '%';
            *to++ = digits[c >> 4];
            *to++ = digits[c & 15];
        }
    }
    *to = '\0';
    return to;
}

static char *add(char *to, const char *key, struct pawl_bytes value)
{
    size_t size = strlen(key);

    memcpy(to, key, size);
    return encode(to + size, value);
}

/* NULL: no memory. */
static char *body_new(const struct pawl_aws_credentials *credentials, struct pawl_bytes token)
{
    static const char begin[] = "Action=AssumeRoleWithWebIdentity&Version=2011-06-15"
                                "&DurationSeconds=3600&RoleArn=";
    const char *role = pawl_aws_env(credentials, "AWS_ROLE_ARN");
    const char *session = pawl_aws_env(credentials, "AWS_ROLE_SESSION_NAME");

    if (session == NULL) session = "pawl";
    char *body = malloc(sizeof begin + 64 + 3 * (strlen(role) + strlen(session) + token.size));

    if (body == NULL) return NULL;
    char *end = add(body, begin, (struct pawl_bytes){role, strlen(role)});

    end = add(end, "&RoleSessionName=", (struct pawl_bytes){session, strlen(session)});
    (void)add(end, "&WebIdentityToken=", token);
    return body;
}

/* What stands between <tag> and </tag> within the answer's <Credentials>; no such: size 0. */
static struct pawl_bytes element(struct pawl_bytes answer, const char *tag)
{
    char open[40];
    char close[40];
    struct pawl_bytes none = {NULL, 0};

    if (answer.at == NULL) return none;
    if (answer.size == 0) return none;
    (void)snprintf(open, sizeof open, "<%s>", tag);
    (void)snprintf(close, sizeof close, "</%s>", tag);
    const char *begin = memmem(answer.at, answer.size, open, strlen(open));

    if (begin == NULL) return none;
    begin += strlen(open);
    size_t rest = answer.size - (size_t)(begin - answer.at);
    const char *end = memmem(begin, rest, close, strlen(close));

    if (end == NULL) return none;
    return (struct pawl_bytes){begin, (size_t)(end - begin)};
}

bool pawl_aws_read_xml(struct pawl_aws_credentials *credentials, struct pawl_bytes answer)
{
    struct pawl_aws_keys *keys = &credentials->fetched;
    struct pawl_bytes given = element(answer, "Credentials");
    struct pawl_bytes expires = element(given, "Expiration");
    char text[64];

    *keys = (struct pawl_aws_keys){.expires_s = 0};
    if (given.at == NULL || !pawl_aws_copy(text, sizeof text, expires)) return false;
    keys->expires_s = pawl_aws_time(text);
    return keys->expires_s > 0 &&
           pawl_aws_copy(keys->id, sizeof keys->id, element(given, "AccessKeyId")) &&
           pawl_aws_copy(keys->secret, sizeof keys->secret, element(given, "SecretAccessKey")) &&
           pawl_aws_copy(keys->token, sizeof keys->token, element(given, "SessionToken"));
}

static void answered(struct pawl_aws_remote *remote)
{
    const struct pawl_http_exchange *exchange = &remote->exchange;

    if (exchange->end == PAWL_HTTP_ANSWERED && exchange->status == 200 &&
        pawl_aws_read_xml(remote->credentials, exchange->answer)) {
        pawl_aws_remote_got(remote);
    } else {
        pawl_aws_remote_fail(remote, service);
    }
}

static bool set_url(struct pawl_aws_remote *remote)
{
    const struct pawl_aws_credentials *credentials = remote->credentials;
    const char *endpoint = pawl_aws_env(credentials, "AWS_ENDPOINT_URL_STS");
    const char *region = credentials->settings.region;

    if (endpoint != NULL) return pawl_aws_text(remote->url, sizeof remote->url, "%s", endpoint);
    return pawl_aws_text(remote->url, sizeof remote->url, "https://sts.%s.amazonaws.com%s/", region,
                         strncmp(region, "cn-", 3) == 0 ? ".cn" : "");
}

static void token_read(struct pawl_aws_credentials *credentials, struct pawl_bytes token,
                       int error_number)
{
    const char *path = pawl_aws_env(credentials, "AWS_WEB_IDENTITY_TOKEN_FILE");

    while (token.size > 0 && strchr("\r\n ", token.at[token.size - 1]) != NULL) {
        token.size--;
    }
    if (token.at == NULL || token.size == 0) {
        pawl_aws_fail(credentials, PAWL_DENIED, "AWS_WEB_IDENTITY_TOKEN_FILE %.200s: %s",
                      path != NULL ? path : "",
                      token.at == NULL ? strerror(error_number) : "it is empty");
        return;
    }
    struct pawl_aws_remote *remote = pawl_aws_remote_new(credentials);

    if (remote == NULL) return;
    remote->answered = answered;
    remote->body = body_new(credentials, token);
    if (remote->body == NULL || !set_url(remote)) {
        bool memory = remote->body == NULL;

        pawl_aws_remote_free(remote);
        pawl_aws_fail(credentials, memory ? PAWL_NO_MEMORY : PAWL_DENIED, "%s",
                      memory ? "no memory to ask for AWS credentials"
                             : "AWS_ENDPOINT_URL_STS is no URL");
        return;
    }
    (void)pawl_aws_text(remote->header, sizeof remote->header,
                        "Content-Type: application/x-www-form-urlencoded");
    pawl_aws_remote_send(remote, "POST", TIMEOUT_MS);
}

static void fetch(struct pawl_aws_credentials *credentials)
{
    const char *path = pawl_aws_env(credentials, "AWS_WEB_IDENTITY_TOKEN_FILE");
    const char *role = pawl_aws_env(credentials, "AWS_ROLE_ARN");

    if (path == NULL) {
        pawl_aws_skip(credentials);
    } else if (role == NULL) {
        pawl_aws_fail(credentials, PAWL_DENIED,
                      "the environment has AWS_WEB_IDENTITY_TOKEN_FILE without AWS_ROLE_ARN: set "
                      "the role as well");
    } else {
        pawl_aws_read_file(credentials, path, token_read);
    }
}

const struct pawl_aws_place pawl_aws_web_identity = {.name = "web identity", .fetch = fetch};

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Keys of the role that an EC2 instance has, from its metadata service, version 2: a session token
 * first (PUT), then the role's name, then its keys. Version 1 is not spoken.
 */
#include "store/dynamodb/remote_place.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

/* Where there is no such service nothing answers at all, so it is asked for a moment only. */
enum { TIMEOUT_MS = 1000, TRIES_MAX = 2, ROLE_BYTES_MAX = 128 };

static const char service[] = "the instance's metadata service";
static const char roles[] = "/latest/meta-data/iam/security-credentials/";

static const char *base_url(const struct pawl_aws_credentials *credentials)
{
    const char *endpoint = pawl_aws_env(credentials, "AWS_EC2_METADATA_SERVICE_ENDPOINT");

    return endpoint != NULL ? endpoint : "http://169.254.169.254";
}

/* The rest of url stands behind it. */
static bool set_url(struct pawl_aws_remote *remote, const char *path, const char *role)
{
    const char *base = base_url(remote->credentials);
    int size = (int)strlen(base);

    while (size > 0 && base[size - 1] == '/') {
        size--;
    }
    return pawl_aws_text(remote->url, sizeof remote->url, "%.*s%s%s", size, base, path, role);
}

static bool is_fine(const struct pawl_aws_remote *remote)
{
    return remote->exchange.end == PAWL_HTTP_ANSWERED && remote->exchange.status == 200;
}

static void keys_came(struct pawl_aws_remote *remote)
{
    if (is_fine(remote) && pawl_aws_read_json(remote->credentials, remote->exchange.answer)) {
        pawl_aws_remote_got(remote);
    } else {
        pawl_aws_remote_fail(remote, service);
    }
}

static void role_came(struct pawl_aws_remote *remote)
{
    struct pawl_bytes answer = remote->exchange.answer;
    char role[ROLE_BYTES_MAX + 1] = "";
    size_t size = 0;

    if (remote->exchange.end == PAWL_HTTP_ANSWERED && remote->exchange.status == 404) {
        pawl_aws_remote_skip(remote); /* this instance has no role */
        return;
    }
    while (size < answer.size && answer.at[size] > ' ' && answer.at[size] <= '~') {
        size++;
    }
    if (!is_fine(remote) ||
        !pawl_aws_copy(role, sizeof role, (struct pawl_bytes){answer.at, size}) ||
        !set_url(remote, roles, role)) {
        pawl_aws_remote_fail(remote, service);
        return;
    }
    remote->answered = keys_came;
    pawl_aws_remote_send(remote, "GET", TIMEOUT_MS);
}

static void token_came(struct pawl_aws_remote *remote)
{
    struct pawl_bytes token = remote->exchange.answer;

    if (remote->exchange.end != PAWL_HTTP_ANSWERED) {
        bool closing = pawl_http_closing(remote->credentials->settings.http);

        if (remote->tries < TRIES_MAX && !closing) {
            pawl_aws_remote_send(remote, "PUT", TIMEOUT_MS);
        } else {
            pawl_aws_remote_skip(remote); /* no instance of EC2, or a hop too far from it */
        }
        return;
    }
    if (!is_fine(remote) || token.size == 0 || token.size >= PAWL_AWS_TOKEN_BYTES_MAX ||
        !pawl_aws_text(remote->header, sizeof remote->header, "X-aws-ec2-metadata-token: %.*s",
                       (int)token.size, token.at) ||
        !set_url(remote, roles, "")) {
        pawl_aws_remote_fail(remote, service);
        return;
    }
    remote->answered = role_came;
    pawl_aws_remote_send(remote, "GET", TIMEOUT_MS);
}

static void fetch(struct pawl_aws_credentials *credentials)
{
    const char *off = pawl_aws_env(credentials, "AWS_EC2_METADATA_DISABLED");

    if (off != NULL && strcasecmp(off, "true") == 0) {
        pawl_aws_skip(credentials);
        return;
    }
    struct pawl_aws_remote *remote = pawl_aws_remote_new(credentials);

    if (remote == NULL) return;
    remote->answered = token_came;
    if (!set_url(remote, "/latest/api/token", "")) {
        pawl_aws_remote_free(remote);
        pawl_aws_fail(credentials, PAWL_DENIED, "AWS_EC2_METADATA_SERVICE_ENDPOINT is no URL");
        return;
    }
    (void)pawl_aws_text(remote->header, sizeof remote->header,
                        "X-aws-ec2-metadata-token-ttl-seconds: 21600");
    pawl_aws_remote_send(remote, "PUT", TIMEOUT_MS);
}

const struct pawl_aws_place pawl_aws_instance = {.name = "instance", .fetch = fetch};

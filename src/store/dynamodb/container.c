/* SPDX-License-Identifier: Apache-2.0 */
/* Keys from a container's agent: ECS, or EKS Pod Identity. */
#include "store/dynamodb/remote_place.h"

#include <string.h>

enum { TIMEOUT_MS = 2000 };

static const char agent[] = "the container's agent (AWS_CONTAINER_CREDENTIALS_*)";

/* What a URL over http may name: its answer is read by whoever sits there. */
static const char *const plain_hosts[] = {
    "127.0.0.1", "localhost", "[::1]", "169.254.170.2", "169.254.170.23", "[fd00:ec2::23]",
};

static bool is_allowed(const char *url)
{
    static const char plain[] = "http://";

    if (strncmp(url, "https://", 8) == 0) return true;
    if (strncmp(url, plain, sizeof plain - 1) != 0) return false;
    const char *host = url + sizeof plain - 1;

    if (strchr(host, '@') != NULL) return false; /* what stands before it is no host */

    for (size_t i = 0; i < PAWL_COUNT(plain_hosts); i++) {
        size_t size = strlen(plain_hosts[i]);

        if (strncmp(host, plain_hosts[i], size) == 0 && strchr(":/", host[size]) != NULL) {
            return true; /* strchr finds the end of the text, too */
        }
    }
    return false;
}

static void answered(struct pawl_aws_remote *remote)
{
    const struct pawl_http_exchange *exchange = &remote->exchange;

    if (exchange->end == PAWL_HTTP_ANSWERED && exchange->status == 200 &&
        pawl_aws_read_json(remote->credentials, exchange->answer)) {
        pawl_aws_remote_got(remote);
    } else {
        pawl_aws_remote_fail(remote, agent);
    }
}

static bool set_url(struct pawl_aws_remote *remote)
{
    const struct pawl_aws_credentials *credentials = remote->credentials;
    const char *relative = pawl_aws_env(credentials, "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI");
    const char *full = pawl_aws_env(credentials, "AWS_CONTAINER_CREDENTIALS_FULL_URI");

    if (relative != NULL) {
        return relative[0] == '/' &&
               pawl_aws_text(remote->url, sizeof remote->url, "http://169.254.170.2%s", relative);
    }
    return is_allowed(full) && pawl_aws_text(remote->url, sizeof remote->url, "%s", full);
}

/* token.at NULL: none is asked for. */
static void ask_agent(struct pawl_aws_credentials *credentials, struct pawl_bytes token)
{
    struct pawl_aws_remote *remote = pawl_aws_remote_new(credentials);
    const char *wrong = NULL;

    if (remote == NULL) return;
    remote->answered = answered;
    if (!set_url(remote)) {
        wrong = "AWS_CONTAINER_CREDENTIALS_FULL_URI or _RELATIVE_URI cannot be used: it must be a "
                "path, https, or http to this machine or the container's agent";
    } else if (token.at != NULL &&
               (token.size >= PAWL_AWS_TOKEN_BYTES_MAX ||
                !pawl_aws_text(remote->header, sizeof remote->header, "Authorization: %.*s",
                               (int)token.size, token.at))) {
        wrong = "AWS_CONTAINER_AUTHORIZATION_TOKEN or its file holds no token: it is too long, or "
                "has line ends in it";
    }
    if (wrong != NULL) {
        pawl_aws_remote_free(remote);
        pawl_aws_fail(credentials, PAWL_DENIED, "%s", wrong);
        return;
    }
    pawl_aws_remote_send(remote, "GET", TIMEOUT_MS);
}

static void token_read(struct pawl_aws_credentials *credentials, struct pawl_bytes token,
                       int error_number)
{
    if (token.at == NULL) {
        pawl_aws_fail(credentials, PAWL_DENIED, "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE %.200s: %s",
                      pawl_aws_env(credentials, "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"),
                      strerror(error_number));
        return;
    }
    while (token.size > 0 && strchr("\r\n ", token.at[token.size - 1]) != NULL) {
        token.size--;
    }
    ask_agent(credentials, token);
}

static void fetch(struct pawl_aws_credentials *credentials)
{
    const char *file = pawl_aws_env(credentials, "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE");
    const char *token = pawl_aws_env(credentials, "AWS_CONTAINER_AUTHORIZATION_TOKEN");

    if (pawl_aws_env(credentials, "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI") == NULL &&
        pawl_aws_env(credentials, "AWS_CONTAINER_CREDENTIALS_FULL_URI") == NULL) {
        pawl_aws_skip(credentials);
    } else if (file != NULL) {
        pawl_aws_read_file(credentials, file, token_read);
    } else {
        ask_agent(credentials, (struct pawl_bytes){token, token != NULL ? strlen(token) : 0});
    }
}

const struct pawl_aws_place pawl_aws_container = {.name = "container", .fetch = fetch};

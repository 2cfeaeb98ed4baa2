/* SPDX-License-Identifier: Apache-2.0 */
/* Keys from the file that AWS's own tools keep: ~/.aws/credentials, an INI file of profiles. */
#include "store/dynamodb/credentials_own.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

/* What a profile says that we do not follow. */
static const char *const unsupported[] = {"role_arn", "source_profile", "credential_process",
                                          "sso_session", "sso_start_url"};

static const char *profile_name(const struct pawl_aws_credentials *credentials)
{
    const char *name = credentials->settings.profile;

    if (name == NULL) name = pawl_aws_env(credentials, "AWS_PROFILE");
    return name != NULL ? name : "default";
}

/* Whether somebody said that this file, or a profile of it, is to be used. */
static bool is_meant(const struct pawl_aws_credentials *credentials)
{
    return credentials->settings.profile != NULL ||
           pawl_aws_env(credentials, "AWS_PROFILE") != NULL ||
           pawl_aws_env(credentials, "AWS_SHARED_CREDENTIALS_FILE") != NULL;
}

/* false: there is no such place. */
static bool file_path(const struct pawl_aws_credentials *credentials, char path[PATH_MAX])
{
    const char *file = pawl_aws_env(credentials, "AWS_SHARED_CREDENTIALS_FILE");
    const char *home = pawl_aws_env(credentials, "HOME");
    int size = -1;

    if (file != NULL) {
        size = snprintf(path, PATH_MAX, "%s", file);
    } else if (home != NULL) {
        size = snprintf(path, PATH_MAX, "%s/.aws/credentials", home);
    }
    return size >= 0 && size < PATH_MAX;
}

static struct pawl_bytes trim(struct pawl_bytes text)
{
    while (text.size > 0 && strchr(" \t\r", text.at[0]) != NULL) {
        text.at++;
        text.size--;
    }
    while (text.size > 0 && strchr(" \t\r", text.at[text.size - 1]) != NULL) {
        text.size--;
    }
    return text;
}

static bool says(struct pawl_bytes text, const char *word)
{
    return pawl_bytes_equal(text, (struct pawl_bytes){word, strlen(word)});
}

/* "[name]", "[ name ]" or, as the other of AWS's two files has it, "[profile name]". */
static bool is_section(struct pawl_bytes line, const char *name)
{
    static const char prefix[] = "profile ";

    if (line.size < 2 || line.at[line.size - 1] != ']') return false;
    struct pawl_bytes inside = trim((struct pawl_bytes){line.at + 1, line.size - 2});

    if (says(inside, name)) return true;
    if (inside.size < sizeof prefix || memcmp(inside.at, prefix, sizeof prefix - 1) != 0) {
        return false;
    }
    inside.at += sizeof prefix - 1;
    inside.size -= sizeof prefix - 1;
    return says(trim(inside), name);
}

static void read_line(struct pawl_bytes line, struct pawl_aws_profile *profile,
                      struct pawl_aws_keys *keys)
{
    const char *sign = memchr(line.at, '=', line.size);

    if (sign == NULL) return;
    struct pawl_bytes key = trim((struct pawl_bytes){line.at, (size_t)(sign - line.at)});
    struct pawl_bytes value =
        trim((struct pawl_bytes){sign + 1, line.size - (size_t)(sign + 1 - line.at)});

    if (says(key, "aws_access_key_id")) {
        (void)pawl_aws_copy(keys->id, sizeof keys->id, value);
    } else if (says(key, "aws_secret_access_key")) {
        (void)pawl_aws_copy(keys->secret, sizeof keys->secret, value);
    } else if (says(key, "aws_session_token")) {
        (void)pawl_aws_copy(keys->token, sizeof keys->token, value);
    }
    for (size_t i = 0; i < PAWL_COUNT(unsupported); i++) {
        if (profile->unsupported == NULL && says(key, unsupported[i])) {
            profile->unsupported = unsupported[i];
        }
    }
}

void pawl_aws_profile_read(struct pawl_bytes text, const char *name,
                           struct pawl_aws_profile *profile, struct pawl_aws_keys *keys)
{
    bool inside = false;

    while (text.size > 0) {
        const char *end = memchr(text.at, '\n', text.size);
        size_t size = end != NULL ? (size_t)(end - text.at) : text.size;
        struct pawl_bytes line = trim((struct pawl_bytes){text.at, size});

        size += end != NULL;
        text.at += size;
        text.size -= size;
        if (line.size == 0 || line.at[0] == '#' || line.at[0] == ';') continue;
        if (line.at[0] == '[') {
            inside = is_section(line, name);
            profile->found = profile->found || inside;
        } else if (inside) {
            read_line(line, profile, keys);
        }
    }
}

static void file_came(struct pawl_aws_credentials *credentials, struct pawl_bytes text,
                      int error_number)
{
    struct pawl_aws_keys *keys = &credentials->fetched;
    const char *name = profile_name(credentials);
    struct pawl_aws_profile profile = {.found = false};
    char path[PATH_MAX] = "";

    (void)file_path(credentials, path);
    if (text.at == NULL) {
        if (!is_meant(credentials) && error_number != EFBIG) {
            pawl_aws_skip(credentials);
        } else {
            pawl_aws_fail(credentials, PAWL_DENIED, "%s cannot be read for AWS credentials: %s",
                          path, strerror(error_number));
        }
        return;
    }
    *keys = (struct pawl_aws_keys){.expires_s = 0};
    pawl_aws_profile_read(text, name, &profile, keys);
    if (keys->id[0] != '\0' && keys->secret[0] != '\0') {
        pawl_aws_got(credentials);
    } else if (profile.unsupported != NULL) {
        pawl_aws_fail(credentials, PAWL_DENIED,
                      "profile \"%s\" of %s has %s, which pawl does not follow: give it "
                      "aws_access_key_id and aws_secret_access_key, or run with a role that the "
                      "machine or container gives",
                      name, path, profile.unsupported);
    } else if (profile.found) {
        pawl_aws_fail(credentials, PAWL_DENIED,
                      "profile \"%s\" of %s lacks aws_access_key_id or aws_secret_access_key", name,
                      path);
    } else if (is_meant(credentials)) {
        pawl_aws_fail(credentials, PAWL_DENIED,
                      "%s has no profile \"%s\": see AWS_PROFILE and the URL's profile=", path,
                      name);
    } else {
        pawl_aws_skip(credentials);
    }
}

static void shared_file_fetch(struct pawl_aws_credentials *credentials)
{
    char path[PATH_MAX];

    if (file_path(credentials, path)) {
        pawl_aws_read_file(credentials, path, file_came);
    } else {
        pawl_aws_skip(credentials);
    }
}

const struct pawl_aws_place pawl_aws_shared_file = {.name = "shared file",
                                                    .fetch = shared_file_fetch};

/* SPDX-License-Identifier: Apache-2.0 */
#include "store/dynamodb/remote_place.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"

enum { FILE_BYTES_MAX = 64 * 1024, LOG_WHY_BYTES = 600 };

/* In this order: the first that has keys is taken. */
static const struct pawl_aws_place *const places[] = {
    &pawl_aws_environment, &pawl_aws_web_identity, &pawl_aws_shared_file,
    &pawl_aws_container,   &pawl_aws_instance,     NULL,
};

static const char no_keys[] =
    "no AWS credentials: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, write them to "
    "~/.aws/credentials, or run with a role that the machine or container gives";

const char *pawl_aws_env(const struct pawl_aws_credentials *credentials, const char *name)
{
    const struct pawl_aws_settings *settings = &credentials->settings;
    const char *value = settings->env != NULL ? settings->env(name, settings->arg) : getenv(name);

    return value != NULL && *value != '\0' ? value : NULL;
}

int64_t pawl_aws_now_s(const struct pawl_aws_credentials *credentials)
{
    const struct pawl_aws_settings *settings = &credentials->settings;

    return settings->wall_s != NULL ? settings->wall_s(settings->arg) : pawl_clock_wall_s();
}

bool pawl_aws_copy(char *to, size_t size, struct pawl_bytes text)
{
    if (text.size == 0 || text.size >= size) return false;
    if (memchr(text.at, '\0', text.size) != NULL) return false;
    memcpy(to, text.at, text.size);
    to[text.size] = '\0';
    return true;
}

/* A file being read on a helper thread. */
struct file_job {
    uv_work_t work;
    struct pawl_aws_credentials *credentials;
    pawl_aws_file_read *done;
    char *path;
    int error_number;
    size_t size;
    char text[FILE_BYTES_MAX];
};

static void file_work(uv_work_t *work)
{
    struct file_job *job = PAWL_OWNER(work, struct file_job, work);
    int fd = open(job->path, O_RDONLY | O_CLOEXEC);
    ssize_t got = 0;

    if (fd < 0) {
        job->error_number = errno;
        return;
    }
    do {
        got = read(fd, job->text + job->size, FILE_BYTES_MAX - job->size);
        if (got > 0) job->size += (size_t)got;
    } while (got > 0 || (got < 0 && errno == EINTR));
    if (got < 0) job->error_number = errno;
    if (job->size == FILE_BYTES_MAX) job->error_number = EFBIG;
    (void)close(fd);
}

static void credentials_release(struct pawl_aws_credentials *credentials)
{
    if (!credentials->closing || credentials->jobs > 0) return;
    explicit_bzero(credentials, sizeof *credentials);
    free(credentials);
}

static void file_worked(uv_work_t *work, int status)
{
    struct file_job *job = PAWL_OWNER(work, struct file_job, work);
    struct pawl_aws_credentials *credentials = job->credentials;
    struct pawl_bytes text = {job->error_number == 0 ? job->text : NULL, job->size};

    (void)status;
    if (!credentials->closing) job->done(credentials, text, job->error_number);
    credentials->jobs--;
    credentials_release(credentials);
    free(job->path);
    explicit_bzero(job, sizeof *job);
    free(job);
}

void pawl_aws_read_file(struct pawl_aws_credentials *credentials, const char *path,
                        pawl_aws_file_read *done)
{
    struct file_job *job = calloc(1, sizeof *job);

    if (job != NULL) job->path = strdup(path);
    if (job == NULL || job->path == NULL) {
        free(job);
        pawl_aws_fail(credentials, PAWL_NO_MEMORY, "no memory to read a file of credentials");
        return;
    }
    job->credentials = credentials;
    job->done = done;
    credentials->jobs++;
    (void)uv_queue_work(credentials->settings.loop, &job->work, file_work, file_worked);
}

/* Whoever is told may wait anew. */
static void tell_all(struct pawl_aws_credentials *credentials, const pawl_error *error)
{
    struct pawl_aws_wait *wait = credentials->waits;

    credentials->waits = NULL;
    while (wait != NULL) {
        struct pawl_aws_wait *next = wait->next;

        wait->error = *error;
        wait->done(wait);
        wait = next;
    }
}

void pawl_aws_got(struct pawl_aws_credentials *credentials)
{
    uint64_t generation = credentials->keys.generation;
    pawl_error fine = {.code = PAWL_OK};

    credentials->keys = credentials->fetched;
    credentials->keys.generation = generation + 1;
    explicit_bzero(&credentials->fetched, sizeof credentials->fetched);
    credentials->has_keys = true;
    credentials->renew_s = credentials->keys.expires_s > 0
                               ? credentials->keys.expires_s - PAWL_AWS_RENEW_S -
                                     (int64_t)(pawl_random(&credentials->random) % 60)
                               : INT64_MAX;
    credentials->origin = (*credentials->place)->name;
    credentials->place = NULL;
    tell_all(credentials, &fine);
}

static void end_in_failure(struct pawl_aws_credentials *credentials, const pawl_error *error)
{
    uint64_t luck = pawl_random(&credentials->random) % PAWL_AWS_AGAIN_S;

    if (credentials->has_keys) {
        char why[LOG_WHY_BYTES];

        pawl_log(
            PAWL_LOG_WARN, "AWS credentials are not renewed", "expires_s=%lld reason=%s",
            (long long)credentials->keys.expires_s,
            pawl_log_quote(why, sizeof why, (struct pawl_bytes){error->text, strlen(error->text)}));
    }
    credentials->renew_s = pawl_aws_now_s(credentials) + PAWL_AWS_AGAIN_S + (int64_t)luck;
    credentials->place = NULL;
    tell_all(credentials, error);
}

void pawl_aws_skip(struct pawl_aws_credentials *credentials)
{
    pawl_error error;

    if (*++credentials->place != NULL) {
        (*credentials->place)->fetch(credentials);
        return;
    }
    (void)pawl_fail(&error, PAWL_DENIED, "%s", no_keys);
    end_in_failure(credentials, &error);
}

void pawl_aws_fail(struct pawl_aws_credentials *credentials, pawl_err code, const char *format, ...)
{
    pawl_error error = {.code = code};
    va_list arguments;

    va_start(arguments, format);
    (void)vsnprintf(error.text, sizeof error.text, format, arguments);
    va_end(arguments);
    end_in_failure(credentials, &error);
}

static void begin_fetch(struct pawl_aws_credentials *credentials)
{
    if (credentials->place != NULL) return;
    credentials->place = places;
    (*credentials->place)->fetch(credentials);
}

const struct pawl_aws_keys *pawl_aws_keys(struct pawl_aws_credentials *credentials)
{
    int64_t now_s = pawl_aws_now_s(credentials);

    if (!credentials->has_keys) return NULL;
    if (now_s >= credentials->renew_s) begin_fetch(credentials);
    if (credentials->keys.expires_s > 0 && now_s >= credentials->keys.expires_s) return NULL;
    return &credentials->keys;
}

void pawl_aws_fetch(struct pawl_aws_credentials *credentials, struct pawl_aws_wait *wait)
{
    wait->next = credentials->waits;
    credentials->waits = wait;
    begin_fetch(credentials);
}

void pawl_aws_refused(struct pawl_aws_credentials *credentials, uint64_t generation)
{
    if (credentials->keys.generation == generation) credentials->has_keys = false;
}

const char *pawl_aws_origin(const struct pawl_aws_credentials *credentials)
{
    return credentials->origin != NULL ? credentials->origin : "none";
}

struct pawl_aws_credentials *pawl_aws_credentials_new(const struct pawl_aws_settings *settings)
{
    struct pawl_aws_credentials *credentials = calloc(1, sizeof *credentials);

    if (credentials == NULL) return NULL;
    credentials->settings = *settings;
    credentials->random = settings->seed;
    return credentials;
}

void pawl_aws_credentials_free(struct pawl_aws_credentials *credentials)
{
    pawl_error closed;

    if (credentials == NULL) return;
    credentials->closing = true;
    (void)pawl_fail(&closed, PAWL_CLOSED, "the store is being closed");
    tell_all(credentials, &closed);
    credentials_release(credentials);
}

static void environment_fetch(struct pawl_aws_credentials *credentials)
{
    struct pawl_aws_keys *keys = &credentials->fetched;
    const char *id = pawl_aws_env(credentials, "AWS_ACCESS_KEY_ID");
    const char *secret = pawl_aws_env(credentials, "AWS_SECRET_ACCESS_KEY");
    const char *token = pawl_aws_env(credentials, "AWS_SESSION_TOKEN");

    *keys = (struct pawl_aws_keys){.expires_s = 0};
    if (id == NULL && secret == NULL) {
        pawl_aws_skip(credentials);
        return;
    }
    if (id == NULL || secret == NULL) {
        pawl_aws_fail(credentials, PAWL_DENIED, "the environment has %s without %s: set both",
                      id != NULL ? "AWS_ACCESS_KEY_ID" : "AWS_SECRET_ACCESS_KEY",
                      id != NULL ? "AWS_SECRET_ACCESS_KEY" : "AWS_ACCESS_KEY_ID");
        return;
    }
    if (!pawl_aws_copy(keys->id, sizeof keys->id, (struct pawl_bytes){id, strlen(id)}) ||
        !pawl_aws_copy(keys->secret, sizeof keys->secret,
                       (struct pawl_bytes){secret, strlen(secret)}) ||
        (token != NULL && !pawl_aws_copy(keys->token, sizeof keys->token,
                                         (struct pawl_bytes){token, strlen(token)}))) {
        pawl_aws_fail(
            credentials, PAWL_DENIED,
            "AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY or AWS_SESSION_TOKEN is longer than "
            "any that AWS gives");
        return;
    }
    pawl_aws_got(credentials);
}

const struct pawl_aws_place pawl_aws_environment = {.name = "environment",
                                                    .fetch = environment_fetch};

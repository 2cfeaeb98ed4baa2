/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The keys to sign requests to AWS with, from the first of these places that has any: the
 * environment, a web identity, the shared credentials file, the container's agent, the instance's
 * metadata service. Temporary ones are renewed before they run out.
 */
#ifndef PAWL_DYNAMODB_CREDENTIALS_H
#define PAWL_DYNAMODB_CREDENTIALS_H

#include "store/http.h"

struct pawl_aws_credentials;

enum {
    PAWL_AWS_KEY_BYTES_MAX = 255,
    PAWL_AWS_TOKEN_BYTES_MAX = 16 * 1024 - 1,
    PAWL_AWS_RENEW_S = 600, /* before they run out */
    PAWL_AWS_AGAIN_S = 30,  /* at the earliest, after renewing failed; up to twice that by luck */
};

struct pawl_aws_keys {
    char id[PAWL_AWS_KEY_BYTES_MAX + 1];
    char secret[PAWL_AWS_KEY_BYTES_MAX + 1];
    char token[PAWL_AWS_TOKEN_BYTES_MAX + 1]; /* of temporary ones; "": they are not */
    int64_t expires_s;                        /* since 1970; 0: never */
    uint64_t generation;                      /* raised each time that keys are got */
};

/* Texts are constant, or stay until the credentials are freed. */
struct pawl_aws_settings {
    uv_loop_t *loop;
    struct pawl_http *http;
    const char *profile; /* of the shared file; NULL: AWS_PROFILE, else "default" */
    const char *region;  /* of the token service */
    uint64_t seed;
    const char *(*env)(const char *name, void *arg); /* NULL: the process's environment */
    int64_t (*wall_s)(void *arg);                    /* NULL: the system's */
    void *arg;
};

/* Whoever waits for keys: the caller's memory until done. */
struct pawl_aws_wait {
    void (*done)(struct pawl_aws_wait *wait); /* may be called from inside fetch */
    pawl_error error;                         /* PAWL_OK: pawl_aws_keys gives them */
    struct pawl_aws_wait *next;
};

/* NULL: no memory. Nothing is looked up yet. Threads: the loop's only, as all below. */
struct pawl_aws_credentials *pawl_aws_credentials_new(const struct pawl_aws_settings *settings);
/*
 * Those at hand, which stay as they are until the loop turns; NULL: there are none, or they have
 * run out: fetch them. Begins to renew those that run out soon.
 */
const struct pawl_aws_keys *pawl_aws_keys(struct pawl_aws_credentials *credentials);
/* Gets keys; joins who is getting them already. PAWL_DENIED: a person must do something, which
 * error tells; PAWL_STORE: try later. */
void pawl_aws_fetch(struct pawl_aws_credentials *credentials, struct pawl_aws_wait *wait);
/* AWS refuses those of that generation as expired: they are not given again. */
void pawl_aws_refused(struct pawl_aws_credentials *credentials, uint64_t generation);
/* Where the keys are from, for people: "environment"; "none" before there are any. */
const char *pawl_aws_origin(const struct pawl_aws_credentials *credentials);
/* After pawl_http_free. Who waits hears that it is closed; a file being read ends later. */
void pawl_aws_credentials_free(struct pawl_aws_credentials *credentials);

#endif

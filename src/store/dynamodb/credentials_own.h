/* SPDX-License-Identifier: Apache-2.0 */
/* What the places that keys come from share with credentials.c. */
#ifndef PAWL_DYNAMODB_CREDENTIALS_OWN_H
#define PAWL_DYNAMODB_CREDENTIALS_OWN_H

#include "store/dynamodb/credentials.h"

/* A place. fetch begins to get keys from it and ends, now or later, in one of the three below. */
struct pawl_aws_place {
    const char *name; /* "environment" */
    void (*fetch)(struct pawl_aws_credentials *credentials);
};

struct pawl_aws_credentials {
    struct pawl_aws_settings settings;
    uint64_t random;
    struct pawl_aws_keys keys;
    bool has_keys;
    const struct pawl_aws_place *const *place; /* being asked; NULL: none is */
    const char *origin;
    int64_t renew_s; /* when to fetch again, though the keys still hold */
    struct pawl_aws_wait *waits;
    struct pawl_aws_keys fetched; /* room for a place to fill before pawl_aws_got */
    void *fetch_data;             /* the place's, while it is asked */
    unsigned jobs;                /* files being read */
    bool closing;
};

/* credentials->fetched is filled, generation aside. */
void pawl_aws_got(struct pawl_aws_credentials *credentials);
/* This place has none, and nothing says that it should: the next one is asked. */
void pawl_aws_skip(struct pawl_aws_credentials *credentials);
/* This place is meant, and cannot give any. No text says a key or a token. */
void pawl_aws_fail(struct pawl_aws_credentials *credentials, pawl_err code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Of the environment; NULL: not set, or empty. */
const char *pawl_aws_env(const struct pawl_aws_credentials *credentials, const char *name);
int64_t pawl_aws_now_s(const struct pawl_aws_credentials *credentials);
/* Copies a text that must fit; false: it is empty, too long or has zero bytes. */
bool pawl_aws_copy(char *to, size_t size, struct pawl_bytes text);

/*
 * Reads a whole file of at most 64 KiB on a helper thread; done is called later, unless the
 * credentials are freed first. text.at NULL: it cannot be read, and error_number says why.
 */
typedef void pawl_aws_file_read(struct pawl_aws_credentials *credentials, struct pawl_bytes text,
                                int error_number);
void pawl_aws_read_file(struct pawl_aws_credentials *credentials, const char *path,
                        pawl_aws_file_read *done);

/* What the shared file says of one profile. */
struct pawl_aws_profile {
    bool found;
    const char *unsupported; /* the first key in it that we do not follow; NULL: none */
};
/* keys are all zeros before; those that the profile has are set. */
void pawl_aws_profile_read(struct pawl_bytes text, const char *name,
                           struct pawl_aws_profile *profile, struct pawl_aws_keys *keys);

extern const struct pawl_aws_place pawl_aws_environment;
extern const struct pawl_aws_place pawl_aws_shared_file;

#endif

/* SPDX-License-Identifier: Apache-2.0 */
#include "store/couchbase/sasl.h"

#include <gsasl.h>
#include <stdlib.h>
#include <string.h>

enum {
    ITERATIONS_MAX = 1000000, /* more would keep the loop busy for seconds */
    MECHANISMS_SHOWN_MAX = 120,
    MESSAGE_BYTES_MAX = 4096,
};

struct mechanism {
    const char *couchbase, *gsasl;
    bool scram;
};

/* Strongest first. */
static const struct mechanism mechanisms[] = {
    {"SCRAM-SHA512", "SCRAM-SHA-512", true},
    {"SCRAM-SHA256", "SCRAM-SHA-256", true},
    {"SCRAM-SHA1", "SCRAM-SHA-1", true},
    {"PLAIN", "PLAIN", false},
};

struct pawl_kv_sasl {
    Gsasl *gsasl;
    Gsasl_session *session;
    const struct mechanism *mechanism;
    char *answer;
    bool over; /* GNU SASL is content */
};

static bool offered(struct pawl_bytes names, const char *name)
{
    size_t size = strlen(name);

    for (size_t at = 0; at < names.size;) {
        const char *end = memchr(names.at + at, ' ', names.size - at);
        size_t word = end == NULL ? names.size - at : (size_t)(end - names.at) - at;

        if (word == size && memcmp(names.at + at, name, size) == 0) return true;
        at += word + 1;
    }
    return false;
}

static const struct mechanism *choose(Gsasl *gsasl, struct pawl_bytes names, bool tls)
{
    for (size_t i = 0; i < PAWL_COUNT(mechanisms); i++) {
        if (!mechanisms[i].scram && !tls) continue;
        if (!offered(names, mechanisms[i].couchbase)) continue;
        if (gsasl_client_support_p(gsasl, mechanisms[i].gsasl) != 0) return &mechanisms[i];
    }
    return NULL;
}

static pawl_err start(struct pawl_kv_sasl *sasl, struct pawl_bytes names, bool tls,
                      pawl_error *error)
{
    int shown = names.size < MECHANISMS_SHOWN_MAX ? (int)names.size : MECHANISMS_SHOWN_MAX;

    if (gsasl_init(&sasl->gsasl) != GSASL_OK) {
        return pawl_fail(error, PAWL_NO_MEMORY, "no memory to log in");
    }
    sasl->mechanism = choose(sasl->gsasl, names, tls);
    if (sasl->mechanism == NULL) {
        return pawl_fail(error, PAWL_DENIED,
                         "the server offers no way to log in that is safe here "
                         "(\"%.*s\"): enable SCRAM, or use couchbases://",
                         shown, names.at);
    }
    if (gsasl_client_start(sasl->gsasl, sasl->mechanism->gsasl, &sasl->session) != GSASL_OK) {
        return pawl_fail(error, PAWL_NO_MEMORY, "no memory to log in");
    }
    return PAWL_OK;
}

pawl_err pawl_kv_sasl_new(struct pawl_kv_sasl **sasl, struct pawl_bytes mechanism_names,
                          const struct pawl_kv_login *login, pawl_error *error)
{
    struct pawl_kv_sasl *self = calloc(1, sizeof *self);

    if (self == NULL) return pawl_fail(error, PAWL_NO_MEMORY, "no memory to log in");
    pawl_err err = start(self, mechanism_names, login->tls, error);

    if (err != PAWL_OK) {
        pawl_kv_sasl_free(self);
        return err;
    }
    if (gsasl_property_set(self->session, GSASL_AUTHID, login->user) != GSASL_OK ||
        gsasl_property_set(self->session, GSASL_PASSWORD, login->password) != GSASL_OK) {
        pawl_kv_sasl_free(self);
        return pawl_fail(error, PAWL_NO_MEMORY, "no memory to log in");
    }
    *sasl = self;
    return PAWL_OK;
}

void pawl_kv_sasl_free(struct pawl_kv_sasl *sasl)
{
    if (sasl == NULL) return;
    gsasl_free(sasl->answer);
    if (sasl->session != NULL) gsasl_finish(sasl->session);
    if (sasl->gsasl != NULL) gsasl_done(sasl->gsasl);
    free(sasl);
}

const char *pawl_kv_sasl_mechanism(const struct pawl_kv_sasl *sasl)
{
    return sasl->mechanism->couchbase;
}

/* SCRAM's "i=4096" in the server's first message: how often the password is hashed. */
static bool too_many_iterations(const struct pawl_kv_sasl *sasl, struct pawl_bytes message)
{
    uint64_t count = 0;

    if (!sasl->mechanism->scram) return false;
    for (size_t at = 0; at + 2 < message.size; at++) {
        bool begins = at == 0 || message.at[at - 1] == ',';

        if (!begins || message.at[at] != 'i' || message.at[at + 1] != '=') continue;
        const char *digits = message.at + at + 2;
        size_t left = message.size - at - 2;
        const char *comma = memchr(digits, ',', left);
        struct pawl_bytes number = {digits, comma == NULL ? left : (size_t)(comma - digits)};

        return !pawl_bytes_to_u64(number, &count) || count > ITERATIONS_MAX;
    }
    return false;
}

/* SCRAM's "e=invalid-proof" in the server's last message (RFC 5802, 7), which GNU SASL cannot read;
 * some say a signature before it. */
static bool is_refusal(const struct pawl_kv_sasl *sasl, struct pawl_bytes message)
{
    const struct pawl_bytes behind = PAWL_BYTES(",e=");

    return sasl->mechanism->scram &&
           (pawl_bytes_begin(message, PAWL_BYTES("e=")) ||
            (message.size > 0 && memmem(message.at, message.size, behind.at, behind.size) != NULL));
}

pawl_err pawl_kv_sasl_step(struct pawl_kv_sasl *sasl, struct pawl_bytes message,
                           struct pawl_bytes *answer, pawl_error *error)
{
    size_t size = 0;

    if (message.size > MESSAGE_BYTES_MAX || too_many_iterations(sasl, message)) {
        return pawl_fail(error, PAWL_DENIED,
                         "the server's login message cannot be meant (more than %d "
                         "iterations?)",
                         ITERATIONS_MAX);
    }
    gsasl_free(sasl->answer);
    sasl->answer = NULL;
    int status = gsasl_step(sasl->session, message.at, message.size, &sasl->answer, &size);

    if (status != GSASL_OK && status != GSASL_NEEDS_MORE && is_refusal(sasl, message)) {
        return pawl_fail(error, PAWL_DENIED,
                         "the login was refused: there is no such user, or its password is "
                         "another: correct user:password@ in the URL");
    }
    if (status != GSASL_OK && status != GSASL_NEEDS_MORE) {
        return pawl_fail(error, PAWL_DENIED,
                         "the login by %s failed: %s; correct user and password in the URL, or "
                         "is this the wrong server?",
                         sasl->mechanism->couchbase, gsasl_strerror(status));
    }
    sasl->over = status == GSASL_OK;
    *answer = (struct pawl_bytes){sasl->answer, size};
    return PAWL_OK;
}

pawl_err pawl_kv_sasl_finish(struct pawl_kv_sasl *sasl, struct pawl_bytes message,
                             pawl_error *error)
{
    struct pawl_bytes answer;

    if (!sasl->mechanism->scram) return PAWL_OK;
    pawl_err err = pawl_kv_sasl_step(sasl, message, &answer, error);

    if (err != PAWL_OK) return err;
    if (sasl->over) return PAWL_OK;
    return pawl_fail(error, PAWL_DENIED, "the server has not shown that it knows the password");
}

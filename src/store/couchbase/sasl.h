/* SPDX-License-Identifier: Apache-2.0 */
/* Logging in: which mechanism, and its messages. GNU SASL does the work. */
#ifndef PAWL_KV_SASL_H
#define PAWL_KV_SASL_H

#include "base/base.h"

struct pawl_kv_sasl;

struct pawl_kv_login {
    const char *user, *password;
    bool tls; /* hides what is said */
};

/*
 * Chooses the strongest of the server's mechanisms (names with blanks between) that is safe here:
 * SCRAM; PLAIN only where TLS hides the password.
 *
 * Memory:   *sasl is ended by pawl_kv_sasl_free; user and password are copied
 * Errors:   PAWL_DENIED     none of them can be used; error says what there is
 *           PAWL_NO_MEMORY
 */
pawl_err pawl_kv_sasl_new(struct pawl_kv_sasl **sasl, struct pawl_bytes mechanism_names,
                          const struct pawl_kv_login *login, pawl_error *error);
void pawl_kv_sasl_free(struct pawl_kv_sasl *sasl); /* NULL is allowed */

/* As Couchbase spells it: the key of SASL_AUTH and SASL_STEP. */
const char *pawl_kv_sasl_mechanism(const struct pawl_kv_sasl *sasl);
/*
 * The answer to the server's message (empty at first), until the next call.
 *
 * Errors:   PAWL_DENIED  what the server says is wrong: a server that does not know the password
 */
pawl_err pawl_kv_sasl_step(struct pawl_kv_sasl *sasl, struct pawl_bytes message,
                           struct pawl_bytes *answer, pawl_error *error);
/* The server has said success with its last message: whether it has shown that it knows the
 * password, too. */
pawl_err pawl_kv_sasl_finish(struct pawl_kv_sasl *sasl, struct pawl_bytes message,
                             pawl_error *error);

#endif

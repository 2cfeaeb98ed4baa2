/* SPDX-License-Identifier: Apache-2.0 */
/*
 * SCRAM-SHA-256 (RFC 5802, RFC 7677): verifiers as PostgreSQL stores them, and the server's side of
 * a login. Bytes in, bytes out; luck is the caller's. SASLprep is GNU SASL's. The exchange is our
 * own, since GNU SASL's server refuses the empty user name that libpq sends, and the name is part
 * of what is signed.
 *
 *     pawl_scram_begin(&scram, &verifier, nonce);
 *     for each message of the client: pawl_scram_step(&scram, message, &answer)
 *         MORE: send answer, and wait for the next one; RIGHT: send answer, the client is in
 *         WRONG: the password is; MALFORMED: scram.why says what is
 */
#ifndef PAWL_SCRAM_H
#define PAWL_SCRAM_H

#include "base/base.h"

enum {
    PAWL_SCRAM_KEY_BYTES = 32,
    PAWL_SCRAM_NONCE_BYTES = 18, /* of the server's part, before base64 */
    PAWL_SCRAM_SALT_BYTES = 16,  /* of new verifiers: as PostgreSQL's */
    PAWL_SCRAM_SALT_BYTES_MAX = 64,
    PAWL_SCRAM_ITERATIONS = 4096, /* of new verifiers: as PostgreSQL's */
    /* RESP sends passwords, which are hashed so often when they are checked: 25 ms at most. */
    PAWL_SCRAM_ITERATIONS_MAX = 100000,
    PAWL_SCRAM_VERIFIER_BYTES_MAX = 256, /* as text */
    PAWL_SCRAM_PASSWORD_BYTES_MAX = 512,
    PAWL_SCRAM_MESSAGE_BYTES_MAX = 1024,
};

#define PAWL_SCRAM_MECHANISM "SCRAM-SHA-256"

struct pawl_scram_verifier {
    uint32_t iterations;
    uint32_t salt_size;
    unsigned char salt[PAWL_SCRAM_SALT_BYTES_MAX];
    unsigned char stored_key[PAWL_SCRAM_KEY_BYTES];
    unsigned char server_key[PAWL_SCRAM_KEY_BYTES];
};

/* "SCRAM-SHA-256$<iterations>:<salt>$<StoredKey>:<ServerKey>", as in pg_authid. NULL, or what is
 * wrong with it. */
const char *pawl_scram_verifier_read(struct pawl_scram_verifier *verifier, struct pawl_bytes text);
/* Ends in a zero byte; returns the size without it. */
size_t pawl_scram_verifier_write(const struct pawl_scram_verifier *verifier,
                                 char text[PAWL_SCRAM_VERIFIER_BYTES_MAX]);
/* Of a password, whose salt, salt_size and iterations are set. false: no memory, or it has none or
 * more than PAWL_SCRAM_PASSWORD_BYTES_MAX bytes, or a NUL. Takes a millisecond per 4096. */
bool pawl_scram_verifier_make(struct pawl_scram_verifier *verifier, struct pawl_bytes password);
/*
 * Of a user that does not exist: nobody can log in with it, and who does not know secret cannot
 * tell it from one of a user that does. like: whose iterations and size of salt it has.
 */
void pawl_scram_verifier_mock(struct pawl_scram_verifier *verifier,
                              const struct pawl_scram_verifier *like,
                              const unsigned char secret[PAWL_SCRAM_KEY_BYTES],
                              struct pawl_bytes user);
bool pawl_scram_verifier_equal(const struct pawl_scram_verifier *a,
                               const struct pawl_scram_verifier *b);
/* As pawl_scram_verifier_make, whose keys are compared. */
bool pawl_scram_password_fits(const struct pawl_scram_verifier *verifier,
                              struct pawl_bytes password);
/* HMAC-SHA-256, for what else is to be kept from those who do not know key. */
void pawl_scram_hmac(unsigned char mac[PAWL_SCRAM_KEY_BYTES],
                     const unsigned char key[PAWL_SCRAM_KEY_BYTES], struct pawl_bytes bytes);

enum pawl_scram_end {
    PAWL_SCRAM_MORE,
    PAWL_SCRAM_RIGHT,
    PAWL_SCRAM_WRONG,
    PAWL_SCRAM_MALFORMED,
};

/* A login. All fields but why are private. */
struct pawl_scram {
    const char *why; /* of MALFORMED: a constant sentence */
    struct pawl_scram_verifier verifier;
    char nonce[2 * PAWL_SCRAM_NONCE_BYTES]; /* ours, as text */
    int step;
    size_t header_size; /* "n,," or "y,,": what the client signs as its channel binding */
    char header[4];
    size_t nonce_at, nonce_size; /* in text: the client's part and ours */
    size_t text_size;            /* client-first-bare "," server-first */
    char text[4 * PAWL_SCRAM_MESSAGE_BYTES_MAX];
    char answer[PAWL_SCRAM_MESSAGE_BYTES_MAX + 256];
};

/* verifier and nonce, which must never come twice, are copied. */
void pawl_scram_begin(struct pawl_scram *scram, const struct pawl_scram_verifier *verifier,
                      const unsigned char nonce[PAWL_SCRAM_NONCE_BYTES]);
/*
 * A message of the client; *answer is scram's own, until its next step. The user's name in it is
 * not looked at: PostgreSQL's clients said theirs before. No step follows one that ended.
 */
enum pawl_scram_end pawl_scram_step(struct pawl_scram *scram, struct pawl_bytes message,
                                    struct pawl_bytes *answer);

#endif

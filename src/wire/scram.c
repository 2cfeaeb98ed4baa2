/* SPDX-License-Identifier: Apache-2.0 */
/* The server's side of a login. */
#include "wire/scram.h"

#include <openssl/crypto.h>
#include <stdio.h>
#include <string.h>

#include "wire/scram_own.h"

enum { STEP_FIRST, STEP_FINAL, STEP_OVER };

static enum pawl_scram_end malformed(struct pawl_scram *scram, const char *why)
{
    scram->step = STEP_OVER;
    scram->why = why;
    return PAWL_SCRAM_MALFORMED;
}

/* Cuts "x=value" off the front of rest, with the comma behind it. false: something else is there.
 */
static bool cut_attribute(struct pawl_bytes *rest, char name, struct pawl_bytes *value)
{
    if (rest->size < 2 || rest->at[0] != name || rest->at[1] != '=') return false;
    const char *at = rest->at + 2;
    size_t left = rest->size - 2;
    const char *comma = memchr(at, ',', left);
    size_t size = comma == NULL ? left : (size_t)(comma - at);

    *value = (struct pawl_bytes){at, size};
    size += comma != NULL;
    *rest = (struct pawl_bytes){at + size, left - size};
    return true;
}

/* Extensions, whose meaning nobody has defined: passed over, as RFC 5802 wants. */
static bool pass_extensions(struct pawl_bytes *rest)
{
    while (rest->size >= 2 && rest->at[0] != 'p') {
        struct pawl_bytes value;

        if (rest->at[0] == 'm') return false; /* one that must be understood */
        if (!cut_attribute(rest, rest->at[0], &value)) return false;
    }
    return true;
}

static bool is_nonce(struct pawl_bytes text)
{
    for (size_t i = 0; i < text.size; i++) {
        if (text.at[i] < '!' || text.at[i] > '~') return false;
    }
    return text.size > 0;
}

void pawl_scram_begin(struct pawl_scram *scram, const struct pawl_scram_verifier *verifier,
                      const unsigned char nonce[PAWL_SCRAM_NONCE_BYTES])
{
    *scram = (struct pawl_scram){.why = "", .verifier = *verifier, .step = STEP_FIRST};
    (void)pawl_scram_encode(scram->nonce, nonce, PAWL_SCRAM_NONCE_BYTES);
}

static void add(struct pawl_scram *scram, struct pawl_bytes bytes)
{
    PAWL_ASSERT(bytes.size <= sizeof scram->text - scram->text_size);
    memcpy(scram->text + scram->text_size, bytes.at, bytes.size);
    scram->text_size += bytes.size;
}

/* client-first-message: "n,,n=user,r=nonce". Returns what is wrong, or NULL. */
static const char *read_first(struct pawl_scram *scram, struct pawl_bytes message,
                              struct pawl_bytes *nonce)
{
    struct pawl_bytes user;

    if (message.size < 3) return "the message is cut off";
    if (message.at[0] == 'p') return "there is no channel to bind to without TLS";
    if (message.at[0] != 'n' && message.at[0] != 'y') {
        return "the channel binding flag is none of n, y and p";
    }
    if (message.at[1] != ',') return "a comma is missing behind the channel binding flag";
    if (message.at[2] != ',') return "an authorization identity is not supported";
    memcpy(scram->header, message.at, 3);
    scram->header_size = 3;

    struct pawl_bytes rest = {message.at + 3, message.size - 3};

    add(scram, rest);
    if (rest.size > 0 && rest.at[0] == 'm') return "a mandatory extension is not supported";
    if (!cut_attribute(&rest, 'n', &user)) return "the user name (n=) is missing";
    if (!cut_attribute(&rest, 'r', nonce)) return "the nonce (r=) is missing";
    if (!is_nonce(*nonce)) return "the nonce is empty or not printable";
    if (!pass_extensions(&rest) || rest.size > 0) return "there is something behind the nonce";
    return NULL;
}

/* server-first-message: "r=nonces,s=salt,i=iterations" */
static void write_first(struct pawl_scram *scram, struct pawl_bytes nonce,
                        struct pawl_bytes *answer)
{
    char salt[2 * PAWL_SCRAM_SALT_BYTES_MAX];

    (void)pawl_scram_encode(salt, scram->verifier.salt, scram->verifier.salt_size);
    int size = snprintf(scram->answer, sizeof scram->answer, "r=%.*s%s,s=%s,i=%u", (int)nonce.size,
                        nonce.at, scram->nonce, salt, (unsigned)scram->verifier.iterations);

    PAWL_ASSERT(size > 0 && (size_t)size < sizeof scram->answer);
    *answer = (struct pawl_bytes){scram->answer, (size_t)size};
    add(scram, PAWL_BYTES(","));
    scram->nonce_at = scram->text_size + 2;
    scram->nonce_size = nonce.size + strlen(scram->nonce);
    add(scram, *answer);
}

/* client-final-message: "c=channel,r=nonces,p=proof". Returns what is wrong, or NULL. */
static const char *read_final(const struct pawl_scram *scram, struct pawl_bytes message,
                              struct pawl_bytes *signed_part,
                              unsigned char proof[PAWL_SCRAM_KEY_BYTES])
{
    struct pawl_bytes ours = {scram->text + scram->nonce_at, scram->nonce_size};
    struct pawl_bytes rest = message;
    struct pawl_bytes channel;
    struct pawl_bytes nonce;
    struct pawl_bytes value;
    unsigned char header[sizeof scram->header];
    size_t size = 0;

    if (!cut_attribute(&rest, 'c', &channel)) return "the channel binding (c=) is missing";
    if (!pawl_scram_decode(channel, header, sizeof header, &size) || size != scram->header_size ||
        memcmp(header, scram->header, size) != 0) {
        return "the channel binding is another than before";
    }
    if (!cut_attribute(&rest, 'r', &nonce)) return "the nonce (r=) is missing";
    if (!pawl_bytes_equal(nonce, ours)) return "the nonce is another than before";
    if (!pass_extensions(&rest)) return "there is something behind the nonce";

    const char *end = rest.at;

    if (!cut_attribute(&rest, 'p', &value) || rest.size > 0) return "the proof (p=) is missing";
    if (!pawl_scram_decode(value, proof, PAWL_SCRAM_KEY_BYTES, &size) ||
        size != PAWL_SCRAM_KEY_BYTES) {
        return "the proof is not base64 of 32 bytes";
    }
    *signed_part = (struct pawl_bytes){message.at, (size_t)(end - message.at) - 1};
    return NULL;
}

/* The proof is the client's key, hidden by a signature that both sides can make. */
static bool proves(const struct pawl_scram *scram, unsigned char proof[PAWL_SCRAM_KEY_BYTES])
{
    unsigned char signature[PAWL_SCRAM_KEY_BYTES];
    unsigned char hashed[PAWL_SCRAM_KEY_BYTES];

    pawl_scram_hmac(signature, scram->verifier.stored_key,
                    (struct pawl_bytes){scram->text, scram->text_size});
    for (size_t i = 0; i < PAWL_SCRAM_KEY_BYTES; i++) {
        proof[i] ^= signature[i];
    }
    pawl_scram_hash(hashed, proof);
    OPENSSL_cleanse(proof, PAWL_SCRAM_KEY_BYTES);
    return CRYPTO_memcmp(hashed, scram->verifier.stored_key, PAWL_SCRAM_KEY_BYTES) == 0;
}

/* server-final-message: "v=signature" */
static void write_final(struct pawl_scram *scram, struct pawl_bytes *answer)
{
    unsigned char signature[PAWL_SCRAM_KEY_BYTES];

    pawl_scram_hmac(signature, scram->verifier.server_key,
                    (struct pawl_bytes){scram->text, scram->text_size});
    memcpy(scram->answer, "v=", 2);
    size_t size = pawl_scram_encode(scram->answer + 2, signature, PAWL_SCRAM_KEY_BYTES);

    *answer = (struct pawl_bytes){scram->answer, 2 + size};
}

enum pawl_scram_end pawl_scram_step(struct pawl_scram *scram, struct pawl_bytes message,
                                    struct pawl_bytes *answer)
{
    unsigned char proof[PAWL_SCRAM_KEY_BYTES];
    struct pawl_bytes part;
    const char *why;

    PAWL_ASSERT(scram->step != STEP_OVER);
    *answer = (struct pawl_bytes){"", 0};
    if (message.size > PAWL_SCRAM_MESSAGE_BYTES_MAX) {
        return malformed(scram, "the message is too long");
    }
    if (scram->step == STEP_FIRST) {
        why = read_first(scram, message, &part);
        if (why != NULL) return malformed(scram, why);
        write_first(scram, part, answer);
        scram->step = STEP_FINAL;
        return PAWL_SCRAM_MORE;
    }
    why = read_final(scram, message, &part, proof);
    if (why != NULL) return malformed(scram, why);
    scram->step = STEP_OVER;
    add(scram, PAWL_BYTES(","));
    add(scram, part);
    if (!proves(scram, proof)) return PAWL_SCRAM_WRONG;
    write_final(scram, answer);
    return PAWL_SCRAM_RIGHT;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* What is kept of a password, and how a password is checked against it. */
#include <gsasl.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdio.h>
#include <string.h>

#include "wire/scram_own.h"

#define PREFIX "SCRAM-SHA-256$"

size_t pawl_scram_encode(char *to, const unsigned char *bytes, size_t size)
{
    return (size_t)EVP_EncodeBlock((unsigned char *)to, bytes, (int)size);
}

/* OpenSSL's passes over blanks, and cannot tell what is padding. */
bool pawl_scram_decode(struct pawl_bytes text, unsigned char *to, size_t room, size_t *size)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    unsigned char bytes[PAWL_SCRAM_MESSAGE_BYTES_MAX];
    size_t padding = 0;

    if (text.size == 0 || text.size % 4 != 0 || text.size > sizeof bytes) return false;
    while (padding < 2 && text.at[text.size - 1 - padding] == '=') {
        padding++;
    }
    for (size_t i = 0; i < text.size - padding; i++) {
        if (memchr(digits, text.at[i], sizeof digits - 1) == NULL) return false;
    }
    if (EVP_DecodeBlock(bytes, (const unsigned char *)text.at, (int)text.size) < 0) return false;
    *size = text.size / 4 * 3 - padding;
    if (*size > room) return false;
    memcpy(to, bytes, *size);
    return true;
}

void pawl_scram_hmac(unsigned char mac[PAWL_SCRAM_KEY_BYTES],
                     const unsigned char key[PAWL_SCRAM_KEY_BYTES], struct pawl_bytes bytes)
{
    unsigned int size = PAWL_SCRAM_KEY_BYTES;

    PAWL_ASSERT(HMAC(EVP_sha256(), key, PAWL_SCRAM_KEY_BYTES, (const unsigned char *)bytes.at,
                     bytes.size, mac, &size) != NULL);
}

void pawl_scram_hash(unsigned char digest[PAWL_SCRAM_KEY_BYTES],
                     const unsigned char bytes[PAWL_SCRAM_KEY_BYTES])
{
    unsigned int size = PAWL_SCRAM_KEY_BYTES;

    PAWL_ASSERT(EVP_Digest(bytes, PAWL_SCRAM_KEY_BYTES, digest, &size, EVP_sha256(), NULL) == 1);
}

/* Cuts what stands before stop off rest, and stop. false: there is none. */
static bool cut(struct pawl_bytes *rest, char stop, struct pawl_bytes *part)
{
    const char *end = rest->size == 0 ? NULL : memchr(rest->at, stop, rest->size);

    if (end == NULL) return false;
    *part = (struct pawl_bytes){rest->at, (size_t)(end - rest->at)};
    rest->size -= part->size + 1;
    rest->at = end + 1;
    return true;
}

static bool read_key(struct pawl_bytes text, unsigned char key[PAWL_SCRAM_KEY_BYTES])
{
    size_t size = 0;

    return pawl_scram_decode(text, key, PAWL_SCRAM_KEY_BYTES, &size) &&
           size == PAWL_SCRAM_KEY_BYTES;
}

const char *pawl_scram_verifier_read(struct pawl_scram_verifier *verifier, struct pawl_bytes text)
{
    static const char form[] =
        "a verifier is SCRAM-SHA-256$<iterations>:<salt>$<StoredKey>:<ServerKey>, as pawl passwd "
        "and PostgreSQL's pg_authid have it";
    struct pawl_bytes count;
    struct pawl_bytes salt;
    struct pawl_bytes stored;
    uint64_t iterations = 0;
    size_t salt_size = 0;

    if (text.size < sizeof PREFIX - 1 || memcmp(text.at, PREFIX, sizeof PREFIX - 1) != 0) {
        return form;
    }
    text = (struct pawl_bytes){text.at + sizeof PREFIX - 1, text.size - (sizeof PREFIX - 1)};
    if (!cut(&text, ':', &count) || !cut(&text, '$', &salt) || !cut(&text, ':', &stored)) {
        return form;
    }
    if (!pawl_bytes_to_u64(count, &iterations) || iterations == 0) {
        return "the verifier's iterations are no number from 1";
    }
    if (iterations > PAWL_SCRAM_ITERATIONS_MAX) {
        return "the verifier has more than 100000 iterations: each login over RESP would keep a "
               "thread busy for too long";
    }
    *verifier = (struct pawl_scram_verifier){.iterations = (uint32_t)iterations};
    if (!pawl_scram_decode(salt, verifier->salt, sizeof verifier->salt, &salt_size)) {
        return "the verifier's salt is not base64 of 1 to 64 bytes";
    }
    verifier->salt_size = (uint32_t)salt_size;
    if (!read_key(stored, verifier->stored_key)) {
        return "the verifier's StoredKey is not base64 of 32 bytes";
    }
    if (!read_key(text, verifier->server_key)) {
        return "the verifier's ServerKey is not base64 of 32 bytes";
    }
    return NULL;
}

size_t pawl_scram_verifier_write(const struct pawl_scram_verifier *verifier,
                                 char text[PAWL_SCRAM_VERIFIER_BYTES_MAX])
{
    int head =
        snprintf(text, PAWL_SCRAM_VERIFIER_BYTES_MAX, PREFIX "%u:", (unsigned)verifier->iterations);
    size_t size = (size_t)head;

    PAWL_ASSERT(head > 0 && verifier->salt_size <= PAWL_SCRAM_SALT_BYTES_MAX);
    size += pawl_scram_encode(text + size, verifier->salt, verifier->salt_size);
    text[size++] = '$';
    size += pawl_scram_encode(text + size, verifier->stored_key, PAWL_SCRAM_KEY_BYTES);
    text[size++] = ':';
    size += pawl_scram_encode(text + size, verifier->server_key, PAWL_SCRAM_KEY_BYTES);
    PAWL_ASSERT(size < PAWL_SCRAM_VERIFIER_BYTES_MAX);
    return size;
}

bool pawl_scram_verifier_make(struct pawl_scram_verifier *verifier, struct pawl_bytes password)
{
    char text[PAWL_SCRAM_PASSWORD_BYTES_MAX + 1];
    unsigned char salted[PAWL_SCRAM_KEY_BYTES];
    unsigned char client[PAWL_SCRAM_KEY_BYTES];
    char *prepared = NULL;

    if (password.size == 0 || password.size > PAWL_SCRAM_PASSWORD_BYTES_MAX) return false;
    if (memchr(password.at, '\0', password.size) != NULL) return false;
    memcpy(text, password.at, password.size);
    text[password.size] = '\0';
    /* What it cannot prepare, invalid UTF-8 too, is taken as it is: so does PostgreSQL. */
    if (gsasl_saslprep(text, 0, &prepared, NULL) != GSASL_OK || prepared[0] == '\0') {
        gsasl_free(prepared);
        prepared = NULL;
    }
    const char *meant = prepared != NULL ? prepared : text;
    bool done = PKCS5_PBKDF2_HMAC(meant, (int)strlen(meant), verifier->salt,
                                  (int)verifier->salt_size, (int)verifier->iterations, EVP_sha256(),
                                  PAWL_SCRAM_KEY_BYTES, salted) == 1;
    if (prepared != NULL) OPENSSL_cleanse(prepared, strlen(prepared));
    gsasl_free(prepared);
    pawl_scram_hmac(client, salted, PAWL_BYTES("Client Key"));
    pawl_scram_hash(verifier->stored_key, client);
    pawl_scram_hmac(verifier->server_key, salted, PAWL_BYTES("Server Key"));
    OPENSSL_cleanse(text, sizeof text);
    OPENSSL_cleanse(salted, sizeof salted);
    OPENSSL_cleanse(client, sizeof client);
    return done;
}

/* A digest of the user's name for each purpose. */
static void mock_bytes(unsigned char digest[PAWL_SCRAM_KEY_BYTES],
                       const unsigned char secret[PAWL_SCRAM_KEY_BYTES], const char *purpose,
                       struct pawl_bytes user)
{
    unsigned char key[PAWL_SCRAM_KEY_BYTES];

    pawl_scram_hmac(key, secret, (struct pawl_bytes){purpose, strlen(purpose)});
    pawl_scram_hmac(digest, key, user);
}

void pawl_scram_verifier_mock(struct pawl_scram_verifier *verifier,
                              const struct pawl_scram_verifier *like,
                              const unsigned char secret[PAWL_SCRAM_KEY_BYTES],
                              struct pawl_bytes user)
{
    _Static_assert((int)PAWL_SCRAM_SALT_BYTES_MAX == 2 * (int)PAWL_SCRAM_KEY_BYTES,
                   "two digests make the longest salt");

    *verifier = (struct pawl_scram_verifier){
        .iterations = like->iterations,
        .salt_size = like->salt_size,
    };
    mock_bytes(verifier->salt, secret, "salt", user);
    mock_bytes(verifier->salt + PAWL_SCRAM_KEY_BYTES, secret, "more salt", user);
    mock_bytes(verifier->stored_key, secret, "stored key", user);
    mock_bytes(verifier->server_key, secret, "server key", user);
}

bool pawl_scram_verifier_equal(const struct pawl_scram_verifier *a,
                               const struct pawl_scram_verifier *b)
{
    return a->iterations == b->iterations && a->salt_size == b->salt_size &&
           memcmp(a->salt, b->salt, a->salt_size) == 0 &&
           CRYPTO_memcmp(a->stored_key, b->stored_key, PAWL_SCRAM_KEY_BYTES) == 0 &&
           CRYPTO_memcmp(a->server_key, b->server_key, PAWL_SCRAM_KEY_BYTES) == 0;
}

bool pawl_scram_password_fits(const struct pawl_scram_verifier *verifier,
                              struct pawl_bytes password)
{
    struct pawl_scram_verifier made = *verifier;

    if (!pawl_scram_verifier_make(&made, password)) return false;
    return pawl_scram_verifier_equal(&made, verifier);
}

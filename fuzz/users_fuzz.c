/* SPDX-License-Identifier: Apache-2.0 */
/*
 * libFuzzer on the users file and on SCRAM's messages. Laws, beyond "no byte outside is touched":
 *   - what a file says of a user is still said after it was written anew, and of no other user
 *     anything else is
 *   - nobody logs in without the password
 */
#include <stdlib.h>
#include <string.h>

#include "server/users_edit.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool line_equal(const struct user_line *a, const struct user_line *b)
{
    return pawl_bytes_equal(a->name, b->name) && a->role == b->role &&
           pawl_bytes_equal(a->globs, b->globs) &&
           pawl_scram_verifier_equal(&a->verifier, &b->verifier);
}

/* Writes one user of text anew, and looks for him. */
static void check_edit(struct pawl_bytes text, const struct user_line *line)
{
    struct user_line found;
    size_t size = 0;
    char *edited = users_edit_put(text, line->name, line, &size);

    if (edited == NULL) return;
    struct pawl_bytes after = {edited, size};
    PAWL_ASSERT(users_edit_find(after, "f", line->name, &found, NULL) == PAWL_OK);
    PAWL_ASSERT(line_equal(line, &found));
    char *without = users_edit_put(after, line->name, NULL, &size);
    if (without != NULL) {
        PAWL_ASSERT(users_edit_find((struct pawl_bytes){without, size}, "f", line->name, &found,
                                    NULL) == PAWL_OK);
        PAWL_ASSERT(found.name.size == 0);
    }
    free(without);
    free(edited);
}

/* Every line that names a user. */
static void check_file(struct pawl_bytes text)
{
    struct user_line line;
    pawl_error error = {.text = ""};

    if (users_edit_find(text, "f", PAWL_BYTES("nobody"), &line, &error) != PAWL_OK) {
        PAWL_ASSERT(strncmp(error.text, "f:", 2) == 0);
        return;
    }
    for (size_t at = 0; at < text.size;) {
        const char *end = memchr(text.at + at, '\n', text.size - at);
        size_t size = end == NULL ? text.size - at : (size_t)(end - text.at) - at;

        PAWL_ASSERT(user_line_read((struct pawl_bytes){text.at + at, size}, &line) == NULL);
        if (line.name.size > 0) check_edit(text, &line);
        at += size + 1;
    }
}

/* Messages are the input's lines. */
static void check_login(struct pawl_bytes text)
{
    static const unsigned char secret[PAWL_SCRAM_KEY_BYTES] = "s";
    static const unsigned char nonce[PAWL_SCRAM_NONCE_BYTES] = "n";
    static const struct pawl_scram_verifier like = {.iterations = 1,
                                                    .salt_size = PAWL_SCRAM_SALT_BYTES};
    static struct pawl_scram_verifier verifier; /* made once: it takes longer than all else */
    struct pawl_scram scram;
    enum pawl_scram_end end = PAWL_SCRAM_MORE;

    if (verifier.iterations == 0) {
        pawl_scram_verifier_mock(&verifier, &like, secret, PAWL_BYTES("u"));
    }
    pawl_scram_begin(&scram, &verifier, nonce);
    for (size_t at = 0; at <= text.size && end == PAWL_SCRAM_MORE;) {
        const char *line = memchr(text.at + at, '\n', text.size - at);
        size_t size = line == NULL ? text.size - at : (size_t)(line - text.at) - at;
        struct pawl_bytes answer;

        end = pawl_scram_step(&scram, (struct pawl_bytes){text.at + at, size}, &answer);
        PAWL_ASSERT(end != PAWL_SCRAM_RIGHT);
        PAWL_ASSERT((end == PAWL_SCRAM_MALFORMED) == (scram.why[0] != '\0'));
        PAWL_ASSERT((end == PAWL_SCRAM_MORE) == (answer.size > 0));
        at += size + 1;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *copy = malloc(size + 1); /* of its own, so that the sanitizer knows where it ends */

    if (copy == NULL) return 0;
    if (size > 0) memcpy(copy + 1, data, size);
    check_file((struct pawl_bytes){copy + 1, size});
    check_login((struct pawl_bytes){copy + 1, size});
    free(copy);
    return 0;
}

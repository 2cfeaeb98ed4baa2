/* SPDX-License-Identifier: Apache-2.0 */
#include "server/users_edit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    NEW_LINE_BYTES_MAX =
        USER_NAME_BYTES_MAX + USER_GLOBS_BYTES_MAX + PAWL_SCRAM_VERIFIER_BYTES_MAX + 64
};

static const char head[] = "# name         role    sequences        verifier\n";

/* Cuts a line off the front of text, with its end. */
static struct pawl_bytes cut_line(struct pawl_bytes *text)
{
    const char *end = memchr(text->at, '\n', text->size);
    size_t size = end == NULL ? text->size : (size_t)(end - text->at) + 1;
    struct pawl_bytes line = {text->at, size};

    *text = (struct pawl_bytes){text->at + size, text->size - size};
    return line;
}

static const char *read_line(struct pawl_bytes text, struct user_line *line)
{
    if (text.size > 0 && text.at[text.size - 1] == '\n') text.size--;
    return user_line_read(text, line);
}

pawl_err users_edit_find(struct pawl_bytes text, const char *path, struct pawl_bytes name,
                         struct user_line *line, pawl_error *error)
{
    *line = (struct user_line){.role = USER_TAKE};
    for (size_t number = 1; text.size > 0; number++) {
        struct user_line one;
        const char *wrong = read_line(cut_line(&text), &one);

        if (wrong != NULL) {
            return pawl_fail(error, PAWL_BAD_REQUEST, "%s:%zu: %s; correct that first", path,
                             number, wrong);
        }
        if (pawl_bytes_equal(one.name, name)) *line = one;
    }
    return PAWL_OK;
}

static size_t write_line(char *to, const struct user_line *line)
{
    char verifier[PAWL_SCRAM_VERIFIER_BYTES_MAX];

    (void)pawl_scram_verifier_write(&line->verifier, verifier);
    int size = snprintf(to, NEW_LINE_BYTES_MAX, "%-14.*s %-7s %-16.*s %s\n", (int)line->name.size,
                        line->name.at, user_role_name(line->role), (int)line->globs.size,
                        line->globs.at, verifier);

    PAWL_ASSERT(size > 0 && size < NEW_LINE_BYTES_MAX);
    return (size_t)size;
}

char *users_edit_put(struct pawl_bytes text, struct pawl_bytes name, const struct user_line *line,
                     size_t *size)
{
    char *edited = malloc(text.size + NEW_LINE_BYTES_MAX + sizeof head + 1);
    size_t at = 0;
    bool put = line == NULL;

    if (edited == NULL) return NULL;
    if (text.size == 0 && !put) {
        memcpy(edited, head, sizeof head - 1);
        at = sizeof head - 1;
    }
    while (text.size > 0) {
        struct pawl_bytes old = cut_line(&text);
        struct user_line one;

        if (read_line(old, &one) != NULL || !pawl_bytes_equal(one.name, name)) {
            memcpy(edited + at, old.at, old.size);
            at += old.size;
        } else if (!put) {
            at += write_line(edited + at, line);
            put = true;
        }
    }
    if (!put) {
        if (at > 0 && edited[at - 1] != '\n') edited[at++] = '\n';
        at += write_line(edited + at, line);
    }
    *size = at;
    return edited;
}

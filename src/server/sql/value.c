/* SPDX-License-Identifier: Apache-2.0 */
#include "server/sql/value.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Cuts what vsnprintf may have left of a character at the end of a full buffer. */
static void drop_cut_character(char *text, size_t room)
{
    size_t size = strlen(text);
    size_t at = size;

    if (size + 1 < room) return;
    while (at > 0 && ((unsigned char)text[at - 1] & 0xc0) == 0x80) {
        at--;
    }
    if (at > 0 && (unsigned char)text[at - 1] >= 0xc0) text[at - 1] = '\0';
}

bool sql_fail(struct sql_error *error, const char sqlstate[SQL_STATE_BYTES + 1], uint32_t position,
              const char *format, ...)
{
    va_list args;

    memcpy(error->sqlstate, sqlstate, SQL_STATE_BYTES);
    error->sqlstate[SQL_STATE_BYTES] = '\0';
    error->position = position;
    error->detail[0] = '\0';
    error->hint[0] = '\0';
    va_start(args, format);
    (void)vsnprintf(error->message, sizeof error->message, format, args);
    va_end(args);
    drop_cut_character(error->message, sizeof error->message);
    return false;
}

static const struct keyword {
    struct pawl_bytes word;
    char category; /* U: not reserved */
} keywords[] = {
#define KEYWORD(word, category, bare) {{(word), sizeof(word) - 1}, category},
#include "server/sql/keywords.def"
#undef KEYWORD
};

static int keyword_order(const void *text, const void *keyword)
{
    return pawl_bytes_order(*(const struct pawl_bytes *)text,
                            ((const struct keyword *)keyword)->word);
}

/* A word of the grammar that is no name as it stands. */
static bool is_reserved(struct pawl_bytes text)
{
    const struct keyword *found =
        bsearch(&text, keywords, PAWL_COUNT(keywords), sizeof *keywords, keyword_order);

    return found != NULL && found->category != 'U';
}

size_t sql_put_name(char *to, struct pawl_bytes text)
{
    bool plain = text.size > 0 && (text.at[0] < '0' || text.at[0] > '9');
    size_t size = 0;

    for (size_t i = 0; i < text.size; i++) {
        char c = text.at[i];

        if ((c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '_') plain = false;
    }
    if (plain && is_reserved(text)) plain = false;
    if (!plain) to[size++] = '"';
    for (size_t i = 0; i < text.size; i++) {
        if (text.at[i] == '"') to[size++] = '"';
        to[size++] = text.at[i];
    }
    if (!plain) to[size++] = '"';
    return size;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Arrays in text format: {1,NULL,"a b"}. */
#include <stdio.h>
#include <string.h>

#include "server/sql/cast.h"
#include "server/sql/types.h"

static bool malformed(struct pawl_bytes text, const char *detail, struct sql_error *error)
{
    (void)sql_fail(error, "22P02", 0, "malformed array literal: \"%.*s\"", (int)text.size, text.at);
    (void)snprintf(error->detail, sizeof error->detail, "%s", detail);
    return false;
}

static bool is_space(char c)
{
    return c != '\0' && strchr(" \t\n\v\f\r", c) != NULL;
}

static char letter(const struct sql_elements *elements)
{
    return elements->at < elements->text.size ? elements->text.at[elements->at] : '\0';
}

static void skip_spaces(struct sql_elements *elements)
{
    while (is_space(letter(elements))) {
        elements->at++;
    }
}

bool sql_elements_begin(struct sql_elements *elements, struct pawl_bytes text,
                        struct sql_error *error)
{
    *elements = (struct sql_elements){.text = text};
    skip_spaces(elements);
    if (letter(elements) != '{') {
        return malformed(text, "Array value must start with \"{\" or dimension information.",
                         error);
    }
    elements->at++;
    skip_spaces(elements);
    return true;
}

/* Up to the comma or brace behind it; *quoted says whether any of it was. */
static bool read_element(struct sql_elements *elements, char *to, struct pawl_bytes *element,
                         bool *quoted)
{
    size_t size = 0;
    size_t kept = 0; /* spaces behind this are not the element's */
    bool inside = false;

    for (; elements->at < elements->text.size; elements->at++) {
        char c = letter(elements);

        if (!inside && (c == ',' || c == '}' || c == '{')) break;
        if (c == '"') {
            inside = !inside;
            *quoted = true;
            kept = size;
            continue;
        }
        if (c == '\\' && elements->at + 1 < elements->text.size) {
            c = elements->text.at[++elements->at];
            to[size++] = c;
            kept = size;
            continue;
        }
        to[size++] = c;
        if (inside || !is_space(c)) kept = size;
    }
    *element = (struct pawl_bytes){to, kept};
    return !inside && (*quoted || kept > 0);
}

/* Where the comma or brace behind the element is, at most. */
static size_t element_end(const struct sql_elements *elements)
{
    bool inside = false;
    size_t at = elements->at;

    for (; at < elements->text.size; at++) {
        char c = elements->text.at[at];

        if (!inside && (c == ',' || c == '}' || c == '{')) break;
        if (c == '"') inside = !inside;
        if (c == '\\') at++;
    }
    return at < elements->text.size ? at : elements->text.size;
}

int sql_elements_next(struct sql_elements *elements, struct sql_pool *pool,
                      struct pawl_bytes *element, bool *null, struct sql_error *error)
{
    size_t begin = elements->at;
    bool quoted = false;

    skip_spaces(elements);
    if (letter(elements) == '}') {
        elements->at++;
        skip_spaces(elements);
        bool first = begin > 0 && elements->text.at[begin - 1] != ',';
        if (elements->at == elements->text.size && first) return 0;
        (void)malformed(elements->text, "Junk after closing right brace.", error);
        return -1;
    }
    if (letter(elements) == '{') {
        (void)sql_fail(error, "0A000", 0,
                       "arrays of more than one dimension are not supported by this server");
        return -1;
    }
    size_t room = element_end(elements) - elements->at;
    char *to = sql_pool_take(pool, room + 1);
    if (to == NULL) {
        (void)sql_fail(error, "53200", 0, "out of memory");
        return -1;
    }
    if (!read_element(elements, to, element, &quoted) || letter(elements) == '\0' ||
        letter(elements) == '{') {
        (void)malformed(elements->text, "Unexpected end of input.", error);
        return -1;
    }
    *null = !quoted && pawl_bytes_equal_nocase(*element, PAWL_BYTES("null"));
    if (letter(elements) == ',') elements->at++;
    return 1;
}

static bool wants_quotes(struct pawl_bytes text)
{
    if (text.size == 0 || pawl_bytes_equal_nocase(text, PAWL_BYTES("null"))) return true;
    for (size_t i = 0; i < text.size; i++) {
        if (strchr("{},\"\\", text.at[i]) != NULL || is_space(text.at[i])) return true;
    }
    return false;
}

static struct pawl_bytes element_text(struct sql_pool *pool, const struct sql_value *value)
{
    if (value->null) return PAWL_BYTES("NULL");
    if (value->type == SQL_BOOL) return value->number ? PAWL_BYTES("t") : PAWL_BYTES("f");
    struct pawl_bytes text = sql_output(pool, value);
    if (text.at == NULL || !wants_quotes(text)) return text;
    char *to = sql_pool_take(pool, 2 * text.size + 2);
    size_t size = 0;
    if (to == NULL) return (struct pawl_bytes){NULL, 0};
    to[size++] = '"';
    for (size_t i = 0; i < text.size; i++) {
        if (text.at[i] == '"' || text.at[i] == '\\') to[size++] = '\\';
        to[size++] = text.at[i];
    }
    to[size++] = '"';
    return (struct pawl_bytes){to, size};
}

struct pawl_bytes sql_array_text(struct sql_pool *pool, const struct sql_value *values,
                                 size_t count)
{
    struct pawl_bytes none = {NULL, 0};
    struct pawl_bytes *texts = sql_pool_array(pool, count, sizeof *texts);
    size_t size = 2 + count;

    if (texts == NULL) return none;
    for (size_t i = 0; i < count; i++) {
        texts[i] = element_text(pool, &values[i]);
        if (texts[i].at == NULL) return none;
        size += texts[i].size;
    }
    char *to = sql_pool_take(pool, size);
    if (to == NULL) return none;
    char *at = to;
    *at++ = '{';
    for (size_t i = 0; i < count; i++) {
        if (i > 0) *at++ = ',';
        memcpy(at, texts[i].at, texts[i].size);
        at += texts[i].size;
    }
    *at++ = '}';
    return (struct pawl_bytes){to, (size_t)(at - to)};
}

/* SPDX-License-Identifier: Apache-2.0 */
/* The request side of RESP: what clients send. */
#include "wire/resp.h"

#include <stdio.h>
#include <string.h>

enum step { STEP_MORE, STEP_DONE, STEP_BAD };

static enum step bad(struct pawl_resp_request *request, const char *text)
{
    (void)snprintf(request->error, sizeof request->error, "ERR Protocol error: %s", text);
    return STEP_BAD;
}

/*
 * A number and its line end behind the mark at *at. Redis's rules: an optional minus, no leading
 * zero, int64. A line that is too long to be one is wrong without its end.
 */
static enum step take_number(struct pawl_bytes bytes, size_t *at, int64_t *number)
{
    size_t begin = *at + 1;
    size_t i = begin;

    while (i < bytes.size && bytes.at[i] != '\r' && i - begin <= PAWL_RESP_NUMBER_BYTES_MAX) {
        i++;
    }
    struct pawl_bytes digits = {bytes.at + begin, i - begin};
    if (i == bytes.size) return digits.size > PAWL_RESP_NUMBER_BYTES_MAX ? STEP_BAD : STEP_MORE;
    if (bytes.at[i] != '\r') return STEP_BAD;
    if (!pawl_bytes_to_i64(digits, number)) return STEP_BAD;
    if (digits.at[0] == '0' && digits.size > 1) return STEP_BAD;
    if (digits.at[0] == '-' && digits.at[1] == '0') return STEP_BAD;
    if (i + 1 == bytes.size) return STEP_MORE;
    if (bytes.at[i + 1] != '\n') return STEP_BAD;
    *at = i + 2;
    return STEP_DONE;
}

/* Four bytes as a number, the same on every machine; the compiler makes one load of it. */
static inline uint32_t four_bytes(const char *at)
{
    const unsigned char *byte = (const unsigned char *)at;

    return (uint32_t)byte[0] | (uint32_t)byte[1] << 8 | (uint32_t)byte[2] << 16 |
           (uint32_t)byte[3] << 24;
}

static inline uint32_t two_bytes(const char *at)
{
    const unsigned char *byte = (const unsigned char *)at;

    return (uint32_t)byte[0] | (uint32_t)byte[1] << 8;
}

/*
 * The same, quickly, for the usual one and two digits: <mark><digits>\r\n. Returns the line's
 * size, or 0: not so, or not all there, look closely. at has five bytes at least.
 */
static inline size_t quick_number(const char *at, char mark, uint32_t *number)
{
    uint32_t four = four_bytes(at);
    uint32_t tens = (four >> 8 & 0xff) - '0';

    if ((four & 0xffff00ff) == (0x0a0d0000 | (uint32_t)mark)) {
        *number = tens;
        return tens <= 9 ? 4 : 0;
    }
    uint32_t ones = (four >> 16 & 0xff) - '0';

    if ((four & 0xff0000ff) != (0x0d000000 | (uint32_t)mark) || at[4] != '\n') return 0;
    *number = tens * 10 + ones;
    return tens - 1 <= 8 && ones <= 9 ? 5 : 0;
}

/* One short word, quickly. Returns its size with all around it, or 0: look closely. */
static inline size_t quick_word(const char *at, size_t left, struct pawl_bytes *word)
{
    uint32_t size = 0;

    if (left < 5) return 0;
    size_t head = quick_number(at, '$', &size);
    if (head == 0 || left < head + size + 2) return 0;
    if (two_bytes(at + head + size) != 0x0a0d) return 0; /* \r\n */
    *word = (struct pawl_bytes){at + head, size};
    return head + size + 2;
}

/* One bulk string, looked at closely. */
static enum step take_word(struct pawl_bytes bytes, size_t *at, struct pawl_resp_request *request)
{
    int64_t size = 0;

    if (*at == bytes.size) return STEP_MORE;
    if (bytes.at[*at] != '$') {
        unsigned char c = (unsigned char)bytes.at[*at];

        (void)snprintf(request->error, sizeof request->error,
                       "ERR Protocol error: expected '$', got '%c'", c < 0x20 ? ' ' : c);
        return STEP_BAD;
    }
    enum step step = take_number(bytes, at, &size);
    if (step == STEP_MORE) return step;
    if (step == STEP_BAD || size < 0 || size > PAWL_RESP_WORD_BYTES_MAX) {
        return bad(request, "invalid bulk length");
    }
    size_t left = bytes.size - *at;
    const char *word = bytes.at + *at;
    if (left > (size_t)size && word[size] != '\r') return bad(request, "bulk without line end");
    if (left < (size_t)size + 2) return STEP_MORE;
    if (word[size + 1] != '\n') return bad(request, "bulk without line end");
    request->words[request->word_count++] = (struct pawl_bytes){word, (size_t)size};
    *at += (size_t)size + 2;
    return STEP_DONE;
}

/* From the front again, by all the rules. */
static ptrdiff_t parse_array(struct pawl_bytes bytes, struct pawl_resp_request *request)
{
    size_t at = 0;
    int64_t count = 0;
    enum step step = take_number(bytes, &at, &count);

    if (step == STEP_MORE) return 0;
    if (step == STEP_BAD || count > PAWL_RESP_WORDS_MAX) {
        (void)bad(request, "invalid multibulk length");
        return -1;
    }
    for (int64_t i = 0; i < count; i++) {
        step = take_word(bytes, &at, request);
        if (step == STEP_MORE) return 0;
        if (step == STEP_BAD) return -1;
    }
    return (ptrdiff_t)at;
}

static bool is_space(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

/* The character that a backslash inside double quotes stands for; *at is behind it then. */
static char take_escape(struct pawl_bytes line, size_t *at)
{
    static const char letters[] = "nrtba";
    static const char meanings[] = "\n\r\t\b\a";
    char c = line.at[*at];

    if (c == 'x' && *at + 2 < line.size && pawl_hex_digit(line.at[*at + 1]) >= 0 &&
        pawl_hex_digit(line.at[*at + 2]) >= 0) {
        char value =
            (char)(pawl_hex_digit(line.at[*at + 1]) * 16 + pawl_hex_digit(line.at[*at + 2]));

        *at += 3;
        return value;
    }
    const char *letter = memchr(letters, c, sizeof letters - 1);
    *at += 1;
    return letter == NULL ? c : meanings[letter - letters];
}

/* A quoted part of a word, *at behind its first quote; false: no quote ends it. */
static bool take_quoted(struct pawl_bytes line, size_t *at, char quote, char **to)
{
    while (*at < line.size) {
        char c = line.at[(*at)++];

        if (c == quote) return *at == line.size || is_space(line.at[*at]);
        bool escaped = c == '\\' && *at < line.size;
        if (escaped && quote == '"') {
            c = take_escape(line, at);
        } else if (escaped && line.at[*at] == '\'') {
            c = line.at[(*at)++];
        }
        *(*to)++ = c;
    }
    return false;
}

/* One word of a line; `to` is where to put it if it has quotes. */
static bool take_inline_word(struct pawl_bytes line, size_t *at, char **to, struct pawl_bytes *word)
{
    size_t begin = *at;
    char *copy = *to;
    bool quoted = false;

    while (*at < line.size && !is_space(line.at[*at])) {
        char c = line.at[(*at)++];

        if (c == '"' || c == '\'') {
            quoted = true;
            if (!take_quoted(line, at, c, to)) return false;
            break;
        }
        *(*to)++ = c;
    }
    *word = quoted ? (struct pawl_bytes){copy, (size_t)(*to - copy)}
                   : (struct pawl_bytes){line.at + begin, *at - begin};
    return true;
}

static ptrdiff_t parse_inline(struct pawl_bytes bytes, struct pawl_resp_request *request)
{
    size_t most = bytes.size < PAWL_RESP_INLINE_BYTES_MAX ? bytes.size : PAWL_RESP_INLINE_BYTES_MAX;
    const char *end = memchr(bytes.at, '\n', most);
    size_t at = 0;
    char *to = request->unquoted;

    if (end == NULL) {
        if (most < PAWL_RESP_INLINE_BYTES_MAX) return 0;
        (void)bad(request, "too big inline request");
        return -1;
    }
    struct pawl_bytes line = {bytes.at, (size_t)(end - bytes.at)};
    if (line.size > 0 && line.at[line.size - 1] == '\r') line.size--;
    for (;;) {
        struct pawl_bytes word;

        while (at < line.size && is_space(line.at[at])) {
            at++;
        }
        if (at == line.size) return end + 1 - bytes.at;
        if (!take_inline_word(line, &at, &to, &word)) {
            (void)bad(request, "unbalanced quotes in request");
            return -1;
        }
        if (request->word_count == PAWL_RESP_WORDS_MAX) {
            (void)bad(request, "invalid multibulk length");
            return -1;
        }
        if (word.size > PAWL_RESP_WORD_BYTES_MAX) {
            (void)bad(request, "invalid bulk length");
            return -1;
        }
        request->words[request->word_count++] = word;
    }
}

/* Whatever is not as simple as can be: kept out of the way of what is. */
static __attribute__((noinline)) ptrdiff_t parse_closely(struct pawl_bytes bytes,
                                                         struct pawl_resp_request *request)
{
    request->word_count = 0;
    if (bytes.size == 0) return 0;
    return bytes.at[0] == '*' ? parse_array(bytes, request) : parse_inline(bytes, request);
}

ptrdiff_t pawl_resp_parse(struct pawl_bytes bytes, struct pawl_resp_request *request)
{
    const char *at = bytes.at;
    const char *const end = at + bytes.size;
    struct pawl_bytes *word = request->words;
    uint32_t count = 0;

    if (bytes.size < 5) return parse_closely(bytes, request);
    size_t head = quick_number(at, '*', &count);
    if (head == 0 || count > PAWL_RESP_WORDS_MAX) return parse_closely(bytes, request);
    at += head;
    request->word_count = count;
    for (; count > 0; count--) {
        size_t took = quick_word(at, (size_t)(end - at), word++);

        if (took == 0) return parse_closely(bytes, request);
        at += took;
    }
    return at - bytes.at;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Writes RESP: replies, and requests as arrays of bulks. */
#include "wire/resp.h"

#include <string.h>

/* "00" to "99": two digits a division. */
static const char digit_pairs[] = "00010203040506070809101112131415161718192021222324"
                                  "25262728293031323334353637383940414243444546474849"
                                  "50515253545556575859606162636465666768697071727374"
                                  "75767778798081828384858687888990919293949596979899";

static inline size_t count_digits(uint64_t magnitude)
{
    size_t count = 1;

    for (; magnitude >= 10000; magnitude /= 10000) {
        count += 4;
    }
    return count + (magnitude >= 10 ? 1U : 0U) + (magnitude >= 100 ? 1U : 0U) +
           (magnitude >= 1000 ? 1U : 0U);
}

/* mark, number, line end. */
static size_t write_line(char *to, char mark, bool negative, uint64_t magnitude)
{
    size_t size = (negative ? 2U : 1U) + count_digits(magnitude);
    char *at = to + size;

    to[0] = mark;
    to[1] = '-'; /* a digit comes here if it is not negative */
    memcpy(at, "\r\n", 2);
    while (magnitude >= 100) {
        at -= 2;
        memcpy(at, digit_pairs + magnitude % 100 * 2, 2);
        magnitude /= 100;
    }
    if (magnitude >= 10) {
        memcpy(at - 2, digit_pairs + magnitude * 2, 2);
    } else {
        at[-1] = (char)('0' + magnitude);
    }
    return size + 2;
}

size_t pawl_resp_write_integer(char *to, int64_t value)
{
    bool negative = value < 0;

    return write_line(to, ':', negative, negative ? 0 - (uint64_t)value : (uint64_t)value);
}

static size_t write_text(char *to, char mark, struct pawl_bytes text)
{
    char *out = to;

    *out++ = mark;
    for (size_t i = 0; i < text.size; i++) {
        *out++ = text.at[i] == '\r' || text.at[i] == '\n' ? ' ' : text.at[i];
    }
    *out++ = '\r';
    *out++ = '\n';
    return (size_t)(out - to);
}

size_t pawl_resp_write_simple(char *to, struct pawl_bytes text)
{
    return write_text(to, '+', text);
}

size_t pawl_resp_write_error(char *to, struct pawl_bytes text)
{
    return write_text(to, '-', text);
}

size_t pawl_resp_write_bulk(char *to, struct pawl_bytes text)
{
    size_t size = write_line(to, '$', false, text.size);

    if (text.size > 0) memcpy(to + size, text.at, text.size);
    memcpy(to + size + text.size, "\r\n", 2);
    return size + text.size + 2;
}

size_t pawl_resp_write_null(char *to, int protocol)
{
    struct pawl_bytes null = protocol == 3 ? PAWL_BYTES("_\r\n") : PAWL_BYTES("$-1\r\n");

    memcpy(to, null.at, null.size);
    return null.size;
}

size_t pawl_resp_write_array(char *to, size_t count)
{
    return write_line(to, '*', false, count);
}

size_t pawl_resp_write_map(char *to, size_t pairs, int protocol)
{
    if (protocol == 3) return write_line(to, '%', false, pairs);
    return write_line(to, '*', false, pairs * 2);
}

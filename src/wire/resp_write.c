/* SPDX-License-Identifier: Apache-2.0 */
/* Writes RESP: replies, and requests as arrays of bulks. */
#include "wire/resp.h"

#include <string.h>

/* "00" to "99": two digits a division. */
static const char digit_pairs[] = "00010203040506070809101112131415161718192021222324"
                                  "25262728293031323334353637383940414243444546474849"
                                  "50515253545556575859606162636465666768697071727374"
                                  "75767778798081828384858687888990919293949596979899";

/* mark, number, line end. */
static size_t write_line(char *to, char mark, bool negative, uint64_t magnitude)
{
    char digits[PAWL_RESP_NUMBER_BYTES_MAX];
    char *const end = digits + sizeof digits;
    char *at = end;
    char *out = to;

    while (magnitude >= 100) {
        at -= 2;
        memcpy(at, digit_pairs + magnitude % 100 * 2, 2);
        magnitude /= 100;
    }
    if (magnitude >= 10) {
        at -= 2;
        memcpy(at, digit_pairs + magnitude * 2, 2);
    } else {
        *--at = (char)('0' + magnitude);
    }
    *out++ = mark;
    if (negative) *out++ = '-';
    for (; at < end; at++) {
        *out++ = *at;
    }
    *out++ = '\r';
    *out++ = '\n';
    return (size_t)(out - to);
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

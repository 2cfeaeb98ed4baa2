/* SPDX-License-Identifier: Apache-2.0 */
/* Texts of clients: well-formed UTF-8 without zero bytes, or PostgreSQL's words for what is not. */
#include <stdio.h>

#include "server/pg/session.h"

enum { SEQUENCE_BYTES_MAX = 4 };

static size_t length_of(unsigned char lead)
{
    if (lead < 0x80) return 1;
    if (lead >= 0xc2 && lead <= 0xdf) return 2;
    if (lead >= 0xe0 && lead <= 0xef) return 3;
    return lead >= 0xf0 && lead <= 0xf4 ? 4 : 0;
}

/* Neither overlong nor a surrogate nor beyond U+10FFFF. */
static bool second_fits(unsigned char lead, unsigned char second)
{
    switch (lead) {
    case 0xe0:
        return second >= 0xa0;
    case 0xed:
        return second <= 0x9f;
    case 0xf0:
        return second >= 0x90;
    case 0xf4:
        return second <= 0x8f;
    default:
        return true;
    }
}

static bool is_sequence(const unsigned char *at, size_t length, size_t left)
{
    if (length == 0 || length > left) return false;
    for (size_t i = 1; i < length; i++) {
        if ((at[i] & 0xc0) != 0x80) return false;
    }
    return length == 1 ? *at != '\0' : second_fits(at[0], at[1]);
}

static bool refuse(struct pg_session *session, const unsigned char *at, size_t left)
{
    char shown[SEQUENCE_BYTES_MAX * 5 + 1];
    size_t length = length_of(*at);
    size_t count = length == 0 ? 1 : length;
    size_t size = 0;

    if (count > left) count = left;
    for (size_t i = 0; i < count; i++) {
        size += (size_t)snprintf(shown + size, sizeof shown - size, "%s0x%02x", i > 0 ? " " : "",
                                 at[i]);
    }
    return sql_fail(&session->error, "22021", 0, "invalid byte sequence for encoding \"UTF8\": %s",
                    shown);
}

bool pg_is_utf8(struct pg_session *session, struct pawl_bytes text)
{
    const unsigned char *at = (const unsigned char *)text.at;
    const unsigned char *end = at + text.size;

    while (at < end) {
        size_t length = length_of(*at);

        if (!is_sequence(at, length, (size_t)(end - at))) {
            return refuse(session, at, (size_t)(end - at));
        }
        at += length;
    }
    return true;
}

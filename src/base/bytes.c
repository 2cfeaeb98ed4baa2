/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include <stdio.h>
#include <string.h>
#include <zlib.h>

bool pawl_bytes_equal(struct pawl_bytes a, struct pawl_bytes b)
{
    return a.size == b.size && (a.size == 0 || memcmp(a.at, b.at, a.size) == 0);
}

bool pawl_bytes_begin(struct pawl_bytes bytes, struct pawl_bytes with)
{
    return bytes.size >= with.size &&
           pawl_bytes_equal((struct pawl_bytes){bytes.at, with.size}, with);
}

static char lower(char c)
{
    if (c < 'A' || c > 'Z') return c;
    return (char)(c | 0x20); /* ASCII: the bit that tells the cases apart */
}

bool pawl_bytes_equal_nocase(struct pawl_bytes a, struct pawl_bytes b)
{
    if (a.size != b.size) return false;
    for (size_t i = 0; i < a.size; i++) {
        if (lower(a.at[i]) != lower(b.at[i])) return false;
    }
    return true;
}

int pawl_bytes_order(struct pawl_bytes a, struct pawl_bytes b)
{
    size_t shorter = a.size < b.size ? a.size : b.size;
    int order = shorter == 0 ? 0 : memcmp(a.at, b.at, shorter);

    if (order != 0) return order;
    return (a.size > b.size) - (a.size < b.size);
}

uint64_t pawl_bytes_hash(struct pawl_bytes bytes, uint64_t seed)
{
    uint64_t hash = 0xcbf29ce484222325U ^ seed;

    for (size_t i = 0; i < bytes.size; i++) {
        hash = (hash ^ (unsigned char)bytes.at[i]) * 0x100000001b3U;
    }
    return pawl_random(&hash);
}

uint32_t pawl_bytes_crc32_more(uint32_t crc, struct pawl_bytes bytes)
{
    if (bytes.size == 0) return crc; /* zlib takes NULL for a wish to begin anew */
    return (uint32_t)crc32_z(crc, (const unsigned char *)bytes.at, bytes.size);
}

uint32_t pawl_bytes_crc32(struct pawl_bytes bytes)
{
    return pawl_bytes_crc32_more(0, bytes);
}

bool pawl_bytes_to_u64(struct pawl_bytes bytes, uint64_t *value)
{
    uint64_t sum = 0;

    if (bytes.size == 0) return false;
    for (size_t i = 0; i < bytes.size; i++) {
        if (bytes.at[i] < '0' || bytes.at[i] > '9') return false;
        uint64_t digit = (uint64_t)(bytes.at[i] - '0');
        if (sum > (UINT64_MAX - digit) / 10) return false;
        sum = sum * 10 + digit;
    }
    *value = sum;
    return true;
}

int pawl_hex_digit(char c)
{
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
}

bool pawl_bytes_to_i64(struct pawl_bytes bytes, int64_t *value)
{
    bool negative = bytes.size > 0 && bytes.at[0] == '-';
    uint64_t size = 0;

    if (negative) bytes = (struct pawl_bytes){bytes.at + 1, bytes.size - 1};
    if (!pawl_bytes_to_u64(bytes, &size)) return false;
    if (size > (uint64_t)INT64_MAX + (negative ? 1 : 0)) return false;
    *value = negative ? (int64_t)(0 - size) : (int64_t)size;
    return true;
}

/* Matches one character against the set that begins behind '['; *glob ends behind its ']'. */
static bool match_set(struct pawl_bytes glob, size_t *at, char c)
{
    size_t i = *at;
    bool negated = i < glob.size && glob.at[i] == '^';
    bool found = false;

    if (negated) i++;
    while (i < glob.size && glob.at[i] != ']') {
        if (glob.at[i] == '\\' && i + 1 < glob.size) i++;
        unsigned char least = (unsigned char)glob.at[i];
        unsigned char most = least;
        if (i + 2 < glob.size && glob.at[i + 1] == '-' && glob.at[i + 2] != ']') {
            most = (unsigned char)glob.at[i + 2];
            i += 2;
        }
        if ((unsigned char)c >= least && (unsigned char)c <= most) found = true;
        i++;
    }
    *at = i < glob.size ? i + 1 : i;
    return found != negated;
}

/* One pattern element that is no star, against one character. */
static bool match_one(struct pawl_bytes glob, size_t *at, char c)
{
    char p = glob.at[(*at)++];

    if (p == '?') return true;
    if (p == '[') return match_set(glob, at, c);
    if (p == '\\' && *at < glob.size) p = glob.at[(*at)++];
    return p == c;
}

bool pawl_glob_match(struct pawl_bytes glob, struct pawl_bytes text)
{
    size_t g = 0;
    size_t t = 0;
    size_t star_g = SIZE_MAX; /* where to go on after the last star, if more text goes to it */
    size_t star_t = 0;

    while (t < text.size) {
        size_t next_g = g;

        if (g < glob.size && glob.at[g] == '*') {
            star_g = ++g;
            star_t = t;
        } else if (g < glob.size && match_one(glob, &next_g, text.at[t])) {
            g = next_g;
            t++;
        } else if (star_g != SIZE_MAX) {
            g = star_g;
            t = ++star_t;
        } else {
            return false;
        }
    }
    while (g < glob.size && glob.at[g] == '*') {
        g++;
    }
    return g == glob.size;
}

/* How many bytes the well-formed character at the front has; 0: none (Unicode 15, table 3-7). */
static size_t utf8_size(const unsigned char *at, size_t size)
{
    unsigned char a = at[0];
    size_t need = a < 0x80 ? 1 : a < 0xc2 ? 0 : a < 0xe0 ? 2 : a < 0xf0 ? 3 : a < 0xf5 ? 4 : 0;

    if (need == 0 || need > size) return 0;
    for (size_t i = 1; i < need; i++) {
        if ((at[i] & 0xc0) != 0x80) return 0;
    }
    if (a == 0xe0 && at[1] < 0xa0) return 0;
    if (a == 0xed && at[1] > 0x9f) return 0;
    if (a == 0xf0 && at[1] < 0x90) return 0;
    if (a == 0xf4 && at[1] > 0x8f) return 0;
    return need;
}

bool pawl_utf8_printable(struct pawl_bytes bytes)
{
    const unsigned char *at = (const unsigned char *)bytes.at;

    for (size_t i = 0; i < bytes.size;) {
        size_t size = utf8_size(at + i, bytes.size - i);

        if (size == 0) return false;
        if (at[i] < 0x20 || at[i] == 0x7f) return false;
        if (at[i] == 0xc2 && at[i + 1] < 0xa0) return false; /* C1 controls */
        i += size;
    }
    return true;
}

/* The value of ?password= or &sslpassword=, as libpq takes them, becomes stars. */
static void hide_options(char *text)
{
    for (char *at = strchr(text, '?'); at != NULL; at = strchr(at + 1, '&')) {
        char *value = strchr(at, '=');
        char *end = strchr(at + 1, '&');

        if (value == NULL) return;
        if (end == NULL) end = at + strlen(at);
        if (value < end && value - at >= 9 && memcmp(value - 8, "password", 8) == 0) {
            memset(value + 1, '*', (size_t)(end - value - 1));
        }
    }
}

/* Behind the colon of a URL that has no '@': a port, or a password whose host was forgotten. */
static const char *lone_password(const char *rest)
{
    const char *colon = rest + strcspn(rest, ":,/?#");
    size_t digits = *colon == ':' ? strspn(colon + 1, "0123456789") : 0;

    if (*colon != ':' || rest[0] == '[' || strchr(",/?#", colon[1 + digits]) != NULL) return NULL;
    return colon;
}

const char *pawl_url_show(char *to, size_t size, const char *url)
{
    const char *host = strstr(url, "://");
    const char *rest = host == NULL ? url + strlen(url) : host + 3;
    /* A password that should have been encoded may hold a slash or an '@' itself. */
    const char *at = memrchr(rest, '@', strlen(rest));
    const char *colon = at == NULL ? NULL : memchr(rest, ':', (size_t)(at - rest));

    if (at == NULL && lone_password(rest) != NULL) {
        colon = lone_password(rest);
        at = colon + strcspn(colon, ",/?#");
    }
    if (colon == NULL) {
        (void)snprintf(to, size, "%s", url);
    } else {
        (void)snprintf(to, size, "%.*s:***%s", (int)(colon - url), url, at);
    }
    hide_options(to);
    return to;
}

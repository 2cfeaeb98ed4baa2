/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include <stdio.h>
#include <string.h>

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
    /* What a byte does to the remainder of the polynomial 0xedb88320. */
    static const uint32_t steps[256] = {
        0x00000000U, 0x77073096U, 0xee0e612cU, 0x990951baU, 0x076dc419U, 0x706af48fU, 0xe963a535U,
        0x9e6495a3U, 0x0edb8832U, 0x79dcb8a4U, 0xe0d5e91eU, 0x97d2d988U, 0x09b64c2bU, 0x7eb17cbdU,
        0xe7b82d07U, 0x90bf1d91U, 0x1db71064U, 0x6ab020f2U, 0xf3b97148U, 0x84be41deU, 0x1adad47dU,
        0x6ddde4ebU, 0xf4d4b551U, 0x83d385c7U, 0x136c9856U, 0x646ba8c0U, 0xfd62f97aU, 0x8a65c9ecU,
        0x14015c4fU, 0x63066cd9U, 0xfa0f3d63U, 0x8d080df5U, 0x3b6e20c8U, 0x4c69105eU, 0xd56041e4U,
        0xa2677172U, 0x3c03e4d1U, 0x4b04d447U, 0xd20d85fdU, 0xa50ab56bU, 0x35b5a8faU, 0x42b2986cU,
        0xdbbbc9d6U, 0xacbcf940U, 0x32d86ce3U, 0x45df5c75U, 0xdcd60dcfU, 0xabd13d59U, 0x26d930acU,
        0x51de003aU, 0xc8d75180U, 0xbfd06116U, 0x21b4f4b5U, 0x56b3c423U, 0xcfba9599U, 0xb8bda50fU,
        0x2802b89eU, 0x5f058808U, 0xc60cd9b2U, 0xb10be924U, 0x2f6f7c87U, 0x58684c11U, 0xc1611dabU,
        0xb6662d3dU, 0x76dc4190U, 0x01db7106U, 0x98d220bcU, 0xefd5102aU, 0x71b18589U, 0x06b6b51fU,
        0x9fbfe4a5U, 0xe8b8d433U, 0x7807c9a2U, 0x0f00f934U, 0x9609a88eU, 0xe10e9818U, 0x7f6a0dbbU,
        0x086d3d2dU, 0x91646c97U, 0xe6635c01U, 0x6b6b51f4U, 0x1c6c6162U, 0x856530d8U, 0xf262004eU,
        0x6c0695edU, 0x1b01a57bU, 0x8208f4c1U, 0xf50fc457U, 0x65b0d9c6U, 0x12b7e950U, 0x8bbeb8eaU,
        0xfcb9887cU, 0x62dd1ddfU, 0x15da2d49U, 0x8cd37cf3U, 0xfbd44c65U, 0x4db26158U, 0x3ab551ceU,
        0xa3bc0074U, 0xd4bb30e2U, 0x4adfa541U, 0x3dd895d7U, 0xa4d1c46dU, 0xd3d6f4fbU, 0x4369e96aU,
        0x346ed9fcU, 0xad678846U, 0xda60b8d0U, 0x44042d73U, 0x33031de5U, 0xaa0a4c5fU, 0xdd0d7cc9U,
        0x5005713cU, 0x270241aaU, 0xbe0b1010U, 0xc90c2086U, 0x5768b525U, 0x206f85b3U, 0xb966d409U,
        0xce61e49fU, 0x5edef90eU, 0x29d9c998U, 0xb0d09822U, 0xc7d7a8b4U, 0x59b33d17U, 0x2eb40d81U,
        0xb7bd5c3bU, 0xc0ba6cadU, 0xedb88320U, 0x9abfb3b6U, 0x03b6e20cU, 0x74b1d29aU, 0xead54739U,
        0x9dd277afU, 0x04db2615U, 0x73dc1683U, 0xe3630b12U, 0x94643b84U, 0x0d6d6a3eU, 0x7a6a5aa8U,
        0xe40ecf0bU, 0x9309ff9dU, 0x0a00ae27U, 0x7d079eb1U, 0xf00f9344U, 0x8708a3d2U, 0x1e01f268U,
        0x6906c2feU, 0xf762575dU, 0x806567cbU, 0x196c3671U, 0x6e6b06e7U, 0xfed41b76U, 0x89d32be0U,
        0x10da7a5aU, 0x67dd4accU, 0xf9b9df6fU, 0x8ebeeff9U, 0x17b7be43U, 0x60b08ed5U, 0xd6d6a3e8U,
        0xa1d1937eU, 0x38d8c2c4U, 0x4fdff252U, 0xd1bb67f1U, 0xa6bc5767U, 0x3fb506ddU, 0x48b2364bU,
        0xd80d2bdaU, 0xaf0a1b4cU, 0x36034af6U, 0x41047a60U, 0xdf60efc3U, 0xa867df55U, 0x316e8eefU,
        0x4669be79U, 0xcb61b38cU, 0xbc66831aU, 0x256fd2a0U, 0x5268e236U, 0xcc0c7795U, 0xbb0b4703U,
        0x220216b9U, 0x5505262fU, 0xc5ba3bbeU, 0xb2bd0b28U, 0x2bb45a92U, 0x5cb36a04U, 0xc2d7ffa7U,
        0xb5d0cf31U, 0x2cd99e8bU, 0x5bdeae1dU, 0x9b64c2b0U, 0xec63f226U, 0x756aa39cU, 0x026d930aU,
        0x9c0906a9U, 0xeb0e363fU, 0x72076785U, 0x05005713U, 0x95bf4a82U, 0xe2b87a14U, 0x7bb12baeU,
        0x0cb61b38U, 0x92d28e9bU, 0xe5d5be0dU, 0x7cdcefb7U, 0x0bdbdf21U, 0x86d3d2d4U, 0xf1d4e242U,
        0x68ddb3f8U, 0x1fda836eU, 0x81be16cdU, 0xf6b9265bU, 0x6fb077e1U, 0x18b74777U, 0x88085ae6U,
        0xff0f6a70U, 0x66063bcaU, 0x11010b5cU, 0x8f659effU, 0xf862ae69U, 0x616bffd3U, 0x166ccf45U,
        0xa00ae278U, 0xd70dd2eeU, 0x4e048354U, 0x3903b3c2U, 0xa7672661U, 0xd06016f7U, 0x4969474dU,
        0x3e6e77dbU, 0xaed16a4aU, 0xd9d65adcU, 0x40df0b66U, 0x37d83bf0U, 0xa9bcae53U, 0xdebb9ec5U,
        0x47b2cf7fU, 0x30b5ffe9U, 0xbdbdf21cU, 0xcabac28aU, 0x53b39330U, 0x24b4a3a6U, 0xbad03605U,
        0xcdd70693U, 0x54de5729U, 0x23d967bfU, 0xb3667a2eU, 0xc4614ab8U, 0x5d681b02U, 0x2a6f2b94U,
        0xb40bbe37U, 0xc30c8ea1U, 0x5a05df1bU, 0x2d02ef8dU,
    };

    crc = ~crc;
    for (size_t i = 0; i < bytes.size; i++) {
        crc = (crc >> 8) ^ steps[(crc ^ (unsigned char)bytes.at[i]) & 255U];
    }
    return ~crc;
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

const char *pawl_url_show(char *to, size_t size, const char *url)
{
    const char *host = strstr(url, "://");
    const char *rest = host == NULL ? url + strlen(url) : host + 3;
    /* A password that should have been encoded may hold a slash or an '@' itself. */
    const char *at = memrchr(rest, '@', strlen(rest));
    const char *colon = at == NULL ? NULL : memchr(rest, ':', (size_t)(at - rest));

    if (colon == NULL) {
        (void)snprintf(to, size, "%s", url);
    } else {
        (void)snprintf(to, size, "%.*s:***%s", (int)(colon - url), url, at);
    }
    hide_options(to);
    return to;
}

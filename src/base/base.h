/* SPDX-License-Identifier: Apache-2.0 */
/* The few words every file may use. */
#ifndef PAWL_BASE_H
#define PAWL_BASE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "pawl/err.h"

#define PAWL_COUNT(array)             (sizeof(array) / sizeof((array)[0]))
#define PAWL_OWNER(ptr, type, member) ((type *)(void *)((char *)(ptr) - (offsetof(type, member))))

/* Checked in every build. Only a bug in pawl can break one: a caller's mistake is an error. */
#define PAWL_ASSERT(condition) \
    ((condition) ? (void)0 : pawl_assert_failed(#condition, __FILE__, __LINE__))

#define PAWL_NS_PER_US UINT64_C(1000)
#define PAWL_NS_PER_MS UINT64_C(1000000)
#define PAWL_NS_PER_S  UINT64_C(1000000000)
#define PAWL_NEVER     UINT64_MAX /* a time that does not come */

_Noreturn void pawl_assert_failed(const char *condition, const char *file, int line);

/* Fills error, unless it is NULL, and returns code: `return pawl_fail(error, PAWL_END, "...")`. */
pawl_err pawl_fail(pawl_error *error, pawl_err code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* SplitMix64 (Steele, Lea, Flood 2014). Each owner has its own state; none is shared or global. */
static inline uint64_t pawl_random(uint64_t *state)
{
    uint64_t z = (*state += 0x9e3779b97f4a7c15U);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9U;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebU;
    return z ^ (z >> 31);
}

/* Bytes that belong to somebody else. */
struct pawl_bytes {
    const char *at;
    size_t size;
};

#define PAWL_BYTES(literal) ((struct pawl_bytes){(literal), sizeof(literal) - 1})

bool pawl_bytes_equal(struct pawl_bytes a, struct pawl_bytes b);
/* Letters of ASCII in either case: for command words and options. */
bool pawl_bytes_equal_nocase(struct pawl_bytes a, struct pawl_bytes b);
bool pawl_bytes_begin(struct pawl_bytes bytes, struct pawl_bytes with);
/* Orders like memcmp, shorter first: the order of names in listings. */
int pawl_bytes_order(struct pawl_bytes a, struct pawl_bytes b);
/* FNV-1a with a final mix: for hash tables and rendezvous ranking. */
uint64_t pawl_bytes_hash(struct pawl_bytes bytes, uint64_t seed);
/* CRC-32 of IEEE 802.3: polynomial 0x04C11DB7, reflected (0xEDB88320). For records on disk. */
uint32_t pawl_bytes_crc32(struct pawl_bytes bytes);
/* That of what crc is of and bytes behind it; crc 0: of bytes alone. */
uint32_t pawl_bytes_crc32_more(uint32_t crc, struct pawl_bytes bytes);
/* The whole of bytes as a decimal number, optional minus; false if it is none or does not fit. */
bool pawl_bytes_to_i64(struct pawl_bytes bytes, int64_t *value);
bool pawl_bytes_to_u64(struct pawl_bytes bytes, uint64_t *value);
/* 0 to 15, in either case; -1: it is none. */
int pawl_hex_digit(char c);
/* Glob with * ? [set] [^set] and backslash, as Redis's KEYS has it. Linear in pattern x text. */
bool pawl_glob_match(struct pawl_bytes glob, struct pawl_bytes text);
/* url without its password, cut at size; returns to. For people, logs and errors. */
const char *pawl_url_show(char *to, size_t size, const char *url);
/* Well-formed UTF-8 (no surrogates, no overlong forms) without control characters. */
bool pawl_utf8_printable(struct pawl_bytes bytes);

#endif

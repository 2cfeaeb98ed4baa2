/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PostgreSQL's protocol 3.0, the server's side, as bytes in and messages out: no sockets, no
 * memory, no state. What is read points into the bytes it was read from. A cut anywhere is
 * harmless: call again from the same front with more.
 */
#ifndef PAWL_PG_H
#define PAWL_PG_H

#include <string.h>

#include "base/base.h"

enum {
    PAWL_PG_HEAD_BYTES = 5,          /* type and length */
    PAWL_PG_FIRST_BYTES_MAX = 10000, /* of a start-up packet, as in PostgreSQL */
    PAWL_PG_LENGTH_MAX = 0x3fffffff, /* of a message: more cannot be meant */
    PAWL_PG_VERSION_MAJOR = 3,
    PAWL_PG_WORST_NUMBER_BYTES = 20, /* digits and sign of an int64 */
};

/* A connection's first packets have no type. */
enum pawl_pg_first_kind { PAWL_PG_START, PAWL_PG_CANCEL, PAWL_PG_SSL, PAWL_PG_GSSENC };

struct pawl_pg_first {
    enum pawl_pg_first_kind kind;
    uint32_t major, minor;      /* START */
    struct pawl_bytes settings; /* START: pairs, for pawl_pg_setting_next */
    uint32_t pid, secret;       /* CANCEL */
};

/*
 * Reads a first packet.
 *
 * Returns  > 0  how many bytes it took
 *          0    it is not all there yet
 *          -1   no more bytes will make it one
 */
ptrdiff_t pawl_pg_read_first(struct pawl_bytes bytes, struct pawl_pg_first *first);
/* The next pair of rest. 0: there is none; -1: rest is not laid out as pairs are. */
int pawl_pg_setting_next(struct pawl_bytes *rest, struct pawl_bytes *name,
                         struct pawl_bytes *value);

struct pawl_pg_frame {
    char type;
    size_t size; /* of all; 0: not even its head is there */
    struct pawl_bytes body;
};

/*
 * Cuts the message at the front of bytes.
 *
 * Returns  > 0  how many bytes it has; body is set
 *          0    it is not all there yet; with its head, type and size are set
 *          -1   its length cannot be meant; type is set
 */
ptrdiff_t pawl_pg_cut(struct pawl_bytes bytes, struct pawl_pg_frame *frame);

/* Bodies. Each returns NULL, or PostgreSQL's text for what is wrong with it (08P01). */

struct pawl_pg_parse {
    struct pawl_bytes name, text;
    size_t type_count;
    const char *types; /* type_count of 4 bytes: pawl_pg_u32 */
};

struct pawl_pg_bind {
    struct pawl_bytes portal, statement;
    size_t format_count;
    const char *formats; /* format_count of 2 bytes: pawl_pg_u16 */
    size_t value_count;
    struct pawl_bytes values; /* for pawl_pg_value_next */
    size_t result_count;
    const char *results; /* result_count of 2 bytes */
};

/* Describe and Close. */
struct pawl_pg_target {
    char kind; /* 'S' or 'P', or what else was sent */
    struct pawl_bytes name;
};

struct pawl_pg_execute {
    struct pawl_bytes portal;
    uint32_t rows_max; /* 0: all */
};

const char *pawl_pg_read_query(struct pawl_bytes body, struct pawl_bytes *text);
const char *pawl_pg_read_parse(struct pawl_bytes body, struct pawl_pg_parse *parse);
const char *pawl_pg_read_bind(struct pawl_bytes body, struct pawl_pg_bind *bind);
const char *pawl_pg_read_target(struct pawl_bytes body, struct pawl_pg_target *target);
const char *pawl_pg_read_execute(struct pawl_bytes body, struct pawl_pg_execute *execute);
const char *pawl_pg_read_empty(struct pawl_bytes body);
/* The next of value_count values, which are well laid out. false: it is NULL. */
bool pawl_pg_value_next(struct pawl_bytes *values, struct pawl_bytes *value);

static inline uint16_t pawl_pg_u16(const char *at)
{
    return (uint16_t)((unsigned)(unsigned char)at[0] << 8 | (unsigned char)at[1]);
}

static inline uint32_t pawl_pg_u32(const char *at)
{
    return (uint32_t)pawl_pg_u16(at) << 16 | pawl_pg_u16(at + 2);
}

/* Writers. Each returns where the next byte goes; room is the caller's care. */

static inline char *pawl_pg_put_u16(char *to, uint16_t value)
{
    to[0] = (char)(value >> 8);
    to[1] = (char)value;
    return to + 2;
}

static inline char *pawl_pg_put_u32(char *to, uint32_t value)
{
    return pawl_pg_put_u16(pawl_pg_put_u16(to, (uint16_t)(value >> 16)), (uint16_t)value);
}

static inline char *pawl_pg_put_u64(char *to, uint64_t value)
{
    return pawl_pg_put_u32(pawl_pg_put_u32(to, (uint32_t)(value >> 32)), (uint32_t)value);
}

static inline char *pawl_pg_put_bytes(char *to, struct pawl_bytes bytes)
{
    if (bytes.size > 0) memcpy(to, bytes.at, bytes.size);
    return to + bytes.size;
}

/* With a zero behind it. */
static inline char *pawl_pg_put_text(char *to, struct pawl_bytes text)
{
    to = pawl_pg_put_bytes(to, text);
    *to = '\0';
    return to + 1;
}

/* A message's head; body_size: of what follows it. */
static inline char *pawl_pg_put_head(char *to, char type, size_t body_size)
{
    *to = type;
    return pawl_pg_put_u32(to + 1, (uint32_t)(body_size + 4));
}

/* Decimal digits; at most PAWL_PG_WORST_NUMBER_BYTES. */
char *pawl_pg_put_number(char *to, int64_t number);

#endif

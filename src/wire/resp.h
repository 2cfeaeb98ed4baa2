/* SPDX-License-Identifier: Apache-2.0 */
/*
 * RESP, both sides, as bytes in and words out: no sockets, no memory, no state. What is parsed
 * points into the bytes it was parsed from. Nothing is kept between calls, so a cut anywhere is
 * harmless: call again from the same front with more.
 */
#ifndef PAWL_RESP_H
#define PAWL_RESP_H

#include "base/base.h"

enum {
    PAWL_RESP_WORDS_MAX = 64,          /* in one request */
    PAWL_RESP_WORD_BYTES_MAX = 512,    /* in one word: names, numbers, options */
    PAWL_RESP_INLINE_BYTES_MAX = 4096, /* of an inline request, its line end included */
    PAWL_RESP_NUMBER_BYTES_MAX = 20,   /* digits and sign of an int64 */
    PAWL_RESP_LINE_BYTES_MAX = 1 + PAWL_RESP_NUMBER_BYTES_MAX + 2,
    PAWL_RESP_REQUEST_BYTES_MIN = 1, /* an empty inline request: "\n" */
    /* A buffer of this size that starts with a request holds it whole, or something wrong. */
    PAWL_RESP_REQUEST_BYTES_MAX =
        PAWL_RESP_LINE_BYTES_MAX +
        PAWL_RESP_WORDS_MAX * (PAWL_RESP_LINE_BYTES_MAX + PAWL_RESP_WORD_BYTES_MAX + 2),
    PAWL_RESP_ERROR_BYTES_MAX = 64,
};

/* The words point into the bytes that were parsed, or into `unquoted`; they live as long. */
struct pawl_resp_request {
    struct pawl_bytes words[PAWL_RESP_WORDS_MAX];
    uint32_t word_count; /* 0: an empty request, to be passed over without an answer */
    char error[PAWL_RESP_ERROR_BYTES_MAX]; /* after -1: Redis's text, "ERR Protocol error: …" */
    char unquoted[PAWL_RESP_INLINE_BYTES_MAX]; /* inline words that had quotes */
};

/*
 * Reads one request, an array of bulk strings or an inline line, from the front of bytes.
 *
 * Returns  > 0  how many bytes the request took; its words are set
 *          0    the request is not all there yet
 *          -1   no more bytes will make it a request: answer error, then hang up
 */
ptrdiff_t pawl_resp_parse(struct pawl_bytes bytes, struct pawl_resp_request *request);

/*
 * Writers. Each writes to `to` and returns how many bytes it wrote. `to` has room for
 * PAWL_RESP_LINE_BYTES_MAX bytes and, where there is a text, for its size and 2 more.
 * protocol is 2 or 3. A client writes a request as an array of bulks.
 */
size_t pawl_resp_write_integer(char *to, int64_t value);
size_t pawl_resp_write_simple(char *to, struct pawl_bytes text); /* line ends become spaces */
size_t pawl_resp_write_error(char *to, struct pawl_bytes text);  /* likewise */
size_t pawl_resp_write_bulk(char *to, struct pawl_bytes text);
size_t pawl_resp_write_null(char *to, int protocol);
size_t pawl_resp_write_array(char *to, size_t count);
size_t pawl_resp_write_map(char *to, size_t pairs, int protocol); /* RESP2: an array */

enum pawl_resp_type {
    PAWL_RESP_SIMPLE,
    PAWL_RESP_ERROR,
    PAWL_RESP_INTEGER,
    PAWL_RESP_BULK,
    PAWL_RESP_NULL,
    PAWL_RESP_ARRAY, /* a map counts as an array of twice as many */
};

enum {
    PAWL_RESP_DEPTH_MAX = 4,               /* arrays within arrays */
    PAWL_RESP_REPLY_LINE_BYTES_MAX = 1024, /* simple strings and errors */
    PAWL_RESP_REPLY_BULK_BYTES_MAX = 1 << 20,
};

struct pawl_resp_value {
    enum pawl_resp_type type;
    uint32_t count;         /* ARRAY: how many values it has, which come next, theirs included */
    int64_t integer;        /* INTEGER */
    struct pawl_bytes text; /* SIMPLE, ERROR ("NOSEQ no sequence …", without '-'), BULK */
};

/* A reply flattened: each array is followed by its values. A plain reply is values[0]. */
struct pawl_resp_reply {
    struct pawl_resp_value *values; /* the caller's */
    uint32_t value_max;
    uint32_t value_count;
};

/*
 * Reads one reply from the front of bytes; as pawl_resp_parse. -1 also if the reply has more than
 * value_max values, is nested too deep or has a string that is too long.
 */
ptrdiff_t pawl_resp_parse_reply(struct pawl_bytes bytes, struct pawl_resp_reply *reply);

#endif

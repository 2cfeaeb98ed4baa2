/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/mcbp.h"

#include <string.h>

enum {
    MAGIC_REQUEST = 0x80,
    MAGIC_REQUEST_FRAMED = 0x08,
    MAGIC_REPLY = 0x81,
    MAGIC_REPLY_FRAMED = 0x18,
    FRAME_DURABILITY = 0x10, /* its id, in the upper half; the size of its data in the lower */
    RESULT_BYTES = 3,        /* of a subdocument mutation: index and status */
    RESULT_SIZE_BYTES = 4,
    LEB128_BITS = 7,
};

/* Where the parts of a header begin. */
enum {
    AT_OPCODE = 1,
    AT_FRAME_SIZE = 2, /* framed: one byte each for frames and key */
    AT_KEY_SIZE_FRAMED = 3,
    AT_KEY_SIZE = 2, /* not framed: two bytes for the key */
    AT_EXTRAS_SIZE = 4,
    AT_DATATYPE = 5,
    AT_VBUCKET = 6,
    AT_BODY_SIZE = 8,
    AT_OPAQUE = 12,
    AT_CAS = 16,
};

void pawl_mcbp_put(char *to, uint64_t value, size_t size)
{
    for (size_t i = size; i > 0; i--) {
        to[i - 1] = (char)(unsigned char)(value & 0xff);
        value >>= 8;
    }
}

uint64_t pawl_mcbp_get(const char *from, size_t size)
{
    uint64_t value = 0;

    for (size_t i = 0; i < size; i++) {
        value = value << 8 | (unsigned char)from[i];
    }
    return value;
}

size_t pawl_mcbp_leb128(uint32_t value, char to[PAWL_MCBP_LEB128_BYTES_MAX])
{
    size_t size = 0;

    do {
        unsigned char low = value & 0x7f;

        value >>= LEB128_BITS;
        to[size++] = (char)(low | (value != 0 ? 0x80 : 0));
    } while (value != 0);
    return size;
}

static size_t frame_size(const struct pawl_mcbp_request *request)
{
    if (request->durability == PAWL_MCBP_NOT_DURABLE) return 0;
    return request->durability_ms == 0 ? 2 : 4;
}

static size_t key_size(const struct pawl_mcbp_request *request)
{
    return request->collection.size + request->key.size;
}

static size_t body_size(const struct pawl_mcbp_request *request)
{
    return frame_size(request) + request->extras.size + key_size(request) + request->value.size;
}

size_t pawl_mcbp_request_size(const struct pawl_mcbp_request *request)
{
    return PAWL_MCBP_HEADER_BYTES + body_size(request);
}

static char *put_bytes(char *to, struct pawl_bytes bytes)
{
    if (bytes.size > 0) memcpy(to, bytes.at, bytes.size);
    return to + bytes.size;
}

static char *put_frame(char *to, const struct pawl_mcbp_request *request)
{
    size_t size = frame_size(request);

    if (size == 0) return to;
    to[0] = (char)(FRAME_DURABILITY | (size - 1));
    to[1] = (char)request->durability;
    if (size > 2) pawl_mcbp_put(to + 2, request->durability_ms, 2);
    return to + size;
}

void pawl_mcbp_request_write(const struct pawl_mcbp_request *request, char *to)
{
    size_t frame = frame_size(request);

    PAWL_ASSERT(request->extras.size <= PAWL_MCBP_EXTRAS_BYTES_MAX);
    PAWL_ASSERT(key_size(request) <= UINT8_MAX || frame == 0);
    PAWL_ASSERT(body_size(request) <= PAWL_MCBP_BODY_BYTES_MAX);
    memset(to, 0, PAWL_MCBP_HEADER_BYTES);
    pawl_mcbp_put(to, frame > 0 ? MAGIC_REQUEST_FRAMED : MAGIC_REQUEST, 1);
    pawl_mcbp_put(to + AT_OPCODE, request->opcode, 1);
    if (frame > 0) {
        pawl_mcbp_put(to + AT_FRAME_SIZE, frame, 1);
        pawl_mcbp_put(to + AT_KEY_SIZE_FRAMED, key_size(request), 1);
    } else {
        pawl_mcbp_put(to + AT_KEY_SIZE, key_size(request), 2);
    }
    pawl_mcbp_put(to + AT_EXTRAS_SIZE, request->extras.size, 1);
    pawl_mcbp_put(to + AT_VBUCKET, request->vbucket, 2);
    pawl_mcbp_put(to + AT_BODY_SIZE, body_size(request), 4);
    pawl_mcbp_put(to + AT_OPAQUE, request->opaque, 4);
    pawl_mcbp_put(to + AT_CAS, request->cas, 8);
    to = put_frame(to + PAWL_MCBP_HEADER_BYTES, request);
    to = put_bytes(to, request->extras);
    to = put_bytes(to, request->collection);
    to = put_bytes(to, request->key);
    (void)put_bytes(to, request->value);
}

enum pawl_mcbp_read pawl_mcbp_reply_read(struct pawl_bytes bytes, struct pawl_mcbp_reply *reply,
                                         size_t *size)
{
    if (bytes.size == 0) return PAWL_MCBP_READ_MORE;
    unsigned char magic = (unsigned char)bytes.at[0];
    bool framed = magic == MAGIC_REPLY_FRAMED;

    if (magic != MAGIC_REPLY && !framed) return PAWL_MCBP_READ_BROKEN;
    if (bytes.size < PAWL_MCBP_HEADER_BYTES) return PAWL_MCBP_READ_MORE;
    const char *at = bytes.at;
    size_t frame = framed ? (size_t)pawl_mcbp_get(at + AT_FRAME_SIZE, 1) : 0;
    size_t key = (size_t)(framed ? pawl_mcbp_get(at + AT_KEY_SIZE_FRAMED, 1)
                                 : pawl_mcbp_get(at + AT_KEY_SIZE, 2));
    size_t extras = (size_t)pawl_mcbp_get(at + AT_EXTRAS_SIZE, 1);
    size_t body = (size_t)pawl_mcbp_get(at + AT_BODY_SIZE, 4);

    if (body > PAWL_MCBP_BODY_BYTES_MAX || frame + extras + key > body) {
        return PAWL_MCBP_READ_BROKEN;
    }
    if (bytes.size - PAWL_MCBP_HEADER_BYTES < body) return PAWL_MCBP_READ_MORE;
    *reply = (struct pawl_mcbp_reply){
        .opcode = (uint8_t)pawl_mcbp_get(at + AT_OPCODE, 1),
        .datatype = (uint8_t)pawl_mcbp_get(at + AT_DATATYPE, 1),
        .status = (uint16_t)pawl_mcbp_get(at + AT_VBUCKET, 2),
        .opaque = (uint32_t)pawl_mcbp_get(at + AT_OPAQUE, 4),
        .cas = pawl_mcbp_get(at + AT_CAS, 8),
    };
    at += PAWL_MCBP_HEADER_BYTES + frame;
    reply->extras = (struct pawl_bytes){at, extras};
    reply->key = (struct pawl_bytes){at + extras, key};
    reply->value = (struct pawl_bytes){at + extras + key, body - frame - extras - key};
    *size = PAWL_MCBP_HEADER_BYTES + body;
    return PAWL_MCBP_READ_REPLY;
}

size_t pawl_mcbp_specs_size(const struct pawl_mcbp_spec *specs, size_t count)
{
    size_t size = 0;

    for (size_t i = 0; i < count; i++) {
        size += PAWL_MCBP_SPEC_BYTES + specs[i].path.size + specs[i].value.size;
    }
    return size;
}

void pawl_mcbp_specs_write(const struct pawl_mcbp_spec *specs, size_t count, char *to)
{
    for (size_t i = 0; i < count; i++) {
        pawl_mcbp_put(to, specs[i].opcode, 1);
        pawl_mcbp_put(to + 1, 0, 1); /* no flags: nothing is created on the way */
        pawl_mcbp_put(to + 2, specs[i].path.size, 2);
        pawl_mcbp_put(to + 4, specs[i].value.size, 4);
        to = put_bytes(to + PAWL_MCBP_SPEC_BYTES, specs[i].path);
        to = put_bytes(to, specs[i].value);
    }
}

bool pawl_mcbp_result_next(struct pawl_bytes *rest, struct pawl_mcbp_result *result)
{
    if (rest->size < RESULT_BYTES) return false;
    *result = (struct pawl_mcbp_result){
        .index = (uint8_t)pawl_mcbp_get(rest->at, 1),
        .status = (uint16_t)pawl_mcbp_get(rest->at + 1, 2),
    };
    size_t size = RESULT_BYTES;

    if (result->status == PAWL_MCBP_SUCCESS) {
        if (rest->size < RESULT_BYTES + RESULT_SIZE_BYTES) return false;
        size_t value = (size_t)pawl_mcbp_get(rest->at + RESULT_BYTES, RESULT_SIZE_BYTES);

        size += RESULT_SIZE_BYTES;
        if (rest->size - size < value) return false;
        result->value = (struct pawl_bytes){rest->at + size, value};
        size += value;
    }
    rest->at += size;
    rest->size -= size;
    return true;
}

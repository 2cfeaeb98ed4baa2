/* SPDX-License-Identifier: Apache-2.0 */
/* The reply side of RESP: what servers answer. */
#include "wire/resp.h"

#include <string.h>

enum step { STEP_MORE, STEP_DONE, STEP_BAD };

struct reader {
    struct pawl_bytes bytes;
    size_t at;
};

/* The line from here on, without its line end. */
static enum step take_line(struct reader *reader, struct pawl_bytes *line)
{
    const char *front = reader->bytes.at + reader->at;
    size_t left = reader->bytes.size - reader->at;
    size_t most = left;

    if (most > PAWL_RESP_REPLY_LINE_BYTES_MAX) most = PAWL_RESP_REPLY_LINE_BYTES_MAX;
    const char *end = memchr(front, '\r', most);
    if (end == NULL) return most == PAWL_RESP_REPLY_LINE_BYTES_MAX ? STEP_BAD : STEP_MORE;
    if ((size_t)(end - front) + 1 == left) return STEP_MORE;
    if (end[1] != '\n') return STEP_BAD;
    *line = (struct pawl_bytes){front, (size_t)(end - front)};
    reader->at += line->size + 2;
    return STEP_DONE;
}

static enum step take_bulk(struct reader *reader, int64_t size, struct pawl_resp_value *value)
{
    const char *front = reader->bytes.at + reader->at;
    size_t left = reader->bytes.size - reader->at;

    if (size == -1) {
        value->type = PAWL_RESP_NULL;
        return STEP_DONE;
    }
    if (size < 0 || size > PAWL_RESP_REPLY_BULK_BYTES_MAX) return STEP_BAD;
    if (left > (size_t)size && front[size] != '\r') return STEP_BAD;
    if (left < (size_t)size + 2) return STEP_MORE;
    if (front[size + 1] != '\n') return STEP_BAD;
    value->type = PAWL_RESP_BULK;
    value->text = (struct pawl_bytes){front, (size_t)size};
    reader->at += (size_t)size + 2;
    return STEP_DONE;
}

static enum step take_array(int64_t count, struct pawl_resp_value *value)
{
    if (count == -1) {
        value->type = PAWL_RESP_NULL;
        return STEP_DONE;
    }
    if (count < 0 || count > UINT32_MAX / 2) return STEP_BAD;
    value->type = PAWL_RESP_ARRAY;
    value->count = (uint32_t)count;
    return STEP_DONE;
}

static enum step take_value(struct reader *reader, struct pawl_resp_value *value)
{
    struct pawl_bytes line;
    int64_t number = 0;
    enum step step = take_line(reader, &line);

    if (step != STEP_DONE) return step;
    if (line.size == 0) return STEP_BAD;
    char mark = line.at[0];
    line = (struct pawl_bytes){line.at + 1, line.size - 1};
    *value = (struct pawl_resp_value){.text = line};
    switch (mark) {
    case '+':
        value->type = PAWL_RESP_SIMPLE;
        return STEP_DONE;
    case '-':
        value->type = PAWL_RESP_ERROR;
        return STEP_DONE;
    case '_':
        value->type = PAWL_RESP_NULL;
        return line.size == 0 ? STEP_DONE : STEP_BAD;
    case ':':
        value->type = PAWL_RESP_INTEGER;
        return pawl_bytes_to_i64(line, &value->integer) ? STEP_DONE : STEP_BAD;
    default:
        break;
    }
    if (!pawl_bytes_to_i64(line, &number)) return STEP_BAD;
    if (mark == '$') return take_bulk(reader, number, value);
    if (mark == '*') return take_array(number, value);
    if (mark == '%' && number >= 0 && number < INT32_MAX) return take_array(number * 2, value);
    return STEP_BAD;
}

ptrdiff_t pawl_resp_parse_reply(struct pawl_bytes bytes, struct pawl_resp_reply *reply)
{
    struct reader reader = {bytes, 0};
    uint64_t open[PAWL_RESP_DEPTH_MAX] = {1}; /* values still to come, by depth */
    size_t depth = 0;

    reply->value_count = 0;
    for (;;) {
        struct pawl_resp_value value;
        enum step step = take_value(&reader, &value);

        if (step == STEP_MORE) return 0;
        if (step == STEP_BAD || reply->value_count == reply->value_max) return -1;
        reply->values[reply->value_count++] = value;
        open[depth]--;
        if (value.type == PAWL_RESP_ARRAY) {
            if (depth + 1 == PAWL_RESP_DEPTH_MAX && value.count > 0) return -1;
            if (value.count > reply->value_max - reply->value_count) return -1;
            if (value.count > 0) open[++depth] = value.count;
        }
        while (open[depth] == 0) {
            if (depth == 0) return (ptrdiff_t)reader.at;
            depth--;
        }
    }
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/pg.h"

enum {
    CODE_CANCEL = 80877102,
    CODE_SSL = 80877103,
    CODE_GSSENC = 80877104,
    CODE_BYTES = 8, /* length and code */
    CANCEL_BYTES = 16,
};

static const char too_short[] = "insufficient data left in message";
static const char too_long[] = "invalid message format";
static const char no_string[] = "invalid string in message";

ptrdiff_t pawl_pg_read_first(struct pawl_bytes bytes, struct pawl_pg_first *first)
{
    if (bytes.size < 4) return 0;
    uint32_t size = pawl_pg_u32(bytes.at);
    if (size < CODE_BYTES || size > PAWL_PG_FIRST_BYTES_MAX) return -1;
    if (bytes.size < size) return 0;
    uint32_t code = pawl_pg_u32(bytes.at + 4);
    *first = (struct pawl_pg_first){.kind = PAWL_PG_START};
    if (code == CODE_CANCEL) {
        if (size != CANCEL_BYTES) return -1;
        first->kind = PAWL_PG_CANCEL;
        first->pid = pawl_pg_u32(bytes.at + CODE_BYTES);
        first->secret = pawl_pg_u32(bytes.at + CODE_BYTES + 4);
    } else if (code == CODE_SSL) {
        first->kind = PAWL_PG_SSL;
    } else if (code == CODE_GSSENC) {
        first->kind = PAWL_PG_GSSENC;
    } else {
        first->major = code >> 16;
        first->minor = code & 0xffff;
        first->settings = (struct pawl_bytes){bytes.at + CODE_BYTES, size - CODE_BYTES};
    }
    return (ptrdiff_t)size;
}

/* A text with a zero behind it, off the front of rest. */
static bool text_next(struct pawl_bytes *rest, struct pawl_bytes *text)
{
    const char *end = rest->size == 0 ? NULL : memchr(rest->at, '\0', rest->size);

    if (end == NULL) return false;
    *text = (struct pawl_bytes){rest->at, (size_t)(end - rest->at)};
    *rest = (struct pawl_bytes){end + 1, rest->size - text->size - 1};
    return true;
}

int pawl_pg_setting_next(struct pawl_bytes *rest, struct pawl_bytes *name, struct pawl_bytes *value)
{
    if (!text_next(rest, name)) return -1;
    if (name->size == 0) return rest->size == 0 ? 0 : -1;
    return text_next(rest, value) ? 1 : -1;
}

ptrdiff_t pawl_pg_cut(struct pawl_bytes bytes, struct pawl_pg_frame *frame)
{
    frame->size = 0;
    if (bytes.size < PAWL_PG_HEAD_BYTES) return 0;
    uint32_t length = pawl_pg_u32(bytes.at + 1);
    frame->type = bytes.at[0];
    if (length < 4 || length > PAWL_PG_LENGTH_MAX) return -1;
    frame->size = (size_t)length + 1;
    if (bytes.size < frame->size) return 0;
    frame->body =
        (struct pawl_bytes){bytes.at + PAWL_PG_HEAD_BYTES, frame->size - PAWL_PG_HEAD_BYTES};
    return (ptrdiff_t)frame->size;
}

/* Bodies. */

static bool u16_next(struct pawl_bytes *rest, size_t *value)
{
    if (rest->size < 2) return false;
    *value = pawl_pg_u16(rest->at);
    *rest = (struct pawl_bytes){rest->at + 2, rest->size - 2};
    return true;
}

static bool u32_next(struct pawl_bytes *rest, uint32_t *value)
{
    if (rest->size < 4) return false;
    *value = pawl_pg_u32(rest->at);
    *rest = (struct pawl_bytes){rest->at + 4, rest->size - 4};
    return true;
}

/* count things of size bytes each. */
static bool array_next(struct pawl_bytes *rest, size_t count, size_t size, const char **array)
{
    if (rest->size < count * size) return false;
    *array = rest->at;
    *rest = (struct pawl_bytes){rest->at + count * size, rest->size - count * size};
    return true;
}

static const char *ended(const struct pawl_bytes *rest)
{
    return rest->size == 0 ? NULL : too_long;
}

const char *pawl_pg_read_query(struct pawl_bytes body, struct pawl_bytes *text)
{
    if (!text_next(&body, text)) return no_string;
    return ended(&body);
}

const char *pawl_pg_read_parse(struct pawl_bytes body, struct pawl_pg_parse *parse)
{
    if (!text_next(&body, &parse->name) || !text_next(&body, &parse->text)) return no_string;
    if (!u16_next(&body, &parse->type_count)) return too_short;
    if (!array_next(&body, parse->type_count, 4, &parse->types)) return too_short;
    return ended(&body);
}

static bool values_next(struct pawl_bytes *rest, struct pawl_pg_bind *bind)
{
    const char *begin = rest->at;

    for (size_t i = 0; i < bind->value_count; i++) {
        uint32_t size = 0;
        const char *value = NULL;

        if (!u32_next(rest, &size)) return false;
        if (size == UINT32_MAX) continue;
        if (size > rest->size || !array_next(rest, size, 1, &value)) return false;
    }
    bind->values = (struct pawl_bytes){begin, (size_t)(rest->at - begin)};
    return true;
}

const char *pawl_pg_read_bind(struct pawl_bytes body, struct pawl_pg_bind *bind)
{
    if (!text_next(&body, &bind->portal) || !text_next(&body, &bind->statement)) return no_string;
    if (!u16_next(&body, &bind->format_count)) return too_short;
    if (!array_next(&body, bind->format_count, 2, &bind->formats)) return too_short;
    if (!u16_next(&body, &bind->value_count)) return too_short;
    if (!values_next(&body, bind)) return too_short;
    if (!u16_next(&body, &bind->result_count)) return too_short;
    if (!array_next(&body, bind->result_count, 2, &bind->results)) return too_short;
    return ended(&body);
}

const char *pawl_pg_read_target(struct pawl_bytes body, struct pawl_pg_target *target)
{
    const char *kind = NULL;

    if (!array_next(&body, 1, 1, &kind)) return too_short;
    target->kind = *kind;
    if (!text_next(&body, &target->name)) return no_string;
    return ended(&body);
}

const char *pawl_pg_read_execute(struct pawl_bytes body, struct pawl_pg_execute *execute)
{
    if (!text_next(&body, &execute->portal)) return no_string;
    if (!u32_next(&body, &execute->rows_max)) return too_short;
    if (execute->rows_max > INT32_MAX) execute->rows_max = 0;
    return ended(&body);
}

const char *pawl_pg_read_empty(struct pawl_bytes body)
{
    return ended(&body);
}

bool pawl_pg_value_next(struct pawl_bytes *values, struct pawl_bytes *value)
{
    uint32_t size = 0;

    PAWL_ASSERT(u32_next(values, &size));
    *value = (struct pawl_bytes){values->at, 0};
    if (size == UINT32_MAX) return false;
    value->size = size;
    PAWL_ASSERT(array_next(values, size, 1, &value->at));
    return true;
}

char *pawl_pg_put_number(char *to, int64_t number)
{
    char digits[PAWL_PG_WORST_NUMBER_BYTES];
    size_t at = sizeof digits;
    uint64_t left = number < 0 ? 0 - (uint64_t)number : (uint64_t)number;

    do {
        digits[--at] = (char)('0' + left % 10);
        left /= 10;
    } while (left > 0);
    if (number < 0) *to++ = '-';
    return pawl_pg_put_bytes(to, (struct pawl_bytes){digits + at, sizeof digits - at});
}

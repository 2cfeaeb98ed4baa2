/* SPDX-License-Identifier: Apache-2.0 */
/*
 * libFuzzer on PostgreSQL's frames. Laws, beyond "no byte outside is touched":
 *   - no prefix of a packet or a message is one, and none is wrong
 *   - what follows changes nothing
 *   - what a body reads to lies within it
 */
#include <stdlib.h>

#include "wire/pg.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_within(struct pawl_bytes part, struct pawl_bytes body)
{
    PAWL_ASSERT(part.at >= body.at && part.at + part.size <= body.at + body.size);
}

static void check_first(struct pawl_bytes bytes)
{
    struct pawl_pg_first first;
    struct pawl_bytes name, value;
    ptrdiff_t took = pawl_pg_read_first(bytes, &first);

    PAWL_ASSERT(took >= -1 && took <= (ptrdiff_t)bytes.size);
    if (took <= 0) return;
    struct pawl_bytes rest = first.settings;
    while (first.kind == PAWL_PG_START && pawl_pg_setting_next(&rest, &name, &value) > 0) {
        check_within(name, first.settings);
        check_within(value, first.settings);
    }
    for (size_t size = 0; size < (size_t)took; size++) {
        PAWL_ASSERT(pawl_pg_read_first((struct pawl_bytes){bytes.at, size}, &first) == 0);
    }
}

static void check_bind(struct pawl_bytes body)
{
    struct pawl_pg_bind bind;
    struct pawl_bytes value;

    if (pawl_pg_read_bind(body, &bind) != NULL) return;
    check_within(bind.portal, body);
    check_within(bind.statement, body);
    struct pawl_bytes rest = bind.values;
    for (size_t i = 0; i < bind.value_count; i++) {
        if (pawl_pg_value_next(&rest, &value)) check_within(value, body);
    }
    PAWL_ASSERT(rest.size == 0);
    check_within((struct pawl_bytes){bind.results, 2 * bind.result_count}, body);
}

static void check_body(struct pawl_bytes body)
{
    struct pawl_pg_parse parse;
    struct pawl_pg_target target;
    struct pawl_pg_execute execute;
    struct pawl_bytes text;

    check_bind(body);
    if (pawl_pg_read_query(body, &text) == NULL) PAWL_ASSERT(text.size + 1 == body.size);
    if (pawl_pg_read_target(body, &target) == NULL) check_within(target.name, body);
    if (pawl_pg_read_execute(body, &execute) == NULL) PAWL_ASSERT(execute.rows_max <= INT32_MAX);
    if (pawl_pg_read_parse(body, &parse) == NULL) {
        check_within(parse.text, body);
        check_within((struct pawl_bytes){parse.types, 4 * parse.type_count}, body);
    }
}

static void check_messages(struct pawl_bytes bytes)
{
    struct pawl_pg_frame frame;
    ptrdiff_t took = pawl_pg_cut(bytes, &frame);

    PAWL_ASSERT(took >= -1 && took <= (ptrdiff_t)bytes.size);
    if (took <= 0) return;
    PAWL_ASSERT(frame.size == (size_t)took);
    check_body(frame.body);
    for (size_t size = 0; size < (size_t)took; size++) {
        PAWL_ASSERT(pawl_pg_cut((struct pawl_bytes){bytes.at, size}, &frame) == 0);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *copy = malloc(size + 1); /* of its own, so that the sanitizer knows where it ends */

    if (copy == NULL) return 0;
    if (size > 0) memcpy(copy + 1, data, size);
    check_first((struct pawl_bytes){copy + 1, size});
    check_messages((struct pawl_bytes){copy + 1, size});
    free(copy);
    return 0;
}

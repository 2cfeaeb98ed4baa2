/* SPDX-License-Identifier: Apache-2.0 */
/* Functions by name: those of sequences, and what drivers and pools ask before they begin. */
#include <stdio.h>
#include <string.h>

#include "server/sql/cast.h"
#include "server/sql/decimal.h"
#include "server/sql/system.h"
#include "server/sql/types.h"

static bool no_memory(struct sql_call *call)
{
    return sql_fail(call->error, "53200", 0, "out of memory");
}

static bool set_text(struct sql_call *call, struct pawl_bytes text)
{
    call->result->text = text;
    return text.at == NULL ? no_memory(call) : true;
}

/* Pools say it to be sure: nobody has locks here, and that is void. */
static bool no_locks(struct sql_call *call)
{
    return set_text(call, PAWL_BYTES(""));
}

static bool absolute_integer(struct sql_call *call)
{
    call->result->number = call->args[0].number;
    if (call->result->number >= 0) return true;
    if (call->result->number == INT64_MIN) {
        return sql_fail(call->error, "22003", 0, "bigint out of range");
    }
    call->result->number = -call->result->number;
    return sql_number_fits(call->result->type, call->result->number, call->error);
}

/* Of numeric and float8: the text without its sign. */
static bool absolute_text(struct sql_call *call)
{
    *call->result = call->args[0];
    if (call->result->text.size == 0 || call->result->text.at[0] != '-') return true;
    call->result->text.at++;
    call->result->text.size--;
    return true;
}

static size_t characters(struct pawl_bytes text)
{
    size_t count = 0;

    for (size_t i = 0; i < text.size; i++) {
        if (((unsigned char)text.at[i] & 0xc0) != 0x80) count++;
    }
    return count;
}

/* Where the character at index begins; the text's end if it has fewer. */
static size_t character_at(struct pawl_bytes text, size_t index)
{
    for (size_t i = 0; i < text.size; i++) {
        bool begins = ((unsigned char)text.at[i] & 0xc0) != 0x80;

        if (begins && index-- == 0) return i;
    }
    return text.size;
}

static bool length(struct sql_call *call)
{
    call->result->number = (int64_t)characters(call->args[0].text);
    return true;
}

static bool octet_length(struct sql_call *call)
{
    call->result->number = (int64_t)call->args[0].text.size;
    return true;
}

static bool change_case(struct sql_call *call, char first, char last)
{
    struct pawl_bytes text = call->args[0].text;
    char *to = sql_pool_take(call->pool, text.size + 1);

    if (to == NULL) return no_memory(call);
    for (size_t i = 0; i < text.size; i++) {
        bool other = text.at[i] >= first && text.at[i] <= last;

        to[i] = (char)(other ? text.at[i] ^ 0x20 : text.at[i]);
    }
    return set_text(call, (struct pawl_bytes){to, text.size});
}

static bool lower(struct sql_call *call)
{
    return change_case(call, 'A', 'Z');
}

static bool upper(struct sql_call *call)
{
    return change_case(call, 'a', 'z');
}

static bool concat(struct sql_call *call)
{
    size_t size = 0;
    struct pawl_bytes *texts = sql_pool_array(call->pool, call->count, sizeof *texts);

    if (texts == NULL) return no_memory(call);
    for (size_t i = 0; i < call->count; i++) {
        bool truth = call->args[i].type == SQL_BOOL;

        texts[i] = call->args[i].null ? PAWL_BYTES("")
                   : truth            ? (call->args[i].number ? PAWL_BYTES("t") : PAWL_BYTES("f"))
                                      : sql_output(call->pool, &call->args[i]);
        if (texts[i].at == NULL) return no_memory(call);
        size += texts[i].size;
    }
    if (size > SQL_RESULT_BYTES_MAX) {
        return sql_fail(call->error, "54000", 0, "the text would be too long");
    }
    char *to = sql_pool_take(call->pool, size + 1);
    if (to == NULL) return no_memory(call);
    char *at = to;
    for (size_t i = 0; i < call->count; i++) {
        memcpy(at, texts[i].at, texts[i].size);
        at += texts[i].size;
    }
    return set_text(call, (struct pawl_bytes){to, size});
}

static bool lpad(struct sql_call *call)
{
    struct pawl_bytes text = call->args[0].text;
    struct pawl_bytes fill = call->count > 2 ? call->args[2].text : PAWL_BYTES(" ");
    size_t wished = call->args[1].number < 0 ? 0 : (size_t)call->args[1].number;
    size_t have = characters(text);

    if (wished > SQL_RESULT_BYTES_MAX / 4) {
        return sql_fail(call->error, "54000", 0, "requested length too large");
    }
    if (have >= wished || fill.size == 0) {
        size_t size = character_at(text, wished);

        return set_text(call, (struct pawl_bytes){text.at, size});
    }
    char *to = sql_pool_take(call->pool, text.size + (wished - have) * 4 + 1);
    size_t size = 0;
    if (to == NULL) return no_memory(call);
    for (size_t i = 0, at = 0; i < wished - have; i++) {
        if (at == fill.size) at = 0;
        do {
            to[size++] = fill.at[at++];
        } while (at < fill.size && ((unsigned char)fill.at[at] & 0xc0) == 0x80);
    }
    memcpy(to + size, text.at, text.size);
    return set_text(call, (struct pawl_bytes){to, size + text.size});
}

static bool substring(struct sql_call *call)
{
    struct pawl_bytes text = call->args[0].text;
    int64_t from = call->args[1].number;
    int64_t end = call->count > 2 ? from + call->args[2].number : INT64_MAX;

    if (call->count > 2 && call->args[2].number < 0) {
        return sql_fail(call->error, "22011", 0, "negative substring length not allowed");
    }
    if (from < 1) from = 1;
    if (end < from) end = from;
    size_t first = character_at(text, (size_t)from - 1);
    size_t last = character_at(text, (size_t)end - 1);
    return set_text(call, (struct pawl_bytes){text.at + first, last - first});
}

static bool type_of(struct sql_call *call)
{
    const char *shown = sql_type_shown(call->args[0].type);

    return set_text(call, (struct pawl_bytes){shown, strlen(shown)});
}

static bool format_type(struct sql_call *call)
{
    enum { HEADER = 4 };
    const char *shown = sql_type_shown((uint32_t)call->args[0].number);
    char text[64];

    if (call->args[0].null) {
        call->result->null = true;
        return true;
    }
    bool sized = call->args[0].number == SQL_VARCHAR && !call->args[1].null &&
                 call->args[1].number >= HEADER;
    int size = sized ? snprintf(text, sizeof text, "%s(%lld)", shown,
                                (long long)call->args[1].number - HEADER)
                     : snprintf(text, sizeof text, "%s", shown);
    return set_text(call, sql_pool_copy(call->pool, (struct pawl_bytes){text, (size_t)size}));
}

#define FUNCTION(name, special, lenient, run, result, ...)                                         \
    {                                                                                              \
        name, special, lenient, run, result, sizeof((uint32_t[]){__VA_ARGS__}) / sizeof(uint32_t), \
        {                                                                                          \
            __VA_ARGS__                                                                            \
        }                                                                                          \
    }
#define WITHOUT_ARGS(name, special, run, result) \
    {                                            \
        name, special, false, run, result, 0,    \
        {                                        \
            0                                    \
        }                                        \
    }
#define RUNS(name, run, result, ...) FUNCTION(name, SQL_DO_RUN, false, run, result, __VA_ARGS__)

const struct sql_function sql_functions[] = {
    FUNCTION("nextval", SQL_DO_NEXTVAL, false, NULL, SQL_INT8, SQL_REGCLASS),
    FUNCTION("currval", SQL_DO_CURRVAL, false, NULL, SQL_INT8, SQL_REGCLASS),
    WITHOUT_ARGS("lastval", SQL_DO_LASTVAL, NULL, SQL_INT8),
    FUNCTION("setval", SQL_DO_SETVAL, false, NULL, SQL_INT8, SQL_REGCLASS, SQL_INT8),
    FUNCTION("setval", SQL_DO_SETVAL, false, NULL, SQL_INT8, SQL_REGCLASS, SQL_INT8, SQL_BOOL),
    FUNCTION("generate_series", SQL_DO_SERIES, false, NULL, SQL_INT4, SQL_INT4, SQL_INT4),
    FUNCTION("generate_series", SQL_DO_SERIES, false, NULL, SQL_INT4, SQL_INT4, SQL_INT4, SQL_INT4),
    FUNCTION("generate_series", SQL_DO_SERIES, false, NULL, SQL_INT8, SQL_INT8, SQL_INT8),
    FUNCTION("generate_series", SQL_DO_SERIES, false, NULL, SQL_INT8, SQL_INT8, SQL_INT8, SQL_INT8),
    FUNCTION("unnest", SQL_DO_UNNEST, false, NULL, SQL_TEXT, SQL_ANY),
    FUNCTION("to_regclass", SQL_DO_CLASS, false, NULL, SQL_REGCLASS, SQL_TEXT),
    FUNCTION("set_config", SQL_DO_SET_CONFIG, true, NULL, SQL_TEXT, SQL_TEXT, SQL_TEXT, SQL_BOOL),
    FUNCTION("pg_typeof", SQL_DO_TYPEOF, true, type_of, SQL_REGTYPE, SQL_ANY),
    FUNCTION("format_type", SQL_DO_RUN, true, format_type, SQL_TEXT, SQL_OID, SQL_INT4),
    FUNCTION("concat", SQL_DO_RUN, true, concat, SQL_TEXT, SQL_VARIADIC_ANY),
    RUNS("abs", absolute_integer, SQL_INT4, SQL_INT4),
    RUNS("abs", absolute_integer, SQL_INT8, SQL_INT8),
    RUNS("abs", absolute_integer, SQL_INT2, SQL_INT2),
    RUNS("abs", absolute_text, SQL_NUMERIC, SQL_NUMERIC),
    RUNS("abs", absolute_text, SQL_FLOAT8, SQL_FLOAT8),
    RUNS("length", length, SQL_INT4, SQL_TEXT),
    RUNS("char_length", length, SQL_INT4, SQL_TEXT),
    RUNS("octet_length", octet_length, SQL_INT4, SQL_TEXT),
    RUNS("lower", lower, SQL_TEXT, SQL_TEXT),
    RUNS("upper", upper, SQL_TEXT, SQL_TEXT),
    RUNS("lpad", lpad, SQL_TEXT, SQL_TEXT, SQL_INT4),
    RUNS("lpad", lpad, SQL_TEXT, SQL_TEXT, SQL_INT4, SQL_TEXT),
    RUNS("substr", substring, SQL_TEXT, SQL_TEXT, SQL_INT4),
    RUNS("substr", substring, SQL_TEXT, SQL_TEXT, SQL_INT4, SQL_INT4),
    RUNS("substring", substring, SQL_TEXT, SQL_TEXT, SQL_INT4),
    RUNS("substring", substring, SQL_TEXT, SQL_TEXT, SQL_INT4, SQL_INT4),
    WITHOUT_ARGS("version", SQL_DO_RUN, sql_version, SQL_TEXT),
    WITHOUT_ARGS("current_schema", SQL_DO_RUN, sql_current_schema, SQL_NAME),
    RUNS("current_schemas", sql_current_schemas, SQL_NAME_ARRAY, SQL_BOOL),
    WITHOUT_ARGS("current_database", SQL_DO_RUN, sql_current_database, SQL_NAME),
    WITHOUT_ARGS("current_user", SQL_DO_RUN, sql_current_user, SQL_NAME),
    WITHOUT_ARGS("session_user", SQL_DO_RUN, sql_current_user, SQL_NAME),
    WITHOUT_ARGS("pg_backend_pid", SQL_DO_RUN, sql_backend_pid, SQL_INT4),
    WITHOUT_ARGS("pg_is_in_recovery", SQL_DO_RUN, sql_in_recovery, SQL_BOOL),
    WITHOUT_ARGS("pg_advisory_unlock_all", SQL_DO_RUN, no_locks, SQL_VOID),
    WITHOUT_ARGS("pg_client_encoding", SQL_DO_RUN, sql_encoding, SQL_NAME),
    WITHOUT_ARGS("getdatabaseencoding", SQL_DO_RUN, sql_encoding, SQL_NAME),
    WITHOUT_ARGS("now", SQL_DO_RUN, sql_now, SQL_TIMESTAMPTZ),
    WITHOUT_ARGS("transaction_timestamp", SQL_DO_RUN, sql_now, SQL_TIMESTAMPTZ),
    WITHOUT_ARGS("statement_timestamp", SQL_DO_RUN, sql_now, SQL_TIMESTAMPTZ),
    WITHOUT_ARGS("clock_timestamp", SQL_DO_RUN, sql_now, SQL_TIMESTAMPTZ),
    WITHOUT_ARGS("pg_postmaster_start_time", SQL_DO_RUN, sql_server_start, SQL_TIMESTAMPTZ),
    RUNS("current_setting", sql_current_setting, SQL_TEXT, SQL_TEXT),
    RUNS("current_setting", sql_current_setting, SQL_TEXT, SQL_TEXT, SQL_BOOL),
    RUNS("has_sequence_privilege", sql_may_sequence, SQL_BOOL, SQL_REGCLASS, SQL_TEXT),
    RUNS("has_sequence_privilege", sql_user_may_sequence, SQL_BOOL, SQL_NAME, SQL_REGCLASS,
         SQL_TEXT),
    RUNS("pg_get_serial_sequence", sql_serial_sequence, SQL_TEXT, SQL_TEXT, SQL_TEXT),
    RUNS("quote_ident", sql_quote_ident, SQL_TEXT, SQL_TEXT),
};
const size_t sql_function_count = PAWL_COUNT(sql_functions);

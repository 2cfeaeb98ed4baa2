/* SPDX-License-Identifier: Apache-2.0 */
/* Answers, written to a connection's output. */
#include "server/resp/say.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "wire/resp.h"

enum { ERROR_BYTES_MAX = 1024 };

void say_integer(struct conn *conn, int64_t value)
{
    char *to = conn_room(conn, PAWL_RESP_LINE_BYTES_MAX);

    if (to != NULL) conn->output.size += pawl_resp_write_integer(to, value);
}

void say_unsigned(struct conn *conn, uint64_t value)
{
    say_integer(conn, value > INT64_MAX ? INT64_MAX : (int64_t)value);
}

void say_simple(struct conn *conn, struct pawl_bytes text)
{
    char *to = conn_room(conn, PAWL_RESP_LINE_BYTES_MAX + text.size);

    if (to != NULL) conn->output.size += pawl_resp_write_simple(to, text);
}

void say_bulk(struct conn *conn, struct pawl_bytes text)
{
    char *to = conn_room(conn, PAWL_RESP_LINE_BYTES_MAX + text.size + 2);

    if (to != NULL) conn->output.size += pawl_resp_write_bulk(to, text);
}

void say_null(struct conn *conn)
{
    char *to = conn_room(conn, PAWL_RESP_LINE_BYTES_MAX);

    if (to != NULL) conn->output.size += pawl_resp_write_null(to, conn->protocol);
}

void say_array(struct conn *conn, size_t count)
{
    char *to = conn_room(conn, PAWL_RESP_LINE_BYTES_MAX);

    if (to != NULL) conn->output.size += pawl_resp_write_array(to, count);
}

void say_map(struct conn *conn, size_t pairs)
{
    char *to = conn_room(conn, PAWL_RESP_LINE_BYTES_MAX);

    if (to != NULL) conn->output.size += pawl_resp_write_map(to, pairs, conn->protocol);
}

void say_raw(struct conn *conn, struct pawl_bytes bytes)
{
    char *to = conn_room(conn, bytes.size);

    if (to == NULL || bytes.size == 0) return;
    memcpy(to, bytes.at, bytes.size);
    conn->output.size += bytes.size;
}

static void say_error_text(struct conn *conn, const char *text)
{
    struct pawl_bytes bytes = {text, strlen(text)};
    char *to = conn_room(conn, PAWL_RESP_LINE_BYTES_MAX + bytes.size);

    if (to != NULL) conn->output.size += pawl_resp_write_error(to, bytes);
}

void say_error(struct conn *conn, const char *format, ...)
{
    char text[ERROR_BYTES_MAX];
    va_list args;

    va_start(args, format);
    (void)vsnprintf(text, sizeof text, format, args);
    va_end(args);
    say_error_text(conn, text);
}

void say_failure(struct conn *conn, const pawl_error *error)
{
    const char *text = error->text[0] == '\0' ? pawl_err_text(error->code) : error->text;

    say_error(conn, "%s %s", pawl_err_word(error->code), text);
}

void say_fail(struct conn *conn, pawl_err code, const char *format, ...)
{
    pawl_error error = {.code = code};
    va_list args;

    va_start(args, format);
    (void)vsnprintf(error.text, sizeof error.text, format, args);
    va_end(args);
    say_failure(conn, &error);
}

void say_no_sequence(struct conn *conn, struct pawl_bytes name, const pawl_error *error)
{
    if (pawl_error_says_elsewhere(error) || strstr(error->text, PAWL_LOST_WORDS) != NULL) {
        say_failure(conn, error); /* just to create it would be the wrong advice */
        return;
    }
    say_error(conn,
              "%s no sequence has the name '%.*s': create it (SEQ.CREATE, pawl create), or start "
              "pawld with --auto-create GLOB to let INCR create names that match",
              pawl_err_word(PAWL_NO_SEQUENCE), (int)name.size, name.at);
}

bool answer_ok(struct conn *conn, struct call *call)
{
    if (call->sent.ask.error.code == PAWL_OK) {
        say_simple(conn, PAWL_BYTES("OK"));
    } else {
        say_failure(conn, &call->sent.ask.error);
    }
    return true;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Messages, written to a connection's output. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "server/pg/session.h"

enum {
    FIELD_BYTES = 18, /* of a column in RowDescription, beside its name */
};

static char *room(struct pg_session *session, size_t size)
{
    return conn_room(session->conn, size);
}

static void wrote(struct pg_session *session, const char *from, const char *end)
{
    session->conn->output.size += (size_t)(end - from);
}

void pg_say(struct pg_session *session, char type, struct pawl_bytes body)
{
    char *to = room(session, PAWL_PG_HEAD_BYTES + body.size);

    if (to == NULL) return;
    wrote(session, to, pawl_pg_put_bytes(pawl_pg_put_head(to, type, body.size), body));
}

void pg_say_parameter(struct pg_session *session, const char *name, const char *value)
{
    size_t size = strlen(name) + strlen(value) + 2;
    char *to = room(session, PAWL_PG_HEAD_BYTES + size);

    if (to == NULL) return;
    char *at = pawl_pg_put_head(to, 'S', size);
    at = pawl_pg_put_text(at, pg_text(name));
    wrote(session, to, pawl_pg_put_text(at, pg_text(value)));
}

/* One field of an ErrorResponse or a NoticeResponse. */
static char *put_field(char *to, char field, const char *text)
{
    *to = field;
    return pawl_pg_put_text(to + 1, pg_text(text));
}

static void say_report(struct pg_session *session, char type, const char *severity,
                       const struct sql_error *error)
{
    char *to = room(session, sizeof *error + 128);

    if (to == NULL) return;
    char *at = to + PAWL_PG_HEAD_BYTES;
    at = put_field(at, 'S', severity);
    at = put_field(at, 'V', severity);
    at = put_field(at, 'C', error->sqlstate);
    at = put_field(at, 'M', error->message);
    if (error->detail[0] != '\0') at = put_field(at, 'D', error->detail);
    if (error->hint[0] != '\0') at = put_field(at, 'H', error->hint);
    if (error->position > 0) {
        *at++ = 'P';
        at = pawl_pg_put_number(at, error->position);
        *at++ = '\0';
    }
    *at++ = '\0';
    (void)pawl_pg_put_head(to, type, (size_t)(at - to) - PAWL_PG_HEAD_BYTES);
    wrote(session, to, at);
}

void pg_say_error(struct pg_session *session, const char *severity, const struct sql_error *error)
{
    say_report(session, 'E', severity, error);
}

static bool is_wanted(const struct pg_session *session, const char *severity)
{
    int place = strcmp(severity, "WARNING") == 0 ? PG_WARNING_PLACE : PG_NOTICE_PLACE;

    return place >= session->settings.least_notice;
}

void pg_say_notice_of(struct pg_session *session, const struct sql_error *notice)
{
    bool warns = strncmp(notice->sqlstate, "00", 2) != 0 && notice->sqlstate[0] != '4';
    const char *severity = warns ? "WARNING" : "NOTICE";

    if (is_wanted(session, severity)) say_report(session, 'N', severity, notice);
}

void pg_say_notice(struct pg_session *session, const char *severity, const char *sqlstate,
                   const char *format, ...)
{
    struct sql_error notice = {0};
    va_list args;

    if (!is_wanted(session, severity)) return;
    memcpy(notice.sqlstate, sqlstate, SQL_STATE_BYTES);
    va_start(args, format);
    (void)vsnprintf(notice.message, sizeof notice.message, format, args);
    va_end(args);
    say_report(session, 'N', severity, &notice);
}

void pg_die(struct pg_session *session, const char *sqlstate, const char *format, ...)
{
    struct sql_error error = {0};
    va_list args;

    memcpy(error.sqlstate, sqlstate, SQL_STATE_BYTES);
    va_start(args, format);
    (void)vsnprintf(error.message, sizeof error.message, format, args);
    va_end(args);
    pg_say_error(session, "FATAL", &error);
    session->conn->closing = true;
}

/* Rows. */

/* portal NULL: of a statement, whose formats are not known yet. What EXECUTE names may have got
 * more columns since they were bound: text. */
static uint16_t format_of(const struct pg_portal *portal, size_t column)
{
    if (portal == NULL || portal->result_count == 0) return 0;
    if (portal->result_count == 1) return (uint16_t)portal->results[0];
    return column < portal->result_count ? (uint16_t)portal->results[column] : 0;
}

void pg_say_columns(struct pg_session *session, const struct pg_portal *portal,
                    const struct sql_plan *plan)
{
    size_t size = 2;

    for (size_t i = 0; i < plan->column_count; i++) {
        size += plan->columns[i].name.size + 1 + FIELD_BYTES;
    }
    char *to = room(session, PAWL_PG_HEAD_BYTES + size);
    if (to == NULL) return;
    char *at = pawl_pg_put_head(to, 'T', size);
    at = pawl_pg_put_u16(at, (uint16_t)plan->column_count);
    for (size_t i = 0; i < plan->column_count; i++) {
        const struct sql_column *column = &plan->columns[i];

        at = pawl_pg_put_text(at, column->name);
        at = pawl_pg_put_u32(at, 0); /* of no table */
        at = pawl_pg_put_u16(at, 0);
        at = pawl_pg_put_u32(at, column->type);
        at = pawl_pg_put_u16(at, (uint16_t)pg_type_size(column->type));
        at = pawl_pg_put_u32(at, (uint32_t)column->modifier);
        at = pawl_pg_put_u16(at, format_of(portal, i));
    }
    wrote(session, to, at);
}

static char *put_number(char *to, int64_t number)
{
    char *end = pawl_pg_put_number(to + 4, number);

    (void)pawl_pg_put_u32(to, (uint32_t)(end - to - 4));
    return end;
}

static char *put_text_value(char *to, const struct sql_value *value)
{
    switch (value->type) {
    case SQL_INT2:
    case SQL_INT4:
    case SQL_INT8:
    case SQL_OID:
        return put_number(to, value->number);
    case SQL_BOOL:
        to = pawl_pg_put_u32(to, 1);
        *to = value->number != 0 ? 't' : 'f';
        return to + 1;
    default:
        to = pawl_pg_put_u32(to, (uint32_t)value->text.size);
        return pawl_pg_put_bytes(to, value->text);
    }
}

/* NULL: the type has no binary form here. */
static char *put_value(char *to, const struct sql_value *value, uint16_t format)
{
    if (value->null) return pawl_pg_put_u32(to, UINT32_MAX);
    if (format == 0) return put_text_value(to, value);
    ptrdiff_t size = pg_value_binary(value, to + 4);
    if (size < 0) return NULL;
    return pawl_pg_put_u32(to, (uint32_t)size) + size;
}

void pg_say_shape(struct pg_session *session, struct pg_portal *portal)
{
    if (!session->simple || portal->described || !pg_has_rows(portal->plan)) return;
    portal->described = true;
    pg_say_columns(session, portal, portal->plan);
}

bool pg_say_row(struct pg_session *session, struct pg_portal *portal, const struct sql_value *row)
{
    pg_say_shape(session, portal);
    size_t count = portal->plan->column_count;
    size_t most = PAWL_PG_HEAD_BYTES + 2;
    size_t texts = 0;

    for (size_t i = 0; i < count; i++) {
        texts += row[i].text.size;
        most += 4 + PG_BINARY_HEAD_BYTES +
                (format_of(portal, i) == 0 ? 1 : PG_BINARY_FACTOR) * row[i].text.size;
    }
    if (texts > PG_ROW_BYTES_MAX) {
        return sql_fail(&session->error, "54000", 0, "the texts of a row have at most %d bytes",
                        PG_ROW_BYTES_MAX);
    }
    char *to = room(session, most);
    if (to == NULL) return true; /* the connection ends */
    char *at = pawl_pg_put_u16(to + PAWL_PG_HEAD_BYTES, (uint16_t)count);
    for (size_t i = 0; i < count; i++) {
        at = put_value(at, &row[i], format_of(portal, i));
        if (at == NULL) {
            return sql_fail(&session->error, "42883", 0,
                            "no binary output function available for type with OID %u",
                            row[i].type);
        }
    }
    (void)pawl_pg_put_head(to, 'D', (size_t)(at - to) - PAWL_PG_HEAD_BYTES);
    wrote(session, to, at);
    return true;
}

/* The ends of things. */

void pg_say_complete(struct pg_session *session, const struct pg_portal *portal)
{
    char tag[SQL_TAG_BYTES_MAX + PAWL_PG_WORST_NUMBER_BYTES + 2];
    struct pawl_bytes word = pg_text(portal->tag != NULL ? portal->tag : portal->plan->tag);

    PAWL_ASSERT(word.size <= SQL_TAG_BYTES_MAX);
    char *at = pawl_pg_put_bytes(tag, word);
    if (portal->plan->kind == SQL_PLAN_SELECT || portal->plan->kind == SQL_PLAN_QUERY) {
        *at++ = ' ';
        at = pawl_pg_put_number(at, (int64_t)portal->rows);
    }
    *at++ = '\0';
    pg_say(session, 'C', (struct pawl_bytes){tag, (size_t)(at - tag)});
}

void pg_say_ready(struct pg_session *session)
{
    const char status = pg_tx_status(session);

    pg_settings_tell(session);
    pg_say(session, 'Z', (struct pawl_bytes){&status, 1});
}

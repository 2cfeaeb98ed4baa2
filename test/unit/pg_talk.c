/* SPDX-License-Identifier: Apache-2.0 */
#include "pg_talk.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "wire/pg.h"

static struct pawl_bytes text_of(const char *text)
{
    return (struct pawl_bytes){text, strlen(text)};
}

void talk_raw(struct talk *talk, struct pawl_bytes bytes)
{
    assert_true(talk->size + bytes.size <= sizeof talk->bytes);
    memcpy(talk->bytes + talk->size, bytes.at, bytes.size);
    talk->size += bytes.size;
}

static void add_u32(struct talk *talk, uint32_t value)
{
    char bytes[4];

    (void)pawl_pg_put_u32(bytes, value);
    talk_raw(talk, (struct pawl_bytes){bytes, sizeof bytes});
}

static void add_u16(struct talk *talk, uint16_t value)
{
    char bytes[2];

    (void)pawl_pg_put_u16(bytes, value);
    talk_raw(talk, (struct pawl_bytes){bytes, sizeof bytes});
}

static void add_text(struct talk *talk, const char *text)
{
    talk_raw(talk, (struct pawl_bytes){text, strlen(text) + 1});
}

/* Where a message's length goes, once it is known. */
static size_t begin(struct talk *talk, char type)
{
    size_t at = talk->size + (type == '\0' ? 0 : 1);

    if (type != '\0') talk_raw(talk, (struct pawl_bytes){&type, 1});
    add_u32(talk, 0);
    return at;
}

static void end(struct talk *talk, size_t at)
{
    (void)pawl_pg_put_u32(talk->bytes + at, (uint32_t)(talk->size - at));
}

void talk_start(struct talk *talk, uint32_t protocol, const char *const *pairs)
{
    size_t at = begin(talk, '\0');

    add_u32(talk, protocol);
    for (; *pairs != NULL; pairs++) {
        add_text(talk, *pairs);
    }
    add_text(talk, "");
    end(talk, at);
}

void talk_code(struct talk *talk, uint32_t code)
{
    size_t at = begin(talk, '\0');

    add_u32(talk, code);
    end(talk, at);
}

void talk_cancel(struct talk *talk, uint32_t pid, uint32_t secret)
{
    size_t at = begin(talk, '\0');

    add_u32(talk, 80877102);
    add_u32(talk, pid);
    add_u32(talk, secret);
    end(talk, at);
}

void talk_query(struct talk *talk, const char *text)
{
    size_t at = begin(talk, 'Q');

    add_text(talk, text);
    end(talk, at);
}

void talk_parse(struct talk *talk, const char *name, const char *text, uint32_t type)
{
    size_t at = begin(talk, 'P');

    add_text(talk, name);
    add_text(talk, text);
    add_u16(talk, type == 0 ? 0 : 1);
    if (type != 0) add_u32(talk, type);
    end(talk, at);
}

void talk_bind(struct talk *talk, const char *portal, const char *statement,
               const char *const *values, int result_format)
{
    size_t at = begin(talk, 'B');
    uint16_t count = 0;

    add_text(talk, portal);
    add_text(talk, statement);
    add_u16(talk, 0);
    while (values != NULL && values[count] != NULL) {
        count++;
    }
    add_u16(talk, count);
    for (uint16_t i = 0; i < count; i++) {
        add_u32(talk, (uint32_t)strlen(values[i]));
        talk_raw(talk, text_of(values[i]));
    }
    add_u16(talk, result_format < 0 ? 0 : 1);
    if (result_format >= 0) add_u16(talk, (uint16_t)result_format);
    end(talk, at);
}

void talk_target(struct talk *talk, char type, char kind, const char *name)
{
    size_t at = begin(talk, type);

    talk_raw(talk, (struct pawl_bytes){&kind, 1});
    add_text(talk, name);
    end(talk, at);
}

void talk_execute(struct talk *talk, const char *portal, uint32_t rows_max)
{
    size_t at = begin(talk, 'E');

    add_text(talk, portal);
    add_u32(talk, rows_max);
    end(talk, at);
}

void talk_plain(struct talk *talk, char type)
{
    end(talk, begin(talk, type));
}

/* Answers. */

struct shown {
    char text[TALK_SHOWN_MAX];
    size_t size;
};

static void show(struct shown *shown, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static void show(struct shown *shown, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    int size = vsnprintf(shown->text + shown->size, sizeof shown->text - shown->size, format, args);
    va_end(args);
    shown->size += (size_t)size;
    assert_true(shown->size < sizeof shown->text);
}

static const char *show_report(struct shown *shown, const char *at, char type)
{
    const char *severity = "";
    const char *code = "";
    const char *message = "";

    for (; *at != '\0'; at += strlen(at) + 1) {
        if (*at == 'V') severity = at + 1;
        if (*at == 'C') code = at + 1;
        if (*at == 'M') message = at + 1;
    }
    if (type == 'N' || strcmp(severity, "FATAL") == 0) show(shown, "%s ", severity);
    show(shown, "%s %s", code, message);
    return at + 1;
}

static const char *show_columns(struct shown *shown, const char *at)
{
    uint16_t count = pawl_pg_u16(at);

    at += 2;
    for (uint16_t i = 0; i < count; i++) {
        const char *name = at;

        at += strlen(at) + 1;
        show(shown, "%s%s:%u", i > 0 ? "," : "", name, pawl_pg_u32(at + 6));
        at += 18;
    }
    return at;
}

static const char *show_row(struct shown *shown, const char *at)
{
    uint16_t count = pawl_pg_u16(at);

    at += 2;
    for (uint16_t i = 0; i < count; i++) {
        uint32_t size = pawl_pg_u32(at);

        at += 4;
        if (i > 0) show(shown, ",");
        if (size == UINT32_MAX) {
            show(shown, "NULL");
            continue;
        }
        bool text = true;
        for (uint32_t j = 0; j < size; j++) {
            if ((unsigned char)at[j] < ' ') text = false;
        }
        for (uint32_t j = 0; j < size; j++) {
            show(shown, text ? "%c" : "%02x", (unsigned char)at[j]);
        }
        at += size;
    }
    return at;
}

static const char *show_types(struct shown *shown, const char *at)
{
    uint16_t count = pawl_pg_u16(at);

    at += 2;
    for (uint16_t i = 0; i < count; i++, at += 4) {
        show(shown, "%s%u", i > 0 ? "," : "", pawl_pg_u32(at));
    }
    return at;
}

/* Returns where the body was read to. */
static const char *show_body(struct shown *shown, char type, const char *at)
{
    switch (type) {
    case 'T':
        return show_columns(shown, at);
    case 'D':
        return show_row(shown, at);
    case 'E':
    case 'N':
        return show_report(shown, at, type);
    case 't':
        return show_types(shown, at);
    case 'C':
        show(shown, "%s", at);
        return at + strlen(at) + 1;
    case 'S':
        show(shown, "%s=", at);
        at += strlen(at) + 1;
        show(shown, "%s", at);
        return at + strlen(at) + 1;
    case 'Z':
        show(shown, "%c", *at);
        return at + 1;
    case 'R':
        show(shown, "%u", pawl_pg_u32(at));
        return NULL;
    default:
        return NULL;
    }
}

const char *talk_show(struct pawl_bytes answers)
{
    static struct shown shown;
    struct pawl_pg_frame frame;

    shown.size = 0;
    shown.text[0] = '\0';
    while (answers.size > 0) {
        ptrdiff_t took = pawl_pg_cut(answers, &frame);

        if (took <= 0) { /* 'N' to an SSLRequest, or half a message */
            show(&shown, "%s'%c'", shown.size > 0 ? " " : "", *answers.at);
            took = 1;
        } else {
            show(&shown, "%s%c", shown.size > 0 ? " " : "", frame.type);
        }
        if (took > 1 && strchr("TDENtCSZR", frame.type) != NULL) {
            show(&shown, "(");
            const char *read = show_body(&shown, frame.type, frame.body.at);
            assert_true(read == NULL || read == frame.body.at + frame.body.size);
            show(&shown, ")");
        }
        answers = (struct pawl_bytes){answers.at + took, answers.size - (size_t)took};
    }
    return shown.text;
}

void talk_key(struct pawl_bytes answers, uint32_t *pid, uint32_t *secret)
{
    struct pawl_pg_frame frame;

    while (answers.size > 0) {
        ptrdiff_t took = pawl_pg_cut(answers, &frame);

        assert_true(took > 0);
        if (frame.type == 'K') {
            *pid = pawl_pg_u32(frame.body.at);
            *secret = pawl_pg_u32(frame.body.at + 4);
            return;
        }
        answers = (struct pawl_bytes){answers.at + took, answers.size - (size_t)took};
    }
    fail_msg("no key");
}

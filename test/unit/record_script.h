/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Little scripts of what people do to a sequence s, and the answers as one line: steps are set
 * apart by ';', an error stands in brackets. The same scripts can be put to PostgreSQL.
 *   create OPTIONS · alter OPTIONS · next COUNT · set ID (as setval(s, ID, false)) · use ID (as
 *   setval(s, ID)) · show (as SELECT last_value, is_called FROM s)
 */
#ifndef RECORD_SCRIPT_H
#define RECORD_SCRIPT_H

#include <inttypes.h>
#include <stdio.h>

#include "record_fixture.h"

enum { SCRIPT_BYTES_MAX = 1000, SCRIPT_WORDS_MAX = 32 };

struct script_step {
    struct pawl_bytes words[SCRIPT_WORDS_MAX];
    size_t count;
};

static const struct {
    const char *word;
    uint32_t given;
} script_options[] = {
    {"START", PAWL_GIVEN_START},     {"INCREMENT", PAWL_GIVEN_INCREMENT},
    {"MINVALUE", PAWL_GIVEN_MIN},    {"MAXVALUE", PAWL_GIVEN_MAX},
    {"NOMIN", PAWL_GIVEN_NO_MIN},    {"NOMAX", PAWL_GIVEN_NO_MAX},
    {"CYCLE", PAWL_GIVEN_CYCLE},     {"NOCYCLE", PAWL_GIVEN_CYCLE},
    {"RESTART", PAWL_GIVEN_RESTART}, {"RESTART_AT_START", PAWL_GIVEN_RESTART_AT_START},
    {"smallint", PAWL_GIVEN_TYPE},   {"integer", PAWL_GIVEN_TYPE},
    {"bigint", PAWL_GIVEN_TYPE},
};

static inline bool script_word_is(struct pawl_bytes word, const char *text)
{
    return pawl_bytes_equal(word, (struct pawl_bytes){text, strlen(text)});
}

/* Cuts the next step off script. */
static inline bool script_cut(const char **script, struct script_step *step)
{
    const char *at = *script;

    step->count = 0;
    while (*at != '\0' && *at != ';') {
        size_t size = strcspn(at, " ;");

        if (size > 0) {
            assert_true(step->count < SCRIPT_WORDS_MAX);
            step->words[step->count++] = (struct pawl_bytes){at, size};
        }
        at += size + (at[size] == ' ' ? 1 : 0);
    }
    *script = at + (*at == ';' ? 1 : 0);
    return step->count > 0;
}

static inline int64_t script_number(struct pawl_bytes word)
{
    int64_t number = 0;

    if (!pawl_bytes_to_i64(word, &number)) {
        fail_msg("no number: %.*s", (int)word.size, word.at);
    }
    return number;
}

/* The field that an option's number goes to; NULL: it has none. */
static inline int64_t *script_field(pawl_definition *definition, uint32_t given)
{
    if (given == PAWL_GIVEN_START) return &definition->start;
    if (given == PAWL_GIVEN_INCREMENT) return &definition->increment;
    if (given == PAWL_GIVEN_MIN) return &definition->min;
    if (given == PAWL_GIVEN_MAX) return &definition->max;
    if (given == PAWL_GIVEN_RESTART) return &definition->restart;
    return NULL;
}

static inline pawl_definition script_definition(const struct script_step *step)
{
    pawl_definition definition = {.given = 0};

    for (size_t i = 1; i < step->count; i++) {
        struct pawl_bytes word = step->words[i];
        size_t option = 0;

        while (!script_word_is(word, script_options[option].word)) {
            option++;
            assert_true(option < PAWL_COUNT(script_options));
        }
        int64_t *field = script_field(&definition, script_options[option].given);

        definition.given |= script_options[option].given;
        if (field != NULL) *field = script_number(step->words[++i]);
        if (script_word_is(word, "CYCLE")) definition.cycle = true;
        if (script_word_is(word, "smallint")) definition.data_type = PAWL_TYPE_SMALLINT;
        if (script_word_is(word, "integer")) definition.data_type = PAWL_TYPE_INTEGER;
    }
    return definition;
}

struct script_answer {
    char text[SCRIPT_BYTES_MAX];
    size_t size;
};

static inline void script_say(struct script_answer *answer, const char *format, const char *text)
{
    int size =
        snprintf(answer->text + answer->size, sizeof answer->text - answer->size, format, text);

    assert_true(size >= 0 && (size_t)size < sizeof answer->text - answer->size);
    answer->size += (size_t)size;
}

static inline void script_say_error(struct script_answer *answer, const struct pawl_ask *ask)
{
    if (ask->error.code != PAWL_OK) script_say(answer, " [%s]", ask->error.text);
}

static inline void script_next(struct desk *desk, int64_t count, struct script_answer *answer)
{
    for (int64_t i = 0; i < count; i++) {
        struct pawl_ask ask = desk_next(desk, 1);
        char id[24];

        script_say_error(answer, &ask);
        if (ask.error.code != PAWL_OK) return;
        (void)snprintf(id, sizeof id, "%" PRId64, ask.grant.range.first);
        script_say(answer, " %s", id);
    }
}

static inline void script_show(const struct pawl_record *record, struct script_answer *answer)
{
    char row[32];

    (void)snprintf(row, sizeof row, "%" PRId64 "|%c", pawl_record_last(record),
                   pawl_record_is_called(record) ? 't' : 'f');
    script_say(answer, " %s", row);
}

/* Each step's answer, then ';'. */
static inline void script_run(const char *script, struct script_answer *answer)
{
    struct script_step step = {.count = 0};
    struct desk desk;

    desk_set(&desk, "s");
    answer->size = 0;
    while (script_cut(&script, &step)) {
        pawl_definition definition = {.given = 0};
        struct pawl_ask ask = {.kind = PAWL_ASK_PING};

        if (script_word_is(step.words[0], "next")) {
            script_next(&desk, script_number(step.words[1]), answer);
        } else if (script_word_is(step.words[0], "set")) {
            ask = desk_put(&desk, script_number(step.words[1]), true);
        } else if (script_word_is(step.words[0], "use")) {
            ask = desk_put_used(&desk, script_number(step.words[1]), true);
        } else if (script_word_is(step.words[0], "show")) {
            script_show(&desk.record, answer);
        } else {
            definition = script_definition(&step);
            ask = script_word_is(step.words[0], "create") ? desk_create(&desk, &definition)
                                                          : desk_alter(&desk, &definition);
        }
        script_say_error(answer, &ask);
        script_say(answer, "%s", ";");
    }
}

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* The options of SEQ.CREATE and SEQ.ALTER. */
#include "server/resp/command.h"

static const struct {
    const char *word;
    pawl_given given;
    bool in_create, in_alter;
    enum { OPTION_NUMBER, OPTION_FLAG, OPTION_WORD } kind;
} options[] = {
    {"START", PAWL_GIVEN_START, true, true, OPTION_NUMBER},
    {"INCREMENT", PAWL_GIVEN_INCREMENT, true, true, OPTION_NUMBER},
    {"MINVALUE", PAWL_GIVEN_MIN, true, true, OPTION_NUMBER},
    {"MAXVALUE", PAWL_GIVEN_MAX, true, true, OPTION_NUMBER},
    {"NOMINVALUE", PAWL_GIVEN_NO_MIN, true, true, OPTION_FLAG},
    {"NOMAXVALUE", PAWL_GIVEN_NO_MAX, true, true, OPTION_FLAG},
    {"CYCLE", PAWL_GIVEN_CYCLE, true, true, OPTION_FLAG},
    {"NOCYCLE", PAWL_GIVEN_CYCLE, true, true, OPTION_FLAG},
    {"BLOCK", PAWL_GIVEN_BLOCK, true, true, OPTION_WORD},
    {"ORDER", PAWL_GIVEN_ORDER, true, true, OPTION_WORD},
    {"TYPE", PAWL_GIVEN_TYPE, true, true, OPTION_WORD},
    {"IFNOTEXISTS", PAWL_GIVEN_IF_NOT_EXISTS, true, false, OPTION_FLAG},
    {"RESTART", PAWL_GIVEN_RESTART, false, true, OPTION_WORD},
};

static bool read_number(pawl_definition *definition, pawl_given given, int64_t value)
{
    int64_t *field = given == PAWL_GIVEN_START       ? &definition->start
                     : given == PAWL_GIVEN_INCREMENT ? &definition->increment
                     : given == PAWL_GIVEN_MIN       ? &definition->min
                                                     : &definition->max;

    *field = value;
    return true;
}

static bool read_block(struct words *words, pawl_definition *definition, pawl_error *error)
{
    int64_t block = 0;

    if (words_take(words, "AUTO")) {
        definition->block = 0;
        return true;
    }
    if (!words_take_i64(words, &block) || block < 1) {
        pawl_fail(error, PAWL_BAD_REQUEST, "BLOCK takes AUTO or a number of ids, 1 or more");
        return false;
    }
    definition->block = (uint64_t)block;
    return true;
}

static bool read_order(struct words *words, pawl_definition *definition, pawl_error *error)
{
    if (words_take(words, "CLIENT")) {
        definition->order = PAWL_ORDER_CLIENT;
    } else if (words_take(words, "GLOBAL")) {
        definition->order = PAWL_ORDER_GLOBAL;
    } else {
        pawl_fail(error, PAWL_BAD_REQUEST, "ORDER takes CLIENT or GLOBAL");
        return false;
    }
    return true;
}

static bool read_type(struct words *words, pawl_definition *definition, pawl_error *error)
{
    if (words_take(words, "BIGINT")) {
        definition->data_type = PAWL_TYPE_BIGINT;
    } else if (words_take(words, "INTEGER")) {
        definition->data_type = PAWL_TYPE_INTEGER;
    } else if (words_take(words, "SMALLINT")) {
        definition->data_type = PAWL_TYPE_SMALLINT;
    } else {
        pawl_fail(error, PAWL_BAD_REQUEST, "TYPE takes SMALLINT, INTEGER or BIGINT");
        return false;
    }
    return true;
}

/* RESTART alone goes back to START. */
static void read_restart(struct words *words, pawl_definition *definition)
{
    if (words_take_i64(words, &definition->restart)) return;
    definition->given &= ~(uint32_t)PAWL_GIVEN_RESTART;
    definition->given |= PAWL_GIVEN_RESTART_AT_START;
}

static bool read_word(struct words *words, pawl_given given, pawl_definition *definition,
                      pawl_error *error)
{
    if (given == PAWL_GIVEN_BLOCK) return read_block(words, definition, error);
    if (given == PAWL_GIVEN_ORDER) return read_order(words, definition, error);
    if (given == PAWL_GIVEN_TYPE) return read_type(words, definition, error);
    read_restart(words, definition);
    return true;
}

static bool read_option(struct words *words, size_t i, pawl_definition *definition,
                        pawl_error *error)
{
    uint32_t given = (uint32_t)options[i].given;
    int64_t value = 0;

    if ((definition->given & given) != 0) {
        pawl_fail(error, PAWL_BAD_REQUEST, "%s is given twice", options[i].word);
        return false;
    }
    definition->given |= given;
    switch (options[i].kind) {
    case OPTION_FLAG:
        if (given == PAWL_GIVEN_CYCLE) definition->cycle = options[i].word[0] == 'C';
        return true;
    case OPTION_WORD:
        return read_word(words, options[i].given, definition, error);
    case OPTION_NUMBER:
        if (words_take_i64(words, &value)) return read_number(definition, options[i].given, value);
        pawl_fail(error, PAWL_BAD_REQUEST,
                  "%s takes a whole number from -9223372036854775808 to 9223372036854775807",
                  options[i].word);
        return false;
    }
    return false;
}

bool options_read(struct words *words, bool alter, pawl_definition *definition, pawl_error *error)
{
    *definition = (pawl_definition){.given = 0};
    while (words_left(words)) {
        size_t i = 0;

        while (i < PAWL_COUNT(options) && !((alter ? options[i].in_alter : options[i].in_create) &&
                                            words_take(words, options[i].word))) {
            i++;
        }
        if (i == PAWL_COUNT(options)) {
            struct pawl_bytes word = words->request->words[words->at];

            pawl_fail(error, PAWL_BAD_REQUEST, "%s has no option '%.*s'",
                      alter ? "SEQ.ALTER" : "SEQ.CREATE", (int)word.size, word.at);
            return false;
        }
        if (!read_option(words, i, definition, error)) return false;
    }
    return true;
}

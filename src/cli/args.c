/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/args.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/hide.h"

enum kind {
    KIND_FLAG,
    KIND_NOT,
    KIND_GIVEN, /* only sets its pawl_given bits */
    KIND_TEXT,
    KIND_I64,
    KIND_U64,
    KIND_SECONDS,
    KIND_TIME,
    KIND_BLOCK,
    KIND_ORDER,
    KIND_TYPE,
    KIND_RESTART,
};

#define IN(command) (1U << (command))
#define IN_ALL      (IN(COMMAND_COUNT) - 1)
#define IN_STORES                                                                \
    (IN(COMMAND_STORE_INIT) | IN(COMMAND_STORE_CHECK) | IN(COMMAND_STORE_COPY) | \
     IN(COMMAND_BACKUP) | IN(COMMAND_RESTORE) | IN(COMMAND_PASSWD) |             \
     IN(COMMAND_VERIFY)) /* and what needs no store either */
#define IN_CLIENTS   (IN_ALL & ~IN_STORES)
/* Those of stores that name one as others do. */
#define IN_ONE_STORE (IN(COMMAND_STORE_INIT) | IN(COMMAND_STORE_CHECK))
#define IN_DEFINE    (IN(COMMAND_CREATE) | IN(COMMAND_ALTER))
#define IN_SHAPE     (IN_DEFINE | IN(COMMAND_VERIFY))
#define IN_CHANGE    (IN(COMMAND_ALTER) | IN(COMMAND_SET) | IN(COMMAND_DROP) | IN(COMMAND_RENAME))

static const struct option {
    const char *name;
    char letter;
    const char *argument;
    unsigned commands;
    enum kind kind;
    size_t at; /* in struct args */
    uint32_t given;
    const char *help;
} options[] = {
#define OPTION(name, letter, argument, commands, kind, member, given, help) \
    {name, letter, argument, commands, kind, offsetof(struct args, member), given, help},
#include "cli/options.def"
#undef OPTION
};

static const struct {
    const char *name, *behind, *help;
} commands[COMMAND_COUNT] = {
#define COMMAND(constant, name, behind, function, help) [constant] = {name, behind, help},
#include "cli/commands.def"
#undef COMMAND
};

static const struct {
    int number;
    const char *help;
} exits[] = {
#define EXIT(constant, number, help) {number, help},
#include "cli/exits.def"
#undef EXIT
};

static const char *const orders[] = {
    [PAWL_ORDER_CLIENT] = "client", [PAWL_ORDER_GLOBAL] = "global"};
static const char *const types[] = {[PAWL_TYPE_BIGINT] = "bigint",
                                    [PAWL_TYPE_INTEGER] = "integer",
                                    [PAWL_TYPE_SMALLINT] = "smallint"};

enum { SECONDS_MAX = 1000000 };

#define TIME_MAX_S (UINT64_C(36500) * 86400)

const char *args_order_name(pawl_order order)
{
    return (size_t)order < PAWL_COUNT(orders) ? orders[order] : "unknown";
}

const char *args_type_name(pawl_type type)
{
    return (size_t)type < PAWL_COUNT(types) ? types[type] : "unknown";
}

const char *args_command_name(enum command command)
{
    return command < COMMAND_COUNT ? commands[command].name : "";
}

bool args_is_store(const struct args *args)
{
    return args->command < COMMAND_COUNT && (IN(args->command) & IN_STORES) != 0;
}

static struct pawl_bytes bytes_of(const char *text)
{
    return (struct pawl_bytes){text, strlen(text)};
}

static bool looks_like_number(const char *word)
{
    if (word == NULL) return false;
    if (word[0] == '-') word++;
    return word[0] >= '0' && word[0] <= '9';
}

static bool is_option(const char *word)
{
    return word[0] == '-' && word[1] != '\0' && !looks_like_number(word);
}

/* name ends at an '=' or at the word's end. NULL: there is no such option. */
static const struct option *find_option(const char *word)
{
    size_t size = strcspn(word, "=");

    for (size_t i = 0; i < PAWL_COUNT(options); i++) {
        const struct option *option = &options[i];
        bool is_long = strncmp(word, "--", 2) == 0 && strlen(option->name) == size - 2 &&
                       strncmp(word + 2, option->name, size - 2) == 0;
        bool is_short = size == 2 && option->letter != 0 && word[1] == option->letter;

        if (is_long || is_short) return option;
    }
    return NULL;
}

static const char *meaning(const struct option *option)
{
    switch (option->kind) {
    case KIND_I64:
    case KIND_RESTART:
        return "a whole number of 64 bits";
    case KIND_U64:
        return "a whole number from 1";
    case KIND_SECONDS:
        return "seconds, more than 0 and at most 1000000";
    case KIND_TIME:
        return "a time such as 90, 30m, 6h or 2d, at most 36500d";
    case KIND_BLOCK:
        return "a whole number from 1, or auto";
    case KIND_FLAG:
    case KIND_NOT:
    case KIND_GIVEN:
    case KIND_TEXT:
    case KIND_ORDER:
    case KIND_TYPE:
        return option->argument;
    }
    return option->argument;
}

static pawl_err wrong(const struct option *option, const char *value, pawl_error *error)
{
    return pawl_fail(error, PAWL_BAD_REQUEST, "--%s takes %s, not '%s'", option->name,
                     meaning(option), value);
}

/* Sets *choice to which of the words value is. */
static bool choose(const char *value, const char *const *words, int count, int *choice)
{
    for (int i = 0; i < count; i++) {
        if (!pawl_bytes_equal_nocase(bytes_of(value), bytes_of(words[i]))) continue;
        *choice = i;
        return true;
    }
    return false;
}

static bool to_seconds(const char *value, uint64_t *ns)
{
    char *end = NULL;
    double seconds = strtod(value, &end);

    if (end == value || *end != '\0') return false;
    if (!isfinite(seconds) || seconds <= 0 || seconds > SECONDS_MAX) return false;
    *ns = (uint64_t)(seconds * (double)PAWL_NS_PER_S);
    return *ns > 0;
}

/* A whole number of seconds, or of what a letter behind it says. */
static bool to_time(const char *value, uint64_t *ns)
{
    static const struct {
        char letter;
        uint64_t seconds;
    } units[] = {{'s', 1}, {'m', 60}, {'h', 3600}, {'d', 86400}};
    struct pawl_bytes number = bytes_of(value);
    uint64_t unit = 1;
    uint64_t count = 0;

    for (size_t i = 0; i < PAWL_COUNT(units) && number.size > 0; i++) {
        if (value[number.size - 1] != units[i].letter) continue;
        unit = units[i].seconds;
        number.size--;
        break;
    }
    if (!pawl_bytes_to_u64(number, &count) || count == 0 || count > TIME_MAX_S / unit) return false;
    *ns = count * unit * PAWL_NS_PER_S;
    return true;
}

static pawl_err set_restart(struct args *args, const struct option *option, const char *value,
                            pawl_error *error)
{
    pawl_definition *definition = &args->definition;

    definition->given &= ~(uint32_t)(PAWL_GIVEN_RESTART | PAWL_GIVEN_RESTART_AT_START);
    if (value[0] == '\0') {
        definition->given |= PAWL_GIVEN_RESTART_AT_START;
        return PAWL_OK;
    }
    definition->given |= PAWL_GIVEN_RESTART;
    if (pawl_bytes_to_i64(bytes_of(value), &definition->restart)) return PAWL_OK;
    return wrong(option, value, error);
}

/* Stores value, which is "" if there is none, where the table says. */
static pawl_err set_option(struct args *args, const struct option *option, const char *value,
                           pawl_error *error)
{
    void *at = (char *)args + option->at;
    uint64_t number = 0;
    int choice = 0;

    args->definition.given |= option->given;
    switch (option->kind) {
    case KIND_FLAG:
        *(bool *)at = true;
        return PAWL_OK;
    case KIND_NOT:
        *(bool *)at = false;
        return PAWL_OK;
    case KIND_GIVEN:
        return PAWL_OK;
    case KIND_TEXT:
        *(const char **)at = value;
        return PAWL_OK;
    case KIND_I64:
        return pawl_bytes_to_i64(bytes_of(value), at) ? PAWL_OK : wrong(option, value, error);
    case KIND_U64:
        if (!pawl_bytes_to_u64(bytes_of(value), &number) || number == 0) break;
        *(uint64_t *)at = number;
        return PAWL_OK;
    case KIND_SECONDS:
        return to_seconds(value, at) ? PAWL_OK : wrong(option, value, error);
    case KIND_TIME:
        return to_time(value, at) ? PAWL_OK : wrong(option, value, error);
    case KIND_BLOCK:
        if (pawl_bytes_equal_nocase(bytes_of(value), PAWL_BYTES("auto"))) return PAWL_OK;
        if (!pawl_bytes_to_u64(bytes_of(value), &number) || number == 0) break;
        args->definition.block = number;
        return PAWL_OK;
    case KIND_ORDER:
        if (!choose(value, orders, (int)PAWL_COUNT(orders), &choice)) break;
        args->definition.order = (pawl_order)choice;
        return PAWL_OK;
    case KIND_TYPE:
        if (!choose(value, types, (int)PAWL_COUNT(types), &choice)) break;
        args->definition.data_type = (pawl_type)choice;
        return PAWL_OK;
    case KIND_RESTART:
        return set_restart(args, option, value, error);
    }
    return wrong(option, value, error);
}

/* Reads the option at *words and its argument; leaves *words at the last word that it used. */
static pawl_err read_option(struct args *args, unsigned *used, char *const **words,
                            pawl_error *error)
{
    const char *word = **words;
    const struct option *option = find_option(word);

    if (option == NULL) {
        return pawl_fail(error, PAWL_BAD_REQUEST, "there is no option %s; see pawl --help", word);
    }
    const char *equals = strchr(word, '=');
    const char *next = (*words)[1];
    const char *value = equals != NULL ? equals + 1 : "";
    bool may_have_one = option->argument[0] == '[';
    bool must_have_one = option->argument[0] != '\0' && !may_have_one;

    if (equals != NULL && option->argument[0] == '\0') {
        return pawl_fail(error, PAWL_BAD_REQUEST, "--%s takes no argument", option->name);
    }
    if (equals == NULL && must_have_one && next == NULL) {
        return pawl_fail(error, PAWL_BAD_REQUEST, "--%s needs an argument: %s", option->name,
                         option->argument);
    }
    if (equals == NULL && (must_have_one || (may_have_one && looks_like_number(next)))) {
        value = next;
        ++*words;
    }
    used[option - options]++;
    return set_option(args, option, value, error);
}

/* Whether name is word, or group and word. */
static bool is_named(const char *name, const char *group, const char *word)
{
    size_t size = group == NULL ? 0 : strlen(group);

    if (group == NULL) return strcmp(name, word) == 0;
    return strncmp(name, group, size) == 0 && name[size] == ' ' &&
           strcmp(name + size + 1, word) == 0;
}

static bool is_in_group(const char *name, const char *group)
{
    size_t size = strlen(group);

    return strncmp(name, group, size) == 0 && name[size] == ' ';
}

static bool is_group(const char *word)
{
    for (size_t i = 0; i < COMMAND_COUNT; i++) {
        if (is_in_group(commands[i].name, word)) return true;
    }
    return false;
}

/* A command's name may be two words: a group, and one of its commands. */
static pawl_err read_command(struct args *args, const char *word, pawl_error *error)
{
    for (enum command i = 0; i < COMMAND_COUNT; i++) {
        if (!is_named(commands[i].name, args->group, word)) continue;
        args->command = i;
        return PAWL_OK;
    }
    if (args->group == NULL && is_group(word)) {
        args->group = word;
        return PAWL_OK;
    }
    return pawl_fail(error, PAWL_BAD_REQUEST, "there is no command '%s%s%s'; see pawl --help",
                     args->group != NULL ? args->group : "", args->group != NULL ? " " : "", word);
}

static bool is_file(const char *behind, int index)
{
    return (index == 0 && strncmp(behind, "FILE", strlen("FILE")) == 0) ||
           (index == 1 && strcmp(behind, "URL FILE") == 0);
}

/* index: of the word behind the command's name. */
static pawl_err read_positional(struct args *args, int index, char *const *words, pawl_error *error)
{
    const char *behind = commands[args->command].behind;
    const char *word = *words;

    if (strcmp(behind, "FILE...") == 0) {
        if (index == 0) args->files = words;
        if (words == args->files + index) {
            args->file_count = (size_t)index + 1;
            return PAWL_OK;
        }
        return pawl_fail(error, PAWL_BAD_REQUEST, "%s: options must stand before the files", word);
    }

    if (is_file(behind, index) && hide_is_url(word)) {
        return pawl_fail(error, PAWL_BAD_REQUEST,
                         "%s is a URL, where pawl %s wants a file: it is pawl %s %s", word,
                         commands[args->command].name, commands[args->command].name, behind);
    }
    if (index == 0 && (strncmp(behind, "NAME", 4) == 0 || strcmp(behind, "[NAME]") == 0)) {
        args->name = word;
        return PAWL_OK;
    }
    if (strcmp(behind, "FILE NAME") == 0 && index < 2) {
        *(index == 0 ? &args->file : &args->name) = word;
        return PAWL_OK;
    }
    if (strcmp(behind, "URL FILE") == 0 && index < 2) {
        *(index == 0 ? &args->url : &args->file) = word;
        return PAWL_OK;
    }
    if (strcmp(behind, "FILE URL") == 0 && index < 2) {
        *(index == 0 ? &args->file : &args->url) = word;
        return PAWL_OK;
    }
    if (index == 0 && strcmp(behind, "[GLOB]") == 0) {
        args->glob = word;
        return PAWL_OK;
    }
    if (index == 0 && (strcmp(behind, "[URL]") == 0 || strcmp(behind, "FROM TO") == 0)) {
        args->url = word;
        return PAWL_OK;
    }
    if (index == 1 && (strcmp(behind, "FROM TO") == 0 || strcmp(behind, "NAME NEW") == 0)) {
        args->to = word;
        return PAWL_OK;
    }
    if (index == 1 && strcmp(behind, "NAME ID") == 0) {
        if (pawl_bytes_to_i64(bytes_of(word), &args->id)) return PAWL_OK;
        return pawl_fail(error, PAWL_BAD_REQUEST, "'%s' is no id: ids are 64-bit integers", word);
    }
    if (args->command == COMMAND_PASSWD) {
        return pawl_fail(error, PAWL_BAD_REQUEST,
                         "pawl passwd FILE NAME takes no third word: it asks for the password, or "
                         "reads it from standard input");
    }
    return pawl_fail(error, PAWL_BAD_REQUEST, "'%s' is one word too many for pawl %s %s", word,
                     commands[args->command].name, behind);
}

/* How many of the words behind a command may not be missing. */
static int needed(const char *behind)
{
    int count = 0;

    for (const char *at = behind; *at != '\0'; at++) {
        count += *at != '[' && *at != ' ' && (at == behind || at[-1] == ' ');
    }
    return count;
}

/* A store's command with an optional URL: one, from the command line or the environment. */
static pawl_err check_one_store(const struct args *args, const unsigned *used, int positionals,
                                pawl_error *error)
{
    const char *name = commands[args->command].name;
    bool by_option = used[find_option("--url") - options] > 0;

    if (by_option && positionals > 0) {
        return pawl_fail(error, PAWL_BAD_REQUEST,
                         "pawl %s takes one URL: as an argument, or by --url", name);
    }
    if (by_option || positionals > 0 || args->default_url != NULL) return PAWL_OK;
    return pawl_fail(error, PAWL_BAD_REQUEST,
                     "pawl %s needs the URL of a store: as an argument, by --url or in PAWL_URL",
                     name);
}

/* What only the whole command line shows. */
static pawl_err check(const struct args *args, const unsigned *used, int positionals,
                      pawl_error *error)
{
    if (args->help || args->version) return PAWL_OK;
    if (args->command == COMMAND_NONE && args->group != NULL) {
        return pawl_fail(error, PAWL_BAD_REQUEST, "pawl %s needs a command; see pawl --help",
                         args->group);
    }
    if (args->command == COMMAND_NONE) {
        return pawl_fail(error, PAWL_BAD_REQUEST, "a command is missing; see pawl --help");
    }
    const char *behind = commands[args->command].behind;

    if (positionals < needed(behind)) {
        return pawl_fail(error, PAWL_BAD_REQUEST, "pawl %s needs %s", commands[args->command].name,
                         behind);
    }
    for (size_t i = 0; i < PAWL_COUNT(options); i++) {
        if (used[i] == 0 || (options[i].commands & IN(args->command)) != 0) continue;
        return pawl_fail(error, PAWL_BAD_REQUEST, "--%s does not go with pawl %s", options[i].name,
                         commands[args->command].name);
    }
    if ((IN(args->command) & IN_ONE_STORE) != 0 &&
        check_one_store(args, used, positionals, error) != PAWL_OK) {
        return error->code;
    }
    if (args->threads > ARGS_THREADS_MAX) {
        return pawl_fail(error, PAWL_BAD_REQUEST, "--threads: at most %d", ARGS_THREADS_MAX);
    }
    if (args->layers > ARGS_LAYERS_MAX) {
        return pawl_fail(error, PAWL_BAD_REQUEST, "--layers: at most %d", ARGS_LAYERS_MAX);
    }
    if (args->command == COMMAND_FENCE && (args->name != NULL) == args->all) {
        return pawl_fail(error, PAWL_BAD_REQUEST, "pawl fence needs a NAME, or --all");
    }
    if (args->all && args->beyond != 0) {
        return pawl_fail(error, PAWL_BAD_REQUEST,
                         "--all and --beyond do not go together: a line "
                         "is of one sequence");
    }
    if (args->command == COMMAND_RESTORE && (args->skip == 0) == (args->skip_for_ns == 0)) {
        return pawl_fail(error, PAWL_BAD_REQUEST,
                         "pawl restore needs either --skip N or --skip-for TIME: what was handed "
                         "out since the backup is not in it, so it would be handed out again. Say "
                         "how many ids at most were reserved of a sequence since then (given, or "
                         "held ahead by servers and clients), or for how long it was used");
    }
    if (args->command == COMMAND_ALTER && args->definition.given == 0) {
        return pawl_fail(error, PAWL_BAD_REQUEST, "pawl alter needs an option that says what");
    }
    return PAWL_OK;
}

pawl_err args_parse(struct args *args, char *const *words, const char *default_url,
                    pawl_error *error)
{
    unsigned used[PAWL_COUNT(options)] = {0};
    bool only_positionals = false;
    int positionals = 0;

    if (default_url != NULL && default_url[0] == '\0') default_url = NULL;
    *args = (struct args){
        .command = COMMAND_NONE,
        .words = words,
        .default_url = default_url,
        .url = default_url != NULL ? default_url : "pawl://127.0.0.1:7379",
        .count = 1,
        .layers = 2,
        .refill_interval_ns = 30 * PAWL_NS_PER_S,
        .seconds_ns = 5 * PAWL_NS_PER_S,
    };
    *error = (pawl_error){.code = PAWL_OK};
    for (; *words != NULL; words++) {
        if (!only_positionals && strcmp(*words, "--") == 0) {
            only_positionals = true;
        } else if (!only_positionals && is_option(*words)) {
            if (read_option(args, used, &words, error) != PAWL_OK) return error->code;
        } else if (args->command == COMMAND_NONE) {
            if (read_command(args, *words, error) != PAWL_OK) return error->code;
        } else if (read_positional(args, positionals++, words, error) != PAWL_OK) {
            return error->code;
        }
    }
    if (args->threads == 0 && args->command != COMMAND_VERIFY) args->threads = 1;
    if (args->timeout_ns == 0 && !args_is_store(args)) args->timeout_ns = 5 * PAWL_NS_PER_S;
    return check(args, used, positionals, error);
}

static void help_option(const struct option *option, void (*line)(const char *, void *), void *arg)
{
    char text[256];
    char head[64];
    char letter[] = {'-', option->letter, ',', ' ', '\0'};

    (void)snprintf(head, sizeof head, "%s--%s %s", option->letter != 0 ? letter : "", option->name,
                   option->argument);
    (void)snprintf(text, sizeof text, "  %-32s %s", head, option->help);
    line(text, arg);
}

/* All commands, or those of a group. */
static void help_commands(const char *group, void (*line)(const char *, void *), void *arg)
{
    char text[256];

    if (group == NULL) line("pawl: takes ids from sequences, and looks after them", arg);
    if (group != NULL) line("pawl store: makes stores, looks at them, and moves sequences", arg);
    line("", arg);
    for (size_t i = 0; i < COMMAND_COUNT; i++) {
        char head[64];

        if (group != NULL && !is_in_group(commands[i].name, group)) continue;
        (void)snprintf(head, sizeof head, "pawl %s %s", commands[i].name, commands[i].behind);
        (void)snprintf(text, sizeof text, "  %-32s %s", head, commands[i].help);
        line(text, arg);
    }
    line("", arg);
    line("Options of every command; pawl COMMAND --help prints all of one:", arg);
}

void args_help(const struct args *args, void (*line)(const char *text, void *arg), void *arg)
{
    enum command command = args->command;
    char text[512];

    if (command == COMMAND_NONE) {
        help_commands(args->group, line, arg);
    } else {
        const char *behind = commands[command].behind;

        (void)snprintf(text, sizeof text, "pawl %s%s%s: %s", commands[command].name,
                       behind[0] != '\0' ? " " : "", behind, commands[command].help);
        line(text, arg);
        line("", arg);
    }
    for (size_t i = 0; i < PAWL_COUNT(options); i++) {
        bool common = (options[i].commands | IN_STORES) == IN_ALL;

        if (command == COMMAND_NONE ? !common : (options[i].commands & IN(command)) == 0) continue;
        help_option(&options[i], line, arg);
    }
    line("", arg);
    line("It ends with", arg);
    for (size_t i = 0; i < PAWL_COUNT(exits); i++) {
        (void)snprintf(text, sizeof text, "  %d  %s", exits[i].number, exits[i].help);
        line(text, arg);
    }
}

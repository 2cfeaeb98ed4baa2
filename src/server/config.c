/* SPDX-License-Identifier: Apache-2.0 */
#include "server/config.h"

#include <string.h>

#include "base/nearest.h"
#include "server/wires.h"

enum {
    SHOWN_BYTES_MAX = 100, /* of a wrong value */
    LETTERS_PER_SLIP = 4,  /* of a variable's name, for each letter that may be wrong */
};

struct option {
    enum config_kind kind;
    size_t offset; /* of its field in struct config */
    const char *flag, *variable, *value, *start, *least, *most, *help;
};

static const struct option options[] = {
#define X(type, field, kind, flag, variable, value, start, least, most, help) \
    {kind, offsetof(struct config, field), flag, variable, value, start, least, most, help},
#include "server/config.def"
#undef X
};

/* Where a value comes from, for the words of an error. */
struct given {
    const char *by;        /* "--threads" or "PAWLD_THREADS" */
    const char *separator; /* " " or "=" */
    struct pawl_bytes value;
};

static struct pawl_bytes text_bytes(const char *text)
{
    return (struct pawl_bytes){text, strlen(text)};
}

static pawl_err refuse(const struct given *given, pawl_error *error, const char *allowed)
{
    return pawl_fail(error, PAWL_BAD_REQUEST, "%s%s%.*s: %s", given->by, given->separator,
                     given->value.size < SHOWN_BYTES_MAX ? (int)given->value.size : SHOWN_BYTES_MAX,
                     given->value.at, allowed);
}

bool config_time_read(struct pawl_bytes text, uint64_t *time_ns)
{
    static const struct {
        const char *unit;
        uint64_t ns;
    } units[] = {
        {"ms", PAWL_NS_PER_MS},
        {"s", PAWL_NS_PER_S},
        {"m", 60 * PAWL_NS_PER_S},
        {"h", 3600 * PAWL_NS_PER_S},
    };
    size_t digits = 0;
    uint64_t number = 0;

    while (digits < text.size && text.at[digits] >= '0' && text.at[digits] <= '9') {
        digits++;
    }
    if (!pawl_bytes_to_u64((struct pawl_bytes){text.at, digits}, &number)) return false;
    struct pawl_bytes unit = {text.at + digits, text.size - digits};
    for (size_t i = 0; i < PAWL_COUNT(units); i++) {
        if (!pawl_bytes_equal(unit, text_bytes(units[i].unit))) continue;
        if (number > UINT64_MAX / 2 / units[i].ns) return false;
        *time_ns = number * units[i].ns;
        return true;
    }
    *time_ns = 0;
    return unit.size == 0 && digits > 0 && number == 0;
}

static pawl_err set_count(const struct option *option, uint64_t *field, const struct given *given,
                          pawl_error *error)
{
    uint64_t least = 0;
    uint64_t most = UINT64_MAX;
    char allowed[128];

    (void)pawl_bytes_to_u64(text_bytes(option->least), &least);
    (void)pawl_bytes_to_u64(text_bytes(option->most), &most);
    if (pawl_bytes_to_u64(given->value, field) && *field >= least && *field <= most) {
        return PAWL_OK;
    }
    (void)snprintf(allowed, sizeof allowed, "it must be a whole number from %s to %s",
                   option->least, option->most);
    return refuse(given, error, allowed);
}

static pawl_err set_time(const struct option *option, uint64_t *field, const struct given *given,
                         pawl_error *error)
{
    uint64_t least = 0;
    uint64_t most = UINT64_MAX;
    char allowed[128];

    (void)config_time_read(text_bytes(option->least), &least);
    (void)config_time_read(text_bytes(option->most), &most);
    if (config_time_read(given->value, field) && *field >= least && *field <= most) return PAWL_OK;
    (void)snprintf(allowed, sizeof allowed,
                   "it must be a time from %s to %s, such as 500ms, 30s, 5m or 2h", option->least,
                   option->most);
    return refuse(given, error, allowed);
}

static pawl_err set_switch(bool *field, const struct given *given, pawl_error *error)
{
    static const char *const words[][2] = {{"no", "yes"}, {"false", "true"}, {"0", "1"}};

    for (size_t i = 0; i < PAWL_COUNT(words); i++) {
        for (int on = 0; on < 2; on++) {
            if (!pawl_bytes_equal_nocase(given->value, text_bytes(words[i][on]))) continue;
            *field = on == 1;
            return PAWL_OK;
        }
    }
    return refuse(given, error, "it must be yes or no");
}

static pawl_err set_choice(const struct option *option, unsigned *field, const struct given *given,
                           pawl_error *error)
{
    unsigned number = 0;
    char allowed[128];

    for (const char *word = option->value; *word != '\0'; number++) {
        size_t size = strcspn(word, "|");

        if (pawl_bytes_equal_nocase(given->value, (struct pawl_bytes){word, size})) {
            *field = number;
            return PAWL_OK;
        }
        word += size + (word[size] == '|');
    }
    (void)snprintf(allowed, sizeof allowed, "it must be one of %s", option->value);
    return refuse(given, error, allowed);
}

static pawl_err set_list(struct config_list *field, const struct given *given, pawl_error *error)
{
    const char *at = given->value.at;
    const char *end = at + given->value.size;
    size_t before = field->count;

    while (at < end) {
        const char *part = at;

        while (at < end && *at != ' ' && *at != '\t' && *at != '\n') {
            at++;
        }
        if (at > part) {
            if (field->count == CONFIG_LIST_MAX) return refuse(given, error, "too many of them");
            field->parts[field->count] = part;
            field->sizes[field->count++] = (size_t)(at - part);
        }
        at++;
    }
    return field->count > before ? PAWL_OK : refuse(given, error, "it must not be empty");
}

static pawl_err set(struct config *config, const struct option *option, const struct given *given,
                    pawl_error *error)
{
    void *field = (char *)config + option->offset;

    if (given->value.size > CONFIG_TEXT_BYTES_MAX) { /* it is not shown: it may hold a password */
        return pawl_fail(error, PAWL_BAD_REQUEST, "%s: it is too long", given->by);
    }
    switch (option->kind) {
    case CONFIG_TEXT:
        *(config_text *)field = given->value.at;
        return PAWL_OK;
    case CONFIG_LIST:
        return set_list(field, given, error);
    case CONFIG_SWITCH:
        return set_switch(field, given, error);
    case CONFIG_COUNT:
        return set_count(option, field, given, error);
    case CONFIG_TIME:
        return set_time(option, field, given, error);
    case CONFIG_CHOICE:
        return set_choice(option, field, given, error);
    }
    return PAWL_OK;
}

static void set_defaults(struct config *config)
{
    pawl_error error = {0};

    *config = (struct config){0};
    for (size_t i = 0; i < PAWL_COUNT(options); i++) {
        struct given given = {options[i].flag, " ", text_bytes(options[i].start)};

        PAWL_ASSERT(set(config, &options[i], &given, &error) == PAWL_OK);
    }
}

/* A list that is given does not add to what a weaker place said. */
static void forget_weaker(struct config *config, const struct option *option)
{
    void *field = (char *)config + option->offset;

    if (option->kind == CONFIG_LIST) ((config_list *)field)->count = 0;
}

static pawl_err read_variables(struct config *config, char *(*variable_of)(const char *name),
                               pawl_error *error)
{
    for (size_t i = 0; i < PAWL_COUNT(options); i++) {
        const char *text = options[i].variable[0] == '\0' ? NULL : variable_of(options[i].variable);

        if (text == NULL || text[0] == '\0') continue;
        struct given given = {options[i].variable, "=", text_bytes(text)};
        forget_weaker(config, &options[i]);
        pawl_err err = set(config, &options[i], &given, error);
        if (err != PAWL_OK) return err;
    }
    return PAWL_OK;
}

static const char *nearest_variable(struct pawl_bytes name)
{
    const char *nearest = NULL;
    size_t least = SIZE_MAX;

    for (size_t i = 0; i < PAWL_COUNT(options); i++) {
        size_t apart = pawl_letters_apart(name, text_bytes(options[i].variable));

        if (options[i].variable[0] == '\0' || apart >= least) continue;
        least = apart;
        nearest = options[i].variable;
    }
    return least <= name.size / LETTERS_PER_SLIP ? nearest : NULL;
}

bool config_is_stray(const char *entry, struct pawl_bytes *name, const char **meant)
{
    static const char prefix[] = "PAWLD_";
    char own[SHOWN_BYTES_MAX];

    *name = (struct pawl_bytes){entry, strcspn(entry, "=")};
    if (pawl_bytes_begin(*name, PAWL_BYTES("PAWL_"))) { /* pawl's, or meant for us */
        int size = snprintf(own, sizeof own, "%s%.*s", prefix, (int)(name->size - 5), entry + 5);
        struct pawl_bytes called = {own, size > 0 && (size_t)size < sizeof own ? (size_t)size : 0};

        *meant = nearest_variable(called);
        return *meant != NULL && pawl_bytes_equal(called, text_bytes(*meant));
    }
    if (!pawl_bytes_begin(*name, text_bytes(prefix)) ||
        pawl_bytes_begin(*name, PAWL_BYTES("PAWLD_SERVICE_")) ||
        pawl_bytes_begin(*name, PAWL_BYTES("PAWLD_PORT_")) ||
        pawl_bytes_equal(*name, PAWL_BYTES("PAWLD_PORT"))) {
        return false;
    }
    *meant = nearest_variable(*name);
    return *meant == NULL || !pawl_bytes_equal(*name, text_bytes(*meant));
}

static const struct option *find_flag(struct pawl_bytes name)
{
    for (size_t i = 0; i < PAWL_COUNT(options); i++) {
        if (pawl_bytes_equal(name, text_bytes(options[i].flag))) return &options[i];
    }
    return NULL;
}

/* The arguments that are left to read. */
struct reader {
    char *const *args;
    size_t count;
};

/* Takes one flag and its value, "--flag value" or "--flag=value", off the front. */
static pawl_err take_flag(struct reader *reader, const struct option **option, struct given *given,
                          pawl_error *error)
{
    const char *arg = strcmp(reader->args[0], "-h") == 0 ? "--help" : reader->args[0];
    size_t name_size = strcspn(arg, "=");

    reader->args++;
    reader->count--;
    *option = find_flag((struct pawl_bytes){arg, name_size});
    if (*option == NULL) {
        return pawl_fail(error, PAWL_BAD_REQUEST, "%.100s: no such option; pawld --help lists them",
                         arg);
    }
    *given = (struct given){(*option)->flag, " ", PAWL_BYTES("yes")};
    if (arg[name_size] == '=') {
        given->separator = "=";
        given->value = text_bytes(arg + name_size + 1);
    } else if ((*option)->kind != CONFIG_SWITCH) {
        if (reader->count == 0) {
            return pawl_fail(error, PAWL_BAD_REQUEST, "%s: a value is missing: %s %s",
                             (*option)->flag, (*option)->flag, (*option)->value);
        }
        given->value = text_bytes(reader->args[0]);
        reader->args++;
        reader->count--;
    }
    return PAWL_OK;
}

static pawl_err read_flags(struct config *config, struct reader reader, pawl_error *error)
{
    bool seen[PAWL_COUNT(options)] = {false};

    while (reader.count > 0 && !config->help && !config->version) {
        const struct option *option = NULL;
        struct given given;
        pawl_err err = take_flag(&reader, &option, &given, error);

        if (err != PAWL_OK) return err;
        size_t number = (size_t)(option - options);
        if (seen[number] && option->kind != CONFIG_LIST) {
            return pawl_fail(error, PAWL_BAD_REQUEST, "%s: it is given twice", option->flag);
        }
        if (!seen[number]) forget_weaker(config, option);
        seen[number] = true;
        err = set(config, option, &given, error);
        if (err != PAWL_OK) return err;
    }
    return PAWL_OK;
}

pawl_err config_read(struct config *config, char *const *args, size_t arg_count,
                     char *(*variable_of)(const char *name), pawl_error *error)
{
    set_defaults(config);
    pawl_err err = read_variables(config, variable_of, error);
    pawl_error of_flags = {0};
    pawl_err flags = read_flags(config, (struct reader){args, arg_count}, &of_flags);

    if (config->help || config->version) return PAWL_OK;
    if (err != PAWL_OK) return err;
    if (flags != PAWL_OK) return pawl_fail(error, flags, "%s", of_flags.text);
    if (config->store[0] == '\0') {
        return pawl_fail(error, PAWL_BAD_REQUEST,
                         "--store: it is missing; for example --store lmdb:/var/lib/pawl/store "
                         "(or PAWLD_STORE in the environment)");
    }
    return PAWL_OK;
}

static bool port_read(struct pawl_bytes text, uint16_t *port)
{
    uint64_t number = 0;

    if (text.size == 0 || text.size > 5 || !pawl_bytes_to_u64(text, &number)) return false;
    *port = (uint16_t)number;
    return number <= UINT16_MAX;
}

pawl_err config_listen_read(struct pawl_bytes text, struct config_listen *listen, pawl_error *error)
{
    const struct pawl_bytes mark = PAWL_BYTES("://");
    struct given given = {"--listen", " ", text};
    const char *allowed = "it must be resp://HOST:PORT or postgres://HOST:PORT, such as "
                          "resp://127.0.0.1:7379 or postgres://[::1]:7432";
    const char *found = memmem(text.at, text.size, mark.at, mark.size);
    size_t colon = text.size;

    if (found == NULL) return refuse(&given, error, allowed);
    struct pawl_bytes scheme = {text.at, (size_t)(found - text.at)};
    size_t begin = scheme.size + mark.size;
    listen->wire = wires_find(scheme);
    if (listen->wire == NULL) return refuse(&given, error, allowed);
    while (colon > begin && text.at[colon - 1] != ':') {
        colon--;
    }
    struct pawl_bytes port = {text.at + colon, text.size - colon};
    if (colon == begin || !port_read(port, &listen->port)) {
        return refuse(&given, error, allowed);
    }

    struct pawl_bytes host = {text.at + begin, colon - 1 - begin};
    bool bracketed = host.size >= 2 && host.at[0] == '[' && host.at[host.size - 1] == ']';
    if (bracketed) host = (struct pawl_bytes){host.at + 1, host.size - 2};
    if (host.size == 0 || host.size > CONFIG_HOST_BYTES_MAX ||
        (!bracketed && memchr(host.at, ':', host.size) != NULL)) {
        return refuse(&given, error, allowed);
    }
    memcpy(listen->host, host.at, host.size);
    listen->host[host.size] = '\0';
    return PAWL_OK;
}

void config_help(FILE *to)
{
    (void)fputs("Usage: pawld --store URL [OPTION]...\n"
                "Hands out unique, rising ids from a store, to PostgreSQL and Redis clients and to "
                "libpawl.\n\n"
                "Every option is also a variable of the environment; the command line wins.\n\n",
                to);
    for (size_t i = 0; i < PAWL_COUNT(options); i++) {
        const struct option *option = &options[i];

        (void)fprintf(to, "  %s%s%s\n      %s\n", option->flag, option->value[0] == '\0' ? "" : " ",
                      option->value, option->help);
        if (option->variable[0] == '\0') continue;
        (void)fprintf(to, "      %s", option->variable);
        if (option->start[0] != '\0') (void)fprintf(to, ", default %s", option->start);
        if (option->least[0] != '\0') {
            (void)fprintf(to, ", from %s to %s", option->least, option->most);
        }
        (void)fputc('\n', to);
    }
    (void)fputs("\nSee pawld(8).\n", to);
}

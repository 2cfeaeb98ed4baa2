/* SPDX-License-Identifier: Apache-2.0 */
/* What a setting may be, and how it is shown: PostgreSQL's own forms and texts. */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "server/pg/settings.h"

static char folded(char letter)
{
    return letter >= 'A' && letter <= 'Z' ? (char)(letter | 0x20) : letter;
}

static bool is_blank(char letter)
{
    return letter == ' ' || (letter >= '\t' && letter <= '\r');
}

static bool refuse(const struct pg_known *known, struct pawl_bytes given, struct sql_error *error)
{
    return sql_fail(error, "22023", 0, "invalid value for parameter \"%s\": \"%.*s\"", known->name,
                    (int)given.size, given.at);
}

static void keep(char *to, struct pawl_bytes text)
{
    memcpy(to, text.at, text.size);
    to[text.size] = '\0';
}

/* Words that begin like given and can mean no other: as PostgreSQL reads a boolean. */
static bool is_word(struct pawl_bytes given, const char *word, size_t least)
{
    struct pawl_bytes front = {word, given.size};

    return given.size >= least && given.size <= strlen(word) &&
           pawl_bytes_equal_nocase(given, front);
}

static bool bool_value(const struct pg_known *known, struct pawl_bytes given, char *to,
                       struct sql_error *error)
{
    bool on = is_word(given, "true", 1) || is_word(given, "yes", 1) || is_word(given, "on", 2) ||
              is_word(given, "1", 1);
    bool off = is_word(given, "false", 1) || is_word(given, "no", 1) || is_word(given, "off", 2) ||
               is_word(given, "0", 1);

    if (!on && !off) {
        return sql_fail(error, "22023", 0, "parameter \"%s\" requires a Boolean value",
                        known->name);
    }
    keep(to, on ? PAWL_BYTES("on") : PAWL_BYTES("off"));
    return true;
}

int pg_choice(const char *choices, struct pawl_bytes value)
{
    int place = 0;

    for (const char *at = choices; at != NULL; place++) {
        const char *end = strchr(at, '|');
        struct pawl_bytes one = {at, end == NULL ? strlen(at) : (size_t)(end - at)};

        if (pawl_bytes_equal_nocase(one, value)) return place;
        at = end == NULL ? NULL : end + 1;
    }
    return -1;
}

static void list_choices(const struct pg_known *known, struct sql_error *error)
{
    size_t size = (size_t)snprintf(error->hint, sizeof error->hint, "Available values: ");

    for (const char *at = known->range; *at != '\0' && size + 4 < sizeof error->hint; at++) {
        error->hint[size++] = *at == '|' ? ',' : *at;
        if (*at == '|') error->hint[size++] = ' ';
    }
    error->hint[size] = '.';
    error->hint[size + 1] = '\0';
}

static bool choice_value(const struct pg_known *known, struct pawl_bytes given, char *to,
                         struct sql_error *error)
{
    if (pg_choice(known->range, given) < 0) {
        (void)refuse(known, given, error);
        list_choices(known, error);
        return false;
    }
    for (size_t i = 0; i < given.size; i++) {
        to[i] = folded(given.at[i]);
    }
    to[given.size] = '\0';
    return true;
}

/* Numbers. */

struct unit {
    const char *name;
    int64_t factor;
};

static const struct unit ms_units[] = {
    {"d", 86400000}, {"h", 3600000}, {"min", 60000}, {"s", 1000}, {"ms", 1}};
static const struct unit kb_units[] = {
    {"TB", 1 << 30}, {"GB", 1 << 20}, {"MB", 1 << 10}, {"kB", 1}};

enum { UNITS_OF_MS = PAWL_COUNT(ms_units), UNITS_OF_KB = PAWL_COUNT(kb_units) };

static size_t units_of(enum pg_setting_kind kind, const struct unit **units)
{
    *units = kind == PG_SETTING_MS ? ms_units : kb_units;
    if (kind == PG_SETTING_MS) return UNITS_OF_MS;
    return kind == PG_SETTING_KB ? UNITS_OF_KB : 0;
}

bool pg_number(enum pg_setting_kind kind, struct pawl_bytes text, int64_t *number)
{
    char digits[32];
    char *end = NULL;
    const struct unit *units = NULL;
    size_t count = units_of(kind, &units);
    int64_t factor = 1;

    if (text.size == 0 || text.size >= sizeof digits) return false;
    keep(digits, text);
    double value = strtod(digits, &end);
    if (end == digits) return false;
    while (*end == ' ') {
        end++;
    }
    if (*end != '\0') {
        size_t i = 0;

        while (i < count && strcmp(end, units[i].name) != 0) {
            i++;
        }
        if (i == count) return false;
        factor = units[i].factor;
    }
    value = value * (double)factor;
    if (!(value > -9e15 && value < 9e15)) return false;
    *number = (int64_t)(value < 0 ? value - 0.5 : value + 0.5);
    return true;
}

static bool number_value(const struct pg_known *known, struct pawl_bytes given, char *to,
                         struct sql_error *error)
{
    const struct unit *units = NULL;
    size_t count = units_of(known->kind, &units);
    int64_t least = strtoll(known->range, NULL, 10);
    int64_t number = 0;

    if (!pg_number(known->kind, given, &number)) return refuse(known, given, error);
    if (number < least || number > known->most) {
        const char *unit = count == 0 ? "" : units[count - 1].name;

        return sql_fail(error, "22023", 0,
                        "%lld%s%s is outside the valid range for parameter \"%s\" (%lld .. %lld)",
                        (long long)number, count == 0 ? "" : " ", unit, known->name,
                        (long long)least, (long long)known->most);
    }
    for (size_t i = 0; i < count && number > 0; i++) {
        if (number % units[i].factor != 0) continue;
        (void)snprintf(to, PG_SETTING_BYTES_MAX, "%lld%s", (long long)(number / units[i].factor),
                       units[i].name);
        return true;
    }
    (void)snprintf(to, PG_SETTING_BYTES_MAX, "%lld", (long long)number);
    return true;
}

/* Lists. */

static void skip_blanks(struct pawl_bytes *rest)
{
    while (rest->size > 0 && is_blank(*rest->at)) {
        rest->at++;
        rest->size--;
    }
}

/* Between quotes, of which two are one. */
static size_t quoted_next(struct pawl_bytes *rest, char *to)
{
    size_t size = 0;

    for (size_t i = 1; i < rest->size; i++) {
        bool quote = rest->at[i] == '"';
        bool doubled = quote && i + 1 < rest->size && rest->at[i + 1] == '"';

        if (quote && !doubled) {
            *rest = (struct pawl_bytes){rest->at + i + 1, rest->size - i - 1};
            return size;
        }
        to[size++] = rest->at[i];
        if (doubled) i++;
    }
    return SIZE_MAX;
}

/* One name of a list: folded, unless it is quoted. Returns its size; SIZE_MAX: it is none. */
static size_t name_next(struct pawl_bytes *rest, char *to)
{
    size_t size = 0;

    if (rest->size > 0 && *rest->at == '"') return quoted_next(rest, to);
    while (rest->size > 0 && *rest->at != ',' && !is_blank(*rest->at)) {
        to[size++] = folded(*rest->at++);
        rest->size--;
    }
    return size == 0 ? SIZE_MAX : size;
}

bool pg_path_next(struct pawl_bytes *rest, char *to, size_t *size, bool *good)
{
    *good = true;
    skip_blanks(rest);
    if (rest->size == 0) return false;
    *size = name_next(rest, to);
    skip_blanks(rest);
    bool comma = rest->size > 0 && *rest->at == ',';
    if (comma) {
        rest->at++;
        rest->size--;
        skip_blanks(rest);
    }
    /* A comma has a name behind it, and nothing else follows a name. */
    *good = *size != SIZE_MAX && comma == (rest->size > 0);
    return *good;
}

static bool path_value(const struct pg_known *known, struct pawl_bytes given, char *to,
                       struct sql_error *error)
{
    char name[PG_SETTING_BYTES_MAX];
    struct pawl_bytes rest = given;
    size_t size = 0;
    bool good = true;

    while (pg_path_next(&rest, name, &size, &good)) {
        /* Only whether it is a list. */
    }
    if (!good) {
        (void)refuse(known, given, error);
        (void)snprintf(error->detail, sizeof error->detail, "List syntax is invalid.");
        return false;
    }
    keep(to, given);
    return true;
}

/* "ISO, DMY", from one or both of its words; what is not said stays. */
static bool datestyle_value(struct pawl_bytes given, const char *now, char *to,
                            struct sql_error *error)
{
    static const char *const styles[] = {"ISO", "SQL", "Postgres", "German"};
    static const struct {
        const char *word, *order;
    } orders[] = {{"mdy", "MDY"},      {"us", "MDY"},   {"noneuropean", "MDY"}, {"dmy", "DMY"},
                  {"european", "DMY"}, {"euro", "DMY"}, {"ymd", "YMD"}};
    char style[16] = "ISO", order[8] = "MDY", word[PG_SETTING_BYTES_MAX];
    size_t size = 0;
    bool good = true;

    (void)sscanf(now, "%15[^,], %7s", style, order);
    while (pg_path_next(&given, word, &size, &good)) {
        struct pawl_bytes said = {word, size};
        bool found = false;

        for (size_t i = 0; i < PAWL_COUNT(styles); i++) {
            struct pawl_bytes one = {styles[i], strlen(styles[i])};

            if (!pawl_bytes_equal_nocase(said, one)) continue;
            found = true;
            (void)snprintf(style, sizeof style, "%s", styles[i]);
        }
        for (size_t i = 0; i < PAWL_COUNT(orders); i++) {
            struct pawl_bytes one = {orders[i].word, strlen(orders[i].word)};

            if (!pawl_bytes_equal_nocase(said, one)) continue;
            found = true;
            (void)snprintf(order, sizeof order, "%s", orders[i].order);
        }
        if (!found) {
            (void)snprintf(error->detail, sizeof error->detail, "Unrecognized key word: \"%.*s\".",
                           (int)(size > 64 ? 64 : size), word);
            return false;
        }
    }
    if (good) (void)snprintf(to, PG_SETTING_BYTES_MAX, "%s, %s", style, order);
    return good;
}

/* Letters and digits only, in either case: "utf-8" is UTF8. */
static bool encoding_value(const struct pg_known *known, struct pawl_bytes given, char *to,
                           struct sql_error *error)
{
    char plain[32];
    size_t size = 0;

    for (size_t i = 0; i < given.size && size < sizeof plain; i++) {
        if (isalnum((unsigned char)given.at[i])) plain[size++] = given.at[i];
    }
    struct pawl_bytes name = {plain, size};
    if (pawl_bytes_equal_nocase(name, PAWL_BYTES("utf8")) ||
        pawl_bytes_equal_nocase(name, PAWL_BYTES("unicode"))) {
        keep(to, PAWL_BYTES("UTF8"));
        return true;
    }
    if (pawl_bytes_equal_nocase(name, PAWL_BYTES("sqlascii"))) {
        keep(to, PAWL_BYTES("SQL_ASCII"));
        return true;
    }
    return refuse(known, given, error);
}

static bool zone_value(const struct pg_known *known, struct pawl_bytes given, char *to,
                       struct sql_error *error)
{
    for (size_t i = 0; i < given.size; i++) {
        if (isalnum((unsigned char)given.at[i]) || strchr("/_+-:<>,.", given.at[i]) != NULL) {
            continue;
        }
        return refuse(known, given, error);
    }
    if (given.size == 0) return refuse(known, given, error);
    keep(to, given);
    return true;
}

bool pg_setting_value(const struct pg_known *known, struct pawl_bytes given, const char *now,
                      char to[PG_SETTING_BYTES_MAX], struct sql_error *error)
{
    if (given.size >= PG_SETTING_BYTES_MAX) {
        return sql_fail(error, "54000", 0, "value for parameter \"%s\" is too long",
                        known == NULL ? "custom" : known->name);
    }
    switch (known == NULL ? PG_SETTING_TEXT : known->kind) {
    case PG_SETTING_BOOL:
        return bool_value(known, given, to, error);
    case PG_SETTING_NUMBER:
    case PG_SETTING_MS:
    case PG_SETTING_KB:
        return number_value(known, given, to, error);
    case PG_SETTING_CHOICE:
        return choice_value(known, given, to, error);
    case PG_SETTING_ENCODING:
        return encoding_value(known, given, to, error);
    case PG_SETTING_DATESTYLE:
        (void)refuse(known, given, error); /* the detail, if there is one, comes behind */
        return datestyle_value(given, now, to, error);
    case PG_SETTING_PATH:
        return path_value(known, given, to, error);
    case PG_SETTING_ZONE:
        return zone_value(known, given, to, error);
    case PG_SETTING_TEXT:
    case PG_SETTING_ROLE:
        break;
    }
    keep(to, given);
    return true;
}

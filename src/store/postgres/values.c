/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Values of libpq's options that libpq judges only when it connects, or that mean nothing here: a
 * word that no server could make right must not look like one that is away.
 */
#include <ctype.h>
#include <limits.h>
#include <string.h>
#include <strings.h>

#include "store/postgres/target.h"

enum { VALUE_SHOWN_MAX = 40, WORDS_MAX = 6 };

enum kind {
    KIND_NUMBER,   /* from 0 on, as libpq reads it */
    KIND_WORD,     /* one of words */
    KIND_PROTOCOL, /* one of words, in any case, or nothing */
    KIND_NEVER,    /* it cannot be given */
};

struct rule {
    const char *key;
    enum kind kind;
    const char *said; /* "must be ...", or why it cannot be given */
    const char *words[WORDS_MAX];
};

#define SECONDS "must be whole seconds"
#define ON_OR_OFF        \
    "there are 0 and 1", \
    {                    \
        "0", "1"         \
    }
#define HOW_MUCH                             \
    "there are disable, prefer and require", \
    {                                        \
        "disable", "prefer", "require"       \
    }
#define A_PROTOCOL                                   \
    "there are TLSv1, TLSv1.1, TLSv1.2 and TLSv1.3", \
    {                                                \
        "TLSv1", "TLSv1.1", "TLSv1.2", "TLSv1.3"     \
    }

static const struct rule rules[] = {
    {"connect_timeout", KIND_NUMBER, SECONDS, {NULL}},
    {"keepalives", KIND_NUMBER, "must be 0 or 1", {NULL}},
    {"keepalives_idle", KIND_NUMBER, SECONDS, {NULL}},
    {"keepalives_interval", KIND_NUMBER, SECONDS, {NULL}},
    {"keepalives_count", KIND_NUMBER, "must be a whole number", {NULL}},
    {"tcp_user_timeout", KIND_NUMBER, "must be whole milliseconds", {NULL}},
    {"sslmode",
     KIND_WORD,
     "there are disable, allow, prefer, require, verify-ca and verify-full",
     {"disable", "allow", "prefer", "require", "verify-ca", "verify-full"}},
    {"sslnegotiation", KIND_WORD, "there are postgres and direct", {"postgres", "direct"}},
    {"sslcertmode",
     KIND_WORD,
     "there are disable, allow and require",
     {"disable", "allow", "require"}},
    {"sslcompression", KIND_WORD, ON_OR_OFF},
    {"sslsni", KIND_WORD, ON_OR_OFF},
    {"gssdelegation", KIND_WORD, ON_OR_OFF},
    {"gssencmode", KIND_WORD, HOW_MUCH},
    {"channel_binding", KIND_WORD, HOW_MUCH},
    {"load_balance_hosts", KIND_WORD, "there are disable and random", {"disable", "random"}},
    {"ssl_min_protocol_version", KIND_PROTOCOL, A_PROTOCOL},
    {"ssl_max_protocol_version", KIND_PROTOCOL, A_PROTOCOL},
    {"replication", KIND_NEVER, "ids come over ordinary connections; leave it out", {NULL}},
};

static bool is_number(const char *text)
{
    uint64_t number = 0;

    return pawl_bytes_to_u64((struct pawl_bytes){text, strlen(text)}, &number) && number <= INT_MAX;
}

static bool is_word(const struct rule *rule, const char *text)
{
    for (size_t i = 0; i < WORDS_MAX && rule->words[i] != NULL; i++) {
        bool same = rule->kind == KIND_PROTOCOL ? strcasecmp(text, rule->words[i]) == 0
                                                : strcmp(text, rule->words[i]) == 0;

        if (same) return true;
    }
    return false;
}

static bool is_good(const struct rule *rule, const char *text)
{
    switch (rule->kind) {
    case KIND_NUMBER:
        return is_number(text);
    case KIND_WORD:
        return is_word(rule, text);
    case KIND_PROTOCOL:
        return text[0] == '\0' || is_word(rule, text);
    case KIND_NEVER:
        break;
    }
    return false;
}

pawl_err pawl_postgres_values_check(const struct pawl_postgres_target *target, pawl_error *error)
{
    for (size_t i = 0; i < PAWL_COUNT(rules); i++) {
        const char *value = pawl_postgres_target_value(target, rules[i].key);

        if (value == NULL || is_good(&rules[i], value)) continue;
        bool shows = pawl_utf8_printable((struct pawl_bytes){value, strlen(value)});

        return pawl_fail(error, PAWL_BAD_REQUEST, "?%s=%.*s: %s", rules[i].key, VALUE_SHOWN_MAX,
                         shows ? value : "", rules[i].said);
    }
    return PAWL_OK;
}

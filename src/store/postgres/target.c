/* SPDX-License-Identifier: Apache-2.0 */
#include "store/postgres/target.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "store/postgres/state.h"

enum { IDENTIFIER_MAX = 63, VALUE_MAX = 255, TEXT_MAX = 300, KEY_SHOWN_MAX = 60 };

#define EXAMPLE "postgres://user:password@host/db?table=pawl_sequences"

static int hex_of(char letter)
{
    if (isdigit((unsigned char)letter) != 0) return letter - '0';
    if (isxdigit((unsigned char)letter) != 0) return tolower((unsigned char)letter) - 'a' + 10;
    return -1;
}

/* false: too long, or a % that begins no byte. */
static bool decode(struct pawl_bytes from, char to[VALUE_MAX + 1])
{
    size_t used = 0;

    for (size_t i = 0; i < from.size; i++) {
        char letter = from.at[i];

        if (used == VALUE_MAX) return false;
        if (letter == '%') {
            int high = i + 2 < from.size ? hex_of(from.at[i + 1]) : -1;
            int low = high >= 0 ? hex_of(from.at[i + 2]) : -1;

            if (low < 0 || high + low == 0) return false;
            letter = (char)(high * 16 + low);
            i += 2;
        }
        to[used++] = letter;
    }
    to[used] = '\0';
    return true;
}

/* Quotes "schema.table" or "table": each part as it is written, letters' case included. */
static pawl_err quote_table(struct pawl_postgres_target *target, const char *name,
                            pawl_error *error)
{
    size_t used = 0;
    size_t part = 0;
    size_t dots = 0;
    bool good = name[0] != '\0' && pawl_utf8_printable((struct pawl_bytes){name, strlen(name)});

    target->table[used++] = '"';
    for (const char *at = name; good && *at != '\0'; at++) {
        if (*at == '.') {
            good = part > 0 && ++dots == 1;
            part = 0;
            memcpy(target->table + used, "\".\"", 3);
            used += 3;
            continue;
        }
        good = ++part <= IDENTIFIER_MAX;
        if (!good) break;
        if (*at == '"') target->table[used++] = '"';
        target->table[used++] = *at;
    }
    if (!good || part == 0) {
        return pawl_fail(error, PAWL_BAD_REQUEST,
                         "?table=%.100s: must be a table's name, or schema.table, of at most %d "
                         "bytes each",
                         pawl_utf8_printable((struct pawl_bytes){name, strlen(name)}) ? name : "",
                         IDENTIFIER_MAX);
    }
    target->table[used++] = '"';
    target->table[used] = '\0';
    return PAWL_OK;
}

static pawl_err own_option(struct pawl_postgres_target *target, struct pawl_bytes key,
                           struct pawl_bytes value, pawl_error *error)
{
    char text[VALUE_MAX + 1];

    if (!decode(value, text)) {
        return pawl_fail(error, PAWL_BAD_REQUEST,
                         "?%.*s=: its value is too long, or has a %% that begins no byte",
                         (int)key.size, key.at);
    }
    if (pawl_bytes_equal(key, PAWL_BYTES("table"))) return quote_table(target, text, error);
    target->lasting = strcmp(text, "none") != 0;
    if (!target->lasting || strcmp(text, "on") == 0) return PAWL_OK;
    return pawl_fail(error, PAWL_BAD_REQUEST, "?durability=%.100s: there are on and none",
                     pawl_utf8_printable((struct pawl_bytes){text, strlen(text)}) ? text : "");
}

static bool is_own(struct pawl_bytes key)
{
    return pawl_bytes_equal(key, PAWL_BYTES("table")) ||
           pawl_bytes_equal(key, PAWL_BYTES("durability"));
}

#define ENCODE_ADVICE                                                                       \
    "in a user and a password write % as %25, @ as %40, / as %2F, # as %23, and any other " \
    "character but letters and digits as %XX as well"

/*
 * Whether a user or a password has what should have been encoded: libpq ends them at the first @
 * and knows none behind a slash, so that it takes the rest of a password for a host or a database.
 */
static bool is_misread(const char *url)
{
    const char *host = strstr(url, "://") + strlen("://");
    size_t user = strcspn(host, "@/");

    if (host[user] == '@') host += user + 1;
    return memchr(host, '@', strcspn(host, "?")) != NULL;
}

static bool is_option_of_libpq(const char *key)
{
    PQconninfoOption *options = PQconndefaults();
    bool found = strcmp(key, "ssl") == 0; /* what JDBC calls it */

    for (const PQconninfoOption *one = options; !found && one != NULL && one->keyword != NULL;
         one++) {
        found = strcmp(one->keyword, key) == 0;
    }
    PQconninfoFree(options);
    return found;
}

/* Of an option that is libpq's, before libpq quotes it. hides: an @ stands in it, and what is
 * quoted may be a part of a password. */
static pawl_err check_key(struct pawl_bytes key, bool has_value, bool hides, pawl_error *error)
{
    char text[VALUE_MAX + 1];
    bool known = decode(key, text) && is_option_of_libpq(text);
    bool shows = !hides && key.size <= KEY_SHOWN_MAX && pawl_utf8_printable(key);
    int shown = shows ? (int)key.size : 0;

    if (known && has_value) return PAWL_OK;
    if (known) {
        return pawl_fail(error, PAWL_BAD_REQUEST, "the parameter %.*s lacks its = and value", shown,
                         key.at);
    }
    if (hides) {
        return pawl_fail(error, PAWL_BAD_REQUEST,
                         "the URL cannot be meant: it has an unknown parameter, and an @ behind "
                         "its ?: %s",
                         ENCODE_ADVICE);
    }
    return pawl_fail(error, PAWL_BAD_REQUEST,
                     "there is no parameter \"%.*s\"; there are: table, durability, sslmode, "
                     "sslrootcert, sslcert, sslkey, connect_timeout, application_name, options, "
                     "passfile, service, and the others of libpq",
                     shown, key.at);
}

/* Whether one before key, in the options that begin at from, is the same when it is decoded. */
static bool is_repeated(const char *from, struct pawl_bytes key)
{
    char text[VALUE_MAX + 1], other[VALUE_MAX + 1];

    if (!decode(key, text)) return false; /* it is no option */
    while (from < key.at) {
        struct pawl_bytes one = {from, strcspn(from, "=&")};

        if (decode(one, other) && strcmp(text, other) == 0) return true;
        from += strcspn(from, "&");
        if (*from == '&') from++;
    }
    return false;
}

/* Of which one would count, and who wrote them thinks of the other. */
static pawl_err fail_repeated(struct pawl_bytes key, bool hides, pawl_error *error)
{
    bool shows = !hides && key.size <= KEY_SHOWN_MAX && pawl_utf8_printable(key);

    return pawl_fail(error, PAWL_BAD_REQUEST, "the parameter %.*s is given twice",
                     shows ? (int)key.size : 0, key.at);
}

/* Where the options begin; a user and a password before it may hold a ? as libpq reads them. */
static const char *query_of(const char *url)
{
    const char *begin = strstr(url, "://") + strlen("://");
    const char *user_end = begin + strcspn(begin, "@/");

    return user_end + strcspn(user_end, "?");
}

/* Takes our own options; all else goes to rest, which is as long as url. */
static pawl_err split(struct pawl_postgres_target *target, const char *url, char *rest,
                      pawl_error *error)
{
    const char *query = query_of(url);
    const char *at = query;
    size_t used = (size_t)(at - url);
    bool hides = strchr(at, '@') != NULL;
    char mark = '?';

    memcpy(rest, url, used);
    while (*at != '\0') {
        struct pawl_bytes pair = {at + 1, strcspn(at + 1, "&")};
        const char *sign = memchr(pair.at, '=', pair.size);
        struct pawl_bytes key = {pair.at, sign != NULL ? (size_t)(sign - pair.at) : pair.size};

        at = pair.at + pair.size;
        if (is_repeated(query + 1, key)) return fail_repeated(key, hides, error);
        if (sign != NULL && is_own(key)) {
            struct pawl_bytes value = {sign + 1, (size_t)(at - sign - 1)};

            if (own_option(target, key, value, error) != PAWL_OK) return error->code;
            continue;
        }
        if (check_key(key, sign != NULL, hides, error) != PAWL_OK) return error->code;
        rest[used++] = mark;
        memcpy(rest + used, pair.at, pair.size);
        used += pair.size;
        mark = '&';
    }
    rest[used] = '\0';
    return PAWL_OK;
}

/* Cuts out user and password, up to the last @: who forgets the colon has written a password. */
static void hide_password(char *url)
{
    char *begin = strstr(url, "://") + strlen("://");
    char *end = strrchr(url, '@');

    if (end != NULL && end > begin) memmove(begin, end + 1, strlen(end + 1) + 1);
}

/*
 * What libpq says of the URL, which may quote it. So it is asked about one without password; if it
 * finds nothing wrong with that, the password is what cannot be read.
 */
static pawl_err explain(char *url, const char *password_key, pawl_error *error)
{
    char line[TEXT_MAX];
    char *message = NULL;

    hide_password(url);
    PQconninfoOption *options = PQconninfoParse(url, &message);

    if (options == NULL && message != NULL && strstr(url, password_key) == NULL) {
        (void)pawl_fail(error, PAWL_BAD_REQUEST, "the URL cannot be meant: %s; for example %s",
                        pawl_postgres_one_line(line, sizeof line, message), EXAMPLE);
    } else {
        (void)pawl_fail(error, PAWL_BAD_REQUEST, "the URL cannot be meant: %s; for example %s",
                        ENCODE_ADVICE, EXAMPLE);
    }
    PQconninfoFree(options);
    PQfreemem(message);
    return error->code;
}

const char *pawl_postgres_target_value(const struct pawl_postgres_target *target, const char *key)
{
    for (const PQconninfoOption *option = target->options; option->keyword != NULL; option++) {
        if (strcmp(option->keyword, key) == 0) return option->val;
    }
    return NULL;
}

/* Each empty, or a port: a list may have one for each host. */
static bool are_ports(const char *text)
{
    for (;;) {
        size_t size = strcspn(text, ",");
        uint64_t port = 1;

        if (size > 0 && !pawl_bytes_to_u64((struct pawl_bytes){text, size}, &port)) return false;
        if (port == 0 || port > UINT16_MAX) return false;
        if (text[size] == '\0') return true;
        text += size + 1;
    }
}

/* What libpq says only when it connects, quoting what may be a password whose host is missing. */
static pawl_err check_values(const struct pawl_postgres_target *target, pawl_error *error)
{
    const char *port = pawl_postgres_target_value(target, "port");

    if (port != NULL && !are_ports(port)) {
        return pawl_fail(error, PAWL_BAD_REQUEST,
                         "postgres://: a host's port must be a number from 1 to 65535; for example "
                         "%s",
                         EXAMPLE);
    }
    return pawl_postgres_values_check(target, error);
}

/* Of several, one that libpq would take for a socket of this machine. */
static bool lacks_host(const char *hosts)
{
    size_t size = strlen(hosts);

    return strchr(hosts, ',') != NULL &&
           (hosts[0] == ',' || hosts[size - 1] == ',' || strstr(hosts, ",,") != NULL);
}

/* With several hosts, a standby must never do for the primary. */
static pawl_err check_hosts(struct pawl_postgres_target *target, pawl_error *error)
{
    const char *host = pawl_postgres_target_value(target, "host");
    const char *wanted = pawl_postgres_target_value(target, "target_session_attrs");

    if (host != NULL && lacks_host(host) &&
        pawl_postgres_target_value(target, "hostaddr") == NULL) {
        return pawl_fail(error, PAWL_BAD_REQUEST,
                         "postgres://: one of the hosts is empty; for example %s", EXAMPLE);
    }
    target->many = host != NULL && strchr(host, ',') != NULL;
    if (wanted == NULL || strcmp(wanted, "read-write") == 0 || strcmp(wanted, "primary") == 0 ||
        strcmp(wanted, "any") == 0) {
        return PAWL_OK;
    }
    return pawl_fail(error, PAWL_BAD_REQUEST,
                     "?target_session_attrs=%.40s: ids come from the server that can write; leave "
                     "it out",
                     wanted);
}

pawl_err pawl_postgres_target_read(struct pawl_postgres_target *target, const char *url,
                                   pawl_error *error)
{
    pawl_error unused;
    char *rest = malloc(strlen(url) + 1);
    char *message = NULL;

    if (error == NULL) error = &unused;
    *target = (struct pawl_postgres_target){.lasting = true, .table = "\"pawl_sequences\""};
    if (rest == NULL) return pawl_fail(error, PAWL_NO_MEMORY, "no memory for a URL");
    if (is_misread(url)) {
        free(rest);
        return pawl_fail(error, PAWL_BAD_REQUEST,
                         "the URL cannot be meant: an @ stands where none belongs: %s; for "
                         "example %s",
                         ENCODE_ADVICE, EXAMPLE);
    }
    if (split(target, url, rest, error) != PAWL_OK) {
        free(rest);
        return error->code;
    }
    target->options = PQconninfoParse(rest, &message);
    if (target->options == NULL) {
        pawl_err err = explain(rest, "password=", error);

        PQfreemem(message);
        free(rest);
        return err;
    }
    free(rest);
    if (check_values(target, error) == PAWL_OK && check_hosts(target, error) == PAWL_OK) {
        return PAWL_OK;
    }
    pawl_postgres_target_free(target);
    return error->code;
}

void pawl_postgres_target_free(struct pawl_postgres_target *target)
{
    PQconninfoFree(target->options);
    target->options = NULL;
}

bool pawl_postgres_list_item(const char *list, size_t index, char *to, size_t size)
{
    for (; index > 0; index--) {
        list += strcspn(list, ",");
        if (*list++ == '\0') return false;
    }
    size_t length = strcspn(list, ",");

    if (length >= size) return false;
    memcpy(to, list, length);
    to[length] = '\0';
    return true;
}

/* Ours where the URL has none: a dead peer is found out, and nothing asks Kerberos in between. */
static const char *const defaults[][2] = {
    {"application_name", "pawl"}, {"gssencmode", "disable"},    {"tcp_user_timeout", "5000"},
    {"keepalives_idle", "5"},     {"keepalives_interval", "2"}, {"keepalives_count", "3"},
};

static void add(struct pawl_postgres_params *params, const char *key, const char *value)
{
    PAWL_ASSERT(params->count + 1 < PAWL_POSTGRES_PARAMS_MAX);
    params->keys[params->count] = key;
    params->values[params->count++] = value;
}

static bool is_placed(const char *key)
{
    return strcmp(key, "host") == 0 || strcmp(key, "hostaddr") == 0 || strcmp(key, "port") == 0;
}

/* Three lists in one memory, each with its end. */
static bool add_places(struct pawl_postgres_params *params,
                       const struct pawl_postgres_place *places, size_t count, size_t first)
{
    size_t size = 0;
    FILE *stream = open_memstream(&params->room, &size);
    size_t begins[3];

    if (stream == NULL) return false;
    for (size_t list = 0; list < PAWL_COUNT(begins); list++) {
        begins[list] = (size_t)ftell(stream);
        for (size_t i = 0; i < count; i++) {
            const struct pawl_postgres_place *place = &places[(first + i) % count];
            const char *texts[] = {place->host, place->address, place->port};

            (void)fprintf(stream, "%s%s", i > 0 ? "," : "", texts[list]);
        }
        (void)fputc('\0', stream);
    }
    if (fclose(stream) != 0) return false;
    add(params, "host", params->room + begins[0]);
    add(params, "hostaddr", params->room + begins[1]);
    add(params, "port", params->room + begins[2]);
    return true;
}

bool pawl_postgres_params_make(struct pawl_postgres_params *params,
                               const struct pawl_postgres_target *target,
                               const struct pawl_postgres_place *places, size_t count, size_t first)
{
    *params = (struct pawl_postgres_params){.count = 0};
    for (const PQconninfoOption *option = target->options; option->keyword != NULL; option++) {
        if (option->val == NULL || (count > 0 && is_placed(option->keyword))) continue;
        add(params, option->keyword, option->val);
    }
    for (size_t i = 0; i < PAWL_COUNT(defaults); i++) {
        if (pawl_postgres_target_value(target, defaults[i][0]) == NULL) {
            add(params, defaults[i][0], defaults[i][1]);
        }
    }
    add(params, "client_encoding", "UTF8"); /* the last one counts */
    if (target->many) add(params, "target_session_attrs", "read-write");
    return count == 0 || add_places(params, places, count, first);
}

void pawl_postgres_params_free(struct pawl_postgres_params *params)
{
    free(params->room);
    params->room = NULL;
}

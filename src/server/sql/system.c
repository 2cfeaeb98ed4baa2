/* SPDX-License-Identifier: Apache-2.0 */
#include "server/sql/system.h"

#include <stdio.h>
#include <string.h>

#include "pawl/pawl.h"
#include "server/sql/cast.h"
#include "server/sql/plan.h"
#include "server/sql/query.h"

static bool set_text(struct sql_call *call, struct pawl_bytes text)
{
    call->result->text = text;
    return text.at == NULL ? sql_fail(call->error, "53200", 0, "out of memory") : true;
}

static bool set_string(struct sql_call *call, const char *text)
{
    return set_text(call, sql_pool_copy(call->pool, (struct pawl_bytes){text, strlen(text)}));
}

bool sql_version(struct sql_call *call)
{
    return set_string(call, "PostgreSQL " SQL_POSTGRES_VERSION " (pawl " PAWL_VERSION ")");
}

bool sql_current_database(struct sql_call *call)
{
    return set_string(call, call->facts->database);
}

bool sql_current_user(struct sql_call *call)
{
    return set_string(call, call->facts->user);
}

bool sql_backend_pid(struct sql_call *call)
{
    call->result->number = call->facts->pid;
    return true;
}

bool sql_in_recovery(struct sql_call *call)
{
    call->result->number = 0;
    return true;
}

bool sql_encoding(struct sql_call *call)
{
    return set_string(call, "UTF8");
}

/* Days since 1970 as a date: years begin in March, in eras of 400 years. */
static void date_of(int64_t days, int64_t *year, int64_t *month, int64_t *day)
{
    int64_t shifted = days + 719468;
    int64_t era = (shifted >= 0 ? shifted : shifted - 146096) / 146097;
    int64_t of_era = shifted - era * 146097;
    int64_t year_of_era = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
    int64_t of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    int64_t from_march = (5 * of_year + 2) / 153;

    *day = of_year - (153 * from_march + 2) / 5 + 1;
    *month = from_march < 10 ? from_march + 3 : from_march - 9;
    *year = year_of_era + era * 400 + (*month <= 2);
}

/* As PostgreSQL shows a timestamptz in UTC. */
static bool set_time(struct sql_call *call, int64_t us)
{
    enum { US_PER_S = 1000000, S_PER_DAY = 86400, S_PER_HOUR = 3600 };
    int64_t seconds = us / US_PER_S;
    int64_t fraction = us % US_PER_S;
    int64_t of_day = seconds % S_PER_DAY;
    int64_t year = 0;
    int64_t month = 0;
    int64_t day = 0;
    char text[64];
    char behind[16] = "";

    date_of(seconds / S_PER_DAY, &year, &month, &day);
    if (fraction > 0) {
        (void)snprintf(behind, sizeof behind, ".%06lld", (long long)fraction);
        for (size_t i = strlen(behind); i > 0 && behind[i - 1] == '0'; i--) {
            behind[i - 1] = '\0';
        }
    }
    (void)snprintf(text, sizeof text, "%04lld-%02lld-%02lld %02lld:%02lld:%02lld%s+00",
                   (long long)year, (long long)month, (long long)day,
                   (long long)(of_day / S_PER_HOUR), (long long)(of_day / 60 % 60),
                   (long long)(of_day % 60), behind);
    return set_string(call, text);
}

bool sql_now(struct sql_call *call)
{
    return set_time(call, call->facts->now_us);
}

bool sql_server_start(struct sql_call *call)
{
    return set_time(call, call->facts->server_us);
}

static const char *setting(struct sql_call *call, struct pawl_bytes name)
{
    char lower[64];
    size_t size = name.size < sizeof lower ? name.size : sizeof lower;

    if (call->facts->setting == NULL) return NULL;
    for (size_t i = 0; i < size; i++) {
        char c = name.at[i];

        lower[i] = (char)(c >= 'A' && c <= 'Z' ? c | 0x20 : c);
    }
    return call->facts->setting(call->facts->arg, (struct pawl_bytes){lower, size});
}

bool sql_current_setting(struct sql_call *call)
{
    const char *value = setting(call, call->args[0].text);

    if (value != NULL) return set_string(call, value);
    if (call->count > 1 && call->args[1].number != 0) {
        call->result->null = true;
        return true;
    }
    return sql_fail(call->error, "42704", 0, "unrecognized configuration parameter \"%.*s\"",
                    (int)call->args[0].text.size, call->args[0].text.at);
}

/* The next schema of a search_path that exists here: "$user" does not. */
static bool next_schema(const char **path, struct pawl_bytes *schema)
{
    while (**path != '\0') {
        const char *at = *path + strspn(*path, " ,");
        bool quoted = *at == '"';
        size_t size = quoted ? strcspn(at + 1, "\"") : strcspn(at, " ,");

        *schema = (struct pawl_bytes){quoted ? at + 1 : at, size};
        *path = at + size + (quoted ? 1 : 0) + (quoted && at[size + 1] == '"' ? 1 : 0);
        if (size == 0 || pawl_bytes_equal(*schema, PAWL_BYTES("$user"))) continue;
        return true;
    }
    return false;
}

bool sql_current_schema(struct sql_call *call)
{
    const char *path = setting(call, PAWL_BYTES("search_path"));
    struct pawl_bytes schema;

    if (path == NULL) path = "public";
    if (next_schema(&path, &schema)) return set_text(call, sql_pool_copy(call->pool, schema));
    call->result->null = true;
    return true;
}

bool sql_current_schemas(struct sql_call *call)
{
    enum { SCHEMAS_MAX = 32 };
    const char *path = setting(call, PAWL_BYTES("search_path"));
    struct sql_value schemas[SCHEMAS_MAX];
    struct pawl_bytes schema;
    size_t count = 0;

    if (path == NULL) path = "public";
    if (call->args[0].number != 0) {
        schemas[count++] = (struct sql_value){.type = SQL_NAME, .text = PAWL_BYTES("pg_catalog")};
    }
    while (count < SCHEMAS_MAX && next_schema(&path, &schema)) {
        schemas[count++] = (struct sql_value){.type = SQL_NAME, .text = schema};
    }
    return set_text(call, sql_array_text(call->pool, schemas, count));
}

/* "USAGE, select": any of them will do. */
static bool may(struct sql_call *call, const struct sql_value *class, struct pawl_bytes privileges)
{
    static const char *const known[] = {"USAGE", "SELECT", "UPDATE"};
    struct sql_name name;
    struct pawl_name store;
    const struct sql_facts *facts = call->facts;
    char *room = sql_pool_take(call->pool, class->text.size + 1);
    struct pawl_bytes rest = privileges;

    if (room == NULL) return sql_fail(call->error, "53200", 0, "out of memory");
    if (!sql_name_read(class->text, room, &name, call->error)) return false;
    if (facts->store_of != NULL) {
        if (!facts->store_of(facts->arg, &name, (uint32_t) class->number, &store, call->error)) {
            return false;
        }
    } else {
        if (name.schema.size == 0) name.schema = PAWL_BYTES("public");
        if (!sql_name_to_store(&name, &store, call->error)) return false;
    }
    struct pawl_bytes stored = pawl_name_bytes(&store);
    while (rest.size > 0) {
        const char *comma = memchr(rest.at, ',', rest.size);
        struct pawl_bytes word = {rest.at, comma == NULL ? rest.size : (size_t)(comma - rest.at)};
        bool found = false;

        rest.at += word.size + (comma != NULL);
        rest.size -= word.size + (comma != NULL);
        while (word.size > 0 && word.at[0] == ' ') {
            word.at++;
            word.size--;
        }
        while (word.size > 0 && word.at[word.size - 1] == ' ') {
            word.size--;
        }
        for (size_t i = 0; i < PAWL_COUNT(known); i++) {
            struct pawl_bytes one = {known[i], strlen(known[i])};

            if (!pawl_bytes_equal_nocase(word, one)) continue;
            found = true;
            if (call->facts->may == NULL || call->facts->may(call->facts->arg, stored, known[i])) {
                call->result->number = 1;
            }
        }
        if (found) continue;
        return sql_fail(call->error, "22023", 0, "unrecognized privilege type: \"%.*s\"",
                        (int)word.size, word.at);
    }
    return true;
}

bool sql_may_sequence(struct sql_call *call)
{
    return may(call, &call->args[0], call->args[1].text);
}

bool sql_user_may_sequence(struct sql_call *call)
{
    struct pawl_bytes user = call->args[0].text;
    struct pawl_bytes own = {call->facts->user, strlen(call->facts->user)};

    if (pawl_bytes_equal(user, own)) return may(call, &call->args[1], call->args[2].text);
    return sql_fail(call->error, "42704", 0, "role \"%.*s\" does not exist", (int)user.size,
                    user.at);
}

/* Columns have tables, of which there are none. */
bool sql_serial_sequence(struct sql_call *call)
{
    struct pawl_bytes table = call->args[0].text;
    struct sql_name name;
    char *room = sql_pool_take(call->pool, table.size + 1);

    if (room == NULL) return sql_fail(call->error, "53200", 0, "out of memory");
    if (!sql_name_read(table, room, &name, call->error)) return false;
    (void)sql_fail(call->error, "42P01", 0, "relation \"%.*s\" does not exist",
                   (int)name.relation.size, name.relation.at);
    (void)snprintf(call->error->hint, sizeof call->error->hint, "%s", SQL_NO_TABLES_HINT);
    return false;
}

bool sql_quote_ident(struct sql_call *call)
{
    struct pawl_bytes text = call->args[0].text;
    char *to = sql_pool_take(call->pool, 2 * text.size + 3);

    if (to == NULL) return sql_fail(call->error, "53200", 0, "out of memory");
    return set_text(call, (struct pawl_bytes){to, sql_put_name(to, text)});
}

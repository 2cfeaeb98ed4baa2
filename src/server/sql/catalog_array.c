/* SPDX-License-Identifier: Apache-2.0 */
/* Arrays, which are kept as PostgreSQL writes them: {a,"b c",NULL}; vectors: 1 2 3. */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "server/sql/catalog_own.h"

bool catalog_array_next(const char **at, char **text)
{
    const char *from = *at + strspn(*at, "{}, ");
    sqlite3_str *element = NULL;
    bool quoted = *from == '"';

    *text = NULL;
    *at = from;
    if (*from == '\0') return false;
    element = sqlite3_str_new(NULL);
    from += quoted;
    for (; *from != '\0' && (quoted ? *from != '"' : strchr("{}, ", *from) == NULL); from++) {
        if (*from == '\\' && from[1] != '\0') from++;
        sqlite3_str_appendchar(element, 1, *from);
    }
    *at = from + (*from == '"' && quoted);
    *text = sqlite3_str_finish(element);
    if (!quoted && *text != NULL && strcasecmp(*text, "NULL") == 0) {
        sqlite3_free(*text);
        *text = NULL;
    } else if (*text == NULL) {
        *text = sqlite3_mprintf(""); /* an empty sqlite3_str is NULL */
    }
    return true;
}

void catalog_result_element(sqlite3_context *context, const char *text, uint32_t type)
{
    const struct catalog_type *found = catalog_type_find(type);
    int64_t number = 0;

    if (text == NULL) return;
    if (type == SQL_BOOL) {
        sqlite3_result_int(context, *text == 't');
    } else if (found != NULL && *found->category == 'N' &&
               pawl_bytes_to_i64((struct pawl_bytes){text, strlen(text)}, &number)) {
        sqlite3_result_int64(context, number);
    } else {
        sqlite3_result_text(context, text, -1, SQLITE_TRANSIENT);
    }
}

void catalog_array_append(sqlite3_str *array, sqlite3_value *value)
{
    struct pawl_bytes text = catalog_text(value);
    bool plain = text.size > 0 && strncasecmp(text.at, "NULL", text.size < 4 ? 4 : text.size) != 0;

    if (sqlite3_str_length(array) > 1) sqlite3_str_appendchar(array, 1, ',');
    if (catalog_null(value)) {
        sqlite3_str_appendall(array, "NULL");
        return;
    }
    for (size_t i = 0; plain && i < text.size; i++) {
        plain = strchr("{}\",\\ \t\n\r\v\f", text.at[i]) == NULL;
    }
    if (plain) {
        sqlite3_str_append(array, text.at, (int)text.size);
        return;
    }
    sqlite3_str_appendchar(array, 1, '"');
    for (size_t i = 0; i < text.size; i++) {
        if (text.at[i] == '"' || text.at[i] == '\\') sqlite3_str_appendchar(array, 1, '\\');
        sqlite3_str_appendchar(array, 1, text.at[i]);
    }
    sqlite3_str_appendchar(array, 1, '"');
}

void catalog_array_end(sqlite3_context *context, sqlite3_str *array)
{
    sqlite3_str_appendchar(array, 1, '}');
    int problem = sqlite3_str_errcode(array);
    char *text = sqlite3_str_finish(array);

    if (text != NULL && problem == SQLITE_OK) {
        sqlite3_result_text(context, text, -1, sqlite3_free);
        return;
    }
    sqlite3_free(text);
    sqlite3_result_error_code(context, problem == SQLITE_TOOBIG ? SQLITE_TOOBIG : SQLITE_NOMEM);
}

sqlite3_str *catalog_array_begin(sqlite3_context *context)
{
    sqlite3_str *array = sqlite3_str_new(sqlite3_context_db_handle(context));

    sqlite3_str_appendchar(array, 1, '{');
    return array;
}

static void call_array(sqlite3_context *context, int count, sqlite3_value **values)
{
    sqlite3_str *array = catalog_array_begin(context);

    for (int i = 0; i < count; i++) {
        catalog_array_append(array, values[i]);
    }
    catalog_array_end(context, array);
}

/* a || b, where one is an array at least; between whose braces lies what the other is added to. */
static void call_append(sqlite3_context *context, int count, sqlite3_value **values)
{
    sqlite3_str *array = catalog_array_begin(context);
    sqlite3_value *sides[2] = {values[0], values[2]};

    (void)count;
    for (size_t i = 0; i < 2; i++) {
        struct pawl_bytes text = catalog_text(sides[i]);

        if (text.size >= 2 && *text.at == '{') {
            if (sqlite3_str_length(array) > 1 && text.size > 2) {
                sqlite3_str_appendchar(array, 1, ',');
            }
            sqlite3_str_append(array, text.at + 1, (int)text.size - 2);
        } else if (!catalog_null(sides[i])) {
            catalog_array_append(array, sides[i]);
        }
    }
    catalog_array_end(context, array);
}

static void call_element(sqlite3_context *context, int count, sqlite3_value **values)
{
    const char *at = catalog_text(values[0]).at;
    sqlite3_int64 index = sqlite3_value_int64(values[1]);
    uint32_t type = (uint32_t)sqlite3_value_int64(values[2]);
    bool vector = *at != '{';
    char *text = NULL;

    (void)count;
    if (catalog_null(values[0]) || catalog_null(values[1])) return;
    index -= vector ? 0 : 1; /* vectors begin at 0 */
    if (index < 0) return;
    while (catalog_array_next(&at, &text)) {
        if (index-- == 0) {
            catalog_result_element(context, text, type);
            sqlite3_free(text);
            return;
        }
        sqlite3_free(text);
    }
}

static int64_t cardinality(const char *at)
{
    int64_t elements = 0;
    char *text = NULL;

    while (catalog_array_next(&at, &text)) {
        sqlite3_free(text);
        elements++;
    }
    return elements;
}

static void call_cardinality(sqlite3_context *context, int count, sqlite3_value **values)
{
    (void)count;
    if (catalog_null(values[0])) return;
    sqlite3_result_int64(context, cardinality(catalog_text(values[0]).at));
}

static bool has_element(const char *at, const char *wanted)
{
    char *text = NULL;
    bool found = false;

    while (!found && catalog_array_next(&at, &text)) {
        found = text != NULL && strcmp(text, wanted) == 0;
        sqlite3_free(text);
    }
    return found;
}

/* a @> b, a <@ b, a && b */
static void call_contains(sqlite3_context *context, int count, sqlite3_value **values)
{
    char op = catalog_text(values[0]).at[0];
    const char *all = catalog_text(values[op == '<' ? 2 : 1]).at;
    const char *at = catalog_text(values[op == '<' ? 1 : 2]).at;
    bool any = op == '&';
    bool decided = false;
    char *text = NULL;

    (void)count;
    if (catalog_null(values[1]) || catalog_null(values[2])) return;
    while (!decided && catalog_array_next(&at, &text)) {
        decided = (text != NULL && has_element(all, text)) == any;
        sqlite3_free(text);
    }
    sqlite3_result_int(context, decided == any);
}

/* array_to_string (array, between[, instead of NULL]) */
static void call_to_string(sqlite3_context *context, int count, sqlite3_value **values)
{
    const char *at = catalog_text(values[0]).at;
    struct pawl_bytes between = catalog_text(values[1]);
    const char *null =
        count > 2 && !catalog_null(values[2]) ? (const char *)sqlite3_value_text(values[2]) : NULL;
    sqlite3_str *result = sqlite3_str_new(sqlite3_context_db_handle(context));
    bool first = true;
    char *text = NULL;

    if (catalog_null(values[0]) || catalog_null(values[1])) {
        sqlite3_free(sqlite3_str_finish(result));
        return;
    }
    while (catalog_array_next(&at, &text)) {
        if (text != NULL || null != NULL) {
            if (!first) sqlite3_str_append(result, between.at, (int)between.size);
            sqlite3_str_appendall(result, text == NULL ? null : text);
            first = false;
        }
        sqlite3_free(text);
    }
    char *all = sqlite3_str_finish(result);

    sqlite3_result_text(context, all == NULL ? "" : all, -1,
                        all == NULL ? SQLITE_STATIC : sqlite3_free);
}

/* string_to_array (text, between) */
static void call_from_string(sqlite3_context *context, int count, sqlite3_value **values)
{
    struct pawl_bytes text = catalog_text(values[0]);
    struct pawl_bytes between = catalog_text(values[1]);
    sqlite3_str *array = NULL;

    (void)count;
    if (catalog_null(values[0])) return;
    array = catalog_array_begin(context);
    for (bool more = text.size > 0; more;) {
        const char *found =
            between.size == 0 ? NULL : memmem(text.at, text.size, between.at, between.size);
        size_t size = found == NULL ? text.size : (size_t)(found - text.at);

        if (sqlite3_str_length(array) > 1) sqlite3_str_appendchar(array, 1, ',');
        sqlite3_str_appendchar(array, 1, '"');
        for (size_t i = 0; i < size; i++) {
            if (strchr("\"\\", text.at[i]) != NULL) sqlite3_str_appendchar(array, 1, '\\');
            sqlite3_str_appendchar(array, 1, text.at[i]);
        }
        sqlite3_str_appendchar(array, 1, '"');
        more = found != NULL;
        text.at += size + between.size;
        text.size -= more ? size + between.size : text.size;
    }
    catalog_array_end(context, array);
}

int catalog_array_add(struct sql_catalog *catalog)
{
    static const struct catalog_function functions[] = {
        {"pawl_array", -1, call_array, NULL},
        {"pawl_append", 3, call_append, NULL},
        {"pawl_element", 3, call_element, NULL},
        {"pawl_cardinality", 1, call_cardinality, NULL},
        {"pawl_contains", 3, call_contains, NULL},
        {"pawl_array_to_string", -1, call_to_string, NULL},
        {"pawl_string_to_array", 2, call_from_string, NULL},
    };

    return catalog_add(catalog, functions, PAWL_COUNT(functions));
}

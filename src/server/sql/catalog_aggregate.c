/* SPDX-License-Identifier: Apache-2.0 */
/*
 * array_agg and string_agg with ORDER BY inside, which SQLite does not know:
 * pawl_array_agg (mode, value, key …), pawl_string_agg (mode, value, between, key …). The mode has
 * u or - for DISTINCT, and a letter for each key: a ascending, d descending, capital: NULLs first.
 */
#include <stdlib.h>
#include <string.h>

#include "server/sql/catalog_own.h"

enum { KEYS_MAX = 8 };

/* One row's value and keys. */
struct item {
    const char *mode; /* the list's, for comparisons */
    sqlite3_value *value, *between;
    sqlite3_value *keys[KEYS_MAX];
};

struct list {
    struct item *items;
    size_t count, room;
    char mode[KEYS_MAX + 2];
    bool failed;
};

static int order(sqlite3_value *a, sqlite3_value *b)
{
    bool text = sqlite3_value_type(a) == SQLITE_TEXT && sqlite3_value_type(b) == SQLITE_TEXT;
    double left = sqlite3_value_double(a);
    double right = sqlite3_value_double(b);

    if (text) return pawl_bytes_order(catalog_text(a), catalog_text(b));
    return (left > right) - (left < right);
}

static int key_order(sqlite3_value *a, sqlite3_value *b, char mode)
{
    bool first = mode == 'A' || mode == 'D';
    bool down = mode == 'd' || mode == 'D';

    if (catalog_null(a) || catalog_null(b)) {
        int nulls = catalog_null(a) - catalog_null(b);

        return first ? -nulls : nulls;
    }
    return down ? -order(a, b) : order(a, b);
}

static int item_order(const void *a, const void *b)
{
    const struct item *left = a;
    const struct item *right = b;
    const char *mode = left->mode + 1;

    for (size_t i = 0; mode[i] != '\0'; i++) {
        int result = key_order(left->keys[i], right->keys[i], mode[i]);

        if (result != 0) return result;
    }
    return *left->mode == 'u' ? key_order(left->value, right->value, 'a') : 0;
}

static bool make_room(struct list *list)
{
    if (list->count < list->room) return true;
    size_t room = list->room == 0 ? 16 : 2 * list->room;
    struct item *items = sqlite3_realloc64(list->items, room * sizeof *items);

    if (items == NULL) return false;
    list->items = items;
    list->room = room;
    return true;
}

/* values: mode, value, then between if there is one, then keys. */
static void add(sqlite3_context *context, int count, sqlite3_value **values, int key)
{
    struct list *list = sqlite3_aggregate_context(context, sizeof *list);

    if (list == NULL || count - key > KEYS_MAX || !make_room(list)) {
        if (list != NULL) list->failed = true;
        sqlite3_result_error_nomem(context);
        return;
    }
    struct item *item = &list->items[list->count++];
    struct pawl_bytes mode = catalog_text(values[0]);

    *item = (struct item){.value = sqlite3_value_dup(values[1])};
    if (key == 3) item->between = sqlite3_value_dup(values[2]);
    list->failed = list->failed || item->value == NULL || (key == 3 && item->between == NULL);
    for (int i = key; i < count; i++) {
        item->keys[i - key] = sqlite3_value_dup(values[i]);
        list->failed = list->failed || item->keys[i - key] == NULL;
    }
    memcpy(list->mode, mode.at, mode.size < sizeof list->mode ? mode.size : sizeof list->mode - 1);
}

static void array_step(sqlite3_context *context, int count, sqlite3_value **values)
{
    add(context, count, values, 2);
}

static void string_step(sqlite3_context *context, int count, sqlite3_value **values)
{
    if (!catalog_null(values[1])) add(context, count, values, 3);
}

/* Sorts stably, and drops what comes twice if DISTINCT was said. */
static void settle(struct list *list)
{
    bool distinct = *list->mode == 'u';

    for (size_t i = 0; i < list->count; i++) {
        list->items[i].mode = list->mode;
    }
    if (list->mode[0] != '\0' && (distinct || list->mode[1] != '\0') && list->count > 0) {
        qsort(list->items, list->count, sizeof *list->items, item_order);
    }
    for (size_t i = 1; distinct && i < list->count; i++) {
        if (item_order(&list->items[i - 1], &list->items[i]) != 0) continue;
        struct item *twice = &list->items[i - 1];

        sqlite3_value_free(twice->value);
        twice->value = NULL; /* left out; the later one stays */
    }
}

static void forget(struct list *list)
{
    for (size_t i = 0; i < list->count; i++) {
        sqlite3_value_free(list->items[i].value);
        sqlite3_value_free(list->items[i].between);
        for (size_t key = 0; key < KEYS_MAX; key++) {
            sqlite3_value_free(list->items[i].keys[key]);
        }
    }
    sqlite3_free(list->items);
}

static void array_final(sqlite3_context *context)
{
    struct list *list = sqlite3_aggregate_context(context, 0);

    if (list == NULL) return;
    if (list->failed) {
        sqlite3_result_error_nomem(context);
    } else if (list->count > 0) {
        sqlite3_str *array = catalog_array_begin(context);

        settle(list);
        for (size_t i = 0; i < list->count; i++) {
            if (list->items[i].value != NULL) catalog_array_append(array, list->items[i].value);
        }
        catalog_array_end(context, array);
    }
    forget(list);
}

static void string_final(sqlite3_context *context)
{
    struct list *list = sqlite3_aggregate_context(context, 0);

    if (list == NULL) return;
    if (list->failed) {
        sqlite3_result_error_nomem(context);
    } else if (list->count > 0) {
        sqlite3_str *text = sqlite3_str_new(sqlite3_context_db_handle(context));
        bool first = true;

        settle(list);
        for (size_t i = 0; i < list->count; i++) {
            const struct item *item = &list->items[i];

            if (item->value == NULL) continue;
            if (!first) {
                sqlite3_str_append(text, catalog_text(item->between).at,
                                   (int)catalog_text(item->between).size);
            }
            sqlite3_str_append(text, catalog_text(item->value).at,
                               (int)catalog_text(item->value).size);
            first = false;
        }
        int code = sqlite3_str_errcode(text);
        char *all = sqlite3_str_finish(text);

        if (code != SQLITE_OK) {
            sqlite3_free(all);
            sqlite3_result_error_code(context, code);
        } else {
            sqlite3_result_text(context, all == NULL ? "" : all, -1,
                                all == NULL ? SQLITE_STATIC : sqlite3_free);
        }
    }
    forget(list);
}

int catalog_aggregates_add(struct sql_catalog *catalog)
{
    static const struct catalog_function functions[] = {
        {"pawl_array_agg", -1, array_step, array_final},
        {"pawl_string_agg", -1, string_step, string_final},
    };

    return catalog_add(catalog, functions, PAWL_COUNT(functions));
}

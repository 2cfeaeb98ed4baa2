/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Oids and names. A sequence's oid is made from its name, so it is the same on every server and
 * after every restart; where two names give one oid, the later name takes the next free one.
 */
#include <stdlib.h>
#include <string.h>

#include "server/sql/catalog_own.h"

enum { SEED_RELATION = 1, SEED_SCHEMA = 2 };

static uint32_t oid_of(struct pawl_bytes name, uint64_t seed)
{
    return CATALOG_OID_FIRST +
           (uint32_t)(pawl_bytes_hash(name, seed) % (UINT32_MAX / 2 - CATALOG_OID_FIRST));
}

uint32_t catalog_schema_oid(struct pawl_bytes schema)
{
    if (pawl_bytes_equal(schema, PAWL_BYTES("public"))) return CATALOG_PUBLIC;
    if (pawl_bytes_equal(schema, PAWL_BYTES("pg_catalog"))) return CATALOG_PG_CATALOG;
    if (pawl_bytes_equal(schema, PAWL_BYTES("information_schema"))) {
        return CATALOG_INFORMATION_SCHEMA;
    }
    if (pawl_bytes_equal(schema, PAWL_BYTES("pg_toast"))) return CATALOG_PG_TOAST;
    return oid_of(schema, SEED_SCHEMA);
}

static uint32_t relation_oid(struct pawl_bytes schema, struct pawl_bytes relation)
{
    return oid_of(relation, SEED_RELATION + catalog_schema_oid(schema));
}

uint32_t sql_class_oid(struct pawl_bytes name)
{
    struct sql_name parts = sql_name_of_store(name);

    return relation_oid(parts.schema, parts.relation);
}

static uint32_t type_of(pawl_type type)
{
    if (type == PAWL_TYPE_SMALLINT) return SQL_INT2;
    return type == PAWL_TYPE_INTEGER ? SQL_INT4 : SQL_INT8;
}

void catalog_entry_set(struct entry *entry, const struct sql_sequence *sequence,
                       struct pawl_bytes name)
{
    const struct pawl_record *record = sequence->record;

    *entry = (struct entry){
        .name = sql_name_of_store(name),
        .type = type_of(record->data_type),
        .start = record->start,
        .increment = record->increment,
        .min = record->min,
        .max = record->max,
        .cache = record->block == 0 ? 1 : (int64_t)record->block,
        .last = sequence->last_known ? sequence->last : pawl_record_last(record),
        .cycle = record->cycle,
        .called = sequence->last_known || pawl_record_is_called(record),
    };
    entry->schema = catalog_schema_oid(entry->name.schema);
    entry->oid = relation_oid(entry->name.schema, entry->name.relation);
}

static int name_order(const struct entry *a, const struct entry *b)
{
    int order = pawl_bytes_order(a->name.schema, b->name.schema);

    return order != 0 ? order : pawl_bytes_order(a->name.relation, b->name.relation);
}

static int entry_order(const void *a, const void *b, void *arg)
{
    struct sql_scan *scan = arg;
    const struct entry *left = *(struct entry *const *)a;
    const struct entry *right = *(struct entry *const *)b;

    if (++scan->compared % SQL_SORT_STEPS == 0) (void)catalog_pause(scan, SQL_SORT_STEPS);
    if (left->oid != right->oid) return left->oid < right->oid ? -1 : 1;
    return name_order(left, right);
}

bool catalog_sort(struct sql_scan *scan)
{
    if (scan->by_oid != NULL || scan->count == 0) return true;
    scan->by_oid = calloc(scan->count, sizeof *scan->by_oid);
    if (scan->by_oid == NULL) return false;
    for (size_t i = 0; i < scan->count; i++) {
        scan->by_oid[i] = &scan->entries[i];
    }
    qsort_r(scan->by_oid, scan->count, sizeof *scan->by_oid, entry_order, scan);
    for (size_t i = 1; i < scan->count; i++) {
        uint32_t before = scan->by_oid[i - 1]->oid;

        if (scan->by_oid[i]->oid <= before) scan->by_oid[i]->oid = before + 1;
    }
    return true;
}

/* The first entry with this oid or a higher one. */
static size_t lower_bound(const struct sql_scan *scan, uint32_t oid)
{
    size_t low = 0;
    size_t high = scan->by_oid == NULL ? 0 : scan->count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (scan->by_oid[middle]->oid < oid) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

/* What stands there in order of oids; NULL beyond the last. */
static const struct entry *entry_at(const struct sql_scan *scan, size_t at)
{
    return scan->by_oid != NULL && at < scan->count ? scan->by_oid[at] : NULL;
}

const struct entry *catalog_entry_find(const struct sql_scan *scan, uint32_t oid)
{
    const struct entry *entry = entry_at(scan, lower_bound(scan, oid));

    return entry != NULL && entry->oid == oid ? entry : NULL;
}

const struct entry *catalog_entry_named(const struct sql_scan *scan, struct pawl_bytes schema,
                                        struct pawl_bytes relation)
{
    uint32_t oid = relation_oid(schema, relation);

    /* One that had to make room lies behind its oid, with no gap between. */
    for (size_t at = lower_bound(scan, oid);; at++, oid++) {
        const struct entry *entry = entry_at(scan, at);

        if (entry == NULL || entry->oid != oid) return NULL;
        if (pawl_bytes_equal(entry->name.schema, schema) &&
            pawl_bytes_equal(entry->name.relation, relation)) {
            return entry;
        }
    }
}

static bool schema_exists(const struct sql_scan *scan, struct pawl_bytes schema)
{
    if (pawl_bytes_equal(schema, PAWL_BYTES("public"))) return true;
    if (pawl_bytes_equal(schema, PAWL_BYTES("information_schema"))) return true;
    for (size_t i = 0; i < scan->count; i++) {
        if (pawl_bytes_equal(scan->entries[i].name.schema, schema)) return true;
    }
    return false;
}

/* One schema of a list as SHOW search_path shows it: bare, or in double quotes. */
static struct pawl_bytes path_word(const char **at)
{
    const char *begin = *at + strspn(*at, " ,");
    size_t size = *begin == '"' ? strcspn(begin + 1, "\"") : strcspn(begin, " ,");

    if (*begin == '"') {
        begin++;
        *at = begin + size + (begin[size] == '"');
    } else {
        *at = begin + size;
    }
    return (struct pawl_bytes){begin, size};
}

void catalog_path_read(struct sql_scan *scan)
{
    const char *at = scan->facts->setting(scan->facts->arg, PAWL_BYTES("search_path"));

    scan->path_count = 0;
    while (at != NULL && *at != '\0' && scan->path_count < SQL_SEARCH_PATH_MAX) {
        struct pawl_bytes word = path_word(&at);

        if (pawl_bytes_equal(word, PAWL_BYTES("$user"))) {
            word = (struct pawl_bytes){scan->facts->user, strlen(scan->facts->user)};
        }
        if (word.size == 0 || pawl_bytes_equal(word, PAWL_BYTES("pg_catalog"))) continue;
        if (schema_exists(scan, word)) scan->path[scan->path_count++] = word;
    }
}

bool catalog_visible(const struct sql_scan *scan, uint32_t oid)
{
    const struct catalog_relation *relation = catalog_relation_find(oid);
    const struct entry *entry = catalog_entry_find(scan, oid);

    if (entry == NULL) return relation != NULL && relation->schema == CATALOG_PG_CATALOG;
    for (size_t i = 0; i < scan->path_count; i++) {
        const struct entry *first = catalog_entry_named(scan, scan->path[i], entry->name.relation);

        if (first != NULL) return first == entry;
    }
    return false;
}

char *catalog_quote_ident(struct pawl_bytes name)
{
    char *text = sqlite3_malloc64(2 * name.size + 3);

    if (text != NULL) text[sql_put_name(text, name)] = '\0';
    return text;
}

static char *class_text(const struct sql_scan *scan, uint32_t oid)
{
    const struct catalog_relation *relation = catalog_relation_find(oid);
    const struct entry *entry = catalog_entry_find(scan, oid);

    if (relation != NULL) {
        return sqlite3_mprintf("%s%s",
                               relation->schema == CATALOG_PG_CATALOG ? "" : "information_schema.",
                               relation->name);
    }
    if (entry == NULL) {
        for (size_t i = 0; i < SQL_RELATIONS_MAX && entry == NULL; i++) {
            if (scan->relations[i].oid == oid) entry = &scan->relations[i];
        }
        if (entry == NULL) return oid == 0 ? sqlite3_mprintf("-") : sqlite3_mprintf("%u", oid);
    }
    char *name = catalog_quote_ident(entry->name.relation);
    char *schema = catalog_visible(scan, oid) ? NULL : catalog_quote_ident(entry->name.schema);
    char *text = name == NULL ? NULL
                              : sqlite3_mprintf("%s%s%s", schema == NULL ? "" : schema,
                                                schema == NULL ? "" : ".", name);

    sqlite3_free(name);
    sqlite3_free(schema);
    return text;
}

static char *schema_text(const struct sql_scan *scan, uint32_t oid)
{
    static const char *const built_in[] = {"pg_catalog", "information_schema", "public",
                                           "pg_toast"};

    for (size_t i = 0; i < PAWL_COUNT(built_in); i++) {
        struct pawl_bytes name = {built_in[i], strlen(built_in[i])};

        if (catalog_schema_oid(name) == oid) return catalog_quote_ident(name);
    }
    for (size_t i = 0; i < scan->count; i++) {
        if (scan->entries[i].schema != oid) continue;
        return catalog_quote_ident(scan->entries[i].name.schema);
    }
    return sqlite3_mprintf("%u", oid);
}

char *catalog_reg_text(const struct sql_scan *scan, uint32_t oid, uint32_t type)
{
    const struct catalog_type *found = catalog_type_find(oid);

    if (type == SQL_REGCLASS) return class_text(scan, oid);
    if (type == CATALOG_REGNAMESPACE) return schema_text(scan, oid);
    if (type == CATALOG_REGROLE && oid == CATALOG_OWNER) {
        return catalog_quote_ident(
            (struct pawl_bytes){scan->facts->user, strlen(scan->facts->user)});
    }
    if (type == SQL_REGTYPE && found != NULL) return sqlite3_mprintf("%s", found->display);
    for (size_t i = 0; type == CATALOG_REGPROC && i < catalog_proc_count; i++) {
        if (catalog_procs[i].oid == oid) return sqlite3_mprintf("%s", catalog_procs[i].name);
    }
    return oid == 0 ? sqlite3_mprintf("-") : sqlite3_mprintf("%u", oid);
}

bool catalog_class_read(const struct sql_scan *scan, struct pawl_bytes text, uint32_t *oid,
                        struct sql_error *error)
{
    char room[SQL_MESSAGE_BYTES_MAX];
    struct sql_name name = {0};
    const struct entry *entry = NULL;
    int64_t number = 0;

    *error = (struct sql_error){0};
    if (pawl_bytes_to_i64(text, &number) && number >= 0 && number <= UINT32_MAX) {
        *oid = (uint32_t)number;
        return true;
    }
    if (text.size > sizeof room) return sql_fail(error, "42602", 0, "invalid name syntax");
    if (!sql_name_read(text, room, &name, error)) return false;
    const struct catalog_relation *relation = catalog_relation_named(name.schema, name.relation);

    if (relation != NULL) {
        *oid = relation->oid;
        return true;
    }
    if (name.schema.size > 0) entry = catalog_entry_named(scan, name.schema, name.relation);
    for (size_t i = 0; name.schema.size == 0 && entry == NULL && i < scan->path_count; i++) {
        entry = catalog_entry_named(scan, scan->path[i], name.relation);
    }
    if (entry == NULL) {
        return sql_fail(error, "42P01", 0, "relation \"%.*s\" does not exist", (int)text.size,
                        text.at);
    }
    *oid = entry->oid;
    return true;
}

bool catalog_schema_read(const struct sql_scan *scan, struct pawl_bytes text, uint32_t *oid)
{
    if (!schema_exists(scan, text) && !pawl_bytes_equal(text, PAWL_BYTES("pg_catalog"))) {
        return false;
    }
    *oid = catalog_schema_oid(text);
    return true;
}

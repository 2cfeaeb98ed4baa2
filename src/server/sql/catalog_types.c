/* SPDX-License-Identifier: Apache-2.0 */
#include "server/sql/catalog_types.h"

#include <string.h>

#define PG_CATALOG         CATALOG_PG_CATALOG
#define INFORMATION_SCHEMA CATALOG_INFORMATION_SCHEMA

const struct catalog_type catalog_types[] = {
#define TYPE(...) {__VA_ARGS__},
#include "server/sql/catalog_types.def"
#undef TYPE
};
const size_t catalog_type_count = PAWL_COUNT(catalog_types);

const struct catalog_relation catalog_relations[] = {
#define RELATION(...) {__VA_ARGS__},
#include "server/sql/catalog_relations.def"
#undef RELATION
};
_Static_assert(PAWL_COUNT(catalog_relations) == CATALOG_RELATION_COUNT, "counted alike");

const struct catalog_proc catalog_procs[] = {
#define PROC(...) {__VA_ARGS__},
#include "server/sql/catalog_procs.def"
#undef PROC
};
const size_t catalog_proc_count = PAWL_COUNT(catalog_procs);

/* As PostgreSQL's grammar has them; format_type gives the other name. */
static const struct {
    const char *written;
    const char *name;
} synonyms[] = {
    {"int", "int4"},    {"decimal", "numeric"}, {"float", "float8"},
    {"dec", "numeric"}, {"char", "bpchar"},
};

static bool equal(struct pawl_bytes a, const char *b)
{
    return a.size == strlen(b) && memcmp(a.at, b, a.size) == 0;
}

const struct catalog_type *catalog_type_find(uint32_t oid)
{
    for (size_t i = 0; i < catalog_type_count; i++) {
        if (catalog_types[i].oid == oid) return &catalog_types[i];
    }
    return NULL;
}

const struct catalog_type *catalog_type_named(struct pawl_bytes name)
{
    for (size_t i = 0; i < catalog_type_count; i++) {
        if (equal(name, catalog_types[i].name)) return &catalog_types[i];
    }
    return NULL;
}

static const struct catalog_type *type_by_words(struct pawl_bytes text)
{
    for (size_t i = 0; i < PAWL_COUNT(synonyms); i++) {
        if (!equal(text, synonyms[i].written)) continue;
        text = (struct pawl_bytes){synonyms[i].name, strlen(synonyms[i].name)};
        return catalog_type_named(text);
    }
    for (size_t i = 0; i < catalog_type_count; i++) {
        if (equal(text, catalog_types[i].display)) return &catalog_types[i];
    }
    return catalog_type_named(text);
}

const struct catalog_type *catalog_type_written(struct pawl_bytes text)
{
    bool array = false;

    if (text.size > 11 && memcmp(text.at, "pg_catalog.", 11) == 0) {
        text = (struct pawl_bytes){text.at + 11, text.size - 11};
    }
    while (text.size > 2 && memcmp(text.at + text.size - 2, "[]", 2) == 0) {
        text.size -= 2;
        array = true;
    }
    const struct catalog_type *type = type_by_words(text);

    return type == NULL || !array ? type : catalog_type_find(type->array);
}

const struct catalog_relation *catalog_relation_find(uint32_t oid)
{
    for (size_t i = 0; i < CATALOG_RELATION_COUNT; i++) {
        if (catalog_relations[i].oid == oid) return &catalog_relations[i];
    }
    return NULL;
}

const struct catalog_relation *catalog_relation_named(struct pawl_bytes schema,
                                                      struct pawl_bytes name)
{
    uint32_t wanted = CATALOG_PG_CATALOG;

    if (equal(schema, "information_schema")) {
        wanted = CATALOG_INFORMATION_SCHEMA;
    } else if (schema.size > 0 && !equal(schema, "pg_catalog")) {
        return NULL;
    }
    for (size_t i = 0; i < CATALOG_RELATION_COUNT; i++) {
        const struct catalog_relation *relation = &catalog_relations[i];

        if (relation->schema == wanted && equal(name, relation->name)) return relation;
    }
    return NULL;
}

bool catalog_column_next(const char **at, struct pawl_bytes *name, uint32_t *type)
{
    const char *begin = *at;

    if (*begin == '\0') return false;
    const char *colon = strchr(begin, ':');
    const char *end = begin + strcspn(begin, " ");

    PAWL_ASSERT(colon != NULL);
    const struct catalog_type *found =
        catalog_type_named((struct pawl_bytes){colon + 1, (size_t)(end - colon - 1)});

    PAWL_ASSERT(found != NULL);
    *name = (struct pawl_bytes){begin, (size_t)(colon - begin)};
    *type = found->oid;
    *at = end + (*end == ' ');
    return true;
}

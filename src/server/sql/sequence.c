/* SPDX-License-Identifier: Apache-2.0 */
/* CREATE, ALTER, DROP SEQUENCE, and what else may be said of one. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "server/sql/planner.h"
#include "server/sql/tree.h"
#include "server/sql/types.h"

static bool conflict(struct sql_planner *planner, const json_t *option)
{
    return sql_fail(planner->error, "42601", sql_tree_position(option),
                    "conflicting or redundant options");
}

/* An option's number: an integer, or what is too great to be one. */
static bool read_number(struct sql_planner *planner, const json_t *option, int64_t *number)
{
    json_t *arg = sql_tree_get(option, "arg");
    const json_t *integer = sql_tree_of(arg, "Integer");
    struct pawl_bytes text = sql_tree_bytes(sql_tree_of(arg, "Float"), "fval");

    if (integer != NULL) {
        *number = sql_tree_int(integer, "ival", 0);
        return true;
    }
    if (pawl_bytes_to_i64(text, number)) return true;
    bool digits = text.size > 0 && memchr(text.at, '.', text.size) == NULL &&
                  memchr(text.at, 'e', text.size) == NULL &&
                  memchr(text.at, 'E', text.size) == NULL;
    return digits
               ? sql_fail(planner->error, "22003", 0,
                          "value \"%.*s\" is out of range for type bigint", (int)text.size, text.at)
               : sql_fail(planner->error, "22P02", 0,
                          "invalid input syntax for type bigint: \"%.*s\"", (int)text.size,
                          text.at);
}

static bool read_type(struct sql_planner *planner, const json_t *option,
                      pawl_definition *definition)
{
    uint32_t type = 0;
    int32_t modifier = -1;

    if (!sql_type_read(sql_tree_of(sql_tree_get(option, "arg"), "TypeName"), &type, &modifier,
                       planner->error)) {
        return false;
    }
    definition->data_type = type == SQL_INT2   ? PAWL_TYPE_SMALLINT
                            : type == SQL_INT4 ? PAWL_TYPE_INTEGER
                                               : PAWL_TYPE_BIGINT;
    if (type == SQL_INT2 || type == SQL_INT4 || type == SQL_INT8) return true;
    return sql_fail(planner->error, "22023", 0,
                    "sequence type must be smallint, integer, or bigint");
}

/* CACHE 1, PostgreSQL's default and what every dump says, leaves the block to pawl. */
static bool read_cache(struct sql_planner *planner, const json_t *option,
                       pawl_definition *definition)
{
    int64_t cache = 0;

    if (!read_number(planner, option, &cache)) return false;
    if (cache < 1) {
        return sql_fail(planner->error, "22023", 0, "CACHE (%" PRId64 ") must be greater than zero",
                        cache);
    }
    definition->block = cache == 1 ? 0 : (uint64_t)cache;
    return true;
}

static bool check_owner(struct sql_planner *planner, const json_t *option)
{
    const json_t *list = sql_tree_get(option, "arg");
    size_t count = sql_tree_count(list);

    if (count == 1 && sql_tree_word_is(list, 0, "none")) return true;
    if (count < 2) {
        (void)sql_fail(planner->error, "42601", 0, "invalid OWNED BY option");
        (void)snprintf(planner->error->hint, sizeof planner->error->hint,
                       "Specify OWNED BY table.column or OWNED BY NONE.");
        return false;
    }
    struct pawl_bytes table = sql_tree_word(list, count - 2);
    struct pawl_bytes schema = count > 2 ? sql_tree_word(list, count - 3) : PAWL_BYTES("");
    (void)sql_fail(planner->error, "42P01", 0, "relation \"%.*s%s%.*s\" does not exist",
                   (int)schema.size, schema.at, schema.size > 0 ? "." : "", (int)table.size,
                   table.at);
    (void)snprintf(planner->error->hint, sizeof planner->error->hint, "%s", SQL_NO_TABLES_HINT);
    return false;
}

/* The options that are numbers: by name, which bit and which field. */
static const struct {
    const char *name;
    uint32_t given, bare; /* bare: without a number; 0: there always is one */
    size_t offset;
} numbers[] = {
    {"increment", PAWL_GIVEN_INCREMENT, 0, offsetof(pawl_definition, increment)},
    {"start", PAWL_GIVEN_START, 0, offsetof(pawl_definition, start)},
    {"minvalue", PAWL_GIVEN_MIN, PAWL_GIVEN_NO_MIN, offsetof(pawl_definition, min)},
    {"maxvalue", PAWL_GIVEN_MAX, PAWL_GIVEN_NO_MAX, offsetof(pawl_definition, max)},
    {"restart", PAWL_GIVEN_RESTART, PAWL_GIVEN_RESTART_AT_START,
     offsetof(pawl_definition, restart)},
};

enum { NOT_FOUND = -1 };

/* NOT_FOUND, or whether it was well. */
static int read_number_option(struct sql_planner *planner, const json_t *option, const char *name,
                              pawl_definition *definition)
{
    for (size_t i = 0; i < PAWL_COUNT(numbers); i++) {
        if (strcmp(numbers[i].name, name) != 0) continue;
        if ((definition->given & (numbers[i].given | numbers[i].bare)) != 0) {
            return conflict(planner, option);
        }
        bool bare = !sql_tree_has(option, "arg");
        int64_t number = 0;

        definition->given |= bare ? numbers[i].bare : numbers[i].given;
        if (!bare && !read_number(planner, option, &number)) return false;
        memcpy((char *)definition + numbers[i].offset, &number, sizeof number);
        return true;
    }
    return NOT_FOUND;
}

static bool read_option(struct sql_planner *planner, const json_t *option,
                        pawl_definition *definition, bool *owned)
{
    const char *name = sql_tree_text(option, "defname");
    int read = read_number_option(planner, option, name, definition);
    uint32_t bit = strcmp(name, "as") == 0      ? PAWL_GIVEN_TYPE
                   : strcmp(name, "cycle") == 0 ? PAWL_GIVEN_CYCLE
                   : strcmp(name, "cache") == 0 ? PAWL_GIVEN_BLOCK
                                                : 0;

    if (read != NOT_FOUND) return read != 0;
    if (bit != 0) {
        if ((definition->given & bit) != 0) return conflict(planner, option);
        definition->given |= bit;
    }
    if (bit == PAWL_GIVEN_TYPE) return read_type(planner, option, definition);
    if (bit == PAWL_GIVEN_BLOCK) return read_cache(planner, option, definition);
    if (bit == PAWL_GIVEN_CYCLE) {
        definition->cycle =
            sql_tree_true(sql_tree_of(sql_tree_get(option, "arg"), "Boolean"), "boolval");
        return true;
    }
    if (strcmp(name, "owned_by") == 0) {
        if (*owned) return conflict(planner, option);
        *owned = true;
        return check_owner(planner, option);
    }
    return sql_fail(planner->error, "42601", sql_tree_position(option),
                    "invalid sequence option %s",
                    strcmp(name, "sequence_name") == 0 ? "SEQUENCE NAME" : name);
}

static bool read_options(struct sql_planner *planner, const json_t *fields,
                         pawl_definition *definition)
{
    const json_t *options = sql_tree_get(fields, "options");
    bool owned = false;

    for (size_t i = 0; i < sql_tree_count(options); i++) {
        const json_t *option = sql_tree_of(sql_tree_item(options, i), "DefElem");

        if (!read_option(planner, option, definition, &owned)) return false;
    }
    return true;
}

static bool begin_change(struct sql_planner *planner, enum sql_kind kind, const char *tag,
                         const struct sql_name *name, struct sql_plan *plan)
{
    struct sql_change *change = &plan->of.change;

    plan->kind = kind;
    plan->tag = tag;
    plan->changes = true;
    *change = (struct sql_change){.name_count = 1};
    change->names = sql_pool_array(planner->pool, 1, sizeof *change->names);
    if (change->names == NULL) return sql_plan_no_memory(planner);
    return sql_plan_copy_name(planner, name, change->names);
}

bool sql_plan_create(struct sql_planner *planner, const json_t *fields, struct sql_plan *plan)
{
    const json_t *range = sql_tree_get(fields, "sequence");
    struct sql_name name = sql_tree_range(range);
    const char *persistence = sql_tree_text(range, "relpersistence");

    if (strcmp(persistence, "t") == 0) {
        return sql_fail(planner->error, "0A000", 0,
                        "temporary sequences are not supported: pawl's are there for everybody");
    }
    if (!begin_change(planner, SQL_PLAN_CREATE, "CREATE SEQUENCE", &name, plan)) return false;
    plan->of.change.if_exists = sql_tree_true(fields, "if_not_exists");
    if (strcmp(persistence, "u") == 0) {
        sql_plan_notice(plan, "00000", "UNLOGGED is ignored: pawl's sequences are always kept");
    }
    return read_options(planner, fields, &plan->of.change.definition);
}

bool sql_plan_alter(struct sql_planner *planner, const json_t *fields, struct sql_plan *plan)
{
    struct sql_name name = sql_tree_range(sql_tree_get(fields, "sequence"));

    if (!begin_change(planner, SQL_PLAN_ALTER, "ALTER SEQUENCE", &name, plan)) return false;
    plan->of.change.if_exists = sql_tree_true(fields, "missing_ok");
    return read_options(planner, fields, &plan->of.change.definition);
}

static bool too_many_parts(struct sql_planner *planner, const json_t *list, size_t count)
{
    char *text = planner->error->message;
    size_t size = sizeof planner->error->message;

    (void)sql_fail(planner->error, "42601", 0, "improper relation name (too many dotted names): ");
    for (size_t i = 0, at = strlen(text); i < count && at < size; i++) {
        struct pawl_bytes part = sql_tree_word(list, i);

        at += (size_t)snprintf(text + at, size - at, "%s%.*s", i > 0 ? "." : "", (int)part.size,
                               part.at);
    }
    return false;
}

static bool name_of_list(struct sql_planner *planner, const json_t *list, struct sql_name *name)
{
    size_t count = sql_tree_count(list);
    struct pawl_bytes none = {"", 0};

    if (count == 0 || count > 3) return too_many_parts(planner, list, count);
    name->relation = sql_tree_word(list, count - 1);
    name->schema = count > 1 ? sql_tree_word(list, count - 2) : none;
    name->database = count > 2 ? sql_tree_word(list, 0) : none;
    return true;
}

/* DROP of what there is none of: the first name is told. */
static bool drop_other(struct sql_planner *planner, const json_t *fields, const char *what,
                       const char *tag, struct sql_plan *plan)
{
    struct sql_name name = {.database = {"", 0}};

    if (!name_of_list(planner, sql_tree_item(sql_tree_get(fields, "objects"), 0), &name)) {
        return false;
    }
    if (sql_tree_true(fields, "missing_ok")) {
        sql_plan_notice(plan, "00000", "%s \"%.*s\" does not exist, skipping", what,
                        (int)name.relation.size, name.relation.at);
        return sql_plan_nothing(plan, tag);
    }
    char message[64];
    (void)snprintf(message, sizeof message, "\"%%.*s\" is not a %s", what);
    if (!sql_plan_refuse_sequence(planner, &name, "42809", message, plan)) return false;
    (void)snprintf(plan->refused->error.hint, sizeof plan->refused->error.hint,
                   "Use DROP SEQUENCE to remove a sequence.");
    return sql_fail(planner->error, "42P01", 0, "%s \"%.*s\" does not exist", what,
                    (int)name.relation.size, name.relation.at);
}

bool sql_plan_drop(struct sql_planner *planner, const json_t *fields, struct sql_plan *plan)
{
    const char *type = sql_tree_text(fields, "removeType");
    const json_t *objects = sql_tree_get(fields, "objects");
    size_t count = sql_tree_count(objects);
    struct sql_change *change = &plan->of.change;

    if (strcmp(type, "OBJECT_TABLE") == 0) {
        return drop_other(planner, fields, "table", "DROP TABLE", plan);
    }
    if (strcmp(type, "OBJECT_VIEW") == 0) {
        return drop_other(planner, fields, "view", "DROP VIEW", plan);
    }
    if (strcmp(type, "OBJECT_SEQUENCE") != 0) return sql_plan_refuse(planner, "this DROP");
    if (count > SQL_NAMES_MAX) {
        return sql_fail(planner->error, "54000", 0, "one DROP can have at most %d names",
                        SQL_NAMES_MAX);
    }
    plan->kind = SQL_PLAN_DROP;
    plan->tag = "DROP SEQUENCE";
    plan->changes = true;
    *change =
        (struct sql_change){.name_count = count, .if_exists = sql_tree_true(fields, "missing_ok")};
    change->names = sql_pool_array(planner->pool, count, sizeof *change->names);
    if (change->names == NULL) return sql_plan_no_memory(planner);
    for (size_t i = 0; i < count; i++) {
        struct sql_name name = {.database = {"", 0}};

        if (!name_of_list(planner, sql_tree_item(objects, i), &name)) return false;
        if (!sql_plan_copy_name(planner, &name, &change->names[i])) return false;
    }
    return true;
}

/* ALTER TABLE may be said of a sequence, too. */
static const char *alter_tag(const char *type)
{
    return strcmp(type, "OBJECT_SEQUENCE") == 0 ? "ALTER SEQUENCE"
           : strcmp(type, "OBJECT_TABLE") == 0  ? "ALTER TABLE"
                                                : NULL;
}

bool sql_plan_rename(struct sql_planner *planner, const json_t *fields, struct sql_plan *plan)
{
    const char *tag = alter_tag(sql_tree_text(fields, "renameType"));
    struct sql_name name = sql_tree_range(sql_tree_get(fields, "relation"));

    if (tag == NULL) return sql_plan_refuse(planner, "this RENAME");
    if (!begin_change(planner, SQL_PLAN_RENAME, tag, &name, plan)) return false;
    plan->of.change.if_exists = sql_tree_true(fields, "missing_ok");
    return sql_plan_copy(planner, sql_tree_bytes(fields, "newname"), &plan->of.change.to.relation);
}

bool sql_plan_schema(struct sql_planner *planner, const json_t *fields, struct sql_plan *plan)
{
    const char *tag = alter_tag(sql_tree_text(fields, "objectType"));
    struct sql_name name = sql_tree_range(sql_tree_get(fields, "relation"));

    if (tag == NULL) return sql_plan_refuse(planner, "this SET SCHEMA");
    if (!begin_change(planner, SQL_PLAN_RENAME, tag, &name, plan)) return false;
    plan->of.change.if_exists = sql_tree_true(fields, "missing_ok");
    return sql_plan_copy(planner, sql_tree_bytes(fields, "newschema"), &plan->of.change.to.schema);
}

/* OWNER TO, SET LOGGED: nothing of a sequence's depends on them here. */
bool sql_plan_owner(struct sql_planner *planner, const json_t *fields, struct sql_plan *plan)
{
    static const char *const harmless[] = {"AT_ChangeOwner", "AT_SetLogged", "AT_SetUnLogged"};
    const char *type = sql_tree_text(fields, "objtype");
    const char *tag = alter_tag(type[0] == '\0' ? sql_tree_text(fields, "objectType") : type);
    const json_t *commands = sql_tree_get(fields, "cmds");

    if (tag == NULL) return sql_plan_refuse(planner, "this ALTER");
    for (size_t i = 0; i < sql_tree_count(commands); i++) {
        const json_t *command = sql_tree_of(sql_tree_item(commands, i), "AlterTableCmd");
        const char *subtype = sql_tree_text(command, "subtype");
        bool found = false;

        for (size_t k = 0; k < PAWL_COUNT(harmless); k++) {
            if (strcmp(harmless[k], subtype) == 0) found = true;
        }
        if (!found) return sql_plan_refuse(planner, "this ALTER TABLE");
    }
    sql_plan_notice(plan, "00000", "nothing is changed: sequences have no owners here");
    return sql_plan_nothing(plan, tag);
}

bool sql_plan_comment(struct sql_planner *planner, const json_t *fields, struct sql_plan *plan)
{
    if (strcmp(sql_tree_text(fields, "objtype"), "OBJECT_SEQUENCE") != 0) {
        return sql_plan_refuse(planner, "this COMMENT");
    }
    sql_plan_notice(plan, "00000", "comments are not kept");
    return sql_plan_nothing(plan, "COMMENT");
}

bool sql_plan_grant(struct sql_planner *planner, const json_t *fields, struct sql_plan *plan)
{
    static const char *const types[] = {"OBJECT_SEQUENCE", "OBJECT_TABLE", "OBJECT_SCHEMA",
                                        "OBJECT_DATABASE"};
    const char *type = sql_tree_text(fields, "objtype");
    bool grant = sql_tree_true(fields, "is_grant");

    for (size_t i = 0; i < PAWL_COUNT(types); i++) {
        if (strcmp(types[i], type) != 0) continue;
        sql_plan_notice(plan, "00000",
                        "nothing is changed: who may do what is said in the users file");
        return sql_plan_nothing(plan, grant ? "GRANT" : "REVOKE");
    }
    return sql_plan_refuse(planner, grant ? "this GRANT" : "this REVOKE");
}

bool sql_plan_create_schema(struct sql_planner *planner, const json_t *fields,
                            struct sql_plan *plan)
{
    if (sql_tree_has(fields, "schemaElts")) {
        return sql_plan_refuse(planner, "CREATE SCHEMA with elements");
    }
    sql_plan_notice(plan, "00000", "schemas exist by being named: there is nothing to create");
    return sql_plan_nothing(plan, "CREATE SCHEMA");
}

/* SPDX-License-Identifier: Apache-2.0 */
/* SET, RESET, SHOW. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "server/sql/planner.h"
#include "server/sql/tree.h"

static const char *const lists[] = {"search_path", "datestyle", "temp_tablespaces",
                                    "local_preload_libraries", "session_preload_libraries"};

static bool is_list(struct pawl_bytes name)
{
    for (size_t i = 0; i < PAWL_COUNT(lists); i++) {
        if (pawl_bytes_equal(name, (struct pawl_bytes){lists[i], strlen(lists[i])})) return true;
    }
    return false;
}

static bool copy_lower(struct sql_planner *planner, const char *name, struct pawl_bytes *copy)
{
    size_t size = strlen(name);
    char *to = sql_pool_take(planner->pool, size + 1);

    if (to == NULL) return sql_plan_no_memory(planner);
    for (size_t i = 0; i < size; i++) {
        to[i] = (char)(name[i] >= 'A' && name[i] <= 'Z' ? name[i] | 0x20 : name[i]);
    }
    *copy = (struct pawl_bytes){to, size};
    return true;
}

static struct pawl_bytes argument(const json_t *constant, char number[24])
{
    if (sql_tree_has(constant, "sval")) {
        return sql_tree_bytes(sql_tree_get(constant, "sval"), "sval");
    }
    if (sql_tree_has(constant, "fval")) {
        return sql_tree_bytes(sql_tree_get(constant, "fval"), "fval");
    }
    int64_t value = sql_tree_int(sql_tree_get(constant, "ival"), "ival", 0);
    int size = snprintf(number, 24, "%" PRId64, value);
    return (struct pawl_bytes){number, (size_t)size};
}

static bool copy_value(struct sql_planner *planner, const json_t *args, struct sql_setting *setting)
{
    bool names = pawl_bytes_equal(setting->name, PAWL_BYTES("search_path")) ||
                 pawl_bytes_equal(setting->name, PAWL_BYTES("temp_tablespaces"));
    size_t room = 1;
    size_t size = 0;
    char number[24];

    for (size_t i = 0; i < sql_tree_count(args); i++) {
        const json_t *constant = sql_tree_of(sql_tree_item(args, i), "A_Const");

        if (constant == NULL) return sql_plan_refuse(planner, "SET to an expression");
        room += 2 * argument(constant, number).size + 4;
    }
    char *to = sql_pool_take(planner->pool, room);
    if (to == NULL) return sql_plan_no_memory(planner);
    for (size_t i = 0; i < sql_tree_count(args); i++) {
        const json_t *constant = sql_tree_of(sql_tree_item(args, i), "A_Const");
        struct pawl_bytes text = argument(constant, number);

        if (i > 0) {
            to[size++] = ',';
            to[size++] = ' ';
        }
        if (names) {
            size += sql_put_name(to + size, text);
        } else {
            memcpy(to + size, text.at, text.size);
            size += text.size;
        }
    }
    setting->value = (struct pawl_bytes){to, size};
    return true;
}

/* One mode of a transaction as the setting that it is; prefix for those of all later ones. */
static bool set_mode(struct sql_planner *planner, const json_t *mode, const char *prefix,
                     struct sql_setting *setting)
{
    const json_t *constant = sql_tree_of(sql_tree_get(mode, "arg"), "A_Const");
    bool isolation = strcmp(sql_tree_text(mode, "defname"), "transaction_isolation") == 0;
    bool yes = sql_tree_int(sql_tree_get(constant, "ival"), "ival", 0) != 0;
    char name[64];

    (void)snprintf(name, sizeof name, "%s%s", prefix, sql_tree_text(mode, "defname"));
    if (!copy_lower(planner, name, &setting->name)) return false;
    if (isolation) {
        return sql_plan_copy(planner, sql_tree_bytes(sql_tree_get(constant, "sval"), "sval"),
                             &setting->value);
    }
    setting->value = yes ? PAWL_BYTES("on") : PAWL_BYTES("off");
    return true;
}

static bool set_modes(struct sql_planner *planner, const json_t *fields, struct sql_plan *plan)
{
    const json_t *modes = sql_tree_get(fields, "args");
    const char *what = sql_tree_text(fields, "name");
    bool session = strcmp(what, "SESSION CHARACTERISTICS") == 0;
    struct sql_setting *setting = &plan->of.setting;

    if (!session && strcmp(what, "TRANSACTION") != 0) {
        return sql_plan_refuse(planner, "SET TRANSACTION SNAPSHOT");
    }
    for (size_t i = 0; i < sql_tree_count(modes); i++) {
        const json_t *mode = sql_tree_of(sql_tree_item(modes, i), "DefElem");

        if (i > 0) {
            struct sql_setting *more = sql_pool_take(planner->pool, sizeof *more);

            if (more == NULL) return sql_plan_no_memory(planner);
            setting->next = more;
            setting = more;
        }
        setting->local = !session;
        if (!set_mode(planner, mode, session ? "default_" : "", setting)) return false;
    }
    return true;
}

bool sql_plan_set(struct sql_planner *planner, const json_t *fields, struct sql_plan *plan)
{
    const char *kind = sql_tree_text(fields, "kind");
    const json_t *args = sql_tree_get(fields, "args");
    struct sql_setting *setting = &plan->of.setting;
    bool reset = strcmp(kind, "VAR_RESET") == 0 || strcmp(kind, "VAR_RESET_ALL") == 0;

    plan->kind = reset ? SQL_PLAN_RESET : SQL_PLAN_SET;
    plan->tag = reset ? "RESET" : "SET";
    *setting = (struct sql_setting){.value = {"", 0}};
    if (strcmp(kind, "VAR_SET_MULTI") == 0) return set_modes(planner, fields, plan);
    if (strcmp(kind, "VAR_SET_CURRENT") == 0) return sql_plan_refuse(planner, "SET FROM CURRENT");
    setting->local = sql_tree_true(fields, "is_local");
    setting->to_default = reset || strcmp(kind, "VAR_SET_DEFAULT") == 0;
    if (strcmp(kind, "VAR_RESET_ALL") == 0) {
        setting->name = PAWL_BYTES("all");
        return true;
    }
    if (!copy_lower(planner, sql_tree_text(fields, "name"), &setting->name)) return false;
    if (setting->to_default) return true;
    if (sql_tree_count(args) > 1 && !is_list(setting->name)) {
        return sql_fail(planner->error, "22023", 0, "SET %.*s takes only one argument",
                        (int)setting->name.size, setting->name.at);
    }
    return copy_value(planner, args, setting);
}

/* Columns of SHOW ALL, or the one of SHOW name, which bears its name. */
bool sql_plan_show(struct sql_planner *planner, const json_t *fields, struct sql_plan *plan)
{
    static const char *const of_all[] = {"name", "setting", "description"};
    struct sql_setting *setting = &plan->of.setting;

    plan->kind = SQL_PLAN_SHOW;
    plan->tag = "SHOW";
    if (!copy_lower(planner, sql_tree_text(fields, "name"), &setting->name)) return false;
    bool all = pawl_bytes_equal(setting->name, PAWL_BYTES("all"));
    plan->column_count = all ? PAWL_COUNT(of_all) : 1;
    plan->columns = sql_pool_array(planner->pool, plan->column_count, sizeof *plan->columns);
    if (plan->columns == NULL) return sql_plan_no_memory(planner);
    for (size_t i = 0; i < plan->column_count; i++) {
        struct pawl_bytes name = setting->name;

        if (all) name = (struct pawl_bytes){of_all[i], strlen(of_all[i])};
        if (pawl_bytes_equal(name, PAWL_BYTES("timezone"))) name = PAWL_BYTES("TimeZone");
        if (pawl_bytes_equal(name, PAWL_BYTES("datestyle"))) name = PAWL_BYTES("DateStyle");
        if (pawl_bytes_equal(name, PAWL_BYTES("intervalstyle"))) name = PAWL_BYTES("IntervalStyle");
        plan->columns[i] = (struct sql_column){name, SQL_TEXT, -1};
    }
    return true;
}

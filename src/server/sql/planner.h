/* SPDX-License-Identifier: Apache-2.0 */
/* Statements of all kinds, each planned by a function of its own: plan.c has the table. */
#ifndef PAWLD_SQL_PLANNER_H
#define PAWLD_SQL_PLANNER_H

#include <jansson.h>

#include "server/sql/plan.h"
#include "server/sql/pool.h"

/* One statement under way. Errors have their position in bytes, as those of trees do. */
struct sql_planner {
    struct sql_pool *pool;
    struct pawl_bytes text; /* of all statements */
    const uint32_t *types;  /* as Parse gave them */
    size_t type_count;
    json_t *statement; /* the node */
    struct sql_error *error;
};

/* fields: of the statement's node. false: the plan's error. */
typedef bool sql_plan_maker(struct sql_planner *planner, const json_t *fields,
                            struct sql_plan *plan);

/* plan.c. Any statement; false: no memory. */
bool sql_plan_make(struct sql_planner *planner, json_t *statement, struct sql_plan *plan);
bool sql_plan_no_memory(struct sql_planner *planner);
/* What is no sequence's: 0A000. */
bool sql_plan_refuse(struct sql_planner *planner, const char *what);
bool sql_plan_copy(struct sql_planner *planner, struct pawl_bytes bytes, struct pawl_bytes *copy);
bool sql_plan_copy_name(struct sql_planner *planner, const struct sql_name *name,
                        struct sql_name *copy);
/* A statement that is accepted and does nothing. */
bool sql_plan_nothing(struct sql_plan *plan, const char *tag);
/* A notice goes with it. sqlstate "00000" is a NOTICE's, "01000" a WARNING's. */
void sql_plan_notice(struct sql_plan *plan, const char *sqlstate, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* sequence.c */
sql_plan_maker sql_plan_create, sql_plan_alter, sql_plan_drop, sql_plan_rename, sql_plan_owner,
    sql_plan_schema, sql_plan_comment, sql_plan_grant, sql_plan_create_schema;
/* setting.c */
sql_plan_maker sql_plan_set, sql_plan_show;
/* session.c */
sql_plan_maker sql_plan_transaction, sql_plan_discard, sql_plan_prepare, sql_plan_execute,
    sql_plan_deallocate, sql_plan_listen, sql_plan_unlisten, sql_plan_close, sql_plan_constraints;
/* refuse.c: INSERT, UPDATE and others that name a relation. */
bool sql_plan_write(struct sql_planner *planner, const char *kind, const json_t *fields,
                    struct sql_plan *plan);
/* The error to give if name is a sequence; message has one "%.*s" for it. false: no memory. */
bool sql_plan_refuse_sequence(struct sql_planner *planner, const struct sql_name *name,
                              const char *sqlstate, const char *message, struct sql_plan *plan);

#endif

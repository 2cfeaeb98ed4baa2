/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PostgreSQL's parse tree, as libpg_query writes it in JSON. A node is an object with one member,
 * its kind, whose value holds the fields: {"ParamRef": {"number": 1, "location": 7}}. Where only
 * one kind is possible the fields stand bare (a SelectStmt's "larg"). Fields of value 0, false or
 * NULL are left out, which is why every look at one has a default.
 */
#ifndef PAWLD_SQL_TREE_H
#define PAWLD_SQL_TREE_H

#include <jansson.h>

#include "server/sql/value.h"

enum {
    SQL_TOKENS_MAX = 16384, /* of one text: bounds the depth of its tree, too; more is 54001 */
    /* Of one text, likewise: the squares of the sizes of runs like +-*, which is what they cost. */
    SQL_RUNS_COST_MAX = 16 * 1024 * 1024,
};

/*
 * Reads text (UTF-8 without zero bytes): an object whose "stmts" is a list of
 * {"stmt": node, "stmt_location": n, "stmt_len": n}. The caller's, ended by json_decref.
 */
bool sql_tree_parse(struct pawl_bytes text, json_t **root, struct sql_error *error);

/* The fields of a node of that kind; NULL if it is of another, or no node. */
json_t *sql_tree_of(const json_t *node, const char *kind);
/* The kind of a node; "" if it is none. fields may be NULL. */
const char *sql_tree_kind(json_t *node, json_t **fields);

/* Fields by name. Text lives as long as the tree. */
const char *sql_tree_text(const json_t *fields, const char *field);        /* "" if not there */
struct pawl_bytes sql_tree_bytes(const json_t *fields, const char *field); /* size 0 */
int64_t sql_tree_int(const json_t *fields, const char *field, int64_t otherwise);
bool sql_tree_true(const json_t *fields, const char *field);
bool sql_tree_has(const json_t *fields, const char *field);
json_t *sql_tree_get(const json_t *fields, const char *field); /* NULL if not there */

/* Lists, which may be NULL: then they are empty. A list may also stand in a node List. */
size_t sql_tree_count(const json_t *list);
json_t *sql_tree_item(const json_t *list, size_t index); /* NULL beyond the end */
/* Item index of a list of Strings; size 0 if it is none. */
struct pawl_bytes sql_tree_word(const json_t *list, size_t index);
bool sql_tree_word_is(const json_t *list, size_t index, const char *word);
/* A RangeVar's names. */
struct sql_name sql_tree_range(const json_t *fields);

/*
 * Where a node stands: its location in bytes, and 1; 0 if it has none. Errors found in a tree bear
 * this as their position; whoever has the text turns it into characters at the end, with
 * sql_text_position.
 */
uint32_t sql_tree_position(const json_t *fields);
/* The same of a node of any kind, or the first position within it. */
uint32_t sql_tree_node_position(json_t *node);
uint32_t sql_text_position(struct pawl_bytes text, uint32_t position);

#endif

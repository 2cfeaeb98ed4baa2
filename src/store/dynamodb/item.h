/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What goes to DynamoDB and what comes back, as JSON, without any I/O. A sequence is one item: its
 * name is the partition key k, the record's fields are attributes of their own names, numbers as N
 * and texts as S. Texts that are empty are left out: not every DynamoDB takes them.
 */
#ifndef PAWL_DYNAMODB_ITEM_H
#define PAWL_DYNAMODB_ITEM_H

#include <jansson.h>

#include "store/records.h"

#define PAWL_DYNAMODB_KEY "k"

/* Bodies of requests: the caller frees them. NULL: no memory. */
char *pawl_dynamodb_get(const char *table, const struct pawl_name *name);
/*
 * Writes all of it; conditional on tag and version of op->expected, or on there being none. An
 * update in any case: unlike a put, its answer shows what it wrote.
 */
char *pawl_dynamodb_write(const char *table, const struct pawl_op *op);
char *pawl_dynamodb_advance(const char *table, const struct pawl_op *op);
/* A page of at most count items beyond the key `after`; size 0: from the first on. */
char *pawl_dynamodb_scan(const char *table, struct pawl_bytes after, uint32_t count);
/* What only names the table. */
char *pawl_dynamodb_about(const char *table);
char *pawl_dynamodb_create_table(const char *table, bool protect);

/* The key of an item, or of {"k": ...}; at NULL: it has none that is text. */
struct pawl_bytes pawl_dynamodb_key(const json_t *item);
/* record's name must be set. PAWL_STORE: what is wrong with the item. */
pawl_err pawl_dynamodb_item(struct pawl_record *record, const json_t *item, pawl_error *error);

#endif

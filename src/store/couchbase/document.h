/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A record as one JSON document that people can read:
 *
 *     {"format":1,"name":"orders","e7l0":{"next":501},"epoch":7,"lap":0,"line":7, ...}
 *
 * The number that advances stands in an object whose key is the epoch and the lap. So one
 * subdocument mutation at "e7l0.next" moves it on only while both are what they are thought to be:
 * it fails where its parent is missing. Where nothing may be taken (dropped, ended) the object's
 * key is "rest", which no path of an advance names.
 */
#ifndef PAWL_KV_DOCUMENT_H
#define PAWL_KV_DOCUMENT_H

#include "store/couchbase/settings.h"

enum { PAWL_KV_PATH_SIZE = 64, PAWL_KV_INDEX_SHARDS = 64 };

struct pawl_kv_key {
    uint8_t size;
    char at[PAWL_MCBP_KEY_BYTES_MAX];
};

/* A record's key: prefix:name, or for long names as much as fits, ~ and a digest of the name.
 * Plain counters' keys are their names. false: the name is too long for a plain counter. */
bool pawl_kv_key_record(struct pawl_kv_key *key, const struct pawl_kv_settings *settings,
                        const struct pawl_name *name);
size_t pawl_kv_plain_name_max(const struct pawl_kv_settings *settings);
/* Of the index's document number `shard`. */
void pawl_kv_key_index(struct pawl_kv_key *key, const struct pawl_kv_settings *settings,
                       unsigned shard);
/* Which index document lists the name. */
unsigned pawl_kv_shard(const struct pawl_name *name);

/* Where a record of that epoch and lap has its next: "e7l0.next". */
void pawl_kv_path(char path[PAWL_KV_PATH_SIZE], uint64_t epoch, uint64_t lap);

/* The document, to be freed; NULL: no memory. */
char *pawl_kv_document_write(const struct pawl_record *record, size_t *size);
/*
 * record's name must be set, the rest is.
 *
 * Errors:   PAWL_DENIED  it is not pawl's, damaged, another sequence's, or of a newer format
 */
pawl_err pawl_kv_document_read(struct pawl_record *record, struct pawl_bytes document,
                               pawl_error *error);

/* A plain counter's document: the next id, as text. */
size_t pawl_kv_plain_write(const struct pawl_record *record, char text[PAWL_KV_PATH_SIZE]);
/* As pawl_kv_document_read; the definition is the settings'. */
pawl_err pawl_kv_plain_read(struct pawl_record *record, const struct pawl_kv_settings *settings,
                            struct pawl_bytes document, uint64_t cas, pawl_error *error);

#endif

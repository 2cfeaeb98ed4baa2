/* SPDX-License-Identifier: Apache-2.0 */
/*
 * etcd's v3 JSON gateway as texts: what a URL says, the keys and values of records, requests, and
 * what answers mean. Pure functions, no I/O.
 *
 * A sequence is one key, PREFIX/NAME, whose value is a JSON object of the record's fields, `next`
 * first: `etcdctl get pawl/orders` shows it. The key PREFIX/, which can never be a sequence, has
 * the store's branch (store/tag.h): {"format":1,"branch":"1-9f86d081884c7d65","cluster":"7"}.
 */
#ifndef PAWL_ETCD_WORDS_H
#define PAWL_ETCD_WORDS_H

#include <jansson.h>

#include "range/source.h"
#include "store/tag.h"
#include "store/url.h"

enum {
    PAWL_ETCD_PORT = 2379,
    PAWL_ETCD_KEY_BYTES_MAX = PAWL_URL_TEXT_MAX + 1 + PAWL_NAME_BYTES_MAX,
    PAWL_ETCD_VALUE_BYTES_MAX = 4096, /* ours are below 1,500; longer ones are foreign */
    PAWL_ETCD_META_BYTES_MAX = 128,
    PAWL_ETCD_REQUEST_BYTES_MAX = 24576,
    PAWL_ETCD_SHOWN_BYTES = 600,
};

struct etcd_settings {
    struct pawl_url url;
    struct pawl_bytes prefix; /* in url.path, without a last slash */
    bool tls, verify;
    const char *ca_file, *cert_file, *key_file; /* NULL: not given */
};

/* PAWL_BAD_REQUEST names the part that cannot be meant. Reads no file. */
pawl_err pawl_etcd_settings_read(struct etcd_settings *settings, const char *url,
                                 pawl_error *error);

/* Each prefix is a store of its own: "CLUSTER/PREFIX", or "CLUSTER#HASH" of one too long for that.
 * Returns its size. */
size_t pawl_etcd_store_name(char name[PAWL_STORE_NAME_BYTES_MAX], uint64_t cluster_id,
                            struct pawl_bytes prefix);

/* Keys. */

struct etcd_key {
    char at[PAWL_ETCD_KEY_BYTES_MAX + 1];
    size_t size;
};

static inline struct pawl_bytes pawl_etcd_key_bytes(const struct etcd_key *key)
{
    return (struct pawl_bytes){key->at, key->size};
}

void pawl_etcd_key_of(struct etcd_key *key, const struct etcd_settings *settings,
                      const struct pawl_name *name);
/* Where the branch is. */
void pawl_etcd_key_meta(struct etcd_key *key, const struct etcd_settings *settings);
/* What follows every key of a sequence, in the order of bytes: the end of a range. */
void pawl_etcd_key_end(struct etcd_key *key, const struct etcd_settings *settings);
/* The first key that can lie behind name's. name's size 0: the first of all. */
void pawl_etcd_key_after(struct etcd_key *key, const struct etcd_settings *settings,
                         const struct pawl_name *name);
/* A key of the range as a sequence's name. PAWL_DENIED: it cannot be one. */
pawl_err pawl_etcd_key_name(struct pawl_name *name, const struct etcd_settings *settings,
                            struct pawl_bytes key, pawl_error *error);
/* As people may read it; returns text. */
const char *pawl_etcd_key_show(char text[PAWL_ETCD_SHOWN_BYTES], struct pawl_bytes key);

/* Values. */

/* The same record always gives the same bytes. Returns their size. */
size_t pawl_etcd_value_write(const struct pawl_record *record,
                             char value[PAWL_ETCD_VALUE_BYTES_MAX]);
/* record's name must be set. PAWL_DENIED: foreign, damaged or of a newer pawl. */
pawl_err pawl_etcd_value_read(struct pawl_record *record, struct pawl_bytes value,
                              pawl_error *error);

/* The branch, and in which cluster it was drawn. Returns its size. */
size_t pawl_etcd_meta_write(const struct pawl_tag *tag, uint64_t cluster_id,
                            char value[PAWL_ETCD_META_BYTES_MAX]);
/* false: it is none. */
bool pawl_etcd_meta_read(struct pawl_tag *tag, uint64_t *cluster_id, struct pawl_bytes value);
/* PAWL_DENIED: what stands in the branch's place is a newer pawl's, and so is the store. */
pawl_err pawl_etcd_meta_format(struct pawl_bytes value, pawl_error *error);
/* Whether what stands at that name is another pawl store's: a record of another name, or a branch.
 * Its prefix begins with this one's. */
bool pawl_etcd_value_overlaps(const struct pawl_name *name, struct pawl_bytes value);

/* Requests: each is a body, its size returned. */

struct etcd_range {
    struct pawl_bytes key;
    struct pawl_bytes end; /* size 0: that key alone */
    uint32_t limit;        /* 0: none */
    bool keys_only;
};

/* The key holds what is expected: it was last written at `revision` and has exactly these bytes. A
 * revision alone would not do: after a restored backup it comes again. Revision 0: no such key. */
struct etcd_condition {
    uint64_t revision;
    struct pawl_bytes value;
    struct pawl_bytes meta_key, meta_value; /* and that key these; size 0: whatever it has */
};

size_t pawl_etcd_range_write(char body[PAWL_ETCD_REQUEST_BYTES_MAX],
                             const struct etcd_range *range);
/* Puts value if the condition holds, else answers with what is there, and what meta_key has. */
size_t pawl_etcd_put_write(char body[PAWL_ETCD_REQUEST_BYTES_MAX], struct pawl_bytes key,
                           const struct etcd_condition *condition, struct pawl_bytes value);
/* A put whose condition can never hold: says whether we might. */
size_t pawl_etcd_probe_write(char body[PAWL_ETCD_REQUEST_BYTES_MAX], struct pawl_bytes key);
/* 0: no memory. */
size_t pawl_etcd_login_write(char body[PAWL_ETCD_REQUEST_BYTES_MAX],
                             const struct etcd_settings *settings);

/* Answers. */

struct etcd_answer {
    json_t *root; /* NULL: it is no JSON object. pawl_etcd_answer_free frees it */
    bool has_header;
    uint64_t cluster_id, revision;
    struct pawl_bytes body;
};

void pawl_etcd_answer_read(struct etcd_answer *answer, struct pawl_bytes body);
void pawl_etcd_answer_free(struct etcd_answer *answer);

/* Members of an object; 64-bit numbers stand in strings. What is left out is 0, false or "". */
uint64_t pawl_etcd_u64(const json_t *object, const char *name);
bool pawl_etcd_true(const json_t *object, const char *name);
const char *pawl_etcd_text(const json_t *object, const char *name);

/* One key with its value, decoded. */
struct etcd_pair {
    struct etcd_key key;
    char value[PAWL_ETCD_VALUE_BYTES_MAX + 1];
    size_t value_size;
    uint64_t revision; /* mod_revision */
    bool leased;
};

/* kv of an answer's kvs. PAWL_DENIED: it cannot be one of ours. */
pawl_err pawl_etcd_pair_read(struct etcd_pair *pair, const json_t *kv, pawl_error *error);
/* The range over the key in the answer to a put whose condition did not hold; index 1: over
 * meta_key. NULL: the answer has none. */
const json_t *pawl_etcd_refusal(const struct etcd_answer *answer, size_t index);

/* What an answer that is an error means. */
enum etcd_way {
    PAWL_ETCD_ENDS,      /* it would be the same anywhere */
    PAWL_ETCD_ELSEWHERE, /* this member cannot now: another may */
    PAWL_ETCD_LOGIN,     /* a new token is needed */
    PAWL_ETCD_FULL,      /* no space: a read shows whether it was written before that was noticed */
};

struct etcd_verdict {
    bool may_have_run;
    pawl_err code;
    enum etcd_way way;
    const char *advice; /* what to do; NULL: nothing is to be said */
    char says[200];     /* what etcd said */
};

void pawl_etcd_judge(struct etcd_verdict *verdict, int status, const struct etcd_answer *answer);

#endif

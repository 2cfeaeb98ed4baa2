/* SPDX-License-Identifier: Apache-2.0 */
/* What each status of a reply means for the request that it answers: one table. */
#ifndef PAWL_KV_STATUS_H
#define PAWL_KV_STATUS_H

#include "wire/mcbp.h"

enum pawl_kv_verdict {
    PAWL_KV_ANSWER,     /* of the document: whoever asked knows what it means */
    PAWL_KV_AGAIN,      /* not carried out: again, a little later */
    PAWL_KV_ELSEWHERE,  /* not carried out: the map is old; again with a newer one */
    PAWL_KV_RECONNECT,  /* not carried out: the connection must be begun anew; then again */
    PAWL_KV_COLLECTION, /* not carried out: the collection's id is asked anew; then again, once */
    PAWL_KV_FAIL,       /* not carried out, and again would not help */
    PAWL_KV_DOUBT,      /* it may have been carried out, or may be yet */
    PAWL_KV_BREAK,      /* the same, and the connection cannot be trusted any more */
};

struct pawl_kv_status {
    uint16_t number;
    enum pawl_kv_verdict verdict;
    pawl_err code;    /* if it comes to an error */
    const char *text; /* likewise: what happened and what to do */
};

/* NULL: only the server's error map can tell. */
const struct pawl_kv_status *pawl_kv_status_find(uint16_t number);

/* A server's error map: what it says of statuses newer than the table. */
struct pawl_kv_error_map;

/* NULL: json is no error map, or no memory. */
struct pawl_kv_error_map *pawl_kv_error_map_read(struct pawl_bytes json);
void pawl_kv_error_map_free(struct pawl_kv_error_map *map); /* NULL is allowed */
int64_t pawl_kv_error_map_revision(const struct pawl_kv_error_map *map);

/* As the table has it, else as map (which may be NULL) has it, else PAWL_KV_DOUBT. */
enum pawl_kv_verdict pawl_kv_verdict(uint16_t number, const struct pawl_kv_error_map *map);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* etcd:// over a scripted HTTP: one exchange waits for what a test answers. */
#ifndef PAWL_TEST_ETCD_WORLD_H
#define PAWL_TEST_ETCD_WORLD_H

#include "store/etcd/etcd.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

enum { BODY_BYTES = 8192, EXCHANGES_MAX = 128 };

/* The HTTP below the driver, all of http.h in its place: one exchange waits for the script. */
struct pawl_http {
    struct pawl_http_exchange *waiting[EXCHANGES_MAX];
    size_t count;
};

struct bench {
    struct pawl_http http;
    struct pawl_source *store;
    uint64_t now_ns;
    unsigned sent;
    char url[512], token[128], body[BODY_BYTES];
    char value[BODY_BYTES]; /* what was put last, in base64 */
};

extern struct bench bench;

struct probe {
    struct pawl_ask ask;
    int answers;
};

void probe_done(struct pawl_ask *ask);
void turns(void);
void begin(struct probe *probe, enum pawl_ask_kind kind);
void end_exchange(enum pawl_http_end end, int status, const char *answer);
void answer(int status, const char *format, ...) __attribute__((format(printf, 2, 3)));
void answer_error(int status, int code, const char *message);

#define HEADER(revision) "{\"header\":{\"cluster_id\":\"7\",\"revision\":\"" #revision "\"}"
#define FOUND(revision) \
    "\"kvs\":[{\"key\":\"cGF3bC9vcmRlcnM=\",\"mod_revision\":\"" #revision "\",\"value\":\"%s\"}]"

/* {"format":1,"branch":"1-000000000000000a","cluster":"7"} at the key "pawl/" */
#define BRANCH_1                                                                                   \
    "\"kvs\":[{\"key\":\"cGF3bC8=\",\"mod_revision\":\"2\",\"value\":\"eyJmb3JtYXQiOjEsImJyYW5jaC" \
    "I6IjEtMDAwMDAwMDAwMDAwMDAwYSIsImNsdXN0ZXIiOiI3In0=\"}]"
/* {"format":1,"branch":"2-00000000000000ff","cluster":"7"} */
#define BRANCH_2                                                                                   \
    "\"kvs\":[{\"key\":\"cGF3bC8=\",\"mod_revision\":\"3\",\"value\":\"eyJmb3JtYXQiOjEsImJyYW5jaC" \
    "I6IjItMDAwMDAwMDAwMDAwMDBmZiIsImNsdXN0ZXIiOiI3In0=\"}]"

#define STATUS(cluster) "{\"header\":{\"cluster_id\":\"" #cluster "\"},\"version\":\"3.5.1\"}"

#define TOKEN(token) HEADER(9) ",\"token\":\"" token "\"}"

void open_store(const char *url);
/* A store that remembers orders at revision 10. */
void open_with_record(const char *url);
void close_store(void);
void expect(const struct probe *probe, pawl_err code, uint64_t burned);

#endif

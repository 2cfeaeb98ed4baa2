/* SPDX-License-Identifier: Apache-2.0 */
/* The stores that pawl_store_open knows. Each opens what its URL says behind the scheme. */
#ifndef PAWL_STORE_SCHEMES_H
#define PAWL_STORE_SCHEMES_H

#include "store/store.h"

/* What a store tells pawl_record_apply of now, of its luck and of its options. */
struct pawl_moment pawl_store_moment(const struct pawl_store_options *options, uint64_t *random);

/* Everything is lost at close: for tests, and for trying things out. rest must be empty. */
pawl_err pawl_memory_open(const char *rest, const struct pawl_store_options *options,
                          struct pawl_source **store, pawl_error *error);

/* rest is a folder, absolute or relative. */
pawl_err pawl_lmdb_open(const char *rest, const struct pawl_store_options *options,
                        struct pawl_source **store, pawl_error *error);
/* As pawl_store_forked. */
void pawl_lmdb_forked(struct pawl_source *store);

/* Stores over a network: url is whole. Nothing is dialled before something is asked. */
pawl_err pawl_couchbase_open(const char *url, const struct pawl_store_options *options,
                             struct pawl_source **store, pawl_error *error);
/* As pawl_store_is_plain. */
bool pawl_couchbase_is_plain(const char *url);
pawl_err pawl_dynamodb_open(const char *url, const struct pawl_store_options *options,
                            struct pawl_source **store, pawl_error *error);
pawl_err pawl_etcd_open(const char *url, const struct pawl_store_options *options,
                        struct pawl_source **store, pawl_error *error);
pawl_err pawl_postgres_open(const char *url, const struct pawl_store_options *options,
                            struct pawl_source **store, pawl_error *error);
pawl_err pawl_redis_open(const char *url, const struct pawl_store_options *options,
                         struct pawl_source **store, pawl_error *error);

#endif

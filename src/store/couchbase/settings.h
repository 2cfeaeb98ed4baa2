/* SPDX-License-Identifier: Apache-2.0 */
/* couchbase://user:password@host[,host]/bucket[/scope.collection]?options, as it is meant. */
#ifndef PAWL_KV_SETTINGS_H
#define PAWL_KV_SETTINGS_H

#include "range/record.h"
#include "store/url.h"
#include "wire/mcbp.h"

enum {
    PAWL_KV_PORT = 11210,
    PAWL_KV_TLS_PORT = 11207,
    PAWL_KV_PREFIX_BYTES_MAX = 32,
    PAWL_KV_PATH_BYTES_MAX = 511,
};

enum pawl_kv_network { PAWL_KV_NETWORK_AUTO, PAWL_KV_NETWORK_DEFAULT, PAWL_KV_NETWORK_EXTERNAL };

struct pawl_kv_settings {
    struct pawl_url url; /* hosts, user and password are read from here */
    bool tls;
    char bucket[PAWL_KV_PATH_BYTES_MAX + 1];
    char collection[PAWL_KV_PATH_BYTES_MAX + 1]; /* "scope.collection"; empty: the default one */
    char prefix[PAWL_KV_PREFIX_BYTES_MAX + 1];   /* of keys; not of plain counters */
    enum pawl_mcbp_durability durability;
    enum pawl_kv_network network;
    bool plain;                 /* documents are bare numbers */
    struct pawl_record counter; /* plain: what every sequence is, but for its name and next */
};

/* PAWL_BAD_REQUEST: error names the part that cannot be meant. */
pawl_err pawl_kv_settings_read(struct pawl_kv_settings *settings, const char *url,
                               pawl_error *error);

#endif

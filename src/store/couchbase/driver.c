/* SPDX-License-Identifier: Apache-2.0 */
/* couchbase:// and couchbases://: the driver's life. */
#include "store/couchbase/driver.h"

#include <stdlib.h>

#include "store/schemes.h"
#include "store/secure.h"

static void driver_begin(struct pawl_driver *base, struct pawl_op *op)
{
    struct pawl_kv_driver *driver = pawl_kv_driver_of(base);

    switch (op->kind) {
    case PAWL_OP_READ:
    case PAWL_OP_WRITE:
    case PAWL_OP_ADVANCE:
        pawl_kv_op_begin(driver, op);
        return;
    case PAWL_OP_LIST:
        if (driver->settings.plain) {
            pawl_op_fail(op, base, PAWL_OP_FAILED, PAWL_BAD_REQUEST,
                         "plain counters (couchbase counter=plain) cannot be listed: they stand "
                         "among all other documents; name the one that is meant");
            return;
        }
        pawl_kv_list(driver, op);
        return;
    case PAWL_OP_PING:
    case PAWL_OP_INIT: /* records and index come by themselves; buckets are an operator's */
    case PAWL_OP_CHECK:
        pawl_kv_check(driver, op);
        return;
    case PAWL_OP_REDRAW: /* records.c asks only whoever can */
        break;
    }
    PAWL_ASSERT(false);
}

static uint64_t driver_turn(struct pawl_driver *base, uint64_t now_ns)
{
    return pawl_kv_router_turn(&pawl_kv_driver_of(base)->router, now_ns);
}

static void driver_close(struct pawl_driver *base)
{
    struct pawl_kv_driver *driver = pawl_kv_driver_of(base);

    pawl_kv_router_close(&driver->router);
    pawl_tls_free(driver->tls);
    free(driver->names.at);
    free(driver);
}

/* Sockets are the net's, which closes them. */
static void driver_forked(struct pawl_driver *base)
{
    (void)base;
}

static const struct pawl_driver_ops driver_ops = {
    .scheme = "couchbase",
    .advances = true,
    .in_order = true,
    .begin = driver_begin,
    .turn = driver_turn,
    .close = driver_close,
    .forked = driver_forked,
};

bool pawl_couchbase_is_plain(const char *url)
{
    struct pawl_kv_settings settings = {.plain = false};

    return pawl_kv_settings_read(&settings, url, NULL) == PAWL_OK && settings.plain;
}

pawl_err pawl_couchbase_open(const char *url, const struct pawl_store_options *options,
                             struct pawl_source **store, pawl_error *error)
{
    struct pawl_kv_driver *driver = calloc(1, sizeof *driver);
    struct pawl_net *net = options->net;

    if (driver == NULL) return pawl_fail(error, PAWL_NO_MEMORY, "no memory for a store");
    driver->driver.ops = &driver_ops;
    pawl_err err = pawl_kv_settings_read(&driver->settings, url, error);

    if (err == PAWL_OK && driver->settings.tls) {
        err = pawl_secure_new(&driver->settings.url, net, &driver->tls, error);
        if (err == PAWL_OK) net = pawl_tls_net(driver->tls);
    }
    if (err != PAWL_OK) {
        free(driver);
        return err;
    }
    pawl_kv_router_init(&driver->router, net, &driver->settings, options->seed ^ 0x6b76);
    return pawl_records_new(&driver->driver, options, store, error);
}

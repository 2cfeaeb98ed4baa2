/* SPDX-License-Identifier: Apache-2.0 */
/* What pawld stands on before it serves: descriptors, its own folder, its store and a keeper. */
#ifndef PAWLD_GROUND_H
#define PAWLD_GROUND_H

#include "net/turner.h"
#include "server/config.h"
#include "server/listener.h"
#include "store/folder.h"
#include "store/guard.h"
#include "store/guard_file.h"
#include "store/ledger_file.h"

enum { GROUND_THREADS_MAX = 256 };

struct ground {
    const struct config *config;
    struct listen_addresses addresses;
    struct pawl_folder data;  /* owned if config->data is given */
    struct pawl_guard *guard; /* of the store; NULL: none was asked for. The keeper's to close */
    struct pawl_archive *archive; /* in data: of gaps; NULL: no config->data */
    struct pawl_turner *turner;   /* NULL: `looks`, and the store is not there yet */
    size_t threads;
    bool looks; /* in: for --check: nothing is made, owned in --data, or changed */
};

/*
 * Opens it all; the keeper runs. keeper: seed and pace are filled in from config, wake is to end in
 * ground->turner's, which is set by then.
 *
 * Errors:   PAWL_BAD_REQUEST  an option cannot be meant
 *           any other         it cannot be opened now; nothing is left open
 */
pawl_err ground_open(struct ground *ground, const struct config *config,
                     struct pawl_keeper_settings *keeper, pawl_error *error);

/*
 * Asks the store once whether it can be used, and waits for that a few seconds. identity: who it
 * is, with PAWL_OK; may be NULL.
 *
 * Errors:   whose advice is to fix it: it is there and says no; any other: not now
 */
pawl_err ground_ping(const struct ground *ground, struct pawl_identity *identity,
                     pawl_error *error);
/*
 * What is remembered of it where a guard would be: in --data, or where the store's URL says.
 * *asked: a guard is wanted. Errors as pawl_guard_file_glance's.
 */
pawl_err ground_glance(const struct ground *ground, const struct pawl_identity *identity,
                       struct pawl_guard_glance *glance, bool *asked, pawl_error *error);
/* The gap ledger in --data likewise; *kept: there would be one. */
pawl_err ground_glance_ledger(const struct ground *ground, struct pawl_ledger_glance *glance,
                              bool *kept, pawl_error *error);
/* What is below are servers: they have guards of their own. */
bool ground_is_remote(const struct config *config);

/* Ends the keeper, which has had its time to drain. false: it had not drained. */
bool ground_close(struct ground *ground);

#endif

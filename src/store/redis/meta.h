/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What pawl keeps in a server about that server: the hash at prefix, tab, "store". Redis itself
 * tells nothing that stays while nothing is lost: every restart draws a new replication id.
 *
 *   name      drawn once; goes with the data to replicas that are promoted, and into copies
 *   branch    store/tag.h; every write is conditional on it
 *   position  rises with every write of pawl's
 *   format    1; a store of a newer pawl has another, and is not used
 *   run_id, replid, waited
 *             of the server that pawl last met, and whether all its replicas were waited for
 *
 * Pure functions.
 */
#ifndef PAWL_REDIS_META_H
#define PAWL_REDIS_META_H

#include "range/source.h"
#include "store/redis/facts.h"
#include "store/tag.h"

struct pawl_redis_meta {
    struct pawl_tag tag; /* number 0: there is none yet */
    uint64_t position;
    char name[PAWL_REDIS_FACT_BYTES];
    char run_id[PAWL_REDIS_FACT_BYTES];
    char replid[PAWL_REDIS_FACT_BYTES];
    bool waited;
};

/* PAWL_DENIED: a newer pawl's, or what is there is not pawl's. */
pawl_err pawl_redis_meta_read(struct pawl_redis_meta *meta, const struct pawl_resp_reply *reply,
                              pawl_error *error);
pawl_err pawl_redis_format_check(struct pawl_bytes format, pawl_error *error);

/* What is known of earlier. */
struct pawl_redis_past {
    struct pawl_redis_meta known; /* as last seen; tag.number 0: never */
    bool back;                    /* an answer has shown that the store went back since */
    struct pawl_tag redraw;       /* known to another; number 0: nothing is asked */
};

/* Whether seen lacks what is known of it: its data went back, or is another's. */
bool pawl_redis_meta_lacks(const struct pawl_redis_meta *seen, const struct pawl_redis_past *past);

/*
 * Whether seen is a branch that this server can have lost writes of: then another has to be drawn.
 * *why says for the log.
 */
bool pawl_redis_meta_is_past(const struct pawl_redis_meta *seen, const struct pawl_redis_past *past,
                             const struct pawl_redis_facts *facts,
                             const struct pawl_redis_settings *settings, const char **why);
/* Sets what seen has to say of the present server. false: it says so already. */
bool pawl_redis_meta_update(struct pawl_redis_meta *seen, const struct pawl_redis_facts *facts,
                            const struct pawl_redis_settings *settings);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* libpawl-stores: memory: and lmdb: for clients without a server. */
#include "pawl/stores.h"

#include "client/registry.h"
#include "store/store.h"

void pawl_stores_register(void)
{
    static const struct pawl_stores stores = {
        .version = PAWL_VERSION,
        .ask_size = sizeof(struct pawl_ask),
        .open = pawl_store_open,
        .shared = pawl_store_shared,
        .forked = pawl_store_forked,
    };

    pawl_stores_offer(&stores);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "client/registry.h"

#include <stdatomic.h>
#include <string.h>

/* One of the two mutable globals: a process loads each library once. */
static _Atomic(const struct pawl_stores *) offered;

void pawl_stores_offer(const struct pawl_stores *stores)
{
    atomic_store_explicit(&offered, stores, memory_order_release);
}

const struct pawl_stores *pawl_stores_known(bool *wrong)
{
    const struct pawl_stores *stores = atomic_load_explicit(&offered, memory_order_acquire);

    *wrong = stores != NULL && (strcmp(stores->version, PAWL_VERSION) != 0 ||
                                stores->ask_size != sizeof(struct pawl_ask));
    return *wrong ? NULL : stores;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "delayed.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "client/registry.h"
#include "pawl/pawl.h"
#include "store/store.h"

enum { ASKS_MAX = 256 }; /* under way at a time: a bench has one sequence */

static const char scheme[] = "delayed:";

struct delayed {
    struct pawl_source source;
    struct pawl_source *store;
    uint64_t delay_ns;
    struct pawl_asks waiting;  /* oldest first, */
    uint64_t due_ns[ASKS_MAX]; /* and from `first` on when each is let through */
    size_t first, count;
};

static void delayed_ask(struct pawl_source *self, struct pawl_ask *ask)
{
    struct delayed *delayed = PAWL_OWNER(self, struct delayed, source);

    PAWL_ASSERT(delayed->count < ASKS_MAX);
    delayed->due_ns[(delayed->first + delayed->count++) % ASKS_MAX] =
        pawl_clock_ns() + delayed->delay_ns;
    pawl_asks_add(&delayed->waiting, ask);
}

static uint64_t delayed_turn(struct pawl_source *self, uint64_t now_ns)
{
    struct delayed *delayed = PAWL_OWNER(self, struct delayed, source);

    while (delayed->count > 0 && delayed->due_ns[delayed->first] <= now_ns) {
        struct pawl_ask *ask = pawl_asks_pop(&delayed->waiting);

        delayed->first = (delayed->first + 1) % ASKS_MAX;
        delayed->count--;
        pawl_source_ask(delayed->store, ask);
    }
    uint64_t next_ns = delayed->store->ops->turn(delayed->store, now_ns);

    if (delayed->count > 0 && delayed->due_ns[delayed->first] < next_ns) {
        next_ns = delayed->due_ns[delayed->first];
    }
    return next_ns;
}

static void delayed_close(struct pawl_source *self)
{
    struct delayed *delayed = PAWL_OWNER(self, struct delayed, source);
    struct pawl_ask *ask;

    while ((ask = pawl_asks_pop(&delayed->waiting)) != NULL) {
        pawl_ask_fail(ask, PAWL_CLOSED, "delayed: the store is being closed");
    }
    delayed->store->ops->close(delayed->store);
    free(delayed);
}

static const struct pawl_source_ops delayed_ops = {
    .scheme = "delayed",
    .ask = delayed_ask,
    .turn = delayed_turn,
    .close = delayed_close,
};

static pawl_err delayed_open(const char *url, const struct pawl_store_options *options,
                             struct pawl_source **store, pawl_error *error)
{
    if (strncmp(url, scheme, sizeof scheme - 1) != 0) {
        return pawl_fail(error, PAWL_BAD_REQUEST, "\"%s\" is not delayed:MS", url);
    }
    struct delayed *delayed = calloc(1, sizeof *delayed);

    if (delayed == NULL) return pawl_fail(error, PAWL_NO_MEMORY, "delayed: no memory");
    delayed->source.ops = &delayed_ops;
    delayed->delay_ns = strtoull(url + sizeof scheme - 1, NULL, 10) * PAWL_NS_PER_MS;
    *store = &delayed->source;
    return pawl_store_open("memory:", options, &delayed->store, error);
}

static bool delayed_shared(const char *url)
{
    (void)url;
    return false;
}

static void delayed_forked(struct pawl_source *store)
{
    (void)store; /* it has no descriptor */
}

void delayed_register(void)
{
    static const struct pawl_stores stores = {
        .version = PAWL_VERSION,
        .ask_size = sizeof(struct pawl_ask),
        .open = delayed_open,
        .shared = delayed_shared,
        .forked = delayed_forked,
    };

    pawl_stores_offer(&stores);
}

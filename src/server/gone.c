/* SPDX-License-Identifier: Apache-2.0 */
#include "server/gone.h"

#include <stdlib.h>
#include <string.h>

struct gone *gone_new(void)
{
    struct gone *gone = calloc(1, sizeof *gone);

    if (gone != NULL && pthread_mutex_init(&gone->lock, NULL) != 0) {
        free(gone);
        return NULL;
    }
    return gone;
}

void gone_free(struct gone *gone)
{
    if (gone == NULL) return;
    (void)pthread_mutex_destroy(&gone->lock);
    free(gone);
}

static void set_name(struct pawl_name *name, struct pawl_bytes to)
{
    PAWL_ASSERT(to.size <= PAWL_NAME_BYTES_MAX);
    name->size = (uint8_t)to.size;
    if (to.size > 0) memcpy(name->at, to.at, to.size);
}

void gone_add(struct gone *gone, struct pawl_bytes from, struct pawl_bytes to)
{
    (void)pthread_mutex_lock(&gone->lock);
    uint64_t count = gone_count(gone);
    struct gone_name *name = &gone->names[count % GONE_NAMES_MAX];
    set_name(&name->from, from);
    set_name(&name->to, to);
    atomic_store_explicit(&gone->count, count + 1, memory_order_relaxed);
    (void)pthread_mutex_unlock(&gone->lock);
}

enum gone_found gone_next(struct gone *gone, uint64_t *seen, struct gone_name *name)
{
    enum gone_found found = GONE_ONE;

    (void)pthread_mutex_lock(&gone->lock);
    uint64_t count = gone_count(gone);
    if (*seen == count) {
        found = GONE_NOTHING;
    } else if (count - *seen > GONE_NAMES_MAX) {
        found = GONE_OVERRUN;
        *seen = count;
    } else {
        *name = gone->names[*seen % GONE_NAMES_MAX];
        (*seen)++;
    }
    (void)pthread_mutex_unlock(&gone->lock);
    return found;
}

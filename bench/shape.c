/* SPDX-License-Identifier: Apache-2.0 */
#include "shape.h"

#include <stdatomic.h>

pawl_err shape_word_next(struct shape_word *word, int64_t *id)
{
    *id = atomic_fetch_add_explicit(&word->next, 1, memory_order_relaxed);
    return PAWL_OK;
}

pawl_err shape_mutex_next(struct shape_mutex *mutex, int64_t *id)
{
    (void)pthread_mutex_lock(&mutex->lock);
    *id = mutex->next++;
    (void)pthread_mutex_unlock(&mutex->lock);
    return PAWL_OK;
}

pawl_err shape_plain_next(struct shape_plain *plain, int64_t *id)
{
    if (plain->next == plain->end) return PAWL_EMPTY;
    *id = plain->next++;
    return PAWL_OK;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* What pawl_next is held against: the least that a function of a shared library can do. */
#ifndef PAWL_BENCH_SHAPE_H
#define PAWL_BENCH_SHAPE_H

#include <pthread.h>
#include <stdint.h>

#include "pawl/err.h"

/* As small as a counter gets. */
struct shape_word {
    _Alignas(64) _Atomic int64_t next;
};

/* What most would write first. */
struct shape_mutex {
    _Alignas(64) pthread_mutex_t lock;
    int64_t next;
};

/* One thread's: on a line of its own, as lanes are. */
struct shape_plain {
    _Alignas(64) int64_t next;
    int64_t end;
};

PAWL_API pawl_err shape_word_next(struct shape_word *word, int64_t *id);
PAWL_API pawl_err shape_mutex_next(struct shape_mutex *mutex, int64_t *id);
PAWL_API pawl_err shape_plain_next(struct shape_plain *plain, int64_t *id);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* What tests of processes share: a sequence, and a heap of all that anybody was given of it. */
#ifndef HEAP_H
#define HEAP_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include <cmocka.h>

#include "pawl/pawl.h"
#include "served.h"

enum { HEAP_IDS_MAX = 200000 };

struct site {
    struct served served;
    char url[256];
    pawl_client *client;
    pawl_seq *seq;
};

/* All that anybody got, appended to a file in memory by whoever got it. */
struct heap {
    int file;
    int64_t ids[HEAP_IDS_MAX];
    size_t count;
};

/* A client with sequence "s" open, on a pawld of its own, or straight on an LMDB store. */
void site_begin(struct site *site, bool on_store);
void site_end(struct site *site);

void heap_begin(struct heap *heap);
void heap_end(struct heap *heap, size_t want); /* fails unless it has so many ids, each once */

/* Draws by pawl_next and tells the heap. 0, or what went wrong, as an exit code. */
int heap_draw(pawl_seq *seq, int to, int count);

void child_join(pid_t child); /* which must end with 0 */

#endif

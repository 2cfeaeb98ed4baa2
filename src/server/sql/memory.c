/* SPDX-License-Identifier: Apache-2.0 */
#include "server/sql/memory.h"

#include <pthread.h>
#include <sqlite3.h>
#include <stdalign.h>
#include <stdbool.h>
#include <stdlib.h>

#include "base/base.h"

struct head {
    alignas(max_align_t) int size; /* of what follows */
};

static _Thread_local struct sql_meter *current;

static bool has_room(int64_t more)
{
    return current == NULL || current->bytes + more <= current->most;
}

static void count(int64_t more)
{
    if (current != NULL) current->bytes += more;
}

static struct head *head_of(void *at)
{
    return (struct head *)at - 1;
}

static void *take(int size)
{
    struct head *head = NULL;

    if (!has_room(size)) return NULL;
    head = malloc(sizeof *head + (size_t)size);
    if (head == NULL) return NULL;
    head->size = size;
    count(size);
    return head + 1;
}

static void give_back(void *at)
{
    if (at == NULL) return;
    count(-(int64_t)head_of(at)->size);
    free(head_of(at));
}

static void *change(void *at, int size)
{
    int64_t more = (int64_t)size - head_of(at)->size;

    if (more > 0 && !has_room(more)) return NULL;
    struct head *head = realloc(head_of(at), sizeof *head + (size_t)size);
    if (head == NULL) return NULL;
    head->size = size;
    count(more);
    return head + 1;
}

static int size_of(void *at)
{
    return at == NULL ? 0 : head_of(at)->size;
}

static int round_up(int size)
{
    return (size + 7) & ~7;
}

static int begin(void *arg)
{
    (void)arg;
    return SQLITE_OK;
}

static void end(void *arg)
{
    (void)arg;
}

static void configure(void)
{
    static const sqlite3_mem_methods methods = {take,     give_back, change, size_of,
                                                round_up, begin,     end,    NULL};

    (void)sqlite3_config(SQLITE_CONFIG_MALLOC, &methods);
}

void sql_memory_begin(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;

    (void)pthread_once(&once, configure);
}

struct sql_meter *sql_memory_of(struct sql_meter *meter)
{
    struct sql_meter *before = current;

    current = meter;
    return before;
}

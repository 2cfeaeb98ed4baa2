/* SPDX-License-Identifier: Apache-2.0 */
#include "server/sql/fiber.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <ucontext.h>
#include <unistd.h>

#include "base/base.h"

/* The address sanitizer is told which stack it is on. */
#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define FIBER_SANITIZED 1
#endif
#elif defined(__SANITIZE_ADDRESS__)
#define FIBER_SANITIZED 1
#endif
#ifdef FIBER_SANITIZED
#include <sanitizer/common_interface_defs.h>
#endif

struct sql_fiber {
    ucontext_t inside, outside;
    void (*run)(void *arg);
    void *arg;
    char *room; /* the stack, above a page that must not be touched */
    size_t room_size;
    char *stack;
    bool entered;
    void *fakes[2]; /* the sanitizer's: of the inside, of the outside */
    const void *outside_stack;
    size_t outside_size;
};

/* Before and after a change of stacks. own: where the stack's fake is kept that is left. */
static void leaving(void **own, const void *to, size_t to_size)
{
#ifdef FIBER_SANITIZED
    __sanitizer_start_switch_fiber(own, to, to_size);
#else
    (void)own;
    (void)to;
    (void)to_size;
#endif
}

/* NOLINTNEXTLINE(readability-non-const-parameter): without a sanitizer it writes nothing */
static void arrived(void *own, const void **from, size_t *from_size)
{
#ifdef FIBER_SANITIZED
    __sanitizer_finish_switch_fiber(own, from, from_size);
#else
    (void)own;
    (void)from;
    (void)from_size;
#endif
}

/* makecontext passes numbers only. */
static void begin(unsigned int high, unsigned int low)
{
    uintptr_t at = (uintptr_t)((uint64_t)high << 32 | low);
    struct sql_fiber *fiber = (struct sql_fiber *)at; /* NOLINT(performance-no-int-to-ptr) */

    arrived(NULL, &fiber->outside_stack, &fiber->outside_size);
    for (;;) {
        fiber->run(fiber->arg);
        sql_fiber_leave(fiber);
    }
}

static bool prepare(struct sql_fiber *fiber)
{
    uint64_t at = (uint64_t)(uintptr_t)fiber;

    if (getcontext(&fiber->inside) != 0) return false;
    fiber->inside.uc_stack.ss_sp = fiber->stack;
    fiber->inside.uc_stack.ss_size = SQL_FIBER_STACK_BYTES;
    fiber->inside.uc_link = NULL;
    makecontext(&fiber->inside, (void (*)(void))begin, 2, (unsigned int)(at >> 32),
                (unsigned int)at);
    return true;
}

struct sql_fiber *sql_fiber_new(void (*run)(void *arg), void *arg)
{
    enum { HOW = MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK | MAP_NORESERVE };
    struct sql_fiber *fiber = calloc(1, sizeof *fiber);
    size_t page = (size_t)sysconf(_SC_PAGESIZE);

    if (fiber == NULL) return NULL;
    fiber->run = run;
    fiber->arg = arg;
    fiber->room_size = SQL_FIBER_STACK_BYTES + page;
    fiber->room = mmap(NULL, fiber->room_size, PROT_READ | PROT_WRITE, HOW, -1, 0);
    if (fiber->room == MAP_FAILED) {
        free(fiber);
        return NULL;
    }
    fiber->stack = fiber->room + page;
    if (mprotect(fiber->room, page, PROT_NONE) == 0 && prepare(fiber)) return fiber;
    sql_fiber_free(fiber);
    return NULL;
}

void sql_fiber_enter(struct sql_fiber *fiber)
{
    PAWL_ASSERT(!fiber->entered);
    fiber->entered = true;
    leaving(&fiber->fakes[1], fiber->stack, SQL_FIBER_STACK_BYTES);
    PAWL_ASSERT(swapcontext(&fiber->outside, &fiber->inside) == 0);
    arrived(fiber->fakes[1], NULL, NULL);
    fiber->entered = false;
}

void sql_fiber_leave(struct sql_fiber *fiber)
{
    PAWL_ASSERT(fiber->entered);
    leaving(&fiber->fakes[0], fiber->outside_stack, fiber->outside_size);
    PAWL_ASSERT(swapcontext(&fiber->inside, &fiber->outside) == 0);
    arrived(fiber->fakes[0], &fiber->outside_stack, &fiber->outside_size);
}

void sql_fiber_free(struct sql_fiber *fiber)
{
    if (fiber == NULL) return;
    PAWL_ASSERT(!fiber->entered);
    (void)munmap(fiber->room, fiber->room_size);
    free(fiber);
}

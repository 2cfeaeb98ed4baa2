/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A function with a stack of its own, that may stop in the middle of what it does, below any
 * depth of others' calls, and go on later: SQLite has no other way to stop in a step. It runs only
 * while its owner waits in sql_fiber_enter, on the owner's thread, so there is nothing to lock.
 */
#ifndef PAWLD_SQL_FIBER_H
#define PAWLD_SQL_FIBER_H

enum { SQL_FIBER_STACK_BYTES = 512 * 1024 }; /* address space: what is not used takes no memory */

struct sql_fiber;

/* run(arg) is called by the first enter, and again by the first one after it has returned. NULL: no
 * memory. */
struct sql_fiber *sql_fiber_new(void (*run)(void *arg), void *arg);
/* Until run returns, or leaves. */
void sql_fiber_enter(struct sql_fiber *fiber);
/* From inside, to where it was entered; comes back with the next enter. */
void sql_fiber_leave(struct sql_fiber *fiber);
/* What run keeps on its stack is not cleaned up: it has returned. NULL is allowed. */
void sql_fiber_free(struct sql_fiber *fiber);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Programs of this folder do one kind of work so many times within `measured`, where callgrind
 * counts (--toggle-collect=measured), and prepare it outside.
 */
#ifndef PAWL_TEST_MEASURED_H
#define PAWL_TEST_MEASURED_H

#include <stdint.h>

/* What a program can do, by its name on the command line. */
struct budgeted {
    const char *name;
    void (*once)(void *state);
};

void measured(const struct budgeted *work, void *state, uint64_t times);
/* The one that argv names first, which is followed by how often; NULL: usage is printed. */
const struct budgeted *measured_chosen(const struct budgeted *works, int argc, char **argv,
                                       uint64_t *times);

#endif

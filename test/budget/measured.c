/* SPDX-License-Identifier: Apache-2.0 */
#include "measured.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void measured(const struct budgeted *work, void *state, uint64_t times)
{
    for (uint64_t i = 0; i < times; i++) {
        work->once(state);
    }
}

const struct budgeted *measured_chosen(const struct budgeted *works, int argc, char **argv,
                                       uint64_t *times)
{
    for (const struct budgeted *work = works; argc == 3 && work->name != NULL; work++) {
        if (strcmp(work->name, argv[1]) != 0) continue;
        *times = strtoull(argv[2], NULL, 10);
        return work;
    }
    (void)fprintf(stderr, "usage: %s WORK TIMES; WORK is one of:", argv[0]);
    for (const struct budgeted *work = works; work->name != NULL; work++) {
        (void)fprintf(stderr, " %s", work->name);
    }
    (void)fprintf(stderr, "\n");
    return NULL;
}

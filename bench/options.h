/* SPDX-License-Identifier: Apache-2.0 */
/* What every program that bench/run calls understands. */
#ifndef PAWL_BENCH_OPTIONS_H
#define PAWL_BENCH_OPTIONS_H

#include <stdbool.h>

struct bench_options {
    bool quick; /* --quick: fewer and shorter runs */
    bool json;  /* --json: for machines */
};

/* false: there is another word, and standard error has been told what may stand there. */
bool bench_options_read(struct bench_options *options, int argc, char **argv);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
#include "options.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

bool bench_options_read(struct bench_options *options, int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        bool quick = strcmp(argv[i], "--quick") == 0;
        bool json = strcmp(argv[i], "--json") == 0;

        if (!quick && !json) {
            (void)fprintf(stderr, "usage: %s [--quick] [--json]\n", program_invocation_short_name);
            return false;
        }
        options->quick = options->quick || quick;
        options->json = options->json || json;
    }
    return true;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include <stdio.h>
#include <stdlib.h>

void pawl_assert_failed(const char *condition, const char *file, int line)
{
    (void)fprintf(stderr, "%s:%d: pawl bug, this must hold: %s\n", file, line, condition);
    abort();
}

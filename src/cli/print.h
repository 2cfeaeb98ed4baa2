/* SPDX-License-Identifier: Apache-2.0 */
/* What `pawl` prints: lines for people, or JSON. */
#ifndef PRINT_H
#define PRINT_H

#include <stdio.h>

#include "cli/args.h"

/* text as a JSON string, quotes included. */
void print_json_text(FILE *to, const char *text);

void print_record(FILE *to, const pawl_info *info, bool json);

enum { HIDDEN_BYTES_MAX = 1024 };

/* Its text, without the passwords that stand on the command line; returns to. */
const char *hide_in_error(const struct args *args, const pawl_error *error,
                          char to[HIDDEN_BYTES_MAX]);

/* One line to standard error; returns how the program is to end. */
enum exit_code print_failure(const struct args *args, const pawl_error *error);

enum exit_code exit_of(pawl_err err);

#endif

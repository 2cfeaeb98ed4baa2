/* SPDX-License-Identifier: Apache-2.0 */
/* The commands, each on an open client. They print what they found; errors are the caller's. Those
 * of stores need no client, print their errors, and say how the program is to end. */
#ifndef COMMANDS_H
#define COMMANDS_H

#include "cli/args.h"

#define COMMAND(constant, name, behind, function, help) \
    pawl_err function(pawl_client *client, const struct args *args, pawl_error *error);
#define STORE_COMMAND(constant, name, behind, function, help) \
    enum exit_code function(const struct args *args);
#include "cli/commands.def"
#undef COMMAND

/* What a command ends with that found nothing: a pattern that nothing matches is a mistake, as
 * whoever gave it counts on what it was to match. */
pawl_err check_match(const struct args *args, pawl_error *error);

/* Sleeps, so that nothing else does. */
void wait_ns(uint64_t ns);

#endif

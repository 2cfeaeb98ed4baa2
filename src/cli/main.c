/* SPDX-License-Identifier: Apache-2.0 */
/* `pawl`: takes ids and looks after sequences, on a server or straight on a store. */
#include <stdio.h>
#include <stdlib.h>

#include "cli/commands.h"
#include "cli/print.h"
#include "pawl/stores.h"

static void print_line(const char *text, void *arg)
{
    (void)arg;
    (void)puts(text);
}

static pawl_err run(const struct args *args, pawl_error *error)
{
    static pawl_err (*const functions[COMMAND_COUNT])(pawl_client *, const struct args *,
                                                      pawl_error *) = {
#define COMMAND(constant, name, behind, function, help) [constant] = (function),
#define STORE_COMMAND(constant, name, behind, function, help)
#include "cli/commands.def"
#undef COMMAND
    };
    pawl_options options = {.timeout_ns = args->timeout_ns, .takeover_ns = args->timeout_ns};
    pawl_client *client = NULL;

    pawl_stores_register();
    pawl_err err = pawl_open(args->url, &options, &client, error);
    if (err != PAWL_OK) return err;
    err = functions[args->command](client, args, error);
    pawl_close(client);
    return err;
}

static enum exit_code run_on_store(const struct args *args)
{
    switch ((int)args->command) {
#define COMMAND(constant, name, behind, function, help)
#define STORE_COMMAND(constant, name, behind, function, help) \
    case constant:                                            \
        return function(args);
#include "cli/commands.def"
#undef COMMAND
    default:
        return EXIT_FAILED;
    }
}

int main(int argc, char **argv)
{
    enum exit_code code = EXIT_DONE;
    struct args args;
    pawl_error error;

    if (argc < 2) {
        args_help(COMMAND_NONE, print_line, NULL);
        return EXIT_USAGE;
    }
    if (args_parse(&args, argv + 1, getenv("PAWL_URL"), &error) != PAWL_OK) {
        return (int)print_failure(&args, &error);
    }
    if (args.help) {
        args_help(args.command, print_line, NULL);
    } else if (args.version) {
        (void)puts("pawl " PAWL_VERSION);
    } else if (args_is_store(&args)) {
        code = run_on_store(&args);
    } else {
        pawl_err err = run(&args, &error);

        if (err != PAWL_OK) {
            error.code = err;
            (void)fflush(stdout);
            return (int)print_failure(&args, &error);
        }
    }
    if (fflush(stdout) != 0 || ferror(stdout) != 0) {
        (void)pawl_fail(&error, PAWL_CLOSED, "standard output cannot be written");
        (void)print_failure(&args, &error);
        return EXIT_FAILED;
    }
    return (int)code;
}

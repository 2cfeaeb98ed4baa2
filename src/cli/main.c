/* SPDX-License-Identifier: Apache-2.0 */
/* `pawl`: takes ids and looks after sequences, on a server or straight on a store. */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "cli/commands.h"
#include "cli/print.h"
#include "cli/variables.h"
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

/* Nobody else would say that they do nothing. Values are not shown: one may be a password. */
static void tell_stray_variables(char *const *entries)
{
    for (; *entries != NULL; entries++) {
        struct pawl_bytes name;
        const char *meant = variables_meant(*entries, &name);

        if (meant == NULL) continue;
        (void)fprintf(stderr, "pawl: %.*s in the environment means nothing: is %s meant?\n",
                      (int)name.size, name.at, meant);
    }
}

int main(int argc, char **argv)
{
    enum exit_code code = EXIT_DONE;
    struct args args;
    pawl_error error;
    bool left_over = false;

    if (argc < 2) {
        args_help(&(struct args){.command = COMMAND_NONE}, print_line, NULL);
        return EXIT_USAGE;
    }
    pawl_err err = args_parse(&args, argv + 1, getenv("PAWL_URL"), &error);

    if (!args.json) tell_stray_variables(environ);
    if (err != PAWL_OK) {
        return (int)print_failure(&args, &error);
    }
    if (args.help) {
        args_help(&args, print_line, NULL);
    } else if (args.version) {
        (void)puts("pawl " PAWL_VERSION);
    } else if (args_is_store(&args)) {
        code = run_on_store(&args);
    } else {
        args.left_over = &left_over;
        err = run(&args, &error);
        if (err != PAWL_OK) {
            error.code = err;
            (void)fflush(stdout);
            code = print_failure(&args, &error);
            return (int)(left_over ? EXIT_LEFT_OVER : code);
        }
    }
    if (fflush(stdout) != 0 || ferror(stdout) != 0) {
        (void)pawl_fail(&error, PAWL_CLOSED, "standard output cannot be written");
        (void)print_failure(&args, &error);
        return EXIT_FAILED;
    }
    return (int)code;
}

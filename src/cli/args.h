/* SPDX-License-Identifier: Apache-2.0 */
/* What the command line says. No I/O: words in, a struct or an error out. */
#ifndef ARGS_H
#define ARGS_H

#include "base/base.h"
#include "pawl/pawl.h"

enum command {
#define COMMAND(constant, name, behind, function, help) constant,
#include "cli/commands.def"
#undef COMMAND
    COMMAND_COUNT,
    COMMAND_NONE = COMMAND_COUNT
};

enum exit_code {
#define EXIT(constant, number, help) constant = (number),
#include "cli/exits.def"
#undef EXIT
};

struct args {
    enum command command; /* COMMAND_NONE: only help or version is asked for */
    char *const *words;   /* all of them, and what the environment has for a URL: for hide.h */
    const char *default_url;
    const char *group;  /* the first word of commands that have two; NULL: it has one */
    const char *url;    /* a store's command: the store, or the one to copy from */
    const char *to;     /* the one to copy to */
    const char *name;   /* of a sequence, or a user; NULL where a command has none */
    const char *file;   /* of users, or a backup */
    char *const *files; /* histories, file_count of them */
    size_t file_count;
    const char *role;  /* NULL: not given */
    const char *globs; /* likewise */
    const char *glob;
    int64_t id;
    uint64_t count;
    pawl_definition definition;
    uint64_t skip, beyond;
    uint64_t skip_for_ns; /* 0: not given */
    uint64_t burned;      /* 0: not given */
    uint64_t layers;
    uint64_t threads;    /* verify: 0 is one per core */
    uint64_t timeout_ns; /* 0: a store's command, and not given */
    uint64_t refill_interval_ns, seconds_ns;
    bool *
        left_over; /* main's: set where it fails, and some of its sequences are done all the same */
    bool json, help, version, force, wait, lane, dry_run, remove, keep_password, sql, all;
};

enum { ARGS_THREADS_MAX = 256, ARGS_LAYERS_MAX = 16 };

/* words: argv without the program's name, ended by NULL. default_url: PAWL_URL, may be NULL. */
pawl_err args_parse(struct args *args, char *const *words, const char *default_url,
                    pawl_error *error);

/* Whether its command needs no client: it works on stores themselves, or on a file. */
bool args_is_store(const struct args *args);

/* The words that the command line has for these. */
const char *args_command_name(enum command command);
const char *args_order_name(pawl_order order);
const char *args_type_name(pawl_type type);

/* Writes what --help prints: everything, or what belongs to its command, or to its group. */
void args_help(const struct args *args, void (*line)(const char *text, void *arg), void *arg);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* What pawld was told: by its command line, else by its environment, else by config.def. */
#ifndef PAWLD_CONFIG_H
#define PAWLD_CONFIG_H

#include <stdio.h>

#include "base/base.h"

enum {
    CONFIG_LIST_MAX = 16,
    CONFIG_HOST_BYTES_MAX = 255,
    CONFIG_TEXT_BYTES_MAX = 4096, /* of one value */
};

enum config_kind {
    CONFIG_TEXT,
    CONFIG_LIST,
    CONFIG_SWITCH,
    CONFIG_COUNT,
    CONFIG_TIME,
    CONFIG_CHOICE,
};

/* Texts belong to whoever gave them: the command line, the environment or the table. */
struct config_list {
    const char *parts[CONFIG_LIST_MAX];
    size_t sizes[CONFIG_LIST_MAX]; /* parts do not end in a zero byte */
    size_t count;
};

typedef const char *config_text; /* "" if none was given */
typedef struct config_list config_list;
typedef bool config_switch;
typedef uint64_t config_count;
typedef uint64_t config_time; /* nanoseconds */
typedef unsigned config_choice;

enum config_on_rollback { CONFIG_ON_ROLLBACK_SKIP, CONFIG_ON_ROLLBACK_REFUSE };

struct config {
#define X(type, field, kind, flag, variable, value, start, least, most, help) type field;
#include "server/config.def"
#undef X
};

/*
 * Fills config. variable_of is getenv in programs. A wrong value, an unknown flag and a missing
 * value are PAWL_BAD_REQUEST; the error names the flag (or the variable) and what is allowed.
 * --version and --help end the reading: nothing else is looked at.
 */
pawl_err config_read(struct config *config, char *const *args, size_t arg_count,
                     char *(*variable_of)(const char *name), pawl_error *error);

/*
 * Whether an entry of the environment, "NAME=value", looks like one of pawld's variables and is
 * none: its name, and the variable that may be meant (NULL: none comes close). What Kubernetes sets
 * for a service that is called pawld is no such thing.
 */
bool config_is_stray(const char *entry, struct pawl_bytes *name, const char **meant);

/* "500ms", "30s", "5m", "2h", or "0": a whole number with a unit, as nanoseconds. */
bool config_time_read(struct pawl_bytes text, uint64_t *time_ns);

struct conn_wire;

/* "resp://HOST:PORT", or another wire's scheme; an IPv6 address in brackets. */
struct config_listen {
    const struct conn_wire *wire;
    char host[CONFIG_HOST_BYTES_MAX + 1];
    uint16_t port;
};
pawl_err config_listen_read(struct pawl_bytes text, struct config_listen *listen,
                            pawl_error *error);

void config_help(FILE *to);

#endif

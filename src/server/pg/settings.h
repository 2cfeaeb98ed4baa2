/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A session's settings: what SET sets, RESET resets and SHOW shows. They are transactional: a
 * journal takes back what a transaction, or a part of it, has set. Only what differs from the
 * defaults takes memory.
 */
#ifndef PAWLD_PG_SETTINGS_H
#define PAWLD_PG_SETTINGS_H

#include "server/sql/plan.h"

enum {
    PG_SETTINGS_MAX = 128,       /* that differ from their defaults, custom ones included */
    PG_SETTING_BYTES_MAX = 1024, /* of a value */
    PG_SETTING_NAME_BYTES_MAX = 128,
    PG_SETTING_UNDO_MAX = 1024, /* changes in one transaction */
};

enum pg_setting_kind {
    PG_SETTING_TEXT,
    PG_SETTING_BOOL,
    PG_SETTING_NUMBER,
    PG_SETTING_MS,
    PG_SETTING_KB,
    PG_SETTING_CHOICE,
    PG_SETTING_ENCODING,
    PG_SETTING_DATESTYLE,
    PG_SETTING_PATH,
    PG_SETTING_ZONE,
    PG_SETTING_ROLE,
};

enum pg_setting_flag {
    PG_SETTING_REPORTED = 1 << 0,     /* clients are told, at the start and when it changes */
    PG_SETTING_FIXED = 1 << 1,        /* cannot be changed */
    PG_SETTING_AT_START = 1 << 2,     /* … without restarting the server */
    PG_SETTING_OF_SUPERUSER = 1 << 4, /* of whom there is none */
    PG_SETTING_OF_TX = 1 << 3,        /* of the transaction; its default is default_… */
};

struct pg_known {
    const char *name;
    enum pg_setting_kind kind;
    uint32_t flags;
    const char *value; /* the default */
    const char *range; /* CHOICE: "a|b"; numbers: the least */
    int64_t most;
    const char *description;
};

struct pg_setting {
    struct pg_setting *next;
    const struct pg_known *known; /* NULL: a custom one, "a.b" */
    char *start;   /* from the start-up packet: what RESET returns to; NULL: the default */
    char *session; /* NULL: as after RESET */
    char *local;   /* SET LOCAL's; NULL: none */
    char *told;    /* what the client was told of it last; NULL: as it was at the start */
    char name[];
};

/* What one change replaced. */
struct pg_setting_undo {
    struct pg_setting_undo *next;
    struct pg_setting *setting;
    char *session, *local;
    size_t depth; /* savepoints that were there */
};

struct pg_session;

struct pg_settings {
    struct pg_setting *first;
    size_t count;
    struct pg_setting_undo *undo;
    size_t undo_count;
    /* Worked out from them, since they are looked at often. */
    uint64_t statement_timeout_ms;
    bool read_only;   /* the transaction */
    bool tell;        /* some that are reported may have changed */
    int least_notice; /* place in client_min_messages' choices */
    char *path;       /* schemas of search_path, each with a zero behind it; NULL: the default */
    size_t path_count;
};

size_t pg_known_count(void);
const struct pg_known *pg_known_at(size_t index);
const struct pg_known *pg_known_find(struct pawl_bytes name); /* NULL: none */

/* As SHOW shows it, until the next change. NULL: there is no such setting. */
const char *pg_setting_show(const struct pg_session *session, struct pawl_bytes name);
/* value at NULL: back to the default. false: session->error. */
bool pg_setting_set(struct pg_session *session, struct pawl_bytes name, struct pawl_bytes value,
                    bool local);
/* Of the start-up packet, before anything is set. */
bool pg_setting_start(struct pg_session *session, struct pawl_bytes name, struct pawl_bytes value);
bool pg_settings_reset_all(struct pg_session *session);
void pg_settings_commit(struct pg_session *session);
/* Takes back what was set with more than depth savepoints; depth -1: all. */
void pg_settings_rollback(struct pg_session *session, ptrdiff_t depth);
/* What was set with more than depth savepoints counts as set with depth. */
void pg_settings_release(struct pg_session *session, size_t depth);
/* Tells the client what it wants to know of what has changed. */
void pg_settings_tell(struct pg_session *session);
void pg_settings_free(struct pg_session *session);

/* setting_values.c: what was given, as it is kept and shown, zero-terminated at to. */
bool pg_setting_value(const struct pg_known *known, struct pawl_bytes given, const char *now,
                      char to[PG_SETTING_BYTES_MAX], struct sql_error *error);
/* The next schema of a search_path; false: there is none, or it is not a list of names. */
bool pg_path_next(struct pawl_bytes *rest, char *to, size_t *size, bool *good);
/* Place of a choice in "a|b|c", in either case; -1: none. */
int pg_choice(const char *choices, struct pawl_bytes value);
/* A time or a size as SET takes it, in the unit of kind. */
bool pg_number(enum pg_setting_kind kind, struct pawl_bytes text, int64_t *number);

#endif

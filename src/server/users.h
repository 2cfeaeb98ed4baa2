/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who may log in and do what: the file of --users, read once for each start and each SIGHUP. One
 * reading never changes, and lives as long as somebody holds it.
 *
 *     # name   role    sequences      verifier
 *     shop     take    orders,shop.*  SCRAM-SHA-256$4096:...
 *
 * Fields are separated by blanks, patterns by commas; a backslash takes the special meaning from
 * the character behind it. Empty lines, and lines that begin with #, are passed over.
 */
#ifndef PAWLD_USERS_H
#define PAWLD_USERS_H

#include "wire/scram.h"

enum {
    USERS_MAX = 10000,
    USERS_FILE_BYTES_MAX = 16 * 1024 * 1024,
    USERS_LINE_BYTES_MAX = 4096,
    USER_NAME_BYTES_MAX = 63, /* as PostgreSQL's */
    USER_GLOBS_BYTES_MAX = 2048,
    USER_GLOBS_MAX = 64,
};

/* Each includes those before. */
enum user_role {
    USER_TAKE,   /* next, take, lease, return, info, list */
    USER_DEFINE, /* create, alter, set forward */
    USER_ADMIN,  /* drop, rename, set backward, restart, fence */
};

/* A line of the file. Its texts lie in the line. */
struct user_line {
    struct pawl_bytes name; /* size 0: the line says nothing */
    enum user_role role;
    struct pawl_bytes globs; /* "orders,shop.*" */
    struct pawl_scram_verifier verifier;
};

struct user;
struct users;

/* NULL, or what is wrong. */
const char *user_line_read(struct pawl_bytes text, struct user_line *line);
/* What may stand in a line as a name, or as patterns. NULL, or what is wrong. */
const char *user_name_check(struct pawl_bytes name);
const char *user_globs_check(struct pawl_bytes globs);
bool user_role_read(struct pawl_bytes text, enum user_role *role);
const char *user_role_name(enum user_role role);

/*
 * Reads a file. before: the reading that it is to replace, or NULL.
 *
 * Blocks:   for the disk
 * Threads:  any
 * Memory:   *users is held once; error must be given
 * Errors:   PAWL_BAD_REQUEST  it cannot be read, or cannot be meant: the error names file and line;
 *           or others may write to it
 */
pawl_err users_read(struct users **users, const char *path, const struct users *before,
                    pawl_error *error);
/* Any thread. */
struct users *users_hold(struct users *users);
void users_drop(struct users *users); /* NULL is allowed */
size_t users_count(const struct users *users);
/* Others may read the file, and so try passwords at home: worth a warning. */
bool users_exposed(const struct users *users);

/* NULL: there is none of that name. */
const struct user *users_find(const struct users *users, struct pawl_bytes name);
/* The same user in a later reading; NULL: gone, or its password is another. */
const struct user *users_again(const struct users *users, const struct user *user);
struct pawl_bytes user_name(const struct user *user);

/*
 * Whether user may do role's work on the sequence name; size 0: on no certain one. PostgreSQL says
 * 42501 "permission denied for sequence %s" if not, RESP NOPERM.
 */
bool users_may(const struct user *user, enum user_role role, struct pawl_bytes name);

/* What name has to prove its password against; of an unknown user one that nothing proves. */
void users_verifier(const struct users *users, struct pawl_bytes name,
                    struct pawl_scram_verifier *verifier);
/*
 * The user whose name and password these are; NULL: wrong. Takes as long as hashing does, also for
 * unknown names; what was right once is known at once the next time.
 */
const struct user *users_check(const struct users *users, struct pawl_bytes name,
                               struct pawl_bytes password);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* The commands: their table, and what their handlers share. */
#ifndef PAWLD_RESP_COMMAND_H
#define PAWLD_RESP_COMMAND_H

#include "server/login.h"
#include "server/resp/say.h"
#include "wire/resp.h"

enum command_flag {
    COMMAND_READONLY = 1 << 0,
    COMMAND_WRITE = 1 << 1,
    COMMAND_FAST = 1 << 2,
    COMMAND_ADMIN = 1 << 3,
    COMMAND_KEY = 1 << 4,     /* its first argument is a sequence's name */
    COMMAND_ANYBODY = 1 << 5, /* also who has not logged in */
};

struct command {
    struct pawl_bytes name; /* lower case */
    int arity;              /* words, itself included; negative: at least so many */
    uint32_t flags;         /* enum command_flag */
    enum user_role role;    /* that it takes at least; more is up to it */
    /* Answers, or leaves a pending in the connection's line. */
    void (*run)(struct conn *conn, const struct pawl_resp_request *request);
};

#define X(name, arity, flags, role, handler) \
    void handler(struct conn *conn, const struct pawl_resp_request *request);
#include "server/resp/commands.def"
#undef X

/* Whether the connection's user may do role's work on key (size 0: on none); else says NOPERM. */
bool command_may(struct conn *conn, const struct pawl_resp_request *request, enum user_role role,
                 struct pawl_bytes key);
/* Finds and runs the command of a request of one word or more. */
void command_run(struct conn *conn, const struct pawl_resp_request *request);
/* It is a SEQ.LEASE with nothing wrong in it. */
bool command_is_lease(const struct conn *conn, const struct pawl_resp_request *request);
size_t command_count(void);
const struct command *command_at(size_t index);

/* Redis's rules: no leading zeros, no plus. */
bool word_to_i64(struct pawl_bytes word, int64_t *value);
bool word_is(struct pawl_bytes word, const char *text); /* in either case */

/* The words of a request behind the first ones, to be taken one after the other. */
struct words {
    const struct pawl_resp_request *request;
    uint32_t at;
};
bool words_left(const struct words *words);
/* The next word is this option: takes it. */
bool words_take(struct words *words, const char *option);
/* Takes a number; false: none is left, or it is none. */
bool words_take_i64(struct words *words, int64_t *value);
bool words_take_u64(struct words *words, uint64_t *value);
bool words_take_floor(struct words *words, struct pawl_mark *floor); /* line lap id */

/* options.c: [START n] … of SEQ.CREATE and SEQ.ALTER. false: error says what is wrong. */
bool options_read(struct words *words, bool alter, pawl_definition *definition, pawl_error *error);

/* info.c */
enum { SEQUENCE_FIELDS = 20 };
/* A record's field names and values, as bulks and integers, without the array's head. */
void info_add(struct text *text, const struct pawl_record *record, int64_t settled_in);
/* The same of its gaps here. Returns how many fields. */
size_t info_add_gaps(struct text *text, const pawl_gaps *gaps);
int64_t info_settled_in(const struct desk *desk, const struct pawl_record *record, int64_t wall_s);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* Which command a request is, and what its words say. */
#include "server/resp/command.h"

#include <stdio.h>
#include <string.h>

enum {
    SHOWN_BYTES_MAX = 128, /* of a word in an error, and of all arguments: as Redis */
};

static const struct command commands[] = {
#define X(name, arity, flags, role, handler) \
    {{name, sizeof(name) - 1}, arity, flags, role, handler},
#include "server/resp/commands.def"
#undef X
};

size_t command_count(void)
{
    return PAWL_COUNT(commands);
}

const struct command *command_at(size_t index)
{
    PAWL_ASSERT(index < PAWL_COUNT(commands));
    return &commands[index];
}

/* INCR is nearly all that is asked. A letter of ASCII and 0x20 is its lower case. */
static inline bool is_incr(struct pawl_bytes word)
{
    return word.size == 4 && (word.at[0] | 0x20) == 'i' && (word.at[1] | 0x20) == 'n' &&
           (word.at[2] | 0x20) == 'c' && (word.at[3] | 0x20) == 'r';
}

static const struct command *find(struct pawl_bytes word)
{
    if (is_incr(word)) return &commands[0];
    for (size_t i = 1; i < PAWL_COUNT(commands); i++) {
        if (pawl_bytes_equal_nocase(word, commands[i].name)) return &commands[i];
    }
    return NULL;
}

static int shown(struct pawl_bytes word, size_t most)
{
    return (int)(word.size < most ? word.size : most);
}

static void say_unknown(struct conn *conn, const struct pawl_resp_request *request)
{
    char args[SHOWN_BYTES_MAX * 2];
    size_t size = 0;

    args[0] = '\0';
    for (uint32_t i = 1; i < request->word_count && size < SHOWN_BYTES_MAX; i++) {
        struct pawl_bytes word = request->words[i];
        int fits = shown(word, SHOWN_BYTES_MAX - size);
        int wrote = snprintf(args + size, sizeof args - size, "'%.*s' ", fits, word.at);

        if (wrote > 0) size += (size_t)wrote;
    }
    say_error(conn, "ERR unknown command '%.*s', with args beginning with: %s",
              shown(request->words[0], SHOWN_BYTES_MAX), request->words[0].at, args);
}

bool command_may(struct conn *conn, const struct pawl_resp_request *request, enum user_role role,
                 struct pawl_bytes key)
{
    const struct pawl_bytes none = {NULL, 0};

    if (conn_may(conn, role, key)) return true;
    if (conn_may(conn, role, none)) {
        say_error(conn, "NOPERM this user has no permissions to access one of the keys used as "
                        "arguments");
    } else {
        say_error(conn, "NOPERM this user has no permissions to run the '%s' command",
                  find(request->words[0])->name.at);
    }
    return false;
}

/* Where there are users: whether this one may. */
static bool admits(struct conn *conn, const struct command *command,
                   const struct pawl_resp_request *request)
{
    struct pawl_bytes key = {NULL, 0};

    if ((command->flags & COMMAND_ANYBODY) != 0) return true;
    if (!conn_is_in(conn)) {
        say_error(conn, "NOAUTH Authentication required.");
        return false;
    }
    if ((command->flags & COMMAND_KEY) != 0) key = request->words[1];
    return command_may(conn, request, command->role, key);
}

void command_run(struct conn *conn, const struct pawl_resp_request *request)
{
    const struct command *command = find(request->words[0]);

    pawl_count_add(&conn->desk->counts.commands, 1);
    if (command == NULL) {
        say_unknown(conn, request);
        return;
    }
    int words = (int)request->word_count;
    if (command->arity < 0 ? words < -command->arity : words != command->arity) {
        say_error(conn, "ERR wrong number of arguments for '%s' command", command->name.at);
        return;
    }
    if (conn->desk->settings.users != NULL && !admits(conn, command, request)) return;
    command->run(conn, request);
}

/* Words. */

bool word_to_i64(struct pawl_bytes word, int64_t *value)
{
    size_t sign = word.size > 0 && word.at[0] == '-' ? 1 : 0;

    if (!pawl_bytes_to_i64(word, value)) return false;
    if (word.at[sign] == '0' && word.size > 1) return false;
    return true;
}

bool word_is(struct pawl_bytes word, const char *text)
{
    return pawl_bytes_equal_nocase(word, (struct pawl_bytes){text, strlen(text)});
}

bool words_left(const struct words *words)
{
    return words->at < words->request->word_count;
}

bool words_take(struct words *words, const char *option)
{
    if (!words_left(words) || !word_is(words->request->words[words->at], option)) return false;
    words->at++;
    return true;
}

bool words_take_i64(struct words *words, int64_t *value)
{
    if (!words_left(words) || !word_to_i64(words->request->words[words->at], value)) return false;
    words->at++;
    return true;
}

bool words_take_u64(struct words *words, uint64_t *value)
{
    if (!words_left(words)) return false;
    if (!pawl_bytes_to_u64(words->request->words[words->at], value)) return false;
    words->at++;
    return true;
}

bool words_take_floor(struct words *words, struct pawl_mark *floor)
{
    return words_take_u64(words, &floor->line) && words_take_u64(words, &floor->lap) &&
           words_take_i64(words, &floor->id);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Commands that are Redis's alone: what clients and their libraries say around the real ones. */
#include <stdio.h>
#include <string.h>

#include "server/resp/command.h"

void run_ping(struct conn *conn, const struct pawl_resp_request *request)
{
    if (request->word_count > 2) {
        say_error(conn, "ERR wrong number of arguments for 'ping' command");
    } else if (request->word_count == 2) {
        say_bulk(conn, request->words[1]);
    } else {
        say_simple(conn, PAWL_BYTES("PONG"));
    }
}

void run_echo(struct conn *conn, const struct pawl_resp_request *request)
{
    say_bulk(conn, request->words[1]);
}

void run_select(struct conn *conn, const struct pawl_resp_request *request)
{
    int64_t index = 0;

    if (!word_to_i64(request->words[1], &index)) {
        say_error(conn, "ERR value is not an integer or out of range");
    } else if (index != 0) {
        say_error(conn, "ERR DB index is out of range");
    } else {
        say_simple(conn, PAWL_BYTES("OK"));
    }
}

/* Without users as a Redis without a password, whose default user takes any. */
static bool log_in(struct conn *conn, struct pawl_bytes user, struct pawl_bytes password)
{
    bool right = conn->desk->settings.users != NULL ? conn_log_in(conn, user, password)
                                                    : pawl_bytes_equal(user, PAWL_BYTES("default"));

    if (!right) {
        say_error(conn, "WRONGPASS invalid username-password pair or user is disabled.");
    }
    return right;
}

void run_auth(struct conn *conn, const struct pawl_resp_request *request)
{
    if (request->word_count > 3) {
        say_error(conn, "ERR syntax error");
    } else if (request->word_count == 2 && conn->desk->settings.users == NULL) {
        say_error(conn, "ERR AUTH <password> called without any password configured for the "
                        "default user. Are you sure your configuration is correct?");
    } else {
        bool named = request->word_count == 3;
        struct pawl_bytes user = named ? request->words[1] : PAWL_BYTES("default");

        if (log_in(conn, user, request->words[named ? 2 : 1])) {
            say_simple(conn, PAWL_BYTES("OK"));
        }
    }
}

/* The name of a connection, for people who look at lists. */
static bool set_name(struct conn *conn, struct pawl_bytes name)
{
    for (size_t i = 0; i < name.size; i++) {
        if (name.at[i] < '!' || name.at[i] > '~') {
            say_error(conn,
                      "ERR Client names cannot contain spaces, newlines or special characters.");
            return false;
        }
    }
    if (name.size > CONN_CLIENT_NAME_BYTES_MAX) {
        say_fail(conn, PAWL_LIMIT, "a client name has at most %d bytes",
                 CONN_CLIENT_NAME_BYTES_MAX);
        return false;
    }
    conn->name_size = (uint8_t)name.size;
    if (name.size > 0) memcpy(conn->name, name.at, name.size);
    return true;
}

static void say_hello(struct conn *conn)
{
    const struct server_facts *facts = conn->desk->settings.facts;
    const char *version = facts == NULL ? PAWL_VERSION : facts->version;

    say_map(conn, 7);
    say_bulk(conn, PAWL_BYTES("server"));
    say_bulk(conn, PAWL_BYTES("pawl"));
    say_bulk(conn, PAWL_BYTES("version"));
    say_bulk(conn, (struct pawl_bytes){version, strlen(version)});
    say_bulk(conn, PAWL_BYTES("proto"));
    say_integer(conn, conn->protocol);
    say_bulk(conn, PAWL_BYTES("id"));
    say_unsigned(conn, conn->id);
    say_bulk(conn, PAWL_BYTES("mode"));
    say_bulk(conn, PAWL_BYTES("standalone"));
    say_bulk(conn, PAWL_BYTES("role"));
    say_bulk(conn, PAWL_BYTES("master"));
    say_bulk(conn, PAWL_BYTES("modules"));
    say_array(conn, 0);
}

static bool hello_options(struct conn *conn, struct words *words)
{
    const struct pawl_bytes *word = words->request->words;

    while (words_left(words)) {
        uint32_t more = words->request->word_count - words->at - 1;

        if (more >= 2 && words_take(words, "AUTH")) {
            if (!log_in(conn, word[words->at], word[words->at + 1])) return false;
            words->at += 2;
        } else if (more >= 1 && words_take(words, "SETNAME")) {
            if (!set_name(conn, word[words->at])) return false;
            words->at += 1;
        } else {
            say_error(conn, "ERR Syntax error in HELLO option '%.*s'", (int)word[words->at].size,
                      word[words->at].at);
            return false;
        }
    }
    return true;
}

void run_hello(struct conn *conn, const struct pawl_resp_request *request)
{
    struct words words = {request, 2};
    int64_t protocol = conn->protocol;

    if (request->word_count >= 2) {
        if (!word_to_i64(request->words[1], &protocol)) {
            say_error(conn, "ERR Protocol version is not an integer or out of range");
            return;
        }
        if (protocol != 2 && protocol != 3) {
            say_error(conn, "NOPROTO unsupported protocol version");
            return;
        }
        if (!hello_options(conn, &words)) return;
    }
    if (!conn_is_in(conn)) {
        say_error(conn, "NOAUTH HELLO must be called with the client already authenticated, "
                        "otherwise the HELLO AUTH <user> <pass> option can be used to authenticate "
                        "the client and select the RESP protocol version at the same time");
        return;
    }
    conn->protocol = (int)protocol;
    say_hello(conn);
}

static void say_subcommand_arity(struct conn *conn, const char *name)
{
    say_error(conn, "ERR wrong number of arguments for '%s' command", name);
}

static void say_subcommand_unknown(struct conn *conn, const struct pawl_resp_request *request,
                                   const char *command)
{
    struct pawl_bytes word = request->words[1];

    say_error(conn, "ERR unknown subcommand '%.*s'. Try %s HELP.",
              (int)(word.size < 128 ? word.size : 128), word.at, command);
}

static void client_set_info(struct conn *conn, const struct pawl_resp_request *request)
{
    struct pawl_bytes option = request->words[2];

    if (!word_is(option, "lib-name") && !word_is(option, "lib-ver")) {
        say_error(conn, "ERR Unrecognized option '%.*s'", (int)option.size, option.at);
        return;
    }
    for (size_t i = 0; i < request->words[3].size; i++) {
        if (request->words[3].at[i] < '!' || request->words[3].at[i] > '~') {
            say_error(conn, "ERR %.*s cannot contain spaces, newlines or special characters.",
                      (int)option.size, option.at);
            return;
        }
    }
    say_simple(conn, PAWL_BYTES("OK"));
}

void run_client(struct conn *conn, const struct pawl_resp_request *request)
{
    struct pawl_bytes word = request->words[1];
    uint32_t count = request->word_count;

    if (word_is(word, "setname")) {
        if (count != 3) {
            say_subcommand_arity(conn, "client|setname");
        } else if (set_name(conn, request->words[2])) {
            say_simple(conn, PAWL_BYTES("OK"));
        }
    } else if (word_is(word, "getname")) {
        if (count != 2) {
            say_subcommand_arity(conn, "client|getname");
        } else if (conn->name_size == 0) {
            say_null(conn);
        } else {
            say_bulk(conn, (struct pawl_bytes){conn->name, conn->name_size});
        }
    } else if (word_is(word, "id")) {
        if (count != 2) {
            say_subcommand_arity(conn, "client|id");
        } else {
            say_unsigned(conn, conn->id);
        }
    } else if (word_is(word, "setinfo")) {
        if (count != 4) {
            say_subcommand_arity(conn, "client|setinfo");
        } else {
            client_set_info(conn, request);
        }
    } else {
        say_subcommand_unknown(conn, request, "CLIENT");
    }
}

static void say_command(struct conn *conn, const struct command *command)
{
    static const struct {
        enum command_flag flag;
        const char *word;
    } flags[] = {{COMMAND_READONLY, "readonly"},
                 {COMMAND_WRITE, "write"},
                 {COMMAND_FAST, "fast"},
                 {COMMAND_ADMIN, "admin"}};
    bool key = (command->flags & COMMAND_KEY) != 0;
    size_t count = 0;

    for (size_t i = 0; i < PAWL_COUNT(flags); i++) {
        if ((command->flags & (uint32_t)flags[i].flag) != 0) count++;
    }
    say_array(conn, 6);
    say_bulk(conn, command->name);
    say_integer(conn, command->arity);
    say_array(conn, count);
    for (size_t i = 0; i < PAWL_COUNT(flags); i++) {
        if ((command->flags & (uint32_t)flags[i].flag) == 0) continue;
        say_simple(conn, (struct pawl_bytes){flags[i].word, strlen(flags[i].word)});
    }
    say_integer(conn, key ? 1 : 0);
    say_integer(conn, key ? 1 : 0);
    say_integer(conn, key ? 1 : 0);
}

/* The others are only there to be hung up on. */
static bool is_ours(const struct command *command)
{
    return (command->flags & ~(uint32_t)COMMAND_ANYBODY) != 0;
}

void run_command(struct conn *conn, const struct pawl_resp_request *request)
{
    size_t count = 0;

    for (size_t i = 0; i < command_count(); i++) {
        if (is_ours(command_at(i))) count++;
    }
    if (request->word_count == 1) {
        say_array(conn, count);
        for (size_t i = 0; i < command_count(); i++) {
            if (is_ours(command_at(i))) say_command(conn, command_at(i));
        }
    } else if (word_is(request->words[1], "count")) {
        say_unsigned(conn, count);
    } else if (word_is(request->words[1], "docs")) {
        say_map(conn, 0);
    } else if (word_is(request->words[1], "list") && request->word_count == 2) {
        say_array(conn, count);
        for (size_t i = 0; i < command_count(); i++) {
            if (is_ours(command_at(i))) say_bulk(conn, command_at(i)->name);
        }
    } else {
        say_subcommand_unknown(conn, request, "COMMAND");
    }
}

/* What tools look up before they begin. Nothing here can be set: flags and variables say it all. */
void run_config(struct conn *conn, const struct pawl_resp_request *request)
{
    static const struct {
        struct pawl_bytes name, value;
    } settings[] = {
        {{"save", 4}, {"", 0}},
        {{"appendonly", 10}, {"yes", 3}}, /* what was answered is durable */
        {{"databases", 9}, {"1", 1}},
    };
    bool wanted[PAWL_COUNT(settings)] = {false};
    size_t count = 0;

    if (!word_is(request->words[1], "get")) {
        say_subcommand_unknown(conn, request, "CONFIG");
        return;
    }
    if (request->word_count < 3) {
        say_subcommand_arity(conn, "config|get");
        return;
    }
    for (size_t i = 0; i < PAWL_COUNT(settings); i++) {
        for (uint32_t w = 2; w < request->word_count && !wanted[i]; w++) {
            wanted[i] = pawl_glob_match(request->words[w], settings[i].name);
        }
        if (wanted[i]) count++;
    }
    say_map(conn, count);
    for (size_t i = 0; i < PAWL_COUNT(settings); i++) {
        if (!wanted[i]) continue;
        say_bulk(conn, settings[i].name);
        say_bulk(conn, settings[i].value);
    }
}

void run_quit(struct conn *conn, const struct pawl_resp_request *request)
{
    (void)request;
    say_simple(conn, PAWL_BYTES("OK"));
    conn->closing = true;
}

void run_reset(struct conn *conn, const struct pawl_resp_request *request)
{
    (void)request;
    conn->protocol = 2;
    conn->name_size = 0;
    conn_log_out(conn);
    say_simple(conn, PAWL_BYTES("RESET"));
}

/* A browser was made to talk to us: its body must not be taken for commands. */
void run_http(struct conn *conn, const struct pawl_resp_request *request)
{
    (void)request;
    conn->closing = true;
}

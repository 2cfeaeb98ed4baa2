/* SPDX-License-Identifier: Apache-2.0 */
/* A session's beginning: first packets, the login, and what a client is told before it may ask. */
#include <stdlib.h>

#include "base/clock.h"
#include "server/pg/pg.h"
#include "server/pg/session.h"

enum {
    AUTH_OK = 0,
    AUTH_SASL = 10,
    AUTH_SASL_CONTINUE = 11,
    AUTH_SASL_FINAL = 12,
    OPTIONS_MAX = 64, /* of the protocol, "_pq_.…", that are refused by name */
    LOGIN_MESSAGE_BYTES_MAX = 2 * PAWL_SCRAM_MESSAGE_BYTES_MAX,
};

/* A login under way. */
struct pg_login {
    struct pawl_scram scram;
    struct pawl_scram_verifier verifier;
    bool begun; /* the mechanism was chosen */
};

/* The start-up packet. */

static bool keep_name(struct pg_session *session, char to[PG_IDENTIFIER_BYTES_MAX + 1],
                      struct pawl_bytes name)
{
    if (name.size > PG_IDENTIFIER_BYTES_MAX) {
        name.size = PG_IDENTIFIER_BYTES_MAX; /* as PostgreSQL */
    }
    if (!pawl_utf8_printable(name)) {
        pg_die(session, "22021", "invalid byte sequence for encoding \"UTF8\"");
        return false;
    }
    memcpy(to, name.at, name.size);
    to[name.size] = '\0';
    return true;
}

/* A setting that the server must know, else the session ends: as in PostgreSQL. */
static bool start_setting(struct pg_session *session, struct pawl_bytes name,
                          struct pawl_bytes value)
{
    if (pawl_utf8_printable(name) && pg_is_utf8(session, value) &&
        pg_setting_start(session, name, value)) {
        return true;
    }
    if (session->error.message[0] == '\0') {
        (void)sql_fail(&session->error, "22021", 0, "invalid byte sequence for encoding \"UTF8\"");
    }
    pg_say_error(session, "FATAL", &session->error);
    session->conn->closing = true;
    return false;
}

/* One word of options, in which a backslash takes the meaning from what follows. */
static size_t option_word(struct pawl_bytes *rest, char *to)
{
    size_t size = 0;

    while (rest->size > 0 && *rest->at == ' ') {
        *rest = (struct pawl_bytes){rest->at + 1, rest->size - 1};
    }
    while (rest->size > 0 && *rest->at != ' ') {
        if (*rest->at == '\\' && rest->size > 1) {
            *rest = (struct pawl_bytes){rest->at + 1, rest->size - 1};
        }
        to[size++] = *rest->at;
        *rest = (struct pawl_bytes){rest->at + 1, rest->size - 1};
    }
    return size;
}

/* options=-c name=value --name=value … */
static bool start_options(struct pg_session *session, struct pawl_bytes options)
{
    char word[PAWL_PG_FIRST_BYTES_MAX];
    size_t size = 0;

    while ((size = option_word(&options, word)) > 0) {
        struct pawl_bytes given = {word, size};

        if (size == 2 && memcmp(word, "-c", 2) == 0) {
            given.size = option_word(&options, word);
        } else if (size > 2 && (memcmp(word, "-c", 2) == 0 || memcmp(word, "--", 2) == 0)) {
            given = (struct pawl_bytes){word + 2, size - 2};
        } else {
            pg_die(session, "42601", "invalid command-line argument for server process: %.*s",
                   (int)(size > 100 ? 100 : size), word);
            return false;
        }
        char *equals = given.size == 0 ? NULL : memchr(given.at, '=', given.size);
        if (equals == NULL) {
            pg_die(session, "42601", "-c %.*s requires a value",
                   (int)(given.size > 100 ? 100 : given.size), given.at);
            return false;
        }
        struct pawl_bytes name = {given.at, (size_t)(equals - given.at)};
        struct pawl_bytes value = {equals + 1, given.size - name.size - 1};
        for (size_t i = 0; i < name.size; i++) {
            if (name.at[i] == '-') word[name.at - word + (ptrdiff_t)i] = '_';
        }
        if (!start_setting(session, name, value)) return false;
    }
    return true;
}

static bool is_no(struct pawl_bytes value)
{
    return pawl_bytes_equal_nocase(value, PAWL_BYTES("false")) ||
           pawl_bytes_equal_nocase(value, PAWL_BYTES("off")) ||
           pawl_bytes_equal_nocase(value, PAWL_BYTES("no")) ||
           pawl_bytes_equal(value, PAWL_BYTES("0"));
}

/* What of the packet is no setting. 1: it was that; 0: it is a setting; -1: the session ends. */
static int start_word(struct pg_session *session, struct pawl_bytes name, struct pawl_bytes value)
{
    if (pawl_bytes_equal(name, PAWL_BYTES("user"))) {
        return keep_name(session, session->user, value) ? 1 : -1;
    }
    if (pawl_bytes_equal(name, PAWL_BYTES("database"))) {
        return keep_name(session, session->database, value) ? 1 : -1;
    }
    if (pawl_bytes_equal(name, PAWL_BYTES("replication"))) {
        if (is_no(value)) return 1;
        pg_die(session, "0A000",
               "replication connections are not supported: this is pawl, which "
               "keeps sequences only");
        return -1;
    }
    return 0;
}

/* Twice over the pairs: a setting may need to know the user. */
static bool start_settings(struct pg_session *session, struct pawl_bytes pairs)
{
    for (int round = 0; round < 2; round++) {
        struct pawl_bytes rest = pairs;
        struct pawl_bytes name, value;
        int more = 0;

        while ((more = pawl_pg_setting_next(&rest, &name, &value)) > 0) {
            bool extension = name.size >= 5 && memcmp(name.at, "_pq_.", 5) == 0;
            int word = round == 0 ? start_word(session, name, value) : 0;

            if (word < 0) return false;
            if (round == 0 || extension || pawl_bytes_equal(name, PAWL_BYTES("user")) ||
                pawl_bytes_equal(name, PAWL_BYTES("database")) ||
                pawl_bytes_equal(name, PAWL_BYTES("replication"))) {
                continue;
            }
            bool options = pawl_bytes_equal(name, PAWL_BYTES("options"));
            if (!(options ? start_options(session, value) : start_setting(session, name, value))) {
                return false;
            }
        }
        if (more < 0) {
            pg_die(session, "08P01",
                   "invalid startup packet layout: expected terminator as last byte");
            return false;
        }
    }
    return true;
}

/* A newer minor version, or options that are not known: what is spoken here. */
static void negotiate(struct pg_session *session, const struct pawl_pg_first *first)
{
    struct pawl_bytes rest = first->settings;
    struct pawl_bytes name, value;
    uint32_t count = 0;
    size_t size = 8;
    char *to = conn_room(session->conn, PAWL_PG_HEAD_BYTES + 8 + rest.size);

    if (to == NULL) return;
    char *at = to + PAWL_PG_HEAD_BYTES + 8;
    while (pawl_pg_setting_next(&rest, &name, &value) > 0 && count < OPTIONS_MAX) {
        if (name.size < 5 || memcmp(name.at, "_pq_.", 5) != 0) continue;
        at = pawl_pg_put_text(at, name);
        size += name.size + 1;
        count++;
    }
    if (first->minor == 0 && count == 0) return;
    char *head = pawl_pg_put_head(to, 'v', size);
    (void)pawl_pg_put_u32(pawl_pg_put_u32(head, (uint32_t)PAWL_PG_VERSION_MAJOR << 16), count);
    session->conn->output.size += PAWL_PG_HEAD_BYTES + size;
}

/* The login. */

static void say_auth(struct pg_session *session, uint32_t kind, struct pawl_bytes data)
{
    char *to = conn_room(session->conn, PAWL_PG_HEAD_BYTES + 4 + data.size);

    if (to == NULL) return;
    char *at = pawl_pg_put_u32(pawl_pg_put_head(to, 'R', 4 + data.size), kind);
    (void)pawl_pg_put_bytes(at, data);
    session->conn->output.size += PAWL_PG_HEAD_BYTES + 4 + data.size;
}

static void ask_password(struct pg_session *session)
{
    static const char mechanisms[] = PAWL_SCRAM_MECHANISM "\0";
    unsigned char nonce[PAWL_SCRAM_NONCE_BYTES];
    struct pg_login *login = calloc(1, sizeof *login);

    if (login == NULL) {
        pg_die(session, "53200", "out of memory");
        return;
    }
    session->login = login;
    session->phase = PG_AUTHENTICATING;
    conn_verifier(session->conn, pg_text(session->user), &login->verifier);
    pawl_entropy(nonce, sizeof nonce);
    pawl_scram_begin(&login->scram, &login->verifier, nonce);
    say_auth(session, AUTH_SASL, (struct pawl_bytes){mechanisms, sizeof mechanisms});
}

static void refuse_login(struct pg_session *session)
{
    conn_refused(session->conn, pg_text(session->user));
    pg_die(session, "28P01", "password authentication failed for user \"%s\"", session->user);
}

/* Everything but the mechanism's name and the length of what follows it. */
static bool first_message(struct pg_session *session, struct pawl_bytes *message)
{
    const char *end = message->size == 0 ? NULL : memchr(message->at, '\0', message->size);
    struct pawl_bytes mechanism = {message->at, end == NULL ? 0 : (size_t)(end - message->at)};
    size_t head = mechanism.size + 1 + 4;

    if (end == NULL || message->size < head || pawl_pg_u32(end + 1) != message->size - head) {
        pg_die(session, "08P01", "invalid SASL initial response");
        return false;
    }
    if (!pawl_bytes_equal(mechanism, PAWL_BYTES(PAWL_SCRAM_MECHANISM))) {
        pg_die(session, "08P01", "client selected an invalid SASL authentication mechanism");
        return false;
    }
    *message = (struct pawl_bytes){message->at + head, message->size - head};
    return true;
}

static void login_step(struct pg_session *session, struct pawl_bytes message)
{
    struct pg_login *login = session->login;
    struct pawl_bytes answer = {NULL, 0};

    if (!login->begun && !first_message(session, &message)) return;
    login->begun = true;
    switch (pawl_scram_step(&login->scram, message, &answer)) {
    case PAWL_SCRAM_MORE:
        say_auth(session, AUTH_SASL_CONTINUE, answer);
        return;
    case PAWL_SCRAM_MALFORMED:
        pg_die(session, "08P01", "malformed SCRAM message: %s", login->scram.why);
        return;
    case PAWL_SCRAM_WRONG:
        refuse_login(session);
        return;
    case PAWL_SCRAM_RIGHT:
        break;
    }
    if (!conn_proved(session->conn, pg_text(session->user), &login->verifier)) {
        refuse_login(session);
        return;
    }
    say_auth(session, AUTH_SASL_FINAL, answer);
    pg_welcome(session);
}

size_t pg_login(struct pg_session *session, struct pawl_bytes rest)
{
    struct pawl_pg_frame frame;
    ptrdiff_t used = pawl_pg_cut(rest, &frame);

    if (frame.size > LOGIN_MESSAGE_BYTES_MAX || used < 0) {
        pg_die(session, "08P01", "invalid message length");
        return 0;
    }
    if (used == 0) return 0;
    if (frame.type != 'p') {
        pg_die(session, "08P01", "expected SASL response, got message type %d",
               (unsigned char)frame.type);
        return 0;
    }
    login_step(session, frame.body);
    return session->conn->closing ? 0 : (size_t)used;
}

void pg_welcome(struct pg_session *session)
{
    char key[8];

    free(session->login);
    session->login = NULL;
    pg_desk_ready(session);
    say_auth(session, AUTH_OK, (struct pawl_bytes){NULL, 0});
    for (size_t i = 0; i < pg_known_count(); i++) {
        const struct pg_known *known = pg_known_at(i);

        if ((known->flags & PG_SETTING_REPORTED) == 0) continue;
        pg_say_parameter(session, known->name, pg_setting_show(session, pg_text(known->name)));
    }
    (void)pawl_pg_put_u32(pawl_pg_put_u32(key, session->pid), session->secret);
    pg_say(session, 'K', (struct pawl_bytes){key, sizeof key});
    session->phase = PG_SERVING;
    pg_say_ready(session);
}

static void start_up(struct pg_session *session, const struct pawl_pg_first *first)
{
    if (first->major != PAWL_PG_VERSION_MAJOR) {
        pg_die(session, "0A000", "unsupported frontend protocol %u.%u: server supports 3.0 to 3.0",
               first->major, first->minor);
        return;
    }
    negotiate(session, first);
    if (!start_settings(session, first->settings)) return;
    if (session->user[0] == '\0') {
        pg_die(session, "28000", "no PostgreSQL user name specified in startup packet");
        return;
    }
    if (session->database[0] == '\0') {
        memcpy(session->database, session->user, sizeof session->user);
    }
    if (session->conn->wire != &pg_wire) {
        pg_die(session, "53300", "sorry, too many clients already");
    } else if (conn_is_in(session->conn)) {
        pg_welcome(session);
    } else {
        ask_password(session);
    }
}

/* A Redis client's first byte, which would be a packet of more than 500 MB; in its own words. */
static bool is_redis(struct conn *conn, char letter)
{
    static const char text[] = "-ERR this port of pawld speaks PostgreSQL's protocol: libpawl and "
                               "Redis clients need one of --listen resp://\r\n";

    if (letter != '*') return false;
    char *to = conn_room(conn, sizeof text);
    conn->closing = true;
    if (to == NULL) return true;
    memcpy(to, text, sizeof text - 1);
    conn->output.size += sizeof text - 1;
    return true;
}

size_t pg_start(struct pg_session *session, struct pawl_bytes rest)
{
    struct conn *conn = session->conn;
    struct pawl_pg_first first;

    if (is_redis(conn, rest.at[0])) return 0;
    ptrdiff_t used = pawl_pg_read_first(rest, &first);

    if (used < 0) {
        pg_die(session, "08P01", "invalid length of startup packet");
        return 0;
    }
    if (used == 0) return 0;
    switch (first.kind) {
    case PAWL_PG_CANCEL:
        pg_desk_cancel(conn->desk, first.pid, first.secret);
        conn->closing = true;
        return 0;
    case PAWL_PG_SSL:
    case PAWL_PG_GSSENC:
        /* Whoever writes on before he has our answer may be another, in between. */
        if ((size_t)used < rest.size || session->encrypted_asked > 1) {
            pg_die(session, "08P01", "received unencrypted data after %s request",
                   first.kind == PAWL_PG_SSL ? "SSL" : "GSSAPI encryption");
            return 0;
        }
        session->encrypted_asked++;
        char *to = conn_room(conn, 1);
        if (to == NULL) return 0;
        *to = 'N';
        conn->output.size++;
        return (size_t)used;
    case PAWL_PG_START:
        start_up(session, &first);
        break;
    }
    return conn->closing ? 0 : (size_t)used;
}

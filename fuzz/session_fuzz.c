/* SPDX-License-Identifier: Apache-2.0 */
/*
 * libFuzzer on PostgreSQL sessions as pawld carries them out, for two clients, with the store there
 * or away (served.h). Messages are a type and a body up to END, their lengths are put in here; in a
 * body NONE is a length of -1, and "!1", "!2" are what a client says in a login with the right
 * password. Or the bytes are those of the wire. Laws, beyond "no byte outside is touched":
 *   - all that is answered is frames, whose parts fill them; errors have a state of five letters
 *   - who goes on to Sync is answered that the session is ready, whatever came before
 *   - nobody gets in without a password, and the keeper's ids add up in the end
 */
#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>

#include "served.h"
#include "server/pg/pg.h"
#include "server/users.h"
#include "wire/pg.h"
#include "wire/scram_own.h"

enum {
    HAS_USERS = 1,
    HAS_STRANGERS = 2,
    IS_RAW = 4,
    IS_NEW = 8, /* nobody has begun yet */
    END = 0xff,
    NONE = 0xfd,
    MESSAGE_MAX = 2048,
    FIRST_MAX = 512,
    AUTH_CONTINUE = 11,
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct client {
    uint64_t readies;
    char last;  /* the last message's type */
    bool begun; /* what it is to begin with was said */
    bool let_in;
    char first[FIRST_MAX]; /* what the server said first in a login */
    size_t first_size;
};

/* What a right login needs to know. */
struct proof {
    unsigned char key[PAWL_SCRAM_KEY_BYTES];
    unsigned char stored[PAWL_SCRAM_KEY_BYTES];
};

static bool is_strange;

/* Answers. */

static const char *end_of_text(const char *at, const char *end)
{
    const char *zero = memchr(at, '\0', (size_t)(end - at));

    PAWL_ASSERT(zero != NULL);
    return zero + 1;
}

static void check_report(struct pawl_bytes body)
{
    const char *end = body.at + body.size;
    const char *at = body.at;
    bool has_state = false;
    bool has_text = false;

    while (at < end && *at != '\0') {
        const char *next = end_of_text(at, end);

        if (*at == 'C') has_state = next - at == 5 + 2;
        if (*at == 'M') has_text = next - at > 2;
        at = next;
    }
    PAWL_ASSERT(at + 1 == end && has_state && has_text);
}

static void check_row(struct pawl_bytes body)
{
    const char *at = body.at + 2;
    const char *end = body.at + body.size;

    PAWL_ASSERT(body.size >= 2);
    for (size_t i = pawl_pg_u16(body.at); i > 0; i--) {
        PAWL_ASSERT(end - at >= 4);
        uint32_t size = pawl_pg_u32(at);

        at += 4;
        if (size == UINT32_MAX) continue;
        PAWL_ASSERT(size <= (size_t)(end - at));
        at += size;
    }
    PAWL_ASSERT(at == end);
}

static void check_columns(struct pawl_bytes body)
{
    const char *at = body.at + 2;
    const char *end = body.at + body.size;

    PAWL_ASSERT(body.size >= 2);
    for (size_t i = pawl_pg_u16(body.at); i > 0; i--) {
        at = end_of_text(at, end) + 18;
        PAWL_ASSERT(at <= end);
    }
    PAWL_ASSERT(at == end);
}

static void check_login(struct client *client, struct pawl_bytes body)
{
    PAWL_ASSERT(body.size >= 4);
    uint32_t kind = pawl_pg_u32(body.at);

    if (kind == 0) client->let_in = true;
    PAWL_ASSERT(!client->let_in || !is_strange);
    if (kind != AUTH_CONTINUE || body.size - 4 > FIRST_MAX) return;
    client->first_size = body.size - 4;
    memcpy(client->first, body.at + 4, client->first_size);
}

static void check_frame(struct client *client, const struct pawl_pg_frame *frame)
{
    PAWL_ASSERT(strchr("RSKZTtDCIEN123nsv", frame->type) != NULL);
    client->last = frame->type;
    switch (frame->type) {
    case 'R':
        check_login(client, frame->body);
        break;
    case 'E':
    case 'N':
        check_report(frame->body);
        break;
    case 'D':
        check_row(frame->body);
        break;
    case 'T':
        check_columns(frame->body);
        break;
    case 'Z':
        PAWL_ASSERT(frame->body.size == 1 && strchr("ITE", frame->body.at[0]) != NULL);
        client->readies++;
        break;
    default:
        break;
    }
}

static size_t look(struct served *served, size_t number)
{
    struct served_client *one = &served->clients[number];
    struct client *client = one->own;
    size_t done = 0;

    while (done < one->heard_size) {
        struct pawl_bytes rest = {one->heard + done, one->heard_size - done};
        struct pawl_pg_frame frame;

        /* No to TLS is a letter alone, and nothing else is said before the login. */
        if (client->last == '\0' && rest.at[0] == 'N' && (rest.size < 2 || rest.at[1] != '\0')) {
            done++;
            continue;
        }
        /* What is told who speaks RESP. */
        if (client->last == '\0' && rest.at[0] == '-') return one->heard_size;
        ptrdiff_t took = pawl_pg_cut(rest, &frame);

        PAWL_ASSERT(took >= 0);
        if (took == 0) break;
        check_frame(client, &frame);
        done += (size_t)took;
    }
    return done;
}

/* What clients say. */

struct message {
    char bytes[MESSAGE_MAX];
    size_t size;
};

static void add(struct message *message, const void *bytes, size_t size)
{
    if (size > MESSAGE_MAX - message->size) return;
    memcpy(message->bytes + message->size, bytes, size);
    message->size += size;
}

static void add_text(struct message *message, const char *text)
{
    add(message, text, strlen(text));
}

static const struct proof *proof_of_users(void)
{
    static struct proof proof;
    static bool made;
    struct pawl_scram_verifier verifier;
    unsigned char salted[PAWL_SCRAM_KEY_BYTES];

    if (made) return &proof;
    users_verifier(served_users(false), PAWL_BYTES("o"), &verifier);
    PAWL_ASSERT(PKCS5_PBKDF2_HMAC(SERVED_PASSWORD, (int)strlen(SERVED_PASSWORD), verifier.salt,
                                  (int)verifier.salt_size, (int)verifier.iterations, EVP_sha256(),
                                  sizeof salted, salted) == 1);
    pawl_scram_hmac(proof.key, salted, PAWL_BYTES("Client Key"));
    pawl_scram_hash(proof.stored, proof.key);
    made = true;
    return &proof;
}

/* The second message of a login with the right password, whose first one was "!1". */
static void add_final(struct message *message, const struct client *client)
{
    const struct proof *proof = proof_of_users();
    struct message all = {.size = 0};
    unsigned char shown[PAWL_SCRAM_KEY_BYTES];
    char text[2 * PAWL_SCRAM_KEY_BYTES];
    struct pawl_bytes first = {client->first, client->first_size};
    const char *comma = first.size == 0 ? NULL : memchr(first.at, ',', first.size);

    if (comma == NULL) return;
    size_t begin = message->size;

    add_text(message, "c=biws,");
    add(message, first.at, (size_t)(comma - first.at));
    add_text(&all, "n=,r=nonce,");
    add(&all, first.at, first.size);
    add_text(&all, ",");
    add(&all, message->bytes + begin, message->size - begin);
    pawl_scram_hmac(shown, proof->stored, (struct pawl_bytes){all.bytes, all.size});
    for (size_t i = 0; i < sizeof shown; i++) {
        shown[i] ^= proof->key[i];
    }
    add_text(message, ",p=");
    add(message, text, pawl_scram_encode(text, shown, sizeof shown));
}

static void add_body(struct message *message, const struct client *client, struct pawl_bytes body)
{
    static const char first[] = PAWL_SCRAM_MECHANISM "\0\0\0\0\x0en,,n=,r=nonce";

    if (pawl_bytes_equal(body, PAWL_BYTES("!1"))) {
        add(message, first, sizeof first - 1);
        return;
    }
    if (pawl_bytes_equal(body, PAWL_BYTES("!2"))) {
        add_final(message, client);
        return;
    }
    for (size_t i = 0; i < body.size; i++) {
        bool none = (unsigned char)body.at[i] == NONE;

        add(message, none ? "\xff\xff\xff\xff" : &body.at[i], none ? 4 : 1);
    }
}

/* type '\0': a first packet, which has none. */
static void say_message(struct served *served, size_t number, char type, struct pawl_bytes body)
{
    struct message message = {.size = 0};

    if (type != '\0') add(&message, &type, 1);
    size_t head = message.size;

    add(&message, "\0\0\0\0", 4);
    add_body(&message, served->clients[number].own, body);
    (void)pawl_pg_put_u32(message.bytes + head, (uint32_t)(message.size - head));
    served_say(served, number, (struct pawl_bytes){message.bytes, message.size});
}

static void came(struct served *served, size_t number)
{
    struct client *client = served->clients[number].own;

    *client = (struct client){.last = '\0'};
}

static void begin(struct served *served, size_t number)
{
    static const char first[] = "\0\3\0\0user\0o\0database\0d\0";
    struct client *client = served->clients[number].own;

    if (client->begun) return;
    client->begun = true;
    say_message(served, number, '\0', (struct pawl_bytes){first, sizeof first});
}

/* Messages one after the other, or bytes as they are. */
static void say(struct served *served, size_t number, struct pawl_bytes rest, bool raw)
{
    if (raw) {
        served_say(served, number, rest);
        return;
    }
    while (rest.size > 0) {
        const char *end = memchr(rest.at, END, rest.size);
        size_t size = end == NULL ? rest.size : (size_t)(end - rest.at);

        if (size > 0) {
            say_message(served, number, rest.at[0], (struct pawl_bytes){rest.at + 1, size - 1});
        }
        if (end == NULL) return;
        rest = (struct pawl_bytes){end + 1, rest.size - size - 1};
    }
}

/* Whatever came before: a Sync is answered, and that is the last that is. */
static void check_ready(struct served *served, size_t number)
{
    struct served_client *one = &served->clients[number];
    const struct client *client = one->own;
    uint64_t readies = client->readies;

    PAWL_ASSERT(one->heard_size == 0);
    if (!client->let_in || one->conn.closing) return;
    say_message(served, number, 'S', (struct pawl_bytes){"", 0});
    served_calm(served);
    PAWL_ASSERT(one->conn.closing || (client->last == 'Z' && client->readies == readies + 1));
}

static void take_course(struct served *served, struct pawl_bytes rest, uint8_t how)
{
    size_t number = 0;
    bool raw = (how & IS_RAW) != 0;

    while (rest.size > 0) {
        const char *end = memchr(rest.at, SERVED_ACT, rest.size);
        size_t piece = end == NULL ? rest.size : (size_t)(end - rest.at);

        if (piece > 0 && (how & IS_NEW) == 0) begin(served, number);
        say(served, number, (struct pawl_bytes){rest.at, piece}, raw);
        if (end == NULL || piece + 2 > rest.size) break;
        number = served_act(served, number, (uint8_t)end[1]);
        rest = (struct pawl_bytes){end + 2, rest.size - piece - 2};
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct client clients[SERVED_CLIENTS];
    static struct served served = {.wire = &pg_wire, .look = look, .came = came};

    if (size == 0) return 0;
    for (size_t i = 0; i < SERVED_CLIENTS; i++) {
        served.clients[i].own = &clients[i];
    }
    is_strange = (data[0] & HAS_STRANGERS) != 0;
    served_open(&served,
                is_strange || (data[0] & HAS_USERS) != 0 ? served_users(is_strange) : NULL);
    take_course(&served, (struct pawl_bytes){(const char *)data + 1, size - 1}, data[0]);
    served_calm(&served);
    for (size_t i = 0; i < SERVED_CLIENTS && (data[0] & IS_RAW) == 0; i++) {
        check_ready(&served, i);
    }
    served_close(&served);
    return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * libFuzzer on RESP's commands as pawld carries them out, for two clients, with the store there or
 * away (served.h). The first byte says whether they have to log in. Laws, beyond "no byte outside
 * is touched":
 *   - all that is answered is RESP, and each request is answered once, in the end
 *   - who has not logged in asks nothing of the keeper, whose ids add up in the end
 */
#include <stdlib.h>
#include <string.h>

#include "served.h"
#include "server/resp/resp.h"
#include "wire/resp.h"

enum { HAS_USERS = 1, HAS_STRANGERS = 2, VALUES_MAX = 4096, SENT_MAX = 4096 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct client {
    char sent[SENT_MAX]; /* all of it, so that its requests can be counted */
    size_t sent_size;
    uint64_t replies;
};

static struct pawl_resp_value values[VALUES_MAX];

static size_t look(struct served *served, size_t number)
{
    struct served_client *one = &served->clients[number];
    struct client *client = one->own;
    size_t done = 0;

    while (done < one->heard_size) {
        /* What is told, last of all, who speaks PostgreSQL's protocol. */
        if (one->heard[done] == 'E') {
            PAWL_ASSERT(one->conn.closing);
            client->replies++;
            return one->heard_size;
        }
        struct pawl_resp_reply reply = {values, VALUES_MAX, 0};
        ptrdiff_t took = pawl_resp_parse_reply(
            (struct pawl_bytes){one->heard + done, one->heard_size - done}, &reply);

        PAWL_ASSERT(took >= 0);
        if (took == 0) break;
        client->replies++;
        done += (size_t)took;
    }
    return done;
}

static void came(struct served *served, size_t number)
{
    struct client *client = served->clients[number].own;

    client->sent_size = 0;
    client->replies = 0;
}

/* What was sent was answered, each once; but for what comes after the end. */
static void check_answers(struct served *served, size_t number)
{
    struct served_client *one = &served->clients[number];
    const struct client *client = one->own;
    struct pawl_bytes rest = {client->sent, client->sent_size};
    struct pawl_resp_request request;
    uint64_t requests = 0;

    PAWL_ASSERT(one->heard_size == 0);
    while (rest.size > 0) {
        ptrdiff_t took = rest.at[0] == '\0' ? -1 : pawl_resp_parse(rest, &request);

        requests += took < 0 || (took > 0 && request.word_count > 0);
        if (took <= 0) break;
        rest = (struct pawl_bytes){rest.at + took, rest.size - (size_t)took};
    }
    PAWL_ASSERT(client->replies <= requests);
    if (!one->conn.closing) PAWL_ASSERT(client->replies == requests);
}

static void say(struct served *served, size_t number, struct pawl_bytes bytes)
{
    struct client *client = served->clients[number].own;

    if (client->sent_size + bytes.size > SENT_MAX) return;
    if (bytes.size > 0) memcpy(client->sent + client->sent_size, bytes.at, bytes.size);
    client->sent_size += bytes.size;
    served_say(served, number, bytes);
}

/* Where nobody can log in, nobody asks the keeper anything. */
static void check_strangers(const struct served *served)
{
    const struct pawl_counts *counts = pawl_keeper_counts(served->world.keeper);

    PAWL_ASSERT(atomic_load_explicit(&counts->asks, memory_order_relaxed) == 0);
    for (size_t i = 0; i < SERVED_CLIENTS; i++) {
        PAWL_ASSERT(served->clients[i].conn.user == NULL);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct client clients[SERVED_CLIENTS];
    static struct served served = {.wire = &resp_wire, .look = look, .came = came};
    size_t number = 0;

    if (size == 0) return 0;
    for (size_t i = 0; i < SERVED_CLIENTS; i++) {
        served.clients[i].own = &clients[i];
    }
    bool strangers = (data[0] & HAS_STRANGERS) != 0;

    served_open(&served, strangers || (data[0] & HAS_USERS) != 0 ? served_users(strangers) : NULL);
    struct pawl_bytes rest = {(const char *)data + 1, size - 1};

    while (rest.size > 0) {
        const char *end = memchr(rest.at, SERVED_ACT, rest.size);
        size_t piece = end == NULL ? rest.size : (size_t)(end - rest.at);

        say(&served, number, (struct pawl_bytes){rest.at, piece});
        if (end == NULL || piece + 2 > rest.size) break;
        number = served_act(&served, number, (uint8_t)end[1]);
        rest = (struct pawl_bytes){end + 2, rest.size - piece - 2};
    }
    served_calm(&served);
    for (size_t i = 0; i < SERVED_CLIENTS; i++) {
        check_answers(&served, i);
    }
    if (strangers) check_strangers(&served);
    served_close(&served);
    return 0;
}

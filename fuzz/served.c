/* SPDX-License-Identifier: Apache-2.0 */
#include "served.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "server/users.h"
#include "server/work.h"

enum { CALM_TURNS = 100 };

/* One iteration, since it is the protocol that counts here. */
static void make_verifier(struct pawl_scram_verifier *verifier, bool strangers)
{
    struct pawl_scram_verifier like = {.iterations = 1, .salt_size = PAWL_SCRAM_SALT_BYTES};
    unsigned char secret[PAWL_SCRAM_KEY_BYTES];

    *verifier = like;
    if (strangers) {
        pawl_entropy(secret, sizeof secret);
        pawl_scram_verifier_mock(verifier, &like, secret, PAWL_BYTES("strangers"));
    } else {
        PAWL_ASSERT(pawl_scram_verifier_make(verifier, PAWL_BYTES(SERVED_PASSWORD)));
    }
}

struct users *served_users(bool strangers)
{
    static struct users *made[2];
    static const char *const lines[] = {"a take a*,s ", "d define a*,s ", "o admin * "};
    struct users **users = &made[strangers];
    struct pawl_scram_verifier verifier;
    char text[PAWL_SCRAM_VERIFIER_BYTES_MAX];
    char path[64];
    pawl_error error;

    if (*users != NULL) return *users;
    int fd = memfd_create("users", MFD_CLOEXEC);

    PAWL_ASSERT(fd >= 0 && fchmod(fd, S_IRUSR | S_IWUSR) == 0);
    make_verifier(&verifier, strangers);
    (void)pawl_scram_verifier_write(&verifier, text);
    for (size_t i = 0; i < PAWL_COUNT(lines); i++) {
        PAWL_ASSERT(dprintf(fd, "%s%s\n", lines[i], text) > 0);
    }
    (void)snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    PAWL_ASSERT(users_read(users, path, NULL, &error) == PAWL_OK);
    (void)close(fd);
    return *users;
}

static void come(struct served *served, size_t client)
{
    struct served_client *one = &served->clients[client];

    one->heard_size = 0;
    PAWL_ASSERT(conn_open(&one->conn, served->world.desk, served->wire, served->world.now_ns));
    if (served->came != NULL) served->came(served, client);
}

void served_open(struct served *served, struct users *users)
{
    static char heard[SERVED_CLIENTS][SERVED_HEARD_BYTES_MAX];

    world_open(&served->world, "a*");
    served->cut = false;
    if (users != NULL) desk_set_users(served->world.desk, users);
    for (size_t i = 0; i < SERVED_CLIENTS; i++) {
        served->clients[i].heard = heard[i];
        come(served, i);
    }
}

/* Reads what there is, and looks at it. */
static bool hear(struct served *served, size_t client)
{
    struct served_client *one = &served->clients[client];
    struct pawl_bytes bytes = conn_output(&one->conn);
    bool any = false;

    for (; bytes.size > 0; bytes = conn_output(&one->conn), any = true) {
        PAWL_ASSERT(bytes.size <= SERVED_HEARD_BYTES_MAX - one->heard_size);
        memcpy(one->heard + one->heard_size, bytes.at, bytes.size);
        one->heard_size += bytes.size;
        conn_output_sent(&one->conn, bytes.size, served->world.now_ns);
        size_t done = served->look(served, client);

        PAWL_ASSERT(done <= one->heard_size);
        memmove(one->heard, one->heard + done, one->heard_size - done);
        one->heard_size -= done;
    }
    return any;
}

static bool hear_all(struct served *served)
{
    bool any = false;

    for (size_t i = 0; i < SERVED_CLIENTS; i++) {
        any = hear(served, i) || any;
    }
    return any;
}

static void settle(struct served *served)
{
    do {
        world_settle(&served->world);
    } while (hear_all(served));
}

void served_say(struct served *served, size_t client, struct pawl_bytes bytes)
{
    struct conn *conn = &served->clients[client].conn;

    while (bytes.size > 0 && conn_wants_input(conn)) {
        struct pawl_bytes piece = {bytes.at, served->cut ? 1 : bytes.size};
        size_t took = conn_received(conn, piece, served->world.now_ns);

        bytes = (struct pawl_bytes){bytes.at + took, bytes.size - took};
        bool any = hear_all(served);

        if (took == 0 && !any) break; /* it waits for what the store says */
    }
    settle(served);
}

static void pass(struct served *served, uint64_t ns)
{
    served->world.now_ns += ns;
    settle(served);
}

size_t served_act(struct served *served, size_t client, uint8_t act)
{
    struct world *world = &served->world;

    world->closed = (act & SERVED_AWAY) != 0;
    world->fail = (act & SERVED_FAILS) != 0 ? PAWL_STORE : PAWL_OK;
    served->cut = (act & SERVED_CUT) != 0;
    if ((act & SERVED_HANGS_UP) != 0) {
        conn_close(&served->clients[client].conn);
        conn_dispose(&served->clients[client].conn);
        come(served, client);
    }
    settle(served);
    for (int i = 0; i < 3 && (act & SERVED_LATER) != 0; i++) {
        pass(served, 3 * PAWL_NS_PER_S);
    }
    return (act & SERVED_OTHER) != 0 ? (client + 1) % SERVED_CLIENTS : client;
}

static bool is_calm(const struct served *served)
{
    for (size_t i = 0; i < SERVED_CLIENTS; i++) {
        if (!conn_quiet(&served->clients[i].conn)) return false;
    }
    return true;
}

static uint64_t read_count(const _Atomic uint64_t *count)
{
    return atomic_load_explicit(count, memory_order_relaxed);
}

static void check_books(const struct served *served)
{
    const struct pawl_counts *counts = pawl_keeper_counts(served->world.keeper);
    uint64_t came = read_count(&counts->reserved) + read_count(&counts->returned);
    uint64_t went = read_count(&counts->handed) + read_count(&counts->leased) +
                    read_count(&counts->given_back) + read_count(&counts->held);

    for (int cause = 0; cause < PAWL_CAUSE_COUNT; cause++) {
        bool elsewhere = cause == PAWL_CAUSE_CRASH || cause == PAWL_CAUSE_UNREPORTED ||
                         cause == PAWL_CAUSE_UNREAD;

        if (!elsewhere) went += read_count(&counts->burned[cause]);
    }
    PAWL_ASSERT(came == went);
}

void served_calm(struct served *served)
{
    served->world.closed = false;
    served->world.fail = PAWL_OK;
    settle(served);
    for (int i = 0; i < CALM_TURNS && !is_calm(served); i++) {
        pass(served, PAWL_NS_PER_S / 4);
    }
    PAWL_ASSERT(is_calm(served));
    check_books(served);
}

void served_close(struct served *served)
{
    for (size_t i = 0; i < SERVED_CLIENTS; i++) {
        conn_close(&served->clients[i].conn);
        conn_dispose(&served->clients[i].conn);
    }
    /* What was asked for those who are gone comes back as well. */
    for (int i = 0; i < CALM_TURNS && desk_under_way(served->world.desk) > 0; i++) {
        served->world.now_ns += PAWL_NS_PER_S / 4;
        world_settle(&served->world);
    }
    world_close(&served->world);
}

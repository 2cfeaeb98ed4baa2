/* SPDX-License-Identifier: Apache-2.0 */
#include "server/daemon.h"

#include <malloc.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "pawl/pawl.h"
#include "server/gone.h"
#include "server/ground.h"
#include "server/io.h"
#include "server/listener.h"
#include "server/users.h"

/* How DAEMON_STOP_S is shared out. */
#define STOP_CONNECTIONS_NS (1000 * PAWL_NS_PER_MS)
#define STOP_KEEPER_NS      (2500 * PAWL_NS_PER_MS)

enum { THREAD_NAME_BYTES_MAX = 32, URL_SHOW_BYTES_MAX = 512, LISTEN_ALL_BYTES_MAX = 2048 };

struct daemon {
    const struct config *config;
    struct ground ground;
    struct users *users; /* NULL: everybody may do everything */
    struct gone *gone;
    struct listeners listeners;
    _Atomic uint64_t clients;
    struct server_facts facts;
    size_t io_count;
    struct io *ios[GROUND_THREADS_MAX];
    struct desk *desks[GROUND_THREADS_MAX];
    char names[GROUND_THREADS_MAX][THREAD_NAME_BYTES_MAX];
    char store[URL_SHOW_BYTES_MAX];
    char listen[LISTEN_ALL_BYTES_MAX];
    struct pawl_mail close_listeners_mail;
};

static void keeper_wakes(void *arg)
{
    pawl_turner_wake(((struct daemon *)arg)->ground.turner);
}

/* What is freed stays with the C library otherwise, far from the end of its heap as it lies. */
static void keeper_shrank(void *arg)
{
    (void)arg;
    (void)malloc_trim(0);
}

static void holding_idle(struct pawl_holding *holding, void *arg)
{
    struct daemon *daemon = arg;

    for (size_t i = 0; i < daemon->io_count; i++) {
        io_tell_idle(daemon->ios[i], holding);
    }
}

static void list_addresses(struct daemon *daemon)
{
    size_t at = 0;

    for (size_t i = 0; i < daemon->ground.addresses.count; i++) {
        const char *shown = daemon->ground.addresses.all[i].shown;
        int size = snprintf(daemon->listen + at, sizeof daemon->listen - at, "%s%s",
                            i > 0 ? " " : "", shown);

        if (size > 0 && at + (size_t)size < sizeof daemon->listen) at += (size_t)size;
    }
}

static void gather_facts(struct daemon *daemon)
{
    daemon->facts.version = PAWL_VERSION;
    daemon->facts.store = daemon->store;
    daemon->facts.listen = daemon->listen;
    daemon->facts.pid = (uint64_t)getpid();
    daemon->facts.started_ns = pawl_clock_ns();
    daemon->facts.started_us = pawl_clock_wall_us();
    daemon->facts.max_clients = daemon->config->max_clients;
    daemon->facts.cache_sequences = daemon->config->cache_sequences;
    daemon->facts.counts = pawl_keeper_counts(pawl_turner_keeper(daemon->ground.turner));
    daemon->facts.guard = daemon->ground.guard;
    daemon->facts.look_at_guard = pawl_guard_look;
    daemon->facts.data = daemon->config->data;
    daemon->facts.desks = daemon->desks;
    daemon->facts.desk_count = daemon->ground.threads;
}

static pawl_err make_ios(struct daemon *daemon, pawl_error *error)
{
    const struct config *config = daemon->config;
    struct io_settings settings = {
        .turner = daemon->ground.turner,
        .ios = daemon->ios,
        .desk =
            {
                .request_timeout_ns = config->request_timeout_ns,
                .refill_interval_ns = config->refill_interval_ns,
                .max_take = config->max_take,
                .auto_create = {config->auto_create, strlen(config->auto_create)},
                .id_step = daemon->ground.threads,
                .facts = &daemon->facts,
                .users = daemon->users,
                .setval_back = (enum desk_setval)config->setval_back,
                .gone = daemon->gone,
            },
    };

    pawl_entropy(&settings.desk.seed, sizeof settings.desk.seed);
    for (size_t i = 0; i < daemon->ground.threads; i++) {
        (void)snprintf(daemon->names[i], sizeof daemon->names[i], "pawld-io-%zu", i);
        settings.name = daemon->names[i];
        settings.desk.id_first = i + 1;
        daemon->ios[i] = io_new(&settings, error);
        if (daemon->ios[i] == NULL) return error->code;
        daemon->desks[i] = io_desk(daemon->ios[i]);
        daemon->io_count++;
    }
    return PAWL_OK;
}

static pawl_err open_listeners(struct daemon *daemon, pawl_error *error)
{
    struct listeners *listeners = &daemon->listeners;

    listeners->ios = daemon->ios;
    listeners->io_count = daemon->io_count;
    listeners->max_clients = daemon->config->max_clients;
    listeners->clients = &daemon->clients;
    listeners->refused = &daemon->facts.refused_clients;
    return listeners_open(listeners, &daemon->ground.addresses, error);
}

static bool end_ios(struct daemon *daemon)
{
    bool drained = false;

    for (size_t i = 0; i < daemon->io_count; i++) {
        io_drain(daemon->ios[i], STOP_CONNECTIONS_NS);
    }
    for (size_t i = 0; i < daemon->io_count; i++) {
        io_drained(daemon->ios[i]);
    }
    pawl_turner_drain(daemon->ground.turner, STOP_KEEPER_NS);
    for (size_t i = 0; i < daemon->io_count; i++) {
        io_leave(daemon->ios[i]);
    }
    for (size_t i = 0; i < daemon->io_count; i++) {
        io_join(daemon->ios[i]);
    }
    drained = ground_close(&daemon->ground);
    for (size_t i = 0; i < daemon->io_count; i++) {
        io_free(daemon->ios[i]);
    }
    return drained;
}

/* The first one last, since it accepts for all. */
static pawl_err start_threads(struct daemon *daemon, pawl_error *error)
{
    pawl_err err = PAWL_OK;

    for (size_t i = daemon->io_count; i > 0 && err == PAWL_OK; i--) {
        err = io_start(daemon->ios[i - 1], error);
    }
    return err;
}

static void say_ready(const struct daemon *daemon)
{
    char store[URL_SHOW_BYTES_MAX + 16];
    char listen[LISTEN_ALL_BYTES_MAX];

    for (size_t i = 0; i < daemon->ground.addresses.count; i++) {
        const struct listen_address *address = &daemon->ground.addresses.all[i];

        if (address->loopback || daemon->users != NULL) continue;
        pawl_log(PAWL_LOG_WARN, "open to everybody who can connect: every peer is an admin",
                 "listen=%s", address->shown);
    }
    pawl_log(PAWL_LOG_INFO, "ready",
             "version=" PAWL_VERSION " pid=%ld listen=%s store=%s threads=%zu", (long)getpid(),
             pawl_log_quote(listen, sizeof listen,
                            (struct pawl_bytes){daemon->listen, strlen(daemon->listen)}),
             pawl_log_quote(store, sizeof store,
                            (struct pawl_bytes){daemon->store, strlen(daemon->store)}),
             daemon->io_count);
}

/* Whether to go on: a store that is away now may come back, one that must be put right does not. */
static bool store_may_serve(const struct daemon *daemon, pawl_error *error)
{
    char why[sizeof error->text];

    if (ground_ping(&daemon->ground, NULL, error) == PAWL_OK) return true;
    if (pawl_err_advice(error->code) == PAWL_ADVICE_FIX) return false;
    pawl_log(
        PAWL_LOG_WARN, "the store cannot be used now: starting all the same", "why=%s",
        pawl_log_quote(why, sizeof why, (struct pawl_bytes){error->text, strlen(error->text)}));
    return true;
}

static void say_users(const char *event, const char *path, const struct users *users)
{
    char shown[URL_SHOW_BYTES_MAX];
    const char *file = pawl_log_quote(shown, sizeof shown, (struct pawl_bytes){path, strlen(path)});

    pawl_log(PAWL_LOG_INFO, event, "file=%s count=%zu", file, users_count(users));
    if (!users_exposed(users)) return;
    pawl_log(PAWL_LOG_WARN, "others may read the users file, and try passwords at home",
             "file=%s advice=\"chmod o-r\"", file);
}

/* As --users says; PAWL_OK without it. */
static pawl_err read_users(const struct config *config, struct users **users, pawl_error *error)
{
    pawl_error why;

    if (config->users[0] == '\0') return PAWL_OK;
    pawl_err err = users_read(users, config->users, NULL, &why);
    return err == PAWL_OK ? PAWL_OK : pawl_fail(error, err, "--users: %s", why.text);
}

void daemon_read_users(struct daemon *daemon)
{
    const char *path = daemon->config->users;
    struct users *users = NULL;
    char why[2 * sizeof(pawl_error)];
    pawl_error error;
    bool told = true;

    if (daemon->users == NULL) return;
    if (users_read(&users, path, daemon->users, &error) != PAWL_OK) {
        pawl_log(
            PAWL_LOG_ERROR, "the users file cannot be meant: the users stay as they were", "why=%s",
            pawl_log_quote(why, sizeof why, (struct pawl_bytes){error.text, strlen(error.text)}));
        return;
    }
    for (size_t i = 0; i < daemon->io_count; i++) {
        told = io_set_users(daemon->ios[i], users) && told;
    }
    users_drop(daemon->users);
    daemon->users = users;
    say_users("users read again", path, users);
    if (!told) pawl_log(PAWL_LOG_ERROR, "no memory for new users: send SIGHUP again", "%s", "");
}

static void daemon_free(struct daemon *daemon)
{
    users_drop(daemon->users);
    gone_free(daemon->gone);
    free(daemon);
}

struct daemon *daemon_start(const struct config *config, const sigset_t *ends, pawl_error *error)
{
    struct daemon *daemon = calloc(1, sizeof *daemon);
    struct pawl_keeper_settings keeper = {
        .wake = keeper_wakes, .idle = holding_idle, .shrank = keeper_shrank, .arg = daemon};

    if (daemon == NULL) {
        (void)pawl_fail(error, PAWL_NO_MEMORY, "no memory to start");
        return NULL;
    }
    daemon->config = config;
    daemon->gone = gone_new();
    if (daemon->gone == NULL) {
        (void)pawl_fail(error, PAWL_NO_MEMORY, "no memory to start");
        daemon_free(daemon);
        return NULL;
    }
    (void)pawl_url_show(daemon->store, sizeof daemon->store, config->store);
    if (read_users(config, &daemon->users, error) != PAWL_OK) {
        daemon_free(daemon);
        return NULL;
    }
    if (ground_open(&daemon->ground, config, &keeper, error) != PAWL_OK) {
        daemon_free(daemon);
        return NULL;
    }
    if (!store_may_serve(daemon, error)) {
        (void)ground_close(&daemon->ground);
        daemon_free(daemon);
        return NULL;
    }
    (void)pthread_sigmask(SIG_BLOCK, ends, NULL);
    gather_facts(daemon);
    pawl_err err = make_ios(daemon, error);
    if (err == PAWL_OK) err = open_listeners(daemon, error);
    if (err == PAWL_OK) {
        err = listeners_start(&daemon->listeners, io_loop(daemon->ios[0]), error);
    }
    if (err == PAWL_OK) {
        list_addresses(daemon);
        err = start_threads(daemon, error);
    }
    if (err != PAWL_OK) {
        listeners_abandon(&daemon->listeners);
        (void)end_ios(daemon);
        daemon_free(daemon);
        return NULL;
    }
    if (daemon->users != NULL) say_users("users read", config->users, daemon->users);
    say_ready(daemon);
    return daemon;
}

static void close_listeners(struct pawl_mail *mail)
{
    listeners_close(&PAWL_OWNER(mail, struct daemon, close_listeners_mail)->listeners);
}

bool daemon_stop(struct daemon *daemon)
{
    daemon->close_listeners_mail.act = close_listeners;
    io_post(daemon->ios[0], &daemon->close_listeners_mail);
    bool drained = end_ios(daemon);
    daemon_free(daemon);
    return drained;
}

/* --check */

static void wake_turner_of(void *arg)
{
    pawl_turner_wake(((struct ground *)arg)->turner);
}

/* What is not about the ground. */
static void say_settings(const struct config *config, size_t threads, FILE *to)
{
    static const char *const rollback[] = {"skip", "refuse"};
    static const char *const back[] = {"ignore", "error", "allow"};

    (void)fprintf(
        to,
        "  threads           %zu\n  max-clients       %llu\n"
        "  ride-through      %.9g s\n  refill-interval   %.9g s\n"
        "  cache-sequences   %llu\n"
        "  max-blocks        %llu\n  max-take          %llu\n"
        "  request-timeout   %.9g s\n  takeover-timeout  %.9g s\n"
        "  on-rollback       %s\n  setval-back       %s\n"
        "  auto-create       %s\n",
        threads, (unsigned long long)config->max_clients, (double)config->ride_through_ns / 1e9,
        (double)config->refill_interval_ns / 1e9, (unsigned long long)config->cache_sequences,
        (unsigned long long)config->max_blocks, (unsigned long long)config->max_take,
        (double)config->request_timeout_ns / 1e9, (double)config->takeover_timeout_ns / 1e9,
        rollback[config->on_rollback], back[config->setval_back],
        config->auto_create[0] == '\0' ? "no" : config->auto_create);
}

static void say_addresses(const struct ground *ground, const struct users *users, FILE *to)
{
    for (size_t i = 0; i < ground->addresses.count; i++) {
        const struct listen_address *address = &ground->addresses.all[i];

        (void)fprintf(to, "  listen            %s%s\n", address->shown,
                      address->loopback || users != NULL ? ""
                                                         : " (open to everybody who can connect)");
    }
    if (users == NULL) return;
    (void)fprintf(to, "  users             %s (%zu)\n", ground->config->users, users_count(users));
    if (users_exposed(users)) {
        (void)fputs("                    others may read that file: chmod o-r\n", to);
    }
}

static void say_guard(const struct pawl_identity *identity, const struct pawl_guard_glance *glance,
                      FILE *to)
{
    if (glance->trouble != NULL) {
        (void)fprintf(to, "  guard             would be set aside and begun anew: %s\n",
                      glance->trouble);
    } else if (!glance->begun) {
        (void)fputs("  guard             would be begun: nothing is remembered of this store\n",
                    to);
    } else {
        (void)fprintf(to, "  guard             of store %.*s: %llu sequences\n",
                      identity->name_size > 0 ? (int)identity->name_size : 20,
                      identity->name_size > 0 ? identity->name : "(it tells no name)",
                      (unsigned long long)glance->sequences);
    }
}

static void say_ledger(const struct pawl_ledger_glance *glance, FILE *to)
{
    (void)fputs("  gap ledger        ", to);
    if (glance->trouble != NULL) {
        (void)fprintf(to, "would be begun anew, as far as it is damaged: %s", glance->trouble);
    } else if (!glance->begun) {
        (void)fputs("would be begun", to);
    } else {
        (void)fprintf(to, "%llu sequences", (unsigned long long)glance->sequences);
    }
    if (glance->damaged > 0) {
        (void)fprintf(to, "; %llu entries are damaged, and would be forgotten",
                      (unsigned long long)glance->damaged);
    }
    (void)fputc('\n', to);
}

static pawl_err check_ground(const struct ground *ground, const struct users *users, FILE *to,
                             pawl_error *error)
{
    const struct config *config = ground->config;
    char store[URL_SHOW_BYTES_MAX];
    struct pawl_identity identity = {.name_size = 0};
    struct pawl_guard_glance glance;
    struct pawl_ledger_glance ledger;
    bool guarded = false;
    bool kept = false;
    bool missing = ground->turner == NULL;
    pawl_err err = missing ? PAWL_OK : ground_ping(ground, &identity, error);

    if (err == PAWL_OK && !missing) {
        err = ground_glance(ground, &identity, &glance, &guarded, error);
    }
    if (err == PAWL_OK) err = ground_glance_ledger(ground, &ledger, &kept, error);
    if (err != PAWL_OK) return err;
    (void)fprintf(to, "pawld %s would run:\n  store             %s%s\n", PAWL_VERSION,
                  pawl_url_show(store, sizeof store, config->store),
                  missing ? " (would be made)" : "");
    say_addresses(ground, users, to);
    if (config->data[0] != '\0') {
        (void)fprintf(to, "  data              %s%s\n", config->data,
                      access(config->data, F_OK) == 0 ? "" : " (would be made)");
    }
    if (guarded) say_guard(&identity, &glance, to);
    if (kept) say_ledger(&ledger, to);
    say_settings(config, ground->threads, to);
    return PAWL_OK;
}

pawl_err daemon_check(const struct config *config, FILE *to, pawl_error *error)
{
    struct ground ground = {.looks = true};
    struct pawl_keeper_settings keeper = {.wake = wake_turner_of, .arg = &ground};
    struct users *users = NULL;
    pawl_err err = read_users(config, &users, error);

    if (err == PAWL_OK) {
        err = ground_open(&ground, config, &keeper, error);
        if (err == PAWL_OK) {
            err = check_ground(&ground, users, to, error);
            (void)ground_close(&ground);
        }
    }
    users_drop(users);
    return err;
}

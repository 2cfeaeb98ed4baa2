/* SPDX-License-Identifier: Apache-2.0 */
#include "server/ground.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "client/fleet.h"
#include "store/guard_url.h"
#include "store/store.h"

enum {
    OWN_DESCRIPTORS = 128, /* the store's, logs, listeners, connections below */
    DESCRIPTORS_PER_THREAD = 8,
};

/* Back-off of the keeper after a failed refill. */
#define RETRY_LEAST_NS (10 * PAWL_NS_PER_MS)
#define RETRY_MOST_NS  (2 * PAWL_NS_PER_S)

/* How long the first answer of a store may take: to connect, to log in, to be asked. */
#define PING_NS (4 * PAWL_NS_PER_S)

static pawl_err raise_descriptor_limit(const struct config *config, size_t threads,
                                       pawl_error *error)
{
    struct rlimit limit;
    uint64_t own = OWN_DESCRIPTORS + DESCRIPTORS_PER_THREAD * threads;
    uint64_t wanted = config->max_clients + own;

    if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur >= wanted) return PAWL_OK;
    struct rlimit raised = {wanted, limit.rlim_max > wanted ? limit.rlim_max : wanted};
    if (setrlimit(RLIMIT_NOFILE, &raised) == 0) return PAWL_OK;
    return pawl_fail(error, PAWL_BAD_REQUEST,
                     "--max-clients %llu: that takes %llu file descriptors, and this process may "
                     "have %llu; raise that (ulimit -n, LimitNOFILE= in a unit), or say "
                     "--max-clients %llu",
                     (unsigned long long)config->max_clients, (unsigned long long)wanted,
                     (unsigned long long)limit.rlim_max,
                     (unsigned long long)(limit.rlim_max > own ? limit.rlim_max - own : 1));
}

/* path as it will be called once it is made; false: its parent is not there. */
static bool future_path(const char *path, char real[PATH_MAX])
{
    char parent[PATH_MAX];

    if (realpath(path, real) != NULL) return true;
    int size = snprintf(parent, sizeof parent, "%s", path);
    if (size < 0 || (size_t)size >= sizeof parent) return false;
    while (size > 1 && parent[size - 1] == '/') {
        parent[--size] = '\0';
    }
    char *slash = strrchr(parent, '/');
    const char *name = slash == NULL ? path : slash + 1;
    char last[PATH_MAX];

    (void)snprintf(last, sizeof last, "%s", name);
    if (slash != NULL) slash[slash == parent ? 1 : 0] = '\0';
    if (realpath(slash == NULL ? "." : parent, real) == NULL) return false;
    size_t at = strlen(real);
    size = snprintf(real + at, PATH_MAX - at, "/%s", last);
    return size >= 0 && (size_t)size < PATH_MAX - at;
}

static const char lmdb_scheme[] = "lmdb:";

static bool is_lmdb(const struct config *config)
{
    return strncmp(config->store, lmdb_scheme, sizeof lmdb_scheme - 1) == 0;
}

/* The folder of an LMDB store, without the options of its URL. */
static pawl_err lmdb_folder(const struct config *config, char path[PATH_MAX], pawl_error *error)
{
    struct pawl_guard_url guard;
    pawl_error why;
    pawl_err err = pawl_guard_url_read(&guard, config->store, &why);

    if (err != PAWL_OK) return pawl_fail(error, err, "--store: %s", why.text);
    size_t size = strlen(guard.store + sizeof lmdb_scheme - 1);

    if (size == 0) {
        return pawl_fail(error, PAWL_BAD_REQUEST,
                         "--store: \"lmdb:\" names no folder; write lmdb:/folder or lmdb:./folder");
    }
    if (size >= PATH_MAX) {
        return pawl_fail(error, PAWL_BAD_REQUEST, "--store: a folder of %zu bytes is too long",
                         size);
    }
    memcpy(path, guard.store + sizeof lmdb_scheme - 1, size + 1);
    return PAWL_OK;
}

/* Backups of a store take all of its folder, and what guards against old backups must not go
 * back with them. */
static pawl_err check_apart(const struct config *config, pawl_error *error)
{
    char path[PATH_MAX];
    char data[PATH_MAX];
    char store[PATH_MAX];

    if (!is_lmdb(config)) return PAWL_OK;
    pawl_err err = lmdb_folder(config, path, error);
    if (err != PAWL_OK) return err;
    if (realpath(path, store) == NULL || !future_path(config->data, data)) return PAWL_OK;
    size_t size = strlen(store);

    if (strncmp(data, store, size) != 0 || (data[size] != '/' && data[size] != '\0')) {
        return PAWL_OK;
    }
    return pawl_fail(error, PAWL_BAD_REQUEST,
                     "--data %.150s: it lies in the store's folder %.150s; give one beside it, "
                     "since it must not go back in time together with the store",
                     config->data, store);
}

static pawl_err take_data(struct ground *ground, pawl_error *error)
{
    const struct config *config = ground->config;
    char data[PATH_MAX];

    if (config->data[0] == '\0') return PAWL_OK;
    if (ground->looks && !future_path(config->data, data)) {
        return pawl_fail(error, PAWL_STORE,
                         "--data: cannot make the folder %.150s: its parent is missing",
                         config->data);
    }
    pawl_error why;
    pawl_err err = check_apart(config, error);
    if (err != PAWL_OK || ground->looks) return err;
    err = pawl_folder_take(&ground->data, config->data, config->takeover_timeout_ns, &why);
    if (err != PAWL_OK) return pawl_fail(error, err, "--data: %s", why.text);
    return PAWL_OK;
}

bool ground_is_remote(const struct config *config)
{
    return strncmp(config->store, "pawl:", 5) == 0;
}

static pawl_err open_source(struct ground *ground, struct pawl_source **source, pawl_error *error)
{
    const struct config *config = ground->config;
    uint64_t seed = 0;
    pawl_err err = PAWL_OK;
    pawl_error why = {.code = PAWL_OK};

    pawl_entropy(&seed, sizeof seed);
    if (ground_is_remote(config)) {
        const struct pawl_fleet_settings settings = {
            .seed = seed,
            .exchange_ns = config->request_timeout_ns,
            .refill_interval_ns = config->refill_interval_ns,
        };

        err =
            pawl_fleet_new(config->store, pawl_turner_net(ground->turner), &settings, source, &why);
    } else {
        const struct pawl_store_options options = {
            .loop = pawl_turner_loop(ground->turner),
            .net = pawl_turner_net(ground->turner),
            .seed = seed,
            .refill_interval_ns = config->refill_interval_ns,
            .refuse_rollback = config->on_rollback == CONFIG_ON_ROLLBACK_REFUSE,
            .takeover_ns = config->takeover_timeout_ns,
        };

        struct pawl_guard_url guard;
        const char *url = config->store;

        /* What looks begins no guard; a URL that cannot be meant is refused in any case. */
        if (ground->looks && pawl_guard_url_read(&guard, url, &why) == PAWL_OK) url = guard.store;
        err = pawl_store_open(url, &options, source, &why);
    }
    if (err == PAWL_OK) return PAWL_OK;
    return pawl_fail(error, err, "--store: %s", why.text);
}

/* Puts a guard in front of the store; closes it if that fails. */
static pawl_err open_guard(struct ground *ground, struct pawl_source **source, pawl_error *error)
{
    const struct config *config = ground->config;
    const struct pawl_guard_settings settings = {
        .learn_ns = config->learn_for_ns,
        .refuse_rollback = config->on_rollback == CONFIG_ON_ROLLBACK_REFUSE,
    };
    const struct pawl_guard_place place = {
        .folder = ground->data.path,
        .url = config->store,
        .accept = config->accept_store,
        .how = "--accept-store",
    };
    struct pawl_book *book = NULL;
    pawl_error why;
    pawl_err err = pawl_guard_file_open(&place, &book, &why);

    if (err != PAWL_OK) {
        (*source)->ops->close(*source);
        return pawl_fail(error, err, "--data: %s", why.text);
    }
    err = pawl_guard_new(*source, book, &settings, &ground->guard, error);
    if (err == PAWL_OK) *source = pawl_guard_source(ground->guard);
    return err;
}

enum { LEDGER_PATH_BYTES = PATH_MAX + 32 };

/* Of each store its own: names that are the same elsewhere are other sequences. */
static void ledger_path(const struct config *config, const char *folder,
                        char path[LEDGER_PATH_BYTES])
{
    char url[sizeof config->store];

    (void)pawl_url_show(url, sizeof url, config->store);
    (void)snprintf(path, LEDGER_PATH_BYTES, "%s/gaps-%016" PRIx64, folder,
                   pawl_bytes_hash((struct pawl_bytes){url, strlen(url)}, 0));
}

static pawl_err open_ledger(struct ground *ground, struct pawl_keeper_settings *keeper,
                            pawl_error *error)
{
    const struct config *config = ground->config;
    char path[LEDGER_PATH_BYTES];
    pawl_error why;

    keeper->ledger_since = pawl_clock_wall_s();
    if (config->data[0] == '\0' || ground->looks || pawl_store_forgets(config->store)) {
        return PAWL_OK;
    }
    ledger_path(config, ground->data.path, path);
    pawl_err err = pawl_ledger_file_open(path, &keeper->ledger_since, &ground->archive, &why);
    if (err != PAWL_OK) return pawl_fail(error, err, "--data: %s", why.text);
    keeper->archive = ground->archive;
    return PAWL_OK;
}

static pawl_err open_keeper(struct ground *ground, struct pawl_keeper_settings *keeper,
                            pawl_error *error)
{
    const struct config *config = ground->config;
    struct pawl_source *source = NULL;

    ground->turner = pawl_turner_new(error);
    if (ground->turner == NULL) return error->code;
    pawl_err err = open_source(ground, &source, error);
    if (err == PAWL_OK) {
        err = take_data(ground, error);
        if (err != PAWL_OK) source->ops->close(source);
    }
    if (err != PAWL_OK) return err;
    if (config->data[0] != '\0' && ground_is_remote(config) && !ground->looks) {
        pawl_log(PAWL_LOG_WARN, "no guard: --data keeps the gap ledger alone over another server",
                 "advice=\"give the server that is straight on the store a --data\"");
    }
    if (config->data[0] != '\0' && !ground_is_remote(config) && !ground->looks) {
        err = open_guard(ground, &source, error);
        if (err != PAWL_OK) return err;
    } else {
        ground->guard = pawl_guard_of(source); /* the URL may have asked for one */
    }
    pawl_entropy(&keeper->seed, sizeof keeper->seed);
    keeper->pace = (struct pawl_pace_settings){
        .ride_through_ns = config->ride_through_ns,
        .refill_interval_ns = config->refill_interval_ns,
        .max_blocks = config->max_blocks,
    };
    keeper->cache_max = config->cache_sequences;
    keeper->clock = pawl_clock_ns;
    keeper->retry_least_ns = RETRY_LEAST_NS;
    keeper->retry_most_ns = RETRY_MOST_NS;
    err = open_ledger(ground, keeper, error);
    if (err != PAWL_OK) {
        source->ops->close(source);
        return err;
    }
    keeper->refuse_rollback = config->on_rollback == CONFIG_ON_ROLLBACK_REFUSE;
    return pawl_turner_start(ground->turner, source, keeper, error);
}

/* An LMDB store that would be made. */
static pawl_err look_for_store(const struct ground *ground, bool *missing, pawl_error *error)
{
    char path[PATH_MAX];
    char real[PATH_MAX];
    char file[PATH_MAX + 16];

    *missing = false;
    if (!ground->looks || !is_lmdb(ground->config)) return PAWL_OK;
    pawl_err err = lmdb_folder(ground->config, path, error);
    if (err != PAWL_OK) return err;
    if (!future_path(path, real)) {
        return pawl_fail(error, PAWL_STORE,
                         "--store: cannot make the folder %.150s: its parent is missing", path);
    }
    (void)snprintf(file, sizeof file, "%s/data.mdb", real);
    *missing = access(file, F_OK) != 0;
    return PAWL_OK;
}

pawl_err ground_open(struct ground *ground, const struct config *config,
                     struct pawl_keeper_settings *keeper, pawl_error *error)
{
    bool missing = false;

    ground->config = config;
    ground->turner = NULL;
    ground->guard = NULL;
    ground->archive = NULL;
    ground->data.owner.fd = -1;
    ground->threads = config->threads > 0 ? config->threads : uv_available_parallelism();
    if (ground->threads > GROUND_THREADS_MAX) ground->threads = GROUND_THREADS_MAX;
    pawl_err err = raise_descriptor_limit(config, ground->threads, error);
    if (err == PAWL_OK) err = listen_resolve(config, &ground->addresses, error);
    if (err == PAWL_OK) err = look_for_store(ground, &missing, error);
    if (err == PAWL_OK && missing) err = take_data(ground, error);
    if (err == PAWL_OK && !missing) err = open_keeper(ground, keeper, error);
    if (err != PAWL_OK) (void)ground_close(ground);
    return err;
}

/* One ask of two threads: the second one to be done with it frees it. */
struct ping {
    struct pawl_ask ask;
    struct pawl_identity identity;
    struct pawl_mail mail;
    struct pawl_turner *turner;
    uv_mutex_t lock;
    uv_cond_t answered_now;
    bool answered, left;
};

static void ping_end(struct ping *ping, bool last)
{
    uv_mutex_unlock(&ping->lock);
    if (!last) return;
    uv_cond_destroy(&ping->answered_now);
    uv_mutex_destroy(&ping->lock);
    free(ping);
}

static void ping_done(struct pawl_ask *ask)
{
    struct ping *ping = PAWL_OWNER(ask, struct ping, ask);

    uv_mutex_lock(&ping->lock);
    ping->answered = true;
    uv_cond_signal(&ping->answered_now);
    ping_end(ping, ping->left);
}

static void ping_at_keeper(struct pawl_mail *mail)
{
    struct ping *ping = PAWL_OWNER(mail, struct ping, mail);

    pawl_turner_ask(ping->turner, &ping->ask);
}

static struct ping *ping_new(const struct ground *ground)
{
    struct ping *ping = calloc(1, sizeof *ping);

    if (ping == NULL) return NULL;
    ping->ask =
        (struct pawl_ask){.kind = PAWL_ASK_PING, .done = ping_done, .identity = &ping->identity};
    ping->mail.act = ping_at_keeper;
    ping->turner = ground->turner;
    if (uv_mutex_init(&ping->lock) != 0) {
        free(ping);
        return NULL;
    }
    if (uv_cond_init(&ping->answered_now) != 0) {
        uv_mutex_destroy(&ping->lock);
        free(ping);
        return NULL;
    }
    return ping;
}

pawl_err ground_ping(const struct ground *ground, struct pawl_identity *identity, pawl_error *error)
{
    struct ping *ping = ping_new(ground);
    uint64_t until_ns = pawl_clock_ns() + PING_NS;
    uint64_t now_ns = 0;
    pawl_error how = {PAWL_TIMEOUT, "no answer came in time"};

    if (ping == NULL) return pawl_fail(error, PAWL_NO_MEMORY, "no memory to ask the store");
    ping->ask.deadline_ns = until_ns;
    pawl_turner_post(ground->turner, &ping->mail);
    uv_mutex_lock(&ping->lock);
    while (!ping->answered && (now_ns = pawl_clock_ns()) < until_ns) {
        (void)uv_cond_timedwait(&ping->answered_now, &ping->lock, until_ns - now_ns);
    }
    if (ping->answered) {
        how = ping->ask.error;
        if (identity != NULL) *identity = ping->identity;
    }
    ping->left = true;
    ping_end(ping, ping->answered);
    if (how.code == PAWL_OK) return PAWL_OK;
    if (how.code == PAWL_BAD_REQUEST) how.code = PAWL_DENIED; /* the store's settings, not ours */
    return pawl_fail(error, how.code, "--store: %s", how.text);
}

pawl_err ground_glance(const struct ground *ground, const struct pawl_identity *identity,
                       struct pawl_guard_glance *glance, bool *asked, pawl_error *error)
{
    const struct config *config = ground->config;
    struct pawl_guard_url guard;
    pawl_error why;
    pawl_err err = pawl_guard_url_read(&guard, config->store, &why);
    bool own = guard.folder[0] != '\0';
    const struct pawl_guard_place place = {
        .folder = own ? guard.folder : config->data,
        .url = guard.store,
        .accept = own ? guard.accept : config->accept_store,
        .how = own ? "guard-accept=" : "--accept-store",
    };

    *asked =
        !ground_is_remote(config) && !pawl_store_forgets(config->store) && place.folder[0] != '\0';
    if (err == PAWL_OK && *asked) err = pawl_guard_file_glance(&place, identity, glance, &why);
    if (err == PAWL_OK) return PAWL_OK;
    return pawl_fail(error, err, "%s: %s", own ? "--store" : "--data", why.text);
}

pawl_err ground_glance_ledger(const struct ground *ground, struct pawl_ledger_glance *glance,
                              bool *kept, pawl_error *error)
{
    const struct config *config = ground->config;
    char folder[PATH_MAX];
    char path[LEDGER_PATH_BYTES];
    pawl_error why;

    *glance = (struct pawl_ledger_glance){.begun = false};
    *kept = config->data[0] != '\0' && !pawl_store_forgets(config->store);
    if (!*kept || realpath(config->data, folder) == NULL) return PAWL_OK;
    ledger_path(config, folder, path);
    pawl_err err = pawl_ledger_file_glance(path, glance, &why);
    return err == PAWL_OK ? PAWL_OK : pawl_fail(error, err, "--data: %s", why.text);
}

bool ground_close(struct ground *ground)
{
    bool drained = pawl_turner_free(ground->turner);

    ground->turner = NULL;
    pawl_ledger_file_close(ground->archive);
    ground->archive = NULL;
    pawl_folder_leave(&ground->data);
    return drained;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "store/store.h"

#include "base/log.h"
#include "store/guard_url.h"
#include "store/records.h"
#include "store/schemes.h"

#include <string.h>

typedef pawl_err store_open(const char *rest, const struct pawl_store_options *options,
                            struct pawl_source **store, pawl_error *error);

enum { SCHEME_SHOWN_MAX = 40 };

struct scheme {
    const char *name;   /* with its colon, and what else it must begin with */
    store_open *open;   /* NULL: left out when pawl was built */
    const char *option; /* which leaves it out; NULL: it is always there */
    bool network;       /* open takes the whole URL; a forked child may open it anew */
};

#ifndef PAWL_WITH_COUCHBASE
#define pawl_couchbase_open          NULL
#define pawl_couchbase_is_plain(url) false
#endif
#ifndef PAWL_WITH_DYNAMODB
#define pawl_dynamodb_open NULL
#endif
#ifndef PAWL_WITH_ETCD
#define pawl_etcd_open NULL
#endif
#ifndef PAWL_WITH_POSTGRES
#define pawl_postgres_open NULL
#endif
#ifndef PAWL_WITH_REDIS
#define pawl_redis_open NULL
#endif

static const struct scheme schemes[] = {
    {"couchbase://", pawl_couchbase_open, "couchbase", true},
    {"couchbases://", pawl_couchbase_open, "couchbase", true},
    {"dynamodb://", pawl_dynamodb_open, "dynamodb", true},
    {"etcd://", pawl_etcd_open, "etcd", true},
    {"etcds://", pawl_etcd_open, "etcd", true},
    {"lmdb:", pawl_lmdb_open, NULL, false},
    {"memory:", pawl_memory_open, NULL, false},
    {"postgres://", pawl_postgres_open, "postgres", true},
    {"postgresql://", pawl_postgres_open, "postgres", true},
    {"redis://", pawl_redis_open, "redis", true},
    {"rediss://", pawl_redis_open, "redis", true},
};

static const struct scheme *scheme_of(const char *url)
{
    for (size_t i = 0; i < PAWL_COUNT(schemes); i++) {
        if (strncmp(url, schemes[i].name, strlen(schemes[i].name)) == 0) return &schemes[i];
    }
    return NULL;
}

static pawl_err open_plain(const char *url, const struct pawl_store_options *options,
                           struct pawl_source **store, pawl_error *error)
{
    const struct scheme *scheme = scheme_of(url);

    if (scheme == NULL) {
        size_t size = strcspn(url, ":/?"); /* no more: a password may follow */

        if (url[size] == ':') size++;
        size += strspn(url + size, "/");
        if (size > SCHEME_SHOWN_MAX) size = SCHEME_SHOWN_MAX;

        return pawl_fail(error, PAWL_BAD_REQUEST,
                         "no store has a URL that begins with \"%.*s\"; there are couchbase://, "
                         "dynamodb://, etcd://, lmdb:, memory:, postgres://, redis:// and "
                         "pawl:// for servers",
                         (int)size, url);
    }
    if (scheme->open == NULL) {
        return pawl_fail(error, PAWL_BAD_REQUEST,
                         "this pawl was built without %s: build it with meson's option -D%s=true",
                         scheme->name, scheme->option);
    }
    if (scheme->network) return scheme->open(url, options, store, error);
    return scheme->open(url + strlen(scheme->name), options, store, error);
}

pawl_err pawl_store_open(const char *url, const struct pawl_store_options *options,
                         struct pawl_source **store, pawl_error *error)
{
    PAWL_ASSERT(url != NULL && options != NULL && store != NULL);
    struct pawl_guard_url guard;
    pawl_err err = pawl_guard_url_read(&guard, url, error);

    if (err != PAWL_OK) return err;
    err = open_plain(guard.store, options, store, error);
    if (err != PAWL_OK || guard.folder[0] == '\0') return err;
    return pawl_guard_url_open(&guard, options, store, error);
}

bool pawl_store_forgets(const char *url)
{
    const struct scheme *scheme = scheme_of(url);

    return scheme != NULL && scheme->open == pawl_memory_open;
}

bool pawl_store_is_plain(const char *url)
{
    struct pawl_guard_url guard;

    if (pawl_guard_url_read(&guard, url, NULL) != PAWL_OK) return false;
    const struct scheme *scheme = scheme_of(guard.store);

    return scheme != NULL && scheme->open == pawl_couchbase_open &&
           pawl_couchbase_is_plain(guard.store);
}

bool pawl_store_shared(const char *url)
{
    const struct scheme *scheme = scheme_of(url);
    struct pawl_guard_url guard;

    /* A guard's folder has one owner, as a store's. */
    if (pawl_guard_url_read(&guard, url, NULL) != PAWL_OK || guard.folder[0] != '\0') return false;
    return scheme != NULL && scheme->network;
}

void pawl_page_record(struct pawl_page *page, const struct pawl_record *record)
{
    struct pawl_bytes name = pawl_name_bytes(&record->name);

    page->after = record->name;
    if (record->dropped && !page->tombstones) return;
    if (page->glob.size > 0 && !pawl_glob_match(page->glob, name)) return;
    page->each(page, record);
}

void pawl_page_unread(struct pawl_page *page, const struct pawl_name *name, const pawl_error *error)
{
    char seq[4 * PAWL_NAME_BYTES_MAX];
    char why[2 * sizeof error->text];

    if (page->unread.code == PAWL_OK) page->unread = *error;
    pawl_log(
        PAWL_LOG_WARN, "record cannot be listed", "seq=%s why=%s",
        pawl_log_quote(seq, sizeof seq, pawl_name_bytes(name)),
        pawl_log_quote(why, sizeof why, (struct pawl_bytes){error->text, strlen(error->text)}));
}

void pawl_store_forked(struct pawl_source *store)
{
    struct pawl_guard *guard = pawl_guard_of(store);

    if (guard != NULL) {
        pawl_guard_forked(guard);
        store = pawl_guard_below(guard);
    }
    if (strcmp(store->ops->scheme, "lmdb") == 0) {
        pawl_lmdb_forked(store);
    } else if (strcmp(store->ops->scheme, "memory") != 0) {
        pawl_records_forked(store);
    }
}

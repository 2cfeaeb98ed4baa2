/* SPDX-License-Identifier: Apache-2.0 */
#include "store/guard_stores.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"

enum {
    FILE_MODE = 0600,
    LINE_BYTES = PAWL_GUARD_NAME_BYTES + PAWL_GUARD_URL_BYTES + 2,
    TEXT_BYTES = PAWL_GUARD_STORES_MAX * LINE_BYTES,
    SHOWN_MAX = 150,
};

/* What a store is meant by, for people and machines: who asks it, and how, says nothing of that. */
static void plain_url(char to[PAWL_GUARD_URL_BYTES], const char *url)
{
    const char *slashes = strstr(url, "://");
    const char *from = slashes == NULL ? url : slashes + 3;
    size_t size = strcspn(from, "?");
    size_t host = slashes == NULL ? 0 : strcspn(from, "/?");
    size_t at = (size_t)(from - url);

    for (size_t i = 0; i < host; i++) {
        if (from[i] != '@') continue;
        from += i + 1;
        size -= i + 1;
        host -= i + 1;
        i = (size_t)-1;
    }
    (void)snprintf(to, PAWL_GUARD_URL_BYTES, "%.*s%.*s", (int)at, url, (int)size, from);
    for (char *c = to; *c != '\0'; c++) {
        if (*c == '\n' || *c == ' ') *c = '_';
    }
}

pawl_err pawl_guard_stores_open(struct pawl_guard_stores *stores, const char *folder,
                                const struct pawl_guard_place *place, pawl_error *error)
{
    const char *accept = place->accept == NULL ? "" : place->accept;

    if (strlen(accept) > PAWL_STORE_NAME_BYTES_MAX) {
        return pawl_fail(error, PAWL_BAD_REQUEST, "%s: no store's name is as long as \"%.80s\"",
                         place->how, accept);
    }
    (void)snprintf(stores->path, sizeof stores->path, "%s/stores", folder);
    (void)snprintf(stores->accept, sizeof stores->accept, "%s", accept);
    (void)snprintf(stores->how, sizeof stores->how, "%s", place->how);
    plain_url(stores->url, place->url);
    return PAWL_OK;
}

/* All of the file, ending in a zero byte; NULL with errno 0: there is none. */
static char *read_text(const char *path, size_t *size)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    char *text = NULL;

    *size = 0;
    if (fd < 0) {
        if (errno == ENOENT) errno = 0;
        return NULL;
    }
    text = malloc(TEXT_BYTES + 1);
    ssize_t got = text == NULL ? -1 : read(fd, text, TEXT_BYTES);
    int failure = errno;

    (void)close(fd);
    if (got < 0) {
        free(text);
        errno = failure == 0 ? ENOMEM : failure;
        return NULL;
    }
    *size = (size_t)got;
    text[got] = '\0';
    return text;
}

/* Whole or not at all, whatever happens. 0 or an errno. */
static int write_text(const struct pawl_guard_stores *stores, const char *text, size_t size)
{
    char path[sizeof stores->path + 8];
    int fd = -1;
    int failure = 0;

    (void)snprintf(path, sizeof path, "%s.new", stores->path);
    fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, FILE_MODE);
    if (fd < 0) return errno;
    errno = 0;
    bool written = write(fd, text, size) == (ssize_t)size && fsync(fd) == 0;

    failure = written ? 0 : (errno != 0 ? errno : ENOSPC);
    (void)close(fd);
    if (failure == 0 && rename(path, stores->path) != 0) failure = errno;
    return failure;
}

/* The text with the line of our URL replaced, or added. The first goes where there is no room. */
static size_t with_line(const struct pawl_guard_stores *stores, const char *name,
                        struct pawl_bytes text, char *to)
{
    struct pawl_bytes url = {stores->url, strlen(stores->url)};
    size_t at = 0;
    size_t lines = 0;

    for (size_t i = 0; i < text.size; i++) {
        lines += text.at[i] == '\n';
    }
    while (text.size > 0) {
        const char *end = memchr(text.at, '\n', text.size);
        const char *blank = memchr(text.at, ' ', text.size);
        size_t size = (size_t)(end + 1 - text.at);
        bool ours =
            pawl_bytes_equal((struct pawl_bytes){blank + 1, (size_t)(end - blank) - 1}, url);

        if (ours || lines >= PAWL_GUARD_STORES_MAX) {
            lines--;
        } else {
            memcpy(to + at, text.at, size);
            at += size;
        }
        text.at += size;
        text.size -= size;
    }
    return at + (size_t)snprintf(to + at, LINE_BYTES, "%s %s\n", name, stores->url);
}

static pawl_err enter(const struct pawl_guard_stores *stores, const char *name,
                      struct pawl_bytes text, pawl_error *error)
{
    char *to = malloc(text.size + LINE_BYTES);
    int failure = to == NULL ? ENOMEM : write_text(stores, to, with_line(stores, name, text, to));

    free(to);
    if (failure == 0) return PAWL_OK;
    return pawl_fail(error, PAWL_STORE, "cannot write %.*s: %s", SHOWN_MAX, stores->path,
                     strerror(failure));
}

static pawl_err judge(struct pawl_guard_stores *stores, const struct pawl_identity *store,
                      struct pawl_bytes text, bool *is_known, pawl_error *error)
{
    char name[PAWL_GUARD_NAME_BYTES];
    struct pawl_bytes known;
    bool accepted = pawl_bytes_equal((struct pawl_bytes){store->name, store->name_size},
                                     (struct pawl_bytes){stores->accept, strlen(stores->accept)});

    pawl_guard_name_show(store, name);
    if (!pawl_guard_stores_find(text, (struct pawl_bytes){stores->url, strlen(stores->url)},
                                &known)) {
        return pawl_fail(error, PAWL_STORE,
                         "%.*s is damaged: put it right (a line is: name, blank, URL), or remove "
                         "it if no store was exchanged",
                         SHOWN_MAX, stores->path);
    }
    *is_known =
        known.size > 0 &&
        (store->name_size == 0 || pawl_bytes_equal(known, (struct pawl_bytes){name, strlen(name)}));
    if (*is_known || store->name_size == 0) {
        (void)snprintf(stores->name, sizeof stores->name, "%.*s", (int)known.size,
                       known.size > 0 ? known.at : "");
        return PAWL_OK;
    }
    if (known.size > 0 && !accepted) {
        return pawl_fail(error, PAWL_DENIED,
                         "%.*s is another store now: it was %.*s, and is %.*s. Its ids are not "
                         "known to lie beyond those handed out, so nothing is asked of it; if it "
                         "is meant: %s %.*s",
                         SHOWN_MAX, stores->url, (int)known.size, known.at, store->name_size,
                         store->name, stores->how, store->name_size, store->name);
    }
    if (stores->looks) {
        (void)snprintf(stores->name, sizeof stores->name, "%s", name);
        return PAWL_OK;
    }
    if (known.size > 0) {
        (void)snprintf(stores->former, sizeof stores->former, "%.*s", (int)known.size, known.at);
        (void)snprintf(stores->name, sizeof stores->name, "%s", name);
        return PAWL_OK;
    }
    pawl_err err = enter(stores, name, text, error);

    if (err == PAWL_OK) memcpy(stores->name, name, sizeof name);
    return err;
}

pawl_err pawl_guard_stores_accept(struct pawl_guard_stores *stores,
                                  const struct pawl_identity *store, bool *known, pawl_error *error)
{
    size_t size = 0;

    *known = false;
    stores->former[0] = '\0';
    errno = 0;
    char *text = read_text(stores->path, &size);

    if (text == NULL && errno != 0) {
        return pawl_fail(error, PAWL_STORE, "cannot read %.*s: %s", SHOWN_MAX, stores->path,
                         strerror(errno));
    }
    pawl_err err = judge(stores, store, (struct pawl_bytes){text, size}, known, error);

    free(text);
    return err;
}

pawl_err pawl_guard_stores_replace(struct pawl_guard_stores *stores, pawl_error *error)
{
    size_t size = 0;

    errno = 0;
    char *text = read_text(stores->path, &size);

    if (text == NULL && errno != 0) {
        return pawl_fail(error, PAWL_STORE, "cannot read %.*s: %s", SHOWN_MAX, stores->path,
                         strerror(errno));
    }
    pawl_err err = enter(stores, stores->name, (struct pawl_bytes){text, size}, error);

    free(text);
    if (err == PAWL_OK) stores->former[0] = '\0';
    return err;
}

void pawl_guard_stores_book(const struct pawl_guard_stores *stores,
                            char text[PAWL_GUARD_NAME_BYTES])
{
    if (stores->name[0] == '\0') {
        pawl_guard_stores_url_book(stores, text);
    } else {
        memcpy(text, stores->name, sizeof stores->name);
    }
}

void pawl_guard_stores_url_book(const struct pawl_guard_stores *stores,
                                char text[PAWL_GUARD_NAME_BYTES])
{
    const struct pawl_bytes url = {stores->url, strlen(stores->url)};

    (void)snprintf(text, PAWL_GUARD_NAME_BYTES, "url.%016" PRIx64, pawl_bytes_hash(url, 0));
}

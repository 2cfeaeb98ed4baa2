/* SPDX-License-Identifier: Apache-2.0 */
#include "server/users.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/crypto.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"

enum { KNOWN_WORDS = PAWL_SCRAM_KEY_BYTES / sizeof(uint64_t) };

struct user {
    char *name; /* the globs lie behind it */
    size_t name_size, globs_size;
    enum user_role role;
    bool all; /* its patterns have a lone * */
    struct pawl_scram_verifier verifier;
    /* A keyed digest of the password, once it was given. Only the right one is ever kept, so a
     * mixture of two writes, at worst of two spellings of it, fits nothing. */
    _Atomic uint64_t known[KNOWN_WORDS];
    size_t line; /* in the file */
};

struct users {
    _Atomic uint32_t held;
    unsigned char secret[PAWL_SCRAM_KEY_BYTES]; /* the server's */
    struct user *all;                           /* by name */
    size_t count, room;
    bool exposed;
};

struct users *users_hold(struct users *users)
{
    (void)atomic_fetch_add_explicit(&users->held, 1, memory_order_relaxed);
    return users;
}

void users_drop(struct users *users)
{
    if (users == NULL) return;
    /* The last one's acquire pairs with the others' releases. */
    if (atomic_fetch_sub_explicit(&users->held, 1, memory_order_acq_rel) > 1) return;
    for (size_t i = 0; i < users->count; i++) {
        free(users->all[i].name);
    }
    free(users->all);
    OPENSSL_cleanse(users->secret, sizeof users->secret);
    free(users);
}

size_t users_count(const struct users *users)
{
    return users->count;
}

bool users_exposed(const struct users *users)
{
    return users->exposed;
}

struct pawl_bytes user_name(const struct user *user)
{
    return (struct pawl_bytes){user->name, user->name_size};
}

/* Reading. */

/* Cuts the first pattern off globs. */
static struct pawl_bytes cut_glob(struct pawl_bytes *globs)
{
    size_t size = 0;

    while (size < globs->size && globs->at[size] != ',') {
        size += 1 + (size_t)(globs->at[size] == '\\' && size + 1 < globs->size);
    }
    struct pawl_bytes glob = {globs->at, size};

    if (size < globs->size) size++;
    *globs = (struct pawl_bytes){globs->at + size, globs->size - size};
    return glob;
}

static bool add(struct users *users, const struct user_line *line, size_t number)
{
    if (users->count == users->room) {
        size_t room = users->room == 0 ? 16 : 2 * users->room;
        struct user *grown = realloc(users->all, room * sizeof *grown);

        if (grown == NULL) return false;
        users->all = grown;
        users->room = room;
    }
    char *texts = malloc(line->name.size + line->globs.size);
    if (texts == NULL) return false;
    memcpy(texts, line->name.at, line->name.size);
    memcpy(texts + line->name.size, line->globs.at, line->globs.size);

    struct user *user = &users->all[users->count++];
    struct pawl_bytes globs = line->globs;

    *user = (struct user){
        .name = texts,
        .name_size = line->name.size,
        .globs_size = line->globs.size,
        .role = line->role,
        .verifier = line->verifier,
        .line = number,
    };
    while (globs.size > 0) {
        user->all = user->all || pawl_bytes_equal(cut_glob(&globs), PAWL_BYTES("*"));
    }
    return true;
}

static int by_name(const void *a, const void *b)
{
    const struct user *left = a;
    const struct user *right = b;
    int order = pawl_bytes_order(user_name(left), user_name(right));

    return order != 0 ? order : (left->line > right->line) - (left->line < right->line);
}

static pawl_err sort(struct users *users, const char *path, pawl_error *error)
{
    if (users->count == 0) {
        return pawl_fail(error, PAWL_BAD_REQUEST,
                         "%s: it names no user: nobody could log in; pawl passwd adds one", path);
    }
    qsort(users->all, users->count, sizeof users->all[0], by_name);
    for (size_t i = 1; i < users->count; i++) {
        const struct user *user = &users->all[i];

        if (!pawl_bytes_equal(user_name(user), user_name(user - 1))) continue;
        return pawl_fail(error, PAWL_BAD_REQUEST,
                         "%s:%zu: the user %.*s stands in line %zu already", path, user->line,
                         (int)user->name_size, user->name, user[-1].line);
    }
    return PAWL_OK;
}

static pawl_err read_lines(struct users *users, const char *path, struct pawl_bytes text,
                           pawl_error *error)
{
    size_t number = 0;

    while (text.size > 0) {
        const char *end = memchr(text.at, '\n', text.size);
        size_t size = end == NULL ? text.size : (size_t)(end - text.at);
        struct user_line line;
        const char *wrong = user_line_read((struct pawl_bytes){text.at, size}, &line);

        number++;
        if (wrong == NULL && line.name.size > 0 && users->count == USERS_MAX) {
            wrong = "there are more than 10000 users";
        }
        if (wrong != NULL) {
            return pawl_fail(error, PAWL_BAD_REQUEST, "%s:%zu: %s", path, number, wrong);
        }
        if (line.name.size > 0 && !add(users, &line, number)) {
            return pawl_fail(error, PAWL_NO_MEMORY, "%s: no memory for its users", path);
        }
        size += end != NULL;
        text = (struct pawl_bytes){text.at + size, text.size - size};
    }
    return sort(users, path, error);
}

static pawl_err check_file(int file, const char *path, struct users *users, size_t *size,
                           pawl_error *error)
{
    struct stat stat;

    if (fstat(file, &stat) != 0 || !S_ISREG(stat.st_mode)) {
        return pawl_fail(error, PAWL_BAD_REQUEST, "%s: it is no regular file", path);
    }
    if ((stat.st_mode & (S_IWGRP | S_IWOTH)) != 0) {
        return pawl_fail(error, PAWL_BAD_REQUEST,
                         "%s: others may write to it, and so make themselves an admin: chmod "
                         "go-w %s",
                         path, path);
    }
    if (stat.st_uid != geteuid() && stat.st_uid != 0) {
        return pawl_fail(error, PAWL_BAD_REQUEST,
                         "%s: it belongs to another user (uid %lu), who may change it: chown it to "
                         "the one that pawld runs as, or to root",
                         path, (unsigned long)stat.st_uid);
    }
    if (stat.st_size > USERS_FILE_BYTES_MAX) {
        return pawl_fail(error, PAWL_BAD_REQUEST, "%s: it is larger than 16 MiB", path);
    }
    users->exposed = (stat.st_mode & S_IROTH) != 0;
    *size = (size_t)stat.st_size;
    return PAWL_OK;
}

/* All of it, size bytes; the rest of one that shrank meanwhile is not there. NULL: error says why.
 */
static char *read_text(int file, const char *path, size_t *size, pawl_error *error)
{
    char *text = malloc(*size + 1);
    size_t got = 0;

    if (text == NULL) {
        (void)pawl_fail(error, PAWL_NO_MEMORY, "%s: no memory to read it", path);
        return NULL;
    }
    while (got < *size) {
        ssize_t more = read(file, text + got, *size - got);

        if (more < 0 && errno == EINTR) continue;
        if (more == 0) break;
        if (more < 0) {
            (void)pawl_fail(error, PAWL_BAD_REQUEST, "%s: it cannot be read: %s", path,
                            strerrordesc_np(errno));
            free(text);
            return NULL;
        }
        got += (size_t)more;
    }
    *size = got;
    return text;
}

static pawl_err read_file(struct users *users, const char *path, pawl_error *error)
{
    size_t size = 0;
    int file = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);

    if (file < 0) {
        return pawl_fail(error, PAWL_BAD_REQUEST, "%s: it cannot be opened: %s", path,
                         strerrordesc_np(errno));
    }
    pawl_err err = check_file(file, path, users, &size, error);
    char *text = err == PAWL_OK ? read_text(file, path, &size, error) : NULL;
    (void)close(file);
    if (text == NULL) return error->code;
    err = read_lines(users, path, (struct pawl_bytes){text, size}, error);
    free(text);
    return err;
}

pawl_err users_read(struct users **users, const char *path, const struct users *before,
                    pawl_error *error)
{
    struct users *made = calloc(1, sizeof *made);

    if (made == NULL) return pawl_fail(error, PAWL_NO_MEMORY, "no memory for users");
    atomic_init(&made->held, 1);
    if (before != NULL) {
        memcpy(made->secret, before->secret, sizeof made->secret);
    } else {
        pawl_entropy(made->secret, sizeof made->secret);
    }
    pawl_err err = read_file(made, path, error);
    if (err != PAWL_OK) {
        users_drop(made);
        return err;
    }
    *users = made;
    return PAWL_OK;
}

/* Looking. */

static struct user *find(const struct users *users, struct pawl_bytes name)
{
    size_t low = 0;
    size_t high = users->count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        struct user *user = &users->all[middle];
        int order = pawl_bytes_order(name, user_name(user));

        if (order == 0) return user;
        if (order < 0) high = middle;
        if (order > 0) low = middle + 1;
    }
    return NULL;
}

const struct user *users_find(const struct users *users, struct pawl_bytes name)
{
    return find(users, name);
}

const struct user *users_again(const struct users *users, const struct user *user)
{
    const struct user *found = users_find(users, user_name(user));

    if (found == NULL) return NULL;
    return pawl_scram_verifier_equal(&found->verifier, &user->verifier) ? found : NULL;
}

bool users_may(const struct user *user, enum user_role role, struct pawl_bytes name)
{
    struct pawl_bytes globs = {user->name + user->name_size, user->globs_size};

    if (role > user->role) return false;
    if (user->all || name.size == 0) return true;
    while (globs.size > 0) {
        if (pawl_glob_match(cut_glob(&globs), name)) return true;
    }
    return false;
}

void users_verifier(const struct users *users, struct pawl_bytes name,
                    struct pawl_scram_verifier *verifier)
{
    const struct user *user = users_find(users, name);

    if (user != NULL) {
        *verifier = user->verifier;
    } else {
        /* From the file, so that what an unknown user is asked is the same after a restart. */
        const struct user *first = &users->all[0];
        unsigned char secret[PAWL_SCRAM_KEY_BYTES];

        pawl_scram_hmac(secret, first->verifier.server_key, PAWL_BYTES("of users that are none"));
        pawl_scram_verifier_mock(verifier, &first->verifier, secret, name);
        OPENSSL_cleanse(secret, sizeof secret);
    }
}

/* The digest by which a password is known again. */
static void digest(const struct users *users, const struct user *user, struct pawl_bytes password,
                   uint64_t words[KNOWN_WORDS])
{
    unsigned char key[PAWL_SCRAM_KEY_BYTES];
    unsigned char mac[PAWL_SCRAM_KEY_BYTES];

    pawl_scram_hmac(key, users->secret, user_name(user));
    pawl_scram_hmac(mac, key, password);
    memcpy(words, mac, sizeof mac);
}

static bool is_known(const struct user *user, const uint64_t words[KNOWN_WORDS])
{
    uint64_t differs = 0;
    uint64_t any = 0;

    for (size_t i = 0; i < KNOWN_WORDS; i++) {
        uint64_t word = atomic_load_explicit(&user->known[i], memory_order_relaxed);

        differs |= word ^ words[i];
        any |= word;
    }
    return differs == 0 && any != 0;
}

const struct user *users_check(const struct users *users, struct pawl_bytes name,
                               struct pawl_bytes password)
{
    struct user *user = find(users, name);
    uint64_t words[KNOWN_WORDS];
    struct pawl_scram_verifier verifier;

    users_verifier(users, name, &verifier);
    if (user == NULL) {
        (void)pawl_scram_password_fits(&verifier, password);
        return NULL;
    }
    digest(users, user, password, words);
    if (is_known(user, words)) return user;
    if (!pawl_scram_password_fits(&verifier, password)) return NULL;
    for (size_t i = 0; i < KNOWN_WORDS; i++) {
        atomic_store_explicit(&user->known[i], words[i], memory_order_relaxed);
    }
    return user;
}

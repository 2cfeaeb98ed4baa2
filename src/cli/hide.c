/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/hide.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "base/base.h"

/* A password within a word: it is told by what stands before it, from the scheme on. */
struct secret {
    const char *from; /* "redis://user:" */
    const char *at, *end;
};

static const char *scheme_begin(const char *word, const char *mark)
{
    while (mark > word && (isalnum((unsigned char)mark[-1]) != 0 || mark[-1] == '+')) {
        mark--;
    }
    return mark;
}

static bool is_number(const char *at, const char *end)
{
    while (at < end && isdigit((unsigned char)*at) != 0) {
        at++;
    }
    return at == end;
}

/*
 * Where a user and a password stand; or a port that is no number: what was meant as a password of a
 * URL that lacks its host. mark: a "://" of the word.
 */
static bool find_login(const char *word, const char *mark, struct secret *secret)
{
    const char *rest = mark + strlen("://");
    const char *colon = strchr(rest, ':');
    const char *at = strrchr(rest, '@');

    if (colon == NULL) return false;
    *secret = (struct secret){scheme_begin(word, mark), colon + 1, at};
    if (at != NULL) return colon < at;
    secret->end = colon + 1 + strcspn(colon + 1, ",/?#");
    return rest[0] != '[' && !is_number(secret->at, secret->end);
}

/* The value of the next password= or sslpassword= from *after on. */
static bool find_option(const char *word, const char **after, struct secret *secret)
{
    const char *key = strstr(*after, "password=");

    if (key == NULL || strchr(word, '?') == NULL) return false;
    *secret = (struct secret){.from = key, .at = key + strlen("password=")};
    secret->end = secret->at + strcspn(secret->at, "&");
    *after = secret->end;
    return true;
}

static size_t alike(const char *a, const char *b, const char *b_end)
{
    size_t size = 0;

    while (a[size] != '\0' && b + size < b_end && a[size] == b[size]) {
        size++;
    }
    return size;
}

/* How much of text, which begins with what stands before the secret, is to be stars. */
static size_t shown_of(const char *text, const struct secret *secret, size_t *before)
{
    *before = (size_t)(secret->at - secret->from);
    if (strncmp(text, secret->from, *before) != 0) return 0;
    return alike(text + *before, secret->at, secret->end);
}

static size_t shown_of_word(const char *text, const char *word, size_t *before)
{
    struct secret secret;
    const char *after = word;
    size_t size = 0;

    for (const char *mark = strstr(word, "://"); size == 0 && mark != NULL;
         mark = strstr(mark + 1, "://")) { /* an option may hold another URL */
        if (find_login(word, mark, &secret)) size = shown_of(text, &secret, before);
    }
    while (size == 0 && find_option(word, &after, &secret)) {
        size = shown_of(text, &secret, before);
    }
    return size;
}

const char *hide_passwords(char *to, size_t room, const char *text, char *const *words,
                           const char *url)
{
    size_t used = 0;

    PAWL_ASSERT(room > 0);
    while (*text != '\0' && used + 1 < room) {
        size_t before = 0;
        size_t size = url == NULL ? 0 : shown_of_word(text, url, &before);

        for (char *const *word = words; size == 0 && word != NULL && *word != NULL; word++) {
            size = shown_of_word(text, *word, &before);
        }
        if (size == 0) {
            to[used++] = *text++;
            continue;
        }
        int put = snprintf(to + used, room - used, "%.*s***", (int)before, text);

        used += put > 0 ? (size_t)put : 0;
        text += before + size;
    }
    to[used < room ? used : room - 1] = '\0';
    return to;
}

bool hide_is_url(const char *word)
{
    return strstr(word, "://") != NULL || strncmp(word, "lmdb:", strlen("lmdb:")) == 0 ||
           strcmp(word, "memory:") == 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* What the cases of conformance are written with. */
#include "conformance.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct trial_word {
    struct trial_word *next;
    char text[];
};

void trial_fail(struct trial *trial, const char *expected, const char *file, int line)
{
    int scheme = (int)strcspn(trial->url, ":");

    trial->failed = true;
    (void)fprintf(stderr, "%s:%d: on %.*s, names %s*, expected: %s\n", file, line, scheme,
                  trial->url, trial->prefix, expected);
}

bool trial_open_more(struct trial *trial, size_t count)
{
    while (trial->store_count < count) {
        struct pawl_source **store = &trial->stores[trial->store_count];
        pawl_error error = {0};

        trial->options.seed = pawl_random(&trial->random);
        if (pawl_store_open(trial->url, &trial->options, store, &error) != PAWL_OK) {
            trial_fail(trial, error.text, __FILE__, __LINE__);
            return false;
        }
        trial->store_count++;
    }
    trial->store = trial->stores[0];
    return true;
}

static void close_all(struct trial *trial)
{
    while (trial->store_count > 0) {
        struct pawl_source *store = trial->stores[--trial->store_count];

        store->ops->close(store);
    }
    trial->store = NULL;
}

bool trial_reopen(struct trial *trial)
{
    close_all(trial);
    return trial_open_more(trial, 1);
}

void trial_end(struct trial *trial)
{
    close_all(trial);
    while (trial->words != NULL) {
        struct trial_word *next = trial->words->next;

        free(trial->words);
        trial->words = next;
    }
}

const char *trial_name(struct trial *trial, const char *word)
{
    size_t size = strlen(trial->prefix) + strlen(word) + 1;
    struct trial_word *made = malloc(sizeof *made + size);

    if (made == NULL) abort();
    (void)snprintf(made->text, size, "%s%s", trial->prefix, word);
    made->next = trial->words;
    trial->words = made;
    return made->text;
}

struct deed trial_deed(struct trial *trial, enum pawl_ask_kind kind, const char *word)
{
    return drive_deed(kind, trial_name(trial, word));
}

pawl_err trial_create(struct trial *trial, const char *word, const pawl_definition *definition)
{
    return drive_create(trial->store, trial_name(trial, word), definition);
}

pawl_err trial_take(struct trial *trial, const char *word, uint64_t count, struct pawl_grant *grant)
{
    return drive_take(trial->store, trial_name(trial, word), count, grant);
}

pawl_err trial_next(struct trial *trial, const char *word, uint64_t count, struct pawl_grant *grant)
{
    return drive_next(trial->store, trial_name(trial, word), count, grant);
}

pawl_err trial_read(struct trial *trial, const char *word, struct pawl_record *record)
{
    return drive_read(trial->store, trial_name(trial, word), record);
}

pawl_err trial_alter(struct trial *trial, const char *word, const pawl_definition *definition)
{
    struct deed deed = trial_deed(trial, PAWL_ASK_ALTER, word);

    deed.ask.definition = definition;
    return drive(trial->store, &deed);
}

pawl_err trial_set(struct trial *trial, const char *word, int64_t id, bool force)
{
    struct deed deed = trial_deed(trial, PAWL_ASK_SET, word);

    deed.ask.value = id;
    deed.ask.force = force;
    return drive(trial->store, &deed);
}

pawl_err trial_drop(struct trial *trial, const char *word)
{
    struct deed deed = trial_deed(trial, PAWL_ASK_DROP, word);

    return drive(trial->store, &deed);
}

pawl_err trial_fence(struct trial *trial, const char *word, uint64_t skip)
{
    struct deed deed = trial_deed(trial, PAWL_ASK_FENCE, word);

    deed.ask.count = skip;
    return drive(trial->store, &deed);
}

pawl_err trial_return(struct trial *trial, const char *word, const struct pawl_grant *grant,
                      int64_t first)
{
    struct deed deed = trial_deed(trial, PAWL_ASK_RETURN, word);

    deed.ask.value = first;
    deed.ask.lease = grant->lease;
    deed.ask.epoch = grant->epoch;
    return drive(trial->store, &deed);
}

struct listing {
    struct pawl_page page;
    struct pawl_name *names;
    size_t count, room;
};

static void listed(struct pawl_page *page, const struct pawl_record *record)
{
    struct listing *listing = PAWL_OWNER(page, struct listing, page);

    if (listing->count == listing->room) {
        listing->room = listing->room * 2 + 64;
        listing->names = realloc(listing->names, listing->room * sizeof *listing->names);
        if (listing->names == NULL) abort();
    }
    listing->names[listing->count++] = record->name;
}

static int by_name(const void *a, const void *b)
{
    return pawl_bytes_order(pawl_name_bytes(a), pawl_name_bytes(b));
}

/* A shared store's order may be its own, but each comes once. */
static bool each_once(struct trial *trial, struct listing *listing)
{
    if ((trial->can & NEEDS_SHARING) && listing->count > 0) {
        qsort(listing->names, listing->count, sizeof *listing->names, by_name);
    }
    for (size_t i = 1; i < listing->count; i++) {
        if (by_name(&listing->names[i - 1], &listing->names[i]) >= 0) return false;
    }
    return true;
}

size_t trial_list(struct trial *trial, const char *glob, uint32_t page_count)
{
    char whole[PAWL_NAME_BYTES_MAX];
    int size = snprintf(whole, sizeof whole, "%s%s", trial->prefix, glob);
    struct listing listing = {
        .page = {.glob = {whole, (size_t)size}, .count_max = page_count, .each = listed}};
    struct deed deed = drive_deed(PAWL_ASK_LIST, "");
    size_t before = 0;

    deed.ask.page = &listing.page;
    do {
        before = listing.count;
        if (drive(trial->store, &deed) != PAWL_OK) {
            trial_fail(trial, deed.ask.error.text, __FILE__, __LINE__);
            break;
        }
    } while (listing.page.more && listing.count - before <= page_count);
    bool good = deed.ask.error.code == PAWL_OK && listing.count - before <= page_count &&
                each_once(trial, &listing);

    free(listing.names);
    return good ? listing.count : SIZE_MAX;
}

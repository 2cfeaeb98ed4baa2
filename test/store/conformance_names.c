/* SPDX-License-Identifier: Apache-2.0 */
/* Names of any kind, ten thousand of them, listed. */
#include "conformance.h"

#include <stdio.h>
#include <string.h>

static bool keeps_name(struct trial *trial, const char *name)
{
    pawl_definition definition = {.given = PAWL_GIVEN_IF_NOT_EXISTS};
    struct pawl_record record = {0};

    return drive_create(trial->store, name, &definition) == PAWL_OK &&
           drive_read(trial->store, name, &record) == PAWL_OK && record.name.size == strlen(name) &&
           memcmp(record.name.at, name, record.name.size) == 0;
}

/* As they are, and behind the case's prefix, where nobody made them before. */
static void takes_any_good_name(struct trial *trial)
{
    static const char *const good[] = {"a",
                                       " ",
                                       "shop/orders#1",
                                       "it's \"quoted\"",
                                       "{tag}[1]?*\\",
                                       "%s%n&a=b;--",
                                       "\xc3\xbc\xe2\x82\xac\xf0\x9f\x90\xbe",
                                       "..",
                                       "/",
                                       "__proto__"};

    for (size_t i = 0; i < PAWL_COUNT(good); i++) {
        const char *own = trial_name(trial, good[i]);

        EXPECT(keeps_name(trial, good[i]));
        EXPECT(drive_read(trial->store, own, NULL) == PAWL_NO_SEQUENCE);
        EXPECT(keeps_name(trial, own));
    }
    EXPECT(trial_create(trial, "upper", NULL) == PAWL_OK);
    EXPECT(trial_create(trial, "Upper", NULL) == PAWL_OK);
    EXPECT(trial_create(trial, "upper ", NULL) == PAWL_OK);
    EXPECT(trial_list(trial, "*", 100) == PAWL_COUNT(good) + 3);
}

/* 255 bytes that differ in the last one only. */
static void takes_the_longest_names(struct trial *trial)
{
    static const char *const fill[] = {"\xe2\x82\xac", "/", "#", "\"", "'", "{", "}", "%"};
    struct pawl_grant grant;

    for (size_t i = 0; i < PAWL_COUNT(fill); i++) {
        char longest[PAWL_NAME_BYTES_MAX + 1];
        size_t size = strlen(trial->prefix);

        memcpy(longest, trial->prefix, size);
        while (size + strlen(fill[i]) < PAWL_NAME_BYTES_MAX) {
            memcpy(longest + size, fill[i], strlen(fill[i]));
            size += strlen(fill[i]);
        }
        memset(longest + size, 'a', sizeof longest - size);
        longest[PAWL_NAME_BYTES_MAX] = '\0';
        EXPECT(drive_create(trial->store, longest, NULL) == PAWL_OK);
        EXPECT(drive_take(trial->store, longest, 5, &grant) == PAWL_OK);
        longest[PAWL_NAME_BYTES_MAX - 1] = 'b';
        EXPECT(drive_create(trial->store, longest, NULL) == PAWL_OK);
        EXPECT(drive_create(trial->store, longest, NULL) == PAWL_EXISTS);
        EXPECT(drive_take(trial->store, longest, 1, &grant) == PAWL_OK);
        EXPECT(grant.range.first == 1);
    }
    EXPECT(trial_list(trial, "*", 3) == 2 * PAWL_COUNT(fill));
}

static void refuses_bad_names(struct trial *trial)
{
    static const char *const bad[] = {"a\nb", "\x7f", "\xc3", "\xff", "\xed\xa0\x80", "\xc2\x80"};
    struct pawl_grant grant;

    for (size_t i = 0; i < PAWL_COUNT(bad); i++) {
        EXPECT(trial_create(trial, bad[i], NULL) == PAWL_BAD_REQUEST);
        EXPECT(trial_take(trial, bad[i], 1, &grant) == PAWL_BAD_REQUEST);
        EXPECT(trial_read(trial, bad[i], NULL) == PAWL_BAD_REQUEST);
    }
}

enum { LISTED = 10000, AT_ONCE = 50, DROPPED_EACH = 10, LIST_NAME_MAX = 24 };

static void list_name(char name[LIST_NAME_MAX], unsigned number)
{
    (void)snprintf(name, LIST_NAME_MAX, "list/%04x", number * 40503U & 0xffffU);
}

static void lists_by_pages(struct trial *trial)
{
    static struct deed deeds[LISTED];
    static char words[LISTED][LIST_NAME_MAX];
    size_t dropped = 0;

    EXPECT(trial_list(trial, "*", 10) == 0);
    for (unsigned i = 0; i < LISTED; i++) {
        list_name(words[i], i);
        deeds[i] = trial_deed(trial, PAWL_ASK_CREATE, words[i]);
    }
    for (size_t i = 0; i < LISTED; i += AT_ONCE) {
        drive_all(trial->store, deeds + i, AT_ONCE);
    }
    for (size_t i = 0; i < LISTED; i++) {
        EXPECT(deeds[i].ask.error.code == PAWL_OK);
    }
    for (size_t i = 0; i < LISTED; i += DROPPED_EACH) {
        deeds[dropped++] = trial_deed(trial, PAWL_ASK_DROP, words[i]);
    }
    for (size_t i = 0; i < dropped; i += AT_ONCE) {
        drive_all(trial->store, deeds + i, AT_ONCE);
    }
    for (size_t i = 0; i < dropped; i++) {
        EXPECT(deeds[i].ask.error.code == PAWL_OK);
    }
    EXPECT(trial_list(trial, "*", 1000) == LISTED - dropped);
    EXPECT(trial_list(trial, "*", 97) == LISTED - dropped);
    EXPECT(trial_list(trial, "list/*", LISTED * 2) == LISTED - dropped);
    EXPECT(trial_list(trial, "nothing*", 100) == 0);

    size_t halves = trial_list(trial, "list/[0-7]*", 999) + trial_list(trial, "list/[89a-f]*", 999);

    EXPECT(halves == LISTED - dropped);
    EXPECT(trial_list(trial, words[1], 100) == 1);
}

const struct conformance_case conformance_names[] = {
    {"takes any good name", takes_any_good_name, NEEDS_RECORD},
    {"takes names of 255 bytes", takes_the_longest_names, NEEDS_RECORD},
    {"refuses bad names", refuses_bad_names, 0},
    {"lists 10,000 names by pages, by glob, each once", lists_by_pages, NEEDS_RECORD},
    {.name = NULL},
};

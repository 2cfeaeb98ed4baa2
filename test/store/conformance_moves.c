/* SPDX-License-Identifier: Apache-2.0 */
/* Sequences that leave for another store and arrive from one: each step once, however often asked;
 * and those that come back from a backup, each time further on. */
#include "conformance.h"

#include <string.h>

static const char destination[] = "lmdb:/srv/größe \"b\"#0123456789abcdef";

static struct pawl_ask leave(struct trial *trial, const char *word, const char *to,
                             struct pawl_record *came)
{
    struct deed deed = trial_deed(trial, PAWL_ASK_LEAVE, word);

    *came = (struct pawl_record){.branch_size = (uint8_t)strlen(to)};
    memcpy(came->branch, to, strlen(to));
    deed.ask.record = came;
    (void)drive(trial->store, &deed);
    return deed.ask;
}

static struct pawl_ask arrive(struct trial *trial, const char *word, struct pawl_record *came)
{
    struct deed deed = trial_deed(trial, PAWL_ASK_ARRIVE, word);

    deed.ask.record = came;
    (void)drive(trial->store, &deed);
    return deed.ask;
}

/* As if it had left under the case's name for word, elsewhere. */
static struct pawl_record renamed(struct trial *trial, const struct pawl_record *came,
                                  const char *word)
{
    const char *name = trial_name(trial, word);
    struct pawl_record copy = *came;

    copy.name = (struct pawl_name){.size = (uint8_t)strlen(name)};
    memcpy(copy.name.at, name, strlen(name));
    if (copy.moved_to.size > 0) copy.moved_to = copy.name;
    return copy;
}

static pawl_err look(struct trial *trial, const char *word, struct pawl_record *record)
{
    struct deed deed = trial_deed(trial, PAWL_ASK_READ, word);

    deed.ask.force = true;
    deed.ask.record = record;
    return drive(trial->store, &deed);
}

static void leaves_once(struct trial *trial)
{
    struct pawl_grant grant;
    struct pawl_record came;
    struct pawl_record again;
    struct pawl_record there;

    EXPECT(leave(trial, "orders", "elsewhere", &came).error.code == PAWL_NO_SEQUENCE);
    EXPECT(trial_create(trial, "orders", NULL) == PAWL_OK);
    EXPECT(trial_take(trial, "orders", 40, &grant) == PAWL_OK);
    EXPECT(leave(trial, "orders", destination, &came).error.code == PAWL_OK);
    EXPECT(pawl_record_has_left(&came) && came.next == 41 && came.line == grant.line);
    EXPECT(came.epoch > grant.epoch);
    EXPECT(leave(trial, "orders", destination, &again).error.code == PAWL_OK);
    EXPECT(again.epoch == came.epoch && again.tag == came.tag && again.version == came.version);
    EXPECT(look(trial, "orders", &there) == PAWL_OK);
    EXPECT(pawl_record_has_left(&there) && there.tag == came.tag && there.next == 41);
    EXPECT(there.branch_size == strlen(destination));
    EXPECT(memcmp(there.branch, destination, strlen(destination)) == 0);
    EXPECT(leave(trial, "orders", "elsewhere", &again).error.code == PAWL_DENIED);
}

static void gives_nothing_of_what_has_left(struct trial *trial)
{
    struct pawl_grant grant;
    struct pawl_grant more;
    struct pawl_record came;
    struct deed take = trial_deed(trial, PAWL_ASK_TAKE, "orders");
    struct deed drop = trial_deed(trial, PAWL_ASK_DROP, "orders");

    EXPECT(trial_create(trial, "orders", NULL) == PAWL_OK);
    EXPECT(trial_take(trial, "orders", 10, &grant) == PAWL_OK);
    EXPECT(leave(trial, "orders", destination, &came).error.code == PAWL_OK);
    take.ask.count = 1;
    EXPECT(drive(trial->store, &take) == PAWL_NO_SEQUENCE);
    EXPECT(strstr(take.ask.error.text, PAWL_LEFT_WORDS) != NULL);
    EXPECT(trial_next(trial, "orders", 1, &more) == PAWL_NO_SEQUENCE);
    EXPECT(trial_return(trial, "orders", &grant, 5) == PAWL_NOT_KEPT);
    EXPECT(trial_set(trial, "orders", 100, true) == PAWL_NO_SEQUENCE);
    EXPECT(trial_create(trial, "orders", NULL) == PAWL_DENIED);
    EXPECT(trial_drop(trial, "orders") == PAWL_DENIED);
    drop.ask.force = true;
    EXPECT(drive(trial->store, &drop) == PAWL_OK);
    EXPECT(trial_create(trial, "orders", NULL) == PAWL_OK);
    EXPECT(trial_take(trial, "orders", 1, &more) == PAWL_OK && more.line > came.epoch);
}

static void arrives_once(struct trial *trial)
{
    pawl_definition definition = {.given = PAWL_GIVEN_START | PAWL_GIVEN_INCREMENT |
                                           PAWL_GIVEN_MAX | PAWL_GIVEN_BLOCK,
                                  .start = 2000000000,
                                  .increment = 3,
                                  .max = 3000000000,
                                  .block = 500};
    struct pawl_grant grant;
    struct pawl_record came;
    struct pawl_record there;
    struct pawl_record again;

    EXPECT(trial_create(trial, "old", &definition) == PAWL_OK);
    EXPECT(trial_take(trial, "old", 500, &grant) == PAWL_OK);
    EXPECT(leave(trial, "old", destination, &came).error.code == PAWL_OK);
    came = renamed(trial, &came, "new");

    struct pawl_ask first = arrive(trial, "new", &came);

    EXPECT(first.error.code == PAWL_OK && first.grant.line == came.line);
    EXPECT(trial_read(trial, "new", &there) == PAWL_OK);
    EXPECT(there.epoch == first.grant.epoch && there.epoch > came.epoch);
    EXPECT(there.line == came.line && there.next == 2000001500 && there.block == 500);
    EXPECT(there.increment == 3 && there.max == 3000000000 && there.start == 2000000000);
    EXPECT(there.moved_to.size == 0);
    /* Not where it came from left for, but its new store's branch, if that tells one. */
    EXPECT(there.branch_size != came.branch_size ||
           memcmp(there.branch, came.branch, came.branch_size) != 0);
    EXPECT(arrive(trial, "new", &came).grant.epoch == there.epoch);
    EXPECT(trial_read(trial, "new", &again) == PAWL_OK && again.tag == there.tag);
    EXPECT(trial_take(trial, "new", 500, &grant) == PAWL_OK);
    EXPECT(grant.range.first == 2000001500);
    EXPECT(arrive(trial, "new", &came).error.code == PAWL_OK);
    EXPECT(trial_read(trial, "new", &again) == PAWL_OK && again.next == 2000003000);
    EXPECT(trial_drop(trial, "new") == PAWL_OK);
    EXPECT(arrive(trial, "new", &came).error.code == PAWL_OK);
    EXPECT(trial_read(trial, "new", &again) == PAWL_NO_SEQUENCE);
}

static void arrives_beside_no_other(struct trial *trial)
{
    struct pawl_record came;
    struct pawl_record before;
    struct pawl_record after;

    EXPECT(trial_create(trial, "old", NULL) == PAWL_OK);
    EXPECT(trial_create(trial, "new", NULL) == PAWL_OK);
    EXPECT(trial_read(trial, "new", &before) == PAWL_OK);
    EXPECT(leave(trial, "old", destination, &came).error.code == PAWL_OK);
    came = renamed(trial, &came, "new");
    EXPECT(arrive(trial, "new", &came).error.code == PAWL_EXISTS);
    EXPECT(trial_read(trial, "new", &after) == PAWL_OK && after.tag == before.tag);
    EXPECT(arrive(trial, "orders", &came).error.code == PAWL_BAD_REQUEST);
}

static void copies_what_was_dropped(struct trial *trial)
{
    struct pawl_record came;
    struct pawl_record there;

    EXPECT(trial_create(trial, "old", NULL) == PAWL_OK);
    EXPECT(trial_drop(trial, "old") == PAWL_OK);
    EXPECT(leave(trial, "old", destination, &came).error.code == PAWL_OK);
    EXPECT(came.dropped && !pawl_record_has_left(&came));
    came = renamed(trial, &came, "new");

    struct pawl_ask ask = arrive(trial, "new", &came);

    EXPECT(ask.error.code == PAWL_OK && ask.grant.epoch == 0);
    EXPECT(look(trial, "new", &there) == PAWL_OK);
    EXPECT(there.dropped && !pawl_record_has_left(&there) && there.epoch > came.epoch);
    EXPECT(trial_create(trial, "new", NULL) == PAWL_OK);
    EXPECT(trial_read(trial, "new", &there) == PAWL_OK && there.line > came.epoch);
}

static void comes_back(struct trial *trial)
{
    struct pawl_grant grant;
    struct pawl_record came;

    EXPECT(trial_create(trial, "orders", NULL) == PAWL_OK);
    EXPECT(trial_take(trial, "orders", 10, &grant) == PAWL_OK);
    EXPECT(leave(trial, "orders", destination, &came).error.code == PAWL_OK);
    EXPECT(arrive(trial, "orders", &came).error.code == PAWL_OK);
    EXPECT(trial_take(trial, "orders", 10, &grant) == PAWL_OK);
    EXPECT(grant.range.first == 11 && grant.line == came.line);
}

static void remembers_what_has_left(struct trial *trial)
{
    struct pawl_record came;
    struct pawl_record there;

    EXPECT(trial_create(trial, "orders", NULL) == PAWL_OK);
    EXPECT(leave(trial, "orders", destination, &came).error.code == PAWL_OK);
    EXPECT(trial_reopen(trial));
    EXPECT(look(trial, "orders", &there) == PAWL_OK);
    EXPECT(pawl_record_has_left(&there) && there.tag == came.tag);
    EXPECT(trial_create(trial, "orders", NULL) == PAWL_DENIED);
}

static struct pawl_ask restore(struct trial *trial, const char *word, struct pawl_record *came,
                               uint64_t count)
{
    struct deed deed = trial_deed(trial, PAWL_ASK_RESTORE, word);

    deed.ask.record = came;
    deed.ask.count = count;
    (void)drive(trial->store, &deed);
    return deed.ask;
}

static void comes_back_from_a_backup(struct trial *trial)
{
    struct pawl_grant grant;
    struct pawl_record came;
    struct pawl_record there;

    EXPECT(trial_create(trial, "old", NULL) == PAWL_OK);
    EXPECT(trial_take(trial, "old", 40, &grant) == PAWL_OK);
    EXPECT(trial_read(trial, "old", &came) == PAWL_OK);
    came = renamed(trial, &came, "new");

    struct pawl_ask first = restore(trial, "new", &came, 100);

    EXPECT(first.error.code == PAWL_OK && first.burned == 100);
    EXPECT(first.grant.range.first == 141 && first.grant.line == came.line);
    EXPECT(trial_read(trial, "new", &there) == PAWL_OK);
    EXPECT(there.epoch == first.grant.epoch && there.epoch > came.epoch && there.next == 141);
    EXPECT(trial_take(trial, "new", 10, &grant) == PAWL_OK && grant.range.first == 141);
    EXPECT(restore(trial, "new", &came, 100).grant.range.first == 251);
    EXPECT(trial_return(trial, "new", &grant, 150) == PAWL_NOT_KEPT);
    EXPECT(restore(trial, "new", &came, INT64_MAX).error.code == PAWL_LIMIT);
    EXPECT(trial_take(trial, "new", 10, &grant) == PAWL_OK && grant.range.first == 251);
}

static void brings_back_what_was_dropped_and_what_was_renamed(struct trial *trial)
{
    struct pawl_record came;
    struct pawl_record gone;
    struct pawl_record there;

    EXPECT(trial_create(trial, "old", NULL) == PAWL_OK);
    EXPECT(trial_read(trial, "old", &came) == PAWL_OK);
    EXPECT(trial_drop(trial, "old") == PAWL_OK);
    EXPECT(look(trial, "old", &gone) == PAWL_OK);
    EXPECT(restore(trial, "old", &came, 7).grant.range.first == 8);
    EXPECT(trial_read(trial, "old", &there) == PAWL_OK && there.epoch > gone.epoch);
    gone = renamed(trial, &gone, "new");
    gone.moved_to = came.name;
    gone.branch_size = 0; /* its rename is over */
    EXPECT(restore(trial, "new", &gone, 7).grant.epoch == 0);
    EXPECT(look(trial, "new", &there) == PAWL_OK && there.dropped);
    EXPECT(pawl_bytes_equal(pawl_name_bytes(&there.moved_to), pawl_name_bytes(&came.name)));
    came = renamed(trial, &came, "new");
    EXPECT(restore(trial, "new", &came, 7).error.code == PAWL_EXISTS);
}

const struct conformance_case conformance_moves[] = {
    {"leaves for another store, once", leaves_once, NEEDS_RECORD},
    {"gives nothing of what has left", gives_nothing_of_what_has_left, NEEDS_RECORD},
    {"arrives from another store, once", arrives_once, NEEDS_RECORD},
    {"arrives beside no other of its name", arrives_beside_no_other, NEEDS_RECORD},
    {"copies what was dropped", copies_what_was_dropped, NEEDS_RECORD},
    {"comes back", comes_back, NEEDS_RECORD},
    {"remembers what has left", remembers_what_has_left, NEEDS_RECORD | NEEDS_MEMORY},
    {"comes back from a backup, further on", comes_back_from_a_backup, NEEDS_RECORD},
    {"brings back what was dropped", brings_back_what_was_dropped_and_what_was_renamed,
     NEEDS_RECORD},
    {.name = NULL},
};

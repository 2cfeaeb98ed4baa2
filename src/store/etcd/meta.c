/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The store's branch, which stands in a key of its own. Every put is conditional on it: who has not
 * heard that the store went back is refused once somebody has, and looks here.
 */
#include "store/etcd/etcd.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"

enum { DRAWS_MAX = 8 }; /* of one look, against others' */

#define AGAIN_NS (2 * PAWL_NS_PER_S) /* after which a right may have been given */

void pawl_etcd_went_back(struct etcd *etcd)
{
    etcd->meta.state = ETCD_META_UNSEEN;
    etcd->meta.back = true;
    etcd->meta.backs++;
}

struct pawl_identity pawl_etcd_identity(const struct etcd *etcd)
{
    struct pawl_identity identity = {.position = etcd->revision};

    if (etcd->cluster_id == 0) return identity;
    identity.name_size =
        (uint8_t)pawl_etcd_store_name(identity.name, etcd->cluster_id, etcd->settings.prefix);
    if (etcd->meta.state == ETCD_META_KNOWN) identity.branch = pawl_tag_branch(&etcd->meta.tag);
    return identity;
}

static void look_end(struct etcd_look *look)
{
    free(look->body);
    look->body = NULL;
    look->done(look); /* after which it may be gone */
}

static void look_fail(struct etcd_look *look, const pawl_error *error)
{
    look->error = *error;
    look_end(look);
}

/*
 * The user may not have that key: records are not compared with it then. But who knew the branch,
 * and has lost the right to it, does not write without that condition.
 */
static void go_without(struct etcd_look *look, const char *why)
{
    struct etcd_meta *meta = &look->etcd->meta;
    char text[600];

    meta->again_ns = pawl_clock_ns() + AGAIN_NS;
    if (meta->tag.number != 0) {
        meta->state = ETCD_META_UNSEEN;
        (void)pawl_fail(&look->error, PAWL_DENIED,
                        "the store's branch, in the key %.*s/, was known and cannot be read any "
                        "more, so nothing is written: %.300s",
                        (int)look->etcd->settings.prefix.size, look->etcd->settings.prefix.at, why);
        look_end(look);
        return;
    }
    if (!meta->was_without) {
        pawl_log(PAWL_LOG_WARN, "restored backups will not be noticed", "store=etcd why=%s",
                 pawl_log_quote(text, sizeof text, (struct pawl_bytes){why, strlen(why)}));
    }
    meta->was_without = true;
    meta->back = false;
    meta->state = ETCD_META_WITHOUT;
    look_end(look);
}

static void look_begin(struct etcd_look *look);

static void keep(struct etcd_look *look, const struct pawl_tag *tag, struct pawl_bytes value)
{
    struct etcd_meta *meta = &look->etcd->meta;

    if (look->backs != meta->backs) { /* once more, since this was asked */
        look_begin(look);
        return;
    }
    PAWL_ASSERT(value.size <= sizeof meta->value);
    if (meta->was_without) {
        pawl_log(PAWL_LOG_INFO, "restored backups will be noticed from now on",
                 "store=etcd branch=%" PRIu64, tag->number);
    }
    meta->was_without = false;
    meta->state = ETCD_META_KNOWN;
    meta->tag = *tag;
    meta->back = false;
    meta->value_size = value.size;
    memcpy(meta->value, value.at, value.size);
    look_end(look);
}

static void decide(struct etcd_look *look, const json_t *range);

static void drawn(struct etcd_call *call)
{
    struct etcd_look *look = PAWL_OWNER(call, struct etcd_look, call);
    const json_t *range = pawl_etcd_refusal(&call->answer, 0);
    struct pawl_bytes value = {look->value, look->value_size};

    if (call->end != PAWL_OP_DONE && call->error.code == PAWL_DENIED && look->seen.number == 0) {
        go_without(look, call->error.text);
    } else if (call->end != PAWL_OP_DONE) {
        look_fail(look, &call->error);
    } else if (pawl_etcd_true(call->answer.root, "succeeded")) {
        if (look->seen.number != 0) {
            pawl_log(PAWL_LOG_ERROR, "the store went back, a new branch begins",
                     "store=etcd cluster=%" PRIx64 " branch=%" PRIu64 " was=%" PRIu64,
                     look->etcd->cluster_id, look->drawn.number, look->seen.number);
        }
        keep(look, &look->drawn, value);
    } else if (range != NULL) {
        decide(look, range);
    } else {
        (void)pawl_fail(&call->error, PAWL_STORE, "etcd's answer to a write cannot be meant");
        look_fail(look, &call->error);
    }
}

/* pair: what is there; revision 0: nothing. */
static void draw(struct etcd_look *look, const struct etcd_pair *pair)
{
    struct etcd *etcd = look->etcd;
    struct etcd_condition condition = {.revision = pair->revision,
                                       .value = {pair->value, pair->value_size}};
    struct etcd_key key;

    look->drawn = pawl_tag_draw(&look->seen, &etcd->meta.tag, &look->redraw, &etcd->random);
    look->value_size = pawl_etcd_meta_write(&look->drawn, etcd->cluster_id, look->value);
    pawl_etcd_key_meta(&key, &etcd->settings);
    look->call.path = PAWL_ETCD_TXN;
    look->call.body_size = pawl_etcd_put_write(look->body, pawl_etcd_key_bytes(&key), &condition,
                                               (struct pawl_bytes){look->value, look->value_size});
    look->call.writes = true;
    look->call.done = drawn;
    pawl_etcd_call(etcd, &look->call);
}

/*
 * What is there is from a past that this store has gone back to: we know a later one; or it is the
 * one we know, and the store went back under it; or it was drawn in the cluster that a backup was
 * made of.
 */
static bool is_past(const struct etcd_look *look, uint64_t cluster_id)
{
    const struct etcd_meta *meta = &look->etcd->meta;
    const struct pawl_tag *seen = &look->seen;

    if (cluster_id != look->etcd->cluster_id) return true;
    if (meta->tag.number > seen->number) return true;
    if (look->redraw.number > 0 && look->redraw.number >= seen->number) return true;
    return meta->back && pawl_tag_equal(seen, &meta->tag);
}

pawl_err pawl_etcd_meta_foreign(const struct etcd *etcd, pawl_error *error)
{
    return pawl_fail(
        error, PAWL_DENIED,
        "the key %.*s/ is where pawl keeps the store's branch, and what is there is "
        "not pawl's: move that key away, or choose another prefix. Nothing was changed",
        (int)etcd->settings.prefix.size, etcd->settings.prefix.at);
}

/* false: what is there is not pawl's; or, with an error, a newer pawl's. */
static bool reads(struct etcd_look *look, const json_t *kv, struct etcd_pair *pair,
                  uint64_t *cluster_id)
{
    pawl_error unused;

    if (pawl_etcd_pair_read(pair, kv, &unused) != PAWL_OK) return false;
    const struct pawl_bytes value = {pair->value, pair->value_size};

    return pawl_etcd_meta_format(value, &look->error) == PAWL_OK &&
           value.size <= PAWL_ETCD_META_BYTES_MAX &&
           pawl_etcd_meta_read(&look->seen, cluster_id, value);
}

static void decide(struct etcd_look *look, const json_t *range)
{
    const json_t *kv = json_array_get(json_object_get(range, "kvs"), 0);
    struct etcd_pair pair = {.revision = 0};
    uint64_t cluster_id = 0;

    look->seen = (struct pawl_tag){.number = 0};
    if (kv != NULL && !reads(look, kv, &pair, &cluster_id)) {
        if (look->error.code == PAWL_OK) {
            (void)pawl_etcd_meta_foreign(look->etcd, &look->error);
        }
        look_end(look);
        return;
    }
    if (kv != NULL && !is_past(look, cluster_id)) {
        keep(look, &look->seen, (struct pawl_bytes){pair.value, pair.value_size});
    } else if (look->etcd->looks_only) {
        look->etcd->meta.state = ETCD_META_WITHOUT;
        look->etcd->meta.again_ns = pawl_clock_ns() + AGAIN_NS;
        look_end(look);
    } else if (look->draws++ < DRAWS_MAX) {
        draw(look, &pair);
    } else {
        (void)pawl_fail(&look->error, PAWL_BUSY, "others write the store's branch all the time");
        look_end(look);
    }
}

static void looked(struct etcd_call *call)
{
    struct etcd_look *look = PAWL_OWNER(call, struct etcd_look, call);

    if (call->end == PAWL_OP_DONE) {
        decide(look, call->answer.root);
    } else if (call->error.code == PAWL_DENIED && look->etcd->login.state != ETCD_LOGIN_NEEDED) {
        go_without(look, call->error.text);
    } else {
        look_fail(look, &call->error);
    }
}

static void look_begin(struct etcd_look *look)
{
    struct etcd *etcd = look->etcd;
    struct etcd_key key;

    pawl_etcd_key_meta(&key, &etcd->settings);
    const struct etcd_range range = {.key = pawl_etcd_key_bytes(&key)};

    look->backs = etcd->meta.backs;
    look->call.path = PAWL_ETCD_RANGE;
    look->call.body = look->body;
    look->call.body_size = pawl_etcd_range_write(look->body, &range);
    look->call.writes = false;
    look->call.done = looked;
    pawl_etcd_call(etcd, &look->call);
}

void pawl_etcd_look(struct etcd *etcd, struct etcd_look *look)
{
    look->etcd = etcd;
    look->error = (pawl_error){.code = PAWL_OK};
    look->draws = 0;
    look->body = malloc(PAWL_ETCD_REQUEST_BYTES_MAX);
    if (look->body == NULL) {
        (void)pawl_fail(&look->error, PAWL_NO_MEMORY, "no memory for a request to etcd");
        look->done(look);
        return;
    }
    look_begin(look);
}

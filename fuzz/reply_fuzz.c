/* SPDX-License-Identifier: Apache-2.0 */
/*
 * libFuzzer on what a server answers to libpawl: RESP, judged as the answer to an ask, which the
 * first byte chooses. Laws, beyond "no byte outside is touched":
 *   - no prefix of a reply is one, and what follows changes nothing
 *   - a grant is a range of 64-bit ids, and no more than was asked for
 *   - an error has a text; a page comes forward, and has no more records than were asked for
 */
#include <stdlib.h>

#include "client/reply.h"
#include "copied.h"
#include "range/ledger.h"

enum { COUNT = 100, PAGE_COUNT = 3, PREFIXES_MAX = 64 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void page_record(struct pawl_page *page, const struct pawl_record *record)
{
    (void)page;
    PAWL_ASSERT(record->name.size > 0 && record->epoch > 0 && record->increment != 0);
}

static void check_grant(const struct pawl_ask *ask)
{
    const struct pawl_range *range = &ask->grant.range;
    __int128 last = (__int128)range->first + (__int128)range->increment * (COUNT - 1);

    PAWL_ASSERT(range->count >= 1 && range->count <= ask->count);
    PAWL_ASSERT(!ask->exact || range->count == ask->count);
    PAWL_ASSERT(ask->grant.line > 0 && ask->grant.line <= ask->grant.epoch);
    if (range->count < COUNT) {
        last = (__int128)range->first + (__int128)range->increment * (range->count - 1);
    }
    PAWL_ASSERT(range->increment != 0 && last >= INT64_MIN && last <= INT64_MAX);
}

static void check(struct pawl_bytes bytes, uint8_t choice)
{
    static const enum pawl_ask_kind kinds[] = {PAWL_ASK_TAKE,   PAWL_ASK_NEXT, PAWL_ASK_READ,
                                               PAWL_ASK_LIST,   PAWL_ASK_SET,  PAWL_ASK_PING,
                                               PAWL_ASK_RETURN, PAWL_ASK_ALTER};
    struct pawl_record record;
    pawl_gaps gaps = {.since = 0};
    struct pawl_page page = {.count_max = PAGE_COUNT, .each = page_record};
    struct pawl_ask ask = {.kind = kinds[choice % PAWL_COUNT(kinds)],
                           .name = PAWL_BYTES("orders"),
                           .count = COUNT,
                           .exact = choice >= 128,
                           .record = &record,
                           .gaps = &gaps,
                           .page = &page};
    const char *why = NULL;
    ptrdiff_t took = pawl_reply_read(bytes, &ask, &why);

    PAWL_ASSERT(took >= -1 && took <= (ptrdiff_t)bytes.size);
    PAWL_ASSERT((took < 0) == (why != NULL));
    if (took <= 0) return;
    bool granted = ask.kind == PAWL_ASK_TAKE || ask.kind == PAWL_ASK_NEXT;

    PAWL_ASSERT((ask.error.code == PAWL_OK) == (ask.error.text[0] == '\0'));
    if (granted && ask.error.code == PAWL_OK) check_grant(&ask);
    if (page.more) PAWL_ASSERT(page.after.size > 0);
    for (size_t size = 0; size < (size_t)took && size < PREFIXES_MAX; size++) {
        PAWL_ASSERT(pawl_reply_read((struct pawl_bytes){bytes.at, size}, &ask, &why) == 0);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0) return 0;
    struct pawl_bytes bytes = fuzz_copied(data, size);

    if (bytes.at == NULL) return 0;
    check(bytes, data[0]);
    free((void *)(uintptr_t)bytes.at);
    return 0;
}

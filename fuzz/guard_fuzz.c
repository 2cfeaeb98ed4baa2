/* SPDX-License-Identifier: Apache-2.0 */
/*
 * libFuzzer on what pawld keeps on its own disk: the guard's journal, the values in its LMDB, its
 * file `stores`, and the gap ledger. The first byte chooses. Checksums are written here, so that
 * they hide nothing. Laws, beyond "no byte outside is touched":
 *   - what is read and written again is the same bytes
 *   - a journal is read up to its first frame that is not whole, and that one tells nothing
 *   - a name that is found has room in a path, and stands in the text
 *   - a ledger opens whatever it holds, and keeps what is put into it
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "copied.h"
#include "store/guard_text.h"
#include "store/ledger_file.h"

enum { BODY_MAX = 4096, GENERATION = 1, ENTRY_HEAD = 1 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct told {
    struct pawl_frame_reader reader;
    struct pawl_bytes journal;
    size_t heads, sights;
};

static void put_u32(char *to, uint32_t number)
{
    for (size_t i = 0; i < 4; i++) {
        to[i] = (char)(unsigned char)(number >> (8 * i));
    }
}

static bool within(struct pawl_bytes part, struct pawl_bytes whole)
{
    return part.at >= whole.at && part.at + part.size <= whole.at + whole.size;
}

static void on_head(struct pawl_frame_reader *reader, const struct pawl_book_head *head)
{
    PAWL_OWNER(reader, struct told, reader)->heads++;
    PAWL_ASSERT(head->branch.size <= PAWL_BRANCH_BYTES_MAX);
}

static void on_sight(struct pawl_frame_reader *reader, const struct pawl_sight *sight)
{
    struct told *told = PAWL_OWNER(reader, struct told, reader);
    char room[PAWL_FRAME_HEAD_BYTES + 8 + 1 + PAWL_HEAD_BYTES + PAWL_FRAME_ENTRY_BYTES_MAX];
    const struct pawl_entries entries = {.sights = sight, .count = 1};
    struct told again = {.reader = {on_head, on_sight}};

    told->sights++;
    PAWL_ASSERT(sight->name.size > 0 && sight->name.size <= PAWL_NAME_BYTES_MAX);
    PAWL_ASSERT(within(sight->name, told->journal));
    if (told->sights > 1) return;
    again.sights = 1; /* that one is not written once more */
    size_t size = pawl_frame_write(GENERATION, &entries, room);

    again.journal = (struct pawl_bytes){room, size};
    PAWL_ASSERT(pawl_frames_read(again.journal, GENERATION, &again.reader) == size);
    PAWL_ASSERT(again.sights == 2 && again.heads == 0);
}

static size_t read_journal(struct told *told, struct pawl_bytes journal)
{
    *told = (struct told){.reader = {on_head, on_sight}, .journal = journal};
    return pawl_frames_read(journal, GENERATION, &told->reader);
}

static void seal_head(char *head)
{
    const struct pawl_bytes summed = {head, PAWL_HEAD_BYTES - 4};

    put_u32(head + PAWL_HEAD_BYTES - 4, pawl_bytes_crc32(summed));
}

static void seal_seen(struct pawl_bytes name, char *seen)
{
    const struct pawl_bytes summed = {seen, PAWL_SEEN_BYTES - 4};

    put_u32(seen + PAWL_SEEN_BYTES - 4, pawl_bytes_crc32_more(pawl_bytes_crc32(name), summed));
}

/* Puts the sums of what seem to be entries right. */
static void seal_entries(char *at, const char *end)
{
    while (end - at > 2) {
        struct pawl_bytes name = {at + 2, (unsigned char)at[1]};
        size_t size = at[0] == ENTRY_HEAD ? 1 + (size_t)PAWL_HEAD_BYTES
                                          : 2 + name.size + (size_t)PAWL_SEEN_BYTES;

        if (size > (size_t)(end - at)) return;
        if (at[0] == ENTRY_HEAD) {
            seal_head(at + 1);
        } else {
            seal_seen(name, at + 2 + name.size);
        }
        at += size;
    }
}

/* As it is; and as the entries of one frame, whose sums are right. */
static void check_journal(struct pawl_bytes bytes)
{
    char *frame = malloc(PAWL_FRAME_HEAD_BYTES + 8 + bytes.size);
    struct told told;

    PAWL_ASSERT(read_journal(&told, bytes) <= bytes.size);
    if (frame == NULL) return;
    char *body = frame + PAWL_FRAME_HEAD_BYTES;
    size_t size = 8 + bytes.size;

    memset(body, 0, 8);
    body[0] = GENERATION;
    if (bytes.size > 0) memcpy(body + 8, bytes.at, bytes.size);
    seal_entries(body + 8, body + size);
    put_u32(frame, (uint32_t)size);
    put_u32(frame + 4, pawl_bytes_crc32((struct pawl_bytes){body, size}));
    size_t took = read_journal(&told, (struct pawl_bytes){frame, PAWL_FRAME_HEAD_BYTES + size});

    PAWL_ASSERT(took == 0 || took == PAWL_FRAME_HEAD_BYTES + size);
    if (took == 0) PAWL_ASSERT(told.heads == 0 && told.sights == 0);
    took = read_journal(&told, (struct pawl_bytes){frame, PAWL_FRAME_HEAD_BYTES + size - 1});
    PAWL_ASSERT(took == 0 && told.sights == 0);
    free(frame);
}

/* Copies what fits of bytes; the rest is zeros. */
static void copy(struct pawl_bytes bytes, char *to, size_t size)
{
    memset(to, 0, size);
    if (bytes.size > 0) memcpy(to, bytes.at, bytes.size < size ? bytes.size : size);
}

/* Of data.mdb. */
static void check_values(struct pawl_bytes bytes)
{
    const struct pawl_bytes name = PAWL_BYTES("orders");
    char room[PAWL_SEEN_BYTES];
    char again[PAWL_SEEN_BYTES];
    char head_room[PAWL_HEAD_BYTES];
    struct pawl_seen seen;
    struct pawl_book_head head;

    if (pawl_seen_read(&seen, name, bytes)) PAWL_ASSERT(bytes.size == PAWL_SEEN_BYTES);
    if (pawl_head_read(&head, bytes)) PAWL_ASSERT(bytes.size == PAWL_HEAD_BYTES);
    copy(bytes, room, sizeof room);
    seal_seen(name, room);
    if (pawl_seen_read(&seen, name, (struct pawl_bytes){room, sizeof room})) {
        pawl_seen_write(name, &seen, again);
        PAWL_ASSERT(memcmp(room, again, sizeof room) == 0);
        PAWL_ASSERT(
            !pawl_seen_read(&seen, PAWL_BYTES("other"), (struct pawl_bytes){room, sizeof room}));
    }
    copy(bytes, head_room, sizeof head_room);
    seal_head(head_room);
    if (pawl_head_read(&head, (struct pawl_bytes){head_room, sizeof head_room})) {
        pawl_head_write(&head, head_room);
        PAWL_ASSERT(pawl_head_read(&head, (struct pawl_bytes){head_room, sizeof head_room}));
    }
}

/* The file `stores`; and a store's name as it is shown in it. */
static void check_stores(struct pawl_bytes bytes)
{
    struct pawl_identity store = {.name_size = 0};
    char shown[PAWL_GUARD_NAME_BYTES];
    char line[PAWL_GUARD_NAME_BYTES + 8];
    struct pawl_bytes name;

    if (pawl_guard_stores_find(bytes, PAWL_BYTES("lmdb:s"), &name) && name.size > 0) {
        PAWL_ASSERT(within(name, bytes) && name.size < PAWL_GUARD_NAME_BYTES);
    }
    size_t size = bytes.size < sizeof store.name ? bytes.size : sizeof store.name;

    if (size > 0) memcpy(store.name, bytes.at, size);
    store.name_size = (uint8_t)size;
    pawl_guard_name_show(&store, shown);
    PAWL_ASSERT(strpbrk(shown, " /.\n") == NULL && strlen(shown) >= size);
    int line_size = snprintf(line, sizeof line, "%s u\n", shown);

    if (size == 0) return;
    PAWL_ASSERT(pawl_guard_stores_find((struct pawl_bytes){line, (size_t)line_size},
                                       PAWL_BYTES("u"), &name));
    PAWL_ASSERT(name.size == strlen(shown));
}

/* A file as it is; or, unless it begins with '!', slots whose sums are right behind a first page.
 */
static size_t ledger_bytes(struct pawl_bytes bytes, char file[BODY_MAX])
{
    static const char magic[] = "pawl ledger 1\n";
    size_t size = PAWL_LEDGER_SLOT_BYTES + bytes.size;

    memset(file, 0, size);
    if (bytes.size > 0 && bytes.at[0] == '!') {
        memcpy(file, bytes.at + 1, bytes.size - 1);
        return bytes.size - 1;
    }
    memcpy(file, magic, sizeof magic);
    if (bytes.size > 0) memcpy(file + PAWL_LEDGER_SLOT_BYTES, bytes.at, bytes.size);
    for (size_t at = 0; at + PAWL_LEDGER_SLOT_BYTES <= size; at += PAWL_LEDGER_SLOT_BYTES) {
        put_u32(file + at + PAWL_LEDGER_SLOT_BYTES - 4,
                pawl_bytes_crc32((struct pawl_bytes){file + at, PAWL_LEDGER_SLOT_BYTES - 4}));
    }
    return size;
}

static void check_ledger(struct pawl_bytes bytes)
{
    static const struct pawl_books put = {.asked = 5, .bounded = true, .top = -1};
    static int fd = -1;
    char path[64];
    char file[BODY_MAX];
    struct pawl_archive *archive = NULL;
    struct pawl_books books = {.asked = 0};
    int64_t since = 1;
    uint32_t place = 0;

    if (fd < 0) fd = memfd_create("ledger", MFD_CLOEXEC);
    if (fd < 0 || bytes.size > sizeof file - PAWL_LEDGER_SLOT_BYTES) return;
    (void)snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    size_t size = ledger_bytes(bytes, file);

    PAWL_ASSERT(ftruncate(fd, 0) == 0 && pwrite(fd, file, size, 0) == (ssize_t)size);
    if (pawl_ledger_file_open(path, &since, &archive, NULL) != PAWL_OK) return;
    (void)archive->load(archive, PAWL_BYTES("orders"), &books);
    archive->save(archive, PAWL_BYTES("orders"), &put, &place);
    PAWL_ASSERT(archive->load(archive, PAWL_BYTES("orders"), &books));
    PAWL_ASSERT(books.asked == put.asked && books.bounded && books.top == -1);
    pawl_ledger_file_close(archive);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static void (*const checks[])(struct pawl_bytes) = {
        check_journal,
        check_values,
        check_stores,
        check_ledger,
    };
    fuzz_choose(checks, PAWL_COUNT(checks), data, size);
    return 0;
}

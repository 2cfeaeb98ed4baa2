/* SPDX-License-Identifier: Apache-2.0 */
#include "store/ledger_file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "pawl/pawl.h"

enum {
    NUMBERS = PAWL_FLOW_COUNT + PAWL_CAUSES_MAX + 6,
    NAME_AT = 8 * NUMBERS, /* behind the numbers: its size in one byte, and itself */
    CRC_AT = PAWL_LEDGER_SLOT_BYTES - 4,
    LATER_AT = CRC_AT - 4 - 3 * 8, /* numbers that older versions did not have: zero then */
    INDEX_LEAST = 1024,
    INDEX_KEPT_LEAST = 4096, /* sequences: fewer are read in a moment */
    SHOWN_MAX = 200,
    BATCH_SLOTS = 128, /* read at once */
};

_Static_assert(NAME_AT + 1 + PAWL_NAME_BYTES_MAX <= LATER_AT, "a slot holds the longest name");

static const char magic[16] = "pawl ledger 1\n";
static const char index_magic[16] = "pawl places 1\n";

/* Where a sequence's slot is. Names are compared in the file: the index has only their hashes. */
struct place {
    uint64_t hash;
    uint32_t slot; /* 0, the first page: free */
};

/*
 * The index, as a clean end leaves it for the next start, which takes it away: so it is of a ledger
 * that nobody wrote to since. One that is of another ledger, or not whole, is read anew from that.
 */
struct kept_index {
    char magic[sizeof index_magic];
    struct timespec written_at; /* the ledger, last */
    uint64_t slots, size, count;
    uint64_t crc; /* of the places behind this */
};

struct ledger_file {
    struct pawl_archive archive;
    int fd;
    char index_path[PATH_MAX + 64];
    bool failing; /* it was logged */
    uint32_t slots;
    uint32_t damaged;    /* of those, when they were read */
    struct place *index; /* open addressing, size a power of two, at most half full */
    size_t size, count;
};

static void put_u64(char *to, uint64_t number)
{
    for (size_t i = 0; i < 8; i++) {
        to[i] = (char)(number >> (8 * i));
    }
}

static uint64_t get_u64(const char *from)
{
    uint64_t number = 0;

    for (size_t i = 0; i < 8; i++) {
        number |= (uint64_t)(unsigned char)from[i] << (8 * i);
    }
    return number;
}

static uint32_t crc_of(const char slot[PAWL_LEDGER_SLOT_BYTES])
{
    return pawl_bytes_crc32((struct pawl_bytes){slot, CRC_AT});
}

static void seal(char slot[PAWL_LEDGER_SLOT_BYTES])
{
    uint32_t crc = crc_of(slot);

    memcpy(slot + CRC_AT, &crc, sizeof crc);
}

static bool sound(const char slot[PAWL_LEDGER_SLOT_BYTES])
{
    uint32_t crc = 0;

    memcpy(&crc, slot + CRC_AT, sizeof crc);
    return crc == crc_of(slot);
}

static struct pawl_bytes name_in(const char slot[PAWL_LEDGER_SLOT_BYTES])
{
    return (struct pawl_bytes){slot + NAME_AT + 1, (unsigned char)slot[NAME_AT]};
}

static void encode(char slot[PAWL_LEDGER_SLOT_BYTES], struct pawl_bytes name,
                   const struct pawl_books *books)
{
    char *at = slot;

    memset(slot, 0, PAWL_LEDGER_SLOT_BYTES);
    for (size_t i = 0; i < PAWL_FLOW_COUNT; i++, at += 8) {
        put_u64(at, books->flows[i]);
    }
    for (size_t i = 0; i < PAWL_CAUSE_COUNT; i++) {
        put_u64(at + 8 * i, books->burned[i]);
    }
    at += 8 * (size_t)PAWL_CAUSES_MAX;
    put_u64(at, books->asked);
    put_u64(at + 8, (books->bounded ? 1U : 0U) | (books->crash_bounded ? 2U : 0U) |
                        (books->stopped ? 4U : 0U));
    put_u64(at + 16, (uint64_t)books->after);
    put_u64(at + 24, (uint64_t)books->top);
    put_u64(at + 32, (uint64_t)books->crash_after);
    put_u64(at + 40, (uint64_t)books->crash_top);
    slot[NAME_AT] = (char)name.size;
    memcpy(slot + NAME_AT + 1, name.at, name.size);
    put_u64(slot + LATER_AT, books->stops);
    put_u64(slot + LATER_AT + 8, books->steps_back);
    put_u64(slot + LATER_AT + 16, books->step_back_ids);
    seal(slot);
}

static void decode(const char slot[PAWL_LEDGER_SLOT_BYTES], struct pawl_books *books)
{
    const char *at = slot;

    for (size_t i = 0; i < PAWL_FLOW_COUNT; i++, at += 8) {
        books->flows[i] = get_u64(at);
    }
    for (size_t i = 0; i < PAWL_CAUSE_COUNT; i++) {
        books->burned[i] = get_u64(at + 8 * i);
    }
    at += 8 * (size_t)PAWL_CAUSES_MAX;
    books->asked = get_u64(at);
    books->bounded = (get_u64(at + 8) & 1) != 0;
    books->crash_bounded = (get_u64(at + 8) & 2) != 0;
    books->stopped = (get_u64(at + 8) & 4) != 0;
    books->after = (int64_t)get_u64(at + 16);
    books->top = (int64_t)get_u64(at + 24);
    books->crash_after = (int64_t)get_u64(at + 32);
    books->crash_top = (int64_t)get_u64(at + 40);
    books->stops = get_u64(slot + LATER_AT);
    books->steps_back = get_u64(slot + LATER_AT + 8);
    books->step_back_ids = get_u64(slot + LATER_AT + 16);
}

static off_t offset_of(uint32_t slot)
{
    return (off_t)slot * PAWL_LEDGER_SLOT_BYTES;
}

static bool read_slot(const struct ledger_file *file, uint32_t slot,
                      char bytes[PAWL_LEDGER_SLOT_BYTES])
{
    ssize_t got = pread(file->fd, bytes, PAWL_LEDGER_SLOT_BYTES, offset_of(slot));

    return got == PAWL_LEDGER_SLOT_BYTES && sound(bytes);
}

/* The place of a name, or a free one. */
static struct place *find(const struct ledger_file *file, struct pawl_bytes name,
                          char slot[PAWL_LEDGER_SLOT_BYTES])
{
    uint64_t hash = pawl_bytes_hash(name, 0);
    size_t at = (size_t)hash & (file->size - 1);

    for (; file->index[at].slot != 0; at = (at + 1) & (file->size - 1)) {
        const struct place *place = &file->index[at];

        if (place->hash != hash || !read_slot(file, place->slot, slot)) continue;
        if (pawl_bytes_equal(name_in(slot), name)) break;
    }
    return &file->index[at];
}

static bool index_grow(struct ledger_file *file)
{
    size_t size = file->size == 0 ? INDEX_LEAST : 2 * file->size;
    struct place *index = calloc(size, sizeof *index);

    if (index == NULL) return false;
    for (size_t i = 0; i < file->size; i++) {
        size_t at = (size_t)file->index[i].hash & (size - 1);

        if (file->index[i].slot == 0) continue;
        while (index[at].slot != 0) {
            at = (at + 1) & (size - 1);
        }
        index[at] = file->index[i];
    }
    free(file->index);
    file->index = index;
    file->size = size;
    return true;
}

static bool index_add(struct ledger_file *file, struct pawl_bytes name, uint32_t slot)
{
    char bytes[PAWL_LEDGER_SLOT_BYTES];

    if (2 * (file->count + 1) > file->size && !index_grow(file)) return false;
    struct place *place = find(file, name, bytes);

    if (place->slot == 0) file->count++;
    *place = (struct place){pawl_bytes_hash(name, 0), slot};
    return true;
}

static bool file_load(struct pawl_archive *self, struct pawl_bytes name, struct pawl_books *books)
{
    const struct ledger_file *file = PAWL_OWNER(self, struct ledger_file, archive);
    char slot[PAWL_LEDGER_SLOT_BYTES];

    if (find(file, name, slot)->slot == 0) return false;
    decode(slot, books);
    return true;
}

static void failed(struct ledger_file *file, const char *why)
{
    if (!file->failing) {
        pawl_log(PAWL_LOG_WARN, "gap ledger cannot be written",
                 "why=\"%s\" then=\"gaps are counted, but not kept over a crash\"", why);
    }
    file->failing = true;
}

static void file_save(struct pawl_archive *self, struct pawl_bytes name,
                      const struct pawl_books *books, uint32_t *place)
{
    struct ledger_file *file = PAWL_OWNER(self, struct ledger_file, archive);
    char slot[PAWL_LEDGER_SLOT_BYTES];
    uint32_t at = *place != 0 ? *place : find(file, name, slot)->slot;
    bool fresh = at == 0;

    if (fresh && file->slots > PAWL_LEDGER_SLOTS_MAX) {
        failed(file, "too many sequences");
        return;
    }
    if (fresh) at = file->slots;
    encode(slot, name, books);
    if (pwrite(file->fd, slot, sizeof slot, offset_of(at)) != (ssize_t)sizeof slot) {
        failed(file, strerror(errno));
        return;
    }
    file->failing = false;
    *place = at;
    if (!fresh) return;
    file->slots++;
    if (!index_add(file, name, at)) failed(file, "no memory");
}

/* The first page: what it is, and since when. */
static bool begin(struct ledger_file *file, int64_t since)
{
    char page[PAWL_LEDGER_SLOT_BYTES] = {0};

    memcpy(page, magic, sizeof magic);
    put_u64(page + sizeof magic, (uint64_t)since);
    seal(page);
    file->slots = 1;
    return pwrite(file->fd, page, sizeof page, 0) == (ssize_t)sizeof page;
}

/* false: no memory. */
static bool read_batch(struct ledger_file *file, const char *bytes, size_t count)
{
    for (size_t i = 0; i < count; i++, file->slots++) {
        const char *slot = bytes + i * PAWL_LEDGER_SLOT_BYTES;

        if (!sound(slot)) {
            file->damaged++;
        } else if (!index_add(file, name_in(slot), file->slots)) {
            return false;
        }
    }
    return true;
}

static pawl_err read_all(struct ledger_file *file, pawl_error *error)
{
    char bytes[BATCH_SLOTS * PAWL_LEDGER_SLOT_BYTES];
    ssize_t got = 0;

    do {
        got = pread(file->fd, bytes, sizeof bytes, offset_of(file->slots));
        if (got < 0) {
            return pawl_fail(error, PAWL_STORE, "cannot read the gap ledger: %s", strerror(errno));
        }
        /* What a power cut left of a slot at the end is written over. */
        if (!read_batch(file, bytes, (size_t)got / PAWL_LEDGER_SLOT_BYTES)) {
            return pawl_fail(error, PAWL_NO_MEMORY, "no memory for the gap ledger");
        }
    } while (got == (ssize_t)sizeof bytes);
    if (file->damaged > 0) {
        pawl_log(PAWL_LOG_WARN, "gap ledger has damaged entries",
                 "entries=%u of=%u lost=\"why ids of those sequences are missing\" "
                 "advice=\"after a power cut: nothing; else see to the disk\"",
                 file->damaged, file->slots - 1);
    }
    return PAWL_OK;
}

static bool is_of(const struct kept_index *kept, const struct ledger_file *file)
{
    struct stat about;

    return fstat(file->fd, &about) == 0 &&
           memcmp(kept->magic, index_magic, sizeof index_magic) == 0 &&
           kept->written_at.tv_sec == about.st_mtim.tv_sec &&
           kept->written_at.tv_nsec == about.st_mtim.tv_nsec && kept->slots > 0 &&
           kept->slots <= PAWL_LEDGER_SLOTS_MAX + 1 &&
           offset_of((uint32_t)kept->slots) == about.st_size && kept->count < kept->slots &&
           kept->size >= INDEX_LEAST && kept->size <= 8 * (uint64_t)PAWL_LEDGER_SLOTS_MAX &&
           (kept->size & (kept->size - 1)) == 0 && 2 * kept->count <= kept->size;
}

static bool read_places(struct ledger_file *file, int fd)
{
    struct kept_index kept;

    if (read(fd, &kept, sizeof kept) != (ssize_t)sizeof kept || !is_of(&kept, file)) return false;
    size_t bytes = (size_t)kept.size * sizeof(struct place);
    struct place *index = malloc(bytes);

    if (index == NULL) return false;
    if (read(fd, index, bytes) != (ssize_t)bytes ||
        pawl_bytes_crc32((struct pawl_bytes){(const char *)index, bytes}) != kept.crc) {
        free(index);
        return false;
    }
    free(file->index);
    file->index = index;
    file->size = (size_t)kept.size;
    file->count = (size_t)kept.count;
    file->slots = (uint32_t)kept.slots;
    return true;
}

/* false: all of the ledger must be read. */
static bool take_index(struct ledger_file *file)
{
    int fd = open(file->index_path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);

    if (fd < 0) return false;
    bool whole = read_places(file, fd);

    (void)close(fd);
    return unlink(file->index_path) == 0 && whole;
}

/* What cannot be left is read anew next time. */
static void leave_index(const struct ledger_file *file)
{
    size_t bytes = file->size * sizeof *file->index;
    struct kept_index kept;
    struct stat about;

    if (file->count < INDEX_KEPT_LEAST || fstat(file->fd, &about) != 0) return;
    memset(&kept, 0, sizeof kept);
    memcpy(kept.magic, index_magic, sizeof index_magic);
    kept.written_at = about.st_mtim;
    kept.slots = file->slots;
    kept.size = file->size;
    kept.count = file->count;
    kept.crc = pawl_bytes_crc32((struct pawl_bytes){(const char *)file->index, bytes});
    int fd = open(file->index_path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);

    if (fd < 0) return;
    bool whole = write(fd, &kept, sizeof kept) == (ssize_t)sizeof kept &&
                 write(fd, file->index, bytes) == (ssize_t)bytes;

    (void)close(fd);
    if (!whole) (void)unlink(file->index_path);
}

/* It is new, or was cut as it was begun; or its first page is damaged: what lies behind has
 * checksums of its own. */
static bool begin_anew(struct ledger_file *file, int64_t since)
{
    struct stat about;

    if (fstat(file->fd, &about) != 0) return false;
    if (about.st_size > PAWL_LEDGER_SLOT_BYTES) {
        pawl_log(PAWL_LOG_ERROR, "gap ledger's first page is damaged, and made anew",
                 "lost=\"since when it counts\" bytes=%lld", (long long)about.st_size);
    } else if (ftruncate(file->fd, 0) != 0) {
        return false;
    }
    return begin(file, since);
}

/* So many bytes of it as there are. */
static bool is_ledger(const char *page, ssize_t size)
{
    size_t most = size < (ssize_t)sizeof magic ? (size_t)size : sizeof magic;

    return memcmp(page, magic, most) == 0;
}

/* Somebody's own words, or what a disk made of it: kept for people. Nothing but what is told of
 * gaps depends on it. */
static bool set_aside(const char *path)
{
    char aside[PATH_MAX + 96];
    char shown[PATH_MAX + 112];

    (void)snprintf(aside, sizeof aside, "%s.damaged-%lld", path, (long long)pawl_clock_wall_us());
    pawl_log(PAWL_LOG_ERROR, "gap ledger is none of this version, and begun anew",
             "kept_as=%s lost=\"why ids were missing until now\" advice=\"see to the disk\"",
             pawl_log_quote(shown, sizeof shown, (struct pawl_bytes){aside, strlen(aside)}));
    return rename(path, aside) == 0;
}

static pawl_err open_file(struct ledger_file *file, const char *path, int64_t *since,
                          pawl_error *error)
{
    char page[PAWL_LEDGER_SLOT_BYTES];
    ssize_t got = 0;

    for (int tries = 0; tries < 2; tries++) {
        file->fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
        if (file->fd < 0) {
            return pawl_fail(error, PAWL_STORE, "cannot open %.*s: %s", SHOWN_MAX, path,
                             strerror(errno));
        }
        got = pread(file->fd, page, sizeof page, 0);
        if (got <= 0 || is_ledger(page, got)) break;
        (void)close(file->fd);
        file->fd = -1;
        if (!set_aside(path)) {
            return pawl_fail(error, PAWL_STORE,
                             "%.*s is no gap ledger of this version, and cannot be set aside: %s",
                             SHOWN_MAX, path, strerror(errno));
        }
    }
    if (got == (ssize_t)sizeof page && sound(page)) {
        *since = (int64_t)get_u64(page + sizeof magic);
        file->slots = 1;
    } else if (got < 0 || !begin_anew(file, *since)) {
        return pawl_fail(error, PAWL_STORE, "cannot write %.*s: %s", SHOWN_MAX, path,
                         strerror(errno));
    }
    return take_index(file) ? PAWL_OK : read_all(file, error);
}

static void glance_at(int fd, struct pawl_ledger_glance *glance)
{
    char bytes[BATCH_SLOTS * PAWL_LEDGER_SLOT_BYTES];
    off_t at = 0;
    ssize_t got = pread(fd, bytes, PAWL_LEDGER_SLOT_BYTES, 0);

    if (got > 0 && !is_ledger(bytes, got)) {
        glance->trouble = "it is none of this version";
        return;
    }
    bool whole = got == PAWL_LEDGER_SLOT_BYTES && sound(bytes);

    if (!whole) glance->trouble = "its first page is damaged";
    do {
        at += got;
        got = pread(fd, bytes, sizeof bytes, at);
        for (ssize_t i = 0; i + PAWL_LEDGER_SLOT_BYTES <= got; i += PAWL_LEDGER_SLOT_BYTES) {
            if (sound(bytes + i)) {
                glance->sequences++;
            } else {
                glance->damaged++;
            }
        }
    } while (got == (ssize_t)sizeof bytes);
}

pawl_err pawl_ledger_file_glance(const char *path, struct pawl_ledger_glance *glance,
                                 pawl_error *error)
{
    struct stat about;
    int fd = open(path, O_RDONLY | O_CLOEXEC);

    *glance = (struct pawl_ledger_glance){.begun = false};
    if (fd < 0 && errno == ENOENT) return PAWL_OK;
    if (fd < 0 || fstat(fd, &about) != 0) {
        (void)pawl_fail(error, PAWL_STORE, "cannot read %.*s: %s", SHOWN_MAX, path,
                        strerror(errno));
        if (fd >= 0) (void)close(fd);
        return PAWL_STORE;
    }
    glance->begun = about.st_size > 0;
    if (glance->begun) glance_at(fd, glance);
    (void)close(fd);
    return PAWL_OK;
}

pawl_err pawl_ledger_file_open(const char *path, int64_t *since, struct pawl_archive **archive,
                               pawl_error *error)
{
    struct ledger_file *file = calloc(1, sizeof *file);

    if (file == NULL || !index_grow(file)) {
        free(file);
        return pawl_fail(error, PAWL_NO_MEMORY, "no memory for the gap ledger");
    }
    file->archive = (struct pawl_archive){.load = file_load, .save = file_save};
    file->fd = -1;
    (void)snprintf(file->index_path, sizeof file->index_path, "%s.index", path);
    pawl_err err = open_file(file, path, since, error);

    if (err != PAWL_OK) {
        pawl_ledger_file_close(&file->archive);
        return err;
    }
    *archive = &file->archive;
    return PAWL_OK;
}

void pawl_ledger_file_close(struct pawl_archive *archive)
{
    if (archive == NULL) return;
    struct ledger_file *file = PAWL_OWNER(archive, struct ledger_file, archive);

    if (file->fd >= 0) {
        (void)fdatasync(file->fd);
        leave_index(file);
        (void)close(file->fd);
    }
    free(file->index);
    free(file);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "store/guard_text.h"

#include <string.h>

enum { ENTRY_HEAD = 1, ENTRY_SIGHT = 2 };
enum { FLAG_BLIND = 1, FLAG_FORMER = 2, FLAG_ANY_LINE = 4, FLAG_TURNED = 8, FLAGS = 15 };

static char *put_number(char *to, uint64_t number, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        *to++ = (char)(unsigned char)(number >> (8 * i));
    }
    return to;
}

static uint64_t get_number(const char *from, size_t size)
{
    uint64_t number = 0;

    for (size_t i = 0; i < size; i++) {
        number |= (uint64_t)(unsigned char)from[i] << (8 * i);
    }
    return number;
}

static char *put_mark(char *to, const struct pawl_mark *mark)
{
    to = put_number(to, mark->line, 8);
    to = put_number(to, mark->lap, 8);
    return put_number(to, (uint64_t)mark->id, 8);
}

static struct pawl_mark get_mark(const char *from)
{
    return (struct pawl_mark){get_number(from, 8), get_number(from + 8, 8),
                              (int64_t)get_number(from + 16, 8)};
}

static uint32_t seen_checksum(struct pawl_bytes name, const char *bytes)
{
    return pawl_bytes_crc32_more(pawl_bytes_crc32(name),
                                 (struct pawl_bytes){bytes, PAWL_SEEN_BYTES - 4});
}

void pawl_seen_write(struct pawl_bytes name, const struct pawl_seen *seen,
                     char bytes[PAWL_SEEN_BYTES])
{
    char *at = bytes;

    *at++ = PAWL_GUARD_FORMAT;
    *at++ = (char)((seen->blind ? FLAG_BLIND : 0) | (seen->former ? FLAG_FORMER : 0) |
                   (seen->any_line ? FLAG_ANY_LINE : 0) | (seen->turned ? FLAG_TURNED : 0));
    at = put_mark(at, &seen->mark);
    at = put_mark(at, &seen->first);
    at = put_mark(at, &seen->run_before);
    at = put_number(at, (uint64_t)seen->run_first, 8);
    at = put_number(at, (uint64_t)seen->increment, 8);
    at = put_number(at, (uint64_t)seen->dropped_s, 8);
    at = put_number(at, seen_checksum(name, bytes), 4);
    PAWL_ASSERT(at == bytes + PAWL_SEEN_BYTES);
}

bool pawl_seen_read(struct pawl_seen *seen, struct pawl_bytes name, struct pawl_bytes bytes)
{
    const char *at = bytes.at;

    if (bytes.size != PAWL_SEEN_BYTES || at[0] != PAWL_GUARD_FORMAT) return false;
    if (get_number(at + PAWL_SEEN_BYTES - 4, 4) != seen_checksum(name, at)) return false;
    if (((unsigned char)at[1] & ~(unsigned)FLAGS) != 0) return false;
    *seen = (struct pawl_seen){
        .blind = (at[1] & FLAG_BLIND) != 0,
        .former = (at[1] & FLAG_FORMER) != 0,
        .any_line = (at[1] & FLAG_ANY_LINE) != 0,
        .turned = (at[1] & FLAG_TURNED) != 0,
        .mark = get_mark(at + 2),
        .first = get_mark(at + 26),
        .run_before = get_mark(at + 50),
        .run_first = (int64_t)get_number(at + 74, 8),
        .increment = (int64_t)get_number(at + 82, 8),
        .dropped_s = (int64_t)get_number(at + 90, 8),
    };
    return true;
}

void pawl_head_write(const struct pawl_book_head *head, char bytes[PAWL_HEAD_BYTES])
{
    char *at = bytes;

    memset(bytes, 0, PAWL_HEAD_BYTES);
    *at++ = (char)head->branch.size;
    *at++ = (char)head->branch.loses;
    memcpy(at, head->branch.at, head->branch.size);
    at = put_number(at + PAWL_BRANCH_BYTES_MAX, head->position, 8);
    at = put_number(at, (uint64_t)head->began_s, 8);
    (void)put_number(at, pawl_bytes_crc32((struct pawl_bytes){bytes, PAWL_HEAD_BYTES - 4}), 4);
}

bool pawl_head_read(struct pawl_book_head *head, struct pawl_bytes bytes)
{
    const char *at = bytes.at;

    if (bytes.size != PAWL_HEAD_BYTES || (unsigned char)at[0] > PAWL_BRANCH_BYTES_MAX) return false;
    if (get_number(at + PAWL_HEAD_BYTES - 4, 4) !=
        pawl_bytes_crc32((struct pawl_bytes){at, PAWL_HEAD_BYTES - 4})) {
        return false;
    }
    *head = (struct pawl_book_head){
        .branch = {.size = (uint8_t)at[0], .loses = at[1] != 0},
        .position = get_number(at + 2 + PAWL_BRANCH_BYTES_MAX, 8),
        .began_s = (int64_t)get_number(at + 2 + PAWL_BRANCH_BYTES_MAX + 8, 8),
    };
    memcpy(head->branch.at, at + 2, head->branch.size);
    return true;
}

size_t pawl_frame_write(uint64_t generation, const struct pawl_entries *entries, char *bytes)
{
    char *body = bytes + PAWL_FRAME_HEAD_BYTES;
    char *at = put_number(body, generation, 8);

    if (entries->head != NULL) {
        *at++ = ENTRY_HEAD;
        pawl_head_write(entries->head, at);
        at += PAWL_HEAD_BYTES;
    }
    for (size_t i = 0; i < entries->count; i++) {
        const struct pawl_sight *sight = &entries->sights[i];

        PAWL_ASSERT(sight->name.size > 0 && sight->name.size <= PAWL_NAME_BYTES_MAX);
        *at++ = ENTRY_SIGHT;
        *at++ = (char)sight->name.size;
        memcpy(at, sight->name.at, sight->name.size);
        at += sight->name.size;
        pawl_seen_write(sight->name, &sight->seen, at);
        at += PAWL_SEEN_BYTES;
    }
    size_t size = (size_t)(at - body);

    (void)put_number(bytes, size, 4);
    (void)put_number(bytes + 4, pawl_bytes_crc32((struct pawl_bytes){body, size}), 4);
    return PAWL_FRAME_HEAD_BYTES + size;
}

/* One entry at the front of rest; 0: it cannot be meant. reader NULL: only how long it is. */
static size_t read_entry(struct pawl_bytes rest, struct pawl_frame_reader *reader)
{
    if (rest.at[0] == ENTRY_HEAD) {
        struct pawl_book_head head;

        if (rest.size < 1 + PAWL_HEAD_BYTES ||
            !pawl_head_read(&head, (struct pawl_bytes){rest.at + 1, PAWL_HEAD_BYTES})) {
            return 0;
        }
        if (reader != NULL) reader->head(reader, &head);
        return 1 + PAWL_HEAD_BYTES;
    }
    if (rest.at[0] != ENTRY_SIGHT || rest.size < 2) return 0;

    struct pawl_sight sight = {.name = {rest.at + 2, (unsigned char)rest.at[1]}};
    size_t size = 2 + sight.name.size + PAWL_SEEN_BYTES;

    if (sight.name.size == 0 || rest.size < size ||
        !pawl_seen_read(&sight.seen, sight.name,
                        (struct pawl_bytes){rest.at + 2 + sight.name.size, PAWL_SEEN_BYTES})) {
        return 0;
    }
    if (reader != NULL) reader->sight(reader, &sight);
    return size;
}

/* All entries of one frame, or none. */
static bool read_frame(struct pawl_bytes body, struct pawl_frame_reader *reader)
{
    for (size_t at = 8; at < body.size;) {
        size_t size = read_entry((struct pawl_bytes){body.at + at, body.size - at}, reader);

        if (size == 0) return false;
        at += size;
    }
    return true;
}

/* The body of the frame at the front of rest; size 0: it is cut or harmed. */
static struct pawl_bytes whole_body(struct pawl_bytes rest)
{
    const struct pawl_bytes none = {.size = 0};

    if (rest.size < PAWL_FRAME_HEAD_BYTES) return none;
    struct pawl_bytes body = {rest.at + PAWL_FRAME_HEAD_BYTES, get_number(rest.at, 4)};

    if (body.size < 8 || body.size > PAWL_FRAME_BYTES_MAX - PAWL_FRAME_HEAD_BYTES) return none;
    if (body.size > rest.size - PAWL_FRAME_HEAD_BYTES) return none;
    /* Where a frame is looked for at each byte, most end here, before all of them is read. */
    if (body.size > 8 && body.at[8] != ENTRY_HEAD && body.at[8] != ENTRY_SIGHT) return none;
    if (get_number(rest.at + 4, 4) != pawl_bytes_crc32(body)) return none;
    return read_frame(body, NULL) ? body : none;
}

static struct pawl_bytes from_there(struct pawl_bytes journal, size_t at)
{
    return (struct pawl_bytes){journal.at + at, journal.size - at};
}

size_t pawl_frames_read(struct pawl_bytes journal, uint64_t generation,
                        struct pawl_frame_reader *reader)
{
    size_t at = 0;

    while (at < journal.size) {
        struct pawl_bytes body = whole_body(from_there(journal, at));

        if (body.size == 0) break;
        if (get_number(body.at, 8) == generation) (void)read_frame(body, reader);
        at += PAWL_FRAME_HEAD_BYTES + body.size;
    }
    return at;
}

size_t pawl_frames_next(struct pawl_bytes journal, size_t from)
{
    while (from < journal.size && whole_body(from_there(journal, from)).size == 0) {
        from++;
    }
    return from;
}

uint64_t pawl_frames_newest(struct pawl_bytes journal)
{
    uint64_t newest = 0;

    for (size_t at = pawl_frames_next(journal, 0); at < journal.size;) {
        struct pawl_bytes body = whole_body(from_there(journal, at));

        PAWL_ASSERT(body.at != NULL); /* there is a whole one where pawl_frames_next stops */
        uint64_t generation = get_number(body.at, 8);

        if (generation > newest) newest = generation;
        at = pawl_frames_next(journal, at + PAWL_FRAME_HEAD_BYTES + body.size);
    }
    return newest;
}

bool pawl_guard_stores_find(struct pawl_bytes text, struct pawl_bytes url, struct pawl_bytes *name)
{
    size_t lines = 0;

    *name = (struct pawl_bytes){.size = 0};
    while (text.size > 0) {
        const char *end = memchr(text.at, '\n', text.size);
        const char *blank = end == NULL ? NULL : memchr(text.at, ' ', (size_t)(end - text.at));

        if (blank == NULL || blank == text.at || ++lines > PAWL_GUARD_STORES_MAX) return false;
        struct pawl_bytes said = {blank + 1, (size_t)(end - blank) - 1};

        if ((size_t)(blank - text.at) >= PAWL_GUARD_NAME_BYTES) return false;
        if (pawl_bytes_equal(said, url)) {
            *name = (struct pawl_bytes){text.at, (size_t)(blank - text.at)};
        }
        text.size -= (size_t)(end + 1 - text.at);
        text.at = end + 1;
    }
    return true;
}

void pawl_guard_name_show(const struct pawl_identity *store, char text[PAWL_GUARD_NAME_BYTES])
{
    static const char digits[] = "0123456789abcdef";
    size_t at = 0;

    for (size_t i = 0; i < store->name_size; i++) {
        unsigned char byte = (unsigned char)store->name[i];
        bool plain = (byte >= '0' && byte <= '9') || (byte >= 'a' && byte <= 'z') ||
                     (byte >= 'A' && byte <= 'Z') || byte == '-' || byte == '_';

        if (plain) {
            text[at++] = (char)byte;
            continue;
        }
        text[at++] = '%';
        text[at++] = digits[byte >> 4];
        text[at++] = digits[byte & 15];
    }
    text[at] = '\0';
}

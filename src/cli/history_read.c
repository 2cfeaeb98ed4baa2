/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/history_own.h"

#include <stdlib.h>
#include <string.h>

enum { COLUMNS = 3, ROOM_LEAST = 1024 };

/* A text as it is read: columns[0] is ids, the others are times if the first line has some. */
struct lines {
    uint64_t line;
    int64_t *columns[COLUMNS];
    size_t column_count, count, room;
};

static bool grow(struct lines *lines)
{
    size_t room = lines->room == 0 ? ROOM_LEAST : lines->room * 2;

    for (size_t i = 0; i < lines->column_count; i++) {
        int64_t *grown = realloc(lines->columns[i], room * sizeof *grown);

        if (grown == NULL) return false;
        lines->columns[i] = grown;
    }
    lines->room = room;
    return true;
}

/* The numbers of one line; 0: it is not made of one or three. */
static size_t numbers_of(struct pawl_bytes line, int64_t numbers[COLUMNS])
{
    size_t count = 0;

    while (line.size > 0) {
        const char *blank = memchr(line.at, ' ', line.size);
        size_t size = blank == NULL ? line.size : (size_t)(blank - line.at);

        if (count == COLUMNS) return 0;
        if (!pawl_bytes_to_i64((struct pawl_bytes){line.at, size}, &numbers[count])) return 0;
        count++;
        if (blank == NULL) break;
        line = (struct pawl_bytes){blank + 1, line.size - size - 1};
    }
    return count == 2 ? 0 : count;
}

static pawl_err read_line(const char *path, struct lines *lines, struct pawl_bytes line,
                          pawl_error *error)
{
    int64_t numbers[COLUMNS];

    if (line.size > 0 && line.at[line.size - 1] == '\r') line.size--;
    if (line.size == 0 || line.at[0] == '#') return PAWL_OK;
    size_t count = numbers_of(line, numbers);

    if (lines->column_count == 0) lines->column_count = count;
    if (count == 0 || count != lines->column_count) {
        return pawl_fail(error, PAWL_BAD_REQUEST,
                         "%s:%llu: each line must be ID, or each one ID BEGUN_NS DONE_NS", path,
                         (unsigned long long)lines->line);
    }
    if (count == COLUMNS && numbers[1] > numbers[2]) {
        return pawl_fail(error, PAWL_BAD_REQUEST, "%s:%llu: the call had returned before it began",
                         path, (unsigned long long)lines->line);
    }
    if (lines->count == lines->room && !grow(lines)) {
        return pawl_fail(error, PAWL_NO_MEMORY, "no memory for the ids of %s", path);
    }
    for (size_t i = 0; i < count; i++) {
        lines->columns[i][lines->count] = numbers[i];
    }
    lines->count++;
    return PAWL_OK;
}

static pawl_err read_lines(struct pawl_bytes text, struct history_taker *taker, struct lines *lines,
                           pawl_error *error)
{
    if (text.at == NULL) return PAWL_OK; /* an empty file */
    while (text.size > 0) {
        const char *end = memchr(text.at, '\n', text.size);

        taker->cut = end == NULL;
        if (taker->cut) break;
        struct pawl_bytes line = {text.at, (size_t)(end - text.at)};
        lines->line++;
        pawl_err err = read_line(taker->name, lines, line, error);
        if (err != PAWL_OK) return err;
        text = (struct pawl_bytes){end + 1, text.size - line.size - 1};
    }
    return PAWL_OK;
}

static pawl_err read_text(struct pawl_bytes text, struct history_taker *taker, pawl_error *error)
{
    struct lines lines = {.line = 0};
    pawl_err err = read_lines(text, taker, &lines, error);

    /* One piece, so that one pointer gives it back. */
    if (err == PAWL_OK && lines.count > 0) {
        size_t bytes = lines.count * sizeof(int64_t);
        int64_t *made = malloc(bytes * lines.column_count);

        if (made == NULL) err = pawl_fail(error, PAWL_NO_MEMORY, "no memory for %s", taker->name);
        for (size_t i = 0; made != NULL && i < lines.column_count; i++) {
            memcpy(made + i * lines.count, lines.columns[i], bytes);
        }
        taker->made = made;
        taker->ids = made;
        taker->count = made == NULL ? 0 : lines.count;
        if (made != NULL && lines.column_count == COLUMNS) {
            taker->begun_ns = made + lines.count;
            taker->done_ns = made + 2 * lines.count;
        }
    }
    for (size_t i = 0; i < COLUMNS; i++) {
        free(lines.columns[i]);
    }
    return err;
}

/* Numbers as they lie in the file, and not text. */
static bool is_binary(const struct history_taker *taker)
{
    size_t size = strlen(taker->name);

    return size > 4 && strcmp(taker->name + size - 4, ".i64") == 0;
}

pawl_err history_parse(struct pawl_bytes bytes, struct history_taker *taker, pawl_error *error)
{
    if (!is_binary(taker)) return read_text(bytes, taker, error);
    taker->ids = (const void *)bytes.at;
    taker->count = bytes.size / sizeof(int64_t);
    taker->cut = bytes.size % sizeof(int64_t) != 0;
    return PAWL_OK;
}

/* The first bytes of what gzip, zstd, xz and bzip2 write; no line begins so. */
static bool is_packed(struct pawl_bytes bytes)
{
    static const struct pawl_bytes magics[] = {{"\x1f\x8b", 2},
                                               {"\x28\xb5\x2f\xfd", 4},
                                               {"\xfd"
                                                "7zXZ",
                                                5},
                                               {"BZh", 3}};

    for (size_t i = 0; i < PAWL_COUNT(magics); i++) {
        if (bytes.size >= magics[i].size && memcmp(bytes.at, magics[i].at, magics[i].size) == 0) {
            return true;
        }
    }
    return false;
}

static pawl_err read_one(const char *path, struct history_taker *taker, pawl_error *error)
{
    *taker = (struct history_taker){.name = path};
    pawl_err err = stream_hold(path, &taker->stream, error);
    if (err != PAWL_OK) return err;
    const struct pawl_bytes bytes = {taker->stream.bytes, taker->stream.size};

    if (is_binary(taker)) return history_parse(bytes, taker, error);
    err = is_packed(bytes)
              ? pawl_fail(error, PAWL_BAD_REQUEST,
                          "%s is compressed; unpack it, as in: zcat FILE | pawl verify -",
                          taker->name)
              : history_parse(bytes, taker, error);
    stream_let_go(&taker->stream);
    return err;
}

static int compare_files(const void *left, const void *right)
{
    const struct stream *one = &(*(const struct history_taker *const *)left)->stream;
    const struct stream *two = &(*(const struct history_taker *const *)right)->stream;

    if (one->device != two->device) return one->device < two->device ? -1 : 1;
    return one->inode < two->inode ? -1 : one->inode > two->inode;
}

/* Who names a file twice is told so, and not that its ids were given twice. */
static pawl_err check_once(const struct history *history, pawl_error *error)
{
    const struct history_taker **sorted = calloc(history->count + 1, sizeof(void *));
    pawl_err err = PAWL_OK;

    if (sorted == NULL) return pawl_fail(error, PAWL_NO_MEMORY, "no memory for the files' names");
    for (size_t i = 0; i < history->count; i++) {
        sorted[i] = &history->takers[i];
    }
    qsort(sorted, history->count, sizeof(void *), compare_files);
    for (size_t i = 1; i < history->count && err == PAWL_OK; i++) {
        if (compare_files(&sorted[i - 1], &sorted[i]) != 0) continue;
        err = pawl_fail(error, PAWL_BAD_REQUEST,
                        "%s and %s are one file; name each taker's file once", sorted[i - 1]->name,
                        sorted[i]->name);
    }
    free(sorted);
    return err;
}

pawl_err history_read(char *const *paths, size_t count, struct history *history, pawl_error *error)
{
    *history = (struct history){.count = 0};
    if (count > HISTORY_TAKERS_MAX) {
        return pawl_fail(error, PAWL_LIMIT, "these are more than %d files", HISTORY_TAKERS_MAX);
    }
    history->takers = calloc(count + 1, sizeof *history->takers);
    if (history->takers == NULL) {
        return pawl_fail(error, PAWL_NO_MEMORY, "no memory for %zu files", count);
    }
    for (size_t i = 0; i < count; i++) {
        history->count++;
        pawl_err err = read_one(paths[i], &history->takers[i], error);

        if (err != PAWL_OK) return err;
    }
    return check_once(history, error);
}

void history_free(struct history *history)
{
    for (size_t i = 0; i < history->count; i++) {
        struct history_taker *taker = &history->takers[i];

        stream_let_go(&taker->stream);
        free(taker->made);
    }
    free(history->takers);
    *history = (struct history){.count = 0};
}

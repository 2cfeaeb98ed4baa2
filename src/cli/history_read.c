/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/history.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum { COLUMNS = 3, ROOM_LEAST = 1024 };

/* A text as it is read: columns[0] is ids, the others are times if the first line has some. */
struct lines {
    const char *at, *end;
    uint64_t line;
    int64_t *columns[COLUMNS];
    size_t column_count, count, room;
};

static pawl_err map_file(const char *path, struct history_taker *taker, pawl_error *error)
{
    struct stat facts;
    int file = open(path, O_RDONLY | O_CLOEXEC);
    bool opened = file >= 0 && fstat(file, &facts) == 0;

    if (opened && facts.st_size > 0) {
        taker->mapped_size = (size_t)facts.st_size;
        taker->mapped = mmap(NULL, taker->mapped_size, PROT_READ, MAP_PRIVATE, file, 0);
        opened = taker->mapped != MAP_FAILED;
        if (!opened) taker->mapped = NULL;
    }
    int reason = errno;
    if (file >= 0) (void)close(file);
    if (opened) return PAWL_OK;
    return pawl_fail(error, PAWL_BAD_REQUEST, "%s: cannot be read: %s", path, strerror(reason));
}

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

static pawl_err read_lines(const char *path, struct history_taker *taker, struct lines *lines,
                           pawl_error *error)
{
    lines->at = taker->mapped;
    lines->end = lines->at + taker->mapped_size;
    while (lines->at < lines->end) {
        const char *line_end = memchr(lines->at, '\n', (size_t)(lines->end - lines->at));

        taker->cut = line_end == NULL;
        if (taker->cut) break;
        struct pawl_bytes line = {lines->at, (size_t)(line_end - lines->at)};
        lines->line++;
        pawl_err err = read_line(path, lines, line, error);
        if (err != PAWL_OK) return err;
        lines->at = line_end + 1;
    }
    return PAWL_OK;
}

static pawl_err read_text(const char *path, struct history_taker *taker, pawl_error *error)
{
    struct lines lines = {.line = 0};
    pawl_err err = taker->mapped_size == 0 ? PAWL_OK : read_lines(path, taker, &lines, error);

    /* One piece, so that one pointer gives it back. */
    if (err == PAWL_OK && lines.count > 0) {
        size_t bytes = lines.count * sizeof(int64_t);
        int64_t *made = malloc(bytes * lines.column_count);

        if (made == NULL) err = pawl_fail(error, PAWL_NO_MEMORY, "no memory for %s", path);
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
    if (taker->mapped != NULL) (void)munmap(taker->mapped, taker->mapped_size);
    taker->mapped = NULL;
    return err;
}

static pawl_err read_one(const char *path, struct history_taker *taker, pawl_error *error)
{
    size_t size = strlen(path);

    *taker = (struct history_taker){.name = path};
    pawl_err err = map_file(path, taker, error);
    if (err != PAWL_OK) return err;
    if (size <= 4 || strcmp(path + size - 4, ".i64") != 0) return read_text(path, taker, error);
    taker->ids = taker->mapped;
    taker->count = taker->mapped_size / sizeof(int64_t);
    taker->cut = taker->mapped_size % sizeof(int64_t) != 0;
    return PAWL_OK;
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
    return PAWL_OK;
}

void history_free(struct history *history)
{
    for (size_t i = 0; i < history->count; i++) {
        struct history_taker *taker = &history->takers[i];

        if (taker->mapped != NULL) (void)munmap(taker->mapped, taker->mapped_size);
        free(taker->made);
    }
    free(history->takers);
    *history = (struct history){.count = 0};
}

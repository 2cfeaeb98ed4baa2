/* SPDX-License-Identifier: Apache-2.0 */
/*
 * libFuzzer on the files of `pawl verify`, and on how they are judged. Of the input the first byte
 * says how: as text or as .i64, by which rules; the rest is the file. Laws, beyond "no byte outside
 * is touched":
 *   - a line that is none is an error that names the file, and what is read is judged
 *   - each id is a distinct one, one that came before, or off the grid; faults have examples
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "cli/history.h"

enum {
    IS_BINARY = 1,
    IS_GLOBAL = 2,
    FALLS = 4,
    HAS_GRID = 8,
    HAS_BOUNDS = 16,
    IS_READ_ONLY = 0xe0
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The file, in memory; its name has the ending that says what it is. */
struct memory_file {
    int fd;
    char text_path[64], folder[64], binary_path[96];
};

static bool file_open(struct memory_file *file)
{
    file->fd = memfd_create("history", MFD_CLOEXEC);
    if (file->fd < 0) return false;
    (void)snprintf(file->text_path, sizeof file->text_path, "/proc/self/fd/%d", file->fd);
    (void)snprintf(file->folder, sizeof file->folder, "/tmp/pawl-history-XXXXXX");
    if (mkdtemp(file->folder) == NULL) return false;
    (void)snprintf(file->binary_path, sizeof file->binary_path, "%s/a.i64", file->folder);
    return symlink(file->text_path, file->binary_path) == 0;
}

static void check_report(const struct history_report *report, const struct history *history)
{
    uint64_t count = 0;
    uint64_t faults = 0;

    for (size_t i = 0; i < history->count; i++) {
        count += history->takers[i].count;
    }
    for (size_t i = 0; i < HISTORY_FAULTS; i++) {
        faults += report->faults[i];
    }
    PAWL_ASSERT(report->ids == count);
    PAWL_ASSERT(report->distinct + report->faults[HISTORY_TWICE] + report->faults[HISTORY_GRID] ==
                count);
    PAWL_ASSERT(report->example_count <= HISTORY_EXAMPLES_MAX);
    PAWL_ASSERT((report->example_count == 0) == (faults == 0));
    PAWL_ASSERT((report->missing == 0) == (report->gaps == 0));
    PAWL_ASSERT(report->largest <= report->missing);
}

static void check(const char *path, uint8_t how)
{
    char *const paths[] = {(char *)(uintptr_t)path};
    const struct history_rules rules = {
        .increment = (how & FALLS) != 0 ? -3 : 1,
        .least = (how & HAS_BOUNDS) != 0 ? -5 : INT64_MIN,
        .most = (how & HAS_BOUNDS) != 0 ? 1000 : INT64_MAX,
        .grid = (how & HAS_GRID) != 0,
        .start = 1,
        .global = (how & IS_GLOBAL) != 0,
        .threads = 1,
    };
    struct history history;
    struct history_report report;
    pawl_error error = {.text = ""};
    pawl_err err = history_read(paths, 1, &history, &error);

    PAWL_ASSERT((err == PAWL_OK) == (error.text[0] == '\0'));
    bool judged = err == PAWL_OK && (how & IS_READ_ONLY) == 0; /* which takes its time */

    if (judged && history_check(&history, &rules, &report, &error) == PAWL_OK) {
        check_report(&report, &history);
    }
    history_free(&history);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct memory_file file = {.fd = -1};

    if (size == 0 || (file.fd < 0 && !file_open(&file))) return 0;
    PAWL_ASSERT(ftruncate(file.fd, 0) == 0);
    PAWL_ASSERT(pwrite(file.fd, data + 1, size - 1, 0) == (ssize_t)size - 1);
    check((data[0] & IS_BINARY) != 0 ? file.binary_path : file.text_path, data[0]);
    return 0;
}

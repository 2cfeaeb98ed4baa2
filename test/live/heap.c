/* SPDX-License-Identifier: Apache-2.0 */
#include "heap.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

void site_begin(struct site *site, bool on_store)
{
    pawl_error error = {.code = PAWL_OK};

    *site = (struct site){.client = NULL};
    served_folder(&site->served);
    if (on_store) {
        (void)snprintf(site->url, sizeof site->url, "lmdb:%s/store", site->served.folder);
    } else {
        served_start(&site->served);
        (void)snprintf(site->url, sizeof site->url, "pawl://127.0.0.1:%d", site->served.port);
    }
    if (pawl_open(site->url, NULL, &site->client, &error) != PAWL_OK ||
        pawl_create(site->client, "s", NULL, &error) != PAWL_OK ||
        pawl_seq_open(site->client, "s", &site->seq, &error) != PAWL_OK) {
        fail_msg("%s", error.text);
    }
}

void site_end(struct site *site)
{
    pawl_close(site->client);
    served_stop(&site->served);
}

void heap_begin(struct heap *heap)
{
    heap->count = 0;
    heap->file = memfd_create("ids", MFD_CLOEXEC);
    assert_true(heap->file >= 0);
    assert_int_equal(fcntl(heap->file, F_SETFL, O_APPEND), 0);
}

static int by_value(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a;
    int64_t y = *(const int64_t *)b;

    return (x > y) - (x < y);
}

void heap_end(struct heap *heap, size_t want)
{
    off_t size = lseek(heap->file, 0, SEEK_END);

    assert_in_range(size, 0, sizeof heap->ids);
    assert_int_equal(pread(heap->file, heap->ids, (size_t)size, 0), size);
    heap->count = (size_t)size / sizeof heap->ids[0];
    (void)close(heap->file);
    assert_int_equal(heap->count, want);
    qsort(heap->ids, heap->count, sizeof heap->ids[0], by_value);
    for (size_t i = 1; i < heap->count; i++) {
        if (heap->ids[i] == heap->ids[i - 1]) fail_msg("%lld came twice", (long long)heap->ids[i]);
    }
}

int heap_draw(pawl_seq *seq, int to, int count)
{
    int64_t last = 0;

    for (int i = 0; i < count; i++) {
        int64_t id = 0;
        pawl_err err = pawl_next(seq, &id);

        if (err != PAWL_OK) return (int)err;
        if (id <= last) return 100;
        last = id;
        if (write(to, &id, sizeof id) != sizeof id) return 101;
    }
    return 0;
}

void child_join(pid_t child)
{
    int status = 0;

    assert_int_equal(waitpid(child, &status, 0), child);
    if (!WIFEXITED(status)) fail_msg("the child got signal %d", WTERMSIG(status));
    if (WEXITSTATUS(status) != 0) fail_msg("the child ended with %d", WEXITSTATUS(status));
}

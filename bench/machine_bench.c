/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a machine is like, as far as it decides what a bench shows: how long a cache line takes from
 * core to core and back (a host may move its cores, so ten times), a system call, and a block to
 * the disk. Prints one JSON object of sentences.
 */
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/clock.h"

enum { TRIPS = 100000, SAMPLES = 10, CALLS = 1000000, WRITES = 200, BLOCK_BYTES = 4096 };

struct court {
    _Alignas(64) _Atomic int ball; /* odd: the other side's turn */
};

static void pin(int core)
{
    cpu_set_t cores;

    CPU_ZERO(&cores);
    CPU_SET((size_t)core, &cores);
    (void)sched_setaffinity(0, sizeof cores, &cores);
}

static void *return_all(void *arg)
{
    struct court *court = arg;

    pin(1);
    for (int i = 0; i < TRIPS; i++) {
        while (atomic_load_explicit(&court->ball, memory_order_acquire) != 2 * i + 1) {
        }
        atomic_store_explicit(&court->ball, 2 * i + 2, memory_order_release);
    }
    return NULL;
}

static double round_trip_ns(void)
{
    static struct court court;
    pthread_t other;

    atomic_store(&court.ball, 0);
    if (pthread_create(&other, NULL, return_all, &court) != 0) abort();
    pin(0);
    uint64_t begun_ns = pawl_clock_ns();
    for (int i = 0; i < TRIPS; i++) {
        atomic_store_explicit(&court.ball, 2 * i + 1, memory_order_release);
        while (atomic_load_explicit(&court.ball, memory_order_acquire) != 2 * i + 2) {
        }
    }
    double ns = (double)(pawl_clock_ns() - begun_ns) / TRIPS;
    (void)pthread_join(other, NULL);
    return ns;
}

static double system_call_ns(void)
{
    uint64_t begun_ns = pawl_clock_ns();

    for (int i = 0; i < CALLS; i++) {
        (void)syscall(SYS_getppid);
    }
    return (double)(pawl_clock_ns() - begun_ns) / CALLS;
}

static int order(const void *a, const void *b)
{
    const double *x = a, *y = b;

    return (*x > *y) - (*x < *y);
}

/* The median; -1: there is nowhere to write. */
static double sync_us(void)
{
    static const char block[BLOCK_BYTES];
    static double took_us[WRITES];
    char path[] = "/tmp/pawl-machine-XXXXXX";
    int file = mkstemp(path);

    if (file < 0) return -1;
    (void)unlink(path);
    for (int i = 0; i < WRITES; i++) {
        uint64_t begun_ns = pawl_clock_ns();

        if (pwrite(file, block, sizeof block, 0) < 0 || fdatasync(file) != 0) return -1;
        took_us[i] = (double)(pawl_clock_ns() - begun_ns) / 1e3;
    }
    (void)close(file);
    qsort(took_us, WRITES, sizeof took_us[0], order);
    return took_us[WRITES / 2];
}

int main(void)
{
    double trips_ns[SAMPLES];

    for (int i = 0; i < SAMPLES; i++) {
        trips_ns[i] = round_trip_ns();
    }
    qsort(trips_ns, SAMPLES, sizeof trips_ns[0], order);
    printf("{\"a cache line from core to core and back\": \"%.0f ns (%.0f – %.0f)\", "
           "\"a system call\": \"%.0f ns\", \"4 KiB to the disk and fdatasync\": \"%.0f µs\"}\n",
           trips_ns[SAMPLES / 2], trips_ns[0], trips_ns[SAMPLES - 1], system_call_ns(), sync_us());
    return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* The clock, the luck and the events of a run, and what is told when a law is broken. */
#include "sim.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ARENA_BYTES = 192 * 1024 * 1024 };

static struct sim *current;

struct sim *sim_now(void)
{
    return current;
}

static void *reserve(size_t size)
{
    void *memory = calloc(1, size);

    if (memory == NULL) {
        (void)fprintf(stderr, "the simulation needs %zu bytes more\n", size);
        exit(2);
    }
    return memory;
}

void sim_begin(struct sim *sim, uint64_t seed)
{
    struct sim kept = *sim;

    *sim = (struct sim){.seed = seed, .random = seed};
    sim->heap = kept.heap != NULL ? kept.heap : reserve(SIM_EVENTS_MAX * sizeof *sim->heap);
    sim->notes = kept.notes != NULL ? kept.notes : reserve(SIM_NOTES * sizeof *sim->notes);
    sim->arena = kept.arena != NULL ? kept.arena : reserve(ARENA_BYTES);
    sim->arena_size = ARENA_BYTES;
    sim->tracing = getenv("PAWL_TRACE") != NULL;
    current = sim;
    (void)pawl_random(&sim->random);
}

void sim_end(struct sim *sim)
{
    memset(sim->arena, 0, sim->arena_used);
    sim->arena_used = 0;
}

void *sim_alloc(struct sim *sim, size_t size)
{
    void *memory = sim->arena + sim->arena_used;

    sim->arena_used += (size + 63) / 64 * 64;
    if (sim->arena_used > sim->arena_size) {
        sim_fail(sim, SIM_NO_SEQ, "simulation", "a run needs more memory than there is");
    }
    return memory;
}

uint64_t sim_dice(struct sim *sim, uint64_t sides)
{
    return pawl_random(&sim->random) % sides;
}

bool sim_luck(struct sim *sim, uint64_t percent)
{
    return sim_dice(sim, 100) < percent;
}

/* Events: a binary heap, the earliest at 0. */

static bool earlier(const struct sim_event *a, const struct sim_event *b)
{
    if (a->at_ns != b->at_ns) return a->at_ns < b->at_ns;
    return a->tie < b->tie;
}

void sim_at(struct sim *sim, uint64_t at_ns, sim_happens happens, void *object, uint64_t arg)
{
    struct sim_event event = {at_ns, pawl_random(&sim->random), happens, object, arg};
    size_t at = sim->event_count++;

    if (at_ns < sim->now_ns) event.at_ns = sim->now_ns;
    if (at == SIM_EVENTS_MAX) {
        sim_fail(sim, SIM_NO_SEQ, "simulation", "more than %d events are planned", SIM_EVENTS_MAX);
    }
    while (at > 0 && earlier(&event, &sim->heap[(at - 1) / 2])) {
        sim->heap[at] = sim->heap[(at - 1) / 2];
        at = (at - 1) / 2;
    }
    sim->heap[at] = event;
}

void sim_after(struct sim *sim, uint64_t ns, sim_happens happens, void *object, uint64_t arg)
{
    sim_at(sim, sim->now_ns + ns, happens, object, arg);
}

uint64_t sim_awake(const struct sim *sim, uint64_t ns)
{
    uint64_t at_ns = sim->now_ns + ns;
    bool night = at_ns >= sim->plan.night_ns && at_ns < sim->plan.morning_ns;

    return night ? sim->plan.morning_ns + ns - sim->now_ns : ns;
}

static struct sim_event event_pop(struct sim *sim)
{
    struct sim_event first = sim->heap[0];
    struct sim_event last = sim->heap[--sim->event_count];
    size_t at = 0;

    for (;;) {
        size_t child = 2 * at + 1;

        if (child >= sim->event_count) break;
        if (child + 1 < sim->event_count && earlier(&sim->heap[child + 1], &sim->heap[child])) {
            child++;
        }
        if (!earlier(&sim->heap[child], &last)) break;
        sim->heap[at] = sim->heap[child];
        at = child;
    }
    sim->heap[at] = last;
    return first;
}

bool sim_step(struct sim *sim, uint64_t until_ns)
{
    if (sim->event_count == 0 || sim->heap[0].at_ns >= until_ns) {
        sim->now_ns = until_ns;
        return false;
    }
    struct sim_event event = event_pop(sim);

    sim->now_ns = event.at_ns;
    sim->step++;
    event.happens(event.object, event.arg);
    return true;
}

/* Notes and failures. */

static void note_tell(const struct sim *sim, const struct sim_note *note)
{
    (void)fprintf(stderr, "  %10.6f s  step %-6" PRIu64 " ", (double)note->at_ns / 1e9, note->step);
    if (note->node >= 0) (void)fprintf(stderr, "node %d ", note->node);
    if (note->seq >= 0) (void)fprintf(stderr, "%s ", sim->seqs[note->seq].name);
    (void)fprintf(stderr, note->what, note->a, note->b, note->c, note->d);
    (void)fputc('\n', stderr);
}

void sim_note(struct sim *sim, const struct sim_note *note)
{
    struct sim_note *kept = &sim->notes[sim->note_count++ % SIM_NOTES];

    *kept = *note;
    kept->at_ns = sim->now_ns;
    kept->step = sim->step;
    if (sim->tracing) note_tell(sim, kept);
}

/* The last notes about seq, and those about no sequence in between. */
static void notes_tell(const struct sim *sim, int seq)
{
    uint64_t oldest = sim->note_count > SIM_NOTES ? sim->note_count - SIM_NOTES : 0;
    uint64_t at = sim->note_count;

    for (int told = 0; at > oldest && told < SIM_NOTES_TOLD; at--) {
        int about = sim->notes[(at - 1) % SIM_NOTES].seq;

        told += about == SIM_NO_SEQ || about == seq || seq == SIM_NO_SEQ;
    }
    for (; at < sim->note_count; at++) {
        const struct sim_note *note = &sim->notes[at % SIM_NOTES];

        if (note->seq == SIM_NO_SEQ || note->seq == seq || seq == SIM_NO_SEQ) note_tell(sim, note);
    }
}

void sim_fail(struct sim *sim, int seq, const char *law, const char *format, ...)
{
    va_list arguments;

    if (!sim->tracing) notes_tell(sim, seq);
    (void)fprintf(stderr,
                  "PAWL_SEED=%" PRIu64 " step %" PRIu64 " at %.6f s: law \"%s\": ", sim->seed,
                  sim->step, (double)sim->now_ns / 1e9, law);
    if (seq >= 0) (void)fprintf(stderr, "sequence %s: ", sim->seqs[seq].name);
    va_start(arguments, format);
    (void)vfprintf(stderr, format, arguments);
    va_end(arguments);
    (void)fputc('\n', stderr);
    exit(1);
}

/* In place of base/assert.c: a broken assertion of the product tells its seed too. */
void pawl_assert_failed(const char *condition, const char *file, int line)
{
    if (current == NULL) abort();
    sim_fail(current, SIM_NO_SEQ, "assertion", "%s:%d: %s", file, line, condition);
}

int sim_seq_find(const struct sim *sim, struct pawl_bytes name)
{
    for (int i = 0; i < SIM_SEQS; i++) {
        if (pawl_bytes_equal(name, sim_seq_name(sim, i))) return i;
    }
    return -1;
}

struct pawl_bytes sim_seq_name(const struct sim *sim, int seq)
{
    return (struct pawl_bytes){sim->seqs[seq].name, strlen(sim->seqs[seq].name)};
}

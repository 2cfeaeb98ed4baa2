/* SPDX-License-Identifier: Apache-2.0 */
/* A guard's journal as bytes: what was written is read, what is cut or harmed says nothing. */
#include "store/guard_text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

enum { SIGHTS = 3, GENERATION = 5, JOURNAL_BYTES = 4096 };

/* What was read, in its order. */
struct listener {
    struct pawl_frame_reader reader;
    struct pawl_sight sights[8];
    size_t count;
    struct pawl_book_head head;
    size_t heads;
};

static void hear_head(struct pawl_frame_reader *reader, const struct pawl_book_head *head)
{
    struct listener *listener = PAWL_OWNER(reader, struct listener, reader);

    listener->head = *head;
    listener->heads++;
}

static void hear_sight(struct pawl_frame_reader *reader, const struct pawl_sight *sight)
{
    struct listener *listener = PAWL_OWNER(reader, struct listener, reader);

    assert_true(listener->count < PAWL_COUNT(listener->sights));
    listener->sights[listener->count++] = *sight;
}

static struct listener read_all(struct pawl_bytes journal, uint64_t generation, size_t *size)
{
    struct listener listener = {.reader = {hear_head, hear_sight}};

    *size = pawl_frames_read(journal, generation, &listener.reader);
    return listener;
}

static const struct pawl_book_head head = {
    .branch = {.size = 3, .loses = true, .at = "one"}, .position = 77, .began_s = 5000};

static const struct pawl_sight sights[SIGHTS] = {
    {{"orders", 6}, {.mark = {3, 1, 900}, .first = {3, 0, 1}, .run_first = 801, .increment = 1}},
    {{"t", 1}, {.mark = {9, 0, -40}, .run_before = {9, 0, -20}, .increment = -2, .blind = true}},
    {{"u", 1}, {.mark = {9, 0, 4}, .increment = 1, .former = true, .any_line = true}},
};

static const struct pawl_entries entries = {.head = &head, .sights = sights, .count = SIGHTS};

static void assert_heard(const struct listener *listener)
{
    assert_int_equal(listener->heads, 1);
    assert_int_equal(listener->head.position, head.position);
    assert_int_equal(listener->head.began_s, head.began_s);
    assert_int_equal(listener->head.branch.size, 3);
    assert_memory_equal(listener->head.branch.at, "one", 3);
    assert_int_equal(listener->count, SIGHTS);
    for (size_t i = 0; i < SIGHTS; i++) {
        assert_true(pawl_bytes_equal(listener->sights[i].name, sights[i].name));
        assert_memory_equal(&listener->sights[i].seen.mark, &sights[i].seen.mark,
                            sizeof sights[i].seen.mark);
        assert_int_equal(listener->sights[i].seen.run_first, sights[i].seen.run_first);
        assert_int_equal(listener->sights[i].seen.increment, sights[i].seen.increment);
        assert_int_equal(listener->sights[i].seen.blind, sights[i].seen.blind);
        assert_int_equal(listener->sights[i].seen.former, sights[i].seen.former);
        assert_int_equal(listener->sights[i].seen.any_line, sights[i].seen.any_line);
    }
}

static void what_is_written_is_read(void **state)
{
    char bytes[JOURNAL_BYTES];
    size_t size = pawl_frame_write(GENERATION, &entries, bytes);
    size_t whole = 0;

    (void)state;
    struct listener listener = read_all((struct pawl_bytes){bytes, size}, GENERATION, &whole);

    assert_int_equal(whole, size);
    assert_heard(&listener);
}

/* Its generation has no checksum but the frame's, and one that is too high voids all others. */
static void a_frame_that_is_harmed_anywhere_says_nothing(void **state)
{
    char bytes[JOURNAL_BYTES];
    size_t size = pawl_frame_write(GENERATION, &entries, bytes);
    const struct pawl_bytes journal = {bytes, size};

    (void)state;
    for (size_t bit = 0; bit < 8 * size; bit++) {
        size_t whole = 0;

        bytes[bit / 8] = (char)(bytes[bit / 8] ^ 1 << bit % 8);
        struct listener listener = read_all(journal, GENERATION, &whole);

        if (whole != 0 || listener.count != 0 || listener.heads != 0) {
            fail_msg("bit %zu of %zu is harmed, and %zu entries are read", bit, 8 * size,
                     listener.count + listener.heads);
        }
        if (pawl_frames_newest(journal) != 0) fail_msg("bit %zu: it has a generation", bit);
        bytes[bit / 8] = (char)(bytes[bit / 8] ^ 1 << bit % 8);
    }
}

static void a_frame_that_is_cut_says_nothing(void **state)
{
    char bytes[JOURNAL_BYTES];
    size_t size = pawl_frame_write(GENERATION, &entries, bytes);

    (void)state;
    for (size_t cut = 0; cut < size; cut++) {
        size_t whole = 0;
        struct listener listener = read_all((struct pawl_bytes){bytes, cut}, GENERATION, &whole);

        assert_int_equal(whole, 0);
        assert_int_equal(listener.count + listener.heads, 0);
    }
}

static void frames_of_other_generations_are_passed_over(void **state)
{
    const struct pawl_entries other = {.sights = &sights[1], .count = 1};
    char bytes[JOURNAL_BYTES];
    size_t size = pawl_frame_write(GENERATION - 1, &other, bytes);
    size_t whole = 0;

    (void)state;
    size += pawl_frame_write(GENERATION, &entries, bytes + size);
    size += pawl_frame_write(GENERATION + 1, &other, bytes + size);
    const struct pawl_bytes journal = {bytes, size};
    struct listener listener = read_all(journal, GENERATION, &whole);

    assert_int_equal(whole, size);
    assert_heard(&listener);
    assert_int_equal(pawl_frames_newest(journal), GENERATION + 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_written_is_read),
        cmocka_unit_test(a_frame_that_is_harmed_anywhere_says_nothing),
        cmocka_unit_test(a_frame_that_is_cut_says_nothing),
        cmocka_unit_test(frames_of_other_generations_are_passed_over),
    };

    return cmocka_run_group_tests_name("guard_text", tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/resp.h"

#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define INCR_ORDERS "*2\r\n$4\r\nINCR\r\n$6\r\norders\r\n"
#define TEN_WORDS   "a a a a a a a a a a "
#define DIGITS_64   "0123456789012345678901234567890123456789012345678901234567890123"
#define DIGITS_512  DIGITS_64 DIGITS_64 DIGITS_64 DIGITS_64 DIGITS_64 DIGITS_64 DIGITS_64 DIGITS_64
#define WHOLE       (-2) /* want: the request takes every byte of input */
#define WRONG(text) -1, "-ERR Protocol error: " text

/* want_words: the words of a request, each in <>; or the error behind a minus. */
static const struct {
    const char *label;
    const char *input;
    ptrdiff_t want;
    const char *want_words;
} requests[] = {
    {"one word", "*1\r\n$4\r\nPING\r\n", WHOLE, "<PING>"},
    {"two words", INCR_ORDERS, WHOLE, "<INCR><orders>"},
    {"a second request stays", INCR_ORDERS "*1\r\n", sizeof INCR_ORDERS - 1, "<INCR><orders>"},
    {"an empty word", "*2\r\n$4\r\nINCR\r\n$0\r\n\r\n", WHOLE, "<INCR><>"},
    {"line ends inside a word", "*1\r\n$4\r\n\r\n\r\n\r\n", WHOLE, "<\r\n\r\n>"},
    {"ten bytes", "*1\r\n$10\r\n0123456789\r\n", WHOLE, "<0123456789>"},
    {"a hundred bytes", "*1\r\n$100\r\n" DIGITS_64 "012345678901234567890123456789012345\r\n",
     WHOLE, "<" DIGITS_64 "012345678901234567890123456789012345>"},
    {"ten words",
     "*10\r\n$1\r\na\r\n$1\r\na\r\n$1\r\na\r\n$1\r\na\r\n$1\r\na\r\n$1\r\na\r\n$1\r\na\r\n$"
     "1\r\na\r\n"
     "$1\r\na\r\n$1\r\na\r\n",
     WHOLE, "<a><a><a><a><a><a><a><a><a><a>"},
    {"nothing yet", "", 0, ""},
    {"no words", "*0\r\n", WHOLE, ""},
    {"fewer than no words", "*-1\r\n", WHOLE, ""},
    {"cut in the count", "*1", 0, ""},
    {"cut in a line end", "*1\r\n$4\r\nPING\r", 0, ""},

    {"too many words", "*65\r\n", WRONG("invalid multibulk length")},
    {"a count that overflows", "*99999999999999999999\r\n", WRONG("invalid multibulk length")},
    {"a count that never ends", "*111111111111111111111", WRONG("invalid multibulk length")},
    {"a count that is none", "*x\r\n", WRONG("invalid multibulk length")},
    {"a count with a leading zero", "*01\r\n", WRONG("invalid multibulk length")},
    {"a count with a plus", "*+1\r\n", WRONG("invalid multibulk length")},
    {"a count of nothing", "*\r\n", WRONG("invalid multibulk length")},
    {"minus nothing", "*-0\r\n", WRONG("invalid multibulk length")},
    {"a word that is none", "*1\r\nPING\r\n", WRONG("expected '$', got 'P'")},
    {"a word too long", "*1\r\n$513\r\n", WRONG("invalid bulk length")},
    {"a negative length", "*1\r\n$-1\r\n", WRONG("invalid bulk length")},
    {"a length that is none", "*1\r\n$x\r\n", WRONG("invalid bulk length")},
    {"a length with a leading zero", "*1\r\n$01\r\nx\r\n", WRONG("invalid bulk length")},
    {"a word longer than it said", "*1\r\n$4\r\nPINGS\r\n", WRONG("bulk without line end")},
    {"bare newlines", "*1\n$4\nPING\n\r\n", WRONG("invalid multibulk length")},

    {"inline", "PING\r\n", WHOLE, "<PING>"},
    {"inline with a bare newline", "INCR orders\n", WHOLE, "<INCR><orders>"},
    {"inline with spaces", "  INCR \t orders \r\n", WHOLE, "<INCR><orders>"},
    {"inline without words", " \r\n", WHOLE, ""},
    {"inline, not yet whole", "PING", 0, ""},
    {"double quotes", "GET \"a b\"\r\n", WHOLE, "<GET><a b>"},
    {"escapes", "GET \"\\x41\\n\\r\\t\\b\\a\\\"\\\\\\y\\xzz\"\r\n", WHOLE,
     "<GET><A\n\r\t\b\a\"\\yxzz>"},
    {"single quotes", "GET 'a \\n\\'b'\r\n", WHOLE, "<GET><a \\n'b>"},
    {"an empty quoted word", "GET ''\r\n", WHOLE, "<GET><>"},
    {"quotes inside a word", "GET a\"b c\"\r\n", WHOLE, "<GET><ab c>"},
    {"quotes without end", "GET \"a\r\n", WRONG("unbalanced quotes in request")},
    {"text right behind quotes", "GET \"a\"b\r\n", WRONG("unbalanced quotes in request")},
    {"a quote that is escaped away", "GET \"a\\\"\r\n", WRONG("unbalanced quotes in request")},
    {"sixty-four words inline",
     TEN_WORDS TEN_WORDS TEN_WORDS TEN_WORDS TEN_WORDS TEN_WORDS "a a a a\r\n", WHOLE, NULL},
    {"too many words inline",
     TEN_WORDS TEN_WORDS TEN_WORDS TEN_WORDS TEN_WORDS TEN_WORDS "a a a a a\r\n",
     WRONG("invalid multibulk length")},
    {"a word too long inline", DIGITS_512 "0\r\n", WRONG("invalid bulk length")},
};

static void show(const struct pawl_resp_request *request, char *to, size_t size)
{
    size_t at = 0;

    to[0] = '\0';
    for (uint32_t i = 0; i < request->word_count; i++) {
        int wrote = snprintf(to + at, size - at, "<%.*s>", (int)request->words[i].size,
                             request->words[i].at);

        assert_true(wrote > 0 && (size_t)wrote < size - at);
        at += (size_t)wrote;
    }
}

static void parses_each_request(void **state)
{
    (void)state;
    for (size_t i = 0; i < PAWL_COUNT(requests); i++) {
        struct pawl_bytes input = {requests[i].input, strlen(requests[i].input)};
        struct pawl_resp_request request;
        ptrdiff_t want = requests[i].want == WHOLE ? (ptrdiff_t)input.size : requests[i].want;
        ptrdiff_t got = pawl_resp_parse(input, &request);
        char words[4096] = "-";

        if (got > 0) show(&request, words, sizeof words);
        if (got == 0) words[0] = '\0';
        if (got < 0) (void)snprintf(words, sizeof words, "-%s", request.error);
        if (got != want ||
            (requests[i].want_words != NULL && strcmp(words, requests[i].want_words) != 0)) {
            fail_msg("%s: took %td bytes, want %td; says %s, want %s", requests[i].label, got, want,
                     words, requests[i].want_words);
        }
    }
}

/*
 * A request cut anywhere asks for more; it is never wrong, and never taken too early. The cut
 * bytes are copied to a place of exactly their size, so that a sanitizer sees a look beyond.
 */
static void waits_at_every_cut(void **state)
{
    (void)state;
    for (size_t i = 0; i < PAWL_COUNT(requests); i++) {
        size_t whole = strlen(requests[i].input);

        if (requests[i].want != WHOLE) continue;
        for (size_t size = 0; size < whole; size++) {
            struct pawl_resp_request request;
            char *cut = malloc(size + 1);

            assert_non_null(cut);
            memcpy(cut + 1, requests[i].input, size);
            ptrdiff_t got = pawl_resp_parse((struct pawl_bytes){cut + 1, size}, &request);
            free(cut);
            if (got != 0) fail_msg("%s: cut at %zu gives %td", requests[i].label, size, got);
        }
    }
}

/* The longest request there is fits a full input, and is found whole. */
static void a_full_input_is_decided(void **state)
{
    static char input[PAWL_RESP_REQUEST_BYTES_MAX + 1];
    struct pawl_resp_request request;
    size_t size = (size_t)snprintf(input, sizeof input, "*%d\r\n", PAWL_RESP_WORDS_MAX);

    (void)state;
    for (int i = 0; i < PAWL_RESP_WORDS_MAX; i++) {
        size += (size_t)snprintf(input + size, sizeof input - size, "$512\r\n" DIGITS_512 "\r\n");
    }
    assert_true(size <= PAWL_RESP_REQUEST_BYTES_MAX);
    assert_int_equal(pawl_resp_parse((struct pawl_bytes){input, size}, &request), size);
    assert_int_equal(request.word_count, PAWL_RESP_WORDS_MAX);
    assert_int_equal(request.words[63].size, PAWL_RESP_WORD_BYTES_MAX);
}

static void refuses_a_line_without_end(void **state)
{
    char line[PAWL_RESP_INLINE_BYTES_MAX];
    struct pawl_resp_request request;

    (void)state;
    memset(line, 'a', sizeof line);
    assert_int_equal(pawl_resp_parse((struct pawl_bytes){line, sizeof line - 1}, &request), 0);
    assert_int_equal(pawl_resp_parse((struct pawl_bytes){line, sizeof line}, &request), -1);
    assert_string_equal(request.error, "ERR Protocol error: too big inline request");
}

static void writes_each_integer(void **state)
{
    static const int64_t values[] = {
        0, 1, -1, 9, 10, 99, 100, 101, 12345, -12345, 999999999, INT64_MAX, INT64_MIN, 1000000000};
    uint64_t random = 7;

    (void)state;
    for (size_t i = 0; i < PAWL_COUNT(values) + 1000; i++) {
        uint64_t any = pawl_random(&random) >> (pawl_random(&random) & 63);
        int64_t value = i < PAWL_COUNT(values) ? values[i] : (int64_t)any;
        char want[64];
        char got[PAWL_RESP_LINE_BYTES_MAX];
        size_t want_size = (size_t)snprintf(want, sizeof want, ":%" PRId64 "\r\n", value);
        size_t size = pawl_resp_write_integer(got, value);

        assert_int_equal(size, want_size);
        assert_memory_equal(got, want, size);
    }
}

static void writes_every_type(void **state)
{
    char to[256];
    size_t size = 0;

    (void)state;
    size += pawl_resp_write_simple(to + size, PAWL_BYTES("O\nK"));
    size += pawl_resp_write_error(to + size, PAWL_BYTES("ERR a\r\nb"));
    size += pawl_resp_write_bulk(to + size, PAWL_BYTES("abc"));
    size += pawl_resp_write_bulk(to + size, PAWL_BYTES(""));
    size += pawl_resp_write_null(to + size, 2);
    size += pawl_resp_write_null(to + size, 3);
    size += pawl_resp_write_array(to + size, 12);
    size += pawl_resp_write_map(to + size, 3, 2);
    size += pawl_resp_write_map(to + size, 3, 3);
    to[size] = '\0';
    assert_string_equal(to, "+O K\r\n-ERR a  b\r\n$3\r\nabc\r\n$0\r\n\r\n$-1\r\n_\r\n*12\r\n*6\r\n"
                            "%3\r\n");
}

static const struct {
    const char *label;
    const char *input;
    ptrdiff_t want;
    const char *want_values; /* one letter a value: s e i b n, and a for an array */
} replies[] = {
    {"simple", "+OK\r\n", WHOLE, "s"},
    {"error", "-NOSEQ no\r\n", WHOLE, "e"},
    {"integer", ":-5\r\n", WHOLE, "i"},
    {"bulk", "$3\r\na\r\n\r\n", WHOLE, "b"},
    {"empty bulk", "$0\r\n\r\n", WHOLE, "b"},
    {"null", "$-1\r\n", WHOLE, "n"},
    {"null array", "*-1\r\n", WHOLE, "n"},
    {"RESP3's null", "_\r\n", WHOLE, "n"},
    {"array", "*3\r\n:1\r\n$1\r\na\r\n+b\r\n", WHOLE, "aibs"},
    {"empty array", "*0\r\n", WHOLE, "a"},
    {"map", "%1\r\n+a\r\n:1\r\n", WHOLE, "asi"},
    {"arrays in arrays", "*2\r\n*1\r\n:1\r\n*2\r\n*0\r\n:2\r\n", WHOLE, "aaiaai"},
    {"the next reply stays", "+OK\r\n:1\r\n", 5, "s"},
    {"cut", "*2\r\n:1\r\n", 0, ""},
    {"too deep", "*1\r\n*1\r\n*1\r\n*1\r\n:1\r\n", -1, ""},
    {"more values than fit", "*9\r\n", -1, ""},
    {"no mark", "OK\r\n", -1, ""},
    {"no number", ":x\r\n", -1, ""},
    {"a bulk too long", "$1048577\r\n", -1, ""},
    {"a bulk without end", "$1\r\nabc\r\n", -1, ""},
    {"a negative count", "*-2\r\n", -1, ""},
    {"a huge count", "*4294967296\r\n", -1, ""},
    {"an empty line", "\r\n", -1, ""},
    {"no line end", "+OK\rx", -1, ""},
};

static void parses_each_reply(void **state)
{
    static const char letters[] = "seibna";

    (void)state;
    for (size_t i = 0; i < PAWL_COUNT(replies); i++) {
        struct pawl_resp_value values[8];
        struct pawl_resp_reply reply = {values, PAWL_COUNT(values), 0};
        struct pawl_bytes input = {replies[i].input, strlen(replies[i].input)};
        ptrdiff_t want = replies[i].want == WHOLE ? (ptrdiff_t)input.size : replies[i].want;
        ptrdiff_t got = pawl_resp_parse_reply(input, &reply);
        char kinds[PAWL_COUNT(values) + 1] = "";

        for (uint32_t v = 0; got > 0 && v < reply.value_count; v++) {
            kinds[v] = letters[values[v].type];
            kinds[v + 1] = '\0';
        }
        if (got != want || strcmp(kinds, replies[i].want_values) != 0) {
            fail_msg("%s: took %td bytes, want %td; values %s, want %s", replies[i].label, got,
                     want, kinds, replies[i].want_values);
        }
        for (size_t size = 0; replies[i].want == WHOLE && size < input.size; size++) {
            input.size = size;
            assert_int_equal(pawl_resp_parse_reply(input, &reply), 0);
            input.size = strlen(replies[i].input);
        }
    }
}

static void keeps_what_a_reply_says(void **state)
{
    struct pawl_resp_value values[8];
    struct pawl_resp_reply reply = {values, PAWL_COUNT(values), 0};
    struct pawl_bytes input = PAWL_BYTES("*3\r\n:-9223372036854775808\r\n$3\r\nabc\r\n-E x\r\n");

    (void)state;
    assert_int_equal(pawl_resp_parse_reply(input, &reply), input.size);
    assert_int_equal(values[0].count, 3);
    assert_true(values[1].integer == INT64_MIN);
    assert_true(pawl_bytes_equal(values[2].text, PAWL_BYTES("abc")));
    assert_true(pawl_bytes_equal(values[3].text, PAWL_BYTES("E x")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parses_each_request),     cmocka_unit_test(waits_at_every_cut),
        cmocka_unit_test(a_full_input_is_decided), cmocka_unit_test(refuses_a_line_without_end),
        cmocka_unit_test(writes_each_integer),     cmocka_unit_test(writes_every_type),
        cmocka_unit_test(parses_each_reply),       cmocka_unit_test(keeps_what_a_reply_says),
    };

    return cmocka_run_group_tests_name("resp", tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Requests and replies as bytes: as they were recorded from a server, to the byte. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "wire/mcbp.h"

enum { BYTES_MAX = 256 };

struct recorded {
    unsigned char at[BYTES_MAX];
    size_t size;
};

/* "80 05 'orders'": hexadecimal digits, and text between quotes. */
static struct recorded recorded(const char *text)
{
    struct recorded bytes = {.size = 0};

    for (bool quoted = false; *text != '\0'; text++) {
        if (*text == '\'') {
            quoted = !quoted;
        } else if (quoted) {
            bytes.at[bytes.size++] = (unsigned char)*text;
        } else if (*text != ' ') {
            const char digits[3] = {text[0], text[1], '\0'};
            char *end = NULL;

            bytes.at[bytes.size++] = (unsigned char)strtoul(digits, &end, 16);
            assert_ptr_equal(end, digits + 2);
            text++;
        }
    }
    return bytes;
}

static void assert_request(const struct pawl_mcbp_request *request, const char *text)
{
    const struct recorded want = recorded(text);
    char bytes[BYTES_MAX];

    assert_int_equal(pawl_mcbp_request_size(request), want.size);
    pawl_mcbp_request_write(request, bytes);
    assert_memory_equal(bytes, want.at, want.size);
}

static struct pawl_mcbp_reply reply_of(const struct recorded *bytes)
{
    struct pawl_mcbp_reply reply;
    size_t size = 0;

    assert_int_equal(pawl_mcbp_reply_read((struct pawl_bytes){(const char *)bytes->at, bytes->size},
                                          &reply, &size),
                     PAWL_MCBP_READ_REPLY);
    assert_int_equal(size, bytes->size);
    return reply;
}

#define ID_1   PAWL_BYTES("\x01")
#define DELTA  "0000 0000 0000 01f4 0000 0000 0000 0000 ffff ffff"
#define ORDERS PAWL_BYTES("orders")

static void put_delta(char extras[20])
{
    pawl_mcbp_put(extras, 500, 8);
    pawl_mcbp_put(extras + 8, 0, 8);
    pawl_mcbp_put(extras + 16, UINT32_MAX, 4);
}

static void increments_as_recorded(void **state)
{
    char extras[20];
    struct pawl_mcbp_request request = {.opcode = PAWL_MCBP_INCREMENT,
                                        .vbucket = 0x012f,
                                        .opaque = 8,
                                        .extras = {extras, sizeof extras},
                                        .collection = ID_1,
                                        .key = ORDERS};

    (void)state;
    put_delta(extras);
    assert_request(&request,
                   "80050007 1400012f 0000001b 00000008 0000000000000000" DELTA "01 'orders'");
    request.durability = PAWL_MCBP_MAJORITY;
    request.opaque = 9;
    assert_request(&request,
                   "08050207 1400012f 0000001d 00000009 0000000000000000 1101" DELTA "01 'orders'");
    request.durability_ms = 2500;
    request.opaque = 10;
    assert_request(&request, "08050407 1400012f 0000001f 0000000a 0000000000000000 130109c4" DELTA
                             "01 'orders'");
    request.durability = PAWL_MCBP_NOT_DURABLE;
    request.collection.size = 0;
    request.vbucket = 0x2f;
    request.opaque = 7;
    assert_request(&request,
                   "80050006 1400002f 0000001a 00000007 0000000000000000" DELTA "'orders'");
}

static void writes_documents_as_recorded(void **state)
{
    static const char extras[] = {2, 0, 0, 6, 0, 0, 0, 0};
    struct pawl_mcbp_request request = {.opcode = PAWL_MCBP_ADD,
                                        .vbucket = 0x012f,
                                        .opaque = 6,
                                        .extras = {extras, sizeof extras},
                                        .collection = ID_1,
                                        .key = ORDERS,
                                        .value = PAWL_BYTES("1000")};

    (void)state;
    assert_request(&request, "80020007 0800012f 00000013 00000006 0000000000000000"
                             "02000006 00000000 01 'orders' '1000'");
    request.opcode = PAWL_MCBP_REPLACE;
    request.opaque = 12;
    request.cas = 0x18ea349354a800ca;
    request.value = PAWL_BYTES("99000");
    assert_request(&request, "80030007 0800012f 00000014 0000000c 18ea349354a800ca"
                             "02000006 00000000 01 'orders' '99000'");
    request = (struct pawl_mcbp_request){.opcode = PAWL_MCBP_GET,
                                         .vbucket = 0x012f,
                                         .opaque = 11,
                                         .collection = ID_1,
                                         .key = ORDERS};
    assert_request(&request, "80000007 0000012f 00000007 0000000b 0000000000000000 01 'orders'");
    request = (struct pawl_mcbp_request){
        .opcode = PAWL_MCBP_SELECT_BUCKET, .opaque = 5, .key = PAWL_BYTES("default")};
    assert_request(&request, "80890007 00000000 00000007 00000005 0000000000000000 'default'");
    request = (struct pawl_mcbp_request){
        .opcode = PAWL_MCBP_GET_COLLECTION_ID, .opaque = 7, .value = PAWL_BYTES("app.seq")};
    assert_request(&request, "80bb0000 00000000 00000007 00000007 0000000000000000 'app.seq'");
}

static void reads_replies_as_recorded(void **state)
{
    struct recorded bytes = recorded("81050001 10000000 00000019 00000008 18ea349354a700ca"
                                     "00000000000131af 0000000000000002 00 00000000000005dc");
    struct pawl_mcbp_reply reply = reply_of(&bytes);

    (void)state;
    assert_int_equal(reply.opcode, PAWL_MCBP_INCREMENT);
    assert_int_equal(reply.status, PAWL_MCBP_SUCCESS);
    assert_int_equal(reply.opaque, 8);
    assert_true(reply.cas == 0x18ea349354a700ca);
    assert_int_equal(reply.extras.size, 16);
    assert_true(pawl_mcbp_get(reply.extras.at, 8) == 0x131af);
    assert_int_equal(pawl_mcbp_get(reply.extras.at + 8, 8), 2);
    assert_int_equal(reply.key.size, 1); /* a key that nobody asked for */
    assert_int_equal(reply.value.size, 8);
    assert_int_equal(pawl_mcbp_get(reply.value.at, 8), 1500);

    bytes = recorded("81000001 04000000 00000009 0000000b 18ea349354a800ca 00000000 00 '2500'");
    reply = reply_of(&bytes);
    assert_int_equal(reply.extras.size, 4);
    assert_memory_equal(reply.value.at, "2500", 4);

    bytes = recorded("81bb0000 00000088 00000000 00000007 0000000000000000");
    reply = reply_of(&bytes);
    assert_int_equal(reply.status, PAWL_MCBP_UNKNOWN_COLLECTION);

    /* Framed, as after HELLO with tracing. */
    bytes = recorded("181f0300 00000000 00000005 00000001 0000000000000000 020008 0004");
    reply = reply_of(&bytes);
    assert_int_equal(reply.value.size, 2);
    assert_int_equal(pawl_mcbp_get(reply.value.at, 2), PAWL_MCBP_MUTATION_SEQNO);
}

static void waits_for_a_whole_reply(void **state)
{
    const struct recorded bytes = recorded("81050000 10000000 00000018 00000008 0000000000000002"
                                           "00000000000131af 0000000000000002 00000000000005dc");

    (void)state;
    for (size_t size = 0; size < bytes.size; size++) {
        struct pawl_mcbp_reply reply;
        size_t used = 0;

        assert_int_equal(
            pawl_mcbp_reply_read((struct pawl_bytes){(const char *)bytes.at, size}, &reply, &used),
            PAWL_MCBP_READ_MORE);
    }
}

static void refuses_what_is_no_reply(void **state)
{
    static const char *const broken[] = {
        "80050000 00000000 00000000 00000000 0000000000000000", /* a request */
        "'HTTP/1.1 400 Bad Request'",                           /* another protocol */
        "81050000 10000000 00000008 00000000 0000000000000000", /* extras beyond the body */
        "81050009 00000000 00000008 00000000 0000000000000000", /* so the key */
        "1805ff00 00000000 00000008 00000000 0000000000000000", /* so the frames */
        "81050000 00000000 7fffffff 00000000 0000000000000000", /* larger than any document */
    };

    (void)state;
    for (size_t i = 0; i < PAWL_COUNT(broken); i++) {
        const struct recorded bytes = recorded(broken[i]);
        struct pawl_mcbp_reply reply;
        size_t used = 0;

        assert_int_equal(
            pawl_mcbp_reply_read((struct pawl_bytes){(const char *)bytes.at, bytes.size}, &reply,
                                 &used),
            PAWL_MCBP_READ_BROKEN);
    }
}

static void writes_leb128_in_its_shortest_form(void **state)
{
    static const struct {
        uint32_t value;
        const char *bytes;
    } cases[] = {
        {0, "00"},
        {0x7f, "7f"},
        {0x80, "8001"},
        {0x555, "d50a"},
        {0x7fff, "ffff01"},
        {0x8000, "808002"},
        {0xcafef00d, "8de0fbd70c"},
        {0xffffffff, "ffffffff0f"},
    };

    (void)state;
    for (size_t i = 0; i < PAWL_COUNT(cases); i++) {
        const struct recorded want = recorded(cases[i].bytes);
        char bytes[PAWL_MCBP_LEB128_BYTES_MAX];

        assert_int_equal(pawl_mcbp_leb128(cases[i].value, bytes), want.size);
        assert_memory_equal(bytes, want.at, want.size);
    }
}

static void writes_subdocument_mutations(void **state)
{
    const struct pawl_mcbp_spec specs[] = {
        {PAWL_MCBP_SUBDOC_COUNTER, PAWL_BYTES("e3l0.next"), PAWL_BYTES("500")},
        {PAWL_MCBP_SUBDOC_DICT_UPSERT, PAWL_BYTES("tag"), PAWL_BYTES("17")},
    };
    const struct recorded want = recorded("cf000009 00000003 'e3l0.next500'"
                                          "c8000003 00000002 'tag17'");
    char bytes[BYTES_MAX];

    (void)state;
    assert_int_equal(pawl_mcbp_specs_size(specs, 2), want.size);
    pawl_mcbp_specs_write(specs, 2, bytes);
    assert_memory_equal(bytes, want.at, want.size);
}

static void reads_subdocument_results(void **state)
{
    const struct recorded bytes = recorded("00 0000 00000004 '1500' 01 0000 00000001 '7' 02 00c0");
    struct pawl_bytes rest = {(const char *)bytes.at, bytes.size};
    struct pawl_mcbp_result result;

    (void)state;
    assert_true(pawl_mcbp_result_next(&rest, &result));
    assert_int_equal(result.index, 0);
    assert_memory_equal(result.value.at, "1500", result.value.size);
    assert_true(pawl_mcbp_result_next(&rest, &result));
    assert_int_equal(result.index, 1);
    assert_int_equal(result.value.size, 1);
    assert_true(pawl_mcbp_result_next(&rest, &result));
    assert_int_equal(result.index, 2);
    assert_int_equal(result.status, PAWL_MCBP_SUBDOC_PATH_ENOENT);
    assert_false(pawl_mcbp_result_next(&rest, &result));

    for (size_t size = 0; size < 11; size++) {
        rest = (struct pawl_bytes){(const char *)bytes.at, size};
        assert_false(pawl_mcbp_result_next(&rest, &result));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(increments_as_recorded),
        cmocka_unit_test(writes_documents_as_recorded),
        cmocka_unit_test(reads_replies_as_recorded),
        cmocka_unit_test(waits_for_a_whole_reply),
        cmocka_unit_test(refuses_what_is_no_reply),
        cmocka_unit_test(writes_leb128_in_its_shortest_form),
        cmocka_unit_test(writes_subdocument_mutations),
        cmocka_unit_test(reads_subdocument_results),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

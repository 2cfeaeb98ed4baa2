/* SPDX-License-Identifier: Apache-2.0 */
/*
 * libFuzzer on both parsers of RESP. Laws, beyond "no byte outside is touched":
 *   - no prefix of a request is a request, and none is wrong
 *   - what follows a request changes nothing
 *   - a full buffer is decided
 *   - words lie within the request, or within what was unquoted
 */
#include <stdlib.h>
#include <string.h>

#include "wire/resp.h"

enum { VALUES_MAX = 64 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_words(const struct pawl_resp_request *request, struct pawl_bytes bytes)
{
    PAWL_ASSERT(request->word_count <= PAWL_RESP_WORDS_MAX);
    for (uint32_t i = 0; i < request->word_count; i++) {
        struct pawl_bytes word = request->words[i];
        bool within = word.at >= bytes.at && word.at + word.size <= bytes.at + bytes.size;
        bool unquoted = word.at >= request->unquoted &&
                        word.at + word.size <= request->unquoted + sizeof request->unquoted;

        PAWL_ASSERT(word.size <= PAWL_RESP_WORD_BYTES_MAX);
        PAWL_ASSERT(within || unquoted);
    }
}

static void check_request(struct pawl_bytes bytes)
{
    struct pawl_resp_request request;
    ptrdiff_t took = pawl_resp_parse(bytes, &request);

    PAWL_ASSERT(took >= -1 && took <= (ptrdiff_t)bytes.size);
    PAWL_ASSERT(took != 0 || bytes.size < PAWL_RESP_REQUEST_BYTES_MAX);
    if (took == -1) PAWL_ASSERT(strncmp(request.error, "ERR Protocol error: ", 20) == 0);
    if (took <= 0) return;
    check_words(&request, (struct pawl_bytes){bytes.at, (size_t)took});
    uint32_t words = request.word_count;
    for (size_t size = 0; size < (size_t)took; size++) {
        PAWL_ASSERT(pawl_resp_parse((struct pawl_bytes){bytes.at, size}, &request) == 0);
    }
    PAWL_ASSERT(pawl_resp_parse((struct pawl_bytes){bytes.at, (size_t)took}, &request) == took);
    PAWL_ASSERT(request.word_count == words);
}

static void check_reply(struct pawl_bytes bytes)
{
    struct pawl_resp_value values[VALUES_MAX];
    struct pawl_resp_reply reply = {values, VALUES_MAX, 0};
    ptrdiff_t took = pawl_resp_parse_reply(bytes, &reply);

    PAWL_ASSERT(took >= -1 && took <= (ptrdiff_t)bytes.size);
    if (took <= 0) return;
    PAWL_ASSERT(reply.value_count >= 1 && reply.value_count <= VALUES_MAX);
    for (size_t size = 0; size < (size_t)took; size++) {
        PAWL_ASSERT(pawl_resp_parse_reply((struct pawl_bytes){bytes.at, size}, &reply) == 0);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *copy = malloc(size + 1); /* of its own, so that the sanitizer knows where it ends */

    if (copy == NULL) return 0;
    if (size > 0) memcpy(copy + 1, data, size);
    check_request((struct pawl_bytes){copy + 1, size});
    check_reply((struct pawl_bytes){copy + 1, size});
    free(copy);
    return 0;
}

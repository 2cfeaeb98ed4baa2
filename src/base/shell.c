/* SPDX-License-Identifier: Apache-2.0 */
#include "base/shell.h"

#include <ctype.h>
#include <string.h>

/* Letters of other alphabets have the high bit set. */
static bool is_plain(unsigned char c)
{
    return isalnum(c) != 0 || c >= 0x80 || strchr("_.:/@%+,=-", c) != NULL;
}

static size_t put(char *to, size_t size, size_t at, const char *text)
{
    for (; *text != '\0' && at + 1 < size; text++) {
        to[at++] = *text;
    }
    return at;
}

const char *pawl_shell_word(char *to, size_t size, struct pawl_bytes word)
{
    bool plain = word.size > 0;
    size_t at = 0;

    PAWL_ASSERT(size > 0);
    for (size_t i = 0; i < word.size; i++) {
        plain = plain && is_plain((unsigned char)word.at[i]);
    }
    if (!plain) at = put(to, size, at, "'");
    for (size_t i = 0; i < word.size; i++) {
        const char one[2] = {word.at[i], '\0'};

        at = put(to, size, at, one[0] == '\'' ? "'\\''" : one);
    }
    if (!plain) at = put(to, size, at, "'");
    to[at] = '\0';
    return to;
}

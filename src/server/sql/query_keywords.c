/* SPDX-License-Identifier: Apache-2.0 */
/* pg_get_keywords(), which pgjdbc asks for: its rows stand in the query itself. */
#include <stdio.h>

#include "server/sql/query_own.h"

enum { KEYWORD_ROW_BYTES_MAX = 128 };

static const struct keyword {
    const char *word;
    char category;
    bool bare;
} keywords[] = {
#define KEYWORD(word, category, bare) {word, category, bare},
#include "server/sql/keywords.def"
#undef KEYWORD
};

static const char *category_text(char category)
{
    if (category == 'U') return "unreserved";
    if (category == 'C') return "unreserved (cannot be function or type name)";
    return category == 'T' ? "reserved (can be function or type name)" : "reserved";
}

const char *build_keywords(struct build *build)
{
    size_t room = PAWL_COUNT(keywords) * KEYWORD_ROW_BYTES_MAX;
    char *rows = build_array(build, room, 1);
    size_t size = 0;

    for (size_t i = 0; rows != NULL && i < PAWL_COUNT(keywords); i++) {
        const struct keyword *one = &keywords[i];
        int more =
            snprintf(rows + size, room - size, "%s('%s', '%c', %d, '%s', '%s')", i == 0 ? "" : ", ",
                     one->word, one->category, one->bare, category_text(one->category),
                     one->bare ? "can be bare label" : "requires AS");

        PAWL_ASSERT(more > 0 && (size_t)more < KEYWORD_ROW_BYTES_MAX);
        size += (size_t)more;
    }
    return build_say(build,
                     "(SELECT column1 AS c1, column2 AS c2, column3 AS c3, column4 AS c4, "
                     "column5 AS c5 FROM (VALUES %s))",
                     rows == NULL ? "" : rows);
}

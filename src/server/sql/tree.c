/* SPDX-License-Identifier: Apache-2.0 */
/*
 * libpg_query walks its trees by recursion without a bound, so the number of tokens, which bounds
 * the depth, is bounded before it parses. And it leaves out integers below 0 as if they were 0:
 * those are read from their tokens and put back.
 */
#include "server/sql/tree.h"

#include <pg_query.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Of libpg_query's protobuf: pg_query.proto's ScanResult and ScanToken. */
enum {
    WIRE_VARINT = 0,
    WIRE_BYTES = 2,
    FIELD_TOKENS = 2,
    FIELD_START = 1,
    FIELD_END = 2,
    FIELD_TOKEN = 4,
    TOKEN_ICONST = 266,
    OPTION_WORDS_MAX = 2, /* INCREMENT BY */
};

struct token {
    size_t start, end; /* in bytes of the text */
    uint64_t kind;
};

static bool read_varint(struct pawl_bytes *bytes, uint64_t *value)
{
    *value = 0;
    for (unsigned shift = 0; shift < 64 && bytes->size > 0; shift += 7) {
        unsigned char byte = (unsigned char)bytes->at[0];

        bytes->at++;
        bytes->size--;
        *value |= (uint64_t)(byte & 0x7f) << shift;
        if (byte < 0x80) return true;
    }
    return false;
}

/* The next field; of bytes, inside is them, else value. */
static bool read_field(struct pawl_bytes *bytes, uint64_t *field, uint64_t *value,
                       struct pawl_bytes *inside)
{
    uint64_t key = 0;

    if (!read_varint(bytes, &key) || !read_varint(bytes, value)) return false;
    *field = key >> 3;
    *inside = (struct pawl_bytes){NULL, 0};
    if ((key & 7) == WIRE_VARINT) return true;
    if ((key & 7) != WIRE_BYTES || *value > bytes->size) return false;
    *inside = (struct pawl_bytes){bytes->at, (size_t)*value};
    bytes->at += *value;
    bytes->size -= (size_t)*value;
    return true;
}

static bool next_token(struct pawl_bytes *tokens, struct token *token)
{
    uint64_t field = 0;
    uint64_t value = 0;
    struct pawl_bytes inside;

    while (tokens->size > 0) {
        if (!read_field(tokens, &field, &value, &inside)) return false;
        if (field != FIELD_TOKENS) continue;
        *token = (struct token){0};
        while (inside.size > 0) {
            struct pawl_bytes none;

            if (!read_field(&inside, &field, &value, &none)) return false;
            if (field == FIELD_START) token->start = (size_t)value;
            if (field == FIELD_END) token->end = (size_t)value;
            if (field == FIELD_TOKEN) token->kind = value;
        }
        return true;
    }
    return false;
}

static struct pawl_bytes tokens_of(const PgQueryScanResult *scan)
{
    return (struct pawl_bytes){scan->pbuf.data, scan->error == NULL ? scan->pbuf.len : 0};
}

static size_t count_tokens(struct pawl_bytes tokens)
{
    struct token token;
    size_t count = 0;

    while (next_token(&tokens, &token)) {
        count++;
    }
    return count;
}

/*
 * libpg_query's scanner takes a run of characters of operators as one word, then gives all but a
 * few back, wherever a comment or a sign begins within it: it reads a run's square.
 */
static bool check_runs(const char *text, struct sql_error *error)
{
    static const char operators[] = "~!@#^&|`?+-*/%<>=";

    size_t cost = 0;

    while (*(text += strcspn(text, operators)) != '\0') {
        size_t run = strspn(text, operators);

        cost += run * run;
        if (cost > SQL_RUNS_COST_MAX) {
            return sql_fail(error, "54001", 0,
                            "so many characters of operators, one behind the other, are not "
                            "supported");
        }
        text += run;
    }
    return true;
}

/* A text with an error in a token is not walked, so it need not be bounded. */
static bool check_tokens(const char *text, size_t size, struct sql_error *error)
{
    if (size <= SQL_TOKENS_MAX) return true;
    PgQueryScanResult scan = pg_query_scan(text);
    size_t count = count_tokens(tokens_of(&scan));

    pg_query_free_scan_result(scan);
    if (count <= SQL_TOKENS_MAX) return true;
    return sql_fail(error, "54001", 0, "statements of more than %d words are not supported",
                    SQL_TOKENS_MAX);
}

struct mending {
    struct token *tokens; /* in the order of the text */
    size_t count;
    const char *text;
    bool no_memory;
};

/* The first token at location or behind it. */
static size_t token_at(const struct mending *mending, size_t location)
{
    size_t low = 0;
    size_t high = mending->count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (mending->tokens[middle].start < location) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

/* The integer whose tokens begin at location: at most so many words, signs, digits. */
static int64_t integer_at(const struct mending *mending, size_t location, size_t words)
{
    for (size_t i = token_at(mending, location); i < mending->count; i++) {
        const struct token *token = &mending->tokens[i];
        struct pawl_bytes digits = {mending->text + token->start, token->end - token->start};
        int64_t value = 0;

        bool comment = digits.size >= 2 &&
                       (memcmp(digits.at, "/*", 2) == 0 || memcmp(digits.at, "--", 2) == 0);

        if (comment || token->kind == '-' || token->kind == '(') continue;
        if (token->kind == TOKEN_ICONST) {
            /* One above 0 would not have been left out. */
            return pawl_bytes_to_i64(digits, &value) ? -value : 0;
        }
        if (words-- == 0) return 0;
    }
    return 0;
}

/* An empty integer of fields that stands at location, or behind an option's words there. */
static void mend_integer(struct mending *mending, json_t *fields, bool option, int64_t location)
{
    json_t *integer = json_object_get(fields, option ? "Integer" : "ival");

    if (!json_is_object(integer) || json_object_size(integer) != 0 || location < 0) return;
    int64_t value = integer_at(mending, (size_t)location, option ? OPTION_WORDS_MAX : 0);
    json_t *number = json_integer(value);

    if (json_object_set_new(integer, "ival", number) != 0) mending->no_memory = true;
}

static void mend(struct mending *mending, json_t *json, int64_t location)
{
    const char *key = NULL;
    json_t *value = NULL;
    size_t i = 0;

    if (json_is_array(json)) {
        json_array_foreach(json, i, value)
        {
            mend(mending, value, location);
        }
    } else if (json_is_object(json)) {
        location = sql_tree_int(json, "location", location);
        mend_integer(mending, json, false, location);
        mend_integer(mending, json, true, location);
        json_object_foreach(json, key, value)
        {
            mend(mending, value, location);
        }
    }
}

static bool mend_integers(const char *text, json_t *root, struct sql_error *error)
{
    if (strchr(text, '-') == NULL) return true;
    PgQueryScanResult scan = pg_query_scan(text);
    struct pawl_bytes rest = tokens_of(&scan);
    struct mending mending = {.count = count_tokens(rest), .text = text};

    mending.tokens = calloc(mending.count + 1, sizeof *mending.tokens);
    for (size_t i = 0; mending.tokens != NULL && i < mending.count; i++) {
        (void)next_token(&rest, &mending.tokens[i]);
    }
    mending.no_memory = mending.tokens == NULL;
    if (!mending.no_memory) mend(&mending, root, -1);
    free(mending.tokens);
    pg_query_free_scan_result(scan);
    return mending.no_memory ? sql_fail(error, "53200", 0, "out of memory") : true;
}

/* What libpg_query does not pass on of its parser's errors. function "": any. */
static const struct {
    const char *message, *function, *sqlstate, *hint;
} parser_errors[] = {
    {"invalid Unicode escape", "core_yylex", "22025",
     "Unicode escapes must be \\uXXXX or \\UXXXXXXXX."},
    {"invalid Unicode escape", "", "42601", "Unicode escapes must be \\XXXX or \\+XXXXXX."},
    {"unsafe use of \\'", "", "22P06",
     "Use '' to write quotes in strings. \\' is insecure in client-only encodings."},
    {"stack depth limit exceeded", "", "54001", ""},
    {"out of memory", "", "53200", ""},
    {"invalid byte sequence for encoding", "", "22021", ""},
};

static bool parser_fails(const PgQueryError *why, struct sql_error *error)
{
    uint32_t position = why->cursorpos > 0 ? (uint32_t)why->cursorpos : 0;
    bool unsupported = strstr(why->message, "not implemented") != NULL ||
                       strstr(why->message, "not supported") != NULL;

    (void)sql_fail(error, unsupported ? "0A000" : "42601", position, "%s", why->message);
    for (size_t i = 0; i < PAWL_COUNT(parser_errors); i++) {
        const char *begin = parser_errors[i].message;
        const char *function = parser_errors[i].function;

        if (strncmp(why->message, begin, strlen(begin)) != 0) continue;
        if (*function != '\0' && strcmp(why->funcname, function) != 0) continue;
        memcpy(error->sqlstate, parser_errors[i].sqlstate, SQL_STATE_BYTES);
        (void)snprintf(error->hint, sizeof error->hint, "%s", parser_errors[i].hint);
        break;
    }
    return false;
}

static bool load(const char *tree, json_t **root, struct sql_error *error)
{
    json_error_t why;

    *root = json_loads(tree, JSON_ALLOW_NUL, &why);
    if (*root != NULL) return true;
    if (json_error_code(&why) == json_error_stack_overflow) {
        (void)sql_fail(error, "54001", 0, "stack depth limit exceeded");
        return false;
    }
    return sql_fail(error, "53200", 0, "out of memory");
}

bool sql_tree_parse(struct pawl_bytes text, json_t **root, struct sql_error *error)
{
    char *copy = strndup(text.at, text.size);
    bool done = false;

    *root = NULL;
    if (copy == NULL) return sql_fail(error, "53200", 0, "out of memory");
    if (check_runs(copy, error) && check_tokens(copy, text.size, error)) {
        PgQueryParseResult result = pg_query_parse(copy);

        if (result.error != NULL) {
            done = parser_fails(result.error, error);
        } else {
            done = load(result.parse_tree, root, error) && mend_integers(copy, *root, error);
        }
        pg_query_free_parse_result(result);
    }
    free(copy);
    if (!done) {
        json_decref(*root);
        *root = NULL;
    }
    return done;
}

json_t *sql_tree_of(const json_t *node, const char *kind)
{
    return json_object_get(node, kind);
}

const char *sql_tree_kind(json_t *node, json_t **fields)
{
    void *member = json_object_iter(node);

    if (fields != NULL) *fields = member == NULL ? NULL : json_object_iter_value(member);
    return member == NULL ? "" : json_object_iter_key(member);
}

struct pawl_bytes sql_tree_bytes(const json_t *fields, const char *field)
{
    const json_t *text = json_object_get(fields, field);

    if (!json_is_string(text)) return (struct pawl_bytes){"", 0};
    return (struct pawl_bytes){json_string_value(text), json_string_length(text)};
}

const char *sql_tree_text(const json_t *fields, const char *field)
{
    return sql_tree_bytes(fields, field).at;
}

int64_t sql_tree_int(const json_t *fields, const char *field, int64_t otherwise)
{
    const json_t *number = json_object_get(fields, field);

    return json_is_integer(number) ? json_integer_value(number) : otherwise;
}

bool sql_tree_true(const json_t *fields, const char *field)
{
    return json_is_true(json_object_get(fields, field));
}

bool sql_tree_has(const json_t *fields, const char *field)
{
    return json_object_get(fields, field) != NULL;
}

json_t *sql_tree_get(const json_t *fields, const char *field)
{
    return json_object_get(fields, field);
}

static const json_t *items_of(const json_t *list)
{
    const json_t *inside = json_object_get(list, "List");

    return inside == NULL ? list : json_object_get(inside, "items");
}

size_t sql_tree_count(const json_t *list)
{
    return json_array_size(items_of(list));
}

json_t *sql_tree_item(const json_t *list, size_t index)
{
    return json_array_get(items_of(list), index);
}

struct pawl_bytes sql_tree_word(const json_t *list, size_t index)
{
    return sql_tree_bytes(sql_tree_of(sql_tree_item(list, index), "String"), "sval");
}

bool sql_tree_word_is(const json_t *list, size_t index, const char *word)
{
    return pawl_bytes_equal(sql_tree_word(list, index), (struct pawl_bytes){word, strlen(word)});
}

struct sql_name sql_tree_range(const json_t *fields)
{
    return (struct sql_name){
        .database = sql_tree_bytes(fields, "catalogname"),
        .schema = sql_tree_bytes(fields, "schemaname"),
        .relation = sql_tree_bytes(fields, "relname"),
    };
}

uint32_t sql_tree_position(const json_t *fields)
{
    int64_t location = sql_tree_int(fields, "location", json_is_object(fields) ? 0 : -1);

    return location < 0 || location >= UINT32_MAX ? 0 : (uint32_t)location + 1;
}

uint32_t sql_tree_node_position(json_t *node)
{
    json_t *fields = NULL;

    (void)sql_tree_kind(node, &fields);
    return sql_tree_position(fields);
}

uint32_t sql_text_position(struct pawl_bytes text, uint32_t position)
{
    uint32_t characters = position;

    for (size_t i = 0; i + 1 < position && i < text.size; i++) {
        if (((unsigned char)text.at[i] & 0xc0) == 0x80) characters--;
    }
    return characters;
}

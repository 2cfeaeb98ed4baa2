/* SPDX-License-Identifier: Apache-2.0 */
#include "store/redis/answer.h"

#include <string.h>

enum { SHOWN_MAX = 160 };

#define CLUSTER_ADVICE "pawl does not use Redis Cluster: name a server that is not part of one"

/* An error's first word decides; the last row is for all others. */
static const struct pawl_redis_trouble troubles[] = {
    {"LOADING", true, false, PAWL_STORE, "it is reading its data after a start: wait"},
    {"BUSY", true, false, PAWL_BUSY, "somebody's script runs too long: SCRIPT KILL ends it"},
    {"OOM", true, false, PAWL_STORE, "raise maxmemory, or make room"},
    {"MISCONF", true, false, PAWL_STORE, "it cannot write to its disk: look at its log"},
    {"NOREPLICAS", true, false, PAWL_STORE, "fewer replicas are in line than it asks for"},
    {"READONLY", true, true, PAWL_STORE, "it is a replica: name the master"},
    {"MASTERDOWN", true, true, PAWL_STORE, "it is a replica: name the master"},
    {"UNBLOCKED", true, true, PAWL_STORE, "it has become a replica: name the master"},
    {"MOVED", true, false, PAWL_DENIED, CLUSTER_ADVICE},
    {"ASK", true, false, PAWL_DENIED, CLUSTER_ADVICE},
    {"CROSSSLOT", true, false, PAWL_DENIED, CLUSTER_ADVICE},
    {"CLUSTERDOWN", true, false, PAWL_DENIED, CLUSTER_ADVICE},
    {"TRYAGAIN", true, false, PAWL_DENIED, CLUSTER_ADVICE},
    {"NOAUTH", true, true, PAWL_DENIED, "write redis://user:password@host"},
    {"WRONGPASS", true, true, PAWL_DENIED, "user or password is wrong, or the user is off"},
    {"NOPERM", true, false, PAWL_DENIED, "give the user what docs/stores.md lists"},
    {"DENIED", true, true, PAWL_DENIED, "it is in protected mode: set a password or a bind"},
    {"WRONGTYPE", true, false, PAWL_DENIED, "another program uses that key: choose a prefix"},
    {"ERR max number of clients", true, true, PAWL_STORE, "raise maxclients"},
    /* Within a script, and so perhaps behind a write: where it was, "failed" or "torn" says. */
    {"ERR The user executing the script can't", false, false, PAWL_DENIED,
     "give the user what docs/stores.md lists"},
    {"ERR unknown command", true, false, PAWL_DENIED,
     "a server without scripts cannot be used: no rename-command of EVAL and EVALSHA"},
    {"ERR AUTH <password> called without", true, true, PAWL_DENIED,
     "it has no password: leave the URL's out"},
    {"ERR Client sent AUTH, but no password is set", true, true, PAWL_DENIED,
     "it has no password: leave the URL's out"}, /* before Redis 6, as the next two */
    {"ERR invalid password", true, true, PAWL_DENIED, "the password is wrong"},
    {"ERR wrong number of arguments for 'auth'", true, true, PAWL_DENIED,
     "it knows no users: write redis://:password@host"},
    {"ERR DB index", true, false, PAWL_DENIED, "the URL's path is the database's number"},
    {"", false, false, PAWL_STORE, "its log may say more"},
};

static bool begins(struct pawl_bytes text, const char *word)
{
    size_t size = strlen(word);

    if (!pawl_bytes_begin(text, (struct pawl_bytes){word, size})) return false;
    /* A word's end; a row of several words is a beginning. */
    return strchr(word, ' ') != NULL || size == 0 || text.size == size || text.at[size] == ' ';
}

/* Redis before 7 wraps what a command within a script says: "ERR Error running script (call to
 * f_…): @user_script:1: @user_script: 1: -OOM command not allowed", or from the second @ on. */
static struct pawl_bytes unwrap(struct pawl_bytes text)
{
    bool within = text.size > 0 && text.at[0] == '@';

    if (!within && !begins(text, "ERR Error running script")) return text;
    for (size_t i = text.size; i >= 2; i--) {
        if (text.at[i - 2] != ':' || text.at[i - 1] != ' ') continue;
        struct pawl_bytes rest = {text.at + i, text.size - i};

        if (rest.size > 0 && rest.at[0] == '-') {
            rest = (struct pawl_bytes){rest.at + 1, rest.size - 1};
        }
        for (size_t row = 0; row + 1 < PAWL_COUNT(troubles); row++) {
            if (begins(rest, troubles[row].word)) return rest;
        }
    }
    return text;
}

const struct pawl_redis_trouble *pawl_redis_trouble_find(struct pawl_bytes text)
{
    const struct pawl_redis_trouble *row = troubles;
    struct pawl_bytes said = unwrap(text);

    while (!begins(said, row->word)) {
        row++;
    }
    return row;
}

bool pawl_redis_writes(const struct pawl_op *op)
{
    return op->kind == PAWL_OP_WRITE || op->kind == PAWL_OP_ADVANCE;
}

enum pawl_op_end pawl_redis_end_of_sent(const struct pawl_op *op)
{
    return pawl_redis_writes(op) ? PAWL_OP_UNKNOWN : PAWL_OP_FAILED;
}

/* Where a reply's values are read from. */
struct reading {
    const struct pawl_resp_reply *reply;
    uint32_t at;
};

/* NULL: there is none, or it is of another type. */
static const struct pawl_resp_value *take(struct reading *reading, enum pawl_resp_type type)
{
    if (reading->at == reading->reply->value_count) return NULL;
    const struct pawl_resp_value *value = &reading->reply->values[reading->at++];

    return value->type == type ? value : NULL;
}

static bool take_word(struct reading *reading, struct pawl_bytes *word)
{
    const struct pawl_resp_value *value = take(reading, PAWL_RESP_BULK);

    if (value == NULL) return false;
    *word = value->text;
    return true;
}

const struct pawl_redis_trouble *pawl_redis_trouble_of(const struct pawl_op *op,
                                                       const struct pawl_resp_reply *reply,
                                                       struct pawl_redis_refusal *refusal)
{
    const struct pawl_redis_trouble *trouble = NULL;
    struct reading reading = {reply, 0};
    struct pawl_bytes word;

    if (reply->values[0].type == PAWL_RESP_ERROR) {
        refusal->said = reply->values[0].text;
        trouble = pawl_redis_trouble_find(refusal->said);
        refusal->untouched = trouble->untouched;
        return trouble;
    }
    if (!pawl_redis_is_of_record(op) || take(&reading, PAWL_RESP_ARRAY) == NULL ||
        !take_word(&reading, &word)) {
        return NULL;
    }
    refusal->untouched = pawl_bytes_equal(word, PAWL_BYTES("failed"));
    if (!refusal->untouched && !pawl_bytes_equal(word, PAWL_BYTES("torn"))) return NULL;
    return take_word(&reading, &refusal->said) ? pawl_redis_trouble_find(refusal->said) : NULL;
}

static enum pawl_redis_outcome answer_refusal(struct pawl_op *op,
                                              const struct pawl_redis_settings *settings,
                                              const struct pawl_redis_trouble *trouble,
                                              const struct pawl_redis_refusal *refusal)
{
    const struct pawl_bytes said = refusal->said;

    if (begins(said, "NOSCRIPT")) return PAWL_REDIS_NO_SCRIPT;
    op->end = refusal->untouched ? PAWL_OP_FAILED : pawl_redis_end_of_sent(op);
    (void)pawl_fail(&op->error, trouble->code, "%s: %.*s (%s)", settings->where,
                    said.size < SHOWN_MAX ? (int)said.size : SHOWN_MAX, said.at, trouble->advice);
    return PAWL_REDIS_ENDS;
}

enum sight { SIGHT_SENSELESS, SIGHT_UNFIT, SIGHT_FIT };

static enum sight look_failed(pawl_error *error, const struct pawl_redis_settings *settings,
                              const struct pawl_record *record, const char *why)
{
    (void)pawl_fail(error, PAWL_DENIED, "%s: the key \"%s%.*s\" %s", settings->where,
                    settings->prefix, record->name.size, record->name.at, why);
    return SIGHT_UNFIT;
}

static enum sight read_fields(struct reading *reading, const struct pawl_redis_settings *settings,
                              struct pawl_record *record, pawl_error *error)
{
    const struct pawl_resp_value *ttl = take(reading, PAWL_RESP_INTEGER);
    const struct pawl_resp_value *array = take(reading, PAWL_RESP_ARRAY);
    struct pawl_fields fields = {0};
    pawl_error why;

    if (ttl == NULL || array == NULL || array->count != PAWL_FIELDS) return SIGHT_SENSELESS;
    if (reading->reply->value_count - reading->at < PAWL_FIELDS) return SIGHT_SENSELESS;
    for (size_t i = 0; i < PAWL_FIELDS; i++) {
        const struct pawl_resp_value *value = &reading->reply->values[reading->at++];

        if (value->type == PAWL_RESP_BULK) {
            fields.values[i] = value->text;
        } else if (value->type != PAWL_RESP_NULL) {
            return SIGHT_SENSELESS;
        }
    }
    if (ttl->integer >= 0) {
        return look_failed(error, settings, record,
                           "has a time to live: it would be forgotten, and its ids given again: "
                           "PERSIST it, and find who set that");
    }
    if (pawl_fields_read(record, &fields, &why) != PAWL_OK) {
        (void)pawl_fail(error, why.code, "%s: %s", settings->where, why.text);
        return SIGHT_UNFIT;
    }
    return SIGHT_FIT;
}

/* record has its name, the rest is set. */
static enum sight read_look(struct reading *reading, const struct pawl_redis_settings *settings,
                            struct pawl_record *record, pawl_error *error)
{
    struct pawl_bytes word;

    if (take(reading, PAWL_RESP_ARRAY) == NULL || !take_word(reading, &word)) {
        return SIGHT_SENSELESS;
    }
    if (pawl_bytes_equal(word, PAWL_BYTES("absent"))) {
        *record = (struct pawl_record){.name = record->name};
        return SIGHT_FIT;
    }
    if (pawl_bytes_equal(word, PAWL_BYTES("foreign"))) {
        if (!take_word(reading, &word)) return SIGHT_SENSELESS;
        if (pawl_bytes_equal(word, PAWL_BYTES("record"))) {
            return look_failed(
                error, settings, record,
                "is the record of another sequence, in a store whose prefix overlaps with "
                "this one's: choose prefixes of which none begins with another");
        }
        return look_failed(error, settings, record,
                           "is no hash, so it is not pawl's: another program uses it; move it away "
                           "(RENAME), or choose another prefix");
    }
    if (!pawl_bytes_equal(word, PAWL_BYTES("found"))) return SIGHT_SENSELESS;
    return read_fields(reading, settings, record, error);
}

static enum pawl_redis_outcome end_with(struct pawl_op *op, enum pawl_op_end end)
{
    op->end = end;
    return PAWL_REDIS_ENDS;
}

/* A look at the op's record, which ends it with `end` if it is fit, and FAILED otherwise. */
static enum pawl_redis_outcome answer_look(struct pawl_op *op,
                                           const struct pawl_redis_settings *settings,
                                           struct reading *reading, enum pawl_op_end end)
{
    op->found = (struct pawl_record){.name = op->record.name};
    op->found_token = 0;
    switch (read_look(reading, settings, &op->found, &op->error)) {
    case SIGHT_FIT:
        return end_with(op, end);
    case SIGHT_UNFIT:
        return end_with(op, end == PAWL_OP_DONE ? pawl_redis_end_of_sent(op) : PAWL_OP_FAILED);
    case SIGHT_SENSELESS:
        break;
    }
    return PAWL_REDIS_SENSELESS;
}

static enum pawl_redis_outcome answer_index(struct pawl_op *op,
                                            const struct pawl_redis_settings *settings)
{
    (void)pawl_fail(&op->error, PAWL_DENIED,
                    "%s: the key \"%s\" is no sorted set: another program uses it; choose another "
                    "prefix",
                    settings->where, settings->prefix);
    return end_with(op, PAWL_OP_FAILED);
}

static enum pawl_redis_outcome answer_write(struct pawl_op *op,
                                            const struct pawl_redis_settings *settings,
                                            struct reading *reading)
{
    struct pawl_bytes word;
    bool whole = op->kind == PAWL_OP_WRITE;

    if (take(reading, PAWL_RESP_ARRAY) == NULL || !take_word(reading, &word)) {
        return PAWL_REDIS_SENSELESS;
    }
    if (pawl_bytes_equal(word, PAWL_BYTES("refused"))) {
        return answer_look(op, settings, reading, PAWL_OP_REFUSED);
    }
    if (whole && pawl_bytes_equal(word, PAWL_BYTES("index"))) return answer_index(op, settings);
    if (!whole && pawl_bytes_equal(word, PAWL_BYTES("damaged"))) {
        enum pawl_redis_outcome outcome = answer_look(op, settings, reading, PAWL_OP_FAILED);

        if (outcome == PAWL_REDIS_ENDS && op->error.code == PAWL_OK) {
            (void)look_failed(&op->error, settings, &op->record,
                              "has a \"next\" or \"version\" that Redis cannot count on");
        }
        return outcome;
    }
    if (!pawl_bytes_equal(word, PAWL_BYTES("done"))) return PAWL_REDIS_SENSELESS;
    if (!whole) return answer_look(op, settings, reading, PAWL_OP_DONE);
    op->found = op->record;
    op->found_token = 0;
    return end_with(op, PAWL_OP_DONE);
}

/* It cannot be gone on from: what is not a name is not told as one. */
static enum pawl_redis_outcome answer_names(struct pawl_op *op,
                                            const struct pawl_redis_settings *settings)
{
    (void)pawl_fail(&op->error, PAWL_DENIED,
                    "%s: the sorted set \"%s\" lists what is no name of a sequence: another "
                    "program writes there; ZREM that, or choose another prefix",
                    settings->where, settings->prefix);
    return end_with(op, PAWL_OP_FAILED);
}

static enum pawl_redis_outcome
answer_list(struct pawl_op *op, const struct pawl_redis_settings *settings, struct reading *reading)
{
    const struct pawl_resp_value *array = take(reading, PAWL_RESP_ARRAY);
    struct pawl_page *page = op->page;
    struct pawl_bytes word;
    uint32_t asked = page->count_max < PAWL_REDIS_LIST_MAX ? page->count_max : PAWL_REDIS_LIST_MAX;

    if (array == NULL || !take_word(reading, &word)) return PAWL_REDIS_SENSELESS;
    if (pawl_bytes_equal(word, PAWL_BYTES("index"))) return answer_index(op, settings);
    if (!pawl_bytes_equal(word, PAWL_BYTES("names"))) return PAWL_REDIS_SENSELESS;
    page->more = array->count / 2 >= (asked == 0 ? 1 : asked);
    for (uint32_t i = 0; i < array->count / 2; i++) {
        struct pawl_record record = {.epoch = 0};

        if (!take_word(reading, &word)) return PAWL_REDIS_SENSELESS;
        if (pawl_name_set(&record.name, word, NULL) != PAWL_OK) return answer_names(op, settings);
        pawl_error why;
        enum sight sight = read_look(reading, settings, &record, &why);

        if (sight == SIGHT_SENSELESS) return PAWL_REDIS_SENSELESS;
        page->after = record.name;
        if (sight == SIGHT_UNFIT) {
            pawl_page_unread(page, &record.name, &why);
        } else if (record.epoch != 0) { /* else deleted by hand: `pawl store check` says so */
            pawl_page_record(page, &record);
        }
    }
    return end_with(op, PAWL_OP_DONE);
}

/* What it says of the store itself is not this pawl's. */
static enum pawl_redis_outcome answer_format(struct pawl_op *op,
                                             const struct pawl_redis_settings *settings,
                                             struct pawl_bytes format)
{
    pawl_error why;

    if (pawl_redis_format_check(format, &why) == PAWL_OK) return PAWL_REDIS_SENSELESS;
    (void)pawl_fail(&op->error, why.code, "%s: %s", settings->where, why.text);
    return end_with(op, PAWL_OP_FAILED);
}

static enum pawl_redis_outcome
answer_init(struct pawl_op *op, const struct pawl_redis_settings *settings, struct reading *reading)
{
    struct pawl_bytes word, command, said;

    if (take(reading, PAWL_RESP_ARRAY) == NULL || !take_word(reading, &word)) {
        return PAWL_REDIS_SENSELESS;
    }
    if (pawl_bytes_equal(word, PAWL_BYTES("may"))) return end_with(op, PAWL_OP_DONE);
    if (!take_word(reading, &command)) return PAWL_REDIS_SENSELESS;
    if (pawl_bytes_equal(word, PAWL_BYTES("format"))) return answer_format(op, settings, command);
    if (!take_word(reading, &said)) return PAWL_REDIS_SENSELESS;
    if (said.size > 0 && said.at[0] == '-') said = (struct pawl_bytes){said.at + 1, said.size - 1};

    const struct pawl_redis_trouble *trouble = pawl_redis_trouble_find(said);
    int shown = said.size < SHOWN_MAX ? (int)said.size : SHOWN_MAX;

    (void)pawl_fail(&op->error, trouble->code, "%s: %.*s on keys that begin with %.60s: %.*s (%s)",
                    settings->where, command.size < SHOWN_MAX ? (int)command.size : SHOWN_MAX,
                    command.at, settings->prefix, shown, said.at, trouble->advice);
    return end_with(op, PAWL_OP_FAILED);
}

bool pawl_redis_bears(const struct pawl_op *op, struct pawl_redis_head *head,
                      struct pawl_resp_reply *reply)
{
    struct pawl_resp_value *values = reply->values;
    struct pawl_resp_value array = values[0];
    uint32_t count = pawl_redis_is_of_record(op) ? 3 : 1;

    *head = (struct pawl_redis_head){.number = 0};
    if (array.type == PAWL_RESP_ERROR || !pawl_redis_is_script(op)) return true;
    if (array.type != PAWL_RESP_ARRAY || array.count <= count) return false;
    for (uint32_t i = 1; i <= count; i++) {
        if (values[i].type != PAWL_RESP_BULK) return false;
    }
    if (!pawl_bytes_to_u64(values[1].text, &head->number)) return false;
    if (count == 3 && ((values[2].text.size > 0 && !pawl_tag_read(&head->tag, values[2].text)) ||
                       !pawl_bytes_to_u64(values[3].text, &head->position))) {
        return false;
    }
    array.count -= count;
    values[count] = array;
    reply->values += count;
    reply->value_count -= count;
    return true;
}

enum pawl_redis_outcome pawl_redis_answer(struct pawl_op *op,
                                          const struct pawl_redis_settings *settings,
                                          const struct pawl_resp_reply *reply)
{
    const struct pawl_resp_value *first = &reply->values[0];
    struct reading reading = {reply, 0};

    struct pawl_redis_refusal refusal;
    const struct pawl_redis_trouble *trouble = pawl_redis_trouble_of(op, reply, &refusal);

    op->error = (pawl_error){.code = PAWL_OK};
    if (trouble != NULL) return answer_refusal(op, settings, trouble, &refusal);
    switch (op->kind) {
    case PAWL_OP_READ:
        return answer_look(op, settings, &reading, PAWL_OP_DONE);
    case PAWL_OP_WRITE:
    case PAWL_OP_ADVANCE:
        return answer_write(op, settings, &reading);
    case PAWL_OP_LIST:
        return answer_list(op, settings, &reading);
    case PAWL_OP_CHECK:
        return first->type == PAWL_RESP_ARRAY ? end_with(op, PAWL_OP_DONE) : PAWL_REDIS_SENSELESS;
    case PAWL_OP_INIT:
        return answer_init(op, settings, &reading);
    case PAWL_OP_PING:
    case PAWL_OP_REDRAW:
        break;
    }
    return first->type == PAWL_RESP_SIMPLE ? end_with(op, PAWL_OP_DONE) : PAWL_REDIS_SENSELESS;
}

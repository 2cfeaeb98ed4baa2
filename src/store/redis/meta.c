/* SPDX-License-Identifier: Apache-2.0 */
#include "store/redis/meta.h"

#include <stdio.h>
#include <string.h>

enum { META_VALUES = 8, META_FORMAT = 1, FORMAT_SHOWN_MAX = 20 };

#define FOREIGN                                                                                   \
    "the key of the prefix with \"\\tstore\" behind it is not pawl's: choose another prefix, or " \
    "move "                                                                                       \
    "that key away (RENAME)"

static bool keep(char text[PAWL_REDIS_FACT_BYTES], const struct pawl_resp_value *value)
{
    struct pawl_bytes bytes = {NULL, 0};

    if (value->type == PAWL_RESP_BULK) bytes = value->text;
    if (bytes.size >= PAWL_REDIS_FACT_BYTES || !pawl_utf8_printable(bytes)) return false;
    if (bytes.size > 0) memcpy(text, bytes.at, bytes.size);
    text[bytes.size] = '\0';
    return true;
}

pawl_err pawl_redis_format_check(struct pawl_bytes format, pawl_error *error)
{
    uint64_t number = 0;

    if (pawl_bytes_to_u64(format, &number) && number == META_FORMAT) return PAWL_OK;
    if (number > META_FORMAT) {
        return pawl_fail(error, PAWL_DENIED,
                         "the store has format %.*s, it is of a newer pawl; this one knows format "
                         "%d: use the newer pawl. Nothing was changed",
                         FORMAT_SHOWN_MAX < format.size ? FORMAT_SHOWN_MAX : (int)format.size,
                         format.at, META_FORMAT);
    }
    return pawl_fail(error, PAWL_DENIED, FOREIGN);
}

/* What is there besides the format. */
static bool read_values(struct pawl_redis_meta *meta, const struct pawl_resp_value *values)
{
    if (values[0].type == PAWL_RESP_NULL) { /* nothing is there, or what is another program's */
        return pawl_bytes_equal(values[META_VALUES - 1].text, PAWL_BYTES("none"));
    }
    if (values[0].type != PAWL_RESP_BULK || !pawl_tag_read(&meta->tag, values[0].text)) {
        return false;
    }
    char waited[PAWL_REDIS_FACT_BYTES];
    bool whole =
        values[1].type == PAWL_RESP_BULK && pawl_bytes_to_u64(values[1].text, &meta->position) &&
        keep(meta->name, &values[2]) && meta->name[0] != '\0' && keep(meta->run_id, &values[3]) &&
        keep(meta->replid, &values[4]) && keep(waited, &values[5]);

    meta->waited = whole && strcmp(waited, "1") == 0;
    return whole;
}

pawl_err pawl_redis_meta_read(struct pawl_redis_meta *meta, const struct pawl_resp_reply *reply,
                              pawl_error *error)
{
    const struct pawl_resp_value *values = reply->values + 1;

    *meta = (struct pawl_redis_meta){.position = 0};
    if (reply->values[0].type != PAWL_RESP_ARRAY || reply->value_count != 1 + META_VALUES) {
        return pawl_fail(error, PAWL_DENIED, FOREIGN);
    }
    const struct pawl_resp_value *format = &values[META_VALUES - 2];

    if (values[META_VALUES - 1].type != PAWL_RESP_BULK) {
        return pawl_fail(error, PAWL_DENIED, FOREIGN);
    }

    if (format->type == PAWL_RESP_BULK && pawl_redis_format_check(format->text, error) != PAWL_OK) {
        return error->code;
    }
    return read_values(meta, values) ? PAWL_OK : pawl_fail(error, PAWL_DENIED, FOREIGN);
}

/* The data came here from another server, whose replica this one was. */
static bool was_promoted(const struct pawl_redis_meta *seen, const struct pawl_redis_facts *facts)
{
    return seen->replid[0] != '\0' && strcmp(seen->replid, facts->replid) != 0 &&
           strcmp(seen->replid, facts->replid_before) == 0;
}

bool pawl_redis_meta_lacks(const struct pawl_redis_meta *seen, const struct pawl_redis_past *past)
{
    const struct pawl_redis_meta *known = &past->known;
    bool same = pawl_tag_equal(&seen->tag, &known->tag);

    if (known->tag.number == 0) return false; /* nothing is known */
    return seen->tag.number < known->tag.number || strcmp(seen->name, known->name) != 0 ||
           (same && (past->back || seen->position < known->position));
}

bool pawl_redis_meta_is_past(const struct pawl_redis_meta *seen, const struct pawl_redis_past *past,
                             const struct pawl_redis_facts *facts,
                             const struct pawl_redis_settings *settings, const char **why)
{
    const struct pawl_redis_meta *known = &past->known;
    bool same = pawl_tag_equal(&seen->tag, &known->tag);

    *why = "it lacks what was seen of it before: was an older copy put back?";
    if (seen->tag.number < known->tag.number) return true;
    if (past->redraw.number > 0 && seen->tag.number <= past->redraw.number) return true;
    if (same && (past->back || seen->position < known->position)) return true;
    *why = "a replica that was not waited for was promoted";
    if (was_promoted(seen, facts)) return !seen->waited;
    *why = "it was started again, and may forget (durability=none)";
    return settings->forgets && strcmp(seen->run_id, facts->run_id) != 0;
}

bool pawl_redis_meta_update(struct pawl_redis_meta *seen, const struct pawl_redis_facts *facts,
                            const struct pawl_redis_settings *settings)
{
    bool waited =
        settings->replicas > 0 && facts->replicas + facts->replicas_behind <= settings->replicas;

    if (strcmp(seen->run_id, facts->run_id) == 0 && strcmp(seen->replid, facts->replid) == 0 &&
        seen->waited == waited) {
        return false;
    }
    memcpy(seen->run_id, facts->run_id, sizeof seen->run_id);
    memcpy(seen->replid, facts->replid, sizeof seen->replid);
    seen->waited = waited;
    return true;
}

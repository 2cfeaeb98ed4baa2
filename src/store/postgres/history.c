/* SPDX-License-Identifier: Apache-2.0 */
#include "store/postgres/history.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "store/postgres/sql.h"

static const char *text_of(const PGresult *result, enum pawl_postgres_history_column column)
{
    return PQgetisnull(result, 0, (int)column) != 0 ? "" : PQgetvalue(result, 0, (int)column);
}

bool pawl_postgres_history_read(struct pawl_postgres_history *history, const PGresult *result)
{
    if (PQntuples(result) != 1 || PQnfields(result) != PAWL_POSTGRES_HISTORY_COLUMNS) return false;
    const char *system = text_of(result, PAWL_POSTGRES_HISTORY_SYSTEM);

    if (system[0] == '\0' || strlen(system) >= sizeof history->system) return false;
    *history = (struct pawl_postgres_history){
        .timeline = strtoull(text_of(result, PAWL_POSTGRES_HISTORY_TIMELINE), NULL, 16),
        .lsn = strtoull(text_of(result, PAWL_POSTGRES_HISTORY_LSN), NULL, 10),
        .waits = strcmp(text_of(result, PAWL_POSTGRES_HISTORY_WAITS), "t") == 0,
        .recovered = strcmp(text_of(result, PAWL_POSTGRES_HISTORY_RECOVERED), "t") == 0,
    };
    (void)snprintf(history->system, sizeof history->system, "%s", system);
    return true;
}

/* What is left of text behind part, if it begins with that. */
static bool take(struct pawl_bytes *text, struct pawl_bytes part)
{
    if (!pawl_bytes_begin(*text, part)) return false;
    *text = (struct pawl_bytes){text->at + part.size, text->size - part.size};
    return true;
}

/*
 * A promoted standby has every commit that waited for it. So a later timeline of the same cluster
 * has lost nothing of a record whose last writer said that commits wait, unless the server was
 * recovered to a point in time: its settings keep saying so until somebody removes them.
 */
static bool has_all(const struct pawl_postgres_history *history, struct pawl_bytes was)
{
    const struct pawl_bytes system = {history->system, strlen(history->system)};
    uint64_t timeline = 0;
    size_t digits = 0;

    if (!take(&was, system) || !take(&was, PAWL_BYTES("/"))) return false;
    while (digits < was.size && was.at[digits] != ' ') {
        digits++;
    }
    if (!pawl_bytes_to_u64((struct pawl_bytes){was.at, digits}, &timeline)) return false;
    bool waited = pawl_bytes_equal((struct pawl_bytes){was.at + digits, was.size - digits},
                                   PAWL_BYTES(PAWL_POSTGRES_WAITS));

    if (timeline == history->timeline) return true;
    return timeline < history->timeline && waited && !history->recovered;
}

static void name(struct pawl_identity *identity, const char *system, const char *place)
{
    char text[sizeof identity->name + 1];
    int size = snprintf(text, sizeof text, "%s/%s", system, place);

    PAWL_ASSERT(size > 0 && (size_t)size < sizeof text);
    memcpy(identity->name, text, (size_t)size);
    identity->name_size = (uint8_t)size;
}

struct pawl_identity pawl_postgres_history_identity(const struct pawl_postgres_history *history,
                                                    const char *place, struct pawl_bytes was)
{
    struct pawl_identity identity = {.position = history->lsn -
                                                 history->lsn % PAWL_POSTGRES_WAL_PAGE_BYTES};
    struct pawl_branch *branch = &identity.branch;
    char text[sizeof branch->at + 1];

    if (history->system[0] == '\0') return identity;
    if (place[0] != '\0') name(&identity, history->system, place);
    if (history->timeline == 0) return identity;
    int size = snprintf(text, sizeof text, "%s/%" PRIu64 "%s", history->system, history->timeline,
                        history->waits ? PAWL_POSTGRES_WAITS : "");

    PAWL_ASSERT(size > 0 && (size_t)size < sizeof text);
    memcpy(branch->at, text, (size_t)size);
    branch->size = (uint8_t)size;
    branch->loses = !has_all(history, was);
    return identity;
}

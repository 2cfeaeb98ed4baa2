/* SPDX-License-Identifier: Apache-2.0 */
/* What a keeper logs of its sequences: never a line for each of ten thousand at once. */
#include "range/kept.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static void log_why(enum pawl_log_level level, const char *event, const char *pair,
                    const char *text)
{
    char why[sizeof(pawl_error) + 64];

    (void)pawl_log_quote(why, sizeof why, (struct pawl_bytes){text, strlen(text)});
    pawl_log(level, event, "%s why=%s", pair, why);
}

void pawl_kept_log(const struct kept *kept, enum pawl_log_level level, const char *event,
                   const char *text)
{
    char name[PAWL_LOG_NAME_BYTES];
    char pair[PAWL_LOG_NAME_BYTES + 8];

    if (!pawl_log_on(level)) return;
    (void)pawl_log_quote(name, sizeof name, kept->holding.name);
    (void)snprintf(pair, sizeof pair, "seq=%s", name);
    log_why(level, event, pair, text);
}

/* Where the store is away, or waits for those who know more, all sequences in use fail. */
void pawl_kept_log_failure(struct kept *kept, const pawl_error *error)
{
    struct pawl_keeper *keeper = kept->keeper;

    pawl_keeper_log_failures(keeper, false);
    if (keeper->log_lines < KEEPER_LOG_LINES_MAX) {
        keeper->log_lines++;
        pawl_kept_log(kept, PAWL_LOG_WARN, "refill failed", error->text);
        return;
    }
    keeper->unlogged++;
    keeper->unlogged_why = *error;
}

void pawl_keeper_log_failures(struct pawl_keeper *keeper, bool last)
{
    char pair[64];

    if (!last && keeper->now_ns - keeper->log_ns < PAWL_NS_PER_S) return;
    keeper->log_ns = keeper->now_ns;
    keeper->log_lines = 0;
    if (keeper->unlogged == 0) return;
    (void)snprintf(pair, sizeof pair, "more=%" PRIu64, keeper->unlogged);
    log_why(PAWL_LOG_WARN, "refills failed", pair, keeper->unlogged_why.text);
    keeper->unlogged = 0;
}

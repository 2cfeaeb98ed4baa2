/* SPDX-License-Identifier: Apache-2.0 */
/* INFO: what an operator needs of the server; and what SEQ.INFO says of a sequence. */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "server/resp/command.h"
#include "store/guard.h"

enum { INFO_LINE_BYTES_MAX = 512 };

/* One sequence. */

static void add_field(struct text *text, const char *field)
{
    char head[64];

    text_add(text, head, pawl_resp_write_bulk(head, (struct pawl_bytes){field, strlen(field)}));
}

static void add_integer(struct text *text, const char *field, int64_t value)
{
    char line[PAWL_RESP_LINE_BYTES_MAX];

    add_field(text, field);
    text_add(text, line, pawl_resp_write_integer(line, value));
}

static void add_unsigned(struct text *text, const char *field, uint64_t value)
{
    add_integer(text, field, value > INT64_MAX ? INT64_MAX : (int64_t)value);
}

static void add_bulk(struct text *text, const char *field, struct pawl_bytes value)
{
    char line[PAWL_RESP_LINE_BYTES_MAX + PAWL_NAME_BYTES_MAX + 2];

    PAWL_ASSERT(value.size <= PAWL_NAME_BYTES_MAX);
    add_field(text, field);
    text_add(text, line, pawl_resp_write_bulk(line, value));
}

static void add_string(struct text *text, const char *field, const char *value)
{
    add_bulk(text, field, (struct pawl_bytes){value, strlen(value)});
}

static const char *type_name(pawl_type type)
{
    if (type == PAWL_TYPE_SMALLINT) return "smallint";
    return type == PAWL_TYPE_INTEGER ? "integer" : "bigint";
}

int64_t info_settled_in(const struct desk *desk, const struct pawl_record *record, int64_t wall_s)
{
    int64_t interval_s =
        (int64_t)((desk->settings.refill_interval_ns + PAWL_NS_PER_S - 1) / PAWL_NS_PER_S);
    int64_t left_s = record->changed_at + interval_s - wall_s;

    if (left_s < 0) return 0;
    return left_s < interval_s ? left_s : interval_s; /* a clock that went back */
}

void info_add(struct text *text, const struct pawl_record *record, int64_t settled_in)
{
    char rate[32];

    (void)snprintf(rate, sizeof rate, "%.3f", record->rate);
    add_bulk(text, "name", pawl_name_bytes(&record->name));
    add_unsigned(text, "epoch", record->epoch);
    add_unsigned(text, "line", record->line);
    add_unsigned(text, "lap", record->lap);
    add_unsigned(text, "version", record->version);
    add_integer(text, "start", record->start);
    add_integer(text, "increment", record->increment);
    add_integer(text, "min", record->min);
    add_integer(text, "max", record->max);
    add_integer(text, "next", record->next);
    add_integer(text, "origin", record->origin);
    add_integer(text, "cycle", record->cycle);
    add_unsigned(text, "block", record->block);
    add_string(text, "order", record->order == PAWL_ORDER_GLOBAL ? "global" : "client");
    add_string(text, "type", type_name(record->data_type));
    add_integer(text, "ended", record->ended);
    add_string(text, "rate", rate);
    add_integer(text, "created_at", record->created_at);
    add_integer(text, "changed_at", record->changed_at);
    add_integer(text, "settled_in", settled_in);
}

size_t info_add_gaps(struct text *text, const pawl_gaps *gaps)
{
    char field[64];
    size_t pairs = 6;

    add_integer(text, "gaps_since", gaps->since);
    add_unsigned(text, "reserved", gaps->reserved);
    add_integer(text, "stopped", gaps->stopped);
    add_unsigned(text, "stops", gaps->stops);
    add_unsigned(text, "steps_back", gaps->steps_back);
    add_unsigned(text, "step_back_ids", gaps->step_back_ids);
    for (int cause = 0; cause < PAWL_CAUSE_COUNT; cause++, pairs++) {
        (void)snprintf(field, sizeof field, "burned_%s", pawl_cause_name((enum pawl_cause)cause));
        add_unsigned(text, field, gaps->burned[cause]);
    }
    if (!gaps->crash_bounded) return pairs;
    add_integer(text, "crash_after", gaps->crash_after);
    add_integer(text, "crash_to", gaps->crash_to);
    return pairs + 2;
}

/* The server. */

static void add_line(struct text *text, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static void add_line(struct text *text, const char *format, ...)
{
    char line[INFO_LINE_BYTES_MAX];
    va_list args;

    va_start(args, format);
    int size = vsnprintf(line, sizeof line - 2, format, args);
    va_end(args);
    if (size < 0) return;
    if ((size_t)size > sizeof line - 3) size = (int)sizeof line - 3;
    memcpy(line + size, "\r\n", 2);
    text_add(text, line, (size_t)size + 2);
}

static uint64_t load(const _Atomic uint64_t *count)
{
    return atomic_load_explicit(count, memory_order_relaxed);
}

/* A number of all desks, at the place where struct desk_counts has it. */
static uint64_t sum(const struct desk *desk, size_t offset)
{
    const struct server_facts *facts = desk->settings.facts;
    uint64_t all = 0;

    if (facts == NULL || facts->desk_count == 0) {
        return load((const _Atomic uint64_t *)(const void *)((const char *)&desk->counts + offset));
    }
    for (size_t i = 0; i < facts->desk_count; i++) {
        const char *counts = (const char *)desk_counts(facts->desks[i]);

        all += load((const _Atomic uint64_t *)(const void *)(counts + offset));
    }
    return all;
}

#define SUM(desk, member) sum(desk, offsetof(struct desk_counts, member))

static void add_server(struct text *text, const struct desk *desk)
{
    const struct server_facts *facts = desk->settings.facts;
    uint64_t uptime_s = (desk->now_ns - facts->started_ns) / PAWL_NS_PER_S;

    add_line(text, "pawl_version:%s", facts->version);
    add_line(text, "process_id:%" PRIu64, facts->pid);
    add_line(text, "uptime_in_seconds:%" PRIu64, uptime_s);
    add_line(text, "uptime_in_days:%" PRIu64, uptime_s / 86400);
    add_line(text, "listen:%s", facts->listen == NULL ? "" : facts->listen);
    add_line(text, "io_threads:%zu", facts->desk_count);
    add_line(text, "total_commands_processed:%" PRIu64, SUM(desk, commands));
}

static void add_clients(struct text *text, const struct desk *desk)
{
    const struct server_facts *facts = desk->settings.facts;

    add_line(text, "connected_clients:%" PRIu64, SUM(desk, connections));
    add_line(text, "maxclients:%" PRIu64, facts->max_clients);
    add_line(text, "blocked_clients:%" PRIu64, SUM(desk, parked));
    add_line(text, "total_connections_received:%" PRIu64, SUM(desk, accepted));
    add_line(text, "rejected_connections:%" PRIu64, load(&facts->refused_clients));
    add_line(text, "refused_logins:%" PRIu64, SUM(desk, refused));
    add_line(text, "timed_out_requests:%" PRIu64, SUM(desk, timeouts));
}

static void add_sequences(struct text *text, const struct desk *desk)
{
    const struct server_facts *facts = desk->settings.facts;
    const struct pawl_counts *counts = facts->counts;

    add_line(text, "sequences_in_memory:%" PRIu64, load(&counts->holdings));
    add_line(text, "sequences_in_memory_max:%" PRIu64, facts->cache_sequences);
    add_line(text, "sequences_let_go:%" PRIu64, load(&counts->let_go));
    add_line(text, "sequences_open_by_threads:%" PRIu64, SUM(desk, open));
}

static void add_ids(struct text *text, const struct desk *desk)
{
    const struct pawl_counts *counts = desk->settings.facts->counts;

    add_line(text, "ids_reserved:%" PRIu64, load(&counts->reserved));
    add_line(text, "ids_handed_out:%" PRIu64, load(&counts->handed));
    add_line(text, "ids_handed_out_from_stock:%" PRIu64, SUM(desk, ids));
    add_line(text, "ids_leased:%" PRIu64, load(&counts->leased));
    add_line(text, "ids_returned:%" PRIu64, load(&counts->returned));
    add_line(text, "ids_given_back:%" PRIu64, load(&counts->given_back));
    add_line(text, "ids_held:%" PRIu64, load(&counts->held));
}

static void add_store(struct text *text, const struct desk *desk)
{
    const struct server_facts *facts = desk->settings.facts;

    add_line(text, "store:%s", facts->store == NULL ? "" : facts->store);
    add_line(text, "store_operations:%" PRIu64, load(&facts->counts->asks));
    add_line(text, "store_writes:%" PRIu64, load(&facts->counts->writes));
    add_line(text, "store_failures:%" PRIu64, load(&facts->counts->failures));
    add_line(text, "store_rollbacks:%" PRIu64, load(&facts->counts->rollbacks));
    add_line(text, "store_steps_back:%" PRIu64, load(&facts->counts->steps_back));
    add_line(text, "store_step_back_ids:%" PRIu64, load(&facts->counts->step_back_ids));
    add_line(text, "store_stopped_sequences:%" PRIu64, load(&facts->counts->stopped));
    add_line(text, "store_stops:%" PRIu64, load(&facts->counts->stops));
}

static void add_guard(struct text *text, const struct desk *desk)
{
    const struct server_facts *facts = desk->settings.facts;
    struct pawl_guard_view view;

    add_line(text, "guard:%s", facts->guard == NULL ? "off" : "on");
    if (facts->guard == NULL) return;
    facts->look_at_guard(facts->guard, &view);
    add_line(text, "guard_folder:%s", facts->data);
    add_line(text, "guard_state:%s", view.state);
    add_line(text, "guard_store:%s", view.store);
    add_line(text, "guard_branch:%s", view.branch);
    add_line(text, "guard_position:%" PRIu64, view.position);
    add_line(text, "guard_sequences:%" PRIu64, view.sequences);
    add_line(text, "guard_steps_back:%" PRIu64, view.steps_back);
    add_line(text, "guard_times_back:%" PRIu64, view.times_back);
    add_line(text, "guard_discarded:%" PRIu64, view.discarded);
    add_line(text, "guard_unwritten:%" PRIu64, view.unwritten);
    add_line(text, "guard_last_step_back_at:%" PRId64, view.last_s);
    add_line(text, "guard_last_step_back_sequence:%s", view.last_name);
    add_line(text, "guard_last_step_back_ids:%" PRIu64, view.last_skipped);
}

static void add_burned(struct text *text, const struct desk *desk)
{
    const struct pawl_counts *counts = desk->settings.facts->counts;
    uint64_t all = 0;

    for (int cause = 0; cause < PAWL_CAUSE_COUNT; cause++) {
        uint64_t burned = load(&counts->burned[cause]);

        all += burned;
        add_line(text, "burned_%s:%" PRIu64, pawl_cause_name((enum pawl_cause)cause), burned);
    }
    add_line(text, "burned_total:%" PRIu64, all);
}

/* The upper bound of the bucket in which the given thousandth of all refills lies. */
static uint64_t latency_us(const struct pawl_counts *counts, uint64_t thousandth)
{
    uint64_t all = 0;
    uint64_t below = 0;

    for (size_t i = 0; i < PAWL_LATENCY_BUCKETS; i++) {
        all += load(&counts->latency[i]);
    }
    for (size_t i = 0; i < PAWL_LATENCY_BUCKETS; i++) {
        below += load(&counts->latency[i]);
        if (all > 0 && below * 1000 >= all * thousandth) return UINT64_C(1) << i;
    }
    return 0;
}

static uint64_t latency_max_us(const struct pawl_counts *counts)
{
    for (size_t i = PAWL_LATENCY_BUCKETS; i > 0; i--) {
        if (load(&counts->latency[i - 1]) > 0) return UINT64_C(1) << (i - 1);
    }
    return 0;
}

static void add_refills(struct text *text, const struct desk *desk)
{
    const struct pawl_counts *counts = desk->settings.facts->counts;
    uint64_t all = 0;

    for (size_t i = 0; i < PAWL_LATENCY_BUCKETS; i++) {
        all += load(&counts->latency[i]);
    }
    add_line(text, "refills:%" PRIu64, all);
    add_line(text, "refill_p50_us_below:%" PRIu64, latency_us(counts, 500));
    add_line(text, "refill_p99_us_below:%" PRIu64, latency_us(counts, 990));
    add_line(text, "refill_max_us_below:%" PRIu64, latency_max_us(counts));
}

static const struct {
    const char *name;
    void (*add)(struct text *text, const struct desk *desk);
} sections[] = {
    {"Server", add_server}, {"Clients", add_clients}, {"Sequences", add_sequences},
    {"Ids", add_ids},       {"Store", add_store},     {"Guard", add_guard},
    {"Burned", add_burned}, {"Refills", add_refills},
};

static bool section_wanted(const struct pawl_resp_request *request, const char *name)
{
    if (request->word_count == 1) return true;
    for (uint32_t i = 1; i < request->word_count; i++) {
        const struct pawl_bytes word = request->words[i];

        if (word_is(word, name) || word_is(word, "all") || word_is(word, "everything") ||
            word_is(word, "default")) {
            return true;
        }
    }
    return false;
}

void run_info(struct conn *conn, const struct pawl_resp_request *request)
{
    struct text text = {0};

    if (conn->desk->settings.facts == NULL) {
        say_bulk(conn, PAWL_BYTES(""));
        return;
    }
    for (size_t i = 0; i < PAWL_COUNT(sections); i++) {
        if (!section_wanted(request, sections[i].name)) continue;
        if (text.size > 0) text_add(&text, "\r\n", 2);
        add_line(&text, "# %s", sections[i].name);
        sections[i].add(&text, conn->desk);
    }
    if (text.failed) {
        say_fail(conn, PAWL_NO_MEMORY, "pawld has no memory for this answer");
    } else {
        say_bulk(conn, (struct pawl_bytes){text.at, text.size});
    }
    free(text.at);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A store under a script: asks come as lines on standard input, answers go as lines of JSON to
 * standard output, each when it comes, behind one that says that the store is open. At the end of
 * the input the store is closed, which answers what is left. Usage: store_asker URL. A line is
 *
 *   ID VERB [NAME [KEY=VALUE ...]]
 *
 * VERB is one of those below; a KEY is a field of the ask or of the definition. ID comes back.
 */
#include "drive.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>
#include <uv.h>

#include "base/clock.h"

enum { LINE_BYTES_MAX = 4096, ID_BYTES = 24 };

struct request {
    struct pawl_ask ask;
    char id[ID_BYTES];
    char name[PAWL_NAME_BYTES_MAX + 1];
    pawl_definition definition;
    struct pawl_record record;
    struct pawl_page page;
    struct pawl_check check;
    uint64_t listed;
};

struct asker {
    struct pawl_source *store;
    uv_poll_t input;
    bool ended;
    size_t size;
    char text[LINE_BYTES_MAX];
};

static const struct {
    const char *word;
    enum pawl_ask_kind kind;
} verbs[] = {
    {"alter", PAWL_ASK_ALTER}, {"check", PAWL_ASK_CHECK},   {"create", PAWL_ASK_CREATE},
    {"drop", PAWL_ASK_DROP},   {"fence", PAWL_ASK_FENCE},   {"init", PAWL_ASK_INIT},
    {"list", PAWL_ASK_LIST},   {"next", PAWL_ASK_NEXT},     {"ping", PAWL_ASK_PING},
    {"read", PAWL_ASK_READ},   {"return", PAWL_ASK_RETURN}, {"set", PAWL_ASK_SET},
    {"take", PAWL_ASK_TAKE},
};

static void print_text(const char *text)
{
    (void)putchar('"');
    for (; *text != '\0'; text++) {
        if (*text == '"' || *text == '\\') (void)putchar('\\');
        if ((unsigned char)*text < ' ') {
            printf("\\u%04x", (unsigned)*text);
        } else {
            (void)putchar(*text);
        }
    }
    (void)putchar('"');
}

static void print_grant(const struct pawl_grant *grant)
{
    printf(", \"first\": %" PRId64 ", \"count\": %" PRIu64 ", \"increment\": %" PRId64
           ", \"epoch\": %" PRIu64 ", \"line\": %" PRIu64 ", \"lap\": %" PRIu64
           ", \"lease\": %" PRIu64,
           grant->range.first, grant->range.count, grant->range.increment, grant->epoch,
           grant->line, grant->lap, grant->lease);
}

static void print_record(const struct pawl_record *record)
{
    printf(", \"next\": %" PRId64 ", \"increment\": %" PRId64 ", \"epoch\": %" PRIu64
           ", \"line\": %" PRIu64 ", \"lap\": %" PRIu64 ", \"version\": %" PRIu64
           ", \"tag\": %" PRIu64 ", \"block\": %" PRIu64,
           record->next, record->increment, record->epoch, record->line, record->lap,
           record->version, record->tag, record->block);
}

static void answered(struct pawl_ask *ask)
{
    struct request *request = PAWL_OWNER(ask, struct request, ask);

    /* Not all could be read: as whoever wants all of them takes it. */
    if (ask->error.code == PAWL_OK) ask->error = request->page.unread;
    printf("{\"id\": \"%s\", \"error\": \"%s\", \"burned\": %" PRIu64 ", \"listed\": %" PRIu64
           ", \"text\": ",
           request->id, pawl_err_name(ask->error.code), ask->burned, request->listed);
    print_text(ask->error.text);
    if (ask->error.code == PAWL_OK) {
        if (ask->kind == PAWL_ASK_TAKE || ask->kind == PAWL_ASK_NEXT) {
            print_grant(&ask->grant);
        } else if (request->record.epoch != 0) {
            print_record(&request->record);
        }
    }
    printf("}\n");
    (void)fflush(stdout);
    free(request);
}

static void listed(struct pawl_page *page, const struct pawl_record *record)
{
    (void)record;
    PAWL_OWNER(page, struct request, page)->listed++;
}

static void checked(struct pawl_check *check, const char *what, enum pawl_check_verdict verdict,
                    const char *found, const char *advice)
{
    struct request *request = PAWL_OWNER(check, struct request, check);

    printf("{\"id\": \"%s\", \"item\": ", request->id);
    print_text(what);
    printf(", \"verdict\": %d, \"found\": ", (int)verdict);
    print_text(found != NULL ? found : "");
    printf(", \"advice\": ");
    print_text(advice != NULL ? advice : "");
    printf("}\n");
}

static bool is(const char *key, size_t size, const char *word)
{
    return strlen(word) == size && memcmp(key, word, size) == 0;
}

static bool ask_field(struct request *request, const char *pair, size_t size, const char *value)
{
    struct pawl_ask *ask = &request->ask;

    if (is(pair, size, "count")) {
        ask->count = strtoull(value, NULL, 10);
        request->page.count_max = (uint32_t)ask->count;
    } else if (is(pair, size, "exact")) {
        ask->exact = true;
    } else if (is(pair, size, "force")) {
        ask->force = true;
    } else if (is(pair, size, "value")) {
        ask->value = strtoll(value, NULL, 10);
    } else if (is(pair, size, "lease")) {
        ask->lease = strtoull(value, NULL, 10);
    } else if (is(pair, size, "epoch")) {
        ask->epoch = strtoull(value, NULL, 10);
    } else if (is(pair, size, "floor_line")) {
        ask->floor.line = strtoull(value, NULL, 10);
    } else if (is(pair, size, "floor_lap")) {
        ask->floor.lap = strtoull(value, NULL, 10);
    } else if (is(pair, size, "floor_id")) {
        ask->floor.id = strtoll(value, NULL, 10);
    } else {
        return false;
    }
    return true;
}

static bool definition_field(pawl_definition *definition, const char *pair, size_t size,
                             const char *value)
{
    if (is(pair, size, "start")) {
        definition->given |= PAWL_GIVEN_START;
        definition->start = strtoll(value, NULL, 10);
    } else if (is(pair, size, "increment")) {
        definition->given |= PAWL_GIVEN_INCREMENT;
        definition->increment = strtoll(value, NULL, 10);
    } else if (is(pair, size, "max")) {
        definition->given |= PAWL_GIVEN_MAX;
        definition->max = strtoll(value, NULL, 10);
    } else if (is(pair, size, "block")) {
        definition->given |= PAWL_GIVEN_BLOCK;
        definition->block = strtoull(value, NULL, 10);
    } else if (is(pair, size, "if_not_exists")) {
        definition->given |= PAWL_GIVEN_IF_NOT_EXISTS;
    } else {
        return false;
    }
    return true;
}

/* Exits on a line that cannot be meant: the script is wrong. */
static void begin(struct asker *asker, char *line)
{
    struct request *request = calloc(1, sizeof *request);
    char *rest = NULL;
    const char *id = strtok_r(line, " ", &rest);
    const char *verb = strtok_r(NULL, " ", &rest);
    const char *name = strtok_r(NULL, " ", &rest);
    size_t v = 0;

    if (request == NULL || id == NULL || verb == NULL) exit(2);
    while (v < PAWL_COUNT(verbs) && strcmp(verbs[v].word, verb) != 0) {
        v++;
    }
    if (v == PAWL_COUNT(verbs)) exit(2);
    (void)snprintf(request->id, sizeof request->id, "%s", id);
    (void)snprintf(request->name, sizeof request->name, "%s", name != NULL ? name : "");
    request->page = (struct pawl_page){.count_max = 100, .each = listed};
    request->check.item = checked;
    request->ask = (struct pawl_ask){.kind = verbs[v].kind,
                                     .name = {request->name, strlen(request->name)},
                                     .definition = &request->definition,
                                     .record = &request->record,
                                     .page = &request->page,
                                     .check = &request->check,
                                     .done = answered};
    for (const char *pair = NULL; (pair = strtok_r(NULL, " ", &rest)) != NULL;) {
        size_t size = strcspn(pair, "=");
        const char *value = pair + size + (pair[size] == '=');

        if (!ask_field(request, pair, size, value) &&
            !definition_field(&request->definition, pair, size, value)) {
            exit(2);
        }
    }
    pawl_source_ask(asker->store, &request->ask);
}

static void input_came(uv_poll_t *input, int status, int events)
{
    struct asker *asker = input->data;
    ssize_t got =
        read(STDIN_FILENO, asker->text + asker->size, sizeof asker->text - asker->size - 1);

    (void)status;
    (void)events;
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) return;
    if (got <= 0) {
        asker->ended = true;
        return;
    }
    asker->size += (size_t)got;
    for (;;) {
        char *end = memchr(asker->text, '\n', asker->size);

        if (end == NULL) return;
        *end = '\0';
        begin(asker, asker->text);
        asker->size -= (size_t)(end + 1 - asker->text);
        memmove(asker->text, end + 1, asker->size);
    }
}

static uint64_t turn_asker(void *arg)
{
    struct asker *asker = arg;
    uint64_t next_ns = asker->store->ops->turn(asker->store, pawl_clock_ns());

    return asker->ended ? PAWL_PUMP_OVER : next_ns;
}

int main(int argc, char **argv)
{
    uint64_t seed = 0;
    struct asker asker = {.ended = false};
    pawl_error error = {0};

    if (argc != 2) {
        (void)fprintf(stderr, "usage: store_asker URL\n");
        return 2;
    }
    if (getrandom(&seed, sizeof seed, 0) != sizeof seed) return 2;
    struct pawl_store_options options = drive_options(seed);

    if (pawl_store_open(argv[1], &options, &asker.store, &error) != PAWL_OK) {
        (void)fprintf(stderr, "%s\n", error.text);
        return 1;
    }
    printf("{\"ready\": true}\n");
    (void)fflush(stdout);
    (void)fcntl(STDIN_FILENO, F_SETFL, O_NONBLOCK);
    if (uv_poll_init(options.loop, &asker.input, STDIN_FILENO) != 0) abort();
    asker.input.data = &asker;
    (void)uv_poll_start(&asker.input, UV_READABLE | UV_DISCONNECT, input_came);
    drive_until(turn_asker, &asker);
    uv_close((uv_handle_t *)&asker.input, NULL);
    asker.store->ops->close(asker.store);
    drive_settle();
    return 0;
}

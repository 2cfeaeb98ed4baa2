/* SPDX-License-Identifier: Apache-2.0 */
/* Everything but ids: creating, changing, looking, listing. One call each, with a deadline. */
#include <string.h>

#include "client/call.h"

enum { PAGE_RECORDS = 100 };

static struct pawl_call *call_for(pawl_client *client, enum pawl_ask_kind kind, const char *name,
                                  pawl_error *error)
{
    struct pawl_name named;
    struct pawl_bytes bytes = {name, name == NULL ? 0 : strlen(name)};

    if (pawl_name_set(&named, bytes, error) != PAWL_OK) return NULL;
    return pawl_call_new(client, kind, &named, error);
}

/* What RESP has no words for would be left out in silence, so it is judged here. */
static struct pawl_call *call_to_define(pawl_client *client, enum pawl_define how, const char *name,
                                        const pawl_definition *definition, pawl_error *error)
{
    bool create = how == PAWL_DEFINE_CREATE;

    if (pawl_definition_check(how, definition, error) != PAWL_OK) return NULL;
    struct pawl_call *call =
        call_for(client, create ? PAWL_ASK_CREATE : PAWL_ASK_ALTER, name, error);
    if (call == NULL) return NULL;
    if (definition != NULL) call->definition = *definition;
    call->ask.definition = &call->definition;
    return call;
}

/* Runs and ends a call whose answer is only whether it was done. */
static pawl_err finish(struct pawl_call *call, pawl_error *error)
{
    uint64_t deadline_ns = pawl_deadline_ns(call->client->options.timeout_ns);
    pawl_err err = pawl_call_run(&call, deadline_ns, error);

    pawl_call_end(call);
    return err;
}

/* Callers may pass no error, but which one it was decides what is returned. */
static pawl_err refused(pawl_error *error, const pawl_error *why)
{
    if (error != NULL) *error = *why;
    return why->code;
}

pawl_err pawl_create(pawl_client *client, const char *name, const pawl_definition *definition,
                     pawl_error *error)
{
    pawl_error why;
    struct pawl_call *call = call_to_define(client, PAWL_DEFINE_CREATE, name, definition, &why);

    return call == NULL ? refused(error, &why) : finish(call, error);
}

pawl_err pawl_alter(pawl_client *client, const char *name, const pawl_definition *definition,
                    pawl_error *error)
{
    pawl_error why;
    struct pawl_call *call = call_to_define(client, PAWL_DEFINE_ALTER, name, definition, &why);

    return call == NULL ? refused(error, &why) : finish(call, error);
}

pawl_err pawl_set(pawl_client *client, const char *name, int64_t id, bool force, pawl_error *error)
{
    pawl_error why;
    struct pawl_call *call = call_for(client, PAWL_ASK_SET, name, &why);

    if (call == NULL) return refused(error, &why);
    call->ask.value = id;
    call->ask.force = force;
    return finish(call, error);
}

pawl_err pawl_drop(pawl_client *client, const char *name, bool force, pawl_error *error)
{
    pawl_error why;
    struct pawl_call *call = call_for(client, PAWL_ASK_DROP, name, &why);

    if (call == NULL) return refused(error, &why);
    call->ask.force = force;
    return finish(call, error);
}

pawl_err pawl_rename(pawl_client *client, const char *name, const char *to, pawl_error *error)
{
    struct pawl_bytes bytes = {to, to == NULL ? 0 : strlen(to)};
    pawl_error why;
    struct pawl_name target;

    if (pawl_name_set(&target, bytes, &why) != PAWL_OK) return refused(error, &why);
    struct pawl_call *call = call_for(client, PAWL_ASK_RENAME, name, &why);
    if (call == NULL) return refused(error, &why);
    call->to = target;
    call->ask.to = pawl_name_bytes(&call->to);
    return finish(call, error);
}

pawl_err pawl_fence(pawl_client *client, const char *name, uint64_t skip, uint64_t beyond_line,
                    pawl_error *error)
{
    pawl_error why;
    struct pawl_call *call = call_for(client, PAWL_ASK_FENCE, name, &why);

    if (call == NULL) return refused(error, &why);
    call->ask.count = skip;
    call->ask.line = beyond_line;
    return finish(call, error);
}

pawl_err pawl_show(pawl_client *client, const char *name, pawl_info *info, pawl_error *error)
{
    pawl_error why;
    struct pawl_call *call = call_for(client, PAWL_ASK_READ, name, &why);
    uint64_t deadline_ns = pawl_deadline_ns(client->options.timeout_ns);

    if (call == NULL) return refused(error, &why);
    call->ask.gaps = &call->gaps;
    pawl_err err = pawl_call_run(&call, deadline_ns, error);
    if (err == PAWL_OK) {
        pawl_record_info(&call->record, info);
        info->gaps = call->gaps;
    }
    pawl_call_end(call);
    return err;
}

/* What one page of a listing ended with. */
struct turned {
    struct pawl_name after;
    bool more;
    pawl_error unread;
};

static pawl_err list_page(pawl_client *client, struct pawl_bytes glob, struct turned *turned,
                          struct pawl_call **page, pawl_error *error)
{
    pawl_error why;
    struct pawl_call *call = pawl_call_new(client, PAWL_ASK_LIST, NULL, &why);
    uint64_t deadline_ns = pawl_deadline_ns(client->options.timeout_ns);

    if (call == NULL) return refused(error, &why);
    call->page.after = turned->after;
    call->page.count_max = PAGE_RECORDS;
    call->page.glob = pawl_call_keep(call, glob);
    call->page.unread = turned->unread;
    pawl_err err = pawl_call_run(&call, deadline_ns, error);
    if (err == PAWL_OK && call->info_missed) {
        err = pawl_fail(error, PAWL_NO_MEMORY, "no memory for a page of the listing");
    }
    if (err == PAWL_OK) {
        *turned = (struct turned){call->page.after, call->page.more, call->page.unread};
        *page = call;
    } else {
        pawl_call_end(call);
    }
    return err;
}

pawl_err pawl_list(pawl_client *client, const char *glob,
                   bool (*each)(const pawl_info *info, void *arg), void *arg, pawl_error *error)
{
    struct pawl_bytes pattern = {glob, glob == NULL ? 0 : strlen(glob)};
    struct turned turned = {.more = true};

    if (pattern.size > PAWL_CALL_GLOB_BYTES_MAX) {
        return pawl_fail(error, PAWL_LIMIT, "the pattern is longer than %d bytes",
                         (int)PAWL_CALL_GLOB_BYTES_MAX);
    }
    while (turned.more) {
        struct pawl_call *page = NULL;
        pawl_err err = list_page(client, pattern, &turned, &page, error);

        if (err != PAWL_OK) return err;
        PAWL_ASSERT(page != NULL);
        for (size_t i = 0; i < page->info_count; i++) {
            if (each(&page->infos[i], arg)) continue;
            turned.more = false;
            break;
        }
        pawl_call_end(page);
    }
    if (turned.unread.code == PAWL_OK) return PAWL_OK;
    return pawl_fail(error, turned.unread.code, "%s",
                     turned.unread.text); /* all others were told */
}

pawl_err pawl_ping(pawl_client *client, pawl_error *error)
{
    pawl_error why;
    struct pawl_call *call = pawl_call_new(client, PAWL_ASK_PING, NULL, &why);

    return call == NULL ? refused(error, &why) : finish(call, error);
}

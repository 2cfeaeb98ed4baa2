/* SPDX-License-Identifier: Apache-2.0 */
/* Lists of asks, and the two doors through which every ask goes in and comes out. */
#include "range/source.h"

#include <stdarg.h>
#include <stdio.h>

void pawl_asks_add(struct pawl_asks *asks, struct pawl_ask *ask)
{
    if (asks->first == NULL) asks->end = &asks->first;
    ask->next = NULL;
    *asks->end = ask;
    asks->end = &ask->next;
}

void pawl_asks_push(struct pawl_asks *asks, struct pawl_ask *ask)
{
    if (asks->first == NULL) asks->end = &ask->next;
    ask->next = asks->first;
    asks->first = ask;
}

struct pawl_ask *pawl_asks_pop(struct pawl_asks *asks)
{
    struct pawl_ask *ask = asks->first;

    if (ask == NULL) return NULL;
    asks->first = ask->next;
    ask->next = NULL;
    return ask;
}

bool pawl_asks_remove(struct pawl_asks *asks, struct pawl_ask *ask)
{
    for (struct pawl_ask **at = &asks->first; *at != NULL; at = &(*at)->next) {
        if (*at != ask) continue;
        *at = ask->next;
        if (*at == NULL) asks->end = at;
        ask->next = NULL;
        return true;
    }
    return false;
}

/* What whoever asks must have set. A name from outside has been through pawl_name_set by now. */
static void check_ask(const struct pawl_ask *ask)
{
    PAWL_ASSERT(ask->done != NULL);
    if (ask->kind == PAWL_ASK_LIST) {
        PAWL_ASSERT(ask->page != NULL && ask->page->each != NULL);
    } else if (ask->kind == PAWL_ASK_WAIT) {
        PAWL_ASSERT(ask->holding != NULL);
    } else if (ask->kind == PAWL_ASK_CHECK) {
        PAWL_ASSERT(ask->check != NULL && ask->check->item != NULL);
    } else if (ask->kind == PAWL_ASK_REDRAW) {
        PAWL_ASSERT(ask->identity != NULL);
    } else if (ask->kind != PAWL_ASK_PING && ask->kind != PAWL_ASK_INIT) {
        PAWL_ASSERT(ask->name.size > 0 && ask->name.size <= PAWL_NAME_BYTES_MAX);
        PAWL_ASSERT(ask->kind != PAWL_ASK_RENAME ||
                    (ask->to.size > 0 && ask->to.size <= PAWL_NAME_BYTES_MAX));
    }
}

void pawl_source_ask(struct pawl_source *source, struct pawl_ask *ask)
{
    check_ask(ask);
    ask->error.code = PAWL_OK;
    ask->error.text[0] = '\0';
    ask->grant = (struct pawl_grant){.lease = 0};
    ask->burned = 0;
    ask->skipped = 0;
    if (ask->identity != NULL && ask->kind != PAWL_ASK_REDRAW) {
        *ask->identity = (struct pawl_identity){.name_size = 0};
    }
    ask->next = NULL;
    ask->pending = true;
    /* A layer that only hands an ask down does so from inside its own ask: hence a depth. */
    ask->asking++;
    source->ops->ask(source, ask);
    ask->asking--;
}

void pawl_ask_answer(struct pawl_ask *ask)
{
    PAWL_ASSERT(ask->pending);     /* once, and only what was asked */
    PAWL_ASSERT(ask->asking == 0); /* later, never from inside ask */
    if (ask->error.code != PAWL_OK) ask->grant.range.count = 0;
    if (ask->grant.range.count > 0) {
        PAWL_ASSERT(ask->kind == PAWL_ASK_TAKE || ask->kind == PAWL_ASK_NEXT || ask->once);
        PAWL_ASSERT(ask->grant.range.increment != 0 && ask->grant.line != 0);
    }
    ask->pending = false;
    ask->done(ask);
}

void pawl_ask_fail(struct pawl_ask *ask, pawl_err code, const char *format, ...)
{
    PAWL_ASSERT(code != PAWL_OK);
    va_list args;
    va_start(args, format);
    ask->error.code = code;
    (void)vsnprintf(ask->error.text, sizeof ask->error.text, format, args);
    va_end(args);
    pawl_ask_answer(ask);
}

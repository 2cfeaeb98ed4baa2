/* SPDX-License-Identifier: Apache-2.0 */
#include "server/pg/settings.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "server/pg/session.h"

static const struct pg_known knowns[] = {
#define X(name, kind, flags, value, range, most, description) \
    {name, kind, flags, value, range, most, description},
#include "server/pg/settings.def"
#undef X
};

size_t pg_known_count(void)
{
    return PAWL_COUNT(knowns);
}

const struct pg_known *pg_known_at(size_t index)
{
    PAWL_ASSERT(index < PAWL_COUNT(knowns));
    return &knowns[index];
}

const struct pg_known *pg_known_find(struct pawl_bytes name)
{
    for (size_t i = 0; i < PAWL_COUNT(knowns); i++) {
        if (pawl_bytes_equal_nocase(pg_text(knowns[i].name), name)) return &knowns[i];
    }
    return NULL;
}

static struct pg_setting *find(const struct pg_session *session, struct pawl_bytes name)
{
    struct pg_setting *setting = session->settings.first;

    while (setting != NULL && !pawl_bytes_equal_nocase(pg_text(setting->name), name)) {
        setting = setting->next;
    }
    return setting;
}

static const char *value_of(const struct pg_setting *setting)
{
    if (setting->local != NULL) return setting->local;
    if (setting->session != NULL) return setting->session;
    return setting->start;
}

/* What holds when nothing was said: of a transaction's settings, what new transactions get. */
static const char *default_of(const struct pg_session *session, const struct pg_known *known)
{
    char name[PG_SETTING_NAME_BYTES_MAX] = "default_";
    size_t size = strlen(known->name);

    if (strcmp(known->name, "session_authorization") == 0) return session->user;
    if ((known->flags & PG_SETTING_OF_TX) == 0) return known->value;
    memcpy(name + 8, known->name, size + 1);
    struct pawl_bytes other = {name, size + 8};
    const struct pg_setting *said = find(session, other);
    if (said != NULL && value_of(said) != NULL) return value_of(said);
    known = pg_known_find(other);
    return known == NULL ? NULL : known->value;
}

const char *pg_setting_show(const struct pg_session *session, struct pawl_bytes name)
{
    const struct pg_setting *setting = find(session, name);
    const char *value = setting == NULL ? NULL : value_of(setting);

    if (value != NULL) return value;
    const struct pg_known *known = pg_known_find(name);
    return known == NULL ? NULL : default_of(session, known);
}

/* What is looked at often. */

static void derive_path(struct pg_settings *settings, const char *value)
{
    struct pawl_bytes rest = pg_text(value);
    size_t size = 0;
    bool good = true;

    free(settings->path);
    settings->path_count = 0;
    settings->path = malloc(rest.size + PG_CANDIDATES_MAX + 1);
    char *to = settings->path;
    char name[PG_SETTING_BYTES_MAX];
    while (to != NULL && settings->path_count < PG_CANDIDATES_MAX &&
           pg_path_next(&rest, name, &size, &good)) {
        if (size == 0 || size > PG_IDENTIFIER_BYTES_MAX) continue;
        memcpy(to, name, size);
        to[size] = '\0';
        to += size + 1;
        settings->path_count++;
    }
}

static void changed(struct pg_session *session, const struct pg_setting *setting)
{
    struct pg_settings *settings = &session->settings;
    const struct pg_known *known = setting->known;
    int64_t number = 0;

    if (known == NULL) return;
    const char *value = pg_setting_show(session, pg_text(known->name));
    if (known->kind == PG_SETTING_PATH) {
        derive_path(settings, value);
        pg_search_forget(session);
    } else if (strcmp(known->name, "statement_timeout") == 0) {
        (void)pg_number(PG_SETTING_MS, pg_text(value), &number);
        settings->statement_timeout_ms = (uint64_t)number;
    } else if (strstr(known->name, "transaction_read_only") != NULL) {
        value = pg_setting_show(session, PAWL_BYTES("transaction_read_only"));
        settings->read_only = strcmp(value, "on") == 0;
    } else if (strcmp(known->name, "client_min_messages") == 0) {
        settings->least_notice = pg_choice(known->range, pg_text(value));
    }
    if ((known->flags & PG_SETTING_REPORTED) != 0 && session->phase == PG_SERVING) {
        settings->tell = true;
    }
}

/* Changes. */

static bool custom_name(struct pawl_bytes name)
{
    bool dotted = false;
    bool begins = true;

    if (name.size > PG_SETTING_NAME_BYTES_MAX) return false;
    for (size_t i = 0; i < name.size; i++) {
        unsigned char letter = (unsigned char)name.at[i];

        if (letter == '.') {
            if (begins) return false;
            dotted = begins = true;
        } else if (isalpha(letter) || letter == '_' || letter >= 0x80) {
            begins = false;
        } else if (begins || !(isdigit(letter) || letter == '$')) {
            return false;
        }
    }
    return dotted && !begins;
}

static bool no_memory(struct pg_session *session)
{
    return sql_fail(&session->error, "53200", 0, "out of memory");
}

/* A custom one that was reset, as by DISCARD ALL, has nothing to say but that it was known. */
static bool forget_one(struct pg_settings *settings)
{
    struct pg_setting **at = &settings->first;

    if (settings->undo != NULL) return false; /* it may want it back */
    for (; *at != NULL; at = &(*at)->next) {
        struct pg_setting *setting = *at;

        if (setting->known != NULL || setting->session != NULL || setting->local != NULL ||
            setting->start != NULL) {
            continue;
        }
        *at = setting->next;
        settings->count--;
        free(setting->told);
        free(setting);
        return true;
    }
    return false;
}

static struct pg_setting *add(struct pg_session *session, const struct pg_known *known,
                              struct pawl_bytes name)
{
    if (session->settings.count == PG_SETTINGS_MAX && !forget_one(&session->settings)) {
        (void)sql_fail(&session->error, "53400", 0, "more than %d settings in one session",
                       PG_SETTINGS_MAX);
        return NULL;
    }
    if (known != NULL) name = pg_text(known->name);
    struct pg_setting *setting = calloc(1, sizeof *setting + name.size + 1);
    if (setting == NULL) {
        (void)no_memory(session);
        return NULL;
    }
    setting->known = known;
    memcpy(setting->name, name.at, name.size);
    setting->next = session->settings.first;
    session->settings.first = setting;
    session->settings.count++;
    return setting;
}

/* The setting that may be changed. NULL: session->error. */
static struct pg_setting *changeable(struct pg_session *session, struct pawl_bytes name)
{
    const struct pg_known *known = pg_known_find(name);
    struct pg_setting *setting = find(session, name);
    const char *when = "";

    if (known == NULL && setting == NULL && !custom_name(name)) {
        (void)sql_fail(&session->error, "42704", 0, "unrecognized configuration parameter \"%.*s\"",
                       (int)(name.size > 128 ? 128 : name.size), name.at);
        return NULL;
    }
    if (known != NULL && (known->flags & PG_SETTING_OF_SUPERUSER) != 0) {
        (void)sql_fail(&session->error, "42501", 0, "permission denied to set parameter \"%s\"",
                       known->name);
        return NULL;
    }
    if (known != NULL && (known->flags & (PG_SETTING_FIXED | PG_SETTING_AT_START)) != 0) {
        if ((known->flags & PG_SETTING_AT_START) != 0) when = " without restarting the server";
        (void)sql_fail(&session->error, "55P02", 0, "parameter \"%s\" cannot be changed%s",
                       known->name, when);
        return NULL;
    }
    return setting != NULL ? setting : add(session, known, name);
}

/* Remembers what is to be replaced: the setting's values move into the journal. */
static bool note(struct pg_session *session, struct pg_setting *setting)
{
    struct pg_settings *settings = &session->settings;

    if (settings->undo_count == PG_SETTING_UNDO_MAX) {
        return sql_fail(&session->error, "54000", 0,
                        "more than %d changes of settings in one transaction", PG_SETTING_UNDO_MAX);
    }
    struct pg_setting_undo *undo = calloc(1, sizeof *undo);
    if (undo == NULL) return no_memory(session);
    undo->setting = setting;
    undo->session = setting->session;
    undo->local = setting->local;
    undo->depth = session->tx.savepoint_count;
    undo->next = settings->undo;
    settings->undo = undo;
    settings->undo_count++;
    setting->local = NULL;
    return true;
}

/* value NULL: as RESET. */
static bool put(struct pg_session *session, struct pg_setting *setting, const char *value,
                bool local)
{
    char *copy = value == NULL ? NULL : strdup(value);
    char *kept = NULL;

    if (value != NULL && copy == NULL) return no_memory(session);
    if (local && setting->session != NULL) {
        kept = strdup(setting->session);
        if (kept == NULL) {
            free(copy);
            return no_memory(session);
        }
    }
    if (!note(session, setting)) {
        free(copy);
        free(kept);
        return false;
    }
    setting->session = local ? kept : copy;
    if (local) setting->local = copy;
    changed(session, setting);
    return true;
}

static bool may_be_role(struct pg_session *session, const struct pg_known *known,
                        struct pawl_bytes value)
{
    if (known == NULL || known->kind != PG_SETTING_ROLE) return true;
    if (pawl_bytes_equal(value, pg_text(session->user))) return true;
    if (strcmp(known->name, "role") == 0 && pawl_bytes_equal(value, PAWL_BYTES("none"))) {
        return true;
    }
    return sql_fail(&session->error, "22023", 0, "role \"%.*s\" does not exist",
                    (int)(value.size > 63 ? 63 : value.size), value.at);
}

/* A transaction's isolation is settled by its first query. */
static bool in_time(struct pg_session *session, const struct pg_known *known, const char *now,
                    const char *value)
{
    if (known == NULL || !session->tx.queried || session->tx.block == PG_BLOCK_NONE ||
        strcmp(known->name, "transaction_isolation") != 0 || strcmp(now, value) == 0) {
        return true;
    }
    return sql_fail(&session->error, "25001", 0,
                    "SET TRANSACTION ISOLATION LEVEL must be called before any query");
}

bool pg_setting_set(struct pg_session *session, struct pawl_bytes name, struct pawl_bytes value,
                    bool local)
{
    char text[PG_SETTING_BYTES_MAX];
    struct pg_setting *setting = changeable(session, name);

    if (setting == NULL) return false;
    const struct pg_known *known = setting->known;
    if (known != NULL && (known->flags & PG_SETTING_OF_TX) != 0) local = true;
    if (value.at == NULL) {
        const char *start = setting->start;

        if (start == NULL && known != NULL) start = default_of(session, known);
        return put(session, setting, local ? start : NULL, local);
    }
    const char *now = known == NULL ? "" : pg_setting_show(session, name);
    return may_be_role(session, known, value) &&
           pg_setting_value(known, value, now, text, &session->error) &&
           in_time(session, known, now, text) && put(session, setting, text, local);
}

bool pg_setting_start(struct pg_session *session, struct pawl_bytes name, struct pawl_bytes value)
{
    char text[PG_SETTING_BYTES_MAX];
    struct pg_setting *setting = changeable(session, name);

    if (setting == NULL) return false;
    const char *now = setting->known == NULL ? "" : pg_setting_show(session, name);
    if (!may_be_role(session, setting->known, value) ||
        !pg_setting_value(setting->known, value, now, text, &session->error)) {
        return false;
    }
    free(setting->start);
    setting->start = strdup(text);
    if (setting->start == NULL) return no_memory(session);
    changed(session, setting);
    return true;
}

bool pg_settings_reset_all(struct pg_session *session)
{
    for (struct pg_setting *setting = session->settings.first; setting != NULL;
         setting = setting->next) {
        const struct pg_known *known = setting->known;

        if (known != NULL &&
            ((known->flags & PG_SETTING_OF_TX) != 0 || known->kind == PG_SETTING_ROLE)) {
            continue;
        }
        if (setting->session == NULL && setting->local == NULL) continue;
        if (!put(session, setting, NULL, false)) return false;
    }
    return true;
}

/* The end of a transaction. */

static void undo_free(struct pg_settings *settings)
{
    struct pg_setting_undo *undo = settings->undo;

    settings->undo = undo->next;
    settings->undo_count--;
    free(undo->session);
    free(undo->local);
    free(undo);
}

void pg_settings_commit(struct pg_session *session)
{
    struct pg_settings *settings = &session->settings;

    if (settings->undo == NULL) return;
    while (settings->undo != NULL) {
        undo_free(settings);
    }
    for (struct pg_setting *setting = settings->first; setting != NULL; setting = setting->next) {
        if (setting->local == NULL) continue;
        free(setting->local);
        setting->local = NULL;
        changed(session, setting);
    }
}

void pg_settings_rollback(struct pg_session *session, ptrdiff_t depth)
{
    struct pg_settings *settings = &session->settings;

    while (settings->undo != NULL && (ptrdiff_t)settings->undo->depth > depth) {
        struct pg_setting_undo *undo = settings->undo;
        struct pg_setting *setting = undo->setting;
        char *session_value = setting->session;
        char *local_value = setting->local;

        setting->session = undo->session;
        setting->local = undo->local;
        undo->session = session_value;
        undo->local = local_value;
        undo_free(settings);
        changed(session, setting);
    }
}

void pg_settings_release(struct pg_session *session, size_t depth)
{
    for (struct pg_setting_undo *undo = session->settings.undo; undo != NULL; undo = undo->next) {
        if (undo->depth > depth) undo->depth = depth;
    }
}

static const char *told_of(const struct pg_setting *setting)
{
    if (setting->told != NULL) return setting->told;
    return setting->start != NULL ? setting->start : setting->known->value;
}

void pg_settings_tell(struct pg_session *session)
{
    if (!session->settings.tell) return;
    session->settings.tell = false;
    for (struct pg_setting *setting = session->settings.first; setting != NULL;
         setting = setting->next) {
        const struct pg_known *known = setting->known;

        if (known == NULL || (known->flags & PG_SETTING_REPORTED) == 0) continue;
        const char *value = pg_setting_show(session, pg_text(known->name));
        if (known->kind == PG_SETTING_ROLE || strcmp(value, told_of(setting)) == 0) continue;
        free(setting->told);
        setting->told = strdup(value); /* without memory it is told once more */
        pg_say_parameter(session, known->name, value);
    }
}

void pg_settings_free(struct pg_session *session)
{
    struct pg_settings *settings = &session->settings;

    while (settings->undo != NULL) {
        undo_free(settings);
    }
    while (settings->first != NULL) {
        struct pg_setting *setting = settings->first;

        settings->first = setting->next;
        free(setting->start);
        free(setting->session);
        free(setting->local);
        free(setting->told);
        free(setting);
    }
    free(settings->path);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "store/guard_url.h"

#include <string.h>

#include "store/guard_file.h"

/* Decodes %xx. false: it cannot be meant, or does not fit. */
static bool decode(struct pawl_bytes text, char *to, size_t size)
{
    size_t at = 0;

    for (size_t i = 0; i < text.size; i++, at++) {
        if (at + 1 >= size) return false;
        to[at] = text.at[i];
        if (text.at[i] != '%') continue;
        if (text.size - i < 3) return false;
        int high = pawl_hex_digit(text.at[i + 1]);
        int low = pawl_hex_digit(text.at[i + 2]);

        if (high < 0 || low < 0 || (high == 0 && low == 0)) return false;
        to[at] = (char)(unsigned char)(high << 4 | low);
        i += 2;
    }
    to[at] = '\0';
    return at > 0;
}

static pawl_err read_option(struct pawl_guard_url *guard, struct pawl_bytes option, bool *ours,
                            pawl_error *error)
{
    const struct pawl_bytes folder = PAWL_BYTES("guard=");
    const struct pawl_bytes accept = PAWL_BYTES("guard-accept=");
    bool fine = true;

    *ours = true;
    if ((pawl_bytes_begin(option, folder) && guard->folder[0] != '\0') ||
        (pawl_bytes_begin(option, accept) && guard->accept[0] != '\0')) {
        return pawl_fail(error, PAWL_BAD_REQUEST, "option %s of a store's URL is given twice",
                         pawl_bytes_begin(option, folder) ? "guard" : "guard-accept");
    }
    if (pawl_bytes_begin(option, folder)) {
        struct pawl_bytes value = {option.at + folder.size, option.size - folder.size};

        fine = decode(value, guard->folder, sizeof guard->folder);
    } else if (pawl_bytes_begin(option, accept)) {
        struct pawl_bytes value = {option.at + accept.size, option.size - accept.size};

        fine = decode(value, guard->accept, sizeof guard->accept);
    } else {
        *ours = false;
    }
    if (fine) return PAWL_OK;
    return pawl_fail(error, PAWL_BAD_REQUEST,
                     "option \"%.*s\" of a store's URL cannot be meant: write guard=/folder, and "
                     "guard-accept=NAME for a store that is to take another's place",
                     option.size < 100 ? (int)option.size : 100, option.at);
}

pawl_err pawl_guard_url_read(struct pawl_guard_url *guard, const char *url, pawl_error *error)
{
    const char *options = strrchr(url, '?');
    size_t at = options == NULL ? strlen(url) : (size_t)(options - url);
    char before = '?';

    guard->folder[0] = guard->accept[0] = '\0';
    if (strlen(url) >= sizeof guard->store) {
        return pawl_fail(error, PAWL_BAD_REQUEST, "a store's URL of %zu bytes is too long",
                         strlen(url));
    }
    memcpy(guard->store, url, at);
    while (options != NULL && *options != '\0') {
        struct pawl_bytes option = {options + 1, strcspn(options + 1, "&")};
        bool ours = false;
        pawl_err err = read_option(guard, option, &ours, error);

        if (err != PAWL_OK) return err;
        options = option.at + option.size;
        if (ours) continue;
        guard->store[at++] = before;
        memcpy(guard->store + at, option.at, option.size);
        at += option.size;
        before = '&';
    }
    guard->store[at] = '\0';
    return PAWL_OK;
}

pawl_err pawl_guard_url_open(const struct pawl_guard_url *guard,
                             const struct pawl_store_options *options, struct pawl_source **store,
                             pawl_error *error)
{
    const struct pawl_guard_settings settings = {
        .refuse_rollback = options->refuse_rollback,
        .wall_s = options->wall_s,
        .arg = options->arg,
    };
    const struct pawl_guard_place place = {
        .folder = guard->folder,
        .url = guard->store,
        .accept = guard->accept,
        .how = "guard-accept=",
        .own = true,
        .takeover_ns = options->takeover_ns,
    };
    struct pawl_book *book = NULL;
    struct pawl_guard *made = NULL;
    pawl_error why;
    pawl_err err = pawl_guard_file_open(&place, &book, &why);

    if (err != PAWL_OK) {
        (*store)->ops->close(*store);
        return pawl_fail(error, err, "guard: %s", why.text);
    }
    err = pawl_guard_new(*store, book, &settings, &made, error);
    if (err == PAWL_OK) *store = pawl_guard_source(made);
    return err;
}

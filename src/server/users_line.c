/* SPDX-License-Identifier: Apache-2.0 */
/* One line of the users file. */
#include <string.h>

#include "server/users.h"

static const char *const role_names[] = {
    [USER_TAKE] = "take", [USER_DEFINE] = "define", [USER_ADMIN] = "admin"};

const char *user_role_name(enum user_role role)
{
    return role_names[role];
}

bool user_role_read(struct pawl_bytes text, enum user_role *role)
{
    for (size_t i = 0; i < PAWL_COUNT(role_names); i++) {
        struct pawl_bytes name = {role_names[i], strlen(role_names[i])};

        if (!pawl_bytes_equal(text, name)) continue;
        *role = (enum user_role)i;
        return true;
    }
    return false;
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

/* Cuts the first field off rest; size 0: there is none. */
static struct pawl_bytes cut_field(struct pawl_bytes *rest)
{
    size_t at = 0;

    while (at < rest->size && is_blank(rest->at[at])) {
        at++;
    }
    size_t begin = at;
    while (at < rest->size && !is_blank(rest->at[at])) {
        at += 1 + (size_t)(rest->at[at] == '\\' && at + 1 < rest->size);
    }
    struct pawl_bytes field = {rest->at + begin, at - begin};

    *rest = (struct pawl_bytes){rest->at + at, rest->size - at};
    return field;
}

const char *user_name_check(struct pawl_bytes name)
{
    if (name.size == 0) return "a user's name is empty";
    if (name.size > USER_NAME_BYTES_MAX) return "the user's name is longer than 63 bytes";
    if (!pawl_utf8_printable(name)) {
        return "the user's name is not UTF-8, or has control characters";
    }
    if (name.at[0] == '#') return "a user's name cannot begin with #";
    for (size_t i = 0; i < name.size; i++) {
        if (is_blank(name.at[i]) || name.at[i] == '\\') {
            return "a user's name has no blanks and no backslashes";
        }
    }
    return NULL;
}

const char *user_globs_check(struct pawl_bytes globs)
{
    size_t count = 0;
    size_t size = 0; /* of the present pattern */

    if (globs.size > USER_GLOBS_BYTES_MAX) return "the patterns are longer than 2048 bytes";
    if (!pawl_utf8_printable(globs)) {
        return "the patterns are not UTF-8, or have control characters";
    }
    for (size_t i = 0; i <= globs.size; i++) {
        bool ends = i == globs.size || globs.at[i] == ',';

        if (ends && size == 0) return "a pattern of sequences' names is empty; * is all";
        if (ends && ++count > USER_GLOBS_MAX) return "there are more than 64 patterns";
        if (!ends && is_blank(globs.at[i])) return "a blank in a pattern is written as \"\\ \"";
        if (!ends && globs.at[i] == '\\') {
            if (++i == globs.size) return "there is nothing behind the patterns' last backslash";
        }
        size = ends ? 0 : size + 1;
    }
    return NULL;
}

const char *user_line_read(struct pawl_bytes text, struct user_line *line)
{
    struct pawl_bytes rest = text;

    *line = (struct user_line){.role = USER_TAKE};
    if (text.size > USERS_LINE_BYTES_MAX) return "the line is longer than 4096 bytes";
    if (rest.size > 0 && rest.at[rest.size - 1] == '\r') rest.size--;

    struct pawl_bytes name = cut_field(&rest);

    if (name.size == 0 || name.at[0] == '#') return NULL;
    const char *wrong = user_name_check(name);
    if (wrong != NULL) return wrong;

    struct pawl_bytes role = cut_field(&rest);
    struct pawl_bytes globs = cut_field(&rest);
    struct pawl_bytes verifier = cut_field(&rest);

    if (verifier.size == 0) return "a line has four fields: name, role, sequences, verifier";
    if (!user_role_read(role, &line->role)) return "the role is none of take, define and admin";
    wrong = user_globs_check(globs);
    if (wrong == NULL) wrong = pawl_scram_verifier_read(&line->verifier, verifier);
    if (wrong != NULL) return wrong;
    if (cut_field(&rest).size > 0) return "there is something behind the verifier";
    line->name = name;
    line->globs = globs;
    return NULL;
}

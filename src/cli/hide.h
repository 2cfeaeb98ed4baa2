/* SPDX-License-Identifier: Apache-2.0 */
/* What is printed bears no password, wherever on the command line one stood. */
#ifndef HIDE_H
#define HIDE_H

#include <stdbool.h>
#include <stddef.h>

/*
 * text, in which the passwords of all URLs among words (ended by NULL) and of url (may be NULL) are
 * stars, as far as they are there: error messages cut what they show. Returns to, of room bytes.
 */
const char *hide_passwords(char *to, size_t room, const char *text, char *const *words,
                           const char *url);

/* Whether a word is a URL of a store or a server: no file, and hardly a sequence's name. */
bool hide_is_url(const char *word);

#endif

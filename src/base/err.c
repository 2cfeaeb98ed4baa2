/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include <stdarg.h>
#include <stdio.h>

const char *pawl_err_name(pawl_err err)
{
    switch (err) {
#define PAWL_ERR_NAME(name, number, advice, word, text) \
    case name:                                          \
        return #name;
        PAWL_ERR_MAP(PAWL_ERR_NAME)
#undef PAWL_ERR_NAME
    }
    return "PAWL_UNKNOWN"; /* a newer peer sent a number we do not know */
}

const char *pawl_err_word(pawl_err err)
{
    switch (err) {
#define PAWL_ERR_WORD(name, number, advice, word, text) \
    case name:                                          \
        return word;
        PAWL_ERR_MAP(PAWL_ERR_WORD)
#undef PAWL_ERR_WORD
    }
    return "ERR";
}

const char *pawl_err_text(pawl_err err)
{
    switch (err) {
#define PAWL_ERR_TEXT(name, number, advice, word, text) \
    case name:                                          \
        return text;
        PAWL_ERR_MAP(PAWL_ERR_TEXT)
#undef PAWL_ERR_TEXT
    }
    return "unknown error";
}

pawl_advice pawl_err_advice(pawl_err err)
{
    switch (err) {
#define PAWL_ERR_ADVICE(name, number, advice, word, text) \
    case name:                                            \
        return advice;
        PAWL_ERR_MAP(PAWL_ERR_ADVICE)
#undef PAWL_ERR_ADVICE
    }
    return PAWL_ADVICE_AGAIN; /* with everything burned: the only advice that is always safe */
}

pawl_err pawl_fail(pawl_error *error, pawl_err code, const char *format, ...)
{
    if (error == NULL) return code;

    va_list args;
    va_start(args, format);
    error->code = code;
    (void)vsnprintf(error->text, sizeof error->text, format, args);
    va_end(args);
    return code;
}

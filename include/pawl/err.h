/* SPDX-License-Identifier: Apache-2.0 */
/* Every way a pawl call can end, said once. */
#ifndef PAWL_ERR_H
#define PAWL_ERR_H

#ifdef __cplusplus
extern "C" {
#endif

#define PAWL_API   __attribute__((visibility("default")))
#define PAWL_CHECK __attribute__((warn_unused_result))

/* What a caller may do about an outcome. Code branches on advice; people read the text. */
typedef enum pawl_advice {
    PAWL_ADVICE_NONE,  /* nothing is wrong */
    PAWL_ADVICE_AGAIN, /* ask again: what may have been taken is burned */
    PAWL_ADVICE_WAIT,  /* ask again later: it cannot be served now */
    PAWL_ADVICE_FIX,   /* the request is wrong and will stay wrong */
    PAWL_ADVICE_STOP,  /* this sequence gives no more ids until a person changes it */
} pawl_advice;

/* Numbers are wire format and ABI: append, never renumber. Word: the first word of a RESP error. */
#define PAWL_ERR_MAP(X)                                                                      \
    X(PAWL_OK, 0, PAWL_ADVICE_NONE, "OK", "success")                                         \
    X(PAWL_EMPTY, 1, PAWL_ADVICE_WAIT, "EMPTY", "no id at hand, a refill is under way")      \
    X(PAWL_TIMEOUT, 2, PAWL_ADVICE_WAIT, "TIMEOUT", "no answer came before the deadline")    \
    X(PAWL_BUSY, 3, PAWL_ADVICE_AGAIN, "BUSY", "refused before anything was taken")          \
    X(PAWL_LOST, 4, PAWL_ADVICE_AGAIN, "LOST", "the answer is lost, what it took is burned") \
    X(PAWL_UNKNOWN, 5, PAWL_ADVICE_AGAIN, "UNKNOWN",                                         \
      "it is not known whether the change was made")                                         \
    X(PAWL_BAD_REQUEST, 6, PAWL_ADVICE_FIX, "ERR", "the request cannot be meant")            \
    X(PAWL_NO_SEQUENCE, 7, PAWL_ADVICE_FIX, "NOSEQ", "no sequence has that name")            \
    X(PAWL_EXISTS, 8, PAWL_ADVICE_FIX, "EXISTS", "a sequence has that name already")         \
    X(PAWL_GLOBAL, 9, PAWL_ADVICE_FIX, "GLOBAL",                                             \
      "the sequence is ORDER GLOBAL: nothing caches it")                                     \
    X(PAWL_FLOOR, 10, PAWL_ADVICE_FIX, "FLOOR", "the asker's floor cannot be reached")       \
    X(PAWL_BEHIND, 11, PAWL_ADVICE_FIX, "BEHIND", "the wished id lies behind the next one")  \
    X(PAWL_DENIED, 12, PAWL_ADVICE_FIX, "NOPERM", "not allowed")                             \
    X(PAWL_END, 13, PAWL_ADVICE_STOP, "END", "the sequence is used up")                      \
    X(PAWL_STORE, 14, PAWL_ADVICE_WAIT, "STORE", "the store cannot be used now")             \
    X(PAWL_CHANGED, 15, PAWL_ADVICE_AGAIN, "CHANGED", "somebody else changed it meanwhile")  \
    X(PAWL_NO_MEMORY, 16, PAWL_ADVICE_WAIT, "OOM", "no memory")                              \
    X(PAWL_CLOSED, 17, PAWL_ADVICE_FIX, "CLOSED", "it is closed")                            \
    X(PAWL_FORKED, 18, PAWL_ADVICE_FIX, "FORKED",                                            \
      "this process is a child of the one that opened it")                                   \
    X(PAWL_LIMIT, 19, PAWL_ADVICE_FIX, "LIMIT", "over a limit")                              \
    X(PAWL_NOT_KEPT, 20, PAWL_ADVICE_FIX, "NOTKEPT", "not taken back: the ids are burned")   \
    X(PAWL_ROLLBACK, 21, PAWL_ADVICE_STOP, "ROLLBACK", "the store went back in time")        \
    X(PAWL_RANGE, 22, PAWL_ADVICE_FIX, "RANGE", "the id lies outside the sequence's bounds") \
    X(PAWL_MISSING, 23, PAWL_ADVICE_WAIT, "MISSING", "the store lacks what pawl store init makes")

typedef enum pawl_err {
#define PAWL_ERR_ENUM(name, number, advice, word, text) name = (number),
    PAWL_ERR_MAP(PAWL_ERR_ENUM)
#undef PAWL_ERR_ENUM
} pawl_err;

/* The story of one failure, kept by the caller, usually on its stack. Never allocated. */
typedef struct pawl_error {
    pawl_err code;
    char text[508];
} pawl_error;

/**
 * The name of an outcome as C has it: "PAWL_LOST".
 *
 * Blocks:   never
 * Threads:  any
 * Memory:   a constant string
 * Errors:   none
 */
PAWL_API const char *pawl_err_name(pawl_err err);

/**
 * The word of an outcome as RESP errors begin: "LOST".
 *
 * Blocks:   never
 * Threads:  any
 * Memory:   a constant string
 * Errors:   none
 */
PAWL_API const char *pawl_err_word(pawl_err err);

/**
 * One line for people, without a full stop.
 *
 * Blocks:   never
 * Threads:  any
 * Memory:   a constant string
 * Errors:   none
 */
PAWL_API const char *pawl_err_text(pawl_err err);

/**
 * What a caller may do about an outcome. Of one unknown to this library: PAWL_ADVICE_AGAIN.
 *
 * Blocks:   never
 * Threads:  any
 * Memory:   none
 * Errors:   none
 */
PAWL_API pawl_advice pawl_err_advice(pawl_err err);

#ifdef __cplusplus
}
#endif

#endif

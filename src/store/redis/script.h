/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the server does for us in one step. Numbers stay texts: Lua's are doubles, which know no
 * integers beyond 2^53; Redis itself adds, and bounds are compared digit by digit.
 *
 * Each script looks first, then answers why not, and only then writes. A look is
 *     {"absent"}, {"foreign", its type}, or {"found", its time to live or -1, {the fields}}
 */
#ifndef PAWL_REDIS_SCRIPT_H
#define PAWL_REDIS_SCRIPT_H

#include "base/base.h"

/*
 * KEYS[1] is the record, but for LIST and CHECK, KEYS[2] the names. The last argument, which is not
 * told below, is the request's number; the answer is that and then what is told below.
 *
 * READ, WRITE and ADVANCE have one key more, the last: what is kept about the server (meta.h), and
 * two arguments more before the number: the branch and position that are known. Their answers have
 * what is there behind the number. A write is refused if that is another branch, or less far. What
 * a command within one of the three says that Redis refuses is told by {"failed", it} if nothing of
 * the record was written, {"torn", it} if something may have been.
 *
 * READ     -                                     a look
 * WRITE    tag expected or "", name, the fields  {"done"}, {"refused", look}, {"index", type}
 * ADVANCE  epoch, lap, low, high, tag, rate, written_at, parts of the way...
 *                                                {"done" or "refused" or "damaged", look}
 * LIST     the names' least, count, prefix       {"names", name, look, ...}, {"index", type}
 * CHECK    after how many names, names at most, prefix
 *                                                {"checked", names, with a time to live, one of
 *                                                them, without a record, one of them}
 * INIT     -                                     {"may"}, {"refused", a command, what Redis says}
 *          KEYS[3] is meta.h's. It tries each command of the others, and changes nothing: CHECK
 *          begins with it.
 * META     -, or branch expected or "", branch, name, run_id, replid, waited
 *                                                {what is there then}, without a number
 */
enum pawl_redis_script {
    PAWL_REDIS_READ,
    PAWL_REDIS_WRITE,
    PAWL_REDIS_ADVANCE,
    PAWL_REDIS_LIST,
    PAWL_REDIS_CHECK,
    PAWL_REDIS_INIT,
    PAWL_REDIS_META,    /* of meta.h's key; always sent whole */
    PAWL_REDIS_SCRIPTS, /* how many */
};

enum { PAWL_REDIS_SHA_BYTES = 40 };

struct pawl_redis_scripts {
    char sha[PAWL_REDIS_SCRIPTS][PAWL_REDIS_SHA_BYTES + 1]; /* SHA-1 of the text, as EVALSHA wants
                                                              it; "": could not be worked out */
};

void pawl_redis_scripts_make(struct pawl_redis_scripts *scripts);
struct pawl_bytes pawl_redis_script_text(enum pawl_redis_script script);

#endif

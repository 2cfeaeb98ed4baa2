/* SPDX-License-Identifier: Apache-2.0 */
/* What an exchange with DynamoDB means: did the request run, and what may be done next. */
#ifndef PAWL_DYNAMODB_VERDICT_H
#define PAWL_DYNAMODB_VERDICT_H

#include <jansson.h>

#include "store/http.h"

enum pawl_dynamodb_ran {
    PAWL_DYNAMODB_RAN,
    PAWL_DYNAMODB_CONDITION, /* it did not: its condition does not hold */
    PAWL_DYNAMODB_AGAIN,     /* it did not, and may be sent again after a pause */
    PAWL_DYNAMODB_EXPIRED,   /* it did not: its keys have run out */
    PAWL_DYNAMODB_NOT,       /* it did not, nor will it */
    PAWL_DYNAMODB_PERHAPS,   /* nobody knows */
};

struct pawl_dynamodb_verdict {
    enum pawl_dynamodb_ran ran;
    char name[64];    /* of the service's error: "ThrottlingException"; "" if it named none */
    json_t *json;     /* the answer, an object, owned by the caller; NULL: there is none */
    pawl_error error; /* but for RAN; never says a key, a token or a signature */
};

/* what: "UpdateItem on table pawl at https://...": for the error. now_s: our clock. */
void pawl_dynamodb_judge(struct pawl_dynamodb_verdict *verdict,
                         const struct pawl_http_exchange *exchange, const char *what,
                         int64_t now_s);
bool pawl_dynamodb_is(const struct pawl_dynamodb_verdict *verdict, const char *name);

#endif

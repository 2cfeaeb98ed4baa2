/* SPDX-License-Identifier: Apache-2.0 */
#include "store/dynamodb/verdict.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "store/secure.h"

enum {
    MESSAGE_SHOWN_MAX = 240,
    SKEW_S_MAX = 240, /* AWS takes signatures from 5 minutes on either side at least */
};

/* How the service's own message is used. */
enum telling {
    TELL_MESSAGE,
    TELL_CLOCK, /* not at all: it may quote what was signed, a token included */
};

struct row {
    const char *name;
    enum pawl_dynamodb_ran ran;
    pawl_err code;
    enum telling telling;
    const char *advice;
};

#define CREDENTIALS "check the credentials: the access key id and its secret"

static const struct row rows[] = {
    {"ConditionalCheckFailedException", PAWL_DYNAMODB_CONDITION, PAWL_CHANGED, TELL_MESSAGE, NULL},

    {"ProvisionedThroughputExceededException", PAWL_DYNAMODB_AGAIN, PAWL_BUSY, TELL_MESSAGE,
     "give the table more write capacity, or let it bill on demand"},
    {"ThrottlingException", PAWL_DYNAMODB_AGAIN, PAWL_BUSY, TELL_MESSAGE, NULL},
    {"RequestLimitExceeded", PAWL_DYNAMODB_AGAIN, PAWL_BUSY, TELL_MESSAGE, NULL},
    {"Throttling", PAWL_DYNAMODB_AGAIN, PAWL_BUSY, TELL_MESSAGE, NULL},
    {"ThrottledException", PAWL_DYNAMODB_AGAIN, PAWL_BUSY, TELL_MESSAGE, NULL},
    {"RequestThrottled", PAWL_DYNAMODB_AGAIN, PAWL_BUSY, TELL_MESSAGE, NULL},
    {"RequestThrottledException", PAWL_DYNAMODB_AGAIN, PAWL_BUSY, TELL_MESSAGE, NULL},
    {"TooManyRequestsException", PAWL_DYNAMODB_AGAIN, PAWL_BUSY, TELL_MESSAGE, NULL},
    {"BandwidthLimitExceeded", PAWL_DYNAMODB_AGAIN, PAWL_BUSY, TELL_MESSAGE, NULL},
    {"SlowDown", PAWL_DYNAMODB_AGAIN, PAWL_BUSY, TELL_MESSAGE, NULL},
    {"PriorRequestNotComplete", PAWL_DYNAMODB_AGAIN, PAWL_BUSY, TELL_MESSAGE, NULL},
    {"TransactionConflictException", PAWL_DYNAMODB_AGAIN, PAWL_BUSY, TELL_MESSAGE, NULL},
    {"TransactionInProgressException", PAWL_DYNAMODB_AGAIN, PAWL_BUSY, TELL_MESSAGE, NULL},
    {"ReplicatedWriteConflictException", PAWL_DYNAMODB_AGAIN, PAWL_BUSY, TELL_MESSAGE, NULL},
    {"LimitExceededException", PAWL_DYNAMODB_AGAIN, PAWL_BUSY, TELL_MESSAGE, NULL},

    {"InternalServerError", PAWL_DYNAMODB_PERHAPS, PAWL_STORE, TELL_MESSAGE, NULL},
    {"InternalFailure", PAWL_DYNAMODB_PERHAPS, PAWL_STORE, TELL_MESSAGE, NULL},
    {"ServiceUnavailable", PAWL_DYNAMODB_PERHAPS, PAWL_STORE, TELL_MESSAGE, NULL},
    {"ServiceUnavailableException", PAWL_DYNAMODB_PERHAPS, PAWL_STORE, TELL_MESSAGE, NULL},
    {"RequestTimeout", PAWL_DYNAMODB_PERHAPS, PAWL_STORE, TELL_MESSAGE, NULL},
    {"RequestTimeoutException", PAWL_DYNAMODB_PERHAPS, PAWL_STORE, TELL_MESSAGE, NULL},

    {"ResourceNotFoundException", PAWL_DYNAMODB_NOT, PAWL_MISSING, TELL_MESSAGE,
     "create the table with pawl store init URL, or correct its name and region"},
    {"ResourceInUseException", PAWL_DYNAMODB_NOT, PAWL_STORE, TELL_MESSAGE, NULL},
    {"ItemCollectionSizeLimitExceededException", PAWL_DYNAMODB_NOT, PAWL_STORE, TELL_MESSAGE, NULL},
    {"ValidationException", PAWL_DYNAMODB_NOT, PAWL_BAD_REQUEST, TELL_MESSAGE, NULL},
    {"SerializationException", PAWL_DYNAMODB_NOT, PAWL_BAD_REQUEST, TELL_MESSAGE, NULL},
    {"UnknownOperationException", PAWL_DYNAMODB_NOT, PAWL_BAD_REQUEST, TELL_MESSAGE, NULL},
    {"AccessDeniedException", PAWL_DYNAMODB_NOT, PAWL_DENIED, TELL_MESSAGE,
     "give the role this action in its IAM policy"},
    {"UnrecognizedClientException", PAWL_DYNAMODB_NOT, PAWL_DENIED, TELL_CLOCK, CREDENTIALS},
    {"InvalidClientTokenId", PAWL_DYNAMODB_NOT, PAWL_DENIED, TELL_CLOCK, CREDENTIALS},
    {"InvalidSignatureException", PAWL_DYNAMODB_NOT, PAWL_DENIED, TELL_CLOCK, CREDENTIALS},
    {"SignatureDoesNotMatch", PAWL_DYNAMODB_NOT, PAWL_DENIED, TELL_CLOCK, CREDENTIALS},
    {"IncompleteSignatureException", PAWL_DYNAMODB_NOT, PAWL_DENIED, TELL_CLOCK, CREDENTIALS},
    {"MissingAuthenticationTokenException", PAWL_DYNAMODB_NOT, PAWL_DENIED, TELL_CLOCK,
     CREDENTIALS},
    {"MissingAuthenticationToken", PAWL_DYNAMODB_NOT, PAWL_DENIED, TELL_CLOCK, CREDENTIALS},
    {"RequestExpired", PAWL_DYNAMODB_NOT, PAWL_DENIED, TELL_CLOCK, CREDENTIALS},

    {"ExpiredTokenException", PAWL_DYNAMODB_EXPIRED, PAWL_DENIED, TELL_CLOCK,
     "renew the session token that pawl is given"},
    {"ExpiredToken", PAWL_DYNAMODB_EXPIRED, PAWL_DENIED, TELL_CLOCK,
     "renew the session token that pawl is given"},
};

bool pawl_dynamodb_is(const struct pawl_dynamodb_verdict *verdict, const char *name)
{
    return strcmp(verdict->name, name) == 0;
}

static const struct row *row_of(const char *name)
{
    for (size_t i = 0; i < PAWL_COUNT(rows); i++) {
        if (strcmp(rows[i].name, name) == 0) return &rows[i];
    }
    return NULL;
}

/* The service's own words, in msg's room; "" if it has none, or none that can be shown. */
static void message_of(const json_t *json, char message[MESSAGE_SHOWN_MAX + 1])
{
    const json_t *said = json_object_get(json, "message");

    if (!json_is_string(said)) said = json_object_get(json, "Message");
    const char *text = json_is_string(said) ? json_string_value(said) : "";

    (void)snprintf(message, MESSAGE_SHOWN_MAX + 1, "%s", text);
    if (!pawl_utf8_printable((struct pawl_bytes){message, strlen(message)})) message[0] = '\0';
}

/* What follows the last # of its type: prefixes vary. */
static void name_of(const json_t *json, char *name, size_t size)
{
    const json_t *type = json_object_get(json, "__type");
    const char *text = json_is_string(type) ? json_string_value(type) : "";
    const char *last = strrchr(text, '#');

    (void)snprintf(name, size, "%s", last != NULL ? last + 1 : text);
    if (!pawl_utf8_printable((struct pawl_bytes){name, strlen(name)})) name[0] = '\0';
}

/* How far our clock is from the service's, if it told its own. */
static int64_t skew_of(const struct pawl_http_exchange *exchange, int64_t now_s)
{
    return exchange->answer_date_s > 0 ? now_s - exchange->answer_date_s : 0;
}

static void tell_clock(struct pawl_dynamodb_verdict *verdict, const struct row *row,
                       const char *what, int64_t skew_s)
{
    if (skew_s > SKEW_S_MAX || skew_s < -SKEW_S_MAX) {
        (void)pawl_fail(&verdict->error, row->code,
                        "%s: %s: this machine's clock is %" PRId64 " s %s the service's, and no "
                        "signature holds longer than minutes: set the clock (NTP)",
                        what, row->name, skew_s < 0 ? -skew_s : skew_s,
                        skew_s < 0 ? "behind" : "ahead of");
        return;
    }
    (void)pawl_fail(&verdict->error, row->code, "%s: %s: %s", what, row->name, row->advice);
}

static void judge_row(struct pawl_dynamodb_verdict *verdict, const struct row *row,
                      const struct pawl_http_exchange *exchange, const char *what, int64_t now_s)
{
    char message[MESSAGE_SHOWN_MAX + 1];

    verdict->ran = row->ran;
    if (row->telling == TELL_CLOCK) {
        tell_clock(verdict, row, what, skew_of(exchange, now_s));
        return;
    }
    message_of(verdict->json, message);
    (void)pawl_fail(&verdict->error, row->code, "%s: %s%s%s%s%s", what, row->name,
                    message[0] != '\0' ? ": " : "", message, row->advice != NULL ? "; " : "",
                    row->advice != NULL ? row->advice : "");
}

/* Whole, and what the service sent; else why not. */
static const char *damage_of(const struct pawl_http_exchange *exchange, const json_t *json)
{
    if (exchange->has_crc32 && exchange->answer_crc32 != pawl_bytes_crc32(exchange->answer)) {
        return "the answer does not have the checksum that it names";
    }
    return json == NULL ? "the answer is no JSON object" : NULL;
}

void pawl_dynamodb_judge(struct pawl_dynamodb_verdict *verdict,
                         const struct pawl_http_exchange *exchange, const char *what, int64_t now_s)
{
    *verdict = (struct pawl_dynamodb_verdict){.ran = PAWL_DYNAMODB_PERHAPS};
    if (exchange->end != PAWL_HTTP_ANSWERED) {
        if (exchange->end == PAWL_HTTP_NOT_SENT) verdict->ran = PAWL_DYNAMODB_NOT;
        bool hints = exchange->bare && strstr(exchange->url, ".amazonaws.com") == NULL;

        (void)pawl_fail(&verdict->error, PAWL_STORE, "%s: %s%s", what, exchange->error,
                        hints ? PAWL_SECURE_HINT("endpoint=http://") : "");
        return;
    }
    if (exchange->answer.size > 0) {
        verdict->json =
            json_loadb(exchange->answer.at, exchange->answer.size, JSON_ALLOW_NUL, NULL);
    }
    if (!json_is_object(verdict->json)) {
        json_decref(verdict->json);
        verdict->json = NULL;
    }
    const char *damage = damage_of(exchange, verdict->json);

    if (damage != NULL) {
        json_decref(verdict->json);
        verdict->json = NULL;
        (void)pawl_fail(&verdict->error, PAWL_STORE, "%s: HTTP %d, %s", what, exchange->status,
                        damage);
        return;
    }
    if (exchange->status == 200) {
        verdict->ran = PAWL_DYNAMODB_RAN;
        return;
    }
    name_of(verdict->json, verdict->name, sizeof verdict->name);
    const struct row *row = row_of(verdict->name);

    /* A name that says "not run" counts only as a client's fault: 5xx may come from anywhere. */
    if (row != NULL && (exchange->status < 500 || row->ran == PAWL_DYNAMODB_PERHAPS)) {
        judge_row(verdict, row, exchange, what, now_s);
        return;
    }
    char message[MESSAGE_SHOWN_MAX + 1];

    message_of(verdict->json, message);
    (void)pawl_fail(&verdict->error, PAWL_STORE, "%s: HTTP %d %s %s", what, exchange->status,
                    verdict->name, message);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* What a person does with one store: makes it, and looks whether it can keep the promise. */
#include "client/care.h"
#include "pawl/stores.h"

#define USUAL_TIMEOUT_NS (60 * PAWL_NS_PER_S)

struct looking {
    struct pawl_check check;
    void (*each)(const pawl_store_item *item, void *arg);
    void *arg;
};

static void found(struct pawl_check *check, const char *what, enum pawl_check_verdict verdict,
                  const char *found, const char *advice)
{
    static const pawl_verdict verdicts[] = {
        [PAWL_CHECK_KEEPS] = PAWL_VERDICT_KEEPS,
        [PAWL_CHECK_WARNS] = PAWL_VERDICT_WARNS,
        [PAWL_CHECK_BREAKS] = PAWL_VERDICT_BREAKS,
    };
    struct looking *looking = PAWL_OWNER(check, struct looking, check);
    const pawl_store_item item = {
        .what = what, .found = found, .advice = advice, .verdict = verdicts[verdict]};

    looking->each(&item, looking->arg);
}

/* One ask of the store that url names. */
static pawl_err run(const char *url, struct pawl_ask *ask, uint64_t timeout_ns, pawl_error *error)
{
    struct pawl_source *store = NULL;
    struct pawl_care *care = pawl_care_new(error);

    if (care == NULL) return PAWL_BUSY;
    pawl_err err = pawl_care_open(care, url, ask->kind != PAWL_ASK_INIT, &store, error);

    if (err == PAWL_OK) {
        if (timeout_ns == 0) timeout_ns = USUAL_TIMEOUT_NS;
        err = pawl_care_run(care, store, ask, timeout_ns);
        if (err == PAWL_TIMEOUT) {
            char where[PAWL_CARE_WHERE_MAX];

            pawl_care_where(url, where);
            (void)pawl_fail(error, err, "%.400s: no answer came in time", where);
        } else if (err != PAWL_OK && error != NULL) {
            *error = ask->error;
        }
    }
    pawl_care_free(care);
    return err;
}

pawl_err pawl_store_init(const char *url, uint64_t timeout_ns, pawl_error *error)
{
    struct pawl_ask ask = {.kind = PAWL_ASK_INIT};

    if (url == NULL) return pawl_fail(error, PAWL_BAD_REQUEST, "pawl_store_init needs a URL");
    return run(url, &ask, timeout_ns, error);
}

pawl_err pawl_store_check(const char *url, uint64_t timeout_ns,
                          void (*each)(const pawl_store_item *item, void *arg), void *arg,
                          pawl_error *error)
{
    struct looking looking = {.check.item = found, .each = each, .arg = arg};
    struct pawl_ask ask = {.kind = PAWL_ASK_CHECK, .check = &looking.check};

    if (url == NULL || each == NULL) {
        return pawl_fail(error, PAWL_BAD_REQUEST, "pawl_store_check needs a URL and a function");
    }
    return run(url, &ask, timeout_ns, error);
}

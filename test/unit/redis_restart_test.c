/* SPDX-License-Identifier: Apache-2.0 */
/* What a restart of Redis is said to have cost. */
#include "store/redis/meta.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
/* cmocka wants them */
#include <cmocka.h>

static const struct pawl_redis_facts fit = {
    .appendonly = "yes",
    .appendfsync = "always",
    .no_appendfsync = "no",
    .run_id = "one",
    .replid = "one",
    .replid_before = "none",
};

static void restarted(size_t offset, const char *before, const char *after, const char *lost)
{
    struct pawl_redis_settings settings = {.forgets = false};
    struct pawl_redis_facts was = fit;
    struct pawl_redis_facts now = fit;

    (void)snprintf((char *)&was + offset, PAWL_REDIS_FACT_BYTES, "%s", before);
    (void)snprintf((char *)&now + offset, PAWL_REDIS_FACT_BYTES, "%s", after);
    (void)snprintf(now.run_id, sizeof now.run_id, "another");
    (void)snprintf(now.replid, sizeof now.replid, "another");
    struct pawl_redis_restart restart = pawl_redis_facts_restart(&was, &now, &settings);
    bool nothing = strncmp(lost, "nothing", 7) == 0;

    assert_string_equal(restart.event, "store restarted");
    assert_int_equal(restart.lossy, !nothing);
    if (strstr(restart.lost, lost) == NULL) fail_msg("\"%s\" lacks \"%s\"", restart.lost, lost);
    pawl_redis_restart_went_back(&restart);
    assert_true(restart.lossy);
    assert_null(strstr(restart.lost, "nothing"));
    settings.forgets = true;
    restart = pawl_redis_facts_restart(&was, &now, &settings);
    assert_true(restart.lossy && strstr(restart.lost, "durability=none") != NULL);
    memcpy(now.run_id, was.run_id, sizeof now.run_id);
    assert_null(pawl_redis_facts_restart(&was, &now, &settings).event);
}

static void a_restart_is_judged_by_the_worse_settings(void **state)
{
    size_t only = offsetof(struct pawl_redis_facts, appendonly);
    size_t fsyncs = offsetof(struct pawl_redis_facts, appendfsync);

    (void)state;
    restarted(only, "yes", "yes", "nothing: AOF always");
    restarted(only, "yes", "no", "appendonly was \"no\" after it");
    restarted(only, "no", "yes", "appendonly was \"no\" before it");
    restarted(only, "yes", "", "appendonly was \"not to be read\" after it");
    restarted(fsyncs, "everysec", "always", "appendfsync was \"everysec\" before it");
    restarted(fsyncs, "always", "everysec", "appendfsync was \"everysec\" after it");
    restarted(offsetof(struct pawl_redis_facts, no_appendfsync), "no", "yes", "rewrite was");
}

static void what_is_kept_tells_of_a_step_back(void **state)
{
    struct pawl_redis_meta seen = {.tag = {.number = 3}, .position = 9, .name = "one"};
    struct pawl_redis_past past = {.known = seen};
    const struct pawl_redis_past none = {.back = false};

    (void)state;
    assert_false(pawl_redis_meta_lacks(&seen, &past));
    assert_false(pawl_redis_meta_lacks(&(struct pawl_redis_meta){.position = 0}, &none));
    assert_true(pawl_redis_meta_lacks(&(struct pawl_redis_meta){.position = 0}, &past));
    seen.position = 8;
    assert_true(pawl_redis_meta_lacks(&seen, &past));
    seen.tag.number = 4;
    assert_false(pawl_redis_meta_lacks(&seen, &past));
    seen.name[0] = 'a';
    assert_true(pawl_redis_meta_lacks(&seen, &past));
    seen = past.known;
    past.back = true;
    assert_true(pawl_redis_meta_lacks(&seen, &past));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_restart_is_judged_by_the_worse_settings),
        cmocka_unit_test(what_is_kept_tells_of_a_step_back),
    };

    return cmocka_run_group_tests_name("redis_restart", tests, NULL, NULL);
}

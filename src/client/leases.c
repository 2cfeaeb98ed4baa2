/* SPDX-License-Identifier: Apache-2.0 */
#include "client/leases.h"

#include <stdlib.h>

enum { BUCKETS_MIN = 64 };

static struct pawl_lease **bucket_of(const struct pawl_leases *leases, uint64_t key)
{
    return &leases->buckets[key & (leases->bucket_count - 1)];
}

struct pawl_lease *pawl_leases_find(const struct pawl_leases *leases, uint64_t key)
{
    if (leases->bucket_count == 0) return NULL;
    struct pawl_lease *lease = *bucket_of(leases, key);

    while (lease != NULL && lease->key != key) {
        lease = lease->next;
    }
    return lease;
}

void pawl_leases_sweep(struct pawl_leases *leases)
{
    for (size_t i = 0; i < leases->bucket_count; i++) {
        struct pawl_lease **at = &leases->buckets[i];

        while (*at != NULL) {
            struct pawl_lease *lease = *at;

            if (lease->ticket != 0 || lease->unanswered > 0) {
                at = &lease->next;
                continue;
            }
            *at = lease->next;
            leases->count--;
            free(lease);
        }
    }
}

static bool grow(struct pawl_leases *leases)
{
    struct pawl_leases larger = *leases;

    larger.bucket_count = leases->bucket_count == 0 ? BUCKETS_MIN : 2 * leases->bucket_count;
    larger.buckets = calloc(larger.bucket_count, sizeof *larger.buckets);
    if (larger.buckets == NULL) return false;
    for (size_t i = 0; i < leases->bucket_count; i++) {
        struct pawl_lease *lease = leases->buckets[i];

        while (lease != NULL) {
            struct pawl_lease *next = lease->next;
            struct pawl_lease **bucket = bucket_of(&larger, lease->key);

            lease->next = *bucket;
            *bucket = lease;
            lease = next;
        }
    }
    free(leases->buckets);
    *leases = larger;
    return true;
}

struct pawl_lease *pawl_leases_add(struct pawl_leases *leases, uint64_t key)
{
    struct pawl_lease *lease = pawl_leases_find(leases, key);

    if (lease != NULL) return lease;
    if (leases->count >= leases->bucket_count) {
        pawl_leases_sweep(leases);
        if (leases->count >= leases->bucket_count / 2 && !grow(leases)) return NULL;
    }
    lease = calloc(1, sizeof *lease);
    if (lease == NULL) return NULL;
    struct pawl_lease **bucket = bucket_of(leases, key);

    lease->key = key;
    lease->next = *bucket;
    *bucket = lease;
    leases->count++;
    return lease;
}

void pawl_leases_free(struct pawl_leases *leases)
{
    for (size_t i = 0; i < leases->bucket_count; i++) {
        while (leases->buckets[i] != NULL) {
            struct pawl_lease *lease = leases->buckets[i];

            leases->buckets[i] = lease->next;
            free(lease);
        }
    }
    free(leases->buckets);
    *leases = (struct pawl_leases){.last_ticket = leases->last_ticket};
}

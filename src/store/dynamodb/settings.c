/* SPDX-License-Identifier: Apache-2.0 */
/* What a dynamodb:// URL and the environment say. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "store/dynamodb/dynamodb_own.h"
#include "store/url.h"

static const char *const keys[] = {"region",  "endpoint", "home_region",
                                   "profile", "describe", NULL};

static const struct pawl_url_rules rules = {
    .scheme = "dynamodb://",
    .keys = keys,
    .example = "dynamodb://pawl?region=eu-central-1",
    .one_host = true,
    .no_user = true,
};

static const char table_letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                    "0123456789_.-";
static const char region_letters[] = "abcdefghijklmnopqrstuvwxyz0123456789-";

static pawl_err read_table(struct pawl_dynamodb *store, const struct pawl_url *url,
                           pawl_error *error)
{
    const char *table = url->hosts[0].name;
    size_t size = strlen(table);

    if (url->hosts[0].port_given) {
        return pawl_fail(error, PAWL_BAD_REQUEST,
                         "dynamodb://: the table %.100s has no port; an emulator is named by "
                         "endpoint=http://127.0.0.1:8000",
                         table);
    }
    if (url->path[0] != '\0') {
        return pawl_fail(error, PAWL_BAD_REQUEST,
                         "dynamodb://: the path /%.100s cannot be meant; write it like %s",
                         url->path, rules.example);
    }
    if (size < PAWL_DYNAMODB_TABLE_BYTES_MIN || size > PAWL_DYNAMODB_TABLE_BYTES_MAX ||
        strspn(table, table_letters) != size) {
        return pawl_fail(error, PAWL_BAD_REQUEST,
                         "dynamodb://: a table's name has 3 to 255 letters, digits, _ . and -; "
                         "\"%.100s\" cannot be one",
                         table);
    }
    memcpy(store->table, table, size + 1);
    return PAWL_OK;
}

static pawl_err read_region(struct pawl_dynamodb *store, const char *what, const char *region,
                            pawl_error *error)
{
    size_t size = strlen(region);

    if (size == 0 || size > PAWL_DYNAMODB_REGION_BYTES_MAX ||
        strspn(region, region_letters) != size) {
        return pawl_fail(error, PAWL_BAD_REQUEST,
                         "dynamodb://: %s \"%.100s\" is no AWS region; one is like eu-central-1",
                         what, region);
    }
    memcpy(store->region, region, size + 1);
    return PAWL_OK;
}

/* Nothing, or a colon and a port, behind a host that may be an IPv6 address in brackets. */
static bool port_fits(const char *host, size_t size)
{
    const char *bracket = memrchr(host, ']', size);
    const char *colon = memrchr(host, ':', size);
    uint64_t port = 0;

    if (colon == NULL || (bracket != NULL && colon < bracket)) return true;
    return colon > host &&
           pawl_bytes_to_u64((struct pawl_bytes){colon + 1, (size_t)(host + size - colon - 1)},
                             &port) &&
           port > 0 && port <= UINT16_MAX;
}

/* scheme://host[:port][/] and nothing more. */
static pawl_err read_endpoint(struct pawl_dynamodb *store, const char *endpoint, pawl_error *error)
{
    const char *host = NULL;

    if (strncmp(endpoint, "http://", strlen("http://")) == 0) host = endpoint + strlen("http://");
    if (strncmp(endpoint, "https://", strlen("https://")) == 0) {
        host = endpoint + strlen("https://");
    }
    size_t size = host != NULL ? strcspn(host, "/") : 0;

    if (strchr(endpoint, '@') != NULL) { /* not shown: a password may stand before it */
        return pawl_fail(error, PAWL_BAD_REQUEST,
                         "dynamodb://: the endpoint has an @: no user can be given; one is like "
                         "http://127.0.0.1:8000");
    }
    if (size > 0 && !port_fits(host, size)) {
        return pawl_fail(error, PAWL_BAD_REQUEST,
                         "dynamodb://: the port of endpoint \"%.100s\" must be a number from 1 to "
                         "65535",
                         endpoint);
    }
    if (size == 0 || strpbrk(host, "?# \t\r\n") != NULL || strlen(host + size) > 1 ||
        strlen(endpoint) >= PAWL_DYNAMODB_ENDPOINT_BYTES_MAX) {
        return pawl_fail(error, PAWL_BAD_REQUEST,
                         "dynamodb://: endpoint \"%.100s\" cannot be meant; one is like "
                         "http://127.0.0.1:8000",
                         endpoint);
    }
    (void)snprintf(store->endpoint, sizeof store->endpoint, "%.*s/", (int)(host + size - endpoint),
                   endpoint);
    return PAWL_OK;
}

static void use_regions_endpoint(struct pawl_dynamodb *store)
{
    bool china = strncmp(store->region, "cn-", 3) == 0;

    (void)snprintf(store->endpoint, sizeof store->endpoint, "https://dynamodb.%s.amazonaws.com%s/",
                   store->region, china ? ".cn" : "");
}

static const char *of_environment(const char *name, void *arg)
{
    (void)arg;
    return getenv(name);
}

/* The home region, where one is named, is the only one that is ever talked to. */
static pawl_err read_regions(struct pawl_dynamodb *store, const struct pawl_url *url,
                             const char *fallback, pawl_error *error)
{
    const char *region = pawl_url_option(url, "region");
    const char *home = pawl_url_option(url, "home_region");
    pawl_err err = PAWL_OK;

    store->has_home = home != NULL;
    if (region == NULL) region = fallback;
    if (region == NULL && home == NULL) {
        return pawl_fail(
            error, PAWL_BAD_REQUEST,
            "dynamodb://%.100s: no region: add ?region=eu-central-1 to the URL, or set "
            "AWS_REGION",
            store->table);
    }
    if (region != NULL) err = read_region(store, "region", region, error);
    if (err == PAWL_OK && home != NULL) err = read_region(store, "home_region", home, error);
    return err;
}

/* Without a look at the table nobody knows whether other regions write to copies of it: so the URL
 * must say where it is at home. */
static pawl_err read_describe(struct pawl_dynamodb *store, const struct pawl_url *url,
                              pawl_error *error)
{
    const char *describe = pawl_url_option(url, "describe");

    store->may_be_hidden = describe != NULL && strcmp(describe, "optional") == 0;
    if (describe != NULL && !store->may_be_hidden) {
        return pawl_fail(error, PAWL_BAD_REQUEST,
                         "dynamodb://: describe=%.40s cannot be meant: write describe=optional, or "
                         "leave it out",
                         describe);
    }
    if (!store->may_be_hidden || store->has_home) return PAWL_OK;
    return pawl_fail(error, PAWL_BAD_REQUEST,
                     "dynamodb://: describe=optional needs home_region=..., the same one "
                     "everywhere: nobody looks whether the table has replicas in other regions");
}

pawl_err pawl_dynamodb_configure(struct pawl_dynamodb *store, const char *url,
                                 const char *(*env)(const char *name, void *arg), void *arg,
                                 pawl_error *error)
{
    struct pawl_url parts;
    pawl_err err = pawl_url_read(&parts, url, &rules, error);

    if (env == NULL) env = of_environment;
    if (err == PAWL_OK) err = read_table(store, &parts, error);
    if (err != PAWL_OK) return err;
    const char *fallback = env("AWS_REGION", arg);

    if (fallback == NULL || *fallback == '\0') fallback = env("AWS_DEFAULT_REGION", arg);
    if (fallback != NULL && *fallback == '\0') fallback = NULL;
    err = read_regions(store, &parts, fallback, error);
    if (err == PAWL_OK) err = read_describe(store, &parts, error);
    if (err != PAWL_OK) return err;
    const char *endpoint = pawl_url_option(&parts, "endpoint");
    const char *profile = pawl_url_option(&parts, "profile");

    if (profile != NULL && strlen(profile) >= sizeof store->profile) {
        return pawl_fail(error, PAWL_BAD_REQUEST, "dynamodb://: profile is too long");
    }
    if (profile != NULL) (void)snprintf(store->profile, sizeof store->profile, "%s", profile);
    if (endpoint != NULL) return read_endpoint(store, endpoint, error);
    use_regions_endpoint(store);
    return PAWL_OK;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "store/couchbase/map.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { UID_BYTES = 9 };

/* What a map is read from. */
struct source {
    json_t *root;
    json_t *servers; /* vBucketServerMap.serverList */
    json_t *nodes;   /* nodesExt; NULL: the servers are all there is */
    const char *host;
    bool tls;
    const char *network; /* an alternate address's name; NULL: the default ones */
};

static const char *text_of(const json_t *object, const char *key)
{
    return json_string_value(json_object_get(object, key));
}

/* Of "host:port", "[v6]:port" and "$HOST:port"; `to` has the host without brackets. */
static bool split_server(const char *server, const char *host, struct pawl_kv_address *to)
{
    const char *colon = strrchr(server, ':');
    uint64_t port = 0;

    if (colon == NULL ||
        !pawl_bytes_to_u64((struct pawl_bytes){colon + 1, strlen(colon + 1)}, &port) || port == 0 ||
        port > UINT16_MAX) {
        return false;
    }
    size_t size = (size_t)(colon - server);

    if (size >= 2 && server[0] == '[' && server[size - 1] == ']') {
        server++;
        size -= 2;
    }
    if (strncmp(server, "$HOST", size) == 0 && size == strlen("$HOST")) {
        server = host;
        size = strlen(host);
    }
    if (size == 0 || size > PAWL_URL_TEXT_MAX) return false;
    memcpy(to->host, server, size);
    to->host[size] = '\0';
    to->port = (uint16_t)port;
    return true;
}

static json_t *alternate(const json_t *node, const char *network)
{
    return json_object_get(json_object_get(node, "alternateAddresses"), network);
}

static const char *host_of(const json_t *node, const struct source *source)
{
    const char *host = text_of(node, "hostname");

    if (host == NULL || strcmp(host, "$HOST") == 0) return source->host;
    return host;
}

/* The network whose address was dialled: inside and outside of it nodes have other names. */
static const char *network_of(const struct source *source)
{
    const char *network;
    json_t *address;
    json_t *node;
    size_t i;

    json_array_foreach(source->nodes, i, node)
    {
        const char *host = text_of(node, "hostname"); /* one that is missing would be any */

        if (host != NULL && strcmp(host, source->host) == 0) return NULL;
    }
    json_array_foreach(source->nodes, i, node)
    {
        json_object_foreach(json_object_get(node, "alternateAddresses"), network, address)
        {
            const char *host = text_of(address, "hostname");

            if (host != NULL && strcmp(host, source->host) == 0) return network;
        }
    }
    return NULL;
}

static uint16_t port_of(const json_t *ports, bool tls)
{
    json_int_t port = json_integer_value(json_object_get(ports, tls ? "kvSSL" : "kv"));

    return port > 0 && port <= UINT16_MAX ? (uint16_t)port : 0;
}

/* The address of node i as nodesExt has it; it stays empty where the node has no such port. */
static void address_of(const struct source *source, size_t i, struct pawl_kv_address *to)
{
    json_t *node = json_array_get(source->nodes, i);

    if (node == NULL) return;
    json_t *other = source->network != NULL ? alternate(node, source->network) : NULL;
    const char *host = other != NULL ? text_of(other, "hostname") : host_of(node, source);
    uint16_t port = other != NULL ? port_of(json_object_get(other, "ports"), source->tls) : 0;

    if (port == 0) port = port_of(json_object_get(node, "services"), source->tls);
    if (port == 0 || host == NULL || strlen(host) > PAWL_URL_TEXT_MAX) return;
    (void)snprintf(to->host, sizeof to->host, "%s", host);
    to->port = port;
}

static pawl_err fail_map(pawl_error *error, const char *what)
{
    return pawl_fail(error, PAWL_STORE, "couchbase: the node's cluster map %s", what);
}

static pawl_err read_nodes(struct pawl_kv_map *map, const struct source *source, pawl_error *error)
{
    size_t count = json_array_size(source->servers);

    if (count == 0 || count > PAWL_KV_NODES_MAX) return fail_map(error, "names no nodes");
    map->nodes = calloc(count, sizeof *map->nodes);
    if (map->nodes == NULL) return pawl_fail(error, PAWL_NO_MEMORY, "no memory for a cluster map");
    map->node_count = count;
    for (size_t i = 0; i < count; i++) {
        const char *server = json_string_value(json_array_get(source->servers, i));

        /* serverList is what vBuckets refer to; only nodesExt has other networks and TLS ports. */
        if (source->tls || source->network != NULL) {
            address_of(source, i, &map->nodes[i]);
            continue;
        }
        if (server == NULL || !split_server(server, source->host, &map->nodes[i])) {
            return fail_map(error, "has a node without an address");
        }
    }
    return PAWL_OK;
}

static pawl_err read_vbuckets(struct pawl_kv_map *map, json_t *vbuckets, pawl_error *error)
{
    size_t count = json_array_size(vbuckets);

    if (count == 0 || count > PAWL_KV_VBUCKETS_MAX) return fail_map(error, "has no vBuckets");
    map->active = calloc(count, sizeof *map->active);
    if (map->active == NULL) return pawl_fail(error, PAWL_NO_MEMORY, "no memory for a cluster map");
    map->vbucket_count = count;
    for (size_t i = 0; i < count; i++) {
        json_t *node = json_array_get(json_array_get(vbuckets, i), 0);
        json_int_t index = json_integer_value(node);

        if (!json_is_integer(node) || index < -1 || index >= (json_int_t)map->node_count) {
            return fail_map(error, "has a vBucket on a node that it does not have");
        }
        map->active[i] = (int16_t)index;
    }
    return PAWL_OK;
}

static bool can(const json_t *root, const char *what)
{
    json_t *capability;
    size_t i;

    json_array_foreach(json_object_get(root, "bucketCapabilities"), i, capability)
    {
        const char *text = json_string_value(capability);

        if (text != NULL && strcmp(text, what) == 0) return true;
    }
    return false;
}

static pawl_err read_root(struct pawl_kv_map *map, struct source *source,
                          const struct pawl_kv_settings *settings, pawl_error *error)
{
    json_t *routes = json_object_get(source->root, "vBucketServerMap");
    const char *locator = text_of(source->root, "nodeLocator");
    const char *uuid = text_of(source->root, "uuid");

    if (locator != NULL && strcmp(locator, "ketama") == 0) {
        return pawl_fail(error, PAWL_DENIED,
                         "couchbase: bucket \"%s\" is of the type memcached, which keeps nothing: "
                         "use one of the type couchbase",
                         settings->bucket);
    }
    source->servers = json_object_get(routes, "serverList");
    source->nodes = json_object_get(source->root, "nodesExt");
    if (settings->network == PAWL_KV_NETWORK_EXTERNAL) source->network = "external";
    if (settings->network == PAWL_KV_NETWORK_AUTO) source->network = network_of(source);
    map->epoch = json_integer_value(json_object_get(source->root, "revEpoch"));
    map->rev = json_integer_value(json_object_get(source->root, "rev"));
    if (uuid != NULL) (void)snprintf(map->uuid, sizeof map->uuid, "%s", uuid);
    map->replica_count = (size_t)json_integer_value(json_object_get(routes, "numReplicas"));
    map->durable_write = can(source->root, "durableWrite");
    map->collections = can(source->root, "collections");
    pawl_err err = read_nodes(map, source, error);

    if (err != PAWL_OK) return err;
    return read_vbuckets(map, json_object_get(routes, "vBucketMap"), error);
}

pawl_err pawl_kv_map_read(struct pawl_kv_map *map, struct pawl_bytes json, const char *host,
                          const struct pawl_kv_settings *settings, pawl_error *error)
{
    struct source source = {.host = host, .tls = settings->tls};

    *map = (struct pawl_kv_map){.epoch = 0};
    source.root = json_loadb(json.at, json.size, 0, NULL);
    if (source.root == NULL) return fail_map(error, "is no JSON");
    pawl_err err = read_root(map, &source, settings, error);

    json_decref(source.root);
    if (err != PAWL_OK) pawl_kv_map_clear(map);
    return err;
}

void pawl_kv_map_clear(struct pawl_kv_map *map)
{
    free(map->nodes);
    free(map->active);
    *map = (struct pawl_kv_map){.epoch = 0};
}

bool pawl_kv_map_newer(const struct pawl_kv_map *a, const struct pawl_kv_map *b)
{
    if (a->epoch != b->epoch) return a->epoch > b->epoch;
    return a->rev > b->rev;
}

uint16_t pawl_kv_map_vbucket(const struct pawl_kv_map *map, struct pawl_bytes key)
{
    uint32_t crc = pawl_bytes_crc32(key);

    return (uint16_t)(((crc >> 16) & 0x7fff) % map->vbucket_count);
}

static bool is_collection(const json_t *entry, uint32_t id)
{
    const char *uid = text_of(entry, "uid");
    char text[UID_BYTES];

    (void)snprintf(text, sizeof text, "%" PRIx32, id);
    return uid != NULL && strcmp(uid, text) == 0;
}

static bool read_max_ttl(const json_t *entry, int64_t *max_ttl_s)
{
    const json_t *value = json_object_get(entry, "maxTTL");

    *max_ttl_s = json_integer_value(value); /* 0 of NULL */
    return value == NULL || json_is_integer(value);
}

bool pawl_kv_manifest_max_ttl(struct pawl_bytes json, uint32_t collection, int64_t *max_ttl_s)
{
    json_t *root = json_loadb(json.at, json.size, JSON_REJECT_DUPLICATES, NULL);
    json_t *scope;
    json_t *entry;
    bool found = false;
    size_t i;
    size_t j;

    json_array_foreach(json_object_get(root, "scopes"), i, scope)
    {
        json_array_foreach(json_object_get(scope, "collections"), j, entry)
        {
            if (is_collection(entry, collection)) found = read_max_ttl(entry, max_ttl_s);
        }
    }
    json_decref(root);
    return found;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Couchbase's key-value protocol, which is memcached's binary one and more: requests as bytes, and
 * bytes as replies. Everything is big-endian. No I/O.
 *
 *     magic opcode [framing] keylen extlen datatype vbucket|status bodylen opaque cas   24 bytes
 *     body = framing extras, extras, key, value
 */
#ifndef PAWL_MCBP_H
#define PAWL_MCBP_H

#include "base/base.h"

enum {
    PAWL_MCBP_HEADER_BYTES = 24,
    PAWL_MCBP_KEY_BYTES_MAX = 250,           /* in the default collection */
    PAWL_MCBP_NAMED_KEY_BYTES_MAX = 246,     /* in any other: its id stands before the key */
    PAWL_MCBP_EXTRAS_BYTES_MAX = 20,         /* of the requests that are sent here */
    PAWL_MCBP_DOCUMENT_BYTES_MAX = 20 << 20, /* what a server takes */
    PAWL_MCBP_BODY_BYTES_MAX = 24 << 20,
    PAWL_MCBP_LEB128_BYTES_MAX = 5,    /* of a collection's id */
    PAWL_MCBP_JSON_FLAGS = 0x02000006, /* what SDKs give a JSON document */
    PAWL_MCBP_SPEC_BYTES = 8,          /* of a subdocument mutation, before its path */
};

enum pawl_mcbp_opcode {
    PAWL_MCBP_GET = 0x00,
    PAWL_MCBP_ADD = 0x02,
    PAWL_MCBP_REPLACE = 0x03,
    PAWL_MCBP_INCREMENT = 0x05,
    PAWL_MCBP_STAT = 0x10,
    PAWL_MCBP_HELLO = 0x1f,
    PAWL_MCBP_SASL_LIST_MECHS = 0x20,
    PAWL_MCBP_SASL_AUTH = 0x21,
    PAWL_MCBP_SASL_STEP = 0x22,
    PAWL_MCBP_SELECT_BUCKET = 0x89,
    PAWL_MCBP_GET_FAILOVER_LOG = 0x96,
    PAWL_MCBP_GET_CLUSTER_CONFIG = 0xb5,
    PAWL_MCBP_GET_COLLECTIONS_MANIFEST = 0xba,
    PAWL_MCBP_GET_COLLECTION_ID = 0xbb,
    PAWL_MCBP_SUBDOC_DICT_UPSERT = 0xc8,
    PAWL_MCBP_SUBDOC_COUNTER = 0xcf,
    PAWL_MCBP_SUBDOC_MULTI_MUTATION = 0xd1,
    PAWL_MCBP_GET_ERROR_MAP = 0xfe,
};

enum pawl_mcbp_feature {
    PAWL_MCBP_MUTATION_SEQNO = 0x04,
    PAWL_MCBP_XERROR = 0x07,
    PAWL_MCBP_SELECT_BUCKETS = 0x08,
    PAWL_MCBP_JSON = 0x0b,
    PAWL_MCBP_UNORDERED = 0x0e,
    PAWL_MCBP_ALT_REQUEST = 0x10,
    PAWL_MCBP_SYNC_REPLICATION = 0x11,
    PAWL_MCBP_COLLECTIONS = 0x12,
};

enum pawl_mcbp_durability {
    PAWL_MCBP_NOT_DURABLE = 0,
    PAWL_MCBP_MAJORITY = 1,
    PAWL_MCBP_PERSIST_TO_MAJORITY = 3,
};

/* X(name, number). Where a reply's status is none of these, the server's error map has it. */
#define PAWL_MCBP_STATUS_MAP(X)                 \
    X(PAWL_MCBP_SUCCESS, 0x00)                  \
    X(PAWL_MCBP_KEY_ENOENT, 0x01)               \
    X(PAWL_MCBP_KEY_EEXISTS, 0x02)              \
    X(PAWL_MCBP_E2BIG, 0x03)                    \
    X(PAWL_MCBP_EINVAL, 0x04)                   \
    X(PAWL_MCBP_NOT_STORED, 0x05)               \
    X(PAWL_MCBP_DELTA_BADVAL, 0x06)             \
    X(PAWL_MCBP_NOT_MY_VBUCKET, 0x07)           \
    X(PAWL_MCBP_NO_BUCKET, 0x08)                \
    X(PAWL_MCBP_LOCKED, 0x09)                   \
    X(PAWL_MCBP_EWOULD_THROTTLE, 0x0c)          \
    X(PAWL_MCBP_ECONFIG_ONLY, 0x0d)             \
    X(PAWL_MCBP_AUTH_STALE, 0x1f)               \
    X(PAWL_MCBP_AUTH_ERROR, 0x20)               \
    X(PAWL_MCBP_AUTH_CONTINUE, 0x21)            \
    X(PAWL_MCBP_EACCESS, 0x24)                  \
    X(PAWL_MCBP_NOT_INITIALIZED, 0x25)          \
    X(PAWL_MCBP_RATE_LIMITED_NETWORK_IN, 0x30)  \
    X(PAWL_MCBP_RATE_LIMITED_NETWORK_OUT, 0x31) \
    X(PAWL_MCBP_RATE_LIMITED_CONNECTIONS, 0x32) \
    X(PAWL_MCBP_RATE_LIMITED_COMMANDS, 0x33)    \
    X(PAWL_MCBP_SCOPE_SIZE_LIMIT, 0x34)         \
    X(PAWL_MCBP_BUCKET_SIZE_LIMIT, 0x35)        \
    X(PAWL_MCBP_BUCKET_RESIDENT_RATIO, 0x36)    \
    X(PAWL_MCBP_BUCKET_DATA_SIZE, 0x37)         \
    X(PAWL_MCBP_BUCKET_DISK_SPACE, 0x38)        \
    X(PAWL_MCBP_BUCKET_PAUSED, 0x50)            \
    X(PAWL_MCBP_CANCELLED, 0x51)                \
    X(PAWL_MCBP_UNKNOWN_FRAME_INFO, 0x80)       \
    X(PAWL_MCBP_UNKNOWN_COMMAND, 0x81)          \
    X(PAWL_MCBP_ENOMEM, 0x82)                   \
    X(PAWL_MCBP_NOT_SUPPORTED, 0x83)            \
    X(PAWL_MCBP_EINTERNAL, 0x84)                \
    X(PAWL_MCBP_EBUSY, 0x85)                    \
    X(PAWL_MCBP_ETMPFAIL, 0x86)                 \
    X(PAWL_MCBP_UNKNOWN_COLLECTION, 0x88)       \
    X(PAWL_MCBP_UNKNOWN_SCOPE, 0x8c)            \
    X(PAWL_MCBP_DURABILITY_INVALID_LEVEL, 0xa0) \
    X(PAWL_MCBP_DURABILITY_IMPOSSIBLE, 0xa1)    \
    X(PAWL_MCBP_SYNC_WRITE_IN_PROGRESS, 0xa2)   \
    X(PAWL_MCBP_SYNC_WRITE_AMBIGUOUS, 0xa3)     \
    X(PAWL_MCBP_SYNC_WRITE_RE_COMMIT, 0xa4)     \
    X(PAWL_MCBP_SUBDOC_PATH_ENOENT, 0xc0)       \
    X(PAWL_MCBP_SUBDOC_PATH_MISMATCH, 0xc1)     \
    X(PAWL_MCBP_SUBDOC_PATH_EINVAL, 0xc2)       \
    X(PAWL_MCBP_SUBDOC_PATH_E2BIG, 0xc3)        \
    X(PAWL_MCBP_SUBDOC_DOC_E2DEEP, 0xc4)        \
    X(PAWL_MCBP_SUBDOC_VALUE_CANTINSERT, 0xc5)  \
    X(PAWL_MCBP_SUBDOC_DOC_NOTJSON, 0xc6)       \
    X(PAWL_MCBP_SUBDOC_NUM_ERANGE, 0xc7)        \
    X(PAWL_MCBP_SUBDOC_DELTA_EINVAL, 0xc8)      \
    X(PAWL_MCBP_SUBDOC_MULTI_PATH_FAILURE, 0xcc)

enum pawl_mcbp_status {
#define PAWL_MCBP_STATUS_ENUM(name, number) name = (number),
    PAWL_MCBP_STATUS_MAP(PAWL_MCBP_STATUS_ENUM)
#undef PAWL_MCBP_STATUS_ENUM
};

struct pawl_mcbp_request {
    uint8_t opcode;
    uint8_t durability;     /* enum pawl_mcbp_durability; anything but 0 needs ALT_REQUEST */
    uint16_t durability_ms; /* for the server to give up in; 0: its own limit */
    uint16_t vbucket;
    uint32_t opaque;
    uint64_t cas;
    struct pawl_bytes extras;
    struct pawl_bytes collection; /* its id as pawl_mcbp_leb128 has it, the key's beginning */
    struct pawl_bytes key;
    struct pawl_bytes value;
};

/* Texts point into the bytes that were read. */
struct pawl_mcbp_reply {
    uint8_t opcode;
    uint8_t datatype;
    uint16_t status; /* a server's number: it need not be in enum pawl_mcbp_status */
    uint32_t opaque;
    uint64_t cas;
    struct pawl_bytes extras, key, value;
};

enum pawl_mcbp_read {
    PAWL_MCBP_READ_MORE,   /* the reply is not whole yet */
    PAWL_MCBP_READ_REPLY,  /* *size bytes of it were read */
    PAWL_MCBP_READ_BROKEN, /* this is no reply: nothing that follows can be read either */
};

size_t pawl_mcbp_request_size(const struct pawl_mcbp_request *request);
/* to: room for pawl_mcbp_request_size bytes. */
void pawl_mcbp_request_write(const struct pawl_mcbp_request *request, char *to);
enum pawl_mcbp_read pawl_mcbp_reply_read(struct pawl_bytes bytes, struct pawl_mcbp_reply *reply,
                                         size_t *size);

void pawl_mcbp_put(char *to, uint64_t value, size_t size); /* its lowest size bytes */
uint64_t pawl_mcbp_get(const char *from, size_t size);     /* size: 8 at most */
/* Unsigned LEB128, shortest form. Returns how many bytes. */
size_t pawl_mcbp_leb128(uint32_t value, char to[PAWL_MCBP_LEB128_BYTES_MAX]);

/* One mutation of a SUBDOC_MULTI_MUTATION. */
struct pawl_mcbp_spec {
    uint8_t opcode;
    struct pawl_bytes path, value;
};

size_t pawl_mcbp_specs_size(const struct pawl_mcbp_spec *specs, size_t count);
void pawl_mcbp_specs_write(const struct pawl_mcbp_spec *specs, size_t count, char *to);

/* What one of them came to: those that give a value, if all went well; else the one that failed. */
struct pawl_mcbp_result {
    uint8_t index;
    uint16_t status;
    struct pawl_bytes value;
};

/* Cuts the first result off rest; false: there is none, or it is not whole. */
bool pawl_mcbp_result_next(struct pawl_bytes *rest, struct pawl_mcbp_result *result);

#endif

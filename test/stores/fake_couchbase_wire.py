# SPDX-License-Identifier: Apache-2.0
"""The bytes of Couchbase's KV protocol as a server sees them: requests, answers, names, SCRAM."""
import base64
import binascii
import hashlib
import hmac
import json
import os
import struct

HEADER = struct.Struct(">BBHBBHIIQ")
REQUEST, FLEX_REQUEST, ANSWER, FLEX_ANSWER = 0x80, 0x08, 0x81, 0x18
BODY_BYTES_MAX = 30 << 20

OPCODES = {
    "GET": 0x00, "SET": 0x01, "ADD": 0x02, "REPLACE": 0x03, "DELETE": 0x04, "INCREMENT": 0x05,
    "DECREMENT": 0x06, "NOOP": 0x0A, "VERSION": 0x0B, "STAT": 0x10, "HELLO": 0x1F,
    "SASL_LIST_MECHS": 0x20, "SASL_AUTH": 0x21, "SASL_STEP": 0x22, "SELECT_BUCKET": 0x89,
    "GET_FAILOVER_LOG": 0x96, "GET_CLUSTER_CONFIG": 0xB5, "GET_MANIFEST": 0xBA,
    "GET_COLLECTION_ID": 0xBB, "SUBDOC_GET": 0xC5, "SUBDOC_EXISTS": 0xC6, "SUBDOC_DICT_ADD": 0xC7,
    "SUBDOC_DICT_UPSERT": 0xC8, "SUBDOC_DELETE": 0xC9, "SUBDOC_REPLACE": 0xCA,
    "SUBDOC_COUNTER": 0xCF, "SUBDOC_MULTI_LOOKUP": 0xD0, "SUBDOC_MULTI_MUTATION": 0xD1,
    "SUBDOC_GET_COUNT": 0xD2, "GET_ERROR_MAP": 0xFE,
}
OPCODE_NAMES = {number: name for name, number in OPCODES.items()}

SUCCESS, KEY_ENOENT, KEY_EEXISTS, E2BIG, EINVAL, NOT_STORED, DELTA_BADVAL, NOT_MY_VBUCKET, \
    NO_BUCKET, LOCKED = range(10)
AUTH_STALE, AUTH_ERROR, AUTH_CONTINUE, EACCESS = 0x1F, 0x20, 0x21, 0x24
UNKNOWN_FRAME_INFO, UNKNOWN_COMMAND, ENOMEM, NOT_SUPPORTED = 0x80, 0x81, 0x82, 0x83
EINTERNAL, EBUSY, ETMPFAIL, UNKNOWN_COLLECTION, UNKNOWN_SCOPE = 0x84, 0x85, 0x86, 0x88, 0x8C
DURABILITY_INVALID_LEVEL, DURABILITY_IMPOSSIBLE, SYNC_WRITE_IN_PROGRESS, SYNC_WRITE_AMBIGUOUS, \
    SYNC_WRITE_RE_COMMIT = 0xA0, 0xA1, 0xA2, 0xA3, 0xA4
(PATH_ENOENT, PATH_MISMATCH, PATH_EINVAL, PATH_E2BIG, DOC_E2DEEP, VALUE_CANTINSERT, DOC_NOTJSON,
 NUM_ERANGE, DELTA_EINVAL, PATH_EEXISTS, VALUE_ETOODEEP, INVALID_COMBO,
 MULTI_PATH_FAILURE) = range(0xC0, 0xCD)

# Without HELLO XERROR the server does not say these: it closes the connection, or says less.
CLOSES_WITHOUT_XERROR = {NO_BUCKET, AUTH_STALE, EACCESS, DURABILITY_INVALID_LEVEL,
                         DURABILITY_IMPOSSIBLE, SYNC_WRITE_AMBIGUOUS}
SAID_WITHOUT_XERROR = {LOCKED: KEY_EEXISTS, SYNC_WRITE_IN_PROGRESS: ETMPFAIL,
                       SYNC_WRITE_RE_COMMIT: ETMPFAIL}

(TCP_NODELAY, MUTATION_SEQNO, XATTR, XERROR, SELECT, SNAPPY, JSON, DUPLEX, UNORDERED, TRACING,
 ALT_REQUEST, SYNC_REPLICATION, COLLECTIONS, PRESERVE_TTL, KNOWN_VERSION, DEDUPE_CONFIG) = (
     0x03, 0x04, 0x06, 0x07, 0x08, 0x0A, 0x0B, 0x0C, 0x0E, 0x0F, 0x10, 0x11, 0x12, 0x14, 0x1D, 0x1E)
FEATURES = frozenset((TCP_NODELAY, MUTATION_SEQNO, XERROR, SELECT, JSON, UNORDERED, TRACING,
                      ALT_REQUEST, SYNC_REPLICATION, COLLECTIONS, PRESERVE_TTL, KNOWN_VERSION,
                      DEDUPE_CONFIG))
DATATYPE_JSON = 1

_MUTATES = {OPCODES[name] for name in (
    "SET", "ADD", "REPLACE", "DELETE", "INCREMENT", "DECREMENT", "SUBDOC_DICT_ADD",
    "SUBDOC_DICT_UPSERT", "SUBDOC_DELETE", "SUBDOC_REPLACE", "SUBDOC_COUNTER",
    "SUBDOC_MULTI_MUTATION")}
KEEPS_EXPIRY = _MUTATES - {OPCODES["ADD"], OPCODES["DELETE"]}
HAS_DOCUMENT = _MUTATES | {OPCODES[name] for name in (
    "GET", "SUBDOC_GET", "SUBDOC_EXISTS", "SUBDOC_GET_COUNT", "SUBDOC_MULTI_LOOKUP")}


class Malformed(Exception):
    """Bytes that no framing can be found in: the server closes the connection."""


class Refused(Exception):
    """Ends a command with a status. `context` goes out as the JSON of an error with XERROR."""

    def __init__(self, status, context=None, value=b"", datatype=0):
        super().__init__(f"status {status:#x}: {context}")
        self.status = status
        self.context = context
        self.value = value
        self.datatype = datatype


class Answer:
    __slots__ = ("status", "extras", "key", "value", "cas", "datatype")

    def __init__(self, status=SUCCESS, extras=b"", value=b"", cas=0, datatype=0):
        self.status = status
        self.extras = extras
        self.key = b""
        self.value = value
        self.cas = cas
        self.datatype = datatype

    def encode(self, opcode, opaque, traced=False):
        body = len(self.extras) + len(self.key) + len(self.value)
        if traced:
            head = HEADER.pack(FLEX_ANSWER, opcode, 3 << 8 | len(self.key), len(self.extras),
                               self.datatype, self.status, body + 3, opaque, self.cas)
            return head + b"\x02\x00\x08" + self.extras + self.key + self.value
        head = HEADER.pack(ANSWER, opcode, len(self.key), len(self.extras), self.datatype,
                           self.status, body, opaque, self.cas)
        return head + self.extras + self.key + self.value


class Request:
    __slots__ = ("opcode", "key", "extras", "value", "vbucket", "opaque", "cas", "datatype",
                 "frame_bytes", "flexible", "collection", "durability", "keep_expiry")

    def __init__(self, head, body):
        (magic, self.opcode, lengths, extras_bytes, self.datatype, self.vbucket, _, self.opaque,
         self.cas) = head
        self.flexible = magic == FLEX_REQUEST
        frame = lengths >> 8 if self.flexible else 0
        key = lengths & 0xFF if self.flexible else lengths
        if frame + extras_bytes + key > len(body):
            raise Malformed(f"lengths {frame} + {extras_bytes} + {key} beyond body {len(body)}")
        self.frame_bytes = body[:frame]
        self.extras = body[frame:frame + extras_bytes]
        self.key = body[frame + extras_bytes:frame + extras_bytes + key]
        self.value = body[frame + extras_bytes + key:]
        self.collection = 0
        self.durability = None
        self.keep_expiry = False

    @property
    def name(self):
        return OPCODE_NAMES.get(self.opcode, f"{self.opcode:#04x}")

    def read_frames(self):
        """Fills durability (level, timeout in ms or None) and keep_expiry."""
        data, at = self.frame_bytes, 0
        while at < len(data):
            kind, length = data[at] >> 4, data[at] & 15
            at += 1
            if kind == 15:
                kind, at = 15 + data[at] if at < len(data) else 15, at + 1
            if length == 15:
                length, at = 15 + data[at] if at < len(data) else 15, at + 1
            if at + length > len(data):
                raise Refused(EINVAL, "Invalid encoding in FrameExtras")
            self._read_frame(kind, data[at:at + length])
            at += length

    def _read_frame(self, kind, data):
        if kind == 1:
            self.durability = self._durability(data)
        elif kind == 5 and data:
            raise Refused(EINVAL, "PreserveTtl should not contain value")
        elif kind == 5 and self.opcode not in KEEPS_EXPIRY:
            raise Refused(NOT_SUPPORTED, "This command does not support PreserveTtl")
        elif kind == 5:
            self.keep_expiry = True
        elif kind == 0 and data:
            raise Refused(EINVAL, "Barrier should not contain value")
        elif kind != 0:
            raise Refused(UNKNOWN_FRAME_INFO)

    def _durability(self, data):
        if len(data) not in (1, 3):
            raise Refused(EINVAL, f"Invalid sized buffer provided: {len(data)}")
        if data[0] not in (1, 2, 3):
            raise Refused(DURABILITY_INVALID_LEVEL,
                          "Content represents an invalid requirement specification")
        timeout_ms = int.from_bytes(data[1:], "big") if len(data) == 3 else None
        if timeout_ms in (0, 0xFFFF):
            raise Refused(DURABILITY_INVALID_LEVEL, "Timeout(): neither default nor infinite")
        if self.opcode not in _MUTATES:
            raise Refused(EINVAL,
                          "The requested command does not support durability requirements")
        return data[0], timeout_ms

    def read_collection(self):
        """Cuts the collection's id off the key: unsigned LEB128, canonical, at most 5 bytes."""
        if len(self.key) < 2:
            raise Refused(EINVAL, "Key length must be >= 2")
        self.collection, used = leb128(self.key)
        self.key = self.key[used:]
        if not self.key:
            raise Refused(EINVAL, "No logical key found")


def leb128(data):
    """(number, bytes used)"""
    number = 0
    for at, byte in enumerate(data[:5]):
        number |= (byte & 0x7F) << (7 * at)
        if byte < 0x80:
            if at > 0 and byte == 0 or number > 0xFFFFFFFF:
                raise Refused(EINVAL, "Key contains non-canonical leb128")
            return number, at + 1
    raise Refused(EINVAL, "No stop-byte found")


def vbucket_of(key, vbuckets):
    return (binascii.crc32(key) >> 16 & 0x7FFF) % vbuckets


def split(buffer):
    """The first request in the buffer, cut off it, or None while it has not all arrived."""
    if len(buffer) < HEADER.size:
        return None
    head = HEADER.unpack_from(buffer)
    if head[0] not in (REQUEST, FLEX_REQUEST):
        raise Malformed(f"magic {head[0]:#04x}")
    size = HEADER.size + head[6]
    if head[6] > BODY_BYTES_MAX:
        raise Malformed(f"body of {head[6]} bytes")
    if len(buffer) < size:
        return None
    body = bytes(buffer[HEADER.size:size])
    del buffer[:size]
    return Request(head, body)


class Scram:
    """The server's side of one SCRAM conversation (RFC 5802), without channel binding."""
    HASHES = {"SCRAM-SHA512": "sha512", "SCRAM-SHA256": "sha256", "SCRAM-SHA1": "sha1"}

    def __init__(self, mechanism, passwords, iterations=4096):
        self.hash = self.HASHES[mechanism]
        self.passwords = passwords
        self.iterations = iterations
        self.salt = os.urandom(16)
        self.nonce = base64.b64encode(os.urandom(18)).decode()
        self.user = None
        self._said = None

    def first(self, message):
        """client-first-message -> server-first-message"""
        text = message.decode()
        if text[:3] not in ("n,,", "y,,"):
            raise Refused(AUTH_ERROR, "channel binding is not supported")
        bare = text[3:]
        fields = dict(part.split("=", 1) for part in bare.split(",") if "=" in part)
        if "n" not in fields or not fields.get("r"):
            raise Refused(AUTH_ERROR, "client-first-message lacks n or r")
        self.user = fields["n"].replace("=2C", ",").replace("=3D", "=")
        self.nonce = fields["r"] + self.nonce
        salt = base64.b64encode(self.salt).decode()
        answer = f"r={self.nonce},s={salt},i={self.iterations}"
        self._said = (bare, answer)
        return answer.encode()

    def final(self, message):
        """client-final-message -> server-final-message; Refused unless the proof is right."""
        text = message.decode()
        without_proof, _, proof = text.rpartition(",p=")
        fields = dict(part.split("=", 1) for part in without_proof.split(",") if "=" in part)
        if self._said is None or fields.get("r") != self.nonce \
                or fields.get("c") not in ("biws", "eSws"):
            raise Refused(AUTH_ERROR)
        talk = ",".join((*self._said, without_proof)).encode()
        password = self.passwords.get(self.user)
        # Who is unknown is told as late as who has a wrong password.
        salted = hashlib.pbkdf2_hmac(self.hash, (password or "").encode(), self.salt,
                                     self.iterations)
        client_key = self._mac(salted, b"Client Key")
        signature = self._mac(hashlib.new(self.hash, client_key).digest(), talk)
        right = bytes(a ^ b for a, b in zip(client_key, signature))
        if password is None or not hmac.compare_digest(base64.b64encode(right), proof.encode()):
            raise Refused(AUTH_ERROR)
        return b"v=" + base64.b64encode(self._mac(self._mac(salted, b"Server Key"), talk))

    def _mac(self, key, data):
        return hmac.digest(key, data, self.hash)


def _errors():
    """status: (name, attributes), as the server's error map of version 2 has them"""
    item, later, now = ["item-only"], ["temp", "retry-later"], ["item-only", "retry-now"]
    invalid, support, gone = ["invalid-input"], ["support"], ["conn-state-invalidated"]
    return {
        0x00: ("SUCCESS", ["success"]), 0x01: ("KEY_ENOENT", item), 0x02: ("KEY_EEXISTS", item),
        0x03: ("E2BIG", ["item-only", "invalid-input"]), 0x04: ("EINVAL", ["internal", *invalid]),
        0x05: ("NOT_STORED", item), 0x06: ("DELTA_BADVAL", ["item-only", *invalid]),
        0x07: ("NOT_MY_VBUCKET", ["fetch-config", "invalid-input"]), 0x08: ("NO_BUCKET", gone),
        0x09: ("LOCKED", ["item-locked", *now]), 0x0C: ("EWOULD_THROTTLE", later),
        0x0D: ("ECONFIG_ONLY", ["fetch-config"]), 0x1F: ("AUTH_STALE", [*gone, "auth"]),
        0x20: ("AUTH_ERROR", [*gone, "auth"]), 0x24: ("EACCESS", [*support, "auth"]),
        0x25: ("NOT_INITIALIZED", gone), 0x30: ("RATE_LIMITED_NETWORK_INGRESS", later),
        0x31: ("RATE_LIMITED_NETWORK_EGRESS", later), 0x33: ("RATE_LIMITED_MAX_COMMANDS", later),
        0x35: ("BUCKET_SIZE_LIMIT_EXCEEDED", ["no-retry", *support]),
        0x36: ("BUCKET_RESIDENT_RATIO_TOO_LOW", ["no-retry", *support]),
        0x37: ("BUCKET_DATA_SIZE_TOO_BIG", ["no-retry", *support]),
        0x38: ("BUCKET_DISK_SPACE_TOO_LOW", ["no-retry", *support]),
        0x50: ("BUCKET_PAUSED", support), 0x51: ("CANCELLED", ["retry-now"]),
        0x80: ("UNKNOWN_FRAME_INFO", support), 0x81: ("UNKNOWN_COMMAND", support),
        0x82: ("ENOMEM", later), 0x83: ("NOT_SUPPORTED", support), 0x84: ("EINTERNAL", gone),
        0x85: ("EBUSY", later), 0x86: ("ETMPFAIL", later), 0x88: ("UNKNOWN_COLLECTION", invalid),
        0x8C: ("UNKNOWN_SCOPE", invalid), 0xA0: ("DURABILITY_INVALID_LEVEL", invalid),
        0xA1: ("DURABILITY_IMPOSSIBLE", item), 0xA2: ("SYNC_WRITE_IN_PROGRESS",
                                                      ["item-only", "retry-later"]),
        0xA3: ("SYNC_WRITE_AMBIGUOUS", item), 0xA4: ("SYNC_WRITE_RE_COMMIT_IN_PROGRESS",
                                                     ["item-only", "retry-later"]),
    }


def error_map():
    errors = {f"{status:x}": {"name": name, "desc": name.lower().replace("_", " "),
                              "attrs": attributes}
              for status, (name, attributes) in _errors().items()}
    return json.dumps({"version": 2, "revision": 1, "errors": errors},
                      separators=(",", ":")).encode()

# SPDX-License-Identifier: Apache-2.0
"""What each KV command does: (connection, request) -> Answer, or (Write, its Answer) if it may
have to wait until enough copies have what was written. Refused ends a command with a status."""
import json
import re
import struct

import fake_couchbase_json as subdoc
import fake_couchbase_wire as wire
from fake_couchbase_data import Document, absolute_expiry
from fake_couchbase_wire import Answer, Refused

UINT64 = 1 << 64
NEVER_CREATE = 0xFFFFFFFF
MKDIR_P = 1
MKDOC, ADD_DOC = 1, 2
PATHS_MAX = 16
# Leading blanks, one plus and one trailing blank are read as the server reads them.
COUNTER = re.compile(rb"[ \t\r\n]*\+?(\d+)[ \t\r\n]?")
SINGLE_LOOKUPS = ("SUBDOC_GET", "SUBDOC_EXISTS", "SUBDOC_GET_COUNT")
SINGLE_CHANGES = ("SUBDOC_DICT_ADD", "SUBDOC_DICT_UPSERT", "SUBDOC_DELETE", "SUBDOC_REPLACE",
                  "SUBDOC_COUNTER")
PRIVILEGES = {"GET": ("Read",), "ADD": ("Insert",), "SET": ("Upsert",), "REPLACE": ("Upsert",),
              "DELETE": ("Delete",), "INCREMENT": ("Read", "Upsert"),
              "DECREMENT": ("Read", "Upsert")}


def require(condition, context, status=wire.EINVAL):
    if not condition:
        raise Refused(status, context)


def check_shape(request, extras, value=False, no_cas=False):
    """extras: the lengths allowed"""
    require(len(request.extras) in extras, f"Request must include extras of length {extras}")
    require(value or not request.value, "Request must not include value")
    require(not no_cas or request.cas == 0, "Request CAS must not be set")


def privileges_of(request):
    if request.name in PRIVILEGES:
        return PRIVILEGES[request.name]
    if request.name in SINGLE_LOOKUPS or request.name == "SUBDOC_MULTI_LOOKUP":
        return ("Read",)
    return ("Read", "Upsert")


def as_text(document):
    if not document.datatype & wire.DATATYPE_JSON:
        raise Refused(wire.DOC_NOTJSON)
    return document.value.decode()


class Documents:
    """The commands on documents; `place` is (bucket, vbucket, key) of the request."""

    def get(self, connection, request, place):
        check_shape(request, (0,), no_cas=True)
        document = self._existing(request, place)
        return Answer(extras=document.flags.to_bytes(4, "big"), value=document.value,
                      cas=document.cas, datatype=document.datatype & connection.datatypes)

    def set(self, connection, request, place):
        check_shape(request, (8,), value=True)
        bucket, vbucket, key = place
        bucket.refuse_pending(vbucket, key)
        old = bucket.find(vbucket, key)
        if request.cas:
            self._compare(old, request)
        return self._store_sent(connection, request, place, old)

    def add(self, connection, request, place):
        check_shape(request, (8,), value=True, no_cas=True)
        bucket, vbucket, key = place
        bucket.refuse_pending(vbucket, key)
        require(bucket.find(vbucket, key) is None, None, wire.KEY_EEXISTS)
        return self._store_sent(connection, request, place, None)

    def replace(self, connection, request, place):
        check_shape(request, (8,), value=True)
        bucket, vbucket, key = place
        bucket.refuse_pending(vbucket, key)
        old = self._existing(request, place)
        if request.cas:
            self._compare(old, request)
        return self._store_sent(connection, request, place, old)

    def delete(self, connection, request, place):
        check_shape(request, (0,))
        bucket, vbucket, key = place
        bucket.refuse_pending(vbucket, key)
        old = self._existing(request, place)
        if request.cas:
            self._compare(old, request)
        return self._write(connection, request, place, None)

    def increment(self, connection, request, place):
        return self._count(connection, request, place, 1)

    def decrement(self, connection, request, place):
        return self._count(connection, request, place, -1)

    def _count(self, connection, request, place, sign):
        check_shape(request, (20,), no_cas=True)
        delta, initial, expiration = struct.unpack(">QQI", request.extras)
        bucket, vbucket, key = place
        old = bucket.find(vbucket, key)
        if old is None:
            require(expiration != NEVER_CREATE, None, wire.KEY_ENOENT)
            new, flags, expiry = initial, 0, absolute_expiry(expiration)
        else:
            match = COUNTER.fullmatch(old.value)
            require(match and int(match[1]) < UINT64, None, wire.DELTA_BADVAL)
            number = int(match[1])
            new = (number + delta) % UINT64 if sign > 0 else max(number - delta, 0)
            flags, expiry = old.flags, old.expiry
        document = Document(b"%d" % new, flags, expiry, wire.DATATYPE_JSON)
        return self._write(connection, request, place, document, new.to_bytes(8, "big"))

    def _existing(self, request, place):
        bucket, vbucket, key = place
        document = bucket.find(vbucket, key)
        if document is None:
            raise Refused(wire.KEY_ENOENT)
        return document

    @staticmethod
    def _compare(old, request):
        if old is None:
            raise Refused(wire.KEY_ENOENT)
        if old.cas != request.cas:
            raise Refused(wire.KEY_EEXISTS)

    def _store_sent(self, connection, request, place, old):
        flags, expiry = struct.unpack(">II", request.extras)
        expiry = old.expiry if old is not None and request.keep_expiry else absolute_expiry(expiry)
        datatype = wire.DATATYPE_JSON if subdoc.is_json(request.value) else 0
        document = Document(request.value, flags, expiry, datatype)
        return self._write(connection, request, place, document)

    @staticmethod
    def _write(connection, request, place, document, value=b""):
        write = place[0].write(place[1], place[2], document, request.durability)
        extras = b""
        if wire.MUTATION_SEQNO in connection.features:
            extras = struct.pack(">QQ", write.uuid, write.seqno)
        return write, Answer(extras=extras, value=value, cas=write.cas)

    # Sub-documents

    def look(self, connection, request, place):
        check_shape(request, (3, 4), value=True)
        path, rest = self._path(request)
        require(not rest, "Request must not include value")
        document = self._existing(request, place)
        value = subdoc.look(request.name, as_text(document), path).encode()
        return Answer(value=value, cas=document.cas, datatype=document.datatype
                      & connection.datatypes if value else 0)

    def change(self, connection, request, place):
        check_shape(request, (3, 4, 7, 8), value=True)
        extras = request.extras[3:]
        expiry = int.from_bytes(extras[:4], "big") if len(extras) >= 4 else 0
        path, value = self._path(request)
        require(bool(value) == (request.name != "SUBDOC_DELETE"), "value: too much or none")
        spec = (request.name, request.extras[2], path, value)
        document_flags = extras[-1] if len(extras) in (1, 5) else 0
        text, old, results = self._changed(request, place, document_flags, [spec])
        document = self._subdocument(request, text, old, expiry)
        return self._write(connection, request, place, document, results[0].encode())

    @staticmethod
    def _path(request):
        length = int.from_bytes(request.extras[:2], "big")
        require(length <= len(request.value), "Path length can't exceed value")
        require(length > 0, "Request must include path")
        return request.value[:length], request.value[length:]

    @staticmethod
    def _subdocument(request, text, old, expiry):
        expiry = old.expiry if old is not None and request.keep_expiry else absolute_expiry(expiry)
        value = text.encode()
        datatype = wire.DATATYPE_JSON if subdoc.is_json(value) else 0
        return Document(value, old.flags if old is not None else 0, expiry, datatype)

    def _changed(self, request, place, document_flags, specs):
        """All of the changes or none: (new text, old document, what each one answers)"""
        bucket, vbucket, key = place
        require(document_flags & ~(MKDOC | ADD_DOC) == 0, "Request document flags invalid")
        require(document_flags != MKDOC | ADD_DOC,
                "Request must not contain both add and mkdoc flags")
        require(not (document_flags & ADD_DOC and request.cas),
                "Request with add flag must have CAS 0")
        bucket.refuse_pending(vbucket, key)
        old = bucket.find(vbucket, key)
        if old is not None and document_flags & ADD_DOC:
            raise Refused(wire.KEY_EEXISTS)
        if old is None and not document_flags:
            raise Refused(wire.KEY_ENOENT)
        if request.cas:
            self._compare(old, request)
        whole = all(name == "SET" for name, *_ in specs)
        text = "{}" if old is None else "" if whole else as_text(old)
        results = []
        for index, (name, flags, path, value) in enumerate(specs):
            try:
                if name == "SET":
                    text, result = value.decode(), ""
                else:
                    text, result = subdoc.change(name, text, path, value, bool(flags & MKDIR_P))
            except Refused as refused:
                refused.index = index
                raise
            results.append(result)
        return text, old, results

    def change_many(self, connection, request, place):
        check_shape(request, (0, 1, 4, 5), value=True)
        extras = request.extras
        expiry = int.from_bytes(extras[:4], "big") if len(extras) >= 4 else 0
        document_flags = extras[-1] if len(extras) in (1, 5) else 0
        specs = self._specs(request.value, ">BBHI", (*SINGLE_CHANGES, "SET"))
        try:
            text, old, results = self._changed(request, place, document_flags, specs)
        except Refused as refused:
            if not hasattr(refused, "index"):
                raise
            raise Refused(wire.MULTI_PATH_FAILURE, None,
                          struct.pack(">BH", refused.index, refused.status)) from None
        value = b"".join(struct.pack(">BHI", index, 0, len(result)) + result.encode()
                         for index, result in enumerate(results) if result)
        document = self._subdocument(request, text, old, expiry)
        return self._write(connection, request, place, document, value)

    def look_many(self, connection, request, place):
        check_shape(request, (0, 1), value=True)
        specs = self._specs(request.value, ">BBH", (*SINGLE_LOOKUPS, "GET"))
        document = self._existing(request, place)
        answers, status = [], wire.SUCCESS
        for name, _, path, _ in specs:
            try:
                value = document.value if name == "GET" \
                    else subdoc.look(name, as_text(document), path).encode()
                answers.append(struct.pack(">HI", 0, len(value)) + value)
            except Refused as refused:
                status = wire.MULTI_PATH_FAILURE
                answers.append(struct.pack(">HI", refused.status, 0))
        return Answer(status, value=b"".join(answers), cas=document.cas)

    @staticmethod
    def _specs(data, form, names):
        """[(name, flags, path, value)] of a multi-path command"""
        specs, at, head_bytes = [], 0, struct.calcsize(form)
        while at < len(data):
            require(at + head_bytes <= len(data), "Multi spec truncated")
            opcode, flags, path_bytes, *value_bytes = struct.unpack_from(form, data, at)
            at += head_bytes
            end = at + path_bytes + sum(value_bytes)
            require(end <= len(data), "Multi path and value truncated")
            name = wire.OPCODE_NAMES.get(opcode)
            require(name in names, "opcode not permitted here", wire.INVALID_COMBO)
            require(flags & ~MKDIR_P == 0, "Request flags invalid")
            require(bool(path_bytes) == (name not in ("GET", "SET")),
                    "Request must include path, or must not for wholedoc operations")
            specs.append((name, flags, data[at:at + path_bytes], data[at + path_bytes:end]))
            at = end
        require(0 < len(specs) <= PATHS_MAX, f"at least one path, at most {PATHS_MAX}",
                wire.INVALID_COMBO)
        return specs


_documents = Documents()
DOCUMENT_COMMANDS = {
    wire.OPCODES[name]: method for name, method in (
        ("GET", _documents.get), ("SET", _documents.set), ("ADD", _documents.add),
        ("REPLACE", _documents.replace), ("DELETE", _documents.delete),
        ("INCREMENT", _documents.increment), ("DECREMENT", _documents.decrement),
        ("SUBDOC_MULTI_LOOKUP", _documents.look_many),
        ("SUBDOC_MULTI_MUTATION", _documents.change_many),
        *((name, _documents.look) for name in SINGLE_LOOKUPS),
        *((name, _documents.change) for name in SINGLE_CHANGES))}


def failover_log(connection, request):
    check_shape(request, (0,))
    vbuckets = connection.bucket.vbuckets
    require(request.vbucket < len(vbuckets), None, wire.NOT_MY_VBUCKET)
    return Answer(value=b"".join(struct.pack(">QQ", uuid, seqno)
                                 for uuid, seqno in vbuckets[request.vbucket].log))


def manifest(connection, request):
    check_shape(request, (0,), no_cas=True)
    bucket = connection.bucket
    scopes = {}
    for scope in sorted(bucket.scopes):
        scopes[scope] = {"name": scope, "uid": f"{8 + len(scopes) if scopes else 0:x}",
                         "collections": []}
    for number, name in bucket.collections.items():
        scope, _, collection = name.partition(".")
        ttl = {"maxTTL": bucket.max_ttls[name]} if name in bucket.max_ttls else {}
        scopes[scope]["collections"].append({"name": collection, "uid": f"{number:x}", **ttl})
    value = json.dumps({"uid": f"{bucket.manifest_uid:x}", "scopes": list(scopes.values())})
    return Answer(value=value.encode(), datatype=wire.DATATYPE_JSON & connection.datatypes)


def collection_id(connection, request):
    check_shape(request, (0,), value=True, no_cas=True)
    require(not (request.key and request.value), "Cannot set both key and value")
    require(request.vbucket == 0, "Request vbucket id must be 0")
    bucket = connection.bucket
    number = bucket.collection_id((request.value or request.key).decode())
    return Answer(extras=struct.pack(">QI", bucket.manifest_uid, number))


def statistics(connection, request):
    """Some of them, in the server's names."""
    bucket, group = connection.bucket, request.key.decode().split(" ")
    if group[0] == "failovers":
        numbers = [int(group[1])] if len(group) > 1 else range(len(bucket.vbuckets))
        rows = {}
        for number in numbers:
            log = bucket.vbuckets[number].log
            rows[f"vb_{number}:num_entries"] = len(log)
            for index, (uuid, seqno) in enumerate(log):
                rows[f"vb_{number}:{index}:id"], rows[f"vb_{number}:{index}:seq"] = uuid, seqno
        return rows
    if group[0] in ("vbucket-details", "vbucket-seqno"):
        rows = {}
        for vbucket in bucket.vbuckets:
            if bucket.map[vbucket.number][0] == connection.node.number:
                rows[f"vb_{vbucket.number}:high_seqno"] = vbucket.high
                rows[f"vb_{vbucket.number}:uuid"] = vbucket.uuid
        return rows
    require(group[0] in ("", "config"), None, wire.KEY_ENOENT)
    return {"ep_bucket_type": "ephemeral" if bucket.kind == "ephemeral" else "persistent",
            "ep_durability_min_level": ("none", "majority", "majority_and_persist_on_master",
                                        "persist_to_majority")[bucket.minimum_level],
            "ep_max_ttl": bucket.settings.max_ttl,
            "uuid": bucket.uuid, "ep_max_vbuckets": len(bucket.vbuckets),
            "curr_items": sum(len(vbucket.documents) for vbucket in bucket.vbuckets)}


BUCKET_COMMANDS = {wire.OPCODES["GET_FAILOVER_LOG"]: failover_log,
                   wire.OPCODES["GET_MANIFEST"]: manifest,
                   wire.OPCODES["GET_COLLECTION_ID"]: collection_id}

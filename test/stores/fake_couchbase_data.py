# SPDX-License-Identifier: Apache-2.0
"""What a bucket holds: vbuckets, documents, replication, durable writes, and going back in time."""
import random
import time

import fake_couchbase_wire as wire
from fake_couchbase_json import is_json
from fake_couchbase_wire import Refused

RELATIVE_EXPIRY_S_MAX = 30 * 86400
DEFAULT_TIMEOUT_MS = 30000
PERSIST_LEVELS = (2, 3)


class Document:
    """One version of one document; never changed, only replaced."""
    __slots__ = ("value", "flags", "expiry", "cas", "datatype")

    def __init__(self, value, flags, expiry, datatype):
        self.value = value
        self.flags = flags
        self.expiry = expiry
        self.cas = 0
        self.datatype = datatype


def absolute_expiry(seconds):
    if 0 < seconds <= RELATIVE_EXPIRY_S_MAX:
        return int(time.time()) + seconds
    return seconds


class VBucket:
    __slots__ = ("number", "uuid", "high", "log", "documents", "tail", "pending")

    def __init__(self, number, uuid):
        self.number = number
        self.documents = {}
        self.pending = {}
        self.log = []
        self.begin(uuid, 0)

    def begin(self, uuid, high):
        """A branch of history that begins at `high`; what came later on others is forgotten."""
        self.uuid = uuid
        self.high = high
        self.log = [(uuid, high), *(entry for entry in self.log if entry[1] <= high)]
        self.tail = []

    def lose_tail(self):
        for _, key, before in reversed(self.tail):
            if before is None:
                self.documents.pop(key, None)
            else:
                self.documents[key] = before
        return self.tail[0][0] - 1 if self.tail else self.high


class Write:
    """One mutation, done at once or (a durable one) when enough copies have it."""
    __slots__ = ("vbucket", "key", "document", "cas", "seqno", "uuid", "status", "_then", "timer")

    def __init__(self, vbucket, key, document, cas):
        self.vbucket = vbucket
        self.key = key
        self.document = document
        self.cas = cas
        vbucket.high += 1
        self.seqno = vbucket.high
        self.uuid = vbucket.uuid
        self.status = None
        self._then = None
        self.timer = None

    def when_done(self, then):
        if self.status is None:
            self._then = then
        else:
            then()

    def end(self, status):
        self.status = status
        if self.timer is not None:
            self.timer.cancel()
        then, self._then = self._then, None
        if then is not None:
            then()


class Bucket:
    """One bucket of a cluster. All of its methods run on the cluster's loop."""

    def __init__(self, cluster, name, settings):
        self.cluster = cluster
        self.name = name
        self.settings = settings
        self.dice = random.Random(settings.seed)
        self.uuid = f"{self.dice.getrandbits(128):032x}"
        self.rev, self.rev_epoch = 1, 1
        self.kind = settings.kind
        self.replicas = settings.replicas
        self.levels = set(settings.levels)
        self.minimum_level = settings.minimum_level
        self.last_cas = 0
        self.held = False
        self.collections = {0: "_default._default"}
        self.scopes = {"_default", "_system"}
        self.max_ttls = {}              # of collections that have their own
        self.manifest_uid = 0
        self._next_collection = settings.first_collection
        self.vbuckets = [VBucket(number, self._draw()) for number in range(settings.vbuckets)]
        self.map = self.spread(cluster.members())
        for collection in settings.collections:
            self.create_collection(collection)

    def _draw(self):
        return self.dice.getrandbits(48) | 1

    def spread(self, nodes):
        """For each vbucket its nodes, active first, -1 where there is none."""
        chains = []
        for number in range(len(self.vbuckets)):
            copies = min(1 + self.replicas, len(nodes))
            chain = [nodes[(number + copy) % len(nodes)] for copy in range(copies)]
            chains.append(chain + [-1] * (1 + self.replicas - copies))
        return chains

    def changed(self):
        self.rev += 1

    # Collections

    def create_collection(self, name):
        scope = name.split(".")[0]
        if scope not in self.scopes:
            self.scopes.add(scope)
            self.manifest_uid += 1
        if name in self.collections.values():
            return next(number for number, known in self.collections.items() if known == name)
        number = self._next_collection
        self._next_collection += 1
        self.collections[number] = name
        self.manifest_uid += 1
        self.changed()
        return number

    def drop_collection(self, name):
        number = next(number for number, known in self.collections.items() if known == name)
        del self.collections[number]
        self.manifest_uid += 1
        for vbucket in self.vbuckets:
            for key in [key for key in vbucket.documents if key[0] == number]:
                del vbucket.documents[key]
                vbucket.high += 1
        self.changed()

    def collection_id(self, name):
        parts = name.split(".")
        if len(parts) != 2:
            raise Refused(wire.EINVAL, "a path is scope.collection")
        name = ".".join(part or "_default" for part in parts)
        for number, known in self.collections.items():
            if known == name:
                return number
        scope_known = (parts[0] or "_default") in self.scopes
        raise self.unknown_collection(
            wire.UNKNOWN_COLLECTION if scope_known else wire.UNKNOWN_SCOPE)

    def unknown_collection(self, status=wire.UNKNOWN_COLLECTION):
        return Refused(status, "Unknown scope or collection in operation",
                       {"manifest_uid": f"{self.manifest_uid:x}"})

    # Documents

    def next_cas(self):
        self.last_cas = max(self.last_cas + 1, time.time_ns() & ~0xFFFF)
        return self.last_cas

    def find(self, vbucket, key):
        document = vbucket.documents.get(key)
        if document is not None and 0 < document.expiry <= time.time():
            self._store(vbucket, key, None)
            return None
        return document

    def _at(self, key, collection):
        key = key.encode() if isinstance(key, str) else key
        vbucket = self.vbuckets[wire.vbucket_of(key, len(self.vbuckets))]
        return vbucket, (self.collection_id(collection), key)

    def peek(self, key, collection):
        return self.find(*self._at(key, collection))

    def put(self, key, value, collection):
        document = None
        if value is not None:
            value = value.encode() if isinstance(value, str) else value
            document = Document(value, 0, 0, wire.DATATYPE_JSON if is_json(value) else 0)
            document.cas = self.next_cas()
        self._store(*self._at(key, collection), document)

    def keys(self, collection):
        number = self.collection_id(collection)
        return sorted(key[1].decode(errors="backslashreplace") for vbucket in self.vbuckets
                      for key in vbucket.documents if key[0] == number)

    def _store(self, vbucket, key, document):
        vbucket.high += 1
        self._apply(vbucket, key, document)

    def _apply(self, vbucket, key, document):
        if self.held:
            vbucket.tail.append((vbucket.high, key, vbucket.documents.get(key)))
        if document is None:
            vbucket.documents.pop(key, None)
        else:
            vbucket.documents[key] = document

    def refuse_pending(self, vbucket, key):
        if key in vbucket.pending:
            raise Refused(wire.SYNC_WRITE_IN_PROGRESS)

    def write(self, vbucket, key, document, durability):
        """Writes a document, or None to delete, and gives the Write, perhaps pending."""
        self.refuse_pending(vbucket, key)
        level, timeout_ms = durability or (0, None)
        level = max(level, self.minimum_level)
        if level:
            self._check_level(vbucket, level)
        cas = self.next_cas()
        if document is not None:
            document.cas = cas
        write = Write(vbucket, key, document, cas)
        if not level:
            self._apply(vbucket, key, document)
            write.status = wire.SUCCESS
        elif self._has_majority(vbucket) and not self.settings.replication_ms:
            self._commit(write)
        else:
            self._wait(write, timeout_ms or DEFAULT_TIMEOUT_MS)
        return write

    def _check_level(self, vbucket, level):
        if level not in self.levels or self.kind == "ephemeral" and level in PERSIST_LEVELS:
            raise Refused(wire.DURABILITY_INVALID_LEVEL)
        chain = self.map[vbucket.number]
        if len(chain) - chain.count(-1) < len(chain) // 2 + 1 or len(chain) > 3:
            raise Refused(wire.DURABILITY_IMPOSSIBLE)

    def _has_majority(self, vbucket):
        chain = self.map[vbucket.number]
        have = 1 + sum(1 for node in chain[1:]
                       if node >= 0 and self.cluster.nodes[node].up and not self.held)
        return have >= len(chain) // 2 + 1

    def _wait(self, write, timeout_ms):
        write.vbucket.pending[write.key] = write
        if self.settings.replication_ms:
            self.cluster.later(self.settings.replication_ms, self._replicated, write)
        write.timer = self.cluster.later(timeout_ms, self._abort, write)

    def _replicated(self, write):
        if write.status is None and self._has_majority(write.vbucket):
            self._commit(write)

    def _commit(self, write):
        """The second entry in the history: a durable write is a prepare, then a commit."""
        write.vbucket.pending.pop(write.key, None)
        write.vbucket.high += 1
        self._apply(write.vbucket, write.key, write.document)
        write.end(wire.SUCCESS)

    def _abort(self, write):
        if write.status is None:
            write.vbucket.pending.pop(write.key, None)
            write.vbucket.high += 1
            write.end(wire.SYNC_WRITE_AMBIGUOUS)

    def settle(self):
        """Commits what has become durable: replicas have come back, or go on."""
        for vbucket in self.vbuckets:
            for write in list(vbucket.pending.values()):
                self._replicated(write)

    # Replication, and going back

    def hold_replication(self, held):
        """Held: replicas get nothing, so that a failover can lose what is written from now on."""
        self.held = held
        if not held:
            for vbucket in self.vbuckets:
                vbucket.tail = []
            self.settle()

    def promote(self, node, lose):
        """A node is failed over: its vbuckets go to their next copies, in a new branch."""
        for vbucket, chain in zip(self.vbuckets, self.map):
            if node not in chain:
                continue
            was_active = chain[0] == node
            chain.remove(node)
            chain.append(-1)
            if was_active:
                self.take_over(vbucket, lose)
        self.changed()
        self.settle()

    def take_over(self, vbucket, lose):
        high = vbucket.lose_tail() if lose else vbucket.high
        for write in list(vbucket.pending.values()):
            if lose:
                vbucket.pending.pop(write.key)
                write.end(wire.SYNC_WRITE_AMBIGUOUS)
            else:
                self._commit(write)
                high = vbucket.high
        vbucket.begin(self._draw(), high)

    def moment(self):
        """What `go_back` returns to."""
        return [(dict(vbucket.documents), vbucket.high) for vbucket in self.vbuckets]

    def go_back(self, moment, told=True):
        """A backup is restored, or an unsafe failover: vbuckets that have moved since lose that.
        Not `told`: with the same vbucket uuids, as when disks are put back below a server."""
        for vbucket, (documents, high) in zip(self.vbuckets, moment):
            if vbucket.high == high:
                continue
            self._drop_pending(vbucket)
            vbucket.documents = dict(documents)
            if told:
                vbucket.begin(self._draw(), high)
            else:
                vbucket.high, vbucket.tail = high, []

    def _drop_pending(self, vbucket):
        for write in list(vbucket.pending.values()):
            vbucket.pending.pop(write.key)
            write.end(wire.SYNC_WRITE_AMBIGUOUS)

    def flush(self):
        for vbucket in self.vbuckets:
            self._drop_pending(vbucket)
            vbucket.documents = {}
            vbucket.log = []
            vbucket.begin(self._draw(), 0)
        self.changed()

    def recreate(self):
        """Deleted and made again under its name: another uuid, nothing in it."""
        self.uuid = f"{self.dice.getrandbits(128):032x}"
        self.flush()

    def rebalance(self, nodes):
        """Spreads the vbuckets over these nodes. History goes along: no new branch."""
        self.map = self.spread(nodes)
        self.changed()
        self.settle()

    def move(self, vbucket, chain):
        self.map[vbucket] = list(chain) + [-1] * (1 + self.replicas - len(chain))
        self.changed()
        self.settle()

# SPDX-License-Identifier: Apache-2.0
"""One connection to a node: framing, login, choice of a bucket, dispatch, and scripted faults."""
import asyncio
import json
import struct
import uuid

import fake_couchbase_commands as commands
import fake_couchbase_wire as wire
from fake_couchbase_wire import Answer, Malformed, Refused

OPEN_TO_ALL = {wire.OPCODES[name] for name in (
    "HELLO", "SASL_LIST_MECHS", "SASL_AUTH", "SASL_STEP", "GET_ERROR_MAP")}
VERSION = b"7.6.2-3721-enterprise"


class Fault:
    """What is to happen to requests that match. See `FakeCouchbase.fault`."""
    ACTIONS = ("status", "close", "execute_close", "delay", "late", "twice", "cut", "hang",
               "drip", "wrong_opaque", "garbage")

    def __init__(self, action, count, details):
        if action not in self.ACTIONS:
            raise ValueError(f"no such fault: {action}; there are {', '.join(self.ACTIONS)}")
        self.action, self.left, self.taken = action, count, 0
        details = dict(details)
        opcode, key = details.pop("opcode", None), details.pop("key", None)
        if isinstance(opcode, str):
            opcode = wire.OPCODES[opcode.upper()]
        self.opcode = opcode
        self.key = key.encode() if isinstance(key, str) else key
        self.node = details.pop("node", None)
        self.skip = details.pop("skip", 0)
        self.status = details.pop("status", wire.ETMPFAIL)
        value = details.pop("value", b"")
        self.value = value.encode() if isinstance(value, str) else value
        self.executed = details.pop("executed", False)
        self.ms = details.pop("ms", 0)
        self.bytes = details.pop("bytes", 0)
        self.stays_open = details.pop("stays_open", False)
        if details:
            raise ValueError(f"a fault has no {', '.join(details)}")

    def takes(self, node, request):
        if self.left <= 0 or self.opcode not in (None, request.opcode) \
                or self.key not in (None, request.key) or self.node not in (None, node):
            return False
        if self.skip > 0:
            self.skip -= 1
            return False
        self.left -= 1
        self.taken += 1
        return True


class Connection(asyncio.Protocol):
    def __init__(self, cluster, node, tls):
        self.cluster, self.node, self.tls = cluster, node, tls
        self.transport = None
        self.buffer = bytearray()
        self.busy = None  # the request that those behind it wait for
        self.serving = self.closed = False
        self.features = frozenset()
        self.datatypes = 0
        self.user = None
        self.scram = None
        self.bucket = None
        self.told_config = None
        self.agent = b""

    # Framing

    def connection_made(self, transport):
        self.transport = transport
        self.node.connections.add(self)
        self.cluster.accepted += 1
        if self.node.greeting == "close":
            transport.abort()
        elif self.node.greeting == "hang":
            self.busy = "never served"

    def connection_lost(self, exc):
        self.closed = True
        self.node.connections.discard(self)

    def data_received(self, data):
        self.buffer += data
        self.serve()

    def serve(self):
        """Serves what has arrived: behind a request that waits the next ones wait, unless HELLO
        granted UNORDERED and it is one on a document."""
        if self.serving:
            return
        self.serving = True
        try:
            while self.busy is None and not self.closed:
                request = wire.split(self.buffer)
                if request is None:
                    break
                if wire.UNORDERED not in self.features \
                        or request.opcode not in commands.DOCUMENT_COMMANDS:
                    self.busy = request
                self._begin(request)
        except Malformed as malformed:
            self.cluster.note(f"closed a connection: {malformed}")
            self.close()
        finally:
            self.serving = False

    def close(self):
        self.closed = True
        self.transport.abort()

    def _begin(self, request):
        failed = self._prepare(request)
        self.cluster.count(self.node, request)
        fault = self.cluster.fault_for(self.node.number, request)
        if fault is None:
            self._execute(request, failed, self._send)
        else:
            self._suffer(fault, request, failed)

    def _prepare(self, request):
        """Reads what the framing and the key's prefix say; gives the Refused if that is wrong."""
        try:
            if request.opcode in commands.DOCUMENT_COMMANDS \
                    and wire.COLLECTIONS in self.features:
                request.read_collection()
            if request.flexible and wire.ALT_REQUEST not in self.features:
                raise Refused(wire.EINVAL, "AltRequest is not enabled for this connection")
            request.read_frames()
            if request.durability and wire.SYNC_REPLICATION not in self.features:
                raise Refused(wire.NOT_SUPPORTED, "SyncReplication is not enabled")
        except Refused as refused:
            return refused
        return None

    def _execute(self, request, failed, deliver):
        """deliver(request, answer) now, or when a durable write has ended."""
        try:
            if failed is not None:
                raise failed
            outcome = self._dispatch(request)
        except Refused as refused:
            deliver(request, self._refusal(refused))
            return
        if not isinstance(outcome, tuple):
            deliver(request, outcome)
            return
        write, answer = outcome
        write.when_done(lambda: deliver(request, answer if write.status == wire.SUCCESS
                                        else self._refusal(Refused(write.status))))

    def _send(self, request, answer):
        self.write(self.encode(request, answer))
        self.done(request)

    def encode(self, request, answer):
        """b"" where the server closes the connection instead of answering"""
        if answer is None:
            return b""
        if self.node.stray_keys and wire.COLLECTIONS in self.features \
                and request.opcode in commands.DOCUMENT_COMMANDS:
            answer.key = b"\0"
        return answer.encode(request.opcode, request.opaque, wire.TRACING in self.features)

    def write(self, data):
        if not self.closed and data:
            self.transport.write(data)

    def done(self, request):
        if self.busy is request:
            self.busy = None
        if not self.serving:
            self.serve()

    def _refusal(self, refused):
        status = refused.status
        if wire.XERROR not in self.features and self.user is not None:
            if status in wire.CLOSES_WITHOUT_XERROR:
                self.close()
                return None
            status = wire.SAID_WITHOUT_XERROR.get(status, status)
        value, datatype = refused.value, refused.datatype
        if not isinstance(value, bytes) or refused.context and wire.XERROR in self.features:
            error = {"context": refused.context}
            if status in (wire.EACCESS, wire.AUTH_ERROR):
                error["ref"] = str(uuid.uuid4())
            value = json.dumps({"error": error, **(value or {})}, separators=(",", ":")).encode()
            datatype = wire.DATATYPE_JSON
        return Answer(status, value=value, datatype=datatype & self.datatypes)

    # Faults

    def _suffer(self, fault, request, failed):
        action = fault.action
        if action == "close" or action == "hang" and not fault.executed:
            if action == "close":
                self.close()
            return
        if action == "status" and not fault.executed:
            self._send(request, Answer(fault.status, value=fault.value))
            return
        if action == "late":
            self.cluster.later(fault.ms, self._execute, request, failed, self._send)
            return
        self._execute(request, failed, lambda of, answer: self._distort(fault, of, answer))

    def _distort(self, fault, request, answer):
        """The request was executed; what goes out is not what should."""
        if fault.action == "status":
            self._send(request, Answer(fault.status, value=fault.value))
        elif fault.action == "execute_close":
            self.close()
        elif fault.action == "delay":
            self.cluster.later(fault.ms, self._send, request, answer)
        elif fault.action == "twice":
            self.write(self.encode(request, answer))
            self._send(request, answer)
        elif fault.action == "wrong_opaque":
            request.opaque ^= 0x5A5A5A5A
            self._send(request, answer)
        elif fault.action == "garbage":
            self.write(bytes(range(0x40, 0x40 + 64)))
            self.done(request)
        elif fault.action == "cut":
            self.write(self.encode(request, answer)[:fault.bytes])
            if not fault.stays_open:
                self.closed = True
                self.transport.close()
        elif fault.action == "drip":
            self.busy = request  # nothing may come between its bytes
            self._drip(request, self.encode(request, answer), fault.ms)

    def _drip(self, request, data, ms):
        self.write(data[:1])
        if len(data) > 1:
            self.cluster.later(ms, self._drip, request, data[1:], ms)
        else:
            self.done(request)

    # Dispatch

    def _dispatch(self, request):
        opcode = request.opcode
        if self.user is None and opcode not in OPEN_TO_ALL:
            raise Refused(wire.EACCESS)
        document_command = commands.DOCUMENT_COMMANDS.get(opcode)
        if document_command is not None:
            return document_command(self, request, self._place(request))
        command = getattr(self, "_do_" + request.name.lower(), None)
        if command is not None:
            return command(request)
        command = commands.BUCKET_COMMANDS.get(opcode)
        if command is None:
            raise Refused(wire.UNKNOWN_COMMAND)
        self._need_bucket()
        return command(self, request)

    def _need_bucket(self):
        if self.bucket is None:
            raise Refused(wire.NO_BUCKET)

    def _place(self, request):
        """(bucket, vbucket, key) of a request on a document; Refused if this node hasn't it."""
        self._need_bucket()
        bucket, user = self.bucket, self.cluster.users[self.user]
        commands.require(0 < len(request.key) <= (246 if request.collection else 250),
                         "Key length exceeds 250")
        commands.require(request.datatype & ~self.datatypes == 0,
                         "Datatype not enabled for the connection")
        if request.collection not in bucket.collections:
            raise bucket.unknown_collection()
        for privilege in commands.privileges_of(request):
            if privilege not in user.privileges:
                raise Refused(wire.EACCESS, f"Authorization failure: can't execute "
                              f"{request.name} operation without the {privilege} privilege")
        if request.vbucket >= len(bucket.vbuckets) \
                or bucket.map[request.vbucket][0] != self.node.number:
            raise self._not_mine(bucket)
        wanted = wire.vbucket_of(request.key, len(bucket.vbuckets))
        commands.require(wanted == request.vbucket,
                         f"the key belongs to vbucket {wanted}, not to {request.vbucket}")
        return bucket, bucket.vbuckets[request.vbucket], (request.collection, request.key)

    def _not_mine(self, bucket):
        version = (bucket.rev_epoch, bucket.rev)
        silent = not self.cluster.settings.not_my_vbucket_config \
            or wire.DEDUPE_CONFIG in self.features and self.told_config == version
        self.told_config = version
        value = b"" if silent else self.cluster.config(bucket, self.node)
        return Refused(wire.NOT_MY_VBUCKET, None, value, wire.DATATYPE_JSON if value else 0)

    def _do_hello(self, request):
        commands.check_shape(request, (0,), value=True, no_cas=True)
        commands.require(len(request.value) % 2 == 0, "Request value must be of even length")
        asked = struct.unpack(f">{len(request.value) // 2}H", request.value)
        granted = list(dict.fromkeys(one for one in asked if one in self.cluster.features))
        self.agent = request.key
        self.features = frozenset(granted)
        self.datatypes = wire.DATATYPE_JSON if wire.JSON in granted else 0
        return Answer(value=struct.pack(f">{len(granted)}H", *granted))

    def _mechanisms(self):
        plain = ["PLAIN"] if self.tls or self.cluster.settings.plain_in_clear else []
        return [*self.cluster.settings.scram, *plain]

    def _do_sasl_list_mechs(self, request):
        commands.check_shape(request, (0,), no_cas=True)
        return Answer(value=" ".join(self._mechanisms()).encode())

    def _do_sasl_auth(self, request):
        mechanism = request.key.decode(errors="replace").upper()
        if self.scram is not None:
            raise Refused(wire.EINVAL, "Logic error: The server expects SASL STEP after "
                                       "returning CONTINUE from SASL START")
        self.user = None
        if mechanism not in self._mechanisms():
            raise Refused(wire.AUTH_ERROR, f'Requested mechanism "{mechanism}" is not supported')
        if mechanism == "PLAIN":
            parts = request.value.split(b"\0")
            commands.require(len(parts) == 3, "PLAIN is authzid NUL user NUL password")
            user, password = parts[1].decode(), parts[2].decode()
            if self.cluster.passwords().get(user) != password:
                raise Refused(wire.AUTH_ERROR)
            return self._logged_in(user, b"")
        self.scram = wire.Scram(mechanism, self.cluster.passwords(),
                                self.cluster.settings.scram_iterations)
        try:
            return Answer(wire.AUTH_CONTINUE, value=self.scram.first(request.value))
        except (Refused, UnicodeDecodeError):
            self.scram = None
            raise Refused(wire.AUTH_ERROR) from None

    def _do_sasl_step(self, request):
        scram, self.scram = self.scram, None
        commands.require(scram is not None, "Logic error: The server expects the client to start "
                                            "with SASL START before sending SASL STEP")
        return self._logged_in(scram.user, scram.final(request.value))

    def _logged_in(self, user, value):
        self.user = user
        return Answer(value=value)

    def _do_select_bucket(self, request):
        name = request.key.decode()
        user = self.cluster.users[self.user]
        if user.buckets is not None and name not in user.buckets:
            raise Refused(wire.EACCESS)
        bucket = self.cluster.buckets.get(name)
        if bucket is None:
            raise Refused(self.cluster.settings.no_such_bucket)
        self.bucket, self.told_config = bucket, None
        return Answer()

    def _do_get_cluster_config(self, request):
        commands.check_shape(request, (0, 16), no_cas=True)
        value = self.cluster.config(self.bucket, self.node)
        if self.bucket is not None:
            self.told_config = (self.bucket.rev_epoch, self.bucket.rev)
            if request.extras and struct.unpack(">QQ", request.extras) >= self.told_config:
                return Answer()
        return Answer(value=value, datatype=wire.DATATYPE_JSON & self.datatypes)

    def _do_noop(self, request):
        return Answer()

    def _do_version(self, request):
        return Answer(value=VERSION)

    def _do_get_error_map(self, request):
        commands.require(len(request.value) == 2, "Request value must be of length 2")
        return Answer(value=wire.error_map(), datatype=wire.DATATYPE_JSON & self.datatypes)

    def _do_stat(self, request):
        self._need_bucket()
        for name, value in commands.statistics(self, request).items():
            row = Answer(value=str(value).encode())
            row.key = name.encode()
            self.write(row.encode(request.opcode, request.opaque, wire.TRACING in self.features))
        return Answer()

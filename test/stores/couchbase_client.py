# SPDX-License-Identifier: Apache-2.0
"""A plain client of Couchbase's KV protocol: one blocking connection, for tests of servers."""
import base64
import hashlib
import hmac
import socket
import struct

import fake_couchbase_wire as wire

TIMEOUT_S = 10
HEADER = struct.Struct(">BBHBBHIIQ")
USUAL = (wire.MUTATION_SEQNO, wire.XERROR, wire.SELECT, wire.JSON, wire.ALT_REQUEST,
         wire.SYNC_REPLICATION, wire.COLLECTIONS)
MAJORITY = b"\x11\x01"


class Reply:
    def __init__(self, data):
        (self.magic, self.opcode, lengths, extras, self.datatype, self.status, _, self.opaque,
         self.cas) = HEADER.unpack_from(data)
        frame, key = (lengths >> 8, lengths & 255) if self.magic == 0x18 else (0, lengths)
        body = data[24:]
        self.bytes = data
        self.frame = body[:frame]
        self.extras = body[frame:frame + extras]
        self.key = body[frame + extras:frame + extras + key]
        self.value = body[frame + extras + key:]

    @property
    def mutation(self):
        """(vbucket uuid, seqno)"""
        return struct.unpack(">QQ", self.extras)


class Client:
    def __init__(self, port):
        self.socket = socket.create_connection(("127.0.0.1", port), TIMEOUT_S)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.vbuckets = 64
        self.collection = None
        self.opaque = 100

    @classmethod
    def entered(cls, port, features=None, password="password"):
        """A client that is logged in and has the bucket selected."""
        client = cls(port)
        client.hello(USUAL if features is None else features)
        assert client.login(password=password) == wire.SUCCESS
        assert client.select() == wire.SUCCESS
        return client

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.socket.close()

    # Bytes

    def send(self, data):
        self.socket.sendall(data)

    def read(self, count):
        data = b""
        while len(data) < count:
            more = self.socket.recv(count - len(data))
            if not more:
                raise ConnectionError(f"closed after {len(data)} of {count} bytes")
            data += more
        return data

    def receive(self):
        head = self.read(24)
        return Reply(head + self.read(struct.unpack_from(">I", head, 8)[0]))

    def pack(self, name, **parts):
        """parts: key, extras, value, vbucket, cas, datatype, frame"""
        key, extras = parts.get("key", b""), parts.get("extras", b"")
        value, frame = parts.get("value", b""), parts.get("frame", b"")
        self.opaque += 1
        lengths = len(frame) << 8 | len(key) if frame else len(key)
        return HEADER.pack(
            0x08 if frame else 0x80, wire.OPCODES[name], lengths, len(extras),
            parts.get("datatype", 0), parts.get("vbucket", 0),
            len(frame) + len(extras) + len(key) + len(value), self.opaque, parts.get("cas", 0)
        ) + frame + extras + key + value

    def ask(self, name, **parts):
        self.send(self.pack(name, **parts))
        reply = self.receive()
        assert reply.opaque == self.opaque, f"{name}: an answer to another request"
        return reply

    # Login

    def hello(self, features=USUAL):
        reply = self.ask("HELLO", key=b'{"a":"test","i":"1"}',
                         value=struct.pack(f">{len(features)}H", *features))
        granted = struct.unpack(f">{len(reply.value) // 2}H", reply.value)
        self.collection = 0 if wire.COLLECTIONS in granted else None
        return granted

    def login(self, user="user", password="password", mechanism="SCRAM-SHA512"):
        """The status that the login ended with; the server's proof is checked."""
        kind, nonce = wire.Scram.HASHES[mechanism], "fyko+d2lbbFgONRv9qkxdawL"
        name = user.replace("=", "=3D").replace(",", "=2C")
        bare = f"n={name},r={nonce}"
        reply = self.ask("SASL_AUTH", key=mechanism.encode(), value=f"n,,{bare}".encode())
        if reply.status != wire.AUTH_CONTINUE:
            return reply.status
        said = reply.value.decode()
        fields = dict(part.split("=", 1) for part in said.split(","))
        assert fields["r"].startswith(nonce) and fields["r"] != nonce
        salted = hashlib.pbkdf2_hmac(kind, password.encode(), base64.b64decode(fields["s"]),
                                     int(fields["i"]))
        last = f"c=biws,r={fields['r']}"
        talk = f"{bare},{said},{last}".encode()
        client_key = hmac.digest(salted, b"Client Key", kind)
        signature = hmac.digest(hashlib.new(kind, client_key).digest(), talk, kind)
        proof = base64.b64encode(bytes(a ^ b for a, b in zip(client_key, signature))).decode()
        reply = self.ask("SASL_STEP", key=mechanism.encode(), value=f"{last},p={proof}".encode())
        if reply.status == wire.SUCCESS:
            server_key = hmac.digest(salted, b"Server Key", kind)
            right = base64.b64encode(hmac.digest(server_key, talk, kind))
            assert reply.value == b"v=" + right, "the server does not know the password"
        return reply.status

    def select(self, bucket=b"default"):
        return self.ask("SELECT_BUCKET", key=bucket).status

    def use(self, name):
        """Takes a collection for what follows."""
        reply = self.ask("GET_COLLECTION_ID", value=name.encode())
        assert reply.status == wire.SUCCESS, reply.value
        self.collection = struct.unpack(">QI", reply.extras)[1]

    # Documents

    def on(self, name, key, **parts):
        """A command on a document, with the prefix of its collection and its vbucket."""
        prefix = b"" if self.collection is None else leb128(self.collection)
        vbucket = parts.pop("vbucket", wire.vbucket_of(key, self.vbuckets))
        return self.ask(name, key=prefix + key, vbucket=vbucket, **parts)

    def get(self, key):
        return self.on("GET", key)

    def store(self, name, key, value, **parts):
        flags, expiry = parts.pop("flags", 0), parts.pop("expiry", 0)
        return self.on(name, key, value=value, extras=struct.pack(">II", flags, expiry), **parts)

    def count(self, key, delta, **parts):
        name, initial = parts.pop("name", "INCREMENT"), parts.pop("initial", None)
        extras = struct.pack(">QQI", delta, initial or 0,
                             0xFFFFFFFF if initial is None else parts.pop("expiry", 0))
        return self.on(name, key, extras=extras, **parts)

    def sub(self, name, key, path, value=b"", **parts):
        extras = struct.pack(">HB", len(path), parts.pop("flags", 0)) + parts.pop("more", b"")
        return self.on(name, key, extras=extras, value=path + value, **parts)

    def change_many(self, key, *specs, **parts):
        """specs: (name, path, value[, flags])"""
        value = b""
        for name, path, text, *flags in specs:
            value += struct.pack(">BBHI", wire.OPCODES[name], flags[0] if flags else 0, len(path),
                                 len(text)) + path + text
        return self.on("SUBDOC_MULTI_MUTATION", key, value=value, **parts)

    def look_many(self, key, *specs):
        """specs: (name, path); gives the status and [(status, value)]"""
        value = b"".join(struct.pack(">BBH", wire.OPCODES[name], 0, len(path)) + path
                         for name, path in specs)
        reply = self.on("SUBDOC_MULTI_LOOKUP", key, value=value)
        found, at = [], 0
        while at < len(reply.value):
            status, length = struct.unpack_from(">HI", reply.value, at)
            found.append((status, reply.value[at + 6:at + 6 + length]))
            at += 6 + length
        return reply.status, found


def leb128(number):
    data = b""
    while number >= 0x80:
        data, number = data + bytes((number & 0x7F | 0x80,)), number >> 7
    return data + bytes((number,))

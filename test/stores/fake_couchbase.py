#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A Couchbase cluster for tests: the KV protocol with the real server's semantics, on loopback.

In a test:

    with FakeCouchbase(Settings(nodes=2, replicas=1)) as fake:
        fake.fault("execute_close", opcode="SET")       # see FakeCouchbase.fault
        ... fake.url() ... fake.failover(0, lose=True) ...

As a program it prints one line of JSON (url, ports, control port), and ends when its standard
input closes, or on SIGTERM. On the control port each line of JSON is a command, answered by one
line: {"do": "fault", "action": "status", "opcode": "SET", "status": 134, "count": 2}. What can be
done is what FakeCouchbase has as methods; `moment` answers a number that `go_back` takes.

Left out: views, queries, XATTRs, DCP, arrays in sub-documents, locks (script status 9).
"""
import argparse
import asyncio
import collections
import dataclasses
import json
import os
import signal
import ssl
import subprocess
import tempfile
import threading

import fake_couchbase_wire as wire
from fake_couchbase_data import Bucket
from fake_couchbase_session import Connection, Fault

HOST = "127.0.0.1"
DEFAULT_COLLECTION = "_default._default"
NOTES_MAX = 1000
CALL_S = 20
ALL_PRIVILEGES = frozenset(("Read", "Insert", "Upsert", "Delete"))
CAPABILITIES = ["collections", "durableWrite", "tombstonedUserXAttrs", "dcp", "cbhello", "touch",
                "cccp", "nodesExt", "xattr"]


@dataclasses.dataclass
class Settings:
    """What a cluster is like. Program options of the same names exist for the common ones."""
    nodes: int = 1
    replicas: int = 0
    vbuckets: int = 64
    bucket: str = "default"
    kind: str = "couchbase"             # or ephemeral
    user: str = "user"
    password: str = "password"
    collections: tuple = ()             # "scope.collection", ...
    first_collection: int = 8
    max_ttl: int = 0                    # the bucket's, as it is told: nothing expires
    levels: tuple = (1, 2, 3)           # durability levels taken; others are a0
    minimum_level: int = 0              # raises every write to this level
    replication_ms: int = 0             # a durable write is pending for so long
    features: frozenset = wire.FEATURES
    capabilities: tuple = tuple(CAPABILITIES)
    scram: tuple = ("SCRAM-SHA512", "SCRAM-SHA256", "SCRAM-SHA1")
    scram_iterations: int = 4096
    plain_in_clear: bool = False
    no_such_bucket: int = wire.KEY_ENOENT
    not_my_vbucket_config: bool = True  # its value is the bucket's config
    host_placeholder: bool = False      # $HOST in serverList, no hostname in nodesExt
    hostname: str = HOST                # what the config says
    alternate: str = ""                 # the hostname of network "external"
    stray_keys: bool = False            # one-byte keys in answers, as a known mock gives
    tls: bool = False
    seed: int = 1


@dataclasses.dataclass
class User:
    password: str
    buckets: frozenset | None = None    # None: all
    privileges: frozenset = ALL_PRIVILEGES


class Node:
    """One server of the cluster: its ports, and who is connected."""

    def __init__(self, number, stray_keys):
        self.number = number
        self.stray_keys = stray_keys
        self.greeting = "serve"
        self.up = False
        self.member = True
        self.port = self.tls_port = self.proxy_port = 0
        self.old_config = {}
        self.connections = set()
        self.listeners = []

    @property
    def told_port(self):
        return self.proxy_port or self.port

    async def start(self, cluster):
        loop = asyncio.get_running_loop()
        plain = await loop.create_server(lambda: Connection(cluster, self, False), HOST,
                                         self.port)
        self.port = plain.sockets[0].getsockname()[1]
        self.listeners = [plain]
        if cluster.tls is not None:
            secure = await loop.create_server(lambda: Connection(cluster, self, True), HOST,
                                              self.tls_port, ssl=cluster.tls.context)
            self.tls_port = secure.sockets[0].getsockname()[1]
            self.listeners.append(secure)
        self.up = True

    def stop(self):
        self.up = False
        for listener in self.listeners:
            listener.close()
        self.listeners = []
        self.drop_connections()

    def drop_connections(self):
        for connection in list(self.connections):
            connection.close()


class Certificates:
    """A CA and a certificate for localhost and 127.0.0.1, made by openssl in a temporary folder."""

    def __init__(self):
        self.folder = tempfile.TemporaryDirectory(prefix="fake-couchbase-")
        self.ca = self._path("ca.pem")
        with open(self._path("names"), "w", encoding="ascii") as file:
            file.write("subjectAltName=DNS:localhost,IP:127.0.0.1\n")
        self._openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
                      "-nodes", "-subj", "/CN=fake couchbase CA", "-days", "2", "-keyout",
                      self._path("ca.key"), "-out", self.ca)
        self._openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                      "-subj", "/CN=localhost", "-keyout", self._path("key.pem"), "-out",
                      self._path("request.pem"))
        self._openssl("x509", "-req", "-in", self._path("request.pem"), "-CA", self.ca, "-CAkey",
                      self._path("ca.key"), "-CAcreateserial", "-days", "2", "-extfile",
                      self._path("names"), "-out", self._path("cert.pem"))
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(self._path("cert.pem"), self._path("key.pem"))

    def _path(self, name):
        return os.path.join(self.folder.name, name)

    @staticmethod
    def _openssl(*arguments):
        subprocess.run(["openssl", *arguments], check=True, capture_output=True, timeout=30)


class Cluster:
    """Nodes, buckets, users and faults. Everything here runs on one loop."""

    def __init__(self, settings):
        self.settings = settings
        self.features = set(settings.features)
        self.users = {settings.user: User(settings.password)}
        self.nodes = [Node(number, settings.stray_keys) for number in range(settings.nodes)]
        self.tls = Certificates() if settings.tls else None
        self.buckets = {}
        self.faults = []
        self.notes = collections.deque(maxlen=NOTES_MAX)
        self.counts = collections.Counter()
        self.accepted = 0
        self.loop = None
        self._configs = {}

    async def start(self):
        self.loop = asyncio.get_running_loop()
        self.buckets[self.settings.bucket] = Bucket(self, self.settings.bucket, self.settings)
        for node in self.nodes:
            await node.start(self)

    def stop(self):
        for node in self.nodes:
            node.stop()

    def members(self):
        return [node.number for node in self.nodes if node.member]

    def passwords(self):
        return {name: user.password for name, user in self.users.items()}

    def later(self, ms, do, *arguments):
        return self.loop.call_later(ms / 1000, do, *arguments)

    def note(self, text):
        self.notes.append(text)

    def count(self, node, request):
        self.counts[request.name] += 1
        self.notes.append((node.number, request.name, request.key))

    def fault_for(self, node, request):
        for fault in self.faults:
            if fault.takes(node, request):
                if fault.left <= 0:
                    self.faults.remove(fault)
                return fault
        return None

    def config(self, bucket, node):
        """The config as this node tells it, in bytes; of the cluster if bucket is None."""
        if bucket is None:
            return self._compose(None, node)
        if bucket.name in node.old_config:
            return node.old_config[bucket.name]
        told = tuple(one.told_port for one in self.nodes)
        key = (bucket.name, bucket.uuid, bucket.rev, node.number, told)
        if key not in self._configs:
            self._configs[key] = self._compose(bucket, node)
        return self._configs[key]

    def _compose(self, bucket, asked):
        settings, members = self.settings, [self.nodes[number] for number in self.members()]
        config = {"rev": bucket.rev if bucket else 1, "revEpoch": 1}
        ext = []
        for node in members:
            services = {"kv": node.told_port}
            if node.tls_port:
                services["kvSSL"] = node.tls_port
            entry = {"services": services}
            if not settings.host_placeholder:
                entry["hostname"] = settings.hostname
            if node is asked:
                entry["thisNode"] = True
            if settings.alternate:
                entry["alternateAddresses"] = {
                    "external": {"hostname": settings.alternate, "ports": services}}
            ext.append(entry)
        config["nodesExt"] = ext
        if bucket is not None:
            config.update(self._bucket_part(bucket, members))
        return json.dumps(config, separators=(",", ":")).encode()

    def _bucket_part(self, bucket, members):
        host = "$HOST" if self.settings.host_placeholder else self.settings.hostname
        index = {node.number: at for at, node in enumerate(members)}
        return {
            "name": bucket.name, "uuid": bucket.uuid, "revEpoch": bucket.rev_epoch,
            "nodeLocator": "vbucket", "bucketCapabilitiesVer": "",
            "bucketCapabilities": list(self.settings.capabilities)
            + ([] if bucket.kind == "ephemeral" else ["couchapi"]),
            "collectionsManifestUid": f"{bucket.manifest_uid:x}",
            "vBucketServerMap": {
                "hashAlgorithm": "CRC", "numReplicas": bucket.replicas,
                "serverList": [f"{host}:{node.told_port}" for node in members],
                "vBucketMap": [[index.get(number, -1) for number in chain]
                               for chain in bucket.map]}}


class FakeCouchbase:
    """A running cluster, driven from another thread. `bucket` is a name, None the first one's."""

    def __init__(self, settings=None):
        self.settings = settings or Settings()
        self.cluster = Cluster(self.settings)
        self._moments = []
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, name="fake-couchbase", daemon=True)

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        self.stop()

    def _run(self):
        asyncio.set_event_loop(self._loop)
        self._loop.run_forever()

    def start(self):
        self._thread.start()
        self._await(self.cluster.start())
        return self

    def stop(self):
        if self._thread.is_alive():
            self._call(self.cluster.stop)
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join(CALL_S)
        if self.cluster.tls is not None:
            self.cluster.tls.folder.cleanup()

    def _await(self, coroutine):
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(CALL_S)

    def _call(self, do, *arguments, **named):
        async def run():
            return do(*arguments, **named)
        return self._await(run())

    def _bucket(self, name=None):
        return self.cluster.buckets[name or self.settings.bucket]

    # What it is

    def ports(self):
        return [node.port for node in self.cluster.nodes]

    def tls_ports(self):
        return [node.tls_port for node in self.cluster.nodes]

    def ca_file(self):
        return self.cluster.tls.ca

    def url(self, tls=False, query=""):
        """The URL of the bucket, and of its first collection if it has any."""
        hosts = ",".join(f"{HOST}:{port}" for port in (self.tls_ports() if tls else self.ports()))
        scope = "/" + self.settings.collections[0] if self.settings.collections else ""
        return (f"couchbase{'s' if tls else ''}://{self.settings.user}:{self.settings.password}"
                f"@{hosts}/{self.settings.bucket}{scope}{query}")

    def counts(self):
        """Requests served so far, by command."""
        return dict(self.cluster.counts)

    def notes(self):
        """What was served lately: (node, command, key), or a text."""
        return self._call(lambda: list(self.cluster.notes))

    def connections(self):
        return self._call(lambda: [len(node.connections) for node in self.cluster.nodes])

    def document(self, key, collection=DEFAULT_COLLECTION, bucket=None):
        """The value of a document, or None."""
        found = self._call(self._bucket(bucket).peek, key, collection)
        return None if found is None else found.value.decode(errors="backslashreplace")

    def put(self, key, value, collection=DEFAULT_COLLECTION, bucket=None):
        """Writes a document behind everybody's back; None for a value removes it."""
        self._call(self._bucket(bucket).put, key, value, collection)

    def keys(self, collection=DEFAULT_COLLECTION, bucket=None):
        return self._call(self._bucket(bucket).keys, collection)

    def advertise(self, ports):
        """The config names these ports from now on, in the order of the nodes: proxies."""
        self._call(self._advertise, ports)

    def _advertise(self, ports):
        for node, port in zip(self.cluster.nodes, ports):
            node.proxy_port = port
        for bucket in self.cluster.buckets.values():
            bucket.changed()

    # Faults

    def fault(self, action, count=1, **details):
        """The next `count` requests that match (opcode, key, node; skip: after so many) suffer:

        status        answered `status`, with `value`; `executed` first, or not
        close         connection closed, not executed
        execute_close executed, connection closed without an answer
        hang          never answered, not executed or `executed`
        delay         executed, answered after `ms`
        late          executed and answered after `ms`, even if the client has gone
        twice         answered twice
        cut           executed, `bytes` of the answer go out, then closed (unless `stays_open`)
        drip          executed, answered byte by byte, one each `ms`
        wrong_opaque, garbage   executed, answered so that it cannot be matched or read
        """
        self._call(self.cluster.faults.append, Fault(action, count, details))

    def clear_faults(self):
        self._call(self.cluster.faults.clear)

    def faults_left(self):
        return self._call(lambda: sum(fault.left for fault in self.cluster.faults))

    def greet(self, node, how):
        """New connections: serve, close (at once), hang (never an answer)."""
        self._call(setattr, self.cluster.nodes[node], "greeting", how)

    def grant(self, features):
        """What HELLO grants from now on."""
        self._call(self.cluster.features.clear)
        self._call(self.cluster.features.update, features)

    def add_user(self, name, password, buckets=None, privileges=ALL_PRIVILEGES):
        buckets = None if buckets is None else frozenset(buckets)
        self.cluster.users[name] = User(password, buckets, frozenset(privileges))

    # Nodes

    def drop_connections(self, node=None):
        for one in self.cluster.nodes if node is None else [self.cluster.nodes[node]]:
            self._call(one.drop_connections)

    def stop_node(self, node):
        """Away, and not failed over: durable writes that need it stay pending, then end a3."""
        self._call(self.cluster.nodes[node].stop)

    def start_node(self, node, lose=False):
        """Back on the same ports; with `lose` without what only it had, in a new branch."""
        self._await(self._start_node(self.cluster.nodes[node], lose))

    async def _start_node(self, node, lose):
        await node.start(self.cluster)
        for bucket in self.cluster.buckets.values():
            for vbucket, chain in zip(bucket.vbuckets, bucket.map):
                if lose and chain[0] == node.number:
                    bucket.take_over(vbucket, True)
            bucket.settle()

    def failover(self, node, lose=False):
        """The node goes, its copies take over; with `lose` without what was not replicated."""
        self._call(self._failover, self.cluster.nodes[node], lose)

    def _failover(self, node, lose):
        node.stop()
        node.member = False
        for bucket in self.cluster.buckets.values():
            bucket.promote(node.number, lose)

    def rebalance(self, nodes=None, bucket=None):
        """Spreads the vbuckets over these nodes (None: all that are up), failed ones included."""
        self._call(self._rebalance, nodes, bucket)

    def _rebalance(self, nodes, bucket):
        nodes = [one.number for one in self.cluster.nodes if one.up] if nodes is None else nodes
        for node in self.cluster.nodes:
            node.member = node.number in nodes
        self._bucket(bucket).rebalance(nodes)

    def move(self, vbucket, chain, bucket=None):
        """One vbucket gets these nodes, active first; -1 first: no node has it."""
        self._call(self._bucket(bucket).move, vbucket, chain)

    def freeze_config(self, node, frozen=True, bucket=None):
        """This node goes on telling the config that it has now."""
        self._call(self._freeze, self.cluster.nodes[node], frozen, self._bucket(bucket))

    def _freeze(self, node, frozen, bucket):
        node.old_config.pop(bucket.name, None)
        if frozen:
            node.old_config[bucket.name] = self.cluster.config(bucket, node)

    # Data

    def hold_replication(self, held=True, bucket=None):
        """Held, what is written can be lost, and durable writes stay pending (a2 for others)."""
        self._call(self._bucket(bucket).hold_replication, held)

    def moment(self, bucket=None):
        """A number that `go_back` takes."""
        self._moments.append(self._call(self._bucket(bucket).moment))
        return len(self._moments) - 1

    def go_back(self, moment, told=True, bucket=None):
        """To an earlier moment, durable writes included: a restore, or an unsafe failover."""
        self._call(self._bucket(bucket).go_back, self._moments[moment], told)

    def flush(self, bucket=None):
        self._call(self._bucket(bucket).flush)

    def recreate_bucket(self, bucket=None):
        """Deleted and made again: a new uuid; connections that had it selected are closed."""
        bucket = self._bucket(bucket)
        self._call(bucket.recreate)
        self._call(self._drop_users_of, bucket)

    def _drop_users_of(self, bucket):
        for node in self.cluster.nodes:
            for connection in list(node.connections):
                if connection.bucket is bucket:
                    connection.close()

    def add_bucket(self, name, **changes):
        settings = dataclasses.replace(self.settings, **changes)
        self.cluster.buckets[name] = self._call(Bucket, self.cluster, name, settings)

    def remove_bucket(self, name):
        self._call(self._drop_users_of, self.cluster.buckets.pop(name))

    def create_collection(self, name, bucket=None):
        return self._call(self._bucket(bucket).create_collection, name)

    def set_max_ttl(self, name, seconds, bucket=None):
        """A collection's; -1: none, whatever the bucket's is."""
        self._call(self._bucket(bucket).max_ttls.__setitem__, name, seconds)

    def drop_collection(self, name, bucket=None):
        self._call(self._bucket(bucket).drop_collection, name)

    def set_durability(self, levels=(1, 2, 3), minimum_level=0, bucket=None):
        bucket = self._bucket(bucket)
        self._call(setattr, bucket, "levels", set(levels))
        self._call(setattr, bucket, "minimum_level", minimum_level)


def obey(fake, line):
    """One command of the control port, and its answer."""
    try:
        command = json.loads(line)
        name = command.pop("do")
        method = None if name.startswith("_") or name in ("start", "stop") \
            else getattr(fake, name, None)
        if not callable(method):
            raise ValueError(f"no such command: {name}")
        return {"ok": True, "value": method(**command)}
    except Exception as error:  # whatever a command is refused with goes to who gave it
        return {"ok": False, "error": f"{type(error).__name__}: {error}"}


async def control(fake, stopped):
    """Serves the control port, on a loop of its own: the commands wait for the cluster's."""
    async def serve(reader, writer):
        loop = asyncio.get_running_loop()
        while line := await reader.readline():
            answer = await loop.run_in_executor(None, obey, fake, line)
            writer.write(json.dumps(answer).encode() + b"\n")
        writer.close()

    server = await asyncio.start_server(serve, HOST, 0)
    ready = {"url": fake.url(), "ports": fake.ports(),
             "control": server.sockets[0].getsockname()[1]}
    if fake.settings.tls:
        ready.update(tls_url=fake.url(tls=True), tls_ports=fake.tls_ports(), ca=fake.ca_file())
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGTERM, stopped.set)
    loop.add_signal_handler(signal.SIGINT, stopped.set)
    threading.Thread(target=end_with_input, args=(loop, stopped), daemon=True).start()
    print(json.dumps(ready), flush=True)
    await stopped.wait()


def end_with_input(loop, stopped):
    while os.read(0, 4096):
        pass
    loop.call_soon_threadsafe(stopped.set)


def options():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    for name in ("nodes", "replicas", "vbuckets", "minimum_level", "replication_ms", "seed"):
        parser.add_argument("--" + name.replace("_", "-"), type=int)
    for name in ("bucket", "kind", "user", "password", "hostname", "alternate"):
        parser.add_argument("--" + name)
    for name in ("tls", "plain_in_clear", "host_placeholder", "stray_keys"):
        parser.add_argument("--" + name.replace("_", "-"), action="store_true", default=None)
    parser.add_argument("--collection", action="append", dest="collections", metavar="SCOPE.NAME")
    given = {name: value for name, value in vars(parser.parse_args()).items() if value is not None}
    return Settings(**{**given, "collections": tuple(given.get("collections", ()))})


def main():
    with FakeCouchbase(options()) as fake:
        async def run():
            await control(fake, asyncio.Event())
        asyncio.run(run())


if __name__ == "__main__":
    main()

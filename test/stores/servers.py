# SPDX-License-Identifier: Apache-2.0
"""The real servers that stores are tested on, each in a temporary folder and on free ports of
127.0.0.1, stopped by process id. The folder is in memory, where there is room: what kill -9 leaves
is the same, and a slow disk makes no answer late. Every class here has

  url          the store's URL, for pawl
  at           where it runs: loopback, if nothing else is said
  env          what pawl's environment needs besides: credentials
  ports        where clients connect; url_for(ports) is the URL with others in their place: proxies
  start()      returns when the server answers
  kill()       as a power cut for the process: kill -9
  restart()    kill and start, on the same ports and data
  pause(), resume()   SIGSTOP, SIGCONT: there, but deaf
  end()        stops it and removes its folder

A server that is not installed fails the test: tools/setup installs all of them.
"""
import json
import os
import pathlib
import pwd
import shutil
import signal
import subprocess
import tempfile
import urllib.error
import urllib.request

import pytest
import redis

from fake_couchbase import FakeCouchbase, Settings
from live import ROOT, free_port, wait_until
from process import LOOPBACK, Process, descendants, need, signal_one

POSTGRES_BIN = pathlib.Path("/usr/lib/postgresql/15/bin")
INSTALLED = ROOT / ".servers"
VENV_BIN = ROOT / ".venv/bin"
MEMORY = pathlib.Path("/dev/shm")
MEMORY_BYTES_MIN = 4 << 30
JAVA = ["java", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-Xmx256m"]


def http(url, body=None, limit_s=2, headers=()):
    """The text that a small request is answered with, or None if it is not (yet)."""
    request = urllib.request.Request(url, data=body, headers=dict(headers))
    try:
        with urllib.request.urlopen(request, timeout=limit_s) as answer:
            return answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.read().decode()
    except OSError:
        return None


def folder_made():
    roomy = MEMORY.is_dir() and shutil.disk_usage(MEMORY).free >= MEMORY_BYTES_MIN
    return pathlib.Path(tempfile.mkdtemp(prefix="pawl-stores-", dir=MEMORY if roomy else None))


class Server:
    """What they share. A subclass sets ports, and has url_for, launch and answers."""

    env = {}
    durable = True  # what was answered is there after kill and start

    def __init__(self, at=LOOPBACK):
        self.at = at
        self.folder = folder_made()
        self.folder.chmod(0o711)  # PostgreSQL's user passes through
        self.processes = []
        self.ports = []

    @property
    def url(self):
        return self.url_for(self.ports)

    @property
    def process(self):
        return self.processes[0]

    def start(self):
        self.processes = [self.launch()]
        self.process.wait_ready(self.answers, type(self).__name__)
        return self

    def kill(self):
        for process in self.processes:
            process.kill()

    def restart(self):
        self.kill()
        return self.start()

    def pause(self):
        self.send_all(signal.SIGSTOP)

    def resume(self):
        self.send_all(signal.SIGCONT)

    def send_all(self, number):
        """To its processes and their children."""
        for process in self.processes:
            process.send(number)
            for pid in descendants(process.child.pid):
                signal_one(pid, number)

    def end(self):
        for process in self.processes:
            process.kill(signal.SIGTERM if isinstance(self, Etcd) else signal.SIGKILL)
        shutil.rmtree(self.folder, ignore_errors=True)

    def launch(self):
        raise NotImplementedError

    def answers(self):
        raise NotImplementedError

    def behind(self, ports):
        """The URL through proxies at these ports, one for each of the server's."""
        return self.url_for(ports)

    def url_for(self, ports):
        raise NotImplementedError


class Postgres(Server):
    """PostgreSQL 15, alone. Superuser postgres without a password; sql() asks it."""

    def __init__(self, source=None, settings=(), at=LOOPBACK):
        super().__init__(at)
        self.ports = [free_port()]
        self.data = self.folder / "data"
        self.user = "postgres" if os.getuid() == 0 else None
        self.settings = list(settings)
        if self.user is not None:
            os.chown(self.folder, pwd.getpwnam(self.user).pw_uid, -1)
        if source is None:
            self.run("initdb", "-D", self.data, "-U", "postgres", "-A", "trust", "--no-sync",
                     "-E", "UTF8", "--locale=C.UTF-8")
            if self.at is not LOOPBACK:
                with open(self.data / "pg_hba.conf", "a", encoding="ascii") as rules:
                    rules.write("host all,replication all samenet trust\n")
        else:
            self.run("pg_basebackup", "-D", self.data, "-h", source.at.address, "-p",
                     source.ports[0],
                     "-U", "postgres", "-R", "-X", "stream", "-c", "fast", "--no-sync")

    def run(self, name, *words):
        how = {} if self.user is None else {"user": self.user, "group": self.user,
                                            "extra_groups": []}
        done = subprocess.run([need(str(POSTGRES_BIN / name)), *map(str, words)], text=True,
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, cwd="/",
                              stderr=subprocess.STDOUT, timeout=60, check=False, **how)
        assert done.returncode == 0, f"{name}: {done.stdout}"
        return done.stdout

    def launch(self):
        settings = [f"port={self.ports[0]}", f"listen_addresses={self.at.address}", "fsync=on",
                    "unix_socket_directories=", "shared_buffers=16MB", "max_connections=200",
                    "max_wal_senders=10", "wal_level=replica", "cluster_name=standby",
                    "wal_retrieve_retry_interval=100ms",
                    *self.settings]
        return Process([POSTGRES_BIN / "postgres", "-D", self.data,
                        *(word for one in settings for word in ("-c", one))],
                       self.folder / "log", self.user, "/", self.at)

    def answers(self):
        done = subprocess.run([POSTGRES_BIN / "pg_isready", "-q", "-h", self.at.address, "-p",
                               str(self.ports[0])], check=False, timeout=10)
        return done.returncode == 0

    def sql(self, text, limit_s=20):
        """Rows as text, a line each, columns parted by |."""
        done = subprocess.run([POSTGRES_BIN / "psql", "-XAtq", "-h", self.at.address, "-p",
                               str(self.ports[0]), "-U", "postgres", "-c", text], text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=limit_s,
                              check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def url_for(self, ports):
        return f"postgres://postgres@{self.at.address}:{ports[0]}/postgres?table=pawl_sequences"


class PostgresPair(Postgres):
    """A primary with a streaming standby: .standby, on which promote() may be called."""

    synchronous = True

    def __init__(self, at=(LOOPBACK, LOOPBACK)):
        super().__init__(at=at[0])
        self.standby_at = at[1]
        self.standby = None

    def start(self):
        super().start()
        if self.standby is None:
            self.standby = Postgres(self, at=self.standby_at)
            self.standby.start()
        wait_until(lambda: self.sql("SELECT state FROM pg_stat_replication") == "streaming",
                   "the standby streams")
        if self.synchronous:
            self.sql("ALTER SYSTEM SET synchronous_standby_names = '*'")
            self.sql("SELECT pg_reload_conf()")
            wait_until(lambda: self.sql("SELECT sync_state FROM pg_stat_replication") == "sync",
                       "the standby is synchronous")
        return self

    def promote(self):
        self.standby.sql("SELECT pg_promote()")
        return self.standby

    def end(self):
        if self.standby is not None:
            self.standby.end()
        super().end()


class PostgresAsync(PostgresPair):
    synchronous = False


class Etcd(Server):
    """etcd with `size` members; with three, lose_quorum() stops two of them until resume()."""

    def __init__(self, size=1, at=None):
        self.members_at = at or [LOOPBACK] * size
        super().__init__(self.members_at[0])
        self.ports = [free_port() for _ in range(size)]
        self.peers = [free_port() for _ in range(size)]

    def at_port(self, ports, i):
        return f"{self.members_at[i].address}:{ports[i]}"

    def member(self, i):
        client, peer = (f"http://{self.at_port(one, i)}" for one in (self.ports, self.peers))
        cluster = ",".join(f"m{k}=http://{self.at_port(self.peers, k)}"
                           for k in range(len(self.peers)))
        return Process(["etcd", "--name", f"m{i}", "--data-dir", self.folder / f"m{i}",
                        "--listen-client-urls", client, "--advertise-client-urls", client,
                        "--listen-peer-urls", peer, "--initial-advertise-peer-urls", peer,
                        "--initial-cluster", cluster, "--initial-cluster-token", "pawl",
                        "--heartbeat-interval", "50", "--election-timeout", "500",
                        "--logger", "zap", "--log-level", "warn"], self.folder / f"m{i}.log",
                       at=self.members_at[i])

    def start(self):
        self.processes = [self.member(i) for i in range(len(self.ports))]
        for i, process in enumerate(self.processes):
            process.wait_ready(lambda i=i: self.healthy(i), f"etcd member {i}")
        return self

    def healthy(self, i):
        text = http(f"http://{self.at_port(self.ports, i)}/health")
        return text is not None and '"true"' in text

    def restart_member(self, i):
        self.processes[i].kill()
        self.processes[i] = self.member(i)
        self.processes[i].wait_ready(lambda: self.healthy(i), f"etcd member {i}")

    def lose_quorum(self):
        for process in self.processes[1:]:
            process.send(signal.SIGSTOP)

    def etcdctl(self, *words):
        done = subprocess.run([need("etcdctl"), "--endpoints", self.at_port(self.ports, 0),
                               *map(str, words)], text=True, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, timeout=30, check=False,
                              env=dict(os.environ, ETCDCTL_API="3"))
        assert done.returncode == 0, done.stderr
        return done.stdout

    def url_for(self, ports):
        members = (self.at_port(ports, i) for i in range(len(ports)))
        return "etcd://" + ",".join(members) + "/pawl"


class Etcd3(Etcd):
    def __init__(self, at=None):
        super().__init__(3, at)


class Redis(Server):
    """Redis that writes each command to its log before it answers."""

    options = ""

    def __init__(self, settings=(), at=LOOPBACK):
        super().__init__(at)
        self.ports = [free_port()]
        self.settings = list(settings)

    def launch(self):
        return Process(["redis-server", "--port", self.ports[0], "--bind", self.at.address,
                        "--dir", self.folder, "--appendonly", "yes", "--appendfsync", "always",
                        "--save", "", "--maxmemory-policy", "noeviction", "--protected-mode", "no",
                        "--repl-diskless-sync-delay", "0", *self.settings], self.folder / "log",
                       at=self.at)

    def client(self):
        return redis.Redis(self.at.address, self.ports[0], socket_timeout=5,
                           decode_responses=True)

    def answers(self):
        try:
            with self.client() as client:
                return client.ping()
        except redis.exceptions.RedisError:
            return False

    def url_for(self, ports):
        return f"redis://{self.at.address}:{ports[0]}/0?prefix=pawl:{self.options}"


class RedisPair(Redis):
    """With one replica, .replica, which the URL requires."""

    options = "&replicas=1"

    def __init__(self, at=(LOOPBACK, LOOPBACK)):
        super().__init__(at=at[0])
        self.replica_at = at[1]
        self.replica = None

    def start(self):
        super().start()
        if self.replica is None:
            self.replica = Redis(["--replicaof", f"{self.at.address} {self.ports[0]}"],
                                 self.replica_at)
            self.replica.start()
        wait_until(self.replicated, "the replica is in line")
        return self

    def replicated(self):
        with self.client() as client:
            state = client.info("replication").get("slave0", {}).get("state")
        with self.replica.client() as client:
            return state == "online" and client.info("replication")["master_link_status"] == "up"

    def end(self):
        if self.replica is not None:
            self.replica.end()
        super().end()


class Dynamo(Server):
    """What the two emulators of DynamoDB share. Table `pawl` is made by the store's INIT."""

    env = {"AWS_ACCESS_KEY_ID": "pawlTestKey", "AWS_SECRET_ACCESS_KEY": "pawlTestSecret",
           "AWS_EC2_METADATA_DISABLED": "true"}
    table = "pawl"

    def __init__(self, at=LOOPBACK):
        super().__init__(at)
        self.ports = [free_port()]

    def call(self, operation, **words):
        """One operation, past pawl; the answer as a dictionary."""
        key = self.env["AWS_ACCESS_KEY_ID"]
        credential = f"Credential={key}/20260101/eu-west-1/dynamodb/aws4_request"
        text = http(f"http://{self.at.address}:{self.ports[0]}/", json.dumps(words).encode(), 10, {
            "X-Amz-Target": f"DynamoDB_20120810.{operation}",
            "Content-Type": "application/x-amz-json-1.0", "X-Amz-Date": "20260101T000000Z",
            "Authorization": f"AWS4-HMAC-SHA256 {credential}, SignedHeaders=host, Signature=00"})
        return None if text is None else json.loads(text)

    def answers(self):
        answer = self.call("ListTables")
        return answer is not None and "TableNames" in answer

    def url_for(self, ports):
        return (f"dynamodb://{self.table}?region=eu-west-1"
                f"&endpoint=http://{self.at.address}:{ports[0]}")


class Dynalite(Dynamo):
    def launch(self):
        if not (INSTALLED / "node_modules/dynalite").exists():
            pytest.fail("dynalite is missing: run tools/setup", pytrace=False)
        return Process([VENV_BIN / "node", ROOT / "tools/servers/dynalite.js", "--host",
                        "127.0.0.1", "--port", self.ports[0], "--path", self.folder / "data",
                        "--createTableMs", "20", "--deleteTableMs", "20", "--updateTableMs", "20"],
                       self.folder / "log")


def class_path(mock):
    """The Java archives of CouchbaseMock, which has all it needs inside, or all the others."""
    jars = [str(jar) for jar in sorted((INSTALLED / "java").glob("*.jar"))
            if jar.name.startswith("CouchbaseMock") == mock]
    if not jars:
        pytest.fail("the servers in Java are missing: run tools/setup", pytrace=False)
    return ":".join(jars)


class DynamoLocal(Dynamo):
    def launch(self):
        data = self.folder / "data"
        data.mkdir(exist_ok=True)
        return Process([*JAVA, f"-Djava.library.path={INSTALLED / 'java'}", "-cp",
                        class_path(False),
                        "software.amazon.dynamodb.services.local.main.ServerRunner", "-sharedDb",
                        "-dbPath", data, "-port", self.ports[0], "-disableTelemetry"],
                       self.folder / "log", cwd=self.folder, at=self.at)


class CouchbaseMock(Server):
    """One node, bucket and user `default`. Forgets everything when it ends: it is a mock.
    mock() says a command to it: hiccup, opfail, ..."""

    durable = False

    def __init__(self, nodes=1):
        super().__init__()
        self.rest = free_port()
        self.nodes = nodes

    def launch(self):
        return Process([*JAVA, "-cp", class_path(True), "com.couchbase.mock.CouchbaseMock",
                        "--host", "127.0.0.1", "--port", self.rest, "--nodes", self.nodes,
                        "--replicas", "0", "--vbuckets", "64", "--cccp", "--buckets",
                        "default:password:couchbase"], self.folder / "log", cwd=self.folder)

    def mock(self, command, **words):
        query = "&".join(f"{key}={value}" for key, value in words.items())
        text = http(f"http://127.0.0.1:{self.rest}/mock/{command}?{query}")
        return None if text is None else json.loads(text)

    def answers(self):
        answer = self.mock("get_mcports", bucket="default")
        if answer is None or answer.get("status") != "ok":
            return False
        self.ports = answer["payload"]
        return True

    def url_for(self, ports):
        hosts = ",".join(f"127.0.0.1:{port}" for port in ports)
        return f"couchbase://default:password@{hosts}/default?durability=none"


class CouchbaseFake(Server):
    """The project's own fake, in this process: what fake_couchbase.py can do is at .fake."""

    def __init__(self, **settings):
        super().__init__()
        self.fake = FakeCouchbase(Settings(**{"scram_iterations": 100, "nodes": 2, "replicas": 1,
                                              **settings}))
        self.started = False

    def start(self):
        if not self.started:
            self.fake.start()
            self.started = True
            self.ports = self.fake.ports()
        else:
            self.behind(self.ports)
            for node in range(self.fake.settings.nodes):
                self.fake.start_node(node)
        return self

    def behind(self, ports):
        """The nodes tell these ports as theirs."""
        for node, port in zip(self.fake.cluster.nodes, ports):
            node.port = port
        return self.url_for(ports)

    def kill(self):
        for node in range(self.fake.settings.nodes):
            self.fake.stop_node(node)

    def pause(self):
        self.fake.fault("hang", count=1_000_000)

    def resume(self):
        self.fake.clear_faults()

    def answers(self):
        return self.started

    def end(self):
        if self.started:
            self.fake.stop()
        super().end()

    def url_for(self, ports):
        hosts = ",".join(f"127.0.0.1:{port}" for port in ports)
        return f"couchbase://user:password@{hosts}/default"


# What every conformance case runs against, by the names that fixtures and the table have.
KINDS = {
    "postgres": Postgres,
    "postgres_sync": PostgresPair,
    "postgres_async": PostgresAsync,
    "etcd": Etcd,
    "etcd3": Etcd3,
    "redis": Redis,
    "redis_replica": RedisPair,
    "dynalite": Dynalite,
    "dynamodb_local": DynamoLocal,
    "couchbase_mock": CouchbaseMock,
    "couchbase_fake": CouchbaseFake,
}


class Farm:
    """Servers by kind: shared ones, started when first asked for, and ones of a test's own."""

    def __init__(self):
        self.shared = {}
        self.all = []

    def own(self, kind, *args, **how):
        server = KINDS[kind](*args, **how)
        self.all.append(server)
        return server.start()

    def get(self, kind):
        if kind not in self.shared:
            self.shared[kind] = self.own(kind)
        return self.shared[kind]

    def end(self):
        for server in reversed(self.all):
            server.end()

# SPDX-License-Identifier: Apache-2.0
"""The stores of the chaos suite, each in turn: what can befall them besides what befalls a
process. A method that a store lacks is an event that it does not have."""
import os
import shutil
import subprocess

import servers
from live import pawl, wait_until
from net import DEVICE, fill, run, small_disk

STORES = ["s0", "s1", "s2"]
MOVING = 200  # the last byte of the address that moves
ANYWHERE = ["--bind", "0.0.0.0"]  # in a network namespace of its own
DISK_MIB = 4


def copy_folder(source, target):
    """With owners and modes: PostgreSQL wants its files to be its own."""
    shutil.rmtree(target, ignore_errors=True)
    subprocess.run(["cp", "-a", str(source), str(target)], check=True)


class Store:
    """One over a network. Its parts are the servers whose folders are the store."""

    kind = None
    hosts = STORES[:1]
    shared = True  # clients may be straight on it

    def __init__(self, network, folder):
        self.network, self.folder = network, folder
        self.server = None

    def begin(self, pawlds):
        at = [self.network[name] for name in self.hosts]
        self.server = self.make(at if len(at) > 1 else at[0])
        os.environ.update(self.server.env)
        self.server.start()
        self.prepare()
        wait_until(lambda: pawl("store", "init", self.url).returncode in (0, 4),
                   f"{self.kind}: store init")
        for pawld in pawlds.values():
            pawld.store = self.url

    def make(self, at):
        return servers.KINDS[self.kind](at=at)

    def prepare(self):
        """After it was started first."""

    def settle(self):
        """After all parts were started again."""

    @property
    def url(self):
        return self.server.url

    def parts(self):
        return [self.server]

    def pause(self):
        for part in self.parts():
            part.pause()

    def resume(self):
        for part in self.parts():
            part.resume()

    def kill(self):
        for part in self.parts():
            part.kill()

    def start(self):
        for part in self.parts():
            servers.Server.start(part)
        self.settle()

    def keep(self):
        """A copy of what is on its disks, all at one moment: a snapshot of its volumes."""
        self.pause()
        try:
            for i, part in enumerate(self.parts()):
                copy_folder(part.folder, self.folder / f"kept{i}")
        finally:
            self.resume()

    def rewind(self):
        """Back to the copy: restored volumes."""
        self.kill()
        self.put_back()
        self.start()

    def put_back(self):
        for i, part in enumerate(self.parts()):
            copy_folder(self.folder / f"kept{i}", part.folder)

    def end(self):
        if self.server is not None:
            self.server.end()


class Etcd(Store):
    kind, hosts = "etcd3", STORES

    def start(self):
        self.server.start()

    def lose_one(self, dice):
        """A member dies; returns how it comes back. The others go on meanwhile."""
        member = dice.randrange(len(self.hosts))
        self.server.processes[member].kill()
        return f"member {member}", lambda: self.server.restart_member(member)


class Postgres(Store):
    kind, hosts = "postgres_sync", STORES[:2]
    promoted = False

    @property
    def url(self):
        pair = (self.server, self.server.standby)
        hosts = ",".join(f"{one.at.address}:{one.ports[0]}" for one in pair)
        return f"postgres://postgres@{hosts}/postgres?table=pawl_sequences"

    def parts(self):
        return [self.server.standby] if self.promoted else [self.server.standby, self.server]

    def settle(self):
        streams = "SELECT state FROM pg_stat_replication"
        if not self.promoted:
            wait_until(lambda: self.server.sql(streams) == "streaming", "the standby streams")

    def rewind(self):
        """Back to the copy as PostgreSQL restores one: by a recovery, which begins a timeline.
        Files that are only put back go on in their own, and show it to nobody who had seen less."""
        self.kill()
        self.put_back()
        primary = self.parts()[-1]
        (primary.data / "recovery.signal").touch()
        primary.settings = ["restore_command=false"]
        self.start()
        wait_until(lambda: primary.sql("SELECT pg_is_in_recovery()") == "f", "it has recovered")

    def fail_over(self):
        """The primary dies, the synchronous standby takes its place."""
        self.server.kill()
        self.promoted = True
        self.server.promote()


class MovingPair(servers.RedisPair):
    """Listens wherever it is, and the replica at the same port."""

    def start(self):
        master = ["--replicaof", f"{self.at.address} {self.ports[0]}"]
        self.settings = ANYWHERE if self.at.whole else []
        self.replica = servers.Redis([*self.settings, *master], self.replica_at)
        self.replica.ports = self.ports
        for one in (self, self.replica):
            servers.Server.start(one)
        return self


class Redis(Store):
    """A master and a replica that has all that was answered (replicas=1). The master has an
    address that moves with its office."""

    kind, hosts = "redis_replica", STORES[:2]

    def make(self, at):
        self.moving = at[0].address
        if self.network.whole:
            self.moving = self.moving.rpartition(".")[0] + f".{MOVING}"
            for name in self.hosts:
                run("ip", "-n", name, "address", "add", f"{self.moving}/32", "dev", DEVICE)
            self.network.address_moves(MOVING, at[0])
        else:
            self.fail_over = None
        self.master, self.slave = None, None
        return MovingPair(at)

    def prepare(self):
        self.master, self.slave = self.server, self.server.replica
        self.settle()

    @property
    def url(self):
        return f"redis://{self.moving}:{self.server.ports[0]}/0?prefix=pawl:&replicas=1"

    def parts(self):
        return [self.master, self.slave]

    def settle(self):
        wait_until(self.replicated, "the replica is in line")

    def replicated(self):
        with self.slave.client() as client:
            about = client.info("replication")
        return about["role"] == "slave" and about["master_link_status"] == "up"

    def fail_over(self):
        """The master dies, the replica takes its place, and gets the old one as its replica."""
        old, new = self.master, self.slave
        old.kill()
        with new.client() as client:
            client.replicaof("NO", "ONE")
        self.network.address_moves(MOVING, new.at)
        replica_of = ["--replicaof", f"{new.at.address} {new.ports[0]}"]
        new.settings, old.settings = ANYWHERE, [*ANYWHERE, *replica_of]
        self.master, self.slave = new, old
        servers.Server.start(old)
        self.settle()


class Dynamo(Store):
    """Without a rewind: what DynamoDB restores is another table, with another id, by which pawl
    knows it. DynamoDB Local's tables have no id, and its disks put back are nothing that the real
    one can do: who had asked least before would be given what others had (docs/stores.md)."""

    kind = "dynamodb_local"
    keep = None


class Lmdb:
    """In the folder of p0, on a small disk of its own; the other pawlds are chained on p0."""

    kind, hosts, shared = "lmdb", [], False

    def __init__(self, network, folder):
        self.folder, self.place = folder, folder / "disk"
        self.small = network.whole and small_disk(self.place, DISK_MIB)
        self.first = None
        if not self.small:
            self.fill_disk = None

    @property
    def url(self):
        return self.first.url

    def begin(self, pawlds):
        self.first = pawlds["p0"]
        for pawld in pawlds.values():
            pawld.store = f"lmdb:{self.place}/store" if pawld is self.first else self.first.url

    def keep(self):
        self.first.pause()
        copy_folder(self.place / "store", self.folder / "kept")
        self.first.resume()

    def rewind(self):
        self.first.kill()
        copy_folder(self.folder / "kept", self.place / "store")
        self.first.start()

    def fill_disk(self):
        """Not one byte more fits; returns how that ends."""
        filler = fill(self.place)
        return filler.unlink

    def end(self):
        if self.small:
            run("umount", self.place)
            self.small = False


KINDS = {"lmdb": Lmdb, "etcd": Etcd, "postgres": Postgres, "dynamodb": Dynamo, "redis": Redis}

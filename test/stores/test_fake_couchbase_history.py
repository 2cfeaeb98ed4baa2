# SPDX-License-Identifier: Apache-2.0
"""The fake Couchbase server loses what a real one can lose, and no more: durable writes that wait
for copies, failovers, restores, flushes."""
import json
import pathlib
import struct
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import fake_couchbase_wire as wire  # noqa: E402
from couchbase_client import MAJORITY, USUAL, Client  # noqa: E402
from fake_couchbase import FakeCouchbase, Settings  # noqa: E402


@pytest.fixture
def start():
    """Starts clusters; they end with the test."""
    running = []

    def starter(**settings):
        running.append(FakeCouchbase(Settings(scram_iterations=100, **settings)).start())
        return running[-1]
    yield starter
    for fake in running:
        fake.stop()


def enter(fake, node=0, features=None):
    return Client.entered(fake.ports()[node], features)


# Durability

def test_durability_levels_and_frames(start):
    fake = start(nodes=2, replicas=1, kind="ephemeral")
    with enter(fake, 1) as client:
        def store(frame):
            return client.store("SET", b"orders", b"1", frame=frame).status
        assert store(MAJORITY) == 0
        assert store(b"\x13\x01\x09\xc4") == 0
        assert store(b"\x11\x03") == store(b"\x11\x02") == wire.DURABILITY_INVALID_LEVEL
        assert store(b"\x11\x04") == store(b"\x11\x00") == wire.DURABILITY_INVALID_LEVEL
        assert store(b"\x12\x01\x01") == store(b"\x13\x01") == wire.EINVAL
        assert store(b"\x71\x01") == wire.UNKNOWN_FRAME_INFO
        assert client.on("GET", b"orders", frame=MAJORITY).status == wire.EINVAL
        fake.set_durability(levels=[2])
        assert store(MAJORITY) == wire.DURABILITY_INVALID_LEVEL


def test_too_few_copies_make_durability_impossible(start):
    fake = start(nodes=2, replicas=1)
    with enter(fake, 1) as client:
        assert client.store("SET", b"orders", b"1", frame=MAJORITY).status == 0
        fake.failover(0)
        assert client.store("SET", b"orders", b"2", frame=MAJORITY).status \
            == wire.DURABILITY_IMPOSSIBLE
        assert client.get(b"orders").value == b"1", "not executed"
        assert client.store("SET", b"orders", b"2").status == 0
        fake.start_node(0)
        fake.rebalance()
        assert client.store("SET", b"orders", b"3", frame=MAJORITY).status == 0


def test_a_pending_write_holds_its_key(start):
    fake = start(nodes=2, replicas=1)
    with enter(fake, 1) as writer, enter(fake, 1) as other:
        writer.store("SET", b"orders", b"1")
        fake.hold_replication()
        extras = struct.pack(">II", 0, 0)
        writer.send(writer.pack("SET", key=b"\0orders", extras=extras, value=b"2", vbucket=47,
                                frame=MAJORITY))
        while not fake.cluster.buckets["default"].vbuckets[47].pending:
            other.ask("NOOP")
        assert other.count(b"orders", 1).status == wire.SYNC_WRITE_IN_PROGRESS
        assert other.store("ADD", b"orders", b"1").status == wire.SYNC_WRITE_IN_PROGRESS
        assert other.get(b"orders").value == b"1", "what is pending is not seen"
        fake.hold_replication(False)
        assert writer.receive().status == 0
        assert other.get(b"orders").value == b"2"
        fake.stop_node(0)
        late = writer.store("SET", b"orders", b"3", frame=b"\x13\x01\x00\x14")
        assert late.status == wire.SYNC_WRITE_AMBIGUOUS
        assert other.get(b"orders").value == b"2"


@pytest.mark.parametrize("unordered", [False, True])
def test_what_waits_holds_up_what_is_behind_unless_unordered(start, unordered):
    fake = start(nodes=2, replicas=1)
    with enter(fake, 1, (*USUAL, wire.UNORDERED) if unordered else USUAL) as client:
        client.store("SET", b"orders", b"1")
        fake.hold_replication()
        client.send(client.pack("SET", key=b"\0orders", extras=bytes(8), value=b"2", vbucket=47,
                                frame=MAJORITY))
        client.send(client.pack("GET", key=b"\0orders", vbucket=47))
        if unordered:
            assert client.receive().value == b"1"
        fake.hold_replication(False)
        assert client.receive().opcode == wire.OPCODES["SET"]
        if not unordered:
            assert client.receive().value == b"2"


# Going back in time

def log_of(client, vbucket):
    value = client.ask("GET_FAILOVER_LOG", vbucket=vbucket).value
    return list(struct.iter_unpack(">QQ", value))


def test_a_failover_loses_what_was_not_replicated(start):
    fake = start(nodes=2, replicas=1)
    with enter(fake, 1) as client:
        kept = client.store("SET", b"orders", b"1").mutation
        fake.hold_replication()
        lost = client.store("SET", b"orders", b"2").mutation
        client.store("SET", b"orders", b"3")
    fake.failover(1, lose=True)
    with enter(fake, 0) as client:
        assert client.get(b"orders").value == b"1"
        log = log_of(client, 47)
        assert log[1] == (kept[0], 0) and log[0][0] != kept[0]
        assert log[0][1] == kept[1] < lost[1], "the new branch began before what was lost"
        assert client.store("SET", b"orders", b"4").mutation == (log[0][0], lost[1])


def test_a_failover_that_loses_nothing_is_a_new_branch(start):
    fake = start(nodes=2, replicas=1)
    with enter(fake, 1) as client:
        last = client.store("SET", b"orders", b"1").mutation
    fake.failover(1)
    with enter(fake, 0) as client:
        assert client.get(b"orders").value == b"1"
        assert log_of(client, 47)[0][1] == last[1]


def test_restores_flushes_and_new_buckets(start):
    fake = start()
    with enter(fake) as client:
        before = client.store("SET", b"orders", b"1").mutation
        moment = fake.moment()
        client.store("SET", b"orders", b"2", frame=MAJORITY)
        fake.go_back(moment, told=False)
        assert client.get(b"orders").value == b"1"
        assert log_of(client, 47) == [(before[0], 0)]
        client.store("SET", b"orders", b"2")
        fake.go_back(moment)
        assert client.get(b"orders").value == b"1"
        assert len(log_of(client, 47)) == 2
        uuid = json.loads(client.ask("GET_CLUSTER_CONFIG").value)["uuid"]
        fake.flush()
        assert client.get(b"orders").status == wire.KEY_ENOENT
        assert len(log_of(client, 47)) == 1
        fake.recreate_bucket()
        with pytest.raises(ConnectionError):
            client.get(b"orders")
    with enter(fake) as client:
        assert json.loads(client.ask("GET_CLUSTER_CONFIG").value)["uuid"] != uuid

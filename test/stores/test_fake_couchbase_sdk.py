# SPDX-License-Identifier: Apache-2.0
"""Couchbase's own Python client takes the fake for a cluster: nothing here shares code with it."""
import pathlib
import sys
from datetime import timedelta

import pytest
from couchbase import exceptions, subdocument
from couchbase.auth import PasswordAuthenticator
from couchbase.cluster import Cluster
from couchbase.durability import DurabilityLevel, ServerDurability
from couchbase.options import (ClusterOptions, ClusterTimeoutOptions, DecrementOptions,
                               DeltaValue, GetOptions, IncrementOptions, InsertOptions,
                               MutateInOptions, ReplaceOptions, SignedInt64, UpsertOptions)

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from fake_couchbase import FakeCouchbase, Settings  # noqa: E402

LIMIT = timedelta(seconds=3)
TOP = (1 << 64) - 1
MAJORITY = ServerDurability(DurabilityLevel.MAJORITY)


@pytest.fixture(scope="module")
def fake():
    settings = Settings(nodes=2, replicas=1, collections=("app.seq",), tls=True)
    with FakeCouchbase(settings) as running:
        yield running


def connect(fake, tls=False):
    ports = fake.tls_ports() if tls else fake.ports()
    hosts = ",".join(f"127.0.0.1:{port}=mcd" for port in ports)
    limits = ClusterTimeoutOptions(bootstrap_timeout=LIMIT, kv_timeout=LIMIT,
                                   kv_durable_timeout=LIMIT)
    user = PasswordAuthenticator(fake.settings.user, fake.settings.password,
                                 cert_path=fake.ca_file() if tls else None)
    return Cluster.connect(f"couchbase{'s' if tls else ''}://{hosts}",
                           ClusterOptions(user, timeout_options=limits,
                                          config_poll_interval=timedelta(milliseconds=50)))


@pytest.fixture(scope="module")
def cluster(fake):
    connected = connect(fake)
    yield connected
    connected.close()


@pytest.fixture
def seq(fake, cluster):
    fake.flush()
    return cluster.bucket("default").scope("app").collection("seq")


@pytest.mark.parametrize("key", ["orders", "ShipmentDao_SEQ", "Hello", "a/b#\"c'", "ü" * 100])
def test_documents_on_both_nodes(seq, key):
    with pytest.raises(exceptions.DocumentNotFoundException):
        seq.get(key)
    first = seq.insert(key, {"p": 1000})
    with pytest.raises(exceptions.DocumentExistsException):
        seq.insert(key, {"p": 1})
    assert seq.get(key).content_as[dict] == {"p": 1000}
    assert seq.get(key).cas == first.cas
    second = seq.replace(key, {"p": 2000}, ReplaceOptions(cas=first.cas))
    assert second.mutation_token().sequence_number == first.mutation_token().sequence_number + 1
    with pytest.raises(exceptions.CasMismatchException):
        seq.replace(key, {"p": 3000}, ReplaceOptions(cas=first.cas))
    seq.remove(key)
    with pytest.raises(exceptions.DocumentNotFoundException):
        seq.replace(key, {"p": 1})


def test_counters(fake, seq):
    counter = seq.binary()
    with pytest.raises(exceptions.DocumentNotFoundException):
        counter.increment("c", IncrementOptions(delta=DeltaValue(500),
                                                initial=SignedInt64(-1)))
    start = counter.increment("c", IncrementOptions(delta=DeltaValue(500),
                                                    initial=SignedInt64(2000000000)))
    assert start.content == 2000000000
    assert counter.increment("c", IncrementOptions(delta=DeltaValue(500))).content == 2000000500
    assert fake.document("c", "app.seq") == "2000000500"
    seq.upsert("c", TOP)
    assert counter.increment("c", IncrementOptions(delta=DeltaValue(10))).content == 9
    assert counter.decrement("c", DecrementOptions(delta=DeltaValue(50))).content == 0
    seq.upsert("c", {"p": 1})
    with pytest.raises(exceptions.DeltaInvalidException):
        counter.increment("c", IncrementOptions(delta=DeltaValue(1)))


def test_sub_documents(fake, seq):
    seq.upsert("d", {"e3": {"p": 1000}, "t": "old"})
    done = seq.mutate_in("d", [subdocument.increment("e3.p", 500),
                               subdocument.upsert("t", "new"),
                               subdocument.insert("a.b.c", [1, 2], create_parents=True)],
                         MutateInOptions(durability=MAJORITY))
    assert done.content_as[int](0) == 1500
    found = seq.lookup_in("d", [subdocument.get("e3.p"), subdocument.exists("e4"),
                                subdocument.count("a.b.c"), subdocument.get("t")])
    assert found.content_as[int](0) == 1500
    assert not found.exists(1)
    assert found.content_as[int](2) == 2
    assert found.content_as[str](3) == "new"
    before = fake.document("d", "app.seq")
    for changes, error in (
            ([subdocument.upsert("t", 1), subdocument.increment("e4.p", 1)],
             exceptions.PathNotFoundException),
            ([subdocument.increment("t", 1)], exceptions.PathMismatchException),
            ([subdocument.insert("t", 1)], exceptions.PathExistsException)):
        with pytest.raises(error):
            seq.mutate_in("d", changes)
    with pytest.raises(exceptions.CasMismatchException):
        seq.mutate_in("d", [subdocument.upsert("t", 1)], MutateInOptions(cas=7))
    assert fake.document("d", "app.seq") == before
    with pytest.raises(exceptions.DocumentNotFoundException):
        seq.mutate_in("none", [subdocument.increment("p", 1)])


def test_durability(fake, seq):
    durable = UpsertOptions(durability=MAJORITY)
    assert seq.upsert("d", 1, durable).cas
    fake.fault("status", opcode="SET", status=0xA3)
    with pytest.raises(exceptions.DurabilitySyncWriteAmbiguousException):
        seq.upsert("d", 2, durable)
    fake.fault("status", opcode="SET", status=0xA1)
    with pytest.raises(exceptions.DurabilityImpossibleException):
        seq.upsert("d", 2, durable)
    fake.set_durability(levels=[])
    with pytest.raises(exceptions.DurabilityInvalidLevelException):
        seq.upsert("d", 2, durable)
    fake.set_durability()
    fake.fault("status", count=3, opcode="SET", status=0xA2)
    assert seq.upsert("d", 3, durable).cas, "a write in progress is waited for"
    assert fake.faults_left() == 0


def test_vbuckets_move_under_the_client(fake, seq):
    for turn, nodes in enumerate(([0], [1], [0, 1])):
        seq.upsert("orders", turn)
        fake.rebalance(nodes)
        assert seq.get("orders", GetOptions(timeout=LIMIT)).content_as[int] == turn


def get_soon(collection, key):
    """Asks again: an ask that waits for a node which then leaves the map is not sent elsewhere."""
    for _ in range(40):
        try:
            return collection.get(key, GetOptions(timeout=timedelta(milliseconds=250)))
        except exceptions.UnAmbiguousTimeoutException:
            pass
    raise AssertionError("no answer in 10 s")


def test_a_failed_node_is_left():
    with FakeCouchbase(Settings(nodes=2, replicas=1)) as fake:
        cluster = connect(fake)
        documents = cluster.bucket("default").default_collection()
        for key in ("orders", "ShipmentDao_SEQ"):
            documents.insert(key, 1, InsertOptions(durability=MAJORITY))
        fake.failover(1)
        assert get_soon(documents, "orders").content_as[int] == 1
        assert documents.get("ShipmentDao_SEQ").content_as[int] == 1
        cluster.close()


def test_unknown_collections_and_wrong_passwords(fake, cluster):
    nowhere = cluster.bucket("default").scope("app").collection("none")
    with pytest.raises(exceptions.UnAmbiguousTimeoutException):
        nowhere.get("orders", GetOptions(timeout=timedelta(milliseconds=200)))
    wrong = ClusterOptions(PasswordAuthenticator("user", "wrong"), timeout_options=(
        ClusterTimeoutOptions(bootstrap_timeout=LIMIT)))
    with pytest.raises(exceptions.AuthenticationException):
        Cluster.connect(f"couchbase://127.0.0.1:{fake.ports()[0]}=mcd", wrong)


def test_tls(fake):
    secure = connect(fake, tls=True)
    collection = secure.bucket("default").scope("app").collection("seq")
    collection.upsert("secure", 1)
    assert fake.document("secure", "app.seq") == "1"
    secure.close()

# SPDX-License-Identifier: Apache-2.0
"""The fake Couchbase server misbehaves as it is told, and runs as a program too."""
import json
import pathlib
import signal
import socket
import struct
import subprocess
import sys
import threading

import pytest

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
import fake_couchbase_wire as wire  # noqa: E402
from couchbase_client import MAJORITY, Client  # noqa: E402
from fake_couchbase import FakeCouchbase, Settings  # noqa: E402


@pytest.fixture
def fake():
    with FakeCouchbase(Settings(scram_iterations=100)) as running:
        yield running


@pytest.fixture
def client(fake):
    with Client.entered(fake.ports()[0]) as entered:
        entered.store("SET", b"orders", b"1000")
        yield entered


def test_a_status_for_some_requests(fake, client):
    fake.fault("status", count=2, opcode="INCREMENT", key="orders", status=wire.ETMPFAIL)
    assert client.get(b"orders").status == wire.SUCCESS
    assert client.count(b"other", 1).status == wire.KEY_ENOENT
    assert [client.count(b"orders", 1).status for _ in range(3)] == [wire.ETMPFAIL] * 2 + [0]
    assert fake.document("orders") == "1001"
    assert fake.faults_left() == 0


@pytest.mark.parametrize("executed, value", [(True, "1500"), (False, "1000")])
def test_an_ambiguous_write_happened_or_not(fake, client, executed, value):
    fake.fault("status", skip=1, opcode="INCREMENT", status=wire.SYNC_WRITE_AMBIGUOUS,
               executed=executed)
    client.count(b"orders", 0, frame=MAJORITY)
    assert client.count(b"orders", 500, frame=MAJORITY).status == wire.SYNC_WRITE_AMBIGUOUS
    assert fake.document("orders") == value


@pytest.mark.parametrize("action, value", [("close", "1000"), ("execute_close", "1500")])
def test_death_before_and_after_executing(fake, client, action, value):
    fake.fault(action, opcode="INCREMENT")
    with pytest.raises(ConnectionError):
        client.count(b"orders", 500)
    assert fake.document("orders") == value
    with Client.entered(fake.ports()[0]) as again:
        assert again.get(b"orders").value == value.encode()


def test_answers_that_are_late_double_cut_or_slow(fake, client):
    fake.fault("delay", opcode="GET", ms=30)
    assert client.get(b"orders").value == b"1000"
    fake.fault("twice", opcode="GET")
    first, second = client.get(b"orders"), client.receive()
    assert first.bytes == second.bytes
    fake.fault("drip", opcode="GET", ms=1)
    assert client.get(b"orders").value == b"1000"
    fake.fault("wrong_opaque", opcode="GET")
    with pytest.raises(AssertionError, match="another request"):
        client.get(b"orders")
    for length in (0, 1, 23, 24, 31):
        fake.fault("cut", opcode="GET", bytes=length)
        with Client.entered(fake.ports()[0]) as other, \
                pytest.raises(ConnectionError, match=f"after {length % 24} of"):
            other.get(b"orders")


def test_a_request_is_executed_after_its_client_has_gone(fake, client):
    fake.fault("late", opcode="INCREMENT", ms=50)
    key, extras = b"\0orders", struct.pack(">QQI", 500, 0, 0xFFFFFFFF)
    client.send(client.pack("INCREMENT", key=key, extras=extras, vbucket=47))
    with Client.entered(fake.ports()[0]) as other:
        while "INCREMENT" not in fake.counts():
            other.ask("NOOP")
        client.close()
        assert fake.document("orders") == "1000"
        while fake.document("orders") == "1000":
            other.ask("NOOP")
        assert fake.document("orders") == "1500"


@pytest.mark.parametrize("executed, value", [(True, "1500"), (False, "1000")])
def test_no_answer_at_all(fake, client, executed, value):
    fake.fault("hang", opcode="INCREMENT", executed=executed)
    client.socket.settimeout(0.1)
    with pytest.raises(TimeoutError):
        client.count(b"orders", 500)
    assert fake.document("orders") == value


def test_unknown_faults_are_refused(fake):
    with pytest.raises(ValueError, match="no such fault: explode"):
        fake.fault("explode")
    with pytest.raises(ValueError, match="a fault has no colour"):
        fake.fault("close", colour="red")


def test_nodes_that_are_away_and_back(fake, client):
    port = fake.ports()[0]
    fake.greet(0, "close")
    with pytest.raises(ConnectionError), Client(port) as refused:
        refused.hello()
    fake.greet(0, "serve")
    fake.stop_node(0)
    with pytest.raises(ConnectionError):
        client.get(b"orders")
    with pytest.raises(ConnectionRefusedError):
        Client(port)
    fake.start_node(0)
    with Client.entered(port) as again:
        assert again.get(b"orders").value == b"1000"
    fake.drop_connections()
    assert fake.document("orders") == "1000"


def test_documents_behind_the_back(fake, client):
    fake.put("orders", "no number")
    assert client.count(b"orders", 1).status == wire.DELTA_BADVAL
    fake.put("d", '{"e1":{"p":1}}')
    assert client.sub("SUBDOC_COUNTER", b"d", b"e1.p", b"1").value == b"2"
    assert fake.keys() == ["d", "orders"]
    fake.put("orders", None)
    assert client.get(b"orders").status == wire.KEY_ENOENT


def test_the_config_can_name_proxies(fake, client):
    before = json.loads(client.ask("GET_CLUSTER_CONFIG").value)
    fake.advertise([4711])
    after = json.loads(client.ask("GET_CLUSTER_CONFIG").value)
    assert after["rev"] > before["rev"]
    assert after["vBucketServerMap"]["serverList"] == ["127.0.0.1:4711"]
    assert after["nodesExt"][0]["services"]["kv"] == 4711
    assert fake.ports() != [4711]


def test_malformed_bytes_close_the_connection(fake):
    for data in (b"\x81" + bytes(23), b"GET / HTTP/1.1\r\nHost: couchbase\r\n\r\n",
                 struct.pack(">BBHBBHIIQ", 0x80, 0, 9, 0, 0, 0, 4, 0, 0) + bytes(4),
                 struct.pack(">BBHBBHIIQ", 0x80, 0, 0, 0, 0, 0, 0xFFFFFFFF, 0, 0)):
        with Client(fake.ports()[0]) as client:
            client.send(data)
            with pytest.raises(ConnectionError):
                client.receive()


def test_twenty_writers_lose_nothing(fake, client):
    client.store("SET", b"d", b'{"e1":{"p":0}}')
    taken, each = [], 50

    def write():
        with Client.entered(fake.ports()[0]) as mine:
            for _ in range(each):
                taken.append(int(mine.sub("SUBDOC_COUNTER", b"d", b"e1.p", b"10").value))
                mine.count(b"orders", 1)

    writers = [threading.Thread(target=write) for _ in range(20)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join(60)
    assert sorted(taken) == list(range(10, 20 * each * 10 + 1, 10))
    assert fake.document("orders") == str(1000 + 20 * each)


def test_as_a_program_with_a_control_port():
    program = subprocess.Popen(
        [sys.executable, str(HERE / "fake_couchbase.py"), "--nodes", "2", "--replicas", "1",
         "--vbuckets", "64", "--bucket", "default", "--user", "user", "--password", "p",
         "--collection", "app.seq"], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    try:
        ready = json.loads(program.stdout.readline())
        first, second = ready["ports"]
        assert ready["url"] \
            == f"couchbase://user:p@127.0.0.1:{first},127.0.0.1:{second}/default/app.seq"
        with socket.create_connection(("127.0.0.1", ready["control"]), 10) as control, \
                Client.entered(second, password="p") as client, control.makefile("rw") as lines:
            def do(**command):
                lines.write(json.dumps(command) + "\n")
                lines.flush()
                return json.loads(lines.readline())
            client.use("app.seq")
            assert do(do="fault", action="status", opcode="ADD", status=134)["ok"]
            assert client.store("ADD", b"orders", b"1").status == wire.ETMPFAIL
            assert client.store("ADD", b"orders", b"1").status == wire.SUCCESS
            asked = do(do="document", key="orders", collection="app.seq")
            assert asked == {"ok": True, "value": "1"}
            moment = do(do="moment")["value"]
            client.count(b"orders", 1)
            assert do(do="go_back", moment=moment)["ok"]
            assert client.get(b"orders").value == b"1"
            assert "no such command" in do(do="_call")["error"]
            assert "TypeError" in do(do="failover", nodes=1)["error"]
            assert do(do="failover", node=1)["ok"]
        program.stdin.close()
        assert program.wait(10) == 0
    finally:
        program.kill()
        program.wait()


def test_as_a_program_it_ends_on_sigterm():
    program = subprocess.Popen([sys.executable, str(HERE / "fake_couchbase.py"), "--tls"],
                               stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    try:
        ready = json.loads(program.stdout.readline())
        assert pathlib.Path(ready["ca"]).exists()
        program.send_signal(signal.SIGTERM)
        assert program.wait(10) == 0
        assert not pathlib.Path(ready["ca"]).exists()
    finally:
        program.kill()
        program.wait()

# SPDX-License-Identifier: Apache-2.0
"""pawl store copy between stores that servers and clients go on using meanwhile."""
import random
import re
import signal
import subprocess
import time

import pytest
import redis
from live import Fleet, pawl, pawl_json, program, seed_of_tests, wait_until
from moving import Ledger, Taker, kill_copy

NAMES = [f"team/{i}" for i in range(300)]
FAST = ["--refill-interval", "500ms", "--ride-through", "1s"]


@pytest.fixture
def fleet(tmp_path):
    running = Fleet(tmp_path)
    yield running
    running.end()


@pytest.fixture
def dice():
    """A random number generator whose seed a failure prints."""
    seed = seed_of_tests()
    print(f"PAWL_SEED={seed}")
    return random.Random(seed)


def test_clients_go_on_on_both_sides_while_a_copy_is_killed_and_goes_on(own_server, fleet, dice):
    """There and back between two stores under load: every id of a name is given once."""
    stores = [own_server("etcd").url, own_server("redis").url]
    for url in stores:
        assert pawl("store", "init", url).returncode == 0
    servers = [fleet.start(store=url, options=FAST) for url in stores]
    ledger = Ledger()
    with servers[0].redis() as client:
        for name in NAMES:
            client.execute_command("SEQ.CREATE", name)
    takers = [Taker(ledger, servers, NAMES) for _ in range(2)]
    killed = 0
    for way in range(2):
        source, target = stores[way], stores[1 - way]
        wait_until(lambda way=way: ledger.take(servers[way], NAMES) == len(NAMES),
                   "all can be taken where they are", 30)
        for _ in range(4):
            killed += kill_copy(source, target, dice.uniform(0.05, 0.6)) != 0
        done = pawl_json("store", "copy", source, target)
        print(done)
        assert done["failures"] == []
        assert done["moved"] + done["moved_before"] == len(NAMES)
        wait_until(lambda way=way: ledger.take(servers[1 - way], NAMES) == len(NAMES),
                   "all can be taken where they went", 30)
    assert pawl("list", url=stores[1]).stdout == ""
    for taker in takers:
        taker.stop()
    print(f"{killed} copies were killed; {sum(map(len, ledger.given.values()))} ids")
    assert set(ledger.errors) <= {"NOSEQ"}, ledger.errors


def test_two_copies_at_once_move_each_sequence_once(own_server):
    source, target = own_server("etcd").url, own_server("redis").url
    assert pawl("create", "orders", url=source).returncode == 0
    for i in range(100):
        assert pawl("create", f"s{i}", url=source).returncode == 0
    copies = [subprocess.Popen([program("pawl"), "store", "copy", source, target],
                               stdin=subprocess.DEVNULL) for _ in range(2)]
    assert [copy.wait(60) for copy in copies] == [0, 0]
    assert pawl("list", url=source).stdout == ""
    assert len(pawl("list", url=target).stdout.split()) == 101
    assert pawl("next", "orders", url=target).stdout == "1\n"


def test_ctrl_c_ends_a_copy_with_nothing_between_the_stores(own_server, fleet):
    source, target = own_server("etcd").url, own_server("redis").url
    names = {f"s{i}" for i in range(2000)}
    with fleet.start(store=source, options=FAST).redis() as client:
        with client.pipeline(transaction=False) as pipe:
            for name in names:
                pipe.execute_command("SEQ.CREATE", name)
            pipe.execute()
    copy = subprocess.Popen([program("pawl"), "store", "copy", source, target],
                            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                            stderr=subprocess.PIPE, text=True)
    wait_until(lambda: pawl("list", url=target).stdout != "", "some have arrived", 30)
    copy.send_signal(signal.SIGINT)
    _, said = copy.communicate(timeout=30)
    assert copy.returncode != 0
    assert "stopping" in said and "run it again to go on" in said
    here, there = (set(pawl("list", url=url).stdout.split()) for url in (source, target))
    assert here and here | there == names and not here & there
    assert pawl("store", "copy", source, target).returncode == 0
    assert set(pawl("list", url=target).stdout.split()) == names


def test_a_target_that_goes_away_strands_little_and_the_copy_goes_on(own_server):
    source, target = own_server("etcd"), own_server("redis")
    for i in range(50):
        assert pawl("create", f"s{i}", url=source.url).returncode == 0
    target.pause()
    began = time.monotonic()
    done = pawl("store", "copy", source.url, target.url, "--timeout", 2)
    assert done.returncode == 5, (done.stdout, done.stderr)
    assert time.monotonic() - began < 20
    assert len(pawl("list", url=source.url).stdout.split()) == 50, "nothing left for nowhere"
    target.resume()
    assert pawl_json("store", "copy", source.url, target.url)["moved"] == 50


def keys_of(store):
    """A client of a Redis store, and where its records are."""
    _, port, prefix = re.match(r"(redis)://[^:]*:(\d+)/0(?:\?prefix=([^&]*))?", store.url).groups()
    return redis.Redis(port=int(port)), prefix or "pawl:"


def test_nothing_leaves_while_one_cannot_be_read(own_server, tmp_path):
    """Created at the target, as nothing of it is there, it would begin at its start."""
    source, target = own_server("redis"), own_server("etcd")
    for name in "abc":
        assert pawl("create", name, url=source.url).returncode == 0
    client, prefix = keys_of(source)
    assert client.hset(f"{prefix}b", "format", 2) == 0
    for options in ([], ["--dry-run"]):
        done = pawl("store", "copy", source.url, target.url, *options)
        assert done.returncode == 10 and "nothing was moved" in done.stderr, done.stderr
        assert 'of "b" has format 2' in done.stderr, done.stderr
    assert pawl("list", url=target.url).stdout == ""
    listed = pawl("list", url=source.url)
    assert listed.returncode != 0 and listed.stdout.split() == ["a", "c"], listed
    backup = tmp_path / "backup"
    done = pawl("backup", source.url, backup)
    assert done.returncode == 8 and not backup.exists(), done.stderr
    client.hset(f"{prefix}b", "format", 1)
    assert pawl_json("store", "copy", source.url, target.url)["moved"] == 3


def test_a_target_that_may_not_be_written_gets_one_at_most(own_server):
    source, target = own_server("etcd"), own_server("redis")
    for i in range(40):
        assert pawl("create", f"s{i}", url=source.url).returncode == 0
    client, _ = keys_of(target)
    client.execute_command("ACL", "SETUSER", "reads", "on", ">secret", "~*", "&*", "+@all",
                           "-zadd")
    reads = target.url.replace("redis://", "redis://reads:secret@")
    done = pawl("store", "copy", source.url, reads)
    assert done.returncode == 10, (done.stdout, done.stderr)
    assert "it has left, and has not arrived" in done.stderr, done.stderr
    assert len(pawl("list", url=source.url).stdout.split()) == 39
    client.execute_command("ACL", "SETUSER", "reads", "+@all")
    assert pawl_json("store", "copy", source.url, reads)["failures"] == []
    assert len(pawl("list", url=target.url).stdout.split()) == 40
    again = pawl("store", "copy", source.url, target.url.replace("127.0.0.1", "localhost"))
    assert again.returncode == 2 and "go on with that URL" in again.stderr, again


def test_plain_counters_are_no_target(own_server):
    source = own_server("redis")
    plain = "couchbase://127.0.0.1:1/b?counter=plain&start=1&block=5"
    for both in ((source.url, plain), (plain, source.url)):
        done = pawl("store", "copy", *both)
        assert done.returncode == 2 and "counter=plain" in done.stderr, done.stderr


@pytest.mark.parametrize("kind", ["redis", "postgres", "etcd", "dynalite"])
def test_one_store_under_two_urls_is_one_store(own_server, monkeypatch, kind):
    server = own_server(kind)
    for key, value in server.env.items():
        monkeypatch.setenv(key, value)
    assert pawl("store", "init", server.url).returncode == 0
    assert pawl("create", "orders", url=server.url).returncode == 0
    others = [server.url.replace("127.0.0.1", "localhost")]
    if kind == "redis":
        others.append(server.url.replace("=pawl:", "=pawl%3A"))
    if kind == "postgres":
        others.append(server.url.replace("=pawl_", "=public.pawl_"))
    for other in others:
        assert other != server.url
        for options in ([], ["--dry-run"]):
            done = pawl("store", "copy", server.url, other, *options)
            assert done.returncode == 2 and "are one store" in done.stderr, done
        assert pawl("next", "orders", url=server.url).returncode == 0


@pytest.mark.parametrize("kind", ["redis", "postgres", "etcd"])
def test_two_stores_in_one_server_are_two(own_server, kind):
    server = own_server(kind)
    other = {"redis": server.url.replace("=pawl:", "=other:"),
             "postgres": server.url.replace("=pawl_sequences", "=others"),
             "etcd": server.url.replace("/pawl", "/others")}[kind]
    for url in (server.url, other):
        assert pawl("store", "init", url).returncode == 0
    assert pawl("create", "orders", url=server.url).returncode == 0
    assert pawl_json("store", "copy", server.url, other)["moved"] == 1
    assert pawl("next", "orders", url=other).stdout == "1\n"

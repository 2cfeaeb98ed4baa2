# SPDX-License-Identifier: Apache-2.0
"""pawl store copy between stores that servers and clients go on using meanwhile."""
import random
import signal
import subprocess
import time

import pytest
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

# SPDX-License-Identifier: Apache-2.0
"""pawld and pawl on a store that cannot be used: what is wrong is said, and what may pass waited
for."""
import subprocess

import pytest
from live import Fleet, free_port, pawl, program, wait_until


@pytest.fixture
def fleet(tmp_path):
    running = Fleet(tmp_path)
    yield running
    running.end()


@pytest.fixture
def locked(own_server):
    """A Redis that wants a password, which its URL has not."""
    server = own_server("redis")
    with server.client() as client:
        client.config_set("requirepass", "geheim")
    return server


def pawld(*words):
    return subprocess.run([program("pawld"), "--listen", f"resp://127.0.0.1:{free_port()}", *words],
                          text=True, timeout=20, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, check=False)


@pytest.mark.parametrize("check", [[], ["--check"]])
def test_wrong_credentials_and_settings_end_the_start(own_server, locked, check):
    done = pawld("--store", locked.url, *check)
    assert done.returncode == 1
    assert "pawld: --store: " in done.stderr and "NOAUTH" in done.stderr
    assert "ready" not in done.stderr
    forgetful = own_server("redis", settings=["--appendonly", "no"])
    done = pawld("--store", forgetful.url, *check)
    assert done.returncode == 1
    assert "appendonly" in done.stderr.rstrip().splitlines()[-1]


def test_a_client_on_a_store_is_told_as_well(locked):
    done = pawl("ping", url=locked.url)
    assert done.returncode == 8 and "NOAUTH" in done.stderr
    wrong = locked.url.replace("redis://", "redis://:passwort@")
    for words in (["ping"], ["store", "check", wrong], ["store", "init", wrong]):
        done = pawl(*words, url=wrong if words == ["ping"] else None)
        assert done.returncode == 8 and "WRONGPASS" in done.stderr
        assert "passwort" not in done.stderr + done.stdout


def test_a_store_that_is_away_does_not_keep_pawld_from_starting(own_server, fleet):
    store = own_server("redis")
    store.kill()
    server = fleet.start(store=store.url)
    assert "the store cannot be used now: starting all the same" in server.log()
    assert pawld("--store", store.url, "--check").returncode == 1
    store.start()
    assert pawl("create", "orders", url=server.url).returncode == 0
    assert pawl("next", "orders", url=server.url).stdout == "1\n"


def test_a_store_that_hangs_is_waited_for_a_few_seconds(own_server, fleet):
    store = own_server("redis")
    store.pause()
    server = fleet.start(store=store.url)
    assert "starting all the same" in server.log()
    store.resume()
    wait_until(lambda: pawl("create", "orders", url=server.url).returncode in (0, 4),
               "it serves when the store answers again")

# SPDX-License-Identifier: Apache-2.0
"""Records that no pawl of this version can mean, in each store: whoever asks for that sequence is
told at once, as no waiting mends it; all others are served, and a listing goes on over it."""
import time

import pytest
import raw

from live import Fleet, next_ids, pawl

KINDS = ["postgres", "etcd", "redis", "dynalite", "couchbase_fake"]
HOWS = {"newer": "newer pawl", "foreign": "not pawl's"}
LATER_S = 10  # far below the 60 s for which what may pass is waited for
REFUSED = 8


@pytest.fixture(name="fleet")
def fixture_fleet(tmp_path):
    running = Fleet(tmp_path)
    yield running
    running.end()


def refused_at_once(url, name, says, *words):
    begun = time.monotonic()
    done = pawl(*words, url=url)
    assert done.returncode == REFUSED and says in done.stderr, f"{words}: {done}"
    assert name in done.stderr, done.stderr
    assert time.monotonic() - begun < LATER_S


@pytest.mark.parametrize("how", HOWS)
@pytest.mark.parametrize("kind", KINDS)
def test_what_cannot_be_read_fails_its_own_sequence_at_once(farm, fleet, monkeypatch, kind, how):
    server, says = farm.get(kind), HOWS[how]
    for key, value in server.env.items():
        monkeypatch.setenv(key, value)
    url = server.url
    bad, good = (f"{word}-{how}-{time.monotonic_ns()}" for word in ("bad", "good"))
    assert pawl("store", "init", url).returncode == 0
    pawld = fleet.start(store=url)
    for name in (bad, good):
        assert pawl("create", name, url=pawld.url).returncode == 0
    raw.spoil(server, bad, how)
    for one in (url, pawld.url):
        refused_at_once(one, bad, says, "next", bad)
        refused_at_once(one, bad, says, "show", bad)
        refused_at_once(one, bad, says, "create", bad)
        refused_at_once(one, bad, says, "set", bad, "50")
        assert len(next_ids(good, 2, one)) == 2
        refused_at_once(one, bad, says, "list")
    listed = pawl("list", url=url).stdout.split()
    assert good in listed and bad not in listed, listed
    assert pawld.process.poll() is None
    raw.lose(server, bad)
    assert pawl("list", url=url).returncode == 0


@pytest.mark.parametrize("kind", KINDS)
def test_one_that_cannot_be_read_keeps_no_other_from_being_made_safe(farm, fleet, monkeypatch,
                                                                     tmp_path, kind):
    """fence --all and restore are for when something is wrong: they go on, and say what is left."""
    server = farm.get(kind)
    for key, value in server.env.items():
        monkeypatch.setenv(key, value)
    url, mark, file = server.url, f"m{time.monotonic_ns()}", tmp_path / "file"
    bad, good = f"{mark}-bad", f"{mark}-good"
    assert pawl("store", "init", url).returncode == 0
    for name in (bad, good):
        assert pawl("create", name, url=url).returncode == 0
    assert pawl("backup", url, file, "--match", f"{mark}*").returncode == 0
    raw.spoil(server, bad, "newer")
    done = pawl("fence", "--all", "--skip", "1000", url=url)
    assert done.returncode == 10 and f"{good}: fenced: goes on at 1001\n" in done.stdout, done
    assert bad not in done.stdout, done.stdout
    assert "sequences were fenced, and not all" in done.stderr and bad in done.stderr, done.stderr
    refused_at_once(url, bad, "newer pawl", "fence", bad)
    for options in (["--dry-run"], []):
        done = pawl("restore", file, url, "--skip", 50, "--match", f"{mark}*", *options)
        assert done.returncode == 10 and f"{good}: next 1051, from 1001" in done.stdout, done
        assert f"not restored: {bad}: " in done.stderr, done.stderr
        assert bad not in done.stdout and "1 not restored" in done.stdout, done.stdout
    assert next_ids(good, 1, url) == [1051]
    done = pawl("restore", file, url, "--skip", 50, "--match", good)
    assert f"{good}: next" in done.stdout, done
    if done.returncode != 0:  # most stores do not ask whether what they cannot read would match
        assert done.returncode == 10 and "not of this restore" in done.stderr, done
    if kind == "redis":
        served = fleet.start(store=url).url
        refused_at_once(served, bad, "nothing was fenced: give the URL", "fence", "--all")
    raw.lose(server, bad)
    assert pawl("restore", file, url, "--skip", 50, "--match", good).returncode == 0

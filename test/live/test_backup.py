# SPDX-License-Identifier: Apache-2.0
"""pawl backup and pawl restore, on LMDB folders and under pawlds that lose their store."""
import json
import os
import shutil
import signal
import subprocess
import time
import zlib

import pytest
from live import free_port, next_ids, pawl, pawl_json, program, wait_until
from moving import Ledger


@pytest.fixture
def store(tmp_path):
    """A store with sequences in use, a dropped one and a renamed one."""
    url = f"lmdb:{tmp_path}/store"
    assert pawl("store", "init", url).returncode == 0
    for name in ("orders", "größe \"x\"", "short", "gone", "old"):
        assert pawl("create", name, "--max", 100_000, url=url).returncode == 0
        assert next_ids(name, 5, url) == [1, 2, 3, 4, 5]
    assert pawl("alter", "short", "--max", 30, url=url).returncode == 0
    assert pawl("drop", "gone", url=url).returncode == 0
    assert pawl("rename", "old", "new", url=url).returncode == 0
    return url


@pytest.fixture
def backup(store, tmp_path):
    path = tmp_path / "ids.backup"
    assert pawl("backup", store, path).returncode == 0
    return path


def refused(done, code, *texts):
    assert done.returncode == code, (done.stdout, done.stderr)
    for text in texts:
        assert text in done.stderr


def records(path):
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def test_a_backup_is_whole_and_can_be_read(store, tmp_path):
    path = tmp_path / "ids"
    made = pawl_json("backup", store, path)
    assert (made["sequences"], made["tombstones"], made["left_out"]) == (4, 2, 0)
    assert path.stat().st_mode & 0o777 == 0o600
    head, *lines, end = records(path)
    assert head["pawl_backup"] == 1 and head["from"] == store
    assert [line["name"] for line in lines] == \
        ["gone", "größe \"x\"", "new", "old", "orders", "short"]
    orders = next(line for line in lines if line["name"] == "orders")
    shown = pawl_json("show", "orders", url=store)
    assert {key: orders[key] for key in ("next", "epoch", "line", "lap", "max")} == \
        {key: shown[key] for key in ("next", "epoch", "line", "lap", "max")}
    assert end["end"] is True and end["records"] == 6
    assert sorted(os.listdir(tmp_path)) == ["ids", "store"]  # nothing half written is left
    some = pawl("backup", store, "-", "--match", "o*")
    assert [json.loads(line).get("name") for line in some.stdout.splitlines()] == \
        [None, "old", "orders", None]
    assert "1 sequences, 1 names that none bears now" in some.stderr


def test_what_is_lost_comes_back_beyond_what_was_given_since(store, backup, tmp_path):
    assert next_ids("orders", 20, store) == list(range(6, 26))
    fresh = f"lmdb:{tmp_path}/fresh"
    done = pawl("restore", backup, fresh, "--skip", 20)
    assert done.returncode == 0, done.stderr
    assert "orders: next 26, from 6 (it was not there), 20 skipped\n" in done.stdout
    assert "4 of 6 restored, 80 ids skipped, 2 names that none bears; " in done.stdout
    assert next_ids("orders", 2, fresh) == [26, 27]
    assert next_ids("new", 1, fresh) == [26]
    refused(pawl("next", "old", url=fresh), 3, 'it was renamed to "new"')
    assert pawl_json("show", "orders", url=fresh)["line"] == \
        pawl_json("show", "orders", url=store)["line"]


def test_a_restore_says_what_it_will_do_and_what_it_did(backup, tmp_path):
    fresh = f"lmdb:{tmp_path}/fresh"
    planned = pawl("--json", "restore", backup, fresh, "--skip", 1000, "--dry-run")
    assert planned.returncode == 10
    plan = json.loads(planned.stdout)
    assert plan["dry_run"] is True and plan["restored"] == 3 and plan["failed"] == 1
    assert pawl("list", url=fresh).stdout == ""
    done = pawl("--json", "restore", backup, fresh, "--skip", 1000)
    assert done.returncode == 10
    told = json.loads(done.stdout)
    assert told["sequences"] == plan["sequences"]
    ones = {one["name"]: one for one in told["sequences"]}
    assert ones["orders"] == {"name": "orders", "how": "new", "from": 6, "next": 1006,
                              "skipped": 1000, "why": "given", "rate": ones["orders"]["rate"]}
    assert ones["short"]["how"] == "failed" and ones["short"]["error"] == "LIMIT"
    assert ones["gone"]["how"] == "tombstone" and ones["old"]["how"] == "tombstone"
    assert (told["total"], told["restored"], told["tombstones"], told["skipped"]) == (6, 3, 2, 3000)
    listed = pawl("list", url=fresh).stdout.split("\n")
    assert sorted(listed)[1:] == ["größe \"x\"", "new", "orders"]


def test_again_it_moves_on_again_and_never_back(store, backup):
    assert next_ids("orders", 500, store)[-1] == 505
    done = pawl("restore", backup, store, "--skip", 100, "--match", "orders")
    assert done.returncode == 0, done.stderr
    assert "orders: next 606, from 506 (the store was as far or further), 100" in done.stdout
    assert "3 sequences are not in the backup" not in done.stdout  # they do not match either
    again = pawl_json("restore", backup, store, "--skip", 100, "--match", "orders")
    assert again["sequences"][0]["from"] == 606 and again["sequences"][0]["next"] == 706
    assert next_ids("orders", 1, store) == [706]


def test_a_pattern_that_nothing_matches_is_a_mistake(store, backup, tmp_path):
    done = pawl("restore", backup, store, "--skip", 1, "--match", "nope*")
    assert (done.returncode, done.stderr) == (3, "pawl: no sequence of the backup matches nope*\n")
    done = pawl("backup", store, tmp_path / "none", "--match", "nope*")
    assert (done.returncode, done.stderr) == (3, "pawl: no sequence of the store matches nope*\n")
    assert not (tmp_path / "none").exists()
    done = pawl("restore", backup, f"lmdb:{tmp_path}/made", "--skip", 1, "--match", "nope*")
    assert done.returncode == 3 and not (tmp_path / "made").exists(), done


def test_for_a_time_it_skips_what_its_rate_allows(store, tmp_path):
    path, fresh = tmp_path / "f", f"lmdb:{tmp_path}/fresh"
    assert pawl("create", "busy", url=store).returncode == 0
    assert pawl("bench", "busy", "--seconds", 1, url=store).returncode == 0
    assert pawl("backup", store, path).returncode == 0
    told = json.loads(pawl("--json", "restore", path, fresh, "--skip-for", "2h").stdout)
    ones = {one["name"]: one for one in told["sequences"]}
    assert ones["busy"]["why"] == "rate" and ones["busy"]["rate"] > 1000
    assert ones["busy"]["skipped"] >= 7200 * ones["busy"]["rate"] - 7200
    assert ones["new"]["why"] == "margin" and ones["new"]["skipped"] == 10_000


def test_another_line_is_begun_where_two_meet(store, backup, tmp_path):
    other = f"lmdb:{tmp_path}/other"
    for name in ("orders", "new", "mine"):
        assert pawl("create", name, "--max", 50 if name == "new" else 100_000,
                    url=other).returncode == 0
    assert next_ids("orders", 2, other) == [1, 2]
    lines = [pawl_json("show", "orders", url=url)["line"] for url in (store, other)]
    done = pawl("restore", backup, other, "--skip", 10)
    refused(done, 10, "not restored: new: another sequence \"new\" is in use there")
    assert "orders: next 16, from 6 (a new line, beyond the store's and the" in done.stdout
    assert "1 sequences are not in the backup and stay as they are" in done.stdout
    assert pawl_json("show", "orders", url=other)["line"] > max(lines)
    assert next_ids("orders", 1, other) == [16]
    assert next_ids("new", 1, other) == [1]


def test_what_cannot_be_meant_is_refused_before_anything_is_written(backup, tmp_path):
    fresh, bad = f"lmdb:{tmp_path}/fresh", tmp_path / "bad"
    refused(pawl("restore", backup, fresh), 2, "needs either --skip N or --skip-for TIME",
            "would be handed out again")
    refused(pawl("restore", backup, fresh, "--skip", 5, "--skip-for", "1h"), 2, "needs either")
    refused(pawl("restore", backup, fresh, "--skip-for", "1w"), 2, "--skip-for takes a time")
    refused(pawl("restore", backup, fresh, "--skip", 0), 2, "from 1")
    refused(pawl("restore", backup, "memory:", "--skip", 5), 2, "forgets everything")
    refused(pawl("restore", tmp_path / "none", fresh, "--skip", 5), 2, "cannot be read")
    whole = backup.read_text(encoding="utf-8")
    for text, why in ((whole[:-2], "has no last line"), (whole[:200], "has no last line"),
                      (whole.replace('"next":6', '"next":7', 1), "checksum is wrong"),
                      (whole.replace('"pawl_backup":1', '"pawl_backup":2'), "a newer pawl wrote"),
                      (whole + "\n", "behind the last line"), ("", "no backup of pawl's"),
                      (whole.replace('"format":1', '"format":9', 1), "a newer pawl wrote")):
        bad.write_text(text, encoding="utf-8")
        done = pawl("restore", bad, fresh, "--skip", 5)
        assert done.returncode == (8 if "newer" in why else 2) and why in done.stderr, done.stderr
    assert not (tmp_path / "fresh").exists()


def test_a_backup_that_cannot_be_made_leaves_the_last_one(server, store, backup, tmp_path):
    before = backup.read_bytes()
    refused(pawl("backup", f"lmdb:{tmp_path}/none", backup), 8, "holds no store")
    refused(pawl("backup", server.store, backup), 5, "in use by process")
    refused(pawl("backup", store, tmp_path), 2, "is no file")
    refused(pawl("backup", store, tmp_path / "no/folder"), 1, "nothing can be written there")
    refused(pawl("backup", "memory:", backup), 2, "forgets everything")
    assert backup.read_bytes() == before
    assert not [name for name in os.listdir(tmp_path) if name.startswith("ids.backup.")]


def test_a_pipe_is_a_file(store, tmp_path):
    fresh = f"lmdb:{tmp_path}/fresh"
    text = pawl("backup", store, "-").stdout
    done = pawl("restore", "-", fresh, "--skip", 7, typed=text)
    assert done.returncode == 0, done.stderr
    assert next_ids("orders", 1, fresh) == [13]


def test_killed_at_any_moment_a_backup_is_whole_or_the_old_one(store, tmp_path, dice):
    path = tmp_path / "f"
    made = 0
    for _ in range(20):
        one = subprocess.Popen([program("pawl"), "backup", store, str(path)],
                               stdout=subprocess.DEVNULL)
        try:
            one.wait(dice.uniform(0.001, 0.05))
        except subprocess.TimeoutExpired:
            one.send_signal(signal.SIGKILL)
        one.wait(10)
        if path.exists():
            made += 1
            assert records(path)[-1]["records"] == 6
    print(f"{made} of 20 found one")


def test_ids_are_never_given_twice_by_a_server_whose_store_was_restored(fleet, tmp_path, dice):
    """The store is lost with all that was given since the backup, twice, and the server too."""
    names = [f"team/{i}" for i in range(50)]
    ledger = Ledger()
    server = fleet.start("a", options=["--auto-create", "*"])
    folder, path = tmp_path / "a-store", tmp_path / "f"
    for _ in range(2):
        for _ in range(dice.randrange(1, 20)):
            assert ledger.take(server, names) == len(names)
        assert server.stop() == 0
        assert pawl("backup", server.store, path).returncode == 0
        server.start()
        since = dice.randrange(5, 60)
        for _ in range(since):
            assert ledger.take(server, names) == len(names)
        server.kill()
        shutil.rmtree(folder)
        folder.mkdir(mode=0o700)
        # What was reserved and not used may be skipped over, or not: nobody has it.
        done = pawl("restore", path, server.store, "--skip", since)
        assert done.returncode == 0, done.stderr
        server.start()
    assert ledger.take(server, names) == len(names)
    assert not ledger.errors


def test_a_server_goes_on_while_its_store_is_restored_beneath_a_pawld(fleet, tmp_path):
    """Epochs are new, so what it holds is let go of and what follows lies beyond."""
    if shutil.which("redis-server") is None:
        pytest.fail("redis-server is missing: tools/setup installs it")
    port = free_port()
    redis_server = subprocess.Popen(
        ["redis-server", "--port", str(port), "--bind", "127.0.0.1", "--dir", str(tmp_path),
         "--appendonly", "yes", "--appendfsync", "always", "--save", ""],
        stdout=subprocess.DEVNULL)
    try:
        url, path, ledger = f"redis://127.0.0.1:{port}/0", tmp_path / "f", Ledger()
        wait_until(lambda: pawl("ping", url=url).returncode == 0, "Redis answers")
        server = fleet.start("b", store=url, options=[
            "--auto-create", "*", "--refill-interval", "300ms", "--ride-through", "600ms"])
        for _ in range(30):
            assert ledger.take(server, ["a", "b"]) == 2
        assert pawl("backup", url, path).returncode == 0  # while it is in use
        for _ in range(100):
            assert ledger.take(server, ["a", "b"]) == 2
        done = pawl("restore", path, url, "--skip", 1000)
        assert done.returncode == 0, done.stderr
        until = time.monotonic() + 2
        while time.monotonic() < until:
            assert ledger.take(server, ["a", "b"]) == 2
        assert min(ledger.given["a"]) == 1 and max(ledger.given["a"]) > 1000
        assert server.stop() == 0
    finally:
        redis_server.terminate()
        redis_server.wait(20)


def test_as_sql_it_is_what_postgresql_takes(store):
    done = pawl("backup", store, "-", "--sql")
    assert done.returncode == 0, done.stderr
    assert 'CREATE SEQUENCE "größe ""x""" AS bigint START WITH 1 INCREMENT BY 1' in done.stdout
    assert "SELECT pg_catalog.setval('\"orders\"', 6, false);" in done.stdout
    assert "-- old: was renamed to new" in done.stdout and "-- gone: was dropped" in done.stdout


def test_ten_thousand_sequences_take_seconds(store, backup, tmp_path):
    """As a backup says them; the checksum is the usual CRC-32 of all lines before the last."""
    head, *lines, _ = backup.read_text(encoding="utf-8").splitlines(keepends=True)
    like = next(line for line in lines if '"name":"orders"' in line)
    text = head + "".join(like.replace('"orders"', f'"counter-{i:05}"') for i in range(10_000))
    crc = zlib.crc32(text.encode())
    path, fresh = tmp_path / "many", f"lmdb:{tmp_path}/fresh"
    path.write_text(text + f'{{"end":true,"records":10000,"crc32":"{crc:08x}"}}\n',
                    encoding="utf-8")
    told = pawl_json("restore", path, fresh, "--skip-for", "1h")
    made = pawl_json("backup", fresh, backup)
    print(made["seconds"], told["seconds"], path.stat().st_size)
    assert told["restored"] == 10_000 and told["seconds"] < 30
    assert told["skipped"] == 10_000 * 10_000
    assert made["sequences"] == 10_000 and made["seconds"] < 20
    assert next_ids("counter-07777", 1, fresh) == [10_006]
    assert pawl("list", url=store).stdout.count("\n") == 4

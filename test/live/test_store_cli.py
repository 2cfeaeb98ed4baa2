# SPDX-License-Identifier: Apache-2.0
"""What a person does with stores: pawl store init, check and copy, on LMDB folders."""
import json
import signal
import subprocess

import pytest
from live import next_ids, pawl, pawl_json, program
from moving import Ledger, kill_copy


@pytest.fixture
def stores(tmp_path):
    """The URLs of two stores; the first has a few sequences."""
    source, target = f"lmdb:{tmp_path}/from", f"lmdb:{tmp_path}/to"
    assert pawl("store", "init", source).returncode == 0
    for name in ("orders", "o/ders", "größe", "short"):
        assert pawl("create", name, "--max", 1000, url=source).returncode == 0
        assert next_ids(name, 5, source) == [1, 2, 3, 4, 5]
    return source, target


def refused(done, code, *texts):
    assert done.returncode == code, (done.stdout, done.stderr)
    for text in texts:
        assert text in done.stderr


def test_init_makes_a_folder_once(tmp_path):
    url = f"lmdb:{tmp_path}/new"
    assert pawl("store", "init", url).stdout == f"{url}: ready for sequences\n"
    assert pawl("create", "s", url=url).returncode == 0
    assert pawl_json("store", "init", url) == {"url": url, "done": "init"}
    assert pawl("list", url=url).stdout == "s\n"
    refused(pawl("store", "init", f"lmdb:{tmp_path}/no/parent"), 5, "cannot make the folder")
    refused(pawl("store", "init", "nosql://x"), 2, "no store has a URL that begins")
    refused(pawl("store", "init", "pawl://127.0.0.1"), 2, "names a server")


def test_check_says_what_was_found(stores, tmp_path):
    done = pawl("store", "check", stores[0])
    assert done.returncode == 0, done.stdout
    lines = done.stdout.splitlines()
    assert all(line.startswith(("ok      ", "warn    ")) for line in lines[:-1])
    assert any("file system: " in line for line in lines)
    assert any("free space: " in line for line in lines)
    assert "can keep ids unique" in lines[-1]
    found = pawl_json("store", "check", stores[0])
    assert found["keeps"] is True and found["url"] == stores[0]
    assert {"file system", "free space", "writing", "rights", "format"} == \
        {item["what"] for item in found["items"]}
    (tmp_path / "from").chmod(0o707)
    assert "warn    rights: mode 707; chmod o-w" in pawl("store", "check", stores[0]).stdout


def test_check_tells_what_breaks_the_promise(tmp_path):
    done = pawl("store", "check", "memory:")
    assert done.returncode == 9
    assert done.stdout.startswith("BREAKS  durability: ")
    done = pawl("--json", "store", "check", "memory:")
    assert done.returncode == 9
    found = json.loads(done.stdout)
    assert found["keeps"] is False and found["items"][0]["verdict"] == "breaks"
    assert "lmdb:" in found["items"][0]["advice"]
    refused(pawl("store", "check", f"lmdb:{tmp_path}/none"), 5, "holds no store")
    assert not (tmp_path / "none").exists()


def test_check_names_who_has_the_folder(server):
    refused(pawl("store", "check", server.store), 5, f"in use by process {server.process.pid}")


def test_a_copy_moves_everything_and_says_so(stores):
    source, target = stores
    assert pawl("drop", "short", url=source).returncode == 0
    planned = pawl_json("store", "copy", source, target, "--dry-run")
    assert (planned["moved"], planned["dropped"], planned["dry_run"]) == (3, 1, True)
    assert pawl("list", url=source).stdout.count("\n") == 3
    done = pawl("store", "copy", source, target)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("3 moved, 1 are dropped ones; ")
    assert "each unavailable for " in done.stdout
    assert pawl("list", url=source).stdout == ""
    assert next_ids("größe", 3, target) == [6, 7, 8]
    assert pawl_json("show", "orders", url=target)["max"] == 1000
    again = pawl_json("store", "copy", source, target)
    assert (again["moved"], again["moved_before"], again["failures"]) == (0, 3, [])
    assert next_ids("größe", 1, target) == [9]


def test_what_has_left_says_where_it_is(stores):
    source, target = stores
    assert pawl("store", "copy", source, target, "--match", "o*").returncode == 0
    assert pawl("list", url=source).stdout.split() == ["größe", "short"]
    there = f"was moved to another store ({target}"[:60]
    refused(pawl("next", "orders", url=source), 3, there)
    refused(pawl("show", "orders", url=source), 3, there)
    refused(pawl("create", "orders", url=source), 8, there, "pawl drop")
    assert pawl("drop", "orders", url=source).returncode == 0
    assert pawl("create", "orders", url=source).returncode == 0
    assert next_ids("orders", 1, source) == [1]
    refused(pawl("store", "copy", source, target), 10, "not moved: orders: another sequence",
            "1 of 4 not moved")
    assert next_ids("orders", 1, source) == [2]
    assert next_ids("orders", 1, target) == [6]


def test_a_copy_can_go_back_and_never_to_two_places(stores, tmp_path):
    source, target = stores
    assert pawl("store", "copy", source, target).returncode == 0
    elsewhere = pawl("store", "copy", source, f"lmdb:{tmp_path}/third")
    assert elsewhere.returncode == 0
    assert elsewhere.stdout.startswith("0 moved; ")
    assert "4 left for another store before" in elsewhere.stdout
    assert next_ids("orders", 2, target) == [6, 7]
    assert pawl("store", "copy", target, source).returncode == 0
    assert next_ids("orders", 2, source) == [8, 9]
    refused(pawl("next", "orders", url=target), 3, "was moved to another store")


def test_what_cannot_be_copied_is_refused_before_anything_leaves(stores, tmp_path):
    source, target = stores
    refused(pawl("store", "copy", source, source), 2, "are one store")
    (tmp_path / "link").symlink_to(tmp_path / "from")
    refused(pawl("store", "copy", source, f"lmdb:{tmp_path}/link"), 2, "are one store")
    refused(pawl("store", "copy", source, "memory:"), 2, "forgets everything")
    refused(pawl("store", "copy", f"lmdb:{tmp_path}/none", target), 5, "holds no store")
    refused(pawl("store", "copy", source, "pawl://127.0.0.1"), 2, "names a server")
    refused(pawl("store", "copy", source, f"lmdb:{tmp_path}/no/parent"), 5, "cannot make")
    assert len(pawl("list", url=source).stdout.split()) == 4


def test_progress_is_lines_where_there_is_no_terminal(stores):
    done = pawl("store", "copy", *stores)
    assert "\r" not in done.stderr and "\033" not in done.stderr
    shown = subprocess.run(
        ["script", "-qec", f"{program('pawl')} store copy {stores[1]} {stores[0]}", "/dev/null"],
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True, timeout=60, check=True)
    assert "[##############################] 4 of 4" in shown.stdout
    assert "4 moved; " in shown.stdout


def test_a_copy_that_is_killed_goes_on_and_no_id_comes_twice(fleet, tmp_path, dice):
    """Servers on both sides give ids in between, of what has left and of what has arrived."""
    names = [f"team-{i % 7}/{i}" for i in range(2500)]
    ledger, killed = Ledger(), 0
    a = fleet.start("a", options=["--auto-create", "*"])
    assert ledger.take(a, names) == len(names)
    b = fleet.start("b")
    stores = [a.store, b.store]
    for way in range(3):
        source, target = stores[way % 2], stores[1 - way % 2]
        for _ in range(5):
            assert a.stop() == 0 and b.stop() == 0
            code = kill_copy(source, target, dice.uniform(0.01, 0.08))
            assert code in (0, -signal.SIGKILL)
            killed += code != 0
            a.start()
            b.start()
            assert ledger.take(a, names) + ledger.take(b, names) <= len(names)
            if code == 0:
                break
        assert a.stop() == 0 and b.stop() == 0
        done = pawl_json("store", "copy", source, target)
        assert done["failures"] == [] and done["moved"] + done["moved_before"] == len(names)
        a.start()
        b.start()
        here, there = (a, b) if source == a.store else (b, a)
        assert ledger.take(here, names) == 0
        assert ledger.take(there, names) == len(names)
    # The words of NOSEQ, and of NOPERM without it: --auto-create may not create what has left.
    assert set(ledger.errors) <= {"NOSEQ", "sequence"}, ledger.errors
    assert sum(map(len, ledger.given.values())) >= 4 * len(names)
    print(f"{killed} copies were killed")


def test_ten_thousand_sequences_take_seconds(tmp_path, fleet):
    names = [f"counter-{i:05}" for i in range(10_000)]
    server = fleet.start("many", options=["--auto-create", "*"])
    for at in range(0, len(names), 1000):
        assert Ledger().take(server, names[at:at + 1000]) == 1000
    assert server.stop() == 0
    done = pawl_json("store", "copy", server.store, f"lmdb:{tmp_path}/to")
    print(done)
    assert done["moved"] == 10_000 and done["failures"] == []
    assert done["seconds"] < 30
    assert 0 < done["unavailable_median_ms"] <= done["unavailable_max_ms"]
    assert next_ids("counter-07777", 1, f"lmdb:{tmp_path}/to")[0] > 1

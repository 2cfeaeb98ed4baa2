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
    refused(pawl("store", "init", f"lmdb:{tmp_path}/no/parent"), 8, "cannot make the folder")
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
    refused(pawl("store", "check", f"lmdb:{tmp_path}/none"), 8, "holds no store")
    assert not (tmp_path / "none").exists()


def test_a_guard_in_the_url_is_no_part_of_the_folder(stores, tmp_path):
    source, target = stores
    guarded = f"{source}?guard={tmp_path}/guard"
    assert pawl("store", "check", guarded).returncode == 0
    refused(pawl("store", "copy", source, guarded), 2, "are one store")
    assert pawl("backup", guarded, tmp_path / "file").returncode == 0
    assert pawl("store", "copy", guarded, target).returncode == 0
    assert next_ids("orders", 1, target) == [6]
    refused(pawl("store", "check", f"{source}?gaurd=x"), 2, 'no parameter "gaurd"')
    refused(pawl("ping", url=f"lmdb:{tmp_path}/new?x"), 2, 'no parameter "x"')
    assert not list(tmp_path.glob("new*"))


def test_a_folder_that_is_not_named_cannot_be_meant(tmp_path, stores):
    for words in (["store", "check"], ["store", "init"], ["store", "copy", stores[0]],
                  ["ping", "--url"]):
        refused(pawl(*words, "lmdb:"), 2, "names no folder", "lmdb:/folder")
    refused(pawl("store", "copy", "lmdb:", stores[0]), 2, "names no folder")
    refused(pawl("backup", "lmdb:", tmp_path / "file"), 2, "names no folder")
    url = f"lmdb:{tmp_path}/store?guard={tmp_path}/a&guard={tmp_path}/b"
    refused(pawl("ping", "--url", url), 2, "guard of a store's URL is given twice")
    for check in (["--check"], []):
        done = subprocess.run([program("pawld"), "--store", "lmdb:", "--listen",
                               "resp://127.0.0.1:0", *check], text=True, capture_output=True,
                              timeout=20, check=False)
        assert done.returncode != 0 and "names no folder" in done.stderr, done
    assert not list(tmp_path.glob("store*"))


def test_check_names_who_has_the_folder(server):
    refused(pawl("store", "check", server.store, "--timeout", 1), 5,
            f"in use by process {server.process.pid}")


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


def test_a_pattern_that_nothing_matches_is_a_mistake(stores):
    for options in ([], ["--dry-run"], ["--json"]):
        done = pawl(*options[:options == ["--json"]], "store", "copy", *stores, "--match", "nope*",
                    *options[options == ["--json"]:])
        refused(done, 3, "no sequence of the store matches nope*")
    assert pawl("store", "copy", stores[0], stores[1]).returncode == 0


def test_where_it_went_is_seen_to_be_cut(stores, tmp_path):
    (tmp_path / ("long" * 20)).mkdir()
    target = f"lmdb:{tmp_path}/{'long' * 20}/store"
    assert pawl("store", "copy", stores[0], target).returncode == 0
    refused(pawl("next", "orders", url=stores[0]), 3, f"store ({target[:43]}...): use it there")
    assert pawl_json("store", "copy", stores[0], target)["moved_before"] == 4


def test_what_has_left_says_where_it_is(stores):
    source, target = stores
    assert pawl("store", "copy", source, target, "--match", "o*").returncode == 0
    assert pawl("list", url=source).stdout.split() == ["größe", "short"]
    there = f"was moved to another store ({target}"[:60]
    refused(pawl("next", "orders", url=source), 3, there)
    refused(pawl("show", "orders", url=source), 3, there)
    refused(pawl("create", "orders", url=source), 8, there, "pawl drop --force")
    refused(pawl("drop", "orders", url=source), 8, there, "pawl drop --force")
    refused(pawl("create", "orders", url=source), 8, there)
    assert pawl("drop", "orders", "--force", url=source).returncode == 0
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
    refused(elsewhere, 2, "nothing was moved: all 4 sequences left for another store before")
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
    refused(pawl("store", "copy", f"lmdb:{tmp_path}/none", target), 8, "holds no store")
    refused(pawl("store", "copy", source, "pawl://127.0.0.1"), 2, "names a server")
    refused(pawl("store", "copy", source, f"lmdb:{tmp_path}/no/parent"), 8, "cannot make")
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


ABSENT = "redis://127.0.0.1:1/0"  # port 1 is nobody's


@pytest.mark.parametrize("words", [
    ["store", "check", ABSENT], ["store", "init", ABSENT],
    ["store", "copy", ABSENT, "lmdb:{}/to"], ["store", "copy", "lmdb:{}/from", ABSENT],
    ["backup", ABSENT, "{}/file"], ["restore", "{}/made", ABSENT, "--skip", 1],
])
def test_what_is_waited_for_is_said_once(stores, tmp_path, words):
    words = [str(word).format(tmp_path) for word in words]
    if words[0] == "restore":
        assert pawl("backup", stores[0], tmp_path / "made").returncode == 0
    brief = pawl(*words, "--timeout", 0.5)
    refused(brief, 5, "127.0.0.1:1: cannot connect")
    assert "trying again" not in brief.stderr
    long = pawl(*words, "--timeout", 2)
    refused(long, 5)
    lines = long.stderr.splitlines()
    assert len(lines) == 2 and "127.0.0.1:1: cannot connect" in lines[1], lines
    assert lines[0].startswith("pawl: redis 127.0.0.1:1: cannot connect: connection refused; "
                               "trying again for 1 s at most"), lines
    assert not (tmp_path / "file").exists()


def test_what_is_waited_for_is_no_json(tmp_path):
    done = pawl("--json", "backup", ABSENT, tmp_path / "file", "--timeout", 1.5)
    assert json.loads(done.stderr)["error"] == "STORE"


def test_a_store_that_is_waited_for_need_not_be(tmp_path):
    waiting = subprocess.Popen([program("pawl"), "backup", ABSENT, tmp_path / "file"],
                               stderr=subprocess.PIPE, text=True)
    try:
        assert "trying again for 29 s at most" in waiting.stderr.readline()
        waiting.send_signal(signal.SIGINT)
        assert waiting.wait(5) == 1
        assert waiting.stderr.read() == "stopping; nothing is written\npawl: stopped as told\n"
    finally:
        waiting.kill()
        waiting.stderr.close()
        waiting.wait()
    assert not (tmp_path / "file").exists()

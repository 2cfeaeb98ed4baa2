# SPDX-License-Identifier: Apache-2.0
"""A store that is put back by hand under servers that remember: judged by `pawl verify`."""
import pathlib
import re
import shutil
import subprocess

import pytest
import redis

from live import Fleet, free_port, next_ids, pawl, pawl_json, program, wait_until

FAST = ("--refill-interval", "500ms", "--ride-through", "1s", "--takeover-timeout", "2s")
MARGIN = 10000


@pytest.fixture(name="fleet")
def fleet_of(tmp_path):
    fleet = Fleet(tmp_path)
    yield fleet
    fleet.end()


def draw(server, taker, folder, count, name="orders"):
    """Ids by INCR, written down as their taker's history."""
    ids = []
    with server.redis() as client:
        for _ in range(count):
            ids.append(client.incr(name))
    with open(folder / f"{taker}.txt", "a", encoding="ascii") as history:
        history.writelines(f"{number}\n" for number in ids)
    return ids


def judge(folder):
    files = sorted(str(path) for path in pathlib.Path(folder).glob("*.txt"))
    done = pawl("verify", *files)
    assert done.returncode == 0, done.stdout + done.stderr


def info(server):
    with server.redis() as client:
        return client.info("guard")


def steps_back(server, name):
    """Of one sequence, as SEQ.INFO has them; and of all, as INFO has them."""
    with server.redis() as client:
        told = dict(zip(*[iter(client.execute_command("SEQ.INFO", name))] * 2))
        store = client.info("store")
    assert (told[b"step_back_ids"] >= MARGIN) == (told[b"steps_back"] > 0)
    return told[b"steps_back"], store["store_steps_back"]


def put_back(folder, copy):
    shutil.rmtree(folder)
    shutil.copytree(copy, folder)


def guarded(folder, *more):
    return dict(store=f"lmdb:{folder / 'store'}",
                options=(*FAST, "--data", str(folder / "data"), *more))


def start_again(server):
    server.stopped = False
    return server.start()


def test_a_store_that_was_copied_back_gives_nothing_again(fleet, tmp_path):
    server = fleet.start("pawld", **guarded(tmp_path))
    with server.redis() as client:
        for name in ("orders", "quiet"):
            client.execute_command("SEQ.CREATE", name)
    draw(server, "first", tmp_path, 50)
    quiet = draw(server, "quiet-first", tmp_path / "..", 5, "quiet")
    server.kill()
    shutil.copytree(tmp_path / "store", tmp_path / "copy")
    for life in range(3):
        start_again(server)
        draw(server, f"life{life}", tmp_path, 400)
        server.kill()
    put_back(tmp_path / "store", tmp_path / "copy")
    start_again(server)
    ids = draw(server, "after", tmp_path, 400)
    assert min(ids) > 1250
    judge(tmp_path)
    told = info(server)
    assert told["guard_times_back"] == 1 and told["guard_steps_back"] == 1
    assert told["guard_last_step_back_sequence"] == "orders"
    assert re.search("store went back in time.* position_now=.* branch_now=", server.log())
    assert steps_back(server, "orders") == (1, 1) and steps_back(server, "quiet") == (0, 1)
    # Nobody's floor tells of the quiet one: its record bears another branch than the store's.
    assert min(draw(server, "quiet-after", tmp_path / "..", 5, "quiet")) > max(quiet)
    assert steps_back(server, "quiet") == (1, 2)
    # It is over: the next start finds a store as it left it, and sequences tell what befell them.
    server.kill()
    start_again(server)
    assert steps_back(server, "orders") == (1, 0) and steps_back(server, "quiet") == (1, 0)
    assert info(server)["guard_times_back"] == 0
    draw(server, "later", tmp_path, 400)
    assert info(server)["guard_steps_back"] == 0
    judge(tmp_path)


def test_a_sequence_that_stops_is_counted_and_shown(fleet, tmp_path):
    server = fleet.start("pawld", **guarded(tmp_path, "--on-rollback", "refuse"))
    assert pawl("create", "orders", url=server.url).returncode == 0
    assert "nothing known by this server" in pawl("show", "orders", url=server.url).stdout
    server.kill()
    shutil.copytree(tmp_path / "store", tmp_path / "copy")
    start_again(server)
    draw(server, "first", tmp_path, 50)
    shown = pawl("show", "orders", url=server.url).stdout
    assert "none by this server since" in shown and "stopped" not in shown
    server.kill()
    put_back(tmp_path / "store", tmp_path / "copy")
    start_again(server)

    def told():
        with server.redis() as client:
            store = client.info("store")
        gaps = pawl_json("show", "orders", url=server.url)["gaps"]
        return (store["store_stopped_sequences"], store["store_stops"], gaps["stopped"],
                gaps["stops"])

    with server.redis() as client, pytest.raises(redis.exceptions.ResponseError, match="fence"):
        client.incr("orders")
    assert told() == (1, 1, True, 1)
    assert ("stopped     1 time its store went back, or may have, and still: no ids until pawl "
            "fence orders\n") in pawl("show", "orders", url=server.url).stdout
    assert pawl("fence", "orders", url=server.url).returncode == 0
    assert min(draw(server, "second", tmp_path, 5)) > 50
    assert told() == (0, 1, False, 1)
    assert "; it goes on\n" in pawl("show", "orders", url=server.url).stdout
    judge(tmp_path)


def test_kills_alone_are_no_step_back(fleet, tmp_path):
    server = fleet.start("pawld", **guarded(tmp_path))
    with server.redis() as client:
        client.execute_command("SEQ.CREATE", "orders")
    for life in range(12):
        draw(server, f"life{life}", tmp_path, 60)
        if life % 3 == 2:
            assert server.stop() == 0
        else:
            server.kill()
        start_again(server)
        told = info(server)
        assert told["guard_times_back"] == 0 and told["guard_steps_back"] == 0, server.log()
    judge(tmp_path)
    assert max(draw(server, "end", tmp_path, 1)) < 100000


def test_another_store_waits_until_it_is_accepted(fleet, tmp_path):
    server = fleet.start("pawld", **guarded(tmp_path))
    with server.redis() as client:
        client.execute_command("SEQ.CREATE", "orders")
        client.execute_command("SEQ.CREATE", "users")
        assert client.execute_command("INCRBY", "users", 30) == 30
    draw(server, "first", tmp_path, 10)
    assert server.stop() == 0
    shutil.rmtree(tmp_path / "store")
    server.stopped = True
    server.start(ready=False)
    assert server.process.wait(20) == 1
    server.stopped = True
    refused = re.search(r"--accept-store ([0-9a-f-]{36})", server.log())
    assert refused, server.log()
    server.options += ["--accept-store", refused[1]]
    start_again(server)
    with server.redis() as client:
        client.execute_command("SEQ.CREATE", "orders", "START", 1000)
        with pytest.raises(redis.exceptions.ResponseError, match="ids of it up to 30, from the st"):
            client.execute_command("INCR", "users")
        client.execute_command("SEQ.CREATE", "users")
        assert client.execute_command("INCR", "users") > 30, "ids of before come again"
    assert draw(server, "second", tmp_path, 3)[0] == 1000
    assert "what was seen in the one before counts only" in server.log()


NAMES = [f"y{i}" for i in range(8)]  # whose epochs are drawn by luck


def create_all(server):
    with server.redis() as client:
        for name in NAMES:
            client.execute_command("SEQ.CREATE", name)


def use_and_drop_all(server):
    create_all(server)
    with server.redis() as client:
        for name in NAMES:
            client.incr(name)
            client.execute_command("SEQ.DROP", name)


def take_all(server):
    with server.redis() as client:
        return {(name, client.incr(name)) for name in NAMES for _ in range(30)}


def test_a_restored_tombstone_hides_nothing_that_was_begun_after_it(fleet, tmp_path):
    server = fleet.start("pawld", **guarded(tmp_path))
    assert server.stop() == 0
    shutil.copytree(tmp_path / "store", tmp_path / "copy")
    use_and_drop_all(start_again(server))
    assert server.stop() == 0
    assert pawl("backup", server.store, tmp_path / "file").returncode == 0
    create_all(start_again(server))
    before = take_all(server)
    assert server.stop() == 0
    put_back(tmp_path / "store", tmp_path / "copy")
    done = pawl("restore", tmp_path / "file", server.store, "--skip", 1000)
    assert done.returncode == 0, done.stderr
    create_all(start_again(server))
    assert not before & take_all(server)


def test_an_accepted_store_s_tombstones_hide_nothing(fleet, tmp_path):
    server = fleet.start("pawld", **guarded(tmp_path))
    create_all(server)
    before = take_all(server)
    assert server.stop() == 0
    shutil.rmtree(tmp_path / "store")
    other = fleet.start("other", store=server.store)
    for _ in range(3):
        use_and_drop_all(other)
    with other.redis() as client:
        client.execute_command("SEQ.CREATE", "x")
    assert other.stop() == 0
    server.start(ready=False)
    assert server.process.wait(20) == 1
    server.stopped = True
    refused = re.search(r"--accept-store ([0-9a-f-]{36})", server.log())
    server.options += ["--accept-store", refused[1]]
    start_again(server)
    with server.redis() as client:
        client.execute_command("SEQ.RENAME", "x", NAMES[0])
    with server.redis() as client:
        for name in NAMES[1:]:
            client.execute_command("SEQ.CREATE", name)
    assert not before & take_all(server)


def test_a_server_over_another_says_that_it_has_no_guard(fleet, tmp_path):
    home = fleet.start("home", store=f"lmdb:{tmp_path / 'store'}")
    edge = fleet.start("edge", store=f"pawl://127.0.0.1:{home.port}",
                       options=["--data", str(tmp_path / "edge-data")])
    assert "no guard" in edge.log() and "no guard" not in home.log()


def test_a_folder_has_one_server(fleet, tmp_path):
    server = fleet.start("pawld", **guarded(tmp_path))
    other = guarded(tmp_path)
    other["store"] = f"lmdb:{tmp_path / 'other'}"
    second = fleet.start("second", ready=False, **other)
    assert second.process.wait(20) == 1
    second.stopped = True
    assert f"process {server.process.pid}" in second.log()


def test_a_damaged_guard_is_said_and_begun_anew(fleet, tmp_path, dice):
    server = fleet.start("pawld", **guarded(tmp_path))
    with server.redis() as client:
        client.execute_command("SEQ.CREATE", "orders")
    draw(server, "first", tmp_path, 10)
    assert server.stop() == 0
    (guard,) = (tmp_path / "data").glob("guard-*")
    (guard / "data.mdb").write_bytes(dice.randbytes(16384))
    start_again(server)
    draw(server, "second", tmp_path, 10)
    assert "guard is damaged" in server.log() and "pawl fence --all" in server.log()
    judge(tmp_path)


def test_a_lost_data_folder_is_warned_of(fleet, tmp_path):
    server = fleet.start("pawld", **guarded(tmp_path))
    with server.redis() as client:
        client.execute_command("SEQ.CREATE", "orders")
    draw(server, "first", tmp_path, 10)
    start = len(server.log())
    assert "guard was just begun" not in server.log()
    assert server.stop() == 0
    shutil.rmtree(tmp_path / "data")
    start_again(server)
    draw(server, "second", tmp_path, 10)
    warned = [line for line in server.log()[start:].splitlines() if "guard was just begun" in line]
    assert len(warned) == 1 and "level=warn" in warned[0] and "--data" in warned[0], server.log()
    judge(tmp_path)


@pytest.mark.parametrize("size", (10, 512, 5000))
def test_a_damaged_gap_ledger_is_seen_and_set_aside(fleet, tmp_path, dice, size):
    server = fleet.start("pawld", **guarded(tmp_path))
    with server.redis() as client:
        client.execute_command("SEQ.CREATE", "orders")
    draw(server, "first", tmp_path, 10)
    assert server.stop() == 0
    (ledger,) = (tmp_path / "data").glob("gaps-*")
    assert "gap ledger        1 sequences" in check(tmp_path).stdout
    harmed = dice.randbytes(size)
    ledger.write_bytes(harmed)
    before = tree(tmp_path / "data")
    done = check(tmp_path)
    assert done.returncode == 0 and "gap ledger        would be begun anew" in done.stdout
    assert tree(tmp_path / "data") == before
    start_again(server)
    draw(server, "second", tmp_path, 10)
    judge(tmp_path)
    (aside,) = (tmp_path / "data").glob("gaps-*.damaged-*")
    assert aside.read_bytes() == harmed and str(aside) in server.log()


def test_a_client_straight_on_its_store_can_have_a_guard(tmp_path):
    url = f"lmdb:{tmp_path / 'store'}?guard={tmp_path / 'guard'}"
    assert pawl("create", "orders", url=url).returncode == 0
    first = next_ids("orders", 5, url)
    shutil.copytree(tmp_path / "store", tmp_path / "copy")
    second = next_ids("orders", 500, url)
    put_back(tmp_path / "store", tmp_path / "copy")
    third = next_ids("orders", 5, url)
    assert not set(third) & set(first + second)
    assert min(third) > max(second) + MARGIN - 1


def test_all_sequences_are_fenced_at_once(fleet, tmp_path):
    server = fleet.start("pawld", **guarded(tmp_path))
    for name in ("a", "b", "c"):
        assert pawl("create", name, url=server.url).returncode == 0
        draw(server, name, tmp_path, 5, name)
    done = pawl("fence", "--all", "--skip", 700, url=server.url)
    assert done.returncode == 0 and done.stdout.count("fenced") == 3, done.stderr
    for name in ("a", "b", "c"):
        assert draw(server, name, tmp_path, 1, name)[0] >= 706


def tree(folder):
    """All that is in it, to the byte, but for who uses and used folders."""
    return {path.relative_to(folder): path.read_bytes() if path.is_file() else None
            for path in folder.rglob("*") if path.name not in ("owner", "lock.mdb")}


def check(folder, *more):
    words = ["--check", "--listen", "resp://127.0.0.1:0", "--store", f"lmdb:{folder / 'store'}",
             "--data", str(folder / "data"), *FAST, *more]
    return subprocess.run([program("pawld"), *words], text=True, timeout=30, check=False,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def test_a_check_changes_nothing(fleet, tmp_path):
    folder = tmp_path / "checked"
    folder.mkdir()
    done = check(folder)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("would be made") == 2 and not tree(folder)
    server = fleet.start("pawld", store=f"lmdb:{folder / 'store'}", options=FAST)
    assert pawl("create", "orders", url=server.url).returncode == 0
    assert server.stop() == 0
    before = tree(folder)
    done = check(folder)
    assert done.returncode == 0 and "guard             would be begun" in done.stdout, done.stderr
    assert tree(folder) == before
    server.options = [*FAST, "--data", str(folder / "data")]
    start_again(server)
    draw(server, "first", tmp_path, 10)
    server.kill()  # there is a journal as well
    before = tree(folder)
    done = check(folder)
    assert done.returncode == 0 and "guard             of store" in done.stdout, done.stderr
    assert tree(folder) == before
    shutil.rmtree(folder / "store")  # another one is in its place
    with_other = Fleet(tmp_path)
    other = with_other.start("other", store=f"lmdb:{folder / 'store'}", options=FAST)
    assert other.stop() == 0
    before = tree(folder)
    done = check(folder)
    assert done.returncode == 1 and "--accept-store" in done.stderr, done.stdout
    assert tree(folder) == before


def test_a_check_reads_the_options_of_an_lmdb_url(tmp_path):
    words = ["--check", "--listen", "resp://127.0.0.1:0", "--store",
             f"lmdb:{tmp_path / 'store'}?guard={tmp_path / 'guard'}"]
    run = {"text": True, "timeout": 30, "check": False, "capture_output": True}
    done = subprocess.run([program("pawld"), *words], **run)
    assert done.returncode == 0 and "would be made" in done.stdout, done.stderr
    assert not tree(tmp_path)
    (tmp_path / "store").mkdir()
    words += ["--data", str(tmp_path / "store" / "data")]
    done = subprocess.run([program("pawld"), *words], **run)
    assert done.returncode == 2 and "lies in the store's folder" in done.stderr, done.stdout


def test_a_memory_store_can_have_a_folder_and_forgets(fleet, tmp_path):
    server = fleet.start("pawld", store="memory:", options=(*FAST, "--data", tmp_path / "data"))
    for life in range(3):
        assert pawl("create", "orders", url=server.url).returncode == 0
        assert draw(server, f"life{life}", tmp_path, 3) == [1, 2, 3]
        assert server.stop() == 0
        start_again(server)
    assert server.log().count("a memory store forgets") == 4
    assert len(list((tmp_path / "data").glob("guard-*"))) == 1


def test_a_new_guard_waits_for_clients_that_remember(fleet, tmp_path):
    port = free_port()
    server = fleet.start("pawld", port=port, **guarded(tmp_path, "--learn-for", "3s"))
    with server.redis() as client:
        client.execute_command("SEQ.CREATE", "orders")
    before = draw(server, "first", tmp_path, 20)  # made here: it has no past
    server.kill()
    shutil.rmtree(tmp_path / "data")
    start_again(server)
    with server.redis() as client:
        lease = client.execute_command
        line = dict(zip(*[iter(lease("SEQ.INFO", "orders"))] * 2))[b"line"]
        lease("SEQ.LEASE", "orders", 1, "FLOOR", line, 0, 5000)
    after = draw(server, "second", tmp_path, 20)
    assert min(after) > max(before + [5000])
    wait_until(lambda: info(server)["guard_state"] == "ready", "the guard")
    judge(tmp_path)

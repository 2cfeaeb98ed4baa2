# SPDX-License-Identifier: Apache-2.0
"""Processes that fork, start others, stand still and are copied: docs/processes.md. What one
program sees of fork() itself is in fork_test.c."""
import signal
import subprocess
import sys
import time

import pytest

from live import BUILD, ROOT, pawl, wait_until

FAST = ["--refill-interval", "400ms", "--ride-through", "1s"]
POOL = ROOT / "test/live/pool.py"
STANDS_STILL_S = 4.0  # ten refill intervals: more than any lease lasts, if one did end


def judge(folder, names=("s",)):
    """By pawl verify; returns how many ids there were."""
    for name in names:
        files = sorted(folder.glob(f"{name}.*.i64"))
        done = pawl("verify", *files)
        assert done.returncode == 0, done.stdout + done.stderr
    return sum(path.stat().st_size // 8 for path in folder.glob("*.i64"))


@pytest.mark.parametrize("style", ["prefork", "recycle", "late"])
def test_workers_of_a_pool_share_no_id(fleet, tmp_path, style):
    if "san" in BUILD.name:
        pytest.skip("Python cannot load a library that is built for a sanitizer")
    server = fleet.start(options=FAST)
    assert pawl("create", "s", url=server.url).returncode == 0
    done = subprocess.run([sys.executable, POOL, BUILD / "libpawl.so", server.url, "s",
                           tmp_path / "histories", style], text=True, timeout=120, check=False,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    assert done.returncode == 0, done.stdout
    ids = judge(tmp_path / "histories")
    print(f"{style}: {ids} ids of {len(list((tmp_path / 'histories').iterdir()))} takers")
    assert ids > 600


def test_the_example_of_a_pre_forking_server(server):
    assert pawl("create", "s", url=server.url).returncode == 0
    done = subprocess.run([BUILD / "test/live/workers", server.url, "s", "5", "40"], text=True,
                          timeout=60, check=True, stdout=subprocess.PIPE)
    taken = [line.split() for line in done.stdout.splitlines()]
    assert len(taken) == len({number for _, number in taken}) == 5 * 40
    assert len({worker for worker, _ in taken}) == 5
    gone = subprocess.run([BUILD / "test/live/workers", server.url, "none"], text=True, timeout=60,
                          check=False, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert (gone.returncode, gone.stdout) == (1, "")
    assert "none" in gone.stderr


class Taker:
    """A libpawl process that draws until it is ended: test/chaos/taker.c."""

    def __init__(self, url, prefix):
        self.prefix = prefix
        self.process = subprocess.Popen(
            [BUILD / "test/chaos/taker", url, "s", prefix, "3", "2000", "mixed", "1000", "400",
             "20000"], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)
        assert self.process.stdout.readline() == "ok\n"

    def size(self):
        return sum(path.stat().st_size
                   for path in self.prefix.parent.glob(self.prefix.name + ".*"))

    def draws(self):
        before = self.size()
        wait_until(lambda: self.size() > before, f"{self.prefix.name} draws")

    def send(self, number):
        self.process.send_signal(number)

    def end(self):
        self.send(signal.SIGTERM)
        text = self.process.communicate(timeout=30)[0]
        assert self.process.returncode == 0
        return text

    def kill(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.communicate()


@pytest.fixture
def takers():
    running = []

    def begin(url, prefix):
        running.append(Taker(url, prefix))
        return running[-1]

    yield begin
    for one in running:
        one.kill()


@pytest.mark.parametrize("meanwhile", ["others draw", "the server restarts", "it is fenced",
                                       "the store moves ahead"])
def test_a_client_that_stood_still_goes_on(fleet, tmp_path, takers, meanwhile):
    """SIGSTOP for longer than anything lasts: what it holds is still its own, and nobody else's."""
    server = fleet.start(options=FAST)
    assert pawl("create", "s", url=server.url).returncode == 0
    still, other = (takers(server.url, tmp_path / f"s.{name}") for name in ("still", "other"))
    still.draws()
    still.send(signal.SIGSTOP)
    if meanwhile == "the server restarts":
        server.kill()
        server.start()
    elif meanwhile == "it is fenced":
        assert pawl("fence", "s", url=server.url).returncode == 0
    elif meanwhile == "the store moves ahead":
        assert pawl("set", "s", 1_000_000, url=server.url).returncode == 0
    time.sleep(STANDS_STILL_S)
    other.draws()
    still.send(signal.SIGCONT)
    still.draws()
    still.draws()
    for one in (still, other):
        one.end()
    print(f"{meanwhile}: {judge(tmp_path)} ids, none twice")


def test_a_server_that_stood_still_goes_on(fleet, tmp_path, takers):
    """Its clients go to the other server meanwhile, and come back."""
    top = fleet.start("top", options=FAST)
    assert pawl("create", "s", url=top.url).returncode == 0
    pair = [fleet.start(f"leaf{i}", store=top.url, options=FAST) for i in range(2)]
    url = "pawl://" + ",".join(f"127.0.0.1:{server.port}" for server in pair)
    drawing = [takers(url, tmp_path / f"s.{i}") for i in range(2)]
    for victim in pair:
        victim.send(signal.SIGSTOP)
        time.sleep(STANDS_STILL_S / 2)
        for one in drawing:
            one.draws()
        victim.send(signal.SIGCONT)
    for one in drawing:
        one.draws()
        one.end()
    print(f"{judge(tmp_path)} ids, none twice")

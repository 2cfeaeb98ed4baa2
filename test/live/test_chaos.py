# SPDX-License-Identifier: Apache-2.0
"""Everything is killed, again and again, under load; then all that anybody was given is judged.

PAWL_KILLS  how many processes are killed; 200 by default
"""
import os
import signal
import socket
import subprocess
import threading
import time

import history
from live import BUILD, pawl, wait_until

KILLS = int(os.environ.get("PAWL_KILLS", 200))
FAST = ["--refill-interval", "500ms", "--ride-through", "1s", "--takeover-timeout", "10s"]


class Drawer:
    """A libpawl process of several threads."""

    def __init__(self, url, prefix, threads=3, seconds=600):
        self.prefix = prefix
        self.log = open(f"{prefix}.log", "wb")
        self.process = subprocess.Popen(
            [str(BUILD / "test/live/drawer"), url, "orders", str(threads), str(seconds), prefix],
            stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log)

    def kill(self, number=signal.SIGKILL):
        if self.process.poll() is None:
            self.process.send_signal(number)
        self.process.wait(20)
        self.log.close()


class RedisTaker(threading.Thread):
    """INCR over plain Redis protocol on one connection after the other; a history for each."""

    def __init__(self, server, name):
        super().__init__(name=name, daemon=True)
        self.server, self.histories, self.over = server, [], False
        self.start()

    def run(self):
        while not self.over:
            ids = []
            self.histories.append(ids)
            try:
                with socket.create_connection(("127.0.0.1", self.server.port), 2) as connection:
                    connection.settimeout(2)
                    self.draw(connection, connection.makefile("rb"), ids)
            except OSError:
                time.sleep(0.02)

    def draw(self, connection, answers, ids):
        while not self.over:
            connection.sendall(b"INCR orders\r\n" * 16)
            for _ in range(16):
                line = answers.readline()
                if not line.endswith(b"\r\n"):
                    return
                if line.startswith(b":"):
                    ids.append(int(line[1:]))


def collect(folder, takers):
    histories = {path.name: history.read(path) for path in folder.glob("drawer*.*")
                 if not path.name.endswith(".log")}
    for taker in takers:
        for i, ids in enumerate(taker.histories):
            histories[f"{taker.name}.{i}"] = ids
    return histories


def test_nothing_is_given_twice_whoever_is_killed(fleet, tmp_path, dice):
    """Two servers on a third on LMDB, behind one client URL: all killed at random moments."""
    top = fleet.start("top", options=FAST)
    top.redis().execute_command("SEQ.CREATE", "orders")
    pair = [fleet.start(f"leaf{i}", store=top.url, options=FAST) for i in range(2)]
    url = "pawl://" + ",".join(f"127.0.0.1:{server.port}" for server in pair)
    takers = [RedisTaker(server, f"redis{i}") for i, server in enumerate([top, *pair])]
    drawers, born = [], 0
    for _ in range(3):
        drawers.append(Drawer(url, str(tmp_path / f"drawer{born}")))
        born += 1
    for _ in range(KILLS):
        time.sleep(dice.uniform(0.005, 0.12))
        victim = dice.choice([top, *pair, "client", "client"])
        if victim == "client":
            at = dice.randrange(len(drawers))
            drawers[at].kill()
            drawers[at] = Drawer(url, str(tmp_path / f"drawer{born}"))
            born += 1
        else:
            victim.kill()
            victim.start(ready=dice.random() < 0.5)
    for server in [top, *pair]:
        wait_until(server.answers, "all servers are back")
    counts = [sum(map(len, taker.histories)) for taker in takers]
    wait_until(lambda: all(sum(map(len, t.histories)) > before for t, before in
                           zip(takers, counts)), "everybody is served again")
    for taker in takers:
        taker.over = True
    for drawer in drawers:
        drawer.kill(signal.SIGTERM)
    for taker in takers:
        taker.join(10)
    total = history.check(collect(tmp_path, takers))
    print(f"{KILLS} kills, {born} client processes, {total} ids, none twice")
    assert total > 10 * KILLS


def test_clients_straight_on_a_store_take_turns(tmp_path, dice):
    """One LMDB folder, one holder at a time: each killed, the next one goes on beyond it."""
    url = f"lmdb:{tmp_path / 'store'}"
    assert pawl("create", "orders", url=url).returncode == 0
    for i in range(max(5, KILLS // 20)):
        prefix = str(tmp_path / f"drawer{i}")
        drawer = Drawer(url, prefix)
        wait_until(lambda: any(p.stat().st_size for p in tmp_path.glob(f"drawer{i}.*.next")),
                   "it draws")
        time.sleep(dice.uniform(0, 0.05))
        drawer.kill()
    total = history.check(collect(tmp_path, []))
    print(f"{total} ids, none twice")
    assert total > 100

# SPDX-License-Identifier: Apache-2.0
"""What live tests share: pawld processes, the pawl command line, Redis clients."""
import json
import os
import pathlib
import random
import signal
import socket
import subprocess
import time

import redis

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = ROOT / os.environ.get("PAWL_BUILD", "build")
READY_S = 20
SEED = 2026


def program(name):
    """A program of the build under test."""
    return str(BUILD / name)


def seed_of_tests():
    """What tests that draw something at random begin with."""
    seed = os.environ.get("PAWL_SEED", str(SEED))
    return random.SystemRandom().randrange(1 << 32) if seed == "random" else int(seed)


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_until(true, what, limit_s=READY_S):
    """Asks again and again: for what no event tells us of. The limit is a failure, not a pause."""
    until = time.monotonic() + limit_s
    while not true():
        assert time.monotonic() < until, f"{what}: not within {limit_s} s"
        time.sleep(0.02)


class Pawld:
    """One server process, which can be killed and started again on the same port and store."""

    def __init__(self, folder, name, store=None, options=(), port=None):
        self.port = port or free_port()
        self.url = f"pawl://127.0.0.1:{self.port}"
        self.store = store or f"lmdb:{folder / (name + '-store')}"
        self.options = list(options)
        self.log_path = folder / f"{name}.log"
        self.process = None
        self.stopped = True

    def start(self, ready=True):
        if self.store.startswith("lmdb:"):
            os.makedirs(self.store[len("lmdb:"):], exist_ok=True)
        with open(self.log_path, "ab") as log:
            self.process = subprocess.Popen(
                [program("pawld"), "--store", self.store, "--listen",
                 f"resp://127.0.0.1:{self.port}", *self.options],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        self.stopped = False
        if ready:
            wait_until(self.answers, f"pawld on port {self.port} answers, see {self.log_path}")
        return self

    def answers(self):
        code = self.process.poll()
        assert code is None, f"pawld ended with {code}:\n{self.log()}"
        try:
            with socket.create_connection(("127.0.0.1", self.port), 1) as connection:
                connection.settimeout(5)
                connection.sendall(b"PING\r\n")
                return connection.recv(64).startswith((b"+PONG", b"-NOAUTH"))
        except OSError:
            return False

    def redis(self, **options):
        return redis.Redis(port=self.port, socket_timeout=30, **options)

    def log(self):
        return self.log_path.read_text(encoding="utf-8", errors="replace")

    def send(self, number):
        self.process.send_signal(number)

    def kill(self):
        """As a power cut for the process: kill -9."""
        self.send(signal.SIGKILL)
        self.process.wait(10)
        self.stopped = True

    def stop(self, limit_s=15):
        """Stops cleanly and returns how it ended."""
        self.send(signal.SIGTERM)
        code = self.process.wait(limit_s)
        self.stopped = True
        return code


class Fleet:
    def __init__(self, folder):
        self.folder = folder
        self.servers = []

    def start(self, name=None, ready=True, **how):
        server = Pawld(self.folder, name or f"pawld{len(self.servers)}", **how)
        self.servers.append(server)
        return server.start(ready)

    def end(self):
        """Every server that the test did not stop itself must still run and stop cleanly."""
        wrong = []
        for server in reversed(self.servers):
            if server.stopped:
                continue
            code = server.process.poll()
            if code is None:
                try:
                    code = server.stop()
                except subprocess.TimeoutExpired:
                    server.kill()
                    code = "nothing within 15 s of SIGTERM"
            if code != 0:
                wrong.append(f"pawld on port {server.port}: {code}\n{server.log()}")
        assert not wrong, "\n".join(wrong)


def pawl(*words, url=None, env=None, limit_s=60, typed=""):
    """Runs the command line; returns the finished process with its texts."""
    where = ["--url", url] if url else []
    return subprocess.run([program("pawl"), *where, *map(str, words)], text=True, timeout=limit_s,
                          input=typed, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          env=dict(os.environ, **(env or {})), check=False)


def pawl_json(*words, url=None):
    """Runs the command line with --json, which must succeed, and returns what it printed."""
    done = pawl("--json", *words, url=url)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def next_ids(name, count, url):
    done = pawl("next", name, "-n", count, url=url)
    assert done.returncode == 0, done.stderr
    return [int(line) for line in done.stdout.split()]

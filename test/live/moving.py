# SPDX-License-Identifier: Apache-2.0
"""A copy from store to store that is killed and goes on, and what clients got meanwhile."""
import collections
import signal
import subprocess
import threading

import redis

from live import program


def kill_copy(source, target, after_s):
    """Kills -9 a copy after a while; how it ended."""
    copy = subprocess.Popen([program("pawl"), "store", "copy", source, target],
                            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                            stderr=subprocess.DEVNULL)
    try:
        copy.wait(after_s)
    except subprocess.TimeoutExpired:
        copy.send_signal(signal.SIGKILL)
    return copy.wait(20)


class Ledger:
    """Every id that anybody was given, by name: none may come twice."""

    def __init__(self):
        self.lock = threading.Lock()
        self.given = collections.defaultdict(set)
        self.errors = collections.Counter()

    def book(self, name, answer):
        with self.lock:
            if isinstance(answer, int):
                assert answer not in self.given[name], f"{answer} of {name} was given twice"
                self.given[name].add(answer)
            else:
                self.errors[str(answer).split(" ", 1)[0]] += 1

    def take(self, server, names):
        """One id of each name that the server has, in one pipeline; how many there were."""
        with server.redis() as client:
            pipe = client.pipeline(transaction=False)
            for name in names:
                pipe.incr(name)
            answers = pipe.execute(raise_on_error=False)
        for name, answer in zip(names, answers):
            self.book(name, answer)
        return sum(isinstance(answer, int) for answer in answers)


class Taker(threading.Thread):
    """Takes ids of all names from one server after the other, until it is stopped."""

    def __init__(self, ledger, servers, names):
        super().__init__(daemon=True)
        self.ledger, self.servers, self.names = ledger, servers, names
        self.wrong, self.over = None, threading.Event()
        self.start()

    def run(self):
        while not self.over.is_set():
            for server in self.servers:
                try:
                    self.ledger.take(server, self.names)
                except redis.exceptions.RedisError as error:
                    self.ledger.book("", error)
                except AssertionError as error:
                    self.wrong = error
                    return

    def stop(self):
        self.over.set()
        self.join(60)
        if self.wrong is not None:
            raise self.wrong

# SPDX-License-Identifier: Apache-2.0
"""Clients that draw ids over RESP or PostgreSQL, one thread for each server, until SIGTERM.

Usage: wires.py resp|postgres NAME PREFIX RATE next|timed ADDRESS:PORT...

Each connection has a history of its own: PREFIX.THREAD.NUMBER.i64, or timed, as lines "ID BEGUN_NS
DONE_NS", .ids. Prints "ok" once all threads run, and at its end one line of JSON: ids and failures.
"""
import array
import collections
import json
import signal
import sys
import threading
import time

import psycopg
import redis

LIMIT_S = 3
BATCH = 16
REST_S = 0.1  # after a failure


class Resp:
    def __init__(self, address, port, name):
        self.client = redis.Redis(address, port, socket_timeout=LIMIT_S,
                                  socket_connect_timeout=LIMIT_S, single_connection_client=True)
        self.name = name

    def one(self):
        return self.client.execute_command("SEQ.NEXT", self.name)

    def some(self):
        """Of a pipeline, what came back; then the error, if there is one."""
        with self.client.pipeline(transaction=False) as pipeline:
            for _ in range(BATCH):
                pipeline.incr(self.name)
            answers = pipeline.execute(raise_on_error=False)
        ids = [answer for answer in answers if isinstance(answer, int)]
        wrong = [answer for answer in answers if not isinstance(answer, int)]
        return ids, wrong[0] if wrong else None

    def close(self):
        self.client.close()


class Postgres:
    def __init__(self, address, port, name):
        self.connection = psycopg.connect(host=address, port=port, user="app", dbname="pawl",
                                          connect_timeout=LIMIT_S, autocommit=True,
                                          options="", tcp_user_timeout=LIMIT_S * 1000)
        self.name = name

    def one(self):
        return self.connection.execute("SELECT nextval(%s)", (self.name,)).fetchone()[0]

    def some(self):
        return [self.one()], None

    def close(self):
        self.connection.close()


class Thread(threading.Thread):
    def __init__(self, arguments, number, where):
        super().__init__(daemon=True)
        self.wire, self.name_of, self.prefix, rate, self.mode = arguments
        self.number, self.where = number, where
        self.rate = float(rate)
        self.ids, self.failed = 0, collections.Counter()
        self.failing = False
        self.start()

    def run(self):
        address, _, port = self.where.rpartition(":")
        born = 0
        while not OVER.is_set():
            connection = None
            try:
                connection = WIRES[self.wire](address, int(port), self.name_of)
                path = f"{self.prefix}.{self.number}.{born}"
                born += 1
                self.draw(connection, path)
            except (OSError, redis.RedisError, psycopg.Error) as error:
                self.note(error)
                OVER.wait(REST_S)
            finally:
                if connection is not None:
                    connection.close()

    def note(self, error):
        text = f"{type(error).__name__}: {' '.join(str(error).split())[:160]}"
        self.failed[" ".join(text.split()[:2])] += 1
        if not self.failing:
            print(f"{time.monotonic():.3f} {self.where}: {text}", file=sys.stderr, flush=True)
        self.failing = True

    def served(self, count):
        self.ids += count
        if self.failing and count > 0:
            print(f"{time.monotonic():.3f} {self.where} serves again", file=sys.stderr, flush=True)
            self.failing = False

    def draw(self, connection, path):
        timed = self.mode == "timed"
        with open(path + (".ids" if timed else ".i64"), "ab", buffering=0) as file:
            while not OVER.is_set():
                count, error = (self.draw_timed if timed else self.draw_some)(connection, file)
                self.served(count)
                if error is not None:
                    raise error
                OVER.wait(max(count, 1) / self.rate)

    def draw_some(self, connection, file):
        ids, error = connection.some()
        file.write(array.array("q", ids).tobytes())
        return len(ids), error

    def draw_timed(self, connection, file):
        begun_ns = time.monotonic_ns()
        one = connection.one()
        file.write(f"{one} {begun_ns} {time.monotonic_ns()}\n".encode())
        return 1, None


OVER = threading.Event()
WIRES = {"resp": Resp, "postgres": Postgres}


def main(words):
    signal.signal(signal.SIGTERM, lambda *_: OVER.set())
    threads = [Thread(words[:5], i, where) for i, where in enumerate(words[5:])]
    print("ok", flush=True)
    OVER.wait()
    for thread in threads:
        thread.join(LIMIT_S * 2)
    failed = sum((thread.failed for thread in threads), collections.Counter())
    print(json.dumps({"ids": sum(thread.ids for thread in threads), "failed": failed}))


if __name__ == "__main__":
    main(sys.argv[1:])

# SPDX-License-Identifier: Apache-2.0
"""Pools of worker processes as application servers have them, over libpawl by ctypes.

Usage: pool.py LIBRARY URL NAME FOLDER STYLE

  prefork  the master opens the sequence, draws, and forks workers that live long (gunicorn, uWSGI);
           threads of a worker draw as well, and it runs other programs meanwhile
  recycle  the master forks children that serve a few requests and end, some of them by kill -9, and
           are replaced (PHP-FPM, Apache); some end without closing anything
  late     the master has not drawn: each child opens a client of its own

Each process writes down what it was given: FOLDER/NAME.STYLE.PID.i64. Ends with 0 if every draw was
served.
"""
import array
import ctypes
import os
import pathlib
import signal
import subprocess
import sys
import threading
import time

WORKERS = 4
CHILDREN = 24      # of a recycling master, in all
REQUESTS = 150     # that one of its children serves
DRAWS = 1500       # of a long-lived worker
TAKE = 40
KILL_EACH = 5      # each fifth child is killed
SECOND_NS = 1_000_000_000


class Ids(ctypes.Structure):
    _fields_ = [("first", ctypes.c_int64), ("increment", ctypes.c_int64),
                ("count", ctypes.c_uint64)]


class Error(ctypes.Structure):
    _fields_ = [("code", ctypes.c_int), ("text", ctypes.c_char * 508)]


class Sequence:
    """pawl_open and pawl_seq_open; one history for each process that draws."""

    def __init__(self, library, url, name, folder):
        self.pawl = ctypes.CDLL(library)
        self.pawl.pawl_close.restype = None
        self.client, self.seq = ctypes.c_void_p(), ctypes.c_void_p()
        self.prefix = f"{folder}/{name}"
        self.lock = threading.Lock()
        error = Error()
        self.must(self.pawl.pawl_open(url.encode(), None, ctypes.byref(self.client),
                                      ctypes.byref(error)), error)
        self.must(self.pawl.pawl_seq_open(self.client, name.encode(), ctypes.byref(self.seq),
                                          ctypes.byref(error)), error)

    @staticmethod
    def must(code, error=None):
        if code != 0:
            raise RuntimeError(f"{code}: {error.text.decode() if error else ''}")

    def next(self):
        one = ctypes.c_int64()
        self.must(self.pawl.pawl_next(self.seq, ctypes.byref(one)))
        return [one.value]

    def take(self):
        ids = Ids()
        self.must(self.pawl.pawl_take(self.seq, ctypes.c_uint64(TAKE),
                                      ctypes.c_uint64(20 * SECOND_NS), ctypes.byref(ids)))
        return [ids.first + i * ids.increment for i in range(ids.count)]

    def draw(self, count, style):
        """In one history of this thread's: what is killed between burns ids."""
        path = f"{self.prefix}.{style}.{os.getpid()}.{threading.get_ident()}.i64"
        with open(path, "ab", buffering=0) as file:
            for i in range(count):
                file.write(array.array("q", self.take() if i % 10 == 0 else self.next()).tobytes())

    def close(self):
        self.pawl.pawl_close(self.client)


def child(work):
    """Forks; the child does its work and ends. How it ends is the work's own business."""
    pid = os.fork()
    if pid == 0:
        try:
            work()
            os._exit(0)
        except BaseException as error:
            print(f"worker {os.getpid()}: {error!r}", file=sys.stderr, flush=True)
            os._exit(1)
    return pid


def reap(pids, killed=()):
    for pid in pids:
        _, status = os.waitpid(pid, 0)
        code = os.waitstatus_to_exitcode(status)
        if code != 0 and not (code == -signal.SIGKILL and pid in killed):
            sys.exit(f"worker {pid} ended with {code}")


def prefork(seq):
    seq.draw(DRAWS, "prefork")

    def work():
        threads = [threading.Thread(target=seq.draw, args=(DRAWS // 3, "prefork"))
                   for _ in range(2)]
        for thread in threads:
            thread.start()
        seq.draw(DRAWS // 3, "prefork")
        subprocess.run(["true"], check=True)  # vfork and exec
        if os.system("true") != 0:
            raise RuntimeError("system() failed")
        for thread in threads:
            thread.join()
        seq.close()

    pids = [child(work) for _ in range(WORKERS)]
    seq.draw(DRAWS, "prefork")
    reap(pids)
    seq.draw(DRAWS, "prefork")
    seq.close()


def recycle(seq):
    """The master draws between, so that each child is forked off another state."""
    running, killed, ways = [], set(), iter(range(CHILDREN))

    def begin(number):
        def work():
            seq.draw(REQUESTS, "recycle")
            if number % 2 == 0:
                seq.close()

        def work_on():
            while True:
                seq.draw(REQUESTS, "recycle")
                time.sleep(0.01)

        if number % KILL_EACH != 0:
            running.append((child(work), None))
        else:
            running.append((child(work_on), time.monotonic() + 0.3))

    for number in ways:
        begin(number)
        seq.draw(TAKE, "recycle")
        if len(running) < WORKERS:
            continue
        pid, kill_at = running.pop(0)
        if kill_at is not None:
            time.sleep(max(0.0, kill_at - time.monotonic()))
            os.kill(pid, signal.SIGKILL)
            killed.add(pid)
        reap([pid], killed)
    for pid, kill_at in running:
        if kill_at is not None:
            os.kill(pid, signal.SIGKILL)
            killed.add(pid)
        reap([pid], killed)
    seq.draw(TAKE, "recycle")
    seq.close()


def late(words):
    def work():
        seq = Sequence(*words)
        seq.draw(REQUESTS, "late")
        seq.close()

    reap([child(work) for _ in range(WORKERS)])


def main(words):
    *where, style = words
    pathlib.Path(where[3]).mkdir(exist_ok=True)
    if style == "late":
        late(where)
    else:
        {"prefork": prefork, "recycle": recycle}[style](Sequence(*where))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

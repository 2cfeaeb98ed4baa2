# SPDX-License-Identifier: Apache-2.0
"""The servers that benches hold against each other, pinned to cores, and words to them."""
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import sys
import time

from part import program


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def pinned(cores, *command):
    """cores: as taskset has them, "0" or "0,1"."""
    return ["taskset", "-c", cores, *map(str, command)]


def wait_for(port, process):
    for _ in range(1000):
        if process.poll() is not None:
            sys.exit(f"bench: {process.args} ended with {process.returncode}")
        try:
            socket.create_connection(("127.0.0.1", port), 0.2).close()
            return
        except OSError:
            time.sleep(0.01)
    sys.exit(f"bench: nothing listens on {port}")


def resp(port, *words):
    """One request; the raw first bytes of its answer."""
    with socket.create_connection(("127.0.0.1", port), 5) as s:
        data = f"*{len(words)}\r\n" + "".join(f"${len(w)}\r\n{w}\r\n" for w in words)
        s.sendall(data.encode())
        return s.recv(4096).decode()


def good(port, *words):
    answer = resp(port, *words)
    if answer.startswith("-"):
        sys.exit(f"bench: {' '.join(words)}: {answer}")
    return answer


def pipelined(port, requests):
    """Sends all requests at once, a thousand under way; every answer must be a good one."""
    with socket.create_connection(("127.0.0.1", port), 60) as s, s.makefile("rb") as answers:
        for at in range(0, len(requests), 1000):
            part = requests[at:at + 1000]
            s.sendall("".join(r + "\r\n" for r in part).encode())
            for request in part:
                line = answers.readline()
                if line.startswith(b"-"):
                    sys.exit(f"bench: {request}: {line.decode()}")


class Server:
    """A process that listens on a port, and ends with the block that it is used in."""

    def __init__(self, name, command, port, cores="0"):
        self.name, self.port = name, port
        self.process = subprocess.Popen(pinned(cores, *command), stdout=subprocess.DEVNULL,
                                        stderr=subprocess.DEVNULL)
        wait_for(port, self.process)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def cpu_s(self):
        """Of all its threads, to the nanosecond: the clock that the kernel has for each process."""
        return time.clock_gettime((~self.process.pid << 3) | 2)

    def rss_kib(self):
        status = pathlib.Path(f"/proc/{self.process.pid}/status").read_text(encoding="ascii")
        return int(re.search(r"VmRSS:\s*(\d+)", status).group(1))


def pawld(args, store, *options, threads=1):
    """On core 0, or with more threads on both."""
    port = free_port()
    return Server("pawld", [args.build / "pawld", "--store", store, "--listen",
                            f"resp://127.0.0.1:{port}", "--threads", threads, "--log-level",
                            "error", *options], port, "0" if threads == 1 else "0,1")


def redis(folder, cores="0"):
    """Without persistence: as fast as it can be."""
    found = shutil.which("redis-server")
    if found is None:
        sys.exit("bench: redis-server is missing: run tools/setup")
    port = free_port()
    return Server("redis", [found, "--port", port, "--save", "", "--appendonly", "no", "--dir",
                            folder, "--maxclients", "20000"], port, cores)


BARE = "bare libuv"


def bare(args, request, answer, cores="0"):
    """Answers as many bytes as pawld does, and parses nothing."""
    port = free_port()
    return Server(BARE, [program(args, "echo_server"), port, len(request), answer], port, cores)


def on_core(core):
    """Where this process and what it starts runs from now on."""
    os.sched_setaffinity(0, {core})

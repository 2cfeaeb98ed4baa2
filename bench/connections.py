# SPDX-License-Identifier: Apache-2.0
"""Many connections: what 20,000 idle ones cost pawld in memory of its own (the kernel's is not in
it), how fast they are accepted, and whether busy ones lose rate beside them.

pawld has one I/O thread, on core 0. Memory is what is resident, less what was before the first
connection. The busy ones are 50 with 16 requests under way, in turn on a pawld with the idle ones
and on one without. Where a process may have fewer descriptors than that, there are as many idle
connections as it may have."""
import contextlib
import os
import resource
import socket
import subprocess
import sys
import time

import part
import peers
import server

IDLE = 20_000
SPARE = 300  # descriptors for all else
BYTES_MOST = 4096
BUSY, UNDER_WAY = 50, 16
EACH_PROCESS = 5_000  # of one client process; each has an address: ports of one become scarce


def holder(address, port, count):
    """A process of this program that opens so many connections, says so, and holds them."""
    return subprocess.Popen([sys.executable, __file__, "--hold", address, str(port), str(count)],
                            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def hold(address, port, count):
    """Each connection has spoken, so that the server has all of it. Ends with its input."""
    begun = time.monotonic()
    connections = [socket.create_connection(("127.0.0.1", port), 30, (address, 0))
                   for _ in range(count)]
    for connection in connections:
        connection.sendall(b"PING\r\n")
    for connection in connections:
        if connection.recv(64) != b"+PONG\r\n":
            sys.exit("bench: an idle connection was not answered")
    print(time.monotonic() - begun, flush=True)
    sys.stdin.read()


def open_idle(pawld, count, stack):
    """Seconds that it took."""
    took_s = 0.0
    for number, left in enumerate(range(count, 0, -EACH_PROCESS)):
        process = stack.enter_context(holder(f"127.0.0.{number + 2}", pawld.port,
                                             min(left, EACH_PROCESS)))
        said = process.stdout.readline()
        stack.callback(process.stdin.close)
        if not said:
            sys.exit("bench: idle connections could not be opened")
        took_s += float(said)
    return took_s


def start(args, stack, idle):
    pawld = stack.enter_context(peers.pawld(args, "memory:", "--max-clients", str(idle + BUSY * 2)))
    peers.good(pawld.port, "SEQ.CREATE", "orders", "START", str(server.FIRST_ID))
    server.load(args, (pawld, "INCR orders", 1), BUSY, UNDER_WAY, "1")  # until blocks have grown
    return pawld


def main():
    if sys.argv[1:2] == ["--hold"]:
        hold(sys.argv[2], int(sys.argv[3]), int(sys.argv[4]))
        return
    args = part.parse(part.arguments(__doc__, 7, 1), (7, 1), (3, 0.3))
    report = part.Part("connections", "Many connections", __doc__)
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    idle = min(2_000 if args.quick else IDLE, most - SPARE)
    os.sched_setaffinity(0, {1})
    with contextlib.ExitStack() as stack:
        crowded, alone = start(args, stack, idle), start(args, stack, idle)
        before = crowded.rss_kib(), crowded.cpu_s()
        took_s = open_idle(crowded, idle, stack)
        each = (crowded.rss_kib() - before[0]) * 1024 / idle
        accept_us = (crowded.cpu_s() - before[1]) / idle * 1e6
        runs = {"crowded": [], "alone": []}
        for turn in range(args.rounds):
            for name in list(runs)[::1 if turn % 2 else -1]:
                one = (crowded if name == "crowded" else alone, "INCR orders", 1)
                runs[name].append(server.load(args, one, BUSY, UNDER_WAY, "1"))
        after = crowded.rss_kib()
    rates, cpu = ({name: [run[key] for run in runs[name]] for name in runs}
                  for key in ("rate", "cpu_us"))
    report.verdict(f"memory of an idle connection, {idle:,} of them, bytes", [each],
                   most=BYTES_MOST, form="{:.0f}")
    report.verdict(f"rate of {BUSY} busy connections, with idle ones / without",
                   part.ratios(rates["crowded"], rates["alone"]), least=0.95, form="{:.3f}")
    report.verdict("server CPU per request, with idle ones / without",
                   part.ratios(cpu["crowded"], cpu["alone"]), form="{:.3f}")
    report.table("pawld with idle connections", ["what", "figure"],
                 [["idle connections", f"{idle:,}"],
                  ["accepted and answered once, per second", f"{idle / took_s:.0f}"],
                  ["server CPU for that, µs each", f"{accept_us:.1f}"],
                  ["resident before, MiB", f"{before[0] / 1024:.1f}"],
                  ["resident with them, MiB", f"{after / 1024:.1f}"],
                  ["k requests/s of the busy ones, with idle ones",
                   part.spread([rate / 1e3 for rate in rates["crowded"]], "{:.0f}")],
                  ["k requests/s of the busy ones, alone",
                   part.spread([rate / 1e3 for rate in rates["alone"]], "{:.0f}")]])
    report.end(args)


if __name__ == "__main__":
    main()

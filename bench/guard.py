# SPDX-License-Identifier: Apache-2.0
"""What a guard costs: pawld without --data and with it, in turn, on stores of the same kind; INCR
in steady use, and leases alone of many sequences, most of which ask the store."""
import contextlib
import os
import socket
import statistics
import tempfile
import time

import part
import peers
import server

LEASED, LEASE_IDS = 2000, 100  # sequences, and ids at a time


def lease_all(port, lines, seconds):
    """Leases of one sequence after the other, a thousand under way; how many in how long."""
    requests = [f"SEQ.LEASE many{i} {LEASE_IDS}\r\n" for i in range(LEASED)]
    parts = ["".join(requests[at:at + 1000]).encode() for at in range(0, LEASED, 1000)]
    done = 0
    with socket.create_connection(("127.0.0.1", port), 60) as s:
        begun = time.monotonic()
        while time.monotonic() < begun + seconds:
            for requests in parts:
                s.sendall(requests)
                left = 1000 * lines
                while left > 0:
                    left -= s.recv(1 << 18).count(b"\n")
                done += 1000
        return done, time.monotonic() - begun


def lease(args, pawld):
    lines = peers.good(pawld.port, "SEQ.LEASE", "many0", "1").count("\n")
    cpu_s = pawld.cpu_s()
    done, took_s = lease_all(pawld.port, lines, args.seconds)
    return {"rate": done / took_s, "cpu_us": (pawld.cpu_s() - cpu_s) / done * 1e6}


def incr(args, pawld):
    return server.load(args, (pawld, "INCR orders", 1), 50, 64, "1")


def guarded_pair(args, stack, folder, store):
    """pawld without a guard and with one, each on a store of its own of the same kind."""
    pair = {}
    for name in ("bare", "guard"):
        url = store if store == "memory:" else f"{store}{folder}/{name}-store"
        options = ["--data", f"{folder}/data"] if name == "guard" else []
        pair[name] = stack.enter_context(peers.pawld(args, url, "--max-clients", "200", *options))
        peers.pipelined(pair[name].port, ["SEQ.CREATE orders",
                                          *(f"SEQ.CREATE many{i}" for i in range(LEASED))])
    return pair


def row(what, store, runs):
    values = {(name, key): [run[key] for run in runs[name]] for name in runs
              for key in ("rate", "cpu_us")}
    return [what, store,
            *(f"{statistics.median(values[name, 'rate']):.0f}" for name in runs),
            *(part.spread(part.ratios(values["guard", key], values["bare", key]), "{:.3f}")
              for key in ("rate", "cpu_us"))]


def main():
    args = part.parse(part.arguments(__doc__, 10, 2), (10, 2), (2, 0.5))
    report = part.Part("guard", "What a guard costs", __doc__)
    os.sched_setaffinity(0, {1})
    rows = []
    for store in ("lmdb:", "memory:"):
        with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as stack:
            pair = guarded_pair(args, stack, folder, store)
            for what, one in (("INCR, 50 connections, 64 under way", incr),
                              (f"SEQ.LEASE, {LEASE_IDS} ids", lease)):
                runs = {name: [] for name in pair}
                for turn in range(args.rounds):  # whoever is first changes
                    for name in list(pair)[::1 if turn % 2 else -1]:
                        runs[name].append(one(args, pair[name]))
                rows.append(row(what, store, runs))
    report.table("pawld without and with --data",
                 ["what", "store", "without, per s", "with, per s", "rate, with / without",
                  "server CPU, with / without"], rows)
    report.end(args)


if __name__ == "__main__":
    main()

#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Ride-through for real, with the settings that everybody has: clients draw at steady rates, the
store stands still for 60 s, then the server is dead for 30 s. No call may fail or wait.

  ride_through.py [--warm S] [--store S] [--server S] [--json FILE]

Calls are timed. One that took longer than a millisecond has waited for pawl if its thread slept
meanwhile; else the machine had something else to do, which the same clients also meet while
nothing is wrong: both are printed. Four minutes with the times above.
"""
import argparse
import json
import pathlib
import signal
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "stores"), str(HERE.parent / "live")]
import servers  # noqa: E402
from live import BUILD, Fleet, pawl  # noqa: E402

RATES = [1000, 50, 3]  # ids per second, of a client of two threads each
DEFAULTS = ["60000", "30000", "5000"]  # ride-through, refill interval and deadline, in ms


class Client:
    def __init__(self, url, rate, folder):
        self.rate, self.folder = rate, folder
        self.process = subprocess.Popen(
            [BUILD / "test/chaos/taker", url, "s", folder / f"s.{rate}", "2", str(rate), "next",
             *DEFAULTS], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)
        assert self.process.stdout.readline() == "ok\n"

    def report(self):
        """What happened since the last time."""
        self.process.send_signal(signal.SIGUSR1)
        return json.loads(self.process.stdout.readline())

    def end(self):
        self.process.terminate()
        self.process.communicate(timeout=30)
        assert self.process.returncode == 0


def sum_up(reports):
    """Of all clients, as one."""
    took, failed = {}, {}
    for report in reports:
        for step, count in report["took"].items():
            took[step] = took.get(step, 0) + count
        for name, count in report["failed"].items():
            failed[name] = failed.get(name, 0) + count
    return {"calls": sum(took.values()), "took": took, "failed": failed,
            "slept": sum(report["slept"] for report in reports),
            "longest_us": max(report["longest_us"] for report in reports)}


def table(phases):
    """Phases side by side: how many calls took less than so long."""
    steps = list(next(iter(phases.values()))["took"])
    lines = ["| took less than | " + " | ".join(phases) + " |",
             "| ---: |" + " ---: |" * len(phases)]
    for step in steps:
        name = "longer" if step == "-1" else f"{int(step):,} us"
        counts = [phase["took"][step] for phase in phases.values()]
        if any(counts):
            lines.append(f"| {name} | " + " | ".join(f"{count:,}" for count in counts) + " |")
    for name, of in (("longest", lambda phase: f"{phase['longest_us'] / 1000:.2f} ms"),
                     ("over 1 ms and asleep", lambda phase: phase["slept"]),
                     ("failed", lambda phase: sum(phase["failed"].values()))):
        lines.append(f"| {name} | " + " | ".join(str(of(one)) for one in phases.values()) + " |")
    return "\n".join(lines)


def ride(options, folder, farm):
    store = farm.own("redis")
    server = Fleet(folder).start(store=store.url)
    assert pawl("create", "s", url=server.url).returncode == 0
    clients = [Client(server.url, rate, folder) for rate in RATES]
    phases = {}

    def phase(name, seconds):
        for client in clients:
            client.report()
        time.sleep(seconds)
        phases[name] = sum_up([client.report() for client in clients])
        print(f"{name}: {phases[name]}", flush=True)

    time.sleep(options.warm)
    try:
        phase("all is well", options.store)
        store.pause()
        phase("store stopped", options.store)
        store.resume()
        server.kill()
        phase("server dead", options.server)
        server.start()
        phase("both are back", options.server)
        for client in clients:
            client.end()
    finally:
        for client in clients:
            client.process.kill()
        server.stop()
    files = sorted(folder.glob("s.*.i64"))
    done = pawl("verify", *files)
    print(done.stdout.strip())
    return phases, done.returncode == 0


def main(words):
    parser = argparse.ArgumentParser(usage=__doc__)
    parser.add_argument("--warm", type=float, default=100)
    parser.add_argument("--store", type=float, default=60)
    parser.add_argument("--server", type=float, default=30)
    parser.add_argument("--json", type=pathlib.Path)
    options = parser.parse_args(words)
    farm = servers.Farm()
    with tempfile.TemporaryDirectory(prefix="pawl-ride-") as folder:
        try:
            phases, good = ride(options, pathlib.Path(folder), farm)
        finally:
            farm.end()
    print(table(phases))
    if options.json is not None:
        options.json.write_text(json.dumps(phases, indent=1), encoding="utf-8")
    failed = sum(sum(phase["failed"].values()) for phase in phases.values())
    slept = sum(phase["slept"] for phase in phases.values())
    good = good and failed == 0 and slept == 0
    print(f"{'ok' if good else 'FAIL'} ride-through: {failed} calls failed, {slept} waited for "
          f"more than a millisecond")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

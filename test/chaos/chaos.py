#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Everything that can go wrong does, with real servers, stores and clients; then every id that
anybody was given is judged by `pawl verify`. See docs/chaos.md.

  chaos.py [--seconds S] [--stores lmdb,etcd,...] [--out FOLDER] [--plan]

  --seconds  for all stores together; 600
  --stores   which, in turn; all of them
  --out      where timeline.md and plot.svg go; build/chaos
  --plan     only prints what would happen

PAWL_SEED  the schedule of an earlier run;  PAWL_BUILD  the build under test; build
"""
import argparse
import os
import pathlib
import random
import shutil
import signal
import sys
import tempfile
import threading
import time
import traceback

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "stores"), str(HERE.parent / "live"),
                str(HERE.parents[1] / "tools")]
import events  # noqa: E402
import net  # noqa: E402
import report  # noqa: E402
import stores  # noqa: E402
from fleet import HOSTS, Fleet  # noqa: E402
from live import ROOT  # noqa: E402

SAMPLE_S = 0.5
BEGAN = time.monotonic()
BACK_S = 90  # in which everybody is served again, once nothing goes wrong any more
LATE_S = 3  # how long an event may wait for one before it that took longer than was planned


class Turn:
    """One store's: a fleet, a plan, what happened, and what became of it."""

    def __init__(self, kind, seed, seconds, fleet):
        self.kind, self.seed, self.seconds, self.fleet = kind, seed, seconds, fleet
        self.told, self.samples, self.wrong, self.verdicts = [], [], [], {}
        self.lock = threading.Lock()
        self.over = threading.Event()
        self.packets = [0, 0]  # that passed, and lost ones
        self.held = {}  # what events hold -> its lock

    def now(self):
        return time.monotonic() - BEGAN

    def tell(self, name, lane, begun_s, ended_s=None):
        with self.lock:
            self.told.append(report.Told(begun_s, ended_s or begun_s, name, lane))
        print(f"{begun_s:7.1f} s  {self.kind}: {name}", flush=True)

    def fail(self, text):
        with self.lock:
            self.wrong.append(text)
        print(f"WRONG {self.kind}: {text}", flush=True)

    def run(self):
        self.begun_s = self.now()
        self.fleet.begin()
        self.tell("all draw", "", self.now())
        watch = threading.Thread(target=self._watch)
        watch.start()
        try:
            self._play(events.plan(self.fleet, self.seed, self.seconds))
            self.tell("calm", "", self.now())
            self.fleet.calm(BACK_S)
            self.packets = self.fleet.network.count()
        except AssertionError as error:
            self.fail(str(error))
        finally:
            self.over.set()
            watch.join()
        self.tell("all are served, the end", "", self.now())
        for text in self.fleet.end():
            self.fail(text)
        self.verdicts = self.fleet.verify()
        for name, (good, text) in self.verdicts.items():
            if not good:
                self.fail(f"{name}: {text}")
        self.ended_s = self.now()

    def _play(self, planned):
        zero = time.monotonic()
        threads = [threading.Thread(target=self._happen, args=(event, zero), daemon=True)
                   for event in planned]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    def _happen(self, event, zero):
        """In a thread of its own, so that what takes long holds up nothing else."""
        if self.over.wait(max(0.0, zero + event.at_s - time.monotonic())):
            return
        locks = self._hold(event, zero)
        if locks is None:
            self.tell(f"left out: {event}", "", self.now())
            return
        begun_s = self.now()
        try:
            acts = event.kind.does(self.fleet, event.target, random.Random(event.seed))
            next(acts)
            self.over.wait(event.lasts_s)
            next(acts, None)
        except Exception:  # whatever it is: the run has failed, and says so
            self.fail(f"{event}: {traceback.format_exc()}")
        finally:
            for lock in reversed(locks):
                lock.release()
        self.tell(str(event), event.kind.lane or str(event.target), begun_s, self.now())

    def _hold(self, event, zero):
        """The locks of what it holds; None: an emulator that starts for half a minute must not have
        all that was planned meanwhile happen to it in one go, or it is never there."""
        locks = []
        for one in sorted(event.holds):
            lock = self.held.setdefault(one, threading.Lock())
            late_s = zero + event.at_s + LATE_S - time.monotonic()
            if not lock.acquire(timeout=-1 if event.kind.once_at else max(0.0, late_s)):
                for held in locks:
                    held.release()
                return None
            locks.append(lock)
        return locks

    def _watch(self):
        """How many ids there are by now, and whether somebody died of himself."""
        known = set()
        while not self.over.wait(SAMPLE_S):
            self.samples.append((self.now(), report.count_ids(self.fleet.histories)))
            for text in set(self.fleet.crashed()) - known:
                known.add(text)
                self.fail(text)


def options_of(words):
    parser = argparse.ArgumentParser(usage=__doc__)
    parser.add_argument("--seconds", type=float, default=600)
    parser.add_argument("--stores", default=",".join(stores.KINDS))
    parser.add_argument("--out", type=pathlib.Path, default=ROOT / "build/chaos")
    parser.add_argument("--plan", action="store_true")
    options = parser.parse_args(words)
    options.stores = options.stores.split(",")
    unknown = set(options.stores) - set(stores.KINDS)
    if unknown:
        parser.error(f"no such store: {', '.join(unknown)}")
    return options


def play(options, seed, folder):
    """All turns; those that were not even begun fail as well."""
    turns = []
    for kind in options.stores:
        (folder / kind).mkdir()
        network = net.Network(HOSTS, seed)
        store = stores.KINDS[kind](network, folder / kind)
        turn = Turn(kind, f"{seed} {kind}", options.seconds / len(options.stores),
                    Fleet(network, store, folder / kind))
        try:
            if options.plan:
                for event in events.plan(turn.fleet, turn.seed, turn.seconds):
                    print(f"{kind} {event.at_s:6.1f} s  {event}, {event.lasts_s:.1f} s")
                continue
            turns.append(turn)
            turn.run()
        except Exception:
            turn.fail(traceback.format_exc())
        finally:
            turn.over.set()
            turn.fleet.kill()
            network.end()
    return turns


def ended_by(number, _):
    raise KeyboardInterrupt(signal.Signals(number).name)


def main(words):
    options = options_of(words)
    net.enter()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, ended_by)
    seed = int(os.environ.get("PAWL_SEED", random.SystemRandom().randrange(1 << 32)))
    print(f"PAWL_SEED={seed}", flush=True)
    folder = pathlib.Path(os.environ[net.FOLDER])
    folder.chmod(0o711)
    os.environ["TMPDIR"] = tempfile.tempdir = str(folder)  # where stores have their folders
    good, interrupted = False, False
    try:
        turns = play(options, seed, folder)
        good = not any(turn.wrong for turn in turns)
        if turns:
            written = report.write(options.out, seed, turns)
            report.summarize(seed, turns)
            print("written: " + ", ".join(os.path.relpath(path) for path in written))
    except KeyboardInterrupt as error:
        interrupted = True
        print(f"interrupted: {error}")
    finally:
        if good or options.plan or interrupted:
            shutil.rmtree(folder, ignore_errors=True)
        else:
            print(f"what there was is in {folder}; again:\n  PAWL_SEED={seed} "
                  f"{HERE / 'chaos.py'} --seconds {options.seconds:g} "
                  f"--stores {','.join(options.stores)}")
    return 0 if good or options.plan else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

# SPDX-License-Identifier: Apache-2.0
"""Many sequences on one pawld over LMDB: what one costs in memory while it is seldom used and when
it has left, how long a start takes by how many there are, first touches a second in random order
with 1,000 in flight beside the disk's own syncs, and 100,000 sequences in use at once.

There are 1 million. Ten million take --most 10000000, 3 GB of disk and an hour."""
import json
import os
import pathlib
import subprocess
import tempfile
import time

import part
import peers

IN_FLIGHT = 1_000
ACTIVE = 100_000
SYNC_S = 1.0
IDLE_LIMIT_S = 120


def syncs_per_s(folder):
    """How often the disk makes 4 KiB durable, one after the other."""
    with open(pathlib.Path(folder) / "sync", "wb", buffering=0) as file:
        begun, count = time.monotonic(), 0
        while time.monotonic() - begun < SYNC_S:
            os.pwrite(file.fileno(), b"x" * 4096, 0)
            os.fdatasync(file.fileno())
            count += 1
        return count / (time.monotonic() - begun)


def load(args, pawld, *words):
    done = subprocess.run([part.program(args, "many_load"), str(pawld.port), *map(str, words)],
                          stdout=subprocess.PIPE, check=True, text=True)
    found = json.loads(done.stdout)
    if found["errors"]:
        raise SystemExit(f"bench: {found['errors']} requests were refused")
    return found["per_s"]


def own_memory(pawld):
    """Resident bytes that are no file's: the store's pages are the system's cache."""
    status = pathlib.Path(f"/proc/{pawld.process.pid}/status").read_text(encoding="ascii")
    return int(status.split("RssAnon:")[1].split()[0]) * 1024


def in_memory(pawld):
    info = peers.resp(pawld.port, "INFO", "sequences")
    return int(info.split("sequences_in_memory:")[1].split()[0])


def start_s(args, store, *options):
    """From the start of the process to the answer to its first request about a sequence."""
    begun = time.monotonic()
    with peers.pawld(args, store, *options) as pawld:
        peers.resp(pawld.port, "INCR", "sequence00000007")
        return time.monotonic() - begun


def first_touches(args, store, folder, count, span):
    """Rates of first touches and of the disk before and after, and what one costs in memory. What
    a thousand connections cost is no sequence's: one round of each goes before."""
    with peers.pawld(args, store, "--refill-interval", "1h") as pawld:
        load(args, pawld, "touch", IN_FLIGHT, 1, IN_FLIGHT, span)
        before, kept, syncs = own_memory(pawld), in_memory(pawld), syncs_per_s(folder)
        rate = load(args, pawld, "touch", IN_FLIGHT, 1, count, span)
        syncs = (syncs + syncs_per_s(folder)) / 2
        return {"rate": rate, "syncs": syncs,
                "held": (own_memory(pawld) - before) / (in_memory(pawld) - kept)}


def left_behind(args, store, count, span):
    """Bytes for each of so many sequences, when all have left memory again."""
    with peers.pawld(args, store, "--refill-interval", "5s") as pawld:
        before = own_memory(pawld)
        load(args, pawld, "touch", IN_FLIGHT, 1, count, span)
        until = time.monotonic() + IDLE_LIMIT_S
        while in_memory(pawld) > 0:
            if time.monotonic() > until:
                raise SystemExit("bench: idle sequences stay in memory")
            time.sleep(0.5)
        return (own_memory(pawld) - before) / count


def bounded(args, store, count, span, most):
    """Memory with --cache-sequences, where many more are touched: bytes in all, how many stay."""
    with peers.pawld(args, store, "--cache-sequences", str(most)) as pawld:
        before = own_memory(pawld)
        load(args, pawld, "touch", IN_FLIGHT, 1, count, span)
        return own_memory(pawld) - before, in_memory(pawld)


def active(args, store, count, rounds):
    """Ids a second from so many sequences in turn, each used in every round, once blocks have
    grown; and pawld's own bytes for each."""
    with peers.pawld(args, store, threads=2) as pawld:
        load(args, pawld, "touch", 50, 64, rounds * count, count)
        before = own_memory(pawld)
        return load(args, pawld, "touch", 50, 64, rounds * count, count), before / count


def measure(args, report, folder, counts):
    store = f"lmdb:{folder}/store"
    starts, made = [], 0
    for count in counts:
        with peers.pawld(args, store) as pawld:
            load(args, pawld, "create", IN_FLIGHT, 1, count - made, made)
        made = count
        starts.append([start_s(args, store) for _ in range(args.rounds)])
        report.verdict(f"start with {count:,} sequences, s", starts[-1], most=0.2, form="{:.3f}")
    touched = min(made, 50_000 if args.quick else 1_000_000)
    found = first_touches(args, store, folder, touched, made)
    report.verdict("first touches a second, 1,000 in flight", [found["rate"]], least=50_000,
                   form="{:.0f}")
    report.verdict("the disk's fdatasync of 4 KiB, a second", [found["syncs"]], form="{:.0f}")
    report.verdict("first touches for each fdatasync", [found["rate"] / found["syncs"]])
    report.verdict("pawld's own bytes per sequence that was used once, name of 16 bytes",
                   [found["held"]], most=512 + 16, form="{:.0f}")
    report.verdict("the same when all have left", [left_behind(args, store, touched, made)],
                   most=64, form="{:.1f}")
    memory, stay = bounded(args, store, touched, made, 10_000)
    report.verdict("--cache-sequences 10000: in memory", [stay], most=10_000 + IN_FLIGHT,
                   form="{:.0f}")
    report.verdict("the same: pawld's own MiB", [memory / 2**20], most=16, form="{:.1f}")
    many = 10_000 if args.quick else ACTIVE
    rate, each = active(args, store, many, 20 if args.quick else 100)
    report.verdict(f"{many:,} sequences in use at once: ids a second", [rate],
                   least=1_000_000, form="{:.0f}")
    report.verdict("the same: pawld's own bytes for each", [each], form="{:.0f}")


def main():
    parser = part.arguments(__doc__, 5, 1)
    parser.add_argument("--most", type=int, help="sequences in the store, a power of ten")
    args = part.parse(parser, (5, 1), (3, 1))
    most = args.most or (100_000 if args.quick else 1_000_000)
    report = part.Part("many", "Many sequences", __doc__)
    counts = [count for count in (1_000, most) if count <= most]
    with tempfile.TemporaryDirectory(dir=args.build) as folder:
        measure(args, report, folder, counts)
    report.end(args)


if __name__ == "__main__":
    main()

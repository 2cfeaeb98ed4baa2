# SPDX-License-Identifier: Apache-2.0
"""What a sequence costs pawld in memory beyond its record in the store: used just now, and idle for
four refill intervals, when it has left memory.

The store is memory:, so that its records are counted before and the difference is pawld's own."""
import sys
import time

import part
import peers

COUNTS = (1_000, 10_000, 100_000)
IDLE_LIMIT_S = 120


def forgotten(pawld):
    return "sequences_in_memory:0\r" in peers.resp(pawld.port, "INFO", "sequences")


def measure(args, count):
    """Resident bytes per sequence: in use, and idle."""
    with peers.pawld(args, "memory:", "--refill-interval", "2s") as pawld:
        peers.pipelined(pawld.port, [f"SEQ.CREATE sequence{i}" for i in range(count)])
        created = pawld.rss_kib()
        peers.pipelined(pawld.port, [f"INCR sequence{i}" for i in range(count)])
        used = pawld.rss_kib()
        until = time.monotonic() + IDLE_LIMIT_S
        while not forgotten(pawld):
            if time.monotonic() > until:
                sys.exit("bench: idle sequences stay in memory")
            time.sleep(0.5)
        return [(kib - created) * 1024 / count for kib in (used, pawld.rss_kib())]


def main():
    args = part.parse(part.arguments(__doc__, 1, 1), (1, 1), (1, 1))
    report = part.Part("memory", "Memory by sequences", __doc__)
    counts = COUNTS[:2] if args.quick else COUNTS
    found = {count: measure(args, count) for count in counts}
    report.table("pawld's memory, bytes per sequence beyond its record",
                 ["sequences", "in use", "idle"],
                 [[f"{count:,}", f"{used:.0f}", f"{idle:.0f}"]
                  for count, (used, idle) in found.items()])
    report.plot("memory", "pawld's memory by sequences", ["sequences", "bytes in all"],
                {"in use": [(count, count * used) for count, (used, _) in found.items()]})
    report.end(args)


if __name__ == "__main__":
    main()

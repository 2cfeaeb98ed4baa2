# SPDX-License-Identifier: Apache-2.0
"""How long a call for an id takes at a steady rate: pawl_next on stores that answer after 1, 5 and
20 ms, beside a bare atomic add, Redis 7 and PostgreSQL 15, in one run.

The taker is on core 0; pawl's keeper, Redis and PostgreSQL are on core 1. pawl refills ten times a
second here (by default it is once in 30 s), so that ten thousand ids a second meet a refill with
every thousandth: one that makes its caller wait shows in p99.9. Redis is asked by hiredis for each
id, or for 1,000 that the application hands out from memory; PostgreSQL by libpq, prepared. Their
stores answer at once: they are on this machine. Nobody catches up on what he missed, but a call
that lasts longer than the time between two counts for those who would have called meanwhile."""
import contextlib
import json
import os
import subprocess
import sys
import tempfile

import part
import peers

sys.path += [str(part.ROOT / "test/stores"), str(part.ROOT / "test/live")]

import servers  # noqa: E402 (it stands in a folder that was just added)

RATES, STORES_MS = (10_000, 100_000, 1_000_000, 5_000_000), (1, 5, 20)
ASKED_MOST = 100_000  # a rate that one connection can have, asked for each id
SHOWN_MS = 5  # in the plot
VISIBLE_US = 10  # what a refill may add to p99.9
SHARES = ("p50_us", "p99_us", "p999_us", "p9999_us", "max_us")


def run(args, name, *words):
    done = subprocess.run([part.program(args, name), *map(str, words)], check=False,
                          capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(f"bench: {name} {words}: {done.stderr}")
    return json.loads(done.stdout)


def start_postgres(stack):
    cluster = servers.Postgres(settings=["max_wal_senders=0"])
    stack.callback(cluster.end)
    cluster.start()
    cluster.sql("CREATE SEQUENCE orders")
    os.sched_setaffinity(cluster.process.child.pid, {1})
    return cluster


def subjects(args, rate, redis, postgres):
    """(name, what was measured) of all that can be asked for that many ids a second."""
    peer_s = min(args.seconds, 5)
    yield "bare add", run(args, "tail_bench", rate, peer_s)
    for store_ms in args.stores_ms:
        yield f"pawl_next, store {store_ms} ms", run(args, "tail_bench", rate, args.seconds,
                                                     store_ms)
    yield "Redis, 1,000 ids at a time", run(args, "tail_peers", "redis-block", redis.port, rate,
                                            peer_s)
    if rate <= ASKED_MOST:
        yield "Redis, each id", run(args, "tail_peers", "redis", redis.port, rate, peer_s)
        yield "PostgreSQL, each id", run(args, "tail_peers", "postgres", postgres.ports[0], rate,
                                         peer_s)


def row(rate, name, found):
    return [f"{rate:,}", name, f"{found['achieved'] / rate:.0%}",
            *(f"{found[share]:.2f}" for share in SHARES), found.get("refills", "–")]


def main():
    args = part.parse(part.arguments(__doc__, 1, 60), (1, 60), (1, 1))
    args.stores_ms = (SHOWN_MS,) if args.quick else STORES_MS
    report = part.Part("tail", "Tail: pawl_next at a steady rate", __doc__)
    rows, plot = [], {}
    with contextlib.ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory())
        redis = stack.enter_context(peers.redis(folder, cores="1"))
        peers.good(redis.port, "SET", "orders", "0")
        postgres = start_postgres(stack)
        for rate in RATES[::2] if args.quick else RATES:
            found = dict(subjects(args, rate, redis, postgres))
            rows += [row(rate, name, one) for name, one in found.items()]
            for name, one in found.items():
                if not name.startswith("pawl") or str(SHOWN_MS) in name.split():
                    plot.setdefault(name, []).append((rate, one["p999_us"]))
                if name.startswith("pawl"):
                    report.verdict(f"{rate:,} ids/s, {name}: p99.9 in µs beyond a bare add's",
                                   [one["p999_us"] - found["bare add"]["p999_us"]],
                                   most=VISIBLE_US)
    report.table("One call, µs", ["ids/s", "what", "rate achieved", "p50", "p99", "p99.9",
                                  "p99.99", "max", "refills"], rows)
    report.plot("latency", "p99.9 of a call for one id, by rate", ["ids/s", "µs"], plot)
    report.end(args)


if __name__ == "__main__":
    main()

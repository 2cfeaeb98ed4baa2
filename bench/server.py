# SPDX-License-Identifier: Apache-2.0
"""pawld's RESP wire beside Redis 7 and a bare libuv server that answers as many bytes: INCR, and
SEQ.LEASE beside INCRBY, by connections, requests under way and I/O threads.

With one I/O thread the server is on core 0 and the load on core 1; with two, both are on both, so
that rates are no server's own there: read the CPU per request."""
import contextlib
import json
import statistics
import subprocess
import sys
import tempfile

import part
import peers

CONNECTIONS, PIPELINES, THREADS = (1, 50, 1000), (1, 16, 64), (1, 2)
FIRST_ID = 1_000_000_000  # ten digits, so that every answer has the same length
IDS, RATE = 100, 10_000  # in a lease; that a connection says it uses in a second
# Per command: the words for pawld, and for Redis.
WORDS = {"INCR": ("INCR orders", "INCR orders"),
         "SEQ.LEASE": (f"SEQ.LEASE orders {IDS} RATE {RATE}", f"INCRBY orders {IDS}")}
SHOWN_CONNECTIONS = 50  # in the plot


def as_resp(words):
    words = words.split(" ")
    return f"*{len(words)}\r\n" + "".join(f"${len(word)}\r\n{word}\r\n" for word in words)


def start(args, stack, command, threads):
    """[(server, words, lines of an answer)]: all that is asked the same."""
    words, redis_words = WORDS[command]
    folder = stack.enter_context(tempfile.TemporaryDirectory())
    pawld = stack.enter_context(peers.pawld(args, f"lmdb:{folder}/store", threads=threads))
    peers.good(pawld.port, "SEQ.CREATE", "orders", "START", str(FIRST_ID))
    answer = peers.good(pawld.port, *words.split(" "))
    bare = stack.enter_context(peers.bare(args, as_resp(words), answer,
                                          "0" if threads == 1 else "0,1"))
    up = [(pawld, words, answer.count("\n")), (bare, words, answer.count("\n"))]
    if threads == 1:
        redis = stack.enter_context(peers.redis(folder))
        peers.good(redis.port, "SET", "orders", str(FIRST_ID))
        up.append((redis, redis_words, 1))
    return up


def load(args, one, connections, pipeline, cores):
    server, words, lines = one
    command = peers.pinned(cores, part.program(args, "line_load"), "127.0.0.1", server.port,
                           connections, pipeline, args.seconds, words, lines, server.process.pid)
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(f"bench: {server.name}: {done.stderr}")
    return json.loads(done.stdout)


def cell(args, up, connections, pipeline, cores):
    """server's name -> its runs; who is first changes from round to round."""
    runs = {one[0].name: [] for one in up}
    for turn in range(args.rounds):
        for one in up[turn % len(up):] + up[:turn % len(up)]:
            runs[one[0].name].append(load(args, one, connections, pipeline, cores))
    return runs


def values(runs, name, what):
    return [run[what] for run in runs[name]]


def rows(connections, pipeline, runs):
    for name in runs:
        ratio = part.ratios(values(runs, name, "cpu_us"), values(runs, peers.BARE, "cpu_us"))
        yield [connections, pipeline, name,
               part.spread([rate / 1e3 for rate in values(runs, name, "rate")], "{:.0f}"),
               f"{statistics.median(values(runs, name, 'p50_us')):.0f}",
               f"{statistics.median(values(runs, name, 'p99_us')):.0f}",
               part.spread(values(runs, name, "cpu_us"), "{:.3f}"),
               "" if name == peers.BARE else part.spread(ratio)]


def measure(args, report, command, threads):
    cores = "1" if threads == 1 else "0,1"
    shown, found = [], {}
    with contextlib.ExitStack() as stack:
        up = start(args, stack, command, threads)
        for one in up:  # until blocks have grown
            load(args, one, 50, 16, cores)
        for connections in args.connections:
            for pipeline in PIPELINES:
                runs = cell(args, up, connections, pipeline, cores)
                shown += rows(connections, pipeline, runs)
                found[connections, pipeline] = runs
    peer = "Redis: INCRBY" if command == "SEQ.LEASE" else "Redis: the same"
    report.table(f"{command}, {threads} I/O thread{'s'[:threads - 1]}; {peer}",
                 ["connections", "under way", "server", "k requests/s", "p50 µs", "p99 µs",
                  "server CPU µs/request", "CPU / bare libuv's"], shown)
    return found


def judge(report, command, found):
    for connections, pipeline in found:
        runs = found[connections, pipeline]
        cpu = part.ratios(values(runs, "pawld", "cpu_us"), values(runs, "redis", "cpu_us"))
        report.verdict(f"{command}, {connections} connections, {pipeline} under way: server CPU "
                       "per request, pawld / Redis", cpu)


def main():
    parser = part.arguments(__doc__, 3, 1)
    parser.add_argument("--connections", help="default " + ",".join(map(str, CONNECTIONS)))
    args = part.parse(parser, (3, 1), (1, 0.25))
    args.connections = ([int(one) for one in args.connections.split(",")] if args.connections
                        else CONNECTIONS[1:2] if args.quick else CONNECTIONS)
    report = part.Part("server", "Server: INCR and SEQ.LEASE", __doc__)
    plot = {}
    for command in WORDS:
        for threads in THREADS:
            found = measure(args, report, command, threads)
            for name in next(iter(found.values())) if SHOWN_CONNECTIONS in args.connections else ():
                if threads == 1:
                    plot[f"{command} {name}"] = [
                        (pipeline, statistics.median(values(found[SHOWN_CONNECTIONS, pipeline],
                                                            name, "rate")))
                        for pipeline in PIPELINES]
            if threads == 1:
                judge(report, command, found)
    report.plot("throughput", f"Requests per second, {SHOWN_CONNECTIONS} connections, one core",
                ["requests under way on each connection", "requests/s"], plot)
    report.end(args)


if __name__ == "__main__":
    main()

# SPDX-License-Identifier: Apache-2.0
"""`SELECT nextval('s')` by pgbench, the same script in the same run, from pawld and from PostgreSQL
15 with CACHE 1 and CACHE 1000: rate, latencies, and what an id costs the server in CPU. Medians of
rounds that are taken in turn; nothing is pinned. `make bench-postgres` runs it all.

A server's CPU is that of all its processes, user and system, the opening of the connections
included. On two cores pgbench is itself the limit: its share of the CPU that both used is shown.
"bare libuv" is canned_postgres, which answers with bytes made beforehand: no server of this machine
that answers each request by epoll, read and write can cost less."""
import os
import pathlib
import re
import resource
import socket
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT / "test/stores"), str(ROOT / "test/live")]

import live  # noqa: E402 (they stand in the folders that were just added)
import part  # noqa: E402
import servers  # noqa: E402

SCRIPT = "SELECT nextval('s')\n"
PEERS = {"postgres cache 1": 1, "postgres cache 1000": 1000}
BARE = "bare libuv"
LOGGED_MAX = 20_000  # latencies that one run writes down, of all that it has
# What pawld is to keep, as ratios to PostgreSQL's: server CPU per id, rate, p99.
CPU_MOST, RATE_LEAST, P99_MOST = 1 / 3, 1.3, 1.0
RATE_FROM_CLIENTS = 8


def ticks(pid, fields):
    """Sums fields of /proc/PID/stat, by their numbers in proc(5), in seconds."""
    try:
        text = pathlib.Path(f"/proc/{pid}/stat").read_text(encoding="ascii")
    except OSError:
        return 0.0
    words = text.rsplit(")", 1)[1].split()
    return sum(int(words[one - 3]) for one in fields) / os.sysconf("SC_CLK_TCK")


class Server:
    def __init__(self, name, port, database, pid):
        self.name, self.port, self.database, self.pid = name, port, database, pid

    def cpu_s(self):
        """Of the process, of its children that ended, and of those that live."""
        return ticks(self.pid, (14, 15, 16, 17)) + sum(ticks(child, (14, 15)) for child in
                                                       servers.descendants(self.pid))

    def connections(self):
        """Processes that serve one client each."""
        return len(servers.descendants(self.pid))


def ask(port, database, sql):
    done = subprocess.run([servers.POSTGRES_BIN / "psql", "-XAtq", "-h", "127.0.0.1", "-p",
                           str(port), "-U", "postgres", "-c", sql, database], text=True,
                          capture_output=True, timeout=30, check=False)
    if done.returncode != 0:
        sys.exit(f"bench: {sql}: {done.stderr}")
    return done.stdout.strip()


def start_postgres():
    """One cluster, as PostgreSQL is by default, with a database for each peer."""
    cluster = servers.Postgres(settings=["shared_buffers=128MB", "wal_level=replica",
                                         "max_wal_senders=0"])
    cluster.start()
    for name, cache in PEERS.items():
        database = name.replace(" ", "_")
        ask(cluster.ports[0], "postgres", f"CREATE DATABASE {database}")
        ask(cluster.ports[0], database, f"CREATE SEQUENCE s CACHE {cache}")
    return cluster


def start_pawld(build, folder):
    live.BUILD = build
    port = live.free_port()
    pawld = live.Pawld(folder, "pawld", options=["--listen", f"postgres://127.0.0.1:{port}",
                                                 "--log-level", "warn"])
    pawld.start()
    ask(port, "postgres", "CREATE SEQUENCE s")
    return pawld, Server("pawld", port, "postgres", pawld.process.pid)


def start_bare(build):
    port = live.free_port()
    process = subprocess.Popen([build / "bench/canned_postgres", str(port)])
    live.wait_until(lambda: answers(port), "the bare server answers")
    return process, Server(BARE, port, "postgres", process.pid)


def answers(port):
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1):
            return True
    except OSError:
        return False


def settled(server, idle):
    """Waits until the clients' processes of the last run have ended and are in the sums."""
    until = time.monotonic() + 5
    while server.connections() > idle and time.monotonic() < until:
        time.sleep(0.01)


def latencies(folder):
    took = sorted(int(line.split()[2]) for log in pathlib.Path(folder).glob("pgbench_log*")
                  for line in log.read_text(encoding="ascii").splitlines())
    if not took:
        sys.exit("bench: pgbench logged no latency")
    return {"p50_us": took[len(took) // 2], "p99_us": took[len(took) * 99 // 100]}


def load(server, mode, clients, seconds, sample):
    """One run of pgbench, which writes down that part of its latencies."""
    idle = server.connections()
    server_s = server.cpu_s()
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    with tempfile.TemporaryDirectory() as folder:
        script = pathlib.Path(folder) / "nextval.sql"
        script.write_text(SCRIPT, encoding="ascii")
        done = subprocess.run(
            [servers.POSTGRES_BIN / "pgbench", "-n", "-M", mode, "-f", script, "-T", str(seconds),
             "-c", str(clients), "-j", str(min(clients, 2)), "-l", f"--sampling-rate={sample:.6f}",
             "-h", "127.0.0.1", "-p", str(server.port), "-U", "postgres", server.database],
            cwd=folder, capture_output=True, text=True, timeout=seconds + 60, check=False)
        if done.returncode != 0:
            sys.exit(f"bench: pgbench on {server.name}: {done.stderr}")
        result = latencies(folder)
    now = resource.getrusage(resource.RUSAGE_CHILDREN)
    settled(server, idle)
    ids = int(re.search(r"actually processed: (\d+)", done.stdout).group(1))
    pgbench_s = now.ru_utime + now.ru_stime - used.ru_utime - used.ru_stime
    server_s = server.cpu_s() - server_s
    return {**result, "rate": float(re.search(r"tps = ([\d.]+) \(without", done.stdout).group(1)),
            "cpu_us": server_s / ids * 1e6, "pgbench_share": pgbench_s / (pgbench_s + server_s)}


def measure(up, mode, clients, args):
    """Runs of each server, taken in turn; a first one of each, not counted, sets the sample."""
    runs = {server.name: [] for server in up}
    sample = {}
    for server in up:
        rate = load(server, mode, clients, 1, 0.05)["rate"]
        sample[server.name] = min(1.0, LOGGED_MAX / (rate * args.seconds))
    for turn in range(args.rounds):
        for server in up[turn % len(up):] + up[:turn % len(up)]:
            runs[server.name].append(load(server, mode, clients, args.seconds,
                                          sample[server.name]))
    return runs


def column(runs, name, what):
    return [run[what] for run in runs[name]]


def judge(report, mode, clients, runs):
    """pawld's ratios to its peers, and those that the bare server leaves room for."""
    for peer in PEERS:
        for what, name, limit in (("cpu_us", "server CPU per id", {"most": CPU_MOST}),
                                  ("rate", "rate", {"least": RATE_LEAST}
                                   if clients >= RATE_FROM_CLIENTS else {}),
                                  ("p99_us", "p99", {"most": P99_MOST})):
            report.verdict(f"{name}, {mode}, {clients} clients: pawld / {peer}",
                           part.ratios(column(runs, "pawld", what), column(runs, peer, what)),
                           **limit)


def rows(mode, clients, runs):
    for name in runs:
        bare = part.ratios(column(runs, name, "cpu_us"), column(runs, BARE, "cpu_us"))
        yield [mode, clients, name, part.spread(column(runs, name, "rate"), "{:.0f}"),
               *(f"{statistics.median(column(runs, name, what)):.0f}"
                 for what in ("p50_us", "p99_us")),
               part.spread(column(runs, name, "cpu_us")), "" if name == BARE else part.spread(bare),
               f"{statistics.median(column(runs, name, 'pgbench_share')):.0%}"]


def main():
    parser = part.arguments(__doc__, 4, 2)
    parser.add_argument("--clients", help="numbers of connections (default 1,8,32)")
    parser.add_argument("--modes", default="prepared", help="pgbench's protocols, of simple, "
                        "extended and prepared (default prepared)")
    args = part.parse(parser, (4, 2), (1, 1))
    args.seconds = int(args.seconds)
    clients_of = args.clients or ("8" if args.quick else "1,8,32")
    report = part.Part("postgres", "PostgreSQL's wire: SELECT nextval('s')", __doc__)
    shown = []
    with tempfile.TemporaryDirectory() as folder:
        pawld, server = start_pawld(args.build, pathlib.Path(folder))
        bare, bare_server = start_bare(args.build)
        cluster = start_postgres()
        up = [server] + [Server(name, cluster.ports[0], name.replace(" ", "_"),
                                cluster.process.child.pid) for name in PEERS] + [bare_server]
        try:
            for mode in args.modes.split(","):
                for clients in map(int, clients_of.split(",")):
                    runs = measure(up, mode, clients, args)
                    judge(report, mode, clients, runs)
                    shown += rows(mode, clients, runs)
        finally:
            pawld.stop()
            bare.kill()
            bare.wait()
            cluster.end()
    report.table("pgbench", ["protocol", "clients", "server", "ids/s", "p50 µs", "p99 µs",
                             "server CPU µs/id", "CPU / bare server's",
                             "pgbench's share of the CPU"], shown)
    report.end(args)


if __name__ == "__main__":
    main()

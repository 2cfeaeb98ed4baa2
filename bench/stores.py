# SPDX-License-Identifier: Apache-2.0
"""Durable ranges per second of each store, as a keeper asks for them, beside the store's own tool
that does the same update in the same run, taken in turn: pgbench, redis-benchmark, a loop over
libcurl, an SDK. Then what a sequence costs in writes, on a clock of its own. `make bench-stores`
runs it all."""
import argparse
import json
import os
import pathlib
import re
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT / "test/stores"), str(ROOT / "test/live")]

import servers  # noqa: E402 (it stands in the folder that was just added)

CASES = [(1, 1), (1, 64), (1000, 1), (1000, 64)]

def run(words, **how):
    done = subprocess.run([str(w) for w in words], capture_output=True, text=True, check=False,
                          timeout=300, **how)
    if done.returncode != 0:
        sys.exit(f"bench: {words[0]}: {done.stderr or done.stdout}")
    return done.stdout


def pawl(build, server, sequences, in_flight, seconds):
    env = {**os.environ, **getattr(server, "env", {})}
    text = run([build / "bench/store_bench", server.url, sequences, in_flight, seconds], env=env)
    return json.loads(text)


def curl(args, url, case, bodies, headers=(), **env):
    """A loop over libcurl, with as many requests in flight."""
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as file:
        file.write("".join(body + "\n" for body in bodies))
        file.flush()
        return json.loads(run([args.build / "bench/curl_load", url, file.name, case[1],
                               args.seconds, *headers], env={**os.environ, **env}))


def of_samples(took_us, seconds):
    took_us.sort()
    return {"rate": len(took_us) / seconds, "p50_us": took_us[len(took_us) // 2],
            "p99_us": took_us[len(took_us) * 99 // 100]}


def postgres(args, server, case):
    """pgbench, prepared, the same UPDATE."""
    sequences, in_flight = case
    sql = (f"\\set n random(0, {sequences - 1})\n"
           "UPDATE pawl_sequences SET next = next + 1, version = version + 1, tag = tag, "
           "rate = rate, written_at = written_at WHERE name = 'bench' || :n AND epoch > 0 AND "
           "lap = 0 AND dropped = 0 AND next BETWEEN 0 AND 1000000000000 RETURNING *;\n")
    with tempfile.TemporaryDirectory() as folder:
        script = pathlib.Path(folder) / "update.sql"
        script.write_text(sql)
        text = run([servers.POSTGRES_BIN / "pgbench", "-n", "-M", "prepared", "-f", script, "-T",
                    args.seconds, "-c", in_flight, "-j", 1, "-l", "-h", "127.0.0.1", "-p",
                    server.ports[0], "-U", "postgres", "postgres"], cwd=folder)
        rate = float(re.search(r"tps = ([\d.]+) \(without", text).group(1))
        took = [int(line.split()[2]) for log in pathlib.Path(folder).glob("pgbench_log*")
                for line in log.read_text().splitlines()]
    return {**of_samples(took, args.seconds), "rate": rate}


def monitored(server, build):
    """The words of one advance, as pawl sends it."""
    with server.client() as client, client.monitor() as monitor:
        asks = threading.Thread(target=pawl, args=(build, server, 1, 1, 1))
        asks.start()
        for command in monitor.listen():
            words = command["command"].split(" ")
            if words[0] == "EVALSHA" and words[2] == "2" and len(words) > 9:  # an advance
                break
        asks.join()
    return [word.strip('"').encode().decode("unicode_escape") for word in words]


def copied(server, case, words):
    """The same words on as many keys, each a copy of the record that they were meant for, named
    as redis-benchmark names them."""
    key = words[3]
    with server.client() as client:
        name = client.hget(key, "name")
        for number in range(case[0]):
            client.copy(key, f"{key}:{number:012}", replace=True)
            client.hset(f"{key}:{number:012}", "name", f"{name}:{number:012}")
        for asked in (key, f"{key}:{0:012}"):
            if "done" not in client.execute_command(*words[:3], asked, *words[4:]):
                sys.exit("bench: Redis refuses the words that pawl sent")
    return [*words[:3], f"{key}:__rand_int__", *words[4:]]


def redis(args, server, case, words):
    """redis-benchmark, the same script on the same words."""
    rate = 2000
    for _ in range(2):  # first to find how many requests take that long
        text = run(["redis-benchmark", "-p", server.ports[0], "-c", case[1], "-r", case[0], "-n",
                    max(int(rate * args.seconds), 100), "--csv", *words])
        values = [v.strip('"') for v in text.splitlines()[-1].split('","')]
        rate = float(values[-7])
    return {"rate": rate, "p50_us": float(values[-4]) * 1e3, "p99_us": float(values[-2]) * 1e3}


class Recorder:
    """Stands between pawl and a server, and keeps the bodies of the requests that go through."""

    def __init__(self, port):
        self.port_behind = port
        self.sent = []
        self.listening = socket.create_server(("127.0.0.1", 0))
        self.port = self.listening.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                client, _ = self.listening.accept()
            except OSError:
                return
            behind = socket.create_connection(("127.0.0.1", self.port_behind))
            kept = []
            self.sent.append(kept)
            threading.Thread(target=self.carry, args=(client, behind, kept), daemon=True).start()
            threading.Thread(target=self.carry, args=(behind, client, []), daemon=True).start()

    @staticmethod
    def carry(source, to, kept):
        try:
            while data := source.recv(1 << 16):
                kept.append(data)
                to.sendall(data)
        except OSError:
            pass  # the other way has ended both
        to.close()

    def bodies(self):
        for kept in self.sent:
            rest = b"".join(kept)
            while (end := rest.find(b"\r\n\r\n")) >= 0:
                size = re.search(rb"(?i)content-length: (\d+)", rest[:end])
                size = int(size.group(1)) if size else 0
                if size > 0:
                    yield json.loads(rest[end + 4:end + 4 + size])
                rest = rest[end + 4 + size:]


def recorded(args, server, sequences):
    """What pawl says to advance each of its sequences once or more."""
    recorder = Recorder(server.ports[0])
    url = server.url.replace(str(server.ports[0]), str(recorder.port))
    for port in server.ports[1:]:  # whoever could be asked without it
        url = url.replace(f",127.0.0.1:{port}", "")
    env = {**os.environ, **getattr(server, "env", {})}
    run([args.build / "bench/store_bench", url, sequences, 1, 4], env=env)
    recorder.listening.close()
    return list(recorder.bodies())


def etcd(args, server, case, asked):
    """The same transaction, made so that it holds each time: version instead of revision."""
    bodies = {}
    for body in asked:
        if len(body.get("compare", [])) not in (2, 3):  # the third is the store's branch
            continue
        put = body["success"][0]["request_put"]
        version, value = body["compare"][:2]
        version.update(target="VERSION", result="GREATER", version="0")
        version.pop("mod_revision", None)
        value["value"] = put["value"]
        bodies[put["key"]] = body
    url = f"http://127.0.0.1:{server.ports[0]}/v3/kv/"
    for body in bodies.values():
        put = json.dumps(body["success"][0]["request_put"]).encode()
        urllib.request.urlopen(url + "put", put).close()
    return curl(args, url + "txn", case, map(json.dumps, bodies.values()))


def dynamodb(args, server, case, asked):
    """The same UpdateItem, signed by libcurl."""
    bodies = {json.dumps(body["Key"]): body for body in asked
              if " ADD " in body.get("UpdateExpression", "")}
    user = f'{server.env["AWS_ACCESS_KEY_ID"]}:{server.env["AWS_SECRET_ACCESS_KEY"]}'
    return curl(args, f"http://127.0.0.1:{server.ports[0]}/", case,
                map(json.dumps, bodies.values()),
                ["Content-Type: application/x-amz-json-1.0",
                 "X-Amz-Target: DynamoDB_20120810.UpdateItem"],
                CURL_LOAD_SIGV4="aws:amz:eu-west-1:dynamodb", CURL_LOAD_USER=user)


def couchbase(args, server, case):
    """The SDK's mutations of a document as pawl's, in as many threads as asks are in flight."""
    from couchbase.auth import PasswordAuthenticator
    from couchbase.cluster import Cluster
    from couchbase.options import ClusterOptions
    import couchbase.subdocument as subdocument

    sequences, in_flight = case
    hosts = ",".join(f"127.0.0.1:{port}=mcd" for port in server.ports)
    cluster = Cluster(f"couchbase://{hosts}", ClusterOptions(
        PasswordAuthenticator("default", "password")))
    documents = cluster.bucket("default").default_collection()
    words = ("format line start increment min max origin block cycle ended dropped seq_order "
             "data_type created_at changed_at branch moved_to").split()
    for number in range(sequences):
        documents.upsert(f"native{number}", {"next": {"1745085902": {"0": 1}}, "version": 1,
                                             "tag": 1, "rate": 0, "written_at": 0,
                                             **{word: 1745085902 for word in words}})
    change = [subdocument.increment("next.1745085902.0", 1), subdocument.increment("version", 1),
              subdocument.upsert("tag", 8108129795922781064), subdocument.upsert("rate", 0.5),
              subdocument.upsert("written_at", 1795338016)]
    took = []
    until = time.monotonic() + args.seconds

    def count(number):
        while time.monotonic() < until:
            begun = time.monotonic()
            documents.mutate_in(f"native{number % sequences}", change)
            took.append((time.monotonic() - begun) * 1e6)
            number += in_flight

    threads = [threading.Thread(target=count, args=(i,)) for i in range(in_flight)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    cluster.close()
    return of_samples(took, args.seconds)


NATIVE = {
    "postgres": (servers.Postgres, postgres, "pgbench"),
    "redis": (servers.Redis, redis, "redis-benchmark"),
    "etcd": (servers.Etcd, etcd, "libcurl loop"),
    "etcd3": (servers.Etcd3, etcd, "libcurl loop"),
    "dynalite": (servers.Dynalite, dynamodb, "libcurl loop"),
    "dynamodb_local": (servers.DynamoLocal, dynamodb, "libcurl loop"),
    "couchbase_mock": (servers.CouchbaseMock, couchbase, "Python SDK"),
}


def measure(kind, args):
    make, native, tool = NATIVE[kind]
    server = make()
    server.start()
    rows = []
    try:
        run([args.build / "pawl", "store", "init", server.url],
            env={**os.environ, **getattr(server, "env", {})})
        for case in CASES:
            runs = {"pawl": [], "native": []}
            pawl(args.build, server, case[0], 1, 1)  # makes the sequences
            more = []
            if kind == "redis":
                more = [copied(server, case, monitored(server, args.build))]
            if tool == "libcurl loop":
                more = [recorded(args, server, case[0])]
            for _ in range(args.rounds):
                runs["pawl"].append(pawl(args.build, server, *case, args.seconds))
                runs["native"].append(native(args, server, case, *more))
            rows.append({"sequences": case[0], "in_flight": case[1], "tool": tool, **runs})
    finally:
        server.end()
    return rows


def show(kind, rows):
    for row in rows:
        middle = {who: {what: statistics.median(r[what] for r in row[who])
                        for what in ("rate", "p50_us", "p99_us")} for who in ("pawl", "native")}
        row["ratio"] = statistics.median(
            p["rate"] / n["rate"] for p, n in zip(row["pawl"], row["native"]))
        print(f"{kind:15} {row['sequences']:5} {row['in_flight']:9}"
              + "".join(f"{middle[who]['rate']:10.0f} {middle[who]['p50_us'] / 1e3:8.2f}"
                        f" {middle[who]['p99_us'] / 1e3:8.2f}" for who in ("pawl", "native"))
              + f"{row['ratio']:8.2f}  {row['tool']}", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("store", nargs="*", help="of " + ", ".join(NATIVE) + "; default all")
    parser.add_argument("--build", default=ROOT / "build", type=pathlib.Path)
    parser.add_argument("--rounds", default=5, type=int, help="runs of each (default 5)")
    parser.add_argument("--seconds", default=2, type=int, help="of one run (default 2)")
    parser.add_argument("--json", type=pathlib.Path, help="write all figures there too")
    args = parser.parse_args()
    args.build = args.build.resolve()
    unknown = [name for name in args.store if name not in NATIVE]
    if unknown:
        parser.error(f"no store is called {unknown[0]}")
    if shutil.which("redis-benchmark") is None:
        parser.error("redis-benchmark is missing: run tools/setup")
    print(f"{os.cpu_count()} cores for server and load together; rates in ranges per second, "
          "latencies in ms, medians")
    print("store           sequences in flight  pawl/s   p50     p99  native/s    p50     p99 "
          " pawl/native")
    report = {}
    for kind in args.store or NATIVE:
        report[kind] = measure(kind, args)
        show(kind, report[kind])
    if not args.store:
        print("\nWrites of its record that a sequence costs, once blocks have grown:")
        print(run([args.build / "bench/writes_bench"]), end="")
    if args.json:
        args.json.write_text(json.dumps(report, indent=1))


if __name__ == "__main__":
    main()

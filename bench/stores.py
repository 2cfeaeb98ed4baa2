# SPDX-License-Identifier: Apache-2.0
"""Durable ranges per second of each store, as a keeper asks for them, beside the store's own tool
that does the same update in the same run, taken in turn: pgbench, redis-benchmark, wrk, an SDK.
Then what a sequence costs in writes, on a clock of its own. `make bench-stores` runs it all."""
import argparse
import base64
import json
import os
import pathlib
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT / "test/stores"), str(ROOT / "test/live")]

import servers  # noqa: E402 (it stands in the folder that was just added)

CASES = [(1, 1), (1, 64), (1000, 1), (1000, 64)]
VALUE_BYTES = 420  # as long as a record's text in etcd
LUA = """
wrk.method = "POST"
{setup}
local body = '{body}'
request = function()
  local text = body:gsub("@", {key})
  return wrk.format(nil, "{path}", nil, text)
end
"""


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


def wrk(server, case, seconds, script):
    """wrk with one thread; what it says as rate and latencies."""
    _, in_flight = case
    with tempfile.NamedTemporaryFile("w", suffix=".lua") as file:
        file.write(script)
        file.flush()
        text = run(["wrk", "-t1", f"-c{in_flight}", f"-d{seconds}s", "--latency", "-s", file.name,
                    f"http://127.0.0.1:{server.ports[0]}/"])
    bad = re.search(r"Non-2xx or 3xx responses: (\d+)", text)
    if bad:
        sys.exit(f"bench: wrk: {bad.group(0)}")

    def latency(percent):
        value, unit = re.search(rf"{percent}%\s+([\d.]+)(us|ms|s)", text).groups()
        return float(value) * {"us": 1, "ms": 1e3, "s": 1e6}[unit]

    rate = float(re.search(r"Requests/sec:\s+([\d.]+)", text).group(1))
    return {"rate": rate, "p50_us": latency(50), "p99_us": latency(99)}


def of_samples(took_us, seconds):
    took_us.sort()
    return {"rate": len(took_us) / seconds, "p50_us": took_us[len(took_us) // 2],
            "p99_us": took_us[len(took_us) * 99 // 100]}


def postgres(server, case, seconds):
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
                    seconds, "-c", in_flight, "-j", 1, "-l", "-h", "127.0.0.1", "-p",
                    server.ports[0], "-U", "postgres", "postgres"], cwd=folder)
        rate = float(re.search(r"tps = ([\d.]+) \(without", text).group(1))
        took = [int(line.split()[2]) for log in pathlib.Path(folder).glob("pgbench_log*")
                for line in log.read_text().splitlines()]
    return {**of_samples(took, seconds), "rate": rate}


def monitored(server, build):
    """The words of one advance, as pawl sends it."""
    with server.client() as client, client.monitor() as monitor:
        asks = threading.Thread(target=pawl, args=(build, server, 1, 1, 1))
        asks.start()
        for command in monitor.listen():
            words = command["command"].split(" ")
            if words[0] == "EVALSHA" and "bench0" in command["command"] and len(words) > 9:
                break
        asks.join()
    return words


def redis(server, case, seconds, words):
    """redis-benchmark, the same script on the same words: one sequence, as it knows no names."""
    in_flight = case[1]
    rate = 2000
    for _ in range(2):  # first to find how many requests take that long
        text = run(["redis-benchmark", "-p", server.ports[0], "-c", in_flight, "-n",
                    max(int(rate * seconds), 100), "--csv", *words])
        values = [v.strip('"') for v in text.splitlines()[-1].split('","')]
        rate = float(values[-7])
    return {"rate": rate, "p50_us": float(values[-4]) * 1e3, "p99_us": float(values[-2]) * 1e3}


def etcd(server, case, seconds):
    """wrk: a transaction that compares and puts as many bytes."""
    key = base64.b64encode(b"bench").decode()
    value = base64.b64encode(b"v" * VALUE_BYTES).decode()
    body = json.dumps({
        "compare": [{"target": "VERSION", "result": "GREATER", "key": key, "version": "-1"}],
        "success": [{"request_put": {"key": "@", "value": value}}],
        "failure": [{"request_range": {"key": key}}]})
    keys = "".join(f'"{base64.b64encode(f"bench{i:04}".encode()).decode()}",'
                   for i in range(case[0]))
    script = LUA.format(setup=f"local keys = {{{keys}}}", path="/v3/kv/txn", body=body,
                        key=f"keys[math.random({case[0]})]")
    return wrk(server, case, seconds, script)


def dynamodb(server, case, seconds):
    """wrk: the same UpdateItem, signed once (emulators do not look)."""
    body = json.dumps({
        "TableName": "pawl", "Key": {"k": {"S": "bench@"}},
        "UpdateExpression": "ADD #n :n, #v :n SET #t = :t",
        "ConditionExpression": "attribute_exists(k) AND #e > :z AND #n BETWEEN :z AND :m",
        "ExpressionAttributeNames": {"#n": "next", "#v": "version", "#t": "tag", "#e": "epoch"},
        "ExpressionAttributeValues": {":n": {"N": "1"}, ":z": {"N": "0"}, ":t": {"N": "77"},
                                      ":m": {"N": "1000000000000"}},
        "ReturnValues": "ALL_NEW"})
    key = server.env["AWS_ACCESS_KEY_ID"]
    headers = {"X-Amz-Target": "DynamoDB_20120810.UpdateItem", "X-Amz-Date": "20260101T000000Z",
               "Content-Type": "application/x-amz-json-1.0",
               "Authorization": f"AWS4-HMAC-SHA256 Credential={key}/20260101/eu-west-1/dynamodb/"
                                "aws4_request, SignedHeaders=host, Signature=00"}
    lines = "\n".join(f'wrk.headers["{name}"] = "{text}"' for name, text in headers.items())
    return wrk(server, case, seconds, LUA.format(
        setup=lines, path="/", body=body, key=f"tostring(math.random({case[0]}) - 1)"))


def couchbase(server, case, seconds):
    """The SDK's counters, in as many threads as asks are in flight."""
    from couchbase.auth import PasswordAuthenticator
    from couchbase.cluster import Cluster
    from couchbase.options import ClusterOptions, IncrementOptions

    sequences, in_flight = case
    hosts = ",".join(f"127.0.0.1:{port}=mcd" for port in server.ports)
    cluster = Cluster(f"couchbase://{hosts}", ClusterOptions(
        PasswordAuthenticator("default", "password")))
    bucket = cluster.bucket("default").default_collection().binary()
    took = []
    until = time.monotonic() + seconds

    def count(number):
        while time.monotonic() < until:
            begun = time.monotonic()
            bucket.increment(f"native{number % sequences}", IncrementOptions())
            took.append((time.monotonic() - begun) * 1e6)
            number += in_flight

    threads = [threading.Thread(target=count, args=(i,)) for i in range(in_flight)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    cluster.close()
    return of_samples(took, seconds)


NATIVE = {
    "postgres": (servers.Postgres, postgres, "pgbench"),
    "redis": (servers.Redis, redis, "redis-benchmark"),
    "etcd": (servers.Etcd, etcd, "wrk"),
    "etcd3": (servers.Etcd3, etcd, "wrk"),
    "dynalite": (servers.Dynalite, dynamodb, "wrk"),
    "dynamodb_local": (servers.DynamoLocal, dynamodb, "wrk"),
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
            more = [monitored(server, args.build)] if kind == "redis" else []
            for _ in range(args.rounds):
                runs["pawl"].append(pawl(args.build, server, *case, args.seconds))
                runs["native"].append(native(server, case, args.seconds, *more))
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
    if shutil.which("wrk") is None:
        parser.error("wrk is missing: run tools/setup")
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

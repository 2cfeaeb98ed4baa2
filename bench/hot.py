# SPDX-License-Identifier: Apache-2.0
"""What one id costs its taker: pawl_next and pawl_lane_next beside a bare atomic add, a plain
increment and a mutex, each a function of a shared library, in one process and run; then CosId's
SegmentChainId, the best-known peer, by JMH on the same machine.

Threads are pinned: the first and third to core 0, the others to core 1. A repetition takes four
million ids per thread of each subject, in turn; ratios are of neighbours. "Reserved per id used"
is what was taken from the store by the end, by what was handed out of it: a crash would burn the
difference. CosId's figures include no call through a library: Java's just-in-time compiler puts
the method into the loop."""
import json
import pathlib
import re
import statistics
import subprocess
import sys
import tempfile

import part

BENCH = part.ROOT / ".bench"
# subject, threads, what it is held against, at most
LIMITS = [("pawl_next", 1, "bare add", 1.15), ("pawl_next", 2, "bare add", 1.3),
          ("pawl_lane_next", 1, "plain increment", 1.5)]
STEPS = (10, 1000)  # CosId's, in ids


def by_pawl(args):
    done = subprocess.run([part.program(args, "next_bench"), str(args.rounds)], check=False,
                          capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(f"bench: next_bench: {done.stderr}")
    return json.loads(done.stdout)


def by_cosid(args, threads, words):
    """Ids per second of each iteration, and reserved per id used, None if nothing is reserved."""
    each = f"{args.seconds * 1e3:.0f}ms"
    with tempfile.TemporaryDirectory() as folder:
        out = pathlib.Path(folder) / "jmh.json"
        done = subprocess.run(
            ["java", "-Xmx2g", "-cp", f"{BENCH}/classes:{BENCH}/java/*", "org.openjdk.jmh.Main",
             "-t", str(threads), "-wi", "1", "-w", each, "-i", str(max(args.rounds // 3, 1)),
             "-r", each, "-rf", "json", "-rff", str(out), *words],
            check=False, capture_output=True, text=True, cwd=folder)
        if done.returncode != 0 or not out.exists():
            sys.exit(f"bench: JMH: {done.stdout}{done.stderr}")
        rates = json.loads(out.read_text())[0]["primaryMetric"]["rawData"][0]
    found = re.search(r"used (\d+) reserved (\d+)", done.stdout)
    return rates, int(found[2]) / int(found[1]) if found else None


def row(name, threads, ns, reserved):
    return [name, threads, part.spread(ns), f"{threads * 1e3 / statistics.median(ns):.0f}",
            f"{reserved:.2f}" if reserved else "–"]


def cosid_rows(args, report):
    if not (BENCH / "classes").exists():
        report.note("CosId was not measured: tools/setup --bench installs it.")
        return
    cases = [("CosId SegmentChainId, step " + str(step), ["-p", f"step={step}",
                                                          "ChainBench.generate"])
             for step in (STEPS[1:] if args.quick else STEPS)]
    for name, words in [("Java's AtomicLong", ["ChainBench.bare"]), *cases]:
        for threads in (1, 2) if args.quick else (1, 2, 4):
            rates, reserved = by_cosid(args, threads, words)
            yield row(name, threads, [threads * 1e9 / rate for rate in rates], reserved)


def main():
    args = part.parse(part.arguments(__doc__, 15, 1), (15, 1), (5, 0.5))
    report = part.Part("hot", "Hot path: one id", __doc__)
    found = by_pawl(args)
    subjects = {(one["name"], one["threads"]): one for one in found["subjects"]}
    reserved = found["reserved"] / found["used"]
    rows = [row(name, threads, one["ns"], reserved if name.startswith("pawl") else None)
            for (name, threads), one in subjects.items()]
    for (name, threads), one in subjects.items():
        limit = [(base, most) for who, count, base, most in LIMITS
                 if (who, count) == (name, threads)]
        base, most = limit[0] if limit else ("bare add", None)
        if not name.startswith("pawl") or (base, threads) not in subjects:
            continue
        report.verdict(f"{name} / {base}, {threads} thread{'s'[:threads - 1]}",
                       part.ratios(one["ns"], subjects[base, threads]["ns"]), most=most)
    report.verdict("what takers of pawl took from the heap, calls",
                   [sum(one["allocations"] for key, one in subjects.items()
                        if key[0].startswith("pawl"))], most=0, form="{:.0f}")
    rows += cosid_rows(args, report)
    report.table("One id", ["what", "threads", "ns per id and thread", "M ids/s in all",
                            "reserved per id used"], rows)
    report.end(args)


if __name__ == "__main__":
    main()

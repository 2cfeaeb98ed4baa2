# SPDX-License-Identifier: Apache-2.0
"""Store operations by the rate at which a sequence's ids are used: the keeper of pawld over a
store, on a clock of its own. Blocks grow for ten minutes; the hour after that is counted.

Nothing here is timed, so the figures are the same on every machine. --refill-interval is 30 s and
--ride-through 60 s, as by default."""
import subprocess

import part


def main():
    args = part.parse(part.arguments(__doc__, 1, 1), (1, 1), (1, 1))
    report = part.Part("writes", "Store operations", __doc__)
    text = subprocess.run([part.program(args, "writes_bench")], check=True, capture_output=True,
                          text=True).stdout
    rows = [line.split() for line in text.splitlines()[1:]]
    report.table("Writes of one sequence's record",
                 ["ids/s", "in 30 s", "seconds between", "per million ids", "calls that waited",
                  "seconds of ids at hand"], rows)
    steady = [float(row[1]) for row in rows if float(row[0]) >= 1]
    report.verdict("most writes in 30 s, at one id a second and more", [max(steady)], most=1)
    report.plot("writes", "Store writes of one sequence, by its rate",
                ["ids/s", "writes/s"], {"pawld": [(float(row[0]), float(row[1]) / 30)
                                                  for row in rows],
                                        "one write per id": [(float(row[0]), float(row[0]))
                                                             for row in rows]})
    report.end(args)


if __name__ == "__main__":
    main()

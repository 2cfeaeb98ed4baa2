# SPDX-License-Identifier: Apache-2.0
"""Instructions of pawl's paths, counted by callgrind and held to the budgets of
test/budget/budgets.txt. The count is the same on every run and machine that has the same compiler:
it shows a path that grew where a clock shows noise."""
import re
import subprocess
import sys

import part


def main():
    args = part.parse(part.arguments(__doc__, 1, 1), (1, 1), (1, 1))
    report = part.Part("budget", "Instructions", __doc__)
    done = subprocess.run([sys.executable, part.ROOT / "tools/budget", "--build", args.build],
                          check=False, capture_output=True, text=True)
    found = re.findall(r"(?:ok  |FAIL) \S+ +([\d.]+) instructions, budget +(\d+): (.*)",
                       done.stdout)
    if not found:
        sys.exit(f"bench: tools/budget: {done.stdout}{done.stderr}")
    for count, budget, what in found:
        report.verdict(what, [float(count)], most=int(budget), form="{:.0f}")
    report.end(args)


if __name__ == "__main__":
    main()

# SPDX-License-Identifier: Apache-2.0
"""What every bench shares: its options, and its report, which is printed, and written as JSON for
bench/run to make docs/benchmarks.md of. A bench is a program with --json FILE and --quick; its JSON
has the members of Part below, and nothing else needs to know it."""
import argparse
import json
import pathlib
import statistics
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent


def arguments(doc, rounds, seconds):
    """The options that all have; each bench adds its own. --quick: a fifth of the time."""
    parser = argparse.ArgumentParser(description=doc.split("\n\n", maxsplit=1)[0])
    parser.add_argument("--build", default=ROOT / "build", type=pathlib.Path)
    parser.add_argument("--rounds", type=int, help=f"runs of each (default {rounds})")
    parser.add_argument("--seconds", type=float, help=f"of one run (default {seconds:g})")
    parser.add_argument("--quick", action="store_true", help="fewer and shorter runs")
    parser.add_argument("--json", type=pathlib.Path, help="write the report there too")
    return parser


def parse(parser, full, quick):
    """full and quick: (rounds, seconds), where the command line does not say it."""
    args = parser.parse_args()
    rounds, seconds = quick if args.quick else full
    args.rounds = args.rounds or rounds
    args.seconds = args.seconds or seconds
    args.build = args.build.resolve()
    return args


def program(args, name):
    path = args.build / "bench" / name
    if not path.exists():
        sys.exit(f"bench: {path} is not built: run make build, or tools/setup --bench first")
    return str(path)


def spread(values, form="{:.2f}"):
    """Median, least and most, as the tables show them."""
    values = sorted(values)
    return (f"{form} ({form} – {form})").format(statistics.median(values), values[0], values[-1])


def ratios(mine, peers):
    """Of runs that stood side by side, so that no drift of the machine moves their median."""
    return [one / other for one, other in zip(mine, peers)]


class Part:
    def __init__(self, name, title, how):
        self.name, self.title, self.how = name, title, how
        self.tables, self.verdicts, self.plots, self.notes = [], [], [], []

    def table(self, title, columns, rows):
        rows = [[str(cell) for cell in row] for row in rows]
        self.tables.append({"title": title, "columns": columns, "rows": rows})
        wide = [max(map(len, column)) for column in zip(columns, *rows)]
        print(f"\n{title}")
        for row in [columns, *rows]:
            print("  ".join(cell.ljust(size) if i == 0 else cell.rjust(size)
                            for i, (cell, size) in enumerate(zip(row, wide))), flush=True)

    def verdict(self, what, values, most=None, least=None, form="{:.2f}"):
        """values: of all runs; their median is held against the limit, if there is one."""
        middle = statistics.median(values)
        limit, kept = "", None
        if most is not None:
            limit, kept = f"at most {most:g}", middle <= most
        elif least is not None:
            limit, kept = f"at least {least:g}", middle >= least
        self.verdicts.append({"what": what, "value": middle, "shown": spread(values, form),
                              "limit": limit, "kept": kept})
        print({True: "kept  ", False: "MISSED", None: "ratio "}[kept], what + ":",
              spread(values, form), limit, flush=True)

    def plot(self, file, title, axes, series):
        """series: name -> points; both axes are logarithmic."""
        self.plots.append({"file": file, "title": title, "axes": axes, "series": series})

    def note(self, text):
        """Something that the figures do not say themselves."""
        self.notes.append(text)
        print(text, flush=True)

    def end(self, args):
        if args.json:
            args.json.write_text(json.dumps(vars(self), indent=1) + "\n", encoding="utf-8")

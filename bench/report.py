# SPDX-License-Identifier: Apache-2.0
"""Makes docs/benchmarks.md and its plots of what the benches wrote as JSON."""
import json
import sys
import textwrap

from part import ROOT

sys.path.append(str(ROOT / "tools"))

import svg  # noqa: E402 (it stands in the folder that was just added)

BUSY = 0.05  # of the machine: what other work may take before figures are called provisional


def paragraph(text):
    """Unwraps a docstring's lines, so that Markdown's readers wrap them."""
    return "\n\n".join(" ".join(part.split()) for part in textwrap.dedent(text).split("\n\n"))


def table(columns, rows):
    lines = ["| " + " | ".join(columns) + " |",
             "| --- |" + " ---: |" * (len(columns) - 1)]
    return "\n".join(lines + ["| " + " | ".join(row) + " |" for row in rows])


def verdict_rows(part):
    words = {True: "kept", False: "**missed**", None: ""}
    return [[one["what"], one["shown"], one["limit"], words[one["kept"]]]
            for one in part["verdicts"]]


def section(part, folder):
    """One part's text; its plots are written into folder."""
    text = [f"## {part['title']}", paragraph(part["how"])]
    if part["verdicts"]:
        text.append(table(["ratio", "median (least – most)", "wanted", ""], verdict_rows(part)))
    for plot in part["plots"]:
        drawn = svg.lines(plot["title"], plot["axes"], plot["series"])
        (folder / f"{plot['file']}.svg").write_text(drawn, encoding="utf-8")
        text.append(f"![{plot['title']}]({folder.name}/{plot['file']}.svg)")
    for one in part["tables"]:
        text += [f"**{one['title']}**", table(one["columns"], one["rows"])]
    text += [paragraph(note) for note in part["notes"]]
    text.append(f"Measured {part['taken']['date']}; other work used "
                f"{part['taken']['others']:.0%} of the machine meanwhile.")
    return "\n\n".join(text)


def head(parts, facts):
    missed = sum(one["kept"] is False for part in parts for one in part["verdicts"])
    kept = sum(one["kept"] is True for part in parts for one in part["verdicts"])
    busy = max(part["taken"]["others"] for part in parts)
    text = ["# Benchmarks", "<!-- Made by make bench: change bench/, not this page. -->"]
    if busy > BUSY:
        text.append(f"**Provisional: other work used up to {busy:.0%} of the machine.** Ratios of "
                    "neighbouring runs stand such noise better than the figures themselves.")
    if any(part["taken"]["quick"] for part in parts):
        text.append("**Provisional: these are figures of `make bench-quick`**, fewer and shorter "
                    "runs.")
    text += ["What pawl costs, beside its peers on the same machine in the same run. Servers, "
             "clients and loads share two cores, so the figures compare designs; they are not "
             "what any of these does on machines of its own. Every figure is a median, with the "
             "least and the most of its runs; ratios are of runs that stood side by side.",
             "`make bench` measures all of this again in half an hour, `make bench-tried` what is "
             "not used; the folder [benchmarks](benchmarks) has the figures as JSON.",
             f"Of the limits that pawl is held to here, {kept} are kept and {missed} missed.",
             table(["the machine", ""], [[name, str(value)] for name, value in facts.items()])]
    return "\n\n".join(text)


def write(out, order, facts):
    """out/benchmarks.md of all parts that out/benchmarks/ has. Returns the page."""
    folder = out / "benchmarks"
    parts = [json.loads((folder / f"{name}.json").read_text(encoding="utf-8"))
             for name in order if (folder / f"{name}.json").exists()]
    page = out / "benchmarks.md"
    sections = [section(part, folder) for part in parts]
    page.write_text("\n\n".join([head(parts, facts), *sections]) + "\n", encoding="utf-8")
    return page

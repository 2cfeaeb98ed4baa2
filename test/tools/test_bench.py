# SPDX-License-Identifier: Apache-2.0
"""The page that benches make: what they wrote stands in it, and its plots are drawings."""
import json
import pathlib
import subprocess
import sys
import xml.etree.ElementTree

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path += [str(ROOT / "bench"), str(ROOT / "tools")]

import machine  # noqa: E402 (they stand in the folders that were just added)
import part  # noqa: E402
import report  # noqa: E402
import svg  # noqa: E402

SVG = "{http://www.w3.org/2000/svg}"


def page_of(tmp_path, others=0.0, quick=False):
    one = part.Part("hot", "Hot path", "How it is\nmeasured.")
    one.table("One id", ["what", "ns"], [["pawl_next", 4.5]])
    one.verdict("pawl_next / bare add", [1.1, 1.05, 1.3], most=1.15)
    one.verdict("pawl_next / mutex", [3], most=1)
    one.plot("hot", "Ids", ["threads", "ids/s"], {"pawl": [(1, 10.0), (2, 2000.0), (4, 0.0)]})
    taken = {"date": "2026-01-01", "others": others, "quick": quick}
    (tmp_path / "benchmarks").mkdir()
    (tmp_path / "benchmarks/hot.json").write_text(json.dumps({**vars(one), "taken": taken}))
    page = report.write(tmp_path, ["hot", "not measured"], {"processor": "two cores"})
    return page.read_text(encoding="utf-8")


def test_the_page_has_what_the_bench_wrote(tmp_path):
    text = page_of(tmp_path)
    assert "| pawl_next | 4.5 |" in text and "How it is measured." in text
    assert "| pawl_next / bare add | 1.10 (1.05 – 1.30) | at most 1.15 | kept |" in text
    assert "| pawl_next / mutex | 3.00 (3.00 – 3.00) | at most 1 | **missed** |" in text
    assert "1 are kept and 1 missed" in text and "Provisional" not in text


def test_a_busy_machine_or_a_quick_run_is_said_first(tmp_path):
    text = page_of(tmp_path, others=0.4, quick=True)
    assert text.index("Provisional: other work used up to 40%") < text.index("| the machine |")
    assert "figures of `make bench-quick`" in text


def test_a_plot_has_a_point_for_each_value_that_can_be_drawn(tmp_path):
    page_of(tmp_path)
    drawn = xml.etree.ElementTree.parse(tmp_path / "benchmarks/hot.svg").getroot()
    assert [dot.find(f"{SVG}title").text for dot in drawn.iter(f"{SVG}circle")] == \
        ["pawl: 1, 10", "pawl: 2, 2000"]
    assert svg.short(5e6) == "5M" and svg.decades(3, 200) == [1, 10, 100, 1000]


def test_what_children_use_is_not_counted_as_others():
    watch = machine.Watch()
    subprocess.run([sys.executable, "-c", "sum(range(1000000))"], check=True)
    assert watch.now()[2] > watch.begun[2] and 0 <= watch.others() <= 1

# SPDX-License-Identifier: Apache-2.0
"""The faults of `make sabotage` fit the tree: a fault whose text is gone sabotages nothing."""
import importlib
import importlib.machinery
import importlib.util
import pathlib
import subprocess
import sys

TOOL = pathlib.Path(__file__).resolve().parents[2] / "tools" / "sabotage"
FAULTS = TOOL.parents[1] / "test" / "sabotage"


def tool_in(root):
    """The tool, in a tree of its own."""
    loader = importlib.machinery.SourceFileLoader("sabotage", str(TOOL))
    tool = importlib.util.module_from_spec(importlib.util.spec_from_loader("sabotage", loader))
    loader.exec_module(tool)
    tool.ROOT, tool.TABLE = root, root / "docs/sabotage.md"
    return tool


def fault(name):
    if str(FAULTS) not in sys.path:
        sys.path.append(str(FAULTS))
    return importlib.import_module("fault").Fault(name, "a.c", "x = 1;", "x = 2;")


def checked(root, capsys, source, noticed, named):
    """What --check says of two faults; those in the table, and what correctness.md names."""
    (root / "docs").mkdir()
    (root / "a.c").write_text(source)
    (root / "docs/correctness.md").write_text(
        f"| part | test | sabotage |\n| --- | --- | --- |\n| p | *t* | {named} |\n\nNo *word*.\n")
    tool = tool_in(root)
    tool.write_table([fault("one"), fault("two")], dict.fromkeys(noticed, "test *t* (unit)"))
    failed = tool.check([fault("one"), fault("two")])
    text = capsys.readouterr().out
    assert failed == ("faults fit the tree" not in text)
    return text


def test_each_fault_fits_the_tree_and_the_table_fits_the_faults():
    done = subprocess.run([TOOL, "--check"], text=True, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, check=False)
    assert done.returncode == 0, done.stdout


def test_a_fault_whose_text_is_gone_is_told(tmp_path, capsys):
    assert "stands 0 times in a.c" in checked(tmp_path, capsys, "x = 3;", ["one"], "")


def test_a_fault_that_correctness_relies_on_must_have_been_noticed(tmp_path, capsys):
    text = checked(tmp_path, capsys, "x = 1;", ["one"], "*one*, *two*")
    assert text == "two: docs/correctness.md relies on it, and it has no row in docs/sabotage.md\n"


def test_the_table_says_how_many_were_not_yet_judged(tmp_path, capsys):
    assert "2 faults fit" in checked(tmp_path, capsys, "x = 1;", ["one"], "*one*")
    assert "\n1 of 2 are here" in (tmp_path / "docs/sabotage.md").read_text()


def test_the_table_says_when_all_were_noticed(tmp_path, capsys):
    assert "2 faults fit" in checked(tmp_path, capsys, "x = 1;", ["one", "two"], "*one*, *two*")
    assert "\nAll 2 were noticed.\n" in (tmp_path / "docs/sabotage.md").read_text()

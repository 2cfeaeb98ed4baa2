# SPDX-License-Identifier: Apache-2.0
"""The faults of `make sabotage` fit the tree: a fault whose text is gone sabotages nothing."""
import pathlib
import subprocess

TOOL = pathlib.Path(__file__).resolve().parents[2] / "tools" / "sabotage"


def test_each_fault_fits_the_tree_and_the_table_fits_the_faults():
    done = subprocess.run([TOOL, "--check"], text=True, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, check=False)
    assert done.returncode == 0, done.stdout

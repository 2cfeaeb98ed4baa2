# SPDX-License-Identifier: Apache-2.0
"""The judge of live tests convicts who should be convicted."""
import array
import pathlib
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "live"))
import history  # noqa: E402


def of(**takers):
    return {name: array.array("q", ids) for name, ids in takers.items()}


def test_gaps_and_interleaving_are_fine():
    far = 5 * history.WINDOW_IDS
    assert history.check(of(a=[1, 2, 9, far], b=[3, 4, far + 1], c=[])) == 7
    assert history.check({}) == 0


def test_one_id_for_two_takers_is_found_in_every_window():
    far = 5 * history.WINDOW_IDS
    with pytest.raises(AssertionError, match=f"{far} was given twice: to b and to a"):
        history.check(of(a=[1, far], b=[2, far, far + 1]))


def test_one_taker_never_goes_back_nor_stays():
    with pytest.raises(AssertionError, match="a: 2 came after 3"):
        history.check(of(a=[1, 3, 2]))
    with pytest.raises(AssertionError, match="a: 3 came after 3"):
        history.check(of(a=[1, 3, 3]))


def test_a_cut_write_is_left_out(tmp_path):
    (tmp_path / "ids").write_bytes(array.array("q", [7, 8]).tobytes() + b"cut")
    assert list(history.read(tmp_path / "ids")) == [7, 8]

# SPDX-License-Identifier: Apache-2.0
"""Judges what clients were given: each id once over all of them, rising for each one."""
import array
import heapq
import pathlib


def read(path):
    """A history: one taker's ids in the order in which it got them; a cut last one is left out."""
    data = pathlib.Path(path).read_bytes()
    ids = array.array("q")
    ids.frombytes(data[:len(data) // 8 * 8])
    return ids


def check(histories):
    """histories: name -> ids. Fails with takers and ids; returns how many ids there were."""
    for name, ids in histories.items():
        for i in range(1, len(ids)):
            assert ids[i - 1] < ids[i], f"{name}: {ids[i]} came after {ids[i - 1]}"
    total, before, holder = 0, None, None
    merged = heapq.merge(*([(i, name) for i in ids] for name, ids in histories.items()))
    for id_, name in merged:
        assert id_ != before, f"{id_} was given twice: to {holder} and to {name}"
        before, holder = id_, name
        total += 1
    return total

# SPDX-License-Identifier: Apache-2.0
"""Judges what clients were given: each id once over all of them, rising for each one."""
import array
import bisect
import itertools
import operator
import pathlib

WINDOW_IDS = 1_000_000


def read(path):
    """A history: one taker's ids in the order in which it got them; a cut last one is left out."""
    data = pathlib.Path(path).read_bytes()
    ids = array.array("q")
    ids.frombytes(data[:len(data) // 8 * 8])
    return ids


def twice(name, ids, histories):
    """Fails with an id that is in ids and in another history."""
    for other, theirs in histories.items():
        both = set(ids).intersection(theirs) if other != name else None
        assert not both, f"{min(both)} was given twice: to {name} and to {other}"


def check(histories):
    """histories: name -> ids. Fails with takers and ids; returns how many ids there were."""
    for name, ids in histories.items():
        if not all(map(operator.lt, ids, itertools.islice(ids, 1, None))):
            at = next(i for i in range(1, len(ids)) if ids[i - 1] >= ids[i])
            raise AssertionError(f"{name}: {ids[at]} came after {ids[at - 1]}")
    # A window of ids after the other, so that tens of millions of them need little memory.
    at = {name: 0 for name, ids in histories.items() if ids}
    while at:
        end = min(histories[name][i] for name, i in at.items()) + WINDOW_IDS
        parts = {}
        for name, i in list(at.items()):
            ids = histories[name]
            at[name] = bisect.bisect_left(ids, end, i)
            parts[name] = ids[i:at[name]]
            if at[name] == len(ids):
                del at[name]
        seen = set()
        for name, part in parts.items():
            before = len(seen)
            seen.update(part)
            if len(seen) != before + len(part):
                twice(name, part, parts)
    return sum(map(len, histories.values()))

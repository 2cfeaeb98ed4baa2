# SPDX-License-Identifier: Apache-2.0
"""pawld's PostgreSQL front answers as a real PostgreSQL does: every group of cases/, and scripts
drawn at random, the same ones unless PAWL_SEED says otherwise."""
import os
import random
import struct

import pytest

import cases
import differential

RANDOM_SCRIPTS = int(os.environ.get("PAWL_SCRIPTS", 60))
SEED = os.environ.get("PAWL_SEED", "1168784390")
GROUPS = cases.read_all()


@pytest.fixture(scope="module")
def pair():
    both = differential.Pair()
    yield both
    both.end()


@pytest.mark.parametrize("group", GROUPS, ids=str)
def test_answers_are_the_same(pair, group):
    found = [one for mode in group.modes for one in differential.findings_of(pair, group, mode)]
    assert not found, "\n\n".join(found)


def test_every_difference_has_its_reason_and_its_case():
    assert not cases.check_keys(GROUPS)


def test_there_are_enough_statements():
    assert sum(len(group.steps) for group in GROUPS) >= 300


@pytest.mark.parametrize("part", range(6))
def test_random_scripts_are_answered_the_same(pair, part):
    first = random.SystemRandom().randrange(1 << 32) if SEED == "random" else int(SEED)
    print(f"PAWL_SEED={first}")
    for i in range(max(RANDOM_SCRIPTS // 6, 1)):
        found = differential.random_finding(pair, first + part * 1000 + i)
        assert found is None, found


def a_number(dice, kind):
    """Any bits, powers of two (whose neighbours are not equally far), decimals, whole ones."""
    if kind == 0:
        number = struct.unpack("d", struct.pack("Q", dice.getrandbits(64)))[0]
        return number if abs(number) < float("inf") else 0.0
    if kind == 1:
        return 2.0 ** dice.randint(-1074, 1023)
    if kind == 2:
        return dice.uniform(-1, 1) * 10 ** dice.randint(-20, 20)
    return float(dice.randint(-10 ** dice.randint(1, 18), 10 ** dice.randint(1, 18)))


def test_float8_is_written_the_same(pair):
    first = random.SystemRandom().randrange(1 << 32) if SEED == "random" else int(SEED)
    print(f"PAWL_SEED={first}")
    dice = random.Random(first)
    edges = ["NaN", "inf", "-Infinity", "-0", "4.9e-324", "1.7976931348623157e308", "1e23", "1e15",
             "123456789012345", "1e-4", "0.00012345", "1e-5", "5e-324", "2.2250738585072014e-308"]
    texts = edges + [repr(a_number(dice, i % 4)) for i in range(800)]
    steps = []
    for i in range(0, len(texts), 100):
        row = ", ".join(f"'{text}'::float8" for text in texts[i:i + 100])
        steps.append(cases.Step("A", f"SELECT {row}"))
        steps.append(cases.Step("A", f"SELECT {row} FROM pg_namespace WHERE nspname = 'public'"))
    del steps[1]  # NaN is not supported there
    found = differential.findings_of(pair, cases.Group("float8", steps=steps), "text")
    assert not found, found[0]

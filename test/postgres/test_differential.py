# SPDX-License-Identifier: Apache-2.0
"""pawld's PostgreSQL front answers as a real PostgreSQL does: every group of cases/, and scripts
drawn at random, the same ones unless PAWL_SEED says otherwise."""
import os
import random

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

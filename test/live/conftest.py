# SPDX-License-Identifier: Apache-2.0
"""Real servers on loopback, free ports and temporary folders, stopped by process id.

PAWL_BUILD  the build folder under test; build
PAWL_SEED   of tests that draw their moments at random; the same ones without it, "random": any
"""
import random

import pytest

from live import Fleet, seed_of_tests


@pytest.fixture
def fleet(tmp_path):
    """Starts servers; when the test ends they are stopped, and none may have crashed."""
    running = Fleet(tmp_path)
    yield running
    running.end()


@pytest.fixture
def server(fleet):
    """One pawld on an LMDB store of its own."""
    return fleet.start()


@pytest.fixture
def dice():
    """A random number generator whose seed a failure prints."""
    seed = seed_of_tests()
    print(f"PAWL_SEED={seed}")
    return random.Random(seed)

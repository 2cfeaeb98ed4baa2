# SPDX-License-Identifier: Apache-2.0
"""Real servers on loopback, free ports and temporary folders, stopped by process id.

PAWL_BUILD  the build folder under test; build
PAWL_SEED   replays a test that draws its moments at random
"""
import os
import random

import pytest

from live import Fleet


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
    seed = int(os.environ.get("PAWL_SEED", random.SystemRandom().randrange(1 << 32)))
    print(f"PAWL_SEED={seed}")
    return random.Random(seed)

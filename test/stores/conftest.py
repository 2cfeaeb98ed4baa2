# SPDX-License-Identifier: Apache-2.0
"""Fixtures of test/stores: a server by its name (servers.KINDS) is shared by the whole run, and a
test that breaks one takes `own_server`. A test leaves a shared server running."""
import pathlib
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "live"))
import servers  # noqa: E402


@pytest.fixture(scope="session")
def farm():
    running = servers.Farm()
    yield running
    running.end()


def shared(kind):
    @pytest.fixture(scope="session", name=kind)
    def server(farm):
        return farm.get(kind)

    return server


for one in servers.KINDS:
    globals()[f"{one}_server"] = shared(one)


@pytest.fixture
def own_server():
    """own_server(kind, ...) starts one that only this test has."""
    running = servers.Farm()
    yield running.own
    running.end()

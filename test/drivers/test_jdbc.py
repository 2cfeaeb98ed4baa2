# SPDX-License-Identifier: Apache-2.0
"""JDBC beside what every driver is asked: what tools ask a connection about its server."""
import pytest

from clients import CLIENTS
from test_checks import ask

SERIALIZABLE = 8


@pytest.mark.whole
@pytest.mark.field("JDBC", "metadata")
def test_metadata(backend, sequence):
    name = sequence()
    found = ask(CLIENTS["JDBC"], "metadata", name, env=backend.env())
    assert found["product"] == "PostgreSQL" and found["major"] == 15
    assert found["sequences"] == [name]
    assert found["tables"] == []
    assert "public" in found["schemas"]
    assert found["valid"] is True
    assert found["read only"] == "25006"
    assert found["level"] == SERIALIZABLE
    assert found["id"] == 1

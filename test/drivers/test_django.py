# SPDX-License-Identifier: Apache-2.0
"""Django beside what every driver is asked: migrations, introspection, kept connections."""
import pytest

from clients import Client, python
from test_checks import ask

DJANGO = Client(python("django_more"))



def field(check):
    return pytest.mark.field("Django", check)


@field("migration")
def test_a_migration_makes_a_sequence_and_drops_it(backend):
    found = ask(DJANGO, "migrate", "django_made", env=backend.env())
    assert found == {"id": 100, "tables": []}
    assert backend.sql("SELECT count(*) FROM pg_sequences "
                       "WHERE sequencename = 'django_made'") == "0"


@field("migration")
def test_a_migration_that_fails(backend, sequence):
    found = ask(DJANGO, "fail", sequence(), env=backend.env())
    assert found == {"code": "42P01", "then": 2}


@field("introspection")
def test_introspection_finds_no_tables(backend, sequence):
    sequence()
    found = ask(DJANGO, "introspect", "-", env=backend.env())
    assert found["tables"] == [] and found["models"] == 0
    assert found["version"] >= 150000
    assert found["usable"] and "no issues" in found["checked"]
    assert found["zone"] == "UTC"


@field("kept")
def test_a_connection_is_kept(backend, sequence):
    assert ask(DJANGO, "keep", sequence(), env=backend.env()) == {"ids": [1, 2, 3]}

# SPDX-License-Identifier: Apache-2.0
"""Hibernate 6 and 5 with @SequenceGenerator. Its optimizers take a block of allocationSize ids by
one nextval: `pooled`, the default, reads the value as the block's last id, `pooled-lo` as its
first. When it starts it compares each generator's allocationSize with the catalog's increment."""
import pytest

from clients import Client, java
from test_checks import COUNT, ask

pytestmark = pytest.mark.whole
ORDERS, TICKETS = "hibernate_orders_seq", "hibernate_tickets_seq"
SIZE = 50


def both(check):
    return pytest.mark.parametrize("version", [
        pytest.param(version, marks=pytest.mark.field(f"Hibernate {version}", check))
        for version in (6, 5)])


@pytest.fixture
def hibernate(backend, version):
    """hibernate(check, words...) on two sequences of the options that made() says."""
    client = Client(java(f"hibernate{version}", "HibernateClient"))

    def drop():
        backend.sql(f"DROP SEQUENCE IF EXISTS {ORDERS}, {TICKETS}")

    def run(check, which, *more, orders="INCREMENT 50", tickets="", exist=True):
        if exist:
            backend.sql(f"CREATE SEQUENCE {ORDERS} {orders}",
                        f"CREATE SEQUENCE {TICKETS} {tickets}")
        return ask(client, check, which, *more, env=backend.env())

    drop()
    yield run
    drop()


@both("ids")
@pytest.mark.parametrize("optimizer, first", [("default", 1), ("pooled", 1), ("pooled-lo", 1)])
def test_ten_thousand_ids_in_blocks(backend, hibernate, optimizer, first):
    found = sum(hibernate("ids", "orders", optimizer, COUNT)["ids"], [])
    assert len(set(found)) == COUNT, "an id came twice"
    assert min(found) == first
    assert max(found) < COUNT + 2 * SIZE
    # Nobody else is given what was taken: the next block lies beyond.
    assert int(backend.sql(f"SELECT nextval('{ORDERS}')")) > max(found)


@both("rows")
def test_one_id_at_a_time(hibernate):
    found = hibernate("ids", "tickets", "default", 400)["ids"]
    assert all(sorted(one) == one for one in found)
    assert sorted(sum(found, [])) == list(range(1, 401))


@both("exhausted")
def test_a_used_up_sequence(hibernate):
    found = hibernate("failure", "tickets", tickets="MAXVALUE 3")
    assert found == {"ids": [1, 2, 3], "code": "2200H", "error": "DataException"}


@both("exhausted")
def test_a_used_up_sequence_of_blocks(hibernate):
    found = hibernate("failure", "orders", orders="INCREMENT 50 MAXVALUE 101")
    assert found["ids"] == list(range(1, 102))
    assert found["code"] == "2200H"


@both("unknown")
def test_an_unknown_sequence(hibernate):
    found = hibernate("failure", "orders", exist=False)
    assert found == {"ids": [], "code": "42P01", "error": "SQLGrammarException"}


@both("start")
def test_it_starts_where_increments_agree(hibernate):
    assert hibernate("start", "orders") == {"error": ""}


@both("start")
def test_it_reads_the_increment_when_it_starts(hibernate):
    """Its own check, which keeps people from blocks of 50 over steps of 1: duplicates."""
    said = hibernate("start", "orders", orders="INCREMENT 1")["error"]
    assert f"increment size of the [{ORDERS}] sequence is set to [50]" in said
    assert "sequence increment size is [1]" in said

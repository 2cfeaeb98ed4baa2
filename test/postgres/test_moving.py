# SPDX-License-Identifier: Apache-2.0
"""What docs/postgresql.md says about moving the sequences of a PostgreSQL is done as it says."""
import re
import subprocess

import pytest

import cases
import differential
import servers

MADE = """CREATE SCHEMA billing; CREATE SCHEMA "Odd name";
CREATE SEQUENCE used; SELECT nextval('used') FROM generate_series(1, 7);
CREATE SEQUENCE unused START 5;
CREATE SEQUENCE cached CACHE 50; SELECT nextval('cached');
CREATE SEQUENCE billing.down AS integer INCREMENT -3 MINVALUE -50 MAXVALUE 50 START 7 CYCLE;
SELECT nextval('billing.down'), nextval('billing.down');
CREATE SEQUENCE "Odd name"."It's odd" AS smallint; SELECT nextval('"Odd name"."It''s odd"');
CREATE SEQUENCE ends MAXVALUE 3; SELECT nextval('ends') FROM generate_series(1, 3);
CREATE SEQUENCE far START 9223372036854775806;
CREATE TABLE t (id serial, other int GENERATED ALWAYS AS IDENTITY);
INSERT INTO t DEFAULT VALUES; INSERT INTO t DEFAULT VALUES;"""
LOOK = "SELECT schemaname, sequencename, data_type, start_value, min_value, max_value, " \
       "increment_by, cycle, cache_size, last_value FROM pg_sequences ORDER BY 1, 2"


def psql(port, text, database=differential.DATABASE):
    done = subprocess.run([servers.POSTGRES_BIN / "psql", "-XAtq", "-v", "ON_ERROR_STOP=1", "-h",
                           "127.0.0.1", "-p", str(port), "-U", differential.USER, database],
                          input=text, text=True, capture_output=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def pair():
    both = differential.Pair()
    yield both
    both.end()


@pytest.fixture
def old(pair):
    """The port of a PostgreSQL whose database has sequences of all kinds."""
    side = pair.judge.side()
    psql(side.port, MADE)
    return side.port


@pytest.fixture
def new(pair):
    """The port of a pawld as it is by default."""
    server = pair.pawld(())
    yield server.postgres_port
    assert server.stop() == 0


def manual_query():
    """The query of the manual that writes the statements."""
    text = cases.MANUAL.read_text(encoding="utf-8")
    return re.search(r"```sql\n(SELECT format\(.*?)```", text, re.S).group(1)


def test_the_manuals_query_moves_all_sequences(old, new):
    psql(new, psql(old, manual_query()))
    assert psql(new, LOOK) == psql(old, LOOK)
    for name in ("used", "unused", "billing.down", '"Odd name"."It\'\'s odd"', "far"):
        ask = f"SELECT nextval('{name}')"
        assert psql(new, ask) == psql(old, ask)


def test_what_pg_dump_says_of_sequences_can_be_replayed(pair, old, new):
    dump = subprocess.run([servers.POSTGRES_BIN / "pg_dump", "-h", "127.0.0.1", "-p", str(old),
                           "-U", "postgres", "-t", "used", "-t", "unused", "-t", "cached", "-t",
                           "billing.down", "-t", "ends", "-t", "far", "-O", "-x",
                           differential.DATABASE], text=True, capture_output=True, timeout=60,
                          check=True).stdout
    psql(new, dump)
    moved = psql(new, LOOK).splitlines()
    assert moved == [line for line in psql(old, LOOK).splitlines()
                     if line.split("|")[1] in ("used", "unused", "cached", "down", "ends", "far")]

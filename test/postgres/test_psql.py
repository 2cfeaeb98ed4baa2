# SPDX-License-Identifier: Apache-2.0
"""psql prints the same, whichever of the two servers it is connected to."""
import re
import subprocess

import pytest

import differential
import servers

MADE = """CREATE SEQUENCE orders_seq START 5; SELECT nextval('orders_seq');
CREATE SEQUENCE "Mixed Case" AS integer INCREMENT -3 CYCLE CACHE 20;
CREATE SEQUENCE s MAXVALUE 2;"""
TYPED = {
    "lists sequences": r"\ds",
    "lists relations": r"\d",
    "lists relations of a schema": r"\ds public.*",
    "lists relations that match": r"\ds o*",
    "describes a sequence": r"\d orders_seq",
    "describes a sequence with a quoted name": "\\d \"Mixed Case\"",
    "describes a sequence at length": r"\d+ orders_seq",
    "describes what is not there": r"\d nope",
    "lists tables": r"\dt",
    "lists views": r"\dv",
    "says where it is connected": r"\conninfo",
    "prints a table": "SELECT nextval('s') AS id, currval('s') FROM generate_series(1, 2)",
    "points at what is wrong": "SELECT 1,\n  nextval('nope')",
    "points at a syntax error": "CREATE SEQUENCE x INCREMNT 5",
    "shows a hint": "CREATE SEQUENCE x OWNED BY nothing",
    "shows a notice": "CREATE SEQUENCE IF NOT EXISTS s",
    "describes a result": r"SELECT nextval('orders_seq') AS id, 1.5, 'x' \gdesc",
    "runs what it was answered": r"SELECT 'SELECT ' || 1 \gexec",
    "shows an error's code": "\\set VERBOSITY sqlstate\nSELECT setval('orders_seq', 0)",
    "goes on after an error": "BEGIN;\nSELECT nextval('nope');\nSELECT 1;\nROLLBACK;\nSELECT 2;",
    "undoes a failed statement": "\\set ON_ERROR_ROLLBACK on\nBEGIN;\nSELECT nextval('nope');\n"
                                 "SELECT nextval('orders_seq');\nCOMMIT;",
}


def psql(port, text):
    done = subprocess.run([servers.POSTGRES_BIN / "psql", "-X", "-h", "127.0.0.1", "-p", str(port),
                           "-U", differential.USER, differential.DATABASE], input=text, text=True,
                          capture_output=True, timeout=60, check=False)
    return done.returncode, done.stdout, done.stderr


@pytest.fixture(scope="module")
def ports():
    """PostgreSQL's and pawl's."""
    both = differential.Pair()
    server = both.pawld(differential.cases.ALLOW)
    try:
        found = both.judge.side().port, server.postgres_port
        for port in found:
            assert psql(port, MADE)[0] == 0
        yield found
        assert server.stop() == 0
    finally:
        both.end()


OUR_HINT = re.compile(r"^HINT:  This server, pawl, .*\n", re.MULTILINE)  # meant, and documented


@pytest.mark.parametrize("what", TYPED)
def test_psql(ports, what):
    wanted, got = (psql(port, TYPED[what]) for port in ports)
    here = [str(port) for port in ports]
    ours = [OUR_HINT.sub("", part.replace(here[1], here[0])) for part in map(str, got)]
    assert ours == [*map(str, wanted)]

# SPDX-License-Identifier: Apache-2.0
"""PgBouncer between drivers and the server. Where connections are shared transaction by
transaction, nothing lasts from one to the next: no currval, nothing prepared."""
import subprocess

import pytest

import servers
from clients import CLIENTS
from pooler import PgBouncer
from test_checks import COUNT, CONNECTIONS, ask, check_ids, rising
import test_checks

SHARED = {"PAWL_SHARED": "1"}  # says to the clients that nothing may be kept prepared


@pytest.fixture(scope="module")
def poolers(backend):
    running = {}

    def get(pool_mode, **how):
        key = (pool_mode, *how.items())
        if key not in running:
            running[key] = PgBouncer(backend, pool_mode, **how).start()
        return running[key]

    yield get
    for one in running.values():
        one.end()


def field(check, mode="session"):
    return pytest.mark.field(f"PgBouncer, {mode}", check)


IN_SESSIONS = ["unknown", "exhausted", "prepared", "binary", "pipeline", "transaction",
               "session", "pool"]
ALL_CASES = [pytest.param(check, driver, id=f"{driver}-{check}",
                          marks=[field(check)] if quick else [field(check), pytest.mark.whole])
             for driver, quick in (("libpq", True), ("psycopg 3", True), ("asyncpg", False),
                                   ("node-postgres", False))
             for check in IN_SESSIONS if check not in CLIENTS[driver].cannot]
IN_TRANSACTIONS = ["unknown", "exhausted", "transaction", "pool", "rows"]
SHARED_CASES = [pytest.param(check, driver, id=f"{driver}-{check}",
                             marks=[field(check, "transaction"),
                                    *([pytest.mark.whole] if CLIENTS[driver].whole else [])])
                for driver in ("libpq", "psycopg 2", "psycopg 3", "asyncpg", "node-postgres",
                               "JDBC", "pgx")
                for check in IN_TRANSACTIONS if check not in CLIENTS[driver].cannot]


def asked(pooler, driver, check, name, env):
    client = CLIENTS[driver]
    found = ask(client, check, name, env=dict(pooler.env(), **env))
    getattr(test_checks, f"check_{check}")(found, client)


@pytest.mark.parametrize("check, through", ALL_CASES)
def test_session_mode(poolers, sequence, check, through):
    name = sequence(test_checks.OPTIONS.get(check, ""))
    asked(poolers("session", size=4), through, check, name, {})


@pytest.mark.parametrize("check, through", SHARED_CASES)
def test_transaction_mode(poolers, sequence, check, through):
    name = sequence(test_checks.OPTIONS.get(check, ""))
    asked(poolers("transaction"), through, check, name, SHARED)


@field("ids", "transaction")
@pytest.mark.parametrize("through", ["psycopg 3", "libpq",
                                     pytest.param("asyncpg", marks=pytest.mark.whole)])
def test_ten_thousand_ids_over_shared_connections(poolers, sequence, through):
    """Eight clients on three connections of the server."""
    name = sequence()
    env = dict(poolers("transaction").env(), **SHARED)
    found = ask(CLIENTS[through], "ids", name, COUNT, 8, env=env)["ids"]
    assert len(set(sum(found, []))) == COUNT, "an id came twice"


@field("pool", "transaction")
def test_pgbench_through_it(backend, poolers, sequence, tmp_path):
    name = sequence()
    script = tmp_path / "script.sql"
    script.write_text(f"SELECT nextval('{name}');\n", encoding="ascii")
    done = subprocess.run([servers.POSTGRES_BIN / "pgbench", "-n", "-f", script, "-M", "extended",
                           "-c", "8", "-t", "250"], text=True, env=poolers("transaction").env(),
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=60,
                          check=False)
    assert done.returncode == 0 and "processed: 2000/2000" in done.stdout, done.stdout
    assert int(backend.sql(f"SELECT nextval('{name}')")) >= 2001


@field("session")
def test_a_session_that_ends_is_forgotten_and_burns_nothing(backend, poolers, sequence):
    """One connection of the server; DISCARD ALL between the clients."""
    name = sequence()
    env = poolers("session", size=1).env()

    def say(text):
        done = subprocess.run([servers.POSTGRES_BIN / "psql", "-XAt", "-v", "VERBOSITY=sqlstate",
                               "-c", text], text=True, env=env, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, timeout=30, check=False)
        return done.stdout.strip()

    found = [int(say(f"SELECT nextval('{name}')")) for _ in range(5)]
    assert found == [1, 2, 3, 4, 5]
    assert rising(found)
    assert say(f"SELECT currval('{name}')") == "ERROR:  55000"
    assert say("SELECT lastval()") == "ERROR:  55000"
    assert backend.sql(f"SELECT nextval('{name}')") == "6"


@pytest.mark.parametrize("mode", [pytest.param(mode, marks=field("password", mode))
                                  for mode in ("session", "transaction")])
def test_it_logs_in_with_a_password(backend, poolers, sequence, mode):
    name = sequence(env=backend.password_env())
    pooler = poolers(mode, password=True)
    found = ask(CLIENTS["psycopg 3"], "rows", name,
                env=dict(pooler.env(password=True), **SHARED))
    test_checks.check_rows(found, None)


@field("ids")
def test_ten_thousand_ids(poolers, sequence):
    found = ask(CLIENTS["psycopg 2"], "ids", sequence(), COUNT, CONNECTIONS,
                env=poolers("session", size=4).env())
    check_ids(found, None)

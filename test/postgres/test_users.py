# SPDX-License-Identifier: Apache-2.0
"""Users on the PostgreSQL wire: who is let in, and what he may do, as in PostgreSQL."""
import asyncio
import pathlib
import signal

import asyncpg
import psycopg
import pytest
import redis

import differential
from live import pawl, wait_until
from servers import Postgres

# A soft hyphen, which SASLprep drops; a Roman numeral, which it spells; what it does not allow.
PASSWORDS = {"plain": "secret", "hyphen": "I\u00adX", "numeral": "\u2168", "direction": "\u0627a",
             "blanks": " a  b ", "umlaut": "größe", "long": "x" * 500}
ROLES = {"taker": ("take", "shop_*"), "definer": ("define", "shop_*,x"), "boss": ("admin", "*")}


@pytest.fixture(scope="module")
def judge():
    """A PostgreSQL that asks everybody but its superuser for a password."""
    server = Postgres(settings=["fsync=off"])
    server.start()
    rules = server.data / "pg_hba.conf"
    rules.write_text("host all postgres 127.0.0.1/32 trust\n"
                     "host all all 127.0.0.1/32 scram-sha-256\n")
    server.sql("SELECT pg_reload_conf()")
    wait_until(lambda: server.sql("SELECT count(*) FROM pg_hba_file_rules") == "2",
               "the rules are read")
    for name, password in PASSWORDS.items():
        server.sql(f"CREATE ROLE {name} LOGIN PASSWORD '{password}'")
    yield server
    server.end()


@pytest.fixture(scope="module")
def users(tmp_path_factory, judge):
    """Verifiers from PostgreSQL, and from pawl passwd."""
    file = tmp_path_factory.mktemp("users") / "users"
    file.touch(mode=0o600)
    file.write_text("".join(
        f"{name} take * " + judge.sql(f"SELECT rolpassword FROM pg_authid WHERE rolname = '{name}'")
        + "\n" for name in PASSWORDS))
    for name, (role, globs) in ROLES.items():
        done = pawl("passwd", file, name, "--role", role, "--sequences", globs,
                    typed=f"{name}'s\n")
        assert done.returncode == 0, done.stderr
    return file


@pytest.fixture(scope="module")
def server(users):
    """A pawld with those users."""
    running = differential.PawldOnPostgres(pathlib.Path(users.parent), "pawld",
                                           ["--users", str(users)], "memory:").start()
    yield running
    assert running.stop() == 0, running.log()


def connect(port, user, password):
    return psycopg.connect(host="127.0.0.1", port=port, user=user, password=password,
                           dbname="postgres", autocommit=True, connect_timeout=20)


def say(server, user, *statements):
    """The last statement's rows, or its error as (SQLSTATE, text)."""
    with connect(server.postgres_port, user, f"{user}'s") as connection:
        try:
            for statement in statements:
                cursor = connection.execute(statement)
            return cursor.fetchall() if cursor.description else []
        except psycopg.Error as error:
            return error.sqlstate, error.diag.message_primary


@pytest.mark.parametrize("name", PASSWORDS)
def test_verifiers_of_postgresql_let_in(judge, server, name):
    for port in (judge.ports[0], server.postgres_port):
        connect(port, name, PASSWORDS[name]).close()
    assert redis.Redis(port=server.port, username=name, password=PASSWORDS[name]).ping()


def test_equal_passwords_are_equal_for_both(judge, server):
    for port in (judge.ports[0], server.postgres_port):
        connect(port, "hyphen", "IX").close()
        connect(port, "numeral", "IX").close()


def test_postgresql_takes_verifiers_of_passwd(judge, users):
    for line in users.read_text().splitlines()[-len(ROLES):]:
        name, _, _, verifier = line.split()
        judge.sql(f"CREATE ROLE {name} LOGIN PASSWORD '{verifier}'")
        connect(judge.ports[0], name, f"{name}'s").close()


@pytest.mark.parametrize("name, password", [
    ("plain", "Secret"), ("plain", "secret "), ("umlaut", "grosse"), ("nobody", "secret")])
def test_wrong_passwords_are_refused_alike(judge, server, name, password):
    told = []
    for port in (judge.ports[0], server.postgres_port):
        with pytest.raises(psycopg.OperationalError) as caught:
            connect(port, name, password)
        told.append(str(caught.value).replace(str(port), "PORT"))
    assert told[0] == told[1]


def test_a_password_is_asked_for(judge, server):
    for port in (judge.ports[0], server.postgres_port):
        with pytest.raises(psycopg.OperationalError, match="no password supplied"):
            connect(port, "plain", None)


def test_another_driver_logs_in(server):
    async def go():
        how = {"host": "127.0.0.1", "port": server.postgres_port, "database": "postgres"}
        connection = await asyncpg.connect(user="umlaut", password="größe", ssl=False, **how)
        await connection.close()
        with pytest.raises(asyncpg.InvalidPasswordError):
            await asyncpg.connect(user="umlaut", password="x", ssl=False, **how)
    asyncio.run(go())


def test_roles_and_patterns(server):
    denied = "42501", "permission denied for sequence "
    assert say(server, "boss", "CREATE SEQUENCE shop_a", "CREATE SEQUENCE other") == []
    assert say(server, "taker", "SELECT nextval('shop_a')") == [(1,)]
    assert say(server, "definer", "SELECT nextval('shop_a')") == [(2,)]
    for user, statement, name in [
            ("taker", "SELECT nextval('other')", "other"),
            ("taker", "SELECT setval('shop_a', 100)", "shop_a"),
            ("taker", "ALTER SEQUENCE shop_a CACHE 5", "shop_a"),
            ("taker", "DROP SEQUENCE shop_a", "shop_a"),
            ("definer", "SELECT nextval('other')", "other"),
            ("definer", "DROP SEQUENCE shop_a", "shop_a"),
            ("definer", "ALTER SEQUENCE shop_a RESTART", "shop_a")]:
        got = say(server, user, statement)
        assert got[0] == denied[0] and (name in got[1]), (user, statement, got)
    assert say(server, "taker", "CREATE SEQUENCE shop_b")[0] == "42501"
    assert say(server, "definer", "CREATE SEQUENCE y")[0] == "42501"
    assert say(server, "definer", "SELECT setval('shop_a', 1000)") == [(1000,)]
    assert say(server, "boss", "ALTER SEQUENCE shop_a RESTART") == []
    names = "SELECT sequencename FROM pg_sequences ORDER BY 1"
    assert say(server, "taker", names) == [("shop_a",)]
    assert say(server, "boss", names) == [("other",), ("shop_a",)]
    assert say(server, "taker", "SELECT current_user") == [("taker",)]


def test_who_is_removed_is_out(server, users):
    with connect(server.postgres_port, "blanks", PASSWORDS["blanks"]) as connection:
        assert connection.execute("SELECT nextval('other')").fetchone()
        assert pawl("passwd", users, "blanks", "--remove").returncode == 0
        server.send(signal.SIGHUP)
        wait_until(lambda: redis_refuses(server), "pawld has read its users again")
        with pytest.raises(psycopg.Error):
            connection.execute("SELECT nextval('other')")
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        connect(server.postgres_port, "blanks", PASSWORDS["blanks"])


def redis_refuses(server):
    try:
        redis.Redis(port=server.port, username="blanks", password=PASSWORDS["blanks"]).ping()
    except redis.AuthenticationError:
        return True
    return False


def test_rights_are_asked_for_along_search_path(server):
    """definer may draw from "x", but not from "other.x"."""
    say(server, "boss", "CREATE SEQUENCE shop_s", "CREATE SEQUENCE shop_only.shop_s",
        "CREATE SEQUENCE other.x")
    asks = "SELECT has_sequence_privilege('{}', 'USAGE')"
    taker = ["SET search_path TO shop_only, public", asks.format("shop_s")]
    assert say(server, "taker", *taker) == [(True,)]
    assert say(server, "boss", "SET search_path TO other", asks.format("x")) == [(True,)]
    assert say(server, "definer", "SET search_path TO other", asks.format("x")) == [(False,)]
    assert say(server, "definer", "SET search_path TO other",
               "SELECT has_sequence_privilege('definer', 'x', 'USAGE')") == [(False,)]
    say(server, "boss", "DROP SEQUENCE shop_s, shop_only.shop_s, other.x")

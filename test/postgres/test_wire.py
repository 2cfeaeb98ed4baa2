# SPDX-License-Identifier: Apache-2.0
"""What only a running pawld shows of the PostgreSQL wire: cancel requests across threads, the end,
limits, clients that do not read, both wires at once."""
import socket
import struct
import time

import psycopg
import pytest

import pgwire
from live import Pawld, free_port, pawl, wait_until
from pgwire import query


@pytest.fixture(name="pawld")
def running(tmp_path):
    """Makes pawlds, which must end cleanly."""
    servers = []

    def make(*options, store="memory:"):
        port = free_port()
        server = Pawld(tmp_path, f"pawld{len(servers)}", store,
                       ["--listen", f"postgres://127.0.0.1:{port}", *options])
        server.postgres_port = port
        servers.append(server)
        return server.start()

    yield make
    for server in servers:
        if not server.stopped:
            assert server.stop() == 0, server.log()


def connect(server):
    return pgwire.Connection(server.postgres_port, "me", "shop")


def cancel(server, pid, key):
    with socket.create_connection(("127.0.0.1", server.postgres_port), 10) as connection:
        connection.sendall(struct.pack("!iiII", 16, pgwire.CANCEL, pid, key))
        assert connection.recv(1) == b""  # hung up without a word


def test_cancels_on_every_thread(pawld):
    """A store that is not there lets statements wait."""
    server = pawld("--threads", "3", "--request-timeout", "30s",
                   store=f"pawl://127.0.0.1:{free_port()}")
    sessions = [connect(server) for _ in range(6)]
    for session in sessions:
        session.send(query("SELECT nextval('s')"))
    for session in sessions:
        cancel(server, session.pid, session.key ^ 1)
    for session in sessions[1:]:
        began = time.monotonic()
        until = began + 10
        while True:  # it may not have begun when the first request came
            cancel(server, session.pid, session.key)
            session.socket.settimeout(0.5)
            try:
                lines = session.until_ready()
                break
            except TimeoutError:
                assert time.monotonic() < until
        session.socket.settimeout(pgwire.LIMIT_S)
        assert "ERROR 57014 canceling statement due to user request" in lines
        assert session.ask(query("SELECT 1"))[-1] == "ready I"
    sessions[0].socket.settimeout(0.2)
    with pytest.raises(TimeoutError):
        sessions[0].until_ready()
    cancel(server, sessions[0].pid, sessions[0].key)
    sessions[0].socket.settimeout(pgwire.LIMIT_S)
    assert "ERROR 57014 canceling statement due to user request" in sessions[0].until_ready()
    for session in sessions:
        session.close()


def test_a_statement_has_a_time_limit(pawld):
    server = pawld("--request-timeout", "30s", store=f"pawl://127.0.0.1:{free_port()}")
    session = connect(server)
    session.ask(query("SET statement_timeout = '300ms'"))
    began = time.monotonic()
    lines = session.ask(query("SELECT nextval('s')"))
    assert "ERROR 57014 canceling statement due to statement timeout" in lines
    assert 0.25 < time.monotonic() - began < 5
    session.close()


def test_says_goodbye(pawld):
    server = pawld()
    idle, busy = connect(server), connect(server)
    assert busy.ask(query("BEGIN")) == ["BEGIN", "ready T"]
    assert server.stop() == 0, server.log()
    for session in (idle, busy):
        with pytest.raises(pgwire.Closed) as closed:
            session.until_ready()
        assert closed.value.lines == [
            "FATAL 57P01 terminating connection due to administrator command"]


def test_one_client_too_many(pawld):
    server = pawld("--max-clients", "2")
    sessions = [connect(server)]
    with pytest.raises((pgwire.Closed, psycopg.OperationalError)) as refused:
        while len(sessions) < 4:
            sessions.append(connect(server))
    assert refused.value.lines == ["FATAL 53300 sorry, too many clients already"]
    for session in sessions:
        session.close()


def connect_at_last(server):
    """Once who was there before is gone."""
    sessions = []

    def is_in():
        try:
            sessions.append(connect(server))
        except pgwire.Closed:
            pass
        return sessions

    wait_until(is_in, "there is a place")
    return sessions[0]


def test_one_client_too_many_is_told_so_after_it_asked_for_tls(pawld):
    server = pawld("--max-clients", "1")
    session = connect_at_last(server)
    with socket.create_connection(("127.0.0.1", server.postgres_port), 5) as crowded:
        crowded.sendall(struct.pack("!II", 8, pgwire.SSL))
        assert crowded.recv(1) == b"N"
        crowded.sendall(struct.pack("!II", 8, pgwire.GSS))
        assert crowded.recv(1) == b"N"
        words = b"user\0app\0\0"
        crowded.sendall(struct.pack("!II", 8 + len(words), 196608) + words)
        heard = b""
        while more := crowded.recv(1000):
            heard += more
    assert b"C53300\0" in heard and b"too many clients" in heard
    session.close()
    connect_at_last(server).close()


def test_a_change_that_was_interrupted_is_told_by_rollback(pawld):
    """A store that takes everything in and answers nothing lets it wait."""
    silent = socket.create_server(("127.0.0.1", 0))
    server = pawld("--request-timeout", "30s",
                   store=f"pawl://127.0.0.1:{silent.getsockname()[1]}")
    warning = "WARNING 01000 changes of sequences that were interrupted may stay, or be made yet: 1"
    session = connect(server)
    for text in ("CREATE SEQUENCE s", "ALTER SEQUENCE s CYCLE"):
        session.ask(query("SET statement_timeout = 200"))
        session.ask(query("BEGIN"))
        assert "ERROR 57014 canceling statement due to statement timeout" in \
            session.ask(query(text))
        assert session.ask(query("ROLLBACK"))[:2] == [warning, "ROLLBACK"]
    session.ask(query("BEGIN"))  # what only looks changes nothing
    assert "ERROR 57014 canceling statement due to statement timeout" in \
        session.ask(query("SELECT nextval('s')"))
    assert session.ask(query("ROLLBACK"))[0] == "ROLLBACK"
    session.close()
    silent.close()


def test_the_server_began_when_it_began(pawld):
    server = pawld("--threads", "2")
    before = time.time()
    texts = ["SELECT pg_postmaster_start_time()",
             "SELECT pg_postmaster_start_time() FROM pg_namespace WHERE nspname = 'public'"]
    told = set()
    for _ in range(2):  # on each thread
        session = connect(server)
        told |= {session.ask(query(text))[1].rstrip("0'") for text in texts}
        session.close()
    assert len(told) == 1, told
    with psycopg.connect(host="127.0.0.1", port=server.postgres_port, user="me",
                         dbname="shop") as other:
        (began,) = other.execute(texts[0]).fetchone()
    assert before - 60 < began.timestamp() <= before


def test_who_does_not_read_holds_up_nobody(pawld):
    server = pawld("--threads", "1", "--max-take", "200000")
    slow, quick = connect(server), connect(server)
    quick.ask(query("CREATE SEQUENCE s"))
    slow.send(query("SELECT nextval('s') FROM generate_series(1, 200000)"))
    for _ in range(20):
        assert quick.ask(query("SELECT nextval('s')"))[-1] == "ready I"
    slow.socket.settimeout(60)
    last, rows = 0, 0
    while (message := slow.message())[0] != b"Z":
        if message[0] == b"D":
            number = int(message[1][6:])
            assert number > last
            last, rows = number, rows + 1
    assert rows == 200000
    assert slow.ask(query("SELECT nextval('s') FROM generate_series(1, 200001)"))[-2:] == [
        "ERROR 54000 a statement takes at most 200000 ids (--max-take)", "ready I"]
    slow.close()
    quick.close()


def test_both_wires_take_from_one_sequence(pawld):
    server = pawld("--threads", "2")
    with server.redis() as client, psycopg.connect(
            host="127.0.0.1", port=server.postgres_port, user="me", dbname="shop",
            autocommit=True) as session:
        session.execute("CREATE SEQUENCE orders")
        ids = []
        for _ in range(500):
            ids.append(client.incr("orders"))
            ids.append(session.execute("SELECT nextval('orders')").fetchone()[0])
            ids.append(session.execute("SELECT nextval('public.orders')",
                                       prepare=True).fetchone()[0])
        assert ids == list(range(1, 1501))


def test_setval_as_told(pawld):
    texts = {"ignore": "row '5'", "error": "55000", "allow": "row '5'"}
    nexts = {"ignore": "row '11'", "error": "row '11'", "allow": "row '6'"}
    for mode, text in texts.items():
        server = pawld("--setval-back", mode)
        session = connect(server)
        session.ask(query("CREATE SEQUENCE s START 10; SELECT nextval('s')"))
        lines = session.ask(query("SELECT setval('s', 5)"))
        session.ask(query("ALTER SEQUENCE s MINVALUE 1"))
        lines = session.ask(query("SELECT setval('s', 5)"))
        assert any(text in line for line in lines), lines
        assert any("WARNING 01000" in line for line in lines) == (mode == "ignore"), lines
        assert nexts[mode] in session.ask(query("SELECT nextval('s')"))
        session.close()


def test_who_drops_what_has_left_is_told_that_it_goes_on_elsewhere(pawld, tmp_path):
    here, there = f"lmdb:{tmp_path}/here", f"lmdb:{tmp_path}/there"
    assert pawl("create", "s", url=here).returncode == 0
    assert pawl("store", "copy", here, there).returncode == 0
    session = connect(pawld(store=here))
    left = 'sequence "s" was moved to another store ('
    lines = session.ask(query("DROP SEQUENCE IF EXISTS nope, s"))
    assert 'NOTICE 00000 sequence "nope" does not exist, skipping' in lines, lines
    assert any(line.startswith(f"NOTICE 00000 {left}") and line.endswith(", skipping")
               for line in lines), lines
    lines = session.ask(query("DROP SEQUENCE s"))
    assert any(line.startswith(f"ERROR 55000 {left}") for line in lines), lines
    lines = session.ask(query("ALTER SEQUENCE IF EXISTS s CYCLE"))
    assert any(line.startswith(f"NOTICE 00000 {left}") for line in lines), lines
    session.close()

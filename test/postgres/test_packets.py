# SPDX-License-Identifier: Apache-2.0
"""The first packets of connections, from drivers that ask for something else than protocol 3.0."""
import socket
import struct

import pytest

import differential
import pgwire

WORDS = b"user\0" + differential.USER.encode() + b"\0database\0" \
    + differential.DATABASE.encode() + b"\0"


def packet(body):
    return struct.pack("!i", len(body) + 4) + body


def startup(major, minor=0, more=b""):
    return packet(struct.pack("!hh", major, minor) + WORDS + more + b"\0")


def request(code, more=b""):
    return packet(struct.pack("!i", code) + more)


PACKETS = {
    "SSLRequest": request(pgwire.SSL),
    "a request to cancel nobody": request(pgwire.CANCEL, struct.pack("!ii", 1, 1)),
    "a request to cancel that is cut": request(pgwire.CANCEL),
    "protocol 2.0": startup(2),
    "protocol 4.0": startup(4),
    "protocol 3.2": startup(3, 2),
    "an option of a later protocol": startup(3, 0, b"_pq_.later\0on\0"),
    "no last zero": packet(struct.pack("!hh", 3, 0) + WORDS),
    "a name without a value": startup(3, 0, b"geqo\0"),
    "a length of 3": struct.pack("!i", 3) + b"xxx",
    "a length of 8 without a meaning": request(0),
    "a length of 2 GiB": struct.pack("!i", 0x7FFFFFFF) + b"x" * 100,
    "HTTP": b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
}

# Where PostgreSQL says nothing, or says it as protocol 2 does, pawl says what is wrong.
TOLD = {
    "a request to cancel that is cut": "FATAL 08P01 invalid length of startup packet",
    "protocol 2.0": "FATAL 0A000 unsupported frontend protocol 2.0: server supports 3.0 to 3.0",
    "a length of 3": "FATAL 08P01 invalid length of startup packet",
    "a length of 2 GiB": "FATAL 08P01 invalid length of startup packet",
    "HTTP": "FATAL 08P01 invalid length of startup packet",
}


@pytest.fixture(scope="module")
def ports():
    """PostgreSQL's and pawl's."""
    both = differential.Pair()
    server = both.pawld(differential.cases.ALLOW)
    try:
        yield both.judge.side().port, server.postgres_port
        assert server.stop() == 0
    finally:
        both.end()


def answer(port, data):
    """Up to ReadyForQuery, the end of the connection, or a byte that is no message."""
    lines = []
    with socket.create_connection(("127.0.0.1", port), 10) as connection:
        connection.settimeout(10)
        connection.sendall(data)
        stream = connection.makefile("rb")
        while not lines or not lines[-1].startswith("ready"):
            try:
                kind = stream.read(1)
            except ConnectionError:
                kind = b""
            if kind == b"":
                return lines + ["closed"]
            if kind == b"N" and not lines:
                return ["N"]
            head = stream.read(4)
            size, = struct.unpack("!i", head)
            if size > 10_000:  # protocol 2 has texts without a length
                return lines + [repr(head + stream.read())]
            body = stream.read(size - 4)
            if kind not in (b"K", b"S"):
                lines.append(pgwire.show(kind, body))
    return lines


@pytest.mark.parametrize("name", PACKETS)
def test_a_first_packet_is_answered_as_postgresql_does(ports, name):
    wanted, got = (answer(port, PACKETS[name]) for port in ports)
    assert got == ([TOLD[name], "closed"] if name in TOLD else wanted)


def test_after_requests_for_ssl_and_gss_were_refused_the_connection_goes_on(ports):
    with socket.create_connection(("127.0.0.1", ports[1]), 10) as connection:
        connection.settimeout(10)
        for code in (pgwire.SSL, pgwire.GSS):
            connection.sendall(request(code))
            assert connection.recv(1) == b"N"
        connection.sendall(startup(3))
        assert connection.recv(1) == b"R"

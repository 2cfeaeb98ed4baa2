# SPDX-License-Identifier: Apache-2.0
"""The proxy does what it is told: an echo server in front of which it stands shows that."""
import socket
import threading

import pytest
from proxy import Proxy


@pytest.fixture
def echo():
    """The port of a server that says everything again."""
    listener = socket.create_server(("127.0.0.1", 0))

    def serve(client):
        with client:
            while data := client.recv(4096):
                client.sendall(data)

    def accept():
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=serve, args=(client,), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    yield listener.getsockname()[1]
    listener.shutdown(socket.SHUT_RDWR)
    listener.close()


@pytest.fixture
def proxy(echo):
    made = Proxy(echo)
    yield made
    made.end()


def connect(proxy):
    return socket.create_connection(("127.0.0.1", proxy.port), 10)


def read(client, size):
    data = b""
    while len(data) < size and (more := client.recv(size - len(data))):
        data += more
    return data


def test_it_passes_and_counts(proxy):
    with connect(proxy) as client:
        client.sendall(b"hello")
        assert read(client, 5) == b"hello"
    assert proxy.seen() == (5, 5)


@pytest.mark.parametrize("way", ["up", "down"])
@pytest.mark.parametrize("after", range(6))
def test_it_cuts_after_so_many_bytes(proxy, way, after):
    with connect(proxy) as client:
        client.sendall(b"ab")
        assert read(client, 2) == b"ab"
        proxy.cut(way, after)
        client.sendall(b"hello")
        got = read(client, 100)
        proxy.wait_cut()
    assert b"hello"[:after].startswith(got)
    assert way == "up" or len(got) == after
    with connect(proxy) as client:
        client.sendall(b"again")
        assert read(client, 5) == b"again"


@pytest.mark.parametrize("way", ["up", "down"])
def test_it_swallows_until_it_is_calm(proxy, way):
    with connect(proxy) as client:
        proxy.swallow(way)
        client.sendall(b"lost")
        proxy.wait_swallowed(way)
        assert proxy.seen() == ((4, 0) if way == "up" else (4, 4))
        proxy.calm()
        client.sendall(b"kept")
        assert read(client, 4) == b"kept"


def test_it_delivers_twice_once(proxy):
    with connect(proxy) as client:
        proxy.twice()
        client.sendall(b"ab")
        assert read(client, 4) == b"abab"
        client.sendall(b"cd")
        assert read(client, 2) == b"cd"


def test_it_stalls_and_refuses_until_it_is_calm(proxy):
    with connect(proxy) as client:
        client.sendall(b"ab")
        assert read(client, 2) == b"ab"
        proxy.refuse()
        with pytest.raises(ConnectionRefusedError):
            connect(proxy)
        proxy.stall("down")
        client.sendall(b"cd")
        proxy.wait_for(lambda one: one.rules["up"].seen == 4, "request")
        assert proxy.seen() == (4, 2)
        proxy.calm()
        assert read(client, 2) == b"cd"
    with connect(proxy) as client:
        client.sendall(b"ef")
        assert read(client, 2) == b"ef"


def test_it_sends_a_request_again(proxy):
    with connect(proxy) as client:
        proxy.record()
        client.sendall(b"once more")
        assert read(client, 9) == b"once more"
        assert proxy.replay() == b"once more"
        proxy.drop()
        assert read(client, 1) == b""

# SPDX-License-Identifier: Apache-2.0
"""A TCP proxy in front of a server, which does to its traffic what a test says. A rule holds for
all connections, from the call on. `up` is towards the server, `down` towards the client.

  proxy.cut("up", 10)         10 more bytes pass, then their connection is closed on both sides
  proxy.swallow("up")         what comes is read and forgotten: a lost request ("down": reply)
  proxy.twice()               the next piece of a reply is delivered two times
  proxy.delay("down", 0.3)    each piece waits so long
  proxy.stall("up")           nothing passes any more, and after the next piece nothing is read
  proxy.refuse()              no new connections
  proxy.drop()                all connections are closed now
  proxy.record(), replay()    sends what passed upwards since record() once more, on a connection of
                              its own, and returns what the server answers
  proxy.calm()                ends all of that
"""
import socket
import threading

LIMIT_S = 20
CHUNK_BYTES = 1 << 16


class Rules:
    """What happens to one direction."""

    def __init__(self):
        self.seen = 0       # bytes that came in this direction, ever
        self.swallowed = 0  # of them, since the last swallow()
        self.cut_after = None
        self.swallows = False
        self.stalls = False
        self.delay_s = 0


class Link:
    """One connection: its two sockets, closed together."""

    def __init__(self, client, server):
        self.client, self.server = client, server

    def close(self):
        for one in (self.client, self.server):
            try:
                one.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass


class Proxy:
    def __init__(self, target_port):
        self.target_port = target_port
        self.changed = threading.Condition()
        self.rules = {"up": Rules(), "down": Rules()}
        self.links = []
        self.copies = 1
        self.recorded = None
        self.cuts = 0
        self.ended = False
        self.listener = None
        self.port = 0
        self.accept()

    # Rules.

    def cut(self, way, after):
        with self.changed:
            self.cuts = 0
            self.rules[way].cut_after = after

    def swallow(self, way):
        with self.changed:
            self.rules[way].swallowed = 0
            self.rules[way].swallows = True

    def twice(self):
        with self.changed:
            self.copies = 2

    def delay(self, way, delay_s):
        with self.changed:
            self.rules[way].delay_s = delay_s

    def stall(self, way):
        with self.changed:
            self.rules[way].stalls = True

    def refuse(self):
        listener, self.listener = self.listener, None
        if listener is not None:
            listener.shutdown(socket.SHUT_RDWR)
            listener.close()

    def accept(self):
        """Listens, on the same port as ever."""
        if self.listener is not None:
            return
        self.listener = socket.socket()
        self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.listener.bind(("127.0.0.1", self.port))
        self.listener.listen(128)
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self._accept, args=(self.listener,), daemon=True).start()

    def drop(self):
        with self.changed:
            links, self.links = self.links, []
        for link in links:
            link.close()

    def record(self):
        with self.changed:
            self.recorded = bytearray()

    def replay(self):
        with self.changed:
            data, self.recorded = bytes(self.recorded), None
        with socket.create_connection(("127.0.0.1", self.target_port), LIMIT_S) as connection:
            connection.sendall(data)
            return connection.recv(CHUNK_BYTES)

    def calm(self):
        with self.changed:
            for rules in self.rules.values():
                rules.cut_after, rules.delay_s = None, 0
                rules.swallows = rules.stalls = False
            self.copies = 1
            self.recorded = None
            self.changed.notify_all()
        self.accept()

    def end(self):
        with self.changed:
            self.ended = True
            self.changed.notify_all()
        self.refuse()
        self.drop()

    # What a test looks at.

    def seen(self):
        """Bytes that came so far: upwards, downwards."""
        with self.changed:
            return self.rules["up"].seen, self.rules["down"].seen

    def wait_for(self, true, what):
        """Until true(self), asked anew whenever something came."""
        with self.changed:
            assert self.changed.wait_for(lambda: true(self), LIMIT_S), f"no {what}"

    def wait_swallowed(self, way):
        self.wait_for(lambda _: self.rules[way].swallowed > 0, f"traffic {way} to swallow")

    def wait_cut(self):
        self.wait_for(lambda _: self.cuts > 0, "connection to cut")

    # Its threads.

    def _accept(self, listener):
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            try:
                server = socket.create_connection(("127.0.0.1", self.target_port), LIMIT_S)
            except OSError:
                client.close()
                continue
            for one in (client, server):
                one.settimeout(None)
                one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            link = Link(client, server)
            with self.changed:
                self.links.append(link)
            for way in ("up", "down"):
                threading.Thread(target=self._pump, args=(link, way), daemon=True).start()

    def _pump(self, link, way):
        rules = self.rules[way]
        source, target = (link.client, link.server) if way == "up" else (link.server, link.client)
        try:
            while True:
                data = source.recv(CHUNK_BYTES)
                with self.changed:
                    self.changed.wait_for(lambda: not rules.stalls or self.ended)
                if not data:
                    break
                pieces, closes, delay_s = self._judge(way, data)
                if delay_s > 0:
                    threading.Event().wait(delay_s)
                for piece in pieces:
                    target.sendall(piece)
                if closes:
                    break
        except OSError:
            pass
        link.close()
        with self.changed:
            if link in self.links:
                self.links.remove(link)
            self.changed.notify_all()

    def _judge(self, way, data):
        """What to send of it, whether to close then, and how long to wait before."""
        rules = self.rules[way]
        with self.changed:
            rules.seen += len(data)
            pieces, closes = [data], False
            if rules.swallows:
                rules.swallowed += len(data)
                pieces = []
            elif rules.cut_after is not None:
                closes = rules.cut_after <= len(data)
                pieces = [data[:rules.cut_after]]
                rules.cut_after = None if closes else rules.cut_after - len(data)
                self.cuts += closes
            elif way == "down" and self.copies > 1:
                pieces, self.copies = [data] * self.copies, 1
            if way == "up" and self.recorded is not None:
                self.recorded += data
            self.changed.notify_all()
            return pieces, closes, rules.delay_s

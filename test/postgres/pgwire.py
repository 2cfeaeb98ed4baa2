# SPDX-License-Identifier: Apache-2.0
"""PostgreSQL's protocol 3.0 without a driver in between, so that every message is seen: frames to
send, and what comes back as one line of text for each message.

    conn = Connection(port, "postgres", "app")
    conn.ask(query("SELECT 1"))
    ['columns ?column?:23/4/-1', "row '1'", 'SELECT 1', 'ready I']
"""
import socket
import struct

LIMIT_S = 10
PROTOCOL = 3 << 16
CANCEL, SSL, GSS = 80877102, 80877103, 80877104
SHOWN_FIELDS = {"D": "detail", "H": "hint", "P": "position"}
INTEGERS = {20: "!q", 21: "!h", 23: "!i", 26: "!I", 2205: "!I"}  # in binary, by type
REGCLASS = 2205
FIRST_OID = 16384  # of what users make
QUIET = {b"1": "parsed", b"2": "bound", b"3": "closed", b"n": "no columns", b"I": "empty",
         b"s": "suspended"}


class Closed(Exception):
    """The server has closed the connection; lines: what it said before."""

    def __init__(self, lines):
        super().__init__("the server closed the connection")
        self.lines = lines


def zero(text):
    return (text.encode() if isinstance(text, str) else text) + b"\0"


def frame(kind, body=b""):
    return kind + struct.pack("!i", len(body) + 4) + body


def query(text):
    return frame(b"Q", zero(text))


def parse(text, name="", types=()):
    return frame(b"P", zero(name) + zero(text) + struct.pack(f"!h{len(types)}I", len(types),
                                                             *types))


def bind(values=(), results=(), portal="", statement="", formats=()):
    """values: bytes, str (in text format) or None; results: format of all columns, or of each."""
    body = zero(portal) + zero(statement) + struct.pack(f"!h{len(formats)}h", len(formats),
                                                        *formats)
    body += struct.pack("!h", len(values))
    for value in values:
        data = value.encode() if isinstance(value, str) else value
        body += struct.pack("!i", -1) if data is None else struct.pack("!i", len(data)) + data
    return frame(b"B", body + struct.pack(f"!h{len(results)}h", len(results), *results))


def describe(kind, name=""):
    """kind: S for a statement, P for a portal; so for close."""
    return frame(b"D", kind.encode() + zero(name))


def close(kind, name=""):
    return frame(b"C", kind.encode() + zero(name))


def execute(portal="", limit=0):
    return frame(b"E", zero(portal) + struct.pack("!i", limit))


def flush():
    return frame(b"H")


def sync():
    return frame(b"S")


def terminate():
    return frame(b"X")


class Reader:
    """Takes one message's body apart."""

    def __init__(self, body):
        self.body, self.at = body, 0

    def number(self, code):
        value, = struct.unpack_from("!" + code, self.body, self.at)
        self.at += struct.calcsize(code)
        return value

    def text(self):
        end = self.body.index(b"\0", self.at)
        self.at, begin = end + 1, self.at
        return self.body[begin:end].decode()

    def value(self, size):
        self.at += size
        return self.body[self.at - size:self.at]


def columns_of(body):
    """(name, type, size, modifier, format) of each column of a RowDescription. The table's oid and
    the column's number are left out: they are of one server only."""
    reader = Reader(body)
    columns = []
    for _ in range(reader.number("h")):
        name = reader.text()
        reader.number("I")
        reader.number("h")
        columns.append((name, *(reader.number(code) for code in "Ihih")))
    return columns


def show_columns(columns):
    return "columns " + " ".join(
        f"{name}:{kind}/{size}/{modifier}" + ("/binary" if form else "")
        for name, kind, size, modifier, form in columns)


def show_value(data, kind, form):
    """Binary integers as numbers, oids of sequences as that: they are of one server only."""
    if data is None:
        return "NULL"
    if form and kind in INTEGERS and len(data) == struct.calcsize(INTEGERS[kind]):
        number, = struct.unpack(INTEGERS[kind], data)
        return "an oid" if kind == REGCLASS and number >= FIRST_OID else f"'{number}'"
    try:
        return repr(data.decode("ascii"))
    except UnicodeDecodeError:
        return repr(data)


def show_row(body, columns):
    reader = Reader(body)
    count = reader.number("h")
    columns = columns if len(columns) == count else [("", 0, 0, 0, 0)] * count
    values = []
    for _, kind, _, _, form in columns:
        size = reader.number("i")
        values.append(show_value(None if size < 0 else reader.value(size), kind, form))
    return "row " + ", ".join(values)


def error_fields(body):
    reader = Reader(body)
    fields = {}
    while (letter := reader.value(1).decode()) != "\0":
        fields[letter] = reader.text()
    return fields


def show_error(body):
    fields = error_fields(body)
    parts = [f"{fields.get('V', '(no V)')} {fields.get('C')} {fields.get('M')}"]
    parts += [f"{word}: {fields[letter]}" for letter, word in SHOWN_FIELDS.items()
              if letter in fields]
    return " | ".join(parts)


def show_parameters(body):
    reader = Reader(body)
    return "parameters " + " ".join(str(reader.number("I")) for _ in range(reader.number("h")))


def show(kind, body, columns=()):
    """One line that tells all of a message that two servers can have in common. columns: of the
    last RowDescription."""
    if kind in QUIET:
        return QUIET[kind]
    if kind == b"C":
        return Reader(body).text()
    if kind == b"Z":
        return "ready " + body.decode()
    if kind == b"S":
        reader = Reader(body)
        return f"status {reader.text()}={reader.text()}"
    if kind == b"T":
        return show_columns(columns_of(body))
    if kind == b"D":
        return show_row(body, columns)
    if kind in (b"E", b"N"):
        return show_error(body)
    return show_parameters(body) if kind == b"t" else f"{kind!r} {body!r}"


class Connection:
    def __init__(self, port, user, database, host="127.0.0.1", **settings):
        self.socket = socket.create_connection((host, port), LIMIT_S)
        self.socket.settimeout(LIMIT_S)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.data = b""
        self.columns = []
        self.parameters = {}
        self.greet(user, database, settings)

    def greet(self, user, database, settings):
        words = {"user": user, "database": database, **settings}
        body = b"".join(zero(key) + zero(value) for key, value in words.items()) + b"\0"
        body = struct.pack("!i", PROTOCOL) + body
        self.send(struct.pack("!i", len(body) + 4) + body)
        while True:
            kind, body = self.message()
            if kind == b"E":
                raise Closed([show_error(body)])
            if kind == b"S":
                reader = Reader(body)
                key, value = reader.text(), reader.text()
                self.parameters[key] = value
            if kind == b"K":
                self.pid, self.key = struct.unpack("!II", body)
            if kind == b"Z":
                return

    def send(self, *frames):
        self.socket.sendall(b"".join(frames))

    def need(self, size):
        while len(self.data) < size:
            more = self.socket.recv(1 << 16)
            if not more:
                raise Closed([])
            self.data += more

    def message(self):
        self.need(5)
        size, = struct.unpack_from("!i", self.data, 1)
        self.need(size + 1)
        kind, body = self.data[:1], self.data[5:size + 1]
        self.data = self.data[size + 1:]
        return kind, body

    def line(self):
        """The next message as text."""
        kind, body = self.message()
        if kind == b"T":
            self.columns = columns_of(body)
        return show(kind, body, self.columns)

    def read(self, count):
        """The next count messages."""
        return [self.line() for _ in range(count)]

    def until_ready(self):
        """All messages up to ReadyForQuery."""
        lines = []
        try:
            while not lines or not lines[-1].startswith("ready "):
                lines.append(self.line())
        except (Closed, ConnectionError):
            raise Closed(lines) from None
        return lines

    def ask(self, *frames):
        self.send(*frames)
        return self.until_ready()

    def close(self):
        try:
            self.send(terminate())
        except OSError:
            pass
        self.socket.close()

# SPDX-License-Identifier: Apache-2.0
"""What the clients in Python share: each is a program that makes one check and prints a line of
JSON, as test_checks.py wants it. The server is the one that libpq's variables name."""
import concurrent.futures
import json
import os
import sys

HOST, PORT = os.environ["PGHOST"], int(os.environ["PGPORT"])
USER, DATABASE = os.environ["PGUSER"], os.environ["PGDATABASE"]
PASSWORD = os.environ.get("PGPASSWORD")
POOL_TASKS, POOL_EACH, POOL_SIZE = 16, 25, 4
UNKNOWN = "SELECT nextval('no_such_sequence')"


def together(how_many, work):
    """What work(0), work(1), ... give, each in a thread of its own."""
    with concurrent.futures.ThreadPoolExecutor(how_many) as threads:
        return list(threads.map(work, range(how_many)))


class Sync:
    """The checks in words of the DB-API. A client says how it connects, runs a statement, reads
    an error, and what it has besides."""

    def connect(self, password=PASSWORD):
        """A connection in which each statement is a transaction of its own."""
        raise NotImplementedError

    def begin(self, connection):
        raise NotImplementedError

    def rollback(self, connection):
        connection.rollback()

    def all(self, connection, sql, values=None):
        """The first column of each row."""
        with connection.cursor() as cursor:
            cursor.execute(sql, values)
            return [row[0] for row in cursor.fetchall()]

    def one(self, connection, sql, values=None):
        return self.all(connection, sql, values)[0]

    def code(self, work):
        """The SQLSTATE of the error that the work must end in, and its class."""
        raise NotImplementedError

    def ids(self, name, count, connections):
        def take(_):
            connection = self.connect()
            return [self.one(connection, f"SELECT nextval('{name}')")
                    for _ in range(int(count) // int(connections))]

        return {"ids": together(int(connections), take)}

    def unknown(self, name):
        connection = self.connect()
        code, kind = self.code(lambda: self.one(connection, UNKNOWN))
        return {"code": code, "error": kind,
                "then": self.one(connection, f"SELECT nextval('{name}')")}

    def exhausted(self, name):
        connection = self.connect()
        ids = [self.one(connection, f"SELECT nextval('{name}')") for _ in range(3)]
        code, kind = self.code(lambda: self.one(connection, f"SELECT nextval('{name}')"))
        return {"ids": ids, "code": code, "error": kind}

    def transaction(self, name):
        connection = self.connect()
        self.begin(connection)
        first = self.one(connection, f"SELECT nextval('{name}')")
        self.code(lambda: self.one(connection, UNKNOWN))
        failed, _ = self.code(lambda: self.one(connection, f"SELECT nextval('{name}')"))
        self.rollback(connection)
        return {"first": first, "failed": failed,
                "second": self.one(connection, f"SELECT nextval('{name}')")}

    def session(self, name):
        connection = self.connect()
        return {"values": [self.one(connection, "SELECT setval(%s, %s)", (name, 1000)),
                           self.one(connection, "SELECT nextval(%s)", (name,)),
                           self.one(connection, "SELECT currval(%s)", (name,)),
                           self.one(connection, "SELECT lastval()")]}

    def rows(self, name):
        return {"ids": self.all(self.connect(),
                                f"SELECT nextval('{name}') FROM generate_series(1, 50)")}

    def password(self, name):
        found = self.one(self.connect(), f"SELECT nextval('{name}')")
        return {"id": found, "error": self.refused(lambda: self.connect("wrong"))}

    def refused(self, work):
        """What is said to a wrong password: libpq has no SQLSTATE for it."""
        raise NotImplementedError


def main(client):
    check, *words = sys.argv[1:]
    print(json.dumps(getattr(client, check)(*words)))

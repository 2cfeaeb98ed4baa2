# SPDX-License-Identifier: Apache-2.0
"""Django's connection, engine postgresql, with settings as its documentation has them."""
import django
from django.conf import settings
from django.db import DatabaseError, OperationalError, connections, transaction

from client import (DATABASE, HOST, PASSWORD, POOL_EACH, POOL_SIZE, POOL_TASKS, PORT, UNKNOWN,
                    USER, Sync, main, together)

HOW = {"ENGINE": "django.db.backends.postgresql", "NAME": DATABASE, "USER": USER, "HOST": HOST,
       "PORT": PORT, "PASSWORD": PASSWORD or ""}
settings.configure(USE_TZ=True, DATABASES={
    "default": HOW,
    "wrong": dict(HOW, PASSWORD="wrong"),
    "pooled": dict(HOW, OPTIONS={"pool": {"min_size": POOL_SIZE, "max_size": POOL_SIZE}})})
django.setup()


class Django(Sync):
    """A thread has a connection of its own in Django."""

    def connect(self, password=PASSWORD):
        connection = connections["wrong" if password == "wrong" else "default"]
        connection.ensure_connection()
        return connection

    def code(self, work):
        try:
            work()
        except DatabaseError as error:
            return error.__cause__.sqlstate, type(error).__name__
        raise AssertionError("no error")

    def refused(self, work):
        try:
            work()
        except OperationalError as error:
            return str(error)
        raise AssertionError("no error")

    def transaction(self, name):
        connection = self.connect()
        found = {}

        def fail():
            with transaction.atomic():
                found["first"] = self.one(connection, f"SELECT nextval('{name}')")
                with transaction.atomic():  # a savepoint
                    self.one(connection, UNKNOWN)

        assert self.code(fail)[0] == "42P01"
        with transaction.atomic():
            try:
                with transaction.atomic():
                    self.one(connection, UNKNOWN)
            except DatabaseError:
                found["after savepoint"] = self.one(connection, f"SELECT nextval('{name}')")
            self.code(lambda: self.one(connection, UNKNOWN))
            found["failed"] = self.code(lambda: self.one(connection, "SELECT 1"))[0]
            transaction.set_rollback(True)
        found["second"] = self.one(connection, f"SELECT nextval('{name}')")
        return found

    def pool(self, name):
        def take(_):
            found = []
            for _ in range(POOL_EACH):
                connection = connections["pooled"]
                found.append(self.one(connection, f"SELECT nextval('{name}')"))
                connection.close()  # as at the end of a request: back to the pool
            return found

        found = sum(together(POOL_TASKS, take), [])
        connections["pooled"].close_pool()
        return {"ids": found}


if __name__ == "__main__":
    main(Django())

# SPDX-License-Identifier: Apache-2.0
"""SQLAlchemy's engine, on the dialect that its default for postgresql:// is."""
import sqlalchemy
from sqlalchemy import Sequence, text

from client import (DATABASE, HOST, PASSWORD, POOL_EACH, POOL_SIZE, POOL_TASKS, PORT, UNKNOWN,
                    USER, Sync, main, together)


class SqlAlchemy(Sync):
    def engine(self, password=PASSWORD, **options):
        url = sqlalchemy.URL.create("postgresql", USER, password, HOST, PORT, DATABASE)
        return sqlalchemy.create_engine(url, **options)

    def connect(self, password=PASSWORD):
        return self.engine(password).connect().execution_options(isolation_level="AUTOCOMMIT")

    def all(self, connection, sql, values=None):
        for i, _ in enumerate(values or ()):
            sql = sql.replace("%s", f":p{i}", 1)
        words = {f"p{i}": value for i, value in enumerate(values or ())}
        return list(connection.execute(text(sql), words).scalars())

    def code(self, work):
        try:
            work()
        except sqlalchemy.exc.DBAPIError as error:
            return error.orig.sqlstate, type(error).__name__
        raise AssertionError("no error")

    def refused(self, work):
        try:
            work()
        except sqlalchemy.exc.OperationalError as error:
            return str(error)
        raise AssertionError("no error")

    def ids(self, name, count, connections):
        engine = self.engine()

        def take(_):
            with engine.connect() as connection:
                return [connection.scalar(Sequence(name))
                        for _ in range(int(count) // int(connections))]

        return {"ids": together(int(connections), take)}

    def transaction(self, name):
        engine = self.engine()
        with engine.connect() as connection:
            first = connection.scalar(Sequence(name))
            self.code(lambda: connection.execute(text(UNKNOWN)))
            failed, _ = self.code(lambda: connection.scalar(Sequence(name)))
            connection.rollback()
            return {"first": first, "failed": failed,
                    "second": connection.scalar(Sequence(name))}

    def pool(self, name):
        engine = self.engine(pool_size=POOL_SIZE, max_overflow=0, pool_pre_ping=True)

        def take(_):
            found = []
            for _ in range(POOL_EACH):
                with engine.begin() as connection:
                    found.append(connection.scalar(Sequence(name).next_value()))
            return found

        return {"ids": sum(together(POOL_TASKS, take), [])}


if __name__ == "__main__":
    main(SqlAlchemy())

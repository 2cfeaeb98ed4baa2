# SPDX-License-Identifier: Apache-2.0
"""psycopg 2."""
import psycopg2
import psycopg2.pool

from client import POOL_EACH, POOL_SIZE, POOL_TASKS, Sync, main, together


class Psycopg2(Sync):
    def connect(self, password=None):
        connection = psycopg2.connect("" if password is None else f"password={password}")
        connection.autocommit = True
        return connection

    def begin(self, connection):
        connection.autocommit = False

    def rollback(self, connection):
        connection.rollback()
        connection.autocommit = True

    def code(self, work):
        try:
            work()
        except psycopg2.Error as error:
            return error.pgcode, type(error).__name__
        raise AssertionError("no error")

    def refused(self, work):
        try:
            work()
        except psycopg2.OperationalError as error:
            return str(error)
        raise AssertionError("no error")

    def prepared(self, name):
        connection = self.connect()
        with connection.cursor() as cursor:
            cursor.execute("PREPARE one_id (text) AS SELECT nextval($1::regclass)")
            ids = []
            for _ in range(100):
                cursor.execute("EXECUTE one_id (%s)", (name,))
                ids.append(cursor.fetchone()[0])
            cursor.execute("DEALLOCATE one_id")
        return {"ids": ids}

    def pool(self, name):
        pool = psycopg2.pool.ThreadedConnectionPool(POOL_SIZE, POOL_SIZE)

        def take(_):
            ids = []
            for _ in range(POOL_TASKS * POOL_EACH // POOL_SIZE):
                connection = pool.getconn()
                ids.append(self.one(connection, f"SELECT nextval('{name}')"))
                pool.putconn(connection)
            return ids

        return {"ids": sum(together(POOL_SIZE, take), [])}


if __name__ == "__main__":
    main(Psycopg2())

# SPDX-License-Identifier: Apache-2.0
"""psycopg 3 and its pool."""
import os

import psycopg
import psycopg_pool

from client import POOL_EACH, POOL_SIZE, POOL_TASKS, Sync, main, together


# Behind a pooler that shares connections, nothing may be kept prepared.
HOW = {} if os.environ.get("PAWL_SHARED") is None else {"prepare_threshold": None}


class Psycopg3(Sync):
    def connect(self, password=None):
        words = HOW if password is None else {"password": password}
        return psycopg.connect(autocommit=True, **words)

    def begin(self, connection):
        connection.autocommit = False

    def rollback(self, connection):
        connection.rollback()
        connection.autocommit = True

    def code(self, work):
        try:
            work()
        except psycopg.Error as error:
            return error.sqlstate, type(error).__name__
        raise AssertionError("no error")

    def refused(self, work):
        try:
            work()
        except psycopg.OperationalError as error:
            return str(error)
        raise AssertionError("no error")

    def prepared(self, name):
        with self.connect() as connection:
            ids = [connection.execute("SELECT nextval(%s)", (name,), prepare=True).fetchone()[0]
                   for _ in range(50)]
            # Without a word from us, the sixth time is prepared too.
            ids += [connection.execute("SELECT nextval(%s) AS id", (name,)).fetchone()[0]
                    for _ in range(50)]
            connection.execute("DEALLOCATE ALL")
            return {"ids": ids}

    def binary(self, name):
        with self.connect() as connection, connection.cursor(binary=True) as cursor:
            return {"ids": [cursor.execute("SELECT nextval(%s)", (name,)).fetchone()[0]
                            for _ in range(10)]}

    def pipeline(self, name):
        with self.connect() as connection, connection.pipeline():
            cursors = [connection.execute("SELECT nextval(%s)", (name,)) for _ in range(100)]
            return {"ids": [cursor.fetchone()[0] for cursor in cursors]}

    def pool(self, name):
        with psycopg_pool.ConnectionPool(min_size=POOL_SIZE, max_size=POOL_SIZE,
                                         check=psycopg_pool.ConnectionPool.check_connection,
                                         kwargs=HOW, open=True) as pool:
            def take(_):
                ids = []
                for _ in range(POOL_EACH):
                    with pool.connection() as connection:
                        ids.append(self.one(connection, f"SELECT nextval('{name}')"))
                return ids

            return {"ids": sum(together(POOL_TASKS, take), [])}


if __name__ == "__main__":
    main(Psycopg3())

# SPDX-License-Identifier: Apache-2.0
"""asyncpg and its pool: everything is prepared, and everything but names is binary."""
import asyncio
import os

import asyncpg

from client import POOL_EACH, POOL_SIZE, POOL_TASKS, UNKNOWN, main

# Behind a pooler that shares connections, nothing may be kept prepared.
HOW = {} if os.environ.get("PAWL_SHARED") is None else {"statement_cache_size": 0}


async def code(work):
    try:
        await work
    except asyncpg.PostgresError as error:
        return error.sqlstate, type(error).__name__
    raise AssertionError("no error")


async def ids(name, count, connections):
    async def take():
        connection = await asyncpg.connect(**HOW)
        found = [await connection.fetchval(f"SELECT nextval('{name}')")
                 for _ in range(int(count) // int(connections))]
        await connection.close()
        return found

    return {"ids": await asyncio.gather(*(take() for _ in range(int(connections))))}


async def unknown(name):
    connection = await asyncpg.connect(**HOW)
    found, kind = await code(connection.fetchval(UNKNOWN))
    return {"code": found, "error": kind,
            "then": await connection.fetchval(f"SELECT nextval('{name}')")}


async def exhausted(name):
    connection = await asyncpg.connect(**HOW)
    found = [await connection.fetchval(f"SELECT nextval('{name}')") for _ in range(3)]
    state, kind = await code(connection.fetchval(f"SELECT nextval('{name}')"))
    return {"ids": found, "code": state, "error": kind}


async def transaction(name):
    connection = await asyncpg.connect(**HOW)
    block = connection.transaction()
    await block.start()
    first = await connection.fetchval(f"SELECT nextval('{name}')")
    await code(connection.fetchval(UNKNOWN))
    failed, _ = await code(connection.fetchval(f"SELECT nextval('{name}')"))
    await block.rollback()
    return {"first": first, "failed": failed,
            "second": await connection.fetchval(f"SELECT nextval('{name}')")}


async def session(name):
    connection = await asyncpg.connect(**HOW)
    return {"values": [await connection.fetchval("SELECT setval($1, $2)", name, 1000),
                       await connection.fetchval("SELECT nextval($1)", name),
                       await connection.fetchval("SELECT currval($1)", name),
                       await connection.fetchval("SELECT lastval()")]}


async def rows(name):
    connection = await asyncpg.connect(**HOW)
    found = await connection.fetch(f"SELECT nextval('{name}') FROM generate_series(1, 50)")
    return {"ids": [row[0] for row in found]}


async def prepared(name):
    connection = await asyncpg.connect(**HOW)
    statement = await connection.prepare("SELECT nextval($1)")
    assert statement.get_attributes()[0].type.name == "int8"
    found = [await statement.fetchval(name) for _ in range(100)]
    return {"ids": found}


async def binary(name):
    connection = await asyncpg.connect(**HOW)
    async with connection.transaction():  # a cursor: a portal that is read in pieces
        return {"ids": [row[0] async for row in connection.cursor(
            "SELECT nextval($1) FROM generate_series(1, 10)", name, prefetch=3)]}


async def pipeline(name):
    connection = await asyncpg.connect(**HOW)
    found = await connection.fetchmany("SELECT nextval($1)", [(name,)] * 100)
    return {"ids": [row[0] for row in found]}


async def pool(name):
    async with asyncpg.create_pool(min_size=POOL_SIZE, max_size=POOL_SIZE, **HOW) as shared:
        async def take():
            found = []
            for _ in range(POOL_EACH):
                async with shared.acquire() as connection:  # which resets it when it is done
                    found.append(await connection.fetchval(f"SELECT nextval('{name}')"))
            return found

        return {"ids": sum(await asyncio.gather(*(take() for _ in range(POOL_TASKS))), [])}


async def password(name):
    connection = await asyncpg.connect(**HOW)
    found = await connection.fetchval(f"SELECT nextval('{name}')")
    return {"id": found, "error": (await code(asyncpg.connect(password="wrong")))[0]}


class Asyncpg:
    def __getattr__(self, check):
        return lambda *words: asyncio.run(globals()[check](*words))


if __name__ == "__main__":
    main(Asyncpg())

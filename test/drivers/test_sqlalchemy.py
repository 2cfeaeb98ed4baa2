# SPDX-License-Identifier: Apache-2.0
"""SQLAlchemy on each of its dialects: what its engine asks first, Sequence and the inspector."""
import asyncio

import pytest
import sqlalchemy
from sqlalchemy import Integer, MetaData, Sequence, func, inspect, select, text
from sqlalchemy.ext.asyncio import create_async_engine

import backend as backends

DIALECTS = ["psycopg", "psycopg2"]


def url(backend, dialect):
    return sqlalchemy.URL.create(f"postgresql+{dialect}", backends.ADMIN, None, "127.0.0.1",
                                 backend.port, "postgres")


@pytest.fixture(params=DIALECTS)
def engine(backend, request):
    made = sqlalchemy.create_engine(url(backend, request.param))
    yield made
    made.dispose()


def field(check):
    return pytest.mark.field("SQLAlchemy", check)


@field("first queries")
def test_what_the_engine_asks_first(engine):
    with engine.connect() as connection:
        assert connection.scalar(text("SELECT 1")) == 1
    assert engine.dialect.server_version_info >= (15,)
    assert engine.dialect.default_schema_name == "public"


@field("levels")
@pytest.mark.parametrize("level", ["AUTOCOMMIT", "READ COMMITTED", "REPEATABLE READ",
                                   "SERIALIZABLE"])
def test_isolation_levels(engine, sequence, level):
    name = sequence()
    with engine.connect().execution_options(isolation_level=level) as connection:
        assert connection.scalar(Sequence(name)) == 1
        if level != "AUTOCOMMIT":
            assert connection.get_isolation_level() == level


@field("Sequence")
def test_a_sequence_is_executed(engine, sequence):
    name = sequence()
    with engine.begin() as connection:
        assert connection.scalar(Sequence(name)) == 1
        assert connection.scalar(Sequence(name).next_value()) == 2
        assert connection.scalar(select(func.nextval(name))) == 3
        assert connection.scalar(select(Sequence(name, schema="public").next_value())) == 4
        assert connection.execute(text("SELECT nextval(:name)"), {"name": name}).scalar() == 5


@field("Sequence")
def test_a_sequence_is_created_and_dropped(engine):
    made = Sequence("alchemy_Made", start=5, increment=10, minvalue=5, maxvalue=1000, cycle=True,
                    cache=7, data_type=Integer)
    made.create(engine, checkfirst=True)
    made.create(engine, checkfirst=True)
    with engine.begin() as connection:
        assert [connection.scalar(made) for _ in range(3)] == [5, 15, 25]
        assert inspect(connection).has_sequence("alchemy_Made")
    with pytest.raises(sqlalchemy.exc.ProgrammingError) as raised:
        made.create(engine, checkfirst=False)
    original = raised.value.orig
    assert getattr(original, "sqlstate", getattr(original, "pgcode", None)) == "42P07"
    made.drop(engine, checkfirst=True)
    made.drop(engine, checkfirst=True)
    assert not inspect(engine).has_sequence("alchemy_Made")


@field("Sequence")
def test_metadata_creates_what_is_not_there(engine):
    metadata = MetaData()
    one = Sequence("alchemy_one", metadata=metadata)
    Sequence("alchemy_two", metadata=metadata, schema="public")
    metadata.create_all(engine)
    metadata.create_all(engine)
    with engine.begin() as connection:
        assert connection.scalar(one) == 1
    names = inspect(engine).get_sequence_names()
    assert {"alchemy_one", "alchemy_two"} <= set(names)
    metadata.drop_all(engine)
    assert not {"alchemy_one", "alchemy_two"} & set(inspect(engine).get_sequence_names())


@field("inspector")
def test_the_inspector(engine, sequence):
    name = sequence()
    inspector = inspect(engine)
    assert inspector.has_sequence(name)
    assert inspector.has_sequence(name, schema="public")
    assert not inspector.has_sequence("no_such_sequence")
    assert name in inspector.get_sequence_names(schema="public")
    assert inspector.get_table_names() == []
    assert not inspector.has_table("no_such_table")
    assert "public" in inspector.get_schema_names()
    assert inspector.default_schema_name == "public"


@field("inspector")
def test_reflecting_everything_finds_no_tables(engine, sequence):
    sequence()
    metadata = MetaData()
    metadata.reflect(engine)
    assert not metadata.tables


@field("levels")
def test_two_blocks_and_a_savepoint(engine, sequence):
    name = sequence()
    with engine.connect() as connection:
        with connection.begin():
            assert connection.scalar(Sequence(name)) == 1
            with pytest.raises(sqlalchemy.exc.ProgrammingError), connection.begin_nested():
                connection.scalar(Sequence("no_such_sequence"))
            assert connection.scalar(Sequence(name)) == 2
        with connection.begin():
            assert connection.scalar(Sequence(name)) == 3


@field("asyncio")
def test_its_engine_of_asyncio_on_asyncpg(backend, sequence):
    name = sequence()

    async def work():
        engine = create_async_engine(url(backend, "asyncpg"))
        async with engine.connect() as connection:
            found = [await connection.scalar(Sequence(name).next_value())
                     for _ in range(100)]
            await connection.rollback()
            names = await connection.run_sync(lambda sync: inspect(sync).get_sequence_names())
        with pytest.raises(sqlalchemy.exc.ProgrammingError) as raised:
            async with engine.begin() as connection:
                await connection.scalar(Sequence("no_such_sequence").next_value())
        await engine.dispose()
        return found, names, raised.value.orig.sqlstate

    found, names, code = asyncio.run(work())
    assert found == list(range(1, 101))
    assert name in names
    assert code == "42P01"

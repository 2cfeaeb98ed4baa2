# SPDX-License-Identifier: Apache-2.0
"""The drivers, and what each is asked.

A client is a program, in the language of its driver. It is called with the name of a check and of
a sequence, finds the server in libpq's variables, and prints one line of JSON:

  ids N COUNT CONNECTIONS   COUNT ids over so many connections: "ids", a list for each of them
  unknown N       nextval of a sequence that is not there: "code" and "error" (its class) as the
                  driver has them, "then" the next id of N on the same connection
  exhausted N     N has three ids: "ids", then "code" and "error" of the fourth
  prepared N      100 "ids" by a statement that is prepared on the server
  binary N        "ids" in binary, as far as the driver does not always do so
  pipeline N      100 "ids", asked for before the first is answered
  transaction N   in a block: "first" id, an error, the code of the next statement ("failed");
                  after its rollback: "second" id
  pool N          400 "ids" through the driver's own pool of four connections
  session N       "values": of setval to 1000, nextval, currval, lastval, the name a parameter
  rows N          50 "ids" in one answer
  password N      an "id" after SCRAM, and what the driver says to a wrong password ("error")
"""
import dataclasses
import pathlib

import live

HERE = pathlib.Path(__file__).resolve().parent
PYTHON = live.ROOT / ".venv/bin/python"
INSTALLED = live.ROOT / ".drivers"
CHECKS = ("ids", "unknown", "exhausted", "prepared", "binary", "pipeline", "transaction", "pool",
          "session", "rows", "password")


@dataclasses.dataclass
class Client:
    """words: what is run. cannot: the checks that mean nothing to this driver, and why."""

    words: tuple
    error: str = ""
    cannot: dict = dataclasses.field(default_factory=dict)
    whole: bool = False
    env: dict = dataclasses.field(default_factory=dict)


NO_POOL = "the driver has no pool of its own"
TEXT = "the driver reads text only"
ONE_AT_A_TIME = "the driver asks one statement at a time"
AS_ITS_DRIVER = "is left to the driver below it"


def python(name):
    return (PYTHON, HERE / "python" / f"{name}.py")


def java(module, program):
    """A program of java/MODULE, started with what makes a short run short."""
    built = INSTALLED / "java" / module
    return ("java", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-cp",
            f"{built}/classes:{built}/lib/*", f"pawl.{program}")


CLIENTS = {
    "libpq": Client((live.BUILD / "test/drivers/c/libpq_client",), "PGRES_FATAL_ERROR",
                    {"pool": NO_POOL}),
    "psycopg 2": Client(python("psycopg2_client"), "UndefinedTable",
                        {"binary": TEXT, "pipeline": ONE_AT_A_TIME}),
    "psycopg 3": Client(python("psycopg3_client"), "UndefinedTable"),
    "asyncpg": Client(python("asyncpg_client"), "UndefinedTableError"),
    "SQLAlchemy": Client(python("sqlalchemy_client"), "ProgrammingError",
                         dict.fromkeys(("prepared", "binary", "pipeline"), AS_ITS_DRIVER)),
    "Django": Client(python("django_client"), "ProgrammingError",
                     dict.fromkeys(("prepared", "binary", "pipeline"), AS_ITS_DRIVER)),
    "node-postgres": Client((live.ROOT / ".venv/bin/node", HERE / "node/client.js"),
                            "DatabaseError", env={"NODE_PATH": INSTALLED / "node/node_modules"}),
    "Perl DBI": Client(("perl", HERE / "perl/client.pl"), "DBI::db",
                       {"binary": TEXT, "pipeline": ONE_AT_A_TIME, "pool": NO_POOL}),
    "JDBC": Client(java("jdbc", "JdbcClient"), "PSQLException", whole=True),
    "pgx": Client((INSTALLED / "bin/pgx_client",), "*pgconn.PgError", whole=True),
    "tokio-postgres": Client((INSTALLED / "rust/debug/rust_client",), "UNDEFINED_TABLE",
                             {"binary": "the driver always reads binary"}, whole=True),
    "ODBC": Client((live.BUILD / "test/drivers/c/odbc_client",), "SQL_ERROR",
                   {"binary": TEXT, "pipeline": ONE_AT_A_TIME, "pool": NO_POOL}, whole=True),
}

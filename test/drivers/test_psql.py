# SPDX-License-Identifier: Apache-2.0
"""psql: what people type, and the dumps that they bring along."""
import pathlib
import subprocess

import pytest

import servers

HERE = pathlib.Path(__file__).resolve().parent
PSQL = servers.POSTGRES_BIN / "psql"


@pytest.fixture
def psql(backend):
    """psql(words..., input="") gives what was printed, errors too, and how it ended."""

    def run(*words, text=None, env=None):
        done = subprocess.run([PSQL, "-X", *map(str, words)], text=True, env=env or backend.env(),
                              input=text, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              timeout=60, check=False)
        return done.stdout, done.returncode

    return run


def field(check):
    return pytest.mark.field("psql", check)


@field("ids")
def test_ten_thousand_ids_of_four_sessions(backend, sequence):
    name = sequence()
    running = [subprocess.Popen([PSQL, "-XAtq"], text=True, env=backend.env(),
                                stdin=subprocess.PIPE, stdout=subprocess.PIPE) for _ in range(4)]
    for one in running:
        one.stdin.write(f"SELECT nextval('{name}');\n" * 2500)
        one.stdin.flush()
    found = [[int(line) for line in one.communicate(timeout=60)[0].split()] for one in running]
    assert [len(one) for one in found] == [2500] * 4
    assert all(sorted(one) == one for one in found)
    assert len(set(sum(found, []))) == 10000


@field("unknown")
def test_an_unknown_sequence_is_shown_where_it_stands(psql):
    said, code = psql("-c", "SELECT 1 AS one, nextval('no_such_sequence')")
    lines = said.splitlines()
    assert code == 1
    assert lines[:3] == ['ERROR:  relation "no_such_sequence" does not exist',
                         "LINE 1: SELECT 1 AS one, nextval('no_such_sequence')",
                         "                                 ^"]


@field("unknown")
def test_sqlstates_are_shown_to_who_asks(psql):
    said, _ = psql("-v", "VERBOSITY=verbose", "-c", "SELECT nextval('no_such_sequence')")
    assert said.startswith("ERROR:  42P01: relation")


@field("exhausted")
def test_a_used_up_sequence(psql, sequence):
    name = sequence("MAXVALUE 3")
    said, code = psql("-At", "-v", "VERBOSITY=sqlstate",
                      *["-c", f"SELECT nextval('{name}')"] * 4)
    assert said.split("\n") == ["1", "2", "3", "ERROR:  2200H", ""]
    assert code == 1


@field("prepared")
def test_prepare_and_execute(psql, sequence):
    name = sequence()
    said, _ = psql("-Atq", text=f"PREPARE p (text) AS SELECT nextval($1::regclass);\n"
                                f"EXECUTE p ('{name}');\nEXECUTE p ('{name}');\nDEALLOCATE p;\n")
    assert said.split() == ["1", "2"]


@field("transaction")
def test_a_block_that_fails_and_is_rolled_back(psql, sequence):
    name = sequence()
    said, _ = psql("-At", "-v", "VERBOSITY=sqlstate", text=f"""
BEGIN;
SELECT nextval('{name}');
SELECT nextval('no_such_sequence');
SELECT 1;
ROLLBACK;
SELECT nextval('{name}');
""")
    assert said.split("\n")[:-1] == ["BEGIN", "1", "ERROR:  42P01", "ERROR:  25P02", "ROLLBACK",
                                     "2"]


@field("transaction")
def test_a_savepoint_around_each_statement(psql, sequence):
    name = sequence()
    said, _ = psql("-Atq", "-v", "ON_ERROR_ROLLBACK=on", "-v", "VERBOSITY=sqlstate", text=f"""
BEGIN;
SELECT nextval('{name}');
SELECT nextval('no_such_sequence');
SELECT nextval('{name}');
COMMIT;
""")
    assert said.split("\n")[:-1] == ["1", "ERROR:  42P01", "2"]


@field("session")
def test_several_statements_in_one_word(psql, sequence):
    name = sequence()
    said, _ = psql("-Atq", "-c", f"SELECT setval('{name}', 1000); SELECT nextval('{name}');"
                                 f"SELECT currval('{name}'), lastval()")
    assert said.split() == ["1000", "1001", "1001|1001"]


@field("rows")
def test_many_rows(psql, sequence):
    name = sequence()
    said, _ = psql("-Atq", "-c", f"SELECT nextval('{name}') FROM generate_series(1, 50)")
    assert said.split() == [str(one) for one in range(1, 51)]


@field("password")
def test_a_password(psql, backend, sequence):
    env = backend.password_env()
    name = sequence(env=env)
    assert psql("-At", "-c", f"SELECT nextval('{name}')", env=env) == ("1\n", 0)
    said, code = psql("-c", "SELECT 1", env=dict(env, PGPASSWORD="wrong"))
    assert "password authentication failed" in said
    assert code == 2


@field("conninfo")
def test_conninfo(psql, backend):
    said, _ = psql("-c", r"\conninfo")
    assert said.startswith('You are connected to database "postgres" as user "postgres" on host')
    assert f'at port "{backend.port}"' in said


@field("ds")
@pytest.mark.parametrize("command", [r"\ds", r"\d", r"\ds public.*", r"\ds+"])
def test_sequences_are_listed(psql, sequence, command):
    name = sequence()
    lines = [line.split("|") for line in psql("-At", "-c", command)[0].splitlines()]
    assert ["public", name, "sequence", "postgres"] in [line[:4] for line in lines]


@field("d name")
@pytest.mark.parametrize("options, shown", [
    ("", ["bigint|1|1|9223372036854775807|1|no|1"]),
    ("AS smallint START 5 INCREMENT 3 MINVALUE 2 MAXVALUE 99 CYCLE CACHE 7",
     ["smallint|5|2|99|3|yes|7"]),
    ("INCREMENT -1", ["bigint|-1|-9223372036854775808|-1|-1|no|1"])])
def test_a_sequence_is_described(psql, sequence, options, shown):
    name = sequence(options)
    lines = psql("-A", "-c", rf"\d {name}")[0].splitlines()
    assert lines[0] == f'Sequence "public.{name}"'
    assert lines[1] == "Type|Start|Minimum|Maximum|Increment|Cycles?|Cache"
    assert lines[2:3] == shown


@field("gdesc")
def test_columns_are_described(psql, sequence):
    name = sequence()
    said, _ = psql("-At", text=f"SELECT nextval('{name}') AS id, 'x'::text AS t \\gdesc\n")
    assert said.split() == ["id|bigint", "t|text"]
    said, _ = psql("-At", text=f"SELECT nextval('{name}') AS id \\gset\n\\echo :id\n")
    assert said.split() == ["1"], "being described uses no id"


@field("lists")
@pytest.mark.parametrize("command, shown", [
    (r"\dn", "public|"), (r"\l", "postgres|"), (r"\du", "postgres|")])
def test_what_else_is_there_is_listed(psql, command, shown):
    said, code = psql("-At", "-c", command)
    assert code == 0 and any(line.startswith(shown) for line in said.splitlines()), said


@field("lists")
@pytest.mark.parametrize("command, shown", [
    (r"\dt", "Did not find any relations."), (r"\dv", "Did not find any relations."),
    (r"\d no_such_thing", 'Did not find any relation named "no_such_thing".')])
def test_what_is_not_there_is_not_listed(psql, command, shown):
    assert shown in psql("-c", command)[0]


@field("dump")
def test_a_dump_of_sequences_is_restored(psql, backend):
    """What pg_dump 15 writes of a database with two sequences."""
    said, code = psql("-q", "-v", "ON_ERROR_STOP=1", "-f", HERE / "dump.sql")
    assert code == 0, said
    assert backend.sql("SELECT nextval('dumped_orders_id_seq'), nextval('dumped_tickets')") == \
        "4712|20"
    backend.sql("DROP SEQUENCE dumped_orders_id_seq, dumped_tickets")


@field("dump")
def test_in_one_transaction(psql, sequence):
    name = sequence()
    said, code = psql("-1", "-At", "-c", f"SELECT nextval('{name}')", "-c",
                      f"SELECT nextval('{name}')")
    assert (said.split(), code) == (["1", "2"], 0)

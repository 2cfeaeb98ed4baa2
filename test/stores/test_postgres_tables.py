# SPDX-License-Identifier: Apache-2.0
"""postgres:// on a table, or as a user, that cannot do what pawl asks of it: said at once, with the
exit code that docs/stores.md promises, and not asked again and again."""
import json
import subprocess
import time

import pytest
from live import free_port, next_ids, pawl, program
from test_postgres import TABLE, checks, fails, ready

REFUSED, BREAKS, AWAY = 8, 9, 5
SWALLOWS = ("CREATE FUNCTION swallow() RETURNS trigger LANGUAGE plpgsql AS "
            "'BEGIN RETURN NULL; END'",
            f"CREATE TRIGGER swallow BEFORE %s ON {TABLE} FOR EACH ROW EXECUTE FUNCTION swallow()")
RAISES = ("CREATE FUNCTION raises() RETURNS trigger LANGUAGE plpgsql AS "
          "'BEGIN RAISE EXCEPTION ''not today''; END'",
          f"CREATE TRIGGER raises BEFORE UPDATE ON {TABLE} FOR EACH ROW EXECUTE FUNCTION raises()")


def at_once(done, *texts, code=REFUSED):
    """It ended before the first retry: nothing says that anything is waited for."""
    assert "waiting" not in done.stderr, done.stderr
    return fails(done, *texts, code=code)


def starts(url):
    """pawld on the store, which is to end by itself."""
    return subprocess.run([program("pawld"), "--store", url, "--listen",
                           f"resp://127.0.0.1:{free_port()}"], text=True, timeout=20, check=False,
                          stdin=subprocess.DEVNULL, capture_output=True)


def served(fresh, url):
    """How many connections pawl had to the database in a second in which ids are asked for."""
    count = "SELECT sessions FROM pg_stat_database WHERE datname = current_database()"
    before = int(fresh.sql(count))
    began = time.monotonic()
    pawl("next", "orders", "--timeout", 1, url=url)
    assert time.monotonic() - began < 5
    return int(fresh.sql(count)) - before


def generated(column):
    return [f"ALTER TABLE {TABLE} DROP COLUMN {column}",
            f"ALTER TABLE {TABLE} ADD COLUMN {column} text GENERATED ALWAYS AS ('x'::text) STORED"]


@pytest.mark.parametrize("statements, said, item", [
    ([f"CREATE RULE r AS ON INSERT TO {TABLE} DO INSTEAD NOTHING"], "drop the rules", "rules"),
    ([f"CREATE RULE r AS ON UPDATE TO {TABLE} DO INSTEAD NOTHING"], "drop the rules", "rules"),
    (generated("moved_to"), "GENERATED", "table"),
], ids=["insert rule", "update rule", "generated"])
def test_statements_that_cannot_be_prepared_end_what_waits(fresh, statements, said, item):
    url = ready(fresh)
    for one in statements:
        fresh.sql(one)
    for words in (["next", "orders"], ["create", "other"], ["ping"]):
        at_once(pawl(*words, url=url), "SQLSTATE", said)
    at_once(pawl("store", "init", url), "SQLSTATE", said)
    done = pawl("store", "check", url)
    at_once(done, "SQLSTATE", said)
    assert checks(url)[item][0] == "warn", done.stdout
    done = starts(url)
    assert done.returncode == 1 and said in done.stderr, done.stderr
    assert served(fresh, url) < 10, "it is dialled again and again"
    if item == "rules":
        fresh.sql(f"DROP RULE r ON {TABLE}")
        assert next_ids("orders", 1, url) == [1]


def test_a_table_without_a_key_on_the_name_is_not_served(fresh):
    url = ready(fresh)
    fresh.sql(f"CREATE TABLE copied AS SELECT * FROM {TABLE}")
    fresh.sql("INSERT INTO copied SELECT * FROM copied")
    url = url.replace(TABLE, "copied")
    mends = 'CREATE UNIQUE INDEX ON "copied" (name)'
    for words in (["next", "orders"], ["ping"], ["create", "other"]):
        at_once(pawl(*words, url=url), "no unique key on name", mends)
    at_once(pawl("store", "init", url), mends)
    at_once(pawl("next", "orders", url=url + "&durability=none"), mends)
    done = starts(url)
    assert done.returncode == 1 and mends in done.stderr, done.stderr
    assert pawl("store", "check", url).returncode == BREAKS
    assert checks(url)["unique key on name"][0] == "BREAKS"
    fresh.sql("DELETE FROM copied a USING copied b WHERE a.ctid > b.ctid")
    fresh.sql(mends)
    assert pawl("store", "init", url).returncode == 0
    assert next_ids("orders", 2, url) == [1, 2]


@pytest.mark.parametrize("key, good", [
    ("UNIQUE (name) INCLUDE (next)", True),
    ("UNIQUE (name) DEFERRABLE", False),
    ("UNIQUE (name, epoch)", False),
])
def test_which_keys_on_the_name_will_do(fresh, key, good):
    url = ready(fresh)
    fresh.sql(f"ALTER TABLE {TABLE} DROP CONSTRAINT {TABLE}_pkey")
    fresh.sql(f"ALTER TABLE {TABLE} ADD {key}")
    done = pawl("next", "orders", url=url)
    assert done.returncode == (0 if good else REFUSED), done.stderr
    assert (checks(url)["unique key on name"][0] == "ok") is good


def test_two_rows_of_one_name_give_nothing(fresh):
    """An heir of the table may have one, whatever the keys are."""
    url = ready(fresh)
    assert next_ids("orders", 1, url) == [1]
    fresh.sql(f"CREATE TABLE heir () INHERITS ({TABLE})")
    fresh.sql(f"INSERT INTO heir SELECT * FROM {TABLE}")
    for _ in range(3):
        at_once(pawl("next", "orders", url=url), "2 rows of that name")
    fresh.sql("DELETE FROM heir")
    assert next_ids("orders", 1, url)[0] > 1


@pytest.mark.parametrize("event, words", [
    ("UPDATE", ["next", "orders"]), ("UPDATE", ["set", "orders", 50]), ("INSERT", ["create", "a"])])
def test_a_trigger_that_swallows_writes_is_thought_of(fresh, event, words):
    url = ready(fresh)
    fresh.sql(SWALLOWS[0])
    fresh.sql(SWALLOWS[1] % event)
    at_once(pawl(*words, url=url), TABLE, "a trigger, a rule or row security")
    fresh.sql(f"DROP TRIGGER swallow ON {TABLE}")
    assert pawl(*words, url=url).returncode == 0


@pytest.mark.parametrize("statements, said", [
    ([f"ALTER TABLE {TABLE} ADD CHECK (next < 2)"], "SQLSTATE 23514"),
    (RAISES, "not today"),
], ids=["check", "raises"])
def test_what_a_constraint_or_a_trigger_refuses_a_person_puts_right(fresh, statements, said):
    url = ready(fresh)
    for one in statements:
        fresh.sql(one)
    at_once(pawl("next", "orders", url=url), said, "drop ")


def test_check_ends_with_5_on_a_standby(own_server):
    server = own_server("postgres_async")
    ready(server)
    for words in (["next", "orders", "--timeout", 1], ["store", "init", "--timeout", 1],
                  ["store", "check"]):
        where = [server.standby.url] if words[0] == "store" else ["--url", server.standby.url]
        fails(pawl(*words, *where), "standby", code=AWAY)
    found = checks(server.standby.url)
    assert found["in recovery (standby)"][0] == "warn" and found["table"][0] == "ok"
    done = pawl("--json", "store", "check", server.standby.url)
    assert done.returncode == AWAY and json.loads(done.stdout)["keeps"] is False


def test_who_may_only_read_is_told_so(fresh):
    url = ready(fresh)
    fresh.sql("DROP ROLE IF EXISTS reader")
    fresh.sql("CREATE ROLE reader LOGIN")
    fresh.sql(f"GRANT SELECT, INSERT, UPDATE ON {TABLE} TO reader")
    reader = fresh.url_of("reader", "x")
    assert next_ids("orders", 1, reader) == [1]
    fresh.sql("ALTER ROLE reader SET default_transaction_read_only = on")
    mends = "ALTER ROLE reader RESET default_transaction_read_only"
    at_once(pawl("next", "orders", url=reader), mends)
    for word in ("init", "check"):
        at_once(pawl("store", word, reader), mends)
    assert checks(reader)["default_transaction_read_only"][0] == "warn"
    at_once(pawl("next", "orders", url=url + "&options=-c%20default_transaction_read_only%3Don"),
            "options=")
    fresh.sql(mends)
    assert pawl("store", "check", reader).returncode == 0
    database = fresh.sql("SELECT current_database()")
    here = f'ALTER ROLE reader IN DATABASE "{database}"'
    fresh.sql(f"{here} SET default_transaction_read_only = on")
    at_once(pawl("next", "orders", url=reader), f"{here} RESET default_transaction_read_only")
    fresh.sql(f"{here} RESET default_transaction_read_only")
    assert pawl("store", "check", reader).returncode == 0
    fresh.sql(f"ALTER DATABASE {database} SET default_transaction_read_only = on")
    for words in (["store", "init", reader, "--timeout", 1], ["store", "check", reader]):
        fails(pawl(*words), "the server is read-only", "by database", code=AWAY)


def test_a_missing_right_comes_with_the_whole_command(fresh):
    ready(fresh)
    fresh.sql('DROP ROLE IF EXISTS "odd Role"')
    fresh.sql('CREATE ROLE "odd Role" LOGIN')
    grant = f'GRANT SELECT, INSERT, UPDATE ON "{TABLE}" TO "odd Role"'
    url = fresh.url_of("odd%20Role", "x")
    at_once(pawl("next", "orders", url=url), grant)
    fresh.sql(grant)
    assert next_ids("orders", 1, url) == [1]

# SPDX-License-Identifier: Apache-2.0
"""postgres:// on real servers: rights, other people's tables, settings, lost commits, failovers."""
import json
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time

import pytest
from live import Fleet, free_port, next_ids, pawl, pawl_json, program, wait_until
from servers import Process, descendants, need

TABLE = "pawl_sequences"


def fails(done, *texts, code=None):
    """One line of error that says all of texts, and no password."""
    assert done.returncode not in (0, None), done.stdout
    assert code is None or done.returncode == code, done.stderr
    for text in texts:
        assert text in done.stderr, done.stderr
    assert "sEcret" not in done.stderr
    return done.stderr


def ready(server, name="orders", url=None):
    """The table and a sequence in it."""
    url = url or server.url
    done = pawl("store", "init", url)
    assert done.returncode == 0, done.stderr
    done = pawl("create", name, url=url)
    assert done.returncode == 0, done.stderr
    return url


def checks(url):
    """What pawl store check says, by item."""
    done = pawl("store", "check", url)
    lines = [line.split(":", 1) for line in done.stdout.splitlines()]
    found = {}
    for line in lines:
        words = line[0].split(None, 1)
        if len(words) == 2 and len(line) == 2:
            found.setdefault(words[1], (words[0], line[1].strip()))
    return found


def test_a_missing_table_is_named_and_init_makes_it_once(fresh):
    fails(pawl("ping", url=fresh.url), TABLE, "pawl store init")
    fails(pawl("create", "orders", url=fresh.url), TABLE, "pawl store init")
    ready(fresh)
    assert pawl("store", "init", fresh.url).returncode == 0
    assert next_ids("orders", 3, fresh.url) == [1, 2, 3]
    assert pawl("ping", url=fresh.url).returncode == 0


def test_inits_at_once_all_succeed(fresh):
    words = [program("pawl"), "store", "init", fresh.url]
    running = [subprocess.Popen(words, stderr=subprocess.PIPE) for _ in range(6)]
    for one in running:
        assert one.wait(30) == 0, one.stderr.read()
        one.stderr.close()


def test_people_read_next_as_a_number(fresh):
    ready(fresh)
    next_ids("orders", 10, fresh.url)
    assert fresh.sql(f"SELECT next FROM {TABLE} WHERE name = 'orders'") == "11"


def test_a_table_in_a_schema_with_odd_names(fresh):
    fresh.sql('CREATE SCHEMA "My Ids"')
    url = fresh.url.replace(TABLE, "My%20Ids.Of%22All")
    ready(fresh, url=url)
    assert next_ids("orders", 2, url) == [1, 2]
    assert fresh.sql('SELECT next FROM "My Ids"."Of""All"') == "3"
    fails(pawl("store", "init", fresh.url.replace(TABLE, "nowhere.ids")), "CREATE SCHEMA")


def test_least_rights_are_enough_and_missing_ones_are_named(fresh):
    ready(fresh)
    fresh.sql("DROP ROLE IF EXISTS taker")
    fresh.sql("CREATE ROLE taker LOGIN")
    url = fresh.url_of("taker", "sEcret")
    fails(pawl("next", "orders", url=url), "SELECT, INSERT, UPDATE", TABLE)
    fresh.sql(f"GRANT SELECT ON {TABLE} TO taker")
    fails(pawl("next", "orders", url=url), "lacks INSERT, UPDATE")
    fresh.sql(f"GRANT INSERT, UPDATE ON {TABLE} TO taker")
    assert next_ids("orders", 2, url) == [1, 2]
    assert pawl("create", "more", url=url).returncode == 0
    assert checks(url)["may delete rows"][0] == "ok"
    assert checks(fresh.url)["may delete rows"][0] == "warn"
    fresh.sql(f"REVOKE ALL ON {TABLE} FROM taker")
    fresh.sql("DROP ROLE taker")


@pytest.mark.parametrize("columns, text", [
    ("id bigint, name text", "no column"),
    ("name text, format text", "format is text, not bigint"),
])
def test_a_foreign_table_of_the_same_name_is_left_alone(fresh, columns, text):
    fresh.sql(f"CREATE TABLE {TABLE} ({columns})")
    for words in (("ping",), ("create", "a"), ("next", "a"), ("list",)):
        fails(pawl(*words, url=fresh.url), text, "?table=NAME")
    fails(pawl("store", "init", fresh.url), text)
    assert fresh.sql(f"SELECT count(*) FROM {TABLE}") == "0"


def test_a_view_is_no_table(fresh):
    fresh.sql(f"CREATE VIEW {TABLE} AS SELECT 1 AS name")
    fails(pawl("ping", url=fresh.url), "not a table")


def test_a_row_of_a_newer_format_is_not_touched(fresh):
    ready(fresh)
    before = fresh.sql(f"UPDATE {TABLE} SET format = 2 RETURNING next, tag")
    fails(pawl("next", "orders", url=fresh.url), "orders", "newer")
    fails(pawl("set", "orders", 50, url=fresh.url), "orders", "newer")
    assert fresh.sql(f"SELECT next, tag FROM {TABLE}") == before


def test_a_damaged_row_is_named(fresh):
    ready(fresh)
    fresh.sql(f"UPDATE {TABLE} SET seq_order = 'sideways'")
    fails(pawl("show", "orders", url=fresh.url), "orders", "seq_order", "sideways")


def test_an_unlogged_table_is_refused_unless_said(fresh):
    ready(fresh)
    fresh.sql(f"ALTER TABLE {TABLE} SET UNLOGGED")
    fails(pawl("next", "orders", url=fresh.url), "SET LOGGED")
    assert checks(fresh.url)["table logged"][0] == "BREAKS"
    assert next_ids("orders", 1, fresh.url + "&durability=none") == [1]


def test_a_role_that_commits_lazily_is_overridden(fresh):
    ready(fresh)
    fresh.sql("DROP ROLE IF EXISTS lazy")
    fresh.sql("CREATE ROLE lazy LOGIN SUPERUSER")
    fresh.sql("ALTER ROLE lazy SET synchronous_commit = off")
    fresh.sql("CREATE TABLE seen (setting text)")
    fresh.sql("CREATE FUNCTION look() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN INSERT INTO "
              "seen VALUES (current_setting('synchronous_commit')); RETURN NEW; END $$")
    fresh.sql(f"CREATE TRIGGER look AFTER UPDATE ON {TABLE} FOR EACH ROW EXECUTE FUNCTION look()")
    assert next_ids("orders", 1, fresh.url_of("lazy", "x")) == [1]
    assert fresh.sql("SELECT DISTINCT setting FROM seen") == "on"
    assert checks(fresh.url)["triggers"][0] == "warn"
    fresh.sql("DROP ROLE lazy")


def test_what_may_not_be_looked_at_is_said(fresh):
    url = ready(fresh)
    fresh.sql("DROP ROLE IF EXISTS blind")
    fresh.sql("CREATE ROLE blind LOGIN")
    fresh.sql(f"GRANT SELECT, INSERT, UPDATE ON {TABLE} TO blind")
    fresh.sql("REVOKE EXECUTE ON FUNCTION pg_control_system() FROM PUBLIC")
    assert checks(url)["identity"][0] == "ok"
    assert checks(fresh.url_of("blind", "x"))["identity"][0] == "warn"
    assert next_ids("orders", 1, fresh.url_of("blind", "x")) == [1]
    fresh.sql(f"REVOKE ALL ON {TABLE} FROM blind")
    fresh.sql("DROP ROLE blind")


def test_row_security_is_said_and_lets_nothing_be_made_twice(fresh):
    url = ready(fresh)
    fresh.sql("DROP ROLE IF EXISTS fenced")
    fresh.sql("CREATE ROLE fenced LOGIN")
    fresh.sql(f"GRANT SELECT, INSERT, UPDATE ON {TABLE} TO fenced")
    fresh.sql(f"ALTER TABLE {TABLE} ENABLE ROW LEVEL SECURITY")
    hidden = fresh.url_of("fenced", "x")
    assert checks(url)["row security"][0] == "warn"
    fails(pawl("next", "orders", url=hidden))
    assert pawl("create", "orders", url=hidden).returncode != 0
    assert next_ids("orders", 1, url) == [1]
    fresh.sql(f"REVOKE ALL ON {TABLE} FROM fenced")
    fresh.sql("DROP ROLE fenced")


def test_a_locked_row_holds_up_nobody_else(fresh):
    url = ready(fresh)
    for i in range(5):
        pawl("create", f"free{i}", url=url)
    port = url.split(":")[2].split("/")[0]
    database = url.rsplit("/", 1)[1].split("?")[0]
    with subprocess.Popen(
            ["psql", "-XAtq", "-h", "127.0.0.1", "-p", port, "-U", "postgres", "-d", database],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as person:
        person.stdin.write(f"BEGIN; SELECT 1 FROM {TABLE} WHERE name = 'orders' FOR UPDATE;\n")
        person.stdin.flush()
        assert person.stdout.readline() == "1\n"
        error = fails(pawl("next", "orders", "--timeout", 3, url=url))
        assert "lock" in error or "55P03" in error
        for i in range(5):
            assert next_ids(f"free{i}", 1, url) == [1]
        person.stdin.write("ROLLBACK;\n\\q\n")
        person.stdin.close()
        person.wait(10)
    assert next_ids("orders", 1, url)[0] >= 1


def test_a_database_of_another_encoding_is_said(postgres):
    postgres.sql("CREATE DATABASE latin ENCODING 'LATIN1' LC_COLLATE 'C' LC_CTYPE 'C' "
                        "TEMPLATE template0")
    url = postgres.url.replace("/postgres?", "/latin?")
    ready(postgres, url=url)
    assert checks(url)["database encoding"][0] == "warn"
    assert pawl("create", "caf\u00e9", url=url).returncode == 0
    assert next_ids("caf\u00e9", 1, url) == [1]
    fails(pawl("create", "\u5e8f\u5217", url=url), "UTF8")


def test_wrong_passwords_and_databases_are_named(own_server):
    server = own_server("postgres")
    server.sql("ALTER ROLE postgres PASSWORD 'good'")
    hba = server.data / "pg_hba.conf"
    hba.write_text("host all all 127.0.0.1/32 scram-sha-256\n", encoding="ascii")
    server.process.send(1)
    url = server.url.replace("postgres@", "postgres:sEcret@")
    wait_until(lambda: pawl("ping", url=url).stderr.find("28P01") > 0, "the server asks for it")
    fails(pawl("ping", url=url), "28P01", "password")
    fails(pawl("next", "a", url=url), "28P01")
    good = url.replace("sEcret", "good")
    ready(server, url=good)
    fails(pawl("ping", url=good.replace("/postgres?", "/nowhere?")), "3D000", "nowhere")


def test_urls_name_what_is_wrong_with_them():
    base = "postgres://u:sEcret@127.0.0.1:1/db"
    fails(pawl("ping", url=base + "?colour=red"), "colour", code=2)
    fails(pawl("ping", url=base + "?table=a.b.c"), "table", code=2)
    fails(pawl("ping", url=base), "127.0.0.1", "refused")
    fails(pawl("ping", url="postgres://nosuchhost.invalid/db"), "nosuchhost.invalid")


def test_over_tls_and_past_a_host_that_does_not_answer(own_server):
    silent = own_server("postgres")
    server = own_server("postgres")
    subprocess.run(["openssl", "req", "-new", "-x509", "-nodes", "-newkey", "rsa:2048", "-subj",
                    "/CN=localhost", "-keyout", str(server.data / "server.key"), "-out",
                    str(server.data / "server.crt")], check=True, capture_output=True)
    for name in ("server.key", "server.crt"):
        shutil.chown(server.data / name, server.user)
        (server.data / name).chmod(0o600)
    server.sql("ALTER SYSTEM SET ssl = on")
    server.restart()
    url = ready(server, url=server.url + "&sslmode=require")
    assert next_ids("orders", 100, url) == list(range(1, 101))
    fails(pawl("ping", url=silent.url + "&sslmode=require"), "SSL")
    deaf(silent)
    both = url.replace("@127.0.0.1:", f"@127.0.0.1:{silent.ports[0]},127.0.0.1:")
    assert next_ids("orders", 1, both)[0] > 100
    hears(silent)


def test_settings_that_lose_commits_are_refused(own_server):
    server = own_server("postgres", settings=["fsync=off"])
    fails(pawl("ping", url=server.url), "fsync")
    assert checks(server.url)["fsync"][0] == "BREAKS"
    ready(server, url=server.url + "&durability=none")


@pytest.fixture
def fleet(tmp_path):
    running = Fleet(tmp_path)
    yield running
    running.end()


class Takers:
    """Threads that take ids with clients of their own, until told to stop."""

    def __init__(self, url, name, count=4):
        self.ids = []
        self.errors = []
        self.stopping = False
        self.threads = [threading.Thread(target=self.run, args=(url, name)) for _ in range(count)]
        for one in self.threads:
            one.start()

    def run(self, url, name):
        while not self.stopping:
            done = pawl("next", name, "-n", 20, "--timeout", 10, url=url)
            if done.returncode == 0:
                self.ids += [int(word) for word in done.stdout.split()]
            else:
                self.errors.append(done.stderr)

    def end(self):
        self.stopping = True
        for one in self.threads:
            one.join(60)
        assert self.ids
        assert len(set(self.ids)) == len(self.ids), "an id was given twice"
        return self.ids


def test_backends_that_are_terminated_cost_gaps_only(own_server):
    server = own_server("postgres")
    url = ready(server)
    takers = Takers(url, "orders")
    for _ in range(40):
        server.sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE "
                   "application_name = 'pawl'")
        time.sleep(0.02)
    takers.end()


def test_a_server_that_dies_and_returns_costs_gaps_only(own_server):
    server = own_server("postgres")
    url = ready(server)
    takers = Takers(url, "orders")
    for _ in range(2):
        wait_until(lambda count=len(takers.ids): len(takers.ids) > count + 100, "ids flow")
        server.restart()
    wait_until(lambda count=len(takers.ids): len(takers.ids) > count + 100, "ids flow again")
    takers.end()


def deaf(server):
    """Stops its processes, and its connections stay open."""
    for pid in [server.process.child.pid, *descendants(server.process.child.pid)]:
        os.kill(pid, signal.SIGSTOP)


def hears(server):
    for pid in [server.process.child.pid, *descendants(server.process.child.pid)]:
        os.kill(pid, signal.SIGCONT)


def test_answers_that_come_too_late_are_nobodys(own_server, fleet, monkeypatch):
    """Many asks in one transaction, given up together; then its answers come all the same."""
    monkeypatch.setenv("MALLOC_PERTURB_", "165")  # what is freed reads as rubbish
    server = own_server("postgres")
    pawld = fleet.start(store=ready(server), options=["--auto-create", "*"])
    names = [f"s{i}" for i in range(24)]
    with pawld.redis() as client:
        ids = {name: [client.incr(name)] for name in names}
    pawld.stop()
    pawld.start()  # it holds nothing now
    deaf(server)
    pawld.send(signal.SIGSTOP)  # so that all asks come in one turn
    askers = [socket.create_connection(("127.0.0.1", pawld.port), 60) for _ in names]
    for asker, name in zip(askers, names):
        asker.sendall(f"INCR {name}\r\n".encode())
    pawld.send(signal.SIGCONT)
    wait_until(lambda: "has not answered within" in pawld.log(), "they are given up", 30)
    hears(server)
    for asker, name in zip(askers, names):
        answer = asker.recv(4096).decode()
        asker.close()
        if answer.startswith(":"):
            ids[name].append(int(answer[1:]))
    with pawld.redis() as client:
        for name in names:
            ids[name].append(client.incr(name))
            assert ids[name] == sorted(set(ids[name]))


FORKS = """
import ctypes, os, sys
build, url = sys.argv[1:]
pawl = ctypes.CDLL(f"{build}/libpawl.so", mode=ctypes.RTLD_GLOBAL)
ctypes.CDLL(f"{build}/libpawl-stores.so").pawl_stores_register()
client, seq, one = ctypes.c_void_p(), ctypes.c_void_p(), ctypes.c_int64()
assert pawl.pawl_open(url.encode(), None, ctypes.byref(client), None) == 0
assert pawl.pawl_seq_open(client, b"orders", ctypes.byref(seq), None) == 0

def take():
    limit = ctypes.c_uint64(10 ** 10)
    assert pawl.pawl_next_within(seq, limit, ctypes.byref(one)) == 0
    return one.value

ids = [take() for _ in range(50)]
child = os.fork()
if child == 0:  # as daemons do, and then its own files have the numbers
    os.closerange(3, 64)
    own = [os.open("/dev/zero", os.O_RDONLY) for _ in range(3, 64)]
ids = ids * (child != 0) + [take() for _ in range(500)]
print(*ids, flush=True)
if child == 0:
    os._exit(0 if all(os.read(fd, 1) for fd in own) else 1)
assert os.waitpid(child, 0)[1] == 0
print(*[take() for _ in range(500)], flush=True)
pawl.pawl_close(client)
"""


def test_a_forked_child_leaves_its_parents_connection_alone(fresh):
    url = ready(fresh)
    done = subprocess.run([sys.executable, "-c", FORKS, str(pathlib.Path(program("pawl")).parent),
                           url], check=False, text=True, capture_output=True, timeout=60)
    assert done.returncode == 0, done.stderr
    ids = [int(word) for word in done.stdout.split()]
    assert len(ids) == 1550 and len(set(ids)) == len(ids)


def one_hanging_take(url, name):
    return subprocess.Popen([program("pawl"), "next", name, "--timeout", "2", "--url", url],
                            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


WAITS = ("SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'SyncRep' AND "
         "application_name = 'pawl'")


def test_a_cancelled_wait_for_the_standby_burns_the_ids(own_server):
    server = own_server("postgres_sync")
    url = ready(server)
    assert next_ids("orders", 1, url) == [1]
    assert checks(url)["synchronous standbys"][0] == "ok"
    deaf(server.standby)
    taking = one_hanging_take(url, "orders")
    wait_until(lambda: server.sql(WAITS) == "1", "a commit waits for the standby")
    server.sql("SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE wait_event = 'SyncRep'")
    out, _ = taking.communicate(timeout=30)
    assert out == "", "an id was given whose commit no standby has"
    assert int(server.sql(f"SELECT next FROM {TABLE}")) >= 3, "it was committed locally"
    hears(server.standby)
    wait_until(lambda: pawl("next", "orders", url=url).returncode == 0, "ids flow again")
    assert next_ids("orders", 1, url)[0] > 2


def test_a_commit_without_a_standby_does_not_pile_up_connections(own_server, fleet):
    server = own_server("postgres_sync")
    url = ready(server)
    for i in range(8):
        assert pawl("create", f"s{i}", url=url).returncode == 0
    pawld = fleet.start(store=url)
    deaf(server.standby)
    asking = [one_hanging_take(pawld.url, f"s{i}") for i in range(8)]
    for one in asking:
        out, _ = one.communicate(timeout=30)
        assert out == ""
    counted = server.sql("SELECT count(*) FROM pg_stat_activity WHERE application_name = 'pawl'")
    assert int(counted) <= 2
    hears(server.standby)
    wait_until(lambda: pawl("next", "s1", url=pawld.url).returncode == 0, "ids flow again")


def test_a_promoted_synchronous_standby_goes_on_without_a_duplicate(own_server):
    server = own_server("postgres_sync")
    ports = [server.standby.ports[0], server.ports[0]]
    both = (f"postgres://postgres@127.0.0.1:{ports[0]},127.0.0.1:{ports[1]}/postgres"
            f"?table={TABLE}")
    ready(server, url=both)
    before = next_ids("orders", 50, both)
    fails(pawl("next", "orders", url=server.standby.url), "standby")
    server.kill()
    server.promote()
    wait_until(lambda: pawl("ping", url=both).returncode == 0, "the standby is the primary")
    server.standby.sql("SELECT 1")
    after = next_ids("orders", 50, both)
    assert not set(before) & set(after) and min(after) > max(before)


def test_check_warns_of_asynchronous_standbys(own_server):
    server = own_server("postgres_async")
    url = ready(server)
    verdict, text = checks(url)["synchronous standbys"]
    assert verdict == "BREAKS" and "synchronous_standby_names" in text


def test_an_asynchronous_standby_lacks_ids_and_pawld_goes_beyond_them(own_server, fleet):
    """What docs/stores.md says of it: commits that the standby has not got are gone. Whoever took
    ids before moves the sequence beyond what it remembers."""
    server = own_server("postgres_async")
    ports = [server.ports[0], server.standby.ports[0]]
    both = (f"postgres://postgres@127.0.0.1:{ports[0]},127.0.0.1:{ports[1]}/postgres"
            f"?table={TABLE}")
    ready(server, url=both)
    pawld = fleet.start(store=both)
    before = next_ids("orders", 10, pawld.url)
    wait_until(lambda: server.standby.sql(f"SELECT next FROM {TABLE}") >= "2", "it has the row")
    deaf(server.standby)
    before += next_ids("orders", 5000, pawld.url)
    server.kill()
    server.standby.kill()
    server.standby.start()
    assert int(server.standby.sql(f"SELECT next FROM {TABLE}")) < max(before), "it lacks nothing"
    server.promote()
    after = []

    def taken():
        done = pawl("next", "orders", "-n", 2000, url=pawld.url)
        after.extend(int(word) for word in done.stdout.split())
        return len(after) > 20000

    wait_until(taken, "ids flow from the promoted standby", 60)
    ids = before + after
    assert len(set(ids)) == len(ids)
    assert "store changed its timeline" in pawld.log()


def test_another_cluster_under_the_same_url_is_refused(own_server, fleet):
    first = own_server("postgres")
    url = ready(first)
    pawld = fleet.start(store=url)
    assert pawl("create", "a", url=pawld.url).returncode == 0
    first.kill()
    second = own_server("postgres")
    second.kill()
    second.ports = first.ports
    second.start()
    ready(second)
    fails(pawl("create", "b", "--timeout", 3, url=pawld.url), "another PostgreSQL cluster")
    assert json.loads(pawl("list", "--json", url=url).stdout) is not None


def bouncer(server, folder, mode):
    """PgBouncer before server; returns the process and pawl's URL through it."""
    port = free_port()
    config = folder / "pgbouncer.ini"
    log = folder / "pgbouncer.log"
    config.write_text(
        f"[databases]\n* = host=127.0.0.1 port={server.ports[0]}\n[pgbouncer]\n"
        f"listen_addr = 127.0.0.1\nlisten_port = {port}\nauth_type = any\npool_mode = {mode}\n"
        f"default_pool_size = {3 if mode == 'transaction' else 40}\nunix_socket_dir =\n"
        "[databases]\n" + f"* = host=127.0.0.1 port={server.ports[0]} user=postgres\n",
        encoding="ascii")
    folder.chmod(0o755)
    for parent in list(folder.parents)[:3]:
        if str(parent).startswith("/tmp/"):
            parent.chmod(0o755)
    log.touch()
    program_path = shutil.which("pgbouncer") or "/usr/sbin/pgbouncer"
    process = Process([need(program_path), config], log, user=server.user, cwd="/")
    url = server.url_for([port])
    process.wait_ready(lambda: pathlib.Path(log).read_text(encoding="utf-8").find("up") > 0,
                       "pgbouncer")
    return process, url


@pytest.mark.parametrize("mode", ["transaction", "session"])
def test_through_pgbouncer(own_server, tmp_path, mode):
    server = own_server("postgres")
    ready(server)
    process, url = bouncer(server, tmp_path, mode)
    try:
        assert checks(url)["connection"] == ("ok", "through a pooler")
        takers = Takers(url, "orders", 3)
        wait_until(lambda: len(takers.ids) > 400, "ids flow")
        assert not takers.errors, takers.errors
        takers.end()
        done = subprocess.run([program("test/store/store_conformance"), url], check=False,
                              capture_output=True, text=True, timeout=120)
        assert done.returncode == 0, done.stdout + done.stderr
        left = server.sql("SELECT count(*) FROM pg_prepared_statements")
        assert left == "0"
        assert pawl_json("show", "orders", url=url)["next"] > 400
    finally:
        process.kill()

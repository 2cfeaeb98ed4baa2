# SPDX-License-Identifier: Apache-2.0
"""Stores that go back in time, as people and failovers do it by hand: `pawl verify` judges all ids
that were given before and after. Two servers take ids; one of them may forget everything meanwhile.
Sequence `shared` is used by both, `lone` by the forgetful one only: nobody's floor protects it, so
that is left to the store's branch, or to what the forgetful one's guard remembers."""
import re
import shutil

import pytest
import redis
import servers

from live import Fleet, pawl, wait_until

FAST = ["--refill-interval", "200ms", "--ride-through", "400ms"]
NAMES = ["shared", "lone"]
MARGIN = 10_000  # ids, at least


class Site:
    """Two pawlds on one store, and all that they gave."""

    def __init__(self, folder, url, guarded=False):
        self.folder, self.fleet = folder, Fleet(folder)
        self.guarded = guarded
        self.given = {name: {} for name in NAMES}  # sequence -> taker -> ids
        assert pawl("store", "init", url).returncode == 0
        self.steady, self.forgetful = (
            self.fleet.start(one, store=url, options=FAST + self.data(one))
            for one in ("steady", "forgetful"))
        with self.steady.redis() as client:
            for name in NAMES:
                client.execute_command("SEQ.CREATE", name)
        self.lives = 1

    def data(self, name):
        return ["--data", str(self.folder / f"{name}-data")] if self.guarded else []

    def draw(self, server, name, count=30):
        """One after the other, through errors, as a patient client does."""
        ids = self.given[name].setdefault(f"{server is self.steady}-{self.lives}", [])
        until = len(ids) + count
        with server.redis() as client:
            def one():
                try:
                    ids.append(client.incr(name))
                except redis.exceptions.ResponseError as error:
                    assert str(error).split()[0] not in ("NOSEQ", "FLOOR"), error
                return len(ids) >= until

            wait_until(one, f"{count} ids of {name}", 40)
        return ids[-count:]

    def use(self):
        self.draw(self.steady, "shared")
        for name in NAMES:
            self.draw(self.forgetful, name)

    def forget(self):
        """What the second one knows is lost; it is not started again yet."""
        self.forgetful.kill()
        self.lives += 1

    def log(self):
        return self.steady.log() + self.forgetful.log()

    def judge(self):
        for name, takers in self.given.items():
            files = []
            for taker, ids in takers.items():
                files.append(self.folder / f"{name}-{taker}.ids")
                files[-1].write_text("".join(f"{one}\n" for one in ids), encoding="ascii")
            done = pawl("verify", *files)
            assert done.returncode == 0, f"{name}: {done.stdout}{done.stderr}\n{self.log()}"

    def last(self, name):
        return max(ids[-1] for ids in self.given[name].values())


@pytest.fixture(name="site")
def fixture_site(tmp_path):
    sites = []

    def begin(url, guarded=False):
        sites.append(Site(tmp_path, url, guarded))
        return sites[-1]

    yield begin
    for one in sites:
        one.fleet.end()


def goes_on(site):
    """Who remembers comes first: what it has seen shows that the store went back. With guards both
    remember, and it is the killed one that comes first."""
    if not site.guarded:
        site.draw(site.steady, "shared")
    site.forgetful.start()
    site.use()
    assert "store went back" in site.log() or "branch" in site.log(), site.log()
    site.judge()
    assert site.last("lone") > MARGIN and site.last("shared") > MARGIN


def begins_anew(site):
    """Nobody remembers anything: all rests on what the records bear."""
    site.steady.kill()
    for one in (site.forgetful, site.steady):
        one.start()
    site.use()
    assert "branch" in site.log(), site.log()
    site.judge()
    assert site.last("lone") > MARGIN and site.last("shared") > MARGIN


def back_up(server):
    if server.url.startswith("etcd"):
        server.etcdctl("snapshot", "save", server.folder / "backup")
    else:
        shutil.copytree(server.folder / "appendonlydir", server.folder / "backup")


def put_back(server, token="pawl"):
    server.kill()
    if server.url.startswith("etcd"):
        shutil.rmtree(server.folder / "m0")
        peer = f"http://127.0.0.1:{server.peers[0]}"
        server.etcdctl("snapshot", "restore", server.folder / "backup", "--name", "m0",
                       "--data-dir", server.folder / "m0", "--initial-cluster", f"m0={peer}",
                       "--initial-cluster-token", token, "--initial-advertise-peer-urls", peer)
    else:
        shutil.rmtree(server.folder / "appendonlydir")
        shutil.copytree(server.folder / "backup", server.folder / "appendonlydir")
    server.start()


@pytest.mark.parametrize("guarded", [False, True])
@pytest.mark.parametrize("kind", ["etcd", "redis"])
def test_a_backup_is_put_back(own_server, site, kind, guarded):
    server = own_server(kind)
    used = site(server.url, guarded)
    used.use()
    back_up(server)
    used.use()
    used.forget()
    put_back(server)
    goes_on(used)


@pytest.mark.parametrize("kind", ["etcd", "redis"])
def test_a_backup_is_put_back_again(own_server, site, kind):
    """Its branch was replaced the first time, and all its records bear it. The forgetful one is
    away, so that nobody knows how far `lone` had come."""
    server = own_server(kind)
    used = site(server.url, guarded=True)
    used.use()
    back_up(server)
    used.use()
    used.forget()
    for name in ("shared", "lone"):
        used.steady.kill()
        put_back(server)
        used.steady.start()
        assert used.draw(used.steady, name)[-1] > MARGIN, used.log()
    used.judge()


def test_a_backup_becomes_another_cluster(own_server, site):
    """Another token, and so another name: it must be accepted, and its lines are the same. How far
    they had come only the guard knows: no margin and no luck reaches there."""
    server = own_server("etcd")
    used = site(server.url, guarded=True)
    used.use()
    back_up(server)
    with used.forgetful.redis() as client:
        last = [client.incrby("lone", 1_000_000) for _ in range(20)][-1]
    used.steady.kill()
    used.forget()
    put_back(server, token="other")
    used.forgetful.start(ready=False)
    assert used.forgetful.process.wait(20) == 1
    used.forgetful.stopped = True
    refused = re.search(r'--accept-store ([^\s"\\]+)', used.forgetful.log())
    assert refused, used.forgetful.log()
    used.forgetful.options += ["--accept-store", refused[1]]
    used.forgetful.start()
    assert used.draw(used.forgetful, "lone")[0] > last + MARGIN, used.log()


def test_redis_restarted_as_it_was_moves_nothing(own_server, site):
    server = own_server("redis")
    used = site(server.url)
    used.use()
    used.forget()
    server.restart()
    used.draw(used.steady, "shared")
    used.forgetful.start()
    used.use()
    used.judge()
    assert used.last("lone") < MARGIN and used.last("shared") < MARGIN, used.log()


def test_postgres_recovered_to_a_point_in_time(own_server, site):
    server = own_server("postgres", settings=["archive_mode=on",
                                              "archive_command=cp %p ../archive-%f"])
    used = site(server.url)
    server.run("pg_basebackup", "-D", server.folder / "old", "-h", "127.0.0.1", "-p",
               server.ports[0], "-U", "postgres", "-X", "stream", "-c", "fast", "--no-sync")
    used.use()
    server.sql("SELECT pg_create_restore_point('here')")
    used.use()
    used.forget()
    wal = server.sql("SELECT pg_walfile_name(pg_switch_wal())")
    archived = f"SELECT last_archived_wal >= '{wal}' FROM pg_stat_archiver"
    wait_until(lambda: server.sql(archived) == "t", "the last WAL is archived")
    server.kill()
    server.data = server.folder / "old"
    (server.data / "recovery.signal").touch()
    server.settings = ["restore_command=cp ../archive-%f %p", "recovery_target_name=here",
                       "recovery_target_action=promote"]
    server.start()
    wait_until(lambda: server.sql("SELECT pg_is_in_recovery()") == "f", "it is recovered")
    begins_anew(used)


def both(pair):
    ports = (pair.ports[0], pair.standby.ports[0])
    return pair.url.replace(str(ports[0]), f"{ports[0]},127.0.0.1:{ports[1]}")


def fails_over_to_before(pair, used):
    """The standby that takes over lacks what was used last."""
    seen = pair.sql("SELECT pg_current_wal_lsn()")
    wait_until(lambda: pair.standby.sql(f"SELECT pg_last_wal_replay_lsn() >= '{seen}'") == "t",
               "the standby has what was used")
    pair.standby.kill()
    used.use()
    used.forget()
    pair.kill()
    pair.standby.start()
    pair.promote()
    wait_until(lambda: pair.standby.sql("SELECT pg_is_in_recovery()") == "f", "it is promoted")


def test_an_asynchronous_standby_is_promoted(own_server, site):
    pair = own_server("postgres_async")
    used = site(both(pair))
    used.use()
    fails_over_to_before(pair, used)
    begins_anew(used)


def test_a_switchover_to_a_synchronous_standby_moves_nothing(own_server, site):
    pair = own_server("postgres_sync")
    used = site(both(pair))
    used.use()
    pair.process.kill(servers.signal.SIGINT)  # a fast shutdown, which the standby follows
    pair.promote()
    used.use()
    used.judge()
    assert "went back" not in used.log() and "moved" not in used.log(), used.log()
    assert used.last("lone") < MARGIN and used.last("shared") < MARGIN
    branch = pair.standby.sql("SELECT DISTINCT split_part(branch, '/', 2) FROM pawl_sequences")
    assert branch == "2"


WRITES = """
CREATE TABLE writes (branch text, waits bool);
CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
INSERT INTO writes VALUES (new.branch, current_setting('synchronous_standby_names') <> '');
RETURN NULL; END $$;
CREATE TRIGGER note AFTER UPDATE ON pawl_sequences FOR EACH ROW EXECUTE FUNCTION note()
"""


def test_synchronous_standbys_are_switched_off(own_server, site):
    """From the first write on that does not wait, the record does not say so any more."""
    pair = own_server("postgres_sync")
    used = site(both(pair))
    used.use()
    pair.sql(WRITES)
    used.use()
    pair.sql("ALTER SYSTEM SET synchronous_standby_names = ''")
    pair.sql("SELECT pg_reload_conf()")
    wait_until(lambda: pair.sql("SHOW synchronous_standby_names") == "", "commits wait no more")
    used.use()
    ways = pair.sql("SELECT DISTINCT waits, branch LIKE '% waits' FROM writes ORDER BY waits")
    assert ways == "f|f\nt|t"
    fails_over_to_before(pair, used)
    begins_anew(used)


def test_a_table_of_dynamodb_is_copied_to_another_name(own_server, site, monkeypatch):
    server = own_server("dynalite")
    for key, value in server.env.items():
        monkeypatch.setenv(key, value)
    used = site(server.url)
    used.use()
    other = server.url.replace("://pawl?", "://copy?")
    assert pawl("store", "init", other).returncode == 0
    for item in server.call("Scan", TableName="pawl")["Items"]:
        server.call("PutItem", TableName="copy", Item=item)
    used.use()
    used.forget()
    used.steady.store = used.forgetful.store = other
    begins_anew(used)

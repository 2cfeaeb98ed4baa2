# SPDX-License-Identifier: Apache-2.0
"""redis:// and rediss:// against real servers: what is refused and how, and what survives what."""
import json
import re
import shutil
import subprocess
import threading
import time

import history
import psycopg
import pytest
import redis
import servers

from live import BUILD, Fleet, free_port, next_ids, pawl, pawl_json, program, wait_until

CONFORMANCE = BUILD / "test/store/store_conformance"
# What docs/stores.md tells a user to be given.
LEAST_RIGHTS = ("~pawl:* -@all +eval +evalsha +type +pttl +hmget +hset +hincrby +zadd +zrange "
                "+zrangebylex +ping +info +config|get +client|setname +select +wait").split()


@pytest.fixture(name="fleet")
def fleet_made(tmp_path):
    running = Fleet(tmp_path)
    yield running
    running.end()


def conforms(*urls):
    done = subprocess.run([CONFORMANCE, *urls], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout


def fails(done, code, *words):
    assert done.returncode == code, f"{done.returncode}: {done.stdout}{done.stderr}"
    for word in words:
        assert word in done.stderr, f"{word} is not in: {done.stderr}"


def created(server, name, url=None):
    done = pawl("create", name, url=url or server.url)
    assert done.returncode == 0, done.stderr
    return name


def url_as(server, login, rest=""):
    return f"redis://{login}@127.0.0.1:{server.ports[0]}/0?prefix=pawl:{rest}"


def test_it_conforms_with_a_replica(own_server):
    conforms(own_server("redis_replica").url)


@pytest.mark.parametrize("setting, value, remedy", [
    ("appendonly", "no", "CONFIG SET appendonly yes"),
    ("appendfsync", "everysec", "CONFIG SET appendfsync always"),
    ("no-appendfsync-on-rewrite", "yes", "CONFIG SET no-appendfsync-on-rewrite no"),
    ("maxmemory-policy", "allkeys-lru", "CONFIG SET maxmemory-policy noeviction"),
])
def test_a_setting_that_loses_ids_is_refused_by_name(own_server, setting, value, remedy):
    server = own_server("redis")
    created(server, "orders")
    with server.client() as client:
        client.config_set("maxmemory", "200mb")
        client.config_set(setting, value)
    for words in (["ping"], ["next", "orders"], ["create", "other"], ["list"], ["show", "orders"]):
        fails(pawl(*words, url=server.url), 8, f'its {setting} is "{value}"', remedy,
              "durability=none")
    done = pawl("store", "check", server.url)
    assert done.returncode == 9 and "BREAKS" in done.stdout, done.stdout + done.stderr
    assert next_ids("orders", 2, server.url + "&durability=none") == [1, 2]
    with server.client() as client:
        client.config_set("appendonly", "yes")
        wait_until(lambda: client.info("persistence")["aof_rewrite_in_progress"] == 0, "rewritten")
        client.config_set(setting, {"appendonly": "yes", "appendfsync": "always",
                                    "maxmemory-policy": "noeviction"}.get(setting, "no"))
    assert next_ids("orders", 1, server.url) == [3]


def test_nothing_is_taken_before_a_new_aof_is_there(own_server):
    """A server that is killed in between has lost what it answered: it makes an empty one."""
    server = own_server("redis")
    created(server, "orders")
    with server.client() as client:
        client.config_set("appendonly", "no")
        client.mset({f"other{i}": "v" for i in range(30)})
        client.config_set("rdb-key-save-delay", 10 ** 6)
        client.config_set("appendonly", "yes")
    fails(pawl("ping", url=server.url), 5, "append-only file is being written for the first time")
    done = pawl("store", "check", server.url)
    assert "written for the first time" in done.stdout, done.stdout
    with server.client() as client:
        client.config_set("appendonly", "no")
        client.config_set("rdb-key-save-delay", 0)
        client.config_set("appendonly", "yes")
        wait_until(lambda: client.info("persistence")["aof_rewrite_in_progress"] == 0, "rewritten")
    assert next_ids("orders", 1, server.url) == [1]


def test_settings_that_cannot_be_read_are_refused(own_server):
    server = own_server("redis")
    with server.client() as client:
        client.acl_setuser("managed", enabled=True, passwords="+s", keys="*",
                           commands=["+@all", "-config"])
    fails(pawl("ping", url=url_as(server, "managed:s")), 8, "does not let its settings be read",
          "durability=none")
    done = pawl("ping", url=url_as(server, "managed:s", "&durability=none"))
    assert done.returncode == 0, done.stderr


def test_who_may_not_come_in_is_told(own_server):
    server = own_server("redis")
    with server.client() as client:
        client.config_set("requirepass", "right")
    fails(pawl("ping", url=server.url), 8, "NOAUTH", "redis://user:password@host")
    fails(pawl("ping", url=url_as(server, ":wrong")), 8, "WRONGPASS", "password is wrong")
    fails(pawl("ping", url=url_as(server, "nobody:wrong")), 8, "WRONGPASS")
    done = pawl("ping", url=url_as(server, ":wrong"))
    assert "wrong (" not in done.stderr and ":wrong@" not in done.stderr, "the password is shown"
    for login in (":right", "default:right"):
        assert pawl("ping", url=url_as(server, login)).returncode == 0


def test_the_least_rights_suffice_and_each_one_missing_is_told(own_server):
    server = own_server("redis")
    with server.client() as client:
        client.execute_command("ACL", "SETUSER", "pawl", "on", ">s", *LEAST_RIGHTS)
    url = url_as(server, "pawl:s")
    created(server, "orders", url)
    assert next_ids("orders", 3, url) == [1, 2, 3]
    assert pawl("list", url=url).stdout.split() == ["orders"]
    done = pawl("store", "check", url)
    assert done.returncode == 0, done.stdout + done.stderr
    fails(pawl("next", "orders", url=url.replace("prefix=pawl:", "prefix=other:")), 8, "NOPERM")
    for number, right in enumerate(["hincrby", "hset", "zadd", "evalsha", "info"]):
        user = f"less{number}"
        with server.client() as client:
            client.execute_command("ACL", "SETUSER", user, "on", ">s", *LEAST_RIGHTS, f"-{right}")
        less = url_as(server, f"{user}:s")
        done = pawl("create", f"seq{number}", url=less) if right == "zadd" else \
            pawl("next", "orders", url=less)
        fails(done, 8)
    assert next_ids("orders", 1, url) == [4], "what was refused took no id"


def test_keys_of_others_are_named_and_left_alone(own_server):
    server = own_server("redis")
    created(server, "mine")
    with server.client() as client:
        client.rpush("pawl:list", "a")
        client.hset("pawl:hash", "colour", "red")
        fails(pawl("--timeout", "1", "create", "list", url=server.url), 8, '"pawl:list"',
              "is no hash")
        fails(pawl("--timeout", "1", "next", "hash", url=server.url), 8, "hash", "no format")
        fails(pawl("--timeout", "1", "create", "hash", url=server.url), 8, "hash", "no format")
        assert client.lrange("pawl:list", 0, -1) == ["a"]
        assert client.hgetall("pawl:hash") == {"colour": "red"}
        client.set("other:", "x")
        other = server.url.replace("pawl:", "other:")
        fails(pawl("--timeout", "1", "create", "a", url=other), 8, '"other:"', "no sorted set")
        client.hset("pawl:mine", "next", "0500")
        fails(pawl("--timeout", "1", "next", "mine", url=server.url), 8, "cannot count on")
        client.hset("pawl:mine", mapping={"next": "500", "format": "2"})
        fails(pawl("--timeout", "1", "next", "mine", url=server.url), 8, "newer pawl")
        client.hset("pawl:mine", "format", "1")
        client.expire("pawl:mine", 1000)
        fails(pawl("--timeout", "1", "next", "mine", url=server.url), 8, "time to live", "PERSIST")
        done = pawl("store", "check", server.url)
        assert done.returncode == 9 and "times to live: 1 sequences" in done.stdout, done.stdout
        client.persist("pawl:mine")
        assert next_ids("mine", 1, server.url) == [500]
        client.delete("pawl:mine")
        done = pawl("store", "check", server.url)
        assert done.returncode == 9 and "lost records: 1 sequences" in done.stdout, done.stdout
        fails(pawl("next", "mine", url=server.url), 3)


def test_a_store_of_a_newer_pawl_is_refused(own_server, tmp_path):
    server = own_server("redis")
    created(server, "orders")
    with server.client() as client:
        client.hset("pawl:\tstore", "format", "2")
        for words in (["ping"], ["store", "init", server.url], ["store", "check", server.url],
                      ["next", "orders"], ["create", "other"], ["list"]):
            done = pawl(*words, url=None if words[0] == "store" else server.url)
            fails(done, 8, "has format 2", "of a newer pawl")
        fleet = Fleet(tmp_path)
        pawld = fleet.start(store=server.url, ready=False)
        assert pawld.process.wait(20) == 1 and "of a newer pawl" in pawld.log()
        assert client.hget("pawl:\tstore", "format") == "2"
        client.hset("pawl:\tstore", "format", "1")
    assert next_ids("orders", 1, server.url) == [1]


def test_prefixes_that_overlap_never_share_a_record(own_server):
    server = own_server("redis")
    one, other = (f"redis://127.0.0.1:{server.ports[0]}/0?prefix={prefix}"
                  for prefix in ("ids:", "ids:eu:"))
    assert pawl("create", "orders", url=other).returncode == 0
    assert pawl("next", "orders", url=other).stdout == "1\n"
    for words in (["next", "eu:orders"], ["create", "eu:orders"], ["drop", "eu:orders"],
                  ["show", "eu:orders"]):
        done = pawl(*words, "--timeout", 2, url=one)
        assert done.returncode not in (0, 3) and "overlaps" in done.stderr, done
    assert pawl("next", "orders", url=other).stdout == "2\n"
    assert pawl("create", "eu:users", url=one).returncode == 0
    assert "overlaps" in pawl("create", "users", "--timeout", 2, url=other).stderr
    with server.client() as client:  # as an older pawl left it
        client.hdel("ids:eu:orders", "name")
    assert pawl("next", "orders", url=other).stdout == "3\n"
    assert "overlaps" in pawl("next", "eu:orders", "--timeout", 2, url=one).stderr


def test_a_branch_that_others_drew_costs_no_ids(own_server, asking):
    server = own_server("redis")
    asker = asking(server)
    asker.must("create", "orders")
    last = asker.must("take", "orders", count=10)
    with server.client() as client:  # of a failover that its connection outlived
        client.hset("pawl:\tstore", "branch", "2-00000000000000ff")
    answer = asker.must("take", "orders", count=10)
    assert answer["first"] > last["first"] + 10000 and answer["line"] == last["line"]
    assert answer["burned"] == 0, answer


def test_another_database_is_another_store(own_server):
    server = own_server("redis")
    created(server, "orders")
    third = server.url.replace("/0?", "/3?")
    fails(pawl("next", "orders", url=third), 3)
    created(server, "orders", third)
    with server.client() as client:
        assert client.execute_command("INFO", "keyspace").keys() == {"db0", "db3"}
    fails(pawl("ping", url=server.url.replace("/0?", "/99?")), 8, "DB index is out of range")


def taken(pawld, count):
    """Ids one by one through a server without a stock: each costs an operation of the store."""
    with pawld.redis(decode_responses=True) as client:
        return [client.incr("orders") for _ in range(count)]


def test_scripts_that_are_flushed_are_sent_again(own_server, fleet):
    server = own_server("redis")
    pawld = fleet.start(store=server.url)
    with pawld.redis() as client:
        client.execute_command("SEQ.CREATE", "orders", "ORDER", "GLOBAL")
    with server.client() as client:
        ids = []
        for _ in range(5):
            client.script_flush()
            ids += taken(pawld, 3)
    assert ids == list(range(1, 16))


class Taker(threading.Thread):
    """INCR through a pawld until it is told to stop: what it got, and what it was told instead."""

    def __init__(self, pawld):
        super().__init__(daemon=True)
        self.pawld, self.ids, self.errors, self.over = pawld, [], [], False
        self.start()

    def run(self):
        with self.pawld.redis() as client:
            while not self.over:
                try:
                    self.ids.append(client.incr("orders"))
                except redis.exceptions.ResponseError as error:
                    self.errors.append(str(error))
                    time.sleep(0.05)

    def end(self):
        self.over = True
        self.join(40)
        assert not self.is_alive()
        return self.ids


def more_ids(takers, count=100):
    enough = sum(len(taker.ids) for taker in takers) + count
    wait_until(lambda: sum(len(taker.ids) for taker in takers) > enough, "ids are given", 40)


def test_kill_and_restart_cost_gaps_only(own_server, fleet):
    server = own_server("redis")
    pawlds = [fleet.start(store=server.url) for _ in range(2)]
    with pawlds[0].redis() as client:
        client.execute_command("SEQ.CREATE", "orders", "ORDER", "GLOBAL")
    takers = [Taker(pawlds[i % 2]) for i in range(6)]
    for _ in range(4):
        more_ids(takers)
        server.restart()
    more_ids(takers)
    histories = {f"taker{i}": taker.end() for i, taker in enumerate(takers)}
    assert history.check(histories) > 500
    assert "store restarted" in pawlds[0].log()


@pytest.mark.parametrize("how", ["flushed", "started again without its data"])
def test_an_emptied_server_is_another_store_at_once(own_server, fleet, how, tmp_path):
    server = own_server("redis")
    one = fleet.start(store=server.url, options=["--data", str(tmp_path / "data")])
    assert pawl("create", "orders", url=one.url).returncode == 0
    assert pawl("next", "orders", "-n", 30, url=one.url).returncode == 0
    if how == "flushed":
        with server.client() as client:
            client.flushall()
    else:
        server.kill()
        for folder in server.folder.glob("appendonly*"):
            shutil.rmtree(folder)
        server.start()
    done = pawl("create", "orders", "--timeout", 3, url=one.url)
    assert done.returncode == 5 and "another store" in done.stderr, done.stderr
    done = pawl("create", "orders", "--timeout", 3, url=one.url)
    assert "--accept-store" in done.stderr
    with server.client() as client:
        assert client.keys("pawl:orders") == [], "it was made in the wrong store"
    log = one.log()
    assert "another store answers" in log and "store is not used" in log
    assert "nothing: AOF" not in log
    if how != "flushed":
        assert "it lacks what was seen of it before" in log


def test_a_lost_record_is_told_with_what_was_seen_of_it(own_server, fleet, tmp_path):
    server = own_server("redis")
    port = free_port()
    one = fleet.start(store=server.url, options=[
        "--data", str(tmp_path / "data"), "--listen", f"postgres://127.0.0.1:{port}",
        "--refill-interval", "100ms"])
    assert pawl("create", "orders", url=one.url).returncode == 0
    assert pawl("next", "orders", "-n", 30, url=one.url).returncode == 0
    with server.client() as client:
        client.delete("pawl:orders")
        client.zrem("pawl:", "orders")
    words = ("the store has lost it", "pawl restore", "--start")

    def said():
        return pawl("next", "orders", url=one.url).stderr

    wait_until(lambda: words[0] in said(), "what was held is used up")
    seen = re.search(r"seen ids of it up to (\d+)", said())
    assert seen and int(seen[1]) >= 30
    fails(pawl("next", "orders", url=one.url), 3, *words)
    with psycopg.connect(host="127.0.0.1", port=port, user="any", dbname="any",
                         autocommit=True) as sql:
        with pytest.raises(psycopg.errors.UndefinedTable) as caught:
            sql.execute("SELECT nextval('orders')")
    assert words[0] in caught.value.diag.message_hint
    assert "pawl restore" in caught.value.diag.message_hint
    assert "store has lost a sequence" in one.log()
    assert pawl("create", "orders", url=one.url).returncode == 0
    assert int(pawl("next", "orders", url=one.url).stdout) > int(seen[1])


def test_without_its_replica_nothing_is_given(own_server, fleet):
    server = own_server("redis_replica")
    created(server, "orders")
    pawld = fleet.start(store=server.url)
    with pawld.redis() as client:
        client.execute_command("SEQ.ALTER", "orders", "ORDER", "GLOBAL")
    taker = Taker(pawld)
    wait_until(lambda: len(taker.ids) > 20, "ids are given")
    server.replica.pause()
    wait_until(lambda: taker.errors, "what the replica has not is not given")
    server.replica.kill()
    until = time.monotonic() + 1
    wait_until(lambda: time.monotonic() > until, "a second passes")
    given, burned = len(taker.ids), pawl_json("show", "orders", url=server.url.replace(
        "&replicas=1", ""))["next"]
    done = pawl("next", "orders", url=server.url)
    fails(done, 5, "0 of the 1 replicas")
    done = pawl("store", "check", server.url)
    fails(done, 5, "0 of the 1 replicas")
    assert "warn    replicas: 0 in line" in done.stdout and "can keep" not in done.stdout
    fails(pawl("store", "check", server.url + "&durability=none"), 9, "0 of the 1 replicas")
    server.replica.start()
    wait_until(lambda: len(taker.ids) > given + 20, "it goes on when the replica is back", 40)
    ids = taker.end()
    assert len(set(ids)) == len(ids) and ids == sorted(ids)
    assert burned > given, "what was not acknowledged is burned"


def test_a_replica_is_no_store(own_server):
    server = own_server("redis_replica")
    created(server, "orders")
    url = server.replica.url_for(server.replica.ports)
    fails(pawl("next", "orders", url=url), 5, "it is a replica", "name the master")


def test_a_cluster_is_no_store(own_server):
    server = own_server("redis", ["--cluster-enabled", "yes", "--cluster-port", free_port()])
    fails(pawl("ping", url=server.url), 8, "Redis Cluster")


def test_a_full_server_refuses_and_takes_up_again(own_server):
    server = own_server("redis")
    created(server, "orders")
    with server.client() as client:
        client.config_set("maxmemory", "1mb")
        fails(pawl("--timeout", "1", "next", "orders", url=server.url), 5, "OOM", "raise maxmemory")
        fails(pawl("--timeout", "1", "create", "other", url=server.url), 5, "OOM")
        client.config_set("maxmemory", "0")
    assert next_ids("orders", 1, server.url) == [1]
    fails(pawl("next", "other", url=server.url), 3)


def test_a_busy_server_is_said_to_be_busy(own_server):
    server = own_server("redis", ["--busy-reply-threshold", "50"])
    created(server, "orders")

    def run():
        with server.client() as client:
            with pytest.raises(redis.exceptions.RedisError):
                client.eval("while true do end", 0)

    other = threading.Thread(target=run)
    other.start()
    try:
        with server.client() as client:
            def busy():
                try:
                    return not client.ping()
                except redis.exceptions.RedisError:
                    return True

            wait_until(busy, "the script runs too long")
            done = pawl("--timeout", "1", "next", "orders", url=server.url)
            assert done.returncode != 0 and "BUSY" in done.stderr, done.stderr
            client.script_kill()
    finally:
        other.join(20)
    assert next_ids("orders", 1, server.url) == [1]


@pytest.fixture(scope="module", name="papers")
def papers_made(tmp_path_factory):
    """A CA, a certificate for localhost and 127.0.0.1, one that has expired, and a client's."""
    folder = tmp_path_factory.mktemp("papers")

    def openssl(*words):
        subprocess.run(["openssl", *map(str, words)], cwd=folder, check=True, timeout=60,
                       stdout=subprocess.PIPE, stderr=subprocess.STDOUT)

    key = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes")
    openssl("req", "-x509", *key, "-keyout", "ca.key", "-out", "ca.pem", "-days", 3, "-subj",
            "/CN=test authority")
    (folder / "names").write_text("subjectAltName=DNS:localhost,IP:127.0.0.1\n", encoding="ascii")
    for name, days in (("server", 3), ("expired", -1), ("client", 3)):
        openssl("req", *key, "-keyout", f"{name}.key", "-out", f"{name}.csr", "-subj",
                f"/CN={name}")
        openssl("x509", "-req", "-in", f"{name}.csr", "-CA", "ca.pem", "-CAkey", "ca.key",
                "-CAcreateserial", "-days", days, "-extfile", "names", "-out", f"{name}.pem")
    return folder


class RedisTls(servers.Redis):
    """Redis on a port that speaks TLS only."""

    def __init__(self, papers, cert, auth):
        super().__init__()
        self.papers = papers
        self.settings = ["--tls-port", self.ports[0], "--tls-cert-file", papers / f"{cert}.pem",
                         "--tls-key-file", papers / f"{cert}.key", "--tls-ca-cert-file",
                         papers / "ca.pem", "--tls-auth-clients", auth, "--bind", "127.0.0.1",
                         "127.0.0.2"]

    def launch(self):
        port, self.ports = self.ports, [0]
        try:
            return super().launch()
        finally:
            self.ports = port

    def client(self):
        return redis.Redis(port=self.ports[0], socket_timeout=5, ssl=True, ssl_cert_reqs="none",
                           ssl_certfile=str(self.papers / "client.pem"),
                           ssl_keyfile=str(self.papers / "client.key"))

    def url_for(self, ports):
        return super().url_for(ports).replace("redis:", "rediss:")


@pytest.fixture(name="tls_server")
def tls_server_made(papers):
    """tls_server(certificate, whether clients must have one) starts one."""
    running = []

    def start(cert="server", auth="no"):
        running.append(RedisTls(papers, cert, auth))
        return running[-1].start()

    yield start
    for server in running:
        server.end()


def test_tls_is_verified_by_name_and_by_authority(tls_server, papers):
    server = tls_server()
    ca = f"&ca={papers / 'ca.pem'}"
    created(server, "orders", server.url + ca)
    assert next_ids("orders", 3, server.url + ca) == [1, 2, 3]
    localhost = server.url.replace("127.0.0.1", "localhost")
    assert next_ids("orders", 1, localhost + ca) == [4]
    conforms(server.url + ca)
    fails(pawl("ping", url=server.url), 5, "TLS", "certificate")
    fails(pawl("ping", url=server.url.replace("127.0.0.1", "127.0.0.2") + ca), 5,
          "IP address mismatch")
    assert pawl("ping", url=server.url + "&verify=no").returncode == 0
    fails(pawl("ping", url=server.url + "&ca=/nowhere.pem"), 2, "/nowhere.pem")
    fails(pawl("ping", url=server.url + "&verify=perhaps"), 2, "verify")
    fails(pawl("ping", url=server.url.replace("rediss:", "redis:")), 5)


def test_tls_to_a_port_without_it_is_told(own_server):
    server = own_server("redis")
    done = pawl("ping", url=server.url.replace("redis:", "rediss:") + "&verify=no")
    assert done.returncode == 5, done.stderr


def test_an_expired_certificate_is_refused(tls_server, papers):
    server = tls_server("expired")
    fails(pawl("ping", url=f"{server.url}&ca={papers / 'ca.pem'}"), 5, "certificate has expired")


def test_a_client_can_show_its_own_certificate(tls_server, papers):
    server = tls_server(auth="yes")
    url = f"{server.url}&ca={papers / 'ca.pem'}"
    fails(pawl("ping", url=url), 5)
    ours = f"&cert={papers / 'client.pem'}&key={papers / 'client.key'}"
    done = pawl("ping", url=url + ours)
    assert done.returncode == 0, done.stderr
    fails(pawl("ping", url=f"{url}&cert={papers / 'client.pem'}&key={papers / 'server.key'}"), 2,
          "mismatch")


@pytest.mark.parametrize("url, word", [
    ("redis://h?prefx=a", "prefx"), ("redis://a,b", "second host"), ("redis://h/x", '"x"'),
    ("redis://h?durability=rdb", "durability"), ("redis://u@h", "password"),
    ("redis://h?ca=/x", '"ca"'), ("redis://h:99999", "99999"), ("redis://", "host"),
])
def test_a_wrong_url_names_its_part(url, word):
    fails(pawl("ping", url=url), 2, word)


def test_check_says_each_item_as_json(own_server):
    server = own_server("redis_replica")
    done = subprocess.run([program("pawl"), "--json", "store", "check", server.url],
                          stdout=subprocess.PIPE, text=True, timeout=30, check=False)
    assert done.returncode == 0, done.stdout
    text = json.dumps(json.loads(done.stdout)) if done.stdout.startswith("[") else done.stdout
    for item in ("appendonly", "appendfsync", "eviction", "replicas", "min-replicas-to-write",
                 "role", "cluster", "times to live", "privileges", "version"):
        assert item in text, f"{item} is not in {text}"

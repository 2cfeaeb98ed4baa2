# SPDX-License-Identifier: Apache-2.0
"""pawl's commands on each store: what init tries, how each refusal ends, what a dry run leaves."""
import http.server
import json
import re
import threading

import pytest
from live import free_port, next_ids, pawl, pawl_json
from servers import http as http_answer
from test_redis import url_as

USAGE, AWAY, REFUSED = 2, 5, 8


@pytest.fixture(autouse=True)
def keys(monkeypatch):
    """For DynamoDB, whose credentials are in the environment."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "pawlTestKey")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "pawlTestSecret")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")


def ends(done, code, *texts):
    said = done.stdout + done.stderr
    assert done.returncode == code, f"{done.returncode}: {said}"
    for text in texts:
        assert text in said, said


class Forbids:
    """An endpoint that lets no action of `denied` through to a DynamoDB."""

    def __init__(self, server, denied):
        target = f"http://127.0.0.1:{server.ports[0]}/"
        self.told = told = {}  # of the table, whatever the server says

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                action = self.headers["X-Amz-Target"].partition(".")[2]
                if action in denied:
                    text = json.dumps({
                        "__type": "com.amazon.coral.service#AccessDeniedException",
                        "message": f"User: x is not authorized to perform: dynamodb:{action}"})
                    code = 400
                else:
                    text = http_answer(target, body, 10, [
                        one for one in self.headers.items() if one[0].lower() != "host"])
                    code = 400 if '"__type"' in text else 200
                    if action == "DescribeTable" and code == 200:
                        text = json.dumps({"Table": json.loads(text)["Table"] | told})
                self.send_response(code)
                self.send_header("Content-Type", "application/x-amz-json-1.0")
                self.send_header("Content-Length", str(len(text.encode())))
                self.end_headers()
                self.wfile.write(text.encode())

            def log_message(self, *words):
                pass

        self.http = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port = self.http.server_address[1]
        self.thread = threading.Thread(target=self.http.serve_forever, daemon=True)
        self.thread.start()

    def url(self, table):
        return f"dynamodb://{table}?region=eu-west-1&endpoint=http://127.0.0.1:{self.port}"

    def end(self):
        self.http.shutdown()
        self.http.server_close()


@pytest.fixture
def forbids():
    running = []

    def begin(server, *denied):
        running.append(Forbids(server, denied))
        return running[-1]

    yield begin
    for one in running:
        one.end()


REDIS_RIGHTS = ["eval", "evalsha", "type", "pttl", "hmget", "hset", "hincrby", "zadd", "zrange",
                "zrangebylex", "ping", "info", "config|get", "client|setname", "select", "wait",
                "acl|dryrun"]


def redis_user(server, name, without=(), keys="~pawl:*"):
    with server.client() as client:
        client.execute_command("ACL", "SETUSER", name, "reset", "on", ">pw", keys, "-@all",
                               *(f"+{one}" for one in REDIS_RIGHTS if one not in without))
    return url_as(server, f"{name}:pw")


@pytest.mark.parametrize("right", ["hset", "hincrby", "zadd", "hmget", "type", "pttl", "zrange",
                                   "zrangebylex"])
def test_init_and_check_try_each_command_of_redis(redis, right):
    ends(pawl("store", "init", redis.url), 0)
    url = redis_user(redis, f"no-{right}", [right])
    for words in (["init"], ["check"]):
        ends(pawl("store", *words, url), REFUSED, "docs/stores.md")
        if right not in ("hmget", "type"):  # without those it does not come so far
            ends(pawl("store", *words, url), REFUSED, right.upper())
    ends(pawl("store", "check", redis_user(redis, "whole")), 0, "rights: the user may read")


def test_check_ends_as_the_first_request_to_redis_does(own_server):
    """What pawld needs to start, and what is refused to all."""
    server = own_server("redis")
    ends(pawl("create", "orders", url=server.url), 0)
    for lacks, says in (("config|get", "+config|get"), ("ping", "PING")):
        url = redis_user(server, f"no-{lacks[:4]}", [lacks])
        for words in (["store", "init", url], ["store", "check", url]):
            done = pawl(*words)
            ends(done, REFUSED, says)
            assert "unique" not in done.stdout, done.stdout
        ends(pawl("next", "orders", url=url), REFUSED)
    ends(pawl("store", "check", redis_user(server, "no-conf", ["config|get"]) +
              "&durability=none"), 9)
    with server.client() as client:
        client.config_set("maxmemory-policy", "noeviction")
        client.config_set("maxmemory", 1)
        done = pawl("store", "check", server.url, "--timeout", 1)
        ends(done, AWAY, "warn    rights: ", "OOM", "raise maxmemory")
        assert "unique" not in done.stdout, done.stdout
        ends(pawl("next", "orders", "--timeout", 1, url=server.url), AWAY)
        client.config_set("maxmemory", 0)
    ends(pawl("store", "check", server.url), 0, "can keep ids unique")


def test_check_counts_what_cannot_be_read_in_redis(own_server):
    server = own_server("redis")
    for name in ("good", "alien", "text", "newer", "hurt"):
        ends(pawl("create", name, url=server.url), 0)
    ends(pawl("store", "check", server.url), 0, "records: all of 5 are pawl's")
    with server.client() as client:
        client.delete("pawl:alien", "pawl:text")
        client.hset("pawl:alien", "user", "5")
        client.set("pawl:text", "5")
        client.hset("pawl:newer", "format", "2")
        client.hset("pawl:hurt", "next", "seven")
    ends(pawl("store", "check", server.url), 0, "warn    records: 4 of 5 cannot be read")
    listed = pawl("list", url=server.url)
    ends(listed, REFUSED, "move it away")
    assert listed.stdout.split() == ["good"], listed
    ends(pawl("next", "alien", url=server.url), REFUSED, "by the store's own tool")
    ends(pawl("next", "text", url=server.url), REFUSED, "RENAME")
    newer = pawl("next", "newer", url=server.url)
    ends(newer, REFUSED, "use the newer pawl")
    assert "move it away" not in newer.stderr, "a sequence's record"


def test_another_programs_key_in_the_place_of_the_stores_own_is_left_alone(own_server):
    server = own_server("redis")
    with server.client() as client:
        client.hset("pawl:\tstore", mapping={"position": "9", "user": "5"})
        before = client.hgetall("pawl:\tstore")
        for words in (["--url", server.url, "create", "orders"], ["store", "init", server.url],
                      ["store", "check", server.url]):
            ends(pawl(*words), REFUSED, "is not pawl's", "choose another prefix")
        assert client.hgetall("pawl:\tstore") == before and client.exists("pawl:orders") == 0
        client.delete("pawl:\tstore")
        client.set("pawl:\tstore", "5")
        ends(pawl("create", "orders", url=server.url), REFUSED, "another program uses that key")
        assert client.get("pawl:\tstore") == "5"
        client.delete("pawl:\tstore")
    ends(pawl("create", "orders", url=server.url), 0)
    etcd = own_server("etcd")
    etcd.etcdctl("put", "pawl/", "junk")
    for words in (["--url", etcd.url, "create", "orders"], ["store", "init", etcd.url],
                  ["store", "check", etcd.url]):
        ends(pawl(*words), REFUSED, "the key pawl/ ", "choose another prefix")
    assert etcd.etcdctl("get", "pawl/", "--print-value-only").strip() == "junk"
    etcd.etcdctl("del", "pawl/")
    ends(pawl("create", "orders", url=etcd.url), 0)


def test_check_counts_what_cannot_be_read_in_dynamodb(dynalite):
    url = (f"dynamodb://counted?region=eu-west-1&endpoint="
           f"http://127.0.0.1:{dynalite.ports[0]}")
    ends(pawl("store", "init", url), 0)
    ends(pawl("create", "good", url=url), 0)
    ends(pawl("store", "check", url), 0, "records: 1, all can be read")
    dynalite.call("PutItem", TableName="counted", Item={"k": {"S": "alien"}, "p": {"N": "5"}})
    ends(pawl("store", "check", url), 0, "warn    records: 1 of 2 cannot be read", "move it away")
    ends(pawl("list", url=url), REFUSED, "alien", "by the store's own tool")


def test_init_tries_to_write_to_redis_and_leaves_no_trace(own_server):
    server = own_server("redis")
    ends(pawl("store", "init", redis_user(server, "no-eval", ["eval"])), REFUSED, "eval")
    ends(pawl("store", "init", redis_user(server, "elsewhere", keys="~other:*")), REFUSED, "key")
    with server.client() as client:
        assert client.keys() == []
        ends(pawl("store", "init", redis_user(server, "whole")), 0, "ready for sequences")
        assert client.keys() == ["pawl:\tstore"]
        before = client.hgetall("pawl:\tstore")
        for word in ("init", "check"):
            ends(pawl("store", word, redis_user(server, "whole")), 0)
            assert client.hgetall("pawl:\tstore") == before
            assert client.keys() == ["pawl:\tstore"]
    ends(pawl("create", "orders", url=redis_user(server, "whole")), 0)


def test_init_and_check_try_to_write_to_etcd(own_server):
    server = own_server("etcd")
    rights = {"none": [], "reads": ["read", "--prefix=true", "pawl/"],
              "writes": ["write", "--prefix=true", "pawl/"], "one": ["readwrite", "pawl/"],
              "whole": ["readwrite", "--prefix=true", "pawl/"]}
    server.etcdctl("user", "add", "root:top")
    server.etcdctl("user", "grant-role", "root", "root")
    for name, words in rights.items():
        server.etcdctl("role", "add", name)
        if words:
            server.etcdctl("role", "grant-permission", name, *words)
        server.etcdctl("user", "add", f"{name}:pw")
        server.etcdctl("user", "grant-role", name, name)
    server.etcdctl("auth", "enable")
    said = {"none": "may not read keys below pawl/", "reads": "may not write keys below pawl/",
            "writes": "may not read keys below pawl/", "one": "may not read keys below pawl/"}
    for name, text in said.items():
        url = server.url.replace("://", f"://{name}:pw@")
        ends(pawl("store", "init", url), REFUSED, text, "grant-permission")
        ends(pawl("store", "check", url), REFUSED, "grant-permission")
    url = server.url.replace("://", "://reads:pw@")
    done = pawl("store", "check", url)
    ends(done, REFUSED, "may not write keys below pawl/")
    assert "warn    rights: the user may not write" in done.stdout, done.stdout
    url = server.url.replace("://", "://whole:pw@")
    before = server.etcdctl("--user", "root:top", "get", "", "--prefix")
    ends(pawl("store", "check", url), 0, "rights: the user may read and write below the prefix")
    assert server.etcdctl("--user", "root:top", "get", "", "--prefix") == before
    ends(pawl("store", "init", url), 0, "ready for sequences")
    ends(pawl("create", "orders", url=url), 0)
    assert pawl("list", url=url).stdout == "orders\n"


def test_init_and_check_say_what_postgres_does_not_allow(own_server):
    server = own_server("postgres")
    server.sql("REVOKE CREATE ON SCHEMA public FROM PUBLIC")
    server.sql("CREATE ROLE weak LOGIN")
    weak = server.url.replace("://postgres@", "://weak@")
    ends(pawl("store", "init", weak), REFUSED, "CREATE on the schema")
    ends(pawl("store", "init", server.url), 0, "ready for sequences")
    ends(pawl("store", "init", weak), REFUSED, "SELECT, INSERT, UPDATE")
    for rights, lacking in (("SELECT", "INSERT"), ("SELECT, INSERT", "UPDATE"),
                            ("INSERT, UPDATE", "SELECT")):
        server.sql("REVOKE ALL ON pawl_sequences FROM weak")
        server.sql(f"GRANT {rights} ON pawl_sequences TO weak")
        for word in ("init", "check"):
            ends(pawl("store", word, weak), REFUSED, f"lacks {lacking}")
    server.sql("GRANT SELECT, INSERT, UPDATE ON pawl_sequences TO weak")
    ends(pawl("store", "init", weak), 0, "ready for sequences")
    ends(pawl("create", "orders", url=weak), 0)


@pytest.mark.parametrize("action", ["GetItem", "Scan", "UpdateItem"])
def test_init_and_check_say_what_dynamodb_does_not_allow(dynalite, forbids, action):
    url = forbids(dynalite, action).url(f"init{action}")
    for _ in range(2):  # made just now, and there before
        ends(pawl("store", "init", url), REFUSED, "is there", f"lacks dynamodb:{action}")
    table = dynalite.call("Scan", TableName=f"init{action}")
    assert table["Items"] == []
    done = pawl("store", "check", url)
    ends(done, REFUSED, "is there", f"lacks dynamodb:{action}")
    assert f"warn    rights: table init{action} is there, but" in done.stdout, done.stdout
    ends(pawl("store", "init", forbids(dynalite).url(f"init{action}")), 0)
    ends(pawl("store", "check", forbids(dynalite).url(f"init{action}")), 0, "ok      rights: ")
    assert dynalite.call("Scan", TableName=f"init{action}")["Items"] == []


def test_check_says_once_that_dynamodb_has_replicas(dynalite, forbids):
    whole = forbids(dynalite)
    ends(pawl("store", "init", whole.url("replicated")), 0)
    whole.told["Replicas"] = [{"RegionName": "ap-south-1"}]
    done = pawl("store", "check", whole.url("replicated"))
    ends(done, 9, "BREAKS  replicas: in 2 regions")
    assert done.stdout.count("BREAKS  ") == 1, done.stdout


def test_check_waits_for_a_table_that_is_being_made(dynalite, forbids):
    whole = forbids(dynalite)
    ends(pawl("store", "init", whole.url("later")), 0)
    whole.told["TableStatus"] = "CREATING"
    done = pawl("store", "check", whole.url("later"), "--timeout", 1)
    ends(done, AWAY, "is CREATING, not ACTIVE yet")
    assert done.stdout == "", "nothing breaks"
    threading.Timer(1, whole.told.clear).start()
    ends(pawl("store", "check", whole.url("later"), "--timeout", 10), 0, "table: ACTIVE")


def test_check_leaves_a_table_with_another_key_alone(dynalite, forbids):
    whole = forbids(dynalite, "UpdateItem", "GetItem", "Scan")
    dynalite.call("CreateTable", TableName="theirs", BillingMode="PAY_PER_REQUEST",
                  KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
                  AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}])
    done = pawl("store", "check", whole.url("theirs"), "--timeout", 5)
    ends(done, REFUSED, "warn    table: ", "has the key id (S) HASH")
    assert "rights" not in done.stdout and "twice" not in done.stdout, done.stdout
    ends(pawl("next", "orders", url=whole.url("theirs")), REFUSED, "has the key id (S) HASH")


def test_init_says_when_dynamodb_lets_no_table_be_made(dynalite, forbids):
    ends(pawl("store", "init", forbids(dynalite, "CreateTable").url("never")), REFUSED,
         "dynamodb:CreateTable")


@pytest.mark.parametrize("lacks, role", [("Read", "Data Reader"), ("Upsert", "Data Writer")])
def test_init_and_check_say_what_couchbase_does_not_allow(own_server, lacks, role):
    server = own_server("couchbase_fake")
    every = ("Read", "Insert", "Upsert")
    server.fake.add_user("weak", "pw", privileges=[one for one in every if one != lacks])
    weak = re.sub("://[^@]*@", "://weak:pw@", server.url)
    ends(pawl("store", "init", weak), REFUSED, role)
    done = pawl("store", "check", weak)
    ends(done, REFUSED, f"give the user the role {role}")
    assert "warn    rights: may not " in done.stdout, done.stdout
    ends(pawl("store", "init", server.url), 0, "ready for sequences")


# What ends with which code, in all stores alike.

def redis_without(own_server, *settings):
    return own_server("redis", settings=list(settings)).url


def pg(own_server, *statements, path="postgres", user="postgres"):
    """A database of its own on the server that all share."""
    server = own_server.farm.get("postgres")
    for one in statements:
        server.sql(one)
    return f"postgres://{user}@127.0.0.1:{server.ports[0]}/{path}"


TABLE = [
    ("redis: AOF off", lambda own: redis_without(own, "--appendonly", "no"), REFUSED),
    ("redis: evicts", lambda own: redis_without(
        own, "--maxmemory", "100mb", "--maxmemory-policy", "allkeys-lru"), REFUSED),
    ("redis: no such database", lambda own: own("redis").url.replace("/0?", "/99?"), REFUSED),
    ("redis: a password is wrong", lambda own: url_as(own("redis"), "nobody:x"), REFUSED),
    ("redis: a replica of nobody", lambda own: redis_without(
        own, "--replicaof", f"127.0.0.1 {free_port()}"), AWAY),
    ("redis: a replica is missing", lambda own: own("redis").url + "&replicas=1", AWAY),
    ("postgres: no such database", lambda own: pg(own, path="none"), REFUSED),
    ("postgres: no such table", lambda own: pg(own, path="postgres?table=none"), REFUSED),
    ("postgres: no such schema", lambda own: pg(own, path="postgres?table=none.pawl"), REFUSED),
    ("postgres: another's table", lambda own: pg(
        own, "CREATE TABLE other (id int)", path="postgres?table=other"), REFUSED),
    ("postgres: no right", lambda own: pg(
        own, "CREATE ROLE feeble LOGIN", user="feeble", path="postgres?table=mine"), REFUSED),
    ("postgres: fsync off", lambda own: own("postgres", settings=["fsync=off"]).url, REFUSED),
    ("postgres: no such role", lambda own: pg(own, user="nobody"), REFUSED),
    ("postgres: sslmode cannot be meant", lambda own: pg(
        own, path="postgres?sslmode=perhaps"), USAGE),
    ("postgres: a number cannot be meant", lambda own: pg(
        own, path="postgres?keepalives=x"), USAGE),
    ("postgres: replication", lambda own: pg(own, path="postgres?replication=true"), USAGE),
    ("postgres: a parameter twice", lambda own: pg(
        own, path="postgres?table=x&table=y"), USAGE),
    ("dynamodb: no such table", lambda own: own("dynalite").url, REFUSED),
    ("couchbase: no such bucket", lambda own: own("couchbase_fake").url.replace(
        "/default", "/none", 1), REFUSED),
    ("lmdb: a folder that cannot be made", lambda own: "lmdb:/proc/none/ids", REFUSED),
]
ANYWHERE = [
    ("redis", "redis://127.0.0.1:{}/0"), ("etcd", "etcd://127.0.0.1:{}/pawl"),
    ("postgres", "postgres://postgres@127.0.0.1:{}/postgres"),
    ("dynamodb", "dynamodb://pawl?region=eu-west-1&endpoint=http://127.0.0.1:{}"),
    ("couchbase", "couchbase://u:p@127.0.0.1:{}/b"),
]


@pytest.mark.parametrize("what, url_of, code", TABLE, ids=[one[0] for one in TABLE])
def test_each_refusal_has_its_exit_code(own_server, farm, what, url_of, code):
    def own(kind, **how):
        return own_server(kind, **how)

    own.farm = farm
    url = url_of(own)
    done = pawl("ping", "--timeout", 2, url=url)
    ends(done, code)
    # init says the same, unless it makes what is missing; check may be able to say more.
    if "such table" not in what:
        ends(pawl("store", "init", url, "--timeout", 2), code)


@pytest.mark.parametrize("store, url", ANYWHERE, ids=[one[0] for one in ANYWHERE])
def test_who_is_away_or_cannot_be_meant_has_one_code_each(store, url):
    there = url.format(free_port())
    for words in (["ping", "--url"], ["store", "check"], ["store", "init"]):
        ends(pawl(*words, there, "--timeout", 1), AWAY)
        wrong = there + ("&" if "?" in there else "?") + "perfix=x"
        ends(pawl(*words, wrong), USAGE, "perfix")
    ends(pawl("store", "check", url.format("x")), USAGE)


def test_check_says_that_durability_none_gives_up_the_promise(redis, postgres):
    for server in (redis, postgres):
        assert pawl("store", "init", server.url).returncode == 0
        ends(pawl("store", "check", server.url), 0)
        done = pawl("--json", "store", "check", server.url + "&durability=none")
        assert done.returncode == 9
        items = {one["what"]: one for one in json.loads(done.stdout)["items"]}
        assert items["durability"]["verdict"] == "breaks"
        assert "gives up the promise" in items["durability"]["advice"]


def test_a_dry_run_changes_nothing(own_server, tmp_path):
    source = f"lmdb:{tmp_path}/from"
    assert pawl("create", "orders", url=source).returncode == 0
    assert next_ids("orders", 3, source) == [1, 2, 3]
    assert pawl("backup", source, tmp_path / "file").returncode == 0
    redis_server, etcd = own_server("redis"), own_server("etcd")
    for target in (f"lmdb:{tmp_path}/new", f"lmdb:{tmp_path}/new?guard={tmp_path}/guard",
                   redis_server.url, etcd.url):
        done = pawl_json("store", "copy", source, target, "--dry-run")
        assert (done["moved"], done["dry_run"]) == (1, True)
        done = pawl_json("restore", tmp_path / "file", target, "--skip", 10, "--dry-run")
        assert (done["restored"], done["sequences"][0]["next"]) == (1, 14)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "from"]
    with redis_server.client() as client:
        assert client.keys() == []
    assert etcd.etcdctl("get", "", "--prefix", "--keys-only") == ""
    for words in (["restore", tmp_path / "file", f"lmdb:{tmp_path}/no/parent", "--skip", 1],
                  ["store", "copy", source, f"lmdb:{tmp_path}/no/parent"]):
        ends(pawl(*words, "--dry-run"), 8, "cannot make the folder")
    away = f"redis://127.0.0.1:{free_port()}/0"
    assert pawl("store", "copy", away, f"lmdb:{tmp_path}/new", "--timeout", 1).returncode == 5
    assert not (tmp_path / "new").exists()
    # What it foretold comes true.
    assert pawl_json("restore", tmp_path / "file", f"lmdb:{tmp_path}/new", "--skip", 10)[
        "sequences"][0]["next"] == 14



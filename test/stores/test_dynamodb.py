# SPDX-License-Identifier: Apache-2.0
"""dynamodb:// on two emulators: tables, items that are not ours, credentials, restarts."""
import threading
import time

import pytest
from asker import Asker
from live import next_ids, pawl

KEY = [{"AttributeName": "k", "KeyType": "HASH"}]


@pytest.fixture(params=["dynalite", "dynamodb_local"])
def server(request, monkeypatch):
    running = request.getfixturevalue(request.param)
    for name, value in running.env.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.delenv("AWS_SESSION_TOKEN", raising=False)
    return running


class Table:
    """A table of the test's own, not yet made."""

    def __init__(self, server, name):
        self.server = server
        self.name = name
        self.url = server.url.replace("dynamodb://pawl?", f"dynamodb://{name}?")

    def init(self):
        done = pawl("store", "init", self.url)
        assert done.returncode == 0, done.stderr
        return self

    def create(self, *words):
        done = pawl("create", *words, url=self.url)
        assert done.returncode == 0, done.stderr

    def call(self, operation, **words):
        return self.server.call(operation, TableName=self.name, **words)

    def item(self, name):
        return self.call("GetItem", Key={"k": {"S": name}}, ConsistentRead=True).get("Item")

    def put(self, **attributes):
        assert self.call("PutItem", Item=attributes) == {}


@pytest.fixture
def table(server, request):
    return Table(server, f"t{abs(hash(request.node.name)) % 10**12}")


def fails(done, *texts):
    """An error on one line that says all of texts."""
    assert done.returncode not in (0, None), done.stdout
    for text in texts:
        assert text in done.stderr, done.stderr
    assert "pawlTestSecret" not in done.stderr
    return done.stderr


def test_a_missing_table_is_named_and_init_makes_it_once(table):
    fails(pawl("ping", url=table.url), table.name, "pawl store init")
    fails(pawl("create", "orders", url=table.url), table.name, "pawl store init")
    fails(pawl("store", "check", table.url), table.name, "pawl store init")
    table.init()
    assert pawl("ping", url=table.url).returncode == 0
    table.create("orders")
    table.init()
    assert next_ids("orders", 2, table.url) == [1, 2]
    made = table.call("DescribeTable")["Table"]
    assert made["KeySchema"] == KEY


def test_two_that_make_a_table_at_once_both_succeed(table):
    done = []

    def init():
        done.append(pawl("store", "init", table.url))

    threads = [threading.Thread(target=init) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [one.returncode for one in done] == [0] * 4, [one.stderr for one in done]


@pytest.mark.parametrize("name, kind", [("id", "S"), ("k", "N")])
def test_a_table_with_another_key_is_refused_by_its_key(table, name, kind):
    table.call("CreateTable", BillingMode="PAY_PER_REQUEST",
               KeySchema=[{"AttributeName": name, "KeyType": "HASH"}],
               AttributeDefinitions=[{"AttributeName": name, "AttributeType": kind}])
    for words in (["ping"], ["create", "orders"], ["list"]):
        fails(pawl(*words, url=table.url), f"{name} ({kind}) HASH", "k (S) HASH")
    fails(pawl("store", "init", table.url), f"{name} ({kind}) HASH")


def test_people_can_read_the_item(table):
    table.init().create("orders", "--start", 2000000000, "--block", 500)
    assert next_ids("orders", 1, table.url) == [2000000000]
    item = table.item("orders")
    assert item["next"] == {"N": "2000000001"}  # what was not used is given back
    assert item["data_type"] == {"S": "bigint"} and item["block"] == {"N": "500"}
    assert table.item("nobody") is None


def test_what_is_not_ours_is_named_and_left_alone(table):
    table.init().create("orders")
    ours = table.item("orders")
    table.put(k={"S": "alien"}, p={"N": "5"})
    table.put(**dict(ours, k={"S": "later"}, format={"N": "2"}))
    table.put(**dict(ours, k={"S": "hurt"}, next={"S": "seven"}))
    table.put(k={"S": "\u0001x" * 700}, p={"N": "1"})
    fails(pawl("show", "alien", url=table.url), "alien", "not pawl's")
    fails(pawl("--timeout", 1, "next", "alien", url=table.url), "alien", "not pawl's")
    fails(pawl("create", "alien", url=table.url), "alien", "not pawl's")
    fails(pawl("show", "later", url=table.url), "newer pawl")
    fails(pawl("--timeout", 1, "next", "later", url=table.url), "newer pawl")
    fails(pawl("show", "hurt", url=table.url), "next")
    assert table.item("alien") == {"k": {"S": "alien"}, "p": {"N": "5"}}
    assert table.item("later")["next"] == ours["next"]
    assert pawl("list", url=table.url).stdout.split() == ["orders"]
    assert next_ids("orders", 3, table.url) == [1, 2, 3]


def test_an_item_that_vanishes_is_not_made_by_taking(table):
    table.init().create("orders")
    assert next_ids("orders", 1, table.url) == [1]
    table.call("DeleteItem", Key={"k": {"S": "orders"}})
    fails(pawl("--timeout", 1, "next", "orders", url=table.url), "orders")
    assert table.item("orders") is None


def test_a_newer_format_is_not_advanced_from_memory(table):
    """A client that knows the record asks for ids at once: the condition must hold it back."""
    table.init().create("orders")
    table.put(**dict(table.item("orders"), format={"N": "2"}))
    fails(pawl("--timeout", 1, "next", "orders", url=table.url), "newer pawl")
    assert table.item("orders")["next"] == {"N": "1"}


def test_check_says_what_could_not_be_seen(table):
    done = pawl("store", "check", table.init().url)
    assert done.returncode == 0, done.stderr + done.stdout
    lines = done.stdout.splitlines()
    for what in ("replicas", "billing", "time to live", "credentials", "clock"):
        assert any(line.startswith("ok") and what in line for line in lines), done.stdout
    told = [line for line in lines if " table: " in line]
    assert len(told) == 1 and told[0].startswith("warn" if "id not told" in told[0] else "ok")
    assert any("point-in-time recovery" in line and "could not be seen" in line
               for line in lines), done.stdout


def test_a_table_with_time_to_live_breaks_the_promise(dynamodb_local, monkeypatch):
    for name, value in dynamodb_local.env.items():
        monkeypatch.setenv(name, value)
    table = Table(dynamodb_local, "with-ttl").init()
    table.call("UpdateTimeToLive",
               TimeToLiveSpecification={"Enabled": True, "AttributeName": "written_at"})
    done = pawl("store", "check", table.url)
    assert done.returncode != 0
    assert "time to live" in done.stdout and "begins again" in done.stdout


def test_no_credentials_say_where_they_are_looked_for(table, monkeypatch, tmp_path):
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path))
    fails(pawl("ping", url=table.url), "no AWS credentials", "AWS_ACCESS_KEY_ID")
    (tmp_path / ".aws").mkdir()
    (tmp_path / ".aws/credentials").write_text("[shop]\naws_access_key_id = shopKey\n"
                                               "aws_secret_access_key = shopSecret\n")
    fails(pawl("ping", url=table.url + "&profile=nobody"), "no profile", "nobody")
    done = pawl("store", "init", table.url + "&profile=shop")
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("change, said", [
    (("?region=", "?colour=red&region="), "colour"),
    (("region=eu-west-1", "region="), "region"),
    (("region=eu-west-1", "region=Ireland"), "Ireland"),
    (("endpoint=http://", "endpoint=gopher://"), "gopher"),
    (("dynamodb://pawl", "dynamodb://p"), '"p"'),
    (("dynamodb://pawl", "dynamodb://pawl:8000"), "port"),
    (("dynamodb://pawl", "dynamodb://me:hidden@pawl"), "user"),
])
def test_a_url_that_cannot_be_meant_names_the_part(dynalite, change, said):
    error = fails(pawl("ping", url=dynalite.url.replace(*change)), said)
    assert "hidden" not in error


@pytest.mark.parametrize("kind", ["dynalite", "dynamodb_local"])
def test_ids_go_on_after_a_restart(own_server, kind, monkeypatch):
    running = own_server(kind)
    for name, value in running.env.items():
        monkeypatch.setenv(name, value)
    table = Table(running, "restarts").init()
    table.create("orders")
    first = next_ids("orders", 5, table.url)
    running.kill()
    fails(pawl("--timeout", 2, "next", "orders", url=table.url), "connect")
    running.start()
    second = next_ids("orders", 5, table.url)
    assert second[0] > first[-1]


def test_a_deaf_server_is_given_up_in_time(own_server, monkeypatch):
    running = own_server("dynamodb_local")
    for name, value in running.env.items():
        monkeypatch.setenv(name, value)
    table = Table(running, "deaf-table").init()
    table.create("orders")
    running.pause()
    try:
        done = pawl("--timeout", 2, "next", "orders", url=table.url, limit_s=15)
    finally:
        running.resume()
    assert done.returncode not in (0, None)
    assert len(next_ids("orders", 3, table.url)) == 3


def test_none_of_many_asks_waits_for_long_for_a_deaf_server(own_server, monkeypatch):
    """Those that find no connection free are given up like those that have one."""
    running = own_server("dynalite")
    for name, value in running.env.items():
        monkeypatch.setenv(name, value)
    asker = Asker(Table(running, "deaf-table").init().url)
    try:
        asker.must("create", "orders")
        running.pause()
        began = time.monotonic()
        asked = [asker.begin("read", f"seq{i}") for i in range(500)]
        ends = [asker.wait(one)["error"] for one in asked]
        assert set(ends) == {"PAWL_STORE"}
        assert time.monotonic() - began < 7
    finally:
        running.resume()
        asker.end()

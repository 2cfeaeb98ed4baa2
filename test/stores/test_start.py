# SPDX-License-Identifier: Apache-2.0
"""pawld and pawl on a store that cannot be used: what is wrong is said, and what may pass waited
for."""
import http.server
import json
import os
import socket
import subprocess
import threading

import pytest
from live import Fleet, free_port, pawl, program, wait_until


@pytest.fixture
def fleet(tmp_path):
    running = Fleet(tmp_path)
    yield running
    running.end()


@pytest.fixture
def locked(own_server):
    """A Redis that wants a password, which its URL has not."""
    server = own_server("redis")
    with server.client() as client:
        client.config_set("requirepass", "geheim")
    return server


def pawld(*words, env=None):
    return subprocess.run([program("pawld"), "--listen", f"resp://127.0.0.1:{free_port()}", *words],
                          text=True, timeout=20, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, check=False, env=dict(os.environ, **(env or {})))


def refused(url, *said, env=None):
    """pawld does not start on it, says why, and no part of a password."""
    done = pawld("--store", url, env=env)
    last = done.stderr.rstrip().splitlines()[-1]
    assert done.returncode == 1 and last.startswith("pawld: --store: "), done.stderr
    for text in said:
        assert text in last, last
    assert "ready" not in done.stderr and "sEcret" not in done.stderr, done.stderr


@pytest.mark.parametrize("check", [[], ["--check"]])
def test_wrong_credentials_and_settings_end_the_start(own_server, locked, check):
    done = pawld("--store", locked.url, *check)
    assert done.returncode == 1
    assert "pawld: --store: " in done.stderr and "NOAUTH" in done.stderr
    assert "ready" not in done.stderr
    forgetful = own_server("redis", settings=["--appendonly", "no"])
    done = pawld("--store", forgetful.url, *check)
    assert done.returncode == 1
    assert "appendonly" in done.stderr.rstrip().splitlines()[-1]


def test_a_postgres_that_can_never_be_logged_in_to_ends_the_start(own_server):
    server = own_server("postgres")
    server.sql("ALTER ROLE postgres PASSWORD 'good'")
    hba = server.data / "pg_hba.conf"
    hba.write_text("host all all 127.0.0.1/32 scram-sha-256\n", encoding="ascii")
    server.process.send(1)
    wait_until(lambda: "no password supplied" in pawl("ping", url=server.url).stderr,
               "the server asks for a password")
    refused(server.url, "no password supplied", "user:password@host")
    wrong = server.url.replace("postgres@", "postgres:sEcret@")
    refused(wrong, "28P01", "check user and password")
    good = server.url.replace("postgres@", "postgres:good@")
    refused(good + "&sslmode=require", "does not support SSL", "sslmode=disable")
    refused(good + "&options=-c%20nonsense", "refuses a setting", "options=")
    refused(good.replace("/postgres?", "/nowhere?"), "3D000", "create the database")


def test_an_etcd_and_a_couchbase_that_refuse_the_login_end_the_start(own_server):
    etcd = own_server("etcd")
    for words in (("user", "add", "root:good"), ("user", "grant-role", "root", "root"),
                  ("auth", "enable")):
        etcd.etcdctl(*words)
    refused(etcd.url, "write user:password@ into the URL")
    refused(etcd.url.replace("://", "://root:sEcret@"), "password")
    for words in (("role", "add", "reads"),
                  ("role", "grant-permission", "reads", "read", "--prefix=true", "pawl/"),
                  ("user", "add", "reader:good"), ("user", "grant-role", "reader", "reads")):
        etcd.etcdctl("--user", "root:good", *words)
    reader = etcd.url.replace("://", "://reader:good@")
    refused(reader, "the user may not write keys below pawl/", "etcdctl role grant-permission")
    done = pawl("store", "check", reader)
    assert done.returncode == 8, done.stdout
    assert "warn rights" in " ".join(done.stdout.split()), done.stdout
    couchbase = own_server("couchbase_fake")
    refused(couchbase.url.replace("password@", "sEcret@"), "the login was refused", '"user"',
            "correct user:password@ in the URL")


class Refuses(http.server.BaseHTTPRequestHandler):
    """DynamoDB's answer to an access key that it does not know."""

    protocol_version = "HTTP/1.1"

    def do_POST(self):  # noqa: N802
        self.rfile.read(int(self.headers["Content-Length"]))
        kind = "com.amazon.coral.service#UnrecognizedClientException"
        body = json.dumps({"__type": kind, "message": "The security token is invalid."}).encode()
        self.send_response(400)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):  # pylint: disable=arguments-differ
        pass


def test_a_dynamodb_that_refuses_the_key_ends_the_start():
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Refuses) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        url = (f"dynamodb://pawl?region=eu-west-1&endpoint=http://127.0.0.1:"
               f"{server.server_address[1]}")
        refused(url, "UnrecognizedClientException", "check the credentials",
                env={"AWS_ACCESS_KEY_ID": "key", "AWS_SECRET_ACCESS_KEY": "sEcret",
                     "AWS_EC2_METADATA_DISABLED": "true"})
        server.shutdown()


@pytest.mark.parametrize("kind, plain", [
    ("redis", "redis://"), ("etcd", "etcd://"), ("couchbase_fake", "couchbase://")])
def test_a_port_that_may_not_speak_tls_is_thought_of(farm, kind, plain):
    url = farm.get(kind).url.replace("://", "s://", 1)
    done = pawl("ping", "--timeout", 3, url=url)  # Redis hangs: it waits for a line's end
    assert done.returncode == 5, done
    assert "check the port, or TLS on the server" in done.stderr, done.stderr
    assert f"use {plain}" in done.stderr, done.stderr


@pytest.mark.parametrize("kind", ["redis", "etcd", "couchbase"])
def test_a_host_that_is_silent_is_no_reason_to_leave_tls_out(kind):
    """A firewall drops what asks for a connection: so does a queue of them that is full."""
    with socket.socket() as deaf:
        deaf.bind(("127.0.0.1", 0))
        deaf.listen(0)
        port = deaf.getsockname()[1]
        fillers = [socket.socket() for _ in range(4)]
        for one in fillers:
            one.setblocking(False)
            one.connect_ex(("127.0.0.1", port))
        path = {"redis": "0", "etcd": "pawl", "couchbase": "bucket"}[kind]
        user = "u:p@" if kind == "couchbase" else ""
        done = pawl("ping", "--timeout", 3, url=f"{kind}s://{user}127.0.0.1:{port}/{path}")
        for one in fillers:
            one.close()
    assert done.returncode == 5, done
    assert "TLS" not in done.stderr and "use " not in done.stderr, done.stderr


def test_an_endpoint_of_dynamodb_that_may_not_speak_tls_is_thought_of():
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Refuses) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        done = pawl("ping", "--timeout", 1, url="dynamodb://pawl?region=eu-west-1&endpoint="
                    f"https://127.0.0.1:{server.server_address[1]}",
                    env={"AWS_ACCESS_KEY_ID": "key", "AWS_SECRET_ACCESS_KEY": "sEcret"})
        server.shutdown()
    assert done.returncode == 5 and "use endpoint=http://" in done.stderr, done


@pytest.mark.parametrize("url", [
    "postgres://u:{}@127.0.0.1:1/db?table=x", "redis://u:{}@127.0.0.1:1/0",
    "etcd://u:{}@127.0.0.1:1/pawl", "couchbase://u:{}@127.0.0.1:1/b",
    "dynamodb://u:{}@pawl?region=eu-west-1", "pawl://u:{}@127.0.0.1:1"])
@pytest.mark.parametrize("between", ["%", "@", "/", "#", "?", "/@", "@/", "@?", "#@"])
def test_a_password_that_should_be_encoded_is_never_shown(url, between):
    done = pawld("--check", "--store", url.format(f"zEc{between}rEt"))
    assert done.returncode in (1, 2)
    assert "zEc" not in done.stderr and "rEt" not in done.stderr, done.stderr
    if done.returncode == 2 and not url.startswith("dynamodb"):
        assert "%" in done.stderr, "nothing says how it is written"


def test_servers_that_are_away_and_odd_variables_are_told_at_the_start(fleet, monkeypatch):
    monkeypatch.setenv("PAWLD_MAX_CLIENT", "3")
    server = fleet.start(store=f"pawl://127.0.0.1:{free_port()}")
    log = server.log()
    assert "the store cannot be used now: starting all the same" in log
    assert "name=PAWLD_MAX_CLIENT did-you-mean=PAWLD_MAX_CLIENTS" in log


def test_a_client_on_a_store_is_told_as_well(locked):
    done = pawl("ping", url=locked.url)
    assert done.returncode == 8 and "NOAUTH" in done.stderr
    wrong = locked.url.replace("redis://", "redis://:passwort@")
    for words in (["ping"], ["store", "check", wrong], ["store", "init", wrong]):
        done = pawl(*words, url=wrong if words == ["ping"] else None)
        assert done.returncode == 8 and "WRONGPASS" in done.stderr
        assert "passwort" not in done.stderr + done.stdout


def test_a_store_that_is_away_does_not_keep_pawld_from_starting(own_server, fleet):
    store = own_server("redis")
    store.kill()
    server = fleet.start(store=store.url)
    assert "the store cannot be used now: starting all the same" in server.log()
    assert pawld("--store", store.url, "--check").returncode == 1
    store.start()
    assert pawl("create", "orders", url=server.url).returncode == 0
    assert pawl("next", "orders", url=server.url).stdout == "1\n"


def test_a_store_that_hangs_is_waited_for_a_few_seconds(own_server, fleet):
    store = own_server("redis")
    store.pause()
    server = fleet.start(store=store.url)
    assert "starting all the same" in server.log()
    store.resume()
    wait_until(lambda: pawl("create", "orders", url=server.url).returncode in (0, 4),
               "it serves when the store answers again")

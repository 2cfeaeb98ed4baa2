# SPDX-License-Identifier: Apache-2.0
"""etcd by itself: what operators and accidents do to a cluster, and what pawl makes of it."""
import json
import os
import shutil
import subprocess
import time

import pytest
import servers

from live import pawl, program, wait_until

asker_module = pytest.importorskip("asker", reason="drives a store by test/store/asker.c")
Asker, Ledger = asker_module.Asker, asker_module.Ledger
VERDICTS = ("keeps", "warns", "breaks")
BACK_S = 20
PASSWORD = "a secret"


class Tuned(servers.Etcd):
    """etcd with options of its own, and TLS if it has a certificate."""

    def __init__(self, *options, token="pawl"):
        super().__init__()
        self.options, self.token = list(options), token

    def member(self, _):
        client, peer = (f"http://127.0.0.1:{one[0]}" for one in (self.ports, self.peers))
        if "--cert-file" in self.options:
            client = client.replace("http:", "https:")
        return servers.Process(
            ["etcd", "--name", "m0", "--data-dir", self.folder / "m0", "--listen-client-urls",
             client, "--advertise-client-urls", client, "--listen-peer-urls", peer,
             "--initial-advertise-peer-urls", peer, "--initial-cluster", f"m0={peer}",
             "--initial-cluster-token", self.token, "--logger", "zap", "--log-level", "error",
             *self.options], self.folder / "m0.log")

    def healthy(self, i):
        return "--cert-file" in self.options or super().healthy(i)

    def url_as(self, user, password, prefix="pawl"):
        return f"etcd://{user}:{password.replace(' ', '%20')}@127.0.0.1:{self.ports[0]}/{prefix}"


@pytest.fixture(name="tuned")
def fixture_tuned():
    running = []

    def start(*options):
        running.append(Tuned(*options))
        return running[-1].start()

    yield start
    for server in running:
        server.end()


@pytest.fixture(name="ask")
def fixture_ask():
    askers = []

    def start(url):
        askers.append(Asker(url))
        return askers[-1]

    yield start
    for one in askers:
        one.end()


def items(asker):
    number = asker.begin("check")
    answer = asker.wait(number)
    assert answer["error"] == "PAWL_OK", answer
    return {one["item"]: (VERDICTS[one["verdict"]], one["found"]) for one in asker.items[number]}


def take_at_last(asker, name, ledger):
    """Until ids come, booking whatever is said before."""
    wait_until(lambda: ledger.book(asker.ask("take", name, count=10)), "ids come again", BACK_S)


def test_people_read_next_with_etcdctl(own_server, ask):
    server = own_server("etcd")
    asker = ask(server.url)
    asker.must("create", "orders", start=2000000000)
    asker.must("take", "orders", count=500)
    text = server.etcdctl("get", "pawl/orders", "--print-value-only")
    assert text.startswith('{"next":2000000500,')
    assert json.loads(text)["format"] == 1


def test_ids_go_on_while_one_of_three_members_is_deaf(own_server, ask):
    server = own_server("etcd3")
    asker, ledger = ask(server.url), Ledger()
    asker.must("create", "orders")
    for process in server.processes:
        for _ in range(3):
            ledger.book(asker.ask("take", "orders", count=10))
        process.send(servers.signal.SIGSTOP)
        for _ in range(3):
            take_at_last(asker, "orders", ledger)
        process.send(servers.signal.SIGCONT)
        wait_until(lambda: all(server.healthy(i) for i in range(3)), "all are back", BACK_S)
    ledger.check()


def test_without_a_majority_nothing_is_given_and_with_one_it_goes_on(own_server, ask):
    server = own_server("etcd3")
    asker, ledger = ask(server.url), Ledger()
    asker.must("create", "orders")
    assert ledger.book(asker.must("take", "orders", count=10))
    server.lose_quorum()
    for _ in range(3):
        began = time.monotonic()
        answer = asker.ask("take", "orders", count=10)
        assert answer["error"] in ("PAWL_LOST", "PAWL_STORE") and not ledger.book(answer)
        assert time.monotonic() - began < 4
    assert asker.ask("ping")["error"] == "PAWL_STORE"
    assert asker.ask("read", "orders")["error"] == "PAWL_STORE"
    server.resume()
    for _ in range(5):
        take_at_last(asker, "orders", ledger)
    ledger.check()
    reserved = asker.must("read", "orders")["next"] - 1
    assert ledger.given <= reserved <= ledger.given + ledger.burned


def test_a_restored_snapshot_gives_nothing_that_a_floor_has_seen(own_server, ask):
    server = own_server("etcd")
    asker = ask(server.url)
    asker.must("create", "orders")
    asker.must("take", "orders", count=10)
    server.etcdctl("snapshot", "save", server.folder / "backup")
    for _ in range(5):
        last = asker.must("take", "orders", count=10)
    seen = asker.must("read", "orders")
    server.kill()
    shutil.rmtree(server.folder / "m0")
    peer = f"http://127.0.0.1:{server.peers[0]}"
    server.etcdctl("snapshot", "restore", server.folder / "backup", "--name", "m0", "--data-dir",
                   server.folder / "m0", "--initial-cluster", f"m0={peer}",
                   "--initial-cluster-token", "pawl", "--initial-advertise-peer-urls", peer)
    server.start()
    # Somebody else writes as often: the revision that we remember comes again, with other bytes.
    other = ask(server.url)
    for _ in range(5):
        assert other.must("take", "orders", count=9)["first"] < last["first"]
    floor = last["first"] + 9
    wait_until(lambda: asker.ask("ping")["error"] == "PAWL_OK", "it is back", BACK_S)
    answer = asker.must("take", "orders", count=10, floor_line=last["line"], floor_lap=0,
                        floor_id=floor)
    assert answer["first"] > floor and answer["line"] == last["line"]
    assert answer["epoch"] != seen["epoch"]


def test_what_is_compacted_is_not_missed(own_server, ask):
    server = own_server("etcd")
    asker, ledger = ask(server.url), Ledger()
    asker.must("create", "orders")
    for _ in range(20):
        assert ledger.book(asker.must("take", "orders", count=10))
        revision = json.loads(server.etcdctl("get", "pawl/orders", "-w", "json"))
        server.etcdctl("compact", revision["header"]["revision"])
    server.etcdctl("defrag")
    assert ledger.book(asker.must("take", "orders", count=10))
    ledger.check()
    assert asker.must("read", "orders")["next"] == 211


def test_tokens_are_renewed_and_refusals_say_what_to_do(tuned, ask):
    server = tuned("--auth-token-ttl", "1")
    for words in (("user", "add", f"root:{PASSWORD}"), ("user", "add", f"pawl:{PASSWORD}"),
                  ("user", "add", f"mallory:{PASSWORD}"), ("role", "add", "pawl"),
                  ("role", "grant-permission", "pawl", "readwrite", "--prefix=true", "pawl/"),
                  ("user", "grant-role", "pawl", "pawl"), ("user", "grant-role", "root", "root")):
        server.etcdctl(*words)
    early = ask(server.url_as("pawl", PASSWORD))
    early.must("create", "orders")  # before there is a login
    server.etcdctl("auth", "enable")
    asker = ask(server.url_as("pawl", PASSWORD))
    for _ in range(3):
        for one in (early, asker):
            one.must("take", "orders", count=10)
        time.sleep(2.5)  # beyond the tokens' lives
    server.restart()
    assert asker.ask("ping")["error"] in ("PAWL_OK", "PAWL_STORE")
    asker.must("take", "orders", count=10)
    assert items(asker)["authentication"] == ("keeps", "on")
    for url, says in ((server.url_as("pawl", "wrong"), "password"),
                      (server.url_as("mallory", PASSWORD), "permission denied"),
                      (server.url_as("pawl", PASSWORD, "elsewhere"), "permission denied"),
                      (server.url, "write user:password@ into the URL")):
        answer = ask(url).ask("take", "orders", count=10)
        assert answer["error"] == "PAWL_DENIED" and says in answer["text"], answer
        assert PASSWORD not in answer["text"] and "wrong" not in answer["text"].split("; ")[0]


def test_the_branch_is_looked_for_again_and_never_left_out(tuned, ask):
    """A right to the key of the branch that comes later, and one that goes."""
    server = tuned()
    part, whole = (("pawl/!", "pawl0"), ("--prefix=true", "pawl/"))
    for words in (("user", "add", "root:top"), ("user", "grant-role", "root", "root"),
                  ("user", "add", f"pawl:{PASSWORD}"), ("role", "add", "pawl"),
                  ("role", "grant-permission", "pawl", "readwrite", *part),
                  ("user", "grant-role", "pawl", "pawl"), ("auth", "enable")):
        server.etcdctl(*words)
    root = ("--user", "root:top")
    asker = ask(server.url_as("pawl", PASSWORD))
    asker.must("create", "orders")
    asker.must("take", "orders", count=10)
    assert server.etcdctl(*root, "get", "pawl/") == ""
    server.etcdctl(*root, "role", "grant-permission", "pawl", "readwrite", *whole)

    def looked():
        asker.must("take", "orders", count=10)
        return server.etcdctl(*root, "get", "pawl/", "--print-value-only") != ""

    wait_until(looked, "the branch is drawn", 6)
    asker.must("take", "orders", count=10)
    record = json.loads(server.etcdctl(*root, "get", "pawl/orders", "--print-value-only"))
    assert record["branch"], "what is written now bears it"
    server.etcdctl(*root, "role", "revoke-permission", "pawl", "--prefix=true", "pawl/")
    # Whether it is asked or looked for, nothing is written without it from then on.
    for verb in ("take", "ping", "take"):
        answer = asker.ask(verb, *(["orders"] if verb == "take" else []), **(
            {"count": 10} if verb == "take" else {}))
        assert answer["error"] == "PAWL_DENIED", answer
    assert "nothing is written" in asker.ask("take", "orders", count=10)["text"]
    record_now = json.loads(server.etcdctl(*root, "get", "pawl/orders", "--print-value-only"))
    assert record_now == record
    server.etcdctl(*root, "role", "grant-permission", "pawl", "readwrite", *whole)
    wait_until(lambda: asker.ask("take", "orders", count=10)["error"] == "PAWL_OK", "as before", 6)


def put(server, key, value):
    """What etcdctl says of it; the value may be long."""
    return subprocess.run(["etcdctl", "--endpoints", f"127.0.0.1:{server.ports[0]}", "put", key],
                          input=value, text=True, capture_output=True, timeout=20, check=False,
                          env=dict(os.environ, ETCDCTL_API="3")).stderr


def test_a_full_database_gives_nothing_and_loses_nothing(tuned, ask):
    server = tuned("--quota-backend-bytes", str(4 << 20))
    asker, ledger = ask(server.url), Ledger()
    asker.must("create", "orders")
    while "exceeded" not in put(server, "filler", "x" * 400_000):
        assert ledger.book(asker.must("take", "orders", count=10))
    answer = asker.ask("take", "orders", count=10)
    assert answer["error"] == "PAWL_STORE" and "alarm disarm" in answer["text"], answer
    assert answer["burned"] == 0
    assert items(asker)["alarms"][0] == "warns"
    server.etcdctl("compact", json.loads(
        server.etcdctl("get", "pawl/orders", "-w", "json"))["header"]["revision"])
    server.etcdctl("defrag")
    server.etcdctl("alarm", "disarm")
    take_at_last(asker, "orders", ledger)
    ledger.check()
    assert asker.must("read", "orders")["next"] == ledger.given + 1


def test_foreign_values_and_newer_formats_are_named(own_server, ask):
    server = own_server("etcd")
    asker = ask(server.url)
    asker.must("create", "orders")
    asker.must("take", "orders", count=10)
    text = server.etcdctl("get", "pawl/orders", "--print-value-only").strip()
    for value, says in (("1500", "no JSON"), ('{"a":1}', "has no format"),
                        (text.replace('"format":1', '"format":9'), "newer pawl"),
                        (text.replace('"next":', '"next":"x",  "was":'), "next")):
        server.etcdctl("put", "pawl/orders", value)
        for verb in ("read", "take", "list"):
            answer = asker.ask(verb, *(["orders"] if verb != "list" else []), count=10)
            assert answer["error"] == "PAWL_DENIED" and says in answer["text"], answer
            assert "orders" in answer["text"]
    # Another pawl's words for the same record, and a person's.
    words = dict(reversed(json.loads(text).items()))
    server.etcdctl("put", "pawl/orders", json.dumps(words, indent=1))
    assert asker.must("take", "orders", count=10)["first"] == 11
    assert asker.must("take", "orders", count=10)["first"] == 21


def test_prefixes_that_overlap_never_share_a_record(own_server, ask):
    server = own_server("etcd")
    one, other = (ask(f"etcd://127.0.0.1:{server.ports[0]}/{prefix}")
                  for prefix in ("ids", "ids/eu"))
    other.must("create", "orders")
    other.must("take", "orders", count=10)
    for verb in ("take", "create", "read", "drop"):
        answer = one.ask(verb, "eu/orders", count=10)
        assert answer["error"] == "PAWL_DENIED" and "overlaps" in answer["text"], answer
    assert other.must("read", "orders")["next"] == 11
    value = json.loads(server.etcdctl("get", "--print-value-only", "ids/eu/orders"))
    assert value.pop("name") == "orders"
    server.etcdctl("put", "ids/eu/orders", json.dumps(value))  # as an older pawl left it
    other.must("take", "orders", count=10)
    assert "overlaps" in one.ask("take", "eu/orders", count=10)["text"]
    for asker, verdict in ((one, "breaks"), (other, "keeps")):
        found = items(asker)
        assert found["prefix"][0] == verdict and found["records"][0] == "keeps", found
    assert "2 of 2 keys below it" in items(one)["prefix"][1]
    assert '"ids/eu/"' in items(one)["prefix"][1]
    server.etcdctl("put", "ids/colour", "red")
    server.etcdctl("put", "ids/" + "x" * 300, "red")
    found = items(one)
    assert found["records"][0] == "warns" and "2 of 4 keys" in found["records"][1]
    assert "colour" in found["records"][1] and found["prefix"][0] == "breaks"


def test_a_store_of_a_newer_pawl_is_refused(own_server):
    server = own_server("etcd")
    assert pawl("create", "orders", url=server.url).returncode == 0
    meta = server.etcdctl("get", "pawl/", "--print-value-only").strip()
    server.etcdctl("put", "pawl/", meta.replace('"format":1', '"format":2'))
    for words in (["ping"], ["store", "init", server.url], ["store", "check", server.url],
                  ["next", "orders"], ["create", "other"]):
        done = pawl(*words, url=None if words[0] == "store" else server.url)
        assert done.returncode == 8 and "of a newer pawl" in done.stderr, done
    done = subprocess.run([program("pawld"), "--store", server.url, "--listen",
                           "resp://127.0.0.1:0"], text=True, capture_output=True, timeout=20,
                          check=False)
    assert done.returncode == 1 and "of a newer pawl" in done.stderr and "ready" not in done.stderr
    assert '"format":2' in server.etcdctl("get", "pawl/", "--print-value-only")
    server.etcdctl("put", "pawl/", meta)
    assert pawl("next", "orders", url=server.url).stdout == "1\n"


def test_leases_are_found(own_server, ask):
    server = own_server("etcd")
    asker = ask(server.url)
    asker.must("create", "orders")
    assert items(asker)["leases"][0] == "keeps"
    lease = server.etcdctl("lease", "grant", 600).split()[1]
    text = server.etcdctl("get", "pawl/orders", "--print-value-only").strip()
    server.etcdctl("put", "pawl/orders", text, f"--lease={lease}")
    found = items(asker)
    assert found["leases"][0] == "breaks" and '"pawl/orders"' in found["leases"][1]
    assert found["members"][0] == "warns" and found["version"][0] == "keeps"
    assert found["rights"][0] == "keeps" and found["authentication"][0] == "warns"
    assert found["database size"][0] == "keeps" and found["encryption"][0] == "keeps"
    # As docs/stores.md says: what was written meanwhile stays.
    server.etcdctl("put", "--ignore-value", "pawl/orders")
    assert items(asker)["leases"][0] == "keeps"
    assert pawl("next", "orders", url=server.url).stdout == "1\n"


def test_two_clusters_in_one_url_are_no_store(tuned):
    """Each pawl begins with one of them by luck: both would give the same ids."""
    ports = [tuned().ports[0] for _ in range(2)]
    url = "etcd://" + ",".join(f"127.0.0.1:{port}" for port in ports) + "/pawl"
    for _ in range(4):
        done = subprocess.run([program("pawl"), "--url", url, "create", "orders",
                               "--if-not-exists"], text=True, capture_output=True, timeout=20,
                              check=False)
        assert done.returncode != 0 and "another etcd cluster" in done.stderr, done


def test_another_cluster_under_the_url_is_asked_nothing(tuned, ask):
    server = tuned()
    asker = ask(server.url)
    asker.must("create", "orders")
    asker.must("take", "orders", count=10)
    server.kill()
    shutil.rmtree(server.folder / "m0")
    server.token = "another"
    server.start()
    wait_until(lambda: "another etcd cluster" in asker.ask("take", "orders", count=10)["text"],
               "it is noticed", BACK_S)
    for verb in ("ping", "check"):
        answer = asker.ask(verb)
        assert answer["error"] == "PAWL_STORE" and "another etcd cluster" in answer["text"]
    assert server.etcdctl("get", "--prefix", "pawl") == ""
    assert ask(server.url).ask("take", "orders", count=10)["error"] == "PAWL_NO_SEQUENCE"


def make_certificate(folder, name):
    cert, key = folder / f"{name}.pem", folder / f"{name}.key"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2",
                    "-subj", f"/CN={name}", "-addext", "subjectAltName=IP:127.0.0.1", "-keyout",
                    key, "-out", cert], check=True, timeout=60, capture_output=True)
    return cert, key


def test_tls_is_verified(tuned, ask, tmp_path):
    cert, key = make_certificate(tmp_path, "server")
    mine, my_key = make_certificate(tmp_path, "client")
    known = tmp_path / "known.pem"  # the gateway shows itself the server's certificate
    known.write_text(cert.read_text() + mine.read_text())
    server = tuned("--cert-file", str(cert), "--key-file", str(key), "--client-cert-auth",
                   "--trusted-ca-file", str(known))
    url = f"etcds://127.0.0.1:{server.ports[0]}/pawl?cert={mine}&key={my_key}"
    asker = ask(f"{url}&ca={cert}")
    told = []
    wait_until(lambda: told.append(asker.ask("ping")) or told[-1]["error"] == "PAWL_OK",
               f"it answers, not {told[-1:]}", BACK_S)
    asker.must("create", "orders")
    assert asker.must("take", "orders", count=10)["first"] == 1
    assert items(asker)["encryption"][0] == "keeps"
    assert items(ask(f"{url}&verify=no"))["encryption"][0] == "warns"
    for wrong in (url, f"{url}&ca={mine}", url.split("?", maxsplit=1)[0] + f"?ca={cert}"):
        assert ask(wrong).ask("take", "orders", count=10)["error"] in ("PAWL_STORE", "PAWL_LOST")
    plain = f"etcd://127.0.0.1:{server.ports[0]}/pawl"
    answer = ask(plain).ask("take", "orders", count=10)
    assert answer["error"] == "PAWL_STORE" and "etcds://" in answer["text"]

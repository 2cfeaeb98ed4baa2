# SPDX-License-Identifier: Apache-2.0
"""couchbase:// against a cluster that misbehaves on purpose: what each fault costs, and that no id
comes twice. The conformance suite covers what every store must do."""
import json
import os
import subprocess
from concurrent.futures import ThreadPoolExecutor

import pytest

import fake_couchbase_wire as wire
from fake_couchbase import FakeCouchbase, Settings
from live import Pawld, program, wait_until

ADVANCE = "SUBDOC_MULTI_MUTATION"
OK, BAD, NO_SEQUENCE, TIMEOUT, ENDED, UNKNOWN, REFUSED = 0, 2, 3, 5, 6, 7, 8


def pawl(url, *words, ends=OK, limit_s=20):
    """One command of the command line; what it printed, once it ended as it should."""
    done = subprocess.run([program("pawl"), *words], capture_output=True, text=True, check=False,
                          timeout=limit_s, env={**os.environ, "PAWL_URL": url})
    assert done.returncode == ends, f"pawl {words}: {done.returncode}: {done.stdout}{done.stderr}"
    return done.stdout if ends == OK else done.stderr


def take(url, name, count=1):
    return [int(line) for line in pawl(url, "next", name, "-n", str(count)).split()]


@pytest.fixture
def cluster():
    """cluster(nodes=2, ...) is a running one."""
    running = []

    def start(**settings):
        running.append(FakeCouchbase(Settings(**settings)).start())
        return running[-1]

    yield start
    for one in running:
        one.stop()


# What a document looks like


def test_a_record_is_a_document_that_people_can_read(cluster):
    fake = cluster()
    pawl(fake.url(), "create", "orders", "--start", "100")
    assert take(fake.url(), "orders", 5) == [100, 101, 102, 103, 104]
    record = json.loads(fake.document("pawl:orders"))
    assert record["name"] == "orders"
    assert record[f"e{record['epoch']}l{record['lap']}"]["next"] >= 105
    assert record["max"] == 2**63 - 1 and record["dropped"] == 0


def test_an_index_that_others_blew_up_is_an_error(cluster):
    """Numbers that are written with more digits than they were read with."""
    fake = cluster()
    pawl(fake.url(), "create", "orders")
    index, = [key for key in fake.keys() if key != "pawl:orders"]
    fake.flush()
    fake.put(index, '{"pawl":"index","names":[1e-7' + ",1e-7" * 1_000_000 + "]}")
    said = pawl(fake.url(), "--timeout", "20", "create", "orders", ends=BAD, limit_s=30)
    assert index in said and "take that out" in said
    assert fake.document("pawl:orders") is None


def test_a_prefix_keeps_two_installations_apart(cluster):
    fake = cluster()
    pawl(fake.url() + "?prefix=a", "create", "orders")
    pawl(fake.url() + "?prefix=b", "next", "orders", ends=NO_SEQUENCE)
    assert fake.document("a:orders") is not None and fake.document("pawl:orders") is None


def test_names_are_listed_from_the_index(cluster):
    fake = cluster()
    for name in ("b", "a", "c/ü"):
        pawl(fake.url(), "create", name)
    assert pawl(fake.url(), "list").split() == ["a", "b", "c/ü"]


def test_a_name_listed_without_a_record_is_not_shown(cluster):
    fake = cluster()
    fake.fault("status", opcode="ADD", key="pawl:orders", status=wire.EACCESS)
    pawl(fake.url(), "create", "orders", ends=REFUSED)
    pawl(fake.url(), "create", "other")
    assert pawl(fake.url(), "list").split() == ["other"]
    pawl(fake.url(), "create", "orders")
    assert pawl(fake.url(), "list").split() == ["orders", "other"]


# Bytes and bootstrap


@pytest.mark.parametrize("settings", [
    {"nodes": 3, "replicas": 2, "vbuckets": 1024},
    {"nodes": 2, "replicas": 1, "vbuckets": 128, "collections": ("app.seq",)},
    {"nodes": 2, "host_placeholder": True},
    {"nodes": 2, "stray_keys": True},
    {"scram": ("SCRAM-SHA256",)},
    {"scram": ("SCRAM-SHA1",)},
])
def test_it_finds_its_way(cluster, settings):
    fake = cluster(**settings)
    for name in "abcdefgh":
        pawl(fake.url(), "create", name)
        assert take(fake.url(), name, 2) == [1, 2]


def test_it_speaks_tls_and_finds_the_tls_ports(cluster):
    fake = cluster(nodes=2, tls=True)
    url = fake.url(tls=True, query=f"?ca={fake.ca_file()}")
    for name in "abcd":
        pawl(url, "create", name)
        assert take(url, name) == [1]
    text = pawl(fake.url(tls=True), "ping", ends=TIMEOUT)
    assert "certificate" in text


def test_it_takes_the_outside_addresses_if_it_came_from_outside(cluster):
    fake = cluster(nodes=2, hostname="inside.invalid", alternate="127.0.0.1")
    pawl(fake.url(), "create", "orders")
    assert take(fake.url(), "orders") == [1]


def test_it_tries_the_next_host(cluster):
    fake = cluster(nodes=2, replicas=1)
    url = fake.url().replace("@", "@127.0.0.1:1,")
    pawl(url, "create", "orders")
    assert take(url, "orders") == [1]


# What cannot be meant, or is not allowed: each names the part


@pytest.mark.parametrize("change, ends, said", [
    (("password@", "wrong@"), REFUSED, "password"),
    (("user:password@", ""), REFUSED, "write user:password@ into the URL"),
    (("/default", "/missing"), REFUSED, '"missing"'),
    (("/default", "/default/app.missing"), REFUSED, "app.missing"),
    (("/default", "/default/half"), BAD, "half"),
    (("/default", ""), BAD, "bucket"),
    (("/default", "/default?colour=red"), BAD, "colour"),
    (("/default", "/default?durability=some"), BAD, "durability"),
    (("/default", "/default?start=5"), BAD, "counter=plain"),
    (("/default", "/default?counter=plain&increment=2"), BAD, "can only be 1"),
    (("/default", "/default?prefix=a:b"), BAD, "prefix"),
])
def test_bad_urls_are_named(cluster, change, ends, said):
    fake = cluster()
    text = pawl(fake.url().replace(*change), "ping", ends=ends)
    assert said in text and "wrong" not in text


def test_a_user_without_privileges_is_told_which(cluster):
    fake = cluster()
    fake.add_user("reader", "password", privileges=("Read",))
    text = pawl(fake.url().replace("user:", "reader:"), "create", "orders", ends=REFUSED)
    assert "privilege" in text


def test_without_durable_writes_it_must_be_told_so(cluster):
    fake = cluster()
    fake.grant(set(wire.FEATURES) - {0x11})
    assert "durability=none" in pawl(fake.url(), "create", "orders", ends=REFUSED)
    pawl(fake.url(query="?durability=none"), "create", "orders")


def test_a_bucket_without_durable_writes_is_refused(cluster):
    fake = cluster(capabilities=("cccp", "nodesExt"))
    assert "durableWrite" in pawl(fake.url(), "ping", ends=REFUSED)
    pawl(fake.url(query="?durability=none"), "ping")


def test_a_level_that_the_bucket_lacks_is_named(cluster):
    fake = cluster(levels=(1,))
    text = pawl(fake.url(query="?durability=persistToMajority"), "create", "a", ends=REFUSED)
    assert "ephemeral" in text


@pytest.mark.parametrize("document", ["17", '"text"', "[]", "{}", "no json", '{"format":1}'])
def test_a_foreign_document_is_not_touched(cluster, document):
    fake = cluster()
    fake.put("pawl:orders", document)
    text = pawl(fake.url(), "show", "orders", ends=REFUSED)
    assert "not pawl's, or damaged" in text
    pawl(fake.url(), "create", "orders", ends=REFUSED)
    assert fake.document("pawl:orders") == document


def test_a_newer_record_is_not_touched(cluster):
    fake = cluster()
    pawl(fake.url(), "create", "orders")
    newer = fake.document("pawl:orders").replace('"format":1', '"format":2')
    fake.put("pawl:orders", newer)
    assert "newer" in pawl(fake.url(), "show", "orders", ends=REFUSED)
    assert fake.document("pawl:orders") == newer


# Faults: the ids of two commands never meet


RETRIED = [wire.NOT_MY_VBUCKET, 0x09, 0x0C, 0x0D, 0x30, 0x31, 0x33, 0x51, 0x82, 0x85, 0x86, 0xA2,
           0xA4, 0x08, 0x25, 0x1F]


@pytest.mark.parametrize("status", RETRIED, ids=lambda status: f"{status:02x}")
def test_what_was_not_carried_out_is_sent_again(cluster, status):
    fake = cluster()
    pawl(fake.url(), "create", "orders")
    fake.fault("status", opcode=ADVANCE, status=status, count=2)
    assert take(fake.url(), "orders") == [1]
    assert fake.faults_left() == 0
    assert fake.counts()[ADVANCE] == 3


def test_an_ambiguous_durable_write_burns_its_ids(cluster):
    fake = cluster()
    pawl(fake.url(), "create", "orders")
    fake.fault("status", opcode=ADVANCE, status=0xA3, executed=True)
    assert take(fake.url(), "orders")[0] > 1


def test_an_impossible_durable_write_takes_nothing(cluster):
    fake = cluster()
    pawl(fake.url(), "create", "orders")
    fake.fault("status", opcode=ADVANCE, status=0xA1, count=1)
    assert take(fake.url(), "orders") == [1]
    fake.fault("status", opcode=ADVANCE, status=0xA1, count=1000)
    assert "copies" in pawl(fake.url(), "--timeout", "1", "next", "orders", ends=TIMEOUT)


@pytest.mark.parametrize("action, details", [
    ("close", {}),
    ("execute_close", {}),
    ("hang", {}),
    ("hang", {"executed": True}),
    ("cut", {"bytes": 10}),
    ("cut", {"bytes": 30}),
    ("drip", {"ms": 1}),
    ("twice", {}),
    ("wrong_opaque", {}),
    ("garbage", {}),
    ("status", {"status": 0x84, "executed": True}),
    ("status", {"status": 0x7F00, "executed": True}),
])
def test_a_lost_answer_is_a_gap(cluster, action, details):
    """Executed or not, nobody knows: what may have been taken is never given."""
    fake = cluster()
    pawl(fake.url(), "create", "orders")
    before = take(fake.url(), "orders", 3)
    fake.fault(action, opcode=ADVANCE, **details)
    after = take(fake.url(), "orders", 3)
    assert len(set(before + after)) == 6 and min(after) > max(before)
    assert fake.faults_left() == 0


@pytest.mark.parametrize("action", ["close", "execute_close", "hang"])
@pytest.mark.parametrize("opcode", ["ADD", "REPLACE"])
def test_a_change_whose_answer_is_lost_is_made_once(cluster, action, opcode):
    fake = cluster()
    pawl(fake.url(), "create", "other")
    if opcode == "REPLACE":
        pawl(fake.url(), "create", "orders")
    fake.fault(action, opcode=opcode, key="pawl:orders")
    if opcode == "ADD":
        pawl(fake.url(), "create", "orders")
    else:
        pawl(fake.url(), "set", "orders", "500")
    assert fake.faults_left() == 0
    assert take(fake.url(), "orders") == [1 if opcode == "ADD" else 500]


def test_a_moved_vbucket_is_followed(cluster):
    fake = cluster(nodes=3, replicas=1)
    pawl(fake.url(), "create", "orders")
    seen = take(fake.url(), "orders", 2)
    for nodes in ([0, 1], [1, 2], [0, 2]):
        fake.rebalance(nodes)
        seen += take(fake.url(), "orders", 2)
    assert len(set(seen)) == 8 and seen == sorted(seen)


def test_a_map_that_comes_without_a_config_is_fetched(cluster):
    fake = cluster(nodes=2, replicas=1, not_my_vbucket_config=False)
    pawl(fake.url(), "create", "orders")
    fake.fault("status", opcode=ADVANCE, status=wire.NOT_MY_VBUCKET, value="", count=3)
    assert take(fake.url(), "orders") == [1]


def test_a_failover_keeps_what_was_answered(cluster):
    fake = cluster(nodes=3, replicas=2)
    names = "abcdefgh"
    for name in names:
        pawl(fake.url(), "create", name)
    before = {name: take(fake.url(), name, 3) for name in names}
    fake.failover(0, lose=True)
    for name in names:
        after = take(fake.url(), name, 3)
        assert max(before[name]) < min(after) < 10_000, "nothing was lost, and nothing moves"


def test_a_bucket_made_anew_from_old_documents_gives_nothing_again(cluster):
    """Its vBuckets have other histories, to which the record's does not belong."""
    fake = cluster(nodes=2, replicas=1)
    pawl(fake.url(), "create", "orders")
    take(fake.url(), "orders", 3)
    old = fake.document("pawl:orders")
    lost = take(fake.url(), "orders", 300)
    fake.recreate_bucket()
    fake.put("pawl:orders", old)
    after = take(fake.url(), "orders", 3)
    assert min(after) > max(lost)
    more = take(fake.url(), "orders", 3)
    assert max(after) < min(more) < max(after) + 10_000, "it is moved once"


def test_many_commands_at_once_share_nothing(cluster):
    fake = cluster(nodes=2, replicas=1, replication_ms=2)
    pawl(fake.url(), "create", "orders")
    with ThreadPoolExecutor(8) as pool:
        taken = list(pool.map(lambda _: take(fake.url(), "orders", 20), range(24)))
    ids = [one for some in taken for one in some]
    assert len(ids) == len(set(ids)) == 480


def test_an_overshoot_ends_the_sequence_and_gives_nothing_beyond(cluster):
    """Somebody else has moved the number near its end, unseen: the ids beyond are no ids."""
    fake = cluster()
    pawl(fake.url(), "create", "orders", "--max", "1000000")
    record = json.loads(fake.document("pawl:orders"))
    record[f"e{record['epoch']}l0"]["next"] = 1000005
    fake.put("pawl:orders", json.dumps(record))
    pawl(fake.url(), "next", "orders", ends=ENDED)
    pawl(fake.url(), "set", "orders", "999999", "--force")
    assert take(fake.url(), "orders", 2) == [999999, 1000000]
    pawl(fake.url(), "next", "orders", ends=ENDED)


def test_eight_at_the_end_get_each_id_once(cluster):
    """Near its end a sequence is advanced by CAS; who does not know that yet overshoots, for
    nothing: what lies beyond is no id, and the sequence has ended."""
    fake = cluster(nodes=2, replicas=1, replication_ms=1)
    pawl(fake.url(), "create", "orders", "--max", "400")

    def until_it_ends(_):
        ids = []
        while True:
            done = subprocess.run([program("pawl"), "next", "orders", "-n", "17"], check=False,
                                  capture_output=True, text=True, timeout=20,
                                  env={**os.environ, "PAWL_URL": fake.url()})
            ids += [int(line) for line in done.stdout.split()]
            if done.returncode != OK:
                assert done.returncode == ENDED, done.stderr
                return ids

    with ThreadPoolExecutor(8) as pool:
        ids = [one for some in pool.map(until_it_ends, range(8)) for one in some]
    assert len(ids) == len(set(ids)) and min(ids) == 1 and max(ids) <= 400


# The suite of all stores


def conformance(url):
    done = subprocess.run([program("test/store/store_conformance"), url], capture_output=True,
                          text=True, check=False, timeout=180)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("settings", [
    {"nodes": 3, "replicas": 2, "collections": ("app.seq",)},
    {"nodes": 2, "replicas": 1, "vbuckets": 1024, "host_placeholder": True, "tls": True},
])
def test_it_conforms_on_a_cluster(cluster, settings):
    fake = cluster(scram_iterations=256, **settings)  # twenty clients log in at once
    tls = settings.get("tls", False)
    conformance(fake.url(tls=tls, query=f"?ca={fake.ca_file()}" if tls else ""))


# Plain counters


SHIPMENT = "ShipmentDao_SEQ"


def plain(fake, more=""):
    return fake.url(query=f"?counter=plain&start=2000000000{more}")


def test_a_plain_counter_is_made_by_add_and_goes_on(cluster):
    fake = cluster(nodes=2, replicas=1)
    url = plain(fake, "&block=500")
    pawl(url, "next", SHIPMENT, ends=NO_SEQUENCE)
    assert fake.document(SHIPMENT) is None
    pawl(url, "create", SHIPMENT)
    assert fake.document(SHIPMENT) == "2000000000"
    pawl(url, "create", SHIPMENT, ends=4)
    assert take(url, SHIPMENT, 2) == [2000000000, 2000000001]
    assert fake.document(SHIPMENT) == "2000000500"
    assert "INCREMENT" in fake.counts()


def test_a_plain_counter_is_shared_with_other_programs(cluster):
    fake = cluster()
    url = plain(fake, "&block=500")
    fake.put(SHIPMENT, "2000000000")
    seen = []
    for _ in range(5):
        seen += take(url, SHIPMENT, 3)
        fake.put(SHIPMENT, str(int(fake.document(SHIPMENT)) + 500))  # another pod's 500
    assert seen == [2000000000 + 1000 * turn + one for turn in range(5) for one in range(3)]


@pytest.mark.parametrize("document", ['"2000000000"', "-5", "1.5", "{}", str(2**64), ""])
def test_a_plain_counter_that_is_no_number_gives_nothing(cluster, document):
    fake = cluster()
    fake.put(SHIPMENT, document)
    text = pawl(plain(fake), "--timeout", "1", "next", SHIPMENT, ends=REFUSED)
    assert "no unsigned whole number" in text
    assert fake.document(SHIPMENT) == document


def test_a_plain_counter_ends_exactly(cluster):
    fake = cluster()
    url = plain(fake, "&max=2000000004")
    pawl(url, "create", SHIPMENT)
    assert take(url, SHIPMENT, 5) == [2000000000 + one for one in range(5)]
    pawl(url, "next", SHIPMENT, ends=ENDED)
    fake.put(SHIPMENT, str(2**64 - 3))
    pawl(url, "next", SHIPMENT, ends=ENDED)
    assert fake.document(SHIPMENT) == str(2**64 - 3)


def test_a_plain_counter_that_wraps_gives_nothing(cluster):
    """Another program has brought it to its end between our look and our increment."""
    fake = cluster()
    url = plain(fake, "&block=500")
    fake.put(SHIPMENT, "2000000000")
    fake.fault("status", opcode="INCREMENT", status=0, executed=False,
               value=(5).to_bytes(8, "big").hex())
    ids = take(url, SHIPMENT, 2)
    assert min(ids) >= 2000000000


@pytest.mark.parametrize("words, said", [
    (("drop", SHIPMENT), "cannot be dropped"),
    (("rename", SHIPMENT, "other"), "cannot be renamed"),
    (("alter", SHIPMENT, "--block", "7"), "altered"),
    (("set", SHIPMENT, "5", "--force"), "go back"),
    (("fence", SHIPMENT, "--skip", "1000"), "fenced"),
    (("create", "other", "--increment", "5"), "step"),
    (("create", "other", "--cycle"), "cycle"),
    (("create", "other", "--order", "global"), "ORDER GLOBAL"),
    (("create", "other", "--start", "7"), "URL"),
    (("list",), "listed"),
])
def test_what_a_plain_counter_cannot_do_is_said(cluster, words, said):
    fake = cluster()
    fake.put(SHIPMENT, "2000000000")
    assert said in pawl(plain(fake), *words, ends=BAD)
    assert fake.document(SHIPMENT) == "2000000000" and fake.document("other") is None


def test_a_plain_counter_moves_forward(cluster):
    fake = cluster()
    fake.put(SHIPMENT, "2000000000")
    pawl(plain(fake), "set", SHIPMENT, "2100000000")
    assert fake.document(SHIPMENT) == "2100000000"


# What pawl store check says


@pytest.mark.parametrize("settings, query, ends, said", [
    ({"nodes": 3, "replicas": 2}, "", OK, "replicas: 2"),
    ({"nodes": 2, "replicas": 1}, "", OK, "two replicas"),
    ({}, "", 9, "lost with it"),
    ({"nodes": 3, "replicas": 2}, "?durability=none", 9, "failover"),
])
def test_check_says_what_to_change(cluster, settings, query, ends, said):
    fake = cluster(**settings)
    done = subprocess.run([program("pawl"), "store", "check", fake.url(query=query)],
                          capture_output=True, text=True, check=False, timeout=20)
    assert done.returncode == ends, done.stdout + done.stderr
    assert said in done.stdout


def test_check_sees_the_bucket_and_the_privileges(cluster):
    fake = cluster(nodes=3, replicas=2)
    fake.add_user("reader", "password", privileges=("Read",))
    assert "bucket type: couchbase" in pawl(fake.url(), "store", "check", fake.url())
    assert "may read and write" in pawl(fake.url(), "store", "check", fake.url())
    reader = fake.url().replace("user:", "reader:")
    assert "Data Writer" in pawl(reader, "store", "check", reader, ends=8)
    assert fake.keys() == []


@pytest.mark.parametrize("bucket_s, own_s, ends, said", [
    (0, None, OK, "ok      max TTL: none"),
    (0, 60, 9, "BREAKS  max TTL: 60 s, by the collection"),
    (3600, None, 9, "BREAKS  max TTL: 3600 s, by the bucket"),
    (3600, -1, OK, "ok      max TTL: none"),
])
def test_check_sees_how_long_documents_stay(cluster, bucket_s, own_s, ends, said):
    fake = cluster(nodes=3, replicas=2, max_ttl=bucket_s, collections=("app.a", "app.b"))
    fake.set_max_ttl("app.b", 60)  # somebody else's
    if own_s is not None:
        fake.set_max_ttl("app.a", own_s)
    done = subprocess.run([program("pawl"), "store", "check", fake.url()], capture_output=True,
                          text=True, check=False, timeout=20)
    assert done.returncode == ends and said in done.stdout, done.stdout + done.stderr


def test_check_says_when_a_manifest_is_not_told(cluster):
    fake = cluster(nodes=3, replicas=2)
    fake.fault("status", opcode="GET_MANIFEST", status=wire.EACCESS)
    assert "the collection's: not visible" in pawl(fake.url(), "store", "check", fake.url())


def test_an_ephemeral_bucket_is_refused(cluster):
    fake = cluster(nodes=3, replicas=2, kind="ephemeral")
    assert "ephemeral" in pawl(fake.url(), "create", "orders", ends=REFUSED)
    pawl(fake.url(query="?durability=none"), "create", "orders")


def test_a_lost_branch_of_a_vbucket_is_said(cluster, tmp_path):
    """The answers of a pawld that goes on after a failover that lost its last write."""
    fake = cluster(nodes=2, replicas=1)
    server = Pawld(tmp_path, "pawld", store=fake.url(query="?durability=none"))
    pawl(fake.url(), "create", "orders", "--block", "1")
    server.start()
    try:
        seen = take(server.url, "orders", 5)
        for node in (0, 1):
            fake.stop_node(node)
            fake.start_node(node, lose=True)
        wait_until(lambda: goes_on(server, seen) and "couchbase vbucket" in log_of(server),
                   "ids after the failover, and a line in the log")
        assert len(seen) == len(set(seen))
    finally:
        server.stop()


def log_of(server):
    return server.log_path.read_text()


def goes_on(server, seen):
    seen += take(server.url, "orders", 5)
    return True

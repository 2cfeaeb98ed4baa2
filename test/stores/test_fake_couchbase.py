# SPDX-License-Identifier: Apache-2.0
"""The fake Couchbase server answers what the real one does, to the byte, and misbehaves on call."""
import base64
import json
import pathlib
import ssl
import struct
import sys

import pytest

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
import fake_couchbase_wire as wire  # noqa: E402
from couchbase_client import USUAL, Client, leb128  # noqa: E402
from fake_couchbase import FakeCouchbase, Settings  # noqa: E402

UUID = 0x131AF


@pytest.fixture
def start():
    """Starts clusters; they end with the test."""
    running = []

    def starter(**settings):
        settings = {"scram_iterations": 100, **settings}
        running.append(FakeCouchbase(Settings(**settings)).start())
        return running[-1]
    yield starter
    for fake in running:
        fake.stop()


@pytest.fixture
def fake(start):
    return start(collections=("app.seq",))


def enter(fake, node=0, features=None):
    return Client.entered(fake.ports()[node], features)


def octets(text):
    """'80 05 "orders"' -> bytes"""
    data = b""
    for index, part in enumerate(text.split('"')):
        data += part.encode() if index % 2 else bytes.fromhex(part)
    return data


def exchange(client, request, answer):
    """Sends these bytes; the answer must be these bytes."""
    client.send(octets(request))
    expected = octets(answer)
    assert client.read(len(expected)).hex() == expected.hex()


# Bytes from servers and mocks

def test_the_bytes_of_a_login(start):
    fake = start(collections=("app.seq",), first_collection=1)
    fake.grant({*wire.FEATURES, wire.XATTR})
    with Client(fake.ports()[0]) as client:
        agent = ('{"a":"pawl/0.1","i":"' + "0" * 34 + '"}').encode().hex()
        asked = "0004 0006 0007 0008 000b 000f 0010 0011 0012"
        exchange(client, "801f0039 00000000 0000004b 00000001 0000000000000000" + agent + asked,
                 "181f0300 00000000 00000015 00000001 0000000000000000 020008" + asked)
        client.hello()
        assert client.login() == wire.SUCCESS
        exchange(client, '80890007 00000000 00000007 00000005 0000000000000000 "default"',
                 "81890000 00000000 00000000 00000005 0000000000000000")
        exchange(client, '80bb0000 00000000 00000007 00000007 0000000000000000 "app.seq"',
                 "81bb0000 0c000000 0000000c 00000007 0000000000000000 0000000000000002 00000001")
        assert client.ask("GET_COLLECTION_ID", value=b"app.none").bytes[:8].hex() \
            == "81bb000000010088"


def test_the_bytes_of_a_counter_in_a_collection(start):
    fake = start(collections=("app.seq",), first_collection=1, vbuckets=1024, stray_keys=True)
    bucket = fake.cluster.buckets["default"]
    bucket.vbuckets[303].uuid = UUID
    bucket.next_cas = iter(0x18EA349354A500CA + (step << 16) for step in (0, 2, 3, 4, 5)).__next__
    key = '01"orders"'
    with enter(fake) as client:
        client.vbuckets = 1024
        exchange(client, "80020007 0801012f 00000013 00000006 0000000000000000 02000006 00000000"
                 + key + '"1000"',
                 "81020001 10000000 00000011 00000006 18ea349354a500ca 00000000000131af"
                 "0000000000000001 00")
        exchange(client, "80050007 1400012f 0000001b 00000008 0000000000000000 00000000000001f4"
                 "0000000000000000 ffffffff" + key,
                 "81050001 10000000 00000019 00000008 18ea349354a700ca 00000000000131af"
                 "0000000000000002 00 00000000000005dc")
        client.send(octets("80050008 1400018c 0000001c 00000008 0000000000000000 00000000000001f4"
                           '0000000000000000 ffffffff 01"absent!"'))
        missing = client.receive()
        assert missing.status == wire.EINVAL, "the key is of another vbucket"
        client.collection = 1
        assert client.count(b"absent", 500).bytes[:12].hex() == "810500010000000100000001"
        exchange(client, "08050207 1400012f 0000001d 00000009 0000000000000000 1101"
                 "00000000000001f4 0000000000000000 ffffffff" + key,
                 "81050001 10000000 00000019 00000009 18ea349354a800ca 00000000000131af"
                 "0000000000000003 00 00000000000007d0")
        client.send(octets("08050407 1400012f 0000001f 0000000a 0000000000000000 130109c4"
                           "00000000000001f4 0000000000000000 ffffffff" + key))
        assert client.receive().value == (2500).to_bytes(8, "big")
        bucket.vbuckets[303].documents[1, b"orders"].cas = 0x18EA349354A800CA
        # The mock of the notes answers datatype 00; the server keeps a counter as JSON.
        exchange(client, "80000007 0000012f 00000007 0000000b 0000000000000000" + key,
                 '81000001 04010000 00000009 0000000b 18ea349354a800ca 02000006 00 "2500"')
        stale = ("80030007 0801012f 00000014 0000000c 18ea349354a800ca 02000006 00000000"
                 + key + '"99000"')
        client.send(octets(stale))
        assert client.receive().status == wire.SUCCESS
        client.send(octets(stale))
        assert client.receive().status == wire.KEY_EEXISTS


def test_the_bytes_without_collections(start):
    fake = start()
    bucket = fake.cluster.buckets["default"]
    bucket.vbuckets[47].uuid, bucket.vbuckets[47].high = 0x48AF789511CAF3FD, 1
    bucket.next_cas = iter((1, 2, 3, 4)).__next__
    features = (wire.MUTATION_SEQNO, wire.XERROR, wire.SELECT)
    with enter(fake, features=features) as client:
        assert client.store("ADD", b"orders", b"1000").status == wire.SUCCESS
        exchange(client, "80050006 1400002f 0000001a 00000007 0000000000000000 00000000000001f4"
                 '0000000000000000 ffffffff "orders"',
                 "81050000 10000000 00000018 00000007 0000000000000002 48af789511caf3fd"
                 "0000000000000003 00000000000005dc")
        client.store("SET", b"orders", b'{"e3":{"p":1000}}')
        bucket.next_cas = iter((2, 3)).__next__
        exchange(client, "80cf0006 0300002f 00000010 00000004 0000000000000000 000400"
                 '"orders" "e3.p" "500"',
                 "81cf0000 10000000 00000014 00000004 0000000000000002 48af789511caf3fd"
                 '0000000000000005 "1500"')


@pytest.mark.parametrize("number, text", [
    (0, "00"), (0x7F, "7f"), (0x80, "8001"), (0x555, "d50a"), (0x8000, "808002"),
    (0xCAFEF00D, "8de0fbd70c"), (0xFFFFFFFF, "ffffffff0f")])
def test_collection_prefixes(number, text):
    assert wire.leb128(bytes.fromhex(text) + b"key") == (number, len(text) // 2)
    assert leb128(number).hex() == text


@pytest.mark.parametrize("text", ["8000", "ff", "ffffffffff", "ffffffff1f", "808000"])
def test_collection_prefixes_that_are_refused(text):
    with pytest.raises(wire.Refused):
        wire.leb128(bytes.fromhex(text))


@pytest.mark.parametrize("key, of_1024, of_128, of_64", [
    (b"orders", 303, 47, 47), (b"ShipmentDao_SEQ", 722, 82, 18), (b"Hello", 977, 81, 17)])
def test_vbuckets_of_keys(key, of_1024, of_128, of_64):
    assert [wire.vbucket_of(key, count) for count in (1024, 128, 64)] == [of_1024, of_128, of_64]


SHA256_TALK = ("rOprNGfwEbeRWgbNEkqO", "%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0", "W22ZaJ0SNY7soEsUEjb6gQ==")


@pytest.mark.parametrize("mechanism, talk, proof, verifier", [
    ("SCRAM-SHA1", ("fyko+d2lbbFgONRv9qkxdawL", "3rfcNHYJY1ZVvWVs7j", "QSXCR+Q6sek8bf92"),
     "v0X8v3Bz2T0CJGbJQyF0X+HI4Ts=", "rmF9pqV8S7suAoZWja4dJRkFsKQ="),
    ("SCRAM-SHA256", SHA256_TALK, "dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=",
     "6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4="),
    ("SCRAM-SHA512", SHA256_TALK,
     "gMGXRcevScNtxZ6/8lQYpGtnsNAc3mGcmNomv+xnoOMw+3R2xNJdMNnzMlTN8PPC6wdp6dybEmDYXYTxwnYPJQ==",
     "ZQnYEgWQMFmmsM8aQMF0nDDCy/AgCzkwk8CmMZYcMg0vSVlKDanekLtifDSeVGT4+5ZxXnJq199RVG2rR7N7Zw==")])
def test_scram_vectors(mechanism, talk, proof, verifier):
    client_nonce, server_nonce, salt = talk
    nonce = client_nonce + server_nonce

    def conversation(passwords, sent):
        scram = wire.Scram(mechanism, passwords)
        scram.salt, scram.nonce = base64.b64decode(salt), server_nonce
        first = scram.first(f"n,,n=user,r={client_nonce}".encode())
        assert first == f"r={nonce},s={salt},i=4096".encode()
        return scram.final(f"c=biws,r={nonce},p={sent}".encode())

    assert conversation({"user": "pencil"}, proof) == b"v=" + verifier.encode()
    for passwords, sent in (({"user": "pen"}, proof), ({}, proof), ({"user": "pencil"}, proof[4:])):
        with pytest.raises(wire.Refused):
            conversation(passwords, sent)


# Login, bucket, config

def test_login_by_each_hash_and_wrong_ones(fake):
    fake.add_user("o=b,c", "x")
    for mechanism in wire.Scram.HASHES:
        with Client(fake.ports()[0]) as client:
            client.hello()
            assert client.login(password="wrong", mechanism=mechanism) == wire.AUTH_ERROR
            assert client.login(user="nobody", mechanism=mechanism) == wire.AUTH_ERROR
            assert client.get(b"orders").status == wire.EACCESS
            assert client.login("o=b,c", "x", mechanism) == wire.SUCCESS
            assert client.get(b"orders").status == wire.NO_BUCKET


def test_plain_is_for_tls_and_checked(start):
    fake = start(tls=True, collections=("app.seq",))
    context = ssl.create_default_context(cafile=fake.ca_file())
    with Client(fake.ports()[0]) as clear, Client(fake.tls_ports()[0]) as client:
        assert b"PLAIN" not in clear.ask("SASL_LIST_MECHS").value
        refused = clear.ask("SASL_AUTH", key=b"PLAIN", value=b"\0user\0password")
        assert refused.status == wire.AUTH_ERROR
        client.socket = context.wrap_socket(client.socket, server_hostname="localhost")
        assert client.ask("SASL_LIST_MECHS").value \
            == b"SCRAM-SHA512 SCRAM-SHA256 SCRAM-SHA1 PLAIN"
        wrong = client.ask("SASL_AUTH", key=b"PLAIN", value=b"\0user\0wrong")
        assert wrong.status == wire.AUTH_ERROR
        assert client.ask("SASL_AUTH", key=b"PLAIN", value=b"\0user\0password").status == 0
        assert client.select() == wire.SUCCESS
        config = json.loads(client.ask("GET_CLUSTER_CONFIG").value)
        assert config["nodesExt"][0]["services"]["kvSSL"] == fake.tls_ports()[0]


def test_features_are_what_is_granted(fake):
    with Client(fake.ports()[0]) as client:
        assert client.hello((wire.COLLECTIONS, wire.DUPLEX, wire.XERROR, wire.XERROR)) \
            == (wire.COLLECTIONS, wire.XERROR)
        fake.grant([wire.XERROR])
        assert client.hello() == (wire.XERROR,)
        assert client.collection is None


def test_buckets_that_one_may_not_use(start):
    fake = start()
    fake.add_user("guest", "g", buckets=["other"])
    fake.add_user("reader", "r", privileges=["Read"])
    with Client(fake.ports()[0]) as client:
        client.hello()
        assert client.login("guest", "g") == wire.SUCCESS
        assert client.select(b"default") == wire.EACCESS
        assert client.select(b"other") == wire.KEY_ENOENT
        cluster = json.loads(client.ask("GET_CLUSTER_CONFIG").value)
        assert "vBucketServerMap" not in cluster and cluster["nodesExt"]
    with Client(fake.ports()[0]) as client:
        client.hello()
        assert client.login("reader", "r") == wire.SUCCESS
        client.select()
        assert client.get(b"a").status == wire.KEY_ENOENT
        refused = client.store("SET", b"a", b"1")
        assert refused.status == wire.EACCESS
        assert "Upsert privilege" in json.loads(refused.value)["error"]["context"]


def test_without_xerror_errors_close(start):
    fake = start()
    with enter(fake, features=()) as client, pytest.raises(ConnectionError):
        client.select(b"default")
        fake.add_user("user", "password", buckets=["other"])
        client.select(b"default")


def test_the_config_names_the_nodes_and_their_vbuckets(start):
    fake = start(nodes=3, replicas=1, host_placeholder=True, alternate="far.example.com")
    with enter(fake, 1) as client:
        reply = client.ask("GET_CLUSTER_CONFIG")
        config = json.loads(reply.value)
        servers = config["vBucketServerMap"]
        assert servers["serverList"] == [f"$HOST:{port}" for port in fake.ports()]
        assert servers["vBucketMap"][:3] == [[0, 1], [1, 2], [2, 0]]
        assert [("thisNode" in node, "hostname" in node) for node in config["nodesExt"]] \
            == [(False, False), (True, False), (False, False)]
        external = config["nodesExt"][2]["alternateAddresses"]["external"]
        assert external == {"hostname": "far.example.com", "ports": {"kv": fake.ports()[2]}}
        assert "durableWrite" in config["bucketCapabilities"]
        known = client.ask("GET_CLUSTER_CONFIG", extras=struct.pack(">QQ", 1, config["rev"]))
        assert known.status == 0 and known.value == b""


def test_not_my_vbucket_carries_the_config(start):
    fake = start(nodes=2)
    with enter(fake, 0) as client:
        assert client.get(b"orders").status == wire.NOT_MY_VBUCKET  # 47 is odd: node 1
        fake.move(47, [0])
        assert client.get(b"orders").status == wire.KEY_ENOENT
        old = json.loads(client.ask("GET_CLUSTER_CONFIG").value)["rev"]
        fake.rebalance([1])
        refused = client.get(b"orders")
        assert refused.status == wire.NOT_MY_VBUCKET
        config = json.loads(refused.value)
        assert config["rev"] > old
        assert config["vBucketServerMap"]["serverList"] == [f"127.0.0.1:{fake.ports()[1]}"]
        fake.settings.not_my_vbucket_config = False
        assert client.get(b"orders").value == b""


def test_collections(fake):
    with enter(fake) as client:
        client.use("app.seq")
        assert client.collection == 8
        client.store("ADD", b"orders", b"1")
        client.collection = 0
        assert client.get(b"orders").status == wire.KEY_ENOENT
        client.collection = 99
        refused = client.get(b"orders")
        assert refused.status == wire.UNKNOWN_COLLECTION
        assert json.loads(refused.value)["manifest_uid"] == "2"
        unknown = client.ask("GET_COLLECTION_ID", value=b"none.seq")
        assert unknown.status == wire.UNKNOWN_SCOPE
        fake.drop_collection("app.seq")
        client.collection = 8
        refused = client.get(b"orders")
        assert refused.status == wire.UNKNOWN_COLLECTION
        assert json.loads(refused.value)["manifest_uid"] == "3"
        assert fake.create_collection("app.seq") == 9
        client.use("app.seq")
        assert client.get(b"orders").status == wire.KEY_ENOENT
        assert client.ask("GET", key=b"\x80\x00orders").status == wire.EINVAL
        assert client.ask("GET", key=b"o").status == wire.EINVAL


# Documents

def test_stores_keep_flags_and_compare_cas(fake):
    with enter(fake) as client:
        added = client.store("ADD", b"a", b"1000", flags=7)
        assert client.store("ADD", b"a", b"1").status == wire.KEY_EEXISTS
        assert client.store("REPLACE", b"b", b"1").status == wire.KEY_ENOENT
        assert client.store("SET", b"b", b"1", cas=5).status == wire.KEY_ENOENT
        assert client.store("SET", b"a", b"1", cas=5).status == wire.KEY_EEXISTS
        assert client.store("ADD", b"b", b"1", cas=5).status == wire.EINVAL
        replaced = client.store("REPLACE", b"a", b"text", cas=added.cas, flags=8)
        assert replaced.status == 0 and replaced.cas > added.cas
        assert replaced.mutation == (added.mutation[0], added.mutation[1] + 1)
        found = client.get(b"a")
        assert (found.value, found.extras, found.cas, found.datatype) \
            == (b"text", struct.pack(">I", 8), replaced.cas, 0)
        assert client.on("DELETE", b"a", cas=added.cas).status == wire.KEY_EEXISTS
        assert client.on("DELETE", b"a").status == 0
        assert client.on("DELETE", b"a").status == wire.KEY_ENOENT
        assert client.store("SET", b"a", b"1", expiry=1).status == 0
        assert client.store("SET", b"a", b"1", expiry=1700000000).status == 0
        assert client.get(b"a").status == wire.KEY_ENOENT, "expired long ago"


def test_counters_wrap_floor_and_refuse(fake):
    top = (1 << 64) - 1
    with enter(fake) as client:
        assert client.count(b"c", 500).status == wire.KEY_ENOENT
        first = client.count(b"c", 500, initial=2000000000)
        assert int.from_bytes(first.value, "big") == 2000000000, "initial, whatever the delta"
        assert int.from_bytes(client.count(b"c", 500).value, "big") == 2000000500
        assert client.get(b"c").value == b"2000000500"
        assert client.count(b"c", 1, cas=first.cas).status == wire.EINVAL
        client.store("SET", b"c", str(top).encode(), flags=3)
        assert int.from_bytes(client.count(b"c", 10).value, "big") == 9, "wraps"
        assert client.get(b"c").extras == struct.pack(">I", 3), "flags are kept"
        assert int.from_bytes(client.count(b"c", 100, name="DECREMENT").value, "big") == 0
        for good in (b" +41", b"41 ", b"\t41"):
            client.store("SET", b"c", good)
            assert int.from_bytes(client.count(b"c", 1).value, "big") == 42
        for bad in (b"-1", b"1.5", b'"1"', b"{}", b"", b"18446744073709551616", b"1e3", b"++1"):
            client.store("SET", b"c", bad)
            assert client.count(b"c", 1).status == wire.DELTA_BADVAL, bad
        assert client.count(b"c", 1, initial=1).status == wire.DELTA_BADVAL


def test_expiry_is_kept_when_asked(fake):
    far = 4000000000
    with enter(fake, features=(*USUAL, wire.PRESERVE_TTL)) as client:
        def expiry():
            return fake.cluster.buckets["default"].vbuckets[47].documents[0, b"orders"].expiry
        client.store("SET", b"orders", b"1", expiry=far)
        client.count(b"orders", 1)
        assert expiry() == far
        client.store("SET", b"orders", b'{"p":1}', frame=b"\x50")
        assert expiry() == far
        assert client.sub("SUBDOC_COUNTER", b"orders", b"p", b"1", frame=b"\x50").status == 0
        assert expiry() == far
        assert client.sub("SUBDOC_COUNTER", b"orders", b"p", b"1").status == 0
        assert expiry() == 0, "a sub-document change without the frame sets the expiry it brings"


# Sub-documents

DOCUMENT = b'{"e3" : {"p":1000, "s":"x"},"list":[1,{"a":2}], "big":9223372036854775800}'


def test_sub_document_counter(fake):
    with enter(fake) as client:
        def add(path, delta, **parts):
            reply = client.sub("SUBDOC_COUNTER", b"d", path, delta, **parts)
            return reply.value if reply.status == 0 else reply.status
        assert add(b"e3.p", b"500") == wire.KEY_ENOENT
        client.store("SET", b"d", DOCUMENT, flags=9)
        assert add(b"e3.p", b"500") == b"1500"
        assert add(b"e3.p", b"-2000") == b"-500"
        assert client.get(b"d").value == DOCUMENT.replace(b"1000", b"-500"), "the rest stays"
        assert client.get(b"d").extras == struct.pack(">I", 9)
        assert add(b"e4.p", b"1") == wire.PATH_ENOENT
        assert add(b"e4.p", b"1", flags=1) == b"1"
        assert add(b"e3.new", b"7") == b"7", "a missing leaf begins at 0"
        assert add(b"big", b"8") == wire.VALUE_CANTINSERT
        assert add(b"big", b"7") == b"9223372036854775807"
        assert add(b"e3.s", b"1") == wire.PATH_MISMATCH
        assert add(b"e3.p.q", b"1") == wire.PATH_MISMATCH
        assert add(b"list[1].a", b"1") == b"3"
        assert add(b"list[-1].a", b"1") == b"4"
        for bad in (b"0", b"x", b"1.5", b"9223372036854775808"):
            assert add(b"e3.p", bad) == wire.DELTA_EINVAL, bad
        client.store("SET", b"d", b'{"p":9223372036854775808}')
        assert add(b"p", b"1") == wire.NUM_ERANGE
        client.store("SET", b"d", b"text")
        assert add(b"p", b"1") == wire.DOC_NOTJSON


def test_sub_document_counter_compares_cas(fake):
    with enter(fake) as client:
        first = client.store("SET", b"d", b'{"p":1}')
        second = client.sub("SUBDOC_COUNTER", b"d", b"p", b"1", cas=first.cas)
        assert second.status == 0
        assert client.sub("SUBDOC_COUNTER", b"d", b"p", b"1", cas=first.cas).status \
            == wire.KEY_EEXISTS
        assert client.sub("SUBDOC_GET", b"d", b"p").value == b"2"


def test_sub_document_changes(fake):
    with enter(fake) as client:
        def change(name, path, value=b"", **parts):
            return client.sub("SUBDOC_" + name, b"d", path, value, **parts).status
        client.store("SET", b"d", b"{}")
        assert change("DICT_ADD", b"a.b", b"1") == wire.PATH_ENOENT
        assert change("DICT_ADD", b"a.b", b"1", flags=1) == 0
        assert change("DICT_ADD", b"a.b", b"2") == wire.PATH_EEXISTS
        assert change("DICT_UPSERT", b"a.c", b'"two"') == 0
        assert change("DICT_UPSERT", b"a.c", b"no json") == wire.VALUE_CANTINSERT
        assert change("REPLACE", b"a.x", b"1") == wire.PATH_ENOENT
        assert change("REPLACE", b"a.b", b"[1, 2]") == 0
        assert client.get(b"d").value == b'{"a":{"b":[1, 2],"c":"two"}}'
        assert client.sub("SUBDOC_GET_COUNT", b"d", b"a.b").value == b"2"
        assert client.sub("SUBDOC_EXISTS", b"d", b"a.x").status == wire.PATH_ENOENT
        assert change("DELETE", b"a.b[0]") == 0
        assert change("DELETE", b"a.b") == 0
        assert change("DELETE", b"a.b") == wire.PATH_ENOENT
        assert change("DICT_UPSERT", b"`x.y`.z", b"1", flags=1) == 0
        assert client.get(b"d").value == b'{"a":{"c":"two"},"x.y":{"z":1}}'
        for path in (b".a", b"a.", b"a..b", b"a[", b"a]", b"a[x]"):
            assert change("DICT_UPSERT", path, b"1") == wire.PATH_EINVAL, path
        assert client.on("DELETE", b"d").status == 0
        assert change("DICT_UPSERT", b"a", b"1") == wire.KEY_ENOENT
        assert change("DICT_UPSERT", b"a", b"1", more=b"\x01") == 0, "document flag mkdoc"
        assert change("DICT_UPSERT", b"a", b"1", more=b"\x02") == wire.KEY_EEXISTS


def test_many_changes_are_all_or_none(fake):
    with enter(fake) as client:
        client.store("SET", b"d", b'{"e3":{"p":1},"v":1}', flags=5)
        done = client.change_many(b"d", ("SUBDOC_COUNTER", b"e3.p", b"5"),
                                  ("SUBDOC_DICT_UPSERT", b"v", b'"x"'),
                                  ("SUBDOC_COUNTER", b"n", b"3"))
        assert done.status == 0 and len(done.extras) == 16
        assert done.value == struct.pack(">BHI", 0, 0, 1) + b"6" \
            + struct.pack(">BHI", 2, 0, 1) + b"3"
        assert client.get(b"d").value == b'{"e3":{"p":6},"v":"x","n":3}'
        assert client.get(b"d").extras == struct.pack(">I", 5)
        failed = client.change_many(b"d", ("SUBDOC_COUNTER", b"e3.p", b"5"),
                                    ("SUBDOC_REPLACE", b"none", b"1"))
        assert failed.status == wire.MULTI_PATH_FAILURE
        assert failed.value == struct.pack(">BH", 1, wire.PATH_ENOENT)
        assert client.sub("SUBDOC_GET", b"d", b"e3.p").value == b"6", "nothing was done"
        assert client.change_many(b"d", ("GET", b"", b"")).status == wire.INVALID_COMBO
        assert client.change_many(b"d", ("SUBDOC_COUNTER", b"n", b"1"), cas=1).status \
            == wire.KEY_EEXISTS
        assert client.change_many(b"new", ("SUBDOC_DICT_ADD", b"a.b", b"1", 1), extras=b"\x02"
                                  ).status == 0
        assert client.get(b"new").value == b'{"a":{"b":1}}'
        status, found = client.look_many(b"d", ("SUBDOC_GET", b"e3.p"), ("SUBDOC_EXISTS", b"x"),
                                         ("SUBDOC_GET", b"v"), ("GET", b""))
        assert status == wire.MULTI_PATH_FAILURE
        assert found == [(0, b"6"), (wire.PATH_ENOENT, b""), (0, b'"x"'),
                         (0, b'{"e3":{"p":6},"v":"x","n":3}')]

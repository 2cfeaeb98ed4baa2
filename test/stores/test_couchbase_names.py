# SPDX-License-Identifier: Apache-2.0
"""What keeps two stores in one Couchbase bucket apart to a guard, which has one --data for both:
collection, prefix, plain counters or records."""
import re

import pytest

from fake_couchbase import FakeCouchbase, Settings
from live import Fleet, pawl


@pytest.fixture(name="fake")
def fixture_fake():
    fake = FakeCouchbase(Settings(collections=("app.a", "app.b"))).start()
    yield fake
    fake.stop()


@pytest.fixture(name="guarded")
def fixture_guarded(tmp_path):
    """guarded(url) is a pawld on it; all have the same folder of guards, one after the other."""
    fleet = Fleet(tmp_path)

    def start(url, *options, ready=True):
        return fleet.start(store=url, options=["--data", str(tmp_path / "data"), *options],
                           ready=ready)

    yield start
    fleet.end()


def ids_of(server, name, count):
    with server.redis() as client:
        client.execute_command("SEQ.CREATE", name, "IFNOTEXISTS")
        return [client.incr(name) for _ in range(count)]


def refusal(server):
    """The store's name, which a pawld that does not start says it could be accepted by."""
    assert server.process.wait(20) == 1, server.log()
    server.stopped = True
    accept = re.search(r'--accept-store ([^\s"\\]+)', server.log())
    assert accept, server.log()
    return accept[1]


def in_collection(fake, name, query):
    return fake.url().replace("/app.a", "/" + name) + query


def test_a_counter_in_another_collection_is_another_counter(fake, guarded):
    """The line of a plain counter is always 1: nothing but the store's name says that it is not
    the one that had come to two billion."""
    one = guarded(in_collection(fake, "app.a", "?counter=plain&start=2000000000&block=500"))
    assert ids_of(one, "s", 2) == [2000000000, 2000000001]
    assert one.stop() == 0
    other = guarded(in_collection(fake, "app.b", "?counter=plain&start=100&block=500"))
    assert ids_of(other, "s", 2) == [100, 101]
    assert fake.document("s", "app.b") == "600"
    assert other.stop() == 0
    # A lower line of the other one did not take its place: that it goes back is seen.
    fake.put("s", "2000000000", "app.a")
    one.start()
    assert ids_of(one, "s", 1)[0] > 2000000500, one.log()


def test_another_prefix_is_another_store(fake, guarded):
    one = guarded(fake.url(query="?prefix=aaa"))
    seen = ids_of(one, "s", 5)
    assert one.stop() == 0
    other = guarded(fake.url(query="?prefix=bbb"), ready=False)
    name = refusal(other)
    assert name.endswith("/8/bbb"), name
    plain = guarded(fake.url(query="?counter=plain"), ready=False)
    assert refusal(plain).endswith("/8:plain")
    other.options += ["--accept-store", name]
    other.start()
    assert len(ids_of(other, "t", 5)) == 5
    assert other.stop() == 0
    one.options += ["--accept-store", name.replace("bbb", "aaa")]
    one.start()
    seen += ids_of(one, "s", 5)
    assert seen == sorted(set(seen)), (seen, one.log())


def test_a_collection_made_anew_is_asked_nothing(fake, guarded):
    server = guarded(fake.url())
    seen = ids_of(server, "s", 5)
    fake.drop_collection("app.a")
    fake.create_collection("app.a")
    assert pawl("create", "s", url=fake.url()).returncode == 0
    done = pawl("--timeout", "1", "next", "s", "-n", "5000", url=server.url)
    seen += map(int, done.stdout.split())  # of its stock
    assert done.returncode != 0 and seen == list(range(1, len(seen) + 1)), done.stdout
    assert "is another store now" in server.log()
    assert server.stop() == 0
    server.start(ready=False)
    assert refusal(server).endswith("/a/pawl")


def test_the_name_that_a_bucket_had_once_is_another_store(fake, guarded, tmp_path):
    """A guard from when a bucket's uuid was all of the name: it says so, and once it is told that
    this is the store that was meant, what was seen there counts."""
    server = guarded(fake.url())
    ids_of(server, "s", 1)
    moment = fake.moment()
    seen = ids_of(server, "s", 2000)
    assert server.stop() == 0
    book, = (tmp_path / "data").glob("guard-*")
    stores = tmp_path / "data" / "stores"
    shown, url = stores.read_text(encoding="ascii").split()
    assert book.name == "guard-" + shown
    uuid = re.match("[0-9a-f]{32}", shown)[0]
    book.rename(book.with_name("guard-" + uuid))
    stores.write_text(f"{uuid} {url}\n", encoding="ascii")
    fake.go_back(moment)
    server.start(ready=False)
    server.options += ["--accept-store", refusal(server)]
    server.start()
    assert ids_of(server, "s", 1)[0] > max(seen), server.log()

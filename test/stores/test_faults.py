# SPDX-License-Identifier: Apache-2.0
"""Networks and servers that fail, in front of and below every store's driver. What holds always:
an id is given once, an answer that says that nothing was taken is right, and the store goes on
working afterwards."""
import itertools
import time

import pytest
import raw
from asker import Ledger

from live import wait_until

KINDS = ["postgres", "etcd", "redis", "dynalite", "dynamodb_local", "couchbase_fake"]
MOCK = pytest.mark.cannot(couchbase_mock="its config names its own ports: the fake stands behind "
                                         "a proxy instead")
TAKE = 10
REFUSED = ("PAWL_LOST", "PAWL_STORE", "PAWL_BUSY", "PAWL_TIMEOUT")
BACK_S = 25  # PostgreSQL's driver waits 10 s for an answer that is owed
numbers = itertools.count(1)


def names(word):
    return f"{word}-{next(numbers)}-{time.monotonic_ns()}"


class Case:
    """One sequence of a store behind proxies, and all that was taken of it."""

    def __init__(self, asker, name, proxies):
        self.asker, self.name, self.proxies = asker, name, proxies
        self.ledger = Ledger()
        self.start = 1
        asker.must("init")
        asker.must("create", name)
        for _ in range(3):
            self.take_at_last()

    def take(self, **fields):
        answer = self.asker.ask("take", self.name, count=TAKE, **fields)
        self.judge(answer)
        return answer

    def judge(self, answer):
        assert answer["error"] in ("PAWL_OK", *REFUSED), answer
        self.ledger.book(answer)

    def take_at_last(self):
        """Fails until the store is back, which it must be soon."""
        def taken():
            nonlocal answer
            answer = self.take()
            return answer["error"] == "PAWL_OK"

        answer = None
        wait_until(taken, "the store gives ids again", BACK_S)
        return answer

    def all(self, way, do, *arguments):
        for proxy in self.proxies:
            getattr(proxy, do)(way, *arguments)

    def calm(self):
        for proxy in self.proxies:
            proxy.calm()

    def seen(self):
        """Bytes upwards and downwards so far."""
        return tuple(map(sum, zip(*(proxy.seen() for proxy in self.proxies))))

    def finish(self):
        """Works again, nothing was given twice, and what is missing was told to be burned."""
        self.calm()
        self.take_at_last()
        self.ledger.check()
        reserved = self.asker.must("read", self.name)["next"] - self.start
        missing = reserved - self.ledger.given
        assert missing <= self.ledger.burned, (f"{missing} ids are missing, of "
                                               f"{self.ledger.burned} was said that they may be")


@pytest.fixture
def case(farm, asking, proxied):
    def begin(kind):
        server = farm.get(kind)
        proxies = proxied(server)
        return Case(asking(server, proxies), names("faults"), proxies)

    return begin


@MOCK
@pytest.mark.parametrize("kind", KINDS)
def test_lost_request(case, kind):
    one = case(kind)
    one.all("up", "swallow")
    assert one.take()["error"] in REFUSED
    one.finish()


@MOCK
@pytest.mark.parametrize("kind", KINDS)
def test_lost_reply(case, kind):
    one = case(kind)
    one.all("down", "swallow")
    answer = one.take()
    assert answer["error"] == "PAWL_LOST" and answer["burned"] == TAKE, answer
    one.finish()


@MOCK
@pytest.mark.parametrize("kind", KINDS)
def test_duplicated_reply(case, kind):
    one = case(kind)
    for _ in range(10):
        for proxy in one.proxies:
            proxy.twice()
        one.take()
        one.calm()
        one.take()
        # Over HTTP each answer is now the one to the request before: each is refused as such.
        for proxy in one.proxies:
            proxy.drop()
        one.take_at_last()
    one.finish()


@MOCK
@pytest.mark.parametrize("way", ["up", "down"])
@pytest.mark.parametrize("kind", KINDS)
def test_connection_cut_at_each_byte_of_an_advance(case, kind, way):
    one = case(kind)
    before = one.seen()
    one.take_at_last()
    up, down = (now - then for now, then in zip(one.seen(), before))
    for after in range(up if way == "up" else down):
        one.all(way, "cut", after)
        one.take()
        one.calm()
        one.take_at_last()
    one.finish()


@MOCK
@pytest.mark.parametrize("kind", KINDS)
def test_connections_refused_for_a_while(case, kind):
    one = case(kind)
    for proxy in one.proxies:
        proxy.refuse()
        proxy.drop()
    answer = one.take()
    assert answer["error"] in REFUSED, answer
    answer = one.take()
    assert answer["error"] in REFUSED and answer["burned"] == 0, answer
    one.finish()


@MOCK
@pytest.mark.parametrize("kind", KINDS)
def test_slow_server(case, kind):
    one = case(kind)
    one.all("down", "delay", 0.3)
    assert one.take()["error"] == "PAWL_OK"
    one.calm()
    one.all("down", "stall")
    assert one.take()["error"] == "PAWL_LOST"
    one.finish()


CHANGES = {"set": {"value": 1000}, "alter": {"max": 1000000000}, "fence": {"count": 50}, "drop": {}}


@MOCK
@pytest.mark.parametrize("verb", CHANGES)
@pytest.mark.parametrize("kind", KINDS)
def test_change_whose_reply_is_lost_is_made_once(case, kind, verb):
    one = case(kind)
    before = one.asker.must("read", one.name)
    one.all("down", "cut", 0)
    answer = one.asker.ask(verb, one.name, **CHANGES[verb])
    assert answer["error"] in ("PAWL_OK", "PAWL_UNKNOWN"), answer
    one.calm()
    if verb == "drop":
        assert answer["error"] == "PAWL_OK", answer
        assert one.asker.ask("read", one.name)["error"] == "PAWL_NO_SEQUENCE"
        return
    after = one.asker.must("read", one.name)
    assert after["version"] == before["version"] + (answer["error"] == "PAWL_OK")
    assert (after["epoch"] != before["epoch"]) == (answer["error"] == "PAWL_OK")
    one.take_at_last()
    one.ledger.check()


@MOCK
@pytest.mark.parametrize("kind", KINDS)
def test_give_back_whose_reply_is_lost_burns(case, kind):
    one = case(kind)
    grant = one.take_at_last()
    one.all("down", "cut", 0)
    answer = one.asker.ask("return", one.name, value=grant["first"] + 3, lease=grant["lease"],
                           epoch=grant["epoch"])
    assert answer["error"] == "PAWL_NOT_KEPT", answer
    one.calm()
    other = one.take_at_last()
    assert other["first"] in (grant["first"] + 3, grant["first"] + TAKE)
    answer = one.asker.ask("return", one.name, value=grant["first"] + 3, lease=grant["lease"],
                           epoch=grant["epoch"])
    assert answer["error"] == "PAWL_NOT_KEPT", answer
    assert one.take_at_last()["first"] == other["first"] + TAKE


SESSIONS = pytest.mark.cannot(
    postgres="its requests belong to a session: 'writes at most once, asked twice' says it",
    couchbase_fake="its requests belong to a session: 'writes at most once, asked twice' says it")


@SESSIONS
@pytest.mark.parametrize("verb", ["set", "alter", "drop", "return"])
@pytest.mark.parametrize("kind", ["etcd", "redis", "dynalite", "dynamodb_local"])
def test_repeated_request_of_a_change_does_nothing(case, kind, verb):
    one = case(kind)
    proxy, = one.proxies
    grant = one.take_at_last()
    fields = CHANGES.get(verb, {"value": grant["first"] + 3, "lease": grant["lease"],
                                "epoch": grant["epoch"]})
    proxy.record()
    one.asker.must(verb, one.name, **fields)
    recorded = one.asker.ask("read", one.name)
    assert proxy.replay()
    assert one.asker.ask("read", one.name) == dict(recorded, id=str(one.asker.number))
    if verb == "drop":
        one.asker.must("create", one.name)
    first = one.asker.must("take", one.name, count=TAKE - 3)
    assert one.asker.must("take", one.name, count=1)["first"] == first["first"] + TAKE - 3


@pytest.mark.parametrize("kind", KINDS)
def test_store_that_lost_the_record(farm, asking, kind):
    server = farm.get(kind)
    asker, other = asking(server), asking(server)
    name = names("lost")
    asker.must("init")
    asker.must("create", name)
    grant = asker.must("take", name, count=TAKE)
    other.must("take", name, count=TAKE)
    raw.lose(server, name)
    floor = {"floor_line": grant["line"], "floor_id": grant["first"] + TAKE - 1}
    for ask in (asker, other):
        assert ask.ask("take", name, count=TAKE)["error"] == "PAWL_NO_SEQUENCE"
        assert ask.ask("take", name, count=TAKE, **floor)["error"] == "PAWL_NO_SEQUENCE"
        assert ask.ask("set", name, value=900)["error"] == "PAWL_NO_SEQUENCE"
        assert ask.ask("read", name)["error"] == "PAWL_NO_SEQUENCE"
    assert asker.must("ping")


@pytest.mark.parametrize("kind", KINDS)
def test_store_that_answers_a_lower_value(farm, asking, kind):
    server = farm.get(kind)
    asker, other = asking(server), asking(server)
    name = names("lower")
    ledger = Ledger()
    asker.must("init")
    asker.must("create", name)
    ledger.book(asker.must("take", name, count=TAKE))
    copied = raw.copy(server, name)
    for _ in range(5):
        grant = asker.must("take", name, count=TAKE)
        ledger.book(grant)
    raw.put_back(server, name, copied)
    floor = {"floor_line": grant["line"], "floor_id": grant["first"] + TAKE - 1}
    for ask in (asker, other):
        answer = ask.ask("take", name, count=TAKE, **floor)
        if answer["error"] == "PAWL_LOST":  # it saw only afterwards where it had advanced
            ledger.book(answer)
            answer = ask.must("take", name, count=TAKE, **floor)
        assert answer["first"] > floor["floor_id"] and answer["line"] == grant["line"]
        assert answer["epoch"] > grant["epoch"]
        ledger.book(answer)
    ledger.check()


@pytest.mark.cannot(couchbase_mock="it forgets everything when it ends")
@pytest.mark.parametrize("kind", KINDS)
def test_server_restart(own_server, asking, kind):
    server = own_server(kind)
    one = Case(asking(server), names("restart"), [])
    before = one.take_at_last()
    for _ in range(2):
        number = one.asker.begin("take", one.name, count=TAKE)
        server.restart()
        one.judge(one.asker.wait(number))
        after = one.take_at_last()
        assert after["epoch"] == before["epoch"]
    one.finish()


def quorum_of(server):
    """What loses it, what regains it."""
    if hasattr(server, "lose_quorum"):
        return server.lose_quorum, server.resume
    second = server.standby if hasattr(server, "standby") else server.replica
    return second.pause, second.resume


@pytest.mark.parametrize("kind", ["etcd3", "redis_replica", "postgres_sync"])
def test_quorum_lost_and_regained(own_server, asking, kind):
    server = own_server(kind)
    one = Case(asking(server), names("quorum"), [])
    lose, regain = quorum_of(server)
    lose()
    for _ in range(2):
        assert one.take()["error"] in REFUSED
    regain()
    one.finish()

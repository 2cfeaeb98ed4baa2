# SPDX-License-Identifier: Apache-2.0
"""Applications straight on a store, with no server: six pods that come, go, fork and are killed.

Each kind of store has a story on its shared server, AT_ONCE of them at a time, for most of a story
is waiting; the tests then look at what became of it.

PAWL_KINDS     which stores; all by default
PAWL_SEED      of the moments at which things happen; the same ones without it, "random": any
PAWL_COUNTERS  how many sequences a marketplace has on dynalite; 1,000 by default
"""
import array
import concurrent.futures
import os
import random
import threading
import time
import zlib

import fake_couchbase
import history
import pytest
import servers
from live import Fleet, pawl, seed_of_tests, wait_until
from couchbase.options import DeltaValue, IncrementOptions
from pods import USUAL_MS, Team
from test_fake_couchbase_sdk import MAJORITY, connect

KINDS = os.environ.get("PAWL_KINDS", "dynamodb_local postgres redis etcd dynalite couchbase_mock "
                       "couchbase_fake").split()  # who needs longest begins
NAMES = ["orders", "lines", "bills"]
PODS = 6
FAST = ["--refill-interval", "400ms", "--ride-through", "2s"]
# An emulator that takes 20 ms for a write is asked less often.
CALM = ["--refill-interval", "1500ms", "--ride-through", "3s"]
AT_ONCE = 3
RIDE_MS = 1500
BACK_S = 10
SHIPMENT, FIRST, DELTA = "ShipmentDao_SEQ", 2_000_000_000, 500
COUNTERS = int(os.environ.get("PAWL_COUNTERS", 1000))


def own_place(kind, url):
    """The same server, where no other test's sequences are."""
    if kind == "postgres":
        return url.replace("table=pawl_sequences", "table=pods")
    if kind.startswith("dyn"):
        return url.replace("dynamodb://pawl?", "dynamodb://pods?")
    if kind == "redis":
        return url.replace("prefix=pawl:", "prefix=pods:")
    if kind == "etcd":
        return url.replace("/pawl", "/pods")
    return url + ("&" if "?" in url else "?") + "prefix=pods"


class Story:
    """What happens on one store. Each part leaves the store up, and what it found in told."""

    def __init__(self, kind, server, folder, seed):
        self.kind, self.server, self.folder = kind, server, folder
        folder.mkdir()
        self.url = own_place(kind, server.url)
        self.env = server.env
        self.calm = kind == "dynamodb_local"
        self.dice = random.Random(seed ^ zlib.crc32(kind.encode()))
        self.team = Team(folder)
        self.told = {}

    def tell(self):
        try:
            self.say("store", "init", self.url)
            for part in (self.figures, self.quiet, self.forks, self.fleet, self.away):
                begun = time.monotonic()
                try:
                    self.told[part.__name__] = part()
                except AssertionError as error:
                    self.told[part.__name__] = error
                print(f"{self.kind}: {part.__name__} took {time.monotonic() - begun:.1f} s")
        finally:
            self.team.end()
        return self.told

    def say(self, *words):
        """Until it is done: an emulator that just started may be slow. 4: it was done before."""
        url = None if words[0] == "store" else self.url
        wait_until(lambda: pawl(*words, url=url, env=self.env).returncode in (0, 4),
                   f"{self.kind}: {words}")

    def pod(self, url=None, times_ms=USUAL_MS):
        return self.team.start(url or self.url, self.env, times_ms)

    # What it costs to begin

    def figures(self):
        self.say("create", "first")
        pod = self.pod().ready()
        opened_us, (seq_us,) = pod.opened_us, pod.must("open", "first")
        first_us = pod.must("next", "first")[1]
        memory_kb = pod.must("memory")[0]
        pod.stop()
        return {"pawl_open ms": opened_us / 1000, "pawl_seq_open ms": seq_us / 1000,
                "first id us": first_us, "memory MB": memory_kb / 1024}

    # A clean stop leaves no gap

    def quiet(self):
        self.say("create", "quiet")
        last = 0
        for draws in (False, True, True, False, False):
            pod = self.pod().ready()
            assert pod.next("quiet") == last + 1, f"{self.kind}: a gap after {last}"
            last += 1
            if draws:
                self.team.draw(pod, ["quiet"])
                wait_until(lambda: pod.must("drawn")[0] > 0, "it draws")
                time.sleep(0.3)
                pod.must("rest")
                last = history.read(self.team.path(pod, "quiet"))[-1]
            pod.stop()
        return last

    # Who forks

    def forks(self):
        """Children begin anew; what they and the parent have open is theirs."""
        self.say("create", "forks")
        pod = self.pod().ready()
        ids = [pod.next("forks")]
        for _ in range(3):
            ids.append(pod.must("daemon", "forks")[0])
            ids.append(pod.next("forks"))
        pod.stop()
        assert len(set(ids)) == len(ids), f"{self.kind}: {ids}"
        return ids

    # Six pods, two servers, everything killed

    def fleet(self):
        for name in NAMES:
            self.say("create", name)
        self.running = Fleet(self.folder)
        options = CALM if self.calm else FAST
        servers = [self.running.start(store=self.url, options=options) for _ in range(2)]
        urls = [self.url] * PODS + [one.url for one in servers]
        try:
            pods = [self.enter(url) for url in urls]
            for act in self.acts():
                time.sleep(self.dice.uniform(0.1, 0.4))
                self.play(act, pods, servers)
            self.come_to_rest(pods)
        finally:
            self.running.end()
        return {name: self.judge(name) for name in NAMES}

    def enter(self, url):
        pod = self.pod(url, (20000, 3000, 1500) if self.calm else (20000, 2000, 400)).ready()
        pod.must("slow", 5000)
        self.team.draw(pod, NAMES)
        return pod

    def acts(self):
        acts = ["kill pod"] * 3 + ["fork", "fork", "kill pawld"]
        self.dice.shuffle(acts)
        return acts[:3] + (["restart"] if self.server.durable else []) + acts[3:]

    def play(self, act, pods, servers):
        at = self.dice.randrange(PODS)
        if act == "kill pod":
            pods[at].kill()
            pods[at] = self.enter(self.url)
        elif act == "fork":
            child = self.team.fork(pods[at], self.dice.choice(NAMES))
            wait_until(lambda: child.exists() and child.stat().st_size > 0, "the child draws")
        elif act == "kill pawld":
            server = self.dice.choice(servers)
            server.kill()
            server.start()
        else:
            self.server.restart()

    def come_to_rest(self, pods):
        """Who lived to see the end has had no error, and is served."""
        for pod in pods:
            assert pod.must("drawn")[1] == 0, f"{self.kind}: an error\n{pod.log()}"
        for pod in pods:
            wait_until(lambda pod=pod: pod.must("drawn")[0] > 0, "all are served again")
        for pod in pods:
            pod.stop()

    def judge(self, name):
        histories = {path.name: history.read(path)
                     for path in self.folder.glob(f"{name}.pod*.ids")}
        return len(histories), history.check(histories)

    # The store goes away

    def away(self):
        self.say("create", "steady")
        pod = self.pod(times_ms=(1000, RIDE_MS, 400)).ready()
        pod.must("slow", 2000)
        wait_until(lambda: pod.ask("open", "steady").startswith("ok"), "it opens")
        self.team.draw(pod, ["steady"])
        found = {"deaf": self.absence(pod, self.server.pause, self.server.resume)}
        if self.server.durable:
            found["dead"] = self.absence(pod, self.server.kill, self.server.start)
        pod.stop()
        self.judge("steady")
        return found

    def absence(self, pod, leave, come_back):
        """How long ids went on, and how soon after the store they came again, in seconds."""
        time.sleep(2.5)  # blocks grow
        assert pod.must("drawn")[1] == 0, f"{self.kind}: an error while the store is up"
        leave()
        try:
            begun = time.monotonic()
            wait_until(lambda: pod.must("drawn")[1] > 0, "nothing is left")
            rode_s = time.monotonic() - begun - 1
            stranger = self.pod(times_ms=(800, 2000, 400))
            said = stranger.answer()
            assert said.startswith("error PAWL_"), said
            assert time.monotonic() - begun < 1 + rode_s + 3, f"{self.kind}: hung: {said}"
        finally:
            come_back()
        begun = time.monotonic()
        wait_until(lambda: pod.must("drawn")[0] > 0, "ids come again", BACK_S)
        return rode_s, time.monotonic() - begun, said


@pytest.fixture(scope="module")
def stories(farm, tmp_path_factory):
    """kind -> what will be told."""
    seed = seed_of_tests()
    folder = tmp_path_factory.mktemp("pods")
    before = dict(os.environ)
    os.environ.update(servers.Dynamo.env)

    def tell(kind):
        return Story(kind, farm.get(kind), folder / kind, seed).tell()

    with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as at_once:
        yield {"seed": seed, **{kind: at_once.submit(tell, kind) for kind in KINDS}}
    os.environ.clear()
    os.environ.update(before)


@pytest.fixture(params=KINDS)
def kind(request):
    return request.param


@pytest.fixture
def part(kind, stories):
    """What a part of a store's story found."""
    print(f"PAWL_SEED={stories['seed']}")

    def told(name):
        found = stories[kind].result()[name]
        if isinstance(found, Exception):
            raise found
        print(f"{kind}: {found}")
        return found

    return told


def test_what_it_costs_to_begin(part):
    assert part("figures")["memory MB"] < 64


def test_a_clean_stop_leaves_no_gap(part):
    part("quiet")


def test_a_child_begins_anew_and_leaves_others_descriptors_alone(part):
    part("forks")


def test_six_pods_and_two_servers_share_no_id(part):
    for takers, ids in part("fleet").values():
        assert takers >= PODS + 2 and ids > 1000


def test_a_store_that_is_away_is_ridden_through(part):
    for rode_s, back_s, _ in part("away").values():
        assert rode_s > 0.5 * RIDE_MS / 1000 and back_s < BACK_S


# The two companies whose needs pawl was made for


@pytest.fixture
def team(tmp_path):
    running = Team(tmp_path)
    yield running
    running.end()


@pytest.mark.parametrize("kind, share", [("dynalite", 1), ("dynamodb_local", 10)])
def test_a_marketplace_has_thousands_of_counters(farm, team, kind, share, monkeypatch):
    """The vendor's emulator takes ten times as long for a write: it has fewer of them."""
    counters = COUNTERS // share
    server = farm.get(kind)
    url = server.url.replace("dynamodb://pawl?", "dynamodb://market?")
    for name, value in server.env.items():
        monkeypatch.setenv(name, value)
    assert pawl("store", "init", url).returncode == 0
    pod = team.start(url, times_ms=(30000, 2000, 400)).ready()
    (made_ms,) = pod.must("many", "team/", counters)
    count, listed_ms = pod.must("list")
    assert count == counters
    assert [pod.next(f"team/{i:07}") for i in range(0, counters, counters // 50)] == [1] * 50
    (memory_kb,) = pod.must("memory")
    begun = time.monotonic()
    names = pawl("list", url=url).stdout.split()
    pawl_s = time.monotonic() - begun
    assert sorted(names) == [f"team/{i:07}" for i in range(counters)]
    pod.stop()
    print(f"{kind}: {counters} made in {made_ms} ms, listed in {listed_ms} ms, by pawl list in "
          f"{pawl_s:.1f} s; {memory_kb / 1024:.0f} MB")


class OldPod(threading.Thread):
    """What the delivery company has: Couchbase's own client takes 500 ids at a time."""

    def __init__(self, cluster):
        super().__init__(daemon=True)
        self.counter = cluster.bucket("default").default_collection().binary()
        self.ids, self.over, self.failed = array.array("q"), False, None

    def run(self):
        how = IncrementOptions(delta=DeltaValue(DELTA), durability=MAJORITY)
        try:
            while not self.over:
                end = self.counter.increment(SHIPMENT, how).content
                self.ids.extend(range(end - DELTA, end))
                time.sleep(0.002)
        except Exception as error:  # told by the test, not by a thread
            self.failed = error


def shipping(team, url):
    pod = team.start(url).ready()
    team.draw(pod, [SHIPMENT])
    return pod


def test_old_pods_and_new_ones_share_a_counter(team):
    with fake_couchbase.FakeCouchbase(fake_couchbase.Settings(nodes=2, replicas=1)) as fake:
        url = fake.url(query=f"?counter=plain&start={FIRST}&block={DELTA}")
        assert pawl("create", SHIPMENT, url=url).returncode == 0
        cluster = connect(fake)
        old = OldPod(cluster)
        old.start()
        lasting = shipping(team, url)
        for _ in range(2):
            other = shipping(team, url)
            time.sleep(0.8)
            other.kill()
        lasting.stop()
        old.over = True
        old.join(10)
        cluster.close()
        assert old.failed is None, old.failed
        histories = {path.name: history.read(path) for path in team.folder.glob("*.ids")}
        histories["old"] = old.ids
        total = history.check(histories)
        assert min(map(min, histories.values())) >= FIRST
        assert int(fake.document(SHIPMENT)) > max(map(max, histories.values()))
    print(f"{total} ids, {len(old.ids)} of them the old pod's, none twice")
    assert len(histories) == 4 and len(old.ids) > 10 * DELTA

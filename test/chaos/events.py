# SPDX-License-Identifier: Apache-2.0
"""What goes wrong, and the plan of it, which a seed decides.

An event is a generator: what it does up to its yield, and what ends it. It holds things (a server,
a client, the store) that no other event touches meanwhile.
"""
import dataclasses
import random
import typing

from fleet import APPS, SERVERS
from stores import STORES

CALM_BEFORE_S = 4.0  # blocks grow
CALM_AFTER_S = 5.0   # nothing begins any more: the last ones end
GAP_S = (0.6, 1.8)
STORE = "store"
KEPT_S = (3.0, 6.0)    # between the copy of the disks and its return


@dataclasses.dataclass
class Event:
    at_s: float
    lasts_s: float
    kind: "Kind"
    target: object
    seed: int
    holds: frozenset

    @property
    def until_s(self):
        return self.at_s + self.lasts_s

    def __str__(self):
        return f"{self.kind.name} {self.kind.tell(self.target)}".strip()


@dataclasses.dataclass
class Kind:
    name: str
    does: typing.Callable        # of fleet, target and a random.Random: a generator
    lasts_s: tuple
    weight: int
    targets: typing.Callable     # of fleet: whom it may befall; none: it cannot happen
    lane: str                    # where the plot shows it: "": that of its target
    once_at: float = 0.0         # at this part of the time, and only once
    holds: typing.Callable = lambda fleet, target: {target}
    tell: typing.Callable = str


# Processes


def kill_pawld(fleet, name, _):
    fleet.pawlds[name].kill()
    yield
    fleet.pawlds[name].start()


def restart_pawld(fleet, name, _):
    code = fleet.pawlds[name].stop()
    assert code == 0, f"{name} ended with {code} after SIGTERM"
    yield
    fleet.pawlds[name].start()


def freeze_pawld(fleet, name, _):
    fleet.pawlds[name].pause()
    yield
    fleet.pawlds[name].resume()


def kill_client(fleet, name, _):
    fleet.clients[name].kill()
    yield
    fleet.clients[name].start()


def freeze_client(fleet, name, _):
    fleet.clients[name].pause()
    yield
    fleet.clients[name].resume()


# The network


def both_ways(pairs):
    return [way for a, b in pairs for way in ((a, b), (b, a))]


def cut(fleet, target, _):
    token = object()
    fleet.network.disturb(token, target, loss=1.0)
    yield
    fleet.network.calm(token)


def bad_network(fleet, target, dice):
    token = object()
    fleet.network.disturb(token, target, dice.uniform(0.02, 0.25), dice.randrange(0, 60),
                          dice.randrange(0, 80))
    yield
    fleet.network.calm(token)


def hosts_in_use(fleet):
    return [*SERVERS, *fleet.store.hosts, *APPS]


def pairs_in_use(fleet):
    """Who talks to whom: clients and servers, servers and the store, the store's own."""
    hosts = fleet.store.hosts
    pairs = [(app, server) for app in APPS for server in SERVERS]
    pairs += [(server, host) for server in SERVERS for host in hosts]
    pairs += [(a, b) for a in hosts for b in hosts if a < b]
    return pairs or [("p0", "p1"), ("p0", "p2")]


def whole_cuts(fleet):
    """One pair, both ways; or all that a host has."""
    if not fleet.network.whole:
        return []
    cuts = [both_ways([pair]) for pair in pairs_in_use(fleet)]
    for host in hosts_in_use(fleet):
        cuts.append(both_ways([pair for pair in pairs_in_use(fleet) if host in pair]))
    return cuts


def half_cuts(fleet):
    return [cut[::2] for cut in whole_cuts(fleet)] + [cut[1::2] for cut in whole_cuts(fleet)]


def tell_pairs(pairs):
    both = {frozenset(pair) for pair in pairs}
    mark = "-" if len(both) < len(pairs) else ">"
    shown = sorted({mark.join(sorted(pair) if mark == "-" else pair) for pair in pairs})
    return " ".join(shown[:3]) + (f" and {len(shown) - 3} more" if len(shown) > 3 else "")


# The store


def freeze_store(fleet, _, __):
    fleet.store.pause()
    yield
    fleet.store.resume()


def kill_store(fleet, _, __):
    fleet.store.kill()
    yield
    fleet.store.start()


def lose_member(fleet, _, dice):
    _, come_back = fleet.store.lose_one(dice)
    yield
    come_back()


def fail_over(fleet, _, __):
    fleet.store.fail_over()
    yield


def full_disk(fleet, _, __):
    empty_it = fleet.store.fill_disk()
    yield
    empty_it()


def rewind(fleet, _, __):
    """The disks are as they were when this began. Servers and clients live on."""
    fleet.store.keep()
    yield
    fleet.store.rewind()


def rewind_all(fleet, _, __):
    """Likewise, and no server has anything in memory: only their guards remember."""
    fleet.store.keep()
    yield
    for name in SERVERS:
        fleet.pawlds[name].kill()
    fleet.store.rewind()
    for name in SERVERS:
        if not fleet.pawlds[name].runs():  # LMDB's own is there again
            fleet.pawlds[name].start()


def can(method):
    return lambda fleet: [STORE] if getattr(fleet.store, method, None) else []


def hold_store(fleet, _):
    return {STORE, "p0"} if not fleet.store.hosts else {STORE}


def hold_servers(fleet, _):
    return {STORE, *SERVERS}


def nothing(_):
    return ""


KINDS = [
    Kind("kill -9", kill_pawld, (0.2, 2.5), 4, lambda _: SERVERS, ""),
    Kind("restart", restart_pawld, (0.1, 1.0), 1, lambda _: SERVERS, ""),
    Kind("freeze", freeze_pawld, (1.0, 6.0), 2, lambda _: SERVERS, ""),
    Kind("kill -9", kill_client, (0.1, 0.5), 3, lambda fleet: list(fleet.clients), "clients"),
    Kind("freeze", freeze_client, (2.0, 8.0), 2, lambda fleet: list(fleet.clients), "clients"),
    Kind("partition", cut, (1.0, 5.0), 3, whole_cuts, "network", tell=tell_pairs,
         holds=lambda *_: {"network"}),
    Kind("one way", cut, (1.0, 5.0), 3, half_cuts, "network", tell=tell_pairs,
         holds=lambda *_: {"network"}),
    Kind("loss, delay", bad_network, (2.0, 6.0), 3, whole_cuts, "network", tell=tell_pairs,
         holds=lambda *_: {"network"}),
    Kind("freeze", freeze_store, (0.5, 4.0), 2, can("pause"), STORE, holds=hold_store),
    Kind("kill -9", kill_store, (0.2, 2.0), 2, can("kill"), STORE, holds=hold_store),
    Kind("a member dies", lose_member, (1.0, 4.0), 3, can("lose_one"), STORE, holds=hold_store,
         tell=nothing),
    Kind("full disk", full_disk, (1.5, 5.0), 3, can("fill_disk"), STORE, holds=hold_store,
         tell=nothing),
    Kind("failover", fail_over, (1.0, 1.0), 0, can("fail_over"), STORE, 0.15, hold_store, nothing),
    Kind("rewind", rewind, KEPT_S, 0, can("keep"), STORE, 0.35, hold_store, nothing),
    Kind("rewind, and all servers dead", rewind_all, KEPT_S, 0, can("keep"), STORE, 0.65,
         hold_servers, nothing),
]


def free(planned, event):
    """Nobody else holds what it holds, from a little before it to a little after."""
    return all(one.until_s + 0.5 < event.at_s or event.until_s + 0.5 < one.at_s
               or not one.holds & event.holds for one in planned)


def draw(dice, fleet, kind, at_s):
    target = dice.choice(kind.targets(fleet))
    return Event(at_s, dice.uniform(*kind.lasts_s), kind, target, dice.randrange(1 << 32),
                 frozenset(kind.holds(fleet, target)))


def plan(fleet, seed, seconds):
    """The events of one store's turn, in order."""
    dice = random.Random(seed)
    possible = [kind for kind in KINDS if kind.targets(fleet)]
    planned = [draw(dice, fleet, kind, kind.once_at * seconds)
               for kind in possible if kind.once_at > 0]
    usual = [kind for kind in possible if kind.weight > 0]
    at_s = CALM_BEFORE_S
    while at_s < seconds - CALM_AFTER_S:
        kind = dice.choices(usual, [kind.weight for kind in usual])[0]
        event = draw(dice, fleet, kind, at_s)
        if event.until_s < seconds - CALM_AFTER_S and free(planned, event):
            planned.append(event)
        at_s += dice.uniform(*GAP_S)
    return sorted(planned, key=lambda event: event.at_s)

# SPDX-License-Identifier: Apache-2.0
"""Fixtures of test/stores, and the table at the end of a run.

A server by its name (servers.KINDS) is shared by the whole run, and a test that breaks one takes
`own_server`. A test leaves a shared server running. What a test with a parameter `kind` says
becomes a row of the table store x case, which is also in build/test-logs/conformance.txt.
"""
import collections
import pathlib
import subprocess
import sys

import pytest

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "live")]
import live  # noqa: E402
import servers  # noqa: E402
from asker import Asker  # noqa: E402
from proxy import Proxy  # noqa: E402

TABLE = collections.defaultdict(dict)  # row -> kind -> "ok", "FAILED", "-"
NOTES = collections.defaultdict(dict)  # why there is a "-": reason -> row and kind


@pytest.fixture(scope="session")
def farm():
    running = servers.Farm()
    yield running
    running.end()


def shared(kind):
    @pytest.fixture(scope="session", name=kind)
    def server(farm):
        return farm.get(kind)

    return server


for one in servers.KINDS:
    globals()[f"{one}_server"] = shared(one)


@pytest.fixture
def own_server():
    """own_server(kind, ...) starts one that only this test has."""
    running = servers.Farm()
    yield running.own
    running.end()


@pytest.fixture
def fresh(postgres, request):
    """A database of the test's own on the shared server: its sql() and url."""
    name = f"t{abs(hash(request.node.name)) % 10**9}"
    postgres.sql(f"CREATE DATABASE {name}")

    class Fresh:
        url = postgres.url.replace("/postgres?", f"/{name}?")

        @staticmethod
        def sql(text):
            done = subprocess.run(
                ["psql", "-XAtq", "-v", "ON_ERROR_STOP=1", "-h", "127.0.0.1", "-p",
                 str(postgres.ports[0]), "-U", "postgres", "-d", name, "-c", text],
                text=True, capture_output=True, timeout=20, check=False)
            assert done.returncode == 0, done.stderr
            return done.stdout.strip()

        @staticmethod
        def url_of(user, password):
            return Fresh.url.replace("postgres@", f"{user}:{password}@")

    yield Fresh
    postgres.sql(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def asking():
    """asking(server) is an Asker of it; with through=[proxy, ...] by way of proxies."""
    running = []

    def begin(server, through=None):
        ports = [one.port for one in through] if through else server.ports
        running.append(Asker(server.behind(ports), server.env))
        return running[-1]

    yield begin
    for one in running:
        one.end()


@pytest.fixture
def proxied():
    """proxied(server) is one Proxy for each of its ports."""
    running = []

    def begin(server):
        made = [Proxy(port) for port in server.ports]
        running.extend(made)
        return made

    yield begin
    for one in running:
        one.end()


@pytest.fixture
def table():
    """What a test writes into the table itself: table[row][kind], and notes."""
    return TABLE


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    outcome = yield
    report = outcome.get_result()
    kind = getattr(item, "callspec", None) and item.callspec.params.get("kind")
    if kind is None or item.get_closest_marker("own_rows"):
        return
    row = item.originalname.removeprefix("test_").replace("_", " ")
    for mark in item.iter_markers("cannot"):
        for other, reason in mark.kwargs.items():
            TABLE[row][other] = "-"
            NOTES[reason][f"{row}, {other}"] = None
    if report.failed:
        TABLE[row][kind] = "FAILED"
    elif report.skipped:
        TABLE[row].setdefault(kind, "skipped")
    elif report.when == "call":
        TABLE[row].setdefault(kind, "ok")


def pytest_configure(config):
    config.addinivalue_line("markers", "own_rows: the test fills the table itself")
    config.addinivalue_line("markers", "cannot(kind=reason): why a store has no such case")


def pytest_terminal_summary(terminalreporter):
    if not TABLE:
        return
    kinds = [kind for kind in ["memory", "lmdb", *servers.KINDS]
             if any(kind in row for row in TABLE.values())]
    wide = max(map(len, TABLE)) + 2
    lines = [" " * wide + " ".join(f"{kind:>14}" for kind in kinds)]
    lines += [f"{name:{wide}}" + " ".join(f"{row.get(kind, ''):>14}" for kind in kinds)
              for name, row in TABLE.items()]
    lines += ["", '"-": what a store cannot do, and why']
    for reason, places in NOTES.items():
        lines += [f"  {reason}:", *(f"    {place}" for place in places)]
    text = "\n".join(lines)
    terminalreporter.write_line(text)
    folder = live.ROOT / "build/test-logs"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "conformance.txt").write_text(text + "\n", encoding="utf-8")

# SPDX-License-Identifier: Apache-2.0
"""Fixtures of test/drivers, and the table driver x check at the end of a run, which is also in
build/test-logs/drivers.txt. A test becomes a field of the table by the mark field(driver, check),
or by its parameters `driver` and `check`.
"""
import collections
import itertools
import pathlib
import re
import sys

import pytest

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "live"), str(HERE.parent / "stores")]
import backend as backends  # noqa: E402
import live  # noqa: E402
from clients import CHECKS, CLIENTS  # noqa: E402

TABLE = collections.defaultdict(dict)  # driver -> check -> "ok", "FAILED"
NAMES = itertools.count()


@pytest.fixture(scope="session")
def backend():
    running = backends.begin()
    yield running
    running.end()


@pytest.fixture
def sequence(backend, request):
    """sequence("MAXVALUE 3") makes one with these options, and returns its name."""
    words = re.sub(r"\W+", "_", request.node.name).strip("_").lower()[:40]

    def make(options="", env=None):
        name = f"{words}_{next(NAMES)}"
        backend.sql(f"CREATE SEQUENCE {name} {options}", env=env)
        return name

    return make


def pytest_configure(config):
    config.addinivalue_line("markers", "whole: not in the quick half: needs a JVM or a compiler")
    config.addinivalue_line("markers", "field(driver, check): where it stands in the table")


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    outcome = yield
    report = outcome.get_result()
    mark = item.get_closest_marker("field")
    params = getattr(item, "callspec", None) and item.callspec.params
    if mark is not None:
        driver, check = mark.args
    elif params and "driver" in params and "check" in params:
        driver, check = params["driver"], params["check"]
    else:
        return
    if report.failed:
        TABLE[driver][check] = "FAILED"
    elif report.when == "call" and TABLE[driver].get(check) != "FAILED":
        TABLE[driver][check] = "ok"


def pytest_terminal_summary(terminalreporter):
    if not TABLE:
        return
    others = sorted({check for row in TABLE.values() for check in row} - set(CHECKS))
    checks = [*CHECKS, *(["more"] if others else [])]
    for row in TABLE.values():
        own = [row[check] for check in others if check in row]
        if own:
            row["more"] = "FAILED" if "FAILED" in own else f"{len(own)} ok"
    for driver, client in CLIENTS.items():
        for check in client.cannot:
            TABLE[driver].setdefault(check, "-")
    wide = max(map(len, TABLE)) + 2
    lines = [f"server: {backends.WHICH}", " " * wide + " ".join(f"{one:>11}" for one in checks)]
    lines += [f"{name:{wide}}" + " ".join(f"{row.get(one, ''):>11}" for one in checks)
              for name, row in TABLE.items()]
    text = "\n".join(lines)
    terminalreporter.write_line(text)
    folder = live.ROOT / "build/test-logs"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "drivers.txt").write_text(text + "\n", encoding="utf-8")

# SPDX-License-Identifier: Apache-2.0
"""The suite of test/store against every store there is: each of its cases is a row of the table."""
import json
import os
import subprocess

import pytest
import servers
from asker import Asker, Ledger
from conftest import NOTES

from live import program

LOCAL = {"memory": "memory:", "lmdb": "lmdb:{tmp}/store"}
LIMIT_S = 300
PROCESSES = 20
ROUNDS = 5


def suite(url, env):
    done = subprocess.run([program("test/store/store_conformance"), "--json", url], text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=LIMIT_S,
                          env=dict(os.environ, **env), check=False)
    return done, [json.loads(line) for line in done.stdout.splitlines()]


@pytest.mark.own_rows
@pytest.mark.parametrize("kind", [*LOCAL, *servers.KINDS])
def test_the_suite(farm, table, kind):
    server = farm.get(kind) if kind not in LOCAL else None
    url, env = (LOCAL[kind], {}) if server is None else (server.behind(server.ports), server.env)
    done, results = suite(url, env)
    if "built without" in done.stderr:
        pytest.skip(done.stderr.strip().splitlines()[-1])
    for one in results:
        table[one["case"]][kind] = one["result"]
        if one["result"] == "-":
            NOTES[one["reason"]][f"{one['case']}, {kind}"] = None
    assert done.returncode == 0, f"{done.returncode}, after {len(results)} cases: {done.stderr}"


@pytest.mark.parametrize("kind", servers.KINDS)
def test_twenty_processes_take_and_change_at_once(farm, kind):
    server = farm.get(kind)
    url = server.behind(server.ports)
    askers = [Asker(url, server.env) for _ in range(PROCESSES)]
    name = f"crowd-{os.getpid()}"
    ledger = Ledger()
    try:
        askers[0].must("init")
        askers[0].must("create", name)
        for _ in range(ROUNDS):
            begun = [(asker, asker.begin("take", name, count=10 + i))
                     for i, asker in enumerate(askers) for _ in range(4)]
            change = askers[0].begin("fence", name, count=3)
            for asker, number in begun:
                answer = asker.wait(number)
                assert answer["error"] in ("PAWL_OK", "PAWL_BUSY"), answer
                ledger.book(answer)
            assert askers[0].wait(change)["error"] in ("PAWL_OK", "PAWL_BUSY")
    finally:
        for asker in askers:
            asker.end()
    ledger.check()
    assert ledger.given > PROCESSES * ROUNDS * 10

# SPDX-License-Identifier: Apache-2.0
"""Each driver of clients.py, with its defaults: every check that it can make."""
import json
import shutil
import subprocess

import pytest

from clients import CHECKS, CLIENTS

COUNT, CONNECTIONS = 10_000, 4
OPTIONS = {"exhausted": "MAXVALUE 3"}
LIMIT_S = 60
# What drivers say to a wrong password: the SQLSTATE where there is one, else libpq's words.
REFUSED = ("28P01", "password authentication failed")


def ask(client, check, name, *more, env):
    """What the client's program printed."""
    if shutil.which(client.words[0]) is None:
        pytest.fail(f"{client.words[0]} is missing: run make test-drivers", pytrace=False)
    env = dict(env, **{key: str(value) for key, value in client.env.items()})
    done = subprocess.run([*map(str, client.words), check, name, *map(str, more)], text=True,
                          env=env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, timeout=LIMIT_S, check=False)
    assert done.returncode == 0, f"{check}: ended with {done.returncode}\n{done.stderr}"
    return json.loads(done.stdout)


def rising(ids):
    return all(before < after for before, after in zip(ids, ids[1:]))


def check_ids(found, _):
    assert [len(one) for one in found["ids"]] == [COUNT // CONNECTIONS] * CONNECTIONS
    assert all(rising(one) for one in found["ids"]), "a connection's ids do not rise"
    assert len(set(sum(found["ids"], []))) == COUNT, "an id came twice"


def check_unknown(found, client):
    assert found["code"] == "42P01"
    assert found["error"] == client.error
    assert found["then"] == 1


def check_exhausted(found, _):
    assert found["ids"] == [1, 2, 3]
    assert found["code"] == "2200H"


def check_prepared(found, _):
    assert found["ids"] == list(range(1, len(found["ids"]) + 1))
    assert len(found["ids"]) >= 10


check_binary = check_pipeline = check_prepared


def check_transaction(found, _):
    assert found["first"] == 1
    assert found["failed"] == "25P02"
    assert found["second"] > found["first"], "a rolled back id came again"


def check_pool(found, _):
    assert sorted(found["ids"]) == list(range(1, 401))


def check_session(found, _):
    assert found["values"] == [1000, 1001, 1001, 1001]


def check_rows(found, _):
    assert found["ids"] == list(range(1, 51))


def check_password(found, _):
    assert found["id"] == 1
    assert any(words in found["error"] for words in REFUSED), found["error"]


CASES = [pytest.param(driver, check, id=f"{driver}-{check}",
                      marks=[pytest.mark.whole] if client.whole else [])
         for driver, client in CLIENTS.items() for check in CHECKS if check not in client.cannot]


@pytest.mark.parametrize("driver, check", CASES)
def test_driver(backend, sequence, driver, check):
    client = CLIENTS[driver]
    env = backend.password_env() if check == "password" else backend.env()
    name = sequence(OPTIONS.get(check, ""), env)
    more = (COUNT, CONNECTIONS) if check == "ids" else ()
    globals()[f"check_{check}"](ask(client, check, name, *more, env=env), client)

# SPDX-License-Identifier: Apache-2.0
"""Stores are left out by Meson's options: then their libraries are not needed, and their URLs say
how to have them. tools/test runs the unit tests of the same build."""
import json
import os
import pathlib
import re
import subprocess

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = ROOT / "build-bare"
SCHEMES = {"couchbase": "couchbase", "couchbases": "couchbase", "dynamodb": "dynamodb",
           "etcd": "etcd", "etcds": "etcd", "postgres": "postgres", "postgresql": "postgres",
           "redis": "redis", "rediss": "redis"}
# What nothing but stores needs; and what the programs need beside, for users, SQL and catalogs.
OF_STORES = ("curl", "pq", "ssl")
OF_PROGRAMS = {"pawl": ("gsasl", "crypto"),
               "pawld": ("gsasl", "crypto", "jansson", "sqlite3", "pg_query", "pcre2-8")}
NEEDED = ["cmocka", "jansson", "libgsasl", "libpcre2-8", "libuv", "lmdb", "openssl", "sqlite3",
          "threads", "zlib"]


def run(*command):
    return subprocess.run(command, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          cwd=ROOT, env=dict(os.environ, LC_ALL="C"), check=False, timeout=600)


@pytest.fixture(scope="module")
def bare():
    """A build without any store that can be left out."""
    if not (BUILD / "build.ninja").exists():
        options = [f"-D{option}=false" for option in sorted(set(SCHEMES.values()))]
        done = run("meson", "setup", str(BUILD), "--buildtype=debug", *options)
        assert done.returncode == 0, done.stdout
    done = run("ninja", "-C", str(BUILD))
    assert done.returncode == 0, done.stdout
    return BUILD


def test_every_store_that_can_be_left_out_is_left_out(bare):
    options = (ROOT / "meson_options.txt").read_text(encoding="utf-8")
    stores = re.findall(r"option\('(\w+)'.*the store", options)
    assert sorted(stores) == sorted(set(SCHEMES.values()))
    chosen = json.loads(run("meson", "introspect", "--buildoptions", str(bare)).stdout)
    assert [one["name"] for one in chosen if one["name"] in stores and one["value"]] == []


def test_nothing_is_looked_for_that_only_they_need(bare):
    asked = json.loads(run("meson", "introspect", "--dependencies", str(bare)).stdout)
    of_clients = ("libpq", "odbc")  # test/drivers/c: built where they are
    of_benches = ("hiredis", "liburing")  # the same: tools/setup --bench brings them
    found = {one["name"] for one in asked}.difference(of_clients, of_benches)
    assert sorted(found) == NEEDED


@pytest.mark.parametrize("name", ("pawl", "pawld", "libpawl.so", "libpawl-stores.so"))
def test_nothing_is_linked_that_only_they_need(bare, name):
    needs = run("ldd", str(bare / name)).stdout
    assert "libuv" in needs
    unwanted = set(OF_STORES).union(OF_PROGRAMS["pawld"]).difference(OF_PROGRAMS.get(name, ()))
    assert [one for one in unwanted if f"lib{one}." in needs] == []


@pytest.mark.parametrize("scheme", SCHEMES)
def test_a_url_of_what_was_left_out_says_so(bare, scheme, tmp_path):
    url = f"{scheme}://127.0.0.1:1/x"
    told = (f"this pawl was built without {scheme}://: build it with meson's option "
            f"-D{SCHEMES[scheme]}=true")
    done = run(str(bare / "pawl"), "store", "check", url)
    assert (done.returncode, done.stdout) == (2, f"pawl: {told}\n")
    done = run(str(bare / "pawld"), "--store", url, "--data", str(tmp_path / "data"))
    assert done.returncode == 2 and f"pawld: --store: {told}\n" in done.stdout

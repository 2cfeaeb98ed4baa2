# SPDX-License-Identifier: Apache-2.0
"""redis://: what a missing right leaves behind, and what check sees."""
import pytest

from live import next_ids, pawl

# What docs/stores.md tells a user to be given.
LEAST_RIGHTS = ("~pawl:* -@all +eval +evalsha +type +pttl +hmget +hset +hincrby +zadd +zrange "
                "+zrangebylex +ping +info +config|get +client|setname +select +wait").split()


def fails(done, code, *words):
    assert done.returncode == code, f"{done.returncode}: {done.stdout}{done.stderr}"
    for word in words:
        assert word in done.stderr, f"{word} is not in: {done.stderr}"


def created(server, name):
    assert pawl("create", name, url=server.url).returncode == 0


def url_as(server, login):
    return f"redis://{login}@127.0.0.1:{server.ports[0]}/0?prefix=pawl:"


@pytest.mark.parametrize("right", ["hincrby", "hset", "zadd"])
def test_what_is_refused_for_a_missing_right_leaves_no_half(own_server, right):
    """Redis takes nothing back of a script that fails in its middle."""
    server = own_server("redis")
    created(server, "warm")
    assert len(next_ids("warm", 50, server.url)) == 50
    with server.client() as client:
        client.execute_command("ACL", "SETUSER", "less", "on", ">s", *LEAST_RIGHTS, f"-{right}")

        def kept():
            return client.hgetall("pawl:warm"), client.zrange("pawl:", 0, -1)

        before, less = kept(), url_as(server, "less:s")
        for words in (["create", "ghost"], ["set", "warm", "5", "--force"], ["drop", "warm"]):
            fails(pawl(*words, url=less), 8, "docs/stores.md")
            assert kept() == before, f"{words} left something without {right}"
        assert client.exists("pawl:ghost") == 0
        done = pawl("store", "check", server.url)
        assert done.returncode == 0, done.stdout
        # The branch of whoever writes is watched by the position: it counts first.
        if right == "zadd":
            assert next_ids("warm", 1, less) == [51], "which adds no name"
        else:
            fails(pawl("next", "warm", url=less), 8)
            assert next_ids("warm", 1, server.url) == [51]


def test_every_write_is_counted_by_the_position(own_server):
    server = own_server("redis")
    with server.client() as client:
        def counted(*words):
            before = int(client.hget("pawl:\tstore", "position") or 0)
            assert pawl(*words, url=server.url).returncode == 0
            return int(client.hget("pawl:\tstore", "position")) - before

        for words in (["create", "orders"], ["next", "orders"], ["set", "orders", "90"],
                      ["alter", "orders", "--block", "5"], ["drop", "orders"]):
            assert counted(*words) >= 1, words


def test_check_looks_at_every_name(own_server):
    server = own_server("redis")
    created(server, "a-first")
    created(server, "z-last")
    with server.client() as client:
        client.zadd("pawl:", {f"lost{i:05d}": 0 for i in range(2050)})
        client.expire("pawl:z-last", 5000)
    done = pawl("store", "check", server.url)
    assert done.returncode == 9, done.stdout + done.stderr
    assert 'times to live: 1 sequences, among them "z-last"' in done.stdout
    assert "lost records: 2050 sequences" in done.stdout


def test_check_says_what_a_replica_would_refuse(own_server):
    """It is no right that is missing: that is another item's."""
    server = own_server("redis_replica")
    done = pawl("store", "check", server.replica.url_for(server.replica.ports))
    assert done.returncode == 5 and "warn    rights: " in done.stdout, done.stdout
    assert "READONLY" in done.stdout and "role: slave" in done.stdout, done.stdout

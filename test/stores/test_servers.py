# SPDX-License-Identifier: Apache-2.0
"""The servers start, keep what they were told over kill -9 (all but the mock), and stop."""
import signal

import pytest
import servers

from live import wait_until


@pytest.mark.parametrize("kind", servers.KINDS)
def test_a_server_starts_dies_and_starts_again(own_server, kind):
    server = own_server(kind)
    assert server.answers() if not isinstance(server, servers.Etcd) else server.healthy(0)
    url = server.url
    server.restart()
    assert server.url == url or not server.durable
    children = [process.child for process in server.processes]  # none of the fake's, which is here
    server.end()
    assert all(child.poll() in (-signal.SIGKILL, -signal.SIGTERM, 0) for child in children)
    assert not server.folder.exists()


def test_etcd_without_a_majority_is_not_healthy_until_it_is_back(etcd3):
    etcd3.lose_quorum()
    wait_until(lambda: not etcd3.healthy(0), "the first member says that it is alone")
    etcd3.resume()
    wait_until(lambda: etcd3.healthy(0), "the majority is back")


def test_a_promoted_standby_has_what_was_acknowledged(own_server):
    primary = own_server("postgres_sync")
    primary.sql("CREATE TABLE t (n int); INSERT INTO t VALUES (7)")
    primary.kill()
    standby = primary.promote()
    wait_until(lambda: standby.sql("SELECT pg_is_in_recovery()") == "f", "promoted")
    assert standby.sql("SELECT n FROM t") == "7"

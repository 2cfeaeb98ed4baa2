# SPDX-License-Identifier: Apache-2.0
"""The server as a process: its options, its start and its end, and clients that misbehave."""
import os
import re
import resource
import signal
import socket
import subprocess
import time

import pytest
import redis
from live import free_port, program, wait_until

OPTIONS = {
    "--store": "memory:", "--listen": "resp://127.0.0.1:0", "--data": "", "--threads": "1",
    "--open": "yes", "--auto-create": "x*", "--max-take": "10", "--max-clients": "10",
    "--ride-through": "10s", "--refill-interval": "1s", "--max-blocks": "10",
    "--cache-sequences": "10",
    "--request-timeout": "1s", "--takeover-timeout": "1s", "--on-rollback": "refuse",
    "--log-level": "debug",
}


def run(*words, env=None, limit_s=30, **how):
    """A pawld that is expected to end by itself."""
    clean = {key: value for key, value in os.environ.items() if not key.startswith("PAWLD_")}
    return subprocess.run([program("pawld"), *map(str, words)], text=True, timeout=limit_s,
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          env=dict(clean, **(env or {})), check=False, **how)


def refused(done, code, *texts):
    assert done.returncode == code, (done.stdout, done.stderr)
    said = [line for line in done.stderr.splitlines() if not line.startswith("time=")]
    assert len(said) == 1 and said[0].startswith("pawld: "), done.stderr
    for text in texts:
        assert text in said[0], done.stderr


def listens(client):
    try:
        return client.ping()
    except redis.ConnectionError:
        return False


def connect(server, limit_s=10):
    connection = socket.create_connection(("127.0.0.1", server.port), limit_s)
    connection.settimeout(limit_s)
    return connection


def talk(server, request):
    """Sends bytes, hangs up for writing only once all is answered; returns one read."""
    with connect(server) as connection:
        connection.sendall(request)
        return connection.recv(65536)


def read_all(connection):
    """All that comes until the server hangs up."""
    parts = []
    while part := connection.recv(65536):
        parts.append(part)
    return b"".join(parts)


# Options.

def test_version_and_help():
    assert re.fullmatch(r"pawld \d+\.\d+\.\d+\n", run("--version").stdout)
    text = run("--help").stdout
    for flag in [*OPTIONS, "--check", "--version", "--help"]:
        assert f"  {flag}" in text
        if flag not in ("--version", "--help"):
            assert "PAWLD_" + flag[2:].upper().replace("-", "_") in text


def test_every_option_is_a_flag_and_a_variable(tmp_path):
    # Not memory:, which is another store each time: its guard would say so.
    values = dict(OPTIONS, **{"--data": str(tmp_path / "data"),
                              "--store": f"lmdb:{tmp_path}/store"})
    words = [word for pair in values.items() for word in pair if pair[0] != "--open"]
    env = {"PAWLD_" + flag[2:].upper().replace("-", "_"): value for flag, value in values.items()}
    by_flag = run("--check", "--open", *words)
    by_variable = run("--check", env=env)
    assert by_flag.returncode == 0 and by_variable.returncode == 0, by_flag.stderr
    assert by_flag.stdout == by_variable.stdout
    assert "refuse" in by_flag.stdout and "resp://127.0.0.1:0" in by_flag.stdout


def test_check_says_what_would_run_and_does_not_serve(tmp_path, server):
    done = run("--store", f"lmdb:{tmp_path}/checked", "--check",
               "--listen", f"resp://127.0.0.1:{server.port}")
    assert done.returncode == 0, done.stderr
    assert f"lmdb:{tmp_path}/checked" in done.stdout and str(server.port) in done.stdout
    assert run("--store", server.url, "--check").returncode == 0


def test_check_of_a_server_that_is_not_there():
    done = run("--store", f"pawl://127.0.0.1:{free_port()}", "--check", "--request-timeout", "1s")
    refused(done, 1, "--store")


@pytest.mark.parametrize("words, texts", [
    ([], ["--store", "PAWLD_STORE"]),
    (["--store"], ["--store: a value is missing"]),
    (["--store", "memory:", "--thread", "1"], ["--thread: no such option"]),
    (["--store", "memory:", "--threads", "many"], ["--threads many", "from 0 to 256"]),
    (["--store", "memory:", "--ride-through", "60"], ["--ride-through 60", "500ms"]),
    (["--store", "memory:", "--on-rollback", "ignore"], ["skip|refuse"]),
    (["--store", "mysql://x"], ["mysql://\"", "lmdb:"]),
    (["--store", "memory:", "--listen", "127.0.0.1:1"], ["resp://HOST:PORT"]),
    (["--store", "memory:", "--listen", "http://127.0.0.1:1"], ["resp://HOST:PORT"]),
    (["--store", "memory:", "--listen", "resp://no.such.host.invalid:1"], ["no.such.host.invalid"]),
    (["--store", "memory:", "--listen", "resp://0.0.0.0:0"], ["resp://0.0.0.0:0", "--open"]),
    (["--store", "memory:", "--listen", "resp://[::]:0"], ["resp://[::]:0", "--open"]),
    (["--store", "pawl://"], ["--store"]),
])
def test_what_cannot_be_meant_is_refused(words, texts):
    refused(run(*words), 2, *texts)


def test_a_wrong_variable_is_named():
    refused(run(env={"PAWLD_STORE": "memory:", "PAWLD_MAX_TAKE": "0"}), 2, "PAWLD_MAX_TAKE=0")


def test_more_clients_than_descriptors_are_refused():
    def few_descriptors():
        resource.setrlimit(resource.RLIMIT_NOFILE, (500, 500))

    def no_root():
        few_descriptors()
        if os.getuid() == 0:
            os.setresuid(65534, 65534, 65534)

    refused(run("--store", "memory:", "--check", preexec_fn=no_root), 2, "--max-clients 10000",
            "ulimit -n", "500")


# Folders and ports.

def test_a_store_that_cannot_be_written(tmp_path):
    (tmp_path / "file").write_text("")
    refused(run("--store", f"lmdb:{tmp_path}/file"), 1, f"{tmp_path}/file")
    refused(run("--store", f"lmdb:{tmp_path}/no/such"), 1, f"{tmp_path}/no/such")


def test_the_port_is_in_use(server):
    done = run("--store", "memory:", "--listen", f"resp://127.0.0.1:{server.port}")
    refused(done, 1, f"resp://127.0.0.1:{server.port}", "in use", "--listen")


def test_two_servers_on_one_folder(fleet):
    first = fleet.start()
    began = time.monotonic()
    done = run("--store", first.store, "--listen", "resp://127.0.0.1:0", "--takeover-timeout",
               "700ms")
    refused(done, 1, f"process {first.process.pid}", "pawl://", first.store[len("lmdb:"):])
    assert time.monotonic() - began >= 0.7


def test_the_second_takes_over_when_the_first_stops(fleet):
    first = fleet.start()
    first.redis().execute_command("SEQ.CREATE", "s")
    assert first.redis().incr("s") == 1
    second = fleet.start(store=first.store, ready=False)
    assert first.stop() == 0
    wait_until(second.answers, "the second has taken over")
    assert second.redis().incr("s") == 2


def test_the_data_folder(tmp_path, fleet):
    store = tmp_path / "store"
    for inside in (store, store / "data", f"{store}/./data/"):
        done = run("--store", f"lmdb:{store}", "--data", inside, "--listen", "resp://127.0.0.1:0")
        refused(done, 2, "--data", str(store))
        assert not os.path.exists(store / "data")
    server = fleet.start(options=["--data", str(tmp_path / "data")])
    assert (tmp_path / "data").is_dir()
    done = run("--store", "memory:", "--data", tmp_path / "data", "--listen", "resp://127.0.0.1:0",
               "--takeover-timeout", "0s")
    refused(done, 1, "--data", f"process {server.process.pid}")
    refused(run("--store", "memory:", "--data", tmp_path / "no" / "such"), 1, "--data")


def test_open_serves_everybody_and_says_so(fleet):
    server = fleet.start(options=["--listen", "resp://0.0.0.0:0", "--open"])
    warning = next(line for line in server.log().splitlines() if "level=warn" in line)
    port = int(re.search(r"listen=resp://0\.0\.0\.0:(\d+)", warning)[1])
    assert "every peer is an admin" in warning
    assert redis.Redis(port=port).ping() and server.redis().ping()


def test_several_addresses_and_picked_ports(fleet):
    server = fleet.start(options=["--listen", "resp://127.0.0.1:0", "--listen", "resp://[::1]:0"])
    ready = next(line for line in server.log().splitlines() if 'msg="ready"' in line)
    ports = [int(port) for port in re.findall(r"resp://\S+?:(\d+)[\" ]", ready)]
    assert len(ports) == 3 and ports[0] == server.port and 0 not in ports
    assert redis.Redis(host="127.0.0.1", port=ports[1]).ping()
    assert redis.Redis(host="::1", port=ports[2]).ping()


def test_the_ready_line_tells_what_runs(server):
    ready = next(line for line in server.log().splitlines() if 'msg="ready"' in line)
    for text in (f"pid={server.process.pid}", f"listen=resp://127.0.0.1:{server.port}",
                 f"store={server.store}", "level=info", "version="):
        assert text in ready


# The end.

def test_sigterm_gives_ids_back(fleet):
    server = fleet.start()
    client = server.redis()
    client.execute_command("SEQ.CREATE", "s", "BLOCK", 100)
    assert [client.incr("s") for _ in range(5)] == [1, 2, 3, 4, 5]
    assert server.stop() == 0
    assert 'msg="stopped" let-go=all' in server.log()
    server.start()
    assert server.redis().incr("s") == 6


def test_closed_standard_files_harm_nothing(tmp_path):
    """What is printed must not reach the store, and libuv must not be asked to close 0, 1 or 2."""
    port = free_port()
    words = ["--store", f"lmdb:{tmp_path / 'store'}", "--listen", f"resp://127.0.0.1:{port}"]
    for begin in 1, 11:
        process = subprocess.Popen(
            ["sh", "-c", 'exec "$0" "$@" <&- >&- 2>&-', program("pawld"), *words])
        client = redis.Redis(port=port, socket_timeout=30)
        wait_until(lambda at=client: listens(at), "pawld listens")
        client.execute_command("SEQ.CREATE", "s", "IFNOTEXISTS")
        assert [client.incr("s") for _ in range(10)] == list(range(begin, begin + 10))
        process.send_signal(signal.SIGTERM)
        assert process.wait(15) == 0


def test_kill_9_leaves_a_gap_and_no_duplicate(fleet):
    server = fleet.start()
    client = server.redis()
    client.execute_command("SEQ.CREATE", "s", "BLOCK", 100)
    assert [client.incr("s") for _ in range(5)] == [1, 2, 3, 4, 5]
    server.kill()
    server.start()
    assert server.redis().incr("s") > 5


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_within_its_time_though_clients_hang_on(fleet, number):
    server = fleet.start()
    idle = [connect(server) for _ in range(20)]
    half = connect(server)
    half.sendall(b"*2\r\n$4\r\nINCR\r\n$3\r\nor")
    began = time.monotonic()
    server.send(number)
    assert server.process.wait(10) == 0
    server.stopped = True
    assert time.monotonic() - began < 5
    for connection in [*idle, half]:
        assert connection.recv(1) == b""


def test_what_was_asked_before_the_end_is_answered(fleet):
    server = fleet.start()
    server.redis().execute_command("SEQ.CREATE", "s")
    with connect(server) as connection:
        connection.sendall(b"INCR s\r\n" * 500)
        server.send(signal.SIGTERM)
        answers = read_all(connection).split()
    assert answers == [b":%d" % number for number in range(1, 501)]
    assert server.process.wait(10) == 0
    server.stopped = True


def test_a_server_whose_store_is_away_ends_in_time(fleet):
    lower = fleet.start()
    upper = fleet.start(store=lower.url)
    lower.redis().execute_command("SEQ.CREATE", "s")
    first = upper.redis().incr("s")
    lower.kill()
    with connect(upper) as connection:
        connection.sendall(b"SEQ.INFO s\r\nINCR t\r\n")
        began = time.monotonic()
        assert upper.stop() == 0
        assert time.monotonic() - began < 5
    lower.start()
    assert lower.redis().incr("s") != first


@pytest.fixture
def mute(fleet):
    """A server whose store accepts and never answers, and a client that waits for it."""
    with socket.create_server(("127.0.0.1", 0)) as store:
        server = fleet.start(store=f"pawl://127.0.0.1:{store.getsockname()[1]}")
        with connect(server) as client:
            client.sendall(b"INCR s\r\n")
            accepted, _ = store.accept()
            yield server
            accepted.close()


def test_a_mute_store_does_not_keep_it_from_ending(mute):
    began = time.monotonic()
    assert mute.stop() == 0
    assert time.monotonic() - began < 5


def test_a_second_signal_ends_it_at_once(mute):
    mute.send(signal.SIGTERM)
    wait_until(lambda: "stopping" in mute.log(), "the first signal is noticed")
    began = time.monotonic()
    mute.send(signal.SIGTERM)
    assert mute.process.wait(5) == 128 + signal.SIGTERM
    mute.stopped = True
    assert time.monotonic() - began < 2, "it takes longer to stop with a mute store"


def takes(process, number):
    """Whether it has a handler for that signal, and does not block it: proc(5)."""
    with open(f"/proc/{process.pid}/status", encoding="ascii") as status:
        masks = dict(line.rstrip().split(":\t") for line in status if line.startswith("Sig"))
    bit = 1 << (number - 1)
    return int(masks["SigCgt"], 16) & bit and not int(masks["SigBlk"], 16) & bit


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_before_it_is_ready_ends_it_with_0(fleet, number):
    """Once while it waits for a folder; and as early as can be, blocked by whoever starts it."""
    first = fleet.start()
    waits = fleet.start(store=first.store, ready=False)
    wait_until(lambda: takes(waits.process, number), "it waits for the folder")
    waits.send(number)
    assert waits.process.wait(5) == 0
    waits.stopped = True
    signal.pthread_sigmask(signal.SIG_BLOCK, {number})
    try:
        early = fleet.start(ready=False)
    finally:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {number})
    early.send(number)
    assert early.process.wait(5) == 0
    early.stopped = True


def test_a_check_that_is_interrupted_says_nothing_good(fleet):
    first = fleet.start()
    words = [program("pawld"), "--check", "--store", first.store]
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as check:
        wait_until(lambda: takes(check, signal.SIGTERM), "it waits for the folder")
        check.send_signal(signal.SIGTERM)
        assert check.wait(5) == 128 + signal.SIGTERM


# Clients.

def test_a_half_sent_request_and_a_hang_up(server):
    client = server.redis()
    client.execute_command("SEQ.CREATE", "s")
    whole = b"*2\r\n$4\r\nINCR\r\n$1\r\ns\r\n"
    for size in range(1, len(whole)):
        with connect(server) as connection:
            connection.sendall(whole[:size])
    assert client.incr("s") == 1
    for size in range(1, len(whole)):
        with connect(server) as connection:
            connection.sendall(whole[:size])
            connection.sendall(whole[size:])
            assert connection.recv(100) == b":%d\r\n" % (size + 1)


def memory_kb(server):
    with open(f"/proc/{server.process.pid}/status", encoding="ascii") as status:
        return int(re.search(r"VmRSS:\s+(\d+)", status.read())[1])


def test_a_reader_that_never_reads_is_not_read_from(server):
    server.redis().execute_command("SEQ.CREATE", "s")
    before_kb = memory_kb(server)
    with connect(server) as connection:
        connection.settimeout(1)
        sent = 0
        with pytest.raises(TimeoutError):
            while sent < 1 << 28:
                sent += connection.send(b"INCR s\r\n" * 8192)
        assert memory_kb(server) - before_kb < 32 * 1024, f"{sent} bytes were sent"
        assert server.redis().incr("s") > 1
        last = b""
        answered = 0
        connection.settimeout(10)
        while answered < sent // len(b"INCR s\r\n"):
            last += connection.recv(1 << 20)
            answered += last.count(b"\n")
            last = last[last.rfind(b"\n") + 1:]


def test_max_clients(fleet):
    server = fleet.start(options=["--max-clients", "5", "--threads", "2"])
    held = [connect(server)]

    def alone():
        held[0].sendall(b"INFO clients\r\n")
        return b"connected_clients:1\r" in held[0].recv(65536)

    wait_until(alone, "whoever saw the server start has left")
    held += [connect(server) for _ in range(4)]
    for connection in held:
        connection.sendall(b"PING\r\n")
        assert connection.recv(100) == b"+PONG\r\n"
    with connect(server) as sixth:
        assert read_all(sixth) == b"-ERR max number of clients reached\r\n"
    held.pop().close()
    wait_until(lambda: talk(server, b"PING\r\n") == b"+PONG\r\n", "there is room again")
    held[0].sendall(b"INFO clients\r\n")
    info = held[0].recv(65536)
    assert b"maxclients:5" in info and b"rejected_connections:0" not in info


def test_many_connections_come_and_go(server):
    server.redis().execute_command("SEQ.CREATE", "s")
    for _ in range(20):
        peers = [connect(server) for _ in range(50)]
        for peer in peers:
            peer.sendall(b"INCR s\r\n")
        assert all(peer.recv(100).startswith(b":") for peer in peers)
        for peer in peers:
            peer.close()
    wait_until(lambda: b"connected_clients:1\r" in talk(server, b"INFO clients\r\n"), "all left")
    assert server.redis().incr("s") > 1000


def test_redis_cli(server):
    def cli(*words):
        return subprocess.run(["redis-cli", "-p", str(server.port), *words], text=True, check=True,
                              stdout=subprocess.PIPE, timeout=30).stdout

    assert cli("seq.create", "orders") == "OK\n"
    assert cli("incr", "orders") == "1\n"
    assert cli("-3", "incrby", "orders", "10") == "11\n"
    assert "NOSEQ" in cli("incr", "nobody")
    assert "unknown command" in cli("frobnicate")
    assert "pawl_version" in cli("info")


@pytest.mark.parametrize("protocol", [2, 3])
def test_redis_py(server, protocol):
    client = server.redis(protocol=protocol)
    assert client.ping()
    client.execute_command("SEQ.CREATE", "orders", "START", 100)
    assert client.incr("orders") == 100
    assert client.incrby("orders", 5) == 105
    with client.pipeline(transaction=False) as pipeline:
        for _ in range(100):
            pipeline.incr("orders")
        assert pipeline.execute() == list(range(106, 206))
    with pytest.raises(redis.ResponseError, match="SEQ.CREATE"):
        client.incr("nobody")
    info = client.info()
    assert info["pawl_version"] and int(info["process_id"]) == server.process.pid


def test_auto_create(fleet):
    client = fleet.start(options=["--auto-create", "auto:*"]).redis()
    assert client.incr("auto:1") == 1
    with pytest.raises(redis.ResponseError, match="auto-create"):
        client.incr("other")


def test_chained_servers(fleet):
    lower = fleet.start()
    upper = fleet.start(store=lower.url)
    upper.redis().execute_command("SEQ.CREATE", "s")
    ids = [server.redis().incr("s") for server in (upper, lower, upper, lower)]
    assert len(set(ids)) == 4
    assert upper.stop() == 0
    assert 'let-go=all' in upper.log()

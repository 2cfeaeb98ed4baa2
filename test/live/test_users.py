# SPDX-License-Identifier: Apache-2.0
"""Users: pawl passwd, and a pawld that lets in only those of its file."""
import os
import pty
import re
import select
import signal
import socket
import stat
import subprocess
import urllib.parse

import pytest
import redis
from live import free_port, pawl, pawl_json, program, wait_until

PASSWORDS = {"taker": "take it", "definer": "b/c:d@e?%", "boss": "größe", "default": "d"}
DENIED = 8


def url_of(server, user, password=None):
    quoted = urllib.parse.quote(PASSWORDS[user] if password is None else password, safe="")
    return f"pawl://{user}:{quoted}@127.0.0.1:{server.port}"


def passwd(file, name, *options, password):
    done = pawl("passwd", file, name, *options, typed=password + "\n")
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture
def users(tmp_path):
    """A file of four users."""
    file = tmp_path / "users"
    passwd(file, "taker", "--sequences", "shop.*", password=PASSWORDS["taker"])
    passwd(file, "definer", "--role", "define", "--sequences", "shop.*,x",
           password=PASSWORDS["definer"])
    passwd(file, "boss", "--role", "admin", password=PASSWORDS["boss"])
    passwd(file, "default", password=PASSWORDS["default"])
    return file


@pytest.fixture
def guarded(fleet, users):
    """A pawld with those users."""
    return fleet.start(options=["--users", str(users)])


def reread(server, text):
    """Has the server read its users again, and waits until its log says so."""
    before = server.log().count(text)
    server.send(signal.SIGHUP)
    wait_until(lambda: server.log().count(text) > before, f"{text} in {server.log_path}")


def test_passwd_keeps_what_it_does_not_change(tmp_path):
    file = tmp_path / "users"
    assert passwd(file, "shop", password="one") == \
        "shop: added, may take *; a pawld that runs reads it at SIGHUP\n"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    file.write_text("# ours\n" + file.read_text() + "\n  # the end")
    before = file.read_text().splitlines()
    file.chmod(0o646)
    passwd(file, "deploy", "--role", "define", "--sequences", "a*,b\\,c", password="two")
    after = file.read_text().splitlines()
    assert after[:-1] == before
    assert after[-1].split()[:3] == ["deploy", "define", "a*,b\\,c"]
    assert stat.S_IMODE(file.stat().st_mode) == 0o640
    passwd(file, "shop", "--role", "admin", password="three")
    changed = file.read_text().splitlines()
    assert [old for old, new in zip(after, changed) if old != new] == [before[2]]
    assert "shop: changed, may admin x" in \
        pawl("passwd", file, "shop", "--sequences", "x", "--keep-password").stdout
    assert file.read_text().splitlines()[2].split()[3] == changed[2].split()[3]
    assert pawl_json("passwd", file, "shop", "--remove") == {"user": "shop", "done": "removed"}
    assert file.read_text().splitlines() == changed[:2] + changed[3:]
    assert sorted(os.listdir(tmp_path)) == ["users"]


def test_passwd_follows_links(tmp_path):
    (tmp_path / "real").mkdir()
    passwd(tmp_path / "real/users", "a", password="x")
    (tmp_path / "users").symlink_to("real/users")
    passwd(tmp_path / "users", "b", password="x")
    assert (tmp_path / "users").is_symlink()
    assert len((tmp_path / "real/users").read_text().splitlines()) == 3


@pytest.mark.parametrize("words, typed, code, text", [
    (("a b",), "x\n", 2, "no blanks"),
    (("x" * 64,), "x\n", 2, "longer than 63 bytes"),
    (("a", "--role", "root"), "x\n", 2, "take, define or admin"),
    (("a", "--sequences", "a,,b"), "x\n", 2, "empty"),
    (("a", "--remove", "--role", "take"), "", 2, "no other option"),
    (("a", "--remove"), "", 2, "there is no user a"),
    (("a", "--keep-password"), "", 2, "there is no user a"),
    (("a",), "", 2, "password: the password is empty"),
    (("a",), "\n", 2, "password: the password is empty"),
    (("a",), "x" * 513 + "\n", 2, "at most 512 bytes"),
])
def test_passwd_refuses(tmp_path, words, typed, code, text):
    done = pawl("passwd", tmp_path / "users", *words, typed=typed)
    assert done.returncode == code and text in done.stderr, done.stderr
    assert os.listdir(tmp_path) == []


def test_passwd_leaves_broken_files_alone(tmp_path):
    file = tmp_path / "users"
    file.write_text("# a\nb take *\n")
    done = pawl("passwd", file, "a", typed="x\n")
    assert done.returncode == 2 and f"{file}:2: a line has four fields" in done.stderr
    assert file.read_text() == "# a\nb take *\n"
    done = pawl("passwd", tmp_path / "no/users", "a", typed="x\n")
    assert done.returncode == 1 and "No such file" in done.stderr
    assert pawl("passwd", tmp_path, "a", typed="x\n").returncode == 2


def on_terminal(file, name, *lines):
    """Types lines at pawl passwd's prompts; returns how it ended and what the terminal showed."""
    terminal, ours = pty.openpty()
    with subprocess.Popen([program("pawl"), "passwd", str(file), name], stdin=ours, stdout=ours,
                          stderr=ours, start_new_session=True) as process:
        os.close(ours)
        shown = b""
        for prompt, line in zip((b"Password: ", b"Once more: "), lines):
            while not shown.endswith(prompt):
                assert select.select([terminal], [], [], 20)[0], f"no prompt: {shown}"
                shown += os.read(terminal, 1024)
            os.write(terminal, line.encode() + b"\n")
        try:
            while more := os.read(terminal, 1024):
                shown += more
        except OSError:
            pass  # the other end is closed
        code = process.wait(20)
    os.close(terminal)
    return code, shown.decode()


def test_passwd_asks_twice_without_an_echo(tmp_path):
    code, shown = on_terminal(tmp_path / "users", "a", "hunter2", "hunter2")
    assert code == 0 and "a: added" in shown and "hunter2" not in shown
    code, shown = on_terminal(tmp_path / "users", "a", "hunter2", "hunter3")
    assert code == 2 and "these are two passwords" in shown and "hunter" not in shown


def test_redis_clients_log_in(guarded):
    with pytest.raises(redis.AuthenticationError):
        guarded.redis().ping()
    with pytest.raises(redis.AuthenticationError):
        guarded.redis(username="boss", password="x").ping()
    boss = guarded.redis(username="boss", password=PASSWORDS["boss"])
    assert boss.execute_command("SEQ.CREATE", "shop.a") == b"OK"
    assert boss.execute_command("SEQ.CREATE", "other") == b"OK"
    for protocol in (2, 3):
        taker = guarded.redis(username="taker", password=PASSWORDS["taker"], protocol=protocol)
        taker.incr("shop.a")
        for words, text in [(("INCR", "other"), "one of the keys"),
                            (("SEQ.DROP", "shop.a"), "to run the 'seq.drop' command")]:
            with pytest.raises(redis.exceptions.NoPermissionError, match=text):
                taker.execute_command(*words)
        assert taker.execute_command("SEQ.LIST")[1] == [b"shop.a"]
    assert guarded.redis(password=PASSWORDS["default"]).incr("other") == 1


def test_guessing_ends_the_connection(guarded):
    with socket.create_connection(("127.0.0.1", guarded.port), 5) as connection:
        connection.sendall(b"AUTH boss 1\r\nAUTH nobody 2\r\nAUTH 3\r\nAUTH 4\r\nPING\r\n")
        heard = b""
        while more := connection.recv(1024):
            heard += more
    assert heard.count(b"-WRONGPASS") == 3 and b"PONG" not in heard
    assert re.search(r'msg="login refused".* address=127\.0\.0\.1:\d+', guarded.log())
    info = guarded.redis(password="d").info("clients")
    assert info["refused_logins"] == 3


def test_pawl_logs_in(guarded):
    boss, taker, definer = (url_of(guarded, name) for name in ("boss", "taker", "definer"))
    assert pawl("create", "shop.a", url=definer).returncode == 0
    assert pawl("create", "x", url=definer).returncode == 0
    assert pawl("next", "shop.a", "-n", 5, url=taker).stdout.split() == list("12345")
    assert pawl("list", url=taker).stdout == "shop.a\n"
    assert pawl("list", url=boss).stdout == "shop.a\nx\n"
    for words, url, text in [
            (("next", "x"), taker, "one of the keys"),
            (("create", "shop.b"), taker, "'seq.create'"),
            (("create", "y"), definer, "one of the keys"),
            (("set", "shop.a", 1, "--force"), definer, "'seq.set'"),
            (("drop", "shop.a"), definer, "'seq.drop'")]:
        done = pawl(*words, url=url)
        assert done.returncode == DENIED and text in done.stderr, (words, done.stderr)
    assert pawl("drop", "shop.a", url=boss).returncode == 0


def test_passwords_are_not_shown(guarded):
    there = f"127.0.0.1:{guarded.port}"
    done = pawl("ping", url=url_of(guarded, "boss", "hunter2"))
    assert done.returncode == DENIED and "wrong user or password, for user \"boss\"" in done.stderr
    assert "hunter2" not in done.stderr + done.stdout
    done = pawl("ping", url=f"pawl://{there}")
    assert done.returncode == DENIED and "user and a password" in done.stderr
    done = pawl("ping", url=f"pawl://boss@{there}")
    assert done.returncode == 2 and "PAWL_PASSWORD" in done.stderr
    for url in (f"pawl://boss:hunter2@{there}/db", f"pawl://boss:hun/ter2@{there}",
                f"pawl://boss:hunter2%@{there}", "pawl://boss:hunter2@"):
        done = pawl("ping", url=url)
        assert done.returncode == 2 and "ter2" not in done.stderr, done.stderr
    done = pawl("ping", env={"PAWL_URL": f"pawl://boss@{there}",
                             "PAWL_PASSWORD": PASSWORDS["boss"]})
    assert done.returncode == 0 and done.stdout.startswith(f"pawl://boss@{there} answers")
    done = pawl("ping", url=url_of(guarded, "boss"))
    assert done.stdout.startswith(f"pawl://boss:***@{there} answers")
    log = guarded.log()
    assert all(word not in log for word in ("hunter2", PASSWORDS["boss"]))


def test_a_chained_pawld_logs_in(fleet, guarded, users):
    below = fleet.start(store=url_of(guarded, "definer"))
    assert pawl("create", "shop.a", url=below.url).returncode == 0
    assert pawl("next", "shop.a", "-n", 3, url=below.url).stdout.split() == list("123")
    assert pawl("next", "y", url=below.url).returncode == DENIED
    assert below.redis().info()["store"] == f"pawl://definer:***@127.0.0.1:{guarded.port}"
    passwd(users, "definer", password="another")
    reread(guarded, "users read again")
    done = pawl("create", "shop.b", url=below.url)
    assert done.returncode == DENIED, done.stderr
    passwd(users, "definer", password=PASSWORDS["definer"])
    reread(guarded, "users read again")
    wait_until(lambda: pawl("create", "shop.b", "--if-not-exists", url=below.url).returncode == 0,
               "the old password works again")
    assert "b%2Fc" not in below.log()


def test_users_are_read_again(guarded, users):
    boss = guarded.redis(username="boss", password=PASSWORDS["boss"])
    boss.execute_command("SEQ.CREATE", "shop.a")
    taker = guarded.redis(username="taker", password=PASSWORDS["taker"], retry=None)
    taker.incr("shop.a")
    good = users.read_text()
    users.write_text(good + "nonsense\n")
    reread(guarded, "the users stay as they were")
    assert f"{users}:6: a line has four fields" in guarded.log()
    taker.incr("shop.a")
    users.write_text(good.replace("shop.*", "none.*"))
    reread(guarded, "users read again")
    with pytest.raises(redis.exceptions.NoPermissionError):
        taker.incr("shop.a")
    users.write_text("\n".join(line for line in good.splitlines() if "taker" not in line))
    reread(guarded, "users read again")
    with pytest.raises(redis.AuthenticationError):
        taker.incr("shop.a")
    boss.incr("shop.a")


def check(*options):
    return subprocess.run([program("pawld"), "--check", "--store", "memory:", *map(str, options)],
                          text=True, timeout=30, capture_output=True, check=False)


def test_check_reads_the_users(users):
    done = check("--users", users)
    assert done.returncode == 0 and f"users             {users} (4)" in done.stdout
    assert "others" not in done.stdout
    users.chmod(0o644)
    assert "others may read that file: chmod o-r" in check("--users", users).stdout
    users.chmod(0o666)
    done = check("--users", users)
    assert done.returncode == 2 and f"--users: {users}: others may write to it" in done.stderr
    users.chmod(0o600)
    users.write_text("shop take * secret\n")
    done = check("--users", users)
    assert done.returncode == 2 and f"--users: {users}:1: a verifier is" in done.stderr
    assert "secret" not in done.stderr
    done = check("--users", users.parent / "no")
    assert done.returncode == 2 and "cannot be opened" in done.stderr


def test_users_open_addresses_beyond_loopback(users):
    listen = ("--listen", f"resp://0.0.0.0:{free_port()}")
    done = check(*listen)
    assert done.returncode == 2 and "--users" in done.stderr and "--open" in done.stderr
    done = check(*listen, "--users", users)
    assert done.returncode == 0 and "open to everybody" not in done.stdout
    assert "open to everybody" in check(*listen, "--open").stdout

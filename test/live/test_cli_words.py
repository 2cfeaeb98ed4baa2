# SPDX-License-Identifier: Apache-2.0
"""What the command line says, and what it never may: passwords, help, and words in wrong places."""
import json
import os
import re
import subprocess

import pytest
from live import free_port, next_ids, pawl, pawl_json, program

SECRET = "Geh3im-wort"
URLS = [f"redis://user:{SECRET}@127.0.0.1:1/0", f"pawl://user:{SECRET}@127.0.0.1:1",
        f"postgres://user:{SECRET}@127.0.0.1:1/d", f"etcd://u:{SECRET}@127.0.0.1:1/p",
        f"couchbase://u:{SECRET}@127.0.0.1:1/b", f"postgres://127.0.0.1:1/d?password={SECRET}",
        f"redis://u:a/{SECRET}@127.0.0.1:1", f"nosql://u:{SECRET}@h", f"redis://user:{SECRET}",
        f"pawl://user:{SECRET}",
        f"postgres://127.0.0.1:{SECRET}/d",
        f"dynamodb://pawl?region=eu-west-1&endpoint=http://u:{SECRET}@127.0.0.1:1",
        f"lmdb:redis://u:{SECRET}@h/0"]


def commands():
    """Each verb, with the words that its help says stand behind it."""
    for line in pawl("--help").stdout.splitlines():
        found = re.match(r"  pawl ((?:store )?[a-z]+)((?: [\[\]A-Z.]+)*)  ", line)
        if found:
            yield found[1].split(), found[2].split()


def run(words, url=None):
    env = {name: value for name, value in os.environ.items() if name != "PAWL_URL"}
    if url is not None:
        env["PAWL_URL"] = url
    return subprocess.run([program("pawl"), *map(str, words)], text=True, env=env, timeout=60,
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, check=False)


def test_all_verbs_are_known_here():
    verbs = {" ".join(verb) for verb, _ in commands()}
    assert {"next", "list", "store init", "store copy", "backup", "restore", "passwd"} <= verbs
    assert len(verbs) == pawl("--help").stdout.count("\n  pawl ")


@pytest.mark.parametrize("verb,behind", list(commands()), ids=lambda one: " ".join(one))
def test_no_error_shows_a_password(verb, behind, tmp_path):
    """Of a URL in the place of each word, as one word too many, in options, in PAWL_URL."""
    url = URLS[0]
    fine = {"URL": f"lmdb:{tmp_path}/s", "FROM": f"lmdb:{tmp_path}/s", "TO": f"lmdb:{tmp_path}/t",
            "FILE": tmp_path / "none", "ID": 7, "NAME": "orders", "NEW": "bills"}
    words = [fine.get(word.strip("[].")) or "x" for word in behind]
    tries = [[*words[:i], url, *words[i + 1:]] for i in range(len(words))]
    tries += [[*words, url], [*words, f"--ulr={url}"], [*words, "--url", url],
              [*words, f"--count={url}"], [*words, f"--role={url}"], [url] * len(words)]
    extra = ["--skip", 5] if verb == ["restore"] else []
    for last in tries:
        done = run(["--timeout", 0.05, *verb, *last, *extra], url)
        assert SECRET not in done.stderr, (verb, last)
    assert SECRET not in run(["--json", *verb, *words, url]).stderr


@pytest.mark.parametrize("url", URLS)
def test_no_url_shows_its_password(url, tmp_path):
    for words in (["ping"], ["next", "s"], ["store", "check"], ["store", "init"],
                  ["store", "copy", url, f"lmdb:{tmp_path}/t"], ["backup", url, tmp_path / "f"],
                  ["store", "copy", f"lmdb:{tmp_path}/t", url], ["backup", tmp_path / "f", url],
                  ["restore", url, tmp_path / "f", "--skip", 1],
                  ["restore", tmp_path / "f", url, "--skip", 1]):
        done = run(["--timeout", 0.05, *words], url)
        assert done.returncode in (2, 5, 8), (words, done)
        assert SECRET not in done.stdout + done.stderr, words


def test_swapped_words_are_told(tmp_path):
    url = f"redis://u:{SECRET}@127.0.0.1:1/0"
    for words, right in ((["backup", tmp_path / "f", url], "it is pawl backup URL FILE"),
                         (["restore", url, tmp_path / "f", "--skip", 1],
                          "it is pawl restore FILE URL"),
                         (["passwd", url, "me"], "it is pawl passwd FILE NAME")):
        done = run(words)
        assert done.returncode == 2 and right in done.stderr, done
        assert "redis://u:***@127.0.0.1:1/0 is a URL" in done.stderr
    done = run(["passwd", tmp_path / "users", "me", SECRET])
    assert done.returncode == 2 and SECRET not in done.stderr


def test_the_store_may_come_from_where_a_server_does(tmp_path):
    url = f"lmdb:{tmp_path}/ids"
    for words in (["store", "init"], ["store", "check"]):
        assert run([*words, url]).returncode == 0
        assert run([*words, "--url", url]).returncode == 0
        assert run(words, url).returncode == 0
        # The command line has the last word.
        assert run([*words, url], "redis://127.0.0.1:1/0").returncode == 0
        for wrong, text in (([*words], "by --url or in PAWL_URL"),
                            ([*words, url, "--url", url], "takes one URL")):
            done = run(wrong)
            assert done.returncode == 2 and text in done.stderr, done
    done = run(["store", "check"], "pawl://127.0.0.1")
    assert done.returncode == 2 and "names a server" in done.stderr


@pytest.mark.parametrize("verb,behind", list(commands()), ids=lambda one: " ".join(one))
def test_the_help_of_a_command_is_its_own(verb, behind):
    name = " ".join(verb)
    lines = pawl(*verb, "--help").stdout.splitlines()
    assert lines[0].startswith(" ".join(["pawl", *verb, *behind]) + ": ")
    assert any(line.startswith("  --timeout S ") for line in lines)
    takes_url = verb[0] != "store" or name in ("store init", "store check")
    takes_url = takes_url and name not in ("backup", "restore", "passwd", "verify")
    assert any(line.startswith("  --url URL ") for line in lines) == takes_url
    assert any(line.startswith("  --dry-run ") for line in lines) == \
        (name in ("store copy", "restore"))


def test_the_help_of_a_group_is_its_commands():
    text = pawl("store", "--help").stdout
    assert all(f"  pawl store {verb} " in text for verb in ("init", "check", "copy"))
    assert "pawl next" not in text and "  --timeout S " in text
    assert pawl("--help", "store").stdout == text


def test_the_manual_has_each_exit_code():
    text = pawl("--help").stdout
    codes = re.findall(r"^  (\d+)  \w", text[text.index("It ends with"):], re.MULTILINE)
    manual = open("docs/man/pawl.1", encoding="utf-8").read()
    status = manual[manual.index(".Sh EXIT STATUS"):manual.index(".Sh JSON")]
    assert re.findall(r"^\.It (\d+)$", status, re.MULTILINE) == codes


def test_what_is_there_is_not_created(server, tmp_path):
    for url in (server.url, f"lmdb:{tmp_path}/ids"):
        words = ["create", "s", "--if-not-exists", "--start", 7]
        assert pawl(*words, url=url).stdout == "s: created\n"
        done = pawl(*words, url=url)
        assert (done.returncode, done.stdout) == (0, "s: is there already, and stays as it is\n")
        done = pawl_json(*words[:-1], 9, url=url)
        assert done == {"name": "s", "done": "create", "created": False, "complete": False}
        assert pawl_json("create", "t", url=url)["created"] is True
        assert next_ids("s", 1, url) == [7]
        assert pawl("create", "s", url=url).returncode == 4


def test_a_store_that_is_away_is_asked_for_as_long_as_was_said(tmp_path):
    """Nobody listens, and nobody answers."""
    for url in (f"etcd://127.0.0.1:{free_port()}/x", f"redis://127.0.0.1:{free_port()}/0"):
        done = run(["--json", "store", "check", url, "--timeout", 1.5])
        assert done.returncode == 5
        assert "etcds" not in done.stderr
        assert json.loads(done.stderr)["error"] == "STORE"
    done = run(["store", "copy", f"lmdb:{tmp_path}/none", f"lmdb:{tmp_path}/t", "--timeout", 30])
    assert done.returncode == 8  # what is missing is not waited for

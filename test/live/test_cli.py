# SPDX-License-Identifier: Apache-2.0
"""The command line on a real server, and straight on a store."""
import json
import os
import re
import subprocess

import pytest
from live import free_port, next_ids, pawl, pawl_json, program

INT64_MAX = 2**63 - 1
INT64_MIN = -(2**63)


@pytest.fixture(params=["server", "store"])
def url(request, tmp_path):
    """Everything must work alike through a server and without one."""
    if request.param == "server":
        return request.getfixturevalue("server").url
    os.makedirs(tmp_path / "store")
    return f"lmdb:{tmp_path / 'store'}"


def ends(done, code, *texts):
    assert done.returncode == code, (done.stdout, done.stderr)
    for text in texts:
        assert text in done.stderr
    assert done.stderr.count("\n") == 1, "an error is one line"
    assert done.stderr.startswith("pawl: ")


def test_ids_are_one_a_line_and_follow_each_other(url):
    assert pawl("create", "orders", url=url).returncode == 0
    assert pawl("next", "orders", url=url).stdout == "1\n"
    assert next_ids("orders", 5, url) == [2, 3, 4, 5, 6]
    assert pawl("next", "orders", url=url).stdout == "7\n"


def test_json_has_the_same_ids(url):
    pawl("create", "orders", "--start", 10, "--increment", -2, "--min", -100, "--max", 10, url=url)
    assert pawl_json("next", "orders", "-n", 3, url=url) == {"name": "orders", "ids": [10, 8, 6]}


def test_a_record_shows_every_parameter(url):
    done = pawl("create", "s", "--start", 5, "--increment", 3, "--min", 1, "--max", 10, "--cycle",
                "--block", 4, "--type", "smallint", url=url)
    assert done.returncode == 0, done.stderr
    info = pawl_json("show", "s", url=url)
    wanted = {"name": "s", "next": 5, "start": 5, "increment": 3, "min": 1, "max": 10,
              "cycle": True, "block": 4, "order": "client", "type": "smallint", "ended": False,
              "lap": 0}
    assert {key: info[key] for key in wanted} == wanted
    text = pawl("show", "s", url=url).stdout
    assert "increment   3\n" in text and "block       4\n" in text


def test_cycling_is_postgresqls(url):
    pawl("create", "s", "--start", 5, "--increment", 3, "--min", 1, "--max", 10, "--cycle", url=url)
    assert next_ids("s", 7, url) == [5, 8, 1, 4, 7, 10, 1]


def test_both_ends_of_int64(url):
    pawl("create", "up", "--start", INT64_MAX - 1, url=url)
    pawl("create", "down", "--increment", -1, "--min", INT64_MIN, "--max", INT64_MAX, "--start",
         INT64_MIN + 1, url=url)
    assert next_ids("up", 2, url) == [INT64_MAX - 1, INT64_MAX]
    assert next_ids("down", 2, url) == [INT64_MIN + 1, INT64_MIN]
    ends(pawl("next", "up", url=url), 6)
    ends(pawl("next", "down", url=url), 6)


def test_what_was_taken_is_printed_though_the_sequence_ends(url):
    pawl("create", "short", "--max", 3, url=url)
    done = pawl("next", "short", "-n", 10, url=url)
    assert done.returncode == 6
    assert done.stdout == "1\n2\n3\n"
    assert "3 of 10" in done.stderr


def test_listing_is_in_order_and_takes_a_glob(url):
    for name in ("beta", "alpha", "gamma", "be ta", "größe"):
        assert pawl("create", name, url=url).returncode == 0
    assert pawl("list", url=url).stdout.splitlines() == ["alpha", "be ta", "beta", "gamma", "größe"]
    assert pawl("list", "be*", url=url).stdout.splitlines() == ["be ta", "beta"]
    assert [one["name"] for one in pawl_json("list", "*a", url=url)] == \
        ["alpha", "be ta", "beta", "gamma"]
    assert pawl_json("list", "nothing*", url=url) == []


def test_creating_twice_is_an_error_or_not(url):
    assert pawl("create", "s", "--start", 7, url=url).returncode == 0
    ends(pawl("create", "s", url=url), 4, "s")
    assert pawl("create", "s", "--if-not-exists", url=url).returncode == 0
    assert next_ids("s", 1, url) == [7]


def test_setting_forward_and_backward(url):
    pawl("create", "s", url=url)
    assert pawl("set", "s", 100, url=url).returncode == 0
    assert next_ids("s", 1, url) == [100]
    ends(pawl("set", "s", 50, url=url), 8)
    assert next_ids("s", 1, url) == [101]
    assert pawl("set", "s", 50, "--force", url=url).returncode == 0
    assert next_ids("s", 1, url) == [50]


def test_altering_and_restarting(url):
    pawl("create", "s", "--start", 3, url=url)
    assert next_ids("s", 2, url) == [3, 4]
    assert pawl("alter", "s", "--increment", 10, url=url).returncode == 0
    assert next_ids("s", 2, url) == [14, 24]
    assert pawl("alter", "s", "--restart", url=url).returncode == 0
    assert next_ids("s", 2, url) == [3, 13]
    assert pawl("alter", "s", "--restart", 1000, "--max", 1005, url=url).returncode == 0
    assert next_ids("s", 1, url) == [1000]
    ends(pawl("next", "s", url=url), 6)
    assert pawl("alter", "s", "--no-max", url=url).returncode == 0
    assert next_ids("s", 1, url) == [1010]


def test_dropping_and_creating_again(url):
    pawl("create", "s", url=url)
    assert pawl("drop", "s", url=url).returncode == 0
    for words in (["next", "s"], ["show", "s"], ["drop", "s"], ["set", "s", 5],
                  ["alter", "s", "--cycle"], ["fence", "s"], ["bench", "s", "--seconds", 0.1]):
        ends(pawl(*words, url=url), 3)
    assert pawl("create", "s", "--start", 50, url=url).returncode == 0
    assert next_ids("s", 1, url) == [50]


def test_waiting_for_a_change_takes_the_layers_times_the_interval(url):
    pawl("create", "s", url=url)
    done = pawl("--json", "set", "s", 9, "--wait", "--layers", 2, "--refill-interval", 0.1, url=url)
    assert json.loads(done.stdout) == {"name": "s", "done": "set", "complete": True}
    done = pawl("--json", "set", "s", 10, url=url)
    assert json.loads(done.stdout) == {"name": "s", "done": "set", "complete": False}


def test_fencing_skips(url):
    pawl("create", "s", url=url)
    first = next_ids("s", 1, url)[0]
    before = pawl_json("show", "s", url=url)
    done = pawl("fence", "s", "--skip", 5000, url=url)
    assert done.returncode == 0
    said = re.fullmatch("s: fenced: goes on at ([0-9]+)\n", done.stdout)
    assert said and int(said[1]) >= first + 5000, done.stdout
    after = pawl_json("show", "s", url=url)
    assert after["line"] == before["line"] and after["epoch"] > before["epoch"]
    assert int(said[1]) == after["next"] == next_ids("s", 1, url)[0]
    told = pawl_json("fence", "s", "--beyond", after["line"] + 7, url=url)
    goes_on = told.pop("next")
    assert told == {"name": "s", "done": "fence", "complete": False, "ended": False}
    assert goes_on == next_ids("s", 1, url)[0]
    assert pawl_json("show", "s", url=url)["line"] > after["line"] + 7


def test_a_fence_up_to_the_end_says_so(url):
    pawl("create", "short", "--max", 10, url=url)
    done = pawl("fence", "short", "--skip", 10, url=url)
    assert done.stdout == "short: fenced: no ids are left\n"
    assert pawl("drop", "short", url=url).returncode == 0
    pawl("create", "one", url=url)
    (told,) = pawl_json("fence", "--all", "--skip", 1, url=url)
    assert told["name"] == "one" and told["next"] == 2


def test_ping_and_bench(url):
    assert pawl_json("ping", url=url)["ms"] >= 0
    pawl("create", "s", url=url)
    result = pawl_json("bench", "s", "--seconds", 0.5, "--threads", 2, url=url)
    assert result["ids"] > 100 and result["threads"] == 2 and result["seconds"] >= 0.5
    assert result["p50_ns"] <= result["p99_ns"] <= result["p999_ns"] <= result["most_ns"]
    assert result["store_writes"] >= 1
    lane = pawl("bench", "s", "--seconds", 0.2, "--lane", url=url)
    assert lane.returncode == 0 and "per million ids" in lane.stdout


def test_ids_drawn_by_bench_never_come_again(url):
    pawl("create", "s", url=url)
    drawn = pawl_json("bench", "s", "--seconds", 0.3, url=url)["ids"]
    assert next_ids("s", 1, url)[0] > drawn


@pytest.mark.parametrize("words", [
    ["create", "s", "--min", 5, "--max", 4], ["create", "s", "--start", 0],
    ["create", ""], ["create", "x" * 256], ["create", "a\tb"], ["create", b"\xff"],
    ["create", "s", "--increment", 0], ["create", "s", "--type", "smallint", "--max", 40000]])
def test_what_cannot_be_meant_is_refused(url, words):
    done = subprocess.run([program("pawl"), "--url", url, *[
        word if isinstance(word, bytes) else str(word) for word in words]],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False, timeout=30)
    assert done.returncode == 2, done.stderr
    assert done.stderr.startswith(b"pawl: ") and done.stderr.count(b"\n") == 1


def test_a_name_of_255_bytes_is_a_name(url):
    name = "n" * 255
    assert pawl("create", name, url=url).returncode == 0
    assert next_ids(name, 1, url) == [1]


def test_global_order_needs_no_special_command(url):
    pawl("create", "g", "--order", "global", url=url)
    assert next_ids("g", 3, url) == [1, 2, 3]
    ends(pawl("bench", "g", "--lane", "--seconds", 0.1, url=url), 8)


def test_no_server_is_an_error_within_the_timeout():
    nobody = f"pawl://127.0.0.1:{free_port()}"
    done = pawl("next", "orders", "--timeout", 1, url=nobody, limit_s=10)
    ends(done, 5)


def test_errors_are_json_too(server):
    done = pawl("--json", "next", "nobody", url=server.url)
    assert done.returncode == 3 and done.stdout == ""
    assert json.loads(done.stderr)["error"] == "NOSEQ"


def test_the_url_may_come_from_the_environment(server):
    pawl("create", "s", url=server.url)
    assert pawl("next", "s", env={"PAWL_URL": server.url}).stdout == "1\n"


def test_unwritable_output_is_an_error(server):
    pawl("create", "s", url=server.url)
    with open("/dev/full", "w", encoding="ascii") as full:
        done = subprocess.run([program("pawl"), "--url", server.url, "next", "s"], stdout=full,
                              stderr=subprocess.PIPE, check=False, timeout=30)
    assert done.returncode == 1


def test_closed_output_is_an_error_and_harms_nothing(url):
    pawl("create", "s", url=url)
    for closed in ">&-", ">&- <&-", ">&- 2>&- <&-":
        done = subprocess.run(["sh", "-c", f'"$0" --url "$1" next s -n 3 {closed}',
                               program("pawl"), url], stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=30,
                              check=False)
        assert done.returncode == 1, done
    assert next_ids("s", 2, url) == [10, 11]


def test_usage_errors_and_help():
    ends(pawl("frobnicate"), 2, "frobnicate")
    assert pawl().returncode == 2
    assert "pawl next NAME" in pawl("--help").stdout
    assert "--restart" in pawl("alter", "--help").stdout
    assert pawl("--version").stdout.startswith("pawl ")


def history(tmp_path, name, text):
    path = tmp_path / name
    path.write_text(text)
    return str(path)


def test_histories_are_judged(tmp_path):
    a = history(tmp_path, "a", "1\n2\n10\n")
    b = history(tmp_path, "b.ids", "# of another pod\n3\n4\n99")
    done = pawl("verify", a, b)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines()[1:] == ["1 last ids left out: their lines or numbers are cut",
                                            "5 missing in 1 gap, the longest 5 from 5 on",
                                            "good: each id once, in order"]
    assert "1 unexplained" in pawl("verify", "--burned", 4, a, b).stdout
    said = pawl_json("verify", "--burned", 5, a, b)
    assert said["good"] and said["ids"] == said["distinct"] == 5 and said["unexplained"] == 0
    c = history(tmp_path, "c", "4\n7\n6\n")
    done = pawl("verify", a, b, c)
    assert done.returncode == 11
    assert f"  4 was given to {b} and to {c}\n" in done.stdout
    assert f"  {c}: 6 came after 7\n" in done.stdout
    done = pawl("verify", "--increment", 3, "--start", 1, "--max", 9, a)
    assert done.returncode == 11
    assert "1 id lies beyond the bounds\n1 id is no start plus multiple" in done.stdout


def test_order_over_all_takers_is_judged_by_times(tmp_path):
    a = history(tmp_path, "a", "1 100 200\n4 500 600\n")
    b = history(tmp_path, "b", "2 150 300\n3 601 700\n")
    assert pawl("verify", a, b).returncode == 0
    done = pawl("verify", "--order", "global", a, b)
    assert done.returncode == 11
    assert f"  {b}: 3 was taken after {a} had 4\n" in done.stdout


def test_what_cannot_be_judged_is_named(tmp_path):
    bad = history(tmp_path, "bad", "1\ntwo\n")
    ends(pawl("verify", bad), 2, f"{bad}:2: each line must be ID")
    ends(pawl("verify", str(tmp_path / "none")), 2, "No such file")
    ends(pawl("verify", "--order", "global", history(tmp_path, "a", "1\n")), 2, "has no times")
    ends(pawl("verify"), 2, "needs FILE...")
    ends(pawl("verify", history(tmp_path, "empty", "# none\n")), 2, "no ids in these files")
    ends(pawl("verify", bad, "--threads", 1, bad), 2, "options must stand before the files")


def test_a_file_that_is_cut_while_it_is_read_ends_it_with_a_word(tmp_path):
    long, pipe = tmp_path / "long.i64", tmp_path / "pipe"
    long.write_bytes(b"".join(i.to_bytes(8, "little") for i in range(1, 100000)))
    os.mkfifo(pipe)
    with subprocess.Popen([program("pawl"), "verify", long, pipe], stderr=subprocess.PIPE,
                          stdout=subprocess.DEVNULL, text=True) as judge:
        with open(pipe, "wb"):  # it has come to the second
            os.truncate(long, 0)
        assert "was cut short" in judge.communicate(timeout=20)[1]
    assert judge.returncode == 1


def test_show_explains_the_gaps_of_a_crash(fleet, tmp_path):
    """What a killed server held is an upper bound, and so is what its clients were leased."""
    options = ["--data", str(tmp_path / "data")]
    server = fleet.start(options=options)
    assert pawl("create", "orders", "--block", 50, url=server.url).returncode == 0
    given = [server.redis().incr("orders") for _ in range(20)]
    server.kill()
    server.start()
    gaps = pawl_json("show", "orders", url=server.url)["gaps"]
    after = server.redis().incr("orders")
    missing = after - given[-1] - 1
    assert 0 < missing <= gaps["crash"], gaps
    assert gaps["crash_after"] <= given[-1] and gaps["crash_to"] == after - 1
    text = pawl("show", "orders", url=server.url).stdout
    assert f"up to {gaps['crash']} crash: " in text, text

# SPDX-License-Identifier: Apache-2.0
"""What was tried and is not used, with what it would bring: other builds of pawl, other
allocators, huge pages, busy polling and io_uring, each beside pawl (or the bare server) as it is.

Ratios are to what stands beside it in the same round, 50 connections: below 1 is a gain. Builds
are those of `make build` but for what is named; the profile is of the same load that is measured,
which is the best case. Busy polling and io_uring are tried on the bare server, which is all that
they could speed up: the kernel's part and the loop's."""
import argparse
import contextlib
import json
import os
import re
import subprocess
import sys

import part
import peers
import server

UNDER_WAY = (1, 16, 64)
SETTINGS = {"-O3": ["-Doptimization=3"], "link-time optimisation": ["-Db_lto=true"],
            "profile-guided": ["-Db_pgo=generate", "-Dc_args=-fprofile-update=prefer-atomic"]}
TARGETS = ("pawld", "bench/next_bench")
LIBRARIES = {"jemalloc": "libjemalloc.so.2", "mimalloc": "libmimalloc.so.2"}


def run(*words, **how):
    done = subprocess.run([str(word) for word in words], check=False, capture_output=True,
                          text=True, **how)
    if done.returncode != 0:
        sys.exit(f"bench: {words[0]} {words[1]}: {done.stdout[-2000:]}{done.stderr[-2000:]}")
    return done.stdout


def of_build(args, folder):
    return argparse.Namespace(**{**vars(args), "build": folder})


def build(args, name):
    """The folder of a build with that setting; a profile is made by the load that is measured."""
    folder = part.ROOT / ("build-tried-" + re.sub(r"\W+", "-", name).strip("-"))
    if not (folder / "build.ninja").exists():
        run("meson", "setup", folder, "--buildtype=debugoptimized", "-Dwerror=false",
            *SETTINGS[name], cwd=part.ROOT)
    elif name == "profile-guided":  # it is profiled anew
        run("meson", "configure", folder, "-Db_pgo=generate")
    run("ninja", "-C", folder, *TARGETS)
    if name == "profile-guided":
        with contextlib.ExitStack() as stack:
            one = start_pawld(of_build(args, folder), stack, name, {})
            for under_way in UNDER_WAY:
                load(args, one, under_way)
        run(folder / "bench/next_bench", 1)
        run("meson", "configure", folder, "-Db_pgo=use")
        run("ninja", "-C", folder, *TARGETS)
    return folder


def start_pawld(args, stack, name, env):
    with environment(env):
        pawld = stack.enter_context(peers.pawld(args, "memory:"))
    pawld.name = name
    peers.good(pawld.port, "SEQ.CREATE", "orders", "START", str(server.FIRST_ID))
    return pawld


@contextlib.contextmanager
def environment(env):
    """What is started inside has these variables, too."""
    before = dict(os.environ)
    os.environ.update(env)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


def load(args, one, under_way):
    return server.load(args, (one, "INCR orders", 1), 50, under_way, "1")


def environments():
    """name -> variables that make pawld use something else; only what is installed."""
    known = run("ldconfig", "-p")
    for name, library in LIBRARIES.items():
        found = re.search(rf"{re.escape(library)} .*=> (\S+)", known)
        if found:
            yield name, {"LD_PRELOAD": found[1]}
    yield "huge pages for the heap", {"GLIBC_TUNABLES": "glibc.malloc.hugetlb=1"}


def beside(args, up, shown):
    """Rows of each server but the first, as ratios to it."""
    runs = {(one.name, under_way): [] for one in up for under_way in UNDER_WAY}
    for one in up:
        load(args, one, UNDER_WAY[-1])
    for turn in range(args.rounds):
        for under_way in UNDER_WAY:
            for one in up[turn % len(up):] + up[:turn % len(up)]:
                runs[one.name, under_way].append(load(args, one, under_way))

    def ratio(name, under_way, what):
        return part.spread(part.ratios(*([run[what] for run in runs[who, under_way]]
                                         for who in (name, up[0].name))))
    for one in up[1:]:
        for under_way in UNDER_WAY:
            shown.append([one.name, under_way, *(ratio(one.name, under_way, what)
                                                 for what in ("cpu_us", "p50_us"))])


def bare_servers(args, stack):
    request, answer = server.as_resp("INCR orders"), f":{server.FIRST_ID}\r\n"
    for name, leaf, more in ((peers.BARE, "echo_server", []),
                             ("busy polling", "echo_server", ["spin"]),
                             ("io_uring", "uring_server", [])):
        port = peers.free_port()
        yield stack.enter_context(peers.Server(name, [part.program(args, leaf), port, len(request),
                                                      answer, *more], port))


def hot_path(args, builds):
    """ns of pawl_next by each build, in turn, beside a bare add."""
    found = {name: [] for name in builds}
    for _ in range(args.rounds):
        for name, folder in builds.items():
            subjects = json.loads(run(folder / "bench/next_bench", 3))["subjects"]
            ns = {(one["name"], one["threads"]): min(one["ns"]) for one in subjects}
            found[name].append(ns["pawl_next", 1])
    usual = next(iter(found))
    return [[name, part.spread(values), part.spread(part.ratios(values, found[usual]))]
            for name, values in found.items()]


def main():
    parser = part.arguments(__doc__, 7, 1)
    args = part.parse(parser, (7, 1), (1, 0.3))
    report = part.Part("tried", "Tried, and not used", __doc__)
    folders = {name: build(args, name) for name in SETTINGS}
    shown = []
    with contextlib.ExitStack() as stack:
        up = [start_pawld(args, stack, "as it is", {})]
        for name, folder in folders.items():
            up.append(start_pawld(of_build(args, folder), stack, name, {}))
        up += [start_pawld(args, stack, name, env) for name, env in environments()]
        beside(args, up, shown)
    with contextlib.ExitStack() as stack:
        beside(args, list(bare_servers(args, stack)), shown)
    report.table("INCR: ratios to pawld, and of the last two to bare libuv, as they are",
                 ["what", "under way", "server CPU per request", "p50"], shown)
    report.table("pawl_next, 1 thread, the least of three", ["build", "ns per id", "ratio"],
                 hot_path(args, {"as it is": args.build, **folders}))
    report.end(args)


if __name__ == "__main__":
    main()

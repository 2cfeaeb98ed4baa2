# SPDX-License-Identifier: Apache-2.0
"""Sends the same statements to a real PostgreSQL 15 and to pawld, and compares every message of
their answers: rows, names and types of columns, command tags, SQLSTATEs, texts, positions, notices,
the state of the transaction.

  differential.py [FILE...]          all of cases/, or these files
  differential.py -k TEXT            groups with TEXT in file or name
  differential.py --random 200       random scripts instead; --seed N for the same again
  differential.py --show             prints what PostgreSQL answered, too

Differences that are meant are in docs/postgresql.md, which says why; cases.py tells the format.
"""
import argparse
import pathlib
import random
import re
import shutil
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "stores"), str(HERE.parent / "live")]

import cases  # noqa: E402 (they stand in the folders that were just added)
import pgwire  # noqa: E402
import scripts  # noqa: E402
from live import Pawld, free_port  # noqa: E402
from servers import Postgres  # noqa: E402

USER = "app"  # not a superuser, but the owner of its database
DATABASE = "app"


def ask_simple(connection, text, _):
    return connection.ask(pgwire.query(text))


def ask_extended(connection, text, values, form):
    """As drivers do: the types are asked for first; all values are sent as texts."""
    return connection.ask(pgwire.parse(text), pgwire.describe("S"),
                          pgwire.bind(values or (), [form]), pgwire.describe("P"),
                          pgwire.execute(), pgwire.sync())


def ask_calls(connection, calls):
    """Messages of a .wire file, sent as they come, and what is read at the end."""
    for name, args, words in calls:
        if name == "read":
            return connection.read(*args)
        if name == "raw":
            connection.send(*args)
        else:
            connection.send(getattr(pgwire, name)(*args, **words))
    return connection.until_ready()


def ask(connection, step, mode):
    try:
        if step.calls is not None:
            return ask_calls(connection, step.calls)
        if mode == "simple" and step.values is None:
            return ask_simple(connection, step.text, None)
        return ask_extended(connection, step.text, step.values, int(mode == "binary"))
    except pgwire.Closed as closed:
        return closed.lines + ["closed"]
    except (OSError, TimeoutError) as error:
        return [f"no answer: {error}"]


class Side:
    """Sessions of one script on one server, by letter, opened when first needed."""

    def __init__(self, port):
        self.port = port
        self.sessions = {}

    def ask(self, step, mode):
        first, words = (step.calls[0][0], step.calls[0][2]) if step.calls else (None, {})
        try:
            if step.session not in self.sessions:
                more = words if first == "startup" else {}
                words = {"user": USER, "database": DATABASE, **more}
                self.sessions[step.session] = pgwire.Connection(self.port, **words)
        except pgwire.Closed as closed:
            return closed.lines + ["no connection"]
        except OSError as error:
            return [f"no connection: {error}"]
        session = self.sessions[step.session]
        if first == "startup":
            return [re.sub(r"^(server_version=\d+).*", r"\1", f"{key}={value}")
                    for key, value in sorted(session.parameters.items())]
        return ask(session, step, mode)

    def end(self):
        for session in self.sessions.values():
            session.close()


class Judge:
    """The real PostgreSQL: a database of its own for each script."""

    def __init__(self):
        self.server = Postgres(settings=["fsync=off", "full_page_writes=off",
                                         "synchronous_commit=off", "autovacuum=off",
                                         "timezone=UTC"])
        self.server.start()
        self.admin = pgwire.Connection(self.server.ports[0], "postgres", "postgres")
        self.say(f"CREATE ROLE {USER} LOGIN")

    def say(self, text):
        lines = self.admin.ask(pgwire.query(text))
        assert not lines[0].startswith("ERROR"), lines

    def side(self):
        self.say(f"DROP DATABASE IF EXISTS {DATABASE} WITH (FORCE)")
        self.say(f"CREATE DATABASE {DATABASE} OWNER {USER} TEMPLATE template0 LOCALE 'C'")
        return Side(self.server.ports[0])

    def end(self):
        self.admin.close()
        self.server.end()


class PawldOnPostgres(Pawld):
    """A pawld that also listens for PostgreSQL's clients."""

    def __init__(self, folder, name, options, store=None):
        self.postgres_port = free_port()
        super().__init__(folder, name, store, [
            "--listen", f"postgres://127.0.0.1:{self.postgres_port}", "--threads", "2",
            "--log-level", "warn", *options])


class Pair:
    """Both servers: one PostgreSQL for all scripts, one pawld for each of them."""

    def __init__(self, store="memory:"):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="pawl-differential-"))
        self.store = store
        self.judge = Judge()
        self.count = 0

    def end(self):
        self.judge.end()
        shutil.rmtree(self.folder, ignore_errors=True)

    def pawld(self, options):
        self.count += 1
        store = None if self.store == "lmdb:" else self.store
        return PawldOnPostgres(self.folder, f"pawld{self.count}", options, store).start()

    def run(self, group, mode):
        """Answers of both to each step: (step, PostgreSQL's lines, pawl's lines)."""
        server = self.pawld(group.options)
        sides = self.judge.side(), Side(server.postgres_port)
        try:
            for step in group.steps:
                wanted, got = (side.ask(step, mode) for side in sides)
                yield step, wanted, got
        finally:
            for side in sides:
                side.end()
            code = server.stop()
            assert code == 0, f"pawld ended with {code}:\n{server.log()}"


def told(lines):
    """An answer without what two differences that show everywhere do to it (docs/postgresql.md):
    `late-errors`, messages that come before an error only because it is found later, and
    `relations`, a hint at what this server is."""
    kept = []
    for line in lines:
        if line.startswith(("ERROR ", "FATAL ")):
            while kept and kept[-1].startswith(("parsed", "parameters", "columns", "no columns",
                                                "bound")):
                kept.pop()
            line = re.sub(r" \| hint: This server, pawl, [^|]*(?= \||$)", "", line)
        kept.append(line)
    return kept


def wrong_of(step, wanted, got):
    """None where the answers are as they should be; else what is wrong."""
    if any(line.startswith("no answer") for line in wanted):
        return "PostgreSQL does not answer: the script waits for itself"
    same = told(wanted) == told(got)
    if step.differs is None:
        return None if same else "answers differ"
    if wanted == got:
        return f"'{step.differs}' is no difference any more"
    if step.answer not in "\n".join(got):
        return f"'{step.differs}': pawl should answer {step.answer}"
    return None


def finding(step, what, wanted, got):
    place = f"line {step.line}, " if step.line else ""
    return "\n".join([f"{place}session {step.session}: {what}", *("    " + line for line in
                                                               step.text.split("\n")),
                      *("  postgres | " + line for line in wanted),
                      *("  pawl     | " + line for line in got)])


def findings_of(pair, group, mode, show=False):
    """What is wrong with a group sent in one mode; a text for each step."""
    found = []
    where = f"{group.path}, group '{group.name}', {mode}: "
    try:
        for step, wanted, got in pair.run(group, mode):
            what = wrong_of(step, wanted, got)
            if show:
                print(finding(step, what or "as it should be", wanted, got))
            if what is not None:
                found.append(where + finding(step, what, wanted, got))
    except AssertionError as error:  # pawld has ended
        found.append(where + str(error))
    return found


def differs(pair, script, mode):
    """Whether any answer differs, or pawld ends; the script ends there."""
    try:
        return any([wrong_of(*answers) for answers in pair.run(script, mode)])
    except AssertionError:
        return True


def shrink(pair, script, mode, limit_s=60):
    """Leaves out what is not needed for the answers to differ, for a while. What creates stays:
    an unknown name would be another difference."""
    until = time.monotonic() + limit_s
    size = max(len(script.steps) // 2, 1)
    while True:
        at = 0
        while at < len(script.steps) and time.monotonic() < until:
            steps = script.steps[:at] + [step for step in script.steps[at:at + size]
                                         if step.text.startswith("CREATE")]
            less = cases.Group(script.name, options=script.options,
                               steps=steps + script.steps[at + size:])
            if len(less.steps) < len(script.steps) and differs(pair, less, mode):
                script = less
            else:
                at += size
        if size == 1 or time.monotonic() >= until:
            return script
        size //= 2


def random_finding(pair, seed):
    """Runs the script of a seed: None, or the seed, the shrunk script, and what is wrong."""
    dice = random.Random(seed)
    script, mode = scripts.random_script(dice, seed), dice.choice(cases.MODES)
    if not findings_of(pair, script, mode):
        return None
    least = shrink(pair, script, mode)
    again = findings_of(pair, least, mode) or ["(it passed when it ran again)"]
    return "\n".join([f"PAWL_SEED={seed}, {mode}", *map(str, least.steps), "", again[0]])


def run_random(pair, args):
    first = args.seed if args.seed is not None else random.SystemRandom().randrange(1 << 32)
    print(f"PAWL_SEED={first}")
    found = [random_finding(pair, first + i) for i in range(args.random)]
    return [text for text in found if text is not None]


def run_cases(pair, args):
    groups = cases.read_all(args.file)
    found = [] if args.file else cases.check_keys(groups)
    sent = 0
    for group in groups:
        if args.k not in str(group):
            continue
        for mode in group.modes:
            if args.mode and mode not in (args.mode, "wire"):
                continue
            sent += len(group.steps)
            found += findings_of(pair, group, mode, args.show)
    print(f"{sent} statements sent")
    return found


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n", maxsplit=1)[0])
    parser.add_argument("file", nargs="*", help="of cases/; default all")
    parser.add_argument("-k", default="", help="only groups with this in file or name")
    parser.add_argument("--mode", choices=cases.MODES, help="only this one")
    parser.add_argument("--show", action="store_true", help="print all answers")
    parser.add_argument("--store", default="memory:", help="pawld's: memory: or lmdb:")
    parser.add_argument("--random", type=int, default=0, help="so many random scripts instead")
    parser.add_argument("--seed", type=int, help="of the first random script")
    args = parser.parse_args()
    pair = Pair(args.store)
    try:
        found = run_random(pair, args) if args.random else run_cases(pair, args)
    finally:
        pair.end()
    print("\n\n".join(found + [f"{len(found)} findings"]))
    return int(bool(found))


if __name__ == "__main__":
    sys.exit(main())

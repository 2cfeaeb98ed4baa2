# SPDX-License-Identifier: Apache-2.0
"""The files in cases/: scripts for two servers that must answer alike.

*.sql     statements, each ended by `;` at the end of a line; `\\;` stands inside of one text that
          is sent at once. What is said about them are comments:
            -- group: NAME       begins a script: fresh servers, fresh sessions
            -- modes: simple     of `simple text binary`: the protocols that it is sent by; all
            -- pawld: OPTION...  how pawld is started instead of with --setval-back allow
            -- A                 the session that goes on: any capital letter; A at first
            -- with: ["1", null] values of the parameters of the statement before; it is then sent
                                 by the extended protocol in every mode
            -- differs: KEY -> TEXT   the statement before is answered otherwise by pawl, with TEXT
                                 in it, for the reason that docs/postgresql.md gives for KEY
*.wire    messages: a session, a function of pgwire.py, and its arguments in Python's words:
            # group: NAME, # pawld: and # differs: as above
            A parse("SELECT $1", "s1", [20])
            A sync()             reads up to ReadyForQuery; read(n) reads n messages
            A startup(options="-c geqo=off")   begins the session with other words than usual, and
                                               reads the parameters that the server tells
"""
import ast
import dataclasses
import json
import pathlib
import re

import pgwire

HERE = pathlib.Path(__file__).resolve().parent
CASES = HERE / "cases"
MANUAL = HERE.parents[1] / "docs/postgresql.md"
MODES = ("simple", "text", "binary")
ALLOW = ("--setval-back", "allow")


@dataclasses.dataclass
class Step:
    """What one session does, up to an answer that is compared."""

    session: str
    text: str = ""
    line: int = 0
    values: list = None
    calls: list = None  # of a .wire file: (function, arguments)
    differs: str = None
    answer: str = ""

    def __str__(self):
        values = "" if self.values is None else f"\n-- with: {json.dumps(self.values)}"
        return f"-- {self.session}\n{self.text};{values}"


@dataclasses.dataclass
class Group:
    name: str
    path: str = ""
    modes: tuple = MODES
    options: tuple = ALLOW
    steps: list = dataclasses.field(default_factory=list)

    def __str__(self):
        return f"{pathlib.Path(self.path).stem}: {self.name}"


class Wrong(Exception):
    """A file that cannot be meant."""


def take_word(group, word, rest, where):
    """What a comment says of its group or of the statement before it."""
    last = group.steps[-1] if group.steps else None
    if word == "modes":
        group.modes = tuple(rest.split())
        if not set(group.modes) <= set(MODES):
            raise Wrong(f"{where}: modes are {' '.join(MODES)}")
    elif word == "pawld":
        group.options = tuple(rest.split())
    elif word == "with" and last is not None:
        last.values = json.loads(rest)
    elif word == "differs" and last is not None:
        last.differs, _, last.answer = (part.strip() for part in rest.partition("->"))
        if not last.answer:
            raise Wrong(f"{where}: say what pawl answers: differs: KEY -> TEXT")
    else:
        raise Wrong(f"{where}: '{word}' says nothing here")


def groups_of(path, comment):
    """The lines of a file, group by group, without its comments; each with the session's letter."""
    group = None
    session = "A"
    for number, line in enumerate(path.read_text(encoding="utf-8").split("\n"), 1):
        where = f"{path}:{number}"
        said = re.fullmatch(rf"{comment} ([a-z]+): (.*)", line)
        if said and said.group(1) == "group":
            group, session = Group(said.group(2), str(path)), "A"
            yield "group", group, None
        elif group is None:
            if line and not line.startswith(comment):
                raise Wrong(f"{where}: stands before the first group")
        elif said:
            take_word(group, *said.groups(), where)
        elif re.fullmatch(rf"{comment} [A-Z]", line):
            session = line[-1]
        elif not line.startswith(comment):
            yield line, group, (session, number)


def read_sql(path):
    groups = []
    text = begun = None
    for line, group, place in groups_of(path, "--"):
        if place is None:
            groups.append(group)
            continue
        if text is None:
            if not line.strip():
                continue
            text, begun = "", place
        text += line
        if text.endswith(";") and not text.endswith("\\;"):
            group.steps.append(Step(begun[0], text[:-1].replace("\\;", ";"), begun[1]))
            text = None
        else:
            text += "\n"
    if text is not None:
        raise Wrong(f"{path}:{begun[1]}: a statement does not end")
    return groups


def read_call(text, where):
    """One message: a call of a function of pgwire.py, whose arguments are literals."""
    try:
        call = ast.parse(text, mode="eval").body
        if call.func.id not in ("startup", "read", "raw") and not hasattr(pgwire, call.func.id):
            raise Wrong(f"{where}: pgwire.py has no {call.func.id}")
        return (call.func.id, [ast.literal_eval(one) for one in call.args],
                {one.arg: ast.literal_eval(one.value) for one in call.keywords})
    except (SyntaxError, AttributeError, ValueError):
        raise Wrong(f"{where}: not a call: {text}") from None


def read_wire(path):
    groups = []
    for line, group, place in groups_of(path, "#"):
        if place is None:
            groups.append(group)
            group.modes = ("wire",)
            open_step = None
        elif line.strip():
            session, _, text = line.partition(" ")
            if open_step is None:
                open_step = Step(session, "", place[1], calls=[])
                group.steps.append(open_step)
            if open_step.session != session:
                raise Wrong(f"{path}:{place[1]}: {open_step.session} has not read its answers yet")
            open_step.calls.append(read_call(text, f"{path}:{place[1]}"))
            open_step.text += ("\n" if open_step.text else "") + text
            if open_step.calls[-1][0] in ("startup", "sync", "read", "query"):
                open_step = None
    return groups


def read_all(names=()):
    """All groups of the named files, or of all."""
    paths = [pathlib.Path(name) for name in names] or sorted(CASES.iterdir())
    return [group for path in paths
            for group in (read_wire if path.suffix == ".wire" else read_sql)(path)]


def reasons():
    """Key and reason of each difference that is meant: the rows of the manual's table."""
    text = MANUAL.read_text(encoding="utf-8").split("\n## What differs\n")[1].split("\n## ")[0]
    return dict(re.findall(r"^\| `([a-z-]+)` \| (.+) \|$", text, re.M))


def check_keys(groups):
    """What is wrong between the cases and the manual's table: nothing should be."""
    listed = reasons()
    used = {step.differs for group in groups for step in group.steps if step.differs}
    return ([f"{MANUAL.name} gives no reason for '{key}'" for key in sorted(used - set(listed))]
            + [f"{MANUAL.name} lists '{key}', which no case shows" for key in
               sorted(set(listed) - used)])

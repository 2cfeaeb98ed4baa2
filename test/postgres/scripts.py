# SPDX-License-Identifier: Apache-2.0
"""Random scripts about sequences, from a seed: definitions at and beyond every bound, and what is
done with them by one or two sessions, in and out of transactions.

What PostgreSQL would answer by waiting is left out, as are differences that are meant:
definitions change only while no transaction is open; with CACHE there is one session, and nobody
looks at last_value; what cycles is not altered or set; what is dropped is created again at once,
since an unknown name is found late; nothing is wrong in two ways.
"""
from cases import Group, Step

EDGES = [-2**63, -2**63 + 1, -2**31 - 1, -2**31, -2**15 - 1, -2**15, -1001, -10, -3, -2,
         -1, 0, 1, 2, 3, 5, 10, 1000, 2**15 - 1, 2**15, 2**31 - 1, 2**31, 2**63 - 2, 2**63 - 1]
INCREMENTS = [-2**63, -1000, -7, -3, -2, -1, 1, 1, 1, 2, 3, 7, 1000, 2**62, 2**63 - 1]
NAMES = ["s", "t", '"Mixed Case"']
STEPS_MAX = 30


def number(dice):
    edge = dice.choice(EDGES) + (dice.randint(-3, 3) if dice.random() < 0.3 else 0)
    return max(-2**63, min(edge, 2**63 - 1))


def inside(dice, cycles=False):
    """Options that can be: bounds in order, and a start between them."""
    low, high = sorted(number(dice) for _ in range(2))
    if dice.random() < 0.5:
        high = min(low + dice.randint(1, 6), 2**63 - 1)
    words = [f"INCREMENT {dice.choice(INCREMENTS)}"]
    if low < high and dice.random() < 0.8:
        words += [f"MINVALUE {low}", f"MAXVALUE {high}"]
        if dice.random() < 0.5:
            words.append(f"START {dice.randint(low, high)}")
    if cycles and dice.random() < 0.7:
        words.append("CYCLE")
    return words


def anything(dice, alter):
    """Options of which some cannot be."""
    words = []
    if dice.random() < 0.3:
        words.append("AS " + dice.choice(["smallint", "integer", "bigint", "int2", "int8"]))
    if dice.random() < 0.5:
        words.append(dice.choice(["INCREMENT", "INCREMENT BY"]) + f" {dice.choice(INCREMENTS)}")
    for word in ("MINVALUE", "MAXVALUE"):
        if dice.random() < 0.4:
            words.append(f"{word} {number(dice)}" if dice.random() < 0.7 else f"NO {word}")
    if dice.random() < 0.25:
        words.append(dice.choice(["START", "START WITH"]) + f" {number(dice)}")
    if alter and dice.random() < 0.5:
        words.append(dice.choice(["RESTART", f"RESTART {number(dice)}",
                                  f"RESTART WITH {dice.randint(-5, 5)}"]))
    if dice.random() < 0.05:
        return [dice.choice(["INCREMENT 0", "CACHE 0", "CACHE -5", "NO CYCLE", "AS text"])]
    return words


def options(dice, alter):
    words = inside(dice) if dice.random() < 0.3 else anything(dice, alter)
    dice.shuffle(words)
    return " ".join(words)


class Writer:
    def __init__(self, dice):
        self.dice = dice
        self.cached = dice.random() < 0.2
        self.cycles = dice.random() < 0.3
        self.sessions = "A" if self.cached or dice.random() < 0.5 else "AB"
        self.steps = []
        self.in_transaction = None  # the session that has begun one
        self.count = 0

    def say(self, text, session=None):
        self.steps.append(Step(session or self.dice.choice(self.sessions), text))

    def name(self):
        return self.dice.choice(NAMES)

    def create(self, name):
        self.say(f"CREATE SEQUENCE {name} " + " ".join(inside(self.dice, self.cycles))
                 + (" CACHE 3" if self.cached else ""))

    def define(self):
        if self.in_transaction is not None:
            return self.use()
        kind = self.dice.random()
        if kind < 0.2:  # a new name, so that nothing but its options can be wrong
            self.count += 1
            return self.say(f"CREATE SEQUENCE n{self.count} {options(self.dice, False)}")
        if kind < 0.3:
            return self.say(f"CREATE SEQUENCE IF NOT EXISTS {self.name()}")
        if kind < 0.9 and not self.cached and not self.cycles:
            return self.say(f"ALTER SEQUENCE {self.name()} {options(self.dice, True) or 'RESTART'}")
        name = self.name()
        self.say(f"DROP SEQUENCE {self.dice.choice(['', 'IF EXISTS '])}{name}")
        return self.create(name)

    def call(self):
        kind = self.dice.random()
        if kind < 0.55:
            return f"nextval('{self.name()}')"
        if kind < 0.7:
            return f"currval('{self.name()}')"
        if kind < 0.78 or self.cycles:
            return "lastval()"
        value = self.dice.choice([number(self.dice), *self.dice.choices(range(-8, 9), k=2)])
        called = self.dice.choice(["", ", true", ", false", ", false"])
        return f"setval('{self.name()}', {value}{called})"

    def use(self):
        calls = ", ".join(self.call() for _ in range(self.dice.choice([1, 1, 1, 2, 3])))
        rows = f" FROM generate_series(1, {self.dice.randint(1, 8)})" if self.dice.random() < 0.3 \
            else ""
        self.say(f"SELECT {calls}{rows}")

    def look(self):
        if self.cached:
            return self.use()
        if self.dice.random() < 0.5:
            return self.say(f"SELECT last_value, is_called FROM {self.name()}")
        return self.say("SELECT * FROM pg_sequences ORDER BY sequencename")

    def transact(self):
        if self.in_transaction is None:
            self.in_transaction = self.dice.choice(self.sessions)
            return self.say(self.dice.choice(["BEGIN", "START TRANSACTION", "BEGIN READ ONLY"]),
                            self.in_transaction)
        kind = self.dice.random()
        if kind < 0.2:
            return self.say(f"SAVEPOINT p{self.dice.randint(1, 2)}", self.in_transaction)
        if kind < 0.45:
            word = self.dice.choice(["ROLLBACK TO", "RELEASE"])
            return self.say(f"{word} p{self.dice.randint(1, 2)}", self.in_transaction)
        return self.finish()

    def finish(self):
        if self.in_transaction is not None:
            self.say(self.dice.choice(["COMMIT", "ROLLBACK"]), self.in_transaction)
            self.in_transaction = None

    def forget(self):
        if self.in_transaction is None and not self.cached:
            self.say(self.dice.choice(["DISCARD SEQUENCES", "DISCARD ALL"]))


def random_script(dice, seed):
    writer = Writer(dice)
    for name in NAMES:
        writer.create(name)
    deeds = [writer.define, writer.use, writer.use, writer.use, writer.look, writer.transact,
             writer.forget]
    weights = [3, 6, 6, 6, 2, 2, 0.5]
    for _ in range(dice.randint(8, STEPS_MAX)):
        dice.choices(deeds, weights)[0]()
    writer.finish()
    return Group(f"seed {seed}", steps=writer.steps)

# SPDX-License-Identifier: Apache-2.0
"""A store driver in a process of its own, asked by a test, and the judge of what it was given."""
import collections
import json
import os
import queue
import subprocess
import threading

import pytest

from live import program

LIMIT_S = 30


class Asker:
    """One store_asker: ask() waits for the answer, begin() does not and wait() does."""

    def __init__(self, url, env=None):
        self.url = url
        self.number = 0
        self.answers = {}
        self.items = collections.defaultdict(list)  # of a check, by the ask's id
        self.lines = queue.Queue()
        self.process = subprocess.Popen(
            [program("test/store/store_asker"), url], text=True, stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=dict(os.environ, **(env or {})))
        threading.Thread(target=self._read, daemon=True).start()
        if self.lines.get(timeout=LIMIT_S) is None:
            self._died()

    def _read(self):
        for line in self.process.stdout:
            self.lines.put(json.loads(line))
        self.lines.put(None)

    def begin(self, verb, name="", **fields):
        self.number += 1
        words = [str(self.number), verb, name, *(f"{k}={v}" for k, v in fields.items())]
        try:
            self.process.stdin.write(" ".join(word for word in words if word) + "\n")
            self.process.stdin.flush()
        except BrokenPipeError:
            self._died()
        return str(self.number)

    def wait(self, number, limit_s=LIMIT_S):
        while number not in self.answers:
            try:
                answer = self.lines.get(timeout=limit_s)
            except queue.Empty:
                raise AssertionError(f"no answer within {limit_s} s") from None
            if answer is None:
                self._died()
            if "item" in answer:
                self.items[answer["id"]].append(answer)
            else:
                self.answers[answer["id"]] = answer
        return self.answers.pop(number)

    def ask(self, verb, name="", **fields):
        return self.wait(self.begin(verb, name, **fields))

    def must(self, verb, name="", **fields):
        answer = self.ask(verb, name, **fields)
        assert answer["error"] == "PAWL_OK", answer
        return answer

    def _died(self):
        text = self.process.stderr.read()
        if "built without" in text:
            pytest.skip(text.strip())
        raise AssertionError(f"store_asker ended with {self.process.wait(5)}: {text}")

    def end(self):
        """Closes the store; returns what was still unanswered."""
        left = []
        if self.process.poll() is None:
            self.process.stdin.close()
            while (answer := self.lines.get(timeout=LIMIT_S)) is not None:
                left.append(answer)
            code = self.process.wait(LIMIT_S)
            assert code == 0, f"store_asker ended with {code}: {self.process.stderr.read()}"
        self.process.stdout.close()
        self.process.stderr.close()
        return left


class Ledger:
    """All ranges that were given of one sequence: each id once. Increments are positive."""

    def __init__(self):
        self.ranges = collections.defaultdict(list)  # by line and lap
        self.given = self.burned = 0

    def book(self, answer):
        """An answer to take or next, whatever it says; returns whether it gave ids."""
        self.burned += answer["burned"]
        if answer["error"] != "PAWL_OK":
            return False
        if answer["count"] > 0:
            last = answer["first"] + (answer["count"] - 1) * answer["increment"]
            self.ranges[answer["line"], answer["lap"]].append((answer["first"], last))
            self.given += answer["count"]
        return True

    def check(self):
        for place, ranges in self.ranges.items():
            ranges.sort()
            for (_, last), (first, _) in zip(ranges, ranges[1:]):
                assert first > last, f"{first} was given twice, in line and lap {place}"

# SPDX-License-Identifier: Apache-2.0
"""One process of a server, with its log, where it is to run."""
import os
import pathlib
import shutil
import signal
import subprocess

import pytest

from live import wait_until


def need(program):
    """The path of a program, which must be there."""
    found = shutil.which(program)
    if found is None:
        pytest.fail(f"{program} is missing: run tools/setup", pytrace=False)
    return found


START_S = 90  # Java on a busy machine; the limit is a failure, not a pause


class Loopback:
    """Where a server runs. Others are network namespaces: test/chaos/net.py."""

    address = "127.0.0.1"

    def words(self, words, user=None):
        """What to start, and how Popen is to do it, so that they run here as that user."""
        how = {} if user is None else {"user": user, "group": user, "extra_groups": []}
        return words, how


LOOPBACK = Loopback()


class Process:
    """One process of a server, with its log."""

    def __init__(self, words, log_path, user=None, cwd=None, at=LOOPBACK):
        self.log_path = log_path
        words, how = at.words([need(str(words[0])), *map(str, words[1:])], user)
        with open(log_path, "ab") as log:
            self.child = subprocess.Popen(words, cwd=cwd, stdin=subprocess.DEVNULL, stdout=log,
                                          stderr=log, **how)

    def log(self):
        return pathlib.Path(self.log_path).read_text(encoding="utf-8", errors="replace")[-4000:]

    def wait_ready(self, answers, what):
        def ready():
            code = self.child.poll()
            assert code is None, f"{what} ended with {code}:\n{self.log()}"
            return answers()

        try:
            wait_until(ready, f"{what} answers", START_S)
        except AssertionError as error:
            raise AssertionError(f"{error}\n{self.log()}") from None

    def send(self, number):
        if self.child.poll() is None:
            self.child.send_signal(number)

    def stopped(self):
        """Or it has ended: its state in proc(5) stands behind its name in brackets."""
        try:
            stat = pathlib.Path(f"/proc/{self.child.pid}/stat").read_text(encoding="ascii")
        except OSError:
            return True
        return stat.rpartition(")")[2].split()[0] in "TtZX"

    def kill(self, number=signal.SIGKILL):
        """Ends it, and its children, which may be in sessions of their own."""
        self.send(signal.SIGSTOP)  # or it makes one more child while they are counted
        wait_until(self.stopped, f"process {self.child.pid} stops")
        children = descendants(self.child.pid)
        self.send(number)
        self.send(signal.SIGCONT)
        try:
            self.child.wait(20)
        except subprocess.TimeoutExpired:
            self.child.kill()
            self.child.wait(20)
        for pid in children:
            signal_one(pid, signal.SIGKILL)
        wait_until(lambda: not any(os.path.exists(f"/proc/{pid}/exe") for pid in children),
                   "children end")


def signal_one(pid, number):
    """A server's child may have ended by itself meanwhile."""
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        pass


def descendants(pid):
    try:
        text = pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii")
    except OSError:
        return []
    children = [int(word) for word in text.split()]
    return children + [one for child in children for one in descendants(child)]

# SPDX-License-Identifier: Apache-2.0
"""Pods: processes of an application with libpawl straight on a store (test/live/pod.c)."""
import os
import signal
import subprocess
import threading

from live import BUILD

ANSWER_S = 60
USUAL_MS = (10000, 2000, 400)  # short, so that a test need not be long


class Pod:
    """One process. times_ms are its deadline, ride-through and refill interval."""

    def __init__(self, url, log_path, env=None, times_ms=USUAL_MS):
        self.url, self.log_path = url, log_path
        with open(log_path, "ab") as log:
            self.process = subprocess.Popen(
                [str(BUILD / "test/live/pod"), url, *map(str, times_ms)], stdin=subprocess.PIPE,
                stdout=subprocess.PIPE, stderr=log, env=dict(os.environ, **(env or {})),
                text=True, bufsize=1)
        self.opened_us = None

    def answer(self):
        """One line, or a failure: not a hang."""
        watch = threading.Timer(ANSWER_S, self.process.kill)
        watch.start()
        line = self.process.stdout.readline().strip()
        watch.cancel()
        return line

    def ready(self):
        line = self.answer()
        assert line.startswith("ok "), f"{self.url}: {line}\n{self.log()}"
        self.opened_us = int(line.split()[1])
        return self

    def ask(self, *words):
        """The whole answer, as a line."""
        self.process.stdin.write(" ".join(map(str, words)) + "\n")
        return self.answer()

    def must(self, *words):
        """The numbers of an answer that has to be good."""
        line = self.ask(*words)
        assert line.startswith("ok"), f"{self.url}: {words}: {line}\n{self.log()}"
        return [int(word) for word in line.split()[1:]]

    def next(self, name):
        return self.must("next", name)[0]

    def log(self):
        return open(self.log_path, encoding="utf-8", errors="replace").read()[-2000:]

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(10)

    def stop(self):
        """pawl_close, and a clean end."""
        self.process.stdin.close()
        code = self.process.wait(ANSWER_S)
        assert code == 0, f"{self.url}: a pod ended with {code}\n{self.log()}"


class Team:
    """Pods that come and go, and the histories of all of them, forked children included."""

    def __init__(self, folder):
        self.folder = folder
        self.born = 0
        self.all = []

    def start(self, url, env=None, times_ms=USUAL_MS):
        pod = Pod(url, self.folder / f"pod{self.born}.log", env, times_ms)
        pod.number = self.born
        self.born += 1
        self.all.append(pod)
        return pod

    def draw(self, pod, names):
        for name in names:
            pod.must("draw", name, self.path(pod, name))

    def fork(self, pod, name):
        """Where its child writes."""
        self.born += 1
        path = self.path(pod, name, f"child{self.born}")
        pod.must("fork", name, path)
        return path

    def path(self, pod, name, who="self"):
        return self.folder / f"{name}.pod{pod.number}.{who}.ids"

    def end(self):
        for pod in self.all:
            if pod.process.poll() is None:
                pod.kill()

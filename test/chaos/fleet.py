# SPDX-License-Identifier: Apache-2.0
"""Three pawlds on a store, clients of all kinds that draw from them, and what each is told to
do. Every process runs at a host of the network (net.py) and is stopped by its own id."""
import json
import pathlib
import signal
import subprocess
import sys

import servers
from live import BUILD, free_port, pawl, wait_until
from stores import STORES

HERE = pathlib.Path(__file__).resolve().parent
SERVERS = ["p0", "p1", "p2"]
APPS = ["app0", "app1", "app2"]
HOSTS = [*SERVERS, *STORES, *APPS]
BEGIN_S = 90  # an interpreter may take long to start where all else starts as well
REFILL_MS, RIDE_MS, DEADLINE_MS = 1000, 3000, 5000
OPTIONS = ["--refill-interval", f"{REFILL_MS}ms", "--ride-through", f"{RIDE_MS}ms",
           "--takeover-timeout", "30s", "--open"]
SEQUENCES = {  # name -> how it is created, how it is judged
    "orders": ([], []),
    "bills": (["--increment", "-5"], ["--increment", "-5"]),
    "tickets": (["--order", "global"], ["--order", "global"]),
}


class Daemon:
    """A process that is killed, stopped, and started again. expected: it may be gone."""

    def __init__(self, name, host, folder):
        self.name, self.host = name, host
        self.log_path = folder / f"{name}.log"
        self.process, self.expected, self.paused = None, True, False

    def begin(self, words):
        self.process = servers.Process(words, self.log_path, at=self.host)
        self.expected = self.paused = False

    def kill(self):
        self.expected = True
        self.process.child.kill()
        self.process.child.wait(10)

    def pause(self):
        self.paused = True
        self.process.send(signal.SIGSTOP)

    def resume(self):
        self.process.send(signal.SIGCONT)
        self.paused = False

    def log(self):
        return self.log_path.read_text(encoding="utf-8", errors="replace")

    def crashed(self):
        """How it ended, if nobody asked it to."""
        code = self.process.child.poll() if self.process is not None else None
        return None if self.expected else code


class Pawld(Daemon):
    def __init__(self, name, host, folder):
        super().__init__(name, host, folder)
        self.data = folder / f"{name}-data"
        self.ports = [free_port(), free_port()]
        self.store = None

    @property
    def url(self):
        return f"pawl://{self.host.address}:{self.ports[0]}"

    def start(self):
        address = self.host.address
        # pawld takes SIGTERM as soon as it can answer for it: one that comes before that waits.
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
        try:
            self.begin([BUILD / "pawld", "--store", self.store, "--data", self.data, "--listen",
                        f"resp://{address}:{self.ports[0]}", "--listen",
                        f"postgres://{address}:{self.ports[1]}", *OPTIONS])
        finally:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})

    def runs(self):
        return self.process.child.poll() is None

    def answers(self):
        done = pawl("list", "--timeout", 2, url=self.url)
        return done.returncode == 0

    def stop(self):
        """Cleanly; returns the exit code, which is 0 before it serves as well."""
        self.expected = True
        self.process.child.terminate()
        try:
            return self.process.child.wait(20)
        except subprocess.TimeoutExpired:
            self.process.child.kill()
            self.process.child.wait(10)
            return "nothing within 20 s of SIGTERM"


class Client(Daemon):
    """One that takes ids. words(prefix) is what runs; each life writes histories of its own."""

    def __init__(self, name, host, folder, seq, kind):
        super().__init__(name, host, folder)
        self.folder, self.seq, self.kind, self.born = folder, seq, kind, 0
        self.words, self.stdout, self.reports = None, None, []

    def start(self):
        prefix = self.folder / f"{self.seq}.{self.kind}.{self.name}-{self.born}"
        self.born += 1
        words, how = self.host.words(list(map(str, self.words(prefix))))
        with open(self.log_path, "ab") as log:
            child = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                     stderr=log, **how)
        self.process = Child(child)
        self.expected = self.paused = False

    def end(self):
        """Ends it cleanly and keeps what it reports."""
        self.expected = True
        self.process.child.terminate()
        try:
            text = self.process.child.communicate(timeout=30)[0].decode()
        except subprocess.TimeoutExpired:
            self.process.child.kill()
            text = self.process.child.communicate()[0].decode()
        self.reports += [json.loads(line) for line in text.splitlines() if line.startswith("{")]
        return self.process.child.returncode

    def kill(self):
        super().kill()
        self.process.child.stdout.close()

    def drawn(self):
        """Bytes of history so far, of all its lives."""
        return sum(path.stat().st_size
                   for path in self.folder.glob(f"{self.seq}.{self.kind}.{self.name}-*.*"))


class Child:
    """As servers.Process, of one that Popen started."""

    def __init__(self, child):
        self.child = child

    def send(self, number):
        if self.child.poll() is None:
            self.child.send_signal(number)


class Fleet:
    """All of it, on one store."""

    def __init__(self, network, store, folder):
        self.network, self.store, self.folder = network, store, folder
        self.pawlds = {name: Pawld(name, network[name], folder) for name in SERVERS}
        self.clients = {}
        self.histories = folder / "histories"
        self.histories.mkdir()

    def begin(self):
        self.store.begin(self.pawlds)
        for pawld in self.pawlds.values():
            pawld.start()
            wait_until(pawld.answers, f"{pawld.name} answers, see {pawld.log_path}", BEGIN_S)
        for name, (how, _) in SEQUENCES.items():
            done = pawl("create", name, *how, url=self.pawlds["p0"].url)
            assert done.returncode == 0, done.stderr
        self._add_clients()
        for client in self.clients.values():
            client.start()
        for client in self.clients.values():
            wait_until(client.drawn, f"{client.name} draws, see {client.log_path}", BEGIN_S)

    def _add_clients(self):
        urls = [pawld.url.removeprefix("pawl://") for pawld in self.pawlds.values()]
        there, back = "pawl://" + ",".join(urls), "pawl://" + ",".join(urls[::-1])
        self._add_taker("pod0 app0 orders libpawl", there, "3 3000 mixed")
        self._add_taker("pod1 app1 orders libpawl", back, "3 2000 mixed")
        self._add_taker("bill app1 bills libpawl", there, "2 500 next")
        self._add_taker("desk app0 tickets libpawl", there, "1 20 timed")
        if self.store.shared:
            url = self.store.url + ("&" if "?" in self.store.url else "?")
            self._add_taker("thick app1 orders direct", f"{url}guard={self.folder}/thick-data",
                            "2 500 next")
        self._add_wire("redis app2 orders resp", "300 next")
        self._add_wire("till app2 tickets resp", "10 timed")
        self._add_wire("psql app2 orders postgres", "100 next")

    def _add_taker(self, who, url, how):
        """how: threads, ids per second, and by what calls."""
        client = self._add(*who.split())
        client.words = lambda prefix: [BUILD / "test/chaos/taker", url, client.seq, prefix,
                                       *how.split(), RIDE_MS, REFILL_MS, DEADLINE_MS]

    def _add_wire(self, who, how):
        """how: ids per second of each connection, and by what calls."""
        client = self._add(*who.split())
        at = [f"{pawld.host.address}:{pawld.ports[client.kind == 'postgres']}"
              for pawld in self.pawlds.values()]
        client.words = lambda prefix: [sys.executable, HERE / "wires.py", client.kind, client.seq,
                                       prefix, *how.split(), *at]

    def _add(self, name, app, seq, kind):
        self.clients[name] = Client(name, self.network[app], self.histories, seq, kind)
        return self.clients[name]

    def daemons(self):
        return [*self.pawlds.values(), *self.clients.values()]

    def crashed(self):
        """Of the processes that nobody ended: how they did."""
        return [f"{one.name} ended with {one.crashed()}, see {one.log_path}"
                for one in self.daemons() if one.crashed() is not None]

    def calm(self, limit_s):
        """All that was done to them is over; returns once everybody is served again."""
        self.network.calm()
        for pawld in self.pawlds.values():
            wait_until(pawld.answers, f"{pawld.name} answers again, see {pawld.log_path}", limit_s)
        before = {client: client.drawn() for client in self.clients.values()}
        for client, bytes_before in before.items():
            wait_until(lambda client=client, was=bytes_before: client.drawn() > was,
                       f"{client.name} is served again, see {client.log_path}", limit_s)

    def end(self):
        """Ends everything; returns what did not end well."""
        wrong = []
        for client in self.clients.values():
            if client.process is None:
                continue
            code = client.end()
            if code != 0:
                wrong.append(f"{client.name}: {code}, see {client.log_path}")
        for pawld in reversed(self.pawlds.values()):
            if pawld.process is None:
                continue
            code = pawld.stop()
            if code != 0:
                wrong.append(f"{pawld.name}: {code}, see {pawld.log_path}")
        self.store.end()
        return wrong

    def kill(self):
        """After a failure: nobody lives on."""
        for one in self.daemons():
            if one.process is not None and one.process.child.poll() is None:
                one.process.child.kill()
                one.process.child.wait(10)
        self.store.end()

    def verify(self):
        """sequence -> what `pawl verify` says of it, and whether it is good."""
        told = {}
        for name, (_, rules) in SEQUENCES.items():
            files = sorted(path for path in self.histories.glob(f"{name}.*")
                           if path.suffix in (".i64", ".ids"))
            done = pawl("verify", *rules, *files, limit_s=300)
            told[name] = (done.returncode == 0, (done.stdout + done.stderr).strip())
        return told

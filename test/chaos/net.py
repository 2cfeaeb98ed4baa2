# SPDX-License-Identifier: Apache-2.0
"""Hosts that are network namespaces, and a network between them that fails as it is told.

enter() starts the program anew in namespaces of its own (mounts, processes, network), where the
hosts are made by `ip netns`. All of that ends with it, whatever it dies of: the kernel sees to it.
Root is not needed where users may make namespaces. Where nobody may, everything runs on addresses
of the loopback instead, and has no network to fail: Network.whole is false.
"""
import os
import pathlib
import pwd
import shutil
import signal
import subprocess
import sys
import tempfile

from live import BUILD

INSIDE, FOLDER = "PAWL_CHAOS_INSIDE", "PAWL_CHAOS_FOLDER"
OWN = ["--mount", "--net", "--pid", "--fork", "--kill-child", "--mount-proc", "--propagation",
       "private"]
SUBNET = "198.18.0"  # of the range that is kept for testing networks
LOOPBACK_SUBNET = "127.0.77"
DEVICE = "net0"
MTU = 9000
TESTER = "tester"


def enter():
    """Returns in namespaces of this program's own, if it may have some. Outside of them it only
    waits for that, and ends as it did."""
    if INSIDE in os.environ:
        if os.environ[INSIDE] == "yes":
            run("mount", "-t", "tmpfs", "tmpfs", "/run")  # nothing of it is left outside
            os.mkdir("/run/netns")
            run("ip", "link", "set", "lo", "up")
        return
    unshare = ["unshare", *(["--user", "--map-root-user"] if os.getuid() != 0 else []), *OWN]
    may = subprocess.run([*unshare, "mount", "-t", "tmpfs", "tmpfs", "/run"], check=False,
                         capture_output=True)
    if may.returncode != 0:
        print(f"no namespaces here: {may.stderr.decode().strip()}", flush=True)
        unshare = []
    folder = tempfile.mkdtemp(prefix="pawl-chaos-")
    env = dict(os.environ, **{INSIDE: "yes" if may.returncode == 0 else "no", FOLDER: folder})
    inside = subprocess.Popen(["setpriv", "--pdeathsig", "KILL", *unshare, sys.executable,
                               *sys.argv], env=env)
    for number in (signal.SIGTERM, signal.SIGHUP):  # unshare would not hear them
        signal.signal(number, lambda *_: inside.kill())
    signal.signal(signal.SIGINT, lambda *_: None)  # a terminal sends it to those inside as well
    code = inside.wait()
    if code < 0:
        shutil.rmtree(folder, ignore_errors=True)
    sys.exit(1 if code < 0 else code)


def run(*words):
    done = subprocess.run(list(map(str, words)), text=True, check=False, stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    if done.returncode != 0:
        raise OSError(f"{' '.join(map(str, words))}: {done.stdout.strip()}")
    return done.stdout


class Host:
    """Where processes run: as servers.LOOPBACK."""

    def __init__(self, name, number, whole):
        self.name, self.number, self.whole = name, number, whole
        self.address = f"{SUBNET if whole else LOOPBACK_SUBNET}.{number}"

    def words(self, words, user=None):
        if not self.whole:
            return words, {} if user is None else {"user": user, "group": user,
                                                   "extra_groups": []}
        enter_it = ["nsenter", f"--net=/run/netns/{self.name}"]
        if user is not None:
            entry = pwd.getpwnam(user)
            enter_it += ["--setgid", str(entry.pw_gid), "--setuid", str(entry.pw_uid)]
        return [*enter_it, *words], {}


class Network:
    """names: the hosts' besides the tester's own, which reaches everybody at all times."""

    def __init__(self, names, seed):
        self.names = [TESTER, *names]
        self.switch = None
        self.effects = {}  # token -> (pairs, loss, delay, jitter)
        self.whole = os.environ.get(INSIDE) == "yes" and self._begin(seed)
        self.hosts = {name: Host(name, i + 1, self.whole) for i, name in enumerate(self.names)}
        if self.whole:
            self._connect()

    def _begin(self, seed):
        for name in self.names[1:]:
            run("ip", "netns", "add", name)
        paths = ["/proc/self/ns/net", *(f"/run/netns/{name}" for name in self.names[1:])]
        self.switch = subprocess.Popen(
            [str(BUILD / "test/chaos/switch"), DEVICE, str(seed % (1 << 63)), *paths],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            bufsize=1, start_new_session=True)
        if self.switch.stdout.readline() == "ok\n":
            return True
        print(f"no network between namespaces here: {self.switch.stderr.read().strip()}")
        self.end()
        return False

    def _connect(self):
        for host in self.hosts.values():
            inside = [] if host.name == TESTER else ["-n", host.name]
            run("ip", *inside, "address", "add", f"{host.address}/24", "dev", DEVICE)
            run("ip", *inside, "link", "set", DEVICE, "mtu", MTU, "up")
            run("ip", *inside, "link", "set", "lo", "up")

    def __getitem__(self, name):
        return self.hosts[name]

    def say(self, *words):
        self.switch.stdin.write(" ".join(map(str, words)) + "\n")
        answer = self.switch.stdout.readline().split()
        assert answer[:1] == ["ok"], f"switch: {words}: {answer}"
        return [int(word) for word in answer[1:]]

    def count(self):
        """Packets that passed, and lost ones."""
        return self.say("count") if self.whole else [0, 0]

    def address_moves(self, last, host):
        """Who has the address that ends in .last, from now on."""
        if self.whole:
            self.say("alias", last, host.number)

    # Effects add up: the worst of those that hold for a pair is what it suffers.

    def disturb(self, token, pairs, loss=0.0, delay_ms=0, jitter_ms=0):
        """pairs: (from, to), names. loss 1: a partition, in that direction."""
        self.effects[token] = (set(pairs), loss, delay_ms, jitter_ms)
        self._apply(pairs)

    def calm(self, token=None):
        tokens = list(self.effects) if token is None else [token]
        for one in tokens:
            pairs = self.effects.pop(one, (set(),))[0]
            self._apply(pairs)

    def _apply(self, pairs):
        for a, b in pairs if self.whole else ():
            worst = [0.0, 0, 0]
            for held, *effect in self.effects.values():
                if (a, b) in held:
                    worst = list(map(max, worst, effect))
            self.say("rule", self.hosts[a].number, self.hosts[b].number, round(worst[0] * 1000),
                     worst[1] * 1000, worst[2] * 1000)

    def end(self):
        """Ends the switch, and removes the hosts: nothing of theirs may run any more."""
        if self.switch is not None:
            self.switch.stdin.close()
            self.switch.wait(10)
            self.switch = None
            for name in self.names[1:]:
                run("ip", "netns", "delete", name)


def small_disk(path, mebibytes):
    """A file system of its own there; False: nobody may mount here."""
    os.makedirs(path, exist_ok=True)
    try:
        run("mount", "-t", "tmpfs", "-o", f"size={mebibytes}m", "tmpfs", path)
    except OSError:
        return False
    return True


def fill(path):
    """Writes until nothing fits any more; returns the file to remove."""
    filler = pathlib.Path(path) / "filler"
    with open(filler, "wb", buffering=0) as file:
        try:
            while True:
                if file.write(b"\0" * 4096) < 4096:
                    break
        except OSError:
            pass
    assert shutil.disk_usage(path).free < 4096 * 4
    return filler

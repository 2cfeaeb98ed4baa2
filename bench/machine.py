# SPDX-License-Identifier: Apache-2.0
"""The machine's facts, and how busy others keep it while a bench runs."""
import json
import os
import pathlib
import re
import resource
import subprocess
import time

from part import program

BUSY_FIELDS = (0, 1, 2, 5, 6)  # of /proc/stat's first line: user, nice, system, irq, softirq


def said(pattern, *command):
    """What the command says of its version; "not there" if it is not."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except OSError:
        return "not there"
    found = re.search(pattern, done.stdout + done.stderr)
    return found[1] if found else "?"


def facts(args):
    cpu = re.search(r"model name\s*: (.*)", pathlib.Path("/proc/cpuinfo").read_text())
    pages = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    done = subprocess.run([program(args, "machine_bench")], capture_output=True, text=True,
                          check=True)
    return {"processor": f"{cpu[1] if cpu else '?'}, {os.cpu_count()} cores, "
                         f"{round(pages / 2**30)} GiB",
            "kernel": "Linux " + os.uname().release.split("-")[0],
            "compiler": said(r"(.*)\n", "gcc", "--version"),
            "Redis": said(r"v=(\S+)", "redis-server", "--version"),
            "PostgreSQL": said(r"\) (\S+)", "/usr/lib/postgresql/15/bin/postgres", "--version"),
            "Java": said(r'version "(\S+)"', "java", "-version"),
            **json.loads(done.stdout)}


class Watch:
    """What share of the machine others used since it was made. Processes of ours that nobody
    waited for count as others'."""

    def __init__(self):
        self.begun = self.now()

    @staticmethod
    def now():
        fields = pathlib.Path("/proc/stat").read_text().splitlines()[0].split()[1:]
        used = resource.getrusage(resource.RUSAGE_CHILDREN)
        own = resource.getrusage(resource.RUSAGE_SELF)
        return (time.monotonic(),
                sum(int(fields[i]) for i in BUSY_FIELDS) / os.sysconf("SC_CLK_TCK"),
                used.ru_utime + used.ru_stime + own.ru_utime + own.ru_stime)

    def others(self):
        wall, busy, ours = (after - before for after, before in zip(self.now(), self.begun))
        share = (busy - ours) / (wall * os.cpu_count())
        return min(1.0, max(0.0, share))  # the kernel counts in ticks

# SPDX-License-Identifier: Apache-2.0
"""A program under test, with its output in a file of the room."""

import glob
import os
import re
import shutil
import signal
import subprocess
import time

from . import namespace

# Where programs of another architecture lie with their libraries (tests/arm64): the
# servers are run from there, if it is set. The emulator goes by the variable.
ROOT = os.environ.get("QEMU_LD_PREFIX", "")
# Servers that go before Debian's (tests/e2e/run --musl) lie in DNSTAPSHIM_SERVERS.
PATH = ":".join(filter(None, [
    os.environ.get("DNSTAPSHIM_SERVERS"), "/usr/local/sbin:/usr/sbin:/sbin:/usr/bin:/bin"]))
ENVIRONMENT = {"PATH": PATH, **({"QEMU_LD_PREFIX": ROOT} if ROOT else {})}
PATIENCE = 150  # seconds that anything may take before it counts as hung: on a
# machine with ten times as much to do as it can, everything takes ten times as long


class LeftOut(Exception):
    """A test that what this distribution has is not fit for."""


def until(condition, what, patience=PATIENCE):
    """Waits for a condition that has no event to wait for. Returns it."""
    deadline = time.monotonic() + patience
    while not (result := condition()):
        assert time.monotonic() < deadline, f"{what}: not within {patience} s"
        time.sleep(0.002)
    return result


def program(name):
    """A copy of a Debian program in the room: the same bytes under a path that
    no AppArmor profile confines to the directories of its service."""
    found = shutil.which(name, path=":".join(
        ROOT + directory for directory in PATH.split(":")))
    assert found, f"{name} is not installed: run tests/setup check"
    copy = f"{namespace.ROOM}/{os.path.basename(name)}"
    if not os.path.exists(copy):
        shutil.copy2(found, copy)
    return copy


class Process:
    def __init__(self, arguments, name=None, environment=None):
        self.name = name or os.path.basename(arguments[0])
        self.log = f"{namespace.ROOM}/{self.name}.log"
        with open(self.log, "ab") as log:
            self.child = subprocess.Popen(
                arguments, cwd=namespace.ROOM, stdin=subprocess.DEVNULL,
                stdout=log, stderr=log, start_new_session=True,
                env={**ENVIRONMENT, "LC_ALL": "C", **(environment or {})})

    def alive(self):
        code = self.child.poll()
        assert code is None, f"{self.name} ended with {code}:\n{self.output()}"
        return True

    def output(self):
        with open(self.log, errors="replace") as log:
            return log.read()

    def send(self, number):
        self.child.send_signal(number)

    def session(self):
        """What runs of it and of its children that have not left its session."""
        for path in glob.glob("/proc/[0-9]*/stat"):
            after = read(path).rpartition(")")[2].split()  # state, parent, group, session
            if after and after[0] not in "ZX" and int(after[3]) == self.child.pid:
                yield int(path.split("/")[2])

    def stop(self, number=signal.SIGTERM):
        """Ends it and returns the seconds that it took."""
        self.alive()
        self.child.send_signal(number)
        return self.wait()

    def wait(self, status=None):
        """Awaits its end, with this exit status (-N: by signal N; None: any).
        Returns the seconds that it took."""
        began = time.monotonic()
        try:
            self.code = self.child.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"{self.name} does not end:\n{self.output()}")
        assert status in (None, self.code), f"{self.name}: {self.code}:\n{self.output()}"
        return time.monotonic() - began


def read(path):
    try:
        with open(path, errors="replace") as file:
            return file.read()
    except (OSError, ProcessLookupError):
        return ""


def scenery():
    """What runs, and where each thread of it waits in the kernel; a program that has
    ended and was not awaited shows as (zombie). And the UDP sockets."""
    lines = []
    for task in sorted(glob.glob("/proc/[0-9]*/task/[0-9]*")):
        state = re.search(r"^State:\s*(.*)", read(f"{task}/status"), re.M)
        lines.append(" ".join([
            task.removeprefix("/proc/").replace("/task", ""),
            read(f"{task}/comm").strip(), state.group(1) if state else "gone",
            read(f"{task}/wchan"), read(f"{task}/syscall").partition(" ")[0].strip()]))
    return "\n".join([*lines, read("/proc/net/udp"), read("/proc/net/udp6")])

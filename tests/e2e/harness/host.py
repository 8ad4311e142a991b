# SPDX-License-Identifier: Apache-2.0
"""The small servers of tests/e2e/host, each of which plays a scene."""

import glob
import os
import pathlib
import re
import subprocess
import time

from . import load, metrics, namespace, oracle, servers
from .collector import Collector, listening
from .process import Process, until
from .wire import Recorder

SOURCES = pathlib.Path(__file__).parents[1] / "host"

# Another one, with what belongs to it, for another architecture (tests/arm64)
# or libc (tests/e2e/run --musl).
CC = os.environ.get("DNSTAPSHIM_CC", "gcc")


def build(name, *flags, cc=CC, to=None):
    """Compiles tests/e2e/host/NAME.c into the room; returns the program."""
    target = f"{namespace.ROOM}/{to or name}"
    os.makedirs(os.path.dirname(target), exist_ok=True)
    subprocess.run(
        [*cc.split(), "-g", "-O1", "-std=gnu11", "-Wall", "-Werror", "-D_GNU_SOURCE",
         f'-DADDRESS="{namespace.SERVER4}"', "-o", target,
         str(SOURCES / f"{name}.c"), *flags, "-pthread"], check=True)
    return target


class Host:
    """A program that plays `scene` with the library preloaded, and what it says
    to its clients and its collector.

    through: a command that starts it (setpriv, softlimit…).
    """

    def __init__(self, program, scene, collector=None, through=(), **settings):
        self.collector = collector or Collector()
        self.wire = Recorder()
        environment = servers.tap_environment(
            f"dnstap {self.collector.endpoint} full", **settings)
        inner = [f"{key}={value}" for key, value in environment.items()]
        self.process = Process([*through, "env", *inner, program, scene],
                               name=f"{os.path.basename(program)}.{scene}")

    def bound(self):
        """Awaits its UDP socket."""
        self._until(lambda: any(row[0] in (namespace.SERVER4, "::")
                                for row in servers.udp_sockets()))

    def udp(self, count):
        """Asks that many queries, all of which must be answered."""
        self.bound()
        load.udp([namespace.SERVER4], count, load.Mix("host", odd=0))

    def listens(self):
        """Awaits its TCP socket."""
        self._until(lambda: listening(53))

    def tcp(self, count, batch=10):
        self.listens()
        load.tcp([namespace.SERVER4], count, load.Mix("host", odd=0), batch)

    def _until(self, bound):
        until(lambda: self.process.alive() and bound(), "the host's socket")

    def end(self, status=0):
        """Awaits the exit status. Returns the seconds it took."""
        took = self.process.wait(status)
        self.wire.quiet(0.1)
        return took

    def facts(self):
        return oracle.facts(self.wire.messages(), [namespace.SERVER4])

    def check(self, orderly=True):
        """The log against the wire, once every process has ended; and what was
        captured, if it writes metrics."""
        if orderly:
            metrics.check(len(self.facts()))
        return oracle.compare(self.facts(), self.collector.taps(orderly)).check()

    def log(self):
        return self.process.output()

    def switches(self):
        """How often the library's threads have gone to sleep."""
        count = 0
        for status in glob.glob(f"/proc/{self.process.child.pid}/task/*/status"):
            with open(status) as text:
                about = text.read()
            if about.startswith("Name:\tdnstapshim\n"):
                count += int(re.search(r"^voluntary.*\t(\d+)", about, re.M)[1])
        return count

    def sleeps(self, seconds):
        """How often they do so in so long a time."""
        before = self.switches()
        time.sleep(seconds)
        return self.switches() - before

# SPDX-License-Identifier: Apache-2.0
"""What an operator does with a process: by the command, or by its socket."""

import json
import os
import socket
import traceback

from . import cli, doh, dot, encrypted, load
from .process import until
from .scene import Scene

NOBODY = 65534


def sockets(pid):
    """The names under which a process serves."""
    with open("/proc/net/unix") as table:
        return [name for name in (line.split()[-1] for line in table)
                if name.startswith(f"@dnstapshim/{pid}/")]


def connect(name):
    peer = socket.socket(socket.AF_UNIX)
    peer.connect("\0" + name[1:])
    return peer


def status(word):
    """What each process of that name says of itself; or of that number, once it can."""
    if isinstance(word, int):
        until(lambda: sockets(word), "its socket")
    return [json.loads(line) for line in
            cli.good("status", "-j", word).splitlines()]


def tell(command, pid):
    """One process, as soon as it can be told."""
    until(lambda: sockets(pid), "its socket")
    return cli.good(command, pid)


def configure(text):
    """What a process reads that has "/mnt/tap.conf" as its configuration."""
    with open("/mnt/tap.conf", "w") as file:
        file.write(text)


def configured(text, name="knotd"):
    """A server that has it in that file, and its number."""
    configure(text)
    scene = Scene(name, "/mnt/tap.conf")
    return scene, scene.server.process.child.pid


def reload(word, text):
    configure(text)
    return cli.good("reload", word)


def accounted(tap):
    """All that it has captured has become something."""
    return tap["captured_total"] == (
        tap["sent_total"] + tap["skipped_total"] + tap["queued"]
        + sum(tap["dropped_total"].values()))


def connects(word):
    """How often its processes have connected, all told."""
    return sum(tap["connects_total"] for one in status(word) for tap in one["taps"])


def logged_truly(verdict):
    """All that is logged was on the wire, and so; of a response whose query was not looked
    at less is known."""
    wrong = [one for one in verdict.wrong
             if one[0] not in ("query_time", "type")
             and one[:3:2] != ("query_address", None)]
    assert not verdict.surplus and not wrong, verdict.text()
    return verdict


def as_nobody(function):
    """Runs it as another user, in a child. Returns its exit status."""
    child = os.fork()
    if child == 0:
        code = 99
        try:
            os.setgroups([])
            os.setresuid(NOBODY, NOBODY, NOBODY)
            code = function()
        except Exception:
            traceback.print_exc()
        finally:
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def steady_load(scene):
    return load.Steady(scene.server.addresses, "control", odd=0 if scene.asks else 10)


def check(scene, collector):
    """The log against the wire."""
    scene.stop(collector)
    return scene.check(collector.taps())


class Everything(load.Steady):
    """A steady load over TLS and HTTPS, too, on a server of harness/encrypted.py. Every
    round has connections of its own, which live for it."""

    def __init__(self, scene):
        super().__init__(scene.server.addresses, "everything",
                         odd=0 if scene.asks else 10)
        self.scene = scene
        self.private = load.Mix("private", odd=0)

    def round(self):
        super().round()
        dot.ask(self.scene, 40, self.private, 4)
        doh.ask(self.scene, 40, f"round {self.rounds}", 4,
                plain=self.scene.name in encrypted.PLAIN_BODIES)

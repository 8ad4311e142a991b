# SPDX-License-Identifier: Apache-2.0
"""Real servers in the background, in a root directory and as a user of their own,
as Debian runs them: complete logs."""

import contextlib
import os
import signal
import subprocess
from dataclasses import replace

from harness import load, servers
from harness.collector import Collector
from harness.each import each
from harness.process import PATIENCE, Process, until
from harness.scene import Scene

QUERIES = 500  # to each address, over UDP; a tenth of that over TCP


class Adopted:
    """The daemon that a process has left behind: an orphan is its child whom
    each test is, process 1."""

    def __init__(self, pid):
        self.pid, self.code = pid, None

    def poll(self):
        if self.code is None:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            self.code = os.waitstatus_to_exitcode(status) if pid else None
        return self.code

    def send_signal(self, number):
        os.kill(self.pid, number)

    def wait(self, patience):
        until(lambda: self.poll() is not None, "the daemon's end", patience)
        return self.code


class Daemon(Process):
    """A process that goes into the background, if it is the one to do so."""

    expected = None

    def __init__(self, arguments, name=None, environment=None):
        super().__init__(arguments, name, environment)
        if name == self.expected:
            assert self.child.wait(PATIENCE) == 0, self.output()
            self.child = Adopted(until(lambda: self._orphan(arguments[0]), name))

    @staticmethod
    def _orphan(program):
        """Whoever of that program's processes is our child, once it serves."""
        found = subprocess.run(["pgrep", "-P", "1"], text=True, capture_output=True)
        for pid in map(int, found.stdout.split()):
            with contextlib.suppress(FileNotFoundError):  # a zombie
                if (os.readlink(f"/proc/{pid}/exe") == program
                        and any(servers.udp_sockets())):
                    return pid
        return None


def variant(name, command, files=(), prepare="", **rest):
    """The server of that name with other words in its files."""
    base = servers.SERVERS[name]
    texts = {}
    for file, text in base.files.items():
        for old, new in files:
            assert old in text, old
            text = text.replace(old, new)
        texts[file] = text
    return replace(base, command=command, files=texts, prepare=prepare, chroot=True,
                   **rest)


DAEMONS = {
    "named": variant(
        "named", "named -u bind -t $room -n 2 -c /named.conf",
        [('"$room"', '"/"')], "chown -R bind ."),
    "nsd": variant(
        "nsd", "nsd -c $room/nsd.conf",
        [('username: ""', "username: nsd\n    zonesdir: $room"), ('chroot: ""', 'chroot: "$room"')],
        "chown -R nsd ."),
    "knotd": variant(
        "knotd", "knotd -d -c $room/knot.conf",
        [("rundir: $room", "rundir: $room\n    user: knot:knot")], "chown -R knot ."),
    "dnsmasq": variant(
        "dnsmasq", servers.SERVERS["dnsmasq"].command.replace(" -k ", " ")
        .replace("-u root", "-u nobody").replace("--pid-file=", "--pid-file=$room/pid")),
}


def scene_of(name, **settings):
    collector = Collector(port=6000)
    servers.Process, Daemon.expected = Daemon, (
        name if settings["variant"] in DAEMONS.values() else None)
    return collector, Scene(name, f"dnstap {collector.endpoint} full", **settings)


def ask(scene, seed):
    load.udp(scene.server.addresses, QUERIES, load.Mix(seed))
    load.tcp(scene.server.addresses, QUERIES // 10, load.Mix(seed, odd=0))


@each(DAEMONS)
def test_complete(name):
    collector, scene = scene_of(name, variant=DAEMONS[name])
    ask(scene, "daemon")
    scene.stop()
    return scene.check(collector.taps())


def test_reload():
    """nsd answers from other processes after a reload."""
    collector, scene = scene_of("nsd", variant=DAEMONS["nsd"])
    ask(scene, "before")
    scene.settle()
    scene.server.process.send(signal.SIGHUP)
    ask(scene, "meanwhile")
    scene.settle()
    ask(scene, "after")
    scene.stop()
    return scene.check(collector.taps())


def test_softlimit():
    """tinydns as daemontools runs it."""
    nobody = {"ROOT": "$room", "IP": "$v4", "UID": "65534", "GID": "65534"}
    limited = replace(servers.SERVERS["tinydns"], environment=nobody,
                      command="softlimit -d 4000000 /usr/sbin/tinydns")
    collector, scene = scene_of("tinydns", variant=limited)
    load.udp(scene.server.addresses, QUERIES, load.Mix("softlimit"))
    scene.stop(collector)
    return scene.check(collector.taps(orderly=False))


def test_valgrind():
    """It finds nothing of ours, neither in dnsmasq nor in its children."""
    command = ("env valgrind --trace-children=yes --leak-check=full --error-exitcode=99 "
               "--errors-for-leak-kinds=definite --show-leak-kinds=definite "
               f"/usr/sbin/{servers.SERVERS['dnsmasq'].command}")
    collector, scene = scene_of("dnsmasq", variant=replace(
        servers.SERVERS["dnsmasq"], command=command, chroot=True))
    load.udp(scene.server.addresses, 100, load.Mix("valgrind"))
    load.tcp(scene.server.addresses, 20, load.Mix("valgrind", odd=0))
    scene.stop()
    assert scene.server.process.code == 0, scene.server.process.output()
    return scene.check(collector.taps())
